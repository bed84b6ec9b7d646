//! Secrets through the API: they go in, their names come out.

use serde_json::json;

use super::{Answer, Api, is_problem};
use crate::secrets::KEY;
use crate::support::look::{lines_with, whole_database};

const VALUE: &str = "sk_live_DO-NOT-TELL";

async fn puts(api: &Api, name: &str, value: &str) -> Answer {
    api.ask("PUT", &format!("/secrets/{name}"), Some(&json!({"value": value}))).await
}

#[tokio::test]
async fn without_a_key_nothing_is_stored_and_what_is_no_secret_is_refused() {
    let api = Api::open_with(&[("THENDO_SECRETS__KEY", "")]).await;
    let none = puts(&api, "stripe", VALUE).await;
    is_problem(&none, 409, "no-key");
    assert_eq!(api.shop.count("workflow_secrets").await, 0);

    let api = Api::open_with(&[("THENDO_SECRETS__KEY", KEY)]).await;
    for (name, value, code) in [
        ("Stripe", VALUE, "bad-name"),
        ("stripe", "short", "bad-value"),
        ("stripe", "with\0zero!", "bad-value"),
    ] {
        let refused = puts(&api, name, value).await;
        is_problem(&refused, 422, code);
        assert!(!refused.body.to_string().contains(value), "{refused:?}");
    }
    is_problem(&puts(&api, "stripe", &"x".repeat(16 * 1024 + 1)).await, 422, "bad-value");
    let other = json!({"value": VALUE, "more": 1});
    is_problem(&api.ask("PUT", "/secrets/stripe", Some(&other)).await, 400, "bad-body");
    is_problem(&api.ask("DELETE", "/secrets/stripe", None).await, 404, "no-such-secret");
    assert_eq!(api.shop.count("workflow_secrets").await, 0);
}

#[tokio::test]
async fn a_secret_goes_in_and_never_comes_out() {
    let api = Api::open_with(&[("THENDO_SECRETS__KEY", KEY)]).await;
    let stored = puts(&api, "stripe", VALUE).await;
    assert_eq!((stored.status, &stored.body["replaced"]), (200, &json!(false)), "{stored:?}");
    let again = puts(&api, "stripe", &format!("{VALUE}-2")).await;
    assert_eq!((again.status, &again.body["replaced"]), (200, &json!(true)), "{again:?}");
    puts(&api, "slack", VALUE).await;
    let listed = api.ask("GET", "/secrets?limit=1", None).await;
    assert_eq!(
        (&listed.body["items"][0]["name"], &listed.body["items"][0]["opens"]),
        (&json!("slack"), &json!(true))
    );
    let next = listed.body["next"].as_str().expect("more");
    let rest = api.ask("GET", &format!("/secrets?cursor={next}"), None).await;
    assert_eq!(
        (&rest.body["items"][0]["name"], &rest.body["next"]),
        (&json!("stripe"), &json!(null)),
        "{rest:?}"
    );

    // The engine opens what the API sealed.
    let sql = "select name from use_secrets(array['stripe', 'slack'])";
    assert_eq!(api.shop.db.query(sql, &[]).await.expect("both").len(), 2);
    let gone = api.ask("DELETE", "/secrets/slack", None).await;
    assert_eq!((gone.status, &gone.body), (200, &json!({"name": "slack"})), "{gone:?}");
    let audit = api.ask("GET", "/audit", None).await;
    let lines = audit.body["items"].as_array().expect("lines");
    let acts: Vec<&str> = lines.iter().filter_map(|line| line["act"].as_str()).collect();
    let expected = [
        "secret.remove",
        "secret.list",
        "secret.list",
        "secret.put",
        "secret.put",
        "secret.put",
        "key.create",
    ];
    assert_eq!(acts, expected, "{audit:?}");
    assert_eq!(lines[0]["target"], "slack");
    let all = whole_database(&api.shop.db).await;
    assert!(lines_with(&all, "DO-NOT-TELL").is_empty());
    for answer in [stored, again, listed, rest, gone, audit] {
        assert!(!answer.body.to_string().contains("DO-NOT-TELL"), "{answer:?}");
    }
}

#[tokio::test]
async fn the_api_s_role_can_t_read_what_is_stored() {
    let api = Api::open_with(&[("THENDO_SECRETS__KEY", KEY)]).await;
    puts(&api, "stripe", VALUE).await;
    for column in ["ciphertext", "nonce", "*"] {
        let sql = format!("set role thendo_api; select {column} from workflow_secrets");
        let refused = api.shop.db.batch_execute(&sql).await.expect_err("refused");
        assert!(refused.to_string().contains("denied") || refused.as_db_error().is_some(), "{refused:?}");
        api.shop.db.batch_execute("reset role").await.expect("reset");
    }
}
