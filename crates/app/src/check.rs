//! Check: is what is served what the log says? (promise D6)
//!
//! Each log is folded from nothing in memory, by the folds of live commits, and compared with its stored rows: row by
//! row in the order of their ids, column by column, and at last the document. One snapshot a log sees its head, events
//! and rows, so commands may go on meanwhile. What holds: the first difference is named by log, table, row and field,
//! and no text of anybody is in its words; a row that cannot be read at all is one. A log whose rows are not folded to its end is folded first.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use domain::Table;
use domain::id::LogId;
use domain::row::Written;
use store::{Select, Snapshot, Type, Value};
use uuid::Uuid;

use crate::fold::Progress;
use crate::verify::damaged;
use crate::{App, Error, fold, tables};

/// How many rows are compared at a time.
const ROWS_AT_ONCE: u32 = 1_000;

/// What a check has looked at, and what it found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// Logs that were folded anew.
    pub logs: u64,
    /// Events that were folded.
    pub events: u64,
    /// Stored rows that were compared.
    pub rows: u64,
    /// The first difference; `None` where all that is served is what the log says.
    pub difference: Option<Difference>,
}

/// Where stored rows differ from the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The log's id as text.
    pub log: String,
    /// The table's name in its `.sql`.
    pub table: &'static str,
    /// The row's id as text; where that cannot be read, which row it comes after.
    pub id: String,
    /// What differs: that a row is missing or not of the log, a column's name, a document's field. Never a value.
    pub what: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} {}: {}", self.log, self.table, self.id, self.what)
    }
}

impl App {
    /// Folds every log (or the one named) anew and compares it with what is stored, up to the first difference. Rows of
    /// logs that are not there are a difference too, where all logs are checked.
    ///
    /// It holds one log's rows in memory. Its snapshots are as long as folding a log takes: for logs of some hundred
    /// thousand events the store has to be opened with a longer `snapshot_limit` than the ten seconds of the service.
    ///
    /// # Errors
    /// [`Error::NotFound`] where the named log is not there; [`Error::Unavailable`] where a snapshot became too old;
    /// [`Error::Internal`] where an event cannot be read at all: `verify` says which.
    pub async fn check(&self, only: Option<LogId>, progress: &mut dyn Progress) -> Result<Checked, Error> {
        let mut checked = Checked::default();
        for log in self.logs(only).await? {
            let Some((mut snapshot, head)) = self.snapshot_of(log).await? else {
                // Deleted since it was listed, unless it was asked for by name.
                if only.is_some() {
                    return Err(Error::NotFound);
                }
                continue;
            };
            checked.logs += 1;
            let mut rows = fold::in_memory(&self.inner, &mut snapshot, log, head.seq, progress).await?;
            let mut expected: BTreeMap<Table, BTreeMap<Uuid, Written>> = BTreeMap::new();
            let taken = rows.take_changes(|table, id, row| {
                if let Some(row) = row {
                    expected.entry(table).or_default().insert(id, row);
                }
            });
            taken.map_err(Error::internal)?;
            drop(rows);
            checked.events += head.seq;
            checked.difference = self.compare(&mut snapshot, log, expected, &mut checked.rows).await?;
            snapshot.close().await?;
            if checked.difference.is_some() {
                return Ok(checked);
            }
        }
        if only.is_none() {
            checked.difference = self.row_of_no_log().await?;
        }
        Ok(checked)
    }

    /// Compares a log's rows, table by table; `compared` counts the stored ones.
    async fn compare(
        &self,
        snapshot: &mut Snapshot,
        log: LogId,
        mut expected: BTreeMap<Table, BTreeMap<Uuid, Written>>,
        compared: &mut u64,
    ) -> Result<Option<Difference>, Error> {
        for table in Table::ALL {
            let rows = expected.remove(table).unwrap_or_default();
            let found = self.compare_table(snapshot, (log, *table), rows, compared).await?;
            if let Some((id, what)) = found {
                return Ok(Some(Difference { log: log.to_string(), table: table.name(), id, what }));
            }
        }
        Ok(None)
    }

    /// The first row of one table that is not as it should be, and what is wrong with it.
    async fn compare_table(
        &self,
        snapshot: &mut Snapshot,
        (log, table): (LogId, Table),
        expected: BTreeMap<Uuid, Written>,
        compared: &mut u64,
    ) -> Result<Option<(String, String)>, Error> {
        let physical = self.inner.tables.physical(table)?;
        let (log, mut last, mut at_once) = (log.uuid().into_bytes(), None, ROWS_AT_ONCE);
        let mut expected = expected.into_iter().peekable();
        let named = |id| domain::id::text(table.prefix(), id);
        let missing = |id| Some((named(id), "the row is missing".to_owned()));
        loop {
            let after = last.map(|last: Uuid| vec![Value::from(last.into_bytes())]);
            let select = Select { after, ..Select::new(physical, log, at_once) };
            let stored = match snapshot.select(&select).await {
                Ok(stored) => stored,
                // Row by row up to the one that is meant.
                Err(error) if damaged(&error) && at_once > 1 => {
                    at_once = 1;
                    continue;
                }
                Err(error) if damaged(&error) => {
                    let ids = snapshot.ids(&select).await.unwrap_or_default();
                    let id = ids.first().map(|id| named(Uuid::from_bytes(*id)));
                    let before =
                        || last.map_or_else(|| "the first row".to_owned(), |last| format!("after {}", named(last)));
                    return Ok(Some((id.unwrap_or_else(before), unreadable(&error))));
                }
                Err(error) => return Err(error.into()),
            };
            if stored.is_empty() {
                return Ok(expected.next().and_then(|(id, _)| missing(id)));
            }
            for row in stored {
                *compared += 1;
                let id = Uuid::from_bytes(row.id);
                let Some((wanted_id, wanted)) = expected.next_if(|(wanted, _)| *wanted <= id) else {
                    return Ok(Some((named(id), "the log makes no such row".to_owned())));
                };
                if wanted_id < id {
                    return Ok(missing(wanted_id));
                }
                if let Some(what) = differing(table, &tables::to_store(log, wanted), &row) {
                    return Ok(Some((named(id), what)));
                }
                last = Some(id);
            }
        }
    }

