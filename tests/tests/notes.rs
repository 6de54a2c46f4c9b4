//! A session's notes: saving while somebody types, two who type at once, bringing back, showing – and who never reads them.

use std::collections::BTreeSet;

use domain::id::{LogId, PracticeId};
use serde_json::{Value, json};
use tests::{Person, Product, both};

use crate::audit::{entries, grant};
use crate::live::Dice;
use crate::session::{ended, session, started};

const SAVE: &str = "mutation($i: SaveSessionNotesInput!) { saveSessionNotes(input: $i) {
    revision position conflict { base theirs yours revision } session { notes { revision text siblings { revision base text authorId } } } errors { code } } }";
const RESTORE: &str = "mutation($i: RestoreSessionNotesInput!) { restoreSessionNotes(input: $i) {
    revision position session { notes { revision text } } errors { code } } }";

/// A practice with a session that goes on: the coach, the practice, the session.
async fn scene(product: &Product) -> (Person, String, String, String) {
    let (ada, practice) = product.coach("Ada").await;
    let robin = product.coachee(&ada, &practice, "Robin").await;
    let id = started(&ada, &practice, &robin, "First").await;
    (ada, practice, robin, id)
}

/// Saves a text that came from a revision: the answer.
async fn save(by: &Person, practice: &str, session: &str, (base, text): (u64, &str), settles: Option<u64>) -> Value {
    let input = json!({ "practiceId": practice, "sessionId": session, "base": base, "text": text, "settles": settles });
    let answer = by.ask(SAVE, json!({ "i": input })).await["saveSessionNotes"].clone();
    assert_eq!(answer["errors"], json!([]), "{answer}");
    answer
}

/// The text of a revision.
async fn revision(coach: &Person, practice: &str, id: &str, number: u64) -> Value {
    session(coach, practice, id, &format!("revision(number: {number}) {{ text }}")).await["revision"]["text"].clone()
}

/// Every tag of an HTML fragment: its name, and what follows the name.
fn tags(html: &str) -> Vec<(String, String)> {
    let opened =
        html.split('<').skip(1).map(|part| part.split_once('>').expect("a tag ends").0.trim_start_matches('/'));
    opened
        .map(|tag| {
            tag.split_once(|c: char| c.is_whitespace())
                .map_or((tag.to_lowercase(), String::new()), |(name, rest)| (name.to_lowercase(), rest.to_owned()))
        })
        .collect()
}

