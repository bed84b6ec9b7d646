//! Whether somebody else than the engine could have written the same rows: tried under their role and their policies, in a
//! transaction that the caller takes back.

use serde_json::{Map, Value, json};
use tokio_postgres::types::Json;
use uuid::Uuid;

use super::session::{ErrorClass, Session, Sql, StoreError};
use crate::domain::execution::Change;

/// The sums of the ledger's lines follow by a trigger, whoever adds a line.
const FOLLOW: &str = "loyalty_points";

/// Says how a row is read or written: names come from the catalog and are quoted there. Statements take the key and the values,
/// each as a row of the table. Of a new row, only what was given is written again, and what has no default.
pub(super) static WRITE_OF: Sql = Sql {
    name: "write_of",
    text: "select k.keys, format(case $3::text
               when 'read' then 'select to_jsonb(t) as row from %1$s t, jsonb_populate_record(null::%1$s, $1::jsonb) k where %5$s and $2::jsonb is null'
               when 'insert' then 'insert into %1$s (%2$s) select %3$s from jsonb_populate_record(null::%1$s, $2::jsonb) r where $1::jsonb is not null'
               when 'update' then 'update %1$s t set %4$s from jsonb_populate_record(null::%1$s, $1::jsonb) k, jsonb_populate_record(null::%1$s, $2::jsonb) r where %5$s'
               else 'delete from %1$s t using jsonb_populate_record(null::%1$s, $1::jsonb) k where %5$s and $2::jsonb is null' end,
               c.oid::regclass, w.names, w.given, w.put, k.found) as statement
           from pg_catalog.pg_class c
           cross join lateral (
               select string_agg(quote_ident(a.attname), ', ' order by a.attnum) as names,
                      string_agg('r.' || quote_ident(a.attname), ', ' order by a.attnum) as given,
                      string_agg(format('%1$I = r.%1$I', a.attname), ', ' order by a.attnum) as put
               from pg_catalog.pg_attribute a
               where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
                 and (a.attname = any ($2::text[]) or $3::text = 'insert' and not a.atthasdef and a.attidentity = '')) w
           cross join lateral (
               select array_agg(a.attname::text) as keys, string_agg(format('t.%1$I = k.%1$I', a.attname), ' and ') as found
               from pg_catalog.pg_index i join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey::int2[])
               where i.indrelid = c.oid and i.indisprimary) k
           where c.oid = to_regclass('public.' || quote_ident($1::text)) and k.keys is not null
           limit 1",
};
pub(super) static ACT_AS: Sql = Sql {
    name: "act_as",
    text: "select set_config('request.jwt.claims', $1, true), set_config('role', $2, true)",
};

/// Whose rights and policies count.
#[derive(Debug, Clone)]
pub struct Rights {
    /// In a word: `customer`.
    pub who: &'static str,
    /// The database's role: `authenticated`.
    pub role: &'static str,
    /// The account, if somebody signed in.
    pub account: Option<Uuid>,
}

impl Rights {
    /// Whether they may write what `changes` tell of; why not. To be asked within a savepoint `effect`, with the changes made;
    /// it is left as it was set.
    ///
    /// # Errors
    /// [`StoreError`] that is nobody's refusal.
    pub async fn refuse(&self, session: &Session, changes: &[Change]) -> Result<Option<String>, StoreError> {
        session.transaction("set local role none").await?;
        let mut writes = Vec::with_capacity(changes.len());
        for change in changes.iter().filter(|change| change.table != FOLLOW) {
            writes.extend(Write::of(session, change).await?);
        }
        session.transaction("rollback to savepoint effect").await?;
        let claims = json!({ "role": self.role, "sub": self.account });
        session.query(&ACT_AS, &[&claims.to_string(), &self.role]).await?;
        let mut refused = None;
        for write in &writes {
            refused = write.refusal(session).await?;
            if refused.is_some() {
                break;
            }
        }
        session.transaction("rollback to savepoint effect").await?;
        Ok(refused.map(|reason| format!("as `{}` it may not: {reason}", self.who)))
    }
}

/// A row to be written again.
struct Write<'c> {
    table: &'c str,
    statement: String,
    key: Map<String, Value>,
    values: Option<Value>,
}

impl<'c> Write<'c> {
    /// Nothing where the record does not say by which key the row is found.
    async fn of(session: &Session, change: &'c Change) -> Result<Option<Self>, StoreError> {
        let operation = match (&change.before, &change.after) {
            (None, _) => "insert",
            (Some(_), Some(_)) => "update",
            (Some(_), None) => "delete",
        };
        let Some((keys, statement)) = statement_of(session, change, operation).await? else {
            return Ok(None);
        };
        let written = || [&change.before, &change.after].into_iter().flatten().filter_map(Value::as_object);
        let key: Map<String, Value> = match &keys[..] {
            [one] => Map::from_iter([(one.clone(), json!(change.key))]),
            many => many
                .iter()
                .filter_map(|name| Some((name.clone(), written().find_map(|row| row.get(name))?.clone())))
                .collect(),
        };
        if key.len() < keys.len() {
            return Ok(None);
        }
        let mut write = Self { table: &change.table, statement, key, values: change.after.clone() };
        if operation == "insert"
            && let Some((_, read)) = statement_of(session, change, "read").await?
        {
            let rows = session.client().query(&read, &[&Json(&write.key), &None::<Json<Value>>]).await;
            let rows = rows.map_err(|source| StoreError { name: "read_as", source })?;
            write.values = rows.first().map(|row| row.get::<_, Json<Value>>("row").0);
        }
        Ok(Some(write))
    }

    async fn refusal(&self, session: &Session) -> Result<Option<String>, StoreError> {
        let (key, values) = (Json(&self.key), self.values.as_ref().map(Json));
        match session.client().execute(&self.statement, &[&key, &values]).await {
            Ok(0) => Ok(Some(format!("no such row of `{}` is there for them to write", self.table))),
            Ok(_) => Ok(None),
            Err(source) => {
                let fault = StoreError { name: "write_as", source };
                if fault.class() == ErrorClass::Other { Ok(Some(fault.reason())) } else { Err(fault) }
            }
        }
    }
}

/// The columns of the key, and the statement.
async fn statement_of(
    session: &Session,
    change: &Change,
    operation: &str,
) -> Result<Option<(Vec<String>, String)>, StoreError> {
    let columns: Vec<&str> =
        change.after.iter().filter_map(Value::as_object).flat_map(Map::keys).map(String::as_str).collect();
    let rows = session.query(&WRITE_OF, &[&change.table, &columns, &operation]).await?;
    Ok(rows.first().and_then(|row| Some((row.get("keys"), row.get::<_, Option<String>>("statement")?))))
}
