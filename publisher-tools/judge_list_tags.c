#include "publisher-tools/judge_list_tags.h"

#include <string.h>

#include "publisher-tools/judge_text.h"

#define DURATION_MAX_US INT64_C(1000000000000)

static void syntax(struct judge_reader *r, const char *words)
{
    judge_reader_complain(r, JUDGE_RULE_SYNTAX, words);
}

static bool find(struct judge_reader *r, const struct judge_tag *t, const char *name,
                 struct span *ret_value)
{
    return judge_tag_find(r->list, t, name, ret_value);
}

static struct span text_of(struct judge_reader *r, const struct judge_tag *t, const char *name)
{
    struct span value = span_of(NULL, 0);
    (void)find(r, t, name, &value);
    return value;
}

static bool yes(struct judge_reader *r, const struct judge_tag *t, const char *name)
{
    struct span v = text_of(r, t, name);
    if (v.len > 0 && !judge_text_is(v, "YES") && !judge_text_is(v, "NO")) {
        syntax(r, "an attribute that must be YES or NO is neither");
    }
    return judge_text_is(v, "YES");
}

static int64_t seconds_us(struct judge_reader *r, const struct judge_tag *t, const char *name)
{
    struct span v;
    int64_t us = JUDGE_NONE;
    if (find(r, t, name, &v) && !judge_text_micros(v, &us)) {
        syntax(r, "an attribute that must be a number of seconds is none");
        us = JUDGE_NONE;
    }
    return us;
}

static int64_t whole(struct judge_reader *r, const struct judge_tag *t, const char *name)
{
    struct span v;
    uint64_t n = 0;
    if (!find(r, t, name, &v)) {
        return JUDGE_NONE;
    }
    if (!span_decimal(v, INT64_MAX / 4, &n)) {
        syntax(r, "an attribute that must be a whole number is none");
        return JUDGE_NONE;
    }
    return (int64_t)n;
}

static struct judge_range range(struct judge_reader *r, struct span v, uint64_t default_offset)
{
    struct judge_range got = {0};
    if (v.len > 0 && !judge_text_range(v, default_offset, &got)) {
        syntax(r, "its byte range is not LENGTH[@OFFSET]");
    }
    return got;
}

static uint64_t number(struct judge_reader *r, const struct judge_tag *t, uint64_t max)
{
    uint64_t n = 0;
    if (!span_decimal(t->value, max, &n)) {
        syntax(r, "its value is not a whole number");
    }
    return n;
}

static void once(struct judge_reader *r, bool again)
{
    if (again) {
        syntax(r, "the tag is there twice");
    }
}

/* --- tags of a whole media playlist --- */

static enum err on_version(struct judge_reader *r, const struct judge_tag *t)
{
    once(r, r->list->version_line != 0);
    r->list->version = (int)number(r, t, 1000);
    r->list->version_line = t->line;
    return ERR_OK;
}

static enum err on_target(struct judge_reader *r, const struct judge_tag *t)
{
    once(r, r->list->target_line != 0);
    r->list->is_media = true;
    r->list->target_line = t->line;
    r->list->target_s = (int64_t)number(r, t, 1000000);
    return ERR_OK;
}

static enum err on_media_sequence(struct judge_reader *r, const struct judge_tag *t)
{
    once(r, r->list->media_sequence_line != 0);
    r->list->is_media = true;
    r->list->media_sequence_line = t->line;
    if (r->list->n_segments > 0 || r->next.n_parts > 0) {
        syntax(r, "EXT-X-MEDIA-SEQUENCE stands behind the first segment");
        return ERR_OK;
    }
    r->list->media_sequence = number(r, t, INT64_MAX / 4);
    return ERR_OK;
}

static enum err on_discontinuity_sequence(struct judge_reader *r, const struct judge_tag *t)
{
    once(r, r->list->discontinuity_line != 0);
    r->list->is_media = true;
    r->list->discontinuity_line = t->line;
    if (r->list->n_segments > 0 || r->next.discontinuity) {
        judge_reader_complain(r, JUDGE_RULE_DISCONTINUITY,
                              "EXT-X-DISCONTINUITY-SEQUENCE stands behind a segment or a "
                              "discontinuity");
        return ERR_OK;
    }
    r->list->discontinuity_sequence = number(r, t, INT64_MAX / 4);
    r->timeline = r->list->discontinuity_sequence;
    return ERR_OK;
}

