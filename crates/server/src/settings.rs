//! Every setting, in one table: its name, its default, what it means. The struct, the settings file's keys, the names of
//! the environment's variables, what `throughline doctor` prints and the table in `docs/OPERATIONS.md` are made from it.
//!
//! A value is looked for in this order, and the first found counts: a flag; the environment (`THROUGHLINE_` and the
//! name in capitals); the settings file (TOML, the names as its keys); the default. What is unknown or makes no sense is
//! refused at the start, all of it at once, each with where it came from and what to do. A secret is never repeated.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

mod read;

use read::{checked, duration, listed, one_of, optional, text, whole};

/// What every variable of ours begins with.
pub const PREFIX: &str = "THROUGHLINE_";
/// The variable that names the settings file.
pub const CONFIG: &str = "THROUGHLINE_CONFIG";
/// What the variables of the tests begin with: they are not settings and are passed over.
const TESTS: &str = "THROUGHLINE_TEST_";

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its key in the settings file.
    pub name: &'static str,
    /// Its default, as it would be written; `<data_dir>` and `<listen>` stand for those settings.
    pub default: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// How it is shown.
    pub shown: Shown,
}

impl Setting {
    /// Its variable in the environment.
    pub fn variable(&self) -> String {
        format!("{PREFIX}{}", self.name.to_uppercase())
    }

    /// Its value as it may be shown.
    fn show(&self, value: &str) -> String {
        match (self.shown, value.split_once("://")) {
            (Shown::Never, _) if !value.is_empty() => "…".to_owned(),
            (Shown::WithoutPassword, None) if value.contains('@') => "…".to_owned(),
            (Shown::WithoutPassword, Some((scheme, rest))) => {
                // The last `@` ends what identifies: a password may hold one too.
                let (who, host) = rest.rsplit_once('@').map_or((None, rest), |(who, host)| (Some(who), host));
                // Behind a `?` it is a parameter's, and what stands around it may be a password.
                if who.is_some_and(|who| who.contains('?')) {
                    return format!("{scheme}://…");
                }
                let host = host.split('?').next().unwrap_or_default();
                let name = who.map(|who| who.split(':').next().unwrap_or_default());
                name.map_or_else(|| format!("{scheme}://{host}"), |name| format!("{scheme}://{name}:…@{host}"))
            }
            (Shown::Plainly | Shown::Never | Shown::WithoutPassword, _) => value.to_owned(),
        }
    }
}

/// How a value is shown to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// As it is.
    Plainly,
    /// An address whose password and parameters are left out.
    WithoutPassword,
    /// Only that there is one. Such a setting is taken from the environment alone: files are copied around.
    Never,
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The table.
    Default,
    /// The settings file.
    File(PathBuf),
    /// This variable of the environment.
    Environment(String),
    /// This flag of the command line.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the default"),
            Self::File(path) => write!(f, "the file {}", path.display()),
            Self::Environment(variable) => write!(f, "the variable {variable}"),
            Self::Flag(flag) => write!(f, "the flag {flag}"),
        }
    }
}

/// A value as it may be shown, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The setting.
    pub name: &'static str,
    /// Its value, without what is secret.
    pub shown: String,
    /// Where it came from.
    pub origin: Origin,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

