//! Ids: what things are called, inside and outside.
//!
//! Outside, where a person or a program meets it, an id is a `TypeID` (`coachee_01h455vb4pex5vsknk084sn02q`: a prefix
//! and a UUID in Crockford's base 32, as the `TypeID` specification 0.3 says). Inside it is the UUID's 16 bytes. An id of
//! one kind cannot stand where another kind is asked for: each kind is a type.

use std::fmt::Debug;
use std::hash::Hash;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// An id of one kind of thing.
pub trait Id: Copy + Debug + Eq + Ord + Hash + Send + Sync + Serialize + for<'de> Deserialize<'de> + 'static {
    /// The word before the underscore.
    const PREFIX: &'static str;
    /// The id whose UUID is this.
    fn of(uuid: Uuid) -> Self;
    /// The id's UUID.
    fn uuid(self) -> Uuid;
}

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// For each byte its place in the alphabet; [`NO_LETTER`] where it has none. A record holds half a dozen ids.
const PLACES: [u8; 256] = places();
const NO_LETTER: u8 = 32;

const fn places() -> [u8; 256] {
    let mut places = [NO_LETTER; 256];
    let mut place = 0_u8;
    while place < NO_LETTER {
        places[ALPHABET[place as usize] as usize] = place;
        place = place.saturating_add(1);
    }
    places
}

/// The text of an id: its prefix, an underscore and 26 letters.
pub fn text(prefix: &str, uuid: Uuid) -> String {
    let bits = uuid.as_u128();
    let mut out = String::with_capacity(prefix.len().saturating_add(27));
    out.push_str(prefix);
    out.push('_');
    for place in (0..26_u32).rev() {
        let five = (bits >> place.saturating_mul(5)) & 31;
        out.push(usize::try_from(five).ok().and_then(|at| ALPHABET.get(at)).map_or('0', |&c| char::from(c)));
    }
    out
}

/// The prefix and UUID of an id's text, or `None` where it is no `TypeID`.
pub fn parse(text: &str) -> Option<(&str, Uuid)> {
    let (prefix, suffix) = text.rsplit_once('_')?;
    if suffix.len() != 26 || prefix.is_empty() || !suffix.as_bytes().first().is_some_and(|c| (b'0'..=b'7').contains(c))
    {
        return None;
    }
    let bits = suffix.bytes().try_fold(0_u128, |bits, letter| {
        let at = PLACES.get(usize::from(letter)).copied().filter(|at| *at != NO_LETTER)?;
        Some((bits << 5_u32) | u128::from(at))
    })?;
    Some((prefix, Uuid::from_u128(bits)))
}

/// Declares kinds of ids: `ids! { /// doc\n GoalId "goal" }`.
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident $prefix:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(uuid::Uuid);
        impl $crate::id::Id for $name {
            const PREFIX: &'static str = $prefix;
            fn of(uuid: uuid::Uuid) -> Self { Self(uuid) }
            fn uuid(self) -> uuid::Uuid { self.0 }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(&$crate::id::text($prefix, self.0)) }
        }
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { write!(f, "{self}") }
        }
        impl std::str::FromStr for $name {
            type Err = $crate::id::NotAnId;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match $crate::id::parse(text) {
                    Some((prefix, uuid)) if prefix == $prefix => Ok(Self(uuid)),
                    Some(_) | None => Err($crate::id::NotAnId { expected: $prefix }),
                }
            }
        }
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                if to.is_human_readable() { to.collect_str(self) } else { self.0.serialize(to) }
            }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                if from.is_human_readable() {
                    $crate::id::written(from, |text| text.parse::<Self>().map_err(|error| error.to_string()))
                } else {
                    uuid::Uuid::deserialize(from).map(Self)
                }
            }
        }
        impl $crate::text::Fact for $name {}
        impl $crate::row::Column for $name {
            const TYPE: $crate::row::Type = $crate::row::Type::Bytes;
            fn value(&self) -> $crate::row::Value { $crate::row::Value::Bytes(self.0.as_bytes().to_vec()) }
        }
    )+};
}

/// Reads what is written as a text, out of the text where it lies. (A `Cow` would be a copy of it.)
pub(crate) fn written<'de, T, D, F>(from: D, parse: F) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    F: FnOnce(&str) -> Result<T, String>,
{
    struct Written<F>(F);
    impl<T, F: FnOnce(&str) -> Result<T, String>> serde::de::Visitor<'_> for Written<F> {
        type Value = T;
        fn expecting(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            to.write_str("a text")
        }
        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
            (self.0)(text).map_err(E::custom)
        }
    }
    from.deserialize_str(Written(parse))
}

/// A text that is no id of the kind that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnId {
    /// The prefix that was expected.
    pub expected: &'static str,
}

impl std::fmt::Display for NotAnId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "this is not an id that begins with `{}_`", self.expected)
    }
}

impl std::error::Error for NotAnId {}

