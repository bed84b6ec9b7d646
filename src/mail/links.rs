//! The links of a mail's HTML, found as browsers find them, and written anew. What is in doubt stays as it was written: a mail
//! that is not tracked harms nobody, one that is broken does.

use html_escape::{decode_html_entities, encode_double_quoted_attribute};

/// What stands in these is text, whatever it looks like.
const RAW: [&str; 10] =
    ["style", "script", "title", "textarea", "xmp", "iframe", "noembed", "noframes", "plaintext", "svg"];
/// On a link: it is left alone.
const LEFT_ALONE: &str = "data-no-track";

/// The HTML with other addresses where `anew` knows one, and with `pixel` at the end of what it shows.
pub(super) fn rewritten(html: &str, mut anew: impl FnMut(&str) -> Option<String>, pixel: &str) -> String {
    let mut out = String::with_capacity(html.len() * 2);
    let (mut copied, mut body_ends, mut at) = (0, None, 0);
    let is_whole = loop {
        let Some(next) = html[at..].find('<').map(|found| at + found) else { break true };
        let Some(piece) = piece(html, next) else { break false };
        if let Some(href) = piece.href
            && let Some(link) = address(&html[href.value.0..href.value.1]).and_then(|address| anew(&address))
        {
            out.push_str(&html[copied..href.whole.0]);
            out.push('"');
            out.push_str(&encode_double_quoted_attribute(&link));
            out.push('"');
            copied = href.whole.1;
        }
        if piece.ends_body || (piece.ends_all && body_ends.is_none()) {
            out.push_str(&html[copied..next]);
            copied = next;
            body_ends = Some(out.len());
        }
        at = piece.end;
    };
    out.push_str(&html[copied..]);
    match body_ends {
        Some(at) => out.insert_str(at, pixel),
        None if is_whole => out.push_str(pixel),
        // Nobody knows what it would be a part of.
        None => {}
    }
    out
}

/// What begins with a `<`.
#[derive(Default)]
struct Piece {
    /// Where it ends.
    end: usize,
    /// Its address, if it is a link that may be written anew.
    href: Option<Href>,
    /// It is the end of the body.
    ends_body: bool,
    /// It is the end of the document.
    ends_all: bool,
}

struct Href {
    /// With its quotes.
    whole: (usize, usize),
    /// Without.
    value: (usize, usize),
}

/// The piece that begins at `at`; none if it does not end, or if browsers don't agree where.
fn piece(html: &str, at: usize) -> Option<Piece> {
    let rest = &html[at..];
    let until = |from: usize, end: &str| Some(at + from + rest.get(from..)?.find(end)? + end.len());
    let to = |end: usize| Piece { end, ..Piece::default() };
    if let Some(comment) = rest.strip_prefix("<!--") {
        if comment.starts_with('>') || comment.starts_with("->") {
            return until(4, ">").map(to);
        }
        return end_of_comment(html, at + 4).map(to);
    }
    let closes = rest.starts_with("</");
    let name_at = at + 1 + usize::from(closes);
    let name_end = html[name_at..].find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != ':');
    let name_end = name_at + name_end.unwrap_or(html.len() - name_at);
    let name = &html[name_at..name_end];
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return match rest.as_bytes().get(1) {
            // Such as `<![CDATA[`, which is a comment or is none.
            Some(b'!') if rest.starts_with("<![CDATA[") => None,
            Some(b'!' | b'?' | b'/') => until(2, ">").map(to),
            _ => Some(to(at + 1)),
        };
    }
    let tag = tag(html, name_end)?;
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    if closes {
        return Some(Piece { end: tag.end, href: None, ends_body: is("body"), ends_all: is("html") });
    }
    if let Some(raw) = RAW.iter().find(|raw| is(raw)) {
        return after_raw(html, tag.end, raw).map(to);
    }
    let href = tag.href.filter(|_| is("a") && !tag.is_left_alone);
    Some(Piece { href, ..to(tag.end) })
}

fn end_of_comment(html: &str, from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += html[at..].find("--")? + 1;
        let behind = &html[at + 1..];
        if behind.starts_with('>') || behind.starts_with("!>") {
            return Some(at + 1 + behind.find('>')? + 1);
        }
    }
}

