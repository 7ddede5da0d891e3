// dbus-next for Node.js, with the proxies that it makes from the introspection.
'use strict';

const dbus = require('dbus-next');
const { Variant, DBusError } = dbus;
const { FILE, NODE } = process.env;

async function main(bus) {
    const machine = await bus.getProxyObject('org.qemu.qmp', '/org/qemu/qmp');
    const agent = await bus.getProxyObject('org.qemu.qga', '/org/qemu/qga');
    const qmp = machine.getInterface('org.qemu.QmpQapi');
    const qga = agent.getInterface('org.qemu.QgaQapi');

    console.log('introspect', qmp.$methods.length, qmp.$signals.length);
    await calls(qmp, qga);
    await listen(machine, qmp);
}

async function calls(qmp, qga) {
    console.log('no-argument', (await qmp.QueryStatus()).status.value);
    const handle = await qga.GuestFileOpen(FILE, { mode: new Variant('s', 'w') });
    console.log('optional', String(handle));
    const file = { driver: new Variant('s', 'null-co'), size: new Variant('x', 65536n) };
    await qmp.BlockdevAdd('raw', {
        'node-name': new Variant('s', NODE),
        file: new Variant('a{sv}', file),
    });
    console.log('nested added');
    await qmp.DeviceDel('missing').catch(error => {
        if (error instanceof DBusError)
            console.log('error', error.type, error.text);
    });
}

async function listen(machine, qmp) {
    const properties = machine.getInterface('org.freedesktop.DBus.Properties');
    const signal = new Promise(seen => qmp.on('StopEvent', seen));
    const runState = new Promise(seen => properties.on('PropertiesChanged', (_, values) => {
        if ('RunState' in values)
            seen(values.RunState.value);
    }));
    const state = await properties.Get('org.qemu.QmpEndpoint', 'State');
    await qmp.Stop();
    console.log('stop returned');
    console.log('signal', String((await signal)['@timestamp'].value));
    console.log('property', state.value, await runState);
}

setTimeout(() => process.exit(1), 20000).unref();
const bus = dbus.sessionBus();
main(bus).finally(() => bus.disconnect());
