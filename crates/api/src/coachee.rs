//! Coachees: the coach's side of a file, and the root of the coachee portal.

pub mod import;
mod inviting;
pub mod options;
pub mod roster;

use std::sync::Arc;

use app::View;
use app::tokens::Kind;
use async_graphql::connection::Connection;
use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use domain::coachee::{self, Sending, Status};
use domain::id::{CoacheeId, GoalId, LogId, PersonId, PracticeId};
use domain::text::Text as _;

pub use self::options::{CoacheeOption, QuickMenuItem};
pub use self::roster::CoachCoachees;
use crate::accepting::{AcceptancePayload, accept, acceptance, no_invitation};
use crate::account::SessionKind;
use crate::limits::Limits;
use crate::page::{Asked, Cursor, List};
use crate::practice::{CoachCard, PracticeCard};
use crate::scalars::{DateTime, EmailAddress, Id, Position, id};
use crate::words::{
    DeletedPayload, Once, Payload, Result, UserError, app, delete, error, rate_limited, run, shown, text, text_or,
    viewer,
};

/// How far a coachee's invitation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "Status")]
pub enum CoacheeStatus {
    /// Invitation accepted and account activated.
    Active,
    /// Sent, not yet activated.
    Invited,
    /// Added, no invitation sent.
    NotInvited,
}

/// How the work with a coachee is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "coachee::BillingModel")]
pub enum BillingModel {
    /// By an employee assistance program, within authorizations.
    Eap,
    /// A sum each month.
    MonthlyRetainer,
    /// Each session.
    PayPerSession,
    /// A number of sessions, paid together.
    Packages,
    /// Not at all.
    Free,
}

/// Whose a coachee's file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "coachee::FileOwner")]
pub enum FileOwner {
    /// An internal record of the practice.
    Practice,
    /// The person who was invited.
    Invitee,
}

/// A coachee's file, as coaches see it.
pub struct Coachee {
    view: View,
    row: coachee::Coachee,
}

impl Coachee {
    /// From its row.
    pub fn new(view: &View, row: coachee::Coachee) -> Self {
        Self { view: view.clone(), row }
    }
}

