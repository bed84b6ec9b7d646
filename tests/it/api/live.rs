//! What changes is told to who watches, and who was away misses nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use super::{Api, is_problem, makes_key};
use crate::support::daemon::Daemon;
use crate::support::{PATIENCE, edge, node};

/// An event as a browser gets it.
#[derive(Debug, Clone)]
struct Event {
    id: String,
    name: String,
    data: Value,
}

/// A stream that is read.
struct Stream {
    answer: reqwest::Response,
    unread: String,
}

impl Stream {
    async fn open(daemon: &Daemon, key: &str, seen: Option<&str>) -> Self {
        let mut request = reqwest::Client::new().get(format!("{}/api/v1/live", daemon.http)).bearer_auth(key);
        if let Some(seen) = seen {
            request = request.header("last-event-id", seen);
        }
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self { answer, unread: String::new() }
    }

    /// The next event; nothing if the stream ended.
    async fn next(&mut self) -> Option<Event> {
        timeout(PATIENCE, self.read()).await.expect("an event in time")
    }

    async fn read(&mut self) -> Option<Event> {
        loop {
            if let Some((event, rest)) = self.unread.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.unread = rest;
                let field = |name: &str| {
                    let line = event.lines().find_map(|line| line.strip_prefix(name));
                    line.map(|value| value.trim().to_owned())
                };
                let Some(name) = field("event:") else { continue };
                let data = serde_json::from_str(&field("data:").expect("data")).expect("JSON");
                return Some(Event { id: field("id:").expect("an id"), name, data });
            }
            let chunk = self.answer.chunk().await.ok()??;
            self.unread.push_str(std::str::from_utf8(&chunk).expect("text"));
        }
    }

    /// Reads until an event of this name tells of this id.
    async fn tells(&mut self, name: &str, id: &str) -> Event {
        loop {
            let event = self.next().await.expect("the stream goes on");
            if event.name == name && ids(&event).contains(id) {
                return event;
            }
        }
    }

    async fn is_anew(&mut self) -> Event {
        let event = self.next().await.expect("an event");
        assert_eq!(event.name, "anew", "{event:?}");
        event
    }
}

fn ids(event: &Event) -> BTreeSet<String> {
    let changed = event.data["changed"].as_array().into_iter().flatten();
    changed.filter_map(|of| Some(of["id"].as_str()?.to_owned())).collect()
}

fn notes() -> Value {
    json!({
        "nodes": [node("start", "trigger", json!({"triggerType": "order_created", "config": {}})),
                  node("note", "control", json!({"controlType": "set", "config": {"vars": {"total": "{{ order.total }}"}}}))],
        "edges": [edge("start", "note")],
    })
}

