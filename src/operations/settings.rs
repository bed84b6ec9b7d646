//! The settings that hold for who answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{Asked, Context, Nothing, Operation, Refusal, Verb};

/// Settings, with stars for secrets.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Settings)]
pub struct Shown {
    /// By name; those of a part are below it.
    #[schema(value_type = Object)]
    pub settings: BTreeMap<String, Value>,
}

/// Shows the settings.
#[derive(Debug)]
pub struct Show;

impl Operation for Show {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/settings";
    const NAME: &'static str = "showSettings";
    const ABOUT: &'static str = "The settings that hold for this daemon. Secrets are stars.";
    type Path = Nothing;
    type Query = Nothing;
    type Body = Nothing;
    type Output = Shown;

    async fn run(context: &Context, _asked: Asked<Self>) -> Result<Shown, Refusal> {
        let told = serde_json::to_value(&*context.settings).map_err(anyhow::Error::from)?;
        Ok(Shown { settings: serde_json::from_value(told).map_err(anyhow::Error::from)? })
    }
}
