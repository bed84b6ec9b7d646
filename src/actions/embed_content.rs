//! `embed_content`: have a model say what a post is about, so that related posts are found.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::given::{id_of, text_of};
use crate::domain::effect::{Effect, EffectKind, HttpRequest};
use crate::domain::event::Operation;
use crate::domain::veiled::{Piece, Veiled};
use crate::workflow::catalogue::{About, Action, ActionKind, Need, PlanError, RetryClass, Write, schema};
use crate::workflow::config::Reader;
use crate::workflow::context::Context;
use crate::workflow::subjects::{Field, FieldType};
use crate::workflow::template::Template;

/// The kind.
pub const KIND: ActionKind = ActionKind {
    about: About {
        name: "embed_content",
        label: "Embed content",
        docs: "Asks an OpenAI-compatible server for the embedding of a post and stores it: `related_posts()` and `search_content()` \
               go by it. The key is a stored secret (`thendo secrets set embeddings`); as long as there is none, the step is done \
               without doing anything. Needs pgvector. A server of your own must be named in the setting `http.allow`.",
        icon: "vector",
        example: r#"{"model": "text-embedding-3-small"}"#,
        schema: schema::<Settings>,
    },
    retry: RetryClass::Harmless,
    effect: EffectKind::Delivery,
    writes: &[Write::to("blog_posts", Operation::Update)],
    needs: &[Need::unless("post", "post.id"), Need::unless("text", "post.title")],
    result: &[
        Field::new("stored", FieldType::Boolean),
        Field::new("status", FieldType::Integer),
        Field::new("dimensions", FieldType::Integer),
        Field::new("model", FieldType::Text),
    ],
    build,
};

/// As many letters as models of 8,192 tokens take of most languages.
const MOST_LETTERS: usize = 20_000;

/// What an admin sets on the node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// Which post: its id. Without it, the event's.
    post: Option<Template>,
    /// What is embedded. Without it, title, excerpt and body of the event's post.
    text: Option<Template>,
    /// The server's URL for embeddings.
    #[serde(default = "of_openai")]
    url: String,
    /// The model. It must give 1536 dimensions.
    #[serde(default = "small")]
    model: String,
    /// The name of the stored secret that is the key.
    #[serde(default = "embeddings")]
    secret: String,
}

fn of_openai() -> String {
    "https://api.openai.com/v1/embeddings".into()
}

fn small() -> String {
    "text-embedding-3-small".into()
}

fn embeddings() -> String {
    "embeddings".into()
}

fn build(reader: &mut Reader<'_>) -> Option<Box<dyn Action>> {
    let settings = reader.read::<Settings>()?;
    reader.secret_name(&settings.secret, "secret");
    let is_url = |url: &reqwest::Url| matches!(url.scheme(), "http" | "https") && url.username().is_empty();
    if !reqwest::Url::parse(&settings.url).is_ok_and(|url| is_url(&url)) {
        reader.fault_at(
            "invalid-config",
            "url",
            "this is no URL of a server: write such as https://api.openai.com/v1/embeddings",
        );
    }
    Some(Box::new(settings))
}

impl Settings {
    fn text(&self, context: &Context) -> Result<String, PlanError> {
        let text = match &self.text {
            Some(text) => text_of("text", text, context)?,
            None => {
                let part = |field: &&str| context.row_field(field).and_then(Value::as_str);
                let parts: Vec<&str> = ["title", "excerpt", "body"].iter().filter_map(part).collect();
                parts.join("\n\n")
            }
        };
        match text.trim() {
            "" => Err(PlanError("text: the post says nothing".into())),
            text => Ok(text.chars().take(MOST_LETTERS).collect()),
        }
    }
}

impl Action for Settings {
    fn plan(&self, context: &Context) -> Result<Effect, PlanError> {
        let post = match &self.post {
            Some(post) => id_of("post", post, context)?,
            None => context.row_id("id").ok_or_else(|| PlanError("the event has no post".into()))?,
        };
        let body = json!({ "model": self.model, "input": self.text(context)?, "encoding_format": "float" });
        let bearer: Veiled = [Piece::Text("Bearer ".into()), Piece::Secret { secret: self.secret.clone() }]
            .into_iter()
            .collect();
        let headers = BTreeMap::from([
            ("content-type".to_owned(), "application/json".into()),
            ("authorization".to_owned(), bearer),
        ]);
        Ok(Effect::HttpRequest(HttpRequest {
            method: "POST".into(),
            url: self.url.as_str().into(),
            headers,
            body: Some(body.to_string().into()),
            signed_with: None,
            embeds: Some(post),
            timeout_ms: None,
        }))
    }
}
