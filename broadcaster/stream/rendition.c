#include "broadcaster/stream/rendition.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "broadcaster/hls/hls.h"
#include "broadcaster/pack/packager.h"
#include "broadcaster/stream/cutter.h"
#include "broadcaster/stream/part_shelf.h"
#include "broadcaster/stream/retention.h"
#include "run/log.h"

#define EXPECTED_MAX 64
#define SOURCE_NAME  "source"

struct expected {
    uint64_t msn;
    struct segment *segment; /* NULL until settled */
    bool open;
    struct segment_info info; /* when open */
};

struct lane {
    int64_t target, lag;
    struct part_shelf shelf;
};

struct rendition {
    struct board *board;
    struct interest *interest;
    char stream_id[ID_MAX + 1];
    struct variant variant;
    struct expected expected[EXPECTED_MAX];
    size_t n_expected;
    struct retention *kept;
    struct lane lanes[2]; /* by enum track_kind */
    bool shown;           /* it has had a window */
    bool held;
    uint64_t discontinuities_left; /* that have left the playlist, or never stood there */
    bool ended;
    int target_s;
    size_t run_bytes; /* of the newest segments, which are no whole run yet */
    int64_t run_ticks;
    int64_t peak_bps; /* of MPEG-TS */
    uint64_t last, count, gaps, parts;
    bool told[CODECS_];           /* that a track of this codec is left out of MPEG-TS */
    struct rung_figures *figures; /* may be NULL */
    unsigned changing;            /* begun and not committed */
    bool changed;                 /* since then */
    rendition_tap_fn *tap;
    void *tap_arg;
};

/* --- parts --- */

static void drop_parts_of(struct rendition *r, uint64_t msn)
{
    for (int kind = 0; kind < 2; kind++) {
        part_shelf_drop_number(&r->lanes[kind].shelf, msn);
    }
}

/* Of a segment that is settled and was made too long ago. */
static void drop_old_parts(struct rendition *r)
{
    int64_t target = (int64_t)r->target_s * TICKS_PER_S;
    uint64_t kept = retention_parts_from(r->kept, target);
    uint64_t made = retention_within(r->kept, RENDITION_FRAGMENTS_TARGETS * target);
    for (int kind = 0; kind < 2; kind++) {
        struct part_shelf *s = &r->lanes[kind].shelf;
        part_shelf_drop_first(s, part_shelf_below(s, kept));
        part_shelf_forget_fragments(s, part_shelf_below(s, made));
    }
}

/* How many of them may be seen: of numbers before which all is settled. */
static size_t parts_shown(const struct rendition *r, enum track_kind kind)
{
    const struct part_shelf *s = &r->lanes[kind].shelf;
    return r->n_expected == 0 ? s->count : part_shelf_below(s, r->expected[0].msn + 1);
}

