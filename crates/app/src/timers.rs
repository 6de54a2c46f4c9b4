//! Timers: what is due becomes a command.

use std::sync::Arc;
use std::time::Duration;

use domain::Actor;
use domain::id::{CommandId, Id as _, LogId};
use domain::timer;
use uuid::Uuid;

use crate::{App, Error, Request, Through, pause};

/// How many due rows are looked at in one round.
const ROUND: u32 = 256;

impl App {
    /// Does what is due now; how many timers there were. Several nodes may do it at once: each timer has one effect.
    pub async fn ring_timers(&self) -> Result<usize, Error> {
        let now = self.clock().now();
        let mut rung = 0;
        for table in timer::TIMED {
            let mut snapshot = self.inner.store.snapshot().await?;
            let due = snapshot.due(self.inner.tables.physical(*table)?, "due", now.0, ROUND).await?;
            let heads = snapshot
                .heads_of(
                    &due.iter()
                        .map(|(log, _, _)| *log)
                        .collect::<std::collections::BTreeSet<_>>()
                        .into_iter()
                        .collect::<Vec<_>>(),
                )
                .await?;
            snapshot.close().await?;
            for (log, id, document) in due {
                let Some(log) = heads
                    .iter()
                    .find(|head| head.log == log)
                    .and_then(|head| LogId::of(&head.kind, Uuid::from_bytes(log)))
                else {
                    continue;
                };
                let id = Uuid::from_bytes(id);
                let command = match timer::due(*table, id, &document) {
                    Ok(Some(command)) => command,
                    Ok(None) => continue,
                    Err(error) => {
                        self.inner.pulse.timers_failed.add(1);
                        tracing::error!(%log, table = table.name(), %id, %error, "a timer cannot be read");
                        continue;
                    }
                };
                // Derived from the row as it is: a timer that is set again rings again.
                let rung_by = [id.as_bytes(), document.as_slice()].concat();
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
                        rung += 1;
                    }
                    Err(error) => {
                        self.inner.pulse.timers_failed.add(1);
                        tracing::error!(%log, ?error, "a timer could not be rung; it is tried again");
                    }
                }
            }
        }
        Ok(rung)
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
