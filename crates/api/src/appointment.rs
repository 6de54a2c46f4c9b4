//! Appointments: what both sides see of them, when they take place, and how they come about (S2.16, S2.17, S3.2).
//!
//! An appointment is one thing, however often it repeats; lists are of its occurrences. [`diary`] computes them.

mod diary;
mod feed;

use std::sync::Arc;

use app::View;
use async_graphql::connection::Connection;
use async_graphql::{Context, Enum, ID, InputObject, Object};
use domain::appointment::{self, Answer, Cancelling, Occurrence, Rule, State};
use domain::id::{AppointmentId, CoacheeId, LogId, PersonId, PracticeId};
use domain::value::Zone;

pub(crate) use self::diary::{Among, Diary, Range};
pub(crate) use self::feed::{CalendarFeedInfo, FeedMutation};
use crate::page::{Asked, Cursor};
use crate::scalars::{DateTime, Id, LocalDateTime, Position, TimeZone, id};
use crate::words::{
    Once, Payload, Result, UserError, app, coach_name, error, look_for, run, shown, text, text_or, view, viewer,
};

/// Whether the coachee comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "Answer")]
pub(crate) enum AppointmentAnswer {
    /// They come.
    Going,
    /// They do not.
    NotGoing,
}

/// How an occurrence stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "State")]
pub(crate) enum OccurrenceStatus {
    /// When the recurrence has it; also an appointment that does not repeat.
    Planned,
    /// At another time than the recurrence has it.
    Moved,
    /// It does not take place.
    Cancelled,
}

/// An appointment between a coach and a coachee, however often it repeats.
pub(crate) struct Appointment {
    view: View,
    row: Arc<appointment::Appointment>,
}

impl Appointment {
    /// From its row.
    pub(crate) fn new(view: &View, row: appointment::Appointment) -> Self {
        Self { view: view.clone(), row: Arc::new(row) }
    }
}

#[Object]
impl Appointment {
    /// Its id.
    pub(crate) async fn id(&self) -> ID {
        id(self.row.id)
    }
    /// With which coachee.
    async fn coachee_id(&self) -> ID {
        id(self.row.coachee)
    }
    /// With which coach.
    async fn coach_id(&self) -> ID {
        id(self.row.coach)
    }
    /// That coach's name; nothing where they are in the practice no more.
    async fn coach_name(&self) -> Result<Option<String>> {
        coach_name(&self.view, self.row.coach).await
    }
    /// What it is called.
    async fn title(&self) -> Result<Option<String>> {
        shown(&self.view, &*self.row, Some(&self.row.title)).await
    }
    /// Where it takes place.
    async fn place(&self) -> Result<Option<String>> {
        shown(&self.view, &*self.row, self.row.place.as_ref()).await
    }
    /// The video meeting's address.
    async fn video_link(&self) -> Result<Option<String>> {
        shown(&self.view, &*self.row, self.row.link.as_ref()).await
    }
    /// When it begins, or the first one of a recurring one, on the clocks of its time zone.
    async fn start(&self) -> LocalDateTime {
        LocalDateTime(self.row.start)
    }
    /// On whose clocks it begins: it stays at that time over daylight saving.
    async fn time_zone(&self) -> TimeZone {
        TimeZone(self.row.zone.clone())
    }
    /// How long it takes.
    async fn duration_minutes(&self) -> u32 {
        self.row.minutes
    }
    /// How it repeats, as a rule of RFC 5545; nothing where it does not.
    async fn recurrence(&self) -> Option<String> {
        self.row.rule.as_ref().map(|rule| rule.text(&self.row.zone, None))
    }
    /// Whether all of it was cancelled.
    async fn cancelled(&self) -> bool {
        self.row.cancelled
    }
    /// The first occurrence that is cancelled with all after it; nothing where the rest was not.
    async fn cancelled_from(&self) -> Option<LocalDateTime> {
        self.row.cut_from.map(LocalDateTime)
    }
    /// How often it was changed so that calendars must learn of it: `SEQUENCE` in RFC 5545.
    async fn sequence(&self) -> u32 {
        self.row.sequence
    }
    /// What the coachee answered to all of it.
    async fn answer(&self) -> Option<AppointmentAnswer> {
        self.row.answered.map(|answered| answered.answer.into())
    }
    /// When they did.
    async fn answered_at(&self) -> Option<DateTime> {
        self.row.answered.map(|answered| DateTime(answered.at))
    }
    /// When it was made.
    async fn added_at(&self) -> DateTime {
        DateTime(self.row.added_at)
    }
    /// When it takes place, in order; cancelled occurrences too.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn occurrences(
        &self,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, AppointmentOccurrence>> {
        let all = diary::all(&self.row);
        diary::page(&self.view, all, &Asked { after, before, first, last })
    }
}

