//! A4: whoever loses their sign-in or their portal hears nothing more, whichever way they listen.

use serde_json::json;
use tests::both;

use super::{ACTIVITY, Events, changes_of};
use crate::plan::{goal, position};

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
}
