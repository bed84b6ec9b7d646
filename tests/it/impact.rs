//! `thendo migrate --check`: which workflows that run a change of the schema breaks.

use serde_json::{Value, json};

use crate::support::{Shop, edge, node};

/// A workflow of a trigger and a mail with this text.
fn mails(trigger: Value, text: &str) -> Value {
    let config = json!({ "to": "a@example.com", "subject": "Hello", "text": text });
    json!({
        "nodes": [node("start", "trigger", trigger),
                  node("mail", "action", json!({ "actionType": "send_email", "config": config }))],
        "edges": [edge("start", "mail")],
    })
}

/// The exit code, and by workflow whether it is broken and the codes and nodes of what is said.
async fn checked(shop: &Shop) -> (Option<i32>, Value, Value) {
    let (code, out, said) = shop.thendo(&["migrate", "--check", "--format", "json"]).await;
    let answer: Value = serde_json::from_str(&out).unwrap_or_else(|fault| panic!("{fault}: {out}{said}"));
    let mut told = json!({});
    for workflow in answer["workflows"].as_array().expect("a list") {
        let found = workflow["diagnostics"].as_array().expect("a list").iter();
        let found: Vec<_> = found
            .map(|fault| format!("{} {}", fault["code"].as_str().unwrap(), fault["node"].as_str().unwrap()))
            .collect();
        let name = format!("{} {}", workflow["name"].as_str().unwrap(), workflow["version"]);
        told[name] = json!({ "breaks": workflow["breaks"], "found": found });
    }
    (code, told, answer["statements"].clone())
}

#[tokio::test]
async fn a_change_of_the_schema_names_the_workflows_that_it_breaks_and_no_others() {
    let shop = Shop::open().await;
    shop.db.batch_execute("create table things (id uuid primary key, title text, price bigint);
               insert into event_tables (table_name, domain, entity_column) values ('things', 'shop', 'id');
               create table other_things (id uuid primary key, title text);
               insert into event_tables (table_name, domain, entity_column) values ('other_things', 'shop', 'id')").await.expect("done");
    let row = |table: &str| json!({ "triggerType": "row_changed", "config": { "table": table } });
    let daemon = shop.daemon().await;
    shop.publishes("titles", &mails(row("things"), "{{ row.title }} is new")).await;
    shop.publishes("prices", &mails(row("things"), "{% if row.price > 3 %}much{% endif %}")).await;
    shop.publishes("others", &mails(row("other_things"), "{{ row.title }} is new")).await;
    let post = json!({ "triggerType": "blog_post_published", "config": {} });
    shop.publishes("posts", &mails(post, "{{ post.title|default('') }} by {{ post.author|default('') }}"))
        .await;
    daemon.stops();
    assert_eq!(checked(&shop).await, (Some(0), json!({}), json!([])));
    let (code, out, said) = shop.thendo(&["migrate", "--check"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(out.contains("the 4 workflows that run fit the tables as they are"), "{out}");

    shop.db.batch_execute("alter table things rename title to titel").await.expect("done");
    let broken = json!({ "titles 1": { "breaks": true, "found": ["gone-column mail"] } });
    assert_eq!(checked(&shop).await, (Some(1), broken, json!([])));
    let (code, out, said) = shop.thendo(&["migrate", "--check"]).await;
    assert_eq!(code, Some(1));
    assert!(out.contains("`titles`, version 1, is broken"), "{out}");
    assert!(said.contains("`things` has no column `title`") && said.contains("renamed `titel`?"), "{said}");

    shop.db
        .batch_execute(
            "alter table things rename titel to title; drop table other_things cascade;
               alter table blog_posts alter title type jsonb using to_jsonb(title)",
        )
        .await
        .expect("done");
    let broken = json!({
        "others 1": { "breaks": true, "found": ["gone-table start"] },
        "posts 1": { "breaks": true, "found": ["other-type mail"] },
    });
    assert_eq!(checked(&shop).await, (Some(1), broken, json!([])));
}

#[tokio::test]
async fn a_table_made_anew_tells_nothing_until_it_is_attached() {
    let shop = Shop::open().await;
    shop.db
        .batch_execute(
            "create table things (id uuid primary key, title text);
               insert into event_tables (table_name, domain, entity_column) values ('things', 'shop', 'id')",
        )
        .await
        .expect("done");
    let trigger = json!({ "triggerType": "row_changed", "config": { "table": "things" } });
    let daemon = shop.daemon().await;
    shop.publishes("titles", &mails(trigger, "{{ row.title }}")).await;
    daemon.stops();
    shop.db
        .batch_execute("drop table things; create table things (id uuid primary key, title text)")
        .await
        .expect("done");
    let doubtful = json!({ "titles 1": { "breaks": false, "found": ["silent-table start"] } });
    assert_eq!(checked(&shop).await, (Some(0), doubtful, json!([])));
    let (code, _, said) = shop.thendo(&["attach"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(checked(&shop).await, (Some(0), json!({}), json!([])));
}

#[tokio::test]
async fn what_the_daemon_itself_lacks_is_said_and_so_is_what_actions_need() {
    let shop = Shop::open().await;
    let trigger = json!({ "triggerType": "order_created", "config": {} });
    let deposit = json!({ "actionType": "create_deposit", "config": { "percent": 30 } });
    let drawn = json!({
        "nodes": [node("start", "trigger", trigger), node("deposit", "action", deposit)],
        "edges": [edge("start", "deposit")],
    });
    let daemon = shop.daemon().await;
    shop.publishes("deposits", &drawn).await;
    daemon.stops();
    assert_eq!(checked(&shop).await, (Some(0), json!({}), json!([])));
    shop.db.batch_execute("alter table deposits rename column due_date to due").await.expect("done");
    let (code, workflows, statements) = checked(&shop).await;
    let broken = json!({ "deposits 1": { "breaks": true, "found": ["unwritable-table deposit"] } });
    assert_eq!((code, workflows), (Some(1), broken));
    let reasons: Vec<_> = statements.as_array().expect("a list").iter().map(|one| &one["reason"]).collect();
    assert!(reasons.iter().any(|reason| reason.as_str().unwrap().contains("due_date")), "{reasons:?}");
}
