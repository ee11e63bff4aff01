/* What every long-running role has in common: flags, log, signals, the control server and the loop.
 * A role is a table of functions; daemon_main runs it. */
#ifndef RUN_DAEMON_H
#define RUN_DAEMON_H

#include "base/buf.h"
#include "run/http_route.h"
#include "run/json.h"
#include "run/loop.h"
#include "run/metrics.h"
#include "run/options.h"

/* First field of every role's config struct; flags of DAEMON_OPTIONS fill it. */
struct daemon_config {
    const char *cli_addr;
    const char *cli_token; /* a file */
    const char *metrics_prefix;
    const char *data_dir;
    const char *network;
    const char *name;
    const char *run_dir;
    const char *config_path;
    long verbosity;
    bool metrics_per_stream;
    bool version;
    bool help;
    bool print_config;
    bool sample_config;
};

struct settings;

struct daemon {
    const struct settings *settings;
    struct loop *loop;
    const struct daemon_config *config;
    char data_dir[4096]; /* completed, created 0700 */
    bool stopping;
    bool failed;
};

struct role {
    const char *name;                  /* "orchestrator" */
    const char *node_type;             /* "orch": what the field's metrics call it */
    const char *default_cli_addr_port; /* "7935" */
    const struct option *options;      /* the role's own, after the common ones */
    size_t n_options;
    size_t config_size;
    const struct option_sample *samples; /* NULL, or what -sampleConfig says in earnest */
    const struct option_group *groups;   /* NULL, or the headings of -help and of the sample */

    /* NULL, or does what the flags ask for instead of running (a command: it prints and ends).
     * Called with the data directory made, without a loop. Returns the exit status, where 2 prints
     * where to read about the flags too, or -1: the flags ask for no command. */
    int (*command)(const struct daemon *d, const void *config);

    /* Makes the role from its config (struct starts with struct daemon_config). On failure it has
     * logged one plain sentence that says what to do; the process then ends with 1. */
    enum err (*create)(struct daemon *d, const void *config, void **ret_role);

    /* SIGINT or SIGTERM: finish what is under way, then call daemon_stopped. Called once. */
    void (*stop)(void *role);
    void (*destroy)(void *role);

    /* NULL, or SIGHUP: read again the files that may change while the role runs. What cannot be
     * used is refused in words and the old stays in force. Not called once stop has been. On the
     * loop's thread. */
    void (*reload)(void *role);

    /* Adds the role's keys to the /status object; writes its /metrics. On the loop's thread. */
    void (*status)(void *role, struct json *object);
    void (*metrics)(void *role, struct metrics *m);

    /* NULL, or: one short sentence on how things are, for the service manager; at most size bytes
     * with the NUL. On the loop's thread. */
    void (*sentence)(void *role, char *text, size_t size);

    /* Further paths of the control server, with the role as the handlers' argument. */
    const struct http_route *routes;
    size_t n_routes;
};

/* Returns the process's exit status: 0 finished, 1 a configuration that cannot work or daemon_fail,
 * 2 usage. */
int daemon_main(const struct role *role, int argc, char **argv);

/* All flags of a role, its own and the common ones, into out, which holds SETTINGS_MAX
 * (run/settings.h); returns their number. */
size_t daemon_options(const struct role *role, struct option *out);

/* True when the flag of that name was given, on the command line or in the file of -config. */
bool daemon_flag_given(const struct daemon *d, const char *name);

/* Called by a role on the loop's thread when its stop is complete: ends the loop. */
void daemon_stopped(struct daemon *d);

/* Stops as a first SIGTERM would, for a role that cannot do its work any more (it has logged why):
 * the exit status is 1 then, so that what supervises the process starts it anew. Calls role.stop
 * when that has not been called yet. */
void daemon_fail(struct daemon *d);

/* For role.reload: the flags and the file of -config, read again. config is borrowed until fn
 * returns. When it cannot be read, that is logged and fn is not called. */
void daemon_config_again(const struct daemon *d, void (*fn)(void *arg, const void *config),
                         void *arg);

#endif