static enum err on_playlist_type(struct judge_reader *r, const struct judge_tag *t)
{
    r->list->is_media = true;
    r->list->is_vod = judge_text_is(t->value, "VOD");
    r->list->is_event = judge_text_is(t->value, "EVENT");
    if (!r->list->is_vod && !r->list->is_event) {
        syntax(r, "EXT-X-PLAYLIST-TYPE is neither VOD nor EVENT");
    }
    return ERR_OK;
}

static enum err on_part_inf(struct judge_reader *r, const struct judge_tag *t)
{
    once(r, r->list->part_inf_line != 0);
    r->list->is_media = true;
    r->list->part_inf_line = t->line;
    r->list->part_target_us = seconds_us(r, t, "PART-TARGET");
    if (r->list->part_target_us <= 0) {
        judge_reader_complain(r, JUDGE_RULE_PART_TARGET_MISSING,
                              "EXT-X-PART-INF tells no PART-TARGET above zero");
    }
    return ERR_OK;
}

static enum err on_server_control(struct judge_reader *r, const struct judge_tag *t)
{
    struct judge_list *l = r->list;
    once(r, l->control_line != 0);
    l->is_media = true;
    l->control_line = t->line;
    l->can_block = yes(r, t, "CAN-BLOCK-RELOAD");
    l->hold_back_us = seconds_us(r, t, "HOLD-BACK");
    l->part_hold_back_us = seconds_us(r, t, "PART-HOLD-BACK");
    l->skip_until_us = seconds_us(r, t, "CAN-SKIP-UNTIL");
    return ERR_OK;
}

static enum err on_skip(struct judge_reader *r, const struct judge_tag *t)
{
    int64_t n = whole(r, t, "SKIPPED-SEGMENTS");
    once(r, r->list->skip_line != 0);
    r->list->is_media = true;
    r->list->skip_line = t->line;
    if (n < 1 || r->list->n_segments > 0) {
        judge_reader_complain(r, JUDGE_RULE_SKIP_WINDOW,
                              "EXT-X-SKIP needs SKIPPED-SEGMENTS above zero and stands in front of "
                              "every segment");
        return ERR_OK;
    }
    r->list->skipped = (uint64_t)n;
    return ERR_OK;
}

static enum err on_ended(struct judge_reader *r, const struct judge_tag *t)
{
    r->list->is_media = true;
    r->list->ended = true;
    return ERR_OK;
}

static enum err on_independent(struct judge_reader *r, const struct judge_tag *t)
{
    r->list->independent = true;
    r->list->independent_line = t->line;
    return ERR_OK;
}

static enum err on_i_frames(struct judge_reader *r, const struct judge_tag *t)
{
    r->list->is_media = true;
    r->list->i_frames_only = true;
    return ERR_OK;
}

static enum err on_define(struct judge_reader *r, const struct judge_tag *t)
{
    r->list->defined_line = t->line;
    return ERR_OK;
}

/* --- tags of a segment --- */

static enum err on_inf(struct judge_reader *r, const struct judge_tag *t)
{
    struct span rest = t->value, duration = span_of(NULL, 0);
    r->list->is_media = true;
    once(r, r->has_inf);
    r->has_inf = true;
    r->next.inf_line = t->line;
    if (!judge_text_item(&rest, &duration) || !judge_text_micros(duration, &r->next.duration_us)) {
        syntax(r, "EXTINF does not begin with a number of seconds");
    }
    r->next.decimal = duration.len > 0 && memchr(duration.data, '.', duration.len) != NULL;
    return ERR_OK;
}

static enum err on_byterange(struct judge_reader *r, const struct judge_tag *t)
{
    r->next.range = range(r, t->value, r->range_end);
    r->range_end = r->next.range.offset + r->next.range.length;
    return ERR_OK;
}

