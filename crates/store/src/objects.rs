//! Objects: long bytes under names, in a folder or in an S3-compatible bucket. Beside the database, since a database is a
//! poor place for them.
//!
//! What they are is the caller's matter, and so is that they are sealed. What holds here:
//! * an object is there whole or not at all, and when [`Writer::end`] has returned it stays: in a folder the file and the
//!   folders that lead to it are synced before;
//! * what a write that was cut short has left is removed with the object of its name: in a folder that is a file beside
//!   it. A bucket keeps such parts itself, where its rules do not remove them;
//! * names are made of ids and slashes ([`Objects::remove_all`] removes what lies under a beginning).
//!
//! It is `object_store`'s work; over HTTP it is asked with the client that the program has anyway (`http`).

mod http;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path as Name;
use object_store::prefix::PrefixStore;
use object_store::{
    GetOptions, GetRange, ObjectStore, ObjectStoreExt as _, PutMode, PutPayload, RetryConfig, WriteMultipart,
};

use crate::Error;

/// How long a part is in a bucket: the smallest that S3 takes.
const BUCKET_PART_BYTES: usize = 5 << 20;
/// How long a part is elsewhere.
const PART_BYTES: usize = 256 << 10;
/// How many parts are on their way at once. What comes next waits until fewer are: so a writer holds one part, and a piece.
const PARTS_AT_ONCE: usize = 1;
/// How often a bucket is asked again where it did not answer well. Who asked knows better what can wait.
const RETRIES_MAX: usize = 2;
/// How long after the first time it is asked again at all.
const RETRYING: Duration = Duration::from_secs(10);
/// The longest object that is read into memory as a whole.
const SMALL_BYTES_MAX: u64 = 64 << 10;

/// A bucket of an S3-compatible service.
#[derive(Clone)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// What every object's name begins with there; may be empty.
    pub prefix: String,
    /// The service's address; Amazon's own where there is none.
    pub endpoint: Option<String>,
    /// The region.
    pub region: String,
    /// The key's id.
    pub key_id: String,
    /// The key.
    pub secret: String,
}

impl std::fmt::Debug for Bucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bucket").field("name", &self.name).field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// Where objects lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shelf {
    /// In this folder.
    Folder(PathBuf),
    /// In a bucket: its address for people.
    Bucket(String),
    /// In memory: gone with the process, as an SQLite database `:memory:` is.
    Memory,
}

impl std::fmt::Display for Shelf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "{}", path.display()),
            Self::Bucket(address) => f.write_str(address),
            Self::Memory => f.write_str("memory"),
        }
    }
}

/// Objects under names. Clones are the same ones.
#[derive(Debug, Clone)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    shelf: Arc<Shelf>,
}

impl Objects {
    /// Those of a folder, which is there.
    ///
    /// # Errors
    /// [`Error::Objects`] where it is not.
    pub fn folder(path: &Path) -> Result<Self, Error> {
        let local = LocalFileSystem::new_with_prefix(path).map_err(|error| Error::Objects(error.to_string()))?;
        let store = Arc::new(local.with_fsync(true).with_automatic_cleanup(true));
        Ok(Self { store, shelf: Arc::new(Shelf::Folder(path.to_owned())) })
    }

