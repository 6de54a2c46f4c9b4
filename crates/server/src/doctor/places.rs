//! What the settings and the machine have wrong: addresses, proxies, mail, folders, disks.

use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use super::Finding;
use crate::error::Error;
use crate::files::Place;
use crate::health::free_bytes;
use crate::settings::{Origin, Settings};
use crate::{open, ready, serve};

/// How long a collector of traces may take to be reached.
const PATIENCE: Duration = Duration::from_secs(3);
/// Less room than this is a problem: 1 GiB.
const ROOM_BYTES_MIN: u64 = 1 << 30;
/// A write-ahead log that is larger than this is not cut down any more: 256 MiB.
const WAL_BYTES_MAX: u64 = 256 << 20;
/// Fewer files and sockets than this are soon used up.
const FILES_MIN: u64 = 4_096;
/// File systems across a network, by the number that `statfs` gives: NFS, SMB, SMB 2, CIFS, AFS, Ceph.
const NETWORKS: [u64; 6] = [0x6969, 0x517b, 0xfe53_4d42, 0xff53_4d42, 0x5346_414f, 0x00c3_6400];
/// A file system that lies in memory.
const TMPFS: u64 = 0x0102_1994;

/// Whether an address names this machine only.
pub(super) fn is_local(url: &str) -> bool {
    let host = url.split_once("://").map_or("", |(_, rest)| rest);
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let name = host.split(['/', '?']).next().unwrap_or_default();
    let name = name.rsplit_once(':').map_or(name, |(name, port)| if port.ends_with(']') { host } else { name });
    name == "localhost" || name == "[::1]" || name.starts_with("127.") || name.is_empty()
}

/// The address under which people come, and what stands in front of it.
pub(super) fn addresses(settings: &Settings) -> Vec<Finding> {
    let url = &settings.public_url;
    let mut found = Vec::new();
    let is_public = url.starts_with("https://");
    found.push(if is_public || is_local(url) {
        Finding::fine("public address", url)
    } else {
        Finding::problem(
            "public address",
            format!("{url} is not https, and browsers keep sign-in cookies over https only: end TLS in front, and set `public_url` to that address"),
        )
    });
    let proxies = &settings.trusted_proxies;
    if proxies.iter().any(std::net::IpAddr::is_unspecified) {
        found.push(Finding::problem(
            "trusted proxies",
            "an address of zeros is nobody's: name the proxy's own in `trusted_proxies`",
        ));
    } else if is_public && proxies.is_empty() {
        found.push(Finding::problem(
            "trusted proxies",
            "people come over https, so through a proxy, and all count as one client, whose limits they share: name its address in `trusted_proxies`",
        ));
    } else if !proxies.is_empty() {
        found.push(Finding::fine("trusted proxies", format!("{} named", proxies.len())));
    }
    found.push(listening(settings));
    if !settings.listen.ip().is_loopback() {
        found.push(Finding::hint(
            "listening",
            format!("{} can be reached from other machines, in plain HTTP and with /metrics: let nobody but the proxy reach it", settings.listen),
        ));
    }
    for origin in settings.allowed_origins.iter().filter(|origin| !origin.starts_with("https://") && !is_local(origin))
    {
        found.push(Finding::problem(
            "allowed origins",
            format!("{origin} is not https: browsers send its pages' requests without the sign-in cookie"),
        ));
    }
    if let Err(error) = serve::google(settings) {
        found.push(Finding::problem("signing in with Google", error));
    }
    if let Some(path) = &settings.trusted_documents {
        let read = std::fs::read_to_string(path).map_err(|error| error.to_string());
        found.push(match read.and_then(|list| api::Trusted::parse(&list)) {
            Ok(_) => Finding::fine("trusted documents", path.display()),
            Err(what) => Finding::problem(
                "trusted documents",
                format!("{} cannot be used, and the server does not start with it: {what}", path.display()),
            ),
        });
    }
    found
}

/// Whether the server can listen where it is to; one that does so already may.
fn listening(settings: &Settings) -> Finding {
    let (what, address) = ("address to listen at", settings.listen);
    match TcpListener::bind(address) {
        Ok(_) => Finding::fine(what, format!("{address} can be listened at")),
        Err(error) if error.kind() == ErrorKind::AddrInUse && ready::listens(address) => {
            Finding::fine(what, format!("a server of this program listens at {address}"))
        }
        Err(source) => Finding::problem(what, Error::Listen { address, source }),
    }
}

/// Whether who stands around the server answers: the mail server, the collector of traces. Nothing is sent.
pub(super) async fn others(settings: &Settings) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Ok(Some(post)) = serve::mail_server(settings) {
        found.push(match post.answers().await {
            Ok(()) => Finding::fine("mail server", "it answers, and lets this server in"),
            Err(why) => Finding::problem("mail server", format!("{why}: see `smtp_url`, and whether it runs")),
        });
    }
    if let Some(url) = &settings.otlp_url {
        found.push(match reached(url).await {
            Ok(()) => Finding::fine("traces' collector", "it can be reached"),
            Err(why) => Finding::hint("traces' collector", format!("{why}: traces are dropped; see `otlp_url`")),
        });
    }
    found
}

