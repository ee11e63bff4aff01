#include "broadcaster/stream/repair.h"

/* What a frame may last at most when nothing else is known: where a piece continues. */
#define STEP_TICKS (TICKS_PER_S / 30)

#define STUCK_RUN    8                 /* packets without a rising clock: it stands still */
#define STRAY_TICKS  (TICKS_PER_S / 4) /* how far a clock made up may be from real time */
#define TOGETHER     (3 * TICKS_PER_S / 2)
#define REORDER_MAX  17 /* pictures that one may be shown behind its decoding */
#define BACK_PACKETS 6

/* Sound: times are counted samples. A pause is taken over at once; where more sound comes than its
 * clock says, a run of frames may share one time, which is the count's strength; what remains over
 * a window of packets is drift, and mended a little with each packet. */
#define SOUND_PAUSE_TICKS (TICKS_PER_S / 10)
#define SOUND_HOLE_TICKS  TICKS_PER_S
#define SOUND_LAG_TICKS   (TICKS_PER_S / 2)
#define SOUND_DRIFT_TICKS (20 * TICKS_PER_MS)
#define SOUND_WINDOW      64
#define SOUND_SLEW_PART   32
#define SOUND_RELOCKS     3

static const char *const names[REPAIRS_] = {
    "dts_not_rising", "pts_below_dts",     "pts_far",       "jump",          "apart",
    "clock_stood",    "sound_drift",       "sound_overlap", "no_key",        "begun_without_key",
    "picture_held",   "segment_cut_early", "too_fast",      "hole",          "track_changed",
    "no_header",      "not_carried",       "broken",        "sound_missing", "silence",
};

const char *repair_name(enum repair_kind kind)
{
    return names[kind];
}

void repair_counters_add(struct repair_counters *to, const struct repair_counters *from)
{
    for (int i = 0; i < REPAIRS_; i++) {
        to->n[i] += from->n[i];
    }
}

void repair_init(struct repair *r)
{
    *r = (struct repair){.origin = REPAIR_ORIGIN_TICKS, .newest = REPAIR_ORIGIN_TICKS};
}

void repair_restart(struct repair *r)
{
    struct repair_counters counters = r->counters;
    *r = (struct repair){
        .restarted = true,
        .origin = r->newest + STEP_TICKS,
        .newest = r->newest,
        .counters = counters,
    };
}

void repair_sound_changed(struct repair *r)
{
    struct repair_lane *l = &r->lanes[TRACK_AUDIO];
    l->remainder = 0;
    l->slew = 0;
    l->window = 0;
    l->relocks = 0;
    l->free = false;
}

static int64_t distance(int64_t a, int64_t b)
{
    return a > b ? a - b : b - a;
}

static int64_t at_least(int64_t v, int64_t least)
{
    return v > least ? v : least;
}

static int64_t usual_step(const struct repair_lane *l)
{
    return l->nominal > 0 ? l->nominal : STEP_TICKS;
}

static const struct repair_lane *other_of(const struct repair *r, const struct repair_lane *l)
{
    return l == &r->lanes[0] ? &r->lanes[1] : &r->lanes[0];
}

/* --- offsets --- */

/* Whether a kind that begins now has the other one's clock: its time fits to where that one is, or,
 * when all of that one came in a burst, to where it began. */
static bool shares_clock(const struct repair_lane *o, int64_t in, int64_t now_ms)
{
    if (distance(in + o->offset, o->last_out) <= REPAIR_JUMP_TICKS) {
        return true;
    }
    int64_t passed = (now_ms - o->first_ms) * TICKS_PER_MS;
    return distance(in, o->first_in) <= TICKS_PER_S && passed < (o->last_out - o->first_out) / 2;
}

/* Where the other kind, if it begins later, may find its clock's beginning. */
static void begin_piece(struct repair_lane *l, int64_t in, int64_t now_ms)
{
    l->first_in = in;
    l->first_out = in + l->offset;
    l->first_ms = now_ms;
}

