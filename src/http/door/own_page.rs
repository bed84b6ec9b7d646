//! Whether a request comes from a page of this daemon: browsers say so, and no other page can say it for them.

use axum::http::{HeaderMap, header};

/// Whether the browser says that one of our own pages asks. Who says nothing is none.
pub(super) fn asks(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let site = text("sec-fetch-site");
    let origin = text(header::ORIGIN.as_str());
    if site.is_some_and(|site| site != "same-origin") {
        return false;
    }
    match (origin, text(header::HOST.as_str())) {
        (Some(origin), Some(host)) => {
            let named = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
            named.is_some_and(|named| named.eq_ignore_ascii_case(host))
        }
        (Some(_), None) => false,
        (None, _) => site.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::asks;
    use axum::http::{HeaderMap, HeaderName, HeaderValue};

    #[test]
    fn only_our_own_pages_ask() {
        for (said, expected) in [
            (&[][..], false),
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("origin", "http://shop:7878"), ("host", "shop:7878")], true),
            (&[("origin", "https://SHOP"), ("host", "shop")], true),
            (&[("origin", "http://shop:7879"), ("host", "shop:7878")], false),
            (&[("origin", "http://shop.evil.example"), ("host", "shop")], false),
            (&[("origin", "null"), ("host", "shop")], false),
            (&[("origin", "http://shop")], false),
            (&[("origin", "http://evil"), ("host", "shop"), ("sec-fetch-site", "same-origin")], false),
            (&[("origin", "http://shop"), ("host", "shop"), ("sec-fetch-site", "cross-site")], false),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in said {
                headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            assert_eq!(asks(&headers), expected, "{said:?}");
        }
    }
}
