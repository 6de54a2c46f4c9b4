//! Serving: the routes, the loops beside them, and stopping.
//!
//! Stopping goes in this order: `/readyz` says no; no connection is accepted any more; sockets that close and requests
//! that run get [`Settings::stop_seconds`] to end; then the app ends its loops, answers the commands that it has taken,
//! and closes the database. What was acknowledged was committed before, so cutting any of this short loses nothing.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use api::http::patience::{Most, Patient};
use api::http::{Numbers, serve};
use app::checkpoints::{Folder, Witness};
use app::fold::Progress;
use app::google::Google;
use app::mail::{MailSettings, Post};
use app::{App, pause};
use axum::Router;
use domain::id::LogId;
use rustix::process::{Resource, getrlimit};
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};

use crate::error::Error;
use crate::front::{self, Front};
use crate::health::Places;
use crate::metrics::Metrics;
use crate::open::{self, Purpose, World};
use crate::settings::{Origin, Settings};

/// How often what was kept for repeats is looked through for what is too old.
const EXPIRY: Duration = Duration::from_hours(1);
/// How often mail that is due is looked for.
const MAIL: Duration = Duration::from_secs(1);
/// How often timers that are due are looked for.
const TIMERS: Duration = Duration::from_secs(10);
/// How often reactors look for work.
const REACTIONS: Duration = Duration::from_secs(1);
/// How many files the process keeps for what is no connection, if it may open so many: the database, mail, uploads.
const OTHER_FILES: usize = 256;
/// How often it is looked, at a stop, whether all sockets have said goodbye.
const GOODBYES: Duration = Duration::from_millis(10);
/// How soon what failed at the start is tried again: to ask the files' place, to catch up with a log.
const AGAIN: Duration = Duration::from_mins(1);
/// How often a long catching up says how far it is.
const NEWS: Duration = Duration::from_secs(10);

/// A server that runs.
#[derive(Debug)]
pub struct Served {
    address: SocketAddr,
    app: App,
    front: Arc<Front>,
    stop: watch::Sender<bool>,
    ended: oneshot::Receiver<()>,
}

impl Served {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The app behind it.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Stops it, as the module's words say.
    pub async fn stop(self) {
        self.front.is_stopping.store(true, Ordering::Release);
        self.stop.send_replace(true);
        // Sockets and streams end now and come again elsewhere; lanes go on until the last request is answered.
        self.app.tasks().stop();
        // An error means that the listening task is gone already.
        let _ended_or_gone = self.ended.await;
        self.app.stop().await;
    }
}

/// Opens everything that the settings name and serves it.
///
/// # Errors
/// What keeps the database, the keys or the address from being used.
pub async fn open(settings: &Settings, world: &World) -> Result<Served, Error> {
    let store = open::store(settings, Purpose::Serve).await?;
    let app = open::app(settings, world, store, Purpose::Serve).await?;
    start(app, settings, world, Router::new()).await
}

/// Serves an app, and these further routes.
///
/// # Errors
/// [`Error::Listen`], and [`Error::Folder`] for the folders of checkpoints and mail.
pub async fn start(app: App, settings: &Settings, world: &World, further: Router) -> Result<Served, Error> {
    let listen = |source| Error::Listen { address: settings.listen, source };
    let listener = TcpListener::bind(settings.listen).await.map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    let mut settings = settings.clone();
    if settings.origin("public_url") == &Origin::Default {
        // The port that was asked for may be 0: any that is free.
        settings.public_url = format!("http://{address}");
    }
    start_loops(&app, &settings)?;
    if let Some(google) = google(&settings)? {
        app.trust_google(google);
    }

    let (stop, stopping) = watch::channel(false);
    let mut nonce = [0; 8];
    world.entropy.fill(&mut nonce);
    let nonce = u64::from_be_bytes(nonce);
    let numbers = Numbers::default();
    let front = Arc::new(Front {
        app: app.clone(),
        metrics: Metrics::default(),
        numbers: numbers.clone(),
        places: Places { data_dir: settings.data_dir.clone(), database: open::file(&settings).map(Path::to_owned) },
        is_stopping: AtomicBool::new(false),
        trusted_proxies: settings.trusted_proxies.clone(),
        nonce,
        requests: AtomicU64::new(0),
    });
    let api = graphql(&app, &settings, nonce, &numbers)?;
    let router = front::router(front.clone(), api.merge(further));
    let most = most_connections(settings.trusted_proxies.clone());
    let listener = Patient::new(listener, settings.write_seconds).counted(numbers.clone()).of_most(most);
    let ended = listen_until(&app, (listener, router), numbers, stopping, settings.stop_seconds);
    Ok(Served { address, app, front, stop, ended })
}

