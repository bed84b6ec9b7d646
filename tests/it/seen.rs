//! Seen from outside: what `/metrics` and the log say, and what the log never says.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use thendo::engine::figures::list::{FIGURES, Form};

use crate::support::sink::{Manner, Sink};
use crate::support::{Shop, edge, mail_on_order, node, points_and_deposit, until};

/// What was scraped: form by family, and value by series.
#[derive(Default)]
struct Scraped {
    forms: BTreeMap<String, String>,
    samples: BTreeMap<(String, BTreeMap<String, String>), f64>,
}

impl Scraped {
    /// Reads the text format strictly: whatever is not exactly as it should be fails.
    fn read(text: &str) -> Self {
        let mut found = Self::default();
        let mut helped = BTreeSet::new();
        assert!(text.ends_with('\n'));
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, words) = help.split_once(' ').expect("a help");
                assert!(!words.is_empty() && helped.insert(name.to_owned()), "{line}");
            } else if let Some(form) = line.strip_prefix("# TYPE ") {
                let (name, form) = form.split_once(' ').expect("a type");
                assert!(["counter", "gauge", "histogram"].contains(&form), "{line}");
                assert!(found.forms.insert(name.into(), form.into()).is_none(), "twice: {line}");
            } else {
                let (series, value) = line.rsplit_once(' ').expect("a value");
                let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
                let (name, labels) = match series.split_once('{') {
                    Some((name, labels)) => (name, labels.strip_suffix('}').expect("closed")),
                    None => (series, ""),
                };
                let labels = labels.split(',').filter(|label| !label.is_empty()).map(|label| {
                    let (name, value) = label.split_once('=').expect("a label");
                    let value = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).expect("quoted");
                    assert!(!value.contains(['"', '\\']), "{line}");
                    (name.to_owned(), value.to_owned())
                });
                let series = (name.to_owned(), labels.collect());
                let family = found.family(name).unwrap_or_else(|| panic!("untyped: {line}"));
                assert!(helped.contains(&family), "without help: {line}");
                assert!(found.samples.insert(series, value).is_none(), "twice: {line}");
            }
        }
        found
    }

    fn family(&self, name: &str) -> Option<String> {
        let of_histogram = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        let of_histogram = of_histogram.filter(|of| self.forms.get(*of).is_some_and(|f| f == "histogram"));
        of_histogram.or(self.forms.contains_key(name).then_some(name)).map(str::to_owned)
    }

    /// All series of this name with these labels, added up.
    fn sum(&self, name: &str, with: &[(&str, &str)]) -> f64 {
        let has = |labels: &BTreeMap<String, String>| {
            with.iter().all(|(k, v)| labels.get(*k).is_some_and(|l| l == v))
        };
        self.samples
            .iter()
            .filter(|((of, labels), _)| of == name && has(labels))
            .map(|(_, value)| value)
            .sum()
    }
}

