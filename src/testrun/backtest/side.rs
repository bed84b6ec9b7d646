//! One version on a page of events: the engine's own matching and turns, and answers without a database.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::compare::Seen;
use super::effects::Happened;
use super::tally::{Ended, Tally};
use super::world::World;
use super::{Version, Wish, database};
use crate::domain::effect::Request;
use crate::domain::event::{CustomerKey, Event, MAX_DEPTH, Row};
use crate::domain::execution::{Status, Step, StepOutcome};
use crate::domain::ids::ExecutionId;
use crate::engine::advance::Run;
use crate::engine::in_force::InForce;
use crate::store::session::{Session, StoreError};
use crate::testrun::Outcome;
use crate::workflow::mails::Mails;
use crate::workflow::plan::Plan;

/// Waits of one execution that are passed by; one that has more goes in circles.
const MOST_WAITS: usize = 100_000;
/// Executions that are derived for a backtest are none that ever was: no replay has this number.
pub(super) const REPLAY: u32 = u32::MAX;

/// The customers that events lead to.
pub(super) type Customers = HashMap<CustomerKey, Result<Arc<Row>, String>>;

/// A version that is tried.
pub(super) struct Side {
    pub name: String,
    pub in_force: InForce,
    pub tally: Tally,
    pub world: World,
    /// Executions that would have started later than their event.
    pub put_off: u64,
    mails: Arc<Mails>,
    /// What each execution did is told, to be compared.
    tells: bool,
    /// Effects are applied, and undone.
    in_database: bool,
    /// Some node of it asks for balances to be moved.
    moves_balances: bool,
}

/// An execution of one event of the page.
pub(super) struct Started {
    /// Its event's place.
    pub at: usize,
    pub run: Run,
    pub now: DateTime<Utc>,
    pub effects: Vec<Happened>,
    /// Why it could not be taken to its end.
    pub broken: Option<String>,
}

impl Side {
    pub fn new(wish: &Wish, version: Version, mails: &Arc<Mails>, tells: bool) -> Self {
        let Version { name, number, plan } = version;
        let from = DateTime::<Utc>::MIN_UTC;
        let moves_balances = (0..plan.len())
            .filter_map(|at| plan.node(at))
            .any(|node| matches!(node.kind, "award_points" | "redeem_points"));
        Self {
            name,
            in_force: InForce { workflow: wish.workflow, version: number, plan, from, to: None },
            tally: Tally::default(),
            world: World::new(wish.since),
            put_off: 0,
            mails: mails.clone(),
            tells,
            in_database: wish.in_database,
            moves_balances,
        }
    }

    pub fn plan(&self) -> &Arc<Plan> {
        &self.in_force.plan
    }

    /// Whom it asks about, if the event may start it.
    pub fn customer_of(&self, event: &Event) -> Option<CustomerKey> {
        self.in_force.would_start(event).then(|| self.plan().customer_of(event))?
    }

    /// Takes all events through it. What is told is by the events' places; nothing where it does not start.
    pub async fn page(
        &mut self,
        session: &Session,
        events: &[Event],
        customers: &Customers,
    ) -> Result<Vec<Option<Seen>>, StoreError> {
        let mut seen: Vec<Option<Seen>> = Vec::new();
        seen.resize_with(events.len(), || None);
        let mut started = self.start(events, customers, &mut seen);
        if self.in_database {
            for one in &mut started {
                database::run_one(session, &self.in_force, &self.mails, &events[one.at], one, self.tells)
                    .await?;
            }
        } else {
            self.run(session, &mut started).await?;
        }
        for Started { at, run, effects, broken, .. } in started {
            seen[at] = match broken {
                Some(why) => self.broken(&events[at], why),
                None => self.end(&events[at], &run, effects),
            };
        }
        Ok(seen)
    }

