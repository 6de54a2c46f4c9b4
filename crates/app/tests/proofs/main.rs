//! What proves that nothing was lost or changed: check, verify and checkpoints; and mail, whose parcels commits leave.
#![cfg(test)]

mod mended;
mod nodes;
mod tampering;

use std::path::Path;
use std::sync::Arc;

use app::checkpoints::{Folder, Witness, consistency, inclusion, notes, origin};
use app::clock::{Clock as _, Standing};
use app::mail::{MailSettings, Post};
use app::record::Through;
use app::signin::Credentials;
use app::tokens::{Kind, Token};
use app::verify::{Finding, Verified, verify};
use app::view::Kept;
use app::{App, Error, Idempotency, Reader, Request, Settings};
use domain::account::Portal;
use domain::id::{CoacheeId, Id as _, LogId, PersonId, PracticeId};
use domain::text::{Email, LastName, Name, Text as _};
use domain::value::{Time, Zone};
use domain::{Actor, Decide, Table, account, coachee, practice};
use store::checkpoint::{Signer, Verifiers};
use store::tree::{Frontier, KEPT_LEVEL, leaf_hash, verify_consistency, verify_inclusion};
use store::{Batch, Event, Head, Node, Options, SignedRoot, Store};
use tempfile::TempDir;
use vault::{RootKey, Seeded};

const START: Time = Time(1_795_000_000_000_000);
const MINUTE: i64 = 60_000_000;

/// An app on a database of its own.
struct Stage {
    directory: TempDir,
    url: String,
    clock: Arc<Standing>,
    app: App,
}

#[expect(clippy::disallowed_methods, reason = "tests have no settings but this one")]
fn given() -> Option<String> {
    std::env::var(cluster::VARIABLE).ok()
}

fn signer() -> Signer {
    Signer::parse("throughline.test", &[7; 32]).unwrap()
}

/// What its notes are verified with.
fn keys() -> Verifiers {
    signer().verifier().clone().into()
}

async fn open(url: &str, clock: Arc<Standing>) -> App {
    open_with(&Options::new(url), clock).await
}

async fn open_with(options: &Options, clock: Arc<Standing>) -> App {
    let settings = Settings {
        store: Store::open(options).await.unwrap(),
        files: store::Objects::memory(),
        roots: RootKey::parse(&"5a".repeat(32)).unwrap().into(),
        signer: Some(signer()),
        clock,
        entropy: Arc::new(Seeded::new(1)),
        cache_bytes: 1 << 20,
        moments: app::moments::Bounds::default(),
        lanes: 2,
    };
    App::open(settings).await.unwrap()
}

impl Stage {
    async fn sqlite() -> Self {
        let directory = TempDir::new().unwrap();
        let url = format!("sqlite:{}", directory.path().join("log.sqlite").display());
        Self::at(directory, url).await
    }

    async fn postgres() -> Self {
        Self::at(TempDir::new().unwrap(), cluster::database(given().as_deref(), "proofs").unwrap()).await
    }

    async fn at(directory: TempDir, url: String) -> Self {
        let clock = Arc::new(Standing::at(START));
        let app = open(&url, clock.clone()).await;
        Self { directory, url, clock, app }
    }

    fn pass(&self, minutes: i64) {
        self.clock.set(self.clock.now().plus_minutes(minutes));
    }

    async fn run(&self, log: LogId, actor: Actor, command: impl Decide) {
        let id = self.app.command();
        self.run_as(log, actor, id, command).await;
    }

    async fn run_as(&self, log: LogId, actor: Actor, id: domain::id::CommandId, command: impl Decide) {
        let request = Request {
            log,
            actor,
            through: Through::Program,
            now: self.clock.now(),
            command: id,
            idempotency: None::<Idempotency>,
        };
        self.app.run(request, command).await.unwrap();
    }

    /// Signs somebody in, by the link that was mailed.
    async fn person(&self, email: &str) -> PersonId {
        let email = Email::parse(email).unwrap();
        let command = self.app.command();
        let asked = self.app.request_link(email.clone(), command, None).await.unwrap();
        let token = self.app.token(Kind::SignInLink, LogId::Address(self.app.address(&email)), command).text;
        let brought = Credentials { token, browser: Some(asked.browser), digits: None };
        self.app.sign_in(&brought, account::Through::Browser, self.app.command(), |_| None).await.unwrap().person
    }

