//! A random history by several people, and everything that portals show of it, recorded as it comes about.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tests::{Person, Product};

use crate::audit::grant;
use crate::matrix::fields::selection;
use crate::matrix::schema::{Schema, arguments};

/// Numbers that are the same for the same seed.
pub struct Dice(u64);

impl Dice {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below another (Knuth's linear congruence; its high bits are the good ones).
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % end.max(1)
    }

    fn of<'a>(&mut self, things: &'a [String]) -> Option<&'a str> {
        if things.is_empty() { None } else { things.get(self.below(things.len())).map(String::as_str) }
    }
}

/// Somebody, and the portal they look through.
pub struct Looker {
    /// Who.
    pub person: Person,
    /// The portal's field.
    pub portal: &'static str,
    /// The portal's type.
    pub of: &'static str,
}

/// A practice in which things happen.
pub struct History {
    /// The practice.
    pub practice: String,
    /// Those who look: the owner, a coach with access to the first coachee, and that coachee.
    pub lookers: Vec<Looker>,
    schema: Schema,
    things: BTreeMap<&'static str, Vec<String>>,
    dice: Dice,
}

/// What somebody was shown by one query.
pub struct Shown {
    looker: usize,
    query: String,
    body: Value,
}

/// What everybody was shown at one moment.
pub struct Recorded {
    /// The practice's position.
    pub position: String,
    /// The time.
    pub at: String,
    /// Whether that position was reached at that time.
    pub fresh: bool,
    shown: Vec<Shown>,
}

impl History {
    /// A practice with an owner, a coach, and a coachee who is signed in.
    pub async fn begin(product: &Product, seed: u64) -> Self {
        let (ada, practice) = product.coach("Ada").await;
        let ben = product.further_coach(&ada, &practice, "Ben", "COACH").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        grant(&ada, &practice, &ben, &robin).await;
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        let schema = Schema::read(&ada).await;
        let looker = |person, portal, of| Looker { person, portal, of };
        let lookers = vec![
            looker(ada, "coachPortal", "CoachPortal"),
            looker(ben, "coachPortal", "CoachPortal"),
            looker(coachee, "coacheePortal", "CoacheePortal"),
        ];
        let things = BTreeMap::from([("coachee", vec![robin])]);
        Self { practice, lookers, schema, things, dice: Dice::new(seed) }
    }

    fn any(&mut self, kind: &'static str) -> Option<String> {
        let things = self.things.get(kind).map_or(&[][..], Vec::as_slice);
        self.dice.of(things).map(str::to_owned)
    }

    /// Something happens, if it can: somebody may not do it, or it is refused, and then nothing does.
    pub async fn happen(&mut self) {
        let by = self.dice.below(self.lookers.len());
        let Some((operation, input)) = self.choose() else { return };
        let of = self.schema.operations[operation].clone();
        let query = format!(
            "mutation($i: {}) {{ {operation}(input: $i) {{ {} }} }}",
            of.input.expect("an input") + "!",
            of.selection
        );
        let mut input = input;
        input["practiceId"] = json!(self.practice);
        let answer = self.lookers[by].person.whole(&query, json!({ "i": input })).await.body;
        let made = &answer["data"][operation];
        let made = made.as_object().into_iter().flatten().find_map(|(_, thing)| thing["id"].as_str());
        let Some((kind, _)) = made.and_then(|id| id.split_once('_')) else { return };
        if let Some(kind) =
            ["coachee", "group", "goal", "milestone", "action", "comment", "session", "authorization", "appointment"]
                .into_iter()
                .find(|known| *known == kind)
        {
            let id = made.expect("an id").to_owned();
            let things = self.things.entry(kind).or_default();
            if !things.contains(&id) {
                things.push(id);
            }
        }
    }

