//! The journey to look at: how far a coachee's plan, or one goal of it, had come day by day.
//!
//! Nothing is stored for it: it is folded from the plan's events whenever somebody looks, so it holds for any past too.

use std::collections::BTreeMap;

use crate::id::{ActionId, GoalId};
use crate::plan;
use crate::value::{Date, Percent, Time, Zone};

/// The kinds of events that it is made of.
pub const KINDS: [&str; 3] = ["plan.action_added", "plan.action_progressed", "plan.action_deleted"];

/// How far the actions had come at the end of a day on which something about them changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// The day.
    pub on: Date,
    /// The mean of the actions' percentages, rounded down; 0 where there were none.
    pub percent: u8,
    /// How many actions there were.
    pub actions: u32,
    /// How many of them were done.
    pub done: u32,
}

/// The days on which something changed, in order; of all actions, or of those that serve one goal.
pub fn progress<'e>(
    events: impl IntoIterator<Item = (&'e plan::Event, Time)>,
    goal: Option<GoalId>,
    zone: &Zone,
) -> Vec<Point> {
    let (mut actions, mut points): (BTreeMap<ActionId, Percent>, Vec<Point>) = (BTreeMap::new(), Vec::new());
    for (event, at) in events {
        let is_changed = if let plan::Event::ActionAdded { action, goal: of, .. } = event {
            let is_meant = goal.is_none() || *of == goal;
            if is_meant {
                actions.insert(*action, Percent::default());
            }
            is_meant
        } else if let plan::Event::ActionProgressed { action, progress, .. } = event {
            actions.get_mut(action).map(|percent| *percent = progress.now).is_some()
        } else if let plan::Event::ActionDeleted { action, .. } = event {
            actions.remove(action).is_some()
        } else {
            false
        };
        if is_changed {
            let point = Point::of(at.date_in(zone), &actions);
            match points.last_mut().filter(|last| last.on == point.on) {
                Some(last) => *last = point,
                None => points.push(point),
            }
        }
    }
    points
}

impl Point {
    fn of(on: Date, actions: &BTreeMap<ActionId, Percent>) -> Self {
        let sum: u64 = actions.values().map(|percent| u64::from(percent.get())).sum();
        let mean = sum.checked_div(u64::try_from(actions.len()).unwrap_or(u64::MAX)).unwrap_or(0);
        let done = actions.values().filter(|percent| **percent == Percent::ALL).count();
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Self { on, percent: u8::try_from(mean).unwrap_or(100), actions: count(actions.len()), done: count(done) }
    }
}