/// Orders, and waits for the execution: its id.
async fn orders(api: &Api) -> String {
    let order = api.shop.places_order(1000).await;
    let sql = "select x.id::text from workflow_executions x join workflow_events e on e.id = x.event_id
        where e.row_data ->> 'id' = $1";
    let began = std::time::Instant::now();
    loop {
        if let Some(row) = api.shop.db.query_opt(sql, &[&order.to_string()]).await.expect("asked") {
            return row.get(0);
        }
        assert!(began.elapsed() < PATIENCE, "no execution");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn who_watches_is_told_and_who_was_away_misses_nothing() {
    let api = Api::open().await;
    let workflow = api.shop.publishes("notes", &notes()).await;
    let mut stream = Stream::open(&api.daemon, &api.key, None).await;
    stream.is_anew().await;
    let first = orders(&api).await;
    let told = stream.tells("executions", &first).await;
    assert_eq!(told.data["changed"][0]["status"], "succeeded", "{told:?}");
    drop(stream);
    // While nobody looks.
    let (second, third) = (orders(&api).await, orders(&api).await);
    let paused = api.ask("POST", &format!("/workflows/{workflow}/pause"), None).await;
    assert_eq!(paused.status, 200, "{paused:?}");
    let mut again = Stream::open(&api.daemon, &api.key, Some(&told.id)).await;
    let mut missed = BTreeSet::new();
    while !missed.contains(&workflow.to_string()) {
        let event = again.next().await.expect("goes on");
        assert_ne!(event.name, "anew", "nothing was missed");
        missed.extend(ids(&event));
    }
    assert!(missed.contains(&second) && missed.contains(&third) && !missed.contains(&first), "{missed:?}");
    // What is no place, or one of another daemon's, begins anew.
    for seen in ["rubbish", "0123456789ab-1", "", &format!("{}0000", told.id)] {
        Stream::open(&api.daemon, &api.key, Some(seen)).await.is_anew().await;
    }
}

#[tokio::test]
async fn what_other_daemons_do_is_told_too_and_alarms_are() {
    let api = Api::open().await;
    api.shop.publishes("notes", &notes()).await;
    let other = api.shop.daemon().await;
    let mut streams =
        [Stream::open(&api.daemon, &api.key, None).await, Stream::open(&other, &api.key, None).await];
    for stream in &mut streams {
        stream.is_anew().await;
    }
    let mut wanted = BTreeSet::new();
    for _ in 0..10 {
        wanted.insert(orders(&api).await);
    }
    for stream in &mut streams {
        let mut told = BTreeSet::new();
        while !wanted.is_subset(&told) {
            let event = stream.next().await.expect("goes on");
            assert_ne!(event.name, "anew");
            told.extend(ids(&event));
        }
    }
    let sql = "select raise_alert('lag', null, 'late')::text";
    let alarm: String = api.shop.db.query_one(sql, &[]).await.expect("raised").get(0);
    for stream in &mut streams {
        stream.tells("alerts", &alarm).await;
    }
}

#[tokio::test]
async fn after_a_lost_connection_all_is_read_anew() {
    let api = Api::open().await;
    api.shop.publishes("notes", &notes()).await;
    let mut stream = Stream::open(&api.daemon, &api.key, None).await;
    stream.is_anew().await;
    let sql = "select pg_terminate_backend(pid) from pg_stat_activity
        where application_name = 'thendo listener' and datname = current_database()";
    api.shop.db.execute(sql, &[]).await.expect("ended");
    stream.is_anew().await;
    let next = orders(&api).await;
    stream.tells("executions", &next).await;
}

#[tokio::test]
async fn while_nobody_watches_nobody_is_told() {
    let api = Api::open().await;
    api.shop.publishes("notes", &notes()).await;
    let url = secrecy::SecretString::from(api.shop.url.clone());
    let role = thendo::database::role::Role::Login;
    let (client, mut connection) =
        thendo::database::connect::connect(&url, "ears", role).await.expect("a session");
    let (heard, mut hears) = tokio::sync::mpsc::unbounded_channel();
    let ears = tokio::spawn(async move {
        while let Some(Ok(message)) = std::future::poll_fn(|cx| connection.poll_message(cx)).await {
            if let tokio_postgres::AsyncMessage::Notification(note) = message {
                let _ = heard.send(format!("{}: {}", note.channel(), note.payload()));
            }
        }
    });
    client
        .batch_execute("listen thendo_changes; listen thendo_watching; listen ends")
        .await
        .expect("listens");
    // A daemon that has just come is told whether somebody watches; until then it takes it for granted.
    let began = std::time::Instant::now();
    loop {
        orders(&api).await;
        client.batch_execute("notify ends").await.expect("notified");
        let mut quiet = true;
        while let Some(note) = hears.recv().await.filter(|note| !note.starts_with("ends")) {
            assert!(!note.contains("watches"), "{note}");
            quiet = false;
        }
        if quiet {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "it still tells");
    }
    ears.abort();
}

#[tokio::test]
async fn streams_end_with_the_daemon_and_are_counted() {
    let api = Api::open().await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        streams.push(Stream::open(&api.daemon, &api.key, None).await);
    }
    is_problem(&api.ask("GET", "/live", None).await, 503, "too-many-watch");
    // Somebody else has their own.
    let other = makes_key(&api.shop, "other", &["read"]).await;
    streams.insert(0, Stream::open(&api.daemon, &other, None).await);
    // One goes, another comes.
    streams.pop();
    let began = std::time::Instant::now();
    let mut next = api.ask("HEAD", "/live", None).await;
    while next.status != 200 {
        assert!(began.elapsed() < PATIENCE, "{next:?}");
        next = api.ask("HEAD", "/live", None).await;
    }
    let Api { shop: _shop, daemon, .. } = api;
    assert!(tokio::task::spawn_blocking(|| daemon.stops()).await.expect("ended").success());
    for mut stream in streams {
        while stream.next().await.is_some() {}
    }
}

#[tokio::test]
async fn what_others_notify_breaks_no_stream() {
    let api = Api::open().await;
    let workflow = api.shop.writes_workflow("notes", &notes()).await;
    let mut stream = Stream::open(&api.daemon, &api.key, None).await;
    stream.is_anew().await;
    for said in ["", "rubbish", r#"{"topic": "a\nb", "data": {}}"#, r#"{"topic": "executions"}"#, "{}"] {
        api.shop.db.execute("select pg_notify('thendo_changes', $1)", &[&said]).await.expect("notified");
    }
    api.shop.does("update workflows set description = 'seen'").await;
    stream.tells("workflows", &workflow.to_string()).await;
}