#[Object]
impl Coachee {
    /// Its id.
    pub async fn id(&self) -> ID {
        id(self.row.id)
    }
    /// The first name.
    async fn first_name(&self) -> &str {
        self.row.first_name.as_str()
    }
    /// The last name; may be empty.
    async fn last_name(&self) -> &str {
        self.row.last_name.as_str()
    }
    /// First and last name.
    async fn full_name(&self) -> String {
        self.row.full_name()
    }
    /// The email address.
    async fn email(&self) -> EmailAddress {
        EmailAddress(self.row.email.as_str().to_owned())
    }
    /// How far the invitation has come.
    async fn status(&self) -> CoacheeStatus {
        self.row.status.into()
    }
    /// What the viewer may do with the coachee now: the quick access menu of a list, called Options. Empty for a program
    /// whose token only reads.
    async fn options(&self, ctx: &Context<'_>) -> Result<Vec<CoacheeOption>> {
        options::options(ctx, &self.view, &self.row).await
    }
    /// What the viewer may begin from the profile: the quick menu.
    async fn quick_menu(&self, ctx: &Context<'_>) -> Result<Vec<QuickMenuItem>> {
        options::quick_menu(ctx, &self.view, &self.row).await
    }
    /// Whose the file is.
    async fn file_owner(&self) -> FileOwner {
        self.row.file_owner.into()
    }
    /// The coach who leads.
    async fn lead_coach_id(&self) -> Option<ID> {
        self.row.lead.map(id)
    }
    /// How the work is paid; nothing where nobody said.
    async fn billing_model(&self) -> Option<BillingModel> {
        self.row.billing_model.map(Into::into)
    }
    /// Since when the coachee is deactivated, if they are: their portal is closed, and they are off the list.
    async fn deactivated_at(&self) -> Option<DateTime> {
        self.row.deactivated_at.map(DateTime)
    }
    /// The one sentence that coach and coachee work toward now.
    async fn active_goal(&self) -> Result<Option<String>> {
        shown(&self.view, &self.row, self.row.active_goal.as_ref()).await
    }
    /// What coaches know in short.
    #[graphql(complexity = "crate::page::LONG")]
    async fn synopsis(&self) -> Result<Option<String>> {
        shown(&self.view, &self.row, self.row.synopsis.as_ref()).await
    }
    /// When the coachee was added.
    async fn added_at(&self) -> DateTime {
        DateTime(self.row.added_at)
    }
    /// When the newest invitation was sent.
    async fn invited_at(&self) -> Option<DateTime> {
        self.row.invited_at.map(DateTime)
    }
    /// When the coachee accepted.
    async fn accepted_at(&self) -> Option<DateTime> {
        self.row.accepted_at.map(DateTime)
    }
    /// When the newest session began.
    async fn last_session_at(&self) -> Option<DateTime> {
        self.row.last_session_at().map(DateTime)
    }
    #[graphql(flatten)]
    async fn plan(&self) -> crate::plan::CoacheePlan {
        crate::plan::CoacheePlan { view: self.view.clone(), coachee: self.row.id }
    }
    /// How far the plan had come, day by day: all of it, or one goal of it.
    #[graphql(complexity = "200 + child_complexity")]
    async fn journey(&self, goal_id: Option<Id<GoalId>>) -> Result<Option<crate::journey::Journey>> {
        crate::journey::progress(&self.view, self.row.id, goal_id.map(|goal| goal.0)).await.map(Some)
    }
    /// The newest wheel of life that the coachee submitted, beside the one before it.
    #[graphql(complexity = "50 + child_complexity")]
    async fn wheel_of_life(&self) -> Result<Option<crate::journey::WheelOfLife>> {
        crate::journey::wheel(&self.view, self.row.id).await
    }
    #[graphql(flatten)]
    async fn assessments(&self) -> crate::assessment::CoacheeAssessments {
        crate::assessment::CoacheeAssessments { view: self.view.clone(), coachee: self.row.id }
    }
    #[graphql(flatten)]
    async fn questions(&self) -> crate::question::CoacheeQuestions {
        crate::question::CoacheeQuestions { view: self.view.clone(), coachee: self.row.id }
    }
    #[graphql(flatten)]
    async fn sessions(&self) -> crate::session::FileSessions {
        crate::session::FileSessions { view: self.view.clone(), coachee: self.row.id }
    }
    #[graphql(flatten)]
    async fn files(&self) -> crate::file::CoacheeFiles {
        crate::file::CoacheeFiles { view: self.view.clone(), coachee: self.row.id }
    }
    #[graphql(flatten)]
    async fn notes(&self) -> crate::note::FileNotes {
        crate::note::FileNotes { view: self.view.clone(), coachee: self.row.id }
    }
    /// The viewer's own conversation with the coachee; nothing before the first message.
    #[graphql(complexity = "10 + child_complexity")]
    async fn conversation(&self) -> Result<Option<crate::message::Conversation>> {
        crate::message::with(&self.view, self.row.id).await
    }
    #[graphql(flatten)]
    async fn groups(&self) -> crate::group::FileGroups {
        crate::group::FileGroups { view: self.view.clone(), coachee: self.row.id }
    }
    #[graphql(flatten)]
    async fn authorizations(&self) -> crate::authorization::FileAuthorizations {
        crate::authorization::FileAuthorizations { view: self.view.clone(), coachee: self.row.id }
    }
    #[graphql(flatten)]
    async fn appointments(&self) -> crate::appointment::CoacheeAppointments {
        crate::appointment::CoacheeAppointments { view: self.view.clone(), coachee: self.row.id }
    }
    /// The file's first tab: what happened lately, what is next, what was.
    async fn activity_summary(&self) -> ActivitySummary {
        ActivitySummary { view: self.view.clone(), coachee: self.row.id }
    }
    /// The coachee's entries of the activity log, the newest first.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn activity_log(
        &self,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<crate::activity::Seq, crate::activity::ActivityEntry>> {
        let filter = crate::activity::ActivityFilter { coachee_id: Some(Id(self.row.id)), ..Default::default() };
        crate::activity::page(&self.view, Some(filter), &Asked { after, before, first, last }).await
    }
}

/// The first tab of a coachee's file (S2.17).
pub struct ActivitySummary {
    view: View,
    coachee: CoacheeId,
}

