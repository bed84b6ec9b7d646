//! `enroll_customer`: a place in a course or service.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::given::{customer_of, line_of, order_of_event};
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
        name: "enroll_customer",
        label: "Enroll customer",
        docs: "Gives a customer a place in a course or service. Who has one already, active or paused, keeps it.",
        icon: "school",
        example: r#"{"product": "prod_course", "title": "Sourdough in six weeks", "expires_after": "180d"}"#,
        schema: schema::<EnrollCustomer>,
    },
    retry: RetryClass::Database,
    effect: EffectKind::Rows("enroll_customer"),
    writes: &[Write::to("enrollments", Operation::Insert)],
    needs: &[Need::unless("customer", CUSTOMER_OF_EVENT)],
    result: &[Field::new("enrollment_id", FieldType::Id), Field::new("created", FieldType::Boolean)],
    build: action::<EnrollCustomer>,
};

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnrollCustomer {
    /// Medusa's id of what was bought: `prod_…`.
    product: Template,
    /// What the place is called.
    title: Template,
    /// It ends after so long. Without it, never.
    expires_after: Option<Span>,
    /// Who: the id of a customer. Without it, the event's customer.
    customer: Option<Template>,
}

impl Action for EnrollCustomer {
    fn plan(&self, context: &Context) -> Result<Effect, PlanError> {
        let customer = customer_of(self.customer.as_ref(), context)?;
        let input = json!({ "customer": customer, "order": order_of_event(context),
            "product": line_of("product", &self.product, context, 200)?,
            "title": line_of("title", &self.title, context, 500)?,
            "expires": self.expires_after.map(|span| span.after(context.now())) });
        let rows = Rows::new("enroll_customer", input).judging(Target::Customer, customer);
        Ok(Effect::Rows(rows.writing("enrollments", Key::Own)))
    }
}
