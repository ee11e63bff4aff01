#include "broadcaster/paywall/prices.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "broadcaster/paywall/money.h"
#include "run/config_words.h"

struct entry {
    char *name; /* without the star at its end */
    bool prefix;
    struct toll toll;
};

struct list_of {
    struct entry *entries;
    size_t n;
};

struct prices {
    pthread_rwlock_t lock; /* of all below */
    struct toll rest;
    struct list_of streams, files;
};

struct reader {
    int scale;
    struct config_fault *fault;
};

static enum err wrong(struct reader *r, const struct config_node *n, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static enum err wrong(struct reader *r, const struct config_node *n, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    r->fault->line = n->line;
    vsnprintf(r->fault->text, sizeof r->fault->text, format, args);
    va_end(args);
    return ERR_PROTO;
}

static const char *amount_words(enum err e)
{
    return e == ERR_LIMIT ? "has more digits than the ledger keeps, or is too large"
                          : "is no amount such as 0.001";
}

enum err prices_default(const char *per_minute, const char *per_mb, int scale,
                        struct toll *ret_toll, char *ret_why)
{
    bool minute = per_minute[0] != '\0', mb = per_mb[0] != '\0';
    if (minute && mb) {
        snprintf(ret_why, CONFIG_WHY_MAX,
                 "-pricePerMinute and -pricePerMB are both given: choose one of them");
        return ERR_PROTO;
    }
    struct toll t = {.per = minute ? TOLL_PER_MINUTE : mb ? TOLL_PER_MB : TOLL_FREE};
    enum err e = ERR_OK;
    if (t.per != TOLL_FREE) {
        e = money_parse(span_cstr(minute ? per_minute : per_mb), scale, &t.amount);
    }
    if (e != ERR_OK) {
        snprintf(ret_why, CONFIG_WHY_MAX, "%s %s", minute ? "-pricePerMinute" : "-pricePerMB",
                 amount_words(e));
        return e;
    }
    if (t.amount == 0) {
        t.per = TOLL_FREE;
    }
    *ret_toll = t;
    return ERR_OK;
}

/* --- reading --- */

static enum err take_amount(struct reader *r, const struct config_node *n, enum toll_per per,
                            struct toll *t)
{
    enum err e =
        n->kind == CONFIG_TEXT ? money_parse(span_cstr(n->text), r->scale, &t->amount) : ERR_PROTO;
    if (e != ERR_OK) {
        return wrong(r, n, "%s: that %s", n->key, amount_words(e));
    }
    t->per = t->amount > 0 ? per : TOLL_FREE;
    return ERR_OK;
}

static enum err take_toll(struct reader *r, const struct config_node *n, struct toll *ret)
{
    char space[CONFIG_SHOWN_SIZE];
    if (n->kind == CONFIG_TEXT && strcmp(n->text, "free") == 0) {
        *ret = (struct toll){TOLL_FREE, 0};
        return ERR_OK;
    }
    if (n->kind != CONFIG_MAP || n->count != 1) {
        return wrong(r, n, "%s: takes free, or one of perMinute and perMB",
                     config_shown(n->key, space));
    }
    if (strcmp(n->first->key, "perMinute") == 0) {
        return take_amount(r, n->first, TOLL_PER_MINUTE, ret);
    }
    if (strcmp(n->first->key, "perMB") == 0) {
        return take_amount(r, n->first, TOLL_PER_MB, ret);
    }
    return wrong(r, n->first, "%s: there is no such price; known are perMinute and perMB",
                 config_shown(n->first->key, space));
}

static enum err take_list(struct reader *r, const struct config_node *map, struct list_of *l)
{
    char space[CONFIG_SHOWN_SIZE];
    if (map->kind != CONFIG_MAP || map->count > PRICES_MAX) {
        return wrong(r, map, "%s: takes up to %d names with their prices",
                     config_shown(map->key, space), PRICES_MAX);
    }
    l->entries = mem_alloc((map->count + 1) * sizeof l->entries[0]);
    for (const struct config_node *n = map->first; n != NULL; n = n->next) {
        struct entry e = {0};
        size_t len = strlen(n->key);
        enum err bad = take_toll(r, n, &e.toll);
        if (bad != ERR_OK) {
            return bad;
        }
        if (len == 0 || len > PRICES_NAME_MAX) {
            return wrong(r, n, "a name is empty or too long");
        }
        e.prefix = n->key[len - 1] == '*';
        e.name = mem_strdup(n->key);
        e.name[len - e.prefix] = '\0';
        l->entries[l->n++] = e;
    }
    return ERR_OK;
}

static enum err take_root(struct reader *r, const struct config_node *root, struct prices *p)
{
    char space[CONFIG_SHOWN_SIZE];
    if (root->kind != CONFIG_MAP) {
        return wrong(r, root, "it is no map of streams and files");
    }
    enum err e = ERR_OK;
    for (const struct config_node *n = root->first; n != NULL && e == ERR_OK; n = n->next) {
        if (strcmp(n->key, "streams") == 0) {
            e = take_list(r, n, &p->streams);
        } else if (strcmp(n->key, "files") == 0) {
            e = take_list(r, n, &p->files);
        } else {
            e = wrong(r, n, "%s: there is no such list; known are streams and files",
                      config_shown(n->key, space));
        }
    }
    return e;
}

enum err prices_read(const struct config_node *root, const struct toll *rest, int scale,
                     struct prices **ret_prices, struct config_fault *ret_fault)
{
    struct prices *p = mem_alloc(sizeof *p);
    struct reader r = {scale, ret_fault};
    pthread_rwlock_init(&p->lock, NULL);
    p->rest = *rest;
    enum err e = root != NULL ? take_root(&r, root, p) : ERR_OK;
    if (e != ERR_OK) {
        prices_destroy(p);
        return e;
    }
    *ret_prices = p;
    return ERR_OK;
}

enum err prices_load(const char *path, const struct toll *rest, int scale,
                     struct prices **ret_prices, char *ret_why)
{
    struct config_node *root = NULL;
    struct config_fault fault = {0};
    enum err e = ERR_OK;
    if (path[0] != '\0') {
        e = config_tree_load(path, "-prices", &root, ret_why);
    }
    if (e != ERR_OK) {
        return e;
    }
    e = prices_read(root, rest, scale, ret_prices, &fault);
    config_tree_destroy(root);
    if (e != ERR_OK) {
        config_fault_format(path, &fault, ret_why);
    }
    return e;
}

static void list_fini(struct list_of *l)
{
    for (size_t i = 0; i < l->n; i++) {
        mem_free(l->entries[i].name);
    }
    mem_free(l->entries);
}

void prices_destroy(struct prices *p)
{
    if (p != NULL) {
        list_fini(&p->streams);
        list_fini(&p->files);
        pthread_rwlock_destroy(&p->lock);
        mem_free(p);
    }
}

static void swap(struct list_of *a, struct list_of *b)
{
    struct list_of had = *a;
    *a = *b;
    *b = had;
}

void prices_replace(struct prices *p, struct prices *fresh)
{
    pthread_rwlock_wrlock(&p->lock);
    p->rest = fresh->rest;
    swap(&p->streams, &fresh->streams);
    swap(&p->files, &fresh->files);
    pthread_rwlock_unlock(&p->lock);
    prices_destroy(fresh);
}

/* --- asking --- */

static struct toll find(struct prices *p, const struct list_of *l, const char *name)
{
    pthread_rwlock_rdlock(&p->lock);
    struct toll found = p->rest;
    for (size_t i = 0; i < l->n; i++) {
        const struct entry *e = &l->entries[i];
        bool fits =
            e->prefix ? strncmp(name, e->name, strlen(e->name)) == 0 : strcmp(name, e->name) == 0;
        if (fits) {
            found = e->toll;
            break;
        }
    }
    pthread_rwlock_unlock(&p->lock);
    return found;
}

struct toll prices_of_stream(struct prices *p, const char *id)
{
    return find(p, &p->streams, id);
}

struct toll prices_of_file(struct prices *p, const char *path)
{
    return find(p, &p->files, path);
}

static bool list_any(const struct list_of *l)
{
    for (size_t i = 0; i < l->n; i++) {
        if (l->entries[i].toll.per != TOLL_FREE) {
            return true;
        }
    }
    return false;
}

bool prices_any(struct prices *p)
{
    pthread_rwlock_rdlock(&p->lock);
    bool any = p->rest.per != TOLL_FREE || list_any(&p->streams) || list_any(&p->files);
    pthread_rwlock_unlock(&p->lock);
    return any;
}
