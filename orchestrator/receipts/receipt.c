#include "orchestrator/receipts/receipt.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#define VERSION   1
#define SCALE_MAX 18

static const char seed_label[] = "receipt_secret";

const char *receipt_words(enum receipt_verdict v)
{
    static const char *const words[] = {
        [RECEIPT_GOOD] = "",
        [RECEIPT_TOO_LONG] = "request entity too large",
        [RECEIPT_MALFORMED] = "receipt malformed",
        [RECEIPT_VERSION] = "invalid version",
        [RECEIPT_HMAC] = "invalid hmac",
        [RECEIPT_EXPIRED] = "expired receipt",
    };
    return words[v];
}

int receipt_status(enum receipt_verdict v)
{
    switch (v) {
    case RECEIPT_GOOD:
        return 200;
    case RECEIPT_TOO_LONG:
        return 413;
    default:
        return 400;
    }
}

/* --- base64 --- */

static int value_of(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Behind the digits: padding, as much as is missing or none. */
static bool ends_well(struct span rest, size_t digits)
{
    size_t padding = 0;
    for (size_t i = 0; i < rest.len; i++) {
        if (rest.data[i] == '=') {
            padding++;
        } else if (!is_blank(rest.data[i])) {
            return false;
        }
    }
    return digits % 4 != 1 && (padding == 0 || (digits + padding) % 4 == 0) && padding <= 2;
}

enum err receipt_unbase64(struct span text, unsigned char *ret_bytes, size_t size, size_t *ret_len)
{
    uint32_t bits = 0;
    size_t digits = 0, len = 0, i = 0;
    for (; i < text.len && text.data[i] != '='; i++) {
        int v = value_of(text.data[i]);
        if (v < 0 && is_blank(text.data[i])) {
            continue;
        }
        if (v < 0) {
            return ERR_PROTO;
        }
        bits = bits << 6 | (uint32_t)v;
        if (digits++ % 4 != 0) {
            if (len == size) {
                return ERR_LIMIT;
            }
            ret_bytes[len++] = (unsigned char)(bits >> (6 - 2 * ((digits - 1) % 4)));
        }
    }
    if (!ends_well(span_of(text.data + i, text.len - i), digits)) {
        return ERR_PROTO;
    }
    *ret_len = len;
    return ERR_OK;
}

void receipt_base64(struct span bytes, char *out)
{
    assert(bytes.len <= RECEIPT_SECRET_BYTES);
    (void)sodium_bin2base64(out, RECEIPT_BASE64_SIZE, bytes.data, bytes.len,
                            sodium_base64_VARIANT_ORIGINAL);
}

/* --- the receipt --- */

enum receipt_verdict receipt_parse(struct span text, struct receipt *ret_receipt)
{
    struct receipt r;
    size_t len;
    if (text.len > RECEIPT_TEXT_MAX) {
        return RECEIPT_TOO_LONG;
    }
    if (receipt_unbase64(text, r.bytes, sizeof r.bytes, &len) != ERR_OK || len != RECEIPT_BYTES) {
        return RECEIPT_MALFORMED;
    }
    if (r.bytes[0] != VERSION) {
        return RECEIPT_VERSION;
    }
    memcpy(r.nonce, r.bytes + 1, sizeof r.nonce);
    r.stream = r.bytes[17];
    r.total = 0;
    for (size_t i = 18; i < RECEIPT_SIGNED_BYTES; i++) {
        r.total = r.total << 8 | r.bytes[i];
    }
    *ret_receipt = r;
    return RECEIPT_GOOD;
}

/* Keys of any length, as the standard has it (RFC 2104). */
static void hmac(struct span key, struct span message, unsigned char *out)
{
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, key.data, key.len);
    crypto_auth_hmacsha256_update(&state, message.data, message.len);
    crypto_auth_hmacsha256_final(&state, out);
    sodium_memzero(&state, sizeof state);
}

void receipt_key_of_seed(struct span seed, struct receipt_key *ret_key)
{
    hmac(seed, span_of(seed_label, sizeof seed_label - 1), ret_key->bytes);
}

void receipt_secret(const struct receipt_key *key, const unsigned char *nonce,
                    unsigned char ret_secret[RECEIPT_SECRET_BYTES])
{
    hmac(span_of(key->bytes, sizeof key->bytes), span_of(nonce, RECEIPT_NONCE_BYTES), ret_secret);
}

bool receipt_is_signed(const struct receipt *r, const struct receipt_key *key)
{
    unsigned char secret[RECEIPT_SECRET_BYTES], mac[crypto_auth_hmacsha256_BYTES];
    receipt_secret(key, r->nonce, secret);
    hmac(span_of(secret, sizeof secret), span_of(r->bytes, RECEIPT_SIGNED_BYTES), mac);
    bool same = sodium_memcmp(mac, r->bytes + RECEIPT_SIGNED_BYTES, sizeof mac) == 0;
    sodium_memzero(secret, sizeof secret);
    sodium_memzero(mac, sizeof mac);
    return same;
}

void receipt_nonce(unsigned char ret_nonce[RECEIPT_NONCE_BYTES])
{
    randombytes_buf(ret_nonce, RECEIPT_NONCE_BYTES);
}

enum err receipt_convert(uint64_t total, int from, int to, uint64_t *ret_total)
{
    assert(from >= 0 && from <= SCALE_MAX && to >= 0 && to <= SCALE_MAX);
    uint64_t v = total;
    for (; from > to; from--) {
        v /= 10;
    }
    for (; from < to; from++) {
        if (v > INT64_MAX / 10) {
            return ERR_LIMIT;
        }
        v *= 10;
    }
    if (v > INT64_MAX) {
        return ERR_LIMIT;
    }
    *ret_total = v;
    return ERR_OK;
}
