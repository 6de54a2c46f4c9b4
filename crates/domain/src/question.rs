//! Coaching questions: what a coach asks a coachee to think about between sessions, what the coachee answers, and what
//! both say about it (S2.16, S3.2).
//!
//! An answer may be given anew; the log keeps what was said before. Comments belong to both sides.

use serde::{Deserialize, Serialize};

use crate::access::Deed;
use crate::coachee::Coachee;
use crate::decide::{Command, Decision, Facts, Stop, shows};
use crate::declare::{events, row};
use crate::edit::rewritten;
use crate::entry::Entry;
use crate::fold::When;
use crate::id::{CoacheeId, PersonId, QuestionCommentId, QuestionId};
use crate::text::{Change, Confidential, Kind, QuestionAnswer, QuestionComment as CommentText, QuestionWords};
use crate::value::{Count, Date, Time};
use crate::{Rows, refusals};

/// How many questions can be assigned at once.
pub const MOST_AT_ONCE: usize = 20;
/// How many comments a question can have.
pub const MOST_COMMENTS: u32 = 500;

events! {
    /// What happens to coaching questions.
    pub enum Event {
        /// A coachee was asked something.
        "question.assigned" as "question_assign" Assigned sees Question {
            question: QuestionId, coachee: CoacheeId, words: Confidential<QuestionWords>, due: Option<Date>
        },
        /// The coachee answered, for the first time or anew.
        "question.answered" as "question_answer" Answered sees Question {
            question: QuestionId, coachee: CoacheeId, answer: Change<Confidential<QuestionAnswer>>
        },
        /// Somebody said something about it.
        "question.commented" as "question_comment" Commented sees Question {
            comment: QuestionCommentId, question: QuestionId, coachee: CoacheeId, text: Confidential<CommentText>
        },
    }
}

refusals! {
    /// Why something about a coaching question was refused.
    pub enum Refusal {
        /// The id is in use.
        AlreadyThere "QUESTION_EXISTS" "This question or comment has been added before.",
        /// None, or too many.
        NotSoMany "QUESTIONS_ARE_TOO_MANY" "Assign 1 to 20 questions at once.",
        /// Talk instead.
        TooManyComments "QUESTION_COMMENTS_ARE_TOO_MANY" "This question has 500 comments. Go on in a message or in a session.",
    }
}

/// A coaching question.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Question {
    /// Its id.
    pub id: QuestionId,
    /// Who is asked.
    pub coachee: CoacheeId,
    /// What is asked.
    pub words: Confidential<QuestionWords>,
    /// Until when an answer is hoped for.
    pub due: Option<Date>,
    /// Who asks.
    pub asked_by: Option<PersonId>,
    /// Since when.
    pub asked_at: Time,
    /// The answer as it stands.
    pub answer: Option<Confidential<QuestionAnswer>>,
    /// Who gave it.
    pub answered_by: Option<PersonId>,
    /// When it was given or changed last.
    pub answered_at: Option<Time>,
    /// How many comments there are.
    pub comments: Count,
}
row! { Question in question, seen as Question, id id: QuestionId, subject |r| r.coachee,
written by |r, text| if text == Kind::QuestionAnswer { r.answered_by } else { r.asked_by },
columns |r| [asked_at: Time = r.asked_at, answered: bool = r.answered_at.is_some()], sealed [words, answer] }

/// What somebody said about a coaching question.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct QuestionComment {
    /// Its id.
    pub id: QuestionCommentId,
    /// About which question.
    pub question: QuestionId,
    /// Whose question that is.
    pub coachee: CoacheeId,
    /// What was said.
    pub text: Confidential<CommentText>,
    /// Who said it.
    pub author: Option<PersonId>,
    /// When.
    pub at: Time,
}
row! { QuestionComment in question_comment, seen as Question, id id: QuestionCommentId, subject |r| r.coachee,
written by |r, _| r.author, columns |r| [question: QuestionId = r.question, at: Time = r.at], sealed [text] }

