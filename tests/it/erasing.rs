//! `thendo customer erase`: nothing of a person is left, and everything of the others.

use std::process::{Output, Stdio};

use serde_json::Value;
use uuid::Uuid;

use crate::support::look::{lines_with, whole_database};
use crate::support::server::thendo;
use crate::support::{Shop, connect, mail_on_order, points_and_deposit};

fn erase(url: &str, who: &str, more: &[&str]) -> Output {
    let mut command = thendo();
    command.args(["customer", "erase", who, "--database-url", url]).args(more).stdin(Stdio::null());
    command.output().expect("the built binary")
}

fn erased(url: &str, who: &str) -> Value {
    let done = erase(url, who, &["--yes", "--format", "json"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).expect("JSON")
}

/// Someone with rows everywhere. `$1` a word that is part of all that says who they are, `$2` the address.
const LIFE: &str = "
do $$
declare
    word constant text := 'WORD';
    address constant text := 'ADDRESS';
    uid uuid; person uuid; page uuid; campaign uuid; recipient uuid; waiting uuid; placed uuid;
begin
    insert into auth.users (email, email_confirmed_at, raw_user_meta_data)
    values (address, now(), jsonb_build_object('name', word)) returning id into uid;
    perform set_config('request.jwt.claims', jsonb_build_object('sub', uid)::text, true);
    insert into customers (email, name, phone, user_id, medusa_customer_id, preferences)
    values (address, word || ' Miller', '+43' || word, uid, 'cus_' || md5(word), jsonb_build_object('likes', word)) returning id into person;
    insert into customer (id, email, first_name, phone, metadata) values ('cus_' || md5(word), address, word, word, jsonb_build_object('x', word));
    insert into cart (email, currency_code) values (address, 'eur');
    insert into orders (customer_id, total, note) values (person, 250_00::text::int, 'ring at ' || word) returning id into placed;
    insert into deposits (order_id, amount, due_date) values (placed, 100, now());
    insert into \"order\" (id, email, currency_code, customer_id, metadata) values ('order_' || md5(word), address, 'eur', 'cus_' || md5(word), jsonb_build_object('x', word));
    insert into payment (amount, currency_code, provider_id, data, payment_collection_id, payment_session_id)
    values (1, 'eur', 'stripe', jsonb_build_object('receipt', address), 'c', 's');
    insert into saved_addresses (user_id, name, line1, city, country_code) values (uid, word, word || ' Street 1', 'Linz', 'AT');
    insert into google_calendar_tokens (user_id, access_token_encrypted, key_id, expires_at) values (uid, convert_to(word, 'UTF8'), 'k', now());
    insert into product_waitlist (product_id, email, name) values ('p', upper(address), word) returning id into waiting;
    insert into email_templates (name, subject, text) values ('for ' || md5(word), 's', 'x');
    insert into waitlist_campaigns (name) values ('c') returning id into campaign;
    insert into waitlist_campaign_recipients (campaign_id, waitlist_id, email, name, error) values (campaign, waiting, address, word, '550 ' || address)
    returning id into recipient;
    insert into campaign_opens (campaign_id, recipient_id, user_agent) values (campaign, recipient, word);
    insert into campaign_clicks (campaign_id, recipient_id, url) values (campaign, recipient, 'https://x.example/?u=' || word);
    insert into reviews (product_id, customer_id, rating, body, author_name) values ('p', person, 5, word, word);
    insert into project_comments (order_id, user_id, body) values (placed, uid, word);
    insert into subscribers (email, name) values (address, word);
    insert into consents (email, customer_id, purpose, decision, source) values (address, person, 'marketing', 'granted', word);
    insert into suppressions (address_hash, email, reason, detail) values (sha256(convert_to(lower(address), 'UTF8')), address, 'bounced', word);
    insert into customer_tags (customer_id, tag) values (person, word);
    insert into referral_codes (customer_id, code) values (person, word);
    insert into enrollments (customer_id, product_id, title) values (person, 'p', word);
    insert into quotes (customer_id, title, description, amount) values (person, 'Site for ' || word, word, 5);
    insert into subscriptions (customer_id, plan, amount) values (person, 'pro', 900);
    insert into stripe_customers (customer_id, stripe_customer_id) values (person, 'cus_' || md5(word));
    insert into loyalty_ledger (customer_id, points, reason) values (person, 10, 'for ' || word || ' Miller');
    insert into pages (slug, title) values (md5(word), 'Home') returning id into page;
    insert into page_content (page_id, section) values (page, 'hero');
    insert into page_views (page_id, user_id, visitor, referrer, user_agent) values (page, uid, 'v' || word, 'https://mail/?' || word, word),
        (page, null, 'v' || word, null, null);
end
$$";

async fn lives(shop: &Shop, word: &str, address: &str) -> Uuid {
    let quoted = |text: &str| text.replace('\'', "''");
    let sql =
        LIFE.replace("250_00::text::int", "25000").replace("WORD", word).replace("ADDRESS", &quoted(address));
    shop.db.batch_execute(&sql).await.unwrap_or_else(|e| panic!("{e:?}"));
    shop.db.query_one("select id from customers where email = $1", &[&address]).await.expect("there").get(0)
}

/// What says nothing of this person, sorted; the engine's own counters and times left out.
async fn of_others(shop: &Shop, words: &[&str], ids: &[&str]) -> Vec<String> {
    let all = whole_database(&shop.db).await;
    let lines = all.lines().filter(|line| {
        words.iter().any(|word| line.to_lowercase().contains(&word.to_lowercase()))
            && !ids.iter().any(|id| line.contains(id))
    });
    lines.map(str::to_owned).collect()
}

#[tokio::test]
async fn nothing_of_the_person_is_left_and_all_of_the_others() {
    let shop = Shop::open().await;
    let daemon = shop.daemon().await;
    shop.publishes("mail", &mail_on_order()).await;
    shop.publishes("points", &points_and_deposit()).await;
    let ann = lives(&shop, "Xanthippe", "ann@example.com").await;
    let uid: Uuid =
        shop.db.query_one("select user_id from customers where id = $1", &[&ann]).await.expect("hers").get(0);
    // One whose address holds hers, and one whose address is a pattern that matches hers.
    lives(&shop, "Joachim", "joann@example.com").await;
    lives(&shop, "Pattern", "a%_.*n@example.com").await;
    shop.has_settled().await;
    let before = whole_database(&shop.db).await;
    for piece in ["ann@example.com", "Xanthippe", &uid.to_string()] {
        assert!(lines_with(&before, piece).len() > 10, "{piece} is everywhere");
    }
    let money = "select (select sum(total) from orders) * 1000000 + (select sum(amount) from deposits) * 1000 + (select sum(points) from loyalty_ledger)";
    let sums = shop.number(money, &[]).await;
    let others = of_others(&shop, &["Joachim", "joann@", "Pattern", "a%_.*n@"], &[]).await;
    assert!(others.len() > 40);

    let dry = erase(&shop.url, "Ann@Example.com", &["--dry-run", "--format", "json"]);
    let plan: Value = serde_json::from_slice(&dry.stdout).unwrap_or_else(|e| panic!("{e}: {dry:?}"));
    assert_eq!(whole_database(&shop.db).await, before, "a dry run changes nothing");
    let unasked = erase(&shop.url, "ann@example.com", &[]);
    assert_eq!(unasked.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unasked.stderr).contains("--yes"));
    assert_eq!(whole_database(&shop.db).await, before, "nor does a question");
    let done = erased(&shop.url, "Ann@Example.com");
    assert_eq!((&done["removed"], &done["stays"]), (&plan["removed"], &plan["stays"]), "it did what it said");
    assert!(done["removed"].as_array().expect("a list").len() > 20, "{done:#}");

    shop.has_settled().await;
    let after = whole_database(&shop.db).await;
    for piece in ["Xanthippe", &uid.to_string(), "ann%40"] {
        assert_eq!(lines_with(&after, piece), [""; 0], "{piece} is still there");
    }
    let address: Vec<_> = lines_with(&after, "ann@example.com")
        .into_iter()
        .filter(|line| !line.to_lowercase().contains("joann@"))
        .collect();
    assert_eq!(address, [""; 0]);
    assert_eq!(of_others(&shop, &["Joachim", "joann@", "Pattern", "a%_.*n@"], &[]).await, others);
    assert_eq!(shop.number(money, &[]).await, sums, "the accounts are the same");
    let suppressed = "select count(*) from suppressions where email is null and address_hash = sha256('ann@example.com'::bytea)";
    assert_eq!(shop.number(suppressed, &[]).await, 1);
    assert_eq!(shop.number("select count(*) from workflow_executions where status = 'failed'", &[]).await, 0);

    // Twice is harmless; and what is unknown is said.
    let again = erased(&shop.url, &ann.to_string());
    assert_eq!(again["removed"], serde_json::json!([]), "{again:#}");
    let audited = after.lines().count() + 1;
    assert_eq!(whole_database(&shop.db).await.lines().count(), audited, "but for the audit's line");
    let unknown = erase(&shop.url, "ann@example.com", &["--yes"]);
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("nothing is known of"), "{unknown:?}");
    for wrong in ["ann", "", &Uuid::nil().to_string()] {
        assert_eq!(erase(&shop.url, wrong, &["--yes"]).status.code(), Some(1), "{wrong}");
    }
    // The pattern takes nobody else with it.
    let jo = of_others(&shop, &["Joachim", "joann@"], &[]).await;
    erased(&shop.url, "a%_.*n@example.com");
    assert_eq!(lines_with(&whole_database(&shop.db).await, "Pattern"), [""; 0]);
    assert_eq!(of_others(&shop, &["Joachim", "joann@"], &[]).await, jo);
    drop(daemon);
}

