//! What a backtest does not know, said beside its figures.

use serde_json::Value;

use super::side::Side;
use crate::workflow::flow::Flow;
use crate::workflow::mails::sent_by;
use crate::workflow::plan::{Plan, PlanNode, Work};

/// Kinds whose results are known without a database: what later nodes read of them is as it would be.
const KNOWN: &[&str] = &["award_points", "redeem_points", "create_deposit", "send_email"];

/// What was taken as it is today instead of then, or taken for granted, a sentence each.
pub(super) fn assumed(side: &Side, in_database: bool) -> Vec<String> {
    let plan = side.plan();
    let done = |kind: &str| side.tally.totals.effects.contains_key(kind);
    let mut all = vec!["the clock of each execution is its event's; waits were passed by".to_owned()];
    if plan.needs_customer() {
        all.push("customers were looked at as they are today".into());
    }
    if sent_by(plan).next().is_some() {
        all.push("stored mails (email_templates) were taken as they are today".into());
    }
    if in_database {
        all.push("effects were applied to the rows as they are today, each execution by itself".into());
    } else {
        all.extend(without_database(side));
    }
    if done("send_email") && !in_database {
        all.push(
            "whether a recipient may be mailed (suppressions, consents) was not asked: all mails count"
                .into(),
        );
    }
    for node in nodes(plan).filter(|node| done(node.kind)) {
        let is_answered = !KNOWN.contains(&node.kind) && (!in_database || leaves(node));
        if let Some(reader) = read_by(plan, node).filter(|_| is_answered) {
            let (reader, of) = (&reader.id, &node.id);
            all.push(format!(
                "`{reader}` reads `steps.{of}`: what {} would have answered is not known, so it was made up",
                node.kind
            ));
        }
    }
    if nodes(plan).any(|node| matches!(&node.work, Work::Control(control) if control.awaits().is_some())) {
        all.push("events that executions wait for, or that end them, were not looked for: each wait ended by its time-out".into());
    }
    if side.put_off > 0 {
        all.push(format!(
            "{} executions would start later than their event: that a further event of the row would take their place, or that \
             it would not count any more by then, was not looked at",
            side.put_off
        ));
    }
    all
}

fn without_database(side: &Side) -> Vec<String> {
    let done = |kind: &str| side.tally.totals.effects.contains_key(kind);
    let mut all = vec![
        "effects were answered as they would succeed; what only the database would refuse is not found (--database asks it)"
            .to_owned(),
    ];
    if done("award_points") || done("redeem_points") {
        all.push(
            "balances begin as the ledger had them at the beginning; after that they know only what is awarded here".into(),
        );
    }
    if side.world.forgets {
        all.push(
            "there were too many customers to keep all balances: some began anew every few hundred events"
                .into(),
        );
    }
    if done("reverse_points") {
        all.push("how many points reverse_points takes back was not worked out: 0 was taken".into());
    }
    all
}

/// What the reader should know: rules that were not asked.
pub(super) fn warnings(side: &Side) -> Vec<String> {
    let rules = side.plan().flow().map(rules).unwrap_or_default();
    if rules.is_empty() {
        return Vec::new();
    }
    let rules = rules.join(", ");
    vec![format!(
        "flow control of {} was not asked ({rules}): fewer may start, or later, and of several one",
        side.name
    )]
}

fn rules(flow: &Flow) -> Vec<&'static str> {
    let set = [
        ("once", flow.once.is_some()),
        ("debounce", flow.debounce.is_some()),
        ("concurrency", flow.concurrency.is_some()),
        ("rate", flow.rate.is_some()),
        ("bulk_guard", flow.bulk_guard.is_some()),
    ];
    set.into_iter().filter_map(|(name, is_set)| is_set.then_some(name)).collect()
}

fn nodes(plan: &Plan) -> impl Iterator<Item = &PlanNode> {
    plan.order().iter().filter_map(|at| plan.graph().node_weight(*at))
}

/// Whether what it asks for is done elsewhere.
fn leaves(node: &PlanNode) -> bool {
    use crate::workflow::catalogue::RetryClass::{Harmless, Once};
    matches!(node.class, Some(Harmless | Once))
}

/// A node whose settings read the result of this one, as far as their text tells.
fn read_by<'p>(plan: &'p Plan, of: &PlanNode) -> Option<&'p PlanNode> {
    let spellings =
        [format!("steps.{}", of.id), format!("steps[\"{}\"]", of.id), format!("steps['{}']", of.id)];
    nodes(plan).filter(|node| node.id != of.id).find(|node| reads(&node.config, &spellings))
}

fn reads(value: &Value, spellings: &[String]) -> bool {
    match value {
        Value::String(text) => spellings.iter().any(|spelling| contains_path(text, spelling)),
        Value::Array(all) => all.iter().any(|one| reads(one, spellings)),
        Value::Object(all) => all.values().any(|one| reads(one, spellings)),
        _ => false,
    }
}

/// Whether a path stands in a text and does not go on as another name.
fn contains_path(text: &str, path: &str) -> bool {
    text.match_indices(path).any(|(at, _)| {
        let next = text[at + path.len()..].chars().next();
        path.ends_with(']') || !next.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '-')
    })
}
