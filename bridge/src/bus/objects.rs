//! The tree of objects and its introspection. Objects come and go while calls are answered.

use std::{
    collections::BTreeMap,
    fmt::Write,
    ops::Bound::{Included, Unbounded},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
};

use crate::transcode::shape::Interface;

use super::{endpoint::Endpoint, manager, service::Service, standard};

/// What every introspection document opens with.
const DOCTYPE: &str = "<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection \
                       1.0//EN\"\n \"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n";

/// Paths that a text for people names.
const NAMED: usize = 8;

/// Every object on the bus, by path.
#[derive(Debug, Default)]
pub struct Objects(RwLock<Tree>);

type Tree = BTreeMap<Arc<str>, Arc<Object>>;

/// One object: the endpoints of one machine, or a service of the bridge itself. It never changes: where an endpoint comes or goes,
/// another object takes its place, and so does a later machine of the same name.
#[derive(Debug, Default)]
pub struct Object {
    /// Monitor, agent, or both.
    pub endpoints: Vec<Arc<Endpoint>>,
    /// Another interface.
    pub service: Option<Arc<dyn Service>>,
}

impl Objects {
    /// Puts an object at a path, and gives the one that was there.
    pub fn put(&self, path: impl Into<Arc<str>>, object: Object) -> Option<Arc<Object>> {
        self.write(|tree| tree.insert(path.into(), Arc::new(object)))
    }

    /// Takes the object of a path away; calls that found it before are still answered.
    pub fn remove(&self, path: &str) -> Option<Arc<Object>> {
        self.write(|tree| tree.remove(path))
    }

    /// The object of this path.
    pub fn get(&self, path: &str) -> Option<Arc<Object>> {
        self.read().get(path).map(Arc::clone)
    }

    /// Every object that there is now, with its path.
    pub fn all(&self) -> Vec<(Arc<str>, Arc<Object>)> {
        self.read().iter().map(|(path, object)| (Arc::clone(path), Arc::clone(object))).collect()
    }

    /// Every endpoint that there is now.
    pub fn endpoints(&self) -> Vec<Arc<Endpoint>> {
        self.read().values().flat_map(|object| &object.endpoints).map(Arc::clone).collect()
    }

    /// How many endpoints are ready, and how many there are.
    pub fn tally(&self) -> (usize, usize) {
        let tree = self.read();
        let endpoints = tree.values().flat_map(|object| &object.endpoints);
        endpoints.fold((0, 0), |(ready, all), it| (ready + usize::from(it.is_ready()), all + 1))
    }

    /// The first paths, and how many there are besides, for people.
    pub fn summary(&self, separator: &str) -> String {
        let tree = self.read();
        // What every service has is not worth a word.
        let all = || tree.keys().filter(|path| !path.starts_with("/org/freedesktop/"));
        let mut named: Vec<_> = all().take(NAMED).map(|path| path.to_string()).collect();
        if let more @ 1.. = all().count() - named.len() {
            named.push(format!("and {more} more"));
        }
        named.join(separator)
    }

    /// The introspection document of a path, if an object stands there or below it.
    pub fn introspect(&self, path: &str) -> Option<String> {
        let object = self.get(path);
        let mut xml = [DOCTYPE, "<node>\n", standard::XML].concat();
        if path == manager::ROOT {
            xml.push_str(manager::XML);
        }
        if let Some(object) = &object {
            object.describe(&mut xml);
        }
        let tree = self.read();
        let mut children = Children::of(&tree, path).peekable();
        if children.peek().is_none() && object.is_none() {
            return None;
        }
        for child in children {
            // Writing to a string cannot fail.
            _ = writeln!(xml, "  <node name=\"{child}\"/>");
        }
        xml.push_str("</node>\n");
        Some(xml)
    }

    /// Whether an object stands at or below a path.
    pub fn contains(&self, path: &str) -> bool {
        let tree = self.read();
        tree.contains_key(path) || Children::of(&tree, path).next().is_some()
    }

    fn read(&self) -> RwLockReadGuard<'_, Tree> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write<T>(&self, change: impl FnOnce(&mut Tree) -> T) -> T {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The names of the nodes right below a path, by one look-up each: all that is below a child sorts
/// before the child's name and `0`, which follows the separator.
struct Children<'a> {
    tree: &'a Tree,
    prefix: String,
    from: String,
}

