//! Reading a log on, portion by portion: so many events, or so many bytes of their records.
//!
//! A record has some hundred bytes, and one with a long text some hundred KiB: two thousand of those are half a GiB.
//! Nobody knows where they lie before they are read, so what came last promises nothing of what comes next. A statement
//! asks for so many events *up to the first that is longer* than its share of a portion's bytes: whatever lies there, it
//! brings no more bytes than a portion has, and short records are read as many at a time as there may be. What is longer
//! is read [`FEW`] at a time, and from there the number grows with what comes. What lies behind a long record is read in
//! vain; growing by [`GROWTH`] at most, that is never more than so many times what was read before it.
//!
//! So a portion has no more events than its bound, and less than its bytes and once more as many (or as [`FEW`] events
//! have, where that is more). A statement brings something, or the next one brings [`FEW`], or the log is at its end.

use crate::error::Error;
use crate::log::Event;
use crate::select::Activity;
use crate::snapshot::Snapshot;
use crate::statement::Statement;
use crate::value::Id;

/// How many events are read at once whatever their size.
const FEW: u32 = 16;
/// By how much more is asked for, where all that was asked for came.
const GROWTH: u32 = 4;

/// A log on its way through a reader who takes it in portions.
#[derive(Clone, Copy, Debug)]
pub struct Portions {
    log: Id,
    /// How many events a portion has at most.
    events_max: u32,
    /// By how many bytes of records it is full.
    bytes_max: u32,
    /// How many events the next statement asks for.
    limit: u32,
    is_at_end: bool,
}

/// A portion that is being read.
#[derive(Debug)]
struct Portion {
    /// The position that it has come to.
    after: u64,
    /// How many events are left to be read.
    left: u32,
    bytes: u32,
}

/// What one statement asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Ask {
    after: u64,
    limit: u32,
    /// Up to the first record that is longer; whatever their size, where this says nothing.
    longest: Option<u32>,
}

impl Ask {
    /// The same as a question to the log. What comes after the first longer one is among its answer.
    fn activity(self, log: Id) -> Activity<'static> {
        // Those positions at most, so that nobody looks for further short records behind long ones.
        let before = self.longest.map(|_| self.after.saturating_add(u64::from(self.limit)).saturating_add(1));
        Activity {
            log,
            after_seq: Some(self.after),
            before_seq: before,
            record_bytes_max: self.longest,
            limit: self.limit,
            ..Activity::default()
        }
    }

    /// What was asked for: of short records those up to the first position that is not there.
    fn whole<T>(self, mut found: Vec<T>, seq: impl Fn(&T) -> u64) -> Vec<T> {
        if self.longest.is_some() {
            let next = self.after.saturating_add(1)..;
            let whole = found.iter().zip(next).take_while(|&(it, next)| seq(it) == next).count();
            found.truncate(whole);
        }
        found
    }
}

impl Portions {
    /// For those of whom there are many at a time, and who mostly find few events: 256, or 1 MiB.
    pub const fn small(log: Id) -> Portions {
        Portions { log, events_max: 256, bytes_max: 1 << 20, limit: FEW, is_at_end: false }
    }

    /// For those who go through whole logs: 2 000 events, or 8 MiB.
    pub const fn large(log: Id) -> Portions {
        Portions { log, events_max: 2_000, bytes_max: 8 << 20, limit: 2_000, is_at_end: false }
    }

    /// The next events after a position, in order, `most` at most; none where the log has none.
    pub async fn events(&mut self, snapshot: &mut Snapshot, after: u64, most: u64) -> Result<Vec<Event>, Error> {
        let (mut portion, mut read) = (self.begin(after, most), Vec::new());
        while let Some(ask) = self.ask(&portion) {
            let found = snapshot.activity(&ask.activity(self.log)).await?;
            let found = ask.whole(found, |event| event.seq);
            self.came(&mut portion, ask, found.iter().map(|event| (event.seq, event.record.len())));
            read.extend(found);
        }
        Ok(read)
    }

