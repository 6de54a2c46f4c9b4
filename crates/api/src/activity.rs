//! The activity log: who did what, when, before and after. It is the log itself, read through the viewer's sight.

use app::view::{Entries, Kept};
use app::{Happened, Line, View};
use async_graphql::connection::{Connection, CursorType, Edge};
use async_graphql::{Enum, ID, InputObject, Object, OutputType, SimpleObject};
use domain::entry::Edit;
use domain::id::{CoacheeId, Id as _, PersonId};

use crate::access_log::{AccessLogEntry, AccessLogFilter};
use crate::page::{ANOTHER_ORDER, Asked, NOT_A_CURSOR};
use crate::scalars::{DateTime, Id, Position, id};
use crate::words::{Result, bad, error};

/// Through what a change came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "app::Through")]
pub enum Through {
    /// A browser that holds a cookie.
    Browser,
    /// A program that holds a bearer token.
    Program,
    /// Somebody with a link, not signed in.
    Link,
    /// The product itself.
    System,
}

/// A field of an entry.
#[derive(SimpleObject)]
pub struct ActivityChange {
    /// The field, as the API names it.
    field: String,
    /// Its value before, where there was one.
    was: Option<String>,
    /// Its value since.
    now: Option<String>,
}

/// An entry of the activity log. Its texts are opened when they are asked for.
pub enum ActivityEntry {
    /// That was read, and is reviewed through this view.
    Read(Box<(View, Happened)>),
    /// That was heard.
    Heard(Line),
}

impl ActivityEntry {
    /// From an event that the viewer may review.
    pub fn new(view: &View, happened: Happened) -> Self {
        Self::Read(Box::new((view.clone(), happened)))
    }

    fn happened(&self) -> &Happened {
        match self {
            Self::Read(read) => &read.1,
            Self::Heard(line) => line.happened(),
        }
    }
}

#[Object]
impl ActivityEntry {
    /// Its place in the log.
    async fn position(&self) -> Position {
        Position(self.happened().when.seq)
    }
    /// When it happened.
    async fn at(&self) -> DateTime {
        DateTime(self.happened().when.at)
    }
    /// The stored kind: `plan.action_progressed`. The set grows.
    async fn kind(&self) -> &str {
        self.happened().event.kind()
    }
    /// The short name: `action_progress`. The set grows.
    async fn entry(&self) -> &str {
        self.happened().event.short()
    }
    /// The thing that it is about.
    async fn thing_id(&self) -> ID {
        let (prefix, thing) = self.happened().event.thing();
        id(domain::id::text(prefix, thing))
    }
    /// The coachee that it is about, if it is about one.
    async fn coachee_id(&self) -> Option<ID> {
        let when = self.happened().when;
        let about_coachee = matches!(
            self.happened().event.sees(),
            domain::sight::Thing::Profile
                | domain::sight::Thing::File
                | domain::sight::Thing::Plan
                | domain::sight::Thing::Session
                | domain::sight::Thing::Notes
                | domain::sight::Thing::Note
                | domain::sight::Thing::Upload
                | domain::sight::Thing::Message
                | domain::sight::Thing::Rating
                | domain::sight::Thing::Assessment
                | domain::sight::Thing::Draft
                | domain::sight::Thing::Question
                | domain::sight::Thing::Notice
                | domain::sight::Thing::Membership
                | domain::sight::Thing::Access
        ) && when.subject != when.log.into();
        about_coachee.then(|| id(CoacheeId::of(when.subject.uuid())))
    }
    /// The person who did it; nobody where a link or the product did.
    async fn actor_id(&self) -> Option<ID> {
        self.happened().when.actor.map(id)
    }
    /// The person on whose behalf, where that is another one.
    async fn on_behalf_of_id(&self) -> Option<ID> {
        self.happened().behalf.map(id)
    }
    /// Which part of the product did it, where no person did.
    async fn system(&self) -> Option<&str> {
        self.happened().system.as_deref()
    }
    /// Through what it came.
    async fn through(&self) -> Through {
        self.happened().through.into()
    }
    /// What changed, old and new.
    #[graphql(complexity = "crate::page::LONG + child_complexity")]
    async fn changes(&self) -> Result<Vec<ActivityChange>> {
        let entry = match self {
            Self::Read(read) => read.0.entry(&read.1).await.map_err(error)?,
            Self::Heard(line) => line.entry(),
        };
        let change = |edit: Edit| ActivityChange { field: edit.field.to_owned(), was: edit.was, now: edit.now };
        Ok(entry.changes.into_iter().map(change).collect())
    }
}

/// Which entries.
#[derive(Clone, Default, InputObject)]
pub struct ActivityFilter {
    /// By this person.
    pub actor_id: Option<Id<PersonId>>,
    /// About this coachee.
    pub coachee_id: Option<Id<CoacheeId>>,
    /// Of these stored kinds (`plan.action_progressed`) or short names (`action_progress`).
    pub kinds: Option<Vec<String>>,
    /// Not earlier than this.
    pub from: Option<DateTime>,
    /// Earlier than this.
    pub to: Option<DateTime>,
}

