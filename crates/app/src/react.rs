//! Reactors: what an event of one log means for another.
//!
//! A commit that a reactor cares about leaves a row in `work`, in the same transaction. Nodes claim such rows, read the
//! log from where the reactor came to last, and run a command in the other log, whose id derives from the event. A crash
//! in between repeats the command, which finds nothing left to do: so it happens at least once, and its effect once.

use std::sync::Arc;
use std::time::Duration;

use domain::account::{self, Portal};
use domain::id::LogId;
use domain::{Actor, Decide, Event, coachee, practice};

use crate::{App, Error, Happened, Request, Through, pause};

/// Tells practices that an account was deleted.
pub(crate) const LEAVING: &str = "leaving";
/// What it reads.
const LEAVING_READS: &[&str] = &["account.portal_closed"];

/// How many logs are claimed, and how many events are read, at once.
const AT_ONCE: u32 = 64;
/// How long claimed work is somebody's, in microseconds.
const LEASE_MICROS: i64 = 60_000_000;

/// The reactor that cares about an event, if any.
pub(crate) fn reactor(event: &Event) -> Option<&'static str> {
    LEAVING_READS.contains(&event.kind()).then_some(LEAVING)
}

/// What an event means elsewhere: a log, and a command for it.
fn reaction(event: &Event) -> Option<(LogId, Arc<dyn Decide>)> {
    let Event::Account(account::Event::PortalClosed { person, practice, portal }) = event else { return None };
    let command: Arc<dyn Decide> = match portal {
        Portal::Coach => Arc::new(practice::RemoveCoach { coach: *person }),
        Portal::Coachee => Arc::new(coachee::Detach { person: *person }),
    };
    Some((LogId::Practice(*practice), command))
}

impl App {
    /// Does what reactors have to do now; how many events were reacted to. Several nodes may do it at once.
    ///
    /// # Errors
    /// The store's, and what a reaction failed with: its work stays, and is claimed again a minute later.
    pub async fn react(&self) -> Result<u64, Error> {
        let mut reacted = 0;
        loop {
            let now = self.clock().now().0;
            let lease = now.saturating_add(LEASE_MICROS);
            let claimed = self.inner.store.claim_work(LEAVING, now, lease, AT_ONCE).await?;
            if claimed.is_empty() {
                return Ok(reacted);
            }
            for work in claimed {
                reacted += self.react_in(work.log).await?;
                self.inner.store.work_done(&work).await?;
            }
        }
    }

    /// Reacts to what a log holds since the last time.
    async fn react_in(&self, log: store::Id) -> Result<u64, Error> {
        let mut reacted = 0;
        loop {
            let mut snapshot = self.inner.store.snapshot().await?;
            let after = snapshot.follower(log, LEAVING).await?;
            let wanted = store::Activity {
                log,
                sight: None,
                thing: None,
                subject: None,
                actor: None,
                kinds: LEAVING_READS.iter().map(|kind| (*kind).to_owned()).collect(),
                to_both: Vec::new(),
                from_at: None,
                to_at: None,
                after_seq: Some(after),
                before_seq: None,
                descending: false,
                limit: AT_ONCE,
            };
            let stored = snapshot.activity(&wanted).await?;
            snapshot.close().await?;
            let Some(last) = stored.last() else { return Ok(reacted) };
            for stored in &stored {
                self.react_to(&crate::record::decode(&stored.record)?).await?;
                reacted += 1;
            }
            let mut batch = self.inner.store.batch().await?;
            batch.set_followers(&[store::Follower { log, name: LEAVING.to_owned(), seq: last.seq }]).await?;
            batch.commit().await?;
        }
    }

    async fn react_to(&self, happened: &Happened) -> Result<(), Error> {
        let Some((log, command)) = reaction(&happened.event) else { return Ok(()) };
        let request = Request {
            log,
            actor: Actor::System(LEAVING),
            through: Through::System,
            now: self.clock().now(),
            command: Self::reaction(happened.when.log, happened.when.seq, LEAVING),
            idempotency: None,
        };
        match self.run_boxed(request, command).await {
            // What it would end has ended already.
            Ok(_) | Err(Error::NotFound) => Ok(()),
            Err(Error::Refused(refusal)) => {
                tracing::error!(%log, code = refusal.code(), "a reaction was refused; it is passed over");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Reacts until the app stops.
    pub fn start_reactions(&self, every: Duration) {
        let (app, mut stopping) = (self.clone(), self.inner.tasks.stopping());
        self.inner.tasks.start("reactions", async move {
            while pause(&mut stopping, every).await {
                if let Err(error) = app.react().await {
                    tracing::warn!(?error, "a reaction failed; it is tried again");
                }
            }
        });
    }
}