    /// The same, records alone: `(seq, record)`. Two columns are read several times faster than all.
    pub async fn records(
        &mut self,
        snapshot: &mut Snapshot,
        after: u64,
        most: u64,
    ) -> Result<Vec<(u64, Vec<u8>)>, Error> {
        let (mut portion, mut read) = (self.begin(after, most), Vec::new());
        while let Some(ask) = self.ask(&portion) {
            let found = snapshot.records_asked(&ask.activity(self.log)).await?;
            let found = ask.whole(found, |(seq, _)| *seq);
            self.came(&mut portion, ask, found.iter().map(|(seq, record)| (*seq, record.len())));
            read.extend(found);
        }
        Ok(read)
    }

    /// Whether the last portion ended where the log does. Who asks for no more than there is never comes to know.
    pub const fn is_at_end(&self) -> bool {
        self.is_at_end
    }

    fn begin(&mut self, after: u64, most: u64) -> Portion {
        self.is_at_end = false;
        Portion { after, left: u32::try_from(most).unwrap_or(u32::MAX).min(self.events_max), bytes: 0 }
    }

    /// What is to be asked for next; nothing where the portion is done.
    fn ask(&self, portion: &Portion) -> Option<Ask> {
        if self.is_at_end || portion.left == 0 || portion.bytes >= self.bytes_max {
            return None;
        }
        let limit = self.limit.min(portion.left);
        let longest = (limit > FEW).then(|| self.bytes_max / limit);
        Some(Ask { after: portion.after, limit, longest })
    }

    /// Takes note of what came: positions, and how many bytes their records have.
    fn came(&mut self, portion: &mut Portion, ask: Ask, found: impl Iterator<Item = (u64, usize)>) {
        let (mut events, mut longest) = (0_u32, 1_u32);
        for (seq, bytes) in found {
            let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
            portion.after = seq;
            portion.bytes = portion.bytes.saturating_add(bytes);
            longest = bytes.max(longest);
            events += 1;
        }
        portion.left = portion.left.saturating_sub(events);
        if events < ask.limit {
            // The next one is long, or there is none.
            self.is_at_end = ask.longest.is_none();
            self.limit = FEW;
        } else {
            // Twice as long as what came may be what comes.
            let fits = self.bytes_max / longest.saturating_mul(2);
            let grown = self.limit.max(ask.limit.saturating_mul(GROWTH));
            self.limit = grown.min(fits).clamp(FEW, self.events_max);
        }
    }
}

