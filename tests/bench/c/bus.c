/*
 * A client on the bus; tells median, 99th percentile and rate.
 *
 * bus call ADDRESS NAME PATH INTERFACE METHOD IN_FLIGHT COUNT [HANDLE BYTES]
 *     Calls a method, with the arguments of GuestFileRead if they are given; ReadFile reads so many
 *     bytes of /dev/zero into memory instead.
 * bus events ADDRESS NAME INTERFACE TRIGGER COUNT
 *     Sends stop and cont in turn to a monitor, each after the signal of the one before; the time
 *     is from that of the event to the signal's arrival.
 * bus burst ADDRESS NAME PATH INTERFACE METHOD COUNT
 *     Calls a method that makes a burst of events, and counts the signals until they cease. The
 *     last number is that of the signals.
 */
#include "measure.h"
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <systemd/sd-bus.h>

/* The bridge takes no more calls of one client at a time. */
#define FLIGHT 32
#define CONNECTIONS 16

static const char *name, *path, *interface, *method;
static struct times times;
static double start, last;
static size_t warm, wanted, sent, received, signals;

static int64_t handle;
static int64_t bytes;

static int append_arguments(sd_bus_message *call)
{
    static int into = -1;

    if (strcmp(method, "ReadFile") != 0)
        return sd_bus_message_append(call, "xa{sv}", handle, 1, "count", "x", bytes);
    if (into < 0 && (into = memfd_create("read", MFD_CLOEXEC)) < 0)
        die("memory");
    lseek(into, 0, SEEK_SET);
    return sd_bus_message_append(call, "sha{sv}", "/dev/zero", into, 1, "length", "t", bytes);
}

static sd_bus *connection(const char *address)
{
    sd_bus *bus;

    if (sd_bus_new(&bus) < 0 || sd_bus_set_address(bus, address) < 0 ||
        sd_bus_set_bus_client(bus, 1) < 0 || sd_bus_start(bus) < 0)
        die("%s", address);
    return bus;
}

static sd_bus_message *new_call(sd_bus *bus)
{
    sd_bus_message *call;

    if (sd_bus_message_new_method_call(bus, &call, name, path, interface, method) < 0)
        die("a call");
    if (bytes && append_arguments(call) < 0)
        die("arguments");
    return call;
}

static void check(sd_bus_message *reply)
{
    const sd_bus_error *error = sd_bus_message_get_error(reply);

    if (error)
        die("%s: %s", error->name, error->message);
}

/* A call that waits, with the time at which it left. */
struct slot {
    sd_bus *bus;
    double since;
};

static void send_call(struct slot *slot);

static int replied(sd_bus_message *reply, void *context, sd_bus_error *error)
{
    struct slot *slot = context;

    (void)error;
    check(reply);
    if (received >= warm)
        add_time(&times, microseconds(CLOCK_MONOTONIC) - slot->since);
    if (++received == warm)
        start = microseconds(CLOCK_MONOTONIC);
    if (sent < warm + wanted)
        send_call(slot);
    return 0;
}

static void send_call(struct slot *slot)
{
    sd_bus_message *call = new_call(slot->bus);

    sent++;
    slot->since = microseconds(CLOCK_MONOTONIC);
    if (sd_bus_call_async(slot->bus, NULL, call, replied, slot, 0) < 0)
        die("sending");
    sd_bus_message_unref(call);
}

/* Does what there is to do on all connections, or waits for it. */
static void turn(sd_bus **buses, size_t count)
{
    struct pollfd all[CONNECTIONS];
    bool busy = false;

    for (size_t at = 0; at < count; at++) {
        int done = sd_bus_process(buses[at], NULL);

        if (done < 0)
            die("the bus");
        busy |= done > 0;
        all[at] = (struct pollfd){ .fd = sd_bus_get_fd(buses[at]),
                                   .events = sd_bus_get_events(buses[at]) };
    }
    if (!busy && poll(all, count, -1) < 0 && errno != EINTR)
        die("poll");
}

static void many(const char *address, size_t flight)
{
    size_t count = (flight + FLIGHT - 1) / FLIGHT;
    sd_bus *buses[CONNECTIONS];
    struct slot *slots = calloc(flight, sizeof *slots);

    for (size_t at = 0; at < count; at++)
        buses[at] = connection(address);
    for (size_t at = 0; at < flight && sent < warm + wanted; at++) {
        slots[at].bus = buses[at / FLIGHT];
        send_call(&slots[at]);
    }
    while (received < warm + wanted)
        turn(buses, count);
}

static void one_by_one(const char *address)
{
    sd_bus *bus = connection(address);

    for (size_t at = 0; at < warm + wanted; at++) {
        double since = microseconds(CLOCK_MONOTONIC);
        sd_bus_message *call = new_call(bus), *reply;
        sd_bus_error error = SD_BUS_ERROR_NULL;

        if (at == warm)
            start = since;
        if (sd_bus_call(bus, call, 0, &error, &reply) < 0)
            die("%s: %s", error.name, error.message);
        if (at >= warm)
            add_time(&times, microseconds(CLOCK_MONOTONIC) - since);
        sd_bus_message_unref(call);
        sd_bus_message_unref(reply);
    }
}

