#include "orchestrator/role.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "orchestrator/accounts.h"
#include "orchestrator/commands.h"
#include "orchestrator/gate.h"
#include "orchestrator/ledger/ledger_json.h"
#include "orchestrator/relay.h"
#include "orchestrator/report.h"
#include "orchestrator/treasury.h"
#include "run/addr.h"
#include "run/credential.h"
#include "run/log.h"

#define SERVICE_HOST "127.0.0.1"
#define SERVICE_PORT 8935
#define SECRET_SIZE  1024
#define SESSIONS_MAX 100000
#define PRICE_MAX    1000000000000000
#define LINGER_MS    500 /* for the last words at the end */
#define STOPPING     "the orchestrator is stopping"

struct config {
    struct daemon_config common;
    const char *service_addr, *orch_secret, *http_addr;
    const char *mint, *mint_name, *revoke;
    bool list_credentials, json;
    long max_sessions, heartbeat_ms, peer_timeout_ms, late_after_ms, hedge_after_ms, max_attempts;
    struct treasury_config money;
};

#define FIELD(f) offsetof(struct config, f)

static const struct option options[] = {
    {"serviceAddr", OPTION_STRING, "127.0.0.1:8935", 0, 0, false, FIELD(service_addr), "HOST:PORT",
     "Where transcoders and broadcasters connect."},
    {"orchSecret", OPTION_STRING, "", 0, 0, true, FIELD(orch_secret), "TEXT|FILE",
     "The secret shared with transcoders and broadcasters, or a file whose first line it is; "
     "without one only minted credentials are admitted."},
    {"maxSessions", OPTION_INT, "10", -1000000, SESSIONS_MAX, false, FIELD(max_sessions), "N",
     "Streams that are transcoded at once."},
    {"httpAddr", OPTION_STRING, "", 0, 0, false, FIELD(http_addr), "HOST:PORT",
     "Accepted and not used: everything goes through -serviceAddr."},
    {"heartbeatMs", OPTION_INT, "500", 10, 60000, false, FIELD(heartbeat_ms), "MS",
     "How often peers say that they are there."},
    {"peerTimeoutMs", OPTION_INT, "1500", 30, 600000, false, FIELD(peer_timeout_ms), "MS",
     "A peer that is silent for so long is gone."},
    {"lateAfterMs", OPTION_INT, "2000", 0, 600000, false, FIELD(late_after_ms), "MS",
     "A transcoder that owes parts of a segment for so long, or for as long as two of them last if "
     "that is less, loses it to another one that has room; 0: never."},
    {"hedgeAfter", OPTION_INT, "500", 0, 600000, false, FIELD(hedge_after_ms), "MS",
     "A segment of which a part is owed for so long is given to a second transcoder as well; the "
     "first part that comes counts; 0: never."},
    {"maxAttempts", OPTION_INT, "3", 1, 100, false, FIELD(max_attempts), "N",
     "Transcoders that may refuse or fail a segment before it is given up; lost ones do not "
     "count."},
    {"pricePerUnit", OPTION_INT, "0", 0, PRICE_MAX, false, FIELD(money.price_per_unit), "N",
     "What broadcasters are asked for -pixelsPerUnit pixels of rungs; 0: nothing."},
    {"pixelsPerUnit", OPTION_INT, "1", 1, PRICE_MAX, false, FIELD(money.pixels_per_unit), "N",
     "The pixels that -pricePerUnit is for."},
    {"payments", OPTION_BOOL, NULL, 0, 0, false, FIELD(money.payments), NULL,
     "Keeps accounts of what comes in and of what it is spent for; a -pricePerUnit above 0 does "
     "too."},
    {"ledger", OPTION_STRING, "", 0, 0, false, FIELD(money.ledger), "FILE|off",
     "Where the accounts are kept, when it is not ledger.db in the data directory; off: never."},
    {"ledgerAsset", OPTION_STRING, "USD", 1, 0, false, FIELD(money.ledger_asset), "CODE",
     "What the accounts count; it stays what it was when the ledger was made."},
    {"ledgerScale", OPTION_INT, "9", 0, LEDGER_SCALE_MAX, false, FIELD(money.ledger_scale), "N",
     "Digits behind its point; they stay what they were, too."},
    {"paymentPointer", OPTION_LIST, "", 0, 0, false, FIELD(money.payment_pointer), "POINTER",
     "Takes payments by STREAM receipts for these payment pointers of ours, such as "
     "$wallet.example/alice."},
    {"receiptAddr", OPTION_STRING, "", 0, 0, false, FIELD(money.receipt_addr), "HOST:PORT",
     "Where the known receipt verifier's interface is offered to whoever reaches it."},
    {"receiptSeed", OPTION_STRING, "", 0, 0, false, FIELD(money.receipt_seed), "FILE",
     "The seeds of receipts' secrets, newest first, when they are not receipts/seed in the data "
     "directory, where one is made."},
    {"receiptTtl", OPTION_DURATION, "6h", 1000, 31L * 24 * 3600 * 1000, false,
     FIELD(money.receipt_ttl_ms), "TIME", "For so long a payment may pause and still go on."},
    {"receiptScale", OPTION_INT, "-1", -1, LEDGER_SCALE_MAX, false, FIELD(money.receipt_scale), "N",
     "Digits behind the point of what the wallet receives; -1: as many as -ledgerScale."},
    {"receiptService", OPTION_STRING, "", 0, 0, false, FIELD(money.receipt_service), "URL",
     "A receipt verifier of somebody else's, which is asked instead of verifying here."},
    {"walletTimeout", OPTION_DURATION, "10s", 100, 600000, false, FIELD(money.wallet_timeout_ms),
     "TIME", "For so long a wallet, or -receiptService, may take to answer."},
    {"walletAddress", OPTION_STRING, "", 0, 0, false, FIELD(money.wallet_address), "URL",
     "Takes payments by Open Payments (Web Monetization) at this wallet of ours: "
     "https://wallet.example/alice or $wallet.example/alice."},
    {"walletKey", OPTION_STRING, "", 0, 0, false, FIELD(money.wallet_key), "FILE",
     "The Ed25519 key (PEM) whose public half that wallet has: with it the wallet says whose a "
     "payment is; without it payments to any customer of its provider count."},
    {"walletKeyId", OPTION_STRING, "", 0, 0, false, FIELD(money.wallet_key_id), "ID",
     "The id that the wallet gave that key."},
    {"walletClient", OPTION_STRING, "", 0, 0, false, FIELD(money.wallet_client), "URL",
     "The wallet address that the key belongs to, when it is another one."},
    {"walletPoll", OPTION_DURATION, "1500ms", 50, 600000, false, FIELD(money.wallet_poll_ms),
     "TIME", "How often the wallet is asked about a payment that may still grow."},
    {"allowHttpPayments", OPTION_BOOL, NULL, 0, 0, false, FIELD(money.allow_http_payments), NULL,
     "For tests: wallets may be asked without TLS, and on private networks."},
    {"mint", OPTION_COMMAND_TEXT, "", 1, 0, false, FIELD(mint), "ROLE",
     "Command: makes a credential for a transcoder or broadcaster and prints it: -mint ROLE NAME "
     "> FILE; that host gives it as -orchSecret FILE."},
    {"mintName", OPTION_ARGUMENT, "", 1, 0, false, FIELD(mint_name), "NAME",
     "The name of the credential that -mint makes; may stand without its flag."},
    {"listCredentials", OPTION_COMMAND, NULL, 0, 0, false, FIELD(list_credentials), NULL,
     "Command: prints the credentials that were minted."},
    {"json", OPTION_COMMAND, NULL, 0, 0, false, FIELD(json), NULL,
     "With -listCredentials: prints JSON."},
    {"revoke", OPTION_COMMAND_TEXT, "", 1, 0, false, FIELD(revoke), "NAME",
     "Command: a credential is admitted no more, and who is connected with it is turned out."},
};

