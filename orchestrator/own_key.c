#include "orchestrator/own_key.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "orchestrator/credentials.h"
#include "run/credential.h"
#include "run/log.h"

#define SECRET_SIZE 1024

static enum err keys_of_secret(const char *orch_secret, const struct addr *a,
                               struct link_keys *ret_own)
{
    char secret[SECRET_SIZE];
    const char *warning = secret_warning(orch_secret);
    if (warning[0] != '\0') {
        log_warn("orchestrator", "secret_file", "%s", warning);
    }
    enum err e = secret_read(orch_secret, secret, sizeof secret);
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

static enum err kept_keys(const char *data_dir, struct link_keys *ret_own)
{
    char why[CREDENTIALS_WHY_MAX];
    struct credentials *store;
    enum err e = credentials_open(data_dir, &store, why);
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

enum err own_key_read(const char *data_dir, const char *orch_secret, const struct addr *a,
                      struct link_keys *ret_own)
{
    return orch_secret[0] != '\0' ? keys_of_secret(orch_secret, a, ret_own)
                                  : kept_keys(data_dir, ret_own);
}

static void leave_credential(const char *data_dir, const char *addr,
                             const struct link_keys *broadcaster)
{
    enum err e = credential_write(data_dir, addr, broadcaster);
    if (e != ERR_OK) {
        log_warn("orchestrator", "credential",
                 "cannot write the credential of %s into %s (%s): broadcasters on this host need "
                 "-orchSecret",
                 addr, data_dir, err_text(e));
    }
}

/* A broadcaster on this host finds its credential by the address that it dials. */
static void leave_credentials(const char *data_dir, const struct addr *a,
                              const struct link_keys *broadcaster)
{
    static const char *const here[] = {"127.0.0.1", "::1", "localhost"};
    char text[ADDR_MAX];
    addr_format(a, text);
    leave_credential(data_dir, text, broadcaster);
    if (strcmp(a->host, "0.0.0.0") != 0 && strcmp(a->host, "::") != 0) {
        return;
    }
    for (size_t i = 0; i < sizeof here / sizeof here[0]; i++) {
        struct addr local = {.port = a->port};
        (void)snprintf(local.host, sizeof local.host, "%s", here[i]);
        addr_format(&local, text);
        leave_credential(data_dir, text, broadcaster);
    }
}

void own_key_register(const char *data_dir, const struct addr *a, const unsigned char *server_key)
{
    char why[CREDENTIALS_WHY_MAX];
    struct credentials *store;
    struct link_keys local;
    enum err e = credentials_open(data_dir, &store, why);
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
    leave_credentials(data_dir, a, &local);
    link_keys_wipe(&local);
}
