#include "broadcaster/rendition.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "broadcaster/cutter.h"
#include "broadcaster/hls.h"
#include "broadcaster/packager.h"
#include "run/log.h"

#define EXPECTED_MAX 64
#define SOURCE_NAME  "source"

struct expected {
    uint64_t msn;
    struct segment *segment; /* NULL until settled */
};

struct rendition {
    struct board *board;
    char stream_id[ID_MAX + 1];
    struct variant variant;
    struct expected expected[EXPECTED_MAX];
    size_t n_expected;
    struct segment *kept[RENDITION_KEPT];
    size_t n_kept;
    uint64_t discontinuities_left; /* that have left the playlist, or never stood there */
    bool ended;
    int target_s;
    uint64_t last, count, gaps;
    bool told[CODECS_];           /* that a track of this codec is left out of MPEG-TS */
    struct rung_figures *figures; /* may be NULL */
    rendition_tap_fn *tap;
    void *tap_arg;
};

struct rendition *rendition_create(struct board *board, const char *stream_id, const char *name)
{
    struct rendition *r = mem_alloc(sizeof *r);
    r->board = board;
    snprintf(r->stream_id, sizeof r->stream_id, "%s", stream_id);
    r->target_s = CUTTER_TARGET_TICKS / TICKS_PER_S;
    snprintf(r->variant.name, sizeof r->variant.name, "%s", name);
    return r;
}

void rendition_destroy(struct rendition *r)
{
    if (r == NULL) {
        return;
    }
    for (size_t i = 0; i < r->n_expected; i++) {
        segment_unref(r->expected[i].segment);
    }
    for (size_t i = 0; i < r->n_kept; i++) {
        segment_unref(r->kept[i]);
    }
    mem_free(r);
}

void rendition_set_figures(struct rendition *r, struct rung_figures *figures)
{
    r->figures = figures;
}

void rendition_set_first_discontinuity(struct rendition *r, uint64_t number)
{
    r->discontinuities_left = number;
}

const char *rendition_name(const struct rendition *r)
{
    return r->variant.name;
}

uint64_t rendition_next(const struct rendition *r)
{
    return r->n_expected > 0 ? r->expected[0].msn : 0;
}

size_t rendition_waiting(const struct rendition *r)
{
    return r->n_expected;
}

static size_t listed(const struct rendition *r)
{
    return r->n_kept < RENDITION_LISTED ? r->n_kept : RENDITION_LISTED;
}

static void publish(struct rendition *r)
{
    if (r->n_kept == 0) {
        return;
    }
    struct window *w = window_create(r->kept, r->n_kept, listed(r));
    w->target_duration_s = r->target_s;
    w->discontinuity_sequence = r->discontinuities_left;
    w->show_discontinuity_sequence = r->discontinuities_left > 0;
    w->ended = r->ended && r->n_expected == 0; /* nothing may follow EXT-X-ENDLIST */
    board_publish(r->board, r->stream_id, &r->variant, w);
    window_unref(w);
}

/* What the classic master playlist says follows what was seen: the highest rate. */
static void measure_peak(struct rendition *r, const struct segment *s)
{
    int64_t duration = segment_info(s)->duration;
    if (duration > 0) {
        int64_t bps = (int64_t)segment_bytes(s) * 8 * TICKS_PER_S / duration;
        if (bps > r->variant.bandwidth_bps) {
            r->variant.bandwidth_bps = bps;
        }
    }
}

static void tell_left_out(struct rendition *r, const struct track *track)
{
    if (track == NULL || packager_ts_carries(track_params(track))) {
        return;
    }
    const struct track_params *t = track_params(track);
    if (!r->told[t->codec]) {
        r->told[t->codec] = true;
        log_info("rendition", "left_out",
                 "stream=%s rendition=%s track=%s codec=%s why=\"MPEG-TS, which the classic HLS "
                 "addresses give, cannot carry it: it plays at /stream/%s/live.m3u8\"",
                 r->stream_id, r->variant.name, t->kind == TRACK_VIDEO ? "video" : "audio",
                 track_codec_name(t->codec), r->stream_id);
    }
}

/* The sound is the same on all renditions of a stream: it is named with the one that it came
 * with. */
static void tell(struct rendition *r, const struct segment *s)
{
    tell_left_out(r, segment_video(s));
    bool own = !hls_is_audio(r->variant.name) &&
               (segment_video(s) == NULL || strcmp(r->variant.name, SOURCE_NAME) == 0);
    if (own && segment_sound(s) != NULL) {
        tell_left_out(r, sound_track(segment_sound(s)));
    }
}

