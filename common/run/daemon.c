#include "run/daemon.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "base/blob.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/version.h"
#include "run/addr.h"
#include "run/events.h"
#include "run/http.h"
#include "run/log.h"
#include "run/metrics.h"
#include "run/notify.h"
#include "run/run_dir.h"

#define OPTIONS_MAX     64
#define OPTION_FIELD(f) offsetof(struct daemon_config, f)

static const struct option common_options[] = {
    {"cliAddr", OPTION_STRING, "", 0, 0, false, OPTION_FIELD(cli_addr), "HOST:PORT",
     "Where /status, /metrics and /healthz are served."},
    {"datadir", OPTION_STRING, "", 0, 0, false, OPTION_FIELD(data_dir), "DIR",
     "Where credentials and state are kept; default ~/.lpData/NETWORK."},
    {"network", OPTION_STRING, "offchain", 0, 0, false, OPTION_FIELD(network), "NAME",
     "Name of the network; only offchain is known."},
    {"name", OPTION_STRING, "", 0, 0, false, OPTION_FIELD(name), "NAME",
     "What others call this process; default host:pid."},
    {"runDir", OPTION_STRING, "", 0, 0, false, OPTION_FIELD(run_dir), "DIR",
     "Where local sockets for bin/status are made; default $XDG_RUNTIME_DIR/streaming-back-end, "
     "/run/streaming-back-end for root."},
    {"v", OPTION_INT, "3", 0, 99, false, OPTION_FIELD(verbosity), "N",
     "How much to log: 0 errors, 1 warnings, 3 events, 6 everything."},
    {"version", OPTION_BOOL, NULL, 0, 0, false, OPTION_FIELD(version), NULL,
     "Prints the version and ends."},
    {"help", OPTION_BOOL, NULL, 0, 0, false, OPTION_FIELD(help), NULL, "Prints this and ends."},
};
#define N_COMMON (sizeof common_options / sizeof common_options[0])

struct process {
    struct daemon d;
    const struct role *role;
    void *instance;
    struct http_server *server;
    char control[ADDR_MAX]; /* its address */
    struct notify *notify;
    int64_t started_ms;
};

static void print_version(void)
{
    struct utsname u;
    uname(&u);
    printf("Livepeer Node Version: %s\nC compiler version: %s\nArchitecture: %s\n"
           "Operating system: linux\n",
           software_version, __VERSION__, u.machine);
}

/* --- the control server --- */

static struct json *describe(void *arg)
{
    struct process *p = arg;
    struct json *j = json_new_object();
    json_set_str(j, "role", p->role->name);
    json_set_str(j, "name", p->d.config->name);
    json_set_str(j, "version", software_version);
    json_set_int(j, "uptime_s", (clock_mono_ms() - p->started_ms) / 1000);
    json_set_bool(j, "stopping", p->d.stopping);
    json_set_int(j, "blob_bytes", (int64_t)blob_live_bytes());
    p->role->status(p->instance, j);
    return j;
}

static void answer_status(struct process *p, struct http_answer *a)
{
    struct json *j = describe(p);
    char *text = json_text(j);
    json_destroy(j);
    a->content_type = "application/json";
    if (buf_put(&a->body, span_cstr(text)) != ERR_OK) {
        a->status = 500;
    }
    mem_free(text);
}

static void answer_metrics(struct process *p, struct http_answer *a)
{
    a->content_type = "text/plain; version=0.0.4; charset=utf-8";
    metrics_family(&a->body, "sbe_build_info", METRIC_GAUGE, "Version of the program.");
    metrics_sample(&a->body, "sbe_build_info",
                   (const char *const[]){"role", p->role->name, "version", software_version, NULL},
                   1);
    metrics_family(&a->body, "sbe_uptime_seconds", METRIC_GAUGE, "Seconds since the start.");
    metrics_sample(&a->body, "sbe_uptime_seconds", NULL,
                   (double)(clock_mono_ms() - p->started_ms) / 1000.0);
    metrics_family(&a->body, "sbe_blob_bytes", METRIC_GAUGE, "Media bytes held in memory.");
    metrics_sample(&a->body, "sbe_blob_bytes", NULL, (double)blob_live_bytes());
    p->role->metrics(p->instance, &a->body);
}