impl<'a> Children<'a> {
    fn of(tree: &'a Tree, path: &str) -> Self {
        let prefix = if path == "/" { "/".to_owned() } else { format!("{path}/") };
        // The root would be its own child.
        Self { tree, from: format!("{prefix}\u{1}"), prefix }
    }
}

impl<'a> Iterator for Children<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.tree.range::<str, _>((Included(self.from.as_str()), Unbounded));
        let below = rest.map(|(path, _)| path).next()?.strip_prefix(self.prefix.as_str())?;
        let child = below.split('/').next()?;
        self.from = format!("{}{child}0", self.prefix);
        Some(child)
    }
}

impl Object {
    /// One with these endpoints.
    pub fn of(endpoints: Vec<Arc<Endpoint>>) -> Self {
        Self { endpoints, service: None }
    }

    /// Its interfaces besides the standard ones.
    pub(super) fn interfaces(&self) -> impl Iterator<Item = &'static Interface> {
        let endpoints = self.endpoints.iter().flat_map(|endpoint| endpoint.interfaces());
        endpoints.chain(self.service.iter().map(|service| service.interface()))
    }

    fn describe(&self, xml: &mut String) {
        for interface in self.interfaces() {
            xml.push_str("  ");
            xml.push_str(interface_of(interface.xml));
            xml.push('\n');
        }
    }
}

/// The `<interface>` element of an introspection document.
fn interface_of(xml: &str) -> &str {
    const END: &str = "</interface>";
    match (xml.find("<interface"), xml.rfind(END)) {
        (Some(start), Some(end)) => &xml[start..end + END.len()],
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::endpoint::tests::endpoint;

    fn objects(paths: &[&str]) -> Objects {
        let objects = Objects::default();
        for path in paths {
            objects.put(*path, Object::of(vec![endpoint(path)]));
        }
        objects
    }

    fn children(objects: &Objects, path: &str) -> Vec<String> {
        Children::of(&objects.read(), path).map(str::to_owned).collect()
    }

    #[test]
    fn every_parent_names_its_children() {
        let objects = objects(&["/org/qemu/qga", "/org/qemu/qmp"]);
        assert!(objects.introspect("/").unwrap().contains("<node name=\"org\"/>"));
        let parent = objects.introspect("/org/qemu").unwrap();
        assert!(parent.contains("<node name=\"qga\"/>") && parent.contains("<node name=\"qmp\"/>"));
        assert!(objects.introspect("/org/qemu/qga").unwrap().contains("org.qemu.QgaQapi"));
        assert_eq!(objects.introspect("/org/qem"), None);
        assert!(objects.contains("/org") && !objects.contains("/org/qemu/qga/x"));
    }

    #[test]
    fn names_that_begin_alike_are_children_of_their_own() {
        let objects =
            objects(&["/a", "/a/b", "/a/b/c", "/a/b/d", "/a/b0", "/a/b00/x", "/a/b_1", "/a_"]);
        assert_eq!(children(&objects, "/"), ["a", "a_"]);
        assert_eq!(children(&objects, "/a"), ["b", "b0", "b00", "b_1"]);
        assert_eq!(children(&objects, "/a/b"), ["c", "d"]);
        assert_eq!(children(&objects, "/a/b00"), ["x"]);
        assert_eq!(children(&objects, "/a/b_1"), [""; 0]);
    }

    #[test]
    fn an_object_that_was_taken_away_is_not_the_next_of_its_name() {
        let objects = objects(&["/vm/a"]);
        let first = objects.get("/vm/a").unwrap();
        assert!(Arc::ptr_eq(&first, &objects.remove("/vm/a").unwrap()));
        assert!(objects.get("/vm/a").is_none() && !objects.contains("/vm"));
        assert!(objects.put("/vm/a", Object::default()).is_none());
        assert!(!Arc::ptr_eq(&first, &objects.get("/vm/a").unwrap()));
    }

    #[test]
    fn people_are_told_the_first_of_many() {
        let paths: Vec<_> = (0..9).map(|number| format!("/vm{number}")).collect();
        let paths: Vec<_> = paths.iter().map(String::as_str).collect();
        assert_eq!(objects(&paths[..2]).summary(", "), "/vm0, /vm1");
        assert!(objects(&paths).summary(", ").ends_with("/vm7, and 1 more"));
    }
}
