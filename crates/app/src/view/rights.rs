//! What a viewer may do: for menus and dry runs, which must offer exactly what a command would allow.
//!
//! The answer is [`domain::access::may`]'s, as it is for a command; here is only said as what the viewer stands to it. A
//! command asks again when it is run.

use domain::access::{self, Answer, Deed, Standing};
use domain::coachee::Coachee;
use domain::id::AccessId;
use domain::practice::Access;
use domain::sight::Side;

use super::View;
use crate::Error;

/// As what a viewer stands to something.
#[derive(Debug, Clone, Copy)]
pub struct Rights(Standing);

impl Rights {
    /// What would become of this deed.
    pub fn answer(&self, deed: Deed) -> Answer {
        access::may(self.0, deed)
    }

    /// Whether it would be done.
    pub fn allow(&self, deed: Deed) -> bool {
        self.answer(deed) == Answer::Yes
    }
}

impl View {
    /// What the viewer may do with a coachee whom they see.
    pub async fn rights(&self, coachee: &Coachee) -> Result<Rights, Error> {
        Ok(Rights(match &self.scope.side {
            Side::Manager => Standing::Manager,
            Side::Coach(theirs) => {
                let access = AccessId::between(self.scope.person, coachee.client());
                let level = self.one::<Access>(access).await?.map(|access| access.level);
                let level = level.filter(|_| theirs.contains(&coachee.id));
                Standing::Coach { level, may_add: false, oneself: false }
            }
            Side::Coachee(me, _) => Standing::Coachee { oneself: *me == coachee.id },
        }))
    }

    /// What the viewer may do with the practice as a whole: add coachees to it.
    pub async fn rights_here(&self) -> Result<Rights, Error> {
        Ok(Rights(match &self.scope.side {
            Side::Manager => Standing::Manager,
            Side::Coach(_) => {
                let may_add = self.practice().await?.coaches_may_add;
                Standing::Coach { level: None, may_add, oneself: false }
            }
            Side::Coachee(..) => Standing::Coachee { oneself: false },
        }))
    }
}
