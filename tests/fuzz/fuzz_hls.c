/* Any request target gets an answer that keeps what hls.h promises. */
#include <stdlib.h>
#include <string.h>

#include "broadcaster/hls/hls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok) {
        abort();
    }
}

/* What goes into playlists can stand inside of a quoted string, and is no line of its own. */
static void check_query(const struct hls_ask *a, const uint8_t *data, size_t size)
{
    size_t n = strlen(a->query);
    must(n <= HLS_QUERY_MAX);
    must(n == 0 || memchr(data, '?', size) != NULL);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)a->query[i];
        must(c > ' ' && c < 0x7f && strchr("\"#<>\\^`{|}", c) == NULL);
    }
    must(strncmp(a->query, "_HLS_", 5) != 0 && strstr(a->query, "&_HLS_") == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hls_ask a = hls_parse(span_of(data, size));
    int named = (a.what >= HLS_MASTER && a.what <= HLS_LIVE_INIT) || a.what == HLS_EMBED;
    int part = a.what == HLS_LIVE_PART;
    int file =
        a.what == HLS_SEGMENT || a.what == HLS_LIVE_SEGMENT || part || a.what == HLS_LIVE_INIT;
    int media = a.what == HLS_MEDIA || a.what == HLS_LIVE_MEDIA;
    must((a.id[0] != '\0') == named);
    must(!named || id_valid(span_cstr(a.id)));
    must((a.rendition[0] != '\0') == (media || file));
    must((a.why != NULL) == (a.what == HLS_UNKNOWN || a.what == HLS_BAD));
    must(a.what == HLS_SEGMENT || a.what == HLS_LIVE_SEGMENT || part || a.msn == 0);
    must(part ? a.part <= HLS_PART_MAX : a.part == 0);
    must(a.what == HLS_LIVE_MEDIA || !(a.directives.has_msn || a.directives.skip));
    must(a.directives.has_msn || !a.directives.has_part);
    check_query(&a, data, size);
    must((a.what == HLS_LIVE_INIT) == (a.hash != 0));
    must((a.what == HLS_ASSET) == (a.asset[0] != '\0'));
    must(strlen(a.asset) <= HLS_ASSET_MAX);
    return 0;
}
