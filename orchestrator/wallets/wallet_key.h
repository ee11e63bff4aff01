/* The key that a wallet knows us by: Ed25519 in PEM, PKCS #8 (RFC 8410, section 7), as wallets hand
 * them out. Blocking; any thread. */
#ifndef ORCHESTRATOR_WALLETS_WALLET_KEY_H
#define ORCHESTRATOR_WALLETS_WALLET_KEY_H

#include "base/err.h"
#include "base/span.h"
#include "orchestrator/wallets/http_signature.h"

#define WALLET_KEY_FILE_MAX 4096
#define WALLET_KEY_WHY_MAX  400

/* ERR_PROTO: the text is no such key. */
enum err wallet_key_parse(struct span pem, unsigned char ret_seed[HTTP_SIGNATURE_SEED]) CHECKED;

/* Reads the file; ret_why (WALLET_KEY_WHY_MAX bytes) says what is wrong and what to do, without a
 * word of the key. */
enum err wallet_key_read(const char *path, const char *id, struct http_signature_key *ret_key,
                         char *ret_why) CHECKED;

#endif
