//! What a coachee's menus offer: exactly what the coachee's status and the viewer's rights allow (S2.2, S2.9, S2.16).

use app::View;
use async_graphql::{Context, Enum};
use domain::access::Deed;
use domain::account::Right;
use domain::coachee::{Coachee, Status};

use crate::words::{Result, error, viewer};

/// What can be done with a coachee now, from a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum CoacheeOption {
    /// `sendInvitation`: nobody has invited them.
    SendInvitation,
    /// `resendInvitation`: they have not accepted yet.
    ResendInvitation,
    /// `updateCoachee`: name and email are the coach's to correct until the coachee has accepted.
    EditNameAndEmail,
    /// `startSession`.
    StartNewSession,
    /// `setLeadCoach`.
    SetLeadCoach,
    /// `setBillingModel`.
    SetBillingModel,
    /// `deactivateCoachee`.
    Deactivate,
    /// `reactivateCoachee`.
    Reactivate,
    /// `eraseCoachee`: for ever.
    Erase,
}

/// What can be begun from a coachee's profile: exactly five acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum QuickMenuItem {
    /// Start a new session: `startSession`.
    StartSession,
    /// Add an appointment.
    AddAppointment,
    /// Send a message.
    SendMessage,
    /// Add an assessment.
    AddAssessment,
    /// Assign questions.
    AssignQuestions,
}

/// Whether this request can change anything through the portal of this view: a token that only reads there cannot.
fn may_write(ctx: &Context<'_>, view: &View) -> Result<bool> {
    let portals = viewer(ctx)?.reach(view.scope.practice, Right::Write).map(|(_, portals)| portals);
    Ok(portals.is_ok_and(|portals| portals.contains(&view.scope.side.portal())))
}

/// What the viewer may do with a coachee, in the order of a menu.
pub(super) async fn options(ctx: &Context<'_>, view: &View, row: &Coachee) -> Result<Vec<CoacheeOption>> {
    if !may_write(ctx, view)? {
        return Ok(Vec::new());
    }
    let (is_here, status) = (row.deactivated_at.is_none(), row.status);
    let offered = [
        (CoacheeOption::SendInvitation, Deed::InviteCoachee, is_here && status == Status::NotInvited),
        (CoacheeOption::ResendInvitation, Deed::InviteCoachee, is_here && status == Status::Invited),
        (CoacheeOption::EditNameAndEmail, Deed::ChangeCoachee, status != Status::Active),
        (CoacheeOption::StartNewSession, Deed::HoldSessions, true),
        (CoacheeOption::SetLeadCoach, Deed::NameLead, true),
        (CoacheeOption::SetBillingModel, Deed::KeepAuthorizations, true),
        (CoacheeOption::Deactivate, Deed::DeactivateCoachee, is_here),
        (CoacheeOption::Reactivate, Deed::DeactivateCoachee, !is_here),
        (CoacheeOption::Erase, Deed::EraseCoachee, true),
    ];
    let rights = view.rights(row).await.map_err(error)?;
    let offered = offered.into_iter().filter(|(_, deed, fits)| *fits && rights.allow(*deed));
    Ok(offered.map(|(option, ..)| option).collect())
}

/// What the viewer may begin with a coachee.
pub(super) async fn quick_menu(ctx: &Context<'_>, view: &View, row: &Coachee) -> Result<Vec<QuickMenuItem>> {
    if !may_write(ctx, view)? {
        return Ok(Vec::new());
    }
    let offered = [
        (QuickMenuItem::StartSession, Deed::HoldSessions),
        (QuickMenuItem::AddAppointment, Deed::KeepAppointments),
        (QuickMenuItem::SendMessage, Deed::Converse),
        (QuickMenuItem::AddAssessment, Deed::Assign),
        (QuickMenuItem::AssignQuestions, Deed::Assign),
    ];
    let rights = view.rights(row).await.map_err(error)?;
    Ok(offered.into_iter().filter(|(_, deed)| rights.allow(*deed)).map(|(item, _)| item).collect())
}
