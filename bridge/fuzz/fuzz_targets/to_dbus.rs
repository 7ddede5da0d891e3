//! Any JSON text for any result or event: what is taken becomes a body that the bus lets pass,
//! within its depth as the strictest bus counts it, and of the size that was foretold. An event
//! is always taken.

#![no_main]

mod shapes;

use libfuzzer_sys::fuzz_target;
use qapi_dbus::transcode::{self, Body, Head, Json, Part, shape::Shape, signal_parts};
use serde::{Serialize, Serializer, ser::SerializeTuple};
use shapes::Subject;
use zbus::{DynamicType, Message, Signature};

fuzz_target!(|bytes: &[u8]| {
    let (name, text) = shapes::first_line(bytes);
    let Ok(value) = Json::parse(text) else { return };
    match shapes::subject(name) {
        Subject::Method(method) => {
            for shape in [method.result.unwrap_or(Shape::Any), Shape::Any] {
                let parts = [Part { name: "result", shape, value: value.clone() }];
                Body::new(&parts).into_iter().for_each(passes);
            }
        }
        Subject::Signal(signal) => passes(Body::new(&signal_parts(signal, value, 1, 2)).unwrap()),
    }
});

fn passes(body: Body<'_>) {
    let message = transcode::message(Head::signal("/", "org.example", "Test"), &body).unwrap();
    message.body().validate().unwrap();
    assert_eq!(message.body().len(), body.size().unwrap());
    // dbus-broker counts the list of arguments as a container.
    let deeper = Message::signal("/", "org.example", "Test");
    deeper.build(&Deeper(Deeper(body))).unwrap().body().validate().unwrap();
}

/// A body that is one structure; the outermost one is not on the wire.
struct Deeper<T>(T);

impl<T: DynamicType> DynamicType for Deeper<T> {
    fn signature(&self) -> Signature {
        Signature::structure([self.0.signature()])
    }
}

impl<T: Serialize> Serialize for Deeper<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut tuple = to.serialize_tuple(1)?;
        tuple.serialize_element(&self.0)?;
        tuple.end()
    }
}
