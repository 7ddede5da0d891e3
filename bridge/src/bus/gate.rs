//! Between a call that is understood and the one who does it: whether its caller may.
//!
//! Without authorization a call passes at once. With it, only the call itself is kept while its
//! verdict is asked for, and what was judged is what is done: the same bytes, for the same machine
//! or for none.

use std::{
    fmt, iter,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use tokio::task::AbortHandle;
use tracing::error;
use zbus::message::Header;

use crate::{
    auth::{Authority, Caller, Question, Rules, Verdict},
    endpoint::{Budget, Charge, Count, NotSent},
    transcode::shape::{Class, Method},
};

use super::{
    endpoint::{Choice, Endpoint},
    errors::{Failure, standard},
    objects::Objects,
    reply::Reply,
    waiting::{Lane, Waiting},
};

/// Lets calls pass, or asks first.
#[derive(Clone, Debug, Default)]
pub struct Gate(Option<Arc<Guard>>);

/// What a call is about to do.
#[derive(Clone, Copy)]
pub(super) struct Deed<'a> {
    /// Who answers; `None` is the bridge itself.
    endpoint: Option<&'a Arc<Endpoint>>,
    /// QAPI name, or the method's where it stands for no command.
    command: &'a str,
    /// Another one that it runs besides.
    also: Option<&'a str>,
    /// That of a method which stands for no command.
    class: Option<Class>,
    choice: Choice,
    /// Whether the caller wrote the request itself.
    raw: bool,
    /// What it keeps while it waits.
    bytes: usize,
}

/// A caller at the gate.
#[derive(Clone, Copy)]
pub(super) struct Entrance<'a> {
    pub(super) gate: &'a Gate,
    pub(super) call: &'a Header<'a>,
}

/// A call that said what it is about to do.
pub(super) struct Passage<'a>(Option<(&'a Arc<Guard>, Option<Declared>)>);

struct Declared {
    caller: Caller,
    question: Question,
    also: Option<Question>,
    endpoint: Option<Arc<Endpoint>>,
    bytes: usize,
}

#[derive(Debug)]
struct Guard {
    authority: Arc<Authority>,
    objects: Arc<Objects>,
    budget: Arc<Budget>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    stopping: bool,
    waiting: Waiting<Held>,
}

/// A call that waits.
struct Held {
    reply: Reply,
    run: Box<dyn FnOnce(Reply) + Send>,
    /// Whom it was judged for.
    endpoint: Option<Arc<Endpoint>>,
    _charge: Charge,
    /// Asks for the verdict; dropped with the call.
    _asking: Option<Asking>,
}

struct Asking(AbortHandle);

impl Gate {
    /// A gate at which this authority is asked.
    pub fn guarded(authority: Authority, objects: Arc<Objects>, budget: Arc<Budget>) -> Self {
        let (authority, state) = (Arc::new(authority), Mutex::default());
        Self(Some(Arc::new(Guard { authority, objects, budget, state })))
    }

    /// Puts other rules in force, for calls that are not decided yet.
    pub fn set_rules(&self, rules: Rules) {
        if let Some(guard) = &self.0 {
            guard.authority.set_rules(rules);
        }
    }

    /// Whether anybody is asked.
    pub(super) fn is_guarded(&self) -> bool {
        self.0.is_some()
    }

    /// Makes known who calls under a name that no bus gave.
    pub(super) fn introduce(&self, caller: &str, uid: u32, pid: u32) {
        if let Some(guard) = &self.0 {
            guard.authority.introduce(caller, uid, pid);
        }
    }

    /// Drops the calls of a caller who left: nobody waits for them, and he cannot be asked about.
    pub(super) fn forget(&self, caller: &str) {
        let Some(guard) = &self.0 else { return };
        // Dropped after the lock.
        let _gone = guard.lock().waiting.of_sender(caller);
        guard.authority.forget(caller);
    }

    /// Refuses what waits and what comes.
    pub fn stop(&self) {
        let Some(guard) = &self.0 else { return };
        let held = {
            let mut state = guard.lock();
            state.stopping = true;
            state.waiting.all()
        };
        held.into_iter().for_each(|held| held.reply.fail(&stopping()));
    }
}