/// Behind the end tag of what holds text.
fn after_raw(html: &str, from: usize, name: &str) -> Option<usize> {
    let mut at = from;
    loop {
        at += html[at..].find("</")? + 2;
        let rest = &html[at..];
        let here = rest.get(..name.len()).is_some_and(|word| word.eq_ignore_ascii_case(name));
        let ends = rest.as_bytes().get(name.len());
        if here && ends.is_some_and(|end| end.is_ascii_whitespace() || matches!(end, b'/' | b'>')) {
            return Some(at + rest.find('>')? + 1);
        }
    }
}

struct Tag {
    end: usize,
    href: Option<Href>,
    is_left_alone: bool,
}

/// The attributes of a tag, from behind its name on. None if it does not end.
fn tag(html: &str, from: usize) -> Option<Tag> {
    let bytes = html.as_bytes();
    let mut tag = Tag { end: 0, href: None, is_left_alone: false };
    let mut has_href = false;
    let mut at = from;
    let skip = |mut at: usize, which: &dyn Fn(u8) -> bool| {
        while bytes.get(at).is_some_and(|byte| which(*byte)) {
            at += 1;
        }
        at
    };
    loop {
        at = skip(at, &|byte| byte.is_ascii_whitespace() || byte == b'/');
        if *bytes.get(at)? == b'>' {
            tag.end = at + 1;
            return Some(tag);
        }
        let name_at = at;
        // A name may begin with `=`.
        at = skip(at + 1, &|byte| !byte.is_ascii_whitespace() && !matches!(byte, b'/' | b'>' | b'='));
        let name = bytes.get(name_at..at)?;
        // Something was not closed before it.
        tag.is_left_alone |= name.iter().any(|byte| matches!(byte, b'"' | b'\'' | b'<'));
        tag.is_left_alone |= name.eq_ignore_ascii_case(LEFT_ALONE.as_bytes());
        let behind = skip(at, &|byte| byte.is_ascii_whitespace());
        if bytes.get(behind) != Some(&b'=') {
            continue;
        }
        let begin = skip(behind + 1, &|byte| byte.is_ascii_whitespace());
        let href = match *bytes.get(begin)? {
            quote @ (b'"' | b'\'') => {
                let end = skip(begin + 1, &|byte| byte != quote);
                bytes.get(end)?;
                at = end + 1;
                Href { whole: (begin, at), value: (begin + 1, end) }
            }
            b'>' => {
                at = begin;
                continue;
            }
            _ => {
                at = skip(begin, &|byte| !byte.is_ascii_whitespace() && byte != b'>');
                Href { whole: (begin, at), value: (begin, at) }
            }
        };
        // The first one counts.
        if name.eq_ignore_ascii_case(b"href") && !std::mem::replace(&mut has_href, true) {
            tag.href = Some(href);
        }
    }
}