static enum err on_gap(struct judge_reader *r, const struct judge_tag *t)
{
    r->list->is_media = true;
    r->next.gap = true;
    return ERR_OK;
}

static enum err on_discontinuity(struct judge_reader *r, const struct judge_tag *t)
{
    r->list->is_media = true;
    r->next.discontinuity = true;
    r->timeline++;
    return ERR_OK;
}

static enum err on_date(struct judge_reader *r, const struct judge_tag *t)
{
    r->list->is_media = true;
    if (!judge_text_date(t->value, &r->next.date_us)) {
        syntax(r, "EXT-X-PROGRAM-DATE-TIME is not a date with a time and a time zone");
        return ERR_OK;
    }
    r->next.date_line = t->line;
    return ERR_OK;
}

static enum err on_map(struct judge_reader *r, const struct judge_tag *t)
{
    struct judge_list *l = r->list;
    struct judge_map m = {.uri = text_of(r, t, "URI"),
                          .range = range(r, text_of(r, t, "BYTERANGE"), 0),
                          .line = t->line};
    l->is_media = true;
    if (m.uri.len == 0) {
        syntax(r, "EXT-X-MAP has no URI");
        return ERR_OK;
    }
    enum err e = judge_reader_grow((void **)&l->maps, l->n_maps, sizeof m);
    if (e == ERR_OK) {
        l->maps[l->n_maps++] = m;
        r->map = l->n_maps;
    }
    return e;
}

static enum err on_part(struct judge_reader *r, const struct judge_tag *t)
{
    struct judge_list *l = r->list;
    struct judge_part p = {.uri = text_of(r, t, "URI"),
                           .duration_us = seconds_us(r, t, "DURATION"),
                           .independent = yes(r, t, "INDEPENDENT"),
                           .gap = yes(r, t, "GAP"),
                           .line = t->line};
    bool follows = r->next.n_parts > 0;
    const struct judge_part *last = follows ? &l->parts[l->n_parts - 1] : NULL;
    p.range = range(r, text_of(r, t, "BYTERANGE"),
                    last != NULL ? last->range.offset + last->range.length : 0);
    l->is_media = true;
    if (p.uri.len == 0 || p.duration_us == JUDGE_NONE) {
        syntax(r, "EXT-X-PART needs URI and DURATION");
        p.duration_us = 0;
    }
    enum err e = judge_reader_grow((void **)&l->parts, l->n_parts, sizeof p);
    if (e == ERR_OK) {
        r->next.first_part = r->next.n_parts == 0 ? l->n_parts : r->next.first_part;
        r->next.n_parts++;
        l->parts[l->n_parts++] = p;
    }
    return e;
}

static enum err on_hint(struct judge_reader *r, const struct judge_tag *t)
{
    struct judge_list *l = r->list;
    int64_t start = whole(r, t, "BYTERANGE-START");
    int64_t length = whole(r, t, "BYTERANGE-LENGTH");
    struct judge_hint h = {
        .uri = text_of(r, t, "URI"),
        .type = text_of(r, t, "TYPE"),
        .range = {length > 0 ? (uint64_t)length : 0, start > 0 ? (uint64_t)start : 0},
        .line = t->line};
    l->is_media = true;
    if (h.uri.len == 0 || h.type.len == 0) {
        syntax(r, "EXT-X-PRELOAD-HINT needs TYPE and URI");
    }
    enum err e = judge_reader_grow((void **)&l->hints, l->n_hints, sizeof h);
    if (e == ERR_OK) {
        l->hints[l->n_hints++] = h;
    }
    return e;
}

static enum err on_report(struct judge_reader *r, const struct judge_tag *t)
{
    struct judge_list *l = r->list;
    struct judge_report p = {.uri = text_of(r, t, "URI"),
                             .last_number = whole(r, t, "LAST-MSN"),
                             .last_part = whole(r, t, "LAST-PART"),
                             .line = t->line};
    l->is_media = true;
    if (p.uri.len == 0) {
        syntax(r, "EXT-X-RENDITION-REPORT needs URI");
    }
    enum err e = judge_reader_grow((void **)&l->reports, l->n_reports, sizeof p);
    if (e == ERR_OK) {
        l->reports[l->n_reports++] = p;
    }
    return e;
}

