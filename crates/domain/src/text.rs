//! What people wrote: texts, and how they are kept from everybody else.
//!
//! `Personal<T>` (names, emails, phones) is sealed in the log and plain in rows, where lists search and sort.
//! `Confidential<T>` (notes, titles, synopses) is sealed in both. A text is open (somebody just wrote it, or a reader
//! opened it), sealed, both, or forgotten (its key was destroyed). What holds here:
//! * an event holds no bare string of a person's making: [`Fact`] has no implementation for `String`;
//! * serialising a text that nobody sealed is an error, not a record;
//! * `Debug` prints no text.

use std::fmt;
use std::marker::PhantomData;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A kind of text, with its bounds.
pub trait Text: Clone + Send + Sync + 'static {
    /// Which kind.
    const KIND: Kind;
    /// Text from outside, or what is wrong with it.
    fn parse(text: &str) -> Result<Self, crate::Refusal>
    where
        Self: Sized;
    /// Text that was parsed before it was stored.
    fn stored(text: &str) -> Self;
    /// The text.
    fn as_str(&self) -> &str;
}

crate::refusals! {
    /// What is wrong with a text.
    pub enum Refusal {
        /// Nothing is there.
        Blank "TEXT_IS_BLANK" "This must not be empty.",
        /// More characters than its kind allows.
        TooLong "TEXT_IS_TOO_LONG" "This is too long. Shorten it and try again.",
        /// A control character, or a line break where one line is wanted.
        Unprintable "TEXT_IS_UNPRINTABLE" "This holds control characters or line breaks that do not belong here. Remove them.",
        /// Not an email address.
        NotAnEmail "NOT_AN_EMAIL_ADDRESS" "This is not an email address that mail can be sent to.",
        /// Not an https address.
        NotALink "NOT_A_LINK" "This must be an address that begins with https://.",
        /// Not a time zone of the IANA database.
        NotATimeZone "NOT_A_TIME_ZONE" "This is not a time zone of the IANA database, such as Europe/Berlin.",
        /// Outside its bounds.
        OutOfRange "OUT_OF_RANGE" "This number or date is outside the range that is allowed here.",
    }
}

/// Declares kinds of text: `texts! { /// doc\n Title "title" line 1..=200; }` (`lines` allows line breaks).
macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident $kind:literal $shape:ident $least:literal..=$most:literal $(, $check:expr)?;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub struct $name(String);
        impl $crate::text::Text for $name {
            const KIND: Kind = Kind::$name;
            fn parse(text: &str) -> Result<Self, $crate::Refusal> {
                let text = $crate::text::$shape(text, $least, $most)?;
                $( let text = $check(text)?; )?
                Ok(Self(text))
            }
            fn stored(text: &str) -> Self { Self(text.to_owned()) }
            fn as_str(&self) -> &str { &self.0 }
        }
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("…") }
        }
        impl $crate::row::Column for $name {
            const TYPE: $crate::row::Type = $crate::row::Type::Text;
            fn value(&self) -> $crate::row::Value { $crate::row::Value::Text(self.0.clone()) }
        }
    )+
        /// Every kind of text, as records name it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum Kind { $($(#[$doc])* #[serde(rename = $kind)] $name,)+ }
        impl Kind {
            /// The name that stands inside the seal.
            pub const fn word(self) -> &'static str { match self { $(Self::$name => $kind,)+ } }
        }
    };
}

/// One line: trimmed, without control characters, between `least` and `most` characters.
pub(crate) fn line(text: &str, least: usize, most: usize) -> Result<String, crate::Refusal> {
    let text = text.trim();
    if text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
        return Err(Refusal::Unprintable.into());
    }
    bounded(text, least, most)
}

/// Several lines: tabs and line breaks are welcome, other control characters are not.
pub(crate) fn lines(text: &str, least: usize, most: usize) -> Result<String, crate::Refusal> {
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err(Refusal::Unprintable.into());
    }
    bounded(text, least, most)
}

