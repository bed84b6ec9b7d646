//! OAuth tokens: stored for their owner, encrypted by AES-256, rotated as a whole, and in no log.

use std::io::{BufRead, BufReader};
use std::process::{Output, Stdio};

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use tempfile::TempDir;
use thendo::store::tokens::{
    HandOver, TokenError, hand_over, read_google_calendar_tokens, read_oauth_client_secret, rotate_token_key,
    store_google_calendar_tokens, store_oauth_client_secret,
};
use tokio_postgres::{Client, Transaction};
use uuid::Uuid;

use crate::support::look::whole_database;
use crate::support::server::thendo;
use crate::support::{Shop, connect};

const KEY: &str = "the-key-of-2026-DO-NOT-LOG";
const NEW_KEY: &str = "the-key-of-2027-DO-NOT-LOG";
const ACCESS: &str = "ya29.access-DO-NOT-LOG";
const REFRESH: &str = "1//refresh-DO-NOT-LOG";
const CLIENT: &str = "GOCSPX-client-DO-NOT-LOG";

fn secret(text: &str) -> SecretString {
    text.to_owned().into()
}

fn ends() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).expect("a time")
}

/// A transaction as PostgREST begins it. `account`: none for the backend.
async fn begins<'a>(db: &'a mut Client, role: &str, account: Option<Uuid>) -> Transaction<'a> {
    let tx = db.transaction().await.expect("a transaction");
    let claims = account.map_or_else(String::new, |id| format!("{{\"sub\": \"{id}\"}}"));
    tx.execute("select set_config('request.jwt.claims', $1, true)", &[&claims]).await.expect("claims");
    tx.batch_execute(&format!("set local role {role}")).await.expect("a role");
    tx
}

async fn account(db: &Client, email: &str) -> Uuid {
    let sql = "insert into auth.users (email, email_confirmed_at) values ($1, now()) returning id";
    db.query_one(sql, &[&email]).await.expect("an account").get(0)
}

async fn stores(db: &mut Client, owner: Uuid, key: &str, access: &str) -> Result<(), TokenError> {
    let (key, access, refresh) = (secret(key), secret(access), secret(REFRESH));
    let tx = begins(db, "authenticated", Some(owner)).await;
    let given = HandOver {
        access_token: Some(&access),
        refresh_token: Some(&refresh),
        ..HandOver::of_key("2026", &key)
    };
    hand_over(&tx, &given).await?;
    store_google_calendar_tokens(&tx, None, ends(), Some("calendar")).await?;
    tx.commit().await.map_err(TokenError::from)
}

/// The access token, as `role` and `account` see it.
async fn reads(
    db: &mut Client,
    role: &str,
    who: Option<Uuid>,
    of: Option<Uuid>,
    key: &str,
) -> Result<Option<String>, TokenError> {
    let key = secret(key);
    let tx = begins(db, role, who).await;
    hand_over(&tx, &HandOver::of_key("any", &key)).await?;
    let read = read_google_calendar_tokens(&tx, of).await?;
    Ok(read.map(|tokens| tokens.access.expose_secret().to_owned()))
}

#[tokio::test]
async fn tokens_are_their_owner_s() {
    let shop = Shop::open().await;
    let (ann, bob) = (account(&shop.db, "ann@x.example").await, account(&shop.db, "bob@x.example").await);
    let mut db = connect(&shop.url).await;
    stores(&mut db, ann, KEY, ACCESS).await.expect("stored");
    assert_eq!(
        reads(&mut db, "authenticated", Some(ann), None, KEY).await.expect("read").as_deref(),
        Some(ACCESS)
    );
    for (role, who) in [("authenticated", Some(bob)), ("authenticated", None)] {
        assert_eq!(reads(&mut db, role, who, Some(ann), KEY).await.expect("asked"), None, "{role} {who:?}");
    }
    let fault = reads(&mut db, "anon", None, Some(ann), KEY).await.expect_err("closed");
    assert!(matches!(fault, TokenError::Refused), "{fault}");
    let backend = reads(&mut db, "service_role", None, Some(ann), KEY).await.expect("read");
    assert_eq!(backend.as_deref(), Some(ACCESS));
    shop.db.execute("select grant_admin($1)", &[&bob]).await.expect("granted");
    let admin = reads(&mut db, "authenticated", Some(bob), Some(ann), KEY).await.expect("read");
    assert_eq!(admin.as_deref(), Some(ACCESS));
    // A wrong key says so, and nothing else.
    let fault = reads(&mut db, "authenticated", Some(ann), None, NEW_KEY).await.expect_err("wrong");
    assert!(matches!(fault, TokenError::WrongKey), "{fault:?}");
    assert!(!format!("{fault:?}").contains("DO-NOT-LOG"));
    // Nobody stores for another.
    let (key, access) = (secret(KEY), secret("forged"));
    let mallory = account(&shop.db, "mallory@x.example").await;
    let tx = begins(&mut db, "authenticated", Some(mallory)).await;
    let given = HandOver { access_token: Some(&access), ..HandOver::of_key("2026", &key) };
    hand_over(&tx, &given).await.expect("handed over");
    let forged = store_google_calendar_tokens(&tx, Some(ann), ends(), None).await;
    assert!(forged.is_err());
}

