//! What a machine can judge of the project's own SQL: columns are named, and what is read is bounded.

use std::path::{Path, PathBuf};

use thendo::store::statements;

/// Statements of the data plane without a limit, that no array of keys bounds either, and why that is right.
const BOUNDED_OTHERWISE: &[(&str, &str)] = &[
    ("mark_undone", "adds one row"),
    ("forget_dead_letters", "the latest attempt of one execution"),
    ("one_version", "by its key"),
    ("campaign_content", "by its key"),
    ("versions_in_force", "all of them are what the engine runs; one for each published workflow"),
    ("stored_mails", "all of them are what the engine sends; one for each template of the shop"),
    ("quarantine", "by its key"),
    ("start_workflows", "one row for each that is asked for"),
    ("use_secrets", "one row for each that is named"),
    ("start_times", "one row for each that is moved"),
    ("register_daemon", "one row by its key"),
    ("raise_dead_letters", "at most one row for each that is asked for"),
    ("look_for_trouble", "one row for each kind"),
    ("mark_alert_told", "one row by its key"),
    ("bury_daemons", "daemons that died, and what they had in hand: a batch for each worker"),
    ("look_at_deliveries", "one row"),
    ("take_in_hand", "one row by its key"),
    ("forget_deaths", "daemons that died within an hour"),
];
/// Places that read all there is, and why that is right.
const READ_WHOLE: &[(&str, &str)] = &[
    ("src/database/migrate.rs", "as many rows as there are migration files"),
    ("src/database/adopt", "as many as there are objects in the catalog"),
    ("src/database/attach.rs", "as many as there are triggers"),
    ("src/database/describe/catalog.rs", "as many as there are objects in the catalog, and seed rows"),
    ("src/store/erasure.rs", "one row for each kind of thing"),
    ("src/store/session.rs", "hands on the statements that are judged one by one"),
];

fn files(folder: &str, extension: &str) -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
        for path in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path())
        {
            if path.is_dir() {
                walk(&path, extension, found);
            } else if path.extension().is_some_and(|kind| kind == extension) {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    walk(&root.join(folder), extension, &mut found);
    found.sort();
    assert!(!found.is_empty(), "no .{extension} in {folder}: the check checks nothing");
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a readable file");
        (path.strip_prefix(root).expect("below the root").to_owned(), text)
    };
    found.into_iter().map(read).collect()
}

/// Without comments, in lower case, each run of white space one blank.
fn plain(text: &str, comment: &str) -> String {
    let code = text.lines().map(|line| line.split(comment).next().unwrap_or_default());
    code.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ").to_lowercase()
}

/// Every place that asks for all columns there are, whatever they will be.
fn stars(sql: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in sql.match_indices('*') {
        let (before, after) = (&sql[..at], &sql[at + 1..]);
        let word =
            before.rsplit(|c: char| c.is_whitespace() || c == '(' || c == ',').next().unwrap_or_default();
        let is_member = word.len() > 1
            && word.ends_with('.')
            && word[..word.len() - 1].chars().all(|c| c.is_alphanumeric() || c == '_');
        let is_whole =
            ["select ", "returning ", "distinct ", "all "].iter().any(|lead| before.ends_with(lead));
        // A list that stands right here names its columns; so does a variable of the table's own kind.
        let names_them = after.starts_with(" from (values") || (is_member && after.starts_with(" into "));
        // One value, not many columns: to_jsonb(n.*), count(n.*).
        let is_one_value = is_member && before[..before.len() - word.len()].ends_with('(');
        if (is_whole || is_member) && !names_them && !is_one_value {
            let from = before.char_indices().rev().nth(40).map_or(0, |(place, _)| place);
            found.push(format!("…{}*", &before[from..]));
        }
    }
    found
}

#[test]
fn columns_are_named() {
    let mut faults = Vec::new();
    let mut judge = |files: Vec<(PathBuf, String)>, comment: &str| {
        for (path, text) in files {
            faults.extend(
                stars(&plain(&text, comment)).into_iter().map(|star| format!("{}: {star}", path.display())),
            );
        }
    };
    judge(files("src/store", "rs"), "//");
    judge(files("src/database", "rs"), "//");
    judge(files("src/store", "sql"), "--");
    judge(files("migrations", "sql"), "--");
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn a_star_is_told_from_a_count() {
    for bad in [
        "select * from orders",
        "select o.id, c.* from orders o",
        "delete from x returning *",
        "select distinct * from y",
    ] {
        assert_eq!(stars(bad).len(), 1, "{bad}");
    }
    for good in [
        "select count(*) from x",
        "select to_jsonb(n.*) from n",
        "select 2 * 3",
        "select a.b * c.d",
        "select * from (values (1)) as t (n)",
    ] {
        assert_eq!(stars(good), Vec::<String>::new(), "{good}");
    }
}

#[test]
fn what_people_list_has_a_limit() {
    let mut faults = Vec::new();
    let mut read = 0;
    for folder in ["src/store", "src/database"] {
        for (path, text) in files(folder, "rs") {
            if READ_WHOLE.iter().any(|(known, _)| path.starts_with(known)) {
                continue;
            }
            for call in [".fetch_all(", ".fetch(", "client.query("] {
                for (at, _) in text.match_indices(call) {
                    read += 1;
                    let begin = text[..at].rfind("fn ").unwrap_or(0);
                    if !plain(&text[begin..at], "//").contains("limit ") {
                        let line = text[..at].lines().count();
                        faults.push(format!("{}:{line}: reads as many rows as there are", path.display()));
                    }
                }
            }
        }
    }
    assert!(read >= 5, "only {read} lists found: the check checks nothing");
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn what_the_engine_reads_is_bounded() {
    let statements: Vec<_> = statements().collect();
    let mut faults = Vec::new();
    for sql in &statements {
        let text = plain(sql.text, "--");
        // By a limit, by the keys that are given, or because one call gives one row.
        let is_bounded = ["limit ", "= any ($", "unnest($"].iter().any(|word| text.contains(word));
        let is_one_call = text.starts_with("select ") && !text.contains(" from ");
        let is_known = BOUNDED_OTHERWISE.iter().any(|(name, _)| *name == sql.name);
        if is_known && (is_bounded || is_one_call) {
            faults.push(format!("{}: no exception any more", sql.name));
        } else if !is_known && !is_bounded && !is_one_call {
            faults.push(format!("{}: {text}", sql.name));
        }
    }
    for (name, _) in BOUNDED_OTHERWISE {
        if !statements.iter().any(|sql| sql.name == *name) {
            faults.push(format!("{name}: an exception for nothing"));
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}