impl ActivityFilter {
    /// Whether an entry passes.
    pub fn passes(&self, happened: &Happened) -> bool {
        let when = happened.when;
        self.actor_id.is_none_or(|actor| when.actor == Some(actor.0))
            && self.coachee_id.is_none_or(|coachee| when.subject == coachee.0.into())
            && self.kinds.as_ref().is_none_or(|kinds| {
                kinds.iter().any(|kind| kind == happened.event.kind() || kind == happened.event.short())
            })
            && self.from.as_ref().is_none_or(|from| when.at >= from.0)
            && self.to.as_ref().is_none_or(|to| when.at < to.0)
    }
}

/// A place in the activity log, or in the access log.
pub struct Seq(Kept, u64);

impl Seq {
    /// What its cursor begins with.
    const fn letter(of: Kept) -> char {
        match of {
            Kept::Changes => 'e',
            Kept::Readings => 'r',
        }
    }
}

impl CursorType for Seq {
    type Error = &'static str;
    fn decode_cursor(text: &str) -> std::result::Result<Self, &'static str> {
        let read = |of: Kept| Some((of, text.strip_prefix(Self::letter(of))?));
        let (of, digits) = [Kept::Changes, Kept::Readings].into_iter().find_map(read).ok_or(NOT_A_CURSOR)?;
        let seq = u64::from_str_radix(digits, 36).ok().filter(|seq| i64::try_from(*seq).is_ok());
        seq.map(|seq| Self(of, seq)).ok_or(NOT_A_CURSOR)
    }
    fn encode_cursor(&self) -> String {
        let (mut left, mut digits) = (self.1, Vec::new());
        while left > 0 {
            digits.push(char::from_digit(u32::try_from(left % 36).unwrap_or(0), 36).unwrap_or('0'));
            left /= 36;
        }
        std::iter::once(Self::letter(self.0)).chain(digits.into_iter().rev()).collect()
    }
}

/// The activity log of a portal, and its access log.
pub struct Log(pub View);

#[Object]
impl Log {
    /// The entries that the viewer may review, the newest first: owner and managers the whole practice, coaches their
    /// clients, a coachee their own.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn activity_log(
        &self,
        filter: Option<ActivityFilter>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Seq, ActivityEntry>> {
        page(&self.0, filter, &Asked { after, before, first, last }).await
    }

    /// Who read confidential texts that they neither wrote nor are addressed by, the newest first: owner and managers see
    /// the whole practice, coaches their clients, a coachee who read what they can read themselves.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn access_log(
        &self,
        filter: Option<AccessLogFilter>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Seq, AccessLogEntry>> {
        crate::access_log::page(&self.0, filter, &Asked { after, before, first, last }).await
    }
}

/// A page of the activity log, the newest first.
pub async fn page(
    view: &View,
    filter: Option<ActivityFilter>,
    asked: &Asked,
) -> Result<Connection<Seq, ActivityEntry>> {
    let filter = filter.unwrap_or_default();
    let wanted = Entries {
        actor: filter.actor_id.map(|actor| actor.0),
        coachee: filter.coachee_id.map(|coachee| coachee.0),
        kinds: filter.kinds.as_ref().map(|kinds| stored_kinds(kinds)),
        from_at: filter.from.as_ref().map(|from| from.0.0),
        to_at: filter.to.as_ref().map(|to| to.0.0),
        ..Entries::default()
    };
    paged(view, wanted, asked, |happened| Some(ActivityEntry::new(view, happened))).await
}

/// A page of the entries that are wanted, the newest first, each as `show` shows it.
pub(crate) async fn paged<N: OutputType>(
    view: &View,
    wanted: Entries,
    asked: &Asked,
    show: impl Fn(Happened) -> Option<N>,
) -> Result<Connection<Seq, N>> {
    let (limit, last) = asked.size()?;
    let of = wanted.of;
    let seq = |text: &Option<String>| -> Result<Option<u64>> {
        let Some(text) = text else { return Ok(None) };
        let Seq(kept, seq) = Seq::decode_cursor(text).map_err(bad)?;
        if kept == of { Ok(Some(seq)) } else { Err(bad(ANOTHER_ORDER)) }
    };
    let (after, before) = (seq(&asked.after)?, seq(&asked.before)?);
    let wanted = Entries {
        // The list runs from the newest to the oldest: what comes after an entry lies before it in the log.
        before: after,
        after: before,
        newest_first: !last,
        limit: limit + 1,
        ..wanted
    };
    let mut entries = view.entries(&wanted).await.map_err(error)?;
    let more = entries.len() > limit as usize;
    entries.truncate(limit as usize);
    if last {
        entries.reverse();
    }
    let (has_previous, has_next) = if last { (more, before.is_some()) } else { (after.is_some(), more) };
    let mut connection = Connection::new(has_previous, has_next);
    let edge = |happened: Happened| Some(Edge::new(Seq(of, happened.when.seq), show(happened)?));
    connection.edges.extend(entries.into_iter().filter_map(edge));
    Ok(connection)
}

/// The stored kinds that these words name: stored kinds themselves, or short names.
fn stored_kinds(words: &[String]) -> Vec<String> {
    let named =
        domain::Event::kinds().filter(|kind| words.iter().any(|word| word == kind.stored || word == kind.short));
    named.map(|kind| kind.stored.to_owned()).collect()
}