static void plain(struct http_answer *a, int status, const char *text)
{
    a->status = status;
    if (buf_put(&a->body, span_cstr(text)) != ERR_OK) {
        a->status = 500;
    }
}

static void handle(void *arg, const char *method, const char *path, struct http_answer *answer)
{
    struct process *p = arg;
    bool reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    if (p->role->control != NULL && p->role->control(p->instance, method, path, answer)) {
        return;
    }
    if (!reads) {
        plain(answer, 405, "only GET and HEAD work here\n");
    } else if (strcmp(path, "/healthz") == 0) {
        plain(answer, 200, "ok\n");
    } else if (strcmp(path, "/status") == 0) {
        answer_status(p, answer);
    } else if (strcmp(path, "/metrics") == 0) {
        answer_metrics(p, answer);
    } else {
        plain(answer, 404, "there are /healthz, /status and /metrics here\n");
    }
}

static enum err open_control(struct process *p)
{
    struct addr a;
    if (addr_parse(p->d.config->cli_addr, "127.0.0.1", atoi(p->role->default_cli_addr_port), &a) !=
        ERR_OK) {
        log_error("daemon", "bad_address", "-cliAddr \"%s\" is not host:port",
                  p->d.config->cli_addr);
        return ERR_PROTO;
    }
    addr_format(&a, p->control);
    const char *why = "";
    enum err e = http_server_create(p->d.loop, p->control, handle, p, &p->server, &why);
    if (e != ERR_OK) {
        log_error("daemon", "cannot_listen",
                  "control address %s: %s; choose another one with -cliAddr", p->control, why);
    }
    return e;
}

/* --- configuration --- */

static size_t join_options(const struct role *role, struct option *out)
{
    size_t n = role->n_options;
    memcpy(out, role->options, n * sizeof *out);
    memcpy(out + n, common_options, sizeof common_options);
    return n + N_COMMON;
}

static enum err make_dirs(char *path)
{
    for (char *slash = strchr(path + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash != NULL) {
            *slash = '\0';
        }
        int failed = mkdir(path, 0700) != 0 && errno != EEXIST;
        if (slash == NULL) {
            return failed ? ERR_IO : ERR_OK;
        }
        *slash = '/';
        if (failed) {
            return ERR_IO;
        }
    }
}

static enum err open_data_dir(struct daemon *d)
{
    const char *home = getenv("HOME");
    int n = d->config->data_dir[0] != '\0'
                ? snprintf(d->data_dir, sizeof d->data_dir, "%s", d->config->data_dir)
                : snprintf(d->data_dir, sizeof d->data_dir, "%s/.lpData/%s",
                           home != NULL ? home : ".", d->config->network);
    if (n < 0 || (size_t)n >= sizeof d->data_dir) {
        log_error("daemon", "data_dir", "the name given with -datadir is too long");
        return ERR_LIMIT;
    }
    if (make_dirs(d->data_dir) != ERR_OK) {
        log_error("daemon", "data_dir", "cannot make %s: %s; choose another one with -datadir",
                  d->data_dir, strerror(errno));
        return ERR_IO;
    }
    return ERR_OK;
}

static enum err check_config(const struct daemon_config *c)
{
    if (strcmp(c->network, "offchain") != 0) {
        log_error("daemon", "config", "-network \"%s\" is not known; there is only offchain",
                  c->network);
        return ERR_PROTO;
    }
    return ERR_OK;
}

static void name_self(struct daemon_config *c, char *space, size_t size)
{
    if (c->name[0] == '\0') {
        struct utsname u;
        uname(&u);
        snprintf(space, size, "%.64s:%d", u.nodename, (int)getpid());
        c->name = space;
    }
}

