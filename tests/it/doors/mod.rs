//! Every table × role × action is tried and compared with `doors.txt`, and every policy is shown to be needed.

mod attempts;
mod matrix;
mod rows;

use std::collections::BTreeSet;

use tokio_postgres::Client;

use crate::support::Shop;
use matrix::{Action, Cells, Who, all_cells, drawn};
use rows::{Table, put_in_place};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/doors.txt");

/// A line of the file without its explanation, and its table.
fn lines(text: &str) -> Vec<(&str, &str)> {
    let rows = text.lines().filter(|line| !line.starts_with(['#', ' ']) && !line.is_empty());
    rows.map(|line| (line.split(' ').next().unwrap_or_default(), line)).collect()
}

#[tokio::test]
async fn each_role_comes_through_the_doors_of_the_file_and_no_others() {
    are_as_in_the_file(&Shop::open().await).await;
}

#[tokio::test]
#[ignore = "needs a newer PostgreSQL: make test"]
async fn the_doors_of_a_newer_postgresql_are_the_same() {
    are_as_in_the_file(&Shop::open_on_newer().await).await;
}

async fn are_as_in_the_file(shop: &Shop) {
    every_relation_has_its_rows(&shop.db).await;
    let tables = put_in_place(&shop.db).await;
    shop.db.batch_execute("begin").await.expect("begun");
    let mut tried = 0;
    let cells = all_cells(&shop.db, &tables, &mut tried).await;
    let found = drawn(&tables, &cells);
    println!("{tried} attempts for {} cells of {} tables and views", cells.len(), tables.len());
    if std::env::var_os("UPDATE_DOORS").is_some() {
        std::fs::write(FILE, &found).expect("written");
        return;
    }
    let expected = std::fs::read_to_string(FILE).expect("doors.txt");
    let (expected, found) = (lines(&expected), lines(&found));
    let mut faults = String::new();
    for line in expected.iter().filter(|line| !found.contains(line)) {
        faults += &format!("expected  {}\n", line.1);
        for actual in found.iter().filter(|actual| actual.0 == line.0) {
            faults += &format!("actual    {}\n", actual.1);
        }
    }
    for line in found.iter().filter(|line| expected.iter().all(|other| other.0 != line.0)) {
        faults += &format!("actual    {}\n          (has no line in doors.txt)\n", line.1);
    }
    assert!(
        faults.is_empty(),
        "\n{faults}If that is as it should be: UPDATE_DOORS=1 cargo test --test it doors"
    );
}

/// A table without rows to try, and rows without a table. Months' partitions are made like the default ones.
async fn every_relation_has_its_rows(db: &Client) {
    let sql = r"select relname::text from pg_class where relnamespace = 'public'::regnamespace
        and relkind in ('r', 'p', 'v', 'm', 'f') and not (relispartition and relname ~ '_\d{4}_\d\d$')";
    let there: BTreeSet<String> =
        db.query(sql, &[]).await.expect("a list").iter().map(|row| row.get(0)).collect();
    let known: BTreeSet<String> = rows::Template::all().into_iter().map(|template| template.table).collect();
    let missing: Vec<_> = there.symmetric_difference(&known).collect();
    assert!(
        missing.is_empty(),
        "in the database or in tests/it/doors/rows.sql, but not in both: {missing:?}"
    );
}

/// A policy as the catalog has it.
struct Policy {
    table: String,
    name: String,
    action: Action,
    /// Who of ours has its role.
    concerns: Vec<Who>,
    /// It says `true`.
    is_open: bool,
}

async fn policies(db: &Client) -> Vec<Policy> {
    let sql = "select tablename::text, policyname::text, cmd, roles[1]::text,
            coalesce(qual, 'true') = 'true' and coalesce(with_check, 'true') = 'true', cardinality(roles) = 1
        from pg_policies where schemaname = 'public' order by 1, 2";
    let rows = db.query(sql, &[]).await.expect("policies");
    let found = rows.iter().map(|row| {
        let (table, name, role): (String, String, String) = (row.get(0), row.get(1), row.get(3));
        assert!(row.get::<_, bool>(5), "{table}: {name} is for several roles");
        let action = match row.get(2) {
            "SELECT" => Action::Select,
            "INSERT" => Action::Insert,
            "UPDATE" => Action::Update,
            "DELETE" => Action::Delete,
            other => panic!("{table}: {name} is for {other}"),
        };
        let concerns: Vec<_> = matrix::EVERYONE.into_iter().filter(|who| who.role() == role).collect();
        assert!(!concerns.is_empty(), "{table}: {name} is for {role}, whom the matrix does not know");
        Policy { table, name, action, concerns, is_open: row.get(4) }
    });
    found.collect()
}

impl Policy {
    /// The cells that it decides.
    async fn cells(&self, db: &Client, tables: &[Table], tried: &mut usize) -> Cells {
        let table = tables.iter().find(|table| table.template.table == self.table).expect("its table");
        let mut cells = Cells::new();
        for who in &self.concerns {
            let sign = table.cell(db, *who, self.action, tried).await;
            cells.insert((self.table.clone(), *who, self.action), sign);
        }
        cells
    }

    fn opened(&self) -> String {
        let says = match self.action {
            Action::Select | Action::Delete => "using (true)",
            Action::Insert => "with check (true)",
            Action::Update => "using (true) with check (true)",
        };
        format!(r#"alter policy {} on "{}" {says};"#, self.name, self.table)
    }
}

#[tokio::test]
async fn every_policy_is_needed_and_none_is_wide_open_unnoticed() {
    let shop = Shop::open().await;
    let db = &shop.db;
    let tables = put_in_place(db).await;
    let policies = policies(db).await;
    let (mut tried, mut faults) = (0, Vec::new());
    db.batch_execute("begin").await.expect("begun");
    for policy in &policies {
        // What changes or deletes a row must see it too: whether this policy counts shows where all are seen.
        let readers = policies.iter().filter(|other| {
            matches!(policy.action, Action::Update | Action::Delete)
                && (&other.table, &other.concerns, other.action)
                    == (&policy.table, &policy.concerns, Action::Select)
        });
        let seen: String = readers.map(Policy::opened).collect();
        db.batch_execute(&format!("savepoint policy; {seen}")).await.expect("seen");
        let as_it_is = policy.cells(db, &tables, &mut tried).await;
        let dropped = format!(r#"drop policy {} on "{}""#, policy.name, policy.table);
        let opened = (!policy.is_open).then(|| policy.opened());
        for mutation in [Some(dropped), opened].into_iter().flatten() {
            db.batch_execute(&format!("savepoint mutant; {mutation}")).await.expect("mutated");
            if policy.cells(db, &tables, &mut tried).await == as_it_is {
                faults.push(format!("nothing changes by: {mutation}"));
            }
            db.batch_execute("rollback to savepoint mutant").await.expect("taken back");
        }
        db.batch_execute("rollback to savepoint policy; release savepoint policy").await.expect("taken back");
    }
    println!("{} policies, {tried} attempts", policies.len());
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}
