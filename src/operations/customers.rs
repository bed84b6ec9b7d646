//! Persons: all that says who somebody was is removed.

use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use sqlx::postgres::PgDatabaseError;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Asked, Context, Kind, Nothing, Operation, Refusal, Verb, audit};
use crate::store::erasure::{self, Person, Rows};

/// Who is to be removed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = EraseWhom)]
#[serde(deny_unknown_fields)]
pub struct Whom {
    /// Their address, or the id of the row in `customers`.
    pub who: String,
    /// Only tell what would be removed.
    #[serde(default)]
    pub dry_run: bool,
}

/// What was removed, or would be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = ErasedCustomer)]
pub struct Erased {
    /// Whom it is about.
    pub person: Person,
    /// Whether it was done.
    pub erased: bool,
    /// What is removed or emptied.
    pub removed: Vec<Rows>,
    /// What stays of the customer, without a name.
    pub stays: Vec<Rows>,
}

/// Removes a person's data.
#[derive(Debug)]
pub struct Erase;

impl Operation for Erase {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/customers/erase";
    const NAME: &'static str = "eraseCustomer";
    const ABOUT: &'static str = "Removes all that says who somebody was, for good. Orders, deposits and the points ledger stay, of a \
        customer without a name. A shop with very many events takes longer than an answer may: then nothing was removed, and \
        `thendo customer erase` does it where the database is.";
    type Path = Nothing;
    type Query = Nothing;
    type Body = Whom;
    type Output = Erased;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Erased, Refusal> {
        let Whom { who, dry_run } = asked.body;
        let mut transaction = context.begin().await?;
        if context.who.is_local() {
            // All events are looked through, and the batches that hold the lanes are waited for.
            erasure::wait_for_it(&mut transaction).await?;
        }
        let person = find(&mut transaction, &who).await?;
        let removed = erasure::erase(&mut transaction, &person).await.map_err(explained)?;
        let stays = erasure::stays(&mut transaction, &person).await?;
        let is_nobody = person.customer.is_none() || (dry_run && stays.is_empty());
        if removed.is_empty() && is_nobody {
            return Err(Refusal::new(Kind::Missing, "nobody-known", format!("nothing is known of {who}"))
                .help("check the spelling; ids are those of customers.id"));
        }
        match dry_run {
            true => {
                transaction.rollback().await?;
                // Who has the database sees it all anyway, and a dry run changes nothing there.
                if !context.who.is_local() {
                    let mut looked = context.begin().await?;
                    let target = person.customer.map_or_else(String::new, |id| id.to_string());
                    audit::note(&mut looked, &context.who, "customer.look", target, json!({})).await?;
                    looked.commit().await?;
                }
            }
            false => {
                // Whom it was about the audit must not keep, but by the id that stays.
                let rows: i64 = removed.iter().map(|rows| rows.row_count).sum();
                let target = person.customer.map_or_else(String::new, |id| id.to_string());
                audit::note(&mut transaction, &context.who, "customer.erase", target, json!({"rows": rows}))
                    .await?;
                transaction.commit().await?;
            }
        }
        Ok(Erased { person, erased: !dry_run, removed, stays })
    }
}

async fn find(connection: &mut PgConnection, who: &str) -> Result<Person, Refusal> {
    if let Ok(id) = who.parse::<Uuid>() {
        return Ok(Person { customer: Some(id), address: None });
    }
    if !who.contains('@') {
        return Err(Refusal::new(
            Kind::Invalid,
            "nobody-named",
            format!("`{who}` is neither an address nor an id"),
        )
        .help("name the person by e-mail address, or by the id of the row in customers"));
    }
    match erasure::customers_with(connection, who).await?.as_slice() {
        several @ [_, _, ..] => {
            let ids: Vec<_> = several.iter().map(ToString::to_string).collect();
            let message = format!("{} customers have the address {who}", ids.len());
            Err(Refusal::new(Kind::Conflict, "ambiguous-address", message)
                .help(format!("name one by id: {}", ids.join(", "))))
        }
        found => Ok(Person { customer: found.first().copied(), address: Some(who.to_owned()) }),
    }
}

/// What the database says for people is told as such.
fn explained(fault: sqlx::Error) -> Refusal {
    let said = fault.as_database_error().and_then(|said| said.try_downcast_ref::<PgDatabaseError>());
    let told = said.and_then(|said| {
        let (kind, code) = match said.code() {
            "P0002" => (Kind::Missing, "nobody-known"),
            "55000" => (Kind::Conflict, "an-admin"),
            "57014" => {
                let message = "it takes longer than an answer may: nothing was removed";
                let help = "`thendo customer erase` does it where the database is, however long it takes";
                return Some(Refusal::new(Kind::Late, "too-late", message).help(help));
            }
            _ => return None,
        };
        let help = said.hint().unwrap_or("`customers.id` has the ids");
        Some(Refusal::new(kind, code, said.message()).help(help))
    });
    told.unwrap_or_else(|| fault.into())
}
