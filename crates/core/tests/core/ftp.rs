//! FTP's replies: what is rewritten, and that nothing else is, however the bytes are cut.

use std::net::SocketAddr;

use proptest::prelude::*;
use protobalance_core::wire::ftp::{Announced, LONGEST, Placed, Replies};

use crate::model::{Random, cases};

/// What comes out, and what was announced, with the bytes cut into pieces of at most `most`.
fn passed(bytes: &[u8], most: usize, seed: u64, placed: Placed) -> (Vec<u8>, Vec<Announced>, Replies) {
    let mut random = Random(seed);
    let (mut replies, mut out, mut announced) = (Replies::default(), Vec::new(), Vec::new());
    let mut rest = bytes;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(1 + random.below(most.min(rest.len()) as u64) as usize);
        replies.pass(piece, &mut out, &mut |place| {
            announced.push(place);
            placed
        });
        rest = after;
    }
    (out, announced, replies)
}

/// The same, for text and to a place; cut at every byte and not at all.
fn rewritten(text: &str, to: &str) -> String {
    let placed = Placed::At(to.parse::<SocketAddr>().expect("an address"));
    let (whole, ..) = passed(text.as_bytes(), usize::MAX, 1, placed);
    let (by_bytes, ..) = passed(text.as_bytes(), 1, 1, placed);
    assert_eq!(String::from_utf8_lossy(&whole), String::from_utf8_lossy(&by_bytes));
    String::from_utf8(whole).expect("text")
}

#[test]
fn replies_to_pasv_and_epsv_name_the_new_place() {
    for (before, after) in [
        (
            "227 Entering Passive Mode (10,0,0,1,200,1).\r\n",
            "227 Entering Passive Mode (192,0,2,7,156,64).\r\n",
        ),
        ("227 =10,0,0,1,4,0\r\n", "227 =192,0,2,7,156,64\r\n"),
        (
            "229 Entering Extended Passive Mode (|||6446|)\r\n",
            "229 Entering Extended Passive Mode (|||40000|)\r\n",
        ),
        ("229 ok (!!!65535!)\n", "229 ok (!!!40000!)\n"),
        (
            "227-Entering\r\n 227 well\r\n22\r\n227 Passive Mode (10,0,0,1,200,1)\r\n",
            "227-Entering\r\n 227 well\r\n22\r\n227 Passive Mode (192,0,2,7,156,64)\r\n",
        ),
        ("229-(|||6446|)\r\n229 Done\r\n", "229-(|||40000|)\r\n229 Done\r\n"),
        (
            "220 Hello\r\n200 EPSV ALL ok\r\n229 (|||6446|)\r\n150 Ok\r\n",
            "220 Hello\r\n200 EPSV ALL ok\r\n229 (|||40000|)\r\n150 Ok\r\n",
        ),
    ] {
        assert_eq!(rewritten(before, "192.0.2.7:40000"), after);
    }
}

#[test]
fn what_is_odd_passes_untouched() {
    for odd in [
        "227 Entering Passive Mode (10,0,0,1,200)\r\n",
        "227 Entering Passive Mode (10,0,0,1,200,256)\r\n",
        "227 Entering Passive Mode (10,0,0,1,0,22)\r\n",
        "227 (10,0,0,1,200,1) or (10,0,0,1,200,2)\r\n",
        "227 (10,0,0,1,200,1,7)\r\n",
        "227 (10, 0, 0, 1, 200, 1)\r\n",
        "227\r\n",
        "2279 (10,0,0,1,200,1)\r\n",
        "229 (|||65536|)\r\n",
        "229 (|||22|)\r\n",
        "229 (|1|10.0.0.1|6446|)\r\n",
        "229 (|||6446!)\r\n",
        "229 (111644611)\r\n",
        "229 (|||6446|\r\n",
        "229 (|||6446|) (|||6447|)\r\n",
        // Lines within another reply are text, such as the names of files.
        "213-Status of pub:\r\n227 Entering Passive Mode (10,0,0,1,200,1)\r\n229 (|||6446|)\r\n213 End\r\n",
        "211-234 Features:\r\n 234 TLS\r\n234 TLS\r\n211 End\r\n",
    ] {
        assert_eq!(rewritten(odd, "192.0.2.7:40000"), odd);
        let after = format!("{odd}229 (|||6446|)\r\n");
        assert_eq!(rewritten(&after, "192.0.2.7:40000"), format!("{odd}229 (|||40000|)\r\n"));
    }
    let long = format!("229 {}(|||6446|)\r\n", "x".repeat(LONGEST));
    assert_eq!(rewritten(&format!("{long}{long}"), "192.0.2.7:40000"), format!("{long}{long}"));
    let within = format!("220-{}\r\n229 (|||6446|)\r\n220 End\r\n", "x".repeat(LONGEST));
    assert_eq!(rewritten(&within, "192.0.2.7:40000"), within);
}

