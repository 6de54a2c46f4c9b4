//! Finding coachees by words of their name or email: a row for each word, found by its beginning.
//!
//! A list is filtered by beginnings of words, whatever their case: `reed` finds Robin Reed, `adl` Anna Adler-Elan, `robin@`
//! and `company.ex` their addresses. Letters in the midst of a word find nothing; in return the database reads the index of
//! the words that begin so, and not the texts of all coachees of the practice.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Rows;
use crate::declare::row;
use crate::id::{CoacheeId, UniqueId};
use crate::row::{Column, Type, Value};
use crate::text::{Change, Personal, Text};

/// How many words of a field are found.
const WORDS_MAX: usize = 24;
/// How many letters of a word are compared.
const LETTERS_MAX: usize = 64;
/// How many words of what somebody searches for must all be found; what follows is not looked at.
const ASKED_MAX: usize = 8;

/// A word without its case. It is a part of a name or an address, so nothing prints it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Word(String);

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl Column for Word {
    const TYPE: Type = Type::Text;
    fn value(&self) -> Value {
        Value::Text(self.0.clone())
    }
}

/// That a coachee is found by a word.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SearchWord {
    /// Derived from coachee, field and word.
    pub id: UniqueId,
    /// Who is found.
    pub coachee: CoacheeId,
    /// By what.
    pub word: Word,
}
row! { SearchWord in coachee_word, seen as Profile, id id: UniqueId, subject |r| r.coachee, columns |r| [word: Word = r.word.clone()] }

/// The words by which a text is found: what spaces divide, and the parts of that which other signs divide.
fn words(text: &str) -> BTreeSet<Word> {
    let text = caseless(text);
    let whole = text.split_whitespace();
    let parts = whole.clone().flat_map(|word| word.split(|sign: char| !sign.is_alphanumeric()));
    // What follows an address's sign is looked for as a whole, too: a company's domain.
    let domains = whole.clone().filter_map(|word| word.rsplit_once('@')).map(|(_, domain)| domain);
    whole.chain(domains).chain(parts).filter(|word| !word.is_empty()).map(cut).take(WORDS_MAX).collect()
}

/// The text without its case. Lower case alone keeps apart what has one upper case: `ß` and `ss`, `σ` and `ς`. Upper case
/// alone keeps `ẞ` apart from them.
fn caseless(text: &str) -> String {
    let lower = text.chars().flat_map(char::to_lowercase);
    lower.flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

fn cut(word: &str) -> Word {
    Word(word.chars().take(LETTERS_MAX).collect())
}

/// What somebody searches for: the beginnings of words that must all be found.
pub fn words_asked(search: &str) -> Vec<String> {
    let search = caseless(search);
    // A control character is in no name, and a database may refuse it.
    let words = search.split(|sign: char| sign.is_whitespace() || sign.is_control()).filter(|word| !word.is_empty());
    let words: BTreeSet<Word> = words.take(ASKED_MAX).map(cut).collect();
    words.into_iter().map(|word| word.0).collect()
}

fn key(coachee: CoacheeId, field: &str, word: &Word) -> UniqueId {
    UniqueId::new("coachee word", &format!("{coachee}\0{field}\0{}", word.0))
}

/// The coachee is found by the words of a field.
pub(super) fn put(rows: &mut Rows, coachee: CoacheeId, field: &str, text: &str) {
    for word in words(text) {
        rows.put(SearchWord { id: key(coachee, field, &word), coachee, word });
    }
}

/// By the words that a field has since, and no more by those that it had.
pub(super) fn replace<T: Text>(rows: &mut Rows, coachee: CoacheeId, field: &str, change: Option<&Change<Personal<T>>>) {
    let Some(change) = change else { return };
    for word in change.was.as_ref().and_then(Personal::text).map_or_else(BTreeSet::new, |was| words(was.as_str())) {
        rows.delete::<SearchWord>(key(coachee, field, &word));
    }
    if let Some(now) = change.now.text() {
        put(rows, coachee, field, now.as_str());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        words(text).into_iter().map(|word| word.0).collect()
    }

    #[test]
    fn a_text_is_found_by_its_words_and_their_parts() {
        assert_eq!(found("Anna Adler-Élan"), ["adler", "adler-élan", "anna", "élan"]);
        assert_eq!(
            found("Robin.Reed@Company.example"),
            ["company", "company.example", "example", "reed", "robin", "robin.reed@company.example"]
        );
        assert_eq!(found("  "), Vec::<String>::new());
        assert_eq!(found("'-'"), ["'-'"]);
    }

    #[test]
    fn a_word_is_found_in_whatever_case() {
        for written in ["Groß", "groß", "GROSS", "Gross", "GROẞ"] {
            assert_eq!(found(written), ["gross"], "{written}");
            assert_eq!(words_asked(written), ["gross"], "{written}");
        }
        // A letter that has another form at the end of a word is the same one within it.
        for asked in ["ΟΔΥΣ", "οδυς", "οδυσσεύς"] {
            let asked = words_asked(asked).remove(0);
            assert!(found("Οδυσσεύς").iter().all(|word| word.starts_with(&asked)), "{asked}");
        }
    }

    #[test]
    fn words_are_bounded_in_number_and_length() {
        let many: Vec<String> = (0..100).map(|number| format!("w{number}")).collect();
        assert_eq!(words(&many.join(" ")).len(), WORDS_MAX);
        assert_eq!(found(&"ä".repeat(200)), ["ä".repeat(LETTERS_MAX)]);
        assert_eq!(words_asked(&many.join(" ")).len(), ASKED_MAX);
        assert_eq!(words_asked(" ROBIN  robin b "), ["b", "robin"]);
        assert_eq!(words_asked("rob\0in \0 \u{7}"), ["in", "rob"]);
    }
}
