//! Subscriptions: each resumes from a position, gets each event once, in order, and never what its viewer may not see.

mod activity;
mod bounds;
mod ends;
mod nodes;
mod portal;
mod sight;
mod world;

use serde_json::Value;
use tests::{Person, Product};

use crate::plan::{action, progress};

const ACTIVITY: &str =
    "subscription($p: ID!, $a: Position, $f: ActivityFilter) { activity(practiceId: $p, after: $a, filter: $f) {
    position entry { position entry thingId coacheeId actorId changes { field was now } } } }";
pub const REVOKE: &str = "mutation($i: RevokeAccessInput!) { revokeAccess(input: $i) { errors { code } } }";

/// What every portal shows of a change in a plan, and of what is gone.
const CHANGES: &str =
    "position changes { __typename ... on Goal { id title complete } ... on Milestone { id title complete }
    ... on Action { id title progress } ... on Gone { id } ... on ResyncRequired { atLeast } }";

pub fn changes_of(portal: &str) -> String {
    let profile = if portal == "coach" {
        "... on Coachee { id fullName }"
    } else {
        "... on CoacheeProfile { id firstName activeGoal }"
    };
    let changes = CHANGES.replace("__typename", &format!("__typename {profile}"));
    format!(
        "subscription($p: ID!, $a: Position) {{ {portal}PortalChanges(practiceId: $p, after: $a) {{ {changes} }} }}"
    )
}

/// A position as a number, to compare places. (Outside it is opaque.)
fn place(position: &Value) -> u64 {
    let text = position.as_str().and_then(|text| text.strip_prefix("at")).expect("a position");
    u64::from_str_radix(text, 16).expect("a position")
}

/// Numbers that look random and are the same in every run (xorshift).
pub struct Dice(pub u64);

impl Dice {
    /// A number below `sides`.
    pub fn throw(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// How many write at once.
const WRITERS: usize = 8;

/// Lets eight writers move an action each, `times` times, through these nodes in turn; ends when all have been answered.
async fn write(people: &[Person], practice: &str, actions: &[String], times: i32) {
    let mut writers = tokio::task::JoinSet::new();
    for (number, action) in actions.iter().enumerate() {
        let (person, practice, action) = (people[number % people.len()].clone(), practice.to_owned(), action.clone());
        writers.spawn(async move {
            for percent in 1..=times {
                progress(&person, &practice, &action, percent).await;
            }
        });
    }
    while let Some(ended) = writers.join_next().await {
        ended.expect("a writer");
    }
}

async fn actions(by: &Person, practice: &str, coachee: &str) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..WRITERS {
        ids.push(action(by, practice, coachee, None, &format!("Step {number}")).await);
    }
    ids
}

/// An open event stream.
struct Events {
    response: reqwest::Response,
    text: String,
    heard: String,
}

impl Events {
    async fn open(product: &Product, who: &Person, body: &Value, last_event: Option<&str>) -> Self {
        Self::at(&product.url("/graphql"), who, body, last_event).await
    }

    async fn at(url: &str, who: &Person, body: &Value, last_event: Option<&str>) -> Self {
        let request = reqwest::Client::new().post(url).bearer_auth(who.token.as_ref().expect("signed in"));
        let mut request = request.header("accept", "text/event-stream").json(body);
        if let Some(last_event) = last_event {
            request = request.header("last-event-id", last_event);
        }
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status().as_u16(), 200);
        assert!(response.headers()["content-type"].to_str().expect("text").starts_with("text/event-stream"));
        Self { response, text: String::new(), heard: String::new() }
    }

    /// The next event's id and data.
    async fn next(&mut self) -> (String, Value) {
        let event = self.event().await;
        let data: Value = serde_json::from_str(line(&event, "data:").expect("data")).expect("JSON");
        assert!(data.get("errors").is_none(), "{data}");
        (line(&event, "id:").expect("an id").to_owned(), data["data"].clone())
    }

    /// The code of the error with which the stream ends.
    async fn ends(&mut self) -> String {
        loop {
            let event = self.event().await;
            let data: Value = serde_json::from_str(line(&event, "data:").expect("data")).expect("JSON");
            if let Some(code) = data["errors"][0]["extensions"]["code"].as_str() {
                return code.to_owned();
            }
        }
    }

    /// All that came.
    fn everything(&self) -> &str {
        &self.heard
    }

    /// The next event that is not a sign of life.
    async fn event(&mut self) -> String {
        loop {
            while let Some(end) = self.text.find("\n\n") {
                let event: String = self.text.drain(..end + 2).collect();
                if line(&event, "event:") == Some("next") {
                    return event;
                }
                // A line that begins with a colon is a sign of life.
                assert!(event.starts_with(':'), "{event}");
            }
            let chunk = tokio::time::timeout(tests::PATIENCE, self.response.chunk());
            let chunk = chunk.await.expect("something must come").expect("a chunk").expect("the stream goes on");
            let text = std::str::from_utf8(&chunk).expect("text");
            self.text.push_str(text);
            self.heard.push_str(text);
        }
    }
}

fn line<'e>(event: &'e str, name: &str) -> Option<&'e str> {
    event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}
