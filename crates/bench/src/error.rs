//! What can keep a benchmark from ending.

/// The one error of this crate: a benchmark that fails anywhere measures nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A command was refused, or the app cannot go on.
    #[error("{0} ({0:?})")]
    App(#[from] app::Error),
    /// The database cannot.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// PostgreSQL does not start, or makes no database.
    #[error(transparent)]
    Cluster(#[from] cluster::Error),
    /// A key of the fixture is none.
    #[error(transparent)]
    Vault(#[from] vault::Error),
    /// A file cannot be written or copied.
    #[error(transparent)]
    File(#[from] std::io::Error),
    /// A record is no JSON, or the numbers cannot be written as such.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// Something else than expected came out: the numbers would be of something else, too.
    #[error("{0}")]
    Unexpected(String),
}

impl From<domain::Refusal> for Error {
    fn from(refusal: domain::Refusal) -> Self {
        Self::App(refusal.into())
    }
}
