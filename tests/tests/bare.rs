//! An event holds no bare string of a person's making (promise C1): the compiler refuses one, and this keeps the ways shut
//! by which one could slip past it.
//!
//! Every field of every event is walked by the type that it was declared with. What is plain is in a list written by
//! hand; a type that is not in it fails, and so does a type that is marked as plain and holds a string.

use std::collections::BTreeSet;
use std::marker::PhantomData;

use domain::text::{Change, Confidential, Fact, Title};

use crate::tidy::{read, sources};

/// What may stand in an event as it is, beside ids: numbers, dates, closed sets, hashes.
const PLAIN: &[&str] = &[
    "bool",
    "u8",
    "u16",
    "u32",
    "u64",
    "i32",
    "i64",
    "[u8; 32]",
    "Time",
    "Date",
    "Percent",
    "Count",
    "Money",
    "Zone",
    "Status",
    "FileOwner",
    // what a file is, of a closed list, and who sees it
    "MediaType",
    "Permission",
    "BillingModel",
    "Portal",
    "Through",
    "UsedBy",
    "UnitState",
    "Role",
    "Right",
    "TokenScope",
    "Level",
    // when an appointment is, how it repeats, and whether somebody comes
    "Wall",
    "Rule",
    "Span",
    "Answer",
    // as what somebody made something, how an action repeats, and which of its series it is
    "Maker",
    "Frequency",
    "Duration",
    "Recurrence",
    "Next",
    "Occurrence",
    // which kind of text was read, or which kind of notice was raised
    "Kind",
    // what a notice is about, which fields changed, how it is mailed; what somebody wants of them
    "Matter",
    "Changed",
    "Mailing",
    "Channel",
    "Silenced",
    "Quiet",
    "DayTime",
    "Unsubscription",
];

/// Plain types that hold a string: from a closed set that is not ours.
const CLOSED: &[(&str, &str)] =
    &[("Zone", "a name of the IANA database"), ("Kind", "the kinds of texts and of events, which the program names")];

/// What holds sealed texts and nothing else that a person wrote.
const SEALED: &[&str] = &["Saved", "Chain", "Sibling", "Revisions"];

/// Whether a type is one that an event may hold: `Option<Change<Confidential<Title>>>`.
fn may_stand(of: &str, plain: &[&str]) -> bool {
    let of = of.trim();
    match of.split_once('<').and_then(|(wrap, inner)| Some((wrap, inner.strip_suffix('>')?))) {
        // Whatever text it is, it is sealed: the wrapper is the point.
        Some(("Personal" | "Confidential", _)) => true,
        Some(("Option" | "Change" | "Vec" | "Numbered", inner)) => may_stand(inner, plain),
        Some(_) => false,
        None => plain.contains(&of) || SEALED.contains(&of) || (of.ends_with("Id") && !of.contains(':')),
    }
}

/// Tells at run time whether a type is a fact: the inherent constant wins where it is there.
struct Probe<T>(PhantomData<T>);
trait IsNone {
    const IS_FACT: bool = false;
}
impl<T> IsNone for Probe<T> {}
impl<T: Fact> Probe<T> {
    const IS_FACT: bool = true;
}

#[test]
fn no_field_of_an_event_is_a_bare_string() {
    let mut walked = 0;
    for kind in domain::Event::kinds() {
        for (field, of) in kind.fields {
            assert!(
                may_stand(of, PLAIN),
                "{}: `{field}: {of}` is not known to be no person's words: seal it, or say in this test why it is plain",
                kind.stored
            );
            walked += 1;
        }
    }
    assert!(walked > 150, "only {walked} fields were walked");
    // The control.
    for bare in [
        "String",
        "Vec<String>",
        "Option<Change<String>>",
        "&'static str",
        "Box<str>",
        "Title",
        "Cow<'a, str>",
        "text::Notes",
    ] {
        assert!(!may_stand(bare, PLAIN), "{bare}");
    }
}

#[test]
fn a_string_is_no_fact() {
    let bare = [
        Probe::<String>::IS_FACT,
        Probe::<&'static str>::IS_FACT,
        Probe::<Box<str>>::IS_FACT,
        Probe::<Vec<String>>::IS_FACT,
        Probe::<Option<String>>::IS_FACT,
        Probe::<Change<String>>::IS_FACT,
        Probe::<Title>::IS_FACT,
        Probe::<char>::IS_FACT,
        Probe::<Vec<char>>::IS_FACT,
    ];
    assert_eq!(bare, [false; 9]);
    let facts = [
        Probe::<bool>::IS_FACT,
        Probe::<Confidential<Title>>::IS_FACT,
        Probe::<Option<Change<Confidential<Title>>>>::IS_FACT,
    ];
    assert_eq!(facts, [true; 3]);
}

/// The text between the brackets that open at the end of `before`.
fn within(text: &str, before: &str) -> Option<String> {
    let start = text.find(before)? + before.len();
    let mut depth = 1;
    let end = text[start..].find(|letter| {
        depth += match letter {
            '(' | '{' | '[' => 1,
            ')' | '}' | ']' => -1,
            _ => 0,
        };
        depth == 0
    })?;
    Some(text[start..start + end].to_owned())
}

#[test]
fn what_is_marked_as_plain_holds_no_string() {
    let texts: Vec<String> = sources("crates/domain/src").iter().map(read).collect();
    let mut marked = BTreeSet::new();
    for text in &texts {
        let mut rest = text.as_str();
        while let Some(at) = rest.find("facts!(") {
            let list = within(&rest[at..], "facts!(").expect("a list");
            marked.extend(
                list.split(',')
                    .map(|name| name.trim().to_owned())
                    .filter(|name| !name.is_empty() && !name.contains('$')),
            );
            rest = &rest[at + 7..];
        }
        // By hand: only the wrappers, and what holds nothing but sealed texts.
        for line in text.lines().filter(|line| line.starts_with("impl") && line.contains(" Fact for ")) {
            let of = line.split(" Fact for ").nth(1).expect("a type").trim_end_matches(" {");
            let known = ["Secret<T, P>", "Numbered<Confidential<T>>", "Change<T>", "Option<T>", "Vec<T>"];
            let of = of.trim_end_matches("<T>");
            assert!(
                known.iter().any(|known| known.trim_end_matches("<T>") == of) || SEALED.contains(&of),
                "`{line}` makes {of} a fact: say in this test why it holds no bare text"
            );
        }
    }
    assert_eq!(marked, PLAIN.iter().map(|name| (*name).to_owned()).collect());
    for name in &marked {
        let holds = texts.iter().flat_map(|text| {
            [format!("pub struct {name}("), format!("pub struct {name} {{"), format!("pub enum {name} {{")]
                .map(|start| within(text, &start))
        });
        for body in holds.flatten() {
            let code: String = body.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
            let is_closed = CLOSED.iter().any(|(closed, _)| closed == name);
            assert!(is_closed || !(code.contains("String") || code.contains("str")), "{name} holds a string: {body}");
        }
    }
}