    /// A practice with so many coachees; each is two events, and the practice itself has two.
    async fn practice(&self, coachees: u32) -> (PracticeId, PersonId, LogId) {
        let founder = self.person("founder@example.com").await;
        let practice: PracticeId = self.app.mint();
        let log = LogId::Practice(practice);
        let (name, display_name) = (Name::parse("Mëadow & <Coaches>").unwrap(), Name::parse("Ada Able").unwrap());
        let create = practice::CreatePractice { practice, name, zone: Zone::utc(), founder, display_name };
        self.run(log, Actor::Person(founder), create).await;
        for number in 0..coachees {
            self.add(log, founder, &format!("c{number}@example.com")).await;
        }
        (practice, founder, log)
    }

    async fn add(&self, log: LogId, by: PersonId, email: &str) -> CoacheeId {
        let coachee = self.app.mint();
        self.run(log, Actor::Person(by), add(coachee, email, None)).await;
        coachee
    }

    async fn verified(&self, trusted: &[String]) -> Verified {
        verify(self.app.store(), None, Some(&keys()), trusted, &mut ()).await.unwrap()
    }

    async fn found(&self, trusted: &[String]) -> Finding {
        self.verified(trusted).await.finding.expect("a finding")
    }

    fn folder(&self) -> Arc<dyn Witness> {
        Arc::new(Folder::open(self.directory.path().join("checkpoints")).unwrap())
    }
}

fn add(coachee: CoacheeId, email: &str, invitation: Option<&Token>) -> coachee::AddCoachee {
    coachee::AddCoachee {
        coachee,
        first_name: Name::parse("Zoë").unwrap(),
        last_name: LastName::parse("Quill").unwrap(),
        email: Email::parse(email).unwrap(),
        invitation: invitation.map(|token| coachee::NewInvitation { id: token.id(), token: token.hash }),
    }
}

/// All that is stored of a log's history, to be written back otherwise.
#[derive(Clone)]
struct History {
    head: Head,
    events: Vec<Event>,
    nodes: Vec<Node>,
    checkpoints: Vec<SignedRoot>,
}

impl History {
    async fn read(store: &Store, log: LogId) -> Self {
        let id = log.uuid().into_bytes();
        let mut snapshot = store.snapshot().await.unwrap();
        let head = snapshot.head(id).await.unwrap().unwrap();
        let events = snapshot.events(id, 0, 100_000).await.unwrap();
        let hashes = snapshot.nodes(id, KEPT_LEVEL, 0, 1_000).await.unwrap();
        let nodes =
            (0..).zip(hashes).map(|(position, hash)| Node { log: id, level: KEPT_LEVEL, position, hash }).collect();
        let checkpoints = snapshot.checkpoint(id).await.unwrap().into_iter().collect();
        snapshot.close().await.unwrap();
        Self { head, events, nodes, checkpoints }
    }

    async fn write(&self, store: &Store) {
        let mut batch: Batch = store.batch().await.unwrap();
        batch.delete_log(self.head.log).await.unwrap();
        batch.set_heads(std::slice::from_ref(&self.head), &[]).await.unwrap();
        batch.append(&self.events).await.unwrap();
        batch.put_nodes(&self.nodes).await.unwrap();
        batch.put_checkpoints(&self.checkpoints).await.unwrap();
        batch.commit().await.unwrap();
    }

    /// Changes a record as somebody would who knows the columns and the leaf hash, but not the tree.
    fn change(&mut self, seq: usize) {
        let event = &mut self.events[seq - 1];
        event.record.push(b' ');
        event.leaf = leaf_hash(&event.record);
    }

    /// Makes head and tree anew, as somebody would who knows everything but the signing key.
    fn forge(&mut self) {
        let mut frontier = Frontier::new();
        self.nodes.clear();
        for (position, event) in (0..).zip(&self.events) {
            if let Some(hash) = frontier.push(event.leaf) {
                self.nodes.push(Node { log: event.log, level: KEPT_LEVEL, position: position >> KEPT_LEVEL, hash });
            }
        }
        let last = self.events.last().unwrap();
        (self.head.seq, self.head.at, self.head.frontier) = (last.seq, last.at, frontier.encode());
    }
}

/// Writes one test for each database.
macro_rules! both {
    ($(async fn $name:ident($stage:ident: &Stage) $body:block)+) => {$(
        mod $name {
            use super::*;
            async fn run($stage: &Stage) $body
            #[tokio::test]
            async fn sqlite() {
                let stage = Stage::sqlite().await;
                run(&stage).await;
                stage.app.stop().await;
            }
            #[tokio::test]
            async fn postgres() {
                let stage = Stage::postgres().await;
                run(&stage).await;
                stage.app.stop().await;
            }
        }
    )+};
}
use both;

