//! Reactors: what an event of one log means for another, or for its own.
//!
//! A commit that a reactor cares about leaves a row in `work`, in the same transaction. Nodes claim such rows, read the
//! log from where the reactor came to last, and run commands whose ids derive from the events. A crash in between repeats
//! the commands, which find nothing left to do: so it happens at least once, and its effect once. A reactor is a line in
//! each `match` of [`Reactor`]; nothing else knows which there are.

use std::sync::Arc;
use std::time::Duration;

use domain::account::{self, Portal};
use domain::id::LogId;
use domain::notice::{NEWS_DAYS, READS, news};
use domain::{Actor, Decide, Event, coachee, file, practice};
use futures_util::StreamExt as _;
use uuid::Uuid;

use crate::{App, Error, Happened, Request, Through, pause};

/// How many logs are claimed at once.
const LOGS_AT_ONCE: u32 = 64;
/// How many of them are read at the same time.
const AT_ONCE: usize = 16;
/// How many events are read, and reacted to in one go: so many commands wait for their lane together.
const EVENTS_AT_ONCE: u32 = 128;
/// How long claimed work is somebody's, in microseconds.
const LEASE_MICROS: i64 = 60_000_000;
/// How long the bytes of one log's files may take to be removed. What was removed by then is removed; the rest is
/// claimed again, and no other reactor has waited for a place that does not answer.
const REMOVING: Duration = Duration::from_secs(10);
/// How often what events mean is looked up again, where it changed before it could be done.
const TRIES_MAX: u32 = 4;
/// What happens in so short a time is reacted to together: under load a round of reactions costs no more than that.
const GATHERING: Duration = Duration::from_millis(200);

/// Who reacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reactor {
    /// Tells practices that an account was deleted.
    Leaving,
    /// Tells people what others did.
    Notices,
    /// Removes the bytes of files that are no more.
    Files,
}

impl Reactor {
    /// Every reactor.
    pub(crate) const ALL: [Self; 3] = [Self::Leaving, Self::Notices, Self::Files];

    /// The name by which it claims work and remembers how far it has read.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Leaving => "leaving",
            Self::Notices => "notices",
            Self::Files => "files",
        }
    }

    /// The kinds of events that it reads.
    const fn reads(self) -> &'static [&'static str] {
        match self {
            Self::Leaving => &["account.portal_closed"],
            Self::Notices => READS,
            Self::Files => &["file.deleted", "coachee.erased"],
        }
    }

    /// For how many days it looks back into a log that it has not read yet; all of it, where nothing is said.
    const fn looks_back_days(self) -> Option<i64> {
        match self {
            Self::Leaving | Self::Files => None,
            Self::Notices => Some(NEWS_DAYS),
        }
    }

    /// Whether it cares about an event.
    fn cares(self, event: &Event) -> bool {
        match self {
            Self::Leaving => matches!(event, Event::Account(account::Event::PortalClosed { .. })),
            Self::Notices => news(event).is_some(),
            Self::Files => matches!(
                event,
                Event::File(file::Event::Deleted { .. }) | Event::Coachee(coachee::Event::Erased { .. })
            ),
        }
    }
}

/// The reactors that care about an event.
pub(crate) fn reactors(event: &Event) -> impl Iterator<Item = Reactor> {
    Reactor::ALL.into_iter().filter(|reactor| reactor.cares(event))
}

/// What an event means: the log of the command, and the command.
pub(crate) struct Reaction {
    /// The event's position.
    pub cause: u64,
    /// Where it means something.
    pub log: LogId,
    /// What.
    pub command: Arc<dyn Decide>,
}

/// Events to react to.
struct Chunk {
    events: Vec<Happened>,
    /// Everything up to here is among them.
    until: u64,
    /// Whether there is nothing after them.
    is_last: bool,
}

/// What the end of a portal means for its practice.
fn leaving(happened: &Happened) -> Option<Reaction> {
    let Event::Account(account::Event::PortalClosed { person, practice, portal }) = &happened.event else {
        return None;
    };
    let command: Arc<dyn Decide> = match portal {
        Portal::Coach => Arc::new(practice::RemoveCoach { coach: *person }),
        Portal::Coachee => Arc::new(coachee::Detach { person: *person }),
    };
    Some(Reaction { cause: happened.when.seq, log: LogId::Practice(*practice), command })
}

impl App {
    /// Does what reactors have to do now; how many reactions there were. Several nodes may do it at once.
    ///
    /// # Errors
    /// The store's, and what the last reaction that failed did with: its log's work stays, and is claimed again a minute
    /// later. What is to be done for other logs, and by other reactors, is done all the same; only where files cannot be
    /// removed do the files of other logs wait as well.
    pub async fn react(&self) -> Result<u64, Error> {
        let (mut reacted, mut failed) = (0, None);
        for reactor in Reactor::ALL {
            // What is left at a stop is left to whoever comes next, without a claim.
            while !self.inner.tasks.is_stopping() {
                let now = self.clock().now().0;
                let lease = now.saturating_add(LEASE_MICROS);
                let claimed = self.inner.store.claim_work(reactor.name(), now, lease, LOGS_AT_ONCE).await?;
                if claimed.is_empty() {
                    break;
                }
                let each: Vec<_> = claimed.into_iter().map(|work| self.do_work(reactor, work)).collect();
                let mut each = futures_util::stream::iter(each).buffer_unordered(AT_ONCE);
                let mut is_away = false;
                while let Some((log, done)) = each.next().await {
                    match done {
                        Ok(number) => reacted += number,
                        Err(error) => {
                            let log = Uuid::from_bytes(log);
                            tracing::warn!(reactor = reactor.name(), %log, ?error, "a reaction failed; it is tried again");
                            is_away |= reactor == Reactor::Files;
                            failed = Some(error);
                        }
                    }
                }
                // Where the files' place does not answer, what waits for it waits, and the others' turn comes.
                if is_away {
                    break;
                }
            }
        }
        failed.map_or(Ok(reacted), Err)
    }

