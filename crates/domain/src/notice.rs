//! Notices: what somebody is told of what another did, in the app and by mail (S2.21, S2.22, S2.28, S2.30, S3.11, S3.13,
//! S3.16, S3.18, S3.20).
//!
//! `rules` is the one table of what is news to whom. A reaction turns each event that is news into a command in the same
//! log ([`Raise`]), which appends an event of its own: so a notice is in the practice's order, folded, followed, replayed
//! and erased like everything else. What holds here:
//! * a notice is about a coachee and belongs to its recipient, who alone sees it; it holds no text of anybody, only what
//!   kind of thing changed, which of its fields, and by whom;
//! * its id derives from the event that it tells of, so that a reaction that is repeated raises nothing twice;
//! * whether it is shown, and whether and when it is mailed, is decided when it is raised, by what the recipient prefers
//!   ([`Preferences`], which lie in their account's log) and stands in the event; whether the mail still makes sense is
//!   looked at once more when it is sent;
//! * how many are unread is kept by the fold, coachee by coachee, so that the number stays right when one is erased.

mod preferences;
mod raise;
mod rules;

use serde::{Deserialize, Serialize};

pub use preferences::{
    Channel, DayTime, Preferences, Quiet, SetPreferences, Silenced, Unsubscribe, Unsubscription, Want,
};
pub use raise::{Mailing, Raise, ReadNotices};
pub use rules::{Changed, For, Kind, Matter, News, ORIGIN_READS, Origin, READS, To, news, told};

use crate::Rows;
use crate::declare::{events, row};
use crate::entry::Entry;
use crate::fold::When;
use crate::id::{BoardId, CoacheeId, Id as _, LogId, NoticeId, PersonId};
use crate::refusals;
use crate::value::{Time, Zone};

/// Of what happened so many days ago, or earlier, nobody is told any more: a version of the program that knows a new kind
/// of notice does not tell of the past.
pub const NEWS_DAYS: i64 = 7;
/// How many notices can be marked as read at once.
pub const READ_MAX: usize = 500;

events! {
    /// What happens to notices, and to what people prefer of them.
    pub enum Event {
        /// Somebody is told of what another did. It belongs to who is told.
        "notice.raised" as "notice_raise" Raised sees Notice {
            notice: NoticeId, kind: Kind, about: Matter, changed: Vec<Changed>, by: PersonId, cause: u64, is_shown: bool, mailing: Mailing
        },
        /// Its recipient has read these.
        "notice.read" as "notice_read" Read sees Notice { board: BoardId, notices: Vec<NoticeId> },
        /// Somebody chose which notices reach them, how and when. It lies in their account's log.
        "notice.preferences_set" as "notification_preferences_set" PreferencesSet sees Internal {
            person: PersonId, silenced: Vec<Silenced>, quiet: Option<Quiet>, digest: Option<DayTime>, zone: Option<Zone>
        },
        /// Somebody took themself off such mails, by the link in one.
        "notice.unsubscribed" as "notification_unsubscribe" Unsubscribed sees Internal { person: PersonId, from: Unsubscription },
    }
}

refusals! {
    /// Why something about notices was refused.
    pub enum Refusal {
        /// Nothing was named, or two things.
        NotOneChoice "NOTIFICATIONS_ARE_NOT_CHOSEN" "Name the notifications that were read, or the position up to which all were: one of the two.",
        /// More than one command takes.
        TooMany "TOO_MANY_NOTIFICATIONS" "At most 500 notifications can be marked as read at once.",
        /// Not a time of day.
        NotATimeOfDay "NOT_A_TIME_OF_DAY" "This must be a time of day such as 21:30.",
        /// The product mails of it otherwise.
        IsNotMailed "NOTIFICATION_IS_NOT_MAILED" "Notifications of this kind are in the portal only: appointments have mails of their own, which are always sent.",
        /// They would end when they begin.
        QuietHoursAreEmpty "QUIET_HOURS_ARE_EMPTY" "Quiet hours end at another time of day than they begin.",
    }
}