    /// Those of a bucket. Nothing is asked of it yet.
    ///
    /// # Errors
    /// [`Error::Objects`] where the settings make no sense.
    pub fn bucket(bucket: &Bucket) -> Result<Self, Error> {
        let open = |error: object_store::Error| Error::Objects(error.to_string());
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&bucket.name)
            .with_region(&bucket.region)
            .with_access_key_id(&bucket.key_id)
            .with_secret_access_key(&bucket.secret)
            .with_retry(RetryConfig { max_retries: RETRIES_MAX, retry_timeout: RETRYING, ..RetryConfig::default() })
            .with_http_connector(http::Connector);
        if let Some(endpoint) = &bucket.endpoint {
            let is_plain = endpoint.starts_with("http://");
            builder =
                builder.with_endpoint(endpoint).with_allow_http(is_plain).with_virtual_hosted_style_request(false);
        }
        let store = builder.build().map_err(open)?;
        let address = format!("s3://{}/{}", bucket.name, bucket.prefix);
        let store: Arc<dyn ObjectStore> = if bucket.prefix.is_empty() {
            Arc::new(store)
        } else {
            Arc::new(PrefixStore::new(store, Name::from(bucket.prefix.as_str())))
        };
        Ok(Self { store, shelf: Arc::new(Shelf::Bucket(address)) })
    }

    /// In memory, for what keeps no files.
    pub fn memory() -> Self {
        Self { store: Arc::new(InMemory::new()), shelf: Arc::new(Shelf::Memory) }
    }

    /// Where they lie.
    pub fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    /// Writes a short object.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Objects`].
    pub async fn put(&self, name: &str, bytes: impl Into<Bytes>) -> Result<(), Error> {
        let put = self.store.put(&Name::from(name), PutPayload::from_bytes(bytes.into())).await;
        put.map(drop).map_err(|error| failed(&error))
    }

    /// Writes a short object where there is none of this name yet. Whether there was none.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Objects`].
    pub async fn create(&self, name: &str, bytes: impl Into<Bytes>) -> Result<bool, Error> {
        let payload = PutPayload::from_bytes(bytes.into());
        match self.store.put_opts(&Name::from(name), payload, PutMode::Create.into()).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
            Err(error) => Err(failed(&error)),
        }
    }

    /// A short object as a whole; nothing where there is none.
    ///
    /// # Errors
    /// [`Error::Objects`], also for an object that is not short.
    pub async fn get(&self, name: &str) -> Result<Option<Bytes>, Error> {
        let found = match self.store.get(&Name::from(name)).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(failed(&error)),
        };
        if found.meta.size > SMALL_BYTES_MAX {
            return Err(Error::Objects(format!("{name} is longer than it was written")));
        }
        found.bytes().await.map(Some).map_err(|error| failed(&error))
    }

    /// Shorter objects are written in one piece, longer ones in parts of this size.
    fn part_bytes(&self) -> usize {
        match &*self.shelf {
            Shelf::Bucket(_) => BUCKET_PART_BYTES,
            Shelf::Folder(_) | Shelf::Memory => PART_BYTES,
        }
    }

    /// Begins to write an object. It is there once [`Writer::end`] has returned.
    pub fn write(&self, name: &str) -> Writer {
        Writer { objects: self.clone(), name: name.to_owned(), waiting: Vec::new(), bytes: 0, upload: None }
    }

    /// A part of an object, as it comes.
    ///
    /// # Errors
    /// [`Error::Objects`], also where there is no such object or it is too short.
    pub async fn read(&self, name: &str, range: Range<u64>) -> Result<BoxStream<'static, Result<Bytes, Error>>, Error> {
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        let found = self.store.get_opts(&Name::from(name), options).await.map_err(|error| failed(&error))?;
        Ok(found.into_stream().map_err(|error| failed(&error)).boxed())
    }

    /// How long an object is; nothing where there is none.
    ///
    /// # Errors
    /// [`Error::Objects`].
    pub async fn size(&self, name: &str) -> Result<Option<u64>, Error> {
        match self.store.head(&Name::from(name)).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed(&error)),
        }
    }

    /// Removes an object, where there is one, and what writing it has left.
    ///
    /// # Errors
    /// [`Error::Objects`].
    pub async fn remove(&self, name: &str) -> Result<(), Error> {
        match self.store.delete(&Name::from(name)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(failed(&error)),
        }
        if let Shelf::Folder(folder) = &*self.shelf {
            let path = folder.join(name);
            blocking(move || remove_parts(&path)).await?;
        }
        Ok(())
    }

    /// Removes every object whose name begins with this and a slash.
    ///
    /// # Errors
    /// [`Error::Objects`]; what was removed by then is removed.
    pub async fn remove_all(&self, beginning: &str) -> Result<(), Error> {
        let prefix = Name::from(beginning);
        let names = self.store.list(Some(&prefix)).map_ok(|meta| meta.location).boxed();
        let mut removed = self.store.delete_stream(names);
        while let Some(one) = removed.next().await {
            match one {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(failed(&error)),
            }
        }
        if let Shelf::Folder(folder) = &*self.shelf {
            let path = folder.join(beginning);
            let gone = move || match std::fs::remove_dir_all(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
                Ok(()) | Err(_) => Ok(()),
            };
            blocking(gone).await?;
        }
        Ok(())
    }

    /// What the names begin with, up to the first slash, of all objects that have one; in no order.
    ///
    /// # Errors
    /// [`Error::Objects`].
    pub async fn folders(&self) -> Result<Vec<String>, Error> {
        let listed = self.store.list_with_delimiter(None).await.map_err(|error| failed(&error))?;
        Ok(listed.common_prefixes.iter().map(ToString::to_string).collect())
    }

    /// The names of at most so many objects under a beginning that are wanted, in no order.
    ///
    /// # Errors
    /// [`Error::Objects`].
    pub async fn list(
        &self,
        beginning: &str,
        most: usize,
        is_wanted: impl Fn(&str) -> bool + Send,
    ) -> Result<Vec<String>, Error> {
        let prefix = Name::from(beginning);
        let names = self.store.list(Some(&prefix)).try_filter_map(move |meta| {
            let name = meta.location.to_string();
            std::future::ready(Ok(is_wanted(&name).then_some(name)))
        });
        match names.take(most).try_collect().await {
            Ok(names) => Ok(names),
            // A folder that is not there has nothing in it.
            Err(object_store::Error::NotFound { .. }) => Ok(Vec::new()),
            Err(error) => Err(failed(&error)),
        }
    }
}

