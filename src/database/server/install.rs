//! Says how this system installs PostgreSQL.

/// The exact command for this machine, or all of them where the machine is unknown.
pub fn advice() -> String {
    if cfg!(target_os = "macos") {
        return "install it with `brew install postgresql@17`".into();
    }
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let root = rustix::process::geteuid().is_root();
    match command_for(&release) {
        Some(command) if root => format!("install it with `{command}`"),
        Some(command) => format!("install it with `sudo {command}`"),
        None => "install the server with your system's package manager (Debian: apt-get install postgresql; \
                 Red Hat: dnf install postgresql-server; Homebrew: brew install postgresql@17), or name its \
                 folder in the setting `postgres.bin_dir`"
            .into(),
    }
}

fn command_for(os_release: &str) -> Option<&'static str> {
    let field = |name: &str| {
        let line = os_release.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_default().trim_matches('"').to_owned()
    };
    let kinds = format!("{} {}", field("ID"), field("ID_LIKE"));
    kinds.split_whitespace().find_map(|kind| match kind {
        "debian" | "ubuntu" => Some("apt-get install -y postgresql"),
        "fedora" | "rhel" | "centos" | "amzn" => Some("dnf install -y postgresql-server"),
        "alpine" => Some("apk add postgresql17"),
        "arch" => Some("pacman -S --noconfirm postgresql"),
        "opensuse" | "suse" => Some("zypper install -y postgresql-server"),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::command_for;

    #[test]
    fn each_system_is_told_its_own_command() {
        for (release, command) in [
            ("NAME=\"Debian\"\nID=debian\n", Some("apt-get install -y postgresql")),
            ("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", Some("apt-get install -y postgresql")),
            ("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", Some("dnf install -y postgresql-server")),
            ("ID=alpine\n", Some("apk add postgresql17")),
            ("ID=arch\n", Some("pacman -S --noconfirm postgresql")),
            ("ID=plan9\n", None),
        ] {
            assert_eq!(command_for(release), command, "{release}");
        }
    }
}
