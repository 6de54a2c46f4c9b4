//! Appointments, as coach and coachee live with them: lists, answers, mails and calendars; the session log and the
//! activity summary of a coachee's file.

use serde_json::{Value, json};
use tests::{Person, Product, both};

use crate::audit::{entries, grant, names};
use crate::session::{ended, logged};

const ADD: &str = "mutation($i: AddAppointmentInput!) { addAppointment(input: $i) { appointment { id title place videoLink start timeZone durationMinutes recurrence coachId sequence } conflicts { appointment { id } startsAt } position errors { code path } } }";
const RESCHEDULE: &str = "mutation($i: RescheduleAppointmentInput!) { rescheduleAppointment(input: $i) { appointment { id start sequence } conflicts { appointment { id } } errors { code } } }";
const CANCEL: &str = "mutation($i: CancelAppointmentInput!) { cancelAppointment(input: $i) { appointment { id cancelled cancelledFrom sequence } errors { code } } }";
const RESPOND: &str = "mutation($i: RespondToAppointmentInput!) { respondToAppointment(input: $i) { appointment { id answer answeredAt } errors { code } } }";
const START: &str = "mutation($i: StartSessionInput!) { startSession(input: $i) { session { id title appointmentId } errors { code } } }";
const FEED: &str = "mutation { createCalendarFeed { path calendarFeed { createdAt } errors { code } } }";

/// In Berlin, which is an hour ahead of UTC until 29 March. Stories begin on Monday, 2 March 2026 at 9:00 UTC.
fn at(start: &str, title: &str) -> Value {
    json!({ "start": start, "title": title, "timeZone": "Europe/Berlin" })
}

/// Somebody's practice, in which this can be done.
struct Scene {
    practice: String,
    ada: Person,
    robin: String,
    coachee: Person,
}

impl Scene {
    async fn new(product: &Product) -> Self {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        Self { practice, ada, robin, coachee }
    }

    fn input(&self, mut fields: Value) -> Value {
        fields["practiceId"] = json!(self.practice);
        json!({ "i": fields })
    }

    fn with_robin(&self, mut fields: Value) -> Value {
        fields["coacheeId"] = json!(self.robin);
        self.input(fields)
    }

    /// An appointment with Robin: its id.
    async fn add(&self, fields: Value) -> String {
        let answer = self.ada.ask(ADD, self.with_robin(fields)).await;
        let id = answer["addAppointment"]["appointment"]["id"].as_str();
        id.unwrap_or_else(|| panic!("not added: {answer}")).to_owned()
    }

    async fn done(&self, who: &Person, mutation: &str, fields: Value) -> Value {
        let answer = who.ask(mutation, self.input(fields)).await;
        let first = answer.as_object().and_then(|data| data.values().next()).cloned().expect("a field");
        assert_eq!(first["errors"], json!([]), "{answer}");
        first
    }

    /// A list of occurrences in a portal.
    async fn list(&self, who: &Person, portal: &str, field: &str, shows: &str) -> Value {
        let query = format!(
            "query($p: ID!) {{ viewer {{ {portal}(practiceId: $p) {{ {field} {{ nodes {{ {shows} }} }} }} }} }}"
        );
        let data = who.ask(&query, json!({ "p": self.practice })).await;
        let field = field.split(['(', ' ']).next().expect("a name");
        data["viewer"][portal][field]["nodes"].clone()
    }
}

/// What is at an address: status, entity tag, and text.
async fn fetched(product: &Product, path: &str, known: Option<&str>) -> (u16, String, String) {
    let request = reqwest::Client::new().get(product.url(path));
    let request = known.iter().fold(request, |request, tag| request.header("if-none-match", *tag));
    let answer = request.send().await.expect("an answer");
    let tag = answer.headers().get("etag").and_then(|tag| tag.to_str().ok()).unwrap_or_default().to_owned();
    (answer.status().as_u16(), tag, answer.text().await.expect("a text"))
}

/// A calendar as an independent parser reads it: of each event these properties, one a line.
fn events(text: &str) -> Vec<String> {
    use calcard::icalendar::{ICalendar, ICalendarComponentType};
    let calendar = ICalendar::parse(text).unwrap_or_else(|error| panic!("not a calendar: {error:?}\n{text}"));
    let events = calendar.components.iter().filter(|it| it.component_type == ICalendarComponentType::VEvent);
    let mut lines: Vec<String> = events
        .map(|event| {
            let value = |name: &str| {
                let found = event.entries.iter().filter(|entry| entry.name.as_str() == name);
                let values: Vec<String> = found
                    .map(|entry| {
                        entry
                            .values
                            .iter()
                            .map(|value| value.clone().into_text().unwrap_or_default().into_owned())
                            .collect::<Vec<_>>()
                            .join(",")
                    })
                    .collect();
                values.join(" ")
            };
            assert!(value("UID").contains("appointment_") && !value("DTSTAMP").is_empty(), "{text}");
            format!("{} | {} | {} | {}", value("SUMMARY"), value("SEQUENCE"), value("STATUS"), value("LOCATION"))
        })
        .collect();
    lines.sort();
    lines
}

/// Long lines are folded; here they are whole again.
fn unfolded(text: &str) -> String {
    text.replace("\r\n ", "")
}

