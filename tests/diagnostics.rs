//! docs/diagnostics.md lists every code that the compiler uses, and each has a test.

use std::collections::BTreeSet;
use std::path::Path;

use regex_lite::Regex;

/// Can't be brought about from outside, or by a broken database only.
const UNTESTED: &[&str] = &["internal-fault", "not-stored"];
/// Where codes are made.
const ROOMS: &[&str] = &["workflow", "controls", "conditions", "triggers", "actions", "engine"];

/// The sources: what is built, and what tests it.
fn sources(folder: &Path, built: &mut String, tests: &mut String) {
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            sources(&entry, built, tests);
            continue;
        }
        let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&entry).expect("a readable file");
        let of_tests = name.ends_with("tests.rs")
            || name == "properties.rs"
            || !entry.to_string_lossy().contains("/src/");
        if of_tests {
            tests.push_str(&text);
        } else {
            let (code, test) = text.split_once("#[cfg(test)]\nmod tests {").unwrap_or((&text, ""));
            built.push_str(code);
            tests.push_str(test);
        }
    }
}

#[test]
fn every_code_is_documented_and_tested() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut built, mut tests, mut ignored) = (String::new(), String::new(), String::new());
    for room in ROOMS {
        sources(&root.join("src").join(room), &mut built, &mut tests);
    }
    sources(&root.join("src/kinds"), &mut ignored, &mut tests);
    sources(&root.join("tests/it"), &mut ignored, &mut tests);
    let documented: BTreeSet<&str> = include_str!("../docs/diagnostics.md")
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |").map(|(code, _)| code))
        .collect();
    let made = r#"(?:Diagnostic::(?:error|warning)|severity|fault|fault_at|fault_below|syntax|unknown|refuse)\(\s*(?:&?[\w.]+,\s*)?"([a-z]+(?:-[a-z]+)+)""#;
    let used: BTreeSet<&str> = Regex::new(made)
        .expect("a pattern")
        .captures_iter(&built)
        .filter_map(|found| Some(found.get(1)?.as_str()))
        .collect();
    assert!(used.len() > 50, "the pattern finds {}", used.len());
    let missing: Vec<_> = used.difference(&documented).collect();
    assert!(missing.is_empty(), "not in docs/diagnostics.md: {missing:?}");
    let gone: Vec<_> = documented.iter().filter(|code| !built.contains(&format!("\"{code}\""))).collect();
    assert!(gone.is_empty(), "documented, but never said: {gone:?}");
    let untested: Vec<_> = documented
        .iter()
        .filter(|code| !UNTESTED.contains(code))
        .filter(|code| !tests.contains(&format!("\"{code}\"")) && !tests.contains(&format!("\"{code} ")))
        .collect();
    assert!(untested.is_empty(), "no test says: {untested:?}");
    println!("{} codes", documented.len());
}
