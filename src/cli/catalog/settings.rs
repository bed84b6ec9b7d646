//! A kind's settings as rows of a table, from the JSON Schema of its settings.

use serde_json::Value;

/// How deep settings within settings are told.
const DEEPEST: usize = 4;

/// One setting.
#[derive(Debug, PartialEq)]
pub(super) struct Row {
    /// Dotted: `match.field`; `rules[].field` for items of a list.
    pub name: String,
    /// "a whole number from 1 to 100", "one of `a`, `b`".
    pub ty: String,
    /// "required", "optional", "default 7".
    pub need: String,
    /// What it is for, in one line.
    pub docs: String,
}

/// Every setting, those of choices and of objects below too.
pub(super) fn rows(schema: &Value) -> Vec<Row> {
    let mut reader = Rows { root: schema, rows: Vec::new() };
    reader.object("", schema, 0, false);
    let mut seen: Vec<String> = Vec::new();
    // Two forms of the same settings share some of them.
    reader.rows.retain(|row| {
        let known = seen.contains(&row.name);
        seen.push(row.name.clone());
        !known
    });
    reader.rows
}

struct Rows<'a> {
    root: &'a Value,
    rows: Vec<Row>,
}

impl<'a> Rows<'a> {
    fn object(&mut self, prefix: &str, schema: &'a Value, depth: usize, one_form: bool) {
        let schema = self.resolved(schema);
        if depth > DEEPEST {
            return;
        }
        let properties = schema["properties"].as_object();
        for (name, property) in properties.into_iter().flatten() {
            let required = schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
            let name = format!("{prefix}{name}");
            let below = self.resolved(property);
            let docs = [property, below].iter().find_map(|of| of["description"].as_str()).unwrap_or_default();
            let default = property.get("default").or_else(|| below.get("default"));
            self.rows.push(Row {
                ty: self.words(property, 0),
                need: match (required, default) {
                    (true, _) if one_form => "required in this form".into(),
                    (true, _) => "required".into(),
                    (false, None | Some(Value::Null)) => "optional".into(),
                    (false, Some(default)) => format!("default `{default}`"),
                },
                docs: docs.split_whitespace().collect::<Vec<_>>().join(" "),
                name: name.clone(),
            });
            self.below(&name, property, depth);
        }
        for choice in choices(schema) {
            self.object(prefix, choice, depth + 1, one_form || schema.get("allOf").is_none());
        }
    }

    /// Settings within a setting.
    fn below(&mut self, name: &str, schema: &'a Value, depth: usize) {
        let schema = self.resolved(schema);
        if depth > DEEPEST {
            return;
        }
        if schema["properties"].is_object() {
            self.object(&format!("{name}."), schema, depth + 1, false);
        }
        if schema["items"].is_object() {
            self.below(&format!("{name}[]"), &schema["items"], depth + 1);
        }
        for choice in choices(schema) {
            self.below(name, choice, depth + 1);
        }
    }

