//! A request has one view at a time, and so one connection, whatever it asks for: it does not wait for one with another in
//! hand, and leaves the others to others.

use serde_json::{Value, json};
use tests::{Person, both};

/// Another practice of Ada's: its id.
async fn practice(ada: &Person, name: &str) -> String {
    let mutation =
        "mutation($i: CreatePracticeInput!) { createPractice(input: $i) { practice { id } errors { code } } }";
    let input = json!({ "name": name, "timeZone": "Europe/Berlin", "displayName": "Ada" });
    let answer = ada.ask(mutation, json!({ "i": input })).await;
    answer["createPractice"]["practice"]["id"].as_str().unwrap_or_else(|| panic!("not founded: {answer}")).to_owned()
}

both! {
    #[test]
    async fn things_of_many_practices_are_found_with_hardly_a_connection(product: Product) {
        let (ada, first) = product.coach("Ada").await;
        let mut ids = vec![first];
        for name in ["North", "East", "South"] {
            ids.push(practice(&ada, name).await);
        }
        let ada = ada.through(product.cramped_address().await);
        let query = "query($ids: [ID!]!) { nodes(ids: $ids) { id ... on Practice { name } } }";
        let asked: Vec<&str> = ids.iter().rev().map(String::as_str).chain(["nothing"]).collect();
        let found = ada.ask(query, json!({ "ids": asked })).await;
        let found: Vec<&Value> = found["nodes"].as_array().expect("a list").iter().map(|node| &node["id"]).collect();
        assert_eq!(found[..4], asked[..4]);
        assert_eq!(found[4..], [&Value::Null]);
    }

    #[test]
    async fn many_portals_are_looked_at_with_hardly_a_connection(product: Product) {
        let (ada, first) = product.coach("Ada").await;
        let second = practice(&ada, "North").await;
        let ada = ada.through(product.cramped_address().await);
        let portal = |(number, practice): (usize, &String)| {
            format!("a{number}: coachPortal(practiceId: \"{practice}\") {{ practice {{ id }} }}
                b{number}: coachPortal(practiceId: \"{practice}\", asOf: {{ position: \"at1\" }}) {{ practice {{ id }} }}")
        };
        // A document has at most thirty aliases.
        let practices: Vec<&String> = [&first, &second].into_iter().cycle().take(15).collect();
        let portals: Vec<String> = practices.iter().copied().enumerate().map(portal).collect();
        let told = ada.ask(&format!("{{ viewer {{ {} }} }}", portals.join(" ")), json!({})).await;
        for (number, practice) in practices.into_iter().enumerate() {
            for when in ["a", "b"] {
                assert_eq!(told["viewer"][format!("{when}{number}")]["practice"]["id"], json!(practice));
            }
        }
    }
}
