//! `live`: portals that are followed: so many sockets, at five a person, over one practice and over many. How many deliveries a
//! second there are at most (each group of sockets is told its next change as soon as all of it have heard of the one
//! before), how long a change takes to each of them at a steady pace, from when its mutation is due to its arrival,
//! what a socket costs in memory, and what coming back costs who has missed something.
//!
//! The limit is a bare broadcast of the same frames to as many sockets: no GraphQL, no viewers, no log, no commit. Server
//! and followers are processes of their own on the same machine. With `--program` it is that program which is followed,
//! one of another version perhaps, and not the product's router in a process of this one; statements are not counted then.

mod crowd;
mod part;
mod people;
mod served;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use app::Clock as _;
use futures_util::future::try_join_all;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;
use serde_json::{Value, json};
use store::Options;
use tempfile::TempDir;

use self::crowd::{Crowd, Following, NUMBERED, Seat, Speaks, Wire};
use self::part::{Apart, Line, Part, Role};
pub(crate) use self::part::{Called, play, resident_kib};
use self::people::{Follower, People, SOCKETS_A_PERSON};
use self::served::{Broadcast, Serve};
use crate::Asked;
use crate::error::Error;
use crate::idle::Started;
use crate::place::{Place, open};
use crate::report::{Latency, Report, Round, What, rate};
use crate::work::percentile_ms;

/// Deliveries a second at a steady pace.
const PACE: usize = 10_000;
/// Changes a second at a steady pace, at most.
const CHANGES_A_SECOND_MAX: usize = 200;
/// How many sockets follow each of many practices.
const SOCKETS_A_PRACTICE: usize = 50;
/// How many changes are on their way at a time, at most, each in another group.
const AT_A_TIME: usize = 64;
/// How many changes are made to find out the most, at most.
const CHANGES_MAX: usize = 2_000;
/// How long all may take to hear of what was sent.
const PATIENCE: Duration = Duration::from_mins(5);
/// How long a server is left alone before its memory is read.
const REST: Duration = Duration::from_secs(1);
/// How often it is measured what coming back costs.
const RETURNS: usize = 20;

const FOLLOW: &str = "subscription($p: ID!, $a: Position) { coacheePortalChanges(practiceId: $p, after: $a) { position
    changes { __typename ... on PracticeCard { id name } ... on CoacheeProfile { id activeGoal }
        ... on Goal { id title dueOn complete } ... on Milestone { id title complete }
        ... on Action { id title progress } ... on CoacheeSession { id title startedAt } ... on Gone { id } } } }";
const RENAME: &str = "mutation($p: ID!, $t: String!) { updatePractice(input: { practiceId: $p, name: $t }) {
    position errors { code message } } }";
const SET_GOAL: &str = "mutation($p: ID!, $c: ID!, $t: String!) {
    setActiveGoal(input: { practiceId: $p, coacheeId: $c, activeGoal: $t }) { position errors { code message } } }";
const ADD_GOAL: &str = "mutation($p: ID!, $c: ID!, $t: String!) {
    addGoal(input: { practiceId: $p, coacheeId: $c, title: $t, dueOn: \"2030-01-01\" }) {
    position errors { code message } } }";
const POSITION: &str = "query($p: ID!) { viewer { coachPortal(practiceId: $p) { position } } }";

/// How much is measured.
#[derive(Debug)]
pub(crate) struct Size {
    sockets: usize,
    /// So many deliveries to find out the most.
    deliveries: usize,
    /// So long at a steady pace.
    paced: Duration,
    apart: Apart,
    /// What is followed, if not this program's own router.
    program: Option<PathBuf>,
}

impl Size {
    /// Everything, or what fits into a minute.
    pub(crate) fn new(asked: &Asked) -> Self {
        let (sockets, deliveries, seconds) = if asked.quick { (500, 20_000, 3) } else { (10_000, 200_000, 15) };
        let paced = Duration::from_secs(seconds);
        Self {
            sockets: asked.sockets.unwrap_or(sockets),
            deliveries,
            paced,
            apart: Apart::Processes,
            program: asked.program.clone(),
        }
    }
}

/// What changes, and so who hears it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// The practice's name: all who follow the practice.
    OfPractice,
    /// A coachee's active goal: their five sockets, while all others of the practice have nothing to hear.
    OfCoachee,
}

/// A number of sockets over a number of practices.
#[derive(Debug, Clone, Copy)]
struct Scene {
    practices: usize,
    change: Change,
    sockets: usize,
}

impl Scene {
    const fn people(self) -> usize {
        self.sockets / SOCKETS_A_PERSON
    }

