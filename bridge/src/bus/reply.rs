//! The replier of one call: exactly one reply, whatever happens to the code in between.

use std::{num::NonZeroU32, sync::Arc};

use serde::Serialize;
use zbus::{
    Message,
    message::{Flags, Header, Type},
    names::OwnedUniqueName,
    wire::DynamicType,
};

use crate::{
    endpoint::{Completion, Outcome, Unknown},
    transcode::{Body, Head, Part, message},
};

use super::{
    errors::{Failure, Refused, standard},
    guard::Outbox,
    permits::Permit,
    start::Call,
};

/// One call that waits for its reply; dropped unanswered it is answered with an error.
#[derive(Debug)]
pub(super) struct Reply {
    to: Option<Target>,
    outbox: Arc<Outbox>,
    _permit: Permit,
}

/// Whom a reply goes to.
#[derive(Debug)]
struct Target {
    serial: NonZeroU32,
    sender: Option<OwnedUniqueName>,
    expected: bool,
}

impl Reply {
    /// The replier of a call.
    pub(super) fn new(call: &Header<'_>, outbox: Arc<Outbox>, permit: Permit) -> Self {
        let primary = call.primary();
        let to = Target {
            serial: primary.serial_num(),
            sender: call.sender().map(|sender| sender.to_owned().into()),
            expected: !primary.flags().contains(Flags::NO_REPLY_EXPECTED),
        };
        Self { to: Some(to), outbox, _permit: permit }
    }

    /// Answers a call that was not even taken in.
    pub(super) fn refuse(outbox: &Outbox, call: Call, failure: &Failure) {
        let to = Target { serial: call.serial, sender: Some(call.sender), expected: true };
        outbox.fail(&to, failure);
    }

    /// Who called; nobody has a name without a bus.
    pub(super) fn caller(&self) -> Option<&OwnedUniqueName> {
        self.to.as_ref()?.sender.as_ref()
    }

    /// Who waits for the reply. Who wants none may leave at once, and the call is to be done.
    pub(super) fn waiting(&self) -> Option<String> {
        let to = self.to.as_ref().filter(|to| to.expected)?;
        to.sender.as_ref().map(|sender| sender.as_str().to_owned())
    }

    /// Answers with a body.
    pub(super) fn send<B: Serialize + DynamicType>(mut self, body: &B) {
        let Some(to) = self.to.take() else { return };
        match message(Head::reply(to.serial).to(to.name()), body) {
            Ok(message) if to.expected => _ = self.outbox.send(message),
            Ok(_) => {}
            Err(error) => self.outbox.fail(&to, &Refused::invalid(error).failure()),
        }
    }

    /// Answers with what the peer sent, as values of declared types.
    pub(super) fn value(self, parts: &[Part<'_>]) {
        match Body::new(parts) {
            Ok(body) => self.send(&body),
            Err(misfit) => self.fail(&Failure::unknown(Unknown::BadReply, &misfit.to_string())),
        }
    }

    /// Completes a request of the caller: `returned` answers with what the peer returns.
    pub(super) fn complete(
        self,
        returned: impl FnOnce(Self, &[u8]) + Send + 'static,
    ) -> Completion {
        let waiting = self.waiting();
        let tell = move |outcome: Outcome<'_>| match Failure::from_outcome(outcome) {
            Ok(value) => returned(self, value),
            Err(failure) => self.fail(&failure),
        };
        Completion::new(tell).of(waiting)
    }

    /// Answers with an error.
    pub(super) fn fail(mut self, failure: &Failure) {
        if let Some(to) = self.to.take() {
            self.outbox.fail(&to, failure);
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if let Some(to) = self.to.take() {
            let text = "the bridge failed on this call; the command may have run";
            self.outbox.fail(&to, &Failure::new(standard::FAILED, text));
        }
    }
}

impl Outbox {
    fn fail(&self, to: &Target, failure: &Failure) {
        if to.expected
            && let Some(message) = to.error(failure)
        {
            self.send(message);
        }
    }
}

impl Target {
    fn name(&self) -> Option<&str> {
        self.sender.as_ref().map(|sender| sender.as_str())
    }

    fn error(&self, failure: &Failure) -> Option<Message> {
        message(Head::error(self.serial, &failure.name).to(self.name()), &failure.text).ok()
    }
}

/// The error that takes the place of a reply which the guard withheld; none for a signal.
pub(super) fn substitute(withheld: &Message, refused: &Refused) -> Option<Message> {
    if withheld.message_type() != Type::MethodReturn {
        return None;
    }
    let (header, failure) = (withheld.header(), refused.failure());
    let to = header.destination().map(|destination| destination.as_str());
    message(Head::error(header.reply_serial()?, &failure.name).to(to), &failure.text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(flags: Option<Flags>) -> Message {
        let call = Message::method_call("/x", "Y").sender(":1.5").destination("a.b");
        flags.into_iter().fold(call, zbus::message::Builder::with_flags).build(&()).unwrap()
    }

    fn reply(call: &Message, outbox: &Arc<Outbox>) -> Reply {
        Reply::new(&call.header(), Arc::clone(outbox), Permit::default())
    }

    /// The one reply that was sent, with what addresses it checked.
    fn only(outbox: &Outbox, call: &Message) -> Message {
        let mut sent = outbox.take();
        assert_eq!(sent.len(), 1);
        let header = sent[0].header();
        assert_eq!(header.reply_serial(), Some(call.primary_header().serial_num()));
        assert_eq!(header.destination().map(|to| to.to_string()), Some(":1.5".into()));
        drop(header);
        sent.remove(0)
    }

    fn error_name(message: &Message) -> String {
        message.header().error_name().unwrap().to_string()
    }

    #[test]
    fn answer_goes_to_the_caller() {
        let (call, outbox) = (call(None), Outbox::detached());
        reply(&call, &outbox).send(&"text");
        assert_eq!(only(&outbox, &call).body().deserialize::<&str>().unwrap(), "text");
    }

    #[test]
    fn dropped_reply_is_an_error() {
        let (call, outbox) = (call(None), Outbox::detached());
        drop(reply(&call, &outbox));
        assert_eq!(error_name(&only(&outbox, &call)), standard::FAILED);
    }

    #[test]
    fn unwanted_reply_is_not_sent() {
        let (call, outbox) = (call(Some(Flags::NO_REPLY_EXPECTED)), Outbox::detached());
        reply(&call, &outbox).send(&1u32);
        reply(&call, &outbox).fail(&Failure::invalid_args("x"));
        drop(reply(&call, &outbox));
        assert!(outbox.take().is_empty());
    }

    #[test]
    fn what_the_bus_cannot_hold_becomes_an_error() {
        let (call, outbox) = (call(None), Outbox::detached());
        reply(&call, &outbox).send(&"a\0b");
        let sent = only(&outbox, &call);
        assert_eq!(error_name(&sent), "org.qemu.QapiError.Unknown.BadReply");
        reply(&call, &outbox).send(&"x".repeat(25 << 20));
        let sent = only(&outbox, &call);
        assert_eq!(error_name(&sent), "org.qemu.QapiError.Unknown.ReplyTooLarge");
    }

    #[test]
    fn bad_signal_is_dropped() {
        let outbox = Outbox::detached();
        assert!(!outbox.send(Message::signal("/x", "x.y", "Z").build(&"a\0b").unwrap()));
        assert!(outbox.take().is_empty());
    }
}
