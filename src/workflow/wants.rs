//! Values of the wrong type, as far as they are known before anything runs: what settings want, filters take and
//! comparisons compare.

use super::config::Reader;
use super::diagnostics::Diagnostic;
use super::reads::{Constant, Read, shown};
use super::rules::instant;
use super::subjects::FieldType::{self, Integer, Json, List, Money, Number, Text, Time};
use super::template::{Gives, Template};

/// What a setting wants its template to give: `x-wants` of its schema.
struct Want {
    name: &'static str,
    words: &'static str,
    fits: &'static [FieldType],
    literal: fn(&str) -> bool,
    /// A text with values in it can be one.
    mixed: bool,
    example: &'static str,
}

const WANTS: &[Want] = &[
    Want {
        name: "list",
        words: "a list",
        fits: &[List, Json],
        literal: |_| false,
        mixed: false,
        example: "{{ customer.preferences.tags }}",
    },
    Want {
        name: "time",
        words: "a time",
        fits: &[Time, Text, Json],
        literal: |text| instant(text).is_some(),
        mixed: true,
        example: "2026-12-01",
    },
    Want {
        name: "integer",
        words: "a whole number",
        fits: &[Integer, Money, Number, Text, Json],
        literal: |text| text.trim().parse::<i64>().is_ok(),
        mixed: true,
        example: "{{ order.total // 100 }}",
    },
    Want {
        name: "email",
        words: "one e-mail address",
        fits: &[Text, Json],
        literal: |text| text.contains('@'),
        mixed: true,
        example: "{{ customer.email }}",
    },
];

/// Filters that take some types only, with words for what they take.
const FILTERS: &[(&[&str], &[FieldType], &str)] = &[
    (&["money"], &[Money, Integer, Number, Json], "an amount of money"),
    (&["date", "time", "plus", "minus"], &[Time, Text, Json], "a time"),
];

impl Reader<'_> {
    /// Checks a template whose value must be of a type.
    pub(super) fn wanted(&mut self, source: &str, wants: &str, path: &str) {
        let Some(want) = WANTS.iter().find(|want| want.name == wants) else { return };
        let Ok(template) = Template::parse(source) else { return };
        let padded = source.trim() != source;
        let found = match template.gives() {
            Gives::Literal(text) if !(want.literal)(text) => "this text".to_owned(),
            Gives::Text if !want.mixed => "a text".to_owned(),
            Gives::Path(read) => match self.scope.resolve(read) {
                Ok(ty) if !want.fits.contains(&ty) => format!("`{}`, {}", shown(read), ty.described()),
                _ => return,
            },
            _ => return,
        };
        let help = match template.gives() {
            Gives::Text if padded => "write one `{{ … }}`, without blanks around it".to_owned(),
            _ => format!("write such as `{}`", want.example),
        };
        let fault = Diagnostic::error("wrong-type", format!("this must give {}, not {found}", want.words));
        self.fault(fault.at(path).help(help));
    }

    /// Checks what is done with a value of a known type.
    pub(super) fn used(&mut self, read: &Read, ty: FieldType, path: &str) {
        let name = read.filter.as_deref().unwrap_or_default();
        let takes = FILTERS.iter().find(|(filters, ..)| filters.contains(&name));
        if let Some((_, _, words)) = takes.filter(|(_, types, _)| !types.contains(&ty)) {
            let message = format!("`{name}` takes {words}; `{}` is {}", read.shown(), ty.described());
            self.fault(Diagnostic::error("wrong-type", message).at(path).within(Some(read.range.clone())));
        }
        let (constant, help) = match (read.compared, ty) {
            (Some(Constant::Text), Integer | Money | Number) => ("a text", "write the number without quotes"),
            (Some(Constant::Number), Text | FieldType::Id | Time) => ("a number", "write it in quotes"),
            _ => return,
        };
        let message = format!("`{}` is {}: it is compared with {constant}", read.shown(), ty.described());
        let fault = Diagnostic::warning("unlike-types", message).at(path).within(Some(read.range.clone()));
        self.fault(fault.help(help));
    }
}
