//! Every command there is: it asks the daemon of `--server`, or says before it does anything why not, or needs neither a
//! database nor a daemon.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::Stdio;

use crate::support::server::thendo;

const ID: &str = "00000000-0000-4000-8000-000000000000";

/// Those that a daemon answers, with what they are told.
const BY_SERVER: &[(&str, &[&str])] = &[
    ("workflow list", &[]),
    ("workflow show", &["x"]),
    ("workflow publish", &["x"]),
    ("workflow start", &["x"]),
    ("workflow pause", &["x"]),
    ("workflow resume", &["x"]),
    ("workflow hold", &["--all"]),
    ("workflow release", &["x", "--discard", "--yes"]),
    ("workflow archive", &["x"]),
    ("workflow unarchive", &["x"]),
    ("workflow restore", &["x", "--version", "1"]),
    ("workflow diff", &["x"]),
    ("workflow import", &["workflows-examples/welcome-points"]),
    ("workflow export", &["x"]),
    ("workflow pull", &["DIR"]),
    ("workflow push", &["workflows-examples"]),
    ("workflow load", &["workflows-examples/welcome-points"]),
    ("executions list", &[]),
    ("executions show", &[ID]),
    ("executions approvals", &[]),
    ("executions approve", &[ID]),
    ("executions refuse", &[ID]),
    ("executions cancel", &[ID, "--yes"]),
    ("executions retry", &[ID, "--yes"]),
    ("undo", &[ID]),
    ("alerts list", &[]),
    ("campaigns list", &[]),
    ("campaigns show", &["x"]),
    ("campaigns pause", &["x"]),
    ("campaigns resume", &["x"]),
    ("campaigns cancel", &["x"]),
    ("customer erase", &["ada@example.com"]),
    ("secrets set", &["stripe"]),
    ("secrets list", &[]),
    ("secrets remove", &["stripe", "--yes"]),
    ("keys create", &["x", "--scope", "read"]),
    ("keys list", &[]),
    ("keys revoke", &["x"]),
    ("sessions list", &[]),
    ("sessions end", &[ID]),
    ("test-run", &["x", "--sample"]),
    ("backtest", &["x", "--since", "1d"]),
    ("events list", &[]),
    ("events show", &[ID]),
    ("events replay", &["--since", "1d"]),
    ("link", &[]),
    ("config show", &[]),
    ("health", &[]),
];

/// Those that stay where the database is, with what they are told and a word of the reason.
const HERE: &[(&str, &[&str], &str)] = &[
    ("up", &[], "daemon itself"),
    ("serve", &[], "daemon itself"),
    ("migrate", &[], "owner"),
    ("attach", &[], "owner"),
    ("detach", &[], "owner"),
    ("url", &[], "private server"),
    ("postgres", &[], "private server"),
    ("demo order", &["--total", "1"], "as its customers do"),
    ("demo seed", &[], "as its customers do"),
    ("tokens rotate", &["--key-id", "k", "--key-file", "k", "--former-key-file", "f"], "the old key"),
    ("secrets rotate", &[], "the old key"),
    ("bounce", &[], "POST /bounces"),
];

/// Those that are about files alone, or about a server that they make and throw away.
const ALONE: &[&str] = &["validate", "catalog", "test"];

fn leaves(command: &clap::Command, path: &str, found: &mut BTreeSet<String>) {
    for inner in command.get_subcommands() {
        let path = format!("{path} {}", inner.get_name()).trim().to_owned();
        if inner.has_subcommands() {
            leaves(inner, &path, found);
        } else {
            found.insert(path);
        }
    }
}

#[test]
fn every_command_is_in_one_of_the_lists() {
    let mut found = BTreeSet::new();
    leaves(&thendo::cli::command(), "", &mut found);
    let listed = BY_SERVER
        .iter()
        .map(|line| line.0)
        .chain(HERE.iter().map(|line| line.0))
        .chain(ALONE.iter().copied());
    let count = listed.clone().count();
    let listed: BTreeSet<String> = listed.map(str::to_owned).collect();
    assert_eq!(listed.len(), count, "a command is in two lists");
    assert_eq!(found, listed, "commands (left) and lists (right)");
}

/// Runs a command with a daemon that is not there.
fn asks(path: &str, args: &[&str]) -> (Option<i32>, String) {
    let dir = tempfile::tempdir().expect("a folder");
    let args = args.iter().map(|arg| if *arg == "DIR" { dir.path().to_str().expect("a path") } else { arg });
    let mut command = thendo();
    command.args(path.split(' ')).args(args).current_dir(env!("CARGO_MANIFEST_DIR"));
    command.env("THENDO_SERVER", "http://127.0.0.1:1").env("THENDO_API_KEY", "thendo_x");
    // Whoever would look for a database all the same finds none.
    command.env("THENDO_DATA_DIR", dir.path().join("none")).env_remove("DATABASE_URL");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary");
    let _unread = child.stdin.take().expect("piped").write_all(b"sk_live_12345678\n");
    let said = child.wait_with_output().expect("ends");
    assert!(!dir.path().join("none").exists(), "`{path}` made a folder");
    (said.status.code(), String::from_utf8_lossy(&said.stderr).into_owned())
}

#[test]
fn those_that_a_daemon_answers_ask_nobody_else() {
    for (path, args) in BY_SERVER {
        let (code, err) = asks(path, args);
        assert!(code == Some(1) && err.contains("http://127.0.0.1:1/ does not answer"), "{path}: {err}");
    }
}

#[test]
fn those_that_stay_here_say_why_and_do_nothing() {
    for (path, args, why) in HERE {
        let (code, err) = asks(path, args);
        assert!(code == Some(1) && err.contains(why) && err.contains("--server"), "{path}: {err}");
    }
}