ids! {
    /// A practice: the tenant, and its log.
    PracticeId "practice";
    /// A person's account, and its log.
    PersonId "person";
    /// An email address's log; derived from the address by a keyed hash.
    AddressId "address";
    /// A person coached.
    CoacheeId "coachee";
    /// A client company.
    CompanyId "company";
    /// A session.
    SessionId "session";
    /// An appointment.
    AppointmentId "appointment";
    /// A next step of a session.
    NextStepId "nextstep";
    /// A coach's or a coachee's note.
    NoteId "note";
    /// A comment on a note.
    NoteCommentId "notecomment";
    /// A coach's or a coachee's file.
    FileId "file";
    /// What a coach and a coachee write to each other; derived from both.
    ConversationId "conversation";
    /// A message.
    MessageId "message";
    /// A goal.
    GoalId "goal";
    /// A milestone of a goal.
    MilestoneId "milestone";
    /// An action.
    ActionId "action";
    /// A coach's group of coachees.
    GroupId "group";
    /// That a coachee belongs to a group; derived from both.
    MembershipId "membership";
    /// What makes an action again and again.
    SeriesId "series";
    /// A comment on an action.
    CommentId "comment";
    /// An EAP authorization.
    AuthorizationId "authorization";
    /// The unit of an authorization that a session holds or has used; derived from the session.
    UnitId "unit";
    /// An invitation of a coachee or a coach; derived from its token.
    InvitationId "invitation";
    /// A coach's access to a client; derived from both.
    AccessId "access";
    /// A key that must be unique in its log; derived from what is unique.
    UniqueId "unique";
    /// A one-time sign-in link.
    LinkId "link";
    /// A person's sign-in on one device or in one program; derived from its token.
    LoginId "login";
    /// A Google account's log; derived from its issuer and subject by a keyed hash.
    GoogleId "google";
    /// A token for a program, with scopes and an end; derived from its secret.
    AccessTokenId "accesstoken";
    /// A practice's access log; derived from the practice.
    AccessLogId "accesslog";
    /// What somebody reads of one kind of somebody's texts; derived from the three.
    ReadingId "reading";
    /// A form that can be assigned.
    TemplateId "template";
    /// A form that a coachee is asked to fill in.
    AssessmentId "assessment";
    /// A coaching question.
    QuestionId "question";
    /// A comment on a coaching question.
    QuestionCommentId "questioncomment";
    /// What somebody is told of what another did; derived from the event that it tells of.
    NoticeId "notification";
    /// Somebody's unread notices about one coachee; derived from both.
    BoardId "board";
    /// A command, whose effect happens once.
    CommandId "command";
}

impl ActionId {
    /// The action that a series makes the so manieth time.
    pub fn of_series(series: SeriesId, number: u32) -> Self {
        Self(Uuid::new_v5(&series.uuid(), &number.to_be_bytes()))
    }
}

impl AccessId {
    /// The one access of this coach to this client.
    pub fn between(coach: PersonId, client: ClientId) -> Self {
        Self(Uuid::new_v5(&coach.uuid(), client.uuid().as_bytes()))
    }
}

impl ConversationId {
    /// The one conversation of this coach with this coachee.
    pub fn between(coach: PersonId, coachee: CoacheeId) -> Self {
        Self(Uuid::new_v5(&coach.uuid(), &[b"conversation", coachee.uuid().as_bytes().as_slice()].concat()))
    }
}

impl UniqueId {
    /// The key of something that may stand once in a log: `what` names the kind of uniqueness.
    pub fn new(what: &str, value: &str) -> Self {
        Self(Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{what}\0{value}").as_bytes()))
    }
}

impl MembershipId {
    /// The one membership of this coachee in this group.
    pub fn of_coachee(group: GroupId, coachee: CoacheeId) -> Self {
        Self(Uuid::new_v5(&group.uuid(), coachee.uuid().as_bytes()))
    }
}

impl UnitId {
    /// The unit that this session may hold.
    pub fn of_session(session: SessionId) -> Self {
        Self(session.uuid())
    }
}

impl BoardId {
    /// The notices of this person about this coachee.
    pub fn of_both(person: PersonId, coachee: CoacheeId) -> Self {
        Self(Uuid::new_v5(&person.uuid(), &[coachee.uuid().as_bytes().as_slice(), b"notices"].concat()))
    }
}

impl AccessLogId {
    /// The access log of this practice.
    pub fn of_practice(practice: PracticeId) -> Self {
        Self(Uuid::new_v5(&practice.uuid(), b"access log"))
    }
}

impl ReadingId {
    /// The reading of this kind of this subject's texts by this person.
    pub fn by(reader: PersonId, subject: Subject, text: crate::text::Kind) -> Self {
        let words = text.word().as_bytes();
        Self(Uuid::new_v5(&reader.uuid(), &[subject.uuid().as_bytes().as_slice(), words].concat()))
    }
}

impl ReadingId {
    /// The downloads of this file by this person.
    pub fn of_download(reader: PersonId, file: FileId) -> Self {
        Self(Uuid::new_v5(&reader.uuid(), &[file.uuid().as_bytes().as_slice(), b"download"].concat()))
    }
}

/// A log: a practice, its access log, an account, an email address or a Google account. The unit of order, of
/// consistency and of scale.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogId {
    /// A practice's log.
    Practice(PracticeId),
    /// A person's account.
    Account(PersonId),
    /// An email address.
    Address(AddressId),
    /// A Google account.
    Google(GoogleId),
    /// Who read what confidential text of a practice.
    AccessLog(AccessLogId),
}

