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
    assert_eq!(checked(&shop).await, (Some(0), doubtful.clone(), json!([])));
    let told = async || shop.thendo(&["migrate", "--check"]).await.2;
    assert!(
        told().await.contains("changes of `things` are no events")
            && told().await.contains("`thendo attach`")
    );
    let (code, _, said) = shop.thendo(&["attach"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(checked(&shop).await, (Some(0), json!({}), json!([])));
    // Some of its changes only; and a table that was never meant to tell.
    shop.does("drop trigger record_update on things").await;
    assert_eq!(checked(&shop).await, (Some(0), doubtful.clone(), json!([])));
    assert!(told().await.contains("updates of `things` are no events"));
    shop.does("delete from event_tables where table_name = 'things'").await;
    assert_eq!(checked(&shop).await, (Some(0), doubtful, json!([])));
    assert!(told().await.contains("select record_events_of('things', 'shop')"));
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
    let broken = json!({ "deposits 1": { "breaks": true, "found": ["refused-effect deposit"] } });
    assert_eq!((code, workflows), (Some(1), broken));
    let reasons: Vec<_> = statements.as_array().expect("a list").iter().map(|one| &one["reason"]).collect();
    assert!(reasons.iter().any(|reason| reason.as_str().unwrap().contains("due_date")), "{reasons:?}");
}

/// A trigger and one action.
fn does(trigger: &str, action: &str, config: Value) -> Value {
    let start = json!({ "triggerType": trigger, "config": {} });
    let action = json!({ "actionType": action, "config": config });
    json!({
        "nodes": [node("start", "trigger", start), node("does", "action", action)],
        "edges": [edge("start", "does")],
    })
}

/// A shop in which these run.
async fn runs(workflows: &[(&str, Value)]) -> Shop {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    for (name, drawn) in workflows {
        shop.publishes(name, drawn).await;
    }
    daemon.stops();
    assert_eq!(checked(&shop).await, (Some(0), json!({}), json!([])));
    shop
}

/// What is said of one statement: why, and the mend.
fn of(statements: &Value, name: &str) -> (String, String) {
    let all = statements.as_array().expect("a list");
    let found = all.iter().find(|one| one["statement"] == name);
    let found = found.unwrap_or_else(|| panic!("nothing of {name} in {statements:#}"));
    let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
    (text("reason"), text("help"))
}

#[tokio::test]
async fn what_only_planning_or_writing_would_find_is_found() {
    let shop = runs(&[
        ("asks", does("order_created", "create_deposit", json!({ "percent": 30 }))),
        ("pays", does("deposit_due", "update_deposit", json!({ "to": "waived" }))),
        ("awards", does("order_created", "award_points", json!({ "points": 5 }))),
        (
            "mails",
            does(
                "order_created",
                "send_email",
                json!({ "to": "a@example.com", "subject": "s", "text": "t" }),
            ),
        ),
        ("counts", does("order_created", "refresh_stats", json!({}))),
    ])
    .await;
    let broken =
        |name: &str| json!({ format!("{name} 1"): { "breaks": true, "found": ["refused-effect does"] } });

    // Planned only: the index behind ON CONFLICT.
    shop.does("alter table loyalty_points drop constraint loyalty_points_pkey").await;
    let (code, told, statements) = checked(&shop).await;
    assert_eq!((code, told), (Some(1), broken("awards")));
    assert!(of(&statements, "award_points").0.contains("ON CONFLICT"), "{statements:#}");
    shop.does("alter table loyalty_points add primary key (customer_id)").await;

    // A right that is gone, and how it comes back.
    shop.does("revoke insert on deposits from thendo_engine").await;
    let (code, told, statements) = checked(&shop).await;
    assert_eq!((code, told), (Some(1), broken("asks")));
    let (reason, help) = of(&statements, "create_deposit");
    assert_eq!(reason, "permission denied for table deposits");
    assert!(help.contains("grant select, insert, update on public.deposits to thendo_engine"), "{help}");
    shop.does("grant insert on deposits to thendo_engine").await;

    // A new column that nobody fills, and one that somebody does.
    shop.does("alter table deposits add column channel text not null").await;
    let (code, told, statements) = checked(&shop).await;
    assert_eq!((code, told), (Some(1), broken("asks")));
    assert!(
        of(&statements, "create_deposit").0.starts_with("`deposits.channel` must have a value"),
        "{statements:#}"
    );
    shop.does(
        "create function channel() returns trigger language plpgsql as $$ begin new.channel := 'web'; return new; end $$;
         create trigger fills before insert on deposits for each row execute function channel()",
    )
    .await;
    assert_eq!(checked(&shop).await, (Some(0), json!({}), json!([])));
    shop.does("drop trigger fills on deposits; alter table deposits alter channel set default 'web'").await;
    assert_eq!(checked(&shop).await, (Some(0), json!({}), json!([])));

    // What is no table of the node's own.
    shop.does("alter table workflow_deliveries rename column payload to load").await;
    let (code, told, _) = checked(&shop).await;
    assert_eq!((code, told), (Some(1), broken("mails")));
    shop.does("alter table workflow_deliveries rename column load to payload").await;
    shop.does("alter function refresh_stats_soon() rename to refresh_some_day").await;
    let (code, told, _) = checked(&shop).await;
    assert_eq!((code, told), (Some(1), broken("counts")));
}

#[tokio::test]
async fn a_table_of_thendo_s_own_made_anew_says_what_it_lacks() {
    let shop = runs(&[("asks", does("order_created", "create_deposit", json!({ "percent": 30 })))]).await;
    shop.does("create table copy (like deposits including all); drop table deposits cascade; alter table copy rename to deposits").await;
    let (code, told, statements) = checked(&shop).await;
    let broken = json!({ "asks 1": { "breaks": true, "found": ["refused-effect does"] } });
    assert_eq!((code, &told), (Some(1), &broken));
    assert!(of(&statements, "create_deposit").1.contains("made anew"), "{statements:#}");
    // The right alone is not enough where row level security is on.
    shop.does("alter table deposits enable row level security; grant select, insert, update on deposits to thendo_engine").await;
    let (_, told, statements) = checked(&shop).await;
    assert_eq!(told, broken);
    let (reason, help) = of(&statements, "create_deposit");
    assert!(reason.starts_with("row level security of `deposits` has no policy by which"), "{reason}");
    // What is said to be its part is that.
    let (_, part) = help.split_once("The daemon's part is: ").expect("the statements");
    shop.does(part).await;
    assert_eq!(checked(&shop).await, (Some(0), json!({}), json!([])));
    // One policy that is gone is missed, too.
    shop.does("drop policy engine_insert on deposits").await;
    let (_, told, statements) = checked(&shop).await;
    assert_eq!(told, broken);
    assert!(of(&statements, "create_deposit").0.ends_with("may add rows"), "{statements:#}");
}

#[tokio::test]
async fn rows_that_settings_allow_are_checked_with_their_rights() {
    let shop = Shop::open().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("thendo.toml");
    std::fs::write(&file, "[rows.allow]\nthings = [\"title\"]\n").expect("written");
    let migrates = async || shop.thendo(&["migrate", "--config", file.to_str().expect("a path")]).await;
    let made = "create table things (id uuid primary key, title text)";
    shop.does(made).await;
    let (code, _, said) = migrates().await;
    assert_eq!(code, Some(0), "{said}");
    let daemon = shop.daemon().await;
    let adds = does("order_created", "insert_row", json!({ "table": "things", "set": { "title": "T" } }));
    shop.publishes("adds", &adds).await;
    daemon.stops();
    assert_eq!(checked(&shop).await, (Some(0), json!({}), json!([])));
    let broken = json!({ "adds 1": { "breaks": true, "found": ["refused-effect does"] } });
    // Made anew, it has neither grants nor policies: attaching is not enough.
    shop.does(&format!("drop table things; {made}; alter table things enable row level security")).await;
    assert_eq!(checked(&shop).await, (Some(1), broken.clone(), json!([])));
    let (_, _, said) = shop.thendo(&["migrate", "--check"]).await;
    assert!(said.contains("`thendo migrate` gives the daemon the rights again"), "{said}");
    let (code, _, said) = migrates().await;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(checked(&shop).await, (Some(0), json!({}), json!([])));
    shop.does("alter table things add column colour text not null").await;
    assert_eq!(checked(&shop).await, (Some(1), broken, json!([])));
}

#[tokio::test]
async fn beside_another_release_s_schema_it_is_said_that_the_tables_were_not_checked() {
    let shop = runs(&[("asks", does("order_created", "create_deposit", json!({ "percent": 30 })))]).await;
    shop.does(
        "alter table deposits rename column due_date to due; delete from _sqlx_migrations where version = 85",
    )
    .await;
    let (code, out, _) = shop.thendo(&["migrate", "--check", "--format", "json"]).await;
    let answer: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, &answer["tables_checked"]), (Some(1), &json!(false)), "{out}");
    assert!(answer["tables_unchecked"]["help"].as_str().is_some_and(|help| help.contains("copy")), "{out}");
    assert_eq!((&answer["workflows"], &answer["statements"]), (&json!([]), &json!([])));
    let (_, out, _) = shop.thendo(&["migrate", "--check"]).await;
    assert!(out.contains("were not checked") && out.contains("on a copy of the database"), "{out}");
}

