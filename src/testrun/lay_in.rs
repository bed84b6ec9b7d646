//! Lays the rows of an event in, before a test run.

use std::sync::Arc;

use serde_json::json;
use uuid::Uuid;

use super::TestRunError;
use crate::domain::event::{Event, Row};
use crate::store::executions::load_customers;
use crate::store::session::{Session, StoreError};
use crate::store::staging::{customer_id, insert_if_missing};
use crate::store::testing::row_of;
use crate::workflow::event_file::Given;
use crate::workflow::plan::Plan;
use crate::workflow::subjects::is_stored;

/// Whether the row is there by its id. Then nothing is to be laid in, which a daemon's own login may have no right to do.
async fn is_there(session: &Session, table: &str, row: &Row) -> Result<bool, StoreError> {
    // Any other text might be no id of that table, and an error would end the transaction.
    let id = row.get("id").and_then(|id| id.as_str()).filter(|id| id.parse::<Uuid>().is_ok());
    Ok(match id {
        Some(id) => row_of(session, table, id).await?.is_some(),
        None => false,
    })
}

/// Lays the event's rows in, and those given beside it, as far as they are missing; and finds the customer.
pub(super) async fn lay_in(
    session: &Session,
    plan: &Plan,
    event: &mut Event,
    mut given: Vec<Given>,
) -> Result<(), TestRunError> {
    if let Some(customer) = &mut event.customer {
        if !is_there(session, "customers", customer).await? {
            insert_if_missing(session.client(), "customers", customer).await?;
        }
        // The shop may know them already, by another id.
        if let Some(id) = customer_id(session.client(), customer).await? {
            let named = customer.get("id").cloned();
            Arc::make_mut(customer).insert("id".into(), json!(id));
            Arc::make_mut(&mut event.row).entry("customer_id").and_modify(|of| *of = json!(id));
            let theirs = given.iter_mut().filter_map(|given| given.row.get_mut("customer_id"));
            theirs.filter(|of| Some(&**of) == named.as_ref()).for_each(|of| *of = json!(id));
        }
    }
    for Given { table, row } in &given {
        insert_if_missing(session.client(), table, row).await?;
    }
    if is_stored(&event.table) && !is_there(session, &event.table, &event.row).await? {
        insert_if_missing(session.client(), &event.table, &event.row).await?;
    }
    if event.customer.is_none()
        && let Some(key) = plan.customer_of(event)
    {
        let found = load_customers(session, vec![key]).await?;
        event.customer = found.into_values().next().and_then(Result::ok);
    }
    Ok(())
}
