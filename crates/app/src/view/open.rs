//! Opening confidential texts: the only place from which a reader is shown one that lies in rows or in the log.
//!
//! Rows and events leave a view sealed. Opening a text notes whose words of which kind its reader was shown
//! ([`crate::readings`]), unless they wrote it or it is addressed to them. What that needs (keys, and who leads whom) is
//! loaded in bulk with the rows.

use std::any::Any;

use domain::coachee::Coachee;
use domain::entry::Entry;
use domain::file::File;
use domain::id::{Id as _, PersonId, Subject};
use domain::reading::Part;
use domain::row::Row;
use domain::text::{Confidential, Kind, Text};

use vault::file::FileKey;

use super::{Reading, View, load_keys};
use crate::Error;
use crate::keys::{Keys, Whose, open};
use crate::readings::{leads, told};
use crate::record::{self, Happened, Texts};

/// From so many sealed bytes on, a text is opened in a turn of its own.
const LONG_BYTES: usize = 8 << 10;

/// Gives way before long texts are opened. Whoever opens holds the view's connection, so all others of a request wait for
/// it: between two long texts, and what is made of the first one, its deadline is looked at and others are served.
async fn give_way(bytes: usize) {
    if bytes >= LONG_BYTES {
        tokio::task::yield_now().await;
    }
}

impl View {
    /// A text of a row that the viewer sees; nothing where it is empty or forgotten.
    pub async fn read<R: Row, T: Text>(&self, row: &R, text: &Confidential<T>) -> Result<Option<String>, Error> {
        self.read_numbered(row, 0, text).await
    }

    /// One of several texts of a kind that a row holds.
    pub async fn read_numbered<R: Row, T: Text>(
        &self,
        row: &R,
        number: u32,
        text: &Confidential<T>,
    ) -> Result<Option<String>, Error> {
        let Some(sealed) = text.sealed() else { return Ok(None) };
        let mut reading = self.reading.lock().await;
        let Some(keys) = self.keys(&mut reading, row).await? else { return Ok(None) };
        give_way(sealed.len()).await;
        let (log, thing) = (self.log().uuid().into_bytes(), row.id().uuid().into_bytes());
        let place = vault::Place { log, thing, text: T::KIND.word(), ordinal: number };
        let text = open(&keys, None, &place, sealed)
            .ok_or_else(|| Error::internal(format!("a text of {:?} does not open", row.id())))?;
        if text.is_empty() {
            return Ok(None);
        }
        self.note(&mut reading, T::KIND, (row.subject(), row.owner()), row.written_by(T::KIND)).await?;
        Ok(Some(text))
    }

    /// A row that the viewer sees, with all its declared texts open; those of a forgotten one stay closed.
    pub async fn opened<R: Row>(&self, row: &R) -> Result<R, Error> {
        let (mut row, mut kinds, mut failed) = (row.clone(), Vec::new(), false);
        let mut reading = self.reading.lock().await;
        let Some(keys) = self.keys(&mut reading, &row).await? else { return Ok(row) };
        let mut bytes = 0_usize;
        row.secrets(&mut |secret, _| bytes = bytes.saturating_add(secret.sealed().map_or(0, <[u8]>::len)));
        give_way(bytes).await;
        let (log, thing) = (self.log().uuid().into_bytes(), row.id().uuid().into_bytes());
        row.secrets(&mut |secret, number| {
            let Some(sealed) = secret.sealed() else { return };
            let place = vault::Place { log, thing, text: secret.kind().word(), ordinal: number };
            let Some(text) = open(&keys, None, &place, sealed) else {
                failed = true;
                return;
            };
            if !text.is_empty() && !kinds.contains(&secret.kind()) {
                kinds.push(secret.kind());
            }
            secret.open(&text);
        });
        if failed {
            return Err(Error::internal(format!("a text of {:?} does not open", row.id())));
        }
        for kind in kinds {
            self.note(&mut reading, kind, (row.subject(), row.owner()), row.written_by(kind)).await?;
        }
        Ok(row)
    }

    /// A save of a row's text of this kind, which the viewer sees, from the log, with its text open; `None` where it was
    /// forgotten.
    pub async fn save<R: Row>(&self, row: &R, text: Kind, save: &Happened) -> Result<Option<Happened>, Error> {
        let (mut reading, mut save) = (self.reading.lock().await, save.clone());
        let keys = self.keys(&mut reading, row).await?;
        let (_, thing) = save.event.thing();
        let Some(keys) = keys.filter(|_| thing == row.id().uuid()) else { return Ok(None) };
        record::open(&mut save.event, &save.when, &keys, Texts::All)?;
        self.note(&mut reading, text, (row.subject(), row.owner()), row.written_by(text)).await?;
        Ok(Some(save))
    }

