//! Earlier moments: what they cost, what is kept of them, and what bounds them.
#![cfg(test)]

use std::sync::Arc;

use app::clock::Standing;
use app::moments::Bounds;
use app::signin::Credentials;
use app::tokens::Kind;
use app::{App, AsOf, Error, Reader, Request, Settings, Through};
use domain::account::Portal;
use domain::coachee::{AddCoachee, Coachee};
use domain::id::{CoacheeId, LogId, PersonId, PracticeId};
use domain::practice::CreatePractice;
use domain::text::{Email, LastName, Name, Text as _};
use domain::value::{Time, Zone};
use domain::{Actor, Decide, Table};

const START: Time = Time(1_795_000_000_000_000);

/// A practice in memory.
struct Stage {
    app: App,
    owner: PersonId,
    practice: PracticeId,
    coachees: Vec<CoacheeId>,
}

impl Stage {
    async fn open(bounds: Bounds) -> Self {
        Self::open_with(&store::Options::new("sqlite::memory:"), bounds).await
    }

    async fn open_with(options: &store::Options, bounds: Bounds) -> Self {
        let settings = Settings {
            store: store::Store::open(options).await.unwrap(),
            files: store::Objects::memory(),
            roots: vault::RootKey::parse(&"5a".repeat(32)).unwrap().into(),
            signer: None,
            clock: Arc::new(Standing::at(START)),
            entropy: Arc::new(vault::Seeded::new(1)),
            cache_bytes: 1 << 20,
            moments: bounds,
            lanes: 1,
        };
        let app = App::open(settings).await.unwrap();
        let email = Email::parse("ada@practice.example").unwrap();
        let (address, command) = (LogId::Address(app.address(&email)), app.command());
        let asked = app.request_link(email, command, None).await.unwrap();
        let token = app.token(Kind::SignInLink, address, command).text;
        let brought = Credentials { token, browser: Some(asked.browser), digits: None };
        let through = domain::account::Through::Program;
        let owner = app.sign_in(&brought, through, app.command(), |_| None).await.unwrap().person;
        let (practice, name) = (app.mint(), Name::parse("Practice of Ada").unwrap());
        let stage = Self { app, owner, practice, coachees: Vec::new() };
        let display_name = Name::parse("Ada").unwrap();
        stage.run(CreatePractice { practice, name, zone: Zone::utc(), founder: owner, display_name }).await;
        stage
    }

    fn log(&self) -> LogId {
        LogId::Practice(self.practice)
    }

    async fn run(&self, command: impl Decide) {
        let request = Request {
            log: self.log(),
            actor: Actor::Person(self.owner),
            through: Through::Program,
            now: self.app.clock().now(),
            command: self.app.command(),
            idempotency: None,
        };
        self.app.run(request, command).await.unwrap();
    }

    /// Adds so many coachees, each by events of its own.
    async fn add(&mut self, coachees: usize) {
        for _ in 0..coachees {
            let coachee = self.app.mint();
            let number = self.coachees.len();
            let first_name = Name::parse("Robin").unwrap();
            let last_name = LastName::parse(&format!("Reed {number} {}", "of a long name ".repeat(10))).unwrap();
            let email = Email::parse(&format!("robin{number}@coachee.example")).unwrap();
            self.run(AddCoachee { coachee, first_name, last_name, email, invitation: None }).await;
            self.coachees.push(coachee);
        }
    }

    async fn head(&self) -> u64 {
        let mut snapshot = self.app.store().snapshot().await.unwrap();
        let head = snapshot.head(self.log().uuid().into_bytes()).await.unwrap().unwrap();
        snapshot.close().await.unwrap();
        head.seq
    }

    /// How many coachees the owner sees as of a position.
    async fn seen(&self, position: u64) -> Result<u64, Error> {
        let as_of = AsOf::Position(position);
        let reader = Reader::new(self.owner, Through::Program);
        let view = self.app.view_as_of(&reader, self.practice, Portal::Coach, None, as_of).await?;
        assert_eq!(view.position, position);
        view.count::<Coachee>(Vec::new()).await
    }
}

