/* Writing /streams.json: the streams that there are, for pages and programs. Pure. */
#ifndef BROADCASTER_HLS_INDEX_JSON_H
#define BROADCASTER_HLS_INDEX_JSON_H

#include "base/buf.h"
#include "broadcaster/hls/index_stream.h"

#define INDEX_JSON_TYPE "application/json"

/* Adds the document (RFC 8259), one line, with the streams in their order; addresses are from the
 * root, times by RFC 3339. Those that find no room under out's maximum are left out, the last ones
 * first. now_ms: wall clock. ERR_NOMEM, ERR_LIMIT: out keeps what it had. */
enum err index_json(struct buf *out, const struct index_stream *list, size_t n,
                    int64_t now_ms) CHECKED;

#endif
