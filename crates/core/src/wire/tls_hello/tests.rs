use proptest::prelude::*;

use super::*;
use crate::wire::cuts::cut_anywhere;

fn counted(bytes: usize, content: &[u8]) -> Vec<u8> {
    [&content.len().to_be_bytes()[8 - bytes..], content].concat()
}

fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &counted(2, content)].concat()
}

fn name_extension(name: &[u8]) -> Vec<u8> {
    extension(0, &counted(2, &[&[0][..], &counted(2, name)].concat()))
}

/// A ClientHello's body with these extensions.
fn body(extensions: &[u8]) -> Vec<u8> {
    let head = [&[3, 3][..], &[7; 32], &counted(1, &[9; 32]), &counted(2, &[0x0A, 0x0A, 0x13, 1]), &[1, 0]];
    [&head.concat()[..], &counted(2, extensions)].concat()
}

/// The message in records that hold at most so much each.
fn records(kind: u8, body: &[u8], size: usize) -> Vec<u8> {
    let message = [&[kind][..], &counted(3, body)].concat();
    message.chunks(size).flat_map(|part| [&[22, 3, 1][..], &counted(2, part)].concat()).collect()
}

fn hello(extensions: &[u8]) -> Vec<u8> {
    records(1, &body(extensions), 1 << 14)
}

fn name_in(bytes: &[u8]) -> Option<String> {
    match parse(bytes) {
        Ok(Parse::Complete { value, .. }) => value.server_name.map(String::from),
        other => panic!("{other:?}"),
    }
}

/// What OpenSSL 3.0 sends for `shop.example.org`: with TLS 1.2 alone, and with TLS 1.3 alone.
const OPENSSL: [&str; 2] = [
    "16030100a5010000a103034210c6928ee2b553aca1bf7d389f3ca7add0474049a87942658168a0104f9422000004c02f00ff \
    0100007400000015001300001073686f702e6578616d706c652e6f7267000b000403000102000a000c000a001d0017001e00 \
    190018002300000010000500030268320016000000170000000d002a0028040305030603080708080809080a080b08040805 \
    0806040105010601030303010302040205020602",
    "16030100fe010000fa03033af880aa1ffce3696a7853dc000fdf5b59c18f930abf94c679477dd2493f6b902073ef9188904f \
    2d256bc7a04bc2a708004e524c1b129a9a5dfde97fe7624c8ad0000813021303130100ff010000a900000015001300001073 \
    686f702e6578616d706c652e6f7267000b000403000102000a00160014001d0017001e001900180100010101020103010400 \
    2300000010000500030268320016000000170000000d001e001c040305030603080708080809080a080b0804080508060401 \
    05010601002b0003020304002d00020101003300260024001d00205ad226d7ea287fa530b931372ed54e0d34749771575c46 \
    798ed570766119ed24",
];

#[test]
fn real_clients_are_understood() {
    for text in OPENSSL {
        let text: String = text.split_whitespace().collect();
        let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal");
        let bytes: Vec<u8> = (0..text.len()).step_by(2).map(byte).collect();
        assert_eq!(name_in(&bytes).as_deref(), Some("shop.example.org"));
        assert!((0..bytes.len()).all(|end| matches!(parse(&bytes[..end]), Ok(Parse::Incomplete { .. }))));
    }
}

#[test]
fn a_name_is_read_as_names_are_compared() {
    let grease = [extension(0x0A0A, &[]), extension(0xFAFA, &[0])].concat();
    for (name, expected) in [
        (&b"shop.example.org"[..], Some("shop.example.org")),
        (b"Shop.EXAMPLE.org", Some("shop.example.org")),
        (b"shop.example.org.", Some("shop.example.org")),
        (b"_dmarc.xn--bcher-kva.example", Some("_dmarc.xn--bcher-kva.example")),
        (b"192.0.2.1", Some("192.0.2.1")),
        (b"2001:db8::1", None),
        (b"shop..example.org", None),
        (b"..", None),
        (b".", None),
        (b"shop.example.org\0.evil", None),
        ("bücher.example".as_bytes(), None),
        (&[b'a'; 64], None),
        (&[b"aa", &b".a".repeat(126)[..]].concat(), None),
        (&b".a".repeat(127)[1..], Some(&".a".repeat(127)[1..])),
        (b" shop", None),
    ] {
        let extensions =
            [&grease, &name_extension(name), &extension(16, &[0, 3, 2, b'h', b'2'])[..]].concat();
        assert_eq!(name_in(&hello(&extensions)).as_deref(), expected, "{:?}", String::from_utf8_lossy(name));
    }
    assert_eq!(name_in(&hello(&grease)), None);
    let without_extensions = records(1, &body(&[])[..body(&[]).len() - 2], 1 << 14);
    assert_eq!(name_in(&without_extensions), None);
}

