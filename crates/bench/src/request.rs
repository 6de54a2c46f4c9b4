//! `request`: what browsers and programs ask, through HTTP: the portals' real queries and a mutation, over a practice with
//! few coachees and with many. Each is measured with sixteen on their way at a time (mutations: 64), and its latency at
//! half of that rate.
//!
//! The limit is the same request to the same program over a practice of the same shape whose rows lie in memory: SQLite's
//! own memory file system, which reads no file, takes no lock of the operating system and syncs nothing. What is left
//! between the two is the database's disk, or its server. That practice has at most a hundred coachees, for SQLite's memory
//! holds a GiB: so with many coachees what is left is their number, too.
//!
//! With `--row-level-security` the limit is the same request to the same program on the same server of PostgreSQL without
//! it, in turn: the ratio is what the second wall costs.

use domain::id::CoacheeId;
use serde_json::{Value, json};
use store::Options;

use crate::Asked;
use crate::error::Error;
use crate::place::{Place, open};
use crate::portal::{Answered, FULL, Portal};
use crate::report::{Latency, Report, Round, What};

/// How many queries are on their way at a time.
const QUERIES_AT_A_TIME: usize = 16;
/// How many mutations are.
const MUTATIONS_AT_A_TIME: usize = 64;

/// How many coachees the practice has whose rows lie in memory, at most: SQLite's memory holds a GiB.
const IN_MEMORY_MAX: usize = 100;

/// How much is measured.
#[derive(Debug)]
pub(crate) struct Size {
    coachees: Vec<usize>,
    requests: usize,
    rounds: usize,
    is_walled: bool,
}

/// The role of readers on a server that is measured.
const READER: &str = "throughline_bench_reader";

impl Size {
    /// Everything, or what fits into minutes.
    pub(crate) fn new(asked: &Asked) -> Self {
        let (coachees, requests, rounds) =
            if asked.quick { (vec![100], 1_000, 1) } else { (vec![100, 10_000], 4_000, 3) };
        let coachees = asked.coachees.map_or(coachees, |number| vec![number]);
        Self { coachees, requests, rounds, is_walled: asked.row_level_security }
    }
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Roster,
    Overdue,
    Conversations,
    Messages,
    Dashboard,
    Profile,
    Live,
    Home,
    Mutation,
}

impl Kind {
    const ALL: [Self; 9] = [
        Self::Roster,
        Self::Overdue,
        Self::Dashboard,
        Self::Profile,
        Self::Live,
        Self::Conversations,
        Self::Messages,
        Self::Home,
        Self::Mutation,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Roster => "roster",
            Self::Overdue => "roster, overdue",
            Self::Conversations => "conversations",
            Self::Messages => "messages",
            Self::Dashboard => "dashboard",
            Self::Profile => "profile",
            Self::Live => "live session",
            Self::Home => "coachee home",
            Self::Mutation => "mutation",
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Roster => {
                "query($p: ID!) { viewer { coachPortal(practiceId: $p) { position coachees(first: 20) {
                    totalCount pageInfo { hasNextPage endCursor }
                    nodes { id fullName email status activeGoal lastSessionAt options } } } } }"
            }
            Self::Overdue => {
                "query($p: ID!) { viewer { coachPortal(practiceId: $p) { position
                    coachees(first: 20, filter: { hasOverdueActions: true }) {
                    totalCount pageInfo { hasNextPage endCursor } nodes { id fullName status lastSessionAt } } } } }"
            }
            Self::Conversations => {
                "query($p: ID!) { viewer { coachPortal(practiceId: $p) { position conversations(first: 20) {
                    nodes { id withName messageCount unreadCount lastMessage { by text sentAt } } } } } }"
            }
            Self::Messages => {
                "query($p: ID!, $c: ID!) { viewer { coachPortal(practiceId: $p) { position coachee(id: $c) {
                    conversation { readByCoachee { number } messages(first: 20) { nodes { number by text sentAt } } } }
                    } } }"
            }
            Self::Dashboard => {
                "query($p: ID!) { viewer { coachPortal(practiceId: $p) { position practice { name } dashboard {
                    expiringAuthorizations(first: 20) { nodes { number state remaining endsOn coacheeId } }
                    lowAuthorizations(first: 20) { nodes { number state remaining endsOn coacheeId } }
                    recentActivity(first: 20) { nodes { at kind entry actorId changes { field was now } } } } } } }"
            }
            Self::Profile => {
                "query($p: ID!, $c: ID!) { viewer { coachPortal(practiceId: $p) { position
                    access(first: 20) { nodes { coachId level } }
                    coachee(id: $c) { id fullName email status activeGoal synopsis
                        goals(first: 20) { nodes { id title dueOn complete milestoneCount } }
                        actions(first: 20) { nodes { id title dueOn progress complete } }
                        sessions(first: 20) { nodes { id title startedAt durationMinutes status } }
                        authorizations(first: 20) { nodes { id number source state remaining endsOn } }
                        activityLog(first: 20) { nodes { at kind entry changes { field now } } } } } } }"
            }
            Self::Live => {
                "query($p: ID!, $s: ID!) { viewer { coachPortal(practiceId: $p) { position liveSession(id: $s) {
                    id title startedAt notes { text revision siblings { revision } } nextSteps { text done } activeGoal
                    authorization { number remaining } fromLastSession { nextSteps { text done } }
                    lookBack(first: 5) { title activeGoal nextSteps { text done } } } } } }"
            }
            Self::Home => {
                "query($p: ID!) { viewer { coacheePortal(practiceId: $p) { position practice { name }
                    me { firstName activeGoal } coaches { displayName }
                    goals(first: 20) { nodes { id title dueOn complete } }
                    actions(first: 20) { nodes { id title dueOn progress } }
                    sessions(first: 20) { nodes { id title startedAt status } }
                    nextSteps(first: 20) { nodes { text done } } } } }"
            }
            Self::Mutation => {
                "mutation($p: ID!, $a: ID!, $n: Int!) {
                    setActionProgress(input: { practiceId: $p, actionId: $a, progress: $n }) {
                        action { id progress complete } position errors { code message } } }"
            }
        }
    }

    const fn at_a_time(self) -> usize {
        match self {
            Self::Roster
            | Self::Overdue
            | Self::Conversations
            | Self::Messages
            | Self::Dashboard
            | Self::Profile
            | Self::Live
            | Self::Home => QUERIES_AT_A_TIME,
            Self::Mutation => MUTATIONS_AT_A_TIME,
        }
    }

    fn token(self, portal: &Portal) -> &str {
        match self {
            Self::Home => &portal.coachee,
            Self::Roster
            | Self::Overdue
            | Self::Conversations
            | Self::Messages
            | Self::Dashboard
            | Self::Profile
            | Self::Live
            | Self::Mutation => &portal.owner,
        }
    }

    /// The next requests of this kind. Mutations always change something.
    fn bodies(self, portal: &Portal, sent: &mut usize, count: usize) -> Vec<String> {
        let numbers = *sent..*sent + count;
        *sent += count;
        let body = |number: usize| {
            let (coachee, session): (CoacheeId, _) = portal.full[number % FULL];
            let action = portal.actions[number % portal.actions.len()];
            let progress = 1 + number / portal.actions.len() % 99;
            let variables: Value = match self {
                Self::Roster | Self::Overdue | Self::Conversations | Self::Dashboard | Self::Home => {
                    json!({ "p": portal.practice })
                }
                Self::Profile | Self::Messages => json!({ "p": portal.practice, "c": coachee }),
                Self::Live => json!({ "p": portal.practice, "s": session }),
                Self::Mutation => json!({ "p": portal.practice, "a": action, "n": progress }),
            };
            json!({ "query": self.text(), "variables": variables }).to_string()
        };
        numbers.map(body).collect()
    }
}

