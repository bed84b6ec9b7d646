//! `thendo demo order`: places an order as a shop would, and follows what comes of it. `thendo demo seed`: a past.

mod follow;
mod seed;
mod summary;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::Session;
use super::output::{Advice, QUIET, STRONG, print_line, time};
use crate::domain::money::Money;
use crate::store::demo::place_order;

/// `thendo demo …`
#[derive(Debug, Subcommand)]
pub enum Demo {
    /// Place a sample order and follow what it starts, step by step
    Order(Order),
    /// Fill the shop with a believable past: customers, orders, reviews, mails, page views
    Seed(seed::Seed),
}

/// `thendo demo order`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo demo order --total 250.00
  thendo demo order --total 80 --email grace@example.com --currency USD

The order is inserted by plain SQL: it is the database that tells thendo.")]
pub struct Order {
    /// What the order costs, such as 250.00
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true, value_parser = Money::minor_from_decimal)]
    total: i64,
    /// The customer's address
    #[arg(long, default_value = "ada@example.com", value_parser = address)]
    email: String,
    /// The customer's name, if the address is new; else what stands before its @
    #[arg(long)]
    name: Option<String>,
    /// Three capital letters
    #[arg(long, default_value = "EUR", value_parser = currency)]
    currency: String,
    /// Seconds to wait for the end
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    timeout: u64,
}

fn address(text: &str) -> Result<String, String> {
    let parsed = text.parse::<lettre::Address>();
    parsed.map(|_| text.to_owned()).map_err(|_| "write an address, such as ada@example.com".into())
}

fn currency(text: &str) -> Result<String, String> {
    if text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase()) {
        return Ok(text.to_owned());
    }
    Err("write three capital letters, such as EUR".into())
}

impl Demo {
    /// Runs it.
    ///
    /// # Errors
    /// When the order can't be placed, or nothing comes of it in time.
    pub async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        match self {
            Self::Order(order) => order.run(session).await,
            Self::Seed(seed) => seed.run(session).await,
        }
    }
}

impl Order {
    async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let order = self;
        let pool = session.pool().await?;
        let name = order.name.unwrap_or_else(|| match order.email.as_str() {
            "ada@example.com" => "Ada Lovelace".into(),
            email => email.split('@').next().unwrap_or(email).into(),
        });
        let placed = place_order(&pool, &order.email, &name, order.total, &order.currency).await?;
        let total = Money { amount_minor: order.total, currency: order.currency };
        print_line(format_args!(
            "{STRONG}order of {total}{STRONG:#} by {} at {}",
            order.email,
            time(placed.since)
        ))?;
        print_line(format_args!("{QUIET}order {}{QUIET:#}", placed.id))?;
        let limit = Duration::from_secs(order.timeout);
        let ended =
            tokio::time::timeout(limit, follow::follow(&pool, &placed, limit)).await.map_err(|_| {
                let help = "raise --timeout, or see whether the database is busy";
                Advice::error(format!("the database did not answer within {} s", order.timeout), help)
            })??;
        summary::print(&pool, &placed, &ended).await?;
        let failed = ended.iter().any(|execution| execution.status != "succeeded");
        Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    #[test]
    fn a_negative_amount_is_answered_with_what_amounts_are() {
        let line = crate::cli::Cli::try_parse_from(["thendo", "demo", "order", "--total", "-5"]);
        let said = line.expect_err("refused").to_string();
        assert!(said.contains("'-5'") && !said.contains("unexpected argument"), "{said}");
    }

    #[test]
    fn arguments_are_checked_before_anything_is_written() {
        assert!(super::address("ada@example.com").is_ok());
        assert!(super::address("ada").is_err());
        assert!(super::currency("EUR").is_ok());
        assert!(super::currency("eur").is_err());
    }
}
