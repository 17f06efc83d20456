//! The difference of two texts, line by line, as people read it.
//!
//! It finds the shortest script of removals and additions (Myers) as long as that is short; two
//! texts that have little in common are shown as one exchange of what is between their ends.

use std::fmt::Write as _;
use std::ops::Range;

/// Lines around a change that are shown with it.
const CONTEXT_LINES: usize = 3;
/// Changed lines up to which the shortest script is searched; the search takes the square of it.
const EDITS_MAX: usize = 400;
/// Hunks that are shown.
const HUNKS_MAX: usize = 3;
/// Lines of one hunk that are shown.
const HUNK_LINES_MAX: usize = 24;

/// Lines that differ: a range of the old text for a range of the new one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Change {
    old: Range<usize>,
    new: Range<usize>,
}

/// The first hunks of the unified difference from `old` to `new`; empty if no line differs.
pub(super) fn unified(old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let hunks = hunks(changes(&old, &new));
    let mut text = String::new();
    for hunk in hunks.iter().take(HUNKS_MAX) {
        write_hunk(&mut text, hunk, &old, &new);
    }
    match hunks.len().saturating_sub(HUNKS_MAX) {
        0 => {}
        1 => text.push_str("… and 1 hunk more\n"),
        more => {
            let _ = writeln!(text, "… and {more} hunks more");
        }
    }
    text
}

/// Groups of changes whose context meets.
fn hunks(changes: Vec<Change>) -> Vec<Vec<Change>> {
    let mut hunks: Vec<Vec<Change>> = Vec::new();
    for change in changes {
        match hunks.last_mut() {
            Some(hunk) if near(hunk, &change) => hunk.push(change),
            _ => hunks.push(vec![change]),
        }
    }
    hunks
}

fn near(hunk: &[Change], next: &Change) -> bool {
    let end = hunk.last().map_or(0, |last| last.old.end);
    next.old.start - end <= 2 * CONTEXT_LINES
}

fn write_hunk(text: &mut String, hunk: &[Change], old: &[&str], new: &[&str]) {
    let ([first, ..], [.., last]) = (hunk, hunk) else {
        return;
    };
    let before = first.old.start.min(CONTEXT_LINES);
    let after = (old.len() - last.old.end).min(CONTEXT_LINES);
    let lines_of = |first: usize, last: usize| {
        let (start, end) = (first - before, last + after);
        // An empty range is named by the line before it.
        let line = start + usize::from(end > start);
        format!("{line},{}", end - start)
    };
    let (removed, added) = (
        lines_of(first.old.start, last.old.end),
        lines_of(first.new.start, last.new.end),
    );
    let _ = writeln!(text, "@@ -{removed} +{added} @@");
    let mut lines: Vec<(char, &str)> = Vec::new();
    let mut at = first.old.start - before;
    let same = |range: Range<usize>| old[range].iter().map(|line| (' ', *line));
    for change in hunk {
        lines.extend(same(at..change.old.start));
        lines.extend(old[change.old.clone()].iter().map(|line| ('-', *line)));
        lines.extend(new[change.new.clone()].iter().map(|line| ('+', *line)));
        at = change.old.end;
    }
    lines.extend(same(at..at + after));
    for (sign, line) in lines.iter().take(HUNK_LINES_MAX) {
        let _ = writeln!(text, "{}", format!("{sign}{line}").trim_end());
    }
    if lines.len() > HUNK_LINES_MAX {
        let _ = writeln!(text, "… {} lines more", lines.len() - HUNK_LINES_MAX);
    }
}

/// What differs, in order.
fn changes(old: &[&str], new: &[&str]) -> Vec<Change> {
    let pairs = old.iter().zip(new);
    let start = pairs.take_while(|(a, b)| a == b).count();
    let (old_rest, new_rest) = (&old[start..], &new[start..]);
    let pairs = old_rest.iter().rev().zip(new_rest.iter().rev());
    let same_end = pairs.take_while(|(a, b)| a == b).count();
    let (old_end, new_end) = (old.len() - same_end, new.len() - same_end);
    if start == old_end && start == new_end {
        return Vec::new();
    }
    let middle = script(&old[start..old_end], &new[start..new_end]);
    let Some(middle) = middle else {
        return vec![Change {
            old: start..old_end,
            new: start..new_end,
        }];
    };
    let shifted = |range: Range<usize>| range.start + start..range.end + start;
    let middle = middle.into_iter();
    middle
        .map(|change| Change {
            old: shifted(change.old),
            new: shifted(change.new),
        })
        .collect()
}

