//! Settings, as a user of the command line meets them.

use std::process::{Command, Output};

fn thendo(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_thendo"));
    command.args(arguments).current_dir(folder.path());
    command.env_remove("DATABASE_URL").env_remove("THENDO_CONFIG");
    command.envs(environment.iter().copied()).output().expect("ran")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn an_unknown_key_is_an_error_with_the_nearest() {
    let output = thendo(&["config", "show"], &[("THENDO_MAIL__FORM", "x@y.example")]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stderr(&output),
        "error: THENDO_MAIL__FORM sets `mail.form`, which is no setting\nhelp: did you mean `THENDO_MAIL__FROM`?\n"
    );
}

#[test]
fn show_masks_secrets_and_names_sources() {
    let environment =
        [("DATABASE_URL", "postgres://ada:s3cret@db/shop"), ("THENDO_MAIL__SMTP_URL", "smtp://a:s3cret@m")];
    for format in ["text", "json"] {
        let output = thendo(&["config", "show", "--format", format], &environment);
        let shown = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && !shown.contains("s3cret"), "{shown}");
        assert!(
            shown.contains("postgres://ada:****@db/shop") && shown.contains("THENDO_MAIL__SMTP_URL"),
            "{shown}"
        );
    }
}

#[test]
fn a_missing_file_and_a_misspelled_flag_are_told_apart() {
    let output = thendo(&["config", "show", "--config", "nowhere.toml"], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("nowhere.toml"), "{}", stderr(&output));
    let output = thendo(&["config", "shwo"], &[]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn without_a_database_the_ways_to_name_one_are_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().to_string_lossy().into_owned();
    let output = thendo(&["executions", "list", "--data-dir", &dir], &[]);
    assert_eq!(output.status.code(), Some(1));
    for way in ["thendo up", "--database-url", "DATABASE_URL", "--data-dir"] {
        assert!(stderr(&output).contains(way), "{}", stderr(&output));
    }
}

#[test]
fn a_refused_connection_never_shows_the_password() {
    let url = "postgres://ada:s3cret@127.0.0.1:1/shop";
    let output = thendo(&["migrate", "--database-url", url], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("postgres://ada:****@127.0.0.1:1/shop"), "{}", stderr(&output));
    assert!(!stderr(&output).contains("s3cret"));
}

#[test]
fn the_installations_key_is_shown_nowhere() {
    let key = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlYyE=";
    for variable in ["THENDO_SECRETS__KEY", "THENDO_SECRETS__OLD_KEYS"] {
        let shown = thendo(&["config", "show"], &[(variable, key)]);
        let said = format!("{}{}", String::from_utf8_lossy(&shown.stdout), stderr(&shown));
        assert!(shown.status.success() && said.contains("****") && !said.contains(key), "{said}");
        let shown = thendo(&["config", "show"], &[(variable, "c2VjcmV0")]);
        assert!(
            stderr(&shown).contains(variable) && !stderr(&shown).contains("c2VjcmV0"),
            "{}",
            stderr(&shown)
        );
        assert!(stderr(&shown).contains("openssl rand -base64 32"), "{}", stderr(&shown));
    }
}
