//! Rows of read models.

use std::collections::BTreeSet;

use store::{Due, Error, Row, Select, Table, Type, Value};

use crate::stage::{both, id, row, table};

async fn with_rows(stage: &crate::stage::Stage, rows: &[Row]) -> (store::Store, Table) {
    let store = stage.open().await;
    let (table, ddl) = table("goal_1");
    store.ensure(&ddl, 5).await.unwrap();
    let mut batch = store.batch().await.unwrap();
    batch.upsert(&table, rows).await.unwrap();
    batch.commit().await.unwrap();
    (store, table)
}

both! {
/// Thousands of rows are written, changed, loaded and deleted, in statements of every size.
async fn thousands_of_rows_are_written_and_loaded(stage: &Stage) {
    let rows: Vec<Row> = (0..3001).map(|number| row(1 + number % 2, number)).collect();
    let (store, table) = with_rows(stage, &rows).await;
    let changed: Vec<Row> = rows.iter().skip(7).step_by(3).map(|row| Row { document: vec![], ..row.clone() }).collect();
    let deleted: Vec<_> = rows.iter().skip(1).step_by(2).map(|row| (row.log, row.id)).collect();
    let mut batch = store.batch().await.unwrap();
    batch.upsert(&table, &changed).await.unwrap();
    batch.upsert(&table, &[]).await.unwrap();
    batch.delete(&table, &deleted).await.unwrap();
    batch.delete(&table, &[]).await.unwrap();
    batch.commit().await.unwrap();

    let gone: BTreeSet<_> = deleted.iter().copied().collect();
    let mut left: Vec<Row> = rows.iter().filter(|row| !gone.contains(&(row.log, row.id))).cloned().collect();
    for row in &mut left {
        if changed.iter().any(|changed| changed.id == row.id) {
            row.document.clear();
        }
    }
    left.sort_by_key(|row| (row.log, row.id));
    let keys: Vec<_> = (0..3100).flat_map(|number| [(id(1), id(number)), (id(2), id(number))]).collect();
    let mut snapshot = store.snapshot().await.unwrap();
    let mut found = snapshot.get(&table, &keys).await.unwrap();
    found.sort_by_key(|row| (row.log, row.id));
    assert_eq!(found, left);
    let mut loaded = snapshot.load(&table, &keys).await.unwrap();
    loaded.sort();
    assert_eq!(loaded, left.iter().map(|row| (row.log, row.id, row.document.clone())).collect::<Vec<_>>());
    assert_eq!(snapshot.load(&table, &[]).await.unwrap(), []);
}
}

both! {
/// Of rows that are there, some change their document only, some a column too, some a nullable one; others are new.
async fn whatever_of_a_row_changes_is_written(stage: &Stage) {
    let rows: Vec<Row> = (0..40).map(|number| row(1, number)).collect();
    let (store, table) = with_rows(stage, &rows[..30]).await;
    let change = |(number, row): (usize, &Row)| {
        let mut row = Row { document: format!("again {number}").into_bytes(), ..row.clone() };
        match number % 5 {
            0 => row.columns[1] = Value::Int(100),
            1 => row.columns[4] = if row.columns[4] == Value::Null { Value::Bytes(vec![9; 16]) } else { Value::Null },
            2 => (row.owner, row.shared) = (if row.owner.is_none() { Some(id(20)) } else { None }, !row.shared),
            _ => {}
        }
        row
    };
    let changed: Vec<Row> = rows.iter().enumerate().map(change).collect();
    let mut batch = store.batch().await.unwrap();
    // all at once, and those alone that change their document only
    batch.upsert(&table, &changed).await.unwrap();
    let documents: Vec<Row> =
        changed.iter().filter(|row| row.columns[1] != Value::Int(100)).map(|row| Row { document: vec![1], ..row.clone() }).collect();
    batch.upsert(&table, &documents).await.unwrap();
    batch.commit().await.unwrap();
    let keys: Vec<_> = rows.iter().map(|row| (row.log, row.id)).collect();
    let mut found = store.snapshot().await.unwrap().get(&table, &keys).await.unwrap();
    found.sort_by_key(|row| row.id);
    let expected: Vec<Row> = changed
        .into_iter()
        .map(|row| documents.iter().find(|other| other.id == row.id).cloned().unwrap_or(row))
        .collect();
    assert_eq!(found, expected);
}
}

both! {
/// A subject's rows, or a log's, are deleted and no others.
async fn a_subject_and_a_log_are_deleted(stage: &Stage) {
    let rows: Vec<Row> = (0..200).map(|number| row(1 + number % 2, number)).collect();
    let (store, table) = with_rows(stage, &rows).await;
    let forgotten = rows.iter().filter(|row| row.log == id(1) && row.subject == id(11)).count();
    let mut batch = store.batch().await.unwrap();
    assert_eq!(batch.delete_subject(&table, id(1), id(11)).await.unwrap(), u64::try_from(forgotten).unwrap());
    assert_eq!(batch.count(&Select::new(&table, id(2), 0)).await.unwrap(), 100);
    assert_eq!(batch.delete_log_rows(&table, id(2)).await.unwrap(), 100);
    let left = batch.count(&Select::new(&table, id(1), 0)).await.unwrap();
    assert_eq!(left, u64::try_from(100 - forgotten).unwrap());
    batch.commit().await.unwrap();
}
}