both! {
    async fn check_names_the_row_and_the_field_that_differ(stage: &Stage) {
        let (_, founder, log) = stage.practice(3).await;
        let coachee = stage.add(log, founder, "odd@example.com").await;
        let clean = stage.app.check(None, &mut ()).await.unwrap();
        assert_eq!(clean.difference, None);
        // The practice, its founder's account and their address; each coachee is found by seven words.
        assert_eq!((clean.logs, clean.events, clean.rows), (3, 2 + 4 * 2 + 6, 2 + 4 * (3 + 7) + 4));

        let table = stage.app.tables().physical(Table::coachee).unwrap();
        let key = [(log.uuid().into_bytes(), coachee.uuid().into_bytes())];
        let mut snapshot = stage.app.store().snapshot().await.unwrap();
        let row = snapshot.get(table, &key).await.unwrap().pop().unwrap();
        snapshot.close().await.unwrap();
        let stranger = store::Row { id: [0xff; 16], ..row.clone() };
        let of_no_log = store::Row { log: [0xee; 16], ..row.clone() };
        let mut changed = <coachee::Coachee as domain::row::Row>::from_document(&row.document).unwrap();
        changed.added_at = Time(1);
        let document = domain::row::Row::document(&changed).unwrap();
        changed.added_at = START;
        changed.first_name = Name::parse("Another").unwrap();
        let renamed = domain::row::Row::document(&changed).unwrap();
        let mut columns = row.columns.clone();
        columns[0] = store::Value::Text("active".to_owned());
        let wrong = [
            (store::Row { subject: [1; 16], ..row.clone() }, "column subject"),
            (store::Row { owner: Some([1; 16]), ..row.clone() }, "column owner"),
            (store::Row { shared: true, ..row.clone() }, "column shared"),
            (store::Row { columns, ..row.clone() }, "column status"),
            (store::Row { document, ..row.clone() }, "document: field added_at"),
            (store::Row { document: renamed, ..row.clone() }, "document: one of its texts"),
            (store::Row { document: vec![1], ..row.clone() }, "document: it cannot be read"),
            (stranger, "the log makes no such row"),
            (of_no_log, "the row's log is not there"),
        ];
        for (wrong, what) in wrong {
            upsert(stage, table, &wrong).await;
            let difference = stage.app.check(None, &mut ()).await.unwrap().difference.unwrap();
            assert_eq!((difference.table, difference.what.as_str()), ("coachee", what));
            assert_eq!(difference.id, CoacheeId::of(uuid::Uuid::from_bytes(wrong.id)).to_string());
            let mut batch = stage.app.store().batch().await.unwrap();
            batch.delete(table, &[(wrong.log, wrong.id)]).await.unwrap();
            batch.commit().await.unwrap();
            upsert(stage, table, &row).await;
            assert_eq!(stage.app.check(None, &mut ()).await.unwrap().difference, None);
        }
        let mut batch = stage.app.store().batch().await.unwrap();
        batch.delete(table, &key).await.unwrap();
        batch.commit().await.unwrap();
        let difference = stage.app.check(Some(log), &mut ()).await.unwrap().difference.unwrap();
        assert_eq!((difference.log, difference.id, difference.what.as_str()), (log.to_string(), coachee.to_string(), "the row is missing"));
        // Folding anew mends it.
        stage.app.rebuild(Some(log), &mut ()).await.unwrap();
        assert_eq!(stage.app.check(None, &mut ()).await.unwrap().difference, None);
        let nowhere = stage.app.check(Some(LogId::Practice(stage.app.mint())), &mut ()).await;
        assert!(matches!(nowhere, Err(Error::NotFound)));
    }

    async fn verify_finds_what_was_changed_and_where(stage: &Stage) {
        let (_, _, log) = stage.practice(140).await;
        stage.app.sign_checkpoints(None).await.unwrap();
        let store = stage.app.store();
        let verified = stage.verified(&[]).await;
        assert_eq!((verified.finding, verified.logs, verified.checkpoints), (None, 3, 3));
        assert_eq!((verified.events, verified.proved), (288, 288));
        let whole = History::read(store, log).await;
        assert_eq!((whole.events.len(), whole.nodes.len()), (282, 1));

        let change = |change: fn(&mut History)| {
            let mut history = whole.clone();
            change(&mut history);
            history
        };
        let cases: [(History, Option<u64>, &str); 18] = [
            (change(|log| log.events[9].record.push(b' ')), Some(10), "its column leaf is not"),
            (change(|log| log.events[9].record[0] = b'x'), Some(10), "its record cannot be read"),
            (change(|log| log.events[9].at += 1), Some(10), "its column at is not"),
            (change(|log| log.events[9].actor = None), Some(10), "its column actor is not"),
            (change(|log| drop(log.events.remove(9))), Some(10), "it is missing"),
            (change(|log| drop(log.events.pop())), Some(282), "it is missing, and all after it"),
            (change(|log| log.change(10)), Some(1), "one of the events 1 to 256 is not what it was when the hash that was kept"),
            // 282 = 256 + 16 + 8 + 2
            (change(|log| log.change(260)), Some(257), "one of the events 257 to 272 is not what it was when its head's edge"),
            (change(|log| { log.change(10); log.forge(); }), Some(1), "one of the events 1 to 282 is not what it was when the checkpoint in"),
            (change(|log| { log.events.truncate(270); log.forge(); }), Some(271), "it is missing, and all after it: the checkpoint in"),
            (change(|log| log.events.push(Event { seq: 283, ..log.events[281].clone() })), Some(283), "it has no place"),
            (change(|log| log.nodes.clear()), Some(1), "one of the events 1 to 256"),
            (change(|log| log.nodes.push(Node { position: 1, ..log.nodes[0].clone() })), None, "a hash is kept of events that are not"),
            (change(|log| log.head.frontier[20] ^= 1), None, "its head's edge of the tree was changed"),
            (change(|log| { log.head.frontier.pop(); }), None, "its head's edge of the tree was changed"),
            (change(|log| log.head.at += 1), None, "its head's time is not"),
            (change(|log| log.checkpoints[0].root[0] ^= 1), None, "the checkpoint in the database of 282 events is not what its note says"),
            (change(|log| log.checkpoints[0].note = log.checkpoints[0].note.replace("time 1", "time 2")), None, "does not verify"),
        ];
        for (history, seq, what) in cases {
            history.write(store).await;
            let finding = stage.found(&[]).await;
            assert_eq!((&finding.log, finding.seq), (&log.to_string(), seq), "{finding}");
            assert!(finding.what.contains(what), "{finding}");
        }
        whole.write(store).await;
        assert_eq!(stage.verified(&[]).await.finding, None);
    }

    // A log that is longer than what is read at once: the parts join, and what is wrong in a later one is named.
    async fn a_long_log_is_verified_in_parts(stage: &Stage) {
        let (_, _, log) = stage.practice(1_100).await;
        let store = stage.app.store();
        let verified = stage.verified(&[]).await;
        assert!(verified.finding.is_none() && verified.events > 2_000 + 150, "{verified:?}");
        let whole = History::read(store, log).await;
        let cases: [(usize, u64, &str); 3] =
            [(1_999, 2_000, "its column at is not"), (2_000, 2_001, "its column at is not"), (2_150, 2_151, "its column at is not")];
        for (place, seq, what) in cases {
            let mut history = whole.clone();
            history.events[place].at += 1;
            history.write(store).await;
            let finding = stage.found(&[]).await;
            assert_eq!(finding.seq, Some(seq), "{finding}");
            assert!(finding.what.contains(what), "{finding}");
        }
        let mut history = whole.clone();
        history.events.remove(2_100);
        history.write(store).await;
        assert_eq!(stage.found(&[]).await.seq, Some(2_101));
    }

    async fn verify_holds_the_log_against_a_checkpoint_from_outside(stage: &Stage) {
        let (_, founder, log) = stage.practice(4).await;
        let witness = stage.folder();
        stage.app.sign_checkpoints(Some(&witness)).await.unwrap();
        let early = witness.newest(log).unwrap().unwrap();
        stage.pass(1);
        stage.add(log, founder, "later@example.com").await;
        stage.app.sign_checkpoints(Some(&witness)).await.unwrap();
        let held = notes(&std::fs::read_to_string(Folder::open(stage.directory.path().join("checkpoints")).unwrap().path(log)).unwrap());
        assert_eq!((held.len(), &held[0]), (2, &early));
        assert_eq!(stage.verified(&held).await.finding, None);

        let whole = History::read(stage.app.store(), log).await;
        let mut forged = whole.clone();
        forged.checkpoints.clear();
        forged.change(11);
        forged.forge();
        forged.write(stage.app.store()).await;
        assert_eq!(stage.verified(&[]).await.finding, None, "nothing inside can tell");
        assert_eq!(stage.verified(&held[..1]).await.finding, None, "it says nothing of later events");
        let finding = stage.found(&held).await;
        assert_eq!(finding.seq, Some(11), "{finding}");

        forged.events.truncate(9);
        forged.forge();
        forged.write(stage.app.store()).await;
        assert_eq!(stage.found(&held[..1]).await.seq, Some(10));

        let mut batch = stage.app.store().batch().await.unwrap();
        batch.delete_log(log.uuid().into_bytes()).await.unwrap();
        batch.commit().await.unwrap();
        assert!(stage.found(&held).await.what.contains("there is no such log"));
        whole.write(stage.app.store()).await;
        let altered = held[0].replace("10\n", "11\n");
        assert!(stage.found(&[altered]).await.what.contains("does not verify"));
        let unsigned = verify(stage.app.store(), None, None, &held, &mut ()).await;
        assert!(matches!(unsigned, Err(Error::BadRequest(_))));
    }

    async fn verify_finds_events_without_a_head_and_heads_without_events(stage: &Stage) {
        let (_, _, log) = stage.practice(1).await;
        let whole = History::read(stage.app.store(), log).await;
        let stray = [9; 16];
        let event = Event { log: stray, ..whole.events[0].clone() };
        let mut batch = stage.app.store().batch().await.unwrap();
        batch.append(&[event]).await.unwrap();
        batch.commit().await.unwrap();
        let finding = stage.found(&[]).await;
        assert_eq!((finding.log, finding.seq), (uuid::Uuid::from_bytes(stray).to_string(), Some(1)));
        let head = Head { log: stray, seq: 0, ..whole.head.clone() };
        let mut batch = stage.app.store().batch().await.unwrap();
        batch.delete_log(stray).await.unwrap();
        batch.set_heads(&[head], &[]).await.unwrap();
        batch.commit().await.unwrap();
        assert!(stage.found(&[]).await.what.contains("a head and no events"));
    }

    async fn a_shorter_or_another_history_is_never_signed(stage: &Stage) {
        let (_, _, log) = stage.practice(4).await;
        let witness = stage.folder();
        let signing = stage.app.sign_checkpoints(Some(&witness)).await.unwrap();
        assert_eq!((signing.signed, signing.refused.len()), (3, 0));
        assert_eq!(stage.app.sign_checkpoints(Some(&witness)).await.unwrap().signed, 0, "nothing has changed");
        let whole = History::read(stage.app.store(), log).await;

        let mut cut = whole.clone();
        cut.events.truncate(8);
        let mut forked = whole.clone();
        forked.change(3);
        for mut history in [cut, forked] {
            // The checkpoint in the database is gone with the rest; the one outside remembers.
            for checkpoints in [whole.checkpoints.clone(), Vec::new()] {
                history.checkpoints = checkpoints;
                history.forge();
                history.write(stage.app.store()).await;
                leave_work(stage, log).await;
                let signing = stage.app.sign_checkpoints(Some(&witness)).await.unwrap();
                assert_eq!((signing.signed, signing.refused.len()), (0, 1));
                assert_eq!(signing.refused[0].log, log);
                assert_eq!(witness.newest(log).unwrap().as_deref(), Some(whole.checkpoints[0].note.as_str()));
                stage.pass(2);
                assert_eq!(stage.app.sign_checkpoints(None).await.unwrap().refused.len(), history.checkpoints.len(), "it stays heard");
                stage.pass(2);
            }
        }
        // The true history is signed on.
        whole.write(stage.app.store()).await;
        leave_work(stage, log).await;
        assert_eq!(stage.app.sign_checkpoints(Some(&witness)).await.unwrap().refused, []);
    }

    // What cannot be read of one log keeps no other from being signed, and is heard.
    async fn a_log_that_cannot_be_read_is_refused_and_others_are_signed(stage: &Stage) {
        let (_, founder, log) = stage.practice(1).await;
        stage.app.sign_checkpoints(None).await.unwrap();
        let short = [store::Value::Bytes(vec![9; 31]), store::Value::from(log.uuid().into_bytes())];
        let mut batch = stage.app.store().batch().await.unwrap();
        batch.query("update checkpoints set root = ? where log_id = ?", &short, &[]).await.unwrap();
        batch.commit().await.unwrap();
        stage.pass(2);
        stage.add(log, founder, "later@example.com").await;
        stage.person("other@example.com").await;
        let signing = stage.app.sign_checkpoints(None).await.unwrap();
        assert_eq!((signing.signed, signing.refused.len()), (2, 1), "their address and their account");
        assert_eq!(signing.refused[0].log, log);
        assert!(signing.refused[0].why.contains("cannot be read"), "{}", signing.refused[0].why);
    }

    async fn proofs_verify_offline(stage: &Stage) {
        let (_, founder, log) = stage.practice(140).await;
        let id = log.uuid().into_bytes();
        let mut snapshot = stage.app.store().snapshot().await.unwrap();
        assert_eq!(snapshot.checkpoint(id).await.unwrap(), None);
        assert_eq!(inclusion(&mut snapshot, log, 1).await.unwrap(), None);
        snapshot.close().await.unwrap();
        stage.app.sign_checkpoints(None).await.unwrap();
        let first = stage.app.store().snapshot().await.unwrap().checkpoint(id).await.unwrap().unwrap();
        stage.pass(1);
        stage.add(log, founder, "later@example.com").await;
        stage.app.sign_checkpoints(None).await.unwrap();
        let mut snapshot = stage.app.store().snapshot().await.unwrap();
        let second = snapshot.checkpoint(id).await.unwrap().unwrap();
        let note = signer().verifier().verify(&second.note).unwrap();
        assert_eq!((note.origin, note.size, note.root), (origin(&log.to_string()), 284, second.root));
        assert_eq!(note.extensions, [format!("time {}", START.0 + MINUTE)]);
        let records = snapshot.records(id, 0, 1_000).await.unwrap();
        for seq in [1, 2, 255, 256, 257, 283, 284] {
            let proof = inclusion(&mut snapshot, log, seq).await.unwrap().unwrap();
            let leaf = leaf_hash(&records[usize::try_from(seq).unwrap() - 1].1);
            assert_eq!((proof.leaf, proof.leaf_index, proof.size), (leaf, seq - 1, 284));
            assert_eq!(proof.note, second.note);
            verify_inclusion(&leaf, proof.leaf_index, proof.size, &proof.hashes, &second.root).unwrap();
        }
        assert_eq!(inclusion(&mut snapshot, log, 285).await.unwrap(), None);
        assert_eq!(inclusion(&mut snapshot, log, 0).await.unwrap(), None);
        let proof = consistency(&mut snapshot, log, (first.seq, second.seq)).await.unwrap();
        verify_consistency(first.seq, &first.root, second.seq, &second.root, &proof).unwrap();
        assert!(matches!(consistency(&mut snapshot, log, (2, 1)).await, Err(Error::BadRequest(_))));
        assert!(matches!(consistency(&mut snapshot, log, (1, 285)).await, Err(Error::BadRequest(_))));
        snapshot.close().await.unwrap();
    }

    async fn mail_is_sent_once_and_only_while_it_is_wanted(stage: &Stage) {
        let post = Post::folder(stage.directory.path().join("mail")).unwrap();
        let settings = MailSettings::parse("Throughline <no-reply@example.com>", "https://coaching.example.com/").unwrap();
        let folder = stage.directory.path().join("mail");
        let (_, founder, log) = stage.practice(0).await;
        // The founder's own link was used before any mail was sent.
        assert_eq!(stage.app.deliver(&post, &settings).await.unwrap(), 0);
        assert_eq!(mails(&folder), Vec::<String>::new());

        let (command, email) = (stage.app.command(), Email::parse("someone@example.com").unwrap());
        stage.app.request_link(email.clone(), command, None).await.unwrap();
        assert_eq!(stage.app.deliver(&post, &settings).await.unwrap(), 1);
        assert_eq!(stage.app.deliver(&post, &settings).await.unwrap(), 0, "it was sent");
        let token = stage.app.token(Kind::SignInLink, LogId::Address(stage.app.address(&email)), command).text;
        let [mail] = mails(&folder).try_into().unwrap();
        assert!(mail.contains("To: someone@example.com\r\n") && mail.contains("Subject: Your sign-in link\r\n"), "{mail}");
        assert!(mail.contains(&format!("\r\n\r\nhttps://coaching.example.com/login?token={token}\r\n")), "{mail}");

        let command = stage.app.command();
        let token = stage.app.token(Kind::CoacheeInvitation, log, command);
        let coachee = stage.app.mint();
        stage.run_as(log, Actor::Person(founder), command, add(coachee, "zoe@example.com", Some(&token))).await;
        let again = stage.app.command();
        let to = Email::parse("zoe@example.com").unwrap();
        let newer = stage.app.invitation(Kind::CoacheeInvitation, (log, again), &to);
        let invitation = coachee::NewInvitation { id: newer.id(), token: newer.hash };
        let resend = coachee::Invite { coachee, invitation, to, sending: coachee::Sending::Again };
        stage.run_as(log, Actor::Person(founder), again, resend).await;
        assert_eq!(stage.app.deliver(&post, &settings).await.unwrap(), 1, "the older one was replaced");
        let invited = mails(&folder).into_iter().find(|mail| mail.contains("zoe@example.com")).unwrap();
        assert!(invited.contains(&newer.text) && !invited.contains(&token.text), "{invited}");
        assert!(invited.contains("&amp; &lt;Coaches&gt;") && invited.contains("Ada Able invites you"), "{invited}");

        // From before an invitation was its address's.
        let command = stage.app.command();
        let token = stage.app.token(Kind::CoachInvitation, log, command);
        let invite = practice::AddCoach {
            practice: PracticeId::of(log.uuid()),
            invitation: token.id(),
            token: token.hash,
            name: Name::parse("Bea").unwrap(),
            email: Email::parse("bea@example.com").unwrap(),
            role: practice::Role::Coach,
            before: Vec::new(),
        };
        stage.run_as(log, Actor::Person(founder), command, invite).await;
        assert_eq!(stage.app.deliver(&post, &settings).await.unwrap(), 1);
        let invited = mails(&folder).into_iter().find(|mail| mail.contains("bea@example.com")).unwrap();
        assert!(invited.contains(&format!("https://coaching.example.com/invitations/{}", token.text)), "{invited}");
    }

    async fn a_mail_that_cannot_be_sent_is_tried_again_and_is_the_same_then(stage: &Stage) {
        let settings = MailSettings::parse("no-reply@example.com", "https://coaching.example.com").unwrap();
        let nowhere = Post::Folder(stage.directory.path().join("not there"));
        let (_, founder, log) = stage.practice(0).await;
        stage.app.deliver(&nowhere, &settings).await.unwrap();
        let command = stage.app.command();
        let token = stage.app.token(Kind::CoacheeInvitation, log, command);
        stage.run_as(log, Actor::Person(founder), command, add(stage.app.mint(), "zoe@example.com", Some(&token))).await;
        let unsent = async || {
            let mut snapshot = stage.app.store().snapshot().await.unwrap();
            let parcel = snapshot.outbox(log.uuid().into_bytes()).await.unwrap().pop().unwrap();
            snapshot.close().await.unwrap();
            parcel
        };
        let mut waited = Vec::new();
        while unsent().await.sent_at.is_none() {
            assert_eq!(stage.app.deliver(&nowhere, &settings).await.unwrap(), 0);
            let minutes = (unsent().await.due - stage.clock.now().0) / MINUTE;
            waited.push(minutes);
            assert_eq!(stage.app.deliver(&nowhere, &settings).await.unwrap(), 0, "it is not due yet");
            stage.pass(minutes);
        }
        // The last try is given up: its due time is that of its claim.
        assert_eq!(waited, [1, 5, 30, 60, 120, 240, 480, 1]);
        assert_eq!(unsent().await.attempts, 8);

        let command = stage.app.command();
        let token = stage.app.token(Kind::CoacheeInvitation, log, command);
        stage.run_as(log, Actor::Person(founder), command, add(stage.app.mint(), "ivy@example.com", Some(&token))).await;
        let folder = stage.directory.path().join("mail");
        let post = Post::folder(&folder).unwrap();
        assert_eq!(stage.app.deliver(&post, &settings).await.unwrap(), 1);
        let sent = mails(&folder);
        // As if a crash had hidden that it was sent.
        let mut snapshot = stage.app.store().snapshot().await.unwrap();
        let parcels = snapshot.outbox(log.uuid().into_bytes()).await.unwrap();
        let history = History::read(stage.app.store(), log).await;
        let keys = snapshot.keys_of_log(log.uuid().into_bytes()).await.unwrap();
        snapshot.close().await.unwrap();
        history.write(stage.app.store()).await;
        let mut batch = stage.app.store().batch().await.unwrap();
        batch.put_keys(&keys).await.unwrap();
        let unsent: Vec<_> = parcels.into_iter().map(|parcel| store::Outbox { sent_at: None, attempts: 0, ..parcel }).collect();
        batch.put_outbox(&unsent).await.unwrap();
        batch.commit().await.unwrap();
        stage.pass(600);
        assert_eq!(stage.app.deliver(&post, &settings).await.unwrap(), 2);
        let again = mails(&folder);
        assert_eq!(again.len(), 2);
        assert!(again.contains(&sent[0]), "the same bytes under the same name");
    }
}

