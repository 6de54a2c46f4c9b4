//! What the system does: run a command, fold events, answer a query, follow the log, react.
//!
//! It joins `domain` (rules), `vault` (seals) and `store` (bytes), which do not know each other. Absent on purpose: rules
//! about coaching, SQL, GraphQL and HTTP (but for asking an issuer of sign-ins for its keys), and the environment. The only way to change anything is [`App::run`]; the only
//! door to a practice's rows is a [`View`], which sees what its viewer may.

pub mod backup;
mod batch;
pub mod calendar;
pub mod check;
pub mod checkpoints;
pub mod clock;
mod commit;
mod deletion;
mod error;
mod feed;
pub mod files;
pub mod fold;
pub mod follow;
pub mod google;
mod hub;
pub mod import;
pub mod keys;
mod looked;
pub mod lost;
pub mod mail;
pub mod moments;
mod notices;
mod passage;
pub mod programs;
pub mod proof;
pub mod pulse;
mod react;
pub mod readings;
mod rebuild;
pub mod record;
pub mod rotate;
mod rows;
pub mod signin;
pub mod tables;
mod tasks;
mod timers;
pub mod tokens;
pub mod verify;
pub mod view;
pub mod watch;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use domain::id::{CommandId, Id as _, LogId};
use domain::{Decide, Event};
use store::Store;
use tokio::sync::{mpsc, oneshot};
use tracing::Instrument as _;
use vault::{Entropy, LastingKey, Roots};

pub use clock::Clock;
pub use commit::{Done, Idempotency, Origin, Request};
pub use error::Error;
pub use looked::Looked;
pub use moments::AsOf;
pub use passage::{Heard, Line, Passage};
pub use readings::Reader;
pub use record::{Happened, Through};
pub use tables::Tables;
pub use tasks::{Tasks, pause};
pub use view::View;

/// What an app is opened with.
pub struct Settings {
    /// The database.
    pub store: Store,
    /// Where the bytes of files lie.
    pub files: store::Objects,
    /// The keys of keys.
    pub roots: Roots,
    /// Who signs checkpoints; without one none are signed.
    pub signer: Option<store::checkpoint::Signer>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where randomness comes from.
    pub entropy: Arc<dyn Entropy>,
    /// How many bytes of rows a lane keeps between batches.
    pub cache_bytes: usize,
    /// How much may be spent on looking back.
    pub moments: moments::Bounds,
    /// How many lanes there are on PostgreSQL; SQLite has one.
    pub lanes: usize,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("cache_bytes", &self.cache_bytes)
            .field("moments", &self.moments)
            .field("lanes", &self.lanes)
            .finish_non_exhaustive()
    }
}

/// The running system. Clones are the same one.
#[derive(Clone)]
pub struct App {
    pub(crate) inner: Arc<Inner>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").finish_non_exhaustive()
    }
}

pub(crate) struct Inner {
    pub store: Store,
    pub files: store::Objects,
    pub roots: Arc<Roots>,
    pub lasting: LastingKey,
    pub signer: Option<store::checkpoint::Signer>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub tables: Tables,
    pub cache_bytes: usize,
    pub moments: moments::Moments,
    pub hub: hub::Hub,
    pub pulse: pulse::Pulse,
    pub readings: readings::Recent,
    pub tasks: Tasks,
    /// Rung when a commit has left work for a reactor.
    pub stirred: tokio::sync::Notify,
    pub sign_up_closed: AtomicBool,
    pub google: std::sync::OnceLock<google::Google>,
    lanes: std::sync::RwLock<Vec<mpsc::Sender<commit::Job>>>,
}

/// How many commands may wait for a lane.
const WAITING_MAX: usize = 4_096;

