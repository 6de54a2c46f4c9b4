//! D5: asking again after an unknown outcome is safe. The same request under the same idempotency key, up to twenty times and
//! several at once, has one effect and one answer: position, ids and tokens.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{Person, Product, both};

use crate::matrix::{MUTATIONS, OTHER_OWNER, World, attempt, letters};

/// Lines of the table that change nothing: Google is not set up here, and is asked again in `google.rs`; a coach's note is
/// never shared, whoever asks; a dry run writes nothing.
const NOTHING: [&str; 6] = [
    "beginGoogleSignIn",
    "signInWithGoogle",
    "shareNote/private",
    "unshareNote/private",
    "importCoachees/dry",
    "setActionMonitoring/coachs",
];

/// Mutations that end what they are asked with: asked again, nobody is signed in, and that is the answer.
const ENDS: [&str; 3] = ["signOut", "signOutEverywhere", "deleteAccount"];

/// How many events there are, in all logs.
async fn events(product: &Product) -> u64 {
    let mut snapshot = product.app.store().snapshot().await.expect("a snapshot");
    let heads = snapshot.heads(None, 1_000).await.expect("heads");
    heads.iter().map(|head| head.seq).sum()
}

/// Somebody who asks again and again.
struct Asking<'p> {
    product: &'p Product,
    done: usize,
}

impl Asking<'_> {
    /// Asks under a new key, many times at once and then once more; what the only answer says.
    async fn ask(&mut self, by: &Person, mutation: &str, variables: Value) -> Value {
        self.done += 1;
        let (key, times) = (format!("retry-{}", self.done), self.done * 7 % 20 + 1);
        let before = events(self.product).await;
        let asked = join_all((0..times).map(|_| by.once(&key, mutation, variables.clone()))).await;
        let first = asked[0].body.clone();
        assert!(first.get("errors").is_none(), "{mutation}: {first}");
        assert!(
            asked.iter().all(|answer| answer.body == first),
            "{mutation}: {times} answers, and not all are {first}"
        );
        let since = events(self.product).await;
        assert!(since > before, "{mutation} did something");
        assert_eq!(by.once(&key, mutation, variables.clone()).await.body, first, "{mutation}");
        assert_eq!(events(self.product).await, since, "{mutation}: a repeat adds nothing");
        let mut other = variables;
        let input = other.as_object_mut().and_then(|fields| fields.values_mut().next()).expect("a variable");
        *input = json!({});
        let refused = by.once(&key, mutation, other).await.body;
        assert!(refused.get("errors").is_some(), "{mutation}: the key is this request's: {refused}");
        let answer = first["data"].as_object().and_then(|data| data.values().next()).cloned().expect("an answer");
        assert_eq!(answer["errors"], json!([]), "{mutation}: {answer}");
        answer
    }
}

fn id(answer: &Value, field: &str) -> String {
    answer[field]["id"].as_str().unwrap_or_else(|| panic!("no {field}: {answer}")).to_owned()
}

