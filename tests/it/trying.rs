//! Test runs beside each other, and long ones: nothing that one writes has a key of another's, and no transaction of one
//! holds more subtransactions than a server keeps at hand.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Shop, branch, edge, node};
use crate::testruns::{Folder, order};
use crate::waiting::{control, points, start};

#[tokio::test]
async fn two_test_runs_of_a_file_for_one_event_decide_alike_and_share_no_key() {
    let shop = Shop::open().await;
    shop.places_order(100).await;
    let event: Uuid = shop
        .db
        .query_one("select id from workflow_events where table_name = 'orders'", &[])
        .await
        .expect("one")
        .get(0);
    let event = event.to_string();
    let shares = json!([{"name": "a", "share": 1}, {"name": "b", "share": 1}]);
    let split = json!({"conditionType": "split", "config": {"by": "execution", "branches": shares}});
    let drawn = json!({
        "nodes": [start("order_created"), node("split", "condition", split), points("a", &json!(1)), points("b", &json!(2))],
        "edges": [edge("start", "split"), branch("split", "a", "a"), branch("split", "b", "b")]});
    let folder = Folder::with(&drawn, &order(100));
    let workflow = folder.path("workflow.json");
    let mut seen = Vec::new();
    for _ in 0..4 {
        let (code, said, warned) =
            shop.thendo(&["test-run", &workflow, "--event-id", &event, "--format", "json"]).await;
        assert_eq!(code, Some(0), "{said}{warned}");
        let report: Value = serde_json::from_str(&said).expect("JSON");
        let key = report["changes"][0]["key"].as_str().expect("a key").to_owned();
        seen.push((report["steps"][1]["branch"].clone(), key));
    }
    for (n, (branch, key)) in seen.iter().enumerate() {
        assert_eq!(*branch, seen[0].0, "the same event, decided alike: {seen:?}");
        assert!(seen[..n].iter().all(|(_, other)| other != key), "two would wait for each other: {seen:?}");
    }
}

#[tokio::test]
async fn a_test_run_with_many_waits_keeps_as_few_subtransactions_as_one_without() {
    let shop = Shop::open().await;
    // Each subtransaction that has written a line is known by the number that its row carries.
    shop.does(
        "create function few_parts() returns trigger language plpgsql security definer as $$ begin
             if (select count(distinct l.xmin::text) from loyalty_ledger l) > 60 then raise 'too many subtransactions'; end if;
             return null;
         end $$;
         create trigger few_parts after insert on loyalty_ledger for each row execute function few_parts()",
    )
    .await;
    let (mut nodes, mut edges, mut last) = (vec![start("order_created")], Vec::new(), "start".to_owned());
    for n in 0..70 {
        let (award, wait) = (format!("award_{n}"), format!("wait_{n}"));
        nodes.extend([points(&award, &json!(1)), control(&wait, "delay", &json!({"for": "1h"}))]);
        edges.extend([edge(&last, &award), edge(&award, &wait)]);
        last = wait;
    }
    let folder = Folder::with(&json!({"nodes": nodes, "edges": edges}), &order(100));
    let (code, report, said) = folder.tried(&shop, &[]).await;
    assert_eq!(code, Some(0), "{said}{}", report["steps"]);
    assert_eq!(report["changes"].as_array().map(Vec::len), Some(140), "a line and a balance each");
}
