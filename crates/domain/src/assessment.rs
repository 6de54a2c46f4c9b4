//! Assessments: forms that coaches make once and assign to coachees, who fill them in, save drafts, and submit them once
//! (S2.37, S2.38, S3.23, S4.8, S4.9).
//!
//! An assignment holds a copy of its form, so that a template can go without taking results with it. A draft is the
//! coachee's own, sealed with a key of theirs: no coach sees what somebody wrote and did not submit. Results are seen by
//! both sides; who may delete or reset them has User Admin or Admin access.

pub mod form;

use serde::{Deserialize, Serialize};

use self::form::{Answers, Form};
use crate::access::Deed;
use crate::coachee::Coachee;
use crate::decide::{About, Command, Decision, Facts, Stop, shows};
use crate::declare::{events, row};
use crate::entry::Entry;
use crate::fold::When;
use crate::id::{AssessmentId, CoacheeId, PersonId, PracticeId, TemplateId};
use crate::text::{Answers as AnswersText, Confidential, Form as FormText, Kind, Title};
use crate::value::{Date, Time};
use crate::{Rows, refusals};

events! {
    /// What happens to assessments.
    pub enum Event {
        /// A coach made a form that can be assigned.
        "assessment.template_created" as "template_create" TemplateCreated sees Template {
            template: TemplateId, title: Confidential<Title>, form: Confidential<FormText>
        },
        /// The form can be assigned no more; what was assigned of it stays.
        "assessment.template_removed" as "template_remove" TemplateRemoved sees Template { template: TemplateId },
        /// A coachee is asked to fill in a form.
        "assessment.assigned" as "assessment_assign" Assigned sees Assessment {
            assessment: AssessmentId, coachee: CoacheeId, template: TemplateId, title: Confidential<Title>, form: Confidential<FormText>,
            due: Option<Date>
        },
        /// The coachee kept what they have answered so far, for themself.
        "assessment.draft_saved" as "assessment_draft" DraftSaved sees Draft {
            assessment: AssessmentId, coachee: CoacheeId, answers: Confidential<AnswersText>
        },
        /// The coachee submitted their answers.
        "assessment.submitted" as "assessment_submit" Submitted sees Assessment {
            assessment: AssessmentId, coachee: CoacheeId, answers: Confidential<AnswersText>
        },
        /// The coachee was asked once more.
        "assessment.reminded" as "assessment_remind" Reminded sees Assessment { assessment: AssessmentId, coachee: CoacheeId },
        /// The answers were taken back, so that the form can be filled in anew.
        "assessment.reset" as "assessment_reset" Reset sees Assessment { assessment: AssessmentId, coachee: CoacheeId },
        /// The assessment was deleted, with its answers.
        "assessment.deleted" as "assessment_delete" Deleted sees Assessment { assessment: AssessmentId, coachee: CoacheeId },
    }
}

refusals! {
    /// Why something about an assessment was refused.
    pub enum Refusal {
        /// The id is in use.
        AlreadyThere "ASSESSMENT_EXISTS" "This assessment or template has been added before.",
        /// None, or too many.
        FormHasNoQuestions "FORM_NEEDS_QUESTIONS" "A form has 1 to 100 questions.",
        /// Words, bounds, options or weight.
        QuestionMakesNoSense "QUESTION_IS_NOT_VALID" "This question cannot be asked so: words have 1 to 500 characters on one line, a scale goes up and stays within a thousand, a choice has 2 to 20 different options, a wheel 3 to 20 different areas, a weight is 1 to 100.",
        /// Beyond what is sealed as one text.
        FormIsTooLong "FORM_IS_TOO_LONG" "This form is too long as a whole. Split it in two.",
        /// Of another kind, out of bounds, or of a question that is not there.
        AnswerDoesNotFit "ANSWER_DOES_NOT_FIT" "An answer is not of the kind that its question takes, or outside its bounds.",
        /// A required one.
        AnswerIsMissing "ANSWER_IS_MISSING" "A question that must be answered is not. Answer it, or save a draft.",
        /// Beyond what is sealed as one text.
        AnswersAreTooLong "ANSWERS_ARE_TOO_LONG" "These answers are too long as a whole. Shorten them.",
        /// Once is enough.
        IsSubmitted "ASSESSMENT_IS_SUBMITTED" "This assessment has been submitted. A coach can reset it.",
        /// There are no answers.
        IsNotSubmitted "ASSESSMENT_IS_NOT_SUBMITTED" "This assessment has not been submitted yet.",
    }
}

