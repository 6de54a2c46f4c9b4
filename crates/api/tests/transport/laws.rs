//! Laws of the guard, over documents nobody thought of: it always answers, and what it lets through the parser survives
//! and reads with no deeper nesting than the guard counted.

use api::http::guard::{MAX_NESTING, json, text};
use api::http::shape::shape;
use async_graphql::parser::parse_query;
use async_graphql::parser::types::{Selection, SelectionSet};
use async_graphql::{Value, Variables};
use proptest::prelude::*;

/// Texts that are mostly made of what documents are made of, so that many of them get far.
fn soup() -> impl Strategy<Value = String> {
    let parts = [
        "{",
        "}",
        "[",
        "]",
        "(",
        ")",
        "{ a ",
        "(b: ",
        "[[[[",
        "{c:{c:",
        "\"",
        "\"\"\"",
        "\\\"",
        "\\",
        "#",
        "\n",
        " ",
        "...",
        "...F",
        " fragment F on Q {",
        "@d",
        "$v",
        "a: a",
        "1",
        "00",
        "-",
        "1.5e3",
        "\u{feff}",
        "é",
        "query",
        "mutation Q",
        "subscription",
        "on",
        "null",
        "!",
        "=",
        "\r",
    ];
    prop::collection::vec(prop::sample::select(parts.to_vec()), 0..80).prop_map(|parts| parts.concat())
}

/// Documents that are right but for their depth: a value nested so, with things around it that look like brackets.
fn nested() -> impl Strategy<Value = (usize, String)> {
    let disguises = ["", "\"[\" ", "\"\\\"[\" ", "\"\"\"[\\\"\"\"\"\"\" ", "#[\n", "\"\" ", "\"\\\\\" "];
    (1_usize..150, prop::sample::select(disguises.to_vec())).prop_map(|(levels, disguise)| {
        let value = format!("{}{disguise}{}", "[".repeat(levels), "]".repeat(levels));
        (levels, format!("{{ a(b: {value}) }}"))
    })
}

fn depth_of_value(value: &Value) -> usize {
    if let Value::List(items) = value { 1 + items.iter().map(depth_of_value).max().unwrap_or(0) } else { 0 }
}

fn depth_of_arguments(set: &SelectionSet) -> usize {
    let fields = set.items.iter().filter_map(|item| {
        let Selection::Field(field) = &item.node else { return None };
        field
            .node
            .arguments
            .iter()
            .map(|(_, value)| depth_of_value(&value.node.clone().into_const().unwrap_or_default()))
            .max()
    });
    fields.max().unwrap_or(0)
}

proptest! {
    #[test]
    fn every_text_is_answered_and_what_passes_is_survived(document in prop_oneof![soup(), any::<String>()]) {
        let is_let_in = text(&document).is_ok();
        let _answered = json(document.as_bytes());
        if is_let_in && let Ok(parsed) = parse_query(&document) {
            let _answered = shape(&parsed, &Variables::default());
        }
    }

    #[test]
    fn the_guard_counts_what_the_parser_reads((levels, document) in nested()) {
        // the two brackets around the value count too
        prop_assert_eq!(text(&document).is_ok(), levels + 2 <= MAX_NESTING, "{}", document);
        if levels + 2 <= MAX_NESTING {
            let parsed = parse_query(&document).unwrap();
            let operation = parsed.operations.iter().next().unwrap().1;
            prop_assert_eq!(depth_of_arguments(&operation.node.selection_set.node), levels, "{}", document);
        }
    }
}
