/* Any request target gets an answer that keeps what hls.h promises. */
#include <stdlib.h>
#include <string.h>

#include "broadcaster/hls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hls_ask a = hls_parse(span_of(data, size));
    int named = (a.what >= HLS_MASTER && a.what <= HLS_LIVE_INIT) || a.what == HLS_EMBED;
    int file = a.what == HLS_SEGMENT || a.what == HLS_LIVE_SEGMENT || a.what == HLS_LIVE_INIT;
    int media = a.what == HLS_MEDIA || a.what == HLS_LIVE_MEDIA;
    must((a.id[0] != '\0') == named);
    must(!named || id_valid(span_cstr(a.id)));
    must((a.rendition[0] != '\0') == (media || file));
    must((a.why != NULL) == (a.what == HLS_UNKNOWN || a.what == HLS_BAD));
    must(a.what == HLS_SEGMENT || a.what == HLS_LIVE_SEGMENT || a.msn == 0);
    must((a.what == HLS_LIVE_INIT) == (a.hash != 0));
    must((a.what == HLS_ASSET) == (a.asset[0] != '\0'));
    must(strlen(a.asset) <= HLS_ASSET_MAX);
    return 0;
}
