//! A worker's panic, by the one command that asks for it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};

use super::*;
use crate::spec::one_node::plan;

/// Says back to each client what it said, one after the other.
pub(super) fn echo() -> std::io::Result<std::net::SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || std::io::copy(&mut &client, &mut &client));
        }
    });
    Ok(address)
}

fn ask(address: &str) -> std::io::Result<String> {
    let mut client = TcpStream::connect(address)?;
    client.write_all(b"hello")?;
    client.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    client.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn a_worker_that_panics_cuts_its_sessions_off_and_serves_new_ones() -> Result<(), Box<dyn std::error::Error>>
{
    let engine = Engine::start(1, 0, &[])?;
    engine.apply(plan(echo()?).to_string().as_bytes())?;
    let address = engine.snapshot().listeners[0].addresses[0].clone();
    let mut held = TcpStream::connect(&address)?;
    held.write_all(b"x")?;
    held.read_exact(&mut [0])?;
    engine.workers[0].send(Command::Panic);
    assert_eq!(held.read(&mut [0]).map_err(|error| error.kind()), Err(std::io::ErrorKind::ConnectionReset));
    // The one session that the client may have was given back with the lost one, and with each other.
    for _ in 0..10 {
        assert_eq!(ask(&address)?, "hello");
    }
    let snapshot = engine.snapshot();
    assert!(snapshot.workers[0].alive);
    let told = engine.take_events();
    assert!(
        matches!(&told[..], [Event::WorkerLost { worker: 0, message }] if message == "as asked"),
        "{told:?}"
    );
    engine.stop();
    let listener = &engine.snapshot().listeners[0];
    assert_eq!((listener.opened, listener.closed), (11, 11));
    Ok(())
}

/// Nobody would come back to a connection that was to become a session.
#[test]
fn a_worker_that_panics_cuts_off_who_is_arriving() -> Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::start(1, 0, &[])?;
    let mut wanted = plan(echo()?);
    wanted["listeners"][0]["preface"] = serde_json::json!({
        "timeout_ms": 60_000, "proxy_protocol": "required", "proxy_protocol_from": ["127.0.0.1"],
        "client_hello": false,
    });
    engine.apply(wanted.to_string().as_bytes())?;
    let address = engine.snapshot().listeners[0].addresses[0].clone();
    let mut arriving = TcpStream::connect(&address)?;
    arriving.write_all(b"PROXY ")?;
    while engine.sessions("", "", "", 1).is_empty() {}
    engine.workers[0].send(Command::Panic);
    assert_eq!(
        arriving.read(&mut [0]).map_err(|error| error.kind()),
        Err(std::io::ErrorKind::ConnectionReset)
    );
    let mut next = TcpStream::connect(&address)?;
    next.write_all(b"PROXY UNKNOWN\r\nhello")?;
    next.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    next.read_to_string(&mut answer)?;
    assert_eq!(answer, "hello");
    engine.stop();
    let listener = &engine.snapshot().listeners[0];
    assert_eq!((listener.opened, listener.closed), (2, 2));
    Ok(())
}