struct orchestrator {
    struct daemon *daemon;
    struct gate *gate;
    struct relay *relay;
    struct treasury *treasury;
    struct loop_timer *look; /* at the list of credentials */
    char addr[ADDR_MAX];
    int64_t price_per_unit, pixels_per_unit;
};

/* --- start --- */

static enum err check_config(const struct config *c, struct addr *ret_addr)
{
    if (c->max_sessions <= 0) {
        log_error("orchestrator", "config", "-maxSessions must be greater than zero");
        return ERR_LIMIT;
    }
    if (c->peer_timeout_ms <= c->heartbeat_ms) {
        log_error("orchestrator", "config",
                  "-peerTimeoutMs (%ld) must be greater than -heartbeatMs (%ld)",
                  c->peer_timeout_ms, c->heartbeat_ms);
        return ERR_LIMIT;
    }
    struct addr a;
    if (addr_parse(c->service_addr, SERVICE_HOST, SERVICE_PORT, &a) != ERR_OK || a.port == 0) {
        log_error("orchestrator", "bad_address", "-serviceAddr \"%s\" is not host:port",
                  c->service_addr);
        return ERR_PROTO;
    }
    *ret_addr = a;
    return ERR_OK;
}

static enum err keys_of_secret(const struct config *c, const struct addr *a,
                               struct link_keys *ret_own)
{
    char secret[SECRET_SIZE];
    enum err e = secret_read(c->orch_secret, secret, sizeof secret);
    if (e == ERR_OK && strlen(secret) < LINK_SECRET_MIN && !addr_is_loopback(a)) {
        log_warn("orchestrator", "weak_secret",
                 "the secret of -orchSecret has fewer than %d characters and -serviceAddr can be "
                 "reached from other hosts: it could be guessed from recorded traffic, and who has "
                 "it can be any role; use a longer one",
                 LINK_SECRET_MIN);
    }
    if (e == ERR_OK) {
        e = secret_derive(secret, LINK_ROLE_ORCHESTRATOR, ret_own);
    }
    explicit_bzero(secret, sizeof secret);
    if (e != ERR_OK) {
        log_error("orchestrator", "secret", "-orchSecret cannot be used: %s", secret_err_text(e));
    }
    return e;
}

