//! What is true of coaching: events, rows, folds, commands, refusals, rules and sight.
//!
//! Absent on purpose: async, the clock, randomness, I/O, SQL. A decision reads rows and gives events; a fold turns
//! events into rows; there is no other state. `features!` below is all that is central: a feature is one file that
//! declares its events, refusals, rows, fold, words and commands.
#![deny(clippy::arithmetic_side_effects)]

mod declare;
#[macro_use]
pub mod id;
pub mod access;
pub mod account;
pub mod appointment;
pub mod assessment;
pub mod authorization;
pub mod coachee;
pub mod decide;
mod edit;
pub mod entry;
pub mod file;
pub mod fold;
pub mod group;
pub mod journey;
pub mod message;
pub mod note;
pub mod notes;
pub mod notice;
pub mod plan;
pub mod practice;
pub mod question;
pub mod reading;
pub mod row;
pub mod session;
pub mod sight;
pub mod text;
pub mod timer;
pub mod value;

use declare::features;

features! {
    refusals [text as Text, account as Account, practice as Practice, coachee as Coachee, plan as Plan, group as Group, authorization as Authorization, notes as Notes, session as Session, assessment as Assessment, question as Question, note as Note, file as File, message as Message, appointment as Appointment, notice as Notice]
    account as Account version 2 {
        address: account::Address, account: account::Account, login: account::Login, portal: account::PortalOf,
        access_token: account::AccessToken, google_account: account::GoogleAccount
    }
    practice as Practice version 2 {
        practice: practice::Practice, member: practice::Member, coach_invitation: practice::CoachInvitation, access: practice::Access
    }
    coachee as Coachee version 5 {
        coachee: coachee::Coachee, coachee_email: coachee::CoacheeEmail, coachee_invitation: coachee::Invitation,
        activation: coachee::Activation, coachee_word: coachee::SearchWord
    }
    group as Group version 1 { group: group::Group, group_member: group::Membership }
    plan as Plan version 3 {
        goal: plan::Goal, milestone: plan::Milestone, action: plan::Action, action_series: plan::ActionSeries,
        comment: plan::Comment, action_thread: plan::ActionThread
    }
    authorization as Authorization version 1 { authorization: authorization::Authorization, unit: authorization::Unit }
    session as Session version 4 {
        session: session::Session, notes: session::Notes, next_step: session::NextStep, self_rating: session::SelfRating
    }
    assessment as Assessment version 1 {
        assessment_template: assessment::Template, assessment: assessment::Assessment, assessment_draft: assessment::Draft
    }
    question as Question version 1 { question: question::Question, question_comment: question::QuestionComment }
    note as Note version 1 { note: note::Note, note_text: note::Body, note_comment: note::Comment }
    file as File version 1 { file: file::File }
    message as Message version 1 { conversation: message::Conversation, message: message::Message }
    appointment as Appointment version 2 { appointment: appointment::Appointment, calendar_feed: appointment::CalendarFeed }
    reading as Reading version 1 { reading: reading::Reading }
    notice as Notice version 1 {
        notice: notice::Notice, notice_board: notice::Board, notice_preferences: notice::Preferences
    }
}

pub use decide::{Actor, Command, Decide, Decision, Facts, Stop};

impl Event {
    /// Whom the event means to forget: their texts up to it are made unreadable, and count no more. The engine does it.
    pub fn forgets(&self) -> Option<id::Subject> {
        if let Self::Coachee(coachee::Event::Erased { coachee, .. }) = self {
            Some((*coachee).into())
        } else if let Self::Account(account::Event::Deleted { person }) = self {
            Some((*person).into())
        } else if let Self::Account(account::Event::AddressReleased { address, .. }) = self {
            Some((*address).into())
        } else {
            None
        }
    }
}
