//! Statements of many rows at once record what those of one row do, in order.

use serde_json::{Value, json};

use crate::events::with_nothing_recorded;

#[tokio::test]
async fn a_hundred_thousand_rows_at_once_are_as_many_events_in_order() {
    let shop = with_nothing_recorded().await;
    shop.does(
        "insert into customers (email) select 'c' || g || '@example.com' from generate_series(1, 999) g;
         -- Plans are made for the first statement of a session, and this one is of one row.
         insert into orders (customer_id, total) select id, 0 from customers limit 1;
         update orders set total = total + 1;
         delete from orders;
         truncate workflow_events, workflow_queue;
         insert into orders (customer_id, total, note)
         select c.ids[1 + g % 1000], g, g::text from generate_series(1, 100000) g, (select array_agg(id) as ids from customers) c;
         update orders set total = total + 1;
         delete from orders",
    )
    .await;
    for operation in ["insert", "update", "delete"] {
        let wrong = "select count(*) from (
                select e.*, q.lane, q.due_at, q.event_at, q.id as place, lag(q.id) over (order by e.at, q.id) as former_place
                from workflow_events e join workflow_queue q on q.event_id = e.id where e.operation = $1) e
            where place < former_place or due_at <> at or event_at <> at or truncated
               or entity <> row_data ->> 'customer_id' or lane <> (hashtextextended(entity, 0) & 63)
               or (operation = 'update') <> (old_data is not null)
               or (old_data ->> 'total')::bigint <> (row_data ->> 'total')::bigint - 1";
        assert_eq!(shop.number(wrong, &[&operation]).await, 0, "{operation}");
        let sql = "select count(distinct id) from workflow_events where operation = $1";
        assert_eq!(shop.number(sql, &[&operation]).await, 100_000, "{operation}");
    }
    assert_eq!(shop.count("workflow_queue").await, 300_000);
    let reversed = "select count(*) from (
            select (row_data ->> 'note')::int as n, lag((row_data ->> 'note')::int) over (order by at, id) as former
            from workflow_events where operation = 'insert') e where n < former";
    assert_eq!(shop.number(reversed, &[]).await, 0, "events are in the order of the rows");
}

#[tokio::test]
async fn a_large_update_records_what_a_small_one_does() {
    let shop = with_nothing_recorded().await;
    shop.does(
        r#"create collation any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
           create table "Many" (id integer primary key, customer_id uuid, "Word" text collate any_case, plan json, at point,
               refresh_token text, tags text[], spare text);
           select record_events_of('Many', 'shop');
           insert into "Many" select g, null, 'a', '{"a": 1}', point(1, 1), 'x', '{a}' from generate_series(1, 3000) g;
           truncate workflow_events, workflow_queue"#,
    )
    .await;
    // Some columns change in some rows only, one only by its case, and a key moves.
    shop.does(
        r#"update "Many" set "Word" = case when id % 2 = 0 then 'A' else "Word" end, plan = '{"a": 2}', at = point(id % 3, 1),
               refresh_token = 'y', tags = case when id = 7 then null else tags end,
               id = case when id = 3000 then 4000 else id end"#,
    )
    .await;
    let events = shop.takes_events().await;
    assert_eq!(events.len(), 3000);
    let of = |id: i32| events.iter().find(|event| event.1["id"] == json!(id)).expect("an event").2.clone();
    assert_eq!(of(1), json!({ "plan": { "a": 1 } }), "nothing but the plan");
    assert_eq!(of(2), json!({ "plan": { "a": 1 }, "Word": "a", "at": "(1,1)" }));
    assert_eq!(of(7), json!({ "plan": { "a": 1 }, "tags": ["a"] }));
    assert_eq!(of(4000), Value::Null, "a new key has no former self");
    assert!(events.iter().all(|event| event.1.get("refresh_token").is_none()));
}
