//! Where rows lie: each projection's tables, under names that carry its fingerprint.
//!
//! A projection is a `.sql` file and a version that its feature declares. Both make its fingerprint, and the fingerprint
//! is part of its tables' names: another version of the program with another idea of a row has other tables, and both
//! can run side by side. The head of a log says, by fingerprint, how far each projection is folded.

use std::collections::BTreeMap;

use domain::Table;
use domain::row::Type;
use sha2::{Digest as _, Sha256};

use crate::Error;

/// Each projection's `.sql`.
const SQL: &[(&str, &str)] = &[
    ("account", include_str!("../../../projections/account.sql")),
    ("practice", include_str!("../../../projections/practice.sql")),
    ("coachee", include_str!("../../../projections/coachee.sql")),
    ("plan", include_str!("../../../projections/plan.sql")),
    ("group", include_str!("../../../projections/group.sql")),
    ("authorization", include_str!("../../../projections/authorization.sql")),
    ("note", include_str!("../../../projections/note.sql")),
    ("file", include_str!("../../../projections/file.sql")),
    ("message", include_str!("../../../projections/message.sql")),
    ("session", include_str!("../../../projections/session.sql")),
    ("assessment", include_str!("../../../projections/assessment.sql")),
    ("question", include_str!("../../../projections/question.sql")),
    ("appointment", include_str!("../../../projections/appointment.sql")),
    ("reading", include_str!("../../../projections/reading.sql")),
    ("notice", include_str!("../../../projections/notice.sql")),
];

/// A projection's fingerprint.
pub type Fingerprint = [u8; 4];

/// Where a head says how often a log's rows were made anew: no projection's fingerprint.
const REBUILT: Fingerprint = [0; 4];

/// The tables of this version of the program.
#[derive(Debug)]
pub struct Tables {
    tables: BTreeMap<Table, store::Table>,
    projections: Vec<Projection>,
}

/// A projection and its tables.
#[derive(Debug)]
pub struct Projection {
    /// Its name: the feature's.
    pub name: &'static str,
    /// Of its `.sql` and version.
    pub fingerprint: Fingerprint,
    /// What makes its tables.
    pub ddl: String,
    /// Its tables.
    pub tables: Vec<Table>,
}

impl Tables {
    /// The tables as this program knows them.
    pub fn new() -> Result<Self, Error> {
        let mut tables = BTreeMap::new();
        let mut projections = Vec::new();
        for (name, version) in domain::PROJECTIONS {
            let (_, sql) = SQL
                .iter()
                .find(|(sql, _)| sql == name)
                .ok_or_else(|| Error::internal(format!("projection {name} has no .sql")))?;
            let hash = Sha256::new()
                .chain_update(name)
                .chain_update([0])
                .chain_update(version.to_be_bytes())
                .chain_update(sql)
                .finalize();
            let mut fingerprint = Fingerprint::default();
            fingerprint.copy_from_slice(&hash[..4]);
            let suffix = u32::from_be_bytes(fingerprint);
            let mut ddl = (*sql).to_owned();
            let own: Vec<Table> = Table::ALL.iter().copied().filter(|table| table.projection() == *name).collect();
            for table in &own {
                let physical = format!("{}_{suffix:08x}", table.name());
                ddl = ddl.replace(&format!("{{{}}}", table.name()), &physical);
                let columns = table.columns().iter().map(|(name, of)| ((*name).to_owned(), kind(*of))).collect();
                tables.insert(*table, store::Table { name: physical, columns });
            }
            projections.push(Projection { name, fingerprint, ddl, tables: own });
        }
        Ok(Self { tables, projections })
    }

    /// Where this table's rows lie.
    pub fn physical(&self, table: Table) -> Result<&store::Table, Error> {
        self.tables
            .get(&table)
            .ok_or_else(|| Error::internal(format!("table {} belongs to no projection", table.name())))
    }

    /// Every projection.
    pub fn projections(&self) -> &[Projection] {
        &self.projections
    }
}

const fn kind(of: Type) -> store::Type {
    match of {
        Type::Text => store::Type::Text,
        Type::Int => store::Type::Int,
        Type::Bool => store::Type::Bool,
        Type::Bytes => store::Type::Bytes,
    }
}

/// How far each projection of a log is folded, as the head row keeps it. Entries of other versions are kept as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folded(BTreeMap<Fingerprint, u64>);

impl Folded {
    /// From the head row.
    pub fn decode(bytes: &[u8]) -> Self {
        Self(
            bytes
                .chunks_exact(12)
                .filter_map(|chunk| {
                    Some((chunk[..4].try_into().ok()?, u64::from_be_bytes(chunk[4..].try_into().ok()?)))
                })
                .collect(),
        )
    }
    /// For the head row.
    pub fn encode(&self) -> Vec<u8> {
        self.0.iter().flat_map(|(fingerprint, seq)| fingerprint.iter().copied().chain(seq.to_be_bytes())).collect()
    }
    /// How far this projection is.
    pub fn of(&self, fingerprint: Fingerprint) -> u64 {
        self.0.get(&fingerprint).copied().unwrap_or(0)
    }
    /// It is so far now.
    pub fn set(&mut self, fingerprint: Fingerprint, seq: u64) {
        self.0.insert(fingerprint, seq);
    }
    /// All rows are made anew. Whoever has some in memory that were folded under another head takes them for outdated.
    pub fn rebuilt(&mut self) {
        self.set(REBUILT, self.of(REBUILT).saturating_add(1));
    }
    /// The projections of this program that are behind the log's end.
    pub fn behind<'t>(&self, tables: &'t Tables, seq: u64) -> Vec<&'t Projection> {
        tables.projections().iter().filter(|projection| self.of(projection.fingerprint) < seq).collect()
    }
    /// All projections of this program are here.
    pub fn set_all(&mut self, tables: &Tables, seq: u64) {
        for projection in tables.projections() {
            self.set(projection.fingerprint, seq);
        }
    }
}

/// A row as the store writes it.
pub fn to_store(log: store::Id, row: domain::row::Written) -> store::Row {
    store::Row {
        log,
        id: row.id.into_bytes(),
        subject: row.subject.uuid().into_bytes(),
        owner: row.owner.map(|owner| domain::id::Id::uuid(owner).into_bytes()),
        shared: row.shared,
        columns: row.columns.into_iter().map(value).collect(),
        document: row.document,
    }
}

/// A column's value as the store writes it.
pub fn value(value: domain::row::Value) -> store::Value {
    match value {
        domain::row::Value::Null => store::Value::Null,
        domain::row::Value::Text(text) => store::Value::Text(text),
        domain::row::Value::Int(number) => store::Value::Int(number),
        domain::row::Value::Bool(yes) => store::Value::Bool(yes),
        domain::row::Value::Bytes(bytes) => store::Value::Bytes(bytes),
    }
}