async fn upsert(stage: &Stage, table: &store::Table, row: &store::Row) {
    let mut batch = stage.app.store().batch().await.unwrap();
    batch.upsert(table, std::slice::from_ref(row)).await.unwrap();
    batch.commit().await.unwrap();
}

async fn leave_work(stage: &Stage, log: LogId) {
    let mut batch = stage.app.store().batch().await.unwrap();
    let work = store::Work {
        log: log.uuid().into_bytes(),
        reactor: app::checkpoints::REACTOR.to_owned(),
        at: stage.clock.now().0,
    };
    batch.put_work(&[work]).await.unwrap();
    batch.commit().await.unwrap();
}

/// The mails in a folder, their long lines joined again (quoted-printable, as far as these tests look).
fn mails(folder: &Path) -> Vec<String> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |file| String::from_utf8(std::fs::read(file).unwrap()).unwrap();
    files.iter().map(|file| read(file).replace("=\r\n", "").replace("=3D", "=")).collect()
}

#[tokio::test]
async fn a_byte_flipped_in_the_file_is_found() {
    let stage = Stage::sqlite().await;
    let (_, _, log) = stage.practice(3).await;
    let history = History::read(stage.app.store(), log).await;
    stage.app.stop().await;
    let path = stage.directory.path().join("log.sqlite");
    let whole = std::fs::read(&path).unwrap();
    for seq in [1, 5, 8] {
        let record = &history.events[seq - 1].record;
        let at = whole.windows(record.len()).position(|bytes| bytes == record).expect("the record lies in one piece");
        let mut bytes = whole.clone();
        bytes[at + record.len() / 2] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let store = Store::open(&Options::new(&stage.url)).await.unwrap();
        let finding = verify(&store, Some(log), None, &[], &mut ()).await.unwrap().finding.unwrap();
        assert_eq!(finding.seq, u64::try_from(seq).ok(), "{finding}");
        store.close().await;
    }
}