    /// An execution for each event that starts one, as a batch of the engine would.
    fn start(&mut self, events: &[Event], customers: &Customers, seen: &mut [Option<Seen>]) -> Vec<Started> {
        let plan = self.plan().clone();
        let mut started = Vec::new();
        for (at, event) in events.iter().enumerate() {
            if !self.in_force.would_start(event) {
                self.tally.filtered(event.at);
                continue;
            }
            let known = match plan.customer_of(event).and_then(|key| customers.get(&key)) {
                Some(Ok(customer)) => Event { customer: Some(customer.clone()), ..event.clone() },
                Some(Err(reason)) => {
                    let why = format!("the customer's row can't be read: {reason}");
                    seen[at] = self.broken(event, why);
                    continue;
                }
                None => event.clone(),
            };
            if !plan.passes_filter(&known) {
                self.tally.filtered(event.at);
                continue;
            }
            if event.depth > MAX_DEPTH {
                let why =
                    format!("this is a loop: workflows have started each other {MAX_DEPTH} times in a row");
                seen[at] = self.broken(event, why);
                continue;
            }
            let later = plan.trigger_settings().and_then(|trigger| trigger.starts_at(event));
            let later = later.filter(|later| *later > event.at);
            self.put_off += u64::from(later.is_some());
            let now = later.unwrap_or(event.at);
            let id = ExecutionId::derive(event.id, event.at, self.in_force.workflow, REPLAY);
            let mut run = Run::start(id, &plan, &known, now);
            run.set_mails(&self.mails);
            started.push(Started { at, run, now, effects: Vec::new(), broken: None });
        }
        started
    }

    /// Each to its end, one after the other: what one leaves behind is there for the next, whatever page it is on.
    async fn run(&mut self, session: &Session, started: &mut [Started]) -> Result<(), StoreError> {
        let plan = self.plan().clone();
        if self.moves_balances {
            let customers = started.iter().filter_map(|one| one.run.context().customer_id());
            self.world.expect(session, customers).await?;
        }
        for Started { run, now, effects, .. } in started {
            loop {
                let requests = go_on(run, now, &plan);
                if requests.is_empty() {
                    break;
                }
                self.world.learn(session, &requests, run.context()).await?;
                for request in requests {
                    let answer = self.world.answer(&request, run.context());
                    effects.extend(Happened::of(&plan, &request, &answer, self.tells));
                    run.answer(&plan, &request.node, &request.item, answer, *now);
                }
            }
        }
        Ok(())
    }

    fn end(&mut self, event: &Event, run: &Run, effects: Vec<Happened>) -> Option<Seen> {
        let ended = ended(run);
        self.tally.ended(event.id, event.at, &ended, &effects);
        self.tells.then(|| Seen::new(ended, run.steps(), effects))
    }

    /// One that fails before anything of it has run.
    fn broken(&mut self, event: &Event, why: String) -> Option<Seen> {
        let ended = Ended { outcome: Outcome::Failed, node: None, why: Some(why) };
        self.tally.ended(event.id, event.at, &ended, &[]);
        self.tells.then(|| Seen::new(ended, &[], Vec::new()))
    }
}

/// As far as it goes without the world. Waits are passed by: the clock goes to the instant at which they end.
fn go_on(run: &mut Run, now: &mut DateTime<Utc>, plan: &Plan) -> Vec<Request> {
    for _ in 0..MOST_WAITS {
        let requests = run.advance(plan, *now);
        if !requests.is_empty() {
            return requests;
        }
        let due = run.rests().due.filter(|_| run.status == Status::Waiting);
        let Some(due) = due else { break };
        *now = due.max(*now);
        run.refresh();
    }
    Vec::new()
}

fn ended(run: &Run) -> Ended {
    let outcome = match run.status {
        Status::Succeeded => Outcome::Succeeded,
        Status::Running | Status::Waiting => Outcome::Waiting,
        Status::Failed | Status::Cancelled => Outcome::Failed,
    };
    let gave_up = |step: &&Step| step.outcome == StepOutcome::Failed;
    let step = run.steps().iter().find(gave_up).filter(|_| outcome == Outcome::Failed);
    Ended { outcome, node: step.map(|step| step.node.clone()), why: step.and_then(|step| step.why.clone()) }
}
