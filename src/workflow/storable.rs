//! What PostgreSQL can't hold: the letter U+0000, in texts and in JSON alike.

use serde_json::Value;

use super::diagnostics::segment;

/// Whether a text can be stored.
pub fn storable(text: &str) -> bool {
    !text.contains('\0')
}

/// The pointer to the first key or text that can't be stored.
pub fn first_unstorable(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => (!storable(text)).then(String::new),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(index, item)| first_unstorable(item).map(|below| format!("/{index}{below}"))),
        Value::Object(fields) => fields.iter().find_map(|(key, value)| {
            let below = if storable(key) { first_unstorable(value) } else { Some(String::new()) };
            below.map(|below| format!("/{}{below}", segment(key)))
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_place_is_named() {
        assert_eq!(first_unstorable(&json!({"a": ["x", {"b": "y\0"}]})).as_deref(), Some("/a/1/b"));
        assert_eq!(first_unstorable(&json!({"a": {"k\0": 1}})).as_deref(), Some("/a/k\0"));
        assert_eq!(first_unstorable(&json!(["a", 1, null])), None);
    }
}