impl<'a> Entrance<'a> {
    /// Whether a call for which there is no room is to be told of: of a flood hardly any.
    pub(super) fn overrun_is_due(self) -> bool {
        self.gate.0.as_ref().is_some_and(|guard| guard.authority.overrun_is_due())
    }

    /// Tells of a call for which there is no room.
    pub(super) fn overrun(self, deed: Deed<'_>, why: &str) {
        let Some(guard) = &self.gate.0 else { return };
        if let Some(declared) = deed.declared(&guard.authority, self.call) {
            guard.authority.overrun(&declared.caller, &declared.question, why);
        }
    }

    /// States what the call is about to do.
    pub(super) fn declare(self, deed: Deed<'_>) -> Passage<'a> {
        Passage(
            self.gate.0.as_ref().map(|guard| (guard, deed.declared(&guard.authority, self.call))),
        )
    }
}

impl Passage<'_> {
    /// Has `run` done now or, if the caller may do so and others are not before it, later; else
    /// the call is answered with why not.
    pub(super) fn pass(self, reply: Reply, run: impl FnOnce(Reply) + Send + 'static) {
        match self.0 {
            None => run(reply),
            Some((guard, Some(declared))) => guard.admit(declared, reply, run),
            Some((_, None)) => {
                let text = "a caller without a name on the bus cannot be authorized";
                reply.fail(&Failure::new(standard::ACCESS_DENIED, text));
            }
        }
    }
}

impl Guard {
    fn admit(
        self: &Arc<Self>,
        declared: Declared,
        reply: Reply,
        run: impl FnOnce(Reply) + Send + 'static,
    ) {
        let Declared { caller, question, also, endpoint, bytes } = declared;
        let lane = (caller.name().to_owned(), endpoint.as_ref().map_or(0, identity));
        let mut questions = iter::once(&question).chain(&also);
        let allowed = questions.all(|it| self.authority.remembers(&caller, it));
        let mut state = self.lock();
        let refused = match self.budget.charge(bytes) {
            _ if state.stopping => stopping(),
            _ if allowed && !state.waiting.is_busy(&lane) => {
                drop(state);
                return run(reply);
            }
            Ok(_charge) => {
                return state.waiting.add(lane.clone(), allowed, |id| {
                    let asking = (!allowed).then(|| self.ask(caller, question, also, lane, id));
                    Held { reply, run: Box::new(run), endpoint, _charge, _asking: asking }
                });
            }
            Err(spent) => {
                let text = format!("the arguments: {spent}");
                if self.authority.overrun_is_due() {
                    self.authority.overrun(&caller, &question, &text);
                }
                Failure::new(standard::LIMITS, &text)
            }
        };
        drop(state);
        reply.fail(&refused);
    }

    fn ask(
        self: &Arc<Self>,
        caller: Caller,
        question: Question,
        also: Option<Question>,
        lane: Lane,
        id: u64,
    ) -> Asking {
        let (authority, guard) = (Arc::clone(&self.authority), Arc::downgrade(self));
        let task = tokio::spawn(async move {
            let mut verdict = authority.decide(&caller, &question).await;
            if let (Verdict::Allowed, Some(also)) = (&verdict, &also) {
                verdict = authority.decide(&caller, also).await;
            }
            Self::decided(&guard, &lane, id, verdict);
        });
        Asking(task.abort_handle())
    }

    fn decided(guard: &Weak<Self>, lane: &Lane, id: u64, verdict: Verdict) {
        let Some(guard) = guard.upgrade() else { return };
        match failure(verdict) {
            None => guard.lock().waiting.allowed(lane, id),
            Some(failure) => {
                let held = guard.lock().waiting.refused(lane, id);
                if let Some(held) = held {
                    held.reply.fail(&failure);
                }
            }
        }
        // The lock is not held while a call is done: it may end here and its caller call again.
        while let Some(held) = { guard.lock().waiting.ready(lane) } {
            guard.perform(held);
        }
    }

    fn perform(&self, held: Held) {
        let Held { reply, run, endpoint, .. } = held;
        let endpoint = endpoint.as_ref();
        if endpoint.is_some_and(|endpoint| !self.serves(endpoint)) {
            let text = "the machine was removed or replaced while the call was authorized";
            return reply.fail(&Failure::not_sent(NotSent::Stale, text));
        }
        // A panic costs its own call only: unwinding drops its reply, which answers.
        if catch_unwind(AssertUnwindSafe(|| run(reply))).is_err() {
            error!("internal error in a call");
            if let Some(endpoint) = endpoint {
                endpoint.account().count(Count::InternalErrors);
            }
        }
    }

