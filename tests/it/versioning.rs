//! Versions as people manage them from the command line: published, paused, compared, restored, put aside.

use serde_json::{Value, json};

use crate::support::sink::{Manner, Sink};
use crate::support::{Shop, edge, mail_on_order, node, points_and_deposit, until};

/// order_created → so many points.
fn points(count: i64) -> Value {
    json!({
        "nodes": [
            node("start", "trigger", json!({ "triggerType": "order_created", "config": {} })),
            node("points", "action", json!({ "actionType": "award_points", "config": { "points": count } })),
        ],
        "edges": [edge("start", "points")],
    })
}

fn file(shop: &Shop, name: &str, definition: &Value) -> String {
    let path = shop.folder.path().join(format!("{name}.json"));
    std::fs::write(&path, definition.to_string()).expect("written");
    path.display().to_string()
}

/// What a command answers as JSON; it has to succeed.
async fn answer(shop: &Shop, args: &[&str]) -> Value {
    let args = [args, &["--format", "json"]].concat();
    let (code, out, err) = shop.thendo(&args).await;
    assert_eq!(code, Some(0), "{args:?}: {out}{err}");
    serde_json::from_str(&out).unwrap_or_else(|fault| panic!("{args:?}: {fault}: {out}"))
}

/// What a command says; its exit code has to be this one.
async fn says(shop: &Shop, code: i32, args: &[&str]) -> String {
    let (exit, out, err) = shop.thendo(args).await;
    assert_eq!(exit, Some(code), "{args:?}: {out}{err}");
    format!("{out}{err}")
}

async fn awards(shop: &Shop) -> Vec<i64> {
    let sql = "select coalesce(array_agg(points::bigint order by created_at), '{}') from loyalty_ledger";
    shop.db.query_one(sql, &[]).await.expect("awards").get(0)
}

#[tokio::test]
async fn an_execution_in_flight_keeps_its_version_and_publishing_tells_of_it() {
    let shop = Shop::open().await;
    let sink = Sink::open(Manner::IsBusy(1)).await;
    let settings =
        [("THENDO_MAIL__SMTP_URL", sink.url.as_str()), ("THENDO_DELIVERIES__BACKOFF_MS", "600000")];
    let _daemon = shop.daemon_with(&settings).await;
    let thanks_and = |count: i64| {
        let mut drawn = mail_on_order();
        drawn["nodes"].as_array_mut().expect("nodes").push(node(
            "points",
            "action",
            json!({ "actionType": "award_points", "config": { "points": count } }),
        ));
        drawn["edges"].as_array_mut().expect("edges").push(edge("thanks", "points"));
        drawn
    };
    let first = answer(&shop, &["workflow", "publish", &file(&shop, "thanks", &thanks_and(1))]).await;
    assert_eq!((&first[0]["version"], &first[0]["before"]), (&json!(1), &Value::Null), "{first}");
    shop.places_order(250_00).await;
    until("it rests", || async { shop.count("workflow_waiting").await == 1 }).await;
    let said = says(&shop, 0, &["workflow", "publish", &file(&shop, "thanks", &thanks_and(2))]).await;
    assert!(said.contains("v2 is in force"), "{said}");
    assert!(said.contains("1 execution is in flight on v1 and stays with it"), "{said}");
    shop.places_order(250_00).await;
    until("the later one is done", || async { shop.count("workflow_executions").await == 1 }).await;
    assert_eq!(awards(&shop).await, [2]);
    let shown = answer(&shop, &["workflow", "show", "thanks"]).await;
    assert_eq!(shown["in_flight"], json!([{ "version": 1, "executions": 1 }]), "{shown}");
    // Its mail is tried again, and it goes on as it began.
    let due = "update workflow_deliveries set due_at = now() where status = 'pending'";
    shop.db.execute(due, &[]).await.expect("due");
    shop.has_settled().await;
    assert_eq!(awards(&shop).await, [2, 1]);
    let versions = "select array_agg(version::bigint order by event_at) from workflow_executions";
    let versions: Vec<i64> = shop.db.query_one(versions, &[]).await.expect("executions").get(0);
    assert_eq!(versions, [1, 2]);
}