/* --- life --- */

/* Events and surveys are a convenience: without them the role works all the same. */
static void open_events(struct process *p)
{
    char dir[RUN_DIR_MAX];
    enum err e = run_dir_choose(p->d.config->run_dir, dir);
    if (e == ERR_OK) {
        e = run_dir_open(dir);
    }
    if (e == ERR_OK) {
        e = events_open(p->d.loop, dir, p->role->name, p->d.config->name, describe, p);
    }
    if (e == ERR_OK) {
        event_emit("role_started", "version", software_version);
    } else {
        log_warn(
            "daemon", "no_events",
            "bin/status will not see this role: the run directory cannot be used (%s); it must "
            "be a directory of this user with mode 0700; choose another one with -runDir",
            err_text(e));
    }
}

static void on_signal(void *arg, int signum)
{
    struct process *p = arg;
    if (p->d.stopping) {
        log_warn("daemon", "stop_now", "a second signal: not waiting for what is under way");
        loop_stop(p->d.loop);
        return;
    }
    p->d.stopping = true;
    log_info("daemon", "stopping", "signal=%s, finishing what is under way",
             signum == SIGINT ? "SIGINT" : "SIGTERM");
    event_emit("role_stopping", "version", software_version);
    notify_stopping(p->notify);
    p->role->stop(p->instance);
}

/* For the service manager: what `systemctl status` shows. */
static void say_how(void *arg, char *text, size_t size)
{
    struct process *p = arg;
    if (p->d.stopping) {
        snprintf(text, size, "stopping: finishing what is under way");
    } else if (p->role->sentence != NULL) {
        p->role->sentence(p->instance, text, size);
    }
}

void daemon_stopped(struct daemon *d)
{
    loop_stop(d->loop);
}

static int run(struct process *p, const void *config)
{
    /* Before the role, which may only be destroyed after it has run and stopped. Nobody is answered
     * until the loop runs. */
    if (open_control(p) != ERR_OK) {
        return 1;
    }
    int status = 1;
    if (p->role->create(&p->d, config, &p->instance) == ERR_OK) {
        log_info("daemon", "control", "addr=%s", p->control);
        open_events(p);
        loop_on_signal(p->d.loop, SIGINT, on_signal, p);
        loop_on_signal(p->d.loop, SIGTERM, on_signal, p);
        p->notify = notify_create(p->d.loop, say_how, p);
        loop_run(p->d.loop);
        events_close();
        notify_destroy(p->notify);
        status = 0;
    }
    http_server_destroy(p->server);
    if (status == 0) {
        p->role->destroy(p->instance);
        log_info("daemon", "ended", "status=0");
    }
    return status;
}

int daemon_main(const struct role *role, int argc, char **argv)
{
    struct option table[OPTIONS_MAX];
    size_t n = join_options(role, table);
    void *config = mem_alloc(role->config_size);
    struct daemon_config *common = config;
    char why[OPTIONS_WHY_MAX];
    char self[128];
    if (options_parse(table, n, argc, argv, config, why) != ERR_OK) {
        fprintf(stderr, "%s: %s\n", role->name, why);
        options_usage(stderr, role->name, table, n);
        mem_free(config);
        return 2;
    }
    if (common->help || common->version) {
        common->help ? options_usage(stdout, role->name, table, n) : print_version();
        mem_free(config);
        return 0;
    }
    log_init(role->name, log_level_of_verbosity((int)common->verbosity));
    signal(SIGPIPE, SIG_IGN);
    name_self(common, self, sizeof self);
    struct process *p = mem_alloc(sizeof *p);
    p->role = role;
    p->started_ms = clock_mono_ms();
    p->d.config = common;
    p->d.loop = loop_create();
    int status = 1;
    if (check_config(common) == ERR_OK && open_data_dir(&p->d) == ERR_OK) {
        status = run(p, config);
    }
    loop_destroy(p->d.loop);
    mem_free(p);
    mem_free(config);
    return status;
}
