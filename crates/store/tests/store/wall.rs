//! The wall between logs on PostgreSQL: who reads single logs sees rows of those that they have named, and else nothing.

use store::{Batch, Error, Id, Options, Select, SignedRoot, Snapshot, Store, Type, Value};

use crate::stage::{Stage, event, head, id, row, table};

/// A database in which a role is to read; its name is the test's own, since roles are the whole server's.
fn stage(role: &str) -> (Stage, String) {
    let mut stage = Stage::postgres();
    let role = format!("t_{role}_{}", std::process::id());
    stage.options.reader = Some(role.clone());
    (stage, role)
}

/// The same database without a reader.
async fn plain(stage: &Stage) -> Store {
    Store::open(&Options { reader: None, ..stage.options.clone() }).await.unwrap()
}

/// Two logs, each with a row in every table that a log has.
async fn fill(store: &Store) {
    let (goals, ddl) = table("goal_1");
    store.ensure(&ddl, 1).await.unwrap();
    let mut batch = store.batch().await.unwrap();
    for log in [1, 2] {
        batch.set_heads(&[head(log, 1)], &[]).await.unwrap();
        batch.append(&[event(log, 1)]).await.unwrap();
        batch.upsert(&goals, &[row(log, 1), row(log, 2)]).await.unwrap();
        rest(&mut batch, log).await;
    }
    batch.commit().await.unwrap();
}

async fn rest(batch: &mut Batch, log: u64) {
    let root = SignedRoot { log: id(log), seq: 1, root: [1; 32], note: "note".to_owned(), at: 1 };
    batch.put_checkpoints(&[root]).await.unwrap();
    batch.set_meta("kept", b"apart").await.unwrap();
}

/// How many rows of each log a table shows.
async fn logs_in(snapshot: &mut Snapshot, table: &str) -> Vec<(Id, i64)> {
    let sql = format!("select log_id, count(*) from {table} group by log_id order by log_id");
    let rows = snapshot.query(sql.leak(), &[], &[Type::Bytes, Type::Int]).await.unwrap();
    let read = |row: Vec<Value>| match <[Value; 2]>::try_from(row).unwrap() {
        [Value::Bytes(log), Value::Int(count)] => (log.try_into().unwrap(), count),
        other => panic!("{other:?}"),
    };
    rows.into_iter().map(read).collect()
}

const TABLES: [&str; 4] = ["heads", "events", "goal_1", "checkpoints"];

/// Readers see what they have named, on a database that was there before as on a new one; and the owner sees all of it.
#[tokio::test]
async fn a_snapshot_shows_the_logs_that_it_names() {
    let (stage, role) = stage("named");
    let before = plain(&stage).await;
    fill(&before).await;
    before.close().await;
    let store = stage.open().await;
    let wall = store.wall().expect("a wall");
    assert_eq!(wall.role, role);
    assert!(wall.tables >= 11, "the log's tables and one of rows are behind it: {wall:?}");
    for table in TABLES {
        let mut all = store.snapshot().await.unwrap();
        assert_eq!(logs_in(&mut all, table).await.len(), 2, "{table}: the test is not blind");
        for (named, seen) in
            [(vec![], vec![]), (vec![1], vec![1]), (vec![2], vec![2]), (vec![1, 2], vec![1, 2]), (vec![3], vec![])]
        {
            let named: Vec<Id> = named.into_iter().map(id).collect();
            let mut snapshot = store.snapshot_of(&named).await.unwrap();
            let shown: Vec<Id> = logs_in(&mut snapshot, table).await.into_iter().map(|(log, _)| log).collect();
            assert_eq!(shown, seen.into_iter().map(id).collect::<Vec<_>>(), "{table}");
            snapshot.close().await.unwrap();
        }
        all.close().await.unwrap();
    }
    store.close().await;
    // Switched off again, everything is as it was.
    let store = plain(&stage).await;
    assert!(store.wall().is_none());
    let mut snapshot = store.snapshot_of(&[id(1)]).await.unwrap();
    assert_eq!(logs_in(&mut snapshot, "events").await.len(), 2);
}

/// What asks for another log than the snapshot names finds nothing, by whatever way.
#[tokio::test]
async fn a_statement_for_another_log_finds_nothing() {
    let (stage, _) = stage("other");
    let store = stage.open().await;
    fill(&store).await;
    let (goals, _) = table("goal_1");
    for (named, found) in [(1, 0), (2, 1)] {
        let mut snapshot = store.snapshot_of(&[id(named)]).await.unwrap();
        assert_eq!(usize::from(snapshot.head(id(2)).await.unwrap().is_some()), found);
        assert_eq!(snapshot.events(id(2), 0, 10).await.unwrap().len(), found);
        assert_eq!(snapshot.load(&goals, &[(id(2), id(1))]).await.unwrap().len(), found);
        assert_eq!(snapshot.select(&Select::new(&goals, id(2), 10)).await.unwrap().len(), found * 2);
        assert_eq!(snapshot.count(&Select::new(&goals, id(2), 10)).await.unwrap(), found as u64 * 2);
        assert_eq!(snapshot.heads(None, 10).await.unwrap().len(), 1, "a list of all is the one that is named");
        // What belongs to no log is none of a reader's business.
        let refused = snapshot.meta("kept").await.unwrap_err();
        assert!(refused.to_string().contains("permission denied"), "{refused}");
    }
}

