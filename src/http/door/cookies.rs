//! The cookie of a session: set, read, taken away.

use axum::http::{HeaderMap, HeaderValue, header};

/// Its name by https: browsers take one of this name from this host by https alone, so that no neighbour sets it.
const SECURE: &str = "__Host-thendo_session";
/// Its name by http, where browsers take no such one.
const PLAIN: &str = "thendo_session";

/// The session that a browser shows. Of several cookies of this name, none counts.
pub(super) fn read(headers: &HeaderMap) -> Option<String> {
    let wanted = name(headers);
    let all = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut ours = all
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, value)| *name == wanted && !value.is_empty());
    let (_, first) = ours.next()?;
    ours.next().is_none().then(|| first.to_owned())
}

/// Has the browser that asks so keep `token` for so many seconds; 0 takes it away.
pub(super) fn set(asked: &HeaderMap, token: &str, seconds: i64) -> HeaderValue {
    let secure = if is_https(asked) { "; Secure" } else { "" };
    let name = name(asked);
    let text = format!("{name}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
    // Letters, digits, `-` and `_` alone.
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}

fn name(asked: &HeaderMap) -> &'static str {
    if is_https(asked) { SECURE } else { PLAIN }
}

/// Whether the browser came by https, as the first proxy on its way says. Who says so untruly loses the cookie.
fn is_https(headers: &HeaderMap) -> bool {
    let said = headers.get("x-forwarded-proto").map(HeaderValue::as_bytes).unwrap_or_default();
    let first = said.split(|byte| *byte == b',').next().unwrap_or_default();
    first.trim_ascii().eq_ignore_ascii_case(b"https")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn by_https_the_cookie_is_this_host_s_alone() {
        for (said, expected) in
            [("https", true), ("HTTPS, http", true), ("http, https", false), ("http", false), ("", false)]
        {
            let set = set(&asked(&[("x-forwarded-proto", said)]), "abc", 60);
            let set = set.to_str().expect("text");
            assert_eq!(set.starts_with("__Host-thendo_session=abc; Path=/; "), expected, "{said}: {set}");
            assert_eq!(set.ends_with("; Secure"), expected, "{said}: {set}");
        }
    }

    #[test]
    fn one_cookie_counts_and_none_that_came_another_way() {
        let plain = asked(&[("cookie", "a=b; thendo_session=abc")]);
        assert_eq!(read(&plain).as_deref(), Some("abc"));
        for none in [
            &[("cookie", "thendo_session=abc; thendo_session=def")][..],
            &[("cookie", "thendo_session=abc"), ("cookie", "thendo_session=def")],
            &[("cookie", "thendo_session=")],
            &[("cookie", "__Host-thendo_session=abc")],
            &[("cookie", "thendo_session=abc"), ("x-forwarded-proto", "https")],
        ] {
            assert_eq!(read(&asked(none)), None, "{none:?}");
        }
    }
}
