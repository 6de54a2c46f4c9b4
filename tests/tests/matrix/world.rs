//! A prepared practice with everybody who tries, and a neighbour practice.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tests::{Person, Product};

use super::schema::Schema;

/// Who tries, in the order of the tables' columns.
pub const ACTORS: [&str; 10] = [
    "the owner",
    "a manager",
    "a coach with Admin",
    "a coach with User Admin",
    "a coach with User",
    "a coach without access",
    "the coachee",
    "another coachee",
    "another practice's owner",
    "nobody",
];
pub const OWNER: usize = 0;
pub const USER: usize = 4;
pub const NO_ACCESS: usize = 5;
pub const COACHEE: usize = 6;
pub const OTHER_OWNER: usize = 8;
pub const NOBODY: usize = 9;

/// Lines whose attempts change what others need, or that take no ids.
pub const CLOSED: [&str; 4] = ["addCoachee/closed", "importCoachees/closed", "signOut", "signOutEverywhere"];

/// Mutations that no token of a program reaches: they are about accounts, or make what no scope can name yet.
pub const ACCOUNTS: [&str; 16] = [
    "createCalendarFeed",
    "revokeCalendarFeed",
    "setNotificationPreferences",
    "beginGoogleSignIn",
    "signInWithGoogle",
    "requestSignInLink",
    "signIn",
    "revokeSession",
    "signOut",
    "signOutEverywhere",
    "deleteAccount",
    "createAccessToken",
    "revokeAccessToken",
    "createPractice",
    "acceptCoachInvitation",
    "acceptInvitation",
];

/// A client with one thing of every kind, each text of which begins with the client's mark.
#[derive(Debug, Clone)]
pub struct Client {
    /// What its texts begin with.
    pub mark: &'static str,
    /// The practice's id.
    pub practice: String,
    /// The coachee's id.
    pub coachee: String,
    /// By kind, the ids of its things.
    pub things: BTreeMap<String, String>,
}

impl Client {
    /// Its thing of the same kind as this id.
    pub fn like(&self, id: &str) -> Option<String> {
        self.things.get(kind(id)).cloned()
    }

    /// Its thing of this kind.
    pub fn thing(&self, kind: &str) -> &str {
        self.things.get(kind).unwrap_or_else(|| panic!("no {kind}"))
    }

    /// A document with its ids in it: `$PRACTICE`, and each kind in capitals.
    pub fn filled(&self, document: &str) -> String {
        let mut document = document.to_owned();
        for (kind, id) in &self.things {
            document = document.replace(&format!("${}", kind.to_uppercase()), &format!("\"{id}\""));
        }
        document
    }
}

fn kind(id: &str) -> &str {
    id.rsplit_once('_').map_or(id, |(kind, _)| kind)
}

/// Everything.
pub struct World {
    /// The product.
    pub product: Product,
    /// Its schema.
    pub schema: Schema,
    /// Those who try; the last one is nobody.
    pub people: Vec<Person>,
    /// The practice that they try it on.
    pub practice: String,
    /// The client whom the tables are about.
    pub robin: Client,
    /// A client of the same practice whom only owner and manager see.
    pub lee: Client,
    /// A client of another practice.
    pub far: Client,
    /// A coachee who was not invited, with the same accesses as Robin.
    pub kim: String,
    /// A coach whose access is tried with.
    pub target: String,
    /// The founder of a third practice, which invites everybody, and its id.
    pub host: (Person, String),
    fresh: usize,
}