    fn choose(&mut self) -> Option<(&'static str, Value)> {
        let word = format!("Words {}", self.dice.below(1_000));
        let day = format!("2026-03-{:02}", 1 + self.dice.below(28));
        Some(match self.dice.below(36) {
            31 => (
                "addAppointment",
                json!({ "coacheeId": self.any("coachee")?, "title": word, "place": word, "start": "2026-11-10T09:00",
                "recurrence": "FREQ=WEEKLY;COUNT=4" }),
            ),
            32 => (
                "rescheduleAppointment",
                json!({ "appointmentId": self.any("appointment")?, "occurrence": "2026-11-17T09:00",
                "start": format!("2026-11-{}T15:00", 10 + self.dice.below(20)) }),
            ),
            33 => (
                "cancelAppointment",
                json!({ "appointmentId": self.any("appointment")?, "occurrence": "2026-11-24T09:00",
                "andFollowing": self.dice.below(2) == 0 }),
            ),
            34 => ("respondToAppointment", json!({ "appointmentId": self.any("appointment")?, "answer": "GOING" })),
            0 => ("updatePractice", json!({ "name": word, "lowSessions": self.dice.below(5) })),
            1 => ("updateCoachSettings", json!({ "displayName": word })),
            2 => (
                "addCoachee",
                json!({ "firstName": "Lee", "email": format!("lee{}@coachee.example", self.dice.below(9)) }),
            ),
            3 => ("updateCoachee", json!({ "coacheeId": self.any("coachee")?, "firstName": word })),
            4 => ("setActiveGoal", json!({ "coacheeId": self.any("coachee")?, "activeGoal": word })),
            5 => ("writeSynopsis", json!({ "coacheeId": self.any("coachee")?, "synopsis": word })),
            6 | 7 => ("addGoal", json!({ "coacheeId": self.any("coachee")?, "title": word, "dueOn": day })),
            8 => ("updateGoal", json!({ "goalId": self.any("goal")?, "title": word, "dueOn": day })),
            9 => ("deleteGoal", json!({ "goalId": self.any("goal")? })),
            10 => ("addMilestone", json!({ "goalId": self.any("goal")?, "title": word, "dueOn": day })),
            11 | 12 => (
                "addAction",
                json!({ "coacheeId": self.any("coachee")?, "milestoneId": self.any("milestone"), "title": word }),
            ),
            13 => ("setActionProgress", json!({ "actionId": self.any("action")?, "progress": 100 })),
            14 => ("setActionProgress", json!({ "actionId": self.any("action")?, "progress": self.dice.below(101) })),
            15 => ("deleteAction", json!({ "actionId": self.any("action")? })),
            16 => (
                "startSession",
                json!({ "coacheeId": self.any("coachee")?, "title": word, "authorizationId": self.any("authorization") }),
            ),
            17 => ("endSession", json!({ "sessionId": self.any("session")? })),
            18 | 19 => {
                let base = self.dice.below(4);
                (
                    "saveSessionNotes",
                    json!({ "sessionId": self.any("session")?, "base": base, "text": format!("# {word}\n\nas it was\n") }),
                )
            }
            20 => (
                "setNextSteps",
                json!({ "sessionId": self.any("session")?, "steps": [{ "text": word }, { "text": "Rest" }] }),
            ),
            21 => ("setSessionStatus", json!({ "sessionId": self.any("session")?, "status": "LATE" })),
            22 => (
                "addAuthorization",
                json!({
                    "coacheeId": self.any("coachee")?, "number": word, "source": "EAP", "totalSessions": 1 + self.dice.below(4),
                    "ratePerHour": { "amount": "80.00", "currency": "EUR" }, "startsOn": "2026-03-01", "endsOn": format!("2026-03-0{}", 3 + self.dice.below(3)),
                }),
            ),
            23 | 24 => {
                ("createGroup", json!({ "name": word, "description": day, "coacheeIds": [self.any("coachee")?] }))
            }
            25 => (
                "updateGroup",
                json!({ "groupId": self.any("group")?, "name": word, "addCoacheeIds": [self.any("coachee")?] }),
            ),
            26 => (
                "updateGroup",
                json!({ "groupId": self.any("group")?, "removeCoacheeIds": self.things.get("coachee") }),
            ),
            27 => ("commentOnAction", json!({ "actionId": self.any("action")?, "text": word })),
            28 => ("deleteComment", json!({ "commentId": self.any("comment")? })),
            29 => (
                "addAction",
                json!({
                    "coacheeId": self.any("coachee")?, "title": word, "dueOn": "2027-01-31",
                    "recurrence": { "frequency": "MONTHLY", "times": 1 + self.dice.below(9) },
                }),
            ),
            30 => (
                "setActionMonitoring",
                json!({ "actionId": self.any("action")?, "monitored": self.dice.below(2) == 0 }),
            ),
            _ => ("closeAuthorization", json!({ "authorizationId": self.any("authorization")? })),
        })
    }

