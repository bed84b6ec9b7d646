//! Diagnostics as text, like a good compiler's: the fault, the place in the file, the mend.

use std::collections::HashMap;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use jsonc_parser::ast::{Object, Value as Ast};
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde_json::Value;

use super::diagnostics::{Diagnostic, Severity, segment};

/// How the text is to look.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// With ANSI colours.
    pub colour: bool,
    /// Columns of the terminal.
    pub width: usize,
}

/// Parses a file's text.
///
/// # Errors
/// A diagnostic with its place in the text.
pub fn parse(source: &str) -> Result<Value, Box<Diagnostic>> {
    serde_json::from_str(source).map_err(|error| {
        let place = format!(" at line {} column {}", error.line(), error.column());
        let message = error.to_string();
        let message = message.strip_suffix(&place).unwrap_or(&message);
        let start = offset(source, error.line(), error.column());
        let end = source[start..].chars().next().map_or(start, |letter| start + letter.len_utf8());
        let place = format!("line {}, column {}", error.line(), error.column());
        let fault = Diagnostic::error("not-json", format!("this is not JSON: {message} ({place})"));
        Box::new(fault.within(Some(start..end)))
    })
}

/// The byte at a line and column, both from 1; the column counts bytes.
fn offset(source: &str, line: usize, column: usize) -> usize {
    let start: usize = source.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let mut at = (start + column.saturating_sub(1)).min(source.len());
    while !source.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// All diagnostics as text, each with an excerpt of the source and its place.
pub fn text(file: &str, source: &str, diagnostics: &[Diagnostic], style: Style) -> String {
    let spans = Spans::of(source);
    let renderer = if style.colour { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.term_width(style.width.max(40));
    let rendered = diagnostics.iter().map(|diagnostic| one(file, source, &spans, diagnostic, &renderer));
    rendered.collect::<Vec<_>>().join("\n\n")
}

fn one(file: &str, source: &str, spans: &Spans, diagnostic: &Diagnostic, renderer: &Renderer) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let about = match (&diagnostic.node, &diagnostic.edge) {
        (Some(node), Some(edge)) => format!("edge `{edge}` of node `{node}`"),
        (Some(node), None) => format!("node `{node}`"),
        (None, Some(edge)) => format!("edge `{edge}`"),
        (None, None) => String::new(),
    };
    let span = spans.find(source, diagnostic);
    let window = lines_around(source, &span);
    let first_line = source[..window.start].matches('\n').count() + 1;
    let mut annotation = AnnotationKind::Primary.span(span.start - window.start..span.end - window.start);
    if !about.is_empty() {
        annotation = annotation.label(&about);
    }
    let snippet = Snippet::source(&source[window]).path(file).line_start(first_line).annotation(annotation);
    let mut group = level.primary_title(&diagnostic.message).id(diagnostic.code).element(snippet);
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help));
    }
    renderer.render(&[group])
}

