//! The record: an event as it is stored for ever.
//!
//! It is JSON, since it outlives programs; its bytes are what the tree's leaf hashes and what an export carries. It says
//! everything that the searched columns say, so that `verify` can compare them. Its texts are sealed; a record with an
//! open text cannot be written at all.

use std::sync::Arc;

use domain::fold::When;
use domain::id::{CommandId, Id as _, LogId, PersonId, Subject};
use domain::value::Time;
use domain::{Actor, Event};
use serde::{Deserialize, Serialize};
use serde_json::error::Category;
use serde_json::value::RawValue;
use store::tree::leaf_hash;
use uuid::Uuid;
use vault::{DataKey, Entropy, Place};

use crate::Error;
use crate::keys::{Generation, TEXTS_AN_EVENT_MAX};

/// The version of the records that this program writes.
pub const VERSION: u32 = 1;
/// The newest generation of events that this program understands, as heads say it.
pub const GENERATION: u32 = 1;

/// Through what a change came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Through {
    /// A browser with a cookie.
    Browser,
    /// A program with a bearer token.
    Program,
    /// Somebody with a link, not signed in.
    Link,
    /// The product itself.
    System,
}

#[derive(Serialize, Deserialize)]
struct Record<'a> {
    v: u32,
    log: LogId,
    seq: u64,
    at: i64,
    kind: &'a str,
    #[serde(borrow)]
    thing: std::borrow::Cow<'a, str>,
    subject: Uuid,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    owner: Option<PersonId>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    actor: Option<PersonId>,
    #[serde(skip_serializing_if = "Option::is_none", default, borrow)]
    system: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    behalf: Option<PersonId>,
    through: Through,
    command: CommandId,
    #[serde(borrow)]
    event: &'a RawValue,
}

/// An event that happened, as it is read from its record.
#[derive(Debug, Clone)]
pub struct Happened {
    /// When, where, about whom, by whom.
    pub when: When,
    /// The reactor that did it, where no person did.
    pub system: Option<String>,
    /// On whose behalf.
    pub behalf: Option<PersonId>,
    /// Through what.
    pub through: Through,
    /// The command that it comes from.
    pub command: CommandId,
    /// What happened.
    pub event: Event,
}

/// What a record says beside its event.
#[derive(Debug, Clone, Copy)]
pub struct Envelope {
    /// When, where, about whom, by whom.
    pub when: When,
    /// Who acts.
    pub actor: Actor,
    /// On whose behalf.
    pub behalf: Option<PersonId>,
    /// Through what.
    pub through: Through,
    /// The command.
    pub command: CommandId,
}

/// The stored form of a sealed event.
pub fn encode(envelope: &Envelope, event: &Event) -> Result<store::Event, Error> {
    let (prefix, thing) = event.thing();
    let body = serde_json::value::to_raw_value(event).map_err(Error::internal)?;
    let When { log, seq, at, subject, owner, actor } = envelope.when;
    let record = Record {
        v: VERSION,
        log,
        seq,
        at: at.0,
        kind: event.kind(),
        thing: domain::id::text(prefix, thing).into(),
        subject: subject.uuid(),
        owner,
        actor,
        system: match envelope.actor {
            Actor::System(name) => Some(name),
            Actor::Person(_) | Actor::Visitor => None,
        },
        behalf: envelope.behalf,
        through: envelope.through,
        command: envelope.command,
        event: &body,
    };
    let record = serde_json::to_vec(&record).map_err(Error::internal)?;
    Ok(store::Event {
        log: log.uuid().into_bytes(),
        seq,
        thing: thing.into_bytes(),
        kind: event.kind().to_owned(),
        version: VERSION,
        subject: subject.uuid().into_bytes(),
        owner: owner.map(bytes),
        actor: actor.map(bytes),
        behalf: envelope.behalf.map(bytes),
        command: envelope.command.uuid().into_bytes(),
        at: at.0,
        leaf: leaf_hash(&record),
        record,
    })
}

fn bytes(person: PersonId) -> store::Id {
    person.uuid().into_bytes()
}

/// Where something cannot be read. The reader's own words would repeat what stands there.
fn unreadable(what: &str, error: &serde_json::Error) -> Error {
    let (line, column) = (error.line(), error.column());
    let kind = match error.classify() {
        Category::Io | Category::Eof => "it ends too early",
        Category::Syntax => "it is no JSON",
        Category::Data => "what stands there makes no sense",
    };
    Error::internal(format!("{what} cannot be read: {kind}, at line {line}, column {column}"))
}

