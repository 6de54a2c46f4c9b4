//! C6: whatever the program is asked and whatever goes wrong, what it writes to its log holds nobody's words, addresses,
//! tokens or keys; also where its operator has it tell everything.
//!
//! The real program runs with `log_filter = "trace"`, in both formats. It is given marked texts in every place that a
//! stranger or a user can write to, in requests that are done, refused, malformed and forged, over HTTP, event streams and
//! a socket; a mail server with a marked password that is not there; and a database that was damaged under it.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use store::Type;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::chance::told;
use crate::place::Place;

/// How long a socket may say nothing until it is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// What marks every text that may not be said.
const MARK: &str = "zqsaid";

/// Someone who says marked things, and what was secret of it beside the mark.
struct Speaker<'p> {
    place: &'p Place,
    client: reqwest::Client,
    secrets: BTreeSet<String>,
    answers: u64,
}

impl Speaker<'_> {
    /// Sends a body as it is, with these headers.
    async fn send(&mut self, path: &str, headers: &[(&str, &str)], body: impl Into<reqwest::Body>) -> Value {
        let mut request = self.client.post(self.place.url(path)).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        // Whoever sends too much may be cut off before the answer.
        let Ok(answer) = request.send().await else { return Value::Null };
        self.answers += 1;
        serde_json::from_str(&answer.text().await.unwrap_or_default()).unwrap_or(Value::Null)
    }

    /// Asks as the coach.
    async fn ask(&mut self, query: &str, variables: Value) -> Value {
        let bearer = format!("Bearer {}", self.place.token());
        let headers = [("authorization", &*bearer), ("content-type", "application/json")];
        let headers = [headers[0], headers[1], ("idempotency-key", &*format!("{MARK}{}", self.answers))];
        self.send("/graphql", &headers, json!({ "query": query, "variables": variables }).to_string()).await
    }

    /// A mutation of the practice with this input: the first id in its answer.
    async fn change(&mut self, mutation: &str, shows: &str, mut input: Value) -> String {
        input["practiceId"] = json!(self.place.practice.to_string());
        let kind = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
        let query =
            format!("mutation($i: {kind}!) {{ {mutation}(input: $i) {{ {shows} errors {{ code message }} }} }}");
        let answer = self.ask(&query, json!({ "i": input })).await;
        let shown = shows.split_whitespace().next().unwrap_or_default();
        answer["data"][mutation][shown]["id"].as_str().unwrap_or_default().to_owned()
    }

    /// What is done: every kind of text.
    async fn what_is_done(&mut self) {
        let coachee = self.place.coachee.to_string();
        let marked = |what: &str| format!("{MARK}-{what}");
        self.change("updatePractice", "position", json!({ "name": marked("practice") })).await;
        let coach = json!({ "displayName": marked("coach"), "phone": marked("phone"), "videoLink": format!("https://{MARK}.example") });
        self.change("updateCoachSettings", "position", coach).await;
        let email = |name: &str| format!("{MARK}-{name}@said.example");
        let guest = json!({ "firstName": marked("first"), "lastName": marked("last"), "email": email("guest"), "sendInvitation": true });
        assert_ne!(self.change("addCoachee", "coachee { id }", guest.clone()).await, "");
        // A second one of the address is refused.
        assert_eq!(self.change("addCoachee", "coachee { id }", guest).await, "");
        self.change("addCoach", "position", json!({ "name": marked("new"), "email": email("coach") })).await;
        let of = |mut input: Value| {
            input["coacheeId"] = json!(coachee);
            input
        };
        self.change("setActiveGoal", "position", of(json!({ "activeGoal": marked("aim") }))).await;
        self.change("writeSynopsis", "position", of(json!({ "synopsis": marked("synopsis") }))).await;
        let goal = of(json!({ "title": marked("goal"), "dueOn": "2027-01-01" }));
        assert_ne!(self.change("addGoal", "goal { id }", goal).await, "");
        let session = self.change("startSession", "session { id }", of(json!({ "title": marked("session") }))).await;
        assert_ne!(session, "");
        let notes = json!({ "sessionId": session, "base": 0, "text": format!("{MARK} was said\n") });
        self.change("saveSessionNotes", "position", notes).await;
        self.change(
            "rateSession",
            "position",
            json!({ "sessionId": session, "rating": 3, "reflection": marked("own") }),
        )
        .await;
        let read = "query($p: ID!) { viewer { coachPortal(practiceId: $p) { coachees { nodes { firstName email } } goals { nodes { title } }
            activityLog { nodes { entry } } } account { email } } }";
        let seen = self.ask(read, json!({ "p": self.place.practice.to_string() })).await;
        assert!(seen.to_string().contains(MARK), "{seen}");
    }

    /// What is refused, malformed and forged.
    async fn what_is_refused(&mut self) {
        let json_type = ("content-type", "application/json");
        let long = MARK.repeat(2_000);
        self.change(
            "setActiveGoal",
            "position",
            json!({ "coacheeId": self.place.coachee.to_string(), "activeGoal": long }),
        )
        .await;
        let nowhere = json!({ "goalId": "goal_01h455vb4pex5vsknk084sn02q", "title": MARK });
        self.change("updateGoal", "position", nowhere).await;
        self.change("addGoal", "position", json!({ "coacheeId": MARK, "title": { "is": MARK }, "dueOn": MARK })).await;
        for document in [
            format!("{{ {MARK} }}"),
            format!("{{ viewer(is: \"{MARK}\") {{ account {{ email }} }} }}"),
            format!("query {MARK}($a: Int = \"{MARK}\") {{ node(id: \"{MARK}\") {{ id }} }}"),
            format!("{{ viewer {{ ... on {MARK} {{ id }} ...{MARK} }} }}"),
            format!("\"{MARK}"),
            format!("subscription {{ activity(practiceId: \"{MARK}\") {{ position }} }}"),
        ] {
            self.ask(&document, json!({ "a": MARK, MARK: MARK })).await;
        }
        for body in [
            format!("{{\"query\":\"{MARK}"),
            format!("[\"{MARK}\"]"),
            format!("{{\"query\":{{\"{MARK}\":1}}}}"),
            MARK.repeat(60_000),
        ] {
            self.send("/graphql", &[json_type], body.clone()).await;
            self.send("/graphql", &[("content-type", "text/plain")], body).await;
        }
        let person = self.place.founder.to_string();
        let (bearer, cookie) =
            (format!("Bearer {person}.{MARK}"), format!("__Host-session={person}.{MARK}; {MARK}={MARK}"));
        let origin = format!("https://{MARK}.example");
        let about = json!({ "query": "{ viewer { account { email } } }" }).to_string();
        for header in [
            ("authorization", &*bearer),
            ("authorization", MARK),
            ("cookie", &cookie),
            ("origin", &origin),
            ("user-agent", MARK),
        ] {
            self.send("/graphql", &[json_type, header, ("referer", &origin)], about.clone()).await;
        }
        for path in ["login", "invitations", "auth/google", "graphql", "demo"] {
            for uri in [format!("/{path}/{MARK}"), format!("/{path}?token={MARK}&query={{{MARK}}}")] {
                self.send(
                    &uri,
                    &[("content-type", "application/x-www-form-urlencoded")],
                    format!("email={MARK}%40said.example&code={MARK}"),
                )
                .await;
                let seen = self.client.get(self.place.url(&uri)).send().await.expect("an answer");
                drop(seen.bytes().await);
            }
        }
        // Links: one that is asked for, and ones that nobody has.
        let link = "mutation($e: EmailAddress!) { requestSignInLink(input: { email: $e }) { code } }";
        let asked = self
            .send(
                "/graphql",
                &[json_type],
                json!({ "query": link, "variables": { "e": format!("{MARK}@said.example") } }).to_string(),
            )
            .await;
        self.secrets.extend(asked["data"]["requestSignInLink"]["code"].as_str().map(|code| format!("\"{code}\"")));
        for mutation in [
            format!("mutation {{ signIn(input: {{ token: \"{MARK}\", code: \"{MARK}\" }}) {{ errors {{ code }} }} }}"),
            format!(
                "mutation {{ acceptInvitation(input: {{ token: \"{}.{MARK}\" }}) {{ errors {{ code }} }} }}",
                self.place.practice
            ),
            format!(
                "mutation {{ signInWithGoogle(input: {{ credential: \"{MARK}.{MARK}.{MARK}\" }}) {{ errors {{ code }} }} }}"
            ),
        ] {
            self.send("/graphql", &[json_type], json!({ "query": mutation }).to_string()).await;
        }
    }

    /// The same as before, over a database that was damaged.
    async fn what_fails(&mut self) {
        let coachee = self.place.coachee.to_string();
        let mut failed = 0;
        for number in 0..3 {
            let input = json!({ "coacheeId": coachee, "title": format!("{MARK}-{number}"), "dueOn": "2027-01-01" });
            failed += usize::from(self.change("addGoal", "goal { id }", input).await.is_empty());
        }
        let practice = self.place.practice.to_string();
        for shows in ["goals { nodes { title } }", "activityLog(first: 100) { nodes { entry } }", "auditHead { root }"]
        {
            // Where it fails is a path of the asker's own words.
            let query = format!(
                "query($p: ID!) {{ {MARK}: viewer {{ {MARK}: coachPortal(practiceId: $p) {{ {MARK}: {shows} }} }} }}"
            );
            failed += usize::from(self.ask(&query, json!({ "p": practice })).await["errors"].is_array());
        }
        assert!(failed >= 4, "{failed}");
    }

    /// An event stream and a socket: with the token, with a wrong one, with words that are no messages.
    async fn what_is_followed(&mut self) {
        let follow = "subscription($p: ID!) { coachPortalChanges(practiceId: $p) { position changes { __typename ... on Goal { title } } } }";
        let asked = json!({ "query": follow, "variables": { "p": self.place.practice.to_string() } });
        let stream = self.client.post(self.place.url("/graphql")).header("accept", "text/event-stream");
        let stream = stream.bearer_auth(self.place.token()).json(&asked).send().await.expect("a stream");
        let mut items = stream.bytes_stream();
        let (mut seen, mut number) = (String::new(), 0);
        while !seen.contains(MARK) {
            // Until it follows, and tells of one.
            number += 1;
            assert!(number < 60, "nothing is told: {seen}");
            let title = format!("{MARK} followed {number}");
            let goal = json!({ "coacheeId": self.place.coachee.to_string(), "title": title, "dueOn": "2027-01-01" });
            self.change("addGoal", "goal { id }", goal).await;
            while let Ok(Some(Ok(bytes))) = tokio::time::timeout(Duration::from_secs(1), items.next()).await {
                seen.push_str(&String::from_utf8_lossy(&bytes));
            }
        }
        let token = self.place.token().to_owned();
        for (authorization, messages) in [
            (
                format!("Bearer {token}"),
                vec![json!({ "type": "subscribe", "id": MARK, "payload": asked }).to_string(), MARK.to_owned()],
            ),
            (format!("Bearer {MARK}"), vec![]),
            (MARK.to_owned(), vec![format!("{{\"type\":\"{MARK}\"}}")]),
        ] {
            let url = self.place.url("/graphql").replacen("http", "ws", 1);
            let mut request = url.into_client_request().unwrap();
            request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().unwrap());
            let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
            let begin = json!({ "type": "connection_init", "payload": { "authorization": authorization } });
            for message in [begin.to_string()].into_iter().chain(messages) {
                // It may be closed already.
                drop(socket.send(Message::text(message)).await);
            }
            // Until the server has had enough of it.
            while let Ok(Some(Ok(_))) = tokio::time::timeout(PATIENCE, socket.next()).await {}
            self.answers += 1;
        }
    }
}

