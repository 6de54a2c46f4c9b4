//! Time travel: a portal as it was at an earlier moment, to who may see it now.
//!
//! Both roots take `asOf`; everything below reads the moment through its `View`, and knows nothing of it. `node` stays in
//! the present, and nothing that was can be changed.

use app::View;
use async_graphql::{Context, OneofObject};
use domain::account::Portal;
use domain::id::PracticeId;

use crate::scalars::{DateTime, Position};
use crate::words::{Result, app, error, reader, viewer};

/// An earlier moment of a practice: exactly one of these.
#[derive(OneofObject)]
pub(crate) enum AsOf {
    /// Right after what happened at this position. Days count from when that was.
    Position(Position),
    /// At this time: after the last thing that happened by then. It is not in the future.
    Time(DateTime),
}

impl From<AsOf> for app::AsOf {
    fn from(as_of: AsOf) -> Self {
        match as_of {
            AsOf::Position(position) => Self::Position(position.0),
            AsOf::Time(time) => Self::Time(time.0),
        }
    }
}

/// What the viewer sees of a practice through one of its portals, now or as of an earlier moment.
pub(crate) async fn portal(
    ctx: &Context<'_>,
    practice: PracticeId,
    portal: Portal,
    at_least: Option<Position>,
    as_of: Option<AsOf>,
) -> Result<View> {
    let (app, reader) = (app(ctx)?, reader(ctx, viewer(ctx)?.in_portal(practice, portal)?)?);
    let at_least = at_least.map(|position| position.0);
    match as_of {
        Some(as_of) => app.view_as_of(&reader, practice, portal, at_least, as_of.into()).await,
        None => app.view(&reader, practice, portal, at_least).await,
    }
    .map_err(error)
}
