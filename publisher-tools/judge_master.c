/* A master playlist against what its variants hold. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "publisher-tools/judge_ladder.h"
#include "publisher-tools/judge_ladder_find.h"
#include "publisher-tools/judge_text.h"

#define SECOND        INT64_C(1000000)
#define TICKS         INT64_C(90000)
#define PEAK_OVER     110 /* per cent of the one that the other may be: told and measured */
#define RATE_OFF      1   /* per cent of FRAME-RATE */
#define RATE_VARIES   105 /* per cent of a segment's mean: what is less is jitter */
#define RATES_MAX     256 /* segments whose frame rate is looked at */
#define MEAN_SEGMENTS 5   /* fewer tell nothing of a mean */

#define SAY(l, rule, line, ...)                                                                    \
    judge_list_say((l)->master, (l)->url, (l)->sink, JUDGE_RULE_##rule, line, __VA_ARGS__)

/* --- by itself --- */

static bool has_group(const struct judge_list *m, struct span group)
{
    for (size_t i = 0; i < m->n_renditions; i++) {
        if (judge_text_is(m->renditions[i].type, "AUDIO") &&
            span_equal(m->renditions[i].group, group)) {
            return true;
        }
    }
    return false;
}

static bool denies_captions(const struct judge_list *m)
{
    for (size_t i = 0; i < m->n_variants; i++) {
        if (judge_text_is(m->variants[i].captions, "NONE")) {
            return true;
        }
    }
    return false;
}

void judge_master_check(const struct judge_list *master, const char *url,
                        const struct judge_sink *sink)
{
    struct judge_ladder l = {.url = url, .master = master, .sink = sink};
    char address[HLS_URL_MAX];
    bool denied = denies_captions(master);
    judge_list_check(master, url, sink);
    for (size_t i = 0; i < master->n_variants; i++) {
        const struct judge_variant *v = &master->variants[i];
        if (v->bandwidth_bps == JUDGE_NONE) {
            SAY(&l, BANDWIDTH_MISSING, v->line, "the variant tells no BANDWIDTH");
        }
        if (v->average_bps == JUDGE_NONE) {
            SAY(&l, AVERAGE_MISSING, v->line, "the variant tells no AVERAGE-BANDWIDTH");
        }
        if (v->codecs.len == 0) {
            SAY(&l, CODECS_MISSING, v->line, "the variant tells no CODECS");
        }
        if (denied && !judge_text_is(v->captions, "NONE")) {
            SAY(&l, CAPTIONS_DIFFER, v->line,
                "another variant tells CLOSED-CAPTIONS=NONE, and this one does not");
        }
        if (v->audio.len > 0 && !has_group(master, v->audio)) {
            SAY(&l, GROUP, v->line, "there is no EXT-X-MEDIA of the AUDIO group \"%.*s\"",
                (int)v->audio.len, (const char *)v->audio.data);
        }
        if (hls_url_resolve(url, v->uri, address) != ERR_OK) {
            SAY(&l, URI, v->uri_line, "the URI is no http or https address");
        } else if (strstr(address, "_HLS_") != NULL) {
            SAY(&l, QUERY_LEAKED, v->uri_line, "the URI carries a _HLS_ directive");
        }
    }
}

/* --- what is inside --- */

/* The first behind the newest discontinuity: there a live stream may have changed its size, and its
 * master playlist tells what is now. */
static const struct judge_seen *with_media(const struct judge_state *s)
{
    const struct judge_seen *found = NULL;
    for (size_t i = s != NULL ? s->n_seen : 0; i > 0; i--) {
        const struct judge_seen *seen = &s->seen[i - 1];
        if (seen->has_media && (found == NULL || seen->timeline == found->timeline)) {
            found = seen;
        }
    }
    return found;
}

int64_t judge_ladder_peak_bps(const struct judge_state *s)
{
    int64_t target_us = s->last != NULL ? s->last->target_s * SECOND : 0;
    int64_t peak = 0;
    for (size_t i = 0; i < s->n_seen; i++) {
        int64_t duration = 0;
        int64_t bits = 0;
        for (size_t k = i; k < s->n_seen && s->seen[k].has_media; k++) {
            duration += s->seen[k].duration_us;
            bits += (int64_t)s->seen[k].bytes * 8;
            if (duration * 2 > 3 * target_us) {
                break;
            }
            if (duration * 2 >= target_us && duration > 0 && bits * SECOND / duration > peak) {
                peak = bits * SECOND / duration;
            }
        }
    }
    return peak;
}

int64_t judge_ladder_mean_bps(const struct judge_state *s)
{
    int64_t duration = 0;
    int64_t bits = 0;
    size_t n = 0;
    for (size_t i = 0; i < s->n_seen; i++) {
        if (s->seen[i].has_media) {
            duration += s->seen[i].duration_us;
            bits += (int64_t)s->seen[i].bytes * 8;
            n++;
        }
    }
    return duration > 0 && n >= MEAN_SEGMENTS ? bits * SECOND / duration : 0;
}

/* By more than a tenth; rates are hostile, and up to INT64_MAX / 4. */
static bool is_over(int64_t one, int64_t other)
{
    return one / PEAK_OVER > other / 100;
}

/* All that there ever is of it was fetched: of a live stream the peak may lie before the look. */
static bool is_whole(const struct judge_state *s)
{
    bool whole = s->last->is_vod && s->last->ended && s->n_seen == s->last->n_segments;
    for (size_t i = 0; i < s->n_seen && whole; i++) {
        whole = s->seen[i].has_media;
    }
    return whole;
}

static void check_bandwidth(const struct judge_ladder *l, const struct judge_variant *v,
                            const struct judge_state *s, const struct judge_state *audio)
{
    bool apart = audio != NULL && audio != s;
    int64_t peak = judge_ladder_peak_bps(s) + (apart ? judge_ladder_peak_bps(audio) : 0);
    int64_t mean = judge_ladder_mean_bps(s) + (apart ? judge_ladder_mean_bps(audio) : 0);
    if (v->bandwidth_bps != JUDGE_NONE && is_over(peak, v->bandwidth_bps)) {
        SAY(l, BANDWIDTH, v->line,
            "the measured peak is %" PRId64 " bit/s%s, BANDWIDTH tells %" PRId64, peak,
            apart ? " with its audio" : "", v->bandwidth_bps);
    }
    if (peak > 0 && is_over(v->bandwidth_bps, peak) && is_whole(s) && (!apart || is_whole(audio))) {
        SAY(l, BANDWIDTH_HIGH, v->line,
            "BANDWIDTH tells %" PRId64 ", the measured peak is %" PRId64 " bit/s%s",
            v->bandwidth_bps, peak, apart ? " with its audio" : "");
    }
    if (v->average_bps != JUDGE_NONE && is_over(mean, v->average_bps)) {
        SAY(l, AVERAGE, v->line,
            "the measured mean is %" PRId64 " bit/s, AVERAGE-BANDWIDTH tells %" PRId64, mean,
            v->average_bps);
    }
}

/* The hexadecimal digits from at on; -1: there are none. */
static long hex_at(struct span s, size_t at, size_t n)
{
    char text[8] = "";
    if (s.len < at + n || n >= sizeof text) {
        return -1;
    }
    memcpy(text, s.data + at, n);
    char *end;
    long v = strtol(text, &end, 16);
    return *end == '\0' ? v : -1;
}

static bool avc_fits(struct span listed, const char *inside)
{
    struct span in = span_cstr(inside);
    return in.len < 11 ||
           (hex_at(listed, 5, 2) == hex_at(in, 5, 2) && hex_at(listed, 9, 2) == hex_at(in, 9, 2));
}

/* "hvc1.A1.6.L93.B0": the profile with an optional space letter, and the level. */
static bool hevc_fits(struct span listed, const char *inside)
{
    char text[MEDIA_CODEC_MAX];
    size_t n = listed.len < sizeof text - 1 ? listed.len : sizeof text - 1;
    memcpy(text, listed.data, n);
    text[n] = '\0';
    const char *profile = text + 5 + strspn(text + 5, "ABC");
    const char *level = strpbrk(text + 5, "LH");
    const char *has_level = strchr(inside, 'L');
    return level != NULL && has_level != NULL && atoi(profile) == atoi(inside + 5) &&
           atoi(level + 1) == atoi(has_level + 1);
}

bool judge_ladder_codec_fits(struct span listed, const char *inside)
{
    if (strncmp(inside, "avc1", 4) == 0) {
        return (judge_text_starts(listed, "avc1.") || judge_text_starts(listed, "avc3.")) &&
               avc_fits(listed, inside);
    }
    if (strncmp(inside, "hvc1", 4) == 0) {
        return (judge_text_starts(listed, "hvc1.") || judge_text_starts(listed, "hev1.")) &&
               hevc_fits(listed, inside);
    }
    if (strcmp(inside, "mp4a.40.34") == 0) {
        return judge_text_is(listed, inside) || judge_text_is(listed, "mp4a.69") ||
               judge_text_is(listed, "mp4a.6B");
    }
    if (strncmp(inside, "mp4a.40.", 8) == 0) {
        /* A low complexity stream may carry what makes it a high efficiency one. */
        return judge_text_is(listed, "mp4a.40.2") || judge_text_is(listed, "mp4a.40.5") ||
               judge_text_is(listed, "mp4a.40.29") || judge_text_is(listed, inside);
    }
    size_t n = strlen(inside);
    bool family = listed.len >= n && strncasecmp((const char *)listed.data, inside, n) == 0;
    return family;
}

static bool is_listed(struct span codecs, const char *inside)
{
    struct span item;
    while (judge_text_item(&codecs, &item)) {
        if (judge_ladder_codec_fits(item, inside)) {
            return true;
        }
    }
    return false;
}

static void check_codecs(const struct judge_ladder *l, const struct judge_variant *v,
                         const struct segment_facts *f, const struct segment_facts *audio)
{
    const char *inside[3] = {f->video.codec, f->audio.codec,
                             audio != NULL ? audio->audio.codec : ""};
    struct span rest = v->codecs, item;
    for (size_t i = 0; i < 3; i++) {
        if (inside[i][0] != '\0' && !is_listed(v->codecs, inside[i])) {
            SAY(l, CODECS, v->line, "%s is inside and not in CODECS", inside[i]);
            return;
        }
    }
    while (judge_text_item(&rest, &item)) {
        bool found = false;
        for (size_t i = 0; i < 3; i++) {
            found |= inside[i][0] != '\0' && judge_ladder_codec_fits(item, inside[i]);
        }
        if (!found && !judge_text_starts(item, "stpp") && !judge_text_starts(item, "wvtt")) {
            SAY(l, CODECS, v->line, "CODECS lists %.*s, which is not inside", (int)item.len,
                (const char *)item.data);
            return;
        }
    }
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

struct rates {
    int64_t usual, highest; /* frames per 1000 s; 0: not measured */
};

/* How a segment is at its busiest: the one in the middle, and the most. A playlist that is written
 * while it goes on cannot know what comes. */
static struct rates rates_of(const struct judge_state *s)
{
    int64_t rates[RATES_MAX];
    size_t n = 0;
    for (size_t i = 0; i < s->n_seen && n < RATES_MAX; i++) {
        const struct stream_facts *f = &s->seen[i].facts.video;
        int64_t ticks = f->last_dts - f->first_dts;
        if (s->seen[i].has_media && f->packets > 1 && ticks > 0) {
            int64_t mean = (int64_t)(f->packets - 1) * TICKS * 1000 / ticks;
            bool varies = f->peak_milli * 100 > mean * RATE_VARIES;
            rates[n++] = varies ? f->peak_milli : mean;
        }
    }
    qsort(rates, n, sizeof rates[0], by_size);
    return n > 0 ? (struct rates){rates[n / 2], rates[n - 1]} : (struct rates){0};
}

static void check_rate(const struct judge_ladder *l, const struct judge_variant *v,
                       const struct judge_state *s)
{
    struct rates r = rates_of(s);
    int64_t told = v->frame_rate_milli;
    if (told == JUDGE_NONE) {
        SAY(l, RATE_MISSING, v->line, "the variant tells no FRAME-RATE");
    } else if (r.usual > 0 && (told * 100 < r.usual * (100 - RATE_OFF) ||
                               told * 100 > r.highest * (100 + RATE_OFF))) {
        SAY(l, RATE, v->line, "up to %.3f pictures come in a second, FRAME-RATE tells %.3f",
            (double)r.usual / 1000, (double)told / 1000);
    }
}

static void check_picture(const struct judge_ladder *l, const struct judge_variant *v,
                          const struct judge_state *s, const struct segment_facts *f)
{
    if (v->width == 0) {
        SAY(l, RESOLUTION_MISSING, v->line, "the variant tells no RESOLUTION");
    } else if (f->width > 0 && (v->width != f->width || v->height != f->height)) {
        SAY(l, RESOLUTION, v->line, "the pictures are %dx%d, RESOLUTION tells %dx%d", f->width,
            f->height, v->width, v->height);
    }
    check_rate(l, v, s);
    if (v->captions.len == 0) {
        SAY(l, CAPTIONS, v->line, "the variant does not tell CLOSED-CAPTIONS");
    }
    static const char *const ranges[] = {"SDR", "PQ", "HLG"};
    if (f->range != MEDIA_SDR && !judge_text_is(v->video_range, ranges[f->range])) {
        SAY(l, VIDEO_RANGE, v->line, "the pictures are of VIDEO-RANGE %s", ranges[f->range]);
    }
}

void judge_master_contents(const struct judge_ladder *l)
{
    for (size_t i = 0; l->master != NULL && i < l->master->n_variants; i++) {
        const struct judge_variant *v = &l->master->variants[i];
        const struct judge_state *s = judge_ladder_state(l, v->uri);
        const struct judge_state *audio = judge_ladder_audio(l, v);
        const struct judge_seen *seen = with_media(s);
        const struct judge_seen *sound = with_media(audio);
        if (seen == NULL || (audio != NULL && sound == NULL)) {
            continue;
        }
        check_bandwidth(l, v, s, audio);
        if (v->codecs.len > 0) {
            check_codecs(l, v, &seen->facts, sound != NULL ? &sound->facts : NULL);
        }
        if (seen->facts.video.present) {
            check_picture(l, v, s, &seen->facts);
        }
    }
}
