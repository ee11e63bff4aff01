/* HTTP message signatures as Open Payments' wallets want them (RFC 9421 with Ed25519,
 * section 3.3.6; Content-Digest of RFC 9530 with sha-512). Pure; any thread. */
#ifndef ORCHESTRATOR_WALLETS_HTTP_SIGNATURE_H
#define ORCHESTRATOR_WALLETS_HTTP_SIGNATURE_H

#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

#define HTTP_SIGNATURE_SEED       32  /* bytes of an Ed25519 private key (RFC 8032) */
#define HTTP_SIGNATURE_KEY_ID_MAX 129 /* with the NUL */
#define HTTP_SIGNATURE_DIGEST_MAX 128
#define HTTP_SIGNATURE_TEXT_MAX   1024

struct http_signature_key {
    unsigned char secret[64]; /* as libsodium has it: seed and public key */
    char id[HTTP_SIGNATURE_KEY_ID_MAX];
};

/* What is signed: all borrowed. */
struct http_signature_request {
    const char *method, *url;
    const char *authorization; /* "": there is none */
    const char *body;          /* NULL: there is none; it goes with its digest, length and type */
    const char *content_type;  /* of the body */
    int64_t created_s;         /* wall clock */
};

/* The headers to send; content_digest and content_length are "" without a body. */
struct http_signature_headers {
    char content_digest[HTTP_SIGNATURE_DIGEST_MAX];
    char content_length[24];
    char signature_input[HTTP_SIGNATURE_TEXT_MAX];
    char signature[HTTP_SIGNATURE_DIGEST_MAX];
};

/* id: "keyid", printable without quotes and backslashes. ERR_PROTO: the id is none, or too long. */
enum err http_signature_key_of_seed(const unsigned char seed[HTTP_SIGNATURE_SEED], const char *id,
                                    struct http_signature_key *ret_key) CHECKED;

/* ERR_LIMIT: a text is too long to be signed. */
enum err http_signature_make(const struct http_signature_key *key,
                             const struct http_signature_request *r,
                             struct http_signature_headers *ret_headers) CHECKED;

#endif
