//! Endpoints on real sockets.

use std::{
    fs,
    io::{Read, Write},
    mem::MaybeUninit,
    os::unix::fs::FileTypeExt,
    pin::pin,
    thread,
    time::{Duration, Instant},
};

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use tokio::time::timeout;

use super::peer::{Peer, Place, call, hear, hear_state, request, told};
use super::{Backoff, Limits, Protocol, SETTLED};
use crate::endpoint::State;

/// What the times of files are exact to, and more.
const CLOCK: Duration = Duration::from_millis(20);

#[tokio::test]
async fn a_missing_or_refusing_socket_is_told_at_once_with_the_reason() {
    let place = Place::new();
    let (handle, task, _heard) = place.endpoint(|limits| {
        limits.backoff = (Duration::from_secs(3600), Duration::from_secs(3600));
    });
    let early = call(&handle, "before-the-task-runs");
    let task = tokio::spawn(task.run());
    let path = place.socket().display().to_string();
    let text = told(early).await;
    let uid = rustix::process::getuid().as_raw();
    let expected = format!("NotSent.NotConnected: cannot connect to {path} as uid {uid}: No such");
    assert!(text.starts_with(&expected), "{text}");

    drop(place.listen());
    assert!(fs::metadata(place.socket()).unwrap().file_type().is_socket());
    let text = told(call(&handle, "stale")).await;
    assert!(text.starts_with("NotSent.NotConnected") && text.contains("refused"), "{text}");

    fs::remove_file(place.socket()).unwrap();
    let listener = place.listen();
    let peer = thread::spawn(move || {
        let mut peer = Peer::serve(&listener);
        assert_eq!(peer.line(), "{\"execute\":\"works\"}\n");
        peer.write(b"{\"return\":7}");
        peer.drain();
    });
    assert_eq!(told(call(&handle, "works")).await, "7");
    handle.stop(Duration::ZERO).await;
    task.await.unwrap();
    peer.join().unwrap();
}

#[tokio::test]
async fn an_endpoint_comes_back_and_nothing_crosses_over() {
    let place = Place::new();
    let listener = place.listen();
    let (handle, task, mut heard) = place.endpoint(|limits| limits.in_flight = 1);
    let task = tokio::spawn(task.run());
    let peer = thread::spawn(move || {
        let mut peer = Peer::serve(&listener);
        peer.line();
        peer.write(b"{\"return\":\"half an ans");
        drop(peer);
        let mut peer = Peer::serve(&listener);
        peer.line();
        peer.write(b"{\"return\":\"whole\"}");
        peer.drain();
    });
    hear_state(&mut heard, State::Ready).await;
    let (sent, waits) = (call(&handle, "sent"), call(&handle, "waits"));
    assert_eq!(told(sent).await, "Unknown.ConnectionLost");
    assert!(told(waits).await.starts_with("NotSent.NotConnected"));
    hear_state(&mut heard, State::Disconnected).await;
    hear_state(&mut heard, State::Ready).await;
    assert_eq!(told(call(&handle, "again")).await, "\"whole\"");
    handle.stop(Duration::ZERO).await;
    task.await.unwrap();
    peer.join().unwrap();
}

#[tokio::test]
async fn a_monitor_that_has_just_started_is_left_alone_at_first() {
    let place = Place::new();
    let made = Instant::now();
    let listener = place.listen();
    let (handle, task, mut heard) = place.endpoint(|_| {});
    let task = tokio::spawn(task.run());
    hear_state(&mut heard, State::Connecting).await;
    assert!(made.elapsed() >= SETTLED - CLOCK, "{:?}", made.elapsed());
    drop(listener);
    handle.stop(Duration::ZERO).await;
    task.await.unwrap();
}

