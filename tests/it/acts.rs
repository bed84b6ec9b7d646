//! The schema's own functions and triggers: what they do, refuse, and do with several at once.

use std::collections::BTreeSet;

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error};
use uuid::Uuid;

use crate::support::{Shop, connect, points_and_deposit};

pub fn code(done: Result<impl Sized, Error>) -> Option<SqlState> {
    done.err().and_then(|fault| fault.code().cloned())
}

/// An account, with a customer of its own.
pub async fn account(db: &Client, email: &str) -> (Uuid, Uuid) {
    let sql = "with a as (insert into auth.users (email, email_confirmed_at) values ($1, now()) returning id)
               insert into customers (email, user_id) select $1, id from a returning user_id, id";
    let row = db.query_one(sql, &[&email]).await.expect("an account");
    (row.get(0), row.get(1))
}

/// A connection that works as `role`, for `account`.
pub async fn as_role(shop: &Shop, role: &str, account: Option<Uuid>) -> Client {
    let db = connect(&shop.url).await;
    let claims = account.map_or_else(String::new, |id| format!("{{\"sub\": \"{id}\"}}"));
    db.execute("select set_config('request.jwt.claims', $1, false)", &[&claims]).await.expect("claims");
    db.batch_execute(&format!("set role {role}")).await.expect("a role");
    db
}

#[tokio::test]
async fn a_project_order_comes_with_half_of_it_rounded_up() {
    let shop = Shop::open().await;
    let (boss, _) = account(&shop.db, "boss@x.example").await;
    let (ann, of_ann) = account(&shop.db, "ann@x.example").await;
    shop.db.execute("select grant_admin($1)", &[&boss]).await.expect("granted");
    let admin = as_role(&shop, "authenticated", Some(boss)).await;
    let sql = "select order_id, deposit_amount from create_project_order($1, $2)";
    for (amount, half) in [(1, 1), (2, 1), (3, 2), (25_001, 12_501), (i32::MAX, 1_073_741_824)] {
        let row = admin.query_one(sql, &[&of_ann, &amount]).await.expect("placed");
        let (order, asked): (Uuid, i32) = (row.get(0), row.get(1));
        assert_eq!(asked, half, "half of {amount}");
        let due = "select count(*) from orders o join deposits d on d.order_id = o.id
                    where o.id = $1 and o.total = $2::int and d.amount = $3::int and d.currency = o.currency
                      and d.due_date = o.created_at + interval '7 days' and d.status = 'pending'";
        assert_eq!(shop.number(due, &[&order, &amount, &half]).await, 1);
    }
    let before =
        (shop.count("orders").await, shop.count("deposits").await, shop.count("workflow_events").await);
    for amount in [0, -1, i32::MIN] {
        let refused = code(admin.query(sql, &[&of_ann, &amount]).await);
        assert_eq!(refused, Some(SqlState::CHECK_VIOLATION), "{amount}");
    }
    assert_eq!(code(admin.query(sql, &[&of_ann, &None::<i32>]).await), Some(SqlState::NOT_NULL_VIOLATION));
    assert_eq!(code(admin.query(sql, &[&Uuid::nil(), &100]).await), Some(SqlState::FOREIGN_KEY_VIOLATION));
    let customer = as_role(&shop, "authenticated", Some(ann)).await;
    assert_eq!(code(customer.query(sql, &[&of_ann, &100]).await), Some(SqlState::INSUFFICIENT_PRIVILEGE));
    let anon = as_role(&shop, "anon", None).await;
    assert_eq!(code(anon.query(sql, &[&of_ann, &100]).await), Some(SqlState::INSUFFICIENT_PRIVILEGE));
    let after =
        (shop.count("orders").await, shop.count("deposits").await, shop.count("workflow_events").await);
    assert_eq!(after, before, "an order without its deposit, or an event of what was refused");
    let backend = as_role(&shop, "service_role", None).await;
    backend.query_one(sql, &[&of_ann, &100]).await.expect("the backend may");
}

