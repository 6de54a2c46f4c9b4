//! Coaching questions: what coachees are asked to think about, what they answer, and what both sides say about it.

use app::View;
use app::view::{Direction, Filter, Value};
use async_graphql::connection::Connection;
use async_graphql::{Context, ID, InputObject, Object};
use domain::id::{CoacheeId, PracticeId, QuestionId};
use domain::question;

use crate::coachee::CoacheePayload;
use crate::page::{Asked, Cursor, List, is};
use crate::scalars::{Date, DateTime, Id, id};
use crate::words::{Result, UserError, payload, run, shown, text};

/// A coaching question.
pub struct CoachingQuestion {
    view: View,
    row: question::Question,
}

impl CoachingQuestion {
    /// From its row.
    pub fn new(view: &View, row: question::Question) -> Self {
        Self { view: view.clone(), row }
    }
}

#[Object]
impl CoachingQuestion {
    /// Its id.
    pub async fn id(&self) -> ID {
        id(self.row.id)
    }
    /// Who is asked.
    async fn coachee_id(&self) -> ID {
        id(self.row.coachee)
    }
    /// What is asked.
    #[graphql(complexity = "crate::page::COMMENT")]
    async fn words(&self) -> Result<Option<String>> {
        shown(&self.view, &self.row, Some(&self.row.words)).await
    }
    /// Until when an answer is hoped for.
    async fn due_on(&self) -> Option<Date> {
        self.row.due.map(Date)
    }
    /// Who asks.
    async fn asked_by_id(&self) -> Option<ID> {
        self.row.asked_by.map(id)
    }
    /// Since when.
    async fn asked_at(&self) -> DateTime {
        DateTime(self.row.asked_at)
    }
    /// The answer as it stands.
    #[graphql(complexity = "crate::page::LONG")]
    async fn answer(&self) -> Result<Option<String>> {
        shown(&self.view, &self.row, self.row.answer.as_ref()).await
    }
    /// When it was given or changed last.
    async fn answered_at(&self) -> Option<DateTime> {
        self.row.answered_at.map(DateTime)
    }
    /// How many comments there are.
    async fn comment_count(&self) -> u32 {
        self.row.comments.0
    }
    /// What both sides said about it, the oldest first.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn comments(
        &self,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, QuestionComment>> {
        let (list, view) = (List::by("at").under("question", self.row.id), self.view.clone());
        let make = move |row| QuestionComment::new(&view, row);
        list.connection(&self.view, &Asked { after, before, first, last }, make).await
    }
}

/// What somebody said about a coaching question.
pub struct QuestionComment {
    view: View,
    row: question::QuestionComment,
}

impl QuestionComment {
    /// From its row.
    pub fn new(view: &View, row: question::QuestionComment) -> Self {
        Self { view: view.clone(), row }
    }
}

#[Object]
impl QuestionComment {
    /// Its id.
    pub async fn id(&self) -> ID {
        id(self.row.id)
    }
    /// About which question.
    async fn question_id(&self) -> ID {
        id(self.row.question)
    }
    /// What was said.
    #[graphql(complexity = "crate::page::COMMENT")]
    async fn text(&self) -> Result<Option<String>> {
        shown(&self.view, &self.row, Some(&self.row.text)).await
    }
    /// Who said it.
    async fn author_id(&self) -> Option<ID> {
        self.row.author.map(id)
    }
    /// When.
    async fn at(&self) -> DateTime {
        DateTime(self.row.at)
    }
}

/// Which coaching questions.
#[derive(Default, InputObject)]
pub(crate) struct QuestionFilter {
    /// To this coachee.
    coachee_id: Option<Id<CoacheeId>>,
    /// Only those with an answer, or only those without.
    answered: Option<bool>,
}

impl QuestionFilter {
    /// The newest first.
    fn list(self) -> List {
        let mut list = List { order: vec![("asked_at", Direction::Descending)], ..List::default() };
        if let Some(coachee) = self.coachee_id {
            list = list.only(is("subject", coachee.0));
        }
        if let Some(answered) = self.answered {
            list = list.only(Filter::Eq("answered".to_owned(), Value::Bool(answered)));
        }
        list
    }
}