/// What a transaction has named ends with it, on the same connection.
#[tokio::test]
async fn a_name_ends_with_its_transaction() {
    let (mut stage, _) = stage("ends");
    stage.options.connections = 2;
    let store = stage.open().await;
    fill(&store).await;
    for _ in 0..3 {
        let mut snapshot = store.snapshot_of(&[id(1)]).await.unwrap();
        assert_eq!(logs_in(&mut snapshot, "events").await.len(), 1);
        snapshot.close().await.unwrap();
        let mut snapshot = store.snapshot_of(&[]).await.unwrap();
        assert_eq!(logs_in(&mut snapshot, "events").await, []);
        snapshot.close().await.unwrap();
    }
}

/// A user who owns the database and may make no roles; and whoever may, in another database of the server.
async fn user(stage: &Stage, role: &str, rights: &str) -> (Options, Store) {
    let admin = plain(&stage.another()).await;
    let (before, name) = stage.options.url.rsplit_once('/').unwrap();
    let (name, _) = name.split_once('?').unwrap_or((name, ""));
    let host = before.rsplit_once('@').or(before.rsplit_once("//")).map_or(before, |(_, host)| host);
    let user = format!("u_{role}");
    let make = format!("create role {user} login password 'open' {rights}; alter database {name} owner to {user}");
    admin.ensure(&make, 1).await.unwrap();
    let url = format!("postgres://{user}:open@{host}/{name}");
    (Options { url, ..stage.options.clone() }, admin)
}

async fn refused(options: &Options) -> String {
    let opened = Store::open(options).await.map(|_| "it opens");
    let Err(Error::Wall(said)) = opened else { panic!("{opened:?}") };
    said
}

/// A user who may not make roles is told what to run, word by word; when that was run, it opens, and is no superuser.
#[tokio::test]
async fn who_may_not_make_the_role_is_told_what_to_run() {
    let (stage, role) = stage("told");
    let (options, admin) = user(&stage, &role, "").await;
    for step in [format!("create role {role} nologin"), format!("grant {role} to u_{role}")] {
        let said = refused(&options).await;
        assert!(said.contains(&format!("u_{role} may not")) && said.contains(&step), "{said}");
        admin.ensure(&step, 1).await.unwrap();
    }
    let store = Store::open(&options).await.unwrap();
    fill(&store).await;
    let mut snapshot = store.snapshot_of(&[id(1)]).await.unwrap();
    assert_eq!(logs_in(&mut snapshot, "goal_1").await, [(id(1), 2)]);
    assert_eq!(logs_in(&mut store.snapshot().await.unwrap(), "goal_1").await.len(), 2);
}

/// One who may make roles makes it, and needs nobody.
#[tokio::test]
async fn who_may_make_roles_needs_nobody() {
    let (stage, role) = stage("makes");
    let (options, _) = user(&stage, &role, "createrole").await;
    let (one, two) = tokio::join!(Store::open(&options), Store::open(&options));
    let (store, other) = (one.unwrap(), two.unwrap());
    assert_eq!(store.wall(), other.wall(), "two nodes that start at once raise one wall");
    fill(&store).await;
    let mut snapshot = other.snapshot_of(&[id(2)]).await.unwrap();
    assert_eq!(logs_in(&mut snapshot, "goal_1").await, [(id(2), 2)]);
}

/// A wall with a hole is found when the store is opened: it is looked at from inside.
#[tokio::test]
async fn a_hole_in_the_wall_is_found() {
    let (stage, role) = stage("hole");
    let store = stage.open().await;
    fill(&store).await;
    store.close().await;
    let store = plain(&stage).await;
    store.ensure("create policy hole on goal_1 for select using (true)", 1).await.unwrap();
    let said = refused(&stage.options).await;
    assert!(said.starts_with("goal_1 shows rows"), "{said}");
    store.ensure("drop policy hole on goal_1", 1).await.unwrap();
    store.ensure(&format!("alter role {role} bypassrls"), 1).await.unwrap();
    let said = refused(&stage.options).await;
    assert!(said.contains("passes every policy"), "{said}");
    let owner = format!("o_{role}");
    let own = format!(
        "alter role {role} nobypassrls; create role {owner}; alter table goal_1 owner to {owner}; grant {owner} to {role}"
    );
    store.ensure(&own, 1).await.unwrap();
    let said = refused(&stage.options).await;
    assert!(said.contains("the role that owns goal_1"), "{said}");
    store.ensure(&format!("revoke {owner} from {role}"), 1).await.unwrap();
    stage.open().await;
}

#[tokio::test]
async fn sqlite_has_no_roles() {
    let mut stage = Stage::sqlite();
    stage.options.reader = Some("reader".to_owned());
    assert!(refused(&stage.options).await.contains("only PostgreSQL"));
}
