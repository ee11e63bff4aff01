#include "broadcaster/media/media_watch.h"

#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/mem.h"
#include "broadcaster/media/media_scan.h"

#define EVENTS_BYTES 16384
#define EVENTS                                                                                     \
    (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_CLOSE_WRITE | IN_ATTRIB |            \
     IN_MOVE_SELF | IN_DELETE_SELF | IN_ONLYDIR)

struct media_watch {
    int inotify; /* -1: there is none */
    int wake;
    bool complete;
    int known[MEDIA_FOLDERS_MAX], told[MEDIA_FOLDERS_MAX]; /* watch descriptors */
    size_t n_known, n_told;
};

struct media_watch *media_watch_create(void)
{
    struct media_watch *w = mem_alloc(sizeof *w);
    w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    w->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (w->wake < 0) {
        media_watch_destroy(w);
        return NULL;
    }
    return w;
}

void media_watch_destroy(struct media_watch *w)
{
    if (w == NULL) {
        return;
    }
    if (w->inotify >= 0) {
        close(w->inotify);
    }
    if (w->wake >= 0) {
        close(w->wake);
    }
    mem_free(w);
}

void media_watch_begin(struct media_watch *w)
{
    w->n_told = 0;
    w->complete = w->inotify >= 0;
}

void media_watch_folder(struct media_watch *w, int fd)
{
    /* By its descriptor: a path may lead elsewhere meanwhile. */
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int wd = w->inotify >= 0 && w->n_told < MEDIA_FOLDERS_MAX
                 ? inotify_add_watch(w->inotify, path, EVENTS)
                 : -1;
    if (wd < 0) {
        w->complete = false;
        return;
    }
    w->told[w->n_told++] = wd;
}

static int by_number(const void *a, const void *b)
{
    const int *x = a;
    const int *y = b;
    return (*x > *y) - (*x < *y);
}

void media_watch_end(struct media_watch *w)
{
    qsort(w->told, w->n_told, sizeof w->told[0], by_number);
    for (size_t i = 0; i < w->n_known; i++) {
        if (bsearch(&w->known[i], w->told, w->n_told, sizeof w->told[0], by_number) == NULL) {
            (void)inotify_rm_watch(w->inotify, w->known[i]); /* it may have ended by itself */
        }
    }
    for (size_t i = 0; i < w->n_told; i++) {
        w->known[i] = w->told[i];
    }
    w->n_known = w->n_told;
}

bool media_watch_complete(const struct media_watch *w)
{
    return w->complete;
}

/* What it was does not matter. */
static bool read_events(struct media_watch *w)
{
    char events[EVENTS_BYTES];
    bool any = false;
    while (w->inotify >= 0 && read(w->inotify, events, sizeof events) > 0) {
        any = true;
    }
    return any;
}

bool media_watch_wait(struct media_watch *w, int64_t ms)
{
    struct pollfd fds[] = {{.fd = w->wake, .events = POLLIN}, {.fd = w->inotify, .events = POLLIN}};
    (void)poll(fds, sizeof fds / sizeof fds[0], ms > 0 ? (int)ms : 0);
    return read_events(w);
}

void media_watch_wake(struct media_watch *w)
{
    (void)eventfd_write(w->wake, 1);
}