both! {
    #[test]
    async fn a_change_may_be_asked_for_again(product: Product) {
        let ada = product.person("ada@practice.example").await;
        let mut asking = Asking { product: &product, done: 0 };
        let create = "mutation($n: String!) { createPractice(input: { name: $n, timeZone: \"Europe/Berlin\", displayName: \"Ada\" }) { practice { id } position errors { code } } }";
        let practice = id(&asking.ask(&ada, create, json!({ "n": "Practice of Ada" })).await, "practice");
        let mutation = |name: &str, input: &str, thing: &str| format!("mutation($i: {input}!) {{ {name}(input: $i) {{ {thing} position errors {{ code }} }} }}");
        let p = |mut fields: Value| { fields["practiceId"] = json!(practice); json!({ "i": fields }) };

        let add = mutation("addCoachee", "AddCoacheeInput", "coachee { id }");
        let invited = json!({ "firstName": "Robin", "email": "robin@coachee.example", "sendInvitation": true });
        let robin = id(&asking.ask(&ada, &add, p(invited)).await, "coachee");
        let mails = product.mail("robin@coachee.example").await;
        assert_eq!(mails.len(), 1, "one invitation was sent");
        let token = product.token("robin@coachee.example", "/invitations/").await;
        let accept = "mutation($t: String!) { acceptInvitation(input: { token: $t, kind: PROGRAM }) { practiceId position signedIn { personId token } errors { code } } }";
        let accepted = asking.ask(&product.stranger(), accept, json!({ "t": token })).await;
        let coachee = product.stranger().holding(accepted["signedIn"]["token"].as_str().map(str::to_owned));

        let c = |mut fields: Value| { fields["coacheeId"] = json!(robin); p(fields) };
        asking.ask(&ada, &mutation("setActiveGoal", "SetActiveGoalInput", "coachee { id activeGoal }"), c(json!({ "activeGoal": "To speak up" }))).await;
        let c_group = json!({ "name": "Leads", "coacheeIds": [robin] });
        let group = id(&asking.ask(&ada, &mutation("createGroup", "CreateGroupInput", "group { id name coacheeCount }"), p(c_group)).await, "group");
        asking.ask(&ada, &mutation("updateGroup", "UpdateGroupInput", "group { id name coacheeCount }"), p(json!({ "groupId": group, "name": "Managers", "removeCoacheeIds": [robin] }))).await;
        asking.ask(&ada, &mutation("deleteGroup", "DeleteGroupInput", "deletedId"), p(json!({ "groupId": group }))).await;
        let csv = json!({ "csv": "name,email\nKim,kim@coachee.example\nLee,lee@coachee.example", "dryRun": false, "sendInvitations": true });
        asking.ask(&ada, &mutation("importCoachees", "ImportCoacheesInput", "added rows { line outcome coachee { id status } }"), p(csv)).await;
        assert_eq!(product.mail("kim@coachee.example").await.len(), 1, "one invitation was sent");
        asking.ask(&ada, &mutation("setBillingModel", "SetBillingModelInput", "coachee { id billingModel }"), c(json!({ "billingModel": "FREE" }))).await;
        asking.ask(&ada, &mutation("deactivateCoachee", "CoacheeInput", "coachee { id }"), c(json!({}))).await;
        asking.ask(&ada, &mutation("reactivateCoachee", "CoacheeInput", "coachee { id deactivatedAt }"), c(json!({}))).await;
        let goal = id(&asking.ask(&ada, &mutation("addGoal", "AddGoalInput", "goal { id title }"), c(json!({ "title": "Lead", "dueOn": "2027-01-01" }))).await, "goal");
        let milestone = id(&asking.ask(&coachee, &mutation("addMilestone", "AddMilestoneInput", "milestone { id }"), p(json!({ "goalId": goal, "title": "First", "dueOn": "2026-12-01" }))).await, "milestone");
        let action = id(&asking.ask(&coachee, &mutation("addAction", "AddActionInput", "action { id progress }"), c(json!({ "milestoneId": milestone, "title": "Ask", "dueOn": "2026-11-01" }))).await, "action");
        asking.ask(&coachee, &mutation("setActionProgress", "SetActionProgressInput", "action { id progress }"), p(json!({ "actionId": action, "progress": 100 }))).await;

        let approval = json!({ "number": "A-1", "source": "EAP", "totalSessions": 2, "startsOn": "2026-01-01", "endsOn": "2026-12-31", "ratePerHour": { "amount": "120", "currency": "EUR" } });
        let authorization = id(&asking.ask(&ada, &mutation("addAuthorization", "AddAuthorizationInput", "authorization { id }"), c(approval)).await, "authorization");
        let logged = json!({ "startedAt": "2026-03-02T08:00:00Z", "durationMinutes": 50, "authorizationId": authorization });
        asking.ask(&ada, &mutation("logSession", "LogSessionInput", "session { id }"), c(logged)).await;
        let session = id(&asking.ask(&ada, &mutation("startSession", "StartSessionInput", "session { id }"), c(json!({ "authorizationId": authorization }))).await, "session");
        let s = |mut fields: Value| { fields["sessionId"] = json!(session); p(fields) };
        asking.ask(&ada, &mutation("saveSessionNotes", "SaveSessionNotesInput", "revision"), s(json!({ "base": 0, "text": "We spoke." }))).await;
        asking.ask(&ada, &mutation("endSession", "EndSessionInput", "session { id }"), s(json!({ "durationMinutes": 50 }))).await;
        asking.ask(&ada, &mutation("deleteAction", "DeleteActionInput", "deletedId"), p(json!({ "actionId": action }))).await;

        let note = id(&asking.ask(&ada, &mutation("writeNote", "WriteNoteInput", "note { id }"), c(json!({ "title": "Mine", "text": "one" }))).await, "note");
        let n = |mut fields: Value| { fields["noteId"] = json!(note); p(fields) };
        asking.ask(&ada, &mutation("saveNote", "SaveNoteInput", "revision"), n(json!({ "base": 1, "text": "two" }))).await;
        asking.ask(&ada, &mutation("commentOnNote", "CommentOnNoteInput", "comment { id }"), n(json!({ "text": "three" }))).await;
        asking.ask(&ada, &mutation("deleteNote", "DeleteNoteInput", "deletedId"), n(json!({}))).await;
        let own = id(&asking.ask(&coachee, &mutation("writeNote", "WriteNoteInput", "note { id }"), c(json!({ "title": "My own", "text": "one" }))).await, "note");
        asking.ask(&coachee, &mutation("shareNote", "ShareNoteInput", "note { id shared }"), p(json!({ "noteId": own }))).await;
        asking.ask(&coachee, &mutation("unshareNote", "UnshareNoteInput", "note { id shared }"), p(json!({ "noteId": own }))).await;
        let upload = mutation("uploadFile", "UploadFileInput", "file { id name permission }");
        let file = id(&asking.ask(&ada, &upload, c(json!({ "permission": "SHARED", "file": tests::file("a.txt", "Words") }))).await, "file");
        let lies = std::fs::read_dir(product.files().join(&practice).join(&robin)).expect("a folder").count();
        assert_eq!(lies, 1, "each repeat's object is gone");
        let f = |mut fields: Value| { fields["fileId"] = json!(file); p(fields) };
        asking.ask(&ada, &mutation("setFilePermission", "SetFilePermissionInput", "file { id permission }"), f(json!({ "permission": "PRIVATE" }))).await;
        asking.ask(&ada, &mutation("deleteFile", "DeleteFileInput", "deletedId"), f(json!({}))).await;
        let sent = asking.ask(&coachee, &mutation("sendMessage", "SendMessageInput", "message { id conversationId number }"), c(json!({ "text": "Hello" }))).await;
        let read = json!({ "conversationId": sent["message"]["conversationId"] });
        asking.ask(&ada, &mutation("markConversationRead", "MarkConversationReadInput", "conversation { id unreadCount }"), p(read)).await;
        let weekly = json!({ "title": "Weekly", "start": "2026-04-07T09:00", "recurrence": "FREQ=WEEKLY;COUNT=5" });
        let appointment = id(&asking.ask(&ada, &mutation("addAppointment", "AddAppointmentInput", "appointment { id } conflicts { startsAt }"), c(weekly)).await, "appointment");
        let a = |mut fields: Value| { fields["appointmentId"] = json!(appointment); p(fields) };
        asking.ask(&ada, &mutation("rescheduleAppointment", "RescheduleAppointmentInput", "appointment { sequence }"), a(json!({ "occurrence": "2026-04-14T09:00", "start": "2026-04-15T09:00" }))).await;
        asking.ask(&coachee, &mutation("respondToAppointment", "RespondToAppointmentInput", "appointment { answer answeredAt }"), a(json!({ "answer": "GOING" }))).await;
        asking.ask(&ada, &mutation("cancelAppointment", "CancelAppointmentInput", "appointment { cancelled }"), a(json!({}))).await;
        assert!(product.app.react().await.expect("reacted") > 0);
        let read = mutation("markNotificationsRead", "MarkNotificationsReadInput", "unreadCount");
        asking.ask(&ada, &read, p(json!({ "upTo": "at1000" }))).await;
        let prefer = "mutation($i: SetNotificationPreferencesInput!) { setNotificationPreferences(input: $i) { notificationPreferences { digestAt } errors { code } } }";
        asking.ask(&ada, prefer, json!({ "i": { "digestAt": "18:00" } })).await;

        let invited = json!({ "name": "Kim", "email": "kim@practice.example", "role": "COACH" });
        asking.ask(&ada, &mutation("addCoach", "AddCoachInput", "invitation { id }"), p(invited)).await;
        assert!(asking.done > 12);
        product.prove().await;
    }
}

