//! Shows the steps of an order's executions as they appear.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use sqlx::PgPool;
use uuid::Uuid;

use super::super::output::{Advice, STRONG, WAIT, one_line, print_line, step_line};
use crate::store::demo::{
    Backlog, Moment, OrderEvent, PlacedOrder, Seen, backlog, event_of, is_detached, look,
};

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
        if is_detached(pool).await? {
            return Err(Advice::error(
                "the order is stored, but the shop is detached: no event was recorded for it",
                "`thendo attach` has the shop's tables tell the daemon again what happens",
            ));
        }
        return Err(Advice::error(
            "the order is stored, but no event was recorded for it",
            "the table's triggers are missing or disabled: run `thendo migrate --status`, and see \
             `select tgname, tgenabled from pg_trigger where tgrelid = 'orders'::regclass`",
        ));
    };
    let mut shown = Shown::default();
    let mut before: Option<Backlog> = None;
    loop {
        let moment = look(pool, order, &event).await?;
        shown.print_news(&moment.executions)?;
        let resting = moment.executions.iter().any(|execution| execution.status == "waiting");
        if !moment.queued && !resting {
            return if moment.executions.is_empty() { Err(nothing_started()) } else { Ok(moment.executions) };
        }
        if moment.executions.is_empty() && begun.elapsed() > SUSPICION && before.is_none() {
            let backlog = backlog(pool).await?;
            hint(&backlog)?;
            before = Some(backlog);
        }
        if is_late() {
            return Err(too_late(&moment, &event, limit, before, backlog(pool).await?));
        }
        tokio::time::sleep(GLANCE).await;
    }
}

fn nothing_started() -> anyhow::Error {
    Advice::error(
        "the daemon handled the order, but no workflow starts with `order_created`",
        "publish one: `thendo workflow load workflows-examples` loads the examples; the page /status says \
         whether a published one is broken",
    )
}

fn hint(backlog: &Backlog) -> anyhow::Result<()> {
    match backlog.daemons {
        0 => print_line(format_args!(
            "{WAIT}◐{WAIT:#} nobody has taken it yet; does `thendo up` or `thendo serve` run?"
        )),
        _ => print_line(format_args!(
            "{WAIT}◐{WAIT:#} a daemon runs, but has not taken it yet: {} in the queue",
            counted(backlog.rows, "row")
        )),
    }
}

/// `before` is how the queue looked a while ago: where somebody works, its oldest row is another one by now.
fn too_late(
    moment: &Moment,
    event: &OrderEvent,
    limit: Duration,
    before: Option<Backlog>,
    now: Backlog,
) -> anyhow::Error {
    let seconds = limit.as_secs();
    let waiting = moment.executions.iter().filter(|execution| execution.status == "waiting").count();
    if waiting > 0 {
        let verb = if waiting == 1 { "waits" } else { "wait" };
        let waiting = counted(i64::try_from(waiting).unwrap_or(i64::MAX), "execution");
        return Advice::error(
            format!("{waiting} still {verb} after {seconds} s"),
            "`thendo executions list --status waiting` shows them; they go on by themselves. More time: --timeout",
        );
    }
    let moves = before.is_some_and(|before| before.oldest != now.oldest);
    if now.daemons == 0 && !moves {
        return Advice::error(
            format!("nobody took the order's event {} within {seconds} s: no daemon seems to run", event.id),
            "start `thendo up` (or `thendo serve` for your own database); the event waits and will be handled then",
        );
    }
    Advice::error(
        format!(
            "the order's event {} was not taken within {seconds} s: a daemon works, with {} in the queue",
            event.id,
            counted(now.rows, "row")
        ),
        "wait longer with --timeout; the event keeps its place and will be handled",
    )
}

fn counted(count: i64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(waiting: usize, daemons: i64, oldest: [i64; 2]) -> String {
        let seen = |_| Seen {
            id: Uuid::nil(),
            workflow: "w".into(),
            status: "waiting".into(),
            steps: json!([]),
            error: None,
        };
        let moment = Moment { queued: true, executions: (0..waiting).map(seen).collect() };
        let event = OrderEvent { id: Uuid::nil(), at: chrono::DateTime::UNIX_EPOCH };
        let backlog = |oldest| Backlog { rows: 7, oldest: Some(oldest), daemons };
        too_late(&moment, &event, Duration::from_secs(30), Some(backlog(oldest[0])), backlog(oldest[1]))
            .to_string()
    }

    #[test]
    fn a_backlog_is_told_from_a_missing_daemon() {
        assert!(said(0, 0, [1, 1]).contains("no daemon seems to run"));
        for works in [said(0, 1, [1, 1]), said(0, 0, [1, 2])] {
            assert!(works.contains("7 rows in the queue") && !works.contains("no daemon"), "{works}");
        }
        assert_eq!(said(1, 1, [1, 1]), "1 execution still waits after 30 s");
        assert_eq!(said(2, 1, [1, 1]), "2 executions still wait after 30 s");
    }
}
