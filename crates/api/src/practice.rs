//! Practices, coaches and access, and the root of the coach portal.

use app::View;
use app::tokens::Kind;
use app::view::Wanted;
use async_graphql::connection::Connection;
use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use domain::access::Level;
use domain::account::{Portal, Right};
use domain::coachee::NewInvitation;
use domain::id::{AccessId, CoacheeId, Id as _, InvitationId, LogId, PersonId, PracticeId};
use domain::practice::{self, AccessStep, Role};
use domain::text::{Email, Name, Text as _};

use crate::accepting::{AcceptancePayload, accept, acceptance, no_invitation};
use crate::account::SessionKind;
use crate::inviting::invite;
use crate::page::{Asked, Cursor, List};
use crate::scalars::{DateTime, EmailAddress, Id, Position, TimeZone, Url, id};
use crate::words::{
    New, Once, Payload as _, Result, app, error, payload, reader, run, send_once, text, text_or, view, viewer,
};

/// A practice in a list.
#[derive(SimpleObject)]
pub struct PracticeCard {
    /// Its id.
    id: ID,
    /// Its name.
    name: String,
    /// The time zone in which its days begin.
    time_zone: TimeZone,
}

impl PracticeCard {
    /// From its row.
    pub fn new(_: &View, row: practice::Practice) -> Self {
        Self { id: id(row.id), name: row.name.as_str().to_owned(), time_zone: TimeZone(row.zone) }
    }
}

/// A practice with its settings, as coaches see it.
pub struct Practice(practice::Practice);

impl Practice {
    /// From its row.
    pub fn new(_: &View, row: practice::Practice) -> Self {
        Self(row)
    }
}

#[Object]
impl Practice {
    /// Its id.
    pub async fn id(&self) -> ID {
        id(self.0.id)
    }
    /// Its name.
    async fn name(&self) -> &str {
        self.0.name.as_str()
    }
    /// The time zone in which its days begin.
    async fn time_zone(&self) -> TimeZone {
        TimeZone(self.0.zone.clone())
    }
    /// Whether coaches who are not managers may add coachees.
    async fn coaches_may_add_coachees(&self) -> bool {
        self.0.coaches_may_add
    }
    /// Within how many days of its end an authorization is expiring soon.
    async fn expiring_soon_days(&self) -> u32 {
        self.0.expiring_days
    }
    /// With how many sessions left an authorization is running low.
    async fn low_sessions(&self) -> u32 {
        self.0.low_sessions
    }
    /// Since when it is there.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }
}

/// What a coach does in the practice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "Role")]
pub enum CoachRole {
    /// Sees and does what access was granted for.
    Coach,
    /// A dashboard manager: Admin everywhere.
    Manager,
    /// The founder; counts as manager.
    Owner,
}

/// A coach's level of access to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "Level")]
pub enum AccessLevel {
    /// Full access to that client's data.
    User,
    /// User, and invitations and statuses.
    UserAdmin,
    /// Everything about that client.
    Admin,
}

/// A coach of the practice.
pub struct Coach(practice::Member);

impl Coach {
    /// From its row.
    pub fn new(_: &View, row: practice::Member) -> Self {
        Self(row)
    }
}

#[Object]
impl Coach {
    /// The person's id.
    pub async fn id(&self) -> ID {
        id(self.0.id)
    }
    /// The name shown.
    async fn display_name(&self) -> &str {
        self.0.name.as_str()
    }
    /// The address of their account.
    async fn email(&self) -> EmailAddress {
        EmailAddress(self.0.email.as_str().to_owned())
    }
    /// What they do here.
    async fn role(&self) -> CoachRole {
        self.0.role.into()
    }
    /// Their professional title.
    async fn title(&self) -> Option<&str> {
        self.0.title.as_ref().map(domain::text::Text::as_str).filter(|text| !text.is_empty())
    }
    /// Their time zone; the practice's where they set none.
    async fn time_zone(&self) -> Option<TimeZone> {
        self.0.zone.clone().map(TimeZone)
    }
    /// Their telephone.
    async fn phone(&self) -> Option<&str> {
        self.0.phone.as_ref().map(domain::text::Text::as_str).filter(|text| !text.is_empty())
    }
    /// Their video meeting's address.
    async fn video_link(&self) -> Option<Url> {
        self.0.video_link.as_ref().map(|link| Url(link.as_str().to_owned())).filter(|url| !url.0.is_empty())
    }
    /// Their booking page's address.
    async fn booking_link(&self) -> Option<Url> {
        self.0.booking_link.as_ref().map(|link| Url(link.as_str().to_owned())).filter(|url| !url.0.is_empty())
    }
    /// Since when.
    async fn joined_at(&self) -> DateTime {
        DateTime(self.0.joined_at)
    }
}

