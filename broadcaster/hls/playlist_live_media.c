#include <assert.h>
#include <inttypes.h>

#include "broadcaster/hls/hls.h"
#include "broadcaster/hls/hls_wait.h"
#include "broadcaster/hls/playlist.h"
#include "broadcaster/hls/playlist_live.h"

#define VERSION_OF_MAP  7 /* RFC 8216, 7 */
#define VERSION_OF_GAP  8 /* its second edition */
#define VERSION_OF_SKIP 9
#define PARTS_TARGETS   3      /* target durations at the end that have parts (6.2.2) */
#define SKIP_TARGETS    6      /* 4.4.3.8: CAN-SKIP-UNTIL */
#define HOLD_TARGETS    3      /* HOLD-BACK */
#define PART_HOLD_PARTS 3      /* PART-HOLD-BACK */
#define UNITS_PER_S     100000 /* durations of parts are written with five decimals */

struct writer {
    struct buf *out;
    const struct live_media *m;
    const struct window *w;
    const struct window_lane *lane;
    bool parts;     /* low latency */
    size_t first;   /* listed segments begin there */
    int64_t target; /* ticks */
    int64_t after;  /* ticks behind the segment that is written, to the end of the playlist */
    uint64_t map;   /* the one that holds here; 0: none */
    size_t part;    /* of the lane: what is before it has been written or is not listed */
};

static const struct segment_info *info_at(const struct writer *p, size_t i)
{
    return segment_info(p->w->segments[p->first + i]);
}

/* --- the head --- */

/* Up: no part may be longer than what is written. */
static int64_t units_up(int64_t ticks)
{
    return (ticks * UNITS_PER_S + TICKS_PER_S - 1) / TICKS_PER_S;
}

static bool is_independent(const struct writer *p)
{
    bool all = true;
    for (size_t i = 0; i < p->w->listed_live; i++) {
        all =
            all && (p->m->kind == TRACK_AUDIO || p->m->inits[i] == 0 || info_at(p, i)->independent);
    }
    for (size_t i = 0; i < p->lane->count && all; i++) {
        const struct part_info *part = part_info(p->lane->parts[i]);
        all = part->index > 0 || part->independent || p->m->kind == TRACK_AUDIO;
    }
    return all;
}

static enum err put_server_control(const struct writer *p)
{
    int64_t target = units_up(p->lane->part_target);
    int64_t hold = PART_HOLD_PARTS * target + units_up(p->lane->part_lag);
    return buf_printf(p->out,
                      "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=%d.0,"
                      "PART-HOLD-BACK=%" PRId64 ".%05d,HOLD-BACK=%d.0\n"
                      "#EXT-X-PART-INF:PART-TARGET=%" PRId64 ".%05d\n",
                      SKIP_TARGETS * p->w->target_duration_s, hold / UNITS_PER_S,
                      (int)(hold % UNITS_PER_S), HOLD_TARGETS * p->w->target_duration_s,
                      target / UNITS_PER_S, (int)(target % UNITS_PER_S));
}

static enum err put_sequences(const struct writer *p)
{
    const struct window *w = p->w;
    uint64_t discontinuity =
        w->listed_live == w->listed ? w->discontinuity_sequence : w->discontinuity_sequence_live;
    uint64_t msn = w->listed_live > 0 ? info_at(p, 0)->msn : w->open ? w->open_info.msn : 0;
    enum err e = buf_printf(p->out, "#EXT-X-MEDIA-SEQUENCE:%" PRIu64 "\n", msn);
    return e == ERR_OK && w->show_discontinuity_sequence
               ? buf_printf(p->out, "#EXT-X-DISCONTINUITY-SEQUENCE:%" PRIu64 "\n", discontinuity)
               : e;
}

static enum err put_head(const struct writer *p)
{
    int version = p->parts ? VERSION_OF_SKIP : VERSION_OF_MAP;
    for (size_t i = 0; i < p->w->listed_live && !p->parts; i++) {
        version = p->m->inits[i] == 0 ? VERSION_OF_GAP : version;
    }
    enum err e = buf_printf(p->out, "#EXTM3U\n#EXT-X-VERSION:%d\n#EXT-X-TARGETDURATION:%d\n",
                            version, p->w->target_duration_s);
    if (e == ERR_OK && p->parts) {
        e = put_server_control(p);
    }
    if (e == ERR_OK) {
        e = put_sequences(p);
    }
    return e == ERR_OK && is_independent(p) ? buf_printf(p->out, "#EXT-X-INDEPENDENT-SEGMENTS\n")
                                            : e;
}

/* --- segments and parts --- */

static enum err put_part(const struct writer *p, const struct part_info *part)
{
    /* To the nearest: never above the target, which is rounded up; and the sum stays near. */
    int64_t units = (part->duration * UNITS_PER_S + TICKS_PER_S / 2) / TICKS_PER_S;
    return buf_printf(
        p->out, "#EXT-X-PART:DURATION=%" PRId64 ".%05d,URI=\"%" PRIu64 ".%" PRIu32 ".m4s\"%s\n",
        units / UNITS_PER_S, (int)(units % UNITS_PER_S), part->msn, part->index,
        part->has_independent ? ",INDEPENDENT=YES" : "");
}

static enum err put_parts(struct writer *p, uint64_t msn, bool listed)
{
    enum err e = ERR_OK;
    for (; p->part < p->lane->count && e == ERR_OK; p->part++) {
        const struct part_info *part = part_info(p->lane->parts[p->part]);
        if (part->msn > msn) {
            break;
        }
        e = part->msn == msn && listed ? put_part(p, part) : ERR_OK;
    }
    return e;
}

