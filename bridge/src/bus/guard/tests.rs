use std::io::Read;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_bus_that_takes_nothing_is_told_from_one_that_is_slow() {
    let (ours, mut bus) = std::os::unix::net::UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let stream = Arc::new(Stream::new(ours.into()).unwrap());
    let outbox = Outbox::new(stream, Budget::DEFAULT);
    assert_eq!(outbox.blocked(), None);
    outbox.send(signal_of(&"x".repeat(4 << 20)));
    let seconds = Duration::from_secs(9);
    tokio::time::advance(seconds).await;
    outbox.pump().unwrap();
    assert_eq!(outbox.blocked(), Some(seconds));
    bus.set_nonblocking(true).unwrap();
    while bus.read(&mut [0; 4096]).is_ok() {}
    outbox.pump().unwrap();
    assert_eq!(outbox.blocked(), Some(Duration::ZERO));
}

#[tokio::test]
async fn what_is_sent_under_a_cork_leaves_together_and_does_not_stay() {
    let (ours, mut bus) = std::os::unix::net::UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    bus.set_nonblocking(true).unwrap();
    let outbox = Outbox::new(Arc::new(Stream::new(ours.into()).unwrap()), Budget::DEFAULT);
    let length = signal_of("").data().len();
    let mut left = move || bus.read(&mut [0; 4096]).unwrap_or(0) / length;
    let send = |count| (0..count).for_each(|_| assert!(outbox.send(signal_of(""))));
    let cork = outbox.cork();
    send(TOGETHER - 1);
    assert_eq!(left(), 0);
    send(2);
    assert_eq!(left(), TOGETHER);
    drop(cork);
    assert_eq!(left(), 1);
    send(1);
    assert_eq!(left(), 1);
    let cork = outbox.cork();
    outbox.close();
    drop(cork);
}

fn signal_of(text: &str) -> Message {
    Message::signal("/x", "x.y", "Z").build(&text).unwrap()
}

/// A reply with a body of which the whole is `bytes` long.
fn reply_of(bytes: usize) -> Message {
    let call = Message::method_call("/x", "Y").sender(":1.5").build(&()).unwrap();
    let reply = |body: &str| Message::method_return(&call.header()).build(&body).unwrap();
    let empty = reply("").data().len();
    reply(&"x".repeat(bytes - empty))
}

#[test]
fn the_longest_message_leaves_and_a_longer_one_becomes_an_error() {
    let outbox = Outbox::detached();
    assert!(outbox.send(reply_of(MAX_MESSAGE)));
    assert_eq!(outbox.take()[0].data().len(), MAX_MESSAGE);
    assert!(!outbox.send(reply_of(MAX_MESSAGE + 1)));
    let [error] = &outbox.take()[..] else { panic!("one message") };
    let name = error.header().error_name().map(ToString::to_string);
    assert_eq!(name.as_deref(), Some("org.qemu.QapiError.Unknown.ReplyTooLarge"));
}
