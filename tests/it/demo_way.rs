//! The whole way, as a new user goes it: `thendo up`, an order, and what comes of it.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::server::thendo;

/// `thendo up`, in the foreground of a user's terminal.
struct Up {
    child: Child,
    address: String,
}

impl Up {
    fn starts(data: &Path) -> Self {
        let port =
            TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address").port();
        let address = format!("127.0.0.1:{port}");
        let mut child = thendo()
            .args(["up", "--listen", &address, "--data-dir"])
            .arg(data)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the built binary");
        let errors = BufReader::new(child.stderr.take().expect("piped"));
        let told = std::thread::spawn(move || errors.lines().map_while(Result::ok).collect::<Vec<_>>());
        let mut said = Vec::new();
        for line in BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok) {
            said.push(line.clone());
            if line.contains("demo order") {
                return Self { child, address };
            }
        }
        let _ = child.wait();
        panic!("`up` ended: {said:#?} {:#?}", told.join());
    }

    fn ends(mut self, signal: Signal) -> std::process::ExitStatus {
        kill_process(Pid::from_child(&self.child), signal).expect("told");
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("asked") {
                return status;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "{signal:?} did not end it");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = kill_process(Pid::from_child(&self.child), Signal::INT);
            let _ = self.child.wait();
        }
    }
}

fn run(data: &Path, args: &[&str]) -> Output {
    thendo().args(args).arg("--data-dir").arg(data).output().expect("the built binary")
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test]
async fn an_order_brings_points_a_deposit_and_a_thank_you_mail() {
    let folder = tempfile::tempdir_in("/tmp").expect("a folder");
    let data = folder.path().join("data");
    let up = Up::starts(&data);
    let ordered = run(&data, &["demo", "order", "--total", "250.00"]);
    let said = text(&ordered);
    assert!(ordered.status.success(), "{said}");
    for part in ["250", "125.00", "ada@example.com"] {
        assert!(said.contains(part), "no {part} in\n{said}");
    }

    let listed = run(&data, &["executions", "list", "--status", "succeeded", "--format", "json"]);
    let executions: serde_json::Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    assert!(text(&listed).contains("succeeded"), "{executions}");

    let url = run(&data, &["url"]);
    let db = crate::support::connect(String::from_utf8_lossy(&url.stdout).trim()).await;
    let row = db
        .query_one(
            "select l.points, p.balance, d.amount, extract(epoch from d.due_date - d.created_at)::float8 / 86400
             from orders o join loyalty_ledger l on l.order_id = o.id
             join loyalty_points p on p.customer_id = o.customer_id join deposits d on d.order_id = o.id",
            &[],
        )
        .await
        .expect("one order, one line, one deposit");
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1), row.get::<_, i64>(2)), (250, 250, 12_500));
    assert!((row.get::<_, f64>(3) - 7.0).abs() < 0.01);
    let mails: Vec<_> = std::fs::read_dir(data.join("mailbox"))
        .expect("a mailbox")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_file())
        .map(|path| std::fs::read_to_string(path).expect("a mail"))
        .collect();
    assert_eq!(mails.len(), 1);
    assert!(mails[0].contains("To: ") && mails[0].contains("ada@example.com"), "{}", mails[0]);

    for path in ["/healthz", "/readyz", "/metrics", "/"] {
        let answer = reqwest::get(format!("http://{}{path}", up.address)).await.expect("an answer");
        assert_eq!(answer.status(), 200, "{path}");
    }
    assert!(up.ends(Signal::INT).success(), "Ctrl-C is a clean end");
    assert!(!run(&data, &["url"]).status.success(), "its server is gone with it");
}

#[tokio::test]
async fn a_second_start_finds_everything_again_even_after_a_kill() {
    let folder = tempfile::tempdir_in("/tmp").expect("a folder");
    let data = folder.path().join("data");
    let first = Up::starts(&data);
    assert!(run(&data, &["demo", "order", "--total", "250.00"]).status.success());
    // Two on one directory: refused, and the first is none the worse.
    let second = run(&data, &["up", "--listen", "127.0.0.1:0"]);
    assert!(!second.status.success());
    assert!(text(&second).contains("error"), "{}", text(&second));
    first.ends(Signal::KILL);
    let again = Up::starts(&data);
    let ordered = run(&data, &["demo", "order", "--total", "100.00"]);
    assert!(ordered.status.success() && text(&ordered).contains("350"), "{}", text(&ordered));
    assert!(again.ends(Signal::TERM).success());
}
