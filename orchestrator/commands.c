#include "orchestrator/commands.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "orchestrator/credentials.h"
#include "run/json.h"

#define SECRET_SIZE 1024
#define TIME_SIZE   32
#define STATE_SIZE  64

static int say(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int say(int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("orchestrator: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return status;
}

static int64_t now_s(void)
{
    return clock_wall_ms() / 1000;
}

static bool read_role(const char *text, enum link_role *ret_role)
{
    for (int r = 0; r < LINK_ROLES_; r++) {
        if (r != LINK_ROLE_ORCHESTRATOR && strcmp(text, link_role_name((enum link_role)r)) == 0) {
            *ret_role = (enum link_role)r;
            return true;
        }
    }
    return false;
}

/* An orchestrator has said what its key is. */
static bool is_started(const struct admitted *list)
{
    static const unsigned char none[LINK_KEY_BYTES];
    return memcmp(admitted_server_key(list), none, sizeof none) != 0;
}

/* --- -mint --- */

/* The key of the orchestrator that is to admit it: by the secret that is given, or as the one that
 * started last, or as the one that would start without a secret. */
static enum err find_server_key(struct credentials *c, const char *orch_secret,
                                unsigned char *ret_key, char *ret_why)
{
    struct link_keys k = {0};
    const struct admitted *list = credentials_list(c);
    enum err e = ERR_OK;
    if (orch_secret[0] != '\0') {
        char secret[SECRET_SIZE];
        e = secret_read(orch_secret, secret, sizeof secret);
        e = e == ERR_OK ? secret_derive(secret, LINK_ROLE_ORCHESTRATOR, &k) : e;
        explicit_bzero(secret, sizeof secret);
        if (e != ERR_OK) {
            snprintf(ret_why, CREDENTIALS_WHY_MAX, "-orchSecret cannot be used: %s",
                     secret_err_text(e));
        }
    } else if (is_started(list)) {
        memcpy(k.public_key, admitted_server_key(list), LINK_KEY_BYTES);
    } else {
        e = credentials_own_key(c, &k, ret_why);
    }
    if (e == ERR_OK) {
        memcpy(ret_key, k.public_key, LINK_KEY_BYTES);
    }
    link_keys_wipe(&k);
    return e;
}

static bool write_out(const char *text, size_t len)
{
    struct stat st;
    bool file = fstat(STDOUT_FILENO, &st) == 0 && S_ISREG(st.st_mode);
    /* The shell that made the file knew nothing of what comes into it. */
    bool ok = !file || fchmod(STDOUT_FILENO, 0600) == 0;
    while (ok && len > 0) {
        ssize_t n = write(STDOUT_FILENO, text, len);
        ok = n > 0 || (n < 0 && errno == EINTR);
        text += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return ok && (!file || fsync(STDOUT_FILENO) == 0);
}

static enum err mint(const char *data_dir, enum link_role role,
                     const struct commands_config *config, struct link_keys *ret_keys,
                     char *ret_why)
{
    struct credentials *c;
    unsigned char server_key[LINK_KEY_BYTES];
    enum err e = credentials_open(data_dir, &c, ret_why);
    if (e != ERR_OK) {
        return e;
    }
    e = find_server_key(c, config->orch_secret, server_key, ret_why);
    if (e == ERR_OK) {
        e = credentials_mint(c, role, config->mint_name, server_key, now_s(), ret_keys, ret_why);
    }
    credentials_close(c);
    return e;
}

static enum err revoke_name(const char *data_dir, const char *name, bool *ret_already,
                            char *ret_why)
{
    struct credentials *c;
    enum err e = credentials_open(data_dir, &c, ret_why);
    if (e == ERR_OK) {
        e = credentials_revoke(c, name, now_s(), ret_already, ret_why);
        credentials_close(c);
    }
    return e;
}

/* Nobody has it, so nobody shall come in by it. */
static int take_back(const char *data_dir, const char *name, int error)
{
    bool already;
    char why[CREDENTIALS_WHY_MAX];
    bool revoked = revoke_name(data_dir, name, &already, why) == ERR_OK;
    return say(1, "the credential cannot be written to stdout (%s); \"%s\" %s", strerror(error),
               name, revoked ? "was revoked again" : "stays in the list: revoke it");
}

static int run_mint(const char *data_dir, const struct commands_config *config)
{
    enum link_role role;
    struct link_keys k;
    char why[CREDENTIALS_WHY_MAX], text[CREDENTIAL_TEXT_MAX], print[KEY_PRINT_SIZE];
    if (!read_role(config->mint, &role)) {
        return say(2, "-mint takes transcoder or broadcaster, not \"%s\"", config->mint);
    }
    if (config->mint_name[0] == '\0') {
        return say(2, "-mint %s needs a name: -mint %s NAME > FILE", config->mint, config->mint);
    }
    if (!credential_name_is_valid(span_cstr(config->mint_name))) {
        return say(2,
                   "-mint %s NAME > FILE: a name has 1 to %d letters, digits and . _ -, which "
                   "\"%s\" has not",
                   config->mint, LINK_NAME_SIZE - 1, config->mint_name);
    }
    if (mint(data_dir, role, config, &k, why) != ERR_OK) {
        return say(1, "%s", why);
    }
    size_t len = credential_print(&k, text);
    credential_key_print(k.server_key, print);
    link_keys_wipe(&k);
    bool written = write_out(text, len);
    int error = errno;
    explicit_bzero(text, sizeof text);
    if (!written) {
        return take_back(data_dir, config->mint_name, error);
    }
    return say(
        0,
        "minted the %s's credential \"%s\" for the orchestrator whose key is %s. It works as "
        "long as the orchestrator has that key: another -orchSecret, or another data "
        "directory, is another key. Bring the file to one host, keep it private there "
        "(chmod 600), and give it as -orchSecret FILE",
        config->mint, config->mint_name, print);
}

/* --- -revoke --- */

static int run_revoke(const char *data_dir, const char *name)
{
    char why[CREDENTIALS_WHY_MAX];
    bool already = false;
    if (!credential_name_is_valid(span_cstr(name))) {
        return say(2, "-revoke takes a credential's name, which \"%s\" is not", name);
    }
    if (revoke_name(data_dir, name, &already, why) != ERR_OK) {
        return say(1, "%s", why);
    }
    return say(0, "\"%s\" %s; a running orchestrator turns it out within a heartbeat%s", name,
               already ? "was revoked already" : "is revoked",
               strcmp(name, CREDENTIALS_LOCAL) == 0
                   ? ", and makes a new one for this host when it is started again"
                   : "");
}

/* --- -listCredentials --- */

static void time_text(int64_t s, char *out)
{
    time_t t = (time_t)s;
    struct tm tm;
    if (gmtime_r(&t, &tm) == NULL || strftime(out, TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
        snprintf(out, TIME_SIZE, "%" PRId64, s);
    }
}

static bool is_for_another_key(const struct admitted *list, const struct admitted_entry *e)
{
    return strcmp(e->name, CREDENTIALS_LOCAL) != 0 &&
           memcmp(admitted_server_key(list), e->server_key, LINK_KEY_BYTES) != 0;
}

/* "other key" is said only once an orchestrator has started and its key is known. */
static const char *state_of(const struct admitted *list, const struct admitted_entry *e)
{
    bool known = is_started(list);
    return e->revoked_s != 0                      ? "revoked"
           : known && is_for_another_key(list, e) ? "other-key"
                                                  : "admitted";
}

static void print_table(const struct admitted *list)
{
    size_t width = 4;
    for (size_t i = 0; i < admitted_count(list); i++) {
        size_t len = strlen(admitted_at(list, i)->name);
        width = len > width ? len : width;
    }
    printf("%-*s  %-11s  %-9s  %-20s  %-20s  %s\n", (int)width, "NAME", "ROLE", "STATE", "MINTED",
           "REVOKED", "ORCHESTRATOR");
    for (size_t i = 0; i < admitted_count(list); i++) {
        const struct admitted_entry *e = admitted_at(list, i);
        char minted[TIME_SIZE], revoked[TIME_SIZE] = "-", print[KEY_PRINT_SIZE];
        time_text(e->minted_s, minted);
        if (e->revoked_s != 0) {
            time_text(e->revoked_s, revoked);
        }
        credential_key_print(e->server_key, print);
        printf("%-*s  %-11s  %-9s  %-20s  %-20s  %s\n", (int)width, e->name,
               link_role_name(e->role), state_of(list, e), minted, revoked, print);
    }
}

static void print_json(const struct admitted *list)
{
    char text[TIME_SIZE], print[KEY_PRINT_SIZE];
    struct json *all = json_new_array();
    for (size_t i = 0; i < admitted_count(list); i++) {
        const struct admitted_entry *e = admitted_at(list, i);
        struct json *j = json_new_object();
        json_set_str(j, "name", e->name);
        json_set_str(j, "role", link_role_name(e->role));
        json_set_str(j, "state", state_of(list, e));
        time_text(e->minted_s, text);
        json_set_str(j, "minted", text);
        time_text(e->revoked_s, text);
        json_set_str(j, "revoked", e->revoked_s != 0 ? text : NULL);
        credential_key_print(e->server_key, print);
        json_set_str(j, "orchestrator", print);
        json_append(all, j);
    }
    struct json *whole = json_new_object();
    credential_key_print(admitted_server_key(list), print);
    json_set_str(whole, "orchestrator", is_started(list) ? print : NULL);
    json_set(whole, "credentials", all);
    char *line = json_text(whole);
    fputs(line, stdout);
    mem_free(line);
    json_destroy(whole);
}

static int run_list(const char *data_dir, bool json)
{
    struct admitted *list;
    char why[CREDENTIALS_WHY_MAX];
    if (credentials_read(data_dir, &list, NULL, why) != ERR_OK) {
        return say(1, "%s", why);
    }
    json ? print_json(list) : print_table(list);
    admitted_destroy(list);
    return fflush(stdout) == 0 ? 0 : say(1, "the list cannot be written: %s", strerror(errno));
}

int commands_run(const char *data_dir, const struct commands_config *config)
{
    bool mints = config->mint[0] != '\0', revokes = config->revoke[0] != '\0';
    if (mints + revokes + config->list > 1) {
        return say(2, "-mint, -revoke and -listCredentials are commands: give one at a time");
    }
    if (config->json && !config->list) {
        return say(2, "-json goes with -listCredentials");
    }
    if (config->mint_name[0] != '\0' && !mints) {
        return say(2, "-mintName goes with -mint ROLE");
    }
    return mints          ? run_mint(data_dir, config)
           : revokes      ? run_revoke(data_dir, config->revoke)
           : config->list ? run_list(data_dir, config->json)
                          : -1;
}
