#include "broadcaster/rtmp/chunk.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "broadcaster/rtmp/message.h"

#define HEADER_BYTES_MAX   18 /* 3 basic, 11 message, 4 extended timestamp */
#define EXTENDED           0xffffff
#define STREAMS_FIRST_CAP  8
#define CHUNK_STREAM_ID_LO 64 /* first one of the two- and three-byte forms */

/* One chunk stream: the fields that later headers leave out, and the message that is under way. */
struct stream {
    uint32_t id;
    bool extended;      /* the last header with a time had an extended one: */
    uint32_t field;     /* as it stood there (absolute or delta) */
    uint32_t timestamp; /* of the current or last message */
    uint32_t delta;
    uint32_t length;
    uint8_t type;
    uint32_t stream_id;
    bool busy; /* a message has begun */
    uint32_t filled;
    struct blob *blob;
};

struct chunk_reader {
    struct chunk_limits limits;
    uint32_t chunk_size;
    struct stream *streams;
    size_t count, cap;
    size_t current; /* index: whose payload comes */
    uint32_t chunk_left;
    size_t partial_bytes;
    /* Input that could not be understood yet: always less than a header. */
    uint8_t tail[HEADER_BYTES_MAX];
    size_t tail_len;
};

/* A chunk header as read. */
struct header {
    int format;
    uint32_t id;
    uint32_t field; /* with the extended one in place */
    bool extended;
    uint32_t length;
    uint8_t type;
    uint32_t stream_id;
};

struct chunk_reader *chunk_reader_create(const struct chunk_limits *limits)
{
    struct chunk_reader *r = mem_alloc(sizeof *r);
    r->limits = *limits;
    r->chunk_size = CHUNK_SIZE_DEFAULT;
    return r;
}

void chunk_reader_destroy(struct chunk_reader *r)
{
    if (r == NULL) {
        return;
    }
    for (size_t i = 0; i < r->count; i++) {
        blob_unref(r->streams[i].blob);
    }
    mem_free(r->streams);
    mem_free(r);
}

void chunk_reader_set_limits(struct chunk_reader *r, const struct chunk_limits *limits)
{
    r->limits = *limits;
}

bool chunk_reader_is_between(const struct chunk_reader *r)
{
    return r->partial_bytes == 0 && r->tail_len == 0;
}

enum err chunk_reader_set_size(struct chunk_reader *r, uint32_t size)
{
    if (size == 0 || size > INT32_MAX) {
        return ERR_PROTO;
    }
    r->chunk_size = size < CHUNK_SIZE_MAX ? size : CHUNK_SIZE_MAX;
    return ERR_OK;
}

static struct stream *find_stream(struct chunk_reader *r, uint32_t id)
{
    if (r->current < r->count && r->streams[r->current].id == id) {
        return &r->streams[r->current];
    }
    for (size_t i = 0; i < r->count; i++) {
        if (r->streams[i].id == id) {
            return &r->streams[i];
        }
    }
    return NULL;
}

static enum err add_stream(struct chunk_reader *r, uint32_t id, struct stream **ret_stream)
{
    if (r->count == CHUNK_STREAMS_MAX) {
        return ERR_LIMIT;
    }
    if (r->count == r->cap) {
        size_t cap = r->cap > 0 ? r->cap * 2 : STREAMS_FIRST_CAP;
        struct stream *streams = mem_try_realloc(r->streams, cap * sizeof *streams);
        if (streams == NULL) {
            return ERR_NOMEM;
        }
        r->streams = streams;
        r->cap = cap;
    }
    r->streams[r->count] = (struct stream){.id = id};
    *ret_stream = &r->streams[r->count++];
    return ERR_OK;
}

static void end_message(struct chunk_reader *r, struct stream *s)
{
    r->partial_bytes -= s->length;
    s->busy = false;
    s->blob = NULL;
    s->filled = 0;
}

static void drop_message(struct chunk_reader *r, struct stream *s)
{
    blob_unref(s->blob);
    end_message(r, s);
}

void chunk_reader_abort(struct chunk_reader *r, uint32_t chunk_stream_id)
{
    struct stream *s = find_stream(r, chunk_stream_id);
    if (s != NULL && s->busy) {
        drop_message(r, s);
    }
}

/* 5.3.1.1 */
static enum err read_basic(struct span *in, struct header *h)
{
    uint8_t first, low, high = 0;
    if (span_read_u8(in, &first) != ERR_OK) {
        return ERR_AGAIN;
    }
    h->format = first >> 6;
    h->id = first & 63;
    if (h->id > 1) {
        return ERR_OK;
    }
    bool long_form = h->id == 1;
    if (span_read_u8(in, &low) != ERR_OK || (long_form && span_read_u8(in, &high) != ERR_OK)) {
        return ERR_AGAIN;
    }
    h->id = CHUNK_STREAM_ID_LO + low + 256u * high;
    return ERR_OK;
}

