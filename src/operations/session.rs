//! Who is signed in.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Asked, Context, Nothing, Operation, Refusal, Verb};

/// Who asks.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SignedIn {
    /// In the audit's words.
    pub who: String,
    /// Their account, if they have one.
    pub account: Option<Uuid>,
    /// What they may.
    pub scopes: Vec<String>,
}

/// Says who asks.
#[derive(Debug)]
pub struct WhoAmI;

impl Operation for WhoAmI {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/session";
    const NAME: &'static str = "whoAmI";
    const ABOUT: &'static str = "Who is signed in, and what they may.";
    type Path = Nothing;
    type Query = Nothing;
    type Body = Nothing;
    type Output = SignedIn;

    async fn run(context: &Context, _asked: Asked<Self>) -> Result<SignedIn, Refusal> {
        let who = &context.who;
        Ok(SignedIn { who: who.name.clone(), account: who.account, scopes: who.scopes.clone() })
    }
}
