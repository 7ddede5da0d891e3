//! An authentication agent, which polkit has ask the user.

use crate::{bus::Bus, soon};
use std::{collections::HashMap, fs, future::poll_fn, pin::Pin};
use zbus::{Connection, Message, MessageStream, Variant, export::futures_core::Stream};

/// The agent for the clients of this test, whatever user they are: to polkit they are its process,
/// which is root's, and so must the agent be.
#[derive(Debug)]
pub struct Prompter {
    messages: MessageStream,
    connection: Connection,
}

/// What the user is asked.
#[derive(Debug)]
pub struct Prompt {
    call: Message,
    /// Which of them.
    pub cookie: String,
    /// The text that is shown.
    pub message: String,
}

impl Prompter {
    /// Registers one with polkit.
    pub async fn register(bus: &Bus) -> Self {
        let connection = bus.connect().await;
        let messages = MessageStream::from(&connection);
        let subject = [
            ("pid", Variant::from(std::process::id())),
            ("start-time", Variant::from(start_time())),
        ];
        let subject = ("unix-process", HashMap::from(subject));
        call(&connection, "RegisterAuthenticationAgent", &(subject, "C", "/agent")).await;
        Self { messages, connection }
    }

    /// The next question to the user.
    pub async fn prompt(&mut self) -> Prompt {
        let call = self.called("BeginAuthentication").await;
        let (message, cookie) = {
            let body = call.body();
            type Question<'a> = (
                &'a str,
                String,
                &'a str,
                HashMap<&'a str, &'a str>,
                String,
                Vec<(&'a str, HashMap<&'a str, Variant<'a>>)>,
            );
            let (_, message, _, _, cookie, _): Question<'_> = body.deserialize().unwrap();
            (message, cookie)
        };
        Prompt { call, cookie, message }
    }

    /// The administrator says who he is.
    pub async fn agree(&self, prompt: &Prompt) {
        let identity = ("unix-user", HashMap::from([("uid", Variant::from(0u32))]));
        let answer = (0u32, &prompt.cookie, identity);
        call(&self.connection, "AuthenticationAgentResponse2", &answer).await;
        self.close(prompt).await;
    }

    /// The prompt goes away without an answer, unless there was one before.
    pub async fn close(&self, prompt: &Prompt) {
        self.connection.reply(&prompt.call.header(), &()).await.unwrap();
    }

    /// Waits until polkit takes a prompt away.
    pub async fn cancelled(&mut self) -> String {
        let call = self.called("CancelAuthentication").await;
        self.connection.reply(&call.header(), &()).await.unwrap();
        call.body().deserialize().unwrap()
    }

    /// Whether nobody is asked.
    pub fn is_idle(&mut self) -> bool {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        loop {
            match Pin::new(&mut self.messages).poll_next(&mut context) {
                std::task::Poll::Ready(Some(Ok(message))) if !is_call(&message, "") => {}
                other => return other.is_pending(),
            }
        }
    }

    async fn called(&mut self, member: &str) -> Message {
        loop {
            let next = poll_fn(|context| Pin::new(&mut self.messages).poll_next(context));
            let message = soon(member, next).await.unwrap().unwrap();
            if is_call(&message, member) {
                return message;
            }
        }
    }
}

fn is_call(message: &Message, member: &str) -> bool {
    message.message_type() == zbus::message::Type::MethodCall
        && (member.is_empty() || message.header().member().is_some_and(|it| it == member))
}

async fn call<B>(connection: &Connection, method: &str, body: &B)
where
    B: zbus::export::serde::Serialize + zbus::wire::DynamicType,
{
    let path = "/org/freedesktop/PolicyKit1/Authority";
    let name = Some("org.freedesktop.PolicyKit1");
    let interface = Some("org.freedesktop.PolicyKit1.Authority");
    soon(method, connection.call_method(name, path, interface, method, body)).await.unwrap();
}

/// When this process began, as the kernel counts: the 22nd value, where the second is a name in
/// parentheses.
fn start_time() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let values = stat.rsplit(')').next().unwrap();
    values.split_whitespace().nth(19).unwrap().parse().unwrap()
}
