//! What filters take: known before anything runs, where it is written in the template itself.

use minijinja::machinery::ast::{CallArg, Expr};
use minijinja::value::{Value as Dynamic, ValueKind};

use super::time;
use crate::workflow::diagnostics::did_you_mean;

/// What one value must be.
#[derive(Clone, Copy)]
enum Takes {
    Any,
    Text,
    Number,
    Form,
    Span,
    Zone,
}

use Takes::{Any, Form, Number, Span, Text, Zone};

/// A filter: how many values it needs at least, what they are, and its settings by name.
type Signature = (&'static str, usize, &'static [Takes], &'static [(&'static str, Takes)]);

const OF_ITEMS: &[(&str, Takes)] = &[("attribute", Any), ("case_sensitive", Any)];

const SIGNATURES: &[Signature] = &[
    ("abs", 0, &[], &[]),
    ("capitalize", 0, &[], &[]),
    ("d", 0, &[Any, Any], &[]),
    ("date", 0, &[Form], &[("tz", Zone)]),
    ("default", 0, &[Any, Any], &[]),
    ("e", 0, &[], &[]),
    ("escape", 0, &[], &[]),
    ("first", 0, &[], &[]),
    ("join", 0, &[Text, Any], &[("attribute", Any)]),
    ("last", 0, &[], &[]),
    ("length", 0, &[], &[]),
    ("list", 0, &[], &[]),
    ("lower", 0, &[], &[]),
    ("max", 0, &[], OF_ITEMS),
    ("min", 0, &[], OF_ITEMS),
    ("minus", 1, &[Span], &[]),
    ("money", 0, &[Text], &[("locale", Text)]),
    ("percent", 0, &[Number], &[]),
    ("pluralize", 1, &[Text, Text], &[]),
    ("plus", 1, &[Span], &[]),
    ("replace", 2, &[Any, Any], &[]),
    ("safe", 0, &[], &[]),
    ("slug", 0, &[], &[]),
    ("string", 0, &[], &[]),
    ("time", 0, &[Form], &[("tz", Zone)]),
    ("title", 0, &[], &[]),
    ("tojson", 0, &[], &[]),
    ("truncate", 0, &[Number, Text], &[]),
    ("upper", 0, &[], &[]),
    ("url", 0, &[], &[]),
    ("urlencode", 0, &[], &[]),
];

/// Checks the call of a filter, as far as it is known.
///
/// # Errors
/// What is wrong, in words.
pub(in crate::workflow) fn check(name: &str, arguments: &[CallArg<'_>]) -> Result<(), String> {
    let Some((_, least, takes, settings)) = SIGNATURES.iter().find(|known| known.0 == name) else {
        return Ok(());
    };
    let mut given = 0;
    for argument in arguments {
        match argument {
            CallArg::Pos(value) => {
                if let Some(takes) = takes.get(given) {
                    fits(name, value, *takes)?;
                }
                given += 1;
            }
            CallArg::Kwarg(key, value) => match settings.iter().find(|(known, _)| known == key) {
                Some((_, takes)) => fits(name, value, *takes)?,
                None => {
                    let nearest = did_you_mean(key, settings.iter().map(|(name, _)| *name));
                    let help = nearest.map_or(String::new(), |help| format!(": {help}"));
                    return Err(format!("`{name}` has no setting `{key}`{help}"));
                }
            },
            CallArg::PosSplat(_) | CallArg::KwargSplat(_) => return Ok(()),
        }
    }
    let most = takes.len();
    match given {
        given if given < *least => Err(format!(
            "`{name}` needs {}, not {given}",
            values(*least, if *least < most { " or more" } else { "" })
        )),
        given if given > most && most == 0 => Err(format!("`{name}` takes no values in brackets")),
        given if given > most => Err(format!("`{name}` takes at most {}, not {given}", values(most, ""))),
        _ => Ok(()),
    }
}

fn values(count: usize, more: &str) -> String {
    format!("{count}{more} value{}", if count == 1 && more.is_empty() { "" } else { "s" })
}

fn fits(name: &str, value: &Expr<'_>, takes: Takes) -> Result<(), String> {
    let Expr::Const(constant) = value else { return Ok(()) };
    let value: &Dynamic = &constant.value;
    if value.is_none() || value.is_undefined() {
        return Ok(());
    }
    let text = || value.as_str().ok_or_else(|| format!("`{name}` takes a text here, not {value}"));
    match takes {
        Any => Ok(()),
        Number if value.kind() == ValueKind::Number => Ok(()),
        Number => Err(format!("`{name}` takes a number here")),
        Text => text().map(drop),
        Form => time::check_form(text()?),
        Span => time::span(text()?).map(drop),
        Zone => time::zone(text()?).map(drop),
    }
}
