//! Messages with bodies that are marshalled here.

use std::{
    future::Future,
    io,
    os::fd::OwnedFd,
    pin::pin,
    task::{Context, Poll, Waker},
};

use serde::Serialize;
use zbus::{
    Message, connection::socket::ReadHalf, export::async_trait::async_trait, wire::DynamicType,
};

use super::{
    head::{BODY, FIELDS, FIXED, Head, pad},
    marshal::marshal,
};

/// The code of the field that holds the body's signature.
const SIGNATURE: u8 = 8;

/// Builds a message with a body of this module's parent.
///
/// # Errors
///
/// The body is not of its own signature, or a name of the header is none.
pub fn message<B: Serialize + DynamicType>(head: Head<'_>, body: &B) -> zbus::Result<Message> {
    let signature = body.signature();
    let mut bytes = head.begin();
    let text = signature.to_string_no_parens();
    if !text.is_empty() {
        let length = u8::try_from(text.len()).map_err(io::Error::other)?;
        pad(&mut bytes);
        bytes.extend([SIGNATURE, 1, b'g', 0, length]);
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(0);
    }
    let fields = bytes.len() - FIXED;
    set(&mut bytes, FIELDS, fields)?;
    pad(&mut bytes);
    let start = bytes.len();
    marshal(body, &signature.to_string(), &mut bytes).map_err(io::Error::other)?;
    let length = bytes.len() - start;
    set(&mut bytes, BODY, length)?;
    read(bytes)
}

fn set(bytes: &mut [u8], at: usize, number: usize) -> io::Result<()> {
    let number = u32::try_from(number).map_err(io::Error::other)?;
    bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
    Ok(())
}

/// Has zbus read the message as if it came from a socket: the one way without unsafe code.
fn read(bytes: Vec<u8>) -> zbus::Result<Message> {
    let (mut source, mut early, mut fds) = (Bytes(bytes, 0), Vec::new(), Vec::new());
    let reading = pin!(source.receive_message(0, &mut early, &mut fds));
    match reading.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(message) => message,
        Poll::Pending => Err(io::Error::from(io::ErrorKind::WouldBlock).into()),
    }
}

/// The bytes of a message, and how many of them were read.
#[derive(Debug)]
struct Bytes(Vec<u8>, usize);

#[async_trait]
impl ReadHalf for Bytes {
    async fn recvmsg(&mut self, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        let rest = &self.0[self.1..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.1 += count;
        Ok((count, Vec::new()))
    }
}
