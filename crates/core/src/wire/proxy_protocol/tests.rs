use proptest::prelude::*;

use super::*;
use crate::wire::cuts::cut_anywhere;

fn complete(bytes: &[u8]) -> (Header, usize) {
    match parse(bytes) {
        Ok(Parse::Complete { value, used }) => (value, used),
        other => panic!("{other:?} of {:?}", String::from_utf8_lossy(bytes)),
    }
}

fn proxied(source: &str, destination: &str) -> Header {
    let address = |text: &str| text.parse().expect("an address");
    Header::Proxied { source: address(source), destination: address(destination) }
}

/// A version 2 header: command, family, and what follows the length.
fn v2(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let length = u16::try_from(block.len()).expect("short").to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n", &[command, family][..], &length, block].concat()
}

const ENDS: &[u8] = &[192, 0, 2, 1, 198, 51, 100, 1, 0xDC, 0x04, 0x01, 0xBB];

#[test]
fn headers_of_version_1_read_as_they_are_written() {
    let v4 = b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n";
    let ends = proxied("192.0.2.1:56324", "198.51.100.1:443");
    assert_eq!(complete(v4), (ends, v4.len()));
    assert_eq!(complete(&[v4, &b"GET /"[..]].concat()), (ends, v4.len()));
    let v6 = b"PROXY TCP6 2001:db8::1 ::ffff:c633:6401 0 65535\r\n";
    assert_eq!(complete(v6).0, proxied("[2001:db8::1]:0", "[::ffff:198.51.100.1]:65535"));
    let longest = [&b"PROXY UNKNOWN "[..], &[b'f'; 91], b"\r\n"].concat();
    assert_eq!((longest.len(), complete(&longest)), (107, (Header::Own, 107)));
    assert_eq!(complete(b"PROXY UNKNOWN\r\n"), (Header::Own, 15));
}

#[test]
fn malformed_headers_of_version_1_are_refused_for_what_they_are() {
    use Malformed::*;
    for (line, why) in [
        ("proxy TCP4 1.1.1.1 2.2.2.2 1 2\r\n", NoHeader),
        ("PROXY\tTCP4 1.1.1.1 2.2.2.2 1 2\r\n", NoHeader),
        ("PROXYTCP4", NoHeader),
        (" PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n", NoHeader),
        ("PROXY tcp4 1.1.1.1 2.2.2.2 1 2\r\n", Protocol),
        ("PROXY UDP4 1.1.1.1 2.2.2.2 1 2\r\n", Protocol),
        ("PROXY UNKNOWNS\r\n", Protocol),
        ("PROXY  TCP4 1.1.1.1 2.2.2.2 1 2\r\n", Protocol),
        ("PROXY \r\n", Protocol),
        ("PROXY TCP4\r\n", Fields),
        ("PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n", Fields),
        ("PROXY TCP4 1.1.1.1 2.2.2.2 1 2 3\r\n", Fields),
        ("PROXY TCP4 1.1.1.1 2.2.2.2 1 2 \r\n", Fields),
        ("PROXY TCP4  1.1.1.1 2.2.2.2 1 2\r\n", Fields),
        ("PROXY TCP4 1.1.1.1\t2.2.2.2 1 2\r\n", Fields),
        ("PROXY TCP4 1.1.1.256 2.2.2.2 1 2\r\n", Address),
        ("PROXY TCP4 01.1.1.1 2.2.2.2 1 2\r\n", Address),
        ("PROXY TCP4 1.1.1 2.2.2.2 1 2\r\n", Address),
        ("PROXY TCP4 ::1 ::2 1 2\r\n", Address),
        ("PROXY TCP6 1.1.1.1 2.2.2.2 1 2\r\n", Address),
        ("PROXY TCP6 ::1%lo ::2 1 2\r\n", Address),
        ("PROXY TCP6 [::1] ::2 1 2\r\n", Address),
        ("PROXY TCP4 1.1.1.1 2.2.2.2 65536 2\r\n", Port),
        ("PROXY TCP4 1.1.1.1 2.2.2.2 1 99999999999\r\n", Port),
        ("PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n", Port),
        ("PROXY TCP4 1.1.1.1 2.2.2.2 +1 2\r\n", Port),
        ("PROXY TCP4 1.1.1.1 2.2.2.2 -1 2\r\n", Port),
        ("PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n", NoLineEnd),
        ("PROXY TCP4 1.1.1.1 2.2.2.2 1 2\rX", NoLineEnd),
        ("PROXY TCP4 1.1.1.1 2.2.2.2 1 \n2\r\n", NoLineEnd),
    ] {
        assert_eq!(parse(line.as_bytes()), Err(why), "{line:?}");
    }
    let empty_port = "PROXY TCP4 1.1.1.1 2.2.2.2  2\r\n";
    assert_eq!(parse(empty_port.as_bytes()), Err(Port));
    let endless = [&b"PROXY UNKNOWN "[..], &[b'f'; 92], b"\r\n"].concat();
    assert_eq!(parse(&endless), Err(NoLineEnd));
    assert!(matches!(parse(&endless[..106]), Ok(Parse::Incomplete { needed: 107 })));
}

