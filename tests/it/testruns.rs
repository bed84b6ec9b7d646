//! Test runs: what they answer, what may be assumed, and that nothing of them stays or stands in anybody's way.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::adopting_shops::login;
use crate::loyalty::one_action;
use crate::support::{Shop, connect, edge, node, until};

/// Every row of every table, as text, but for what test runs are noted as.
async fn dump(shop: &Shop) -> String {
    let sql =
        "select format('%I.%I', schemaname, tablename), tablename like 'workflow_executions%' from pg_tables
        where schemaname in ('public', 'auth') order by 1";
    let mut whole = String::new();
    for table in shop.db.query(sql, &[]).await.expect("tables") {
        let (table, noted): (String, bool) = (table.get(0), table.get(1));
        let but = if noted { "where mode <> 'test'" } else { "" };
        let sql = format!("select string_agg(t::text, e'\\n' order by t::text) from {table} t {but}");
        let rows: Option<String> = shop.db.query_one(&sql, &[]).await.expect("rows").get(0);
        whole += &format!("{table}\n{}\n", rows.unwrap_or_default());
    }
    whole
}

fn examples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("workflows-examples");
    let entries = std::fs::read_dir(folder).expect("examples").map(|entry| entry.expect("an entry").path());
    entries.filter(|path| path.is_dir()).collect()
}

/// A folder with a workflow and an event.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn with(workflow: &Value, event: &Value) -> Self {
        let folder = Self(tempfile::tempdir().expect("a folder"));
        folder.write("workflow.json", workflow);
        folder.write("event.json", event);
        folder
    }

    pub fn write(&self, name: &str, value: &Value) -> String {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(&path, value.to_string()).expect("written");
        path.to_string_lossy().into_owned()
    }

    pub fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_string_lossy().into_owned()
    }

    /// Exit code, report, and what was said beside it.
    pub async fn tried(&self, shop: &Shop, more: &[&str]) -> (Option<i32>, Value, String) {
        let (workflow, event) = (self.path("workflow.json"), self.path("event.json"));
        let mut args = vec!["test-run", &workflow, "--event", &event, "--format", "json"];
        args.extend(more);
        let (code, said, warned) = shop.thendo(&args).await;
        (code, serde_json::from_str(&said).unwrap_or(Value::Null), warned)
    }
}

pub fn order(total: i64) -> Value {
    json!({ "type": "order_created", "at": "2026-11-22T10:00:00Z", "data": {
        "order": { "total": total, "currency": "EUR" }, "customer": { "email": "eve@x.example", "name": "Eve" } } })
}

fn step<'r>(report: &'r Value, node: &str) -> &'r Value {
    let steps = report["steps"].as_array().into_iter().flatten();
    steps.into_iter().find(|step| step["node"] == node).unwrap_or_else(|| panic!("{node}: {report:#}"))
}

#[tokio::test]
async fn every_example_answers_what_it_expects_and_leaves_nothing_but_its_note() {
    let shop = Shop::open().await;
    shop.does("insert into auth.users (id, email) values (gen_random_uuid(), 'someone@x.example')").await;
    let all = examples();
    for folder in &all {
        let before = dump(&shop).await;
        let text = |name: &str| folder.join(name).to_string_lossy().into_owned();
        let (workflow, event, expected) = (text("workflow.json"), text("event.json"), text("expected.json"));
        let args = ["test-run", &workflow, "--event", &event, "--expect", &expected];
        let (code, said, warned) = shop.thendo(&args).await;
        assert_eq!(code, Some(0), "{said}{warned}");
        assert!(said.contains("as expected"), "{said}");
        assert_eq!(before, dump(&shop).await, "{folder:?} left something");
    }
    let noted =
        "select count(*) from workflow_executions where mode = 'test' and jsonb_array_length(steps) > 0";
    assert_eq!(shop.number(noted, &[]).await, i64::try_from(all.len()).expect("a few"));
}

