//! Asks before what can't be taken back.

use std::io::{IsTerminal, stdin};

use super::output::{Advice, STRONG, eprint_line};

/// Whether a person at the terminal types `yes`.
///
/// # Errors
/// When nobody is there to be asked.
pub fn confirmed(question: &str) -> anyhow::Result<bool> {
    if !stdin().is_terminal() {
        return Err(Advice::error("nobody is here to be asked", "add --yes to do it without asking"));
    }
    eprint_line(format_args!("{STRONG}{question}{STRONG:#} Type `yes`:"));
    let mut answer = String::new();
    stdin().read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}
