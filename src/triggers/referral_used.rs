//! `referral_used`: a customer brought another.

use schemars::JsonSchema;
use serde::Deserialize;

use super::changes::{CHANGED, WRITTEN, appeared, before, now};
use crate::domain::event::Event;
use crate::workflow::catalogue::{About, Source, Trigger, TriggerKind, schema, trigger};
use crate::workflow::subjects::{CUSTOMER, REFERRAL_CODE};

/// The kind.
pub const KIND: TriggerKind = TriggerKind {
    about: About {
        name: "referral_used",
        label: "Referral used",
        docs: "Starts when a customer came with another's code: for the one who passed the code on, or for the new one.",
        icon: "affiliate",
        example: r#"{"customer": "referrer"}"#,
        schema: schema::<ReferralUsed>,
    },
    sources: SOURCES,
    build: trigger::<ReferralUsed>,
};

const SOURCES: &[Source] = &[Source::of(&REFERRAL_CODE, CHANGED), Source::of(&CUSTOMER, WRITTEN)];

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReferralUsed {
    /// Who is `customer`: the referrer, beside the `referral_code`; or the referred one, whose `referred_by` names the
    /// referrer.
    #[serde(default)]
    customer: Who,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Who {
    #[default]
    Referrer,
    Referred,
}

impl Trigger for ReferralUsed {
    fn sources(&self) -> Vec<Source> {
        let [code, customer] = SOURCES else { return Vec::new() };
        vec![if self.customer == Who::Referrer { code.clone() } else { customer.clone() }]
    }

    fn matches(&self, event: &Event) -> bool {
        let uses = |value: Option<&serde_json::Value>| value.and_then(serde_json::Value::as_i64);
        match self.customer {
            Who::Referrer => match (uses(before(event, "uses")), uses(now(event, "uses"))) {
                (Some(was), Some(is)) => was < is,
                _ => false,
            },
            Who::Referred => appeared(event, "referred_by"),
        }
    }

    fn columns(&self) -> Vec<&str> {
        match self.customer {
            Who::Referrer => vec!["uses"],
            Who::Referred => vec!["referred_by"],
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::changes::tests::{built, counts, made, updated};
    use super::*;

    #[test]
    fn each_use_of_a_code_counts() {
        let tries = |event| counts(&KIND, json!({}), &event);
        assert!(tries(updated("referral_codes", json!({"uses": 2}), json!({"uses": 1}))));
        assert!(!tries(updated("referral_codes", json!({"uses": 1}), json!({"uses": 2}))));
        assert!(!tries(updated("referral_codes", json!({"uses": 2}), json!({"is_active": true}))));
        assert!(!tries(updated("referral_codes", json!({}), json!({"uses": 1}))));
        assert!(!tries(made("referral_codes", json!({"uses": 2}))));
        assert!(!tries(updated("customers", json!({"referred_by": "a"}), json!({"referred_by": null}))));
    }

    #[test]
    fn or_each_customer_who_was_brought() {
        let tries = |event| counts(&KIND, json!({"customer": "referred"}), &event);
        assert!(tries(updated("customers", json!({"referred_by": "a"}), json!({"referred_by": null}))));
        assert!(tries(made("customers", json!({"referred_by": "a"}))));
        assert!(!tries(updated("customers", json!({"referred_by": "a"}), json!({"name": null}))));
        assert!(!tries(updated("customers", json!({"referred_by": null}), json!({"referred_by": "a"}))));
        assert!(!tries(made("customers", json!({}))));
        assert!(!tries(updated("referral_codes", json!({"uses": 2}), json!({"uses": 1}))));
        assert_eq!(
            built(&KIND, json!({"customer": "both"})).err(),
            Some(vec!["unknown-value /customer".into()])
        );
    }
}
