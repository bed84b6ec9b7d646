//! What a mail says, made ready to be sent: styles stand where mail programs look for them, and who reads no HTML gets text.

use std::io::{self, Write};
use std::thread;

use css_inline::CSSInliner;

use crate::domain::effect::Email;

/// Bytes of HTML that a mail may have once its styles are in place.
const MAX_HTML_BYTES: usize = 1024 * 1024;
/// Bytes of a text that is made of HTML. Beyond that a mail goes without.
const MAX_TEXT_BYTES: usize = 256 * 1024;
/// Tags: parsers take time by the square of how deep they nest.
const MAX_TAGS: usize = 8_000;
/// Tags such as `<b>` that are open at once: each paragraph that follows gets all of them anew.
const MAX_OPEN: usize = 100;
/// Tables within tables: each is laid out several times by the one around it.
const MAX_TABLES: usize = 24;
/// Rules times tags: each rule is looked for at each element.
const MAX_MATCHES: usize = 2_000_000;
/// Letters in a line of text.
const WIDTH: usize = 76;
/// Up to here any stack is deep enough.
const SHALLOW_BYTES: usize = 2 * 1024;
/// Elements within elements are walked through by functions within functions. Virtual memory, touched as far as it is needed.
const DEEP_STACK_BYTES: usize = 512 * 1024 * 1024;

/// Why a mail's content can't be made ready. Trying again cannot help.
#[derive(Debug, thiserror::Error)]
pub enum ContentFault {
    /// Too many rules for too many tags.
    #[error("the HTML has {rules} style rules for {tags} tags, which is too much work: use fewer of either")]
    Styles {
        /// So many of one …
        rules: usize,
        /// … for so many of the other.
        tags: usize,
    },
    /// Too many tags.
    #[error("the HTML has more than {MAX_TAGS} tags, which is too much work: shorten it")]
    Tags,
    /// Too many tags that are not closed.
    #[error(
        "the HTML has more than {MAX_OPEN} tags such as <b>, <i>, <a>, <font> that are not closed: close them"
    )]
    Open,
    /// Tables in tables in tables.
    #[error("the HTML has more than {MAX_TABLES} tables within each other, or tables that are not closed")]
    Tables,
    /// Too long.
    #[error("the HTML is longer than {} KiB once its styles are in place", MAX_HTML_BYTES / 1024)]
    Long,
    /// What the library said, or that it panicked.
    #[error("the styles of the HTML can't be put in place: {0}")]
    Unfit(String),
}

/// The mail with its styles in place and with a text, if it has HTML alone. One without HTML stays as it is.
///
/// # Errors
/// [`ContentFault`].
pub fn finish(email: Email) -> Result<Email, ContentFault> {
    let Some(html) = email.html.as_deref() else { return Ok(email) };
    let has_styles = finds(html, "<style");
    if !has_styles && !email.text.trim().is_empty() {
        return Ok(email);
    }
    let wants_text = email.text.trim().is_empty();
    check_tags(html)?;
    let work = || {
        let styled = has_styles.then(|| with_styles(html)).transpose()?;
        Ok((styled, wants_text.then(|| text_of(html)).flatten()))
    };
    let (styled, text) = if html.len() <= SHALLOW_BYTES { work() } else { deep(work) }?;
    let (text, html) = (text.unwrap_or(email.text), styled.or(email.html));
    Ok(Email { text, html, ..email })
}

/// What takes parsers long is refused before they see it.
fn check_tags(html: &str) -> Result<(), ContentFault> {
    const KEPT: [&str; 14] =
        ["a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"];
    let (mut tags, mut tables, mut open) = (0, 0_usize, [0_usize; KEPT.len()]);
    let count = |open: usize, closes: bool| if closes { open.saturating_sub(1) } else { open + 1 };
    for tag in html.split('<').skip(1) {
        tags += 1;
        let (closes, name) = tag.strip_prefix('/').map_or((false, tag), |name| (true, name));
        let end = name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len());
        if let Some(at) = KEPT.iter().position(|kept| name[..end].eq_ignore_ascii_case(kept)) {
            open[at] = count(open[at], closes);
        } else if name[..end].eq_ignore_ascii_case("table") {
            tables = count(tables, closes);
        }
        if tags > MAX_TAGS {
            return Err(ContentFault::Tags);
        }
        if open.iter().sum::<usize>() > MAX_OPEN {
            return Err(ContentFault::Open);
        }
        if tables > MAX_TABLES {
            return Err(ContentFault::Tables);
        }
    }
    Ok(())
}

/// Without regard to upper and lower case; `part` is in lower case.
fn finds(html: &str, part: &str) -> bool {
    html.as_bytes().windows(part.len()).any(|at| at.eq_ignore_ascii_case(part.as_bytes()))
}

fn deep<T: Send>(work: impl FnOnce() -> Result<T, ContentFault> + Send) -> Result<T, ContentFault> {
    thread::scope(|scope| {
        let worker = thread::Builder::new().stack_size(DEEP_STACK_BYTES).spawn_scoped(scope, work);
        let worker = worker.map_err(|error| ContentFault::Unfit(error.to_string()))?;
        worker.join().unwrap_or_else(|_| Err(ContentFault::Unfit("it can't be read".into())))
    })
}

