//! The files' place, as the settings name it: a folder, or a bucket of an S3-compatible service.

use std::path::{Path, PathBuf};

use store::{Bucket, Objects};

use crate::error::Error;
use crate::open;
use crate::settings::Settings;

/// What begins the address of a bucket.
const S3: &str = "s3://";

/// Where files lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place<'s> {
    /// In this folder.
    Folder(PathBuf),
    /// In this bucket, under this beginning of names, which may be empty.
    Bucket(&'s str, &'s str),
}

impl<'s> Place<'s> {
    /// Of the setting `files`.
    pub(crate) fn of(files: &'s str) -> Self {
        match files.strip_prefix(S3) {
            Some(place) => {
                let (name, prefix) = place.split_once('/').unwrap_or((place, ""));
                Self::Bucket(name, prefix.trim_end_matches('/'))
            }
            None => Self::Folder(PathBuf::from(files)),
        }
    }

    /// The folder, where it is one.
    pub(crate) fn folder(self) -> Option<PathBuf> {
        match self {
            Self::Folder(path) => Some(path),
            Self::Bucket(..) => None,
        }
    }
}

/// Whether a text names a files' place. What looks like an address that is none of a bucket is no folder.
pub(crate) fn is_place(text: &str) -> bool {
    match Place::of(text) {
        Place::Folder(_) => !text.is_empty() && !text.contains("://") && !text.starts_with("s3:"),
        Place::Bucket(name, _) => {
            !name.is_empty() && !name.contains(|letter: char| letter.is_whitespace() || letter == '@')
        }
    }
}

/// Opens the files' place; a folder is made where there is none.
///
/// # Errors
/// [`Error::Folder`], and [`Error::Usage`] where a bucket's key is missing.
pub(crate) fn open(settings: &Settings) -> Result<Objects, Error> {
    if let Place::Folder(path) = Place::of(&settings.files) {
        open::folder(&path, "files")?;
    }
    named(settings)
}

/// The same; nothing is made.
pub(crate) fn named(settings: &Settings) -> Result<Objects, Error> {
    match Place::of(&settings.files) {
        Place::Folder(path) => Ok(Objects::folder(Path::new(&path))?),
        Place::Bucket(name, prefix) => {
            let (Some(key_id), Some(secret)) = (&settings.files_s3_key_id, &settings.files_s3_secret) else {
                return Err(Error::Usage(
                    "`files` names a bucket: set `files_s3_key_id` and the variable THROUGHLINE_FILES_S3_SECRET"
                        .to_owned(),
                ));
            };
            Ok(Objects::bucket(&Bucket {
                name: name.to_owned(),
                prefix: prefix.to_owned(),
                endpoint: settings.files_s3_endpoint.clone(),
                region: settings.files_s3_region.clone(),
                key_id: key_id.clone(),
                secret: secret.clone(),
            })?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_place_is_a_folder_or_a_bucket() {
        assert_eq!(Place::of("./data/files"), Place::Folder(PathBuf::from("./data/files")));
        assert_eq!(Place::of("s3://coaching"), Place::Bucket("coaching", ""));
        assert_eq!(Place::of("s3://coaching/here/and/there/"), Place::Bucket("coaching", "here/and/there"));
        for (text, is_one) in [
            ("s3://coaching", true),
            ("files", true),
            ("", false),
            ("s3://", false),
            ("s3:///x", false),
            ("s3://key:secret@coaching", false),
            ("s3:/coaching", false),
            ("s3:coaching", false),
            ("https://s3.example.org/coaching", false),
        ] {
            assert_eq!(is_place(text), is_one, "{text}");
        }
    }
}
