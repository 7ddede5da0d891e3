//! The tree of objects and its introspection.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    sync::Arc,
};

use super::{endpoint::Endpoint, standard};

/// What every introspection document opens with.
const DOCTYPE: &str = "<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection \
                       1.0//EN\"\n \"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n";

/// Every object on the bus, by path.
#[derive(Debug, Default)]
pub struct Objects(BTreeMap<String, Object>);

/// One object: the endpoints of one machine.
#[derive(Debug, Default)]
pub struct Object {
    /// Monitor, agent, or both.
    pub endpoints: Vec<Arc<Endpoint>>,
}

impl Objects {
    /// Puts an endpoint on its object.
    pub fn add(&mut self, endpoint: Arc<Endpoint>) {
        let path = endpoint.path().to_owned();
        self.0.entry(path).or_default().endpoints.push(endpoint);
    }

    /// The path of every object.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The object of this path.
    pub fn get(&self, path: &str) -> Option<&Object> {
        self.0.get(path)
    }

    /// Every endpoint.
    pub fn endpoints(&self) -> impl Iterator<Item = &Arc<Endpoint>> {
        self.0.values().flat_map(|object| &object.endpoints)
    }

    /// The introspection document of a path, if an object stands there or below it.
    pub fn introspect(&self, path: &str) -> Option<String> {
        let (object, children) = (self.0.get(path), self.children(path));
        if children.is_empty() && object.is_none() {
            return None;
        }
        let mut xml = [DOCTYPE, "<node>\n", standard::XML].concat();
        if let Some(object) = object {
            object.describe(&mut xml);
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
        self.0.contains_key(path) || !self.children(path).is_empty()
    }

    fn children(&self, path: &str) -> BTreeSet<&str> {
        let prefix = if path == "/" { "/".to_owned() } else { format!("{path}/") };
        let below = self.0.keys().filter_map(|object| object.strip_prefix(&prefix));
        below.filter_map(|rest| rest.split('/').next()).filter(|name| !name.is_empty()).collect()
    }
}

impl Object {
    fn describe(&self, xml: &mut String) {
        for interface in self.endpoints.iter().flat_map(|endpoint| endpoint.interfaces()) {
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

    #[test]
    fn every_parent_names_its_children() {
        let mut objects = Objects::default();
        objects.add(endpoint("/org/qemu/qga"));
        objects.add(endpoint("/org/qemu/qmp"));
        assert!(objects.introspect("/").unwrap().contains("<node name=\"org\"/>"));
        let parent = objects.introspect("/org/qemu").unwrap();
        assert!(parent.contains("<node name=\"qga\"/>") && parent.contains("<node name=\"qmp\"/>"));
        assert!(objects.introspect("/org/qemu/qga").unwrap().contains("org.qemu.QgaQapi"));
        assert_eq!(objects.introspect("/org/qem"), None);
        assert!(objects.contains("/org") && !objects.contains("/org/qemu/qga/x"));
    }
}
