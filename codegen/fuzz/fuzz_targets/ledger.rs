//! Any bytes are a ledger or are refused; what is promised by one is printed and read back the
//! same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use qapi_codegen::{
    dbus::{self, Class, Interface, Ledger, Protocol, Source, Summaries},
    emit,
};

fuzz_target!(|xml: &str| {
    let Ok(ledger) = Ledger::read_sole(xml) else { return };
    let Ok(interface) = promised(&ledger) else { return };
    let printed = emit::emit_xml(&interface);
    let read = Ledger::read_sole(&printed).unwrap();
    // What is not promised is gone, and the notices say so.
    if interface.notices.iter().all(|notice| notice.ends_with("stays as the ledger has it")) {
        assert_eq!(without_classes(&read), without_classes(&ledger));
    }
    assert_eq!(emit::emit_xml(&promised(&read).unwrap()), printed);
});

/// The interface of which no schema says anything any more.
fn promised(ledger: &Ledger) -> dbus::Result<Interface> {
    dbus::build(&Source {
        protocol: Protocol::Qmp,
        interface: Protocol::Qmp.interface(),
        versions: &[],
        ledger,
        summaries: &Summaries::default(),
    })
}

/// A ledger as text. What was released before there were classes has one from now on.
fn without_classes(ledger: &Ledger) -> String {
    let classes = Class::ALL.map(|class| format!("class: {:?}", Some(class)));
    let text = format!("{ledger:?}").replace("class: None", "");
    classes.iter().fold(text, |text, class| text.replace(class, ""))
}
