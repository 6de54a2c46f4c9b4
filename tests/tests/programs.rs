//! Programs that act for a person by a token (promise A8): what a token reaches, how it is shown, and when it ends.

use serde_json::{Value, json};
use tests::{Listening, Person, Product, both};

const CREATE: &str = "mutation($i: CreateAccessTokenInput!) {
    createAccessToken(input: $i) { accessToken { id name usedAt endsAt } token errors { code } }
}";
const REVOKE: &str =
    "mutation($t: ID!) { revokeAccessToken(input: { accessTokenId: $t }) { revokedId errors { code } } }";
const LIST: &str = "{ viewer { account { accessTokens {
    id name scopes { practiceId portal right } createdAt usedAt endsAt
} } } }";
const FOUND: &str = "mutation { createPractice(input: { name: \"New\", timeZone: \"Europe/Berlin\", displayName: \"Ada\" }) { practice { id } errors { code } } }";

fn scope(practice: &str, portal: &str, right: &str) -> Value {
    json!({ "practiceId": practice, "portal": portal, "right": right })
}

fn input(scopes: &[Value], expires_at: &str) -> Value {
    json!({ "i": { "name": "Reports", "scopes": scopes, "expiresAt": expires_at } })
}

/// A token of somebody's for these portals: its id, and the program that holds it.
async fn program(of: &Person, scopes: &[Value]) -> (String, Person) {
    let made = of.ask(CREATE, input(scopes, "2026-09-01T00:00:00Z")).await;
    let token = made["createAccessToken"]["token"].as_str().unwrap_or_else(|| panic!("no token: {made}")).to_owned();
    (made["createAccessToken"]["accessToken"]["id"].as_str().expect("an id").to_owned(), of.holding(Some(token)))
}

/// What becomes of asking: `Y`, or the letter of the error's code, `R` for a refusal.
async fn letter(who: &Person, query: &str) -> char {
    let body = who.whole(query, json!({})).await.body;
    match body["errors"][0]["extensions"]["code"].as_str() {
        Some("FORBIDDEN") => 'F',
        Some("NOT_FOUND") => 'N',
        Some("UNAUTHENTICATED") => 'U',
        Some(code) => panic!("{query}: {code}"),
        None if body["data"].as_object().is_some_and(|data| data.values().any(refuses)) => 'R',
        None => 'Y',
    }
}

fn refuses(payload: &Value) -> bool {
    payload["errors"].as_array().is_some_and(|errors| !errors.is_empty())
}

/// What a subscriber hears first.
async fn heard(who: &Person, query: &str) -> char {
    let mut listening = who.listen(query, json!({})).await;
    let message = listening.message().await.unwrap_or_else(|| panic!("closed with {:?}", listening.closed));
    let errors = if message["type"] == "error" { &message["payload"] } else { &message["payload"]["errors"] };
    match errors[0]["extensions"]["code"].as_str() {
        Some("FORBIDDEN") => 'F',
        Some("NOT_FOUND") => 'N',
        Some(code) => panic!("{query}: {code}"),
        None => 'Y',
    }
}

/// Reads on until the server closes the socket: the code.
async fn closes(listening: &mut Listening) -> Option<u16> {
    while listening.message().await.is_some() {}
    listening.closed
}

/// An event stream of somebody's, open.
async fn stream(product: &Product, who: &Person, query: &str) -> reqwest::Response {
    let request = reqwest::Client::new().post(product.url("/graphql")).header("accept", "text/event-stream");
    let request = request.bearer_auth(who.token.as_ref().expect("a token"));
    let response = request.json(&json!({ "query": query })).send().await.expect("an answer");
    assert_eq!(response.status(), 200);
    response
}

/// Reads a stream until the server ends it.
async fn ends(mut stream: reqwest::Response) {
    let whole = async { while stream.chunk().await.expect("a chunk").is_some() {} };
    tokio::time::timeout(tests::PATIENCE, whole).await.expect("the stream must end");
}

