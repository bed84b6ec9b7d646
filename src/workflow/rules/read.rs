//! Reads groups and rules; every fault is reported with its place.

use chrono_tz::Tz;
use serde_json::{Map, Value};

use super::operand::{comparable, element_of};
use super::operator::{Arity, Operator};
use super::value::Operand;
use super::{Check, Group, Matching, Mode, Rule, Threshold, operand};
use crate::workflow::config::{Reader, describe};
use crate::workflow::diagnostics::{Diagnostic, did_you_mean, segment};
use crate::workflow::subjects::FieldType;

const MAX_DEPTH: usize = 20;
/// Rules of one test.
const MAX_RULES: usize = 500;
/// Of them, those with a pattern: each takes a while to compile.
const MAX_PATTERNS: usize = 20;
const GROUP_KEYS: &[&str] = &["combinator", "not", "rules", "muted", "timeZone"];
const RULE_KEYS: &[&str] = &["field", "operator", "value", "valueSource", "match", "muted", "timeZone"];
/// What the component keeps for itself.
const IGNORED_KEYS: &[&str] = &["id", "path", "disabled"];
const MODES: &[&str] = &["all", "some", "none", "atLeast", "atMost", "exactly"];

/// Reads a group; `None` if it has faults, which are noted in `reader`.
pub fn group(reader: &mut Reader<'_>, value: &Value, path: &str) -> Option<Group> {
    let mut groups = GroupReader { reader, in_element: false, zone: Tz::UTC, rules: 0, patterns: 0 };
    let group = groups.group(value, path, 0)?;
    Some(group.unwrap_or(Group { all: true, not: false, checks: Vec::new() }))
}

struct GroupReader<'r, 'a> {
    reader: &'r mut Reader<'a>,
    /// Fields are those of a list's element.
    in_element: bool,
    /// Of the group that is read.
    zone: Tz,
    rules: usize,
    patterns: usize,
}

impl GroupReader<'_, '_> {
    fn fault(&mut self, code: &'static str, path: &str, message: String, help: Option<String>) {
        self.reader.fault(Diagnostic::error(code, message).at(path).maybe_help(help));
    }

    /// `Some(None)` for a group that asks nothing: muted, or without rules.
    fn group(&mut self, value: &Value, path: &str, depth: usize) -> Option<Option<Group>> {
        let Some(map) = value.as_object() else {
            let message = format!("a group must be an object, not {}", describe(value));
            self.fault("wrong-type", path, message, None);
            return None;
        };
        if depth > MAX_DEPTH {
            self.fault("too-large", path, format!("groups are nested more than {MAX_DEPTH} deep"), None);
            return None;
        }
        let known = self.known_keys(map, GROUP_KEYS, path);
        let all = self.combinator(map, path);
        let (not, muted) = (self.flag(map, "not", path), self.flag(map, "muted", path));
        let zone = self.zone(map, path);
        let Some(rules) = map.get("rules").and_then(Value::as_array) else {
            self.fault("bad-rule", path, "a group needs `rules`, a list".into(), None);
            return None;
        };
        if rules.iter().any(Value::is_string) {
            let help = "set `combinator` on the group, and nest groups where `and` meets `or`";
            let message = "combinators between the rules are not read".into();
            self.fault("bad-rule", &format!("{path}/rules"), message, Some(help.into()));
            return None;
        }
        let outer = self.zone;
        self.zone = zone.unwrap_or(outer);
        let mut checks = Vec::with_capacity(rules.len().min(MAX_RULES));
        for (index, rule) in rules.iter().enumerate() {
            checks.push(self.check(rule, &format!("{path}/rules/{index}"), depth + 1));
        }
        self.zone = outer;
        let checks: Vec<Check> =
            checks.into_iter().collect::<Option<Vec<_>>>()?.into_iter().flatten().collect();
        let (all, not, muted, _) = (all?, not?, muted?, zone?);
        known.then_some(())?;
        Some((!muted && !checks.is_empty()).then_some(Group { all, not, checks }))
    }