#[tokio::test]
async fn what_is_stored_is_aes_256_and_what_was_handed_over_is_gone() {
    let shop = Shop::open().await;
    let ann = account(&shop.db, "ann@x.example").await;
    let mut db = connect(&shop.url).await;
    stores(&mut db, ann, KEY, ACCESS).await.expect("stored");
    // RFC 9580: packet 3 (symmetric-key encrypted session key), version 4, cipher 9: AES-256.
    let head = "select get_byte(t, 0) * 10000 + get_byte(t, 2) * 100 + get_byte(t, 3)
                  from google_calendar_tokens, unnest(array[access_token_encrypted, refresh_token_encrypted]) t limit 1";
    assert_eq!(shop.number(head, &[]).await, 195 * 10_000 + 4 * 100 + 9);
    let left = "select coalesce(string_agg(current_setting('thendo.' || s, true), ''), '') from
                unnest(array['token_key_id', 'token_key', 'token_former_key', 'access_token', 'refresh_token', 'client_secret']) s";
    assert_eq!(db.query_one(left, &[]).await.expect("settings").get::<_, String>(0), "");
    let fault =
        db.execute("select read_google_calendar_tokens($1)", &[&ann]).await.expect_err("no key any more");
    assert!(
        fault.as_db_error().expect("told").message().contains("no token key was handed over"),
        "{fault:?}"
    );
    assert_eq!(shop.count("token_handover").await, 0);
    let everything = whole_database(&shop.db).await;
    assert!(everything.contains("ann@x.example"), "the look finds what is there");
    assert!(!everything.contains("DO-NOT-LOG"));
    // A new access token without a refresh token keeps the one that Google gave once.
    let (key, access) = (secret(KEY), secret("second"));
    let tx = begins(&mut db, "authenticated", Some(ann)).await;
    hand_over(&tx, &HandOver { access_token: Some(&access), ..HandOver::of_key("2026", &key) })
        .await
        .expect("handed");
    store_google_calendar_tokens(&tx, None, ends(), None).await.expect("stored");
    let read = read_google_calendar_tokens(&tx, None).await.expect("read").expect("there");
    assert_eq!(
        (read.access.expose_secret(), read.refresh.expect("kept").expose_secret()),
        ("second", REFRESH)
    );
}

async fn rotates(db: &mut Client, former: &str) -> Result<u64, TokenError> {
    let (key, former) = (secret(NEW_KEY), secret(former));
    rotate_token_key(db, &HandOver { former_key: Some(&former), ..HandOver::of_key("2027", &key) }).await
}

#[tokio::test]
async fn a_rotation_takes_all_or_nothing() {
    let shop = Shop::open().await;
    let mut db = connect(&shop.url).await;
    let ann = account(&shop.db, "ann@x.example").await;
    let odd = account(&shop.db, "odd@x.example").await;
    stores(&mut db, ann, KEY, ACCESS).await.expect("stored");
    stores(&mut db, odd, "a third key that nobody told", ACCESS).await.expect("stored");
    provider(&mut db).await;
    let before = whole_database(&shop.db).await;
    assert!(matches!(rotates(&mut db, KEY).await, Err(TokenError::WrongKey)));
    assert_eq!(whole_database(&shop.db).await, before, "nothing is half rotated");
    shop.db.execute("delete from google_calendar_tokens where user_id = $1", &[&odd]).await.expect("gone");
    assert_eq!(rotates(&mut db, KEY).await.expect("rotated"), 2);
    assert_eq!(rotates(&mut db, KEY).await.expect("again"), 0);
    let fault = reads(&mut db, "service_role", None, Some(ann), KEY).await.expect_err("the old key");
    assert!(matches!(fault, TokenError::WrongKey));
    assert_eq!(
        reads(&mut db, "service_role", None, Some(ann), NEW_KEY).await.expect("read").as_deref(),
        Some(ACCESS)
    );
}