    fn words(&self, schema: &'a Value, depth: usize) -> String {
        let schema = self.resolved(schema);
        if let Some(only) = schema.get("const") {
            return format!("`{only}`");
        }
        if let Some(allowed) = schema["enum"].as_array() {
            return one_of(allowed);
        }
        let choices: Vec<&Value> = choices(schema).collect();
        if !choices.is_empty() && depth <= DEEPEST {
            let constants: Vec<Value> =
                choices.iter().filter_map(|choice| self.resolved(choice).get("const").cloned()).collect();
            if constants.len() == choices.len() {
                return one_of(&constants);
            }
            let mut words: Vec<String> = Vec::new();
            for choice in choices {
                let word = self.words(choice, depth + 1);
                if !word.is_empty() && !words.contains(&word) {
                    words.push(word);
                }
            }
            return words.join(" or ");
        }
        let types: Vec<&str> = match &schema["type"] {
            Value::String(one) => vec![one],
            Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
            _ => return if schema["properties"].is_object() { "settings".into() } else { "anything".into() },
        };
        let words: Vec<String> = types
            .into_iter()
            .filter(|ty| *ty != "null")
            .map(|ty| match (ty, schema["format"].as_str()) {
                ("string", Some("template")) if schema["x-content"] == "html" => "an HTML template".into(),
                ("string", Some("template")) => "a template".into(),
                ("string", Some("expression")) => "an expression".into(),
                ("string", _) => format!("a text{}", self.range(schema, "Length", " letters")),
                ("integer", _) => format!("a whole number{}", self.range(schema, "imum", "")),
                ("number", _) => format!("a number{}", self.range(schema, "imum", "")),
                ("boolean", _) => "true or false".into(),
                ("array", _) if schema["items"].is_object() && depth <= DEEPEST => {
                    let items = self.words(&schema["items"], depth + 1);
                    format!(
                        "a list of {}{}",
                        items.trim_start_matches("a ").trim_start_matches("an "),
                        self.range(schema, "Items", " items")
                    )
                }
                ("array", _) => format!("a list{}", self.range(schema, "Items", " items")),
                ("object", _) => "settings".into(),
                (other, _) => other.to_owned(),
            })
            .collect();
        words.join(" or ")
    }

    /// " from 1 to 100", by `minimum` and `maximum` or their sisters.
    fn range(&self, schema: &Value, of: &str, unit: &str) -> String {
        let bound = |side: &str| schema.get(format!("{side}{of}")).filter(|bound| bound.is_number());
        match (bound("min"), bound("max")) {
            (Some(low), Some(high)) => format!(" from {low} to {high}{unit}"),
            (Some(low), None) if low != 0 => format!(" of at least {low}{unit}"),
            (None, Some(high)) => format!(" of at most {high}{unit}"),
            _ => String::new(),
        }
    }

    fn resolved(&self, schema: &'a Value) -> &'a Value {
        match schema.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix('#')) {
            Some(pointer) => self.root.pointer(pointer).unwrap_or(schema),
            None => schema,
        }
    }
}

fn choices(schema: &Value) -> impl Iterator<Item = &Value> {
    let all = ["anyOf", "oneOf", "allOf"].iter().filter_map(|word| schema.get(*word)?.as_array()).flatten();
    all.filter(|choice| choice["type"] != "null")
}

fn one_of(values: &[Value]) -> String {
    let words = values.iter().filter(|value| !value.is_null()).map(|value| match value {
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    });
    format!("one of {}", words.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_are_told_with_types_ranges_defaults_and_what_is_below() {
        let schema = json!({
            "$defs": {
                "Unit": {"oneOf": [{"const": "days"}, {"const": "hours"}]},
                "Match": {"type": "object", "properties": {"field": {"type": "string", "description": "Which\n one."}},
                    "required": ["field"]},
                "Self": {"type": "object", "properties": {"again": {"$ref": "#/$defs/Self"}}},
            },
            "type": "object",
            "properties": {
                "amount": {"type": "integer", "minimum": 1, "maximum": 90},
                "days": {"type": ["integer", "null"], "minimum": 0, "default": 7},
                "match": {"anyOf": [{"$ref": "#/$defs/Match"}, {"type": "null"}]},
                "names": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
                "self": {"$ref": "#/$defs/Self"},
                "to": {"type": "string", "format": "template"},
                "unit": {"$ref": "#/$defs/Unit"},
            },
            "required": ["amount", "to"],
        });
        let rows = rows(&schema);
        let told: Vec<String> =
            rows.iter().map(|row| format!("{}|{}|{}|{}", row.name, row.ty, row.need, row.docs)).collect();
        for row in [
            "amount|a whole number from 1 to 90|required|",
            "days|a whole number|default `7`|",
            "match|settings|optional|",
            "match.field|a text|required|Which one.",
            "names|a list of text of at most 3 items|optional|",
            "to|a template|required|",
            "unit|one of `days`, `hours`|optional|",
        ] {
            assert!(told.iter().any(|told| told == row), "no {row:?} in {told:#?}");
        }
        assert!(told.len() < 20, "what holds itself ends: {told:#?}");
    }
}
