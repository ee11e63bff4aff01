#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "publisher-tools/judge_state.h"
#include "publisher-tools/judge_text.h"

#define SECOND          INT64_C(1000000)
#define PART_SUM_OFF_US 50000 /* by which parts and EXTINF may differ, for rounding */
#define HOLD_TARGETS    3
#define SKIP_TARGETS    6
#define OLD_TARGETS     3
#define URIS_CHECKED    2000 /* of one playlist */

struct check {
    const struct judge_list *l;
    const char *url;
    const struct judge_sink *sink;
};

void judge_list_say(const struct judge_list *l, const char *url, const struct judge_sink *sink,
                    enum judge_rule rule, unsigned line, const char *format, ...)
{
    char words[JUDGE_WORDS_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    judge_say(sink, rule, url, line, judge_list_line(l, line), "%s", words);
}

#define SAY(c, rule, line, ...)                                                                    \
    judge_list_say((c)->l, (c)->url, (c)->sink, JUDGE_RULE_##rule, line, __VA_ARGS__)

static double seconds(int64_t us)
{
    return (double)us / SECOND;
}

static void check_uri(const struct check *c, struct span uri, unsigned line)
{
    char url[HLS_URL_MAX];
    if (uri.len == 0 || c->l->defined_line != 0) {
        return;
    }
    if (hls_url_resolve(c->url, uri, url) != ERR_OK) {
        SAY(c, URI, line, "the URI is no http or https address");
    } else if (strstr(url, "_HLS_") != NULL) {
        SAY(c, QUERY_LEAKED, line, "the URI carries a _HLS_ directive of the request");
    }
}

static void check_uris(const struct check *c)
{
    const struct judge_list *l = c->l;
    size_t n = l->n_segments < URIS_CHECKED ? l->n_segments : URIS_CHECKED;
    for (size_t i = 0; i < n; i++) {
        check_uri(c, l->segments[i].uri, l->segments[i].line);
    }
    n = l->n_parts < URIS_CHECKED ? l->n_parts : URIS_CHECKED;
    for (size_t i = 0; i < n; i++) {
        check_uri(c, l->parts[i].uri, l->parts[i].line);
    }
    n = l->n_maps < URIS_CHECKED ? l->n_maps : URIS_CHECKED;
    for (size_t i = 0; i < n; i++) {
        check_uri(c, l->maps[i].uri, l->maps[i].line);
    }
    for (size_t i = 0; i < l->n_hints && i < URIS_CHECKED; i++) {
        check_uri(c, l->hints[i].uri, l->hints[i].line);
    }
    for (size_t i = 0; i < l->n_reports && i < URIS_CHECKED; i++) {
        check_uri(c, l->reports[i].uri, l->reports[i].line);
    }
}

static void needs_version(const struct check *c, int version, unsigned line, const char *what)
{
    if (c->l->version < version) {
        SAY(c, VERSION, line, "%s needs EXT-X-VERSION %d, the playlist tells %d", what, version,
            c->l->version);
    }
}

static void check_version(const struct check *c)
{
    const struct judge_list *l = c->l;
    for (size_t i = 0; i < l->n_segments; i++) {
        if (l->segments[i].decimal) {
            needs_version(c, 3, l->segments[i].inf_line, "an EXTINF with a decimal point");
            break;
        }
    }
    for (size_t i = 0; i < l->n_segments; i++) {
        if (l->segments[i].range.length > 0) {
            needs_version(c, 4, l->segments[i].line, "EXT-X-BYTERANGE");
            break;
        }
    }
    if (l->n_maps > 0) {
        needs_version(c, l->i_frames_only ? 5 : 6, l->maps[0].line, "EXT-X-MAP");
    }
    if (l->skip_line != 0) {
        needs_version(c, 9, l->skip_line, "EXT-X-SKIP");
    }
    if (l->defined_line != 0) {
        needs_version(c, 8, l->defined_line, "EXT-X-DEFINE");
    }
}

static bool looks_like_mp4(struct span uri)
{
    static const char *const ends[] = {".m4s", ".mp4", ".m4v", ".m4a", ".cmfv", ".cmfa"};
    const uint8_t *query = uri.len > 0 ? memchr(uri.data, '?', uri.len) : NULL;
    size_t len = query != NULL ? (size_t)(query - uri.data) : uri.len;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        size_t n = strlen(ends[i]);
        if (len >= n && memcmp(uri.data + len - n, ends[i], n) == 0) {
            return true;
        }
    }
    return false;
}

static void check_segments(const struct check *c)
{
    const struct judge_list *l = c->l;
    for (size_t i = 0; i < l->n_segments; i++) {
        const struct judge_segment *s = &l->segments[i];
        if (l->target_line != 0 && (s->duration_us + SECOND / 2) / SECOND > l->target_s) {
            SAY(c, EXTINF_OVER, s->inf_line,
                "EXTINF %.3f rounds to more than the target duration of %" PRId64,
                seconds(s->duration_us), l->target_s);
        }
        if (s->gap) {
            SAY(c, GAP, s->line, "segment %" PRIu64 " is marked as missing", s->number);
        }
        if (s->map == l->n_maps && looks_like_mp4(s->uri)) {
            SAY(c, MAP_MISSING, s->line, "segment %" PRIu64 " is fMP4 and has no EXT-X-MAP",
                s->number);
            return;
        }
    }
}

static void check_dates(const struct check *c)
{
    const struct judge_list *l = c->l;
    bool any = l->open.date_us != JUDGE_NONE;
    for (size_t i = 0; i < l->n_segments && !any; i++) {
        any = l->segments[i].date_us != JUDGE_NONE;
    }
    if (!any && l->n_segments > 0 && l->part_inf_line != 0 && l->skip_line == 0) {
        SAY(c, DATE_MISSING, l->part_inf_line,
            "no segment of this low-latency playlist has EXT-X-PROGRAM-DATE-TIME");
    }
}

/* --- low latency --- */

/* ends: no further part can follow behind the last one; the open segment's last may be its last. */
static void check_parts_of(const struct check *c, const struct judge_segment *s, bool ends)
{
    const struct judge_list *l = c->l;
    int64_t sum = 0;
    for (size_t i = 0; i < s->n_parts; i++) {
        const struct judge_part *p = &l->parts[s->first_part + i];
        sum += p->duration_us;
        if (p->duration_us > l->part_target_us) {
            SAY(c, PART_LONG, p->line, "the part's %.6g s are more than the PART-TARGET of %.6g s",
                seconds(p->duration_us), seconds(l->part_target_us));
        }
        if (p->gap) {
            SAY(c, GAP, p->line, "a part of segment %" PRIu64 " is marked as missing", s->number);
        }
    }
    int64_t off = sum > s->duration_us ? sum - s->duration_us : s->duration_us - sum;
    if (ends && s->n_parts > 0 && off > PART_SUM_OFF_US) {
        SAY(c, PART_SUM, s->inf_line, "the %zu parts last %.3f s together, EXTINF tells %.3f s",
            s->n_parts, seconds(sum), seconds(s->duration_us));
    }
}

static void check_parts(const struct check *c)
{
    const struct judge_list *l = c->l;
    if (l->n_parts > 0 && l->part_inf_line == 0) {
        SAY(c, PART_TARGET_MISSING, l->parts[0].line, "EXT-X-PART without EXT-X-PART-INF");
    }
    if (l->part_target_us <= 0) {
        return;
    }
    int64_t behind = 0; /* from the segment's end to the playlist's */
    for (size_t i = 0; i < l->open.n_parts; i++) {
        behind += l->parts[l->open.first_part + i].duration_us;
    }
    check_parts_of(c, &l->open, false);
    for (size_t i = l->n_segments; i > 0; i--) {
        const struct judge_segment *s = &l->segments[i - 1];
        check_parts_of(c, s, true);
        if (s->n_parts > 0 && l->target_s > 0 && behind > OLD_TARGETS * l->target_s * SECOND) {
            SAY(c, PARTS_OLD, l->parts[s->first_part].line,
                "parts of segment %" PRIu64 " are listed %.3f s from the end", s->number,
                seconds(behind));
        }
        behind += s->duration_us;
    }
}

static void check_hold_back(const struct check *c)
{
    const struct judge_list *l = c->l;
    if (l->part_target_us <= 0) {
        return;
    }
    if (l->part_hold_back_us == JUDGE_NONE) {
        SAY(c, PHB_MISSING, l->control_line != 0 ? l->control_line : l->part_inf_line,
            "there is no PART-HOLD-BACK");
    } else if (l->part_hold_back_us < 2 * l->part_target_us) {
        SAY(c, PHB_SMALL, l->control_line,
            "PART-HOLD-BACK %.6g is less than twice PART-TARGET %.6g",
            seconds(l->part_hold_back_us), seconds(l->part_target_us));
    } else if (l->part_hold_back_us < 3 * l->part_target_us) {
        SAY(c, PHB_TIGHT, l->control_line,
            "PART-HOLD-BACK %.6g is less than three times PART-TARGET %.6g",
            seconds(l->part_hold_back_us), seconds(l->part_target_us));
    }
}

static void check_control(const struct check *c)
{
    const struct judge_list *l = c->l;
    check_hold_back(c);
    if (l->hold_back_us != JUDGE_NONE && l->hold_back_us < HOLD_TARGETS * l->target_s * SECOND) {
        SAY(c, HB_SMALL, l->control_line,
            "HOLD-BACK %.6g is less than three target durations of %" PRId64,
            seconds(l->hold_back_us), l->target_s);
    }
    if (l->skip_until_us != JUDGE_NONE && l->skip_until_us < SKIP_TARGETS * l->target_s * SECOND) {
        SAY(c, SKIP_SMALL, l->control_line,
            "CAN-SKIP-UNTIL %.6g is less than six target durations of %" PRId64,
            seconds(l->skip_until_us), l->target_s);
    }
    if (l->part_inf_line == 0 || l->ended) {
        return;
    }
    if (!l->can_block) {
        SAY(c, BLOCK_MISSING, l->control_line != 0 ? l->control_line : l->part_inf_line,
            "a low-latency playlist without CAN-BLOCK-RELOAD=YES");
    }
    bool hinted = false;
    for (size_t i = 0; i < l->n_hints; i++) {
        hinted |= judge_text_is(l->hints[i].type, "PART");
    }
    if (!hinted) {
        SAY(c, HINT_MISSING, l->part_inf_line, "there is no EXT-X-PRELOAD-HINT of a part");
    }
}

void judge_list_check(const struct judge_list *l, const char *url, const struct judge_sink *sink)
{
    struct check c = {l, url, sink};
    size_t n = l->n_complaints < JUDGE_COMPLAINTS_MAX ? l->n_complaints : JUDGE_COMPLAINTS_MAX;
    for (size_t i = 0; i < n; i++) {
        judge_list_say(l, url, sink, l->complaints[i].rule, l->complaints[i].line, "%s",
                       l->complaints[i].words);
    }
    if (l->is_master) {
        return;
    }
    check_version(&c);
    check_uris(&c);
    check_segments(&c);
    check_parts(&c);
    check_control(&c);
    check_dates(&c);
}
