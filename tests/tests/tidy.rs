//! What types cannot keep: the rooms are apart as drawn, what is generated is committed, files fit a sitting.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the project's folder").to_owned()
}

pub fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The Rust files under a folder.
pub fn sources(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == "rs") {
                found.push(entry);
            }
        }
    }
    found
}

/// What a crate depends on, outside of its tests.
fn dependencies(krate: &str) -> Vec<String> {
    let manifest = read(format!("crates/{krate}/Cargo.toml"));
    let section = manifest.split("\n[").find(|section| section.starts_with("dependencies]")).expect("dependencies");
    section
        .lines()
        .skip(1)
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_schema_that_is_committed_is_the_one_that_is_served() {
    assert!(
        read("schema.graphql") == api::schema_sdl(),
        "schema.graphql is out of date: cargo run -- schema > schema.graphql"
    );
}

#[test]
fn the_page_of_events_is_the_codes() {
    assert!(
        read("docs/EVENTS.md") == domain::entry::page(),
        "docs/EVENTS.md is out of date: cargo run -- schema --events > docs/EVENTS.md"
    );
}

/// The table of refusals in docs/API.md has every code that the schema has, in order, with the message that comes with it.
#[test]
fn the_table_of_refusals_is_the_schemas() {
    let (schema, page) = (read("schema.graphql"), read("docs/API.md"));
    let codes = schema.split("enum RefusalCode {").nth(1).and_then(|rest| rest.split("\n}").next()).expect("the codes");
    let mut parts = codes.split("\"\"\"").skip(1);
    let mut rows = Vec::new();
    while let (Some(message), Some(code)) = (parts.next(), parts.next()) {
        let words: Vec<&str> = message.split_whitespace().collect();
        rows.push(format!("| `{}` | {} |", code.trim(), words.join(" ")));
    }
    rows.sort();
    let written = page.split("## Refusal codes").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("the table");
    let written: Vec<&str> = written.lines().filter(|line| line.starts_with("| `")).collect();
    assert!(rows.len() > 100, "{} codes", rows.len());
    assert_eq!(written, rows);
}

/// What GraphQL takes and answers is people's words in the clear, and what lets somebody in: none of it can be printed (C6).
#[test]
fn nothing_that_graphql_takes_or_answers_can_be_printed() {
    let mut seen = 0;
    for path in sources("crates/api/src") {
        for derived in read(&path).lines().filter(|line| line.trim_start().starts_with("#[derive(")) {
            if ["InputObject", "SimpleObject", "OneofObject"].iter().any(|kind| derived.contains(kind)) {
                assert!(!derived.contains("Debug"), "{}: {derived}", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 150, "only {seen} were seen");
}

#[test]
fn the_rooms_are_apart() {
    const OURS: &[&str] = &["domain", "vault", "store", "app", "api", "server", "bench", "cluster"];
    let drawn: &[(&str, &[&str])] = &[
        ("domain", &[]),
        ("vault", &[]),
        ("store", &[]),
        ("app", &["domain", "vault", "store"]),
        ("api", &["app", "domain"]),
        ("server", &["api", "app", "domain", "store", "vault"]),
        ("cluster", &[]),
        ("bench", &["api", "app", "cluster", "domain", "store", "vault"]),
    ];
    for (krate, allowed) in drawn {
        for dependency in dependencies(krate) {
            assert!(
                !OURS.contains(&dependency.as_str()) || allowed.contains(&dependency.as_str()),
                "{krate} must not depend on {dependency}"
            );
            assert!(dependency != "sqlx" || *krate == "store", "{krate} must not depend on sqlx: SQL is the store's");
            assert!(
                dependency != "async-graphql" || *krate == "api",
                "{krate} must not depend on async-graphql: GraphQL is the api's"
            );
            let pure = ["tokio", "sqlx", "axum", "getrandom", "rand"];
            assert!(
                *krate != "domain" || !pure.contains(&dependency.as_str()),
                "domain must not depend on {dependency}"
            );
        }
    }
}

/// Whoever reads for somebody names the logs that they read (`snapshot_of`), so that row-level security can hold them to
/// it. These read across logs, or for the operator.
const READS_EVERYTHING: [&str; 25] = [
    "app/src/backup.rs",
    "app/src/backup/carry.rs",
    "app/src/backup/restore.rs",
    "app/src/check.rs",
    "app/src/checkpoints.rs",
    "app/src/checkpoints/copies.rs",
    "app/src/feed.rs",
    "app/src/files.rs",
    "app/src/files/looked.rs",
    "app/src/fold.rs",
    "app/src/keys.rs",
    "app/src/moments.rs",
    "app/src/pulse.rs",
    "app/src/react.rs",
    "app/src/rebuild.rs",
    "app/src/rotate.rs",
    "app/src/timers.rs",
    "app/src/verify.rs",
    "app/src/verify/strays.rs",
    "server/src/doctor.rs",
    "server/src/front.rs",
    "server/src/inspect.rs",
    "server/src/keys.rs",
    "server/src/open.rs",
    "server/src/prove.rs",
];

#[test]
fn who_reads_for_somebody_names_the_log() {
    let mut found = Vec::new();
    for krate in ["app", "api", "server"] {
        for path in sources(&format!("crates/{krate}/src")) {
            let text = std::fs::read_to_string(&path).expect("a source");
            // `.snapshot()` of a view's reading is one that was opened for its practice.
            if text.replace("reading.snapshot()", "").replace("self.snapshot()", "").contains(".snapshot()") {
                let path = path.strip_prefix(root().join("crates")).expect("a crate's file");
                found.push(path.display().to_string());
            }
        }
    }
    found.sort_unstable();
    assert_eq!(found, READS_EVERYTHING, "take `snapshot_of`, or say here that it is nobody's reading");
}

#[test]
fn every_module_says_what_it_is_for() {
    for path in sources("crates").into_iter().chain(sources("tests")) {
        let text = std::fs::read_to_string(&path).expect("a source");
        assert!(text.starts_with("//!"), "{} does not begin with what it is for", path.display());
    }
}

#[test]
fn files_fit_a_sitting() {
    for path in sources("crates").into_iter().filter(|path| path.components().any(|part| part.as_os_str() == "src")) {
        let lines = std::fs::read_to_string(&path).expect("a source").lines().count();
        assert!(lines <= 700, "{} has {lines} lines: split it by noun", path.display());
    }
}

#[test]
fn every_kind_of_event_is_named_once_and_for_ever() {
    let mut seen = std::collections::BTreeSet::new();
    for kind in domain::Event::kinds() {
        assert!(seen.insert(kind.stored), "{} stands twice", kind.stored);
    }
    // What was ever stored can be read for ever: no kind of this list may go.
    for line in read("tests/golden/kinds.txt").lines() {
        assert!(seen.contains(line), "{line} was stored once and is not known any more");
    }
}

/// A text is sealed to its thing, kind and number: two of one kind in one event could change places.
#[test]
fn no_event_has_two_texts_that_open_in_each_others_place() {
    let mut twice = Vec::new();
    for kind in domain::Event::kinds() {
        let mut texts = std::collections::BTreeSet::new();
        for (_, field) in kind.fields {
            let field = field.replace([' ', '\n'], "");
            for (at, _) in field.match_indices("Personal<").chain(field.match_indices("Confidential<")) {
                let (before, text) = field.split_at(at);
                let text = text.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                let is_alone = !before.ends_with("Vec<") && texts.insert(text.clone());
                if !is_alone && !before.ends_with("Numbered<") {
                    twice.push((kind.stored, text));
                }
            }
        }
    }
    // These two are in old records only: each has a kind of its own since.
    assert_eq!(twice, [("practice.coach_settings_changed", "Link".to_owned())]);
}

#[test]
fn every_record_ever_stored_can_be_read() {
    let (mut golden, mut kinds) = (0, std::collections::BTreeMap::new());
    for line in read("tests/golden/records.jsonl").lines() {
        let happened = app::record::decode(line.as_bytes()).unwrap_or_else(|error| panic!("{error:?}: {line}"));
        let stored: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(stored["kind"], happened.event.kind());
        assert_eq!(stored["event"], serde_json::to_value(&happened.event).expect("it is written as it was"), "{line}");
        golden += 1;
        *kinds.entry(happened.event.kind()).or_insert(false) |= domain::notice::news(&happened.event).is_some();
    }
    assert!(golden >= 30, "only {golden} records are kept");
    // What is news is read by the reactor that tells of it, and nothing else is.
    for (kind, is_news) in kinds {
        assert_eq!(domain::notice::READS.contains(&kind), is_news, "{kind}");
    }
}

/// What a page of the activity log leaves out of long records (`app/src/view/read.rs`), no entry shows.
#[test]
fn no_entry_shows_a_text_that_has_revisions() {
    let mut texts = 0;
    for line in read("tests/golden/records.jsonl").lines() {
        let mut event = app::record::decode(line.as_bytes()).expect("a record").event;
        event.secrets(&mut |secret, _| texts += usize::from(secret.kind().has_revisions()));
        for change in event.entry().changes {
            assert!(!change.confidential.is_some_and(domain::text::Kind::has_revisions), "{}: {line}", change.field);
        }
    }
    assert!(texts >= 3, "only {texts} such texts were looked at");
}

/// Who sees one coachee is not told of events about another (`app/src/hub.rs`): they would be shown nothing of it.
#[test]
fn an_event_about_a_coachee_shows_another_coachee_nothing() {
    use domain::id::Id as _;
    use domain::sight::{Scope, Side, is_about_a_coachee};
    let (person, practice) =
        (domain::id::PersonId::of(uuid::Uuid::max()), domain::id::PracticeId::of(uuid::Uuid::max()));
    let other = Side::Coachee(domain::id::CoacheeId::of(uuid::Uuid::max()), vec![person]);
    let scope = Scope { person, practice, side: other };
    let mut kinds = std::collections::BTreeSet::new();
    for line in read("tests/golden/records.jsonl").lines() {
        let it = app::record::decode(line.as_bytes()).expect("a record");
        if is_about_a_coachee(it.event.kind()) {
            assert!(scope.moved_by(&it.event, &it.when).is_none(), "{line}");
            assert!(!scope.sees(it.event.sees()).row(it.when.subject, it.when.owner, true), "{line}");
            assert!(!scope.sees_entry(&it.event, it.when.subject, it.when.owner), "{line}");
            kinds.insert(it.event.kind());
        }
    }
    assert!(kinds.len() >= 20, "only {kinds:?} were looked at");
    for kind in domain::Event::kinds().filter(|kind| is_about_a_coachee(kind.stored)) {
        let of_another = domain::id::Subject::of(uuid::Uuid::nil());
        assert!(!scope.sees(kind.sees).row(of_another, None, true), "{}", kind.stored);
    }
}
