#include "base/blob.h"

#include <assert.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"

struct blob {
    atomic_uint refs;
    struct span span;
    void (*release)(void *arg);
    void *release_arg;
    struct blob_companion *_Atomic companion;
    int fd;        /* -1: none */
    bool is_slice; /* its bytes are counted with the parent's */
    uint8_t bytes[];
};

static atomic_size_t live_bytes;
static atomic_size_t files, files_max;

static struct blob *blob_new(size_t inline_len)
{
    if (inline_len > SIZE_MAX - sizeof(struct blob)) {
        return NULL;
    }
    /* realloc of NULL: the bytes need no zeroing. */
    struct blob *b = mem_try_realloc(NULL, sizeof *b + inline_len);
    if (b != NULL) {
        *b = (struct blob){.refs = 1, .fd = -1};
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

/* --- files --- */

static bool write_all(int fd, struct span bytes)
{
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.data, bytes.len);
        if (n <= 0) {
            return false;
        }
        bytes = span_of(bytes.data + n, bytes.len - (size_t)n);
    }
    return true;
}

/* -1: refused. */
static int make_file(struct span bytes)
{
    int fd = memfd_create("blob", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) {
        return -1;
    }
    const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
    if (!write_all(fd, bytes) || fcntl(fd, F_ADD_SEALS, seals) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void release_file(void *arg)
{
    struct blob *b = arg;
    munmap((void *)(uintptr_t)b->span.data, b->span.len);
    close(b->fd);
    atomic_fetch_sub(&files, 1);
}

static struct blob *map_file(int fd, size_t len)
{
    /* Private: a shared mapping could be made writable later, which the seal refuses. */
    void *data = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) {
        return NULL;
    }
    struct blob *b = blob_wrap(data, len, release_file, NULL);
    if (b == NULL) {
        munmap(data, len);
        return NULL;
    }
    b->release_arg = b;
    b->fd = fd;
    return b;
}

struct blob *blob_copy_to_file(struct span bytes)
{
    struct blob *b = NULL;
    int fd = -1;
    if (atomic_fetch_add(&files, 1) < atomic_load(&files_max) && bytes.len > 0) {
        fd = make_file(bytes);
    }
    if (fd >= 0 && (b = map_file(fd, bytes.len)) == NULL) {
        close(fd);
    }
    if (b == NULL) {
        atomic_fetch_sub(&files, 1);
    }
    return b;
}

void blob_allow_files(size_t n)
{
    atomic_store(&files_max, n);
}

int blob_descriptor(const struct blob *b)
{
    return b->fd;
}

size_t blob_live_files(void)
{
    return atomic_load(&files);
}

/* --- slices and references --- */

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
