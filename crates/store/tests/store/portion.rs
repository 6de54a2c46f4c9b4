//! Reading a log on, portion by portion.

use store::{Event, Portions, Store};

use crate::stage::{both, event, id};

const LONG: usize = 200_000;

/// An event whose record has so many bytes.
fn sized(log: u64, seq: u64, bytes: usize) -> Event {
    Event { record: vec![u8::try_from(seq % 251).expect("a byte"); bytes], ..event(log, seq) }
}

/// Long records lie among short ones as it comes, and together from 600 to 640; some are neither.
fn mixed(seq: u64) -> Event {
    let mixed = usize::try_from(seq.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32).expect("small");
    let bytes = match mixed % 80 {
        _ if (600..=640).contains(&seq) => LONG,
        0 => LONG - mixed % 50_000,
        1..=5 => 9_000 + mixed % 9_000,
        _ => 60 + mixed % 900,
    };
    sized(1, seq, bytes)
}

async fn append(store: &Store, events: &[Event]) {
    for events in events.chunks(250) {
        let mut batch = store.batch().await.unwrap();
        batch.append(events).await.unwrap();
        batch.commit().await.unwrap();
    }
}

/// Reads a log to its end: its events, each portion of them apart, and then its records alone.
async fn read(store: &Store, mut portions: Portions) -> (Vec<Vec<Event>>, Vec<(u64, Vec<u8>)>) {
    let mut snapshot = store.snapshot().await.unwrap();
    let (mut events, mut records, mut after) = (Vec::<Vec<Event>>::new(), Vec::new(), 0);
    loop {
        let part = portions.events(&mut snapshot, after, u64::MAX).await.unwrap();
        let Some(last) = part.last() else { break };
        after = last.seq;
        events.push(part);
        if portions.is_at_end() {
            break;
        }
    }
    for part in &events {
        // Whoever knows how many there are asks for no more.
        let (mut after, last) = (part[0].seq - 1, part[part.len() - 1].seq);
        while after < last {
            let part = portions.records(&mut snapshot, after, last - after).await.unwrap();
            after = part.last().expect("it is there").0;
            records.extend(part);
        }
    }
    snapshot.close().await.unwrap();
    (events, records)
}

both! {
/// Each event comes once and in its place, whatever the records' sizes, and never more bytes than a portion may have.
async fn a_log_is_read_in_portions_of_so_many_bytes(stage: &Stage) {
    let store = stage.open().await;
    let wanted: Vec<Event> = (1..=1_300).map(mixed).collect();
    append(&store, &wanted).await;
    append(&store, &(1..=30).map(|seq| sized(2, seq, 100)).collect::<Vec<_>>()).await;
    let bounds = [(Portions::small(id(1)), 256, 1 << 20), (Portions::large(id(1)), 2_000, 8 << 20)];
    for (portions, events_max, bytes_max) in bounds {
        let (parts, records) = read(&store, portions).await;
        for part in &parts {
            let bytes: usize = part.iter().map(|event| event.record.len()).sum();
            assert!(part.len() <= events_max, "{} events", part.len());
            assert!(bytes < bytes_max + bytes_max.max(16 * LONG), "{bytes} bytes");
        }
        assert!(parts.len() > 1, "all of it was read at once");
        let read: Vec<Event> = parts.into_iter().flatten().collect();
        assert!(read == wanted, "{} events are not the {} that were appended", read.len(), wanted.len());
        let wanted = wanted.iter().map(|event| (event.seq, event.record.clone()));
        assert!(records == wanted.collect::<Vec<_>>(), "{} records are not what was appended", records.len());
    }
}
}

both! {
/// Where records are short, a whole portion is one statement.
async fn short_records_are_read_many_at_a_time(stage: &Stage) {
    let store = stage.open().await;
    append(&store, &(1..=4_500).map(|seq| sized(1, seq, 300)).collect::<Vec<_>>()).await;
    let mut snapshot = store.snapshot().await.unwrap();
    let (mut portions, mut after) = (Portions::large(id(1)), 0);
    let before = store.statements();
    for (number, wanted) in [2_000, 4_000, 4_500].into_iter().enumerate() {
        after = portions.records(&mut snapshot, after, 4_500 - after).await.unwrap().last().unwrap().0;
        assert_eq!((after, store.statements() - before), (wanted, number as u64 + 1));
    }
    let few = Portions::small(id(1)).events(&mut snapshot, 4_490, u64::MAX).await.unwrap();
    assert_eq!((few.len(), store.statements() - before), (10, 4));
    snapshot.close().await.unwrap();
}
}

both! {
/// Where an event is missing, what comes after it is read all the same: whoever reads knows where each belongs.
async fn what_comes_after_a_missing_event_is_read(stage: &Stage) {
    let store = stage.open().await;
    let there: Vec<Event> = (1..=90).filter(|seq| ![1, 40, 41, 42].contains(seq)).map(|seq| event(1, seq)).collect();
    append(&store, &there).await;
    for portions in [Portions::small(id(1)), Portions::large(id(1))] {
        let (parts, _) = read(&store, portions).await;
        assert_eq!(parts.concat(), there);
    }
    let (parts, records) = read(&store, Portions::large(id(7))).await;
    assert_eq!((parts, records), (vec![], vec![]));
}
}
