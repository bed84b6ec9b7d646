//! What the API tells of the house itself: schedules, kinds, settings.

use serde_json::{Value, json};

use super::{Api, is_problem, makes_key};
use crate::support::{edge, node};

fn at(cron: &str) -> Value {
    json!({
        "nodes": [
            node("start", "trigger", json!({"triggerType": "schedule", "config": {"cron": cron, "time_zone": "Europe/Vienna"}})),
            node("note", "control", json!({"controlType": "set", "config": {"vars": {"due": "{{ schedule.due_at }}"}}})),
        ],
        "edges": [edge("start", "note")],
    })
}

#[tokio::test]
async fn schedules_are_listed_by_what_starts_next() {
    let api = Api::open().await;
    for (name, cron) in [("yearly", "0 5 1 1 *"), ("soon", "0 5 * * *"), ("monthly", "0 5 1 * *")] {
        api.shop.publishes(name, &at(cron)).await;
    }
    let later =
        "update workflow_schedules s set next_at = w.at from (values ('soon', now() + interval '1 hour'),
        ('monthly', now() + interval '2 hours'), ('yearly', null)) as w (name, at)
        where s.workflow_id = (select id from workflows where workflows.name = w.name)";
    api.shop.does(later).await;
    let (mut path, mut seen) = ("/schedules?limit=1".to_owned(), Vec::new());
    loop {
        let page = api.ask("GET", &path, None).await;
        assert_eq!(page.status, 200, "{page:?}");
        seen.extend(page.body["items"].as_array().expect("items").iter().cloned());
        let Some(next) = page.body["next"].as_str() else { break };
        path = format!("/schedules?limit=1&cursor={next}");
    }
    let names: Vec<&str> = seen.iter().filter_map(|row| row["workflow"].as_str()).collect();
    assert_eq!(names, ["soon", "monthly", "yearly"], "{seen:?}");
    assert_eq!((&seen[0]["config"]["cron"], &seen[2]["next_at"]), (&json!("0 5 * * *"), &Value::Null));
}

#[tokio::test]
async fn kinds_are_those_of_the_command_line() {
    let api = Api::open().await;
    let told = api.ask("GET", "/catalogue", None).await;
    let (_, printed, _) = api.shop.thendo(&["catalog", "--format", "json"]).await;
    assert_eq!((told.status, told.body), (200, serde_json::from_str(&printed).expect("JSON")));
}

#[tokio::test]
async fn settings_are_an_admin_s_and_tell_no_secret() {
    let smtp = ("THENDO_MAIL__SMTP_URL", "smtp://ada:s3cret-word@127.0.0.1:9");
    let jwt = ("THENDO_API__JWT_SECRET", super::callers::SECRET);
    let api = Api::open_with(&[("THENDO_SECRETS__KEY", crate::secrets::KEY), smtp, jwt]).await;
    let told = api.ask("GET", "/settings", None).await;
    let said = told.body.to_string();
    assert!(told.status == 200 && told.body["settings"]["engine"].is_object(), "{told:?}");
    assert!(
        !said.contains("s3cret-word")
            && !said.contains(super::callers::SECRET)
            && !said.contains(crate::secrets::KEY),
        "{said}"
    );
    let others = makes_key(&api.shop, "others", &["read", "author", "operate", "secrets"]).await;
    let shown = format!("Bearer {others}");
    let refused =
        super::ask(&api.daemon.http, "GET", "/api/v1/settings", &[("authorization", &shown)], None).await;
    is_problem(&refused, 403, "no-right");
    let mut command = crate::support::server::thendo();
    command.args(["config", "show"]).env("THENDO_SERVER", &api.daemon.http).env("THENDO_API_KEY", &api.key);
    let there = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("ran");
    let out = String::from_utf8_lossy(&there.stdout);
    assert!(
        there.status.success() && out.contains("engine.batch = ") && !out.contains("s3cret"),
        "{there:?}"
    );
}

#[tokio::test]
async fn health_says_whether_it_works_and_how_things_stand() {
    let api = Api::open().await;
    let other = "insert into workflow_daemons (id, host, pid, version, lock, died_at)
        values (gen_random_uuid(), 'buried.example', 1, '0', 1, now())";
    api.shop.does(other).await;
    api.shop.does("insert into workflow_alerts (kind, message) values ('lag', 'the queue is late')").await;
    api.shop.does("select hold_workflow('00000000-0000-0000-0000-000000000000', 'a test', 'ada')").await;
    let writer = makes_key(&api.shop, "secrets", &["secrets"]).await;
    let shown = format!("Bearer {writer}");
    let refused =
        super::ask(&api.daemon.http, "GET", "/api/v1/health", &[("authorization", &shown)], None).await;
    is_problem(&refused, 403, "no-right");
    let health = api.ask("GET", "/health", None).await;
    assert_eq!((health.status, &health.body["ready"]), (200, &json!(true)), "{health:?}");
    assert_eq!(health.body["figures"]["held"], 1, "{health:?}");
    assert_eq!(health.body["alarms"][0]["message"], "the queue is late", "{health:?}");
    let hosts: Vec<_> =
        health.body["daemons"].as_array().expect("daemons").iter().map(|row| &row["host"]).collect();
    assert!(hosts.len() == 1 && !hosts.contains(&&json!("buried.example")), "{hosts:?}");
    for (args, says) in [(&["health"][..], "ready\n"), (&["health", "--format", "json"], "\"ready\": true")] {
        let mut command = crate::support::server::thendo();
        command.args(args).env("THENDO_SERVER", &api.daemon.http).env("THENDO_API_KEY", &api.key);
        let there =
            tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("ran");
        let out = String::from_utf8_lossy(&there.stdout);
        assert!(
            there.status.success() && out.contains(says) && out.contains("the queue is late"),
            "{there:?}"
        );
    }
}
