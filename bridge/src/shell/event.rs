//! Events: as signals and as the bridge keeps them.

use serde_json::{Value, json};
use zbus::Message;

use super::{
    Members,
    fault::Fault,
    live::Live,
    machine::{Endpoint, Machine, own_interface, resembles, values},
    moment,
    schema::{self, Schema},
    text::{json as json_text, printable},
};
use crate::endpoint::Protocol;

/// What happened in a machine.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) name: String,
    /// As QEMU told it.
    pub(super) data: Members,
    /// Microseconds since the epoch, by QEMU's clock.
    pub(super) timestamp: u64,
    pub(super) sequence: u64,
}

/// What a signal of a monitor tells.
#[derive(Clone, Debug)]
pub(super) enum Told {
    Event(Event),
    /// So many events came faster than they may be passed on.
    Dropped(u64),
    /// The monitor is in this state now.
    State(String),
}

impl Event {
    fn new(name: String, mut data: Members) -> Self {
        let mut own = |key: &str| data.remove(key).and_then(|it| it.as_u64()).unwrap_or_default();
        let (timestamp, sequence) = (own("@timestamp"), own("@sequence"));
        own("@subscription");
        Self { name, data, timestamp, sequence }
    }

    /// A line about it, for people or for programs.
    pub(super) fn line(&self, machine: Option<&str>, json: bool) -> String {
        let Self { name, data, timestamp, sequence } = self;
        if json {
            let event = json!({ "machine": machine, "event": name, "timestamp": timestamp,
                "sequence": sequence, "data": data });
            return json_text(&event) + "\n";
        }
        let machine = machine.map(|it| format!("{}  ", printable(it))).unwrap_or_default();
        let head = format!("{}  {machine}{}", moment::written(*timestamp), printable(name));
        data.iter().fold(head, |line, (name, value)| {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            line + &printable(&format!("  {name}={value}"))
        }) + "\n"
    }
}

/// What a signal tells.
pub(super) fn told(signal: &Message) -> Option<Told> {
    let header = signal.header();
    let member = header.member().map(ToString::to_string).unwrap_or_default();
    let mut arguments = values(signal);
    match (member.as_str(), arguments.as_mut_slice()) {
        ("EventsDropped", [count, ..]) => Some(Told::Dropped(count.as_u64().unwrap_or(1))),
        ("PropertiesChanged", [Value::String(interface), changed, ..]) => {
            let state = changed.get("State").and_then(Value::as_str);
            let own = *interface == own_interface(Protocol::Qmp);
            state.filter(|_| own).map(|state| Told::State(state.to_owned()))
        }
        ("UnknownEvent", [Value::String(name), Value::Object(data)]) => {
            Some(Told::Event(Event::new(std::mem::take(name), std::mem::take(data))))
        }
        _ => {
            let signals = schema::interface(Protocol::Qmp).signals;
            let signal = signals.iter().find(|it| it.name == member)?;
            let Some(Value::Object(mut data)) = arguments.pop() else { return None };
            data.extend(signal.positional.iter().map(|it| it.name.to_owned()).zip(arguments));
            Some(Told::Event(Event::new(signal.event.to_owned(), data)))
        }
    }
}

/// The events that the bridge keeps, after this one.
pub(super) async fn since(monitor: &Endpoint, sequence: u64) -> Result<Vec<Event>, Fault> {
    let reply = monitor.own("EventsSince", &(sequence,)).await?;
    let Some(Value::Array(rows)) = values(&reply).pop() else { return Ok(Vec::new()) };
    let event = |row: Value| match row {
        Value::Array(row) => match row.as_slice() {
            [_, Value::String(name), Value::Object(data)] => {
                Some(Event::new(name.clone(), data.clone()))
            }
            _ => None,
        },
        _ => None,
    };
    Ok(rows.into_iter().filter_map(event).collect())
}

/// Members that an event must have, with values as they are typed: `device=disk1`, `info.reason=x`.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter(Vec<(String, String)>);

impl Filter {
    /// Reads them.
    pub(super) fn read(words: &[String]) -> Result<Self, Fault> {
        let pair = |word: &String| {
            let pair =
                word.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
            pair.ok_or_else(|| Fault::usage(format!("`{word}` is no condition; write NAME=VALUE")))
        };
        words.iter().map(pair).collect::<Result<_, _>>().map(Self)
    }

    /// Refuses members that one of the events has neither in the interface nor in one of the machines:
    /// they would be waited for in vain.
    pub(super) async fn check(&self, events: &[String], machines: &[Machine]) -> Result<(), Fault> {
        for event in events {
            let Err(fault) = self.fits(Schema::of(Protocol::Qmp), event) else { continue };
            let mut newer = false;
            for monitor in machines.iter().filter_map(|it| it.endpoint(Protocol::Qmp).ok()) {
                newer |= self.fits(Live::of(monitor).await.schema(), event).is_ok();
            }
            if !newer {
                return Err(fault);
            }
        }
        Ok(())
    }

