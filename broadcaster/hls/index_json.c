#include "broadcaster/hls/index_json.h"

#include <inttypes.h>
#include <string.h>

#include "broadcaster/hls/hls.h"
#include "broadcaster/hls/json_put.h"
#include "broadcaster/hls/playlist.h"
#include "broadcaster/hls/playlist_live.h"

#define END "]}\n"

/* --- renditions --- */

static bool has_picture(const struct variant *v)
{
    return v->video.peak_bps > 0 && !hls_is_audio(v->name);
}

static bool has_sound(const struct variant *v)
{
    return v->audio.peak_bps > 0;
}

static enum err put_picture(struct buf *out, const struct variant *v)
{
    enum err e = v->width > 0 && v->height > 0
                     ? buf_printf(out, ",\"width\":%d,\"height\":%d", v->width, v->height)
                     : json_put_text(out, ",\"width\":null,\"height\":null");
    e = e == ERR_OK ? json_put_text(out, ",\"fps\":") : e;
    if (e == ERR_OK) {
        e = v->fps_milli > 0 ? json_put_milli(out, v->fps_milli) : json_put_text(out, "null");
    }
    return e;
}

static enum err put_codecs(struct buf *out, const char *video, const char *audio)
{
    char codecs[2 * CODEC_STRING_MAX];
    size_t n = strlen(video);
    memcpy(codecs, video, n);
    if (n > 0 && audio[0] != '\0') {
        codecs[n++] = ',';
    }
    strcpy(codecs + n, audio);
    enum err e = json_put_text(out, ",\"codecs\":");
    return e == ERR_OK ? json_put_string_or_null(out, codecs) : e;
}

static enum err put_rendition(struct buf *out, const struct variant *v, const char *name)
{
    bool sound = hls_is_audio(name);
    int64_t bps = sound ? v->audio.peak_bps : v->bandwidth_bps;
    static const struct variant none;
    enum err e = json_put_text(out, "{\"name\":");
    e = e == ERR_OK ? json_put_string(out, name) : e;
    e = e == ERR_OK ? put_picture(out, !sound && has_picture(v) ? v : &none) : e;
    e = e == ERR_OK ? buf_printf(out, ",\"bandwidth\":%" PRId64, bps) : e;
    e = e == ERR_OK ? put_codecs(out, sound ? "" : v->video.codec, v->audio.codec) : e;
    return e == ERR_OK ? buf_put_u8(out, '}') : e;
}

static enum err put_renditions(struct buf *out, const struct index_stream *s)
{
    enum err e = json_put_text(out, "[");
    for (size_t i = 0; i < s->n_variants && e == ERR_OK; i++) {
        e = i > 0 ? buf_put_u8(out, ',') : ERR_OK;
        e = e == ERR_OK ? put_rendition(out, &s->variants[i], s->variants[i].name) : e;
    }
    /* The sound of all renditions is one of its own in fMP4, and not on the board. */
    if (e == ERR_OK && has_sound(&s->variants[0])) {
        e = buf_put_u8(out, ',');
        e = e == ERR_OK ? put_rendition(out, &s->variants[0], HLS_AUDIO) : e;
    }
    return e == ERR_OK ? buf_put_u8(out, ']') : e;
}

/* --- streams --- */

static enum err put_addresses(struct buf *out, const struct index_stream *s)
{
    bool ts = false;
    bool picture = false;
    for (size_t i = 0; i < s->n_variants; i++) {
        ts = ts || (s->variants[i].ts != VARIANT_TS_NOTHING && !s->variants[i].parts_only);
        picture = picture || has_picture(&s->variants[i]);
    }
    enum err e = json_put_text(out, ",\"poster\":");
    if (e == ERR_OK && picture) {
        e = json_put_text(out, "\"/stream/");
        e = e == ERR_OK ? playlist_put_escaped(out, s->id) : e;
        e = e == ERR_OK ? json_put_text(out, "/" HLS_POSTER_FILE "\"") : e;
    } else if (e == ERR_OK) {
        e = json_put_text(out, "null");
    }
    e = e == ERR_OK ? json_put_text(out, ",\"url\":") : e;
    if (e == ERR_OK && ts && !hls_is_index(s->id)) {
        e = buf_put_u8(out, '"');
        e = e == ERR_OK ? playlist_put_master_path(out, s->id) : e;
        e = e == ERR_OK ? buf_put_u8(out, '"') : e;
    } else if (e == ERR_OK) {
        e = json_put_text(out, "null");
    }
    e = e == ERR_OK ? json_put_text(out, ",\"live_url\":\"") : e;
    e = e == ERR_OK ? playlist_put_live_path(out, s->id) : e;
    return e == ERR_OK ? buf_put_u8(out, '"') : e;
}

static enum err put_stream(struct buf *out, const struct index_stream *s, int64_t now_ms)
{
    static const char *const states[] = {
        [BOARD_LIVE] = "live", [BOARD_WAITING] = "waiting", [BOARD_ENDED] = "ended"};
    const struct board_facts *f = &s->facts;
    int64_t until = f->state == BOARD_LIVE ? now_ms : f->until_ms;
    enum err e = json_put_text(out, "{\"id\":");
    e = e == ERR_OK ? json_put_string(out, s->id) : e;
    e = e == ERR_OK ? json_put_text(out, ",\"title\":") : e;
    e = e == ERR_OK ? json_put_string_or_null(out, f->title) : e;
    e = e == ERR_OK ? json_put_text(out, ",\"since\":") : e;
    e = e == ERR_OK ? json_put_time(out, f->since_ms) : e;
    e = e == ERR_OK ? json_put_text(out, ",\"duration_s\":") : e;
    e = e == ERR_OK ? json_put_milli(out, until > f->since_ms ? until - f->since_ms : 0) : e;
    e = e == ERR_OK ? buf_printf(out, ",\"state\":\"%s\",\"renditions\":", states[f->state]) : e;
    e = e == ERR_OK ? put_renditions(out, s) : e;
    e = e == ERR_OK ? buf_printf(out, ",\"viewers\":%u", s->viewers) : e;
    e = e == ERR_OK ? put_addresses(out, s) : e;
    return e == ERR_OK ? buf_put_u8(out, '}') : e;
}

enum err index_json(struct buf *out, const struct index_stream *list, size_t n, int64_t now_ms)
{
    size_t begin = out->len;
    enum err e = json_put_text(out, "{\"streams\":[");
    for (size_t i = 0; i < n && e == ERR_OK; i++) {
        size_t before = out->len;
        e = i > 0 ? buf_put_u8(out, ',') : ERR_OK;
        e = e == ERR_OK ? put_stream(out, &list[i], now_ms) : e;
        if (e == ERR_LIMIT || (e == ERR_OK && out->max - out->len < strlen(END))) {
            out->len = before;
            e = ERR_OK;
            break;
        }
    }
    e = e == ERR_OK ? json_put_text(out, END) : e;
    if (e != ERR_OK) {
        out->len = begin;
    }
    return e;
}