#[tokio::test]
async fn publishing_needs_no_daemon_and_what_means_the_same_is_no_new_version() {
    let shop = Shop::open().await;
    let path = file(&shop, "points", &points(1));
    answer(&shop, &["workflow", "publish", &path]).await;
    // In force from then on, though nobody runs: a daemon that comes later starts it for this order.
    let order = shop.places_order(100_00).await;
    let mut moved = points(1);
    moved["nodes"][0]["position"] = json!({ "x": 500, "y": 7 });
    let again = answer(&shop, &["workflow", "publish", &file(&shop, "points", &moved)]).await;
    assert_eq!((&again[0]["version"], &again[0]["new"]), (&json!(1), &json!(false)), "{again}");
    assert!(says(&shop, 0, &["workflow", "publish", "points"]).await.contains("in force already"));
    let stored = answer(&shop, &["workflow", "show", "points"]).await;
    assert_eq!(stored["definition"]["nodes"][0]["position"]["x"], 500, "layout is kept");
    assert_eq!((&stored["health"], &stored["status"]), (&json!("valid"), &json!("published")));
    let _daemon = shop.daemon().await;
    shop.has_settled().await;
    assert_eq!(shop.number("select count(*) from loyalty_ledger where order_id = $1", &[&order]).await, 1);
}

#[tokio::test]
async fn a_paused_workflow_starts_nothing_then_or_later_and_resumes_as_it_was() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let id =
        answer(&shop, &["workflow", "publish", &file(&shop, "points", &points(1))]).await[0]["id"].clone();
    shop.places_order(100_00).await;
    shop.has_settled().await;
    let paused = answer(&shop, &["workflow", "pause", id.as_str().expect("an id")]).await;
    assert_eq!((&paused["status"], &paused["before"]), (&json!("paused"), &json!("published")));
    assert!(says(&shop, 0, &["workflow", "pause", "points"]).await.contains("paused already"));
    shop.places_order(100_00).await;
    // Drawn meanwhile: it must not come into force by resuming.
    says(&shop, 1, &["workflow", "import", &file(&shop, "points", &points(9))]).await;
    let folder = shop.folder.path().join("git");
    std::fs::create_dir(&folder).expect("made");
    let folder = folder.display().to_string();
    says(&shop, 0, &["workflow", "pull", &folder]).await;
    let pulled = format!("{folder}/points.json");
    let nine =
        std::fs::read_to_string(&pulled).expect("pulled").replace("\"points\": 1\n", "\"points\": 9\n");
    std::fs::write(&pulled, nine).expect("edited");
    says(&shop, 0, &["workflow", "push", &folder, "--publish"]).await;
    assert_eq!(answer(&shop, &["workflow", "show", "points"]).await["has_draft"], json!(true));
    shop.has_settled().await;
    assert_eq!(awards(&shop).await, [1]);
    let resumed = answer(&shop, &["workflow", "resume", "points"]).await;
    assert_eq!(resumed[0]["version"], 2, "{resumed}");
    shop.places_order(100_00).await;
    shop.has_settled().await;
    assert_eq!(awards(&shop).await, [1, 1], "the order of the pause started nothing");
    assert!(says(&shop, 0, &["workflow", "resume", "points"]).await.contains("not paused"));
    let diff = answer(&shop, &["workflow", "diff", "points"]).await;
    assert_eq!(
        diff["nodes"][0]["fields"],
        json!([{ "path": "config.points", "from": 1, "to": 9 }]),
        "{diff}"
    );
}