/* --- tags of a master playlist --- */

static enum err on_stream_inf(struct judge_reader *r, const struct judge_tag *t)
{
    struct span rate = text_of(r, t, "FRAME-RATE"), size;
    struct judge_variant v = {.codecs = text_of(r, t, "CODECS"),
                              .audio = text_of(r, t, "AUDIO"),
                              .video_range = text_of(r, t, "VIDEO-RANGE"),
                              .captions = text_of(r, t, "CLOSED-CAPTIONS"),
                              .bandwidth_bps = whole(r, t, "BANDWIDTH"),
                              .average_bps = whole(r, t, "AVERAGE-BANDWIDTH"),
                              .frame_rate_milli = JUDGE_NONE,
                              .line = t->line};
    int64_t micros;
    r->list->is_master = true;
    if (rate.len > 0 && judge_text_micros(rate, &micros)) {
        v.frame_rate_milli = micros / 1000;
    } else if (rate.len > 0) {
        syntax(r, "FRAME-RATE is not a number");
    }
    if (find(r, t, "RESOLUTION", &size) && !judge_text_size(size, &v.width, &v.height)) {
        syntax(r, "RESOLUTION is not WIDTHxHEIGHT");
    }
    once(r, r->has_variant);
    r->has_variant = true;
    r->variant = v;
    return ERR_OK;
}

static enum err on_media(struct judge_reader *r, const struct judge_tag *t)
{
    struct judge_list *l = r->list;
    struct judge_rendition m = {.type = text_of(r, t, "TYPE"),
                                .group = text_of(r, t, "GROUP-ID"),
                                .name = text_of(r, t, "NAME"),
                                .uri = text_of(r, t, "URI"),
                                .channels = text_of(r, t, "CHANNELS"),
                                .line = t->line};
    l->is_master = true;
    if (m.type.len == 0 || m.group.len == 0 || m.name.len == 0) {
        judge_reader_complain(r, JUDGE_RULE_GROUP, "EXT-X-MEDIA needs TYPE, GROUP-ID and NAME");
    }
    enum err e = judge_reader_grow((void **)&l->renditions, l->n_renditions, sizeof m);
    if (e == ERR_OK) {
        l->renditions[l->n_renditions++] = m;
    }
    return e;
}

/* --- which tag is which --- */

static const struct {
    const char *name;
    bool attributes;
    enum err (*read)(struct judge_reader *r, const struct judge_tag *t);
} kinds[] = {
    {"EXTINF", false, on_inf},
    {"EXT-X-PART", true, on_part},
    {"EXT-X-PROGRAM-DATE-TIME", false, on_date},
    {"EXT-X-BYTERANGE", false, on_byterange},
    {"EXT-X-DISCONTINUITY", false, on_discontinuity},
    {"EXT-X-GAP", false, on_gap},
    {"EXT-X-MAP", true, on_map},
    {"EXT-X-KEY", true, NULL},
    {"EXT-X-DATERANGE", true, NULL},
    {"EXT-X-PRELOAD-HINT", true, on_hint},
    {"EXT-X-RENDITION-REPORT", true, on_report},
    {"EXT-X-TARGETDURATION", false, on_target},
    {"EXT-X-MEDIA-SEQUENCE", false, on_media_sequence},
    {"EXT-X-DISCONTINUITY-SEQUENCE", false, on_discontinuity_sequence},
    {"EXT-X-PLAYLIST-TYPE", false, on_playlist_type},
    {"EXT-X-PART-INF", true, on_part_inf},
    {"EXT-X-SERVER-CONTROL", true, on_server_control},
    {"EXT-X-SKIP", true, on_skip},
    {"EXT-X-ENDLIST", false, on_ended},
    {"EXT-X-VERSION", false, on_version},
    {"EXT-X-INDEPENDENT-SEGMENTS", false, on_independent},
    {"EXT-X-I-FRAMES-ONLY", false, on_i_frames},
    {"EXT-X-DEFINE", true, on_define},
    {"EXT-X-START", true, NULL},
    {"EXT-X-STREAM-INF", true, on_stream_inf},
    {"EXT-X-I-FRAME-STREAM-INF", true, NULL},
    {"EXT-X-MEDIA", true, on_media},
    {"EXT-X-SESSION-DATA", true, NULL},
    {"EXT-X-SESSION-KEY", true, NULL},
    {"EXT-X-CONTENT-STEERING", true, NULL},
};
#define N_KINDS (sizeof kinds / sizeof kinds[0])

