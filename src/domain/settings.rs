//! Settings: what can be set, what holds unless it is, and within which bounds. [`crate::cli::settings`] reads them.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

pub use rows::Rows;

use super::alert::{MOST_RECIPIENTS, Recipient, shown_recipient};
pub use api::Api;
pub use forms::mask_url;
use forms::{listed, masked, masked_all, secrets_listed};
pub use hooks::Hooks;
pub use mail::{Dkim, Mail};
pub use secrets::Secrets;

/// Everything that can be set.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The shop's database. Without one the private server of `data_dir` is used.
    #[serde(serialize_with = "masked")]
    pub database_url: Option<SecretString>,
    /// Where the private server, its log and the mailbox live.
    pub data_dir: PathBuf,
    /// Where the daemon answers HTTP.
    pub listen: SocketAddr,
    /// Where the studio's built files lie, instead of those in the binary; for who develops it.
    pub ui_dir: Option<PathBuf>,
    /// Where the daemon's public pages are reached from outside, such as `https://mail.shop.example`: links in mails lead there.
    pub public_url: Option<String>,
    /// Connections to the database, all of the daemon's together. At least 3.
    pub pool_max: u32,
    /// How events are worked on.
    pub engine: Engine,
    /// How mails and requests leave.
    pub deliveries: Deliveries,
    /// Where requests may go.
    pub http: Http,
    /// Which rows workflows may write.
    pub rows: Rows,
    /// Who comes to the API.
    pub api: Api,
    /// Webhooks of other systems.
    pub hooks: Hooks,
    /// What is done from time to time.
    pub maintenance: Maintenance,
    /// How long what has happened is kept.
    pub retention: Retention,
    /// Where mails go.
    pub mail: Mail,
    /// The private server.
    pub postgres: Postgres,
    /// Who is told of trouble, and from when on it is some.
    pub alerts: Alerts,
    /// The installation's key.
    pub secrets: Secrets,
    /// What is logged.
    pub log: Log,
}

/// How events are worked on.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Engine {
    /// Batches at work at the same time.
    pub workers: u32,
    /// Most queue rows in one batch, 1 to 5000.
    pub batch: u32,
    /// Interval of the fallback poll while notifications arrive.
    pub poll_ms: u64,
    /// Interval of the poll where notifications do not arrive.
    pub poll_without_notify_ms: u64,
    /// Whether an awake engine tells writers to save their notifications.
    pub gate: bool,
}

/// How mails and requests leave.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Deliveries {
    /// Most at the same time.
    pub concurrency: u32,
    /// Most at the same time to one server.
    pub per_destination: u32,
    /// After this a sender that has not answered counts as dead.
    pub lease_ms: u64,
    /// Attempts before a request is given up.
    pub attempts: u16,
    /// Pause before the second attempt, of a mail where nobody answered; it doubles with each.
    pub backoff_ms: u64,
    /// Time for one attempt.
    pub timeout_ms: u64,
}

/// Where requests may go.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// Servers that are not on the public internet, but may be reached: `host:port`, in a list or with commas.
    #[serde(deserialize_with = "listed")]
    pub allow: Vec<String>,
}

/// What is done from time to time.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Maintenance {
    /// How old the statistics of page views may grow, in seconds. At least 60.
    pub page_view_stats_every_s: u64,
    /// How often points are looked for that have expired, in seconds. At least 60.
    pub expire_points_every_s: u64,
}

/// How long what has happened is kept, in days; 0: for ever. What still waits needs none of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Events, whole months of them. What is queued stays.
    pub events_days: u32,
    /// Executions that have ended, whole months of them.
    pub executions_days: u32,
    /// Mails and requests that are finished.
    pub deliveries_days: u32,
    /// Who did what by the API or the command line.
    pub audit_days: u32,
}

/// The private server of `thendo up`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Postgres {
    /// Folder of `postgres` and `initdb`; searched for unless set.
    pub bin_dir: Option<PathBuf>,
    /// More settings of the server, as in `postgresql.conf`.
    pub settings: BTreeMap<String, String>,
}

/// Who is told of trouble, and from when on it is some. It is logged and counted in any case.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Alerts {
    /// `mailto:name@host`, and `https://…` that is posted to; in a list or with commas.
    #[serde(deserialize_with = "secrets_listed", serialize_with = "masked_all")]
    pub to: Vec<SecretString>,
    /// What has been due for longer than so many seconds is trouble.
    pub lag_s: u64,
}

/// What is logged.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `info,thendo::engine=debug`.
    pub level: String,
    /// For people or for machines.
    pub format: LogFormat,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people on a terminal, else for machines.
    Auto,
    /// One line for people.
    Text,
    /// One JSON object per line.
    Json,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            database_url: None,
            data_dir: default_data_dir(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7878)),
            ui_dir: None,
            public_url: None,
            pool_max: 10,
            engine: Engine::default(),
            deliveries: Deliveries::default(),
            http: Http::default(),
            rows: Rows::default(),
            api: Api::default(),
            hooks: Hooks::default(),
            maintenance: Maintenance::default(),
            retention: Retention::default(),
            mail: Mail::default(),
            postgres: Postgres::default(),
            alerts: Alerts::default(),
            secrets: Secrets::default(),
            log: Log::default(),
        }
    }
}

impl Default for Engine {
    fn default() -> Self {
        Self { workers: 2, batch: 500, poll_ms: 5000, poll_without_notify_ms: 500, gate: true }
    }
}

