//! A real pgbouncer before the server, as hosters put one there.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::wire::part_of;

/// A running pgbouncer. Ended when dropped.
pub struct Pooler {
    child: Child,
    _folder: tempfile::TempDir,
    /// The same database, through it.
    pub url: String,
}

impl Pooler {
    /// `mode`: session or transaction. None, and a word, where there is no pgbouncer on this machine.
    pub fn start(url: &str, mode: &str) -> Option<Self> {
        let places = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/opt/homebrew/bin/pgbouncer"];
        let Some(program) = places.into_iter().find(|path| Path::new(path).exists()) else {
            println!("SKIPPED: there is no pgbouncer on this machine");
            return None;
        };
        let user = part_of(url, "user").expect("a user");
        let socket = part_of(url, "host").expect("a socket's folder").replace("%2F", "/");
        let server_port = part_of(url, "port").unwrap_or("5432");
        let name = url.split('?').next().and_then(|base| base.rsplit('/').next()).expect("a name");
        let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
        let folder = tempfile::tempdir().expect("a folder");
        // It refuses to be root, and the user that it becomes must read this.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("readable");
        let at = folder.path().display();
        std::fs::write(folder.path().join("users"), format!("\"{user}\" \"\"\n")).expect("a list of users");
        let settings = format!(
            "[databases]\n{name} = host={socket} port={server_port} user={user}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = trust\nauth_file = {at}/users\npool_mode = {mode}\ndefault_pool_size = 10\nignore_startup_parameters = extra_float_digits\n",
        );
        std::fs::write(folder.path().join("pgbouncer.ini"), settings).expect("its settings");
        let mut command = Command::new(program);
        if rustix::process::geteuid().is_root() {
            // Whom the server lets at its socket.
            let owner = rustix::fs::stat(&socket).expect("the socket's folder").st_uid;
            let name = Command::new("id").args(["-nu", &owner.to_string()]).output().expect("a name").stdout;
            command.args(["-u", String::from_utf8_lossy(&name).trim()]);
        }
        let child = command
            .arg("-q")
            .arg(folder.path().join("pgbouncer.ini"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("pgbouncer");
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(10), "pgbouncer does not answer");
            std::thread::sleep(Duration::from_millis(10));
        }
        let url = format!("postgresql://{user}@127.0.0.1:{port}/{name}?sslmode=disable");
        Some(Self { child, _folder: folder, url })
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