/// How far an assessment has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Status {
    /// It waits for the coachee.
    Assigned,
    /// The coachee submitted it.
    Completed,
}

impl Status {
    /// As the column says it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Assigned => "assigned",
            Self::Completed => "completed",
        }
    }
}

/// A form that can be assigned, of the practice.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Template {
    /// Its id.
    pub id: TemplateId,
    /// Whose.
    pub practice: PracticeId,
    /// What it is called.
    pub title: Confidential<Title>,
    /// What it asks.
    pub form: Confidential<FormText>,
    /// Who made it.
    pub author: Option<PersonId>,
    /// When.
    pub created_at: Time,
}
row! { Template in assessment_template, seen as Template, id id: TemplateId, subject |r| r.practice, written by |r, _| r.author,
columns |r| [created_at: Time = r.created_at], sealed [title, form] }

/// A form that a coachee is asked to fill in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Assessment {
    /// Its id.
    pub id: AssessmentId,
    /// Whose.
    pub coachee: CoacheeId,
    /// The template that it is a copy of; it may be gone.
    pub template: TemplateId,
    /// What it is called.
    pub title: Confidential<Title>,
    /// What it asks.
    pub form: Confidential<FormText>,
    /// Until when it is asked for.
    pub due: Option<Date>,
    /// Who assigned it.
    pub assigned_by: Option<PersonId>,
    /// When.
    pub assigned_at: Time,
    /// When the coachee was asked once more.
    pub reminded_at: Option<Time>,
    /// What the coachee answered, once they have submitted it.
    pub answers: Option<Confidential<AnswersText>>,
    /// Who did.
    pub submitted_by: Option<PersonId>,
    /// When.
    pub submitted_at: Option<Time>,
}
row! { Assessment in assessment, seen as Assessment, id id: AssessmentId, subject |r| r.coachee,
// What is asked is a copy of the form's words, whoever wrote them.
written by |r, text| r.submitted_by.filter(|_| text == Kind::Answers),
columns |r| [
    template: TemplateId = r.template,
    status: &'static str = r.status().word(),
    due: Date = r.due.unwrap_or(Date(i32::MAX)),
    at: Time = r.submitted_at.unwrap_or(r.assigned_at),
], sealed [title, form, answers] }

impl Assessment {
    /// How far it has come.
    pub const fn status(&self) -> Status {
        if self.submitted_at.is_some() { Status::Completed } else { Status::Assigned }
    }
}

/// What a coachee has answered so far: theirs alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Draft {
    /// The assessment.
    pub id: AssessmentId,
    /// Whose.
    pub coachee: CoacheeId,
    /// The coachee's person, who alone sees it.
    pub person: PersonId,
    /// What they answered.
    pub answers: Confidential<AnswersText>,
    /// When they saved it.
    pub saved_at: Time,
}
row! { Draft in assessment_draft, seen as Draft, id id: AssessmentId, subject |r| r.coachee, owner |r| Some(r.person),
sealed [answers] }

/// Folds an event of this feature.
pub fn fold(event: &Event, when: &When, rows: &mut Rows) {
    match event {
        Event::TemplateCreated { template, title, form } => {
            if let crate::id::LogId::Practice(practice) = when.log {
                rows.put(Template {
                    id: *template,
                    practice,
                    title: title.clone(),
                    form: form.clone(),
                    author: when.actor,
                    created_at: when.at,
                });
            }
        }
        Event::TemplateRemoved { template } => rows.delete::<Template>(*template),
        Event::Assigned { assessment, coachee, template, title, form, due } => rows.put(Assessment {
            id: *assessment,
            coachee: *coachee,
            template: *template,
            title: title.clone(),
            form: form.clone(),
            due: *due,
            assigned_by: when.actor,
            assigned_at: when.at,
            reminded_at: None,
            answers: None,
            submitted_by: None,
            submitted_at: None,
        }),
        Event::DraftSaved { assessment, coachee, answers } => {
            if let Some(person) = when.owner {
                let (answers, saved_at) = (answers.clone(), when.at);
                rows.put(Draft { id: *assessment, coachee: *coachee, person, answers, saved_at });
            }
        }
        Event::Submitted { assessment, answers, .. } => {
            rows.edit(*assessment, |row: &mut Assessment| {
                row.answers = Some(answers.clone());
                row.submitted_by = when.actor;
                row.submitted_at = Some(when.at);
            });
            rows.delete::<Draft>(*assessment);
        }
        Event::Reminded { assessment, .. } => {
            rows.edit(*assessment, |row: &mut Assessment| row.reminded_at = Some(when.at));
        }
        Event::Reset { assessment, .. } => rows.edit(*assessment, |row: &mut Assessment| {
            row.answers = None;
            row.submitted_by = None;
            row.submitted_at = None;
        }),
        Event::Deleted { assessment, .. } => {
            rows.delete::<Assessment>(*assessment);
            rows.delete::<Draft>(*assessment);
        }
    }
}

