//! Opening: the schema of the truth, and the tables of read models.

use store::{Database, Error, Options, Store, Type, Value};

use crate::stage::{both, event, head, id, row, table};

both! {
/// A database that a newer program has migrated is left alone.
async fn a_newer_schema_is_refused(stage: &Stage) {
    let store = stage.open().await;
    // what a newer program would have noted
    store.ensure("insert into schema_version (version) values (7)", 1).await.unwrap();
    store.close().await;
    let refused = Store::open(&stage.options).await.unwrap_err();
    assert!(matches!(refused, Error::NewerSchema { found: 7, .. }), "{refused}");
}
}

both! {
/// Whoever only looks makes nothing in a database that is another program's, or nobody's yet.
async fn a_database_without_our_tables_is_left_as_it_is(stage: &Stage) {
    let looking = Options { begins: false, ..stage.options.clone() };
    for _ in 0..2 {
        let refused = Store::open(&looking).await.unwrap_err();
        assert!(matches!(refused, Error::Empty), "{refused}");
    }
    stage.open().await.close().await;
    Store::open(&looking).await.unwrap().close().await;
}
}

both! {
/// Opening again changes nothing, also when several do it at once.
async fn a_database_is_opened_by_several(stage: &Stage) {
    let (first, second, third) =
        tokio::join!(Store::open(&stage.options), Store::open(&stage.options), Store::open(&stage.options));
    let mut batch = first.unwrap().batch().await.unwrap();
    batch.append(&[event(1, 1)]).await.unwrap();
    batch.set_heads(&[head(1, 1)], &[]).await.unwrap();
    batch.commit().await.unwrap();
    for store in [second.unwrap(), third.unwrap(), stage.open().await] {
        assert_eq!(store.snapshot().await.unwrap().head(id(1)).await.unwrap(), Some(head(1, 1)));
    }
}
}

both! {
/// Tables of read models are made once and dropped when nobody needs them.
async fn tables_of_rows_come_and_go(stage: &Stage) {
    let store = stage.open().await;
    let (_, first) = table("goal_1");
    let (_, second) = table("goal_2");
    let (one, other) = tokio::join!(store.ensure(&first, 5), store.ensure(&first, 6));
    one.and(other).unwrap();
    store.ensure(&format!("{first}\n{second}"), 7).await.unwrap();
    let names: Vec<String> = store.tables_existing().await.unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["goal_1", "goal_2"]);
    assert!(store.drop_table("goal_1").await.unwrap());
    assert!(!store.drop_table("events").await.unwrap(), "what ensure has not made is not dropped");
    assert_eq!(store.tables_existing().await.unwrap(), [("goal_2".to_owned(), 7)]);
    store.prepare("select id from goal_2 where log_id = ? and title > ?").await.unwrap();
    assert!(store.prepare("select id from goal_1").await.is_err());
    store.prepare("select record from events where log_id = ?").await.unwrap();
}
}

both! {
/// Who starts while others write to tables that are there waits for nobody. What somebody has dropped by hand is made again.
async fn what_is_there_is_not_made_anew(stage: &Stage) {
    let (store, other) = (stage.open().await, stage.open().await);
    let (goals, ddl) = table("goal_1");
    store.ensure(&ddl, 5).await.unwrap();
    let mut batch = store.batch().await.unwrap();
    batch.upsert(&goals, &[row(1, 1)]).await.unwrap();
    let ensured = tokio::time::timeout(std::time::Duration::from_mins(1), other.ensure(&ddl, 6)).await;
    assert!(matches!(ensured, Ok(Ok(()))), "{ensured:?}");
    batch.commit().await.unwrap();
    assert_eq!(store.tables_existing().await.unwrap(), [("goal_1".to_owned(), 5)]);

    let indexes = async || {
        let asked = match store.database() {
            Database::Sqlite => "select count(*) from sqlite_schema where name = 'goal_1_by_due'",
            Database::Postgres => "select count(*) from pg_class where relname = 'goal_1_by_due'",
        };
        store.snapshot().await.unwrap().query(asked, &[], &[Type::Int]).await.unwrap()
    };
    store.ensure("drop index goal_1_by_due", 7).await.unwrap();
    assert_eq!(indexes().await, [[Value::Int(0)]]);
    other.ensure(&ddl, 8).await.unwrap();
    assert_eq!(indexes().await, [[Value::Int(1)]]);
}
}

#[tokio::test]
async fn an_address_of_something_else_is_refused() {
    let nobody = "postgres://me:hunter2@127.0.0.1:1/none";
    for (url, why) in [("mysql://host/name", "begins with"), ("log.sqlite", "begins with"), (nobody, "127.0.0.1:1: ")] {
        let options = Options { patience: std::time::Duration::from_millis(300), ..Options::new(url) };
        let refused = Store::open(&options).await.unwrap_err();
        assert!(matches!(&refused, Error::Open(said) if said.contains(why)), "{url}: {refused}");
        let said = refused.to_string();
        assert!(url != nobody || said.contains("refused") && !said.contains("hunter2"), "{said}");
    }
}

/// D2: a PostgreSQL that is set up to lose what it has acknowledged is refused, and what a connection can set is set.
#[tokio::test]
async fn a_postgres_that_would_lose_what_it_acknowledged_is_refused() {
    let mut postgres = cluster::Fragile::make(&[]).unwrap();
    for setting in ["fsync", "full_page_writes"] {
        postgres.start(&[], &[&format!("{setting}=off")]).unwrap();
        let refused = Store::open(&Options::new(postgres.url("postgres"))).await.unwrap_err();
        assert!(refused.to_string().contains(&format!("`{setting}` off")), "{refused}");
        postgres.stop();
    }
    postgres.start(&[], &["synchronous_commit=off"]).unwrap();
    let store = Store::open(&Options::new(postgres.database("kept", "").unwrap())).await.unwrap();
    let mut batch = store.batch().await.unwrap();
    let answer = batch.query("select current_setting('synchronous_commit')", &[], &[store::Type::Text]).await.unwrap();
    assert_eq!(answer, [[store::Value::Text("on".to_owned())]]);
    batch.rollback().await.unwrap();
}

/// Every commit on SQLite is synced, and what is deleted is overwritten.
#[tokio::test]
async fn sqlite_is_set_up_to_keep_and_to_forget() {
    let stage = crate::stage::Stage::sqlite();
    let store = stage.open().await;
    let mut batch = store.batch().await.unwrap();
    for (pragma, wanted) in [("pragma synchronous", 2), ("pragma secure_delete", 1), ("pragma foreign_keys", 0)] {
        let answer = batch.query(pragma, &[], &[store::Type::Int]).await.unwrap();
        assert_eq!(answer, [[store::Value::Int(wanted)]], "{pragma}");
    }
    let mode = batch.query("pragma journal_mode", &[], &[store::Type::Text]).await.unwrap();
    assert_eq!(mode, [[store::Value::Text("wal".to_owned())]]);
    batch.rollback().await.unwrap();
    let mut snapshot = store.snapshot().await.unwrap();
    let answer = snapshot.query("pragma query_only", &[], &[store::Type::Int]).await.unwrap();
    assert_eq!(answer, [[store::Value::Int(1)]]);
}
