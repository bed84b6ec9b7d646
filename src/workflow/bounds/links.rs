//! Links in HTML: what stands at the beginning of one decides what a click does, so it must be an address.

use minijinja::machinery::ast::Expr;

/// Attributes that are followed or loaded.
const ATTRIBUTES: &[&str] =
    &["href", "src", "action", "formaction", "poster", "background", "cite", "srcset"];
/// What is kept of the text before a value: enough for an attribute's name.
const KEPT_BYTES: usize = 64;

/// Follows a template's text.
#[derive(Debug, Clone, Default)]
pub(super) struct Links {
    tail: String,
}

impl Links {
    /// The template's own text.
    pub(super) fn raw(&mut self, text: &str) {
        self.tail.push_str(text);
        let mut from = self.tail.len().saturating_sub(KEPT_BYTES);
        while !self.tail.is_char_boundary(from) {
            from += 1;
        }
        self.tail.drain(..from);
    }

    /// A value is written here.
    ///
    /// # Errors
    /// What is wrong with that, in words.
    pub(super) fn value(&mut self, value: &Expr<'_>) -> Result<(), String> {
        let Some((attribute, quoted)) = self.attribute() else {
            self.raw("x");
            return Ok(());
        };
        self.raw("x");
        if !quoted {
            return Err(format!("write quotes around the value of `{attribute}`"));
        }
        match is_address(value) {
            true => Ok(()),
            false => {
                Err(format!("a link could run a script: write `|url` behind the value of `{attribute}`"))
            }
        }
    }

    /// The attribute that begins here, if it is a link, and whether its value is in quotes.
    fn attribute(&self) -> Option<(&'static str, bool)> {
        let text = self.tail.trim_end();
        let unquoted = text.trim_end_matches(['"', '\'']);
        let quoted = text.len() - unquoted.len() == 1;
        let name = unquoted.trim_end().strip_suffix('=')?.trim_end();
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | ':' | '_');
        let start = name.rfind(|letter| !is_name(letter))? + 1;
        let word = name[start..].rsplit(':').next().unwrap_or_default();
        ATTRIBUTES.iter().find(|known| known.eq_ignore_ascii_case(word)).map(|known| (*known, quoted))
    }
}

/// Whether it is an address for sure: checked by `url`, or written by whoever wrote the template.
fn is_address(value: &Expr<'_>) -> bool {
    match value {
        Expr::Const(_) => true,
        Expr::Var(var) => var.id == "unsubscribe_url",
        Expr::Filter(filter) => filter.name == "url",
        Expr::IfExpr(choice) => {
            is_address(&choice.true_expr) && choice.false_expr.as_ref().is_none_or(is_address)
        }
        _ => false,
    }
}
