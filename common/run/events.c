#include "run/events.h"

#include <dirent.h>
#include <errno.h>
#include <nanomsg/nn.h>
#include <nanomsg/pubsub.h>
#include <nanomsg/survey.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "base/mem.h"
#include "run/events_names.h"

#define SURVEYS_AT_ONCE 16 /* answered before the loop goes on with other work */

struct events {
    int publisher, respondent;
    uv_poll_t *poll; /* lives until its close callback */
    const char *role, *name;
    char publisher_path[EVENTS_PATH_MAX], respondent_path[EVENTS_PATH_MAX];
    events_status_fn *status;
    void *status_arg;
};

static _Thread_local struct events *sink;

/* A killed role leaves its sockets behind; the process number in the name says whose they were. */
static void remove_stale(const char *run_dir)
{
    DIR *dir = opendir(run_dir);
    struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        long pid = events_name_pid(entry->d_name);
        if (pid > 0 && kill((pid_t)pid, 0) != 0 && errno == ESRCH) {
            unlinkat(dirfd(dir), entry->d_name, 0);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
}

static void answer_surveys(uv_poll_t *poll, int status, int ready)
{
    char question[64];
    for (int i = 0; i < SURVEYS_AT_ONCE && sink != NULL; i++) {
        if (nn_recv(sink->respondent, question, sizeof question, NN_DONTWAIT) < 0) {
            return;
        }
        struct json *j = sink->status(sink->status_arg);
        char *text = json_line(j);
        json_destroy(j);
        /* A surveyor that has gone gets no answer, and that is fine. */
        nn_send(sink->respondent, text, strlen(text), NN_DONTWAIT);
        mem_free(text);
    }
}

static int bind_socket(int protocol, const char *path)
{
    char url[EVENTS_PATH_MAX + 8];
    snprintf(url, sizeof url, "ipc://%s", path);
    int s = nn_socket(AF_SP, protocol);
    if (s >= 0 && nn_bind(s, url) < 0) {
        nn_close(s);
        s = -1;
    }
    return s;
}

static enum err watch_surveys(struct loop *l, struct events *e)
{
    int fd;
    size_t size = sizeof fd;
    if (nn_getsockopt(e->respondent, NN_SOL_SOCKET, NN_RCVFD, &fd, &size) != 0) {
        return ERR_IO;
    }
    e->poll = mem_alloc(sizeof *e->poll);
    if (uv_poll_init(loop_uv(l), e->poll, fd) != 0) {
        mem_free(e->poll);
        e->poll = NULL;
        return ERR_IO;
    }
    uv_poll_start(e->poll, UV_READABLE, answer_surveys);
    return ERR_OK;
}

enum err events_open(struct loop *l, const char *run_dir, const char *role, const char *name,
                     events_status_fn *status, void *arg)
{
    struct events *e = mem_alloc(sizeof *e);
    e->role = role;
    e->name = name;
    e->status = status;
    e->status_arg = arg;
    remove_stale(run_dir);
    events_name_write(e->publisher_path, run_dir, role, getpid(), EVENTS_SUFFIX);
    events_name_write(e->respondent_path, run_dir, role, getpid(), SURVEY_SUFFIX);
    e->publisher = bind_socket(NN_PUB, e->publisher_path);
    e->respondent = bind_socket(NN_RESPONDENT, e->respondent_path);
    sink = e;
    enum err result = e->publisher < 0 || e->respondent < 0 ? ERR_IO : watch_surveys(l, e);
    if (result != ERR_OK) {
        events_close();
    }
    return result;
}

static void poll_closed(uv_handle_t *handle)
{
    mem_free(handle);
}

void events_close(void)
{
    struct events *e = sink;
    if (e == NULL) {
        return;
    }
    sink = NULL;
    if (e->poll != NULL) {
        uv_close((uv_handle_t *)e->poll, poll_closed);
    }
    if (e->publisher >= 0) {
        nn_close(e->publisher);
        unlink(e->publisher_path);
    }
    if (e->respondent >= 0) {
        nn_close(e->respondent);
        unlink(e->respondent_path);
    }
    mem_free(e);
}

static void set_time(struct json *j)
{
    struct timespec now;
    struct tm utc;
    char text[40];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text + n, sizeof text - n, ".%03ldZ", now.tv_nsec / 1000000);
    json_set_str(j, "time", text);
}

struct json *event_begin(const char *event)
{
    struct json *j = json_new_object();
    set_time(j);
    if (sink != NULL) {
        json_set_str(j, "role", sink->role);
        json_set_str(j, "name", sink->name);
    }
    json_set_str(j, "event", event);
    return j;
}

void event_end(struct json *j)
{
    if (sink != NULL) {
        char *text = json_line(j);
        nn_send(sink->publisher, text, strlen(text), NN_DONTWAIT);
        mem_free(text);
    }
    json_destroy(j);
}

void event_emit(const char *event, const char *key, const char *value)
{
    event_emit_reason(event, key, value, NULL);
}

void event_emit_reason(const char *event, const char *key, const char *value, const char *reason)
{
    if (sink == NULL) {
        return;
    }
    struct json *j = event_begin(event);
    json_set_str(j, key, value);
    if (reason != NULL) {
        json_set_str(j, "reason", reason);
    }
    event_end(j);
}
