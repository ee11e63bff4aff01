#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/mem.h"
#include "broadcaster/auth/admission_internal.h"
#include "run/events.h"
#include "run/log.h"

#define CODE_BAD_NAME "NetStream.Publish.BadName" /* encoders say: wrong stream key */
#define CODE_REJECTED "NetStream.Publish.Rejected"
#define CODE_FAILED   "NetStream.Publish.Failed"
#define CODE_PLAY     "NetStream.Play.Failed"
#define KEY_GONE      "the stream key is not valid any more"

struct admission_ask {
    struct admission *owner;
    struct auth_call *call;
    struct admission_verdict verdict; /* as it is when the webhook says yes */
    struct ladder ladder;             /* of the keys file */
    bool has_ladder;
    char peer[96];
    admission_fn *fn;
    void *arg;
};

struct admission_pass {
    struct list node;
    struct admission *owner;
    struct admission_verdict verdict; /* its ladder was borrowed */
    int64_t begun_ms;
    admission_revoked_fn *on_revoked;
    void *arg;
};

/* --- life --- */

static enum err read_list(const char *flag, const char *text, struct cidr_list *ret_list)
{
    char why[CIDR_WHY_MAX];
    enum err e = cidr_list_parse(text, ret_list, why);
    if (e != ERR_OK) {
        log_error("auth", "config", "%s: %s", flag, why);
    }
    return e;
}

static enum err read_lists(struct admission *a)
{
    const struct {
        const char *flag, *text;
        struct cidr_list *list;
    } lists[] = {{"-publishAllow", a->config.publish_allow, &a->publish_allow},
                 {"-publishDeny", a->config.publish_deny, &a->publish_deny},
                 {"-playAllow", a->config.play_allow, &a->play_allow},
                 {"-playDeny", a->config.play_deny, &a->play_deny}};
    enum err e = ERR_OK;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0] && e == ERR_OK; i++) {
        e = read_list(lists[i].flag, lists[i].text, lists[i].list);
    }
    return e;
}

/* ret_why: of CONFIG_WHY_MAX. */
static enum err read_keys(const char *path, struct keys **ret_keys, char *ret_why)
{
    struct config_node *root = NULL;
    struct config_fault fault;
    enum err e = config_tree_load(path, "-keysFile", &root, ret_why);
    if (e != ERR_OK) {
        return e;
    }
    e = keys_read(root, ret_keys, &fault);
    config_tree_destroy(root);
    if (e != ERR_OK) {
        config_fault_format(path, &fault, ret_why);
    }
    return e;
}

static void tell_keys(const struct keys *k, const char *path)
{
    struct stat st;
    log_info("auth", "keys", "n=%zu", k->count);
    if (stat(path, &st) == 0 && (st.st_mode & 07) != 0) {
        log_warn("auth", "keys_are_open",
                 "%s (-keysFile) can be read by every user of this host: chmod 600 it", path);
    }
    if (k->weak > 0) {
        log_warn("auth", "weak_keys",
                 "%zu keys of the keys file are shorter than %d characters and can be guessed; "
                 "openssl rand -hex 16 makes good ones",
                 k->weak, KEY_HASH_GOOD);
    }
}

static enum err open_keys(struct admission *a, const char *path)
{
    char why[CONFIG_WHY_MAX];
    if (path[0] == '\0') {
        return ERR_OK;
    }
    enum err e = read_keys(path, &a->keys, why);
    if (e != ERR_OK) {
        log_error("auth", "keys_file", "%s", why);
        return e;
    }
    a->keys_path = mem_strdup(path);
    tell_keys(a->keys, path);
    return ERR_OK;
}

static enum err open_webhook(struct admission *a)
{
    char why[AUTH_WHY_MAX];
    const struct admission_config *c = &a->config;
    if (c->webhook_url[0] == '\0') {
        return ERR_OK;
    }
    enum err e = auth_client_create(c->loop, c->webhook_url, c->webhook_timeout_ms, &a->auth, why);
    if (e != ERR_OK) {
        log_error("auth", "config", "-authWebhookUrl: %s", why);
    }
    return e;
}