#[tokio::test]
async fn figures_are_well_formed_complete_and_agree_with_the_database() {
    let shop = Shop::open().await;
    // One that refuses the mailbox would be asked once only.
    let sink = Sink::open(Manner::Dislikes).await;
    let daemon = shop.daemon_with(&[("THENDO_MAIL__SMTP_URL", &sink.url)]).await;
    shop.publishes("points", &points_and_deposit()).await;
    let mail = shop.publishes("mail", &mail_on_order()).await;
    for _ in 0..14 {
        shop.places_order(250_00).await;
    }
    shop.has_settled().await;
    let scraped = async || Scraped::read(&daemon.answers("/metrics").await.expect("figures").1);
    // Counters follow the commit.
    until("all is counted", async || scraped().await.sum("thendo_executions_total", &[]) == 28.0).await;
    until("the alarm is counted", async || {
        scraped().await.sum("thendo_alerts_total", &[("kind", "dead_letters")]) == 1.0
    })
    .await;
    until("the gauges are asked for again", async || scraped().await.sum("thendo_dead_letters", &[]) == 14.0)
        .await;
    let found = scraped().await;
    let known: BTreeMap<&str, &str> =
        FIGURES.iter().map(|figure| (figure.name, figure.form.as_str())).collect();
    let there: BTreeMap<&str, &str> = found.forms.iter().map(|(n, f)| (n.as_str(), f.as_str())).collect();
    assert_eq!(there, known, "what is exposed is what is listed");

    let in_db = async |sql: &str| -> BTreeMap<String, i64> {
        let rows = shop.db.query(sql, &[]).await.expect("asked");
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    };
    let executions = in_db("select status, count(*) from workflow_executions group by 1").await;
    assert_eq!(executions, BTreeMap::from([("failed".into(), 14), ("succeeded".into(), 14)]));
    for outcome in ["succeeded", "failed", "cancelled"] {
        let expected = executions.get(outcome).copied().unwrap_or(0) as f64;
        assert_eq!(found.sum("thendo_executions_total", &[("outcome", outcome)]), expected, "{outcome}");
    }
    let of_mail = [("workflow", mail.to_string()), ("outcome", "failed".into())];
    let of_mail: Vec<(&str, &str)> = of_mail.iter().map(|(k, v)| (*k, v.as_str())).collect();
    assert_eq!(found.sum("thendo_workflow_executions_total", &of_mail), 14.0);
    for (status, count) in in_db("select status, count(*) from workflow_deliveries group by 1").await {
        let labels = [("kind", "email"), ("status", status.as_str())];
        assert_eq!(found.sum("thendo_deliveries_total", &labels), count as f64, "{status}");
    }
    let steps =
        "select s ->> 'outcome', count(*) from workflow_executions, jsonb_array_elements(steps) s group by 1";
    for (outcome, count) in in_db(steps).await {
        assert_eq!(found.sum("thendo_steps_total", &[("outcome", &outcome)]), count as f64, "{outcome}");
    }
    let orders = [("table", "orders"), ("operation", "insert")];
    assert_eq!(found.sum("thendo_events_total", &orders), 14.0);
    for (name, expected) in [
        ("thendo_dead_letters_total", 14.0),
        ("thendo_queue_rows", 0.0),
        ("thendo_daemons", 1.0),
        ("thendo_ready", 1.0),
    ] {
        assert_eq!(found.sum(name, &[]), expected, "{name}");
    }
    assert!(found.sum("thendo_connections_in_use", &[("of", "engine")]) >= 3.0);
    for figure in FIGURES.iter().filter(|figure| matches!(figure.form, Form::Histogram(_))) {
        let all = found.sum(&format!("{}_count", figure.name), &[]);
        assert!(all > 0.0, "{}", figure.name);
        assert_eq!(found.sum(&format!("{}_bucket", figure.name), &[("le", "+Inf")]), all);
    }
}

#[tokio::test]
async fn however_many_scrape_the_database_is_asked_once_a_second() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    let began = std::time::Instant::now();
    let reads = async || {
        // Each question reads the table of holds once, and nothing else does while nothing happens.
        shop.number("select coalesce(seq_scan + coalesce(idx_scan, 0), 0) from pg_stat_user_tables where relname = 'workflow_dead_letters'", &[]).await
    };
    let before = reads().await;
    for _ in 0..100 {
        assert_eq!(daemon.answers("/metrics").await.expect("figures").0, 200);
    }
    let most = began.elapsed().as_secs() as i64 + 2;
    // Statistics come when a session rests for a second, or ends.
    assert!(daemon.stops().success());
    until("statistics have come", async || reads().await > before).await;
    assert!(reads().await - before <= most, "{} questions in {most} s", reads().await - before);
}

/// An http_request that nobody answers.
fn asks_outside() -> Value {
    json!({"nodes": [
        node("start", "trigger", json!({"triggerType": "order_created", "config": {}})),
        node("ask", "action", json!({"actionType": "http_request", "config": {
            "url": "https://nobody.invalid/marker-path?q=marker-query&to={{ customer.email }}", "method": "POST",
            "headers": {"authorization": "Bearer marker-secret"}, "body": "marker-body" } }))],
        "edges": [edge("start", "ask")]})
}