impl App {
    /// Opens the app over a database: makes the tables of this version's read models and starts the lanes.
    pub async fn open(settings: Settings) -> Result<Self, Error> {
        let tables = Tables::new()?;
        let now = settings.clock.now().0;
        for projection in tables.projections() {
            settings.store.ensure(&projection.ddl, now).await?;
        }
        let lasting = keys::lasting(&settings.store, &settings.roots, &*settings.entropy).await?;
        let lanes = match settings.store.database() {
            store::Database::Sqlite => 1,
            store::Database::Postgres => settings.lanes.max(1),
        };
        let inner = Arc::new(Inner {
            store: settings.store,
            files: settings.files,
            roots: Arc::new(settings.roots),
            lasting,
            signer: settings.signer,
            clock: settings.clock,
            entropy: settings.entropy,
            tables,
            cache_bytes: settings.cache_bytes,
            moments: moments::Moments::new(settings.moments),
            hub: hub::Hub::default(),
            pulse: pulse::Pulse::default(),
            readings: readings::Recent::default(),
            tasks: Tasks::default(),
            stirred: tokio::sync::Notify::new(),
            sign_up_closed: AtomicBool::new(false),
            google: std::sync::OnceLock::new(),
            lanes: std::sync::RwLock::default(),
        });
        let mut senders = Vec::with_capacity(lanes);
        for _ in 0..lanes {
            let (sender, jobs) = mpsc::channel(WAITING_MAX);
            inner.tasks.start("lane", commit::lane(inner.clone(), jobs));
            senders.push(sender);
        }
        *inner.lanes.write().unwrap_or_else(std::sync::PoisonError::into_inner) = senders;
        // What was forgotten just before a crash may still lie in the write-ahead log.
        commit::wipe(&inner);
        let app = Self { inner };
        app.inner.tasks.start("feed", feed::feed(app.inner.clone()));
        app.listen();
        Ok(app)
    }

    /// Runs a command: the only way to change anything. Answers after the commit.
    ///
    /// # Errors
    /// What the command refuses, what its actor may not, and what the storage cannot; see [`Error`].
    pub async fn run(&self, request: Request, command: impl Decide) -> Result<Done, Error> {
        // The type's name, such as `plan::SetActionProgress`: a word of the program.
        let name = std::any::type_name_of_val(&command);
        let name = name.strip_prefix("domain::").unwrap_or(name);
        let span = tracing::info_span!(target: "throughline", "command", name, log = %request.log);
        self.run_boxed(request, Arc::new(command)).instrument(span).await
    }

    async fn run_boxed(&self, request: Request, command: Arc<dyn Decide>) -> Result<Done, Error> {
        let (reply, answer) = oneshot::channel();
        let job = commit::Job::new(request, command, reply);
        let lane = {
            let lanes = self.inner.lanes.read().unwrap_or_else(std::sync::PoisonError::into_inner);
            let number = lanes.len().max(1) as u128;
            let lane = usize::try_from(job.request.log.uuid().as_u128() % number).unwrap_or(0);
            lanes.get(lane).cloned().ok_or(Error::Unavailable)?
        };
        lane.send(job).await.map_err(|_| Error::Unavailable)?;
        answer.await.map_err(|_| Error::Unavailable)?
    }

    /// What came of a request before, where it was done: as [`App::run`] would answer it, without a command.
    ///
    /// # Errors
    /// [`Error::ConflictingKey`] where the key was another request's.
    pub async fn done_before(&self, log: LogId, idempotency: Idempotency) -> Result<Option<Done>, Error> {
        let mut snapshot = self.inner.snapshot_of(log).await?;
        let known = snapshot.commands(&[(log.uuid().into_bytes(), idempotency.key)]).await?;
        snapshot.close().await?;
        known.first().map(|known| commit::again(known, &idempotency)).transpose()
    }

    /// The store, for the command line and for tests.
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// The tables of this version's read models.
    pub fn tables(&self) -> &Tables {
        &self.inner.tables
    }

    /// Where time comes from.
    pub fn clock(&self) -> &dyn Clock {
        &*self.inner.clock
    }

    /// The tasks that run beside requests.
    pub fn tasks(&self) -> &Tasks {
        &self.inner.tasks
    }

    /// The public key with which checkpoints are signed, as `NAME+HASH+KEY`; nothing where none are.
    pub fn public_key(&self) -> Option<String> {
        self.inner.signer.as_ref().map(|signer| signer.verifier().to_string())
    }

