#include "run/key_hash.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/unit.h"

START_TEST(printed_and_read)
{
    struct key_hash h, back;
    char text[KEY_HASH_TEXT_SIZE];
    key_hash_salt(h.salt);
    key_hash_make(&h, span_cstr("a key"));
    key_hash_print(&h, text);
    ck_assert_uint_eq(strlen(text), KEY_HASH_TEXT_SIZE - 1);
    ck_assert_int_eq(key_hash_parse(text, &back), ERR_OK);
    ck_assert(key_hash_equal(&h, &back));
    ck_assert(key_hash_matches(&back, span_cstr("a key")));
    ck_assert(!key_hash_matches(&back, span_cstr("a kez")));
    ck_assert(!key_hash_matches(&back, span_cstr("a key ")));
    ck_assert(!key_hash_matches(&back, span_of(NULL, 0)));
    key_hash_salt(back.salt);
    key_hash_make(&back, span_cstr("a key"));
    ck_assert(!key_hash_equal(&h, &back));
}
END_TEST

/* RFC 7693's BLAKE2b with a key of 16 and a digest of 32 bytes, computed with Python's hashlib. */
START_TEST(known_hash)
{
    struct key_hash h;
    const char *text = "blake2b:000102030405060708090a0b0c0d0e0f:"
                       "11f97bc3ef6b5993d27f9e8c3f27192f1f50385b5cca5b4a279ca48f15eed6c9";
    ck_assert_int_eq(key_hash_parse(text, &h), ERR_OK);
    ck_assert(key_hash_matches(&h, span_cstr("correct horse battery staple")));
}
END_TEST

START_TEST(other_texts_are_refused)
{
    struct key_hash h;
    char text[KEY_HASH_TEXT_SIZE], bad[KEY_HASH_TEXT_SIZE + 1];
    key_hash_salt(h.salt);
    key_hash_make(&h, span_cstr("k"));
    key_hash_print(&h, text);
    for (size_t i = 0; i < strlen(text); i++) {
        memcpy(bad, text, sizeof text);
        bad[i] = 'z';
        ck_assert_int_eq(key_hash_parse(bad, &h), ERR_PROTO);
        memcpy(bad, text, sizeof text);
        bad[i] = '\0';
        ck_assert_int_eq(key_hash_parse(bad, &h), ERR_PROTO);
    }
    snprintf(bad, sizeof bad, "%s0", text);
    ck_assert_int_eq(key_hash_parse(bad, &h), ERR_PROTO);
}
END_TEST

UNIT_MAIN("key_hash", printed_and_read, known_hash, other_texts_are_refused)
