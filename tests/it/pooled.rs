//! Behind a real pooler: in session mode all is as without, in transaction mode the daemon says why not.

use std::time::Duration;

use crate::support::daemon::Daemon;
use crate::support::pooler::Pooler;
use crate::support::server::thendo;
use crate::support::{Shop, connect, points_and_deposit, until};

#[tokio::test]
async fn through_a_pooler_in_session_mode_all_is_as_without() {
    let shop = Shop::open().await;
    let Some(pooler) = Pooler::start(&shop.url, "session") else { return };
    let daemon = Daemon::start(&pooler.url, shop.folder.path(), &[]).await;
    shop.publishes("points", &points_and_deposit()).await;
    for _ in 0..20 {
        shop.places_order(250_00).await;
    }
    shop.has_settled().await;
    assert_eq!(shop.count("loyalty_ledger").await, 20);
    assert!(!daemon.logged().contains("notifications do not arrive"), "{}", daemon.logged());
}

#[tokio::test]
async fn a_pooler_in_transaction_mode_is_refused_and_the_shop_s_sessions_stay_as_they_were() {
    let shop = Shop::open().await;
    let Some(pooler) = Pooler::start(&shop.url, "transaction") else { return };
    // The shop's own program, with sessions of the pooler's in use and at rest.
    let own = connect(&pooler.url).await;
    own.batch_execute("reset all").await.expect("as it was");
    let mut daemon = Daemon::launch(&pooler.url, shop.folder.path(), &[]);
    until("it has ended", || std::future::ready(daemon.has_ended())).await;
    let said = daemon.logged();
    assert!(said.contains("pooler in transaction mode") && said.contains("help: use the direct"), "{said}");
    for _ in 0..5 {
        let sql = "select current_user = session_user and current_setting('lock_timeout') = '0'
                      and coalesce(current_setting('thendo.session', true), '') = ''";
        assert!(
            own.query_one(sql, &[]).await.expect("a look").get::<_, bool>(0),
            "a session of the shop's was changed"
        );
    }
    let url = pooler.url.clone();
    let migrates = tokio::task::spawn_blocking(move || {
        thendo().args(["migrate", "--status", "--database-url", &url]).output().expect("the built binary")
    });
    let migrated =
        tokio::time::timeout(Duration::from_secs(20), migrates).await.expect("an answer").expect("no panic");
    assert!(!migrated.status.success());
    assert!(String::from_utf8_lossy(&migrated.stderr).contains("pooler in transaction mode"));
}
