//! Connections: pages of lists, as Relay's specification says.

use std::collections::HashMap;

use app::view::{Direction, Filter, Page, Parent, Under, Value, View, Wanted};
use async_graphql::connection::{Connection, Edge, EmptyFields};
use async_graphql::{Object, ObjectType, OutputType};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::row::{Row, Type};
use futures_util::future::BoxFuture;
use sha2::{Digest as _, Sha256};

use crate::words::{Result, bad, error};

/// How many a page has where nobody says.
const DEFAULT: u32 = 20;
/// How many it has at most.
pub const MOST: u32 = 100;

/// The page that is asked for.
#[derive(Clone, Default)]
pub struct Asked {
    /// After this cursor.
    pub after: Option<String>,
    /// Before this cursor.
    pub before: Option<String>,
    /// So many from the beginning.
    pub first: Option<i32>,
    /// So many from the end.
    pub last: Option<i32>,
}

impl Asked {
    /// The size, and whether it is counted from the end.
    pub fn size(&self) -> Result<(u32, bool)> {
        let (number, last) = match (self.first, self.last) {
            (Some(_), Some(_)) => return Err(bad("Ask for the first or the last ones, not for both.")),
            (None, Some(last)) => (last, true),
            (Some(first), None) => (first, false),
            (None, None) => return Ok((DEFAULT, false)),
        };
        let size = u32::try_from(number).ok().filter(|size| *size <= MOST);
        size.map(|size| (size, last))
            .ok_or_else(|| bad(format!("A page has 0 to {MOST} items; {number} were asked for.")))
    }
}

/// What a connection costs for the complexity of a document: its size times what each item costs. A size that will be
/// refused counts as the largest one.
pub(crate) fn cost(first: Option<i32>, last: Option<i32>, item: usize) -> usize {
    /// Beyond any bound, and still far from an overflow when fields are added up.
    const COST_MAX: usize = 1 << 32;
    let size = first.or(last).map_or(DEFAULT, |size| u32::try_from(size).map_or(MOST, |size| size.min(MOST)));
    item.saturating_mul(size as usize).saturating_add(1).min(COST_MAX)
}

/// What a comment or a message costs. Each is sealed apart, and opened for each field that shows it; so a text costs
/// one for each few hundred characters that it may have.
pub(crate) const COMMENT: usize = 10;
/// What a text of up to 20 000 characters costs.
pub(crate) const LONG: usize = 20;
/// What a form or its answers cost.
pub(crate) const FORM: usize = 50;
/// What the text of a note or of a session's notes costs.
pub(crate) const NOTES: usize = 100;
/// What the same costs formatted: the dearest that is done for one field, and up to five times as long.
pub(crate) const HTML: usize = 200;

/// What is said of a cursor that is none.
pub const NOT_A_CURSOR: &str = "This cursor is not one that the API gave out for this list.";
/// What is said of a cursor of another list, or of the same one in another order.
pub const ANOTHER_ORDER: &str = "This cursor belongs to a list in another order.";

/// A place in an order as clients are told it: opaque to them, and read by its order.
pub type Cursor = String;

/// How many bytes of an order's name tell it from all others.
const MARK_BYTES: usize = 4;

/// An order of things. Its cursors say that they are of it, so that none is read as a place in another one. Lists that
/// differ in their parent or their filters only have the same order.
pub(crate) struct Order {
    /// What each of its cursors begins with: it is made of the order's name.
    mark: String,
    /// What a place consists of.
    kinds: Vec<Type>,
}

impl Order {
    /// The order of this name, whose places consist of values of these types.
    pub(crate) fn new(name: &str, kinds: Vec<Type>) -> Self {
        Self { mark: BASE64.encode(&Sha256::digest(name)[..MARK_BYTES]), kinds }
    }

