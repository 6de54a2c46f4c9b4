//! Two people, or two devices of one, changed the same text: the three-way merge, line by line.
//!
//! Both descendants are compared with the base. What only one side changed is taken from that side, what both changed
//! alike is taken once. Changes that share a base line, or stand next to each other with no unchanged line between,
//! are a conflict, so a merged text never depends on which side is called whose, and every line that one side wrote
//! stands in it.

use super::{MAX_DIFFED_LINES, common_end, common_start, split_end, whole_lines_end, whole_lines_start};
use similar::TextMerge;
use std::fmt;

/// What became of two changes of one text.
#[derive(Clone, PartialEq, Eq)]
pub enum Merged {
    /// One text with the changes of both sides. It can be longer than either of them.
    Clean(String),
    /// Both changed the same lines, or more lines than are compared: both texts have to be kept.
    Conflict,
}

/// Sizes only: the text is confidential.
impl fmt::Debug for Merged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clean(text) => write!(f, "Clean({} bytes)", text.len()),
            Self::Conflict => f.write_str("Conflict"),
        }
    }
}

/// Merges `theirs` and `yours`, which both came from `base`. The same answer with the sides exchanged.
pub fn merge(base: &str, theirs: &str, yours: &str) -> Merged {
    if base == theirs || theirs == yours {
        return Merged::Clean(yours.to_owned());
    }
    if base == yours {
        return Merged::Clean(theirs.to_owned());
    }
    merged_lines(base, theirs, yours).map_or(Merged::Conflict, Merged::Clean)
}

/// The merged text; nothing for a conflict.
fn merged_lines(base: &str, theirs: &str, yours: &str) -> Option<String> {
    // Whole lines that all three begin and end with are set aside: what is compared is then small for long texts too.
    let start_bytes = common_start(base, theirs).min(common_start(base, yours));
    let (start, base) = base.split_at_checked(whole_lines_start(base, start_bytes))?;
    let (_, theirs) = theirs.split_at_checked(start.len())?;
    let (_, yours) = yours.split_at_checked(start.len())?;

    let end_bytes = common_end(base, theirs).min(common_end(base, yours));
    let (base, end) = split_end(base, whole_lines_end(base, end_bytes))?;
    let (theirs, _) = split_end(theirs, end.len())?;
    let (yours, _) = split_end(yours, end.len())?;

    if [base, theirs, yours].into_iter().any(|text| line_ends(text) > MAX_DIFFED_LINES) {
        return None;
    }
    let merge = TextMerge::from_lines(base, theirs, yours);
    (!merge.is_conflicted()).then(|| format!("{start}{merge}{end}"))
}

