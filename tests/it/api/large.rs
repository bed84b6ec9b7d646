//! Executions that did very much: their answers have bounds, and say what is not in them.

use serde_json::{Value, json};

use super::Api;
use super::remote::remote;
use crate::support::points_and_deposit;

/// 1,000 deliveries of an execution, half of them requests with a password, each of 60 KiB.
const DELIVERIES: &str = r#"
    insert into workflow_deliveries (id, execution_id, node_id, kind, lane, payload, status, finished_at, destination, due_at)
    select gen_random_uuid(), $1, 'tells', k, 0,
           case k when 'http' then jsonb_build_object('method', 'POST', 'url', 'https://ada:pa55@shop.example/in?token=t0ken',
                                                      'headers', jsonb_build_object('authorization', 'Bearer s3cret'), 'body', repeat('x', 61440))
                  else jsonb_build_object('to', n || '@x.example', 'subject', 'Hello', 'text', repeat('x', 61440)) end,
           'sent', now(), case k when 'http' then 'https://shop.example:443' else 'mail' end, now()
      from (select n, case n % 2 when 0 then 'http' else 'email' end as k from generate_series(1, 1000) n) r"#;

/// Steps of 20 KiB each.
const STEPS: &str = "update workflow_executions set steps = (select jsonb_agg(steps -> 0 || jsonb_build_object(
        'node', 'n' || n, 'result', jsonb_build_object('text', repeat('y', 20480)), 'changes', '[]'::jsonb)) from generate_series(1, $2::int) n)
    where id = $1";

#[tokio::test]
async fn an_execution_with_a_thousand_large_mails_and_steps_is_told_within_bounds() {
    let api = Api::open().await;
    api.shop.publishes("points", &points_and_deposit()).await;
    api.shop.places_order(250_00).await;
    api.shop.has_settled().await;
    let id: uuid::Uuid =
        api.shop.db.query_one("select id from workflow_executions", &[]).await.expect("one").get(0);
    let path = format!("/executions/{id}");
    let small = api.ask("GET", &path, None).await;
    assert!(small.body.get("left_out").is_none(), "{small:?}");
    api.shop.db.execute(DELIVERIES, &[&id]).await.expect("deliveries");
    let undo = api.ask("POST", &format!("{path}/undo"), Some(&json!({}))).await;
    assert_eq!(undo.body["deliveries"].as_array().map(Vec::len), Some(1_000), "{:?}", undo.status);
    let undo = undo.body.to_string();
    assert!(undo.len() < 2 * 1024 * 1024 && !undo.contains("s3cret"), "{} bytes", undo.len());
    api.shop.db.execute(STEPS, &[&id, &500]).await.expect("steps");

    let shown = api.ask("GET", &path, None).await;
    let text = shown.body.to_string();
    assert_eq!(shown.status, 200, "{}", shown.body["detail"]);
    println!("an answer of {} bytes", text.len());
    assert!(text.len() < 2 * 1024 * 1024, "{} bytes", text.len());
    for secret in ["s3cret", "pa55", "t0ken", "xxxx"] {
        assert!(!text.contains(secret), "{secret}");
    }
    let steps = shown.body["execution"]["steps"].as_array().expect("steps");
    let without = steps.iter().filter(|step| step["left_out"] == json!(true)).count();
    assert_eq!((steps.len(), &shown.body["left_out"]), (500, &json!({"contents": without, "steps": 0})));
    assert!((400..500).contains(&without) && steps[0]["result"].is_object(), "{without}");
    let deliveries = shown.body["deliveries"].as_array().expect("deliveries");
    assert_eq!(deliveries.len(), 1_000);
    let http = deliveries.iter().find(|of| of["kind"] == "http").expect("a request");
    assert_eq!(http["to"], "https://****@shop.example/in?token=****", "{http}");
    let one = api.ask("GET", &format!("/deliveries/{}", http["id"].as_str().expect("id")), None).await;
    assert_eq!(one.body["payload"]["headers"]["authorization"], "****");
    assert_eq!(one.body["payload"]["body"].as_str().map(str::len), Some(61_440));

    let id = id.to_string();
    for args in [&["executions", "show", &id][..], &["executions", "show", &id, "--format", "json"]] {
        let (there, here) = (remote(&api, Some(&api.key), args).await, api.shop.thendo(args).await);
        assert_eq!(there, here, "{args:?}");
        assert!(!here.1.contains("s3cret") && !here.1.contains("t0ken"), "{args:?}");
        assert!(here.1.contains("****@shop.example"), "{args:?}");
        assert!(
            here.1.contains("steps are without their results") || here.1.contains("\"left_out\""),
            "{args:?}"
        );
    }
    // So many that even without their contents they are too many.
    let sql = "update workflow_executions set steps = (select jsonb_agg(jsonb_build_object('node', 'n' || n, 'why', repeat('z', 1000)))
        from generate_series(1, 5000) n) where id = $1";
    api.shop.db.execute(sql, &[&id.parse::<uuid::Uuid>().expect("an id")]).await.expect("steps");
    let shown = api.ask("GET", &path, None).await;
    let told = shown.body["execution"]["steps"].as_array().map_or(0, Vec::len);
    let missing = shown.body["left_out"]["steps"].as_u64().and_then(|n| usize::try_from(n).ok());
    assert_eq!(missing.map(|missing| missing + told), Some(5_000), "{}", shown.body["left_out"]);
    assert!(shown.body["left_out"]["contents"] != Value::Null);
}
