#include "broadcaster/media/media_catalog.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "broadcaster/media/media_scan.h"
#include "broadcaster/media/media_watch.h"
#include "broadcaster/viewers/gzip.h"
#include "broadcaster/viewers/http_tag.h"
#include "run/log.h"

#define QUIET_MS       100   /* changes come in bursts */
#define BURST_MS       1000  /* but not for ever */
#define SETTLED_MS     1000  /* a file that has not grown for so long is read */
#define ROOT_MS        1000  /* how often it is looked whether the folder is another one now */
#define LOOK_ANYHOW_MS 60000 /* other hosts' changes are not told */
#define SHOW_MS        500   /* how often the list is made anew while files are read */

struct media_catalog {
    char *folder;
    struct media_watch *watch;
    pthread_t thread;
    atomic_bool ending;

    pthread_rwlock_t root_lock; /* the thread alone writes */
    int root;                   /* -1: the folder is not there */

    pthread_mutex_t lock;         /* of what follows; never held while a file is opened */
    struct media_entries entries; /* written by the thread alone */
    struct media_text text;       /* plain NULL: it could not be made */
    bool looked;                  /* through all of it, once */
    bool watched;

    /* The thread's own. */
    struct stat root_stat;
    int64_t looked_ms, shown_ms;
    bool told_truncated, told_unwatched;
    size_t told_skipped;
};

static void text_fini(struct media_text *t)
{
    blob_unref(t->plain);
    blob_unref(t->gzip);
    *t = (struct media_text){.plain = NULL};
}

/* --- the thread: what is shown --- */

static enum err make_text(const struct media_entries *entries, struct media_text *ret_text)
{
    struct buf out;
    struct media_text text = {.plain = NULL};
    buf_init(&out, MEDIA_JSON_BYTES);
    enum err e = media_json(&out, entries);
    text.plain = e == ERR_OK ? blob_copy(buf_span(&out)) : NULL;
    buf_fini(&out);
    if (text.plain == NULL) {
        return ERR_NOMEM;
    }
    text.tag = http_tag_of(blob_span(text.plain));
    if (gzip_blob(text.plain, &text.gzip) != ERR_OK) {
        text.gzip = NULL; /* the plain form is good for everybody */
    }
    *ret_text = text;
    return ERR_OK;
}

/* Without memory the list is an old one until the next change. */
static void show(struct media_catalog *c)
{
    struct media_text text = {.plain = NULL};
    c->shown_ms = clock_mono_ms();
    if (make_text(&c->entries, &text) != ERR_OK) {
        log_warn("media", "no_memory", "there is no memory for the list of media files");
        return;
    }
    pthread_mutex_lock(&c->lock);
    struct media_text old = c->text;
    c->text = text;
    pthread_mutex_unlock(&c->lock);
    text_fini(&old);
}

static void tell(struct media_catalog *c)
{
    const struct media_entries *e = &c->entries;
    if (e->truncated && !c->told_truncated) {
        log_warn("media", "too_many",
                 "folder=\"%s\" there is more in it than %d files, %d folders or %d folders inside "
                 "of each other: what is left out of the list can be played all the same",
                 c->folder, MEDIA_LISTED_MAX, MEDIA_FOLDERS_MAX, MEDIA_DEPTH_MAX);
    }
    if (e->skipped > c->told_skipped) {
        log_warn(
            "media", "no_address",
            "folder=\"%s\" names=%zu these cannot be fetched: names that are not UTF-8 or have "
            "control characters or backslashes in them; rename them",
            c->folder, e->skipped);
    }
    if (!c->watched && !c->told_unwatched) {
        log_warn("media", "not_watched",
                 "folder=\"%s\" changes are noticed within a minute only: raise "
                 "fs.inotify.max_user_watches and fs.inotify.max_user_instances (sysctl)",
                 c->folder);
    }
    c->told_truncated = e->truncated;
    c->told_skipped = e->skipped;
    c->told_unwatched = !c->watched;
}

/* --- the thread: what there is --- */

static void on_folder(void *arg, int fd)
{
    struct media_catalog *c = arg;
    media_watch_folder(c->watch, fd);
}

/* Takes entries. */
static void put_entries(struct media_catalog *c, struct media_entries *entries)
{
    media_entries_settle(entries, &c->entries);
    bool same = c->looked && media_entries_equal(entries, &c->entries);
    bool was_watched = c->watched;
    pthread_mutex_lock(&c->lock);
    struct media_entries old = c->entries;
    c->entries = *entries;
    c->watched = media_watch_complete(c->watch);
    pthread_mutex_unlock(&c->lock);
    media_entries_fini(&old);
    if (!same) {
        show(c);
    }
    if (!same || was_watched != c->watched) {
        tell(c);
    }
    pthread_mutex_lock(&c->lock);
    c->looked = true;
    pthread_mutex_unlock(&c->lock);
}

