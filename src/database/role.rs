//! Which role a connection works as.

/// What a connection may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// All that the user of the connection string may: commands that people run, migrations.
    Login,
    /// What the engine's statements need, and no more: the daemon.
    Engine,
}

impl Role {
    /// Sent after connecting: poolers refuse such settings as start-up options.
    pub(super) fn taken(self) -> &'static str {
        match self {
            Self::Login => "",
            Self::Engine => "; set role thendo_engine",
        }
    }
}

/// What to do when the role can't be taken, if that is what `reason` says.
pub(super) fn help(reason: &str) -> Option<String> {
    if !reason.contains("thendo_engine") {
        return None;
    }
    Some(if reason.contains("permission denied") {
        "give the daemon's user the role, as its owner: grant thendo_engine to USER".into()
    } else {
        "run `thendo migrate`: it makes the role that the daemon works as".into()
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_role_that_cant_be_taken_says_what_to_do() {
        let told = |reason| super::help(reason).unwrap_or_default();
        assert!(told("role \"thendo_engine\" does not exist").contains("thendo migrate"));
        assert!(told("permission denied to set role \"thendo_engine\"").contains("grant thendo_engine"));
        assert_eq!(told("password authentication failed"), "");
    }
}
