//! What can keep the program from doing what its user asked: said to them on standard error, with what to do.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::settings::Wrong;

/// The one error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings make no sense.
    #[error("{0}")]
    Settings(#[from] Wrong),
    /// The database.
    #[error("{0}")]
    Store(#[from] store::Error),
    /// The app. Its faults tell the operator what they do not tell a client.
    #[error("{}", told(.0))]
    App(#[from] app::Error),
    /// A key or its file.
    #[error("{0}")]
    Key(#[from] vault::Error),
    /// The key of the checkpoints cannot sign.
    #[error("the signing key: {0}")]
    Signer(#[from] store::checkpoint::Error),
    /// The database holds logs, and the key that they were written with is not where it should be.
    #[error(
        "the database holds logs, and there is no root key in {}: without the key they were written with nothing can be \
         read. Restore the file from its backup, or set `root_key_file` or THROUGHLINE_ROOT_KEY. A new key is made only for \
         an empty database",
        .0.display()
    )]
    RootKeyIsMissing(PathBuf),
    /// The root key is another one than the database was written with.
    #[error(
        "this is not the root key that the database was written with: restore the right one (see `root_key_file` and \
         THROUGHLINE_ROOT_KEY), or name the database that belongs to it"
    )]
    WrongRootKey,
    /// A backup could not be made or used, or a database not moved.
    #[error("{0}")]
    Backup(#[from] app::backup::Error),
    /// An address cannot be listened at.
    #[error(
        "cannot listen at {address}: {source}; name another address with `listen` or --listen, or end what uses it"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// A folder cannot be made.
    #[error(
        "cannot make the folder {}: {source}; make it yourself, open to this user, or name another with `{setting}`",
        path.display()
    )]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The setting that names it.
        setting: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// The command line asks for what makes no sense.
    #[error("{0}")]
    Usage(String),
    /// The terminal, or whoever reads the output.
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
}

/// What the operator is told of an error of the app.
fn told(error: &app::Error) -> String {
    match error {
        app::Error::Internal(what) => format!("something is wrong inside: {what}"),
        app::Error::Unavailable => "the database cannot do this now; see the log, then try again".to_owned(),
        app::Error::Refused(_)
        | app::Error::Forbidden
        | app::Error::NotFound
        | app::Error::Unauthenticated
        | app::Error::ConflictingKey
        | app::Error::StorageFull
        | app::Error::Again
        | app::Error::Building { .. }
        | app::Error::BadRequest(_) => error.to_string(),
    }
}

impl Error {
    /// Whether whoever read the output has gone, which is no fault (`throughline log | head`).
    pub fn is_closed_output(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}
