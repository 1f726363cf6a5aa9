//! CRC-32C (RFC 3720, appendix B.4), bit by bit: headers are short, and hardly any carries one.

/// The polynomial, its bits reversed.
const POLYNOMIAL: u32 = 0x82F6_3B78;

pub(super) fn crc32c(bytes: impl Iterator<Item = u8>) -> u32 {
    !bytes.fold(!0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| (sum >> 1) ^ (POLYNOMIAL * (sum & 1)))
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_examples_of_rfc_3720() {
        assert_eq!(super::crc32c([0; 32].into_iter()), 0x8A91_36AA);
        assert_eq!(super::crc32c([0xFF; 32].into_iter()), 0x62A8_AB43);
        assert_eq!(super::crc32c(0..32), 0x46DD_794E);
    }
}
