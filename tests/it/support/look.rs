//! A look at a whole database, as text.

use tokio_postgres::Client;

/// Every row of every table that is not the server's own: `schema.table: (row)`, a line each, sorted. Bytes are there
/// as they are too, so that nothing hides in them.
pub async fn whole_database(db: &Client) -> String {
    let tables = "select format('%I.%I', n.nspname, c.relname),
                         coalesce((select string_agg(format(' || '' '' || coalesce(encode(t.%I, ''escape''), '''')', a.attname), '')
                                     from pg_attribute a where a.attrelid = c.oid and a.atttypid = 'bytea'::regtype and a.attnum > 0), '')
                    from pg_class c join pg_namespace n on n.oid = c.relnamespace
                   where c.relkind in ('r', 'm') and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
                     and n.nspname not like 'pg\\_%' order by 1";
    let mut all = String::new();
    for table in db.query(tables, &[]).await.expect("tables") {
        let (name, bytes): (String, String) = (table.get(0), table.get(1));
        let sql = format!("select translate(t::text{bytes}, e'\\n\\r', '  ') from {name} t order by 1");
        for row in db.query(&sql, &[]).await.unwrap_or_else(|e| panic!("{sql}: {e:?}")) {
            all.push_str(&format!("{name}: {}\n", row.get::<_, String>(0)));
        }
    }
    assert!(all.contains("public._sqlx_migrations"), "the look sees nothing");
    all
}

/// The lines that hold this, in any case.
pub fn lines_with<'a>(all: &'a str, piece: &str) -> Vec<&'a str> {
    let piece = piece.to_lowercase();
    all.lines().filter(|line| line.to_lowercase().contains(&piece)).collect()
}
