#include "base/blob.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"

struct blob {
    atomic_uint refs;
    struct span span;
    void (*release)(void *arg);
    void *release_arg;
    struct blob_companion *_Atomic companion;
    bool is_slice; /* its bytes are counted with the parent's */
    uint8_t bytes[];
};

static atomic_size_t live_bytes;

static struct blob *blob_new(size_t inline_len)
{
    if (inline_len > SIZE_MAX - sizeof(struct blob)) {
        return NULL;
    }
    /* realloc of NULL: the bytes need no zeroing. */
    struct blob *b = mem_try_realloc(NULL, sizeof *b + inline_len);
    if (b != NULL) {
        *b = (struct blob){.refs = 1};
    }
    return b;
}

struct blob *blob_create(size_t len)
{
    struct blob *b = blob_new(len);
    if (b != NULL) {
        b->span = span_of(b->bytes, len);
        atomic_fetch_add_explicit(&live_bytes, len, memory_order_relaxed);
    }
    return b;
}

struct blob *blob_copy(struct span bytes)
{
    struct blob *b = blob_create(bytes.len);
    if (b != NULL && bytes.len > 0) {
        memcpy(b->bytes, bytes.data, bytes.len);
    }
    return b;
}

struct blob *blob_wrap(const void *data, size_t len, void (*release)(void *arg), void *arg)
{
    struct blob *b = blob_new(0);
    if (b != NULL) {
        b->span = span_of(data, len);
        b->release = release;
        b->release_arg = arg;
        atomic_fetch_add_explicit(&live_bytes, len, memory_order_relaxed);
    }
    return b;
}

static void release_parent(void *arg)
{
    blob_unref(arg);
}

struct blob *blob_slice(struct blob *b, struct span part)
{
    struct blob *slice = blob_new(0);
    if (slice != NULL) {
        slice->span = part;
        slice->release = release_parent;
        slice->release_arg = blob_ref(b);
        slice->is_slice = true;
    }
    return slice;
}

struct blob *blob_ref(struct blob *b)
{
    atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
    return b;
}

void blob_unref(struct blob *b)
{
    if (b == NULL || atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) > 1) {
        return;
    }
    struct blob_companion *companion = blob_companion(b);
    if (companion != NULL) {
        companion->destroy(companion);
    }
    if (!b->is_slice) {
        atomic_fetch_sub_explicit(&live_bytes, b->span.len, memory_order_relaxed);
    }
    if (b->release != NULL) {
        b->release(b->release_arg);
    }
    mem_free(b);
}

struct blob_companion *blob_set_companion(struct blob *b, struct blob_companion *companion)
{
    struct blob_companion *there = NULL;
    return atomic_compare_exchange_strong(&b->companion, &there, companion) ? companion : there;
}

struct blob_companion *blob_companion(const struct blob *b)
{
    return atomic_load_explicit(&b->companion, memory_order_acquire);
}

uint8_t *blob_bytes(struct blob *b)
{
    assert(b->span.data == b->bytes);
    return b->bytes;
}

struct span blob_span(const struct blob *b)
{
    return b != NULL ? b->span : span_of(NULL, 0);
}

size_t blob_live_bytes(void)
{
    return atomic_load_explicit(&live_bytes, memory_order_relaxed);
}
