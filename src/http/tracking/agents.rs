//! Who fetches pixels and follows links without being a person, by what they say of themselves. Those who hide it are told by
//! nothing: figures stay upper bounds.

/// In small letters.
const SCANNERS: [&str; 46] = [
    // Proxies of mail programs, which fetch each image once, opened or not.
    "googleimageproxy",
    "ggpht.com",
    "yahoomailproxy",
    "yahoocachesystem",
    "duckduckgo",
    // Gateways that look behind links before mails are delivered.
    "safelinks",
    "microsoft office existence",
    "ms-office existence",
    "skypeuripreview",
    "barracuda",
    "mimecast",
    "proofpoint",
    "symantec",
    "messagelabs",
    "trendmicro",
    "sophos",
    "forcepoint",
    "websense",
    "fireeye",
    "ironport",
    "zscaler",
    "fortinet",
    "fortiguard",
    "kaspersky",
    "bitdefender",
    "checkpoint",
    "virustotal",
    "urlscan",
    "scanner",
    // Robots and programs.
    "crawler",
    "spider",
    "slurp",
    "facebookexternalhit",
    "whatsapp",
    "headless",
    "phantomjs",
    "curl/",
    "wget/",
    "python",
    "go-http-client",
    "java/",
    "libwww",
    "httpclient",
    "axios",
    "node-fetch",
    "monitor",
];

/// Whether this is what a proxy, a scanner or a program calls itself.
pub(super) fn is_scanner(agent: &str) -> bool {
    let agent = agent.trim().to_ascii_lowercase();
    // No browser is without a name; the second is Apple's privacy proxy.
    if agent.is_empty() || agent == "mozilla/5.0" {
        return true;
    }
    // A make of phones is called Cubot.
    let is_robot = agent.replace("cubot", "").contains("bot");
    is_robot || SCANNERS.iter().any(|scanner| agent.contains(scanner))
}

#[cfg(test)]
mod tests {
    use super::is_scanner;

    #[test]
    fn machines_are_told_from_people() {
        for machine in [
            "",
            "Mozilla/5.0",
            "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
            "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html",
            "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
            "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
            "Barracuda Sentinel (EE)",
            "curl/8.5.0",
            "python-requests/2.31.0",
            "Go-http-client/1.1",
        ] {
            assert!(is_scanner(machine), "{machine}");
        }
        for person in [
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
            "Mozilla/5.0 (Linux; Android 9; CUBOT X19) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36",
            "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; Microsoft Outlook 16.0.5000; ms-office; MSOffice 16)",
            "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.0",
        ] {
            assert!(!is_scanner(person), "{person}");
        }
    }
}
