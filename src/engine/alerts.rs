//! Alarms: announced in the log and in the figures by whoever raised them, and told to those of `alerts.to` by one daemon.
//!
//! Telling is outside every transaction and makes no delivery of a workflow: when the mail server is what is broken, that
//! raises no further alarm. It is tried a few times and then left; the log and the list have it all the same.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use reqwest::Client;
use secrecy::ExposeSecret;
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::figures::list;
use super::listen::Side;
use super::wake::Wake;
use crate::domain::alert::{Alert, Kind, Recipient};
use crate::domain::effect::Email;
use crate::domain::ids::{EffectId, WorkflowId};
use crate::domain::keys::Keys;
use crate::domain::settings::Settings;
use crate::mail::transport::Mailer;
use crate::store::alerts::{self, Untold};
use crate::store::session::{Session, StoreError};

/// Lag and default partitions are looked for this often at most, and so are alarms that another daemon left untold.
const LOOK: Duration = Duration::from_secs(60);
/// An alarm is told so often at most, with pauses of 1, 2, 4 and 8 minutes.
const MOST_ATTEMPTS: i16 = 5;
/// For one recipient.
const TIME: Duration = Duration::from_secs(8);
/// Alarms of one batch and kind: beyond that it is one trouble.
const MOST_OF_A_KIND: usize = 5;

/// An alarm that a batch raises when all else is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Alarm {
    pub kind: Kind,
    pub workflow: Option<WorkflowId>,
    pub message: String,
}

/// Adds an alarm to those of a batch, each once.
pub(super) fn note(alarms: &mut Vec<Alarm>, kind: Kind, workflow: Option<WorkflowId>, message: String) {
    let of_kind = || alarms.iter().filter(|alarm| alarm.kind == kind);
    if of_kind().count() < MOST_OF_A_KIND && !of_kind().any(|alarm| alarm.workflow == workflow) {
        alarms.push(Alarm { kind, workflow, message });
    }
}

/// Raises a batch's alarms in its transaction. They are to be announced once it is committed.
pub(super) async fn raise_all(session: &Session, alarms: &[Alarm]) -> Result<Vec<Alert>, StoreError> {
    let mut raised = Vec::new();
    for Alarm { kind, workflow, message } in alarms {
        raised.extend(alerts::raise(session, *kind, *workflow, message).await?);
    }
    Ok(raised)
}

/// Says in the log and in the figures that alarms were raised.
pub(super) fn announce(alerts: &[Alert]) {
    for Alert { id, kind, workflow, message, .. } in alerts {
        let kind = kind.as_str();
        match workflow {
            Some(workflow) => tracing::error!(target: "alert", alert = %id, kind, %workflow, "{message}"),
            None => tracing::error!(target: "alert", alert = %id, kind, "{message}"),
        }
        metrics::counter!(list::ALERTS, "kind" => kind).increment(1);
    }
}

/// Raises one outside of any batch, and announces it. That it could not be raised is said, and no more.
pub(super) async fn raise_now(session: &Session, kind: Kind, workflow: Option<WorkflowId>, message: &str) {
    match alerts::raise(session, kind, workflow, message).await {
        Ok(raised) => announce(raised.as_slice()),
        Err(error) => tracing::error!(
            kind = kind.as_str(),
            error = &error as &dyn std::error::Error,
            "an alarm could not be raised: {message}"
        ),
    }
}

/// Who is told, and how.
pub(super) struct Teller {
    to: Vec<(Recipient, String)>,
    mailer: Option<Mailer>,
    client: Client,
    lag_s: u64,
}

