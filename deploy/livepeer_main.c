/* bin/livepeer: one program that becomes the role its flag names, as the known recipe has it, or
 * several roles in one process. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "broadcaster/role.h"
#include "orchestrator/companion.h"
#include "orchestrator/role.h"
#include "run/addr.h"
#include "run/daemon_group.h"
#include "run/daemon_split.h"
#include "run/log.h"
#include "run/settings.h"
#include "transcoder/role.h"

/* In the order in which they start; they stop the other way round. */
enum { ORCHESTRATOR, TRANSCODER, BROADCASTER, N_ROLES };
static const struct role *const roles[N_ROLES] = {&orchestrator_role, &transcoder_role,
                                                  &broadcaster_role};

/* Who gets the first port of -cliAddr, who the next. */
static const int control_order[N_ROLES] = {BROADCASTER, ORCHESTRATOR, TRANSCODER};
#define CONTROL_PORT 7935
#define SERVICE_PORT 8935
#define PATH_SIZE    4096

/* "-orchestrator", "--orchestrator", "-orchestrator=true": the role's number, or -1. */
static int role_flag(const char *arg)
{
    size_t dashes = strspn(arg, "-");
    for (int i = 0; i < N_ROLES && dashes >= 1 && dashes <= 2; i++) {
        size_t len = strlen(roles[i]->name);
        const char *rest = arg + dashes + len;
        if (strncmp(arg + dashes, roles[i]->name, len) == 0 &&
            (rest[0] == '\0' || strcmp(rest, "=true") == 0)) {
            return i;
        }
    }
    return -1;
}

static bool has_flag(int argc, char **argv, const char *name)
{
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-' && strcmp(argv[i] + 1 + (argv[i][1] == '-'), name) == 0) {
            return true;
        }
    }
    return false;
}

static bool asks_help(int argc, char **argv)
{
    return has_flag(argc, argv, "help") || has_flag(argc, argv, "h");
}

static int usage(FILE *out)
{
    fprintf(out, "Usage: livepeer -orchestrator|-transcoder|-broadcaster [flags]\n"
                 "The flags of a role: livepeer -ROLE -help\n"
                 "Several roles in one process: livepeer -orchestrator -transcoder [-broadcaster] "
                 "[flags]; its flags: the same with -help\n");
    return out == stderr ? 2 : 0;
}

/* --- several roles --- */

struct group {
    struct daemon_part *parts[N_ROLES]; /* NULL: not chosen */
    char control[N_ROLES][ADDR_MAX];
    char service[ADDR_MAX], orchestrator[ADDR_MAX];
    char credential[PATH_SIZE];
};

static const struct role *first_control(const bool *chosen)
{
    for (int i = 0; i < N_ROLES; i++) {
        if (chosen[control_order[i]]) {
            return roles[control_order[i]];
        }
    }
    return NULL;
}

static int help(const bool *chosen)
{
    printf(
        "Several roles in one process. A flag goes to each role that has it; -ROLE.FLAG goes to\n"
        "that role alone (-orchestrator.maxSessions 100 -transcoder.maxSessions 4).\n"
        "  -cliAddr      of the first role of broadcaster, orchestrator, transcoder; the others\n"
        "                have the ports behind it (7935, 7936, 7937)\n"
        "  -httpAddr     the broadcaster's, where there is one\n"
        "  -serviceAddr  (default 127.0.0.1:8935; where viewers have that port, the next one)\n"
        "  -maxSessions  each role's\n"
        "  -orchAddr     the orchestrator of this process, unless given\n"
        "  -orchSecret   not needed within the process\n"
        "  -payments     not needed where viewers pay\n"
        "  -config       a file is one role's: -ROLE.config FILE\n"
        "  SIGTERM stops broadcaster, transcoder and orchestrator in this order; SIGHUP reaches\n"
        "  all; when one role fails, all end.\n");
    for (int i = 0; i < N_ROLES; i++) {
        char name[] = "livepeer", flag[] = "-help";
        char *argv[] = {name, flag, NULL};
        if (chosen[i]) {
            printf("\n");
            fflush(stdout);
            (void)daemon_main(roles[i], 2, argv);
        }
    }
    return 0;
}

/* Reads each role's share. -1: go on. */
static int open_parts(struct group *g, struct daemon_split *shares, const bool *chosen)
{
    int status = -1;
    size_t k = 0;
    for (int i = 0; i < N_ROLES; i++) {
        int s = -1;
        if (chosen[i]) {
            s = daemon_part_open(roles[i], shares[k].argc, shares[k].argv, &g->parts[i]);
            k++;
        }
        if (s > 0) {
            return s;
        }
        status = s == 0 ? 0 : status;
    }
    return status;
}