/* The value of `@timestamp` in the dictionary that ends the signal. */
static uint64_t timestamp(sd_bus_message *signal)
{
    const char *key;
    uint64_t value = 0;

    if (*sd_bus_message_get_signature(signal, 1) == 's')
        sd_bus_message_skip(signal, "s");
    if (sd_bus_message_enter_container(signal, 'a', "{sv}") < 0)
        die("a signal without dictionary");
    while (sd_bus_message_enter_container(signal, 'e', "sv") > 0) {
        sd_bus_message_read(signal, "s", &key);
        if (strcmp(key, "@timestamp") == 0) {
            sd_bus_message_read(signal, "v", "t", &value);
            return value;
        }
        sd_bus_message_skip(signal, "v");
        sd_bus_message_exit_container(signal);
    }
    die("a signal without @timestamp");
}

static int arrived(sd_bus_message *signal, void *context, sd_bus_error *error)
{
    double now = microseconds(CLOCK_REALTIME);

    (void)context, (void)error;
    last = microseconds(CLOCK_MONOTONIC);
    if (signals++ == 0)
        start = last;
    add_time(&times, now - timestamp(signal));
    return 0;
}

static sd_bus *subscribed(const char *address)
{
    sd_bus *bus = connection(address);
    char rule[512];

    snprintf(rule, sizeof rule, "type='signal',sender='%s',interface='%s'", name, interface);
    if (sd_bus_add_match(bus, NULL, rule, arrived, NULL) < 0)
        die("%s", rule);
    return bus;
}

/* Reads a monitor until it answered. */
static void answered(int monitor)
{
    char text[1 << 16];
    size_t filled = 0;

    do {
        ssize_t count = recv(monitor, text + filled, sizeof text - 1 - filled, 0);

        if (count <= 0)
            die("the monitor is gone");
        text[filled += count] = 0;
    } while (text[filled - 1] != '\n' || !strstr(text, "\"return\"") && !strstr(text, "\"QMP\""));
}

static void order(int monitor, const char *request)
{
    send_all(monitor, request, strlen(request));
    answered(monitor);
}

static void events(const char *address, const char *trigger)
{
    sd_bus *bus = subscribed(address);
    int monitor = connected(trigger);

    answered(monitor);
    order(monitor, "{\"execute\":\"qmp_capabilities\"}\n");
    /* From wherever an earlier run left it: no signal of this one is counted. */
    order(monitor, "{\"execute\":\"cont\"}\n");
    usleep(50000);
    while (sd_bus_process(bus, NULL) > 0)
        ;
    times.count = signals = 0;
    while (signals < wanted) {
        size_t before = signals;

        order(monitor, before % 2 ? "{\"execute\":\"cont\"}\n" : "{\"execute\":\"stop\"}\n");
        while (signals == before)
            turn(&bus, 1);
    }
}

static int ignored(sd_bus_message *reply, void *context, sd_bus_error *error)
{
    (void)context, (void)error;
    check(reply);
    return 0;
}

/* They ceased when none came for two seconds. */
static void burst(const char *address)
{
    sd_bus *bus = subscribed(address);

    if (sd_bus_call_async(bus, NULL, new_call(bus), ignored, NULL, 0) < 0)
        die("sending");
    while (signals < wanted) {
        int done = sd_bus_process(bus, NULL);

        if (done < 0 || done == 0 && (done = sd_bus_wait(bus, 2000000)) < 0)
            die("the bus");
        if (done == 0 && signals > 0)
            break;
    }
}

int main(int argc, char **argv)
{
    bool call = argc >= 9 && strcmp(argv[1], "call") == 0;

    if (argc < 7)
        die("see the head of bus.c");
    name = argv[3];
    if (call || strcmp(argv[1], "burst") == 0) {
        path = argv[4];
        interface = argv[5];
        method = argv[6];
    }
    if (call) {
        wanted = atol(argv[8]);
        warm = wanted / 20;
        handle = argc > 10 ? atoll(argv[9]) : 0;
        bytes = argc > 10 ? atoll(argv[10]) : 0;
        if (atol(argv[7]) == 1)
            one_by_one(argv[2]);
        else
            many(argv[2], atol(argv[7]));
        last = microseconds(CLOCK_MONOTONIC);
    } else if (path) {
        wanted = atol(argv[7]);
        burst(argv[2]);
    } else {
        interface = argv[4];
        wanted = atol(argv[6]);
        events(argv[2], argv[5]);
    }
    tell(&times, last - start);
    if (signals)
        printf("%zu\n", signals);
    return 0;
}