/// Folds an event of this feature.
pub fn fold(event: &Event, when: &When, rows: &mut Rows) {
    match event {
        Event::Assigned { question, coachee, words, due } => rows.put(Question {
            id: *question,
            coachee: *coachee,
            words: words.clone(),
            due: *due,
            asked_by: when.actor,
            asked_at: when.at,
            answer: None,
            answered_by: None,
            answered_at: None,
            comments: Count::default(),
        }),
        Event::Answered { question, answer, .. } => rows.edit(*question, |row: &mut Question| {
            row.answer = Some(answer.now.clone());
            row.answered_by = when.actor;
            row.answered_at = Some(when.at);
        }),
        Event::Commented { comment, question, coachee, text } => {
            rows.put(QuestionComment {
                id: *comment,
                question: *question,
                coachee: *coachee,
                text: text.clone(),
                author: when.actor,
                at: when.at,
            });
            rows.edit(*question, |row: &mut Question| row.comments.add_one());
        }
    }
}

/// The words of the activity log.
pub fn entry(event: &Event) -> Entry {
    match event {
        Event::Assigned { words, due, .. } => Entry::default().set("words", words).set("dueOn", due),
        Event::Answered { answer, .. } => Entry::default().edit("answer", Some(answer)),
        Event::Commented { text, .. } => Entry::default().set("text", text),
    }
}

/// Asks a coachee some questions.
#[derive(Debug)]
pub struct AssignQuestions {
    /// Whom.
    pub coachee: CoacheeId,
    /// What, in order.
    pub questions: Vec<(QuestionId, QuestionWords)>,
    /// Until when an answer is hoped for.
    pub due: Option<Date>,
}

impl Command for AssignQuestions {
    shows!(Coachee coachee);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let coachee = facts.get::<Coachee>(self.coachee);
        let there: Vec<_> = self.questions.iter().map(|(id, _)| facts.find::<Question>(*id)).collect();
        coachee?;
        let decision = facts.allow(Deed::Assign, self.coachee)?;
        if !(1..=MOST_AT_ONCE).contains(&self.questions.len()) {
            return Err(Refusal::NotSoMany.into());
        }
        for there in there {
            if there?.is_some() {
                return Err(Refusal::AlreadyThere.into());
            }
        }
        let assigned = self.questions.iter().map(|(question, words)| Event::Assigned {
            question: *question,
            coachee: self.coachee,
            words: Confidential::new(words.clone()),
            due: self.due,
        });
        Ok(decision.with_all(assigned))
    }
}

/// Answers a question, or answers it anew. The same again changes nothing.
#[derive(Debug)]
pub struct AnswerQuestion {
    /// Which.
    pub question: QuestionId,
    /// What.
    pub answer: QuestionAnswer,
}

impl Command for AnswerQuestion {
    shows!(Question question);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.get::<Question>(self.question)?;
        let decision = facts.allow(Deed::AnswerAssessments, row.coachee)?;
        let answer = match &row.answer {
            Some(lies) => rewritten(facts, row, lies, Some(&self.answer))?,
            None => Some(Change { was: None, now: Confidential::new(self.answer.clone()) }),
        };
        let answered = answer.map(|answer| Event::Answered { question: self.question, coachee: row.coachee, answer });
        Ok(decision.with_all(answered))
    }
}

/// Says something about a question: either side.
#[derive(Debug)]
pub struct CommentOnQuestion {
    /// The comment's id.
    pub comment: QuestionCommentId,
    /// About which.
    pub question: QuestionId,
    /// What.
    pub text: CommentText,
}

impl Command for CommentOnQuestion {
    shows!(QuestionComment comment);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let (row, there) = (facts.get::<Question>(self.question), facts.find::<QuestionComment>(self.comment));
        let (row, there) = (row?, there?);
        let decision = facts.allow(Deed::DiscussQuestions, row.coachee)?;
        if there.is_some() {
            return Err(Refusal::AlreadyThere.into());
        }
        if row.comments.0 >= MOST_COMMENTS {
            return Err(Refusal::TooManyComments.into());
        }
        let text = Confidential::new(self.text.clone());
        let (comment, question, coachee) = (self.comment, self.question, row.coachee);
        Ok(decision.with(Event::Commented { comment, question, coachee, text }))
    }
}
