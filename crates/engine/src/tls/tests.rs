//! Links over socket pairs: whatever the sizes of reads and writes, the same bytes come out; ends are
//! ends, cuts are cuts, and nothing grows.

use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown, sockopt};

use super::inward::Inward;
use super::{Broken, End, Link, Outward, fault};
use crate::relay::means::{Means, Random};
use crate::relay::{BUFFER, Flow, Manner, Pumped, Sink, Source};
use crate::spec::{CertificateSpec, InwardSpec, NodeSpec, OutwardSpec, PemSpec};

fn file(name: &str, pem: String) -> PemSpec {
    PemSpec { file: name.into(), pem }
}

/// An authority, and what it signs.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::new([]).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Authority(CertifiedIssuer::self_signed(params, key).expect("signed"))
    }

    fn signs(&self, name: &str) -> CertificateSpec {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new([name.to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &self.0).expect("signed");
        CertificateSpec {
            certificate: file("a.pem", certificate.pem()),
            key: file("a.key", key.serialize_pem()),
        }
    }

    fn inward(&self, minimum_version: &str, certificates: &[CertificateSpec]) -> Inward {
        let spec = InwardSpec {
            certificates: certificates.to_vec(),
            client_ca: None,
            client_certificates: "off".into(),
            minimum_version: minimum_version.into(),
            alpn: vec!["h2".into(), "http/1.1".into()],
        };
        Inward::new(&spec).expect("sound")
    }

    fn outward(&self, expected: &str) -> Outward {
        let ca = Some(file("ca.pem", self.0.pem()));
        let node = NodeSpec {
            name: "n".into(),
            address: String::new(),
            weight: 1,
            fallbacks: vec![],
            admin_state: String::new(),
            max_sessions: 0,
            ports: vec![],
            server_name: expected.into(),
        };
        Outward::new(&OutwardSpec { ca, certificate: None, verify: true }, &[node]).expect("sound")
    }
}

fn sockets() -> (UnixStream, UnixStream) {
    let (near, far) = UnixStream::pair().expect("a pair");
    for end in [&near, &far] {
        end.set_nonblocking(true).expect("not blocking");
        sockopt::set_socket_send_buffer_size(end, 16 * 1024).expect("small");
    }
    (near, far)
}

/// Two links, and the sockets between them.
pub(crate) struct Joined {
    pub(crate) client: Box<Link>,
    pub(crate) server: Box<Link>,
    pub(crate) near: UnixStream,
    pub(crate) far: UnixStream,
}

pub(crate) fn joined() -> Joined {
    let authority = Authority::new();
    let server = authority.inward("1.2", &[authority.signs("a.test")]).link().expect("a session");
    let client = authority.outward("a.test").link(0, Some(b"h2")).expect("a session");
    let (near, far) = sockets();
    let mut joined = Joined { client, server, near, far };
    let Joined { client, server, near, far } = &mut joined;
    while !(client.shake_hands(&*near).expect("sound") & server.shake_hands(&*far).expect("sound")) {}
    joined
}

impl Joined {
    fn ends(&mut self) -> (End<'_>, End<'_>) {
        (End::Tls(&mut self.client, self.near.as_fd()), End::Tls(&mut self.server, self.far.as_fd()))
    }

    /// One byte each way, so that whatever follows a handshake is out of the way.
    pub(crate) fn settle(&mut self) {
        let mut buffer = vec![0; BUFFER];
        let (mut client, mut server) = self.ends();
        assert_eq!(client.send(b"?", Manner::Plain), Ok(1));
        assert_eq!(server.recv(&mut buffer, 10), Ok(1));
        assert_eq!(server.send(b"!", Manner::Plain), Ok(1));
        assert_eq!(client.recv(&mut buffer, 10), Ok(1));
    }
}

#[test]
fn both_agree_on_a_protocol() {
    let joined = joined();
    assert_eq!((joined.client.protocol(), joined.server.protocol()), (Some(&b"h2"[..]), Some(&b"h2"[..])));
}