const TOKEN: &str = "mutation($i: CreateAccessTokenInput!) {
    createAccessToken(input: $i) { accessToken { id } token errors { code } }
}";
const CALENDAR: &str = "mutation { createCalendarFeed { calendarFeed { createdAt } path errors { code } } }";
const IMPORT: &str = "mutation($i: ImportCoacheesInput!) {
    importCoachees(input: $i) { added rows { coachee { id } } errors { code } }
}";
const ADD_COACH: &str = "mutation($i: AddCoachInput!) { addCoach(input: $i) { invitation { id } errors { code } } }";

/// What somebody who is signed in gets by signing in once more, under this key: another bearer token.
async fn signs_in(product: &Product, by: &Person, key: &str) -> String {
    let ask = "mutation($e: EmailAddress!) { requestSignInLink(input: { email: $e }) { code } }";
    let code = by.ask(ask, json!({ "e": by.email })).await["requestSignInLink"]["code"].clone();
    let link = product.token(&by.email, "/login?token=").await;
    let redeem = "mutation($i: SignInInput!) { signIn(input: $i) { token errors { code } } }";
    let input = json!({ "i": { "token": link, "code": code, "kind": "PROGRAM" } });
    let answer = by.once(key, redeem, input).await.body;
    answer["data"]["signIn"]["token"].as_str().unwrap_or_else(|| panic!("no token: {answer}")).to_owned()
}

