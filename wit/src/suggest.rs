//! Names to choose from: the nearest one, and lists of them.

/// Longest name that is compared; longer ones are not typing mistakes of anything.
const NAME_CHARS_MAX: usize = 200;
/// Names listed before a list only says how many more there are.
const LISTED_MAX: usize = 20;

/// The candidate nearest to `name`, if it is near enough to be a typing mistake.
///
/// Near is at most a third of the longer name's characters changed, inserted, removed or swapped
/// with a neighbour. Of equally near candidates the first wins.
///
/// ```
/// use linkspan_wit::nearest;
///
/// assert_eq!(nearest("strng", ["string", "stream"]), Some("string"));
/// assert_eq!(nearest("q", ["string"]), None);
/// ```
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name: Vec<char> = name.chars().take(NAME_CHARS_MAX + 1).collect();
    if name.len() > NAME_CHARS_MAX {
        return None;
    }
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let chars: Vec<char> = candidate.chars().take(NAME_CHARS_MAX + 1).collect();
        let longest = name.len().max(chars.len());
        let allowed = longest.div_ceil(3);
        if longest > NAME_CHARS_MAX || name.len().abs_diff(chars.len()) > allowed {
            continue;
        }
        let distance = distance(&name, &chars);
        // Names that share no character are no suggestion, however short they are.
        if distance <= allowed
            && distance < longest
            && best.is_none_or(|(least, _)| distance < least)
        {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// `head: a, b, c`, cut after a while.
pub(crate) fn listed(head: &str, names: &[String]) -> String {
    let shown = names[..names.len().min(LISTED_MAX)].join(", ");
    match names.len().checked_sub(LISTED_MAX) {
        None | Some(0) => format!("{head}: {shown}"),
        Some(more) => format!("{head}: {shown} and {more} more"),
    }
}

/// Edit distance with transpositions of neighbours (optimal string alignment), ignoring case.
fn distance(a: &[char], b: &[char]) -> usize {
    let same = |x: char, y: char| x.eq_ignore_ascii_case(&y);
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &y) in b.iter().enumerate() {
            let substituted = last[j] + usize::from(!same(x, y));
            let mut least = substituted.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && same(x, b[j - 1]) && same(a[i - 1], y) {
                least = least.min(before_last[j - 1] + 1);
            }
            row.push(least);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        let d = |a: &str, b: &str| {
            distance(
                &a.chars().collect::<Vec<_>>(),
                &b.chars().collect::<Vec<_>>(),
            )
        };
        assert_eq!(d("", "abc"), 3);
        assert_eq!(d("kitten", "sitting"), 3);
        assert_eq!(d("fetc", "fetch"), 1);
        assert_eq!(d("ftech", "fetch"), 1);
        assert_eq!(d("Fetch", "fetch"), 0);
    }

    #[test]
    fn the_nearest_wins_and_strangers_lose() {
        assert_eq!(nearest("fetc", ["now", "fetch", "wait"]), Some("fetch"));
        assert_eq!(nearest("a", ["b"]), None);
        assert_eq!(nearest("point-3d", ["point-2d", "point"]), Some("point-2d"));
        assert_eq!(nearest(&"x".repeat(10_000), ["x"]), None);
    }
}
