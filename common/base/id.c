#include "base/id.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static bool ascii_char(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           memchr("._-~", c, 4) != NULL;
}

/* Bytes of the UTF-8 character at the front of s (RFC 3629, section 4), which is above U+009F (the
 * C1 controls are no text); 0: there is none. */
static size_t utf8_char(struct span s)
{
    static const uint32_t least[] = {0, 0, 0xa0, 0x800, 0x10000};
    uint8_t c = s.data[0];
    size_t len = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    if (c < 0xc2 || c > 0xf4 || s.len < len) {
        return 0;
    }
    uint32_t v = c & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((s.data[i] & 0xc0) != 0x80) {
            return 0;
        }
        v = v << 6 | (s.data[i] & 0x3f);
    }
    bool surrogate = v >= 0xd800 && v <= 0xdfff;
    return v >= least[len] && v <= 0x10ffff && !surrogate ? len : 0;
}

bool id_valid(struct span s)
{
    if (s.len == 0 || s.len > ID_MAX || s.data[0] == '.') {
        return false;
    }
    while (s.len > 0) {
        size_t n = s.data[0] < 0x80 ? ascii_char(s.data[0]) : utf8_char(s);
        if (n == 0) {
            return false;
        }
        s = span_of(s.data + n, s.len - n);
    }
    return true;
}

void id_random_hex(char *out, size_t n_bytes)
{
    unsigned char bytes[32];
    assert(n_bytes <= sizeof bytes);
    if (getrandom(bytes, n_bytes, 0) != (ssize_t)n_bytes) {
        perror("getrandom");
        abort();
    }
    for (size_t i = 0; i < n_bytes; i++) {
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    }
}
