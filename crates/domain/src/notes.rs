//! Long texts that save themselves: session notes and notes, every few seconds (fact S1.40), at most 200 KiB.
//!
//! What holds here:
//! - A text is stored as key frames (whole texts) and, after each, patches: an hour of saving is not an hour of copies.
//!   [`change`] decides which of the two a save is; [`Patch`] is the difference.
//! - A stale save is merged with what is there by [`merge()`]. Where both changed the same lines there is no merged text
//!   at all, and the caller keeps both texts: nothing that was typed is lost, and nothing is guessed.
//! - Everything is a function of the texts: no clock, no randomness, no panic, and a bounded amount of work (line
//!   differences look at no more than [`MAX_DIFFED_LINES`] lines a text).
//!
//! [`revisions`] has what is made of it: texts with numbered saves, and those that could not be merged.

mod merge;
mod patch;
pub mod revisions;

pub use merge::{Merged, merge};
pub use patch::Patch;
pub use revisions::Refusal;

/// How many lines of a text, after what the texts share at both ends, a line difference looks at. Beyond, a patch
/// replaces the whole middle and a merge is a conflict. Keeps the worst difference (random one-letter lines) at some
/// tens of milliseconds, since it runs where decisions are made.
pub const MAX_DIFFED_LINES: usize = 4096;

/// After how many patches a save is a frame again: what a reader applies at most.
pub const MAX_PATCHES: usize = 32;

/// How a save is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The whole text, as it was given to [`change`].
    Frame,
    /// The difference to the text before.
    Patch(Patch),
}

/// Decides how the step from `previous` to `next` is stored.
///
/// `frame_bytes` is the length of the last frame, `patches` and `patches_bytes` are the number and the encoded length
/// of the patches since. A frame is due after [`MAX_PATCHES`] patches, when the patches with this one would exceed half
/// of the frame, and when the patch would be no smaller than the text. A reader thus reads at most a frame and a half.
pub fn change(frame_bytes: usize, patches: usize, patches_bytes: usize, next: &str, previous: &str) -> Change {
    if patches >= MAX_PATCHES {
        return Change::Frame;
    }
    let patch = Patch::between(previous, next);
    let patch_bytes = patch.encode().len();
    if patches_bytes.saturating_add(patch_bytes) > frame_bytes / 2 || patch_bytes >= next.len() {
        return Change::Frame;
    }
    Change::Patch(patch)
}

/// How many bytes `a` and `b` share at the start, to a character boundary (which then is one in both).
fn common_start(a: &str, b: &str) -> usize {
    let equal = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    a.floor_char_boundary(equal)
}

/// How many bytes `a` and `b` share at the end, to a character boundary (which then is one in both).
fn common_end(a: &str, b: &str) -> usize {
    let equal = a.bytes().rev().zip(b.bytes().rev()).take_while(|(a, b)| a == b).count();
    a.len().saturating_sub(a.ceil_char_boundary(a.len().saturating_sub(equal)))
}

/// Of the first `bytes` of a text, how many are whole lines.
fn whole_lines_start(text: &str, bytes: usize) -> usize {
    text.get(..bytes).and_then(|start| start.rfind('\n')).map_or(0, |at| at.saturating_add(1))
}

/// Of the last `bytes` of a text, how many are whole lines, whatever stands before.
fn whole_lines_end(text: &str, bytes: usize) -> usize {
    let end = split_end(text, bytes).and_then(|(_, end)| end.split_once('\n'));
    end.map_or(0, |(_, whole_lines)| whole_lines.len())
}

