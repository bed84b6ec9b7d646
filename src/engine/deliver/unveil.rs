//! Secrets for one attempt: fetched by name and decrypted right before something is sent, and forgotten with it.

use std::time::Duration;

use tokio::time::timeout;

use super::Ways;
use crate::domain::delivery::DeliveryError;
use crate::domain::effect::HttpRequest;
use crate::domain::retry::Trouble;
use crate::engine::listen::Side;
use crate::engine::side_session;
use crate::outside::requests::Unveiled;
use crate::store::secrets::{Used, use_secrets};

/// For so long the database may be away.
const PATIENCE: Duration = Duration::from_secs(5);

/// The secrets that a request names; or the name of one that is not stored.
///
/// # Errors
/// [`DeliveryError::Refused`] with what to do, if one can't be read; a passing one if the database is away.
pub(super) async fn unveil(
    ways: &Ways,
    mut side: Side,
    request: &HttpRequest,
) -> Result<Result<Unveiled, String>, DeliveryError> {
    let names: Vec<&str> = request.secrets().into_iter().collect();
    if names.is_empty() {
        return Ok(Ok(Unveiled::default()));
    }
    let used = timeout(PATIENCE, async {
        let session = side_session(&mut side).await;
        use_secrets(&session, &names).await
    });
    let Used { found, seconds } = match used.await {
        Ok(Ok(used)) => used,
        Ok(Err(fault)) => return Err(away(fault.to_string())),
        Err(_) => return Err(away("the database does not answer".into())),
    };
    let refused = |reason: String| DeliveryError::Refused { peer: "thendo".into(), reason };
    let mut unveiled = Unveiled { seconds, ..Unveiled::default() };
    for name in names {
        let Some((_, sealed)) = found.iter().find(|(of, _)| of == name) else {
            return Ok(Err(name.to_owned()));
        };
        let value = ways.keys.open(sealed, name);
        let value = value.map_err(|fault| refused(format!("the secret `{name}`: {fault}")))?;
        unveiled.values.insert(name.to_owned(), value);
    }
    Ok(Ok(unveiled))
}

fn away(why: String) -> DeliveryError {
    let (peer, trouble) = ("the store of secrets".into(), Trouble::Connection);
    DeliveryError::Transient { peer, trouble, retry_after: None, source: why.into() }
}
