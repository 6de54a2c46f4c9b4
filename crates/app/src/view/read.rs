//! Reading what several asked: one statement for rows of a kind, for a list under many parents, for many histories.
//!
//! Each answer is what its question alone would be answered. What opening texts will need is loaded here, for all rows at
//! once. A record has some hundred bytes, and one with a text that saves itself some hundred KiB, of which an entry shows a
//! number: long records are read a few at a time, and that text goes before the next ones are read.

use std::collections::{BTreeSet, HashMap};

use domain::id::{Id as _, PersonId};
use domain::practice::Member;
use domain::row::Row;
use domain::text::Name;
use store::{Direction, Lists, Select, Take};

use super::together::{Question, Turn};
use super::{Entries, Filter, Kept, Page, Reading, Under, Value, View, Wanted, sight};
use crate::record::{self, Happened};
use crate::{Error, tables};

/// Records of so many bytes come with their entries; longer ones are read apart.
const SHORT_BYTES: u32 = 8 << 10;
/// How many long records are read at once.
const LONG_AT_ONCE: usize = 16;

impl View {
    /// The rows that each of several asks for.
    pub(super) async fn read_rows<R: Row>(
        &self,
        reading: &mut Reading,
        asked: &[&[store::Id]],
    ) -> Result<Vec<Vec<R>>, Error> {
        let ids: BTreeSet<store::Id> = asked.iter().copied().flatten().copied().collect();
        let table = (R::TABLE, self.app.inner.tables.physical(R::TABLE)?);
        let found = reading.documents(table, self.log(), ids.into_iter().map(uuid::Uuid::from_bytes)).await?;
        let sees = self.sees(R::THING);
        let mut rows = Vec::with_capacity(found.len());
        for document in found {
            let row = R::from_document(&document).map_err(Error::internal)?;
            if sees.row(row.subject(), row.owner(), row.shared()) {
                rows.push(row);
            }
        }
        self.prepare(reading, &mut rows).await?;
        if let [_] = asked {
            return Ok(vec![rows]);
        }
        let rows: HashMap<store::Id, R> = rows.into_iter().map(|row| (row.id().uuid().into_bytes(), row)).collect();
        Ok(asked.iter().map(|ids| ids.iter().filter_map(|id| rows.get(id).cloned()).collect()).collect())
    }

