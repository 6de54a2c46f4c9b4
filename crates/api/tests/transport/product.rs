//! The product's own schema behind the same guard: its limits on depth and complexity, below, at and above, and the
//! whole corpus of attacks (promise H1).

use std::net::SocketAddr;
use std::sync::Arc;

use api::http::introspection::{
    ARGUMENTS_IN_A_HUNDRED_FIELDS, IN_A_HUNDRED_TYPES, LONGEST, TYPES, WRAPPED_IN_A_HUNDRED,
};
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

fn listed<'a>(of: &[&'a Value], name: &str) -> Vec<&'a Value> {
    of.iter().flat_map(|it| it[name].as_array().into_iter().flatten()).collect()
}

/// The guard counts introspection by how much there is of each kind: there is no more, and on average not much less, or
/// else the standard query would leave room for one that costs far more.
#[tokio::test]
async fn introspection_is_counted_by_what_the_schema_has() {
    let (server, _folder) = start().await;
    let query =
        "{ __schema { directives { args { name } locations } types { fields { type { kind } args { type { kind } } }
        inputFields { type { kind } } interfaces { name } possibleTypes { name } enumValues { name } } } }";
    let (_, told) = answer(post(server, &json!({ "query": query }))).await;
    let schema = &told["data"]["__schema"];
    let types = listed(&[schema], "types");
    let (fields, inputs) = (listed(&types, "fields"), listed(&types, "inputFields"));
    let arguments = listed(&fields, "args");
    let in_a_hundred = |items: &[&Value], of: &[&Value]| (100 * items.len()).div_ceil(of.len());
    let fits = |what: &str, found: usize, taken: usize| {
        assert!(found <= taken && 4 * found >= 3 * taken, "{what}: {found}, taken to be {taken}");
    };
    fits("types", types.len(), TYPES);
    for (name, taken) in IN_A_HUNDRED_TYPES {
        fits(name, in_a_hundred(&listed(&types, name), &types), taken);
    }
    fits("arguments", in_a_hundred(&arguments, &fields), ARGUMENTS_IN_A_HUNDRED_FIELDS);
    for (what, all) in [("fields", &fields), ("arguments", &arguments), ("input fields", &inputs)] {
        let is_wrapped = |it: &&&Value| it["type"]["kind"] == "NON_NULL" || it["type"]["kind"] == "LIST";
        let wrapped: Vec<&Value> = all.iter().filter(is_wrapped).copied().collect();
        let found = in_a_hundred(&wrapped, all);
        assert!(found <= WRAPPED_IN_A_HUNDRED, "{what}: {found}");
    }
    let holders = [vec![schema], listed(&[schema], "directives"), types, fields].concat();
    for (name, taken) in LONGEST {
        let longest = holders.iter().map(|it| it[name].as_array().map_or(0, Vec::len)).max().unwrap_or_default();
        assert!(longest > 0 && longest <= taken, "{name}: {longest}, taken to be {taken}");
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
