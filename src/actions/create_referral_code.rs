//! `create_referral_code`: a code that a customer passes on.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::given::{Whole, customer_of, line_of};
use crate::domain::effect::{Effect, EffectKind, Key, Rows, Target};
use crate::domain::event::Operation;
use crate::workflow::build::CUSTOMER_OF_EVENT;
use crate::workflow::catalogue::{
    About, Action, ActionKind, Need, PlanError, RetryClass, Write, action, schema,
};
use crate::workflow::context::Context;
use crate::workflow::span::Span;
use crate::workflow::subjects::{Field, FieldType};
use crate::workflow::template::Template;

/// The kind.
pub const KIND: ActionKind = ActionKind {
    about: About {
        name: "create_referral_code",
        label: "Create referral code",
        docs: "Gives a customer a code to pass on: one that nobody guesses, or the one that is set. Who has a code that can still \
               be used keeps it, unless another one is asked for.",
        icon: "affiliate",
        example: r#"{"most_uses": 10, "expires_after": "90d"}"#,
        schema: schema::<CreateReferralCode>,
    },
    retry: RetryClass::Database,
    effect: EffectKind::Rows("create_referral_code"),
    writes: &[Write::to("referral_codes", Operation::Insert)],
    needs: &[Need::unless("customer", CUSTOMER_OF_EVENT)],
    result: &[
        Field::new("code", FieldType::Text),
        Field::new("referral_code_id", FieldType::Id),
        Field::new("created", FieldType::Boolean),
    ],
    build: action::<CreateReferralCode>,
};

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateReferralCode {
    /// 4 to 64 letters, digits, `-` and `_`. Without it, one is made up.
    code: Option<Template>,
    /// So many may use it. Without it, as many as like.
    most_uses: Option<Whole>,
    /// It can be used for so long. Without it, for ever.
    expires_after: Option<Span>,
    /// One more, also for who has one.
    #[serde(default)]
    another: bool,
    /// Whose: the id of a customer. Without it, the event's customer.
    customer: Option<Template>,
}

impl Action for CreateReferralCode {
    fn plan(&self, context: &Context) -> Result<Effect, PlanError> {
        let customer = customer_of(self.customer.as_ref(), context)?;
        let code = self.code.as_ref().map(|code| line_of("code", code, context, 64)).transpose()?;
        let may = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if let Some(code) = code.as_ref().filter(|code| code.len() < 4 || !code.chars().all(may)) {
            return Err(PlanError(format!("code: `{code}` is not 4 to 64 letters, digits, `-` and `_`")));
        }
        let most_uses = self.most_uses.as_ref();
        let most_uses =
            most_uses.map(|most| most.within("most_uses", context, 1, i32::MAX.into())).transpose()?;
        let input = json!({ "customer": customer, "code": code, "most_uses": most_uses, "another": self.another,
            "expires": self.expires_after.map(|span| span.after(context.now())) });
        let rows = Rows::new("create_referral_code", input).judging(Target::Customer, customer);
        Ok(Effect::Rows(rows.writing("referral_codes", Key::Own)))
    }
}
