#include "broadcaster/jobs/rung_audience.h"

#include <pthread.h>

#include "base/mem.h"
#include "broadcaster/viewers/audience.h"

struct rung_audience {
    struct audience_salt salt;
    pthread_mutex_t lock; /* of audience */
    struct audience *audience;
};

struct rung_audience *rung_audience_create(void)
{
    struct rung_audience *a = mem_alloc(sizeof *a);
    audience_salt_init(&a->salt);
    pthread_mutex_init(&a->lock, NULL);
    a->audience = audience_create();
    return a;
}

void rung_audience_destroy(struct rung_audience *a)
{
    if (a != NULL) {
        audience_destroy(a->audience);
        pthread_mutex_destroy(&a->lock);
        mem_free(a);
    }
}

void rung_audience_saw(struct rung_audience *a, const char *id, const char *rendition,
                       struct span address, struct span agent, int64_t now_ms)
{
    uint64_t what = audience_hash(&a->salt, span_cstr(id), span_cstr(rendition));
    uint64_t viewer = audience_hash(&a->salt, address, agent);
    pthread_mutex_lock(&a->lock);
    audience_note(a->audience, what, viewer, now_ms);
    pthread_mutex_unlock(&a->lock);
}

unsigned rung_audience_count(struct rung_audience *a, const char *id, const char *rendition,
                             int64_t now_ms)
{
    uint64_t what = audience_hash(&a->salt, span_cstr(id), span_cstr(rendition));
    pthread_mutex_lock(&a->lock);
    unsigned n = audience_count(a->audience, what, now_ms);
    pthread_mutex_unlock(&a->lock);
    return n;
}
