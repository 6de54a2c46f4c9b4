//! Timers: rows with a due time, folded from events like any other. What is due becomes a command, whose id derives from
//! the row, so that it happens once, however many nodes see it.

use uuid::Uuid;

use crate::Table;
use crate::account::{AccessToken, ExpireAccessToken, ExpireLogin, Login};
use crate::coachee::{ExpireInvitation, Invitation};
use crate::decide::Decide;
use crate::id::{Id as _, InvitationId};
use crate::plan::{ActionSeries, RepeatAction};
use crate::practice::ExpireCoachInvitation;
use crate::row::Row as _;

/// The tables whose rows have a column `due`.
pub const TIMED: &[Table] =
    &[Table::login, Table::access_token, Table::coachee_invitation, Table::coach_invitation, Table::action_series];

/// What a row that is due asks for; nothing for tables that have no timers.
pub fn due(table: Table, id: Uuid, document: &[u8]) -> Result<Option<Box<dyn Decide>>, postcard::Error> {
    Ok(if table == Table::login {
        let login = Login::from_document(document)?;
        Some(Box::new(ExpireLogin { person: login.person, login: login.id }))
    } else if table == Table::access_token {
        let token = AccessToken::from_document(document)?;
        Some(Box::new(ExpireAccessToken { person: token.person, token: token.id }))
    } else if table == Table::coachee_invitation {
        let invitation = Invitation::from_document(document)?;
        Some(Box::new(ExpireInvitation { coachee: invitation.coachee, invitation: invitation.id }))
    } else if table == Table::coach_invitation {
        Some(Box::new(ExpireCoachInvitation { invitation: InvitationId::of(id) }))
    } else if table == Table::action_series {
        let series = ActionSeries::from_document(document)?;
        let number = series.number().saturating_add(1);
        Some(Box::new(RepeatAction { series: series.id, coachee: series.coachee, number }))
    } else {
        None
    })
}
