//! A thousand changes to a stored log, of every kind and with every skill: each is found against the newest checkpoint that
//! its reader holds (promise R1).

use std::collections::BTreeMap;

use super::*;

/// Numbers that nobody would guess, the same in every run (`SplitMix64`).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(sides).unwrap()).unwrap()
    }
}

/// What is done to the log.
const DEEDS: [&str; 7] =
    ["a bit", "a column", "the order", "a drop", "an insert", "a truncation", "a swap between practices"];

/// How well whoever does it knows the product.
const SKILLS: [&str; 4] =
    ["nothing else", "the leaf too", "leaves, tree and head too", "records, leaves, tree, head and checkpoints too"];

impl History {
    /// Gives every event the place that it now has: in its column, and where somebody thinks of it, in its record.
    pub(super) fn renumber(&mut self, thorough: bool) {
        for (seq, event) in (1..).zip(&mut self.events) {
            if thorough {
                let record = String::from_utf8(event.record.clone()).unwrap();
                event.record =
                    record.replace(&format!("\"seq\":{},", event.seq), &format!("\"seq\":{seq},")).into_bytes();
            }
            event.seq = seq;
        }
    }

    /// Takes another practice's event for one of its own.
    fn adopt(&self, stranger: &Event, thorough: bool) -> Event {
        let name = |log: store::Id| PracticeId::of(uuid::Uuid::from_bytes(log)).to_string();
        let mut event = Event { log: self.head.log, ..stranger.clone() };
        if thorough {
            let record = String::from_utf8(event.record).unwrap();
            event.record = record.replace(&name(stranger.log), &name(self.head.log)).into_bytes();
        }
        event
    }

    fn tamper(&mut self, deed: usize, thorough: bool, other: &History, dice: &mut Dice) {
        let (at, size) = (dice.roll(self.events.len()), self.events.len());
        match deed {
            0 => {
                let byte = dice.roll(self.events[at].record.len());
                self.events[at].record[byte] ^= 1 << dice.roll(7);
            }
            1 => {
                let event = &mut self.events[at];
                match dice.roll(6) {
                    0 => event.at += 1,
                    1 => event.actor = event.actor.map_or(Some([1; 16]), |_| None),
                    2 => event.subject[dice.roll(16)] ^= 1,
                    3 => event.thing[dice.roll(16)] ^= 1,
                    4 => event.command[dice.roll(16)] ^= 1,
                    _ => event.kind.push('x'),
                }
            }
            2 => {
                let with = (at + 1 + dice.roll(size - 1)) % size;
                self.events.swap(at, with);
                self.renumber(thorough);
            }
            3 => {
                self.events.remove(at);
                self.renumber(thorough);
            }
            4 => {
                let copy = self.events[dice.roll(size)].clone();
                self.events.insert(at, copy);
                self.renumber(thorough);
            }
            5 => self.events.truncate(at.max(1)),
            _ => {
                self.events[at] = self.adopt(&other.events[at], thorough);
                self.renumber(thorough);
            }
        }
    }
}

async fn thousand(stage: &Stage, times: usize) {
    let (_, founder, log) = stage.practice(12).await;
    let other: PracticeId = stage.app.mint();
    let (name, display_name) = (Name::parse("Another").unwrap(), Name::parse("Ada Able").unwrap());
    let create = practice::CreatePractice { practice: other, name, zone: Zone::utc(), founder, display_name };
    let other = LogId::Practice(other);
    stage.run(other, Actor::Person(founder), create).await;
    for number in 0..12 {
        stage.add(other, founder, &format!("o{number}@example.com")).await;
    }
    let witness = stage.folder();
    stage.app.sign_checkpoints(Some(&witness)).await.unwrap();
    let held = [witness.newest(log).unwrap().unwrap()];
    let store = stage.app.store();
    let (whole, other) = (History::read(store, log).await, History::read(store, other).await);
    let (mut dice, mut missed, mut done) = (Dice(7), Vec::new(), BTreeMap::new());
    for number in 0..times {
        let (deed, skill) = (number % DEEDS.len(), number / DEEDS.len() % SKILLS.len());
        let mut history = whole.clone();
        history.tamper(deed, skill == 3, &other, &mut dice);
        if skill > 0 {
            history.events.iter_mut().for_each(|event| event.leaf = leaf_hash(&event.record));
        }
        if skill > 1 {
            history.forge();
        }
        if skill == 3 {
            history.checkpoints.clear();
        }
        history.write(store).await;
        let verified = verify(store, Some(log), Some(&keys()), &held, &mut ()).await.unwrap();
        match verified.finding {
            Some(finding) => assert_eq!(finding.log, log.to_string()),
            None => missed.push((number, DEEDS[deed], SKILLS[skill])),
        }
        *done.entry((deed, skill)).or_insert(0) += 1;
    }
    assert_eq!(missed, []);
    assert_eq!((done.values().sum::<usize>(), done.len()), (times, DEEDS.len() * SKILLS.len()));
    // The control: what nobody changed is in order.
    whole.write(store).await;
    let verified = verify(store, Some(log), Some(&keys()), &held, &mut ()).await.unwrap();
    assert_eq!((verified.finding, verified.proved), (None, whole.head.seq));
}

