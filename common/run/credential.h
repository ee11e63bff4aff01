/* A credential: a role's key pair with a name, and the public key of the orchestrator that admits
 * it, in a file. -mint makes them; -orchSecret FILE takes them; the broadcaster on the
 * orchestrator's own host finds its one in the data directory. The same form keeps the
 * orchestrator's own key pair. Secret keys stand in it: it never goes to a log. */
#ifndef RUN_CREDENTIAL_H
#define RUN_CREDENTIAL_H

#include "base/span.h"
#include "run/secret.h"

#define CREDENTIAL_TEXT_MAX 512 /* bytes of a credential's text, with a NUL */

/* 1 to 64 bytes of A-Z a-z 0-9 . _ - */
bool credential_name_is_valid(struct span name);

/* A new random key pair. The name is valid. server_key NULL: the pair's own (an orchestrator's). */
enum err credential_make(enum link_role role, const char *name, const unsigned char *server_key,
                         struct link_keys *ret_keys) CHECKED;

/* Writes the text, with a NUL; returns its length. Wipe it after use. */
size_t credential_print(const struct link_keys *k, char ret_text[CREDENTIAL_TEXT_MAX]);

/* The text as a file of this kind, whole or not. */
bool credential_is(struct span text);

/* Strict: only what credential_print writes. ERR_PROTO, ERR_UNSUPPORTED (of another version);
 * *ret_why: a part of a sentence that begins with "it". */
enum err credential_parse(struct span text, struct link_keys *ret_keys,
                          const char **ret_why) CHECKED;

/* A few digits by which people tell public keys apart. */
#define KEY_PRINT_SIZE 17
void credential_key_print(const unsigned char *public_key, char ret_text[KEY_PRINT_SIZE]);

/* A credential in a folder (run/private_file.h). Reading: ERR_NOENT; ERR_AUTH: others can write it;
 * ERR_PROTO, ERR_UNSUPPORTED: damaged; ERR_IO. */
enum err credential_save(int folder, const char *file, const struct link_keys *k) CHECKED;
enum err credential_load(int folder, const char *file, struct link_keys *ret_keys) CHECKED;

/* Those of broadcasters on this host: one file per service address in data_dir/credentials. */
enum err credential_write(const char *data_dir, const char *service_addr,
                          const struct link_keys *broadcaster) CHECKED;

/* ERR_NOENT: there is none (yet); ERR_PROTO: damaged, or not a broadcaster's; ERR_AUTH; ERR_IO. */
enum err credential_read(const char *data_dir, const char *service_addr,
                         struct link_keys *ret_keys) CHECKED;

#endif