    /// A table's rows by these columns, and then by their ids.
    fn of<R: Row>(columns: &[(&'static str, Direction)]) -> Self {
        let (mut name, mut kinds) = (R::TABLE.name().to_owned(), Vec::new());
        for (column, direction) in columns {
            name.push(match direction {
                Direction::Ascending => '+',
                Direction::Descending => '-',
            });
            name.push_str(column);
            kinds.extend(R::COLUMNS.iter().find(|(known, _)| known == column).map(|(_, kind)| *kind));
        }
        kinds.push(Type::Bytes);
        Self::new(&name, kinds)
    }

    /// The cursor of a place in it.
    pub(crate) fn cursor(&self, place: &[Value]) -> Cursor {
        let values = place.iter().map(|value| match value {
            Value::Int(number) => number.to_string(),
            Value::Bool(yes) => yes.to_string(),
            Value::Text(text) => text.clone(),
            Value::Bytes(bytes) => BASE64.encode(bytes),
            // Nothing is ordered by these.
            Value::Null | Value::Float(_) => String::new(),
        });
        let parts: Vec<String> = std::iter::once(self.mark.clone()).chain(values).collect();
        BASE64.encode(serde_json::to_vec(&parts).unwrap_or_default())
    }

    /// The place that a cursor names: so many values, each of its type.
    pub(crate) fn place(&self, cursor: &str) -> Result<Vec<Value>> {
        let parts = BASE64.decode(cursor).ok().and_then(|bytes| serde_json::from_slice::<Vec<String>>(&bytes).ok());
        let parts = parts.unwrap_or_default();
        let Some((mark, texts)) = parts.split_first() else { return Err(bad(NOT_A_CURSOR)) };
        if *mark != self.mark {
            return Err(bad(ANOTHER_ORDER));
        }
        let values = self.kinds.iter().zip(texts).map(|(kind, text)| match kind {
            Type::Int => text.parse().ok().map(Value::Int),
            Type::Bool => text.parse().ok().map(Value::Bool),
            // No text of a row holds a NUL, and a database may refuse it.
            Type::Text => (!text.contains('\0')).then(|| Value::Text(text.clone())),
            Type::Bytes => BASE64.decode(text).ok().map(Value::Bytes),
        });
        let values: Option<Vec<Value>> = values.collect();
        values.filter(|_| texts.len() == self.kinds.len()).ok_or_else(|| bad(NOT_A_CURSOR))
    }
}

type Counting = BoxFuture<'static, std::result::Result<u64, app::Error>>;

/// How many there are in all. All of them are looked at for it, so they are counted only where it is asked for.
pub struct Total(Box<dyn Fn() -> Counting + Send + Sync>);

impl Total {
    /// As many as this counts.
    pub(crate) fn new<C>(count: impl Fn() -> C + Send + Sync + 'static) -> Self
    where
        C: Future<Output = std::result::Result<u64, app::Error>> + Send + 'static,
    {
        Self(Box::new(move || Box::pin(count())))
    }

    /// As many as a parent has, whose id this column holds. Those of all parents of an answer are counted together.
    pub(crate) fn under<R: Row>(view: &View, column: &'static str, parent: impl domain::id::Id) -> Self {
        let view = view.clone();
        Self::new(move || {
            let view = view.clone();
            async move { view.count_under::<R>(column, parent).await }
        })
    }
}

#[Object]
impl Total {
    /// How many there are in all, under the same filter.
    async fn total_count(&self) -> Result<u64> {
        (self.0)().await.map_err(error)
    }
}

/// A list of rows: what it is filtered and ordered by.
#[derive(Clone, Default)]
pub struct List {
    /// The column of the parent whose rows these are, and the parent.
    pub under: Option<(&'static str, uuid::Uuid)>,
    /// All of these hold.
    pub filters: Vec<Filter>,
    /// By these columns.
    pub order: Vec<(&'static str, Direction)>,
}

// Cursors and filters hold words that lists are sorted and searched by.
domain::hidden!(Asked, List);

impl List {
    /// Rows ordered by one column, small to large.
    pub fn by(column: &'static str) -> Self {
        Self { order: vec![(column, Direction::Ascending)], ..Self::default() }
    }

    /// Only those of this parent, whose id the column holds. The lists of all parents of an answer are read together.
    #[must_use]
    pub fn under(self, column: &'static str, parent: impl domain::id::Id) -> Self {
        Self { under: Some((column, parent.uuid())), ..self }
    }

    /// Only those for which this holds.
    #[must_use]
    pub fn only(mut self, filter: Filter) -> Self {
        self.filters.push(filter);
        self
    }

    /// A page of it, and what its cursors are made with.
    async fn page<R: Row>(&self, view: &View, asked: &Asked) -> Result<(Page<R>, Order)> {
        let (limit, last) = asked.size()?;
        let order = Order::of::<R>(&self.order);
        let place = |cursor: &Option<Cursor>| cursor.as_ref().map(|cursor| order.place(cursor)).transpose();
        let (after, before) = (place(&asked.after)?, place(&asked.before)?);
        let parent = |id: uuid::Uuid| Parent { id: id.into_bytes(), after: None };
        let under = self.under.map(|(column, id)| Under { column, parent: parent(id) });
        let wanted =
            Wanted { under, filters: self.filters.clone(), order: self.order.clone(), after, before, last, limit };
        Ok((view.list::<R>(&wanted).await.map_err(error)?, order))
    }

    /// The page as a connection.
    pub async fn connection<R: Row, N: OutputType>(
        &self,
        view: &View,
        asked: &Asked,
        make: impl Fn(R) -> N,
    ) -> Result<Connection<Cursor, N>> {
        self.connection_with(view, asked, EmptyFields, make).await
    }

    /// The page as a connection of what its rows name: members by their memberships. A row whose thing the viewer does not
    /// see has no edge. What the lists of an answer name is read together.
    pub async fn through<R: Row, S: Row, N: OutputType>(
        &self,
        view: &View,
        (asked, total): (&Asked, Total),
        named: impl Fn(&R) -> S::Id,
        make: impl Fn(S) -> N,
    ) -> Result<Connection<Cursor, N, Total>> {
        let (page, order) = self.page::<R>(view, asked).await?;
        let ids: Vec<S::Id> = page.rows.iter().map(|(row, _)| named(row)).collect();
        let things = view.many::<S>(&ids).await.map_err(error)?;
        let mut things: HashMap<S::Id, S> = things.into_iter().map(|thing| (thing.id(), thing)).collect();
        let mut connection = Connection::with_additional_fields(page.has_previous, page.has_next, total);
        let edges = page.rows.into_iter().zip(ids);
        let edges =
            edges.filter_map(|((_, place), id)| Some(Edge::new(order.cursor(&place), make(things.remove(&id)?))));
        connection.edges.extend(edges);
        Ok(connection)
    }

    /// The page as a connection that knows how many there are in all.
    pub async fn counted<R: Row, N: OutputType>(
        &self,
        view: &View,
        asked: &Asked,
        make: impl Fn(R) -> N,
    ) -> Result<Connection<Cursor, N, Total>> {
        let (of, filters) = (view.clone(), self.filters.clone());
        let total = Total::new(move || {
            let (view, filters) = (of.clone(), filters.clone());
            async move { view.count::<R>(filters).await }
        });
        self.connection_with(view, asked, total, make).await
    }

    /// The page as a connection that says something more of the whole list.
    pub async fn connection_with<R: Row, N: OutputType, M: ObjectType>(
        &self,
        view: &View,
        asked: &Asked,
        more: M,
        make: impl Fn(R) -> N,
    ) -> Result<Connection<Cursor, N, M>> {
        let (page, order) = self.page::<R>(view, asked).await?;
        let mut connection = Connection::with_additional_fields(page.has_previous, page.has_next, more);
        connection.edges.extend(page.rows.into_iter().map(|(row, place)| Edge::new(order.cursor(&place), make(row))));
        Ok(connection)
    }

    /// All of a list that is short by nature: at most a hundred.
    pub async fn all<R: Row, N>(&self, view: &View, make: impl Fn(R) -> N) -> Result<Vec<N>> {
        let asked = Asked { first: i32::try_from(MOST).ok(), ..Asked::default() };
        let (page, _) = self.page::<R>(view, &asked).await?;
        Ok(page.rows.into_iter().map(|(row, _)| make(row)).collect())
    }
}

/// A filter: this column has this id.
pub fn is<I: domain::id::Id>(column: &str, id: I) -> Filter {
    Filter::Eq(column.to_owned(), Value::Bytes(id.uuid().as_bytes().to_vec()))
}
