/* The C code that gdbus-codegen makes. */

#include "org_qemu.h"
#include <stdio.h>
#include <stdlib.h>

typedef struct {
    GMainLoop *loop;
    guint64 signal;
    char *run_state;
} Seen;

static void check(GError *error)
{
    if (error) {
        fprintf(stderr, "%s\n", error->message);
        exit(1);
    }
}

static void introspect(void)
{
    GDBusInterfaceInfo *known = qemu_qmp_qapi_interface_info();
    int methods = 0, signals = 0;

    while (known->methods[methods])
        methods++;
    while (known->signals[signals])
        signals++;
    printf("introspect %d %d\n", methods, signals);
}

static void query(QemuQmpQapi *qmp)
{
    g_autoptr(GVariant) result = NULL;
    const char *status = NULL;
    GError *error = NULL;

    qemu_qmp_qapi_call_query_status_sync(qmp, &result, NULL, &error);
    check(error);
    g_variant_lookup(result, "status", "&s", &status);
    printf("no-argument %s\n", status);
}

static void open_file(QemuQgaQapi *qga)
{
    gint64 handle;
    GError *error = NULL;

    qemu_qga_qapi_call_guest_file_open_sync(qga, getenv("FILE"),
        g_variant_new_parsed("{'mode': <'w'>}"), &handle, NULL, &error);
    check(error);
    printf("optional %" G_GINT64_FORMAT "\n", handle);
}

static void add_node(QemuQmpQapi *qmp)
{
    GError *error = NULL;

    qemu_qmp_qapi_call_blockdev_add_sync(qmp, "raw",
        g_variant_new_parsed("{'node-name': <%s>,"
            " 'file': <{'driver': <'null-co'>, 'size': <int64 65536>}>}", getenv("NODE")),
        NULL, &error);
    check(error);
    puts("nested added");
}

static void fail(QemuQmpQapi *qmp)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *name = NULL;

    if (qemu_qmp_qapi_call_device_del_sync(qmp, "missing", NULL, &error))
        return;
    name = g_dbus_error_get_remote_error(error);
    g_dbus_error_strip_remote_error(error);
    printf("error %s %s\n", name, error->message);
}

static void both(Seen *seen)
{
    if (seen->signal && seen->run_state)
        g_main_loop_quit(seen->loop);
}

static void stopped(QemuQmpQapi *qmp, GVariant *optional, Seen *seen)
{
    g_variant_lookup(optional, "@timestamp", "t", &seen->signal);
    both(seen);
}

static void run_state_changed(QemuQmpEndpoint *endpoint, GParamSpec *which, Seen *seen)
{
    seen->run_state = qemu_qmp_endpoint_dup_run_state(endpoint);
    both(seen);
}

static void stop(QemuQmpQapi *qmp, QemuQmpEndpoint *endpoint)
{
    Seen seen = { .loop = g_main_loop_new(NULL, FALSE) };
    g_autofree char *state = qemu_qmp_endpoint_dup_state(endpoint);
    GError *error = NULL;

    g_signal_connect(qmp, "stop-event", G_CALLBACK(stopped), &seen);
    g_signal_connect(endpoint, "notify::run-state", G_CALLBACK(run_state_changed), &seen);
    qemu_qmp_qapi_call_stop_sync(qmp, NULL, &error);
    check(error);
    puts("stop returned");
    g_timeout_add_seconds(10, G_SOURCE_FUNC(g_main_loop_quit), seen.loop);
    g_main_loop_run(seen.loop);
    printf("signal %" G_GUINT64_FORMAT "\n", seen.signal);
    printf("property %s %s\n", state, seen.run_state);
}

int main(void)
{
    const char *machine = "/org/qemu/qmp", *agent = "/org/qemu/qga";
    GError *error = NULL;
    QemuQmpQapi *qmp = qemu_qmp_qapi_proxy_new_for_bus_sync(
        G_BUS_TYPE_SESSION, 0, "org.qemu.qmp", machine, NULL, &error);
    check(error);
    QemuQmpEndpoint *endpoint = qemu_qmp_endpoint_proxy_new_for_bus_sync(
        G_BUS_TYPE_SESSION, 0, "org.qemu.qmp", machine, NULL, &error);
    check(error);
    QemuQgaQapi *qga = qemu_qga_qapi_proxy_new_for_bus_sync(
        G_BUS_TYPE_SESSION, 0, "org.qemu.qga", agent, NULL, &error);
    check(error);
    introspect();
    query(qmp);
    open_file(qga);
    add_node(qmp);
    fail(qmp);
    stop(qmp, endpoint);
}
