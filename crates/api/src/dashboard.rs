//! The dashboard: what wants a coach's attention, over all coachees that they have access to.

use app::View;
use async_graphql::Object;
use async_graphql::connection::Connection;

use crate::activity::{ActivityEntry, Seq};
use crate::authorization::{self, Authorization};
use crate::page::{Asked, Cursor};
use crate::words::Result;

/// What wants attention. Everything here reads the portal's moment.
pub(crate) struct Dashboard(pub(crate) View);

#[Object]
impl Dashboard {
    /// Authorizations that end within the days that the practice's settings say, those that end first first.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn expiring_authorizations(
        &self,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, Authorization>> {
        authorization::expiring(&self.0, &Asked { after, before, first, last }).await
    }
    /// Authorizations with no more sessions left than the practice's settings say, those that end first first.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn low_authorizations(
        &self,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, Authorization>> {
        authorization::low(&self.0, &Asked { after, before, first, last }).await
    }
    /// The newest entries of the activity log that the viewer may review.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn recent_activity(
        &self,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Seq, ActivityEntry>> {
        crate::activity::page(&self.0, None, &Asked { after, before, first, last }).await
    }
}
