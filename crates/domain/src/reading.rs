//! The access log: who read which kind of whose confidential texts, when and through what (promise R3).
//!
//! Each practice has one, a log of its own beside the practice's, so that reading waits for no writer and writing for no
//! reader. It holds no text and needs no key. What holds here:
//! * [`leaves_entry`] is the one rule of who leaves one. Author and addressee do not: a text is addressed to the coachee
//!   whom it is about and to the coach who leads them. Everybody else who may see it does: owner, managers, and coaches
//!   with access. Where it is not known for sure that one person alone wrote a text, nobody is its author: an entry too
//!   many is better than one too few;
//! * there is one entry for each reader, subject and kind of text in [`WINDOW_MINUTES`], decided under the log's head, so
//!   that several readings at once, or on several nodes, leave one;
//! * a download leaves one each time ([`EnterDownload`]), and names the file; a small later part belongs to the download of
//!   the last minutes;
//! * who was read about reviews what they could have read themselves. That there is a synopsis, and that notes are read,
//!   is kept from them like the texts.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::Rows;
use crate::access::Deed;
use crate::decide::{About, Actor, Command, Decision, Facts, Stop};
use crate::declare::{events, row};
use crate::entry::Entry;
use crate::fold::When;
use crate::id::{FileId, PersonId, ReadingId, Subject};
use crate::sight::{Scope, Side};
use crate::text::Kind;
use crate::value::Time;

/// For how many minutes an entry stands for all that its reader reads of that kind and subject.
pub const WINDOW_MINUTES: i64 = 15;

events! {
    /// What somebody read. The actor is the reader, the subject whom the text is about.
    pub enum Event {
        /// Somebody who is neither author nor addressee read a text that its coachee reads as well.
        "reading.of_shared" as "read" OfShared sees Profile { reading: ReadingId, text: Kind },
        /// The same of a text that only coaches read.
        "reading.of_file" as "read_file" OfFile sees File { reading: ReadingId, text: Kind },
        /// Somebody who is neither its owner nor its addressee downloaded a file that is shared.
        "reading.of_download" as "download" Downloaded sees Profile { reading: ReadingId, file: FileId },
    }
}

/// When somebody last left an entry about a kind of somebody's texts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reading {
    /// Derived from reader, subject and kind.
    pub id: ReadingId,
    /// Whom the text is about.
    pub subject: Subject,
    /// When the entry was left.
    pub at: Time,
}
row! { Reading in reading, seen as Internal, id id: ReadingId, subject |r| r.subject }

/// Folds an event of this feature.
pub fn fold(event: &Event, when: &When, rows: &mut Rows) {
    match event {
        Event::OfShared { reading, .. } | Event::OfFile { reading, .. } | Event::Downloaded { reading, .. } => {
            rows.put(Reading { id: *reading, subject: when.subject, at: when.at });
        }
    }
}

/// The words of the activity log.
pub fn entry(event: &Event) -> Entry {
    match event {
        Event::OfShared { text, .. } | Event::OfFile { text, .. } => Entry::default().set("text", text),
        Event::Downloaded { file, .. } => Entry::default().set("text", &Kind::FileKey).set("file", file),
    }
}

crate::entry::words! {
    Kind: |it| Kind::word(*it).to_owned();
    FileId: |it| it.to_string();
}

/// The kind that an entry names: the steps in which notes are stored are notes.
pub const fn named(text: Kind) -> Kind {
    match text {
        Kind::Notes | Kind::NotesPatch => Kind::Notes,
        Kind::NoteText | Kind::NotePatch => Kind::NoteText,
        Kind::Name
        | Kind::LastName
        | Kind::Email
        | Kind::Agent
        | Kind::Phone
        | Kind::ProfessionalTitle
        | Kind::Link
        | Kind::VideoLink
        | Kind::BookingLink
        | Kind::Title
        | Kind::Description
        | Kind::Comment
        | Kind::ActiveGoal
        | Kind::Synopsis
        | Kind::Step
        | Kind::Number
        | Kind::Rating
        | Kind::Reflection
        | Kind::Form
        | Kind::Answers
        | Kind::QuestionWords
        | Kind::QuestionAnswer
        | Kind::QuestionComment
        | Kind::NoteComment
        | Kind::FileName
        | Kind::FileKey
        | Kind::Message
        | Kind::Place
        | Kind::MeetingLink
        | Kind::Source => text,
    }
}

