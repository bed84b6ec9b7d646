//! What every session of ours is set to.

use super::role::Role;

/// A batch that lost its daemon must not hold lanes, nor a machine that vanished the gate; and the shop is never the
/// victim of a deadlock.
const SESSION: &str = "set idle_in_transaction_session_timeout = '10s'; set lock_timeout = '300ms'; \
     set tcp_user_timeout = '10s'; set tcp_keepalives_idle = 10; set tcp_keepalives_interval = 5; \
     set tcp_keepalives_count = 3; \
     set statement_timeout = '30s'; set jit = off; set search_path = public";

/// Lists and commands.
pub(super) const CONTROL: &str = "set statement_timeout = '30s'; set idle_in_transaction_session_timeout = '10s'; \
     set search_path = public";
/// Whatever the user's or the database's own setting is: thendo's tables and its list of migrations are in `public`.
pub(super) const HOME: &str = "set search_path = public";

/// The settings of a session of the engine's, in `role`.
pub(super) fn engine(role: Role) -> String {
    format!("{SESSION}{}{}", role.taken(), told_by_test())
}

/// In builds for tests: how long a statement may take, for a test that can't wait for half a minute.
fn told_by_test() -> String {
    #[cfg(debug_assertions)]
    if let Ok(most) = std::env::var("TEST_STATEMENT_TIMEOUT") {
        return format!("; set statement_timeout = '{most}'");
    }
    String::new()
}
