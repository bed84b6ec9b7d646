//! Reads the settings: defaults, then file, then environment, then flags; each beats those before it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use config::{Config, ConfigError, File, FileFormat, Map, Source, Value, ValueKind};
use serde::Deserialize;

use crate::domain::settings::{OutOfBounds, Settings};

/// What the command line sets.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--data-dir`.
    pub data_dir: Option<PathBuf>,
    /// `--database-url`.
    pub database_url: Option<String>,
    /// `--listen`.
    pub listen: Option<String>,
    /// `--ui-dir`.
    pub ui_dir: Option<PathBuf>,
    /// `--log-format`.
    pub log_format: Option<String>,
}

/// The settings, and where each that is no default comes from.
#[derive(Debug)]
pub struct Loaded {
    /// What holds.
    pub settings: Settings,
    /// Setting (`engine.batch`) to source (`THENDO_ENGINE__BATCH`, `/etc/thendo.toml`, `--listen`).
    pub origins: BTreeMap<String, String>,
}

/// Why the settings can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A key that means nothing.
    #[error("{origin} sets `{key}`, which is no setting")]
    Unknown {
        /// As written.
        key: String,
        /// File, variable or flag.
        origin: String,
        /// The nearest that is one.
        nearest: Option<String>,
    },
    /// A value of the wrong form.
    #[error("{origin} sets `{key}` to something that can't be read: {reason}")]
    Unreadable {
        /// The setting.
        key: String,
        /// File, variable or flag.
        origin: String,
        /// What was expected.
        reason: String,
    },
    /// A value outside its bounds.
    #[error("{fault} (set by {origin})")]
    OutOfBounds {
        /// Which, and what may be.
        fault: OutOfBounds,
        /// File, variable or flag.
        origin: String,
    },
    /// The file is missing or is no TOML.
    #[error("settings file {file} can't be read: {reason}")]
    File {
        /// Which.
        file: String,
        /// Why.
        reason: String,
    },
}

impl SettingsError {
    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            Self::Unknown { nearest: Some(nearest), .. } => format!("did you mean `{nearest}`?"),
            Self::Unknown { .. } => "`thendo config show` lists every setting".into(),
            Self::Unreadable { .. } | Self::OutOfBounds { .. } => {
                "`thendo config show` lists every setting; README.md explains them".into()
            }
            Self::File { .. } => "mend the file, or name another with --config FILE".into(),
        }
    }
}

/// Reads the settings for the given flags and the process's environment.
///
/// # Errors
/// [`SettingsError`] names the key and the source that set it.
pub fn load(flags: &Flags) -> Result<Loaded, SettingsError> {
    load_from(flags, std::env::vars_os().collect())
}

fn load_from(flags: &Flags, environment: Vec<(OsString, OsString)>) -> Result<Loaded, SettingsError> {
    let environment: Vec<(String, String)> = environment
        .into_iter()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let mut builder = Config::builder();
    let file = settings_file(flags, &environment);
    if let Some(file) = &file {
        builder = builder.add_source(File::from(file.as_path()).format(FileFormat::Toml));
    }
    let config = builder
        .add_source(from_environment(&environment))
        .add_source(from_flags(flags))
        .build()
        .map_err(|fault| unreadable_file(file.as_deref(), &fault))?;

    let mut leaves = BTreeMap::new();
    collect_leaves("", &config.cache, &mut leaves);
    refuse_unknown(&leaves, file.as_deref())?;
    let origin = |key: &str| leaves.get(key).cloned().unwrap_or_else(|| "the default".into());

    let mut settings = Settings::deserialize(config).map_err(|fault| unreadable(&fault, &leaves))?;
    settings.check().map_err(|fault| SettingsError::OutOfBounds { origin: origin(fault.key), fault })?;
    settings.data_dir = std::path::absolute(&settings.data_dir).unwrap_or(settings.data_dir);
    // Who names a data directory means its private server, whatever the environment says.
    if flags.data_dir.is_some() && flags.database_url.is_none() {
        settings.database_url = None;
        leaves.remove("database_url");
    }
    Ok(Loaded { settings, origins: leaves })
}

/// `--config`, THENDO_CONFIG, `thendo.toml` here, or the one in the platform's configuration folder.
fn settings_file(flags: &Flags, environment: &[(String, String)]) -> Option<PathBuf> {
    let named = environment.iter().find(|(name, _)| name == "THENDO_CONFIG").map(|(_, file)| file.into());
    flags.config.clone().or(named).or_else(|| {
        let platform = directories::ProjectDirs::from("", "", "thendo");
        let candidates =
            [Some(PathBuf::from("thendo.toml")), platform.map(|d| d.config_dir().join("thendo.toml"))];
        candidates.into_iter().flatten().find(|file| file.is_file())
    })
}

