//! From events to notices: who is told of what, looked up in bulk for many events of one practice at once.

use std::collections::HashMap;
use std::sync::Arc;

use domain::coachee::Coachee;
use domain::id::{AccessId, ActionId, CoacheeId, Id as _, LogId, PersonId};
use domain::notice::{self, NEWS_DAYS, News, ORIGIN_READS, Origin, Raise};
use domain::practice::{Access, Member, Role};
use store::{Filter, Value};

use crate::react::Reaction;
use crate::record::{self, Happened};
use crate::{App, Error};

/// How many events of one action's history are looked at: more than anybody has made.
const HISTORY_MAX: u32 = 1_000;
/// How many coaches, and accesses of them, are looked at for who stands in for a lead: more than a practice has.
const COACHES_MAX: u32 = 10_000;

impl App {
    /// The commands that tell of these events, which are of one log.
    pub(crate) async fn notices(&self, events: &[Happened]) -> Result<Vec<Reaction>, Error> {
        let since = self.clock().now().plus_days(-NEWS_DAYS);
        let recent = events.iter().filter(|happened| happened.when.at >= since);
        let found = told_once(recent);
        let Some((first, ..)) = found.first() else { return Ok(Vec::new()) };
        let log = first.when.log;
        let LogId::Practice(practice) = log else { return Ok(Vec::new()) };
        let Some((mut snapshot, _)) = self.snapshot_of(log).await? else { return Ok(Vec::new()) };
        let ids: Vec<CoacheeId> = found.iter().map(|(it, ..)| CoacheeId::of(it.when.subject.uuid())).collect();
        let coachees = self.inner.rows_of::<Coachee>(&mut snapshot, log, &ids).await?;
        let mut coachees: HashMap<CoacheeId, Coachee> = coachees.into_iter().map(|row| (row.id, row)).collect();
        self.stand_in(&mut snapshot, log, &mut coachees).await?;
        let actions: Vec<ActionId> = found.iter().filter_map(|(.., news)| news.hangs_on()).collect();
        let histories = histories(&mut snapshot, log, actions).await?;
        snapshot.close().await?;
        let mut reactions = Vec::with_capacity(found.len());
        for ((happened, by, news), id) in found.into_iter().zip(ids) {
            // Who was erased has nobody told of them.
            let Some(coachee) = coachees.get(&id) else { continue };
            let cause = happened.when.seq;
            let history = news.hangs_on().and_then(|action| histories.get(&action));
            let before = history.into_iter().flatten().filter(|it| it.when.seq < cause);
            let origin = before.fold(Origin::default(), |origin, it| origin.then(&it.event, &it.when));
            let Some((to, recipient)) = notice::told(&news, by, coachee, origin) else { continue };
            let News { kind, about, changed, .. } = news;
            let notice = notice::notice_id(log, cause, to);
            let raise = Raise { practice, notice, coachee: id, to, recipient, kind, about, changed, by, cause };
            reactions.push(Reaction { cause, log, command: Arc::new(raise) });
        }
        Ok(reactions)
    }

    /// Names as each coachee's lead who is told in the lead's place, where that is no coach of theirs any more: of those
    /// who have access the one who has had it longest, else the practice's owner.
    async fn stand_in(
        &self,
        snapshot: &mut store::Snapshot,
        log: LogId,
        coachees: &mut HashMap<CoacheeId, Coachee>,
    ) -> Result<(), Error> {
        let leads: Vec<(PersonId, AccessId)> = coachees
            .values()
            .filter_map(|row| row.lead.map(|lead| (lead, AccessId::between(lead, row.client()))))
            .collect();
        let (people, keys): (Vec<PersonId>, Vec<AccessId>) = leads.into_iter().unzip();
        let members = self.inner.rows_of::<Member>(snapshot, log, &people).await?;
        let accesses = self.inner.rows_of::<Access>(snapshot, log, &keys).await?;
        let leads = |row: &Coachee| {
            let lead = members.iter().find(|member| row.lead == Some(member.id));
            lead.is_some_and(|lead| {
                let key = AccessId::between(lead.id, row.client());
                lead.sees(accesses.iter().find(|access| access.id == key))
            })
        };
        let missing: Vec<&mut Coachee> = coachees.values_mut().filter(|row| !leads(row)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let members = self.inner.rows::<Member>(snapshot, log, Vec::new(), COACHES_MAX).await?;
        let clients: Vec<Value> = missing.iter().map(|row| Value::from(row.client().uuid().into_bytes())).collect();
        let theirs = vec![Filter::In("client".to_owned(), clients)];
        let accesses = self.inner.rows::<Access>(snapshot, log, theirs, COACHES_MAX).await?;
        for row in missing {
            let held = accesses.iter().filter(|access| access.client == row.client());
            let held = held.filter(|access| members.iter().any(|member| access.holds(member)));
            let longest = held.min_by_key(|access| access.granted).map(|access| access.coach);
            let owner = || members.iter().find(|member| member.role == Role::Owner).map(|owner| owner.id);
            row.lead = longest.or_else(owner);
        }
        Ok(())
    }
}

/// What of these events is news, each with who did it. What one command made of one thing is told once.
fn told_once<'a>(events: impl Iterator<Item = &'a Happened>) -> Vec<(&'a Happened, PersonId, News)> {
    let mut found: Vec<(&'a Happened, PersonId, News)> = Vec::new();
    for it in events {
        let (Some(by), Some(news)) = (it.when.actor, notice::news(&it.event)) else { continue };
        let mut of_command = found.iter_mut().rev().take_while(|(before, ..)| before.command == it.command);
        let same = of_command.find(|(_, _, known)| (known.kind, known.about) == (news.kind, news.about));
        if let Some((_, _, known)) = same {
            let more = news.changed.into_iter().filter(|field| !known.changed.contains(field)).collect::<Vec<_>>();
            known.changed.extend(more);
        } else {
            found.push((it, by, news));
        }
    }
    found
}

/// What of these actions' histories says whose they are, the oldest first.
async fn histories(
    snapshot: &mut store::Snapshot,
    log: LogId,
    mut actions: Vec<ActionId>,
) -> Result<HashMap<ActionId, Vec<Happened>>, Error> {
    actions.sort_unstable();
    actions.dedup();
    let mut found: HashMap<ActionId, Vec<Happened>> = HashMap::new();
    if actions.is_empty() {
        return Ok(found);
    }
    let ids: Vec<store::Id> = actions.iter().map(|action| action.uuid().into_bytes()).collect();
    let wanted = store::Activity {
        log: log.uuid().into_bytes(),
        kinds: ORIGIN_READS.iter().map(|kind| (*kind).to_owned()).collect(),
        limit: HISTORY_MAX,
        ..store::Activity::default()
    };
    for (place, stored) in snapshot.histories(&wanted, "thing", &ids).await? {
        if let Some(action) = actions.get(place) {
            found.entry(*action).or_default().push(record::decode(&stored.record)?);
        }
    }
    Ok(found)
}
