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
/// each as a row of the table. A new row is written with what was given ($2), and of all that it has ($4) with what is not made
/// for whoever writes: numbers, ids, times, accounts.
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
               left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
               where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' and a.attidentity <> 'a'
                 and (a.attname = any ($2::text[])
                      or a.attname = any ($4::text[]) and a.attidentity = ''
                         and coalesce(pg_get_expr(d.adbin, d.adrelid), '') !~ '\\(|CURRENT_|LOCALTIME|SESSION_USER')) w
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

pub(super) static ACCOUNT_OF: Sql = Sql {
    name: "account_of",
    text: "select c.user_id, c.email from public.customers c where c.id = $1::uuid
           union all
           select c.user_id, c.email from public.customers c where $1::uuid is null and c.user_id = $2::uuid
           limit 1",
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
    /// Its address, as far as `customers` tells.
    pub email: Option<String>,
}

/// The account of a customer, and the address; or those of an account.
///
/// # Errors
/// [`StoreError`].
pub async fn account_of(
    session: &Session,
    customer: Option<Uuid>,
    account: Option<Uuid>,
) -> Result<(Option<Uuid>, Option<String>), StoreError> {
    let rows = session.query(&ACCOUNT_OF, &[&customer, &account]).await?;
    Ok(rows.first().map_or((account, None), |row| (row.get("user_id"), Some(row.get("email")))))
}

impl Rights {
    /// Has the rest of the transaction, or of what is rolled back of it, run under the role, with the claims of a token.
    ///
    /// # Errors
    /// [`StoreError`]: whoever is connected may not, or there is no such role.
    pub async fn take(&self, session: &Session) -> Result<(), StoreError> {
        let claims = json!({ "role": self.role, "aud": self.role, "sub": self.account, "email": self.email });
        session.query(&ACT_AS, &[&claims.to_string(), &self.role]).await.map(|_| ())
    }

    /// Whether they may write what `changes` tell of; why not. To be asked within a savepoint `effect`, with the changes made;
    /// it is left as it was set.
    ///
    /// # Errors
    /// [`StoreError`] of a connection that is gone or of a row that somebody has in hand.
    pub async fn refuse(&self, session: &Session, changes: &[Change]) -> Result<Option<String>, StoreError> {
        let verdict = match self.tried(session, changes).await {
            Err(fault) if fault.class() == ErrorClass::Other => {
                Some(format!("whether `{}` may could not be tried: {}", self.who, fault.reason()))
            }
            tried => tried?.map(|reason| format!("as `{}` it may not: {reason}", self.who)),
        };
        session.transaction("rollback to savepoint effect").await?;
        Ok(verdict)
    }

    async fn tried(&self, session: &Session, changes: &[Change]) -> Result<Option<String>, StoreError> {
        session.transaction("set local role none").await?;
        let mut writes = Vec::with_capacity(changes.len());
        for change in changes.iter().filter(|change| change.table != FOLLOW) {
            match Write::of(session, change).await? {
                Some(write) => writes.push(write),
                None => return Ok(Some(format!("`{}` has no key by which it could be tried", change.table))),
            }
        }
        session.transaction("rollback to savepoint effect").await?;
        self.take(session).await?;
        for write in &writes {
            let refused = write.refusal(session).await?;
            if refused.is_some() {
                return Ok(refused);
            }
        }
        Ok(None)
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
    /// Nothing where it is not known by which key the row is found.
    async fn of(session: &Session, change: &'c Change) -> Result<Option<Self>, StoreError> {
        let operation = match (&change.before, &change.after) {
            (None, _) => "insert",
            (Some(_), Some(_)) => "update",
            (Some(_), None) => "delete",
        };
        let Some((keys, read)) = statement_of(session, change, "read", &[]).await? else { return Ok(None) };
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
        let mut values = change.after.clone();
        if operation == "insert" {
            let rows = session.client().query(&read, &[&Json(&key), &None::<Json<Value>>]).await;
            let rows = rows.map_err(|source| StoreError { name: "read_as", source })?;
            // Done before, and taken away since: there is nothing to be tried.
            let Some(row) = rows.first() else { return Ok(None) };
            values = Some(row.get::<_, Json<Value>>("row").0);
        }
        let row = values.iter().filter_map(Value::as_object).flatten();
        let there: Vec<&str> = row.filter(|(_, value)| !value.is_null()).map(|(name, _)| &**name).collect();
        let there = if operation == "insert" { &there[..] } else { &[] };
        let statement = statement_of(session, change, operation, there).await?;
        Ok(statement.map(|(_, statement)| Self { table: &change.table, statement, key, values }))
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
    there: &[&str],
) -> Result<Option<(Vec<String>, String)>, StoreError> {
    let columns: Vec<&str> =
        change.after.iter().filter_map(Value::as_object).flat_map(Map::keys).map(String::as_str).collect();
    let rows = session.query(&WRITE_OF, &[&change.table, &columns, &operation, &there]).await?;
    Ok(rows.first().and_then(|row| Some((row.get("keys"), row.get::<_, Option<String>>("statement")?))))
}