impl World {
    /// Prepares it.
    pub async fn begin(product: Product) -> Self {
        let schema = Schema::read(&product.stranger()).await;
        let (owner, practice) = product.coach("Ada").await;
        let mut people = vec![owner.clone(), product.further_coach(&owner, &practice, "Manager", "MANAGER").await];
        for name in ["Admin", "Useradmin", "User", "Without"] {
            people.push(product.further_coach(&owner, &practice, name, "COACH").await);
        }
        let (other, far) = product.coach("Zoe").await;
        product.later(16);
        let host = product.coach("Host").await;
        let empty = |mark, practice: &str| Client {
            mark,
            practice: practice.to_owned(),
            coachee: String::new(),
            things: BTreeMap::new(),
        };
        let (robin, lee, far) = (empty("ROBIN-", &practice), empty("LEE-", &practice), empty("FAR-", &far));
        let fresh = 0;
        let (kim, target) = (String::new(), String::new());
        let mut world = Self { product, schema, people, practice, robin, lee, far, kim, target, host, fresh };
        world.robin = world.client(&owner, "ROBIN-", &world.practice.clone()).await;
        world.lee = world.client(&owner, "LEE-", &world.practice.clone()).await;
        world.far = world.client(&other, "FAR-", &world.far.practice.clone()).await;
        // Whoever works in the practice is no secret in it.
        for client in [&mut world.lee, &mut world.robin] {
            client.things.retain(|_, id| *id != owner.id);
        }
        let coachees = [world.robin.coachee.clone(), world.lee.coachee.clone()];
        for (coachee, name) in coachees.iter().zip(["robin", "lee"]) {
            let person = world.product.accepted(&owner, &world.practice, coachee, name).await;
            world.people.push(person);
        }
        for (person, client) in [(COACHEE, &world.robin), (COACHEE + 1, &world.lee)] {
            world.answers(&world.people[person], client).await;
        }
        world.own_notes().await;
        let far = world.far.clone();
        let stranger = world.product.accepted(&other, &far.practice, &far.coachee, "far").await;
        let (robin, lee) = (world.people[COACHEE].clone(), world.people[COACHEE + 1].clone());
        let told_of_far = world.told(&other, &stranger, &far).await;
        let told_of_robin = world.told(&owner, &robin, &world.robin).await;
        let told_of_lee = world.told(&owner, &lee, &world.lee).await;
        for (client, told) in
            [(&mut world.far, told_of_far), (&mut world.robin, told_of_robin), (&mut world.lee, told_of_lee)]
        {
            client.things.insert("notification".to_owned(), told);
        }
        world.people.push(other);
        world.people.push(world.product.stranger());
        world.grant_all(&world.robin.coachee.clone()).await;
        world.kim = world.new_client().await;
        // The coach without access to Robin has a client of their own.
        let pat = world.add("pat", false).await;
        world.grant(&world.people[NO_ACCESS].id.clone(), &pat, "ADMIN").await;
        world.target = world.new_coach("COACH").await;
        let pending = json!({ "practiceId": world.practice, "name": "Eve", "email": "eve@practice.example" });
        world.made("addCoach", pending).await;
        world.sign(&owner).await;
        world
    }

    /// The coachee sets a goal, of which the coach who leads them is told: the notification's id.
    async fn told(&self, lead: &Person, coachee: &Person, client: &Client) -> String {
        let title = format!("{}GOAL of their own", client.mark);
        let input = json!({ "practiceId": client.practice, "coacheeId": client.coachee, "title": title, "dueOn": "2026-06-30" });
        self.done(coachee, "addGoal", input).await;
        self.product.app.react().await.expect("reacted");
        let query =
            "query($p: ID!) { viewer { coachPortal(practiceId: $p) { notifications(first: 1) { nodes { id } } } } }";
        let data = lead.ask(query, json!({ "p": client.practice })).await;
        let id = &data["viewer"]["coachPortal"]["notifications"]["nodes"][0]["id"];
        id.as_str().unwrap_or_else(|| panic!("nobody was told: {data}")).to_owned()
    }

