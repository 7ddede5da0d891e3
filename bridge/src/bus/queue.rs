//! What waits for the bus, and how much of it leaves at once.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    os::fd::AsFd,
};

use tokio::time::Instant;
use zbus::Message;

use crate::endpoint::Charge;

use super::stream::Stream;

/// Messages that one system call writes, and that are kept for it while more are about to come.
pub(super) const TOGETHER: usize = 16;

/// Bytes from which on messages are not kept for that.
pub(super) const MUCH: usize = 64 << 10;

/// What a message needs besides its own bytes.
const OVERHEAD: usize = 512;

/// Messages that wait for the bus.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) messages: VecDeque<(Message, Charge)>,
    /// Bytes of the first message that are written already.
    written: usize,
    pub(super) bytes: usize,
    pub(super) closed: bool,
    /// How many are at work that may send more at once. There is one thread, and none of them is
    /// kept from one turn of a task to the next.
    pub(super) corks: usize,
    /// Since when the bus has taken nothing of what waits.
    pub(super) blocked: Option<Instant>,
}

impl Queue {
    /// Drops what is queued and everything that comes.
    pub(super) fn close(&mut self) {
        *self = Self { closed: true, corks: self.corks, ..Self::default() };
    }

    /// Writes the first messages as far as they go: up to the next one with descriptors, which ride
    /// on its first byte.
    pub(super) fn send(&self, stream: &Stream) -> io::Result<usize> {
        let mut parts = [IoSlice::new(&[]); TOGETHER];
        let (mut count, mut fds) = (0, Vec::new());
        for (part, (message, _)) in parts.iter_mut().zip(&self.messages) {
            let data = message.data();
            let written = if count == 0 { self.written } else { 0 };
            if written == 0 && !data.fds().is_empty() {
                if count > 0 {
                    break;
                }
                fds = data.fds().iter().map(|fd| fd.as_fd()).collect();
            }
            *part = IoSlice::new(&data[written..]);
            count += 1;
        }
        stream.send(&parts[..count], &fds)
    }

    /// So many bytes are written.
    pub(super) fn finish(&mut self, sent: usize) {
        self.written += sent;
        while let Some((message, _)) = self.messages.front()
            && self.written >= message.data().len()
        {
            self.written -= message.data().len();
            self.bytes -= size(message);
            self.messages.pop_front();
        }
        if self.messages.is_empty() {
            // A burst may have made it large.
            self.messages.shrink_to(64);
        }
    }
}

/// The memory that a message takes.
pub(super) fn size(message: &Message) -> usize {
    message.data().len() + OVERHEAD
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Read, os::unix::net::UnixStream};

    use zbus::Fd;

    use super::*;
    use crate::endpoint::Budget;

    fn signal(text: &str) -> Message {
        Message::signal("/x", "x.y", "Z").build(&text).unwrap()
    }

    fn with_fd() -> Message {
        let fd = Fd::from(std::os::fd::OwnedFd::from(File::open("/dev/null").unwrap()));
        Message::signal("/x", "x.y", "Z").build(&fd).unwrap()
    }

    fn pair() -> (Stream, UnixStream) {
        let (ours, bus) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        bus.set_nonblocking(true).unwrap();
        (Stream::new(ours.into()).unwrap(), bus)
    }

    fn queue(messages: &[Message]) -> Queue {
        let mut queue = Queue::default();
        for message in messages {
            queue.bytes += size(message);
            queue.messages.push_back((message.clone(), Budget::new().nothing()));
        }
        queue
    }

    #[tokio::test]
    async fn messages_leave_whole_and_in_order_whatever_the_bus_takes() {
        let ((stream, mut bus), large) = (pair(), "x".repeat(100 << 10));
        let messages: Vec<_> =
            (0..50).map(|at| signal(if at % 5 == 4 { &large } else { "" })).collect();
        let (mut queue, mut sent) = (queue(&messages), Vec::new());
        while !queue.messages.is_empty() {
            match queue.send(&stream) {
                Ok(count) => queue.finish(count),
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
            _ = bus.read_to_end(&mut sent);
        }
        let data: Vec<_> = messages.iter().map(|it| it.data().to_vec()).collect();
        assert!(sent == data.concat());
        assert_eq!((queue.bytes, queue.written), (0, 0));
    }

    #[tokio::test]
    async fn descriptors_ride_on_the_first_byte_of_their_message() {
        let (stream, bus) = pair();
        let bus = Stream::new(bus.into()).unwrap();
        let messages = [signal("a"), with_fd(), signal("b"), signal("c"), with_fd(), with_fd()];
        let mut queue = queue(&messages);
        let ends = [1, 4, 5, 6];
        let mut begin = 0;
        for end in ends {
            let count = queue.send(&stream).unwrap();
            queue.finish(count);
            let (length, fds, _) = bus.receive(&mut [0; 4096]).await.unwrap();
            let sent = &messages[begin..end];
            assert_eq!(length, sent.iter().map(|it| it.data().len()).sum::<usize>());
            assert_eq!(fds.len(), sent[0].data().fds().len());
            begin = end;
        }
        assert!(queue.messages.is_empty());
    }
}
