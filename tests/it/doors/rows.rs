//! The rows on both sides of every door: `rows.sql`, read and put in place.

use std::collections::BTreeMap;

use tokio_postgres::Client;
use uuid::Uuid;

const STATEMENTS: &str = include_str!("rows.sql");

/// Which of a table's two rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// User A's, or what is public.
    Near,
    /// User B's, or what is not.
    Far,
}

pub const SIDES: [Side; 2] = [Side::Near, Side::Far];

/// An id of that name: the same wherever it is named, another one on the other side.
pub fn id(name: &str, side: Side) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{name} {side:?}").as_bytes())
}

/// A table or view, and how to make its rows.
pub struct Template {
    pub table: String,
    /// What the near and the far row are. There is no far one where this is empty.
    pub what: [String; 2],
    /// The heading above it: `--- HEADING`.
    pub heading: Option<String>,
    statement: String,
}

impl Template {
    /// All of `rows.sql`, in its order.
    pub fn all() -> Vec<Self> {
        let mut found = Vec::new();
        let (mut what, mut heading) = (None, None);
        let mut statement = String::new();
        for line in STATEMENTS.lines() {
            if let Some(title) = line.strip_prefix("--- ") {
                heading = Some(title.to_owned());
                continue;
            }
            if let Some(comment) = line.strip_prefix("-- ") {
                let (near, far) = comment.split_once('|').unwrap_or((comment, comment));
                what = Some([near.trim().to_owned(), far.trim().to_owned()]);
                continue;
            }
            statement.push_str(line);
            statement.push(' ');
            if let Some(whole) = statement.trim().strip_suffix(';') {
                let table = whole.split_whitespace().nth(2).expect("insert into TABLE").trim_matches('"');
                let what = what.take().unwrap_or_else(|| panic!("{table}: nothing says what its rows are"));
                found.push(Self {
                    table: table.to_owned(),
                    what,
                    heading: heading.take(),
                    statement: whole.to_owned(),
                });
                statement.clear();
            }
        }
        found
    }

    pub fn sides(&self) -> &'static [Side] {
        if self.what[1].is_empty() { &SIDES[..1] } else { &SIDES }
    }

    /// The statement that makes one row.
    pub fn insert(&self, side: Side) -> String {
        let mut filled = String::new();
        let mut rest = self.statement.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let (inside, after) = after.split_once('}').expect("a closing brace");
            filled.push_str(before);
            if inside.is_empty() || inside.starts_with('"') {
                filled.push_str(&format!("{{{inside}}}")); // JSON
            } else if let Some((near, far)) = inside.split_once('|') {
                filled.push_str(if side == Side::Near { near } else { far });
            } else {
                filled.push_str(&format!("'{}'", id(inside, side)));
            }
            rest = after;
        }
        filled + rest
    }

    /// The same with further columns, all of them set to what is given.
    pub fn insert_with(&self, side: Side, columns: &str, values: &str) -> String {
        self.insert(side).replacen('(', &format!("({columns}, "), 1).replacen(
            "values (",
            &format!("values ({values}, "),
            1,
        )
    }

    /// `column = value` of the first column: what tells the rows of a view apart.
    fn first_pair(&self, side: Side) -> String {
        let filled = self.insert(side);
        let column = filled.split(['(', ',', ')']).nth(1).expect("a column");
        let value =
            filled.split("values (").nth(1).expect("values").split([',', ')']).next().expect("a value");
        format!("{column} = {value}")
    }
}

/// A table with its rows in place.
pub struct Table {
    pub template: Template,
    /// Its name as SQL wants it.
    pub name: String,
    /// What finds the near and the far row.
    pub finds: Vec<String>,
    /// A column that an update can set to itself; none where nothing can be updated.
    touchable: Option<String>,
    /// By role: columns that it may both read and update, and columns that it may insert.
    grants: BTreeMap<String, (Vec<String>, Vec<String>)>,
    pub can_insert: bool,
    pub can_delete: bool,
    pub is_view: bool,
}

/// What keeps a row from being deleted, for a reason that has nothing to do with who asks.
pub fn out_of_the_way(table: &str) -> &'static str {
    match table {
        "customers" => {
            "delete from quotes; delete from subscriptions; delete from deposits; delete from orders;"
        }
        "orders" => "delete from deposits;",
        _ => "",
    }
}

/// Makes users A, B and an admin, and all rows of `rows.sql`; `db` is a superuser's.
pub async fn put_in_place(db: &Client) -> Vec<Table> {
    let [near, far, admin] = [id("user", Side::Near), id("user", Side::Far), admin()];
    // Medusa's rows are rows of their own here.
    db.batch_execute(&format!(
        "update medusa_mirror set orders = 'left', stock = 'left';
         insert into auth.users (id, email, email_confirmed_at) values ('{near}', 'near@example.com', now()),
             ('{far}', 'far@example.com', now()), ('{admin}', 'admin@example.com', now());
         insert into user_roles (user_id, role) values ('{admin}', 'admin')"
    ))
    .await
    .expect("accounts");
    let mut tables = Vec::new();
    for template in Template::all() {
        tables.push(Table::placed(db, template).await);
    }
    db.batch_execute("refresh materialized view page_view_stats").await.expect("refreshed");
    tables
}

/// The admin's account.
pub fn admin() -> Uuid {
    id("admin", Side::Near)
}

