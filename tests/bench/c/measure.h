/* What the measuring programs share: clocks, sockets, and the line in which they tell the result. */
#pragma once
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

__attribute__((noreturn, format(printf, 1, 2)))
static void die(const char *format, ...)
{
    va_list rest;

    va_start(rest, format);
    vfprintf(stderr, format, rest);
    va_end(rest);
    fprintf(stderr, ": %s\n", strerror(errno));
    exit(1);
}

static inline double microseconds(clockid_t clock)
{
    struct timespec time;

    clock_gettime(clock, &time);
    return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

static inline struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    if (strlen(path) >= sizeof address.sun_path)
        die("%s is too long", path);
    strcpy(address.sun_path, path);
    return address;
}

static inline int connected(const char *path)
{
    struct sockaddr_un address = address_of(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        die("%s", path);
    return fd;
}

static inline void send_all(int fd, const char *bytes, size_t count)
{
    while (count > 0) {
        ssize_t sent = send(fd, bytes, count, MSG_NOSIGNAL);

        if (sent < 0 && errno != EINTR)
            die("send");
        if (sent > 0) {
            bytes += sent;
            count -= sent;
        }
    }
}

/* Times of calls in microseconds. */
struct times {
    double *each;
    size_t count, room;
};

static inline void add_time(struct times *times, double time)
{
    if (times->count == times->room) {
        times->room = times->room ? 2 * times->room : 1024;
        times->each = realloc(times->each, times->room * sizeof *times->each);
        if (!times->each)
            die("memory");
    }
    times->each[times->count++] = time;
}

static inline int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

/* Median, 99th percentile, and number in a second. */
static inline void tell(struct times *times, double duration)
{
    size_t count = times->count;

    if (count == 0) {
        fprintf(stderr, "nothing was measured\n");
        exit(1);
    }
    qsort(times->each, count, sizeof *times->each, compare);
    printf("%.2f %.2f %.1f\n", times->each[count / 2], times->each[count * 99 / 100],
           count / duration * 1e6);
}