/// What a record says, with its texts sealed.
pub fn decode(record: &[u8]) -> Result<Happened, Error> {
    let record: Record<'_> = serde_json::from_slice(record).map_err(|error| unreadable("a record", &error))?;
    let mut body = serde_json::Deserializer::from_str(record.event.get());
    let event = Event::decode(record.kind, &mut body).map_err(|error| {
        let is_word = record.kind.bytes().all(|byte| byte.is_ascii_lowercase() || b"._".contains(&byte));
        unreadable(&format!("an event of the kind {}", if is_word { record.kind } else { "?" }), &error)
    })?;
    let when = When {
        log: record.log,
        seq: record.seq,
        at: Time(record.at),
        subject: Subject::of(record.subject),
        owner: record.owner,
        actor: record.actor,
    };
    let (system, through) = (record.system.map(str::to_owned), record.through);
    Ok(Happened { when, system, behalf: record.behalf, through, command: record.command, event })
}

/// What is wrong with a stored event, if its columns say anything else than its record, as it was read: the column's name.
pub fn mismatch(stored: &store::Event, happened: &Happened) -> Option<&'static str> {
    let (_, thing) = happened.event.thing();
    let when = happened.when;
    [
        ("leaf", stored.leaf == leaf_hash(&stored.record)),
        ("log_id", stored.log == when.log.uuid().into_bytes()),
        ("seq", stored.seq == when.seq),
        ("thing", stored.thing == thing.into_bytes()),
        ("kind", stored.kind == happened.event.kind()),
        ("version", stored.version == VERSION),
        ("subject", stored.subject == when.subject.uuid().into_bytes()),
        ("owner", stored.owner == when.owner.map(bytes)),
        ("actor", stored.actor == when.actor.map(bytes)),
        ("behalf", stored.behalf == happened.behalf.map(bytes)),
        ("command", stored.command == happened.command.uuid().into_bytes()),
        ("at", stored.at == when.at.0),
    ]
    .into_iter()
    .find_map(|(column, same)| (!same).then_some(column))
}

/// Seals every open text of an event.
pub fn seal(event: &mut Event, log: LogId, key: &DataKey, entropy: &dyn Entropy) -> Result<(), Error> {
    let (_, thing) = event.thing();
    let (mut failed, mut texts) = (None, 0);
    event.secrets(&mut |secret, number| {
        let place = Place {
            log: log.uuid().into_bytes(),
            thing: thing.into_bytes(),
            text: secret.kind().word(),
            ordinal: number,
        };
        let Some(text) = secret.unsealed() else { return };
        texts += 1;
        match key.seal(&place, text.as_bytes(), entropy) {
            Ok(sealed) => secret.seal(sealed),
            Err(error) => failed = Some(error),
        }
    });
    if texts > TEXTS_AN_EVENT_MAX {
        // The keys' uses are counted by events: see `keys`.
        return Err(Error::internal(format!("{} has {texts} texts, and {TEXTS_AN_EVENT_MAX} at most", event.kind())));
    }
    failed.map_or(Ok(()), |error| Err(error.into()))
}

/// Which texts to open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Texts {
    /// Those that rows hold in the clear: what a fold needs.
    Personal,
    /// All: what a reader who may see them needs.
    All,
}

/// Opens the texts of an event that happened there and then: for folds, and for views, which note what they open.
pub(crate) fn open(event: &mut Event, when: &When, keys: &[Arc<Generation>], which: Texts) -> Result<(), Error> {
    let (_, thing) = event.thing();
    let mut failed = false;
    event.secrets(&mut |secret, number| {
        if which == Texts::Personal && !secret.plain_in_rows() {
            return;
        }
        let Some(sealed) = secret.sealed() else { return };
        let place = Place {
            log: when.log.uuid().into_bytes(),
            thing: thing.into_bytes(),
            text: secret.kind().word(),
            ordinal: number,
        };
        match crate::keys::open(keys, Some(when.seq), &place, sealed) {
            Some(text) => secret.open(&text),
            None => failed = true,
        }
    });
    if failed { Err(Error::internal(format!("a text of {} does not open", event.kind()))) } else { Ok(()) }
}