both! {
    /// S2.16: the quick menu's "Add Appointment". Both sides see it, in their own portal, and what it says.
    #[test]
    async fn s2_16_a_coach_adds_an_appointment_and_both_see_it(product: Product) {
        let scene = Scene::new(&product).await;
        let add = json!({ "start": "2026-03-10T09:30", "title": "First meeting", "place": "Room 4", "videoLink": "https://video.example/x", "durationMinutes": 45 });
        let answer = scene.ada.ask(ADD, scene.with_robin(add)).await;
        let shown = &answer["addAppointment"]["appointment"];
        assert_eq!(shown["timeZone"], "Europe/Berlin", "the practice's, where nobody says");
        assert_eq!((&shown["title"], &shown["place"], &shown["coachId"]), (&json!("First meeting"), &json!("Room 4"), &json!(scene.ada.id)));
        let shows = "startsAt endsAt start durationMinutes status answer sessionId appointment { title place videoLink recurrence }";
        let expected = json!([{
            "startsAt": "2026-03-10T08:30:00Z", "endsAt": "2026-03-10T09:15:00Z", "start": "2026-03-10T09:30", "durationMinutes": 45,
            "status": "PLANNED", "answer": null, "sessionId": null,
            "appointment": { "title": "First meeting", "place": "Room 4", "videoLink": "https://video.example/x", "recurrence": null },
        }]);
        assert_eq!(scene.list(&scene.ada, "coachPortal", "upcoming", shows).await, expected);
        assert_eq!(scene.list(&scene.coachee, "coacheePortal", "appointments", shows).await, expected);
        let query = "query($p: ID!, $c: ID!) { viewer { coachPortal(practiceId: $p) { coachee(id: $c) { appointments { nodes { startsAt } } } } } }";
        let file = scene.ada.ask(query, json!({ "p": scene.practice, "c": scene.robin })).await;
        assert_eq!(file["viewer"]["coachPortal"]["coachee"]["appointments"]["nodes"], json!([{ "startsAt": "2026-03-10T08:30:00Z" }]));
        // Robin makes none; who has no access to Robin does not learn of any.
        assert_eq!(scene.coachee.fails(ADD, scene.with_robin(at("2026-03-11T09:00", "Mine"))).await, "FORBIDDEN");
        let bob = product.further_coach(&scene.ada, &scene.practice, "Bob", "COACH").await;
        assert_eq!(scene.list(&bob, "coachPortal", "upcoming", "startsAt").await, json!([]));
        let through = json!({ "start": "2026-03-11T09:00", "title": "Bob's", "coachId": bob.id });
        assert_eq!(scene.ada.refused(ADD, scene.with_robin(through.clone())).await, "COACH_HAS_NO_ACCESS");
        grant(&scene.ada, &scene.practice, &bob, &scene.robin).await;
        scene.add(through).await;
        assert_eq!(scene.list(&bob, "coachPortal", "upcoming", "appointment { title coachId }").await[1], json!({ "appointment": { "title": "Bob's", "coachId": bob.id } }));
        let log = entries(&scene.coachee, "coacheePortal", &scene.practice, json!({ "kinds": ["appointment_add"] })).await;
        assert_eq!(names(&log), ["appointment_add", "appointment_add"]);
        assert!(log[0]["changes"].to_string().contains("2026-03-10T09:30"), "{log:?}");
        product.prove().await;
    }

    /// RFC 5545: nine in the morning stays nine over daylight saving; rules are bounded and refused for what is wrong.
    #[test]
    async fn s2_16_an_appointment_repeats_at_the_same_hour(product: Product) {
        let scene = Scene::new(&product).await;
        let mut weekly = at("2026-03-17T09:00", "Weekly");
        weekly["recurrence"] = json!("FREQ=WEEKLY;COUNT=4");
        let id = scene.add(weekly.clone()).await;
        let range = "appointments(range: { from: \"2026-03-01T00:00:00Z\", to: \"2026-06-01T00:00:00Z\" })";
        let moments: Vec<Value> = ["2026-03-17T08:00:00Z", "2026-03-24T08:00:00Z", "2026-03-31T07:00:00Z", "2026-04-07T07:00:00Z"].iter().map(|at| json!({ "startsAt": at })).collect();
        assert_eq!(scene.list(&scene.ada, "coachPortal", range, "startsAt").await, json!(moments));
        // A page of it, and the next.
        let paged = "query($p: ID!, $a: String) { viewer { coachPortal(practiceId: $p) { appointments(range: { from: \"2026-03-01T00:00:00Z\", to: \"2026-06-01T00:00:00Z\" }, first: 3, after: $a) { nodes { startsAt } pageInfo { hasNextPage hasPreviousPage endCursor } } } } }";
        let first = scene.ada.ask(paged, json!({ "p": scene.practice })).await["viewer"]["coachPortal"]["appointments"].clone();
        assert_eq!((first["nodes"].clone(), &first["pageInfo"]["hasNextPage"]), (json!(moments[..3]), &json!(true)));
        let second = scene.ada.ask(paged, json!({ "p": scene.practice, "a": first["pageInfo"]["endCursor"] })).await["viewer"]["coachPortal"]["appointments"].clone();
        assert_eq!((second["nodes"].clone(), &second["pageInfo"]["hasNextPage"], &second["pageInfo"]["hasPreviousPage"]), (json!(moments[3..]), &json!(false), &json!(true)));
        let too_wide = range.replace("2026-06-01", "2028-06-01");
        let query = format!("query($p: ID!) {{ viewer {{ coachPortal(practiceId: $p) {{ {too_wide} {{ nodes {{ startsAt }} }} }} }} }}");
        assert_eq!(scene.ada.fails(&query, json!({ "p": scene.practice })).await, "BAD_REQUEST");
        for (recurrence, code) in [
            ("each Tuesday", "RECURRENCE_IS_NOT_A_RULE"),
            ("FREQ=WEEKLY", "RECURRENCE_HAS_NO_END"),
            ("FREQ=DAILY;COUNT=5000", "APPOINTMENT_RECURS_TOO_OFTEN"),
            ("FREQ=SECONDLY;COUNT=5", "RECURRENCE_IS_NOT_SUPPORTED"),
            ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=5", "RECURRENCE_DOES_NOT_FIT_ITS_START"),
        ] {
            weekly["recurrence"] = json!(recurrence);
            let answer = scene.ada.ask(ADD, scene.with_robin(weekly.clone())).await["addAppointment"].clone();
            assert_eq!(answer["errors"], json!([{ "code": code, "path": ["input", "recurrence"] }]), "{recurrence}");
        }
        let over = at("2026-03-01T09:00", "Late");
        assert_eq!(scene.ada.refused(ADD, scene.with_robin(over)).await, "APPOINTMENT_IS_OVER");
        // One alone is moved, another cancelled, and the rest from one on.
        scene.done(&scene.ada, RESCHEDULE, json!({ "appointmentId": id, "occurrence": "2026-03-24T09:00", "start": "2026-03-25T16:00" })).await;
        scene.done(&scene.ada, CANCEL, json!({ "appointmentId": id, "occurrence": "2026-03-17T09:00" })).await;
        scene.done(&scene.ada, CANCEL, json!({ "appointmentId": id, "occurrence": "2026-04-07T09:00", "andFollowing": true })).await;
        let expected = json!([
            { "occurrence": "2026-03-24T09:00", "start": "2026-03-25T16:00", "status": "MOVED" },
            { "occurrence": "2026-03-31T09:00", "start": "2026-03-31T09:00", "status": "PLANNED" },
        ]);
        assert_eq!(scene.list(&scene.coachee, "coacheePortal", range, "occurrence start status").await, expected);
        let all = range.replace(" })", " }, cancelled: true)");
        assert_eq!(scene.list(&scene.coachee, "coacheePortal", &all, "status").await.as_array().map(Vec::len), Some(4));
        assert_eq!(scene.ada.refused(CANCEL, scene.input(json!({ "appointmentId": id, "occurrence": "2026-03-25T16:00" }))).await, "OCCURRENCE_IS_NOT_THERE");
        let log = entries(&scene.ada, "coachPortal", &scene.practice, json!({ "kinds": ["appointment_move"] })).await;
        assert!(log[0]["changes"].to_string().contains(r#""was":"2026-03-24T09:00""#), "{log:?}");
        // As it was before all that.
        let before = "query($p: ID!, $a: DateTime!) { viewer { coachPortal(practiceId: $p, asOf: { time: $a }) { appointments(range: { from: \"2026-03-01T00:00:00Z\", to: \"2026-06-01T00:00:00Z\" }) { nodes { startsAt } } } } }";
        product.later(10);
        scene.done(&scene.ada, CANCEL, json!({ "appointmentId": id })).await;
        let then = scene.ada.ask(before, json!({ "p": scene.practice, "a": "2026-03-02T09:05:00Z" })).await;
        assert_eq!(then["viewer"]["coachPortal"]["appointments"]["nodes"].as_array().map(Vec::len), Some(2));
        // The recurrence changes alone, or the start where the recurrence has it; of one occurrence only its time changes.
        let mut tuesdays = at("2026-03-17T09:00", "Tuesdays");
        tuesdays["recurrence"] = json!("FREQ=WEEKLY;BYDAY=TU;COUNT=2");
        let id = scene.add(tuesdays).await;
        let wednesday = scene.input(json!({ "appointmentId": id, "start": "2026-03-18T09:00" }));
        assert_eq!(scene.ada.refused(RESCHEDULE, wednesday).await, "RECURRENCE_DOES_NOT_FIT_ITS_START");
        let named = scene.input(json!({ "appointmentId": id, "occurrence": "2026-03-24T09:00", "title": "Late" }));
        assert_eq!(scene.ada.refused(RESCHEDULE, named).await, "OCCURRENCE_CAN_ONLY_BE_MOVED");
        let daily = json!({ "appointmentId": id, "recurrence": "FREQ=DAILY;COUNT=3" });
        assert_eq!(scene.done(&scene.ada, RESCHEDULE, daily).await["appointment"]["start"], "2026-03-17T09:00");
        let log = entries(&scene.ada, "coachPortal", &scene.practice, json!({ "kinds": ["appointment_reschedule"] })).await;
        assert!(log[0]["changes"].to_string().contains(r#""was":"FREQ=WEEKLY;BYDAY=TU;COUNT=2""#), "{log:?}");
        product.prove().await;
    }

    /// What overlaps is shown and not refused.
    #[test]
    async fn s2_16_conflicts_are_shown_and_not_refused(product: Product) {
        let scene = Scene::new(&product).await;
        let kim = product.coachee(&scene.ada, &scene.practice, "Kim").await;
        let mut weekly = at("2026-03-10T09:00", "Weekly");
        weekly["recurrence"] = json!("FREQ=WEEKLY;COUNT=10");
        let first = scene.add(weekly).await;
        let mut kims = at("2026-03-17T09:30", "Kim's");
        kims["coacheeId"] = json!(kim);
        let answer = scene.ada.ask(ADD, scene.input(kims)).await["addAppointment"].clone();
        assert_eq!(answer["errors"], json!([]));
        assert_eq!(answer["conflicts"], json!([{ "appointment": { "id": first }, "startsAt": "2026-03-17T08:00:00Z" }]));
        let second = answer["appointment"]["id"].clone();
        let range = "appointments(range: { from: \"2026-03-16T00:00:00Z\", to: \"2026-03-25T00:00:00Z\" })";
        let shown = scene.list(&scene.ada, "coachPortal", range, "start conflicts { appointment { id } }").await;
        let expected = json!([
            { "start": "2026-03-17T09:00", "conflicts": [{ "appointment": { "id": second } }] },
            { "start": "2026-03-17T09:30", "conflicts": [{ "appointment": { "id": first } }] },
            { "start": "2026-03-24T09:00", "conflicts": [] },
        ]);
        assert_eq!(shown, expected);
        // Robin does not learn of Kim.
        assert_eq!(scene.list(&scene.coachee, "coacheePortal", range, "conflicts { startsAt }").await, json!([{ "conflicts": [] }, { "conflicts": [] }]));
        let later = json!({ "appointmentId": second, "start": "2026-03-17T10:00" });
        assert_eq!(scene.done(&scene.ada, RESCHEDULE, later).await["conflicts"], json!([]), "end to end is no conflict");
        // Also far ahead, and of a page that goes on for years.
        let mut yearly = at("2026-03-20T09:00", "Yearly");
        yearly["recurrence"] = json!("FREQ=YEARLY;COUNT=4");
        let yearly = scene.add(yearly).await;
        let far = json!({ "start": "2029-03-20T09:30", "title": "Far", "timeZone": "Europe/Berlin", "coacheeId": kim });
        let far = scene.ada.ask(ADD, scene.input(far)).await["addAppointment"]["appointment"]["id"].clone();
        let query = "query($p: ID!, $a: ID!) { viewer { coachPortal(practiceId: $p) { appointment(id: $a) { occurrences(first: 4) { nodes { conflicts { appointment { id } conflicts { appointment { id } } } } } } } } }";
        let shown = scene.ada.ask(query, json!({ "p": scene.practice, "a": yearly })).await["viewer"]["coachPortal"]["appointment"]["occurrences"]["nodes"].clone();
        let there = json!({ "conflicts": [{ "appointment": { "id": far }, "conflicts": [{ "appointment": { "id": yearly } }] }] });
        assert_eq!(shown, json!([{ "conflicts": [] }, { "conflicts": [] }, { "conflicts": [] }, there]));
        product.prove().await;
    }

    /// Going or not going, by the coachee; the coach sees it with its time, live.
    #[test]
    async fn s2_16_the_coachee_answers_and_the_coach_sees_it_live(product: Product) {
        let scene = Scene::new(&product).await;
        let id = scene.add(at("2026-03-10T09:00", "First")).await;
        let follow = "subscription($p: ID!) { coachPortalChanges(practiceId: $p) { changes { ... on Appointment { id answer occurrences { nodes { answer answeredAt status } } } } } }";
        let mut live = scene.ada.listen(follow, json!({ "p": scene.practice })).await;
        let mine = "subscription($p: ID!) { coacheePortalChanges(practiceId: $p) { changes { ... on Appointment { id title occurrences { nodes { status start } } } } } }";
        let mut robins = scene.coachee.listen(mine, json!({ "p": scene.practice })).await;
        let answer = |answer: &str| scene.input(json!({ "appointmentId": id, "answer": answer }));
        assert_eq!(scene.ada.fails(RESPOND, answer("GOING")).await, "FORBIDDEN");
        let whole = scene.done(&scene.coachee, RESPOND, json!({ "appointmentId": id, "answer": "NOT_GOING" })).await;
        assert_eq!(whole["appointment"], json!({ "id": id, "answer": "NOT_GOING", "answeredAt": "2026-03-02T09:00:00Z" }));
        let told = |item: Value, portal: &str| item[portal]["changes"][0]["occurrences"]["nodes"][0].clone();
        let expected = json!({ "answer": "NOT_GOING", "answeredAt": "2026-03-02T09:00:00Z", "status": "PLANNED" });
        loop {
            let item = live.next().await;
            if item["coachPortalChanges"]["changes"][0]["id"] == json!(id) {
                assert_eq!(told(item, "coachPortalChanges"), expected);
                break;
            }
        }
        scene.done(&scene.ada, RESCHEDULE, json!({ "appointmentId": id, "start": "2026-03-11T09:00" })).await;
        loop {
            let item = told(robins.next().await, "coacheePortalChanges");
            if item["start"] == "2026-03-11T09:00" {
                break;
            }
        }
        assert_eq!(scene.list(&scene.ada, "coachPortal", "upcoming", "answer").await, json!([{ "answer": null }]), "that was another time");
        scene.done(&scene.ada, CANCEL, json!({ "appointmentId": id })).await;
        assert_eq!(scene.coachee.refused(RESPOND, answer("GOING")).await, "APPOINTMENT_IS_CANCELLED");
        product.prove().await;
    }

    /// A session starts from an appointment, once, and is called as it is.
    #[test]
    async fn a_session_starts_from_an_appointment(product: Product) {
        let scene = Scene::new(&product).await;
        let mut weekly = at("2026-03-10T09:00", "Weekly");
        weekly["recurrence"] = json!("FREQ=WEEKLY;COUNT=2");
        let id = scene.add(weekly).await;
        let start = |occurrence: Value| scene.with_robin(json!({ "appointmentId": id, "occurrence": occurrence }));
        assert_eq!(scene.ada.refused(START, start(Value::Null)).await, "OCCURRENCE_IS_NEEDED");
        // Of which appointment, has to be said too: nothing begins that is linked to none.
        let of_none = scene.with_robin(json!({ "occurrence": "2026-03-10T09:00" }));
        let failed = scene.ada.whole(START, of_none).await.body["errors"][0].clone();
        assert_eq!(failed["extensions"]["code"], "BAD_REQUEST");
        assert!(failed["message"].as_str().expect("a message").contains("`appointmentId`"), "{failed}");
        assert_eq!(scene.list(&scene.ada, "coachPortal", "sessions(filter: { running: true })", "id").await, json!([]));
        let answer = scene.ada.ask(START, start(json!("2026-03-10T09:00"))).await["startSession"]["session"].clone();
        assert_eq!((&answer["title"], &answer["appointmentId"]), (&json!("Weekly"), &json!(id)));
        assert_eq!(scene.ada.refused(START, start(json!("2026-03-10T09:00"))).await, "APPOINTMENT_HAS_A_SESSION");
        let shown = scene.list(&scene.coachee, "coacheePortal", "appointments", "sessionId").await;
        assert_eq!(shown[0], json!({ "sessionId": answer["id"] }));
        product.prove().await;
    }

    /// Both get a mail with a calendar entry; out of date ones are not sent, and what it is called stays out of mail.
    #[test]
    async fn s3_2_appointments_are_mailed_with_a_calendar_entry(product: Product) {
        let scene = Scene::new(&product).await;
        let kim = product.coachee(&scene.ada, &scene.practice, "Kim").await;
        let mut secret = at("2026-03-10T09:00", "After the divorce");
        (secret["coacheeId"], secret["place"], secret["recurrence"]) = (json!(kim), json!("Room 4"), json!("FREQ=WEEKLY;COUNT=3"));
        let answer = scene.ada.ask(ADD, scene.input(secret)).await;
        let id = answer["addAppointment"]["appointment"]["id"].as_str().expect("an id").to_owned();
        // Kim was never invited, and gets it all the same.
        let (kims, adas) = (product.mail("kim@coachee.example").await, product.mail("ada@practice.example").await);
        assert_eq!(kims.len(), 1);
        for mail in [&kims[0], adas.last().expect("a mail")] {
            for part in ["text/calendar; method=REQUEST", "METHOD:REQUEST", "SEQUENCE:0", "Tuesday, 10 March 2026, 09:00", "Room 4", "RRULE:FREQ=WEEKLY;COUNT=3", "BEGIN:VTIMEZONE"] {
                assert!(mail.contains(part), "{part}: {mail}");
            }
            assert!(!mail.contains("divorce"), "{mail}");
        }
        assert!(kims[0].contains("Coaching: Ada"), "{}", kims[0]);
        scene.done(&scene.ada, RESCHEDULE, json!({ "appointmentId": id, "occurrence": "2026-03-17T09:00", "start": "2026-03-18T10:00" })).await;
        let moved = product.mail("kim@coachee.example").await.pop().expect("a mail");
        for part in ["Appointment moved", "RECURRENCE-ID;TZID=Europe/Berlin:20260317T090000", "DTSTART;TZID=Europe/Berlin:20260318T100000", "SEQUENCE:1"] {
            assert!(moved.contains(part), "{part}: {moved}");
        }
        scene.done(&scene.ada, CANCEL, json!({ "appointmentId": id, "occurrence": "2026-03-24T09:00" })).await;
        let cancelled = product.mail("kim@coachee.example").await.pop().expect("a mail");
        for part in ["method=CANCEL", "STATUS:CANCELLED", "RECURRENCE-ID;TZID=Europe/Berlin:20260324T090000"] {
            assert!(cancelled.contains(part), "{part}: {cancelled}");
        }
        // Two changes before any mail leaves: only what is true is sent.
        scene.done(&scene.ada, RESCHEDULE, json!({ "appointmentId": id, "start": "2026-03-12T09:00" })).await;
        scene.done(&scene.ada, CANCEL, json!({ "appointmentId": id })).await;
        let mails = product.mail("kim@coachee.example").await;
        assert_eq!(mails.len(), 4, "{}", mails.join("\n====\n"));
        for part in ["METHOD:CANCEL", "STATUS:CANCELLED", "Appointments cancelled from: Thursday, 12 March 2026, 09:00", "None of its remaining dates takes place."] {
            assert!(mails[3].contains(part), "{part}: {}", mails[3]);
        }
        // A coach who sees Kim no more is told no more of them.
        let bob = product.further_coach(&scene.ada, &scene.practice, "Bob", "COACH").await;
        grant(&scene.ada, &scene.practice, &bob, &kim).await;
        let mut bobs = at("2026-03-20T09:00", "Bob's");
        (bobs["coacheeId"], bobs["coachId"]) = (json!(kim), json!(bob.id));
        let bobs = scene.ada.ask(ADD, scene.input(bobs)).await["addAppointment"]["appointment"]["id"].clone();
        let before = product.mail("bob@practice.example").await.len();
        let revoke = "mutation($i: RevokeAccessInput!) { revokeAccess(input: $i) { errors { code } } }";
        scene.ada.ask(revoke, scene.input(json!({ "coachId": bob.id, "coacheeId": kim }))).await;
        scene.done(&scene.ada, CANCEL, json!({ "appointmentId": bobs })).await;
        assert_eq!(product.mail("bob@practice.example").await.len(), before);
        assert!(product.mail("kim@coachee.example").await.last().expect("a mail").contains("METHOD:CANCEL"));
        product.prove().await;
    }

    /// What a mail says of a series is what is ahead of it; another title is no news, and whoever is deactivated is told
    /// only that they need not come.
    #[test]
    async fn s3_2_mails_tell_of_what_is_ahead(product: Product) {
        let mut scene = Scene::new(&product).await;
        let kim = product.coachee(&scene.ada, &scene.practice, "Kim").await;
        let mut weekly = at("2026-03-03T09:00", "Weekly");
        (weekly["coacheeId"], weekly["recurrence"]) = (json!(kim), json!("FREQ=WEEKLY;COUNT=4"));
        let weekly = scene.ada.ask(ADD, scene.input(weekly)).await["addAppointment"]["appointment"]["id"].clone();
        let told = product.mail("kim@coachee.example").await;
        assert!(told[0].contains("It takes place 4 times, the last time on Tuesday, 24 March 2026, 09:00."), "{}", told[0]);
        let renamed = scene.done(&scene.ada, RESCHEDULE, json!({ "appointmentId": weekly, "title": "Steps" })).await;
        assert_eq!(renamed["appointment"]["sequence"], 0);
        assert_eq!(product.mail("kim@coachee.example").await.len(), 1);
        product.later(2 * 24 * 60);
        scene.ada = product.person(&scene.ada.email).await;
        scene.done(&scene.ada, CANCEL, json!({ "appointmentId": weekly, "occurrence": "2026-03-10T09:00" })).await;
        assert_eq!(product.mail("kim@coachee.example").await.len(), 2);
        let place = |room: &str| json!({ "appointmentId": weekly, "place": room });
        scene.done(&scene.ada, RESCHEDULE, place("Room 5")).await;
        let told = product.mail("kim@coachee.example").await;
        for part in ["Appointment changed: Tuesday, 17 March 2026, 09:00", "It takes place 2 times, the last time on Tuesday, 24 March 2026, 09:00.", "Room 5"] {
            assert!(told[2].contains(part), "{part}: {}", told[2]);
        }
        scene.done(&scene.ada, RESCHEDULE, place("Room 6")).await;
        let deactivate = "mutation($i: CoacheeInput!) { deactivateCoachee(input: $i) { errors { code } } }";
        scene.done(&scene.ada, deactivate, json!({ "coacheeId": kim })).await;
        assert_eq!(product.mail("kim@coachee.example").await.len(), 3);
        assert_eq!(scene.ada.refused(RESCHEDULE, scene.input(place("Room 7"))).await, "COACHEE_IS_DEACTIVATED");
        // The first took place; the others are called off.
        let rest = scene.done(&scene.ada, CANCEL, json!({ "appointmentId": weekly })).await;
        assert_eq!(rest["appointment"]["cancelledFrom"], "2026-03-17T09:00");
        let told = product.mail("kim@coachee.example").await;
        for part in ["Appointments cancelled from: Tuesday, 17 March 2026, 09:00", "That one and all after it do not take place."] {
            assert!(told[3].contains(part), "{part}: {}", told[3]);
        }
        product.prove().await;
    }

    /// The address of a person's calendar: what they may see now, by RFC 5545, until it is replaced or revoked.
    #[test]
    async fn a_calendar_program_reads_a_persons_appointments(product: Product) {
        let scene = Scene::new(&product).await;
        let bob = product.further_coach(&scene.ada, &scene.practice, "Bob", "COACH").await;
        grant(&scene.ada, &scene.practice, &bob, &scene.robin).await;
        let mut weekly = at("2026-03-10T09:00", "Weekly, with; signs\\and more");
        (weekly["recurrence"], weekly["place"], weekly["coachId"]) = (json!("FREQ=WEEKLY;COUNT=5"), json!("Room 4"), json!(bob.id));
        let id = scene.add(weekly).await;
        scene.add(at("2026-03-13T15:00", "With Ada")).await;
        scene.done(&scene.ada, RESCHEDULE, json!({ "appointmentId": id, "occurrence": "2026-03-17T09:00", "start": "2026-03-18T10:00" })).await;
        scene.done(&scene.ada, CANCEL, json!({ "appointmentId": id, "occurrence": "2026-03-24T09:00" })).await;
        scene.done(&scene.ada, CANCEL, json!({ "appointmentId": id, "occurrence": "2026-04-07T09:00", "andFollowing": true })).await;
        let path = |answer: &Value| answer["createCalendarFeed"]["path"].as_str().expect("a path").to_owned();
        let robins = path(&scene.coachee.ask(FEED, json!({})).await);
        let bobs = path(&bob.ask(FEED, json!({})).await);
        let (status, tag, text) = fetched(&product, &robins, None).await;
        assert_eq!(status, 200, "{text}");
        let summary = "Weekly, with; signs\\and more";
        let expected = [format!("{summary} | 3 | CONFIRMED | Room 4"), format!("{summary} | 3 | CONFIRMED | Room 4"), "With Ada | 0 | CONFIRMED | ".to_owned()];
        assert_eq!(events(&text), expected);
        let whole = unfolded(&text);
        for line in [
            "DTSTART;TZID=Europe/Berlin:20260310T090000\r\n",
            // The last of those that are kept is on 31 March, in summer time.
            "RRULE:FREQ=WEEKLY;UNTIL=20260331T070000Z\r\n",
            "EXDATE;TZID=Europe/Berlin:20260324T090000\r\n",
            "RECURRENCE-ID;TZID=Europe/Berlin:20260317T090000\r\n",
            "DTSTART;TZID=Europe/Berlin:20260318T100000\r\n",
            "BEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\n",
            "BEGIN:DAYLIGHT\r\nDTSTART:20260329T020000\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\nEND:DAYLIGHT\r\n",
        ] {
            assert!(whole.contains(line), "{line}{whole}");
        }
        assert_eq!(fetched(&product, &robins, Some(&tag)).await.0, 304);
        // A coach's calendar has what they hold, with whom, while they may see it.
        // What gets an exception is changed by it.
        scene.done(&scene.ada, CANCEL, json!({ "appointmentId": id, "occurrence": "2026-03-31T09:00" })).await;
        let text = fetched(&product, &robins, None).await.2;
        let expected = [format!("{summary} | 3 | CONFIRMED | Room 4"), format!("{summary} | 4 | CONFIRMED | Room 4"), "With Ada | 0 | CONFIRMED | ".to_owned()];
        assert_eq!(events(&text), expected);
        let shown = fetched(&product, &bobs, None).await.2;
        assert_eq!(events(&shown).len(), 2);
        assert!(unfolded(&shown).contains("DESCRIPTION:With Robin Reed"), "{shown}");
        let revoke = "mutation($i: RevokeAccessInput!) { revokeAccess(input: $i) { errors { code } } }";
        scene.ada.ask(revoke, scene.input(json!({ "coachId": bob.id, "coacheeId": scene.robin }))).await;
        assert_eq!(events(&fetched(&product, &bobs, None).await.2), Vec::<String>::new());
        // Another address ends the first; all that is none is answered alike.
        let again = path(&scene.coachee.ask(FEED, json!({})).await);
        let gone = fetched(&product, &robins, None).await;
        assert_eq!(gone.0, 404);
        assert_eq!(fetched(&product, &again, None).await.0, 200);
        let shown = scene.coachee.ask("{ viewer { calendarFeed { createdAt } } }", json!({})).await;
        assert_eq!(shown["viewer"]["calendarFeed"]["createdAt"], "2026-03-02T09:00:00Z");
        scene.coachee.ask("mutation { revokeCalendarFeed { revoked errors { code } } }", json!({})).await;
        let stranger = format!("/calendar/{}.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA.ics", scene.ada.id);
        for path in [again.as_str(), "/calendar/x.ics", &stranger, again.trim_end_matches(".ics")] {
            assert_eq!(fetched(&product, path, None).await, gone, "{path}");
        }
        // A program that holds a token makes none.
        let token = "mutation($i: CreateAccessTokenInput!) { createAccessToken(input: $i) { token errors { code } } }";
        let scopes = json!([{ "practiceId": scene.practice, "portal": "COACH", "right": "WRITE" }]);
        let token = scene.ada.ask(token, json!({ "i": { "name": "A program", "scopes": scopes, "expiresAt": "2026-12-01T00:00:00Z" } })).await;
        let program = scene.ada.holding(token["createAccessToken"]["token"].as_str().map(str::to_owned));
        assert_eq!(program.fails(FEED, json!({})).await, "FORBIDDEN");
        product.prove().await;
    }

    /// One client cannot ask without end.
    #[test]
    async fn a_calendar_is_asked_for_a_bounded_number_of_times(product: Product) {
        for _ in 0..120 {
            assert_eq!(fetched(&product, "/calendar/x.ics", None).await.0, 404);
        }
        assert_eq!(fetched(&product, "/calendar/x.ics", None).await.0, 429);
        product.later(15);
        assert_eq!(fetched(&product, "/calendar/x.ics", None).await.0, 404);
    }

    /// R3: a calendar program reads as its person: of what others wrote an entry is left.
    #[test]
    async fn r3_reading_a_calendar_leaves_an_entry(product: Product) {
        let scene = Scene::new(&product).await;
        let bob = product.further_coach(&scene.ada, &scene.practice, "Bob", "COACH").await;
        grant(&scene.ada, &scene.practice, &bob, &scene.robin).await;
        let mut bobs = at("2026-03-10T09:00", "Bob's");
        (bobs["coachId"], bobs["place"]) = (json!(bob.id), json!("Room 4"));
        scene.add(bobs).await;
        let made = bob.ask(FEED, json!({})).await;
        fetched(&product, made["createCalendarFeed"]["path"].as_str().expect("a path"), None).await;
        let log = "query($p: ID!) { viewer { coachPortal(practiceId: $p) { accessLog(first: 10) { nodes { readerName kind through } } } } }";
        let log = scene.ada.ask(log, json!({ "p": scene.practice })).await["viewer"]["coachPortal"]["accessLog"]["nodes"].clone();
        let entry = |kind: &str| json!({ "readerName": "Bob", "kind": kind, "through": "LINK" });
        let mut kinds: Vec<Value> = log.as_array().expect("entries").clone();
        kinds.sort_by_key(Value::to_string);
        assert_eq!(kinds, [entry("place"), entry("title")]);
        product.prove().await;
    }

    /// S2.36, S3.22: title, date, duration and status, the newest first; attended ones, unless others are asked for.
    #[test]
    async fn s2_36_sessions_are_attended_ones_unless_others_are_asked_for(product: Product) {
        let scene = Scene::new(&product).await;
        for (title, day, status) in [("One", "16", "ATTENDED"), ("Two", "17", "CANCELLED"), ("Three", "18", "NO_SHOW"), ("Four", "19", "LATE"), ("Five", "20", "ATTENDED")] {
            logged(&scene.ada, &scene.practice, &scene.robin, (title, &format!("2026-02-{day}T09:00:00Z"), status)).await;
        }
        let ask = |field: &str| format!("query($p: ID!, $c: ID!) {{ viewer {{ coachPortal(practiceId: $p) {{ coachee(id: $c) {{ {field} {{ nodes {{ title startedAt durationMinutes status }} }} }} }} }} }}");
        let file = scene.ada.ask(&ask("sessions"), json!({ "p": scene.practice, "c": scene.robin })).await;
        let line = |title: &str, day: &str, status: &str| json!({ "title": title, "startedAt": format!("2026-02-{day}T09:00:00Z"), "durationMinutes": 50, "status": status });
        let attended = json!([line("Five", "20", "ATTENDED"), line("One", "16", "ATTENDED")]);
        assert_eq!(file["viewer"]["coachPortal"]["coachee"]["sessions"]["nodes"], attended);
        assert_eq!(scene.list(&scene.coachee, "coacheePortal", "sessions", "title startedAt durationMinutes status").await, attended);
        let all = "sessions(filter: { status: [ATTENDED, CANCELLED, NO_SHOW, LATE] })";
        let titles = json!([{ "title": "Five" }, { "title": "Four" }, { "title": "Three" }, { "title": "Two" }, { "title": "One" }]);
        assert_eq!(scene.list(&scene.coachee, "coacheePortal", all, "title").await, titles);
    }

    /// S2.17: the first tab of a coachee's file.
    #[test]
    async fn s2_17_the_activity_summary_has_what_was_what_is_next_and_what_happened(product: Product) {
        let scene = Scene::new(&product).await;
        logged(&scene.ada, &scene.practice, &scene.robin, ("Done", "2026-02-16T09:00:00Z", "ATTENDED")).await;
        logged(&scene.ada, &scene.practice, &scene.robin, ("Missed", "2026-02-17T09:00:00Z", "NO_SHOW")).await;
        let kim = product.coachee(&scene.ada, &scene.practice, "Kim").await;
        let mut kims = at("2026-03-03T09:00", "Kim's");
        kims["coacheeId"] = json!(kim);
        scene.ada.ask(ADD, scene.input(kims)).await;
        scene.add(at("2026-03-10T09:00", "Next")).await;
        scene.add(at("2026-05-10T09:00", "Far")).await;
        let running = scene.ada.ask(START, scene.with_robin(json!({}))).await["startSession"]["session"]["id"].as_str().expect("an id").to_owned();
        ended(&scene.ada, &scene.practice, &running, "LATE").await;
        let query = "query($p: ID!, $c: ID!) { viewer { coachPortal(practiceId: $p) { coachee(id: $c) { activitySummary {
            recentActivity(first: 3) { nodes { entry } } upcomingAppointments { nodes { appointment { title } } } completedSessions { nodes { title status } } } } } } }";
        let shown = scene.ada.ask(query, json!({ "p": scene.practice, "c": scene.robin })).await["viewer"]["coachPortal"]["coachee"]["activitySummary"].clone();
        let expected = json!({
            "recentActivity": { "nodes": [{ "entry": "session_end" }, { "entry": "session_start" }, { "entry": "appointment_add" }] },
            "upcomingAppointments": { "nodes": [{ "appointment": { "title": "Next" } }, { "appointment": { "title": "Far" } }] },
            "completedSessions": { "nodes": [{ "title": "Session", "status": "LATE" }, { "title": "Done", "status": "ATTENDED" }] },
        });
        assert_eq!(shown, expected);
    }
}