/// The text before and from `bytes` before its end.
fn split_end(text: &str, bytes: usize) -> Option<(&str, &str)> {
    text.split_at_checked(text.len().checked_sub(bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What the store would hold of one text: the last frame and the patches since, and the bytes written ever.
    struct Stored {
        frame: String,
        patches: Vec<String>,
        written_bytes: usize,
    }

    impl Stored {
        fn save(&mut self, next: &str) {
            let previous = self.text();
            let patches_bytes = self.patches.iter().map(String::len).sum();
            match change(self.frame.len(), self.patches.len(), patches_bytes, next, &previous) {
                Change::Frame => {
                    self.written_bytes = self.written_bytes.saturating_add(next.len());
                    self.frame = next.to_owned();
                    self.patches.clear();
                }
                Change::Patch(patch) => {
                    let patch = patch.encode();
                    self.written_bytes = self.written_bytes.saturating_add(patch.len());
                    self.patches.push(patch);
                }
            }
            assert_eq!(self.text(), next);
            assert!(self.patches.len() <= MAX_PATCHES);
            assert!(self.patches.iter().map(String::len).sum::<usize>() <= self.frame.len() / 2);
        }

        fn text(&self) -> String {
            self.patches
                .iter()
                .fold(self.frame.clone(), |text, patch| Patch::parse(patch).unwrap().apply(&text).unwrap())
        }
    }

    #[test]
    fn an_hour_of_saving_is_not_an_hour_of_copies() {
        let mut stored = Stored { frame: String::new(), patches: Vec::new(), written_bytes: 0 };
        let mut text = String::new();
        let mut copies_bytes = 0;
        for save in 0..720 {
            let words = format!("{save} she says the plan für Q3 is late. ");
            if save % 5 == 4 {
                let middle = text.floor_char_boundary(text.len() / 2);
                text.insert_str(middle, &words);
            } else {
                text.push_str(&words);
            }
            if save % 7 == 0 {
                text.push('\n');
            }
            copies_bytes = text.len().saturating_add(copies_bytes);
            stored.save(&text);
        }
        assert!(stored.written_bytes < copies_bytes / 15, "{} of {copies_bytes}", stored.written_bytes);
    }

    #[test]
    fn the_save_after_32_patches_is_a_frame() {
        let text = "line\n".repeat(1000);
        let next = format!("{text}!");
        assert!(matches!(change(text.len(), 31, 0, &next, &text), Change::Patch(_)));
        assert_eq!(change(text.len(), 32, 0, &next, &text), Change::Frame);
    }

    #[test]
    fn a_save_is_a_frame_when_the_patches_exceed_half_of_the_frame() {
        let text = "line\n".repeat(1000);
        let next = format!("{text}!");
        let patch_bytes = Patch::between(&text, &next).encode().len();
        let room = (text.len() / 2).saturating_sub(patch_bytes);
        assert!(matches!(change(text.len(), 1, room, &next, &text), Change::Patch(_)));
        assert_eq!(change(text.len(), 1, room.saturating_add(1), &next, &text), Change::Frame);
    }

    #[test]
    fn a_text_that_was_replaced_by_a_short_one_is_a_frame() {
        assert_eq!(change(5000, 0, 0, "other", &"line\n".repeat(1000)), Change::Frame);
        assert_eq!(change(5000, 0, 0, "", &"line\n".repeat(1000)), Change::Frame);
    }

    proptest! {
        #[test]
        fn whatever_is_saved_is_what_is_read(texts in proptest::collection::vec("(aé\n){0,40}\\PC{0,30}", 0..60)) {
            let mut stored = Stored { frame: String::new(), patches: Vec::new(), written_bytes: 0 };
            for text in texts {
                stored.save(&text);
            }
        }

        #[test]
        fn common_ends_are_common_and_on_boundaries_of_both(a in "[aéß😀😁]{0,9}", b in "[aéß😀😁]{0,9}") {
            let start = common_start(&a, &b);
            prop_assert_eq!(a.get(..start).unwrap(), b.get(..start).unwrap());
            prop_assert!(a.get(start..).unwrap().chars().next().is_none_or(|next| !b[start..].starts_with(next)));
            let end = common_end(&a, &b);
            prop_assert_eq!(split_end(&a, end).unwrap().1, split_end(&b, end).unwrap().1);
            let (a, b) = (split_end(&a, end).unwrap().0, split_end(&b, end).unwrap().0);
            prop_assert!(a.chars().next_back().is_none_or(|last| !b.ends_with(last)));
        }
    }
}
