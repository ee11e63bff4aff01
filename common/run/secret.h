/* From the shared secret to CURVE keys, and the credential file that lets a broadcaster on the same
 * host in without the secret. Derivation: Argon2id(secret) -> seed -> keyed BLAKE2b per role ->
 * X25519 key pair (libsodium). The secret is full trust: who has it can be any role. */
#ifndef RUN_SECRET_H
#define RUN_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum link_role { LINK_ROLE_ORCHESTRATOR, LINK_ROLE_TRANSCODER, LINK_ROLE_BROADCASTER, LINK_ROLES_ };

const char *link_role_name(enum link_role r);

#define LINK_KEY_BYTES  32
#define LINK_SECRET_MIN 16 /* characters below which a secret is weak off loopback */

/* What one end of a link needs. */
struct link_keys {
    enum link_role role;
    unsigned char public_key[LINK_KEY_BYTES]; /* own pair */
    unsigned char secret_key[LINK_KEY_BYTES];
    unsigned char server_key[LINK_KEY_BYTES]; /* dialling side: the orchestrator's public key */
    unsigned char admitted[LINK_ROLES_][LINK_KEY_BYTES]; /* listening side: public key per role */
};

/* The secret that -orchSecret means: the text itself, or the first line of the file it names.
 * Writes at most size bytes with the NUL. ERR_NOENT: empty; ERR_LIMIT: too long; ERR_IO. */
enum err secret_read(const char *flag, char *ret_secret, size_t size) CHECKED;

/* Takes about 0.1 s. */
enum err secret_derive(const char *secret, enum link_role role, struct link_keys *ret_keys) CHECKED;

/* One file per service address in data_dir/credentials, mode 0600, replaced by rename: a
 * broadcaster's key pair and the orchestrator's public key, never the secret. */
enum err credential_write(const char *data_dir, const char *service_addr,
                          const struct link_keys *broadcaster) CHECKED;

/* ERR_NOENT: there is none (yet); ERR_PROTO: damaged; ERR_IO. */
enum err credential_read(const char *data_dir, const char *service_addr,
                         struct link_keys *ret_keys) CHECKED;

/* Overwrites the keys in memory. */
void link_keys_wipe(struct link_keys *k);

#endif