#[tokio::test]
async fn results_branches_and_the_clock_may_be_assumed() {
    let shop = Shop::open().await;
    let nodes = json!([
        node("start", "trigger", json!({ "triggerType": "order_created", "config": {} })),
        node(
            "big",
            "condition",
            json!({ "conditionType": "condition", "config": { "expression": "order.total > 100000" } })
        ),
        node(
            "charge",
            "action",
            json!({ "actionType": "http_request", "config": { "url": "https://pay.example/{{ order.id }}" } })
        ),
        node(
            "paid",
            "condition",
            json!({ "conditionType": "condition", "config": { "expression": "steps.charge.status == 200" } })
        ),
        node(
            "sorry",
            "action",
            json!({ "actionType": "send_email", "config": {
            "to": "{{ customer.email }}", "subject": "{{ steps.charge.body.reason }}", "text": "{{ now }}" } })
        ),
        node("late", "action", json!({ "actionType": "add_comment", "config": { "body": "It failed." } })),
    ]);
    let branch = |source: &str, handle: &str, target: &str| {
        let mut edge = edge(source, target);
        edge["sourceHandle"] = handle.into();
        edge
    };
    let edges = [
        edge("start", "big"),
        branch("big", "true", "charge"),
        edge("charge", "paid"),
        branch("paid", "false", "sorry"),
        branch("charge", "error", "late"),
    ];
    let folder = Folder::with(&json!({ "nodes": nodes, "edges": edges }), &order(100));
    let (_, report, _) = folder.tried(&shop, &[]).await;
    assert_eq!(
        (&step(&report, "big")["branch"], &step(&report, "charge")["outcome"]),
        (&json!("false"), &json!("skipped"))
    );
    let declined = "charge={\"status\": 402, \"body\": {\"reason\": \"Declined\"}}";
    let more = ["--branch", "big=true", "--result", declined, "--at", "2027-01-02T03:04:05Z"];
    let (code, report, warned) = folder.tried(&shop, &more).await;
    assert_eq!(code, Some(0), "{report:#} {warned}");
    let deliveries = report["deliveries"].as_array().expect("deliveries");
    assert_eq!(deliveries.len(), 2, "{report:#}");
    assert_eq!((&deliveries[0]["node"], &deliveries[0]["kind"]), (&json!("charge"), &json!("http")));
    assert_eq!(deliveries[1]["subject"], "Declined");
    assert!(deliveries[1]["text"].as_str().expect("a text").contains("2027-01-02"), "{report:#}");
    assert!(deliveries[1]["mail_headers"]["Message-ID"].is_string(), "{report:#}");
    // A failure, too.
    let (_, report, _) = folder.tried(&shop, &["--branch", "big=true", "--branch", "charge=error"]).await;
    assert_eq!(step(&report, "charge")["outcome"], "failed");
    assert_eq!(step(&report, "late")["outcome"], "done", "{report:#}");
    // What does not fit is said, all of it.
    let (code, _, said) =
        folder.tried(&shop, &["--branch", "big=maybe", "--branch", "bigg=true", "--result", "big=1"]).await;
    assert_eq!(code, Some(1));
    for words in
        ["`big` can't be left by `maybe`, but by true, false, error", "no node `bigg`", "`big` is no action"]
    {
        assert!(said.contains(words), "{said}");
    }
}

