#include "run/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/version.h"
#include "run/control.h"
#include "run/daemon_impl.h"
#include "run/events.h"
#include "run/files.h"
#include "run/footprint.h"
#include "run/log.h"
#include "run/notify.h"
#include "run/run_dir.h"
#include "run/settings.h"

#define OPTION_FIELD(f) offsetof(struct daemon_config, f)

static const struct option common_options[] = {
    {"cliAddr", OPTION_STRING, "", 0, 0, false, OPTION_FIELD(cli_addr), "HOST:PORT",
     "Where /status, /metrics and the rest of the control API are served; default 127.0.0.1:7935."},
    {"cliToken", OPTION_STRING, "", 0, 0, false, OPTION_FIELD(cli_token), "FILE",
     "File with the token that -cliAddr asks for; needed when that is not loopback."},
    {"metricsPrefix", OPTION_STRING, METRICS_FIELD_PREFIX, 0, 0, false,
     OPTION_FIELD(metrics_prefix), "TEXT", "How the metrics that the field knows are called."},
    {"metricsPerStream", OPTION_BOOL, NULL, 0, 0, false, OPTION_FIELD(metrics_per_stream), NULL,
     "Metrics of each stream and each transcoder too, not only of all together."},
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
    {"config", OPTION_COMMAND_TEXT, "", 0, 0, false, OPTION_FIELD(config_path), "FILE",
     "YAML file that gives flags their values; flags on the command line win."},
    {"printConfig", OPTION_COMMAND, NULL, 0, 0, false, OPTION_FIELD(print_config), NULL,
     "Prints each flag's value and where it came from, as a file for -config, and ends."},
    {"sampleConfig", OPTION_COMMAND, NULL, 0, 0, false, OPTION_FIELD(sample_config), NULL,
     "Prints a sample file for -config and ends."},
    {"version", OPTION_COMMAND, NULL, 0, 0, false, OPTION_FIELD(version), NULL,
     "Prints the version and ends."},
    {"help", OPTION_COMMAND, NULL, 0, 0, false, OPTION_FIELD(help), NULL, "Prints this and ends."},
};
#define N_COMMON (sizeof common_options / sizeof common_options[0])

static void print_version(void)
{
    struct utsname u;
    uname(&u);
    printf("Livepeer Node Version: %s\nC compiler version: %s\nArchitecture: %s\n"
           "Operating system: linux\n",
           software_version, __VERSION__, u.machine);
}

/* --- configuration --- */

size_t daemon_options(const struct role *role, struct option *out)
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
    char dir[RUN_DIR_MAX] = "";
    enum err e = run_dir_choose(p->d.config->run_dir, dir);
    if (e == ERR_OK) {
        e = run_dir_open(dir);
    }
    if (e == ERR_OK) {
        e = events_open(p->d.loop, dir, p->role->name, p->d.config->name, control_describe,
                        p->control);
    }
    if (e == ERR_OK) {
        event_emit("role_started", "version", software_version);
    } else {
        log_warn(
            "daemon", "no_events",
            "bin/status will not see this role: the run directory %s cannot be used (%s); it must "
            "be a directory of this user with mode 0700; choose another one with -runDir",
            dir, err_text(e));
    }
}

void process_begin_stop(struct process *p, const char *why)
{
    p->d.stopping = true;
    log_info("daemon", "stopping", "%s, finishing what is under way", why);
    event_emit("role_stopping", "version", software_version);
    notify_stopping(p->notify);
    p->role->stop(p->instance);
}

static void on_signal(void *arg, int signum)
{
    struct process *p = arg;
    if (p->d.stopping) {
        log_warn("daemon", "stop_now", "a second signal: not waiting for what is under way");
        loop_stop(p->d.loop);
        return;
    }
    process_begin_stop(p, signum == SIGINT   ? "signal=SIGINT"
                          : signum == SIGHUP ? "signal=SIGHUP, the terminal is gone"
                                             : "signal=SIGTERM");
}

bool process_has_terminal(void)
{
    int fd = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0;
}

/* The kernel and shells send the same signal when a terminal is closed. */
static void on_hangup(void *arg, int signum)
{
    struct process *p = arg;
    if (p->on_terminal && !process_has_terminal()) {
        if (!p->d.stopping) {
            on_signal(p, signum);
        }
        return;
    }
    process_reload(p);
}

void process_reload(struct process *p)
{
    if (p->d.stopping) {
        return;
    }
    log_info("daemon", "reload",
             p->role->reload != NULL ? "signal=SIGHUP, reading files again"
                                     : "signal=SIGHUP: this role has no files to read again");
    if (p->role->reload != NULL) {
        p->role->reload(p->instance);
    }
}

bool process_follows_terminal(void)
{
    struct sigaction hangup;
    bool nohup = sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler == SIG_IGN;
    return !nohup && process_has_terminal();
}

