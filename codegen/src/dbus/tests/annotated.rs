//! What the XML says beside names and types.

use super::*;

fn value<'a>(annotations: &'a [Annotation], name: &str) -> Option<&'a str> {
    super::annotations::value(annotations, name)
}

#[test]
fn qapi_facts_are_annotated() {
    let made = interface(&["
        ##
        # @job-run:
        #
        # Since: 6.1
        ##
        { 'command': 'job-run', 'features': [ 'deprecated', 'fast' ],
          'data': { 'job-id': 'str', 'name': { 'type': 'str', 'features': [ 'deprecated' ] } } }
        { 'command': 'job-stop' }
    "]);
    let [run, stop] = &made.methods[..] else { panic!("{:?}", made.methods) };
    assert_eq!(value(&run.annotations, annotations::NAME), Some("job-run"));
    assert_eq!(value(&run.annotations, annotations::SINCE), Some("6.1"));
    assert_eq!(value(&run.annotations, annotations::FEATURES), Some("deprecated,fast"));
    assert_eq!(value(&run.annotations, "org.freedesktop.DBus.Deprecated"), Some("true"));
    for absent in [annotations::SINCE, annotations::FEATURES, "org.freedesktop.DBus.Deprecated"] {
        assert_eq!(value(&stop.annotations, absent), None);
    }
    let [id, name] = &run.positional[..] else { panic!("{:?}", run.positional) };
    assert_eq!(value(&id.annotations, annotations::NAME), Some("job-id"));
    assert_eq!(value(&name.annotations, annotations::NAME), None);
    assert_eq!(value(&name.annotations, annotations::FEATURES), Some("deprecated"));
}

#[test]
fn summary_is_the_doc_and_its_absence_a_reference() {
    let schema = schema("{ 'command': 'run' } { 'command': 'stop' } { 'event': 'STOP' }");
    let versions = [Version { name: "1.0", schema: &schema }];
    let summaries = Summaries {
        commands: [("run".into(), "Go.".into()), ("gone".into(), "Went.".into())].into(),
        events: [("STOP".into(), "It stopped.".into())].into(),
    };
    let source = Source {
        protocol: Protocol::Qmp,
        interface: INTERFACE,
        versions: &versions,
        ledger: &Ledger::default(),
        summaries: &summaries,
    };
    let made = build(&source).unwrap();
    let docs: Vec<_> = made.methods.iter().map(|method| &method.annotations).collect();
    assert_eq!(value(docs[0], annotations::DOC), Some("Go."));
    let page = "https://www.qemu.org/docs/master/interop/qemu-qmp-ref.html";
    let address = format!("{page}#command-QMP-machine.stop");
    assert_eq!(value(docs[1], annotations::DOC), Some(address.as_str()));
    assert_eq!(value(&made.signals[0].annotations, annotations::DOC), Some("It stopped."));
    assert_eq!(made.documented, 2);
    assert!(made.notices.iter().any(|note| note.contains("'gone'")), "{:?}", made.notices);
}

#[test]
fn generators_are_told_what_they_cannot_see() {
    let made = interface(&["
        { 'struct': 'Info', 'data': {} }
        { 'command': 'getfd', 'data': { 'fdname': 'str' } }
        { 'command': 'snapshot', 'data': { '*id': 'str' }, 'returns': [ 'Info' ] }
        { 'command': 'snapshot-sync', 'data': { 'id': 'str', 'options': 'Info' } }
        { 'command': 'guest-sync' }
        { 'event': 'DONE', 'data': { 'id': 'str' } }
    "]);
    let method =
        |name: &str| &made.methods.iter().find(|method| method.name == name).unwrap().annotations;
    let c_name = "org.gtk.GDBus.C.Name";
    assert_eq!(value(method("SnapshotSync"), c_name), Some("SnapshotSyncCommand"));
    assert_eq!(value(method("GuestSync"), c_name), None);
    assert_eq!(value(method("Getfd"), "org.gtk.GDBus.C.UnixFD"), Some("true"));
    let qt = |annotations, at: &str| {
        value(annotations, &format!("org.qtproject.QtDBus.QtTypeName.{at}"))
    };
    assert_eq!(qt(method("Snapshot"), "In0"), Some("QVariantMap"));
    assert_eq!(qt(method("Snapshot"), "Out0"), Some("QList<QVariantMap>"));
    assert_eq!(qt(method("SnapshotSync"), "In0"), None);
    assert_eq!(qt(method("SnapshotSync"), "In1"), Some("QVariantMap"));
    assert_eq!(qt(&made.signals[0].annotations, "Out1"), Some("QVariantMap"));
}
