mod classes;

use std::{
    env, process,
    sync::atomic::{AtomicU32, Ordering},
};

use super::*;
use crate::check;

/// A tree of its own, removed in the end.
struct Tree {
    root: PathBuf,
    project: Project,
}

impl Tree {
    /// One with this schema of the agent as release 9.2, where `guest-ping` is decided, and an empty
    /// one of the monitor.
    fn new(qga: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let root = env::temp_dir().join(format!("qapi-codegen-tree-{}-{count}", process::id()));
        let tree = Self { project: Project::at(&root), root };
        fs::create_dir_all(tree.root.join("introspection")).unwrap();
        tree.put("bridge/src/generated/mod.rs", "pub mod qga;\n");
        tree.put("schemas/qga/9.2/qapi-schema.json", qga);
        tree.put("schemas/qmp/9.2/qapi-schema.json", "");
        tree.put("schemas/classes.toml", "[qga]\nguest-ping = \"read\"\n");
        tree
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).unwrap()
    }

    fn output(&self) -> Result<Output> {
        generate(&self.project, &InterfaceNames::default())
    }

    /// Generates and writes; the paths that changed.
    fn update(&self) -> Vec<String> {
        let output = self.output().unwrap();
        let changed = output.write(&self.project).unwrap();
        changed.iter().map(|path| path.display().to_string()).collect()
    }

    fn diff(&self) -> String {
        check::diff(&self.project, &self.output().unwrap()).unwrap()
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

const XML: &str = "introspection/org.qemu.QgaQapi.xml";
const PING: &str = "{ 'command': 'guest-ping', 'data': { 'id': 'str' } }";

#[test]
fn files_are_written_once() {
    let tree = Tree::new(PING);
    let files = [
        XML,
        "introspection/org.qemu.QgaQapi.schema.json",
        "bridge/src/generated/qga.rs",
        "bridge/go/qga/qapi_schema_qapi.go",
        "bridge/python/src/qapi_dbus/qga.py",
        "bridge/python/src/qapi_dbus/_qga.py",
        "introspection/org.qemu.QmpQapi.xml",
        "introspection/org.qemu.QmpQapi.schema.json",
        "bridge/src/generated/qmp.rs",
        "bridge/python/src/qapi_dbus/qmp.py",
        "bridge/python/src/qapi_dbus/_qmp.py",
        "dbus-policy/polkit-1/actions/org.qemu.Bridge.policy",
        "bridge/types/src/generated/qga/qapi_schema.rs",
    ];
    let changed = tree.update();
    assert!(files.iter().all(|file| changed.iter().any(|path| path == file)), "{changed:?}");
    assert!(tree.text(XML).contains("GuestPing"));
    assert_eq!(tree.update(), [""; 0]);
    assert_eq!(tree.diff(), "");
}

#[test]
fn only_what_differs_is_written_and_told_as_a_diff() {
    let tree = Tree::new(PING);
    tree.update();
    let fresh = tree.text("bridge/src/generated/qga.rs");
    tree.put("bridge/src/generated/qga.rs", &fresh.replace("GuestPing", "GuestPong"));
    let diff = tree.diff();
    let header = "--- bridge/src/generated/qga.rs\n+++ bridge/src/generated/qga.rs\n@@";
    assert!(diff.starts_with(header), "{diff}");
    assert!(diff.contains("\n-        Method { name: \"GuestPong\""), "{diff}");
    assert!(diff.contains("\n+        Method { name: \"GuestPing\""), "{diff}");
    assert_eq!(tree.update(), ["bridge/src/generated/qga.rs"]);
}

#[test]
fn missing_files_and_orphans_are_told_and_orphans_removed() {
    let tree = Tree::new(PING);
    tree.update();
    fs::remove_file(tree.root.join(XML)).unwrap();
    let tables = tree.text("bridge/src/generated/qga.rs");
    tree.put("bridge/src/generated/old.rs", &tables);
    tree.put("bridge/src/generated/own.rs", "// Not generated.\n");
    let diff = tree.diff();
    assert!(diff.contains(&format!("--- /dev/null\n+++ {XML}\n")), "{diff}");
    assert!(diff.contains("--- bridge/src/generated/old.rs\n+++ /dev/null\n"), "{diff}");
    assert_eq!(tree.update(), [XML, "bridge/src/generated/old.rs"]);
    assert_eq!(tree.text("bridge/src/generated/own.rs"), "// Not generated.\n");
    assert_eq!(tree.diff(), "");
}

#[test]
fn released_signature_outlives_its_schema() {
    let tree = Tree::new(PING);
    tree.update();
    let released = tree.text(XML);
    let newer = "{ 'command': 'guest-ping', 'data': { '*wait': 'bool', '*id': 'str' } }";
    tree.put("schemas/qga/9.2/qapi-schema.json", newer);
    assert!(tree.update().contains(&"bridge/src/generated/qga.rs".to_owned()));
    assert_eq!(tree.text(XML), released);
}

#[test]
fn releases_are_ordered_by_number() {
    let tree = Tree::new("{ 'command': 'guest-ping', 'data': { 'id': 'int' } }");
    let newest = "{ 'command': 'guest-ping', 'data': { 'id': 'uint64' } }";
    tree.put("schemas/qga/10.0/qapi-schema.json", newest);
    for empty in ["9.10", "8.1", "11.0", "9.1.2"] {
        tree.put(&format!("schemas/qga/{empty}/qapi-schema.json"), "");
    }
    tree.update();
    assert!(tree.text(XML).contains("<arg name=\"id\" type=\"t\""));
    let tables = tree.text("bridge/src/generated/qga.rs");
    assert!(tables.contains("QEMU 8.1, 9.1.2, 9.2, 9.10, 10.0, 11.0."), "{tables}");
}

#[test]
fn summaries_are_read() {
    let tree = Tree::new(PING);
    tree.put("schemas/summaries.toml", "[qga]\nguest-ping = \"Is it there?\"\n");
    let output = tree.output().unwrap();
    assert_eq!(output.interfaces[0].documented, 1);
    assert!(output.files[0].1.contains("value=\"Is it there?\""));
    tree.put("schemas/summaries.toml", "[agent]\n");
    assert!(matches!(tree.output(), Err(Error::Toml(..))));
}

#[test]
fn interfaces_can_have_other_names() {
    let tree = Tree::new(PING);
    let names = InterfaceNames { qga: "org.example.Agent1".into(), ..InterfaceNames::default() };
    let output = generate(&tree.project, &names).unwrap();
    assert_eq!(output.files[0].0, Path::new("introspection/org.example.Agent1.xml"));
    assert!(output.files[2].1.contains("introspection/org.example.Agent1.xml"));
}

#[test]
fn mistakes_in_the_tree_name_the_place() {
    let tree = Tree::new(PING);
    tree.put("schemas/qga/next/qapi-schema.json", "");
    let error = tree.output().unwrap_err();
    assert!(error.to_string().contains("next: not a release number"), "{error}");
    fs::remove_dir_all(tree.root.join("schemas/qga")).unwrap();
    assert!(matches!(tree.output(), Err(Error::NoSchema(_))));
    tree.put("schemas/qga/9.2/qapi-schema.json", "{ 'command': 'guest-ping' ");
    let error = tree.output().unwrap_err();
    assert!(error.to_string().contains("qapi-schema.json:1:"), "{error}");
    tree.put("schemas/qga/9.2/qapi-schema.json", PING);
    tree.put(XML, "<node/>");
    assert!(matches!(tree.output(), Err(Error::Interface(Protocol::Qga, _))));
}

#[test]
fn tree_is_found_from_within() {
    let tree = Tree::new(PING);
    let inside = Project::around(&tree.root.join("schemas/qga/9.2")).unwrap();
    let diff = check::diff(&inside, &generate(&inside, &InterfaceNames::default()).unwrap());
    assert!(diff.unwrap().contains("GuestPing"));
    assert!(Project::around(Path::new("/")).is_none());
}
