//! Keys, sealing and opening. This crate knows no coaching and no SQL; it knows bytes, where they belong, and who holds
//! the key to them.
//!
//! # The keys
//!
//! ```text
//! root key (a file or the environment; never in the database; replaceable)
//!   │ HKDF-SHA256, purpose and log in the info
//!   ├─ log key          one a log, derived, never stored: AES-256-GCM around each data key, bound to its KeyPlace
//!   └─ around the lasting key, likewise
//! data key              one a (subject, owner, generation), random, stored wrapped with its commitment
//!   └─ sealed text      AES-256-GCM, bound to its Place
//! file key              one a file, random, sealed as a text under its data key
//!   └─ chunks           AES-256-GCM, bound to the file and to their place in it ([`file`])
//! lasting key           one a database, random, stored wrapped with its commitment
//!   ├─ address key      an email address ▶ the id of its log (HMAC)
//!   ├─ secrets of a log a command ▶ the token it handed out (HMAC)
//!   └─ prints of a log  a request ▶ its fingerprint (HMAC)
//! ```
//!
//! Each wrapped key says which root key wraps it ([`RootId`]). Replacing a root key is wrapping data keys and the lasting
//! key anew: nothing that was sealed is touched, and nothing that was derived changes. While that goes on, a process
//! holds both ([`Roots`]).
//!
//! Forgetting is destroying wrapped data keys: nothing else can make them again, since they are random and not derived.
//! The signing key of checkpoints ([`SigningSeed`]) is apart: who can sign history cannot read it, and the reverse.
//!
//! # The sealed format, version 1
//!
//! ```text
//! 1 byte    version = 1
//! 12 bytes  nonce, random
//! n bytes   ciphertext, as long as the text
//! 16 bytes  tag
//! ```
//!
//! The tag also covers associated data: the version, what sort of thing is sealed, and its whole place. The reader says
//! the place, from the row or event in which it found the envelope; nothing in the envelope names it. So an envelope
//! that was moved to another log, thing, kind of text or ordinal does not open, and neither does a wrapped key that was
//! moved to another subject, owner, generation or log (promise C2). The encoding of a place is injective: fixed widths,
//! and a length before the one part that varies.
//!
//! AES-GCM alone lets somebody who knows two keys build one ciphertext that opens under both. Each wrapped key
//! therefore lies beside a *commitment*, a hash of the key, and the commitment is checked at every unwrapping.
//!
//! Nonces are random, so one key must seal fewer than 2³² texts (NIST SP 800-38D, section 8.3). Counting and turning to
//! a new generation is the caller's duty.

mod derive;
mod entropy;
mod envelope;
mod error;
pub mod file;
mod key;
mod lasting;
mod root;
mod roots;
mod secret_file;
mod token;

pub use entropy::{Entropy, Os, Seeded};
pub use envelope::TEXT_BYTES_MAX;
pub use error::Error;
pub use key::{DataKey, KeyPlace, LogKey, Place, WrappedKey};
pub use lasting::LastingKey;
pub use root::{RootId, RootKey, SigningSeed};
pub use roots::Roots;
pub use secret_file::Origin;
pub use token::{Secret, same_hash, token_hash};
