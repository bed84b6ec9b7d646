//! `thendo tokens rotate`: changes the key that OAuth tokens are encrypted with.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use secrecy::{ExposeSecret, SecretString};

use super::Session;
use super::ask::confirmed;
use super::output::{Advice, Format, GOOD, eprint_line, print_json, print_line};
use crate::database::connect;
use crate::store::tokens::{self, HandOver, TokenError};

/// `thendo tokens …`
#[derive(Debug, Subcommand)]
pub enum Tokens {
    /// Encrypt all tokens anew, with another key
    Rotate(Rotate),
}

/// `thendo tokens rotate`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo tokens rotate --key-id 2 --key-file new.key --former-key-file old.key
  thendo tokens rotate --yes --key-id 2026-11 \\
      --key-file <(pass shop/new) --former-key-file <(pass shop/old)

All or nothing. A file holds the key and nothing else; white space around it
does not count. Hand the new key to whoever stores tokens at the same time: what
is stored later with the former one is found by running it again.")]
pub struct Rotate {
    /// The new key's name, stored beside what it encrypts
    #[arg(long, value_name = "NAME")]
    key_id: String,
    /// File with the new key
    #[arg(long, value_name = "FILE")]
    key_file: PathBuf,
    /// File with the key of before
    #[arg(long, value_name = "FILE")]
    former_key_file: PathBuf,
    /// Do it without asking
    #[arg(long)]
    yes: bool,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Tokens {
    /// Runs it.
    ///
    /// # Errors
    /// When a key can't be read or is wrong; then nothing was changed.
    pub async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let Self::Rotate(rotate) = self;
        let (key, former) = (read(&rotate.key_file)?, read(&rotate.former_key_file)?);
        if key.expose_secret() == former.expose_secret() {
            return Err(Advice::error(
                "both files hold the same key",
                "make a new one: openssl rand -base64 32",
            ));
        }
        let mut client = connect::connect_driven(&session.database_url()?, "tokens").await?;
        let stored = tokens::rows_by_key(&client).await?;
        let due: i64 = stored.iter().filter(|(id, _)| *id != rotate.key_id).map(|(_, rows)| rows).sum();
        if due > 0 && !rotate.yes {
            for (id, rows) in &stored {
                eprint_line(format_args!("{rows} rows are encrypted with the key `{id}`"));
            }
            if !confirmed(&format!("{due} rows are encrypted anew with `{}`.", rotate.key_id))? {
                eprint_line("nothing was changed");
                return Ok(ExitCode::FAILURE);
            }
        }
        let given = HandOver { former_key: Some(&former), ..HandOver::of_key(&rotate.key_id, &key) };
        let rotated = tokens::rotate_token_key(&mut client, &given).await.map_err(|fault| match fault {
            TokenError::WrongKey => Advice::error(
                "the former key does not open every token; nothing was changed",
                "name the key that encrypted them: column key_id says which",
            ),
            fault => fault.into(),
        })?;
        match rotate.format {
            Format::Json => print_json(&serde_json::json!({"key_id": rotate.key_id, "rotated": rotated}))?,
            Format::Text => print_line(format_args!(
                "{GOOD}●{GOOD:#} {rotated} rows encrypted anew with the key `{}`",
                rotate.key_id
            ))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn read(file: &Path) -> anyhow::Result<SecretString> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("can't read the key in {}", file.display()))?;
    let key = text.trim();
    if key.len() < 16 {
        return Err(Advice::error(
            format!("{} holds no key: it has less than 16 characters", file.display()),
            "make one: openssl rand -base64 32",
        ));
    }
    Ok(key.to_owned().into())
}