static enum err kept_keys(const struct orchestrator *o, struct link_keys *ret_own)
{
    char why[CREDENTIALS_WHY_MAX];
    struct credentials *store;
    enum err e = credentials_open(o->daemon->data_dir, &store, why);
    if (e == ERR_OK) {
        e = credentials_own_key(store, ret_own, why);
        credentials_close(store);
    }
    if (e != ERR_OK) {
        log_error("orchestrator", "server_key", "%s", why);
        return e;
    }
    log_info("orchestrator", "no_secret",
             "no -orchSecret: only minted credentials are admitted (orchestrator -mint transcoder "
             "NAME > FILE)");
    return ERR_OK;
}

static void leave_credential(const struct orchestrator *o, const char *addr,
                             const struct link_keys *broadcaster)
{
    enum err e = credential_write(o->daemon->data_dir, addr, broadcaster);
    if (e != ERR_OK) {
        log_warn("orchestrator", "credential",
                 "cannot write the credential of %s into %s (%s): broadcasters on this host need "
                 "-orchSecret",
                 addr, o->daemon->data_dir, err_text(e));
    }
}

/* A broadcaster on this host finds its credential by the address that it dials. */
static void leave_credentials(const struct orchestrator *o, const struct addr *a,
                              const struct link_keys *broadcaster)
{
    static const char *const here[] = {"127.0.0.1", "::1", "localhost"};
    leave_credential(o, o->addr, broadcaster);
    if (strcmp(a->host, "0.0.0.0") != 0 && strcmp(a->host, "::") != 0) {
        return;
    }
    for (size_t i = 0; i < sizeof here / sizeof here[0]; i++) {
        struct addr local = {.port = a->port};
        char text[ADDR_MAX];
        (void)snprintf(local.host, sizeof local.host, "%s", here[i]);
        addr_format(&local, text);
        leave_credential(o, text, broadcaster);
    }
}

