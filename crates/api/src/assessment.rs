//! Assessments: forms that can be assigned, what was answered, and what that adds up to.

use app::View;
use app::view::{Direction, Filter, Value};
use async_graphql::connection::Connection;
use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use domain::assessment::form::{self, Asks, Choice, Form};
use domain::assessment::{self, Draft};
use domain::id::{AssessmentId, CoacheeId, PracticeId, TemplateId};

use crate::page::{Asked, Cursor, List, is};
use crate::scalars::{Date, DateTime, Id, id};
use crate::words::{DeletedPayload, Result, UserError, delete, error, payload, run, shown, text};

/// How far an assessment has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "assessment::Status")]
pub(crate) enum AssessmentStatus {
    /// It waits for the coachee.
    Assigned,
    /// The coachee submitted it.
    Completed,
}

/// What kind of answer a question takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(crate) enum AssessmentQuestionKind {
    /// A whole number between `least` and `most`.
    Scale,
    /// One of `options`.
    Choice,
    /// Any of `options`, at most `atMost` of them.
    Choices,
    /// A line.
    ShortText,
    /// A text.
    LongText,
    /// How satisfied one is with each of `areas`, 1 to 10.
    WheelOfLife,
}

/// An option of a question.
#[derive(SimpleObject)]
pub(crate) struct AssessmentOption {
    /// What it says.
    words: String,
    /// What it counts.
    points: i32,
}

/// A question of a form.
#[derive(SimpleObject)]
pub(crate) struct AssessmentQuestion {
    /// What is asked.
    words: String,
    /// What kind of answer it takes.
    kind: AssessmentQuestionKind,
    /// Whether the form cannot be submitted without an answer to it.
    required: bool,
    /// To which score its answer counts; nothing for the one without a name.
    dimension: Option<String>,
    /// How many times its answer counts.
    weight: u32,
    /// A scale's lowest number.
    least: Option<i32>,
    /// A scale's highest number.
    most: Option<i32>,
    /// Whether a scale's lowest number counts as the highest.
    reversed: bool,
    /// What can be chosen.
    options: Vec<AssessmentOption>,
    /// How many options may be chosen.
    at_most: Option<u32>,
    /// A wheel's areas.
    areas: Vec<String>,
}

impl From<&form::Question> for AssessmentQuestion {
    fn from(question: &form::Question) -> Self {
        let mut shown = Self {
            words: question.words.clone(),
            kind: AssessmentQuestionKind::ShortText,
            required: question.required,
            dimension: question.dimension.clone(),
            weight: question.weight,
            least: None,
            most: None,
            reversed: false,
            options: Vec::new(),
            at_most: None,
            areas: Vec::new(),
        };
        let options = |choices: &[Choice]| {
            choices.iter().map(|it| AssessmentOption { words: it.words.clone(), points: it.points }).collect()
        };
        match &question.asks {
            Asks::Scale { least, most, reversed } => {
                shown.kind = AssessmentQuestionKind::Scale;
                (shown.least, shown.most, shown.reversed) = (Some(*least), Some(*most), *reversed);
            }
            Asks::Choice(choices) => {
                (shown.kind, shown.options) = (AssessmentQuestionKind::Choice, options(choices));
            }
            Asks::Choices(choices, most) => {
                (shown.kind, shown.options) = (AssessmentQuestionKind::Choices, options(choices));
                shown.at_most = Some(*most);
            }
            Asks::ShortText => shown.kind = AssessmentQuestionKind::ShortText,
            Asks::LongText => shown.kind = AssessmentQuestionKind::LongText,
            Asks::Wheel(areas) => {
                (shown.kind, shown.areas) = (AssessmentQuestionKind::WheelOfLife, areas.clone());
            }
        }
        shown
    }
}

