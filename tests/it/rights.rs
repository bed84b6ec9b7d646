//! Test runs under somebody's rights: every row that is written must be one that they could have written.

use serde_json::{Value, json};

use crate::adopting_shops::login;
use crate::loyalty::one_action;
use crate::support::{Shop, edge, node};
use crate::testruns::{Folder, order, step};

#[tokio::test]
async fn under_somebody_else_s_rights_it_writes_what_they_may_write() {
    let shop = Shop::open().await;
    let why = |report: &Value| step(report, "act")["why"].as_str().expect("why").to_owned();
    let awards =
        Folder::with(&one_action("order_created", "award_points", json!({ "points": 1 })), &order(100));
    let (_, report, said) = awards.tried(&shop, &["--as", "anon"]).await;
    assert_eq!(step(&report, "act")["outcome"], "failed", "{said}");
    assert_eq!(why(&report), "as `anon` it may not: permission denied for table loyalty_ledger");
    let (code, _, said) = awards.tried(&shop, &["--as", "customer"]).await;
    assert!(code == Some(1) && said.contains("has no account"), "{said}");
    // The backend may add lines; balances follow, for it as for the engine.
    let (code, report, said) = awards.tried(&shop, &["--as", "service_role"]).await;
    assert_eq!(
        (code, step(&report, "act")["result"]["balance"].as_i64()),
        (Some(0), Some(1)),
        "{report:#}{said}"
    );

    // Customers don't tag themselves, and admins do; what that starts is told as ever.
    shop.does(
        "insert into auth.users (id) values ('aaaaaaaa-0000-4000-8000-000000000001'), ('aaaaaaaa-0000-4000-8000-000000000002');
         update customers set user_id = 'aaaaaaaa-0000-4000-8000-000000000001';
         insert into user_roles (user_id, role) values ('aaaaaaaa-0000-4000-8000-000000000002', 'admin')",
    )
    .await;
    let listens = json!({ "triggerType": "row_changed", "config": { "table": "customer_tags" } });
    let mail = json!({ "actionType": "send_email", "config": { "to": "a@example.com", "subject": "A tag", "text": "-" } });
    let nodes = [node("start", "trigger", listens), node("act", "action", mail)];
    let daemon = shop.daemon().await;
    shop.publishes("tagged", &json!({ "nodes": nodes, "edges": [edge("start", "act")] })).await;
    drop(daemon);
    let tags = one_action("order_created", "add_tag", json!({ "tag": "vip" }));
    let email: String = shop.db.query_one("select email from customers", &[]).await.expect("one").get(0);
    let mut event = order(100);
    event["data"]["customer"] =
        json!({ "email": email, "id": shop.customer, "user_id": "aaaaaaaa-0000-4000-8000-000000000001" });
    let tags = Folder::with(&tags, &event);
    let (code, report, said) = tags.tried(&shop, &["--as", "customer"]).await;
    assert_eq!(code, Some(1), "{said}");
    let words =
        "as `customer` it may not: new row violates row-level security policy for table \"customer_tags\"";
    assert_eq!(why(&report), words, "{report:#}");
    assert_eq!((&report["changes"], &report["would_start"]), (&json!([]), &json!([])));
    let (code, report, said) = tags.tried(&shop, &["--as", "admin"]).await;
    assert_eq!(code, Some(0), "{report:#}{said}");
    assert_eq!(report["changes"][0]["table"], "customer_tags", "{report:#}");
    assert_eq!(report["would_start"][0]["workflow"], "tagged", "{report:#}");
    assert_eq!(shop.count("customer_tags").await, 0);

    // A row of two columns' key is deleted; whoever does not see it has nothing to delete.
    shop.db
        .execute("insert into customer_tags (customer_id, tag) select id, 'vip' from customers", &[])
        .await
        .expect("a tag");
    let untags = Folder::with(&one_action("order_created", "remove_tag", json!({ "tag": "vip" })), &event);
    let (code, report, said) = untags.tried(&shop, &["--as", "admin"]).await;
    assert_eq!(
        (code, &report["changes"][0]["table"]),
        (Some(0), &json!("customer_tags")),
        "{report:#}{said}"
    );
    let (_, report, _) = untags.tried(&shop, &["--as", "customer"]).await;
    assert_eq!(
        why(&report),
        "as `customer` it may not: no such row of `customer_tags` is there for them to write"
    );

    // What writes no row says nothing about rights.
    let refreshes = Folder::with(&one_action("order_created", "refresh_stats", json!({})), &event);
    let (_, report, said) = refreshes.tried(&shop, &["--as", "customer"]).await;
    assert!(
        report["warnings"][0].as_str().is_some_and(|told| told.contains("`act` wrote no row")),
        "{report:#}{said}"
    );
}

