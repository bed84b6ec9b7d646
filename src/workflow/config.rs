//! A node's settings, read against the JSON Schema of its kind: every fault is reported, not only the first.

use std::collections::{BTreeSet, HashSet};
use std::ops::Range;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::catalogue::Catalogue;
use super::diagnostics::{Diagnostic, any_error, did_you_mean, segment};
use super::expression::{Expression, SyntaxFault};
use super::filters::{FILTERS, unknown_filter};
use super::reads::Read;
use super::scope::Scope;
use super::secrets::SecretTemplate;
use super::slack::SlackTemplate;
use super::span::Span;
use super::subjects::FieldType;
use super::template::{HtmlTemplate, Template};

/// Reads the settings of one node and collects what is wrong with them.
#[derive(Debug)]
pub struct Reader<'a> {
    /// The node.
    pub node: &'a str,
    /// Its settings.
    pub value: &'a Value,
    /// Where they are in the file.
    pub path: &'a str,
    /// The schema of its kind's settings.
    pub schema: &'a Value,
    /// The names that they may use.
    pub scope: &'a Scope<'a>,
    /// Every kind there is.
    pub catalogue: &'a Catalogue,
    /// Faults found so far.
    pub faults: Vec<Diagnostic>,
    /// The paths that templates, expressions and rules read.
    pub names: BTreeSet<Vec<String>>,
    /// What settings read of other nodes in any case: where, and what.
    pub certain: Vec<(String, Read)>,
}

impl<'a> Reader<'a> {
    /// A reader that has found nothing yet.
    pub fn new(
        node: &'a str,
        value: &'a Value,
        path: &'a str,
        schema: &'a Value,
        scope: &'a Scope<'a>,
        catalogue: &'a Catalogue,
    ) -> Self {
        Self {
            node,
            value,
            path,
            schema,
            scope,
            catalogue,
            faults: Vec::new(),
            names: BTreeSet::new(),
            certain: Vec::new(),
        }
    }

    /// The settings as `T`, if they have no fault.
    pub fn read<T: DeserializeOwned>(&mut self) -> Option<T> {
        self.walk(self.schema, self.value, self.path.to_owned());
        if any_error(&self.faults) {
            return None;
        }
        match serde_path_to_error::deserialize(self.value) {
            Ok(config) => Some(config),
            Err(error) => {
                let mut path = self.path.to_owned();
                for part in error.path() {
                    match part {
                        serde_path_to_error::Segment::Map { key } => {
                            path = format!("{path}/{}", segment(key))
                        }
                        serde_path_to_error::Segment::Seq { index } => path = format!("{path}/{index}"),
                        _ => {}
                    }
                }
                self.fault(Diagnostic::error("invalid-config", error.into_inner().to_string()).at(path));
                None
            }
        }
    }

    /// Notes a fault of this node.
    pub fn fault(&mut self, diagnostic: Diagnostic) {
        self.faults.push(diagnostic.node(self.node));
    }

    /// Says how to mend faults of that code whose setting is at `field`, a pointer from the settings on.
    pub fn help(&mut self, code: &str, field: &str, help: &str) {
        let own = self.path;
        let at =
            |fault: &Diagnostic| fault.path.as_ref().and_then(|path| path.strip_prefix(own)) == Some(field);
        for fault in self.faults.iter_mut().filter(|fault| fault.code == code && at(fault)) {
            fault.help = Some(help.to_owned());
        }
    }

    /// Notes a fault in one setting.
    pub fn fault_at(&mut self, code: &'static str, field: &str, message: impl Into<String>) {
        self.fault_below(self.path, code, field, message);
    }

    /// Notes a fault in a field below a path.
    pub fn fault_below(&mut self, path: &str, code: &'static str, field: &str, message: impl Into<String>) {
        let path = format!("{path}/{}", segment(field));
        self.fault(Diagnostic::error(code, message).at(path));
    }

    /// Reads an expression and checks its names.
    pub fn expression(&mut self, source: &str, path: &str) -> Option<Expression> {
        match Expression::parse(source) {
            Ok(expression) => {
                self.check_reads(expression.reads(), source, path, true);
                Some(expression)
            }
            Err(fault) => {
                self.syntax("expression-syntax", fault, path);
                None
            }
        }
    }

    /// Reads a template and checks its names.
    pub fn text(&mut self, source: &str, path: &str) -> Option<Template> {
        match Template::parse(source) {
            Ok(template) => {
                self.check_reads(template.reads(), source, path, false);
                Some(template)
            }
            Err(fault) => {
                self.syntax("template-syntax", fault, path);
                None
            }
        }
    }