#[tokio::test]
async fn what_is_waited_for_comes_from_a_file_or_its_time_runs_out() {
    let shop = Shop::open().await;
    let mut paid = edge("paid", "thanks");
    paid["sourceHandle"] = "event".into();
    let mut unpaid = edge("paid", "asks");
    unpaid["sourceHandle"] = "timeout".into();
    let nodes = json!([
        node("start", "trigger", json!({ "triggerType": "order_created", "config": {} })),
        node(
            "paid",
            "control",
            json!({ "controlType": "wait_for_event", "config": {
            "event": "order_paid", "timeout": "3d" } })
        ),
        node(
            "thanks",
            "action",
            json!({ "actionType": "add_comment", "config": { "body": "Paid at {{ now }}." } })
        ),
        node(
            "asks",
            "action",
            json!({ "actionType": "add_comment", "config": { "body": "Unpaid at {{ now }}." } })
        ),
    ]);
    let mut event = order(100);
    event["data"]["order"]["id"] = "00000000-0000-7000-8000-00000000000a".into();
    let folder =
        Folder::with(&json!({ "nodes": nodes, "edges": [edge("start", "paid"), paid, unpaid] }), &event);
    let (code, report, said) = folder.tried(&shop, &[]).await;
    assert_eq!(code, Some(0), "{report:#}{said}");
    assert_eq!(step(&report, "asks")["outcome"], "done", "{report:#}");
    assert_eq!(report["timers"][0]["until"], "2026-11-25T10:00:00Z");
    let pays = |at: &str, id: &str| {
        json!({ "type": "order_paid", "at": at, "old": { "payment_status": "unpaid" }, "data": { "order": {
            "id": id, "total": 100, "payment_status": "paid" } } })
    };
    let own = "00000000-0000-7000-8000-00000000000a";
    let file = folder.write("paid.json", &pays("2026-11-23T10:00:00Z", own));
    let (_, report, said) = folder.tried(&shop, &["--awaited", &format!("paid={file}")]).await;
    assert_eq!(step(&report, "thanks")["outcome"], "done", "{report:#}{said}");
    assert_eq!(report["timers"], json!([]));
    // One that comes too late, and one of another order.
    for (at, id) in
        [("2026-11-26T10:00:00Z", own), ("2026-11-23T10:00:00Z", "00000000-0000-7000-8000-00000000000b")]
    {
        let file = folder.write("other.json", &pays(at, id));
        let (_, report, _) = folder.tried(&shop, &["--awaited", &format!("paid={file}")]).await;
        assert_eq!(step(&report, "asks")["outcome"], "done", "{report:#}");
        assert_eq!(report["warnings"].as_array().map(Vec::len), Some(1), "{report:#}");
    }
}

#[tokio::test]
async fn it_tells_which_workflows_would_have_started_and_starts_none() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    let told = one_action(
        "points_balance_reached",
        "send_email",
        json!({ "to": "a@x.example", "subject": "So many", "text": "!" }),
    );
    let mut far = told.clone();
    far["nodes"][0]["data"]["config"]["points"] = 1_000_000.into();
    let mut near = told;
    near["nodes"][0]["data"]["config"]["points"] = 100.into();
    shop.publishes("a hundred", &near).await;
    shop.publishes("a million", &far).await;
    let folder =
        Folder::with(&one_action("order_created", "award_points", json!({ "points": 150 })), &order(100));
    let (code, report, said) = folder.tried(&shop, &[]).await;
    assert_eq!(code, Some(0), "{said}");
    let starts = report["would_start"].as_array().expect("a list");
    assert_eq!(starts.len(), 1, "{report:#}");
    assert_eq!(
        (&starts[0]["workflow"], &starts[0]["event"]),
        (&json!("a hundred"), &json!("points_balance_reached"))
    );
    shop.has_settled().await;
    drop(daemon);
    assert_eq!(shop.number("select count(*) from workflow_executions where mode = 'live'", &[]).await, 0);
}

