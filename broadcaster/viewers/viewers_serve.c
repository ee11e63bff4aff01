#include "broadcaster/viewers/viewers_serve.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

#include "base/mem.h"

#define BATCH    128 /* events that the library takes at once */
#define OTHERS   2   /* events that are not a connection's: the listening socket's, the signal */
#define BATCH_MS 10  /* to wait at most where there may be so many */
#define CALM_MS  100 /* where there are fewer: for the end to be noticed */
#define LAST     4   /* rounds at the end: who waited was resumed, and is told */

/* Bytes that a connection holds and has not sent yet. A socket takes megabytes otherwise: lost when
 * its viewer leaves, memory for each that reads slowly, and, once it is the network's turn to send
 * them, no longer in the processor's cache. What is on its way, TCP's window, counts not. */
#define UNSENT_MAX 32768

struct server {
    struct serve *serve;
    struct MHD_Daemon *daemon;
    pthread_t thread;
};

struct serve {
    atomic_bool ending;
    size_t n;
    struct server servers[];
};

static int32_t wait_ms(struct MHD_Daemon *d)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(d, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
    return info == NULL || info->num_connections + OTHERS >= BATCH ? BATCH_MS : CALM_MS;
}

static void *run(void *arg)
{
    struct server *s = arg;
    sigset_t pipes; /* the library sends files only where this is done */
    sigemptyset(&pipes);
    sigaddset(&pipes, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipes, NULL);
    while (!atomic_load(&s->serve->ending)) {
        if (MHD_run_wait(s->daemon, wait_ms(s->daemon)) != MHD_YES) {
            poll(NULL, 0, BATCH_MS); /* short of something: not at once again */
        }
    }
    for (int i = 0; i < LAST; i++) {
        MHD_run_wait(s->daemon, 0);
    }
    return NULL;
}

static bool start_one(struct serve *s, int fd, serve_start_fn *start, void *arg)
{
    struct server *one = &s->servers[s->n];
    one->serve = s;
    one->daemon = fd >= 0 ? start(arg, fd) : NULL;
    if (one->daemon == NULL) {
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    if (pthread_create(&one->thread, NULL, run, one) != 0) {
        MHD_stop_daemon(one->daemon);
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
        pthread_join(s->servers[i].thread, NULL);
        MHD_stop_daemon(s->servers[i].daemon);
    }
    mem_free(s);
}
