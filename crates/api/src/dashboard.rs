//! The dashboard: what wants a coach's attention, over all coachees that they have access to.

use app::View;
use async_graphql::Object;
use async_graphql::connection::Connection;

use crate::activity::{ActivityEntry, Seq};
use crate::authorization::{self, Authorization};
use crate::coachee::Coachee;
use crate::page::{Asked, Cursor, Total};
use crate::plan::Action;
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
    /// Actions that are open after their day in the practice's time zone: those that wait longest first. Those of coachees
    /// who are deactivated are left out.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn overdue_actions(
        &self,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, Action>> {
        crate::plan::overdue(&self.0, &Asked { after, before, first, last }).await
    }
    /// Active coachees with whom no session began in so many days, and who were added before that: those who wait longest
    /// first.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn stalled_coachees(
        &self,
        #[graphql(default = 30)] days: u32,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, Coachee, Total>> {
        crate::coachee::roster::stalled(&self.0, days, &Asked { after, before, first, last }).await
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