#[test]
fn what_is_no_reply_waits_for_nothing() {
    for text in ["!", "22!", "220-Hello\r\n229", "220-\r\n "] {
        let (out, _, replies) = passed(text.as_bytes(), 1, 1, Placed::Nowhere);
        assert!(out == text.as_bytes() && !replies.holds(), "{text:?}");
    }
}

#[test]
fn a_reply_to_pasv_cannot_say_ipv6() {
    assert_eq!(rewritten("227 (10,0,0,1,200,1)\r\n", "[::1]:40000"), "227 (10,0,0,1,200,1)\r\n");
    assert_eq!(rewritten("229 (|||6446|)\r\n", "[::1]:40000"), "229 (|||40000|)\r\n");
}

#[test]
fn a_client_without_a_port_is_told_to_come_later() {
    for text in ["227 (10,0,0,1,200,1)\r\n", "229-\r\n229 (|||51201|)\r\n"] {
        let (out, announced, _) = passed(text.as_bytes(), 1, 1, Placed::Nowhere);
        assert!(out.starts_with(b"425 ") && out.ends_with(b"\r\n"), "{}", String::from_utf8_lossy(&out));
        assert!(matches!(
            announced[..],
            [Announced::Passive { port: 51201 } | Announced::Extended { port: 51201 }]
        ));
    }
}

#[test]
fn after_auth_tls_nothing_is_read_any_more() {
    let text = "220 Hello\r\n234 Proceed\r\n229 (|||6446|)\r\n";
    assert_eq!(rewritten(text, "192.0.2.7:40000"), text);
    let (_, announced, replies) = passed(text.as_bytes(), 3, 1, Placed::Nowhere);
    assert!(announced.is_empty() && replies.secured() && !replies.holds());
}

#[test]
fn what_is_held_can_be_let_go() {
    let (mut out, _, mut replies) = passed(b"229 (|||64", 1, 1, Placed::Nowhere);
    assert!(out.is_empty() && replies.holds());
    replies.let_go(&mut out);
    replies.pass(b"46|)\r\n229 (|||6446|)\r\n", &mut out, &mut |_| Placed::Nowhere);
    assert!(out.starts_with(b"229 (|||6446|)\r\n425 "), "its line passes, the next reply is read again");
}

/// Pieces of replies, put together at random: what a parser trips over.
fn babble() -> impl Strategy<Value = Vec<u8>> {
    let word = prop::sample::select(vec![
        "227 ",
        "227-",
        "229 ",
        "229-",
        "234-",
        "220 ",
        "220-",
        "22",
        "(10,0,0,1,200,1)",
        "(|||6446|)",
        "|",
        ",",
        "\r\n",
        "\n",
        "\r",
        " ",
        "-",
        "text",
    ]);
    let word = prop_oneof![
        8 => word.prop_map(|word| word.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..5),
        1 => (0..LONGEST * 2).prop_map(|count| vec![b'x'; count]),
    ];
    prop::collection::vec(word, 0..60).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn untouched_means_byte_for_byte(bytes in babble(), most in 1usize..200, seed: u64) {
        let (mut out, _, mut replies) = passed(&bytes, most, seed, Placed::Untouched);
        prop_assert!(bytes.len() - out.len() <= LONGEST, "no more is held back");
        replies.let_go(&mut out);
        prop_assert_eq!(out, bytes);
    }

    #[test]
    fn how_bytes_are_cut_changes_nothing(bytes in babble(), most in 1usize..200, seed: u64) {
        let placed = Placed::At("192.0.2.7:40000".parse().expect("an address"));
        let (whole, told, _) = passed(&bytes, usize::MAX, 1, placed);
        let (cut, told_cut, _) = passed(&bytes, most, seed, placed);
        let (shorter, longer) = if whole.len() < cut.len() { (&whole, &cut) } else { (&cut, &whole) };
        prop_assert!(longer.starts_with(shorter) && longer.len() - shorter.len() <= LONGEST);
        prop_assert_eq!(told, told_cut);
    }
}