/// What an attribute's value means; none if that depends on who reads it.
fn address(value: &str) -> Option<String> {
    for reference in value.split('&').skip(1) {
        let length =
            reference.find(|c: char| !c.is_ascii_alphanumeric() && c != '#').unwrap_or(reference.len());
        let (name, behind) = reference.split_at(length);
        // Such as `&copy` at the end: with or without a semicolon some of them are signs.
        if !name.is_empty() && !behind.starts_with([';', '=']) {
            return None;
        }
    }
    Some(decode_html_entities(value.trim_ascii()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(html: &str) -> (String, Vec<String>) {
        let mut found = Vec::new();
        let anew = |address: &str| {
            address.starts_with("http").then(|| {
                found.push(address.to_owned());
                format!("T{}", found.len())
            })
        };
        let html = rewritten(html, anew, "<P>");
        (html, found)
    }

    #[test]
    fn links_are_found_however_they_are_written() {
        for (html, then, to) in [
            ("<a href=\"http://x/?a=1&amp;b=2\">x</a>", "<a href=\"T1\">x</a><P>", "http://x/?a=1&b=2"),
            ("<A\n class='b'\tHREF = 'http://x/\"y'>x", "<A\n class='b'\tHREF = \"T1\">x<P>", "http://x/\"y"),
            ("<a href=http://x/>x", "<a href=\"T1\">x<P>", "http://x/"),
            ("<a title=\"a > b\" href=\"http://x\"/>", "<a title=\"a > b\" href=\"T1\"/><P>", "http://x"),
            ("<a href='http://x'title=y>", "<a href=\"T1\"title=y><P>", "http://x"),
            ("<a href=\"http://x\" href=\"http://y\">", "<a href=\"T1\" href=\"http://y\"><P>", "http://x"),
            ("<a href=\" http://x/&auml;&#x2f;ä \">", "<a href=\"T1\"><P>", "http://x/ä/ä"),
            ("<a href=\"http://x/?a&b=2&copy=3\">", "<a href=\"T1\"><P>", "http://x/?a&b=2&copy=3"),
            ("1 < 2 <a href=\"http://x\"></a>", "1 < 2 <a href=\"T1\"></a><P>", "http://x"),
            ("<!----><!--><a href=\"http://x\">", "<!----><!--><a href=\"T1\"><P>", "http://x"),
            ("<style>a{}</style ><a href=\"http://x\">", "<style>a{}</style ><a href=\"T1\"><P>", "http://x"),
            ("<![if !mso]><a href=\"http://x\">", "<![if !mso]><a href=\"T1\"><P>", "http://x"),
        ] {
            assert_eq!(with(html), (then.to_owned(), vec![to.to_owned()]), "{html}");
        }
    }

    #[test]
    fn what_is_no_link_or_in_doubt_stays_as_it_is() {
        for html in [
            "",
            "no HTML & none > at < all",
            "<a href=\"mailto:a@b.c\">x</a><a href=\"#top\">x</a><a href>x</a><a href=>x</a><a>x</a>",
            "<a data-no-track href=\"http://x\">x</a>",
            "<a href=\"http://x\" DATA-NO-TRACK=\"\">x</a>",
            "<abbr href=\"http://x\"><link href=\"http://x\"><area href=\"http://x\"><a-b href=\"http://x\">",
            "<!-- <a href=\"http://x\"> --><!--[if mso]><a href=\"http://x\"><![endif]-->",
            "<title><a href=\"http://x\"></title><textarea><a href=\"http://x\"></textarea>",
            "<style></styled><a href=\"http://x\"></style>",
            "<svg><a href=\"http://x\"></a></svg>",
            "<p title='<a href=\"http://x\">'>",
            "<a title=\"x\"\" href=\"http://x\">",
            "<a <b href=\"http://x\">",
            "<a href=\"http://x/?a=1&copy\"><a href=\"http://x/?&lt/\"><a href=\"http://x/?&#38\">",
            "</a href=\"http://x\"><?a href=\"http://x\"?></ a href=\"http://x\">",
        ] {
            assert_eq!(with(html), (format!("{html}<P>"), vec![]), "{html}");
        }
        // Nor is anything put where nobody knows what it would be a part of.
        for html in [
            "<a href=\"http://x",
            "<a href=\"http://x\"",
            "<a href=http://x",
            "<a ",
            "<a",
            "<!-- <a href=\"http://x\">",
            "<style><a href=\"http://x\">",
            "<textarea><a href=\"http://x\"></textarea",
            "<![CDATA[ <a href=\"http://x\"> ]]>",
            "<plaintext><a href=\"http://x\">",
        ] {
            assert_eq!(with(html), (html.to_owned(), vec![]), "{html}");
        }
    }

    #[test]
    fn the_pixel_is_the_last_that_is_shown() {
        for (html, then) in [
            ("<html><body>x</body></html>", "<html><body>x<P></body></html>"),
            ("<html>x</html>", "<html>x<P></html>"),
            ("<body>x</BODY >", "<body>x<P></BODY >"),
            ("<!-- </body> -->x", "<!-- </body> -->x<P>"),
            ("<a href=http://x>x</body>\n", "<a href=\"T1\">x<P></body>\n"),
            ("x</body><a href=\"http://x", "x<P></body><a href=\"http://x"),
        ] {
            assert_eq!(with(html).0, then);
        }
    }

    #[test]
    fn any_bytes_at_all_are_kept() {
        let parts = [
            "<a href=\"http://x\">",
            "<",
            ">",
            "\"",
            "'",
            "<!--",
            "-->",
            "</",
            "<style",
            "ä",
            "&#",
            "=",
            " ",
            "\u{0}",
            "<a ",
        ];
        let mut state = 7_u32;
        for _ in 0..20_000 {
            let mut html = String::new();
            for _ in 0..12 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                html.push_str(parts[(state >> 16) as usize % parts.len()]);
            }
            // What is taken out is put back: nothing else has changed.
            let (anew, found) = with(&html);
            let back = (1..=found.len()).fold(anew.replace("<P>", ""), |html, n| {
                html.replacen(&format!("\"T{n}\""), "\"http://x\"", 1)
            });
            assert_eq!(back, html, "{found:?}");
        }
        let began = std::time::Instant::now();
        for part in ["<a ", "<!--", "<!---->", "</", "<style>", "<a href=\"", "&", "<a href=http://x "] {
            with(&part.repeat(60_000));
        }
        assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
    }
}