fn with_styles(html: &str) -> Result<String, ContentFault> {
    let tags = html.matches('<').count();
    // Each selector of a list counts.
    let rules = html.matches('{').count() + html.matches(',').count();
    if rules.saturating_mul(tags) > MAX_MATCHES {
        return Err(ContentFault::Styles { rules, tags });
    }
    // What can't be put in place, such as what counts on small screens only, stays where it was.
    let inliner = CSSInliner::options().load_remote_stylesheets(false).keep_at_rules(true).build();
    let mut out = Bounded { bytes: Vec::with_capacity(html.len() * 2), is_full: false };
    let inlined = inliner.inline_to(html, &mut out);
    if out.is_full {
        return Err(ContentFault::Long);
    }
    inlined.map_err(|error| ContentFault::Unfit(error.to_string()))?;
    String::from_utf8(out.bytes).map_err(|error| ContentFault::Unfit(error.to_string()))
}

/// The text that the HTML shows, with its links below it. None if it is too deep or too wide to be shown as text.
fn text_of(html: &str) -> Option<String> {
    let text = html2text::config::plain().string_from_read(html.as_bytes(), WIDTH).ok()?;
    (text.len() <= MAX_TEXT_BYTES).then_some(text).filter(|text| !text.trim().is_empty())
}

struct Bounded {
    bytes: Vec<u8>,
    is_full: bool,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > MAX_HTML_BYTES {
            self.is_full = true;
            return Err(io::Error::other("full"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn of(html: impl Into<String>) -> Email {
        Email { to: "a@b.c".into(), html: Some(html.into()), ..Email::default() }
    }

    #[test]
    fn styles_are_put_in_place_and_a_text_is_made() {
        let html = "<html><head><style>p { color: red } @media (max-width: 9px) { p { color: blue } }</style></head>\
            <body><p>Hello <a href=\"https://example.com/x\">you</a></p><ul><li>one<li>two</ul></body></html>";
        let mail = finish(of(html)).expect("fits");
        let html = mail.html.expect("HTML");
        assert!(html.contains("<p style=\"color: red;\">") && html.contains("@media"), "{html}");
        assert!(mail.text.contains("Hello") && mail.text.contains("https://example.com/x"), "{}", mail.text);
        assert!(mail.text.contains("* one") && !mail.text.contains("color"), "{}", mail.text);
    }

    #[test]
    fn what_was_written_stays_as_it_was() {
        let own = Email { text: "Mine".into(), ..of("<p>Hello") };
        assert_eq!(finish(own.clone()).expect("fits"), own);
        let plain = Email { text: "Mine".into(), ..Email::default() };
        assert_eq!(finish(plain.clone()).expect("fits"), plain);
    }

    #[test]
    fn nothing_is_fetched() {
        let html = "<link rel=\"stylesheet\" href=\"file:///etc/passwd\"><style>@import url(file:///etc/passwd); p{color:red}</style><p>x";
        let mail = finish(of(html)).expect("fits");
        assert!(!mail.html.expect("HTML").contains("root:"));
    }

    #[test]
    fn a_hostile_mail_costs_little_and_breaks_nothing() {
        let rules: String = (0..2_000).map(|n| format!(".c{n} p div > a{{color:red}}")).collect();
        let long: String = (0..500).map(|n| format!("p{{--v{n}:{}}}", "x".repeat(40))).collect();
        let open: String = (0..95).map(|n| format!("<b a={n}>")).collect();
        let most = MAX_TAGS - 50;
        let all = [
            ("beyond all", "<div>".repeat(50_000)),
            ("deep with styles", format!("<style>div{{color:red}}</style>{}", "<div>".repeat(most / 3))),
            ("quoted", "<blockquote>x".repeat(most)),
            ("tables", "<table><tr><td>x".repeat(most / 3)),
            ("nested tables", "<table><tr><td>x<td>y<td>".repeat(MAX_TABLES)),
            (
                "rows",
                format!("{}{}", "<table><tr><td>".repeat(MAX_TABLES), "<tr><td>x<td>y".repeat(most / 4)),
            ),
            ("columns", format!("<table><tr>{}", "<td>x".repeat(most))),
            ("bold", "<b>x".repeat(most)),
            ("bold anew", format!("<style>b{{color:red}}</style><p>{open}</p>{}", "<p>x".repeat(most - 200))),
            ("small and deep", "<div>".repeat(SHALLOW_BYTES / 5)),
            ("small and deep too", format!("<style>i{{color:red}}</style>{}", "<table><td>".repeat(180))),
            ("rules", format!("<style>{rules}</style>{}", "<p><div>x".repeat(2_000))),
            ("matches", format!("<style>{rules}</style>{}", "<p><div><a>x</a>".repeat(240))),
            ("growing", format!("<style>{long}</style>{}", "<p>x</p>".repeat(300))),
            ("no HTML", "\u{1}\u{7f}<<<>>>&&&;&#0;&#xffffffff;".repeat(1_300)),
        ];
        for (name, html) in all {
            let (bytes, began) = (html.len(), Instant::now());
            let said = match finish(of(html)) {
                Ok(mail) => {
                    format!("{} of HTML, {} of text", mail.html.unwrap_or_default().len(), mail.text.len())
                }
                Err(fault) => fault.to_string(),
            };
            println!("{name}, {bytes} bytes: {said}, {:?}", began.elapsed());
            assert!(began.elapsed().as_secs() < 20, "{name}");
        }
    }
}
