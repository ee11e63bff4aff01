#include "orchestrator/wallets/http_signature.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"

#define BASE_MAX 4096 /* bytes of what is signed */

_Static_assert(HTTP_SIGNATURE_SEED == crypto_sign_SEEDBYTES, "a seed of Ed25519");

static bool id_ok(const char *id)
{
    for (const char *c = id; *c != '\0'; c++) {
        if (*c < 0x20 || *c > 0x7e || *c == '"' || *c == '\\') {
            return false;
        }
    }
    return id[0] != '\0' && strlen(id) < HTTP_SIGNATURE_KEY_ID_MAX;
}

enum err http_signature_key_of_seed(const unsigned char seed[HTTP_SIGNATURE_SEED], const char *id,
                                    struct http_signature_key *ret_key)
{
    unsigned char public[crypto_sign_PUBLICKEYBYTES];
    if (!id_ok(id)) {
        return ERR_PROTO;
    }
    crypto_sign_seed_keypair(public, ret_key->secret, seed);
    snprintf(ret_key->id, sizeof ret_key->id, "%s", id);
    return ERR_OK;
}

/* A byte sequence of structured fields (RFC 8941, 3.3.5), with a name before it. */
static void byte_sequence(const char *name, const unsigned char *bytes, size_t len, char *out,
                          size_t size)
{
    char text[sodium_base64_ENCODED_LEN(64, sodium_base64_VARIANT_ORIGINAL)];
    sodium_bin2base64(text, sizeof text, bytes, len, sodium_base64_VARIANT_ORIGINAL);
    snprintf(out, size, "%s=:%s:", name, text);
}

static void describe_body(const char *body, struct http_signature_headers *h)
{
    unsigned char digest[crypto_hash_sha512_BYTES];
    h->content_digest[0] = '\0';
    h->content_length[0] = '\0';
    if (body != NULL) {
        crypto_hash_sha512(digest, (const unsigned char *)body, strlen(body));
        byte_sequence("sha-512", digest, sizeof digest, h->content_digest,
                      sizeof h->content_digest);
        snprintf(h->content_length, sizeof h->content_length, "%zu", strlen(body));
    }
}

/* Adds a component to what is signed, and its name to the list of names. */
static enum err cover(struct buf *base, struct buf *names, const char *name, const char *value)
{
    enum err e = buf_printf(base, "\"%s\": %s\n", name, value);
    return e == ERR_OK ? buf_printf(names, "%s\"%s\"", names->len > 0 ? " " : "", name) : e;
}

static enum err cover_all(struct buf *base, struct buf *names,
                          const struct http_signature_request *r,
                          const struct http_signature_headers *h)
{
    enum err e = cover(base, names, "@method", r->method);
    e = e == ERR_OK ? cover(base, names, "@target-uri", r->url) : e;
    if (r->authorization[0] != '\0') {
        e = e == ERR_OK ? cover(base, names, "authorization", r->authorization) : e;
    }
    if (r->body != NULL) {
        e = e == ERR_OK ? cover(base, names, "content-digest", h->content_digest) : e;
        e = e == ERR_OK ? cover(base, names, "content-length", h->content_length) : e;
        e = e == ERR_OK ? cover(base, names, "content-type", r->content_type) : e;
    }
    return e;
}

static enum err sign(const struct http_signature_key *key, struct buf *base,
                     const struct buf *names, int64_t created_s, struct http_signature_headers *h)
{
    char params[HTTP_SIGNATURE_TEXT_MAX - 8];
    int n = snprintf(params, sizeof params, "(%.*s);created=%" PRId64 ";keyid=\"%s\"",
                     (int)names->len, (const char *)names->data, created_s, key->id);
    if (n < 0 || (size_t)n >= sizeof params) {
        return ERR_LIMIT;
    }
    enum err e = buf_printf(base, "\"@signature-params\": %s", params);
    if (e != ERR_OK) {
        return e;
    }
    unsigned char signature[crypto_sign_BYTES];
    crypto_sign_detached(signature, NULL, base->data, base->len, key->secret);
    snprintf(h->signature_input, sizeof h->signature_input, "sig1=%s", params);
    byte_sequence("sig1", signature, sizeof signature, h->signature, sizeof h->signature);
    return ERR_OK;
}

enum err http_signature_make(const struct http_signature_key *key,
                             const struct http_signature_request *r,
                             struct http_signature_headers *ret_headers)
{
    struct buf base, names;
    buf_init(&base, BASE_MAX);
    buf_init(&names, HTTP_SIGNATURE_TEXT_MAX);
    describe_body(r->body, ret_headers);
    enum err e = cover_all(&base, &names, r, ret_headers);
    e = e == ERR_OK ? sign(key, &base, &names, r->created_s, ret_headers) : e;
    buf_fini(&base);
    buf_fini(&names);
    return e;
}