    /// Does the claimed work of one log: how many reactions there were.
    async fn do_work(&self, reactor: Reactor, work: store::Work) -> (store::Id, Result<u64, Error>) {
        let doing = async {
            let reacted = self.react_in(reactor, work.log).await?;
            self.inner.store.work_done(&work).await?;
            Ok::<_, Error>(reacted)
        };
        let done = doing.await;
        (work.log, done)
    }

    /// Reacts to what a log holds since the last time.
    async fn react_in(&self, reactor: Reactor, log: store::Id) -> Result<u64, Error> {
        let (mut reacted, mut tries) = (0, 0);
        loop {
            let Some(chunk) = self.chunk(reactor, log).await? else { return Ok(reacted) };
            let reactions = self.reactions(reactor, &chunk.events).await?;
            let number = reactions.len() as u64;
            let done = reactions.into_iter().map(|reaction| self.run_reaction(reactor, log, reaction));
            match futures_util::future::join_all(done).await.into_iter().collect::<Result<(), Error>>() {
                // What it was made from is another thing now. What was done already is found done.
                Err(Error::Again) if tries < TRIES_MAX => {
                    tries += 1;
                    continue;
                }
                done => done?,
            }
            reacted += number;
            self.inner.pulse.reactions.add(number);
            let mut batch = self.inner.store.batch().await?;
            batch.set_followers(&[store::Follower { log, name: reactor.name().to_owned(), seq: chunk.until }]).await?;
            batch.commit().await?;
            if chunk.is_last {
                return Ok(reacted);
            }
        }
    }

    /// The next events of a log that a reactor reads; nothing where it has read all of it.
    async fn chunk(&self, reactor: Reactor, log: store::Id) -> Result<Option<Chunk>, Error> {
        let mut snapshot = self.inner.store.snapshot().await?;
        let mut after = snapshot.follower(log, reactor.name()).await?;
        let head = snapshot.head(log).await?;
        // There may be events in it that this version of the program does not look for: a newer one has to read them.
        if head.as_ref().is_some_and(|head| head.generation > crate::record::GENERATION) {
            return Err(Error::Unavailable);
        }
        let end = head.map_or(0, |head| head.seq);
        if let Some(days) = reactor.looks_back_days().filter(|_| after == 0) {
            after = snapshot.position_by(log, self.clock().now().plus_days(-days).0, end).await?;
        }
        let wanted = store::Activity {
            log,
            kinds: reactor.reads().iter().map(|kind| (*kind).to_owned()).collect(),
            after_seq: Some(after),
            limit: EVENTS_AT_ONCE,
            ..store::Activity::default()
        };
        let stored = snapshot.activity(&wanted).await?;
        snapshot.close().await?;
        if after >= end {
            return Ok(None);
        }
        let is_last = stored.len() < EVENTS_AT_ONCE as usize;
        let events = stored.iter().map(|stored| crate::record::decode(&stored.record));
        let mut events: Vec<Happened> = events.collect::<Result<_, _>>()?;
        // What one command did is looked at together, unless it is more than that.
        let newest = events.last().filter(|_| !is_last).map(|last| last.command);
        if let Some(whole) = events.iter().rposition(|it| newest.is_some_and(|newest| it.command != newest)) {
            events.truncate(whole + 1);
        }
        let until = events.last().filter(|_| !is_last).map_or(end, |last| last.when.seq);
        Ok(Some(Chunk { events, until, is_last }))
    }

    /// What events mean.
    async fn reactions(&self, reactor: Reactor, events: &[Happened]) -> Result<Vec<Reaction>, Error> {
        match reactor {
            Reactor::Leaving => Ok(events.iter().filter_map(leaving).collect()),
            Reactor::Notices => self.notices(events).await,
            // What it does is done here, again and again until it has: there is no command to it.
            Reactor::Files => {
                let removed = tokio::time::timeout(REMOVING, self.remove_objects(events)).await;
                let late = |_| {
                    tracing::error!("the files' place does not answer");
                    Error::Unavailable
                };
                removed.map_err(late)?.map(|()| Vec::new())
            }
        }
    }

    async fn run_reaction(&self, reactor: Reactor, of: store::Id, reaction: Reaction) -> Result<(), Error> {
        let Reaction { cause, log, command } = reaction;
        let request = Request {
            log,
            actor: Actor::System(reactor.name()),
            through: Through::System,
            now: self.clock().now(),
            command: Self::reaction(of, cause, reactor.name()),
            idempotency: None,
        };
        match self.run_boxed(request, command).await {
            // What it would end has ended already, or whom it is about was erased.
            Ok(_) | Err(Error::NotFound) => Ok(()),
            Err(Error::Refused(refusal)) => {
                tracing::error!(%log, code = refusal.code(), "a reaction was refused; it is passed over");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Reacts until the app stops: whenever a commit of this node left work, and every so often to what others left.
    pub fn start_reactions(&self, every: Duration) {
        let (app, mut stopping) = (self.clone(), self.inner.tasks.stopping());
        self.inner.tasks.start("reactions", async move {
            loop {
                let goes_on = tokio::select! {
                    goes_on = pause(&mut stopping, every) => goes_on,
                    () = app.inner.stirred.notified() => pause(&mut stopping.clone(), GATHERING).await,
                };
                if !goes_on || !app.accepts_writes() {
                    return;
                }
                if let Err(error) = app.react().await {
                    tracing::warn!(?error, "a reaction failed; it is tried again");
                }
            }
        });
    }
}
