//! The law of every parser in `core::wire`: what it answers does not depend on how the bytes were cut. It is
//! told as soon as it is known, is never taken back, and comes no sooner than was promised.

use std::fmt::Debug;

use protobalance_core::wire::Parse;

/// Inputs up to this length are cut everywhere; longer ones here and at so many other places.
const EVERYWHERE: usize = 512;

/// Checks the parser on beginnings of the bytes; what the whole amounts to.
pub(crate) fn parse_in_cuts<T, E>(
    bytes: &[u8],
    longest: usize,
    parse: impl Fn(&[u8]) -> Result<Parse<T>, E>,
) -> Result<Parse<T>, E>
where
    T: Debug + PartialEq,
    E: Debug + PartialEq,
{
    let whole = parse(bytes);
    let step = bytes.len().saturating_sub(EVERYWHERE) / EVERYWHERE + 1;
    let ends = (0..bytes.len().min(EVERYWHERE)).chain((EVERYWHERE..bytes.len()).step_by(step));
    let mut promised = 1;
    for end in ends.chain([bytes.len()]) {
        match parse(&bytes[..end]) {
            Ok(Parse::Incomplete { needed }) => {
                assert!(needed > end && needed >= promised, "{needed} at {end}, {promised} before");
                assert!(needed <= longest, "{needed} bytes are awaited");
                promised = needed;
            }
            decided => {
                assert_eq!(decided, whole, "cut at {end}");
                assert!(decided.is_err() || end >= promised, "at {end}, promised at {promised}");
            }
        }
    }
    if let Ok(Parse::Complete { used, .. }) = whole {
        assert!(used <= bytes.len() && used <= longest);
        assert_eq!(parse(&bytes[..used]), whole, "what comes behind it bears on it");
    }
    whole
}
