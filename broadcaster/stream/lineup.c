#include "broadcaster/stream/lineup.h"

#include <pthread.h>

#include "base/mem.h"

struct lineup {
    unsigned refs;        /* atomic */
    pthread_mutex_t lock; /* held while a text is made */
    struct window_page pages[LINEUP_TEXTS_];
    size_t n;
    struct variant variants[];
};

struct lineup *lineup_create(size_t n)
{
    struct lineup *l = mem_alloc(sizeof *l + n * sizeof l->variants[0]);
    l->refs = 1;
    pthread_mutex_init(&l->lock, NULL);
    l->n = n;
    return l;
}

struct variant *lineup_fill(struct lineup *l)
{
    return l->variants;
}

struct lineup *lineup_ref(struct lineup *l)
{
    __atomic_fetch_add(&l->refs, 1, __ATOMIC_RELAXED);
    return l;
}

void lineup_unref(struct lineup *l)
{
    if (l == NULL || __atomic_fetch_sub(&l->refs, 1, __ATOMIC_ACQ_REL) > 1) {
        return;
    }
    for (int i = 0; i < LINEUP_TEXTS_; i++) {
        window_page_unref(&l->pages[i]);
    }
    pthread_mutex_destroy(&l->lock);
    mem_free(l);
}

const struct variant *lineup_variants(const struct lineup *l, size_t *ret_n)
{
    *ret_n = l->n;
    return l->variants;
}

enum err lineup_text(struct lineup *l, enum lineup_text which, lineup_make_fn *make, void *arg,
                     struct window_page *ret_page)
{
    struct window_page *kept = &l->pages[which];
    pthread_mutex_lock(&l->lock);
    enum err e = kept->plain == NULL ? make(l, arg, kept) : ERR_OK;
    if (e == ERR_OK) {
        *ret_page = window_page_ref(kept);
    }
    pthread_mutex_unlock(&l->lock);
    return e;
}
