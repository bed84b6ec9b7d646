//! `thendo up`, as a user meets it: from an empty folder to a page that answers, and to a clean end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

fn folder() -> TempDir {
    let dir = tempfile::Builder::new().prefix("thendo-test-").tempdir_in("/tmp").expect("a folder");
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).expect("opened");
    dir
}

fn thendo(dir: &TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_thendo"));
    command.arg("--data-dir").arg(dir.path().join("data")).current_dir(dir.path());
    command.env_remove("DATABASE_URL").env_remove("THENDO_CONFIG").env_remove("THENDO_LISTEN");
    command
}

/// `thendo up` once it runs: the process, what it said, and its address.
fn up(dir: &TempDir) -> (Child, String, String) {
    let mut command = thendo(dir);
    let mut child =
        command.args(["up", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).spawn().expect("starts");
    let mut said = String::new();
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    for line in &mut lines {
        let line = line.expect("text");
        said.push_str(&line);
        said.push('\n');
        if line.contains("Ctrl-C") {
            break;
        }
    }
    // What it says later must not block it.
    std::thread::spawn(move || lines.for_each(drop));
    let address = said.split("http://").nth(1).and_then(|rest| rest.split('/').next());
    let address = address.unwrap_or_else(|| panic!("no address in {said}")).to_owned();
    (child, said, address)
}

fn end(mut child: Child) -> Option<i32> {
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid")).expect("not 0");
    kill_process(pid, Signal::INT).expect("it lives");
    child.wait().expect("ended").code()
}

fn ask(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("answers");
    write!(stream, "{request} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("read");
    answer
}

#[test]
fn everything_starts_on_one_command_and_ends_on_ctrl_c() {
    let dir = folder();
    let (child, said, address) = up(&dir);
    for part in ["new data in", "0011 orders", "thendo runs", "demo order --total 250.00", "mailbox"] {
        assert!(said.contains(part), "no `{part}` in {said}");
    }
    assert!(ask(&address, "GET /healthz").starts_with("HTTP/1.1 200"));
    assert!(ask(&address, "GET /readyz").starts_with("HTTP/1.1 200"));
    assert!(ask(&address, "GET /metrics").contains("thendo_ready 1"));
    assert!(ask(&address, "GET /nothing").starts_with("HTTP/1.1 404"));
    assert!(ask(&address, "POST /").starts_with("HTTP/1.1 405"));
    let studio = ask(&address, "GET /");
    assert!(studio.contains("<div id=\"root\">") && studio.contains("content-security-policy: "), "{studio}");
    let page = ask(&address, "GET /status");
    assert!(
        page.contains("● Running") && page.contains("content-security-policy: default-src 'none'"),
        "{page}"
    );
    let health =
        thendo(&dir).args(["health", "--url"]).arg(format!("http://{address}")).output().expect("ran");
    assert!(health.status.success());
    let url = thendo(&dir).arg("url").output().expect("ran");
    assert!(String::from_utf8_lossy(&url.stdout).starts_with("postgresql:///thendo?host="));
    let check = thendo(&dir).args(["migrate", "--check"]).output().expect("ran");
    assert!(check.status.success());

    // A second daemon on the same address fails before it touches anything.
    let second = thendo(&dir).args(["up", "--listen", &address]).output().expect("ran");
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(1));
    assert!(said.contains("can't listen on") && said.contains("--listen"), "{said}");

    assert_eq!(end(child), Some(0));
    assert!(!dir.path().join("data/postgres/postmaster.pid").exists(), "the server is stopped");

    let (child, said, _) = up(&dir);
    assert!(said.contains("existing data in") && said.contains("up to date"), "{said}");
    assert_eq!(end(child), Some(0));
}

#[test]
fn the_death_of_the_server_ends_the_daemon_with_its_last_words() {
    let dir = folder();
    let (mut child, _, _) = up(&dir);
    let file = std::fs::read_to_string(dir.path().join("data/postgres/postmaster.pid")).expect("it runs");
    let pid = file.lines().next().and_then(|pid| pid.trim().parse().ok()).and_then(Pid::from_raw);
    kill_process(pid.expect("a pid"), Signal::QUIT).expect("it lives");
    assert_eq!(child.wait().expect("ended").code(), Some(1));
}