/// A coach as their coachees see them.
#[derive(SimpleObject)]
pub struct CoachCard {
    /// The person's id.
    pub id: ID,
    /// The name shown.
    display_name: String,
    /// Their professional title.
    title: Option<String>,
    /// Their video meeting's address.
    video_link: Option<Url>,
    /// Their booking page's address.
    booking_link: Option<Url>,
}

impl CoachCard {
    /// From its row.
    pub fn new(row: &practice::Member) -> Self {
        let link = |link: &Option<domain::text::Link>| {
            link.as_ref().map(|link| Url(link.as_str().to_owned())).filter(|url| !url.0.is_empty())
        };
        Self {
            id: id(row.id),
            display_name: row.name.as_str().to_owned(),
            title: row.title.as_ref().map(|title| title.as_str().to_owned()).filter(|title| !title.is_empty()),
            video_link: link(&row.video_link),
            booking_link: link(&row.booking_link),
        }
    }
}

/// An invitation of a coach that was not accepted yet.
#[derive(SimpleObject)]
pub struct CoachInvitation {
    /// Its id.
    id: ID,
    /// The coach's name.
    name: String,
    /// Where the link was sent.
    email: EmailAddress,
    /// What they will do here.
    role: CoachRole,
    /// When it ends.
    expires_at: DateTime,
}

impl CoachInvitation {
    /// From its row.
    pub fn new(_: &View, row: practice::CoachInvitation) -> Self {
        Self {
            id: id(row.id),
            name: row.name.as_str().to_owned(),
            email: EmailAddress(row.email.as_str().to_owned()),
            role: row.role.into(),
            expires_at: DateTime(row.expires_at),
        }
    }
}

/// A coach's access to a client.
#[derive(SimpleObject)]
pub struct Access {
    /// Its id.
    id: ID,
    /// The coach.
    coach_id: ID,
    /// The client: a company, or a coachee without one.
    client_id: ID,
    /// How far.
    level: AccessLevel,
    /// Since when.
    granted_at: DateTime,
}

impl Access {
    /// From its row.
    pub fn new(_: &View, row: practice::Access) -> Self {
        let client_id = id(CoacheeId::of(row.client.uuid()));
        Self {
            id: id(row.id),
            coach_id: id(row.coach),
            client_id,
            level: row.level.into(),
            granted_at: DateTime(row.granted_at),
        }
    }
}

payload! {
    PracticePayload { practice: Practice } of practice::Practice
    CoachPayload { coach: Coach } of practice::Member
    CoachInvitationPayload { invitation: CoachInvitation } of practice::CoachInvitation
    AccessPayload { access: Access } of practice::Access
}

/// A practice as its coaches see it. Everything below reads the same moment, whose position it carries.
pub struct CoachPortal(pub View);

