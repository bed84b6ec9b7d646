//! Embeddings: asked of a model's server, stored where pgvector is, and off without a key.

use serde_json::{Value, json};

use crate::loyalty::{first_act, one_action};
use crate::secrets::{KEY, stores};
use crate::support::Shop;
use crate::support::daemon::Daemon;
use crate::support::hooks::{Hooks, Manner};

async fn embeds(shop: &Shop, hooks: &Hooks) -> Daemon {
    shop.daemon_with(&[("THENDO_HTTP__ALLOW", &hooks.address), ("THENDO_SECRETS__KEY", KEY)]).await
}

async fn publishes_a_post(shop: &Shop, name: &str, hooks: &Hooks) -> Value {
    let action = one_action("blog_post_published", "embed_content", json!({ "url": hooks.url() }));
    let workflow = shop.publishes(name, &action).await;
    let post = "insert into blog_posts (slug, title, body, status) values ($1, 'Bread', 'Flour and water', 'published')";
    shop.db.execute(post, &[&name]).await.expect("a post");
    shop.has_settled().await;
    shop.does(&format!("update workflows set status = 'archived' where id = '{workflow}'")).await;
    first_act(shop, workflow).await
}

#[tokio::test]
async fn without_a_key_it_is_off_and_without_pgvector_it_says_so() {
    let shop = Shop::open().await;
    let hooks = Hooks::open(Manner::Embeds(1536)).await;
    let _daemon = embeds(&shop, &hooks).await;
    let step = publishes_a_post(&shop, "a", &hooks).await;
    assert_eq!((&step["outcome"], &step["result"]["stored"]), (&json!("done"), &json!(false)), "{step}");
    assert_eq!(hooks.calls().len(), 0);
    stores(&shop, "embeddings", "sk-a-key-of-eight");
    let step = publishes_a_post(&shop, "b", &hooks).await;
    let why = step["why"].as_str().unwrap_or_default();
    assert!(why.contains("no pgvector: install it, and run `thendo migrate`"), "{step}");
    assert_eq!(hooks.calls()[0].headers["authorization"], "Bearer sk-a-key-of-eight");
    let asked: Value = serde_json::from_str(&hooks.calls()[0].body).expect("JSON");
    assert_eq!(
        (&asked["input"], &asked["model"]),
        (&json!("Bread\n\nFlour and water"), &json!("text-embedding-3-small"))
    );
}

#[tokio::test]
#[ignore = "needs a newer PostgreSQL: make test"]
async fn a_post_s_embedding_is_stored_and_is_no_event() {
    let shop = Shop::open_on_newer().await;
    let (hooks, small) = (Hooks::open(Manner::Embeds(1536)).await, Hooks::open(Manner::Embeds(3)).await);
    let daemon = embeds(&shop, &hooks).await;
    stores(&shop, "embeddings", "sk-a-key-of-eight");
    let step = publishes_a_post(&shop, "a", &hooks).await;
    assert_eq!(
        step["result"],
        json!({"status": 200, "stored": true, "dimensions": 1536, "model": "a-model"}),
        "{step}"
    );
    let stored = "select count(*) from blog_posts where embedding::text like '[0.5,0.5,%'";
    assert_eq!(shop.number(stored, &[]).await, 1);
    let events = "select count(*) from workflow_events where table_name = 'blog_posts'";
    assert_eq!(shop.number(events, &[]).await, 1, "the post itself");
    let told = "select count(*) from workflow_events where row_data::text like '%embedding%'";
    assert_eq!(shop.number(told, &[]).await, 0);
    drop(daemon);
    let _daemon = embeds(&shop, &small).await;
    let step = publishes_a_post(&shop, "b", &small).await;
    assert!(step["why"].as_str().unwrap_or_default().contains("3 numbers, and posts have 1536"), "{step}");
}
