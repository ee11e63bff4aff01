/* The keys of a link, and what -orchSecret means: a shared secret, from which the keys of every
 * role are derived, or a credential file (run/credential.h) with a key pair of its own. Derivation:
 * Argon2id(secret) -> seed -> keyed BLAKE2b per role -> X25519 key pair (libsodium). The secret is
 * full trust: who has it can be any role. */
#ifndef RUN_SECRET_H
#define RUN_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum link_role { LINK_ROLE_ORCHESTRATOR, LINK_ROLE_TRANSCODER, LINK_ROLE_BROADCASTER, LINK_ROLES_ };

const char *link_role_name(enum link_role r);

#define LINK_KEY_BYTES  32
#define LINK_SECRET_MIN 16 /* characters below which a secret is weak off loopback */
#define LINK_NAME_SIZE  65 /* of a credential's name, with the NUL */

/* What one end of a link needs. */
struct link_keys {
    enum link_role role;
    unsigned char public_key[LINK_KEY_BYTES]; /* own pair */
    unsigned char secret_key[LINK_KEY_BYTES];
    unsigned char server_key[LINK_KEY_BYTES]; /* dialling side: the orchestrator's public key */
    unsigned char admitted[LINK_ROLES_][LINK_KEY_BYTES]; /* listening side: the public key of each
                                                            role with the secret; 0 = nobody */
    char name[LINK_NAME_SIZE]; /* of the credential these come from; "": from the shared secret */
};

/* The secret that the orchestrator's -orchSecret means: the text itself, or the first line of the
 * file it names. Writes at most size bytes with the NUL. ERR_NOENT: empty; ERR_LIMIT: too long;
 * ERR_UNSUPPORTED: the file is one of this system's own (a credential), whose first line is no
 * secret; ERR_IO. */
enum err secret_read(const char *flag, char *ret_secret, size_t size) CHECKED;

/* Whether the text is taken for the secret itself though it looks like a file's name: the file is
 * probably missing, and its name no secret. A warning in words, or "". */
const char *secret_warning(const char *flag);

/* Words about that, after "it": part of a sentence. */
const char *secret_err_text(enum err e);

/* Takes about 0.1 s. */
enum err secret_derive(const char *secret, enum link_role role, struct link_keys *ret_keys) CHECKED;

/* The keys that -orchSecret means to a role that dials: those of the credential file it names (told
 * by its first line), or those derived from the secret. ret_words (of size SECRET_WORDS_MAX) gets
 * one sentence for people: on failure what is wrong and what to do, on success a warning or "". */
#define SECRET_WORDS_MAX 400
enum err secret_keys(const char *flag, enum link_role role, struct link_keys *ret_keys,
                     char *ret_words) CHECKED;

/* Overwrites the keys in memory. */
void link_keys_wipe(struct link_keys *k);

#endif