#[Object]
impl CoachPortal {
    /// The position of the moment that this whole answer shows.
    async fn position(&self) -> Position {
        Position(self.0.position)
    }
    /// The practice.
    async fn practice(&self) -> Result<Practice> {
        Ok(Practice(self.0.practice().await.map_err(error)?))
    }
    /// The viewer as a coach.
    async fn me(&self) -> Result<Option<Coach>> {
        Ok(self.0.one(self.0.scope.person).await.map_err(error)?.map(Coach))
    }
    /// The practice's coaches, by name.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn coaches(
        &self,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, Coach, crate::page::Total>> {
        List::by("name_key").counted(&self.0, &Asked { after, before, first, last }, Coach).await
    }
    /// Invitations of coaches that were not accepted yet; managers only.
    async fn coach_invitations(&self) -> Result<Vec<CoachInvitation>> {
        let view = self.0.clone();
        List::default().all(&self.0, move |row| CoachInvitation::new(&view, row)).await
    }
    /// Who has access to whom: a manager sees all, a coach what their clients' coaches have.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn access(
        &self,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, Access>> {
        let view = self.0.clone();
        List::default()
            .connection(&self.0, &Asked { after, before, first, last }, move |row| Access::new(&view, row))
            .await
    }
    #[graphql(flatten)]
    async fn notices(&self) -> crate::notice::Notifications {
        crate::notice::Notifications(self.0.clone())
    }
    #[graphql(flatten)]
    async fn coachees(&self) -> crate::coachee::CoachCoachees {
        crate::coachee::CoachCoachees(self.0.clone())
    }
    #[graphql(flatten)]
    async fn groups(&self) -> crate::group::CoachGroups {
        crate::group::CoachGroups(self.0.clone())
    }
    #[graphql(flatten)]
    async fn plan(&self) -> crate::plan::CoachPlan {
        crate::plan::CoachPlan(self.0.clone())
    }
    #[graphql(flatten)]
    async fn sessions(&self) -> crate::session::CoachSessions {
        crate::session::CoachSessions(self.0.clone())
    }
    #[graphql(flatten)]
    async fn assessments(&self) -> crate::assessment::CoachAssessments {
        crate::assessment::CoachAssessments(self.0.clone())
    }
    #[graphql(flatten)]
    async fn questions(&self) -> crate::question::CoachQuestions {
        crate::question::CoachQuestions(self.0.clone())
    }
    #[graphql(flatten)]
    async fn files(&self) -> crate::file::CoachFiles {
        crate::file::CoachFiles(self.0.clone())
    }
    #[graphql(flatten)]
    async fn notes(&self) -> crate::note::CoachNotes {
        crate::note::CoachNotes(self.0.clone())
    }
    #[graphql(flatten)]
    async fn conversations(&self) -> crate::message::CoachConversations {
        crate::message::CoachConversations(self.0.clone())
    }
    #[graphql(flatten)]
    async fn development(&self) -> crate::session::rating::OwnDevelopment {
        crate::session::rating::OwnDevelopment(self.0.clone())
    }
    #[graphql(flatten)]
    async fn authorizations(&self) -> crate::authorization::CoachAuthorizations {
        crate::authorization::CoachAuthorizations(self.0.clone())
    }
    #[graphql(flatten)]
    async fn appointments(&self) -> crate::appointment::CoachAppointments {
        crate::appointment::CoachAppointments(self.0.clone())
    }
    /// What wants attention.
    async fn dashboard(&self) -> crate::dashboard::Dashboard {
        crate::dashboard::Dashboard(self.0.clone())
    }
    #[graphql(flatten)]
    async fn log(&self) -> crate::activity::Log {
        crate::activity::Log(self.0.clone())
    }
    #[graphql(flatten)]
    async fn proofs(&self) -> crate::audit::Proofs {
        crate::audit::Proofs(self.0.clone())
    }
}

/// Founds a practice.
#[derive(InputObject)]
pub struct CreatePracticeInput {
    /// Its name.
    name: String,
    /// Its time zone.
    time_zone: TimeZone,
    /// The name that the founder's coachees see.
    display_name: String,
}

/// Changes a practice's settings; what is left out stays.
#[derive(InputObject)]
pub struct UpdatePracticeInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// A new name.
    name: Option<String>,
    /// Another time zone.
    time_zone: Option<TimeZone>,
    /// Whether coaches who are not managers may add coachees.
    coaches_may_add_coachees: Option<bool>,
    /// Within how many days of its end an authorization is expiring soon.
    expiring_soon_days: Option<u32>,
    /// With how many sessions left an authorization is running low.
    low_sessions: Option<u32>,
}

/// Invites a coach.
#[derive(InputObject)]
pub struct AddCoachInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// The coach's name.
    name: String,
    /// Where the link is sent.
    email: EmailAddress,
    /// What they will do here; only the owner can make managers.
    #[graphql(default_with = "CoachRole::Coach")]
    role: CoachRole,
}

/// Accepts an invitation to be a coach.
#[derive(InputObject)]
pub struct AcceptCoachInvitationInput {
    /// The token of the link.
    token: String,
    /// Where the sign-in of a new account is held.
    #[graphql(default_with = "SessionKind::Browser")]
    kind: SessionKind,
}

/// Changes a coach's own settings; what is left out stays, an empty text clears.
#[derive(InputObject)]
pub struct UpdateCoachSettingsInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// The coach; oneself where it is left out.
    coach_id: Option<Id<PersonId>>,
    /// The name shown.
    display_name: Option<String>,
    /// The professional title.
    title: Option<String>,
    /// The time zone.
    time_zone: Option<TimeZone>,
    /// The telephone.
    phone: Option<String>,
    /// The video meeting's address.
    video_link: Option<Url>,
    /// The booking page's address.
    booking_link: Option<Url>,
}

/// Names a coach of a practice and their role.
#[derive(InputObject)]
pub struct SetCoachRoleInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// The coach.
    coach_id: Id<PersonId>,
    /// What they are from now on.
    role: CoachRole,
}

