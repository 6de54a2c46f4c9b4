//! Groups from outside: a coach's own, with members whom they see (S2.10–S2.14).

use serde_json::{Value, json};
use tests::{Person, both};

use crate::audit::{GRANT, entries, grant};
use crate::live::{REVOKE, changes_of};
use crate::plan::position;
use crate::roster::names;

const CREATE: &str = "mutation($i: CreateGroupInput!) { createGroup(input: $i) {
    group { id name description coacheeCount coachees { nodes { firstName } } } errors { code path } } }";
const UPDATE: &str = "mutation($i: UpdateGroupInput!) { updateGroup(input: $i) {
    group { name description coacheeCount coachees { nodes { firstName } } } errors { code path } } }";
const DELETE: &str = "mutation($i: DeleteGroupInput!) { deleteGroup(input: $i) { deletedId errors { code } } }";
const GROUPS: &str = "query($p: ID!) { viewer { coachPortal(practiceId: $p) { groups {
    totalCount nodes { id name description coacheeCount coachees { nodes { firstName } } } } } } }";

async fn create(by: &Person, practice: &str, name: &str, coachees: &[&str]) -> String {
    let input = json!({ "practiceId": practice, "name": name, "coacheeIds": coachees });
    let made = by.ask(CREATE, json!({ "i": input })).await;
    made["createGroup"]["group"]["id"].as_str().unwrap_or_else(|| panic!("not made: {made}")).to_owned()
}

async fn update(by: &Person, practice: &str, group: &str, mut fields: Value) -> Value {
    (fields["practiceId"], fields["groupId"]) = (json!(practice), json!(group));
    let done = by.ask(UPDATE, json!({ "i": fields })).await["updateGroup"].clone();
    assert_eq!(done["errors"], json!([]), "{done}");
    done["group"].clone()
}

fn about(practice: &str, group: &str) -> Value {
    json!({ "i": { "practiceId": practice, "groupId": group } })
}

async fn groups(by: &Person, practice: &str) -> Value {
    by.ask(GROUPS, json!({ "p": practice })).await["viewer"]["coachPortal"]["groups"].clone()
}

/// A group's members by their first names.
fn members(group: &Value) -> Vec<&str> {
    let nodes = group["coachees"]["nodes"].as_array().unwrap_or_else(|| panic!("no members: {group}"));
    nodes.iter().map(|node| node["firstName"].as_str().expect("a name")).collect()
}

