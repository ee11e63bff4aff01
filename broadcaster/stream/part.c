#include "broadcaster/stream/part.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/mem.h"
#include "broadcaster/pack/fmp4.h"
#include "broadcaster/pack/packager.h"

#define PARTS_PER_SEGMENT 256 /* more are numbered alike in "mfhd", which no player minds */
#define INIT_BYTES_MAX    (1024 * 1024)

struct part {
    atomic_uint refs;
    struct part_info info;
    struct track *track;
    struct packets packets;
    pthread_mutex_t lock; /* of the fragment, and held while it is made */
    struct blob *fragment;
    atomic_size_t fragment_bytes;
};

uint32_t part_sequence(uint64_t msn, size_t index)
{
    return (uint32_t)msn * PARTS_PER_SEGMENT + (uint32_t)index + 1;
}

struct part_group {
    atomic_uint refs;
    size_t count;
    struct part *parts[];
};

static void destroy(struct part *p)
{
    blob_unref(p->fragment);
    pthread_mutex_destroy(&p->lock);
    packets_fini(&p->packets);
    track_unref(p->track);
    mem_free(p);
}

struct part *part_create(const struct part_info *info, struct track *track,
                         const struct packet *packets, size_t n)
{
    assert(n > 0 && n <= PART_PACKETS_MAX);
    struct part *p = mem_alloc(sizeof *p);
    p->refs = 1;
    p->info = *info;
    p->track = track_ref(track);
    packets_init(&p->packets);
    pthread_mutex_init(&p->lock, NULL);
    for (size_t i = 0; i < n; i++) {
        struct packet copy = packet_ref(&packets[i]);
        if (packets_push(&p->packets, copy) != ERR_OK) {
            packet_unref(&copy);
            destroy(p);
            return NULL;
        }
    }
    return p;
}

struct part *part_ref(struct part *p)
{
    atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    return p;
}

void part_unref(struct part *p)
{
    if (p != NULL && atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) == 1) {
        destroy(p);
    }
}

const struct part_info *part_info(const struct part *p)
{
    return &p->info;
}

const struct track *part_track(const struct part *p)
{
    return p->track;
}

size_t part_bytes(const struct part *p)
{
    return p->packets.bytes + part_fragment_bytes(p);
}

size_t part_fragment_bytes(const struct part *p)
{
    return atomic_load_explicit(&p->fragment_bytes, memory_order_relaxed);
}

const struct packets *part_packets(const struct part *p)
{
    return &p->packets;
}

static enum err make_fragment(const struct part *p, struct blob **ret_blob)
{
    struct buf out;
    buf_init(&out, PACKAGER_BYTES_MAX);
    uint32_t sequence = part_sequence(p->info.msn, p->info.index);
    enum err e = fmp4_put_fragment(&out, track_params(p->track), sequence, p->packets.items,
                                   p->packets.count);
    if (e == ERR_OK) {
        e = packager_give(&out, ret_blob);
    }
    buf_fini(&out);
    return e;
}

enum err part_fragment(struct part *p, struct blob **ret_blob)
{
    enum err e = ERR_OK;
    pthread_mutex_lock(&p->lock);
    if (p->fragment == NULL) {
        e = make_fragment(p, &p->fragment);
        if (e == ERR_OK) {
            atomic_store_explicit(&p->fragment_bytes, blob_span(p->fragment).len,
                                  memory_order_relaxed);
        }
    }
    if (e == ERR_OK) {
        *ret_blob = blob_ref(p->fragment);
    }
    pthread_mutex_unlock(&p->lock);
    return e;
}

void part_forget_fragment(struct part *p)
{
    pthread_mutex_lock(&p->lock);
    blob_unref(p->fragment);
    p->fragment = NULL;
    atomic_store_explicit(&p->fragment_bytes, 0, memory_order_relaxed);
    pthread_mutex_unlock(&p->lock);
}

enum err part_init_section(const struct part *p, struct blob **ret_blob)
{
    struct buf out;
    buf_init(&out, INIT_BYTES_MAX);
    enum err e = fmp4_put_init(&out, track_params(p->track), p->packets.items[0].data);
    if (e == ERR_OK) {
        e = packager_give(&out, ret_blob);
    }
    buf_fini(&out);
    return e;
}

struct part_group *part_group_create(struct part *const *parts, size_t n)
{
    struct part_group *g = mem_alloc(sizeof *g + n * sizeof g->parts[0]);
    g->refs = 1;
    g->count = n;
    for (size_t i = 0; i < n; i++) {
        g->parts[i] = part_ref(parts[i]);
    }
    return g;
}

struct part_group *part_group_ref(struct part_group *g)
{
    atomic_fetch_add_explicit(&g->refs, 1, memory_order_relaxed);
    return g;
}

void part_group_unref(struct part_group *g)
{
    if (g == NULL || atomic_fetch_sub_explicit(&g->refs, 1, memory_order_acq_rel) > 1) {
        return;
    }
    for (size_t i = 0; i < g->count; i++) {
        part_unref(g->parts[i]);
    }
    mem_free(g);
}

size_t part_group_count(const struct part_group *g)
{
    return g != NULL ? g->count : 0;
}
