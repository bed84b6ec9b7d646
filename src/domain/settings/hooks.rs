//! The settings of webhooks that come in.

use serde::{Deserialize, Serialize};

use super::OutOfBounds;
use crate::domain::veiled::is_secret_name;

/// Webhooks of other systems.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hooks {
    /// The largest body that is taken, in KiB.
    pub max_body_kib: u32,
    /// The name of the stored secret of Stripe's endpoint: what Stripe posts to `/hooks/stripe` then keeps the shop in step.
    pub stripe: Option<String>,
}

impl Default for Hooks {
    fn default() -> Self {
        Self { max_body_kib: 1024, stripe: None }
    }
}

impl Hooks {
    pub(super) fn check(&self) -> Result<(), OutOfBounds> {
        if self.stripe.as_ref().is_none_or(|name| is_secret_name(name)) {
            return Ok(());
        }
        // Perhaps the secret itself stands there.
        let bounds = "the name of a stored secret: small letters, digits and `_`".into();
        Err(OutOfBounds { key: "hooks.stripe", value: "no name".into(), bounds })
    }
}
