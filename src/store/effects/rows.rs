//! Effects that write rows: each kind is one statement in `sql/effects/`, for as many executions as ask for it.
//!
//! A kind's file stands between `_head.sql`, which says what is asked for and not done yet (`fresh`), and `_tail.sql`, which
//! keeps what was done, so that no other attempt does it again. It gives `judged (id, refused, why, result, changes)`: a row
//! for each of `fresh`, of which no two have a target in common.

use std::collections::HashMap;

use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use super::Asked;
use crate::domain::effect::{Answer, Effect, Rows, Target};
use crate::domain::execution::Change;
use crate::domain::ids::EffectId;
use crate::store::json::Readable;
use crate::store::session::{Session, Sql, StoreError};

macro_rules! statement {
    ($kind:literal) => {
        &Sql {
            name: $kind,
            text: concat!(
                include_str!("../sql/effects/_head.sql"),
                include_str!(concat!("../sql/effects/", $kind, ".sql")),
                include_str!("../sql/effects/_tail.sql")
            ),
        }
    };
}

/// Every kind, in the order in which they are done within a wave.
pub static STATEMENTS: &[&Sql] = &[
    statement!("update_order_status"),
    statement!("create_deposit"),
    statement!("update_deposit"),
    statement!("redeem_points"),
    statement!("reverse_points"),
    statement!("set_tier"),
    statement!("add_tag"),
    statement!("remove_tag"),
    statement!("enroll_customer"),
    statement!("create_referral_code"),
    statement!("add_comment"),
    statement!("set_published"),
    statement!("create_changelog_entry"),
    statement!("refresh_stats"),
    statement!("send_campaign"),
    statement!("update_row"),
    statement!("insert_row"),
];

/// Whose rows effects of a kind judge, if they judge any: they are locked before.
pub(super) fn judged(kind: &str) -> Option<Target> {
    Some(match kind {
        "update_order_status" | "create_deposit" => Target::Order,
        "update_deposit" => Target::Deposit,
        "redeem_points" | "reverse_points" => Target::Balance,
        "set_tier" | "add_tag" | "remove_tag" | "enroll_customer" | "create_referral_code" => {
            Target::Customer
        }
        "set_published" => Target::Published,
        _ => return None,
    })
}

/// What is asked of one kind, at once.
pub(super) struct Group<'a> {
    sql: &'static Sql,
    asked: Vec<(&'a Asked, &'a Rows)>,
}

impl Group<'_> {
    pub fn statement(&self) -> &'static Sql {
        self.sql
    }
}

/// What is asked for, in rounds: in none of them a kind judges the same row twice.
pub(super) fn rounds(asked: &[Asked]) -> Vec<Vec<Group<'_>>> {
    let mut rounds: Vec<HashMap<&str, Group<'_>>> = Vec::new();
    let mut next: HashMap<(&str, Target, Uuid), usize> = HashMap::new();
    for of in asked {
        let Effect::Rows(rows) = &of.request.effect else { continue };
        let Some(sql) = STATEMENTS.iter().find(|sql| sql.name == rows.kind) else { continue };
        debug_assert!(rows.targets.iter().all(|(of, _)| Some(*of) == judged(rows.kind)), "{rows:?}");
        let targets = || rows.targets.iter().map(|(table, key)| (rows.kind, *table, *key));
        let round = targets().filter_map(|target| next.get(&target).copied()).max().unwrap_or(0);
        next.extend(targets().map(|target| (target, round + 1)));
        if rounds.len() <= round {
            rounds.resize_with(round + 1, HashMap::new);
        }
        rounds[round]
            .entry(rows.kind)
            .or_insert_with(|| Group { sql, asked: Vec::new() })
            .asked
            .push((of, rows));
    }
    let place = |group: &Group<'_>| STATEMENTS.iter().position(|sql| sql.name == group.sql.name);
    let in_order = |round: HashMap<_, _>| {
        let mut groups: Vec<Group<'_>> = round.into_values().collect();
        groups.sort_by_key(place);
        groups
    };
    rounds.into_iter().map(in_order).collect()
}

/// Does what is asked for; the targets are locked.
pub(super) async fn write(
    session: &Session,
    rounds: &[Vec<Group<'_>>],
) -> Result<HashMap<EffectId, Answer>, StoreError> {
    let mut answers = HashMap::new();
    for round in rounds {
        for rows in futures_util::future::join_all(round.iter().map(|group| ask(session, group))).await {
            answers.extend(rows?.iter().map(answer));
        }
    }
    Ok(answers)
}

async fn ask(session: &Session, group: &Group<'_>) -> Result<Vec<Row>, StoreError> {
    let ids: Vec<Uuid> = group.asked.iter().map(|(of, _)| of.request.id.0).collect();
    let executions: Vec<Uuid> = group.asked.iter().map(|(of, _)| of.execution.0).collect();
    let nodes: Vec<&str> = group.asked.iter().map(|(of, _)| of.request.node.as_str()).collect();
    let inputs: Vec<&Value> = group.asked.iter().map(|(_, rows)| &rows.input).collect();
    session.query(group.sql, &[&ids, &executions, &nodes, &inputs, &group.sql.name]).await
}

fn answer(row: &Row) -> (EffectId, Answer) {
    let id = EffectId(row.get("id"));
    if let Some(reason) = row.get("refused") {
        return (id, Answer::Refused { reason });
    }
    let json = |name| row.get::<_, Option<Readable>>(name).map_or(Value::Null, Readable::or_null);
    let changes: Vec<Change> = serde_json::from_value(json("changes")).unwrap_or_default();
    let mut why: String = row.get::<_, Option<String>>("why").unwrap_or_default();
    if row.get("done_before") {
        why.push_str(" (done before)");
    }
    (id, Answer::Done { result: json("result"), changes, why })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_a_statement() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/sql/effects");
        let files =
            std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
        let mut names: Vec<String> = files.map(|name| name.to_string_lossy().replace(".sql", "")).collect();
        names.retain(|name| !name.starts_with('_'));
        names.sort();
        let mut listed: Vec<&str> = STATEMENTS.iter().map(|sql| sql.name).collect();
        listed.sort_unstable();
        assert_eq!(names, listed);
    }
}
