//! The law of every parser that looks at the bytes from their first one on, as a test.

use std::fmt::Debug;

use proptest::prelude::*;

use super::Parse;

/// However the bytes come, the answer is that of the whole, and comes no later than promised.
pub(super) fn cut_anywhere<T: Debug + PartialEq, E: Debug + PartialEq>(
    bytes: &[u8],
    parse: impl Fn(&[u8]) -> Result<Parse<T>, E>,
) -> Result<(), TestCaseError> {
    let whole = parse(bytes);
    let mut needed = 1;
    for end in 0..=bytes.len() {
        match parse(&bytes[..end]) {
            Ok(Parse::Incomplete { needed: now }) => {
                prop_assert!(now > end && now >= needed);
                needed = now;
            }
            decided => {
                prop_assert_eq!(&decided, &whole);
                prop_assert!(decided.is_err() || end >= needed);
            }
        }
    }
    Ok(())
}