    fn serves(&self, endpoint: &Arc<Endpoint>) -> bool {
        let object = self.objects.get(&endpoint.settings().path);
        object.is_some_and(|object| object.endpoints.iter().any(|it| Arc::ptr_eq(it, endpoint)))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> Deed<'a> {
    /// A command with so many bytes of arguments.
    pub(super) fn command(
        endpoint: &'a Arc<Endpoint>,
        command: &'a str,
        choice: Choice,
        bytes: usize,
    ) -> Self {
        Self {
            endpoint: Some(endpoint),
            command,
            also: None,
            class: None,
            choice,
            raw: false,
            bytes,
        }
    }

    /// A method of an endpoint, or of the bridge, that stands for no command.
    pub(super) fn method(endpoint: Option<&'a Arc<Endpoint>>, method: &'static Method) -> Self {
        let (class, choice) = (Some(method.class), Choice::default());
        Self { endpoint, command: method.name, also: None, class, choice, raw: false, bytes: 0 }
    }

    /// Setting a property of the bridge itself.
    pub(super) fn setting(property: &'a str) -> Self {
        let (class, choice) = (Some(Class::Host), Choice::default());
        Self { endpoint: None, command: property, also: None, class, choice, raw: false, bytes: 0 }
    }

    /// The same and, for the same caller, another command.
    pub(super) fn and(self, command: &'a str) -> Self {
        Self { also: Some(command), ..self }
    }

    /// The same as the text of a request.
    pub(super) fn raw(self) -> Self {
        Self { raw: true, ..self }
    }

    fn class(&self) -> Class {
        match (self.class, self.endpoint) {
            (Some(class), _) => class,
            (None, Some(endpoint)) if !self.raw => endpoint.class(self.command, self.choice),
            (None, _) => Class::Host,
        }
    }

    /// Nothing of a caller without a name.
    fn declared(self, authority: &Authority, call: &Header<'_>) -> Option<Declared> {
        let caller = authority.caller(call)?;
        let also = self.also.map(|command| Self { command, also: None, ..self });
        let also = also.map(|deed| deed.question(authority, call));
        let question = self.question(authority, call);
        let endpoint = self.endpoint.map(Arc::clone);
        Some(Declared { caller, question, also, endpoint, bytes: self.bytes })
    }

    fn question(&self, authority: &Authority, call: &Header<'_>) -> Question {
        let (path, protocol) = match self.endpoint {
            Some(endpoint) => (&*endpoint.settings().path, endpoint.protocol().name()),
            None => (call.path().map_or("", |path| path.as_str()), "bridge"),
        };
        let question = authority.question(self.class(), &machine(path), self.command, protocol);
        if self.raw { question.raw() } else { question }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").field("reply", &self.reply).finish_non_exhaustive()
    }
}

fn identity(endpoint: &Arc<Endpoint>) -> usize {
    Arc::as_ptr(endpoint).addr()
}

/// The name of a machine as its object's path holds it: the last part, escaped as by
/// sd_bus_path_encode(3).
fn machine(path: &str) -> String {
    let last = path.rsplit('/').next().unwrap_or_default();
    let (mut name, mut rest) = (Vec::new(), last.as_bytes());
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = (byte == b'_').then(|| after.get(..2)).flatten();
        let escaped = escaped.and_then(|hex| std::str::from_utf8(hex).ok());
        match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(plain) => {
                name.push(plain);
                rest = &after[2..];
            }
            None => {
                name.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&name).into_owned()
}

/// The error of a call that is not allowed.
fn failure(verdict: Verdict) -> Option<Failure> {
    match verdict {
        Verdict::Allowed => None,
        Verdict::Denied(why) => Some(Failure::new(standard::ACCESS_DENIED, &why)),
        Verdict::Challenge(why) => Some(Failure::new(standard::INTERACTION, &why)),
        Verdict::Busy(why) => Some(Failure::new(standard::LIMITS, &why)),
    }
}

fn stopping() -> Failure {
    Failure::not_sent(NotSent::Stopping, "the bridge is about to end")
}
