#include "broadcaster/hls/hls_query.h"

#include <string.h>

#define PREFIX     "_HLS_"
#define MSN_DIGITS 20 /* of 2^64 - 1 */
#define ENCODED    3  /* bytes of "%41" */

struct reader {
    struct hls_directives directives;
    bool has_skip;
    char keep[HLS_QUERY_MAX + 1];
    size_t len;
};

static struct span cut_at(struct span s, uint8_t stop)
{
    const uint8_t *at = s.len > 0 ? memchr(s.data, stop, s.len) : NULL;
    return at != NULL ? span_of(s.data, (size_t)(at - s.data)) : s;
}

/* NULL, or what is wrong. */
static const char *take_directive(struct reader *r, struct span name, struct span value)
{
    struct hls_directives *d = &r->directives;
    uint64_t part;
    if (span_equal(name, span_cstr("_HLS_msn"))) {
        if (d->has_msn) {
            return "The query says _HLS_msn more than once.";
        }
        d->has_msn = value.len <= MSN_DIGITS && span_decimal(value, UINT64_MAX, &d->msn);
        return d->has_msn ? NULL : "_HLS_msn in the query is not a segment's number.";
    }
    if (span_equal(name, span_cstr("_HLS_part"))) {
        if (d->has_part) {
            return "The query says _HLS_part more than once.";
        }
        d->has_part = value.len <= MSN_DIGITS && span_decimal(value, HLS_PART_MAX, &part);
        d->part = d->has_part ? (uint32_t)part : 0;
        return d->has_part ? NULL : "_HLS_part in the query is not a part's number.";
    }
    if (span_equal(name, span_cstr("_HLS_skip"))) {
        if (r->has_skip) {
            return "The query says _HLS_skip more than once.";
        }
        r->has_skip = true;
        d->skip = span_equal(value, span_cstr("YES")) || span_equal(value, span_cstr("v2"));
        return d->skip ? NULL : "_HLS_skip in the query is neither YES nor v2.";
    }
    return NULL; /* one that is not known here: there will be more */
}

static bool is_hex(uint8_t c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* RFC 3986, 3.4. */
static bool is_query_char(uint8_t c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
           (c != '\0' && strchr("-._~!$&'()*+,;=:@/?", c) != NULL);
}

static bool put(struct reader *r, const char *text, size_t n)
{
    if (n > HLS_QUERY_MAX - r->len) {
        return false;
    }
    memcpy(r->keep + r->len, text, n);
    r->len += n;
    return true;
}

static bool keep_pair(struct reader *r, struct span pair)
{
    static const char digits[] = "0123456789ABCDEF";
    bool ok = r->len == 0 || put(r, "&", 1);
    for (size_t i = 0; i < pair.len && ok; i++) {
        uint8_t c = pair.data[i];
        bool escape = c == '%' && pair.len - i >= ENCODED && is_hex(pair.data[i + 1]) &&
                      is_hex(pair.data[i + 2]);
        char encoded[ENCODED] = {'%', digits[c >> 4], digits[c & 15]};
        ok = is_query_char(c) || escape ? put(r, (const char *)&c, 1) : put(r, encoded, ENCODED);
    }
    return ok;
}

const char *hls_query_parse(struct span query, struct hls_directives *ret_directives,
                            char ret_keep[HLS_QUERY_MAX + 1])
{
    struct reader r = {.len = 0};
    size_t prefix = strlen(PREFIX);
    const char *why = NULL;
    for (bool more = query.len > 0; more && why == NULL;) {
        struct span pair = cut_at(query, '&');
        struct span name = cut_at(pair, '=');
        size_t value = name.len + (name.len < pair.len ? 1 : 0);
        more = pair.len < query.len;
        query = span_of(query.data + pair.len + more, query.len - pair.len - more);
        if (name.len >= prefix && memcmp(name.data, PREFIX, prefix) == 0) {
            why = take_directive(&r, name, span_of(pair.data + value, pair.len - value));
        } else if (pair.len > 0 && !keep_pair(&r, pair)) {
            why = "The query is too long.";
        }
    }
    if (why == NULL && r.directives.has_part && !r.directives.has_msn) {
        why = "The query says _HLS_part without _HLS_msn.";
    }
    if (why == NULL) {
        *ret_directives = r.directives;
        memcpy(ret_keep, r.keep, r.len);
        ret_keep[r.len] = '\0';
    }
    return why;
}
