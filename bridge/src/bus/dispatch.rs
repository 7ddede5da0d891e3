//! From a call on the connection to the one who answers it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use tracing::error;
use zbus::{
    Message,
    message::{self, Header, Type},
};

use crate::{
    endpoint::Count,
    transcode::{
        Json,
        shape::{Interface, Method},
    },
};

use super::{
    departures,
    endpoint::{Choice, Endpoint},
    errors::{Failure, standard as names},
    gate::{Deed, Entrance, Gate},
    guard::Outbox,
    incoming::Answerer,
    limits::Limits,
    objects::{Object, Objects},
    own,
    permits::{Permit, Permits},
    qapi,
    reply::Reply,
    service::Service,
    standard,
};

/// Answers the calls of one connection, in the order in which they come.
#[derive(Debug)]
pub struct Dispatcher {
    objects: Arc<Objects>,
    outbox: Arc<Outbox>,
    permits: Arc<Permits>,
    gate: Gate,
}

/// Who answers the calls of an interface.
#[derive(Clone, Copy)]
enum Owner<'a> {
    Standard,
    Qapi(&'a Arc<Endpoint>),
    Own(&'a Arc<Endpoint>),
    Service(&'a Arc<dyn Service>),
}

impl Dispatcher {
    /// A dispatcher for these objects, of calls that come through `gate`.
    pub fn new(objects: Arc<Objects>, outbox: Arc<Outbox>, gate: Gate, limits: &Limits) -> Self {
        let permits = Permits::new(limits.calls, limits.calls_per_sender);
        Self { objects, outbox, permits, gate }
    }

    /// The same for calls that are answered by another way.
    pub(super) fn through(&self, outbox: Arc<Outbox>) -> Self {
        let (objects, permits) = (Arc::clone(&self.objects), Arc::clone(&self.permits));
        Self { objects, outbox, permits, gate: self.gate.clone() }
    }

    /// How many calls are in flight.
    pub fn calls(&self) -> usize {
        self.permits.held()
    }

    /// Tells the endpoint whose interface is called.
    fn addressed(&self, header: &Header<'_>, tell: impl FnOnce(&Endpoint)) {
        let object = header.path().and_then(|path| self.objects.get(path));
        let (Some(object), Some(interface)) = (object, header.interface()) else { return };
        let is_its = |endpoint: &&Arc<Endpoint>| {
            endpoint.interfaces().iter().any(|served| served.name == interface.as_str())
        };
        if let Some(endpoint) = object.endpoints.iter().find(is_its) {
            tell(endpoint);
        }
    }

    fn dispatch(&self, message: &Message) {
        let header = message.header();
        match self.permits.acquire(header.sender()) {
            Ok(permit) => {
                self.outbox.activity().notify(1);
                self.admitted(message, &header, permit);
            }
            Err(text) => {
                self.overrun(&header, &text);
                let reply = Reply::new(&header, Arc::clone(&self.outbox), Permit::default());
                reply.fail(&Failure::new(names::LIMITS, &text));
            }
        }
    }

    fn overrun(&self, header: &Header<'_>, why: &str) {
        let entrance = Entrance { gate: &self.gate, call: header };
        if !entrance.overrun_is_due() {
            return;
        }
        let object = header.path().and_then(|path| self.objects.get(path));
        let deed = match self.find(object.as_deref(), header) {
            Ok((Owner::Qapi(endpoint), method)) => {
                Deed::command(endpoint, method.command, Choice::default(), 0)
            }
            Ok((Owner::Own(endpoint), method)) => Deed::method(Some(endpoint), method),
            Ok((Owner::Service(_) | Owner::Standard, method)) => Deed::method(None, method),
            Err(_) => return,
        };
        entrance.overrun(deed, why);
    }

    fn admitted(&self, message: &Message, header: &Header<'_>, permit: Permit) {
        let reply = Reply::new(header, Arc::clone(&self.outbox), permit);
        let body = message.body();
        let object = header.path().and_then(|path| self.objects.get(path));
        let object = object.as_deref();
        let entrance = Entrance { gate: &self.gate, call: header };
        match self.find(object, header) {
            Ok((Owner::Qapi(endpoint), method)) => {
                qapi::answer(entrance, endpoint, method, &body, reply);
            }
            Ok((Owner::Own(endpoint), method)) => {
                own::answer(entrance, endpoint, method, &body, reply);
            }
            Ok((Owner::Service(service), method)) => {
                let service = Arc::clone(service);
                let passage = entrance.declare(Deed::method(None, method));
                match qapi::decode(method, &body) {
                    Ok(call) => passage.pass(reply, move |reply| {
                        let arguments = Json::parse(&call.arguments).unwrap_or(Json::Null);
                        match service.call(method, &arguments) {
                            Ok(()) => reply.send(&()),
                            Err(failure) => reply.fail(&failure),
                        }
                    }),
                    Err(failure) => reply.fail(&failure),
                }
            }
            Ok((Owner::Standard, method)) => {
                let path = header.path().map_or("", |path| path.as_str());
                let place = standard::Place { objects: &self.objects, path, object };
                decoded(method, &body, reply, |arguments, reply| {
                    standard::answer(entrance, place, method, arguments, reply);
                });
            }
            Err(failure) => reply.fail(&failure),
        }
    }

    /// The one who answers; without an interface, the first that has the member.
    fn find<'a>(
        &self,
        object: Option<&'a Object>,
        header: &Header<'_>,
    ) -> Result<(Owner<'a>, &'static Method), Failure> {
        let path = header.path().map_or("", |path| path.as_str());
        let interface = header.interface().map(|name| name.as_str());
        let member = header.member().map_or("", |member| member.as_str());
        let mut known = false;
        for (served, owner) in self.served(path, object) {
            if interface.is_none_or(|interface| interface == served.name) {
                known = true;
                if let Some(method) = served.method(member) {
                    return Ok((owner, method));
                }
            }
        }
        Err(self.missing(path, object, interface, member, known))
    }

    /// The interfaces at a path.
    fn served<'a>(
        &self,
        path: &str,
        object: Option<&'a Object>,
    ) -> impl Iterator<Item = (&'static Interface, Owner<'a>)> {
        let endpoints = object.map_or(&[][..], |object| &object.endpoints);
        let service = object.and_then(|object| object.service.as_ref());
        let service = service.map(|service| (service.interface(), Owner::Service(service)));
        let own = endpoints.iter().flat_map(|endpoint| {
            let (qapi, own) = (Owner::Qapi(endpoint), Owner::Own(endpoint));
            [(endpoint.qapi(), qapi), (endpoint.interface(), own)]
        });
        let exists = object.is_some() || self.objects.contains(path);
        let standard = standard::interfaces(path, exists);
        own.chain(service).chain(standard.map(|interface| (interface, Owner::Standard)))
    }

    fn missing(
        &self,
        path: &str,
        object: Option<&Object>,
        interface: Option<&str>,
        member: &str,
        known: bool,
    ) -> Failure {
        if object.is_none() && !self.objects.contains(path) {
            let text = format!("no object at `{path}`; there is {}", self.objects.summary(", "));
            return Failure::new(names::UNKNOWN_OBJECT, &text);
        }
        let interface = interface.unwrap_or("(any)");
        if !known {
            let text = format!("the object at `{path}` has no interface `{interface}`");
            return Failure::new(names::UNKNOWN_INTERFACE, &text);
        }
        let hint = object.map_or(String::new(), Object::hint);
        let text = format!("interface `{interface}` has no method `{member}`{hint}");
        Failure::new(names::UNKNOWN_METHOD, &text)
    }
}