    /// Sockets that hear the same: how many such groups there are.
    const fn groups(self) -> usize {
        match self.change {
            Change::OfPractice => self.practices,
            Change::OfCoachee => self.people(),
        }
    }

    const fn group_of(self, person: usize, of: usize) -> usize {
        match self.change {
            Change::OfPractice => of,
            Change::OfCoachee => person,
        }
    }

    /// How many sockets a change reaches.
    const fn reached(self) -> usize {
        self.sockets / self.groups()
    }
}

/// Measures on one kind of database.
pub(crate) async fn measure(place: &Place, size: &Size, report: &mut Report) -> Result<(), Error> {
    part::open_files_for(size.sockets)?;
    let many = (size.sockets / SOCKETS_A_PRACTICE).max(2);
    for (practices, change) in [(1, Change::OfPractice), (many, Change::OfPractice), (1, Change::OfCoachee)] {
        // As many in each group.
        let step = practices * SOCKETS_A_PERSON;
        scene(place, size, Scene { practices, change, sockets: size.sockets / step * step }, report).await?;
    }
    Ok(())
}

async fn scene(place: &Place, size: &Size, scene: Scene, report: &mut Report) -> Result<(), Error> {
    let options = place.fresh("live")?;
    let app = open(&options).await?;
    let people = People::fill(&app, scene.practices, scene.people()).await?;
    app.stop().await;
    let mut server = Server::start(size, &options).await?;
    let address = server.address;
    let speaker = Speaker { client: reqwest::Client::new(), address, says: Says::Product { scene, people } };
    let following = Following { address, seats: speaker.seats(scene).await? };
    let (done, crowd) = follow(&speaker, &mut server, &following, (size, scene)).await?;
    crowd.leave().await;
    if (scene.practices, scene.change) == (1, Change::OfPractice) {
        come_back(&speaker, &mut server, place.name(), report).await?;
    }
    server.end().await;
    place.remove(&options)?;

    let mut server = Server::bare(size, scene).await?;
    let address = server.address;
    let seat = |group: usize| Seat { group, path: format!("/{group}"), speaks: None };
    let seats = (0..scene.sockets).map(|socket| seat(socket % scene.groups())).collect();
    let says = Says::Bare { frame: done.frame.clone() };
    let speaker = Speaker { client: reqwest::Client::new(), address, says };
    let (bare, crowd) = follow(&speaker, &mut server, &Following { address, seats }, (size, scene)).await?;
    crowd.leave().await;
    server.end().await;
    done.tell(&bare, place.name(), scene, report);
    Ok(())
}

/// What was measured of one server.
#[derive(Debug)]
struct Followed {
    per_second: f64,
    latency: Latency,
    /// What the sender waited for its answer at the steady pace.
    answered: Latency,
    frames_of_100: f64,
    kib_a_socket: f64,
    statements_a_change: Option<f64>,
    frame: String,
}

impl Followed {
    fn tell(&self, bare: &Self, database: &'static str, scene: Scene, report: &mut Report) {
        let what = What::Followed { sockets: scene.sockets, practices: scene.practices, reached: scene.reached() };
        let of = what.words();
        let round = Round {
            per_second: self.per_second,
            limit_per_second: bare.per_second,
            latency: Some(self.latency),
            limit_latency: Some(bare.latency),
        };
        report.add(database, what, &[round]);
        let mut figure = |name, unit, value, limit| report.figure(database, &of, (name, unit), (value, limit));
        figure("answer to the sender, p50", "ms", self.answered.p50_ms, None);
        figure("told 100 deliveries", "frames", self.frames_of_100, None);
        if let Some(statements) = self.statements_a_change {
            figure("executed for a change", "statements", statements, None);
        }
        figure("memory a socket", "KiB", self.kib_a_socket, Some(bare.kib_a_socket));
    }
}