/// Ada, who is the owner of a practice and, in it, a coachee of her own; the practice, her file there, another coachee of
/// hers, and a second practice of hers.
struct Ada {
    ada: Person,
    practice: String,
    file: String,
    client: String,
    goal: String,
    second: String,
}

/// Somebody who has an account is invited as a coachee by whoever has their file, and accepts.
async fn accepts(product: &Product, (inviter, practice, file): (&Person, &str, &str), who: &Person, email: &str) {
    let invite = "mutation($i: CoacheeInput!) { sendInvitation(input: $i) { errors { code } } }";
    inviter.ask(invite, json!({ "i": { "practiceId": practice, "coacheeId": file } })).await;
    let token = product.token(email, "/invitations/").await;
    let accept = "mutation($t: String!) { acceptInvitation(input: { token: $t }) { practiceId errors { code } } }";
    assert_eq!(who.ask(accept, json!({ "t": token })).await["acceptInvitation"]["practiceId"], json!(practice));
}

async fn ada(product: &Product) -> Ada {
    let (ada, practice) = product.coach("Ada").await;
    let file = product.coachee(&ada, &practice, "Ada").await;
    accepts(product, (&ada, &practice, &file), &ada, "ada@coachee.example").await;
    let client = product.coachee(&ada, &practice, "Robin").await;
    let goal = format!(
        "mutation {{ addGoal(input: {{ practiceId: \"{practice}\", coacheeId: \"{client}\", title: \"Aim\", dueOn: \"2026-06-30\" }}) {{ goal {{ id }} }} }}"
    );
    let goal = ada.ask(&goal, json!({})).await["addGoal"]["goal"]["id"].as_str().expect("a goal").to_owned();
    let second =
        ada.ask(FOUND, json!({})).await["createPractice"]["practice"]["id"].as_str().expect("an id").to_owned();
    Ada { ada, practice, file, client, goal, second }
}

