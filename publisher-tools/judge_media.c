#include <inttypes.h>
#include <string.h>

#include "publisher-tools/judge_state.h"

#define TICKS            INT64_C(90000)
#define TIMESTAMP_BITS   33          /* of MPEG-TS */
#define LATE_SOUND_TICKS (TICKS / 2) /* sound may begin so much late where a timeline begins */
#define APART_TICKS      (TICKS / 4) /* sound and picture at the ends of a segment */
#define EXTINF_FRAMES    2           /* by which EXTINF may differ from the content */
#define PART_LEAST       85          /* per cent of the part target */
#define AUDIO_JOIN_TICKS (TICKS * 60 / 1000)

int64_t judge_media_between(int64_t a, int64_t b)
{
    uint64_t d = ((uint64_t)b - (uint64_t)a) & ((UINT64_C(1) << TIMESTAMP_BITS) - 1);
    return (int64_t)(d << (64 - TIMESTAMP_BITS)) >> (64 - TIMESTAMP_BITS);
}

int64_t judge_media_frame_ticks(const struct stream_facts *f)
{
    return f->packets < 2 ? 0 : (f->last_dts - f->first_dts) / (f->packets - 1);
}

static double ms(int64_t ticks)
{
    return (double)ticks * 1000 / TICKS;
}

struct look {
    const struct judge_state *s;
    const struct judge_seen *seen;
};

#define SAY(k, rule, ...)                                                                          \
    judge_say((k)->s->sink, JUDGE_RULE_##rule, (k)->s->url, (k)->seen->line,                       \
              span_cstr((k)->seen->text), __VA_ARGS__)

static void check_decoding(const struct look *k, const char *kind, const struct stream_facts *f)
{
    uint64_t number = k->seen->number;
    if (f->errors > 0) {
        SAY(k, DECODE, "segment %" PRIu64 ": %u errors when decoding %s", number, f->errors, kind);
    } else if (f->decoded < f->packets) {
        SAY(k, FRAMES_LOST, "segment %" PRIu64 ": %u of %u %s frames come out of the decoder",
            number, f->decoded, f->packets, kind);
    }
    if (f->dts_faults > 0 || f->no_dts > 0) {
        SAY(k, TIMES, "segment %" PRIu64 ": %u %s frames have a DTS not above the last, %u none",
            number, f->dts_faults, kind, f->no_dts);
    }
}

/* Nothing says how long it is to be at least: it is the segment's last, or has a key picture, or
 * something is missing. */
static bool may_be_short(const struct judge_list *l, const struct judge_segment *g, size_t i)
{
    const struct judge_part *p = &l->parts[g->first_part + i];
    return i + 1 == g->n_parts || p->gap || p->independent || p[1].gap;
}

/* Where the rate is a variable one, the next picture may not have fitted into it. */
static void check_parts(const struct look *k)
{
    const struct judge_list *l = k->s->last;
    const struct judge_segment *g = l != NULL ? judge_list_segment(l, k->seen->number) : NULL;
    if (g == NULL || l->part_target_us <= 0) {
        return;
    }
    int64_t next_us = k->s->widest_step * 1000000 / TICKS;
    for (size_t i = 0; i < g->n_parts; i++) {
        const struct judge_part *p = &l->parts[g->first_part + i];
        if (!may_be_short(l, g, i) && p->duration_us * 100 < l->part_target_us * PART_LEAST &&
            p->duration_us + next_us <= l->part_target_us) {
            judge_state_say(k->s, JUDGE_RULE_PART_SHORT, p->line,
                            "the part's %.6g s are less than 85 %% of PART-TARGET %.6g",
                            (double)p->duration_us / 1e6, (double)l->part_target_us / 1e6);
        }
    }
}

static int64_t longest(const struct stream_facts *a, const struct stream_facts *b)
{
    return a->longest_step > b->longest_step ? a->longest_step : b->longest_step;
}

static void check_join(const struct look *k, bool video, const struct segment_facts *last)
{
    const struct stream_facts *a = video ? &last->video : &last->audio;
    const struct stream_facts *b = video ? &k->seen->facts.video : &k->seen->facts.audio;
    const char *kind = video ? "picture" : "sound";
    if (!a->present || !b->present) {
        if (a->present != b->present) {
            SAY(k, TRACKS, "segment %" PRIu64 ": the %s %s without a discontinuity",
                k->seen->number, kind, b->present ? "begins" : "ends");
        }
        return;
    }
    int64_t step = judge_media_between(a->last_dts, b->first_dts);
    int64_t usual = longest(a, b);
    int64_t limit = usual * 2 > AUDIO_JOIN_TICKS ? usual * 2 : AUDIO_JOIN_TICKS;
    limit = video && usual > 0 ? usual + usual / 2 : limit;
    int64_t widest = k->s->widest_step + k->s->widest_step / 2;
    limit = video && widest > limit ? widest : limit;
    if (step <= 0) {
        SAY(k, TIMES, "segment %" PRIu64 ": its first %s lies %.1f ms before the last one's end",
            k->seen->number, kind, ms(usual - step));
    } else if (step > limit) {
        SAY(k, JOIN_GAP, "segment %" PRIu64 ": %.1f ms of %s are missing in front of it",
            k->seen->number, ms(step - usual), kind);
    }
}

/* A segment without parameter sets tells the family of its codec only. */
static bool is_whole(const char *codec)
{
    return strchr(codec, '.') != NULL;
}