    fn template(&mut self, source: &str, path: &str, content: &str) {
        let reads = match content {
            "html" => HtmlTemplate::parse(source).map(|template| template.reads().to_vec()),
            "secret" => SecretTemplate::parse(source).map(|template| template.reads().to_vec()),
            "slack" => SlackTemplate::parse(source).map(|template| template.reads().to_vec()),
            _ => Template::parse(source).map(|template| template.reads().to_vec()),
        };
        match reads {
            Ok(reads) => self.check_reads(&reads, source, path, false),
            Err(fault) => self.syntax("template-syntax", fault, path),
        }
    }

    pub(super) fn syntax(&mut self, code: &'static str, fault: SyntaxFault, path: &str) {
        let code = fault.code.unwrap_or(code);
        self.fault(
            Diagnostic::error(code, fault.message).at(path).within(fault.range).maybe_help(fault.help),
        );
    }

    pub(super) fn check_reads(&mut self, reads: &[Read], source: &str, path: &str, whole: bool) {
        if let Some((name, range)) = unknown_filter(source, whole) {
            let fault = Diagnostic::error("unknown-filter", format!("there is no filter `{name}`"));
            let help = super::diagnostics::nearest(&name, FILTERS.iter().copied());
            let help = help.map(|found| format!("did you mean `{found}`?"));
            self.fault(fault.at(path).within(Some(range)).maybe_help(help));
        }
        let mut told: HashSet<&[String]> = HashSet::new();
        for read in reads {
            let ty = match told.insert(&read.path) {
                true => self.path(&read.path, path, Some(read.range.clone())),
                false => self.scope.resolve(&read.path).ok(),
            };
            let of_others = matches!(&read.path[..], [root, _, ..] if root == "steps" || root == "vars");
            if read.certain && of_others {
                self.certain.push((path.to_owned(), read.clone()));
            }
            ty.into_iter().for_each(|ty| self.used(read, ty, path));
        }
    }

    /// Checks one dotted path; gives its type if it has one here.
    pub fn name(&mut self, name: &str, path: &str, within: Option<Range<usize>>) -> Option<FieldType> {
        let parts: Vec<String> = name.split('.').map(str::to_owned).collect();
        self.path(&parts, path, within)
    }

    fn path(&mut self, parts: &[String], path: &str, within: Option<Range<usize>>) -> Option<FieldType> {
        self.names.insert(parts.to_vec());
        match self.scope.resolve(parts) {
            Ok(ty) => Some(ty),
            Err(fault) => {
                let diagnostic = Diagnostic::error(fault.code, fault.message);
                self.fault(diagnostic.at(path).within(within).maybe_help(fault.help));
                None
            }
        }
    }

