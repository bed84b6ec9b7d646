//! Reads groups and rules; every fault is reported with its place.

use serde_json::{Map, Value};

use super::operator::{Arity, Operator};
use super::value::{Operand, Typed, Unreadable, items, pattern, shorten, span};
use super::{Check, Group, Matching, Mode, Rule};
use crate::workflow::config::{Reader, describe};
use crate::workflow::diagnostics::{Diagnostic, did_you_mean, segment};
use crate::workflow::subjects::FieldType;

const MAX_DEPTH: usize = 20;
const GROUP_KEYS: &[&str] = &["combinator", "not", "rules"];
const RULE_KEYS: &[&str] = &["field", "operator", "value", "valueSource", "match"];
/// What the component keeps for itself.
const IGNORED_KEYS: &[&str] = &["id", "path", "disabled", "muted"];
const MODES: &[&str] = &["all", "some", "none", "atLeast", "atMost", "exactly"];

/// Reads a group; `None` if it has faults, which are noted in `reader`.
pub fn group(reader: &mut Reader<'_>, value: &Value, path: &str) -> Option<Group> {
    GroupReader { reader, in_element: false }.group(value, path, 0)
}

struct GroupReader<'r, 'a> {
    reader: &'r mut Reader<'a>,
    /// Fields are those of a list's element.
    in_element: bool,
}

impl GroupReader<'_, '_> {
    fn fault(&mut self, code: &'static str, path: &str, message: String, help: Option<String>) {
        self.reader.fault(Diagnostic::error(code, message).at(path).maybe_help(help));
    }

    fn group(&mut self, value: &Value, path: &str, depth: usize) -> Option<Group> {
        let Some(map) = value.as_object() else {
            self.fault(
                "wrong-type",
                path,
                format!("a group must be an object, not {}", describe(value)),
                None,
            );
            return None;
        };
        if depth > MAX_DEPTH {
            self.fault("too-large", path, format!("groups are nested more than {MAX_DEPTH} deep"), None);
            return None;
        }
        let known = self.known_keys(map, GROUP_KEYS, path);
        let all = match map.get("combinator").map(|c| c.as_str().unwrap_or_default()) {
            None | Some("and") => Some(true),
            Some("or") => Some(false),
            Some(_) => {
                let help = Some("write `and` or `or`".into());
                self.fault(
                    "bad-rule",
                    &format!("{path}/combinator"),
                    "there is no such combinator".into(),
                    help,
                );
                None
            }
        };
        let not = self.flag(map, "not", path);
        let Some(rules) = map.get("rules").and_then(Value::as_array) else {
            self.fault("bad-rule", path, "a group needs `rules`, a list".into(), None);
            return None;
        };
        let mut checks = Vec::with_capacity(rules.len());
        for (index, rule) in rules.iter().enumerate() {
            checks.push(self.check(rule, &format!("{path}/rules/{index}"), depth + 1));
        }
        let checks = checks.into_iter().collect::<Option<Vec<_>>>();
        (known && not.is_some()).then_some(())?;
        Some(Group { all: all?, not: not?, checks: checks? })
    }

    fn flag(&mut self, map: &Map<String, Value>, key: &str, path: &str) -> Option<bool> {
        match map.get(key) {
            None | Some(Value::Null) => Some(false),
            Some(Value::Bool(flag)) => Some(*flag),
            Some(other) => {
                let message = format!("`{key}` must be true or false, not {}", describe(other));
                self.fault("wrong-type", &format!("{path}/{key}"), message, None);
                None
            }
        }
    }

    fn known_keys(&mut self, map: &Map<String, Value>, known: &[&str], path: &str) -> bool {
        let unknown = |key: &&String| !known.contains(&key.as_str()) && !IGNORED_KEYS.contains(&key.as_str());
        let mut all_known = true;
        for key in map.keys().filter(unknown) {
            let help = did_you_mean(key, known.iter().copied());
            self.fault(
                "unknown-field",
                &format!("{path}/{}", segment(key)),
                format!("there is no setting `{key}`"),
                help,
            );
            all_known = false;
        }
        all_known
    }

    fn check(&mut self, value: &Value, path: &str, depth: usize) -> Option<Check> {
        match value.as_object() {
            Some(map) if map.contains_key("rules") || map.contains_key("combinator") => {
                self.group(value, path, depth).map(Check::Group)
            }
            Some(map) => self.rule(map, path, depth).map(|rule| Check::Rule(Box::new(rule))),
            None => {
                self.fault(
                    "bad-rule",
                    path,
                    format!("a rule must be an object, not {}", describe(value)),
                    None,
                );
                None
            }
        }
    }

