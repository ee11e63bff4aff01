/* libFuzzer target: a playlist from anybody's server, and the URLs in it. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "publisher-tools/hls_playlist.h"
#include "publisher-tools/hls_url.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
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
