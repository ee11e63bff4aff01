#include "orchestrator/notebook.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/list.h"
#include "base/mem.h"
#include "base/thread.h"
#include "run/log.h"
#include "run/private_file.h"

#define GROWN 4 /* times as long as it was when it was last written anew */

struct note {
    struct list node;
    notebook_fn *fn;
    void *arg;
};

/* What goes to the disk together. */
struct batch {
    struct buf lines;
    struct list notes;
    struct notebook *owner;
    bool anew;    /* the lines are the whole file */
    bool spoiled; /* there was no room for all lines: none is written */
    bool kept;
    int error; /* errno */
};

struct notebook {
    notebook_whole_fn *whole;
    void *whole_arg;
    char folder_name[PRIVATE_NAME_MAX], name[PRIVATE_NAME_MAX];
    const char *stands_still;
    int folder, fd; /* the thread's, once it runs */
    size_t size, size_anew;
    unsigned failures;
    bool closing;
    struct batch *gathering, *under_way; /* the loop's */
    struct mailbox *done;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct batch *todo; /* under the lock, as quit */
    bool quit;
};

static struct batch *batch_create(struct notebook *n, size_t max_bytes)
{
    struct batch *b = mem_alloc(sizeof *b);
    b->owner = n;
    buf_init(&b->lines, max_bytes);
    list_init(&b->notes);
    return b;
}

static void batch_tell(struct batch *b, bool kept)
{
    LIST_EACH (&b->notes, it, next) {
        struct note *note = LIST_ITEM(it, struct note, node);
        list_remove(it);
        note->fn(note->arg, kept);
        mem_free(note);
    }
}

static void batch_destroy(struct batch *b)
{
    buf_fini(&b->lines);
    mem_free(b);
}

/* --- the thread --- */

static bool reopen(struct notebook *n)
{
    int fd = openat(n->folder, n->name, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return false;
    }
    if (n->fd >= 0) {
        close(n->fd);
    }
    n->fd = fd;
    return true;
}

/* What is written to a file that has another name by now, or none, nobody finds at the next start.
 */
static bool find_place(struct notebook *n, struct stat *ret_stat)
{
    struct stat named;
    if (fstatat(n->folder, n->name, &named, AT_SYMLINK_NOFOLLOW) != 0 ||
        fstat(n->fd, ret_stat) != 0) {
        return false;
    }
    bool same = named.st_dev == ret_stat->st_dev && named.st_ino == ret_stat->st_ino;
    return same || (reopen(n) && fstat(n->fd, ret_stat) == 0);
}

/* A part of a line that could be written must not stand before the next one. */
static bool append(struct notebook *n, struct span bytes)
{
    struct stat st;
    if (!find_place(n, &st)) {
        return false;
    }
    if (private_fd_write(n->fd, bytes) && fdatasync(n->fd) == 0) {
        return true;
    }
    int error = errno;
    (void)!ftruncate(n->fd, st.st_size);
    errno = error;
    return false;
}

static bool write_anew(struct notebook *n, struct span bytes)
{
    return private_file_write(n->folder, n->name, bytes) == ERR_OK && reopen(n);
}

static void write_batch(struct notebook *n, struct batch *b)
{
    errno = ENOBUFS;
    b->kept = !b->spoiled &&
              (b->anew ? write_anew(n, buf_span(&b->lines)) : append(n, buf_span(&b->lines)));
    b->error = errno;
}

static void *run(void *arg)
{
    struct notebook *n = arg;
    for (;;) {
        pthread_mutex_lock(&n->lock);
        while (n->todo == NULL && !n->quit) {
            pthread_cond_wait(&n->wake, &n->lock);
        }
        struct batch *b = n->todo;
        n->todo = NULL;
        pthread_mutex_unlock(&n->lock);
        if (b == NULL) {
            return NULL;
        }
        write_batch(n, b);
        mailbox_post(n->done, b);
    }
}

/* --- the loop --- */

static void hand_over(struct notebook *n, struct batch *b)
{
    n->under_way = b;
    pthread_mutex_lock(&n->lock);
    n->todo = b;
    pthread_cond_signal(&n->wake);
    pthread_mutex_unlock(&n->lock);
}

static bool is_long(const struct notebook *n)
{
    return n->size > NOTEBOOK_LONG && n->size > GROWN * n->size_anew;
}

static struct batch *make_anew(struct notebook *n, size_t max_bytes)
{
    struct batch *b = batch_create(n, max_bytes);
    b->anew = true;
    if (!n->whole(n->whole_arg, &b->lines)) {
        batch_destroy(b);
        return NULL;
    }
    return b;
}

static void write_next(struct notebook *n)
{
    if (is_long(n) && !n->closing) {
        struct batch *b = make_anew(n, n->size);
        if (b != NULL) {
            hand_over(n, b);
            return;
        }
        n->size_anew = n->size; /* again when it has grown once more */
    }
    if (n->gathering->lines.len > 0 || !list_empty(&n->gathering->notes)) {
        struct batch *b = n->gathering;
        n->gathering = batch_create(n, NOTEBOOK_WAITING_MAX);
        hand_over(n, b);
    }
}

