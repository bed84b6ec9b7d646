//! Databases of others, in which thendo is a guest: what hosted Supabase has before anyone migrates, after the
//! SQL that builds it (supabase/postgres: init-scripts and migrations, its nix/tests; supabase/auth), and what
//! a plain hoster gives.

use std::process::Output;

use super::server::{Server, of, thendo};
use super::{Shop, connect, new_name};

/// What new tables in `public` get by themselves. A schema that names its grants ends the same under both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultGrants {
    /// Nothing: how new projects are, and all from October 2026.
    Revoked,
    /// Everything, for everyone who comes through the API: how projects used to be.
    OldProject,
}

/// Who migrates there. On Supabase its name is `postgres`, which is the superuser's on our servers.
pub const SUPABASE_MIGRATOR: &str = "supabase_postgres";

/// A database owner who may create roles, and nothing more.
pub const PLAIN_MIGRATOR: &str = "shop_owner";

/// A database, and who migrates it.
pub struct Guest {
    /// As the migrator.
    pub url: String,
    /// As a superuser.
    pub admin_url: String,
    server: Server,
    name: String,
}

impl Guest {
    /// As hosted Supabase hands over a project, not yet migrated.
    pub async fn of_supabase(server: Server, grants: DefaultGrants) -> Self {
        make_roles(server).await;
        let guest = Self::owned_by(server, SUPABASE_MIGRATOR).await;
        let admin = connect(&guest.admin_url).await;
        admin.batch_execute(PROJECT).await.expect("a project");
        if grants == DefaultGrants::OldProject {
            admin.batch_execute(OLD_DEFAULT_GRANTS).await.expect("default grants");
        }
        guest
    }

    /// As a plain hoster does it, not yet migrated: no superuser, no BYPASSRLS.
    pub async fn of_plain_owner(server: Server) -> Self {
        make_roles(server).await;
        Self::owned_by(server, PLAIN_MIGRATOR).await
    }

    async fn owned_by(server: Server, migrator: &str) -> Self {
        let name = new_name();
        let admin_url = server.create(&name, &format!("owner {migrator}")).await;
        let url = admin_url.replacen("user=postgres", &format!("user={migrator}"), 1);
        assert_ne!(url, admin_url);
        Self { url, admin_url, server, name }
    }

    /// `thendo migrate` as the migrator.
    pub fn migrates(&self) -> Output {
        thendo().args(["migrate", "--database-url", &self.url]).output().expect("the built binary")
    }

    /// A shop in it, once it is migrated. All that its connections and daemons do, they do as the migrator.
    pub async fn opens(mut self) -> Shop {
        Shop::in_database(self.server, std::mem::take(&mut self.name), self.url.clone()).await
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if !self.name.is_empty() {
            self.server.drop_database(&self.name);
        }
    }
}

/// Roles are the whole server's, and there for all tests: made by one at a time. thendo's own migrations may
/// make the API's at the same moment.
async fn make_roles(server: Server) {
    let admin = connect(&of(&server.url().await, "postgres")).await;
    // Ends with the connection. The lock is this database's, so that it is everyone's.
    admin
        .batch_execute("set lock_timeout = 0; select pg_advisory_lock(hashtext('roles of the tests'))")
        .await
        .expect("a turn");
    admin.batch_execute(ROLES).await.expect("roles");
}

const ROLES: &str = r#"
do $$
declare
    wanted record;
    grantee text;
begin
    for wanted in select * from (values
        ('supabase_admin', 'superuser nologin'),
        ('supabase_auth_admin', 'login noinherit createrole'),
        ('anon', 'nologin'),
        ('authenticated', 'nologin'),
        ('service_role', 'nologin bypassrls'),
        ('authenticator', 'login noinherit'),
        ('supabase_postgres', 'login nosuperuser createdb createrole replication bypassrls'),
        ('shop_owner', 'login nosuperuser createrole')) as role(name, attributes)
    loop
        begin
            if not exists (select 1 from pg_roles where rolname = wanted.name) then
                execute format('create role %I %s', wanted.name, wanted.attributes);
                if wanted.name = 'supabase_postgres' then
                    alter role supabase_postgres set search_path = "$user", public, extensions;
                end if;
            end if;
        exception when duplicate_object or unique_violation then
            null;
        end;
    end loop;
    -- Since 16 only who made a role hands it on: where the template made the engine's as superuser, it is here.
    for wanted in select role.rolname as role, member.name as member
        from pg_roles as role, (values ('authenticator'), ('supabase_postgres'), ('shop_owner')) as member(name)
        where case when role.rolname in ('thendo_engine', 'thendo_api') then member.name <> 'authenticator'
                   else member.name <> 'shop_owner' and role.rolname in ('anon', 'authenticated', 'service_role') end
          and not pg_has_role(member.name, role.oid, 'member')
    loop
        execute format('grant %I to %I %s', wanted.role, wanted.member,
            case when wanted.member <> 'authenticator' and current_setting('server_version_num')::int >= 160000
                then 'with admin option' else '' end);
    end loop;
end
$$"#;

/// `public` belongs to the database's owner by itself, since PostgreSQL 15.
const PROJECT: &str = r#"
create schema extensions authorization supabase_admin;
set role supabase_admin;
create extension pgcrypto schema extensions;
create extension "uuid-ossp" schema extensions;
grant usage on schema extensions to anon, authenticated, service_role;
grant all on schema extensions to supabase_postgres;
grant all on all routines in schema extensions to supabase_postgres;
grant usage on schema public to supabase_postgres, anon, authenticated, service_role;

create schema auth;
grant usage on schema auth to supabase_postgres, anon, authenticated, service_role;
grant all on schema auth to supabase_auth_admin;
set role supabase_auth_admin;
create table auth.users (
    id                 uuid primary key,
    email              varchar(255) unique,
    email_confirmed_at timestamptz,
    raw_app_meta_data  jsonb,
    raw_user_meta_data jsonb,
    created_at         timestamptz,
    updated_at         timestamptz,
    is_anonymous       boolean not null default false
);
alter table auth.users enable row level security;
grant all on auth.users to supabase_postgres;
grant select on auth.users to supabase_postgres with grant option;
create function auth.uid() returns uuid language sql stable as $$
    select coalesce(
        nullif(current_setting('request.jwt.claim.sub', true), ''),
        (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')
    )::uuid
$$;
create function auth.role() returns text language sql stable as $$
    select coalesce(
        nullif(current_setting('request.jwt.claim.role', true), ''),
        (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role')
    )::text
$$;
create function auth.email() returns text language sql stable as $$
    select coalesce(
        nullif(current_setting('request.jwt.claim.email', true), ''),
        (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'email')
    )::text
$$;
create function auth.jwt() returns jsonb language sql stable as $$
    select coalesce(
        nullif(current_setting('request.jwt.claim', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')
    )::jsonb
$$;
grant all on all routines in schema auth to supabase_postgres;
reset role;
"#;

const OLD_DEFAULT_GRANTS: &str = "
alter default privileges for role supabase_postgres in schema public
    grant all on tables to supabase_postgres, anon, authenticated, service_role;
alter default privileges for role supabase_postgres in schema public
    grant all on functions to supabase_postgres, anon, authenticated, service_role;
alter default privileges for role supabase_postgres in schema public
    grant all on sequences to supabase_postgres, anon, authenticated, service_role;
";
