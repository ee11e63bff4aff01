#include "publisher-tools/hls_playlist.h"

#include <string.h>

#include "base/mem.h"

#define FIRST_CAP 32

/* What is known of the entry whose URI is still to come. */
struct pending {
    bool has_inf, has_variant, gap, discontinuity;
    int64_t duration_us;
    struct hls_variant variant;
};

struct reader {
    struct hls_playlist *p;
    struct pending next;
    struct span map_uri;
    unsigned line;
    size_t cap; /* of segments or variants */
    size_t cap_renditions;
    bool is_media; /* a tag of media playlists has been seen */
    const char *why;
};

static enum err refuse(struct reader *r, const char *why)
{
    r->why = why;
    return ERR_PROTO;
}

static bool take_prefix(struct span *s, const char *prefix)
{
    size_t n = strlen(prefix);
    if (s->len < n || memcmp(s->data, prefix, n) != 0) {
        return false;
    }
    *s = span_of(s->data + n, s->len - n);
    return true;
}

/* "1.980" in microseconds; places past the sixth are cut off. */
static bool read_seconds(struct span s, int64_t *ret_us)
{
    const uint8_t *dot = s.len > 0 ? memchr(s.data, '.', s.len) : NULL;
    struct span whole = dot != NULL ? span_of(s.data, (size_t)(dot - s.data)) : s;
    uint64_t seconds;
    if (!span_decimal(whole, 1000000000, &seconds)) {
        return false;
    }
    int64_t us = 0;
    int64_t unit = 100000;
    for (const uint8_t *c = dot != NULL ? dot + 1 : NULL; c != NULL && c < s.data + s.len; c++) {
        if (*c < '0' || *c > '9') {
            return false;
        }
        us += (*c - '0') * unit;
        unit /= 10;
    }
    *ret_us = (int64_t)seconds * 1000000 + us;
    return true;
}

/* The value of an attribute, without quotes; false: it is not in the list. */
static bool find_attribute(struct span list, const char *name, struct span *ret_value)
{
    while (list.len > 0) {
        const uint8_t *equals = memchr(list.data, '=', list.len);
        if (equals == NULL) {
            return false;
        }
        struct span key = span_of(list.data, (size_t)(equals - list.data));
        struct span rest = span_of(equals + 1, list.len - key.len - 1);
        bool quoted = rest.len > 0 && rest.data[0] == '"';
        if (quoted) {
            rest = span_of(rest.data + 1, rest.len - 1);
        }
        const uint8_t *end = rest.len > 0 ? memchr(rest.data, quoted ? '"' : ',', rest.len) : NULL;
        size_t len = end != NULL ? (size_t)(end - rest.data) : rest.len;
        if (span_equal(key, span_cstr(name))) {
            *ret_value = span_of(rest.data, len);
            return true;
        }
        const uint8_t *comma = len < rest.len ? memchr(rest.data + len, ',', rest.len - len) : NULL;
        size_t skip = comma != NULL ? (size_t)(comma - rest.data) + 1 : rest.len;
        list = span_of(rest.data + skip, rest.len - skip);
    }
    return false;
}

static enum err on_extinf(struct reader *r, struct span value)
{
    const uint8_t *comma = value.len > 0 ? memchr(value.data, ',', value.len) : NULL;
    if (comma != NULL) {
        value.len = (size_t)(comma - value.data);
    }
    if (r->next.has_inf) {
        return refuse(r, "two EXTINF for one segment");
    }
    r->is_media = true;
    r->next.has_inf = true;
    return read_seconds(value, &r->next.duration_us) ? ERR_OK : refuse(r, "EXTINF is not a number");
}

static enum err on_stream_inf(struct reader *r, struct span list)
{
    struct hls_variant v = {0};
    struct span value;
    uint64_t n;
    if (find_attribute(list, "BANDWIDTH", &value)) {
        if (!span_decimal(value, INT64_MAX, &n)) {
            return refuse(r, "BANDWIDTH is not a number");
        }
        v.bandwidth_bps = (int64_t)n;
    }
    if (find_attribute(list, "RESOLUTION", &value)) {
        const uint8_t *x = value.len > 0 ? memchr(value.data, 'x', value.len) : NULL;
        uint64_t w = 0;
        uint64_t h = 0;
        size_t at = x != NULL ? (size_t)(x - value.data) : 0;
        if (x == NULL || !span_decimal(span_of(value.data, at), 65535, &w) ||
            !span_decimal(span_of(x + 1, value.len - at - 1), 65535, &h)) {
            return refuse(r, "RESOLUTION is not WxH");
        }
        v.width = (int)w;
        v.height = (int)h;
    }
    r->p->is_master = true;
    r->next.has_variant = true;
    r->next.variant = v;
    return ERR_OK;
}

