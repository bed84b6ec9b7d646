//! What the shop's tables record, whatever writes to them and however.

use futures_util::SinkExt;
use serde_json::{Value, json};
use tokio_postgres::error::SqlState;

use crate::support::Shop;

/// A table of the shop's own, with a name that must be quoted.
const CRATES: &str = r#"
    create table "Crate of goods" (
        id uuid primary key default gen_random_uuid(), customer_id uuid, weight numeric, "Label" text,
        details jsonb, updated_at timestamptz not null default now());
    create trigger set_updated_at before update on "Crate of goods"
        for each row execute function set_updated_at();
    select record_events_of('Crate of goods', 'shop')"#;

/// A shop whose first customer is no event any more. The default partition has no months beside it.
pub async fn with_nothing_recorded() -> Shop {
    let shop = Shop::open().await;
    shop.has_no_months().await;
    shop.does("truncate workflow_events, workflow_queue").await;
    shop
}

impl Shop {
    pub async fn does(&self, sql: &str) {
        self.db.batch_execute(sql).await.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    }

    /// What the database says to a statement that it refuses.
    async fn is_refused(&self, sql: &str) -> (SqlState, String) {
        let error = self.db.batch_execute(sql).await.expect_err(sql);
        let said = error.as_db_error().expect("the server's word");
        (said.code().clone(), format!("{}; {}", said.message(), said.hint().unwrap_or_default()))
    }

    /// Operation, row and former values of all events in order, and no others from now on.
    pub async fn takes_events(&self) -> Vec<(String, Value, Value)> {
        let sql =
            "select operation, row_data, coalesce(old_data, 'null') from workflow_events order by at, id";
        let rows = self.db.query(sql, &[]).await.expect("events");
        assert_eq!(self.count("workflow_queue").await, i64::try_from(rows.len()).expect("few"));
        self.does("truncate workflow_events, workflow_queue").await;
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
    }

    async fn operations(&self) -> Vec<String> {
        self.takes_events().await.into_iter().map(|(operation, ..)| operation).collect()
    }
}

/// The former values, without the instant that every update changes.
fn former(event: &(String, Value, Value)) -> Value {
    let mut old = event.2.clone();
    old.as_object_mut().expect("former values").remove("updated_at").expect("every update changes it");
    old
}