#[test]
fn a_name_of_another_kind_is_no_host() {
    let list = [&[7][..], &counted(2, b"x"), &[0], &counted(2, b"shop"), &[8], &counted(2, b"")].concat();
    assert_eq!(name_in(&hello(&extension(0, &counted(2, &list)))).as_deref(), Some("shop"));
    let list = [&[7][..], &counted(2, b"x")].concat();
    assert_eq!(name_in(&hello(&extension(0, &counted(2, &list)))), None);
}

#[test]
fn records_may_be_cut_anywhere() {
    let body = body(&[extension(0x0A0A, &[7; 5000]), name_extension(b"shop.example.org")].concat());
    for size in [1, 2, 3, 5, 7, 100, 4096, 1 << 14] {
        let mut bytes = records(1, &body, size);
        let whole = bytes.len();
        bytes.extend_from_slice(b"more");
        let Ok(Parse::Complete { value, used }) = parse(&bytes) else {
            panic!("{size}: {:?}", parse(&bytes))
        };
        assert_eq!((value.server_name.as_deref(), used), (Some("shop.example.org"), whole), "{size}");
    }
}

#[test]
fn what_is_no_client_hello_is_refused_for_what_it_is() {
    use Malformed::*;
    let good = hello(&name_extension(b"shop"));
    let changed = |place: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[place] = byte;
        bytes
    };
    let twice = hello(&[name_extension(b"a"), name_extension(b"b")].concat());
    let two = [&[0][..], &counted(2, b"a"), &[0], &counted(2, b"b")].concat();
    let mut followed = body(&[]);
    followed.push(0);
    for (bytes, why) in [
        (b"GET / HTTP/1.1\r\n".to_vec(), NoHandshake),
        (b"\x80\x2e\x01\x00\x02".to_vec(), NoHandshake),
        (b"\x15\x03\x01\0\x02\x01\0".to_vec(), NoHandshake),
        (changed(1, 2), NoHandshake),
        (b"\x16\x03\x01\0\0".to_vec(), Record),
        (b"\x16\x03\x01\x40\x01".to_vec(), Record),
        ([records(1, &body(&[]), 9)[..14].to_vec(), b"\x17\x03\x03\0\x01\0".to_vec()].concat(), Record),
        (changed(5, 2), NoClientHello),
        (changed(6, 1), Long),
        (records(1, &[0; LONGEST - 4], 1 << 14), Long),
        (records(1, &[0; 20_000], 1), Long),
        (hello(&[0]), Parts),
        (hello(&[0xFA, 0xFA, 0, 9, 1]), Parts),
        (records(1, &followed, 1 << 14), Parts),
        (records(1, &body(&[])[..30], 1 << 14), Parts),
        (records(1, &body(&[])[..74], 1 << 14), Parts),
        (twice, ServerName),
        (hello(&extension(0, &counted(2, &two))), ServerName),
        (hello(&name_extension(b"")), ServerName),
        (hello(&extension(0, &[])), ServerName),
        (hello(&extension(0, &[0, 0])), ServerName),
        (hello(&extension(0, &[0, 1, 0])), ServerName),
        (hello(&extension(0, &[0, 4, 0, 0, 9, b'a'])), ServerName),
        (hello(&[extension(0, &[0, 4, 0, 0, 1, b'a', 0])].concat()), ServerName),
    ] {
        assert_eq!(parse(&bytes), Err(why), "{:?}", &bytes[..bytes.len().min(40)]);
        // Told once it is known, and never taken back.
        let ends = (0..=bytes.len()).step_by(1 + bytes.len() / 500);
        let answers: Vec<bool> = ends.map(|end| parse(&bytes[..end]).is_err()).collect();
        assert!(answers.is_sorted(), "{why:?}");
    }
}

proptest! {
    #[test]
    fn a_hello_is_read_however_it_comes(
        name in "[a-zA-Z0-9_-]{1,20}(\\.[a-zA-Z0-9_-]{1,20}){0,3}",
        before in prop::collection::vec(any::<u8>(), 0..200),
        size in 1usize..400,
    ) {
        let extensions = [extension(0x1A1A, &before), name_extension(name.as_bytes())].concat();
        let bytes = records(1, &body(&extensions), size);
        prop_assert_eq!(name_in(&bytes), Some(name.to_ascii_lowercase()));
        cut_anywhere(&bytes, parse)?;
    }

    #[test]
    fn any_change_leaves_a_hello_or_none(
        place in 0usize..160, byte in any::<u8>(), size in 1usize..200,
    ) {
        let mut bytes = records(1, &body(&name_extension(b"shop.example.org")), size);
        let place = place % bytes.len();
        bytes[place] = byte;
        cut_anywhere(&bytes, parse)?;
    }

    #[test]
    fn any_bytes_are_a_hello_or_not(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        cut_anywhere(&bytes, parse)?;
        cut_anywhere(&[&[22, 3, 1, 0, 200, 1, 0, 0, 190][..], &bytes].concat(), parse)?;
    }
}
