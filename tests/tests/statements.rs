//! How many statements the portals' real queries cost: the number does not grow with pages, and is at most one for each
//! kind of thing selected and two more, beside the two by which the gate knows who asks.

use serde_json::{Value, json};
use tests::{Person, Product, both};

use crate::plan::{action, goal, milestone, position};

/// What the gate asks before any resolver runs: the login with its log's head, and its account.
const GATE: u64 = 2;
/// Who asks with the log's head; and the keys of texts.
const TWO: u64 = 2;

/// A page of coachees, each with all that hangs below.
const ROSTER: &str = "query($p: ID!, $n: Int!) { viewer { coachPortal(practiceId: $p) { position
    coachees(first: $n) { totalCount nodes { fullName activeGoal
        goals(first: $n) { nodes { title milestones(first: $n) { nodes { title actions(first: $n) { nodes { title } } } } } }
        sessions(first: $n) { nodes { title notes { text } notesHtml nextSteps { text } activeGoal
            authorization { number state } lookBack(first: 5) { title nextSteps { text } }
            fromLastSession { nextSteps { text } } revisions(first: $n) { nodes { revision } } } }
        authorizations(first: $n) { nodes { number state expiringSoon } }
        appointments(first: $n) { nodes { startsAt appointment { title } } }
        activityLog(first: $n) { nodes { kind changes { field now } } } } } } } }";
/// Coachees and how many there are; their plans' three levels; sessions, notes, their histories, steps, the coachee and the
/// authorization of each; sessions before them and their steps, for each of two fields; authorizations, the practice by
/// which they are judged; appointments; the activity log.
const ROSTER_KINDS: u64 = 2 + 3 + 6 + 4 + 2 + 1 + 1;

/// A coachee's profile with six lists.
const PROFILE: &str = "query($p: ID!, $c: ID!, $n: Int!) { viewer { coachPortal(practiceId: $p) { position
    coachee(id: $c) { fullName email activeGoal synopsis
        goals(first: $n) { nodes { title } } actions(first: $n) { nodes { title progress } }
        sessions(first: $n) { nodes { title status } } authorizations(first: $n) { nodes { number state } }
        activityLog(first: $n) { nodes { kind } } } access(first: $n) { nodes { level } } } } }";
/// The coachee, six lists, and the practice by which authorizations are judged.
const PROFILE_KINDS: u64 = 8;

const DASHBOARD: &str =
    "query($p: ID!, $n: Int!) { viewer { coachPortal(practiceId: $p) { practice { name } dashboard {
    expiringAuthorizations(first: $n) { nodes { number state } } lowAuthorizations(first: $n) { nodes { number state } }
    recentActivity(first: $n) { nodes { kind changes { field now } } } } } } }";
/// One more than what it shows: entries are opened knowing who leads the coachees whom they are about (R3).
const DASHBOARD_KINDS: u64 = 5;

const LIVE: &str =
    "query($p: ID!, $s: ID!, $n: Int!) { viewer { coachPortal(practiceId: $p) { position liveSession(id: $s) {
    title notes { text revision } nextSteps { text } activeGoal authorization { number }
    fromLastSession { nextSteps { text } } lookBack(first: $n) { title nextSteps { text } } } } } }";
/// The session, notes, steps, coachee, authorization; and twice the sessions before it with their steps.
const LIVE_KINDS: u64 = 9;

const HOME: &str = "query($p: ID!, $n: Int!) { viewer { coacheePortal(practiceId: $p) { position practice { name }
    me { fullName: firstName activeGoal } activeGoal coaches { displayName }
    goals(first: $n) { nodes { title milestones(first: $n) { nodes { title actions(first: $n) { nodes { title } } } } } }
    actions(first: $n) { nodes { title } } sessions(first: $n) { nodes { title nextSteps { text } } }
    nextSteps(first: $n) { nodes { text } } } } }";
const HOME_KINDS: u64 = 10;