static enum err read_u64(struct reader *r, struct span value, uint64_t max, const char *why,
                         uint64_t *ret_v)
{
    return span_decimal(value, max, ret_v) ? ERR_OK : refuse(r, why);
}

static enum err on_target_duration(struct reader *r, struct span value)
{
    uint64_t n;
    r->is_media = true;
    if (r->p->has_target_duration) {
        return refuse(r, "a second EXT-X-TARGETDURATION");
    }
    enum err e = read_u64(r, value, 1000000, "EXT-X-TARGETDURATION is not a whole number", &n);
    if (e == ERR_OK) {
        r->p->has_target_duration = true;
        r->p->target_duration_s = (int64_t)n;
    }
    return e;
}

static enum err on_media_sequence(struct reader *r, struct span value)
{
    r->is_media = true;
    if (r->p->n_segments > 0) {
        return refuse(r, "EXT-X-MEDIA-SEQUENCE behind the first segment");
    }
    return read_u64(r, value, INT64_MAX, "EXT-X-MEDIA-SEQUENCE is not a number",
                    &r->p->media_sequence);
}

/* Makes room for one more item of an array. */
static enum err grow(struct reader *r, void **items, size_t count, size_t item_size, size_t *cap_of)
{
    if (count == HLS_ENTRIES_MAX) {
        r->why = "too many entries";
        return ERR_LIMIT;
    }
    if (count == *cap_of) {
        size_t cap = *cap_of > 0 ? *cap_of * 2 : FIRST_CAP;
        void *bigger = mem_try_realloc(*items, cap * item_size);
        if (bigger == NULL) {
            return ERR_NOMEM;
        }
        *items = bigger;
        *cap_of = cap;
    }
    return ERR_OK;
}

/* Other renditions than those with a playlist of their own are part of a variant. */
static enum err on_media(struct reader *r, struct span list)
{
    struct hls_playlist *p = r->p;
    struct span uri;
    r->p->is_master = true;
    if (!find_attribute(list, "URI", &uri)) {
        return ERR_OK;
    }
    enum err e = grow(r, (void **)&p->renditions, p->n_renditions, sizeof *p->renditions,
                      &r->cap_renditions);
    if (e == ERR_OK) {
        p->renditions[p->n_renditions++] = (struct hls_rendition){.uri = uri, .line = r->line};
    }
    return e;
}

static enum err on_tag(struct reader *r, struct span tag)
{
    uint64_t n;
    enum err e;
    if (take_prefix(&tag, "#EXTINF:")) {
        return on_extinf(r, tag);
    }
    if (!take_prefix(&tag, "#EXT-X-")) {
        return ERR_OK; /* a comment */
    }
    if (take_prefix(&tag, "STREAM-INF:")) {
        return on_stream_inf(r, tag);
    }
    if (take_prefix(&tag, "MEDIA:")) {
        return on_media(r, tag);
    }
    if (take_prefix(&tag, "TARGETDURATION:")) {
        return on_target_duration(r, tag);
    }
    if (take_prefix(&tag, "MEDIA-SEQUENCE:")) {
        return on_media_sequence(r, tag);
    }
    if (take_prefix(&tag, "DISCONTINUITY-SEQUENCE:")) {
        return read_u64(r, tag, INT64_MAX, "EXT-X-DISCONTINUITY-SEQUENCE is not a number",
                        &r->p->discontinuity_sequence);
    }
    if (take_prefix(&tag, "VERSION:")) {
        e = read_u64(r, tag, 1000, "EXT-X-VERSION is not a number", &n);
        r->p->version = e == ERR_OK ? (int)n : 0;
        return e;
    }
    if (take_prefix(&tag, "MAP:")) {
        return find_attribute(tag, "URI", &r->map_uri) ? ERR_OK
                                                       : refuse(r, "EXT-X-MAP without a URI");
    }
    if (span_equal(tag, span_cstr("GAP"))) {
        r->next.gap = true;
    } else if (span_equal(tag, span_cstr("DISCONTINUITY"))) {
        r->next.discontinuity = true;
    } else if (span_equal(tag, span_cstr("ENDLIST"))) {
        r->p->ended = true;
    }
    return ERR_OK;
}

