/* The list of credentials that an orchestrator has minted: who may come in by a key of its own, who
 * may no more, and the public key of the orchestrator that started last on this list. Only public
 * keys stand in it. Pure; one owner. */
#ifndef ORCHESTRATOR_ADMITTED_H
#define ORCHESTRATOR_ADMITTED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "run/credential.h"

#define ADMITTED_MAX      10000             /* credentials, revoked ones too */
#define ADMITTED_TEXT_MAX ((size_t)4 << 20) /* bytes of the text; ADMITTED_MAX lines fit */
#define ADMITTED_WHY_MAX  160

struct admitted_entry {
    char name[LINK_NAME_SIZE];                /* unique in the list */
    enum link_role role;                      /* transcoder or broadcaster */
    unsigned char key[LINK_KEY_BYTES];        /* public; unique in the list */
    unsigned char server_key[LINK_KEY_BYTES]; /* the orchestrator's, at the time of minting */
    int64_t minted_s;                         /* seconds since 1970 */
    int64_t revoked_s;                        /* 0: it is admitted */
};

struct admitted;

struct admitted *admitted_create(void);       /* empty; gives */
void admitted_destroy(struct admitted *list); /* takes NULL */

/* Strict: only what admitted_print writes. Gives. ERR_PROTO, ERR_UNSUPPORTED (another version),
 * ERR_LIMIT, ERR_NOMEM; ret_why (of size ADMITTED_WHY_MAX) says what and in which line. */
enum err admitted_parse(struct span text, struct admitted **ret_list, char *ret_why) CHECKED;

/* Appends the whole text. */
enum err admitted_print(const struct admitted *list, struct buf *out) CHECKED;

size_t admitted_count(const struct admitted *list);
const struct admitted_entry *admitted_at(const struct admitted *list, size_t i); /* oldest first */
const struct admitted_entry *admitted_by_name(const struct admitted *list, const char *name);
const struct admitted_entry *admitted_by_key(const struct admitted *list, const unsigned char *key);

/* All zeros: no orchestrator has started on this list yet. */
const unsigned char *admitted_server_key(const struct admitted *list);
void admitted_set_server_key(struct admitted *list, const unsigned char *key);

/* Puts a copy in, instead of the one of that name, as the newest. When the list is full the oldest
 * revoked one makes room. ERR_STATE: the key is another one's; ERR_LIMIT: ADMITTED_MAX are in
 * force; ERR_NOMEM. */
enum err admitted_put(struct admitted *list, const struct admitted_entry *entry) CHECKED;

/* ERR_NOENT: there is none of that name. One that was revoked already keeps its time. */
enum err admitted_revoke(struct admitted *list, const char *name, int64_t now_s) CHECKED;

#endif
