//! A practice, and somebody who writes and reads in it: what the tests of keys and backups stand on.

use std::ffi::OsString;
use std::path::Path;

use app::signin::Credentials;
use app::tokens::Kind;
use app::{App, Request, Through};
use domain::Actor;
use domain::Decide;
use domain::account::Through as LoginThrough;
use domain::coachee::{AddCoachee, SetActiveGoal};
use domain::id::{CoacheeId, LogId, PersonId, PracticeId};
use domain::practice::CreatePractice;
use domain::text::{Email, Text};
use domain::value::Zone;
use serde_json::{Value, json};
use server::settings::Flags;
use server::{Served, Settings};

pub fn text<T: Text>(text: &str) -> T {
    T::parse(text).unwrap()
}

pub fn settings(data: &Path, database: Option<String>) -> Settings {
    let (data, listen) = (Some(data.display().to_string()), Some("127.0.0.1:0".to_owned()));
    let flags = Flags { data, database, listen, ..Flags::default() };
    Settings::load(&flags, Vec::<(OsString, OsString)>::new()).unwrap()
}

/// A fresh PostgreSQL database.
pub fn postgres(hint: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "a test may be told of a server that runs")]
    let given = std::env::var(cluster::VARIABLE).ok();
    cluster::database(given.as_deref(), hint).unwrap()
}

/// A practice, its founder, and the token with which they are let in.
#[derive(Clone)]
pub struct Practice {
    pub id: PracticeId,
    pub founder: PersonId,
    pub token: String,
}

impl Practice {
    /// Somebody signs in and founds it.
    pub async fn found(app: &App) -> Self {
        let email: Email = text("zqpers00@practice.example");
        let (address, command) = (LogId::Address(app.address(&email)), app.command());
        let asked = app.request_link(email, command, None).await.unwrap();
        let token = app.token(Kind::SignInLink, address, command).text;
        let brought = Credentials { token, browser: Some(asked.browser), digits: None };
        let signed_in = app.sign_in(&brought, LoginThrough::Program, app.command(), |_| None).await.unwrap();
        let practice = Self { id: app.mint(), founder: signed_in.person, token: signed_in.token.text };
        let (founder, name) = (practice.founder, text("zqpers01"));
        let create =
            CreatePractice { practice: practice.id, name, zone: Zone::utc(), founder, display_name: text("zqpers02") };
        practice.run(app, create).await.unwrap();
        practice
    }

    pub async fn run(&self, app: &App, command: impl Decide) -> Result<app::Done, app::Error> {
        let (log, actor, now) = (LogId::Practice(self.id), Actor::Person(self.founder), app.clock().now());
        let request = Request { log, actor, through: Through::Program, now, command: app.command(), idempotency: None };
        app.run(request, command).await
    }

    /// Adds a coachee, for whom a key is made, with a confidential text.
    pub async fn add(&self, app: &App, number: u32) -> CoacheeId {
        self.try_add(app, number).await.unwrap()
    }

    pub async fn try_add(&self, app: &App, number: u32) -> Result<CoacheeId, app::Error> {
        let coachee = app.mint();
        let email = text(&format!("zqpers{number}@coachee.example"));
        let (first_name, last_name) = (text("Robin"), text("zqpers03"));
        self.run(app, AddCoachee { coachee, first_name, last_name, email, invitation: None }).await?;
        self.run(app, SetActiveGoal { coachee, goal: text("zqconf01") }).await?;
        Ok(coachee)
    }

    /// What their portal shows.
    pub async fn portal(&self, served: &Served) -> Value {
        let query = "query($p: ID!) { viewer { coachPortal(practiceId: $p) { practice { name } coachees(first: 100) { \
                     nodes { id firstName lastName email activeGoal } } activityLog(first: 100) { nodes { position entry } } } } }";
        let body = json!({ "query": query, "variables": { "p": self.id.to_string() } });
        let asked = reqwest::Client::new().post(format!("http://{}/graphql", served.address()));
        let answer: Value = asked.bearer_auth(&self.token).json(&body).send().await.unwrap().json().await.unwrap();
        assert!(answer.get("errors").is_none(), "{answer}");
        answer["data"].clone()
    }
}
