//! The settings of webhooks that come in.

use serde::{Deserialize, Serialize};

/// Webhooks of other systems.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hooks {
    /// The largest body that is taken, in KiB.
    pub max_body_kib: u32,
}

impl Default for Hooks {
    fn default() -> Self {
        Self { max_body_kib: 1024 }
    }
}
