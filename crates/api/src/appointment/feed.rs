//! The address from which a person's calendar program reads their appointments: made, replaced and ended.

use app::tokens::Kind;
use async_graphql::{Context, Object, SimpleObject};
use domain::appointment::{CalendarFeed, CreateFeed, RevokeFeed};
use domain::id::LogId;

use crate::scalars::DateTime;
use crate::words::{Once, Result, UserError, app, error, send, send_once, viewer};

/// That there is an address from which the viewer's calendar is read. The address itself was shown once.
#[derive(SimpleObject)]
#[graphql(name = "CalendarFeed")]
pub(crate) struct CalendarFeedInfo {
    /// Since when.
    created_at: DateTime,
}

impl CalendarFeedInfo {
    /// From its row.
    pub(crate) fn new(row: &CalendarFeed) -> Self {
        Self { created_at: DateTime(row.since) }
    }
}

/// What became of giving the calendar an address.
#[derive(SimpleObject)]
pub(crate) struct CreateCalendarFeedPayload {
    /// That there is one. Nothing where it was refused.
    calendar_feed: Option<CalendarFeedInfo>,
    /// The path of the address, for a calendar program to subscribe to: `/calendar/….ics` on this server. Whoever has it
    /// reads the calendar. It is shown here and nowhere else; a repeat with the same idempotency key shows it again while
    /// it works.
    path: Option<String>,
    /// Why it was refused; empty where it was done.
    errors: Vec<UserError>,
}

/// What became of ending the calendar's address.
#[derive(SimpleObject)]
pub(crate) struct RevokeCalendarFeedPayload {
    /// Whether there is none any more.
    revoked: bool,
    /// Why it was refused; empty where it was done.
    errors: Vec<UserError>,
}

/// The address of the viewer's calendar.
#[derive(Default)]
pub(crate) struct FeedMutation;

#[Object]
impl FeedMutation {
    /// Gives the viewer's calendar a new address, from which calendar programs read their appointments of all practices
    /// and both portals. One that was there stops working.
    async fn create_calendar_feed(&self, ctx: &Context<'_>) -> Result<Option<CreateCalendarFeedPayload>> {
        let (app, person) = (app(ctx)?, viewer(ctx)?.person()?);
        let (log, once) = (LogId::Account(person), Once::of(ctx, viewer(ctx)?)?);
        let command = once.command(app);
        let hash = app.token(Kind::CalendarFeed, log, command).hash;
        Ok(Some(match send_once(ctx, log, (&once, command), |_| Ok(CreateFeed { person, hash })).await? {
            Ok(done) => {
                let token = app.token(Kind::CalendarFeed, log, done.command);
                let row = app.calendar_feed(person).await.map_err(error)?.filter(|row| row.hash == token.hash);
                let path = row.as_ref().map(|_| format!("/calendar/{}.ics", token.text));
                let calendar_feed = row.as_ref().map(CalendarFeedInfo::new);
                CreateCalendarFeedPayload { calendar_feed, path, errors: Vec::new() }
            }
            Err(refused) => CreateCalendarFeedPayload { calendar_feed: None, path: None, errors: vec![refused] },
        }))
    }

    /// Ends the address of the viewer's calendar.
    async fn revoke_calendar_feed(&self, ctx: &Context<'_>) -> Result<Option<RevokeCalendarFeedPayload>> {
        let person = viewer(ctx)?.person()?;
        Ok(Some(match send(ctx, LogId::Account(person), |_| Ok(RevokeFeed { person })).await? {
            Ok(_) => RevokeCalendarFeedPayload { revoked: true, errors: Vec::new() },
            Err(refused) => RevokeCalendarFeedPayload { revoked: false, errors: vec![refused] },
        }))
    }
}
