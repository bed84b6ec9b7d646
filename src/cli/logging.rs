//! The log goes to standard error, for people or for machines.

use tracing_subscriber::EnvFilter;

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
    let colour = anstream::stderr().current_choice() != anstream::ColorChoice::Never;
    // A second start (several in one test process) keeps the first.
    let _already_started = match log.format {
        LogFormat::Text => builder.with_ansi(colour).with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    Ok(())
}
