/* Many viewers who wait: hold PORT PATH COUNT ROUNDS. COUNT connections ask together for a playlist
 * that is not there yet (blocking reload), wait for its answer, and do so again, ROUNDS times. Each
 * round prints "held N" when all have asked and none is answered (the caller may look at the server
 * then), and a line of JSON with how the answers came. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#define ANSWER_MAX      (256 * 1024)
#define EVENTS_MAX      1024
#define PER_ADDRESS     20000 /* connections from one of 127.0.0.1, .2 ...: they have ports enough */
#define CONNECT_AT_ONCE 200   /* a listen queue is bounded */
#define ASKED_US        500000
#define ROUND_LIMIT_US  30000000

struct viewer {
    int fd;
    int status; /* 0: not answered yet */
    int64_t answered_us;
    size_t got, want; /* want 0: the head is not complete */
    char head[1024];
};

static int port, epoll;
static const char *path;
static struct viewer *viewers;

static void need(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "hold: %s: %s\n", what, strerror(errno));
        exit(1);
    }
}

static int connect_from(int n)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    need(fd >= 0, "socket");
    struct sockaddr_in at = {.sin_family = AF_INET};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(n / PER_ADDRESS));
    need(bind(fd, (struct sockaddr *)&at, sizeof at) == 0, "bind");
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons((uint16_t)port);
    need(connect(fd, (struct sockaddr *)&at, sizeof at) == 0, "connect");
    return fd;
}

static void ask(int fd, const char *query)
{
    char text[1024];
    int n = snprintf(text, sizeof text, "GET %s%s HTTP/1.1\r\nHost: x\r\n\r\n", path, query);
    need(write(fd, text, (size_t)n) == n, "write");
}

/* The number of the newest segment that the playlist lists. */
static uint64_t newest(void)
{
    static char text[ANSWER_MAX];
    int fd = connect_from(0);
    size_t got = 0;
    ssize_t n;
    char request[1024];
    int len = snprintf(request, sizeof request,
                       "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);
    need(write(fd, request, (size_t)len) == len, "write");
    while ((n = read(fd, text + got, sizeof text - 1 - got)) > 0) {
        got += (size_t)n;
    }
    close(fd);
    text[got] = '\0';
    const char *first = strstr(text, "#EXT-X-MEDIA-SEQUENCE:");
    need(first != NULL, "there is no such playlist");
    uint64_t number = strtoull(first + strlen("#EXT-X-MEDIA-SEQUENCE:"), NULL, 10);
    uint64_t count = 0;
    for (const char *at = text; (at = strstr(at, "#EXTINF")) != NULL; at++) {
        count++;
    }
    return number + count - 1;
}

/* Reads what came; true when the answer is whole. */
static bool take(struct viewer *v)
{
    char bytes[65536];
    ssize_t n = read(v->fd, bytes, sizeof bytes);
    need(n > 0, "a connection was closed");
    if (v->want == 0) {
        size_t room = sizeof v->head - 1 - v->got;
        size_t copy = (size_t)n < room ? (size_t)n : room;
        memcpy(v->head + v->got, bytes, copy);
        v->head[v->got + copy] = '\0';
        const char *end = strstr(v->head, "\r\n\r\n");
        const char *length = strcasestr(v->head, "\r\nContent-Length:");
        if (end != NULL && length != NULL) {
            v->want = (size_t)(end + 4 - v->head) + strtoull(length + 17, NULL, 10);
        }
    }
    v->got += (size_t)n;
    if (v->want == 0 || v->got < v->want) {
        return false;
    }
    v->status = atoi(v->head + strlen("HTTP/1.1 "));
    v->answered_us = clock_mono_us();
    return true;
}

static int by_time(const void *a, const void *b)
{
    int64_t x = ((const struct viewer *)a)->answered_us,
            y = ((const struct viewer *)b)->answered_us;
    return x < y ? -1 : x > y;
}

static double after_first_ms(const struct viewer *sorted, int count, int permille)
{
    int i = (int)((int64_t)(count - 1) * permille / 1000);
    return (double)(sorted[i].answered_us - sorted[0].answered_us) / 1000;
}

static void tell(int count, int round)
{
    struct viewer *sorted = malloc((size_t)count * sizeof *sorted);
    need(sorted != NULL, "malloc");
    memcpy(sorted, viewers, (size_t)count * sizeof *sorted);
    qsort(sorted, (size_t)count, sizeof *sorted, by_time);
    int ok = 0;
    for (int i = 0; i < count; i++) {
        ok += viewers[i].status == 200;
    }
    printf("{\"round\": %d, \"count\": %d, \"ok\": %d, \"p50_ms\": %.2f, \"p99_ms\": %.2f, "
           "\"max_ms\": %.2f}\n",
           round, count, ok, after_first_ms(sorted, count, 500), after_first_ms(sorted, count, 990),
           after_first_ms(sorted, count, 1000));
    fflush(stdout);
    free(sorted);
}

/* One round: all ask for the segment after the next one, so that they wait for a while. */
static void hold(int count, int round)
{
    char query[64];
    snprintf(query, sizeof query, "?_HLS_msn=%" PRIu64, newest() + 2);
    for (int i = 0; i < count; i++) {
        viewers[i].status = 0;
        viewers[i].got = viewers[i].want = 0;
        ask(viewers[i].fd, query);
    }
    int answered = 0;
    bool told = false;
    int64_t asked = clock_mono_us();
    while (answered < count) {
        struct epoll_event events[EVENTS_MAX];
        int n = epoll_wait(epoll, events, EVENTS_MAX, 10);
        for (int i = 0; i < n; i++) {
            answered += take(&viewers[events[i].data.u32]);
        }
        if (!told && answered == 0 && clock_mono_us() - asked > ASKED_US) {
            printf("held %d\n", count);
            fflush(stdout);
            told = true;
        }
        errno = 0;
        need(clock_mono_us() - asked < ROUND_LIMIT_US, "the answers do not come");
    }
    tell(count, round);
}

int main(int argc, char **argv)
{
    need(argc == 5, "hold PORT PATH COUNT ROUNDS");
    port = atoi(argv[1]);
    path = argv[2];
    int count = atoi(argv[3]), rounds = atoi(argv[4]);
    epoll = epoll_create1(0);
    viewers = calloc((size_t)count, sizeof *viewers);
    need(epoll >= 0 && viewers != NULL && count > 0, "preparing");
    for (int i = 0; i < count; i++) {
        viewers[i].fd = connect_from(i);
        struct epoll_event e = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
        need(epoll_ctl(epoll, EPOLL_CTL_ADD, viewers[i].fd, &e) == 0, "epoll_ctl");
        if (i % CONNECT_AT_ONCE == 0) {
            usleep(1000);
        }
    }
    for (int round = 1; round <= rounds; round++) {
        hold(count, round);
    }
    return 0;
}