/// Plain in, encrypted between, plain out: the way of a session with termination and re-encryption.
#[test]
fn however_bytes_are_cut_the_same_come_out() {
    for seed in 0..12 {
        let mut random = Random(seed);
        let size = random.below(1 << 20) >> random.below(12);
        let data: Vec<u8> = (0..size).map(|_| random.below(256) as u8).collect();
        let mut middle = joined();
        let ((source, writer), (sink, reader)) = (sockets(), sockets());
        let (mut outbound, mut inbound, mut means) = (Flow::new(), Flow::new(), Means::with_pipes(2));
        let (mut written, mut read, mut piece) = (0, Vec::new(), vec![0; 1 << 18]);
        loop {
            let scale = random.below(18);
            let most = 1 + random.below(1 << scale);
            if written < size {
                let end = (written + most).min(size);
                written += send(&writer, &data[written..end], SendFlags::NOSIGNAL).unwrap_or(0);
            } else {
                shutdown(&writer, Shutdown::Write).expect("ended");
            }
            let frugal = random.below(4) == 0;
            if random.below(3) > 0 {
                let far = End::Tls(&mut middle.client, middle.near.as_fd());
                let pumped = outbound.pump(End::Plain(source.as_fd()), far, &mut means.turn(frugal));
                assert!(matches!(pumped, Pumped::Waiting | Pumped::More | Pumped::Delivered), "{pumped:?}");
                if pumped == Pumped::Delivered {
                    middle.client.say_goodbye(middle.near.as_fd());
                }
                assert!(middle.client.kept() <= 80 * 1024, "seed {seed}: {} kept", middle.client.kept());
            }
            if random.below(3) > 0 {
                let near = End::Tls(&mut middle.server, middle.far.as_fd());
                let pumped = inbound.pump(near, End::Plain(sink.as_fd()), &mut means.turn(frugal));
                assert!(matches!(pumped, Pumped::Waiting | Pumped::More | Pumped::Delivered), "{pumped:?}");
                if pumped == Pumped::Delivered {
                    let _ = shutdown(&sink, Shutdown::Write);
                }
            }
            match recv(&reader, &mut piece[..most], RecvFlags::empty()) {
                Ok((0, _)) => break,
                Ok((count, _)) => read.extend_from_slice(&piece[..count]),
                Err(_) => {}
            }
        }
        assert!(read == data, "seed {seed}: {} of {size} bytes", read.len());
    }
}

#[test]
fn one_side_may_end_long_before_the_other() {
    let mut joined = joined();
    joined.settle();
    let mut buffer = vec![0; BUFFER];
    assert!(joined.client.say_goodbye(joined.near.as_fd()));
    let (mut client, mut server) = joined.ends();
    assert_eq!(server.recv(&mut buffer, 10), Ok(0));
    assert_eq!(server.send(b"late answer", Manner::Plain), Ok(11));
    assert_eq!(client.recv(&mut buffer, 100), Ok(11));
    assert_eq!(&buffer[..11], b"late answer");
    assert!(joined.server.say_goodbye(joined.far.as_fd()));
    assert_eq!(joined.ends().0.recv(&mut buffer, 10), Ok(0));
}

#[test]
fn an_end_without_a_goodbye_is_a_cut() {
    let mut joined = joined();
    joined.settle();
    let mut buffer = vec![0; BUFFER];
    assert_eq!(joined.ends().1.send(b"the first half", Manner::Plain), Ok(14));
    shutdown(&joined.far, Shutdown::Write).expect("cut");
    let (mut client, _) = joined.ends();
    assert_eq!(client.recv(&mut buffer, 100), Ok(14));
    assert_eq!(client.recv(&mut buffer, 100), Err(Errno::CONNRESET));
}

/// Python's clients never say goodbye; what they leave behind when they were told that nothing follows
/// is an end like any other. A node's answer is not.
#[test]
fn a_client_that_was_told_of_the_end_need_not_say_goodbye() {
    let mut joined = joined();
    joined.settle();
    let mut buffer = vec![0; BUFFER];
    assert!(joined.server.say_goodbye(joined.far.as_fd()));
    shutdown(&joined.near, Shutdown::Write).expect("cut");
    assert_eq!(joined.ends().1.recv(&mut buffer, 10), Ok(0));
    let mut joined = self::joined();
    joined.settle();
    assert!(joined.client.say_goodbye(joined.near.as_fd()));
    shutdown(&joined.far, Shutdown::Write).expect("cut");
    assert_eq!(joined.ends().0.recv(&mut buffer, 10), Err(Errno::CONNRESET));
}

