#include "broadcaster/stream/advice.h"

#include <stdarg.h>
#include <stdio.h>

#define LOOK_MS       5000
#define ABSENT_MS     10000 /* a track that was not seen for so long is missing */
#define SILENT_MS     3000  /* sound that was there before */
#define GOP_LONG      (4 * TICKS_PER_S)
#define CLOCK_MS      20000 /* both clocks are compared over at least this */
#define CLOCK_PERCENT 5
#define CLOCK_LOOKS   2
#define SLICE_MS      1000
#define SWING         4 /* times */
#define SWING_BYTES   250000
#define LONG_STEP     5 / 2 /* times the usual one */

static const char *const names[ADVICES_] = {
    "keyframe_interval",    "no_keyframe", "no_sound",    "no_picture",
    "timestamps",           "clock_jumps", "sound_apart", "frame_rate_varies",
    "bitrate_swings",       "clock_speed", "too_fast",    "bitrate_too_high",
    "codec_headers_change", "no_header",   "not_carried", "broken_frames",
    "sound_holes",
};

const char *advice_name(enum advice_kind kind)
{
    return names[kind];
}

void advice_init(struct advice *a)
{
    *a = (struct advice){0};
}

void advice_restart(struct advice *a, int64_t now_ms)
{
    struct repair_counters repairs = a->repairs;
    *a = (struct advice){.begun_ms = now_ms,
                         .look_ms = now_ms,
                         .slice_ms = now_ms,
                         .slice_least = INT64_MAX,
                         .started = true,
                         .repairs = repairs};
}

static void see_picture(struct advice *a, const struct packet *p)
{
    if (a->lanes[TRACK_VIDEO].seen) {
        int64_t step = p->dts - a->last_dts;
        a->step_sum += step;
        a->step_max = step > a->step_max ? step : a->step_max;
        a->steps++;
        a->long_steps += step * (int64_t)a->steps > a->step_sum * LONG_STEP;
    }
    a->last_dts = p->dts;
    if ((p->flags & PACKET_KEY) != 0) {
        a->gop_ticks = a->key_seen ? p->dts - a->key_dts : 0;
        a->key_dts = p->dts;
        a->key_seen = true;
        a->recovers = false;
    }
}

static void see_bytes(struct advice *a, size_t bytes, int64_t now_ms)
{
    if (now_ms - a->slice_ms >= SLICE_MS) {
        a->slice_least = a->slice_bytes < a->slice_least ? a->slice_bytes : a->slice_least;
        a->slice_most = a->slice_bytes > a->slice_most ? a->slice_bytes : a->slice_most;
        a->slices++;
        a->slice_bytes = 0;
        a->slice_ms = now_ms;
    }
    a->slice_bytes += (int64_t)bytes;
}

void advice_recovery_point(struct advice *a)
{
    a->recovers = true;
}

void advice_left_out(struct advice *a, int64_t now_ms)
{
    if (!a->started) {
        advice_restart(a, now_ms);
    }
}

void advice_packet(struct advice *a, const struct packet *p, int64_t now_ms)
{
    struct advice_lane *own = &a->lanes[p->kind];
    struct advice_lane *other = &a->lanes[p->kind == TRACK_VIDEO ? TRACK_AUDIO : TRACK_VIDEO];
    advice_left_out(a, now_ms);
    if (p->kind == TRACK_VIDEO) {
        see_picture(a, p);
    }
    see_bytes(a, p->data.len, now_ms);
    if (a->clock_ms == 0) {
        a->clock_ms = now_ms;
        a->clock_dts = p->dts;
    }
    *own = (struct advice_lane){.seen = true, .arrival_ms = now_ms};
    if (!other->missed) {
        other->missed = true;
        other->missed_ms = now_ms;
    }
}

/* --- looks --- */

struct look {
    struct advice *a;
    int64_t now_ms, wall_ms;
    unsigned tell;
};