fn bounded(text: &str, least: usize, most: usize) -> Result<String, crate::Refusal> {
    let length = text.chars().count();
    if length < least {
        return Err(Refusal::Blank.into());
    }
    if length > most || text.len() > most.saturating_mul(4) {
        return Err(Refusal::TooLong.into());
    }
    Ok(text.to_owned())
}

/// An email address that mail can be sent to, in the one spelling by which it is compared: trimmed and in lower case.
/// Checked for shape only (RFC 5321's lengths, one `@`, a domain with a dot); that it exists is shown by using it. What mail
/// would bring to the same place as another address is none: a letter that becomes an ASCII one in lower case (the Kelvin
/// sign), and a domain that is not in its own plain form. But a domain in letters and its form `xn--…` are both plain and two
/// addresses: accounts and coachees are found by the very text, and those of the one form would be lost with the other.
fn email(text: &str) -> Result<String, crate::Refusal> {
    let refused = || crate::Refusal::from(Refusal::NotAnEmail);
    if text.chars().any(|c| !c.is_ascii() && c.to_lowercase().any(|lower| lower.is_ascii())) {
        return Err(refused());
    }
    let text = text.to_lowercase();
    let (local, domain) = text.rsplit_once('@').ok_or_else(refused)?;
    let local_is_fine = !local.is_empty()
        && local.len() <= 64
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && local.chars().all(|c| c.is_ascii_alphanumeric() || ".!#$%&'*+-/=?^_`{|}~".contains(c) || !c.is_ascii());
    let label_is_fine = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || !c.is_ascii())
    };
    let domain_is_fine =
        domain.contains('.') && domain.len() <= 253 && domain.split('.').all(label_is_fine) && is_plain(domain);
    if local_is_fine && domain_is_fine && !text.chars().any(char::is_whitespace) { Ok(text) } else { Err(refused()) }
}

/// Whether a domain is as UTS 46 writes it: all in letters, or all in ASCII with labels `xn--…` that decode. Whoever looks up
/// any other spelling (in full width, with what nobody sees, half decoded) finds the same domain as with this one.
fn is_plain(domain: &str) -> bool {
    if domain.is_ascii() {
        !domain.contains("xn--") || idna::domain_to_ascii(domain).is_ok_and(|plain| plain == domain)
    } else {
        let (plain, fault) = idna::domain_to_unicode(domain);
        fault.is_ok() && plain == domain
    }
}

/// A name as a folder could have it: no separators, and nothing that turns the direction of writing around, by which an
/// ending is made to look like another.
fn file_name(text: String) -> Result<String, crate::Refusal> {
    let turns =
        |letter: char| matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if text.contains(['/', '\\']) || text.chars().any(turns) || [".", ".."].contains(&text.as_str()) {
        return Err(Refusal::Unprintable.into());
    }
    Ok(text)
}

fn link(text: String) -> Result<String, crate::Refusal> {
    let host = text.strip_prefix("https://").and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    if host.contains('.') && !host.contains('@') && !text.chars().any(char::is_whitespace) {
        Ok(text)
    } else {
        Err(Refusal::NotALink.into())
    }
}

