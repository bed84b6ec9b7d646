-- pgcrypto encrypts OAuth tokens. It goes where Supabase has it; one that is already installed stays where it is.
create schema if not exists extensions;

do $$
begin
    if not exists (select from pg_catalog.pg_extension where extname = 'pgcrypto') then
        if not exists (select from pg_catalog.pg_available_extensions where name = 'pgcrypto') then
            raise exception 'the extension pgcrypto is not installed on this server'
                using hint = 'install PostgreSQL''s contrib package (postgresql-contrib) on the server and migrate again';
        end if;
        create extension pgcrypto with schema extensions;
    end if;
end
$$;
