#include "broadcaster/viewers/address_count.h"

#include <assert.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "base/list.h"
#include "base/mem.h"
#include "broadcaster/viewers/client.h"

#define BUCKETS       1024
#define ADDRESS_BYTES CIDR_ADDRESS_BYTES

struct address {
    struct list node;
    uint8_t ip[ADDRESS_BYTES];
    size_t n;
};

struct address_count {
    size_t max;
    pthread_mutex_t lock; /* of the buckets */
    struct list buckets[BUCKETS];
};

struct address_count *address_count_create(size_t max)
{
    struct address_count *a = mem_alloc(sizeof *a);
    a->max = max;
    pthread_mutex_init(&a->lock, NULL);
    for (size_t i = 0; i < BUCKETS; i++) {
        list_init(&a->buckets[i]);
    }
    return a;
}

void address_count_destroy(struct address_count *a)
{
    if (a == NULL) {
        return;
    }
    for (size_t i = 0; i < BUCKETS; i++) {
        LIST_EACH (&a->buckets[i], it, tmp) {
            mem_free(LIST_ITEM(it, struct address, node));
        }
    }
    pthread_mutex_destroy(&a->lock);
    mem_free(a);
}

static struct list *bucket_of(struct address_count *a, const uint8_t ip[ADDRESS_BYTES])
{
    uint32_t hash = 2166136261U; /* FNV-1a, 32 bits */
    for (size_t i = 0; i < ADDRESS_BYTES; i++) {
        hash = (hash ^ ip[i]) * 16777619U;
    }
    return &a->buckets[hash % BUCKETS];
}

static struct address *find(struct list *bucket, const uint8_t ip[ADDRESS_BYTES])
{
    LIST_EACH (bucket, it, tmp) {
        struct address *address = LIST_ITEM(it, struct address, node);
        if (memcmp(address->ip, ip, ADDRESS_BYTES) == 0) {
            return address;
        }
    }
    return NULL;
}

static enum err count_up(struct address_count *a, const uint8_t ip[ADDRESS_BYTES])
{
    struct list *bucket = bucket_of(a, ip);
    struct address *address = find(bucket, ip);
    if (address == NULL) {
        address = mem_try_alloc(sizeof *address);
        if (address == NULL) {
            return ERR_NOMEM;
        }
        memcpy(address->ip, ip, ADDRESS_BYTES);
        list_push_back(bucket, &address->node);
    }
    if (address->n >= a->max) {
        return ERR_LIMIT;
    }
    address->n++;
    return ERR_OK;
}

enum err address_count_up(struct address_count *a, const uint8_t *address)
{
    if (a->max == 0) {
        return ERR_OK;
    }
    uint8_t ip[ADDRESS_BYTES];
    client_subscriber(address, ip);
    pthread_mutex_lock(&a->lock);
    enum err e = count_up(a, ip);
    pthread_mutex_unlock(&a->lock);
    return e;
}

void address_count_down(struct address_count *a, const uint8_t *address)
{
    if (a->max == 0) {
        return;
    }
    uint8_t ip[ADDRESS_BYTES];
    client_subscriber(address, ip);
    pthread_mutex_lock(&a->lock);
    struct address *counted = find(bucket_of(a, ip), ip);
    assert(counted != NULL && counted->n > 0);
    if (--counted->n == 0) {
        list_remove(&counted->node);
        mem_free(counted);
    }
    pthread_mutex_unlock(&a->lock);
}
