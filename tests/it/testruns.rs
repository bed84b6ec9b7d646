//! Test runs: what they answer, what may be assumed, and that nothing of them stays or stands in anybody's way.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

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

pub fn step<'r>(report: &'r Value, node: &str) -> &'r Value {
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
    // What a node went by, as it was at its turn; one whose branch is assumed went by nothing.
    let input = |node: &str| report["inputs"].as_array()?.iter().find(|input| input["node"] == node).cloned();
    assert_eq!(input("paid").expect("read")["values"], json!({ "steps.charge.status": 402 }));
    assert_eq!(input("sorry").expect("read")["values"]["steps.charge.body.reason"], "Declined");
    assert_eq!((input("start"), input("big")), (None, None));
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

#[tokio::test]
async fn an_expectation_that_is_not_met_is_told_and_may_be_written_anew() {
    let shop = Shop::open().await;
    let folder =
        Folder::with(&one_action("order_created", "award_points", json!({ "points": 1 })), &order(100));
    let expected = folder.path("expected.json");
    std::fs::write(&expected, json!({ "outcome": "failed", "changes": [] }).to_string()).expect("written");
    let (workflow, event) = (folder.path("workflow.json"), folder.path("event.json"));
    let tries = ["test-run", &workflow, "--event", &event, "--expect", &expected];
    let (code, out, said) = shop.thendo(&tries).await;
    assert_eq!(code, Some(1), "{out}{said}");
    assert!(format!("{out}{said}").contains("/outcome"), "{out}{said}");
    let (code, ..) = shop.thendo(&[&tries[..], &["--update"]].concat()).await;
    assert_eq!(code, Some(0));
    let written: Value =
        serde_json::from_str(&std::fs::read_to_string(&expected).expect("a file")).expect("JSON");
    assert_eq!(written["outcome"], "succeeded", "{written:#}");
    let (code, _, said) = shop.thendo(&tries).await;
    assert_eq!(code, Some(0), "{said}");
}

#[tokio::test]
async fn mails_are_shown_whole_those_with_html_on_request_in_both_forms() {
    let shop = Shop::open().await;
    shop.does("insert into suppressions (email, reason) values ('eve@x.example', 'bounced')").await;
    let mail = json!({ "to": "{{ customer.email }}", "subject": "Hello", "text": "as text", "html": "<p>as <b>HTML</b></p>" });
    let folder = Folder::with(&one_action("order_created", "send_email", mail), &order(100));
    let (workflow, event) = (folder.path("workflow.json"), folder.path("event.json"));
    let (_, out, said) = shop.thendo(&["test-run", &workflow, "--event", &event]).await;
    assert!(out.contains("Would not send") && out.contains("  as text"), "{out}{said}");
    assert!(out.contains("--html shows them") && !out.contains("<b>HTML</b>"), "{out}");
    let (_, out, _) = shop.thendo(&["test-run", &workflow, "--event", &event, "--html"]).await;
    assert!(out.contains("  as text") && out.contains("<b>HTML</b>"), "{out}");
}