static void check_change(const struct look *k, const struct segment_facts *last)
{
    const struct segment_facts *f = &k->seen->facts;
    if (f->width > 0 && last->width > 0 && (f->width != last->width || f->height != last->height)) {
        SAY(k, TRACKS, "segment %" PRIu64 ": %dx%d after %dx%d without a discontinuity",
            k->seen->number, f->width, f->height, last->width, last->height);
    } else if (is_whole(f->video.codec) && is_whole(last->video.codec) &&
               strcmp(f->video.codec, last->video.codec) != 0) {
        SAY(k, TRACKS, "segment %" PRIu64 ": %s after %s without a discontinuity", k->seen->number,
            f->video.codec, last->video.codec);
    }
}

/* Where a timeline begins, its segments do so with the picture: sound may come in later. */
static bool begins(const struct look *k, bool has_last)
{
    return k->seen->discontinuity || (!has_last && k->seen->number <= 1);
}

static void check_extinf(const struct look *k, bool has_last)
{
    const struct segment_facts *f = &k->seen->facts;
    const struct stream_facts *main = f->video.present ? &f->video : &f->audio;
    int64_t ticks = stream_facts_ticks(main);
    if (ticks <= 0) {
        return; /* one frame has no duration that can be measured */
    }
    int64_t told = k->seen->duration_us * TICKS / 1000000;
    int64_t slack = !f->video.present && begins(k, has_last) ? LATE_SOUND_TICKS : 0;
    int64_t off = told > ticks ? told - ticks - slack : ticks - told;
    int64_t limit = EXTINF_FRAMES * (ticks / main->packets);
    limit = k->s->widest_step > limit ? k->s->widest_step : limit;
    if (off > limit + TICKS / 1000) {
        SAY(k, EXTINF_WRONG, "segment %" PRIu64 ": EXTINF tells %.3f s, its %s lasts %.3f s",
            k->seen->number, (double)k->seen->duration_us / 1e6,
            f->video.present ? "picture" : "sound", (double)ticks / TICKS);
    }
}

static void check_apart(const struct look *k, bool has_last)
{
    const struct stream_facts *v = &k->seen->facts.video;
    const struct stream_facts *a = &k->seen->facts.audio;
    if (!v->present || !a->present) {
        return;
    }
    int64_t limit = begins(k, has_last) ? LATE_SOUND_TICKS : APART_TICKS;
    int64_t start = judge_media_between(v->first_pts, a->first_pts);
    int64_t end = judge_media_between(v->last_pts, a->last_pts);
    if (start > limit || start < -limit || end > APART_TICKS || end < -APART_TICKS) {
        SAY(k, APART,
            "segment %" PRIu64 ": its sound begins %+.0f ms and ends %+.0f ms off its picture",
            k->seen->number, ms(start), ms(end));
    }
}

static void check_independence(const struct look *k)
{
    const struct judge_list *l = k->s->last;
    if (l != NULL && l->independent && k->seen->facts.video.present &&
        !k->seen->facts.starts_with_idr) {
        judge_state_say(k->s, JUDGE_RULE_INDEPENDENT, l->independent_line,
                        "segment %" PRIu64 " (%s) does not begin with a key frame that nothing "
                        "behind it looks past",
                        k->seen->number, k->seen->text);
    }
}

void judge_media_see(struct judge_state *s, uint64_t number, const struct segment_facts *f,
                     size_t bytes)
{
    struct judge_seen *seen = judge_state_find(s, number);
    if (seen == NULL) {
        return;
    }
    seen->has_media = f->video.present || f->audio.present;
    seen->facts = *f;
    seen->bytes = bytes;
    struct look k = {s, seen};
    const struct judge_seen *last = s->last_media > 0 ? &s->seen[s->last_media - 1] : NULL;
    bool follows = last != NULL && last + 1 == seen && last->timeline == seen->timeline;
    if (!seen->has_media) {
        SAY(&k, UNREADABLE, "segment %" PRIu64 " holds neither picture nor sound", number);
        s->last_media = 0;
        return;
    }
    if (f->video.irregular > 0 && f->video.longest_step > s->widest_step) {
        s->widest_step = f->video.longest_step;
    }
    check_decoding(&k, "video", &f->video);
    check_decoding(&k, "audio", &f->audio);
    check_extinf(&k, follows);
    check_parts(&k);
    check_apart(&k, follows);
    check_independence(&k);
    if (follows) {
        check_join(&k, true, &last->facts);
        check_join(&k, false, &last->facts);
        check_change(&k, &last->facts);
    }
    s->last_media = (size_t)(seen - s->seen) + 1;
}

void judge_media_part(const struct judge_state *s, const struct judge_part *p,
                      const struct part_facts *f)
{
    if (f->packets == 0) {
        judge_state_say(s, JUDGE_RULE_UNREADABLE, p->line, "the part holds no media");
    } else if (p->independent && !f->independent) {
        judge_state_say(s, JUDGE_RULE_INDEPENDENT, p->line,
                        "the part tells INDEPENDENT=YES and holds no key frame");
    } else if (!p->independent && f->independent) {
        judge_state_say(s, JUDGE_RULE_INDEPENDENT_UNTOLD, p->line,
                        "the part holds a key frame and does not tell so");
    }
}

void judge_media_lost(struct judge_state *s)
{
    s->last_media = 0;
}