    /// The names of coaches whom a row names that the viewer sees: whoever has written to a coachee, assigned them something
    /// or meets them has a name for them, with access to them or without, while they are in the practice. What else there is
    /// of a coach only those see who see the [`Member`].
    pub async fn coach_names(&self, ids: &[PersonId]) -> Result<HashMap<PersonId, Name>, Error> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let ids: Vec<store::Id> = ids.iter().map(|id| id.uuid().into_bytes()).collect();
        match self.together.ask(&self.reading, Question::Names(ids)).await? {
            Turn::Answered(names) => Ok(names),
            Turn::Mine(mut mine) => {
                let asked = mine.questions.iter().filter_map(|question| match question {
                    Question::Names(ids) => Some(ids.as_slice()),
                    Question::Rows(..) | Question::List(..) | Question::Entries(_) | Question::Count(..) => None,
                });
                let asked: Vec<&[store::Id]> = asked.collect();
                let answers = self.read_names(&mut mine.reading, &asked).await?;
                mine.settle(answers)
            }
        }
    }

    /// The names that each of several asks for.
    async fn read_names(
        &self,
        reading: &mut Reading,
        asked: &[&[store::Id]],
    ) -> Result<Vec<HashMap<PersonId, Name>>, Error> {
        let ids: BTreeSet<store::Id> = asked.iter().copied().flatten().copied().collect();
        let table = (Member::TABLE, self.app.inner.tables.physical(Member::TABLE)?);
        let found = reading.documents(table, self.log(), ids.into_iter().map(uuid::Uuid::from_bytes)).await?;
        let mut names: HashMap<PersonId, Name> = HashMap::with_capacity(found.len());
        for document in found {
            let row = Member::from_document(&document).map_err(Error::internal)?;
            names.insert(row.id, row.name);
        }
        let named = |id: &store::Id| {
            let id = PersonId::of(uuid::Uuid::from_bytes(*id));
            names.get(&id).map(|name| (id, name.clone()))
        };
        Ok(asked.iter().map(|ids| ids.iter().filter_map(named).collect()).collect())
    }

    /// A page of each of these lists, which differ in their parents only.
    pub(super) async fn read_lists<R: Row>(
        &self,
        reading: &mut Reading,
        lists: &[&Wanted],
    ) -> Result<Vec<Page<R>>, Error> {
        let Some(wanted) = lists.first() else { return Ok(Vec::new()) };
        let sight = sight(&self.sees(R::THING));
        let table = self.app.inner.tables.physical(R::TABLE)?;
        let mut select = Select {
            sight: Some(&sight),
            filters: wanted.filters.clone(),
            order: wanted.order.iter().map(|(column, direction)| ((*column).to_owned(), *direction)).collect(),
            after: wanted.after.clone(),
            before: wanted.before.clone(),
            take: if wanted.last { Take::Last } else { Take::First },
            // One more tells whether there are more.
            ..Select::new(table, self.log().uuid().into_bytes(), wanted.limit.saturating_add(1))
        };
        let mut documents: Vec<Vec<Vec<u8>>> = vec![Vec::new(); lists.len()];
        if let ([_], under) = (lists, &wanted.under) {
            if let Some(Under { column, parent }) = under {
                select.filters.insert(0, Filter::Eq((*column).to_owned(), Value::from(parent.id)));
                select.after = select.after.or_else(|| parent.after.clone());
            }
            documents[0] =
                reading.rows().await?.documents(&select).await?.into_iter().map(|(_, document)| document).collect();
        } else if let Some(Under { column, .. }) = wanted.under {
            let parents = lists.iter().filter_map(|list| Some(list.under.as_ref()?.parent.clone())).collect();
            for (list, _, document) in reading.rows().await?.lists(&Lists { select, column, parents }).await? {
                documents[list].push(document);
            }
        }
        let mut pages = Vec::with_capacity(lists.len());
        let mut rows = Vec::with_capacity(documents.iter().map(Vec::len).sum());
        for mut documents in documents {
            let more = documents.len() > wanted.limit as usize;
            if more && wanted.last {
                documents.remove(0);
            }
            documents.truncate(wanted.limit as usize);
            pages.push((documents.len(), more));
            for document in documents {
                rows.push(R::from_document(&document).map_err(Error::internal)?);
            }
        }
        self.prepare(reading, &mut rows).await?;
        let mut rows = rows.into_iter();
        Ok(pages.into_iter().map(|(length, more)| page(rows.by_ref().take(length), more, wanted)).collect())
    }

    /// How many rows each of these parents has.
    pub(super) async fn read_counts<R: Row>(
        &self,
        reading: &mut Reading,
        column: &str,
        parents: &[store::Id],
    ) -> Result<Vec<u64>, Error> {
        let sight = sight(&self.sees(R::THING));
        let table = self.app.inner.tables.physical(R::TABLE)?;
        let select = Select { sight: Some(&sight), ..Select::new(table, self.log().uuid().into_bytes(), 0) };
        let counts = reading.rows().await?.counts(&select, column, parents).await?;
        let counts: HashMap<store::Id, u64> = counts.into_iter().collect();
        Ok(parents.iter().map(|parent| counts.get(parent).copied().unwrap_or(0)).collect())
    }

    /// The entries that each of several asks for, which differ in what they are about only.
    pub(super) async fn read_entries(
        &self,
        reading: &mut Reading,
        asked: &[&Entries],
    ) -> Result<Vec<Vec<Happened>>, Error> {
        let Some(wanted) = asked.first() else { return Ok(Vec::new()) };
        let (places, stored): (Vec<usize>, Vec<store::Event>) =
            self.stored_entries(reading, asked, Some(SHORT_BYTES)).await?.into_iter().unzip();
        let mut answers = vec![Vec::new(); asked.len()];
        if wanted.of == Kept::Changes {
            self.prepare_entries(reading, &stored).await?;
        }
        let long = self.long_entries(reading, wanted, &stored).await?;
        for (place, stored) in places.into_iter().zip(&stored) {
            answers[place].push(match long.get(&stored.seq) {
                Some(known) => known.clone(),
                None => entry(&stored.record, wanted)?,
            });
        }
        Ok(answers)
    }

    /// Those of these entries whose records did not come with them, by position.
    async fn long_entries(
        &self,
        reading: &mut Reading,
        wanted: &Entries,
        stored: &[store::Event],
    ) -> Result<HashMap<u64, Happened>, Error> {
        let mut long: Vec<u64> = stored.iter().filter(|event| event.record.is_empty()).map(|event| event.seq).collect();
        long.sort_unstable();
        long.dedup();
        let mut entries = HashMap::new();
        for positions in long.chunks(LONG_AT_ONCE) {
            let log = self.kept(wanted.of).uuid().into_bytes();
            for (seq, record) in reading.snapshot().await?.records_at(log, positions).await? {
                entries.insert(seq, entry(&record, wanted)?);
            }
        }
        Ok(entries)
    }

    /// The same as they are stored, each with the place of whom it answers. Records of more than so many bytes are left
    /// out, where that is said.
    pub(super) async fn stored_entries(
        &self,
        reading: &mut Reading,
        asked: &[&Entries],
        short_bytes_max: Option<u32>,
    ) -> Result<Vec<(usize, store::Event)>, Error> {
        let Some(wanted) = asked.first() else { return Ok(Vec::new()) };
        let (sees, allowed, to_both) = self.scope.entries();
        let allowed = allowed.into_iter().map(str::to_owned);
        let kinds: Vec<String> = match &wanted.kinds {
            Some(kinds) => allowed.filter(|kind| kinds.contains(kind)).collect(),
            None => allowed.collect(),
        };
        if kinds.is_empty() {
            return Ok(Vec::new());
        }
        let sight = sight(&sees);
        // An earlier moment ends at a position of the practice's log; the access log goes by the time of that.
        let (before_seq, to_at) = match wanted.of {
            Kept::Changes => {
                let before = wanted.before.map_or(self.end(), |before| before.min(self.end()));
                (Some(before), wanted.to_at)
            }
            Kept::Readings => {
                let end = self.then.map(|then| then.0.saturating_add(1));
                (wanted.before, wanted.to_at.into_iter().chain(end).min())
            }
        };
        let activity = store::Activity {
            log: self.kept(wanted.of).uuid().into_bytes(),
            sight: Some(&sight),
            thing: wanted.thing.map(uuid::Uuid::into_bytes),
            subject: wanted.coachee.map(|coachee| coachee.uuid().into_bytes()),
            actor: wanted.actor.map(|actor| actor.uuid().into_bytes()),
            kinds,
            to_both: to_both.into_iter().map(str::to_owned).collect(),
            from_at: wanted.from_at,
            to_at,
            after_seq: wanted.after,
            before_seq,
            record_bytes_max: None,
            short_bytes_max,
            descending: wanted.newest_first,
            limit: wanted.limit,
        };
        Ok(match (asked, wanted.about()) {
            ([_, _, ..], Some((column, _))) => {
                let ids: Vec<store::Id> = asked.iter().filter_map(|entries| Some(entries.about()?.1)).collect();
                reading.snapshot().await?.histories(&activity, column, &ids).await?
            }
            _ => reading.snapshot().await?.activity(&activity).await?.into_iter().map(|event| (0, event)).collect(),
        })
    }
}