enum err admission_create(const struct admission_config *config, struct admission **ret_admission)
{
    struct admission *a = mem_alloc(sizeof *a);
    a->config = *config;
    list_init(&a->passes);
    a->bans = bans_create(&config->bans);
    enum err e = read_lists(a);
    if (e == ERR_OK) {
        e = open_keys(a, config->keys_file);
    }
    if (e == ERR_OK) {
        e = open_webhook(a);
    }
    if (e != ERR_OK) {
        admission_destroy(a);
        return e;
    }
    *ret_admission = a;
    return ERR_OK;
}

void admission_destroy(struct admission *a)
{
    if (a == NULL) {
        return;
    }
    auth_client_destroy(a->auth);
    keys_destroy(a->keys);
    bans_destroy(a->bans);
    cidr_list_fini(&a->publish_allow);
    cidr_list_fini(&a->publish_deny);
    cidr_list_fini(&a->play_allow);
    cidr_list_fini(&a->play_deny);
    mem_free(a->keys_path);
    mem_free(a);
}

/* --- a no --- */

static enum err refuse(struct admission *a, struct admission_verdict *v, enum refusal kind,
                       enum err e, const char *code, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
static enum err refuse(struct admission *a, struct admission_verdict *v, enum refusal kind,
                       enum err e, const char *code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(v->text, sizeof v->text, format, args);
    va_end(args);
    v->err = e;
    v->code = v->kind == ADMISSION_PLAY ? CODE_PLAY : code;
    a->refused[kind]++;
    return e;
}

/* Who tries keys and names is stopped. */
static void count_failure(struct admission *a, const unsigned char *address, const char *peer)
{
    int64_t now = clock_mono_ms();
    if (bans_failure(a->bans, address, now)) {
        int64_t s = (bans_left_ms(a->bans, address, now) + 999) / 1000;
        event_emit("address_banned", "peer", peer);
        log_warn(
            "auth", "banned",
            "peer=%s seconds=%lld reason=\"too many publishes were refused; POST /clearBans at "
            "-cliAddr ends it\"",
            peer, (long long)s);
    }
}

/* --- one question after the other --- */

static enum err check_address(struct admission *a, const struct admission_request *r,
                              struct admission_verdict *v)
{
    bool play = r->kind == ADMISSION_PLAY;
    const struct cidr_list *allow = play ? &a->play_allow : &a->publish_allow;
    const struct cidr_list *deny = play ? &a->play_deny : &a->publish_deny;
    int64_t banned_ms = bans_left_ms(a->bans, r->address, clock_mono_ms());
    if (cidr_list_contains(deny, r->address) ||
        (allow->count > 0 && !cidr_list_contains(allow, r->address))) {
        return refuse(a, v, REFUSED_ADDRESS, ERR_AUTH, CODE_REJECTED,
                      "%s is not allowed from this address", play ? "playing" : "publishing");
    }
    if (banned_ms > 0) {
        return refuse(a, v, REFUSED_BANNED, ERR_AUTH, CODE_REJECTED,
                      "too many attempts from this address were refused: try again in %lld s",
                      (long long)(banned_ms + 999) / 1000);
    }
    return ERR_OK;
}

/* Who comes back for its own stream, with the old connection half dead, is not one more. */
static enum err check_streams(struct admission *a, struct admission_verdict *v)
{
    long streams = 0;
    if (v->kind == ADMISSION_PLAY || a->config.streams_per_address == 0) {
        return ERR_OK;
    }
    LIST_EACH (&a->passes, n, next) {
        const struct admission_pass *p = LIST_ITEM(n, struct admission_pass, node);
        streams += p->verdict.kind != ADMISSION_PLAY &&
                   bans_same_address(p->verdict.address, v->address) &&
                   strcmp(p->verdict.name.id, v->name.id) != 0;
    }
    if (streams >= a->config.streams_per_address) {
        return refuse(a, v, REFUSED_ADDRESS_FULL, ERR_LIMIT, CODE_REJECTED,
                      "this address publishes %ld streams already, which is all it may: end one",
                      streams);
    }
    return ERR_OK;
}

/* The name, by the keys file (*ret_entry, or NULL) or by the URL. */
static enum err check_name(struct admission *a, const struct admission_request *r,
                           struct admission_verdict *v, const struct key_entry **ret_entry)
{
    if (a->keys != NULL && r->kind != ADMISSION_PLAY) {
        if (keys_match(a->keys, r->path, r->query, ret_entry, &v->name) == ERR_OK) {
            v->by_key = true;
            v->listed = v->name;
            v->limits = limits_join(&v->limits, &(*ret_entry)->limits);
            v->ladder = (*ret_entry)->has_ladder ? &(*ret_entry)->ladder : NULL;
            return ERR_OK;
        }
        (void)refuse(a, v, REFUSED_KEY, ERR_AUTH, CODE_BAD_NAME,
                     "the stream key is not known: see the encoder's settings");
        count_failure(a, r->address, r->peer);
        return ERR_AUTH;
    }
    enum err e = publish_name_parse(r->path, &v->name);
    return e == ERR_OK ? ERR_OK
                       : refuse(a, v, REFUSED_NAME, e, CODE_BAD_NAME,
                                "the stream's name may have letters, digits and . _ - ~, up to 128 "
                                "bytes");
}

static enum err check_free(struct admission *a, const struct admission_request *r,
                           struct admission_verdict *v)
{
    const char *why = "";
    if (v->kind == ADMISSION_PLAY || a->config.is_free == NULL) {
        return ERR_OK;
    }
    enum err e = a->config.is_free(a->config.is_free_arg, &v->name, &why);
    if (e == ERR_AUTH && !v->by_key && v->name.key[0] != '\0') {
        count_failure(a, r->address, r->peer); /* who guesses the key of a live stream */
    }
    return e == ERR_OK ? ERR_OK
                       : refuse(a, v, REFUSED_TAKEN, e,
                                e == ERR_LIMIT ? CODE_FAILED : CODE_BAD_NAME, "%s", why);
}

/* Whether the keys file has the key that v was given by. */
static bool still_listed(const struct admission *a, const struct admission_verdict *v)
{
    if (!v->by_key) {
        return true;
    }
    const struct key_entry *e = keys_find(a->keys, span_cstr(v->listed.key));
    return e != NULL && strcmp(e->id, v->listed.id) == 0;
}

/* --- the webhook --- */

static const char *kind_name(enum admission_kind kind)
{
    static const char *const names[] = {"publish", "push", "play"};
    return names[kind];
}

static void describe_session(const struct admission_verdict *v, struct auth_session *s)
{
    *s = (struct auth_session){.kind = kind_name(v->kind)};
    cidr_address_format(v->address, s->ip);
    snprintf(s->id, sizeof s->id, "%s", v->session);
}

static void take_answer(struct admission_verdict *v, const struct auth_answer *answer)
{
    v->by_webhook = true;
    if (answer->id[0] != '\0') {
        snprintf(v->name.id, sizeof v->name.id, "%s", answer->id);
    }
    if (answer->key[0] != '\0') {
        snprintf(v->name.key, sizeof v->name.key, "%s", answer->key);
        v->key_given = true;
    }
    if (answer->has_ladder) {
        v->ladder = &answer->ladder;
    }
}

/* seconds: that it went on. */
static void tell_end(struct admission *a, const struct admission_verdict *v, int64_t seconds,
                     const char *reason)
{
    struct auth_session s;
    describe_session(v, &s);
    auth_client_tell_end(a->auth, &s, v->name.id, seconds, reason);
}

/* The webhook says yes. What was asked before it may have changed while it thought. */
static void on_yes(struct admission *a, struct admission_verdict *v,
                   const struct auth_answer *answer)
{
    enum err e = ERR_OK;
    take_answer(v, answer);
    if (answer->warning[0] != '\0') {
        log_warn("auth", "webhook", "stream=%s reason=\"%s\"", v->name.id, answer->warning);
    }
    if (!still_listed(a, v)) {
        e = refuse(a, v, REFUSED_KEY, ERR_AUTH, CODE_BAD_NAME, KEY_GONE);
    } else {
        e = check_streams(a, v);
    }
    a->admitted += e == ERR_OK;
    if (e != ERR_OK) {
        tell_end(a, v, 0, v->text); /* it counts on a stream */
    }
}

/* For the webhook: why what it may count on has ended. */
static const char *no_verdict_reason(enum err e)
{
    return e == ERR_TIMEOUT                   ? "the webhook did not answer in time"
           : e == ERR_PROTO || e == ERR_LIMIT ? "the webhook's answer could not be understood"
                                              : "the webhook's answer did not come";
}

static void on_auth(void *arg, enum err err, const struct auth_answer *answer, bool maybe_yes,
                    const char *why)
{
    struct admission_ask *ask = arg;
    struct admission *a = ask->owner;
    struct admission_verdict *v = &ask->verdict;
    v->ladder = ask->has_ladder ? &ask->ladder : NULL;
    if (err == ERR_OK) {
        on_yes(a, v, answer);
    } else if (err == ERR_AUTH) {
        log_warn("auth", "denied", "peer=%s reason=\"the webhook denies it: %s\"", ask->peer, why);
        (void)refuse(a, v, REFUSED_WEBHOOK, ERR_AUTH, CODE_BAD_NAME,
                     "Authentication denied: see the stream's name and key");
        count_failure(a, v->address, ask->peer);
    } else {
        log_error("auth", "no_verdict",
                  "peer=%s reason=\"the webhook of -authWebhookUrl gave no verdict: %s\"",
                  ask->peer, why);
        (void)refuse(a, v, REFUSED_NO_VERDICT, err, CODE_FAILED,
                     err == ERR_TIMEOUT
                         ? "Authentication denied: who decides about it has not answered in time"
                     : err == ERR_IO || err == ERR_CLOSED
                         ? "Authentication denied: who decides about it could not be asked"
                         : "Authentication denied: who decides about it gave no answer that can be "
                           "understood");
    }
    if (maybe_yes) {
        tell_end(a, v, 0, no_verdict_reason(err));
    }
    ask->fn(ask->arg, v);
    a->asks--;
    mem_free(ask);
}

static struct admission_ask *ask_webhook(struct admission *a, const struct admission_request *r,
                                         const struct admission_verdict *v, admission_fn *fn,
                                         void *arg)
{
    struct auth_session session;
    struct buf url;
    buf_init(&url, AUTH_URL_MAX);
    struct admission_ask *ask = mem_alloc(sizeof *ask);
    *ask = (struct admission_ask){.owner = a, .verdict = *v, .fn = fn, .arg = arg};
    ask->has_ladder = v->ladder != NULL;
    if (ask->has_ladder) {
        ask->ladder = *v->ladder;
    }
    snprintf(ask->peer, sizeof ask->peer, "%s", r->peer);
    enum err e = r->kind == ADMISSION_PUSH ? buf_put(&url, span_cstr(r->tc_url))
                                           : auth_url(r->tc_url, r->path, r->query, &url);
    if (e == ERR_OK) {
        e = buf_put_u8(&url, '\0');
    }
    if (e == ERR_OK) {
        describe_session(v, &session);
        ask->call = auth_client_ask(a->auth, &session, (const char *)url.data, on_auth, ask);
        a->asks++;
    } else {
        struct admission_verdict no = *v;
        (void)refuse(a, &no, REFUSED_NAME, e, CODE_BAD_NAME, "the URL is too long");
        mem_free(ask);
        ask = NULL;
        fn(arg, &no);
    }
    buf_fini(&url);
    return ask;
}

struct admission_ask *admission_ask(struct admission *a, const struct admission_request *r,
                                    admission_fn *fn, void *arg)
{
    struct admission_verdict v = {.code = "", .kind = r->kind, .limits = a->config.limits};
    const struct key_entry *entry = NULL;
    memcpy(v.address, r->address, sizeof v.address);
    id_random_hex(v.session, ADMISSION_SESSION_MAX / 2);
    enum err e = check_address(a, r, &v);
    if (e == ERR_OK) {
        e = check_name(a, r, &v, &entry);
    }
    if (e == ERR_OK) {
        e = check_streams(a, &v);
    }
    if (e == ERR_OK) {
        e = check_free(a, r, &v);
    }
    if (e == ERR_OK && a->auth != NULL && (r->kind != ADMISSION_PLAY || a->config.webhook_play)) {
        return ask_webhook(a, r, &v, fn, arg);
    }
    a->admitted += e == ERR_OK;
    fn(arg, &v);
    return NULL;
}

void admission_cancel(struct admission_ask *ask)
{
    auth_client_cancel(ask->call);
    tell_end(ask->owner, &ask->verdict, 0, "it left before it was answered");
    ask->owner->asks--;
    mem_free(ask);
}

/* --- sessions --- */

struct admission_pass *admission_begin(struct admission *a, const struct admission_verdict *v,
                                       admission_revoked_fn *on_revoked, void *arg)
{
    struct admission_pass *p = mem_alloc(sizeof *p);
    p->owner = a;
    p->verdict = *v;
    p->verdict.ladder = NULL;
    p->begun_ms = clock_mono_ms();
    p->on_revoked = on_revoked;
    p->arg = arg;
    list_push_back(&a->passes, &p->node);
    return p;
}

void admission_end(struct admission_pass *p, const char *reason)
{
    if (p == NULL) {
        return;
    }
    struct admission *a = p->owner;
    if (p->verdict.by_webhook) {
        tell_end(a, &p->verdict, (clock_mono_ms() - p->begun_ms) / 1000, reason);
    }
    list_remove(&p->node);
    explicit_bzero(&p->verdict, sizeof p->verdict); /* keys */
    mem_free(p);
}

void admission_unused(struct admission *a, const struct admission_verdict *v, const char *reason)
{
    if (v->by_webhook) {
        tell_end(a, v, 0, reason);
    }
}

bool admission_idle(const struct admission *a)
{
    return a->auth == NULL || auth_client_idle(a->auth);
}

/* --- the keys file again --- */

void admission_reload(struct admission *a)
{
    char why[CONFIG_WHY_MAX];
    struct keys *keys = NULL;
    if (a->keys_path == NULL) {
        return;
    }
    if (read_keys(a->keys_path, &keys, why) != ERR_OK) {
        log_error("auth", "keys_file", "%s; the keys that were read before stay in force", why);
        return;
    }
    keys_destroy(a->keys);
    a->keys = keys;
    tell_keys(keys, a->keys_path);
    LIST_EACH (&a->passes, n, next) {
        struct admission_pass *p = LIST_ITEM(n, struct admission_pass, node);
        if (!still_listed(a, &p->verdict) && p->on_revoked != NULL) {
            admission_revoked_fn *on_revoked = p->on_revoked;
            p->on_revoked = NULL;
            a->revoked++;
            log_warn("auth", "revoked", "stream=%s reason=\"its key is not in the keys file now\"",
                     p->verdict.name.id);
            on_revoked(p->arg, CODE_BAD_NAME, KEY_GONE);
        }
    }
}
