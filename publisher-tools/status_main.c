/* bin/status: what runs on this host, and what happens there. */
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/version.h"
#include "publisher-tools/status_table.h"
#include "run/events_listen.h"
#include "run/options.h"
#include "run/run_dir.h"

#define OUTPUT_MAX (64 * 1024 * 1024)
#define REFRESH_MS 500 /* new roles are looked for this often while following */

struct flags {
    const char *run_dir;
    long wait_ms, seconds;
    bool follow, json, version, help;
};

#define FIELD(f) offsetof(struct flags, f)

static const struct option table[] = {
    {"runDir", OPTION_STRING, "", 0, 0, false, FIELD(run_dir), "DIR",
     "The run directory of the roles, when they were started with another one."},
    {"follow", OPTION_BOOL, NULL, 0, 0, false, FIELD(follow), NULL,
     "Prints events as they come, until interrupted."},
    {"seconds", OPTION_INT, "0", 0, 10000000, false, FIELD(seconds), "N",
     "With -follow: ends after so long; 0 = never."},
    {"waitMs", OPTION_INT, "1000", 10, 60000, false, FIELD(wait_ms), "MS",
     "How long to wait for the roles' answers."},
    {"json", OPTION_BOOL, NULL, 0, 0, false, FIELD(json), NULL,
     "Prints JSON: the roles' documents, or an event per line."},
    {"version", OPTION_BOOL, NULL, 0, 0, false, FIELD(version), NULL,
     "Prints the version and ends."},
    {"help", OPTION_BOOL, NULL, 0, 0, false, FIELD(help), NULL, "Prints this and ends."},
};
#define N_OPTIONS (sizeof table / sizeof table[0])

static volatile sig_atomic_t stop_asked;

static void on_signal(int number)
{
    stop_asked = 1;
}

static void print(const struct buf *out)
{
    fwrite(out->data, 1, out->len, stdout);
    fflush(stdout);
}

static void add_answer(void *arg, struct span document)
{
    if (status_table_add(arg, document) != ERR_OK) {
        fprintf(stderr, "status: an answer could not be read and is left out\n");
    }
}

static int survey(const struct flags *f, const char *run_dir)
{
    struct status_table *t = status_table_create();
    size_t found = events_survey(run_dir, (int)f->wait_ms, add_answer, t);
    struct buf out;
    buf_init(&out, OUTPUT_MAX);
    enum err e = ERR_OK;
    if (found == 0 && !f->json) {
        fprintf(stderr, "status: no role runs here (looked in %s; -runDir names another place)\n",
                run_dir);
    } else {
        e = f->json ? status_table_write_json(t, &out) : status_table_write(t, &out);
    }
    print(&out);
    buf_fini(&out);
    status_table_destroy(t);
    return found > 0 && e == ERR_OK ? 0 : 1;
}

static void print_event(void *arg, struct span document)
{
    const struct flags *f = arg;
    struct buf out;
    buf_init(&out, OUTPUT_MAX);
    enum err e = f->json ? buf_put(&out, document) : status_event_write(document, &out);
    if (e == ERR_OK) {
        print(&out);
    }
    buf_fini(&out);
}

static size_t refresh(struct events_listener *l, const char *run_dir, size_t before)
{
    size_t n = events_listener_refresh(l, run_dir);
    if (n != before) {
        fprintf(stderr, "status: listening to %zu role%s\n", n, n == 1 ? "" : "s");
    }
    return n;
}

static int follow(const struct flags *f, const char *run_dir)
{
    struct events_listener *l;
    if (events_listener_create(&l) != ERR_OK) {
        fprintf(stderr, "status: no socket could be made\n");
        return 1;
    }
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    int64_t end = f->seconds > 0 ? clock_mono_ms() + f->seconds * 1000 : INT64_MAX;
    int64_t refresh_at = 0;
    size_t before = SIZE_MAX;
    for (int64_t now = clock_mono_ms(); !stop_asked && now < end; now = clock_mono_ms()) {
        if (now >= refresh_at) {
            before = refresh(l, run_dir, before);
            refresh_at = now + REFRESH_MS;
        }
        int64_t until = refresh_at < end ? refresh_at : end;
        events_listener_next(l, (int)(until - now) + 1, print_event, (void *)f);
    }
    events_listener_destroy(l);
    return 0;
}

int main(int argc, char **argv)
{
    struct flags f;
    char why[OPTIONS_WHY_MAX];
    char run_dir[RUN_DIR_MAX];
    if (options_parse(table, N_OPTIONS, argc, argv, &f, why) != ERR_OK) {
        fprintf(stderr, "status: %s\n", why);
        options_hint(stderr, "status");
        return 2;
    }
    if (f.help) {
        options_usage(stdout, "status", table, N_OPTIONS, NULL);
        printf("Exit status: 0 roles were found, 1 none, 2 usage.\n");
        return 0;
    }
    if (f.version) {
        printf("status %s\n", software_version);
        return 0;
    }
    if (run_dir_choose(f.run_dir, run_dir) != ERR_OK) {
        fprintf(stderr, "status: the run directory's name is too long\n");
        return 1;
    }
    return f.follow ? follow(&f, run_dir) : survey(&f, run_dir);
}
