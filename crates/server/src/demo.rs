//! The demo: an invented practice, served on this machine only, gone when it ends (unless `--data` names where it stays).
//!
//! Everything in it is made by the commands that people's requests become, so it is as real as data can be that nobody
//! meant. What [`serve`] never does is done here: each person gets an address that signs a browser in with
//! one click, for as long as the demo runs, and a bearer token for programs. The address holds a secret of 128 bits that
//! is kept in memory only.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use app::App;
use app::clock::Standing;
use axum::Router;
use axum::extract::{Path as At, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use domain::account::Through as LoginThrough;
use domain::id::{CoacheeId, PersonId, PracticeId};
use http::header::{CACHE_CONTROL, REFERRER_POLICY, SET_COOKIE};
use http::{HeaderValue, StatusCode};
use vault::Entropy;

use crate::error::Error;
use crate::invented::{self, Invented};
use crate::open::{self, Purpose, World};
use crate::serve::{self, Served};
use crate::settings::{Flags, Settings};

/// Somebody of the demo.
#[derive(Debug, Clone)]
pub struct Person {
    /// Their name, which is invented.
    pub name: String,
    /// What they are: `owner`, `coach`, `coachee of Maren` …
    pub role: String,
    /// Their account.
    pub id: PersonId,
}

/// A folder that is gone when this is dropped.
#[derive(Debug)]
pub struct Passing(PathBuf);

impl Drop for Passing {
    fn drop(&mut self) {
        // What cannot be removed lies in the system's folder for what is temporary.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Makes the demo, serves it, and prints to `out` how to come in. What it gives must be kept while it runs.
///
/// # Errors
/// [`Error::Usage`] for a folder that is not empty, an address that is not this machine's alone, or a database.
pub async fn run(flags: &Flags, world: &World, out: &mut dyn Write) -> Result<(Served, Option<Passing>), Error> {
    if flags.config.is_some() || flags.database.is_some() {
        return Err(Error::Usage(
            "the demo takes no --config and no --database: it has a database of its own".to_owned(),
        ));
    }
    let (folder, passing) = folder(flags.data.as_deref(), &*world.entropy)?;
    let flags =
        Flags { data: Some(folder.to_string_lossy().into_owned()), listen: flags.listen.clone(), ..Flags::default() };
    // The environment is a server's: a demo must not touch what it names.
    let mut settings = Settings::load(&flags, [])?;
    "warn".clone_into(&mut settings.log_filter);
    crate::logs::start(&settings, None);
    if !settings.listen.ip().is_loopback() {
        return Err(Error::Usage(format!(
            "{} can be reached by others: the demo listens on this machine only, at 127.0.0.1 or [::1]",
            settings.listen
        )));
    }
    writeln!(out, "Living five months of an invented practice …")?;
    let Invented { practice, coachee, people } = fill(&settings, world).await?;
    let store = open::store(&settings, Purpose::Serve).await?;
    let app = open::app(&settings, world, store, Purpose::Serve).await?;

    let mut keys = HashMap::new();
    let mut words = Vec::with_capacity(people.len());
    for person in people {
        let key = secret(&*world.entropy);
        let bearer = app.make_login(person.id, LoginThrough::Program, app.clock().now()).await?.text;
        keys.insert(key.clone(), person.id);
        words.push((person, key, bearer));
    }
    let state = Arc::new(Doors { app: app.clone(), keys });
    let routes = Router::new().route("/demo/{key}", get(page).post(sign_in)).with_state(state);
    let served = serve::start(app, &settings, world, routes).await?;
    print(out, &served, &words)?;
    tell_what_to_try(out, practice, coachee, passing.is_some())?;
    Ok((served, passing))
}

/// Fills an empty database with invented people and what they did, through [`App::run`] only: lived through by a clock
/// that is set to the past and moved on.
///
/// # Errors
/// A command that is refused: then the demo and the rules do not fit together.
pub async fn fill(settings: &Settings, world: &World) -> Result<Invented, Error> {
    let now = world.clock.now();
    let clock = Arc::new(Standing::at(now));
    let past = World { clock: clock.clone(), entropy: world.entropy.clone() };
    let store = open::store(settings, Purpose::Serve).await?;
    let app = open::app(settings, &past, store, Purpose::Serve).await?;
    let people = invented::live(&app, &clock, now).await;
    app.stop().await;
    people
}

/// An empty folder: the one named, or one that passes.
fn folder(named: Option<&str>, entropy: &dyn Entropy) -> Result<(PathBuf, Option<Passing>), Error> {
    let Some(named) = named else {
        let path = std::env::temp_dir().join(format!("throughline-demo-{}", secret(entropy)));
        open::folder(&path, "data_dir")?;
        return Ok((path.clone(), Some(Passing(path))));
    };
    let path = Path::new(named);
    open::folder(path, "data_dir")?;
    let failed = |source| Error::Folder { path: path.to_owned(), setting: "data_dir", source };
    if std::fs::read_dir(path).map_err(failed)?.next().is_some() {
        return Err(Error::Usage(format!("{} is not empty: the demo begins with nothing", path.display())));
    }
    Ok((path.to_owned(), None))
}

/// 128 random bits, in hexadecimal digits.
fn secret(entropy: &dyn Entropy) -> String {
    let mut bytes = [0; 16];
    entropy.fill(&mut bytes);
    format!("{:032x}", u128::from_be_bytes(bytes))
}

fn print(out: &mut dyn Write, served: &Served, words: &[(Person, String, String)]) -> Result<(), Error> {
    let base = format!("http://{}", served.address());
    writeln!(out, "The explorer is at {base}/ and the API at {base}/graphql. Everybody here is invented.")?;
    for (person, key, bearer) in words {
        writeln!(out, "\n{}, {}\n  sign in: {base}/demo/{key}\n  token:   {bearer}", person.name, person.role)?;
    }
    Ok(())
}

fn tell_what_to_try(out: &mut dyn Write, practice: PracticeId, coachee: CoacheeId, passes: bool) -> Result<(), Error> {
    writeln!(
        out,
        r#"
To try: sign in as Maren, open the explorer, and subscribe in one window

subscription {{ coachPortalChanges(practiceId: "{practice}") {{ position changes {{ __typename ... on Goal {{ title dueOn }} }} }} }}

while you change something in another:

mutation {{ addGoal(input: {{ practiceId: "{practice}", coacheeId: "{coachee}", title: "Speak first", dueOn: "2027-06-30" }}) {{ goal {{ id title }} position errors {{ code message }} }} }}
"#
    )?;
    let end = if passes { "Ctrl-C ends it, and nothing is left." } else { "Ctrl-C ends it; its data stays." };
    writeln!(out, "{end}")?;
    Ok(out.flush()?)
}

/// The doors of the demo: an address's secret, and whom it lets in.
struct Doors {
    app: App,
    keys: HashMap<String, PersonId>,
}

async fn page(State(doors): State<Arc<Doors>>, At(key): At<String>) -> Response {
    if !doors.keys.contains_key(&key) {
        return StatusCode::NOT_FOUND.into_response();
    }
    // A button that posts, like the page of every sign-in link: looking at an address signs nobody in.
    let page = "<!doctype html><title>Demo</title><form method=post><button>Sign in to the demo</button></form>";
    quiet(Html(page).into_response())
}

async fn sign_in(State(doors): State<Arc<Doors>>, At(key): At<String>) -> Response {
    let Some(person) = doors.keys.get(&key) else { return StatusCode::NOT_FOUND.into_response() };
    let login = doors.app.make_login(*person, LoginThrough::Browser, doors.app.clock().now()).await;
    let cookie = login.map(|token| HeaderValue::from_str(&api::cookies::session(&token.text)));
    let Ok(Ok(cookie)) = cookie else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    let mut response = quiet(Redirect::to("/").into_response());
    response.headers_mut().insert(SET_COOKIE, cookie);
    response
}

/// Nobody keeps the answer or learns its address.
fn quiet(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
