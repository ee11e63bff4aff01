#include "orchestrator/peers.h"

#include <stdio.h>
#include <string.h>

#include "base/list.h"
#include "base/mem.h"
#include "orchestrator/outbox.h"
#include "orchestrator/words.h"

#define INSTANCE_SIZE 65
#define BUCKETS       1024 /* a power of two */

struct peer {
    struct list node;
    struct list by_id; /* hash chains */
    struct peers *all;
    link_peer id;
    enum link_role role;
    char credential[LINK_NAME_SIZE];
    char instance[INSTANCE_SIZE];
    struct outbox outbox;
    bool full;    /* the link said ERR_AGAIN and has not said that it is writable since */
    bool doomed;  /* it takes nothing any more */
    bool scolded; /* it has been logged that it sends what its role may not */
};

struct peers {
    struct list list;
    struct list by_id[BUCKETS];
    peers_send_fn *send;
    void *arg;
    uint64_t dropped;
};

struct peers *peers_create(peers_send_fn *send, void *arg)
{
    struct peers *all = mem_alloc(sizeof *all);
    list_init(&all->list);
    for (size_t i = 0; i < BUCKETS; i++) {
        list_init(&all->by_id[i]);
    }
    all->send = send;
    all->arg = arg;
    return all;
}

void peers_destroy(struct peers *all)
{
    if (all == NULL) {
        return;
    }
    LIST_EACH (&all->list, it, tmp) {
        peers_remove(LIST_ITEM(it, struct peer, node));
    }
    mem_free(all);
}

struct peer *peers_add(struct peers *all, link_peer id, enum link_role role, const char *credential,
                       const char *instance)
{
    struct peer *p = mem_alloc(sizeof *p);
    p->all = all;
    p->id = id;
    p->role = role;
    snprintf(p->credential, sizeof p->credential, "%s", credential);
    words_copy(p->instance, sizeof p->instance, instance);
    outbox_init(&p->outbox);
    list_push_back(&all->list, &p->node);
    list_push_back(&all->by_id[id & (BUCKETS - 1)], &p->by_id);
    return p;
}

void peers_remove(struct peer *p)
{
    list_remove(&p->node);
    list_remove(&p->by_id);
    outbox_fini(&p->outbox);
    mem_free(p);
}

link_peer peer_id(const struct peer *p)
{
    return p->id;
}

enum link_role peer_role(const struct peer *p)
{
    return p->role;
}

const char *peer_credential(const struct peer *p)
{
    return p->credential;
}

bool peer_scold(struct peer *p)
{
    bool first = !p->scolded;
    p->scolded = true;
    return first;
}

struct peer *peers_find(const struct peers *all, link_peer id)
{
    LIST_EACH (&all->by_id[id & (BUCKETS - 1)], it, tmp) {
        struct peer *p = LIST_ITEM(it, struct peer, by_id);
        if (p->id == id) {
            return p;
        }
    }
    return NULL;
}

struct peer *peers_former(const struct peers *all, enum link_role role, const char *credential,
                          const char *instance)
{
    char same[INSTANCE_SIZE];
    words_copy(same, sizeof same, instance);
    LIST_EACH (&all->list, it, tmp) {
        struct peer *p = LIST_ITEM(it, struct peer, node);
        if (same[0] != '\0' && p->role == role && strcmp(p->instance, same) == 0 &&
            strcmp(p->credential, credential) == 0) {
            return p;
        }
    }
    return NULL;
}

struct peer *peers_doomed(const struct peers *all)
{
    LIST_EACH (&all->list, it, tmp) {
        struct peer *p = LIST_ITEM(it, struct peer, node);
        if (p->doomed) {
            return p;
        }
    }
    return NULL;
}

void peers_each(const struct peers *all, void (*fn)(void *arg, link_peer id), void *arg)
{
    LIST_EACH (&all->list, it, tmp) {
        fn(arg, LIST_ITEM(it, struct peer, node)->id);
    }
}

static bool is_for_jobs_cursor(const struct link_msg *m)
{
    return m->type == LINK_JOB_OPEN || m->type == LINK_JOB_UNIT;
}

static enum err put_aside(struct peer *p, const struct link_msg *m, struct blob *envelope,
                          struct blob *payload)
{
    bool is_rung = m->type == LINK_RUNG_UNIT;
    enum err e = outbox_push(&p->outbox, envelope, payload,
                             PEERS_RUNG_BYTES + (is_rung ? 0 : PEERS_CONTROL_BYTES));
    if (e != ERR_OK && !is_rung) {
        p->all->dropped++;
        p->doomed = true;
    }
    return e;
}

enum err peers_send(struct peers *all, link_peer to, const struct link_msg *m, struct blob *payload)
{
    struct peer *p = peers_find(all, to);
    if (p == NULL) {
        return ERR_NOENT;
    }
    bool waits_elsewhere = is_for_jobs_cursor(m);
    if (p->full && waits_elsewhere) {
        return ERR_AGAIN;
    }
    struct blob *envelope = link_msg_pack(m);
    if (envelope == NULL) {
        return ERR_NOMEM;
    }
    enum err e = p->full ? ERR_AGAIN : all->send(all->arg, to, envelope, payload);
    p->full = e == ERR_AGAIN;
    if (e == ERR_AGAIN && !waits_elsewhere) {
        e = put_aside(p, m, envelope, payload);
    }
    blob_unref(envelope);
    return e;
}

static enum err send_from_outbox(void *arg, struct blob *envelope, struct blob *payload)
{
    const struct peer *p = arg;
    return p->all->send(p->all->arg, p->id, envelope, payload);
}

bool peers_writable(struct peer *p)
{
    p->all->dropped += outbox_flush(&p->outbox, send_from_outbox, p);
    p->full = !outbox_is_empty(&p->outbox);
    return !p->full;
}

size_t peers_waiting_bytes(const struct peers *all)
{
    size_t sum = 0;
    LIST_EACH (&all->list, it, tmp) {
        sum += LIST_ITEM(it, const struct peer, node)->outbox.bytes;
    }
    return sum;
}

uint64_t peers_dropped(const struct peers *all)
{
    return all->dropped;
}
