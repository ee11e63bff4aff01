#include "base/id.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static bool id_char(uint8_t c)
{
    return c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || memchr("._-~", c, 4) != NULL;
}

bool id_valid(struct span s)
{
    if (s.len == 0 || s.len > ID_MAX || s.data[0] == '.') {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (!id_char(s.data[i])) {
            return false;
        }
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
