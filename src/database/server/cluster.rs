//! Makes the cluster: under another name first, so that a killed start leaves nothing half-made.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};

use super::binaries::Binaries;
use super::owner::Owner;
use super::{DATABASE, ServerError};

/// Makes the cluster unless it is there. True if it was made.
///
/// # Errors
/// [`ServerError::Program`] with initdb's own words.
pub fn ensure(cluster: &Path, binaries: &Binaries, owner: &Owner) -> Result<bool, ServerError> {
    let unfinished = cluster.with_extension("unfinished");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).map_err(ServerError::io("remove", &unfinished))?;
    }
    if cluster.join("PG_VERSION").is_file() {
        return Ok(false);
    }
    owner.make_private_dir(&unfinished).map_err(ServerError::io("create", &unfinished))?;
    initdb(&unfinished, binaries, owner)?;
    create_database(&unfinished, binaries, owner)?;
    fs::rename(&unfinished, cluster).map_err(ServerError::io("put in place", cluster))?;
    if let Some(parent) = cluster.parent() {
        // The new name itself must survive a power cut.
        let synced = fs::File::open(parent).and_then(|folder| folder.sync_all());
        synced.map_err(ServerError::io("write", parent))?;
    }
    Ok(true)
}

fn initdb(dir: &Path, binaries: &Binaries, owner: &Owner) -> Result<(), ServerError> {
    // Bytewise order, Unicode's idea of letters: the same on every machine.
    let locale = if cfg!(target_os = "linux") { "C.UTF-8" } else { "en_US.UTF-8" };
    let mut command = owner.command(&binaries.program("initdb"));
    command
        .arg("--pgdata")
        .arg(dir)
        .args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--data-checksums"])
        .args(["--locale", locale])
        .current_dir(dir);
    finished("initdb", command.output().map_err(ServerError::io("run", &binaries.program("initdb")))?)
}

/// Without a server: a single-user session needs no client program and is over before the cluster has its name.
fn create_database(dir: &Path, binaries: &Binaries, owner: &Owner) -> Result<(), ServerError> {
    let program = binaries.program("postgres");
    let mut command = owner.command(&program);
    command.args(["--single", "-D"]).arg(dir).arg("postgres").current_dir(dir);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut session = command.spawn().map_err(ServerError::io("run", &program))?;
    if let Some(mut input) = session.stdin.take() {
        let written = writeln!(input, "create database {DATABASE}");
        written.map_err(ServerError::io("speak to", &program))?;
    }
    let output = session.wait_with_output().map_err(ServerError::io("run", &program))?;
    // It goes on after an error, and ends well.
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("ERROR:") {
        return Err(ServerError::Program { program: "postgres".into(), output: said.trim().into() });
    }
    finished("postgres", output)
}

fn finished(program: &str, output: Output) -> Result<(), ServerError> {
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = if said.trim().is_empty() { String::from_utf8_lossy(&output.stdout) } else { said };
    Err(ServerError::Program { program: program.into(), output: said.trim().into() })
}