#[tokio::test]
async fn a_subscription_is_one_however_often_it_is_told() {
    let shop = Shop::open().await;
    let other = shop.welcomes("bob@x.example").await;
    let backend = as_role(&shop, "service_role", None).await;
    let sql = "select create_subscription($1, $2, 'sub_1', $3)";
    let told = async |who: Uuid, plan: &str, status: &str| -> Option<Uuid> {
        backend.query_one(sql, &[&who, &plan, &status]).await.expect("told").get(0)
    };
    let first = told(shop.customer, "basic", "trialing").await.expect("made");
    assert_eq!(told(shop.customer, "pro", "active").await, Some(first));
    assert_eq!(told(other, "pro", "canceled").await, None, "another's subscription");
    let is = "select count(*) from subscriptions where plan = 'pro' and status = 'active'";
    assert_eq!((shop.number(is, &[]).await, shop.count("subscriptions").await), (1, 1));
    assert_eq!(
        code(backend.query(sql, &[&shop.customer, &"pro", &"asleep"]).await),
        Some(SqlState::CHECK_VIOLATION)
    );
    let (ann, of_ann) = account(&shop.db, "ann@x.example").await;
    shop.db.execute("select grant_admin($1)", &[&ann]).await.expect("granted");
    let admin = as_role(&shop, "authenticated", Some(ann)).await;
    let refused = code(admin.query(sql, &[&of_ann, &"pro", &"active"]).await);
    assert_eq!(refused, Some(SqlState::INSUFFICIENT_PRIVILEGE), "for the service role only");
}

#[tokio::test]
async fn what_stripe_told_later_is_not_undone_by_what_comes_late() {
    let shop = Shop::open().await;
    let told = async |sql: &str| -> Option<Uuid> {
        shop.db.query_one(sql, &[&shop.customer]).await.expect("told").get(0)
    };
    let first = told("select create_subscription($1, 'pro', 'sub_1', 'past_due', now(), now() + interval '1 month', 999, 'USD', '2026-01-02')").await;
    assert!(first.is_some());
    let late = "select create_subscription($1, 'free', 'sub_1', 'active', stripe_event_at => '2026-01-01')";
    assert_eq!(told(late).await, None, "an older event");
    assert_eq!(told("select create_subscription($1, 'plus', 'sub_1')").await, first);
    let kept =
        "select count(*) from subscriptions where plan = 'plus' and status = 'past_due' and amount = 999
                   and currency = 'USD' and current_period_end > now()";
    assert_eq!(shop.number(kept, &[]).await, 1, "what was not told stays");
}

#[tokio::test]
async fn an_account_finds_its_customer_by_its_verified_address() {
    let shop = Shop::open().await;
    let sql = "insert into auth.users (email, email_confirmed_at) values ($1, case when $2 then now() end) returning id";
    let joins = async |email: &str, verified: bool| {
        let id: Uuid = shop.db.query_one(sql, &[&email, &verified]).await.expect("an account").get(0);
        let db = as_role(&shop, "authenticated", Some(id)).await;
        let claims = format!("{{\"sub\": \"{id}\", \"email\": \"{email}\"}}");
        db.execute("select set_config('request.jwt.claims', $1, false)", &[&claims]).await.expect("claims");
        db
    };
    let claims = "select claim_customer()";
    let ada = joins("ADA@example.com", true).await;
    let hers: Option<Uuid> = ada.query_one(claims, &[]).await.expect("claimed").get(0);
    assert_eq!(hers, Some(shop.customer), "she ordered before she signed up");
    assert_eq!(ada.query_one(claims, &[]).await.expect("twice").get::<_, Option<Uuid>>(0), hers);
    shop.places_order(100).await;
    assert_eq!(ada.query("select 1 from orders", &[]).await.expect("hers").len(), 1);
    ada.execute("select update_my_profile(phone => '123', preferences => '{\"news\": true}')", &[])
        .await
        .expect("hers");
    let is = "select count(*) from customers where phone = '123' and name = 'Ada' and preferences ? 'news'";
    assert_eq!(shop.number(is, &[]).await, 1);
    let new = joins("new@example.com", true).await;
    assert!(new.query_one(claims, &[]).await.expect("made").get::<_, Option<Uuid>>(0).is_some());
    let unverified = joins("other@example.com", false).await;
    assert_eq!(code(unverified.query(claims, &[]).await), Some(SqlState::INSUFFICIENT_PRIVILEGE));
    assert_eq!(shop.count("customers").await, 2);
}