static void on_signals(struct process *p)
{
    p->on_terminal = process_follows_terminal();
    loop_on_signal(p->d.loop, SIGINT, on_signal, p);
    loop_on_signal(p->d.loop, SIGTERM, on_signal, p);
    loop_on_signal(p->d.loop, SIGHUP, on_hangup, p);
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

bool daemon_flag_given(const struct daemon *d, const char *name)
{
    return settings_given(d->settings, name);
}

void daemon_stopped(struct daemon *d)
{
    loop_stop(d->loop);
}

void daemon_fail(struct daemon *d)
{
    d->failed = true;
    if (!d->stopping) {
        process_begin_stop((struct process *)d, "this role cannot do its work any more");
    }
}

void daemon_config_again(const struct daemon *d, void (*fn)(void *arg, const void *config),
                         void *arg)
{
    char why[CONFIG_WHY_MAX] = "";
    struct config_file *file = NULL;
    void *config = mem_alloc(((const struct process *)d)->role->config_size);
    if (settings_read_again(d->settings, config, &file, why) == ERR_OK) {
        fn(arg, config);
        config_destroy(file);
    } else {
        log_error("daemon", "reload", "%s; everything stays as it is", why);
    }
    mem_free(config);
}

/* Alone in its process it has the signals, and speaks to the service manager. */
static void on_alone(struct process *p)
{
    on_signals(p);
    p->notify = notify_create(p->d.loop, say_how, p);
}

int process_run_role(struct process *p, void (*on_running)(struct process *p))
{
    /* Before the role, which may only be destroyed after it has run and stopped. Nobody is answered
     * until the loop runs. */
    if (control_create(&p->d, p->role, &p->control) != ERR_OK) {
        return 1;
    }
    int status = 1;
    if (p->role->create(&p->d, p->config, &p->instance) == ERR_OK) {
        control_set_instance(p->control, p->instance);
        open_events(p);
        struct loop_timer *footprint = loop_timer_create(p->d.loop, footprint_on_timer, NULL);
        loop_timer_start(footprint, FOOTPRINT_EVERY_MS, FOOTPRINT_EVERY_MS);
        on_running(p);
        loop_run(p->d.loop);
        loop_timer_destroy(footprint);
        events_close();
        notify_destroy(p->notify);
        status = 0;
    }
    control_destroy(p->control);
    if (status == 0) {
        p->role->destroy(p->instance);
        status = p->d.failed ? 1 : 0;
        log_info("daemon", "ended", "status=%d", status);
    }
    return status;
}

/* From the command line to the config. Returns -1: run; else the exit status of what the flags
 * asked for, or of what is wrong with them. */
static int configure(struct process *p, int argc, char **argv)
{
    struct settings *s = &p->settings;
    const struct daemon_config *common = p->config;
    if (settings_read_flags(s, argc, argv, p->config) != ERR_OK) {
        return 2;
    }
    if (common->help) {
        options_usage(stdout, p->role->name, s->print.table, s->print.n, p->role->groups);
        return 0;
    }
    if (common->version) {
        print_version();
        return 0;
    }
    if (common->sample_config) {
        return settings_print_sample(s, p->role->samples);
    }
    if (settings_read_file(s, "config", p->config) != ERR_OK) {
        return 1;
    }
    log_init(p->role->name, log_level_of_verbosity((int)common->verbosity));
    settings_warn(s);
    return common->print_config ? settings_print_values(s, p->config) : -1;
}

int process_open(const struct role *role, int argc, char **argv, struct process **ret_p)
{
    struct process *p = mem_alloc(sizeof *p);
    p->role = role;
    p->print = (struct config_print){.role = role->name, .table = p->table, .groups = role->groups};
    p->print.n = daemon_options(role, p->table);
    settings_init(&p->settings, &p->print);
    p->config = mem_alloc(role->config_size);
    p->d.config = p->config;
    p->d.settings = &p->settings;
    int status = configure(p, argc, argv);
    if (status < 0) {
        signal(SIGPIPE, SIG_IGN);
        files_raise_limit();
        footprint_keep_small();
        name_self(p->config, p->self, sizeof p->self);
        if (check_config(p->config) != ERR_OK || open_data_dir(&p->d) != ERR_OK) {
            status = 1;
        }
    }
    if (status >= 0) {
        process_close(p);
        return status;
    }
    *ret_p = p;
    return -1;
}

void process_close(struct process *p)
{
    if (p != NULL) {
        settings_fini(&p->settings);
        mem_free(p->config);
        mem_free(p);
    }
}

int process_command(struct process *p)
{
    int status = p->role->command != NULL ? p->role->command(&p->d, p->config) : -1;
    if (status == 2) {
        settings_hint(&p->settings);
    }
    return status;
}

void process_tell_origin(const struct process *p, int status)
{
    if (status != 0 && !p->d.failed && p->settings.path != NULL) {
        log_info("daemon", "config",
                 "values came from %s too; -printConfig shows where each came from",
                 p->settings.path);
    }
}

int daemon_main(const struct role *role, int argc, char **argv)
{
    struct process *p = NULL;
    int status = process_open(role, argc, argv, &p);
    if (status >= 0) {
        return status;
    }
    status = process_command(p);
    if (status < 0) {
        p->d.loop = loop_create();
        status = process_run_role(p, on_alone);
        loop_destroy(p->d.loop);
        process_tell_origin(p, status);
    }
    process_close(p);
    return status;
}
