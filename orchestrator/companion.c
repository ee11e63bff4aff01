#include "orchestrator/companion.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "orchestrator/admitted.h"
#include "run/credential.h"

#define FOLDER "admission"

static bool is_good(const struct credentials *c, const struct link_keys *k,
                    const struct link_keys *own)
{
    const struct admitted_entry *e = admitted_by_name(credentials_list(c), COMPANION_NAME);
    return e != NULL && e->revoked_s == 0 && k->role == LINK_ROLE_TRANSCODER &&
           memcmp(e->key, k->public_key, LINK_KEY_BYTES) == 0 &&
           memcmp(k->server_key, own->public_key, LINK_KEY_BYTES) == 0;
}

static enum err make(struct credentials *c, int folder, const struct link_keys *own, char *ret_why)
{
    int64_t now_s = clock_wall_ms() / 1000;
    struct link_keys k = {0};
    bool already;
    const struct admitted_entry *former = admitted_by_name(credentials_list(c), COMPANION_NAME);
    enum err e = former != NULL && former->revoked_s == 0
                     ? credentials_revoke(c, COMPANION_NAME, now_s, &already, ret_why)
                     : ERR_OK;
    if (e == ERR_OK) {
        e = credentials_mint(c, LINK_ROLE_TRANSCODER, COMPANION_NAME, own->public_key, now_s, &k,
                             ret_why);
    }
    if (e == ERR_OK) {
        e = credential_save(folder, COMPANION_NAME, &k);
        if (e != ERR_OK) {
            snprintf(ret_why, CREDENTIALS_WHY_MAX,
                     "the transcoder's credential cannot be kept in the data directory: %s",
                     err_text(e));
        }
    }
    link_keys_wipe(&k);
    return e;
}

static enum err find_or_make(struct credentials *c, const char *dir, char *ret_why)
{
    struct link_keys own = {0}, k = {0};
    int folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) {
        snprintf(ret_why, CREDENTIALS_WHY_MAX, "%s cannot be opened", dir);
        return ERR_IO;
    }
    enum err e = credentials_own_key(c, &own, ret_why);
    if (e == ERR_OK &&
        (credential_load(folder, COMPANION_NAME, &k) != ERR_OK || !is_good(c, &k, &own))) {
        e = make(c, folder, &own, ret_why);
    }
    close(folder);
    link_keys_wipe(&own);
    link_keys_wipe(&k);
    return e;
}

enum err companion_credential(const char *data_dir, char *ret_path, size_t size, char *ret_why)
{
    char dir[4096];
    struct credentials *c;
    int n = snprintf(dir, sizeof dir, "%s/" FOLDER, data_dir);
    int m = snprintf(ret_path, size, "%s/" FOLDER "/" COMPANION_NAME, data_dir);
    if (n < 0 || (size_t)n >= sizeof dir || m < 0 || (size_t)m >= size) {
        snprintf(ret_why, CREDENTIALS_WHY_MAX, "the data directory's name is too long");
        return ERR_LIMIT;
    }
    enum err e = credentials_open(data_dir, &c, ret_why);
    if (e == ERR_OK) {
        e = find_or_make(c, dir, ret_why);
        credentials_close(c);
    }
    return e;
}
