//! libFuzzer over one law, named by the environment: `make fuzz` sets the flags that make it see coverage.
#![no_main]

use std::sync::LazyLock;

use protobalance_fuzz::{Law, law};

static LAW: LazyLock<Law> = LazyLock::new(|| {
    let name = std::env::var("LAW").unwrap_or_default();
    law(&name).unwrap_or_else(|| panic!("LAW={name:?} is no law"))
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| LAW(bytes));
