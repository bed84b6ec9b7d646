//! The hash of a version: what the drawing means, in one canonical form, without how it looks.

use std::fmt::Write as _;

use serde_json::Value;
use sha2::{Digest, Sha256};

/// A hash over `lines`, in whatever order they come.
pub fn hash(mut lines: Vec<String>) -> String {
    lines.sort_unstable();
    let digest = Sha256::digest(lines.join("\n").as_bytes());
    digest.iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a String does not fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// JSON with sorted keys, so that equal values give equal text.
pub fn canonical(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut fields: Vec<_> = map.iter().collect();
            fields.sort_unstable_by_key(|(key, _)| *key);
            let fields = fields
                .into_iter()
                .map(|(key, value)| format!("{}:{}", Value::from(key.as_str()), canonical(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        // It is equal to 0.0, and so its text is too.
        Value::Number(number) if number.is_f64() && number.as_f64() == Some(0.0) => "0.0".to_owned(),
        other => other.to_string(),
    }
}