    fn walk(&mut self, schema: &'a Value, value: &Value, path: String) {
        let schema = self.resolved(schema);
        if let Some(choices) = choices_of(schema) {
            return self.walk_choices(schema, &choices, value, path);
        }
        if !type_fits(schema, value) {
            return self.fault(wrong_type(&expected(schema), value).at(path));
        }
        if let Some(allowed) = schema.get("enum").and_then(Value::as_array) {
            self.check_enum(&allowed.iter().collect::<Vec<_>>(), value, &path);
        }
        match value {
            Value::Object(fields) => self.walk_object(schema, fields, &path),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.walk(&schema["items"], item, format!("{path}/{index}"));
                }
            }
            Value::String(text) => match schema.get("format").and_then(Value::as_str) {
                Some("template") => {
                    self.template(text, &path, schema["x-content"].as_str().unwrap_or_default());
                    schema["x-wants"].as_str().iter().for_each(|wants| self.wanted(text, wants, &path));
                }
                Some("expression") => drop(self.expression(text, &path)),
                Some("span") => {
                    if let Err(message) = Span::read(text) {
                        let fault = Diagnostic::error("bad-span", message).at(path);
                        self.fault(fault.help("write 30m, 12h, 7d or 2w"));
                    }
                }
                _ => {}
            },
            Value::Number(number) => {
                let bounds = (schema["minimum"].as_f64(), schema["maximum"].as_f64(), number.as_f64());
                if let (low, high, Some(number)) = bounds
                    && (low.is_some_and(|low| number < low) || high.is_some_and(|high| number > high))
                {
                    let message = format!("{number} is not {}", bounds_in_words(low, high));
                    self.fault(Diagnostic::error("out-of-range", message).at(path));
                }
            }
            _ => {}
        }
    }

    fn walk_choices(&mut self, schema: &'a Value, choices: &[&'a Value], value: &Value, path: String) {
        let constants: Vec<&Value> = choices.iter().filter_map(|choice| choice.get("const")).collect();
        if !constants.is_empty() && constants.len() == choices.len() {
            return self.check_enum(&constants, value, &path);
        }
        match choices.iter().map(|choice| self.resolved(choice)).find(|choice| type_fits(choice, value)) {
            Some(choice) => self.walk(choice, value, path),
            None => self.fault(wrong_type(&expected(schema), value).at(path)),
        }
    }

    fn walk_object(&mut self, schema: &'a Value, fields: &Map<String, Value>, path: &str) {
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
            if schema["additionalProperties"] == Value::Bool(false) {
                self.unknown_fields(&Map::new(), fields, path);
            }
            return;
        };
        for (name, property) in properties {
            if let Some(value) = fields.get(name) {
                self.walk(property, value, format!("{path}/{}", segment(name)));
            }
        }
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !fields.contains_key(name) {
                let about = properties[name]["description"].as_str().map(str::to_owned);
                let fault = Diagnostic::error("missing-field", format!("`{name}` is missing"));
                self.fault(fault.at(path).maybe_help(about));
            }
        }
        if schema["additionalProperties"] == Value::Bool(false) {
            self.unknown_fields(properties, fields, path);
        }
    }

    fn unknown_fields(&mut self, known: &Map<String, Value>, fields: &Map<String, Value>, path: &str) {
        for name in fields.keys().filter(|name| !known.contains_key(*name)) {
            let help = did_you_mean(name, known.keys().map(String::as_str));
            let fault = Diagnostic::error("unknown-field", format!("there is no setting `{name}`"));
            self.fault(fault.at(format!("{path}/{}", segment(name))).maybe_help(help));
        }
    }

    fn check_enum(&mut self, allowed: &[&Value], value: &Value, path: &str) {
        if allowed.contains(&value) {
            return;
        }
        let names: Vec<&str> = allowed.iter().filter_map(|v| v.as_str()).collect();
        let help = did_you_mean(value.as_str().unwrap_or_default(), names);
        let fault = Diagnostic::error("unknown-value", format!("{value} is not one of the values"));
        self.fault(fault.at(path).maybe_help(help));
    }

    fn resolved(&self, schema: &'a Value) -> &'a Value {
        match schema.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix('#')) {
            Some(pointer) => self.schema.pointer(pointer).unwrap_or(schema),
            None => schema,
        }
    }
}

fn choices_of(schema: &Value) -> Option<Vec<&Value>> {
    let choices = schema.get("anyOf").or_else(|| schema.get("oneOf"))?;
    Some(choices.as_array()?.iter().collect())
}

fn types_of(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn type_fits(schema: &Value, value: &Value) -> bool {
    let types = types_of(schema);
    types.is_empty()
        || types.iter().any(|ty| match *ty {
            "null" => value.is_null(),
            "boolean" => value.is_boolean(),
            "string" => value.is_string(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            _ => true,
        })
}

fn expected(schema: &Value) -> String {
    if let Some(choices) = choices_of(schema) {
        let words: Vec<String> = choices.iter().map(|choice| expected(choice)).collect();
        return words.into_iter().filter(|words| !words.is_empty()).collect::<Vec<_>>().join(" or ");
    }
    let words: Vec<&str> = types_of(schema)
        .into_iter()
        .filter(|ty| *ty != "null")
        .map(|ty| match (ty, schema["format"].as_str()) {
            ("string", Some("template")) => "a template",
            ("string", Some("expression")) => "an expression",
            ("string", Some("span")) => "a span of time",
            ("string", _) => "a text",
            ("integer", _) => "a whole number",
            ("number", _) => "a number",
            ("boolean", _) => "true or false",
            ("array", _) => "a list",
            ("object", _) => "an object",
            _ => "something else",
        })
        .collect();
    words.join(" or ")
}

fn wrong_type(expected: &str, value: &Value) -> Diagnostic {
    let found = describe(value);
    let fault = Diagnostic::error("wrong-type", format!("this must be {expected}, not {found}"));
    match value {
        Value::String(text) if text.parse::<i64>().is_ok() => {
            fault.help(format!("write {text} without quotes"))
        }
        _ => fault,
    }
}

/// A JSON value's type, in words.
pub fn describe(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(number) if number.is_f64() => "a fraction",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn bounds_in_words(low: Option<f64>, high: Option<f64>) -> String {
    match (low, high) {
        (Some(low), Some(high)) => format!("between {low} and {high}"),
        (Some(low), None) => format!("{low} or more"),
        (None, Some(high)) => format!("{high} or less"),
        (None, None) => "in range".into(),
    }
}
