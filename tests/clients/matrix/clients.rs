//! Who takes part.

/// A client.
#[derive(Debug)]
pub(crate) struct Client {
    /// Name of its row.
    pub(crate) name: &'static str,
    /// Its target in the Makefile, if something is generated for it.
    pub(crate) target: Option<&'static str>,
    /// The command that runs it, in words. `{rows}`, `{tools}`, `{build}` and `{introspection}`
    /// stand for directories.
    pub(crate) command: &'static str,
}

/// All clients, in the order of their rows.
pub(crate) const CLIENTS: &[Client] = &[
    plain("busctl", "bash {rows}/busctl.sh"),
    plain("gdbus", "bash {rows}/gdbus.sh"),
    plain("dbus-send", "bash {rows}/dbus-send.sh"),
    plain("qdbus", "bash {rows}/qdbus.sh"),
    plain("dbus-python", "/usr/bin/python3 -P {rows}/dbus-python.py"),
    plain("dasbus", "/usr/bin/python3 -P {rows}/dasbus.py"),
    plain("pydbus", "/usr/bin/python3 -P {rows}/pydbus.py"),
    plain("dbus-next (Python)", "{tools}/venv/bin/python -P {rows}/dbus-next.py dbus_next"),
    plain("dbus-fast", "{tools}/venv/bin/python -P {rows}/dbus-next.py dbus_fast"),
    generated(
        "jeepney bindgen",
        "jeepney",
        "env PYTHONPATH={build}/jeepney {tools}/venv/bin/python -P {rows}/jeepney.py",
    ),
    generated(
        "python-sdbus",
        "sdbus",
        "env PYTHONPATH={build}/sdbus {tools}/venv/bin/python -P {rows}/sdbus.py",
    ),
    generated("gdbus-codegen, C", "gdbus-codegen", "{build}/gdbus-codegen/client"),
    generated("qdbusxml2cpp, C++", "qdbusxml2cpp", "{build}/qdbusxml2cpp/client"),
    generated("sdbus-c++-xml2cpp, C++", "sdbus-c++", "{build}/sdbus-c++/client"),
    generated("zbus_xmlgen, Rust", "zbus-xmlgen", "{build}/zbus/target/debug/zbus-client"),
    plain("dbus-next (Node.js)", "env NODE_PATH={tools}/npm/node_modules node {rows}/dbus-next.js"),
    plain("gjs", "gjs {rows}/gjs.js {introspection}"),
    plain("Perl Net::DBus", "perl {rows}/net-dbus.pl"),
    plain("cockpit-bridge", "/usr/bin/python3 -P {rows}/cockpit-bridge.py"),
];

const fn plain(name: &'static str, command: &'static str) -> Client {
    Client { name, target: None, command }
}

const fn generated(name: &'static str, target: &'static str, command: &'static str) -> Client {
    Client { name, target: Some(target), command }
}