#[tokio::test]
async fn an_event_has_the_row_and_what_it_was_and_which_columns_changed() {
    let shop = with_nothing_recorded().await;
    shop.does(CRATES).await;
    shop.does(r#"insert into "Crate of goods" (weight, "Label") values (1.5, null)"#).await;
    shop.does(r#"update "Crate of goods" set "Label" = 'fragile', details = '{"a": [1, 2]}'"#).await;
    shop.does(r#"update "Crate of goods" set "Label" = null, weight = 1.50"#).await;
    shop.does(r#"update "Crate of goods" set details = '{"a": [2, 1]}'"#).await;
    shop.does(r#"update "Crate of goods" set weight = weight"#).await;
    shop.does(r#"update "Crate of goods" set weight = 3 where false"#).await;
    shop.does(r#"delete from "Crate of goods""#).await;
    let events = shop.takes_events().await;
    assert_eq!(
        events.iter().map(|e| &*e.0).collect::<Vec<_>>(),
        ["insert", "update", "update", "update", "delete"]
    );
    assert_eq!(events[0].1["weight"], json!(1.5));
    assert_eq!(events[0].2, Value::Null);
    assert_eq!(former(&events[1]), json!({ "Label": null, "details": null }), "null became a value");
    assert_eq!(events[1].1["Label"], "fragile");
    assert_eq!(former(&events[2]), json!({ "Label": "fragile" }), "a value became null");
    assert_eq!(events[2].1["Label"], Value::Null);
    assert_eq!(former(&events[3]), json!({ "details": { "a": [1, 2] } }));
    assert_eq!(events[4].1["details"], json!({ "a": [2, 1] }), "the row as it was deleted");
    assert_eq!(events[4].2, Value::Null);
}

#[tokio::test]
async fn upsert_merge_and_copy_record_what_became_of_each_row() {
    let shop = with_nothing_recorded().await;
    shop.does(
        "create table shelves (id integer primary key, goods text);
         select record_events_of('shelves', 'shop', 'id');
         insert into shelves values (1, 'tea')",
    )
    .await;
    assert_eq!(shop.operations().await, ["insert"]);
    shop.does(
        "insert into shelves values (1, 'coffee'), (2, 'milk')
         on conflict (id) do update set goods = excluded.goods",
    )
    .await;
    let mut events = shop.takes_events().await;
    events.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(events[0], ("insert".into(), json!({ "id": 2, "goods": "milk" }), Value::Null));
    assert_eq!(
        events[1],
        ("update".into(), json!({ "id": 1, "goods": "coffee" }), json!({ "goods": "tea" }))
    );
    assert_eq!(events.len(), 2);

    shop.does(
        "merge into shelves s using (values (1, 'salt'), (2, null), (3, 'oil')) as d (id, goods) on s.id = d.id
         when matched and d.goods is null then delete
         when matched then update set goods = d.goods
         when not matched then insert values (d.id, d.goods)",
    )
    .await;
    let mut events = shop.takes_events().await;
    events.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(
        events,
        [
            ("delete".into(), json!({ "id": 2, "goods": "milk" }), Value::Null),
            ("insert".into(), json!({ "id": 3, "goods": "oil" }), Value::Null),
            ("update".into(), json!({ "id": 1, "goods": "salt" }), json!({ "goods": "coffee" })),
        ]
    );

    let sink = shop.db.copy_in::<_, &'static [u8]>("copy shelves from stdin").await.expect("COPY");
    let mut sink = std::pin::pin!(sink);
    sink.send(b"7\trice\n8\t\\N\n").await.expect("two lines");
    sink.finish().await.expect("copied");
    let events = shop.takes_events().await;
    assert_eq!(events[1].1, json!({ "id": 8, "goods": null }));
    assert_eq!(events.len(), 2);
}

#[tokio::test]
async fn rows_with_other_keys_find_their_former_selves() {
    let shop = with_nothing_recorded().await;
    shop.does(
        r#"create table mappings (product_id text, category_id integer, rank integer, primary key (product_id, category_id));
           select record_events_of('mappings', 'products', 'product_id', key_columns => '{product_id,category_id}');
           create table cards (customer_id uuid primary key, "Stamps" integer);
           select record_events_of('cards', 'loyalty', key_columns => '{customer_id}');
           insert into mappings values ('a', 1, 10), ('a', 2, 20), ('b', 1, 30);
           insert into cards select gen_random_uuid(), g from generate_series(1, 3) g;
           truncate workflow_events, workflow_queue;
           update mappings set rank = rank + 1;
           update cards set "Stamps" = "Stamps" + 1"#,
    )
    .await;
    let events = shop.takes_events().await;
    assert_eq!(events.len(), 6);
    for (_, row, old) in &events {
        let column = if row.get("rank").is_some() { "rank" } else { "Stamps" };
        let of = |value: &Value| value[column].as_i64().expect("a number");
        assert_eq!(of(row), of(old) + 1, "{row} was {old}");
    }
    shop.does("update mappings set category_id = 9 where rank = 11").await;
    let events = shop.takes_events().await;
    assert_eq!((&*events[0].0, &events[0].2), ("update", &Value::Null), "a changed key has no former self");
}

#[tokio::test]
async fn who_has_no_customer_is_ordered_by_its_own_key() {
    let shop = with_nothing_recorded().await;
    shop.does(CRATES).await;
    let (whose, own) = (shop.customer, uuid::Uuid::new_v4());
    shop.does(&format!(
        r#"insert into "Crate of goods" (id, customer_id) values ('{own}', '{whose}');
           update "Crate of goods" set customer_id = null;
           create table pairs (a text, b integer, customer_id uuid, unique (a, b));
           select record_events_of('pairs', 'shop', key_columns => '{{a,b}}');
           insert into pairs values ('x', 1), ('x', 2)"#
    ))
    .await;
    let rows =
        shop.db.query("select entity from workflow_events order by at, id", &[]).await.expect("events");
    let entities: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(entities, [whose.to_string(), own.to_string(), r#"["x", 1]"#.into(), r#"["x", 2]"#.into()]);
    let elsewhere = "select count(*) from workflow_events e join workflow_queue q on q.event_id = e.id
                     where q.lane <> (hashtextextended(e.entity, 0) & 63)";
    assert_eq!(shop.number(elsewhere, &[]).await, 0);
}

#[tokio::test]
async fn one_update_sets_what_a_table_records() {
    let shop = with_nothing_recorded().await;
    shop.does(CRATES).await;
    let write = r#"insert into "Crate of goods" (weight) values (1);
                   update "Crate of goods" set weight = weight + 1"#;
    let set = |recorded: &str| {
        format!("update event_tables set recorded = '{recorded}' where table_name = 'Crate of goods'")
    };
    shop.does(&set("none")).await;
    shop.does(write).await;
    assert!(shop.operations().await.is_empty());
    shop.does(&set("subscribed")).await;
    shop.does(write).await;
    assert!(shop.operations().await.is_empty(), "nobody listens");
    let workflow = shop.writes_workflow("crates", &json!({ "nodes": [], "edges": [] })).await;
    shop.does(&format!(
        "insert into workflow_triggers (workflow_id, version, node_id, kind, table_name, operations, config)
         values ('{workflow}', 1, 'start', 'crate_moved', 'Crate of goods', '{{update}}', '{{}}')"
    ))
    .await;
    shop.does(write).await;
    let operations = shop.operations().await;
    assert_eq!(operations, ["update"; 3], "a workflow listens to updates");
    shop.does("delete from workflow_triggers").await;
    shop.does(write).await;
    assert!(shop.operations().await.is_empty());
    shop.does(&set("all")).await;
    shop.does(write).await;
    assert_eq!(shop.operations().await.len(), 1 + 5);
    shop.does("delete from event_tables where table_name = 'Crate of goods'").await;
    shop.does(write).await;
    assert!(shop.operations().await.is_empty(), "no row, no events");
}

#[tokio::test]
async fn secrets_enter_no_event_whenever_their_column_was_made() {
    let shop = with_nothing_recorded().await;
    shop.does(
        "create domain sealed as bytea;
         create table accounts (id integer primary key, name text, iban text, refresh_token text, \"API_Key\" text,
             pin_encrypted text, key sealed, files bytea[], words tsvector);
         select record_events_of('accounts', 'shop', 'id', hidden_columns => '{iban}');
         insert into accounts values (1, 'Ada', 's3cret', 's3cret', 's3cret', 's3cret', 's3cret', '{s3cret}', 's3cret')",
    )
    .await;
    let bare = json!({ "id": 1, "name": "Ada" });
    assert_eq!(shop.takes_events().await[0].1, bare);
    shop.does("update accounts set refresh_token = 'other s3cret', name = 'Bob'").await;
    let events = shop.takes_events().await;
    assert_eq!(events[0].2, json!({ "name": "Ada" }));
    shop.does("update accounts set refresh_token = 'third s3cret'").await;
    assert_eq!(shop.takes_events().await, [], "only what nobody may see has changed");
    // After the triggers were made, in the session that has their plans: one more, and one with a new name.
    shop.does(
        "alter table accounts add column client_secret text default 's3cret', add column city text default 'Ulm';
         alter table accounts rename column name to password;
         alter table accounts rename column refresh_token to refreshing_token;
         update accounts set password = 's3cret', city = 'Bonn';
         delete from accounts",
    )
    .await;
    let events = shop.takes_events().await;
    assert_eq!(
        (&events[0].1, &events[0].2),
        (&json!({ "id": 1, "city": "Bonn" }), &json!({ "city": "Ulm" }))
    );
    assert_eq!(events[1].1, json!({ "id": 1, "city": "Bonn" }));
    assert_eq!(events.len(), 2);
}

#[tokio::test]
async fn a_table_that_was_detached_stays_so_until_it_is_attached() {
    let shop = with_nothing_recorded().await;
    let triggers = "select count(*) from pg_trigger where tgfoid = 'record_event'::regproc";
    let before = shop.number(triggers, &[]).await;
    let tables = shop.number("select detach_events()", &[]).await;
    // One of them records nothing.
    assert_eq!(before, 3 * (tables - 1));
    assert_eq!(shop.number(triggers, &[]).await, 0);
    shop.places_order(100_00).await;
    shop.does("update event_tables set recorded = 'all' where table_name = 'orders'").await;
    // A table that an upgrade brings, and the upgrade itself.
    shop.does(CRATES).await;
    let migrated = crate::support::server::thendo()
        .args(["migrate", "--database-url", &shop.url])
        .output()
        .expect("the binary");
    assert!(migrated.status.success());
    shop.places_order(100_00).await;
    assert_eq!(shop.number(triggers, &[]).await, 0);
    assert_eq!(shop.count("workflow_events").await, 0);
    shop.does(r#"drop table "Crate of goods""#).await;
    assert_eq!(
        shop.number("select attach_events()", &[]).await,
        tables,
        "a table that is gone is passed over"
    );
    assert_eq!(shop.number(triggers, &[]).await, before);
    shop.places_order(100_00).await;
    assert_eq!(shop.operations().await, ["insert"]);
}

#[tokio::test]
async fn what_cannot_be_recorded_is_refused_when_it_is_set_and_not_when_someone_orders() {
    let shop = with_nothing_recorded().await;
    let refused = |sql: &'static str| shop.is_refused(sql);
    let (code, said) = refused("select record_events_of('odrers', 'orders')").await;
    assert_eq!((code, said.contains("odrers")), (SqlState::UNDEFINED_TABLE, true), "{said}");
    let (code, said) =
        refused("update event_tables set table_name = 'workflow_queue' where table_name = 'cart'").await;
    assert_eq!((code, said.contains("engine's own")), (SqlState::INVALID_PARAMETER_VALUE, true), "{said}");
    let (code, said) = refused("select record_events_of('orders', 'orders', 'costumer_id')").await;
    assert_eq!(code, SqlState::UNDEFINED_COLUMN);
    assert!(said.contains("costumer_id") && said.contains("customer_id"), "{said}");
    let (code, said) =
        refused("select record_events_of('orders', 'orders', key_columns => '{status}')").await;
    assert_eq!(code, SqlState::INVALID_PARAMETER_VALUE, "{said}");
    let (code, said) =
        refused("select record_events_of('orders', 'orders', hidden_columns => '{customer_id}')").await;
    assert_eq!(code, SqlState::INVALID_PARAMETER_VALUE, "{said}");
    let (code, _) = refused("update event_tables set recorded = 'some'").await;
    assert_eq!(code, SqlState::CHECK_VIOLATION);
    shop.places_order(100_00).await;
    assert_eq!(shop.operations().await, ["insert"], "and nothing of it had an effect");
}

#[tokio::test]
async fn a_write_whose_event_cannot_be_written_does_not_happen() {
    let shop = with_nothing_recorded().await;
    shop.does("alter table workflow_events detach partition workflow_events_default").await;
    let sql = format!("insert into orders (customer_id, total) values ('{}', 1)", shop.customer);
    let (code, said) = shop.is_refused(&sql).await;
    assert_eq!(code, SqlState::CHECK_VIOLATION, "{said}");
    assert_eq!(shop.count("orders").await, 0);
    shop.does("alter table workflow_events attach partition workflow_events_default default").await;
    shop.does(&sql).await;
    assert_eq!(shop.operations().await, ["insert"]);
}

#[tokio::test]
async fn a_former_value_too_large_is_left_out_too() {
    let shop = with_nothing_recorded().await;
    shop.does(CRATES).await;
    shop.does(
        r#"insert into "Crate of goods" ("Label")
           select string_agg(md5(g::text), '') from generate_series(1, 4000) g;
           update "Crate of goods" set "Label" = 'short', weight = 2"#,
    )
    .await;
    let sql = "select operation, truncated, row_data ? 'Label', coalesce(old_data ? 'Label', false),
                      old_data ? 'weight' from workflow_events order by at";
    let rows = shop.db.query(sql, &[]).await.expect("events");
    let told: Vec<_> = rows.iter().map(|r| (r.get(0), r.get(1), r.get(2), r.get(3), r.get(4))).collect();
    assert_eq!(told, [("insert", true, false, false, None), ("update", true, true, false, Some(true))]);
}