#[tokio::test]
async fn a_former_version_is_restored_as_a_draft_and_compared_by_meaning() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    answer(&shop, &["workflow", "publish", &file(&shop, "points", &points(1))]).await;
    answer(&shop, &["workflow", "publish", &file(&shop, "points", &points_and_deposit())]).await;
    let diff = answer(&shop, &["workflow", "diff", "points", "--from", "1", "--to", "2"]).await;
    let nodes = diff["nodes"].as_array().expect("nodes");
    let changes: Vec<_> =
        nodes.iter().map(|c| format!("{} {}", c["change"].as_str().unwrap_or(""), c["node"])).collect();
    assert_eq!(changes, ["changed \"points\"", "added \"big\"", "added \"deposit\""], "{diff}");
    assert_eq!(diff["same"], json!(false));
    let text = says(&shop, 0, &["workflow", "diff", "points", "--from", "1", "--to", "2"]).await;
    for part in [
        "+ node big  condition",
        "~ config.points: 1 → \"{{ order.total // 100 }}\"",
        "+ edge points → deposit",
    ] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    let restored = says(&shop, 0, &["workflow", "restore", "points", "--version", "1"]).await;
    assert!(restored.contains("v1 is the draft"), "{restored}");
    assert_eq!(answer(&shop, &["workflow", "show", "points"]).await["live_version"], 2, "not in force yet");
    shop.places_order(100_00).await;
    shop.has_settled().await;
    assert_eq!(awards(&shop).await, [100], "what runs goes on");
    let back = answer(&shop, &["workflow", "publish", "points"]).await;
    assert_eq!((&back[0]["version"], &back[0]["before"]), (&json!(3), &json!(2)));
    assert_eq!(
        answer(&shop, &["workflow", "diff", "points", "--from", "1", "--to", "3"]).await["same"],
        true
    );
    shop.places_order(100_00).await;
    shop.has_settled().await;
    assert_eq!(awards(&shop).await, [100, 1]);
    // A draft that is nowhere else is not drawn over.
    let draft = "update workflows set draft = $1 where name = 'points'";
    shop.db.execute(draft, &[&points(7)]).await.expect("drawn");
    let refused = says(&shop, 1, &["workflow", "restore", "points", "--version", "2"]).await;
    assert!(refused.contains("in no version") && refused.contains("--force"), "{refused}");
    says(&shop, 0, &["workflow", "restore", "points", "--version", "2", "--force"]).await;
    let unknown = says(&shop, 1, &["workflow", "restore", "points", "--version", "12"]).await;
    assert!(unknown.contains("the last ones are 3, 2, 1"), "{unknown}");
}

#[tokio::test]
async fn the_archive_takes_out_of_force_and_gives_back_drafts() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    answer(&shop, &["workflow", "publish", &file(&shop, "points", &points(1))]).await;
    answer(&shop, &["workflow", "archive", "points"]).await;
    shop.places_order(100_00).await;
    shop.has_settled().await;
    assert_eq!(awards(&shop).await, [0; 0]);
    let refused = says(&shop, 1, &["workflow", "publish", "points"]).await;
    assert!(refused.contains("thendo workflow unarchive points"), "{refused}");
    let refused = says(&shop, 1, &["workflow", "resume", "points"]).await;
    assert!(refused.contains("is archived, not paused"), "{refused}");
    assert_eq!(answer(&shop, &["workflow", "unarchive", "points"]).await["status"], "draft");
    assert_eq!(answer(&shop, &["workflow", "publish", "points"]).await[0]["version"], 2);
    let listed = answer(&shop, &["workflow", "list", "--status", "published"]).await;
    assert_eq!((&listed[0]["name"], &listed[0]["trigger"]), (&json!("points"), &json!("order_created")));
    assert!(says(&shop, 0, &["workflow", "list"]).await.contains("order_created"));
}