/// Measures on one kind of database.
pub(crate) async fn measure(place: &Place, size: &Size, report: &mut Report) -> Result<(), Error> {
    for coachees in size.coachees.iter().copied() {
        let options = place.fresh("request")?;
        let walled = Options { reader: size.is_walled.then(|| READER.to_owned()), ..options.clone() };
        let portal = Portal::open(open(&walled).await?, coachees).await?;
        let (limit, of_limit) = if size.is_walled {
            (place.fresh("limit")?, coachees)
        } else {
            (Options::new("sqlite::memory:"), coachees.min(IN_MEMORY_MAX))
        };
        let limits = Portal::open(open(&limit).await?, of_limit).await?;
        for kind in Kind::ALL {
            let (mut sent, mut sent_to_limit) = (0, 0);
            let statements = statements(kind, &portal, &mut sent).await?;
            // Every connection is opened, and has prepared what is asked.
            let warm = kind.bodies(&portal, &mut sent, 100);
            portal.ask_all(kind.token(&portal), &warm, kind.at_a_time()).await?;
            let warm = kind.bodies(&limits, &mut sent_to_limit, 100);
            limits.ask_all(kind.token(&limits), &warm, kind.at_a_time()).await?;
            let mut rounds = Vec::with_capacity(size.rounds);
            for _ in 0..size.rounds {
                let limit = round(kind, &limits, &mut sent_to_limit, size.requests).await?;
                let done = round(kind, &portal, &mut sent, size.requests).await?;
                let half = kind.bodies(&portal, &mut sent, size.requests / 2);
                let half = portal.ask_at(kind.token(&portal), &half, done.per_second / 2.0).await?;
                rounds.push(Round {
                    per_second: done.per_second,
                    limit_per_second: limit.per_second,
                    latency: Some(Latency { p50_ms: half.percentile_ms(50), p99_ms: half.percentile_ms(99) }),
                    limit_latency: None,
                });
            }
            let what = What::Asked { request: kind.name().to_owned(), coachees, statements };
            report.add(place.name(), what, &rounds);
        }
        portal.app().stop().await;
        limits.app().stop().await;
        place.remove(&options)?;
        if size.is_walled {
            place.remove(&limit)?;
        }
    }
    Ok(())
}

async fn round(kind: Kind, portal: &Portal, sent: &mut usize, requests: usize) -> Result<Answered, Error> {
    let bodies = kind.bodies(portal, sent, requests);
    portal.ask_all(kind.token(portal), &bodies, kind.at_a_time()).await
}

/// How many statements one request takes, the gate's two among them, when nothing else runs.
async fn statements(kind: Kind, portal: &Portal, sent: &mut usize) -> Result<u64, Error> {
    let bodies = kind.bodies(portal, sent, 2);
    portal.ask(Some(kind.token(portal)), &bodies[0]).await?;
    let before = portal.app().store().statements();
    portal.ask(Some(kind.token(portal)), &bodies[1]).await?;
    Ok(portal.app().store().statements() - before)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole of it, small, on a real database: every request is answered without an error.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_small_run_measures_each_request() {
        let place = Place::new(store::Database::Sqlite, None, None).unwrap();
        let mut report = Report::new("request");
        let size = Size { coachees: vec![FULL], requests: 40, rounds: 1, is_walled: false };
        measure(&place, &size, &mut report).await.unwrap();
        assert_eq!(report.rows().len(), Kind::ALL.len());
        for row in report.rows() {
            assert!(row.per_second > 0.0 && row.limit_per_second > 0.0, "{row:?}");
            let What::Asked { statements, .. } = row.what else { panic!("{row:?}") };
            assert!((3..=20).contains(&statements), "{row:?}");
        }
    }
}