    /// A row whose log has no head.
    async fn row_of_no_log(&self) -> Result<Option<Difference>, Error> {
        let mut snapshot = self.inner.store.snapshot().await?;
        for (table, statement) in self.statements_of_strays() {
            let found = match snapshot.query(statement, &[], &[Type::Bytes, Type::Bytes]).await {
                Err(error) if damaged(&error) => {
                    let (log, id) = ("a log that is not there".to_owned(), "a row".to_owned());
                    return Ok(Some(Difference { log, table: table.name(), id, what: unreadable(&error) }));
                }
                found => found?,
            };
            let Some([Value::Bytes(log), Value::Bytes(id)]) = found.first().map(Vec::as_slice) else { continue };
            let (log, id) = (Uuid::from_slice(log).unwrap_or_default(), Uuid::from_slice(id).unwrap_or_default());
            let (id, what) = (domain::id::text(table.prefix(), id), "the row's log is not there".to_owned());
            return Ok(Some(Difference { log: log.to_string(), table: table.name(), id, what }));
        }
        snapshot.close().await?;
        Ok(None)
    }

    /// For each table the statement that finds one row without a log. The names are the same for all of a process's life.
    fn statements_of_strays(&self) -> &'static BTreeMap<Table, String> {
        static STATEMENTS: OnceLock<BTreeMap<Table, String>> = OnceLock::new();
        STATEMENTS.get_or_init(|| {
            let physical =
                Table::ALL.iter().filter_map(|table| Some((*table, self.inner.tables.physical(*table).ok()?)));
            let statement = |name: &str| {
                format!(
                    "select t.log_id, t.id from {name} as t \
                     where not exists (select 1 from heads as h where h.log_id = t.log_id) \
                     order by t.log_id, t.id limit 1"
                )
            };
            physical.map(|(table, physical)| (table, statement(&physical.name))).collect()
        })
    }
}

fn unreadable(error: &store::Error) -> String {
    format!("it cannot be read: {error}")
}

/// What a stored row says otherwise, if anything.
fn differing(table: Table, wanted: &store::Row, stored: &store::Row) -> Option<String> {
    let fixed = [
        ("subject", wanted.subject == stored.subject),
        ("owner", wanted.owner == stored.owner),
        ("shared", wanted.shared == stored.shared),
    ];
    let names = table.columns().iter().map(|(name, _)| *name);
    let own = names.zip(wanted.columns.iter().zip(&stored.columns)).map(|(name, (one, other))| (name, one == other));
    let column = fixed.into_iter().chain(own).find_map(|(name, same)| (!same).then_some(name));
    if let Some(column) = column {
        return Some(format!("column {column}"));
    }
    (wanted.document != stored.document).then(|| document(table, &wanted.document, &stored.document))
}

/// Which field of a document differs. `Debug` prints no text, so a text that differs has no name.
fn document(table: Table, wanted: &[u8], stored: &[u8]) -> String {
    let Ok(shown) = table.show(stored) else { return "document: it cannot be read".to_owned() };
    match table.show(wanted).ok().and_then(|wanted| field(&wanted, &shown).map(str::to_owned)) {
        Some(field) => format!("document: field {field}"),
        None => "document: one of its texts".to_owned(),
    }
}

/// The field of a struct, as `Debug` writes it on one line, in which two of them first differ.
fn field<'a>(one: &'a str, other: &str) -> Option<&'a str> {
    let at = one.bytes().zip(other.bytes()).position(|(one, other)| one != other)?;
    let (mut depth, mut quoted, mut escaped, mut begin, mut name) = (0_u32, false, false, 0, None);
    for (place, letter) in one.char_indices().take_while(|(place, _)| *place <= at) {
        if quoted {
            quoted = escaped || letter != '"';
            escaped = !escaped && letter == '\\';
            continue;
        }
        match letter {
            '"' => quoted = true,
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => depth = depth.saturating_sub(1),
            ' ' if depth == 1 => begin = place + 1,
            ':' if depth == 1 => name = one.get(begin..place),
            _ => {}
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn the_field_that_differs_is_the_struct_s_own() {
        let row = r#"Coachee { id: coachee_1, name: …, link: Some(Link { id: link_1, tries: 0 }), zone: Zone("a, b: {\""), asked: [Time(1)] }"#;
        for (was, now, expected) in [
            ("coachee_1", "coachee_2", "id"),
            ("tries: 0", "tries: 1", "link"),
            ("a, b", "a, c", "zone"),
            ("Time(1)", "Time(2)", "asked"),
            ("[Time(1)]", "[]", "asked"),
        ] {
            assert_eq!(field(row, &row.replace(was, now)), Some(expected));
        }
        assert_eq!(field(row, row), None);
    }
}