static void warn(struct look *k, enum advice_kind kind, uint64_t times, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void warn(struct look *k, enum advice_kind kind, uint64_t times, const char *format, ...)
{
    struct advice_warning *w = &k->a->warnings[kind];
    va_list args;
    va_start(args, format);
    vsnprintf(w->text, sizeof w->text, format, args);
    va_end(args);
    if (!w->active) {
        w->since_ms = k->wall_ms;
        w->count = 0;
        if (!w->told || k->now_ms - w->told_ms >= ADVICE_STAY_MS) {
            w->told = true;
            w->told_ms = k->now_ms;
            k->tell |= 1u << kind;
        }
    }
    w->active = true;
    w->seen_ms = k->now_ms;
    w->count += times;
}

static void settle(struct look *k, enum advice_kind kind)
{
    k->a->warnings[kind].active = false;
}

static void look_at_keys(struct look *k)
{
    struct advice *a = k->a;
    bool pictures = a->lanes[TRACK_VIDEO].seen;
    int64_t since = a->last_dts - a->key_dts;
    int64_t gop = since > a->gop_ticks ? since : a->gop_ticks;
    if (pictures && a->key_seen && gop >= GOP_LONG && a->recovers) {
        warn(k, ADVICE_KEY_INTERVAL, 1,
             "no whole keyframe (IDR) for %d s: switch off open GOPs and intra refresh, so that "
             "players can join at every keyframe",
             (int)((gop + TICKS_PER_S / 2) / TICKS_PER_S));
    } else if (pictures && a->key_seen && gop >= GOP_LONG) {
        warn(k, ADVICE_KEY_INTERVAL, 1,
             "keyframe interval %d s: set it to 1-2 s for shorter delay and for seams that every "
             "player can join at",
             (int)((gop + TICKS_PER_S / 2) / TICKS_PER_S));
    } else {
        settle(k, ADVICE_KEY_INTERVAL);
    }
}

/* When both stop it is the network, which is none of theirs. */
static void look_for_tracks(struct look *k)
{
    static const char *const names_of[2] = {"picture", "sound"};
    static const char *const hints[2] = {
        "the last one is shown, or the sound alone; check the camera and the encoder",
        "check the encoder's audio source if there should be some"};
    static const enum advice_kind kinds[2] = {ADVICE_NO_PICTURE, ADVICE_NO_SOUND};
    for (int i = 0; i < 2; i++) {
        const struct advice_lane *l = &k->a->lanes[i];
        int64_t limit_ms = l->seen && i == TRACK_AUDIO ? SILENT_MS : ABSENT_MS;
        if (!l->missed || k->now_ms - l->missed_ms < limit_ms) {
            settle(k, kinds[i]);
        } else if (l->seen) {
            warn(k, kinds[i], 1, "no %s since %d s: %s", names_of[i],
                 (int)((k->now_ms - l->arrival_ms) / 1000), hints[i]);
        } else {
            warn(k, kinds[i], 1, "no %s comes: %s", names_of[i], hints[i]);
        }
    }
}

/* Warnings of what was mended since the last look; they stay for a while. */
static void look_at_repairs(struct look *k, const struct repair_counters *now)
{
    static const struct {
        enum repair_kind repair;
        enum advice_kind advice;
        uint64_t least;
        const char *text;
    } rows[] = {
        {REPAIR_DTS_NOT_RISING, ADVICE_TIMESTAMPS, 5,
         "timestamps do not rise: they are mended; check the encoder's clock, or update it"},
        {REPAIR_CLOCK_STOOD, ADVICE_TIMESTAMPS, 1,
         "the encoder's clock stands still: times are made up from the frames; restart the "
         "encoder"},
        {REPAIR_PTS_FAR, ADVICE_TIMESTAMPS, 1,
         "composition times cannot be right and are left out: check the encoder's muxer"},
        {REPAIR_JUMP, ADVICE_JUMPS, 1,
         "the encoder's clock jumps: the stream goes on without the jump; check what restarts or "
         "pauses it"},
        {REPAIR_APART, ADVICE_APART, 1,
         "sound and picture had different clocks and were brought together by arrival: check that "
         "they fit, and take one clock for both"},
        {REPAIR_SOUND_DRIFT, ADVICE_APART, 2,
         "the sound's timestamps do not fit to its samples: check the sample rate and the audio "
         "device's clock"},
        {REPAIR_NO_KEY, ADVICE_NO_KEY, 1,
         "pictures come without a keyframe to begin at: begin with a keyframe, and send one every "
         "1-2 s"},
        {REPAIR_TOO_FAST, ADVICE_TOO_FAST, 1,
         "more comes than can be taken: publish in real time, and with one codec header"},
        {REPAIR_CUT_EARLY, ADVICE_TOO_LARGE, 1,
         "segments become larger than the server can hold and are cut early: lower the bitrate"},
        {REPAIR_TRACK_CHANGED, ADVICE_HEADERS, 2,
         "the codec settings change again and again: each time players must begin anew"},
        {REPAIR_NO_HEADER, ADVICE_NO_HEADER, 3,
         "no codec header: pictures or sound come without one and are left out; restart the "
         "encoder"},
        {REPAIR_NOT_CARRIED, ADVICE_NOT_CARRIED, 1,
         "some of what comes is left out, because it is of a codec or kind that is not known here: "
         "send H.264 and AAC, or what the server's manual lists"},
        {REPAIR_BROKEN, ADVICE_BROKEN, 1,
         "frames come broken and are left out: check the encoder, and update it"},
        {REPAIR_SOUND_MISSING, ADVICE_SOUND_HOLES, 1,
         "the sound has holes while the picture goes on: check the audio source, and that the "
         "encoder's machine keeps up"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t times = now->n[rows[i].repair] - k->a->repairs.n[rows[i].repair];
        const struct advice_warning *w = &k->a->warnings[rows[i].advice];
        if (times >= rows[i].least) {
            warn(k, rows[i].advice, times, "%s", rows[i].text);
        } else if (w->active && k->now_ms - w->seen_ms >= ADVICE_STAY_MS) {
            settle(k, rows[i].advice);
        }
    }
    k->a->repairs = *now;
}

static void look_at_rates(struct look *k)
{
    struct advice *a = k->a;
    if (a->steps >= 20 && a->long_steps * 20 > a->steps) {
        warn(k, ADVICE_FRAME_RATE, 1,
             "the frame rate varies: pictures are up to %d ms apart, %d ms on average; set a "
             "constant frame rate, and see that the encoder's machine keeps up",
             (int)(a->step_max / TICKS_PER_MS), (int)(a->step_sum / a->steps / TICKS_PER_MS));
    } else if (a->steps >= 20) {
        settle(k, ADVICE_FRAME_RATE);
    }
    a->steps = a->long_steps = 0;
    a->step_sum = a->step_max = 0;
    if (a->slices >= 4 && a->slice_most > SWING_BYTES && a->slice_most > SWING * a->slice_least) {
        warn(k, ADVICE_BITRATE, 1,
             "the bitrate swings between %d and %d kb/s from second to second: set a constant one, "
             "and see that the network keeps up",
             (int)(a->slice_least / 125), (int)(a->slice_most / 125));
    } else if (a->slices >= 4) {
        settle(k, ADVICE_BITRATE);
    }
    a->slices = 0;
    a->slice_least = INT64_MAX;
    a->slice_most = 0;
}

static void look_at_clock(struct look *k, int64_t newest_dts)
{
    struct advice *a = k->a;
    int64_t real = k->now_ms - a->clock_ms;
    if (a->clock_ms == 0 || real < CLOCK_MS) {
        return;
    }
    int64_t media = (newest_dts - a->clock_dts) / TICKS_PER_MS;
    int percent = (int)((media - real) * 100 / real);
    bool off = percent >= CLOCK_PERCENT || percent <= -CLOCK_PERCENT;
    a->clock_off = off ? a->clock_off + 1 : 0;
    if (a->clock_off >= CLOCK_LOOKS) {
        warn(k, ADVICE_CLOCK, 1,
             "the stream's clock runs %d %% %s than real time: players will %s; publish in real "
             "time",
             percent > 0 ? percent : -percent, percent > 0 ? "faster" : "slower",
             percent > 0 ? "fall behind" : "run dry");
    } else if (!off) {
        settle(k, ADVICE_CLOCK);
    }
    a->clock_ms = k->now_ms;
    a->clock_dts = newest_dts;
}

unsigned advice_look(struct advice *a, const struct repair_counters *repairs, int64_t newest_dts,
                     int64_t now_ms, int64_t wall_ms)
{
    if (!a->started || now_ms - a->look_ms < LOOK_MS) {
        return 0;
    }
    struct look k = {.a = a, .now_ms = now_ms, .wall_ms = wall_ms};
    a->look_ms = now_ms;
    look_at_keys(&k);
    look_for_tracks(&k);
    look_at_repairs(&k, repairs);
    look_at_rates(&k);
    look_at_clock(&k, newest_dts);
    return k.tell;
}
