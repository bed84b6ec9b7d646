//! What a machine can judge of the house's order: imports go down, SQL stays in its rooms, files and
//! functions stay short enough to be read at once.

use std::path::{Path, PathBuf};

/// From the top of the house to its ground: a room uses those that come after it, and its own.
const ROOMS: &[&[&str]] = &[
    &["main"],
    &["cli"],
    &["app"],
    &["http"],
    &["operations"],
    &["testrun", "seed"],
    &["doctor"],
    &["engine"],
    &["kinds"],
    &["actions", "triggers", "conditions", "controls"],
    &["workflow"],
    &["mail", "outside"],
    &["store"],
    &["database"],
    &["domain"],
];
/// Where statements may stand. The private server's and the migrator's are their own business.
const SQL_ROOMS: &[&str] = &["store", "database"];
const LONGEST_FILE: usize = 400;
const LONGEST_FUNCTION: usize = 70;

fn files(folder: &str) -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path())
        {
            if entry.is_dir() {
                walk(&entry, found);
            } else if entry.extension().is_some_and(|extension| extension == "rs") {
                found.push(entry);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    walk(&root.join(folder), &mut found);
    assert!(!found.is_empty(), "no files in {folder}: the check checks nothing");
    found
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).expect("a readable file");
            (path.strip_prefix(root).expect("below the root").to_owned(), text)
        })
        .collect()
}

