//! Messages between a coach and a coachee (S2.16): sending, reading, following, and who never sees them.

use serde_json::{Value, json};
use tests::{Listening, Person, Product, both};

use crate::audit::{entries, grant, names};
use crate::plan::position;

const SEND: &str = "mutation($i: SendMessageInput!) { sendMessage(input: $i) {
    message { id conversationId by number text } position errors { code } } }";
const REVOKE: &str = "mutation($i: RevokeAccessInput!) { revokeAccess(input: $i) { errors { code } } }";
const READ: &str = "mutation($i: MarkConversationReadInput!) { markConversationRead(input: $i) {
    conversation { unreadCount readByCoach { number } readByCoachee { number } } errors { code } } }";

/// Sends a message: its payload.
async fn sent(by: &Person, practice: &str, to: Value, text: &str) -> Value {
    let answer = by.ask(SEND, input(practice, to, text)).await["sendMessage"].clone();
    assert_eq!(answer["errors"], json!([]), "{answer}");
    answer["message"].clone()
}

fn input(practice: &str, to: Value, text: &str) -> Value {
    let mut input = to;
    input["practiceId"] = json!(practice);
    input["text"] = json!(text);
    json!({ "i": input })
}

/// The conversations in a portal.
async fn conversations(who: &Person, portal: &str, practice: &str) -> Vec<Value> {
    let query = format!(
        "query($p: ID!) {{ viewer {{ {portal}(practiceId: $p) {{ conversations(first: 9) {{ nodes {{
            id withName unreadCount messageCount lastMessage {{ text }} }} }} }} }} }}"
    );
    let data = who.ask(&query, json!({ "p": practice })).await;
    data["viewer"][portal]["conversations"]["nodes"].as_array().expect("conversations").clone()
}

/// What one shows in a list.
fn line(conversation: &Value) -> (&str, u64, &str) {
    (
        conversation["withName"].as_str().unwrap_or_default(),
        conversation["unreadCount"].as_u64().expect("a number"),
        conversation["lastMessage"]["text"].as_str().unwrap_or_default(),
    )
}

/// Ada owns the practice and leads Robin; Bob coaches Robin, Cleo coaches nobody, Mia manages.
struct Scene {
    practice: String,
    ada: Person,
    mia: Person,
    bob: Person,
    cleo: Person,
    robin: String,
    coachee: Person,
}

impl Scene {
    async fn new(product: &Product) -> Self {
        let (ada, practice) = product.coach("Ada").await;
        let mia = product.further_coach(&ada, &practice, "Mia", "MANAGER").await;
        let bob = product.further_coach(&ada, &practice, "Bob", "COACH").await;
        let cleo = product.further_coach(&ada, &practice, "Cleo", "COACH").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        grant(&ada, &practice, &bob, &robin).await;
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        Self { practice, ada, mia, bob, cleo, robin, coachee }
    }

    fn to_robin(&self) -> Value {
        json!({ "coacheeId": self.robin })
    }

    fn to_bob(&self) -> Value {
        json!({ "coacheeId": self.robin, "coachId": self.bob.id })
    }
}

const FOLLOW: &str = "subscription($p: ID!, $c: ID!, $a: Position) { conversation(practiceId: $p, id: $c, after: $a) { position changes {
    __typename ... on Message { id number text } ... on Conversation { unreadCount messageCount } } } }";

/// The numbers of the messages of the next item, and its position.
async fn heard(live: &mut Listening) -> (Vec<u64>, Value) {
    let item = live.next().await["conversation"].clone();
    let messages = item["changes"].as_array().expect("changes").iter().filter_map(|change| change["number"].as_u64());
    (messages.collect(), item["position"].clone())
}