/// One time at which an appointment takes place.
pub(crate) struct AppointmentOccurrence {
    view: View,
    row: Arc<appointment::Appointment>,
    it: Occurrence,
    /// The others of its time.
    among: Arc<Among>,
}

#[Object]
impl AppointmentOccurrence {
    /// The appointment that it is an occurrence of.
    async fn appointment(&self) -> Appointment {
        Appointment { view: self.view.clone(), row: self.row.clone() }
    }
    /// Which occurrence: its start as the recurrence has it, also after it was moved (`RECURRENCE-ID` in RFC 5545).
    async fn occurrence(&self) -> LocalDateTime {
        LocalDateTime(self.it.id)
    }
    /// When it begins, on the clocks of the appointment's time zone.
    async fn start(&self) -> LocalDateTime {
        LocalDateTime(self.it.start)
    }
    /// When it begins.
    async fn starts_at(&self) -> DateTime {
        DateTime(self.it.starts_at)
    }
    /// When it ends.
    async fn ends_at(&self) -> DateTime {
        DateTime(self.it.ends_at)
    }
    /// How long it takes.
    async fn duration_minutes(&self) -> u32 {
        self.it.minutes
    }
    /// How it stands.
    async fn status(&self) -> OccurrenceStatus {
        self.it.state.into()
    }
    /// What the coachee answered to it, or else to all; nothing since it was moved, until they answer again.
    async fn answer(&self) -> Option<AppointmentAnswer> {
        self.it.answered.map(|answered| answered.answer.into())
    }
    /// When they did.
    async fn answered_at(&self) -> Option<DateTime> {
        self.it.answered.map(|answered| DateTime(answered.at))
    }
    /// The session that was started from it.
    async fn session_id(&self) -> Option<ID> {
        self.it.session.map(id)
    }
    /// Other appointments of the same coach or coachee that overlap with it, as far as the viewer sees them; at most 20.
    #[graphql(complexity = "20 * child_complexity + 1")]
    async fn conflicts(&self) -> Result<Vec<AppointmentOccurrence>> {
        let found = self.among.conflicts(&self.view, &[(self.row.clone(), self.it.clone())]).await?;
        Ok(diary::shown(&self.view, found))
    }
}

impl AppointmentOccurrence {
    fn new(view: &View, row: Arc<appointment::Appointment>, it: Occurrence, among: Arc<Among>) -> Self {
        Self { view: view.clone(), row, it, among }
    }
}

/// The coach portal's appointments, over all coachees that the viewer has access to.
pub(crate) struct CoachAppointments(pub(crate) View);

#[Object]
impl CoachAppointments {
    /// The appointments of a span of time, in order.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn appointments(
        &self,
        range: Range,
        #[graphql(desc = "Whether cancelled ones are listed too.", default)] cancelled: bool,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, AppointmentOccurrence>> {
        let diary = Diary { view: &self.0, coachee: None, cancelled };
        diary.page(range.span()?, &Asked { after, before, first, last }).await
    }
    /// What is next: appointments that have not ended, in order; the next 14 days where no range is given.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn upcoming(
        &self,
        range: Option<Range>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, AppointmentOccurrence>> {
        let diary = Diary { view: &self.0, coachee: None, cancelled: false };
        diary.upcoming(range, &Asked { after, before, first, last }).await
    }
    /// One appointment.
    async fn appointment(&self, id: Id<AppointmentId>) -> Result<Option<Appointment>> {
        let row = self.0.one(id.0).await.map_err(error)?.ok_or_else(|| error(app::Error::NotFound))?;
        Ok(Some(Appointment::new(&self.0, row)))
    }
}

