#include "base/utf8.h"

#include <stdbool.h>
#include <string.h>

#include "tests/support/unit.h"

/* Written down from the table of RFC 3629, section 3. */
static size_t encode(uint32_t v, uint8_t *out)
{
    if (v < 0x80) {
        out[0] = (uint8_t)v;
        return 1;
    }
    size_t n = v < 0x800 ? 2 : v < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n - 1; i > 0; i--) {
        out[i] = (uint8_t)(0x80 | (v & 0x3f));
        v >>= 6;
    }
    out[0] = (uint8_t)(lead[n] | v);
    return n;
}

START_TEST(every_character)
{
    for (uint32_t v = 0; v <= 0x1fffff; v++) {
        uint8_t bytes[4];
        uint32_t code = 1 << 30;
        size_t n = encode(v, bytes);
        bool is_one = v <= 0x10ffff && (v < 0xd800 || v > 0xdfff);
        size_t whole = utf8_read(span_of(bytes, n), &code);
        bool right = whole == (is_one ? n : 0) && code == (is_one ? v : 1 << 30) &&
                     utf8_read(span_of(bytes, n - 1), &code) == 0;
        if (!right) {
            ck_abort_msg("U+%04X", v);
        }
    }
}
END_TEST

START_TEST(what_is_none)
{
    static const char *const bad[] = {"",
                                      "\x80",
                                      "\xbf",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xe0\x9f\xbf",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xc3(",
                                      "\xe2\x82(",
                                      "\xf5\x80\x80\x80",
                                      "\xff"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint32_t code;
        ck_assert_uint_eq(utf8_read(span_cstr(bad[i]), &code), 0);
    }
}
END_TEST

UNIT_MAIN("utf8", every_character, what_is_none)
