//! Mails of campaigns: a delivery says for whom, the campaign says what. So a mail is made when it is sent.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::domain::delivery::DeliveryError;
use crate::domain::effect::Email;
use crate::domain::event::{Event, Operation, Row};
use crate::domain::ids::{EventId, ExecutionId};
use crate::domain::retry::Trouble;
use crate::engine::listen::Side;
use crate::engine::side_session;
use crate::store::campaigns::{self, Content};
use crate::workflow::context::Context;
use crate::workflow::mails::StoredMail;

/// Contents that are kept: campaigns under way at the same time are few.
const MOST_KEPT: usize = 32;

/// One mail of a campaign, as it was handed over.
#[derive(Debug, Deserialize)]
pub(super) struct Recipient {
    campaign: Uuid,
    edition: String,
    to: String,
    name: Option<String>,
    customer: Option<Row>,
    #[serde(default)]
    of_blog: bool,
}

/// What campaigns say, by campaign.
#[derive(Default)]
pub struct Contents(Mutex<HashMap<Edition, Arc<Prepared>>>);

/// A campaign, and which content: it is frozen anew where the first one could not be made.
type Edition = (Uuid, String);

struct Prepared {
    mail: StoredMail,
    content: Content,
}

impl Contents {
    /// The mail for one recipient.
    ///
    /// # Errors
    /// [`DeliveryError`]: the campaign is gone, the database away, or the template does not fit the recipient.
    pub(super) async fn mail(&self, side: Side, recipient: Recipient) -> Result<Email, DeliveryError> {
        let edition = (recipient.campaign, recipient.edition.clone());
        let prepared = self.kept().get(&edition).cloned();
        let prepared = match prepared {
            Some(known) => known,
            None => self.load(side, edition).await?,
        };
        prepared.mail_for(recipient)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, HashMap<Edition, Arc<Prepared>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn load(&self, mut side: Side, edition: Edition) -> Result<Arc<Prepared>, DeliveryError> {
        let session = side_session(&mut side).await;
        let campaign = edition.0;
        let content =
            campaigns::content(&session, campaign).await.map_err(|error| DeliveryError::Transient {
                peer: "the database".into(),
                trouble: Trouble::Connection,
                retry_after: None,
                source: error.into(),
            })?;
        let content = content.ok_or_else(|| refused(format!("the campaign {campaign} is gone")))?;
        let prepared = Arc::new(Prepared { mail: StoredMail::of(&content.template), content });
        let mut kept = self.kept();
        if kept.len() >= MOST_KEPT {
            kept.clear();
        }
        kept.insert(edition, prepared.clone());
        Ok(prepared)
    }
}

impl Prepared {
    fn mail_for(&self, recipient: Recipient) -> Result<Email, DeliveryError> {
        let Recipient { campaign, to, name, customer, of_blog, .. } = recipient;
        let at = self.content.started_at;
        // Who is no customer is addressed as one would be.
        let mut customer =
            customer.filter(|row| row.get("id").is_some_and(|id| !id.is_null())).unwrap_or_default();
        customer.entry("email").or_insert_with(|| json!(to));
        if customer.get("name").is_none_or(Value::is_null) {
            customer.insert("name".into(), json!(name));
        }
        let row = Row::from_iter([("email".to_owned(), json!(to)), ("name".to_owned(), json!(name))]);
        let event = Event {
            id: EventId(campaign),
            at,
            table: "waitlist_campaign_recipients".into(),
            operation: Operation::Insert,
            row: row.into(),
            old: Arc::default(),
            customer: Some(customer.into()),
            cause: None,
            depth: 0,
        };
        let values = Row::from_iter([("campaign".to_owned(), self.content.campaign.clone())]);
        // All attempts say the same: the clock is the campaign's.
        let context =
            Context::new(&event, "campaign", "recipient", ExecutionId(campaign), at).with_values(values);
        let mail = self.mail.render(&self.content.template.name, to, &context);
        let mail = mail.map_err(|fault| refused(fault.to_string()))?;
        Ok(Email { of_blog, tracks: self.content.tracks, subject: mail.subject.trim().to_owned(), ..mail })
    }
}

fn refused(reason: String) -> DeliveryError {
    DeliveryError::Refused { peer: "thendo".into(), reason }
}