#[tokio::test]
async fn stored_workflows_run_on_what_was_recorded_on_rows_and_on_samples() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    let live = one_action("order_created", "award_points", json!({ "points": "{{ order.total // 100 }}" }));
    let id = shop.publishes("points", &live).await;
    let order = shop.places_order(700).await;
    shop.has_settled().await;
    drop(daemon);
    let draft = one_action("order_created", "award_points", json!({ "points": 9 }));
    shop.db.execute("update workflows set draft = $2 where id = $1", &[&id, &draft]).await.expect("drawn");
    let event: uuid::Uuid = shop
        .db
        .query_one("select id from workflow_events where table_name = 'orders'", &[])
        .await
        .expect("one")
        .get(0);
    let (event, row) = (event.to_string(), format!("orders:{order}"));
    for (happens, of, points) in [
        (vec!["--event-id", &event], "live", 7),
        (vec!["--event-id", &event], "draft", 9),
        (vec!["--row", &row], "1", 7),
        (vec!["--sample"], "draft", 9),
    ] {
        let mut args = vec!["test-run", "points", "--version", of, "--format", "json"];
        args.extend(&happens);
        let (code, said, warned) = shop.thendo(&args).await;
        assert_eq!(code, Some(0), "{happens:?} {said}{warned}");
        let report: Value = serde_json::from_str(&said).expect("JSON");
        // Done before for real: that is no matter of a test run.
        assert_eq!(
            step(&report, "act")["result"],
            json!({ "points": points, "balance": 7 + points }),
            "{report:#}"
        );
    }
    let missing = "00000000-0000-7000-8000-000000000000";
    for (args, words) in [
        (["--event-id", missing], "there is no event"),
        (["--row", "orders:nothing"], "there is no row `nothing` in `orders`"),
        (["--row", "pages:1"], "does not begin with rows of `pages`"),
    ] {
        let (code, _, said) = shop.thendo(&[&["test-run", "points"][..], &args].concat()).await;
        assert!(code == Some(1) && said.contains(words), "{said}");
    }
    let (code, _, said) = shop.thendo(&["test-run", "points", "--version", "7", "--sample"]).await;
    assert!(code == Some(1) && said.contains("has no version 7"), "{said}");
}