/// How many line ends of any kind, as the merge counts them and at most twice as many.
fn line_ends(text: &str) -> usize {
    text.bytes().filter(|byte| matches!(byte, b'\n' | b'\r')).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn clean(text: &str) -> Merged {
        Merged::Clean(text.to_owned())
    }

    /// `assert_eq` would print sizes only.
    fn check(base: &str, theirs: &str, yours: &str, expected: &Merged) {
        let text = |merged: Merged| match merged {
            Merged::Clean(text) => Some(text),
            Merged::Conflict => None,
        };
        assert_eq!(text(merge(base, theirs, yours)), text(expected.clone()));
        assert_eq!(text(merge(base, yours, theirs)), text(expected.clone()));
    }

    #[test]
    fn changes_of_different_lines_are_both_kept() {
        check("a\nb\nc\nd\n", "A\nb\nc\nd\n", "a\nb\nc\nD\ne\n", &clean("A\nb\nc\nD\ne\n"));
        check("a\nb\nc\nd\n", "b\nc\nd\n", "a\nb\nc\n", &clean("b\nc\n"));
        check("a\nb\nc", "new\na\nb\nc", "a\nb\nc\nmore", &clean("new\na\nb\nc\nmore"));
        check("ä\nb\nö", "ü\nb\nö", "ä\nb\nß", &clean("ü\nb\nß"));
    }

    #[test]
    fn the_same_change_on_both_sides_is_made_once() {
        check("a\nb\nc\nd\n", "a\nB\nc\nd\n", "a\nB\nc\nD\n", &clean("a\nB\nc\nD\n"));
        check("a\nb\nc\nd\n", "a\nnew\nb\nc\nd\n", "a\nnew\nb\nc\n", &clean("a\nnew\nb\nc\n"));
    }

    #[test]
    fn changes_of_the_same_line_are_a_conflict() {
        check("a\nb\nc\n", "a\nB\nc\n", "a\nbb\nc\n", &Merged::Conflict);
        check("a\nb\nc\n", "a\nc\n", "a\nbb\nc\n", &Merged::Conflict);
        check("one line", "one line, theirs", "one line, yours", &Merged::Conflict);
    }

    #[test]
    fn different_lines_at_one_place_are_a_conflict() {
        check("a\nb\n", "a\nT\nb\n", "a\nY\nb\n", &Merged::Conflict);
        check("", "theirs\n", "yours\n", &Merged::Conflict);
        check("a\n", "a\ntheirs\n", "a\nyours\n", &Merged::Conflict);
    }

    #[test]
    fn neighbouring_changes_are_a_conflict() {
        check("a\nb\n", "A\nb\n", "a\nB\n", &Merged::Conflict);
        check("a\nb\n", "A\nb\n", "a\nY\nb\n", &Merged::Conflict);
    }

    #[test]
    fn long_texts_with_changes_in_one_region_are_merged() {
        let text = (0..20_000).map(|line| format!("{line}\n")).collect::<Vec<_>>().concat();
        let (theirs, yours) = (text.replace("\n9000\n", "\nT\n"), text.replace("\n9002\n", "\nY\n"));
        let both = theirs.replace("\n9002\n", "\nY\n");
        check(&text, &theirs, &yours, &clean(&both));
    }

    #[test]
    fn more_lines_than_are_compared_are_a_conflict_and_nothing_else() {
        for line_end in ["\n", "\r", "\r\n"] {
            let text = format!("x{line_end}").repeat(MAX_DIFFED_LINES.saturating_add(1));
            let (theirs, yours) = (format!("T\n{text}"), format!("{text}Y\n"));
            check(&text, &theirs, &yours, &Merged::Conflict);
            check(&text, &theirs, &theirs, &clean(&theirs));
            check(&text, &text, &yours, &clean(&yours));
        }
    }

    #[test]
    fn debug_output_keeps_the_text_to_itself() {
        assert!(!format!("{:?}", merge("", "secret", "secret")).contains("secret"));
    }

    fn line() -> impl Strategy<Value = &'static str> {
        proptest::sample::select(vec!["a\n", "b\n", "c\n", "\n", "é\r\n", "é\r", "no line end"])
    }

    fn text() -> impl Strategy<Value = String> {
        proptest::collection::vec(line(), 0..9).prop_map(|lines| lines.concat())
    }

    /// A base of distinct lines and two edits of it: every line kept, dropped, replaced or followed by a new one. The
    /// lines that a side writes carry its mark, so that a test knows them again.
    fn edits() -> impl Strategy<Value = (String, String, String)> {
        let step = || prop_oneof![8 => Just(0_u8), 1 => Just(1), 1 => Just(2), 1 => Just(3)];
        proptest::collection::vec((step(), step()), 1..30).prop_map(|steps| {
            let side = |mark: char, step: fn(&(u8, u8)) -> u8| -> String {
                let lines = steps.iter().enumerate().map(|(number, both)| match step(both) {
                    0 => format!("{number}\n"),
                    1 => String::new(),
                    2 => format!("{mark}{number}\n"),
                    _ => format!("{number}\n{mark}{number}\n"),
                });
                lines.collect()
            };
            (side(' ', |_| 0), side('t', |step| step.0), side('y', |step| step.1))
        })
    }

    fn counted(text: &str) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for line in text.split_inclusive('\n') {
            let count: &mut usize = counts.entry(line).or_default();
            *count = count.saturating_add(1);
        }
        counts
    }

    proptest! {
        #[test]
        fn a_side_that_changed_nothing_yields_the_other(base in text(), side in text()) {
            check(&base, &base, &side, &clean(&side));
        }

        #[test]
        fn sides_that_agree_yield_what_they_agree_on(base: String, side: String) {
            check(&base, &side, &side, &clean(&side));
        }

        #[test]
        fn the_sides_may_be_exchanged(base in text(), theirs in text(), yours in text()) {
            prop_assert!(merge(&base, &theirs, &yours) == merge(&base, &yours, &theirs));
        }

        #[test]
        fn any_three_texts_are_merged_or_not_but_never_panic(base: String, theirs: String, yours: String) {
            merge(&base, &theirs, &yours);
        }

        #[test]
        fn a_clean_text_has_the_lines_of_both_sides_in_order((base, theirs, yours) in edits()) {
            if let Merged::Clean(merged) = merge(&base, &theirs, &yours) {
                for (side, mark) in [(&theirs, 't'), (&yours, 'y')] {
                    let written: Vec<&str> = side.lines().filter(|line| line.starts_with(mark)).collect();
                    let found: Vec<&str> = merged.lines().filter(|line| line.starts_with(mark)).collect();
                    prop_assert_eq!(found, written);
                }
                let kept = |line: &&str| theirs.lines().any(|it| it == *line) && yours.lines().any(|it| it == *line);
                let kept: Vec<&str> = base.lines().filter(kept).collect();
                let found: Vec<&str> = merged.lines().filter(|line| !line.starts_with(['t', 'y'])).collect();
                prop_assert_eq!(found, kept);
            }
        }

        #[test]
        fn changes_with_an_unchanged_line_between_are_merged(before in 0..9_usize, between in 1..9_usize, after in 0..9_usize) {
            let same = |mark: char, count: usize| (0..count).map(|line| format!("{mark}{line}\n")).collect::<Vec<_>>().concat();
            let text = |first: &str, second: &str| [&same('a', before), first, &same('b', between), second, &same('c', after)].concat();
            let (base, theirs, yours) = (text("1\n", "2\n"), text("T\n", "2\n"), text("1\n", ""));
            check(&base, &theirs, &yours, &clean(&text("T\n", "")));
        }

        #[test]
        fn lines_that_repeat_are_never_lost(base in text(), theirs in text(), yours in text()) {
            // With one kind of line end, so that no two lines become one where pieces meet.
            let [base, theirs, yours] = [base, theirs, yours].map(|text| text.replace('\r', "").replace("no line end", "d\n"));
            if let Merged::Clean(merged) = merge(&base, &theirs, &yours) {
                let (of_base, of_merged) = (counted(&base), counted(&merged));
                for side in [&theirs, &yours] {
                    let other = counted(if side == &theirs { &yours } else { &theirs });
                    for (line, count) in counted(side) {
                        let in_base = of_base.get(line).copied().unwrap_or(0);
                        let dropped = in_base.saturating_sub(other.get(line).copied().unwrap_or(0));
                        let found = of_merged.get(line).copied().unwrap_or(0);
                        prop_assert!(found >= count.saturating_sub(dropped), "{:?} in {:?}", line, merged);
                    }
                }
            }
        }
    }
}
