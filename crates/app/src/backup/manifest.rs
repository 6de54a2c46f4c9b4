//! What a backup is: said in a signed note, so that a file that was cut or changed is found, and where.
//!
//! ```text
//! throughline backup 1
//! at 1795301731091863          when its snapshot was taken
//! logs 7
//! events 48
//! bytes 180224                 of the database file
//! blocks Ws8…                  the SHA-256 of the list of its blocks' hashes, which follows the note
//!
//! — throughline Az3…
//! ```

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::value::Time;
use sha2::{Digest as _, Sha256};
use store::checkpoint::{Signer, Verifiers};

use super::{Error, file};

const HEAD: &str = "throughline backup 1";

/// What a backup says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manifest {
    /// When its snapshot was taken.
    pub at: Time,
    /// How many logs it holds.
    pub logs: u64,
    /// How many events.
    pub events: u64,
}

impl Manifest {
    /// Its file's content, over the database file at `database`.
    pub(crate) fn write(&self, database: &Path, signer: &Signer) -> Result<String, Error> {
        let (bytes, hashes) = file::blocks(database)?;
        let list = list(&hashes);
        let Manifest { at, logs, events } = self;
        let blocks = BASE64.encode(Sha256::digest(&list));
        let said = format!("{HEAD}\nat {}\nlogs {logs}\nevents {events}\nbytes {bytes}\nblocks {blocks}\n", at.0);
        Ok(signer.sign_statement(&said).map_err(Error::signing)? + "\n" + &list)
    }

    /// Reads it, and holds the database file against it.
    ///
    /// # Errors
    /// [`Error::Damaged`] with what is wrong and where.
    pub(crate) fn check(path: &Path, database: &Path, keys: &Verifiers) -> Result<Manifest, Error> {
        let damaged = |what: String| Error::Damaged { path: path.to_owned(), what };
        let text = String::from_utf8(file::read(path)?)
            .map_err(|error| damaged(format!("byte {} is no text", error.utf8_error().valid_up_to())))?;
        // The second empty line ends the note.
        let end = text.match_indices("\n\n").nth(1).map(|(at, _)| at + 1);
        let (note, written) = end
            .and_then(|end| Some((text.get(..end)?, text.get(end + 1..)?)))
            .ok_or_else(|| damaged("it is cut short".to_owned()))?;
        let said = keys.verify_statement(note).map_err(|error| damaged(error.to_string()))?;
        let field = |name: &str| {
            let found = said.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            found.filter(|_| said.starts_with(HEAD)).ok_or_else(|| damaged(format!("it does not say its {name}")))
        };
        let number = |name: &str| field(name)?.parse::<u64>().map_err(|_| damaged(format!("its {name} is no number")));
        if field("blocks")? != BASE64.encode(Sha256::digest(written)) {
            return Err(damaged("its list of blocks is not what was written".to_owned()));
        }
        holds(database, number("bytes")?, written)?;
        let at = i64::try_from(number("at")?).unwrap_or(i64::MAX);
        Ok(Manifest { at: Time(at), logs: number("logs")?, events: number("events")? })
    }
}

/// Whether a file is as long as it was, and each block of it what was written.
fn holds(path: &Path, expected: u64, written: &str) -> Result<(), Error> {
    let damaged = |what: String| Err(Error::Damaged { path: path.to_owned(), what });
    let (bytes, hashes) = file::blocks(path)?;
    if bytes != expected {
        return damaged(format!("it has {bytes} bytes, and {expected} were written"));
    }
    let now = list(&hashes);
    match now.lines().zip(written.lines()).position(|(now, written)| now != written) {
        None => Ok(()),
        Some(block) => {
            let from = block * file::BLOCK_BYTES;
            damaged(format!(
                "something in its bytes {from} to {} is not what was written",
                from + file::BLOCK_BYTES - 1
            ))
        }
    }
}

fn list(hashes: &[[u8; 32]]) -> String {
    hashes.iter().map(|hash| BASE64.encode(hash) + "\n").collect()
}