/// The answer to a question of a form.
#[derive(SimpleObject)]
pub(crate) struct AssessmentAnswer {
    /// Which question, from 0.
    question: u32,
    /// To a scale.
    number: Option<i32>,
    /// To a choice: the places of what was chosen, from 0.
    chosen: Vec<u32>,
    /// To a question for a text.
    text: Option<String>,
    /// To a wheel, area by area.
    areas: Vec<i32>,
}

impl AssessmentAnswer {
    fn all(answers: &form::Answers) -> Vec<Self> {
        let given = (0_u32..).zip(&answers.0).filter_map(|(question, answer)| Some((question, answer.as_ref()?)));
        let shown = given.map(|(question, answer)| {
            let none = Self { question, number: None, chosen: Vec::new(), text: None, areas: Vec::new() };
            match answer {
                form::Response::Number(number) => Self { number: Some(*number), ..none },
                form::Response::Chosen(chosen) => Self { chosen: chosen.iter().copied().collect(), ..none },
                form::Response::Text(text) => Self { text: Some(text.clone()), ..none },
                form::Response::Wheel(areas) => Self { areas: areas.clone(), ..none },
            }
        });
        shown.collect()
    }
}

/// What some questions of a form add up to.
#[derive(SimpleObject)]
pub(crate) struct AssessmentScore {
    /// The dimension, or the area of a wheel; nothing for the questions that name none.
    dimension: Option<String>,
    /// What was reached.
    points: i64,
    /// What could have been reached at the least, by the questions that were answered.
    least: i64,
    /// The same at the most.
    most: i64,
    /// How much of what was possible, 0 to 100.
    percent: u8,
}

impl From<form::Score> for AssessmentScore {
    fn from(score: form::Score) -> Self {
        let percent = score.percent();
        let dimension = Some(score.dimension).filter(|name| !name.is_empty());
        Self { dimension, points: score.points, least: score.least, most: score.most, percent }
    }
}

/// A form that can be assigned.
pub struct AssessmentTemplate {
    view: View,
    row: assessment::Template,
}

impl AssessmentTemplate {
    /// From its row.
    pub fn new(view: &View, row: assessment::Template) -> Self {
        Self { view: view.clone(), row }
    }
}

#[Object]
impl AssessmentTemplate {
    /// Its id.
    pub async fn id(&self) -> ID {
        id(self.row.id)
    }
    /// What it is called.
    async fn title(&self) -> Result<Option<String>> {
        shown(&self.view, &self.row, Some(&self.row.title)).await
    }
    /// What it asks, in order.
    #[graphql(complexity = "crate::page::FORM + child_complexity")]
    async fn questions(&self) -> Result<Vec<AssessmentQuestion>> {
        let form = shown(&self.view, &self.row, Some(&self.row.form)).await?;
        Ok(questions(form.as_deref()))
    }
    /// Who made it.
    async fn author_id(&self) -> Option<ID> {
        self.row.author.map(id)
    }
    /// When.
    async fn created_at(&self) -> DateTime {
        DateTime(self.row.created_at)
    }
}

fn questions(form: Option<&str>) -> Vec<AssessmentQuestion> {
    form.and_then(Form::read).map(|form| form.questions().iter().map(Into::into).collect()).unwrap_or_default()
}

/// A form that a coachee is asked to fill in, and what they answered.
pub struct Assessment {
    view: View,
    row: assessment::Assessment,
}

impl Assessment {
    /// From its row.
    pub fn new(view: &View, row: assessment::Assessment) -> Self {
        Self { view: view.clone(), row }
    }

    async fn submitted(&self) -> Result<Option<form::Answers>> {
        let text = shown(&self.view, &self.row, self.row.answers.as_ref()).await?;
        Ok(text.as_deref().and_then(form::Answers::read))
    }
}

