//! Why a delivery did not succeed.

use std::time::Duration;

use super::retry::Trouble;

/// Why a delivery did not succeed. The variant decides what happens next.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The world may recover: tried again under the node's policy.
    #[error("{peer} is unavailable")]
    Transient {
        /// Who.
        peer: String,
        /// What kind of error it is.
        trouble: Trouble,
        /// The other side asked not to be bothered for so long.
        retry_after: Option<Duration>,
        /// What it said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Trying again cannot help, unless the node says that it may.
    #[error("{peer} refused: {reason}")]
    Refused {
        /// Who.
        peer: String,
        /// What it said.
        reason: String,
    },
    /// It may have happened. Never repeated without being asked.
    #[error("no answer from {peer} after the message was handed over")]
    Unknown {
        /// Who.
        peer: String,
    },
}