#[tokio::test]
async fn under_somebody_else_s_rights_it_writes_what_they_may_write() {
    let shop = Shop::open().await;
    let why = |report: &Value| step(report, "act")["why"].as_str().expect("why").to_owned();
    let awards =
        Folder::with(&one_action("order_created", "award_points", json!({ "points": 1 })), &order(100));
    let (_, report, said) = awards.tried(&shop, &["--as", "anon"]).await;
    assert_eq!(step(&report, "act")["outcome"], "failed", "{said}");
    assert_eq!(why(&report), "as `anon` it may not: permission denied for table loyalty_ledger");
    let (code, _, said) = awards.tried(&shop, &["--as", "customer"]).await;
    assert!(code == Some(1) && said.contains("has no account"), "{said}");
    // The backend may add lines; balances follow, for it as for the engine.
    let (code, report, said) = awards.tried(&shop, &["--as", "service_role"]).await;
    assert_eq!(
        (code, step(&report, "act")["result"]["balance"].as_i64()),
        (Some(0), Some(1)),
        "{report:#}{said}"
    );

    // Customers don't tag themselves, and admins do; what that starts is told as ever.
    shop.does(
        "insert into auth.users (id) values ('aaaaaaaa-0000-4000-8000-000000000001'), ('aaaaaaaa-0000-4000-8000-000000000002');
         update customers set user_id = 'aaaaaaaa-0000-4000-8000-000000000001';
         insert into user_roles (user_id, role) values ('aaaaaaaa-0000-4000-8000-000000000002', 'admin')",
    )
    .await;
    let listens = json!({ "triggerType": "row_changed", "config": { "table": "customer_tags" } });
    let mail = json!({ "actionType": "send_email", "config": { "to": "a@example.com", "subject": "A tag", "text": "-" } });
    let nodes = [node("start", "trigger", listens), node("act", "action", mail)];
    let daemon = shop.daemon().await;
    shop.publishes("tagged", &json!({ "nodes": nodes, "edges": [edge("start", "act")] })).await;
    drop(daemon);
    let tags = one_action("order_created", "add_tag", json!({ "tag": "vip" }));
    let email: String = shop.db.query_one("select email from customers", &[]).await.expect("one").get(0);
    let mut event = order(100);
    event["data"]["customer"] =
        json!({ "email": email, "id": shop.customer, "user_id": "aaaaaaaa-0000-4000-8000-000000000001" });
    let tags = Folder::with(&tags, &event);
    let (code, report, said) = tags.tried(&shop, &["--as", "customer"]).await;
    assert_eq!(code, Some(1), "{said}");
    let words =
        "as `customer` it may not: new row violates row-level security policy for table \"customer_tags\"";
    assert_eq!(why(&report), words, "{report:#}");
    assert_eq!((&report["changes"], &report["would_start"]), (&json!([]), &json!([])));
    let (code, report, said) = tags.tried(&shop, &["--as", "admin"]).await;
    assert_eq!(code, Some(0), "{report:#}{said}");
    assert_eq!(report["changes"][0]["table"], "customer_tags", "{report:#}");
    assert_eq!(report["would_start"][0]["workflow"], "tagged", "{report:#}");
    assert_eq!(shop.count("customer_tags").await, 0);

    // A row of two columns' key is deleted; whoever does not see it has nothing to delete.
    shop.db
        .execute("insert into customer_tags (customer_id, tag) select id, 'vip' from customers", &[])
        .await
        .expect("a tag");
    let untags = Folder::with(&one_action("order_created", "remove_tag", json!({ "tag": "vip" })), &event);
    let (code, report, said) = untags.tried(&shop, &["--as", "admin"]).await;
    assert_eq!(
        (code, &report["changes"][0]["table"]),
        (Some(0), &json!("customer_tags")),
        "{report:#}{said}"
    );
    let (_, report, _) = untags.tried(&shop, &["--as", "customer"]).await;
    assert_eq!(
        why(&report),
        "as `customer` it may not: no such row of `customer_tags` is there for them to write"
    );

    // What writes no row says nothing about rights.
    let refreshes = Folder::with(&one_action("order_created", "refresh_stats", json!({})), &event);
    let (_, report, said) = refreshes.tried(&shop, &["--as", "customer"]).await;
    assert!(
        report["warnings"][0].as_str().is_some_and(|told| told.contains("`act` wrote no row")),
        "{report:#}{said}"
    );
}

#[tokio::test]
async fn a_line_that_takes_back_another_is_written_whole_and_a_row_of_somebody_else_s_is_not() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    shop.publishes("points", &one_action("order_created", "award_points", json!({ "points": 7 }))).await;
    let order = shop.places_order(700).await;
    shop.has_settled().await;
    drop(daemon);
    let account = "aaaaaaaa-0000-4000-8000-000000000001";
    shop.does(&format!(
        "insert into auth.users (id) values ('{account}'); update customers set user_id = '{account}'"
    ))
    .await;
    let row = format!("orders:{order}");
    let tried = |name: &'static str, who: &'static str| {
        let (shop, row) = (&shop, &row);
        async move {
            let args = ["test-run", name, "--row", row, "--as", who, "--format", "json"];
            let (code, said, warned) = shop.thendo(&args).await;
            let report: Value =
                serde_json::from_str(&said).unwrap_or_else(|fault| panic!("{fault}: {said}{warned}"));
            (code, report)
        }
    };
    let reverses = one_action("order_created", "reverse_points", json!({}));
    shop.writes_workflow("reverses", &reverses).await;
    let (code, report) = tried("reverses", "service_role").await;
    assert_eq!((code, &report["changes"][0]["table"]), (Some(0), &json!("loyalty_ledger")), "{report:#}");
    // Customers see their orders, and write none. Nothing in this workflow reads the customer.
    let writes = one_action("order_created", "update_order_status", json!({ "to": "processing" }));
    shop.writes_workflow("writes", &writes).await;
    let (code, report) = tried("writes", "service_role").await;
    assert_eq!(code, Some(0), "{report:#}");
    assert_eq!(
        (&report["changes"][0]["table"], &report["warnings"]),
        (&json!("orders"), &json!([])),
        "{report:#}"
    );
    let (code, report) = tried("writes", "customer").await;
    let why = step(&report, "act")["why"].as_str().expect("why");
    assert!(code == Some(1) && why.starts_with("as `customer` it may not: "), "{report:#}");
}

