//! The guard under a fuzzer: it answers every text, and what it lets in neither kills the parser and the JSON reader
//! behind it nor is nested deeper than the guard said.
//!
//! The guard's three files are taken in as they are, so that instrumenting them does not instrument the product.

#![no_main]

use async_graphql::Variables;
use async_graphql::parser::parse_query;
use libfuzzer_sys::fuzz_target;

#[path = "../../src/http/guard.rs"]
mod guard;
#[path = "../../src/http/introspection.rs"]
mod introspection;
#[path = "../../src/http/shape.rs"]
mod shape;

fuzz_target!(|bytes: &[u8]| {
    if guard::json(bytes).is_ok()
        && let Ok(value) = serde_json::from_slice::<serde_json::Value>(bytes)
    {
        assert!(levels(&value) <= guard::MAX_NESTING);
        assert!(values(&value) <= guard::MAX_VALUES);
    }
    // A document and, behind a zero, its variables.
    let (document, variables) = match bytes.iter().position(|byte| *byte == 0) {
        Some(at) => (&bytes[..at], serde_json::from_slice(&bytes[at + 1..]).unwrap_or_default()),
        None => (bytes, serde_json::Value::Null),
    };
    if let Ok(document) = std::str::from_utf8(document)
        && guard::text(document).is_ok()
        && let Ok(parsed) = parse_query(document)
    {
        let _answered = shape::shape(&parsed, &Variables::from_json(variables));
    }
});

fn levels(value: &serde_json::Value) -> usize {
    match value {
        serde_json::Value::Array(items) => 1 + items.iter().map(levels).max().unwrap_or(0),
        serde_json::Value::Object(members) => 1 + members.values().map(levels).max().unwrap_or(0),
        _ => 0,
    }
}

fn values(value: &serde_json::Value) -> usize {
    match value {
        serde_json::Value::Array(items) => 1 + items.iter().map(values).sum::<usize>(),
        serde_json::Value::Object(members) => 1 + members.values().map(values).sum::<usize>(),
        _ => 1,
    }
}