static void start_lane(struct repair *r, struct repair_lane *l, int64_t in, int64_t now_ms)
{
    const struct repair_lane *o = other_of(r, l);
    *l = (struct repair_lane){.started = true};
    if (!o->started) {
        l->offset = r->origin - in;
    } else if (shares_clock(o, in, now_ms)) {
        l->offset = o->offset;
    } else {
        r->counters.n[REPAIR_APART]++;
        l->offset = o->last_out - in;
    }
    begin_piece(l, in, now_ms);
    l->catching = r->restarted && l->first_out < r->origin;
    l->last_out = l->catching ? r->origin - STEP_TICKS : l->first_out - 1;
    l->last_in = in - 1;
    l->arrival_ms = now_ms;
    r->started = true;
}

static bool is_jump(const struct repair *r, const struct repair_lane *l, int64_t in, int64_t now_ms)
{
    int64_t step = in - l->last_in;
    int64_t usual = usual_step(l);
    if (step <= 0) {
        return -step > at_least(BACK_PACKETS * usual, REPAIR_BACK_TICKS);
    }
    if (step <= REPAIR_JUMP_TICKS) {
        return false;
    }
    const struct repair_lane *o = other_of(r, l);
    bool time_passed = distance(step, (now_ms - l->arrival_ms) * TICKS_PER_MS) <= step / 2;
    bool other_agrees =
        o->started && o->stuck == 0 && distance(in + l->offset, o->last_out) <= TOGETHER;
    bool as_before = step <= REPAIR_STEP_TICKS_MAX && distance(step, l->last_step) <= step / 2;
    return !time_passed && !other_agrees && !as_before;
}

/* The timeline goes on where the clock jumped: with the other kind's offset when that one has
 * jumped there before, otherwise behind all that was given out. */
static bool relock(struct repair *r, struct repair_lane *l, int64_t in, int64_t now_ms)
{
    const struct repair_lane *o = other_of(r, l);
    int64_t expected = l->last_out + usual_step(l);
    l->stuck = 0;
    l->last_in = in - usual_step(l);
    if (o->started && o->offset != l->offset &&
        distance(in + o->offset, expected) <= REPAIR_JUMP_TICKS) {
        l->offset = o->offset;
        l->catching = in + l->offset < l->last_out;
        begin_piece(l, in, now_ms);
        return false;
    }
    r->counters.n[REPAIR_JUMP]++;
    l->offset = at_least(expected, r->newest + usual_step(l)) - in;
    begin_piece(l, in, now_ms);
    return true;
}

/* --- pictures --- */

/* The clock stands still: the sound tells the time, or else when packets come, or else their usual
 * distance. */
static int64_t made_up(struct repair *r, struct repair_lane *l, int64_t now_ms)
{
    const struct repair_lane *o = other_of(r, l);
    if (l->stuck == STUCK_RUN) {
        r->counters.n[REPAIR_CLOCK_STOOD]++;
        l->stuck_out = l->last_out;
        l->stuck_ms = now_ms;
    }
    bool other_goes = o->started && o->stuck == 0 && now_ms - o->arrival_ms <= 1000;
    int64_t real = other_goes ? o->last_out : l->stuck_out + (now_ms - l->stuck_ms) * TICKS_PER_MS;
    int64_t usual = usual_step(l);
    int64_t guess = l->last_out + usual;
    if (real > guess + STRAY_TICKS) {
        return real;
    }
    return real < guess - STRAY_TICKS ? l->last_out + at_least(usual / 4, 1) : guess;
}

/* A long step alone, as behind a pause, says little. */
static void learn_step(struct repair_lane *l, int64_t step)
{
    if (l->nominal == 0) {
        l->nominal = step;
        return;
    }
    step = step < 4 * l->nominal ? step : 4 * l->nominal;
    l->nominal = at_least(l->nominal + (step - l->nominal) / 8, 1);
}