/// Whether the coachee whom a text of this kind is about reads it as well, and so reviews who else did.
const fn is_shared(text: Kind) -> bool {
    match text {
        Kind::Title | Kind::Description | Kind::Comment | Kind::ActiveGoal | Kind::Step => true,
        Kind::Form | Kind::Answers => true,
        Kind::QuestionWords | Kind::QuestionAnswer | Kind::QuestionComment => true,
        // A coach's own note has no other reader than its author; of those that a coachee shared, the coachee learns.
        Kind::NoteText | Kind::NotePatch | Kind::NoteComment | Kind::Message => true,
        // Likewise a private file, which only its owner reads.
        Kind::FileName | Kind::FileKey => true,
        Kind::Place | Kind::MeetingLink => true,
        Kind::Synopsis
        | Kind::Notes
        | Kind::NotesPatch
        | Kind::Number
        | Kind::Rating
        | Kind::Reflection
        | Kind::Source
        | Kind::Name
        | Kind::LastName
        | Kind::Email
        | Kind::Agent
        | Kind::Phone
        | Kind::ProfessionalTitle
        | Kind::Link
        | Kind::VideoLink
        | Kind::BookingLink => false,
    }
}

/// Whether it leaves an entry when this viewer reads a text: unless they wrote it, alone own it, lead the coachee whom it
/// is about, or are that coachee.
pub fn leaves_entry(
    viewer: &Scope,
    subject: Subject,
    written_by: Option<PersonId>,
    owner: Option<PersonId>,
    lead: Option<PersonId>,
) -> bool {
    match &viewer.side {
        // In a coachee's portal all is about the viewer.
        Side::Coachee(..) => false,
        // What is the practice's own is about nobody.
        Side::Manager | Side::Coach(_) if subject == viewer.practice.into() => false,
        Side::Manager | Side::Coach(_) => ![written_by, owner, lead].contains(&Some(viewer.person)),
    }
}

/// Enters what somebody is about to read, where no entry of the last minutes stands for it.
#[derive(Debug)]
pub struct EnterReadings {
    /// Who reads: the actor.
    pub reader: PersonId,
    /// About whom, and which kinds of text; each pair once.
    pub readings: Vec<(Subject, Kind)>,
}

impl Command for EnterReadings {
    type Thing = Reading;
    fn thing(&self) -> ReadingId {
        let first = self.readings.first().copied().unwrap_or((self.reader.into(), Kind::Notes));
        ReadingId::by(self.reader, first.0, first.1)
    }
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let readings = self.readings.iter().map(|(subject, text)| (*subject, *text));
        let known = readings.map(|(subject, text)| {
            let reading = ReadingId::by(self.reader, subject, text);
            (subject, text, reading, facts.find::<Reading>(reading))
        });
        // All are asked for before the first is looked at: one round of loading.
        let known: Vec<_> = known.collect();
        let mut decision = facts.allow(Deed::EnterReading, About::Log)?;
        if facts.actor != Actor::Person(self.reader) {
            return Err(Stop::Forbidden);
        }
        for (subject, text, reading, last) in known {
            if last?.is_some_and(|last| facts.now < last.at.plus_minutes(WINDOW_MINUTES)) {
                continue;
            }
            let event =
                if is_shared(text) { Event::OfShared { reading, text } } else { Event::OfFile { reading, text } };
            decision = decision.about(subject).with(event);
        }
        Ok(decision)
    }
}

/// Which part of a download.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Its beginning, or most of it.
    Begins,
    /// A later part, such as a player asks for.
    GoesOn,
}

impl Part {
    /// Which one these of so many bytes are. Most of a file is a download of its own, whatever it leaves out.
    pub const fn of(bytes: &Range<u64>, size: u64) -> Self {
        let is_most = bytes.end.saturating_sub(bytes.start) > size / 2;
        if bytes.start == 0 || is_most { Self::Begins } else { Self::GoesOn }
    }
}

/// Enters that somebody is about to download a file: always where it begins; a later part only where no entry of the last
/// minutes stands for it.
#[derive(Debug)]
pub struct EnterDownload {
    /// Who downloads: the actor.
    pub reader: PersonId,
    /// About whom the file is.
    pub subject: Subject,
    /// Which.
    pub file: FileId,
    /// Which part of it.
    pub part: Part,
}

impl Command for EnterDownload {
    type Thing = Reading;
    fn thing(&self) -> ReadingId {
        ReadingId::of_download(self.reader, self.file)
    }
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let reading = ReadingId::of_download(self.reader, self.file);
        let last = facts.find::<Reading>(reading)?;
        let decision = facts.allow(Deed::EnterReading, About::Log)?;
        if facts.actor != Actor::Person(self.reader) {
            return Err(Stop::Forbidden);
        }
        let stands = last.is_some_and(|last| facts.now < last.at.plus_minutes(WINDOW_MINUTES));
        if stands && self.part == Part::GoesOn {
            return Ok(decision);
        }
        Ok(decision.about(self.subject).with(Event::Downloaded { reading, file: self.file }))
    }
}