    fn rule(&mut self, map: &Map<String, Value>, path: &str, depth: usize) -> Option<Rule> {
        let known = self.known_keys(map, RULE_KEYS, path);
        let field = self.field(map.get("field"), &format!("{path}/field"), path);
        let matching = match map.get("match") {
            None | Some(Value::Null) => Some(None),
            Some(value) => self.mode(value, &format!("{path}/match")).map(Some),
        };
        let each = match (&matching, map.get("value")) {
            (Some(Some(_)), Some(value)) if value.get("rules").is_some() => {
                let mut elements = GroupReader { reader: &mut *self.reader, in_element: true };
                Some(elements.group(value, &format!("{path}/value"), depth + 1))
            }
            _ => None,
        };
        let (name, ty) = field?;
        if matches!(matching, Some(Some(_))) && !matches!(ty, FieldType::List | FieldType::Json) {
            let message = format!("`match` is for lists; `{name}` is {}", ty.described());
            self.fault("unfit-operator", &format!("{path}/match"), message, None);
            return None;
        }
        let element_ty = if matches!(matching, Some(Some(_))) { element_of(ty) } else { ty };
        let (operator, operand) = match each {
            Some(_) => (Some(Operator::Equal), Some(Operand::None)),
            None => {
                let operator = self.operator(map, &name, element_ty, path);
                (operator, operator.and_then(|operator| self.operand(map, operator, element_ty, path)))
            }
        };
        let matching = match (matching?, each) {
            (None, _) => None,
            (Some(mode), None) => Some(Matching { mode, each: None }),
            (Some(mode), Some(group)) => Some(Matching { mode, each: Some(group?) }),
        };
        known.then_some(())?;
        let field = if name.is_empty() { Vec::new() } else { name.split('.').map(str::to_owned).collect() };
        Some(Rule { field, name, ty: element_ty, operator: operator?, operand: operand?, matching })
    }

    fn field(&mut self, value: Option<&Value>, at: &str, rule: &str) -> Option<(String, FieldType)> {
        let Some(name) = value.and_then(Value::as_str) else {
            self.fault("missing-field", rule, "the rule has no `field`".into(), None);
            return None;
        };
        if self.in_element {
            return Some((name.to_owned(), FieldType::Json));
        }
        let ty = self.reader.name(name, at, None)?;
        Some((name.to_owned(), ty))
    }

    fn operator(
        &mut self,
        map: &Map<String, Value>,
        name: &str,
        ty: FieldType,
        path: &str,
    ) -> Option<Operator> {
        let at = format!("{path}/operator");
        let Some(written) = map.get("operator").and_then(Value::as_str) else {
            self.fault("missing-field", path, "the rule has no `operator`".into(), None);
            return None;
        };
        let Some(operator) = Operator::from_name(written) else {
            let help = did_you_mean(written, Operator::ALL.iter().map(|o| o.as_str()));
            self.fault("unknown-operator", &at, format!("there is no operator `{written}`"), help);
            return None;
        };
        if !operator.suits(ty) {
            let message = format!("`{written}` does not suit `{name}`: it is {}", ty.described());
            self.fault("unfit-operator", &at, message, Some(format!("these do: {}", Operator::suiting(ty))));
            return None;
        }
        let of_row =
            self.reader.scope.subjects.iter().any(|subject| name.split('.').next() == Some(subject.name));
        if operator.looks_back() && (self.in_element || !of_row || name.split('.').count() != 2) {
            let message = format!("`{written}` asks what the event changed; `{name}` is no field of its row");
            self.fault("unfit-operator", &at, message, None);
            return None;
        }
        Some(operator)
    }