#[Object]
impl Assessment {
    /// Its id.
    pub async fn id(&self) -> ID {
        id(self.row.id)
    }
    /// Whose.
    async fn coachee_id(&self) -> ID {
        id(self.row.coachee)
    }
    /// The template that it is a copy of, which may have been removed since.
    async fn template_id(&self) -> ID {
        id(self.row.template)
    }
    /// What it is called.
    async fn title(&self) -> Result<Option<String>> {
        shown(&self.view, &self.row, Some(&self.row.title)).await
    }
    /// What it asks, in order.
    #[graphql(complexity = "crate::page::FORM + child_complexity")]
    async fn questions(&self) -> Result<Vec<AssessmentQuestion>> {
        let form = shown(&self.view, &self.row, Some(&self.row.form)).await?;
        Ok(questions(form.as_deref()))
    }
    /// How far it has come.
    async fn status(&self) -> AssessmentStatus {
        self.row.status().into()
    }
    /// Until when it is asked for.
    async fn due_on(&self) -> Option<Date> {
        self.row.due.map(Date)
    }
    /// Who assigned it.
    async fn assigned_by_id(&self) -> Option<ID> {
        self.row.assigned_by.map(id)
    }
    /// When it was assigned.
    async fn assigned_at(&self) -> DateTime {
        DateTime(self.row.assigned_at)
    }
    /// When the coachee was asked once more.
    async fn reminded_at(&self) -> Option<DateTime> {
        self.row.reminded_at.map(DateTime)
    }
    /// When it was submitted.
    async fn submitted_at(&self) -> Option<DateTime> {
        self.row.submitted_at.map(DateTime)
    }
    /// What was submitted; empty before.
    #[graphql(complexity = "crate::page::FORM + child_complexity")]
    async fn answers(&self) -> Result<Vec<AssessmentAnswer>> {
        Ok(self.submitted().await?.as_ref().map(AssessmentAnswer::all).unwrap_or_default())
    }
    /// What the submitted answers add up to, in the order of the form; empty before.
    #[graphql(complexity = "crate::page::FORM + child_complexity")]
    async fn scores(&self) -> Result<Vec<AssessmentScore>> {
        let Some(answers) = self.submitted().await? else { return Ok(Vec::new()) };
        let form = shown(&self.view, &self.row, Some(&self.row.form)).await?;
        let form = form.as_deref().and_then(Form::read);
        Ok(form.map(|form| form.scores(&answers).into_iter().map(Into::into).collect()).unwrap_or_default())
    }
    /// What the coachee has answered so far and not submitted: only they themself are shown it.
    #[graphql(complexity = "crate::page::FORM + child_complexity")]
    async fn draft(&self) -> Result<Vec<AssessmentAnswer>> {
        if self.view.oneself().is_none() {
            return Ok(Vec::new());
        }
        let Some(draft) = self.view.one::<Draft>(self.row.id).await.map_err(error)? else { return Ok(Vec::new()) };
        let text = shown(&self.view, &draft, Some(&draft.answers)).await?;
        Ok(text.as_deref().and_then(form::Answers::read).as_ref().map(AssessmentAnswer::all).unwrap_or_default())
    }
}

/// Which assessments.
#[derive(Default, InputObject)]
pub(crate) struct AssessmentFilter {
    /// Of this coachee.
    coachee_id: Option<Id<CoacheeId>>,
    /// That are copies of this template: results over time.
    template_id: Option<Id<TemplateId>>,
    /// Only those that have come so far.
    statuses: Option<Vec<AssessmentStatus>>,
}

impl AssessmentFilter {
    /// The newest first: by when they were submitted, or else assigned.
    fn list(self) -> List {
        let mut list = List { order: vec![("at", Direction::Descending)], ..List::default() };
        if let Some(coachee) = self.coachee_id {
            list = list.only(is("subject", coachee.0));
        }
        if let Some(template) = self.template_id {
            list = list.only(is("template", template.0));
        }
        if let Some(statuses) = self.statuses {
            let words = statuses.into_iter().map(|it| Value::Text(assessment::Status::from(it).word().to_owned()));
            list = list.only(Filter::In("status".to_owned(), words.collect()));
        }
        list
    }
}