texts! {
    /// A person's name, or a part of it.
    Name "name" line 1..=200;
    /// A part of a name that may be missing.
    LastName "last_name" line 0..=200;
    /// An email address in the spelling by which it is compared.
    Email "email" line 3..=254, |text: String| email(&text);
    /// What a browser or program calls itself: its `User-Agent`.
    Agent "agent" line 1..=256;
    /// A telephone number, as people write it.
    Phone "phone" line 0..=40;
    /// What a coach calls themself: "Executive coach".
    ProfessionalTitle "professional_title" line 0..=200;
    /// An https address.
    Link "link" line 0..=2000, |text: String| if text.is_empty() { Ok(text) } else { link(text) };
    /// The address of a coach's video meeting, as a record keeps it.
    VideoLink "video_link" line 0..=2000, |text: String| if text.is_empty() { Ok(text) } else { link(text) };
    /// The address of a coach's booking page, as a record keeps it.
    BookingLink "booking_link" line 0..=2000, |text: String| if text.is_empty() { Ok(text) } else { link(text) };
    /// The title of a session, goal, milestone, action or note.
    Title "title" line 1..=200;
    /// Where an appointment takes place.
    Place "place" line 0..=500;
    /// The address of an appointment's video meeting: https.
    MeetingLink "meeting_link" line 0..=2000, |text: String| if text.is_empty() { Ok(text) } else { link(text) };
    /// What an action asks for, at length.
    Description "description" lines 0..=20_000;
    /// What one side says to the other about an action.
    Comment "comment" lines 1..=4_000, |text: String| if text.trim().is_empty() { Err(crate::Refusal::from(Refusal::Blank)) } else { Ok(text) };
    /// The one sentence that coach and coachee work toward now.
    ActiveGoal "active_goal" line 0..=200;
    /// What a coach knows about a coachee, in short.
    Synopsis "synopsis" lines 0..=20_000;
    /// What the coachee commits to before the next session.
    Step "step" line 1..=500;
    /// The number of an authorization, as its source gave it.
    Number "number" line 1..=64;
    /// Who approved: an employee assistance program.
    Source "source" line 1..=200;
    /// A session's notes in Markdown.
    Notes "notes" lines 0..=204_800;
    /// How a coach found their own coaching, 1 to 10: always two digits, so that its length tells nothing.
    Rating "rating" line 2..=2, |text: String| if Rating::number(&text).is_some() { Ok(text) } else { Err(Refusal::OutOfRange) };
    /// What a coach notes for themself about their coaching.
    Reflection "reflection" lines 0..=20_000;
    /// What an assessment asks: a form as JSON.
    Form "form" lines 2..=65_536;
    /// What a form was answered with, as JSON.
    Answers "answers" lines 2..=65_536;
    /// What a coachee is asked to think about.
    QuestionWords "question" lines 1..=2_000;
    /// What they answer.
    QuestionAnswer "question_answer" lines 1..=20_000;
    /// What somebody says about a coaching question.
    QuestionComment "question_comment" lines 1..=4_000;
    /// The difference between two notes.
    NotesPatch "notes_patch" lines 0..=409_600;
    /// What a note says, in Markdown.
    NoteText "note" lines 0..=204_800;
    /// The difference between two texts of a note.
    NotePatch "note_patch" lines 0..=409_600;
    /// A comment on a note.
    NoteComment "note_comment" lines 1..=5_000;
    /// A message.
    Message "message" lines 1..=10_000;
    /// What a file is called, without folders.
    FileName "file_name" line 1..=255, |text: String| file_name(text);
    /// What a file's bytes are sealed with: reading it is reading the file.
    FileKey "file" line 64..=64;
}

impl Kind {
    /// Whether it is a text that saves itself, or the difference between two of them: the longest that there are. The
    /// activity log names their revisions, and shows none of their words.
    pub const fn has_revisions(self) -> bool {
        matches!(self, Self::Notes | Self::NotesPatch | Self::NoteText | Self::NotePatch)
    }
}

impl Rating {
    /// A rating, 1 to 10 (S1.45).
    ///
    /// # Errors
    /// [`Refusal::OutOfRange`].
    pub fn of(rating: i32) -> Result<Self, crate::Refusal> {
        if (1..=10).contains(&rating) { Self::parse(&format!("{rating:02}")) } else { Err(Refusal::OutOfRange.into()) }
    }

    /// The number.
    pub fn get(&self) -> u8 {
        Self::number(&self.0).unwrap_or_default()
    }

    fn number(digits: &str) -> Option<u8> {
        digits.parse().ok().filter(|number| (1..=10).contains(number))
    }
}

/// Texts that are sealed in the log and plain in rows.
#[derive(Debug, Clone, Copy)]
pub enum InRows {}
/// Texts that are sealed everywhere.
#[derive(Debug, Clone, Copy)]
pub enum Nowhere {}

/// Names, emails, phones: sealed in the log, plain in read models.
pub type Personal<T> = Secret<T, InRows>;
/// Notes, titles, synopses: sealed in the log and in the rows; opened only while answering somebody who may read them.
pub type Confidential<T> = Secret<T, Nowhere>;