#[Object]
impl ActivitySummary {
    /// The coachee's newest entries of the activity log.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn recent_activity(
        &self,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<crate::activity::Seq, crate::activity::ActivityEntry>> {
        let filter = crate::activity::ActivityFilter { coachee_id: Some(Id(self.coachee)), ..Default::default() };
        crate::activity::page(&self.view, Some(filter), &Asked { after, before, first, last }).await
    }
    /// The coachee's appointments that have not ended, in order; the next 400 days where no range is given.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn upcoming_appointments(
        &self,
        range: Option<crate::appointment::Range>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, crate::appointment::AppointmentOccurrence>> {
        let diary = crate::appointment::Diary { view: &self.view, coachee: Some(self.coachee), cancelled: false };
        diary.upcoming(range, &Asked { after, before, first, last }).await
    }
    /// Sessions that took place, the newest first.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn completed_sessions(
        &self,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, crate::session::Session>> {
        crate::session::completed(&self.view, self.coachee, &Asked { after, before, first, last }).await
    }
}

/// A coachee's own profile.
pub struct CoacheeProfile {
    view: View,
    row: coachee::Coachee,
}

#[Object]
impl CoacheeProfile {
    /// Its id.
    pub async fn id(&self) -> ID {
        id(self.row.id)
    }
    /// The first name.
    async fn first_name(&self) -> &str {
        self.row.first_name.as_str()
    }
    /// The last name; may be empty.
    async fn last_name(&self) -> &str {
        self.row.last_name.as_str()
    }
    /// The email address.
    async fn email(&self) -> EmailAddress {
        EmailAddress(self.row.email.as_str().to_owned())
    }
    /// The one sentence that coach and coachee work toward now.
    async fn active_goal(&self) -> Result<Option<String>> {
        shown(&self.view, &self.row, self.row.active_goal.as_ref()).await
    }
    /// When the portal was opened.
    async fn accepted_at(&self) -> Option<DateTime> {
        self.row.accepted_at.map(DateTime)
    }
}

impl CoacheeProfile {
    /// From its row.
    pub fn new(view: &View, row: coachee::Coachee) -> Self {
        Self { view: view.clone(), row }
    }
}

/// A practice as a coachee sees it: their own things only.
pub struct CoacheePortal(pub View);

impl CoacheePortal {
    fn oneself(&self) -> Result<CoacheeId> {
        self.0.oneself().ok_or_else(|| error(app::Error::NotFound))
    }

    async fn row(&self) -> Result<coachee::Coachee> {
        self.0.one(self.oneself()?).await.map_err(error)?.ok_or_else(|| error(app::Error::NotFound))
    }
}