both! {
    /// Every scope against every class of operation. Somebody who is a coach and a coachee of one practice gives a program
    /// one of the two and not the other.
    #[test]
    async fn a_token_reaches_what_its_scopes_name_and_nothing_else(product: Product) {
        let Ada { ada, practice, file, client, goal, second } = ada(&product).await;
        let p = |portal: &str, right: &str| scope(&practice, portal, right);
        let programs = [
            vec![p("COACH", "READ")],
            vec![p("COACH", "WRITE")],
            vec![p("COACHEE", "READ")],
            vec![p("COACHEE", "WRITE")],
            vec![p("COACH", "READ"), p("COACHEE", "WRITE")],
            vec![p("COACH", "WRITE"), p("COACHEE", "WRITE")],
            vec![scope(&second, "COACH", "WRITE")],
        ];
        let mut holders = vec![ada.clone()];
        for scopes in &programs {
            holders.push(program(&ada, scopes).await.1);
        }
        let add = |coachee: &str| format!(
            "mutation {{ addGoal(input: {{ practiceId: \"{practice}\", coacheeId: \"{coachee}\", title: \"Aim\", dueOn: \"2026-06-30\" }}) {{ errors {{ code }} }} }}"
        );
        let portal = |portal: &str, practice: &str| format!("{{ viewer {{ {portal}(practiceId: \"{practice}\") {{ position }} }} }}");
        let rename = |practice: &str| format!(
            "mutation {{ updatePractice(input: {{ practiceId: \"{practice}\", name: \"Named\" }}) {{ errors {{ code }} }} }}"
        );
        // Columns: Ada herself – coach read, coach write, coachee read, coachee write, coach read and coachee write, both
        // write, another practice.
        let table = [
            ("{ service { version } }".to_owned(), "Y YYYYYYY"),
            ("{ viewer { portals { kind } } }".to_owned(), "Y YYYYYYY"),
            ("{ viewer { account { id } } }".to_owned(), "Y FFFFFFF"),
            (portal("coachPortal", &practice), "Y YYFFYYF"),
            (portal("coacheePortal", &practice), "Y FFYYYYF"),
            (portal("coachPortal", &second), "Y FFFFFFY"),
            (portal("coachPortal", "practice_00000000000000000000000001"), "N FFFFFFF"),
            (format!("{{ node(id: \"{goal}\") {{ id }} }}"), "Y YYNNYYN"),
            (add(&client), "Y FYFNNYF"),
            (add(&file), "Y FYFYYYF"),
            (rename(&practice), "Y FYFNNYF"),
            (rename(&second), "Y FFFFFFY"),
            (FOUND.to_owned(), "Y FFFFFFF"),
            ("mutation { signOutEverywhere { done } }".to_owned(), "- FFFFFFF"),
            ("mutation { requestSignInLink(input: { email: \"a@b.example\" }) { code } }".to_owned(), "Y FFFFFFF"),
        ];
        let mut wrong = Vec::new();
        for (query, line) in table {
            for (holder, expected) in holders.iter().zip(line.replace(' ', "").chars()).filter(|(_, expected)| *expected != '-') {
                let got = letter(holder, &query).await;
                if got != expected {
                    let at = holders.iter().position(|other| other.token == holder.token);
                    wrong.push(format!("{query} by {at:?}: {got} and not {expected}"));
                }
            }
        }
        let live = [
            (format!("subscription {{ coachPortalChanges(practiceId: \"{practice}\", after: \"at1\") {{ position }} }}"), "YYFFYYF"),
            (format!("subscription {{ coacheePortalChanges(practiceId: \"{practice}\", after: \"at1\") {{ position }} }}"), "FFYYYYF"),
            (format!("subscription {{ activity(practiceId: \"{practice}\", after: \"at1\") {{ position }} }}"), "YYYYYYF"),
            (format!("subscription {{ plan(practiceId: \"{practice}\", coacheeId: \"{client}\", after: \"at1\") {{ position }} }}"), "YYNNYYF"),
        ];
        for (query, line) in live {
            for (at, expected) in line.chars().enumerate() {
                let got = heard(&holders[at + 1], &query).await;
                if got != expected {
                    wrong.push(format!("{query} by {}: {got} and not {expected}", at + 1));
                }
            }
        }
        assert!(wrong.is_empty(), "{} answers are wrong:\n{}", wrong.len(), wrong.join("\n"));
        // What is offered is what can be done: nothing to who only reads as a coach.
        let menus = format!("{{ viewer {{ coachPortal(practiceId: \"{practice}\") {{ coachee(id: \"{client}\") {{ options quickMenu }} }} }} }}");
        for (at, offers) in [(0, true), (1, false), (2, true), (5, false), (6, true)] {
            let shown = holders[at].ask(&menus, json!({})).await["viewer"]["coachPortal"]["coachee"].clone();
            assert_eq!((shown["options"] != json!([]), shown["quickMenu"] != json!([])), (offers, offers), "{at}: {shown}");
        }
        // What is listed is what is reached.
        let portals = holders[3].ask("{ viewer { portals { kind practice { id } } } }", json!({})).await;
        assert_eq!(portals["viewer"]["portals"], json!([{ "kind": "COACHEE", "practice": { "id": practice } }]));
        product.prove().await;
    }

    /// A1: a coach who is a coachee of the same practice, and has no access to their own file, is shown what they change as a
    /// coachee, and follows it.
    #[test]
    async fn who_is_coach_and_coachee_is_shown_what_they_do_as_either(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let bo = product.further_coach(&ada, &practice, "Bo", "COACH").await;
        let file = product.coachee(&ada, &practice, "Bo").await;
        accepts(&product, (&ada, &practice, &file), &bo, "bo@coachee.example").await;
        let portal = "query($p: ID!, $c: ID!) { viewer { coachPortal(practiceId: $p) { coachee(id: $c) { id } } } }";
        assert_eq!(bo.fails(portal, json!({ "p": practice, "c": file })).await, "NOT_FOUND", "as a coach Bo has no access");
        let done = async |mutation: &str, input: &str, shows: &str, mut fields: Value| {
            fields["practiceId"] = json!(practice);
            let answer = bo.ask(&format!("mutation($i: {input}!) {{ {mutation}(input: $i) {{ {shows} errors {{ code }} }} }}"), json!({ "i": fields })).await;
            assert_eq!(answer[mutation]["errors"], json!([]), "{answer}");
            answer[mutation].clone()
        };
        let goal = done("addGoal", "AddGoalInput", "goal { title }", json!({ "coacheeId": file, "title": "Rest", "dueOn": "2026-06-30" })).await;
        assert_eq!(goal["goal"]["title"], "Rest");
        let action = done("addAction", "AddActionInput", "action { id }", json!({ "coacheeId": file, "title": "Sleep" })).await["action"]["id"].clone();
        let progressed = done("setActionProgress", "SetActionProgressInput", "action { progress }", json!({ "actionId": action, "progress": 40 })).await;
        assert_eq!(progressed["action"]["progress"], 40);
        let named = done("updateCoachee", "UpdateCoacheeInput", "coachee { id } profile { lastName }", json!({ "coacheeId": file, "lastName": "Rhee" })).await;
        assert_eq!((&named["coachee"], &named["profile"]["lastName"]), (&Value::Null, &json!("Rhee")));
        let note = done("writeNote", "WriteNoteInput", "note { id text }", json!({ "coacheeId": file, "title": "Night", "text": "one" })).await["note"].clone();
        assert_eq!(note["text"], "one");
        let saved = done("saveNote", "SaveNoteInput", "note { text }", json!({ "noteId": note["id"], "base": 1, "text": "two" })).await;
        assert_eq!(saved["note"]["text"], "two");
        let restored = done("restoreNote", "RestoreNoteInput", "note { text }", json!({ "noteId": note["id"], "revision": 1 })).await;
        assert_eq!(restored["note"]["text"], "one");
        let sent = done("sendMessage", "SendMessageInput", "message { conversationId text }", json!({ "coacheeId": file, "coachId": ada.id, "text": "Hello" })).await["message"].clone();
        assert_eq!(sent["text"], "Hello");
        let upload = json!({ "practiceId": practice, "coacheeId": file, "permission": "PRIVATE" });
        let uploaded = bo.uploads(upload, "a.txt", b"words").await;
        assert!(uploaded["file"]["id"].is_string(), "{uploaded}");
        let conversation = sent["conversationId"].as_str().expect("an id");
        for follow in [format!("plan(practiceId: \"{practice}\", coacheeId: \"{file}\""), format!("conversation(practiceId: \"{practice}\", id: \"{conversation}\"")] {
            assert_eq!(heard(&bo, &format!("subscription {{ {follow}, after: \"at1\") {{ position }} }}")).await, 'Y', "{follow}");
        }
        // What they see as the one and may do as neither is forbidden, and not missing.
        let talk = json!({ "i": { "practiceId": practice, "coacheeId": file, "title": "Talk", "start": "2026-03-10T09:00" } });
        let talk = ada.ask("mutation($i: AddAppointmentInput!) { addAppointment(input: $i) { appointment { id } errors { code } } }", talk).await;
        let moved = json!({ "practiceId": practice, "appointmentId": talk["addAppointment"]["appointment"]["id"], "start": "2026-03-11T09:00" });
        let reschedule = "mutation($i: RescheduleAppointmentInput!) { rescheduleAppointment(input: $i) { errors { code } } }";
        assert_eq!(bo.fails(reschedule, json!({ "i": moved })).await, "FORBIDDEN");
        // What is nobody's of the two is there in neither.
        let client = product.coachee(&ada, &practice, "Robin").await;
        assert_eq!(heard(&bo, &format!("subscription {{ plan(practiceId: \"{practice}\", coacheeId: \"{client}\") {{ position }} }}")).await, 'N');
        product.prove().await;
    }

    /// A token is shown once, and again to a retry with the same key; the list shows what it is and never its secret.
    #[test]
    async fn a_token_is_shown_once_and_to_a_retry(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let wanted = input(&[scope(&practice, "COACH", "READ")], "2026-09-01T00:00:00Z");
        let first = ada.once("token-1", CREATE, wanted.clone()).await.body;
        let again = ada.once("token-1", CREATE, wanted.clone()).await.body;
        assert_eq!(first, again);
        let token = first["data"]["createAccessToken"]["token"].as_str().expect("a token").to_owned();
        let (log, secret) = token.split_once('.').expect("<log id>.<secret>");
        assert_eq!((log, secret.len()), (ada.id.as_str(), 43), "256 bits");
        let program = ada.holding(Some(token.clone()));
        let portal = format!("{{ viewer {{ coachPortal(practiceId: \"{practice}\") {{ position }} }} }}");
        product.later(5);
        program.ask(&portal, json!({})).await;
        let listed = ada.ask(LIST, json!({})).await["viewer"]["account"]["accessTokens"].clone();
        let id = &first["data"]["createAccessToken"]["accessToken"]["id"];
        let expected = json!([{
            "id": id, "name": "Reports", "scopes": [{ "practiceId": practice, "portal": "COACH", "right": "READ" }],
            "createdAt": "2026-03-02T09:00:00Z", "usedAt": "2026-03-02T09:05:00Z", "endsAt": "2026-09-01T00:00:00Z",
        }]);
        assert_eq!(listed, expected);
        assert!(!listed.to_string().contains(secret));
        // It is a program's, and no browser's cookie; and nobody else's to end.
        let mut browser = product.stranger();
        browser.cookie = Some(format!("__Host-throughline-session={token}"));
        assert_eq!(browser.ask("{ viewer { portals { kind } } }", json!({})).await["viewer"], Value::Null);
        let robin = product.person("robin@practice.example").await;
        assert_eq!(robin.fails(REVOKE, json!({ "t": id })).await, "NOT_FOUND");
        program.ask(&portal, json!({})).await;
        product.prove().await;
    }

    /// A4 and A8: revoking a token ends what it holds open, at once, on sockets and streams; another goes on.
    #[test]
    async fn a_revoked_token_ends_at_once(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let scopes = [scope(&practice, "COACH", "WRITE")];
        let ((id, first), (_, second)) = (program(&ada, &scopes).await, program(&ada, &scopes).await);
        let follow = format!("subscription {{ activity(practiceId: \"{practice}\") {{ position }} }}");
        let mut socket = first.listen(&follow, json!({})).await;
        let (stream, mut other) = (stream(&product, &first, &follow).await, second.listen(&follow, json!({})).await);
        let revoked = ada.ask(REVOKE, json!({ "t": id })).await;
        assert_eq!(revoked["revokeAccessToken"], json!({ "revokedId": id, "errors": [] }));
        assert_eq!(closes(&mut socket).await, Some(4403));
        ends(stream).await;
        let portal = format!("{{ viewer {{ coachPortal(practiceId: \"{practice}\") {{ position }} }} }}");
        let refused = first.whole(&portal, json!({})).await;
        assert_eq!((refused.status, &refused.body["errors"][0]["extensions"]["code"]), (401, &json!("UNAUTHENTICATED")));
        assert_eq!(ada.fails(REVOKE, json!({ "t": id })).await, "NOT_FOUND");
        second.ask(&format!("mutation {{ updatePractice(input: {{ practiceId: \"{practice}\", name: \"New\" }}) {{ errors {{ code }} }} }}"), json!({})).await;
        other.next().await;
        // Signing out everywhere ends tokens, too: whoever holds one was somewhere.
        ada.ask("mutation { signOutEverywhere { done } }", json!({})).await;
        assert_eq!(closes(&mut other).await, Some(4403));
        assert_eq!(second.fails(&portal, json!({})).await, "UNAUTHENTICATED");
        product.prove().await;
    }

    /// A4 and A8: a token ends at its end, and with it what it holds open; a timer takes it off the list.
    #[test]
    async fn a_token_ends_at_its_end(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let soon = "2026-03-02T09:00:01Z";
        let made = ada.ask(CREATE, input(&[scope(&practice, "COACH", "READ")], soon)).await;
        let program = ada.holding(made["createAccessToken"]["token"].as_str().map(str::to_owned));
        let follow = format!("subscription {{ activity(practiceId: \"{practice}\", after: \"at1\") {{ position }} }}");
        let mut socket = program.listen(&follow, json!({})).await;
        socket.next().await;
        product.later(1);
        assert_eq!(closes(&mut socket).await, Some(4403));
        assert_eq!(program.fails("{ viewer { portals { kind } } }", json!({})).await, "UNAUTHENTICATED");
        assert_eq!(ada.ask(LIST, json!({})).await["viewer"]["account"]["accessTokens"], json!([]));
        product.app.ring_timers().await.expect("timers");
        assert_eq!(product.app.ring_timers().await.expect("timers"), 0, "it is gone");
        product.prove().await;
    }

    /// D4: where nothing can be written, whoever is signed in reads on, and so does a program, also when the use of what
    /// they hold is to be noted again.
    #[test]
    async fn who_is_let_in_reads_on_where_nothing_can_be_written(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let (_, program) = program(&ada, &[scope(&practice, "COACH", "READ")]).await;
        let portal = format!("{{ viewer {{ coachPortal(practiceId: \"{practice}\") {{ position }} }} }}");
        let before = ada.ask(&portal, json!({})).await;
        let no_room = "/*postgres: create function no_room() returns trigger language plpgsql as \
            $$ begin raise exception using errcode = '53100'; end $$; \
            create trigger no_room before insert on events for each row execute function no_room(); */\
            /*sqlite: create trigger no_room before insert on events begin select raise(abort, 'no room'); end; */";
        product.app.store().ensure(no_room, 0).await.expect("a trigger");
        product.later(61);
        for who in [&ada, &program] {
            assert_eq!(who.ask(&portal, json!({})).await, before);
        }
        let rename = format!("mutation {{ updatePractice(input: {{ practiceId: \"{practice}\", name: \"New\" }}) {{ errors {{ code }} }} }}");
        let code = ada.fails(&rename, json!({})).await;
        assert!(["STORAGE_FULL", "UNAVAILABLE"].contains(&code.as_str()), "{code}");
        assert_eq!(ada.ask(&portal, json!({})).await, before);
        product.prove().await;
    }

    /// A token has an end within a year, at least one portal, at most twenty, of those that its maker has; an account has
    /// at most fifty.
    #[test]
    async fn tokens_are_bounded(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let (_, far) = product.coach("Zoe").await;
        let one = || vec![scope(&practice, "COACH", "READ")];
        let (scopes_wrong, end_wrong) = ("ACCESS_TOKEN_SCOPES_ARE_OUT_OF_RANGE", "ACCESS_TOKEN_END_IS_OUT_OF_RANGE");
        for (scopes, end, code) in [
            (vec![], "2026-09-01T00:00:00Z", scopes_wrong),
            (vec![scope(&practice, "COACH", "READ"); 21], "2026-09-01T00:00:00Z", scopes_wrong),
            (one(), "2026-03-02T09:00:00Z", end_wrong),
            (one(), "2020-01-01T00:00:00Z", end_wrong),
            (one(), "2027-03-03T09:00:01Z", end_wrong),
        ] {
            assert_eq!(ada.refused(CREATE, input(&scopes, end)).await, code, "{end} {}", scopes.len());
        }
        for foreign in [scope(&far, "COACH", "READ"), scope(&practice, "COACHEE", "READ")] {
            assert_eq!(ada.fails(CREATE, input(&[foreign], "2026-09-01T00:00:00Z")).await, "NOT_FOUND");
        }
        assert_eq!(ada.refused(CREATE, json!({ "i": { "name": " ", "scopes": one(), "expiresAt": "2026-09-01T00:00:00Z" } })).await, "TEXT_IS_BLANK");
        let (first, _) = program(&ada, &vec![scope(&practice, "COACH", "READ"); 20]).await;
        for _ in 1..50 {
            program(&ada, &one()).await;
        }
        let wanted = input(&one(), "2027-03-02T09:00:00Z");
        assert_eq!(ada.refused(CREATE, wanted.clone()).await, "TOO_MANY_ACCESS_TOKENS");
        ada.ask(REVOKE, json!({ "t": first })).await;
        assert_eq!(ada.ask(CREATE, wanted).await["createAccessToken"]["errors"], json!([]));
    }
}