/* 5.3.1.2: types 0, 1 and 2; all readers say ERR_PROTO when bytes are wanting. */
static enum err read_fields(struct span *in, struct header *h)
{
    enum err e = span_read_be24(in, &h->field);
    if (e == ERR_OK && h->format <= 1) {
        e = span_read_be24(in, &h->length);
        if (e == ERR_OK) {
            e = span_read_u8(in, &h->type);
        }
    }
    if (e == ERR_OK && h->format == 0) {
        e = span_read_le32(in, &h->stream_id);
    }
    h->extended = e == ERR_OK && h->field == EXTENDED;
    if (h->extended) {
        e = span_read_be32(in, &h->field);
    }
    return e == ERR_OK ? ERR_OK : ERR_AGAIN;
}

/* A type 3 chunk after an extended timestamp: some peers repeat it (as 5.3.1.3 says), others do
 * not. Four bytes that differ from it are payload. */
static enum err skip_repeated(struct span *in, const struct stream *s)
{
    const uint32_t candidates[] = {s->field, s->timestamp};
    for (size_t i = 0; i < sizeof candidates / sizeof candidates[0]; i++) {
        size_t n = 0;
        while (n < 4 && n < in->len && in->data[n] == (uint8_t)(candidates[i] >> (24 - 8 * n))) {
            n++;
        }
        if (n == 4) {
            in->data += n;
            in->len -= n;
            return ERR_OK;
        }
        if (n == in->len) {
            return ERR_AGAIN;
        }
    }
    return ERR_OK;
}

/* Reads a header from the front of *in. ERR_AGAIN: it is not all there. */
static enum err read_header(struct chunk_reader *r, struct span *in, struct header *ret_header)
{
    struct header h = {0};
    enum err e = read_basic(in, &h);
    if (e == ERR_OK && h.format < 3) {
        e = read_fields(in, &h);
    } else if (e == ERR_OK) {
        const struct stream *s = find_stream(r, h.id);
        if (s == NULL) {
            return ERR_PROTO;
        }
        e = s->extended ? skip_repeated(in, s) : ERR_OK;
    }
    if (e == ERR_OK) {
        *ret_header = h;
    }
    return e;
}

static enum err check_limits(const struct chunk_reader *r, const struct stream *s)
{
    size_t max = message_is_media(s->type) ? r->limits.media_bytes : r->limits.message_bytes;
    bool fits = s->length <= max && s->length <= r->limits.total_bytes &&
                r->partial_bytes <= r->limits.total_bytes - s->length;
    return fits ? ERR_OK : ERR_LIMIT;
}

/* The header's fields go into its chunk stream. */
static void apply_fields(struct stream *s, const struct header *h)
{
    if (h->format < 3) {
        s->extended = h->extended;
        s->field = h->field;
        s->delta = h->field;
    }
    if (h->format <= 1) {
        s->length = h->length;
        s->type = h->type;
    }
    if (h->format == 0) {
        s->stream_id = h->stream_id;
        s->timestamp = h->field;
        /* A type 3 chunk that starts a message after this one has this time as its delta
         * (5.3.1.2.4). With an extended one nobody means that. */
        s->delta = h->extended ? 0 : h->field;
    } else {
        s->timestamp += s->delta;
    }
}

static enum err begin_message(struct chunk_reader *r, struct stream *s, const struct header *h)
{
    apply_fields(s, h);
    enum err e = check_limits(r, s);
    if (e != ERR_OK) {
        return e;
    }
    if (s->length > 0) {
        s->blob = blob_create(s->length);
        if (s->blob == NULL) {
            return ERR_NOMEM;
        }
    }
    s->busy = true;
    s->filled = 0;
    r->partial_bytes += s->length;
    return ERR_OK;
}

/* In the middle of a message only type 3 is foreseen. Another header that says the same once more
 * goes on with it; one that says something else begins anew. */
static bool continues(const struct stream *s, const struct header *h)
{
    return h->format >= 2 || (h->length == s->length && h->type == s->type);
}

static enum err begin_chunk(struct chunk_reader *r, const struct header *h)
{
    struct stream *s = find_stream(r, h->id);
    enum err e = ERR_OK;
    if (s == NULL) {
        /* librtmp sends type 1 on a new chunk stream; a type 2 would lack the length. */
        e = h->format <= 1 ? add_stream(r, h->id, &s) : ERR_PROTO;
    }
    if (e == ERR_OK && s->busy && !continues(s, h)) {
        drop_message(r, s);
    }
    if (e == ERR_OK && !s->busy) {
        e = begin_message(r, s, h);
    }
    if (e == ERR_OK) {
        uint32_t left = s->length - s->filled;
        r->current = (size_t)(s - r->streams);
        r->chunk_left = left < r->chunk_size ? left : r->chunk_size;
    }
    return e;
}

/* The tail and the start of the input in one piece. */
static struct span header_view(const struct chunk_reader *r, struct span in, uint8_t *scratch)
{
    if (r->tail_len == 0) {
        return in;
    }
    size_t n = HEADER_BYTES_MAX - r->tail_len;
    n = in.len < n ? in.len : n;
    memcpy(scratch, r->tail, r->tail_len);
    memcpy(scratch + r->tail_len, in.data, n);
    return span_of(scratch, r->tail_len + n);
}

