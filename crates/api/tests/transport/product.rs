//! The product's own schema behind the same guard: its limits on depth and complexity, below, at and above, and the
//! whole corpus of attacks (promise H1).

use std::net::SocketAddr;
use std::sync::Arc;

use api::http::guard::{FIELDS_A_TYPE, INTROSPECTED_TYPES};
use api::http::{Bounds, Numbers, Settings};
use app::App;
use app::clock::Standing;
use domain::value::Time;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::attacks::documents;
use super::bounds::{WAYS, refusal};
use super::conversation::{GRAPHQL, answer, code, post};

/// The product, over a database of its own that goes with the folder.
async fn start() -> (SocketAddr, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}", folder.path().join("throughline.db").display());
    let settings = app::Settings {
        store: store::Store::open(&store::Options::new(database)).await.unwrap(),
        files: store::Objects::memory(),
        roots: vault::RootKey::parse(&"5a".repeat(32)).unwrap().into(),
        signer: None,
        clock: Arc::new(Standing::at(Time(1_795_000_000_000_000))),
        entropy: Arc::new(vault::Seeded::new(1)),
        cache_bytes: 1 << 20,
        moments: app::moments::Bounds::default(),
        lanes: 1,
    };
    let app = App::open(settings).await.unwrap();
    let settings = Settings {
        origins: Vec::new(),
        session_cookie: api::cookies::SESSION.to_owned(),
        browser_cookie: api::cookies::BROWSER.to_owned(),
        nonce: 7,
        bounds: Bounds::default(),
        numbers: Numbers::default(),
    };
    let router = api::router(app, settings);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let listener = api::http::patience::Patient::new(listener, Bounds::default().write);
    tokio::runtime::Handle::current().spawn(api::http::serve(listener, router, std::future::pending()));
    (address, folder)
}

#[tokio::test]
async fn a_document_costs_at_most_100_000() {
    let (server, _folder) = start().await;
    // 199 ids, each of which costs itself and its fields; a version costs two
    let asking = |fields: usize, versions: usize| {
        let (fields, versions) = ("id ".repeat(fields), "service { version } ".repeat(versions));
        let query = format!("query ($ids: [ID!]!) {{ nodes(ids: $ids) {{ {fields} }} {versions} }}");
        let cost = 199 * (1 + fields.len() / 3) + 2 * (versions.len() / 20);
        (cost, json!({ "query": query, "variables": { "ids": vec!["unknown"; 199] } }))
    };
    let table = [
        (asking(500, 150), 99_999, "BAD_REQUEST"),
        (asking(501, 51), 100_000, "BAD_REQUEST"),
        (asking(500, 151), 100_001, "QUERY_TOO_COMPLEX"),
    ];
    for way in WAYS {
        // what is let in fails later, since nobody may ask for more than a hundred
        for ((cost, body), expected_cost, expected) in &table {
            assert_eq!(cost, expected_cost);
            assert_eq!(refusal(server, way, body).await, *expected, "{cost} by {way:?}");
        }
    }
}

#[tokio::test]
async fn a_long_text_costs_more_than_a_short_one() {
    let (server, _folder) = start().await;
    let asking = |ids: usize, fields: &str| {
        let query = format!("query ($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Note {{ {fields} }} }} }}");
        json!({ "query": query, "variables": { "ids": vec!["unknown"; ids] } })
    };
    let aliased = |field: &str| (0..20).map(|n| format!("a{n}: {field}")).collect::<Vec<_>>().join(" ");
    let table = [
        (100, "id title text html".to_owned(), "fine"),
        (100, aliased("title"), "fine"),
        (50, aliased("text"), "QUERY_TOO_COMPLEX"),
        (50, aliased("html"), "QUERY_TOO_COMPLEX"),
        (50, aliased("siblings { text }"), "QUERY_TOO_COMPLEX"),
    ];
    for way in WAYS {
        for (ids, fields, expected) in &table {
            assert_eq!(refusal(server, way, &asking(*ids, fields)).await, *expected, "{ids} times {fields} by {way:?}");
        }
    }
}