/* What stands before a segment, and before its parts. */
static enum err put_place(struct writer *p, const struct segment_info *info, uint64_t init)
{
    enum err e = ERR_OK;
    if (info->discontinuity) {
        e = buf_printf(p->out, "#EXT-X-DISCONTINUITY\n");
        p->map = 0;
    }
    if (e == ERR_OK && init != 0 && init != p->map) {
        e = buf_printf(p->out, "#EXT-X-MAP:URI=\"" HLS_INIT_PREFIX "%016" PRIx64 ".mp4\"\n", init);
        p->map = init;
    }
    return e == ERR_OK && info->program_ms > 0
               ? playlist_put_program_date_time(p->out, info->program_ms)
               : e;
}

static enum err put_segment(struct writer *p, size_t i)
{
    const struct segment_info *info = info_at(p, i);
    uint64_t init = p->m->inits[i];
    bool near = p->after < PARTS_TARGETS * p->target;
    enum err e = put_place(p, info, init);
    if (e == ERR_OK && p->parts) {
        e = put_parts(p, info->msn, near && init != 0);
    }
    if (e == ERR_OK && init == 0) {
        e = buf_printf(p->out, "#EXT-X-GAP\n");
    }
    if (e == ERR_OK) {
        e = playlist_put_extinf(p->out, info);
    }
    return e == ERR_OK ? buf_printf(p->out, "%" PRIu64 ".m4s\n", info->msn) : e;
}

static enum err put_open(struct writer *p)
{
    struct hls_edge edge = hls_edge_of(p->w, p->m->kind);
    if (edge.open == 0) {
        return ERR_OK;
    }
    struct segment_info info = {.msn = edge.closed + 1};
    if (p->w->open && p->w->open_info.msn == info.msn) {
        info = p->w->open_info;
    }
    enum err e = put_place(p, &info, p->m->open_init);
    return e == ERR_OK ? put_parts(p, info.msn, true) : e;
}

/* --- the end --- */

static enum err put_hint(const struct writer *p)
{
    uint64_t msn;
    uint32_t part;
    return hls_next_part(p->w, p->m->kind, &msn, &part)
               ? buf_printf(p->out,
                            "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"%" PRIu64 ".%" PRIu32 ".m4s\"\n",
                            msn, part)
               : ERR_OK;
}

static enum err put_report(const struct writer *p, const struct live_report *r)
{
    enum err e = buf_printf(p->out, "#EXT-X-RENDITION-REPORT:URI=\"../");
    if (e == ERR_OK) {
        e = playlist_put_escaped(p->out, r->name);
    }
    if (e == ERR_OK) {
        e = buf_printf(p->out, "/" HLS_LIVE ".m3u8\",LAST-MSN=%" PRIu64, r->msn);
    }
    if (e == ERR_OK && r->has_part) {
        e = buf_printf(p->out, ",LAST-PART=%" PRIu32, r->part);
    }
    return e == ERR_OK ? buf_put_u8(p->out, '\n') : e;
}

static enum err put_end(const struct writer *p)
{
    if (p->w->ended) {
        return buf_printf(p->out, "#EXT-X-ENDLIST\n");
    }
    enum err e = p->parts ? put_hint(p) : ERR_OK;
    for (size_t i = 0; i < p->m->n_reports && p->parts && e == ERR_OK; i++) {
        e = put_report(p, &p->m->reports[i]);
    }
    return e;
}

/* --- the whole --- */

/* Summed up and not subtracted: the timeline may break anywhere. */
static int64_t sum_up(const struct writer *p)
{
    int64_t ticks = 0;
    uint64_t open = hls_edge_of(p->w, p->m->kind).closed + 1;
    for (size_t i = 0; i < p->w->listed_live; i++) {
        ticks += info_at(p, i)->duration;
    }
    for (size_t i = 0; i < p->lane->count; i++) {
        const struct part_info *part = part_info(p->lane->parts[i]);
        ticks += part->msn == open ? part->duration : 0;
    }
    return ticks;
}

/* Leaves out the segments beyond the skip boundary. */
static enum err put_skip(struct writer *p, size_t *ret_skipped)
{
    size_t n = 0;
    while (n < p->w->listed_live) {
        int64_t after = p->after - info_at(p, n)->duration;
        if (after <= SKIP_TARGETS * p->target) {
            break;
        }
        p->after = after;
        n++;
    }
    *ret_skipped = n;
    return n > 0 ? buf_printf(p->out, "#EXT-X-SKIP:SKIPPED-SEGMENTS=%zu\n", n) : ERR_OK;
}

static enum err put_media(struct writer *p)
{
    size_t i = 0;
    enum err e = put_head(p);
    if (e == ERR_OK && p->m->skip && p->parts) {
        e = put_skip(p, &i);
    }
    for (; i < p->w->listed_live && e == ERR_OK; i++) {
        p->after -= info_at(p, i)->duration;
        e = put_segment(p, i);
    }
    if (e == ERR_OK && p->parts) {
        e = put_open(p);
    }
    return e == ERR_OK ? put_end(p) : e;
}

enum err playlist_live_media(struct buf *out, const struct live_media *m)
{
    size_t before = out->len;
    const struct window *w = m->window;
    struct writer p = {
        .out = out,
        .m = m,
        .w = w,
        .lane = &w->lanes[m->kind],
        .parts = w->lanes[m->kind].part_target > 0,
        .first = w->count - w->listed_live,
        .target = (int64_t)w->target_duration_s * TICKS_PER_S,
    };
    assert(w->listed_live <= w->count);
    p.after = sum_up(&p);
    enum err e = put_media(&p);
    if (e != ERR_OK) {
        out->len = before;
    }
    return e;
}
