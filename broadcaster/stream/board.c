#include "broadcaster/stream/board.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "broadcaster/stream/lineup.h"

struct rendition {
    struct variant variant;
    struct window *window;
    struct list waiters;
};

struct window_texts {
    pthread_mutex_t lock; /* held while a text is made */
    struct window_page pages[WINDOW_TEXTS_];
};

struct stream {
    struct list node;
    struct board_entry entry;
    struct interest *interest;
    struct rendition *renditions[BOARD_RENDITIONS_MAX];
    size_t n_renditions;
    struct lineup *lineup; /* NULL: nobody has asked for what they are now */
};

struct board {
    pthread_mutex_t lock; /* of everything below; never held while something is freed */
    struct list streams;
    char current[ID_MAX + 1]; /* "": none */
    board_wake_fn *wake;
    void *wake_arg;
};

struct window *window_create(struct segment *const *segments, size_t count, size_t listed)
{
    assert(listed <= count);
    struct window *w = mem_alloc(sizeof *w);
    w->refs = 1;
    w->segments = mem_alloc(count * sizeof(struct segment *));
    w->count = count;
    w->listed = listed;
    w->listed_live = listed;
    w->texts = mem_alloc(sizeof *w->texts);
    pthread_mutex_init(&w->texts->lock, NULL);
    for (size_t i = 0; i < count; i++) {
        w->segments[i] = segment_ref(segments[i]);
    }
    return w;
}

void window_set_parts(struct window *w, enum track_kind kind, int64_t part_target,
                      struct part *const *parts, size_t count, struct part_group *group)
{
    struct window_lane *lane = &w->lanes[kind];
    assert(lane->parts == NULL);
    lane->part_target = part_target;
    lane->parts = mem_alloc((count + 1) * sizeof(struct part *));
    lane->count = count;
    lane->group = group != NULL ? part_group_ref(group) : NULL;
    for (size_t i = 0; i < count; i++) {
        lane->parts[i] = i < part_group_count(group) ? parts[i] : part_ref(parts[i]);
    }
}

struct part *window_find_part(const struct window *w, enum track_kind kind, uint64_t msn,
                              uint32_t index)
{
    const struct window_lane *lane = &w->lanes[kind];
    for (size_t i = lane->count; i > 0; i--) {
        const struct part_info *info = part_info(lane->parts[i - 1]);
        if (info->msn == msn && info->index == index) {
            return lane->parts[i - 1];
        }
        if (info->msn < msn) {
            break;
        }
    }
    return NULL;
}

struct window *window_ref(struct window *w)
{
    __atomic_fetch_add(&w->refs, 1, __ATOMIC_RELAXED);
    return w;
}

void window_unref(struct window *w)
{
    if (w == NULL || __atomic_fetch_sub(&w->refs, 1, __ATOMIC_ACQ_REL) > 1) {
        return;
    }
    for (size_t i = 0; i < w->count; i++) {
        segment_unref(w->segments[i]);
    }
    for (int kind = 0; kind < 2; kind++) {
        struct window_lane *lane = &w->lanes[kind];
        for (size_t i = part_group_count(lane->group); i < lane->count; i++) {
            part_unref(lane->parts[i]);
        }
        part_group_unref(lane->group);
        mem_free(w->lanes[kind].parts);
    }
    for (int i = 0; i < WINDOW_TEXTS_; i++) {
        window_page_unref(&w->texts->pages[i]);
    }
    pthread_mutex_destroy(&w->texts->lock);
    mem_free(w->texts);
    mem_free(w->segments);
    mem_free(w);
}

struct window_page window_page_ref(const struct window_page *p)
{
    blob_ref(p->plain);
    if (p->gzip != NULL) {
        blob_ref(p->gzip);
    }
    return *p;
}

void window_page_unref(struct window_page *p)
{
    blob_unref(p->plain);
    blob_unref(p->gzip);
}