    /// Everything of a portal, a query each of its fields.
    fn queries(&mut self, looker: usize) -> Vec<String> {
        let (portal, of) = (self.lookers[looker].portal, self.lookers[looker].of);
        let fields = self.schema.types[of].fields.clone();
        let mut queries = Vec::new();
        // Looking leaves entries in the access log, so it is never the same twice; and proofs are of the record as it is now.
        let stays = |name: &String| name != "accessLog" && !name.starts_with("audit");
        for (name, field) in fields.into_iter().filter(|(name, _)| stays(name)) {
            let by_id = field.arguments.iter().any(|(argument, _, is_needed)| argument == "id" && *is_needed);
            let given = match name.as_str() {
                "coachee" => self.any("coachee"),
                "group" => self.any("group"),
                "goal" => self.any("goal"),
                "action" => self.any("action"),
                "session" | "liveSession" => self.any("session"),
                "appointment" => self.any("appointment"),
                _ => None,
            };
            let given = match (by_id, given) {
                (true, Some(id)) => format!("(id: \"{id}\")"),
                (true, None) => continue,
                (false, _) => arguments(&name, &field).unwrap_or_else(|| panic!("say how {of}.{name} is asked for")),
            };
            let below = selection(&self.schema, &field.of, by_id);
            queries.push(format!(
                "query($a: AsOf) {{ viewer {{ {portal}(practiceId: \"{}\", asOf: $a) {{ position {name}{given} {below} }} }} }}",
                self.practice
            ));
        }
        queries
    }

    /// The practice's position.
    pub async fn position(&self) -> String {
        let query = format!("{{ viewer {{ coachPortal(practiceId: \"{}\") {{ position }} }} }}", self.practice);
        let data = self.lookers[0].person.ask(&query, json!({})).await;
        data["viewer"]["coachPortal"]["position"].as_str().expect("a position").to_owned()
    }

    /// Everything that everybody is shown now.
    pub async fn record(&mut self, product: &Product, fresh: bool) -> Recorded {
        let mut shown = Vec::new();
        // Time has passed, and sign-ins that nobody used have ended.
        for looker in &mut self.lookers {
            looker.person = product.person(&looker.person.email.clone()).await;
        }
        for looker in 0..self.lookers.len() {
            for query in self.queries(looker) {
                let body = self.lookers[looker].person.whole(&query, json!({})).await.body;
                shown.push(Shown { looker, query, body });
            }
        }
        let at = jiff::Timestamp::from_microsecond(app::Clock::now(&*product.clock).0).expect("a time").to_string();
        Recorded { position: self.position().await, at, fresh, shown }
    }

    /// Asks everything again as of then: what is not answered as it was.
    pub async fn compare(&self, recorded: &Recorded, as_of: &Value) -> Vec<String> {
        let mut wrong = Vec::new();
        for Shown { looker, query, body } in &recorded.shown {
            let again = self.lookers[*looker].person.whole(query, json!({ "a": as_of })).await.body;
            if again != *body {
                wrong.push(format!("as of {as_of}: {query}\n  then {body}\n  now  {again}"));
            }
        }
        wrong
    }
}
