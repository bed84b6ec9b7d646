//! Shows the steps of an order's executions as they appear.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use sqlx::PgPool;
use uuid::Uuid;

use super::super::output::{Advice, STRONG, WAIT, one_line, print_line, step_line};
use crate::store::demo::{Moment, OrderEvent, PlacedOrder, Seen, event_of, look};

/// A daemon that runs takes milliseconds.
const SUSPICION: Duration = Duration::from_secs(3);

const GLANCE: Duration = Duration::from_millis(50);

/// Left of the time for saying what is missing, before the caller's own limit strikes.
const MARGIN: Duration = Duration::from_millis(500);

/// Follows the order until all that it started has ended.
pub(super) async fn follow(pool: &PgPool, order: &PlacedOrder, limit: Duration) -> anyhow::Result<Vec<Seen>> {
    let begun = Instant::now();
    let is_late = || begun.elapsed() + MARGIN >= limit;
    // Written in the order's own transaction: it is there now or never.
    let Some(event) = event_of(pool, order).await? else {
        return Err(Advice::error(
            "the order is stored, but no event was recorded for it",
            "the table's triggers are missing or disabled: run `thendo migrate --status`, and see \
             `select tgname, tgenabled from pg_trigger where tgrelid = 'orders'::regclass`",
        ));
    };
    let mut shown = Shown::default();
    let mut hinted = false;
    loop {
        let moment = look(pool, order, &event).await?;
        shown.print_news(&moment.executions)?;
        let resting = moment.executions.iter().any(|execution| execution.status == "waiting");
        if !moment.queued && !resting {
            return if moment.executions.is_empty() { Err(nothing_started()) } else { Ok(moment.executions) };
        }
        if moment.executions.is_empty()
            && begun.elapsed() > SUSPICION
            && !std::mem::replace(&mut hinted, true)
        {
            print_line(format_args!(
                "{WAIT}◐{WAIT:#} nobody has taken it yet; does `thendo up` or `thendo serve` run?"
            ))?;
        }
        if is_late() {
            return Err(too_late(&moment, &event, limit));
        }
        tokio::time::sleep(GLANCE).await;
    }
}

fn nothing_started() -> anyhow::Error {
    Advice::error(
        "the daemon handled the order, but no workflow starts with `order_created`",
        "publish one: `thendo workflow load workflows-examples` loads the examples; the page at / says \
         whether a published one is broken",
    )
}

fn too_late(moment: &Moment, event: &OrderEvent, limit: Duration) -> anyhow::Error {
    let seconds = limit.as_secs();
    if moment.executions.is_empty() {
        return Advice::error(
            format!("nobody took the order's event {} within {seconds} s: no daemon seems to run", event.id),
            "start `thendo up` (or `thendo serve` for your own database); the event waits and will be handled then",
        );
    }
    let waiting = moment.executions.iter().filter(|execution| execution.status == "waiting").count();
    Advice::error(
        format!("{waiting} executions still wait after {seconds} s"),
        "`thendo executions list --status waiting` shows them; they go on by themselves. More time: --timeout",
    )
}

/// What has been printed.
#[derive(Default)]
struct Shown {
    /// Execution and node to the outcome that was printed.
    steps: HashMap<(Uuid, String), String>,
    executions: Vec<Uuid>,
    /// The one whose steps were printed last: others need a heading again.
    current: Option<Uuid>,
}

impl Shown {
    fn print_news(&mut self, executions: &[Seen]) -> anyhow::Result<()> {
        for execution in executions {
            let steps = execution.steps.as_array().map(Vec::as_slice).unwrap_or_default();
            if steps.is_empty() && !self.executions.contains(&execution.id) {
                self.head(execution)?;
            }
            for step in steps {
                let field = |name: &str| step[name].as_str().unwrap_or_default().to_owned();
                let key = (execution.id, field("node"));
                if self.steps.get(&key) == Some(&field("outcome")) {
                    continue;
                }
                self.head(execution)?;
                print_line(format_args!("  {}", step_line(step)))?;
                self.steps.insert(key, field("outcome"));
            }
        }
        Ok(())
    }

    fn head(&mut self, execution: &Seen) -> anyhow::Result<()> {
        if self.current.replace(execution.id) != Some(execution.id) {
            print_line(format_args!("\n{STRONG}{}{STRONG:#}", one_line(&execution.workflow)))?;
            self.executions.push(execution.id);
        }
        Ok(())
    }
}