/// The words of the activity log. A form and answers are structures; the log names them by their title.
pub fn entry(event: &Event) -> Entry {
    match event {
        Event::TemplateCreated { title, .. } => Entry::default().set("title", title),
        Event::TemplateRemoved { .. } => Entry::default(),
        Event::Assigned { title, due, .. } => Entry::default().copy("title", title).set("dueOn", due),
        Event::DraftSaved { .. } => Entry::default(),
        Event::Submitted { .. } => Entry::default(),
        Event::Reminded { .. } => Entry::default(),
        Event::Reset { .. } => Entry::default(),
        Event::Deleted { .. } => Entry::default(),
    }
}

/// Makes a form that can be assigned.
#[derive(Debug)]
pub struct CreateTemplate {
    /// Its id.
    pub template: TemplateId,
    /// What it is called.
    pub title: Title,
    /// What it asks.
    pub form: Form,
}

impl Command for CreateTemplate {
    shows!(Template template);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let there = facts.find::<Template>(self.template)?;
        let decision = facts.allow(Deed::KeepTemplates, About::Practice)?;
        if there.is_some() {
            return Err(Refusal::AlreadyThere.into());
        }
        let (title, form) = (Confidential::new(self.title.clone()), Confidential::new(self.form.text()?));
        Ok(decision.with(Event::TemplateCreated { template: self.template, title, form }))
    }
}

/// Takes a form away: it can be assigned no more.
#[derive(Debug)]
pub struct RemoveTemplate {
    /// Which.
    pub template: TemplateId,
}

impl Command for RemoveTemplate {
    shows!(Template template);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let there = facts.find::<Template>(self.template)?;
        let decision = facts.allow(Deed::KeepTemplates, About::Practice)?;
        there.ok_or(Stop::NotFound)?;
        Ok(decision.with(Event::TemplateRemoved { template: self.template }))
    }
}

/// Asks a coachee to fill in a form.
#[derive(Debug)]
pub struct Assign {
    /// The assessment's id.
    pub assessment: AssessmentId,
    /// Whom.
    pub coachee: CoacheeId,
    /// Which form.
    pub template: TemplateId,
    /// Until when.
    pub due: Option<Date>,
}

impl Command for Assign {
    shows!(Assessment assessment);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let coachee = facts.get::<Coachee>(self.coachee);
        let (template, there) = (facts.find::<Template>(self.template), facts.find::<Assessment>(self.assessment));
        coachee?;
        let decision = facts.allow(Deed::Assign, self.coachee)?;
        // Forms are the practice's: whoever may assign anything sees them all.
        let template = template?.ok_or(Stop::NotFound)?;
        if there?.is_some() {
            return Err(Refusal::AlreadyThere.into());
        }
        let (title, form) = (facts.read(template, &template.title)?, facts.read(template, &template.form)?);
        let (Some(title), Some(form)) = (title, form) else { return Err(Stop::NotFound) };
        Ok(decision.with(Event::Assigned {
            assessment: self.assessment,
            coachee: self.coachee,
            template: self.template,
            title: Confidential::new(title),
            form: Confidential::new(form),
            due: self.due,
        }))
    }
}

/// Keeps what the coachee has answered so far, for themself. The same again changes nothing.
#[derive(Debug)]
pub struct SaveDraft {
    /// Of which assessment.
    pub assessment: AssessmentId,
    /// What is answered so far.
    pub answers: Answers,
}

