//! `split`: go on by one of several branches, by their shares.

use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::names;
use crate::domain::ids::ExecutionId;
use crate::workflow::catalogue::{About, Condition, ConditionKind, Decision, PlanError, schema};
use crate::workflow::config::Reader;
use crate::workflow::context::Context;

/// The kind.
pub const KIND: ConditionKind = ConditionKind {
    about: About {
        name: "split",
        label: "Split",
        docs: "Goes on by one of several branches, each as often as its share says. No dice: an execution always \
            goes the same way, however often it is looked at or done again. With `by: customer` all executions of \
            a person go the same way, as long as the node's id (or `experiment`) and the shares stay what they are.",
        icon: "percentage",
        example: r#"{"branches": [{"name": "a", "share": 50}, {"name": "b", "share": 50}], "by": "customer"}"#,
        schema: schema::<Settings>,
    },
    branches: &[],
    build,
};

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// The branches, at most 50.
    branches: Vec<Share>,
    /// Who is sent the same way each time: the execution, or the customer. An event without a customer (a guest's
    /// order) is sent by its execution.
    #[serde(default)]
    by: Who,
    /// The name of the experiment. Splits of the same experiment and the same shares send a person the same way, in
    /// other workflows too; without it the node's id counts.
    #[serde(default)]
    experiment: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Share {
    /// The name of the branch: what edges' `sourceHandle` says.
    name: String,
    /// How often, against the sum of all shares: percent, if they are 100 together. 0 is never.
    #[schemars(range(max = 10_000))]
    share: u32,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Who {
    #[default]
    Execution,
    Customer,
}

#[derive(Debug)]
struct Split {
    shares: Vec<Share>,
    total: u64,
    by: Who,
    salt: String,
}

fn build(reader: &mut Reader<'_>) -> Option<Box<dyn Condition>> {
    let settings = reader.read::<Settings>()?;
    names::list(reader, reader.value, "branches")?;
    let mut known = Vec::new();
    for (at, share) in settings.branches.iter().enumerate() {
        let path = format!("{}/branches/{at}", reader.path);
        known.extend(names::check(reader, &share.name, &known, &["error"], &path));
    }
    let total: u64 = settings.branches.iter().map(|share| u64::from(share.share)).sum();
    if total == 0 {
        reader.fault_at("out-of-range", "branches", "all shares are 0: no way is left");
    }
    if settings.experiment.as_ref().is_some_and(|name| name.is_empty() || name.len() > 200) {
        reader.fault_at("out-of-range", "experiment", "an experiment's name has between 1 and 200 bytes");
        return None;
    }
    if settings.by == Who::Customer {
        let at = format!("{}/by", reader.path);
        reader.name("customer.id", &at, None)?;
    }
    let salt = settings.experiment.unwrap_or_else(|| reader.node.to_owned());
    let all = known.len() == settings.branches.len() && total > 0;
    let split = Split { shares: settings.branches, total, by: settings.by, salt };
    all.then(|| Box::new(split) as Box<dyn Condition>)
}

impl Split {
    /// A number below the sum of the shares, the same for the same `who`.
    fn place(&self, who: &[u8]) -> u64 {
        let mut hash = Sha256::new();
        // The length keeps what stands together apart.
        hash.update((self.salt.len() as u64).to_be_bytes());
        hash.update(self.salt.as_bytes());
        hash.update(who);
        let first = hash.finalize().iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        ((u128::from(first) * u128::from(self.total)) >> 64) as u64
    }

    fn branch_at(&self, place: u64) -> &Share {
        let mut end = 0;
        let found = self.shares.iter().find(|share| {
            end += u64::from(share.share);
            place < end
        });
        found.unwrap_or(&self.shares[0])
    }
}

impl Condition for Split {
    fn branches(&self) -> Vec<&str> {
        self.shares.iter().map(|share| share.name.as_str()).collect()
    }

    fn decide(&self, context: &Context) -> Result<Decision, PlanError> {
        let customer = (self.by == Who::Customer)
            .then(|| context.get(&["customer", "id"])?.as_str().map(str::to_owned))
            .flatten();
        let ExecutionId(execution) = context.execution();
        let (who, place) = match &customer {
            Some(id) => ("customer", self.place(id.as_bytes())),
            None => ("execution", self.place(execution.as_bytes())),
        };
        let Share { name, share } = self.branch_at(place);
        let why = format!("this {who} is one of the {share} in {} for `{name}`", self.total);
        Ok(Decision { branch: name.clone(), why })
    }

    fn always(&self) -> Option<&str> {
        let mut possible = self.shares.iter().filter(|share| share.share > 0);
        let first = possible.next()?;
        possible.next().is_none().then_some(first.name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;
    use crate::conditions::tests::{built, faults};
    use crate::workflow::context::tests::order_event;

    fn context(customer: Option<u128>, execution: u128) -> Context {
        let mut event = order_event(json!({}));
        event.customer = customer.map(|id| {
            let row = json!({"id": Uuid::from_u128(id).to_string()});
            row.as_object().cloned().unwrap_or_default().into()
        });
        Context::new(&event, "order_created", "order", ExecutionId(Uuid::from_u128(execution)), event.at)
    }

    fn ways(split: &dyn Condition, contexts: impl Iterator<Item = Context>) -> BTreeMap<String, usize> {
        let mut ways = BTreeMap::new();
        for context in contexts {
            *ways.entry(split.decide(&context).expect("decides").branch).or_insert(0) += 1;
        }
        ways
    }

    #[test]
    fn shares_are_kept_and_an_execution_goes_one_way() {
        let split = built(
            &KIND,
            &json!({"branches": [
            {"name": "a", "share": 70}, {"name": "never", "share": 0}, {"name": "b", "share": 30}]}),
        );
        let found = ways(&*split, (0..10_000).map(|n| context(Some(1), n)));
        assert!((6_800..7_200).contains(&found["a"]), "{found:?}");
        assert_eq!(found.keys().collect::<Vec<_>>(), ["a", "b"]);
        let again = ways(&*split, (0..50).map(|_| context(Some(1), 77)));
        assert_eq!(again.len(), 1);
        // What was decided yesterday is decided so tomorrow: these never change.
        let first: String =
            (0..16).map(|n| split.decide(&context(None, n)).expect("decides").branch).collect();
        assert_eq!(first, FIRST);
    }

    const FIRST: &str = "bbbbbabbbabaaaaa";

    #[test]
    fn a_person_sees_one_variant_and_two_splits_are_independent() {
        let by_customer = |node: &str, experiment: Value| {
            let config = json!({"branches": [{"name": "a", "share": 1}, {"name": "b", "share": 1}],
                "by": "customer", "experiment": experiment});
            crate::conditions::tests::built_as(&KIND, node, &config)
        };
        let one = by_customer("s1", Value::Null);
        let way = |split: &dyn Condition, customer, execution| {
            split.decide(&context(Some(customer), execution)).expect("decides").branch
        };
        for customer in 0..50 {
            let ways: Vec<String> = (0..9).map(|execution| way(&*one, customer, execution)).collect();
            assert!(ways.windows(2).all(|pair| pair[0] == pair[1]), "customer {customer}: {ways:?}");
        }
        let same = |a: &dyn Condition, b: &dyn Condition| {
            (0..1_000).filter(|customer| way(a, *customer, 1) == way(b, *customer, 2)).count()
        };
        let other = same(&*one, &*by_customer("s2", Value::Null));
        assert!((400..600).contains(&other), "{other} of 1,000 go the same way in another split");
        assert_eq!(same(&*by_customer("x", json!("e")), &*by_customer("y", json!("e"))), 1_000);
        let guests = ways(&*one, (0..1_000).map(|n| context(None, n)));
        assert!(guests["a"] > 400 && guests["b"] > 400, "{guests:?}");
    }

    #[test]
    fn faults_and_constants() {
        let codes = |branches: Value| faults(&KIND, &json!({"branches": branches}));
        assert_eq!(codes(json!([])), ["out-of-range /branches"]);
        assert_eq!(codes(json!([{"name": "a", "share": 0}])), ["out-of-range /branches"]);
        assert_eq!(codes(json!([{"name": "a", "share": 10_001}])), ["out-of-range /branches/0/share"]);
        assert_eq!(codes(json!([{"name": "a", "share": -1}])), ["out-of-range /branches/0/share"]);
        assert_eq!(codes(json!([{"name": "a", "share": 1.5}])), ["wrong-type /branches/0/share"]);
        assert_eq!(
            codes(json!([{"name": "a", "share": 1}, {"name": "a", "share": 1}])),
            ["duplicate-branch /branches/1/name"]
        );
        let both = json!([{"name": "a", "share": 1}, {"name": "b", "share": 1}]);
        assert_eq!(faults(&KIND, &json!({"branches": both, "by": "wind"})), ["unknown-value /by"]);
        assert_eq!(faults(&KIND, &json!({"branches": both, "experiment": ""})), ["out-of-range /experiment"]);
        let always =
            |branches: Value| built(&KIND, &json!({"branches": branches})).always().map(str::to_owned);
        assert_eq!(always(json!([{"name": "a", "share": 100}])), Some("a".into()));
        assert_eq!(always(json!([{"name": "a", "share": 0}, {"name": "b", "share": 3}])), Some("b".into()));
        assert_eq!(always(both), None);
    }
}