#[Object]
impl CoacheePortal {
    /// The position of the moment that this whole answer shows.
    async fn position(&self) -> Position {
        Position(self.0.position)
    }
    /// The practice.
    async fn practice(&self) -> Result<PracticeCard> {
        Ok(PracticeCard::new(&self.0, self.0.practice().await.map_err(error)?))
    }
    /// The viewer's own profile.
    async fn me(&self) -> Result<CoacheeProfile> {
        Ok(CoacheeProfile::new(&self.0, self.row().await?))
    }
    /// The coaches who have access to the viewer's file.
    async fn coaches(&self) -> Result<Vec<CoachCard>> {
        List::by("name_key").all(&self.0, |row: domain::practice::Member| CoachCard::new(&row)).await
    }
    /// The one sentence that coach and coachee work toward now.
    async fn active_goal(&self) -> Result<Option<String>> {
        let row = self.row().await?;
        shown(&self.0, &row, row.active_goal.as_ref()).await
    }
    #[graphql(flatten)]
    async fn plan(&self) -> Result<crate::plan::CoacheePlan> {
        Ok(crate::plan::CoacheePlan { view: self.0.clone(), coachee: self.oneself()? })
    }
    /// How far the plan had come, day by day: all of it, or one goal of it.
    #[graphql(complexity = "200 + child_complexity")]
    async fn journey(&self, goal_id: Option<Id<GoalId>>) -> Result<Option<crate::journey::Journey>> {
        crate::journey::progress(&self.0, self.oneself()?, goal_id.map(|goal| goal.0)).await.map(Some)
    }
    /// The newest wheel of life that the viewer submitted, beside the one before it.
    #[graphql(complexity = "50 + child_complexity")]
    async fn wheel_of_life(&self) -> Result<Option<crate::journey::WheelOfLife>> {
        crate::journey::wheel(&self.0, self.oneself()?).await
    }
    #[graphql(flatten)]
    async fn assessments(&self) -> Result<crate::assessment::CoacheeAssessments> {
        Ok(crate::assessment::CoacheeAssessments { view: self.0.clone(), coachee: self.oneself()? })
    }
    #[graphql(flatten)]
    async fn questions(&self) -> Result<crate::question::CoacheeQuestions> {
        Ok(crate::question::CoacheeQuestions { view: self.0.clone(), coachee: self.oneself()? })
    }
    #[graphql(flatten)]
    async fn sessions(&self) -> Result<crate::session::OwnSessions> {
        Ok(crate::session::OwnSessions { view: self.0.clone(), coachee: self.oneself()? })
    }
    #[graphql(flatten)]
    async fn files(&self) -> Result<crate::file::CoacheeFiles> {
        Ok(crate::file::CoacheeFiles { view: self.0.clone(), coachee: self.oneself()? })
    }
    #[graphql(flatten)]
    async fn notes(&self) -> Result<crate::note::OwnNotes> {
        Ok(crate::note::OwnNotes { view: self.0.clone(), coachee: self.oneself()? })
    }
    #[graphql(flatten)]
    async fn conversations(&self) -> Result<crate::message::OwnConversations> {
        Ok(crate::message::OwnConversations { view: self.0.clone(), coachee: self.oneself()? })
    }
    #[graphql(flatten)]
    async fn appointments(&self) -> Result<crate::appointment::CoacheeAppointments> {
        Ok(crate::appointment::CoacheeAppointments { view: self.0.clone(), coachee: self.oneself()? })
    }
    #[graphql(flatten)]
    async fn log(&self) -> crate::activity::Log {
        crate::activity::Log(self.0.clone())
    }
    #[graphql(flatten)]
    async fn notices(&self) -> crate::notice::Notifications {
        crate::notice::Notifications(self.0.clone())
    }
    #[graphql(flatten)]
    async fn proofs(&self) -> crate::audit::Proofs {
        crate::audit::Proofs(self.0.clone())
    }
}

/// What became of a change of a coachee: each side is shown its own side of it.
#[derive(SimpleObject)]
pub struct CoacheePayload {
    /// The file as it is since, for coaches. Nothing where the change was refused.
    coachee: Option<Coachee>,
    /// The profile as it is since, for the coachee. Nothing where the change was refused.
    profile: Option<CoacheeProfile>,
    /// The log's position since. Nothing where the change was refused.
    position: Option<Position>,
    /// Why the change was refused; empty where it was made.
    errors: Vec<UserError>,
}

impl Payload for CoacheePayload {
    type Row = coachee::Coachee;
    fn done(position: Position, seen: Option<(View, coachee::Coachee)>) -> Self {
        let (coachee, profile) = match seen {
            Some((view, row)) if view.oneself().is_some() => (None, Some(CoacheeProfile::new(&view, row))),
            Some((view, row)) => (Some(Coachee::new(&view, row)), None),
            None => (None, None),
        };
        Self { coachee, profile, position: Some(position), errors: Vec::new() }
    }
    fn refused(error: UserError) -> Self {
        Self { coachee: None, profile: None, position: None, errors: vec![error] }
    }
}

/// Adds a coachee.
#[derive(InputObject)]
pub struct AddCoacheeInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Required.
    first_name: String,
    /// May be empty.
    #[graphql(default)]
    last_name: String,
    /// At most once in a practice.
    email: EmailAddress,
    /// Whether the invitation is sent at once.
    #[graphql(default)]
    send_invitation: bool,
}

/// Erases a coachee, for ever.
#[derive(InputObject)]
pub struct EraseCoacheeInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Whom.
    coachee_id: Id<CoacheeId>,
    /// The coachee's full name, as the profile shows it: erasing cannot be undone.
    confirm_name: String,
}

/// Corrects a coachee's name or email; what is left out stays.
#[derive(InputObject)]
pub struct UpdateCoacheeInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Whom.
    coachee_id: Id<CoacheeId>,
    /// The first name.
    first_name: Option<String>,
    /// The last name.
    last_name: Option<String>,
    /// The email address.
    email: Option<EmailAddress>,
}