    /// Signs the logs, and finds an entry about Robin that they, too, may review.
    async fn sign(&mut self, owner: &Person) {
        self.product.app.sign_checkpoints(None).await.expect("signed");
        let query = "query($p: ID!, $c: ID!) { viewer { coachPortal(practiceId: $p) {
            activityLog(filter: { coacheeId: $c, kinds: [\"goal_add\"] }) { nodes { position } } } } }";
        let data = owner.ask(query, json!({ "p": self.practice, "c": self.robin.coachee })).await;
        let position = data["viewer"]["coachPortal"]["activityLog"]["nodes"][0]["position"].as_str().expect("an entry");
        self.robin.things.insert("seen".to_owned(), position.to_owned());
    }

    /// The next of the numbers that nobody has had.
    pub fn next(&mut self) -> usize {
        self.fresh += 1;
        self.fresh
    }

    /// A mutation, with everything that its answer says.
    pub async fn send(&self, by: &Person, operation: &str, input: &Value) -> Value {
        by.whole(&self.document(operation), json!({ "i": input })).await.body
    }

    /// The document of a mutation that asks for everything that its answer says; its input is the variable `i`.
    pub fn document(&self, operation: &str) -> String {
        let shape = self.schema.operations.get(operation).unwrap_or_else(|| panic!("no mutation {operation}"));
        match &shape.input {
            Some(of) => format!("mutation($i: {of}!) {{ {operation}(input: $i) {{ {} }} }}", shape.selection),
            None => format!("mutation {{ {operation} {{ {} }} }}", shape.selection),
        }
    }

    /// Done by somebody who may: the payload.
    pub async fn done(&self, by: &Person, operation: &str, input: Value) -> Value {
        let body = self.send(by, operation, &input).await;
        let payload = body["data"][operation].clone();
        assert_eq!(payload["errors"], json!([]), "{operation} {input}: {body}");
        payload
    }

    /// Made by the owner: the thing's id.
    pub async fn made(&self, operation: &str, input: Value) -> String {
        self.made_by(&self.people[OWNER], operation, input).await
    }

    /// Made by somebody who may: the thing's id.
    pub async fn made_by(&self, by: &Person, operation: &str, input: Value) -> String {
        let payload = self.done(by, operation, input).await;
        let mut things = payload.as_object().into_iter().flat_map(|payload| payload.values());
        let id = things.find_map(|thing| thing["id"].as_str());
        id.unwrap_or_else(|| panic!("{operation} made nothing: {payload}")).to_owned()
    }

    /// A client with everything.
    async fn client(&mut self, by: &Person, mark: &'static str, practice: &str) -> Client {
        let name = mark.trim_end_matches('-').to_lowercase();
        let email = format!("{name}@coachee.example");
        let input =
            json!({ "practiceId": practice, "firstName": name, "lastName": format!("{mark}NAME"), "email": email });
        let coachee = self.made_by(by, "addCoachee", input).await;
        let about = |mut rest: Value| {
            rest["practiceId"] = json!(practice);
            rest["coacheeId"] = json!(coachee);
            rest
        };
        let text = |what: &str| format!("{mark}{what}");
        self.done(by, "setActiveGoal", about(json!({ "activeGoal": text("AIM") }))).await;
        self.done(by, "writeSynopsis", about(json!({ "synopsis": text("SYNOPSIS") }))).await;
        let goal = self.made_by(by, "addGoal", about(json!({ "title": text("GOAL"), "dueOn": "2026-06-30" }))).await;
        let input =
            json!({ "practiceId": practice, "goalId": goal, "title": text("MILESTONE"), "dueOn": "2026-06-30" });
        let milestone = self.made_by(by, "addMilestone", input).await;
        let input = json!({ "milestoneId": milestone, "title": text("ACTION"), "description": text("DESCRIPTION") });
        let action = self.made_by(by, "addAction", about(input)).await;
        let input = json!({ "practiceId": practice, "actionId": action, "text": text("COMMENT") });
        let said = self.made_by(by, "commentOnAction", input).await;
        let recurrence = json!({ "frequency": "MONTHLY", "times": 12 });
        let input = json!({ "title": text("SERIES"), "dueOn": "2027-01-01", "recurrence": recurrence });
        let recurring = self.made_by(by, "addAction", about(input)).await;
        let series =
            by.ask("query($i: ID!) { node(id: $i) { ... on Action { seriesId } } }", json!({ "i": recurring })).await;
        let series = series["node"]["seriesId"].as_str().expect("a series").to_owned();
        let authorization = self.made_by(by, "addAuthorization", about(authorization(mark, 2))).await;
        let input = json!({ "title": text("SESSION"), "authorizationId": authorization });
        let session = self.made_by(by, "startSession", about(input)).await;
        let input = json!({ "practiceId": practice, "sessionId": session, "base": 0, "text": text("NOTES") });
        self.done(by, "saveSessionNotes", input).await;
        let input = json!({ "practiceId": practice, "sessionId": session, "steps": [{ "text": text("STEP") }] });
        self.done(by, "setNextSteps", input).await;
        let input =
            json!({ "practiceId": practice, "sessionId": session, "rating": 7, "reflection": text("REFLECTION") });
        self.done(by, "rateSession", input).await;
        let form = json!([{ "words": text("FORM"), "kind": "SHORT_TEXT" }]);
        let input = json!({ "practiceId": practice, "title": text("ASSESSMENT"), "questions": form });
        let template = self.made_by(by, "createAssessmentTemplate", input).await;
        let assessment = self.made_by(by, "assignAssessment", about(json!({ "templateId": template }))).await;
        // Forms are the practice's: what is marked is the copy.
        self.done(by, "removeAssessmentTemplate", json!({ "practiceId": practice, "templateId": template })).await;
        self.done(by, "assignQuestions", about(json!({ "questions": [text("ASKED")] }))).await;
        let question = self.question(by, practice, &coachee).await;
        let input = json!({ "practiceId": practice, "questionId": question, "text": text("REMARK") });
        self.done(by, "commentOnQuestion", input).await;
        let step = self.step(by, practice, &session).await;
        let input = json!({ "title": text("PRIVATE"), "text": text("PRIVATE") });
        let note = self.made_by(by, "writeNote", about(input)).await;
        let input = json!({ "practiceId": practice, "noteId": note, "text": text("PRIVATE") });
        let comment = self.made_by(by, "commentOnNote", input).await;
        let (shared, private) = (text("FILE.txt"), text("PRIVATE.txt"));
        let input = json!({ "permission": "SHARED", "file": tests::file(&shared, &shared) });
        let file = self.made_by(by, "uploadFile", about(input)).await;
        let input = json!({ "permission": "PRIVATE", "file": tests::file(&private, &private) });
        self.made_by(by, "uploadFile", about(input)).await;
        let message = self.made_by(by, "sendMessage", about(json!({ "text": text("MESSAGE") }))).await;
        let (coach, of) = (by.id.parse().expect("a person"), coachee.parse().expect("a coachee"));
        let conversation = domain::id::ConversationId::between(coach, of).to_string();
        let input = json!({
            "practiceId": practice, "name": text("GROUP"), "description": text("PURPOSE"), "coacheeIds": [coachee],
        });
        let group = self.made_by(by, "createGroup", input).await;
        let input = json!({ "title": text("APPOINTMENT"), "place": text("PLACE"), "start": "2026-11-03T09:00",
            "videoLink": format!("https://{}.example", text("LINK")), "recurrence": "FREQ=WEEKLY;COUNT=3" });
        let appointment = self.made_by(by, "addAppointment", about(input)).await;
        let login = by.ask("{ viewer { account { sessions { id } } } }", json!({})).await;
        let login = login["viewer"]["account"]["sessions"][0]["id"].as_str().expect("a sign-in").to_owned();
        let token = self.made_by(by, "createAccessToken", access_token(practice, "COACH", "READ")).await;
        let ids = [
            practice,
            &coachee,
            &group,
            &goal,
            &milestone,
            &action,
            &said,
            &series,
            &authorization,
            &session,
            &step,
            &appointment,
            &by.id,
            &login,
            &token,
            &assessment,
            &question,
        ];
        let ids = ids.into_iter().chain([note.as_str(), &comment, &file, &message, &conversation]);
        let things = ids.into_iter().map(|id| (kind(id).to_owned(), id.to_owned())).collect();
        Client { mark, practice: practice.to_owned(), coachee, things }
    }

    /// The first coaching question of a coachee.
    async fn question(&self, by: &Person, practice: &str, coachee: &str) -> String {
        let query = "query($p: ID!, $c: ID!) { viewer { coachPortal(practiceId: $p) { coachee(id: $c) { questions { nodes { id } } } } } }";
        let data = by.ask(query, json!({ "p": practice, "c": coachee })).await;
        data["viewer"]["coachPortal"]["coachee"]["questions"]["nodes"][0]["id"].as_str().expect("a question").to_owned()
    }

    /// What a coachee alone writes.
    async fn answers(&self, person: &Person, client: &Client) {
        let answers = json!([{ "question": 0, "text": format!("{}ANSWER", client.mark) }]);
        let about =
            json!({ "practiceId": client.practice, "assessmentId": client.thing("assessment"), "answers": answers });
        self.done(person, "submitAssessment", about).await;
        let reply = format!("{}REPLY", client.mark);
        let about = json!({ "practiceId": client.practice, "questionId": client.thing("question"), "answer": reply });
        self.done(person, "answerQuestion", about).await;
    }

    /// Robin writes a note for themself, and one that they share and comment on.
    async fn own_notes(&self) {
        let (robin, practice) = (&self.people[COACHEE], &self.practice);
        let new = |title: &str, text: &str| json!({ "practiceId": practice, "coacheeId": self.robin.coachee, "title": title, "text": text });
        self.made_by(robin, "writeNote", new("ROBIN-OWN", "ROBIN-OWN")).await;
        let note = self.made_by(robin, "writeNote", new("ROBIN-HEADING", "ROBIN-SHARED")).await;
        self.done(robin, "shareNote", json!({ "practiceId": practice, "noteId": note })).await;
        let input = json!({ "practiceId": practice, "noteId": note, "text": "ROBIN-OPINION" });
        self.done(robin, "commentOnNote", input).await;
    }

    /// The first next step of a session.
    pub async fn step(&self, by: &Person, practice: &str, session: &str) -> String {
        let query = "query($p: ID!, $s: ID!) { viewer { coachPortal(practiceId: $p) { session(id: $s) { nextSteps { id } } } } }";
        let data = by.ask(query, json!({ "p": practice, "s": session })).await;
        data["viewer"]["coachPortal"]["session"]["nextSteps"][0]["id"].as_str().expect("a step").to_owned()
    }

    /// A coachee of the practice, whom only owner and manager see.
    pub async fn add(&mut self, name: &str, invite: bool) -> String {
        let email = format!("{name}{}@coachee.example", self.next());
        let input = json!({ "practiceId": self.practice, "firstName": name, "email": email, "sendInvitation": invite });
        self.made("addCoachee", input).await
    }

    /// A coachee of the practice with the same accesses as Robin.
    pub async fn new_client(&mut self) -> String {
        let coachee = self.add("fresh", false).await;
        self.grant_all(&coachee).await;
        coachee
    }

    async fn grant_all(&self, coachee: &str) {
        for (actor, level) in [(2, "ADMIN"), (3, "USER_ADMIN"), (4, "USER")] {
            self.grant(&self.people[actor].id, coachee, level).await;
        }
    }

    /// Grants access.
    pub async fn grant(&self, coach: &str, coachee: &str, level: &str) {
        let input = json!({ "practiceId": self.practice, "coachId": coach, "coacheeId": coachee, "level": level });
        self.done(&self.people[OWNER], "grantAccess", input).await;
    }

    /// A new coach of the practice: their person's id.
    pub async fn new_coach(&mut self, role: &str) -> String {
        let email = format!("coach{}@practice.example", self.next());
        let input = json!({ "practiceId": self.practice, "name": "Fresh", "email": email, "role": role });
        self.made("addCoach", input).await;
        let token = self.product.token(&email, "/invitations/").await;
        let input = json!({ "token": token, "kind": "PROGRAM" });
        let payload = self.done(&self.product.stranger(), "acceptCoachInvitation", input).await;
        payload["signedIn"]["personId"].as_str().expect("a person").to_owned()
    }

    /// A fresh session with Robin.
    pub async fn session(&self) -> String {
        self.made("startSession", json!({ "practiceId": self.practice, "coacheeId": self.robin.coachee })).await
    }

    /// Signs somebody in anew who was signed out.
    pub async fn sign_in_again(&mut self, actor: usize) {
        self.product.later(16);
        self.people[actor] = self.product.person(&self.people[actor].email.clone()).await;
    }
}

/// The input of a token for a program, for one portal.
pub fn access_token(practice: &str, portal: &str, right: &str) -> Value {
    let scopes = json!([{ "practiceId": practice, "portal": portal, "right": right }]);
    json!({ "name": "A program", "scopes": scopes, "expiresAt": "2026-12-01T00:00:00Z" })
}

/// The input of an authorization without its coachee.
pub fn authorization(mark: &str, sessions: u32) -> Value {
    json!({
        "number": format!("{mark}NUMBER"), "source": format!("{mark}SOURCE"), "totalSessions": sessions,
        "ratePerHour": { "amount": "8765.43", "currency": "EUR" }, "startsOn": "2026-03-01", "endsOn": "2026-12-31",
    })
}