/// Whether somebody listens at the host and port of a web address.
async fn reached(url: &str) -> Result<(), String> {
    let uri: http::Uri = url.parse().map_err(|_| format!("{url} is no address"))?;
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    match tokio::time::timeout(PATIENCE, tokio::net::TcpStream::connect((host, port))).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(format!("{url} cannot be reached: {error}")),
        Err(_) => Err(format!("{url} cannot be reached in time")),
    }
}

/// Whether mail gets to people.
pub(super) fn mail(settings: &Settings) -> Vec<Finding> {
    let wrong = [serve::mail_server(settings).err(), serve::letters(settings).err()];
    let wrong: Vec<Finding> = wrong.into_iter().flatten().map(|error| Finding::problem("mail", error)).collect();
    if !wrong.is_empty() {
        return wrong;
    }
    let Some(url) = &settings.smtp_url else {
        let said =
            format!("written into {}, and sent to nobody: set `smtp_url` to send it", settings.mail_dir.display());
        let is_public = settings.public_url.starts_with("https://");
        return vec![if is_public { Finding::problem("mail", said) } else { Finding::fine("mail", said) }];
    };
    let mut found = vec![Finding::fine("mail", "sent by the server of `smtp_url`")];
    if url.starts_with("smtp://") && !url.contains("tls=required") && !is_local(url) {
        found.push(Finding::problem(
            "mail's encryption",
            "`smtp_url` lets sign-in links and its password cross the network in the clear: use smtps://, or add `?tls=required`",
        ));
    }
    if settings.origin("mail_from") == &Origin::Default {
        found.push(Finding::problem(
            "mail's sender",
            "`mail_from` is the default, which mail servers refuse or sort out: set it to an address of yours",
        ));
    }
    found
}

/// The folders: open to their owner only, with room, on a disk of this machine.
pub(super) fn folders(settings: &Settings) -> Vec<Finding> {
    let database = open::file(settings);
    let mut paths = vec![("data folder", settings.data_dir.as_path())];
    paths.push(("checkpoints' folder", &settings.checkpoint_dir));
    if settings.smtp_url.is_none() {
        paths.push(("mail's folder", &settings.mail_dir));
    }
    if let Some(parent) = database.and_then(folder_of).filter(|parent| *parent != settings.data_dir) {
        paths.push(("database's folder", parent));
    }
    let sealed = Place::of(&settings.files).folder();
    if let Some(sealed) = &sealed {
        paths.push(("files' folder", sealed));
    }
    let mut found: Vec<Finding> = paths.iter().map(|(what, path)| folder(what, path)).collect();
    found.push(room("disk", &settings.data_dir));
    if let Some((_, path)) = paths.iter().find(|(what, path)| {
        *what == "database's folder" && device(path).is_some_and(|of| Some(of) != device(&settings.data_dir))
    }) {
        found.push(room("database's disk", path));
    }
    if let Some(database) = database {
        found.extend(database_file(database));
        found.extend(folder_of(database).and_then(file_system));
        found.extend(write_ahead(database));
    }
    found.extend(together(settings, database));
    found.extend(files());
    found
}

/// In which folder a file lies: of a bare name that is the one in which the program runs.
fn folder_of(file: &Path) -> Option<&Path> {
    file.parent().map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder })
}

fn folder(what: &'static str, path: &Path) -> Finding {
    let shown = path.display();
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return match writable(path) {
                Ok(()) => Finding::fine(what, format!("{shown} is not there yet; it is made at the first start")),
                Err(error) => Finding::problem(
                    what,
                    format!(
                        "{shown} is not there and cannot be made: {error}; make it yourself, open to the server's user, or name another"
                    ),
                ),
            };
        }
        Err(error) => {
            return Finding::problem(
                what,
                format!(
                    "{shown} cannot be looked at: {error}; run this as the server's user, or give it the folder (`chown`)"
                ),
            );
        }
    };
    let mode = metadata.permissions().mode() & 0o777;
    if !metadata.is_dir() {
        return Finding::problem(what, format!("{shown} is no folder: name another, or take it away"));
    }
    if mode.trailing_zeros() < 6 {
        return Finding::problem(what, format!("{shown} is open to others (mode {mode:03o}): run `chmod 700` on it"));
    }
    match writable(path) {
        Ok(()) => Finding::fine(what, format!("{shown}, open to its owner only")),
        Err(error) => Finding::problem(
            what,
            format!(
                "{shown} cannot be written: {error}; run this as the server's user, or give it the folder (`chown`)"
            ),
        ),
    }
}

