use super::*;
use crate::{
    dbus::{Protocol, tests::interface},
    emit::emit_man,
    prose::Prose,
};

const MACHINE: &str = "
    { 'enum': 'Kind', 'data': [ 'file', 'none', { 'name': 'old', 'features': [ 'deprecated' ] } ] }
    { 'struct': 'File', 'data': { 'path': 'str' } }
    { 'union': 'Target', 'base': { 'kind': 'Kind' }, 'discriminator': 'kind',
      'data': { 'file': 'File' } }
    { 'alternate': 'Either', 'data': { 'size': 'int', 'none': 'null' } }
    { 'command': 'run-job', 'data': { 'job-id': 'str', 'or': 'Either', '*to': [ 'Target' ] },
      'returns': [ 'Target' ] }
    { 'command': 'stop' }
    { 'command': 'getfd', 'data': { 'fdname': 'str' } }
    { 'event': 'STOP', 'data': { 'reason': 'Kind' } }
";

fn site(made: &Interface, read: impl FnOnce(&Site<'_>)) {
    let release = Release { protocol: Protocol::Qmp, versions: "1.0" };
    read(&Site { interface: made, release, prose: &Prose::default() });
}

fn page<'f>(files: &'f [(String, String)], path: &str) -> &'f str {
    let found = files.iter().find(|(name, _)| name == path);
    &found.unwrap_or_else(|| panic!("no {path}")).1
}

#[test]
fn each_definition_has_a_page() {
    site(&interface(&[MACHINE]), |site| {
        let files = emit_html(std::slice::from_ref(site));
        for path in [
            "command/run-job",
            "command/stop",
            "event/STOP",
            "type/Kind",
            "type/File",
            "type/Target",
            "type/Either",
        ] {
            page(&files, &format!("qmp/{path}.html"));
        }
        assert!(page(&files, "qmp/type/Kind.html").contains(">deprecated<"));
        assert!(page(&files, "qmp/type/File.html").contains("<a href=\"../type/Target.html\">"));
        let stop = page(&files, "search-index.js");
        assert!(stop.contains(r#"["STOP","StopEvent","event","qmp/event/STOP.html","#), "{stop}");
    });
}

#[test]
fn examples_say_the_same_in_each_language() {
    site(&interface(&[MACHINE]), |site| {
        let files = emit_html(std::slice::from_ref(site));
        let text = page(&files, "qmp/command/run-job.html");
        for example in [
            "RunJob &#39;sva{sv}&#39; job0 x 1 1 to &#39;aa{sv}&#39; 1 2 kind s file path s /etc/hostname",
            "monitor.run_job(&quot;job0&quot;, 1i64).to([qmp::Target::new(qmp::TargetBranch::File(\
             qmp::File::new(&quot;/etc/hostname&quot;)))]).await?",
            "print(bus.qmp().run_job(&quot;job0&quot;, 1, to=[{&quot;kind&quot;: &quot;file&quot;, \
             &quot;path&quot;: &quot;/etc/hostname&quot;}]))",
            "{&quot;execute&quot;: &quot;run-job&quot;, &quot;arguments&quot;: {",
        ] {
            assert!(text.contains(example), "{example}\n{text}");
        }
        let fd = page(&files, "qmp/command/getfd.html");
        assert!(fd.contains("monitor.getfd(std::fs::File::open"), "{fd}");
        assert!(!fd.contains("data-example=\"busctl\""));
    });
}

#[test]
fn what_is_said_is_text_and_never_markup() {
    let mut made = interface(&[MACHINE]);
    let hostile = "</p><script>alert('x')</script>\n.so /etc/passwd";
    for method in &mut made.methods {
        method.annotations[0].value = hostile.into();
    }
    site(&made, |site| {
        let files = emit_html(std::slice::from_ref(site));
        for (path, text) in files.iter().filter(|(path, _)| path.ends_with(".html")) {
            assert!(!text.contains("<script>"), "{path}: {text}");
        }
        for (path, text) in emit_man(site) {
            assert!(!text.contains("\n.so"), "{path}: {text}");
        }
    });
}