/// As many connections as the process may have open files, but for what it opens else; half of them to one address.
fn most_connections(proxies: Vec<IpAddr>) -> Most {
    let files =
        getrlimit(Resource::Nofile).current.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX));
    let all = files.saturating_sub(OTHER_FILES.min(files / 2));
    Most { all, an_address: all.div_ceil(2), proxies }
}

/// The API's routes.
fn graphql(app: &App, settings: &Settings, nonce: u64, numbers: &Numbers) -> Result<Router, Error> {
    let trusted = match &settings.trusted_documents {
        Some(path) => trusted(path)?,
        None => api::Trusted::default(),
    };
    let settings = api::http::Settings {
        origins: settings.allowed_origins.clone(),
        session_cookie: api::cookies::SESSION.to_owned(),
        browser_cookie: api::cookies::BROWSER.to_owned(),
        nonce,
        bounds: settings.bounds(),
        numbers: numbers.clone(),
    };
    Ok(api::router_of_trusted(app.clone(), settings, trusted))
}

/// The list of operations that may run.
fn trusted(path: &Path) -> Result<api::Trusted, Error> {
    let wrong = |what: String| Error::Usage(format!("`trusted_documents`, {}: {what}", path.display()));
    let list = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    api::Trusted::parse(&list).map_err(wrong)
}

/// Answers requests in a task of the app, until `stopping` and all that ran by then has ended.
fn listen_until(
    app: &App,
    (listener, router): (Patient, Router),
    numbers: Numbers,
    stopping: watch::Receiver<bool>,
    limit: Duration,
) -> oneshot::Receiver<()> {
    let until = |mut stopping: watch::Receiver<bool>| async move {
        // An error means that whoever could ask to stop is gone: the same.
        let _asked_or_gone = stopping.wait_for(|stop| *stop).await;
    };
    let (done, ended) = oneshot::channel();
    let (asked, too_long) = (until(stopping.clone()), until(stopping));
    app.tasks().start("http", async move {
        let server = async {
            serve(listener, router, asked).await;
            // Sockets are tasks of their own, which close with 1001: a process that ends before would break them off.
            while numbers.sockets() > 0 {
                tokio::time::sleep(GOODBYES).await;
            }
        };
        let too_long = async {
            too_long.await;
            tokio::time::sleep(limit).await;
        };
        tokio::select! {
            () = server => {}
            () = too_long => tracing::warn!("requests that still ran were cut off"),
        }
        // Nobody waits where the server was dropped instead of stopped.
        let _ = done.send(());
    });
    ended
}

/// Starts what goes on beside requests.
fn start_loops(app: &App, settings: &Settings) -> Result<(), Error> {
    let setting = "checkpoint_dir";
    let failed = |source| Error::Folder { path: settings.checkpoint_dir.clone(), setting, source };
    open::folder(&settings.checkpoint_dir, setting)?;
    let witness: Arc<dyn Witness> = Arc::new(Folder::open(&settings.checkpoint_dir).map_err(failed)?);
    app.start_checkpoints(settings.checkpoint_seconds, Some(witness));
    start_mail(app, settings)?;
    app.start_timers(TIMERS);
    app.start_reactions(REACTIONS);
    if !settings.sign_up_open {
        app.close_sign_up();
    }
    start_expiry(app);
    start_claiming(app);
    start_catching_up(app);
    Ok(())
}

/// Sends mail: to a mail server, or into a folder while none is set.
fn start_mail(app: &App, settings: &Settings) -> Result<(), Error> {
    let mail = letters(settings)?;
    let post = if let Some(post) = mail_server(settings)? {
        post
    } else {
        let setting = "mail_dir";
        open::folder(&settings.mail_dir, setting)?;
        let failed = |source| Error::Folder { path: settings.mail_dir.clone(), setting, source };
        Post::folder(&settings.mail_dir).map_err(failed)?
    };
    app.start_mail(MAIL, post, mail);
    Ok(())
}

