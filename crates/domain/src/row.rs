//! Rows: what events add up to, and what both decisions and readers read.
//!
//! A row is a plain struct; the whole of it is its document, and its columns are copies for `where` and `order by`.
//! Rows of one log are edited by id through [`Slots`]. A fold is run twice: dry, when every edit only notes the key it
//! would touch, and for good, when the engine has loaded what was noted. `edit` gives nothing back, so no row's
//! content can choose another row's key, and the dry run always names every key.

use std::collections::HashMap;
use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::id::{Id, PersonId, Subject};
use crate::sight::Thing;
use crate::text::Sealable;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// Text, compared bytewise.
    Text,
    /// A whole number, a date (days since 1970-01-01) or a time (microseconds since 1970-01-01 UTC).
    Int,
    /// Yes or no.
    Bool,
    /// Bytes: an id (16) or a sort key.
    Bytes,
}

/// A column's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Null,
    /// Text.
    Text(String),
    /// A whole number, a date or a time.
    Int(i64),
    /// Yes or no.
    Bool(bool),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// What can be copied into a column.
pub trait Column {
    /// What the column holds.
    const TYPE: Type;
    /// The column's value.
    fn value(&self) -> Value;
}

impl Column for bool {
    const TYPE: Type = Type::Bool;
    fn value(&self) -> Value {
        Value::Bool(*self)
    }
}

impl Column for u32 {
    const TYPE: Type = Type::Int;
    fn value(&self) -> Value {
        Value::Int(i64::from(*self))
    }
}

impl Column for u64 {
    const TYPE: Type = Type::Int;
    fn value(&self) -> Value {
        Value::Int(i64::try_from(*self).unwrap_or(i64::MAX))
    }
}

impl Column for String {
    const TYPE: Type = Type::Text;
    fn value(&self) -> Value {
        Value::Text(self.clone())
    }
}

impl Column for &'static str {
    const TYPE: Type = Type::Text;
    fn value(&self) -> Value {
        Value::Text((*self).to_owned())
    }
}

/// Bytes that sort as people expect: lower case of a text, compared bytewise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortKey(pub Vec<u8>);

impl SortKey {
    /// The key by which these texts sort, the first first.
    pub fn of(texts: &[&str]) -> Self {
        Self(texts.join("\u{1}").to_lowercase().into_bytes())
    }
}

impl Column for SortKey {
    const TYPE: Type = Type::Bytes;
    fn value(&self) -> Value {
        Value::Bytes(self.0.clone())
    }
}

impl<T: Column> Column for Option<T> {
    const TYPE: Type = T::TYPE;
    fn value(&self) -> Value {
        self.as_ref().map_or(Value::Null, Column::value)
    }
}

/// A row of a read model.
pub trait Row: Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The kind of its key.
    type Id: Id;
    /// Which table it lies in.
    const TABLE: crate::Table;
    /// The rule by which it is seen.
    const THING: Thing;
    /// Its columns beside the fixed ones.
    const COLUMNS: &'static [(&'static str, Type)];
    /// Its key.
    fn id(&self) -> Self::Id;
    /// Whom it is about.
    fn subject(&self) -> Subject;
    /// Whose alone it is, if anybody's.
    fn owner(&self) -> Option<PersonId>;
    /// Whether its owner shared it with the other side.
    fn shared(&self) -> bool;
    /// Who wrote its text of this kind; nobody where that is not known, or several did.
    fn written_by(&self, text: crate::text::Kind) -> Option<PersonId>;
    /// The values of [`Row::COLUMNS`], in their order.
    fn columns(&self) -> Vec<Value>;
    /// Visits each sealed text with its number.
    fn secrets(&mut self, visit: &mut dyn FnMut(&mut dyn Sealable, u32));
    /// The rows of this kind among a log's rows.
    fn slots(rows: &crate::Rows) -> &Slots<Self>;
    /// The same, to edit.
    fn slots_mut(rows: &mut crate::Rows) -> &mut Slots<Self>;

    /// The whole row as bytes. Fails where it holds a text that nobody sealed.
    fn document(&self) -> Result<Vec<u8>, postcard::Error> {
        postcard::to_allocvec(self)
    }
    /// The row whose bytes these are.
    fn from_document(bytes: &[u8]) -> Result<Self, postcard::Error> {
        postcard::from_bytes(bytes)
    }
}

/// A row as it is written, of any kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its key.
    pub id: Uuid,
    /// Whom it is about.
    pub subject: Subject,
    /// Whose alone it is.
    pub owner: Option<PersonId>,
    /// Whether its owner shared it.
    pub shared: bool,
    /// Its columns.
    pub columns: Vec<Value>,
    /// The whole of it.
    pub document: Vec<u8>,
}

/// The rows of one kind of one log, as far as they are loaded. A key that is present without a row is known to have none.
#[derive(Debug)]
pub struct Slots<R> {
    rows: HashMap<Uuid, Slot<R>>,
    changed: Vec<Uuid>,
    bytes: usize,
}

#[derive(Debug)]
struct Slot<R> {
    row: Option<R>,
    changed: bool,
}

