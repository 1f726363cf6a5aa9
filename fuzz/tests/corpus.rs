//! The corpus, and mutations of it from a seed: what `make test` runs of the fuzzing, and what plays a find
//! again. `FUZZ_SEED` and `FUZZ_COUNT` choose the mutations.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;

use protobalance_core::hash;
use protobalance_fuzz::LAWS;

/// Mutations of each law's corpus.
const COUNT: u64 = 20_000;

/// Numbers that a seed determines.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        hash::draw(&mut self.0)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    /// A few changes, each of one kind: bits, bytes, cuts, doublings, pieces of another input.
    fn mutated(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = corpus[self.below(corpus.len())].clone();
        for _ in 0..=self.below(4) {
            let (place, other) = (self.below(bytes.len()), self.below(bytes.len() + 1));
            let (from, to) = (place.min(other), place.max(other));
            match self.below(7) {
                0 if !bytes.is_empty() => bytes[place] ^= 1 << self.below(8),
                1 if !bytes.is_empty() => {
                    bytes[place] = [0, 1, 0x7f, 0xff, b' ', b'\r', b'\n'][self.below(7)]
                }
                2 => bytes.insert(place, self.next() as u8),
                3 => drop(bytes.drain(from..to)),
                4 => bytes.truncate(other),
                5 if bytes.len() < 8192 => {
                    let piece = bytes[from..to].to_vec();
                    bytes.splice(from..from, piece);
                }
                _ => {
                    let donor = &corpus[self.below(corpus.len())];
                    let start = self.below(donor.len());
                    bytes.splice(from..to, donor[start..].iter().copied());
                }
            }
        }
        bytes
    }
}

fn given(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

fn corpus_of(name: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = files.map(|file| file.expect("a file").path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).expect("readable")).collect()
}

#[test]
fn every_law_holds_for_its_corpus_and_mutations_of_it() {
    let seed = given("FUZZ_SEED").unwrap_or_else(|| RandomState::new().hash_one("fuzz") >> 16);
    for (name, law) in LAWS {
        let corpus = corpus_of(name);
        assert!(!corpus.is_empty(), "{name} has no corpus");
        let mut random = Random(seed);
        let mutations = (0..given("FUZZ_COUNT").unwrap_or(COUNT)).map(|_| random.mutated(&corpus));
        for bytes in corpus.iter().cloned().chain(mutations) {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| law(&bytes))) {
                eprintln!("{name} broken by b\"{}\", FUZZ_SEED={seed}", bytes.escape_ascii());
                resume_unwind(panic);
            }
        }
    }
}