static enum err add_segment(struct reader *r, struct span uri)
{
    struct hls_playlist *p = r->p;
    enum err e = grow(r, (void **)&p->segments, p->n_segments, sizeof *p->segments, &r->cap);
    if (e == ERR_OK) {
        p->segments[p->n_segments] = (struct hls_segment){
            .number = p->media_sequence + p->n_segments,
            .duration_us = r->next.duration_us,
            .uri = uri,
            .map_uri = r->map_uri,
            .line = r->line,
            .gap = r->next.gap,
            .discontinuity = r->next.discontinuity,
            .timeline = (p->n_segments > 0 ? p->segments[p->n_segments - 1].timeline
                                           : p->discontinuity_sequence) +
                        r->next.discontinuity,
        };
        p->n_segments++;
    }
    return e;
}

static enum err add_variant(struct reader *r, struct span uri)
{
    struct hls_playlist *p = r->p;
    enum err e = grow(r, (void **)&p->variants, p->n_variants, sizeof *p->variants, &r->cap);
    if (e == ERR_OK) {
        r->next.variant.uri = uri;
        r->next.variant.line = r->line;
        p->variants[p->n_variants++] = r->next.variant;
    }
    return e;
}

static enum err on_uri(struct reader *r, struct span uri)
{
    enum err e;
    if (r->p->is_master && r->is_media) {
        return refuse(r, "tags of a master and of a media playlist in one");
    }
    if (r->p->is_master) {
        e = r->next.has_variant ? add_variant(r, uri)
                                : refuse(r, "a URI without EXT-X-STREAM-INF in front of it");
    } else {
        e = r->next.has_inf ? add_segment(r, uri)
                            : refuse(r, "a URI without EXTINF in front of it");
    }
    r->next = (struct pending){0};
    return e;
}

static bool has_control_bytes(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if ((s.data[i] < ' ' && s.data[i] != '\t') || s.data[i] == 0x7f) {
            return true;
        }
    }
    return false;
}

static enum err read_line(struct reader *r, struct span line)
{
    if (has_control_bytes(line)) {
        return refuse(r, "a control character");
    }
    if (r->line == 1) {
        return span_equal(line, span_cstr("#EXTM3U")) ? ERR_OK
                                                      : refuse(r, "the first line is not #EXTM3U");
    }
    if (line.len == 0) {
        return ERR_OK;
    }
    return line.data[0] == '#' ? on_tag(r, line) : on_uri(r, line);
}

static enum err check_whole(struct reader *r)
{
    r->line = 0;
    if (r->next.has_inf || r->next.has_variant) {
        return refuse(r, "the last entry has no URI");
    }
    if (!r->p->is_master && !r->p->has_target_duration) {
        return refuse(r, "no EXT-X-TARGETDURATION");
    }
    return ERR_OK;
}

static enum err read_all(struct reader *r, struct span text)
{
    if (text.len > HLS_PLAYLIST_MAX_BYTES) {
        r->why = "longer than 4 MiB";
        return ERR_LIMIT;
    }
    r->p->text = mem_try_alloc(text.len + 1);
    if (r->p->text == NULL) {
        return ERR_NOMEM;
    }
    if (text.len > 0) {
        memcpy(r->p->text, text.data, text.len);
    }
    struct span rest = span_of(r->p->text, text.len);
    enum err e = ERR_OK;
    do {
        r->line++;
        e = read_line(r, span_take_line(&rest));
    } while (e == ERR_OK && rest.len > 0);
    return e == ERR_OK ? check_whole(r) : e;
}

enum err hls_playlist_read(struct span text, struct hls_playlist **ret_playlist,
                           struct hls_refusal *ret_refusal)
{
    struct reader r = {.p = mem_alloc(sizeof *r.p), .why = "out of memory"};
    r.p->version = 1;
    enum err e = read_all(&r, text);
    if (e != ERR_OK) {
        *ret_refusal = (struct hls_refusal){r.line, r.why};
        hls_playlist_destroy(r.p);
        return e;
    }
    *ret_playlist = r.p;
    return ERR_OK;
}

void hls_playlist_destroy(struct hls_playlist *p)
{
    if (p != NULL) {
        mem_free(p->segments);
        mem_free(p->variants);
        mem_free(p->renditions);
        mem_free(p->text);
        mem_free(p);
    }
}