#[tokio::test]
async fn only_the_service_role_makes_admins() {
    let shop = Shop::open().await;
    let (ann, _) = account(&shop.db, "ann@x.example").await;
    let (bob, _) = account(&shop.db, "bob@x.example").await;
    let customer = as_role(&shop, "authenticated", Some(ann)).await;
    for sql in ["select grant_admin($1)", "insert into user_roles (user_id, role) values ($1, 'admin')"] {
        assert_eq!(
            code(customer.execute(sql, &[&ann]).await),
            Some(SqlState::INSUFFICIENT_PRIVILEGE),
            "{sql}"
        );
    }
    let backend = as_role(&shop, "service_role", None).await;
    for _ in 0..2 {
        backend.execute("select grant_admin($1)", &[&ann]).await.expect("granted, twice");
    }
    let is = async |who: Uuid| -> bool {
        customer.query_one("select is_admin($1)", &[&who]).await.expect("asked").get(0)
    };
    assert!(is(ann).await && !is(bob).await);
    let stranger = as_role(&shop, "authenticated", Some(bob)).await;
    let told: bool = stranger.query_one("select is_admin($1)", &[&ann]).await.expect("asked").get(0);
    assert!(!told, "who the admins are is told to admins");
    assert_eq!(
        code(customer.execute("select grant_admin($1)", &[&bob]).await),
        Some(SqlState::INSUFFICIENT_PRIVILEGE)
    );
    let unknown = code(backend.execute("select grant_admin($1)", &[&Uuid::nil()]).await);
    assert_eq!(unknown, Some(SqlState::FOREIGN_KEY_VIOLATION));
}

#[tokio::test]
async fn a_referral_code_counts_once_for_each_and_never_beyond_its_most() {
    let shop = Shop::open().await;
    let sql = "insert into referral_codes (customer_id, code, most_uses, expires_at) values
        ($1, 'FIVE', 5, null), ($1, 'GONE', null, now() - interval '1 second'), ($1, 'FREE', null, null)";
    shop.db.execute(sql, &[&shop.customer]).await.expect("codes");
    let uses = "select use_referral_code($1, $2)";
    let backend = as_role(&shop, "service_role", None).await;
    let used = async |code: &str, who: Uuid| -> Option<Uuid> {
        backend.query_one(uses, &[&code, &who]).await.expect("used").get(0)
    };
    assert_eq!(used("FREE", shop.customer).await, None, "one's own");
    let bob = shop.welcomes("bob@x.example").await;
    for refused in ["GONE", "NONE", "free", ""] {
        assert_eq!(used(refused, bob).await, None, "{refused}");
    }
    assert_eq!(used("FREE", bob).await, Some(shop.customer));
    assert_eq!(used("FREE", bob).await, None, "twice");
    let mut rush = Vec::new();
    for n in 0..16 {
        let (url, newcomer) = (shop.url.clone(), shop.welcomes(&format!("n{n}@x.example")).await);
        rush.push(tokio::spawn(async move {
            let db = connect(&url).await;
            let row = db.query_one("select use_referral_code('FIVE', $1)", &[&newcomer]).await.expect("used");
            row.get::<_, Option<Uuid>>(0).is_some()
        }));
    }
    let mut counted = 0;
    for one in rush {
        counted += i64::from(one.await.expect("no panic"));
    }
    assert_eq!(counted, 5);
    assert_eq!(shop.number("select uses from referral_codes where code = 'FIVE'", &[]).await, 5);
    let mutual = "insert into referral_codes (customer_id, code) values ($1, 'BOB-BACK')";
    let bob = "select id from customers where email like 'bob@%'";
    let bob: Uuid = shop.db.query_one(bob, &[]).await.expect("bob").get(0);
    shop.db.execute(mutual, &[&bob]).await.expect("a code");
    let back = shop.db.query_one("select use_referral_code('BOB-BACK', $1)", &[&shop.customer]).await;
    assert_eq!(
        back.expect("asked").get::<_, Option<Uuid>>(0),
        None,
        "two who bring each other brought nobody"
    );
    let came = "select count(*) from customers where referred_by = $1";
    assert_eq!(shop.number(came, &[&shop.customer]).await, 6, "five and bob");
}

