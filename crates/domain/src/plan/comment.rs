//! Comments on actions: brief feedback and questions between the two sides (S2.18, S3.9).
//!
//! Whoever sees an action sees its comments and may write one; each is its author's to change and to take back. They go
//! with their action: the thread says which there are.

use serde::{Deserialize, Serialize};

use super::{Action, Event, Maker, Refusal};
use crate::Rows;
use crate::access::Deed;
use crate::coachee::Coachee;
use crate::decide::{Command, Decision, Facts, Stop, shows};
use crate::declare::row;
use crate::edit::rewritten;
use crate::fold::When;
use crate::id::{ActionId, CoacheeId, CommentId, PersonId};
use crate::text::{self, Confidential};
use crate::value::Time;

/// How many comments an action can have.
pub const COMMENTS_MAX: usize = 500;

/// What somebody said about an action.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Comment {
    /// Its id.
    pub id: CommentId,
    /// On what.
    pub action: ActionId,
    /// Whose action it is.
    pub coachee: CoacheeId,
    /// What was said.
    pub text: Confidential<text::Comment>,
    /// As what.
    pub by: Maker,
    /// By whom; nobody where the product said it.
    pub author: Option<PersonId>,
    /// When.
    pub at: Time,
    /// When its author last changed it, if they did.
    pub changed_at: Option<Time>,
}
row! { Comment in comment, seen as Plan, id id: CommentId, subject |r| r.coachee, written by |r, _| r.author,
columns |r| [action: ActionId = r.action, said_at: Time = r.at], sealed [text] }

/// Which comments an action has: what deleting it takes away.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ActionThread {
    /// The action.
    pub id: ActionId,
    /// Whose.
    pub coachee: CoacheeId,
    /// The comments, as they came.
    pub comments: Vec<CommentId>,
}
row! { ActionThread in action_thread, seen as Internal, id id: ActionId, subject |r| r.coachee }

/// A comment came.
pub(super) fn add(
    rows: &mut Rows,
    when: &When,
    (id, action, coachee): (CommentId, ActionId, CoacheeId),
    text: &Confidential<text::Comment>,
    by: Maker,
) {
    let (text, author, at) = (text.clone(), when.actor, when.at);
    rows.put(Comment { id, action, coachee, text, by, author, at, changed_at: None });
    rows.upsert(action, |row: Option<ActionThread>| {
        let mut row = row.unwrap_or(ActionThread { id: action, coachee, comments: Vec::new() });
        row.comments.push(id);
        Some(row)
    });
    rows.edit(action, |row: &mut Action| row.comments.add_one());
}

/// A comment was taken back.
pub(super) fn remove(rows: &mut Rows, id: CommentId, action: ActionId) {
    rows.delete::<Comment>(id);
    rows.upsert(action, |row: Option<ActionThread>| {
        let mut row = row?;
        row.comments.retain(|it| *it != id);
        (!row.comments.is_empty()).then_some(row)
    });
    rows.edit(action, |row: &mut Action| row.comments.take_one());
}

/// An action went, and its thread with it.
pub(super) fn remove_all(rows: &mut Rows, action: ActionId, comments: &[CommentId]) {
    for comment in comments {
        rows.delete::<Comment>(*comment);
    }
    if !comments.is_empty() {
        rows.delete::<ActionThread>(action);
    }
}

/// Says something about an action: either side.
#[derive(Debug)]
pub struct CommentOnAction {
    /// Its id.
    pub comment: CommentId,
    /// On what.
    pub action: ActionId,
    /// What is said.
    pub text: text::Comment,
}

impl Command for CommentOnAction {
    shows!(Comment comment);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let thread = facts.find::<ActionThread>(self.action);
        let (action, there) = (facts.get::<Action>(self.action), facts.find::<Comment>(self.comment));
        let action = action?;
        let coachee = facts.get::<Coachee>(action.coachee)?;
        let decision = facts.allow(Deed::ChangePlan, action.coachee)?;
        if there?.is_some() {
            return Err(Refusal::AlreadyThere.into());
        }
        if thread?.is_some_and(|thread| thread.comments.len() >= COMMENTS_MAX) {
            return Err(Refusal::TooManyComments.into());
        }
        Ok(decision.with(Event::CommentAdded {
            comment: self.comment,
            action: self.action,
            coachee: action.coachee,
            text: Confidential::new(self.text.clone()),
            by: Maker::of(facts, coachee),
        }))
    }
}

/// A comment that the actor wrote. To everybody else who sees it, it is forbidden.
fn ones_own<'a>(facts: &Facts<'a>, comment: CommentId) -> Result<(&'a Comment, Decision), Stop> {
    let row = facts.get::<Comment>(comment)?;
    let decision = facts.allow(Deed::ChangePlan, row.coachee)?;
    let is_theirs = row.author.is_some() && row.author == facts.actor.person();
    if is_theirs { Ok((row, decision)) } else { Err(Stop::Forbidden) }
}

/// Changes one's own comment.
#[derive(Debug)]
pub struct UpdateComment {
    /// Which.
    pub comment: CommentId,
    /// What is said instead.
    pub text: text::Comment,
}

impl Command for UpdateComment {
    shows!(Comment comment);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let (row, decision) = ones_own(facts, self.comment)?;
        let text = rewritten(facts, row, &row.text, Some(&self.text))?;
        Ok(decision.with_all(text.map(|text| Event::CommentChanged {
            comment: self.comment,
            action: row.action,
            text,
        })))
    }
}

/// Takes one's own comment back.
#[derive(Debug)]
pub struct DeleteComment {
    /// Which.
    pub comment: CommentId,
}

impl Command for DeleteComment {
    shows!(Comment comment);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let (row, decision) = ones_own(facts, self.comment)?;
        Ok(decision.with(Event::CommentDeleted { comment: self.comment, action: row.action }))
    }
}
