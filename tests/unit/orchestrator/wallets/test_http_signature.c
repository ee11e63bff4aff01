/* The key is test-key-ed25519 of RFC 9421, appendix B.1.4. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "orchestrator/wallets/http_signature.h"
#include "orchestrator/wallets/wallet_key.h"
#include "tests/support/unit.h"

static const char pem[] = "-----BEGIN PRIVATE KEY-----\n"
                          "MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n"
                          "-----END PRIVATE KEY-----\n";

static struct http_signature_key test_key(void)
{
    unsigned char seed[HTTP_SIGNATURE_SEED];
    struct http_signature_key key;
    ck_assert_int_eq(wallet_key_parse(span_cstr(pem), seed), ERR_OK);
    ck_assert_int_eq(http_signature_key_of_seed(seed, "test-key-ed25519", &key), ERR_OK);
    return key;
}

/* Whether the signature is one of that text. */
static bool is_of(const struct http_signature_key *key, const char *signature, const char *text)
{
    unsigned char bytes[64];
    size_t n;
    ck_assert_int_eq(strncmp(signature, "sig1=:", 6), 0);
    ck_assert_int_eq(sodium_base642bin(bytes, sizeof bytes, signature + 6, strlen(signature) - 7,
                                       NULL, &n, NULL, sodium_base64_VARIANT_ORIGINAL),
                     0);
    return n == 64 && crypto_sign_verify_detached(bytes, (const unsigned char *)text, strlen(text),
                                                  key->secret + HTTP_SIGNATURE_SEED) == 0;
}

START_TEST(the_public_half_is_the_one_of_the_specification)
{
    struct http_signature_key key = test_key();
    char x[44];
    sodium_bin2base64(x, sizeof x, key.secret + HTTP_SIGNATURE_SEED, crypto_sign_PUBLICKEYBYTES,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    ck_assert_str_eq(x, "JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs");
}
END_TEST

START_TEST(a_question_is_signed_over_its_method_address_and_token)
{
    struct http_signature_key key = test_key();
    struct http_signature_headers h;
    struct http_signature_request r = {.method = "GET",
                                       .url = "https://wallet.example/incoming-payments/1",
                                       .authorization = "GNAP token",
                                       .created_s = 1618884473};
    ck_assert_int_eq(http_signature_make(&key, &r, &h), ERR_OK);
    ck_assert_str_eq(h.content_digest, "");
    ck_assert_str_eq(h.signature_input,
                     "sig1=(\"@method\" \"@target-uri\" \"authorization\");created=1618884473;"
                     "keyid=\"test-key-ed25519\"");
    const char *base = "\"@method\": GET\n"
                       "\"@target-uri\": https://wallet.example/incoming-payments/1\n"
                       "\"authorization\": GNAP token\n"
                       "\"@signature-params\": (\"@method\" \"@target-uri\" \"authorization\")"
                       ";created=1618884473;keyid=\"test-key-ed25519\"";
    ck_assert(is_of(&key, h.signature, base));
    r.url = "https://wallet.example/incoming-payments/2";
    ck_assert_int_eq(http_signature_make(&key, &r, &h), ERR_OK);
    ck_assert(!is_of(&key, h.signature, base));
}
END_TEST

/* The digest is that of RFC 9530, appendix B.1 with the body of RFC 9421, appendix B.2. */
START_TEST(a_body_is_signed_with_its_digest_length_and_type)
{
    struct http_signature_key key = test_key();
    struct http_signature_headers h;
    struct http_signature_request r = {.method = "POST",
                                       .url = "https://auth.example/",
                                       .authorization = "",
                                       .body = "{\"hello\": \"world\"}",
                                       .content_type = "application/json",
                                       .created_s = 1};
    ck_assert_int_eq(http_signature_make(&key, &r, &h), ERR_OK);
    ck_assert_str_eq(h.content_digest, "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+"
                                       "AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:");
    ck_assert_str_eq(h.content_length, "18");
    char base[1024];
    snprintf(
        base, sizeof base,
        "\"@method\": POST\n\"@target-uri\": https://auth.example/\n\"content-digest\": %s\n"
        "\"content-length\": 18\n\"content-type\": application/json\n\"@signature-params\": %s",
        h.content_digest, h.signature_input + strlen("sig1="));
    ck_assert(is_of(&key, h.signature, base));
}
END_TEST

START_TEST(keys_that_are_none_are_refused)
{
    static const char *const bad[] = {
        "",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
        "-----BEGIN PRIVATE KEY-----\nnot base64!\n-----END PRIVATE KEY-----\n",
        "-----BEGIN PRIVATE KEY-----\n"
        "MC4CAQAwBQYDK2VuBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n" /* X25519 */
        "-----END PRIVATE KEY-----\n",
        "-----BEGIN PRIVATE KEY-----\n"
        "MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfQ==\n" /* short */
        "-----END PRIVATE KEY-----\n",
    };
    unsigned char seed[HTTP_SIGNATURE_SEED] = {0};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_int_eq(wallet_key_parse(span_cstr(bad[i]), seed), ERR_PROTO);
    }
    struct http_signature_key key;
    ck_assert_int_eq(http_signature_key_of_seed(seed, "", &key), ERR_PROTO);
    ck_assert_int_eq(http_signature_key_of_seed(seed, "a\"b", &key), ERR_PROTO);
    ck_assert_int_eq(http_signature_key_of_seed(seed, "two\nlines", &key), ERR_PROTO);
}
END_TEST

START_TEST(what_is_too_long_is_not_signed)
{
    struct http_signature_key key = test_key();
    struct http_signature_headers h;
    char url[8192];
    memset(url, 'a', sizeof url);
    url[sizeof url - 1] = '\0';
    struct http_signature_request r = {.method = "GET", .url = url, .authorization = ""};
    ck_assert_int_eq(http_signature_make(&key, &r, &h), ERR_LIMIT);
}
END_TEST

UNIT_MAIN("http_signature", the_public_half_is_the_one_of_the_specification,
          a_question_is_signed_over_its_method_address_and_token,
          a_body_is_signed_with_its_digest_length_and_type, keys_that_are_none_are_refused,
          what_is_too_long_is_not_signed)