/// The coach portal's forms and assessments, over all coachees that the viewer has access to.
pub(crate) struct CoachAssessments(pub(crate) View);

#[Object]
impl CoachAssessments {
    /// The forms that can be assigned, the oldest first.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn assessment_templates(
        &self,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, AssessmentTemplate>> {
        let view = self.0.clone();
        let make = move |row| AssessmentTemplate::new(&view, row);
        List::by("created_at").connection(&self.0, &Asked { after, before, first, last }, make).await
    }
    /// Assessments, the newest first; pending ones too (S2.38).
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn assessments(
        &self,
        filter: Option<AssessmentFilter>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, Assessment>> {
        let view = self.0.clone();
        let make = move |row| Assessment::new(&view, row);
        filter.unwrap_or_default().list().connection(&self.0, &Asked { after, before, first, last }, make).await
    }
}

/// A coachee's assessments, for both sides.
pub(crate) struct CoacheeAssessments {
    /// Who looks.
    pub(crate) view: View,
    /// At whose.
    pub(crate) coachee: CoacheeId,
}

#[Object]
impl CoacheeAssessments {
    /// The assessments, the newest first. Without `statuses` a profile shows completed ones (S2.37), and the coachee's own
    /// portal all.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn assessments(
        &self,
        statuses: Option<Vec<AssessmentStatus>>,
        template_id: Option<Id<TemplateId>>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, Assessment>> {
        let completed = self.view.oneself().is_none().then(|| vec![AssessmentStatus::Completed]);
        let filter = AssessmentFilter { coachee_id: None, template_id, statuses: statuses.or(completed) };
        let (list, view) = (filter.list().under("subject", self.coachee), self.view.clone());
        let make = move |row| Assessment::new(&view, row);
        list.connection(&self.view, &Asked { after, before, first, last }, make).await
    }
}

payload! {
    AssessmentTemplatePayload { template: AssessmentTemplate } of assessment::Template
    AssessmentPayload { assessment: Assessment } of assessment::Assessment
}

/// An option of a question.
#[derive(InputObject)]
pub(crate) struct AssessmentOptionInput {
    /// What it says: 1 to 500 characters.
    words: String,
    /// What it counts.
    #[graphql(default)]
    points: i32,
}

/// A question of a form. What its kind does not need is ignored.
#[derive(InputObject)]
pub(crate) struct AssessmentQuestionInput {
    /// What is asked: 1 to 500 characters.
    words: String,
    /// What kind of answer it takes.
    kind: AssessmentQuestionKind,
    /// Whether the form cannot be submitted without an answer to it.
    #[graphql(default = true)]
    required: bool,
    /// To which score its answer counts; to the one without a name, where it is left out.
    dimension: Option<String>,
    /// How many times its answer counts, 1 to 100.
    #[graphql(default = 1)]
    weight: u32,
    /// A scale's lowest number.
    #[graphql(default = 1)]
    least: i32,
    /// A scale's highest number.
    #[graphql(default = 10)]
    most: i32,
    /// Whether a scale's lowest number counts as the highest.
    #[graphql(default)]
    reversed: bool,
    /// What can be chosen: 2 to 20.
    #[graphql(default)]
    options: Vec<AssessmentOptionInput>,
    /// How many options may be chosen; all, where it is left out.
    at_most: Option<u32>,
    /// A wheel's areas: 3 to 20.
    #[graphql(default)]
    areas: Vec<String>,
}

impl From<AssessmentQuestionInput> for form::Question {
    fn from(input: AssessmentQuestionInput) -> Self {
        let count = u32::try_from(input.options.len()).unwrap_or(u32::MAX);
        let choices = || input.options.iter().map(|it| Choice { words: it.words.trim().to_owned(), points: it.points });
        let asks = match input.kind {
            AssessmentQuestionKind::Scale => {
                Asks::Scale { least: input.least, most: input.most, reversed: input.reversed }
            }
            AssessmentQuestionKind::Choice => Asks::Choice(choices().collect()),
            AssessmentQuestionKind::Choices => Asks::Choices(choices().collect(), input.at_most.unwrap_or(count)),
            AssessmentQuestionKind::ShortText => Asks::ShortText,
            AssessmentQuestionKind::LongText => Asks::LongText,
            AssessmentQuestionKind::WheelOfLife => {
                Asks::Wheel(input.areas.iter().map(|area| area.trim().to_owned()).collect())
            }
        };
        Self {
            words: input.words.trim().to_owned(),
            required: input.required,
            asks,
            dimension: input.dimension.map(|name| name.trim().to_owned()),
            weight: input.weight,
        }
    }
}

/// The answer to a question of a form: what its kind takes, and nothing else.
#[derive(InputObject)]
pub(crate) struct AssessmentAnswerInput {
    /// Which question, from 0; each at most once.
    question: u32,
    /// To a scale.
    number: Option<i32>,
    /// To a choice: the places of what is chosen, from 0.
    chosen: Option<Vec<u32>>,
    /// To a question for a text.
    text: Option<String>,
    /// To a wheel: 1 to 10, area by area.
    areas: Option<Vec<i32>>,
}

/// The answers, or which of them is not one.
fn answers(given: Vec<AssessmentAnswerInput>) -> std::result::Result<form::Answers, UserError> {
    let mut answers = form::Answers::default();
    for (number, answer) in given.into_iter().enumerate() {
        let wrong = || at("answers", number, assessment::Refusal::AnswerDoesNotFit);
        let place = usize::try_from(answer.question).ok().filter(|place| *place < form::MOST_QUESTIONS);
        let place = place.ok_or_else(wrong)?;
        let said = match (answer.number, answer.chosen, answer.text, answer.areas) {
            (Some(number), None, None, None) => form::Response::Number(number),
            (None, Some(chosen), None, None) => form::Response::Chosen(chosen.into_iter().collect()),
            (None, None, Some(text), None) => form::Response::Text(text),
            (None, None, None, Some(areas)) => form::Response::Wheel(areas),
            _ => return Err(wrong()),
        };
        if answers.0.len() <= place {
            answers.0.resize(place + 1, None);
        }
        if answers.0[place].replace(said).is_some() {
            return Err(wrong());
        }
    }
    Ok(answers)
}

/// A refusal about an item of a list of the input.
fn at(field: &str, item: usize, refusal: assessment::Refusal) -> UserError {
    let refused = UserError::at(field, refusal.into());
    UserError { path: refused.path.map(|path| path.into_iter().chain([item.to_string()]).collect()), ..refused }
}

/// Makes a form that can be assigned.
#[derive(InputObject)]
pub(crate) struct CreateAssessmentTemplateInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// What it is called.
    title: String,
    /// What it asks, in order: 1 to 100 questions.
    questions: Vec<AssessmentQuestionInput>,
}