    /// Whether changes are accepted: a failed sync ends that for good.
    pub fn accepts_writes(&self) -> bool {
        self.inner.store.accepts_writes()
    }

    /// A new id of some kind, with the time in it.
    pub fn mint<I: domain::id::Id>(&self) -> I {
        let mut random = [0_u8; 10];
        self.inner.entropy.fill(&mut random);
        let millis = u64::try_from(self.inner.clock.now().0 / 1_000).unwrap_or(0);
        I::of(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// A new command's id.
    pub fn command(&self) -> CommandId {
        self.mint()
    }

    /// A reaction's command id: derived from the event that it reacts to, so that it happens once.
    pub fn reaction(log: store::Id, seq: u64, reactor: &str) -> CommandId {
        let log = uuid::Uuid::from_bytes(log);
        CommandId::of(uuid::Uuid::new_v5(&log, format!("{reactor} {seq}").as_bytes()))
    }

    /// Forgets idempotent commands and sent parcels of more than seven days ago.
    pub async fn expire(&self) -> Result<u64, Error> {
        let before = self.inner.clock.now().plus_days(-commit::KEY_DAYS).0;
        Ok(self.inner.store.expire(before).await?)
    }

    /// Stops: no command is taken any more, those taken are answered, every task ends, the database is closed.
    pub async fn stop(&self) {
        self.inner.lanes.write().unwrap_or_else(std::sync::PoisonError::into_inner).clear();
        self.inner.tasks.stop();
        self.inner.tasks.ended().await;
        self.inner.store.close().await;
    }

    /// Hears what other nodes have committed.
    fn listen(&self) {
        if self.inner.store.database() == store::Database::Sqlite {
            return;
        }
        let inner = self.inner.clone();
        let mut stopping = inner.tasks.stopping();
        self.inner.tasks.start("doorbell", async move {
            while !*stopping.borrow() {
                let heard = async {
                    let mut bell = inner.store.doorbell().await?;
                    inner.hub.ring_all();
                    loop {
                        match bell.next().await? {
                            store::Rung::At(news) => news.into_iter().for_each(|(log, seq)| inner.hub.ring(log, seq)),
                            store::Rung::Missed => inner.hub.ring_all(),
                        }
                    }
                };
                let ended: Result<std::convert::Infallible, store::Error> = tokio::select! {
                    ended = heard => ended,
                    _ = stopping.wait_for(|stop| *stop) => return,
                };
                let Err(error) = ended;
                tracing::warn!(%error, "other nodes cannot be heard; followers poll until they can");
                if !pause(&mut stopping, std::time::Duration::from_secs(1)).await {
                    return;
                }
            }
        });
    }

    /// Reads an event's record and opens its personal texts, for a mail. `None` where it was forgotten. Confidential texts
    /// stay sealed: who shows one opens it through a [`View`], which notes that.
    pub async fn read(&self, stored: &store::Event) -> Result<Option<Happened>, Error> {
        let mut happened = record::decode(&stored.record)?;
        let mut texts = false;
        happened.event.secrets(&mut |secret, _| texts |= secret.sealed().is_some());
        if texts {
            let mut keys = keys::LogKeys::new(&self.inner.roots, happened.when.log);
            let mut snapshot = self.inner.snapshot_of(happened.when.log).await?;
            keys.load_for_reading(&mut snapshot, [(happened.when.subject, happened.when.owner)]).await?;
            snapshot.close().await?;
            let known = keys.get((happened.when.subject, happened.when.owner)).cloned().unwrap_or_default();
            if known.is_empty() {
                return Ok(None);
            }
            record::open(&mut happened.event, &happened.when, &known, record::Texts::Personal)?;
        }
        Ok(Some(happened))
    }
}

/// Which rows an event changes: tables and ids, in the order in which its fold names them.
pub fn touched(event: &Event, when: &domain::fold::When) -> Vec<(domain::Table, uuid::Uuid)> {
    fold::notes(event, when).into_iter().map(|noted| (noted.table, noted.id)).collect()
}