#[tokio::test]
async fn a_thousand_changes_are_a_thousand_found() {
    let stage = Stage::sqlite().await;
    thousand(&stage, 1_000).await;
    stage.app.stop().await;
}

#[tokio::test]
async fn a_hundred_changes_are_a_hundred_found_on_postgres() {
    let stage = Stage::postgres().await;
    thousand(&stage, 100).await;
    stage.app.stop().await;
}

/// What stands in the table `forgotten`: whom, and up to which event.
type Rows = Vec<(store::Id, u64)>;

/// Writes a log as it was, with its keys and other rows in `forgotten`.
async fn rewrite(store: &Store, history: &History, keys: &[store::Key], rows: &Rows) {
    history.write(store).await;
    let log = history.head.log;
    let row = |(subject, seq): &(store::Id, u64)| {
        let seq = store::Value::Int(i64::try_from(*seq).unwrap());
        vec![store::Value::from(log), store::Value::from(*subject), seq, store::Value::Int(START.0)]
    };
    let rows: Vec<_> = rows.iter().map(row).collect();
    let mut batch = store.batch().await.unwrap();
    batch.put_keys(keys).await.unwrap();
    batch.put_truth(&store::truth::FORGOTTEN, &rows).await.unwrap();
    batch.commit().await.unwrap();
}

