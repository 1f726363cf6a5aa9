//! Where each server name leads: an exact name before a wildcard, and a wildcard for one label only, as
//! certificates have it (RFC 6125, section 6.4.3).

use std::collections::BTreeMap;

/// Targets by name and by wildcard.
#[derive(Clone, Debug)]
pub struct ServerNames<T> {
    exact: BTreeMap<Box<str>, Named<T>>,
    /// By what follows the first label's dot.
    wildcard: BTreeMap<Box<str>, Named<T>>,
}

/// A target, and the name or wildcard that leads there.
#[derive(Clone, Debug)]
pub struct Named<T> {
    /// As it was given.
    pub pattern: Box<str>,
    /// Where it leads.
    pub target: T,
}

impl<T> Default for ServerNames<T> {
    fn default() -> Self {
        ServerNames { exact: BTreeMap::new(), wildcard: BTreeMap::new() }
    }
}

impl<T> ServerNames<T> {
    /// Has `shop.example.org` or `*.example.org`, in lower case, lead there. A later one replaces an earlier.
    pub fn insert(&mut self, pattern: &str, target: T) {
        let named = Named { pattern: pattern.into(), target };
        match pattern.strip_prefix("*.") {
            Some(parent) => self.wildcard.insert(parent.into(), named),
            None => self.exact.insert(pattern.into(), named),
        };
    }

    /// Where a name leads, given as [`crate::wire::tls_hello::Hello`] has it.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Named<T>> {
        let parent = || name.split_once('.').map(|(_, parent)| parent);
        self.exact.get(name).or_else(|| self.wildcard.get(parent()?))
    }

    /// All of them: exact names, then wildcards, each in order.
    pub fn iter(&self) -> impl Iterator<Item = &Named<T>> {
        self.exact.values().chain(self.wildcard.values())
    }
}

#[cfg(test)]
mod tests {
    use super::ServerNames;

    #[test]
    fn the_more_exact_name_leads() {
        let mut names = ServerNames::default();
        for (nth, pattern) in
            ["shop.example.org", "*.example.org", "*.shop.example.org", "org"].iter().enumerate()
        {
            names.insert(pattern, nth);
        }
        for (name, expected) in [
            ("shop.example.org", Some(0)),
            ("mail.example.org", Some(1)),
            ("a.shop.example.org", Some(2)),
            ("org", Some(3)),
            ("a.b.example.org", None),
            ("example.org", None),
            ("xexample.org", None),
            ("", None),
        ] {
            assert_eq!(names.find(name).map(|named| named.target), expected, "{name}");
        }
        assert_eq!(names.iter().count(), 4);
    }
}
