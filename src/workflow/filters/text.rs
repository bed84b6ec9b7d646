//! Words, numbers and addresses in templates.

use minijinja::value::{Value as Dynamic, ValueKind};
use minijinja::{Error, ErrorKind};

fn refuse(what: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, what)
}

/// The one word for 1, the other for all else. Of a list, its length counts.
pub(super) fn pluralize(count: &Dynamic, one: String, many: Option<String>) -> Result<String, Error> {
    let number = match count.kind() {
        ValueKind::Number => f64::try_from(count.clone()).ok(),
        _ if count.as_str().is_some() => count.as_str().and_then(|text| text.trim().parse().ok()),
        _ => count.len().map(|length| length as f64),
    };
    match number {
        Some(number) if number.abs() == 1.0 => Ok(one),
        Some(_) => Ok(many.unwrap_or_else(|| format!("{one}s"))),
        None => Err(refuse("pluralize takes a number or a list".into())),
    }
}

/// A share as percent: 0.125 is `13%`, or `12.5%` with one decimal.
pub(super) fn percent(share: f64, decimals: Option<usize>) -> Result<String, Error> {
    let decimals = decimals.unwrap_or(0);
    if decimals > 6 || !share.is_finite() || share.abs() > 1e12 {
        return Err(refuse("percent takes a share such as 0.125, and at most 6 decimals".into()));
    }
    // Halves go up, as people round, not to the even neighbour.
    let places = 10_f64.powi(decimals as i32);
    Ok(format!("{:.decimals$}%", (share * 100.0 * places).round() / places))
}

/// At most so many letters, the sign for what is left out among them.
pub(super) fn truncate(text: String, letters: Option<usize>, end: Option<String>) -> String {
    let (most, end) = (letters.unwrap_or(80), end.unwrap_or_else(|| "…".into()));
    if text.chars().count() <= most {
        return text;
    }
    let kept: String = text.chars().take(most.saturating_sub(end.chars().count())).collect();
    let whole: String = end.chars().take(most).collect();
    format!("{}{whole}", kept.trim_end())
}

/// Lower case letters, digits and `-`: a part of an address.
pub(super) fn slug(text: String) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars().flat_map(char::to_lowercase) {
        match plain(letter) {
            Some(plain) => out.push_str(plain),
            None if letter.is_alphanumeric() => out.push(letter),
            // An apostrophe is left out: "don't" is `dont`.
            None if matches!(letter, '\'' | '’') || ('\u{300}'..='\u{36f}').contains(&letter) => {}
            None if !out.is_empty() && !out.ends_with('-') => out.push('-'),
            None => {}
        }
    }
    out.truncate(out.trim_end_matches('-').len());
    out
}

/// Letters of European languages as those of ASCII.
fn plain(letter: char) -> Option<&'static str> {
    Some(match letter {
        'ä' | 'æ' => "ae",
        'ö' | 'œ' => "oe",
        'ü' => "ue",
        'ß' => "ss",
        'þ' => "th",
        'à' | 'á' | 'â' | 'ã' | 'å' | 'ā' | 'ă' | 'ą' => "a",
        'ç' | 'ć' | 'č' => "c",
        'ď' | 'đ' | 'ð' => "d",
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ė' | 'ę' | 'ě' => "e",
        'ğ' | 'ģ' => "g",
        'ì' | 'í' | 'î' | 'ï' | 'ī' | 'į' | 'ı' => "i",
        'ķ' => "k",
        'ł' | 'ľ' | 'ļ' => "l",
        'ñ' | 'ń' | 'ň' | 'ņ' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ø' | 'ō' | 'ő' => "o",
        'ř' => "r",
        'ś' | 'š' | 'ş' | 'ș' => "s",
        'ť' | 'ţ' | 'ț' => "t",
        'ù' | 'ú' | 'û' | 'ū' | 'ů' | 'ű' | 'ų' => "u",
        'ý' | 'ÿ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        _ => return None,
    })
}

/// An address that may stand in a link: of the web, a mail address or a telephone number, and nothing that runs.
pub(super) fn url(text: String) -> Result<String, Error> {
    let text = text.trim();
    let (scheme, rest) = text.split_once(':').unwrap_or_default();
    let rest = match scheme.to_ascii_lowercase().as_str() {
        "http" | "https" => rest.strip_prefix("//").unwrap_or_default(),
        "mailto" | "tel" => rest,
        _ => "",
    };
    if rest.is_empty() || rest.starts_with(['/', '?', '#']) {
        let shown: String = text.chars().take(60).collect();
        return Err(refuse(format!(
            "`{shown}` is no address: it begins with https://, http://, mailto: or tel:"
        )));
    }
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'"' | b'\'' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' => {
                out.push_str(&format!("%{byte:02X}"));
            }
            byte if byte.is_ascii_graphic() => out.push(char::from(byte)),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_parts_of_addresses() {
        for (text, slug_of) in [
            ("Größe: 42 – neu!", "groesse-42-neu"),
            ("  Crème brûlée  ", "creme-brulee"),
            ("don't", "dont"),
            ("İstanbul", "istanbul"),
            ("日本 2026", "日本-2026"),
            ("---", ""),
        ] {
            assert_eq!(slug(text.into()), slug_of);
        }
    }

    #[test]
    fn links_lead_to_addresses_only() {
        let ok = |text: &str| url(text.into()).expect("an address");
        assert_eq!(ok(" https://a.example/ä b?x=\"1\" "), "https://a.example/%C3%A4%20b?x=%221%22");
        assert_eq!(ok("mailto:ada@example.com"), "mailto:ada@example.com");
        for bad in [
            "javascript:alert(1)",
            "JaVaScRiPt://a/%0aalert(1)",
            "data:text/html,x",
            "vbscript:x",
            "",
            "https:",
            "https://",
            "https:///x",
            "//a.example",
            "/orders/1",
            "java\nscript:alert(1)",
            "http:javascript://x?",
            "mailto:",
            "\u{1}javascript:x",
        ] {
            assert!(url(bad.into()).is_err(), "{bad}");
        }
    }

    #[test]
    fn truncation_counts_letters() {
        let cut = |text: &str, most| truncate(text.into(), Some(most), None);
        assert_eq!(cut("äöüß", 4), "äöüß");
        assert_eq!(cut("äöüßé", 4), "äöü…");
        assert_eq!(cut("one two", 5), "one…");
        assert_eq!((cut("ab", 1), cut("ab", 0)), ("…".into(), String::new()));
        assert_eq!(truncate("abcdef".into(), Some(2), Some("...".into())), "..");
    }
}