impl LogId {
    /// The log's UUID.
    pub fn uuid(self) -> Uuid {
        match self {
            Self::Practice(id) => id.uuid(),
            Self::Account(id) => id.uuid(),
            Self::Address(id) => id.uuid(),
            Self::Google(id) => id.uuid(),
            Self::AccessLog(id) => id.uuid(),
        }
    }

    /// What kind of log this is, as the head row says.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Practice(_) => PracticeId::PREFIX,
            Self::Account(_) => PersonId::PREFIX,
            Self::Address(_) => AddressId::PREFIX,
            Self::Google(_) => GoogleId::PREFIX,
            Self::AccessLog(_) => AccessLogId::PREFIX,
        }
    }

    /// The log of this kind and UUID, or `None` where the kind is unknown.
    pub fn of(kind: &str, uuid: Uuid) -> Option<Self> {
        match kind {
            PracticeId::PREFIX => Some(Self::Practice(PracticeId(uuid))),
            PersonId::PREFIX => Some(Self::Account(PersonId(uuid))),
            AddressId::PREFIX => Some(Self::Address(AddressId(uuid))),
            GoogleId::PREFIX => Some(Self::Google(GoogleId(uuid))),
            AccessLogId::PREFIX => Some(Self::AccessLog(AccessLogId(uuid))),
            _ => None,
        }
    }

    /// The log that this text names.
    pub fn parse(text: &str) -> Option<Self> {
        parse(text).and_then(|(prefix, uuid)| Self::of(prefix, uuid))
    }
}

impl std::fmt::Display for LogId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&text(self.kind(), self.uuid()))
    }
}

impl Serialize for LogId {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LogId {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        written(from, |text| Self::parse(text).ok_or_else(|| "this is not the id of a log".to_owned()))
    }
}

impl std::fmt::Debug for LogId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

macro_rules! from_ids {
    ($target:ident: $($id:ident),+) => {$(
        impl From<$id> for $target {
            fn from(id: $id) -> Self { Self(id.uuid()) }
        }
    )+};
}

/// What an event or a row is about: a coachee, or the practice, account or address itself. With the owner it decides
/// key, sight and forgetting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Subject(Uuid);

impl Subject {
    /// The subject whose UUID is this.
    pub const fn of(uuid: Uuid) -> Self {
        Self(uuid)
    }
    /// The subject's UUID.
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

impl From<LogId> for Subject {
    fn from(log: LogId) -> Self {
        Self(log.uuid())
    }
}

/// A client: a company, or a coachee who belongs to none. What access levels hang on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(Uuid);

impl ClientId {
    /// The client whose UUID is this.
    pub const fn of(uuid: Uuid) -> Self {
        Self(uuid)
    }
    /// The client's UUID.
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

from_ids!(Subject: CoacheeId, PracticeId, PersonId, AddressId, CompanyId, GoogleId);
from_ids!(ClientId: CoacheeId, CompanyId);

impl Serialize for ClientId {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}

impl<'de> Deserialize<'de> for ClientId {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Uuid::deserialize(from).map(Self)
    }
}

impl crate::text::Fact for ClientId {}
impl crate::row::Column for ClientId {
    const TYPE: crate::row::Type = crate::row::Type::Bytes;
    fn value(&self) -> crate::row::Value {
        crate::row::Value::Bytes(self.0.as_bytes().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_as_the_typeid_specification_says() {
        // The specification's own example, its nil and its largest value.
        let uuid = Uuid::parse_str("01890a5d-ac96-774b-bcce-b302099a8057").unwrap();
        assert_eq!(text("prefix", uuid), "prefix_01h455vb4pex5vsknk084sn02q");
        assert_eq!(parse("prefix_01h455vb4pex5vsknk084sn02q"), Some(("prefix", uuid)));
        assert_eq!(parse("p_7zzzzzzzzzzzzzzzzzzzzzzzzz"), Some(("p", Uuid::max())));
        for wrong in [
            "p_8zzzzzzzzzzzzzzzzzzzzzzzzz",
            "p_01h455vb4pex5vsknk084sn02",
            "01h455vb4pex5vsknk084sn02q",
            "p_01H455VB4PEX5VSKNK084SN02Q",
            "p_ü1h455vb4pex5vsknk084sn02",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
        assert!("goal_01h455vb4pex5vsknk084sn02q".parse::<CoacheeId>().is_err());
    }
}
