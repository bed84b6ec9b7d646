//! Tries every door and draws what came of it: one line for each table, one cell for each role.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use tokio_postgres::{Client, SimpleQueryMessage};

use super::rows::{Side, Table, admin, id, out_of_the_way};

/// Who comes to a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    Anon,
    Owner,
    Other,
    Admin,
    Backend,
    Engine,
    Api,
}

pub const EVERYONE: [Who; 7] =
    [Who::Anon, Who::Owner, Who::Other, Who::Admin, Who::Backend, Who::Engine, Who::Api];

impl Who {
    fn heading(self) -> &'static str {
        match self {
            Self::Anon => "anon",
            Self::Owner => "owner",
            Self::Other => "other",
            Self::Admin => "admin",
            Self::Backend => "service_role",
            Self::Engine => "thendo_engine",
            Self::Api => "thendo_api",
        }
    }

    /// The role of the database.
    pub fn role(self) -> &'static str {
        match self {
            Self::Owner | Self::Other | Self::Admin => "authenticated",
            same => same.heading(),
        }
    }

    /// What makes a session theirs until its transaction ends, as PostgREST does it.
    pub fn comes(self) -> String {
        let claims = |sub, email| {
            format!(r#"{{"role": "authenticated", "sub": "{sub}", "email": "{email}@example.com"}}"#)
        };
        let claims = match self {
            Self::Owner => claims(id("user", Side::Near), "near"),
            Self::Other => claims(id("user", Side::Far), "far"),
            Self::Admin => claims(admin(), "admin"),
            Self::Anon | Self::Backend => format!(r#"{{"role": "{}"}}"#, self.role()),
            Self::Engine | Self::Api => String::new(),
        };
        format!("select set_config('request.jwt.claims', '{claims}', true); set local role {};", self.role())
    }
}

/// What they try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    Select,
    Insert,
    Update,
    Delete,
}

pub const ACTIONS: [Action; 4] = [Action::Select, Action::Insert, Action::Update, Action::Delete];

/// What comes of one attempt at one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Reached,
    /// Granted, but row security keeps the row away.
    Kept,
    /// Not granted.
    Refused,
}

impl Table {
    /// The statement of an attempt, and what is cleared away before. None where nobody could.
    fn attempt(&self, who: Who, action: Action, side: Side) -> Option<(String, String)> {
        let (name, found) = (&self.name, &self.finds[side as usize]);
        let cleared = out_of_the_way(&self.template.table).to_owned();
        match action {
            Action::Select => Some((String::new(), format!("select 1 from {name} where {found}"))),
            Action::Insert if !self.can_insert => None,
            Action::Insert if self.is_view => Some((String::new(), self.template.insert(side))),
            Action::Insert => {
                let insert = self.inserted_by(who.role(), side);
                Some((format!("{cleared} delete from {name} where {found};"), insert))
            }
            Action::Update => {
                let column = self.touched_by(who.role())?;
                Some((String::new(), format!("update {name} set {column} = {column} where {found}")))
            }
            Action::Delete => self.can_delete.then(|| (cleared, format!("delete from {name} where {found}"))),
        }
    }

    /// What `who` reaches of both rows: one sign. Within a transaction, which stays as it was.
    pub async fn cell(&self, db: &Client, who: Who, action: Action, tried: &mut usize) -> char {
        let mut outcomes = Vec::new();
        for side in self.template.sides() {
            let Some((cleared, statement)) = self.attempt(who, action, *side) else { return '-' };
            *tried += 1;
            outcomes.push(attempted(db, &format!("{cleared} {}", who.comes()), &statement, action).await);
        }
        let reached: Vec<_> = outcomes.iter().map(|outcome| *outcome == Outcome::Reached).collect();
        match reached.as_slice() {
            [true] | [true, true] => '*',
            [true, false] => 'n',
            [false, true] => 'f',
            _ if outcomes.contains(&Outcome::Refused) => '-',
            _ => '.',
        }
    }
}

/// Anything but a refusal is a fault of the test: a foreign key or a check must not pass for a closed door.
async fn attempted(db: &Client, before: &str, statement: &str, action: Action) -> Outcome {
    let whole = format!("savepoint attempt; {before} {statement}");
    let outcome = match db.simple_query(&whole).await {
        Ok(answers) => {
            let rows = answers.iter().rev().find_map(|answer| match answer {
                SimpleQueryMessage::CommandComplete(rows) => Some(*rows),
                _ => None,
            });
            // The view that takes tokens keeps no row.
            if rows > Some(0) || action == Action::Insert { Outcome::Reached } else { Outcome::Kept }
        }
        Err(fault) => {
            let fault = fault.as_db_error().unwrap_or_else(|| panic!("{statement}: {fault:?}"));
            assert_eq!(fault.code().code(), "42501", "{whole}: {fault}");
            if fault.message().contains("row-level security") { Outcome::Kept } else { Outcome::Refused }
        }
    };
    db.batch_execute("rollback to savepoint attempt; release savepoint attempt").await.expect("taken back");
    outcome
}

/// All cells of all tables.
pub type Cells = BTreeMap<(String, Who, Action), char>;

/// Tries everything. Within a transaction of `db`.
pub async fn all_cells(db: &Client, tables: &[Table], tried: &mut usize) -> Cells {
    let mut cells = Cells::new();
    for table in tables {
        for who in EVERYONE {
            for action in ACTIONS {
                let sign = table.cell(db, who, action, tried).await;
                cells.insert((table.template.table.clone(), who, action), sign);
            }
        }
    }
    cells
}

const LEGEND: &str = "\
# Who comes through which door. Made by UPDATE_DOORS=1 cargo test --test it doors, and read by people.
#
# Each cell: select, insert, update, delete, tried with a near and a far row (what they are is on the right).
#   *  both          n  the near one only          f  the far one only
#   .  granted, but row security keeps both away   -  not granted, or nobody could do it
# owner: the signed-in user A, whose rows are near. other: user B, whose rows are far.
";

/// As in `doors.txt`.
pub fn drawn(tables: &[Table], cells: &Cells) -> String {
    let mut text = LEGEND.to_owned();
    let width = |who: Who| who.heading().len().max(4) + 2;
    write!(text, "\n{:<32}", "").expect("written");
    for who in EVERYONE {
        write!(text, "{:<1$}", who.heading(), width(who)).expect("written");
    }
    text.push_str("near | far\n");
    for table in tables {
        if let Some(heading) = &table.template.heading {
            write!(text, "\n# {heading}\n").expect("written");
        }
        write!(text, "{:<32}", table.template.table).expect("written");
        for who in EVERYONE {
            let cell: String =
                ACTIONS.iter().map(|action| cells[&(table.template.table.clone(), who, *action)]).collect();
            write!(text, "{cell:<0$}", width(who)).expect("written");
        }
        text.push_str(&table.template.what.join(" | "));
        text.truncate(text.trim_end_matches([' ', '|']).len());
        text.push('\n');
    }
    text
}
