//! Six nodes, one of which sends a mail, to a server that answers at once.

use serde_json::{Value, json};

use crate::Outcome;
use crate::drain::place;
use crate::lab::{Bound, Lab, median, publish};
use crate::sink::Sink;
use crate::workflows::{edges, node};

const ORDERS: i64 = 10_000;
/// Odd: of two the median would be the better one.
const ROUNDS: usize = 3;

/// From the first order to the end of the last execution.
pub async fn run(lab: &mut Lab) -> Outcome<()> {
    let mut rates = Vec::new();
    for _ in 0..ROUNDS {
        lab.probe()?;
        rates.push(round(lab).await?);
    }
    let beside = format!("{ORDERS} orders, each with points and a mail; median of {ROUNDS}");
    lab.notes(
        "mails",
        "executions/s of six nodes with a mail",
        median(&mut rates),
        Bound::AtLeast(2000.0),
        beside,
    );
    Ok(())
}

async fn round(lab: &mut Lab) -> Outcome<f64> {
    let sink = Sink::open().await?;
    let (db, url) = lab.shop_with(&[("thanks".into(), workflow())]).await?;
    publish(lab, &db, &url).await?;
    let due = place(&db, ORDERS).await?;
    let daemon = lab.daemon_with(&url, &[("THENDO_MAIL__SMTP_URL", &sink.url)]).await?;
    let ended = "select count(*) from workflow_executions";
    while db.query_one(ended, &[]).await?.get::<_, i64>(0) < ORDERS {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let sql = "select extract(epoch from max(finished_at) - $1)::float8, count(*) filter (where status = 'succeeded'),
        (select count(*) from loyalty_ledger) from workflow_executions";
    let row = db.query_one(sql, &[&due]).await?;
    let sent: i64 = sink.taken().values().map(|(count, _)| i64::from(*count)).sum();
    if (row.get::<_, i64>(1), row.get::<_, i64>(2), sent) != (ORDERS, ORDERS, ORDERS) {
        return Err(format!("lost or doubled: {row:?}, {sent} mails").into());
    }
    drop((daemon, db));
    lab.drop_database(&url).await?;
    let rate = ORDERS as f64 / row.get::<_, f64>(0);
    lab.says("mails", &format!("{rate:.0} executions/s"));
    Ok(rate)
}

/// order_created → of somebody → a variable → points → a mail → a variable.
fn workflow() -> Value {
    let set = |id: &str| {
        node(id, "control", json!({"controlType": "set", "config": {"vars": {id: "{{ order.total }}"}}}))
    };
    let nodes = vec![
        node("start", "trigger", json!({"triggerType": "order_created", "config": {}})),
        node(
            "any",
            "condition",
            json!({"conditionType": "condition", "config": {"combinator": "and",
            "rules": [{"field": "order.total", "operator": ">=", "value": 1}]}}),
        ),
        set("before"),
        node("points", "action", json!({"actionType": "award_points", "config": {"points": 1}})),
        node(
            "mail",
            "action",
            json!({"actionType": "send_email", "config": {"to": "{{ customer.email }}",
            "subject": "Thank you for {{ order.total | money }}", "text": "Hello,\n\nwe have your order {{ order.id }}."}}),
        ),
        set("after"),
    ];
    let mut edges = edges(&nodes);
    edges[1]["sourceHandle"] = "true".into();
    json!({"nodes": nodes, "edges": edges})
}
