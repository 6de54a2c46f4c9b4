//! The difference from one text to the next.
//!
//! A patch is a list of hunks. A reader walks the base once: of each hunk it keeps so many bytes, drops so many, and
//! writes the hunk's text; what is left of the base follows. The written form is a stored format and never changes:
//!
//! ```text
//! base bytes ":" base checksum ( "," keep "-" drop "+" text bytes ":" text )*
//! 1042:9f3a1c0755aa22ee,1000-0+12:, she said.
//! ```
//!
//! Numbers are decimal, the checksum is hexadecimal, both without leading zeros; every count is in bytes of UTF-8, on
//! character boundaries. The checksum ([`checksum`]) makes a patch fit its own base only; it is no defence against
//! somebody who forges one, which the sealing around it is.
//!
//! Making one costs what is typed: the shared start and end are taken off first, which for typing in one place leaves
//! the typed words. If something is left of both texts, its lines are compared, so that changes in two places do not
//! carry what is between them; each changed run of lines is again reduced to what differs in it.

use super::{MAX_DIFFED_LINES, common_end, common_start, split_end, whole_lines_end, whole_lines_start};
use similar::{Algorithm, DiffTag, capture_diff_slices};
use std::fmt;

/// What a hunk costs besides its text: three numbers and their signs, to choose the smaller of two patches.
const HUNK_BYTES: usize = 12;

/// The difference from one text to the next, which applies to exactly that text.
#[derive(Clone, PartialEq, Eq)]
pub struct Patch {
    base_bytes: usize,
    base_checksum: u64,
    hunks: Vec<Hunk>,
}

#[derive(Clone, PartialEq, Eq)]
struct Hunk {
    keep_bytes: usize,
    drop_bytes: usize,
    text: String,
}

impl Patch {
    /// The difference from `base` to `next`. Its size is about that of what was typed, plus 30 bytes, plus a dozen for
    /// each further place.
    pub fn between(base: &str, next: &str) -> Self {
        let Differing { start_bytes, old, new, end_bytes } = Differing::of(base, next);
        let mut hunks = Vec::new();
        if !old.is_empty() || !new.is_empty() {
            hunks.push(Hunk { keep_bytes: start_bytes, drop_bytes: old.len(), text: new.to_owned() });
        }
        // Typing in one place ends here: one of the two is empty.
        if !old.is_empty()
            && !new.is_empty()
            && let Some(by_lines) = line_hunks(base, next, start_bytes, end_bytes)
            && written_bytes(&by_lines) < written_bytes(&hunks)
        {
            hunks = by_lines;
        }
        Self { base_bytes: base.len(), base_checksum: checksum(base), hunks }
    }

    /// The text that this patch makes of `base`, or nothing when `base` is not the text that the patch was made from.
    pub fn apply(&self, base: &str) -> Option<String> {
        if base.len() != self.base_bytes || checksum(base) != self.base_checksum {
            return None;
        }
        let mut next = String::with_capacity(base.len());
        let mut rest = base;
        for hunk in &self.hunks {
            let (kept, after) = rest.split_at_checked(hunk.keep_bytes)?;
            let (_, after) = after.split_at_checked(hunk.drop_bytes)?;
            next.push_str(kept);
            next.push_str(&hunk.text);
            rest = after;
        }
        next.push_str(rest);
        Some(next)
    }

    /// The written form, which [`parse`](Self::parse) reads.
    pub fn encode(&self) -> String {
        let mut written = format!("{}:{:x}", self.base_bytes, self.base_checksum);
        for Hunk { keep_bytes, drop_bytes, text } in &self.hunks {
            let [keep, drop, bytes] = [*keep_bytes, *drop_bytes, text.len()].map(|number| number.to_string());
            written.extend([",", &keep, "-", &drop, "+", &bytes, ":", text]);
        }
        written
    }

