//! Who follows: coachees whose portals are open, at five sockets each, as many as the product allows a person.

use app::signin::Device;
use app::tokens::Kind;
use app::{App, Request, Through};
use domain::Actor;
use domain::coachee::{AcceptInvitation, AddCoachee, NewInvitation};
use domain::id::{CoacheeId, LogId, PersonId, PracticeId};
use domain::practice::{Acceptance, CreatePractice};
use domain::text::{Email, LastName, Name, Text as _};
use domain::value::Zone;

use crate::error::Error;
use crate::fixture::{all, run, sign_up};

/// How many sockets each has.
pub(crate) const SOCKETS_A_PERSON: usize = 5;

/// Practices and their coachees.
#[derive(Debug)]
pub(crate) struct People {
    /// The token of the owner of all practices.
    pub(crate) owner: String,
    /// The practices.
    pub(crate) practices: Vec<PracticeId>,
    /// Coachees with portals; neighbours are of different practices. One more than sockets are asked for: the last follows
    /// nothing at first.
    pub(crate) people: Vec<Follower>,
}

/// A coachee with a portal.
#[derive(Debug)]
pub(crate) struct Follower {
    /// The number of the practice.
    pub(crate) of: usize,
    /// The file.
    pub(crate) coachee: CoacheeId,
    /// The login.
    pub(crate) token: String,
}

impl People {
    /// Makes practices, and coachees with portals over them.
    pub(crate) async fn fill(app: &App, practices: usize, people: usize) -> Result<Self, Error> {
        let person = sign_up(app).await?;
        let practices: Vec<PracticeId> = (0..practices).map(|_| app.mint()).collect();
        for practice in &practices {
            let (name, display_name) = (Name::parse("Oak & Elm Coaching")?, Name::parse("Mia Carter")?);
            let create = CreatePractice { practice: *practice, name, zone: Zone::utc(), founder: person, display_name };
            run(app, LogId::Practice(*practice), person, create).await?;
        }
        let through = domain::account::Through::Program;
        let owner = app.make_login(person, through, app.clock().now()).await?.text;
        let mut followers: Vec<Option<Follower>> = (0..=people).map(|_| None).collect();
        let adding = followers.iter_mut().enumerate().map(async |(number, follower)| {
            let of = number % practices.len();
            *follower = Some(follower_of(app, person, (of, practices[of]), number).await?);
            Ok::<_, Error>(())
        });
        all(adding).await?;
        Ok(Self { owner, practices, people: followers.into_iter().flatten().collect() })
    }
}

/// Somebody whom the owner adds and invites, and who accepts.
async fn follower_of(
    app: &App,
    owner: PersonId,
    (of, practice): (usize, PracticeId),
    number: usize,
) -> Result<Follower, Error> {
    let (log, command, coachee) = (LogId::Practice(practice), app.command(), app.mint());
    let email = Email::parse(&format!("jordan{number}@example.org"))?;
    let token = app.token(Kind::CoacheeInvitation, log, command);
    let request = |actor, command| Request {
        log,
        actor,
        through: Through::Browser,
        now: app.clock().now(),
        command,
        idempotency: None,
    };
    let add = AddCoachee {
        coachee,
        first_name: Name::parse("Jordan")?,
        last_name: LastName::parse(&format!("Number {number}"))?,
        email: email.clone(),
        invitation: Some(NewInvitation { id: token.id(), token: token.hash }),
    };
    app.run(request(Actor::Person(owner), command), add).await?;
    let (person, address, command) = (app.mint(), app.address(&email), app.command());
    let login = app.token(Kind::Login, LogId::Account(person), command);
    let device = Device::from(domain::account::Through::Program);
    let acceptance = Acceptance { address, person, login: Some(device.login(&login)) };
    let accept = AcceptInvitation { practice, invitation: token.id(), token: token.hash, coachee, acceptance };
    app.run(request(Actor::Visitor, command), accept).await?;
    Ok(Follower { of, coachee, token: login.text })
}
