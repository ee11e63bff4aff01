/* Where an orchestrator keeps who may come in, in its data directory: admission/credentials (the
 * list, admitted.h), admission/server-key (its own key pair, for when there is no shared secret),
 * admission/local (the key pair of the broadcaster on its own host), admission/lock. Whoever
 * changes one holds the lock, so that commands and orchestrators on one data directory lose nothing
 * of each other's. Blocking. */
#ifndef ORCHESTRATOR_CREDENTIALS_H
#define ORCHESTRATOR_CREDENTIALS_H

#include "orchestrator/admitted.h"

#define CREDENTIALS_WHY_MAX 4600    /* a path can stand in it */
#define CREDENTIALS_LOCAL   "local" /* name of the credential of the broadcaster on this host */
#define CREDENTIALS_WAIT_MS 5000    /* for another who has the lock */

struct credentials;

/* Waits for the lock and reads the list; makes the folder when there is none. Gives. On failure
 * ret_why (of size CREDENTIALS_WHY_MAX) says what is wrong, where and what to do: ERR_TIMEOUT
 * (somebody else has the lock), ERR_PROTO, ERR_UNSUPPORTED, ERR_AUTH, ERR_LIMIT, ERR_NOMEM, ERR_IO.
 */
enum err credentials_open(const char *data_dir, struct credentials **ret_c, char *ret_why) CHECKED;

/* Gives the lock back; what was not saved is forgotten. Takes NULL. */
void credentials_close(struct credentials *c);

/* Only reads: no lock, nothing is made. A list that is not there is empty. *ret_fd (unless NULL) is
 * the open file, -1 when there is none, which the caller closes: as long as it is open no other
 * file has its number. */
enum err credentials_read(const char *data_dir, struct admitted **ret_list, int *ret_fd,
                          char *ret_why) CHECKED;

/* Borrowed. */
const struct admitted *credentials_list(const struct credentials *c);

/* The orchestrator's own key pair; made and kept when there is none. */
enum err credentials_own_key(struct credentials *c, struct link_keys *ret_own,
                             char *ret_why) CHECKED;

/* What the server's key is now, for those that are minted later; saved when it changes. */
enum err credentials_set_server(struct credentials *c, const unsigned char *key,
                                char *ret_why) CHECKED;

/* A new credential, in the list and saved; its secret half is in ret_keys alone. ERR_STATE: that
 * name is in use; ERR_LIMIT: the list is full. */
enum err credentials_mint(struct credentials *c, enum link_role role, const char *name,
                          const unsigned char *server_key, int64_t now_s,
                          struct link_keys *ret_keys, char *ret_why) CHECKED;

/* ERR_NOENT: there is none of that name. *ret_already: it was revoked before. */
enum err credentials_revoke(struct credentials *c, const char *name, int64_t now_s,
                            bool *ret_already, char *ret_why) CHECKED;

/* The credential of broadcasters on this host, for that server key: the kept one while the list
 * admits it, else a new one. */
enum err credentials_local(struct credentials *c, const unsigned char *server_key, int64_t now_s,
                           struct link_keys *ret_keys, char *ret_why) CHECKED;

/* The list's file, for watching it. */
void credentials_path(const char *data_dir, char *ret_path, size_t size);

#endif