/* Takes up to n bytes, from the tail first. */
static struct span take(struct chunk_reader *r, struct span *in, size_t n, uint8_t *scratch)
{
    struct span got;
    if (r->tail_len > 0) {
        n = n < r->tail_len ? n : r->tail_len;
        memcpy(scratch, r->tail, n);
        memmove(r->tail, r->tail + n, r->tail_len - n);
        r->tail_len -= n;
        return span_of(scratch, n);
    }
    n = n < in->len ? n : in->len;
    got = span_of(in->data, n);
    in->data += n;
    in->len -= n;
    return got;
}

static enum err step_header(struct chunk_reader *r, struct span *in)
{
    uint8_t scratch[HEADER_BYTES_MAX];
    struct span view = header_view(r, *in, scratch), rest = view;
    struct header h;
    enum err e = read_header(r, &rest, &h);
    if (e == ERR_AGAIN) {
        /* A header fits the tail, so what was not enough for one does too. */
        assert(r->tail_len + in->len <= sizeof r->tail);
        memcpy(r->tail + r->tail_len, in->data, in->len);
        r->tail_len += in->len;
        *in = span_of(in->data + in->len, 0);
    }
    if (e != ERR_OK) {
        return e;
    }
    for (size_t used = view.len - rest.len; used > 0;) {
        used -= take(r, in, used, scratch).len;
    }
    return begin_chunk(r, &h);
}

static void step_payload(struct chunk_reader *r, struct span *in)
{
    uint8_t scratch[HEADER_BYTES_MAX];
    struct stream *s = &r->streams[r->current];
    struct span got = take(r, in, r->chunk_left, scratch);
    memcpy(blob_bytes(s->blob) + s->filled, got.data, got.len);
    s->filled += (uint32_t)got.len;
    r->chunk_left -= (uint32_t)got.len;
}

static bool take_message(struct chunk_reader *r, struct chunk_message *ret_message)
{
    struct stream *s = &r->streams[r->current];
    if (!s->busy || s->filled < s->length) {
        return false;
    }
    *ret_message = (struct chunk_message){s->type, s->stream_id, s->timestamp, s->blob};
    end_message(r, s);
    return true;
}

enum err chunk_reader_feed(struct chunk_reader *r, struct span *in,
                           struct chunk_message *ret_message)
{
    while (in->len > 0 || r->tail_len > 0) {
        if (r->chunk_left > 0) {
            step_payload(r, in);
        } else {
            enum err e = step_header(r, in);
            if (e != ERR_OK) {
                return e;
            }
        }
        if (r->chunk_left == 0 && take_message(r, ret_message)) {
            return ERR_OK;
        }
    }
    return ERR_AGAIN;
}

static enum err write_time(struct buf *out, uint32_t timestamp)
{
    return timestamp >= EXTENDED ? buf_put_be32(out, timestamp) : ERR_OK;
}

static enum err write_first_header(struct buf *out, const struct chunk_header *h, size_t len)
{
    enum err e = buf_put_u8(out, (uint8_t)h->chunk_stream_id);
    if (e == ERR_OK) {
        e = buf_put_be24(out, h->timestamp >= EXTENDED ? EXTENDED : h->timestamp);
    }
    if (e == ERR_OK) {
        e = buf_put_be24(out, (uint32_t)len);
    }
    if (e == ERR_OK) {
        e = buf_put_u8(out, h->type);
    }
    if (e == ERR_OK) {
        e = buf_put_le32(out, h->stream_id);
    }
    return e == ERR_OK ? write_time(out, h->timestamp) : e;
}

/* n bytes of the body, from its first part as long as that lasts. */
static enum err write_some(struct buf *out, struct span *head, struct span *rest, size_t n)
{
    size_t first = n < head->len ? n : head->len;
    enum err e = buf_put(out, span_of(head->data, first));
    if (e == ERR_OK) {
        e = buf_put(out, span_of(rest->data, n - first));
    }
    *head = span_of(head->data + first, head->len - first);
    *rest = span_of(rest->data + (n - first), rest->len - (n - first));
    return e;
}

enum err chunk_write_parts(struct buf *out, uint32_t chunk_size, const struct chunk_header *header,
                           struct span head, struct span rest)
{
    size_t left = head.len + rest.len;
    assert(header->chunk_stream_id >= 2 && header->chunk_stream_id < CHUNK_STREAM_ID_LO);
    assert(left <= CHUNK_SIZE_MAX);
    enum err e = write_first_header(out, header, left);
    while (e == ERR_OK && left > 0) {
        size_t n = left < chunk_size ? left : chunk_size;
        e = write_some(out, &head, &rest, n);
        left -= n;
        if (e == ERR_OK && left > 0) {
            e = buf_put_u8(out, (uint8_t)(3 << 6 | header->chunk_stream_id));
            e = e == ERR_OK ? write_time(out, header->timestamp) : e;
        }
    }
    return e;
}

enum err chunk_write(struct buf *out, uint32_t chunk_size, const struct chunk_header *header,
                     struct span body)
{
    static const uint8_t nothing;
    return chunk_write_parts(out, chunk_size, header, body, span_of(&nothing, 0));
}
