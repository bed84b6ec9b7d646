use super::*;

#[test]
fn defaults_are_within_bounds() {
    assert_eq!(Settings::default().check(), Ok(()));
}

#[test]
fn what_is_out_of_bounds_names_its_key() {
    let mut settings = Settings::default();
    settings.engine.batch = 5001;
    let fault = settings.check().expect_err("too large");
    assert_eq!(fault.to_string(), "`engine.batch` is 5001; it must be from 1 to 5000");
    let mut settings = Settings::default();
    settings.mail.from = "nobody".into();
    assert_eq!(settings.check().expect_err("no address").key, "mail.from");
    for wrong in ["localhost", "http://localhost:80", ":80", "localhost:port", "u@h:1"] {
        let settings = Settings { http: Http { allow: vec![wrong.into()] }, ..Settings::default() };
        assert_eq!(settings.check().expect_err("no server").key, "http.allow", "{wrong}");
    }
}

#[test]
fn no_form_of_a_url_shows_its_password() {
    for url in [
        "postgres://ada:s3cret@db.example.com:5432/shop?sslmode=require",
        "postgres://ada:s3/cret@db.example.com/shop",
        "postgres://ada:s3?cret@db.example.com/shop",
        "postgresql:///shop?host=/run&user=ada&password=s3cret",
        "host=db password=s3cret",
        "smtp://ada:s3@cret@mail.example.com",
    ] {
        let shown = mask_url(url);
        assert!(!shown.contains("cret") && !shown.contains("s3"), "{url} shows as {shown}");
    }
    assert_eq!(
        mask_url("postgres://ada:s3cret@db/shop?sslmode=require"),
        "postgres://ada:****@db/shop?sslmode=require"
    );
    assert_eq!(mask_url("postgresql:///thendo?host=/run/x"), "postgresql:///thendo?host=/run/x");
}

#[test]
fn showing_settings_masks_secrets() {
    let settings = Settings {
        database_url: Some("postgres://ada:s3cret@db/shop".into()),
        mail: Mail { smtp_url: Some("smtp://u:s3cret@mail".into()), ..Mail::default() },
        ..Settings::default()
    };
    let shown = serde_json::to_string(&settings).expect("serializes");
    assert!(!shown.contains("s3cret"), "{shown}");
    assert!(!format!("{settings:?}").contains("s3cret"));
}
