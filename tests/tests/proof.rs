//! Proofs through the API: what a reviewer downloads verifies without the server, and is only of what they may review
//! (promises R1, R2).

use app::proof::{Held, Proved, verify};
use serde_json::{Value, json};
use store::checkpoint::{Checkpoint, Signer, Verifier};
use tests::{Person, both};

use crate::audit::{entries, grant};
use crate::plan::goal;
use crate::session::started;

const SYNOPSIS: &str = "mutation($i: WriteSynopsisInput!) { writeSynopsis(input: $i) { position errors { code } } }";
const HEAD: &str = "auditHead { checkpoint size root signedAt key }";

fn signer() -> Signer {
    Signer::parse("throughline-test", &[7; 32]).expect("a signer")
}

fn key() -> Verifier {
    signer().verifier().clone()
}

async fn head(who: &Person, portal: &str, practice: &str) -> Value {
    let query = format!("query($p: ID!) {{ viewer {{ {portal}(practiceId: $p) {{ {HEAD} }} }} }}");
    who.ask(&query, json!({ "p": practice })).await["viewer"][portal]["auditHead"].clone()
}

/// What is asked for a proof.
fn asks(portal: &str, more: &str) -> String {
    format!(
        "query($p: ID!, $at: Position!) {{ viewer {{ {portal}(practiceId: $p) {{ auditProof(position: $at) {{ position record leafHash proof }} {more} }} }} }}"
    )
}

/// A proof's whole answer, as a program saves it.
async fn saved(who: &Person, portal: &str, practice: &str, at: &Value, more: &str) -> Value {
    who.whole(&asks(portal, more), json!({ "p": practice, "at": at })).await.body
}

/// What an answer proves.
fn proved(answer: &Value, trusted: &[String]) -> Result<Vec<Proved>, String> {
    verify(&Held::read(&answer.to_string())?, &key().into(), trusted)
}

async fn synopsis(by: &Person, practice: &str, coachee: &str, text: &str) -> Value {
    let input = json!({ "i": { "practiceId": practice, "coacheeId": coachee, "synopsis": text } });
    by.ask(SYNOPSIS, input).await["writeSynopsis"]["position"].clone()
}