#[tokio::test]
async fn a_blocked_write_does_not_stop_reading() {
    let place = Place::new();
    let listener = place.listen();
    let (handle, task, mut heard) = place.endpoint(|_| {});
    let task = tokio::spawn(task.run());
    let (resume, resumed) = std::sync::mpsc::channel();
    let peer = thread::spawn(move || {
        let mut peer = Peer::serve(&listener);
        let mut first = [0; 1];
        peer.0.read_exact(&mut first).unwrap();
        (0..1000).for_each(|_| peer.event("WHILE_BLOCKED"));
        peer.event("LAST");
        resumed.recv().unwrap();
        let size = first.len() + peer.line().len();
        peer.write(format!("{{\"return\":{size}}}").as_bytes());
        peer.drain();
    });
    let (mut large, answer) = request("large");
    large.arguments = [&b"{\"x\":\""[..], &vec![b'x'; 8 << 20], b"\"}"].concat();
    let size = "{'execute':'large','arguments':}\n".len() + large.arguments.len();
    handle.submit(large);
    hear(&mut heard, "LAST").await;
    resume.send(()).unwrap();
    assert_eq!(told(answer).await, size.to_string());
    handle.stop(Duration::ZERO).await;
    task.await.unwrap();
    peer.join().unwrap();
}

#[tokio::test]
async fn a_descriptor_rides_on_the_first_bytes_of_its_command_and_no_others() {
    let place = Place::new();
    let listener = place.listen();
    let (handle, task, _heard) = place.endpoint(|_| {});
    let task = tokio::spawn(task.run());
    let peer = thread::spawn(move || {
        let mut peer = Peer::serve(&listener);
        assert_eq!(peer.line(), "{\"execute\":\"first\"}\n");
        peer.write(b"{\"return\":1}");
        let mut file = None;
        let mut bytes = vec![0; 1 << 16];
        let mut size = 0;
        while !bytes[..size].ends_with(b"}\n") {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let mut into = [std::io::IoSliceMut::new(&mut bytes)];
            let flags = RecvFlags::empty();
            size = recvmsg(peer.0.get_ref(), &mut into, &mut control, flags).unwrap().bytes;
            for message in control.drain() {
                let RecvAncillaryMessage::ScmRights(rights) = message else { continue };
                assert!(bytes.starts_with(b"{\"execute\":\"getfd\"") && file.is_none());
                file = rights.map(fs::File::from).next();
            }
        }
        let mut text = String::new();
        file.unwrap().read_to_string(&mut text).unwrap();
        peer.write(format!("{{\"return\":\"{text}\"}}").as_bytes());
        peer.drain();
    });
    let file = place.0.join("file");
    fs::write(&file, "content").unwrap();
    let first = call(&handle, "first");
    let (mut getfd, answer) = request("getfd");
    getfd.fd = Some(fs::File::open(file).unwrap().into());
    getfd.arguments = [&b"{\"fdname\":\""[..], &vec![b'x'; 4 << 20], b"\"}"].concat();
    handle.submit(getfd);
    assert_eq!(told(first).await, "1");
    assert_eq!(told(answer).await, "\"content\"");
    handle.stop(Duration::ZERO).await;
    task.await.unwrap();
    peer.join().unwrap();
}

#[tokio::test]
async fn stopping_refuses_what_waits_and_drains_what_was_sent() {
    let place = Place::new();
    let listener = place.listen();
    let (handle, task, mut heard) = place.endpoint(|limits| limits.in_flight = 2);
    let task = tokio::spawn(task.run());
    let (resume, resumed) = std::sync::mpsc::channel();
    let peer = thread::spawn(move || {
        let mut peer = Peer::serve(&listener);
        peer.line();
        peer.event("SENT");
        peer.line();
        resumed.recv().unwrap();
        peer.write(b"{\"return\":\"drained\"}");
        peer.drain();
    });
    hear_state(&mut heard, State::Ready).await;
    let [one, two, three] = ["one", "two", "three"].map(|name| call(&handle, name));
    hear(&mut heard, "SENT").await;
    let stop = tokio::spawn({
        let handle = handle.clone();
        async move { handle.stop(Duration::from_millis(300)).await }
    });
    assert!(told(three).await.starts_with("NotSent.Stopping"));
    assert!(told(call(&handle, "late")).await.starts_with("NotSent.Stopping"));
    resume.send(()).unwrap();
    assert_eq!(told(one).await, "\"drained\"");
    assert_eq!(told(two).await, "Unknown.Timeout");
    stop.await.unwrap();
    task.await.unwrap();
    peer.join().unwrap();
    assert!(told(call(&handle, "after")).await.starts_with("NotSent.Stopping"));
}