struct rendition *rendition_create(struct board *board, const char *stream_id, const char *name)
{
    struct rendition *r = mem_alloc(sizeof *r);
    r->board = board;
    r->kept = retention_create();
    r->interest = board_interest(board, stream_id);
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
    retention_destroy(r->kept);
    for (int kind = 0; kind < 2; kind++) {
        part_shelf_fini(&r->lanes[kind].shelf);
    }
    interest_unref(r->interest);
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

void rendition_set_rank(struct rendition *r, int rank)
{
    r->variant.rank = rank;
}

void rendition_set_sound(struct rendition *r, const char *name)
{
    snprintf(r->variant.sound, sizeof r->variant.sound, "%s", name);
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

static struct track *track_of(const struct part_shelf *s, size_t n)
{
    return n > 0 ? (struct track *)part_track(s->parts[0]) : NULL;
}

/* Until there is a segment: as if its parts so far were one. */
static void measure_parts(struct rendition *r)
{
    const struct part_shelf *video = &r->lanes[TRACK_VIDEO].shelf;
    const struct part_shelf *audio = &r->lanes[TRACK_AUDIO].shelf;
    size_t n_video = parts_shown(r, TRACK_VIDEO), n_audio = parts_shown(r, TRACK_AUDIO);
    struct packets pictures, sounds;
    packets_init(&pictures);
    packets_init(&sounds);
    int64_t shown = part_shelf_gather(video, n_video, &pictures);
    int64_t heard = part_shelf_gather(audio, n_audio, &sounds);
    struct segment_info info = r->n_expected > 0 ? r->expected[0].info : (struct segment_info){0};
    info.duration = shown > heard ? shown : heard;
    struct track *sound_of = track_of(audio, n_audio);
    struct sound *sound = sound_of != NULL ? sound_create(sound_of, &sounds) : NULL;
    struct segment *s = segment_create(&info, track_of(video, n_video), &pictures, sound);
    variant_measure(&r->variant, &s, 1);
    r->variant.parts_only = true;
    /* Key frames weigh too much in it for a peak. */
    r->variant.video.highest_bps = r->variant.audio.highest_bps = 0;
    segment_unref(s);
    sound_unref(sound);
}

/* Those that have left the classic playlist alone have not left that of fMP4. */
static uint64_t discontinuities_left_live(const struct rendition *r)
{
    uint64_t left = r->discontinuities_left;
    size_t n = retention_count(r->kept), to = n - retention_listed(r->kept);
    for (size_t i = n - retention_listed_live(r->kept); i < to; i++) {
        left -= segment_info(retention_segments(r->kept)[i])->discontinuity;
    }
    return left;
}

/* Each window has these, and few others. */
static struct part_group *settled_parts(const struct rendition *r, struct part_shelf *s)
{
    size_t n = r->n_expected == 0 ? s->count : part_shelf_below(s, r->expected[0].msn);
    return part_shelf_group(s, n);
}

static struct window *make_window(struct rendition *r)
{
    struct window *w = window_create(retention_segments(r->kept), retention_count(r->kept),
                                     retention_listed(r->kept));
    w->listed_live = retention_listed_live(r->kept);
    w->target_duration_s = r->target_s;
    w->discontinuity_sequence = r->discontinuities_left;
    w->discontinuity_sequence_live = discontinuities_left_live(r);
    w->show_discontinuity_sequence = r->discontinuities_left > 0;
    w->ended = r->ended && r->n_expected == 0; /* nothing may follow EXT-X-ENDLIST */
    w->open = r->n_expected > 0 && r->expected[0].open;
    if (w->open) {
        w->open_info = r->expected[0].info;
    }
    for (int kind = 0; kind < 2; kind++) {
        struct lane *lane = &r->lanes[kind];
        if (lane->target > 0) {
            window_set_parts(w, kind, lane->target, lane->shelf.parts, parts_shown(r, kind),
                             settled_parts(r, &lane->shelf));
            w->lanes[kind].part_lag = lane->lag;
        }
    }
    return w;
}

static void publish(struct rendition *r)
{
    r->changed = r->changing > 0;
    if (r->changed) {
        return;
    }
    bool parts = parts_shown(r, TRACK_VIDEO) + parts_shown(r, TRACK_AUDIO) > 0;
    bool empty = retention_count(r->kept) == 0;
    if (empty && (r->held || (!parts && !r->shown))) {
        return;
    }
    r->shown = true;
    if (empty) {
        measure_parts(r);
    }
    struct window *w = make_window(r);
    board_publish(r->board, r->stream_id, &r->variant, w);
    window_unref(w);
}

void rendition_begin(struct rendition *r)
{
    r->changing++;
}

void rendition_commit(struct rendition *r)
{
    assert(r->changing > 0);
    if (--r->changing == 0 && r->changed) {
        publish(r);
    }
}

/* What the classic master playlist says follows what was seen: the highest rate, with what MPEG-TS
 * adds to the media, of a run of segments that are half a target duration long (RFC 8216,
 * 4.3.4.2); until then, of what there is. */
static void measure_peak(struct rendition *r, const struct segment *s)
{
    const struct segment_info *info = segment_info(s);
    if (info->gap || info->duration <= 0) {
        r->run_bytes = 0;
        r->run_ticks = 0;
        return;
    }
    r->run_bytes += packager_mpegts_size(s);
    r->run_ticks += info->duration;
    int64_t bps = (int64_t)r->run_bytes * 8 * TICKS_PER_S / r->run_ticks;
    if (r->run_ticks >= CUTTER_TARGET_TICKS / 2) {
        r->peak_bps = bps > r->peak_bps ? bps : r->peak_bps;
        r->run_bytes = 0;
        r->run_ticks = 0;
    }
    r->variant.bandwidth_bps = r->peak_bps > 0 ? r->peak_bps : bps;
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

static void keep(struct rendition *r, struct segment *s)
{
    size_t n = retention_count(r->kept);
    if (n >= RENDITION_LISTED &&
        segment_info(retention_segments(r->kept)[n - RENDITION_LISTED])->discontinuity) {
        r->discontinuities_left++;
    }
    retention_add(r->kept, s);
    while (retention_count(r->kept) > RENDITION_LISTED &&
           rendition_bytes(r) > RENDITION_BYTES_MAX) {
        retention_drop_oldest(r->kept);
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
    r->variant.parts_only = false;
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
    variant_measure(&r->variant, retention_segments(r->kept), retention_count(r->kept));
}

static void publish_settled(struct rendition *r)
{
    size_t n = 0;
    while (n < r->n_expected && r->expected[n].segment != NULL) {
        add(r, r->expected[n++].segment);
    }
    if (n > 0) {
        part_shelf_regroup(&r->lanes[TRACK_VIDEO].shelf);
        part_shelf_regroup(&r->lanes[TRACK_AUDIO].shelf);
        r->n_expected -= n;
        memmove(r->expected, r->expected + n, r->n_expected * sizeof r->expected[0]);
        drop_old_parts(r);
        publish(r);
    }
}

void rendition_expect(struct rendition *r, uint64_t msn)
{
    assert(r->n_expected == 0 || msn > r->expected[r->n_expected - 1].msn);
    assert(r->n_expected < EXPECTED_MAX); /* the owner gives up old numbers long before */
    r->expected[r->n_expected++] = (struct expected){.msn = msn};
}

/* The segment gets the parts that were shown of it, when they are all. */
static void tell_parts(const struct rendition *r, struct segment *s, enum track_kind kind)
{
    const struct sound *sound = segment_sound(s);
    const struct packets *ps = kind == TRACK_VIDEO ? segment_packets(s)
                               : sound != NULL     ? sound_packets(sound)
                                                   : NULL;
    size_t counts[RENDITION_PARTS_MAX], sum = 0;
    size_t n = part_shelf_packets(&r->lanes[kind].shelf, segment_info(s)->msn, counts);
    for (size_t i = 0; i < n; i++) {
        sum += counts[i];
    }
    if (n > 0 && ps != NULL && sum == ps->count) {
        segment_set_parts(s, kind, counts, n);
    }
}

void rendition_settle(struct rendition *r, struct segment *s)
{
    for (size_t i = 0; i < r->n_expected; i++) {
        if (r->expected[i].msn == segment_info(s)->msn && r->expected[i].segment == NULL) {
            r->expected[i].segment = segment_ref(s);
            tell_parts(r, s, TRACK_VIDEO);
            tell_parts(r, s, TRACK_AUDIO);
            if (segment_info(s)->gap && retention_count(r->kept) == 0) {
                drop_parts_of(r, r->expected[i].msn);
            }
            publish_settled(r);
            return;
        }
    }
    assert(!"a segment that was not expected, or twice");
}

static struct expected *find_expected(struct rendition *r, uint64_t msn)
{
    for (size_t i = 0; i < r->n_expected; i++) {
        if (r->expected[i].msn == msn && r->expected[i].segment == NULL) {
            return &r->expected[i];
        }
    }
    assert(!"a number that was not expected, or is settled");
    return NULL;
}

void rendition_open(struct rendition *r, const struct segment_info *info)
{
    struct expected *e = find_expected(r, info->msn);
    e->open = true;
    e->info = *info;
    if (e == r->expected) {
        publish(r);
    }
}

void rendition_tick(struct rendition *r, int64_t now_ms)
{
    retention_tick(r->kept, now_ms);
}

void rendition_hold(struct rendition *r, bool held)
{
    if (r->held != held) {
        r->held = held;
        publish(r);
    }
}

bool rendition_is_held(const struct rendition *r)
{
    return r->held;
}

bool rendition_parts_wanted(const struct rendition *r)
{
    return interest_there(r->interest);
}

void rendition_set_part_target(struct rendition *r, enum track_kind kind, int64_t ticks)
{
    struct lane *lane = &r->lanes[kind];
    lane->target = lane->target > 0 ? lane->target : ticks;
}

void rendition_set_part_lag(struct rendition *r, enum track_kind kind, int64_t ticks)
{
    r->lanes[kind].lag = ticks;
}

void rendition_part(struct rendition *r, enum track_kind kind, struct part *p)
{
    struct lane *lane = &r->lanes[kind];
    struct expected *e = find_expected(r, part_info(p)->msn);
    assert(e->open && lane->target > 0);
    if (!part_shelf_add(&lane->shelf, p)) {
        return; /* there was no room for it, or for the one before: no more of this segment */
    }
    r->parts++;
    if (e == r->expected) {
        publish(r);
    }
}

void rendition_part_came(struct rendition *r, int64_t late_us)
{
    if (r->figures != NULL && late_us >= 0) {
        histogram_observe(&r->figures->part_latency, late_us);
    }
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
    size_t sum = retention_bytes(r->kept);
    for (int kind = 0; kind < 2; kind++) {
        sum += part_shelf_bytes(&r->lanes[kind].shelf, r->last);
    }
    return sum;
}

int64_t rendition_stays_ms(const struct rendition *r)
{
    return retention_stays_ms(r->kept);
}

uint64_t rendition_count(const struct rendition *r)
{
    return r->count;
}

uint64_t rendition_gaps(const struct rendition *r)
{
    return r->gaps;
}

uint64_t rendition_parts(const struct rendition *r)
{
    return r->parts;
}
