//! The truth is carried whole: every table that the migrations make is named, with all of its columns.

use std::collections::BTreeMap;

use store::{Database, Snapshot, Type, Value, truth};

use crate::stage::{both, event, head, id};

fn text(value: &Value) -> String {
    let Value::Text(text) = value else { panic!("{value:?} is no text") };
    text.clone()
}

/// The columns of every table of a new database, by its name.
async fn made(snapshot: &mut Snapshot, database: Database) -> BTreeMap<String, Vec<String>> {
    let columns = match database {
        Database::Sqlite => {
            "select t.name, c.name from sqlite_schema as t join pragma_table_info(t.name) as c \
             where t.type = 'table' and t.name not like 'sqlite_%' order by t.name, c.name"
        }
        Database::Postgres => {
            "select table_name::text, column_name::text from information_schema.columns \
             where table_schema = current_schema() order by 1, 2"
        }
    };
    let mut made: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in snapshot.query(columns, &[], &[Type::Text, Type::Text]).await.unwrap() {
        made.entry(text(&row[0])).or_default().push(text(&row[1]));
    }
    made
}

both! {
/// A table that a migration adds is carried or left behind for a reason.
async fn every_table_of_the_truth_is_named_with_all_its_columns(stage: &Stage) {
    let store = stage.open().await;
    let mut snapshot = store.snapshot().await.unwrap();
    let mut made = made(&mut snapshot, store.database()).await;
    for table in truth::LEFT_BEHIND {
        assert!(made.remove(*table).is_some(), "there is no {table}");
    }
    for table in truth::tables() {
        let mut columns: Vec<String> = table.columns.iter().map(|(name, _)| (*name).to_owned()).collect();
        columns.sort();
        let mut found = made.remove(table.name).unwrap_or_else(|| panic!("there is no {}", table.name));
        found.sort();
        assert_eq!(found, columns, "{}", table.name);
    }
    assert!(made.is_empty(), "a backup would lose {made:?}: name them in truth.rs");
}
}

both! {
/// Rows are read in pages and written as they were, nulls among them.
async fn the_truth_is_carried_row_by_row(stage: &Stage) {
    let (from, to) = (stage.open().await, crate::stage::Stage::sqlite());
    let to = to.open().await;
    let mut batch = from.batch().await.unwrap();
    let events: Vec<_> = (1..8).flat_map(|seq| [event(1, seq), event(2, seq)]).collect();
    batch.append(&events).await.unwrap();
    batch.set_heads(&[head(1, 7), head(2, 7)], &[]).await.unwrap();
    batch.set_meta("name", b"value").await.unwrap();
    batch.commit().await.unwrap();
    let (mut snapshot, mut batch) = (from.snapshot().await.unwrap(), to.batch().await.unwrap());
    assert_eq!(snapshot.truth_rows().await.unwrap(), 17);
    for table in truth::tables() {
        let mut after: Option<Vec<Value>> = None;
        loop {
            let rows = snapshot.truth(table, after.as_deref(), 3).await.unwrap();
            let Some(last) = rows.last() else { break };
            after = Some(last[..table.key].to_vec());
            batch.put_truth(table, &rows).await.unwrap();
        }
    }
    batch.commit().await.unwrap();
    let mut copy = to.snapshot().await.unwrap();
    for log in [1, 2] {
        assert_eq!(copy.events(id(log), 0, 99).await.unwrap(), snapshot.events(id(log), 0, 99).await.unwrap());
    }
    assert_eq!(copy.heads(None, 9).await.unwrap(), snapshot.heads(None, 9).await.unwrap());
    assert_eq!(copy.meta("name").await.unwrap().as_deref(), Some(&b"value"[..]));
    let mut batch = to.batch().await.unwrap();
    let again = snapshot.truth(&truth::HEADS, None, 1).await.unwrap();
    assert!(batch.put_truth(&truth::HEADS, &again).await.is_err(), "nothing is written over");
}
}
