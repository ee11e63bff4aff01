#include "publisher-tools/judge_http.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEGMENT_TARGETS  3 /* target durations that caches should keep a segment at least */
#define BLOCKED_TARGETS  6 /* and a blocked playlist at most */
#define ABSENT_MAX_S     1
#define HELD_TARGETS     3
#define HELD_SLACK_MS    1000
#define AT_ONCE_MS       1000
#define GZIP_WORTH_BYTES 256
#define PART_TEXT_MAX    32

#define SAY(sink, url, rule, ...)                                                                  \
    judge_say(sink, JUDGE_RULE_##rule, url, 0, span_of(NULL, 0), __VA_ARGS__)

static bool is_one_of(const char *text, const char *const *list)
{
    for (; *list != NULL; list++) {
        if (strcmp(text, *list) == 0) {
            return true;
        }
    }
    return false;
}

static bool type_fits(enum judge_thing thing, const char *type)
{
    static const char *const playlists[] = {"application/vnd.apple.mpegurl", "audio/mpegurl", NULL};
    static const char *const media[] = {"video/mp2t",        "video/mp4",  "audio/mp4", "audio/aac",
                                        "video/iso.segment", "audio/mpeg", NULL};
    switch (thing) {
    case JUDGE_THING_PLAYLIST:
    case JUDGE_THING_BLOCKED:
        return is_one_of(type, playlists);
    default:
        return is_one_of(type, media);
    }
}

/* MPEG-TS called MP4, or the other way round. */
static bool form_fits(const struct judge_answer *a)
{
    bool ts = a->body.len > 188 && a->body.data[0] == 0x47 && a->body.data[188] == 0x47;
    bool said_ts = strcmp(a->content_type, "video/mp2t") == 0;
    bool boxes = a->body.len > 8 && (memcmp(a->body.data + 4, "moof", 4) == 0 ||
                                     memcmp(a->body.data + 4, "styp", 4) == 0 ||
                                     memcmp(a->body.data + 4, "ftyp", 4) == 0);
    return !(ts && !said_ts) && !(boxes && said_ts);
}

int64_t judge_http_max_age(const char *cc)
{
    if (strstr(cc, "no-store") != NULL || strstr(cc, "no-cache") != NULL) {
        return 0;
    }
    const char *at = strstr(cc, "max-age=");
    return at != NULL ? strtoll(at + strlen("max-age="), NULL, 10) : -1;
}

static void check_cache(const struct judge_answer *a, enum judge_thing thing, int64_t target_s,
                        bool live, const struct judge_sink *sink)
{
    int64_t age = judge_http_max_age(a->cache_control);
    int64_t half = target_s > 2 ? target_s / 2 : 1;
    switch (thing) {
    case JUDGE_THING_PLAYLIST:
        if (live && target_s > 0 && (age < 0 || age > half)) {
            SAY(sink, a->url, CACHE,
                "Cache-Control of a live playlist is \"%s\"; more than %" PRId64 " s is too old",
                a->cache_control, half);
        }
        break;
    case JUDGE_THING_BLOCKED:
        if (age < 0 || age > BLOCKED_TARGETS * target_s) {
            SAY(sink, a->url, CACHE, "Cache-Control of a blocked reload is \"%s\"",
                a->cache_control);
        }
        break;
    case JUDGE_THING_ABSENT:
        if (age < 0 || age > ABSENT_MAX_S) {
            SAY(sink, a->url, CACHE, "Cache-Control of a 404 is \"%s\"; it may be there soon",
                a->cache_control);
        }
        break;
    default:
        if (age < SEGMENT_TARGETS * target_s) {
            SAY(sink, a->url, CACHE, "Cache-Control of something that never changes is \"%s\"",
                a->cache_control);
        }
    }
}

void judge_http_check(const struct judge_answer *a, enum judge_thing thing, int64_t target_s,
                      bool live, const struct judge_sink *sink)
{
    bool playlist = thing == JUDGE_THING_PLAYLIST || thing == JUDGE_THING_BLOCKED;
    if (a->allow_origin[0] == '\0') {
        SAY(sink, a->url, CORS, "an answer of status %d has no Access-Control-Allow-Origin",
            a->status);
    }
    if (thing != JUDGE_THING_ABSENT && a->status != 200) {
        return;
    }
    if (thing != JUDGE_THING_ABSENT && (!type_fits(thing, a->content_type) || !form_fits(a))) {
        SAY(sink, a->url, CONTENT_TYPE, "the Content-Type is \"%s\"", a->content_type);
    }
    check_cache(a, thing, target_s, live, sink);
    if (a->status == 200 && a->etag[0] == '\0') {
        SAY(sink, a->url, ETAG, "the answer has no ETag to ask with whether it changed");
    }
    if (playlist && a->encoding[0] == '\0' && a->body.len > GZIP_WORTH_BYTES) {
        SAY(sink, a->url, GZIP, "the playlist comes uncompressed when gzip is accepted");
    }
}

void judge_http_reload(const struct judge_reload *r, int64_t target_s,
                       const struct judge_sink *sink)
{
    int64_t limit = HELD_TARGETS * target_s * 1000 + HELD_SLACK_MS;
    if (r->took_ms > limit) {
        SAY(sink, r->url, HELD_LONG,
            "_HLS_msn=%" PRIu64 "&_HLS_part=%" PRId64 " was held for %" PRId64 " ms", r->number,
            r->part, r->took_ms);
    } else if (r->status != 200 && r->status != 503) {
        SAY(sink, r->url, RELOAD_REFUSED,
            "_HLS_msn=%" PRIu64 "&_HLS_part=%" PRId64 " gets status %d", r->number, r->part,
            r->status);
    } else if (r->list != NULL && !r->list->ended &&
               !judge_list_holds(r->list, r->number, r->part)) {
        SAY(sink, r->url, EARLY,
            "_HLS_msn=%" PRIu64 "&_HLS_part=%" PRId64 " was answered after %" PRId64
            " ms with a playlist that ends before it",
            r->number, r->part, r->took_ms);
    }
}

void judge_http_far_ahead(const struct judge_reload *r, const struct judge_sink *sink)
{
    if (r->status != 400 || r->took_ms > AT_ONCE_MS) {
        char part[PART_TEXT_MAX] = "";
        if (r->part >= 0) {
            snprintf(part, sizeof part, "&_HLS_part=%" PRId64, r->part);
        }
        SAY(sink, r->url, FAR_AHEAD, "_HLS_msn=%" PRIu64 "%s gets status %d after %" PRId64 " ms",
            r->number, part, r->status, r->took_ms);
    }
}
