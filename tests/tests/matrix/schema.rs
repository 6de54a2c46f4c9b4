//! The schema as it is served, for walking it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Value, json};
use tests::Person;

/// A type of the schema.
#[derive(Debug, Clone)]
pub struct Type {
    /// `OBJECT`, `UNION`, …
    pub kind: String,
    /// Its fields, by name.
    pub fields: BTreeMap<String, Field>,
    /// What it may be, where it is a union or an interface.
    pub possible: Vec<String>,
}

/// A field of a type.
#[derive(Debug, Clone)]
pub struct Field {
    /// The named type of what it gives.
    pub of: String,
    /// Its arguments: the name, and whether one must be given.
    pub arguments: Vec<(String, String, bool)>,
}

/// A mutation: the type of its input, and what is asked of its answer.
#[derive(Debug, Clone)]
pub struct Operation {
    /// The input's type, where it takes one.
    pub input: Option<String>,
    /// The selection.
    pub selection: String,
}

/// The schema.
#[derive(Debug, Clone)]
pub struct Schema {
    /// Every type.
    pub types: BTreeMap<String, Type>,
    /// Every mutation.
    pub operations: BTreeMap<String, Operation>,
}

const QUERY: &str = "{ __schema { types {
    kind name
    fields(includeDeprecated: true) { name type { ...Of } args { name defaultValue type { ...Of } } }
    possibleTypes { name }
} } }
fragment Of on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The name at the bottom of a type's wrapping.
fn named(of: &Value) -> String {
    if of["ofType"].is_null() { text(&of["name"]) } else { named(&of["ofType"]) }
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

impl Schema {
    /// As it is served.
    pub async fn read(person: &Person) -> Self {
        let data = person.ask(QUERY, json!({})).await;
        let field = |field: &Value| {
            let argument = |argument: &Value| {
                let is_needed = argument["type"]["kind"] == "NON_NULL" && argument["defaultValue"].is_null();
                (text(&argument["name"]), named(&argument["type"]), is_needed)
            };
            (
                text(&field["name"]),
                Field { of: named(&field["type"]), arguments: items(&field["args"]).map(argument).collect() },
            )
        };
        let of = |of: &Value| {
            let possible = items(&of["possibleTypes"]).map(|of| text(&of["name"])).collect();
            (
                text(&of["name"]),
                Type { kind: text(&of["kind"]), fields: items(&of["fields"]).map(field).collect(), possible },
            )
        };
        let types: BTreeMap<String, Type> = items(&data["__schema"]["types"]).map(of).collect();
        let mut schema = Self { types, operations: BTreeMap::new() };
        for (name, field) in &schema.types["Mutation"].fields {
            let input = field.arguments.first().map(|(_, of, _)| of.clone());
            let operation = Operation { input, selection: schema.answer(&field.of) };
            schema.operations.insert(name.clone(), operation);
        }
        schema
    }

    /// The names of a type's fields.
    pub fn fields(&self, of: &str) -> impl Iterator<Item = &str> {
        self.types[of].fields.keys().map(String::as_str)
    }

    /// What is asked of a payload: its own leaves, the refusals' codes, and the ids of the things in it.
    fn answer(&self, payload: &str) -> String {
        let mut selection = String::new();
        for (name, field) in &self.types[payload].fields {
            let of = &self.types[&field.of];
            let inner = match name.as_str() {
                "errors" => "{ code }",
                "signedIn" => "{ personId token }",
                _ if of.fields.contains_key("id") => "{ id }",
                _ if of.fields.is_empty() => "",
                _ => continue,
            };
            let _ = write!(selection, "{name} {inner} ");
        }
        selection
    }

    /// Everything below a type, through so many lists.
    pub fn select(&self, of: &str, lists: usize) -> String {
        let mut selection = String::new();
        self.selected(of, lists, &mut Vec::new(), &mut selection);
        selection
    }

    fn selected<'a>(&'a self, of: &'a str, lists: usize, path: &mut Vec<&'a str>, selection: &mut String) {
        path.push(of);
        for (name, field) in &self.types[of].fields {
            let Some(arguments) = arguments(name, field) else { continue };
            let below = &self.types[&field.of];
            if below.kind == "UNION" || below.kind == "INTERFACE" {
                continue;
            }
            if below.fields.is_empty() {
                let _ = write!(selection, "{name}{arguments} ");
                continue;
            }
            let nodes = below.fields.get("nodes").filter(|_| below.fields.contains_key("edges"));
            let inner = nodes.map_or(field.of.as_str(), |nodes| nodes.of.as_str());
            if path.contains(&inner) || (nodes.is_some() && lists == 0) {
                continue;
            }
            let wrap = if nodes.is_some() { ("nodes { ", "} ") } else { ("", "") };
            let mut inside = String::new();
            self.selected(inner, lists - usize::from(nodes.is_some()), path, &mut inside);
            // Of what holds nothing but lists nothing is left where there are lists enough.
            if !inside.is_empty() {
                let _ = write!(selection, "{name}{arguments} {{ {}{inside}{}}} ", wrap.0, wrap.1);
            }
        }
        path.pop();
    }

    /// Every type that can be reached from a type, itself too.
    pub fn reachable(&self, from: &[&str]) -> BTreeSet<String> {
        let mut seen: BTreeSet<String> = BTreeSet::new();
        let mut open: Vec<String> = from.iter().map(|name| (*name).to_owned()).collect();
        while let Some(name) = open.pop() {
            let of = &self.types[&name];
            if of.fields.is_empty() && of.possible.is_empty() || !seen.insert(name) {
                continue;
            }
            open.extend(of.fields.values().map(|field| field.of.clone()));
            open.extend(of.possible.iter().cloned());
        }
        seen
    }
}

/// The arguments with which a field is asked for on the way; nothing where it cannot be.
pub fn arguments(name: &str, field: &Field) -> Option<String> {
    let takes = |wanted: &str| field.arguments.iter().any(|(name, ..)| name == wanted);
    let mut given = Vec::new();
    if name == "revision" && takes("number") {
        given.push("number: 1".to_owned());
    } else if ["appointments", "upcoming", "upcomingAppointments"].contains(&name) && takes("range") {
        // What is next depends on when it is asked.
        given.push("range: { from: \"2026-10-01T00:00:00Z\", to: \"2026-12-31T00:00:00Z\" }".to_owned());
    } else if field.arguments.iter().any(|(_, _, is_needed)| *is_needed) {
        return None;
    }
    if takes("first") {
        given.push("first: 3".to_owned());
    }
    if name == "sessions" && takes("filter") {
        given.push("filter: { status: [ATTENDED, CANCELLED, NO_SHOW, LATE], running: true }".to_owned());
    }
    Some(if given.is_empty() { String::new() } else { format!("({})", given.join(", ")) })
}
