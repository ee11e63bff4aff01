#include "base/id.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/utf8.h"

static bool ascii_char(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           memchr("._-~", c, 4) != NULL;
}

/* Bytes of the character at the front; 0 when it may not stand in an id. Above ASCII come the C1
 * controls, which are no text. */
static size_t id_char(struct span s)
{
    uint32_t code = 0;
    size_t n = utf8_read(s, &code);
    bool ok = code < 0x80 ? ascii_char((uint8_t)code) : code >= 0xa0;
    return ok ? n : 0;
}

bool id_valid(struct span s)
{
    if (s.len == 0 || s.len > ID_MAX || s.data[0] == '.') {
        return false;
    }
    while (s.len > 0) {
        size_t n = id_char(s);
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
