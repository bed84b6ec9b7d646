//! From the first block of `schema.sql` to the last: is it there, is it the same, may it be added?

use super::table::foreign_key;
use super::{Adoption, Difference, MEDUSAS, Step, Weight};
use crate::database::describe::{Block, Kind};

impl Adoption<'_> {
    pub(super) async fn walk(&mut self) -> Result<(), sqlx::Error> {
        let all = self.expected.blocks.clone();
        let medusas: Vec<&str> = MEDUSAS.iter().copied().filter(|table| self.was_there(table)).collect();
        self.report.left_alone = medusas.iter().map(|table| (*table).to_owned()).collect();
        let mut phase = "";
        for block in all.iter().filter(|block| !medusas.contains(&&*block.of)) {
            if self.failed.contains(&block.of) {
                continue;
            }
            let now = phase_of(block.kind);
            if !now.is_empty() && now != phase {
                phase = now;
                (self.tell)(Step::Phase(phase));
            }
            if block.kind == Kind::Table && self.was_there(&block.of) {
                (self.tell)(Step::Table(&block.of));
            }
            self.meet(block).await?;
        }
        Ok(())
    }

    async fn meet(&mut self, block: &Block) -> Result<(), sqlx::Error> {
        let known = self.was_there(&block.of);
        match block.kind {
            Kind::Settings => Ok(()),
            Kind::Role => self.take_role(block).await,
            Kind::Extension => self.add_unless_there(block).await,
            Kind::Type | Kind::Sequence => self.keep_or_add(block, Weight::Warns).await,
            Kind::Function | Kind::FunctionOfRows => self.meet_function(block).await,
            Kind::GrantsOnFunction if known => self.meet_grants(block).await,
            Kind::Grants if known || block.of == "schema" => self.meet_grants(block).await,
            Kind::CommentOnFunction | Kind::Comment if known => self.add_comments(block).await,
            Kind::Table if known => self.meet_table(block).await,
            Kind::View | Kind::MaterializedView => self.keep_or_add(block, Weight::Blocks).await,
            Kind::Rows if known => self.add_rows_to_empty(block).await,
            Kind::Storage if known => self.note_storage(block),
            Kind::Index if known => self.meet_index(block).await,
            Kind::Trigger | Kind::Statistics if known => self.keep_or_add(block, Weight::Warns).await,
            Kind::RowSecurity if known => self.enable_row_security(block).await,
            Kind::Policy if known => self.meet_policy(block).await,
            Kind::ForeignKey => self.meet_foreign_key(block, known).await,
            Kind::SequenceOwner if known => Ok(()),
            // What belongs to a table or function that has just been made.
            kind => {
                let weight = if kind == Kind::Policy { Weight::Warns } else { Weight::Blocks };
                self.apply(block, weight).await
            }
        }
    }

    /// Done as it stands there. Told is what is an object of its own.
    async fn apply(&mut self, block: &Block, weight: Weight) -> Result<(), sqlx::Error> {
        let before = self.report.added.len();
        let done = self.add(named(block), &block.sql, weight).await?;
        let carries_others = matches!(
            block.kind,
            Kind::Table | Kind::View | Kind::MaterializedView | Kind::Function | Kind::FunctionOfRows
        );
        if !done && carries_others && !self.was_there(&block.of) {
            self.failed.push(block.of.clone());
        }
        if !matches!(block.kind, Kind::Table | Kind::Function | Kind::FunctionOfRows)
            && !self.stands_alone(block)
        {
            self.report.added.truncate(before);
        }
        Ok(())
    }

    fn stands_alone(&self, block: &Block) -> bool {
        self.was_there(&block.of)
            || matches!(
                block.kind,
                Kind::Role
                    | Kind::Extension
                    | Kind::Type
                    | Kind::Sequence
                    | Kind::View
                    | Kind::MaterializedView
            )
    }

    /// The role may be another database's too; who migrates must be able to become it in any case.
    async fn take_role(&mut self, block: &Block) -> Result<(), sqlx::Error> {
        let there = self.found.find(block.kind, &block.of, &block.name).is_some();
        self.apply(block, Weight::Blocks).await?;
        let told = named(block);
        self.report.added.retain(|added| !there || *added != told);
        Ok(())
    }

    async fn add_unless_there(&mut self, block: &Block) -> Result<(), sqlx::Error> {
        if self.found.find(block.kind, &block.of, &block.name).is_some() {
            return Ok(());
        }
        self.apply(block, Weight::Blocks).await
    }

    /// What is there under that name is kept; if it is another, that is told.
    async fn keep_or_add(&mut self, block: &Block, weight: Weight) -> Result<(), sqlx::Error> {
        let there = match self.found.find(block.kind, &block.of, &block.name) {
            Some(there) => there.sql.clone(),
            None => return self.apply(block, weight).await,
        };
        if there != block.sql {
            self.report.differ(Difference {
                object: named(block),
                there: there.clone(),
                expected: block.sql.clone(),
                weight: Weight::Warns,
                mend: "it was kept; replace it by thendo's if nothing of yours needs it as it is".into(),
            });
        }
        Ok(())
    }

    async fn meet_function(&mut self, block: &Block) -> Result<(), sqlx::Error> {
        let kinds = [Kind::Function, Kind::FunctionOfRows];
        let there = kinds.iter().find_map(|kind| self.found.find(*kind, &block.of, "")).cloned();
        match there {
            None => self.apply(block, Weight::Blocks).await,
            Some(there) if there.sql == block.sql => Ok(()),
            // Nobody else's: an older thendo left it.
            Some(_) if speaks_of_the_engine(&block.sql) => self.apply(block, Weight::Blocks).await,
            Some(there) => {
                self.report.differ(Difference {
                    object: named(block),
                    there: there.sql,
                    expected: block.sql.clone(),
                    weight: Weight::Warns,
                    mend: "yours was kept; see that it does what thendo's does, or replace it".into(),
                });
                Ok(())
            }
        }
    }

    async fn add_comments(&mut self, block: &Block) -> Result<(), sqlx::Error> {
        let there = self.found.find(block.kind, &block.of, &block.name);
        let subject = |statement: &str| statement.split(" is '").next().map(str::to_owned);
        let said: Vec<_> = there.iter().flat_map(|there| there.statements()).map(subject).collect();
        for statement in block.statements() {
            if !said.contains(&subject(statement)) {
                // What has another type or kind than expected has no comment of ours: no harm.
                self.attempt(statement).await?;
            }
        }
        Ok(())
    }

    async fn add_rows_to_empty(&mut self, block: &Block) -> Result<(), sqlx::Error> {
        if self.has_rows(&block.of).await? {
            return Ok(());
        }
        self.add(named(block), &block.sql, Weight::Warns).await.map(drop)
    }

    fn note_storage(&mut self, block: &Block) -> Result<(), sqlx::Error> {
        let there = self.found.find(block.kind, &block.of, &block.name);
        if there.is_none_or(|there| there.sql != block.sql) {
            self.report.differ(Difference {
                object: named(block),
                there: there.map_or_else(|| "as the server does by itself".into(), |there| there.sql.clone()),
                expected: block.sql.clone(),
                weight: Weight::Note,
                mend: "run the statement when the table is quiet".into(),
            });
        }
        Ok(())
    }

    async fn meet_index(&mut self, block: &Block) -> Result<(), sqlx::Error> {
        let what = |sql: &str| sql.split_once(" ON ").map(|(_, on)| on.to_owned());
        let unique = block.sql.starts_with("CREATE UNIQUE");
        let same = self.found.all(Kind::Index, &block.of).any(|there| {
            what(&there.sql) == what(&block.sql) && (!unique || there.sql.starts_with("CREATE UNIQUE"))
        });
        if same {
            return Ok(());
        }
        self.keep_or_add(block, Weight::Warns).await
    }

    async fn meet_foreign_key(&mut self, block: &Block, known: bool) -> Result<(), sqlx::Error> {
        let Some(key) = foreign_key(&block.sql) else { return Ok(()) };
        let there: Vec<(String, String)> = self
            .found
            .all(Kind::ForeignKey, &block.of)
            .filter_map(|there| foreign_key(&there.sql))
            .map(|there| (there.name.to_owned(), there.definition.to_owned()))
            .collect();
        if known {
            self.meet_constraint(&block.of, &key, &there).await
        } else {
            self.apply(block, Weight::Warns).await
        }
    }
}

pub(super) fn named(block: &Block) -> String {
    format!("{} {} {}", block.kind, block.of, block.name).trim_end().replace('-', " ")
}

fn phase_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Function => "functions",
        Kind::Table => "tables",
        Kind::ForeignKey => "foreign keys",
        Kind::View | Kind::MaterializedView => "views",
        Kind::Policy => "policies",
        _ => "",
    }
}

/// Whether nobody but thendo can have such a function.
fn speaks_of_the_engine(sql: &str) -> bool {
    sql.contains("thendo") || sql.contains("public.workflow_")
}
