//! 100,000 orders inserted, updated and deleted by one statement each, with the triggers that record events
//! and without them.

use std::time::Instant;

use crate::Outcome;
use crate::lab::{Bound, Lab, median, settle};

const ROUNDS: usize = 3;
const ROWS: i64 = 100_000;
const WAYS: [(&str, &str); 2] = [("without", "select detach_events()"), ("with", "select attach_events()")];
const WRITES: [(&str, &str); 3] = [
    (
        "insert",
        "insert into orders (customer_id, total, note)
         select c.ids[1 + g % 1000], g * 37 % 20000, 'note ' || g
         from generate_series(1, 100000) g, (select array_agg(id) as ids from customers) c",
    ),
    ("update", "update orders set status = 'processing', total = total + 1 where note is not null"),
    ("delete", "delete from orders where note is not null"),
];

/// What was there before, and stays: a delete asks the tables that refer to orders, and a shop's are not empty.
const EARLIER: &str = "select detach_events();
    insert into orders (customer_id, total) select c.id, g from customers c, generate_series(1, 10) g;
    insert into deposits (order_id, amount, currency, due_date) select id, 1, 'EUR', now() from orders;
    insert into loyalty_ledger (id, customer_id, order_id, points, reason)
    select gen_random_uuid(), customer_id, id, 1, 'order' from orders";

/// Alternates both ways, and tells the medians of their ratios.
pub async fn run(lab: &mut Lab) -> Outcome<()> {
    let (db, _) = lab.shop().await?;
    db.batch_execute(EARLIER).await?;
    let mut took: [[Vec<f64>; 2]; 3] = Default::default();
    for round in 0..ROUNDS {
        lab.probe()?;
        for way in [round % 2, (round + 1) % 2] {
            db.batch_execute(WAYS[way].1).await?;
            // The first statements of a session also pay for their plans.
            for (_, write) in WRITES {
                db.batch_execute(&write.replace("100000", "10")).await?;
                db.batch_execute("truncate workflow_events, workflow_queue").await?;
            }
            for (n, (name, write)) in WRITES.iter().enumerate() {
                settle(&db).await?;
                let began = Instant::now();
                db.batch_execute(write).await?;
                took[n][way].push(began.elapsed().as_secs_f64() * 1e3);
                let events: i64 = db.query_one("select count(*) from workflow_queue", &[]).await?.get(0);
                if events != ROWS * i64::try_from(way)? {
                    return Err(format!("{events} events of a {name} {}", WAYS[way].0).into());
                }
                db.batch_execute("truncate workflow_events, workflow_queue").await?;
            }
        }
    }
    for ((name, _), [without, with]) in WRITES.iter().zip(&mut took) {
        let mut ratios: Vec<f64> = with.iter().zip(without.iter()).map(|(with, none)| with / none).collect();
        let (without, with, ratio) = (median(without), median(with), median(&mut ratios));
        let beside = format!("{without:.0} ms without triggers, {with:.0} ms with");
        lab.notes(
            "bulk",
            &format!("{name} of {ROWS} rows, to no trigger"),
            ratio,
            Bound::AtMost(2.5),
            beside,
        );
    }
    Ok(())
}
