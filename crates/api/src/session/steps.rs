//! Next steps: what the coachee commits to before the next session, for both sides (S1.43, S1.44).

use app::View;
use async_graphql::{Context, ID, InputObject, Object};
use domain::id::{NextStepId, PracticeId, SessionId};
use domain::session::{self, StepLine};

use crate::scalars::{DateTime, Id, id};
use crate::session::SessionPayload;
use crate::words::{Result, error, payload, run, shown, text};

/// Something that the coachee committed to in a session.
pub(crate) struct NextStep {
    view: View,
    row: session::NextStep,
}

impl NextStep {
    /// From its row.
    pub(crate) fn new(view: &View, row: session::NextStep) -> Self {
        Self { view: view.clone(), row }
    }
}

#[Object]
impl NextStep {
    /// Its id.
    pub(crate) async fn id(&self) -> ID {
        id(self.row.id)
    }
    /// The session in which it was agreed on.
    async fn session_id(&self) -> ID {
        id(self.row.session)
    }
    /// What it is.
    async fn text(&self) -> Result<Option<String>> {
        shown(&self.view, &self.row, Some(&self.row.text)).await
    }
    /// Where it stands among the session's steps, from 0.
    async fn place(&self) -> u32 {
        self.row.place
    }
    /// Whether it is done.
    async fn done(&self) -> bool {
        self.row.done
    }
    /// Since when it is.
    async fn done_at(&self) -> Option<DateTime> {
        self.row.done_at.map(DateTime)
    }
}

/// These next steps, in their order.
pub(crate) async fn of(view: &View, ids: &[NextStepId]) -> Result<Vec<NextStep>> {
    let mut rows = view.many::<session::NextStep>(ids).await.map_err(error)?;
    rows.sort_by_key(|row| row.place);
    Ok(rows.into_iter().map(|row| NextStep::new(view, row)).collect())
}

payload! {
    NextStepPayload { next_step: NextStep } of session::NextStep
}

/// A line of the list of next steps.
#[derive(InputObject)]
pub(crate) struct NextStepInput {
    /// The step that it is, and keeps its mark; left out for a new one.
    id: Option<Id<NextStepId>>,
    /// What it is: one line.
    text: String,
}

/// Sets the next steps of a session.
#[derive(InputObject)]
pub(crate) struct SetNextStepsInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which session.
    session_id: Id<SessionId>,
    /// All of them, in order: at most 50. A step that is not among them is taken off.
    steps: Vec<NextStepInput>,
    /// The steps that there were when the list was read. One that somebody else has added since is not taken off, and stands
    /// behind the list. Without this the list is all there is: what others have added meanwhile is lost.
    base: Option<Vec<Id<NextStepId>>>,
}

/// Marks a next step.
#[derive(InputObject)]
pub(crate) struct CheckNextStepInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which.
    next_step_id: Id<NextStepId>,
    /// Whether it is done.
    done: bool,
}

/// Setting and marking next steps.
#[derive(Default)]
pub(crate) struct StepsMutation;

#[Object]
impl StepsMutation {
    /// Sets the next steps of a session, in their order. What is not in the list is taken off, but for what was added since
    /// the steps of `base`.
    async fn set_next_steps(&self, ctx: &Context<'_>, input: SetNextStepsInput) -> Result<Option<SessionPayload>> {
        run(ctx, input.practice_id.0, |new| {
            let line = |line: &NextStepInput| {
                text("steps", &line.text).map(|text| match line.id {
                    Some(step) => StepLine::Keep { step: step.0, text },
                    None => StepLine::Add { step: new.id(), text },
                })
            };
            let steps = input.steps.iter().map(line).collect::<std::result::Result<_, _>>()?;
            let base = input.base.map(|base| base.into_iter().map(|step| step.0).collect());
            Ok(session::SetNextSteps { session: input.session_id.0, steps, base })
        })
        .await
    }

    /// Marks a next step as done or not done: the coach or the coachee.
    async fn check_next_step(&self, ctx: &Context<'_>, input: CheckNextStepInput) -> Result<Option<NextStepPayload>> {
        run(ctx, input.practice_id.0, |_| Ok(session::CheckNextStep { step: input.next_step_id.0, done: input.done }))
            .await
    }
}
