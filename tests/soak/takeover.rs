//! How long it takes until others do what a daemon had in hand that died or froze.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::time::sleep;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::plan::Kind;
use crate::world::World;

/// Nothing takes longer; what does is stuck, and the audit says so.
const MOST: Duration = Duration::from_secs(60);

/// What a daemon had in hand, and how long that lay there.
pub struct Watch {
    pub kind: Kind,
    /// From when on, since the beginning.
    pub since: Duration,
    world: Arc<World>,
    pids: Vec<i32>,
    lanes: Vec<i16>,
    /// Where its lanes began: each one's first row that was due, which nobody may pass by.
    heads: Vec<i64>,
    /// When those became due.
    due: Vec<DateTime<Utc>>,
    lanes_of_heads: Vec<i16>,
    ids: Vec<Uuid>,
    tokens: Vec<Uuid>,
    until: Vec<DateTime<Utc>>,
    /// Until its lanes were free and each one's first row was done; none where it held none.
    pub events: Option<Duration>,
    /// Until the leases that nobody renewed were others' or settled; none where it held none.
    pub deliveries: Option<Duration>,
}

impl Watch {
    /// Looks at what the daemon has in hand right now; none if the server doesn't answer.
    pub async fn begins(world: &Arc<World>, db: &Client, kind: Kind, which: usize) -> Option<Self> {
        let sql = "with held as materialized (
              select distinct (l.objid::bigint - 64)::smallint as lane from pg_locks l join pg_stat_activity a on a.pid = l.pid and a.usename = $1
               where l.locktype = 'advisory' and l.classid = 1952998511 and l.objid between 64 and 127 and l.granted),
            first as materialized (
              select q.id, q.due_at, q.lane from held h cross join lateral
                (select * from workflow_queue q where q.lane = h.lane and q.due_at <= clock_timestamp() order by q.due_at, q.id limit 1) q)
            select array(select pid from pg_stat_activity where usename = $1), array(select lane from held),
            h.ids, h.due, h.lanes, l.ids, l.tokens, l.until
            from (select coalesce(array_agg(id), '{}') as ids, coalesce(array_agg(due_at), '{}') as due, coalesce(array_agg(lane), '{}') as lanes from first) h,
            (select coalesce(array_agg(id), '{}') as ids, coalesce(array_agg(lease_token), '{}') as tokens,
                         coalesce(array_agg(lease_until), '{}') as until
                    from workflow_deliveries where status = 'sending') l";
        let row = db.query_one(sql, &[&format!("daemon{which}")]).await.ok()?;
        Some(Self {
            kind,
            since: world.began.elapsed(),
            world: world.clone(),
            pids: row.get(0),
            lanes: row.get(1),
            heads: row.get(2),
            due: row.get(3),
            lanes_of_heads: row.get(4),
            ids: row.get(5),
            tokens: row.get(6),
            until: row.get(7),
            events: None,
            deliveries: None,
        })
    }

    pub fn holds_lanes(&self) -> bool {
        !self.lanes.is_empty()
    }

    /// For a log line.
    pub fn held(&self) -> String {
        format!("{} lanes, beside {} deliveries under way", self.lanes.len(), self.ids.len())
    }

    /// Waits until all of it is in other hands, or back in its own; none if the server went away meanwhile.
    pub async fn ends(&mut self, db: &Client) -> Option<()> {
        let sql = "select
            exists (select from pg_locks l where l.pid = any ($1) and l.locktype = 'advisory' and l.classid = 1952998511
                       and (l.objid::bigint - 64)::smallint = any ($2))
            or exists (select from unnest($3::bigint[], $4::timestamptz[], $5::smallint[]) as h (id, due_at, lane) join workflow_queue q using (lane, due_at, id)),
            exists (select from unnest($6::uuid[], $7::uuid[], $8::timestamptz[]) as h (id, token, until)
                      join workflow_deliveries d on d.id = h.id and d.status = 'sending' and d.lease_token = h.token and d.lease_until = h.until)";
        let began = Instant::now();
        let (mut events, mut deliveries) = (self.lanes.is_empty(), self.ids.is_empty());
        while !(events && deliveries) && began.elapsed() < MOST {
            let row = db
                .query_one(
                    sql,
                    &[
                        &self.pids,
                        &self.lanes,
                        &self.heads,
                        &self.due,
                        &self.lanes_of_heads,
                        &self.ids,
                        &self.tokens,
                        &self.until,
                    ],
                )
                .await
                .ok()?;
            if !events && !row.get::<_, bool>(0) {
                (events, self.events) = (true, Some(began.elapsed()));
            }
            if !deliveries && !row.get::<_, bool>(1) {
                (deliveries, self.deliveries) = (true, Some(began.elapsed()));
            }
            sleep(Duration::from_millis(50)).await;
        }
        if !events {
            self.events = Some(began.elapsed());
        }
        if !deliveries {
            self.deliveries = Some(began.elapsed());
        }
        Some(())
    }

    /// Whether nothing else kept daemons from their work meanwhile.
    pub fn is_alone(&self) -> bool {
        let took = self.events.max(self.deliveries).unwrap_or_default();
        let (since, until) = (self.since, self.since + took);
        let troubles = self.world.troubles.lock().expect("no panic");
        // Its own is among them.
        troubles.iter().filter(|(kind, from, to)| kind.disturbs() && *from < until && *to > since).count()
            <= 1
    }
}

/// Median and longest.
pub fn middle_and_most(mut all: Vec<Duration>) -> Option<(Duration, Duration)> {
    all.sort_unstable();
    Some((*all.get(all.len() / 2)?, *all.last()?))
}