    fn operand(
        &mut self,
        map: &Map<String, Value>,
        operator: Operator,
        ty: FieldType,
        path: &str,
    ) -> Option<Operand> {
        if operator.arity() == Arity::None {
            return Some(Operand::None);
        }
        let at = format!("{path}/value");
        let Some(value) = map.get("value").filter(|value| !value.is_null()) else {
            let message = format!("`{}` needs a `value`", operator.as_str());
            self.fault(
                "missing-field",
                path,
                message,
                Some("to ask for no value, use the operator `null`".into()),
            );
            return None;
        };
        match map.get("valueSource").map(|source| source.as_str().unwrap_or_default()) {
            None | Some("value" | "") => match read_operand(value, operator, ty) {
                Ok(operand) => Some(operand),
                Err(fault) => {
                    self.fault("unreadable-value", &at, fault.message, fault.help);
                    None
                }
            },
            Some("field") => self.other_field(value, operator, ty, &at),
            Some(_) => {
                let help = Some("write `value` or `field`".into());
                self.fault(
                    "bad-rule",
                    &format!("{path}/valueSource"),
                    "there is no such source of values".into(),
                    help,
                );
                None
            }
        }
    }

    fn other_field(&mut self, value: &Value, operator: Operator, ty: FieldType, at: &str) -> Option<Operand> {
        if operator.arity() != Arity::One {
            let message = format!("`{}` can't be compared with a field", operator.as_str());
            self.fault("unfit-operator", at, message, None);
            return None;
        }
        let Some(name) = value.as_str() else {
            self.fault(
                "wrong-type",
                at,
                format!("the name of a field must be a text, not {}", describe(value)),
                None,
            );
            return None;
        };
        let other = self.reader.name(name, at, None)?;
        if !comparable(ty, other) {
            let message = format!("{} can't be compared with {}", ty.described(), other.described());
            self.fault("unreadable-value", at, message, None);
            return None;
        }
        Some(Operand::Field { path: name.split('.').map(str::to_owned).collect(), name: name.to_owned() })
    }

    fn mode(&mut self, value: &Value, path: &str) -> Option<Mode> {
        let name = value.get("mode").and_then(Value::as_str).unwrap_or_default();
        let threshold = value.get("threshold").and_then(Value::as_u64);
        let mode = match (name, threshold) {
            ("all", _) => Mode::All,
            ("some", _) => Mode::Some,
            ("none", _) => Mode::None,
            ("atLeast", Some(number)) => Mode::AtLeast(number),
            ("atMost", Some(number)) => Mode::AtMost(number),
            ("exactly", Some(number)) => Mode::Exactly(number),
            ("atLeast" | "atMost" | "exactly", None) => {
                self.fault("bad-rule", path, format!("`{name}` needs `threshold`, a whole number"), None);
                return None;
            }
            _ => {
                let help = did_you_mean(name, MODES.iter().copied());
                self.fault("bad-rule", path, format!("there is no mode `{name}`"), help);
                return None;
            }
        };
        Some(mode)
    }
}

fn element_of(list: FieldType) -> FieldType {
    if list == FieldType::List { FieldType::Text } else { FieldType::Json }
}

fn comparable(a: FieldType, b: FieldType) -> bool {
    use FieldType::{Id, Integer, Json, List, Money, Number, Text};
    let number = |ty| matches!(ty, Integer | Money | Number);
    let text = |ty| matches!(ty, Id | Text);
    a == b
        || a == Json
        || b == Json
        || (number(a) && number(b))
        || (text(a) && text(b))
        || (a == List && text(b))
}

fn read_operand(value: &Value, operator: Operator, ty: FieldType) -> Result<Operand, Unreadable> {
    let fault = |message: String, help: &str| Unreadable { message, help: Some(help.to_owned()) };
    let list = || {
        let items = items(value).ok_or_else(|| {
            fault(format!("{} is not a list", shorten(value)), "write an array, or text with commas")
        })?;
        items.iter().map(|item| Typed::read(item, ty)).collect::<Result<Vec<_>, _>>()
    };
    match operator.arity() {
        Arity::None => Ok(Operand::None),
        Arity::One => Typed::read(value, ty).map(Operand::One),
        Arity::Many => list().map(Operand::Many),
        Arity::Two => match <[Typed; 2]>::try_from(list()?) {
            Ok([low, high]) => Ok(Operand::Range(low, high)),
            Err(other) => {
                Err(fault(format!("this needs two values, not {}", other.len()), "write [from, to]"))
            }
        },
        Arity::Pattern => {
            let text =
                value.as_str().ok_or_else(|| fault("a pattern must be a text".into(), "write `^A.*Z$`"))?;
            let regex = pattern(text).map_err(|error| Unreadable { message: error, help: None })?;
            Ok(Operand::Pattern(regex))
        }
        Arity::Span => span(value).map(Operand::Span).ok_or_else(|| {
            fault(format!("{} is not a span of time", shorten(value)), "write 30m, 12h, 7d or 2w")
        }),
    }
}
