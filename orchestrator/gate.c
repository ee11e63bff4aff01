#include "orchestrator/gate.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "run/log.h"

#define PATH_SIZE 4200

/* A credential that was used since the start. */
struct seen {
    char name[LINK_NAME_SIZE];
    enum link_role role;
    unsigned connected;
    int64_t last_s; /* when one of its connections came or went */
};

struct gate {
    char *data_dir;
    char path[PATH_SIZE];
    pthread_mutex_t lock;
    /* under the lock */
    struct admitted *list;
    struct stat known; /* the file that was looked at last; all zeros: there was none */
    int fd;            /* that file, so that no other can have its number; -1: none */
    uint64_t version;  /* counts the lists */
    /* loop's thread */
    uint64_t told; /* the version that gate_look told of last */
    struct seen *seen;
    size_t n_seen;
};

/* --- the list --- */

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mode == b->st_mode && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static enum err load(struct gate *g, char *ret_why)
{
    struct admitted *list;
    int fd = -1;
    enum err e = credentials_read(g->data_dir, &list, &fd, ret_why);
    if (e != ERR_OK) {
        return e;
    }
    if (g->fd >= 0) {
        close(g->fd);
    }
    g->fd = fd;
    admitted_destroy(g->list);
    g->list = list;
    g->version++;
    return ERR_OK;
}

/* Under the lock. */
static void refresh(struct gate *g)
{
    struct stat st;
    if (stat(g->path, &st) != 0) {
        memset(&st, 0, sizeof st);
    }
    if (same_file(&st, &g->known)) {
        return;
    }
    char why[CREDENTIALS_WHY_MAX];
    g->known = st; /* what is written between this and the reading is looked at again */
    if (load(g, why) != ERR_OK) {
        log_error("gate", "list", "%s; until then the list stays as it was", why);
    } else {
        log_info("gate", "list", "credentials=%zu", admitted_count(g->list));
    }
}

enum err gate_open(const char *data_dir, struct gate **ret_gate, char *ret_why)
{
    struct gate *g = mem_alloc(sizeof *g);
    g->data_dir = mem_strdup(data_dir);
    credentials_path(data_dir, g->path, sizeof g->path);
    g->fd = -1;
    pthread_mutex_init(&g->lock, NULL);
    if (stat(g->path, &g->known) != 0) {
        memset(&g->known, 0, sizeof g->known);
    }
    enum err e = load(g, ret_why);
    if (e != ERR_OK) {
        gate_close(g);
        return e;
    }
    g->told = g->version;
    *ret_gate = g;
    return ERR_OK;
}

void gate_close(struct gate *g)
{
    if (g == NULL) {
        return;
    }
    if (g->fd >= 0) {
        close(g->fd);
    }
    pthread_mutex_destroy(&g->lock);
    admitted_destroy(g->list);
    mem_free(g->seen);
    mem_free(g->data_dir);
    mem_free(g);
}

void gate_admit(void *arg, const unsigned char *key, struct link_admission *admission)
{
    struct gate *g = arg;
    pthread_mutex_lock(&g->lock);
    refresh(g);
    const struct admitted_entry *e = admitted_by_key(g->list, key);
    if (e != NULL && e->revoked_s == 0) {
        admission->role = e->role;
        memcpy(admission->credential, e->name, sizeof admission->credential);
    } else if (e != NULL) {
        snprintf(admission->words, sizeof admission->words, "the credential \"%s\" was revoked",
                 e->name);
    }
    pthread_mutex_unlock(&g->lock);
}

size_t gate_strangers(struct gate *g, const unsigned char *server_key,
                      char ret_example[LINK_NAME_SIZE])
{
    size_t n = 0;
    pthread_mutex_lock(&g->lock);
    for (size_t i = 0; i < admitted_count(g->list); i++) {
        const struct admitted_entry *e = admitted_at(g->list, i);
        if (e->revoked_s == 0 && strcmp(e->name, CREDENTIALS_LOCAL) != 0 &&
            memcmp(e->server_key, server_key, LINK_KEY_BYTES) != 0) {
            memcpy(ret_example, e->name, LINK_NAME_SIZE);
            n++;
        }
    }
    pthread_mutex_unlock(&g->lock);
    return n;
}

/* --- who was seen --- */

static struct seen *find_seen(struct gate *g, const char *name)
{
    for (size_t i = 0; i < g->n_seen; i++) {
        if (strcmp(g->seen[i].name, name) == 0) {
            return &g->seen[i];
        }
    }
    return NULL;
}

/* Those that the list knows no more. Under the lock. */
static void forget_unlisted(struct gate *g)
{
    size_t kept = 0;
    for (size_t i = 0; i < g->n_seen; i++) {
        if (g->seen[i].connected > 0 || admitted_by_name(g->list, g->seen[i].name) != NULL) {
            g->seen[kept++] = g->seen[i];
        }
    }
    g->n_seen = kept;
}

bool gate_look(struct gate *g)
{
    pthread_mutex_lock(&g->lock);
    refresh(g);
    bool changed = g->version != g->told;
    g->told = g->version;
    if (changed) {
        forget_unlisted(g);
    }
    pthread_mutex_unlock(&g->lock);
    return changed;
}

void gate_joined(struct gate *g, const char *name, enum link_role role)
{
    struct seen *s = find_seen(g, name);
    if (s == NULL) {
        struct seen *all = mem_try_realloc(g->seen, (g->n_seen + 1) * sizeof *all);
        if (all == NULL) {
            return; /* only the report lacks it */
        }
        g->seen = all;
        s = &all[g->n_seen++];
        memset(s, 0, sizeof *s);
        snprintf(s->name, sizeof s->name, "%s", name);
    }
    s->role = role;
    s->connected++;
    s->last_s = clock_wall_ms() / 1000;
}

void gate_left(struct gate *g, const char *name)
{
    struct seen *s = find_seen(g, name);
    if (s != NULL && s->connected > 0) {
        s->connected--;
        s->last_s = clock_wall_ms() / 1000;
    }
}

static struct json *seen_json(const struct gate *g)
{
    struct json *all = json_new_array();
    for (size_t i = 0; i < g->n_seen; i++) {
        const struct seen *s = &g->seen[i];
        struct json *j = json_new_object();
        json_set_str(j, "name", s->name);
        json_set_str(j, "role", link_role_name(s->role));
        json_set_int(j, "connected", s->connected);
        json_set_int(j, "last_seen", s->connected > 0 ? clock_wall_ms() / 1000 : s->last_s);
        json_append(all, j);
    }
    return all;
}

void gate_status(struct gate *g, struct json *object)
{
    size_t admitted = 0;
    pthread_mutex_lock(&g->lock);
    size_t n = admitted_count(g->list);
    for (size_t i = 0; i < n; i++) {
        admitted += admitted_at(g->list, i)->revoked_s == 0;
    }
    pthread_mutex_unlock(&g->lock);
    struct json *j = json_new_object();
    json_set_int(j, "admitted", (int64_t)admitted);
    json_set_int(j, "revoked", (int64_t)(n - admitted));
    json_set(j, "seen", seen_json(g));
    json_set(object, "credentials", j);
}
