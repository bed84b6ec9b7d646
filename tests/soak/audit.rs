//! The books, when all has settled: what should be there is, once, in its order, and nothing else.

use tokio_postgres::Client;

use crate::drawings::{QUIET_S, TURN_S, WAITS_S};
use crate::outside::Came;
use crate::world::World;

/// What a wrong row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Lost,
    Doubled,
    OutOfOrder,
    Wrong,
}

/// One question; every row it gives is a fault.
struct Question {
    fault: Fault,
    what: &'static str,
    sql: &'static str,
}

const fn lost(what: &'static str, sql: &'static str) -> Question {
    Question { fault: Fault::Lost, what, sql }
}
const fn doubled(what: &'static str, sql: &'static str) -> Question {
    Question { fault: Fault::Doubled, what, sql }
}
const fn wrong(what: &'static str, sql: &'static str) -> Question {
    Question { fault: Fault::Wrong, what, sql }
}

/// What is asked of often, once. `expected`: executions that orders must have started, by the versions in force.
const BOOKS: &str = "
create schema chaos;
create table chaos.events as select e.id, e.at, e.table_name, e.operation::text as operation, e.row_data, e.old_data,
    e.row_data ->> 'id' as row_id, pg_xact_commit_timestamp(e.xmin) as seen from workflow_events e;
create table chaos.runs as select x.*, coalesce(x.root, x.id) as origin, w.name from workflow_executions x join workflows w on w.id = x.workflow_id;
create table chaos.expected as
    select w.name, v.number as version, e.id as event_id, e.at as event_at, o.id as order_id, o.customer_id, o.total
      from chaos.events e join orders o on o.id::text = e.row_id
      join workflows w on w.name in ('points', o.note) and w.name in ('points', 'mail', 'hook', 'delay', 'loop', 'wait', 'chain', 'serial', 'turn', 'fail', 'ask')
      join workflow_versions v on v.workflow_id = w.id and v.active_from <= e.at and (v.active_to is null or e.at < v.active_to)
     where e.table_name = 'orders' and e.operation = 'insert';
create table chaos.ledger as select l.*, r.name, r.origin from loyalty_ledger l left join chaos.runs r on r.id = l.execution_id;
create index on chaos.runs (event_id, workflow_id);
create index on chaos.runs (origin);
create index on chaos.ledger (order_id);
create index on chaos.ledger (origin);
create index on chaos.ledger (execution_id);
create index on chaos.ledger ((order_id::text)) where reason = 'quiet';
create table chaos.ends as select s ->> 'why' as of from chaos.runs r, jsonb_array_elements(r.steps) s where r.name = 'chained' and s ->> 'node' = 'end';
create index on chaos.events (row_id);
create index on chaos.expected (event_id);
analyze chaos.events, chaos.runs, chaos.expected, chaos.ledger";

