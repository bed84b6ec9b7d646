//! The engine's figures: ratios in one run, with the disk's fsync probed beside every block, since it changes by itself.
//!
//!     cargo bench --bench engine [-- BLOCK …] [--json FILE]
//!
//! Blocks: footprint latency drain backlog daemons claim peers writers bulk mails workflows load
//! campaigns ledger tracking backtest testruns lists live. All of them without one.

mod api;
mod backtest;
mod bulk;
mod campaigns;
mod claim;
mod drain;
mod floor;
mod footprint;
mod lab;
mod latency;
mod ledger;
mod load;
mod mails;
mod peers;
mod sink;
mod testruns;
mod tracking;
mod workflows;
mod writers;

use std::error::Error;
use std::time::Instant;

use lab::Lab;

/// Anything that goes wrong ends the run.
pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let (mut only, mut json) = (Vec::new(), None);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--json" => json = args.next(),
            _ => only.push(arg),
        }
    }
    let wanted = |name: &str| only.is_empty() || only.iter().any(|only| only == name);
    rustls::crypto::aws_lc_rs::default_provider().install_default().map_err(|_| "a TLS provider is there")?;
    let began = Instant::now();
    let mut lab = Lab::open()?;
    macro_rules! blocks {
        ($($name:literal => $run:path),* $(,)?) => {
            $(if wanted($name) { $run(&mut lab).await?; })*
        };
    }
    blocks! {
        "footprint" => footprint::run,
        "latency" => latency::run,
        "drain" => drain::run,
        "peers" => peers::run,
        "backlog" => drain::backlog,
        "daemons" => drain::daemons,
        "claim" => claim::run,
        "writers" => writers::run,
        "bulk" => bulk::run,
        "mails" => mails::run,
        "workflows" => workflows::run,
        "load" => load::run,
        "campaigns" => campaigns::run,
        "ledger" => ledger::run,
        "tracking" => tracking::run,
        "backtest" => backtest::run,
        "testruns" => testruns::run,
        "lists" => api::lists,
        "live" => api::live,
    }
    let missed = lab.table();
    println!("\n{} figures missed, {:.0} s", missed, began.elapsed().as_secs_f64());
    if let Some(file) = json {
        std::fs::write(file, lab.json()?)?;
    }
    lab.close().await
}
