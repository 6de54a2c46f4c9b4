//! What every test needs: a fresh database of either kind, and things to put into it.

use store::{Event, Head, Id, Options, Row, Store, Table, Type, Value};
use tempfile::TempDir;

/// A fresh database. It goes with this value, or with the process.
pub(crate) struct Stage {
    pub(crate) options: Options,
    directory: Option<TempDir>,
}

impl Stage {
    pub(crate) fn sqlite() -> Stage {
        let directory = TempDir::new().expect("a directory");
        let path = directory.path().join("made/when missing/log.sqlite");
        Stage { options: Options::new(format!("sqlite:{}", path.display())), directory: Some(directory) }
    }

    pub(crate) fn postgres() -> Stage {
        let url = cluster::database(given().as_deref(), "store").expect("a PostgreSQL");
        Stage { options: Options { connections: 8, ..Options::new(url) }, directory: None }
    }

    /// Another fresh database of the same kind.
    pub(crate) fn another(&self) -> Stage {
        if self.directory.is_some() { Stage::sqlite() } else { Stage::postgres() }
    }

    /// Drops the database of PostgreSQL's, though it is used, and makes another one with its name.
    pub(crate) fn make_again(&self) {
        cluster::make_again(given().as_deref(), &self.options.url).expect("another one");
    }

    pub(crate) async fn open(&self) -> Store {
        Store::open(&self.options).await.expect("the store opens")
    }
}

#[expect(clippy::disallowed_methods, reason = "tests have no settings but this one")]
fn given() -> Option<String> {
    std::env::var(cluster::VARIABLE).ok()
}

/// Writes one test for each database.
macro_rules! both {
    ($(#[$note:meta])* async fn $name:ident($stage:ident: &Stage) $body:block) => {
        $(#[$note])*
        mod $name {
            use super::*;

            async fn run($stage: &crate::stage::Stage) $body

            #[tokio::test]
            async fn sqlite() {
                run(&crate::stage::Stage::sqlite()).await;
            }

            #[tokio::test]
            async fn postgres() {
                run(&crate::stage::Stage::postgres()).await;
            }
        }
    };
}
pub(crate) use both;

/// An id made of a number; the numbers' order is the ids'.
pub(crate) fn id(number: u64) -> Id {
    u128::from(number).to_be_bytes()
}

pub(crate) fn head(log: u64, seq: u64) -> Head {
    Head {
        log: id(log),
        kind: "practice".to_owned(),
        seq,
        at: 1_000 + i64::try_from(seq).expect("small"),
        frontier: vec![7; 40],
        generation: 3,
        folded: b"folded".to_vec(),
    }
}

pub(crate) fn event(log: u64, seq: u64) -> Event {
    Event {
        log: id(log),
        seq,
        thing: id(seq % 3),
        kind: if seq.is_multiple_of(2) { "plan.goal_set" } else { "plan.goal_renamed" }.to_owned(),
        version: 1,
        subject: id(10 + seq % 4),
        owner: seq.is_multiple_of(5).then(|| id(20 + seq % 2)),
        actor: Some(id(30 + seq % 3)),
        behalf: None,
        command: id(1_000 + seq),
        at: 1_000 + i64::try_from(seq).expect("small"),
        record: format!("{{\"seq\":{seq}}}").into_bytes(),
        leaf: [u8::try_from(seq % 256).expect("a byte"); 32],
    }
}

/// A table with a column of each type, and the script that makes it.
pub(crate) fn table(name: &str) -> (Table, String) {
    let columns = [
        ("title", Type::Text),
        ("due", Type::Int),
        ("open", Type::Bool),
        ("share", Type::Float),
        ("goal", Type::Bytes),
    ];
    let ddl = format!(
        "-- create table if not exists in_a_comment (no)\n\
         create table if not exists {name} (\n\
         log_id bytea not null, id bytea not null, subject bytea not null, owner bytea, shared boolean not null,\n\
         document bytea not null, title text not null, due bigint not null, open boolean not null,\n\
         share double precision not null, goal bytea, primary key (log_id, id)) /*sqlite: without rowid*/;\n\
         create index if not exists {name}_by_due on {name} (due);"
    );
    let columns = columns.map(|(name, kind)| (name.to_owned(), kind)).to_vec();
    (Table { name: name.to_owned(), columns }, ddl)
}

/// A row whose content is a function of its number.
pub(crate) fn row(log: u64, number: u64) -> Row {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let titles = ["", "a", "a%", "ab", "b_", "Ä", "ä", "z\u{d7ff}", "z\u{e000}", "\u{10ffff}"];
    Row {
        log: id(log),
        id: id(number),
        subject: id(10 + mixed % 4),
        owner: [None, Some(id(20)), Some(id(21))][usize::try_from(mixed / 4 % 3).expect("small")],
        shared: (mixed / 12).is_multiple_of(2),
        columns: vec![
            Value::Text(titles[usize::try_from(mixed / 24 % 10).expect("small")].to_owned()),
            Value::Int(i64::try_from(mixed / 7 % 9).expect("small") - 4),
            Value::Bool((mixed / 5).is_multiple_of(2)),
            Value::Float(f64::from(u32::try_from(mixed / 3 % 4).expect("small")) / 4.0),
            if (mixed / 11).is_multiple_of(3) { Value::Null } else { Value::Bytes(id(40 + mixed / 11 % 3).to_vec()) },
        ],
        document: format!("row {number}").into_bytes(),
    }
}
