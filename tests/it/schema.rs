//! The schema, the statements that use it, and what the compiler believes of it agree.

use crate::support::Shop;

#[tokio::test]
async fn every_statement_of_the_data_plane_prepares() {
    let shop = Shop::open().await;
    let mut names = std::collections::HashSet::new();
    for sql in thendo::store::statements() {
        assert!(names.insert(sql.name), "{} is there twice", sql.name);
        shop.db.prepare(sql.text).await.unwrap_or_else(|e| panic!("{}: {e:?}", sql.name));
    }
}

#[tokio::test]
async fn every_table_and_function_says_what_it_is_for() {
    let shop = Shop::open().await;
    let silent = "select coalesce(string_agg(c.relname, ', '), '') from pg_class c
                  join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'public'
                  where c.relkind in ('r', 'p', 'v', 'm') and not c.relispartition and c.relname <> '_sqlx_migrations'
                  and obj_description(c.oid, 'pg_class') is null";
    assert_eq!(shop.db.query_one(silent, &[]).await.expect("a list").get::<_, String>(0), "");
    let silent = "select coalesce(string_agg(p.proname, ', '), '') from pg_proc p
                  join pg_namespace n on n.oid = p.pronamespace and n.nspname = 'public'
                  left join pg_depend d on d.objid = p.oid and d.deptype = 'e'
                  where d.objid is null and (obj_description(p.oid, 'pg_proc') is null
                     or not (p.prosqlbody is not null or p.proname = 'mail_stop' or coalesce(array_to_string(p.proconfig, ','), '') like '%search_path=%'))";
    assert_eq!(shop.db.query_one(silent, &[]).await.expect("a list").get::<_, String>(0), "");
}

#[tokio::test]
async fn a_fresh_migration_has_nothing_left_to_do() {
    let shop = Shop::open().await;
    let run = |args: &[&str]| {
        crate::support::server::thendo()
            .args(args)
            .args(["--database-url", &shop.url])
            .output()
            .expect("the binary")
    };
    assert!(run(&["migrate", "--check"]).status.success());
    assert!(run(&["migrate"]).status.success(), "a second run is harmless");
    shop.db.execute("delete from _sqlx_migrations where version = 85", &[]).await.expect("forgotten");
    let check = run(&["migrate", "--check"]);
    assert_eq!(check.status.code(), Some(1), "{}", String::from_utf8_lossy(&check.stderr));
}

#[tokio::test]
async fn what_conditions_and_templates_may_name_is_what_the_tables_have() {
    use thendo::workflow::subjects::{ALL, FieldType};
    let shop = Shop::open().await;
    // Every table whose changes are events, so that a workflow which looks at any of them is checked.
    let recorded = shop
        .db
        .query("select table_name from event_tables where recorded <> 'none' order by 1", &[])
        .await
        .expect("tables");
    let recorded: Vec<String> = recorded.iter().map(|row| row.get(0)).collect();
    let mut known: Vec<&str> = ALL.iter().map(|subject| subject.table).collect();
    known.sort_unstable();
    assert_eq!(recorded, known);
    for subject in ALL {
        let columns = shop
            .db
            .query(
                "select a.attname::text, format_type(a.atttypid, a.atttypmod),
                        a.attnotnull and not a.atthasdef and a.attidentity = ''
                   from pg_attribute a where a.attrelid = to_regclass(format('public.%I', $1::text)) and a.attnum > 0
                    and not a.attisdropped and a.attname <> all (hidden_columns_of(a.attrelid,
                        (select t.hidden_columns from event_tables t where t.table_name = $1::text)))",
                &[&subject.table],
            )
            .await
            .expect("columns");
        assert!(!columns.is_empty(), "{} is no table", subject.table);
        let mut unknown: Vec<&str> = subject.fields.iter().map(|field| field.name).collect();
        for column in &columns {
            let (name, of_type, required): (String, String, bool) =
                (column.get(0), column.get(1), column.get(2));
            let field =
                subject.field(&name).unwrap_or_else(|| panic!("{}.{name} is no field", subject.table));
            let fits: &[FieldType] = match of_type.as_str() {
                "uuid" => &[FieldType::Id],
                "text" => &[FieldType::Text, FieldType::Id],
                "bigint" | "integer" | "smallint" => &[FieldType::Money, FieldType::Integer],
                "numeric" => &[FieldType::Number],
                "timestamp with time zone" => &[FieldType::Time],
                "jsonb" => &[FieldType::Json],
                "text[]" => &[FieldType::List],
                "boolean" => &[FieldType::Boolean],
                other => panic!("{}.{name}: what is a {other}?", subject.table),
            };
            assert!(fits.contains(&field.ty), "{}.{name} is a {of_type}", subject.table);
            // A row's customer is told by the event's `customer`.
            assert_eq!(field.required, required && name != "customer_id", "{}.{name}", subject.table);
            unknown.retain(|known| *known != name);
        }
        assert!(unknown.is_empty(), "{} has no {unknown:?}", subject.table);
    }
}
