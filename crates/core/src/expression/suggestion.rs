//! The word that was probably meant.

/// The known word within a third of `word`'s length in edits (insertion, deletion, substitution of
/// one character), the nearest first; none if `word` is longer than any sensible name.
pub(super) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    if length > 64 {
        return None;
    }
    let allowed = length.div_ceil(3);
    known
        .map(|name| (edits(&word.to_lowercase(), name), name))
        .filter(|(edits, _)| *edits <= allowed && *edits < length)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, name)| name)
}

/// Levenshtein's distance, one row at a time.
fn edits(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (taken, left) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = taken + 1;
        for (place, right) in to.chars().enumerate() {
            let substituted = diagonal + usize::from(left != right);
            diagonal = row[place + 1];
            row[place + 1] = substituted.min(diagonal + 1).min(row[place] + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}
