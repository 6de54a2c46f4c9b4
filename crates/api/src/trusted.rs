//! Trusted documents: where the operator names the operations that may run, no other one does.
//!
//! A document is known by the SHA-256 of its exact text. The list is a JSON object of hash and text, as tools write that
//! collect a client's operations, or an array of hashes.

use std::collections::BTreeSet;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

/// Which documents may run.
#[derive(Debug, Clone, Default)]
pub struct Trusted(Option<Arc<BTreeSet<String>>>);

impl Trusted {
    /// Only those of this list.
    ///
    /// # Errors
    /// What is wrong with the list, and where.
    pub fn parse(list: &str) -> Result<Self, String> {
        let list: serde_json::Value = serde_json::from_str(list).map_err(|error| format!("it is not JSON: {error}"))?;
        let hashes: Vec<String> = match list {
            serde_json::Value::Array(hashes) => hashes
                .into_iter()
                .map(|hash| hash.as_str().map(str::to_owned).ok_or_else(|| format!("{hash} is not a hash")))
                .collect::<Result<_, _>>()?,
            serde_json::Value::Object(documents) => documents
                .into_iter()
                .map(|(hash, document)| match document.as_str() {
                    Some(text) if hash_of(text) == plain(&hash) => Ok(hash),
                    Some(_) => Err(format!("{hash} is not the SHA-256 of the document beside it")),
                    None => Err(format!("beside {hash} stands no document")),
                })
                .collect::<Result<_, _>>()?,
            serde_json::Value::Null
            | serde_json::Value::Bool(_)
            | serde_json::Value::Number(_)
            | serde_json::Value::String(_) => {
                return Err("it is neither an object of hashes and documents nor an array of hashes".to_owned());
            }
        };
        let mut known = BTreeSet::new();
        for hash in hashes {
            let plain = plain(&hash).to_owned();
            if plain.len() != 64 || !plain.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
                return Err(format!("{hash} is not a SHA-256 in 64 small hexadecimal digits"));
            }
            known.insert(plain);
        }
        Ok(Self(Some(Arc::new(known))))
    }

    /// Whether this document may run.
    pub fn admits(&self, document: &str) -> bool {
        self.0.as_ref().is_none_or(|known| known.contains(&hash_of(document)))
    }
}

/// A hash without the name of its algorithm.
fn plain(hash: &str) -> &str {
    hash.strip_prefix("sha256:").unwrap_or(hash)
}

fn hash_of(document: &str) -> String {
    Sha256::digest(document.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_listed_runs() {
        let listed = "{ service { version } }";
        let hash = hash_of(listed);
        assert_eq!(hash_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        for list in [format!("[\"{hash}\"]"), format!("[\"sha256:{hash}\"]"), format!("{{\"{hash}\": \"{listed}\"}}")] {
            let trusted = Trusted::parse(&list).unwrap();
            assert!(trusted.admits(listed));
            assert!(!trusted.admits("{service{version}}"));
        }
        assert!(Trusted::default().admits("anything"));
        for wrong in
            ["", "1", "[1]", "[\"abc\"]", &format!("{{\"{hash}\": \"another\"}}"), &format!("{{\"{hash}\": 1}}")]
        {
            assert!(Trusted::parse(wrong).is_err(), "{wrong}");
        }
    }
}
