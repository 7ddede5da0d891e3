/*
 * bridge ADDRESS NAME QMP QGA: the least that bridges two commands and all events, on sd-bus. One
 * loop, answers in order, flat objects only. It checks nothing, bounds nothing, forgives nothing:
 * what it costs is the price that nobody can avoid.
 */
#include "measure.h"
#include <poll.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#define WAITING 1024

struct peer {
    int fd;
    char input[1 << 20];
    size_t filled;
    char output[1 << 16];
    size_t queued;
    sd_bus_message *calls[WAITING];
    unsigned first, last;
};

static sd_bus *bus;
static struct peer monitor, agent;

static int forward(struct peer *peer, sd_bus_message *call, const char *request)
{
    size_t length = strlen(request);

    memcpy(peer->output + peer->queued, request, length);
    peer->queued += length;
    peer->calls[peer->last++ % WAITING] = sd_bus_message_ref(call);
    return 1;
}

static int query_status(sd_bus_message *call, void *context, sd_bus_error *error)
{
    (void)context, (void)error;
    return forward(&monitor, call, "{\"execute\":\"query-status\"}\n");
}

static int guest_ping(sd_bus_message *call, void *context, sd_bus_error *error)
{
    (void)context, (void)error;
    return forward(&agent, call, "{\"execute\":\"guest-ping\"}\n");
}

static const sd_bus_vtable methods[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD("QueryStatus", "", "a{sv}", query_status, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("GuestPing", "", "", guest_ping, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_SIGNAL("Event", "sa{sv}", 0),
    SD_BUS_VTABLE_END,
};

/* Appends `"name": value, …` up to the closing brace; values are strings, booleans, integers. */
static void append_members(sd_bus_message *message, char *text)
{
    while ((text = strchr(text, '"'))) {
        char *name = text + 1, *end = strchr(name, '"'), *value = end + 1;

        *end = 0;
        value += strspn(value, ": ");
        if (*value == '"') {
            text = strchr(++value, '"');
            *text++ = 0;
            sd_bus_message_append(message, "{sv}", name, "s", value);
        } else if (*value == 't' || *value == 'f') {
            sd_bus_message_append(message, "{sv}", name, "b", *value == 't');
            text = value;
        } else {
            sd_bus_message_append(message, "{sv}", name, "x", (int64_t)strtoll(value, &text, 10));
        }
        text += strcspn(text, ",}");
        if (*text == '}')
            return;
    }
}

static void publish(char *line)
{
    uint64_t seconds = strtoull(strstr(line, "\"seconds\": ") + 11, NULL, 10);
    uint64_t rest = strtoull(strstr(line, "\"microseconds\": ") + 16, NULL, 10);
    char *name = strstr(line, "\"event\": \"") + 10;
    sd_bus_message *signal;

    *strchr(name, '"') = 0;
    sd_bus_message_new_signal(bus, &signal, "/bench", "org.qemu.Bench", "Event");
    sd_bus_message_append(signal, "sa{sv}", name, 1, "@timestamp", "t", seconds * 1000000 + rest);
    sd_bus_send(NULL, signal, NULL);
    sd_bus_message_unref(signal);
}

static void answer(struct peer *peer, char *line)
{
    sd_bus_message *call = peer->calls[peer->first++ % WAITING], *reply;

    sd_bus_message_new_method_return(call, &reply);
    if (peer == &monitor) {
        sd_bus_message_open_container(reply, 'a', "{sv}");
        append_members(reply, strchr(line + 1, '{'));
        sd_bus_message_close_container(reply);
    }
    sd_bus_send(NULL, reply, NULL);
    sd_bus_message_unref(reply);
    sd_bus_message_unref(call);
}

static void receive(struct peer *peer)
{
    char *line = peer->input, *end;
    ssize_t count = recv(peer->fd, line + peer->filled, sizeof peer->input - peer->filled, 0);

    if (count <= 0)
        die("the peer is gone");
    peer->filled += count;
    while ((end = memchr(line, '\n', peer->input + peer->filled - line))) {
        *end = 0;
        if (strncmp(line, "{\"timestamp\"", 12) == 0)
            publish(line);
        else
            answer(peer, line);
        line = end + 1;
    }
    peer->filled -= line - peer->input;
    memmove(peer->input, line, peer->filled);
}

static void flush(struct peer *peer)
{
    if (peer->queued > 0)
        send_all(peer->fd, peer->output, peer->queued);
    peer->queued = 0;
}

/* Reads what the peer says until `last` is in it. */
static void await(struct peer *peer, const char *last)
{
    size_t filled = 0;

    do {
        ssize_t count = recv(peer->fd, peer->input + filled, sizeof peer->input - filled, 0);

        if (count <= 0)
            die("the peer is gone");
        filled += count;
    } while (!memmem(peer->input, filled, last, strlen(last)));
}

static void greet(const char *qmp, const char *qga)
{
    static const char negotiate[] = "{\"execute\":\"qmp_capabilities\"}\n";
    static const char sync[] =
        "\xff{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":77}}\n";

    monitor.fd = connected(qmp);
    await(&monitor, "\n");
    send_all(monitor.fd, negotiate, strlen(negotiate));
    await(&monitor, "\"return\"");
    agent.fd = connected(qga);
    send_all(agent.fd, sync, strlen(sync));
    await(&agent, "\"return\": 77}");
}

static int serve(void)
{
    for (;;) {
        int done = sd_bus_process(bus, NULL);

        if (done < 0)
            return 1;
        if (done > 0)
            continue;
        flush(&monitor);
        flush(&agent);

        struct pollfd all[] = {
            { .fd = sd_bus_get_fd(bus), .events = sd_bus_get_events(bus) },
            { .fd = monitor.fd, .events = POLLIN },
            { .fd = agent.fd, .events = POLLIN },
        };

        if (poll(all, 3, -1) < 0 && errno != EINTR)
            return 1;
        if (all[1].revents)
            receive(&monitor);
        if (all[2].revents)
            receive(&agent);
    }
}

int main(int argc, char **argv)
{
    if (argc != 5)
        die("bridge ADDRESS NAME QMP QGA");
    greet(argv[3], argv[4]);
    if (sd_bus_new(&bus) < 0 || sd_bus_set_address(bus, argv[1]) < 0 ||
        sd_bus_set_bus_client(bus, 1) < 0 || sd_bus_set_trusted(bus, 1) < 0 ||
        sd_bus_start(bus) < 0 ||
        sd_bus_add_object_vtable(bus, NULL, "/bench", "org.qemu.Bench", methods, NULL) < 0 ||
        sd_bus_request_name(bus, argv[2], 0) < 0)
        die("the bus");
    puts("ready");
    fflush(stdout);
    return serve();
}