#[test]
fn headers_of_version_2_read_as_they_are_written() {
    let ends = proxied("192.0.2.1:56324", "198.51.100.1:443");
    assert_eq!(complete(&v2(0x21, 0x11, ENDS)), (ends, 28));
    let extended = [ENDS, &[0xE0, 0, 2, 7, 7], &[0x04, 0, 0]].concat();
    assert_eq!(complete(&[v2(0x21, 0x11, &extended), b"GET /".to_vec()].concat()), (ends, 36));
    let mut six = [0; 36];
    (six[15], six[31], six[33], six[35]) = (1, 2, 80, 81);
    assert_eq!(complete(&v2(0x21, 0x21, &six)).0, proxied("[::1]:80", "[::2]:81"));
    for (command, family, block) in [
        (0x20, 0x00, &[][..]),
        (0x20, 0x11, &[1, 2, 3]),
        (0x20, 0xFF, &[]),
        (0x21, 0x00, &[1, 2, 3]),
        (0x21, 0x12, ENDS),
        (0x21, 0x22, &[0; 36]),
        (0x21, 0x31, &[0; 216]),
        (0x21, 0x32, &[0; 216]),
    ] {
        assert_eq!(complete(&v2(command, family, block)), (Header::Own, 16 + block.len()));
    }
}

#[test]
fn malformed_headers_of_version_2_are_refused_for_what_they_are() {
    use Malformed::*;
    let mut signature = v2(0x21, 0x11, ENDS);
    signature[11] = b'\r';
    for (header, why) in [
        (signature, NoHeader),
        (v2(0x11, 0x11, ENDS), Version),
        (v2(0x31, 0x11, ENDS), Version),
        (v2(0x22, 0x11, ENDS), Command),
        (v2(0x2F, 0x11, ENDS), Command),
        (v2(0x21, 0x10, ENDS), Family),
        (v2(0x21, 0x13, ENDS), Family),
        (v2(0x21, 0x01, ENDS), Family),
        (v2(0x21, 0x41, ENDS), Family),
        (v2(0x21, 0x11, &ENDS[..11]), Short),
        (v2(0x21, 0x21, &[0; 35]), Short),
        (v2(0x21, 0x31, &[0; 215]), Short),
        (v2(0x21, 0x11, &[0; LONGEST - 15]), Long),
        (v2(0x20, 0x00, &[0; 65_535]), Long),
        (v2(0x21, 0x11, &[ENDS, &[0xE0]].concat()), Extension),
        (v2(0x21, 0x11, &[ENDS, &[0xE0, 0]].concat()), Extension),
        (v2(0x21, 0x11, &[ENDS, &[0xE0, 0, 1]].concat()), Extension),
        (v2(0x21, 0x11, &[ENDS, &[0xE0, 255, 255, 0]].concat()), Extension),
        (v2(0x21, 0x11, &[ENDS, &[0x03, 0, 3, 0, 0, 0]].concat()), Extension),
        (v2(0x21, 0x11, &[ENDS, &[0x03, 0, 4, 0, 0, 0, 0]].concat()), Checksum),
    ] {
        assert_eq!(parse(&header), Err(why), "{header:?}");
        // Told as soon as it is known, and never taken back.
        let first = (0..=header.len()).find(|end| parse(&header[..*end]).is_err()).expect("refused");
        assert!((first..=header.len()).all(|end| parse(&header[..end]) == Err(why)));
    }
}

