//! docs/states.md and the CHECKs of the database list the same values.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::Shop;

type States = BTreeMap<String, BTreeSet<String>>;

/// `### table.column`, and below it a table whose first cells are the values.
fn documented() -> States {
    let mut found = States::new();
    let mut column = String::new();
    for line in include_str!("../../docs/states.md").lines() {
        if let Some(heading) = line.strip_prefix("### `") {
            heading.trim_end_matches('`').clone_into(&mut column);
            assert!(found.insert(column.clone(), BTreeSet::new()).is_none(), "{column} is there twice");
        } else if let Some((value, rest)) = line.strip_prefix("| `").and_then(|rest| rest.split_once('`')) {
            let said = rest.split('|').filter(|cell| !cell.trim().is_empty()).count();
            assert_eq!(said, 2, "{column}: {value}: what it means and who moves it there");
            assert!(
                found.get_mut(&column).expect("a heading").insert(value.to_owned()),
                "{column}: {value} is there twice"
            );
        }
    }
    found
}

#[tokio::test]
async fn every_state_of_the_database_is_in_the_document_and_the_other_way_round() {
    let shop = Shop::open().await;
    // A CHECK on one column that compares it with texts and nothing else.
    let sql = r"select c.relname || '.' || a.attname, literal[1]
        from pg_constraint k
        join pg_class c on c.oid = k.conrelid and not c.relispartition
        join pg_attribute a on a.attrelid = c.oid and k.conkey = array[a.attnum],
        lateral (select pg_get_constraintdef(k.oid) as says) as definition,
        regexp_matches(says, '''([^'']*)''::text', 'g') as literal
        where k.contype = 'c' and k.connamespace = 'public'::regnamespace
          and says ~ ('^CHECK \(\(' || a.attname || ' (= ANY \(ARRAY\[.*\]\)|<@ ARRAY\[.*\]|= ''[^'']*''::text)\)\)$')
        union select c.relname || '.' || a.attname, literal[1]
        from pg_constraint k
        join pg_attribute a on a.atttypid = k.contypid
        join pg_class c on c.oid = a.attrelid and not c.relispartition,
        regexp_matches(pg_get_constraintdef(k.oid), '''([^'']*)''::text', 'g') as literal
        where k.contype = 'c' and k.connamespace = 'public'::regnamespace";
    let mut checked = States::new();
    for row in shop.db.query(sql, &[]).await.expect("checks") {
        checked.entry(row.get(0)).or_default().insert(row.get(1));
    }
    let documented = documented();
    assert_eq!(checked, documented, "the database (left) and docs/states.md (right)");
    let values: usize = documented.values().map(BTreeSet::len).sum();
    println!("{} columns with {values} values", documented.len());
}

#[tokio::test]
async fn no_state_is_free_text() {
    let shop = Shop::open().await;
    // Named like a state, and neither a list of values nor something else by its type.
    let sql = "select coalesce(string_agg(format('%s.%s', c.relname, a.attname), ', ' order by c.relname), '')
        from pg_attribute a join pg_class c on c.oid = a.attrelid
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
          and a.atttypid in ('text'::regtype, 'varchar'::regtype)
          and a.attname ~ '(^|_)(status|state|health|mode|decision|purpose|operation|role|consent|stage|phase|recorded)$'
          and not exists (select from pg_constraint k where k.conrelid = c.oid and k.contype = 'c' and a.attnum = any (k.conkey))";
    let found: String = shop.db.query_one(sql, &[]).await.expect("a list").get(0);
    assert_eq!(found, "");
}
