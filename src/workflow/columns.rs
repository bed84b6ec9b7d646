//! Tables and columns that settings name: whether they can be, as far as thendo knows the schema.

use super::config::Reader;
use super::diagnostics::{Diagnostic, did_you_mean};
use super::subjects::row_of;

/// Bytes of a name, as PostgreSQL has it.
const LONGEST_NAME: usize = 63;

impl Reader<'_> {
    /// Checks that the setting `table` can be a table's name. Whether it can.
    pub fn table(&mut self, table: &str) -> bool {
        let fits = !table.is_empty() && table.len() <= LONGEST_NAME && !table.contains(['.', '"', '\0']);
        if !fits {
            let message = format!("a table's name has up to {LONGEST_NAME} bytes and no dots or quotes");
            let fault = Diagnostic::error("invalid-name", message).at(format!("{}/table", self.path));
            self.fault(fault.help("leave out its schema"));
        }
        fits
    }

    /// Checks that the table has such a column.
    pub fn column(&mut self, table: &str, column: &str, path: String) {
        let subject = row_of(table);
        if column.is_empty() || column.len() > LONGEST_NAME {
            let message = format!("a column's name has up to {LONGEST_NAME} bytes");
            self.fault(Diagnostic::error("invalid-name", message).at(path));
        } else if !subject.open && subject.field(column).is_none() {
            let help = did_you_mean(column, subject.fields.iter().map(|field| field.name));
            let message = format!("`{}` has no column `{column}`", subject.table);
            self.fault(Diagnostic::error("unknown-column", message).at(path).maybe_help(help));
        } else if let Some(fault) = self.scope.table_lacks(table, subject, column) {
            self.fault(Diagnostic::error(fault.code, fault.message).at(path).maybe_help(fault.help));
        }
    }
}