/// How far somebody comes who holds this: the code of the error, or nothing.
async fn sent_away(product: &Product, token: &str) -> Value {
    let holder = product.stranger().holding(Some(token.to_owned()));
    let answer = holder.whole("{ viewer { portals { kind } } }", json!({})).await.body;
    answer["errors"][0]["extensions"]["code"].clone()
}

/// What is answered at a calendar's address.
async fn calendar_at(product: &Product, path: &Value) -> u16 {
    let path = path.as_str().expect("a path");
    reqwest::get(product.url(path)).await.expect("an answer").status().as_u16()
}

/// A mutation that was done under a key.
struct Made {
    by: Person,
    key: String,
    document: String,
    input: Value,
    answer: Value,
}

impl Made {
    async fn again(&self) -> Value {
        self.by.once(&self.key, &self.document, json!({ "i": self.input })).await.body
    }

    /// What stays of the answer whatever happens to the things in it: the position, and that it was done.
    fn lasting(answer: &Value) -> Value {
        let payload = answer["data"].as_object().and_then(|data| data.values().next()).cloned().unwrap_or_default();
        json!([payload["position"], payload["errors"], payload["deletedId"], payload["practiceId"]])
    }
}

/// A token that is none, of the same practice.
fn another(token: &str) -> String {
    let (log, secret) = token.split_once('.').expect("a token");
    let first = if secret.starts_with('A') { 'B' } else { 'A' };
    format!("{log}.{first}{}", &secret[1..])
}

