//! How each chooses what reaches them: kinds and channels, quiet hours, the digest, and the link in a mail.

use serde_json::json;
use tests::{Product, at, both};

use super::{PREFER, Scene, kinds, mails, react};
use crate::plan::{action, goal};

/// The link in a mail by which its reader takes themself off such mails.
fn link(mail: &str) -> String {
    let start = mail.find("List-Unsubscribe: <").expect("the header") + "List-Unsubscribe: <".len();
    let mail = &mail[start..];
    mail[..mail.find('>').expect("its end")].split_whitespace().collect()
}

/// Sets the clock.
fn set(product: &Product, moment: &str) {
    product.clock.set(at(moment));
}

both! {
    /// Everything is on until it is turned off, kind by kind and channel by channel.
    #[test]
    async fn each_kind_is_turned_off_by_itself_in_each_channel(product: Product) {
        let scene = Scene::new(&product).await;
        let Scene { practice, bob, robin, coachee, .. } = &scene;
        let all = bob.ask("{ viewer { account { notificationPreferences { kinds { kind inApp mail } quietHours { from } digestAt timeZone } } } }", json!({})).await;
        let all = &all["viewer"]["account"]["notificationPreferences"];
        // Of appointments there are mails of their own.
        let is_mailed = |kind: &serde_json::Value| !kind["kind"].as_str().expect("a kind").starts_with("APPOINTMENT_");
        assert!(all["kinds"].as_array().expect("kinds").iter().all(|kind| kind["inApp"] == true && kind["mail"] == is_mailed(kind)), "{all}");
        assert_eq!((&all["quietHours"], &all["digestAt"], &all["timeZone"]), (&json!(null), &json!(null), &json!(null)));
        let preferences = scene.prefers(bob, json!({ "kinds": [
            { "kind": "GOAL_ADDED", "mail": false }, { "kind": "ACTION_ADDED", "inApp": false },
        ] })).await;
        let of = |kind: &str| {
            let kinds = preferences["kinds"].as_array().expect("kinds").iter();
            kinds.filter(|it| it["kind"] == kind).map(|it| (it["inApp"].clone(), it["mail"].clone())).next()
        };
        assert_eq!(of("GOAL_ADDED"), Some((json!(true), json!(false))));
        assert_eq!(of("ACTION_ADDED"), Some((json!(false), json!(true))));
        assert_eq!(of("GOAL_CHANGED"), Some((json!(true), json!(true))));
        goal(coachee, practice, robin, "First").await;
        action(coachee, practice, robin, None, "First").await;
        assert_eq!(react(&product).await, 2);
        let told = scene.told(bob).await;
        assert_eq!((kinds(&told), &told["unreadCount"]), (vec!["GOAL_ADDED"], &json!(1)));
        let sent = mails(&product, bob).await;
        assert_eq!(sent.len(), 1);
        assert!(sent[0].contains("Robin added an action"), "{}", sent[0]);
        // Off in both: nothing is raised at all. What was turned off after it was raised is not mailed.
        scene.prefers(bob, json!({ "kinds": [{ "kind": "GOAL_ADDED", "inApp": false }] })).await;
        let before = crate::plan::position(bob, practice).await;
        goal(coachee, practice, robin, "Second").await;
        let after = crate::plan::position(bob, practice).await;
        react(&product).await;
        assert_ne!(before, after);
        assert_eq!(crate::plan::position(bob, practice).await, after);
        action(coachee, practice, robin, None, "Second").await;
        react(&product).await;
        scene.prefers(bob, json!({ "kinds": [{ "kind": "ACTION_ADDED", "mail": false }] })).await;
        assert_eq!(mails(&product, bob).await.len(), 1);
        // Of appointments no such mail can be had.
        let never = json!({ "kinds": [{ "kind": "APPOINTMENT_ADDED", "mail": true }] });
        assert_eq!(bob.refused(PREFER, json!({ "i": never })).await, "NOTIFICATION_IS_NOT_MAILED");
        scene.prefers(bob, json!({ "kinds": [{ "kind": "APPOINTMENT_ADDED", "mail": false }] })).await;
        // Another is not touched by it, and a program does not choose.
        for wrong in [json!({ "quietHours": { "from": "7", "until": "08:00" } }), json!({ "digestAt": "24:00" })] {
            assert_eq!(bob.refused(PREFER, json!({ "i": wrong })).await, "NOT_A_TIME_OF_DAY");
        }
        let empty = json!({ "quietHours": { "from": "08:00", "until": "08:00" } });
        assert_eq!(bob.refused(PREFER, json!({ "i": empty })).await, "QUIET_HOURS_ARE_EMPTY");
        product.prove().await;
    }

    /// What was read in the portal before its mail is sent is not mailed.
    #[test]
    async fn what_was_read_meanwhile_is_not_mailed(product: Product) {
        let scene = Scene::new(&product).await;
        goal(&scene.coachee, &scene.practice, &scene.robin, "First").await;
        react(&product).await;
        let newest = scene.told(&scene.bob).await["nodes"][0]["position"].clone();
        scene.reads(&scene.bob, json!({ "upTo": newest })).await;
        assert_eq!(mails(&product, &scene.bob).await.len(), 0);
    }

    /// In quiet hours the mail waits until they end, by the person's own clock; the portal shows it at once.
    #[test]
    async fn in_quiet_hours_the_mail_waits_and_the_portal_does_not(product: Product) {
        let scene = Scene::new(&product).await;
        let Scene { practice, bob, robin, coachee, .. } = &scene;
        // The clock says 10:00 in Berlin, where the practice is, and 04:00 in New York.
        let quiet = json!({ "quietHours": { "from": "22:00", "until": "06:30" }, "timeZone": "America/New_York" });
        let set_to = scene.prefers(bob, quiet).await;
        assert_eq!((&set_to["quietHours"]["until"], &set_to["timeZone"]), (&json!("06:30"), &json!("America/New_York")));
        goal(coachee, practice, robin, "First").await;
        react(&product).await;
        assert_eq!(kinds(&scene.told(bob).await).len(), 1);
        assert_eq!(mails(&product, bob).await.len(), 0);
        set(&product, "2026-03-02T11:29:59Z");
        assert_eq!(mails(&product, bob).await.len(), 0);
        set(&product, "2026-03-02T11:30:00Z");
        assert_eq!(mails(&product, bob).await.len(), 1);
        // Quiet hours that were set after it was raised hold it back, too; the night of 8 March has an hour less there.
        set(&product, "2026-03-08T02:00:00Z");
        let [bob, coachee] = &scene.again(&product).await;
        goal(coachee, practice, robin, "Second").await;
        react(&product).await;
        scene.prefers(bob, json!({ "quietHours": { "from": "20:00", "until": "06:30" } })).await;
        assert_eq!(mails(&product, bob).await.len(), 1);
        set(&product, "2026-03-08T10:29:00Z");
        assert_eq!(mails(&product, bob).await.len(), 1);
        set(&product, "2026-03-08T10:30:00Z");
        assert_eq!(mails(&product, bob).await.len(), 2);
        scene.prefers(bob, json!({ "quietHours": null, "timeZone": null })).await;
        product.prove().await;
    }

    /// One mail a day at the chosen time, with what is unread by then; the next day another one.
    #[test]
    async fn a_digest_gathers_a_day_in_one_mail(product: Product) {
        let scene = Scene::new(&product).await;
        let Scene { practice, bob, robin, coachee, .. } = &scene;
        assert_eq!(scene.prefers(bob, json!({ "digestAt": "18:00" })).await["digestAt"], "18:00");
        for title in ["ZQ-First", "ZQ-Second", "ZQ-Third"] {
            goal(coachee, practice, robin, title).await;
        }
        action(coachee, practice, robin, None, "ZQ-Walk").await;
        react(&product).await;
        assert_eq!(kinds(&scene.told(bob).await).len(), 4);
        let first = scene.told(bob).await["nodes"][3]["id"].clone();
        scene.reads(bob, json!({ "ids": [first] })).await;
        set(&product, "2026-03-02T16:59:00Z");
        assert_eq!(mails(&product, bob).await.len(), 0);
        set(&product, "2026-03-02T17:00:00Z");
        let sent = mails(&product, bob).await;
        assert_eq!(sent.len(), 1);
        let mail = &sent[0];
        assert!(mail.contains("Robin set a goal (2 times)") && mail.contains("Robin added an action"), "{mail}");
        assert!(!mail.contains("ZQ-"), "{mail}");
        set(&product, "2026-03-03T17:00:00Z");
        let [bob, coachee] = &scene.again(&product).await;
        assert_eq!(mails(&product, bob).await.len(), 1, "there was nothing new");
        goal(coachee, practice, robin, "ZQ-Fourth").await;
        react(&product).await;
        set(&product, "2026-03-04T16:59:00Z");
        assert_eq!(mails(&product, bob).await.len(), 1);
        set(&product, "2026-03-04T17:00:00Z");
        let [bob, coachee] = &scene.again(&product).await;
        assert_eq!(mails(&product, bob).await.len(), 2);
        // Off again: each comes by itself. By the digest's link one leaves mail altogether.
        let done = reqwest::Client::new().post(link(&mails(&product, bob).await[1])).send().await.expect("an answer");
        assert_eq!(done.status(), 200);
        scene.prefers(bob, json!({ "digestAt": null })).await;
        goal(coachee, practice, robin, "ZQ-Fifth").await;
        react(&product).await;
        assert_eq!(mails(&product, bob).await.len(), 2);
        assert_eq!(kinds(&scene.told(bob).await).len(), 6);
        product.prove().await;
    }

    /// RFC 8058: the headers, a page that changes nothing when it is opened, and a POST without sign-in or cookie that
    /// turns off that kind by mail and nothing else.
    #[test]
    async fn a_mail_has_a_link_that_takes_its_reader_off_that_kind(product: Product) {
        let scene = Scene::new(&product).await;
        let Scene { practice, bob, robin, coachee, .. } = &scene;
        goal(coachee, practice, robin, "First").await;
        react(&product).await;
        let sent = mails(&product, bob).await;
        assert!(sent[0].contains("List-Unsubscribe-Post: List-Unsubscribe=One-Click"), "{}", sent[0]);
        let link = link(&sent[0]);
        assert!(link.starts_with(&product.url("/unsubscribe/person_")), "{link}");
        let client = reqwest::Client::new();
        for _ in 0..2 {
            let page = client.get(&link).send().await.expect("a page");
            assert_eq!(page.status(), 200);
            assert!(page.text().await.expect("its text").contains("<form method=\"post\">"));
        }
        goal(coachee, practice, robin, "Second").await;
        react(&product).await;
        assert_eq!(mails(&product, bob).await.len(), 2, "opening the page changed nothing");
        // Another site's form does nothing, nor does a link that nobody was sent.
        let foreign = client.post(&link).header("origin", "https://elsewhere.example").send().await.expect("an answer");
        assert_eq!(foreign.status(), 403);
        let last = if link.ends_with('A') { "B" } else { "A" };
        let forged = format!("{}{last}", &link[..link.len() - 1]);
        for wrong in [forged, product.url("/unsubscribe/nothing"), link.replace("person_", "practice_")] {
            assert_eq!(client.get(&wrong).send().await.expect("an answer").status(), 404, "{wrong}");
            assert_eq!(client.post(&wrong).send().await.expect("an answer").status(), 404, "{wrong}");
        }
        for _ in 0..2 {
            let one_click = client.post(&link).header("content-type", "application/x-www-form-urlencoded");
            let done = one_click.body("List-Unsubscribe=One-Click").send().await.expect("an answer");
            assert_eq!(done.status(), 200);
        }
        goal(coachee, practice, robin, "Third").await;
        action(coachee, practice, robin, None, "Walk").await;
        react(&product).await;
        let sent = mails(&product, bob).await;
        assert_eq!(sent.len(), 3, "the other kind is mailed as before");
        assert!(sent[2].contains("added an action"), "{}", sent[2]);
        assert_eq!(kinds(&scene.told(bob).await).len(), 4, "and the portal shows all");
        let all = bob.ask("{ viewer { account { notificationPreferences { kinds { kind inApp mail } } } } }", json!({})).await;
        let all = all["viewer"]["account"]["notificationPreferences"]["kinds"].as_array().expect("kinds").clone();
        let off = all.iter().filter(|kind| kind["mail"] == false).filter_map(|kind| kind["kind"].as_str());
        // Of appointments there are mails of their own.
        let off: Vec<&str> = off.filter(|kind| !kind.starts_with("APPOINTMENT_")).collect();
        assert_eq!(off, ["GOAL_ADDED"]);
        assert!(all.iter().all(|kind| kind["inApp"] == true));
        product.prove().await;
    }
}