static int64_t picture_dts(struct repair *r, struct repair_lane *l, int64_t in, int64_t now_ms)
{
    bool rises = in > l->last_in;
    int64_t target = in + l->offset;
    l->stuck = rises ? 0 : l->stuck + 1;
    if (target > l->last_out) {
        if (rises && l->last_in >= l->first_in) {
            learn_step(l, in - l->last_in);
        }
        return target;
    }
    r->counters.n[REPAIR_DTS_NOT_RISING]++;
    if (l->stuck < STUCK_RUN) {
        /* Half the usual pace, until the clock has caught up. */
        return l->last_out + at_least(usual_step(l) / 2, 1);
    }
    int64_t out = made_up(r, l, now_ms);
    l->offset = out - in;
    return out;
}

/* From DTS to PTS, never below -delay. Negative ones move all showing, the sound's included, so
 * that the order of pictures and their distance to the sound stay as they are. */
static int64_t composition(struct repair *r, const struct repair_lane *l, int64_t shift)
{
    if (shift > at_least(REORDER_MAX * usual_step(l), REPAIR_JUMP_TICKS)) {
        r->counters.n[REPAIR_PTS_FAR]++;
        return 0;
    }
    if (shift >= 0) {
        return shift;
    }
    r->counters.n[REPAIR_PTS_BELOW_DTS]++;
    if (-shift > r->delay && -shift <= REPAIR_DELAY_TICKS_MAX) {
        r->delay = -shift;
    }
    return at_least(shift, -r->delay);
}

static void place_picture(struct repair *r, struct repair_lane *l, struct packet *p, int64_t now_ms)
{
    int64_t shift = composition(r, l, p->pts - p->dts);
    int64_t dts = picture_dts(r, l, p->dts, now_ms);
    /* A mended DTS must not move the picture: only its decoding. */
    int64_t pts = p->dts + l->offset + shift + r->delay;
    p->dts = dts;
    p->pts = at_least(pts, dts);
}

/* --- sound --- */

static void begin_window(struct repair_lane *l)
{
    l->window = 0;
    l->drift = INT64_MAX;
}

/* What is to be added to the count for this packet. */
static int64_t mend_drift(struct repair *r, struct repair_lane *l, int64_t drift, int64_t ticks)
{
    if (l->slew != 0) {
        int64_t most = at_least(ticks / SOUND_SLEW_PART, 1);
        int64_t step = l->slew > most ? most : l->slew < -most ? -most : l->slew;
        l->slew -= step;
        begin_window(l);
        return step;
    }
    if (l->window == 0 || distance(drift, 0) < distance(l->drift, 0)) {
        l->drift = drift;
    }
    if (++l->window < SOUND_WINDOW) {
        return 0;
    }
    if (distance(l->drift, 0) > SOUND_DRIFT_TICKS) {
        r->counters.n[REPAIR_SOUND_DRIFT]++;
        l->slew = l->drift;
    } else {
        l->relocks = 0;
    }
    begin_window(l);
    return 0;
}

static int64_t plain_dts(struct repair *r, const struct repair_lane *l, int64_t target)
{
    if (target > l->last_out) {
        return target;
    }
    r->counters.n[REPAIR_DTS_NOT_RISING]++;
    return l->last_out + 1;
}

/* More sound than its clock says: the count is believed, unless the clock goes on and it happens
 * again and again, as where frames last less than they say. */
static void believe_count(struct repair *r, struct repair_lane *l, int64_t in, int64_t expected)
{
    l->relocks = l->stuck < STUCK_RUN ? l->relocks + 1 : 0;
    r->counters.n[l->stuck < STUCK_RUN ? REPAIR_SOUND_DRIFT : REPAIR_CLOCK_STOOD]++;
    if (l->relocks >= SOUND_RELOCKS) {
        l->free = true;
        return;
    }
    l->offset = expected - r->delay - in;
    begin_window(l);
}

