//! What an order brought: points, deposits, mails.

use sqlx::PgPool;
use uuid::Uuid;

use super::super::executions::delivery_line;
use super::super::output::{BAD, GOOD, STRONG, one_line, print_line, shape, time};
use crate::domain::money::Money;
use crate::store::demo::{PlacedOrder, Seen, deposits, points};
use crate::store::lists;

/// Prints it.
pub(super) async fn print(pool: &PgPool, order: &PlacedOrder, ended: &[Seen]) -> anyhow::Result<()> {
    print_line(format_args!("\n{STRONG}so{STRONG:#}"))?;
    if let Some(points) = points(pool, order).await? {
        print_line(format_args!(
            "  {GOOD}●{GOOD:#} {} points awarded, balance {}",
            points.earned, points.balance
        ))?;
    }
    for deposit in deposits(pool, order).await? {
        let amount = Money { amount_minor: deposit.amount, currency: deposit.currency };
        let days = (deposit.due_date - order.since).num_hours().div_euclid(24);
        let due = time(deposit.due_date);
        print_line(format_args!(
            "  {GOOD}●{GOOD:#} deposit of {amount} asked for, due {due} (in {days} days)"
        ))?;
    }
    let ids: Vec<Uuid> = ended.iter().map(|execution| execution.id).collect();
    for delivery in lists::deliveries(pool, &ids).await? {
        print_line(format_args!("  {}", delivery_line(&delivery)))?;
    }
    for execution in ended {
        let (style, shape) = shape(&execution.status);
        let workflow = one_line(&execution.workflow);
        let error =
            execution.error.as_deref().map_or_else(String::new, |error| format!(": {}", one_line(error)));
        print_line(format_args!(
            "  {style}{shape}{style:#} {workflow} {}{BAD}{error}{BAD:#}",
            execution.status
        ))?;
    }
    Ok(())
}
