//! The figures of the first way: idle latency, drain, writers, bulk writes, footprint. Ratios in one run, with the
//! disk's fsync probed beside every block, since it changes by itself.
//!
//!     cargo bench --bench first_way [-- latency|drain|writers|bulk|footprint] [--json FILE]

mod bulk;
mod drain;
mod footprint;
mod lab;
mod latency;
mod writers;

use std::error::Error;

use lab::Lab;

/// Anything that goes wrong ends the run.
pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let (mut only, mut json) = (None, None);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--json" => json = args.next(),
            name => only = Some(name.to_owned()),
        }
    }
    let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    rustls::crypto::aws_lc_rs::default_provider().install_default().map_err(|_| "a TLS provider is there")?;
    let mut lab = Lab::open()?;
    if wanted("footprint") {
        footprint::run(&mut lab).await?;
    }
    if wanted("latency") {
        latency::run(&mut lab).await?;
    }
    if wanted("drain") {
        drain::run(&mut lab).await?;
    }
    if wanted("writers") {
        writers::run(&mut lab).await?;
    }
    if wanted("bulk") {
        bulk::run(&mut lab).await?;
    }
    if let Some(file) = json {
        std::fs::write(file, serde_json::to_string_pretty(&lab.figures)?)?;
    }
    lab.close();
    Ok(())
}
