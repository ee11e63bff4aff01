#include "broadcaster/hls/playlist.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "media/track.h"

static bool unreserved(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != 0 && strchr("-._~", c) != NULL);
}

enum err playlist_put_escaped(struct buf *out, const char *text)
{
    enum err e = ERR_OK;
    for (const char *p = text; *p != '\0' && e == ERR_OK; p++) {
        unsigned char c = (unsigned char)*p;
        e = unreserved(c) ? buf_put_u8(out, c) : buf_printf(out, "%%%02X", c);
    }
    return e;
}

enum err playlist_put_master_path(struct buf *out, const char *id)
{
    enum err e = buf_printf(out, "/stream/");
    if (e == ERR_OK) {
        e = playlist_put_escaped(out, id);
    }
    return e == ERR_OK ? buf_printf(out, ".m3u8") : e;
}

/* Adds "ID/RENDITION". */
static enum err put_names(struct buf *out, const char *id, const char *rendition)
{
    enum err e = playlist_put_escaped(out, id);
    if (e == ERR_OK) {
        e = buf_put_u8(out, '/');
    }
    return e == ERR_OK ? playlist_put_escaped(out, rendition) : e;
}

static enum err put_variant(struct buf *out, const char *id, const struct variant *v)
{
    enum err e =
        buf_printf(out, "#EXT-X-STREAM-INF:PROGRAM-ID=0,BANDWIDTH=%" PRId64, v->bandwidth_bps);
    int width = v->size_told ? v->told_width : v->width;
    int height = v->size_told ? v->told_height : v->height;
    if (e == ERR_OK && width > 0 && height > 0 && v->ts == VARIANT_TS_WHOLE) {
        e = buf_printf(out, ",RESOLUTION=%dx%d", width, height);
    }
    if (e == ERR_OK) {
        e = buf_put_u8(out, '\n');
    }
    if (e == ERR_OK) {
        e = put_names(out, id, v->name);
    }
    return e == ERR_OK ? buf_printf(out, ".m3u8\n") : e;
}

static enum err put_variants(struct buf *out, const char *id, const struct variant *list, size_t n,
                             enum variant_ts form, bool *any)
{
    enum err e = ERR_OK;
    for (size_t i = 0; i < n && e == ERR_OK; i++) {
        if (list[i].ts == form && !list[i].parts_only) {
            e = put_variant(out, id, &list[i]);
            *any = true;
        }
    }
    return e;
}

enum err playlist_master(struct buf *out, const char *id, const struct variant *list, size_t n)
{
    size_t before = out->len;
    bool any = false;
    enum err e = buf_printf(out, "#EXTM3U\n#EXT-X-VERSION:3\n");
    /* A player may begin with the first one: those without their picture go to the end. */
    if (e == ERR_OK) {
        e = put_variants(out, id, list, n, VARIANT_TS_WHOLE, &any);
    }
    if (e == ERR_OK) {
        e = put_variants(out, id, list, n, VARIANT_TS_SOUND, &any);
    }
    if (e == ERR_OK && !any) {
        e = ERR_NOENT;
    }
    if (e != ERR_OK) {
        out->len = before;
    }
    return e;
}

/* The millisecond that a tick falls in, to the nearest; also right below zero. */
static int64_t nearest_ms(int64_t ticks)
{
    int64_t t = ticks + TICKS_PER_MS / 2;
    return t >= 0 ? t / TICKS_PER_MS : -((-t + TICKS_PER_MS - 1) / TICKS_PER_MS);
}

enum err playlist_put_extinf(struct buf *out, const struct segment_info *info)
{
    /* Rounding both ends and not the length: the sum of neighbours is exact. */
    int64_t ms = nearest_ms(info->start + info->duration) - nearest_ms(info->start);
    ms = ms > 0 ? ms : 0;
    return buf_printf(out, "#EXTINF:%" PRId64 ".%03d,\n", ms / 1000, (int)(ms % 1000));
}