both! {
    /// R2: head, proof and continuation, each as the API answers it, against the key and an older checkpoint.
    #[test]
    async fn a_reviewer_downloads_a_proof_and_verifies_it_offline(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let at = synopsis(&ada, &practice, &robin, "Robin is thorough").await;
        assert_eq!(head(&ada, "coachPortal", &practice).await, Value::Null);
        let early = saved(&ada, "coachPortal", &practice, &at, "").await;
        assert_eq!(early["data"]["viewer"]["coachPortal"]["auditProof"], Value::Null, "nothing is signed yet");
        product.app.sign_checkpoints(None).await.expect("signed");
        let first = head(&ada, "coachPortal", &practice).await;
        assert_eq!((&first["key"], &first["signedAt"]), (&json!(key().to_string()), &json!("2026-03-02T09:00:00Z")));
        let checkpoint = key().verify(first["checkpoint"].as_str().expect("a note")).expect("signed");
        assert_eq!((checkpoint.origin, json!(checkpoint.size)), (format!("throughline/{practice}"), first["size"].clone()));
        assert_eq!(first["root"], json!(app::proof::base64(&checkpoint.root)));

        let answer = saved(&ada, "coachPortal", &practice, &at, "").await;
        let [it] = &proved(&answer, &[]).expect("in order")[..] else { panic!("one proof") };
        assert_eq!((&it.log, it.kind.as_str(), it.actor.as_ref()), (&practice, "coachee.synopsis_written", Some(&ada.id)));
        assert_eq!((&it.thing, it.at.as_str(), json!(it.size), it.held), (&robin, "2026-03-02T09:00:00Z", first["size"].clone(), None));
        let proof = answer["data"]["viewer"]["coachPortal"]["auditProof"].clone();
        assert!(proof["proof"].as_str().expect("a text").len() <= 2048);
        assert!(!proof["record"].as_str().expect("a text").contains("thorough"), "texts stay sealed");

        // The log grows; what was signed first is what the reviewer kept.
        product.later(1);
        let later = synopsis(&ada, &practice, &robin, "Robin is quick").await;
        product.app.sign_checkpoints(None).await.expect("signed");
        let kept = [first["checkpoint"].as_str().expect("a note").to_owned()];
        let alone = saved(&ada, "coachPortal", &practice, &later, "").await;
        let why = proved(&alone, &kept).expect_err("nothing says so");
        assert!(why.contains(&format!("auditConsistency(from: {}, to: ", first["size"])), "{why}");
        let more = format!("{HEAD} auditConsistency(from: {}) {{ from to hashes }}", first["size"]);
        let whole = saved(&ada, "coachPortal", &practice, &later, &more).await;
        assert_eq!(proved(&whole, &kept).expect("in order")[0].held.map(|size| json!(size)), Some(first["size"].clone()));
        // Both ways: an old proof against a newer checkpoint.
        let newer = whole["data"]["viewer"]["coachPortal"]["auditHead"]["checkpoint"].as_str().expect("a note").to_owned();
        let both = json!([answer, whole["data"]["viewer"]["coachPortal"]["auditConsistency"]]);
        assert_eq!(proved(&both, &[newer]).expect("in order").len(), 1);

        // Somebody with the key signs another history: whoever kept a checkpoint notices.
        let forked = Checkpoint { origin: format!("throughline/{practice}"), size: checkpoint.size, root: [9; 32], extensions: Vec::new() };
        let forked = signer().sign(&forked).expect("a note");
        assert!(proved(&whole, std::slice::from_ref(&forked)).expect_err("a fork").contains("not one history"));
        assert!(proved(&answer, &[forked]).expect_err("a fork").contains("not one history"));
        // Nor does a checkpoint help that says nothing of this log, or an older one hide behind a newer.
        let sign = |log: &str, size: u64, root: [u8; 32]| {
            signer().sign(&Checkpoint { origin: format!("throughline/{log}"), size, root, extensions: Vec::new() }).expect("a note")
        };
        let elsewhere = sign("practice_01h455vb4pex5vsknk084sn02q", 5, [9; 32]);
        assert!(proved(&answer, &[elsewhere]).expect_err("another log's").contains("are of other logs"));
        let older = sign(&practice, 1, [9; 32]);
        let [it] = &proved(&whole, &[older.clone(), kept[0].clone()]).expect("in order")[..] else { panic!("one proof") };
        assert_eq!((it.uncompared, it.to_string().ends_with("no auditConsistency in the file compares: 1")), (1, true));
        let query = format!("query($p: ID!) {{ viewer {{ coachPortal(practiceId: $p) {{ auditConsistency(from: 1, to: {}) {{ from to hashes }} }} }} }}", first["size"]);
        let between = ada.ask(&query, json!({ "p": practice })).await;
        assert!(proved(&json!([whole, between]), &[older, kept[0].clone()]).expect_err("a fork").contains("not one history"));

        // What is signed twice in one file is of one history; what stands beside it in clear is what is signed.
        let mut twice = json!([answer, answer]);
        let place = "/1/data/viewer/coachPortal/auditProof/proof";
        let forged = proof["proof"].as_str().expect("a text").split_once("\n\n").expect("a checkpoint").0.to_owned();
        *twice.pointer_mut(place).expect("the proof") = json!(format!("{forged}\n\n{}", sign(&practice, checkpoint.size, [9; 32])));
        assert!(proved(&twice, &[]).is_err());
        let beside = json!([answer, { "checkpoint": sign(&practice, checkpoint.size, [9; 32]) }]);
        assert!(proved(&beside, &[]).expect_err("a fork").contains("not one history"));
        let portal = "/data/viewer/coachPortal";
        for (field, other) in [
            ("auditHead/size", json!(1)), ("auditHead/root", json!("x")), ("auditHead/signedAt", json!("2020-01-01T00:00:00Z")),
            ("auditProof/position", json!("at1")), ("auditProof/leafHash", json!("x")),
        ] {
            let mut changed = whole.clone();
            *changed.pointer_mut(&format!("{portal}/{field}")).expect("the field") = other;
            assert!(proved(&changed, &kept).expect_err(field).contains("than is signed"), "{field}");
        }
        // The key beside it is the reader's, or of who has none; a checkpoint that is none is not passed over.
        let stranger = Signer::parse("throughline-test", &[8; 32]).expect("a signer").verifier().to_string();
        for (field, other, said) in [
            ("key", json!(stranger), Some("no key that was given")), ("key", json!(7), Some("no key that was given")), ("key", Value::Null, None),
            ("checkpoint", Value::Null, Some("no text")), ("checkpoint", json!(7), Some("no text")),
        ] {
            let mut changed = whole.clone();
            *changed.pointer_mut(&format!("{portal}/auditHead/{field}")).expect("the field") = other;
            match (proved(&changed, &kept), said) {
                (found, None) => assert_eq!(found.expect("in order").len(), 1),
                (found, Some(said)) => assert!(found.expect_err(field).contains(said), "{field}"),
            }
        }
        // Nor is anything said twice, of which the reader may look at the other one.
        let twice = answer.to_string().replacen("\"record\":", "\"record\":\"{}\",\"record\":", 1);
        assert!(Held::read(&twice).expect_err("twice").contains("`record` is twice in one object"));
        for (from, to) in [(5, 4), (1, 100_000)] {
            let query = format!("query($p: ID!) {{ viewer {{ coachPortal(practiceId: $p) {{ auditConsistency(from: {from}, to: {to}) {{ hashes }} }} }} }}");
            assert_eq!(ada.fails(&query, json!({ "p": practice })).await, "BAD_REQUEST");
        }
        product.prove().await;
    }

    /// Whatever is changed in a saved proof, in any place of its record, hashes, index or checkpoint, is found.
    #[test]
    async fn a_proof_that_was_changed_does_not_verify(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let at = synopsis(&ada, &practice, &robin, "Robin is thorough").await;
        let other = goal(&ada, &practice, &robin, "Lead the team").await;
        product.app.sign_checkpoints(None).await.expect("signed");
        let answer = saved(&ada, "coachPortal", &practice, &at, "").await;
        let place = "/data/viewer/coachPortal/auditProof";
        let (mut tried, mut passed) = (0, Vec::new());
        for field in ["record", "proof"] {
            let text = answer.pointer(&format!("{place}/{field}")).and_then(Value::as_str).expect("a text").to_owned();
            for (number, letter) in text.char_indices().filter(|(_, letter)| letter.is_ascii()) {
                let mut changed = text.clone();
                changed.replace_range(number..=number, if letter == 'x' { "y" } else { "x" });
                let mut answer = answer.clone();
                *answer.pointer_mut(&format!("{place}/{field}")).expect("the field") = json!(changed);
                tried += 1;
                if proved(&answer, &[]).is_ok() {
                    passed.push((field, number, letter));
                }
            }
        }
        assert!(tried > 500 && passed.is_empty(), "{} of {tried} passed: {passed:?}", passed.len());
        // Another entry's proof is no proof of this one.
        let log = entries(&ada, "coachPortal", &practice, Value::Null).await;
        let goals = log.iter().find(|entry| entry["thingId"] == json!(other)).expect("the goal")["position"].clone();
        let mut mixed = saved(&ada, "coachPortal", &practice, &goals, "").await;
        assert!(proved(&mixed, &[]).is_ok());
        mixed.pointer_mut(place).expect("the proof")["record"] = answer.pointer(place).expect("the proof")["record"].clone();
        assert!(proved(&mixed, &[]).expect_err("mixed").contains("the record says that it is event"));
        // A note of nobody's, or another signer's.
        let stranger = Signer::parse("throughline-test", &[8; 32]).expect("a signer").verifier().clone();
        let held = Held::read(&answer.to_string()).expect("a proof");
        assert!(verify(&held, &stranger.into(), &[]).expect_err("another key").contains("not signed by"));
        assert!(Held::read("{\"data\": null}").expect_err("nothing").contains("no proof in it"));
        assert!(Held::read("no JSON").expect_err("nothing").contains("not JSON"));
    }

    /// Entries that are not the viewer's to review have no proof for them, exactly like entries that are not there.
    #[test]
    async fn a_proof_is_only_of_what_one_may_review(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let bob = product.further_coach(&ada, &practice, "Bob", "COACH").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        let kims = goal(&ada, &practice, &product.coachee(&ada, &practice, "Kim").await, "Hers").await;
        grant(&ada, &practice, &bob, &robin).await;
        let robins = goal(&ada, &practice, &robin, "Lead the team").await;
        let written = synopsis(&ada, &practice, &robin, "Robin is thorough").await;
        let session = started(&bob, &practice, &robin, "First").await;
        let rating = json!({ "i": { "practiceId": practice, "sessionId": session, "rating": 4, "reflection": "Too fast" } });
        let rated = bob.ask("mutation($i: RateSessionInput!) { rateSession(input: $i) { position errors { code } } }", rating).await["rateSession"]["position"].clone();
        product.app.sign_checkpoints(None).await.expect("signed");
        let log = entries(&ada, "coachPortal", &practice, Value::Null).await;
        let of = |thing: &str| log.iter().find(|entry| entry["thingId"] == json!(thing)).expect("an entry")["position"].clone();
        let (robins, kims, nowhere) = (of(&robins), of(&kims), json!("at7fffffff"));
        // Who, through which portal, of what; whether it is theirs.
        let cases = [
            (&ada, "coachPortal", &robins, true), (&ada, "coachPortal", &kims, true), (&ada, "coachPortal", &written, true),
            (&ada, "coachPortal", &rated, false), (&bob, "coachPortal", &rated, true),
            (&bob, "coachPortal", &robins, true), (&bob, "coachPortal", &kims, false),
            (&coachee, "coacheePortal", &robins, true), (&coachee, "coacheePortal", &kims, false),
            (&coachee, "coacheePortal", &written, false), (&coachee, "coacheePortal", &rated, false),
        ];
        for (who, portal, at, is_theirs) in cases {
            let answer = saved(who, portal, &practice, at, "").await;
            if is_theirs {
                assert_eq!(proved(&answer, &[]).expect("in order").len(), 1);
            } else {
                assert_eq!(answer, saved(who, portal, &practice, &nowhere, "").await, "{at} by {}", who.email);
                assert_eq!(answer["errors"][0]["extensions"]["code"], "NOT_FOUND");
            }
        }
        // The same head for all of them; nobody else has one.
        assert_eq!(head(&coachee, "coacheePortal", &practice).await, head(&ada, "coachPortal", &practice).await);
        let (zoe, _) = product.coach("Zoe").await;
        assert_eq!(zoe.fails(&asks("coachPortal", ""), json!({ "p": practice, "at": robins })).await, "NOT_FOUND");
    }

    /// Who read is proved as who changed: by whoever reviews it, and of what they review.
    #[test]
    async fn that_somebody_read_is_proved_offline(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let cleo = product.further_coach(&ada, &practice, "Cleo", "COACH").await;
        let (robin, kim) = (product.coachee(&ada, &practice, "Robin").await, product.coachee(&ada, &practice, "Kim").await);
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        for of in [&robin, &kim] {
            goal(&ada, &practice, of, "Thorough").await;
            grant(&ada, &practice, &cleo, of).await;
            let query = "query($p: ID!, $c: ID!) { viewer { coachPortal(practiceId: $p) { coachee(id: $c) { goals(first: 1) { nodes { title } } } } } }";
            cleo.ask(query, json!({ "p": practice, "c": of })).await;
        }
        let log = ada.ask("query($p: ID!) { viewer { coachPortal(practiceId: $p) { accessLog(first: 9) { nodes { position coacheeId readerId } } } } }", json!({ "p": practice })).await;
        let log = log["viewer"]["coachPortal"]["accessLog"]["nodes"].as_array().expect("entries").clone();
        let of = |coachee: &str| log.iter().find(|entry| entry["coacheeId"] == json!(coachee)).expect("an entry")["position"].clone();
        let asks = |portal: &str| format!(
            "query($p: ID!, $at: Position!) {{ viewer {{ {portal}(practiceId: $p) {{
                auditProof(log: ACCESS, position: $at) {{ position record leafHash proof }}
                auditHead(log: ACCESS) {{ checkpoint size root signedAt key }} auditConsistency(log: ACCESS, from: 1) {{ from to hashes }} }} }} }}"
        );
        let saved = async |who: &Person, portal: &str, at: &Value| who.whole(&asks(portal), json!({ "p": practice, "at": at })).await.body;
        assert_eq!(saved(&ada, "coachPortal", &of(&robin)).await["errors"][0]["extensions"]["code"], "BAD_REQUEST", "nothing is signed yet");
        product.app.sign_checkpoints(None).await.expect("signed");
        for (who, portal) in [(&ada, "coachPortal"), (&coachee, "coacheePortal")] {
            let answer = saved(who, portal, &of(&robin)).await;
            let [it] = &proved(&answer, &[]).expect("in order")[..] else { panic!("one proof") };
            assert_eq!((it.log.starts_with("accesslog_"), it.about.as_ref(), it.actor.as_ref(), it.size), (true, Some(&robin), Some(&cleo.id), 2));
            assert!(it.to_string().contains(&format!(", about {robin}, by {}, at 2026-03-02T09:00:00Z; ", cleo.id)), "{it}");
            assert!(!answer.to_string().contains("Thorough"));
            let checkpoint = answer["data"]["viewer"][portal]["auditHead"]["checkpoint"].as_str().expect("a note");
            assert_eq!(proved(&answer, &[checkpoint.to_owned()]).expect("in order")[0].held, Some(2));
        }
        // What they may not review is not found, and neither log stands for the other.
        assert_eq!(saved(&coachee, "coacheePortal", &of(&kim)).await["errors"][0]["extensions"]["code"], "NOT_FOUND");
        let changed = asks("coachPortal").replace("(log: ACCESS, position", "(log: ACTIVITY, position").replace("(log: ACCESS, from: 1)", "(log: ACTIVITY, from: 1)");
        let changed = ada.whole(&changed, json!({ "p": practice, "at": of(&robin) })).await.body;
        assert_eq!(proved(&changed, &[]).expect("in order")[0].log, practice);
    }
}
