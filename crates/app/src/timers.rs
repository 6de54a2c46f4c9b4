//! Timers: what is due becomes a command.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use domain::id::{CommandId, Id as _, LogId};
use domain::value::Time;
use domain::{Actor, Table, timer};
use uuid::Uuid;

use crate::{App, Error, Request, Through, pause};

/// How many due rows are read at once.
const ROWS_AT_ONCE: u32 = 256;

impl App {
    /// Does what is due now; how many timers there were. Several nodes may do it at once: each timer has one effect.
    /// What cannot be done stays due and is tried again the next time; however much of that there is, the others are read
    /// on after it, so that it keeps none of them waiting.
    ///
    /// # Errors
    /// The store's; [`Error::StorageFull`] where there is no room for a timer's event: there is none for another's.
    pub async fn ring_timers(&self) -> Result<usize, Error> {
        let now = self.clock().now();
        let mut rung = 0;
        for table in timer::TIMED {
            let mut after = None;
            while self.accepts_writes() && !self.inner.tasks.is_stopping() {
                let mut snapshot = self.inner.store.snapshot().await?;
                let physical = self.inner.tables.physical(*table)?;
                let due = snapshot.due(physical, "due", now.0, after, ROWS_AT_ONCE).await?;
                let logs: BTreeSet<store::Id> = due.iter().map(|row| row.log).collect();
                let heads = snapshot.heads_of(&logs.into_iter().collect::<Vec<_>>()).await?;
                snapshot.close().await?;
                for row in &due {
                    let head = heads.iter().find(|head| head.log == row.log);
                    let log = head.and_then(|head| LogId::of(&head.kind, Uuid::from_bytes(row.log)));
                    let Some(log) = log else { continue };
                    rung += usize::from(self.ring(log, *table, row, now).await?);
                }
                if due.len() < ROWS_AT_ONCE as usize {
                    break;
                }
                after = due.last().map(store::Due::place);
            }
        }
        Ok(rung)
    }

    /// Does what one timer asks for; whether it could be done.
    async fn ring(&self, log: LogId, table: Table, row: &store::Due, now: Time) -> Result<bool, Error> {
        let id = Uuid::from_bytes(row.id);
        let command = match timer::due(table, id, &row.document) {
            Ok(Some(command)) => command,
            Ok(None) => return Ok(false),
            Err(error) => {
                self.inner.pulse.timers_failed.add(1);
                tracing::error!(%log, table = table.name(), %id, %error, "a timer cannot be read");
                return Ok(false);
            }
        };
        // Derived from the row as it is: a timer that is set again rings again.
        let rung_by = [id.as_bytes(), row.document.as_slice()].concat();
        let request = Request {
            log,
            actor: Actor::System("timers"),
            through: Through::System,
            now,
            command: CommandId::of(Uuid::new_v5(&log.uuid(), &rung_by)),
            idempotency: None,
        };
        match self.run_boxed(request, Arc::from(command)).await {
            Ok(_) => {
                self.inner.pulse.timers_rung.add(1);
                Ok(true)
            }
            Err(error) => {
                self.inner.pulse.timers_failed.add(1);
                tracing::error!(%log, ?error, "a timer could not be rung; it is tried again");
                if matches!(error, Error::StorageFull) { Err(error) } else { Ok(false) }
            }
        }
    }

    /// Rings timers until the app stops.
    pub fn start_timers(&self, every: Duration) {
        let (app, mut stopping) = (self.clone(), self.inner.tasks.stopping());
        self.inner.tasks.start("timers", async move {
            while pause(&mut stopping, every).await && app.accepts_writes() {
                if let Err(error) = app.ring_timers().await {
                    tracing::warn!(?error, "timers could not be looked at; they are tried again");
                }
            }
        });
    }
}
