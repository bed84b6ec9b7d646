//! The server's process: launched, watched until ready, ended; and what a killed run left of one.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::ServerError;
use super::binaries::Binaries;
use super::owner::Owner;

const GLANCE: Duration = Duration::from_millis(10);

/// Recovery of a large cluster takes its time; an hour is no start any more.
const LONGEST_START: Duration = Duration::from_secs(600);

/// The server's first process, a child of ours.
#[derive(Debug)]
pub struct Postmaster {
    child: Child,
}

impl Postmaster {
    /// Starts the server and waits until it accepts connections.
    ///
    /// # Errors
    /// [`ServerError::NotStarted`] with the last lines of its log.
    pub fn launch(
        binaries: &Binaries,
        owner: &Owner,
        cluster: &Path,
        socket_dir: &Path,
        log: &Path,
        settings: &BTreeMap<String, String>,
    ) -> Result<Self, ServerError> {
        let program = binaries.program("postgres");
        let opened = OpenOptions::new().create(true).append(true).mode(0o600).open(log);
        let output = opened.map_err(ServerError::io("open", log))?;
        let errors = output.try_clone().map_err(ServerError::io("open", log))?;
        let said_before = fs::metadata(log).map_or(0, |found| found.len());
        let mut command = owner.command(&program);
        command.arg("-D").arg(cluster);
        for (name, value) in settings {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        // After the admin's own, so that these hold: no one but this machine's user gets in.
        command.args(["-c", "listen_addresses=", "-c", "port=5432", "-c"]);
        command.arg(format!("unix_socket_directories={}", quoted(socket_dir)));
        // A group of its own: Ctrl-C in the terminal is for the daemon, which then ends the server.
        command.process_group(0).current_dir(cluster).stdout(output).stderr(errors);
        let child = command.spawn().map_err(ServerError::io("run", &program))?;
        let mut postmaster = Self { child };
        postmaster.wait_until_ready(cluster, log, said_before)?;
        Ok(postmaster)
    }

    fn wait_until_ready(&mut self, cluster: &Path, log: &Path, said_before: u64) -> Result<(), ServerError> {
        let begun = Instant::now();
        loop {
            if PidFile::read(cluster).is_some_and(|file| file.pid == self.pid() && file.ready) {
                return Ok(());
            }
            let ended = self.has_ended();
            if ended || begun.elapsed() > LONGEST_START {
                self.crash();
                let said = last_words_since(log, said_before);
                let reason = if ended { said } else { format!("not ready after 10 minutes; {said}") };
                return Err(ServerError::NotStarted { reason, log: log.into() });
            }
            sleep(GLANCE);
        }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it is gone.
    pub fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// Ends it: in order within `patience`, at once after that.
    pub fn stop(&mut self, patience: Duration) {
        for (signal, patience) in [(Signal::INT, patience), (Signal::QUIT, Duration::from_secs(10))] {
            if self.signalled(signal, patience) {
                return;
            }
        }
        let _gone_already = self.child.kill();
        let _reaped = self.child.wait();
    }

    /// Ends it at once.
    pub fn crash(&mut self) {
        if !self.signalled(Signal::QUIT, Duration::from_secs(10)) {
            let _gone_already = self.child.kill();
            let _reaped = self.child.wait();
        }
    }

    fn signalled(&mut self, signal: Signal, patience: Duration) -> bool {
        if self.has_ended() {
            return true;
        }
        if let Some(pid) = process(self.pid()) {
            let _gone_already = kill_process(pid, signal);
        }
        waited(patience, || self.has_ended())
    }
}

/// Ends the server that a killed run left behind. We hold the directory's lock, so it is nobody's.
///
/// # Errors
/// [`ServerError::NotStarted`] if it does not end.
pub fn end_orphan(cluster: &Path) -> Result<(), ServerError> {
    let Some(pid) = PidFile::read(cluster).and_then(|file| process(file.pid)) else { return Ok(()) };
    // The number may meanwhile belong to someone else. (A stale file is PostgreSQL's to clear.)
    if !is_server_of(pid, cluster) {
        return Ok(());
    }
    tracing::info!(pid = pid.as_raw_nonzero().get(), "ending the server that a killed run left behind");
    for (signal, patience) in [(Signal::INT, 30), (Signal::QUIT, 10), (Signal::KILL, 5)] {
        let _gone_already = kill_process(pid, signal);
        if waited(Duration::from_secs(patience), || !is_server_of(pid, cluster)) {
            return Ok(());
        }
    }
    Err(ServerError::NotStarted {
        reason: format!("the server of a killed run, process {pid:?}, does not end"),
        log: cluster.with_extension("log"),
    })
}

/// Whether the process is a server on this very cluster. (One that ended and was not yet reaped has no arguments.)
fn is_server_of(pid: Pid, cluster: &Path) -> bool {
    let number = pid.as_raw_nonzero().get();
    let arguments = fs::read(format!("/proc/{number}/cmdline")).or_else(|_| {
        let ps = std::process::Command::new("ps").args(["-o", "args=", "-p", &number.to_string()]).output();
        ps.map(|output| output.stdout)
    });
    arguments.is_ok_and(|arguments| {
        let arguments = String::from_utf8_lossy(&arguments);
        arguments.contains("postgres") && arguments.contains(&*cluster.to_string_lossy())
    })
}

/// `postmaster.pid`, as the server keeps it.
struct PidFile {
    pid: u32,
    ready: bool,
}

impl PidFile {
    fn read(cluster: &Path) -> Option<Self> {
        let text = fs::read_to_string(cluster.join("postmaster.pid")).ok()?;
        let mut lines = text.lines();
        let pid = lines.next()?.trim().parse().ok()?;
        Some(Self { pid, ready: lines.nth(6).is_some_and(|status| status.trim() == "ready") })
    }
}

fn process(pid: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(pid).ok()?)
}

fn waited(patience: Duration, mut is_over: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < patience {
        if is_over() {
            return true;
        }
        sleep(GLANCE);
    }
    is_over()
}

/// The setting is a list of names: quotes keep commas and spaces in one.
fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.to_string_lossy().replace('"', "\"\""))
}

/// The end of the server's log.
pub fn last_words(log: &Path) -> String {
    last_words_since(log, 0)
}

fn last_words_since(log: &Path, offset: u64) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    let from = usize::try_from(offset).unwrap_or(0).min(bytes.len());
    let text = String::from_utf8_lossy(&bytes[from..]).into_owned();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let telling: Vec<&str> =
        lines.iter().copied().filter(|l| l.contains("FATAL") || l.contains("ERROR")).collect();
    let chosen = if telling.is_empty() { &lines } else { &telling };
    if chosen.is_empty() {
        return "it ended without a word".into();
    }
    chosen[chosen.len().saturating_sub(5)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_words_are_those_that_matter() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("log");
        fs::write(&log, "LOG: old\nFATAL: before\nLOG: start\nFATAL:  no room\nHINT: x\n").expect("written");
        assert_eq!(last_words_since(&log, 9), "FATAL: before\nFATAL:  no room");
        assert_eq!(last_words_since(&log, 24), "FATAL:  no room");
        assert_eq!(last_words(&folder.path().join("none")), "it ended without a word");
    }

    #[test]
    fn a_live_process_that_is_no_server_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let ours = format!("{}\n{}\n", std::process::id(), folder.path().display());
        fs::write(folder.path().join("postmaster.pid"), ours).expect("written");
        end_orphan(folder.path()).expect("left alone");
    }
}
