//! Who may do what with a table that is there: row level security, policies, grants.

use std::collections::BTreeSet;

use super::walk::named;
use super::{Adoption, Difference, Weight};
use crate::database::describe::{Block, Kind};

/// Roles that come in from outside.
const OUTSIDE: &[&str] = &["public", "anon", "authenticated"];

impl Adoption<'_> {
    pub(super) async fn enable_row_security(&mut self, block: &Block) -> Result<(), sqlx::Error> {
        if self.found.find(Kind::RowSecurity, &block.of, "").is_some() {
            return Ok(());
        }
        let kept_out = self.kept_out(&block.of).await?;
        if !kept_out.is_empty() {
            self.stay_open(&block.of, &kept_out);
            return Ok(());
        }
        if self.add(named(block), &block.sql, Weight::Blocks).await? {
            self.report.differ(Difference {
                object: block.of.clone(),
                there: "row level security was off".into(),
                expected: "on: from now on anon and authenticated see only what policies let them see".into(),
                weight: Weight::Warns,
                mend: "see that your pages still find what they need; the service role is not concerned"
                    .into(),
            });
        }
        Ok(())
    }

    /// Row level security stays off: it would show no row any more to who works with the table by now.
    fn stay_open(&mut self, table: &str, kept_out: &[String]) {
        let roles = kept_out.join(", ");
        let have = self.found.find(Kind::Grants, table, "").map(grants).unwrap_or_default();
        let outside: BTreeSet<&str> = have.iter().map(|grant| &*grant.role).collect();
        let outside: Vec<&str> = OUTSIDE.iter().copied().filter(|role| outside.contains(role)).collect();
        let closed = match outside.is_empty() {
            true => "anon and authenticated have no grant and stay outside".to_owned(),
            false => format!("{} reach every row by the grants they have, as before", outside.join(" and ")),
        };
        self.report.differ(Difference {
            object: format!("row security {table}"),
            there: format!(
                "LEFT OFF: it would keep out {roles}, who work with the table by grants; {closed}"
            ),
            expected: "on, with thendo's policies".into(),
            weight: Weight::Warns,
            mend: format!(
                "alter table {table} enable row level security; create policy own_backend on {table} \
                 for all to {roles} using (true) with check (true)"
            ),
        });
        self.open.push(table.to_owned());
    }

    pub(super) async fn meet_policy(&mut self, block: &Block) -> Result<(), sqlx::Error> {
        if let Some(there) = self.found.find(Kind::Policy, &block.of, &block.name) {
            if there.sql != block.sql {
                let there = there.sql.clone();
                self.keep_policy(block, there, "a policy of that name was kept");
            }
            return Ok(());
        }
        let own = self.own_policies(&block.of);
        if own.is_empty() || !roles_of(&block.sql).iter().any(|role| OUTSIDE.contains(role)) {
            return self.add(named(block), &block.sql, Weight::Warns).await.map(drop);
        }
        let there = format!("not added: the table has policies of its own ({})", own.join(", "));
        self.keep_policy(block, there, "see that yours let in those that thendo's would, and nobody else");
        Ok(())
    }

    fn keep_policy(&mut self, block: &Block, there: String, mend: &str) {
        self.report.differ(Difference {
            object: named(block),
            there,
            expected: block.sql.clone(),
            weight: Weight::Warns,
            mend: mend.into(),
        });
    }

    /// Names of policies for outside roles that thendo did not make.
    fn own_policies(&self, table: &str) -> Vec<String> {
        let there = self.found.all(Kind::Policy, table);
        there
            .filter(|policy| roles_of(&policy.sql).iter().any(|role| OUTSIDE.contains(role)))
            .filter(|policy| !self.expected.blocks.contains(policy))
            .map(|policy| policy.name.clone())
            .collect()
    }

    /// Grants on what is there: none is taken away, and nobody outside gets more where others decide.
    pub(super) async fn meet_grants(&mut self, block: &Block) -> Result<(), sqlx::Error> {
        let found = self.found.find(block.kind, &block.of, &block.name);
        let have = found.map(grants).unwrap_or_default();
        let want = grants(block);
        let open = self.open.contains(&block.of);
        let closed_to_us =
            open || !self.own_policies(&block.of).is_empty() || self.is_another_function(&block.of);
        let missing = want.iter().filter(|grant| !have.iter().any(|there| there.covers(grant)));
        for (role, on, privileges) in by_role(missing) {
            let sql = format!("grant {} on {on} to {role}", privileges.join(", "));
            if closed_to_us && OUTSIDE.contains(&role) {
                self.report.differ(Difference {
                    object: format!("grant on {on} to {role}"),
                    there: format!("{} is not granted", privileges.join(", ")),
                    expected: "granted".into(),
                    weight: Weight::Note,
                    mend: match open {
                        true => format!("only once row level security is on: {sql}"),
                        false => format!("what decides there is your own; if it is meant: {sql}"),
                    },
                });
            } else {
                self.add(sql.clone(), &sql, Weight::Warns).await?;
            }
        }
        let more = have.iter().filter(|grant| OUTSIDE.contains(&&*grant.role));
        let more = more.filter(|grant| !want.iter().any(|expected| expected.covers(grant)));
        let told: Vec<Difference> = by_role(more).into_iter().map(too_much).collect();
        self.report.differences.extend(told);
        Ok(())
    }

    /// Whether a function of that signature was there with another body.
    fn is_another_function(&self, of: &str) -> bool {
        let body = |blocks: &[Block]| {
            let is = |block: &&Block| {
                matches!(block.kind, Kind::Function | Kind::FunctionOfRows) && block.of == of
            };
            blocks.iter().find(is).map(|block| block.sql.clone())
        };
        body(&self.found.blocks) != body(&self.expected.blocks)
    }
}