/// A coach's notes and conversations.
const NOTES: &str = "query($p: ID!, $n: Int!) { viewer { coachPortal(practiceId: $p) { position
    notes(first: $n) { nodes { title text html newestRevision siblings { text } revisions(first: $n) { nodes { revision } } comments(first: $n) { nodes { text } } } }
    conversations(first: $n) { nodes { withName unreadCount lastMessage { text } messages(first: $n) { nodes { text } } } } } } }";
/// Notes, their texts, histories and comments; conversations, the other one of each, its newest message and its messages;
/// who leads the coachees whose texts are opened (R3); and the keys of what is nobody's alone, which come with a coachee's
/// row, beside those of what is one person's.
const NOTES_KINDS: u64 = 10;

/// The files that a coach sees.
const FILES: &str = "query($p: ID!, $n: Int!) { viewer { coachPortal(practiceId: $p) { position
    files(first: $n) { nodes { name size contentType permission by url } } } } }";
/// Files, and who leads the coachees whom they are about (R3).
const FILES_KINDS: u64 = 2;

/// Groups with their members; and a coachee's, with the menus.
const GROUPS: &str = "query($p: ID!, $n: Int!) { viewer { coachPortal(practiceId: $p) {
    groups(first: $n) { totalCount nodes { name description coacheeCount coachees(first: $n) { nodes { fullName options quickMenu
        groups(first: $n) { nodes { name coacheeCount } } } } } } } } }";
/// Groups and how many there are; counts, memberships and coachees of each, and the keys of their texts, which are others
/// than those of the groups; the memberships of each coachee and how many there are, their groups and the counts of those.
const GROUPS_KINDS: u64 = 2 + 3 + 1 + 4;

/// A roster by everything that it is filtered by.
const FILTERED: &str = "query($p: ID!, $n: Int!, $f: CoacheeFilter) { viewer { coachPortal(practiceId: $p) {
    coachees(first: $n, filter: $f, orderBy: STATUS) { totalCount nodes { fullName options } } } } }";
/// Coachees and how many there are; the practice, whose day it is; the coach who has access; the access of each.
const FILTERED_KINDS: u64 = 2 + 1 + 1 + 1;

/// Lists that know how many there are in all.
const TOTALS: &str = "query($p: ID!) { viewer { coachPortal(practiceId: $p) {
    coachees(first: 1) { totalCount nodes { fullName groups(first: 1) { totalCount nodes { name } } } }
    coaches(first: 1) { totalCount nodes { displayName } }
    groups(first: 1) { totalCount nodes { name coachees(first: 1) { totalCount nodes { fullName } } } } } } }";
/// Each counts apart.
const TOTALS_COUNTED: u64 = 5;

const NODES: &str = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }";

/// A query's answer, and how many statements it took.
async fn counted(product: &Product, by: &Person, query: &str, variables: Value) -> (Value, u64) {
    let before = product.app.store().statements();
    let answer = by.ask(query, variables).await;
    (answer, product.app.store().statements() - before)
}

/// Asks with small pages and with large ones: the same number of statements, and within the bound.
async fn bounded(product: &Product, by: &Person, (query, kinds, sizes): (&str, u64, [u32; 2]), mut variables: Value) {
    let mut taken = Vec::new();
    for size in sizes {
        variables["n"] = json!(size);
        let (answer, statements) = counted(product, by, query, variables.clone()).await;
        taken.push((statements, answer.to_string().len()));
    }
    let [(small, little), (large, much)] = taken[..] else { panic!("two sizes") };
    assert!(little < much, "the larger page has more on it: {little} and {much} bytes");
    assert_eq!(small, large, "the number of statements grows with the page: {query}");
    assert!(large <= kinds + TWO + GATE, "{large} statements for {kinds} kinds: {query}");
}

