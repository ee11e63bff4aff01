#include "broadcaster/hls/content_index.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "broadcaster/hls/index_json.h"
#include "broadcaster/hls/index_stream.h"
#include "broadcaster/hls/playlist_index.h"
#include "broadcaster/viewers/audience.h"
#include "broadcaster/viewers/gzip.h"
#include "broadcaster/viewers/http_tag.h"

struct snapshot {
    enum err errors[INDEX_FORMS_];
    struct index_text texts[INDEX_FORMS_];
};

struct content_index {
    struct board *board;
    struct audience_salt salt;
    pthread_mutex_t lock; /* of all below; never held while texts are made */
    pthread_cond_t made;
    bool making; /* by one of those who asked */
    bool any;
    int64_t made_ms;
    struct snapshot newest;
    struct audience *audience;
};

struct content_index *content_index_create(struct board *board)
{
    struct content_index *ci = mem_alloc(sizeof *ci);
    ci->board = board;
    audience_salt_init(&ci->salt);
    pthread_mutex_init(&ci->lock, NULL);
    pthread_cond_init(&ci->made, NULL);
    ci->audience = audience_create();
    return ci;
}

static void forget(struct snapshot *s)
{
    for (size_t i = 0; i < INDEX_FORMS_; i++) {
        blob_unref(s->texts[i].plain);
        blob_unref(s->texts[i].gzip);
    }
}

void content_index_destroy(struct content_index *ci)
{
    if (ci == NULL) {
        return;
    }
    forget(&ci->newest);
    audience_destroy(ci->audience);
    pthread_cond_destroy(&ci->made);
    pthread_mutex_destroy(&ci->lock);
    mem_free(ci);
}

/* --- who watches --- */

void content_index_saw(struct content_index *ci, const char *id, struct span address,
                       struct span agent, int64_t now_ms)
{
    uint64_t stream = audience_hash(&ci->salt, span_cstr(id), span_cstr(""));
    uint64_t viewer = audience_hash(&ci->salt, address, agent);
    pthread_mutex_lock(&ci->lock);
    audience_note(ci->audience, stream, viewer, now_ms);
    pthread_mutex_unlock(&ci->lock);
}

/* --- what there is --- */

struct collected {
    struct board_entry entries[INDEX_STREAMS_MAX];
    struct index_stream streams[INDEX_STREAMS_MAX];
    size_t count;
};

static int newest_first(const void *a, const void *b)
{
    const struct board_entry *x = a;
    const struct board_entry *y = b;
    int64_t difference = y->facts.since_ms - x->facts.since_ms;
    return difference != 0 ? (difference > 0 ? 1 : -1) : strcmp(x->id, y->id);
}

static unsigned count_viewers(struct content_index *ci, const char *id, int64_t now_ms)
{
    uint64_t stream = audience_hash(&ci->salt, span_cstr(id), span_cstr(""));
    pthread_mutex_lock(&ci->lock);
    unsigned n = audience_count(ci->audience, stream, now_ms);
    pthread_mutex_unlock(&ci->lock);
    return n;
}

/* A rung can be on the board before it. */
static void put_source_first(struct variant *list, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (strcmp(list[i].name, "source") == 0) {
            struct variant source = list[i];
            memmove(list + 1, list, i * sizeof *list);
            list[0] = source;
        }
    }
}

static enum err collect(struct content_index *ci, struct collected *c, int64_t now_ms)
{
    struct variant list[BOARD_RENDITIONS_MAX];
    size_t n = board_streams(ci->board, c->entries, INDEX_STREAMS_MAX);
    qsort(c->entries, n, sizeof c->entries[0], newest_first);
    for (size_t i = 0; i < n; i++) {
        const struct board_entry *e = &c->entries[i];
        size_t n_variants = board_variants(ci->board, e->id, list, BOARD_RENDITIONS_MAX);
        if (n_variants == 0) {
            continue; /* it has gone meanwhile */
        }
        struct variant *variants = mem_try_alloc(n_variants * sizeof *variants);
        if (variants == NULL) {
            return ERR_NOMEM;
        }
        memcpy(variants, list, n_variants * sizeof *variants);
        put_source_first(variants, n_variants);
        c->streams[c->count++] = (struct index_stream){
            .id = e->id,
            .facts = e->facts,
            .variants = variants,
            .n_variants = n_variants,
            .viewers = count_viewers(ci, e->id, now_ms),
        };
    }
    return ERR_OK;
}

static void free_collected(struct collected *c)
{
    for (size_t i = 0; c != NULL && i < c->count; i++) {
        mem_free((void *)c->streams[i].variants);
    }
    mem_free(c);
}

static void make_text(struct snapshot *s, enum index_form form, const struct collected *c,
                      int64_t wall_ms)
{
    struct buf text;
    buf_init(&text, INDEX_TEXT_MAX);
    enum err e = form == INDEX_JSON ? index_json(&text, c->streams, c->count, wall_ms)
                                    : playlist_index(&text, c->streams, c->count);
    struct index_text *t = &s->texts[form];
    if (e == ERR_OK) {
        t->plain = blob_copy(buf_span(&text));
        e = t->plain != NULL ? ERR_OK : ERR_NOMEM;
    }
    if (e == ERR_OK) {
        t->tag = http_tag_of(blob_span(t->plain));
        if (gzip_blob(t->plain, &t->gzip) != ERR_OK) {
            t->gzip = NULL; /* it is given as it is */
        }
    }
    s->errors[form] = e;
    buf_fini(&text);
}

static struct snapshot make(struct content_index *ci, int64_t now_ms, int64_t wall_ms)
{
    struct snapshot s = {.errors = {ERR_NOMEM, ERR_NOMEM}};
    struct collected *c = mem_try_alloc(sizeof *c);
    if (c != NULL && collect(ci, c, now_ms) == ERR_OK) {
        for (int form = 0; form < INDEX_FORMS_; form++) {
            make_text(&s, (enum index_form)form, c, wall_ms);
        }
    }
    free_collected(c);
    return s;
}

enum err content_index_get(struct content_index *ci, enum index_form form, int64_t now_ms,
                           int64_t wall_ms, struct index_text *ret_text)
{
    pthread_mutex_lock(&ci->lock);
    while (!ci->any && ci->making) {
        pthread_cond_wait(&ci->made, &ci->lock);
    }
    bool due = !ci->any || now_ms - ci->made_ms >= INDEX_MADE_EVERY_MS;
    if (due && !ci->making) {
        ci->making = true;
        pthread_mutex_unlock(&ci->lock);
        struct snapshot s = make(ci, now_ms, wall_ms);
        pthread_mutex_lock(&ci->lock);
        struct snapshot old = ci->newest;
        ci->newest = s;
        ci->made_ms = now_ms;
        ci->any = true;
        ci->making = false;
        pthread_cond_broadcast(&ci->made);
        forget(&old);
    }
    enum err e = ci->newest.errors[form];
    if (e == ERR_OK) {
        *ret_text = ci->newest.texts[form];
        blob_ref(ret_text->plain);
        if (ret_text->gzip != NULL) {
            blob_ref(ret_text->gzip);
        }
    }
    pthread_mutex_unlock(&ci->lock);
    return e;
}
