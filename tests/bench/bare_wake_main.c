/* What waking costs anybody: bare_wake PORT COUNT BYTES. COUNT connections of hold (hold_main.c)
 * wait for an answer, which two threads write to all of them at once, BYTES long, and nothing else:
 * no look at the request, no list, no clock but at the end. Each round prints a line of JSON with
 * the time from the event to the 99th of a hundred writes. It serves nothing else and trusts its
 * client.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#define THREADS  2
#define HELD_US  800000 /* longer than hold waits before it says that all wait */
#define EVENT    UINT32_MAX
#define HEAD_MAX 128

static const char playlist[] = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
                               "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:1\n#EXTINF:1,\n1.ts\n";
static char *answer;
static size_t answer_len;
static int count;
static atomic_int waiting, written;
static _Atomic int64_t began_us;
static int64_t *took_us; /* of each answer, in the order of writing */

struct worker {
    pthread_t thread;
    int epoll, event;
    int *held; /* connections that wait */
    int n_held;
};

static void need(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "bare_wake: %s: %s\n", what, strerror(errno));
        exit(1);
    }
}

static void write_all(struct worker *w)
{
    uint64_t count_read;
    need(read(w->event, &count_read, sizeof count_read) > 0, "eventfd");
    for (int i = 0; i < w->n_held; i++) {
        need(write(w->held[i], answer, answer_len) == (ssize_t)answer_len, "write");
        took_us[atomic_fetch_add(&written, 1)] = clock_mono_us() - began_us;
    }
    w->n_held = 0;
}

static void take(struct worker *w, int fd)
{
    char request[4096];
    ssize_t n = read(fd, request, sizeof request - 1);
    if (n <= 0) {
        close(fd);
        return;
    }
    request[n] = '\0';
    if (strstr(request, "_HLS_msn") != NULL) {
        w->held[w->n_held++] = fd;
        atomic_fetch_add(&waiting, 1);
    } else {
        need(write(fd, playlist, sizeof playlist - 1) > 0, "write");
        close(fd);
    }
}

static void *run(void *arg)
{
    struct worker *w = arg;
    for (;;) {
        struct epoll_event events[256];
        int n = epoll_wait(w->epoll, events, 256, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.u32 == EVENT) {
                write_all(w);
            } else {
                take(w, (int)events[i].data.u32);
            }
        }
    }
    return NULL;
}

static void watch(struct worker *w, int fd, uint32_t what)
{
    struct epoll_event e = {.events = EPOLLIN, .data.u32 = what};
    need(epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &e) == 0, "epoll_ctl");
}

static void start(struct worker *w)
{
    w->epoll = epoll_create1(0);
    w->event = eventfd(0, 0);
    w->held = calloc((size_t)count, sizeof *w->held);
    need(w->epoll >= 0 && w->event >= 0 && w->held != NULL, "preparing");
    watch(w, w->event, EVENT);
    need(pthread_create(&w->thread, NULL, run, w) == 0, "a thread");
}

static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* Whenever all wait they are answered, and it is told how long that took. */
static void *wake(void *arg)
{
    struct worker *workers = arg;
    for (;;) {
        while (atomic_load(&waiting) < count) {
            usleep(10000);
        }
        usleep(HELD_US);
        atomic_store(&waiting, 0);
        atomic_store(&written, 0);
        began_us = clock_mono_us();
        for (int i = 0; i < THREADS; i++) {
            const uint64_t one = 1;
            need(write(workers[i].event, &one, sizeof one) == sizeof one, "eventfd");
        }
        while (atomic_load(&written) < count) {
            usleep(10000);
        }
        usleep(10000); /* the last one's time */
        qsort(took_us, (size_t)count, sizeof *took_us, by_time);
        printf("{\"p99_ms\": %.2f}\n", (double)took_us[count * 99 / 100] / 1000);
        fflush(stdout);
    }
    return NULL;
}

static int listen_at(int port)
{
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    need(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 1024) == 0,
         "listening");
    return fd;
}

static void make_answer(size_t body)
{
    answer = malloc(HEAD_MAX + body);
    need(answer != NULL, "malloc");
    int head = snprintf(answer, HEAD_MAX, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", body);
    memset(answer + head, '#', body);
    answer_len = (size_t)head + body;
}

int main(int argc, char **argv)
{
    static struct worker workers[THREADS];
    pthread_t waker;
    need(argc == 4, "bare_wake PORT COUNT BYTES");
    count = atoi(argv[2]);
    make_answer(strtoul(argv[3], NULL, 10));
    took_us = calloc((size_t)count, sizeof *took_us);
    need(count > 0 && took_us != NULL, "preparing");
    for (int i = 0; i < THREADS; i++) {
        start(&workers[i]);
    }
    need(pthread_create(&waker, NULL, wake, workers) == 0, "a thread");
    int door = listen_at(atoi(argv[1]));
    for (unsigned n = 0;; n++) {
        int fd = accept(door, NULL, NULL);
        need(fd >= 0, "accept");
        watch(&workers[n % THREADS], fd, (uint32_t)fd);
    }
}