static void look(struct media_catalog *c)
{
    struct media_entries entries = {.count = 0};
    const struct media_scan scan = {c->root, &c->ending, on_folder, c};
    c->looked_ms = clock_mono_ms();
    media_watch_begin(c->watch);
    enum err e = c->root >= 0 ? media_scan(&scan, &entries) : ERR_OK;
    media_watch_end(c->watch);
    if (e == ERR_CLOSED) {
        return;
    }
    if (e != ERR_OK) {
        log_warn("media", "cannot_look", "folder=\"%s\" why=\"%s\"", c->folder, err_text(e));
    }
    put_entries(c, &entries);
}

/* The path may lead to another folder by now, or to none. True: it does. */
static bool follow_root(struct media_catalog *c)
{
    struct stat now;
    int fd = -1;
    bool there = media_open_root(c->folder, &fd) == ERR_OK && fstat(fd, &now) == 0;
    bool same = there && c->root >= 0 && now.st_dev == c->root_stat.st_dev &&
                now.st_ino == c->root_stat.st_ino;
    if (same || (!there && c->root < 0)) {
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    if (there) {
        c->root_stat = now;
        log_info("media", "folder", "folder=\"%s\" %s", c->folder,
                 c->root < 0 ? "it is there again" : "it is another one now");
    } else {
        log_warn("media", "folder_gone",
                 "folder=\"%s\" the media files' folder is not there any more; it is used again "
                 "when it comes back",
                 c->folder);
    }
    pthread_rwlock_wrlock(&c->root_lock);
    int old = c->root;
    c->root = fd;
    pthread_rwlock_unlock(&c->root_lock);
    if (old >= 0) {
        close(old);
    }
    return true;
}

/* --- the thread: what is in them --- */

static bool is_due(const struct media_entry *e, int64_t now_ms)
{
    return e->state == MEDIA_NEW &&
           (e->changed_ms == INT64_MIN || now_ms - e->changed_ms >= SETTLED_MS);
}

/* It may have changed since it was listed: then it stays new until it is seen again. */
static enum err read_facts(struct media_catalog *c, const struct media_entry *entry,
                           struct media_facts *ret_facts)
{
    struct media_stat stat;
    int fd;
    enum err e = media_open_file(c->root, entry->path, &fd, &stat);
    if (e != ERR_OK) {
        return e;
    }
    e = media_probe(fd, stat.size, &c->ending, ret_facts);
    close(fd);
    return media_stat_equal(&stat, &entry->stat) ? e : ERR_AGAIN;
}

static void read_entry(struct media_catalog *c, struct media_entry *entry)
{
    struct media_facts facts = {0};
    enum err e = read_facts(c, entry, &facts);
    if (atomic_load(&c->ending)) {
        return;
    }
    if (e != ERR_OK && e != ERR_AGAIN && !entry->again) {
        log_info("media", "unreadable", "file=\"%s\" why=\"%s\" it is served all the same",
                 entry->path, err_text(e));
    }
    pthread_mutex_lock(&c->lock);
    entry->facts = facts;
    entry->changed_ms = clock_mono_ms(); /* for what is to be read again */
    entry->again = e == ERR_AUTH || e == ERR_LIMIT || e == ERR_NOMEM || e == ERR_IO;
    entry->state = e == ERR_OK ? MEDIA_READ : e == ERR_AGAIN ? MEDIA_NEW : MEDIA_UNREADABLE;
    pthread_mutex_unlock(&c->lock);
}

/* Until something changes. True: some files have to stand still for longer before they are read. */
static bool read_all(struct media_catalog *c, bool *ret_changed)
{
    bool waiting = false, read = false;
    *ret_changed = false;
    for (size_t i = 0; i < c->entries.count && !*ret_changed && !atomic_load(&c->ending); i++) {
        struct media_entry *entry = &c->entries.items[i];
        if (is_due(entry, clock_mono_ms())) {
            read_entry(c, entry);
            read = true;
            *ret_changed = media_watch_wait(c->watch, 0);
        }
        waiting = waiting || entry->state == MEDIA_NEW;
        if (read && clock_mono_ms() - c->shown_ms >= SHOW_MS) {
            show(c);
            read = false;
        }
    }
    if (read) {
        show(c);
    }
    return waiting;
}

/* More may come of what changed just now. */
static void wait_until_quiet(struct media_catalog *c)
{
    int64_t until = clock_mono_ms() + BURST_MS;
    while (!atomic_load(&c->ending) && clock_mono_ms() < until &&
           media_watch_wait(c->watch, QUIET_MS)) {
    }
}

static void *run(void *arg)
{
    struct media_catalog *c = arg;
    int64_t root_ms = clock_mono_ms();
    bool changed = true;
    while (!atomic_load(&c->ending)) {
        int64_t now = clock_mono_ms();
        if (changed || now - root_ms >= ROOT_MS) {
            root_ms = now;
            changed = follow_root(c) || changed;
        }
        if (changed || now - c->looked_ms >= LOOK_ANYHOW_MS) {
            look(c);
        }
        bool waiting = read_all(c, &changed);
        if (!changed) {
            int64_t most_ms = ROOT_MS;
            if (waiting) {
                most_ms = SETTLED_MS;
            }
            changed = media_watch_wait(c->watch, most_ms);
        }
        if (changed) {
            wait_until_quiet(c);
        }
        changed = changed || waiting;
    }
    return NULL;
}

/* --- life --- */

static void destroy_parts(struct media_catalog *c)
{
    if (c->root >= 0) {
        close(c->root);
    }
    media_watch_destroy(c->watch);
    media_entries_fini(&c->entries);
    text_fini(&c->text);
    pthread_mutex_destroy(&c->lock);
    pthread_rwlock_destroy(&c->root_lock);
    mem_free(c->folder);
    mem_free(c);
}

enum err media_catalog_create(const char *folder, struct media_catalog **ret_catalog)
{
    int root = -1;
    enum err e = media_open_root(folder, &root);
    if (e != ERR_OK) {
        return e;
    }
    struct media_catalog *c = mem_alloc(sizeof *c);
    c->folder = mem_strdup(folder);
    c->root = root;
    pthread_mutex_init(&c->lock, NULL);
    pthread_rwlock_init(&c->root_lock, NULL);
    c->watch = media_watch_create();
    if (c->watch == NULL || fstat(root, &c->root_stat) != 0 ||
        thread_start("media folder", run, c, &c->thread) != ERR_OK) {
        destroy_parts(c);
        return ERR_IO;
    }
    *ret_catalog = c;
    return ERR_OK;
}

void media_catalog_destroy(struct media_catalog *c)
{
    if (c == NULL) {
        return;
    }
    atomic_store(&c->ending, true);
    media_watch_wake(c->watch);
    pthread_join(c->thread, NULL);
    destroy_parts(c);
}

/* --- for everybody --- */

enum err media_catalog_open(struct media_catalog *c, const char *path, int *ret_fd,
                            struct media_stat *ret_stat)
{
    pthread_rwlock_rdlock(&c->root_lock);
    enum err e = c->root >= 0 ? media_open_file(c->root, path, ret_fd, ret_stat) : ERR_NOENT;
    pthread_rwlock_unlock(&c->root_lock);
    return e;
}

enum err media_catalog_text(struct media_catalog *c, struct media_text *ret_text)
{
    pthread_mutex_lock(&c->lock);
    enum err e = !c->looked ? ERR_AGAIN : c->text.plain == NULL ? ERR_NOMEM : ERR_OK;
    if (e == ERR_OK) {
        *ret_text = c->text;
        blob_ref(ret_text->plain);
        if (ret_text->gzip != NULL) {
            blob_ref(ret_text->gzip);
        }
    }
    pthread_mutex_unlock(&c->lock);
    return e;
}

enum err media_catalog_first_video(struct media_catalog *c, char ret_path[MEDIA_PATH_MAX + 1])
{
    pthread_mutex_lock(&c->lock);
    const struct media_entry *first = media_entries_first_video(&c->entries);
    enum err e = first != NULL ? ERR_OK : c->looked ? ERR_NOENT : ERR_AGAIN;
    for (size_t i = 0; e == ERR_NOENT && i < c->entries.count; i++) {
        const struct media_entry *m = &c->entries.items[i];
        e = m->state == MEDIA_NEW && m->type->kind == MEDIA_KIND_VIDEO ? ERR_AGAIN : e;
    }
    if (first != NULL) {
        snprintf(ret_path, MEDIA_PATH_MAX + 1, "%s", first->path);
    }
    pthread_mutex_unlock(&c->lock);
    return e;
}

enum err media_catalog_facts(struct media_catalog *c, const char *path,
                             const struct media_stat *stat, struct media_facts *ret_facts)
{
    pthread_mutex_lock(&c->lock);
    const struct media_entry *m = media_entries_find(&c->entries, path);
    enum err e = ERR_AGAIN;
    if (m != NULL && media_stat_equal(&m->stat, stat)) {
        e = m->state == MEDIA_READ ? ERR_OK : m->state == MEDIA_UNREADABLE ? ERR_PROTO : ERR_AGAIN;
    }
    if (e == ERR_OK) {
        *ret_facts = m->facts;
    }
    pthread_mutex_unlock(&c->lock);
    return e;
}

struct media_catalog_figures media_catalog_figures(struct media_catalog *c)
{
    pthread_rwlock_rdlock(&c->root_lock);
    bool missing = c->root < 0;
    pthread_rwlock_unlock(&c->root_lock);
    pthread_mutex_lock(&c->lock);
    struct media_catalog_figures f = {
        .listed = c->entries.count,
        .folders = c->entries.folders,
        .skipped = c->entries.skipped,
        .truncated = c->entries.truncated,
        .missing = missing,
        .watched = c->watched,
    };
    for (size_t i = 0; i < c->entries.count; i++) {
        f.waiting += c->entries.items[i].state == MEDIA_NEW;
        f.unreadable += c->entries.items[i].state == MEDIA_UNREADABLE;
        f.bytes += c->entries.items[i].stat.size;
    }
    pthread_mutex_unlock(&c->lock);
    return f;
}