/// A view's proofs are read in its own snapshot: where there is one connection to read with, nobody waits for another.
#[tokio::test]
async fn a_view_proves_its_entries_with_the_connection_that_it_has() {
    let stage = Stage::sqlite().await;
    let (practice, person, _) = stage.practice(3).await;
    stage.app.sign_checkpoints(None).await.unwrap();
    stage.app.stop().await;
    let app = open_with(&Options { readers: 1, ..Options::new(&stage.url) }, stage.clock.clone()).await;
    let reader = Reader::new(person, Through::Program);
    let view = app.view(&reader, practice, Portal::Coach, None).await.unwrap();
    let leaf = leaf_hash(view.record(Kept::Changes, 1).await.unwrap().expect("an entry").as_bytes());
    let (head, proof) = (
        view.audit_head(Kept::Changes).await.unwrap().unwrap(),
        view.inclusion(Kept::Changes, 1).await.unwrap().unwrap(),
    );
    assert_eq!((proof.leaf, proof.size, &proof.note), (leaf, head.seq, &head.note));
    verify_inclusion(&leaf, proof.leaf_index, proof.size, &proof.hashes, &head.root).unwrap();
    let hashes = view.consistency(Kept::Changes, 1, head.seq).await.unwrap();
    verify_consistency(1, &leaf, head.seq, &head.root, &hashes).unwrap();
    drop(view);
    app.stop().await;
}

#[tokio::test]
async fn what_changed_is_signed_when_the_app_stops() {
    let stage = Stage::sqlite().await;
    let witness = stage.folder();
    stage.app.start_checkpoints(std::time::Duration::from_hours(1), Some(witness.clone()));
    let (_, _, log) = stage.practice(1).await;
    stage.app.stop().await;
    let note = witness.newest(log).unwrap().expect("a checkpoint");
    assert_eq!(signer().verifier().verify(&note).unwrap().size, 4);
    let app = open(&stage.url, stage.clock.clone()).await;
    let newest = app.store().snapshot().await.unwrap().checkpoint(log.uuid().into_bytes()).await.unwrap();
    assert_eq!(newest.unwrap().note, note);
    app.stop().await;
}