/// Lets a crowd follow a server: what that costs, how fast it can be, and how long it takes at a steady pace.
async fn follow(
    speaker: &Speaker,
    server: &mut Server,
    following: &Following,
    (size, scene): (&Size, Scene),
) -> Result<(Followed, Crowd), Error> {
    // What a server keeps that has answered anybody is not what sockets cost.
    speaker.warm().await?;
    tokio::time::sleep(REST).await;
    let before = server.resident_kib()?;
    let mut crowd = Crowd::gather(following, size.apart).await?;
    let mut number = 1;
    let (speaker, crowd_) = (speaker, &crowd);
    let say_all = async |number: usize| {
        let saying = (0..scene.groups()).map(async |group| {
            speaker.say(group, number).await?;
            crowd_.arrived(group, number).await
        });
        in_time(all(saying)).await
    };
    say_all(number).await?;
    tokio::time::sleep(REST).await;
    let kib_a_socket = (server.resident_kib()? - before) / count(scene.sockets);

    let changes = (size.deliveries / scene.reached()).min(CHANGES_MAX).div_ceil(scene.groups());
    let statements = server.statements().await?;
    let started = Instant::now();
    let saying = (0..scene.groups()).map(async |group| {
        for change in 1..=changes {
            speaker.say(group, number + change).await?;
            crowd_.arrived(group, number + change).await?;
        }
        Ok(())
    });
    in_time(all(saying)).await?;
    let elapsed = started.elapsed();
    number += changes;
    let made = changes * scene.groups();
    let statements_a_change = since(statements, server.statements().await?, made);
    crowd.heard().await?;

    let paced = paced(speaker, &crowd, number, (size, scene)).await?;
    let heard = crowd.heard().await?;
    let mut latencies: Vec<Duration> = Vec::with_capacity(heard.arrivals.len());
    for (group, change, at) in &heard.arrivals {
        let sent = paced.get(*group).and_then(|sent| sent.get(change - number - 1)).map_or(*at, |sent| sent.at);
        latencies.push(Duration::from_micros(u64::try_from(at - sent).unwrap_or(0)));
    }
    latencies.sort_unstable();
    let mut answered: Vec<Duration> = paced.iter().flatten().map(|sent| sent.answered).collect();
    answered.sort_unstable();
    let of =
        |latencies: &[Duration]| Latency { p50_ms: percentile_ms(latencies, 50), p99_ms: percentile_ms(latencies, 99) };
    let followed = Followed {
        per_second: rate(made * scene.reached(), elapsed),
        latency: of(&latencies),
        answered: of(&answered),
        frames_of_100: 100.0 * count(heard.frames) / count(heard.arrivals.len()),
        kib_a_socket,
        statements_a_change,
        frame: heard.frame,
    };
    Ok((followed, crowd))
}

/// Makes changes at a steady pace, whether those before have arrived or not, and waits until all have: of each group, when
/// its changes were due. A group's next change waits for the answer to the one before, so that they keep their order; how
/// long it waited counts as what it took.
async fn paced(
    speaker: &Speaker,
    crowd: &Crowd,
    number: usize,
    (size, scene): (&Size, Scene),
) -> Result<Vec<Vec<Sent>>, Error> {
    let a_second = (PACE / scene.reached()).clamp(1, CHANGES_A_SECOND_MAX);
    let every = Duration::from_secs(1).div_f64(count(a_second));
    let most = size.paced.as_secs_f64() * count(a_second) / count(scene.groups());
    let rounds = (1..usize::MAX).take_while(|round| count(*round) < most + 1.0).count();
    let (started, now) = (Instant::now(), app::clock::Machine.now().0);
    let saying = (0..scene.groups()).map(async |group| {
        let mut sent = Vec::with_capacity(rounds);
        for round in 0..rounds {
            let due = every.mul_f64(count(round * scene.groups() + group));
            tokio::time::sleep_until((started + due).into()).await;
            let asked = Instant::now();
            speaker.say(group, number + 1 + round).await?;
            let at = now + i64::try_from(due.as_micros()).unwrap_or(0);
            sent.push(Sent { at, answered: asked.elapsed() });
        }
        Ok::<_, Error>(sent)
    });
    let sent = try_join_all(saying).await?;
    in_time(all((0..scene.groups()).map(|group| crowd.arrived(group, number + rounds)))).await?;
    Ok(sent)
}

/// When a change was due, and what its answer took.
#[derive(Debug, Clone, Copy)]
struct Sent {
    at: i64,
    answered: Duration,
}

/// What is followed.
struct Server {
    address: SocketAddr,
    runs: Runs,
}

enum Runs {
    Part(Part, Line),
    /// And where its files lie beside the database.
    Program {
        started: Started,
        _data: TempDir,
    },
}

impl Server {
    async fn start(size: &Size, options: &Options) -> Result<Self, Error> {
        let Some(program) = &size.program else {
            let what = Serve { database: options.url.clone() };
            return Self::part(Role::Served, size.apart, &what).await;
        };
        let data = TempDir::new()?;
        let started = Started::new(program, data.path(), &options.url)?;
        started.ready().await?;
        Ok(Self {
            address: SocketAddr::from(([127, 0, 0, 1], started.port())),
            runs: Runs::Program { started, _data: data },
        })
    }

    async fn bare(size: &Size, scene: Scene) -> Result<Self, Error> {
        Self::part(Role::Bare, size.apart, &Broadcast { groups: scene.groups() }).await
    }

