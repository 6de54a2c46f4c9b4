//! The tables of the `.sql` files are the rows of the domain: every column is there, and holds what its row puts in.
#![cfg(test)]

use std::sync::Arc;

use app::clock::Standing;
use app::{App, Settings};
use domain::Table;
use domain::row::Type;
use domain::value::Time;

/// An expression that only a column of this type can be in, as far as the database looks at types.
fn typed(column: &str, of: Type) -> String {
    match of {
        Type::Text => format!("{column} = 'a'"),
        Type::Int => format!("{column} + 9223372036854775807 > 0"),
        Type::Bool => format!("{column} = (1 = 1)"),
        Type::Bytes => format!("octet_length({column}) > 0 and {column} = document"),
    }
}

async fn check(url: String) {
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
    let app = app.await.unwrap();
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