#[test]
fn a_peer_that_reads_nothing_is_given_no_more_than_a_little() {
    let mut joined = joined();
    joined.settle();
    let (mut client, _) = joined.ends();
    let data = vec![7; 1 << 20];
    let mut taken = 0;
    let refused = loop {
        match client.send(&data, Manner::Plain) {
            Ok(count) => taken += count,
            Err(error) => break error,
        }
        assert_eq!(client.flush(), Ok(false));
    };
    assert_eq!(refused, Errno::AGAIN);
    assert!(taken < 512 * 1024, "{taken} bytes taken");
    assert!(joined.client.pending() && joined.client.kept() <= 80 * 1024);
    // A goodbye waits behind them.
    assert!(!joined.client.say_goodbye(joined.near.as_fd()));
    let mut buffer = vec![0; BUFFER];
    let mut heard = 0;
    loop {
        match joined.ends().1.recv(&mut buffer, BUFFER) {
            Ok(0) => break,
            Ok(count) => heard += count,
            Err(Errno::AGAIN) => {
                joined.client.say_goodbye(joined.near.as_fd());
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!((heard, joined.client.kept()), (taken, 0));
}

#[test]
fn whatever_is_no_tls_is_refused_and_what_came_before_it_counts() {
    let mut joined = joined();
    joined.settle();
    let mut buffer = vec![0; BUFFER];
    assert_eq!(joined.ends().0.send(b"sound", Manner::Plain), Ok(5));
    send(&joined.near, b"not a record of any kind", SendFlags::NOSIGNAL).expect("room");
    let (_, mut server) = joined.ends();
    assert_eq!(server.recv(&mut buffer, 100), Ok(5));
    assert_eq!(server.recv(&mut buffer, 100), Err(Errno::CONNRESET));
    // The peer was told by an alert.
    assert_eq!(joined.ends().0.recv(&mut buffer, 100), Err(Errno::CONNRESET));
}

#[test]
fn an_end_that_nobody_has_read_is_seen() {
    let mut joined = joined();
    joined.settle();
    assert_eq!(joined.server.look(&joined.far), Ok(false));
    assert!(joined.client.say_goodbye(joined.near.as_fd()));
    assert_eq!(joined.server.look(&joined.far), Ok(true));
    let mut buffer = vec![0; BUFFER];
    assert_eq!(joined.ends().1.recv(&mut buffer, 10), Ok(0));

    let mut joined = self::joined();
    joined.settle();
    assert_eq!(joined.ends().0.send(b"wait", Manner::Plain), Ok(4));
    assert!(joined.client.say_goodbye(joined.near.as_fd()));
    assert_eq!(joined.server.look(&joined.far), Ok(false), "something was said before");
    assert_eq!(joined.ends().1.recv(&mut buffer, 10), Ok(4));
    assert_eq!(joined.ends().1.recv(&mut buffer, 10), Ok(0));
}

/// What a client makes of a node with this certificate.
fn refusal(authority: &Authority, shown: CertificateSpec, expected: &str) -> &'static str {
    let mut server = authority.inward("1.3", &[shown]).link().expect("a session");
    let mut client = authority.outward(expected).link(0, None).expect("a session");
    let (near, far) = sockets();
    loop {
        let _ = server.shake_hands(&far);
        match client.shake_hands(&near) {
            Ok(false) => {}
            Ok(true) => return "none",
            Err(Broken::Tls(error)) => return fault(&error).word(),
            Err(other) => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_node_is_who_it_should_be() {
    let authority = Authority::new();
    assert_eq!(refusal(&authority, authority.signs("a.test"), "a.test"), "none");
    assert_eq!(refusal(&authority, authority.signs("*.b.test"), "a.b.test"), "none");
    assert_eq!(refusal(&authority, authority.signs("127.0.0.1"), "127.0.0.1"), "none");
    assert_eq!(refusal(&authority, authority.signs("a.test"), "b.test"), "tls-wrong-name");
    assert_eq!(refusal(&authority, Authority::new().signs("a.test"), "a.test"), "tls-unknown-issuer");
}

#[test]
fn each_name_is_shown_its_certificate() {
    let authority = Authority::new();
    let names = ["first.test", "shop.test", "*.shop.test"];
    let inward = authority.inward("1.2", &names.map(|name| authority.signs(name)));
    for (expected, agreed) in [
        ("first.test", true),
        ("shop.test", true),
        ("a.shop.test", true),
        ("a.b.shop.test", false),
        ("unknown.test", false),
    ] {
        let mut server = inward.link().expect("a session");
        let mut client = authority.outward(expected).link(0, None).expect("a session");
        let (near, far) = sockets();
        let outcome = loop {
            let _ = server.shake_hands(&far);
            match client.shake_hands(&near) {
                Ok(false) => {}
                outcome => break outcome.is_ok(),
            }
        };
        assert_eq!(outcome, agreed, "{expected}");
    }
}

#[test]
fn files_that_cannot_serve_are_refused_and_nothing_of_theirs_is_said() {
    let authority = Authority::new();
    let (one, other) = (authority.signs("a.test"), authority.signs("a.test"));
    let refusal = |pair: CertificateSpec| {
        let spec = InwardSpec {
            certificates: vec![pair],
            client_ca: None,
            client_certificates: "off".into(),
            minimum_version: "1.2".into(),
            alpn: vec![],
        };
        assert!(!format!("{spec:?}").contains("BEGIN"), "a secret is shown");
        Inward::new(&spec).expect_err("refused")
    };
    let with = |certificate: &PemSpec, key: &PemSpec| CertificateSpec {
        certificate: certificate.clone(),
        key: key.clone(),
    };
    let empty = file("empty", String::new());
    assert_eq!(
        refusal(with(&one.certificate, &other.key)),
        "a.key is not the key of a.pem: give the key that this certificate was made for"
    );
    assert!(refusal(with(&empty, &one.key)).starts_with("empty: no certificate in it"));
    assert!(refusal(with(&one.certificate, &empty)).starts_with("empty: no private key in it"));
    assert!(
        refusal(with(&one.key, &one.certificate))
            .starts_with("a.key: no certificate in it, but a private key;")
    );
    assert!(
        refusal(with(&one.certificate, &one.certificate))
            .starts_with("a.pem: no private key in it, but a certificate;")
    );
    let cut = file("cut", one.certificate.pem.chars().take(200).collect());
    assert!(refusal(with(&cut, &one.key)).starts_with("cut: not PEM"));
}
