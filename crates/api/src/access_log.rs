//! The access log: who read which kind of whose confidential texts, when and through what (promise R3).
//!
//! Author and addressee of a text leave no entry, and one entry stands for fifteen minutes of reading. An entry names a
//! kind of text and never a text.

use app::view::{Entries, Kept};
use app::{Happened, View};
use async_graphql::connection::Connection;
use async_graphql::{ID, InputObject, SimpleObject};
use domain::id::{CoacheeId, Id as _, PersonId};
use domain::practice::Member;
use domain::reading::Event;
use domain::text::{Kind, Text as _};

use crate::activity::{Seq, Through, paged};
use crate::page::Asked;
use crate::scalars::{DateTime, Id, Position, id};
use crate::words::{Result, error};

/// That somebody read confidential texts of one kind about one coachee.
#[derive(SimpleObject)]
pub struct AccessLogEntry {
    /// Its place in the access log, which is a log of its own.
    position: Position,
    /// When they did. What they read of that kind and coachee in the fifteen minutes since is in the same entry.
    at: DateTime,
    /// Who did.
    reader_id: Option<ID>,
    /// Their name; nothing where the viewer may not see them, or they have left the practice.
    reader_name: Option<String>,
    /// The coachee whom the texts are about.
    coachee_id: Option<ID>,
    /// The kind of text: `active_goal`, `description`, `file`, `notes`, `step`, `synopsis`, `title`. The set grows.
    kind: &'static str,
    /// The file that they downloaded, where the kind is `file`. Each download has its own entry.
    file_id: Option<ID>,
    /// Through what they read.
    through: Through,
    #[graphql(skip)]
    reader: Option<PersonId>,
}

impl AccessLogEntry {
    /// From an event of an access log.
    fn new(happened: &Happened) -> Option<Self> {
        let domain::Event::Reading(event) = &happened.event else { return None };
        let (text, file) = match event {
            Event::OfShared { text, .. } | Event::OfFile { text, .. } => (*text, None),
            Event::Downloaded { file, .. } => (Kind::FileKey, Some(*file)),
        };
        let when = happened.when;
        Some(Self {
            position: Position(when.seq),
            at: DateTime(when.at),
            reader_id: when.actor.map(id),
            reader_name: None,
            coachee_id: (when.subject != when.log.into()).then(|| id(CoacheeId::of(when.subject.uuid()))),
            kind: text.word(),
            file_id: file.map(id),
            through: happened.through.into(),
            reader: when.actor,
        })
    }
}

/// Which entries.
#[derive(Clone, Default, InputObject)]
pub struct AccessLogFilter {
    /// By this reader.
    reader_id: Option<Id<PersonId>>,
    /// About this coachee.
    coachee_id: Option<Id<CoacheeId>>,
    /// Not earlier than this.
    from: Option<DateTime>,
    /// Earlier than this.
    to: Option<DateTime>,
}

/// A page of the access log, the newest first.
pub async fn page(
    view: &View,
    filter: Option<AccessLogFilter>,
    asked: &Asked,
) -> Result<Connection<Seq, AccessLogEntry>> {
    let filter = filter.unwrap_or_default();
    let wanted = Entries {
        of: Kept::Readings,
        actor: filter.reader_id.map(|reader| reader.0),
        coachee: filter.coachee_id.map(|coachee| coachee.0),
        from_at: filter.from.map(|from| from.0.0),
        to_at: filter.to.map(|to| to.0.0),
        ..Entries::default()
    };
    let mut page = paged(view, wanted, asked, |happened| AccessLogEntry::new(&happened)).await?;
    let mut readers: Vec<PersonId> = page.edges.iter().filter_map(|edge| edge.node.reader).collect();
    readers.sort_unstable();
    readers.dedup();
    let members = view.many::<Member>(&readers).await.map_err(error)?;
    for edge in &mut page.edges {
        let member = members.iter().find(|member| Some(member.id) == edge.node.reader);
        edge.node.reader_name = member.map(|member| member.name.as_str().to_owned());
    }
    Ok(page)
}
