// gjs, with proxies made from the interface files.

const { Gio, GLib } = imports.gi;
const [introspection] = ARGV;

function interfaceOf(name) {
    const [, xml] = GLib.file_get_contents(`${introspection}/${name}.xml`);
    return new TextDecoder().decode(xml);
}

function proxy(name, path, iface) {
    const Proxy = Gio.DBusProxy.makeProxyWrapper(interfaceOf(iface));
    return new Proxy(Gio.DBus.session, name, path);
}

const qmp = proxy('org.qemu.qmp', '/org/qemu/qmp', 'org.qemu.QmpQapi');
const endpoint = proxy('org.qemu.qmp', '/org/qemu/qmp', 'org.qemu.QmpEndpoint');
const qga = proxy('org.qemu.qga', '/org/qemu/qga', 'org.qemu.QgaQapi');

const known = qmp.g_interface_info;
const methods = known.methods.filter(method => typeof qmp[`${method.name}Sync`] === 'function');
print('introspect', methods.length, known.signals.length);

const [status] = qmp.QueryStatusSync();
print('no-argument', status.status.unpack());
const mode = { mode: new GLib.Variant('s', 'w') };
print('optional', qga.GuestFileOpenSync(GLib.getenv('FILE'), mode));
qmp.BlockdevAddSync('raw', {
    'node-name': new GLib.Variant('s', GLib.getenv('NODE')),
    'file': new GLib.Variant('a{sv}', {
        'driver': new GLib.Variant('s', 'null-co'),
        'size': new GLib.Variant('x', 65536),
    }),
});
print('nested added');
try {
    qmp.DeviceDelSync('missing');
} catch (error) {
    const name = Gio.DBusError.get_remote_error(error);
    Gio.DBusError.strip_remote_error(error);
    print('error', name, error.message);
}

let signal, runState;
qmp.connectSignal('StopEvent', (from, sender, [optional]) => {
    signal = optional['@timestamp'].unpack();
});
endpoint.connect('g-properties-changed', (from, changed) => {
    runState ??= changed.deepUnpack().RunState?.unpack();
});
const state = endpoint.State;
qmp.StopSync();
print('stop returned');
const end = GLib.get_monotonic_time() + 10e6;
while (!(signal && runState) && GLib.get_monotonic_time() < end)
    GLib.MainContext.default().iteration(false);
print('signal', signal);
print('property', state, runState);