/// An OAuth provider with its secret, stored and read by the backend.
async fn provider(db: &mut Client) {
    let sql = "insert into oauth_providers (name, client_id, authorize_url, token_url)
               values ('google', 'shop', 'https://a.example/', 'https://t.example/') on conflict do nothing";
    db.batch_execute(sql).await.expect("a provider");
    let (key, client) = (secret(KEY), secret(CLIENT));
    let tx = begins(db, "service_role", None).await;
    let given = HandOver { client_secret: Some(&client), ..HandOver::of_key("2026", &key) };
    hand_over(&tx, &given).await.expect("handed over");
    store_oauth_client_secret(&tx, "google").await.expect("stored");
    assert!(store_oauth_client_secret(&tx, "nobody").await.is_err());
    drop(tx);
    let tx = begins(db, "service_role", None).await;
    hand_over(&tx, &given).await.expect("handed over");
    store_oauth_client_secret(&tx, "google").await.expect("stored");
    let read = read_oauth_client_secret(&tx, "google").await.expect("read").expect("there");
    assert_eq!(read.expose_secret(), CLIENT);
    tx.commit().await.expect("committed");
}

fn rotate_by_command(url: &str, folder: &TempDir, more: &[&str]) -> Output {
    let (new, old) = (folder.path().join("new.key"), folder.path().join("old.key"));
    std::fs::write(&new, format!("{NEW_KEY}\n")).expect("written");
    std::fs::write(&old, format!("{KEY}\n")).expect("written");
    let mut command = thendo();
    command.args(["tokens", "rotate", "--key-id", "2027", "--database-url", url]).args(more);
    command.arg("--key-file").arg(new).arg("--former-key-file").arg(old);
    command.stdin(Stdio::null()).output().expect("the built binary")
}

#[tokio::test]
async fn the_command_rotates_once_it_may() {
    let shop = Shop::open().await;
    let mut db = connect(&shop.url).await;
    let ann = account(&shop.db, "ann@x.example").await;
    stores(&mut db, ann, KEY, ACCESS).await.expect("stored");
    let unasked = rotate_by_command(&shop.url, &shop.folder, &[]);
    assert_eq!(unasked.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unasked.stderr).contains("--yes"), "{unasked:?}");
    let done = rotate_by_command(&shop.url, &shop.folder, &["--yes", "--format", "json"]);
    let told: serde_json::Value = serde_json::from_slice(&done.stdout).expect("JSON");
    assert_eq!((&told["rotated"], &told["key_id"]), (&1.into(), &"2027".into()), "{done:?}");
    assert_eq!(
        reads(&mut db, "service_role", None, Some(ann), NEW_KEY).await.expect("read").as_deref(),
        Some(ACCESS)
    );
    stores(&mut db, ann, "neither of the two keys", ACCESS).await.expect("stored");
    let wrong = rotate_by_command(&shop.url, &shop.folder, &["--yes"]);
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(!wrong.status.success() && said.contains("nothing was changed"), "{said}");
    assert!(!said.contains("DO-NOT-LOG"), "{said}");
}

/// A server that writes down all it can.
fn talkative(folder: &TempDir) -> (std::process::Child, String) {
    let mut command = thendo();
    command.args(["postgres", "--data-dir"]).arg(folder.path().join("data")).stdout(Stdio::piped());
    for (name, value) in [
        ("LOG_STATEMENT", "all"),
        ("LOG_MIN_DURATION_STATEMENT", "0"),
        ("LOG_PARAMETER_MAX_LENGTH", "-1"),
        ("LOG_PARAMETER_MAX_LENGTH_ON_ERROR", "-1"),
        ("LOG_MIN_ERROR_STATEMENT", "debug5"),
        ("LOG_MIN_MESSAGES", "debug2"),
        ("LOG_ERROR_VERBOSITY", "verbose"),
        ("TRACK_ACTIVITY_QUERY_SIZE", "65536"),
        ("SHARED_PRELOAD_LIBRARIES", "pg_stat_statements,auto_explain"),
        ("FSYNC", "off"),
    ] {
        command.env(format!("THENDO_POSTGRES__SETTINGS__{name}"), value);
    }
    let mut server = command.spawn().expect("starts");
    let mut line = String::new();
    BufReader::new(server.stdout.take().expect("piped")).read_line(&mut line).expect("one line");
    (server, line.trim().to_owned())
}

