#include "base/utf8.h"

#include <stdbool.h>

size_t utf8_read(struct span s, uint32_t *ret_code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t c = s.len > 0 ? s.data[0] : 0xff;
    if (c < 0x80) {
        *ret_code = c;
        return 1;
    }
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
    if (v < least[len] || v > 0x10ffff || surrogate) {
        return 0;
    }
    *ret_code = v;
    return len;
}
