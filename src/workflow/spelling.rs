//! What other languages write otherwise: helps for expressions that can't be read.

/// Signs of other languages, longest first, and what is written here.
const SIGNS: &[(&str, &str)] = &[
    ("===", "=="),
    ("!==", "!="),
    ("&&", "and"),
    ("||", "or"),
    ("<>", "!="),
    ("=>", ">="),
    ("=<", "<="),
    ("??", "|default(…)"),
];
/// Signs that hold one of the above, and mean something.
const KNOWN: &[&str] = &["==", "!=", ">=", "<="];

/// The mend of an expression that can't be read, if it is written as elsewhere.
pub(super) fn of(source: &str) -> Option<String> {
    let code = without_texts(source);
    let mut rest = code.as_str();
    while let Some(first) = rest.chars().next() {
        if let Some((sign, here)) = SIGNS.iter().find(|(sign, _)| rest.starts_with(sign)) {
            return Some(format!("write `{here}` in place of `{sign}`"));
        }
        if let Some(known) = KNOWN.iter().find(|known| rest.starts_with(**known)) {
            rest = &rest[known.len()..];
            continue;
        }
        match first {
            '=' => return Some("write `==` in place of `=`".into()),
            '!' => return Some("write `not` in place of `!`".into()),
            _ => rest = &rest[first.len_utf8()..],
        }
    }
    None
}

/// The mend of a name that stands for a constant elsewhere.
pub(super) fn of_name(name: &str) -> Option<String> {
    let here = match name {
        "null" | "NULL" | "Null" | "nil" | "undefined" => "none",
        "secret" | "secrets" => "secret(\"NAME\")",
        "TRUE" => "true",
        "FALSE" => "false",
        _ => return None,
    };
    Some(format!("write `{here}` in place of `{name}`"))
}

/// The code, with blanks for what is in quotes.
fn without_texts(source: &str) -> String {
    let mut quote = None;
    let mut blank = |letter: char| match (quote, letter) {
        (None, '"' | '\'') => {
            quote = Some(letter);
            ' '
        }
        (None, letter) => letter,
        (Some(open), close) => {
            if open == close {
                quote = None;
            }
            ' '
        }
    };
    source.chars().map(&mut blank).collect()
}
