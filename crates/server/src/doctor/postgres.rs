//! What a PostgreSQL server has switched off that is needed in the long run. One that would lose what it acknowledged
//! (`fsync`, `full_page_writes`, `synchronous_commit`) is refused when it is opened.

use store::{Snapshot, Type, Value, Wall};

use super::Finding;
use crate::error::Error;
use crate::settings::Settings;

/// The settings that are looked at, as text.
const ASKED: &str = "select name, setting from pg_settings where name in ('autovacuum', 'track_counts', \
     'max_connections', 'superuser_reserved_connections', 'data_checksums') order by name";

/// What the server says of itself, as this connection sees it.
pub(super) async fn look(
    snapshot: &mut Snapshot,
    settings: &Settings,
    wall: Option<&Wall>,
) -> Result<Vec<Finding>, Error> {
    let rows = snapshot.query(ASKED, &[], &[Type::Text, Type::Text]).await?;
    let pairs: Vec<(String, String)> = rows
        .into_iter()
        .filter_map(|row| match <[Value; 2]>::try_from(row) {
            Ok([Value::Text(name), Value::Text(value)]) => Some((name, value)),
            Ok(_) | Err(_) => None,
        })
        .collect();
    let mut found = judge(&pairs, settings.database_connections);
    let said = "select case when usesuper then 1 else 0 end from pg_user where usename = current_user";
    let is_super = snapshot.query(said, &[], &[Type::Int]).await?;
    if is_super.first().is_some_and(|row| matches!(row[..], [Value::Int(1)])) {
        found.push(Finding::hint(
            "database's user",
            "it is a superuser: give the server a user of its own that owns its database and nothing else",
        ));
    }
    // A wall that does not stand has the database not open at all.
    found.push(match wall {
        Some(Wall { role, tables, .. }) => Finding::fine(
            "row-level security",
            format!("single logs are read as {role}, to whom {tables} tables show the named logs' rows only"),
        ),
        None => Finding::fine("row-level security", "off; `database_reader_role` switches it on"),
    });
    if !super::places::is_local(&settings.database_url) && !settings.database_url.contains("host=/") {
        found.push(Finding::hint(
            "database's network",
            "the server is asked without TLS: names, addresses and its password cross that network in the clear; use a private one or a tunnel",
        ));
    }
    Ok(found)
}

fn judge(pairs: &[(String, String)], connections: u32) -> Vec<Finding> {
    let of = |name: &str| pairs.iter().find(|(of, _)| of == name).map(|(_, value)| value.as_str());
    let mut found = Vec::new();
    for (name, why) in [
        ("autovacuum", "dead rows pile up until nothing is fast any more, and what was erased stays in them"),
        ("track_counts", "autovacuum does not know what to clean"),
    ] {
        if of(name) == Some("off") {
            found.push(Finding::problem("PostgreSQL", format!("`{name}` is off: {why}; set it to on")));
        }
    }
    let number = |name: &str| of(name).and_then(|value| value.parse::<u32>().ok());
    if let Some(most) = number("max_connections") {
        let own = most.saturating_sub(number("superuser_reserved_connections").unwrap_or(0));
        // A handful beside: the listener, the commands, whoever looks.
        if connections.saturating_add(5) > own {
            found.push(Finding::problem(
                "PostgreSQL",
                format!(
                    "it admits {own} connections, and each node wants {connections} and some: raise `max_connections` there or lower `database_connections` here"
                ),
            ));
        }
    }
    if of("data_checksums") == Some("off") {
        found.push(Finding::hint(
            "PostgreSQL",
            "its data checksums are off: what a disk spoils is found later; `pg_checksums --enable` while it is stopped",
        ));
    }
    if !found.iter().any(Finding::is_problem) {
        found.insert(0, Finding::fine("PostgreSQL", "it cleans up, and has connections enough"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(changed: &[(&str, &str)]) -> Vec<(String, String)> {
        let usual = [
            ("autovacuum", "on"),
            ("data_checksums", "on"),
            ("max_connections", "100"),
            ("superuser_reserved_connections", "3"),
            ("track_counts", "on"),
        ];
        let value = |name: &str, usual: &str| {
            changed.iter().find(|(of, _)| *of == name).map_or(usual, |(_, value)| value).to_owned()
        };
        usual.iter().map(|(name, usual)| ((*name).to_owned(), value(name, usual))).collect()
    }

    #[test]
    fn what_is_needed_in_the_long_run_must_not_be_off() {
        assert!(!judge(&server(&[]), 92).iter().any(Finding::is_problem));
        for name in ["autovacuum", "track_counts"] {
            let found = judge(&server(&[(name, "off")]), 20);
            let named = found.iter().filter(|found| found.is_problem() && found.said.contains(&format!("`{name}`")));
            assert_eq!(named.count(), 1, "{name}: {found:?}");
        }
        let found = judge(&server(&[]), 93);
        assert!(found.iter().any(|found| found.is_problem() && found.said.contains("97 connections")), "{found:?}");
        let found = judge(&server(&[("data_checksums", "off")]), 20);
        assert!(found.iter().any(|found| found.said.contains("pg_checksums")), "{found:?}");
        assert!(!found.iter().any(Finding::is_problem), "no checksums are a hint: {found:?}");
    }
}
