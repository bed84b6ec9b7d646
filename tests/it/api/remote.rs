//! The command line asks a daemon instead of a database, and says the same.

use serde_json::Value;

use super::{Api, makes_key};
use crate::support::server::thendo;
use crate::support::{mail_on_order, points_and_deposit};

/// Runs the binary on the daemon: exit code, standard output, standard error.
async fn remote(api: &Api, key: Option<&str>, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = thendo();
    command.args(args).env("THENDO_SERVER", &api.daemon.http).stdin(std::process::Stdio::null());
    if let Some(key) = key {
        command.env("THENDO_API_KEY", key);
    }
    let said =
        tokio::task::spawn_blocking(move || command.output().expect("the binary")).await.expect("no panic");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (said.status.code(), text(&said.stdout), text(&said.stderr))
}

#[tokio::test]
async fn a_daemon_says_what_the_database_says() {
    let api = Api::open().await;
    let file = api.shop.folder.path().join("thanks.json");
    std::fs::write(&file, mail_on_order().to_string()).expect("a file");
    let file = file.to_string_lossy().into_owned();
    let (code, out, err) = remote(&api, Some(&api.key), &["workflow", "publish", &file]).await;
    assert_eq!((code, out.contains("thanks: v1 is in force")), (Some(0), true), "{out}{err}");
    api.shop.publishes("points", &points_and_deposit()).await;
    for args in [
        &["workflow", "list"][..],
        &["workflow", "list", "--status", "published", "--limit", "1"],
        &["workflow", "list", "--format", "json"],
        &["workflow", "show", "thanks"],
        &["workflow", "show", "thanks", "--version", "1", "--definition"],
        &["workflow", "show", "thanks", "--format", "json"],
        &["workflow", "show", "thnaks"],
        &["workflow", "show", "thanks", "--version", "7"],
        &["workflow", "diff", "points", &file],
        &["workflow", "diff", "thanks", &file, "--format", "json"],
        &["workflow", "unarchive", "thanks"],
        &["workflow", "resume", "thanks"],
        &["workflow", "pause", "thanks", "--format", "json"],
        &["keys", "list", "--format", "json"],
        &["keys", "revoke", "nobody"],
    ] {
        // The key's last use is noted once a minute.
        let there = remote(&api, Some(&api.key), args).await;
        if args.contains(&"pause") {
            api.shop.thendo(&["workflow", "resume", "thanks"]).await;
        }
        let here = api.shop.thendo(args).await;
        assert_eq!(there, here, "{args:?}");
    }
}

#[tokio::test]
async fn faults_of_drafts_are_told_from_afar() {
    let api = Api::open().await;
    let mut broken = mail_on_order();
    broken["nodes"][1]["data"]["config"]["subject"] = "{{ custmer.name }}".into();
    let sql = "insert into workflows (name, status, definition) values ('broken', 'draft', $1)";
    api.shop.db.execute(sql, &[&broken]).await.expect("a draft");
    let (code, out, err) = remote(&api, Some(&api.key), &["workflow", "publish", "broken"]).await;
    assert_eq!(code, Some(1), "{out}{err}");
    assert!(err.contains("custmer") && err.contains("nothing was published: 1 of 1"), "{out}{err}");
    let (code, out, _) =
        remote(&api, Some(&api.key), &["workflow", "publish", "broken", "--format", "json"]).await;
    let verdicts: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, &verdicts[0]["valid"]), (Some(1), &Value::Bool(false)), "{verdicts}");
}

#[tokio::test]
async fn why_a_daemon_is_not_asked_or_refuses_is_said() {
    let api = Api::open().await;
    let (code, _, err) = remote(&api, None, &["workflow", "list"]).await;
    assert!(code == Some(1) && err.contains("THENDO_API_KEY"), "{err}");
    let reader = makes_key(&api.shop, "reader", &["read"]).await;
    let (code, _, err) = remote(&api, Some(&reader), &["workflow", "pause", "thanks"]).await;
    assert!(code == Some(1) && err.contains("`author`") && err.contains("help"), "{err}");
    let (code, _, err) = remote(&api, Some("thendo_wrong"), &["workflow", "list"]).await;
    assert!(code == Some(1) && err.contains("opens nothing") && !err.contains("thendo_wrong"), "{err}");
    let (code, _, err) = remote(&api, Some(&reader), &["migrate"]).await;
    assert!(code == Some(1) && err.contains("works on a database"), "{err}");
    let (code, _, err) =
        remote(&api, Some(&reader), &["workflow", "list", "--server", "http://shop.example"]).await;
    assert!(code == Some(1) && err.contains("for everyone to read"), "{err}");
    let (code, _, err) =
        remote(&api, Some(&reader), &["workflow", "list", "--server", "http://127.0.0.1:1"]).await;
    assert!(code == Some(1) && err.contains("does not answer"), "{err}");
    let (code, _, err) = remote(&api, Some(&reader), &["keys", "create", "more", "--scope", "admin"]).await;
    assert!(code == Some(1) && err.contains("`admin`"), "{err}");
}