/// A text that is open, sealed, both, or forgotten. Its number (0 unless one thing has several texts of its kind) is
/// part of its seal and is supplied by whoever reads it.
pub struct Secret<T, P> {
    open: Option<T>,
    sealed: Option<Box<[u8]>>,
    place: PhantomData<fn() -> P>,
}

impl<T, P> Secret<T, P> {
    /// A text that somebody just wrote.
    pub const fn new(text: T) -> Self {
        Self { open: Some(text), sealed: None, place: PhantomData }
    }

    /// The text, where it is open.
    pub const fn text(&self) -> Option<&T> {
        self.open.as_ref()
    }

    /// The text as it lies in the event, where it has been sealed.
    pub fn sealed(&self) -> Option<&[u8]> {
        self.sealed.as_deref()
    }
}

impl<T: Clone, P> Clone for Secret<T, P> {
    fn clone(&self) -> Self {
        Self { open: self.open.clone(), sealed: self.sealed.clone(), place: PhantomData }
    }
}

impl<T, P> fmt::Debug for Secret<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl<T, P> Serialize for Secret<T, P> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Some(sealed) = &self.sealed else {
            return if self.open.is_none() {
                to.serialize_none()
            } else {
                Err(serde::ser::Error::custom("a text that nobody sealed must not be stored"))
            };
        };
        if to.is_human_readable() { to.serialize_some(&BASE64.encode(sealed)) } else { to.serialize_some(&**sealed) }
    }
}

/// Sealed bytes as a record holds them.
struct Sealed(Vec<u8>);

impl<'de> Deserialize<'de> for Sealed {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        crate::id::written(from, |text| BASE64.decode(text).map(Self).map_err(|error| error.to_string()))
    }
}

impl<'de, T, P> Deserialize<'de> for Secret<T, P> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let sealed = if from.is_human_readable() {
            Option::<Sealed>::deserialize(from)?.map(|sealed| sealed.0)
        } else {
            Option::<Vec<u8>>::deserialize(from)?
        };
        Ok(Self { open: None, sealed: sealed.map(Vec::into_boxed_slice), place: PhantomData })
    }
}

/// A text as `app` seals and opens it, whatever its kind.
pub trait Sealable {
    /// The kind of text: its word is part of the seal.
    fn kind(&self) -> Kind;
    /// Whether rows hold it in the clear: then it is opened before it is folded.
    fn plain_in_rows(&self) -> bool;
    /// The open text, where there is one that nobody sealed yet.
    fn unsealed(&self) -> Option<&str>;
    /// The sealed bytes.
    fn sealed(&self) -> Option<&[u8]>;
    /// Keeps the seal of the open text.
    fn seal(&mut self, sealed: Vec<u8>);
    /// Keeps the opened text.
    fn open(&mut self, text: &str);
    /// Leaves the text out, as if it were forgotten.
    fn leave_out(&mut self);
}

/// Where a kind of secret is kept in the clear.
pub trait Kept: 'static {
    /// Whether rows hold it in the clear.
    const PLAIN_IN_ROWS: bool;
}

impl Kept for InRows {
    const PLAIN_IN_ROWS: bool = true;
}

impl Kept for Nowhere {
    const PLAIN_IN_ROWS: bool = false;
}

impl<T: Text, P: Kept> Sealable for Secret<T, P> {
    fn kind(&self) -> Kind {
        T::KIND
    }
    fn plain_in_rows(&self) -> bool {
        P::PLAIN_IN_ROWS
    }
    fn unsealed(&self) -> Option<&str> {
        if self.sealed.is_some() { None } else { self.open.as_ref().map(Text::as_str) }
    }
    fn sealed(&self) -> Option<&[u8]> {
        self.sealed.as_deref()
    }
    fn seal(&mut self, sealed: Vec<u8>) {
        self.sealed = Some(sealed.into_boxed_slice());
    }
    fn open(&mut self, text: &str) {
        self.open = Some(T::stored(text));
    }
    fn leave_out(&mut self) {
        (self.open, self.sealed) = (None, None);
    }
}