/// A request folds so many events; the next one goes on from there, and says how far it is.
#[tokio::test]
async fn a_long_way_takes_several_requests() {
    let mut stage = Stage::open(Bounds { events_a_request: 10, ..Bounds::default() }).await;
    stage.add(12).await;
    let end = stage.head().await;
    stage.add(1).await;
    for done in (10..end).step_by(10) {
        let error = stage.seen(end).await.unwrap_err();
        assert!(
            matches!(error, Error::Building { done: so_far, wanted } if (so_far, wanted) == (done, end)),
            "{error}"
        );
        assert!(error.to_string().contains(&format!("{done} of {end} events")), "{error}");
    }
    assert_eq!(stage.seen(end).await.unwrap(), 12);
    // From what was passed on the way it is not far: the last event gave access to whom the one before had added.
    assert_eq!(stage.seen(end - 1).await.unwrap(), 12);
    assert_eq!(stage.seen(end - 2).await.unwrap(), 11);
    // The operator waits for as long as it takes.
    stage.app.drop_moments(stage.log());
    let rows = stage.app.rows_as_of(stage.log(), Table::coachee, AsOf::Position(end), None, 100).await.unwrap();
    assert_eq!(rows.len(), 12);
    stage.app.stop().await;
}

/// A person builds one moment at a time: what they ask for beside it waits, and goes on from where that one came to. Two
/// at once would both begin at the beginning.
#[tokio::test]
async fn a_person_builds_one_moment_at_a_time() {
    let mut stage = Stage::open(Bounds { events_a_request: 10, ..Bounds::default() }).await;
    stage.add(20).await;
    let end = stage.head().await;
    stage.add(1).await;
    let come_to = |seen: Result<u64, Error>| {
        let Err(Error::Building { done, .. }) = seen else { panic!("{seen:?}") };
        done
    };
    let (one, other) = tokio::join!(stage.seen(end), stage.seen(end));
    let mut done = [come_to(one), come_to(other)];
    done.sort_unstable();
    assert_eq!(done, [10, 20]);
    stage.app.stop().await;
}

/// Who looks back has one connection in hand, and asks for no other: where there are no more, nobody waits in vain.
#[tokio::test]
async fn who_looks_back_takes_one_connection() {
    let options = store::Options { readers: 1, ..store::Options::new("sqlite::memory:") };
    let mut stage = Stage::open_with(&options, Bounds::default()).await;
    stage.add(1).await;
    let then = stage.head().await;
    stage.add(1).await;
    assert_eq!(stage.seen(then).await.unwrap(), 1);
    stage.app.stop().await;
}

/// What is kept of moments stays within its bytes: the longest unused go, and are made anew when they are asked for.
#[tokio::test]
async fn the_longest_unused_moments_make_room() {
    let mut stage = Stage::open(Bounds { bytes: 5 << 20, ..Bounds::default() }).await;
    let mut moments = Vec::new();
    for coachees in 1..=12 {
        stage.add(1).await;
        moments.push((stage.head().await, coachees));
    }
    stage.add(1).await;
    for (position, coachees) in moments.iter().chain(moments.iter().rev()) {
        assert_eq!(stage.seen(*position).await.unwrap(), *coachees);
        let (kept, bytes) = stage.app.moments_kept();
        assert!(bytes <= 5 << 20, "{kept} moments take {bytes} bytes");
        assert!(kept >= 1 && kept < moments.len(), "{kept}");
    }
    stage.app.drop_moments(stage.log());
    assert_eq!(stage.app.moments_kept(), (0, 0));
    assert_eq!(stage.seen(moments[3].0).await.unwrap(), 4);
    stage.app.stop().await;
}

/// A practice that has more than may be kept is refused, and its operator is told what to do.
#[tokio::test]
async fn a_moment_that_is_too_large_is_refused() {
    let mut stage = Stage::open(Bounds { bytes: 1 << 20, ..Bounds::default() }).await;
    stage.add(2).await;
    let error = stage.seen(1).await.unwrap_err();
    assert!(matches!(&error, Error::BadRequest(what) if what.contains("moments_bytes")), "{error}");
    // The present needs no moment.
    assert_eq!(stage.seen(stage.head().await).await.unwrap(), 2);
    stage.app.stop().await;
}