/// An object that is being written.
pub struct Writer {
    objects: Objects,
    name: String,
    waiting: Vec<Bytes>,
    bytes: usize,
    upload: Option<WriteMultipart>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Writer {
    /// Writes what comes next. It may wait until what came before is written.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Objects`].
    pub async fn put(&mut self, bytes: impl Into<Bytes>) -> Result<(), Error> {
        let bytes = bytes.into();
        if let Some(upload) = &mut self.upload {
            upload.wait_for_capacity(PARTS_AT_ONCE).await.map_err(|error| failed(&error))?;
            upload.put(bytes);
            return Ok(());
        }
        self.bytes += bytes.len();
        self.waiting.push(bytes);
        let part_bytes = self.objects.part_bytes();
        if self.bytes >= part_bytes {
            let name = Name::from(self.name.as_str());
            let upload = self.objects.store.put_multipart(&name).await.map_err(|error| failed(&error))?;
            let mut upload = WriteMultipart::new_with_chunk_size(upload, part_bytes);
            for bytes in self.waiting.drain(..) {
                upload.put(bytes);
            }
            self.upload = Some(upload);
        }
        Ok(())
    }

    /// Ends it: the object is there.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Objects`]: then it is not, or nobody knows, and [`Objects::remove`] makes sure.
    pub async fn end(self) -> Result<(), Error> {
        let ended = if let Some(upload) = self.upload {
            upload.finish().await
        } else {
            let payload = self.waiting.into_iter().collect::<PutPayload>();
            self.objects.store.put(&Name::from(self.name.as_str()), payload).await
        };
        ended.map(drop).map_err(|error| failed(&error))
    }

    /// Gives it up: nothing of it stays.
    ///
    /// # Errors
    /// [`Error::Objects`]: then parts may stay until they are removed with [`Objects::remove`].
    pub async fn abort(self) -> Result<(), Error> {
        match self.upload {
            Some(upload) => upload.abort().await.map_err(|error| failed(&error)),
            None => Ok(()),
        }
    }
}

/// What writes that were cut short have left beside an object: its name, `#` and a number.
fn remove_parts(object: &Path) -> std::io::Result<()> {
    let (Some(folder), Some(name)) = (object.parent(), object.file_name().and_then(|name| name.to_str())) else {
        return Ok(());
    };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let left = entry.file_name();
        let is_part = left.to_str().and_then(|left| left.strip_prefix(name)).is_some_and(|end| end.starts_with('#'));
        if is_part {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

async fn blocking(work: impl FnOnce() -> std::io::Result<()> + Send + 'static) -> Result<(), Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| Error::Objects(error.to_string())),
        Err(error) => Err(Error::Objects(error.to_string())),
    }
}

/// An error as the store says it: a full disk is told from what else can be.
fn failed(error: &object_store::Error) -> Error {
    let said = error.to_string();
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(it) = cause {
        let is_full = it.downcast_ref::<std::io::Error>().is_some_and(|error| {
            matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
        });
        if is_full {
            return Error::Full(said);
        }
        cause = it.source();
    }
    Error::Objects(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn whole(objects: &Objects, name: &str, range: Range<u64>) -> Option<Vec<u8>> {
        let mut parts = objects.read(name, range).await.ok()?;
        let mut bytes = Vec::new();
        while let Some(part) = parts.next().await {
            bytes.extend_from_slice(&part.ok()?);
        }
        Some(bytes)
    }

    async fn behaves(objects: Objects) {
        assert_eq!(objects.get("a/b/c").await, Ok(None));
        assert_eq!(objects.size("a/b/c").await, Ok(None));
        assert_eq!(objects.list("a", 9, |_| true).await, Ok(Vec::new()));
        objects.put("a/b/c", "short").await.unwrap();
        assert_eq!(objects.get("a/b/c").await, Ok(Some(Bytes::from("short"))));
        assert_eq!(objects.create("a/b/c", "other").await, Ok(false));
        assert_eq!(objects.get("a/b/c").await, Ok(Some(Bytes::from("short"))));
        objects.remove("a/b/c").await.unwrap();
        assert_eq!(objects.create("a/b/c", "short").await, Ok(true));
        // Shorter than a part, exactly one, and longer.
        let part = objects.part_bytes();
        for (place, bytes) in [0, 1, part - 1, part, 2 * part + 7].into_iter().enumerate() {
            let (name, content) = (format!("a/b/{place}"), vec![7_u8; bytes]);
            let mut writer = objects.write(&name);
            for part in content.chunks(70_000) {
                writer.put(part.to_vec()).await.unwrap();
            }
            assert_eq!(objects.size(&name).await, Ok(None), "it is not there before its end");
            writer.end().await.unwrap();
            assert_eq!(objects.size(&name).await, Ok(Some(bytes as u64)));
            if bytes > 10 {
                assert_eq!(whole(&objects, &name, 3..9).await.as_deref(), Some(&content[3..9]));
            }
        }
        let mut writer = objects.write("a/b/given up");
        writer.put(vec![1_u8; part + 1]).await.unwrap();
        writer.abort().await.unwrap();
        assert_eq!(objects.size("a/b/given up").await, Ok(None));
        objects.put("a/other/c", "stays").await.unwrap();
        objects.put("a/bb", "stays").await.unwrap();
        let mut names = objects.list("a/b", 99, |_| true).await.unwrap();
        names.sort();
        assert_eq!(names, ["a/b/0", "a/b/1", "a/b/2", "a/b/3", "a/b/4", "a/b/c"]);
        assert_eq!(objects.list("a/b", 2, |_| true).await.unwrap().len(), 2);
        assert_eq!(objects.list("a/b", 1, |name| name == "a/b/2").await.unwrap(), ["a/b/2"]);
        objects.remove("a/b/c").await.unwrap();
        objects.remove("a/b/c").await.unwrap();
        objects.remove_all("a/b").await.unwrap();
        objects.remove_all("a/b").await.unwrap();
        let mut names = objects.list("a", 99, |_| true).await.unwrap();
        names.sort();
        assert_eq!(names, ["a/bb", "a/other/c"]);
        objects.put("b", "stays").await.unwrap();
        assert_eq!(objects.folders().await.unwrap(), ["a"]);
    }

    #[tokio::test]
    async fn a_folder_keeps_objects() {
        let folder = tempfile::tempdir().unwrap();
        behaves(Objects::folder(folder.path()).unwrap()).await;
        assert!(Objects::folder(&folder.path().join("missing")).is_err());
    }

    #[tokio::test]
    async fn memory_keeps_objects() {
        behaves(Objects::memory()).await;
    }

    #[tokio::test]
    async fn what_a_write_that_was_cut_short_left_goes_with_its_object() {
        let folder = tempfile::tempdir().unwrap();
        let objects = Objects::folder(folder.path()).unwrap();
        let mut writer = objects.write("a/one");
        writer.put(vec![1_u8; PART_BYTES + 1]).await.unwrap();
        // As if the process had died: nothing of it runs any more.
        std::mem::forget(writer);
        let left = || std::fs::read_dir(folder.path().join("a")).map_or(0, Iterator::count);
        assert_eq!(left(), 1, "a part lies there");
        assert_eq!(objects.list("a", 9, |_| true).await, Ok(Vec::new()), "it is no object");
        objects.remove("a/one").await.unwrap();
        assert_eq!(left(), 0);
    }

    /// Against an S3-compatible server that the environment names: `THROUGHLINE_TEST_S3=http://KEY:SECRET@HOST/BUCKET`.
    #[tokio::test]
    #[ignore = "needs an S3-compatible server; OPERATIONS says how to run it"]
    #[expect(clippy::disallowed_methods, reason = "tests take the address of a server from the environment")]
    async fn a_bucket_keeps_objects() {
        let address = std::env::var("THROUGHLINE_TEST_S3").expect("THROUGHLINE_TEST_S3 names a server");
        let (scheme, rest) = address.split_once("://").unwrap();
        let (keys, place) = rest.split_once('@').unwrap();
        let ((key_id, secret), (host, name)) = (keys.split_once(':').unwrap(), place.split_once('/').unwrap());
        let bucket = Bucket {
            name: name.to_owned(),
            prefix: "some/where".to_owned(),
            endpoint: Some(format!("{scheme}://{host}")),
            region: "us-east-1".to_owned(),
            key_id: key_id.to_owned(),
            secret: secret.to_owned(),
        };
        assert!(!format!("{bucket:?}").contains(secret));
        behaves(Objects::bucket(&bucket).unwrap()).await;
    }
}
