#include "broadcaster/paywall/preview_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "run/log.h"
#include "run/private_file.h"

#define HEAD      "sbe previews 1\n"
#define HEAD_LEN  (sizeof HEAD - 1)
#define SALT_LEN  ((size_t)AUDIENCE_SALT_LEN)
#define FILE_MAX_ (HEAD_LEN + SALT_LEN + 1 + PREVIEW_BYTES_MAX)

struct preview_file {
    int folder;
    struct audience_salt salt;
    uint64_t version; /* of what is in `bytes` */
    int64_t taken_ms; /* 0: never */
    bool running;     /* there is a thread to be joined */
    pthread_t thread;

    /* The writing thread's, while it is busy. */
    struct buf bytes;
    bool failed; /* and said so */
    atomic_bool busy;
};

/* --- reading --- */

static bool read_head(struct span *bytes, struct audience_salt *salt)
{
    struct span head, text, end;
    if (span_read_bytes(bytes, HEAD_LEN, &head) != ERR_OK || !span_equal(head, span_cstr(HEAD)) ||
        span_read_bytes(bytes, SALT_LEN, &text) != ERR_OK ||
        span_read_bytes(bytes, 1, &end) != ERR_OK || end.data[0] != '\n') {
        return false;
    }
    for (size_t i = 0; i < SALT_LEN; i++) {
        if (text.data[i] == '\0' || strchr("0123456789abcdef", text.data[i]) == NULL) {
            return false;
        }
    }
    audience_salt_set(salt, (const char *)text.data);
    return true;
}

enum err preview_file_parse(struct span bytes, int64_t now_ms, int64_t wall_ms, struct preview *p,
                            struct audience_salt *salt)
{
    return read_head(&bytes, salt) ? preview_read(p, bytes, now_ms, wall_ms) : ERR_PROTO;
}

static enum err read_file(int folder, struct preview *p, struct audience_salt *salt)
{
    char *bytes = mem_try_alloc(FILE_MAX_);
    size_t len = 0;
    if (bytes == NULL) {
        return ERR_NOMEM;
    }
    enum err e = private_file_read(folder, PREVIEW_FILE, bytes, FILE_MAX_, &len, NULL);
    if (e == ERR_OK) {
        e = preview_file_parse(span_of(bytes, len), clock_mono_ms(), clock_wall_ms(), p, salt);
    }
    mem_free(bytes);
    return e;
}

static const char *words_of(enum err e)
{
    return e == ERR_PROTO  ? "it is damaged"
           : e == ERR_AUTH ? "others can write it: chmod 600, and give it to this user"
           : e == ERR_IO   ? strerror(errno)
                           : err_text(e);
}

struct preview_file *preview_file_open(const char *data_dir, struct preview *p,
                                       struct audience_salt *salt)
{
    int folder = open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) {
        log_warn("paywall", "previews",
                 "%s: %s; who has had the free preview is forgotten at the "
                 "end",
                 data_dir, strerror(errno));
        return NULL;
    }
    enum err e = read_file(folder, p, salt);
    if (e != ERR_OK && e != ERR_NOENT) {
        log_warn("paywall", "previews",
                 "%s/" PREVIEW_FILE ": %s; some may have the free preview again, and the file is "
                 "written anew",
                 data_dir, words_of(e));
    }
    struct preview_file *f = mem_alloc(sizeof *f);
    f->folder = folder;
    f->salt = *salt;
    f->version = preview_version(p);
    buf_init(&f->bytes, FILE_MAX_);
    return f;
}

/* --- writing --- */

bool preview_file_due(const struct preview_file *f, const struct preview *p, int64_t now_ms)
{
    return f != NULL && !atomic_load(&f->busy) && preview_version(p) != f->version &&
           (f->taken_ms == 0 || now_ms - f->taken_ms >= PREVIEW_FILE_EVERY);
}

void preview_file_take(struct preview_file *f, const struct preview *p, int64_t now_ms)
{
    buf_clear(&f->bytes);
    enum err e = buf_put(&f->bytes, span_cstr(HEAD));
    e = e == ERR_OK ? buf_put(&f->bytes, span_cstr(f->salt.text)) : e;
    e = e == ERR_OK ? buf_put_u8(&f->bytes, '\n') : e;
    e = e == ERR_OK ? preview_write(p, now_ms, clock_wall_ms(), &f->bytes) : e;
    if (e != ERR_OK) { /* no memory: the file stays as it is until the next time */
        buf_clear(&f->bytes);
    }
    f->version = preview_version(p);
    f->taken_ms = now_ms;
}

static void *write_file(void *arg)
{
    struct preview_file *f = arg;
    if (f->bytes.len > 0) {
        bool failed = private_file_write(f->folder, PREVIEW_FILE, buf_span(&f->bytes)) != ERR_OK;
        if (failed && !f->failed) {
            log_warn("paywall", "previews",
                     "the file " PREVIEW_FILE " in the data directory cannot be written: %s; who "
                     "has had the free preview may have it again after a restart",
                     strerror(errno));
        }
        f->failed = failed;
    }
    atomic_store(&f->busy, false);
    return NULL;
}

static void join(struct preview_file *f)
{
    if (f->running) {
        pthread_join(f->thread, NULL);
        f->running = false;
    }
}

void preview_file_write(struct preview_file *f)
{
    join(f); /* it has ended */
    atomic_store(&f->busy, true);
    f->running = thread_start("previews", write_file, f, &f->thread) == ERR_OK;
    if (!f->running) {
        (void)write_file(f);
    }
}

void preview_file_close(struct preview_file *f, const struct preview *p)
{
    if (f == NULL) {
        return;
    }
    join(f);
    if (preview_version(p) != f->version) {
        preview_file_take(f, p, clock_mono_ms());
        (void)write_file(f);
    }
    buf_fini(&f->bytes);
    close(f->folder);
    mem_free(f);
}
