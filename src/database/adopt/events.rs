//! What is put into effect when all is there: the triggers of `event_tables`, and what the server offers.

use sqlx::{AssertSqlSafe, Connection};

use super::{Adoption, Difference, MEDUSAS, Step, Weight, is_locked};
use crate::database::describe::Kind;
use crate::database::migrate;

impl Adoption<'_> {
    /// The rows of `event_tables` came before the trigger that puts them into effect, Medusa's tables are walked
    /// around, and a table may have columns that only the shop knows: the row of each that was there is put into
    /// effect now.
    pub(super) async fn attach_events(&mut self) -> Result<(), sqlx::Error> {
        let ready = "select (to_regclass('public.event_tables') is not null \
            and to_regproc('public.put_event_triggers') is not null)::int::bigint";
        if self.number(ready.into()).await? == 0 || self.failed.iter().any(|of| of == "public.event_tables") {
            return Ok(());
        }
        (self.tell)(Step::Phase("attaching events"));
        let asked = "select format('public.%I', t.table_name), quote_literal(t.table_name)
            from public.event_tables t where t.attached
             and to_regclass(format('public.%I', t.table_name)) is not null order by 1";
        let tables: Vec<(String, String)> = sqlx::query_as(asked).fetch_all(&mut *self.connection).await?;
        for (of, quoted) in tables {
            if self.was_there(&of) && !self.has_our_triggers(&of) {
                self.attach(&of, &quoted).await?;
            }
        }
        Ok(())
    }

    /// Whether its triggers were there just as thendo makes them.
    fn has_our_triggers(&self, of: &str) -> bool {
        ["record_insert", "record_update", "record_delete"].iter().all(|name| {
            let there = self.found.find(Kind::Trigger, of, name);
            there.is_some() && there == self.expected.find(Kind::Trigger, of, name)
        })
    }

    async fn attach(&mut self, of: &str, quoted: &str) -> Result<(), sqlx::Error> {
        let own = self.found.all(Kind::Trigger, of).filter(|trigger| {
            matches!(&*trigger.name, "record_insert" | "record_update" | "record_delete")
                && !trigger.sql.contains("record_event(")
        });
        let own = own.map(|trigger| trigger.name.clone()).next();
        let refused = match own {
            Some(own) => Some(format!("trigger {own} is the shop's own, and was kept")),
            None => {
                let put = format!(
                    "select public.put_event_triggers(t) from public.event_tables t where t.table_name = {quoted}"
                );
                self.attempt(&put).await?
            }
        };
        let Some(refused) = refused else {
            let kept = format!("trigger {of} record_");
            self.report.differences.retain(|difference| !difference.object.starts_with(&kept));
            if MEDUSAS.contains(&of) {
                self.report.added.push(format!("events of {of}"));
            }
            return Ok(());
        };
        // What event_tables says is so.
        let not_so = format!("update public.event_tables set attached = false where table_name = {quoted}");
        self.attempt(&not_so).await?;
        self.report.differ(Difference {
            object: format!("events of {of}"),
            there: format!("not attached: {refused}"),
            expected: "every change is an event".into(),
            weight: Weight::Warns,
            mend: format!(
                "mend it, or the row of event_tables, then: \
                 update public.event_tables set attached = true where table_name = {quoted}"
            ),
        });
        Ok(())
    }

    /// Beside orders of the shop's own, Medusa's are not mirrored unasked: they may be there by another way already,
    /// and a row that the shop's table refuses would fail Medusa's checkout.
    async fn leave_medusas_orders(&mut self) -> Result<(), sqlx::Error> {
        let order = "public.\"order\"";
        let mirrored = self.found.find(Kind::Trigger, order, "mirror_medusa_order").is_some();
        if mirrored || !self.was_there("public.orders") || !self.was_there(order) {
            return Ok(());
        }
        let left = "with left_alone as (
                update public.medusa_mirror set orders = 'left' where orders = 'mirrored'
                   and not exists (select from public.orders o where o.medusa_order_id is not null) returning 1)
            select count(*) from left_alone";
        if self.number(left.into()).await? > 0 {
            self.report.differ(Difference {
                object: "mirror of public.\"order\"".into(),
                there:
                    "off: public.orders was there, and may have Medusa's orders by a way of the shop's own"
                        .into(),
                expected: "each order of Medusa is a row of public.orders, for workflows".into(),
                weight: Weight::Warns,
                mend: "if nothing else brings them there and the table takes such rows: \
                       update public.medusa_mirror set orders = 'mirrored'"
                    .into(),
            });
        }
        Ok(())
    }

    /// Has the schema take in what the server offers. What that stumbles over is no reason to do nothing at all.
    pub(super) async fn pick_up(&mut self) -> Result<(), sqlx::Error> {
        self.leave_medusas_orders().await?;
        let mut point = self.connection.begin().await?;
        match migrate::pick_up(&mut point).await {
            Ok(picked) => {
                self.report.picked_up = picked;
                point.commit().await
            }
            Err(fault) if is_locked(&fault) => Err(fault),
            Err(sqlx::Error::Database(refused)) => {
                point.rollback().await?;
                self.report.differ(Difference {
                    object: "function public.pick_up_optional()".into(),
                    there: format!("failed: {}", refused.message()),
                    expected: "vectors and the mirrors of Medusa, where the server has them".into(),
                    weight: Weight::Warns,
                    mend: "mend it, then: thendo migrate".into(),
                });
                Ok(())
            }
            Err(fault) => Err(fault),
        }
    }

    /// Roles that work with the table by grants, and that row level security would keep out.
    pub(super) async fn kept_out(&mut self, table: &str) -> Result<Vec<String>, sqlx::Error> {
        let asked = "with granted as (
            select a.grantee from pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) as a
             where c.oid = to_regclass($1)
            union
            select a.grantee from pg_catalog.pg_attribute t, pg_catalog.aclexplode(t.attacl) as a
             where t.attrelid = to_regclass($1)
            union
            select r.oid from pg_catalog.pg_roles r
             where r.rolcanlogin and not r.rolsuper
               and (pg_catalog.pg_has_role(r.oid, 'pg_read_all_data', 'usage')
                    or pg_catalog.pg_has_role(r.oid, 'pg_write_all_data', 'usage'))
        )
        select coalesce(format('%I', r.rolname), 'public') from granted g
          left join pg_catalog.pg_roles r on r.oid = g.grantee
          join pg_catalog.pg_class c on c.oid = to_regclass($1)
         where g.grantee = 0 or not (r.rolsuper or r.rolbypassrls
               or r.rolname in ('anon', 'authenticated', 'service_role', 'thendo_engine', 'thendo_api')
               or pg_catalog.pg_has_role(r.oid, c.relowner, 'usage'))
         order by 1";
        sqlx::query_scalar(AssertSqlSafe(asked)).bind(table).fetch_all(&mut *self.connection).await
    }
}