#[tokio::test]
async fn of_several_that_are_published_all_are_or_none() {
    let shop = Shop::open().await;
    let good = file(&shop, "good", &points(1));
    let mut drawn = points(1);
    drawn["nodes"][1]["data"]["config"] = json!({ "points": "{{ order.totl }}" });
    let bad = file(&shop, "bad", &drawn);
    let said = says(&shop, 1, &["workflow", "publish", &good, &bad]).await;
    for part in ["unknown-name", "did you mean `total`?", "nothing was published: 1 of 2"] {
        assert!(said.contains(part), "no {part:?} in\n{said}");
    }
    let (code, out, _) = shop.thendo(&["workflow", "publish", &good, &bad, "--format", "json"]).await;
    let verdicts: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, &verdicts[0]["valid"]), (Some(1), &json!(false)), "{verdicts}");
    let unknown = says(&shop, 1, &["workflow", "publish", &good, "god"]).await;
    assert!(unknown.contains("there is no workflow `god`"), "{unknown}");
    assert_eq!(shop.count("workflows").await, 0);
    // A draft may have faults; it is the draft then that is not published.
    let imported = says(&shop, 0, &["workflow", "import", &good, &bad]).await;
    assert!(imported.contains("bad.json can't be published yet"), "{imported}");
    let said = says(&shop, 1, &["workflow", "publish", "good", "bad"]).await;
    assert!(said.contains("unknown-name"), "{said}");
    assert_eq!(shop.number("select count(*) from workflows where status <> 'draft'", &[]).await, 0);
    let near = says(&shop, 1, &["workflow", "publish", "god"]).await;
    assert!(near.contains("did you mean `good`?"), "{near}");
    assert_eq!(
        says(&shop, 2, &["workflow", "publish"]).await.lines().next().map(|l| l.contains("required")),
        Some(true)
    );
    for kept in answer(&shop, &["workflow", "import", &good]).await.as_array().expect("a list") {
        assert_eq!(kept["stored"], "kept");
    }
    let twins = says(
        &shop,
        1,
        &[
            "workflow",
            "import",
            &good,
            &file(&shop, "twin", &{
                let mut twin = points(2);
                twin["name"] = json!("good");
                twin
            }),
        ],
    )
    .await;
    assert!(twins.contains("both called `good`"), "{twins}");
}

#[tokio::test]
async fn a_version_tells_whose_edit_it_is() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    let admin = uuid::Uuid::new_v4();
    shop.db.execute("insert into auth.users (id) values ($1)", &[&admin]).await.expect("an account");
    let claims = format!("{{\"sub\": \"{admin}\", \"role\": \"authenticated\"}}");
    shop.db
        .execute("select set_config('request.jwt.claims', $1, false)", &[&claims])
        .await
        .expect("signed in");
    shop.publishes("points", &points(1)).await;
    let shown = answer(&shop, &["workflow", "show", "points"]).await;
    assert_eq!(shown["versions"][0]["created_by"], json!(admin), "{shown}");
    answer(&shop, &["workflow", "publish", &file(&shop, "points", &points(2))]).await;
    let shown = answer(&shop, &["workflow", "show", "points"]).await;
    assert_eq!(
        (&shown["versions"][0]["number"], &shown["versions"][0]["created_by"]),
        (&json!(2), &Value::Null)
    );
}

#[tokio::test]
async fn what_jsonb_holds_and_we_do_not_stops_no_other_workflow() {
    let shop = Shop::open().await;
    let huge = "insert into workflows (name, definition)
                values ('huge', '{\"nodes\": [], \"edges\": [], \"n\": 1e400}'), ('fine', '{\"nodes\": [], \"edges\": []}')";
    shop.db.batch_execute(huge).await.expect("written");
    assert_eq!(answer(&shop, &["workflow", "list"]).await.as_array().map(Vec::len), Some(2));
    let shown = answer(&shop, &["workflow", "show", "huge"]).await;
    assert_eq!(shown["diagnostics"][0]["code"], "not-json", "{shown}");
    let git = shop.folder.path().join("git").display().to_string();
    let pulled = says(&shop, 1, &["workflow", "pull", &git]).await;
    assert!(pulled.contains("can't be read") && pulled.contains("added"), "{pulled}");
    assert!(shop.folder.path().join("git/fine.json").is_file());
    let refused = says(&shop, 1, &["workflow", "publish", "huge"]).await;
    assert!(refused.contains("the drawing of `huge` can't be read"), "{refused}");
}

