//! A backtest of 100,000 recorded orders by the built binary: how fast, and in how much memory, alone and against another
//! version.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Outcome;
use crate::lab::{Bound, Lab, memory_mib, publish, settle, workflow};

const EVENTS: u64 = 100_000;
const FEW: u64 = 10_000;

/// What one backtest took.
struct Took {
    seconds: f64,
    peak_mib: f64,
    report: Value,
}

/// The figures asked for: 100,000 events in under a minute, and memory that does not grow with them.
pub async fn run(lab: &mut Lab) -> Outcome<()> {
    lab.probe()?;
    let mut drawing = workflow();
    let nodes = drawing["nodes"].as_array_mut().ok_or("no nodes")?;
    nodes.push(json!({ "id": "thanks", "type": "action", "position": { "x": 0, "y": 0 },
        "data": { "actionType": "send_email", "config": { "to": "{{ customer.email }}",
            "subject": "Thank you for {{ order.total | money }}",
            "text": "You now have {{ steps.points.balance }} points." } } }));
    let edges = drawing["edges"].as_array_mut().ok_or("no edges")?;
    edges.push(json!({ "id": "m", "source": "points", "target": "thanks" }));
    let (db, url) = lab.shop_with(&[("thanks".into(), drawing.clone())]).await?;
    publish(lab, &db, &url).await?;
    // The next edition: another threshold.
    drawing["nodes"][1]["data"]["config"]["rules"][0]["value"] = 12_000.into();
    db.execute("update workflows set draft = $1", &[&drawing]).await?;
    let place = "insert into orders (customer_id, total)
                 select (select array_agg(id) from customers)[1 + g % 1000], (g * 37) % 20000 from generate_series(1, $1::bigint) g";
    db.execute(place, &[&(FEW as i64)]).await?;
    let few_until: String = db.query_one("select clock_timestamp()::text", &[]).await?.get(0);
    let few_until = few_until.replace(' ', "T") + ":00";
    db.execute(place, &[&((EVENTS - FEW) as i64)]).await?;
    settle(&db).await?;

    let few = one(&url, &["--until", &few_until])?;
    let all = one(&url, &[])?;
    let both = one(&url, &["--against", "live", "--show", "differences"])?;
    for (took, events) in [(&few, FEW), (&all, EVENTS), (&both, EVENTS)] {
        if took.report["events"] != events {
            return Err(format!("looked at {} of {events} events", took.report["events"]).into());
        }
    }
    let comparison = &both.report["against"]["comparison"];
    if comparison["differs"] == 0 {
        return Err("the other threshold makes no difference".into());
    }
    let rate = |took: &Took| EVENTS as f64 / took.seconds;
    let beside = format!(
        "{:.1} s, {:.0} events/s, peak {:.0} MiB; {} mails, {} points",
        all.seconds,
        rate(&all),
        all.peak_mib,
        all.report["effects"]["send_email"]["count"],
        all.report["effects"]["award_points"]["points"]
    );
    lab.notes("backtest", "100,000 events, in seconds", all.seconds, Bound::AtMost(60.0), beside);
    let beside = format!(
        "{:.1} s, {:.0} events/s, peak {:.0} MiB; {} differ",
        both.seconds,
        rate(&both),
        both.peak_mib,
        comparison["differs"]
    );
    lab.notes("backtest", "against another version, in seconds", both.seconds, Bound::AtMost(60.0), beside);
    let beside = format!("10,000 events: peak {:.1} MiB, 100,000: {:.1} MiB", few.peak_mib, all.peak_mib);
    let growth = all.peak_mib / few.peak_mib;
    lab.notes("backtest", "memory with ten times the events", growth, Bound::AtMost(1.2), beside);
    drop(db);
    lab.drop_database(&url).await
}

/// One backtest of the last hour; its memory is looked at until it ends.
fn one(url: &str, args: &[&str]) -> Outcome<Took> {
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("report.json");
    let began = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_thendo"))
        .args(["backtest", "thanks", "--since", "1h", "--format", "json", "--database-url", url])
        .args(args)
        .stdin(Stdio::null())
        .stdout(std::fs::File::create(&out)?)
        .spawn()?;
    let mut peak_mib = 0.0;
    let ended = loop {
        if let Ok(mib) = memory_mib(child.id(), "VmHWM") {
            peak_mib = mib;
        }
        if let Some(ended) = child.try_wait()? {
            break ended;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let seconds = began.elapsed().as_secs_f64();
    if !ended.success() {
        return Err("the backtest failed".into());
    }
    Ok(Took { seconds, peak_mib, report: serde_json::from_slice(&std::fs::read(&out)?)? })
}
