//! The log goes to standard error, for people or for machines.

mod lines;

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::JsonFields;

use super::output::Advice;
use crate::domain::settings::{Log, LogFormat};

/// Starts logging. A command that is no daemon only warns.
///
/// # Errors
/// When the level can't be read.
pub fn start(log: &Log, is_daemon: bool) -> anyhow::Result<()> {
    let level = if is_daemon { log.level.as_str() } else { "warn" };
    let filter = EnvFilter::try_new(level).map_err(|fault| {
        Advice::error(
            format!("the setting `log.level` is `{level}`, which can't be read: {fault}"),
            "use error, warn, info, debug or trace, or a filter such as info,thendo::engine=debug",
        )
    })?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let for_machines = match log.format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        // What a command says beside its output is read by people, wherever it goes.
        LogFormat::Auto => is_daemon && !std::io::stderr().is_terminal(),
    };
    let colour = anstream::stderr().current_choice() != anstream::ColorChoice::Never;
    // A second start (several in one test process) keeps the first.
    let _already_started = match for_machines {
        true => builder.fmt_fields(JsonFields::new()).event_format(lines::JsonLines).try_init(),
        false => builder.with_ansi(colour).with_target(false).try_init(),
    };
    Ok(())
}
