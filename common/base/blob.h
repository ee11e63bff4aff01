/* Immutable, reference-counted bytes: the one thing that crosses threads without a copy.
 * The creator may write into it until it is first shared; afterwards nobody may. */
#ifndef BASE_BLOB_H
#define BASE_BLOB_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

struct blob;

/* New bytes (not zeroed), one reference; NULL when memory is refused (sizes come from peers). */
struct blob *blob_create(size_t len);

/* A copy of bytes; NULL when memory is refused. */
struct blob *blob_copy(struct span bytes);

/* Wraps memory that somebody else made; release(arg) is called once, on the thread that drops the
 * last reference. Takes data on success; NULL when memory is refused (release is not called). */
struct blob *blob_wrap(const void *data, size_t len, void (*release)(void *arg), void *arg);

/* A part of b as a blob of its own, without a copy: it holds a reference of b. part lies inside b.
 * NULL when memory is refused. */
struct blob *blob_slice(struct blob *b, struct span part);

/* A copy of bytes in a sealed file of its own in memory (memfd_create(2)), which the kernel can
 * send without another copy. NULL: memory, a descriptor or address space is refused, or there are
 * as many as blob_allow_files says. */
struct blob *blob_copy_to_file(struct span bytes);

/* Any thread. How many blobs may have files at once, each a descriptor; none unless told. */
void blob_allow_files(size_t n);

/* The descriptor of such a blob, borrowed, or -1. Its offset is nobody's: pread(2), sendfile(2). */
int blob_descriptor(const struct blob *b);

/* How many have one now, for leak checks. */
size_t blob_live_files(void);

/* Any thread. unref takes NULL. */
struct blob *blob_ref(struct blob *b);
void blob_unref(struct blob *b);

/* For the creator only, before the blob is shared; not for wrapped ones. */
uint8_t *blob_bytes(struct blob *b);

/* Borrowed for as long as a reference is held. NULL gives the empty span. */
struct span blob_span(const struct blob *b);

/* Something that is made of a blob's bytes, kept with it, and ends with it: destroy is called once,
 * on the thread that drops the last reference. First member of the maker's own struct; a blob has
 * at most one, so one module makes them. */
struct blob_companion {
    void (*destroy)(struct blob_companion *companion);
};

/* Any thread that holds a reference. Takes the companion when the blob has none yet; returns the
 * one it has now, which may be another thread's (destroy the own one then). */
struct blob_companion *blob_set_companion(struct blob *b, struct blob_companion *companion);
struct blob_companion *blob_companion(const struct blob *b); /* NULL: none. Borrowed */

/* Bytes held by all live blobs of the process, for the memory gauges and leak checks. */
size_t blob_live_bytes(void);

#endif