macro_rules! settings {
    ($($(#[doc = $meaning:literal])+ $name:ident: $of:ty = $default:literal, $shown:ident, $reader:expr;)+) => {
        /// Every setting, with a value that was checked. `Debug` shows no secret.
        #[derive(Clone)]
        pub struct Settings {
            $($(#[doc = $meaning])+ pub $name: $of,)+
            /// Each value as it may be shown, and where it came from, in the table's order.
            pub sources: Vec<Source>,
        }

        /// Every setting.
        pub const TABLE: &[Setting] = &[$(Setting {
            name: stringify!($name), default: $default, meaning: concat!($($meaning),+), shown: Shown::$shown,
        }),+];

        impl Found {
            fn read(mut self) -> Result<Settings, Wrong> {
                $(let $name = self.value(stringify!($name), $reader);)+
                match ($($name,)+) {
                    ($(Some($name),)+) if self.wrong.is_empty() => Ok(Settings { $($name,)+ sources: self.sources }),
                    _ => Err(Wrong(self.wrong)),
                }
            }
        }
    };
}

settings! {
    /// The folder of what this server keeps. Made at the first start, open to its owner only.
    data_dir: PathBuf = "./data", Plainly, path;
    /// The database: `sqlite:PATH`, or `postgres://USER:PASSWORD@HOST/NAME`.
    database_url: String = "sqlite:<data_dir>/throughline.db", WithoutPassword, read::database;
    /// Connections that read, beside the one that writes (SQLite).
    database_readers: u32 = "8", Plainly, whole(1..=256);
    /// Connections in all (PostgreSQL).
    database_connections: u32 = "20", Plainly, whole(2..=1_000);
    /// The role of PostgreSQL as which single logs are read, behind row-level security; made when it is missing and may be. Empty: there is none, and they are read as all else is (PostgreSQL).
    database_reader_role: Option<String> = "", Plainly, optional(text(|text| Some(text.to_owned()), "the name of a role, such as throughline_reader"));
    /// Page cache of each connection, in KiB (SQLite).
    database_cache_kib: u32 = "32768", Plainly, whole(64..=16_777_216);
    /// Where the sealed bytes of files lie: a folder, or a bucket of an S3-compatible service, `s3://BUCKET` with perhaps `/PREFIX` after it. Several servers share one place.
    files: String = "<data_dir>/files", WithoutPassword, checked(crate::files::is_place, "a folder, or an address such as s3://coaching-files");
    /// The address of the service that has the bucket of `files`. Empty: Amazon's own.
    files_s3_endpoint: Option<String> = "", WithoutPassword, optional(text(read::site, "an address such as https://s3.example.org, without a path"));
    /// The region of the bucket of `files`.
    files_s3_region: String = "us-east-1", Plainly, checked(|region| !region.is_empty(), "a region such as eu-central-1");
    /// The id of the key for the bucket of `files`.
    files_s3_key_id: Option<String> = "", Plainly, optional(text(|text| Some(text.to_owned()), "the id of a key"));
    /// The secret of the key for the bucket of `files`. From the environment only.
    files_s3_secret: Option<String> = "", Never, optional(text(|text| Some(text.to_owned()), "the secret of a key"));
    /// Where to listen: an address and a port. It speaks plain HTTP: put what ends TLS in front, on the same machine.
    listen: SocketAddr = "127.0.0.1:8080", Plainly,
        text(|text| text.parse().ok(), "an address and a port, such as 127.0.0.1:8080 or [::1]:8080");
    /// The address under which people reach this server: what links in mails begin with.
    public_url: String = "http://<listen>", Plainly, text(read::site, "an address such as https://coaching.example.org, without a path");
    /// Addresses of proxies whose X-Forwarded-For is believed, with commas between them.
    trusted_proxies: Vec<IpAddr> = "", Plainly, listed(read::address, "IP addresses with commas between them");
    /// Origins whose pages may use a browser's cookies and open sockets here, with commas between them. Empty: only pages of the host asked.
    allowed_origins: Vec<String> = "", Plainly, listed(read::site, "origins such as https://app.example.org, with commas between them");
    /// The file of the root key, from which all keys derive; made at the first start. Without it nothing can be read: back it up, apart from the database.
    root_key_file: PathBuf = "<data_dir>/root.key", Plainly, path;
    /// The root key itself, 64 hexadecimal digits, in place of the file. From the environment only.
    root_key: Option<String> = "", Never, optional(checked(|hex| vault::RootKey::parse(hex).is_ok(), "64 hexadecimal digits"));
    /// The file of the key that signs checkpoints; made at the first start.
    signing_key_file: PathBuf = "<data_dir>/signing.key", Plainly, path;
    /// The name of that key in signed checkpoints, such as the name of this server.
    signer_name: String = "throughline", Plainly,
        checked(|name| !name.is_empty() && !name.contains(|letter: char| letter.is_whitespace() || letter == '+'), "a name without blanks or plus");
    /// The folder where signed checkpoints are kept outside of the database. Copy it elsewhere: whoever holds it can prove what was changed since.
    checkpoint_dir: PathBuf = "<data_dir>/checkpoints", Plainly, path;
    /// How often checkpoints are signed where something changed, in seconds.
    checkpoint_seconds: Duration = "60", Plainly, duration(1..=86_400);
    /// The folder where mail is written, a file each, while no `smtp_url` is set.
    mail_dir: PathBuf = "<data_dir>/mail", Plainly, path;
    /// Where mail is sent: `smtps://USER:PASSWORD@HOST:PORT` (TLS) or `smtp://…` (add `?tls=required` for STARTTLS).
    smtp_url: Option<String> = "", WithoutPassword,
        optional(checked(|url| url.starts_with("smtp://") || url.starts_with("smtps://"), "an address that begins with smtp:// or smtps://"));
    /// Who mail is from.
    mail_from: String = "Throughline <throughline@localhost.localdomain>", Plainly, checked(read::is_mailbox, "a mailbox such as Coaching <mail@example.org>");
    /// Whether anybody may open an account with an email address; otherwise only who was invited.
    sign_up_open: bool = "true", Plainly, one_of(&[("true", true), ("false", false)]);
    /// The client id by which Google knows this server; with it people can sign in with Google. At Google, name `<public_url>/auth/google` as a redirect address. Empty: nobody can.
    google_client_id: Option<String> = "", Plainly, optional(text(|text| Some(text.to_owned()), "the client id that Google gave for this server"));
    /// Who signs people in with Google: an OIDC issuer, by the address that its tokens name.
    google_issuer: String = "https://accounts.google.com", Plainly, checked(|issuer| issuer.starts_with("https://") || issuer.starts_with("http://"), "an address such as https://accounts.google.com");
    /// A JSON file of the operations that may run, by the SHA-256 of their exact text (an object of hash and document, or an array of hashes). Empty: every operation may.
    trusted_documents: Option<PathBuf> = "", Plainly, optional(path);
    /// Lanes in which changes are committed (PostgreSQL; SQLite has one).
    lanes: usize = "4", Plainly, whole(1..=64);
    /// How many bytes of rows each lane keeps at hand.
    row_cache_bytes: usize = "67108864", Plainly, whole(0..=1 << 40);
    /// How many bytes of earlier moments are kept for those who look back with `asOf`; no practice larger than that can be looked back at. Up to two more are in use while moments are put together.
    moments_bytes: usize = "67108864", Plainly, whole(1 << 22..=1 << 30);
    /// The longest request body and socket message, in bytes; uploads apart.
    body_bytes_max: usize = "262144", Plainly, whole(1_024..=1 << 26);
    /// How long a request may take, in seconds; subscriptions apart.
    request_seconds: Duration = "10", Plainly, duration(1..=600);
    /// How long a socket may take from opening to its `connection_init`, in seconds.
    socket_init_seconds: Duration = "10", Plainly, duration(1..=600);
    /// How long a client may leave an answer unread before it is cut off, in seconds.
    write_seconds: Duration = "10", Plainly, duration(1..=600);
    /// How long a live connection may be silent before it is asked for a sign of life, in seconds.
    heartbeat_seconds: Duration = "20", Plainly, duration(1..=3_600);
    /// Sockets that one person may hold.
    sockets_per_person: usize = "5", Plainly, whole(1..=10_000);
    /// Sockets that all who have not signed in may hold from one address.
    sockets_per_address: usize = "50", Plainly, whole(1..=100_000);
    /// Event streams that one person may hold, and all who have not signed in from one address.
    streams_per_person: usize = "50", Plainly, whole(1..=10_000);
    /// Operations that may run at once on one socket.
    subscriptions_per_socket: usize = "20", Plainly, whole(1..=1_000);
    /// How long an upload may take from its file's first byte to its answer, in seconds.
    upload_seconds: Duration = "300", Plainly, duration(1..=3_600);
    /// Files that one person may upload at once.
    uploads_per_person: usize = "20", Plainly, whole(1..=1_000);
    /// How long requests that run may take to end when the server stops, in seconds.
    stop_seconds: Duration = "10", Plainly, duration(0..=600);
    /// The OpenTelemetry collector that is told traces, by OTLP over HTTP, such as `http://127.0.0.1:4318`. Empty: none are made.
    otlp_url: Option<String> = "", WithoutPassword, optional(text(read::site, "an address such as http://127.0.0.1:4318, without a path"));
    /// How the log is written to standard error: `text` or `json`.
    log_format: LogFormat = "text", Plainly, one_of(&[("text", LogFormat::Text), ("json", LogFormat::Json)]);
    /// What is logged: a level, or levels by module (`info`, `warn,server=debug`). Below INFO only this program's own
    /// modules speak: what libraries say there may hold what passes through them.
    log_filter: String = "info", Plainly,
        checked(read::is_filter, "error, warn, info, debug or trace, or targets such as warn,server=debug");
}

fn path(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() { Err("expected a path".to_owned()) } else { Ok(PathBuf::from(text)) }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.sources.iter().map(|source| (source.name, &source.shown))).finish()
    }
}

/// What is wrong with the settings: a line each, with where it came from and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong(pub Vec<String>);

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for Wrong {}

/// What the command line says about settings.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--config FILE`
    pub config: Option<PathBuf>,
    /// `--data DIR`
    pub data: Option<String>,
    /// `--database URL`
    pub database: Option<String>,
    /// `--listen ADDR`
    pub listen: Option<String>,
}

impl Settings {
    /// Reads every setting from flags, environment, settings file and defaults.
    ///
    /// # Errors
    /// [`Wrong`], with everything that is wrong.
    pub fn load(flags: &Flags, environment: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Self, Wrong> {
        let mut found = Found::default();
        let from_environment = found.environment(environment);
        if let Some(path) = flags.config.as_ref().or(from_environment.as_ref()) {
            found.file(path);
        }
        let flags = [
            ("data_dir", "--data", &flags.data),
            ("database_url", "--database", &flags.database),
            ("listen", "--listen", &flags.listen),
        ];
        for (name, flag, value) in flags {
            if let Some(value) = value {
                found.flags.insert(name, (value.clone(), Origin::Flag(flag)));
            }
        }
        found.read()
    }

    /// Where a setting's value came from.
    pub fn origin(&self, name: &str) -> &Origin {
        self.sources.iter().find(|source| source.name == name).map_or(&Origin::Default, |source| &source.origin)
    }

    /// What the transports allow.
    pub fn bounds(&self) -> api::http::Bounds {
        api::http::Bounds {
            body_bytes: self.body_bytes_max,
            request: self.request_seconds,
            init: self.socket_init_seconds,
            write: self.write_seconds,
            heartbeat: self.heartbeat_seconds,
            sockets_per_person: self.sockets_per_person,
            sockets_per_address: self.sockets_per_address,
            streams_per_person: self.streams_per_person,
            subscriptions_per_socket: self.subscriptions_per_socket,
            upload_bytes: domain::file::FILE_BYTES_MAX as usize,
            upload: self.upload_seconds,
            uploads_per_person: self.uploads_per_person,
        }
    }

    /// How the database is opened.
    pub fn store_options(&self) -> store::Options {
        store::Options {
            readers: self.database_readers,
            connections: self.database_connections,
            reader: self.database_reader_role.clone(),
            cache_kib: self.database_cache_kib,
            ..store::Options::new(self.database_url.clone())
        }
    }
}

/// The table for the documentation, in Markdown.
pub fn markdown() -> String {
    let mut lines = vec!["| setting | default | meaning |".to_owned(), "| --- | --- | --- |".to_owned()];
    for setting in TABLE {
        let default = if setting.default.is_empty() { "none".to_owned() } else { format!("`{}`", setting.default) };
        let meaning = setting.meaning.split_whitespace().collect::<Vec<_>>().join(" ");
        lines.push(format!("| `{}` | {default} | {meaning} |", setting.name));
    }
    lines.join("\n") + "\n"
}

type Values = BTreeMap<&'static str, (String, Origin)>;

/// The texts that were found, before any is read.
#[derive(Default)]
struct Found {
    flags: Values,
    environment: Values,
    file: Values,
    sources: Vec<Source>,
    wrong: Vec<String>,
}

impl Found {
    /// Takes our variables; the settings file, where one names it.
    fn environment(&mut self, variables: impl IntoIterator<Item = (OsString, OsString)>) -> Option<PathBuf> {
        let mut config = None;
        for (name, value) in variables {
            let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX) && !name.starts_with(TESTS)) else {
                continue;
            };
            if name == CONFIG {
                config = Some(PathBuf::from(value));
                continue;
            }
            let Some(setting) = TABLE.iter().find(|setting| setting.variable() == name) else {
                let known: Vec<String> = TABLE.iter().map(Setting::variable).chain([CONFIG.to_owned()]).collect();
                self.wrong.push(format!(
                    "there is no setting {name}, in the environment: {}",
                    nearest(name, known.iter().map(String::as_str))
                ));
                continue;
            };
            match value.into_string() {
                Ok(value) => drop(self.environment.insert(setting.name, (value, Origin::Environment(name.to_owned())))),
                Err(_) => self.wrong.push(format!("the variable {name} is not UTF-8: write it anew")),
            }
        }
        config
    }

    fn file(&mut self, path: &Path) {
        let content = match std::fs::read_to_string(path) {
            Ok(content) => content,
            Err(error) => {
                return self.wrong.push(format!("the settings file {} cannot be read: {error}", path.display()));
            }
        };
        let table = match content.parse::<toml::Table>() {
            Ok(table) => table,
            Err(error) => {
                // The library's own words would repeat the line, and with it perhaps a password.
                let line = error
                    .span()
                    .and_then(|span| content.get(..span.start))
                    .map_or(1, |before| before.matches('\n').count() + 1);
                return self.wrong.push(format!(
                    "the settings file {}, line {line}: {}",
                    path.display(),
                    error.message()
                ));
            }
        };
        for (key, value) in table {
            let Some(setting) = TABLE.iter().find(|setting| setting.name == key) else {
                let hint = nearest(&key, TABLE.iter().map(|setting| setting.name));
                self.wrong.push(format!("there is no setting `{key}`, in the file {}: {hint}", path.display()));
                continue;
            };
            if setting.shown == Shown::Never {
                let variable = setting.variable();
                self.wrong.push(format!(
                    "`{key}` does not belong in the file {}: set the variable {variable}, or use a key file",
                    path.display()
                ));
                continue;
            }
            match read::from_toml(&value) {
                Some(value) => drop(self.file.insert(setting.name, (value, Origin::File(path.to_owned())))),
                None => self.wrong.push(format!(
                    "`{key}` in the file {} must be a text, a whole number, true or false, or a list of texts",
                    path.display()
                )),
            }
        }
    }

    /// The text of a setting, and where it came from.
    fn text(&self, setting: &Setting) -> (String, Origin) {
        let given = [&self.flags, &self.environment, &self.file]
            .into_iter()
            .find_map(|values| values.get(setting.name).cloned());
        given.unwrap_or_else(|| {
            let mut default = setting.default.to_owned();
            for name in ["data_dir", "listen"] {
                let place = format!("<{name}>");
                if let Some(other) = TABLE.iter().find(|other| other.name == name && default.contains(&place)) {
                    default = default.replace(&place, &self.text(other).0);
                }
            }
            (default, Origin::Default)
        })
    }

    /// The value of a setting, or `None` where it is wrong, which is then noted.
    fn value<T>(&mut self, name: &str, read: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let setting = TABLE.iter().find(|setting| setting.name == name)?;
        let (text, origin) = self.text(setting);
        let shown = setting.show(&text);
        let value = read(text.trim());
        if let Err(what) = &value {
            self.wrong.push(format!("`{name}` is `{shown}`, from {origin}: {what}"));
        }
        self.sources.push(Source { name: setting.name, shown, origin });
        value.ok()
    }
}

/// Which known name is meant, most likely.
fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> String {
    let meant = known.min_by_key(|known| strsim::damerau_levenshtein(known, name));
    meant.map_or_else(String::new, |meant| format!("did you mean {meant}?"))
}

#[cfg(test)]
mod tests;
