#include "broadcaster/viewers/address_count.h"

#include <assert.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "base/list.h"
#include "base/mem.h"

#define BUCKETS       1024
#define ADDRESS_BYTES 16

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

static void read_address(const struct sockaddr *from, uint8_t ret_ip[ADDRESS_BYTES])
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    memset(ret_ip, 0, ADDRESS_BYTES);
    if (from != NULL && from->sa_family == AF_INET) {
        memcpy(ret_ip, mapped, sizeof mapped);
        memcpy(ret_ip + sizeof mapped, &((const struct sockaddr_in *)from)->sin_addr, 4);
    } else if (from != NULL && from->sa_family == AF_INET6) {
        memcpy(ret_ip, &((const struct sockaddr_in6 *)from)->sin6_addr, ADDRESS_BYTES);
    }
    if (memcmp(ret_ip, mapped, sizeof mapped) != 0) {
        memset(ret_ip + ADDRESS_BYTES / 2, 0, ADDRESS_BYTES / 2);
    }
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

enum err address_count_up(struct address_count *a, const struct sockaddr *from)
{
    if (a->max == 0) {
        return ERR_OK;
    }
    uint8_t ip[ADDRESS_BYTES];
    read_address(from, ip);
    pthread_mutex_lock(&a->lock);
    enum err e = count_up(a, ip);
    pthread_mutex_unlock(&a->lock);
    return e;
}

void address_count_down(struct address_count *a, const struct sockaddr *from)
{
    if (a->max == 0) {
        return;
    }
    uint8_t ip[ADDRESS_BYTES];
    read_address(from, ip);
    pthread_mutex_lock(&a->lock);
    struct address *address = find(bucket_of(a, ip), ip);
    assert(address != NULL && address->n > 0);
    if (--address->n == 0) {
        list_remove(&address->node);
        mem_free(address);
    }
    pthread_mutex_unlock(&a->lock);
}
