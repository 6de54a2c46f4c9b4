//! Reading rows without a viewer: what the product itself needs to know who the viewer is.

use domain::id::{Id as _, LogId};
use domain::row::Row;

use crate::tables::Folded;
use crate::{App, Error, Inner};

impl Inner {
    /// The row of this key, as it is.
    pub async fn row<R: Row>(&self, snapshot: &mut store::Snapshot, log: LogId, id: R::Id) -> Result<Option<R>, Error> {
        let key = [(log.uuid().into_bytes(), id.uuid().into_bytes())];
        let found = snapshot.load(self.tables.physical(R::TABLE)?, &key).await?;
        found.first().map(|(_, _, document)| R::from_document(document)).transpose().map_err(Error::internal)
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
        for _ in 0..8 {
            let mut snapshot = self.inner.store.snapshot().await?;
            let Some(head) = snapshot.head(log.uuid().into_bytes()).await? else {
                snapshot.close().await?;
                return Ok(None);
            };
            if head.generation > crate::record::GENERATION {
                return Err(Error::Unavailable);
            }
            if Folded::decode(&head.folded).behind(&self.inner.tables, head.seq).is_empty() {
                return Ok(Some((snapshot, head)));
            }
            snapshot.close().await?;
            self.catch_up(log, &mut ()).await?;
        }
        Err(Error::Unavailable)
    }
}
