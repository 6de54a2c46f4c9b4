//! The words of the activity log: what an event says to people who review it.

/// Who may learn of an event that has an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// Its owner.
    Owner,
    /// The other side too: whoever sees what an owner shared of such things.
    Both,
}

/// A kind of event, as the activity log names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// As it is stored, for ever: `plan.action_progressed`.
    pub stored: &'static str,
    /// As people say it: `action_progress`.
    pub short: &'static str,
    /// The rule by which its entries are seen.
    pub sees: crate::sight::Thing,
    /// Who beside an owner may learn of it.
    pub to: To,
    /// What it says, in words.
    pub says: &'static str,
    /// Its fields and their types; the first is the thing that it is about.
    pub fields: &'static [(&'static str, &'static str)],
}

/// Every kind of event as a page: `docs/EVENTS.md`.
pub fn page() -> String {
    use std::fmt::Write as _;
    let mut page = String::from(
        "# Events\n\nGenerated from the code by `throughline schema --events`; a test refuses drift. A stored kind is written down, never\nderived and never reused. The first field is the thing that the event is about. `Personal` texts are sealed in the log and\nplain in read models; `Confidential` texts are sealed in both. `Change` holds the value before and since.\n",
    );
    for kind in crate::Event::kinds() {
        let fields: Vec<String> =
            kind.fields.iter().map(|(name, of)| format!("`{name}: {}`", of.replace('\n', " "))).collect();
        // Writing to a string cannot fail.
        let _ = write!(
            page,
            "\n## `{}`\n\n{} Its entry in the activity log is `{}`, seen as {:?}.\n\n{}\n",
            kind.stored,
            kind.says.trim(),
            kind.short,
            kind.sees,
            fields.join(", ")
        );
    }
    page
}

/// What changed. The event that it is made from has its texts opened first, for a reader who may.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// What changed, field by field.
    pub changes: Vec<Edit>,
}

/// One field of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The field, as the API names it.
    pub field: &'static str,
    /// Its value before, where there was one.
    pub was: Option<String>,
    /// Its value since.
    pub now: Option<String>,
    /// The kind of text that both are, where it is a confidential one.
    pub confidential: Option<crate::text::Kind>,
    /// Whether it was taken from elsewhere, whoever's words it is.
    pub is_copy: bool,
}

impl Entry {
    /// And this was set.
    #[must_use]
    pub fn set<T: Word>(mut self, field: &'static str, now: &T) -> Self {
        self.changes.push(Edit { field, was: None, now: now.word(), confidential: T::CONFIDENTIAL, is_copy: false });
        self
    }

    /// And this was taken from elsewhere.
    #[must_use]
    pub fn copy<T: Word>(self, field: &'static str, now: &T) -> Self {
        let mut entry = self.set(field, now);
        if let Some(edit) = entry.changes.last_mut() {
            edit.is_copy = true;
        }
        entry
    }

    /// And this changed, if it did.
    #[must_use]
    pub fn edit<T: Word>(mut self, field: &'static str, change: Option<&crate::text::Change<T>>) -> Self {
        if let Some(change) = change {
            let was = change.was.as_ref().and_then(Word::word);
            let now = change.now.word();
            self.changes.push(Edit { field, was, now, confidential: T::CONFIDENTIAL, is_copy: false });
        }
        self
    }
}

/// What can be said in an entry.
pub trait Word {
    /// The kind of text, where it is a confidential one.
    const CONFIDENTIAL: Option<crate::text::Kind> = None;
    /// The words; nothing where the text is forgotten or was not opened.
    fn word(&self) -> Option<String>;
}

impl<T: crate::text::Text, P: crate::text::Kept> Word for crate::text::Secret<T, P> {
    const CONFIDENTIAL: Option<crate::text::Kind> = if P::PLAIN_IN_ROWS { None } else { Some(T::KIND) };
    fn word(&self) -> Option<String> {
        self.text().map(|text| text.as_str().to_owned())
    }
}

impl<T: Word> Word for Option<T> {
    const CONFIDENTIAL: Option<crate::text::Kind> = T::CONFIDENTIAL;
    fn word(&self) -> Option<String> {
        self.as_ref().and_then(Word::word)
    }
}

macro_rules! words {
    ($($plain:ty: |$it:ident| $word:expr;)+) => { $( impl $crate::entry::Word for $plain { fn word(&self) -> Option<String> { let $it = self; Some($word) } } )+ };
}

words! {
    bool: |it| it.to_string();
    u32: |it| it.to_string();
    crate::value::Date: |it| it.to_string();
    crate::value::Percent: |it| it.get().to_string();
    crate::value::Count: |it| it.0.to_string();
    crate::value::Money: |it| format!("{} {}", it.amount(), it.currency());
    crate::value::Zone: |it| it.name().to_owned();
    crate::value::Time: |it| jiff::Timestamp::from_microsecond(it.0).map_or_else(|_| String::new(), |moment| moment.to_string());
    crate::id::PersonId: |it| it.to_string();
    crate::id::CoacheeId: |it| it.to_string();
    crate::id::GoalId: |it| it.to_string();
    crate::id::MilestoneId: |it| it.to_string();
    crate::id::ActionId: |it| it.to_string();
    crate::id::GroupId: |it| it.to_string();
    crate::id::SessionId: |it| it.to_string();
    crate::id::AuthorizationId: |it| it.to_string();
    crate::id::AppointmentId: |it| it.to_string();
    crate::access::Level: |it| format!("{it:?}");
}
pub(crate) use words;
