//! Calendars: what a person's calendar program reads from their address, and what mails carry of an appointment.
//!
//! The address is a secret: whoever has it reads as its person, through the same views as everywhere, so that somebody
//! who lost a portal or a coachee finds nothing of them any more, and what they read of others' words is entered in the
//! access log. A person's calendar has their own appointments: as a coach those that they hold, as a coachee their own.

pub(crate) mod ics;

use std::collections::HashMap;

use domain::account::Portal;
use domain::appointment::{Appointment, CalendarFeed};
use domain::coachee::Coachee;
use domain::id::{CoacheeId, Id as _, LogId, PersonId};
use domain::text::Text as _;

use self::ics::{Entry, Words};
use crate::record::Through;
use crate::tokens::{self, Kind};
use crate::view::{Direction, Filter, Value, Wanted};
use crate::{App, Error, Reader, View};

/// How many days back a calendar goes.
const DAYS_BACK: i64 = 92;
/// How many appointments a calendar has of a portal at most: those that end first, from then on.
const APPOINTMENTS_MAX: u32 = 1_000;

impl App {
    /// That somebody's calendar has an address, where it has one.
    ///
    /// # Errors
    /// Where the storage fails.
    pub async fn calendar_feed(&self, person: PersonId) -> Result<Option<CalendarFeed>, Error> {
        let log = LogId::Account(person);
        let Some((mut snapshot, _)) = self.snapshot_of(log).await? else { return Ok(None) };
        let row = self.inner.row::<CalendarFeed>(&mut snapshot, log, person).await?;
        snapshot.close().await?;
        Ok(row)
    }

    /// The calendar at the address that ends in this token, as RFC 5545 writes it; nothing where there is none (any more).
    ///
    /// # Errors
    /// Where the storage fails, and where what is read cannot be entered in the access log.
    pub async fn calendar(&self, token: &str) -> Result<Option<String>, Error> {
        let Some((LogId::Account(person), hash)) = tokens::parse(Kind::CalendarFeed, token) else { return Ok(None) };
        let feed = self.calendar_feed(person).await?;
        if !feed.is_some_and(|feed| vault::same_hash(&feed.hash, &hash)) {
            return Ok(None);
        }
        let reader = Reader::new(person, Through::Link);
        let portals = match self.account(person).await {
            Ok((_, portals, _)) => portals,
            // The account was deleted just now.
            Err(Error::Unauthenticated) => return Ok(None),
            Err(other) => return Err(other),
        };
        let mut entries = Vec::new();
        for portal in portals {
            match self.view(&reader, portal.practice, portal.portal, None).await {
                Ok(view) => {
                    let found = own(&view, portal.portal).await;
                    view.close().await?;
                    entries.extend(found?);
                }
                // A portal that was taken away has no appointments.
                Err(Error::NotFound) => {}
                Err(other) => return Err(other),
            }
        }
        let text = ics::calendar("PUBLISH", &entries)?;
        self.enter(&reader.noted).await?;
        Ok(Some(text))
    }
}

/// The viewer's own appointments in a portal.
async fn own(view: &View, portal: Portal) -> Result<Vec<Entry>, Error> {
    let since = view.now().plus_days(-DAYS_BACK);
    let mut filters = vec![Filter::Ge("last_end".to_owned(), Value::Int(since.0))];
    if portal == Portal::Coach {
        let me = view.scope.person.uuid().as_bytes().to_vec();
        filters.push(Filter::Eq("coach".to_owned(), Value::Bytes(me)));
    }
    let order = vec![("last_end", Direction::Ascending)];
    let wanted = Wanted { filters, order, limit: APPOINTMENTS_MAX, ..Wanted::default() };
    let rows: Vec<Appointment> = view.list(&wanted).await?.rows.into_iter().map(|(row, _)| row).collect();
    let names = names(view, portal, &rows).await?;
    let mut entries = Vec::with_capacity(rows.len());
    for row in rows {
        let words = words(view, &row).await?;
        let with = names.get(&with(portal, &row)).cloned();
        entries.push(Entry { row, words: Words { with, ..words }, people: None });
    }
    Ok(entries)
}

/// Who the other one is.
fn with(portal: Portal, row: &Appointment) -> uuid::Uuid {
    match portal {
        Portal::Coach => row.coachee.uuid(),
        Portal::Coachee => row.coach.uuid(),
    }
}

/// The names of the other ones.
async fn names(view: &View, portal: Portal, rows: &[Appointment]) -> Result<HashMap<uuid::Uuid, String>, Error> {
    let mut ids: Vec<uuid::Uuid> = rows.iter().map(|row| with(portal, row)).collect();
    ids.sort_unstable();
    ids.dedup();
    Ok(match portal {
        Portal::Coach => {
            let ids: Vec<CoacheeId> = ids.into_iter().map(CoacheeId::of).collect();
            let found = view.many::<Coachee>(&ids).await?;
            found.into_iter().map(|row| (row.id.uuid(), row.full_name())).collect()
        }
        Portal::Coachee => {
            let ids: Vec<PersonId> = ids.into_iter().map(PersonId::of).collect();
            let found = view.coach_names(&ids).await?;
            found.into_iter().map(|(id, name)| (id.uuid(), name.as_str().to_owned())).collect()
        }
    })
}

/// An appointment's words, for a viewer who sees them.
pub(crate) async fn words(view: &View, row: &Appointment) -> Result<Words, Error> {
    let place = match &row.place {
        Some(place) => view.read(row, place).await?,
        None => None,
    };
    let link = match &row.link {
        Some(link) => view.read(row, link).await?,
        None => None,
    };
    Ok(Words { title: view.read(row, &row.title).await?, place, link, with: None })
}