enum err window_text(const struct window *w, enum window_text which, window_make_fn *make,
                     void *arg, struct window_page *ret_page)
{
    enum err e = ERR_OK;
    struct window_page *kept = &w->texts->pages[which];
    pthread_mutex_lock(&w->texts->lock);
    if (kept->plain == NULL) {
        e = make(w, arg, kept);
    }
    if (e == ERR_OK) {
        *ret_page = window_page_ref(kept);
    }
    pthread_mutex_unlock(&w->texts->lock);
    return e;
}

struct segment *window_find(const struct window *w, uint64_t msn)
{
    size_t low = 0;
    size_t high = w->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        uint64_t here = segment_info(w->segments[middle])->msn;
        if (here == msn) {
            return w->segments[middle];
        }
        if (here < msn) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

struct board *board_create(void)
{
    struct board *b = mem_alloc(sizeof *b);
    pthread_mutex_init(&b->lock, NULL);
    list_init(&b->streams);
    return b;
}

static void stream_destroy(struct stream *s)
{
    for (size_t i = 0; i < s->n_renditions; i++) {
        window_unref(s->renditions[i]->window);
        mem_free(s->renditions[i]);
    }
    lineup_unref(s->lineup);
    interest_unref(s->interest);
    mem_free(s);
}

void board_destroy(struct board *b)
{
    if (b == NULL) {
        return;
    }
    LIST_EACH (&b->streams, it, tmp) {
        stream_destroy(LIST_ITEM(it, struct stream, node));
    }
    pthread_mutex_destroy(&b->lock);
    mem_free(b);
}

static struct stream *find_stream(struct board *b, const char *id)
{
    LIST_EACH (&b->streams, it, tmp) {
        struct stream *s = LIST_ITEM(it, struct stream, node);
        if (strcmp(s->entry.id, id) == 0) {
            return s;
        }
    }
    return NULL;
}

static struct rendition *find_rendition(struct stream *s, const char *name)
{
    for (size_t i = 0; i < s->n_renditions; i++) {
        if (strcmp(s->renditions[i]->variant.name, name) == 0) {
            return s->renditions[i];
        }
    }
    return NULL;
}

static struct stream *add_stream(struct board *b, const char *id)
{
    size_t len = strlen(id);
    assert(len <= ID_MAX);
    struct stream *s = mem_alloc(sizeof *s);
    memcpy(s->entry.id, id, len + 1);
    s->interest = interest_create();
    list_push_back(&b->streams, &s->node);
    return s;
}

/* Players begin with the one that stands first: the source, though a rung may be there before it.
 */
static struct rendition *add_rendition(struct stream *s, const struct variant *v)
{
    assert(s->n_renditions < BOARD_RENDITIONS_MAX);
    struct rendition *r = mem_alloc(sizeof *r);
    list_init(&r->waiters);
    size_t at = strcmp(v->name, BOARD_SOURCE) == 0 ? 0 : s->n_renditions;
    while (at > 0 && s->renditions[at - 1]->variant.rank > v->rank) {
        at--;
    }
    memmove(s->renditions + at + 1, s->renditions + at,
            (s->n_renditions - at) * sizeof(struct rendition *));
    s->renditions[at] = r;
    s->n_renditions++;
    return r;
}

static bool is_shown(const struct stream *s)
{
    return s != NULL && s->n_renditions > 0 && s->renditions[0]->variant.rank == 0;
}

static void take(struct board_waiter *waiter, enum board_woken why, struct list *woken)
{
    waiter->why = why;
    waiter->waits = false;
    list_remove(&waiter->node);
    list_push_back(woken, &waiter->node);
}

/* Moves the waiters of a rendition whose wait is over; window NULL: it is gone. */
static void take_ready(struct rendition *r, const struct window *w, struct list *woken)
{
    int64_t now_us = clock_mono_us();
    LIST_EACH (&r->waiters, it, tmp) {
        struct board_waiter *waiter = LIST_ITEM(it, struct board_waiter, node);
        if (w == NULL || waiter->ready(waiter, w)) {
            waiter->ready_us = now_us;
            take(waiter, w != NULL ? BOARD_READY : BOARD_GONE, woken);
        }
    }
}

/* Who was taken is told, also when nobody is to be woken any more by now. */
static void unlock_and_wake(struct board *b, struct list *woken)
{
    board_wake_fn *wake = b->wake;
    void *arg = b->wake_arg;
    pthread_mutex_unlock(&b->lock);
    if (!list_empty(woken)) {
        wake(arg, woken);
    }
}

/* Of what the master playlists would not tell any more. */
static struct lineup *take_outdated(struct stream *s, const struct rendition *r,
                                    const struct variant *v)
{
    if (r->window != NULL && variant_is_same(&r->variant, v)) {
        return NULL;
    }
    struct lineup *old = s->lineup;
    s->lineup = NULL;
    return old;
}

void board_publish(struct board *b, const char *id, const struct variant *v, struct window *w)
{
    struct list woken;
    list_init(&woken);
    pthread_mutex_lock(&b->lock);
    struct stream *s = find_stream(b, id);
    if (s == NULL) {
        s = add_stream(b, id);
    }
    struct rendition *r = find_rendition(s, v->name);
    if (r == NULL) {
        r = add_rendition(s, v);
    }
    struct lineup *outdated = take_outdated(s, r, v);
    struct window *old = r->window;
    r->variant = *v;
    r->window = window_ref(w);
    take_ready(r, w, &woken);
    unlock_and_wake(b, &woken);
    window_unref(old);
    lineup_unref(outdated);
}

void board_set_facts(struct board *b, const char *id, const struct board_facts *f)
{
    pthread_mutex_lock(&b->lock);
    struct stream *s = find_stream(b, id);
    if (s == NULL) {
        s = add_stream(b, id);
    }
    s->entry.facts = *f;
    pthread_mutex_unlock(&b->lock);
}

void board_remove(struct board *b, const char *id)
{
    struct list woken;
    list_init(&woken);
    pthread_mutex_lock(&b->lock);
    struct stream *s = find_stream(b, id);
    if (s != NULL) {
        list_remove(&s->node);
    }
    for (size_t i = 0; s != NULL && i < s->n_renditions; i++) {
        take_ready(s->renditions[i], NULL, &woken);
    }
    if (strcmp(b->current, id) == 0) {
        b->current[0] = '\0';
    }
    unlock_and_wake(b, &woken);
    if (s != NULL) {
        stream_destroy(s);
    }
}

void board_set_current(struct board *b, const char *id)
{
    const char *name = id != NULL ? id : "";
    size_t len = strlen(name);
    assert(len <= ID_MAX);
    pthread_mutex_lock(&b->lock);
    memcpy(b->current, name, len + 1);
    pthread_mutex_unlock(&b->lock);
}

struct interest *board_interest(struct board *b, const char *id)
{
    pthread_mutex_lock(&b->lock);
    struct stream *s = find_stream(b, id);
    if (s == NULL) {
        s = add_stream(b, id);
    }
    struct interest *i = interest_ref(s->interest);
    pthread_mutex_unlock(&b->lock);
    return i;
}

void board_ask_parts(struct board *b, const char *id)
{
    pthread_mutex_lock(&b->lock);
    struct stream *s = find_stream(b, id);
    if (s != NULL) {
        interest_show(s->interest);
    }
    pthread_mutex_unlock(&b->lock);
}

struct window *board_window(struct board *b, const char *id, const char *rendition)
{
    struct window *w = NULL;
    pthread_mutex_lock(&b->lock);
    struct stream *s = find_stream(b, id);
    struct rendition *r = is_shown(s) ? find_rendition(s, rendition) : NULL;
    if (r != NULL) {
        w = window_ref(r->window);
    }
    pthread_mutex_unlock(&b->lock);
    return w;
}

size_t board_windows(struct board *b, const char *id, struct variant *ret_list,
                     struct window **ret_windows, size_t max)
{
    size_t n = 0;
    pthread_mutex_lock(&b->lock);
    struct stream *s = find_stream(b, id);
    for (; is_shown(s) && n < s->n_renditions && n < max; n++) {
        ret_list[n] = s->renditions[n]->variant;
        ret_windows[n] = window_ref(s->renditions[n]->window);
    }
    pthread_mutex_unlock(&b->lock);
    return n;
}

void board_set_wake(struct board *b, board_wake_fn *wake, void *arg)
{
    pthread_mutex_lock(&b->lock);
    b->wake = wake;
    b->wake_arg = arg;
    pthread_mutex_unlock(&b->lock);
}

bool board_wait(struct board *b, const char *id, const char *rendition, struct board_waiter *waiter)
{
    pthread_mutex_lock(&b->lock);
    struct stream *s = find_stream(b, id);
    struct rendition *r = is_shown(s) ? find_rendition(s, rendition) : NULL;
    bool waits = b->wake != NULL && r != NULL && !waiter->ready(waiter, r->window);
    if (waits) {
        list_push_back(&r->waiters, &waiter->node);
        waiter->waits = true;
    }
    pthread_mutex_unlock(&b->lock);
    return waits;
}

bool board_leave(struct board *b, struct board_waiter *waiter)
{
    pthread_mutex_lock(&b->lock);
    bool waited = waiter->waits;
    if (waited) {
        waiter->waits = false;
        list_remove(&waiter->node);
    }
    pthread_mutex_unlock(&b->lock);
    return waited;
}

/* The next deadline of the rendition. */
static int64_t take_late(struct rendition *r, int64_t now_ms, struct list *woken)
{
    LIST_EACH (&r->waiters, it, tmp) {
        struct board_waiter *waiter = LIST_ITEM(it, struct board_waiter, node);
        if (waiter->deadline_ms > now_ms) {
            return waiter->deadline_ms;
        }
        take(waiter, BOARD_LATE, woken);
    }
    return INT64_MAX;
}

int64_t board_wake_late(struct board *b, int64_t now_ms)
{
    int64_t next_ms = INT64_MAX;
    struct list woken;
    list_init(&woken);
    pthread_mutex_lock(&b->lock);
    LIST_EACH (&b->streams, it, tmp) {
        struct stream *s = LIST_ITEM(it, struct stream, node);
        for (size_t i = 0; i < s->n_renditions; i++) {
            int64_t ms = take_late(s->renditions[i], now_ms, &woken);
            next_ms = ms < next_ms ? ms : next_ms;
        }
    }
    unlock_and_wake(b, &woken);
    return next_ms;
}

size_t board_variants(struct board *b, const char *id, struct variant *ret_list, size_t max)
{
    size_t n = 0;
    pthread_mutex_lock(&b->lock);
    struct stream *s = find_stream(b, id);
    for (; is_shown(s) && n < s->n_renditions && n < max; n++) {
        ret_list[n] = s->renditions[n]->variant;
    }
    pthread_mutex_unlock(&b->lock);
    return n;
}

struct lineup *board_lineup(struct board *b, const char *id)
{
    struct lineup *l = NULL;
    pthread_mutex_lock(&b->lock);
    struct stream *s = find_stream(b, id);
    if (is_shown(s) && s->lineup == NULL) {
        s->lineup = lineup_create(s->n_renditions);
        for (size_t i = 0; i < s->n_renditions; i++) {
            lineup_fill(s->lineup)[i] = s->renditions[i]->variant;
        }
    }
    if (is_shown(s)) {
        l = lineup_ref(s->lineup);
    }
    pthread_mutex_unlock(&b->lock);
    return l;
}

size_t board_streams(struct board *b, struct board_entry *ret_list, size_t max)
{
    size_t n = 0;
    pthread_mutex_lock(&b->lock);
    LIST_EACH (&b->streams, it, tmp) {
        const struct stream *s = LIST_ITEM(it, const struct stream, node);
        if (is_shown(s) && n < max) {
            ret_list[n++] = s->entry;
        }
    }
    pthread_mutex_unlock(&b->lock);
    return n;
}

enum err board_current(struct board *b, char *ret_id, size_t size)
{
    enum err e = ERR_OK;
    pthread_mutex_lock(&b->lock);
    size_t len = strlen(b->current);
    if (len == 0) {
        e = ERR_NOENT;
    } else if (len >= size) {
        e = ERR_LIMIT;
    } else {
        memcpy(ret_id, b->current, len + 1);
    }
    pthread_mutex_unlock(&b->lock);
    return e;
}
