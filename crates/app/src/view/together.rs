//! Asking together: what a request's resolvers ask one by one is read with one statement.
//!
//! Twenty goals of a page ask each for its milestones, in twenty resolvers that know nothing of each other. All of them
//! run in one task, and all of their readings need the view's one connection. So a question is first put down, and then
//! waits for the connection. Whoever gets it looks whether its question was answered meanwhile; if not, it lets all
//! others that can run put theirs down too, takes those that one statement can answer together with its own, answers
//! them all, and goes on. The others find their answers when their turn comes.
//!
//! Rows that a view knows already are not asked for here: of ten thousand who are told of one change, each would give way
//! to all others before it is shown the row that they share.
//!
//! What holds: every question is answered from the same snapshot as if it had been asked alone. Nobody depends on
//! whoever asked first: where that resolver is dropped (an error beside it ended its list), its questions stay where
//! they are and the next one in line answers them. What nobody fetches goes with the view.

use std::any::Any;
use std::collections::HashMap;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use domain::Table;
use tokio::sync;

use super::{Entries, Wanted};
use crate::Error;

/// What can be asked together with others.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Question {
    /// The rows of these ids.
    Rows(Table, Vec<store::Id>),
    /// The names of these coaches.
    Names(Vec<store::Id>),
    /// The rows of a list under a parent.
    List(Table, Wanted),
    /// Entries of the activity log about a thing or a coachee.
    Entries(Entries),
    /// How many rows a parent has, whose id this column holds.
    Count(Table, &'static str, store::Id),
}

impl Question {
    /// Whether one statement can answer both.
    fn goes_with(&self, other: &Question) -> bool {
        match (self, other) {
            (Question::Rows(one, _), Question::Rows(other, _)) => one == other,
            (Question::Names(_), Question::Names(_)) => true,
            (Question::List(one, wanted), Question::List(other, others)) => one == other && wanted.goes_with(others),
            (Question::Entries(one), Question::Entries(other)) => one.goes_with(other),
            (Question::Count(one, column, _), Question::Count(other, others, _)) => one == other && column == others,
            (
                Question::Rows(..)
                | Question::Names(_)
                | Question::List(..)
                | Question::Entries(_)
                | Question::Count(..),
                _,
            ) => false,
        }
    }
}

/// A question's number.
type Ticket = u64;

/// A view's questions.
#[derive(Debug, Default)]
pub(super) struct Together(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    next: Ticket,
    waiting: Vec<(Ticket, Question)>,
    answered: HashMap<Ticket, Box<dyn Any + Send>>,
}

/// Whose turn it is.
pub(super) enum Turn<'v, R, A> {
    /// Somebody else has answered the question.
    Answered(A),
    /// The question is to be answered, and all others that go with it.
    Mine(Mine<'v, R>),
}

/// The connection, and the questions to answer with it.
pub(super) struct Mine<'v, R> {
    together: &'v Together,
    ticket: Ticket,
    tickets: Vec<Ticket>,
    /// The connection.
    pub reading: sync::MutexGuard<'v, R>,
    /// The questions, in the order in which they were put.
    pub questions: Vec<Question>,
}

impl Together {
    /// Puts a question and waits until it is answered, or to be answered here.
    pub(super) async fn ask<'v, R, A: Send + 'static>(
        &'v self,
        reading: &'v sync::Mutex<R>,
        question: Question,
    ) -> Result<Turn<'v, R, A>, Error> {
        let ticket = {
            let mut open = self.open();
            open.next += 1;
            let ticket = open.next;
            open.waiting.push((ticket, question.clone()));
            ticket
        };
        let reading = reading.lock().await;
        if let Some(answer) = self.open().answered.remove(&ticket) {
            return answer.downcast().map(|answer| Turn::Answered(*answer)).map_err(|_| strange());
        }
        self.gathered().await;
        let open = self.open();
        let mine = open.waiting.iter().filter(|(other, asked)| *other == ticket || question.goes_with(asked)).cloned();
        let (tickets, questions) = mine.unzip();
        drop(open);
        Ok(Turn::Mine(Mine { together: self, ticket, tickets, reading, questions }))
    }

    /// Lets everybody who can run put their questions, until nobody has another.
    async fn gathered(&self) {
        loop {
            let before = self.open().next;
            let mut yielded = false;
            std::future::poll_fn(|context| {
                if mem::replace(&mut yielded, true) {
                    return Poll::Ready(());
                }
                // Woken at once, and polled after all that are ready now.
                context.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
            if self.open().next == before {
                return;
            }
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R> Mine<'_, R> {
    /// Leaves the answers, in the order of the questions, and gives one's own.
    pub(super) fn settle<A: Send + 'static>(self, answers: Vec<A>) -> Result<A, Error> {
        let mut own = None;
        let mut open = self.together.open();
        // Tickets are in the order in which they were given out.
        open.waiting.retain(|(ticket, _)| self.tickets.binary_search(ticket).is_err());
        for (ticket, answer) in self.tickets.into_iter().zip(answers) {
            if ticket == self.ticket {
                own = Some(answer);
            } else {
                open.answered.insert(ticket, Box::new(answer));
            }
        }
        own.ok_or_else(strange)
    }
}

fn strange() -> Error {
    Error::internal("a question was answered with something else")
}