/// Whether something can be made in a folder, or in the nearest one above it that is there: something is made, and taken
/// away again. Rights alone do not tell of a file system that takes nothing.
pub(super) fn writable(path: &Path) -> io::Result<()> {
    for there in path.ancestors() {
        let there = if there.as_os_str().is_empty() { Path::new(".") } else { there };
        if there.try_exists()? {
            let probe = there.join(format!(".throughline-doctor-{}", std::process::id()));
            std::fs::create_dir(&probe)?;
            return std::fs::remove_dir(probe);
        }
    }
    Ok(())
}

/// Whether the database's file, where it is there, can be written.
fn database_file(path: &Path) -> Option<Finding> {
    use rustix::fs::{Access, access};
    let error = access(path, Access::READ_OK | Access::WRITE_OK).err().map(io::Error::from)?;
    (error.kind() != ErrorKind::NotFound).then(|| {
        Finding::problem(
            "database's file",
            format!(
                "{} cannot be read and written: {error}; give it to the server's user (`chown`, `chmod 600`)",
                path.display()
            ),
        )
    })
}

fn room(what: &'static str, path: &Path) -> Finding {
    let Some(free) = free_bytes(path) else {
        return Finding::problem(what, format!("{} cannot be asked for its room", path.display()));
    };
    let said = format!("{} MiB are free at {}", free >> 20, path.display());
    if free >= ROOM_BYTES_MIN {
        Finding::fine(what, said)
    } else {
        Finding::problem(what, format!("{said}: make room before changes are refused"))
    }
}

/// On which device a path is or will be.
fn device(path: &Path) -> Option<u64> {
    path.ancestors().find_map(|path| std::fs::metadata(path).ok()).map(|metadata| metadata.dev())
}

fn file_system(folder: &Path) -> Option<Finding> {
    let there = folder.ancestors().find(|path| path.exists())?;
    let kind = rustix::fs::statfs(there).ok()?.f_type;
    let kind = u64::try_from(kind).ok()?;
    if NETWORKS.contains(&kind) {
        return Some(Finding::problem(
            "file system",
            "the database's file lies across a network, where its locks and syncs do not hold: move it to a disk of this machine",
        ));
    }
    (kind == TMPFS).then(|| {
        Finding::hint("file system", "the database's file lies in memory, and is gone when this machine stops: move it")
    })
}

fn write_ahead(database: &Path) -> Option<Finding> {
    let bytes = std::fs::metadata(crate::health::wal(database)).ok()?.len();
    let said = format!("{} MiB", bytes >> 20);
    Some(if bytes <= WAL_BYTES_MAX {
        Finding::fine("write-ahead log", said)
    } else {
        Finding::problem(
            "write-ahead log",
            format!(
                "{said}: something has been reading for long and keeps it from being cut down; end commands such as `verify` or `replay --check`, or a copy that hangs"
            ),
        )
    })
}

/// What lies where it is lost or stolen together.
fn together(settings: &Settings, database: Option<&Path>) -> Vec<Finding> {
    let mut found = Vec::new();
    let Some(parent) = database.and_then(folder_of) else { return found };
    if settings.root_key.is_none() && folder_of(&settings.root_key_file) == Some(parent) {
        found.push(Finding::hint(
            "root key's place",
            "it lies beside the database: whoever copies the folder can read everything; `root_key_file` may name another place",
        ));
    }
    if device(&settings.checkpoint_dir).is_some_and(|of| Some(of) == device(parent)) {
        found.push(Finding::hint(
            "checkpoints' place",
            "they lie on the database's disk: copy them to where its administrators cannot write, or they prove nothing against them",
        ));
    }
    found
}

/// How many files and sockets this process, and a server started likewise, may open.
fn files() -> Option<Finding> {
    let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).current?;
    let said = format!("{most} files and sockets may be open");
    Some(if most >= FILES_MIN {
        Finding::fine("open files", said)
    } else {
        Finding::hint("open files", format!("{said}: raise it (`ulimit -n`, LimitNOFILE) to {FILES_MIN} or more"))
    })
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::settings::Flags;

    #[test]
    fn a_bare_name_lies_in_the_folder_in_which_the_program_runs() {
        let flags = Flags { database: Some("sqlite:nowhere.db".to_owned()), ..Flags::default() };
        let settings = Settings::load(&flags, Vec::<(OsString, OsString)>::new()).unwrap();
        let found = folders(&settings);
        let of = found.iter().find(|found| found.what == "database's folder");
        assert!(of.is_some_and(|of| of.said.starts_with('.') && !of.said.contains("not there yet")), "{of:?}");
        assert!(found.iter().any(|found| found.what == "checkpoints' place"), "they lie on one disk: {found:?}");
    }

    #[test]
    fn an_address_of_this_machine_is_told_from_others() {
        for local in ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:9", "smtp://me:p@localhost:25?x=y"] {
            assert!(is_local(local), "{local}");
        }
        for other in ["http://127.example.org.evil", "http://localhost.example.org", "smtp://a:b@mail.example.org:587"]
        {
            assert_eq!(is_local(other), other.contains("127."), "{other}");
        }
    }
}