#[tokio::test]
async fn stopping_does_not_wait_for_a_peer_that_owes_nothing() {
    let place = Place::new();
    let (handle, task, _heard) = place.endpoint(|_| {});
    let task = tokio::spawn(task.run());
    timeout(Duration::from_secs(20), handle.stop(Duration::MAX)).await.unwrap();
    task.await.unwrap();

    let listener = place.listen();
    let (handle, task, mut heard) = place.endpoint(|_| {});
    let task = tokio::spawn(task.run());
    hear_state(&mut heard, State::Connecting).await;
    timeout(Duration::from_secs(20), handle.stop(Duration::MAX)).await.unwrap();
    task.await.unwrap();
    drop(listener);
}

#[tokio::test]
async fn a_task_that_is_dropped_tells_everybody() {
    let place = Place::new();
    let listener = place.listen();
    let (handle, task, mut heard) = place.endpoint(|limits| limits.in_flight = 1);
    let task = tokio::spawn(task.run());
    let peer = thread::spawn(move || {
        let mut peer = Peer::serve(&listener);
        peer.line();
        peer.event("SENT");
        peer.drain();
    });
    let (sent, waits) = (call(&handle, "sent"), call(&handle, "waits"));
    hear(&mut heard, "SENT").await;
    task.abort();
    assert_eq!(told(sent).await, "Unknown.ConnectionLost");
    assert!(told(waits).await.starts_with("NotSent.Stopping"));
    assert!(told(call(&handle, "late")).await.starts_with("NotSent.Stopping"));
    handle.stop(Duration::MAX).await;
    peer.join().unwrap();
}

#[tokio::test]
async fn the_queue_is_bounded() {
    let place = Place::new();
    let (handle, task, _heard) = place.endpoint(|limits| limits.waiting = 2);
    let waiting = [call(&handle, "a"), call(&handle, "b")];
    assert!(told(call(&handle, "c")).await.starts_with("NotSent.QueueFull"));
    drop(task);
    for receiver in waiting {
        assert!(told(receiver).await.starts_with("NotSent.Stopping"));
    }
}

#[tokio::test]
async fn a_deadline_is_for_the_whole_answer_not_for_each_byte() {
    let place = Place::new();
    let listener = place.listen();
    let (handle, task, mut heard) = place.endpoint(|_| {});
    let task = tokio::spawn(task.run());
    let peer = thread::spawn(move || {
        let mut peer = Peer::serve(&listener);
        peer.line();
        for byte in "{\"return\":\"drip\"}".bytes().cycle() {
            if peer.0.get_mut().write_all(&[byte]).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    });
    hear_state(&mut heard, State::Ready).await;
    let (mut drip, answer) = request("drip");
    drip.timeout = Some(Duration::from_millis(100));
    handle.submit(drip);
    assert_eq!(told(answer).await, "Unknown.Timeout");
    handle.stop(Duration::ZERO).await;
    task.await.unwrap();
    peer.join().unwrap();
}

#[test]
fn pauses_grow_up_to_a_bound_and_are_spread() {
    let bounds = (Duration::from_millis(100), Duration::from_secs(5));
    let limits = Limits { backoff: bounds, ..Limits::new(Protocol::Qmp) };
    let mut backoff = Backoff::new(&limits);
    for at in 0..10 {
        let longest = (bounds.0 * (1 << at)).min(bounds.1);
        let pauses: Vec<_> = (0..20).map(|_| backoff.pause()).collect();
        assert!(pauses.iter().all(|pause| *pause <= longest && *pause >= longest * 3 / 4));
        assert!(pauses.iter().any(|pause| *pause != pauses[0]));
        backoff.grow(&limits);
    }
}

#[tokio::test]
async fn a_panic_is_contained_wherever_it_waits() {
    let late = async {
        tokio::task::yield_now().await;
        panic!("planted");
    };
    assert_eq!(super::contained::<()>(pin!(late)).await, None);
    assert_eq!(super::contained(pin!(async { 7 })).await, Some(7));
}
