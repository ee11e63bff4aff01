/* The orchestrator's own key pair, and what depends on it: the credential by which broadcasters on
 * this host find it without a flag. Logs what is wrong. Blocking; at the start. */
#ifndef ORCHESTRATOR_OWN_KEY_H
#define ORCHESTRATOR_OWN_KEY_H

#include "base/err.h"
#include "run/addr.h"
#include "run/secret.h"

/* Derived from the secret (the text of -orchSecret), or, when that is "", the one that the data
 * directory has, made when it has none. a: where this orchestrator listens. The caller wipes it.
 * Errors: of secret_read, secret_derive and credentials_open. */
enum err own_key_read(const char *data_dir, const char *orch_secret, const struct addr *a,
                      struct link_keys *ret_own) CHECKED;

/* When the address is held, for only who has it says what the server's key is: notes that for
 * credentials that are minted later, and leaves one for broadcasters on this host. */
void own_key_register(const char *data_dir, const struct addr *a, const unsigned char *server_key);

#endif