static int run_commands(struct group *g)
{
    for (int i = 0; i < N_ROLES; i++) {
        int status = g->parts[i] != NULL ? daemon_part_command(g->parts[i]) : -1;
        if (status >= 0) {
            return status;
        }
    }
    return -1;
}

static void set_control_addrs(struct group *g)
{
    struct addr a = {.port = 0};
    int n = 0;
    for (int i = 0; i < N_ROLES; i++) {
        int r = control_order[i];
        if (g->parts[r] == NULL) {
            continue;
        }
        if (n == 0 && addr_parse(daemon_part_text(g->parts[r], "cliAddr"), "127.0.0.1",
                                 CONTROL_PORT, &a) != ERR_OK) {
            return; /* the role says so when it starts */
        }
        struct addr own = a;
        own.port += a.port != 0 ? n : 0;
        addr_format(&own, g->control[r]);
        daemon_part_default(g->parts[r], "cliAddr", g->control[r]);
        n++;
    }
}

/* Viewers and the other roles cannot have the same port, which both are by default. */
static void set_service_addr(struct group *g)
{
    struct addr viewers;
    struct addr a = {.host = "127.0.0.1", .port = SERVICE_PORT};
    if (g->parts[ORCHESTRATOR] == NULL || g->parts[BROADCASTER] == NULL ||
        addr_parse(daemon_part_text(g->parts[BROADCASTER], "httpAddr"), "127.0.0.1", SERVICE_PORT,
                   &viewers) != ERR_OK) {
        return; /* the role says so when it starts */
    }
    a.port += viewers.port == a.port ? 1 : 0;
    addr_format(&a, g->service);
    daemon_part_default(g->parts[ORCHESTRATOR], "serviceAddr", g->service);
}

/* The others dial it over loopback where it listens on all addresses. */
static void set_orch_addrs(struct group *g)
{
    struct addr a;
    if (g->parts[ORCHESTRATOR] == NULL ||
        addr_parse(daemon_part_text(g->parts[ORCHESTRATOR], "serviceAddr"), "127.0.0.1",
                   SERVICE_PORT, &a) != ERR_OK) {
        return;
    }
    if (strcmp(a.host, "0.0.0.0") == 0) {
        snprintf(a.host, sizeof a.host, "127.0.0.1");
    } else if (strcmp(a.host, "::") == 0) {
        snprintf(a.host, sizeof a.host, "::1");
    }
    addr_format(&a, g->orchestrator);
    for (int i = TRANSCODER; i < N_ROLES; i++) {
        if (g->parts[i] != NULL && daemon_part_text(g->parts[i], "orchWebhookUrl")[0] == '\0') {
            daemon_part_default(g->parts[i], "orchAddr", g->orchestrator);
        }
    }
}

/* Within the process nobody has to be told a secret. */
static enum err set_secret(struct group *g)
{
    struct daemon_part *o = g->parts[ORCHESTRATOR];
    struct daemon_part *t = g->parts[TRANSCODER];
    char why[CREDENTIALS_WHY_MAX];
    if (o == NULL || t == NULL || daemon_part_text(t, "orchSecret")[0] != '\0' ||
        strcmp(daemon_part_text(t, "orchAddr"), g->orchestrator) != 0) {
        return ERR_OK;
    }
    const char *secret = daemon_part_text(o, "orchSecret");
    if (secret[0] != '\0') {
        daemon_part_default(t, "orchSecret", secret);
        return ERR_OK;
    }
    enum err e =
        companion_credential(daemon_part_data_dir(o), g->credential, sizeof g->credential, why);
    if (e != ERR_OK) {
        log_error("daemon", "credential", "the transcoder of this process gets none: %s", why);
        return e;
    }
    daemon_part_default(t, "orchSecret", g->credential);
    return ERR_OK;
}

/* Flags of payment that a broadcaster without a price has no use for: they were meant for the
 * orchestrator, which has flags of the same names. */
static void clear_shared(struct daemon_part *b, const struct daemon_part *o)
{
    static const char *const flags[] = {"paymentPointer", "receiptService"};
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        const char *text = daemon_part_text(b, flags[i]);
        if (text[0] != '\0' && strcmp(text, daemon_part_text(o, flags[i])) == 0) {
            log_info("daemon", "free", "nothing costs viewers anything: -%s is the orchestrator's",
                     flags[i]);
            daemon_part_clear(b, flags[i]);
        }
    }
}

