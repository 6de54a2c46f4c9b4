//! The crate's one error type. No message holds a secret, a text or a part of a file's content.

use std::path::PathBuf;

use crate::TEXT_BYTES_MAX;

/// What can go wrong with keys and sealed text.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system gives no random bytes.
    #[error("the operating system gives no randomness ({0}); nothing can be sealed until it does")]
    NoRandomness(getrandom::Error),
    /// A key file cannot be read or written.
    #[error("cannot {doing} the key file {}: {source}; its folder must exist, open to this user", path.display())]
    File {
        /// What was tried, as a verb.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Others than its owner may use the key file.
    #[error(
        "the key file {} is open to others (mode {mode:03o}); run `chmod 600` on it, \
         and take a new key if somebody may have read it",
        path.display()
    )]
    FileIsOpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A key file's content is no key.
    #[error("the key file {} does not hold 64 hexadecimal digits; restore it from its backup", path.display())]
    FileHoldsNoKey {
        /// The file.
        path: PathBuf,
    },
    /// A key was to be written to a file, and another one is there.
    #[error("the key file {} holds another key; move it away if it is not needed, or name another file", path.display())]
    FileHoldsAnotherKey {
        /// The file.
        path: PathBuf,
    },
    /// A key is wrapped with a root key that is not held.
    #[error(
        "a key is wrapped with a root key that is not held here: the root key was replaced; give this machine the new one, \
         in the file beside the old one"
    )]
    UnknownRoot,
    /// A text is no key.
    #[error("this is not a key: expected 64 hexadecimal digits")]
    NotAKey,
    /// A text is longer than can be sealed as one.
    #[error("a text of {bytes} bytes cannot be sealed as one: at most {TEXT_BYTES_MAX}; seal it in parts")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// The envelope was written by a version that this one does not know.
    #[error("sealed in format {found}, and this version knows format 1; a newer version of the program reads it")]
    UnknownFormat {
        /// The envelope's version byte.
        found: u8,
    },
    /// The envelope is not what was sealed at this place with this key: moved, changed, cut, or another key's.
    #[error("does not open: it was changed, or moved, or sealed with another key")]
    DoesNotOpen,
    /// A wrapped key opens, but is not the one that was committed to.
    #[error("a wrapped key is not the one its commitment names: the key table was tampered with")]
    WrongCommitment,
}