/// Names a coach of a practice.
#[derive(InputObject)]
pub struct RemoveCoachInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// The coach.
    coach_id: Id<PersonId>,
}

/// Names a coach, a client by one of its coachees, and a level.
#[derive(InputObject)]
pub struct AccessInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// The coach.
    coach_id: Id<PersonId>,
    /// A coachee of the client.
    coachee_id: Id<CoacheeId>,
    /// How far.
    level: AccessLevel,
}

/// Names a coach and a client by one of its coachees.
#[derive(InputObject)]
pub struct RevokeAccessInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// The coach.
    coach_id: Id<PersonId>,
    /// A coachee of the client.
    coachee_id: Id<CoacheeId>,
}

/// Practices, coaches, access.
#[derive(Default)]
pub struct PracticeMutation;

#[Object]
impl PracticeMutation {
    /// Founds a practice; who does is its owner.
    async fn create_practice(&self, ctx: &Context<'_>, input: CreatePracticeInput) -> Result<Option<PracticePayload>> {
        let founder = viewer(ctx)?.person()?;
        let once = Once::of(ctx, viewer(ctx)?)?;
        let (command, practice) = (once.command(app(ctx)?), once.practice(app(ctx)?));
        let make = |_: &New<'_>| {
            let (name, display_name) = (text("name", &input.name)?, text("displayName", &input.display_name)?);
            Ok(practice::CreatePractice { practice, name, zone: input.time_zone.0, founder, display_name })
        };
        match send_once(ctx, LogId::Practice(practice), (&once, command), make).await? {
            Ok(done) => {
                let reader = reader(ctx, founder)?;
                let view =
                    app(ctx)?.view(&reader, practice, Portal::Coach, Some(done.position)).await.map_err(error)?;
                let row = view.practice().await.map_err(error)?;
                Ok(Some(crate::words::Payload::done(Position(done.position), Some((view, row)))))
            }
            Err(refused) => Ok(Some(crate::words::Payload::refused(refused))),
        }
    }

    /// Changes a practice's settings; managers only.
    async fn update_practice(&self, ctx: &Context<'_>, input: UpdatePracticeInput) -> Result<Option<PracticePayload>> {
        run(ctx, input.practice_id.0, |_| {
            Ok(practice::UpdatePractice {
                practice: input.practice_id.0,
                name: text_or("name", input.name.as_ref())?,
                zone: input.time_zone.map(|zone| zone.0),
                coaches_may_add: input.coaches_may_add_coachees,
                expiring_days: input.expiring_soon_days,
                low_sessions: input.low_sessions,
            })
        })
        .await
    }

    /// Invites a coach by mail; managers only, a manager by the owner only. Coaches see no client until access is granted.
    async fn add_coach(&self, ctx: &Context<'_>, input: AddCoachInput) -> Result<Option<CoachInvitationPayload>> {
        let practice = input.practice_id.0;
        viewer(ctx)?.reach(practice, Right::Write)?;
        let (name, email): (Name, Email) = match (text("name", &input.name), text("email", &input.email.0)) {
            (Ok(name), Ok(email)) => (name, email),
            (Err(refused), _) | (_, Err(refused)) => return Ok(Some(CoachInvitationPayload::refused(refused))),
        };
        let (to, before) = (email.clone(), invited(ctx, practice, &email).await?);
        let make = |NewInvitation { id: invitation, token }| {
            let role = input.role.into();
            practice::AddCoach { practice, invitation, token, name, email, role, before }
        };
        invite(ctx, practice, (Kind::CoachInvitation, &to), make).await
    }

    /// Accepts an invitation to be a coach. Where the invited address has an account, its person must be signed in.
    async fn accept_coach_invitation(
        &self,
        ctx: &Context<'_>,
        input: AcceptCoachInvitationInput,
    ) -> Result<Option<AcceptancePayload>> {
        let app = app(ctx)?;
        let once = Once::by_link(ctx, viewer(ctx)?)?;
        let command = once.command(app);
        let Some((LogId::Practice(practice), hash)) = app::tokens::parse(Kind::CoachInvitation, &input.token) else {
            return Ok(Some(no_invitation()));
        };
        let accepted = match app.coach_invitation(&input.token).await.map_err(error)? {
            Some(row) => {
                let invited = (&row.email, input.kind.into());
                let (acceptance, _) = acceptance(app, viewer(ctx)?, invited, command).map_err(error)?;
                Some(practice::AcceptCoachInvitation { practice, invitation: row.id, token: hash, acceptance })
            }
            None => None,
        };
        accept(ctx, (&once, command), input.kind, (practice, accepted)).await
    }

    /// Changes a coach's own settings; a manager may change anybody's.
    async fn update_coach_settings(
        &self,
        ctx: &Context<'_>,
        input: UpdateCoachSettingsInput,
    ) -> Result<Option<CoachPayload>> {
        let (oneself, _) = viewer(ctx)?.reach(input.practice_id.0, Right::Write)?;
        run(ctx, input.practice_id.0, |_| {
            Ok(practice::UpdateCoachSettings {
                coach: input.coach_id.map_or(oneself, |coach| coach.0),
                name: text_or("displayName", input.display_name.as_ref())?,
                title: text_or("title", input.title.as_ref())?,
                zone: input.time_zone.map(|zone| zone.0),
                phone: text_or("phone", input.phone.as_ref())?,
                video_link: text_or("videoLink", input.video_link.as_ref().map(|url| &url.0))?,
                booking_link: text_or("bookingLink", input.booking_link.as_ref().map(|url| &url.0))?,
            })
        })
        .await
    }

    /// Makes a coach a manager, or a manager a coach; the owner only.
    async fn set_coach_role(&self, ctx: &Context<'_>, input: SetCoachRoleInput) -> Result<Option<CoachPayload>> {
        run(ctx, input.practice_id.0, |_| {
            Ok(practice::SetCoachRole { coach: input.coach_id.0, role: input.role.into() })
        })
        .await
    }

    /// Removes a coach; managers only, a manager by the owner only. What they wrote stays the practice's.
    async fn remove_coach(
        &self,
        ctx: &Context<'_>,
        input: RemoveCoachInput,
    ) -> Result<Option<crate::words::DeletedPayload>> {
        crate::words::delete(ctx, input.practice_id.0, |_| Ok(practice::RemoveCoach { coach: input.coach_id.0 })).await
    }

    /// Grants a coach access to a client; managers only.
    async fn grant_access(&self, ctx: &Context<'_>, input: AccessInput) -> Result<Option<AccessPayload>> {
        let step = AccessStep::Grant(input.level.into());
        set_access(ctx, input.practice_id.0, input.coach_id.0, input.coachee_id.0, step).await
    }

    /// Sets another level of an access; managers only.
    async fn change_access(&self, ctx: &Context<'_>, input: AccessInput) -> Result<Option<AccessPayload>> {
        let step = AccessStep::Change(input.level.into());
        set_access(ctx, input.practice_id.0, input.coach_id.0, input.coachee_id.0, step).await
    }

    /// Takes a coach's access to a client away; managers only. It ends at once, also where they are looking.
    async fn revoke_access(&self, ctx: &Context<'_>, input: RevokeAccessInput) -> Result<Option<AccessPayload>> {
        set_access(ctx, input.practice_id.0, input.coach_id.0, input.coachee_id.0, AccessStep::Revoke).await
    }
}

