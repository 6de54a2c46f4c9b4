//! Deleting an account: what has to be looked up before the command can be made.

use domain::Actor;
use domain::account::{DeleteAccount, Owns, Portal, PortalOf};
use domain::id::{CommandId, LogId, PersonId};
use domain::practice::{Member, Role};
use domain::text::Email;

use crate::signin::SignedIn;
use crate::{App, Done, Error, Idempotency, Request, Through};

/// How often it is looked up anew when portals were opened meanwhile.
const TRIES: usize = 4;

impl App {
    /// Deletes the account that is signed in: its log and its address are forgotten, its sign-ins end, and its portals are
    /// closed a moment later. `email` is what was typed to confirm.
    ///
    /// # Errors
    /// What [`DeleteAccount`] refuses: another address, a sign-in that is not fresh, an account that owns a practice.
    pub async fn delete_account(
        &self,
        signed_in: SignedIn,
        email: Option<Email>,
        command: CommandId,
        idempotency: Option<Idempotency>,
    ) -> Result<Done, Error> {
        let person = signed_in.person;
        for _ in 0..TRIES {
            let (account, portals, _) = self.account(person).await?;
            let owns = if self.owns_a_practice(person, &portals).await? { Owns::APractice } else { Owns::Nothing };
            let delete = DeleteAccount {
                person,
                address: account.address,
                login: signed_in.login,
                email: email.clone(),
                portals: portals.iter().map(|of| (of.practice, of.portal)).collect(),
                opened: account.opened,
                owns,
            };
            let request = Request {
                log: LogId::Account(person),
                actor: Actor::Person(person),
                through: Through::Browser,
                now: self.clock().now(),
                command,
                idempotency,
            };
            match self.run(request, delete).await {
                Err(Error::Again) => {}
                other => return other,
            }
        }
        Err(Error::Unavailable)
    }

    async fn owns_a_practice(&self, person: PersonId, portals: &[PortalOf]) -> Result<bool, Error> {
        for portal in portals.iter().filter(|portal| portal.portal == Portal::Coach) {
            let log = LogId::Practice(portal.practice);
            let Some((mut snapshot, _)) = self.snapshot_of(log).await? else { continue };
            let member = self.inner.row::<Member>(&mut snapshot, log, person).await?;
            snapshot.close().await?;
            if member.is_some_and(|member| member.role == Role::Owner) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
