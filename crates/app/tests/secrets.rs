//! What holds somebody's words, or what lets somebody in, and may not be printed.
#![cfg(test)]

use app::google::Brought;
use app::import::{Fault, Line};
use app::signin::{Asked, Credentials};
use domain::assessment::form::Score;
use domain::coachee::EraseCoachee;
use domain::id::{CoacheeId, Id as _};

const MARK: &str = "CANARY";

#[test]
fn nothing_that_was_brought_or_typed_is_printed() {
    let mark = || MARK.to_owned();
    let printed = [
        format!("{:?}", Brought { token: mark(), browser: Some(mark()), signed_in: None }),
        format!("{:?}", Asked { browser: mark(), digits: mark() }),
        format!("{:?}", Credentials { token: mark(), browser: Some(mark()), digits: Some(mark()) }),
        format!("{:?}", Line { number: 1, email: mark(), read: Err(Fault::NoEmail) }),
        format!("{:?}", Score { dimension: mark(), points: 3, least: 1, most: 5 }),
        format!("{:?}", EraseCoachee { coachee: CoacheeId::of(uuid::Uuid::max()), name: mark() }),
    ];
    assert_eq!(printed.map(|printed| printed == "…"), [true; 6]);
}
