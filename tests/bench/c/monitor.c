/*
 * monitor DIRECTORY COUNT COMMAND BURST: as many monitors, DIRECTORY/0.sock and so on, that answer
 * what a bridge asks. After the answer to COMMAND they send BURST events.
 */
#include "measure.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/resource.h>

static const char greeting[] =
    "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 2, \"minor\": 0, \"major\": 10}, "
    "\"package\": \"\"}, \"capabilities\": [\"oob\"]}}\r\n";
static char *events;
static const char *trigger;
static size_t events_length;
static int epoll;

static void watch(int fd, bool listens)
{
    struct epoll_event event = { .events = EPOLLIN, .data.u64 = (uint64_t)listens << 32 | fd };

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        die("epoll_ctl");
}

static void listen_at(const char *directory, int number)
{
    char path[256];
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(path, sizeof path, "%s/%d.sock", directory, number);

    struct sockaddr_un address = address_of(path);

    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 4) < 0)
        die("%s", path);
    watch(fd, true);
}

static void write_events(int count)
{
    events = malloc(count * 128 + 1);
    for (int number = 0; number < count; number++)
        events_length += sprintf(
            events + events_length,
            "{\"timestamp\": {\"seconds\": 1700000000, \"microseconds\": %d}, "
            "\"event\": \"NIC_RX_FILTER_CHANGED\", \"data\": {\"path\": \"/machine\"}}\r\n",
            number);
}

static const char *result(const char *request)
{
    if (strstr(request, "\"query-status\""))
        return "{\"status\": \"running\", \"running\": true}";
    return strstr(request, "\"query-commands\"") ? "[]" : "{}";
}

static void answer(int fd, const char *request)
{
    const char *id = strstr(request, "\"id\":");
    int length = id ? strcspn(id, "}") : 0;
    char reply[256];

    length = snprintf(reply, sizeof reply, "{\"return\": %s%s%.*s}\r\n", result(request),
                      id ? ", " : "", length, id ? id : "");
    send_all(fd, reply, length);
    if (strstr(request, trigger))
        send_all(fd, events, events_length);
}

static void receive(int fd)
{
    static char text[1 << 16];
    ssize_t count = recv(fd, text, sizeof text - 1, 0);

    if (count <= 0) {
        close(fd);
        return;
    }
    text[count] = 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        answer(fd, line);
}

int main(int argc, char **argv)
{
    struct rlimit most;

    if (argc != 5)
        die("monitor DIRECTORY COUNT COMMAND BURST");
    trigger = argv[3];
    getrlimit(RLIMIT_NOFILE, &most);
    most.rlim_cur = most.rlim_max;
    setrlimit(RLIMIT_NOFILE, &most);
    epoll = epoll_create1(0);
    write_events(atoi(argv[4]));
    for (int number = 0; number < atoi(argv[2]); number++)
        listen_at(argv[1], number);
    puts("ready");
    fflush(stdout);
    for (;;) {
        struct epoll_event event;

        if (epoll_wait(epoll, &event, 1, -1) < 1)
            continue;

        int fd = event.data.u64 & UINT32_MAX;

        if (event.data.u64 >> 32) {
            int client = accept(fd, NULL, NULL);

            if (client < 0)
                die("accept");
            send_all(client, greeting, strlen(greeting));
            watch(client, false);
        } else {
            receive(fd);
        }
    }
}
