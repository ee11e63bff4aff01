/* Headers of a trusted proxy: lines of "LETTER text", F for X-Forwarded-For, P for its scheme, B
 * for Forwarded. What is read is an address and never one that only an untrusted peer named. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "broadcaster/viewers/forwarded.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *name_of(uint8_t letter)
{
    return letter == 'F'   ? "X-Forwarded-For"
           : letter == 'P' ? "X-Forwarded-Proto"
           : letter == 'B' ? "Forwarded"
                           : "Via";
}

static void check(const struct forwarded *f, const uint8_t *peer, bool trusted)
{
    bool is_peer = memcmp(f->address, peer, sizeof f->address) == 0;
    if ((!f->named && !is_peer) || (f->named && f->bad) ||
        (!trusted && (f->named || f->https || f->bad))) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char why[CIDR_WHY_MAX];
    struct cidr_list trusted;
    struct forwarded_headers h = {0};
    uint8_t near[CIDR_ADDRESS_BYTES], far[CIDR_ADDRESS_BYTES];
    if (cidr_list_parse("127.0.0.1,10.0.0.0/8,2001:db8:1::/48", &trusted, why) != ERR_OK ||
        cidr_address_parse("127.0.0.1", near) != ERR_OK ||
        cidr_address_parse("192.0.2.1", far) != ERR_OK) {
        abort();
    }
    while (size > 1) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t n = end != NULL ? (size_t)(end - data) : size;
        if (n > 1) {
            forwarded_take(&h, span_cstr(name_of(data[0])), span_of(data + 1, n - 1));
        }
        n += end != NULL;
        data += n;
        size -= n;
    }
    struct forwarded f = forwarded_read(&trusted, near, &h);
    check(&f, near, true);
    f = forwarded_read(&trusted, far, &h);
    check(&f, far, false);
    cidr_list_fini(&trusted);
    return 0;
}
