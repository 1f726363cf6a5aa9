//! `--key value` pairs. Every pair must be asked for: a misspelt option is an error, never ignored.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Display;
use std::str::FromStr;

/// The options of one subcommand that were not yet asked for.
pub(crate) struct Arguments(BTreeMap<String, String>);

impl Arguments {
    /// Reads the words after the subcommand.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, Box<dyn Error>> {
        let mut pairs = BTreeMap::new();
        while let Some(word) = words.next() {
            let key = word.strip_prefix("--").ok_or_else(|| format!("expected --option, got {word:?}"))?;
            let value = words.next().ok_or_else(|| format!("--{key} needs a value"))?;
            pairs.insert(key.to_owned(), value);
        }
        Ok(Arguments(pairs))
    }

    /// The value of `--key`, or `default`.
    pub(crate) fn get<T: FromStr<Err: Display>>(
        &mut self,
        key: &str,
        default: T,
    ) -> Result<T, Box<dyn Error>> {
        match self.0.remove(key) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|error| format!("--{key} {text:?}: {error}").into()),
        }
    }

    /// The value of `--key`, which must be there.
    pub(crate) fn need<T: FromStr<Err: Display>>(&mut self, key: &str) -> Result<T, Box<dyn Error>> {
        if !self.0.contains_key(key) {
            return Err(format!("--{key} is needed").into());
        }
        let text = self.0.remove(key).unwrap_or_default();
        text.parse().map_err(|error| format!("--{key} {text:?}: {error}").into())
    }

    /// Refuses what nobody asked for.
    pub(crate) fn finish(self) -> Result<(), Box<dyn Error>> {
        match self.0.into_keys().next() {
            None => Ok(()),
            Some(key) => Err(format!("unknown option --{key}").into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Arguments;

    fn arguments(text: &str) -> Arguments {
        Arguments::parse(text.split_whitespace().map(str::to_owned)).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn an_option_nobody_asks_for_is_refused() {
        let mut given = arguments("--bytes 7 --paralel 3");
        assert_eq!(given.get("bytes", 1).ok(), Some(7));
        assert_eq!(given.get("parallel", 64).ok(), Some(64));
        assert_eq!(given.finish().map_err(|error| error.to_string()), Err("unknown option --paralel".into()));
    }

    #[test]
    fn a_needed_option_is_missed_and_a_bad_value_is_named() {
        assert!(
            arguments("").need::<u32>("connections").is_err_and(|error| error.to_string().contains("needed"))
        );
        let error =
            arguments("--connections many").need::<u32>("connections").map_err(|error| error.to_string());
        assert!(error.is_err_and(|text| text.starts_with("--connections \"many\"")));
    }
}