/// Privileges gathered by role and object.
fn by_role<'a>(grants: impl Iterator<Item = &'a Grant>) -> Vec<(&'a str, &'a str, Vec<&'a str>)> {
    let mut all: Vec<(&str, &str, Vec<&str>)> = Vec::new();
    for grant in grants {
        match all.iter_mut().find(|(role, on, _)| *role == grant.role && *on == grant.on) {
            Some((_, _, privileges)) => privileges.push(&grant.privilege),
            None => all.push((&grant.role, &grant.on, vec![&grant.privilege])),
        }
    }
    all
}

fn too_much((role, on, privileges): (&str, &str, Vec<&str>)) -> Difference {
    let privileges = privileges.join(", ");
    Difference {
        object: format!("grant on {on} to {role}"),
        mend: format!("if nothing of yours needs it: revoke {privileges} on {on} from {role}"),
        there: privileges,
        expected: "not granted".into(),
        weight: Weight::Warns,
    }
}

/// One privilege of one role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Grant {
    /// `select`, or `update (name, phone)`.
    privilege: String,
    on: String,
    role: String,
}

impl Grant {
    /// Whether who has this one has the other: the whole table covers some of its columns.
    fn covers(&self, other: &Self) -> bool {
        let whole = other.privilege.split(" (").next();
        self.on == other.on
            && self.role == other.role
            && (self.privilege == other.privilege || Some(&*self.privilege) == whole)
    }
}

fn grants(block: &Block) -> BTreeSet<Grant> {
    let mut all = BTreeSet::new();
    for statement in block.statements() {
        let Some((privileges, rest)) =
            statement.strip_prefix("grant ").and_then(|rest| rest.split_once(" on "))
        else {
            continue;
        };
        let Some((on, role)) = rest.rsplit_once(" to ") else { continue };
        let several =
            if privileges.contains('(') { vec![privileges] } else { privileges.split(", ").collect() };
        for privilege in several {
            all.insert(Grant { privilege: privilege.into(), on: on.into(), role: role.into() });
        }
    }
    all
}

/// The roles that a policy is for.
fn roles_of(sql: &str) -> Vec<&str> {
    let second = sql.lines().nth(1).unwrap_or_default().trim_end_matches(';');
    second.split_once(" to ").map(|(_, roles)| roles.split(", ").collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_on_the_table_covers_its_columns() {
        let block = |sql: &str| Block {
            kind: Kind::Grants,
            of: "public.x".into(),
            name: String::new(),
            sql: format!("revoke all on public.x from public;\n{sql};"),
        };
        let whole = grants(&block("grant select, update on public.x to anon"));
        let part = grants(&block("grant update (a, b) on public.x to anon"));
        assert_eq!(whole.len(), 2);
        assert!(part.iter().all(|part| whole.iter().any(|whole| whole.covers(part))));
        assert!(!whole.iter().all(|whole| part.iter().any(|part| part.covers(whole))));
    }

    #[test]
    fn a_policys_roles_are_on_its_second_line() {
        assert_eq!(
            roles_of(
                "create policy \"a to b\" on public.x\n    for all to anon, thendo_engine\n    using (true);"
            ),
            ["anon", "thendo_engine"]
        );
    }
}
