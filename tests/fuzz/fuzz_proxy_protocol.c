/* What stands in front of a proxied connection: the same whole and in pieces. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "broadcaster/ingest/proxy_protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum err feed(const uint8_t *data, size_t size, size_t piece, struct proxy_source *s,
                     size_t *ret_left)
{
    struct proxy_header h;
    enum err e = ERR_AGAIN;
    proxy_header_init(&h);
    *ret_left = size;
    while (e == ERR_AGAIN && size > 0) {
        size_t n = size < piece ? size : piece;
        struct span in = span_of(data, n);
        e = proxy_header_feed(&h, &in, s);
        data += n;
        size -= n;
        *ret_left = size + in.len;
    }
    return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proxy_source whole = {0}, pieces = {0};
    size_t left, left_of_pieces;
    enum err e = feed(data, size, SIZE_MAX, &whole, &left);
    if (feed(data, size, 3, &pieces, &left_of_pieces) != e) {
        abort();
    }
    if (e == ERR_OK &&
        (left != left_of_pieces || whole.known != pieces.known || whole.port != pieces.port ||
         memcmp(whole.address, pieces.address, sizeof whole.address) != 0)) {
        abort();
    }
    return 0;
}