impl Command for SaveDraft {
    shows!(Assessment assessment);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.get::<Assessment>(self.assessment)?;
        let draft = own_draft(facts, self.assessment)?;
        let decision = facts.allow(Deed::AnswerAssessments, row.coachee)?;
        let person = facts.actor.person().ok_or(Stop::Forbidden)?;
        let form = open_form(facts, row)?;
        form.check(&self.answers, false).map_err(|wrong| wrong.refusal)?;
        let answers = self.answers.text()?;
        if let Some(draft) = draft
            && facts.read(draft, &draft.answers)?.as_ref() == Some(&answers)
        {
            return Ok(decision);
        }
        let answers = Confidential::new(answers);
        let saved = Event::DraftSaved { assessment: self.assessment, coachee: row.coachee, answers };
        Ok(decision.owned_by(person).with(saved))
    }
}

/// Submits the answers, once.
#[derive(Debug)]
pub struct Submit {
    /// Of which assessment.
    pub assessment: AssessmentId,
    /// What was answered; the draft, where it is `None`.
    pub answers: Option<Answers>,
}

impl Command for Submit {
    shows!(Assessment assessment);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.get::<Assessment>(self.assessment)?;
        let draft = own_draft(facts, self.assessment)?;
        let decision = facts.allow(Deed::AnswerAssessments, row.coachee)?;
        let form = open_form(facts, row)?;
        let answers = match (&self.answers, draft) {
            (Some(answers), _) => answers.clone(),
            (None, Some(draft)) => {
                let text = facts.read(draft, &draft.answers)?;
                text.and_then(|text| Answers::read(crate::text::Text::as_str(&text))).unwrap_or_default()
            }
            (None, None) => Answers::default(),
        };
        form.check(&answers, true).map_err(|wrong| wrong.refusal)?;
        let answers = Confidential::new(answers.text()?);
        Ok(decision.with(Event::Submitted { assessment: self.assessment, coachee: row.coachee, answers }))
    }
}

/// What the actor has answered so far. Who has the coachee's portal after another has not written the other's draft.
fn own_draft<'f>(facts: &Facts<'f>, assessment: AssessmentId) -> Result<Option<&'f Draft>, Stop> {
    Ok(facts.find::<Draft>(assessment)?.filter(|draft| Some(draft.person) == facts.actor.person()))
}

/// The form of an assessment that waits for its answers.
fn open_form(facts: &Facts<'_>, row: &Assessment) -> Result<Form, Stop> {
    if row.status() == Status::Completed {
        return Err(Refusal::IsSubmitted.into());
    }
    facts.read(row, &row.form)?.and_then(|form| Form::of(&form)).ok_or(Stop::Broken)
}

/// Asks the coachee once more.
#[derive(Debug)]
pub struct Remind {
    /// Of which assessment.
    pub assessment: AssessmentId,
}

impl Command for Remind {
    shows!(Assessment assessment);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.get::<Assessment>(self.assessment)?;
        let decision = facts.allow(Deed::KeepResults, row.coachee)?;
        if row.status() == Status::Completed {
            return Err(Refusal::IsSubmitted.into());
        }
        Ok(decision.with(Event::Reminded { assessment: self.assessment, coachee: row.coachee }))
    }
}

/// Takes the answers back, so that the form can be filled in anew (S4.9).
#[derive(Debug)]
pub struct Reset {
    /// Which assessment.
    pub assessment: AssessmentId,
}

impl Command for Reset {
    shows!(Assessment assessment);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.get::<Assessment>(self.assessment)?;
        let decision = facts.allow(Deed::KeepResults, row.coachee)?;
        if row.status() == Status::Assigned {
            return Err(Refusal::IsNotSubmitted.into());
        }
        Ok(decision.with(Event::Reset { assessment: self.assessment, coachee: row.coachee }))
    }
}

/// Deletes an assessment with its answers (S4.9).
#[derive(Debug)]
pub struct Delete {
    /// Which.
    pub assessment: AssessmentId,
}

impl Command for Delete {
    shows!(Assessment assessment);
    fn decide(&self, facts: &Facts<'_>) -> Result<Decision, Stop> {
        let row = facts.get::<Assessment>(self.assessment)?;
        let decision = facts.allow(Deed::KeepResults, row.coachee)?;
        Ok(decision.with(Event::Deleted { assessment: self.assessment, coachee: row.coachee }))
    }
}
