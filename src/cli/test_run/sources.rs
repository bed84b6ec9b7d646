//! Which workflow is tried, and what happens: what is read here, and what is asked for.

use std::path::{Path, PathBuf};

use clap::Args;
use uuid::Uuid;

use crate::cli::output::{Advice, Format, one_line};
use crate::cli::validate::{self, Source};
use crate::operations::editions::Edition;
use crate::operations::test_runs::RowOf;

/// What is tried.
pub struct Tried {
    /// A stored workflow's name or id.
    pub stored: Option<String>,
    /// Which edition of it.
    pub version: Option<Edition>,
    /// Or a file.
    pub file: Option<Source>,
}

/// The workflow that is meant; `None` if it is a file that is no JSON, which has been said.
pub fn workflow(name: &str, version: &str, format: Format) -> anyhow::Result<Option<Tried>> {
    let file = Path::new(name);
    if file.is_file() || name.ends_with(".json") {
        let read = validate::read(file, format)?;
        return Ok(read.map(|file| Tried { stored: None, version: None, file: Some(file) }));
    }
    let version = match version {
        "draft" => Edition::Draft,
        "live" => Edition::Live,
        number => Edition::Number(number.parse().ok().filter(|number| *number > 0).ok_or_else(|| {
            Advice::error(
                format!("there is no version `{}`", one_line(number)),
                "name `draft`, `live` or a number",
            )
        })?),
    };
    Ok(Some(Tried { stored: Some(name.to_owned()), version: Some(version), file: None }))
}

/// What happens: one of several ways to say so.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Happens {
    /// An event file: {"type", "at", "data": {…}}
    #[arg(long, value_name = "FILE")]
    event: Option<PathBuf>,
    /// A recorded event
    #[arg(long, value_name = "ID")]
    event_id: Option<Uuid>,
    /// A row as it is now, as if it were written this moment
    #[arg(long, value_name = "TABLE:ID")]
    row: Option<String>,
    /// The latest recorded event that would start it, else the latest row of its table
    #[arg(long)]
    sample: bool,
}

/// What happens, with the file read.
pub struct Happened {
    pub event: Option<Source>,
    pub event_id: Option<Uuid>,
    pub row: Option<RowOf>,
    pub sample: bool,
}

impl Happens {
    /// What happens; `None` if the file is no JSON, which has been said.
    pub fn read(&self, format: Format) -> anyhow::Result<Option<Happened>> {
        let event = match &self.event {
            None => None,
            Some(file) => match validate::read(file, format)? {
                Some(source) => Some(source),
                None => return Ok(None),
            },
        };
        let row = self.row.as_ref().map(|row| match row.split_once(':') {
            Some((table, key)) => Ok(RowOf { table: table.to_owned(), key: key.to_owned() }),
            None => Err(Advice::error(
                format!("--row {}: it is no TABLE:ID", one_line(row)),
                "write --row orders:ID",
            )),
        });
        let row = row.transpose()?;
        Ok(Some(Happened { event, event_id: self.event_id, row, sample: self.sample }))
    }

    /// The file's name.
    pub fn name(&self) -> String {
        self.event.as_ref().map(|file| file.display().to_string()).unwrap_or_default()
    }
}