/// A coachee with a plan, an authorization and sessions of which one goes on: the running session's id.
async fn file(product: &Product, coach: &Person, practice: &str, name: &str) -> (String, String) {
    let coachee = product.coachee(coach, practice, name).await;
    let here = json!({ "practiceId": practice, "coacheeId": coachee });
    let with = |more: Value| {
        let mut input = here.clone();
        let given = more.as_object().expect("an object").clone();
        input.as_object_mut().expect("an object").extend(given);
        json!({ "i": input })
    };
    for title in ["Speak up", "Rest"] {
        let goal = goal(coach, practice, &coachee, title).await;
        for title in ["First", "Second"] {
            let milestone = milestone(coach, practice, &goal, title).await;
            for title in ["One", "Two"] {
                action(coach, practice, &coachee, Some(&milestone), title).await;
            }
        }
    }
    let set = "mutation($i: SetActiveGoalInput!) { setActiveGoal(input: $i) { errors { code } } }";
    coach.ask(set, with(json!({ "activeGoal": format!("{name} sleeps well") }))).await;
    let add =
        "mutation($i: AddAuthorizationInput!) { addAuthorization(input: $i) { authorization { id } errors { code } } }";
    let authorization = with(json!({ "number": format!("EAP-{name}"), "source": "Northwind", "totalSessions": 9,
        "ratePerHour": { "amount": "80.00", "currency": "EUR" }, "startsOn": "2026-01-01", "endsOn": "2026-03-10" }));
    let added = coach.ask(add, authorization).await;
    let authorization = &added["addAuthorization"]["authorization"]["id"];
    let add = "mutation($i: AddAppointmentInput!) { addAppointment(input: $i) { errors { code } } }";
    let weekly = json!({ "title": "Weekly", "start": "2026-03-03T09:00", "recurrence": "FREQ=DAILY;COUNT=9" });
    coach.ask(add, with(weekly)).await;
    let mut running = String::new();
    for (number, day) in ["2026-01-26", "2026-02-02", "2026-02-09", "2026-02-16"].into_iter().enumerate() {
        let (mutation, input) = if number == 3 {
            ("startSession", with(json!({ "authorizationId": authorization })))
        } else {
            let started_at = format!("{day}T10:00:00Z");
            (
                "logSession",
                with(json!({ "startedAt": started_at, "durationMinutes": 50, "authorizationId": authorization })),
            )
        };
        let kind = if number == 3 { "StartSessionInput" } else { "LogSessionInput" };
        let text = format!(
            "mutation($i: {kind}!) {{ {mutation}(input: $i) {{ session {{ id }} errors {{ code message }} }} }}"
        );
        let made = coach.ask(&text, input).await;
        let session = made[mutation]["session"]["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
        let of = json!({ "practiceId": practice, "sessionId": session });
        let save = "mutation($p: ID!, $s: ID!, $b: Int!, $t: Markdown!) {
            saveSessionNotes(input: { practiceId: $p, sessionId: $s, base: $b, text: $t }) { errors { code } } }";
        for base in [0, 1] {
            let text = format!("{name} spoke of {number} and {base}");
            coach.ask(save, json!({ "p": practice, "s": session, "b": base, "t": text })).await;
        }
        let steps = "mutation($p: ID!, $s: ID!) { setNextSteps(input: { practiceId: $p, sessionId: $s,
            steps: [{ text: \"Walk\" }, { text: \"Write\" }] }) { errors { code } } }";
        coach.ask(steps, json!({ "p": practice, "s": of["sessionId"] })).await;
        running = session;
    }
    (coachee, running)
}

/// A coach's notes about a coachee with comments, and messages to them.
async fn notes(coach: &Person, practice: &str, coachee: &str) {
    for number in 0..2 {
        let mutation = "mutation($n: WriteNoteInput!, $m: SendMessageInput!) { writeNote(input: $n) { note { id } errors { code } }
            sendMessage(input: $m) { errors { code } } }";
        let title = format!("Number {number}");
        let note = json!({ "practiceId": practice, "coacheeId": coachee, "title": title, "text": "Thoughts" });
        let message = json!({ "practiceId": practice, "coacheeId": coachee, "text": title });
        let made = coach.ask(mutation, json!({ "n": note, "m": message })).await;
        let note = made["writeNote"]["note"]["id"].clone();
        let comment = "mutation($i: CommentOnNoteInput!) { commentOnNote(input: $i) { errors { code } } }";
        for text in ["First", "Second"] {
            coach.ask(comment, json!({ "i": { "practiceId": practice, "noteId": note, "text": text } })).await;
        }
    }
}

both! {
    /// The portals' queries with small pages and with large ones.
    #[test]
    async fn the_number_of_statements_does_not_grow_with_pages(product: Product) {
        let (coach, practice) = product.coach("Ada").await;
        let mut files = Vec::new();
        for name in ["Jordan", "Robin", "Sam"] {
            files.push(file(&product, &coach, &practice, name).await);
        }
        let (first, running) = files[0].clone();
        let jordan = product.accepted(&coach, &practice, &first, "Jordan").await;
        let here = json!({ "p": practice, "c": first, "s": running });
        bounded(&product, &coach, (ROSTER, ROSTER_KINDS, [1, 6]), here.clone()).await;
        bounded(&product, &coach, (PROFILE, PROFILE_KINDS, [1, 100]), here.clone()).await;
        bounded(&product, &coach, (DASHBOARD, DASHBOARD_KINDS, [1, 100]), here.clone()).await;
        bounded(&product, &coach, (LIVE, LIVE_KINDS, [2, 20]), here.clone()).await;
        let ids: Vec<&String> = files.iter().map(|(coachee, _)| coachee).collect();
        let create = "mutation($i: CreateGroupInput!) { createGroup(input: $i) { group { id } errors { code } } }";
        let mut group = Value::Null;
        for name in ["Leads", "Mondays", "Managers"] {
            let input = json!({ "practiceId": practice, "name": name, "coacheeIds": ids });
            group = coach.ask(create, json!({ "i": input })).await["createGroup"]["group"]["id"].clone();
        }
        bounded(&product, &coach, (GROUPS, GROUPS_KINDS, [1, 9]), here.clone()).await;
        let late = "mutation($i: AddActionInput!) { addAction(input: $i) { errors { code } } }";
        for coachee in &ids {
            let input = json!({ "practiceId": practice, "coacheeId": coachee, "title": "Late", "dueOn": "2026-01-01" });
            coach.ask(late, json!({ "i": input })).await;
        }
        let mut filtered = here.clone();
        filtered["f"] = json!({ "search": "reed coachee", "groupId": group, "coachId": coach.id, "hasOverdueActions": true,
            "status": ["ACTIVE", "NOT_INVITED"], "deactivated": false });
        bounded(&product, &coach, (FILTERED, FILTERED_KINDS, [1, 9]), filtered).await;
        let (answer, counting) = counted(&product, &coach, TOTALS, here.clone()).await;
        let total = |list: &str| answer["viewer"]["coachPortal"][list]["totalCount"].clone();
        assert_eq!(["coachees", "coaches", "groups"].map(total), [json!(3), json!(1), json!(3)], "{answer}");
        let (_, without) = counted(&product, &coach, &TOTALS.replace("totalCount", ""), here.clone()).await;
        assert_eq!(without + TOTALS_COUNTED, counting, "what is not asked for is not counted");
        // Whose portal a coachee's is takes three more: their file, who has access to it, and those coaches.
        bounded(&product, &jordan, (HOME, HOME_KINDS + 3, [1, 20]), here.clone()).await;
        // What is one person's own has a key of its own, which is one more statement for a page that comes by it.
        notes(&coach, &practice, &first).await;
        bounded(&product, &coach, (NOTES, NOTES_KINDS, [1, 6]), here.clone()).await;

        for number in 0..3 {
            let input = json!({ "practiceId": practice, "coacheeId": first, "permission": "SHARED" });
            coach.uploads(input, &format!("{number}.txt"), b"words").await;
        }
        bounded(&product, &coach, (FILES, FILES_KINDS, [1, 3]), here.clone()).await;

        // Things by their ids: a statement for each kind, whether there is one of it or a hundred.
        let ids: Vec<&String> = files.iter().flat_map(|(coachee, session)| [coachee, session]).collect();
        let (answer, few) = counted(&product, &coach, NODES, json!({ "ids": &ids[..2] })).await;
        assert_eq!(answer["nodes"].as_array().map(Vec::len), Some(2));
        let (answer, many) = counted(&product, &coach, NODES, json!({ "ids": ids })).await;
        assert!(answer["nodes"].as_array().is_some_and(|nodes| nodes.iter().all(|node| node["id"].is_string())));
        assert_eq!(few, many, "the number of statements grows with the ids");
        product.prove().await;
    }

    /// Records with long texts, of which an entry shows a line, are read sixteen at a time, beside all that are short.
    #[test]
    async fn long_records_are_read_a_few_at_a_time(product: Product) {
        let (coach, practice) = product.coach("Ada").await;
        let robin = product.coachee(&coach, &practice, "Robin").await;
        let log = "query($p: ID!) { viewer { coachPortal(practiceId: $p) {
            activityLog(first: 20, filter: { kinds: [\"note_write\"] }) { nodes { entry changes { field now } } } } } }";
        let mut taken = Vec::new();
        for (name, text) in [("Short", "word ".to_owned()), ("Long", "word ".repeat(40_000))] {
            for number in 0..20 {
                let write = "mutation($i: WriteNoteInput!) { writeNote(input: $i) { note { id } errors { code } } }";
                let title = format!("{name} {number}");
                let input = json!({ "practiceId": practice, "coacheeId": robin, "title": title, "text": text });
                let written = coach.ask(write, json!({ "i": input })).await;
                assert_eq!(written["writeNote"]["errors"], json!([]), "{written}");
            }
            let (answer, statements) = counted(&product, &coach, log, json!({ "p": practice })).await;
            let line = |number: i32| json!({ "entry": "note_write",
                "changes": [{ "field": "title", "now": format!("{name} {number}") }] });
            let lines: Vec<Value> = (0..20).rev().map(line).collect();
            assert_eq!(answer["viewer"]["coachPortal"]["activityLog"]["nodes"], json!(lines));
            taken.push(statements);
        }
        assert_eq!(taken[1], taken[0] + 2, "twenty long records: {taken:?} statements");
        product.prove().await;
    }

    /// Who comes back is shown what they missed with a statement a table, however much it was. What a login costs to be
    /// followed is counted with it, whenever it is asked: a handful.
    #[test]
    async fn coming_back_takes_no_statement_a_thing(product: Product) {
        const HANDFUL: u64 = 10;
        let (coach, practice) = product.coach("Ada").await;
        let coachee = product.coachee(&coach, &practice, "Robin").await;
        let follow = "subscription($p: ID!, $a: Position) { coachPortalChanges(practiceId: $p, after: $a) {
            position changes { __typename ... on Goal { title } ... on Gone { id } } } }";
        let mut taken = Vec::new();
        for missed in [1, 60] {
            let after = position(&coach, &practice).await;
            for number in 0..missed {
                goal(&coach, &practice, &coachee, &format!("Goal {number}")).await;
            }
            let before = product.app.store().statements();
            let mut live = coach.listen(follow, json!({ "p": practice, "a": after })).await;
            let changes = live.next().await["coachPortalChanges"]["changes"].clone();
            taken.push(product.app.store().statements() - before);
            let titles: Vec<String> = (0..missed).map(|number| format!("Goal {number}")).collect();
            let told: Vec<&str> = changes.as_array().expect("changes").iter().filter_map(|it| it["title"].as_str()).collect();
            assert_eq!(told, titles, "each that was missed, in its order");
        }
        assert!(taken[1] <= taken[0] + HANDFUL, "{taken:?} statements for one goal and for sixty");
        product.prove().await;
    }

    /// What is read together is what each list alone has: its own rows in their order, its page's end, and only what
    /// its viewer sees.
    #[test]
    async fn lists_read_together_are_each_parents_own(product: Product) {
        let (coach, practice) = product.coach("Ada").await;
        let helper = product.further_coach(&coach, &practice, "Bea", "COACH").await;
        let mut coachees = Vec::new();
        for (number, name) in ["Jordan", "Robin", "Sam"].into_iter().enumerate() {
            let coachee = product.coachee(&coach, &practice, name).await;
            for place in 0..=number {
                let set = "mutation($i: AddGoalInput!) { addGoal(input: $i) { goal { id } errors { code } } }";
                let (title, due) = (format!("{name} {place}"), format!("2026-06-{:02}", place + 1));
                let input = json!({ "practiceId": practice, "coacheeId": coachee, "title": title, "dueOn": due });
                let set = coach.ask(set, json!({ "i": input })).await;
                let goal = set["addGoal"]["goal"]["id"].as_str().expect("a goal").to_owned();
                for step in 0..place {
                    milestone(&coach, &practice, &goal, &format!("{name} {place} {step}")).await;
                }
            }
            coachees.push(coachee);
        }
        let query = "query($p: ID!) { viewer { coachPortal(practiceId: $p) { coachees(first: 9) { nodes { firstName
            last: goals(last: 1) { nodes { title } pageInfo { hasPreviousPage hasNextPage } }
            goals(first: 2) { nodes { title milestones(first: 1) { nodes { title } pageInfo { hasNextPage } } }
                pageInfo { hasPreviousPage hasNextPage } } } } } } }";
        let answer = coach.ask(query, json!({ "p": practice })).await;
        let nodes = answer.pointer("/viewer/coachPortal/coachees/nodes").and_then(Value::as_array).expect("a page");
        let titles = |node: &Value, list: &str| -> Vec<String> {
            let goals = node[list]["nodes"].as_array().expect("goals").iter();
            goals.map(|goal| goal["title"].as_str().expect("a title").to_owned()).collect()
        };
        assert_eq!(nodes.len(), 3);
        for (number, (node, name)) in nodes.iter().zip(["Jordan", "Robin", "Sam"]).enumerate() {
            let all: Vec<String> = (0..=number).map(|place| format!("{name} {place}")).collect();
            assert_eq!(titles(node, "goals"), all[..all.len().min(2)], "{node}");
            assert_eq!(titles(node, "last"), all[all.len() - 1..], "{node}");
            assert_eq!(node["goals"]["pageInfo"], json!({ "hasPreviousPage": false, "hasNextPage": number > 1 }), "{node}");
            assert_eq!(node["last"]["pageInfo"], json!({ "hasPreviousPage": number > 0, "hasNextPage": false }), "{node}");
            for (place, goal) in node["goals"]["nodes"].as_array().expect("goals").iter().enumerate() {
                let own = if place > 0 { json!([{ "title": format!("{name} {place} 0") }]) } else { json!([]) };
                assert_eq!(goal["milestones"]["nodes"], own, "{goal}");
                assert_eq!(goal["milestones"]["pageInfo"]["hasNextPage"], place > 1, "{goal}");
            }
        }
        // A coach without access to them sees none of the three, by whatever way.
        let answer = helper.ask(query, json!({ "p": practice })).await;
        assert_eq!(answer.pointer("/viewer/coachPortal/coachees/nodes"), Some(&json!([])), "{answer}");
        let answer = helper.ask(NODES, json!({ "ids": coachees })).await;
        assert_eq!(answer["nodes"], json!([null, null, null]));
    }
}