    /// Reads the written form. Nothing for what [`encode`](Self::encode) cannot have written.
    pub fn parse(written: &str) -> Option<Self> {
        let (base_bytes, rest) = number(written, ':')?;
        let (digits, mut rest) = match rest.split_once(',') {
            Some((digits, rest)) => (digits, Some(rest)),
            None => (rest, None),
        };
        let base_checksum = u64::from_str_radix(digits, 16).ok().filter(|sum| format!("{sum:x}") == digits)?;
        let mut hunks = Vec::new();
        while let Some(hunk) = rest {
            let (keep_bytes, after) = number(hunk, '-')?;
            let (drop_bytes, after) = number(after, '+')?;
            let (text_bytes, after) = number(after, ':')?;
            let (text, after) = after.split_at_checked(text_bytes)?;
            hunks.push(Hunk { keep_bytes, drop_bytes, text: text.to_owned() });
            rest = if after.is_empty() { None } else { Some(after.strip_prefix(',')?) };
        }
        Some(Self { base_bytes, base_checksum, hunks })
    }
}

/// Sizes only: the text is confidential.
impl fmt::Debug for Patch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Patch({} hunks to a base of {} bytes)", self.hunks.len(), self.base_bytes)
    }
}

/// A decimal number as `encode` writes it, which ends at `end`, and what follows.
fn number(written: &str, end: char) -> Option<(usize, &str)> {
    let (digits, rest) = written.split_once(end)?;
    let number: usize = digits.parse().ok()?;
    (number.to_string() == digits).then_some((number, rest))
}

/// What differs between two texts, and how much they share around it.
struct Differing<'a> {
    start_bytes: usize,
    old: &'a str,
    new: &'a str,
    end_bytes: usize,
}

impl<'a> Differing<'a> {
    fn of(old: &'a str, new: &'a str) -> Self {
        let start_bytes = common_start(old, new);
        let (Some((_, old)), Some((_, new))) = (old.split_at_checked(start_bytes), new.split_at_checked(start_bytes))
        else {
            return Self { start_bytes: 0, old, new, end_bytes: 0 };
        };
        let end_bytes = common_end(old, new);
        match (split_end(old, end_bytes), split_end(new, end_bytes)) {
            (Some((old, _)), Some((new, _))) => Self { start_bytes, old, new, end_bytes },
            (None, _) | (_, None) => Self { start_bytes, old, new, end_bytes: 0 },
        }
    }
}

/// Hunks line by line, for texts that share so many bytes at both ends; nothing when there are too many lines between.
fn line_hunks(base: &str, next: &str, start_bytes: usize, end_bytes: usize) -> Option<Vec<Hunk>> {
    // Compared are whole lines, also where a change begins or ends within one.
    let mut keep_bytes = whole_lines_start(base, start_bytes);
    let end_bytes = whole_lines_end(base, end_bytes);
    let old_lines = lines_between(base, keep_bytes, end_bytes)?;
    let new_lines = lines_between(next, keep_bytes, end_bytes)?;
    let mut hunks = Vec::new();
    for op in capture_diff_slices(Algorithm::Myers, &old_lines, &new_lines) {
        let old = old_lines.get(op.old_range())?.concat();
        if op.tag() == DiffTag::Equal {
            keep_bytes = keep_bytes.saturating_add(old.len());
            continue;
        }
        let new = new_lines.get(op.new_range())?.concat();
        let inner = Differing::of(&old, &new);
        let keep = keep_bytes.saturating_add(inner.start_bytes);
        hunks.push(Hunk { keep_bytes: keep, drop_bytes: inner.old.len(), text: inner.new.to_owned() });
        keep_bytes = inner.end_bytes;
    }
    Some(hunks)
}

/// The lines of a text between so many bytes at both ends; nothing when there are too many.
fn lines_between(text: &str, start_bytes: usize, end_bytes: usize) -> Option<Vec<&str>> {
    let (_, text) = text.split_at_checked(start_bytes)?;
    let (text, _) = split_end(text, end_bytes)?;
    let lines: Vec<&str> = text.split_inclusive('\n').take(MAX_DIFFED_LINES.saturating_add(1)).collect();
    (lines.len() <= MAX_DIFFED_LINES).then_some(lines)
}

