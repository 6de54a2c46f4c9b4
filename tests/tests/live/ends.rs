//! A4: whoever loses their sign-in or their portal hears nothing more, whichever way they listen.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{Person, both};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use super::{ACTIVITY, Events, REVOKE, changes_of};
use crate::audit::grant;
use crate::note::written;
use crate::plan::{goal, position};

/// Asks by a connection, and reads until this has arrived.
async fn begun(
    mut connection: DuplexStream,
    who: &Person,
    (accept, body): (&str, &Value),
    until: &str,
) -> (DuplexStream, Vec<u8>) {
    let (token, body) = (who.token.as_ref().expect("signed in"), body.to_string());
    let length = body.len();
    let request = format!(
        "POST /graphql HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\naccept: {accept}\r\n\
         content-type: application/json\r\nauthorization: Bearer {token}\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    connection.write_all(request.as_bytes()).await.expect("it is sent");
    let mut arrived = Vec::new();
    while !String::from_utf8_lossy(&arrived).contains(until) {
        let more = tokio::time::timeout(tests::PATIENCE, connection.read_buf(&mut arrived));
        assert!(more.await.expect("something must come").expect("it is read") > 0, "it ended");
    }
    (connection, arrived)
}

both! {
    /// Signing out everywhere ends event streams and sockets of every sign-in; other people's go on.
    #[test]
    async fn signing_out_everywhere_ends_streams_and_sockets(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let bob = product.further_coach(&ada, &practice, "Bob", "MANAGER").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let after = position(&ada, &practice).await;
        let phone = product.person(&bob.email).await;
        let body = json!({ "query": ACTIVITY, "variables": { "p": practice, "a": after } });
        let mut stream = Events::open(&product, &phone, &body, None).await;
        let mut socket = bob.listen(&changes_of("coach"), json!({ "p": practice, "a": after })).await;
        let mut adas = ada.listen(&changes_of("coach"), json!({ "p": practice, "a": after })).await;
        goal(&ada, &practice, &robin, "Lead").await;
        assert_eq!(stream.next().await.1["activity"]["entry"]["entry"], "goal_add");
        assert_eq!(socket.next().await["coachPortalChanges"]["changes"][0]["title"], "Lead");
        assert_eq!(adas.next().await["coachPortalChanges"]["changes"][0]["title"], "Lead");
        bob.ask("mutation { signOutEverywhere { done } }", json!({})).await;
        let answered = tokio::time::Instant::now();
        assert_eq!(stream.ends().await, "UNAUTHENTICATED");
        assert_eq!((socket.message().await, socket.closed), (None, Some(4403)));
        println!("signed out everywhere: stream and socket ended {:.1?} after the answer", answered.elapsed());
        goal(&ada, &practice, &robin, "Rest").await;
        assert_eq!(adas.next().await["coachPortalChanges"]["changes"][0]["title"], "Rest");
    }

    /// A coach who is removed loses every stream, and hears nothing of what happens in the same moment.
    #[test]
    async fn a_removed_coach_loses_the_stream(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let bob = product.further_coach(&ada, &practice, "Bob", "MANAGER").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let after = position(&ada, &practice).await;
        let body = json!({ "query": changes_of("coach"), "variables": { "p": practice, "a": after } });
        let mut stream = Events::open(&product, &bob, &body, None).await;
        let remove = json!({ "i": { "practiceId": practice, "coachId": bob.id } });
        ada.ask("mutation($i: RemoveCoachInput!) { removeCoach(input: $i) { errors { code } } }", remove).await;
        let answered = tokio::time::Instant::now();
        goal(&ada, &practice, &robin, "Not Bob's").await;
        assert_eq!(stream.ends().await, "FORBIDDEN");
        println!("removed: the stream ended within {:.1?} of the answer", answered.elapsed());
        assert!(!stream.everything().contains("Not Bob's"));
    }

    /// What is half written to who reads slowly, and what waits behind it, is theirs no more when they lose access.
    #[test]
    async fn what_was_not_on_its_way_when_access_ended_never_arrives(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let bob = product.further_coach(&ada, &practice, "Bob", "COACH").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        grant(&ada, &practice, &bob, &robin).await;
        let after = position(&bob, &practice).await;
        let text = "word ".repeat(20_000);
        written(&bob, &practice, &robin, "A long one", &text).await;
        let numbers = api::http::Numbers::default();
        let query = "subscription($p: ID!, $a: Position) { coachPortalChanges(practiceId: $p, after: $a) {
            position changes { ... on Note { id text } } } }";
        let body = json!({ "query": query, "variables": { "p": practice, "a": after } });
        let (mut connection, mut arrived) =
            begun(product.narrow(4096, &numbers), &bob, ("text/event-stream", &body), "event: next").await;
        ada.ask(REVOKE, json!({ "i": { "practiceId": practice, "coachId": bob.id, "coacheeId": robin } })).await;
        let ends = async {
            while numbers.streams() > 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(tests::PATIENCE, ends).await.expect("the stream ends though nobody reads");
        connection.read_to_end(&mut arrived).await.expect("the rest");
        assert!(arrived.len() < text.len() / 2, "{} bytes arrived", arrived.len());
    }

    /// Nor is a long answer theirs to its end, if they have not read it when they lose access.
    #[test]
    async fn a_long_answer_that_is_read_slowly_breaks_off_when_access_ends(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let bob = product.further_coach(&ada, &practice, "Bob", "COACH").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        grant(&ada, &practice, &bob, &robin).await;
        let text = "word ".repeat(20_000);
        for title in ["A long one", "Another", "A third"] {
            written(&bob, &practice, &robin, title, &text).await;
        }
        let query = "query($p: ID!, $c: ID!) { viewer { coachPortal(practiceId: $p) { coachee(id: $c) {
            notes(first: 3) { nodes { text } } } } } }";
        let body = json!({ "query": query, "variables": { "p": practice, "c": robin } });
        let asked = async || {
            let connection = product.narrow(4096, &api::http::Numbers::default());
            begun(connection, &bob, ("application/json", &body), "word word").await
        };
        let (mut connection, mut arrived) = asked().await;
        connection.read_to_end(&mut arrived).await.expect("the rest");
        assert!(arrived.len() > 3 * text.len(), "{} bytes arrived", arrived.len());
        let (mut connection, mut arrived) = asked().await;
        ada.ask(REVOKE, json!({ "i": { "practiceId": practice, "coachId": bob.id, "coacheeId": robin } })).await;
        // Twice as long as it takes until it is asked for.
        tokio::time::sleep(Duration::from_secs(1)).await;
        connection.read_to_end(&mut arrived).await.expect("the rest");
        assert!(arrived.len() < text.len(), "{} bytes arrived", arrived.len());
    }

    /// What was looked at is looked at again, before it is told to who was slow.
    #[test]
    async fn what_was_seen_is_asked_for_again(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let bob = product.further_coach(&ada, &practice, "Bob", "COACH").await;
        let (robin, kim) = (product.coachee(&ada, &practice, "Robin").await, product.coachee(&ada, &practice, "Kim").await);
        grant(&ada, &practice, &bob, &robin).await;
        let log = practice.parse::<domain::id::PracticeId>().expect("an id");
        let reader = |who: &tests::Person| app::Reader::new(who.id.parse().expect("an id"), app::Through::Program);
        let (adas, bobs) = (reader(&ada), reader(&bob));
        let coach = domain::account::Portal::Coach;
        product.app.view(&adas, log, coach, None).await.expect("a portal");
        let mut watch = product.app.watch(&bobs, log, coach, None).await.expect("a portal");
        for looked in [&adas.looked, &bobs.looked] {
            product.app.still_sees(looked).await.expect("nothing has changed");
        }
        ada.ask(REVOKE, json!({ "i": { "practiceId": practice, "coachId": bob.id, "coacheeId": robin } })).await;
        assert!(matches!(product.app.still_sees(&bobs.looked).await, Err(app::Error::Again)));
        product.app.still_sees(&adas.looked).await.expect("hers has not changed");
        watch.look().await.expect("Bob is a coach");
        product.app.still_sees(&bobs.looked).await.expect("it was looked at anew");
        let erase = json!({ "i": { "practiceId": practice, "coacheeId": kim, "confirmName": "Kim Reed" } });
        ada.ask("mutation($i: EraseCoacheeInput!) { eraseCoachee(input: $i) { errors { code } } }", erase).await;
        assert!(matches!(product.app.still_sees(&adas.looked).await, Err(app::Error::Again)));
        let remove = json!({ "i": { "practiceId": practice, "coachId": bob.id } });
        ada.ask("mutation($i: RemoveCoachInput!) { removeCoach(input: $i) { errors { code } } }", remove).await;
        assert!(matches!(product.app.still_sees(&bobs.looked).await, Err(app::Error::Forbidden)));
    }

    /// Who was forgotten long ago keeps nothing from who reads slowly: not what happened before, from who catches up with
    /// it, and no sign of life from those whom it did not concern.
    #[test]
    async fn who_was_forgotten_before_keeps_nothing_back(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let bob = product.further_coach(&ada, &practice, "Bob", "COACH").await;
        let kim = product.coachee(&ada, &practice, "Kim").await;
        let log = practice.parse::<domain::id::PracticeId>().expect("an id");
        let reader = |who: &tests::Person| app::Reader::new(who.id.parse().expect("an id"), app::Through::Program);
        let (adas, bobs) = (reader(&ada), reader(&bob));
        let coach = domain::account::Portal::Coach;
        let mut follows = product.app.watch(&bobs, log, coach, None).await.expect("a portal");
        let erase = json!({ "i": { "practiceId": practice, "coacheeId": kim, "confirmName": "Kim Reed" } });
        ada.ask("mutation($i: EraseCoacheeInput!) { eraseCoachee(input: $i) { errors { code } } }", erase).await;
        let end = product.app.view(&reader(&ada), log, coach, None).await.expect("a portal").position;

        let until = tokio::time::Instant::now() + tests::PATIENCE;
        let mut catches_up = product.app.watch(&adas, log, coach, Some(0)).await.expect("a portal");
        let first = catches_up.next_entry(until).await.expect("it goes on").expect("an entry");
        assert!(first.happened().when.seq < end, "she is forgotten after that");
        product.app.still_sees(&adas.looked).await.expect("nothing has changed since");
        while follows.position() < end {
            assert!(tokio::time::Instant::now() < until, "Bob never hears of it");
            let soon = tokio::time::Instant::now() + Duration::from_secs(1);
            assert!(follows.next(soon).await.expect("it goes on").is_none(), "Bob has never seen her");
        }
        product.app.still_sees(&bobs.looked).await.expect("his sight has not changed");
    }
}
