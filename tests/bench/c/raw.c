/*
 * raw SOCKET qmp|oob|qga REQUEST IN_FLIGHT COUNT: calls a monitor or an agent on its socket. In
 * REQUEST an @ stands for a handle of /dev/zero. Tells median, 99th percentile and rate.
 */
#include "measure.h"

static int fd;
static char *input;
static size_t begin, end, room = 1 << 18;

/* The next line, without its end; events are passed over. */
static char *next_line(void)
{
    size_t seen = begin;

    for (;;) {
        char *newline = memchr(input + seen, '\n', end - seen), *line = input + begin;

        if (newline) {
            *newline = 0;
            seen = begin = newline + 1 - input;
            if (strncmp(line, "{\"timestamp\"", 12) != 0)
                return line;
            continue;
        }
        if (begin > 0 && room - end < 1 << 16) {
            end -= begin;
            memmove(input, line, end);
            begin = 0;
        }
        seen = end;
        if (room - end < 1 << 16 && !(input = realloc(input, room *= 2)))
            die("memory");

        ssize_t count = recv(fd, input + end, room - end, 0);

        if (count <= 0)
            die("the peer is gone");
        end += count;
    }
}

static char *ask(const char *request)
{
    send_all(fd, request, strlen(request));
    return next_line();
}

static void greet(const char *protocol)
{
    if (strcmp(protocol, "qga") == 0) {
        const char *sync = "\xff{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":77}}\n";

        for (char *line = ask(sync); !strstr(line, "\"return\": 77}");)
            line = next_line();
        return;
    }
    next_line();
    ask(strcmp(protocol, "oob") == 0
            ? "{\"execute\":\"qmp_capabilities\",\"arguments\":{\"enable\":[\"oob\"]}}\n"
            : "{\"execute\":\"qmp_capabilities\"}\n");
}

/* Puts a handle of an endless file in the place of the @. */
static char *with_handle(char *request)
{
    char *place = strchr(request, '@'), *whole;

    if (!place)
        return request;
    *place = 0;

    const char *reply =
        ask("{\"execute\":\"guest-file-open\",\"arguments\":{\"path\":\"/dev/zero\"}}\n");
    const char *handle = strstr(reply, "\"return\": ");

    if (!handle || asprintf(&whole, "%s%ld%s", request, atol(handle + 10), place + 1) < 0)
        die("no handle: %s", reply);
    return whole;
}

int main(int argc, char **argv)
{
    if (argc != 6)
        die("raw SOCKET qmp|oob|qga REQUEST IN_FLIGHT COUNT");
    fd = connected(argv[1]);
    input = malloc(room);
    greet(argv[2]);

    char *request = with_handle(argv[3]);
    size_t length = strlen(request), flight = atol(argv[4]), count = atol(argv[5]);
    size_t warm = count / 20, sent = 0, received = 0;
    double *since = calloc(flight, sizeof *since), start = 0;
    struct times times = { 0 };

    request[length++] = '\n';
    while (received < warm + count) {
        while (sent < warm + count && sent - received < flight) {
            since[sent++ % flight] = microseconds(CLOCK_MONOTONIC);
            send_all(fd, request, length);
        }
        if (received == warm)
            start = microseconds(CLOCK_MONOTONIC);

        const char *line = next_line();

        if (strncmp(line, "{\"return\"", 9) != 0)
            die("%.200s", line);
        if (received >= warm)
            add_time(&times, microseconds(CLOCK_MONOTONIC) - since[received % flight]);
        received++;
    }
    tell(&times, microseconds(CLOCK_MONOTONIC) - start);
    return 0;
}
