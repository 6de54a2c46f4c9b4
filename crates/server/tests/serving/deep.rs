//! The deepest selection that is let in, through all resolvers (promise H1): on the program's own runtime, since it is the
//! stack of its threads that must hold it.

use domain::coachee::AddCoachee;
use domain::id::{LogId, PersonId};
use domain::session::{LogSession, Status};
use domain::text::Text;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use super::{Actor, App, LoginThrough, Request, Served, Through, World, found_by, serve, settings};

fn text<T: Text>(text: &str) -> T {
    T::parse(text).unwrap()
}

async fn run(app: &App, log: LogId, person: PersonId, command: impl domain::Decide) {
    let (actor, now, command_id) = (Actor::Person(person), app.clock().now(), app.command());
    let request = Request { log, actor, through: Through::Program, now, command: command_id, idempotency: None };
    app.run(request, command).await.unwrap();
}

/// A coachee with a session, whose coachee has it, and so on.
async fn fill(served: &Served) -> (String, String) {
    let app = served.app();
    let (person, practice) = found_by(app).await;
    let (log, coachee) = (LogId::Practice(practice), app.mint());
    let (first_name, last_name, email) = (text("Robin"), text("Vale"), text("robin.vale@canary.example"));
    run(app, log, person, AddCoachee { coachee, first_name, last_name, email, invitation: None }).await;
    let started_at = app.clock().now().plus_minutes(-60);
    let (title, minutes, status) = (text("Looking back"), 50, Status::Attended);
    let session = app.mint();
    run(app, log, person, LogSession { session, coachee, title, started_at, minutes, status, authorization: None })
        .await;
    let token = app.make_login(person, LoginThrough::Program, app.clock().now()).await.unwrap();
    (token.text, practice.to_string())
}

/// A document of twenty levels of fields, and where in its answer the deepest one stands.
fn deepest(practice: &str) -> (String, String) {
    let round = "sessions(first: 1) { nodes { coachee { ";
    let head = format!("{{ viewer {{ coachPortal(practiceId: \"{practice}\") {{ coachees(first: 1) {{ nodes {{ ");
    let place =
        "/viewer/coachPortal/coachees/nodes/0".to_owned() + &"/sessions/nodes/0/coachee".repeat(5) + "/firstName";
    (format!("{head}{} firstName {}", round.repeat(5), "}".repeat(20)), place)
}

#[test]
fn the_deepest_selection_is_answered_over_http_and_on_a_socket() {
    let runtime = server::cli::runtime().unwrap();
    // On a worker, as the program's connections are.
    runtime
        .block_on(runtime.spawn(async {
            let folder = tempfile::tempdir().unwrap();
            let served = serve::open(&settings(folder.path()), &World::machine()).await.unwrap();
            let (token, practice) = fill(&served).await;
            let (document, place) = deepest(&practice);
            let asked = json!({ "query": document });
            let url = format!("http://{}/graphql", served.address());
            let answer = reqwest::Client::new().post(&url).bearer_auth(&token).json(&asked).send().await.unwrap();
            let told: Value = answer.json().await.unwrap();
            assert_eq!(told["data"].pointer(&place), Some(&json!("Robin")), "{told}");

            let mut request = url.replacen("http", "ws", 1).into_client_request().unwrap();
            request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().unwrap());
            let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
            let begin = json!({ "type": "connection_init", "payload": { "authorization": format!("Bearer {token}") } });
            let ask = json!({ "type": "subscribe", "id": "deep", "payload": asked });
            for message in [begin, ask] {
                socket.send(Message::text(message.to_string())).await.unwrap();
            }
            let told = loop {
                let message = socket.next().await.unwrap().unwrap();
                let told: Value = serde_json::from_str(message.to_text().unwrap()).unwrap_or_default();
                if told["id"] == "deep" {
                    break told;
                }
            };
            assert_eq!(told["payload"]["data"].pointer(&place), Some(&json!("Robin")), "{told}");
            served.stop().await;
        }))
        .unwrap();
}
