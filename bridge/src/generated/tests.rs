use std::collections::BTreeSet;

use super::{qga, qmp};
use crate::transcode::shape::{Interface, Member, Object, Shape};

const ALL: [&Interface; 2] = [&qga::INTERFACE, &qmp::INTERFACE];

#[test]
fn methods_and_signals_are_found_by_their_keys() {
    for interface in ALL {
        assert!(interface.methods.is_sorted_by_key(|method| method.name));
        assert!(interface.signals.is_sorted_by_key(|signal| signal.event));
        for method in interface.methods {
            assert_eq!(interface.method(method.name).unwrap().command, method.command);
            assert_eq!(interface.command(method.command).unwrap().name, method.name);
        }
        for signal in interface.signals {
            assert_eq!(interface.signal(signal.event).unwrap().name, signal.name);
        }
    }
}

#[test]
fn every_object_is_searchable_and_every_union_has_its_tag() {
    for object in ALL.iter().flat_map(|interface| objects(interface)) {
        let name = object.name;
        assert!(object.members.is_sorted_by(|a, b| a.name < b.name), "{name}");
        if let Some(union) = &object.union {
            assert!(union.branches.is_sorted_by(|a, b| a.0 < b.0), "{name}");
            assert!(matches!(object.member(union.tag), Some(Shape::Str)), "{name}");
        }
    }
}

#[test]
fn positional_arguments_are_members_too() {
    for interface in ALL {
        let of_methods = interface.methods.iter().map(|each| (each.positional, each.arguments));
        let of_signals = interface.signals.iter().map(|each| (each.positional, each.data));
        for (positional, object) in of_methods.chain(of_signals) {
            let known = |member: &Member| object.member(member.name).is_some();
            assert!(positional.iter().all(known), "{positional:?}");
        }
    }
}

#[test]
fn signatures_are_those_of_the_introspection_data() {
    for interface in ALL {
        for method in interface.methods {
            let (arguments, result) = declared(interface.xml, "method", method.name);
            assert_eq!(method.signature(), arguments, "{}", method.name);
            let mut returned = String::new();
            method.result.iter().for_each(|shape| shape.push_signature(&mut returned));
            assert_eq!(returned, result, "{}", method.name);
        }
        for signal in interface.signals {
            let mut signature = String::new();
            signal.positional.iter().for_each(|each| each.shape.push_signature(&mut signature));
            let declared = declared(interface.xml, "signal", signal.name);
            assert_eq!((signature + "a{sv}", String::new()), declared, "{}", signal.name);
        }
    }
}

#[test]
fn nothing_is_missing() {
    let counts = |interface: &Interface| {
        let in_xml = |element: &str| interface.xml.matches(element).count();
        let xml = (in_xml("<method "), in_xml("<signal "));
        assert_eq!(xml, (interface.methods.len(), interface.signals.len()));
        xml
    };
    assert_eq!(counts(&qga::INTERFACE), (44, 0));
    assert_eq!(counts(&qmp::INTERFACE), (246, 59));
}

#[test]
fn no_signal_has_the_name_of_a_method() {
    for interface in ALL {
        assert!(interface.signals.iter().all(|signal| interface.method(signal.name).is_none()));
    }
    assert_eq!(qmp::INTERFACE.signal("STOP").unwrap().name, "StopEvent");
}

/// The signatures of a member's input, or of a signal, and of its output.
fn declared(xml: &str, element: &str, name: &str) -> (String, String) {
    let start = xml.find(&format!("<{element} name=\"{name}\">")).unwrap();
    let length = xml[start..].find(&format!("</{element}>")).unwrap();
    let (mut input, mut output) = (String::new(), String::new());
    for arg in xml[start..start + length].split("<arg ").skip(1) {
        let arg = &arg[..arg.find('>').unwrap()];
        let to = if arg.contains("direction=\"out\"") { &mut output } else { &mut input };
        to.push_str(arg.split("type=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap());
    }
    (input, output)
}

/// Every object in reach of an interface, each once.
fn objects(interface: &Interface) -> Vec<&'static Object> {
    let methods = interface.methods;
    let mut waiting: Vec<Shape> = methods.iter().filter_map(|method| method.result).collect();
    waiting.extend(methods.iter().map(|method| Shape::Object(method.arguments)));
    waiting.extend(interface.signals.iter().map(|signal| Shape::Object(signal.data)));
    let (mut seen, mut found) = (BTreeSet::new(), Vec::new());
    while let Some(shape) = waiting.pop() {
        match shape {
            Shape::Object(object) if seen.insert(std::ptr::from_ref(object)) => {
                found.push(object);
                waiting.extend(object.members.iter().map(|member| member.shape));
                let branches = object.union.iter().flat_map(|union| union.branches);
                waiting.extend(branches.map(|(_, object)| Shape::Object(object)));
            }
            Shape::List(element) => waiting.push(*element),
            Shape::Alternate(forms) => waiting.extend(forms),
            _ => {}
        }
    }
    found
}