#[tokio::test]
async fn a_line_that_takes_back_another_is_written_whole_and_a_row_of_somebody_else_s_is_not() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    shop.publishes("points", &one_action("order_created", "award_points", json!({ "points": 7 }))).await;
    let order = shop.places_order(700).await;
    shop.has_settled().await;
    drop(daemon);
    let account = "aaaaaaaa-0000-4000-8000-000000000001";
    shop.does(&format!(
        "insert into auth.users (id) values ('{account}'); update customers set user_id = '{account}'"
    ))
    .await;
    let row = format!("orders:{order}");
    let tried = |name: &'static str, who: &'static str| {
        let (shop, row) = (&shop, &row);
        async move {
            let args = ["test-run", name, "--row", row, "--as", who, "--format", "json"];
            let (code, said, warned) = shop.thendo(&args).await;
            let report: Value =
                serde_json::from_str(&said).unwrap_or_else(|fault| panic!("{fault}: {said}{warned}"));
            (code, report)
        }
    };
    let reverses = one_action("order_created", "reverse_points", json!({}));
    shop.writes_workflow("reverses", &reverses).await;
    let (code, report) = tried("reverses", "service_role").await;
    assert_eq!((code, &report["changes"][0]["table"]), (Some(0), &json!("loyalty_ledger")), "{report:#}");
    // Customers see their orders, and write none. Nothing in this workflow reads the customer.
    let writes = one_action("order_created", "update_order_status", json!({ "to": "processing" }));
    shop.writes_workflow("writes", &writes).await;
    let (code, report) = tried("writes", "service_role").await;
    assert_eq!(code, Some(0), "{report:#}");
    assert_eq!(
        (&report["changes"][0]["table"], &report["warnings"]),
        (&json!("orders"), &json!([])),
        "{report:#}"
    );
    let (code, report) = tried("writes", "customer").await;
    let why = step(&report, "act")["why"].as_str().expect("why");
    assert!(code == Some(1) && why.starts_with("as `customer` it may not: "), "{report:#}");
}

#[tokio::test]
async fn a_user_who_may_not_become_somebody_is_told_so() {
    let mut shop = Shop::open().await;
    let order = shop.places_order(700).await;
    shop.writes_workflow("points", &one_action("order_created", "award_points", json!({ "points": 1 })))
        .await;
    let (login, url) = login(&shop, "tester").await;
    shop.does(&format!(
        "grant thendo_engine to {login}; alter role {login} bypassrls;
        grant select, insert on all tables in schema public to {login}"
    ))
    .await;
    let own = std::mem::replace(&mut shop.url, url);
    let args = ["--row", &format!("orders:{order}"), "--as", "anon"];
    let (code, _, said) = shop.thendo(&[&["test-run", "points"][..], &args].concat()).await;
    shop.url = own;
    shop.does(&format!("drop owned by {login}; drop role {login}")).await;
    assert!(code == Some(1) && said.contains("can't act as `anon`") && said.contains("grant anon"), "{said}");
}