impl Snapshot {
    /// Positions and records of what an [`Activity`] asks for.
    async fn records_asked(&mut self, asked: &Activity<'_>) -> Result<Vec<(u64, Vec<u8>)>, Error> {
        let mut statement = Statement::new(self.database());
        statement.push("select seq, record");
        asked.write_where(&mut statement)?;
        asked.write_page(&mut statement)?;
        let rows = self.door.fetch(statement).await?;
        rows.iter().map(|row| Ok((row.count(0)?, row.bytes(1)?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LONGEST: usize = 300_000;

    /// What a log of records of these sizes answers.
    fn answered(sizes: &[usize], ask: Ask) -> Vec<(u64, usize)> {
        let next = sizes.iter().enumerate().skip(usize::try_from(ask.after).unwrap());
        let next = next.map(|(place, bytes)| (place as u64 + 1, *bytes)).take(usize::try_from(ask.limit).unwrap());
        let fits = |bytes: usize| ask.longest.is_none_or(|longest| bytes <= usize::try_from(longest).unwrap());
        let found: Vec<(u64, usize)> = next.filter(|(_, bytes)| fits(*bytes)).collect();
        ask.whole(found, |(seq, _)| *seq)
    }

    /// Reads a portion: its events, what each of its statements brought, and how many events each looked at.
    fn portion(
        portions: &mut Portions,
        sizes: &[usize],
        after: u64,
        most: u64,
    ) -> (Vec<(u64, usize)>, Vec<usize>, u64) {
        let (mut portion, mut read, mut brought, mut looked_at) = (portions.begin(after, most), vec![], vec![], 0);
        while let Some(ask) = portions.ask(&portion) {
            let found = answered(sizes, ask);
            brought.push(found.iter().map(|(_, bytes)| *bytes).sum::<usize>());
            looked_at += u64::from(ask.limit).min(sizes.len() as u64 - ask.after);
            portions.came(&mut portion, ask, found.iter().copied());
            read.extend(found);
        }
        (read, brought, looked_at)
    }

    /// How many bytes a statement may bring.
    fn statement_max(portions: &Portions) -> usize {
        usize::try_from(portions.bytes_max).unwrap().max(16 * LONGEST)
    }

    #[test]
    fn short_records_are_read_as_many_at_a_time_as_there_may_be() {
        let sizes = vec![700_usize; 9_000];
        let (mut portions, mut after, mut statements) = (Portions::large([1; 16]), 0, 0);
        while after < 9_000 {
            let (read, brought, _) = portion(&mut portions, &sizes, after, 9_000 - after);
            after = read.last().unwrap().0;
            statements += brought.len();
        }
        assert_eq!(statements, 5);
        let (mut portions, mut statements) = (Portions::small([1; 16]), Vec::new());
        for number in 0..3 {
            statements.push(portion(&mut portions, &sizes, number * 256, u64::MAX).1.len());
        }
        assert_eq!(statements, [3, 1, 1]);
        let (read, brought, _) = portion(&mut Portions::small([1; 16]), &sizes, 8_990, u64::MAX);
        assert_eq!((read.len(), brought.len()), (10, 1), "the few at a log's end are one statement");
    }

    #[test]
    fn long_records_are_read_few_at_a_time_wherever_they_begin() {
        for short in [0, 1, 15, 16, 17, 1_000, 1_999, 2_000, 4_000] {
            let sizes: Vec<usize> = (0..short + 2_000).map(|at| if at < short { 100 } else { LONGEST }).collect();
            for mut portions in [Portions::small([1; 16]), Portions::large([1; 16])] {
                let mut after = 0;
                while after < sizes.len() as u64 {
                    let (read, brought, _) = portion(&mut portions, &sizes, after, u64::MAX);
                    let most = statement_max(&portions);
                    assert!(brought.iter().all(|bytes| *bytes <= most), "{short}: {brought:?}");
                    after = read.last().unwrap().0;
                }
            }
        }
    }

    /// Parts of a log whose records have about the same size, each with a few that have another.
    fn sizes() -> impl Strategy<Value = Vec<usize>> {
        let bytes = prop_oneof![2 => 50..1_500_usize, 1 => 3_000..20_000_usize, 1 => 200_000..LONGEST];
        let part = (bytes, 1..400_usize, prop::collection::vec((any::<prop::sample::Index>(), 50..LONGEST), 0..4));
        prop::collection::vec(part, 0..20).prop_map(|parts| {
            let part = |(bytes, number, others): (usize, usize, Vec<(prop::sample::Index, usize)>)| {
                let mut part = vec![bytes; number];
                for (place, other) in others {
                    part[place.index(number)] = other;
                }
                part
            };
            parts.into_iter().flat_map(part).collect()
        })
    }

    proptest! {
        #[test]
        fn each_event_is_read_once_and_in_order_whatever_the_sizes(
            sizes in sizes(), is_large in any::<bool>(), most in prop_oneof![Just(u64::MAX), 1..3_000_u64],
        ) {
            let mut portions = if is_large { Portions::large([1; 16]) } else { Portions::small([1; 16]) };
            let portion_max = usize::try_from(portions.bytes_max).unwrap() + statement_max(&portions);
            let (mut all, mut looked_at): (Vec<(u64, usize)>, u64) = (Vec::new(), 0);
            loop {
                let after = all.last().map_or(0, |(seq, _)| *seq);
                let (read, brought, looked) = portion(&mut portions, &sizes, after, most);
                prop_assert!(read.len() as u64 <= most.min(portions.events_max.into()));
                prop_assert!(brought.iter().all(|bytes| *bytes <= statement_max(&portions)), "{:?}", brought);
                prop_assert!(brought.iter().sum::<usize>() < portion_max, "{:?}", brought);
                looked_at += looked;
                if read.is_empty() {
                    prop_assert!(portions.is_at_end());
                    break;
                }
                all.extend(read);
            }
            prop_assert!(all == (1_u64..).zip(sizes.iter().copied()).collect::<Vec<_>>());
            prop_assert!(looked_at <= 2_000 + 5 * sizes.len() as u64, "{} of {}", looked_at, sizes.len());
        }
    }
}