impl Teller {
    /// As the settings say.
    ///
    /// # Errors
    /// When there is no way to send mails or requests.
    pub fn from_settings(settings: &Settings, keys: Arc<Keys>) -> anyhow::Result<Self> {
        let known = |to: &secrecy::SecretString| {
            let text = to.expose_secret();
            Some((Recipient::read(text)?, crate::workflow::hash::hash(vec![text.to_owned()])))
        };
        let to: Vec<_> = settings.alerts.to.iter().filter_map(known).collect();
        let mails = to.iter().any(|(to, _)| matches!(to, Recipient::Mail(_)));
        let mailer = mails.then(|| Mailer::from_settings(settings, keys)).transpose()?;
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TIME)
            .user_agent(concat!("thendo/", env!("CARGO_PKG_VERSION")))
            .build()
            .context("the HTTP client for alerts can't be made")?;
        Ok(Self { to, mailer, client, lag_s: settings.alerts.lag_s })
    }

    /// Tells those who have not been told; who has been by now, and whether that is everybody.
    async fn tell(&self, untold: &Untold) -> (Vec<String>, bool) {
        let mut told: HashSet<&str> = untold.told.iter().map(String::as_str).collect();
        let left: Vec<_> = self.to.iter().filter(|(_, hash)| !told.contains(hash.as_str())).collect();
        let tries = left.iter().map(|(recipient, _)| self.tell_one(recipient, untold));
        let outcomes = futures_util::future::join_all(tries).await;
        let mut all = true;
        for ((recipient, hash), outcome) in left.iter().zip(outcomes) {
            let by = match recipient {
                Recipient::Mail(_) => "mail",
                Recipient::Web(_) => "webhook",
            };
            match outcome {
                Ok(()) => {
                    told.insert(hash);
                    metrics::counter!(list::ALERTS_TOLD, "result" => "told").increment(1);
                }
                Err(why) => {
                    all = false;
                    let last = untold.attempts >= MOST_ATTEMPTS;
                    metrics::counter!(list::ALERTS_TOLD, "result" => if last { "given_up" } else { "failed" })
                        .increment(1);
                    tracing::warn!(alert = %untold.alert.id, by, attempt = untold.attempts, last, why,
                        "an alarm could not be told");
                }
            }
        }
        (told.into_iter().map(str::to_owned).collect(), all)
    }

    /// Tells one; the error in words that hold no address.
    async fn tell_one(&self, recipient: &Recipient, untold: &Untold) -> Result<(), String> {
        let Untold { alert, workflow_name, .. } = untold;
        match recipient {
            Recipient::Mail(to) => {
                let mailer = self.mailer.as_ref().ok_or("there is no mailer")?;
                // One file each in a mailbox.
                let id = EffectId(Uuid::new_v5(&alert.id, to.as_bytes()));
                let mail = mail(to, alert, workflow_name.as_deref());
                // It keeps to its time twice over, for a connection and for the mail; a mailbox folder may hang.
                let sent = tokio::time::timeout(TIME * 3, mailer.send(id, &mail, TIME));
                let sent = sent.await.map_err(|_| "timed out")?;
                sent.map(|_| ()).map_err(|error| error.sort().to_owned())
            }
            Recipient::Web(url) => {
                let body = json!({
                    "id": alert.id, "kind": alert.kind, "message": alert.message, "happened_at": alert.happened_at,
                    "workflow": alert.workflow.map(|id| json!({ "id": id, "name": workflow_name })),
                });
                let posted = self.client.post(url.clone()).json(&body).send().await;
                let answer = posted.map_err(|error| match error.is_timeout() {
                    true => "timed out",
                    false => "no connection, or it broke",
                })?;
                match answer.status() {
                    status if status.is_success() => Ok(()),
                    status => Err(format!("it answered {}", status.as_u16())),
                }
            }
        }
    }
}

fn mail(to: &str, alert: &Alert, workflow: Option<&str>) -> Email {
    let about = workflow.map_or_else(String::new, |name| format!(" ({name})"));
    let one_line: String = about.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let text = format!(
        "{}\n\nKind: {}\nWorkflow: {}\nHappened at: {}\nAlert: {}\n\nWhat is like it is told again after ten minutes; \
         `thendo alerts list` has all of them.\n",
        alert.message,
        alert.kind.as_str(),
        workflow
            .map_or_else(|| alert.workflow.map_or_else(|| "-".into(), |id| id.to_string()), str::to_owned),
        alert.happened_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        alert.id,
    );
    Email {
        to: to.to_owned(),
        subject: format!("thendo: {}{one_line}", alert.kind.as_str()),
        text,
        ..Email::default()
    }
}

/// Looks for trouble that nobody makes, and tells what was raised, until `shutdown`.
pub(super) async fn run(mut side: Side, teller: Teller, wake: Arc<Wake>, shutdown: CancellationToken) {
    let every = LOOK.min(Duration::from_secs((teller.lag_s / 2).max(1)));
    let mut looks = interval(every);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let looks_now = tokio::select! {
            _ = looks.tick() => true,
            () = wake.alerts.notified() => false,
            () = shutdown.cancelled() => return,
        };
        let work = async {
            let session = super::side_session(&mut side).await;
            if looks_now {
                announce(&alerts::look(&session, teller.lag_s).await?);
            }
            tell_all(&session, &teller).await
        };
        tokio::select! {
            done = work => if let Err(error) = done {
                tracing::warn!(error = &error as &dyn std::error::Error, "alarms could not be looked at");
            },
            () = shutdown.cancelled() => return,
        }
    }
}

async fn tell_all(session: &Session, teller: &Teller) -> Result<(), StoreError> {
    if teller.to.is_empty() {
        return Ok(());
    }
    loop {
        let untold = alerts::take_untold(session, MOST_ATTEMPTS).await?;
        if untold.is_empty() {
            return Ok(());
        }
        for untold in &untold {
            let (told, all) = teller.tell(untold).await;
            alerts::mark_told(session, untold.alert.id, &told, all).await?;
        }
    }
}