/// About how many bytes these hunks take when written.
fn written_bytes(hunks: &[Hunk]) -> usize {
    hunks.iter().fold(0, |bytes, hunk| bytes.saturating_add(hunk.text.len()).saturating_add(HUNK_BYTES))
}

/// Tells texts apart: starts at the length in bytes; for every eight bytes (little endian), and then for what is left of
/// them filled up with zeros, rotates left by five, exclusive-ors them in and multiplies by an odd constant modulo 2^64.
/// Each step is a bijection, so two texts of one length that differ in one of the eights never have the same sum.
fn checksum(text: &str) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |sum: u64, eight: [u8; 8]| (sum.rotate_left(5) ^ u64::from_le_bytes(eight)).wrapping_mul(ODD);
    let (eights, rest) = text.as_bytes().as_chunks::<8>();
    let sum = eights.iter().fold(u64::try_from(text.len()).unwrap_or(u64::MAX), |sum, eight| mix(sum, *eight));
    let mut last = [0; 8];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    mix(sum, last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn paragraphs(count: usize) -> String {
        let line = |number| format!("{number}. Er sagt, es müsse weitergehen — and so it does.\n");
        (0..count).map(line).collect::<Vec<_>>().concat()
    }

    #[test]
    fn typed_words_cost_their_bytes_and_a_handful() {
        let text = paragraphs(3000);
        let middle = text.floor_char_boundary(text.len() / 2);
        let (head, tail) = text.split_at(middle);
        let patch = Patch::between(&text, &format!("{head}a few words{tail}"));
        assert_eq!(patch.hunks.len(), 1);
        assert!(patch.encode().len() <= "a few words".len().saturating_add(36), "{}", patch.encode());
    }

    #[test]
    fn words_in_two_places_do_not_carry_what_is_between() {
        let text = paragraphs(2000);
        let next = text.replacen("7. Er sagt", "7. Er sagt laut", 1).replacen("1990. Er", "1990. Sie", 1);
        let patch = Patch::between(&text, &next);
        assert_eq!(patch.hunks.len(), 2);
        assert!(patch.encode().len() < 80, "{}", patch.encode());
        assert_eq!(patch.apply(&text).unwrap(), next);
    }

    #[test]
    fn a_difference_of_very_many_lines_replaces_the_middle() {
        let text = "a\n".repeat(MAX_DIFFED_LINES.saturating_add(1));
        let next = format!("b\n{}b\n", text.replace('a', "c"));
        let patch = Patch::between(&text, &next);
        assert_eq!(patch.hunks.len(), 1);
        assert_eq!(patch.apply(&text).unwrap(), next);
    }

    #[test]
    fn many_small_changes_are_written_as_one_when_that_is_smaller() {
        let text = "a\nx\n".repeat(100);
        let patch = Patch::between(&text, &text.replace('a', "b"));
        assert!(patch.encode().len() < text.len().saturating_add(36), "{}", patch.encode());
    }

    #[test]
    fn the_written_form_is_the_stored_format() {
        let base = "Zoë,\nschreibt an Ole\nnoch: 1-2+3\n";
        let next = "Zoë,\nschrieb an Ole\nnoch: 1-2+3\nund weiter\n";
        assert_eq!(Patch::between(base, next).encode(), "34:419ce8aa67c6be24,10-4+3:ieb,20-0+11:und weiter\n");
        assert_eq!(checksum("eight at"), 0xf7ce_a09e_7bf7_ddad);
        assert_eq!(Patch::between("", "").encode(), "0:0");
        assert_eq!(Patch::between("", "😀,").encode(), "0:0,0-0+5:😀,");
    }

    #[test]
    fn a_patch_refuses_every_text_but_its_base() {
        let base = paragraphs(5);
        let patch = Patch::between(&base, "something else");
        for (at, character) in base.char_indices() {
            let mut other = base.clone();
            other.replace_range(at..at.saturating_add(character.len_utf8()), &"#".repeat(character.len_utf8()));
            assert_eq!(patch.apply(&other).is_some(), other == base);
        }
        assert_eq!(patch.apply(""), None);
        assert_eq!(patch.apply(&format!("{base}\0")), None);
    }

    #[test]
    fn what_encode_cannot_have_written_is_refused() {
        for written in [
            "",
            ":",
            "0",
            "0:",
            "0:g",
            "00:0",
            "+1:0",
            "0:00",
            "0:A",
            "0:+1",
            "0:0,",
            "0:0,1",
            "0:0,1-1",
            "0:0,1-1+1",
            "0:0,0-0+2:a",
            "0:0,0-0+1:ab",
            "0:0,0-0+1:é",
            "0:0,0-0+01:a",
            "0:0,0-0+1:a,",
            "0:0,-1-0+1:a",
            "0:0, 0-0+1:a",
            "0:0,99999999999999999999-0+0:",
        ] {
            assert!(Patch::parse(written).is_none(), "{written:?}");
        }
    }

    #[test]
    fn a_patch_that_reaches_beyond_its_base_or_into_a_character_does_not_apply() {
        let sum = format!("2:{:x}", checksum("é"));
        for hunk in ["3-0+0:", "0-3+0:", "1-1+0:", "2-1+0:", "18446744073709551615-18446744073709551615+0:"] {
            let patch = Patch::parse(&format!("{sum},{hunk}")).unwrap();
            assert_eq!(patch.apply("é"), None, "{hunk}");
        }
        assert_eq!(Patch::parse(&format!("{sum},2-0+1:!")).unwrap().apply("é").unwrap(), "é!");
    }

    #[test]
    fn debug_output_keeps_the_text_to_itself() {
        assert!(!format!("{:?}", Patch::between("", "secret")).contains("secret"));
    }

    /// Texts that share much, so that differences have several hunks, cut through words and split characters.
    fn similar_texts() -> impl Strategy<Value = (String, String)> {
        let line = || proptest::sample::select(vec!["\n", "é\n", "ê\n", "ab😀\n", "ab😁\n", "ab\n", "\r\n", "x"]);
        let lines = proptest::collection::vec((line(), proptest::option::weighted(0.2, line())), 0..40);
        lines.prop_map(|lines| {
            let base = lines.iter().map(|(line, _)| *line).collect();
            (base, lines.iter().map(|(line, changed)| changed.unwrap_or(line)).collect())
        })
    }

    proptest! {
        #[test]
        fn a_patch_leads_from_any_text_to_any_text(base: String, next: String) {
            let patch = Patch::between(&base, &next);
            prop_assert_eq!(patch.apply(&base), Some(next));
        }

        #[test]
        fn a_patch_survives_being_written((base, next) in similar_texts()) {
            let patch = Patch::between(&base, &next);
            let read = Patch::parse(&patch.encode());
            prop_assert_eq!(read.as_ref(), Some(&patch));
            prop_assert_eq!(read.unwrap().apply(&base), Some(next));
        }

        #[test]
        fn a_patch_is_never_much_larger_than_the_text((base, next) in similar_texts()) {
            prop_assert!(Patch::between(&base, &next).encode().len() <= next.len().saturating_add(40));
        }

        #[test]
        fn reading_and_applying_anything_never_panics(written in "[0-9]{1,2}:[0-9a-f]{1,16}(,[0-9]{1,2}-[0-9]\\+[0-9]:\\PC{0,9}){0,3}", base in "\\PC{0,20}") {
            if let Some(mut patch) = Patch::parse(&written) {
                prop_assert_eq!(patch.encode(), written);
                patch.base_bytes = base.len();
                patch.base_checksum = checksum(&base);
                let _ = patch.apply(&base);
            }
        }

        #[test]
        fn texts_of_a_session_have_checksums_of_their_own((base, next) in similar_texts()) {
            prop_assert_eq!(checksum(&base) == checksum(&next), base == next);
        }
    }
}