/// What a record says, without what the entry shows nothing of.
fn entry(record: &[u8], wanted: &Entries) -> Result<Happened, Error> {
    let mut happened = record::decode(record)?;
    if !wanted.saves {
        happened.event.secrets(&mut |secret, _| {
            if secret.kind().has_revisions() {
                secret.leave_out();
            }
        });
    }
    Ok(happened)
}

/// A page of these rows.
fn page<R: Row>(rows: impl Iterator<Item = R>, more: bool, wanted: &Wanted) -> Page<R> {
    let begun = wanted.after.is_some();
    let (has_previous, has_next) = if wanted.last { (more, wanted.before.is_some()) } else { (begun, more) };
    let placed = |row| {
        let place = place(&row, &wanted.order);
        (row, place)
    };
    Page { rows: rows.map(placed).collect(), has_previous, has_next }
}

/// A row's place in an order: the values of the ordered columns, then the id.
fn place<R: Row>(row: &R, order: &[(&'static str, Direction)]) -> Vec<store::Value> {
    let values = row.columns();
    let of = |name: &str| {
        let at = R::COLUMNS.iter().position(|(column, _)| *column == name);
        at.and_then(|at| values.get(at).cloned()).map_or(store::Value::Null, tables::value)
    };
    order.iter().map(|(column, _)| of(column)).chain([store::Value::from(row.id().uuid().into_bytes())]).collect()
}