#[test]
fn a_checksum_is_that_of_the_header_without_it() {
    let mut header = v2(0x21, 0x11, &[ENDS, &[0xE0, 0, 1, 9, 0x03, 0, 4, 0, 0, 0, 0]].concat());
    let sum = checksum::crc32c(header.iter().copied()).to_be_bytes();
    let place = header.len() - 4;
    header[place..].copy_from_slice(&sum);
    assert_eq!(complete(&header).0, proxied("192.0.2.1:56324", "198.51.100.1:443"));
    // Without its type (seven bytes from the end) it would be any extension.
    for place in (16..header.len()).filter(|nth| nth + 7 != header.len()) {
        let mut wrong = header.clone();
        wrong[place] ^= 1;
        assert!(parse(&wrong).is_err(), "byte {place}");
    }
}

#[test]
fn what_is_written_is_what_the_protocol_says() {
    let (source, destination) =
        ("192.0.2.1:56324".parse().expect("v4"), "198.51.100.1:443".parse().expect("v4"));
    assert_eq!(write(Version::V1, None), b"PROXY UNKNOWN\r\n");
    assert_eq!(write(Version::V2, None), v2(0x20, 0, &[]));
    assert_eq!(write(Version::V2, Some((source, destination))), v2(0x21, 0x11, ENDS));
    let line = |source, destination| {
        String::from_utf8(write(Version::V1, Some((source, destination)))).expect("text")
    };
    assert_eq!(line(source, destination), "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n");
    let mapped = "[::ffff:192.0.2.1]:56324".parse().expect("v6");
    assert_eq!(line(mapped, destination), "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n");
    let six = "[2001:db8::1]:80".parse().expect("v6");
    assert_eq!(line(source, six), "PROXY TCP6 ::ffff:c000:201 2001:db8::1 56324 80\r\n");
    assert_eq!(line(six, source), "PROXY TCP6 2001:db8::1 ::ffff:c000:201 80 56324\r\n");
}

fn end() -> impl Strategy<Value = SocketAddr> {
    (any::<IpAddr>(), any::<u16>()).prop_map(|(ip, port)| SocketAddr::new(ip, port))
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(source in end(), destination in end(), rest in any::<[u8; 3]>()) {
        for version in [Version::V1, Version::V2] {
            let header = write(version, Some((source, destination)));
            let (value, used) = complete(&[&header[..], &rest].concat());
            prop_assert_eq!(used, header.len());
            let Header::Proxied { source: from, destination: to } = value else {
                return Err(TestCaseError::fail("own"));
            };
            prop_assert_eq!((from.ip().to_canonical(), from.port()), (source.ip().to_canonical(), source.port()));
            prop_assert_eq!(
                (to.ip().to_canonical(), to.port()),
                (destination.ip().to_canonical(), destination.port())
            );
            prop_assert_eq!(from.is_ipv4(), to.is_ipv4());
            cut_anywhere(&header, parse)?;
        }
    }

    #[test]
    fn any_bytes_are_a_header_or_not(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        cut_anywhere(&bytes, parse)?;
    }

    #[test]
    fn any_line_is_a_header_or_not(line in "PROXY (TCP4|TCP6|UNKNOWN|[A-Z]{1,7})( ?[0-9a-f:. ]{0,60})?(\r\n|\n|\r|)") {
        cut_anywhere(line.as_bytes(), parse)?;
    }

    #[test]
    fn any_block_is_a_header_or_not(
        command in prop::sample::select(vec![0x20u8, 0x21, 0x22, 0x11]),
        family in prop::sample::select(vec![0u8, 0x11, 0x12, 0x21, 0x22, 0x31, 0x32, 0x33]),
        block in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        cut_anywhere(&v2(command, family, &block), parse)?;
    }
}