impl Answerer for Dispatcher {
    /// A panic costs its own call only: unwinding drops its [`Reply`], which answers.
    fn take(&self, message: &Message) {
        let handle = || match message.message_type() {
            Type::MethodCall => self.dispatch(message),
            Type::Signal => departures::signal(message, &self.objects, &self.gate),
            Type::MethodReturn | Type::Error => {}
        };
        if catch_unwind(AssertUnwindSafe(handle)).is_err() {
            let header = message.header();
            error!(member = ?header.member(), "internal error in a call");
            self.addressed(&header, |endpoint| endpoint.account().count(Count::InternalErrors));
        }
    }
}

/// Answers with the arguments of a call to the bridge itself.
fn decoded(
    method: &'static Method,
    body: &message::Body,
    reply: Reply,
    answer: impl FnOnce(&Json<'_>, Reply),
) {
    match qapi::decode(method, body) {
        Ok(call) => answer(&Json::parse(&call.arguments).unwrap_or(Json::Null), reply),
        Err(failure) => reply.fail(&failure),
    }
}

impl Object {
    /// How a command that the schema does not know can be reached all the same.
    fn hint(&self) -> String {
        let first = self.endpoints.first();
        first.map_or(String::new(), |endpoint| {
            format!("; {}.Call takes any command by its QAPI name", endpoint.interface().name)
        })
    }
}