/// Names a coachee of a practice.
#[derive(InputObject)]
pub struct CoacheeInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Whom.
    coachee_id: Id<CoacheeId>,
}

/// Names the coach who leads.
#[derive(InputObject)]
pub struct SetLeadCoachInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Whose.
    coachee_id: Id<CoacheeId>,
    /// Who leads from now on.
    coach_id: Id<PersonId>,
}

/// Says how the work with a coachee is paid.
#[derive(InputObject)]
pub struct SetBillingModelInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// With whom.
    coachee_id: Id<CoacheeId>,
    /// How.
    billing_model: BillingModel,
}

/// Accepts an invitation to the coachee portal.
#[derive(InputObject)]
pub struct AcceptInvitationInput {
    /// The token of the link.
    token: String,
    /// Where the sign-in of a new account is held.
    #[graphql(default_with = "SessionKind::Browser")]
    kind: SessionKind,
}

/// Writes the active goal.
#[derive(InputObject)]
pub struct SetActiveGoalInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Whose.
    coachee_id: Id<CoacheeId>,
    /// One sentence of at most 200 characters; an empty one clears it.
    active_goal: String,
}

/// Writes the synopsis.
#[derive(InputObject)]
pub struct WriteSynopsisInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Whose.
    coachee_id: Id<CoacheeId>,
    /// The text.
    synopsis: String,
}

/// Adding, inviting, accepting; active goal and synopsis.
#[derive(Default)]
pub struct CoacheeMutation;

#[Object]
impl CoacheeMutation {
    /// Adds a coachee; who does gets Admin access. With `sendInvitation` the activation mail leaves at once.
    async fn add_coachee(&self, ctx: &Context<'_>, input: AddCoacheeInput) -> Result<Option<CoacheePayload>> {
        inviting::add(ctx, input).await
    }

    /// Corrects a coachee's name or email. The coach may until the coachee has accepted. Who has named five addresses of
    /// other coachees in fifteen minutes is told `RATE_LIMITED`.
    async fn update_coachee(&self, ctx: &Context<'_>, input: UpdateCoacheeInput) -> Result<Option<CoacheePayload>> {
        let (limits, now) = (ctx.data::<Arc<Limits>>()?, app(ctx)?.clock().now());
        let tries = viewer(ctx)?.somebody().filter(|_| input.email.is_some());
        if tries.is_some_and(|person| !limits.may_try(person, now)) {
            return Err(rate_limited("You have named several addresses that other coachees have. Try again later."));
        }
        let answer: Result<Option<CoacheePayload>> = run(ctx, input.practice_id.0, |_| {
            Ok(coachee::UpdateCoachee {
                coachee: input.coachee_id.0,
                first_name: text_or("firstName", input.first_name.as_ref())?,
                last_name: text_or("lastName", input.last_name.as_ref())?,
                email: text_or("email", input.email.as_ref().map(|email| &email.0))?,
            })
        })
        .await;
        let taken = domain::Refusal::from(coachee::Refusal::EmailIsTaken);
        let is_taken =
            matches!(&answer, Ok(Some(payload)) if payload.errors.iter().any(|refused| refused.code.0 == taken));
        if let Some(person) = tries.filter(|_| !is_taken) {
            limits.take_off(person, now);
        }
        answer
    }

    /// Sends the first invitation.
    async fn send_invitation(&self, ctx: &Context<'_>, input: CoacheeInput) -> Result<Option<CoacheePayload>> {
        inviting::send(ctx, input, Sending::First).await
    }

    /// Sends another invitation; the one before stops working.
    async fn resend_invitation(&self, ctx: &Context<'_>, input: CoacheeInput) -> Result<Option<CoacheePayload>> {
        inviting::send(ctx, input, Sending::Again).await
    }