/// The coach portal's coaching questions, over all coachees that the viewer has access to.
pub(crate) struct CoachQuestions(pub(crate) View);

#[Object]
impl CoachQuestions {
    /// Coaching questions, the newest first.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn questions(
        &self,
        filter: Option<QuestionFilter>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, CoachingQuestion>> {
        let view = self.0.clone();
        let make = move |row| CoachingQuestion::new(&view, row);
        filter.unwrap_or_default().list().connection(&self.0, &Asked { after, before, first, last }, make).await
    }
}

/// A coachee's coaching questions, for both sides.
pub(crate) struct CoacheeQuestions {
    /// Who looks.
    pub(crate) view: View,
    /// At whose.
    pub(crate) coachee: CoacheeId,
}

#[Object]
impl CoacheeQuestions {
    /// Coaching questions, the newest first.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn questions(
        &self,
        answered: Option<bool>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, CoachingQuestion>> {
        let filter = QuestionFilter { coachee_id: None, answered };
        let (list, view) = (filter.list().under("subject", self.coachee), self.view.clone());
        let make = move |row| CoachingQuestion::new(&view, row);
        list.connection(&self.view, &Asked { after, before, first, last }, make).await
    }
}

payload! {
    CoachingQuestionPayload { question: CoachingQuestion } of question::Question
    QuestionCommentPayload { comment: QuestionComment } of question::QuestionComment
}

/// Asks a coachee some questions.
#[derive(InputObject)]
pub(crate) struct AssignQuestionsInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Whom.
    coachee_id: Id<CoacheeId>,
    /// What, in order: 1 to 20 questions.
    questions: Vec<String>,
    /// Until when an answer is hoped for.
    due_on: Option<Date>,
}

/// Answers a question.
#[derive(InputObject)]
pub(crate) struct AnswerQuestionInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which.
    question_id: Id<QuestionId>,
    /// What: it replaces the answer that was there.
    answer: String,
}

/// Says something about a question.
#[derive(InputObject)]
pub(crate) struct CommentOnQuestionInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// About which.
    question_id: Id<QuestionId>,
    /// What.
    text: String,
}

/// Coaching questions, for both sides.
#[derive(Default)]
pub struct QuestionMutation;

#[Object]
impl QuestionMutation {
    /// Asks a coachee some questions.
    async fn assign_questions(&self, ctx: &Context<'_>, input: AssignQuestionsInput) -> Result<Option<CoacheePayload>> {
        run(ctx, input.practice_id.0, |new| {
            // What is beyond the bound is not looked at: it is refused as a whole.
            let given = input.questions.iter().take(question::MOST_AT_ONCE + 1);
            let questions = given.map(|words| Ok((new.id(), text("questions", words)?)));
            let questions = questions.collect::<std::result::Result<_, UserError>>()?;
            Ok(question::AssignQuestions { coachee: input.coachee_id.0, questions, due: input.due_on.map(|due| due.0) })
        })
        .await
    }

    /// Answers a question, or answers it anew; the coachee alone.
    async fn answer_question(
        &self,
        ctx: &Context<'_>,
        input: AnswerQuestionInput,
    ) -> Result<Option<CoachingQuestionPayload>> {
        run(ctx, input.practice_id.0, |_| {
            let answer = text("answer", &input.answer)?;
            Ok(question::AnswerQuestion { question: input.question_id.0, answer })
        })
        .await
    }

    /// Says something about a question; both sides.
    async fn comment_on_question(
        &self,
        ctx: &Context<'_>,
        input: CommentOnQuestionInput,
    ) -> Result<Option<QuestionCommentPayload>> {
        run(ctx, input.practice_id.0, |new| {
            let text = text("text", &input.text)?;
            Ok(question::CommentOnQuestion { comment: new.id(), question: input.question_id.0, text })
        })
        .await
    }
}
