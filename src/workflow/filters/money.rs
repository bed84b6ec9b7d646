//! Money as people read it: decimals by currency, and the forms of a few languages.

use minijinja::value::{Kwargs, Value as Dynamic};
use minijinja::{Error, ErrorKind};

/// Currencies whose minor unit is not a hundredth (ISO 4217).
const WHOLE: &[&str] = &[
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF",
    "XOF", "XPF",
];
const THOUSANDTHS: &[&str] = &["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];

/// How a language writes money.
struct Form {
    language: &'static str,
    thousands: &'static str,
    point: &'static str,
    /// Digits before the point from which on they are grouped.
    grouped_from: usize,
    currency_first: bool,
    symbols: &'static [(&'static str, &'static str)],
}

const EURO: (&str, &str) = ("EUR", "€");
const NO_BREAK: &str = "\u{a0}";
const FORMS: &[Form] = &[
    Form {
        language: "en",
        thousands: ",",
        point: ".",
        grouped_from: 4,
        currency_first: true,
        symbols: &[EURO, ("USD", "$"), ("GBP", "£"), ("JPY", "¥")],
    },
    Form {
        language: "de",
        thousands: ".",
        point: ",",
        grouped_from: 4,
        currency_first: false,
        symbols: &[EURO],
    },
    Form {
        language: "fr",
        thousands: "\u{202f}",
        point: ",",
        grouped_from: 4,
        currency_first: false,
        symbols: &[EURO],
    },
    Form {
        language: "es",
        thousands: ".",
        point: ",",
        grouped_from: 5,
        currency_first: false,
        symbols: &[EURO],
    },
    Form {
        language: "it",
        thousands: ".",
        point: ",",
        grouped_from: 5,
        currency_first: false,
        symbols: &[EURO],
    },
    Form {
        language: "nl",
        thousands: ".",
        point: ",",
        grouped_from: 4,
        currency_first: true,
        symbols: &[EURO],
    },
];

/// Minor units as `250.00`, with the currency behind it if one is given, or in the form of a language.
pub(super) fn money(value: &Dynamic, currency: Option<String>, settings: Kwargs) -> Result<String, Error> {
    let refuse = |what: &str| Error::new(ErrorKind::InvalidOperation, what.to_owned());
    let locale = settings.get::<Option<String>>("locale")?;
    settings.assert_all_used()?;
    let whole = value.is_integer().then(|| i64::try_from(value.clone()).ok()).flatten();
    let amount = whole.ok_or_else(|| refuse("money takes whole minor units, such as order.total"))?;
    let currency = currency.map(|code| code.trim().to_ascii_uppercase()).unwrap_or_default();
    if currency.len() > 20 {
        return Err(refuse("a currency is three letters, such as EUR"));
    }
    let language = locale.as_deref().and_then(|locale| locale.split(['-', '_']).next()).unwrap_or_default();
    let form = FORMS.iter().find(|form| form.language.eq_ignore_ascii_case(language));
    Ok(match form {
        Some(form) => localised(amount, &currency, form),
        None => {
            let text = format!("{}{}", sign(amount), digits(amount, &currency, "", ".", usize::MAX));
            if currency.is_empty() { text } else { format!("{text} {currency}") }
        }
    })
}

fn sign(amount: i64) -> &'static str {
    if amount < 0 { "-" } else { "" }
}

fn digits(amount: i64, currency: &str, thousands: &str, point: &str, grouped_from: usize) -> String {
    let decimals = match currency {
        code if WHOLE.contains(&code) => 0,
        code if THOUSANDTHS.contains(&code) => 3,
        _ => 2,
    };
    let unit = 10_u64.pow(decimals);
    let whole = (amount.unsigned_abs() / unit).to_string();
    let mut text = String::new();
    for (at, digit) in whole.chars().enumerate() {
        let behind = whole.len() - at;
        if at > 0 && behind.is_multiple_of(3) && whole.len() >= grouped_from {
            text.push_str(thousands);
        }
        text.push(digit);
    }
    if decimals > 0 {
        text.push_str(point);
        text.push_str(&format!("{:0width$}", amount.unsigned_abs() % unit, width = decimals as usize));
    }
    text
}

fn localised(amount: i64, currency: &str, form: &Form) -> String {
    let digits = digits(amount, currency, form.thousands, form.point, form.grouped_from);
    let symbol = form.symbols.iter().find(|(code, _)| *code == currency).map(|(_, symbol)| *symbol);
    let (sign, name) = (sign(amount), symbol.unwrap_or(currency));
    match (name, form.currency_first) {
        ("", _) => format!("{sign}{digits}"),
        (_, false) => format!("{sign}{digits}{NO_BREAK}{name}"),
        (_, true) if form.language == "nl" => format!("{name}{NO_BREAK}{sign}{digits}"),
        (_, true) if symbol.is_none() => format!("{sign}{name}{NO_BREAK}{digits}"),
        (_, true) => format!("{sign}{name}{digits}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(amount: i64, currency: &str, locale: &str) -> String {
        let settings = Kwargs::from_iter([("locale", Dynamic::from(locale))]);
        money(&Dynamic::from(amount), Some(currency.into()), settings).expect("money")
    }

    #[test]
    fn each_currency_has_its_decimals() {
        assert_eq!(shown(25_000, "EUR", ""), "250.00 EUR");
        assert_eq!(shown(25_000, "JPY", ""), "25000 JPY");
        assert_eq!(shown(25_000, "KWD", ""), "25.000 KWD");
        assert_eq!(shown(-5, "eur", ""), "-0.05 EUR");
        assert_eq!(shown(i64::MIN, "", ""), "-92233720368547758.08");
        assert_eq!(
            shown(25_000, "PLN", "pl-PL"),
            "250.00 PLN",
            "languages without a form have the plain one"
        );
    }

    /// Euros as `Intl.NumberFormat` of Node 20 writes them.
    #[test]
    fn languages_have_their_forms() {
        let table = [
            ("en", "€1,234.50", "-€1,234,567.89", "¥12,345"),
            ("de-DE", "1.234,50_€", "-1.234.567,89_€", "12.345_JPY"),
            ("fr", "1~234,50_€", "-1~234~567,89_€", "12~345_JPY"),
            ("es", "1234,50_€", "-1.234.567,89_€", "12.345_JPY"),
            ("it_IT", "1234,50_€", "-1.234.567,89_€", "12.345_JPY"),
            ("nl", "€_1.234,50", "€_-1.234.567,89", "JPY_12.345"),
        ];
        for (locale, small, large, yen) in table {
            let spaced = |text: &str| text.replace('_', NO_BREAK).replace('~', "\u{202f}");
            assert_eq!(shown(123_450, "EUR", locale), spaced(small));
            assert_eq!(shown(-123_456_789, "EUR", locale), spaced(large));
            assert_eq!(shown(12_345, "JPY", locale), spaced(yen));
        }
        assert_eq!(shown(100, "CHF", "en"), "CHF\u{a0}1.00");
    }
}