/// A coachee's appointments, for both sides.
pub(crate) struct CoacheeAppointments {
    /// Who looks.
    pub(crate) view: View,
    /// At whose.
    pub(crate) coachee: CoacheeId,
}

#[Object]
impl CoacheeAppointments {
    /// The coachee's appointments of a span of time, in order; those that have not ended, of the next 400 days, where no
    /// range is given.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn appointments(
        &self,
        range: Option<Range>,
        #[graphql(desc = "Whether cancelled ones are listed too.", default)] cancelled: bool,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, AppointmentOccurrence>> {
        let (diary, asked) =
            (Diary { view: &self.view, coachee: Some(self.coachee), cancelled }, Asked { after, before, first, last });
        match range {
            Some(range) => diary.page(range.span()?, &asked).await,
            None => diary.upcoming(None, &asked).await,
        }
    }
}

/// What became of a change of an appointment.
pub(crate) struct AppointmentPayload {
    done: Option<(View, Arc<appointment::Appointment>)>,
    position: Option<Position>,
    errors: Vec<UserError>,
}

impl Payload for AppointmentPayload {
    type Row = appointment::Appointment;
    fn done(position: Position, seen: Option<(View, Self::Row)>) -> Self {
        let done = seen.map(|(view, row)| (view, Arc::new(row)));
        Self { done, position: Some(position), errors: Vec::new() }
    }
    fn refused(error: UserError) -> Self {
        Self { done: None, position: None, errors: vec![error] }
    }
}

#[Object]
impl AppointmentPayload {
    /// The appointment as it is since. Nothing where the change was refused.
    async fn appointment(&self) -> Option<Appointment> {
        self.done.as_ref().map(|(view, row)| Appointment { view: view.clone(), row: row.clone() })
    }
    /// A warning, and no refusal: other appointments of the same coach or coachee that overlap with it within the next
    /// year, as far as the viewer sees them; at most 20.
    #[graphql(complexity = "20 * child_complexity + 1")]
    async fn conflicts(&self) -> Result<Vec<AppointmentOccurrence>> {
        let Some((view, row)) = &self.done else { return Ok(Vec::new()) };
        let (from, to) = (view.now(), view.now().plus_days(366));
        let mut its = diary::all(row);
        its.retain(|(_, it)| it.overlaps(from, to));
        let found = Among::of(&its).conflicts(view, &its).await?;
        Ok(diary::shown(view, found))
    }
    /// The log's position since. Nothing where the change was refused.
    async fn position(&self) -> Option<Position> {
        self.position.clone()
    }
    /// Why the change was refused; empty where it was made.
    async fn errors(&self) -> &[UserError] {
        &self.errors
    }
}

/// Makes an appointment.
#[derive(InputObject)]
pub(crate) struct AddAppointmentInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// With which coachee.
    coachee_id: Id<CoacheeId>,
    /// With which coach, who has access to the coachee; the viewer where it is left out.
    coach_id: Option<Id<PersonId>>,
    /// What it is called.
    title: String,
    /// When it begins, on the clocks of its time zone; the first one, where it repeats.
    start: LocalDateTime,
    /// The time zone; the viewer's, or else the practice's, where it is left out.
    time_zone: Option<TimeZone>,
    /// How long it takes: 1 to 1440.
    #[graphql(default = 60)]
    duration_minutes: u32,
    /// Where it takes place.
    place: Option<String>,
    /// The video meeting's address: https.
    video_link: Option<String>,
    /// How it repeats: a rule of RFC 5545 such as `FREQ=WEEKLY;COUNT=10`, by day, week, month or year, with an end
    /// (`COUNT` or `UNTIL`): at most 732 occurrences within ten years.
    recurrence: Option<String>,
}