    async fn part(role: Role, apart: Apart, what: &impl Serialize) -> Result<Self, Error> {
        let (part, mut line) = Part::start(role, apart, what).await?;
        Ok(Self { address: line.hears.hear().await?, runs: Runs::Part(part, line) })
    }

    fn resident_kib(&self) -> Result<f64, Error> {
        match &self.runs {
            Runs::Part(part, _) => part.resident_kib(),
            Runs::Program { started, .. } => started.resident_kib(),
        }
    }

    /// How many statements it has executed, where it can be asked.
    async fn statements(&mut self) -> Result<Option<u64>, Error> {
        let Runs::Part(_, line) = &mut self.runs else { return Ok(None) };
        line.says.tell(&()).await?;
        line.hears.hear().await
    }

    async fn end(self) {
        if let Runs::Part(part, line) = self.runs {
            part.end(line).await;
        }
    }
}

/// Who makes the changes.
#[derive(Debug)]
struct Speaker {
    client: reqwest::Client,
    address: SocketAddr,
    says: Says,
}

#[derive(Debug)]
enum Says {
    /// As the owner of the practices.
    Product { scene: Scene, people: People },
    /// By sending the frame that the product has sent.
    Bare { frame: String },
}

impl Speaker {
    /// Makes a group's next change.
    async fn say(&self, group: usize, number: usize) -> Result<(), Error> {
        match &self.says {
            Says::Product { scene, people } => {
                let text = format!("{NUMBERED}{number}");
                let (query, variables) = match scene.change {
                    Change::OfPractice => (RENAME, json!({ "p": people.practices[group], "t": text })),
                    Change::OfCoachee => {
                        let Follower { of, coachee, .. } = people.people[group];
                        (SET_GOAL, json!({ "p": people.practices[of], "c": coachee, "t": text }))
                    }
                };
                self.ask(query, variables, &people.owner).await?;
            }
            Says::Bare { frame } => {
                let (before, rest) = frame.split_once(NUMBERED).unwrap_or_default();
                let after = rest.trim_start_matches(|letter: char| letter.is_ascii_digit());
                let request = self.client.post(format!("http://{}/{group}", self.address));
                self.send(request.body(format!("{before}{NUMBERED}{number}{after}"))).await?;
            }
        }
        Ok(())
    }