/// The room of a file: its folder below `src`, or its own name at the top.
fn room(path: &Path) -> String {
    let first = path.iter().nth(1).expect("below src").to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

fn floor(room: &str) -> Option<usize> {
    ROOMS.iter().position(|rooms| rooms.contains(&room))
}

fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

fn none(faults: Vec<String>) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn imports_go_down_the_house_only() {
    let mut faults = Vec::new();
    for (path, text) in files("src") {
        let here = room(&path);
        if here == "lib" {
            continue;
        }
        let Some(own) = floor(&here) else {
            faults.push(format!("{}: the room `{here}` is not in the list", path.display()));
            continue;
        };
        for (n, line) in text.lines().enumerate() {
            for used in code(line).split("crate::").skip(1) {
                let used: String = used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if used != here && floor(&used).is_some_and(|floor| floor <= own) {
                    faults.push(format!(
                        "{}:{}: `{here}` uses `{used}`, which lies above or beside it",
                        path.display(),
                        n + 1
                    ));
                }
            }
        }
    }
    none(faults);
}

#[test]
fn sql_stands_in_its_rooms() {
    let words = [
        "select ",
        "insert into ",
        "update ",
        "delete from ",
        "with ",
        "create ",
        "alter ",
        "listen ",
        "notify ",
    ];
    let mut faults = Vec::new();
    for (path, text) in files("src") {
        if SQL_ROOMS.contains(&room(&path).as_str()) {
            continue;
        }
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (n, line) in text.lines().enumerate() {
            let begins_a_statement = code(line).split('"').skip(1).step_by(2).any(|literal| {
                let literal = literal.trim_start();
                let keyed = [" from ", " into ", " set ", " table ", "pg_", " as ("];
                words.iter().any(|word| literal.starts_with(word))
                    && keyed.iter().any(|key| literal.contains(key))
            });
            if begins_a_statement {
                faults.push(format!("{}:{}: a statement outside store/", path.display(), n + 1));
            }
        }
    }
    none(faults);
}

#[test]
fn files_and_functions_can_be_read_at_once() {
    let mut faults = Vec::new();
    for folder in ["src", "tests", "benches"] {
        for (path, text) in files(folder) {
            let lines: Vec<&str> = text.lines().collect();
            if lines.len() > LONGEST_FILE {
                faults.push(format!("{}: {} lines", path.display(), lines.len()));
            }
            for (n, line) in lines.iter().enumerate() {
                let indent = line.len() - line.trim_start().len();
                let head = line.trim_start();
                let is_function = [
                    "fn ",
                    "pub fn ",
                    "async fn ",
                    "pub async fn ",
                    "pub(super) fn ",
                    "pub(crate) fn ",
                    "pub(super) async fn ",
                    "const fn ",
                    "pub const fn ",
                ]
                .iter()
                .any(|start| head.starts_with(start));
                if !is_function {
                    continue;
                }
                let closing = format!("{}}}", " ".repeat(indent));
                let length = lines[n..].iter().position(|line| *line == closing).map_or(0, |end| end + 1);
                if length > LONGEST_FUNCTION
                    && !lines[n..n + 3].iter().any(|line| line.trim_end().ends_with(';'))
                {
                    faults.push(format!("{}:{}: a function of {length} lines", path.display(), n + 1));
                }
            }
        }
    }
    none(faults);
}

#[test]
fn nothing_is_unsafe_or_unfinished() {
    let marks = ["todo!", "unimplemented!", "dbg!("];
    let mut faults = Vec::new();
    for (path, text) in files("src") {
        for (n, line) in text.lines().enumerate() {
            if marks.iter().any(|mark| code(line).contains(mark)) {
                faults.push(format!("{}:{}: {}", path.display(), n + 1, line.trim()));
            }
        }
    }
    none(faults);
}

/// Files of tests in the rooms of the source.
fn is_of_tests(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with("tests.rs") || name == "properties.rs"
}

/// Uses of `words` in the code of `folders`, tests aside.
fn uses(folders: &[&str], words: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    for (path, text) in folders.iter().flat_map(|folder| files(folder)).filter(|(path, _)| !is_of_tests(path))
    {
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for (n, line) in text.lines().enumerate() {
            for word in words.iter().filter(|word| code(line).contains(*word)) {
                faults.push(format!("{}:{}: `{word}`", path.display(), n + 1));
            }
        }
    }
    faults
}

/// What tells the time without being given it.
const CLOCKS: &[&str] = &["Utc::now", "Local::now", "SystemTime", "now_v7", "now_v1"];

/// Invariant 6: the same plan, context and time give the same effects.
#[test]
fn the_core_is_pure() {
    let core = ["src/workflow", "src/engine/advance"];
    none(uses(&core, CLOCKS));
    none(uses(
        &core,
        &["Instant::now", "new_v4", " rand::", "thread_rng", "fastrand", "getrandom", "RandomState"],
    ));
    let world = [
        "std::fs",
        "std::net",
        "std::env",
        "std::process",
        "stdin()",
        "tokio",
        "sqlx",
        "reqwest",
        "File::",
        "println!",
    ];
    none(uses(&core, &world));
    none(uses(&core, &["crate::store", "crate::database", "crate::mail"]));
}

/// Clocks of daemons may differ by minutes: what is due is said by the database, and handed on as `now`.
#[test]
fn only_the_database_s_clock_decides() {
    none(uses(&["src/engine", "src/store", "src/workflow"], CLOCKS));
}

/// docs/invariants.md names a test for each invariant and each trap, and each test named is one.
#[test]
fn every_invariant_and_every_trap_names_its_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let wanted: Vec<String> =
        (1..=10).map(|n| format!("I{n}")).chain((1..=16).map(|n| format!("T{n}"))).collect();
    let mut named = Vec::new();
    let mut faults = Vec::new();
    for line in include_str!("../docs/invariants.md").lines() {
        let Some((row, rest)) =
            line.strip_prefix("| ").and_then(|line| line.split_once(" | ")).filter(|(row, _)| *row != "#")
        else {
            continue;
        };
        let tests: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
        if tests.is_empty() {
            faults.push(format!("{row}: no test"));
        }
        for test in tests {
            let Some((file, name)) = test.split_once(": ") else {
                faults.push(format!("{row}: `{test}` is not FILE: NAME"));
                continue;
            };
            let text = std::fs::read_to_string(root.join(file)).unwrap_or_default();
            let head = [format!("fn {name}("), format!("fn {name}<")];
            let is_test = head.iter().filter_map(|head| text.find(head)).any(|at| {
                // Its attribute stands above it, or, in a property, above what the macro makes of it.
                text[..at]
                    .lines()
                    .rev()
                    .take(5)
                    .any(|line| line.contains("test]") || line.contains("::test("))
            });
            if !is_test {
                faults.push(format!("{row}: there is no test {name} in {file}"));
            }
        }
        named.push(row.to_owned());
    }
    none(faults);
    assert_eq!(named, wanted);
}