impl<R> Default for Slots<R> {
    fn default() -> Self {
        Self { rows: HashMap::new(), changed: Vec::new(), bytes: 0 }
    }
}

impl<R: Row> Slots<R> {
    /// The row of this key: `None` where it was not loaded, `Some(None)` where there is none.
    pub fn get(&self, id: Uuid) -> Option<Option<&R>> {
        self.rows.get(&id).map(|slot| slot.row.as_ref())
    }

    /// Keeps what was loaded, unless the key is present already.
    pub fn load(&mut self, id: Uuid, document: Option<&[u8]>) -> Result<(), postcard::Error> {
        if let std::collections::hash_map::Entry::Vacant(place) = self.rows.entry(id) {
            let row = document.map(R::from_document).transpose()?;
            // An estimate is enough: the cache is bounded, not accounted.
            self.bytes = self
                .bytes
                .saturating_add(document.map_or(0, <[u8]>::len).saturating_add(std::mem::size_of::<Slot<R>>()));
            place.insert(Slot { row, changed: false });
        }
        Ok(())
    }

    /// About how many bytes the loaded rows take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Every loaded row, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &R> {
        self.rows.values().filter_map(|slot| slot.row.as_ref())
    }

    fn set(&mut self, id: Uuid, row: Option<R>) {
        let slot = self.rows.entry(id).or_insert(Slot { row: None, changed: false });
        slot.row = row;
        if !slot.changed {
            slot.changed = true;
            self.changed.push(id);
        }
    }

    fn edit(&mut self, id: Uuid, change: impl FnOnce(&mut R)) {
        let Some(slot) = self.rows.get_mut(&id) else { return };
        let Some(row) = slot.row.as_mut() else { return };
        change(row);
        if !slot.changed {
            slot.changed = true;
            self.changed.push(id);
        }
    }

    /// What was changed since the last call: a row to write, or the key of one to delete.
    pub fn take_changes(&mut self) -> Result<Vec<(Uuid, Option<Written>)>, postcard::Error> {
        let mut out = Vec::with_capacity(self.changed.len());
        for id in std::mem::take(&mut self.changed) {
            let Some(slot) = self.rows.get_mut(&id) else { continue };
            slot.changed = false;
            let written = slot.row.as_ref().map(write).transpose()?;
            self.bytes = self.bytes.saturating_add(written.as_ref().map_or(0, |row| row.document.len() / 4));
            out.push((id, written));
        }
        Ok(out)
    }
}

/// A row as it is written.
pub fn write<R: Row>(row: &R) -> Result<Written, postcard::Error> {
    Ok(Written {
        id: row.id().uuid(),
        subject: row.subject(),
        owner: row.owner(),
        shared: row.shared(),
        columns: row.columns(),
        document: row.document()?,
    })
}

/// How a fold changes rows: put, edit, delete: nothing else, and nothing comes back.
impl crate::Rows {
    /// Puts a row in its place, whether one lies there or not.
    pub fn put<R: Row>(&mut self, row: R) {
        let id = row.id().uuid();
        if let Some(noted) = &mut self.noted {
            noted.push(Noted { table: R::TABLE, id, load: false });
        } else {
            R::slots_mut(self).set(id, Some(row));
        }
    }

    /// Changes a row, where there is one.
    pub fn edit<R: Row>(&mut self, id: R::Id, change: impl FnOnce(&mut R)) {
        if let Some(noted) = &mut self.noted {
            noted.push(Noted { table: R::TABLE, id: id.uuid(), load: true });
        } else {
            R::slots_mut(self).edit(id.uuid(), change);
        }
    }

    /// Changes a row or makes it: `change` is given the row, where there is one, and gives the row to keep.
    pub fn upsert<R: Row>(&mut self, id: R::Id, change: impl FnOnce(Option<R>) -> Option<R>) {
        if let Some(noted) = &mut self.noted {
            noted.push(Noted { table: R::TABLE, id: id.uuid(), load: true });
        } else {
            let slots = R::slots_mut(self);
            let old = slots.get(id.uuid()).flatten().cloned();
            slots.set(id.uuid(), change(old));
        }
    }

    /// Removes a row, where there is one.
    pub fn delete<R: Row>(&mut self, id: R::Id) {
        if let Some(noted) = &mut self.noted {
            noted.push(Noted { table: R::TABLE, id: id.uuid(), load: false });
        } else {
            R::slots_mut(self).set(id.uuid(), None);
        }
    }

    /// Rows in which a fold only notes which keys it would touch.
    pub fn noting() -> Self {
        Self { noted: Some(Vec::new()), ..Self::default() }
    }

    /// What was noted since the last call.
    pub fn take_noted(&mut self) -> Vec<Noted> {
        self.noted.as_mut().map(std::mem::take).unwrap_or_default()
    }
}

/// A key that a fold touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Noted {
    /// The table.
    pub table: crate::Table,
    /// The row's key.
    pub id: Uuid,
    /// Whether the row's content matters: it must be loaded first.
    pub load: bool,
}
