use super::*;
use crate::{
    dbus::tests::interface,
    emit::{GENERATED, tests::MACHINE},
};

/// The file of this name, without its header.
fn file(schema: &str, name: &str) -> String {
    let made = interface(&[schema]);
    let files = emit_rust(&made, &Release { protocol: Protocol::Qmp, versions: "1.0" });
    let (_, text) = files.into_iter().find(|(file, _)| file == name).unwrap();
    assert!(text.contains(GENERATED), "{text}");
    text.split_once("QEMU 1.0.\n\n").unwrap().1.into()
}

#[test]
fn module_is_as_expected() {
    let expected = r#"pub(super) mod types {
    use crate::{Members, Nothing, Null, Value, qmp};
    object! {
        /// QAPI `File`.
        File {
            must path "path" into String;
            must sizes "sizes" list u64;
            may next "next" into Box<qmp::Target>;
        }
    }
    object! {
        /// QAPI `Target`.
        Target {
            tag kind "kind" TargetBranch;
        }
    }
    branches! {
        /// What `kind` says of a `Target`.
        TargetBranch {
            with File "file" Box<qmp::File>;
            bare None "none";
        }
    }
    enumeration! {
        /// QAPI `Kind`.
        Kind {
            File "file";
            None "none";
        }
    }
}
pub(super) mod command {
    use crate::{Members, Nothing, Null, Value, qmp};
    object! {
        /// <https://www.qemu.org/docs/master/interop/qemu-qmp-ref.html#command-QMP-machine.run-job>
        RunJob {
            must job_id "job-id" into String;
            may target "target" plain qmp::Target;
        }
    }
    command! { RunJob "run-job" -> Vec<qmp::Target>; ["job-id" "s"] true Some("aa{sv}"), }
    object! {
        /// <https://www.qemu.org/docs/master/interop/qemu-qmp-ref.html#command-QMP-machine.stop>
        Stop {
        }
    }
    command! { Stop "stop" -> Nothing; [] false None, }
}
pub(super) mod event {
    use crate::{Members, Nothing, Null, Value, qmp};
    object! {
        /// <https://www.qemu.org/docs/master/interop/qemu-qmp-ref.html#event-QMP-machine.STOP>
        StopEvent {
            must reason "reason" into qmp::Kind;
        }
    }
    event! { StopEvent "STOP" "StopEvent" ["reason" "s"] }
}
"#;
    assert_eq!(file(MACHINE, "machine.rs"), expected);
}

#[test]
fn members_tell_their_age_and_end() {
    let text = file(
        "
        ##
        # @Job:
        #
        # @id: (since 2.0)
        # Since: 1.0
        ##
        { 'struct': 'Job', 'data': { 'z': 'str', 'a': 'str', '*old':
          { 'type': 'bool', 'features': [ 'deprecated' ] }, 'id': 'str' } }
        { 'command': 'query-jobs', 'returns': [ 'Job' ], 'features': [ 'deprecated', 'unstable' ] }
        ",
        "machine.rs",
    );
    for line in [
        "/// QAPI `Job`, since 1.0.",
        "must z \"z\" into String;\n            must a \"a\" into String;",
        "must #[doc = \"Since 2.0.\"] id \"id\" into String;",
        "may #[deprecated] old \"old\" plain bool;",
        "/// Unstable: QEMU promises nothing of it.\n        #[deprecated]\n        QueryJobs {",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn unions_as_arguments_are_given_whole() {
    let text = file(
        "
        { 'enum': 'Kind', 'data': [ 'file' ] }
        { 'struct': 'File', 'data': { 'next': 'Next' } }
        { 'union': 'Target', 'base': { 'kind': 'Kind' }, 'discriminator': 'kind',
          'data': { 'file': 'File' } }
        { 'alternate': 'Next', 'data': { 'target': 'Target', 'name': 'str' } }
        { 'command': 'open', 'data': 'Target', 'boxed': true }
        { 'struct': 'String', 'data': { 'str': 'str' } }
        { 'command': 'say', 'data': 'String', 'success-response': false, 'allow-oob': true }
        ",
        "machine.rs",
    );
    for line in [
        "boxed! {",
        "Open qmp::Target;",
        "            Target \"target\" Box<qmp::Target>, from qmp::Target;\n",
        "            Name \"name\" String, from &str;\n",
        // The circle is broken there already.
        "with File \"file\" qmp::File;",
        "must str \"str\" into String;",
        "[\"str\" \"s\"] false None, oob silent }",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn root_holds_every_module_and_event() {
    let text = file(MACHINE, "mod.rs");
    for line in [
        "mod machine;",
        "pub use machine::types::*;",
        "pub use super::machine::command::*;",
        "    Event {\n        StopEvent\n    }",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn calls_are_as_expected() {
    let schema = format!(
        "{MACHINE}
        {{ 'command': 'open', 'data': 'Target', 'boxed': true }}
        {{ 'command': 'getfd', 'data': {{ 'fdname': 'str' }} }}"
    );
    let release = Release { protocol: Protocol::Qmp, versions: "1.0" };
    let text = emit_calls(&interface(&[&schema]), &release);
    for line in [
        "    Monitor of qmp {\n",
        "        run_job RunJob (job_id: into String) {\n            target: plain qmp::Target;\n",
        "        open Open (arguments: into qmp::Target) {}\n",
        "        getfd Getfd [fd] (fdname: into String) {}\n",
        "        stop Stop () {}\n",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn service_and_interface_are_as_expected() {
    let schema = format!(
        "{MACHINE}
        {{ 'command': 'getfd', 'data': {{ 'fdname': 'str' }}, 'features': [ 'deprecated' ] }}"
    );
    let service = file(&schema, "service.rs");
    for line in [
        "        run_job \"run-job\" RunJob;\n",
        "#[deprecated]\n        getfd \"getfd\" Getfd fd;\n",
    ] {
        assert!(service.contains(line), "{line}\n{service}");
    }
    let text = file(&schema, "interface.rs");
    for line in [
        "#[zbus::interface(name = \"org.example.Machine1\", spawn = false)]",
        r#"    #[zbus(name = "RunJob", out_args("result"))]
    async fn run_job(&self, job_id: String, optional: Dictionary) -> Result<Answer<Vec<Dictionary>>, Refusal> {
        let arguments = Arguments::default().with("job-id", job_id).rest(optional).taken()?;
        answered(self.0.run_job(arguments).await, "aa{sv}")
    }
"#,
        r#"    #[zbus(name = "Getfd")]
    async fn getfd(&self, fd: zbus::OwnedFd, fdname: String) -> Result<(), Refusal> {
        let arguments = Arguments::default().with("fdname", fdname).taken()?;
        self.0.getfd(arguments, Some(fd.into())).await.map(drop)
    }
"#,
        r#"    #[zbus(signal, name = "StopEvent")]
    async fn stop_signal(emitter: &SignalEmitter<'_>, reason: String, optional: Dictionary) -> zbus::Result<()>;
"#,
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(!text.contains("deprecated"), "{text}");
}