impl Table {
    async fn placed(db: &Client, template: Template) -> Self {
        let name = format!("{:?}", template.table);
        // 4, 8 and 16: what PostgreSQL could do to it, whoever asks; triggers of views count.
        let sql = "select c.relkind in ('v', 'm'), pg_relation_is_updatable(c.oid, true),
                (select quote_ident(a.attname) from pg_attribute a where a.attrelid = c.oid and a.attnum > 0
                    and a.attidentity <> 'a' and a.attgenerated = ''
                    -- One that is granted by itself is granted to whoever has the table, too.
                    order by not exists (select from aclexplode(a.attacl) g where g.privilege_type = 'UPDATE'), a.attnum limit 1),
                coalesce((select array_agg(a.attname::text) from pg_index i
                    join pg_attribute a on a.attrelid = c.oid and a.attnum = any (i.indkey)
                   where i.indrelid = c.oid and i.indisprimary), '{}')
            from pg_class c where c.oid = $1::text::regclass";
        let row = db.query_one(sql, &[&format!("public.{name}")]).await.expect("the table");
        let (is_view, can, touchable): (bool, i32, String) = (row.get(0), row.get(1), row.get(2));
        let mut finds = Vec::new();
        for side in template.sides() {
            finds.push(if is_view {
                template.first_pair(*side)
            } else {
                row_of(db, &template, *side, &name, &row.get::<_, Vec<String>>(3)).await
            });
        }
        Self {
            grants: grants(db, &format!("public.{name}")).await,
            touchable: (can & 4 != 0).then_some(touchable),
            can_insert: can & 8 != 0,
            can_delete: can & 16 != 0,
            finds,
            is_view,
            name,
            template,
        }
    }
}

impl Table {
    /// The column that `role` tries to update: the first that it may, else the first there is.
    pub fn touched_by(&self, role: &str) -> Option<&String> {
        let first = self.touchable.as_ref()?;
        let may = &self.grants[role].0;
        Some(if may.contains(first) { first } else { may.first().unwrap_or(first) })
    }

    /// The statement that `role` tries to insert a row by: with those columns that it may write; with all if that is none.
    pub fn inserted_by(&self, role: &str, side: Side) -> String {
        let whole = self.template.insert(side);
        let (head, rest) = whole.split_once(" (").expect("columns");
        let (columns, values) = rest.split_once(") values (").expect("values");
        let (values, tail) = values.rsplit_once(')').expect("the end");
        let may = &self.grants[role].1;
        let pairs = columns
            .split(", ")
            .zip(split(values))
            .filter(|pair| may.iter().any(|may| may == pair.0.trim_matches('"')));
        let (columns, values): (Vec<_>, Vec<_>) = pairs.unzip();
        match columns.is_empty() {
            true => whole,
            false => format!("{head} ({}) values ({}){tail}", columns.join(", "), values.join(", ")),
        }
    }
}

/// A list of values, each by itself: commas in quotes and in brackets part nothing.
fn split(values: &str) -> Vec<&str> {
    let (mut found, mut begin, mut depth, mut quoted) = (Vec::new(), 0, 0, false);
    for (at, letter) in values.char_indices() {
        match letter {
            '\'' => quoted = !quoted,
            '(' | '[' | '{' if !quoted => depth += 1,
            ')' | ']' | '}' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => {
                found.push(values[begin..at].trim());
                begin = at + 1;
            }
            _ => {}
        }
    }
    found.push(values[begin..].trim());
    found
}

async fn grants(db: &Client, name: &str) -> BTreeMap<String, (Vec<String>, Vec<String>)> {
    let sql = "select r.rolname::text,
            coalesce(array_agg(quote_ident(a.attname) order by a.attnum) filter (where has_column_privilege(r.oid, a.attrelid, a.attnum, 'update')
                and has_column_privilege(r.oid, a.attrelid, a.attnum, 'select') and a.attidentity <> 'a' and a.attgenerated = ''), '{}'),
            coalesce(array_agg(a.attname::text order by a.attnum) filter (where has_column_privilege(r.oid, a.attrelid, a.attnum, 'insert')), '{}')
        from pg_attribute a cross join pg_roles r
        where a.attrelid = $1::text::regclass and a.attnum > 0 and not a.attisdropped
          and r.rolname = any ('{anon,authenticated,service_role,thendo_engine,thendo_api}') group by 1";
    let rows = db.query(sql, &[&name]).await.expect("grants");
    rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect()
}

/// Makes the row, unless the migrations made the only one, and says what finds it.
async fn row_of(db: &Client, template: &Template, side: Side, name: &str, key: &[String]) -> String {
    assert!(!key.is_empty(), "{name} has no primary key");
    let pairs =
        key.iter().map(|column| format!("'{column} = ' || quote_literal(made.{column})")).collect::<Vec<_>>();
    let found = format!("concat_ws(' and ', {})", pairs.join(", "));
    let sql = if template.sides().len() == 1 {
        format!("select {found} from {name} made")
    } else {
        // The table's own name may be a word of SQL; `returning` knows no other name before 18.
        let insert =
            template.insert(side).replacen(&format!("into {}", template.table), &format!("into {name}"), 1);
        format!("with made as ({insert} returning *) select {found} from made")
    };
    db.query_one(&sql, &[]).await.unwrap_or_else(|e| panic!("{sql}: {e:?}")).get(0)
}
