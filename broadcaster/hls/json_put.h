/* Pieces of JSON documents that are written as text (RFC 8259): for those that every viewer may ask
 * for. Pure. Each ERR_NOMEM, ERR_LIMIT: out may have a part of it. */
#ifndef BROADCASTER_HLS_JSON_PUT_H
#define BROADCASTER_HLS_JSON_PUT_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* As it is. */
enum err json_put_text(struct buf *out, const char *text) CHECKED;

/* A string; text is UTF-8. The second one: null for "", which is not known. */
enum err json_put_string(struct buf *out, const char *text) CHECKED;
enum err json_put_string_or_null(struct buf *out, const char *text) CHECKED;

/* Milliseconds since 1970-01-01 UTC, as RFC 3339 has it. */
enum err json_put_time(struct buf *out, int64_t wall_ms) CHECKED;

/* Thousandths, as a number of three places: ms as seconds, say. Not negative. */
enum err json_put_milli(struct buf *out, int64_t milli) CHECKED;

#endif
