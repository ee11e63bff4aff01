#include "broadcaster/hls/hls.h"

#include <string.h>
#include <strings.h>

#define PARTS_MAX    3   /* below /stream/ */
#define PART_MAX     256 /* bytes of a decoded part: an id and its extension, with room */
#define MSN_DIGITS   20  /* of 2^64 - 1 */
#define PLAYLIST_EXT ".m3u8"
#define SEGMENT_EXT  ".ts"
#define FRAGMENT_EXT ".m4s"
#define INIT_EXT     ".mp4"
#define HASH_DIGITS  16
#define LIVE_FILE    HLS_LIVE PLAYLIST_EXT

struct piece {
    uint8_t bytes[PART_MAX];
    size_t len;
};

static struct hls_ask answer(enum hls_what what, const char *why)
{
    return (struct hls_ask){.what = what, .why = why};
}

static struct span cut_at(struct span s, uint8_t stop)
{
    const uint8_t *at = s.len > 0 ? memchr(s.data, stop, s.len) : NULL;
    return at != NULL ? span_of(s.data, (size_t)(at - s.data)) : s;
}

static struct span skip(struct span s, size_t n)
{
    return span_of(s.data + n, s.len - n);
}

static bool starts_with(struct span s, const char *prefix)
{
    size_t n = strlen(prefix);
    return s.len >= n && strncasecmp((const char *)s.data, prefix, n) == 0;
}