    async fn ask(&self, query: &str, variables: Value, token: &str) -> Result<Value, Error> {
        let body = json!({ "query": query, "variables": variables }).to_string();
        let request = self.client.post(format!("http://{}/graphql", self.address)).bearer_auth(token);
        let answer = self.send(request.header("content-type", "application/json").body(body)).await?;
        let answer: Value = serde_json::from_str(&answer)?;
        let refused = answer.pointer("/data").and_then(Value::as_object).is_none_or(|data| {
            data.values().any(|payload| payload["errors"].as_array().is_some_and(|errors| !errors.is_empty()))
        });
        if refused || answer.get("errors").is_some() {
            return Err(Error::Unexpected(format!("a change is refused: {answer}")));
        }
        Ok(answer)
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<String, Error> {
        let failed = |error: reqwest::Error| Error::Unexpected(format!("no answer: {error}"));
        let answer = request.send().await.map_err(failed)?;
        let (status, text) = (answer.status(), answer.text().await.map_err(failed)?);
        if status.is_success() { Ok(text) } else { Err(Error::Unexpected(format!("{status}: {text}"))) }
    }

    /// Asks for something often enough that every connection is open and has prepared what is asked.
    async fn warm(&self) -> Result<(), Error> {
        let asking = (0..AT_A_TIME * 4).map(async |_| match &self.says {
            Says::Product { people, .. } => {
                self.position(people.practices[0], &people.owner).await?;
                Ok(())
            }
            Says::Bare { .. } => self.say(0, 0).await,
        });
        all(asking).await
    }

    async fn position(&self, practice: domain::id::PracticeId, token: &str) -> Result<Value, Error> {
        let mut answer = self.ask(POSITION, json!({ "p": practice }), token).await?;
        let position = answer.pointer_mut("/data/viewer/coachPortal/position").map(Value::take);
        position.ok_or_else(|| Error::Unexpected(format!("no position: {answer}")))
    }

    /// Five sockets a person, which follow their practices from now on.
    async fn seats(&self, scene: Scene) -> Result<Vec<Seat>, Error> {
        let Says::Product { people, .. } = &self.says else { return Ok(Vec::new()) };
        let mut positions = Vec::with_capacity(people.practices.len());
        for practice in &people.practices {
            positions.push(self.position(*practice, &people.owner).await?);
        }
        let seats = people.people.iter().take(scene.people()).enumerate().flat_map(|(number, person)| {
            let group = scene.group_of(number, person.of);
            let variables = json!({ "p": people.practices[person.of], "a": positions[person.of] });
            std::iter::repeat_n(seat(person, group, variables), SOCKETS_A_PERSON)
        });
        Ok(seats.collect())
    }
}

fn seat(person: &Follower, group: usize, variables: Value) -> Seat {
    let subscribes = json!({ "query": FOLLOW, "variables": variables });
    Seat { group, path: "/graphql".to_owned(), speaks: Some(Speaks { token: person.token.clone(), subscribes }) }
}

/// What it costs to come back: from opening a socket to having been told all that was missed.
async fn come_back(
    speaker: &Speaker,
    server: &mut Server,
    database: &'static str,
    report: &mut Report,
) -> Result<(), Error> {
    let Says::Product { people, .. } = &speaker.says else { return Ok(()) };
    let Some(person) = people.people.last() else { return Ok(()) };
    let (practice, owner) = (people.practices[person.of], people.owner.as_str());
    for (query, missed, things) in
        [(SET_GOAL, 1, 1), (SET_GOAL, 100, 1), (ADD_GOAL, 10, 10), (ADD_GOAL, 100, 100), (ADD_GOAL, 400, 400)]
    {
        let after = speaker.position(practice, owner).await?;
        let changing = (1..=missed).map(async |change| {
            let variables = json!({ "p": practice, "c": person.coachee, "t": format!("{things} by {change}") });
            speaker.ask(query, variables, owner).await.map(|_| ())
        });
        all(changing).await?;
        let before = server.statements().await?;
        let mut took = Vec::with_capacity(RETURNS);
        for _ in 0..RETURNS {
            let started = Instant::now();
            let variables = json!({ "p": practice, "a": after });
            let mut wire = Wire::open(speaker.address, &seat(person, 0, variables)).await?;
            let frame: Value = serde_json::from_str(&wire.frame().await?)?;
            took.push(started.elapsed());
            let changes = frame.pointer("/payload/data/coacheePortalChanges/changes").and_then(Value::as_array);
            if changes.map(Vec::len) != Some(things) {
                return Err(Error::Unexpected(format!("{things} things changed, and told is {frame}")));
            }
        }
        let statements = since(before, server.statements().await?, RETURNS);
        took.sort_unstable();
        let of = format!("after {missed} changes of {things} things");
        report.figure(database, &of, ("to come back, p50", "ms"), (percentile_ms(&took, 50), None));
        if let Some(statements) = statements {
            report.figure(database, &of, ("to come back", "statements"), (statements, None));
        }
    }
    Ok(())
}

/// How many statements one of so many things took.
fn since(before: Option<u64>, after: Option<u64>, things: usize) -> Option<f64> {
    let statements = usize::try_from(after?.saturating_sub(before?)).ok()?;
    Some(count(statements) / count(things))
}

async fn all<F: Future<Output = Result<(), Error>>>(doing: impl Iterator<Item = F>) -> Result<(), Error> {
    stream::iter(doing).buffer_unordered(AT_A_TIME).try_collect().await
}

async fn in_time(doing: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    let too_long = |_| Error::Unexpected(format!("not everybody has heard of every change within {PATIENCE:?}"));
    tokio::time::timeout(PATIENCE, doing).await.map_err(too_long)?
}

#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
fn count(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole of it, small: every socket hears of every change, and who comes back has all that was missed.
    async fn small(database: store::Database) {
        let place = Place::new(database, None, None).unwrap();
        let size = Size {
            sockets: 20,
            deliveries: 200,
            paced: Duration::from_millis(200),
            apart: Apart::Tasks,
            program: None,
        };
        let mut report = Report::new("live");
        measure(&place, &size, &mut report).await.unwrap();
        let reached: Vec<usize> = report
            .rows()
            .iter()
            .map(|row| {
                let What::Followed { reached, .. } = row.what else { panic!("{row:?}") };
                reached
            })
            .collect();
        assert_eq!(reached, [20, 10, 5]);
        for row in report.rows() {
            assert!(row.per_second > 0.0 && row.limit_per_second > 0.0, "{row:?}");
            assert!(row.latency.is_some_and(|latency| latency.p99_ms >= latency.p50_ms), "{row:?}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_small_run_measures_each_number_on_sqlite() {
        small(store::Database::Sqlite).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_small_run_measures_each_number_on_postgres() {
        small(store::Database::Postgres).await;
    }
}