/// The lines of a span, with one before and behind.
fn lines_around(source: &str, span: &Range<usize>) -> Range<usize> {
    let line_start = |at: usize| source[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let line_end = |at: usize| source[at..].find('\n').map_or(source.len(), |newline| at + newline);
    let first = line_start(span.start);
    let last = line_end(span.end);
    line_start(first.saturating_sub(1).min(first))..line_end((last + 1).min(source.len()))
}

/// Where each JSON pointer is in the source.
struct Spans {
    places: HashMap<String, Place>,
}

struct Place {
    /// The value; for lists and objects what stands for them.
    range: Range<usize>,
    /// The name of the field, or else where the value begins.
    name: Range<usize>,
    string: bool,
}

impl Spans {
    fn of(source: &str) -> Self {
        let mut spans = Self { places: HashMap::new() };
        let options = ParseOptions::default();
        if let Ok(Some(root)) =
            parse_to_ast(source, &CollectOptions::default(), &options).map(|parsed| parsed.value)
        {
            let start = root.range().start;
            spans.collect(&root, String::new(), start..(start + 1).min(source.len()));
        }
        spans
    }

    /// `mark` is what stands for a list or an object: its name, or its id.
    fn collect(&mut self, value: &Ast<'_>, path: String, mark: Range<usize>) {
        let range = value.range();
        match value {
            Ast::Object(object) => {
                for property in &object.properties {
                    let name = property.name.range();
                    let below = format!("{path}/{}", segment(property.name.as_str()));
                    self.collect(&property.value, below, name.start..name.end);
                }
                let range = id_of(object).unwrap_or_else(|| mark.clone());
                self.places.insert(path, Place { range, name: mark, string: false });
            }
            Ast::Array(array) => {
                for (index, item) in array.elements.iter().enumerate() {
                    let start = item.range().start;
                    self.collect(item, format!("{path}/{index}"), start..start + 1);
                }
                self.places.insert(path, Place { range: mark.clone(), name: mark, string: false });
            }
            other => {
                let string = matches!(other, Ast::StringLit(_));
                self.places.insert(path, Place { range: range.start..range.end, name: mark, string });
            }
        }
    }

    /// The place of a diagnostic; that of the nearest parent if the file has nothing at its path.
    fn find(&self, source: &str, diagnostic: &Diagnostic) -> Range<usize> {
        let Some(mut path) = diagnostic.path.as_deref() else {
            let whole = diagnostic.within.clone().filter(|range| source.get(range.clone()).is_some());
            return whole.unwrap_or(0..0);
        };
        let exact = self.places.get(path);
        if let (Some(place), Some(within)) = (exact.filter(|place| place.string), &diagnostic.within) {
            return within_string(source, &place.range, within);
        }
        loop {
            if let Some(place) = self.places.get(path) {
                let by_name = diagnostic.code == "unknown-field";
                return if by_name { place.name.clone() } else { place.range.clone() };
            }
            match path.rfind('/') {
                Some(at) => path = &path[..at],
                None => return 0..0,
            }
        }
    }
}

/// The value of an object's `id`, which says best which object it is.
fn id_of(object: &Object<'_>) -> Option<Range<usize>> {
    let id = object.properties.iter().find(|property| property.name.as_str() == "id")?;
    let range = id.value.range();
    Some(range.start..range.end)
}

/// The source bytes of a part of a string's value: escapes are longer in the source than in the value.
fn within_string(source: &str, literal: &Range<usize>, within: &Range<usize>) -> Range<usize> {
    let Some(body) = source.get(literal.start + 1..literal.end.saturating_sub(1)) else {
        return literal.clone();
    };
    let mut value_at = 0;
    let mut letters = body.char_indices();
    let (mut start, mut end) = (None, None);
    while let Some((at, letter)) = letters.next() {
        if value_at >= within.start {
            start = start.or(Some(at));
        }
        if value_at >= within.end {
            end = Some(at);
            break;
        }
        value_at += match letter {
            '\\' => escaped_length(body, at, &mut letters),
            letter => letter.len_utf8(),
        };
    }
    let (start, end) = (start.unwrap_or(body.len()), end.unwrap_or(body.len()));
    let from = literal.start + 1 + start;
    from..(literal.start + 1 + end).max(from)
}

/// Bytes of the value that the escape at `at` stands for; moves `letters` behind it.
fn escaped_length(body: &str, at: usize, letters: &mut std::str::CharIndices<'_>) -> usize {
    if letters.next().is_none_or(|(_, letter)| letter != 'u') {
        return 1;
    }
    let unit = |at: usize| body.get(at..at + 4).and_then(|hex| u32::from_str_radix(hex, 16).ok());
    let skip = |letters: &mut std::str::CharIndices<'_>, count: usize| letters.by_ref().take(count).count();
    skip(letters, 4);
    match unit(at + 2) {
        Some(0xD800..0xDC00) => {
            skip(letters, 6);
            4
        }
        Some(code) => char::from_u32(code).map_or(3, char::len_utf8),
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Style = Style { colour: false, width: 100 };

    #[test]
    fn it_points_into_the_string() {
        let source = "{\n  \"nodes\": [\n    {\"id\": \"m\", \"data\": {\"text\": \"\\u00e4\\n {{ order.totl }}\"}}\n  ]\n}";
        let value = "ä\n {{ order.totl }}";
        let start = value.find("order.totl").expect("there");
        let fault = Diagnostic::error("unknown-name", "`order` has no field `totl`")
            .node("m")
            .at("/nodes/0/data/text")
            .within(Some(start..start + 10))
            .help("did you mean `total`?");
        let spans = Spans::of(source);
        assert_eq!(&source[spans.find(source, &fault)], "order.totl");
        let text = text("w.json", source, &[fault], PLAIN);
        assert!(text.starts_with("error[unknown-name]: `order` has no field `totl`"), "{text}");
        assert!(text.contains("w.json:3:") && text.contains("^^^^^^^^^^ node `m`"), "{text}");
        assert!(text.contains("help: did you mean `total`?"), "{text}");
    }

    #[test]
    fn what_is_not_there_points_to_its_parent() {
        let source = r#"{"nodes": [{"id": "a", "data": {}}]}"#;
        let fault = Diagnostic::error("x", "y").at("/nodes/0/data/config/points");
        assert_eq!(&source[Spans::of(source).find(source, &fault)], "\"data\"");
        let fault = Diagnostic::error("x", "y").at("/nodes/0");
        assert_eq!(&source[Spans::of(source).find(source, &fault)], "\"a\"");
        let fault = Diagnostic::error("unknown-field", "y").at("/nodes/0/id");
        assert_eq!(&source[Spans::of(source).find(source, &fault)], "\"id\"");
        for (source, path) in
            [("", Some("")), ("", None), ("[]", Some("/7/8")), ("ä", None), ("{", Some("/a"))]
        {
            let fault = Diagnostic {
                path: path.map(str::to_owned),
                within: Some(1..90),
                ..Diagnostic::error("x", "y")
            };
            assert!(!text("w.json", source, &[fault], PLAIN).is_empty());
        }
    }

    #[test]
    fn a_slip_in_the_json_is_shown() {
        let source = "{\n  \"nodes\": [,]\n}";
        let fault = parse(source).expect_err("not JSON");
        let text = text("w.json", source, &[*fault], PLAIN);
        assert!(
            text.contains("not-json") && text.contains("line 2, column 13") && text.contains('^'),
            "{text}"
        );
        for source in ["", "{", "[1 2]", "\"ä", "nul", "{\"a\":1}\n\n ü", &"[".repeat(500)] {
            let fault = parse(source).expect_err("not JSON");
            super::text("w.json", source, &[*fault], PLAIN);
        }
    }
}