static int64_t sound_dts(struct repair *r, struct repair_lane *l, int64_t in,
                         struct sound_frame frame)
{
    int64_t target = in + l->offset + r->delay;
    l->stuck = in > l->last_in ? 0 : l->stuck + 1;
    if (frame.rate <= 0 || l->free || l->nominal == 0) {
        l->remainder = 0;
        return plain_dts(r, l, target);
    }
    r->counters.n[REPAIR_DTS_NOT_RISING] += l->stuck > 0;
    int64_t length = l->nominal;
    int64_t expected = l->last_out + length;
    int64_t drift = target - expected;
    if (drift > SOUND_PAUSE_TICKS) {
        l->slew = 0;
        l->remainder = 0;
        begin_window(l);
        return target;
    }
    if (drift < -SOUND_LAG_TICKS && !l->catching) {
        believe_count(r, l, in, expected);
        return expected;
    }
    int64_t mended = expected + (l->catching ? 0 : mend_drift(r, l, drift, length));
    return at_least(mended, l->last_out + 1);
}

/* The next packet begins where this one ends, to the fraction of a tick. */
static void count_samples(struct repair_lane *l, struct sound_frame frame)
{
    if (frame.rate > 0) {
        int64_t whole = (int64_t)frame.samples * TICKS_PER_S + l->remainder;
        l->nominal = whole / frame.rate;
        l->remainder = whole % frame.rate;
    }
}

/* Whether the picture went on where there is no sound; when neither came it is a pause. */
static bool is_hole(const struct repair *r, const struct repair_lane *l, int64_t dts)
{
    const struct repair_lane *o = other_of(r, l);
    return dts - l->last_out > SOUND_HOLE_TICKS && o->started &&
           o->last_out - o->last_step > l->last_out + SOUND_HOLE_TICKS;
}

/* False: the packet lies before what was given out already. */
static bool place_sound(struct repair *r, struct repair_lane *l, struct packet *p,
                        struct sound_frame frame)
{
    if (l->catching) {
        l->catching = p->dts + l->offset + r->delay < l->last_out + usual_step(l) / 2;
        if (l->catching) {
            r->counters.n[REPAIR_SOUND_OVERLAP]++;
            return false;
        }
    }
    p->dts = sound_dts(r, l, p->dts, frame);
    p->pts = p->dts;
    r->counters.n[REPAIR_SOUND_MISSING] += is_hole(r, l, p->dts);
    count_samples(l, frame);
    return true;
}

struct repair_verdict repair_packet(struct repair *r, struct packet *p, struct sound_frame frame,
                                    int64_t now_ms)
{
    struct repair_verdict v = {0};
    struct repair_lane *l = &r->lanes[p->kind];
    int64_t in = p->dts, before = l->last_in;
    if (!l->started) {
        start_lane(r, l, in, now_ms);
    } else if (is_jump(r, l, in, now_ms)) {
        v.jumped = relock(r, l, in, now_ms);
    }
    if (p->kind == TRACK_VIDEO) {
        place_picture(r, l, p, now_ms);
    } else {
        v.drop = !place_sound(r, l, p, frame);
    }
    l->last_step = in - before;
    l->last_in = in;
    l->arrival_ms = now_ms;
    if (!v.drop) {
        l->last_out = p->dts;
        r->newest = at_least(r->newest, p->dts);
    }
    return v;
}

bool repair_follow(struct repair *r, const struct repair *first, int64_t in)
{
    const struct repair_lane *sound = &first->lanes[TRACK_AUDIO];
    const struct repair_lane *picture = &first->lanes[TRACK_VIDEO];
    bool silent = !sound->started ||
                  (picture->started && picture->last_out - sound->last_out > REPAIR_JUMP_TICKS);
    const struct repair_lane *o = silent ? picture : sound;
    struct repair_lane *seen = &r->lanes[TRACK_VIDEO];
    struct repair_lane *l = &r->lanes[TRACK_AUDIO];
    bool jumped = !seen->started || distance(o->offset, seen->offset) > REPAIR_BACK_TICKS;
    bool strayed = distance(o->offset, l->offset) > REPAIR_BACK_TICKS &&
                   distance(in + o->offset, o->last_out) <= TOGETHER;
    if (jumped || strayed) {
        l->started = false;
    }
    *seen = *o;
    r->newest = first->newest;
    r->delay = first->delay;
    return o->started;
}