/// Every example, with its name.
fn examples() -> Vec<(String, Value)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("workflows-examples");
    let folders = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("readable").path());
    let read = |path: std::path::PathBuf| {
        let text = std::fs::read_to_string(path.join("workflow.json")).ok()?;
        let name = path.file_name()?.to_string_lossy().into_owned();
        Some((name, serde_json::from_str(&text).expect("JSON")))
    };
    folders.filter_map(read).collect()
}

/// Publishes every example, and expects that nothing is said of any.
async fn fits_all_examples(shop: &Shop) {
    let daemon = shop.daemon().await;
    for (name, drawn) in examples() {
        shop.publishes(&name, &drawn).await;
    }
    daemon.stops();
    assert_eq!(checked(shop).await, (Some(0), json!({}), json!([])));
    let (code, out, said) = shop.thendo(&["migrate", "--check"]).await;
    assert_eq!((code, said.as_str()), (Some(0), ""));
    let fit = format!("the {} workflows that run fit the tables as they are", examples().len());
    assert!(out.contains(&fit), "{out}");
}

#[tokio::test]
async fn no_example_is_said_to_be_broken_in_a_shop_as_it_is() {
    fits_all_examples(&Shop::open().await).await;
}

#[tokio::test]
async fn nor_beside_medusa() {
    fits_all_examples(&crate::medusa::shop().await).await;
}

#[tokio::test]
async fn nor_in_a_shop_that_was_adopted() {
    fits_all_examples(&crate::adopting::adopted().await).await;
}