#[tokio::test]
async fn instants_are_stamped_once_and_by_whom() {
    let shop = Shop::open().await;
    let (boss, _) = account(&shop.db, "boss@x.example").await;
    shop.db.execute("select grant_admin($1)", &[&boss]).await.expect("granted");
    let admin = as_role(&shop, "authenticated", Some(boss)).await;
    let order = shop.places_order(100).await;
    let at = async |column: &str| -> Option<chrono::DateTime<chrono::Utc>> {
        let sql = format!("select {column} from orders where id = $1");
        shop.db.query_one(&sql, &[&order]).await.expect("an order").get(0)
    };
    let sets = async |what: &str| {
        let sql = format!("update orders set {what} where id = $1");
        admin.execute(&sql, &[&order]).await.unwrap_or_else(|e| panic!("{what}: {e:?}"));
    };
    assert_eq!((at("paid_at").await, at("fulfilled_at").await, at("cancelled_at").await), (None, None, None));
    sets("payment_status = 'paid'").await;
    let paid = at("paid_at").await.expect("stamped");
    sets("payment_status = 'refunded', refunded_total = 100").await;
    assert_eq!(at("paid_at").await, Some(paid), "it was paid when it was");
    sets("status = 'cancelled', fulfillment_status = 'delivered'").await;
    assert!(at("cancelled_at").await.is_some() && at("fulfilled_at").await.is_some());
    sets("status = 'pending'").await;
    assert_eq!(at("cancelled_at").await, None, "taken back");
    for table in ["pages", "blog_posts", "changelog_entries"] {
        let sql = format!(
            "insert into {table} (slug, title, status) values ('a', 'a', 'published'), ('b', 'b', 'draft')"
        );
        admin.execute(&sql, &[]).await.expect("written");
        let stamped = format!("select count(*) from {table} where published_at is not null");
        assert_eq!(shop.number(&stamped, &[]).await, 1, "{table}");
        admin.execute(&format!("update {table} set status = 'published'"), &[]).await.expect("published");
        assert_eq!(shop.number(&stamped, &[]).await, 2, "{table}");
        let given = format!("update {table} set published_at = '2031-01-01' where slug = 'a'");
        admin.execute(&given, &[]).await.expect("given");
        let kept = format!("select count(*) from {table} where published_at = '2031-01-01'");
        assert_eq!(shop.number(&kept, &[]).await, 1, "one's own instant stays");
    }
    let deposit = "insert into deposits (order_id, amount, due_date) values ($1, 50, now())";
    shop.db.execute(deposit, &[&order]).await.expect("a deposit");
    admin.execute("update deposits set status = 'paid'", &[]).await.expect("paid");
    assert_eq!(shop.number("select count(*) from deposits where paid_at is not null", &[]).await, 1);
    let quote = "insert into quotes (customer_id, title, amount, status) values ($1, 'A site', 100, 'sent')";
    shop.db.execute(quote, &[&shop.customer]).await.expect("a quote");
    let decided = "select count(sent_at) + count(decided_at) from quotes";
    assert_eq!(shop.number(decided, &[]).await, 1, "sent, not decided");
    admin.execute("update quotes set status = 'accepted'", &[]).await.expect("accepted");
    assert_eq!(shop.number(decided, &[]).await, 2);
    let review = "insert into reviews (product_id, customer_id, rating) values ('prod_1', $1, 5)";
    shop.db.execute(review, &[&shop.customer]).await.expect("a review");
    admin.execute("update reviews set status = 'approved'", &[]).await.expect("approved");
    let by = "select count(*) from reviews where moderated_by = $1 and moderated_at is not null";
    assert_eq!(shop.number(by, &[&boss]).await, 1);
    admin.execute("update reviews set status = 'pending'", &[]).await.expect("taken back");
    assert_eq!(shop.number(by, &[&boss]).await, 0);
    let imported =
        "insert into reviews (product_id, customer_id, rating, status) values ('prod_2', $1, 5, 'approved')";
    shop.db.execute(imported, &[&shop.customer]).await.expect("a review");
    let stamped = "select count(*) from reviews where product_id = 'prod_2' and moderated_at is not null";
    assert_eq!(shop.number(stamped, &[]).await, 1);
}