#[tokio::test]
async fn many_publish_at_once_beside_daemons_and_every_event_counts_once() {
    let shop = Shop::open().await;
    let (_one, _two) = (shop.daemon().await, shop.daemon().await);
    answer(&shop, &["workflow", "publish", &file(&shop, "points", &points(1))]).await;
    let files: Vec<String> = (2..6)
        .map(|n| {
            let mut drawn = points(n);
            drawn["name"] = json!("points");
            file(&shop, &format!("points-{n}"), &drawn)
        })
        .collect();
    let publishing = async {
        for pair in files.chunks(2) {
            let args = [0, 1].map(|at| ["workflow", "publish", pair[at].as_str()]);
            let (one, other) = tokio::join!(answer(&shop, &args[0]), answer(&shop, &args[1]));
            assert!(one[0]["version"].is_i64() && other[0]["version"].is_i64());
        }
    };
    let ordering = async {
        for _ in 0..40 {
            shop.places_order(100_00).await;
        }
    };
    tokio::join!(publishing, ordering);
    shop.has_settled().await;
    assert_eq!(shop.count("loyalty_ledger").await, 40, "each order meets one version");
    let versions = answer(&shop, &["workflow", "show", "points"]).await["versions"].clone();
    assert_eq!(versions.as_array().map(Vec::len), Some(5), "{versions}");
    let agree = "select count(*) from workflow_executions e join loyalty_ledger l on l.order_id::text =
                 (select row_data ->> 'id' from workflow_events v where v.id = e.event_id)
                 join workflow_versions w on w.workflow_id = e.workflow_id and w.number = e.version
                 where w.definition #>> '{nodes,1,data,config,points}' = l.points::text
                   and e.event_at >= w.active_from and (w.active_to is null or e.event_at < w.active_to)";
    assert_eq!(shop.number(agree, &[]).await, 40, "the version in force at the event's own time");
}

#[tokio::test]
async fn a_broken_edition_of_what_runs_is_shown_and_not_published() {
    let shop = Shop::open().await;
    let _daemon = shop.daemon().await;
    answer(&shop, &["workflow", "publish", &file(&shop, "points", &points(1))]).await;
    let mut bad = points(1);
    bad["nodes"][1]["data"]["config"] = json!({});
    shop.db.execute("update workflows set draft = $1", &[&bad]).await.expect("drawn");
    let shown = says(&shop, 0, &["workflow", "show", "points"]).await;
    assert!(
        shown.contains("missing-field") && shown.contains("in force") && shown.contains("a draft"),
        "{shown}"
    );
    assert!(says(&shop, 1, &["workflow", "publish", "points"]).await.contains("nothing was published"));
    let drawn = says(&shop, 0, &["workflow", "show", "points", "--version", "1", "--definition"]).await;
    assert_eq!(
        serde_json::from_str::<Value>(&drawn).expect("JSON")["nodes"][1]["data"]["config"]["points"],
        1
    );
    let diff = says(&shop, 0, &["workflow", "diff", "points", &file(&shop, "other", &points(3))]).await;
    assert!(diff.contains("config.points: 1 → 3"), "{diff}");
    // Two of one name are told apart by their ids.
    shop.writes_workflow("points", &points(5)).await;
    let several = says(&shop, 1, &["workflow", "pause", "points"]).await;
    assert!(
        several.contains("2 workflows are called `points`") && several.contains("by its id"),
        "{several}"
    );
}
