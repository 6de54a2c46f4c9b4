//! What an edit changes: nothing, where the value is the one that was there.

use crate::decide::{Facts, Stop};
use crate::row::Row;
use crate::text::{Change, Confidential, Personal, Text};

/// What changes when a field is set to a value, if anything does.
pub(crate) fn changed<T: Clone + PartialEq>(was: &T, now: Option<&T>) -> Option<Change<T>> {
    now.filter(|now| *now != was).map(|now| Change { was: Some(was.clone()), now: now.clone() })
}

/// The same for a field that may never have been set.
pub(crate) fn changed_from<T: Clone + PartialEq>(was: Option<&T>, now: Option<&T>) -> Option<Change<T>> {
    now.filter(|now| Some(*now) != was).map(|now| Change { was: was.cloned(), now: now.clone() })
}

/// The change with both its texts to be sealed.
pub(crate) fn personal<T>(change: Change<T>) -> Change<Personal<T>> {
    Change { was: change.was.map(Personal::new), now: Personal::new(change.now) }
}

/// What changes when a sealed text of a row is set, if anything does: `was` is the text as it lies.
pub(crate) fn rewritten<R: Row, T: Text + PartialEq>(
    facts: &Facts<'_>,
    row: &R,
    lies: &Confidential<T>,
    now: Option<&T>,
) -> Result<Option<Change<Confidential<T>>>, Stop> {
    let Some(now) = now else { return Ok(None) };
    let same = facts.read(row, lies)?.as_ref() == Some(now);
    Ok((!same).then(|| Change { was: Some(lies.clone()), now: Confidential::new(now.clone()) }))
}