/// Values with the name of what set them.
#[derive(Debug, Clone, Default)]
struct Named(Map<String, Value>);

impl Named {
    fn set(&mut self, key: &str, origin: &str, value: String) {
        self.0.insert(key.into(), Value::new(Some(&origin.to_owned()), ValueKind::String(value)));
    }
}

impl Source for Named {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(self.0.clone())
    }
}

fn from_environment(environment: &[(String, String)]) -> Named {
    let mut named = Named::default();
    for (name, value) in environment {
        if name == "DATABASE_URL" && !named.0.contains_key("database_url") {
            named.set("database_url", name, value.clone());
        } else if let Some(key) = name.strip_prefix("THENDO_")
            // These are no settings.
            && !matches!(key, "CONFIG" | "SERVER" | "API_KEY")
        {
            named.set(&key.to_lowercase().replace("__", "."), name, value.clone());
        }
    }
    named
}

fn from_flags(flags: &Flags) -> Named {
    let mut named = Named::default();
    let data_dir = flags.data_dir.as_ref().map(|dir| dir.to_string_lossy().into_owned());
    let ui_dir = flags.ui_dir.as_ref().map(|dir| dir.to_string_lossy().into_owned());
    for (key, flag, value) in [
        ("data_dir", "--data-dir", data_dir),
        ("database_url", "--database-url", flags.database_url.clone()),
        ("listen", "--listen", flags.listen.clone()),
        ("ui_dir", "--ui-dir", ui_dir),
        ("log.format", "--log-format", flags.log_format.clone()),
    ] {
        if let Some(value) = value {
            named.set(key, flag, value);
        }
    }
    named
}

/// Every value that was set, under its full key, with its origin.
fn collect_leaves(under: &str, value: &Value, leaves: &mut BTreeMap<String, String>) {
    match &value.kind {
        ValueKind::Table(table) => {
            for (key, value) in table {
                let key = if under.is_empty() { key.clone() } else { format!("{under}.{key}") };
                collect_leaves(&key, value, leaves);
            }
        }
        ValueKind::Nil => {}
        _ => {
            leaves.insert(under.into(), value.origin().unwrap_or("the settings").into());
        }
    }
}

/// The settings of the private server are PostgreSQL's, and tables the shop's: any name may stand there.
const FREE: &[&str] = &["postgres.settings.", "rows.allow."];

fn refuse_unknown(leaves: &BTreeMap<String, String>, file: Option<&Path>) -> Result<(), SettingsError> {
    let known = known_keys();
    for (key, origin) in leaves {
        let section =
            known.iter().any(|known| known.strip_prefix(key.as_str()).is_some_and(|r| r.starts_with('.')));
        if known.contains(key) || FREE.iter().any(|free| key.starts_with(free)) || section {
            continue;
        }
        let nearest = known
            .iter()
            .map(|known| (strsim::damerau_levenshtein(key, known), known))
            .filter(|(distance, known)| *distance <= 3.max(known.len() / 4))
            .min()
            .map(|(_, known)| spelled_for(origin, known));
        let origin = file.filter(|f| f.to_string_lossy() == *origin).map_or(origin.clone(), show_path);
        return Err(SettingsError::Unknown { key: key.clone(), origin, nearest });
    }
    Ok(())
}

fn show_path(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.into()).display().to_string()
}

/// A key as its source would spell it.
fn spelled_for(origin: &str, key: &str) -> String {
    if origin.starts_with("THENDO_") {
        format!("THENDO_{}", key.to_uppercase().replace('.', "__"))
    } else {
        key.to_owned()
    }
}

/// Every setting's full key.
pub fn known_keys() -> BTreeSet<String> {
    fn walk(under: &str, value: &serde_json::Value, keys: &mut BTreeSet<String>) {
        match value.as_object() {
            Some(members) if !members.is_empty() => {
                for (key, value) in members {
                    let key = if under.is_empty() { key.clone() } else { format!("{under}.{key}") };
                    walk(&key, value, keys);
                }
            }
            _ => {
                keys.insert(under.to_owned());
            }
        }
    }
    let mut keys = BTreeSet::new();
    if let Ok(settings) = serde_json::to_value(Settings::default()) {
        walk("", &settings, &mut keys);
    }
    keys
}

fn unreadable_file(file: Option<&Path>, fault: &ConfigError) -> SettingsError {
    let file = file.map_or_else(|| "(none)".into(), show_path);
    let reason = match fault {
        ConfigError::FileParse { cause, .. } => cause.to_string(),
        other => other.to_string(),
    };
    SettingsError::File { file, reason }
}

