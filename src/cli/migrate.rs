//! `thendo migrate`: brings the schema up to date, or says how far it is.

use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use secrecy::SecretString;

use super::impact::{self, Impact};
use super::output::{Format, GOOD, QUIET, WAIT, one_line, print_json, print_line, seconds, shape};
use super::{Session, adopt};
use crate::database::migrate::{self, Progress, State};
use crate::database::{connect, pooler, rows};

/// `thendo migrate`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo migrate                       apply what is pending
  thendo migrate --status              list all and where each stands
  thendo migrate --check               exit 1 unless all are applied, and all that runs can run on
  thendo migrate --adopt --dry-run     say what taking in an existing shop would do
  thendo migrate --adopt               take it in: add what is missing, change nothing that is there
  thendo migrate --print-schema        describe the database's schema as SQL

Several at once are safe: one works, the others wait.")]
pub struct Migrate {
    /// Only list where each migration stands
    #[arg(long, conflicts_with = "check")]
    status: bool,
    /// Only check; exit 1 if one is pending, changed or unknown, and if the tables as they are break a workflow that runs:
    /// one that is published, or that executions rest on
    #[arg(long)]
    check: bool,
    /// Take in a database that has tables of the schema already: list every difference, add what is missing,
    /// change nothing that is there
    #[arg(long, conflicts_with_all = ["status", "check"])]
    adopt: bool,
    /// Do it all and take it back
    #[arg(long, requires = "adopt")]
    dry_run: bool,
    /// Only print the schema of the database as it is: `schema.sql` is this, of a fresh one
    #[arg(long, conflicts_with_all = ["status", "check", "adopt", "format"])]
    print_schema: bool,
    /// With all rows of all tables: those that migrations put in, where the database is fresh
    #[arg(long, requires = "print_schema", hide = true)]
    with_rows: bool,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Migrate {
    /// Runs it.
    ///
    /// # Errors
    /// When the database can't be reached or a migration fails.
    pub async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let url = session.database_url()?;
        pooler::refuse_shared_sessions(&url).await?;
        if self.status || self.check {
            return self.report(&url).await;
        }
        if self.print_schema {
            let schema = migrate::describe(&url, self.with_rows).await?;
            print_line(schema.to_string().trim_end())?;
            return Ok(ExitCode::SUCCESS);
        }
        if self.adopt {
            return adopt::run(&url, self.dry_run, self.format).await;
        }
        let begun = Instant::now();
        let applied = migrate::run(&url, |progress| {
            if self.format == Format::Text {
                tell(&progress);
            }
        })
        .await?;
        rows::allow(&url, &session.settings.rows.allow).await?;
        match (self.format, applied) {
            (Format::Json, _) => print_json(&serde_json::json!({"applied": applied}))?,
            (Format::Text, 0) => print_line("the schema is up to date")?,
            (Format::Text, _) => {
                print_line(format_args!("{applied} migrations in {}", seconds(begun.elapsed())))?
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn report(&self, url: &SecretString) -> anyhow::Result<ExitCode> {
        let standings = migrate::status(url).await?;
        let sound = standings.iter().all(|standing| standing.state == State::Applied);
        let impact = match self.check {
            true => Some(impact::of_schema(&mut connect::single(url, "check").await?, sound).await?),
            false => None,
        };
        if self.format == Format::Json {
            let mut answer = serde_json::json!({"up_to_date": sound, "migrations": standings});
            if let Some(impact) = &impact {
                impact.say(&mut answer);
            }
            print_json(&answer)?;
        } else {
            for standing in
                standings.iter().filter(|standing| self.status || standing.state != State::Applied)
            {
                let state = format!("{:?}", standing.state).to_lowercase();
                let (style, shape) = shape(&state);
                let line = format!("{:04} {:<28} {state}", standing.version, standing.name);
                print_line(format_args!("{style}{shape}{style:#} {line}"))?;
            }
            if sound {
                print_line("the schema is up to date")?;
            }
            impact.as_ref().map_or(Ok(()), Impact::print)?;
        }
        let broken = impact.is_some_and(|impact| impact.breaks());
        Ok(if self.check && (!sound || broken) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

/// One line of progress.
pub(super) fn tell(progress: &Progress<'_>) {
    let line = match progress {
        Progress::Waiting => format!("{WAIT}◐{WAIT:#} another process migrates; waiting for it"),
        Progress::AuthShim => format!("{GOOD}●{GOOD:#} schema auth, as on Supabase"),
        Progress::Applied { standing, took } => format!(
            "{GOOD}●{GOOD:#} {:04} {:<28} {QUIET}{} ms{QUIET:#}",
            standing.version,
            standing.name,
            took.as_millis()
        ),
        Progress::PickedUp { name } => format!("{GOOD}●{GOOD:#} {}: picked up", one_line(name)),
    };
    // A reader that went away does not stop a migration.
    let _unheard = print_line(line);
}
