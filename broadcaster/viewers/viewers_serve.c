#include "broadcaster/viewers/viewers_serve.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/thread.h"
#include "broadcaster/viewers/viewers_watch.h"

#define PAUSE_MS 10   /* where the library is short of something */
#define IDLE_MS  1000 /* to wait at most */
#define LAST     4    /* rounds at the end: who waited was resumed, and is told */

/* Bytes that a connection holds and has not sent yet. A socket takes megabytes otherwise: lost when
 * its viewer leaves, memory for each that reads slowly, and, once it is the network's turn to send
 * them, no longer in the processor's cache. What is on its way, TCP's window, counts not. */
#define UNSENT_MAX 32768

/* The library sends the head of an answer at once where a file follows: a packet, a wake-up of the
 * reader and a read of its own. So the socket is corked before, until the answer is over (but
 * before a connection's first file the library sets TCP_NODELAY, which sends the head all the
 * same). It sends the file in pieces of so many bytes, and has the kernel hold back what is no
 * whole TCP segment until the next piece comes (TCP_CORK). The next one waits until less than half
 * of UNSENT_MAX is unsent. Where a segment may be larger than that, as on loopback, both wait for
 * each other, until the kernel sends what it holds after 200 ms: so a thread does that (PUSH_MS)
 * which has had nothing else to do for a moment. */
#define PIECE   131072
#define PUSH_MS 2

struct server {
    struct serve *serve;
    struct MHD_Daemon *daemon;
    pthread_t thread;
    int event;           /* readable: a connection was resumed, or it is the end */
    atomic_bool told;    /* it is, or just being made so, since the thread's last turn */
    struct list sending; /* of struct serving, what may have to be pushed; the thread's own */
};

struct serve {
    atomic_bool ending;
    size_t n;
    struct server servers[];
};

static _Thread_local struct server *own; /* of a daemon's thread */

static void tell(struct server *s)
{
    const uint64_t one = 1;
    if (!atomic_exchange(&s->told, true)) {
        (void)!write(s->event, &one, sizeof one);
    }
}

static int wait_ms(struct MHD_Daemon *d)
{
    MHD_UNSIGNED_LONG_LONG ms;
    return MHD_get_timeout(d, &ms) == MHD_YES && ms < IDLE_MS ? (int)ms : IDLE_MS;
}

/* TCP_NODELAY, set again, sends what there is, corked or not (tcp(7)). */
static void push(struct server *s)
{
    const int on = 1;
    LIST_EACH (&s->sending, it, tmp) {
        (void)setsockopt(LIST_ITEM(it, struct serving, node)->fd, IPPROTO_TCP, TCP_NODELAY, &on,
                         sizeof on);
    }
}

/* poll(2) that pushes first when for a moment nothing happens. */
static int poll_pushing(struct server *s, struct pollfd *fds, nfds_t n, int ms)
{
    if (ms > PUSH_MS && !list_empty(&s->sending)) {
        int ready = poll(fds, n, PUSH_MS);
        if (ready != 0) {
            return ready;
        }
        push(s);
        ms -= PUSH_MS;
    }
    return poll(fds, n, ms);
}

static void wait_for_more(struct server *s)
{
    int ms = wait_ms(s->daemon);
    uint64_t count;
    struct pollfd fds[] = {
        {.fd = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
         .events = POLLIN},
        {.fd = s->event, .events = POLLIN},
    };
    if (ms > 0 && poll_pushing(s, fds, 2, ms) > 0 && fds[1].revents != 0) {
        (void)!read(s->event, &count, sizeof count);
    }
}

/* What is resumed, or ended, from here on tells again. */
static bool goes_on(struct server *s)
{
    atomic_store(&s->told, false);
    return !atomic_load(&s->serve->ending);
}

static void *run(void *arg)
{
    struct server *s = arg;
    own = s;
    while (goes_on(s)) {
        if (MHD_run(s->daemon) == MHD_YES) {
            wait_for_more(s);
        } else {
            poll(NULL, 0, PAUSE_MS);
        }
    }
    for (int i = 0; i < LAST; i++) {
        MHD_run(s->daemon);
    }
    return NULL;
}

static void close_some(int one, int two)
{
    if (one >= 0) {
        close(one);
    }
    if (two >= 0) {
        close(two);
    }
}

static bool start_one(struct serve *s, int fd, serve_start_fn *start, void *arg)
{
    struct server *one = &s->servers[s->n];
    one->serve = s;
    list_init(&one->sending);
    one->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    one->daemon = fd >= 0 && one->event >= 0 ? start(arg, fd) : NULL;
    if (one->daemon == NULL) {
        close_some(fd, one->event);
        return false;
    }
    if (thread_start("viewers", run, one, &one->thread) != ERR_OK) {
        MHD_stop_daemon(one->daemon);
        close_some(-1, one->event);
        return false;
    }
    s->n++;
    return true;
}

struct serve *serve_create(int threads, int fd, serve_start_fn *start, void *arg)
{
    const int unsent = UNSENT_MAX; /* connections inherit it; who refuses it serves as well */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
    struct serve *s = mem_alloc(sizeof *s + (size_t)threads * sizeof s->servers[0]);
    bool ok = true;
    for (int i = 0; i < threads && ok; i++) {
        ok = start_one(s, fcntl(fd, F_DUPFD_CLOEXEC, 0), start, arg);
    }
    close(fd);
    if (!ok) {
        serve_destroy(s);
        return NULL;
    }
    return s;
}

void serve_destroy(struct serve *s)
{
    if (s == NULL) {
        return;
    }
    atomic_store(&s->ending, true);
    for (size_t i = 0; i < s->n; i++) {
        tell(&s->servers[i]);
        pthread_join(s->servers[i].thread, NULL);
        MHD_stop_daemon(s->servers[i].daemon);
        close(s->servers[i].event);
    }
    mem_free(s);
}

static bool has_large_segments(int fd)
{
    int mss;
    socklen_t n = sizeof mss;
    return getsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &mss, &n) == 0 && mss > UNSENT_MAX / 2;
}

void serve_begin(struct watched *c, int fd)
{
    struct serving *s = watch_serving(c);
    list_init(&s->node);
    s->server = own;
    s->fd = fd;
    s->large_segments = has_large_segments(fd);
}

static void cork(struct serving *s, int on)
{
    s->corked = setsockopt(s->fd, IPPROTO_TCP, TCP_CORK, &on, sizeof on) == 0 && on;
}

void serve_sends(struct watched *c, size_t n, bool from_file)
{
    struct serving *s = c != NULL ? watch_serving(c) : NULL;
    if (s == NULL || (n <= PIECE && !from_file)) {
        return;
    }
    if (from_file && n > 0) {
        cork(s, 1);
    }
    if (s->large_segments) {
        list_push_back(&own->sending, &s->node);
    }
}

void serve_sent(struct watched *c)
{
    if (c == NULL) {
        return;
    }
    struct serving *s = watch_serving(c);
    list_remove(&s->node);
    if (s->corked) {
        cork(s, 0);
    }
}

void serve_resume(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct watched *c = info != NULL ? info->socket_context : NULL;
    struct server *s = c != NULL ? watch_serving(c)->server : NULL;
    MHD_resume_connection(connection); /* from here on its thread may free it */
    if (s != NULL) {
        tell(s);
    }
}
