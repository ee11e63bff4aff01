/* AMF0 values ("Action Message Format -- AMF 0", Adobe 2007): a reader that walks over the bytes
 * without building a tree, and a writer. Pure; the reader borrows its input and allocates nothing;
 * nesting is bounded. */
#ifndef BROADCASTER_RTMP_AMF0_H
#define BROADCASTER_RTMP_AMF0_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

#define AMF0_DEPTH_MAX 16

enum amf0_type {
    AMF0_NUMBER,
    AMF0_BOOLEAN,
    AMF0_STRING, /* short, long and XML ones */
    AMF0_OBJECT, /* objects, typed objects and ECMA arrays */
    AMF0_ARRAY,  /* strict arrays */
    AMF0_DATE,
    AMF0_NULL,  /* null, undefined, unsupported and references */
    AMF0_BYTES, /* byte arrays, which only AMF3 has */
};

struct amf0_value {
    enum amf0_type type;
    double number; /* NUMBER; DATE: milliseconds since 1970 */
    bool boolean;
    struct span bytes; /* STRING: its text; BYTES: they; OBJECT: its members, ARRAY: its elements,
                          as on the wire */
    bool in_amf3;      /* OBJECT: and that in AMF3 */
};

/* Takes one value, with all that it contains, from the front of *s. An object whose end marker is
 * missing ends with the input. AMF3 values behind their marker are read as amf3.h says. ERR_PROTO:
 * cut short or an unknown type; ERR_LIMIT: nested too deep. Nothing is moved on failure. */
enum err amf0_read(struct span *s, struct amf0_value *ret_value) CHECKED;

/* Reads a value that must be of that type; ERR_PROTO when it is another. */
enum err amf0_read_number(struct span *s, double *ret_number) CHECKED;
enum err amf0_read_string(struct span *s, struct span *ret_text) CHECKED;

/* The first member of that name, letters' case ignored. ERR_NOENT: none, or not an object. */
enum err amf0_find(const struct amf0_value *object, const char *key,
                   struct amf0_value *ret_value) CHECKED;

/* The writer remembers the first failure of the buffer and then does nothing more. */
struct amf0_writer {
    struct buf *out;
    enum err err;
};

void amf0_put_number(struct amf0_writer *w, double v);
void amf0_put_boolean(struct amf0_writer *w, bool v);
void amf0_put_string(struct amf0_writer *w, const char *text); /* at most 65535 bytes of it */
void amf0_put_null(struct amf0_writer *w);
void amf0_put_undefined(struct amf0_writer *w);

/* An object: begin, then key and value by turns, then end. */
void amf0_put_object(struct amf0_writer *w);
void amf0_put_key(struct amf0_writer *w, const char *key);
void amf0_put_end(struct amf0_writer *w);

/* An object written as an ECMA array, as onMetaData is. */
void amf0_put_ecma_array(struct amf0_writer *w, uint32_t count);
/* A strict array of that many values, which come next. */
void amf0_put_array(struct amf0_writer *w, uint32_t count);

#endif