    /// Accepts an invitation to the coachee portal. Where the invited address has an account, its person must be signed in.
    async fn accept_invitation(
        &self,
        ctx: &Context<'_>,
        input: AcceptInvitationInput,
    ) -> Result<Option<AcceptancePayload>> {
        let app = app(ctx)?;
        let once = Once::by_link(ctx, viewer(ctx)?)?;
        let command = once.command(app);
        let Some((LogId::Practice(practice), token)) = app::tokens::parse(Kind::CoacheeInvitation, &input.token) else {
            return Ok(Some(no_invitation()));
        };
        let accepted = match app.coachee_invitation(&input.token).await.map_err(error)? {
            Some((invitation, row)) => {
                let invited = (&row.email, input.kind.into());
                let (acceptance, _) = acceptance(app, viewer(ctx)?, invited, command).map_err(error)?;
                let (invitation, coachee) = (invitation.id, row.id);
                Some(coachee::AcceptInvitation { practice, invitation, token, coachee, acceptance })
            }
            None => None,
        };
        accept(ctx, (&once, command), input.kind, (practice, accepted)).await
    }

    /// Deactivates a coachee: their portal closes at once, and they are off the list. Nothing is lost. It takes User Admin
    /// access.
    async fn deactivate_coachee(&self, ctx: &Context<'_>, input: CoacheeInput) -> Result<Option<CoacheePayload>> {
        run(ctx, input.practice_id.0, |_| Ok(coachee::DeactivateCoachee { coachee: input.coachee_id.0 })).await
    }

    /// Brings a deactivated coachee back, with everything as it was. It takes User Admin access.
    async fn reactivate_coachee(&self, ctx: &Context<'_>, input: CoacheeInput) -> Result<Option<CoacheePayload>> {
        run(ctx, input.practice_id.0, |_| Ok(coachee::ReactivateCoachee { coachee: input.coachee_id.0 })).await
    }

    /// Names the coach who leads: notices about the coachee go to them. It takes Admin access, and the coach must have
    /// access to the coachee.
    async fn set_lead_coach(&self, ctx: &Context<'_>, input: SetLeadCoachInput) -> Result<Option<CoacheePayload>> {
        run(ctx, input.practice_id.0, |_| {
            Ok(coachee::SetLeadCoach { coachee: input.coachee_id.0, coach: input.coach_id.0 })
        })
        .await
    }

    /// Says how the work with a coachee is paid. It takes Admin access.
    async fn set_billing_model(
        &self,
        ctx: &Context<'_>,
        input: SetBillingModelInput,
    ) -> Result<Option<CoacheePayload>> {
        run(ctx, input.practice_id.0, |_| {
            Ok(coachee::SetBillingModel { coachee: input.coachee_id.0, model: input.billing_model.into() })
        })
        .await
    }

    /// Adds the coachees of a file of comma-separated values, or of semicolons or tabs, whose first line names the columns:
    /// first name (or name), last name, email address; others are passed over. At most 1 000 rows at once. Every row is
    /// reported. An address that a coachee of the practice has is passed over, so the same file again adds nobody. A dry
    /// run reports the same and changes nothing.
    async fn import_coachees(
        &self,
        ctx: &Context<'_>,
        input: import::ImportCoacheesInput,
    ) -> Result<Option<import::ImportPayload>> {
        import::import(ctx, input).await
    }

    /// Erases a coachee for ever: what anybody wrote about them can never be read again, here or in a backup whose keyring
    /// has expired. The activity log keeps its length and its proofs. It takes Admin access, and cannot be undone.
    async fn erase_coachee(&self, ctx: &Context<'_>, input: EraseCoacheeInput) -> Result<Option<DeletedPayload>> {
        delete(ctx, input.practice_id.0, |_| {
            Ok(coachee::EraseCoachee { coachee: input.coachee_id.0, name: input.confirm_name })
        })
        .await
    }

    /// Writes the one sentence that coach and coachee work toward.
    async fn set_active_goal(&self, ctx: &Context<'_>, input: SetActiveGoalInput) -> Result<Option<CoacheePayload>> {
        run(ctx, input.practice_id.0, |_| {
            Ok(coachee::SetActiveGoal { coachee: input.coachee_id.0, goal: text("activeGoal", &input.active_goal)? })
        })
        .await
    }

    /// Writes what coaches know of a coachee in short. The coachee never sees it.
    async fn write_synopsis(&self, ctx: &Context<'_>, input: WriteSynopsisInput) -> Result<Option<CoacheePayload>> {
        run(ctx, input.practice_id.0, |_| {
            Ok(coachee::WriteSynopsis { coachee: input.coachee_id.0, synopsis: text("synopsis", &input.synopsis)? })
        })
        .await
    }
}
