//! Puts the example workflows and the studio into the binary, and has it rebuilt when they or the migrations change.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=migrations");
    println!("cargo:rerun-if-changed=workflows-examples");
    println!("cargo:rerun-if-changed=ui/dist");
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let mut list = String::from("&[\n");
    for (name, file) in examples(&root.join("workflows-examples"))? {
        // Named from the checkout that is compiled: a build folder may serve several.
        let from_root = file.strip_prefix(&root).unwrap_or(&file).display().to_string();
        let beside = |name: &str| from_root.replace("workflow.json", name);
        let text =
            |path: &str| format!("include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/\", {path:?}))");
        let files = [from_root.clone(), beside("README.md"), beside("event.json")].map(|file| text(&file));
        writeln!(list, "    ({name:?}, {}),", files.join(", ")).map_err(io::Error::other)?;
    }
    list.push_str("]\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("examples.rs"), list)?;
    fs::write(out.join("studio.rs"), studio(&root)?)
}

/// The files of the studio as a list of name and content.
fn studio(root: &Path) -> io::Result<String> {
    let dist = root.join("ui/dist");
    let mut names = Vec::new();
    for folder in [dist.clone(), dist.join("assets")] {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry?.path();
            let name = path.strip_prefix(&dist).unwrap_or(&path).display().to_string();
            if path.is_file() && !name.starts_with('.') {
                names.push(name);
            }
        }
    }
    names.sort();
    let mut list = String::from("&[\n");
    for name in names {
        let file = format!("ui/dist/{name}");
        writeln!(
            list,
            "    ({name:?}, include_bytes!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/\", {file:?}))),"
        )
        .map_err(io::Error::other)?;
    }
    list.push_str("]\n");
    Ok(list)
}

/// Every `NAME/workflow.json`, in the order of names.
fn examples(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let file = entry.path().join("workflow.json");
        if file.is_file() {
            found.push((entry.file_name().to_string_lossy().into_owned(), file));
        }
    }
    found.sort();
    Ok(found)
}
