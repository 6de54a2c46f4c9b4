//! What a column can hold, and the shape of a read model's table and rows.
//!
//! Every table of rows begins with the same six columns, `log_id, id, subject, owner, shared, document`; a [`Table`]
//! names only what comes after them: copies of fields for `where` and `order by`. The `document` is the whole row and
//! its meaning is not known here.

/// An identifier as it lies in the database: the 16 bytes of a UUID.
pub type Id = [u8; 16];

/// One value of one column.
///
/// Comparisons in the database are bytewise for [`Value::Text`] and [`Value::Bytes`].
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// No value; it fits a column of every type.
    Null,
    /// UTF-8 text without a NUL character (`text`).
    Text(String),
    /// A whole number; times are microseconds UTC since 1970 (`bigint`).
    Int(i64),
    /// `boolean`.
    Bool(bool),
    /// `double precision`.
    Float(f64),
    /// Bytes, ids among them (`bytea`).
    Bytes(Vec<u8>),
}

impl Value {
    /// What it is, in a word.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Text(_) => Type::Text.sql(),
            Value::Int(_) => Type::Int.sql(),
            Value::Bool(_) => Type::Bool.sql(),
            Value::Float(_) => Type::Float.sql(),
            Value::Bytes(_) => Type::Bytes.sql(),
        }
    }
}

impl From<Id> for Value {
    fn from(id: Id) -> Self {
        Value::Bytes(id.to_vec())
    }
}

impl From<Option<Id>> for Value {
    fn from(id: Option<Id>) -> Self {
        id.map_or(Value::Null, Value::from)
    }
}

/// The type of a column.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Type {
    /// `text`
    Text,
    /// `bigint`
    Int,
    /// `boolean`
    Bool,
    /// `double precision`
    Float,
    /// `bytea`
    Bytes,
}

impl Type {
    /// The type's name in SQL, the same on both databases.
    pub fn sql(self) -> &'static str {
        match self {
            Type::Text => "text",
            Type::Int => "bigint",
            Type::Bool => "boolean",
            Type::Float => "double precision",
            Type::Bytes => "bytea",
        }
    }
}

/// A read model's table.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Table {
    /// Its physical name, which carries its projection's fingerprint: lower-case letters, digits and `_`.
    pub name: String,
    /// The columns after the six fixed ones, in the order in which a [`Row`] gives their values.
    pub columns: Vec<(String, Type)>,
}

/// The columns that every table of rows begins with.
pub(crate) const FIXED: [(&str, Type); 6] = [
    ("log_id", Type::Bytes),
    ("id", Type::Bytes),
    ("subject", Type::Bytes),
    ("owner", Type::Bytes),
    ("shared", Type::Bool),
    ("document", Type::Bytes),
];

impl Table {
    /// The type of a column by its name, the fixed ones included.
    pub fn column(&self, name: &str) -> Option<Type> {
        let own = self.columns.iter().map(|(name, kind)| (name.as_str(), *kind));
        FIXED.into_iter().chain(own).find(|(known, _)| *known == name).map(|(_, kind)| kind)
    }
}

/// One row of a read model.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The log that the row is folded from.
    pub log: Id,
    /// The row's id, unique in its log and table.
    pub id: Id,
    /// Whom it is about: a coachee, or the log itself.
    pub subject: Id,
    /// The person whose alone it is, if any.
    pub owner: Option<Id>,
    /// Whether the owner has shown it to those who may see the subject.
    pub shared: bool,
    /// One value for each of the table's columns, in their order.
    pub columns: Vec<Value>,
    /// The whole row in the form that its reader chose.
    pub document: Vec<u8>,
}