#[tokio::test]
async fn a_user_who_may_not_become_somebody_is_told_so() {
    let mut shop = Shop::open().await;
    let order = shop.places_order(700).await;
    shop.writes_workflow("points", &one_action("order_created", "award_points", json!({ "points": 1 })))
        .await;
    let (login, url) = login(&shop, "tester").await;
    shop.does(&format!(
        "grant thendo_engine to {login}; alter role {login} bypassrls;
        grant select, insert on all tables in schema public to {login}"
    ))
    .await;
    let own = std::mem::replace(&mut shop.url, url);
    let args = ["--row", &format!("orders:{order}"), "--as", "anon"];
    let (code, _, said) = shop.thendo(&[&["test-run", "points"][..], &args].concat()).await;
    shop.url = own;
    shop.does(&format!("drop owned by {login}; drop role {login}")).await;
    assert!(code == Some(1) && said.contains("can't act as `anon`") && said.contains("grant anon"), "{said}");
}

#[tokio::test]
async fn nobody_waits_long_for_a_test_run_and_it_waits_long_for_nobody() {
    let shop = Shop::open().await;
    // The shop's own trigger takes its time: each award 0.7 s.
    shop.does(
        "create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(0.7); return new; end $$;
         create trigger slow before insert on loyalty_ledger for each row execute function slow()",
    )
    .await;
    let award =
        |id: &str| node(id, "action", json!({ "actionType": "award_points", "config": { "points": 1 } }));
    let start = node("start", "trigger", json!({ "triggerType": "order_created", "config": {} }));
    let nodes = [start, award("a"), award("b"), award("c"), award("d")];
    let edges = [edge("start", "a"), edge("a", "b"), edge("b", "c"), edge("c", "d")];
    let mut event = order(100);
    event["data"]["customer"] = json!({ "email": "ada@example.com", "id": shop.customer });
    let folder = Folder::with(&json!({ "nodes": nodes, "edges": edges }), &event);
    let other = connect(&shop.url).await;
    let patient =
        "set lock_timeout = 0; insert into loyalty_points (customer_id, balance) select id, 0 from customers";
    other.batch_execute(patient).await.expect("patient");
    let longest = async {
        // Who wants the same balance all the while waits as long as a test run holds it.
        let (mut longest, began) = (Duration::ZERO, Instant::now());
        while began.elapsed() < Duration::from_secs(5) {
            let asked = Instant::now();
            other.batch_execute("update loyalty_points set balance = balance").await.expect("written");
            longest = longest.max(asked.elapsed());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        longest
    };
    let (longest, (code, _, said)) = tokio::join!(longest, folder.tried(&shop, &[]));
    assert!(code == Some(1) && said.contains("rolled back after"), "{said}");
    assert!(longest < Duration::from_secs(2), "{longest:?}");
    // And what somebody holds is waited for a moment, then told.
    shop.does("drop trigger slow on loyalty_ledger").await;
    other.batch_execute("begin; update loyalty_points set balance = balance").await.expect("held");
    let (code, _, said) = folder.tried(&shop, &[]).await;
    assert!(code == Some(1) && said.contains("could not be done"), "{said}");
    other.batch_execute("commit").await.expect("let go");
    assert_eq!(folder.tried(&shop, &[]).await.0, Some(0));
    until("no lock is left", async || {
        shop.number("select count(*) from pg_stat_activity where application_name = 'thendo test run'", &[])
            .await
            == 0
    })
    .await;
}
