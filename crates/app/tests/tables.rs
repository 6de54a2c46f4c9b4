//! The tables of the `.sql` files are the rows of the domain: every column is there, and holds what its row puts in. What
//! is asked of all rows at once, an index answers alone.
#![cfg(test)]

use std::sync::Arc;

use app::clock::Standing;
use app::{App, Settings};
use domain::Table;
use domain::coachee::{Coachee, SearchWord};
use domain::plan::Action;
use domain::row::{Row as _, Type};
use domain::value::Time;
use store::{Database, Value};

/// An expression that only a column of this type can be in, as far as the database looks at types.
fn typed(column: &str, of: Type) -> String {
    match of {
        Type::Text => format!("{column} = 'a'"),
        Type::Int => format!("{column} + 9223372036854775807 > 0"),
        Type::Bool => format!("{column} = (1 = 1)"),
        Type::Bytes => format!("octet_length({column}) > 0 and {column} = document"),
    }
}

async fn open(url: String) -> App {
    let store = store::Store::open(&store::Options::new(url)).await.unwrap();
    let roots = vault::RootKey::parse(&"07".repeat(32)).unwrap().into();
    let (clock, entropy) = (Arc::new(Standing::at(Time(0))), Arc::new(vault::Seeded::new(1)));
    let app = App::open(Settings {
        store,
        files: store::Objects::memory(),
        roots,
        signer: None,
        clock,
        entropy,
        cache_bytes: 1 << 20,
        moments: app::moments::Bounds::default(),
        lanes: 1,
    });
    app.await.unwrap()
}

/// What is asked of all rows of a log at once is answered by an index alone, what sight asks of each among it. (A truth
/// that PostgreSQL is told beforehand it looks for in another way.)
async fn check_indexes(app: &App) {
    for (table, index, restricted) in [
        (Coachee::TABLE, "by_deactivated", "deactivated = (select false)"),
        (Action::TABLE, "by_open_due", "complete = (select false) and due < 9"),
        (SearchWord::TABLE, "by_word", "word >= 'a' and word < 'b'"),
    ] {
        let name = &app.tables().physical(table).unwrap().name;
        let asked = format!(
            "select subject from {name} where log_id = ? and (owner is null or owner = ? or shared) and {restricted}"
        );
        let (explain, answer, wanted) = match app.store().database() {
            Database::Sqlite => {
                let answer = vec![store::Type::Int, store::Type::Int, store::Type::Int, store::Type::Text];
                ("explain query plan", answer, format!("USING COVERING INDEX {name}_{index} "))
            }
            Database::Postgres => {
                ("explain", vec![store::Type::Text], format!("Index Only Scan using {name}_{index} "))
            }
        };
        let mut snapshot = app.store().snapshot().await.unwrap();
        let values = [Value::from([1; 16]), Value::from([2; 16])];
        let plan = snapshot.query(format!("{explain} {asked}").leak(), &values, &answer).await.unwrap();
        let is_wanted = |step: &Vec<Value>| matches!(step.last(), Some(Value::Text(step)) if step.contains(&wanted));
        assert!(plan.iter().any(is_wanted), "{asked}\nis not answered by {wanted}alone, but by\n{plan:?}");
        snapshot.close().await.unwrap();
    }
}

async fn check(url: String) {
    let app = open(url).await;
    check_indexes(&app).await;
    for table in Table::ALL {
        let physical = app.tables().physical(*table).unwrap();
        let fixed = [
            ("log_id", Type::Bytes),
            ("id", Type::Bytes),
            ("subject", Type::Bytes),
            ("owner", Type::Bytes),
            ("shared", Type::Bool),
            ("document", Type::Bytes),
        ];
        let all: Vec<(&str, Type)> = fixed.into_iter().chain(table.columns().iter().copied()).collect();
        let names: Vec<&str> = all.iter().map(|(column, _)| *column).collect();
        let types: Vec<String> = all.iter().map(|(column, of)| typed(column, *of)).collect();
        let sql = format!("select {} from {} where {}", names.join(", "), physical.name, types.join(" and "));
        app.store().prepare(&sql).await.unwrap_or_else(|error| panic!("{}: {error}", table.name()));
        // What the table has beyond its row, nobody would write.
        let insert = format!("insert into {} values ({})", physical.name, vec!["null"; names.len()].join(", "));
        app.store().prepare(&insert).await.unwrap_or_else(|error| panic!("{}: {error}", table.name()));
    }
    app.stop().await;
}

#[tokio::test]
async fn every_row_fits_its_table_on_sqlite() {
    check("sqlite::memory:".to_owned()).await;
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "tests take the address of a database from the environment")]
async fn every_row_fits_its_table_on_postgres() {
    let given = std::env::var(cluster::VARIABLE).ok();
    let url =
        tokio::task::spawn_blocking(move || cluster::database(given.as_deref(), "tables")).await.unwrap().unwrap();
    check(url).await;
}