/* Where viewers pay, the orchestrator of the process keeps their accounts, and pages say where its
 * wallet is. */
static void set_payments(struct group *g)
{
    struct daemon_part *o = g->parts[ORCHESTRATOR];
    struct daemon_part *b = g->parts[BROADCASTER];
    if (o == NULL || b == NULL || strcmp(daemon_part_text(b, "orchAddr"), g->orchestrator) != 0) {
        return;
    }
    if (daemon_part_text(b, "pricePerMinute")[0] == '\0' &&
        daemon_part_text(b, "pricePerMB")[0] == '\0' && daemon_part_text(b, "prices")[0] == '\0') {
        clear_shared(b, o);
        return;
    }
    daemon_part_default_on(o, "payments");
    daemon_part_default(b, "paymentPointer", daemon_part_text(o, "walletAddress"));
}

static int run_group(struct group *g)
{
    struct daemon_part *parts[N_ROLES];
    size_t n = 0;
    set_control_addrs(g);
    set_service_addr(g);
    set_orch_addrs(g);
    set_payments(g);
    if (set_secret(g) != ERR_OK) {
        return 1;
    }
    for (int i = 0; i < N_ROLES; i++) {
        if (g->parts[i] != NULL) {
            parts[n++] = g->parts[i];
        }
    }
    return daemon_group_run("livepeer", parts, n);
}

static int several(const bool *chosen, int argc, char **argv)
{
    struct option tables[N_ROLES][SETTINGS_MAX];
    struct daemon_split shares[N_ROLES];
    struct group *g = mem_alloc(sizeof *g);
    char why[SPLIT_WHY_MAX];
    size_t n = 0;
    for (int i = 0; i < N_ROLES; i++) {
        if (chosen[i]) {
            shares[n] = (struct daemon_split){.role = roles[i]->name, .table = tables[i]};
            shares[n++].n = daemon_options(roles[i], tables[i]);
        }
    }
    const struct daemon_split_rule rules[] = {
        {"config", NULL},
        {"cliAddr", first_control(chosen)->name},
        {chosen[BROADCASTER] ? "httpAddr" : NULL, broadcaster_role.name},
        {NULL, NULL},
    };
    int status = 2;
    if (daemon_split(rules, argc, argv, shares, n, why) == ERR_OK) {
        status = open_parts(g, shares, chosen);
        status = status < 0 ? run_commands(g) : status;
        status = status < 0 ? run_group(g) : status;
    } else {
        fprintf(stderr, "livepeer: %s; the same with -help describes each flag\n", why);
    }
    for (int i = 0; i < N_ROLES; i++) {
        daemon_part_close(g->parts[i]);
    }
    daemon_split_fini(shares, n);
    mem_free(g);
    return status;
}

/* --- from the command line --- */

static int none(int argc, char **argv)
{
    if (argc == 2 && has_flag(argc, argv, "version")) {
        return daemon_main(&broadcaster_role, argc, argv);
    }
    if (argc == 2 && asks_help(argc, argv)) {
        return usage(stdout);
    }
    fprintf(stderr,
            "livepeer: node type not set: give -orchestrator, -transcoder or -broadcaster\n");
    return usage(stderr);
}

static int choose(const bool *chosen, int argc, char **argv)
{
    int n = 0;
    int last = -1;
    for (int i = 0; i < N_ROLES; i++) {
        n += chosen[i];
        last = chosen[i] ? i : last;
    }
    if (n == 0) {
        return none(argc, argv);
    }
    if (n == 1) {
        return daemon_main(roles[last], argc, argv);
    }
    if (asks_help(argc, argv)) {
        return help(chosen);
    }
    if (has_flag(argc, argv, "version")) {
        return daemon_main(roles[last], argc, argv);
    }
    return several(chosen, argc, argv);
}

int main(int argc, char **argv)
{
    char **rest = mem_alloc((size_t)(argc + 1) * sizeof *rest);
    bool chosen[N_ROLES] = {false};
    int n = 0;
    for (int i = 0; i < argc; i++) {
        int r = i > 0 ? role_flag(argv[i]) : -1;
        if (r >= 0) {
            chosen[r] = true;
        } else {
            rest[n++] = argv[i];
        }
    }
    int status = choose(chosen, n, rest);
    mem_free(rest);
    return status;
}
