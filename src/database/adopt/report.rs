//! What an adoption did and found.

use serde::Serialize;

/// How much a difference matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// The engine can't work with it: the adoption is not done.
    Blocks,
    /// Someone should look at it soon.
    Warns,
    /// Worth knowing.
    Note,
}

/// Something that is otherwise than a fresh migration would make it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What: `public.orders.total`, `policy public.orders "Own"`.
    pub object: String,
    /// How it is.
    pub there: String,
    /// How thendo would have made it.
    pub expected: String,
    /// How much that matters.
    pub weight: Weight,
    /// What can be done about it; empty where nothing has to be.
    pub mend: String,
}

/// A statement of the engine that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Obstacle {
    /// Its name.
    pub statement: String,
    /// The server's words, or which type is another.
    pub reason: String,
    /// Tables and columns that it may be about.
    pub about: Vec<String>,
    /// What to do.
    pub mend: String,
}

/// What an adoption did and found.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Whether it was done. Not after a dry run, nor if something blocks.
    pub adopted: bool,
    /// Whether it was only tried.
    pub dry_run: bool,
    /// Whether Supabase's `auth` was imitated.
    pub auth_imitated: bool,
    /// What was missing and added.
    pub added: Vec<String>,
    /// What is otherwise, the weightiest first.
    pub differences: Vec<Difference>,
    /// What the engine could not do.
    pub obstacles: Vec<Obstacle>,
    /// Tables that Medusa made: neither compared nor changed.
    pub left_alone: Vec<String>,
    /// Migrations written down as applied.
    pub recorded: usize,
    /// Optional parts that the server offers.
    pub picked_up: Vec<String>,
}

impl Report {
    /// Whether something is in the way of adopting.
    pub fn is_blocked(&self) -> bool {
        !self.obstacles.is_empty() || self.differences.iter().any(|found| found.weight == Weight::Blocks)
    }

    /// What is in the way, in one line.
    pub fn obstacles_in_words(&self) -> String {
        let differences = self.differences.iter().filter(|found| found.weight == Weight::Blocks);
        let told = differences.map(|found| format!("{}: {}", found.object, found.there));
        let told = told.chain(self.obstacles.iter().map(|found| {
            let about = found.about.join(", ");
            let about = if about.is_empty() { about } else { format!(" ({about})") };
            format!("statement {} can't be prepared{about}: {}", found.statement, found.reason)
        }));
        told.collect::<Vec<_>>().join("; ")
    }

    /// What to do about it, each thing once.
    pub fn mends(&self) -> String {
        let differences = self.differences.iter().filter(|found| found.weight == Weight::Blocks);
        let mut all: Vec<&str> = Vec::new();
        let obstacles = self.obstacles.iter().flat_map(|found| found.mend.split("; "));
        for mend in differences.map(|found| &*found.mend).chain(obstacles) {
            if !all.contains(&mend) {
                all.push(mend);
            }
        }
        all.join("; ")
    }

    pub(super) fn differ(&mut self, difference: Difference) {
        self.differences.push(difference);
    }

    pub(super) fn sort(&mut self) {
        self.differences.sort_by_key(|found| found.weight);
    }
}
