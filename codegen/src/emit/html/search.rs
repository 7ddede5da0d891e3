//! What the search looks through: a script, for pages from `file://` may read nothing else.

use serde_json::{Value, json};

use super::Site;

/// One array an entry: name, D-Bus name, what it is, address, summary.
pub(super) fn index(sites: &[Site<'_>]) -> String {
    let mut entries: Vec<Value> = Vec::new();
    for site in sites {
        let interface = site.interface;
        for method in &interface.methods {
            let summary = method.documentation().summary.to_owned();
            let address = site.command(&method.command);
            entries.push(json!([method.command, method.name, "command", address, summary]));
        }
        for signal in &interface.signals {
            let summary = signal.documentation().summary.to_owned();
            let address = site.event(&signal.event);
            entries.push(json!([signal.event, signal.name, "event", address, summary]));
        }
        for name in interface.type_names() {
            entries.push(json!([name, name, "type", site.ty(name), ""]));
        }
    }
    let lines: Vec<_> = entries.iter().map(Value::to_string).collect();
    format!("const SEARCH_INDEX = [\n{}\n];\n", lines.join(",\n"))
}