/// The shortest script from `old` to `new`; `None` if it is longer than [`EDITS_MAX`].
///
/// Diagonal `k` holds the pairs of positions with `x - y = k`; `ends[k]` is the furthest `x` that
/// is reached on it with as many edits as there were rounds.
fn script(old: &[&str], new: &[&str]) -> Option<Vec<Change>> {
    let middle = EDITS_MAX + 1;
    let mut ends = vec![0_usize; 2 * EDITS_MAX + 3];
    let mut rounds: Vec<Vec<usize>> = Vec::new();
    for edits in 0..=EDITS_MAX {
        rounds.push(ends[middle - edits..=middle + edits].to_vec());
        for step in 0..=edits {
            // The diagonal `2 * step - edits`, where positions of `new` may lie past its end.
            let k = middle + 2 * step - edits;
            let mut x = furthest(&ends, k, step == 0, step == edits);
            let Some(mut y) = (x + middle).checked_sub(k) else {
                continue;
            };
            while x < old.len() && y < new.len() && old[x] == new[y] {
                x += 1;
                y += 1;
            }
            ends[k] = x;
            if x == old.len() && y == new.len() {
                return Some(trace(&rounds, old.len(), new.len()));
            }
        }
    }
    None
}

/// The furthest position that one edit more reaches on diagonal `k`: an addition comes from the
/// diagonal above, a removal from the one below.
fn furthest(ends: &[usize], k: usize, lowest: bool, highest: bool) -> usize {
    if lowest || (!highest && ends[k - 1] < ends[k + 1]) {
        ends[k + 1]
    } else {
        ends[k - 1] + 1
    }
}

/// Walks back from the ends of both texts, and joins edits that touch.
fn trace(rounds: &[Vec<usize>], mut x: usize, mut y: usize) -> Vec<Change> {
    let mut changes: Vec<Change> = Vec::new();
    for (edits, ends) in rounds.iter().enumerate().skip(1).rev() {
        // `ends` begins at the diagonal `-edits`, as it was before this round.
        let k = x + edits - y;
        let down = k == 0 || (k != 2 * edits && ends[k - 1] < ends[k + 1]);
        let from_x = if down { ends[k + 1] } else { ends[k - 1] };
        let from_k = if down { k + 1 } else { k - 1 };
        let from_y = from_x + edits - from_k;
        let edit = Change {
            old: from_x..from_x + usize::from(!down),
            new: from_y..from_y + usize::from(down),
        };
        match changes.last_mut() {
            Some(next) if next.old.start == edit.old.end && next.new.start == edit.new.end => {
                next.old.start = edit.old.start;
                next.new.start = edit.new.start;
            }
            _ => changes.push(edit),
        }
        (x, y) = (from_x, from_y);
    }
    changes.reverse();
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes `new` of `old` by the changes.
    fn apply(old: &[&str], new: &[&str]) -> Vec<String> {
        let mut text = Vec::new();
        let mut at = 0;
        for change in changes(old, new) {
            text.extend_from_slice(&old[at..change.old.start]);
            text.extend_from_slice(&new[change.new]);
            at = change.old.end;
        }
        text.extend_from_slice(&old[at..]);
        text.into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn changes_lead_from_one_text_to_the_other() {
        // Every pair of words of up to five letters out of two, as lines.
        let words: Vec<Vec<&str>> = (1..64_u32)
            .map(|bits| {
                let length = bits.ilog2();
                (0..length)
                    .map(|i| if bits >> i & 1 == 0 { "a" } else { "b" })
                    .collect()
            })
            .collect();
        for old in &words {
            for new in &words {
                assert_eq!(&apply(old, new), new, "{old:?}");
                let edits = changes(old, new).into_iter();
                let edits: usize = edits.map(|c| c.old.len() + c.new.len()).sum();
                assert_eq!(edits, old.len() + new.len() - 2 * common(old, new));
            }
        }
    }

    /// The length of the longest common subsequence.
    fn common(a: &[&str], b: &[&str]) -> usize {
        match (a, b) {
            ([], _) | (_, []) => 0,
            ([x, a_rest @ ..], [y, b_rest @ ..]) if x == y => 1 + common(a_rest, b_rest),
            ([_, a_rest @ ..], [_, b_rest @ ..]) => common(a_rest, b).max(common(a, b_rest)),
        }
    }

    #[test]
    fn a_changed_line_stands_in_its_context() {
        let old = "1\n2\n3\n4\n5\n6\n7\n8\n";
        let new = old.replace('5', "five");
        assert_eq!(
            unified(old, &new),
            "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n"
        );
        assert_eq!(unified(old, old), "");
    }

    #[test]
    fn ranges_count_from_one_and_empty_ones_from_before() {
        assert_eq!(unified("", "a\n"), "@@ -0,0 +1,1 @@\n+a\n");
        assert_eq!(unified("a\nb\n", ""), "@@ -1,2 +0,0 @@\n-a\n-b\n");
    }

    #[test]
    fn long_differences_are_cut() {
        let old: String = (0..100).map(|i| format!("{i}\n")).collect();
        let new: String = (0..100)
            .map(|i| {
                if i % 20 == 9 {
                    "x\n".to_owned()
                } else {
                    format!("{i}\n")
                }
            })
            .collect();
        let text = unified(&old, &new);
        assert_eq!(text.matches("@@ -").count(), HUNKS_MAX);
        assert!(text.ends_with("… and 2 hunks more\n"), "{text}");
        let other = "y\n".repeat(2_000);
        let text = unified(&old, &other);
        assert!(text.starts_with("@@ -1,100 +1,2000 @@\n-0\n"), "{text}");
        assert!(text.ends_with("… 2076 lines more\n"), "{text}");
    }
}