/// Names a form.
#[derive(InputObject)]
pub(crate) struct RemoveAssessmentTemplateInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which.
    template_id: Id<TemplateId>,
}

/// Asks a coachee to fill in a form.
#[derive(InputObject)]
pub(crate) struct AssignAssessmentInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Whom.
    coachee_id: Id<CoacheeId>,
    /// Which form.
    template_id: Id<TemplateId>,
    /// Until when.
    due_on: Option<Date>,
}

/// Keeps answers without submitting them.
#[derive(InputObject)]
pub(crate) struct SaveAssessmentDraftInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Of which assessment.
    assessment_id: Id<AssessmentId>,
    /// All that is answered so far: it replaces the draft that was there.
    answers: Vec<AssessmentAnswerInput>,
}

/// Submits answers.
#[derive(InputObject)]
pub(crate) struct SubmitAssessmentInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Of which assessment.
    assessment_id: Id<AssessmentId>,
    /// The answers; the draft, where they are left out.
    answers: Option<Vec<AssessmentAnswerInput>>,
}

/// Names an assessment.
#[derive(InputObject)]
pub(crate) struct AssessmentInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which.
    assessment_id: Id<AssessmentId>,
}

/// Assessments, for both sides.
#[derive(Default)]
pub struct AssessmentMutation;

