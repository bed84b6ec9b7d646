//! DKIM signatures of mails as they arrive, judged by somebody else's verifier (dkimpy; `scripts/dkimpy` gets it).

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::support::sink::{Manner, Sink};
use crate::support::{Shop, edge, node};

/// A python with dkimpy. Without one the test is skipped, which `make test` says, and in CI refuses.
fn verifier() -> Option<String> {
    let said = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/dkimpy")).output().ok()?;
    let python = String::from_utf8_lossy(&said.stdout).trim().to_owned();
    if said.status.success() {
        return Some(python);
    }
    assert!(std::env::var_os("TEST_REQUIRE_NEWER").is_none(), "{}", String::from_utf8_lossy(&said.stderr));
    println!("SKIPPED: no dkimpy to verify signatures with");
    None
}

fn verifies(python: &str, record: &str, message: &str) -> bool {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support/verify.py");
    let mut asked = Command::new(python)
        .arg(script)
        .args(["first._domainkey.shop.example", record])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python");
    asked.stdin.take().expect("its input").write_all(message.as_bytes()).expect("written");
    let said = asked.wait_with_output().expect("an answer");
    match String::from_utf8_lossy(&said.stdout).trim() {
        "yes" => true,
        "no" => false,
        other => panic!("{other}"),
    }
}

/// A private key in PEM, and the record of its public half.
fn keys() -> [(String, String); 2] {
    let pem = |der: &[u8]| {
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der))
    };
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
    let public: PublicKeyX509Der<'_> = rsa.public_key().as_der().expect("DER");
    let private: Pkcs8V1Der<'_> = rsa.as_der().expect("DER");
    let of_rsa = (pem(private.as_ref()), format!("v=DKIM1; k=rsa; p={}", STANDARD.encode(public.as_ref())));
    let edwards = Ed25519KeyPair::generate().expect("a key");
    let public = STANDARD.encode(edwards.public_key().as_ref());
    let private = edwards.to_pkcs8v1().expect("DER");
    [of_rsa, (pem(private.as_ref()), format!("v=DKIM1; k=ed25519; p={public}"))]
}

#[tokio::test]
async fn signatures_hold_and_cover_what_readers_act_on() {
    let Some(python) = verifier() else { return };
    for (private, record) in keys() {
        let shop = Shop::open().await;
        let sink = Sink::open(Manner::Accepts).await;
        let file = shop.folder.path().join("dkim.pem");
        std::fs::write(&file, private).expect("written");
        let _daemon = shop
            .daemon_with(&[
                ("THENDO_MAIL__SMTP_URL", &sink.url),
                ("THENDO_MAIL__FROM", "Shöp <orders@shop.example>"),
                ("THENDO_MAIL__DKIM__DOMAIN", "shop.example"),
                ("THENDO_MAIL__DKIM__SELECTOR", "first"),
                ("THENDO_MAIL__DKIM__KEY_FILE", file.to_str().expect("a path")),
                ("THENDO_PUBLIC_URL", "https://shop.example"),
                ("THENDO_SECRETS__KEY", "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3I="),
            ])
            .await;
        let html = "<style>p { color: red }</style><p>Grüße, {{ customer.name }}  \n</p>\n.\n\n".repeat(3);
        shop.publishes(
            "mail",
            &json!({ "nodes": [
                node("start", "trigger", json!({ "triggerType": "order_created", "config": {} })),
                node("offer", "action", json!({ "actionType": "send_email", "config": {
                    "subject": "Ein ganz langer Betreff über Äpfel, Öl und Übermut, der umgebrochen wird",
                    "html": html, "consent": "marketing" } })) ],
                "edges": [edge("start", "offer")] }),
        )
        .await;
        shop.does("insert into consents (email, purpose, decision, source) values ('ada@example.com', 'marketing', 'granted', 't')")
            .await;
        shop.places_order(1_00).await;
        shop.has_settled().await;
        let mail = sink.taken().first().expect("a mail").replace('\n', "\r\n");
        assert!(verifies(&python, &record, &mail), "{mail}");
        for (what, other) in [
            (
                "another way out",
                mail.replacen("List-Unsubscribe: <https://shop", "List-Unsubscribe: <https://evil", 1),
            ),
            ("no one-click", mail.replacen("List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", "", 1)),
            ("another recipient", mail.replacen("To: ada@", "To: eve@", 1)),
            ("a second sender", format!("From: eve@evil.example\r\n{mail}")),
            ("a second subject", format!("Subject: evil\r\n{mail}")),
            ("another type", mail.replacen("multipart/alternative", "multipart/mixed", 1)),
            ("another date", mail.replacen("\r\nDate: ", "\r\nDate: 1", 1)),
            ("another id", mail.replacen("Message-ID: <", "Message-ID: <x", 1)),
            ("more words", format!("{mail}more\r\n")),
        ] {
            assert_ne!(other, mail, "{what}");
            assert!(!verifies(&python, &record, &other), "{what}");
        }
    }
}
