/* What the judge finds, as text, and playlists for it. */
#ifndef TESTS_JUDGE_BENCH_H
#define TESTS_JUDGE_BENCH_H

#include <stdio.h>
#include <string.h>

#include "publisher-tools/judge_state.h"
#include "tests/support/unit.h"

#define URL "http://host/list.m3u8"

/* The names of the rules that were broken, each once, with blanks between. */
static char found[2048];
static char last_text[256];
static unsigned last_line;

static inline void on_finding(void *arg, const struct judge_finding *f)
{
    const char *name = judge_rule_facts(f->rule)->name;
    char needle[64];
    ck_assert_uint_gt(strlen(f->words), 5);
    snprintf(needle, sizeof needle, "%s ", name);
    if (strstr(found, needle) == NULL) {
        strcat(found, needle);
    }
    last_line = f->line;
    snprintf(last_text, sizeof last_text, "%.*s", (int)f->text.len, (const char *)f->text.data);
}

static const struct judge_sink sink = {on_finding, NULL};

static inline void assert_found(const char *rules)
{
    ck_assert_str_eq(found, rules);
    found[0] = '\0';
}

static inline struct judge_list *list_of(const char *text)
{
    struct judge_list *l = NULL;
    ck_assert_int_eq(judge_list_read(span_cstr(text), &l), ERR_OK);
    return l;
}

static inline void see(struct judge_state *s, const char *text, int64_t now_ms)
{
    judge_state_see(s, list_of(text), now_ms);
}

/* A classic playlist of n segments of two seconds from number first on, with tags in front. */
static const char *classic(unsigned first, unsigned n, const char *tags)
{
    static char text[8192];
    int at = snprintf(text, sizeof text,
                      "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n"
                      "#EXT-X-MEDIA-SEQUENCE:%u\n%s",
                      first, tags);
    for (unsigned i = 0; i < n; i++) {
        at += snprintf(text + at, sizeof text - (size_t)at, "#EXTINF:2.000,\n%u.ts\n", first + i);
    }
    return text;
}

/* A low-latency playlist: two whole segments of four parts each and the open one's first parts. */
#define LL_HEAD                                                                                    \
    "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:2\n"                                         \
    "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.5,CAN-SKIP-UNTIL=12\n"            \
    "#EXT-X-PART-INF:PART-TARGET=0.5\n#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-MAP:URI=\"init.mp4\"\n"
#define LL_PART(n, p) "#EXT-X-PART:DURATION=0.5,URI=\"" #n "." #p ".m4s\"\n"
#define LL_PARTS(n)   LL_PART(n, 0) LL_PART(n, 1) LL_PART(n, 2) LL_PART(n, 3)
#define LL_DATE       "#EXT-X-PROGRAM-DATE-TIME:2026-01-31T12:00:00.000Z\n"
#define LL_BODY       LL_DATE LL_PARTS(7) "#EXTINF:2,\n7.m4s\n" LL_PARTS(8) "#EXTINF:2,\n8.m4s\n"
#define LL_TAIL       LL_PART(9, 0) "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"9.1.m4s\"\n"
#define LL            LL_HEAD LL_BODY LL_TAIL

static inline void check(const char *text, const char *rules)
{
    struct judge_list *l = list_of(text);
    judge_list_check(l, URL, &sink);
    judge_list_destroy(l);
    assert_found(rules);
}

/* The text with its first a turned into b. */
static const char *with(const char *text, const char *a, const char *b)
{
    static char out[8192];
    const char *at = strstr(text, a);
    ck_assert_ptr_nonnull(at);
    snprintf(out, sizeof out, "%.*s%s%s", (int)(at - text), text, b, at + strlen(a));
    return out;
}

static inline struct judge_state *begin(const char *text)
{
    struct judge_state *s = judge_state_create(URL, &sink);
    see(s, text, 0);
    assert_found("");
    return s;
}

#endif