both! {
    /// A coach sorts coachees as they like: one in several groups, another in none. Each group is its coach's alone, and
    /// not even the owner learns that it is there.
    #[test]
    async fn s2_10_groups_are_a_coachs_own(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let bob = product.further_coach(&ada, &practice, "Bob", "COACH").await;
        let (robin, kim) = (product.coachee(&ada, &practice, "Robin").await, product.coachee(&ada, &practice, "Kim").await);
        product.coachee(&ada, &practice, "Lee").await;
        for coachee in [&robin, &kim] {
            grant(&ada, &practice, &bob, coachee).await;
        }
        let leads = create(&bob, &practice, "Leads", &[&robin, &kim]).await;
        product.later(1);
        let mondays = create(&bob, &practice, "Mondays", &[&robin]).await;
        let seen = groups(&bob, &practice).await;
        assert_eq!((&seen["totalCount"], &seen["nodes"][0]["name"], &seen["nodes"][1]["name"]), (&json!(2), &json!("Leads"), &json!("Mondays")));
        assert_eq!(names(&bob, &practice, json!({ "groupId": leads }), "FIRST_NAME").await, ["Kim", "Robin"]);
        assert_eq!(names(&bob, &practice, json!({ "groupId": mondays }), "FIRST_NAME").await, ["Robin"]);
        let of = "query($p: ID!, $c: ID!) { viewer { coachPortal(practiceId: $p) { coachee(id: $c) { groups { nodes { name } } } } } }";
        let both = json!([{ "name": "Leads" }, { "name": "Mondays" }]);
        let own = bob.ask(of, json!({ "p": practice, "c": robin })).await;
        assert_eq!(own["viewer"]["coachPortal"]["coachee"]["groups"]["nodes"], both);

        // The owner, through every way.
        assert_eq!(groups(&ada, &practice).await, json!({ "totalCount": 0, "nodes": [] }));
        let none = ada.ask(of, json!({ "p": practice, "c": robin })).await;
        assert_eq!(none["viewer"]["coachPortal"]["coachee"]["groups"]["nodes"], json!([]));
        assert_eq!(names(&ada, &practice, json!({ "groupId": leads }), "FIRST_NAME").await, Vec::<String>::new());
        let one = "query($p: ID!, $g: ID!) { viewer { coachPortal(practiceId: $p) { group(id: $g) { id } } } }";
        assert_eq!(ada.fails(one, json!({ "p": practice, "g": leads })).await, "NOT_FOUND");
        assert_eq!(ada.fails("query($g: ID!) { node(id: $g) { id } }", json!({ "g": leads })).await, "NOT_FOUND");
        let rename = json!({ "i": { "practiceId": practice, "groupId": leads, "name": "Mine" } });
        assert_eq!(ada.fails(UPDATE, rename).await, "NOT_FOUND");
        assert_eq!(ada.fails(DELETE, about(&practice, &leads)).await, "NOT_FOUND");
        let log = json!(entries(&ada, "coachPortal", &practice, Value::Null).await).to_string();
        assert!(!log.contains("group_") && !log.contains("Mondays"), "{log}");
        // Their coach reviews what they did.
        let log = json!(entries(&bob, "coachPortal", &practice, Value::Null).await).to_string();
        assert!(["group_create", "group_coachee_add", "Mondays"].iter().all(|word| log.contains(word)), "{log}");
        product.prove().await;
    }

    /// A group has a name, which is required, and a description, which is not; it stands in the list once it is saved.
    #[test]
    async fn s2_11_a_group_is_created_of_selected_coachees(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let (robin, kim) = (product.coachee(&ada, &practice, "Robin").await, product.coachee(&ada, &practice, "Kim").await);
        let input = json!({ "practiceId": practice, "name": "Leads", "description": "Who lead for the first time", "coacheeIds": [kim, robin, kim] });
        let made = ada.ask(CREATE, json!({ "i": input })).await["createGroup"]["group"].clone();
        assert_eq!((&made["name"], &made["description"], &made["coacheeCount"]), (&json!("Leads"), &json!("Who lead for the first time"), &json!(2)));
        let mut of = members(&made);
        of.sort_unstable();
        assert_eq!(of, ["Kim", "Robin"]);
        for name in ["", "  ", "x\ny", &"x".repeat(201)] {
            let refused = ada.ask(CREATE, json!({ "i": { "practiceId": practice, "name": name } })).await;
            assert_eq!(refused["createGroup"]["errors"][0]["path"], json!(["input", "name"]), "{refused}");
        }
        let bare = ada.ask(CREATE, json!({ "i": { "practiceId": practice, "name": "Empty" } })).await["createGroup"]["group"].clone();
        assert_eq!((&bare["description"], &bare["coacheeCount"]), (&Value::Null, &json!(0)));
        assert_eq!(groups(&ada, &practice).await["totalCount"], 2);
        // Members come in pages.
        let pages = "query($p: ID!, $g: ID!, $a: String) { viewer { coachPortal(practiceId: $p) { group(id: $g) {
            coachees(first: 1, after: $a) { nodes { id } pageInfo { hasNextPage endCursor } } } } } }";
        let (mut seen, mut after) = (Vec::new(), Value::Null);
        for left in [true, false] {
            let page = ada.ask(pages, json!({ "p": practice, "g": made["id"], "a": after })).await;
            let page = page["viewer"]["coachPortal"]["group"]["coachees"].clone();
            assert_eq!(page["pageInfo"]["hasNextPage"], json!(left));
            seen.push(page["nodes"][0]["id"].as_str().expect("an id").to_owned());
            after = page["pageInfo"]["endCursor"].clone();
        }
        seen.sort();
        let mut expected = [robin, kim];
        expected.sort();
        assert_eq!(seen, expected);
        product.prove().await;
    }

    /// Name, description and members are edited, together or each alone; who follows is shown the group as it is.
    #[test]
    async fn s2_12_a_group_is_edited(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let (robin, kim) = (product.coachee(&ada, &practice, "Robin").await, product.coachee(&ada, &practice, "Kim").await);
        let group = create(&ada, &practice, "Leads", &[&robin]).await;
        let before = position(&ada, &practice).await;
        let mut live = ada.listen("subscription($p: ID!, $a: Position) { coachPortalChanges(practiceId: $p, after: $a) { changes {
            __typename ... on Group { name coacheeCount } ... on Gone { id } } } }", json!({ "p": practice, "a": before })).await;
        let done = update(&ada, &practice, &group, json!({ "name": "Managers", "description": "Since March", "addCoacheeIds": [kim], "removeCoacheeIds": [robin] })).await;
        assert_eq!((&done["name"], &done["description"], members(&done)), (&json!("Managers"), &json!("Since March"), vec!["Kim"]));
        assert_eq!(live.next().await["coachPortalChanges"]["changes"], json!([{ "__typename": "Group", "name": "Managers", "coacheeCount": 1 }]));
        product.later(1);
        let done = update(&ada, &practice, &group, json!({ "addCoacheeIds": [robin] })).await;
        assert_eq!((&done["name"], members(&done)), (&json!("Managers"), vec!["Kim", "Robin"]));
        assert_eq!(live.next().await["coachPortalChanges"]["changes"], json!([{ "__typename": "Group", "name": "Managers", "coacheeCount": 2 }]));
        assert_eq!(update(&ada, &practice, &group, json!({ "description": "" })).await["description"], Value::Null);
        // The same again changes nothing.
        let since = position(&ada, &practice).await;
        update(&ada, &practice, &group, json!({ "name": "Managers", "addCoacheeIds": [robin] })).await;
        assert_eq!(position(&ada, &practice).await, since);
        // As of then it is what it was.
        let then = "query($p: ID!, $a: AsOf) { viewer { coachPortal(practiceId: $p, asOf: $a) { groups { nodes { name coacheeCount coachees { nodes { firstName } } } } } } }";
        let then = ada.ask(then, json!({ "p": practice, "a": { "position": before } })).await;
        let was = json!([{ "name": "Leads", "coacheeCount": 1, "coachees": { "nodes": [{ "firstName": "Robin" }] } }]);
        assert_eq!(then["viewer"]["coachPortal"]["groups"]["nodes"], was);
        product.prove().await;
    }

    /// First all coachees are removed, then the group is deleted. Members whom the coach no longer sees do not hold it.
    #[test]
    async fn s2_13_a_group_with_members_is_not_deleted(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let bob = product.further_coach(&ada, &practice, "Bob", "COACH").await;
        let (robin, kim) = (product.coachee(&ada, &practice, "Robin").await, product.coachee(&ada, &practice, "Kim").await);
        for coachee in [&robin, &kim] {
            grant(&ada, &practice, &bob, coachee).await;
        }
        let group = create(&bob, &practice, "Leads", &[&robin, &kim]).await;
        assert_eq!(bob.refused(DELETE, about(&practice, &group)).await, "GROUP_HAS_MEMBERS");
        // Access lost is a member neither shown nor counted; and there again with the access.
        let access = json!({ "practiceId": practice, "coachId": bob.id, "coacheeId": kim });
        ada.ask(REVOKE, json!({ "i": access })).await;
        let seen = groups(&bob, &practice).await["nodes"][0].clone();
        assert_eq!((&seen["coacheeCount"], members(&seen)), (&json!(1), vec!["Robin"]));
        grant(&ada, &practice, &bob, &kim).await;
        assert_eq!(groups(&bob, &practice).await["nodes"][0]["coacheeCount"], 2);
        ada.ask(REVOKE, json!({ "i": access })).await;
        assert_eq!(bob.refused(DELETE, about(&practice, &group)).await, "GROUP_HAS_MEMBERS");
        update(&bob, &practice, &group, json!({ "removeCoacheeIds": [robin] })).await;
        let mut live = bob.listen(&changes_of("coach"), json!({ "p": practice, "a": position(&bob, &practice).await })).await;
        assert_eq!(bob.ask(DELETE, about(&practice, &group)).await["deleteGroup"]["deletedId"], json!(group));
        assert_eq!(live.next().await["coachPortalChanges"]["changes"], json!([{ "__typename": "Gone", "id": group }]));
        assert_eq!(groups(&bob, &practice).await["totalCount"], 0);
        // Kim left with it.
        let mut level = access;
        level["level"] = json!("USER");
        ada.ask(GRANT, json!({ "i": level })).await;
        assert_eq!(names(&bob, &practice, json!({ "groupId": group }), "FIRST_NAME").await, Vec::<String>::new());
        product.prove().await;
    }

    /// A deleted group is gone for good, and its coachees are where they were.
    #[test]
    async fn s2_14_deleting_a_group_leaves_its_coachees(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let group = create(&ada, &practice, "Leads", &[&robin]).await;
        update(&ada, &practice, &group, json!({ "removeCoacheeIds": [robin] })).await;
        ada.ask(DELETE, about(&practice, &group)).await;
        assert_eq!(names(&ada, &practice, json!({}), "FIRST_NAME").await, ["Robin"]);
        for (query, variables) in [(DELETE, about(&practice, &group)), (UPDATE, json!({ "i": { "practiceId": practice, "groupId": group, "name": "Back" } }))] {
            assert_eq!(ada.fails(query, variables).await, "NOT_FOUND");
        }
        product.prove().await;
    }

    /// Who is erased leaves every group, and a group that has nobody else is deleted.
    #[test]
    async fn an_erased_member_leaves_the_group(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let (robin, kim) = (product.coachee(&ada, &practice, "Robin").await, product.coachee(&ada, &practice, "Kim").await);
        let group = create(&ada, &practice, "Leads", &[&robin, &kim]).await;
        let erase = "mutation($i: EraseCoacheeInput!) { eraseCoachee(input: $i) { deletedId errors { code } } }";
        let input = |coachee: &str, name: &str| json!({ "i": { "practiceId": practice, "coacheeId": coachee, "confirmName": name } });
        ada.ask(erase, input(&robin, "Robin Reed")).await;
        let seen = groups(&ada, &practice).await["nodes"][0].clone();
        assert_eq!((&seen["coacheeCount"], members(&seen)), (&json!(1), vec!["Kim"]));
        product.prove().await;
        ada.ask(erase, input(&kim, "Kim Reed")).await;
        assert_eq!(ada.ask(DELETE, about(&practice, &group)).await["deleteGroup"]["errors"], json!([]));
        product.prove().await;
    }

    /// Who follows is shown the groups of a coachee whom they lose, as they are without them, and no other one.
    #[test]
    async fn who_follows_is_shown_the_groups_of_whom_they_lose(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let bob = product.further_coach(&ada, &practice, "Bob", "COACH").await;
        let (robin, kim) = (product.coachee(&ada, &practice, "Robin").await, product.coachee(&ada, &practice, "Kim").await);
        for coachee in [&robin, &kim] {
            grant(&ada, &practice, &bob, coachee).await;
        }
        create(&bob, &practice, "Leads", &[&robin, &kim]).await;
        create(&bob, &practice, "Fridays", &[&kim]).await;
        create(&ada, &practice, "All", &[&robin, &kim]).await;
        create(&ada, &practice, "Mine", &[&robin]).await;
        let follow = "subscription($p: ID!, $a: Position) { coachPortalChanges(practiceId: $p, after: $a) { changes {
            __typename ... on Group { name coacheeCount } ... on Gone { id } } } }";
        let after = json!({ "p": practice, "a": position(&ada, &practice).await });
        let (mut bobs, mut adas) = (bob.listen(follow, after.clone()).await, ada.listen(follow, after).await);
        let group = |name: &str, count: u64| json!({ "__typename": "Group", "name": name, "coacheeCount": count });
        let lost = |coachee: &str| [json!({ "__typename": "Gone", "id": coachee }), json!({ "__typename": "UnreadNotifications" })];
        ada.ask(REVOKE, json!({ "i": { "practiceId": practice, "coachId": bob.id, "coacheeId": robin } })).await;
        let mut expected = lost(&robin).to_vec();
        expected.push(group("Leads", 1));
        assert_eq!(bobs.next().await["coachPortalChanges"]["changes"], json!(expected));
        let erase = "mutation($i: EraseCoacheeInput!) { eraseCoachee(input: $i) { deletedId errors { code } } }";
        ada.ask(erase, json!({ "i": { "practiceId": practice, "coacheeId": kim, "confirmName": "Kim Reed" } })).await;
        let mut expected = lost(&kim).to_vec();
        expected.extend([group("Leads", 0), group("Fridays", 0)]);
        assert_eq!(bobs.next().await["coachPortalChanges"]["changes"], json!(expected));
        // Bob's access was hers to follow, too.
        let shown = loop {
            let item = adas.next().await["coachPortalChanges"].clone();
            let changes = item["changes"].as_array().expect("changes").iter();
            let shown: Vec<Value> = changes.filter(|change| change["__typename"] == "Group").cloned().collect();
            if !shown.is_empty() { break shown; }
        };
        assert_eq!(shown, [group("All", 1)]);
        product.prove().await;
    }
}