/* Only who holds the address says what the server's key is, and replaces credentials. */
static void register_self(const struct orchestrator *o, const struct addr *a,
                          const unsigned char *server_key)
{
    char why[CREDENTIALS_WHY_MAX];
    struct credentials *store;
    struct link_keys local;
    enum err e = credentials_open(o->daemon->data_dir, &store, why);
    if (e == ERR_OK) {
        e = credentials_set_server(store, server_key, why);
        if (e == ERR_OK) {
            e = credentials_local(store, server_key, clock_wall_ms() / 1000, &local, why);
        }
        credentials_close(store);
    }
    if (e != ERR_OK) {
        log_warn("orchestrator", "credential",
                 "%s; until then broadcasters on this host need -orchSecret", why);
        return;
    }
    leave_credentials(o, a, &local);
    link_keys_wipe(&local);
}

static enum err open_gate(struct orchestrator *o, const unsigned char *server_key)
{
    char why[CREDENTIALS_WHY_MAX], example[LINK_NAME_SIZE];
    enum err e = gate_open(o->daemon->data_dir, &o->gate, why);
    if (e != ERR_OK) {
        log_error("orchestrator", "credentials", "%s", why);
        return e;
    }
    size_t n = gate_strangers(o->gate, server_key, example);
    if (n > 0) {
        log_warn("orchestrator", "credentials",
                 "%zu credentials (such as \"%s\") were minted for another key than this "
                 "orchestrator now has, and cannot come in: start it with the -orchSecret of then, "
                 "or revoke and mint them again",
                 n, example);
    }
    return ERR_OK;
}

static void on_look(void *arg)
{
    const struct orchestrator *o = arg;
    if (gate_look(o->gate)) {
        relay_recheck(o->relay);
    }
}

static enum err open_relay(struct orchestrator *o, const struct config *c,
                           const struct link_keys *keys)
{
    struct relay_config rc = {
        .addr = o->addr,
        .keys = keys,
        .gate = o->gate,
        .heartbeat_ms = (int)c->heartbeat_ms,
        .timeout_ms = (int)c->peer_timeout_ms,
        .price = (uint64_t)c->money.price_per_unit,
        .price_pixels = (uint64_t)c->money.pixels_per_unit,
        .ledger = treasury_ledger(o->treasury),
    };
    job_table_config_defaults(&rc.jobs);
    rc.jobs.max_sessions = (unsigned)c->max_sessions;
    rc.jobs.late_ms = c->late_after_ms;
    rc.jobs.hedge_ms = c->hedge_after_ms;
    rc.jobs.max_attempts = (unsigned)c->max_attempts;
    const char *why = "";
    enum err e = relay_create(o->daemon->loop, &rc, &o->relay, &why);
    if (e != ERR_OK) {
        log_error("orchestrator", "cannot_listen",
                  "service address %s: %s; change it with "
                  "-serviceAddr",
                  o->addr, why);
    }
    return e;
}

static enum err start(struct orchestrator *o, const struct config *c, const struct addr *a)
{
    struct link_keys own = {0};
    enum err e = c->orch_secret[0] != '\0' ? keys_of_secret(c, a, &own) : kept_keys(o, &own);
    e = e == ERR_OK ? open_gate(o, own.public_key) : e;
    e = e == ERR_OK ? treasury_open(o->daemon->loop, o->daemon->data_dir, &c->money, &o->treasury)
                    : e;
    e = e == ERR_OK ? open_relay(o, c, &own) : e;
    if (e == ERR_OK) {
        treasury_serve(o->treasury, o->relay);
        register_self(o, a, own.public_key);
        o->look = loop_timer_create(o->daemon->loop, on_look, o);
        loop_timer_start(o->look, c->heartbeat_ms, c->heartbeat_ms);
    }
    link_keys_wipe(&own);
    return e;
}