impl Default for Deliveries {
    fn default() -> Self {
        Self {
            concurrency: 16,
            per_destination: 8,
            lease_ms: 10_000,
            attempts: 8,
            backoff_ms: 60_000,
            timeout_ms: 30_000,
        }
    }
}

impl Default for Maintenance {
    fn default() -> Self {
        Self { page_view_stats_every_s: 900, expire_points_every_s: 3600 }
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self { events_days: 90, executions_days: 400, deliveries_days: 90, audit_days: 730 }
    }
}

impl Default for Alerts {
    fn default() -> Self {
        Self { to: Vec::new(), lag_s: 300 }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".into(), format: LogFormat::Auto }
    }
}

/// The platform's data folder of this user. Root's own is closed to the user that
/// the private server runs as, so root's data is where a service keeps it.
fn default_data_dir() -> PathBuf {
    if rustix::process::geteuid().is_root() {
        return PathBuf::from("/var/lib/thendo");
    }
    directories::ProjectDirs::from("", "", "thendo")
        .map_or_else(|| PathBuf::from("thendo-data"), |dirs| dirs.data_dir().to_owned())
}

/// A setting outside its bounds.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` is {value}; it must be {bounds}")]
pub struct OutOfBounds {
    /// The setting: `engine.batch`.
    pub key: &'static str,
    /// What was set.
    pub value: String,
    /// What may be.
    pub bounds: String,
}

impl Settings {
    /// Where mails go when there is no SMTP server.
    pub fn mailbox(&self) -> PathBuf {
        self.mail.mailbox.clone().unwrap_or_else(|| self.data_dir.join("mailbox"))
    }

    /// Checks every bound.
    ///
    /// # Errors
    /// The first setting that is outside its own.
    pub fn check(&self) -> Result<(), OutOfBounds> {
        let (engine, deliveries) = (&self.engine, &self.deliveries);
        for (key, value, least, most) in [
            ("pool_max", self.pool_max.into(), 3, 1000),
            ("engine.workers", engine.workers.into(), 1, 64),
            ("engine.batch", engine.batch.into(), 1, 5000),
            ("engine.poll_ms", engine.poll_ms, 10, 3_600_000),
            ("engine.poll_without_notify_ms", engine.poll_without_notify_ms, 10, 3_600_000),
            ("maintenance.page_view_stats_every_s", self.maintenance.page_view_stats_every_s, 60, 604_800),
            ("maintenance.expire_points_every_s", self.maintenance.expire_points_every_s, 60, 604_800),
            ("retention.events_days", self.retention.events_days.into(), 0, 36_500),
            ("retention.executions_days", self.retention.executions_days.into(), 0, 36_500),
            ("retention.deliveries_days", self.retention.deliveries_days.into(), 0, 36_500),
            ("retention.audit_days", self.retention.audit_days.into(), 0, 36_500),
            ("api.session_h", self.api.session_h.into(), 1, 8760),
            ("api.session_idle_min", self.api.session_idle_min.into(), 1, 525_600),
            ("hooks.max_body_kib", self.hooks.max_body_kib.into(), 1, 16_384),
            ("alerts.lag_s", self.alerts.lag_s, 1, 604_800),
            ("deliveries.concurrency", deliveries.concurrency.into(), 1, 1000),
            ("deliveries.per_destination", deliveries.per_destination.into(), 1, 1000),
            ("deliveries.lease_ms", deliveries.lease_ms, 100, 3_600_000),
            ("deliveries.attempts", deliveries.attempts.into(), 1, 100),
            ("deliveries.backoff_ms", deliveries.backoff_ms, 1, 86_400_000),
            ("deliveries.timeout_ms", deliveries.timeout_ms, 100, 3_600_000),
        ] {
            if !(least..=most).contains(&value) {
                let bounds = format!("from {least} to {most}");
                return Err(OutOfBounds { key, value: value.to_string(), bounds });
            }
        }
        self.secrets.check()?;
        self.api.check()?;
        self.hooks.check()?;
        self.check_texts()
    }

    fn check_texts(&self) -> Result<(), OutOfBounds> {
        let readable = |to: &SecretString| Recipient::read(to.expose_secret()).is_some();
        if self.alerts.to.len() > MOST_RECIPIENTS || !self.alerts.to.iter().all(readable) {
            let shown: Vec<String> =
                self.alerts.to.iter().map(|to| shown_recipient(to.expose_secret())).collect();
            return Err(OutOfBounds {
                key: "alerts.to",
                value: format!("`{}`", shown.join(", ")),
                bounds: format!("at most {MOST_RECIPIENTS} of mailto:name@host and https://… (or http://…)"),
            });
        }
        self.mail.check()?;
        if let Some(url) = self.public_url.as_ref().filter(|url| !mail::is_public(url)) {
            let bounds = "an address without query, such as `https://mail.shop.example`".into();
            return Err(OutOfBounds { key: "public_url", value: format!("`{url}`"), bounds });
        }
        let is_server = |server: &&String| {
            let (host, port) = server.trim().rsplit_once(':').unwrap_or_default();
            !host.is_empty() && !host.contains(['/', '@']) && port.parse::<u16>().is_ok()
        };
        if let Some(wrong) = self.http.allow.iter().find(|server| !is_server(server)) {
            let (value, bounds) = (format!("`{wrong}`"), "servers, such as `hooks.internal:8080`".into());
            return Err(OutOfBounds { key: "http.allow", value, bounds });
        }
        Ok(())
    }
}

mod api;
mod forms;
mod hooks;
mod mail;
mod rows;
mod secrets;
#[cfg(test)]
mod tests;
