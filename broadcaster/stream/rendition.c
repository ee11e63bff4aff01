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
#include "run/log.h"

#define EXPECTED_MAX 64
#define SOURCE_NAME  "source"

#define PARTS_FIRST_CAP 64

struct expected {
    uint64_t msn;
    struct segment *segment; /* NULL until settled */
    bool open;
    struct segment_info info; /* when open */
};

/* In rising msn and index; those of numbers that are held back stand behind the others. */
struct lane {
    int64_t target, lag;
    struct part **parts;
    size_t count, cap;
    struct part_group *settled; /* the first ones, as long as those stay; NULL: to be made */
};

struct rendition {
    struct board *board;
    struct interest *interest;
    char stream_id[ID_MAX + 1];
    struct variant variant;
    struct expected expected[EXPECTED_MAX];
    size_t n_expected;
    struct segment *kept[RENDITION_KEPT_MAX];
    int64_t stays[RENDITION_KEPT_MAX];      /* of each, at what ticks_added it may go */
    int64_t parts_stay[RENDITION_KEPT_MAX]; /* and its parts; 0: they are listed */
    size_t n_kept;
    int64_t ticks_added, ticks_before; /* the newest one: with it and without */
    int64_t now_ms, added_ms; /* the time, as far as it was told; when the newest content came */
    struct lane lanes[2];     /* by enum track_kind */
    bool shown;               /* it has had a window */
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

static void forget_settled(struct lane *lane)
{
    part_group_unref(lane->settled);
    lane->settled = NULL;
}

static void drop_parts(struct lane *lane, size_t from, size_t n)
{
    for (size_t i = from; i < from + n; i++) {
        part_unref(lane->parts[i]);
    }
    lane->count -= n;
    forget_settled(lane);
    if (lane->count > from) {
        memmove(lane->parts + from, lane->parts + from + n,
                (lane->count - from) * sizeof lane->parts[0]);
    }
}

/* How many belong to numbers below: it is mostly the newest that are looked for. */
static size_t parts_below(const struct lane *lane, uint64_t msn)
{
    size_t n = lane->count;
    while (n > 0 && part_info(lane->parts[n - 1])->msn >= msn) {
        n--;
    }
    return n;
}

static void drop_parts_of(struct rendition *r, uint64_t msn)
{
    for (int kind = 0; kind < 2; kind++) {
        struct lane *lane = &r->lanes[kind];
        size_t from = parts_below(lane, msn);
        drop_parts(lane, from, parts_below(lane, msn + 1) - from);
    }
}

/* The first number of those that are within so many target durations of the newest content. */
static uint64_t first_within(const struct rendition *r, int targets)
{
    int64_t since = 0, longest = (int64_t)r->target_s * targets * TICKS_PER_S;
    size_t i = r->n_kept;
    while (i > 0 && since < longest) {
        since += segment_info(r->kept[--i])->duration;
    }
    return i < r->n_kept ? segment_info(r->kept[i])->msn : 0;
}

/* Notes whose parts are not listed any more. What has gone by since the newest content is not in
 * ticks_added yet, where gaps came behind it. */
static void plan_parts(struct rendition *r)
{
    uint64_t listed = first_within(r, RENDITION_PARTS_LISTED);
    int64_t target = (int64_t)r->target_s * TICKS_PER_S;
    int64_t gone = (r->now_ms - r->added_ms) * TICKS_PER_MS;
    int64_t stay = RENDITION_PARTS_STAY * target + (gone < target ? gone : target);
    for (size_t i = 0; i < r->n_kept; i++) {
        bool left = segment_info(r->kept[i])->msn < listed || r->n_kept - i > RENDITION_LISTED_LIVE;
        if (left && r->parts_stay[i] == 0) {
            r->parts_stay[i] = r->ticks_added + stay;
        }
    }
}

/* Of a segment that is settled and was made too long ago. */
static void drop_old_parts(struct rendition *r)
{
    plan_parts(r);
    size_t i = 0;
    while (i < r->n_kept && r->parts_stay[i] > 0 && r->parts_stay[i] <= r->ticks_before) {
        i++;
    }
    uint64_t kept = i < r->n_kept ? segment_info(r->kept[i])->msn : 0;
    uint64_t made = first_within(r, RENDITION_FRAGMENTS_TARGETS);
    for (int kind = 0; kind < 2; kind++) {
        struct lane *lane = &r->lanes[kind];
        drop_parts(lane, 0, parts_below(lane, kept));
        for (size_t i = parts_below(lane, made); i > 0; i--) {
            part_forget_fragment(lane->parts[i - 1]);
        }
    }
}

/* How many of them may be seen: of numbers before which all is settled. */
static size_t parts_shown(const struct rendition *r, enum track_kind kind)
{
    const struct lane *lane = &r->lanes[kind];
    return r->n_expected == 0 ? lane->count : parts_below(lane, r->expected[0].msn + 1);
}

struct rendition *rendition_create(struct board *board, const char *stream_id, const char *name)
{
    struct rendition *r = mem_alloc(sizeof *r);
    r->board = board;
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
    for (size_t i = 0; i < r->n_kept; i++) {
        segment_unref(r->kept[i]);
    }
    for (int kind = 0; kind < 2; kind++) {
        drop_parts(&r->lanes[kind], 0, r->lanes[kind].count);
        mem_free(r->lanes[kind].parts);
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

/* Takes references of the first n parts' packets; returns how long they last. */
static int64_t gather(const struct lane *lane, size_t n, struct packets *to)
{
    int64_t ticks = 0;
    for (size_t i = 0; i < n; i++) {
        const struct packets *from = part_packets(lane->parts[i]);
        for (size_t j = 0; j < from->count; j++) {
            struct packet copy = packet_ref(&from->items[j]);
            if (packets_push(to, copy) != ERR_OK) {
                packet_unref(&copy); /* then it counts for less */
            }
        }
        ticks += part_info(lane->parts[i])->duration;
    }
    return ticks;
}

static struct track *track_of(const struct lane *lane, size_t n)
{
    return n > 0 ? (struct track *)part_track(lane->parts[0]) : NULL;
}

/* Until there is a segment: as if its parts so far were one. */
static void measure_parts(struct rendition *r)
{
    const struct lane *video = &r->lanes[TRACK_VIDEO], *audio = &r->lanes[TRACK_AUDIO];
    size_t n_video = parts_shown(r, TRACK_VIDEO), n_audio = parts_shown(r, TRACK_AUDIO);
    struct packets pictures, sounds;
    packets_init(&pictures);
    packets_init(&sounds);
    int64_t shown = gather(video, n_video, &pictures), heard = gather(audio, n_audio, &sounds);
    struct segment_info info = r->n_expected > 0 ? r->expected[0].info : (struct segment_info){0};
    info.duration = shown > heard ? shown : heard;
    struct track *sound_of = track_of(audio, n_audio);
    struct sound *sound = sound_of != NULL ? sound_create(sound_of, &sounds) : NULL;
    struct segment *s = segment_create(&info, track_of(video, n_video), &pictures, sound);
    variant_measure(&r->variant, &s, 1);
    r->variant.parts_only = true;
    segment_unref(s);
    sound_unref(sound);
}

static size_t at_most(size_t n, size_t most)
{
    return n < most ? n : most;
}

static size_t listed(const struct rendition *r)
{
    return at_most(r->n_kept, RENDITION_LISTED);
}

/* Those that have left the classic playlist alone have not left that of fMP4. */
static uint64_t discontinuities_left_live(const struct rendition *r)
{
    uint64_t left = r->discontinuities_left;
    size_t from = r->n_kept - at_most(r->n_kept, RENDITION_LISTED_LIVE);
    for (size_t i = from; i < r->n_kept - listed(r); i++) {
        left -= segment_info(r->kept[i])->discontinuity;
    }
    return left;
}

/* Each window has these, and few others. */
static struct part_group *settled_parts(const struct rendition *r, struct lane *lane)
{
    if (lane->settled == NULL) {
        size_t n = r->n_expected == 0 ? lane->count : parts_below(lane, r->expected[0].msn);
        lane->settled = n > 0 ? part_group_create(lane->parts, n) : NULL;
    }
    return lane->settled;
}

static struct window *make_window(struct rendition *r)
{
    struct window *w = window_create(r->kept, r->n_kept, listed(r));
    w->listed_live = at_most(r->n_kept, RENDITION_LISTED_LIVE);
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
            window_set_parts(w, kind, lane->target, lane->parts, parts_shown(r, kind),
                             settled_parts(r, lane));
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
    if (r->n_kept == 0 && (r->held || (!parts && !r->shown))) {
        return;
    }
    r->shown = true;
    if (r->n_kept == 0) {
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

static void drop_oldest(struct rendition *r)
{
    segment_unref(r->kept[0]);
    r->n_kept--;
    memmove(r->kept, r->kept + 1, r->n_kept * sizeof r->kept[0]);
    memmove(r->stays, r->stays + 1, r->n_kept * sizeof r->stays[0]);
    memmove(r->parts_stay, r->parts_stay + 1, r->n_kept * sizeof r->parts_stay[0]);
}

/* How much time has gone by with it: what was held up, such as the gaps of a lost rung, may come
 * all at once. */
static int64_t time_of(struct rendition *r, const struct segment *s)
{
    int64_t duration = segment_info(s)->duration, gone = (r->now_ms - r->added_ms) * TICKS_PER_MS;
    if (segment_info(s)->gap) {
        return 0;
    }
    r->added_ms = r->now_ms;
    return r->now_ms > 0 && gone < duration ? gone : duration;
}

/* Until a segment leaves the longer playlist, `stays` is the longest playlist that had it. */
static void plan_stays(struct rendition *r)
{
    size_t n = at_most(r->n_kept, RENDITION_LISTED_LIVE), from = r->n_kept - n;
    int64_t playlist = 0;
    for (size_t i = from; i < r->n_kept; i++) {
        playlist += segment_info(r->kept[i])->duration;
    }
    if (from > 0) {
        r->stays[from - 1] += r->ticks_added + segment_info(r->kept[from - 1])->duration;
    }
    for (size_t i = from; i < r->n_kept; i++) {
        r->stays[i] = r->stays[i] > playlist ? r->stays[i] : playlist;
    }
    /* Not with the one that comes when the time is up, but with the next: some come early. */
    while (r->n_kept > RENDITION_LISTED_LIVE && r->stays[0] <= r->ticks_before) {
        drop_oldest(r);
    }
}

static void keep(struct rendition *r, struct segment *s)
{
    if (r->n_kept == RENDITION_KEPT_MAX) {
        drop_oldest(r);
    }
    if (r->n_kept >= RENDITION_LISTED &&
        segment_info(r->kept[r->n_kept - RENDITION_LISTED])->discontinuity) {
        r->discontinuities_left++;
    }
    r->stays[r->n_kept] = r->parts_stay[r->n_kept] = 0;
    r->kept[r->n_kept++] = s;
    r->ticks_before = r->ticks_added;
    r->ticks_added += time_of(r, s);
    plan_stays(r);
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
    variant_measure(&r->variant, r->kept, r->n_kept);
}

static void publish_settled(struct rendition *r)
{
    size_t n = 0;
    while (n < r->n_expected && r->expected[n].segment != NULL) {
        add(r, r->expected[n++].segment);
    }
    if (n > 0) {
        forget_settled(&r->lanes[TRACK_VIDEO]);
        forget_settled(&r->lanes[TRACK_AUDIO]);
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
    const struct lane *lane = &r->lanes[kind];
    const struct sound *sound = segment_sound(s);
    const struct packets *ps = kind == TRACK_VIDEO ? segment_packets(s)
                               : sound != NULL     ? sound_packets(sound)
                                                   : NULL;
    size_t from = parts_below(lane, segment_info(s)->msn), n = 0, sum = 0;
    size_t counts[RENDITION_PARTS_MAX];
    for (; from + n < lane->count && part_info(lane->parts[from + n])->msn == segment_info(s)->msn;
         n++) {
        counts[n] = part_packets(lane->parts[from + n])->count;
        sum += counts[n];
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
            if (segment_info(s)->gap && r->n_kept == 0) {
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
    r->now_ms = now_ms;
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

static bool has_room(struct lane *lane)
{
    if (lane->count == RENDITION_PARTS_MAX) {
        return false;
    }
    if (lane->count == lane->cap) {
        size_t cap = lane->cap > 0 ? lane->cap * 2 : PARTS_FIRST_CAP;
        struct part **parts = mem_try_realloc(lane->parts, cap * sizeof *parts);
        if (parts == NULL) {
            return false;
        }
        lane->parts = parts;
        lane->cap = cap;
    }
    return true;
}

void rendition_part(struct rendition *r, enum track_kind kind, struct part *p)
{
    struct lane *lane = &r->lanes[kind];
    struct expected *e = find_expected(r, part_info(p)->msn);
    assert(e->open && lane->target > 0);
    size_t at = parts_below(lane, e->msn + 1);
    size_t index = at - parts_below(lane, e->msn);
    if (part_info(p)->index != index || !has_room(lane)) {
        return; /* there was no room for the one before it: no more of this segment */
    }
    memmove(lane->parts + at + 1, lane->parts + at, (lane->count - at) * sizeof lane->parts[0]);
    lane->parts[at] = part_ref(p);
    lane->count++;
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
    size_t sum = 0;
    for (size_t i = 0; i < r->n_kept; i++) {
        sum += segment_bytes(r->kept[i]);
    }
    for (int kind = 0; kind < 2; kind++) {
        const struct lane *lane = &r->lanes[kind];
        for (size_t i = 0; i < lane->count; i++) {
            bool complete = part_info(lane->parts[i])->msn <= r->last;
            sum += complete ? part_fragment_bytes(lane->parts[i]) : part_bytes(lane->parts[i]);
        }
    }
    return sum;
}

int64_t rendition_stays_ms(const struct rendition *r)
{
    int64_t ticks = 0, longest = 0;
    for (size_t i = r->n_kept - at_most(r->n_kept, RENDITION_LISTED_LIVE); i < r->n_kept; i++) {
        int64_t duration = segment_info(r->kept[i])->duration;
        ticks = r->stays[i] > ticks ? r->stays[i] : ticks;
        longest = duration > longest ? duration : longest;
    }
    return (ticks + longest) / TICKS_PER_MS;
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
