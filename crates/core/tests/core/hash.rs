//! The same numbers everywhere.

use std::net::IpAddr;

use proptest::prelude::*;
use protobalance_core::hash::{self, ClientKey};

use crate::model;

/// From the reference implementation's `vectors.h`: key 00..0f, input 00..0e.
#[test]
fn the_keyed_hash_is_siphash_2_4() {
    let key: hash::Key = std::array::from_fn(|index| index as u8);
    let input: Vec<u8> = (0..15).collect();
    assert_eq!(hash::keyed(&key, &input), 0xa129_ca61_49be_45e5);
}

#[test]
fn clients_have_the_same_digest_on_every_machine() {
    let key = hash::key_of("golden");
    let digest = |client: &str| ClientKey::of(client.parse().expect("an address")).digest(&key);
    assert_eq!(digest("192.0.2.1"), digest("::ffff:192.0.2.1"));
    let seen = ["192.0.2.1", "2001:db8::1"].map(digest);
    assert_eq!(seen, [GOLDEN_V4, GOLDEN_V6], "{seen:#x?}");
}

const GOLDEN_V4: u64 = 0xe800_df0e_03c4_6b2d;
const GOLDEN_V6: u64 = 0x4d7b_b5cd_7133_02d0;

#[test]
fn a_seed_determines_what_is_drawn() {
    let mut state = 7;
    let drawn = [(); 3].map(|()| hash::draw(&mut state));
    assert_eq!(drawn, [0x12b5_6a21_36f8_4755, 0x7d51_58df_1857_3211, 0xb835_ab97_b5b7_c400]);
}

proptest! {
    #![proptest_config(model::cases(500))]

    #[test]
    fn a_prefix_makes_one_client(address in any::<u32>(), other in any::<u32>(), prefix in 0..=32u8) {
        let same = prefix == 0 || (address ^ other) >> (32 - prefix) == 0;
        let masked = |bits: u32| ClientKey::masked(IpAddr::from(bits.to_be_bytes()), prefix, 128);
        prop_assert_eq!(masked(address) == masked(other), same);
        let flipped = if prefix == 32 { address } else { address ^ (1 << (31 - prefix)) };
        let next_bit = ClientKey::masked(IpAddr::from(flipped.to_be_bytes()), prefix, 128);
        prop_assert_eq!(masked(address), next_bit);
    }

    #[test]
    fn a_long_prefix_makes_one_client(address in any::<u128>(), bit in prop_oneof![0..128u8, Just(127)], prefix in prop_oneof![0..=128u8, Just(128)]) {
        let masked = |bits: u128| ClientKey::masked(IpAddr::from(bits.to_be_bytes()), 32, prefix);
        let other = address ^ (1 << (127 - bit));
        // Skip what the mapping to IPv4 would change.
        prop_assume!(address >> 64 != 0 && other >> 64 != 0);
        prop_assert_eq!(masked(address) == masked(other), bit >= prefix);
    }

    #[test]
    fn the_exponential_is_the_logarithm(shortfall in prop_oneof![any::<u64>(), 0..1_000_000_000u64]) {
        let units = 2f64.powi(64);
        let expected = -(-(shortfall as f64) / units).ln_1p();
        let got = hash::exponential(shortfall) as f64 / units;
        prop_assert!(hash::exponential(shortfall) >= u128::from(shortfall));
        prop_assert!(
            (got - expected).abs() <= expected * 1e-9 + 1e-17 || shortfall > u64::MAX - (1 << 30),
            "{} for {}", got, expected
        );
    }
}