/// Somebody who may do this, with what they do it.
async fn somebody(world: &mut World, key: &str, line: &str) -> (Person, Value) {
    match key {
        "requestSignInLink" | "signIn" | "revokeSession" => world.product.later(16),
        // Who signs out is of no further use.
        "signOut" | "signOutEverywhere" => {
            world.product.later(16);
            let other = world.people[OTHER_OWNER].email.clone();
            return (world.product.person(&other).await, Value::Null);
        }
        "deleteAccount" => {
            let email = "gone@elsewhere.example";
            return (world.product.in_browser(email).await, json!({ "confirmEmail": email }));
        }
        _ => {}
    }
    let first = |letter: char| letters(line).iter().position(|it| *it == letter);
    let actor = first('Y').or_else(|| first('R')).unwrap_or(0);
    attempt(world, key, actor).await
}

both! {
    /// Every mutation that the schema has, asked again under its key after its effect, at once and after everything else was
    /// done: no second effect, the same answer.
    #[test]
    async fn every_mutation_may_be_asked_for_again(product: Product) {
        let mut world = World::begin(product).await;
        let mut made: Vec<Made> = Vec::new();
        for (key, line) in MUTATIONS {
            let operation = key.split('/').next().unwrap_or(key);
            let (by, input) = somebody(&mut world, key, line).await;
            let document = world.document(operation);
            let before = events(&world.product).await;
            let answer = by.once(key, &document, json!({ "i": input })).await.body;
            assert!(answer.get("errors").is_none(), "{key} {input}: {answer}");
            let since = events(&world.product).await;
            let is_done = answer["data"][operation]["errors"].as_array().is_none_or(Vec::is_empty);
            assert_eq!(is_done && since > before, !NOTHING.contains(key), "{key}: {before} to {since}: {answer}");
            let made_now = Made { by, key: (*key).to_owned(), document, input, answer };
            let again = made_now.again().await;
            if ENDS.contains(&operation) {
                assert_eq!(again["errors"][0]["extensions"]["code"], "UNAUTHENTICATED", "{key}: {again}");
            } else {
                assert_eq!(again, made_now.answer, "{key}");
                made.push(made_now);
            }
            assert_eq!(events(&world.product).await, since, "{key}: a repeat adds nothing");
        }
        let before = events(&world.product).await;
        for made in &made {
            let again = made.again().await;
            assert!(again.get("errors").is_none(), "{}: {again}", made.key);
            assert_eq!(Made::lasting(&again), Made::lasting(&made.answer), "{}", made.key);
        }
        assert_eq!(events(&world.product).await, before, "repeats add nothing");
        world.product.prove().await;
    }

    /// An invitation that was accepted answers the same request as it did at first, also where the sign-in that it made has
    /// arrived and the answer has not. It is another request in another browser, under another key, and of somebody else.
    #[test]
    async fn an_invitation_is_accepted_again_by_who_accepted_it(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let invite = |coach: bool, email: &str| {
            let (operation, input) = if coach {
                ("addCoach", json!({ "practiceId": practice, "name": "Guest", "email": email }))
            } else {
                ("addCoachee", json!({ "practiceId": practice, "firstName": "Guest", "email": email, "sendInvitation": true }))
            };
            let of = format!("A{}Input", &operation[1..]);
            (format!("mutation($i: {of}!) {{ {operation}(input: $i) {{ errors {{ code }} }} }}"), json!({ "i": input }))
        };
        for (coach, operation) in [(false, "acceptInvitation"), (true, "acceptCoachInvitation")] {
            let email = format!("{}@elsewhere.example", operation.to_lowercase());
            let (document, input) = invite(coach, &email);
            ada.ask(&document, input).await;
            let token = json!({ "t": product.token(&email, "/invitations/").await });
            let accept = format!("mutation($t: String!) {{ {operation}(input: {{ token: $t }}) {{ practiceId position signedIn {{ personId }} errors {{ code }} }} }}");
            let mut browser = product.stranger();
            let first = browser.once("k", &accept, token.clone()).await;
            assert_eq!(first.body["data"][operation]["practiceId"], json!(practice), "{}", first.body);
            let since = events(&product).await;

            // The answer was lost, and then: its cookie arrived.
            let again = browser.once("k", &accept, token.clone()).await;
            assert_eq!((&again.body, &again.cookies), (&first.body, &first.cookies), "{operation}");
            browser.cookie = first.cookies.first().cloned();
            let again = browser.once("k", &accept, token.clone()).await;
            assert_eq!((&again.body, &again.cookies), (&first.body, &first.cookies), "{operation}");

            let mut other = product.stranger();
            let asked = other.whole("mutation { requestSignInLink(input: { email: \"x@elsewhere.example\" }) { code } }", json!({})).await;
            other.cookie = asked.cookies.first().cloned();
            for (by, key, who) in [(&other, "k", "another browser"), (&ada, "k", "somebody else"), (&product.stranger(), "l", "another key")] {
                let refused = by.once(key, &accept, token.clone()).await;
                assert_eq!(refused.body["data"][operation]["errors"][0]["code"], "INVITATION_IS_NOT_VALID", "{who}: {}", refused.body);
                assert_eq!(refused.cookies, Vec::<String>::new(), "{who}");
            }

            // A sign-in that was ended is not handed out again.
            browser.ask("mutation { signOut { done } }", json!({})).await;
            browser.cookie = None;
            let again = browser.once("k", &accept, token).await;
            assert_eq!(again.body["data"][operation]["position"], first.body["data"][operation]["position"]);
            assert_eq!(again.body["data"][operation]["signedIn"], Value::Null);
            assert_eq!(again.cookies, Vec::<String>::new());
            assert_eq!(events(&product).await, since + 2, "a link was asked for, and somebody signed out");
            product.later(16);
        }
        product.prove().await;
    }

    /// The same where the person was signed in before: position and practice again, and no sign-in.
    #[test]
    async fn who_is_signed_in_is_answered_again_as_well(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let guest = product.person("guest@elsewhere.example").await;
        let add = "mutation($i: AddCoachInput!) { addCoach(input: $i) { errors { code } } }";
        ada.ask(add, json!({ "i": { "practiceId": practice, "name": "Guest", "email": guest.email } })).await;
        let token = product.token(&guest.email, "/invitations/").await;
        let accept = "mutation($t: String!) { acceptCoachInvitation(input: { token: $t }) { practiceId position signedIn { personId } errors { code } } }";
        let first = guest.once("k", accept, json!({ "t": token })).await.body;
        assert_eq!(first["data"]["acceptCoachInvitation"]["practiceId"], json!(practice), "{first}");
        assert_eq!(guest.once("k", accept, json!({ "t": token })).await.body, first);
        // The key stands for that invitation.
        let conflict = guest.once("k", accept, json!({ "t": another(&token) })).await.body;
        assert_eq!(conflict["errors"][0]["extensions"]["code"], "CONFLICTING_IDEMPOTENCY_KEY", "{conflict}");
    }

    /// What was ended or replaced is never good again: where a key comes again that was forgotten after seven days, what it
    /// hands out is new. Up to then it says again what it has made, on whatever day.
    #[test]
    async fn a_key_that_was_forgotten_brings_nothing_back(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let scopes = json!([{ "practiceId": practice, "portal": "COACH", "right": "READ" }]);
        let make = json!({ "i": { "name": "Reports", "scopes": scopes, "expiresAt": "2026-09-01T00:00:00Z" } });
        let csv = |row: &str| json!({ "i": { "practiceId": practice, "csv": format!("name,email\n{row}"), "dryRun": false } });
        let coach = json!({ "i": { "practiceId": practice, "name": "Guest", "email": "guest@coach.example" } });
        let token = ada.once("token", TOKEN, make.clone()).await.body;
        let calendar = ada.once("calendar", CALENDAR, json!({})).await.body;
        let import = ada.once("import", IMPORT, csv("Kim,kim@coachee.example")).await.body;
        let invited = ada.once("coach", ADD_COACH, coach.clone()).await.body;
        assert!(invited.get("errors").is_none(), "{invited}");
        let invitation = product.token("guest@coach.example", "/invitations/").await;
        let login = signs_in(&product, &ada, "login").await;
        assert_eq!(sent_away(&product, &login).await, Value::Null);
        product.stranger().holding(Some(login.clone())).ask("mutation { signOut { done } }", json!({})).await;

        product.later(6 * 24 * 60);
        product.app.expire().await.expect("keys are forgotten");
        let ada = product.person(&ada.email).await;
        assert_eq!(ada.once("token", TOKEN, make.clone()).await.body, token);
        assert_eq!(ada.once("calendar", CALENDAR, json!({})).await.body, calendar);
        assert_eq!(ada.once("import", IMPORT, csv("Kim,kim@coachee.example")).await.body, import);
        assert_eq!(ada.once("coach", ADD_COACH, coach.clone()).await.body, invited);
        let (first, token) = (&token["data"]["createAccessToken"], token["data"]["createAccessToken"]["token"].as_str().expect("a token"));
        let calendar = &calendar["data"]["createCalendarFeed"]["path"];
        assert_eq!((sent_away(&product, token).await, calendar_at(&product, calendar).await), (Value::Null, 200));
        let revoke = "mutation($t: ID!) { revokeAccessToken(input: { accessTokenId: $t }) { revokedId errors { code } } }";
        ada.ask(revoke, json!({ "t": first["accessToken"]["id"] })).await;
        ada.ask("mutation { revokeCalendarFeed { revoked errors { code } } }", json!({})).await;

        product.later(2 * 24 * 60);
        product.app.expire().await.expect("keys are forgotten");
        let ada = product.person(&ada.email).await;
        let newer = ada.once("token", TOKEN, make).await.body["data"]["createAccessToken"]["token"].clone();
        assert_eq!(sent_away(&product, newer.as_str().expect("a token")).await, Value::Null);
        assert_eq!(sent_away(&product, token).await, "UNAUTHENTICATED");
        let newer = ada.once("calendar", CALENDAR, json!({})).await.body["data"]["createCalendarFeed"]["path"].clone();
        assert_eq!((calendar_at(&product, &newer).await, calendar_at(&product, calendar).await), (200, 404));
        let newer = signs_in(&product, &ada, "login").await;
        assert_eq!(sent_away(&product, &newer).await, Value::Null);
        assert_eq!(sent_away(&product, &login).await, "UNAUTHENTICATED");
        // Nor does an id that derives from it mean two things.
        let later = ada.once("import", IMPORT, csv("Lee,lee@coachee.example")).await.body;
        let ids = |answer: &Value| answer["data"]["importCoachees"]["rows"][0]["coachee"]["id"].as_str().expect("an id").to_owned();
        assert_ne!(ids(&later), ids(&import));
        // The invitation is replaced by one to the same address.
        let replaced = ada.once("coach", ADD_COACH, coach).await.body;
        assert_eq!(replaced["data"]["addCoach"]["errors"], json!([]), "{replaced}");
        let newer = product.token("guest@coach.example", "/invitations/").await;
        let accept = "mutation($t: String!) { acceptCoachInvitation(input: { token: $t, kind: PROGRAM }) { practiceId errors { code } } }";
        assert_eq!(product.stranger().refused(accept, json!({ "t": invitation })).await, "INVITATION_IS_NOT_VALID");
        let accepted = product.stranger().ask(accept, json!({ "t": newer })).await;
        assert_eq!(accepted["acceptCoachInvitation"]["practiceId"], json!(practice));
        product.prove().await;
    }
}
