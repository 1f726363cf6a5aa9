//! Many clients at once, from the queue of a socket that listened before the engine was.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::IntoRawFd;
use std::sync::mpsc::sync_channel;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::panics::echo;
use super::*;
use crate::spec::one_node::plan;

const CROWD: i32 = 600;
const WORKERS: usize = 3;
const ENDS: usize = 10;
const CLIENTS: u64 = 60;

/// So many clients in the queue of a new socket; each takes up to four descriptors of this process.
fn crowd() -> std::io::Result<(Vec<TcpStream>, std::net::SocketAddr, RawFd)> {
    let most = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most })?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    rustix::net::listen(&listener, CROWD)?;
    let address = listener.local_addr()?;
    let clients = (0..CROWD).map(|_| TcpStream::connect(address)).collect::<Result<_, _>>()?;
    Ok((clients, address, listener.into_raw_fd()))
}

/// Greets each client and lets it go.
fn greeter() -> std::io::Result<std::net::SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    rustix::net::listen(&listener, CROWD)?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let _ = client.write_all(b"!");
        }
    });
    Ok(address)
}

/// The plan for that socket; each client may have as many sessions as it likes.
fn plan_for(listener: std::net::SocketAddr, node: std::net::SocketAddr) -> serde_json::Value {
    let mut wanted = plan(node);
    wanted["listeners"][0]["max_sessions_per_client"] = 0.into();
    wanted["listeners"][0]["bind"] = serde_json::json!([listener.to_string()]);
    wanted
}

/// Hundreds of them have been taken in and have no sessions yet when the plan changes.
#[test]
fn who_waits_for_a_session_loses_nothing_by_a_new_plan() -> Result<(), Box<dyn std::error::Error>> {
    let (crowd, address, listener) = crowd()?;
    let engine = Engine::start(1, 0, &[("in".into(), listener)])?;
    engine.apply(plan_for(address, greeter()?).to_string().as_bytes())?;
    let mut other = plan_for(address, greeter()?);
    other["clusters"][0]["nodes"][0]["name"] = "other".into();
    engine.apply(other.to_string().as_bytes())?;
    for mut client in crowd {
        client.read_exact(&mut [0])?;
    }
    Ok(())
}

/// The crowd is taken in first, all that a turn takes; the lone client has its turn among them all the same.
#[test]
fn a_crowd_at_one_listener_keeps_no_client_of_another_waiting() -> Result<(), Box<dyn std::error::Error>> {
    let (crowd, address, listener) = crowd()?;
    let lone = TcpListener::bind("127.0.0.1:0")?;
    let lone_address = lone.local_addr()?;
    let mut client = TcpStream::connect(lone_address)?;
    let handed_over = [("in".into(), listener), ("lone".into(), lone.into_raw_fd())];
    let engine = Engine::start(1, 0, &handed_over)?;
    let mut wanted = plan_for(address, greeter()?);
    let mut other = wanted["listeners"][0].clone();
    other["name"] = "lone".into();
    other["bind"] = serde_json::json!([lone_address.to_string()]);
    wanted["listeners"].as_array_mut().expect("listeners").push(other);
    engine.apply(wanted.to_string().as_bytes())?;
    for client in crowd.iter().chain([&client]) {
        (&mut &*client).read_exact(&mut [0])?;
    }
    client.read_to_end(&mut Vec::new())?;
    let newest_first = engine.decisions("", "", 2 * CROWD as usize);
    let after = newest_first.iter().position(|decision| decision.listener == "lone");
    let before = after.map(|after| newest_first.len() - 1 - after);
    assert!(before.is_some_and(|before| before < 64), "{before:?} of the crowd came first");
    Ok(())
}

/// Wherever they are by then: with one worker, with another, or on their way.
#[test]
fn an_end_amid_a_crowd_forgets_nobody() -> Result<(), Box<dyn std::error::Error>> {
    let node = greeter()?;
    for _ in 0..ENDS {
        let (crowd, address, listener) = crowd()?;
        let engine = Engine::start(WORKERS, 0, &[("in".into(), listener)])?;
        engine.apply(plan_for(address, node).to_string().as_bytes())?;
        engine.stop();
        let listener = &engine.snapshot().listeners[0];
        assert_eq!((listener.opened, listener.closed), (CROWD as u64, CROWD as u64));
        drop(crowd);
        engine.shared.room.set_places(1);
        assert!(engine.shared.room.take(), "all places have been given back");
    }
    Ok(())
}

/// The kernel gives them all to one worker: there is but one socket, and it wakes whoever waited first.
#[test]
fn whoever_has_notably_more_lets_others_have_newcomers() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let engine = Engine::start(WORKERS, 0, &[("in".into(), listener.into_raw_fd())])?;
    engine.apply(plan_for(address, echo()?).to_string().as_bytes())?;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = TcpStream::connect(address)?;
        client.write_all(b"x")?;
        client.read_exact(&mut [0])?;
        clients.push(client);
    }
    let snapshot = engine.snapshot();
    let each: Vec<u64> = snapshot.workers.iter().map(|worker| worker.active).collect();
    assert_eq!(each.iter().sum::<u64>(), CLIENTS, "{each:?}");
    // Even but for chance in whom each looks at.
    assert!(each.iter().all(|active| *active + 5 >= CLIENTS / WORKERS as u64), "{each:?}");
    Ok(())
}

/// It may wait for a processor; whom it was given before that waits with it.
#[test]
fn who_does_not_take_what_it_is_given_is_given_no_more() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let engine = Engine::start(2, 0, &[("in".into(), listener.into_raw_fd())])?;
    engine.apply(plan_for(address, echo()?).to_string().as_bytes())?;
    let (rest, rests) = sync_channel(0);
    engine.workers[1].send(Command::Rest(rest));
    rests.recv()?;
    let (mut served, mut waiting) = (Vec::new(), Vec::new());
    for _ in 0..CLIENTS {
        let mut client = TcpStream::connect(address)?;
        client.set_read_timeout(Some(Duration::from_millis(100)))?;
        client.write_all(b"x")?;
        match client.read_exact(&mut [0]) {
            Ok(()) => served.push(client),
            Err(_) => waiting.push(client),
        }
    }
    assert!(waiting.len() * 10 <= served.len(), "{} wait, {} are served", waiting.len(), served.len());
    drop(rests);
    for mut client in waiting {
        client.set_read_timeout(None)?;
        client.read_exact(&mut [0])?;
    }
    Ok(())
}

/// Each has a descriptor.
#[test]
fn many_listening_sockets_leave_room_for_fewer_sessions() -> Result<(), Box<dyn std::error::Error>> {
    let mut wanted = plan(echo()?);
    let engine = Engine::start(1, 0, &[])?;
    engine.apply(wanted.to_string().as_bytes())?;
    let before = engine.snapshot().max_sessions;
    wanted["listeners"][0]["bind"] = vec!["127.0.0.1:0"; 200].into();
    engine.apply(wanted.to_string().as_bytes())?;
    assert_eq!(engine.snapshot().max_sessions, before - (200 - 128) / 2);
    Ok(())
}