#[tokio::test]
async fn a_variable_costs_wherever_it_is_used() {
    let (server, _folder) = start().await;
    let asking = |uses: usize, spreads: usize, bytes: usize| {
        let (spreads, ids) = ("...F ".repeat(spreads), "$v".repeat(uses));
        let query = format!("query ($v: ID!) {{ {spreads} }} fragment F on Query {{ nodes(ids: [{ids}]) {{ id }} }}");
        json!({ "query": query, "variables": { "v": "v".repeat(bytes) } })
    };
    let table = [
        (asking(50, 1, 20_000), "fine"),
        (asking(900, 1, 20_000), "QUERY_TOO_COMPLEX"),
        (asking(50, 10, 10), "fine"),
        (asking(50, 20, 20_000), "QUERY_TOO_COMPLEX"),
    ];
    for way in WAYS {
        for (place, (body, expected)) in table.iter().enumerate() {
            assert_eq!(refusal(server, way, body).await, *expected, "{place} by {way:?}");
        }
    }
}

#[tokio::test]
async fn what_changed_costs_as_much_as_a_long_text() {
    let (server, _folder) = start().await;
    let asking = |times: usize| {
        let changes = "changes { was now } ".repeat(times);
        let log = format!("activityLog(first: 100) {{ nodes {{ {changes} }} }}");
        json!({ "query": format!("{{ viewer {{ coachPortal(practiceId: \"x\") {{ {log} }} }} }}") })
    };
    for way in WAYS {
        for (times, is_refused) in [(10, false), (100, true)] {
            let told = refusal(server, way, &asking(times)).await;
            assert_eq!(told == "QUERY_TOO_COMPLEX", is_refused, "{times} times by {way:?}: {told}");
        }
    }
}

/// The guard counts introspection by how much there is of each kind on average: there is no more.
#[tokio::test]
async fn the_schema_is_no_larger_than_introspection_is_taken_to_be() {
    let (server, _folder) = start().await;
    let query = "{ __schema { types { fields { args { name } } inputFields { name } interfaces { name }
        possibleTypes { name } enumValues { name } } } }";
    let (_, told) = answer(post(server, &json!({ "query": query }))).await;
    let types = told["data"]["__schema"]["types"].as_array().unwrap();
    let listed = |of: &Value, name: &str| of[name].as_array().map_or(0, Vec::len);
    let all = |name: &str| types.iter().map(|it| listed(it, name)).sum::<usize>();
    let arguments =
        |it: &Value| it["fields"].as_array().into_iter().flatten().map(|it| listed(it, "args")).sum::<usize>();
    assert!(types.len() <= INTROSPECTED_TYPES && types.len() > 100);
    assert!(all("fields") <= INTROSPECTED_TYPES * FIELDS_A_TYPE);
    assert!(types.iter().map(arguments).sum::<usize>() <= INTROSPECTED_TYPES * FIELDS_A_TYPE);
    for name in ["inputFields", "interfaces", "possibleTypes", "enumValues"] {
        assert!(all(name) <= INTROSPECTED_TYPES, "{name}");
    }
}

#[tokio::test]
async fn no_attack_gets_anything_of_the_product() {
    let (server, _folder) = start().await;
    for attack in documents() {
        let (status, told) = answer(post(server, &json!({ "query": attack.document })).header("accept", GRAPHQL)).await;
        assert_eq!((status, told.get("data")), (400, None), "{}: {told}", attack.name);
        assert!(["BAD_REQUEST", "QUERY_TOO_COMPLEX"].contains(&code(&told)), "{}: {told}", attack.name);
    }
    let (status, told) = answer(post(server, &json!({ "query": "{ viewer { id } }" }))).await;
    assert_eq!((status, &told["data"]["viewer"]), (200, &Value::Null), "it goes on: {told}");
}
