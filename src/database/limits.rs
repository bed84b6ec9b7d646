//! What every session of ours is set to.

use std::time::Duration;

use super::role::Role;

/// A batch that lost its daemon must not hold lanes, nor a machine that vanished the gate; and the shop is never the
/// victim of a deadlock.
const SESSION: &str = "set idle_in_transaction_session_timeout = '10s'; set lock_timeout = '300ms'; \
     set tcp_user_timeout = '10s'; set tcp_keepalives_idle = 10; set tcp_keepalives_interval = 5; \
     set tcp_keepalives_count = 3; set jit = off; set search_path = public";

/// The engine's statements are planned while tables may be empty, and until they are planned anew what reads a small table as a
/// whole would go on doing so though it has grown. And planned each is for whatever it is given: the server would plan some of
/// them each time, for half as long as they run. It holds for the shop's own triggers on what the engine writes, too.
const LOOKS_UP: &str = "; set enable_seqscan = off; set plan_cache_mode = force_generic_plan";

/// Lists and commands.
pub(super) const CONTROL: &str = "set statement_timeout = '30s'; set idle_in_transaction_session_timeout = '10s'; \
     set search_path = public";
/// Whatever the user's or the database's own setting is: thendo's tables and its list of migrations are in `public`.
pub(super) const HOME: &str = "set search_path = public";

/// The settings of a session of the engine's, in `role`.
pub(super) fn engine(role: Role) -> String {
    let by_key = if role == Role::Engine { LOOKS_UP } else { "" };
    format!("{SESSION}; set statement_timeout = {}{by_key}{}", longest_statement().as_millis(), role.taken())
}

/// How long a statement of the engine's may take.
pub fn longest_statement() -> Duration {
    // For a test that can't wait for half a minute.
    #[cfg(debug_assertions)]
    if let Some(most) = std::env::var("TEST_STATEMENT_MS").ok().and_then(|most| most.parse().ok()) {
        return Duration::from_millis(most);
    }
    Duration::from_secs(30)
}
