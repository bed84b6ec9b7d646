//! What will go wrong, and when: drawn from the seed before anything begins, so that a seed is a sequence.

use std::fmt;
use std::time::Duration;

/// The same seed, the same throws (splitmix64).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 0 to `sides` - 1.
    pub fn throw(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides.max(1)
    }

    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.throw(most - least + 1)
    }

    pub fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.throw(all.len() as u64) as usize]
    }
}

pub const DAEMONS: usize = 3;

/// What goes wrong. Of a name with a number, the number is the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// SIGKILL, and a new one.
    Kill,
    /// SIGSTOP, then SIGCONT.
    Freeze,
    /// SIGTERM, and a new one.
    Restart,
    /// `pg_terminate_backend()` of some of the engine's connections.
    Terminate,
    /// `pg_cancel_backend()` of whatever the engine runs, as a statement_timeout would.
    Cancel,
    /// Its connections are closed.
    Cut,
    /// Nothing goes through, nothing is closed.
    Stall,
    /// The server's answers don't arrive.
    Deaf,
    /// What it says doesn't arrive.
    Mute,
    /// The server ends at once, and recovers.
    Crash,
    /// A writer with a transaction open.
    IdleWriter,
    /// A reader with a snapshot open.
    LongReader,
    /// Somebody holds balances.
    LockBalances,
    /// A new version.
    Republish,
    /// Paused, then resumed.
    Pause,
    /// Held, then released.
    Hold,
    /// 550.
    MailRefuses,
    /// Says nothing, at once or where the message ends.
    MailStalls,
    /// Takes the message and hangs up.
    MailDrops,
    /// Says nothing.
    HookHangs,
    /// 500.
    HookFails,
}

pub const ALL: [Kind; 21] = [
    Kind::Kill,
    Kind::Freeze,
    Kind::Restart,
    Kind::Terminate,
    Kind::Cancel,
    Kind::Cut,
    Kind::Stall,
    Kind::Deaf,
    Kind::Mute,
    Kind::Crash,
    Kind::IdleWriter,
    Kind::LongReader,
    Kind::LockBalances,
    Kind::Republish,
    Kind::Pause,
    Kind::Hold,
    Kind::MailRefuses,
    Kind::MailStalls,
    Kind::MailDrops,
    Kind::HookHangs,
    Kind::HookFails,
];

impl Kind {
    /// Bounds of how long it lasts, in milliseconds; 0 where it is a moment.
    fn lasts(self) -> (u64, u64) {
        match self {
            Self::Freeze => (3_000, 20_000),
            Self::Cancel => (500, 3_000),
            Self::Stall | Self::Deaf | Self::Mute => (1_000, 18_000),
            Self::IdleWriter | Self::LongReader => (3_000, 15_000),
            Self::LockBalances => (500, 4_000),
            Self::Pause | Self::Hold => (500, 5_000),
            Self::MailRefuses | Self::MailStalls | Self::MailDrops => (500, 4_000),
            Self::HookHangs | Self::HookFails => (500, 6_000),
            _ => (0, 0),
        }
    }

    /// Whether it keeps daemons from their work, so that a take-over beside it says nothing about one.
    pub fn disturbs(self) -> bool {
        self.is_of_a_daemon()
            || matches!(
                self,
                Self::Terminate | Self::Cancel | Self::Crash | Self::LockBalances | Self::IdleWriter
            )
    }

    fn is_of_a_daemon(self) -> bool {
        matches!(
            self,
            Self::Kill | Self::Freeze | Self::Restart | Self::Cut | Self::Stall | Self::Deaf | Self::Mute
        )
    }

    /// What can have one trouble at a time.
    fn place(self, which: usize) -> (&'static str, usize) {
        match self {
            Self::MailRefuses | Self::MailStalls | Self::MailDrops => ("mail", 0),
            Self::HookHangs | Self::HookFails => ("hook", 0),
            Self::Pause | Self::Hold | Self::Republish => ("workflow", which),
            Self::IdleWriter => ("idle writer", 0),
            Self::LongReader => ("long reader", 0),
            Self::LockBalances => ("balances", 0),
            Self::Crash | Self::Terminate | Self::Cancel => ("server", 0),
            _ => ("daemon", which),
        }
    }
}

/// One fault to come.
#[derive(Debug, Clone, Copy)]
pub struct Planned {
    /// From the beginning on.
    pub at: Duration,
    pub kind: Kind,
    /// The daemon, or the workflow.
    pub which: usize,
    /// How long it lasts.
    pub lasts: Duration,
    /// Throws of its own.
    pub seed: u64,
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:7.2} s  {:?}", self.at.as_secs_f64(), self.kind)?;
        if ["daemon", "workflow"].contains(&self.kind.place(0).0) {
            write!(f, " {}", self.which)?;
        }
        if !self.lasts.is_zero() {
            write!(f, " for {:.1} s", self.lasts.as_secs_f64())?;
        }
        Ok(())
    }
}

/// The faults of `span`, one every `pause` or so. All kinds come about equally often, but the server's end seldom.
pub fn draw(seed: u64, span: Duration, pause: Duration, workflows: usize) -> Vec<Planned> {
    let mut dice = Dice::new(seed);
    let (mut all, mut deck): (Vec<Planned>, Vec<Kind>) = (Vec::new(), Vec::new());
    let (span, pause) = (span.as_millis() as u64, pause.as_millis() as u64);
    let mut crashes = 1 + span / 240_000;
    let mut now = 1_000;
    while now + 1_000 < span {
        if deck.is_empty() {
            deck = ALL.to_vec();
            for at in (1..deck.len()).rev() {
                deck.swap(at, dice.throw(at as u64 + 1) as usize);
            }
        }
        let kind = deck.pop().expect("a card");
        let which = dice.throw(if kind.is_of_a_daemon() { DAEMONS } else { workflows } as u64) as usize;
        let (least, most) = kind.lasts();
        let lasts = dice.between(least, most).min(span - now);
        let seed = dice.throw(u64::MAX);
        let fault = Planned {
            at: Duration::from_millis(now),
            kind,
            which,
            lasts: Duration::from_millis(lasts),
            seed,
        };
        let is_free = |other: &Planned| {
            let over = other.at + other.lasts + Duration::from_millis(500);
            let place = other.kind.place(other.which);
            place != kind.place(which) || over < fault.at
        };
        let enough_left = !kind.is_of_a_daemon()
            || all
                .iter()
                .filter(|other: &&Planned| other.kind.is_of_a_daemon() && other.at + other.lasts >= fault.at)
                .count()
                < DAEMONS - 1;
        let wanted = kind != Kind::Crash || crashes > 0;
        if wanted && enough_left && all.iter().all(is_free) {
            crashes -= u64::from(kind == Kind::Crash);
            all.push(fault);
            now += dice.between(pause / 2, pause * 3 / 2);
        }
    }
    all
}
