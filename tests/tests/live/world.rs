//! What a portal shows after following equals what it shows after loading: a random history by several people, in which
//! accesses and roles change, and subscribers that are cut at random places and resume from what they saw last.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tests::{Listening, Person, Product, both};

use super::{Dice, REVOKE, place};
use crate::assessment::{asked, assigned, template};
use crate::audit::grant;
use crate::plan::{action, goal, milestone, progress};
use crate::session::{ended, started, steps};

/// How many things happen.
const HISTORY: usize = 70;

/// Which portal, and what of each thing is compared.
struct Portal {
    name: &'static str,
    fragments: &'static str,
    spread: &'static str,
    loads: &'static str,
}

const COACH: Portal = Portal {
    name: "coachPortal",
    fragments: "
        fragment P on Practice { id name lowSessions } fragment C on Coach { id displayName title role }
        fragment I on CoachInvitation { id name role } fragment X on Access { id coachId clientId level }
        fragment R on Coachee { id fullName coacheeStatus: status activeGoal synopsis leadCoachId lastSessionAt billingModel deactivatedAt }
        fragment O on Group { id name description coacheeCount }
        fragment G on Goal { id coacheeId title complete milestoneCount completedMilestoneCount }
        fragment M on Milestone { id goalId title complete actionCount completedActionCount }
        fragment A on Action { id coacheeId goalId milestoneId title progress commentCount monitored createdBy }
        fragment K on Comment { id coacheeId actionId text } fragment J on ActionSeries { id coacheeId title actionCount nextDueOn }
        fragment S on Session { id coacheeId title status notes { text revision } authorization { id } nextSteps { id } }
        fragment B on Appointment { id coacheeId title place start durationMinutes cancelled cancelledFrom sequence answer occurrences(first: 20) { nodes { start status answer sessionId } } }
        fragment N on NextStep { id sessionId text place done }
        fragment T on AssessmentTemplate { id title }
        fragment E on Assessment { id coacheeId title assessmentStatus: status answers { text } draft { text } }
        fragment Q on CoachingQuestion { id coacheeId words answer commentCount }
        fragment U on Authorization { id coacheeId number used held remaining state }
        fragment NT on Note { id coacheeId title shared commentCount noteText: text }
        fragment NC on NoteComment { id coacheeId noteId commentText: text }
        fragment FL on File { id coacheeId fileName: name permission sharedAt }
        fragment CV on Conversation { id coacheeId coachId unreadCount messageCount }
        fragment MS on Message { id coacheeId conversationId number messageText: text }
        fragment Z on Notification { id coacheeId kind unread thingId }",
    spread: "...P ...C ...I ...X ...R ...O ...G ...M ...A ...K ...J ...S ...N ...T ...E ...Q ...U ...NT ...NC ...FL ...CV ...MS ...B ...Z",
    loads: "practice { __typename ...P } coaches(first: 100) { nodes { __typename ...C } } coachInvitations { __typename ...I }
        access(first: 100) { nodes { __typename ...X } } coachees(first: 100, filter: { deactivated: null }) { nodes { __typename ...R actionSeries(first: 20) { nodes { __typename ...J } } } }
        groups(first: 100) { nodes { __typename ...O } }
        goals(first: 50) { nodes { __typename ...G milestones(first: 20) { nodes { __typename ...M } } } }
        actions(first: 50) { nodes { __typename ...A comments(first: 20) { nodes { __typename ...K } } } } authorizations(first: 100) { nodes { __typename ...U } }
        appointments(range: { from: \"2026-01-01T00:00:00Z\", to: \"2026-12-31T00:00:00Z\" }, cancelled: true, first: 100) { nodes { appointment { __typename ...B } } }
        sessions(first: 40, filter: LOG) { nodes { __typename ...S steps: nextSteps { __typename ...N } } }
        assessmentTemplates(first: 100) { nodes { __typename ...T } } assessments(first: 40) { nodes { __typename ...E } }
        questions(first: 100) { nodes { __typename ...Q } }
        notes(first: 30) { nodes { __typename ...NT comments(first: 20) { nodes { __typename ...NC } } } }
        files(first: 50) { nodes { __typename ...FL } }
        conversations(first: 10) { nodes { __typename ...CV messages(first: 50) { nodes { __typename ...MS } } } }
        notifications(first: 100) { nodes { __typename ...Z } }",
};

const COACHEE: Portal = Portal {
    name: "coacheePortal",
    fragments: "
        fragment P on PracticeCard { id name timeZone } fragment C on CoachCard { id displayName title }
        fragment R on CoacheeProfile { id firstName lastName activeGoal }
        fragment G on Goal { id coacheeId title complete milestoneCount completedMilestoneCount }
        fragment M on Milestone { id goalId title complete actionCount completedActionCount }
        fragment A on Action { id coacheeId goalId milestoneId title progress commentCount monitored createdBy }
        fragment K on Comment { id coacheeId actionId text } fragment J on ActionSeries { id coacheeId title actionCount nextDueOn }
        fragment B on Appointment { id coacheeId title place start durationMinutes cancelled cancelledFrom sequence answer occurrences(first: 20) { nodes { start status answer sessionId } } }
        fragment S on CoacheeSession { id title status nextSteps { id } } fragment N on NextStep { id sessionId text place done }
        fragment E on Assessment { id coacheeId title assessmentStatus: status answers { text } draft { text } }
        fragment Q on CoachingQuestion { id coacheeId words answer commentCount }
        fragment NT on Note { id coacheeId title shared commentCount noteText: text }
        fragment NC on NoteComment { id coacheeId noteId commentText: text }
        fragment FL on File { id coacheeId fileName: name permission sharedAt }
        fragment CV on Conversation { id coacheeId coachId unreadCount messageCount }
        fragment MS on Message { id coacheeId conversationId number messageText: text }",
    spread: "...P ...C ...R ...G ...M ...A ...K ...J ...S ...N ...E ...Q ...NT ...NC ...FL ...CV ...MS ...B",
    loads: "practice { __typename ...P } coaches { __typename ...C } me { __typename ...R }
        goals(first: 50) { nodes { __typename ...G milestones(first: 20) { nodes { __typename ...M } } } }
        actions(first: 50) { nodes { __typename ...A comments(first: 20) { nodes { __typename ...K } } } }
        actionSeries(first: 100) { nodes { __typename ...J } } nextSteps(first: 100) { nodes { __typename ...N } }
        appointments(range: { from: \"2026-01-01T00:00:00Z\", to: \"2026-12-31T00:00:00Z\" }, cancelled: true, first: 100) { nodes { appointment { __typename ...B } } }
        sessions(first: 40, filter: LOG) { nodes { __typename ...S } }
        assessments(first: 40) { nodes { __typename ...E } } questions(first: 100) { nodes { __typename ...Q } }
        notes(first: 30) { nodes { __typename ...NT comments(first: 20) { nodes { __typename ...NC } } } }
        files(first: 50) { nodes { __typename ...FL } }
        conversations(first: 10) { nodes { __typename ...CV messages(first: 50) { nodes { __typename ...MS } } } }",
};

const EVERY_SESSION: &str = "{ status: [ATTENDED, CANCELLED, NO_SHOW, LATE], running: true }";

/// Everything that has an id, under it; without what it holds of other things.
fn things(value: &Value, into: &mut BTreeMap<String, Value>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| things(value, into)),
        Value::Object(fields) => {
            if let (Some(id), Some(_)) = (fields.get("id").and_then(Value::as_str), fields.get("__typename")) {
                let own: serde_json::Map<_, _> = fields
                    .iter()
                    .filter(|(name, _)| {
                        !["milestones", "steps", "comments", "messages", "actionSeries"].contains(&name.as_str())
                    })
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .collect();
                into.insert(id.to_owned(), Value::Object(own));
            }
            fields.values().for_each(|value| things(value, into));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A client that keeps what it shows up to date.
struct Follower {
    who: Person,
    practice: String,
    portal: &'static Portal,
    shown: BTreeMap<String, Value>,
    after: Value,
    live: Option<Listening>,
    /// Has no portal (any more, or again).
    is_out: bool,
    loads: usize,
}

impl Follower {
    async fn begin(who: &Person, practice: &str, portal: &'static Portal) -> Self {
        let mut follower = Self {
            who: who.clone(),
            practice: practice.to_owned(),
            portal,
            shown: BTreeMap::new(),
            after: Value::Null,
            live: None,
            is_out: false,
            loads: 0,
        };
        (follower.shown, follower.after) = follower.load(&Value::Null).await;
        follower
    }

    /// What a page that is loaded now shows, and its position.
    async fn load(&self, at_least: &Value) -> (BTreeMap<String, Value>, Value) {
        let Portal { name, fragments, loads, .. } = self.portal;
        let loads = loads.replace("LOG", EVERY_SESSION);
        let query = format!(
            "query($p: ID!, $a: Position) {{ viewer {{ {name}(practiceId: $p, atLeast: $a) {{ position {loads} }} }} }} {fragments}"
        );
        let answer = self.who.ask(&query, json!({ "p": self.practice, "a": at_least })).await;
        let (portal, mut shown) = (&answer["viewer"][*name], BTreeMap::new());
        things(portal, &mut shown);
        (shown, portal["position"].clone())
    }

    async fn apply(&mut self, change: &Value) {
        match change["__typename"].as_str() {
            Some("Gone") => self.forget(change["goneId"].as_str().expect("an id")),
            Some("ResyncRequired") => {
                self.loads += 1;
                // What is loaded may be newer than the item: what comes then is there already, and is told again.
                self.shown = self.load(&change["atLeast"]).await.0;
            }
            _ => things(change, &mut self.shown),
        }
    }

    /// Something is gone, and with a coachee all that is about them.
    fn forget(&mut self, id: &str) {
        self.shown.remove(id);
        if id.starts_with("coachee_") {
            self.shown.retain(|_, thing| thing["coacheeId"] != id && thing["clientId"] != id);
            let left: Vec<String> = self.shown.keys().cloned().collect();
            let hangs = |above: &Value| above.as_str().is_some_and(|above| !left.iter().any(|it| it == above));
            self.shown.retain(|_, thing| !hangs(&thing["goalId"]) && !hangs(&thing["sessionId"]));
        }
    }

    /// Follows until a position that is known to be told, and is cut now and then.
    async fn follow_to(&mut self, until: &Value, dice: &mut Dice) {
        let Portal { name, fragments, spread, .. } = self.portal;
        let query = format!(
            "subscription($p: ID!, $a: Position) {{ {name}Changes(practiceId: $p, after: $a) {{ position changes {{ __typename {spread} ... on Gone {{ goneId: id }} ... on ResyncRequired {{ atLeast }} }} }} }} {fragments}"
        );
        while place(&self.after) < place(until) {
            let mut live = match self.live.take() {
                Some(live) => live,
                None => self.who.listen(&query, json!({ "p": self.practice, "a": self.after })).await,
            };
            for _ in 0..=dice.throw(4) {
                let message = live.message().await.expect("the socket stays open");
                let item = &message["payload"]["data"][format!("{name}Changes")];
                if message["type"] != "next" || item.is_null() {
                    let text = message.to_string();
                    assert!(text.contains("FORBIDDEN") || text.contains("NOT_FOUND"), "{text}");
                    self.is_out = true;
                    return;
                }
                let (is_heartbeat, goes_on) =
                    (item["changes"] == json!([]), place(&item["position"]) > place(&self.after));
                assert!(is_heartbeat || goes_on, "{item} after {}", self.after);
                for change in item["changes"].as_array().expect("changes") {
                    self.apply(change).await;
                }
                self.after = item["position"].clone();
                if place(&self.after) >= place(until) {
                    if dice.throw(2) == 0 {
                        self.live = Some(live);
                    }
                    return;
                }
            }
            // What was sent meanwhile is lost with the socket.
        }
    }
}

/// Who makes the history, and with what.
struct Scene {
    product: Product,
    practice: String,
    ada: Person,
    bob: Person,
    robin: Person,
    coachees: Vec<String>,
    goals: Vec<String>,
    actions: Vec<String>,
    sessions: Vec<String>,
    steps: Vec<String>,
    authorizations: Vec<String>,
    notes: Vec<String>,
    files: Vec<String>,
    groups: Vec<String>,
    appointments: Vec<String>,
    invited: u64,
}

impl Scene {
    async fn do_(&self, by: &Person, mutation: &str, mut input: Value) -> Value {
        input["practiceId"] = json!(self.practice);
        let kind = match mutation {
            "changeAccess" => "AccessInput".to_owned(),
            "deactivateCoachee" | "reactivateCoachee" => "CoacheeInput".to_owned(),
            _ => format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]),
        };
        let query = format!("mutation($i: {kind}!) {{ {mutation}(input: $i) {{ errors {{ code }} position }} }}");
        by.ask(&query, json!({ "i": input })).await[mutation].clone()
    }

    fn any(list: &[String], dice: &mut Dice) -> Option<String> {
        let sides = u64::try_from(list.len()).ok().filter(|sides| *sides > 0)?;
        list.get(usize::try_from(dice.throw(sides)).ok()?).cloned()
    }

    /// One thing happens; a few make no sense when they come, and are refused.
    async fn step(&mut self, number: usize, dice: &mut Dice) {
        let (ada, bob, robin, practice) =
            (self.ada.clone(), self.bob.clone(), self.robin.clone(), self.practice.clone());
        let first = self.coachees[0].clone();
        let whom = Self::any(&self.coachees, dice).expect("a coachee");
        let by = if whom == first && dice.throw(2) == 0 { &robin } else { &ada };
        match dice.throw(39) {
            0 if self.coachees.len() < 5 => {
                self.coachees.push(self.product.coachee(&ada, &practice, &format!("Coachee{number}")).await);
            }
            0..=2 => self.goals.push(goal(by, &practice, &whom, &format!("Goal {number}")).await),
            3 => {
                if let Some(goal) = Self::any(&self.goals, dice) {
                    milestone(&ada, &practice, &goal, &format!("Milestone {number}")).await;
                }
            }
            4..=6 => self.actions.push(action(by, &practice, &whom, None, &format!("Action {number}")).await),
            7 | 8 => {
                if let Some(action) = Self::any(&self.actions, dice) {
                    progress(&ada, &practice, &action, i32::try_from(dice.throw(101)).expect("a percentage")).await;
                }
            }
            9 => {
                if let Some(goal) = Self::any(&self.goals, dice) {
                    self.do_delete(&ada, "deleteGoal", json!({ "goalId": goal })).await;
                    self.goals.retain(|it| *it != goal);
                }
            }
            10 => {
                if let Some(action) = Self::any(&self.actions, dice) {
                    self.do_delete(&ada, "deleteAction", json!({ "actionId": action })).await;
                    self.actions.retain(|it| *it != action);
                }
            }
            26 | 27 => {
                if let Some(action) = Self::any(&self.actions, dice) {
                    let input =
                        json!({ "practiceId": practice, "actionId": action, "text": format!("Comment {number}") });
                    // Robin does not see others' actions.
                    by.whole(
                        "mutation($i: CommentOnActionInput!) { commentOnAction(input: $i) { errors { code } } }",
                        json!({ "i": input }),
                    )
                    .await;
                }
            }
            28 => {
                let recurrence = json!({ "frequency": "DAILY", "times": 5 });
                let input = json!({ "coacheeId": whom, "title": format!("Series {number}"), "dueOn": "2026-12-01", "recurrence": recurrence });
                self.do_(by, "addAction", input).await;
            }
            11 => self.sessions.push(started(&ada, &practice, &whom, &format!("Session {number}")).await),
            12 => self.write_in_a_session(number, dice).await,
            13 => {
                let name = format!("Bob the {number}th");
                self.do_(&ada, "updateCoachSettings", json!({ "coachId": bob.id, "displayName": name })).await;
            }
            14 => {
                let (mutation, field) = [("writeSynopsis", "synopsis"), ("setActiveGoal", "activeGoal")][number % 2];
                self.do_(&ada, mutation, json!({ "coacheeId": whom, field: format!("Text {number}") })).await;
            }
            15 if number.is_multiple_of(2) => self.ask(number, &whom, dice).await,
            15 => self.approve(number, &whom, dice).await,
            29..=31 => self.arrange(number, &whom, dice).await,
            16 if self.invited < 3 => {
                self.invited += 1;
                let email = format!("invited{number}@practice.example");
                self.do_(&ada, "addCoach", json!({ "name": "Invited", "email": email, "role": "COACH" })).await;
            }
            16 | 17 => {
                let answer = ada.whole(crate::audit::GRANT, json!({ "i": { "practiceId": practice, "coachId": bob.id, "coacheeId": whom, "level": "USER" } })).await;
                if answer.body["data"]["grantAccess"]["errors"] != json!([]) {
                    ada.whole(REVOKE, json!({ "i": { "practiceId": practice, "coachId": bob.id, "coacheeId": whom } }))
                        .await;
                }
            }
            18 => {
                let role = ["MANAGER", "COACH"][number % 2];
                self.do_(&ada, "setCoachRole", json!({ "coachId": bob.id, "role": role })).await;
            }
            20..=23 => self.write_notes(number, &first, dice).await,
            24 | 25 => self.write_messages(number, &first, dice).await,
            32 => self.sort(number, &whom, dice).await,
            36..=38 => self.file(number, &first, dice).await,
            // Robin's portal stays open.
            33 if whom != first => {
                let about = json!({ "coacheeId": whom });
                if self.do_(&ada, "deactivateCoachee", about.clone()).await["errors"] != json!([]) {
                    self.do_(&ada, "reactivateCoachee", about).await;
                }
            }
            34 => {
                self.do_(
                    &ada,
                    "setBillingModel",
                    json!({ "coacheeId": whom, "billingModel": (["EAP", "FREE"][number % 2]) }),
                )
                .await;
            }
            _ => {
                self.do_(
                    &ada,
                    "changeAccess",
                    json!({ "coachId": bob.id, "coacheeId": whom, "level": (["USER_ADMIN", "ADMIN"][number % 2]) }),
                )
                .await;
            }
        }
    }

    /// A group comes, changes or goes.
    async fn sort(&mut self, number: usize, whom: &str, dice: &mut Dice) {
        let Some(group) = Self::any(&self.groups, dice).filter(|_| dice.throw(3) > 0) else {
            let input = json!({ "practiceId": self.practice, "name": format!("Group {number}"), "coacheeIds": [whom] });
            let create = "mutation($i: CreateGroupInput!) { createGroup(input: $i) { group { id } errors { code } } }";
            let made = self.ada.ask(create, json!({ "i": input })).await;
            self.groups.extend(made["createGroup"]["group"]["id"].as_str().map(str::to_owned));
            return;
        };
        let input = match dice.throw(3) {
            0 => json!({ "groupId": group, "name": format!("Group {number}"), "addCoacheeIds": [whom] }),
            _ => json!({ "groupId": group, "removeCoacheeIds": self.coachees }),
        };
        self.do_(&self.ada, "updateGroup", input).await;
        let about = json!({ "groupId": group });
        if dice.throw(2) == 0 && self.do_(&self.ada, "deleteGroup", about).await["errors"] == json!([]) {
            self.groups.retain(|it| *it != group);
        }
    }

    async fn do_delete(&self, by: &Person, mutation: &str, input: Value) {
        self.do_(by, mutation, input).await;
    }

    /// Whoever of the three: where they may not, it is as if there were nothing.
    async fn try_(&self, dice: &mut Dice, (mutation, of): (&str, &str), mut input: Value) -> Value {
        let by = [&self.ada, &self.bob, &self.robin][usize::try_from(dice.throw(3)).expect("one of them")];
        input["practiceId"] = json!(self.practice);
        let query = format!("mutation($i: {of}!) {{ {mutation}(input: $i) {{ __typename }} }}");
        let body = by.whole(&query, json!({ "i": input })).await.body;
        assert_ne!(body["errors"][0]["extensions"]["code"], "BAD_REQUEST", "{query}: {body}");
        body
    }

    async fn write_notes(&mut self, number: usize, about: &str, dice: &mut Dice) {
        let note = Self::any(&self.notes, dice);
        match (dice.throw(8), note) {
            (0..=2, _) | (_, None) => {
                let by = [&self.ada, &self.robin, &self.robin][usize::try_from(dice.throw(3)).expect("one of them")];
                let text = format!("Note {number}");
                let id = crate::note::written(by, &self.practice, about, &text, &text).await;
                self.notes.push(id);
            }
            (3, Some(note)) => {
                let input = json!({ "noteId": note, "base": 1, "text": format!("Changed {number}") });
                self.try_(dice, ("saveNote", "SaveNoteInput"), input).await;
            }
            (4, Some(note)) => {
                let input = json!({ "noteId": note, "text": format!("Comment {number}") });
                self.try_(dice, ("commentOnNote", "CommentOnNoteInput"), input).await;
            }
            (5 | 6, Some(note)) => {
                let which = [("shareNote", "ShareNoteInput"), ("unshareNote", "UnshareNoteInput")][number % 2];
                self.try_(dice, which, json!({ "noteId": note })).await;
            }
            (_, Some(note)) => {
                let answer = self.try_(dice, ("deleteNote", "DeleteNoteInput"), json!({ "noteId": note })).await;
                if answer.get("errors").is_none() {
                    self.notes.retain(|it| *it != note);
                }
            }
        }
    }

    /// A file comes, changes hands or goes.
    async fn file(&mut self, number: usize, about: &str, dice: &mut Dice) {
        let file = Self::any(&self.files, dice);
        match (dice.throw(5), file) {
            (0 | 1, _) | (_, None) => {
                let by = [&self.ada, &self.robin][usize::try_from(dice.throw(2)).expect("one of them")];
                let permission = ["PRIVATE", "SHARED"][number % 2];
                let input = json!({ "practiceId": self.practice, "coacheeId": about, "permission": permission });
                let made = by.uploads(input, &format!("file {number}.txt"), b"words").await;
                self.files.extend(made["file"]["id"].as_str().map(str::to_owned));
            }
            (2 | 3, Some(file)) => {
                let input = json!({ "fileId": file, "permission": (["PRIVATE", "SHARED"][number % 2]) });
                self.try_(dice, ("setFilePermission", "SetFilePermissionInput"), input).await;
            }
            (_, Some(file)) => {
                let answer = self.try_(dice, ("deleteFile", "DeleteFileInput"), json!({ "fileId": file })).await;
                if answer.get("errors").is_none() {
                    self.files.retain(|it| *it != file);
                }
            }
        }
    }

    async fn write_messages(&self, number: usize, about: &str, dice: &mut Dice) {
        let conversation = |coach: &Person| {
            let (coach, coachee) = (coach.id.parse().expect("a person"), about.parse().expect("a coachee"));
            domain::id::ConversationId::between(coach, coachee).to_string()
        };
        let coach = [&self.ada, &self.bob][usize::try_from(dice.throw(2)).expect("one of them")];
        if dice.throw(3) == 0 {
            let input = json!({ "conversationId": conversation(coach) });
            self.try_(dice, ("markConversationRead", "MarkConversationReadInput"), input).await;
        } else if dice.throw(2) == 0 {
            let input = json!({ "conversationId": conversation(coach), "text": format!("Message {number}") });
            self.try_(dice, ("sendMessage", "SendMessageInput"), input).await;
        } else {
            let input = json!({ "coacheeId": about, "text": format!("Message {number}") });
            self.try_(dice, ("sendMessage", "SendMessageInput"), input).await;
        }
    }

    async fn write_in_a_session(&mut self, number: usize, dice: &mut Dice) {
        let Some(session) = Self::any(&self.sessions, dice) else { return };
        match dice.throw(4) {
            0 => {
                let text = format!("Note {number}");
                self.do_(&self.ada, "saveSessionNotes", json!({ "sessionId": session, "base": 0, "text": text })).await;
            }
            1 => {
                let lines = json!([{ "text": format!("First {number}") }, { "text": format!("Second {number}") }]);
                self.steps.extend(steps(&self.ada, &self.practice, &session, lines).await);
            }
            2 => {
                if let Some(step) = Self::any(&self.steps, dice) {
                    // A step that was taken off is not there any more.
                    let input =
                        json!({ "practiceId": self.practice, "nextStepId": step, "done": number.is_multiple_of(2) });
                    let check = "mutation($i: CheckNextStepInput!) { checkNextStep(input: $i) { errors { code } } }";
                    self.ada.whole(check, json!({ "i": input })).await;
                }
            }
            _ => {
                ended(&self.ada, &self.practice, &session, "ATTENDED").await;
                self.sessions.retain(|it| *it != session);
            }
        }
    }

    /// A form or a question, which the coachee whom the history has answers.
    async fn ask(&mut self, number: usize, whom: &str, dice: &mut Dice) {
        let (ada, robin, practice) = (self.ada.clone(), self.robin.clone(), self.practice.clone());
        let is_robins = whom == self.coachees[0];
        if dice.throw(2) == 0 {
            let question = asked(&ada, &practice, whom, &format!("Question {number}?")).await;
            if is_robins {
                let input = json!({ "questionId": question, "answer": format!("Answer {number}") });
                self.do_(&robin, "answerQuestion", input).await;
            }
            let text = format!("Remark {number}");
            self.do_(&ada, "commentOnQuestion", json!({ "questionId": question, "text": text })).await;
            return;
        }
        let form = json!([{ "words": "Well?", "kind": "LONG_TEXT" }]);
        let form = template(&ada, &practice, &format!("Form {number}"), form).await;
        let assessment = assigned(&ada, &practice, whom, &form).await;
        if is_robins {
            let answers = json!([{ "question": 0, "text": format!("Text {number}") }]);
            let done = ["saveAssessmentDraft", "submitAssessment"][usize::from(dice.throw(2) == 0)];
            self.do_(&robin, done, json!({ "assessmentId": assessment, "answers": answers })).await;
        }
    }

    async fn arrange(&mut self, number: usize, whom: &str, dice: &mut Dice) {
        let (practice, at) = (self.practice.clone(), ["2026-04-07T09:00", "2026-04-14T09:00"][number % 2]);
        let about = |id: &str, mut rest: Value| {
            (rest["practiceId"], rest["appointmentId"]) = (json!(practice), json!(id));
            json!({ "i": rest })
        };
        // What makes no sense when it comes is refused.
        match (Self::any(&self.appointments, dice), dice.throw(4)) {
            (Some(id), 0) => {
                let mutation = "mutation($i: RescheduleAppointmentInput!) { rescheduleAppointment(input: $i) { errors { code } } }";
                let later =
                    about(&id, json!({ "occurrence": at, "start": format!("2026-04-{:02}T15:00", number % 28 + 1) }));
                self.ada.whole(mutation, later).await;
            }
            (Some(id), 1) => {
                let mutation =
                    "mutation($i: CancelAppointmentInput!) { cancelAppointment(input: $i) { errors { code } } }";
                let following = json!({ "occurrence": at, "andFollowing": number.is_multiple_of(3) });
                self.ada
                    .whole(mutation, about(&id, if number.is_multiple_of(4) { json!({}) } else { following }))
                    .await;
            }
            (Some(id), 2) => {
                let mutation =
                    "mutation($i: RespondToAppointmentInput!) { respondToAppointment(input: $i) { errors { code } } }";
                self.robin.whole(mutation, about(&id, json!({ "answer": (["GOING", "NOT_GOING"][number % 2]) }))).await;
            }
            _ => {
                let mutation = "mutation($i: AddAppointmentInput!) { addAppointment(input: $i) { appointment { id } errors { code } } }";
                let input = json!({ "practiceId": practice, "coacheeId": whom, "title": format!("Appointment {number}"), "place": "Room 4",
                    "start": "2026-04-07T09:00", "recurrence": "FREQ=WEEKLY;COUNT=4" });
                let answer = self.ada.ask(mutation, json!({ "i": input })).await;
                self.appointments.extend(answer["addAppointment"]["appointment"]["id"].as_str().map(str::to_owned));
            }
        }
    }

    async fn approve(&mut self, number: usize, whom: &str, dice: &mut Dice) {
        let link = Self::any(&self.sessions, dice).zip(Self::any(&self.authorizations, dice));
        if let Some((session, authorization)) = link {
            // One of another coachee is refused.
            let input = json!({ "practiceId": self.practice, "sessionId": session, "authorizationId": authorization });
            let link = "mutation($i: LinkAuthorizationInput!) { linkAuthorization(input: $i) { errors { code } } }";
            self.ada.whole(link, json!({ "i": input })).await;
        }
        let input = json!({
            "practiceId": self.practice, "coacheeId": whom, "number": format!("EAP-{number}"), "source": "EAP", "totalSessions": 5,
            "ratePerHour": { "amount": "90.00", "currency": "EUR" }, "startsOn": "2026-01-01", "endsOn": "2026-12-31",
        });
        let add = "mutation($i: AddAuthorizationInput!) { addAuthorization(input: $i) { authorization { id } errors { code } } }";
        let answer = self.ada.ask(add, json!({ "i": input })).await;
        self.authorizations.extend(answer["addAuthorization"]["authorization"]["id"].as_str().map(str::to_owned));
    }

    /// Changes what everybody sees: the position at which everybody is told something. Before that who is to be notified
    /// is, and now and then has read it.
    async fn tell_everybody(&self, number: usize) -> Value {
        self.product.app.react().await.expect("reacted");
        if number.is_multiple_of(3) {
            self.do_(&self.ada, "markNotificationsRead", json!({ "upTo": "atffff" })).await;
        }
        self.do_(&self.ada, "updatePractice", json!({ "lowSessions": number + 3 })).await["position"].clone()
    }
}

async fn follows_as_it_loads(product: Product, seed: u64) {
    let (ada, practice) = product.coach("Ada").await;
    let bob = product.further_coach(&ada, &practice, "Bob", "COACH").await;
    let robin = product.coachee(&ada, &practice, "Robin").await;
    let person = product.accepted(&ada, &practice, &robin, "Robin").await;
    grant(&ada, &practice, &bob, &robin).await;
    let mut scene = Scene {
        practice: practice.clone(),
        ada: ada.clone(),
        bob: bob.clone(),
        robin: person.clone(),
        coachees: vec![robin],
        goals: Vec::new(),
        actions: Vec::new(),
        sessions: Vec::new(),
        steps: Vec::new(),
        authorizations: Vec::new(),
        notes: Vec::new(),
        files: Vec::new(),
        groups: Vec::new(),
        appointments: Vec::new(),
        invited: 0,
        product,
    };
    let mut followers = vec![
        Follower::begin(&ada, &practice, &COACH).await,
        Follower::begin(&bob, &practice, &COACH).await,
        Follower::begin(&person, &practice, &COACHEE).await,
    ];
    // Into how many items changes are gathered is the machine's: what happens does not depend on it, only where one is cut.
    let (mut dice, mut cuts) = (Dice(seed), Dice(seed ^ 0xc0));
    for number in 0..HISTORY {
        scene.step(number, &mut dice).await;
        if dice.throw(4) == 0 {
            let until = scene.tell_everybody(number).await;
            for follower in &mut followers {
                if dice.throw(3) > 0 {
                    follower.follow_to(&until, &mut cuts).await;
                }
            }
        }
    }
    // Whatever has happened, Bob's sight moves once more: one of the two is another role.
    for (number, role) in [(HISTORY, "MANAGER"), (HISTORY + 1, "COACH")] {
        scene.do_(&ada, "setCoachRole", json!({ "coachId": bob.id, "role": role })).await;
        let until = scene.tell_everybody(number).await;
        followers[1].follow_to(&until, &mut cuts).await;
    }
    let until = scene.tell_everybody(HISTORY + 2).await;
    for follower in &mut followers {
        follower.follow_to(&until, &mut cuts).await;
        assert!(!follower.is_out);
        let (loaded, _) = follower.load(&until).await;
        for (id, thing) in &loaded {
            assert_eq!(follower.shown.get(id), Some(thing), "{} follows and has not what it loads", follower.who.email);
        }
        let too_many: Vec<_> = follower.shown.iter().filter(|(id, _)| !loaded.contains_key(*id)).collect();
        assert!(too_many.is_empty(), "{} follows and still has {too_many:?}", follower.who.email);
    }
    // Only whose sight has moved was ever asked to load again.
    assert_eq!((followers[0].loads, followers[2].loads), (0, 0));
    assert!(followers[1].loads > 0, "the history moved no sight");
    scene.product.prove().await;
}

both! {
    /// D7: one history.
    #[test]
    async fn a_world_that_is_followed_is_the_world_that_is_loaded(product: Product) {
        follows_as_it_loads(product, 0x0dd5_eed5).await;
    }

    /// D7: and another.
    #[test]
    async fn another_world_that_is_followed_is_the_world_that_is_loaded(product: Product) {
        follows_as_it_loads(product, 0xbead_cafe).await;
    }
}
