/* The peers that have said hello, and what is sent to them: at once, or when the link takes it
 * again. Pure but for the link behind peers_send_fn; one thread. */
#ifndef ORCHESTRATOR_PEERS_H
#define ORCHESTRATOR_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/err.h"
#include "proto/link_msg.h"
#include "run/link.h"

/* Bytes that wait for one peer here, behind those in the link's own queue. */
#define PEERS_RUNG_BYTES    ((size_t)16 << 20) /* rung units; past this their job is given up */
#define PEERS_CONTROL_BYTES ((size_t)1 << 20)  /* all else may go so far over; then the peer goes  \
                                                */

struct peers;
struct peer;

/* ERR_AGAIN: there is no room, and peers_writable will be called; any other error: never. Both are
 * borrowed; payload may be NULL. */
typedef enum err peers_send_fn(void *arg, link_peer to, struct blob *envelope,
                               struct blob *payload);

struct peers *peers_create(peers_send_fn *send, void *arg);
void peers_destroy(struct peers *all); /* takes NULL; drops what waits */

/* credential: the name that its key proves, or ""; instance: of the hello. Both are copied; what
 * is in these is asked for below, and stays until the peer is removed. */
struct peer *peers_add(struct peers *all, link_peer id, enum link_role role, const char *credential,
                       const char *instance);
void peers_remove(struct peer *p); /* drops what waits */

link_peer peer_id(const struct peer *p);
enum link_role peer_role(const struct peer *p);
const char *peer_credential(const struct peer *p);

/* True once: the first time that it is to be told off. */
bool peer_scold(struct peer *p);

/* NULL, all three: there is none. */
struct peer *peers_find(const struct peers *all, link_peer id);
struct peer *peers_former(const struct peers *all, enum link_role role, const char *credential,
                          const char *instance);    /* the same one, on another connection */
struct peer *peers_doomed(const struct peers *all); /* one that takes nothing any more */

void peers_each(const struct peers *all, void (*fn)(void *arg, link_peer id), void *arg);

/* JOB_OPEN and JOB_UNIT never wait here (ERR_AGAIN): the job table knows where it stopped. All else
 * does, in order. What is not a RUNG_UNIT and does not fit dooms its peer. ERR_NOENT: there is no
 * such peer; ERR_LIMIT; ERR_NOMEM; what send says. m and payload are borrowed. */
enum err peers_send(struct peers *all, link_peer to, const struct link_msg *m,
                    struct blob *payload) CHECKED;

/* The link takes messages for it again: sends what waits. True: nothing waits any more. */
bool peers_writable(struct peer *p);

size_t peers_waiting_bytes(const struct peers *all);
uint64_t peers_dropped(const struct peers *all); /* messages, so far */

#endif