both! {
    /// What the coach types as Markdown is shown formatted.
    #[test]
    async fn s1_37_notes_accept_markdown(product: Product) {
        let (ada, practice, _, id) = scene(&product).await;
        let text = "# Where we are\n\n- first\n- second\n\n**bold** and *italic*, [a link](https://example.com/page)\n\n## Next";
        save(&ada, &practice, &id, (0, text), None).await;
        let html = session(&ada, &practice, &id, "notesHtml").await["notesHtml"].as_str().expect("HTML").to_owned();
        for part in ["<h1>Where we are</h1>", "<li>first</li>", "<li>second</li>", "<strong>bold</strong>", "<em>italic</em>", "href=\"https://example.com/page\"", ">a link</a>", "<h2>Next</h2>"] {
            assert!(html.contains(part), "{part} is not in {html}");
        }
        product.prove().await;
    }

    /// The text comes back as it was typed, to the byte; formatted it is a field of its own, also in the look at an old one.
    #[test]
    async fn s1_38_notes_are_plain_text_while_typing_and_formatted_when_viewed(product: Product) {
        let (ada, practice, _, id) = scene(&product).await;
        let text = "*not yet closed\n\n  two  spaces  \n\ttab, ümläut, 🙂, <b>typed</b> & more\n\n\n";
        let answer = save(&ada, &practice, &id, (0, text), None).await;
        assert_eq!(answer["session"]["notes"]["text"], text);
        let shown = session(&ada, &practice, &id, "notes { text html } notesHtml revision(number: 1) { text html }").await;
        assert_eq!((&shown["notes"]["text"], &shown["revision"]["text"]), (&json!(text), &json!(text)));
        assert_eq!((&shown["notes"]["html"], &shown["revision"]["html"]), (&shown["notesHtml"], &shown["notesHtml"]));
        let html = shown["notesHtml"].as_str().expect("HTML");
        assert!(html.starts_with("<p>") && html.contains("&lt;b&gt;typed&lt;/b&gt;"), "{html}");
        product.prove().await;
    }

    /// Each save is a revision; the same text again is none; at any time the newest is what was saved last.
    #[test]
    async fn s1_40_notes_are_saved_again_and_again_while_somebody_types(product: Product) {
        let (ada, practice, _, id) = scene(&product).await;
        let typed: Vec<String> = (1..=12).map(|words| "so we said ".repeat(words)).collect();
        for (base, text) in (0..).zip(&typed) {
            product.later(1);
            let answer = save(&ada, &practice, &id, (base, text), None).await;
            assert_eq!((&answer["revision"], &answer["conflict"]), (&json!(base + 1), &Value::Null));
        }
        let same = save(&ada, &practice, &id, (12, typed.last().expect("typed")), None).await;
        assert_eq!(same["revision"], 12);
        let shown = session(&ada, &practice, &id, "notes { revision text savedAt savedById } revisions(first: 20) { nodes { revision base at actorId sibling restoredFrom } }").await;
        assert_eq!(shown["notes"], json!({ "revision": 12, "text": typed[11], "savedAt": "2026-03-02T09:12:00Z", "savedById": ada.id }));
        let revisions = shown["revisions"]["nodes"].as_array().expect("revisions");
        let numbers: Vec<u64> = revisions.iter().map(|revision| revision["revision"].as_u64().expect("a number")).collect();
        assert_eq!(numbers, (1..=12).rev().collect::<Vec<_>>());
        assert_eq!(revisions[9], json!({ "revision": 3, "base": 2, "at": "2026-03-02T09:03:00Z", "actorId": ada.id, "sibling": false, "restoredFrom": null }));
        for (number, text) in (1..).zip(&typed) {
            assert_eq!(revision(&ada, &practice, &id, number).await, json!(text));
        }
        let longest = "x".repeat(204_800);
        let input = json!({ "practiceId": practice, "sessionId": id, "base": 12, "text": format!("{longest}y") });
        assert_eq!(ada.refused(SAVE, json!({ "i": input })).await, "TEXT_IS_TOO_LONG");
        // What counts is bytes: as many characters can be too long.
        let input = json!({ "practiceId": practice, "sessionId": id, "base": 12, "text": "ü".repeat(102_401) });
        assert_eq!(ada.refused(SAVE, json!({ "i": input })).await, "NOTES_ARE_TOO_LONG");
        assert_eq!(save(&ada, &practice, &id, (12, &longest), None).await["revision"], 13);
        // After the session has ended they can be completed.
        ended(&ada, &practice, &id, "ATTENDED").await;
        assert_eq!(save(&ada, &practice, &id, (13, "Shorter."), None).await["revision"], 14);
        product.prove().await;
    }

    /// Whoever loads the page again has all that was answered; a save that is repeated since its answer was lost is one.
    #[test]
    async fn s1_41_after_a_refresh_or_a_lost_answer_the_work_is_saved(product: Product) {
        let (ada, practice, _, id) = scene(&product).await;
        save(&ada, &practice, &id, (0, "Saved before the refresh"), None).await;
        let refreshed = product.person("ada@practice.example").await;
        assert_eq!(session(&refreshed, &practice, &id, "notes { revision text }").await["notes"], json!({ "revision": 1, "text": "Saved before the refresh" }));
        let input = json!({ "i": { "practiceId": practice, "sessionId": id, "base": 1, "text": "Saved while the train went into the tunnel" } });
        let first = refreshed.once("tunnel", SAVE, input.clone()).await.body["data"]["saveSessionNotes"].clone();
        for _ in 0..3 {
            let again = refreshed.once("tunnel", SAVE, input.clone()).await.body["data"]["saveSessionNotes"].clone();
            assert_eq!((&again["position"], &again["revision"]), (&first["position"], &first["revision"]), "{again}");
        }
        assert_eq!(session(&ada, &practice, &id, "notes { revision text siblings { revision } }").await["notes"], json!({ "revision": 2, "text": "Saved while the train went into the tunnel", "siblings": [] }));
        product.prove().await;
    }

    /// The decision on autosave: what was changed elsewhere in the text is merged, what in the same lines is kept twice.
    #[test]
    async fn a_stale_save_is_merged_and_a_conflict_keeps_both(product: Product) {
        let (ada, practice, robin, id) = scene(&product).await;
        let bob = product.further_coach(&ada, &practice, "Bob", "COACH").await;
        grant(&ada, &practice, &bob, &robin).await;
        save(&ada, &practice, &id, (0, "one\ntwo\nthree\nfour\nfive\n"), None).await;
        save(&ada, &practice, &id, (1, "ONE\ntwo\nthree\nfour\nfive\n"), None).await;
        let merged = save(&bob, &practice, &id, (1, "one\ntwo\nthree\nfour\nFIVE\n"), None).await;
        assert_eq!((&merged["conflict"], &merged["revision"]), (&Value::Null, &merged["session"]["notes"]["revision"]));
        assert_eq!(merged["session"]["notes"]["text"], "ONE\ntwo\nthree\nfour\nFIVE\n");
        let base = merged["revision"].as_u64().expect("a number");

        save(&ada, &practice, &id, (base, "ONE\ntwo\nAda's three\nfour\nFIVE\n"), None).await;
        let kept = save(&bob, &practice, &id, (base, "ONE\ntwo\nBob's three\nfour\nFIVE\n"), None).await;
        let sibling = kept["conflict"]["revision"].clone();
        assert_eq!(kept["conflict"], json!({
            "base": "ONE\ntwo\nthree\nfour\nFIVE\n", "theirs": "ONE\ntwo\nAda's three\nfour\nFIVE\n", "yours": "ONE\ntwo\nBob's three\nfour\nFIVE\n", "revision": sibling,
        }));
        let notes = &kept["session"]["notes"];
        assert_eq!((&notes["text"], &notes["revision"]), (&json!("ONE\ntwo\nAda's three\nfour\nFIVE\n"), &kept["revision"]));
        assert_eq!(notes["siblings"], json!([{ "revision": sibling, "base": base, "text": "ONE\ntwo\nBob's three\nfour\nFIVE\n", "authorId": bob.id }]));
        // Both are in the history, and one text of both settles it.
        assert_eq!(revision(&ada, &practice, &id, sibling.as_u64().expect("a number")).await, json!("ONE\ntwo\nBob's three\nfour\nFIVE\n"));
        let settled = save(&ada, &practice, &id, (kept["revision"].as_u64().expect("a number"), "ONE\ntwo\nAda's three and Bob's three\nfour\nFIVE\n"), sibling.as_u64()).await;
        assert_eq!((&settled["conflict"], &settled["session"]["notes"]["siblings"]), (&Value::Null, &json!([])));
        let log = entries(&ada, "coachPortal", &practice, json!({ "kinds": ["notes_conflict"] })).await;
        assert_eq!((log.len(), &log[0]["actorId"]), (1, &json!(bob.id)));
        let unknown = json!({ "practiceId": practice, "sessionId": id, "base": 99, "text": "from nowhere" });
        assert_eq!(ada.refused(SAVE, json!({ "i": unknown })).await, "NOTES_REVISION_IS_NOT_THERE");
        product.prove().await;
    }

    /// Two editors who insert lines anywhere and save in any order, from whatever they had: no line is ever lost.
    #[test]
    async fn two_editors_interleaving_never_lose_a_line(product: Product) {
        let (ada, practice, robin, _) = scene(&product).await;
        for seed in [0x0001_5eed, 0x000b_eef5, 0xc0ff_ee11] {
            let id = started(&ada, &practice, &robin, "Two editors").await;
            let mut dice = Dice(seed);
            let mut editors = [(0_u64, String::new()), (0, String::new())];
            let mut typed = BTreeSet::new();
            for round in 0..40 {
                let mut saves = Vec::new();
                // One saves, or both at once from what they have.
                let both = dice.throw(3) == 0;
                for (number, editor) in editors.iter_mut().enumerate() {
                    if !both && dice.throw(2) == 0 { continue; }
                    let line = format!("line {round}-{number} {}", dice.throw(1_000_000));
                    let mut lines: Vec<&str> = editor.1.lines().collect();
                    lines.insert(usize::try_from(dice.throw(lines.len() as u64 + 1)).expect("a place"), &line);
                    editor.1 = lines.join("\n") + "\n";
                    typed.insert(line);
                    saves.push((number, editor.clone()));
                }
                let one = async |place: usize| match saves.get(place) {
                    Some((number, (base, text))) => Some((*number, save(&ada, &practice, &id, (*base, text), None).await)),
                    None => None,
                };
                let (first, second) = tokio::join!(one(0), one(1));
                for (number, answer) in first.into_iter().chain(second) {
                    // As the API says: what the notes are now is taken over; what could not be merged is kept beside.
                    let notes = &answer["session"]["notes"];
                    assert_eq!(notes["revision"], answer["revision"]);
                    editors[number] = (answer["revision"].as_u64().expect("a number"), notes["text"].as_str().expect("a text").to_owned());
                    let conflict = &answer["conflict"];
                    if conflict.is_null() || dice.throw(2) == 0 { continue; }
                    // Sometimes somebody settles it: all lines of both, the missing ones at the end.
                    let (base, mut text) = editors[number].clone();
                    for line in conflict["yours"].as_str().expect("a text").lines() {
                        if !text.lines().any(|there| there == line) { text.push_str(line); text.push('\n'); }
                    }
                    let answer = save(&ada, &practice, &id, (base, &text), conflict["revision"].as_u64()).await;
                    editors[number] = (answer["revision"].as_u64().expect("a number"), answer["session"]["notes"]["text"].as_str().expect("a text").to_owned());
                }
            }
            let notes = session(&ada, &practice, &id, "notes { text siblings { text } }").await["notes"].clone();
            let siblings = notes["siblings"].as_array().expect("siblings").iter().map(|sibling| &sibling["text"]);
            let kept: BTreeSet<String> = siblings.chain([&notes["text"]]).flat_map(|text| text.as_str().expect("a text").lines()).map(str::to_owned).collect();
            let lost: Vec<&String> = typed.difference(&kept).collect();
            assert!(lost.is_empty(), "seed {seed:x}: {lost:?}");
            assert!(typed.len() > 30);
        }
        product.prove().await;
    }

    /// An hour of saving every five seconds costs a small part of what as many copies would, and each save can be had again.
    #[test]
    async fn an_hour_of_saving_is_stored_as_what_changed(product: Product) {
        let (ada, practice, _, id) = scene(&product).await;
        let of_the_practice = practice.parse::<PracticeId>().expect("an id");
        let log = LogId::Practice(of_the_practice).uuid().into_bytes();
        let stored = async || {
            let mut snapshot = product.app.store().snapshot().await.expect("a snapshot");
            let records = snapshot.records(log, 0, 10_000).await.expect("records");
            snapshot.close().await.expect("closed");
            records.iter().map(|(_, record)| record.len()).sum::<usize>()
        };
        let before = stored().await;
        let (mut text, mut copies, mut texts) = (String::new(), 0, Vec::new());
        for number in 0..720 {
            let line = format!("{number:03}: and then we said so too\n");
            text.push_str(&line);
            copies += text.len();
            let answer = save(&ada, &practice, &id, (number, &text), None).await;
            assert_eq!(answer["revision"], number + 1);
            texts.push(text.clone());
        }
        assert_eq!(text.len(), 720 * 29, "about 20 KB");
        let bytes = stored().await - before;
        assert!(bytes * 10 < copies, "{bytes} bytes for {copies} of copies");
        for number in [1, 2, 63, 64, 65, 199, 360, 511, 512, 700, 719, 720] {
            assert_eq!(revision(&ada, &practice, &id, number).await, json!(texts[usize::try_from(number).expect("a number") - 1]), "{number}");
        }
        product.prove().await;
    }

    /// As a new save: what was there in between stays in the history.
    #[test]
    async fn an_earlier_text_is_brought_back_as_a_new_revision(product: Product) {
        let (ada, practice, _, id) = scene(&product).await;
        for (base, text) in [(0, "The good text"), (1, "Oh no"), (2, "")] {
            save(&ada, &practice, &id, (base, text), None).await;
        }
        let input = |revision: u64| json!({ "i": { "practiceId": practice, "sessionId": id, "revision": revision } });
        let answer = ada.ask(RESTORE, input(1)).await["restoreSessionNotes"].clone();
        assert_eq!((&answer["revision"], &answer["session"]["notes"]), (&json!(4), &json!({ "revision": 4, "text": "The good text" })));
        let shown = session(&ada, &practice, &id, "revisions { nodes { revision restoredFrom } }").await;
        let restored: Vec<Value> = shown["revisions"]["nodes"].as_array().expect("nodes").iter().map(|node| node["restoredFrom"].clone()).collect();
        assert_eq!(restored, [json!(1), Value::Null, Value::Null, Value::Null]);
        for (number, text) in [(1, "The good text"), (2, "Oh no"), (3, ""), (4, "The good text")] {
            assert_eq!(revision(&ada, &practice, &id, number).await, json!(text));
        }
        assert_eq!(ada.refused(RESTORE, input(5)).await, "NOTES_REVISION_IS_NOT_THERE");
        product.prove().await;
    }

    /// Whatever was typed, the HTML has a few harmless tags only, and links that lead to the web or a mail address.
    #[test]
    async fn formatted_notes_carry_no_attack(product: Product) {
        let (ada, practice, _, id) = scene(&product).await;
        let attacks = [
            "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "[x](javascript:alert(1))", "[x](JaVaScRiPt:alert(1))", "[x](java\tscript:alert(1))",
            "[x](&#106;avascript:alert(1))", "![x](javascript:alert(1))", "<svg/onload=alert(1)>", "<iframe src=\"https://evil.example\"></iframe>",
            "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)", "<a href=\"https://a.example\" onclick=\"alert(1)\">x</a>", "<style>*{display:none}</style>",
            "`</code><script>alert(1)</script>`", "```\n</pre><script>alert(1)</script>\n```", "<https://a.example/\"onmouseover=\"alert(1)>", "[x](https://a.example \"\" onclick=alert(1) \"\")",
            "[x](vbscript:x)", "[x](//evil.example)", "<!--><script>alert(1)</script>-->", "<math><mi//xlink:href=\"data:x,<script>alert(1)</script>\">", "<form action=javascript:alert(1)><input type=submit>",
        ];
        let allowed = ["a", "blockquote", "br", "code", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "strong", "ul"];
        for (base, attack) in (0..).zip(attacks) {
            save(&ada, &practice, &id, (base, attack), None).await;
            let html = session(&ada, &practice, &id, "notesHtml").await["notesHtml"].as_str().expect("HTML").to_owned();
            for (name, attributes) in tags(&html) {
                assert!(allowed.contains(&name.as_str()), "{attack} gave {html}");
                let links_fairly = ["https://", "http://", "mailto:"].iter().any(|scheme| attributes.starts_with(&format!("href=\"{scheme}")));
                assert!(attributes.is_empty() || attributes == "/" || (name == "a" && (attributes.starts_with("rel=") || links_fairly)), "{attack} gave {html}");
            }
        }
    }

    /// Through every way that a coachee has: portal, node, activity, subscriptions, mutations and their refusals.
    #[test]
    async fn a_coachee_never_reads_notes(product: Product) {
        let (ada, practice, robin, id) = scene(&product).await;
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        let after = crate::plan::position(&ada, &practice).await;
        let secret = "canary of the notes";
        save(&ada, &practice, &id, (0, secret), None).await;
        save(&ada, &practice, &id, (0, "canary of a sibling"), None).await;
        ended(&ada, &practice, &id, "ATTENDED").await;
        let mut heard = Vec::new();
        let ways = [
            "{ viewer { coacheePortal(practiceId: $p) { sessions { nodes { id notes { text } } } } } }",
            "{ viewer { coacheePortal(practiceId: $p) { sessions { nodes { id notesHtml } } } } }",
            "{ viewer { coacheePortal(practiceId: $p) { sessions { nodes { id title } } activityLog { nodes { entry changes { was now } } } nextSteps { nodes { text } } } } }",
            "{ viewer { coachPortal(practiceId: $p) { session(id: $s) { notes { text } } } } }",
            "{ node(id: $s) { __typename id ... on Session { notes { text } notesHtml revision(number: 1) { text } } ... on CoacheeSession { title } } }",
            "{ nodes(ids: [$s]) { __typename ... on Session { notesHtml } } }",
        ];
        for way in ways {
            let declared = [("$p", "$p: ID!"), ("$s", "$s: ID!")].iter().filter(|(name, _)| way.contains(name)).map(|(_, declared)| *declared).collect::<Vec<_>>().join(", ");
            heard.push(coachee.whole(&format!("query({declared}) {way}"), json!({ "p": practice, "s": id })).await.body);
        }
        assert_eq!(heard[2]["data"]["viewer"]["coacheePortal"]["sessions"]["nodes"], json!([{ "id": id, "title": "First" }]));
        for (mutation, input) in [(SAVE, json!({ "base": 0, "text": "mine" })), (RESTORE, json!({ "revision": 1 }))] {
            let mut input = input;
            (input["practiceId"], input["sessionId"]) = (json!(practice), json!(id));
            heard.push(coachee.whole(mutation, json!({ "i": input })).await.body);
            let refused = heard.last().expect("an answer")["errors"][0]["extensions"]["code"].clone();
            assert!(refused == "FORBIDDEN" || refused == "NOT_FOUND", "{heard:?}");
        }
        let variables = json!({ "p": practice, "a": after });
        let mut changes = coachee.listen("subscription($p: ID!, $a: Position) { coacheePortalChanges(practiceId: $p, after: $a) { changes { __typename ... on CoacheeSession { id status } ... on Action { title } } } }", variables.clone()).await;
        let mut activity = coachee.listen("subscription($p: ID!, $a: Position) { activity(practiceId: $p, after: $a) { entry { entry changes { was now } } } }", variables).await;
        crate::plan::action(&ada, &practice, &robin, None, "The sentinel").await;
        for live in [&mut changes, &mut activity] {
            loop {
                let item = live.next().await;
                let is_over = item.to_string().contains("The sentinel");
                heard.push(item);
                if is_over { break; }
            }
        }
        let text = json!(heard).to_string();
        assert!(!text.contains("canary") && !text.contains("notes_save"), "{text}");
        // The session itself has changed once: when it ended.
        assert_eq!(text.matches("\"__typename\":\"CoacheeSession\"").count(), 3, "by node, by nodes, and live: {text}");
        product.prove().await;
    }
}