    /// What an entry of the activity log that the viewer may review says, with its texts open; those of a forgotten one
    /// stay closed.
    pub async fn entry(&self, happened: &Happened) -> Result<Entry, Error> {
        let (mut event, when) = (happened.event.clone(), happened.when);
        if when.log != self.log() || !self.scope.sees_entry(&event, when.subject, when.owner) {
            return Err(Error::NotFound);
        }
        let mut reading = self.reading.lock().await;
        load_keys(&mut reading, [(when.subject, when.owner)]).await?;
        if let Some(keys) = reading.keys.get((when.subject, when.owner)).filter(|keys| !keys.is_empty()) {
            record::open(&mut event, &when, keys, Texts::All)?;
        }
        if self.oneself().is_none() {
            self.load_leads(&mut reading, [when.subject]).await?;
        }
        let lead = reading.leads.get(&when.subject).copied().flatten();
        Ok(told(event.entry(), &when, (&self.scope, &self.reader), lead))
    }

    /// What the bytes of a file that the viewer sees are sealed with, once the download is entered where that leaves an entry
    /// (R3); nothing where it was forgotten.
    pub async fn file_key(&self, row: &File, part: Part) -> Result<Option<FileKey>, Error> {
        let Some(sealed) = row.key.sealed() else { return Ok(None) };
        let mut reading = self.reading.lock().await;
        let Some(keys) = self.keys(&mut reading, row).await? else { return Ok(None) };
        let (log, thing) = (self.log().uuid().into_bytes(), row.id.uuid().into_bytes());
        let place = vault::Place { log, thing, text: Kind::FileKey.word(), ordinal: 0 };
        let key = open(&keys, None, &place, sealed)
            .ok_or_else(|| Error::internal(format!("the key of {} does not open", row.id)))?;
        let (subject, owner) = (row.subject(), row.owner());
        if self.oneself().is_none() {
            self.load_leads(&mut reading, [subject]).await?;
        }
        let lead = reading.leads.get(&subject).copied().flatten();
        if domain::reading::leaves_entry(&self.scope, subject, owner, owner, lead) {
            // Nobody waits for the entry with a connection in hand.
            if let Some(snapshot) = reading.snapshot.take() {
                snapshot.close().await?;
            }
            drop(reading);
            self.app.enter_download(&self.reader, self.scope.practice, (subject, row.id), part).await?;
        }
        Ok(Some(FileKey::parse(&key)?))
    }

    /// The keys of a row that the viewer sees; nothing where its subject was forgotten.
    async fn keys<R: Row>(&self, reading: &mut Reading, row: &R) -> Result<Option<Keys>, Error> {
        let whose = (row.subject(), row.owner());
        if !self.sees(R::THING).row(whose.0, whose.1, row.shared()) {
            return Err(Error::NotFound);
        }
        load_keys(reading, [whose]).await?;
        Ok(reading.keys.get(whose).filter(|keys| !keys.is_empty()).cloned())
    }

    /// Notes that the viewer reads this kind of text, where that leaves an entry.
    async fn note(
        &self,
        reading: &mut Reading,
        text: Kind,
        (subject, owner): Whose,
        written_by: Option<PersonId>,
    ) -> Result<(), Error> {
        if self.oneself().is_none() {
            self.load_leads(reading, [subject]).await?;
        }
        let lead = reading.leads.get(&subject).copied().flatten();
        if domain::reading::leaves_entry(&self.scope, subject, written_by, owner, lead) {
            self.reader.noted.add(self.scope.practice, &self.reader, subject, text);
        }
        Ok(())
    }

    /// Loads in bulk what opening these rows' texts will need.
    pub(super) async fn prepare<R: Row>(&self, reading: &mut Reading, rows: &mut [R]) -> Result<(), Error> {
        let mut any = false;
        for row in rows.iter_mut() {
            row.secrets(&mut |_, _| any = true);
            // Who leads now: in an earlier moment its rows do not tell.
            if let Some(coachee) = (row as &dyn Any).downcast_ref::<Coachee>().filter(|_| self.then.is_none()) {
                reading.leads.insert(coachee.id.into(), coachee.lead);
            }
        }
        if !any {
            return Ok(());
        }
        load_keys(reading, rows.iter().map(|row| (row.subject(), row.owner()))).await?;
        if self.oneself().is_none() {
            self.load_leads(reading, rows.iter().map(Row::subject)).await?;
        }
        Ok(())
    }

    async fn load_leads(&self, reading: &mut Reading, of: impl IntoIterator<Item = Subject>) -> Result<(), Error> {
        // Nobody leads the practice itself.
        reading.leads.insert(self.log().into(), None);
        let mut missing: Vec<Subject> = of.into_iter().filter(|subject| !reading.leads.contains_key(subject)).collect();
        missing.sort_unstable();
        missing.dedup();
        if missing.is_empty() {
            return Ok(());
        }
        let found = leads(&self.app.inner, reading.snapshot().await?, self.log(), &missing).await?;
        reading.leads.extend(found);
        Ok(())
    }

    /// Loads in bulk what saying these entries will need.
    pub(super) async fn prepare_entries(&self, reading: &mut Reading, stored: &[store::Event]) -> Result<(), Error> {
        let whose = crate::fold::whose(stored);
        if self.oneself().is_none() {
            self.load_leads(reading, whose.iter().map(|(subject, _)| *subject)).await?;
        }
        load_keys(reading, whose).await
    }
}
