/* The orchestrator's shell: the listening link on one side, the job table on the other. It greets
 * peers, tells them apart by what their keys prove, hands their messages to the table and sends
 * what the table says; payloads pass through without a copy. Loop's thread. */
#ifndef ORCHESTRATOR_RELAY_H
#define ORCHESTRATOR_RELAY_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "orchestrator/gate.h"
#include "orchestrator/job_table.h"
#include "orchestrator/payments/payments.h"
#include "orchestrator/pricing/till.h"
#include "run/link.h"
#include "run/loop.h"

/* Bytes that wait for one peer in the link; what waits behind these: orchestrator/peers.h. */
#define RELAY_QUEUE_BYTES ((size_t)16 << 20)

#define RELAY_SESSION_SIZE 33 /* hex digits and the NUL */

struct relay;

struct relay_config {
    const char *addr;             /* "host:port", complete; copied */
    const struct link_keys *keys; /* copied */
    struct gate *gate;            /* who may come in beside them; borrowed; NULL: nobody */
    int heartbeat_ms;
    int timeout_ms;
    uint64_t price, price_pixels; /* what so many pixels of rungs cost */
    struct ledger *ledger;        /* where that is charged; borrowed; NULL: nothing is */
    struct job_table_config jobs;
};

struct relay_counters {
    uint64_t rejected;  /* hellos: another version, another role than the key's, too many peers */
    uint64_t unwelcome; /* messages before a hello, or that this role may not send */
    uint64_t dropped;   /* messages for peers that could not take them */
};

/* ERR_IO: the address cannot be bound (ret_why: a sentence). Gives. */
enum err relay_create(struct loop *l, const struct relay_config *config, struct relay **ret_relay,
                      const char **ret_why) CHECKED;

/* The gate's list has changed: peers that it does not admit any more are turned out. */
void relay_recheck(struct relay *r);

/* The name that a peer's key proves; "": it has the shared secret, or is not there. */
const char *relay_credential(const struct relay *r, link_peer peer);

/* Says goodbye to every peer, with the reason; what they say afterwards is ignored. What is owed is
 * charged: the ledger may be closed afterwards, before relay_destroy. */
void relay_stop(struct relay *r, const char *reason);

/* Sends what waits for at most linger_ms. Takes NULL. */
void relay_destroy(struct relay *r, int linger_ms);

/* Where payments send what they have to say (a payments_send_fn; arg: the relay). */
void relay_send_pay(void *relay, link_peer to, const struct link_msg *m);

/* Which broadcaster that is, as its account is called, fit to stand between double quotes (a
 * payments_name_fn; arg: the relay). */
void relay_name_payer(void *relay, link_peer peer, char *ret_name);

/* From now on LINK_PAY_ASK goes there; borrowed; NULL: nowhere. */
void relay_set_payments(struct relay *r, struct payments *payments);

/* Money has come to an account. */
void relay_news(struct relay *r, const char *account);

/* Streams at once from now on. */
void relay_set_max_sessions(struct relay *r, unsigned max);

const struct job_table *relay_table(const struct relay *r);
const struct till *relay_till(const struct relay *r); /* NULL: nothing has a price */
const char *relay_session(const struct relay *r);
struct link_counters relay_link_counters(const struct relay *r);
struct relay_counters relay_counters(const struct relay *r);
size_t relay_waiting_bytes(const struct relay *r); /* of all peers, beside the link's */

#endif