static void drop_oldest(struct rendition *r)
{
    segment_unref(r->kept[0]);
    r->n_kept--;
    memmove(r->kept, r->kept + 1, r->n_kept * sizeof r->kept[0]);
}

static void keep(struct rendition *r, struct segment *s)
{
    if (r->n_kept == RENDITION_KEPT) {
        drop_oldest(r);
    }
    if (r->n_kept >= RENDITION_LISTED &&
        segment_info(r->kept[r->n_kept - RENDITION_LISTED])->discontinuity) {
        r->discontinuities_left++;
    }
    r->kept[r->n_kept++] = s;
    while (r->n_kept > RENDITION_LISTED && rendition_bytes(r) > RENDITION_BYTES_MAX) {
        drop_oldest(r);
    }
}

static void count(struct rung_figures *f, const struct segment_info *info)
{
    if (f == NULL) {
        return;
    }
    if (info->gap) {
        f->gaps++;
    } else {
        f->appeared++;
        histogram_observe(&f->latency, clock_mono_us() - info->closed_ms * 1000);
    }
}

static void add(struct rendition *r, struct segment *s)
{
    const struct segment_info *info = segment_info(s);
    if (r->tap != NULL) {
        r->tap(r->tap_arg, s);
    }
    if (info->gap && r->count == 0) {
        /* Left out, but counted: the same content has the same number on all renditions (RFC 8216,
         * 6.2.4). */
        r->discontinuities_left += info->discontinuity;
        segment_unref(s);
        return;
    }
    if (info->gap) {
        r->gaps++;
    } else {
        r->last = info->msn;
    }
    r->count++;
    count(r->figures, info);
    measure_peak(r, s);
    tell(r, s);
    keep(r, s);
    variant_measure(&r->variant, r->kept, r->n_kept);
}

static void publish_settled(struct rendition *r)
{
    size_t n = 0;
    while (n < r->n_expected && r->expected[n].segment != NULL) {
        add(r, r->expected[n++].segment);
    }
    if (n > 0) {
        r->n_expected -= n;
        memmove(r->expected, r->expected + n, r->n_expected * sizeof r->expected[0]);
        publish(r);
    }
}

void rendition_expect(struct rendition *r, uint64_t msn)
{
    assert(r->n_expected == 0 || msn > r->expected[r->n_expected - 1].msn);
    assert(r->n_expected < EXPECTED_MAX); /* the owner gives up old numbers long before */
    r->expected[r->n_expected++] = (struct expected){.msn = msn};
}

void rendition_settle(struct rendition *r, struct segment *s)
{
    for (size_t i = 0; i < r->n_expected; i++) {
        if (r->expected[i].msn == segment_info(s)->msn && r->expected[i].segment == NULL) {
            r->expected[i].segment = segment_ref(s);
            publish_settled(r);
            return;
        }
    }
    assert(!"a segment that was not expected, or twice");
}

void rendition_set_target(struct rendition *r, int seconds)
{
    r->target_s = seconds > r->target_s ? seconds : r->target_s;
}

void rendition_set_size(struct rendition *r, int width, int height)
{
    r->variant.size_told = true;
    r->variant.told_width = width;
    r->variant.told_height = height;
}

void rendition_set_ended(struct rendition *r, bool ended)
{
    if (r->ended != ended) {
        r->ended = ended;
        publish(r);
    }
}

void rendition_set_tap(struct rendition *r, rendition_tap_fn *fn, void *arg)
{
    r->tap = fn;
    r->tap_arg = arg;
}

uint64_t rendition_last(const struct rendition *r)
{
    return r->last;
}

size_t rendition_bytes(const struct rendition *r)
{
    size_t sum = 0;
    for (size_t i = 0; i < r->n_kept; i++) {
        sum += segment_bytes(r->kept[i]);
    }
    return sum;
}

int64_t rendition_listed_ms(const struct rendition *r)
{
    int64_t ticks = 0;
    for (size_t i = r->n_kept - listed(r); i < r->n_kept; i++) {
        ticks += segment_info(r->kept[i])->duration;
    }
    return ticks / TICKS_PER_MS;
}

uint64_t rendition_count(const struct rendition *r)
{
    return r->count;
}

uint64_t rendition_gaps(const struct rendition *r)
{
    return r->gaps;
}