/// All that a server keeps of what it was told.
async fn heard(db: &Client, folder: &TempDir) -> String {
    let mut all = String::new();
    for entry in std::fs::read_dir(folder.path().join("data")).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            all.push_str(&String::from_utf8_lossy(&std::fs::read(path).expect("readable")));
        }
    }
    let seen = "select coalesce(string_agg(query, e'\n'), '') from (
                    select query from pg_stat_activity union all select query from pg_stat_statements) q";
    all + &db.query_one(seen, &[]).await.expect("seen").get::<_, String>(0)
}

#[tokio::test]
async fn no_log_hears_keys_or_tokens() {
    let folder = tempfile::Builder::new().prefix("thendo-test-").tempdir_in("/tmp").expect("a folder");
    let open = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open).expect("opened");
    let (mut server, url) = talkative(&folder);
    let migrated = thendo().args(["migrate", "--database-url", &url]).output().expect("the binary");
    assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
    let mut db = connect(&url).await;
    db.batch_execute("create extension pg_stat_statements; set pg_stat_statements.track = 'all';
        set auto_explain.log_min_duration = 0; set auto_explain.log_nested_statements = on; set auto_explain.log_verbose = on")
        .await.expect("all is written down");
    let (ann, bob) = (account(&db, "ann@x.example").await, account(&db, "bob@x.example").await);
    stores(&mut db, ann, KEY, ACCESS).await.expect("stored");
    provider(&mut db).await;
    reads(&mut db, "authenticated", Some(ann), None, KEY).await.expect("read").expect("there");
    // What goes wrong: another key, another's tokens, nothing handed over, a COPY that breaks off.
    reads(&mut db, "authenticated", Some(ann), None, NEW_KEY).await.expect_err("wrong key");
    let tx = begins(&mut db, "authenticated", Some(bob)).await;
    let (key, access) = (secret(KEY), secret(ACCESS));
    let given = HandOver { access_token: Some(&access), ..HandOver::of_key("2026", &key) };
    hand_over(&tx, &given).await.expect("handed over");
    store_google_calendar_tokens(&tx, Some(ann), ends(), None).await.expect_err("not his");
    drop(tx);
    let tx = begins(&mut db, "authenticated", Some(ann)).await;
    store_google_calendar_tokens(&tx, None, ends(), None).await.expect_err("nothing handed over");
    drop(tx);
    malformed(&mut db).await;
    assert!(matches!(rotates(&mut db, "not the key").await, Err(TokenError::WrongKey)));
    assert_eq!(rotates(&mut db, KEY).await.expect("rotated"), 2);
    assert!(rotate_by_command(&url, &folder, &["--yes"]).status.success());
    let all = heard(&db, &folder).await;
    let heard_of: Vec<_> = all.lines().filter(|line| line.contains("DO-NOT-LOG")).collect();
    assert!(heard_of.is_empty(), "{heard_of:#?}");
    // The same look finds what came another way.
    db.query("select length($1::text)", &[&"marker-in-a-parameter"]).await.expect("asked");
    db.batch_execute("select 'marker-in-a-statement'").await.expect("asked");
    let all = heard(&db, &folder).await;
    assert!(all.contains("marker-in-a-parameter") && all.contains("marker-in-a-statement"));
    assert!(
        all.contains("Wrong key or corrupt data") && all.contains("pgp_sym_decrypt"),
        "it wrote all down"
    );
    rustix::process::kill_process(rustix::process::Pid::from_child(&server), rustix::process::Signal::INT)
        .expect("told");
    server.wait().expect("ended");
}

/// A COPY whose second row breaks off in the middle of a token.
async fn malformed(db: &mut Client) {
    use futures_util::SinkExt;
    let tx = begins(db, "service_role", None).await;
    let sink = tx
        .copy_in("copy public.token_handover (key_id, key) from stdin (format binary)")
        .await
        .expect("begun");
    let mut sink = std::pin::pin!(sink);
    let mut bytes = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
    bytes.extend_from_slice(&[0, 2, 0, 0, 0, 1, b'k', 0, 0, 0, 200]);
    bytes.extend_from_slice(KEY.as_bytes());
    sink.send(std::io::Cursor::new(bytes)).await.expect("sent");
    sink.finish().await.expect_err("it breaks off");
}
