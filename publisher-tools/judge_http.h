/* The rules about HTTP answers: headers, and requests for what is still to come (rfc8216bis section
 * 6.2.5.2). Pure. */
#ifndef PUBLISHER_TOOLS_JUDGE_HTTP_H
#define PUBLISHER_TOOLS_JUDGE_HTTP_H

#include "publisher-tools/judge_list.h"

enum judge_thing {
    JUDGE_THING_PLAYLIST,
    JUDGE_THING_BLOCKED, /* a playlist asked for with _HLS_msn */
    JUDGE_THING_SEGMENT,
    JUDGE_THING_PART,
    JUDGE_THING_MAP,
    JUDGE_THING_ABSENT /* an address that leads nowhere */
};

/* Texts are "" when not told, and borrowed for the call. */
struct judge_answer {
    const char *url;
    int status;
    const char *content_type; /* without parameters, in lower case */
    const char *cache_control, *allow_origin, *encoding, *etag;
    struct span body; /* how it begins */
};

/* A whole answer to a GET that asked for gzip and told an Origin. target_s: of the playlist, 0: not
 * known; live: it has not ended. */
void judge_http_check(const struct judge_answer *a, enum judge_thing thing, int64_t target_s,
                      bool live, const struct judge_sink *sink);

/* What a request of a segment, or part, still to come was answered with, and when. list NULL: no
 * playlist. */
struct judge_reload {
    const char *url; /* of the playlist */
    uint64_t number;
    int64_t part; /* -1: the whole segment */
    int status;
    int64_t took_ms;
    const struct judge_list *list;
};

/* Asked for what comes next. */
void judge_http_reload(const struct judge_reload *r, int64_t target_s,
                       const struct judge_sink *sink);

/* Asked for more than two segments ahead, or for a part beyond the Advance Part Limit. */
void judge_http_far_ahead(const struct judge_reload *r, const struct judge_sink *sink);

/* The max-age of a Cache-Control; 0 with no-cache or no-store; -1 without any. */
int64_t judge_http_max_age(const char *cache_control);

#endif