/// Something that somebody is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Notice {
    /// Derived from the event that it tells of.
    pub id: NoticeId,
    /// Whom it is about.
    pub coachee: CoacheeId,
    /// Who is told.
    pub recipient: PersonId,
    /// What happened.
    pub kind: Kind,
    /// To what.
    pub about: Matter,
    /// Which of its fields changed.
    pub changed: Vec<Changed>,
    /// Who did it.
    pub by: PersonId,
    /// The position of the event that it tells of.
    pub cause: u64,
    /// Its own position.
    pub seq: u64,
    /// When it was raised.
    pub at: Time,
    /// Whether its recipient wants it in the app.
    pub is_shown: bool,
    /// Whether its recipient has not marked it as read.
    pub is_unread: bool,
    /// Whether and when it is mailed.
    pub mailing: Mailing,
}
row! { Notice in notice, seen as Notice, id id: NoticeId, subject |r| r.coachee, owner |r| Some(r.recipient),
columns |r| [
    seq: u64 = r.seq,
    kind: Kind = r.kind,
    shown: bool = r.is_shown,
    unread: bool = r.is_unread,
    digest: Time = r.mailing.digest().unwrap_or_default(),
] }

/// How many unread notices about one coachee somebody has.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Board {
    /// Derived from both.
    pub id: BoardId,
    /// Whom the notices are about.
    pub coachee: CoacheeId,
    /// Whose they are.
    pub recipient: PersonId,
    /// How many are unread.
    pub unread: u32,
}
row! { Board in notice_board, seen as Notice, id id: BoardId, subject |r| r.coachee, owner |r| Some(r.recipient),
columns |r| [unread: u32 = r.unread] }

/// Folds an event of this feature.
pub fn fold(event: &Event, when: &When, rows: &mut Rows) {
    match event {
        Event::Raised { notice, kind, about, changed, by, cause, is_shown, mailing } => {
            let Some(recipient) = when.owner else { return };
            let coachee = CoacheeId::of(when.subject.uuid());
            rows.put(Notice {
                id: *notice,
                coachee,
                recipient,
                kind: *kind,
                about: *about,
                changed: changed.clone(),
                by: *by,
                cause: *cause,
                seq: when.seq,
                at: when.at,
                is_shown: *is_shown,
                is_unread: true,
                mailing: *mailing,
            });
            if *is_shown {
                let id = BoardId::of_both(recipient, coachee);
                rows.upsert(id, move |was: Option<Board>| {
                    let unread = was.map_or(0, |was| was.unread).saturating_add(1);
                    Some(Board { id, coachee, recipient, unread })
                });
            }
        }
        Event::Read { board, notices } => {
            for notice in notices {
                rows.edit(*notice, |row: &mut Notice| row.is_unread = false);
            }
            let read = u32::try_from(notices.len()).unwrap_or(u32::MAX);
            rows.edit(*board, move |row: &mut Board| row.unread = row.unread.saturating_sub(read));
        }
        Event::PreferencesSet { .. } | Event::Unsubscribed { .. } => preferences::fold(event, rows),
    }
}

/// The words of the activity log.
pub fn entry(event: &Event) -> Entry {
    match event {
        Event::Raised { kind, .. } => Entry::default().set("kind", kind),
        Event::Read { notices, .. } => Entry::default().set("count", &u32::try_from(notices.len()).unwrap_or(u32::MAX)),
        Event::PreferencesSet { .. } => Entry::default(),
        Event::Unsubscribed { .. } => Entry::default(),
    }
}

crate::entry::words! {
    Kind: |it| Kind::word(*it).to_owned();
}

/// The id of the notice of an event, for the coach's or the coachee's side: also where another is the coach meanwhile.
pub fn notice_id(log: LogId, cause: u64, to: To) -> NoticeId {
    let side = match to {
        To::Lead => "lead",
        To::Coachee => "coachee",
        To::Coach => "coach",
    };
    NoticeId::of(uuid::Uuid::new_v5(&log.uuid(), format!("notice {cause} {side}").as_bytes()))
}