struct span hls_path(struct span target)
{
    struct span s = cut_at(cut_at(target, '#'), '?');
    if (starts_with(s, "http://") || starts_with(s, "https://")) {
        s = skip(s, starts_with(s, "https://") ? 8 : 7);
        s = skip(s, cut_at(s, '/').len);
        return s.len > 0 ? s : span_cstr("/");
    }
    return s.len > 0 && s.data[0] == '/' ? s : span_of(NULL, 0);
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes one part. NULL, or what is wrong with it. Too long is no error of form: whatever has that
 * name is not here, and its first bytes are enough to say so. */
static const char *decode(struct span raw, struct piece *ret_piece)
{
    struct piece p = {.len = 0};
    for (size_t i = 0; i < raw.len; i++) {
        int c = raw.data[i];
        if (c == '%') {
            int high = raw.len - i > 2 ? hex_value(raw.data[i + 1]) : -1;
            int low = raw.len - i > 2 ? hex_value(raw.data[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return "A percent sign in the path is not followed by two hex digits.";
            }
            c = high << 4 | low;
            i += 2;
            if (c == '/' || c == '\\') {
                return "The path has an encoded slash in it.";
            }
        }
        if (c < 0x20 || c == 0x7f) {
            return "The path has a control character in it.";
        }
        if (p.len < sizeof p.bytes) {
            p.bytes[p.len++] = (uint8_t)c;
        }
    }
    if ((p.len == 1 && p.bytes[0] == '.') || (p.len == 2 && memcmp(p.bytes, "..", 2) == 0)) {
        return "The path has a dot segment in it.";
    }
    *ret_piece = p;
    return NULL;
}

static struct span piece_span(const struct piece *p)
{
    return span_of(p->bytes, p->len);
}

static bool cut_extension(struct piece *p, const char *ext)
{
    size_t n = strlen(ext);
    if (p->len < n || memcmp(p->bytes + p->len - n, ext, n) != 0) {
        return false;
    }
    p->len -= n;
    return true;
}

static bool take_name(const struct piece *p, char *out, size_t max)
{
    if (p->len > max || !id_valid(piece_span(p))) {
        return false;
    }
    memcpy(out, p->bytes, p->len);
    out[p->len] = '\0';
    return true;
}

static bool take_msn(const struct piece *p, uint64_t *ret_msn)
{
    if (p->len > MSN_DIGITS || (p->len > 1 && p->bytes[0] == '0')) {
        return false;
    }
    return span_decimal(piece_span(p), UINT64_MAX, ret_msn);
}

/* The number behind a dot; false: there is none, or no good one (the rest is none either then). */
static bool cut_part(struct piece *p, uint32_t *ret_part)
{
    const uint8_t *dot = memchr(p->bytes, '.', p->len);
    uint64_t part = 0;
    if (dot == NULL) {
        return false;
    }
    struct piece rest = {.len = p->len - (size_t)(dot + 1 - p->bytes)};
    memcpy(rest.bytes, dot + 1, rest.len);
    if (!take_msn(&rest, &part) || part > HLS_PART_MAX) {
        return false;
    }
    p->len = (size_t)(dot - p->bytes);
    *ret_part = (uint32_t)part;
    return true;
}

/* 16 hex digits, in the one form that is printed. */
static bool take_hash(const struct piece *p, uint64_t *ret_hash)
{
    uint64_t v = 0;
    size_t before = strlen(HLS_INIT_PREFIX);
    if (p->len != before + HASH_DIGITS || memcmp(p->bytes, HLS_INIT_PREFIX, before) != 0) {
        return false;
    }
    for (size_t i = before; i < p->len; i++) {
        int digit = hex_value(p->bytes[i]);
        if (digit < 0 || (p->bytes[i] >= 'A' && p->bytes[i] <= 'F')) {
            return false;
        }
        v = v << 4 | (uint64_t)digit;
    }
    *ret_hash = v;
    return v != 0;
}

bool hls_is_light_audio(const char *rendition)
{
    size_t n = strlen(HLS_AUDIO_LIGHT);
    if (strncmp(rendition, HLS_AUDIO_LIGHT, n) != 0) {
        return false;
    }
    const char *number = rendition + n;
    return number[0] == '\0' || strcmp(number, "10") == 0 ||
           (number[0] > '1' && number[0] <= '9' && number[1] == '\0');
}

bool hls_is_audio(const char *rendition)
{
    size_t n = strlen(HLS_AUDIO);
    if (strncmp(rendition, HLS_AUDIO, n) != 0) {
        return false;
    }
    const char *number = rendition + n;
    return number[0] == '\0' || hls_is_light_audio(rendition) ||
           (number[0] > '0' && number[0] < '0' + TRACKS_PER_KIND_MAX && number[1] == '\0');
}

bool hls_is_index(const char *id)
{
    return strcmp(id, HLS_INDEX_NAME) == 0;
}

bool hls_is_reserved(const char *rendition)
{
    return hls_is_audio(rendition) || strcmp(rendition, HLS_LIVE) == 0;
}

static struct hls_ask ask_stream(struct piece *name)
{
    struct hls_ask a = answer(HLS_REDIRECT, NULL);
    if (cut_extension(name, PLAYLIST_EXT)) {
        a.what = HLS_MASTER;
    }
    if (!take_name(name, a.id, ID_MAX)) {
        return answer(HLS_UNKNOWN, "There is no stream of that name: it cannot be a stream's id.");
    }
    if (a.what == HLS_MASTER && hls_is_index(a.id)) {
        return answer(HLS_INDEX, NULL);
    }
    a.current = strcasecmp(a.id, "current") == 0;
    return a;
}

static struct hls_ask ask_rendition(struct piece *id, struct piece *name)
{
    struct hls_ask a = answer(HLS_MEDIA, NULL);
    if (!take_name(id, a.id, ID_MAX)) {
        return answer(HLS_UNKNOWN, "There is no stream of that name: it cannot be a stream's id.");
    }
    if (span_equal(piece_span(name), span_cstr(LIVE_FILE))) {
        a.what = HLS_LIVE_MASTER;
        a.current = strcasecmp(a.id, "current") == 0;
        return a;
    }
    if (span_equal(piece_span(name), span_cstr(HLS_POSTER_FILE))) {
        a.what = HLS_POSTER;
        a.current = strcasecmp(a.id, "current") == 0;
        return a;
    }
    if (!cut_extension(name, PLAYLIST_EXT)) {
        return answer(HLS_UNKNOWN, "There is nothing here: a rendition's playlist is at "
                                   "/stream/ID/RENDITION.m3u8.");
    }
    if (!take_name(name, a.rendition, RENDITION_NAME_MAX)) {
        return answer(HLS_UNKNOWN, "There is no rendition of that name.");
    }
    return a;
}

static const char no_segment[] =
    "There is nothing here: a segment is at /stream/ID/RENDITION/NUMBER.ts or NUMBER.m4s.";

static struct hls_ask ask_file(struct piece *id, struct piece *rendition, struct piece *file)
{
    struct hls_ask a = answer(HLS_SEGMENT, NULL);
    if (!take_name(id, a.id, ID_MAX)) {
        return answer(HLS_UNKNOWN, "There is no stream of that name: it cannot be a stream's id.");
    }
    if (!take_name(rendition, a.rendition, RENDITION_NAME_MAX)) {
        return answer(HLS_UNKNOWN, "There is no rendition of that name.");
    }
    if (span_equal(piece_span(file), span_cstr(LIVE_FILE))) {
        a.what = HLS_LIVE_MEDIA;
        return a;
    }
    if (cut_extension(file, INIT_EXT)) {
        a.what = HLS_LIVE_INIT;
        return take_hash(file, &a.hash) ? a : answer(HLS_UNKNOWN, no_segment);
    }
    if (cut_extension(file, FRAGMENT_EXT)) {
        a.what = cut_part(file, &a.part) ? HLS_LIVE_PART : HLS_LIVE_SEGMENT;
    } else if (!cut_extension(file, SEGMENT_EXT)) {
        return answer(HLS_UNKNOWN, no_segment);
    }
    return take_msn(file, &a.msn) ? a : answer(HLS_UNKNOWN, no_segment);
}

static struct hls_ask ask_below_stream(struct span rest)
{
    struct piece parts[PARTS_MAX] = {{.len = 0}};
    size_t n = 0;
    for (bool more = true; more; n++) {
        struct span raw = cut_at(rest, '/');
        struct piece overflow;
        const char *why = decode(raw, n < PARTS_MAX ? &parts[n] : &overflow);
        if (why != NULL) {
            return answer(HLS_BAD, why);
        }
        more = raw.len < rest.len;
        rest = skip(rest, raw.len + (more ? 1 : 0));
    }
    if (n == 1 && parts[0].len > 0) {
        return ask_stream(&parts[0]);
    }
    if (n == 2) {
        return ask_rendition(&parts[0], &parts[1]);
    }
    if (n == 3) {
        return ask_file(&parts[0], &parts[1], &parts[2]);
    }
    return answer(HLS_UNKNOWN, "There is nothing here: streams are at /stream/ID.m3u8.");
}

static bool asset_char(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

static struct hls_ask ask_asset(struct span name)
{
    struct hls_ask a = answer(HLS_ASSET, NULL);
    bool ok = name.len > 0 && name.len <= HLS_ASSET_MAX;
    for (size_t i = 0; ok && i < name.len; i++) {
        a.asset[i] = (char)name.data[i];
        ok = asset_char(name.data[i]);
    }
    return ok ? a : answer(HLS_UNKNOWN, "There is nothing of that name here.");
}

static struct hls_ask ask_embed(struct span raw)
{
    struct hls_ask a = answer(HLS_EMBED, NULL);
    struct piece id;
    const char *why = decode(raw, &id);
    if (why != NULL) {
        return answer(HLS_BAD, why);
    }
    return take_name(&id, a.id, ID_MAX)
               ? a
               : answer(HLS_UNKNOWN, "There is nothing here: a player alone is at /embed/ID.");
}

static bool below(struct span path, const char *folder, struct span *ret_rest)
{
    size_t n = strlen(folder);
    if (path.len < n || memcmp(path.data, folder, n) != 0) {
        return false;
    }
    *ret_rest = skip(path, n);
    return true;
}

static struct hls_ask parse_path(struct span target)
{
    struct span path = hls_path(target);
    if (path.len == 0) {
        return answer(HLS_BAD, "The request names no path.");
    }
    if (span_equal(path, span_cstr("/"))) {
        return answer(HLS_FRONT, NULL);
    }
    if (span_equal(path, span_cstr("/healthz"))) {
        return answer(HLS_HEALTH, NULL);
    }
    if (span_equal(path, span_cstr("/streams.json"))) {
        return answer(HLS_STREAMS, NULL);
    }
    struct span rest;
    if (below(path, "/stream/", &rest)) {
        return ask_below_stream(rest);
    }
    if (below(path, "/assets/", &rest)) {
        return ask_asset(rest);
    }
    if (below(path, "/embed/", &rest)) {
        return ask_embed(rest);
    }
    if (span_equal(path, span_cstr("/multi"))) {
        return answer(HLS_MULTI, NULL);
    }
    if (span_equal(path, span_cstr("/publish"))) {
        return answer(HLS_PUBLISH, NULL);
    }
    if (span_equal(path, span_cstr("/demo"))) {
        return answer(HLS_DEMO, NULL);
    }
    return answer(HLS_UNKNOWN, "There is nothing here: streams are at /stream/ID.m3u8.");
}

static bool has_query(const struct hls_ask *a)
{
    return a->id[0] != '\0' || a->what == HLS_INDEX;
}

struct hls_ask hls_parse(struct span target)
{
    if (target.len > HLS_TARGET_MAX) {
        return answer(HLS_BAD, "The address is too long.");
    }
    struct hls_ask a = parse_path(target);
    struct span whole = cut_at(target, '#');
    size_t before = cut_at(whole, '?').len;
    if (!has_query(&a) || before == whole.len) {
        return a;
    }
    struct hls_directives directives = {.has_msn = false};
    const char *why = hls_query_parse(skip(whole, before + 1), &directives, a.query);
    if (a.what == HLS_LIVE_MEDIA) {
        a.directives = directives;
    }
    return why != NULL ? answer(HLS_BAD, why) : a;
}