static enum err create(struct daemon *d, const void *config, void **ret_role)
{
    const struct config *c = config;
    struct addr a;
    enum err e = check_config(c, &a);
    if (e != ERR_OK) {
        return e;
    }
    struct orchestrator *o = mem_alloc(sizeof *o);
    o->daemon = d;
    addr_format(&a, o->addr);
    o->price_per_unit = c->money.price_per_unit;
    o->pixels_per_unit = c->money.pixels_per_unit;
    e = start(o, c, &a);
    if (e != ERR_OK) {
        treasury_stop(o->treasury);
        treasury_close(o->treasury);
        gate_close(o->gate);
        mem_free(o);
        return e;
    }
    if (c->http_addr[0] != '\0') {
        log_info("orchestrator", "unused_flag",
                 "-httpAddr is accepted but not used: everything goes through -serviceAddr");
    }
    log_info("orchestrator", "listening", "addr=%s session=%s max_sessions=%ld", o->addr,
             relay_session(o->relay), c->max_sessions);
    *ret_role = o;
    return ERR_OK;
}

static int command(const struct daemon *d, const void *config)
{
    const struct config *c = config;
    return commands_run(d->data_dir, &(struct commands_config){
                                         .mint = c->mint,
                                         .mint_name = c->mint_name,
                                         .revoke = c->revoke,
                                         .list = c->list_credentials,
                                         .json = c->json,
                                         .orch_secret = c->orch_secret,
                                     });
}

/* --- life --- */

static void stop(void *role)
{
    struct orchestrator *o = role;
    relay_stop(o->relay, STOPPING);
    daemon_stopped(o->daemon);
}

static void destroy(void *role)
{
    struct orchestrator *o = role;
    loop_timer_destroy(o->look);
    relay_stop(o->relay, STOPPING);
    treasury_stop(o->treasury);
    relay_destroy(o->relay, LINGER_MS);
    treasury_close(o->treasury);
    gate_close(o->gate);
    mem_free(o);
}

static void status(void *role, struct json *object)
{
    const struct orchestrator *o = role;
    report_status(o->relay, o->addr, object);
    json_set_int(object, "price_per_unit", o->price_per_unit);
    json_set_int(object, "pixels_per_unit", o->pixels_per_unit);
    gate_status(o->gate, object);
    treasury_status(o->treasury, object);
}

static void sentence(void *role, char *text, size_t size)
{
    const struct orchestrator *o = role;
    const struct roster *r = job_table_roster(relay_table(o->relay));
    struct job_table_gauges g = job_table_gauges(relay_table(o->relay));
    snprintf(text, size, "transcoders: %u; broadcasters: %u; streams at work: %u of %u",
             r->n_transcoders, r->n_broadcasters, g.sessions, g.max_sessions);
}

static void metrics(void *role, struct metrics *m)
{
    const struct orchestrator *o = role;
    report_metrics(o->relay, m);
    treasury_metrics(o->treasury, m);
}

/* --- the control API --- */

static struct json *self_json(const struct orchestrator *o)
{
    char uri[ADDR_MAX + 8];
    struct job_table_gauges g = job_table_gauges(relay_table(o->relay));
    struct json *j = json_new_object();
    (void)snprintf(uri, sizeof uri, "tcp://%s", o->addr);
    json_set_str(j, "ServiceURI", uri);
    json_set_bool(j, "Active", !o->daemon->stopping);
    json_set_int(j, "Sessions", g.sessions);
    json_set_int(j, "MaxSessions", g.max_sessions);
    return j;
}

static void on_info(void *arg, const struct http_value *values, struct http_answer *a)
{
    http_answer_json(a, self_json(arg));
}

static void on_orchestrators(void *arg, const struct http_value *values, struct http_answer *a)
{
    struct json *list = json_new_array();
    json_append(list, self_json(arg));
    http_answer_json(a, list);
}

static void on_max_sessions(void *arg, const struct http_value *values, struct http_answer *a)
{
    struct orchestrator *o = arg;
    relay_set_max_sessions(o->relay, (unsigned)values[0].number);
    log_info("orchestrator", "max_sessions", "n=%ld", values[0].number);
    struct json *j = json_new_object();
    json_set_int(j, "maxSessions", values[0].number);
    http_answer_json(a, j);
}

static struct accounts *accounts_of(void *role)
{
    return treasury_accounts(((const struct orchestrator *)role)->treasury);
}

static void on_accounts(void *arg, const struct http_value *values, struct http_answer *a)
{
    accounts_on_list(accounts_of(arg), values, a);
}

static void on_account(void *arg, const struct http_value *values, struct http_answer *a)
{
    accounts_on_show(accounts_of(arg), values, a);
}