    fn fits(&self, schema: Schema<'_>, event: &str) -> Result<(), Fault> {
        let Some(data) = schema.event(event) else { return Ok(()) };
        let members = data.members(&Members::new());
        let first = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
        let missing =
            self.0.iter().find(|(name, _)| !members.iter().any(|it| it.name == first(name)));
        let Some((name, _)) = missing else { return Ok(()) };
        let names: Vec<_> = members.iter().map(|it| it.name).collect();
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        Err(Fault::usage(format!("{event} has no member `{name}`"))
            .advise(format!("it has: {names}")))
    }

    /// Whether the event has them.
    pub(super) fn admits(&self, event: &Event) -> bool {
        self.0.iter().all(|(path, wanted)| {
            let shown =
                |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            find(&event.data, path).is_some_and(|value| shown(value) == *wanted)
        })
    }
}

fn find<'a>(data: &'a Members, path: &str) -> Option<&'a Value> {
    if let Some(value) = data.get(path) {
        return Some(value);
    }
    let (name, rest) = path.split_once('.')?;
    find(data.get(name)?.as_object()?, rest)
}

/// The names of events, as they are typed, in capitals or not.
///
/// # Errors
///
/// Neither the interface nor one of the machines has such an event.
pub(super) async fn names(typed: &str, machines: &[Machine]) -> Result<Vec<String>, Fault> {
    let mut names = Vec::new();
    for typed in typed.split(',') {
        match known(typed) {
            Some(name) => names.push(name.to_owned()),
            None if is_new(typed, machines).await => names.push(typed.to_owned()),
            None => return Err(unknown(typed)),
        }
    }
    Ok(names)
}

fn known(typed: &str) -> Option<&'static str> {
    let plain = typed.to_uppercase().replace('-', "_");
    let mut signals = schema::interface(Protocol::Qmp).signals.iter();
    signals.find(|it| it.event == plain || it.name == typed).map(|it| it.event)
}

/// Whether a QEMU that is newer than the interface has it.
async fn is_new(name: &str, machines: &[Machine]) -> bool {
    for monitor in machines.iter().filter_map(|it| it.endpoint(Protocol::Qmp).ok()) {
        let difference = monitor.get("SchemaDifference").await.unwrap_or_default();
        let new = difference["events-unknown"].as_array();
        if new.is_some_and(|new| new.iter().any(|it| it == name)) {
            return true;
        }
    }
    false
}

fn unknown(typed: &str) -> Fault {
    let signals = schema::interface(Protocol::Qmp).signals.iter().map(|it| it.event);
    let near: Vec<_> = signals.filter(|it| resembles(it, typed)).take(5).collect();
    let fault = Fault::usage(format!("`{}` is no event", printable(typed)));
    match near.as_slice() {
        [] => fault.advise("`qapi-dbus list events` names them"),
        near => fault.advise(format!("did you mean {}?", near.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(data: Value) -> Event {
        Event::new("X".into(), data.as_object().unwrap().clone())
    }

    #[test]
    fn a_line_tells_when_where_and_what() {
        let event =
            event(json!({"@timestamp": 1_000_000, "@sequence": 7, "id": "a\u{1b}", "n": 1}));
        assert_eq!(
            event.line(Some("vm"), false),
            "1970-01-01T00:00:01.000000Z  vm  X  id=a\\u{1b}  n=1\n"
        );
        assert!(event.line(None, true).contains("\"sequence\":7"));
    }

    #[test]
    fn conditions_reach_into_the_data() {
        let filter = |word: &str| Filter::read(&[word.to_owned()]).unwrap();
        let event = event(json!({"device": "d", "size": 12, "info": {"reason": "x"}}));
        for (word, admits) in [
            ("device=d", true),
            ("size=12", true),
            ("info.reason=x", true),
            ("device=e", false),
            ("y=1", false),
        ] {
            assert_eq!(filter(word).admits(&event), admits, "{word}");
        }
        let wrong = filter("a=1").fits(Schema::of(Protocol::Qmp), "STOP").unwrap_err();
        assert!(wrong.to_string().contains("STOP has no member `a`"));
        assert!(Filter::read(&["a".into()]).is_err());
    }

    #[test]
    fn events_are_known_by_name() {
        assert_eq!(known("device_deleted"), Some("DEVICE_DELETED"));
        assert_eq!(known("StopEvent"), Some("STOP"));
        assert!(unknown("DEVICE_DELETE").to_string().contains("DEVICE_DELETED"));
    }
}