/// Moves an appointment, or changes what it is called and where it is; what is left out stays.
#[derive(InputObject)]
pub(crate) struct RescheduleAppointmentInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which.
    appointment_id: Id<AppointmentId>,
    /// Only this occurrence of it: then its time alone changes, and nothing else may be given. Without it all of it is
    /// moved, which single changes and answers do not survive; that can be done until the first one has begun.
    occurrence: Option<LocalDateTime>,
    /// When it begins.
    start: Option<LocalDateTime>,
    /// On the clocks of which time zone.
    time_zone: Option<TimeZone>,
    /// How long it takes: 1 to 1440.
    duration_minutes: Option<u32>,
    /// How it repeats.
    recurrence: Option<String>,
    /// What it is called.
    title: Option<String>,
    /// Where it takes place; an empty text takes that away.
    place: Option<String>,
    /// The video meeting's address; an empty text takes that away.
    video_link: Option<String>,
}

/// Cancels an appointment: all of it, where no occurrence is named.
#[derive(InputObject)]
pub(crate) struct CancelAppointmentInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which.
    appointment_id: Id<AppointmentId>,
    /// Only this occurrence.
    occurrence: Option<LocalDateTime>,
    /// And all after it.
    #[graphql(default)]
    and_following: bool,
}

/// Says whether the coachee comes.
#[derive(InputObject)]
pub(crate) struct RespondToAppointmentInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// To which appointment.
    appointment_id: Id<AppointmentId>,
    /// To this occurrence only; to all where it is left out.
    occurrence: Option<LocalDateTime>,
    /// Whether they come.
    answer: AppointmentAnswer,
}

/// Where nobody says which: the viewer's time zone, or else the practice's.
async fn zone(ctx: &Context<'_>, practice: PracticeId, given: Option<TimeZone>) -> Result<Zone> {
    if let Some(given) = given {
        return Ok(given.0);
    }
    let view = view(ctx, practice, None).await?;
    let member = match view.oneself() {
        None => view.one::<domain::practice::Member>(view.scope.person).await.map_err(error)?,
        Some(_) => None,
    };
    match member.and_then(|member| member.zone) {
        Some(zone) => Ok(zone),
        None => Ok(view.practice().await.map_err(error)?.zone),
    }
}

/// The appointment that is to be moved, where start or recurrence change. Nothing in a repeat of what was done: it is
/// answered as before, whatever has become of the appointment since.
async fn planned(ctx: &Context<'_>, input: &RescheduleAppointmentInput) -> Result<Option<appointment::Appointment>> {
    if input.start.is_none() && input.recurrence.is_none() {
        return Ok(None);
    }
    let practice = input.practice_id.0;
    let once = Once::of(ctx, viewer(ctx)?)?;
    if once.done_before(app(ctx)?, LogId::Practice(practice)).await?.is_some() {
        return Ok(None);
    }
    let seen = look_for::<appointment::Appointment>(ctx, practice, None, input.appointment_id.0).await?;
    seen.map(|(_, row)| Some(row)).ok_or_else(|| error(app::Error::NotFound))
}

/// The recurrence that is given, read against the start that there is or will be; without one, that the present one fits
/// the start that is given. This is tried here, since a rule can take long that does not fit, and nobody shall wait for
/// it; the decision looks again.
fn recurring(
    input: &RescheduleAppointmentInput,
    row: &appointment::Appointment,
) -> std::result::Result<Option<Rule>, UserError> {
    let start = input.start.as_ref().map_or(row.start, |start| start.0);
    let Some(text) = &input.recurrence else {
        if let Some(rule) = row.rule_from(start).filter(|_| input.occurrence.is_none()) {
            rule.starts(start).map_err(|refusal| UserError::at("start", refusal.into()))?;
        }
        return Ok(None);
    };
    let zone = input.time_zone.as_ref().map_or(&row.zone, |zone| &zone.0);
    Rule::parse(text, start, zone).map(Some).map_err(|refusal| UserError::at("recurrence", refusal))
}

