//! The command line asks a daemon instead of a database, and says the same.

use std::io::Write;
use std::process::Stdio;

use serde_json::Value;

use super::{Api, makes_key};
use crate::support::server::thendo;
use crate::support::{mail_on_order, points_and_deposit};

/// Runs the binary on the daemon: exit code, standard output, standard error.
pub async fn remote(api: &Api, key: Option<&str>, args: &[&str]) -> (Option<i32>, String, String) {
    remote_with(api, key, args, "").await
}

/// As [`remote`], with something on standard input.
pub async fn remote_with(
    api: &Api,
    key: Option<&str>,
    args: &[&str],
    input: &str,
) -> (Option<i32>, String, String) {
    let mut command = thendo();
    command.args(args).env("THENDO_SERVER", &api.daemon.http);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Some(key) = key {
        command.env("THENDO_API_KEY", key);
    }
    let mut child = command.spawn().expect("the binary");
    // One that reads nothing may be gone already.
    let _unread = child.stdin.take().expect("piped").write_all(input.as_bytes());
    let said = tokio::task::spawn_blocking(move || child.wait_with_output()).await.expect("no panic");
    let said = said.expect("ends");
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
    for elsewhere in [".", ".."] {
        let (code, _, err) = remote(&api, Some(&api.key), &["keys", "revoke", elsewhere]).await;
        assert!(code == Some(1) && err.contains("name it by its id"), "{err}");
    }
    let (code, _, err) =
        remote(&api, Some(&reader), &["workflow", "list", "--server", "http://shop.example"]).await;
    assert!(code == Some(1) && err.contains("for everyone to read"), "{err}");
    let (code, _, err) =
        remote(&api, Some(&reader), &["workflow", "list", "--server", "http://127.0.0.1:1"]).await;
    assert!(code == Some(1) && err.contains("does not answer"), "{err}");
    let (code, _, err) = remote(&api, Some(&reader), &["keys", "create", "more", "--scope", "admin"]).await;
    assert!(code == Some(1) && err.contains("`admin`"), "{err}");
}

#[tokio::test]
async fn secrets_are_stored_listed_and_removed_from_afar() {
    let api = Api::open_with(&[("THENDO_SECRETS__KEY", crate::secrets::KEY)]).await;
    let key = Some(api.key.as_str());
    let (code, out, err) = remote_with(&api, key, &["secrets", "set", "stripe"], "sk_live_12345678\n").await;
    assert!(code == Some(0) && out.contains("`stripe` is stored"), "{out}{err}");
    let (code, _, err) = remote_with(&api, key, &["secrets", "set", "stripe"], "short").await;
    assert!(code == Some(1) && err.contains("8 to 16384 bytes"), "{err}");
    for (args, says) in [
        (&["secrets", "list"][..], "● stripe"),
        (&["secrets", "list", "--format", "json"], "\"opens\": true"),
        (&["secrets", "remove", "stripe", "--yes"], "`stripe` is removed"),
        (&["secrets", "list"], "no secrets are stored"),
    ] {
        let (code, out, err) = remote(&api, key, args).await;
        assert!(code == Some(0) && out.contains(says), "{args:?}: {out}{err}");
    }
    let (code, _, err) = remote(&api, key, &["secrets", "remove", "stripe", "--yes"]).await;
    assert!(code == Some(1) && err.contains("no such secret"), "{err}");
    let reader = makes_key(&api.shop, "reader", &["read", "author"]).await;
    let (code, _, err) = remote(&api, Some(&reader), &["secrets", "list"]).await;
    assert!(code == Some(1) && err.contains("`secrets`"), "{err}");
}

#[tokio::test]
async fn campaigns_are_told_from_afar_what_they_are_told_here() {
    let api = Api::open().await;
    api.shop
        .does(
            "insert into email_templates (name, subject, text) values ('back', 'Back', 'It is back');
             insert into waitlist_campaigns (name, template_id, status, scheduled_at)
                 select 'Later', id, 'scheduled', now() + interval '1 day' from email_templates",
        )
        .await;
    let key = Some(api.key.as_str());
    for args in [
        &["campaigns", "list"][..],
        &["campaigns", "list", "--format", "json"],
        &["campaigns", "show", "Later"],
        &["campaigns", "show", "Later", "--format", "json"],
        &["campaigns", "show", "Sooner"],
        &["campaigns", "resume", "Later"],
    ] {
        assert_eq!(remote(&api, key, args).await, api.shop.thendo(args).await, "{args:?}");
    }
    let (code, out, err) = remote(&api, key, &["campaigns", "pause", "Later"]).await;
    assert!(code == Some(0) && out.contains("Later paused"), "{out}{err}");
    let (code, out, err) = remote(&api, key, &["campaigns", "cancel", "Later"]).await;
    assert!(code == Some(0) && out.contains("Later cancelled"), "{out}{err}");
}