    fn combinator(&mut self, map: &Map<String, Value>, path: &str) -> Option<bool> {
        match map.get("combinator").map(|c| c.as_str().unwrap_or_default()) {
            None => Some(true),
            Some(name) if name.eq_ignore_ascii_case("and") => Some(true),
            Some(name) if name.eq_ignore_ascii_case("or") => Some(false),
            Some(_) => {
                let (at, help) = (format!("{path}/combinator"), Some("write `and` or `or`".into()));
                self.fault("bad-rule", &at, "there is no such combinator".into(), help);
                None
            }
        }
    }

    /// The time zone that is set here, else that of the group around it.
    fn zone(&mut self, map: &Map<String, Value>, path: &str) -> Option<Tz> {
        let at = format!("{path}/timeZone");
        match map.get("timeZone") {
            None | Some(Value::Null) => Some(self.zone),
            Some(Value::String(name)) => name.parse().ok().or_else(|| {
                let help = did_you_mean(name, chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()));
                self.fault("unknown-value", &at, format!("there is no time zone `{name}`"), help);
                None
            }),
            Some(other) => {
                let message = format!("a time zone must be a text, not {}", describe(other));
                self.fault("wrong-type", &at, message, Some("write `Europe/Berlin`".into()));
                None
            }
        }
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

    /// `Some(None)` for one that asks nothing.
    fn check(&mut self, value: &Value, path: &str, depth: usize) -> Option<Option<Check>> {
        let Some(map) = value.as_object() else {
            let message = format!("a rule must be an object, not {}", describe(value));
            self.fault("bad-rule", path, message, None);
            return None;
        };
        if map.contains_key("rules") || map.contains_key("combinator") {
            return self.group(value, path, depth).map(|group| group.map(Check::Group));
        }
        self.rules += 1;
        if self.rules > MAX_RULES {
            if self.rules == MAX_RULES + 1 {
                self.fault("too-large", path, format!("there are more than {MAX_RULES} rules"), None);
            }
            return None;
        }
        let muted = self.flag(map, "muted", path);
        let rule = self.rule(map, path, depth)?;
        Some((!muted?).then(|| Check::Rule(Box::new(rule))))
    }

    fn rule(&mut self, map: &Map<String, Value>, path: &str, depth: usize) -> Option<Rule> {
        let known = self.known_keys(map, RULE_KEYS, path);
        let zone = self.zone(map, path);
        let field = self.field(map.get("field"), &format!("{path}/field"), path);
        let mode = match map.get("match") {
            None | Some(Value::Null) => Some(None),
            Some(value) => self.mode(value, &format!("{path}/match")).map(Some),
        };
        let each = match map.get("value") {
            Some(value) if matches!(mode, Some(Some(_))) && value.get("rules").is_some() => {
                Some(self.each(value, zone, &format!("{path}/value"), depth + 1))
            }
            _ => None,
        };
        let ((name, ty), mode, zone) = (field?, mode?, zone?);
        if mode.is_some() && !matches!(ty, FieldType::List | FieldType::Json) {
            let message = format!("`match` is for lists; `{name}` is {}", ty.described());
            self.fault("unfit-operator", &format!("{path}/match"), message, None);
            return None;
        }
        let ty = if mode.is_some() { element_of(ty) } else { ty };
        let (operator, operand) = match each {
            Some(_) => (Operator::Equal, Operand::None),
            None => {
                let operator = self.operator(map, &name, ty, mode.is_some(), path)?;
                (operator, self.operand(map, operator, ty, zone, path)?)
            }
        };
        let matching = match (mode, each) {
            (None, _) => None,
            (Some(mode), None) => Some(Matching { mode, each: None }),
            (Some(mode), Some(group)) => Some(Matching { mode, each: Some(group?) }),
        };
        known.then_some(())?;
        let field = if name.is_empty() { Vec::new() } else { name.split('.').map(str::to_owned).collect() };
        Some(Rule { field, name, ty, operator, operand, zone, matching })
    }