const QUESTIONS: &[Question] = &[
    lost("orders without an event", "select o.id, o.note from orders o where not exists (select from chaos.events e where e.row_id = o.id::text and e.operation = 'insert')"),
    doubled("orders with several events", "select row_id, count(*) from chaos.events where table_name = 'orders' and operation = 'insert' group by 1 having count(*) > 1"),
    wrong("events of no order", "select e.id, e.row_id from chaos.events e where e.table_name = 'orders' and not exists (select from orders o where o.id::text = e.row_id)"),
    lost("events without their execution", "select x.* from chaos.expected x where not exists
        (select from chaos.runs r where r.event_id = x.event_id and r.name = x.name and r.version = x.version and r.attempt = 1)"),
    doubled("events with several executions", "select event_id, name, count(*) from chaos.runs where attempt = 1 group by 1, 2 having count(*) > 1"),
    wrong("executions of other versions than were in force", "select r.name, r.version, r.event_id, r.event_at from chaos.runs r
        where r.attempt = 1 and r.name in (select name from chaos.expected) and not exists
        (select from chaos.expected x where r.event_id = x.event_id and r.name = x.name and r.version = x.version)"),
    wrong("failed executions", "select r.name, r.status, r.id, r.error from chaos.runs r where r.status <> 'succeeded'
        and not (r.name = 'turn' and r.status = 'cancelled')
        -- Who was quicker with paying is asked for nothing.
        and not (r.name = 'points' and r.error = 'deposit: the order is paid: nothing is owed')
        and not (r.name = 'fail' and r.error not like 'set aside%' and exists (select from chaos.runs s where s.origin = r.origin and s.status = 'succeeded'))
        -- Who was frozen in the middle of sending may say later that it was sent after all.
        and not exists (select from workflow_deliveries d where d.execution_id = r.id and d.kind = 'email'
            and (d.status in ('refused', 'unknown') or d.status = 'sent' and r.error like '%the delivery is unknown%'))"),
    wrong("rows set aside", "select r.name, r.id, r.error from chaos.runs r where r.error like 'set aside%'"),
    wrong("rows still queued", "select * from workflow_queue"),
    wrong("executions that still rest", "select w.id, f.name, w.event_at, w.waits_since, w.slot, w.wants_slot, w.held, w.put_off_for from workflow_waiting w join workflows f on f.id = w.workflow_id"),
    wrong("waits of nobody", "select * from workflow_awaits"),
    wrong("deliveries still under way", "select id, status, attempt, due_at, lease_until from workflow_deliveries where status in ('pending', 'sending')"),
    // Effects. What each execution must have done, by its workflow.
    lost("orders without their points", "select x.order_id, x.total from chaos.expected x where x.name = 'points' and x.total >= 10000 and not exists
        (select from chaos.ledger l where l.order_id = x.order_id and l.name = 'points' and l.points = x.total / 100)"),
    lost("orders without their deposit", "select x.order_id from chaos.expected x where x.name = 'points' and x.total >= 10000 and not exists
        (select from deposits d where d.order_id = x.order_id)
        and not exists (select from chaos.runs r where r.event_id = x.event_id and r.name = 'points'
            and r.error = 'deposit: the order is paid: nothing is owed')"),
    doubled("orders with several deposits", "select order_id, count(*) from deposits group by 1 having count(*) > 1"),
    wrong("deposits that nobody asked for", "select d.order_id from deposits d where not exists
        (select from chaos.expected x where x.name = 'points' and x.total >= 10000 and x.order_id = d.order_id)"),
    wrong("numbers of ledger lines", "select * from (select r.name, r.origin, max(x.total) as total, (select count(*) from chaos.ledger l where l.origin = r.origin) as lines,
            case r.name when 'points' then (max(x.total) >= 10000)::int when 'mail' then 0 when 'loop' then max(x.total) + 1 when 'fail' then 3 else 1 end as due,
            bool_or(r.status = 'succeeded') as done
          from chaos.runs r join chaos.expected x on x.event_id = r.event_id and x.name = r.name group by 1, 2) t
        where done and lines <> due"),
    doubled("effects done twice", "select origin, reason, count(*) from chaos.ledger where name <> 'loop' group by 1, 2 having count(*) > 1"),
    doubled("items done twice", "select origin, reason, points, count(*) from chaos.ledger where name = 'loop' group by 1, 2, 3 having count(*) > (case when points = 7 then 2 else 1 end)"),
    wrong("ledger lines of nobody", "select id, execution_id, reason from chaos.ledger where origin is null"),
    wrong("balances that are not the sum of their ledger", "select p.customer_id, p.balance, l.points from loyalty_points p
        full join (select customer_id, sum(points) as points from loyalty_ledger group by 1) l using (customer_id) where p.balance is distinct from l.points"),
    // Controls.
    doubled("`once` that was twice", "select customer_id, count(*) from chaos.ledger where reason = 'once' group by 1 having count(*) > 1"),
    lost("customers without their `once`", "select distinct o.customer_id from orders o where not exists (select from chaos.ledger l where l.customer_id = o.customer_id and l.reason = 'once')"),
    wrong("`serial` and `turn` that overlap", "with ran as (select r.id, r.name, r.status, x.customer_id, (r.steps -> 0 ->> 'at')::timestamptz as since, (r.steps -> -1 ->> 'at')::timestamptz as until
            from chaos.runs r join chaos.expected x on x.event_id = r.event_id and x.name = r.name where r.name in ('serial', 'turn'))
        select a.name, a.since as first_since, a.until as first_until, b.since, b.until, a.status as first_status, b.status, a.id as first_id, b.id from ran a join ran b on a.name = b.name and a.customer_id = b.customer_id and a.id < b.id and a.since < b.until and b.since < a.until"),
    lost("chains without their other end", "select x.order_id from chaos.expected x where x.name = 'chain' and not exists
        (select from chaos.ends e where e.of = x.order_id::text)"),
    doubled("chains with several ends", "select of, count(*) from chaos.ends group by 1 having count(*) > 1"),
    doubled("times of the schedule that came twice", "select row_data ->> 'due_at', count(*) from chaos.events where table_name = 'thendo.schedule' group by 1 having count(*) > 1"),
    lost("times of the schedule that never came", "select g from (select min((row_data ->> 'due_at')::timestamptz) as a, max((row_data ->> 'due_at')::timestamptz) as b
        from chaos.events where table_name = 'thendo.schedule') t, generate_series(t.a, t.b, '2 seconds') g where not exists
        (select from chaos.events e where e.table_name = 'thendo.schedule' and (e.row_data ->> 'due_at')::timestamptz = g)"),
    lost("times of the schedule that started nothing", "select e.id, e.at from chaos.events e where e.table_name = 'thendo.schedule' and not exists (select from chaos.runs r where r.event_id = e.id)
        and exists (select from workflows w join workflow_versions v on v.workflow_id = w.id where w.name = 'tick' and v.active_from <= e.at and (v.active_to is null or e.at < v.active_to))"),
    // Order: of two events of one customer, the first was to be seen when the second was claimed.
    Question { fault: Fault::OutOfOrder, what: "executions that overtook an earlier event's", sql:
        "with ran as (select r.name, x.customer_id, e.at, e.id, e.seen, r.started_at, min(r.started_at) over (partition by r.name, x.customer_id order by e.at, e.id
              rows between 1 following and unbounded following) as later_started from chaos.runs r
            join chaos.expected x on x.event_id = r.event_id and x.name = r.name join chaos.events e on e.id = r.event_id where r.attempt = 1 and r.name in ('points', 'wait', 'ask'))
        select a.name, a.customer_id, a.at as first_at, a.id as first_id, a.seen as first_seen, a.started_at as first_started, b.at, b.id, b.started_at
          from (select * from ran where started_at > later_started) a join ran b on b.customer_id = a.customer_id and b.name = a.name and (a.at, a.id) < (b.at, b.id)
           and a.started_at > b.started_at and a.seen < b.started_at - interval '200 milliseconds'" },
];

/// What came of the audit.
#[derive(Debug, Default)]
pub struct Verdict {
    pub lost: usize,
    pub doubled: usize,
    pub out_of_order: usize,
    pub wrong: usize,
    /// What was found, with the first rows.
    pub found: Vec<String>,
}

impl Verdict {
    fn adds(&mut self, fault: Fault, what: &str, rows: &[String]) {
        if rows.is_empty() {
            return;
        }
        *match fault {
            Fault::Lost => &mut self.lost,
            Fault::Doubled => &mut self.doubled,
            Fault::OutOfOrder => &mut self.out_of_order,
            Fault::Wrong => &mut self.wrong,
        } += rows.len();
        let first: String = rows.iter().take(3).map(|row| format!("\n      {row}")).collect();
        self.found.push(format!("{fault:?}: {} {what}{first}", rows.len()));
    }

    pub fn is_clean(&self) -> bool {
        self.lost + self.doubled + self.out_of_order + self.wrong == 0
    }
}

async fn rows(db: &Client, sql: &str) -> Vec<String> {
    let sql = format!("select row_to_json(t)::text from ({sql}) t");
    let rows = db.query(&sql, &[]).await.unwrap_or_else(|fault| panic!("{sql}: {fault:?}"));
    rows.iter().map(|row| row.get(0)).collect()
}

/// Asks everything.
pub async fn audit(world: &World, db: &Client) -> Verdict {
    let mut verdict = Verdict::default();
    db.batch_execute(BOOKS).await.expect("the books");
    for question in QUESTIONS {
        verdict.adds(question.fault, question.what, &rows(db, question.sql).await);
    }
    verdict.adds(Fault::Wrong, "waits that ended the other way", &rows(db, &waits()).await);
    verdict.adds(Fault::Wrong, "turns that ended the other way", &rows(db, &turns()).await);
    let (lost, doubled) = quiet();
    verdict.adds(Fault::Lost, "changed orders that `quiet` never heard of", &rows(db, &lost).await);
    verdict.adds(Fault::Doubled, "changed orders that `quiet` heard of too often", &rows(db, &doubled).await);
    outside(world, db, &mut verdict).await;
    for said in world.said.lock().expect("no panic").iter() {
        if said.starts_with("WRONG") || said.starts_with("a writer") {
            verdict.adds(
                Fault::Wrong,
                "things that went otherwise than they should",
                std::slice::from_ref(said),
            );
        }
    }
    verdict
}

/// A payment within the time ends the wait, however late it is seen; without any, time does.
fn waits() -> String {
    format!(
        "select x.order_id, l.reason, e.at - x.event_at as paid_after from chaos.expected x
           join chaos.ledger l on l.order_id = x.order_id and l.name = 'wait'
           left join chaos.events e on e.row_id = x.order_id::text and e.operation = 'update' and e.row_data ->> 'payment_status' = 'paid'
          where x.name = 'wait' and ((l.reason = 'late' and e.at < x.event_at + interval '{WAITS_S} seconds') or (l.reason = 'paid' and e.at is null))"
    )
}

/// A payment cancels `turn` if it comes after its order and within its time, and if it comes later, but before the end, it may.
/// Nothing else does.
fn turns() -> String {
    format!(
        "select r.id, r.status, x.event_at, t.at as turn, e.at as paid, r.finished_at, t.lines from chaos.runs r
          cross join lateral (select (r.steps -> 0 ->> 'at')::timestamptz as at, (select count(*) from chaos.ledger l where l.execution_id = r.id) as lines) t
           join chaos.expected x on x.event_id = r.event_id and x.name = r.name
           left join chaos.events e on e.row_id = x.order_id::text and e.operation = 'update' and e.row_data ->> 'payment_status' = 'paid'
          where r.name = 'turn' and ((r.status = 'cancelled') <> (t.lines = 0) or r.status = 'cancelled' and (e.at is null or e.at > r.finished_at)
             or r.status <> 'cancelled' and e.at < t.at + interval '{TURN_S} seconds')"
    )
}

/// At least one start for each order that changed; at most one for each time it was quiet.
fn quiet() -> (String, String) {
    let groups = format!(
        "select row_id, count(*) filter (where next is null or next - at >= interval '{QUIET_S} seconds') as most from
         (select row_id, at, lead(at) over (partition by row_id order by at) as next from chaos.events where table_name = 'orders' and operation = 'update') t group by 1"
    );
    let counted = format!(
        "select g.row_id, g.most, (select count(*) from chaos.ledger l where l.order_id::text = g.row_id and l.reason = 'quiet') as started from ({groups}) g"
    );
    (
        format!("select * from ({counted}) c where started = 0"),
        format!("select * from ({counted}) c where started > most"),
    )
}

/// Mails: never twice, once where they count as sent, not at all where they count as refused. Requests: at least once, each
/// under one key, and one key for each.
async fn outside(world: &World, db: &Client, verdict: &mut Verdict) {
    let (mails, hooks) = (world.mail.came(), world.hook.came());
    let sql = "select d.id::text, d.kind, d.status, e.row_id, coalesce(d.result::text, '') from workflow_deliveries d
                 join chaos.runs r on r.id = d.execution_id join chaos.events e on e.id = r.event_id";
    let none = Came::default();
    for row in db.query(sql, &[]).await.expect("deliveries") {
        let (id, kind, status, order, result): (String, String, String, String, String) =
            (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4));
        let mail = kind == "email";
        let came = if mail { mails.get(&order) } else { hooks.get(&id) }.unwrap_or(&none);
        let told = vec![format!("{kind} {id} {status} of {order}: {came:?} {result}")];
        if mail && came.taken > 1 {
            verdict.adds(Fault::Doubled, "mails that came twice", &told);
        }
        if status == "sent" && came.agreed == 0 {
            verdict.adds(Fault::Lost, "deliveries that count as sent and never came", &told);
        }
        if status == "refused" && (came.agreed > 0 || (mail && came.taken > 0)) {
            verdict.adds(Fault::Wrong, "deliveries that count as refused and came", &told);
        }
        if !mail && (came.about.len() > 1 || status != "sent") {
            verdict.adds(Fault::Wrong, "requests with another's key, or not made", &told);
        }
    }
    let sql =
        "select x.order_id from chaos.expected x where x.name in ('mail', 'hook') and 1 <> (select count(*)
        from workflow_deliveries d join chaos.runs r on r.id = d.execution_id where r.event_id = x.event_id)";
    verdict.adds(Fault::Wrong, "orders without exactly one delivery", &rows(db, sql).await);
}