static void account(struct notebook *n, const struct batch *b)
{
    if (!b->kept) {
        n->size_anew = b->anew ? n->size : n->size_anew; /* again when it has grown once more */
        if (n->failures++ == 0) {
            log_error(n->folder_name, "notebook", "%s cannot be written (%s): %s until it can",
                      n->name, strerror(b->error), n->stands_still);
        }
        return;
    }
    n->failures = 0;
    n->size = b->anew ? b->lines.len : n->size + b->lines.len;
    n->size_anew = b->anew ? b->lines.len : n->size_anew;
}

static void take_done(struct notebook *n, struct batch *b)
{
    account(n, b);
    n->under_way = NULL;
    if (!b->kept && !b->anew) {
        struct batch *also = n->gathering;
        n->gathering = batch_create(n, NOTEBOOK_WAITING_MAX);
        batch_tell(b, false);
        batch_tell(also, false);
        batch_destroy(also);
    } else {
        batch_tell(b, b->kept);
    }
    batch_destroy(b);
}

static void on_done(void *arg, void *item)
{
    struct notebook *n = arg;
    take_done(n, item);
    if (n->under_way == NULL) {
        write_next(n);
    }
}

static void on_last(void *item)
{
    struct batch *b = item;
    take_done(b->owner, b);
}

static enum err start(struct notebook *n, struct loop *l, const struct notebook_config *config)
{
    struct batch *b = make_anew(n, config->max_bytes);
    if (b == NULL) {
        errno = ENOMEM;
        return ERR_IO;
    }
    bool done = write_anew(n, buf_span(&b->lines));
    n->size = n->size_anew = b->lines.len;
    batch_destroy(b);
    if (!done) {
        return ERR_IO;
    }
    n->done = mailbox_create(l, on_done, n);
    n->gathering = batch_create(n, NOTEBOOK_WAITING_MAX);
    pthread_mutex_init(&n->lock, NULL);
    pthread_cond_init(&n->wake, NULL);
    if (thread_start("notebook", run, n, &n->thread) != ERR_OK) {
        abort(); /* as everywhere: no thread, no memory */
    }
    return ERR_OK;
}

enum err notebook_open(struct loop *l, const struct notebook_config *config,
                       struct notebook **ret_notebook)
{
    struct notebook *n = mem_alloc(sizeof *n);
    n->whole = config->whole;
    n->whole_arg = config->arg;
    n->fd = -1;
    n->stands_still = config->stands_still;
    (void)snprintf(n->folder_name, sizeof n->folder_name, "%s", config->folder);
    (void)snprintf(n->name, sizeof n->name, "%s", config->name);
    n->folder = private_folder_open(config->data_dir, config->folder, true);
    enum err e = n->folder >= 0 ? start(n, l, config) : ERR_IO;
    if (e != ERR_OK) {
        int error = errno;
        if (n->folder >= 0) {
            close(n->folder);
        }
        mem_free(n);
        errno = error;
        return e;
    }
    *ret_notebook = n;
    return ERR_OK;
}

void notebook_append(struct notebook *n, struct span lines, notebook_fn *fn, void *arg)
{
    struct batch *b = n->gathering;
    b->spoiled = b->spoiled || buf_put(&b->lines, lines) != ERR_OK;
    if (fn != NULL) {
        struct note *note = mem_alloc(sizeof *note);
        note->fn = fn;
        note->arg = arg;
        list_push_back(&b->notes, &note->node);
    }
    if (n->under_way == NULL && !n->closing) {
        write_next(n);
    }
}

unsigned notebook_failures(const struct notebook *n)
{
    return n->failures;
}

void notebook_close(struct notebook *n)
{
    if (n == NULL) {
        return;
    }
    n->closing = true;
    pthread_mutex_lock(&n->lock);
    n->quit = true;
    pthread_cond_signal(&n->wake);
    pthread_mutex_unlock(&n->lock);
    pthread_join(n->thread, NULL);
    mailbox_destroy(n->done, on_last);
    write_batch(n, n->gathering);
    batch_tell(n->gathering, n->gathering->kept);
    batch_destroy(n->gathering);
    pthread_mutex_destroy(&n->lock);
    pthread_cond_destroy(&n->wake);
    close(n->fd);
    close(n->folder);
    mem_free(n);
}

enum err notebook_read(const char *data_dir, const char *folder, const char *name, struct buf *out)
{
    struct stat st;
    size_t len;
    int dir = private_folder_open(data_dir, folder, false);
    if (dir < 0) {
        return errno == ENOENT ? ERR_NOENT : ERR_IO;
    }
    uint8_t *at = NULL;
    enum err e = fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? ERR_OK
                 : errno == ENOENT                                 ? ERR_NOENT
                                                                   : ERR_IO;
    if (e == ERR_OK) {
        at = buf_reserve(out, (size_t)st.st_size + 1);
        e = at == NULL
                ? ERR_LIMIT
                : private_file_read(dir, name, (char *)at, (size_t)st.st_size + 1, &len, NULL);
    }
    if (e == ERR_OK) {
        buf_grow(out, len);
    }
    int error = errno;
    close(dir);
    errno = error;
    return e;
}

enum err notebook_put_aside(const char *data_dir, const char *folder, const char *name)
{
    char aside[PRIVATE_NAME_MAX];
    int dir = private_folder_open(data_dir, folder, false);
    if (dir < 0) {
        return ERR_IO;
    }
    (void)snprintf(aside, sizeof aside, "%s.damaged", name);
    enum err e = private_file_rename(dir, name, aside);
    int error = errno;
    close(dir);
    errno = error;
    return e;
}
