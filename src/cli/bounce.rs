//! `thendo bounce`: takes in a mail that came back, or one by which somebody unsubscribes. For a mail server's pipe.

use std::io::Read;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use super::Session;
use super::output::{GOOD, QUIET, print_line};
use crate::mail::bounces::{Verp, head, read_report};
use crate::mail::unsubscribe::WayOut;
use crate::operations::key_file;
use crate::store::bounces::{CameBack, take_in};
use crate::store::unsubscribe::unsubscribe;

/// What is read of a mail: reports stand at its beginning.
const MOST_BYTES: u64 = 1024 * 1024;
/// Who it came to, as servers write it into the head.
const RECIPIENT_HEADERS: &[&str] = &["delivered-to", "x-original-to", "envelope-to", "to"];

/// `thendo bounce`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo bounce --to bounces+…@shop.example < report.eml
  bounces: \"|/usr/bin/thendo bounce\"                          in /etc/aliases
  bounces unix - n n - - pipe user=thendo argv=/usr/bin/thendo bounce --to ${original_recipient}

Reads one mail from standard input. A report about a mail of ours (RFC 3464) that came to its envelope sender (the setting
mail.bounce_address) is noted with the delivery; where it says that there is no such mailbox the address is suppressed. A mail with
`unsubscribe TOKEN` in its subject unsubscribes, as the link does. Anything else is left alone, without an error: the mail server
must not send it back. Exits 1 only when the database can't be written: then the mail server should try again.")]
pub struct Bounce {
    /// The address it came to, if the server knows it; else the mail's head is asked
    #[arg(long, value_name = "ADDRESS")]
    to: Option<String>,
}

impl Bounce {
    /// Runs it.
    ///
    /// # Errors
    /// When the mail can't be read, the settings lack something, or the database can't be written.
    pub async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let mut bytes = Vec::new();
        std::io::stdin().lock().take(MOST_BYTES).read_to_end(&mut bytes).context("can't read the mail")?;
        let mail = String::from_utf8_lossy(&bytes);
        let keys = std::sync::Arc::new(key_file::load(&session.settings)?);
        let head = head(&mail);
        let subject = head.iter().find(|(name, _)| name == "subject").map_or("", |(_, value)| value.as_str());
        let token = subject.trim().strip_prefix("unsubscribe ").map(str::trim);
        let way_out = WayOut::from_settings(&session.settings, keys.clone());
        if let Some(address) = token.and_then(|token| way_out.address(token)) {
            unsubscribe(&session.pool().await?, &address).await.context("unsubscribing failed")?;
            print_line(format_args!("{GOOD}●{GOOD:#} unsubscribed"))?;
            return Ok(ExitCode::SUCCESS);
        }
        let verp = Verp::new(session.settings.mail.bounce_address.as_deref(), &keys)?;
        let in_head = head.iter().filter(|(name, _)| RECIPIENT_HEADERS.contains(&name.as_str()));
        let to: Vec<&str> = match &self.to {
            Some(to) => vec![to],
            None => in_head.flat_map(|(_, value)| value.split(',')).collect(),
        };
        let of = verp.as_ref().and_then(|verp| to.iter().find_map(|to| verp.mail(to)));
        let (Some(id), Some(report)) = (of, read_report(&mail)) else {
            print_line(format_args!("{QUIET}no report about a mail of ours: left alone{QUIET:#}"))?;
            return Ok(ExitCode::SUCCESS);
        };
        let came_back =
            CameBack { delivery: Some(id.0), address: None, kind: report.kind, detail: &report.detail };
        let pool = session.pool().await?;
        let taken = take_in(&pool, &came_back).await.context("the report could not be taken in")?;
        let told = match (taken.noted, taken.suppressed.is_some()) {
            (true, true) => "there is no such mailbox: its address is suppressed",
            (true, false) => "noted",
            (false, _) => "the delivery is not there any more",
        };
        print_line(format_args!("{GOOD}●{GOOD:#} delivery {id}: {told}"))?;
        Ok(ExitCode::SUCCESS)
    }
}