both! {
/// What is due is found over all logs, the earliest first.
async fn due_rows_are_found_in_order(stage: &Stage) {
    let rows: Vec<Row> = (0..100).map(|number| row(1 + number % 5, number)).collect();
    let (store, table) = with_rows(stage, &rows).await;
    let time = |row: &Row| if let Value::Int(time) = row.columns[1] { time } else { panic!("{row:?}") };
    let mut snapshot = store.snapshot().await.unwrap();
    let found = snapshot.due(&table, "due", 0, None, 1000).await.unwrap();
    assert_eq!(found.len(), rows.iter().filter(|row| time(row) <= 0).count());
    assert!(found.iter().all(|due| due.at == time(rows.iter().find(|row| row.id == due.id).unwrap())));
    assert!(found.is_sorted_by_key(Due::place), "{found:?}");
    // Many are due at the same time: reading on after any of them gives those that follow.
    for size in [1, 2, 7] {
        let (mut read, mut after) = (Vec::new(), None);
        loop {
            let page = snapshot.due(&table, "due", 0, after, size).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.place());
            read.extend(page);
        }
        assert_eq!(read, found, "{size} at once");
    }
    assert!(matches!(snapshot.due(&table, "title", 0, None, 1).await, Err(Error::Senseless(_))));
}
}

both! {
/// A row that does not fit its table is refused before anything is sent.
async fn a_row_of_another_shape_is_refused(stage: &Stage) {
    let (store, table) = with_rows(stage, &[]).await;
    let mut batch = store.batch().await.unwrap();
    let short = Row { columns: vec![], ..row(1, 1) };
    assert!(matches!(batch.upsert(&table, &[short]).await, Err(Error::Senseless(_))));
    let mut wrong = row(1, 1);
    wrong.columns[1] = Value::Text("no number".to_owned());
    assert!(matches!(batch.upsert(&table, &[wrong]).await, Err(Error::Senseless(_))));
    batch.upsert(&table, &[row(1, 1)]).await.unwrap();
    batch.commit().await.unwrap();
}
}

both! {
/// A feature's own statement is written once.
async fn a_statement_of_a_feature_answers(stage: &Stage) {
    let rows: Vec<Row> = (0..50).map(|number| row(1, number)).collect();
    let (store, _) = with_rows(stage, &rows).await;
    let sql = "select open, count(*), min(title), max(share) from goal_1 where log_id = ? and due > ? group by open \
               order by open";
    store.prepare(sql).await.unwrap();
    let types = [Type::Bool, Type::Int, Type::Text, Type::Float];
    let mut snapshot = store.snapshot().await.unwrap();
    let found = snapshot.query(sql, &[Value::from(id(1)), Value::Int(-100)], &types).await.unwrap();
    let open = rows.iter().filter(|row| row.columns[2] == Value::Bool(true)).count();
    assert_eq!(found.len(), 2);
    assert_eq!(found[1][..2], [Value::Bool(true), Value::Int(i64::try_from(open).unwrap())]);
    assert!(matches!(store.prepare("select nothing from goal_1").await, Err(Error::Senseless(_))));
}
}

/// A database in memory is shared by the connections of its store, and by no other store.
#[tokio::test]
async fn memory_is_a_database_of_one_store() {
    let options = store::Options::new("sqlite::memory:");
    let (one, other) = (store::Store::open(&options).await.unwrap(), store::Store::open(&options).await.unwrap());
    let (table, ddl) = table("goal_1");
    one.ensure(&ddl, 1).await.unwrap();
    let mut batch = one.batch().await.unwrap();
    batch.upsert(&table, &[row(1, 1)]).await.unwrap();
    batch.commit().await.unwrap();
    let mut snapshot = one.snapshot().await.unwrap();
    let mut second = one.snapshot().await.unwrap();
    assert_eq!(snapshot.get(&table, &[(id(1), id(1))]).await.unwrap(), [row(1, 1)]);
    assert_eq!(second.get(&table, &[(id(1), id(1))]).await.unwrap(), [row(1, 1)]);
    assert_eq!(other.tables_existing().await.unwrap(), []);
}

both! {
/// An operator may drop the tables of versions that nobody runs any more, and people are forgotten all the same.
async fn a_table_that_was_dropped_by_hand_keeps_nobody_from_being_forgotten(stage: &Stage) {
    let theirs = row(1, 1);
    let (store, goals) = with_rows(stage, std::slice::from_ref(&theirs)).await;
    let (_, older) = table("goal_0");
    store.ensure(&older, 4).await.unwrap();
    let mut batch = store.batch().await.unwrap();
    batch.query("drop table goal_0", &[], &[]).await.unwrap();
    batch.commit().await.unwrap();
    let mut batch = store.batch().await.unwrap();
    let forgotten = store::Forgotten { log: theirs.log, subject: theirs.subject, seq: 1, at: 1 };
    batch.forget(&forgotten).await.unwrap();
    batch.commit().await.unwrap();
    let mut snapshot = store.snapshot().await.unwrap();
    assert!(snapshot.load(&goals, &[(theirs.log, theirs.id)]).await.unwrap().is_empty());
    assert_eq!(snapshot.newest_forgotten(theirs.log).await.unwrap(), 1);
}
}