both! {
    // Every fold skips whom the table names, so it is held against the log that says so.
    async fn nobody_is_forgotten_or_called_back_without_an_event(stage: &Stage) {
        let (_, founder, log) = stage.practice(3).await;
        let (gone, there) = (stage.add(log, founder, "gone@example.com").await, stage.add(log, founder, "there@example.com").await);
        stage.run(log, Actor::Person(founder), coachee::EraseCoachee { coachee: gone, name: "Zoë Quill".to_owned() }).await;
        stage.app.sign_checkpoints(None).await.unwrap();
        let (store, id) = (stage.app.store(), log.uuid().into_bytes());
        let whole = History::read(store, log).await;
        let mut snapshot = store.snapshot().await.unwrap();
        let (keys, rows) = (snapshot.keys_of_log(id).await.unwrap(), snapshot.forgotten_of_log(id).await.unwrap());
        snapshot.close().await.unwrap();
        let (gone, there, end) = (gone.uuid().into_bytes(), there.uuid().into_bytes(), whole.head.seq);
        let right: Rows = rows.iter().map(|row| (row.subject, row.seq)).collect();
        assert_eq!((right.as_slice(), stage.verified(&[]).await.finding), ([(gone, end)].as_slice(), None));

        let theirs = keys.iter().find(|key| key.subject == there).unwrap();
        let kept: Vec<_> = keys.iter().cloned().chain([store::Key { subject: gone, ..theirs.clone() }]).collect();
        let late: Vec<_> = keys.iter().cloned().chain([store::Key { subject: gone, since: end, ..theirs.clone() }]).collect();
        let without: Vec<_> = keys.iter().filter(|key| key.subject != there).cloned().collect();
        let both = vec![(gone, end), (there, end - 1)];
        let cases: [(Rows, &[store::Key], Option<u64>, &str); 7] = [
            (Vec::new(), &keys, Some(end), "the table `forgotten` does not say so"),
            (vec![(gone, end - 1)], &keys, Some(end), "the table `forgotten` does not say so"),
            (vec![(gone, end + 1)], &keys, None, "beyond the log's end"),
            (both.clone(), &keys, None, "no event says so, and their keys are there"),
            (vec![(gone, end), (id, end)], &keys, None, "no event says so, and their keys are there"),
            (right.clone(), &kept, None, "a key of theirs from before is still there"),
            (right.clone(), &late, None, "a key of theirs from before is still there"),
        ];
        for (rows, keys, seq, what) in cases {
            rewrite(store, &whole, keys, &rows).await;
            let finding = stage.found(&[]).await;
            assert_eq!((&finding.log, finding.seq), (&log.to_string(), seq), "{finding}");
            assert!(finding.what.contains(what), "{finding}");
        }
        // As a restore leaves it that took a newer keyring than the backup: said, and no finding.
        rewrite(store, &whole, &without, &both).await;
        let verified = stage.verified(&[]).await;
        assert_eq!((verified.finding, verified.forgotten_unsaid), (None, 1));
        rewrite(store, &whole, &keys, &right).await;
        let verified = stage.verified(&[]).await;
        assert_eq!((verified.finding, verified.forgotten_unsaid), (None, 0));

        let mut batch = store.batch().await.unwrap();
        batch.put_truth(&store::truth::FORGOTTEN, &[vec![
            store::Value::from([9; 16]), store::Value::from(there), store::Value::Int(1), store::Value::Int(1),
        ]]).await.unwrap();
        batch.commit().await.unwrap();
        assert!(stage.found(&[]).await.what.contains("rows of `forgotten`"));
    }

    // What the API calls the time of signing is the note's; and no row hides before the first.
    async fn a_stored_checkpoint_says_what_its_note_says(stage: &Stage) {
        let (_, _, log) = stage.practice(2).await;
        stage.app.sign_checkpoints(None).await.unwrap();
        let whole = History::read(stage.app.store(), log).await;
        let mut later = whole.clone();
        later.checkpoints[0].at += MINUTE;
        later.write(stage.app.store()).await;
        assert!(stage.found(&[]).await.what.contains("is not what its note says"));

        whole.write(stage.app.store()).await;
        assert_eq!(stage.verified(&[]).await.finding, None);
        let it = &whole.checkpoints[0];
        let row = [
            store::Value::from(it.log), store::Value::Int(-2), store::Value::Bytes(it.root.to_vec()),
            store::Value::Text(it.note.clone()), store::Value::Int(it.at),
        ];
        let table = store::truth::OTHERS.iter().find(|table| table.name == "checkpoints").unwrap();
        for seq in [-2, i64::MIN] {
            let mut row = row.to_vec();
            row[1] = store::Value::Int(seq);
            let mut batch = stage.app.store().batch().await.unwrap();
            batch.put_truth(table, &[row]).await.unwrap();
            batch.commit().await.unwrap();
            assert!(stage.found(&[]).await.what.contains(&format!("of {seq} events")));
            whole.write(stage.app.store()).await;
        }
    }

    // No row of a log is in nobody's sight: a hash of a level that is not kept, or of a block that cannot be; a head's own words.
    async fn what_no_program_has_written_is_found(stage: &Stage) {
        let (_, _, log) = stage.practice(1).await;
        let whole = History::read(stage.app.store(), log).await;
        let mut older = whole.clone();
        older.head.generation = 0;
        older.write(stage.app.store()).await;
        assert!(stage.found(&[]).await.what.contains("no generation"));
        let table = store::truth::OTHERS.iter().find(|table| table.name == "tree_nodes").unwrap();
        for (level, position) in [(i64::from(KEPT_LEVEL), -1), (0, 0), (9, 0), (-1, 0), (i64::from(KEPT_LEVEL), 0)] {
            whole.write(stage.app.store()).await;
            let numbers = [level, position].map(store::Value::Int);
            let row = [vec![store::Value::from(log.uuid().into_bytes())], numbers.to_vec(), vec![store::Value::Bytes(vec![7; 32])]];
            let mut batch = stage.app.store().batch().await.unwrap();
            batch.put_truth(table, &[row.concat()]).await.unwrap();
            batch.commit().await.unwrap();
            assert!(stage.found(&[]).await.what.contains("a hash is kept of events that are not there"), "{level} {position}");
        }
        whole.write(stage.app.store()).await;
        assert_eq!(stage.verified(&[]).await.finding, None);
    }
}

