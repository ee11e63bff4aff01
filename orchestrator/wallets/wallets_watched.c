/* Which payments are watched, and their file. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "orchestrator/wallets/wallets_internal.h"
#include "run/log.h"

#define FOLDER        "wallets"
#define NAME          "watched"
#define NOTE_AGAIN_MS 5000

/* --- one payment --- */

static struct watched *add(struct wallets *w, unsigned place, const char *account, const char *url)
{
    struct watched *v = mem_alloc(sizeof *v);
    *v = (struct watched){.wallets = w, .place = place, .next_ms = clock_mono_ms()};
    (void)snprintf(v->url, sizeof v->url, "%s", url);
    (void)snprintf(v->account, sizeof v->account, "%s", account);
    w->is_taken[place] = true;
    list_push_back(&w->watched, &v->node);
    w->n_watched++;
    return v;
}

struct watched *watched_begin(struct wallets *w, const char *account, const char *url)
{
    assert(w->n_watched < WALLETS_WATCHED_MAX);
    while (w->is_taken[w->next_place]) {
        w->next_place = (w->next_place + 1) % WALLETS_WATCHED_MAX;
    }
    struct watched *v = add(w, w->next_place, account, url);
    w->next_place = (w->next_place + 1) % WALLETS_WATCHED_MAX;
    return v;
}

void watched_answer(struct watched *v, int status, const char *text, uint64_t amount,
                    uint64_t balance)
{
    wallets_fn *fn = v->fn;
    v->fn = NULL;
    if (fn != NULL) {
        fn(v->arg, &(struct wallets_outcome){status, text, amount, balance});
    }
}

static void on_noted(void *arg, bool kept)
{
    struct watched *v = arg;
    v->is_noting = false;
    v->is_noted = kept;
    if (!kept) {
        v->next_ms = clock_mono_ms() + NOTE_AGAIN_MS;
        watched_answer(v, 503, "the payment cannot be noted now: try again", 0, 0);
    }
}

void watched_note(struct watched *v)
{
    char line[WATCH_LINE_MAX];
    v->is_noting = true;
    notebook_append(v->wallets->notebook, watch_line_begin(v->place, v->url, v->account, line),
                    on_noted, v);
}

/* A line that is lost costs some questions after the next start, and no money. */
void watched_end(struct watched *v)
{
    struct wallets *w = v->wallets;
    char line[WATCH_LINE_MAX];
    assert(!v->is_noting);
    if (w->notebook != NULL) {
        notebook_append(w->notebook, watch_line_over(v->place, line), NULL, NULL);
    }
    w->is_taken[v->place] = false;
    list_remove(&v->node);
    w->n_watched--;
    mem_free(v);
}

/* --- the file --- */

static bool write_whole(void *arg, struct buf *out)
{
    const struct wallets *w = arg;
    char line[WATCH_LINE_MAX];
    enum err e = buf_put(out, watch_line_first());
    LIST_EACH (&w->watched, it, tmp) {
        const struct watched *v = LIST_ITEM(it, const struct watched, node);
        e = e == ERR_OK ? buf_put(out, watch_line_begin(v->place, v->url, v->account, line)) : e;
    }
    return e == ERR_OK;
}

static void on_read(void *arg, unsigned place, const char *url, const char *account)
{
    struct watched *v = add(arg, place, account, url);
    v->is_noted = v->is_resumed = v->is_ours = true;
}

/* Money is not lost by it: it is credited when its payment is named again. */
static void tell_damage(const char *data_dir, const char *what)
{
    bool is_kept = notebook_put_aside(data_dir, FOLDER, NAME) == ERR_OK;
    log_error("wallets", "damaged",
              "wallets/watched in the data directory: %s. What payments that are not read from it "
              "still bring is credited when a page names them again%s",
              what, is_kept ? "; the file is kept as wallets/watched.damaged" : "");
}

static void read_before(struct wallets *w, const char *data_dir)
{
    struct buf file;
    char what[128] = "";
    size_t faults = 0, line = 0;
    buf_init(&file, WATCH_JOURNAL_MAX);
    enum err e = notebook_read(data_dir, FOLDER, NAME, &file);
    if (e == ERR_OK) {
        faults = watch_lines_read(buf_span(&file), on_read, w, &line);
    } else if (e != ERR_NOENT) {
        (void)snprintf(what, sizeof what, "it cannot be read (%s)", err_text(e));
    }
    buf_fini(&file);
    if (faults > 0) {
        (void)snprintf(what, sizeof what, "line %zu is damaged (%zu in all are)", line, faults);
    }
    if (what[0] != '\0') {
        tell_damage(data_dir, what);
    }
    if (w->n_watched > 0) {
        log_info("wallets", "resumed", "payments=%u", w->n_watched);
    }
}

enum err watched_open(struct wallets *w, const char *data_dir, char *ret_why)
{
    read_before(w, data_dir);
    const struct notebook_config c = {
        .data_dir = data_dir,
        .folder = FOLDER,
        .name = NAME,
        .stands_still = "no payments are taken that pages name",
        .max_bytes = WATCH_JOURNAL_MAX,
        .whole = write_whole,
        .arg = w,
    };
    enum err e = notebook_open(w->loop, &c, &w->notebook);
    if (e != ERR_OK) {
        (void)snprintf(ret_why, WALLETS_WHY_MAX,
                       "wallets/watched in the data directory cannot be written: %s",
                       strerror(errno));
    }
    return e;
}