#[Object]
impl AssessmentMutation {
    /// Makes a form that every coach of the practice can assign.
    async fn create_assessment_template(
        &self,
        ctx: &Context<'_>,
        input: CreateAssessmentTemplateInput,
    ) -> Result<Option<AssessmentTemplatePayload>> {
        run(ctx, input.practice_id.0, |new| {
            let form = Form::new(input.questions.into_iter().map(Into::into).collect());
            Ok(assessment::CreateTemplate {
                template: new.id(),
                title: text("title", &input.title)?,
                form: form.map_err(|wrong| at("questions", wrong.question, wrong.refusal))?,
            })
        })
        .await
    }

    /// Takes a form away: it can be assigned no more. What was assigned of it stays.
    async fn remove_assessment_template(
        &self,
        ctx: &Context<'_>,
        input: RemoveAssessmentTemplateInput,
    ) -> Result<Option<DeletedPayload>> {
        delete(ctx, input.practice_id.0, |_| Ok(assessment::RemoveTemplate { template: input.template_id.0 })).await
    }

    /// Asks a coachee to fill in a form.
    async fn assign_assessment(
        &self,
        ctx: &Context<'_>,
        input: AssignAssessmentInput,
    ) -> Result<Option<AssessmentPayload>> {
        run(ctx, input.practice_id.0, |new| {
            let (coachee, template) = (input.coachee_id.0, input.template_id.0);
            Ok(assessment::Assign { assessment: new.id(), coachee, template, due: input.due_on.map(|due| due.0) })
        })
        .await
    }

    /// Keeps what the coachee has answered so far; nobody else sees it.
    async fn save_assessment_draft(
        &self,
        ctx: &Context<'_>,
        input: SaveAssessmentDraftInput,
    ) -> Result<Option<AssessmentPayload>> {
        run(ctx, input.practice_id.0, |_| {
            Ok(assessment::SaveDraft { assessment: input.assessment_id.0, answers: answers(input.answers)? })
        })
        .await
    }

    /// Submits an assessment, once.
    async fn submit_assessment(
        &self,
        ctx: &Context<'_>,
        input: SubmitAssessmentInput,
    ) -> Result<Option<AssessmentPayload>> {
        run(ctx, input.practice_id.0, |_| {
            let answers = input.answers.map(answers).transpose()?;
            Ok(assessment::Submit { assessment: input.assessment_id.0, answers })
        })
        .await
    }

    /// Asks the coachee once more to fill in a form.
    async fn remind_assessment(&self, ctx: &Context<'_>, input: AssessmentInput) -> Result<Option<AssessmentPayload>> {
        run(ctx, input.practice_id.0, |_| Ok(assessment::Remind { assessment: input.assessment_id.0 })).await
    }

    /// Takes the answers back, so that the form can be filled in anew.
    async fn reset_assessment(&self, ctx: &Context<'_>, input: AssessmentInput) -> Result<Option<AssessmentPayload>> {
        run(ctx, input.practice_id.0, |_| Ok(assessment::Reset { assessment: input.assessment_id.0 })).await
    }

    /// Deletes an assessment with its answers.
    async fn delete_assessment_result(
        &self,
        ctx: &Context<'_>,
        input: AssessmentInput,
    ) -> Result<Option<DeletedPayload>> {
        delete(ctx, input.practice_id.0, |_| Ok(assessment::Delete { assessment: input.assessment_id.0 })).await
    }
}
