//! Which role a connection works as, and whether the roles can be had.

use sqlx::PgConnection;

use super::describe::{Block, EXPECTED, Kind, Schema};

/// What a connection may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// All that the user of the connection string may: commands that people run, migrations.
    Login,
    /// What the engine's statements need, and no more: the daemon.
    Engine,
    /// What the API's operations need, and no more: who comes to the daemon.
    Api,
}

impl Role {
    /// Sent after connecting: poolers refuse such settings as start-up options.
    pub(super) fn taken(self) -> &'static str {
        match self {
            Self::Login => "",
            Self::Engine => "; set role thendo_engine",
            Self::Api => "; set statement_timeout = '8s'; set lock_timeout = '3s'; set role thendo_api",
        }
    }
}

/// The roles that the daemon takes.
const TAKEN: [&str; 2] = ["thendo_engine", "thendo_api"];

/// What to do when the role can't be taken, if that is what `reason` says.
pub(super) fn help(reason: &str) -> Option<String> {
    let role = TAKEN.into_iter().find(|role| reason.contains(role))?;
    Some(if reason.contains("permission denied") {
        format!("give the daemon's user the role, as its owner: grant {role} to USER")
    } else {
        "run `thendo migrate`: it makes the roles that the daemon works as".into()
    })
}

/// What keeps the user from having the roles that the migrations need, if something does; and what to do about it.
///
/// # Errors
/// When the database can't be asked.
pub(super) async fn lacking(connection: &mut PgConnection) -> Result<Option<(String, String)>, sqlx::Error> {
    let sql = "with me as (select rolsuper, rolcreaterole, current_setting('server_version_num')::int >= 160000 as since_16
                             from pg_roles where rolname = current_user),
                    taken as (select oid, rolname from pg_roles where rolname = any ($1))
        select current_user::text,
               case when me.rolsuper or me.rolcreaterole then '{}' else
                   array(select w from unnest(array['anon', 'authenticated', 'service_role'] || $1) w
                          where not exists (select from pg_roles where rolname = w)) end as missing,
               case when me.rolsuper or (me.rolcreaterole and not me.since_16) then '{}' else
                   array(select rolname::text from taken
                          where not pg_has_role(oid, case when me.since_16 then 'set' else 'member' end)
                            and not pg_has_role(oid, 'member with admin option') order by rolname desc) end as not_becoming
          from me";
    let (user, missing, not_becoming): (String, Vec<String>, Vec<String>) =
        sqlx::query_as(sql).bind(TAKEN.map(str::to_owned).to_vec()).fetch_one(connection).await?;
    if !missing.is_empty() {
        let help =
            "connect as a user who may create roles (on Supabase: `postgres`), or have a superuser run: ";
        let made =
            missing.iter().map(|role| format!("create role {role} nologin noinherit; ")).collect::<String>();
        return Ok(Some((
            format!("{user} may not create roles, and these are missing: {}", missing.join(", ")),
            format!("{help}{made}grant {} to \"{user}\"", TAKEN.join(", ")),
        )));
    }
    let roles = not_becoming.join(", ");
    Ok((!not_becoming.is_empty()).then(|| {
        (
            format!("{user} may not become {roles}"),
            format!("have a superuser, or who made that role, run: grant {roles} to \"{user}\""),
        )
    }))
}

/// What gives the engine's role back what it has of a table of thendo's own, as statements; empty for any other table.
pub fn rights_of_engine(table: &str) -> String {
    let (schema, of) = (Schema::read(EXPECTED), format!("public.{table}"));
    let grants = schema.all(Kind::Grants, &of).flat_map(Block::statements);
    let grants = grants.filter(|sql| sql.starts_with("grant") && sql.ends_with(" to thendo_engine"));
    let policies = schema.all(Kind::Policy, &of).flat_map(Block::statements);
    let policies = policies.filter(|sql| sql.contains(" to thendo_engine\n"));
    let words = |sql: &str| sql.split_whitespace().collect::<Vec<_>>().join(" ");
    grants.chain(policies).map(words).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_the_engine_has_of_a_table_can_be_given_back() {
        let rights = super::rights_of_engine("deposits");
        assert!(
            rights.starts_with("grant select, insert, update on public.deposits to thendo_engine; "),
            "{rights}"
        );
        assert!(rights.contains(
            "create policy engine_insert on public.deposits for insert to thendo_engine with check (true)"
        ));
        assert!(!rights.contains("authenticated"), "{rights}");
        assert_eq!(super::rights_of_engine("no_such_table"), "");
    }

    #[test]
    fn a_role_that_cant_be_taken_says_what_to_do() {
        let told = |reason| super::help(reason).unwrap_or_default();
        assert!(told("role \"thendo_engine\" does not exist").contains("thendo migrate"));
        assert!(told("permission denied to set role \"thendo_engine\"").contains("grant thendo_engine"));
        assert_eq!(told("password authentication failed"), "");
    }
}