enum err playlist_put_program_date_time(struct buf *out, int64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm t;
    if (gmtime_r(&seconds, &t) == NULL) {
        return ERR_OK; /* no year that anybody lives in */
    }
    return buf_printf(out, "#EXT-X-PROGRAM-DATE-TIME:%04d-%02d-%02dT%02d:%02d:%02d.%03dZ\n",
                      t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec,
                      (int)(wall_ms % 1000));
}

/* Where a line's address ends: of a tag before its closing quote, else at its end; 0: it has none.
 */
static size_t address_end(struct span line)
{
    static const char attribute[] = "URI=\"";
    if (line.len == 0 || line.data[0] != '#') {
        return line.len;
    }
    const uint8_t *at = memmem(line.data, line.len, attribute, strlen(attribute));
    if (at == NULL) {
        return 0;
    }
    at += strlen(attribute);
    const uint8_t *end = memchr(at, '"', line.len - (size_t)(at - line.data));
    return end != NULL ? (size_t)(end - line.data) : 0;
}

enum err playlist_put_with_query(struct buf *out, struct span text, const char *query)
{
    size_t before = out->len;
    enum err e = ERR_OK;
    for (size_t at = 0; at < text.len && e == ERR_OK;) {
        const uint8_t *stop = memchr(text.data + at, '\n', text.len - at);
        size_t n = stop != NULL ? (size_t)(stop - text.data) - at : text.len - at;
        size_t end = address_end(span_of(text.data + at, n));
        e = buf_put(out, span_of(text.data + at, end));
        if (e == ERR_OK && end > 0) {
            e = buf_printf(out, "?%s", query);
        }
        size_t rest = n - end + (stop != NULL ? 1 : 0);
        if (e == ERR_OK) {
            e = buf_put(out, span_of(text.data + at + end, rest));
        }
        at += n + 1;
    }
    if (e != ERR_OK) {
        out->len = before;
    }
    return e;
}

static enum err put_segment(struct buf *out, const char *id, const char *rendition,
                            const struct segment_info *info, bool date)
{
    enum err e = ERR_OK;
    if (info->discontinuity) {
        e = buf_printf(out, "#EXT-X-DISCONTINUITY\n");
    }
    if (e == ERR_OK && date) {
        e = playlist_put_program_date_time(out, info->program_ms);
    }
    if (e == ERR_OK && info->gap) {
        e = buf_printf(out, "#EXT-X-GAP\n");
    }
    if (e == ERR_OK) {
        e = playlist_put_extinf(out, info);
    }
    if (e == ERR_OK) {
        e = buf_printf(out, "/stream/");
    }
    if (e == ERR_OK) {
        e = put_names(out, id, rendition);
    }
    return e == ERR_OK ? buf_printf(out, "/%" PRIu64 ".ts\n", info->msn) : e;
}

static enum err put_media_head(struct buf *out, const struct window *w, uint64_t first)
{
    enum err e = buf_printf(out,
                            "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-MEDIA-SEQUENCE:%" PRIu64
                            "\n#EXT-X-TARGETDURATION:%d\n",
                            first, w->target_duration_s);
    if (e == ERR_OK && w->show_discontinuity_sequence) {
        e = buf_printf(out, "#EXT-X-DISCONTINUITY-SEQUENCE:%" PRIu64 "\n",
                       w->discontinuity_sequence);
    }
    return e;
}

enum err playlist_media(struct buf *out, const char *id, const char *rendition,
                        const struct window *w, bool dated)
{
    size_t before = out->len;
    size_t first = w->count - w->listed;
    enum err e = put_media_head(out, w, w->listed > 0 ? segment_info(w->segments[first])->msn : 0);
    for (size_t i = first; i < w->count && e == ERR_OK; i++) {
        const struct segment_info *info = segment_info(w->segments[i]);
        bool date = dated && info->program_ms > 0 && (i == first || info->discontinuity);
        e = put_segment(out, id, rendition, info, date);
    }
    if (e == ERR_OK && w->ended) {
        e = buf_printf(out, "#EXT-X-ENDLIST\n");
    }
    if (e != ERR_OK) {
        out->len = before;
    }
    return e;
}
