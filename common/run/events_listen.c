#include "run/events_listen.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <nanomsg/nn.h>
#include <nanomsg/pubsub.h>
#include <nanomsg/survey.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "run/events_names.h"

#define DOCUMENT_MAX (16 * 1024 * 1024) /* of one status document or event */

struct events_listener {
    int socket;
    char known[EVENTS_PEERS_MAX][NAME_MAX + 1];
    size_t n_known;
};

static bool is_alive(const char *name)
{
    long pid = events_name_pid(name);
    return pid > 0 && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

static bool connect_to(int socket, const char *run_dir, const char *name)
{
    char url[EVENTS_PATH_MAX + NAME_MAX + 8];
    snprintf(url, sizeof url, "ipc://%s/%s", run_dir, name);
    return nn_connect(socket, url) >= 0;
}

/* Calls fn for each socket of that kind whose process lives; returns how many there are. */
static size_t each_socket(const char *run_dir, const char *suffix,
                          bool (*fn)(void *arg, const char *name), void *arg)
{
    size_t n = 0;
    DIR *dir = opendir(run_dir);
    struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL && n < EVENTS_PEERS_MAX) {
        if (events_name_has(entry->d_name, suffix) && is_alive(entry->d_name)) {
            n += fn(arg, entry->d_name);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return n;
}

static void set_int(int socket, int level, int option, int value)
{
    nn_setsockopt(socket, level, option, &value, sizeof value);
}

struct survey {
    int socket;
    const char *run_dir;
};

static bool survey_connect(void *arg, const char *name)
{
    const struct survey *s = arg;
    return connect_to(s->socket, s->run_dir, name);
}

/* Connections come to be in the background: a question asked too early reaches nobody. */
static size_t wait_connected(int socket, size_t wanted, int wait_ms)
{
    size_t connected = 0;
    for (int waited = 0; waited < wait_ms && connected < wanted; waited += 5) {
        connected = (size_t)nn_get_statistic(socket, NN_STAT_CURRENT_CONNECTIONS);
        if (connected < wanted) {
            struct nn_pollfd none = {.fd = socket, .events = 0};
            nn_poll(&none, 1, 5);
        }
    }
    return connected;
}

size_t events_survey(const char *run_dir, int wait_ms, events_text_fn *fn, void *arg)
{
    struct survey s = {.socket = nn_socket(AF_SP, NN_SURVEYOR), .run_dir = run_dir};
    if (s.socket < 0) {
        return 0;
    }
    set_int(s.socket, NN_SURVEYOR, NN_SURVEYOR_DEADLINE, wait_ms);
    set_int(s.socket, NN_SOL_SOCKET, NN_RCVMAXSIZE, DOCUMENT_MAX);
    size_t n = each_socket(run_dir, SURVEY_SUFFIX, survey_connect, &s);
    size_t answers = 0, connected = wait_connected(s.socket, n, wait_ms);
    if (connected > 0 && nn_send(s.socket, "status", 6, 0) == 6) {
        void *text = NULL;
        int len;
        while (answers < connected && (len = nn_recv(s.socket, &text, NN_MSG, 0)) >= 0) {
            fn(arg, span_of(text, (size_t)len));
            nn_freemsg(text);
            answers++;
        }
    }
    nn_close(s.socket);
    return n;
}

enum err events_listener_create(struct events_listener **ret_listener)
{
    int socket = nn_socket(AF_SP, NN_SUB);
    if (socket < 0) {
        return ERR_IO;
    }
    nn_setsockopt(socket, NN_SUB, NN_SUB_SUBSCRIBE, "", 0);
    set_int(socket, NN_SOL_SOCKET, NN_RCVMAXSIZE, DOCUMENT_MAX);
    struct events_listener *l = mem_alloc(sizeof *l);
    l->socket = socket;
    *ret_listener = l;
    return ERR_OK;
}

void events_listener_destroy(struct events_listener *l)
{
    if (l != NULL) {
        nn_close(l->socket);
        mem_free(l);
    }
}

struct refresh {
    struct events_listener *listener;
    const char *run_dir;
};

static bool listener_connect(void *arg, const char *name)
{
    const struct refresh *r = arg;
    struct events_listener *l = r->listener;
    for (size_t i = 0; i < l->n_known; i++) {
        if (strcmp(l->known[i], name) == 0) {
            return true;
        }
    }
    if (l->n_known == EVENTS_PEERS_MAX || !connect_to(l->socket, r->run_dir, name)) {
        return false;
    }
    snprintf(l->known[l->n_known++], sizeof l->known[0], "%s", name);
    return true;
}

size_t events_listener_refresh(struct events_listener *l, const char *run_dir)
{
    struct refresh r = {l, run_dir};
    return each_socket(run_dir, EVENTS_SUFFIX, listener_connect, &r);
}

bool events_listener_next(struct events_listener *l, int wait_ms, events_text_fn *fn, void *arg)
{
    set_int(l->socket, NN_SOL_SOCKET, NN_RCVTIMEO, wait_ms);
    void *text = NULL;
    int len = nn_recv(l->socket, &text, NN_MSG, 0);
    if (len < 0) {
        return false;
    }
    fn(arg, span_of(text, (size_t)len));
    nn_freemsg(text);
    return true;
}
