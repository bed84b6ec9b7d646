//! Deliveries and failed executions through the API: found by what became of them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Api, is_problem};
use crate::support::points_and_deposit;

/// Seven deliveries of two executions, two of them requests that carry a password; and three failures.
const ROWS: &str = r#"
    insert into workflow_deliveries (id, execution_id, node_id, kind, lane, payload, status, result, finished_at, destination, due_at)
    select ('01a2098d0ac0500080000000000000' || lpad(n::text, 2, '0'))::uuid,
           ('01a2098d0ac0500080000000000001' || lpad((n % 2)::text, 2, '0'))::uuid, 'tells', k, 0,
           case k when 'http' then '{"method": "POST", "url": "https://shop.example/in", "headers": {"authorization": "Bearer s3cret"}, "body": "hello"}'::jsonb
                  else '{"to": "a@x.example", "subject": "Hello"}'::jsonb end,
           s, case s when 'refused' then '{"reason": "nobody here"}'::jsonb end, case when s <> 'pending' then now() end,
           case k when 'http' then 'https://shop.example:443' else 'mail' end,
           now() + interval '1 day'
      from (values (1, 'email', 'sent'), (2, 'email', 'refused'), (3, 'http', 'refused'), (4, 'email', 'pending'),
                   (5, 'http', 'cancelled'), (6, 'email', 'unknown'), (7, 'email', 'suppressed')) as r (n, k, s);
    insert into workflow_dead_letters (id, root, attempt, event_at, event_id, workflow_id, version, lane, state, reason, failed_at)
    select g, g, 1, now(), gen_random_uuid(), coalesce((select id from workflows where n = 1), gen_random_uuid()), 1, 0, '{}',
           'it failed ' || n, now() - (n % 2) * interval '1 minute'
      from (select n, gen_random_uuid() as g from generate_series(1, 3) n) r"#;

/// All items of a list, page after page.
async fn all(api: &Api, path: &str) -> Vec<Value> {
    let (mut found, mut next) = (Vec::new(), String::new());
    loop {
        let page = api.ask("GET", &format!("{path}{next}"), None).await;
        assert_eq!(page.status, 200, "{path}{next}: {page:?}");
        found.extend(page.body["items"].as_array().expect("items").iter().cloned());
        let Some(cursor) = page.body["next"].as_str() else { return found };
        next = format!("&cursor={cursor}");
    }
}

#[tokio::test]
async fn deliveries_are_found_by_what_became_of_them() {
    let api = Api::open().await;
    api.shop.does(ROWS).await;
    let found = all(&api, "/deliveries?limit=2").await;
    let ids: Vec<&str> = found.iter().filter_map(|row| row["id"].as_str()).collect();
    let mut sorted: Vec<&str> = ids.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
    sorted.reverse();
    assert_eq!((ids.len(), &ids), (7, &sorted), "the newest first, each once");
    let one = "01a2098d-0ac0-5000-8000-000000000100";
    for (query, count) in [
        ("status=refused", 2),
        ("status=refused&kind=http", 1),
        ("kind=http", 2),
        ("status=sent", 1),
        ("status=sending", 0),
        ("status=suppressed", 1),
        (&*format!("execution={one}"), 3),
        (&*format!("execution={one}&status=refused"), 1),
        ("execution=01a2098d-0ac0-5000-8000-000000000199", 0),
    ] {
        assert_eq!(all(&api, &format!("/deliveries?limit=1&{query}")).await.len(), count, "{query}");
    }
    assert_eq!(found[4]["reason"], "nobody here", "{found:?}");
    assert!(!json!(found).to_string().contains("s3cret") && found[4].get("payload").is_none());
    is_problem(&api.ask("GET", "/deliveries?status=lost", None).await, 400, "bad-query");
    is_problem(&api.ask("GET", "/deliveries?execution=x", None).await, 400, "bad-query");
    is_problem(&api.ask("GET", "/deliveries?cursor=rubbish", None).await, 400, "bad-cursor");
}

#[tokio::test]
async fn a_delivery_is_shown_as_its_execution_shows_it() {
    let api = Api::open().await;
    api.shop.does(ROWS).await;
    let mail = api.ask("GET", "/deliveries/01a2098d-0ac0-5000-8000-000000000002", None).await;
    assert_eq!((mail.status, &mail.body["payload"]["subject"]), (200, &json!("Hello")), "{mail:?}");
    assert_eq!(mail.body["result"]["reason"], "nobody here", "{mail:?}");
    let request = api.ask("GET", "/deliveries/01a2098d-0ac0-5000-8000-000000000003", None).await;
    assert_eq!(request.body["payload"]["headers"]["authorization"], "****", "{request:?}");
    assert_eq!(
        (&request.body["payload"]["body"], &request.body["status"]),
        (&json!("hello"), &json!("refused"))
    );
    is_problem(
        &api.ask("GET", &format!("/deliveries/{}", uuid::Uuid::nil()), None).await,
        404,
        "no-such-delivery",
    );
    is_problem(&api.ask("GET", "/deliveries/x", None).await, 400, "bad-path");
}

#[tokio::test]
async fn failures_are_listed_until_somebody_tries_again() {
    let api = Api::open().await;
    let id = api.shop.publishes("points", &points_and_deposit()).await;
    api.shop.does(ROWS).await;
    let found = all(&api, "/dead-letters?limit=1").await;
    let times: Vec<(&str, &str)> = found
        .iter()
        .map(|row| (row["failed_at"].as_str().expect("a time"), row["id"].as_str().expect("an id")))
        .collect();
    assert!(times.len() == 3 && times.windows(2).all(|pair| pair[0] > pair[1]), "{times:?}");
    for named in ["points".to_owned(), id.to_string()] {
        let of_one = all(&api, &format!("/dead-letters?limit=1&workflow={named}")).await;
        assert!(of_one.len() == 1 && of_one[0]["workflow"] == "points", "{of_one:?}");
        assert_eq!(of_one[0]["reason"], "it failed 1");
    }
    assert!(all(&api, "/dead-letters?limit=1&workflow=nothing").await.is_empty());
}
