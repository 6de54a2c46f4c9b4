//! Reading rows without a viewer: what the product itself needs to know who the viewer is.

use std::collections::BTreeSet;

use domain::id::{AccessLogId, Id as _, LogId};
use domain::row::Row;

use crate::tables::Folded;
use crate::{App, Error, Inner};

impl Inner {
    /// A snapshot for what is read of one log: everything that somebody is shown comes from one of these. Whoever looks
    /// at a practice may look into its access log, too.
    pub async fn snapshot_of(&self, log: LogId) -> Result<store::Snapshot, Error> {
        let access_log = match log {
            LogId::Practice(practice) => Some(LogId::AccessLog(AccessLogId::of_practice(practice))),
            LogId::Account(_) | LogId::Address(_) | LogId::AccessLog(_) | LogId::Google(_) => None,
        };
        let logs: Vec<store::Id> =
            [Some(log), access_log].into_iter().flatten().map(|log| log.uuid().into_bytes()).collect();
        Ok(self.store.snapshot_of(&logs).await?)
    }

    /// The row of this key, as it is.
    pub async fn row<R: Row>(&self, snapshot: &mut store::Snapshot, log: LogId, id: R::Id) -> Result<Option<R>, Error> {
        let key = [(log.uuid().into_bytes(), id.uuid().into_bytes())];
        let found = snapshot.load(self.tables.physical(R::TABLE)?, &key).await?;
        found.first().map(|(_, _, document)| R::from_document(document)).transpose().map_err(Error::internal)
    }

    /// The rows of these keys that are there, in no order.
    pub async fn rows_of<R: Row>(
        &self,
        snapshot: &mut store::Snapshot,
        log: LogId,
        ids: &[R::Id],
    ) -> Result<Vec<R>, Error> {
        let ids: BTreeSet<R::Id> = ids.iter().copied().collect();
        let keys: Vec<(store::Id, store::Id)> =
            ids.into_iter().map(|id| (log.uuid().into_bytes(), id.uuid().into_bytes())).collect();
        let found = snapshot.load(self.tables.physical(R::TABLE)?, &keys).await?;
        let rows = found.iter().map(|(_, _, document)| R::from_document(document));
        rows.collect::<Result<_, _>>().map_err(Error::internal)
    }

    /// Rows of a table whose column has this value, at most so many.
    pub async fn rows<R: Row>(
        &self,
        snapshot: &mut store::Snapshot,
        log: LogId,
        filters: Vec<store::Filter>,
        limit: u32,
    ) -> Result<Vec<R>, Error> {
        let table = self.tables.physical(R::TABLE)?;
        let select = store::Select { filters, ..store::Select::new(table, log.uuid().into_bytes(), limit) };
        let found = snapshot.documents(&select).await?;
        found.iter().map(|(_, document)| R::from_document(document)).collect::<Result<_, _>>().map_err(Error::internal)
    }
}

impl App {
    /// A snapshot in which this log is folded by this version, and the log's head; `None` where there is no such log.
    pub(crate) async fn snapshot_of(&self, log: LogId) -> Result<Option<(store::Snapshot, store::Head)>, Error> {
        for _ in 0..TRIES_MAX {
            let mut snapshot = self.inner.snapshot_of(log).await?;
            let head = snapshot.head(log.uuid().into_bytes()).await?;
            match self.folded(log, snapshot, head).await? {
                Folding::Done(snapshot, head) => return Ok(Some((snapshot, head))),
                Folding::NoLog => return Ok(None),
                Folding::Again => {}
            }
        }
        Err(Error::Unavailable)
    }

    /// The same, and a row of the log, read with the same statement.
    pub(crate) async fn snapshot_with<R: Row>(
        &self,
        log: LogId,
        id: R::Id,
    ) -> Result<Option<(store::Snapshot, store::Head, Option<R>)>, Error> {
        let table = self.inner.tables.physical(R::TABLE)?;
        for _ in 0..TRIES_MAX {
            let mut snapshot = self.inner.snapshot_of(log).await?;
            let found = snapshot.head_and(log.uuid().into_bytes(), table, id.uuid().into_bytes()).await?;
            let (head, document) = found.map_or((None, None), |(head, document)| (Some(head), document));
            match self.folded(log, snapshot, head).await? {
                Folding::Done(snapshot, head) => {
                    let row = document.map(|document| R::from_document(&document)).transpose();
                    return Ok(Some((snapshot, head, row.map_err(Error::internal)?)));
                }
                Folding::NoLog => return Ok(None),
                Folding::Again => {}
            }
        }
        Err(Error::Unavailable)
    }

    /// Whether a snapshot can be read: where this version has not folded the log to its end, that is done first.
    async fn folded(&self, log: LogId, snapshot: store::Snapshot, head: Option<store::Head>) -> Result<Folding, Error> {
        let Some(head) = head else {
            snapshot.close().await?;
            return Ok(Folding::NoLog);
        };
        if head.generation > crate::record::GENERATION {
            return Err(Error::Unavailable);
        }
        if Folded::decode(&head.folded).behind(&self.inner.tables, head.seq).is_empty() {
            return Ok(Folding::Done(snapshot, head));
        }
        snapshot.close().await?;
        self.catch_up(log, &mut ()).await?;
        Ok(Folding::Again)
    }
}

/// How often a log is folded before it can be read; each time others may have appended to it.
const TRIES_MAX: u32 = 8;

/// What a snapshot shows of a log.
enum Folding {
    /// It is folded.
    Done(store::Snapshot, store::Head),
    /// There is no such log.
    NoLog,
    /// It was not folded; it is now, in another snapshot.
    Again,
}