fn unreadable(fault: &ConfigError, origins: &BTreeMap<String, String>) -> SettingsError {
    let (key, origin, reason) = match fault {
        ConfigError::Type { key, origin, unexpected, expected } => {
            (key.clone(), origin.clone(), format!("it is {unexpected}, expected {expected}"))
        }
        ConfigError::At { key, origin, error } => (key.clone(), origin.clone(), error.to_string()),
        other => (None, None, other.to_string()),
    };
    let key = key.unwrap_or_else(|| "a setting".into());
    let origin = origin.or_else(|| origins.get(&key).cloned()).unwrap_or_else(|| "something".into());
    SettingsError::Unreadable { key, origin, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_with(file: &str, environment: &[(&str, &str)], flags: Flags) -> Result<Loaded, SettingsError> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("thendo.toml");
        std::fs::write(&path, file).expect("written");
        let environment = environment.iter().map(|(n, v)| (n.into(), v.into())).collect();
        load_from(&Flags { config: Some(path), ..flags }, environment)
    }

    #[test]
    fn flags_beat_the_environment_and_that_beats_the_file() {
        let file = "pool_max = 4\nlisten = \"127.0.0.1:1\"\n[engine]\nbatch = 7\n";
        let environment = [
            ("THENDO_LISTEN", "127.0.0.1:2"),
            ("THENDO_ENGINE__BATCH", "8"),
            ("DATABASE_URL", "postgres://x"),
        ];
        let flags = Flags { listen: Some("127.0.0.1:3".into()), ..Flags::default() };
        let loaded = load_with(file, &environment, flags).expect("loads");
        assert_eq!(loaded.settings.listen.port(), 3);
        assert_eq!(loaded.settings.engine.batch, 8);
        assert_eq!(loaded.settings.pool_max, 4);
        assert_eq!(loaded.origins["listen"], "--listen");
        assert_eq!(loaded.origins["engine.batch"], "THENDO_ENGINE__BATCH");
        assert_eq!(loaded.origins["database_url"], "DATABASE_URL");
        assert!(loaded.origins["pool_max"].ends_with("thendo.toml"), "{:?}", loaded.origins);
    }

    #[test]
    fn an_unknown_key_is_named_with_its_source_and_the_nearest() {
        let fault = load_with("[engine]\nbatsh = 7\n", &[], Flags::default()).expect_err("unknown");
        assert!(fault.to_string().contains("thendo.toml sets `engine.batsh`"), "{fault}");
        assert_eq!(fault.help(), "did you mean `engine.batch`?");
        let fault = load_with("", &[("THENDO_MAIL__SMTP_URI", "x")], Flags::default()).expect_err("unknown");
        assert_eq!(fault.to_string(), "THENDO_MAIL__SMTP_URI sets `mail.smtp_uri`, which is no setting");
        assert_eq!(fault.help(), "did you mean `THENDO_MAIL__SMTP_URL`?");
    }

    #[test]
    fn what_can_not_be_read_is_named() {
        let fault = load_with("[engine]\nbatch = \"many\"\n", &[], Flags::default()).expect_err("no number");
        assert!(fault.to_string().contains("engine.batch"), "{fault}");
        let fault = load_with("", &[("THENDO_LISTEN", "nowhere")], Flags::default()).expect_err("no address");
        assert!(fault.to_string().contains("THENDO_LISTEN sets `listen`"), "{fault}");
        let fault = load_with("", &[("THENDO_POOL_MAX", "2")], Flags::default()).expect_err("too few");
        assert_eq!(fault.to_string(), "`pool_max` is 2; it must be from 3 to 1000 (set by THENDO_POOL_MAX)");
        let fault = load_with("engine = [", &[], Flags::default()).expect_err("no TOML");
        assert!(matches!(fault, SettingsError::File { .. }), "{fault}");
    }

    #[test]
    fn servers_settings_are_free() {
        let loaded = load_with(
            "[postgres.settings]\nmax_connections = \"300\"\nwork_mem = 64\n",
            &[],
            Flags::default(),
        );
        let settings = loaded.expect("loads").settings;
        assert_eq!(settings.postgres.settings["max_connections"], "300");
        assert_eq!(settings.postgres.settings["work_mem"], "64");
    }

    #[test]
    fn a_data_dir_flag_means_its_private_server() {
        let environment = [("DATABASE_URL", "postgres://x")];
        let flags = Flags { data_dir: Some("/tmp/x".into()), ..Flags::default() };
        assert!(load_with("", &environment, flags).expect("loads").settings.database_url.is_none());
    }
}
