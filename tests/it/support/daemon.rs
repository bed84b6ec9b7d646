//! A daemon of the built binary: started, killed, frozen and asked as an operator would.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::{PATIENCE, server};

/// A running `thendo serve`. Killed when dropped.
pub struct Daemon {
    child: Child,
    /// Where it answers.
    pub http: String,
    /// What it logged.
    pub log: PathBuf,
}

impl Daemon {
    /// Starts one and waits until it is ready.
    pub async fn start(url: &str, folder: &Path, settings: &[(&str, &str)]) -> Self {
        let daemon = Self::launch(url, folder, settings);
        daemon.is_ready().await;
        daemon
    }

    /// Starts one and does not wait.
    pub fn launch(url: &str, folder: &Path, settings: &[(&str, &str)]) -> Self {
        let port =
            TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address").port();
        let log = folder.join(format!("daemon-{port}.log"));
        let out = File::create(&log).expect("a log");
        let child = server::thendo()
            .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--database-url", url, "--data-dir"])
            .arg(folder)
            .env("THENDO_LOG__LEVEL", "info,thendo=debug")
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(out.try_clone().expect("a log"))
            .stderr(out)
            .spawn()
            .expect("the built binary");
        Self { child, http: format!("http://127.0.0.1:{port}"), log }
    }

    /// Waits until `/readyz` says so.
    pub async fn is_ready(&self) {
        let began = Instant::now();
        while self.answers("/readyz").await.is_none_or(|(status, _)| status != 200) {
            assert!(began.elapsed() < PATIENCE, "the daemon is not ready: {}", self.logged());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Status and body of a GET, if it answers.
    pub async fn answers(&self, path: &str) -> Option<(u16, String)> {
        let response = reqwest::get(format!("{}{path}", self.http)).await.ok()?;
        Some((response.status().as_u16(), response.text().await.ok()?))
    }

    /// One figure of `/metrics`, all labels added up.
    pub async fn metric(&self, name: &str) -> f64 {
        let (_, body) = self.answers("/metrics").await.expect("metrics");
        body.lines()
            .filter(|line| line.starts_with(name) && !line[name.len()..].starts_with('_'))
            .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
            .sum()
    }

    /// What it has in memory.
    pub fn memory_kb(&self) -> u64 {
        let about = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = about.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|kb| kb.parse().ok()).unwrap_or(0)
    }

    /// SIGKILL: no goodbye.
    pub fn dies(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("waited for");
    }

    /// SIGSTOP: it lives, and does nothing.
    pub fn freezes(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::STOP).expect("told");
    }

    /// SIGCONT: it goes on as if nothing had been.
    pub fn thaws(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::CONT).expect("told");
    }

    /// SIGTERM, and how it ended.
    pub fn stops(mut self) -> std::process::ExitStatus {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("told");
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("asked") {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "SIGTERM did not end the daemon: {}", self.logged());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("asked").is_some()
    }

    /// The most memory that it has had so far, in MiB. Where the system tells.
    pub fn most_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(kib.trim().trim_end_matches(" kB").parse::<u64>().ok()? / 1024)
    }

    /// The whole log so far.
    pub fn logged(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
