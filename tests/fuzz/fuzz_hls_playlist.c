/* libFuzzer target: a playlist from anybody's server, and the URLs in it. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "publisher-tools/hls_playlist.h"
#include "publisher-tools/hls_url.h"
#include "publisher-tools/judge_delta.h"
#include "publisher-tools/judge_state.h"
#include "publisher-tools/judge_ts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use_uri(const struct hls_playlist *p, size_t size, struct span uri)
{
    char url[HLS_URL_MAX];
    uint64_t number;
    if (uri.len > 0 && (uri.data < p->text || uri.data + uri.len > p->text + size)) {
        abort();
    }
    if (hls_url_resolve("http://host/folder/list.m3u8?x", uri, url) == ERR_OK) {
        if (!hls_url_is_http(url) || strlen(url) >= HLS_URL_MAX) {
            abort();
        }
        (void)hls_url_number(url, &number);
    }
}

static void on_finding(void *arg, const struct judge_finding *f)
{
    if (judge_rule_facts(f->rule)->name[0] == '\0' || f->words[0] == '\0') {
        abort();
    }
}

/* The input up to a NUL is a playlist, and what follows it its next state, maybe a delta update:
 * the judge has no input that it refuses but one that is too long. */
static void judge(const uint8_t *data, size_t size)
{
    static const struct judge_sink sink = {on_finding, NULL};
    struct judge_state *s = judge_state_create("http://host/folder/list.m3u8", &sink);
    struct judge_list *l = NULL;
    int64_t now_ms = 0;
    size_t at = 0;
    while (at <= size) {
        const uint8_t *end = at < size ? memchr(data + at, 0, size - at) : NULL;
        size_t n = end != NULL ? (size_t)(end - data) - at : size - at;
        if (judge_list_read(span_of(data + at, n), &l) == ERR_OK) {
            struct judge_list *whole = NULL;
            judge_delta_check(l, s->url, &sink);
            if (s->last != NULL && judge_delta_merge(s->last, l, &whole) == ERR_OK) {
                judge_delta_compare(whole, l, s->url, &sink);
                judge_list_destroy(l);
                l = whole;
            }
            judge_state_see(s, l, now_ms += 1000);
        }
        at += n + 1;
    }
    judge_state_destroy(s);
    (void)judge_ts_fault(span_of(data, size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    judge(data, size);
    struct hls_playlist *p = NULL;
    struct hls_refusal refusal;
    if (hls_playlist_read(span_of(data, size), &p, &refusal) != ERR_OK) {
        return refusal.why[0] == '\0';
    }
    for (size_t i = 0; i < p->n_segments; i++) {
        use_uri(p, size, p->segments[i].uri);
        use_uri(p, size, p->segments[i].map_uri);
        if (p->segments[i].number != p->media_sequence + i || p->segments[i].duration_us < 0) {
            abort();
        }
    }
    for (size_t i = 0; i < p->n_variants; i++) {
        use_uri(p, size, p->variants[i].uri);
    }
    for (size_t i = 0; i < p->n_renditions; i++) {
        use_uri(p, size, p->renditions[i].uri);
    }
    hls_playlist_destroy(p);
    return 0;
}
