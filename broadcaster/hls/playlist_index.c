#include "broadcaster/hls/playlist_index.h"

#include <inttypes.h>

#include "broadcaster/hls/playlist.h"

static enum err put_variant(struct buf *out, const char *id, size_t program,
                            const struct variant *v)
{
    enum err e = buf_printf(out, "#EXT-X-STREAM-INF:PROGRAM-ID=%zu,BANDWIDTH=%" PRId64, program,
                            v->bandwidth_bps);
    if (e == ERR_OK && v->width > 0 && v->height > 0 && v->ts == VARIANT_TS_WHOLE) {
        e = buf_printf(out, ",RESOLUTION=%dx%d", v->width, v->height);
    }
    /* Neither of the names can hold a quotation mark: id_valid. */
    e = e == ERR_OK ? buf_printf(out, ",NAME=\"%s %s\"\n", id, v->name) : e;
    e = e == ERR_OK ? playlist_put_escaped(out, id) : e;
    e = e == ERR_OK ? buf_put_u8(out, '/') : e;
    e = e == ERR_OK ? playlist_put_escaped(out, v->name) : e;
    return e == ERR_OK ? buf_printf(out, ".m3u8\n") : e;
}

static enum err put_stream(struct buf *out, const struct index_stream *s, size_t program)
{
    static const enum variant_ts order[] = {VARIANT_TS_WHOLE, VARIANT_TS_SOUND};
    enum err e = ERR_OK;
    for (size_t k = 0; k < sizeof order / sizeof order[0]; k++) {
        for (size_t i = 0; i < s->n_variants && e == ERR_OK; i++) {
            if (s->variants[i].ts == order[k]) {
                e = put_variant(out, s->id, program, &s->variants[i]);
            }
        }
    }
    return e;
}

enum err playlist_index(struct buf *out, const struct index_stream *list, size_t n)
{
    size_t begin = out->len;
    enum err e = buf_printf(out, "#EXTM3U\n#EXT-X-VERSION:3\n");
    size_t head = out->len;
    for (size_t i = 0; i < n && e == ERR_OK; i++) {
        size_t before = out->len;
        e = list[i].facts.state != BOARD_ENDED ? put_stream(out, &list[i], i + 1) : ERR_OK;
        if (e == ERR_LIMIT && before > head) {
            out->len = before;
            e = ERR_OK;
            break;
        }
    }
    if (e == ERR_OK && out->len == head) {
        e = ERR_NOENT;
    }
    if (e != ERR_OK) {
        out->len = begin;
    }
    return e;
}