/// The invitations to this address that the viewer sees: another one replaces them. None in a repeat of what was done: it is
/// answered as before, and ends nothing.
async fn invited(ctx: &Context<'_>, practice: PracticeId, email: &Email) -> Result<Vec<InvitationId>> {
    /// More than a practice sends in the days for which they stand.
    const INVITATIONS_MAX: u32 = 1_000;
    let once = Once::of(ctx, viewer(ctx)?)?;
    if once.done_before(app(ctx)?, LogId::Practice(practice)).await?.is_some() {
        return Ok(Vec::new());
    }
    let wanted = Wanted { limit: INVITATIONS_MAX, ..Wanted::default() };
    let page = view(ctx, practice, None).await?.list::<practice::CoachInvitation>(&wanted).await.map_err(error)?;
    let stand = page.rows.into_iter().filter(|(row, _)| row.email == *email);
    Ok(stand.map(|(row, _)| row.id).collect())
}

async fn set_access(
    ctx: &Context<'_>,
    practice: PracticeId,
    coach: PersonId,
    coachee: CoacheeId,
    step: AccessStep,
) -> Result<Option<AccessPayload>> {
    let seen = view(ctx, practice, None).await?.one::<domain::coachee::Coachee>(coachee).await.map_err(error)?;
    let client = seen.map_or_else(|| coachee.into(), |coachee| coachee.client());
    run(ctx, practice, |_| Ok(practice::SetAccess { coach, coachee, access: AccessId::between(coach, client), step }))
        .await
}