#[tokio::test]
async fn a_balance_is_always_the_sum_of_its_lines() {
    let shop = Shop::open().await;
    let other = shop.welcomes("bob@x.example").await;
    let backend = as_role(&shop, "service_role", None).await;
    let line = "insert into loyalty_ledger (customer_id, points, reason) values ($1, $2::bigint, 'by hand')";
    let spent = code(backend.execute(line, &[&shop.customer, &-1i64]).await);
    assert_eq!(spent, Some(SqlState::CHECK_VIOLATION), "nothing to spend");
    backend.execute(line, &[&shop.customer, &100i64]).await.expect("earned");
    backend.execute(line, &[&shop.customer, &-40i64]).await.expect("spent");
    assert_eq!(
        code(backend.execute(line, &[&shop.customer, &-61i64]).await),
        Some(SqlState::CHECK_VIOLATION)
    );
    let forged = code(backend.execute("update loyalty_points set balance = 1000", &[]).await);
    assert_eq!(forged, Some(SqlState::INSUFFICIENT_PRIVILEGE));
    let _daemon = shop.daemon().await;
    shop.publishes("points", &points_and_deposit()).await;
    shop.places_order(250_00).await;
    // Both ways at once, and two customers in either order.
    let mut rush = Vec::new();
    for n in 0..8 {
        let (url, one, two) = (shop.url.clone(), shop.customer, other);
        rush.push(tokio::spawn(async move {
            let db = connect(&url).await;
            let (one, two) = if n % 2 == 0 { (one, two) } else { (two, one) };
            let sql = "insert into loyalty_ledger (customer_id, points, reason) values ($1, 3, 'x'), ($2, 4, 'x'), ($1, -2, 'x')";
            for _ in 0..5 {
                db.execute(sql, &[&one, &two]).await.expect("entered");
            }
        }));
    }
    for one in rush {
        one.await.expect("no panic");
    }
    shop.has_settled().await;
    let differ = "select count(*) from loyalty_points p where balance <>
                  (select sum(points) from loyalty_ledger l where l.customer_id = p.customer_id)";
    assert_eq!(shop.number(differ, &[]).await, 0);
    let balance = "select balance from loyalty_points where customer_id = $1";
    assert_eq!(
        shop.number(balance, &[&shop.customer]).await,
        60 + 250 + 40 * 5 / 2,
        "the engine's line counts once"
    );
    let kinds: BTreeSet<String> = shop
        .db
        .query("select distinct reason from loyalty_ledger", &[])
        .await
        .expect("lines")
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(kinds.len(), 3, "{kinds:?}");
}