#[tokio::test]
async fn an_execution_can_be_followed_and_no_line_has_what_stands_in_rows() {
    let shop = Shop::open().await;
    let sink = Sink::open(Manner::Refuses).await;
    let daemon = shop
        .daemon_with(&[
            ("THENDO_LOG__LEVEL", "info,thendo=trace,alert=trace"),
            ("THENDO_LOG__FORMAT", "json"),
            ("THENDO_MAIL__SMTP_URL", &sink.url),
            ("THENDO_DELIVERIES__ATTEMPTS", "1"),
            ("THENDO_MAIL__ATTEMPTS", "1"),
            ("THENDO_ALERTS__TO", "http://127.0.0.1:1/marker-hook"),
        ])
        .await;
    let points = shop.publishes("points", &points_and_deposit()).await;
    shop.publishes("mail", &mail_on_order()).await;
    shop.publishes("ask", &asks_outside()).await;
    shop.does(
        "update customers set email = 'marker-mail@example.com', name = 'marker-name', phone = 'marker-phone';
         create function refuse() returns trigger language plpgsql as $$ begin
             if new.amount = 33300 then raise exception 'marker-raised for %', (select email from public.customers limit 1); end if;
             return new; end $$;
         create trigger refuse before insert on deposits for each row execute function refuse();
         alter table deposits add constraint no_such_amount check (amount <> 44400);",
    )
    .await;
    let order = shop.places_order(250_00).await;
    for total in [66_600i64, 88_800] {
        let sql = "insert into orders (customer_id, total, note) values ($1, $2, 'marker-note')";
        shop.db.execute(sql, &[&shop.customer, &total]).await.expect("an order");
    }
    shop.has_settled().await;
    let sql = "select x.id::text, x.event_id::text from workflow_executions x join workflow_events e on e.id = x.event_id
               where x.workflow_id = $1 and e.row_data ->> 'id' = $2::uuid::text";
    let row = shop.db.query_one(sql, &[&points, &order]).await.expect("an execution");
    let (execution, event): (String, String) = (row.get(0), row.get(1));
    assert!(daemon.logged().contains(&execution));
    let logged = daemon.logged();
    // Standard output has a line for people only where somebody looks.
    let lines: Vec<Value> =
        logged.lines().map(|l| serde_json::from_str(l).unwrap_or_else(|_| panic!("no JSON: {l}"))).collect();
    let of_it: Vec<&Value> = lines.iter().filter(|line| line["execution"] == *execution).collect();
    assert!(
        of_it.iter().all(|line| line["workflow"] == *points.to_string() && line["event"] == *event),
        "{of_it:#?}"
    );
    for message in ["an execution starts", "asks for an effect", "is answered", "recorded"] {
        assert!(of_it.iter().any(|line| line["message"] == message), "no {message:?}");
    }
    assert!(lines.iter().any(|line| line["message"] == "an event is claimed" && line["event"] == *event));
    let delivery = lines
        .iter()
        .find(|line| line["message"].as_str().is_some_and(|m| m.contains("is given up")))
        .expect("refused");
    assert!(delivery["execution"].is_string() && delivery["workflow"].is_string(), "{delivery}");
    let per_event = |line: &&Value| {
        line["level"] == "INFO" && (line.get("event").is_some() || line.get("execution").is_some())
    };
    assert_eq!(lines.iter().find(per_event), None, "nothing per event at info");
    // It did happen, and what the world and the database said is with the executions.
    let told = "select count(*) from workflow_executions where error like '%marker-%'";
    assert!(shop.number(told, &[]).await >= 2, "the markers are told where they belong");
    let found: Vec<&str> = logged.lines().filter(|line| line.to_lowercase().contains("marker-")).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}
