//! `thendo demo seed`: fills a shop with a made-up past.

use std::io::{IsTerminal, stdin};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use chrono::{NaiveDate, Utc};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::super::Session;
use super::super::output::{Advice, Format, QUIET, STRONG, eprint_line, print_json, print_line, seconds};
use crate::database::connect::connect_driven;
use crate::seed::{self, Loaded, Plan};

/// `thendo demo seed`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thendo demo seed
  thendo demo seed --orders 100000
  thendo demo seed --orders 5000 --seed 2      another shop's worth, beside the first

Two years of customers, orders, reviews, mails and page views, up to yesterday.
The same seed and the same day give the same rows, ids included. It is the past:
no workflow starts (unless --with-events). All addresses are at example.com,
example.org and example.net, which reach nobody. If it is interrupted by Ctrl-C,
it prints the command that goes on.")]
pub struct Seed {
    /// How many orders; everything else follows from it
    #[arg(long, default_value_t = 10_000, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    orders: u64,
    /// Another number makes up another shop
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    seed: u32,
    /// The day before which everything happened; today, by UTC
    #[arg(long, value_name = "YYYY-MM-DD")]
    until: Option<NaiveDate>,
    /// Record every row as an event, as if it happened now: workflows start
    #[arg(long)]
    with_events: bool,
    /// Don't ask, although the shop has orders of its own
    #[arg(long)]
    yes: bool,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Seed {
    /// Runs it.
    ///
    /// # Errors
    /// When the shop is seeded already, has orders of its own and nobody agreed, or can't be written.
    pub async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let client = connect_driven(&session.database_url()?, "seed").await?;
        let until = self.until.unwrap_or_else(|| Utc::now().date_naive());
        let plan = Plan { orders: self.orders, seed: self.seed, until, with_events: self.with_events };
        if !self.yes && seed::has_real_orders(&client).await? && !agrees().await? {
            return Err(Advice::error(
                "the shop has orders of its own, and nobody agreed to mix made-up ones among them",
                "seed a database of its own, or say --yes",
            ));
        }
        let begun = Instant::now();
        let bar = self.bar();
        let running = seed::run(&client, &plan, |progress| {
            bar.set_position(progress.orders);
            bar.set_message(progress.table);
        });
        let loaded = tokio::select! {
            loaded = running => loaded,
            heard = tokio::signal::ctrl_c() => {
                heard?;
                bar.finish_and_clear();
                // What is open now is rolled back with the connection.
                eprint_line(format_args!("interrupted; this goes on: {}", self.going_on(&plan)));
                return Ok(ExitCode::from(130));
            }
        };
        bar.finish_and_clear();
        self.tell(&plan, &loaded?, begun.elapsed())?;
        Ok(ExitCode::SUCCESS)
    }

    /// With the day, which is another tomorrow.
    fn going_on(&self, plan: &Plan) -> String {
        let with_events = if self.with_events { " --with-events" } else { "" };
        let yes = if self.yes { " --yes" } else { "" };
        format!("thendo demo seed {}{with_events}{yes}", plan.words())
    }

    /// On a terminal only; a program reads the end.
    fn bar(&self) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(Some(self.orders), ProgressDrawTarget::stderr());
        if self.format == Format::Json {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        if let Ok(style) =
            ProgressStyle::with_template("{wide_bar:.green} {human_pos}/{human_len} orders  {msg:28!.dim}")
        {
            bar.set_style(style);
        }
        bar
    }

    fn tell(&self, plan: &Plan, loaded: &[Loaded], took: Duration) -> anyhow::Result<()> {
        let rows: u64 = loaded.iter().map(|loaded| loaded.rows).sum();
        let rate = |rows: u64, ms: u128| u128::from(rows) * 1_000 / ms.max(1);
        if self.format == Format::Json {
            return print_json(&serde_json::json!({
                "seed": plan.seed, "orders": plan.orders, "until": plan.until, "tables": loaded, "rows": rows,
                "took_ms": took.as_millis(), "rows_per_second": rate(rows, took.as_millis()),
            }));
        }
        print_line(format_args!(
            "{STRONG}{:<30} {:>10} {:>9} {:>10}{STRONG:#}",
            "table", "rows", "seconds", "rows/s"
        ))?;
        for Loaded { table, rows, took_ms } in loaded {
            let took = Duration::from_millis(*took_ms);
            let rate = rate(*rows, took.as_millis());
            print_line(format_args!("{table:<30} {rows:>10} {:>9.2} {rate:>10}", took.as_secs_f64()))?;
        }
        print_line(format_args!(
            "{STRONG}{:<30} {rows:>10} {:>9.2} {:>10}{STRONG:#}",
            "all",
            took.as_secs_f64(),
            rate(rows, took.as_millis())
        ))?;
        print_line(format_args!(
            "{QUIET}{} in {}; no mail reaches anybody{QUIET:#}",
            plan.words(),
            seconds(took)
        ))
    }
}

/// Asks, if there is someone to ask.
async fn agrees() -> anyhow::Result<bool> {
    if !stdin().is_terminal() {
        return Ok(false);
    }
    eprint_line("The shop has orders of its own. Mix made-up ones among them? Type yes:");
    let mut answer = String::new();
    let answer =
        tokio::task::spawn_blocking(move || stdin().read_line(&mut answer).map(|_| answer)).await??;
    Ok(answer.trim() == "yes")
}