/// Who mail is from, and where its links lead.
///
/// # Errors
/// [`Error::Usage`] where the settings make no sense.
pub(crate) fn letters(settings: &Settings) -> Result<MailSettings, Error> {
    let parsed = MailSettings::parse(&settings.mail_from, &settings.public_url);
    parsed.map_err(|what| Error::Usage(format!("`mail_from`, `public_url`: {what}")))
}

/// The mail server, where the settings name one.
///
/// # Errors
/// [`Error::Usage`] where its address makes no sense.
pub(crate) fn mail_server(settings: &Settings) -> Result<Option<Post>, Error> {
    let post = settings.smtp_url.as_deref().map(Post::smtp).transpose();
    post.map_err(|what| Error::Usage(format!("`smtp_url`: {what}")))
}

/// Who signs people in with Google, where the settings name a client.
///
/// # Errors
/// [`Error::Usage`] where the settings make no sense.
pub(crate) fn google(settings: &Settings) -> Result<Option<Google>, Error> {
    let Some(client) = &settings.google_client_id else { return Ok(None) };
    let google = Google::new(&settings.google_issuer, client, &settings.public_url);
    google.map(Some).map_err(|what| Error::Usage(format!("`google_issuer`, `google_client_id`: {what}")))
}

/// Forgets, now and then, what was kept for repeats for long enough.
fn start_expiry(app: &App) {
    let (running, mut stopping) = (app.clone(), app.tasks().stopping());
    app.tasks().start("expiry", async move {
        while running.accepts_writes() {
            if let Err(error) = running.expire().await {
                tracing::warn!(?error, "old commands and parcels could not be forgotten; it is tried again in an hour");
            }
            if let Err(error) = running.sweep_uploads().await {
                tracing::warn!(
                    ?error,
                    "uploads that came to nothing could not be looked at; it is tried again in an hour"
                );
            }
            if !pause(&mut stopping, EXPIRY).await {
                return;
            }
        }
    });
}

/// Says where the files and the database do not belong together: then files are not found, or not by other servers.
fn start_claiming(app: &App) {
    let (running, mut stopping) = (app.clone(), app.tasks().stopping());
    app.tasks().start("claiming", async move {
        loop {
            match running.claim_files().await {
                Ok(true) => return,
                Ok(false) => {
                    return tracing::error!(
                        "the files' place is not the one of this database; see `throughline doctor`"
                    );
                }
                Err(error) => tracing::error!(?error, "the files' place cannot be used; see `throughline doctor`"),
            }
            if !pause(&mut stopping, AGAIN).await {
                return;
            }
        }
    });
}

/// Folds what this version of the program has not folded yet, one log after the other, so that nobody has to wait for it.
fn start_catching_up(app: &App) {
    let (running, mut stopping) = (app.clone(), app.tasks().stopping());
    app.tasks().start("catching up", async move {
        let mut news = News { events: 0, said: Instant::now() };
        let mut logs = loop {
            match running.logs(None).await {
                Ok(logs) => break logs,
                Err(error) => tracing::warn!(?error, "the logs could not be listed; it is tried again in a minute"),
            }
            if !pause(&mut stopping, AGAIN).await {
                return;
            }
        };
        let left = &running.pulse().logs_to_catch_up;
        left.set(logs.len() as u64);
        while !logs.is_empty() {
            let mut failed = Vec::new();
            for log in logs {
                if *stopping.borrow() {
                    return;
                }
                match running.catch_up(log, &mut news).await {
                    Ok(()) => left.less(),
                    Err(error) => {
                        tracing::error!(%log, ?error, "a log could not be caught up; it is tried again in a minute");
                        failed.push(log);
                    }
                }
            }
            logs = failed;
            let goes_on = logs.is_empty() || (running.accepts_writes() && pause(&mut stopping, AGAIN).await);
            if !goes_on {
                return;
            }
        }
        if news.events > 0 {
            tracing::info!(events = news.events, "all read models are caught up");
        }
    });
}

/// Says in the log how far catching up is.
struct News {
    events: u64,
    said: Instant,
}

impl Progress for News {
    fn done(&mut self, _: LogId, events: u64) {
        self.events += events;
        if self.said.elapsed() >= NEWS {
            self.said = Instant::now();
            tracing::info!(events = self.events, "catching up");
        }
    }
}