    /// What each element of a list is asked.
    fn each(&mut self, value: &Value, zone: Option<Tz>, path: &str, depth: usize) -> Option<Group> {
        let (rules, patterns, zone) = (self.rules, self.patterns, zone.unwrap_or(self.zone));
        let mut elements = GroupReader { reader: &mut *self.reader, in_element: true, zone, rules, patterns };
        let group = elements.group(value, path, depth);
        (self.rules, self.patterns) = (elements.rules, elements.patterns);
        Some(group?.unwrap_or(Group { all: true, not: false, checks: Vec::new() }))
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
        of_element: bool,
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
        let is_column = of_row && name.split('.').count() == 2 && !self.in_element && !of_element;
        if operator.looks_back() && !is_column {
            let message = format!("`{written}` asks what the event changed; `{name}` is no field of its row");
            self.fault("unfit-operator", &at, message, None);
            return None;
        }
        self.patterns += usize::from(operator == Operator::Matches);
        if self.patterns > MAX_PATTERNS {
            self.fault("too-large", &at, format!("more than {MAX_PATTERNS} rules have a pattern"), None);
            return None;
        }
        Some(operator)
    }

    fn operand(
        &mut self,
        map: &Map<String, Value>,
        operator: Operator,
        ty: FieldType,
        zone: Tz,
        path: &str,
    ) -> Option<Operand> {
        if operator.arity() == Arity::None {
            return Some(Operand::None);
        }
        let at = format!("{path}/value");
        let Some(value) = map.get("value").filter(|value| !value.is_null()) else {
            let message = format!("`{}` needs a `value`", operator.as_str());
            let help = "to ask for no value, use the operator `null`";
            self.fault("missing-field", path, message, Some(help.into()));
            return None;
        };
        match map.get("valueSource").map(|source| source.as_str().unwrap_or_default()) {
            None | Some("value" | "") => match operand::read(value, operator, ty, zone) {
                Ok(operand) => {
                    if operator == Operator::In && matches!(&operand, Operand::Many(many) if many.is_empty())
                    {
                        let warning = "nothing is in an empty list: this rule never holds";
                        self.reader.fault(Diagnostic::warning("constant-condition", warning).at(at));
                    }
                    Some(operand)
                }
                Err(fault) => {
                    self.fault("unreadable-value", &at, fault.message, fault.help);
                    None
                }
            },
            Some("field") => self.other_field(value, operator, ty, &at),
            Some(_) => {
                let (at, help) = (format!("{path}/valueSource"), Some("write `value` or `field`".into()));
                self.fault("bad-rule", &at, "there is no such source of values".into(), help);
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
            let message = format!("the name of a field must be a text, not {}", describe(value));
            self.fault("wrong-type", at, message, None);
            return None;
        };
        // Within an element both fields are its own.
        let other = if self.in_element { FieldType::Json } else { self.reader.name(name, at, None)? };
        if !comparable(ty, other) {
            let message = format!("{} can't be compared with {}", ty.described(), other.described());
            self.fault("unreadable-value", at, message, None);
            return None;
        }
        let path = if name.is_empty() { Vec::new() } else { name.split('.').map(str::to_owned).collect() };
        // A field of unknown type is read as that with which it is compared.
        let ty = if ty == FieldType::Json { other } else { ty };
        Some(Operand::Field { path, ty })
    }

    fn mode(&mut self, value: &Value, path: &str) -> Option<Mode> {
        let written = value.get("mode").and_then(Value::as_str).unwrap_or_default();
        let name = MODES.iter().copied().find(|mode| mode.eq_ignore_ascii_case(written));
        let number = value.get("threshold");
        let share = number.and_then(Value::as_f64).filter(|share| 0.0 < *share && *share < 1.0);
        let whole = number.and_then(Value::as_f64).filter(|n| n.fract() == 0.0 && (0.0..=1e9).contains(n));
        let threshold =
            share.map(Threshold::Share).or_else(|| whole.map(|number| Threshold::Count(number as u64)));
        match (name, threshold) {
            (Some("all"), _) => Some(Mode::All),
            (Some("some"), _) => Some(Mode::Some),
            (Some("none"), _) => Some(Mode::None),
            (Some("atLeast"), Some(threshold)) => Some(Mode::AtLeast(threshold)),
            (Some("atMost"), Some(threshold)) => Some(Mode::AtMost(threshold)),
            (Some("exactly"), Some(threshold)) => Some(Mode::Exactly(threshold)),
            (Some(name), _) => {
                let message = format!("`{name}` needs `threshold`: a whole number, or a share below 1");
                self.fault("bad-rule", path, message, None);
                None
            }
            (None, _) => {
                let help = did_you_mean(written, MODES.iter().copied());
                self.fault("bad-rule", path, format!("there is no mode `{written}`"), help);
                None
            }
        }
    }
}