/// The table of goals is gone, and an event's record says marked things where numbers should be.
async fn damage(place: &Place) {
    let app = place.open(domain::value::Time(0)).await;
    let goals = app.tables().physical(<domain::plan::Goal as domain::row::Row>::TABLE).unwrap();
    let mut batch = app.store().batch().await.unwrap();
    let wrong = format!("{{\"seq\": \"{MARK}\", \"{MARK}\": 1}}");
    let wrong = match app.store().database() {
        store::Database::Sqlite => format!("cast('{wrong}' as blob)"),
        store::Database::Postgres => format!("'{wrong}'::bytea"),
    };
    let statements = [
        format!("alter table {} rename to away", goals.name),
        format!("update events set record = {wrong} where seq = 4"),
    ];
    for statement in statements {
        // Statements live as long as the program; two leak here.
        batch.query(statement.leak(), &[], &[Type::Int]).await.unwrap();
    }
    batch.commit().await.unwrap();
    app.stop().await;
}

async fn says_nothing(mut place: Place, format: &str) {
    place.set("THROUGHLINE_LOG_FILTER", "trace".to_owned());
    place.set("THROUGHLINE_LOG_FORMAT", format.to_owned());
    // Nobody listens there.
    place.set("THROUGHLINE_SMTP_URL", format!("smtp://{MARK}:{MARK}@127.0.0.1:9"));
    let running = place.start().await;
    let client = reqwest::Client::builder().timeout(Duration::from_mins(2)).build().unwrap();
    let mut speaker = Speaker { place: &place, client, secrets: BTreeSet::new(), answers: 0 };
    speaker.what_is_done().await;
    speaker.what_is_refused().await;
    speaker.what_is_followed().await;
    damage(&place).await;
    speaker.what_fails().await;
    let (mut secrets, answers) = (speaker.secrets, speaker.answers);
    running.stop();
    // The operator's commands over what is broken say what is wrong, and not with whose words.
    for arguments in [&["verify"][..], &["replay", "--check"], &["replay"], &["doctor"]] {
        place.program(&[], arguments).status().unwrap();
    }

    let said = place.said();
    let (_, secret) = place.token().split_once('.').expect("a token");
    secrets.insert(secret.to_owned());
    for file in ["root.key", "signing.key"] {
        secrets.insert(std::fs::read_to_string(place.data.join(file)).unwrap().trim().to_owned());
    }
    secrets.extend([MARK, "said.example", "ada@practice.example", "robin@coachee.example", "Robin"].map(str::to_owned));
    let found = |text: &str| secrets.iter().filter(|secret| text.contains(&***secret)).count();
    let told: Vec<&str> = said.lines().filter(|line| found(line) > 0).take(20).collect();
    assert!(told.is_empty(), "{} said:\n{}", told.len(), told.join("\n"));

    // It was not silent: it told of requests, of mail and of what went wrong. And what is searched for is found.
    assert!(answers > 50, "{answers}");
    for word in ["TRACE", "INFO", "WARN", "ERROR", "/graphql", "mail"] {
        assert!(said.contains(word), "nothing says {word}");
    }
    assert_eq!(found(&format!("{said} {MARK}")), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_program_says_holds_nobodys_words() {
    for format in ["text", "json"] {
        let folder = tempfile::tempdir().unwrap();
        says_nothing(Place::prepare(&folder.path().join("data"), None).await, format).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_program_says_holds_nobodys_words_on_postgres() {
    let folder = tempfile::tempdir().unwrap();
    let database = cluster::database(told(cluster::VARIABLE).as_deref(), "said").unwrap();
    says_nothing(Place::prepare(&folder.path().join("data"), Some(database)).await, "json").await;
}
