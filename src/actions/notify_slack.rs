//! `notify_slack`: post a message into a channel of Slack, by an incoming webhook.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::domain::effect::{Effect, EffectKind, HttpRequest};
use crate::domain::veiled::Piece;
use crate::workflow::catalogue::{About, Action, ActionKind, PlanError, RetryClass, schema};
use crate::workflow::config::Reader;
use crate::workflow::context::Context;
use crate::workflow::shape::{Shape, Texts};
use crate::workflow::slack::SlackTemplate;
use crate::workflow::subjects::{Field, FieldType};

/// The kind.
pub const KIND: ActionKind = ActionKind {
    about: About {
        name: "notify_slack",
        label: "Notify Slack",
        docs: "Posts a message into a channel of Slack. The channel's incoming webhook, `https://hooks.slack.com/services/…`, is \
               a secret: store it with `thendo secrets set slack`, and name it. Values are escaped: what a customer writes pings \
               nobody. Slack knows no keys, so a message whose answer got lost may come twice.",
        icon: "brand-slack",
        example: r#"{"webhook": "slack", "text": "*{{ customer.name }}* ordered for {{ order.total|money(order.currency) }}"}"#,
        schema: schema::<Settings>,
    },
    retry: RetryClass::Harmless,
    effect: EffectKind::Delivery,
    writes: &[],
    needs: &[],
    result: &[Field::new("status", FieldType::Integer), Field::new("body", FieldType::Json)],
    build,
};

/// As Slack says: a longer text is cut.
const MOST_LETTERS: usize = 40_000;
const MOST_BLOCKS: usize = 50;

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// The name of the stored secret that is the URL of the incoming webhook.
    webhook: String,
    /// The message, in Slack's own marks: `*bold*`, `<https://…|a link>`.
    text: SlackTemplate,
    /// Blocks of Slack's Block Kit, whose texts are templates; `text` is then what notifications show.
    blocks: Option<Vec<Value>>,
}

#[derive(Debug)]
struct NotifySlack {
    webhook: String,
    text: SlackTemplate,
    blocks: Option<Shape>,
}

fn build(reader: &mut Reader<'_>) -> Option<Box<dyn Action>> {
    let Settings { webhook, text, blocks } = reader.read::<Settings>()?;
    reader.secret_name(&webhook, "webhook");
    if blocks.as_ref().is_some_and(|blocks| blocks.is_empty() || blocks.len() > MOST_BLOCKS) {
        reader.fault_at("out-of-range", "blocks", format!("Slack takes 1 to {MOST_BLOCKS} blocks"));
    }
    let blocks = match blocks {
        Some(blocks) => Some(Shape::read(reader, &Value::Array(blocks), "blocks", Texts::Slack)?),
        None => None,
    };
    Some(Box::new(NotifySlack { webhook, text, blocks }))
}

impl Action for NotifySlack {
    fn plan(&self, context: &Context) -> Result<Effect, PlanError> {
        let text = self.text.render(context).map_err(|error| PlanError::of("text", &error))?;
        if text.trim().is_empty() || text.chars().count() > MOST_LETTERS {
            return Err(PlanError(format!("text: Slack takes 1 to {MOST_LETTERS} letters")));
        }
        let mut message = json!({ "text": text });
        if let Some(blocks) = &self.blocks {
            message["blocks"] = blocks.value("blocks", context)?;
        }
        Ok(Effect::HttpRequest(HttpRequest {
            method: "POST".into(),
            url: [Piece::Secret { secret: self.webhook.clone() }].into_iter().collect(),
            headers: BTreeMap::from([("content-type".to_owned(), "application/json".into())]),
            body: Some(message.to_string().into()),
            signed_with: None,
            embeds: None,
            timeout_ms: None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflow::catalogue::Catalogue;
    use crate::workflow::context::tests::order_context;
    use crate::workflow::scope::Scope;

    fn built(config: Value) -> Result<Box<dyn Action>, Vec<String>> {
        let (schema, scope) = ((KIND.about.schema)(), Scope::default());
        let mut reader = Reader::new("n", &config, "/c", &schema, &scope, &Catalogue::EMPTY);
        let built = build(&mut reader);
        let path = |fault: &crate::workflow::diagnostics::Diagnostic| fault.path.clone().unwrap_or_default();
        let faults = reader.faults.iter().filter(|fault| !fault.code.starts_with("unknown-name"));
        let faults: Vec<String> = faults.map(|fault| format!("{} {}", fault.code, path(fault))).collect();
        if faults.is_empty() { Ok(built.expect("no fault")) } else { Err(faults) }
    }

    #[test]
    fn a_name_pings_nobody_in_text_or_blocks() {
        let config = json!({"webhook": "slack", "text": "<!here> {{ order.note }}",
            "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "*{{ order.note }}*"}}]});
        let context = order_context(json!({"note": "<!channel> \"&\""}));
        let Ok(Effect::HttpRequest(request)) = built(config).expect("builds").plan(&context) else {
            panic!("fails")
        };
        assert_eq!(request.url.to_string(), "{{ secret(\"slack\") }}");
        let body: Value =
            serde_json::from_str(&request.body.and_then(|body| body.plain()).expect("a body")).expect("JSON");
        assert_eq!(body["text"], "<!here> &lt;!channel&gt; \"&amp;\"");
        assert_eq!(body["blocks"][0]["text"]["text"], "*&lt;!channel&gt; \"&amp;\"*");
    }

    #[test]
    fn faults_are_told_with_their_place() {
        let fault = |config: Value| built(config).map(|_| ()).expect_err("a fault");
        let url = "https://hooks.slack.com/services/T0/B0/x";
        assert_eq!(fault(json!({"webhook": url, "text": "x"})), ["invalid-secret-name /c/webhook"]);
        assert_eq!(
            fault(json!({"webhook": "slack", "text": "{{ secret('a') }}"})),
            ["misplaced-secret /c/text"]
        );
        let blocks = json!({"webhook": "slack", "text": "x", "blocks": []});
        assert_eq!(fault(blocks), ["out-of-range /c/blocks"]);
        let blocks = json!({"webhook": "slack", "text": "x", "blocks": [{"text": "{{ "}]});
        assert_eq!(fault(blocks), ["template-syntax /c/blocks/0/text"]);
        let context = order_context(json!({"note": " "}));
        let empty =
            built(json!({"webhook": "slack", "text": "{{ order.note }}"})).expect("builds").plan(&context);
        assert!(empty.is_err());
    }
}