/// Making, moving, cancelling and answering appointments.
#[derive(Default)]
pub(crate) struct AppointmentMutation;

#[Object]
impl AppointmentMutation {
    /// Makes an appointment (the quick menu's "Add Appointment"). Both sides get a mail with a calendar entry.
    async fn add_appointment(
        &self,
        ctx: &Context<'_>,
        input: AddAppointmentInput,
    ) -> Result<Option<AppointmentPayload>> {
        let (start, zone) = (input.start.0, zone(ctx, input.practice_id.0, input.time_zone).await?);
        run(ctx, input.practice_id.0, |new| {
            let rule = input.recurrence.as_ref().map(|text| Rule::parse(text, start, &zone));
            Ok(appointment::AddAppointment {
                appointment: new.id(),
                coachee: input.coachee_id.0,
                coach: input.coach_id.map(|coach| coach.0),
                title: text("title", &input.title)?,
                place: text_or("place", input.place.as_ref())?,
                link: text_or("videoLink", input.video_link.as_ref())?,
                start,
                zone: zone.clone(),
                minutes: input.duration_minutes,
                rule: rule.transpose().map_err(|refusal| UserError::at("recurrence", refusal))?,
            })
        })
        .await
    }

    /// Moves an appointment or one occurrence of it, or changes what it is called and where it is. Both sides get a mail
    /// that moves it in their calendars.
    async fn reschedule_appointment(
        &self,
        ctx: &Context<'_>,
        input: RescheduleAppointmentInput,
    ) -> Result<Option<AppointmentPayload>> {
        let (start, zone) = (input.start.clone().map(|start| start.0), input.time_zone.clone().map(|zone| zone.0));
        let row = planned(ctx, &input).await?;
        run(ctx, input.practice_id.0, |_| {
            let rule = row.as_ref().map(|row| recurring(&input, row)).transpose()?.flatten();
            Ok(appointment::RescheduleAppointment {
                appointment: input.appointment_id.0,
                occurrence: input.occurrence.map(|occurrence| occurrence.0),
                title: text_or("title", input.title.as_ref())?,
                place: text_or("place", input.place.as_ref())?,
                link: text_or("videoLink", input.video_link.as_ref())?,
                start,
                zone,
                minutes: input.duration_minutes,
                rule,
            })
        })
        .await
    }

    /// Cancels an appointment, one occurrence of it, or one and those after it. Both sides get a mail that takes it out of
    /// their calendars.
    async fn cancel_appointment(
        &self,
        ctx: &Context<'_>,
        input: CancelAppointmentInput,
    ) -> Result<Option<AppointmentPayload>> {
        if input.and_following && input.occurrence.is_none() {
            return Err(crate::words::bad("`andFollowing` needs the occurrence from which on they are cancelled."));
        }
        run(ctx, input.practice_id.0, |_| {
            let what = match input.occurrence {
                None => Cancelling::All,
                Some(from) if input.and_following => Cancelling::Following(from.0),
                Some(occurrence) => Cancelling::One(occurrence.0),
            };
            Ok(appointment::CancelAppointment { appointment: input.appointment_id.0, what })
        })
        .await
    }

    /// Says whether the viewer, as the coachee, comes: to all of an appointment, or to one occurrence of it.
    async fn respond_to_appointment(
        &self,
        ctx: &Context<'_>,
        input: RespondToAppointmentInput,
    ) -> Result<Option<AppointmentPayload>> {
        run(ctx, input.practice_id.0, |_| {
            Ok(appointment::RespondToAppointment {
                appointment: input.appointment_id.0,
                occurrence: input.occurrence.map(|occurrence| occurrence.0),
                answer: input.answer.into(),
            })
        })
        .await
    }
}
