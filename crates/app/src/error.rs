//! What can go wrong while a command is run or a query answered, and what is said about it.

use domain::Refusal;

/// The one error of this crate. What it tells outside is its kind; the inner text is for the server's log.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// A rule says no.
    #[error("{}", .0.message())]
    Refused(Refusal),
    /// The actor may see it, but not do this.
    #[error("you may not do this here")]
    Forbidden,
    /// It is not there, or not the viewer's to see.
    #[error("there is nothing here by that id that you can see")]
    NotFound,
    /// Nobody is signed in, or the sign-in has ended.
    #[error("sign in first")]
    Unauthenticated,
    /// The same idempotency key came with another request.
    #[error("this idempotency key was used for another request; use a new key for a new request")]
    ConflictingKey,
    /// The storage is full.
    #[error("the server's storage is full; nothing was changed, try again later")]
    StorageFull,
    /// The server cannot do it now.
    #[error("the server cannot do this now; nothing is known to have changed, try again with the same idempotency key")]
    Unavailable,
    /// The command named other logs than the rows now say: whoever made it makes it anew.
    #[error("something changed meanwhile; try again")]
    Again,
    /// An earlier moment takes more than one request to put together.
    #[error(
        "this moment takes more than one request to put together: {done} of {wanted} events are done; ask again, and it goes on from there"
    )]
    Building {
        /// So many events are.
        done: u64,
        /// Of so many.
        wanted: u64,
    },
    /// The input makes no sense.
    #[error("{0}")]
    BadRequest(String),
    /// A fault. The text is for the server's log only.
    #[error("something went wrong in the server")]
    Internal(String),
}

impl Error {
    /// A fault, told to the log only.
    pub fn internal(what: impl ToString) -> Self {
        Self::Internal(what.to_string())
    }

    /// Whether a command that ends so has changed nothing for certain. Of the others it is not known: a repeat under the same
    /// key tells.
    pub const fn changed_nothing(&self) -> bool {
        match self {
            Self::Refused(_)
            | Self::Forbidden
            | Self::NotFound
            | Self::Unauthenticated
            | Self::ConflictingKey
            | Self::StorageFull
            | Self::Again
            | Self::BadRequest(_) => true,
            Self::Unavailable | Self::Building { .. } | Self::Internal(_) => false,
        }
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Full(_) => Self::StorageFull,
            store::Error::Fatal(_) | store::Error::Unknown(_) => {
                tracing::error!(%error, "the database failed");
                Self::Unavailable
            }
            store::Error::Objects(_) => {
                tracing::error!(%error, "the files' place failed");
                Self::Unavailable
            }
            store::Error::Conflict(_) | store::Error::NotSent(_) | store::Error::Stale(_) => {
                tracing::warn!(%error, "the database did not answer");
                Self::Unavailable
            }
            store::Error::Open(_)
            | store::Error::Empty
            | store::Error::InUse
            | store::Error::TooOld { .. }
            | store::Error::Unsafe(_)
            | store::Error::Wall(_)
            | store::Error::NewerSchema { .. }
            | store::Error::Senseless(_)
            | store::Error::Malformed(_) => Self::internal(error),
        }
    }
}

impl From<vault::Error> for Error {
    fn from(error: vault::Error) -> Self {
        if matches!(error, vault::Error::UnknownRoot) {
            tracing::error!(%error, "this process cannot read what others have written");
            return Self::Unavailable;
        }
        Self::internal(error)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