#[tokio::test]
async fn who_never_ordered_is_erased_too_and_an_admin_is_not() {
    let shop = Shop::open().await;
    let sql = "insert into subscribers (email, name) values ('zoe@x.example', 'Zoe'), ('o''zoe@x.example', 'Other');
               insert into orders (customer_id, total, note) select id, 1, 'a gift for zoe@x.example, not o''zoe@x.example' from customers";
    shop.db.batch_execute(sql).await.expect("a subscriber");
    let done = erased(&shop.url, "ZOE@x.example");
    assert_eq!(done["stays"], serde_json::json!([]));
    assert_eq!(shop.number("select count(*) from subscribers where name = 'Other'", &[]).await, 1);
    assert_eq!(shop.number("select count(*) from workflow_events where table_name = 'orders' and row_data ->> 'note' = '(erased)'", &[]).await, 1,
        "the event is another's and stays, without the address");
    assert_eq!(shop.count("workflow_queue").await, shop.count("workflow_events").await);
    lives(&shop, "Boss", "boss@x.example").await;
    shop.db
        .batch_execute("insert into user_roles (user_id, role) select id, 'admin' from auth.users")
        .await
        .expect("an admin");
    let refused = erase(&shop.url, "boss@x.example", &["--yes"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("is an admin"), "{refused:?}");
}

#[tokio::test]
async fn an_erasure_under_load_harms_nobody() {
    let shop = Shop::open().await;
    let (_one, _two) = tokio::join!(shop.daemon(), shop.daemon());
    shop.publishes("mail", &mail_on_order()).await;
    shop.publishes("points", &points_and_deposit()).await;
    let ann = lives(&shop, "Xanthippe", "ann@example.com").await;
    let others: Vec<Uuid> = {
        let mut all = vec![shop.customer];
        for n in 0..10 {
            all.push(shop.welcomes(&format!("n{n}@x.example")).await);
        }
        all
    };
    let mut load = Vec::new();
    for n in 0..4usize {
        let (url, mut who) = (shop.url.clone(), others.clone());
        who.push(ann);
        load.push(tokio::spawn(async move {
            let db = connect(&url).await;
            // Her own orders wait until she is nameless; nobody else's do.
            db.batch_execute("set lock_timeout = '20s'").await.expect("a shop's patience");
            for i in 0..150 {
                let sql = "insert into orders (customer_id, total) values ($1, 20000)";
                db.execute(sql, &[&who[(i * 7 + n) % who.len()]]).await.expect("an order is never refused");
            }
        }));
    }
    tokio::time::sleep(std::time::Duration::from_millis(150)).await;
    let url = shop.url.clone();
    let (first, second) = tokio::join!(
        tokio::task::spawn_blocking({
            let url = url.clone();
            move || erase(&url, "ann@example.com", &["--yes"])
        }),
        tokio::task::spawn_blocking(move || erase(&url, &ann.to_string(), &["--yes"])),
    );
    let (first, second) = (first.expect("no panic"), second.expect("no panic"));
    assert!(first.status.success() || second.status.success(), "{first:?} {second:?}");
    for one in load {
        one.await.expect("no panic");
    }
    shop.has_settled().await;
    let all = whole_database(&shop.db).await;
    for piece in ["Xanthippe", "ann@example.com"] {
        assert_eq!(lines_with(&all, piece), [""; 0], "{piece} is still there");
    }
    assert_eq!(
        shop.number("select count(*) from workflow_executions where status <> 'succeeded'", &[]).await,
        0
    );
    let missed = "select count(*) from orders o where customer_id <> $1 and (
        (select count(*) from loyalty_ledger l where l.order_id = o.id) <> 1 or (select count(*) from deposits d where d.order_id = o.id) <> 1)";
    assert_eq!(shop.number(missed, &[&ann]).await, 0, "every order of the others had its effects, once");
    let sent = "select count(*) - (select count(*) from orders where customer_id <> $1) from workflow_deliveries where status = 'sent' and payload ->> 'to' not like '%@erased.invalid'";
    assert_eq!(shop.number(sent, &[&ann]).await, 0, "and its mail");
}