bool judge_reader_has_attributes(struct span tag_name)
{
    for (size_t i = 0; i < N_KINDS; i++) {
        if (judge_text_is(tag_name, kinds[i].name)) {
            return kinds[i].attributes;
        }
    }
    return false;
}

enum err judge_reader_tag(struct judge_reader *r, const struct judge_tag *t)
{
    for (size_t i = 0; i < N_KINDS; i++) {
        if (judge_text_is(t->name, kinds[i].name)) {
            return kinds[i].read != NULL ? kinds[i].read(r, t) : ERR_OK;
        }
    }
    return ERR_OK;
}

/* --- entries --- */

static void next_segment(struct judge_reader *r)
{
    r->next = (struct judge_segment){.date_us = JUDGE_NONE};
    r->has_inf = false;
}

static void settle(struct judge_reader *r)
{
    struct judge_list *l = r->list;
    r->next.number = l->media_sequence + l->skipped + l->n_segments;
    r->next.map = r->map > 0 ? r->map - 1 : SIZE_MAX;
    r->next.timeline = r->timeline;
}

static enum err add_segment(struct judge_reader *r, struct span uri)
{
    struct judge_list *l = r->list;
    if (!r->has_inf) {
        syntax(r, "a URI has no EXTINF in front of it");
        return ERR_OK;
    }
    enum err e = judge_reader_grow((void **)&l->segments, l->n_segments, sizeof *l->segments);
    if (e == ERR_OK) {
        settle(r);
        r->next.uri = uri;
        r->next.line = r->line;
        l->segments[l->n_segments++] = r->next;
    }
    next_segment(r);
    return e;
}

static enum err add_variant(struct judge_reader *r, struct span uri)
{
    struct judge_list *l = r->list;
    if (!r->has_variant) {
        syntax(r, "a URI has no EXT-X-STREAM-INF in front of it");
        return ERR_OK;
    }
    r->has_variant = false;
    r->variant.uri = uri;
    r->variant.uri_line = r->line;
    enum err e = judge_reader_grow((void **)&l->variants, l->n_variants, sizeof *l->variants);
    if (e == ERR_OK) {
        l->variants[l->n_variants++] = r->variant;
    }
    return e;
}

enum err judge_reader_uri(struct judge_reader *r, struct span uri)
{
    return r->list->is_master ? add_variant(r, uri) : add_segment(r, uri);
}

void judge_reader_begin(struct judge_reader *r)
{
    struct judge_list *l = r->list;
    l->version = 1;
    l->part_target_us = JUDGE_NONE;
    l->hold_back_us = l->part_hold_back_us = l->skip_until_us = JUDGE_NONE;
    next_segment(r);
}

void judge_reader_end(struct judge_reader *r)
{
    struct judge_list *l = r->list;
    if (r->has_inf || r->has_variant) {
        syntax(r, "the last entry has no URI");
    }
    r->line = 0;
    if (l->is_master && l->is_media) {
        syntax(r, "tags of a master and of a media playlist in one");
    }
    if (!l->is_master && l->target_line == 0) {
        judge_reader_complain(r, JUDGE_RULE_TARGET_MISSING, "there is no EXT-X-TARGETDURATION");
    }
    settle(r);
    l->open = r->next;
    for (size_t i = 0; i < l->n_segments; i++) {
        if (l->segments[i].map == SIZE_MAX) {
            l->segments[i].map = l->n_maps;
        }
        if (l->segments[i].duration_us > DURATION_MAX_US) {
            l->segments[i].duration_us = DURATION_MAX_US;
        }
    }
    if (l->open.map == SIZE_MAX) {
        l->open.map = l->n_maps;
    }
}
