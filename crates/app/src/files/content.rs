//! Reading a part of a file: only the chunks in which it lies are read and opened, one after the other.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use store::Objects;
use vault::file::{CHUNK_BYTES, FileOpener};

use crate::Error;

const CHUNK: u64 = CHUNK_BYTES as u64;

/// The bytes of this range, which is not empty and lies within the content.
pub(super) async fn open(
    objects: Objects,
    name: String,
    opener: FileOpener,
    range: Range<u64>,
) -> Result<BoxStream<'static, Result<Bytes, Error>>, Error> {
    let Some(end) = range.end.checked_sub(1).filter(|end| *end >= range.start) else {
        return Err(Error::internal("an empty part of a file was asked for"));
    };
    let (first, last) = (range.start / CHUNK, end / CHUNK);
    let (Some((from, _)), Some((_, to))) = (opener.place(first), opener.place(last)) else {
        return Err(Error::internal("a part beyond a file's end was asked for"));
    };
    let sealed = objects.read(&name, from..to).await?.map_err(Error::from).boxed();
    let mut reading = Reading { sealed, waiting: BytesMut::new(), opener, name };
    let cut = move |number: u64, chunk: Bytes| {
        let begins = number * CHUNK;
        let skip = range.start.saturating_sub(begins);
        let keep = range.end.saturating_sub(begins).min(chunk.len() as u64);
        match (usize::try_from(skip), usize::try_from(keep)) {
            (Ok(skip), Ok(keep)) if skip <= keep && keep <= chunk.len() => chunk.slice(skip..keep),
            _ => Bytes::new(),
        }
    };
    let beginning = cut(first, reading.chunk(first).await?);
    Ok(async_stream::stream! {
        yield Ok(beginning);
        for number in first + 1..=last {
            match reading.chunk(number).await {
                Ok(chunk) => yield Ok(cut(number, chunk)),
                Err(error) => {
                    yield Err(error);
                    return;
                }
            }
        }
    }
    .boxed())
}

/// An object that is being read.
struct Reading {
    sealed: BoxStream<'static, Result<Bytes, Error>>,
    waiting: BytesMut,
    opener: FileOpener,
    name: String,
}

impl Reading {
    /// The next chunk, which has this number.
    async fn chunk(&mut self, number: u64) -> Result<Bytes, Error> {
        let length = self.opener.place(number).and_then(|(from, to)| usize::try_from(to - from).ok());
        let length = length.ok_or_else(|| Error::internal("a chunk beyond a file's end was asked for"))?;
        while self.waiting.len() < length {
            match self.sealed.next().await {
                Some(more) => self.waiting.extend_from_slice(&more?),
                None => return Err(Error::internal(format!("the object {} is too short", self.name))),
            }
        }
        let chunk = self.waiting.split_to(length);
        let opened = self.opener.open(number, &chunk);
        let opened = opened.map_err(|_| Error::internal(format!("chunk {number} of {} does not open", self.name)))?;
        Ok(Bytes::copy_from_slice(&opened))
    }
}