/// What may stand in an event: ids, numbers, dates, closed sets, and texts that are sealed. The visitor is given each
/// text with its number.
#[diagnostic::on_unimplemented(
    message = "`{Self}` may not stand in an event: a person's words are `Personal<_>` or `Confidential<_>`"
)]
pub trait Fact {
    /// Visits each text.
    fn secrets(&mut self, _visit: &mut dyn FnMut(&mut dyn Sealable, u32)) {}
}

impl<T: Text, P: Kept> Fact for Secret<T, P> {
    fn secrets(&mut self, visit: &mut dyn FnMut(&mut dyn Sealable, u32)) {
        visit(self, 0);
    }
}

/// A text of a thing that has several of its kind: the number is part of the seal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Numbered<S> {
    /// Which of the thing's texts of this kind.
    pub number: u32,
    /// The text.
    pub text: S,
}

impl<T: Text> Fact for Numbered<Confidential<T>> {
    fn secrets(&mut self, visit: &mut dyn FnMut(&mut dyn Sealable, u32)) {
        visit(&mut self.text, self.number);
    }
}

/// A field of an edit: what it was and what it is. `was` is nothing where it was never set.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Change<T> {
    /// The value before.
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
    pub was: Option<T>,
    /// The value since.
    pub now: T,
}

impl<T: Fact> Fact for Change<T> {
    fn secrets(&mut self, visit: &mut dyn FnMut(&mut dyn Sealable, u32)) {
        self.was.secrets(visit);
        self.now.secrets(visit);
    }
}

impl<T: Fact> Fact for Option<T> {
    fn secrets(&mut self, visit: &mut dyn FnMut(&mut dyn Sealable, u32)) {
        if let Some(fact) = self {
            fact.secrets(visit);
        }
    }
}

impl<T: Fact> Fact for Vec<T> {
    fn secrets(&mut self, visit: &mut dyn FnMut(&mut dyn Sealable, u32)) {
        for fact in self {
            fact.secrets(visit);
        }
    }
}

/// Marks plain types that hold no person's words.
macro_rules! facts {
    ($($plain:ty),+ $(,)?) => { $( impl $crate::text::Fact for $plain {} )+ };
}
pub(crate) use facts;

facts!(bool, u8, u16, u32, u64, i32, i64, [u8; 32], Kind);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_email_address_has_one_spelling() {
        let longest = "a".repeat(64);
        for (text, expected) in [
            (" Ada@Practice.Example ", Some("ada@practice.example")),
            ("grüße@bücher.example", Some("grüße@bücher.example")),
            ("ADA@BÜCHER.EXAMPLE", Some("ada@bücher.example")),
            ("ada@xn--bcher-kva.example", Some("ada@xn--bcher-kva.example")),
            ("ada@straße.example", Some("ada@straße.example")),
            ("ada@例え.example", Some("ada@例え.example")),
            ("ada@a--b.example", Some("ada@a--b.example")),
            (&format!("{longest}@practice.example"), Some(&format!("{longest}@practice.example"))),
            // In full width, with what nobody sees, with another full stop, half decoded, and decoding to nothing.
            ("ada@ｐractice.example", None),
            ("ada@prac\u{ad}tice.example", None),
            ("ada@practice\u{200b}.example", None),
            ("ada@practice.exam\u{2060}ple", None),
            ("ada@practice。example.org", None),
            ("ada@bu\u{308}cher.example", None),
            ("ada@bücher.xn--bcher-kva.example", None),
            ("ada@xn--practice-.example", None),
            ("ada@xn--0.example", None),
            // Letters that become ASCII ones in lower case: the Kelvin sign, and İ.
            ("mi\u{212a}e@practice.example", None),
            ("mike@\u{212a}ey.example", None),
            ("\u{130}an@practice.example", None),
            ("ada", None),
            ("ada@practice", None),
            ("a b@practice.example", None),
        ] {
            let parsed = Email::parse(text).ok();
            assert_eq!(parsed.as_ref().map(Text::as_str), expected, "{text}");
        }
    }
}