/// Does something by hand, of which each database has words of its own.
async fn by_hand(store: &Store, sqlite: &str, postgres: &str) {
    let statement = match store.database() {
        store::Database::Sqlite => sqlite,
        store::Database::Postgres => postgres,
    };
    store.ensure(statement, 0).await.unwrap();
}

both! {
    // Whoever takes a table's key away can put a second row where there is one, which readers show beside it.
    async fn a_second_row_where_there_is_one_is_found(stage: &Stage) {
        let (_, _, log) = stage.practice(3).await;
        stage.app.sign_checkpoints(None).await.unwrap();
        let (store, id) = (stage.app.store(), log.uuid().simple().to_string());
        assert_eq!(stage.verified(&[]).await.finding, None);
        let (sqlite, postgres) = (format!("x'{id}'"), format!("'\\x{id}'::bytea"));

        // In the middle of what one statement reads, and at the end.
        let columns = "thing, kind, version, subject, owner, actor, behalf, command, at, record, leaf";
        let copy = |log: &str| format!(
            "insert into events (log_id, seq, {columns}) select log_id, 5, {columns} from events where log_id = {log} and seq = 8;"
        );
        let keyless = "create table keyless as select * from events; drop table events; \
                       alter table keyless rename to events; ";
        by_hand(
            store,
            &format!("{keyless}{}", copy(&sqlite)),
            &format!("alter table events drop constraint events_pkey; {}", copy(&postgres)),
        ).await;
        let finding = stage.found(&[]).await;
        assert_eq!((&finding.log, finding.seq, finding.what.as_str()), (&log.to_string(), Some(5), "it is stored more than once"));
        // One that has no position at all is in nobody's way.
        let nowhere = |log: &str| format!("update events set seq = null where log_id = {log} and seq = 5 and \
            thing = (select thing from events where log_id = {log} and seq = 8);");
        by_hand(
            store,
            &nowhere(&sqlite),
            &format!("alter table events alter column seq drop not null; {}", nowhere(&postgres)),
        ).await;
        let finding = stage.found(&[]).await;
        assert_eq!((finding.log.as_str(), finding.what.contains("9 events of it are stored")), (log.to_string().as_str(), true), "{finding}");
        by_hand(store, "delete from events where seq is null;", "delete from events where seq is null;").await;
        assert_eq!(stage.verified(&[]).await.finding, None);

        let head = |log: &str| format!("insert into heads select * from heads where log_id = {log};");
        let keyless = "create table keyless as select * from heads; drop table heads; alter table keyless rename to heads; ";
        by_hand(
            store,
            &format!("{keyless}{}", head(&sqlite)),
            &format!("alter table heads drop constraint heads_pkey; {}", head(&postgres)),
        ).await;
        assert_eq!(stage.found(&[]).await.what, "it has 2 heads");
    }
}

/// SQLite keeps in a column what is of another type, and reads it as if it were not; but no index finds it by that.
#[tokio::test]
async fn a_value_of_another_type_is_found() {
    let stage = Stage::sqlite().await;
    let (_, _, log) = stage.practice(1).await;
    stage.app.sign_checkpoints(None).await.unwrap();
    let (store, name) = (stage.app.store(), log.to_string());
    let whole = History::read(store, log).await;
    let cases: [(&str, &str, Option<u64>, &str); 6] = [
        ("events", "at = at + 0.5", Some(2), &name),
        ("events", "version = version || ' of it'", Some(2), &name),
        ("events", "subject = cast(subject as text)", Some(2), &name),
        ("events", "kind = cast(kind as blob)", Some(2), &name),
        ("checkpoints", "at = at + 0.5", None, &name),
        ("heads", "at = at + 0.5", None, "a head row"),
    ];
    for (table, change, seq, named) in cases {
        let place = seq.map_or_else(String::new, |seq| format!(" and seq = {seq}"));
        let id = log.uuid().simple();
        store.ensure(&format!("update {table} set {change} where log_id = x'{id}'{place}"), 0).await.unwrap();
        let finding = stage.found(&[]).await;
        assert_eq!((finding.log.as_str(), finding.seq), (named, seq), "{change}: {finding}");
        assert!(finding.what.contains("cannot be read"), "{change}: {finding}");
        whole.write(store).await;
    }
    assert_eq!(stage.verified(&[]).await.finding, None);
    stage.app.stop().await;
}
