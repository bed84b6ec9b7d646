//! The schema as text, from the catalog: `schema.sql` and what is compared with it.
//!
//! Not pg_dump: its text differs between versions, and nothing could be looked up in it by name.

mod catalog;
mod text;

use std::fmt;

pub use catalog::describe;

/// The schema that this build's migrations make.
pub const EXPECTED: &str = include_str!("../../../schema.sql");

/// What a block makes. Within a table's family they stand in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// What must hold while the rest is applied.
    Settings,
    /// A role of the server that the schema speaks of.
    Role,
    /// An extension, and the schema it is in.
    Extension,
    /// An enum or a domain.
    Type,
    /// A sequence that belongs to no identity column.
    Sequence,
    /// A function.
    Function,
    /// A function whose signature has rows of a table or view in it.
    FunctionOfRows,
    /// What a function is for.
    CommentOnFunction,
    /// Who may execute it.
    GrantsOnFunction,
    /// A table: a line for each column, a line for each constraint but foreign keys.
    Table,
    /// A view.
    View,
    /// A materialized view.
    MaterializedView,
    /// The rows that migrations put in.
    Rows,
    /// What a table or view and its columns are for.
    Comment,
    /// How a table is stored.
    Storage,
    /// An index that is no constraint's.
    Index,
    /// Extended statistics.
    Statistics,
    /// A trigger.
    Trigger,
    /// That row level security is on.
    RowSecurity,
    /// Who may do what.
    Grants,
    /// A foreign key.
    ForeignKey,
    /// Which column a sequence belongs to.
    SequenceOwner,
    /// Who sees and writes which rows.
    Policy,
}

/// Each kind's word in the text.
const WORDS: &[(Kind, &str)] = &[
    (Kind::Settings, "settings"),
    (Kind::Role, "role"),
    (Kind::Extension, "extension"),
    (Kind::Type, "type"),
    (Kind::Sequence, "sequence"),
    (Kind::Function, "function"),
    (Kind::FunctionOfRows, "function-of-rows"),
    (Kind::CommentOnFunction, "comment-on-function"),
    (Kind::GrantsOnFunction, "grants-on-function"),
    (Kind::Table, "table"),
    (Kind::View, "view"),
    (Kind::MaterializedView, "materialized-view"),
    (Kind::Rows, "rows"),
    (Kind::Comment, "comment"),
    (Kind::Storage, "storage"),
    (Kind::Index, "index"),
    (Kind::Statistics, "statistics"),
    (Kind::Trigger, "trigger"),
    (Kind::RowSecurity, "row-security"),
    (Kind::Grants, "grants"),
    (Kind::ForeignKey, "foreign-key"),
    (Kind::SequenceOwner, "sequence-owner"),
    (Kind::Policy, "policy"),
];

impl Kind {
    /// The kind that a word of the text names.
    pub fn read(word: &str) -> Option<Self> {
        WORDS.iter().find(|(_, known)| *known == word).map(|(kind, _)| *kind)
    }

    /// Whether its name has blanks in it and stands for itself.
    fn is_of_function(self) -> bool {
        matches!(
            self,
            Self::Function | Self::FunctionOfRows | Self::CommentOnFunction | Self::GrantsOnFunction
        )
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = WORDS.iter().find(|(kind, _)| kind == self).map_or("", |(_, word)| word);
        f.write_str(word)
    }
}

/// One object and the statements that make it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// What it is.
    pub kind: Kind,
    /// The table, view or function that it is or belongs to: `public.orders`.
    pub of: String,
    /// Its own name within that; empty where it has none.
    pub name: String,
    /// The statements, each ended by a semicolon.
    pub sql: String,
}

impl Block {
    /// Its statements one by one. A function is one, whatever its body has in it.
    pub fn statements(&self) -> Vec<&str> {
        if self.kind.is_of_function() && self.kind != Kind::GrantsOnFunction {
            return vec![self.sql.trim_end_matches(';')];
        }
        self.sql.split(";\n").map(|statement| statement.trim_end_matches(';')).collect()
    }
}

/// A schema: its blocks, in an order in which they can be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// The blocks.
    pub blocks: Vec<Block>,
}

impl Schema {
    /// The one of that kind and name, if it is there.
    pub fn find(&self, kind: Kind, of: &str, name: &str) -> Option<&Block> {
        self.blocks.iter().find(|block| block.kind == kind && block.of == of && block.name == name)
    }

    /// All of one kind that belong to `of`.
    pub fn all<'a>(&'a self, kind: Kind, of: &'a str) -> impl Iterator<Item = &'a Block> {
        self.blocks.iter().filter(move |block| block.kind == kind && block.of == of)
    }
}