both! {
    /// One conversation for each two, from either side, the one with the newest message first; read marks are seen by both.
    #[test]
    async fn s2_16_a_coach_and_a_coachee_send_messages(product: Product) {
        let scene = Scene::new(&product).await;
        let Scene { practice, ada, bob, coachee, .. } = &scene;
        let first = sent(bob, practice, scene.to_robin(), "How was Berlin?").await;
        assert_eq!((&first["by"], &first["number"]), (&json!("COACH"), &json!(1)));
        let conversation = json!({ "conversationId": first["conversationId"] });
        let second = sent(coachee, practice, conversation.clone(), "Loud.\nAnd good.").await;
        assert_eq!((&second["by"], &second["number"], &second["conversationId"]), (&json!("COACHEE"), &json!(2), &first["conversationId"]));
        assert_eq!(sent(coachee, practice, scene.to_bob(), "And you?").await["conversationId"], first["conversationId"]);
        product.later(1);
        // Who names nobody writes to the coach who leads them.
        let lead = sent(coachee, practice, scene.to_robin(), "Are you there?").await;
        assert_ne!(lead["conversationId"], first["conversationId"]);
        let mine = conversations(coachee, "coacheePortal", practice).await;
        assert_eq!(mine.iter().map(line).collect::<Vec<_>>(), [("Ada", 0, "Are you there?"), ("Bob", 1, "And you?")]);
        let bobs = conversations(bob, "coachPortal", practice).await;
        assert_eq!(bobs.iter().map(line).collect::<Vec<_>>(), [("Robin Reed", 2, "And you?")]);
        let adas = conversations(ada, "coachPortal", practice).await;
        assert_eq!(adas.iter().map(line).collect::<Vec<_>>(), [("Robin Reed", 1, "Are you there?")]);
        // Bob reads up to the second one, then all; a mark never goes back.
        let read = async |who: &Person, up_to: Option<&Value>| {
            let input = json!({ "practiceId": practice, "conversationId": first["conversationId"], "upTo": up_to });
            let answer = who.ask(READ, json!({ "i": input })).await["markConversationRead"].clone();
            assert_eq!(answer["errors"], json!([]));
            let it = &answer["conversation"];
            json!([it["unreadCount"], it["readByCoach"]["number"], it["readByCoachee"]["number"]])
        };
        assert_eq!(read(bob, Some(&second["id"])).await, json!([1, 2, 0]));
        assert_eq!(read(bob, None).await, json!([0, 3, 0]));
        assert_eq!(read(bob, Some(&first["id"])).await, json!([0, 3, 0]));
        assert_eq!(read(coachee, Some(&first["id"])).await, json!([0, 3, 1]));
        // In a coachee's file the coach has the conversation at hand; pages run from the newest back.
        let page = "query($p: ID!, $c: ID!, $a: String) { viewer { coachPortal(practiceId: $p) { coachee(id: $c) { conversation { messageCount
            messages(first: 2, after: $a) { nodes { number text by } pageInfo { hasNextPage endCursor } } } } } } }";
        let ask = async |after: Value| bob.ask(page, json!({ "p": practice, "c": scene.robin, "a": after })).await["viewer"]["coachPortal"]["coachee"]["conversation"].clone();
        let newest = ask(Value::Null).await;
        assert_eq!(newest["messages"]["nodes"], json!([{ "number": 3, "text": "And you?", "by": "COACHEE" }, { "number": 2, "text": "Loud.\nAnd good.", "by": "COACHEE" }]));
        let oldest = ask(newest["messages"]["pageInfo"]["endCursor"].clone()).await;
        assert_eq!((&oldest["messages"]["nodes"][0]["number"], &oldest["messages"]["pageInfo"]["hasNextPage"]), (&json!(1), &json!(false)));
        // Both have it in their log; what is too long or empty is refused.
        for (who, portal) in [(bob, "coachPortal"), (coachee, "coacheePortal")] {
            let log = entries(who, portal, practice, json!({ "kinds": ["message_send"] })).await;
            assert_eq!(log[0]["changes"][1]["now"], "How was Berlin?");
        }
        assert_eq!(bob.refused(SEND, input(practice, scene.to_robin(), &"x".repeat(10_001))).await, "TEXT_IS_TOO_LONG");
        assert_eq!(bob.refused(SEND, input(practice, scene.to_robin(), "")).await, "TEXT_IS_BLANK");
        for nonsense in [json!({}), json!({ "coachId": bob.id }), json!({ "conversationId": first["conversationId"], "coacheeId": scene.robin })] {
            assert_eq!(bob.fails(SEND, input(practice, nonsense, "To whom?")).await, "BAD_REQUEST");
        }
        // As of an earlier moment each side sees what it had by then.
        let then = "query($p: ID!) { viewer { coacheePortal(practiceId: $p, asOf: { time: \"2026-03-02T09:00:30Z\" }) { conversations { nodes { messageCount } } } } }";
        let then = coachee.ask(then, json!({ "p": practice })).await;
        assert_eq!(then["viewer"]["coacheePortal"]["conversations"]["nodes"], json!([{ "messageCount": 3 }]));
        product.prove().await;
    }

    /// No manager, no other coach, no owner: not the messages, not that there are any, in no list, log, proof or subscription.
    #[test]
    async fn messages_are_the_two_sides_alone(product: Product) {
        let scene = Scene::new(&product).await;
        let Scene { practice, ada, mia, bob, cleo, coachee, .. } = &scene;
        let from = position(ada, practice).await;
        let follow = json!({ "p": practice, "a": from });
        let listen = "subscription($p: ID!, $a: Position) { coachPortalChanges(practiceId: $p, after: $a) { changes { __typename } } }";
        let review = "subscription($p: ID!, $a: Position) { activity(practiceId: $p, after: $a) { entry { kind } } }";
        let mut live = Vec::new();
        for who in [ada, mia] {
            live.push((who.listen(listen, follow.clone()).await, who.listen(review, follow.clone()).await));
        }
        let message = sent(bob, practice, scene.to_robin(), "Between us").await;
        sent(coachee, practice, scene.to_bob(), "Only us").await;
        coachee.ask(READ, json!({ "i": { "practiceId": practice, "conversationId": message["conversationId"] } })).await;
        let place = position(ada, practice).await;
        for who in [ada, mia, cleo] {
            assert!(conversations(who, "coachPortal", practice).await.is_empty());
            for id in [&message["id"], &message["conversationId"]] {
                assert_eq!(who.fails("query($i: ID!) { node(id: $i) { id } }", json!({ "i": id })).await, "NOT_FOUND");
            }
            assert_eq!(who.fails(SEND, input(practice, json!({ "conversationId": message["conversationId"] }), "Me too")).await, "NOT_FOUND");
            assert_eq!(who.fails(READ, json!({ "i": { "practiceId": practice, "conversationId": message["conversationId"] } })).await, "NOT_FOUND");
            let log = entries(who, "coachPortal", practice, json!({ "kinds": ["message_send", "conversation_read"] })).await;
            assert!(log.is_empty(), "{log:?}");
            let proof = "query($p: ID!, $m: Position!) { viewer { coachPortal(practiceId: $p) { auditProof(position: $m) { record } } } }";
            assert_eq!(who.fails(proof, json!({ "p": practice, "m": place })).await, "NOT_FOUND");
            let follow = json!({ "p": practice, "c": message["conversationId"] });
            assert_eq!(who.listen(FOLLOW, follow).await.ends().await, "NOT_FOUND");
        }
        // A coach's file of the coachee shows their own conversation: Ada has none.
        let file = "query($p: ID!, $c: ID!) { viewer { coachPortal(practiceId: $p) { coachee(id: $c) { conversation { id } } } } }";
        assert_eq!(ada.ask(file, json!({ "p": practice, "c": scene.robin })).await["viewer"]["coachPortal"]["coachee"]["conversation"], Value::Null);
        ada.ask("mutation($i: UpdatePracticeInput!) { updatePractice(input: $i) { errors { code } } }", json!({ "i": { "practiceId": practice, "lowSessions": 4 } })).await;
        for (changes, log) in &mut live {
            assert_eq!(changes.next().await["coachPortalChanges"]["changes"], json!([{ "__typename": "Practice" }]));
            assert_eq!(log.next().await["activity"]["entry"]["kind"], "practice.changed");
        }
        // Nobody writes as another coach; a coachee knows only their own coaches.
        assert_eq!(ada.fails(SEND, input(practice, scene.to_bob(), "As Bob")).await, "FORBIDDEN");
        let to_cleo = json!({ "coacheeId": scene.robin, "coachId": cleo.id });
        assert_eq!(coachee.fails(SEND, input(practice, to_cleo, "Who are you?")).await, "NOT_FOUND");
        product.prove().await;
    }

    /// The conversation is out of the coach's sight until access is back; the coachee reads it and can write no more.
    #[test]
    async fn a_coach_without_access_is_out_of_the_conversation(product: Product) {
        let scene = Scene::new(&product).await;
        let Scene { practice, ada, bob, coachee, robin, .. } = &scene;
        let message = sent(bob, practice, scene.to_robin(), "See you").await;
        let id = message["conversationId"].clone();
        let mut live = bob.listen(FOLLOW, json!({ "p": practice, "c": id, "a": "at1" })).await;
        // It has begun when it tells of something.
        live.next().await;
        ada.ask(REVOKE, json!({ "i": { "practiceId": practice, "coachId": bob.id, "coacheeId": robin } })).await;
        assert_eq!(live.ends().await, "FORBIDDEN");
        assert!(conversations(bob, "coachPortal", practice).await.is_empty());
        assert_eq!(bob.fails("query($i: ID!) { node(id: $i) { id } }", json!({ "i": message["id"] })).await, "NOT_FOUND");
        assert_eq!(bob.fails(SEND, input(practice, json!({ "conversationId": id }), "Still there")).await, "NOT_FOUND");
        for to in [json!({ "conversationId": id }), scene.to_bob()] {
            assert_eq!(coachee.refused(SEND, input(practice, to, "Where are you?")).await, "COACH_CANNOT_BE_WRITTEN_TO");
        }
        let mine = conversations(coachee, "coacheePortal", practice).await;
        assert_eq!((line(&mine[0]).0, line(&mine[0]).2), ("Bob", "See you"));
        grant(ada, practice, bob, robin).await;
        assert_eq!(line(&conversations(bob, "coachPortal", practice).await[0]).2, "See you");
        assert_eq!(sent(coachee, practice, json!({ "conversationId": id }), "There you are").await["number"], 2);
        let log = entries(bob, "coachPortal", practice, json!({ "kinds": ["message_send"] })).await;
        assert_eq!(names(&log).len(), 2);
        product.prove().await;
    }

    /// A manager sees every coachee, and may write to each: the coachee, who knows them by then, answers.
    #[test]
    async fn a_manager_who_wrote_is_answered(product: Product) {
        let scene = Scene::new(&product).await;
        let Scene { practice, mia, coachee, .. } = &scene;
        let to_mia = json!({ "coacheeId": scene.robin, "coachId": mia.id });
        assert_eq!(coachee.fails(SEND, input(practice, to_mia.clone(), "Who are you?")).await, "NOT_FOUND");
        let first = sent(mia, practice, scene.to_robin(), "I run this place. All well?").await;
        let answer = sent(coachee, practice, json!({ "conversationId": first["conversationId"] }), "Very.").await;
        assert_eq!((&answer["number"], &answer["by"]), (&json!(2), &json!("COACHEE")));
        assert_eq!(sent(coachee, practice, to_mia, "And you?").await["conversationId"], first["conversationId"]);
        let mias = conversations(mia, "coachPortal", practice).await;
        assert_eq!(mias.iter().map(line).collect::<Vec<_>>(), [("Robin Reed", 2, "And you?")]);
        // They know her by her name, and her card is not theirs to see.
        assert_eq!(line(&conversations(coachee, "coacheePortal", practice).await[0]).0, "Mia");
        let coaches = "query($p: ID!) { viewer { coacheePortal(practiceId: $p) { coaches { displayName } } } }";
        let coaches = coachee.ask(coaches, json!({ "p": practice })).await["viewer"]["coacheePortal"]["coaches"].clone();
        assert_eq!(coaches, json!([{ "displayName": "Ada" }, { "displayName": "Bob" }]));
        product.prove().await;
    }

    /// Live on both sides, and resumed from any place without a gap or a repeat.
    #[test]
    async fn a_conversation_is_followed_and_resumed(product: Product) {
        let scene = Scene::new(&product).await;
        let Scene { practice, bob, coachee, .. } = &scene;
        let id = sent(bob, practice, scene.to_robin(), "1").await["conversationId"].clone();
        let to = json!({ "conversationId": id });
        let start = position(bob, practice).await;
        let mut live = coachee.listen(FOLLOW, json!({ "p": practice, "c": id, "a": start })).await;
        let (mut all, mut place) = (Vec::new(), start.clone());
        for number in 2..=6_u64 {
            let who = if number % 2 == 0 { bob } else { coachee };
            sent(who, practice, to.clone(), &number.to_string()).await;
            if number == 4 {
                // Cut off, and back from what was heard last.
                live = coachee.listen(FOLLOW, json!({ "p": practice, "c": id, "a": place })).await;
            }
            while all.len() as u64 + 1 < number {
                let (numbers, at) = heard(&mut live).await;
                all.extend(numbers);
                place = at;
            }
        }
        assert_eq!(all, [2, 3, 4, 5, 6]);
        // From the beginning, whoever comes later hears the same, each once and in order.
        let mut late = bob.listen(FOLLOW, json!({ "p": practice, "c": id, "a": start })).await;
        let mut all = Vec::new();
        while all.len() < 5 { all.extend(heard(&mut late).await.0); }
        assert_eq!(all, [2, 3, 4, 5, 6]);
        // A mark of the other side arrives as well, and another conversation does not.
        sent(coachee, practice, scene.to_robin(), "To Ada").await;
        bob.ask(READ, json!({ "i": { "practiceId": practice, "conversationId": id } })).await;
        let item = live.next().await["conversation"]["changes"].clone();
        assert_eq!(item, json!([{ "__typename": "Conversation", "unreadCount": 4, "messageCount": 6 }]));
        product.prove().await;
    }

    /// The same key is one message, whoever asks again; forty senders at once are forty places.
    #[test]
    async fn sending_again_under_a_key_is_one_message_and_races_leave_no_gap(product: Product) {
        let scene = Scene::new(&product).await;
        let Scene { practice, bob, coachee, .. } = &scene;
        let once = input(practice, scene.to_robin(), "Once");
        let first = bob.once("k", SEND, once.clone()).await.body;
        for _ in 0..3 {
            assert_eq!(bob.once("k", SEND, once.clone()).await.body, first);
        }
        let of = &scene;
        let sends = (0..40).map(|number| async move {
            let (who, to) = if number % 2 == 0 { (bob, of.to_robin()) } else { (coachee, of.to_bob()) };
            sent(who, practice, to, &number.to_string()).await["number"].as_u64().expect("a number")
        });
        let mut numbers = futures_util::future::join_all(sends).await;
        numbers.sort_unstable();
        assert_eq!(numbers, (2..=41).collect::<Vec<_>>());
        let shown = conversations(bob, "coachPortal", practice).await;
        assert_eq!((&shown[0]["messageCount"], &shown[0]["unreadCount"]), (&json!(41), &json!(20)));
        product.prove().await;
    }
}
