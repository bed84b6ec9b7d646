//! JSON as it comes: jsonb holds numbers and nestings that this program can't, and no row may stop it.

use serde_json::{Map, Value};
use tokio_postgres::types::{FromSql, Type};

/// A value of a json or jsonb column, or why it can't be read.
#[derive(Debug, Clone)]
pub struct Readable(pub Result<Value, String>);

impl Readable {
    /// The members, if it is an object; none of null.
    ///
    /// # Errors
    /// Why it can't be read.
    pub fn members(value: Option<Self>) -> Result<Map<String, Value>, String> {
        match value.map(|value| value.0).transpose()? {
            Some(Value::Object(members)) => Ok(members),
            _ => Ok(Map::new()),
        }
    }

    /// The value, or null with a word in the log.
    pub fn or_null(self) -> Value {
        self.0.unwrap_or_else(|reason| {
            tracing::warn!(reason, "a stored JSON value can't be read and counts as null");
            Value::Null
        })
    }
}

impl<'a> FromSql<'a> for Readable {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        // The binary form of jsonb is its version and then text.
        let text = if *ty == Type::JSONB { raw.get(1..).unwrap_or_default() } else { raw };
        Ok(Self(serde_json::from_slice(text).map_err(|fault| fault.to_string())))
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::JSON | Type::JSONB)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_jsonb_holds_and_we_do_not_is_told_and_not_thrown() {
        let read = |text: &str| Readable::from_sql(&Type::JSON, text.as_bytes()).expect("never an error").0;
        assert!(read(r#"{"n": 1e400}"#).expect_err("too large").contains("number out of range"));
        let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
        assert!(read(&deep).expect_err("too deep").contains("recursion"));
        assert_eq!(read("[1]"), Ok(serde_json::json!([1])));
    }
}
