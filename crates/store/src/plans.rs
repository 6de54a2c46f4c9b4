//! Every statement is answered by an index that begins with its log, on both databases: their plans are asked for.

use crate::lists::{Lists, Parent, histories};
use crate::log::Event;
use crate::select::{Activity, Direction, Filter, Named, Owners, Select, Sight};
use crate::snapshot::{head_and, records_at};
use crate::statement::{Bind, Rows, Statement};
use crate::store::{Database, Options, Store};
use crate::value::{Id, Table, Type, Value};

const DDL: &str = "create table if not exists goal_1 (log_id bytea not null, id bytea not null, \
     subject bytea not null, owner bytea, shared boolean not null, document bytea not null, due bigint not null, primary key (log_id, id)) \
     /*sqlite: without rowid*/; create index if not exists goal_1_due on goal_1 (log_id, due, id); \
     create table if not exists goal_2 (log_id bytea not null, id bytea not null, \
     subject bytea not null, owner bytea, shared boolean not null, document bytea not null, due bigint not null, primary key (log_id, id)) \
     /*sqlite: without rowid*/; create index if not exists goal_2_subject on goal_2 (log_id, subject, due, id)";

fn table(name: &str) -> Table {
    Table { name: name.to_owned(), columns: vec![("due".to_owned(), Type::Int)] }
}

/// The plan of a statement, a line a step.
async fn plan(store: &Store, logs: &[Id], mut statement: Statement) -> String {
    let database = store.database();
    let (explain, column) = match database {
        Database::Sqlite => ("explain query plan ", 3),
        Database::Postgres => ("explain ", 0),
    };
    statement.text = format!("{explain}{}", statement.text).into();
    let mut door = match store.wall() {
        Some(_) if !statement.text.contains("delete ") => store.snapshot_of(logs).await.unwrap().door,
        Some(_) | None => store.write().await.unwrap(),
    };
    let rows = door.fetch(statement).await.unwrap();
    let lines: Vec<String> = rows.iter().map(|row| row.text(column).unwrap()).collect();
    door.rollback().await.unwrap();
    lines.join("\n")
}

