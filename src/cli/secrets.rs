//! `thendo secrets …`: what workflows need to speak to other services, stored by name and never shown.

use std::io::{IsTerminal, Read, stdin};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::Session;
use super::ask::confirmed;
use super::output::{Advice, Format, GOOD, QUIET, WAIT, eprint_line, print_json, print_line, time};
use crate::domain::keys::{KeyError, Keys};
use crate::operations::secrets::{self as operation, MOST_BYTES, OfSecret, Stored, Value, check_name};
use crate::operations::{Asked, Nothing, Part, key_file};
use crate::store::secrets::{self, Listed};

/// `thendo secrets …`
#[derive(Debug, Subcommand)]
pub enum Secrets {
    /// Store a secret, from standard input or typed unseen
    Set(Set),
    /// See which secrets are stored; never what they are
    List(List),
    /// Remove a secret
    Remove(Remove),
    /// Encrypt all secrets anew, with the key that is set now
    Rotate(Rotate),
}

/// `thendo secrets set`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo secrets set stripe                     type it; it is not shown
  pass shop/stripe | thendo secrets set stripe  one line break at its end does not count

A workflow names it in the settings of http_request, send_webhook and notify_slack: {{ secret(\"stripe\") }}.
What was stored under the name is replaced. It is encrypted with the installation's key (secrets.key_file).")]
pub struct Set {
    /// Small letters, digits and `_`
    name: String,
}

/// `thendo secrets list`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo secrets list
  thendo secrets list --format json")]
pub struct List {
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// `thendo secrets remove`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo secrets remove stripe
  thendo secrets remove stripe --yes")]
pub struct Remove {
    /// Which
    name: String,
    /// Do it without asking
    #[arg(long)]
    yes: bool,
}

/// `thendo secrets rotate`
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  openssl rand -base64 32 > new.key
  THENDO_SECRETS__KEY_FILE=new.key THENDO_SECRETS__OLD_KEYS=$(cat old.key) thendo secrets rotate

Set the new key and name the old one in secrets.old_keys for every daemon first: they read both. Then rotate. Links in
mails that are out are signed with the old key, so keep it in old_keys for as long as those are to work.")]
pub struct Rotate {
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Secrets {
    /// Runs it.
    ///
    /// # Errors
    /// When there is no key, or the database refuses; then nothing was changed.
    pub async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        match self {
            Self::Set(set) => set.run(session).await,
            Self::List(list) => list.run(session).await,
            Self::Remove(remove) => remove.run(session).await,
            Self::Rotate(rotate) => rotate.run(session).await,
        }
    }
}

impl Set {
    async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        check_name(&self.name)?;
        if session.server.is_none() {
            // Before anybody types.
            key_file::load(&session.settings)?.id()?;
        }
        let desk = session.desk().await?;
        let name = self.name.clone();
        let value = tokio::task::spawn_blocking(move || value_of(&name)).await??;
        let body = Value { value: value.expose_secret().to_owned() };
        let kept =
            desk.ask(Asked::<operation::Put>::new(OfSecret { name: self.name }, Nothing {}, body)).await?;
        let what = if kept.replaced { "replaced" } else { "stored" };
        print_line(format_args!(
            "{GOOD}●{GOOD:#} `{}` is {what}, encrypted with the key {}",
            kept.name, kept.key_id
        ))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// From standard input, or typed at the terminal without being shown.
fn value_of(name: &str) -> anyhow::Result<SecretString> {
    let mut text = Zeroizing::new(String::with_capacity(MOST_BYTES + 2));
    if stdin().is_terminal() {
        eprint_line(format_args!("Type the value of `{name}`; it is not shown:"));
        let _hidden = Hidden::begin().context("the terminal can't be told not to show it")?;
        stdin().read_line(&mut text).context("nothing could be read")?;
    } else {
        let limited = stdin().take(MOST_BYTES as u64 + 2).read_to_string(&mut text);
        limited.context("standard input is no text")?;
    }
    let value = text.strip_suffix('\n').unwrap_or(&text);
    Ok(value.strip_suffix('\r').unwrap_or(value).to_owned().into())
}

/// The terminal shows nothing of what is typed until this is dropped.
struct Hidden(rustix::termios::Termios);

impl Hidden {
    fn begin() -> rustix::io::Result<Self> {
        let before = tcgetattr(stdin())?;
        let mut modes = before.clone();
        modes.local_modes.remove(LocalModes::ECHO);
        tcsetattr(stdin(), OptionalActions::Now, &modes)?;
        Ok(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        let _gone = tcsetattr(stdin(), OptionalActions::Now, &self.0);
    }
}

impl List {
    async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let query = |limit, cursor| Part { limit, cursor };
        let listed = session.desk().await?.list::<operation::List, _>(secrets::MOST, query).await?;
        if self.format == Format::Json {
            print_json(&listed)?;
            return Ok(ExitCode::SUCCESS);
        }
        if listed.is_empty() {
            print_line("no secrets are stored; `thendo secrets set NAME` stores one")?;
        }
        for Stored { row: Listed { name, key_id, last_used_at, .. }, opens } in &listed {
            let used = last_used_at.map_or_else(|| "never used".into(), |at| format!("used {}", time(at)));
            let (style, shape, note) = match opens {
                true => (GOOD, "●", ""),
                false => (WAIT, "◐", ", which is not set here"),
            };
            print_line(format_args!(
                "{style}{shape}{style:#} {name:<24} {used}  {QUIET}key {key_id}{note}{QUIET:#}"
            ))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Remove {
    async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let question =
            format!("`{}` is removed; deliveries that name it are refused from then on.", self.name);
        if !self.yes && !confirmed(&question)? {
            eprint_line("nothing was changed");
            return Ok(ExitCode::FAILURE);
        }
        let path = OfSecret { name: self.name };
        let gone =
            session.desk().await?.ask(Asked::<operation::Remove>::new(path, Nothing {}, Nothing {})).await?;
        print_line(format_args!("{GOOD}●{GOOD:#} `{}` is removed", gone.name))?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Rotate {
    async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let keys = key_file::load(&session.settings)?;
        let id = keys.id()?.to_owned();
        let pool = session.pool().await?;
        let mut tx = pool.begin().await?;
        let found = secrets::lock_of_other_keys(&mut tx, &id).await?;
        for (row, name, sealed) in &found {
            let anew = sealed_anew(&keys, name, sealed)?;
            secrets::seal_anew(&mut tx, *row, &anew).await?;
        }
        tx.commit().await?;
        match self.format {
            Format::Json => print_json(&json!({"key_id": id, "rotated": found.len()}))?,
            Format::Text => {
                print_line(format_args!(
                    "{GOOD}●{GOOD:#} {} secrets encrypted anew with the key {id}",
                    found.len()
                ))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn sealed_anew(
    keys: &Keys,
    name: &str,
    sealed: &crate::domain::keys::Sealed,
) -> anyhow::Result<crate::domain::keys::Sealed> {
    let opened = keys.open(sealed, name).and_then(|value| keys.seal(&value, name));
    opened.map_err(|fault| match fault {
        KeyError::Missing | KeyError::NoRandomness | KeyError::NoKey => fault.into(),
        fault => Advice::error(
            format!("`{name}`: {fault}"),
            "nothing was changed; mend this one, or remove it, and rotate again",
        ),
    })
}
