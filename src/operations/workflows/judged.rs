//! What the compiler says of drawings, found out before anything is locked: nobody waits for the compiler with a row in hand.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;
use sqlx::PgPool;

use super::compiled;
use super::one_line;
use crate::operations::refusal::Faulty;
use crate::operations::{Kind, Refusal};
use crate::store::versions;
use crate::workflow::compile::Compiled;
use crate::workflow::diagnostics::any_error;

/// A drawing and what the compiler says of it.
#[derive(Debug)]
pub(super) struct Verdict {
    /// What is drawn.
    pub drawing: Arc<Value>,
    /// What came of it.
    pub outcome: Compiled,
}

impl Verdict {
    /// Why it can't run, if it can't.
    pub fn faulty(&self, name: &str) -> Option<Faulty> {
        let diagnostics = &self.outcome.diagnostics;
        any_error(diagnostics).then(|| Faulty {
            workflow: name.to_owned(),
            drawing: Some(Value::clone(&self.drawing)),
            diagnostics: diagnostics.clone(),
        })
    }
}

/// Verdicts by the text that the database has of a drawing: what is found under the lock is looked up by it.
#[derive(Debug, Default)]
pub(super) struct Judged(HashMap<String, Verdict>);

impl Judged {
    /// Judges what the database has as this text, if it is not known yet. What can't be read is passed over.
    pub async fn add(&mut self, text: &str) -> Result<(), Refusal> {
        if self.0.contains_key(text) {
            return Ok(());
        }
        let Ok(drawing) = versions::read(text) else { return Ok(()) };
        let (drawing, outcome) = compiled(drawing).await?;
        self.0.insert(text.to_owned(), Verdict { drawing: Arc::new(drawing), outcome });
        Ok(())
    }

    /// Judges a drawing that is to be stored: as it was sent, and as the database will have it. Why it can't run, if it can't.
    pub async fn add_new(
        &mut self,
        pool: &PgPool,
        name: &str,
        drawing: &Value,
    ) -> Result<Option<Faulty>, Refusal> {
        let (drawing, outcome) = compiled(drawing.clone()).await?;
        let verdict = Verdict { drawing: Arc::new(drawing), outcome };
        if let Some(faulty) = verdict.faulty(name) {
            return Ok(Some(faulty));
        }
        let text = versions::as_stored(&mut *pool.acquire().await?, &verdict.drawing).await?;
        // The database writes some numbers otherwise than others do.
        if versions::read(&text).is_ok_and(|stored| stored == *verdict.drawing) {
            self.0.entry(text).or_insert(verdict);
            return Ok(None);
        }
        self.add(&text).await?;
        Ok(self.0.get(&text).and_then(|verdict| verdict.faulty(name)))
    }

    /// The verdict of what the database has as this text.
    pub fn get(&self, text: &str) -> Option<&Verdict> {
        self.0.get(text)
    }

    /// As [`Judged::get`], of what was to be found as it was read.
    ///
    /// # Errors
    /// When it was edited since.
    pub fn of(&self, name: &str, text: &str) -> Result<&Verdict, Refusal> {
        self.get(text).ok_or_else(|| {
            let message =
                format!("`{}` was edited while it was compiled: nothing was changed", one_line(name));
            Refusal::new(Kind::Stale, "changed-meanwhile", message)
                .help("look at what was changed, and ask again")
        })
    }
}