static void on_journal(void *arg, const struct http_value *values, struct http_answer *a)
{
    accounts_on_journal(accounts_of(arg), values, a);
}

static void on_audit(void *arg, const struct http_value *values, struct http_answer *a)
{
    accounts_on_audit(accounts_of(arg), a);
}

static void on_grant(void *arg, const struct http_value *values, struct http_answer *a)
{
    accounts_on_grant(accounts_of(arg), values, a);
}

static void on_credit(void *arg, const struct http_value *values, struct http_answer *a)
{
    accounts_on_credit(accounts_of(arg), values, a);
}

static void on_spend(void *arg, const struct http_value *values, struct http_answer *a)
{
    accounts_on_spend(accounts_of(arg), values, a);
}

static void on_freeze(void *arg, const struct http_value *values, struct http_answer *a)
{
    accounts_on_freeze(accounts_of(arg), values, true, a);
}

static void on_thaw(void *arg, const struct http_value *values, struct http_answer *a)
{
    accounts_on_freeze(accounts_of(arg), values, false, a);
}

static const struct http_route routes[] = {
    {"GET",
     "/accounts",
     on_accounts,
     {{"after", HTTP_PARAM_TEXT, 0, 0, false},
      {"limit", HTTP_PARAM_INT, 1, LEDGER_PAGE_MAX, false}}},
    {"GET",
     "/account",
     on_account,
     {{"account", HTTP_PARAM_TEXT, 0, 0, true},
      {"entries", HTTP_PARAM_INT, 0, LEDGER_PAGE_MAX, false}}},
    {"GET",
     "/journal",
     on_journal,
     {{"after", HTTP_PARAM_INT, 0, LONG_MAX, false},
      {"limit", HTTP_PARAM_INT, 1, LEDGER_PAGE_MAX, false}}},
    {"GET", "/auditAccounts", on_audit, {{0}}},
    {"POST",
     "/grant",
     on_grant,
     {{"account", HTTP_PARAM_TEXT, 0, 0, true},
      {"amount", HTTP_PARAM_TEXT, 0, 0, true},
      {"key", HTTP_PARAM_TEXT, 0, 0, false}}},
    {"POST",
     "/credit",
     on_credit,
     {{"account", HTTP_PARAM_TEXT, 0, 0, true},
      {"source", HTTP_PARAM_TEXT, 0, 0, true},
      {"total", HTTP_PARAM_TEXT, 0, 0, true}}},
    {"POST",
     "/spend",
     on_spend,
     {{"account", HTTP_PARAM_TEXT, 0, 0, true},
      {"to", HTTP_PARAM_TEXT, 0, 0, true},
      {"amount", HTTP_PARAM_TEXT, 0, 0, true},
      {"key", HTTP_PARAM_TEXT, 0, 0, false}}},
    {"POST", "/freezeAccount", on_freeze, {{"account", HTTP_PARAM_TEXT, 0, 0, true}}},
    {"POST", "/thawAccount", on_thaw, {{"account", HTTP_PARAM_TEXT, 0, 0, true}}},
    {"GET", "/registeredOrchestrators", on_orchestrators, {{0}}},
    {"GET", "/orchestratorInfo", on_info, {{0}}},
    {"POST",
     "/setMaxSessions",
     on_max_sessions,
     {{"maxSessions", HTTP_PARAM_INT, 1, SESSIONS_MAX, true}}},
};

/* The recipe of README.md. */
static const struct option_sample samples[] = {
    {"serviceAddr", "127.0.0.1:8936"},
    {"cliAddr", "127.0.0.1:7936"},
    {NULL, NULL},
};

const struct role orchestrator_role = {
    .name = "orchestrator",
    .node_type = "orch",
    .default_cli_addr_port = "7935",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .config_size = sizeof(struct config),
    .command = command,
    .samples = samples,
    .create = create,
    .stop = stop,
    .destroy = destroy,
    .status = status,
    .metrics = metrics,
    .routes = routes,
    .n_routes = sizeof routes / sizeof routes[0],
    .sentence = sentence,
};