/// The statements, each with the index that it must be answered by on SQLite and on PostgreSQL.
fn statements(database: Database, logs: &[Id], pairs: &[(Id, Id)]) -> Vec<(Statement, &'static str, &'static str)> {
    let table = Box::leak(Box::new(table("goal_1")));
    let children = Box::leak(Box::new(self::table("goal_2")));
    let log = logs[0];
    let keys = ["log_id", "id"];
    let mut lookup = Statement::new(database);
    lookup.lookup("t.log_id, t.id, t.document", "goal_1", &keys, &Rows::pairs(pairs)).unwrap();
    let mut delete = Statement::new(database);
    delete.delete("goal_1", &keys, &Rows::pairs(pairs)).unwrap();
    let sight = Sight { everyone: false, subjects: logs.to_vec(), me: Some(log), owners: Owners::MineOrShared };
    let listed = Select {
        sight: Some(&sight),
        filters: vec![Filter::Ge("due".to_owned(), Value::Int(3))],
        order: vec![("due".to_owned(), Direction::Descending)],
        before: Some(vec![Value::Int(7), Value::from(log)]),
        ..Select::new(table, log, 20)
    };
    let by_id = Select { after: Some(vec![Value::from(log)]), ..Select::new(table, log, 20) };
    let late = Filter::Lt("due".to_owned(), Value::Int(3));
    let late = Named { table: children.clone(), column: "subject".to_owned(), sight: None, filters: vec![late] };
    let of_late = Select { filters: vec![Filter::Named("id".to_owned(), late)], ..listed.clone() };
    let parents: Vec<Parent> = logs.iter().map(|id| Parent { id: *id, after: None }).collect();
    let after = Some(vec![Value::Int(3), Value::from(log)]);
    let placed: Vec<Parent> = logs.iter().map(|id| Parent { id: *id, after: after.clone() }).collect();
    let due = vec![("due".to_owned(), Direction::Ascending)];
    let under = Lists {
        select: Select { sight: Some(&sight), order: due, ..Select::new(children, log, 20) },
        column: "subject",
        parents: Vec::new(),
    };
    let under = |parents: &[Parent]| under.statement(database, parents).unwrap();
    let asked = Activity { log, descending: true, limit: 20, ..Activity::default() };
    let histories = |column| histories(&asked, database, column, logs).unwrap();
    let history = Activity { log, thing: Some(log), descending: true, limit: 20, ..Activity::default() };
    let everything = Activity { log, before_seq: Some(7), descending: true, limit: 20, ..Activity::default() };
    let next = Activity { log, after_seq: Some(3), before_seq: Some(9), limit: 5, ..Activity::default() };
    let short = Activity { record_bytes_max: Some(9), ..next };
    let mut records = Statement::new(database);
    records.lookup("t.seq, t.record", "events", &["log_id", "seq"], &records_at(&log, &[3, 4])).unwrap();
    let events = "select seq from events where log_id = ? and seq > ? order by seq limit ?";
    let binds = [Bind::Bytes(&log), Bind::Int(1), Bind::Int(9)];
    vec![
        (lookup, "SEARCH t USING PRIMARY KEY (log_id=? AND id=?)", "Index Scan using goal_1_pkey"),
        (delete, "SEARCH goal_1 USING PRIMARY KEY (log_id=? AND id=?)", "Index Scan using goal_1_pkey"),
        (listed.statement(database, "document").unwrap(), "INDEX goal_1_due (log_id=? AND", "using goal_1_due"),
        (by_id.statement(database, "document").unwrap(), "PRIMARY KEY (log_id=? AND id>?)", "using goal_1_pkey"),
        (of_late.statement(database, "document").unwrap(), "LIST SUBQUERY", "hashed SubPlan"),
        (of_late.counting(database).unwrap(), "LIST SUBQUERY", "hashed SubPlan"),
        (history.statement(database).unwrap(), "INDEX events_by_thing (log_id=? AND thing=?)", "using events_by_thing"),
        (everything.statement(database).unwrap(), "PRIMARY KEY (log_id=? AND seq<?)", "using events_pkey"),
        (short.statement(database).unwrap(), "PRIMARY KEY (log_id=? AND seq>? AND seq<?)", "using events_pkey"),
        (under(&parents), "PRIMARY KEY (log_id=? AND id=?)", "using goal_2_subject"),
        (head_and(database, log, table, log).unwrap(), "PRIMARY KEY (log_id=? AND id=?)", "using goal_1_pkey"),
        (under(&parents), "INDEX goal_2_subject (log_id=? AND subject=?)", "using goal_2_subject"),
        (under(&placed), "INDEX goal_2_subject (log_id=? AND subject=? AND (due,id)>(?,?))", "using goal_2_subject"),
        (records, "PRIMARY KEY (log_id=? AND seq=?)", "Index Cond: ((log_id = k.column1) AND (seq = k.column2))"),
        (histories("thing"), "PRIMARY KEY (log_id=? AND seq=?)", "using events_by_thing"),
        (histories("thing"), "INDEX events_by_thing (log_id=? AND thing=?)", "using events_by_thing"),
        (histories("subject"), "INDEX events_by_subject (log_id=? AND subject=?)", "using events_by_subject"),
        (Statement::fixed(database, events, &binds).unwrap(), "PRIMARY KEY (log_id=? AND seq>?)", "using events_pkey"),
    ]
}

async fn check(store: Store) {
    store.ensure(DDL, 1).await.unwrap();
    let logs: Vec<Id> = (0..3).map(|number| [number; 16]).collect();
    let pairs: Vec<(Id, Id)> = (0..100).map(|number| ([1; 16], [number; 16])).collect();
    let event = Event { log: logs[0], seq: 1, ..Event::default() };
    let mut batch = store.batch().await.unwrap();
    batch.append(&[event]).await.unwrap();
    batch.commit().await.unwrap();
    for (statement, on_sqlite, on_postgres) in statements(store.database(), &logs, &pairs) {
        let text = statement.text.clone();
        let plan = plan(&store, &logs, statement).await;
        let wanted = if store.database() == Database::Sqlite { on_sqlite } else { on_postgres };
        assert!(plan.contains(wanted), "{text}\nis not answered by {wanted}, but by\n{plan}");
        assert!(!plan.contains("Seq Scan on goal_1") && !plan.contains("SCAN goal_1"), "{text}\n{plan}");
    }
}

#[tokio::test]
async fn every_statement_uses_its_index_on_sqlite() {
    check(Store::open(&Options::new("sqlite::memory:")).await.unwrap()).await;
}

#[tokio::test]
async fn every_statement_uses_its_index_on_postgres() {
    let url = cluster::database(None, "plans").unwrap();
    check(Store::open(&Options::new(url)).await.unwrap()).await;
}

/// The policies' conditions take no index away.
#[tokio::test]
async fn every_statement_uses_its_index_behind_the_wall() {
    let url = cluster::database(None, "plans").unwrap();
    let reader = Some(format!("t_plans_{}", std::process::id()));
    check(Store::open(&Options { reader, ..Options::new(url) }).await.unwrap()).await;
}
