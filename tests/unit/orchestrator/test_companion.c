#include "orchestrator/companion.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "orchestrator/admitted.h"
#include "run/credential.h"
#include "run/secret.h"
#include "tests/support/unit.h"

static char dir[] = "/tmp/companion-XXXXXX";
static char why[CREDENTIALS_WHY_MAX];

static void begin(void)
{
    ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void end(void)
{
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", dir);
    ck_assert_int_eq(system(command), 0);
}

static struct link_keys keys_now(void)
{
    char path[256], words[SECRET_WORDS_MAX];
    struct link_keys k = {0};
    struct stat st;
    ck_assert_int_eq(companion_credential(dir, path, sizeof path, why), ERR_OK);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0600);
    ck_assert_int_eq(secret_keys(path, LINK_ROLE_TRANSCODER, &k, words), ERR_OK);
    return k;
}

START_TEST(it_is_kept_and_admitted)
{
    begin();
    struct link_keys a = keys_now();
    struct link_keys b = keys_now();
    ck_assert_mem_eq(a.public_key, b.public_key, LINK_KEY_BYTES);
    struct credentials *c;
    ck_assert_int_eq(credentials_open(dir, &c, why), ERR_OK);
    const struct admitted_entry *e = admitted_by_name(credentials_list(c), COMPANION_NAME);
    ck_assert_ptr_nonnull(e);
    ck_assert(e->revoked_s == 0 && e->role == LINK_ROLE_TRANSCODER);
    ck_assert_mem_eq(e->key, a.public_key, LINK_KEY_BYTES);
    struct link_keys own;
    ck_assert_int_eq(credentials_own_key(c, &own, why), ERR_OK);
    ck_assert_mem_eq(a.server_key, own.public_key, LINK_KEY_BYTES);
    credentials_close(c);
    end();
}
END_TEST

START_TEST(a_revoked_or_lost_one_is_made_anew)
{
    begin();
    struct link_keys a = keys_now();
    struct credentials *c;
    bool already;
    ck_assert_int_eq(credentials_open(dir, &c, why), ERR_OK);
    ck_assert_int_eq(credentials_revoke(c, COMPANION_NAME, 1, &already, why), ERR_OK);
    credentials_close(c);
    struct link_keys b = keys_now();
    ck_assert(memcmp(a.public_key, b.public_key, LINK_KEY_BYTES) != 0);
    char path[256];
    snprintf(path, sizeof path, "%s/admission/" COMPANION_NAME, dir);
    ck_assert_int_eq(unlink(path), 0);
    struct link_keys d = keys_now();
    ck_assert(memcmp(d.public_key, b.public_key, LINK_KEY_BYTES) != 0);
    end();
}
END_TEST

START_TEST(a_folder_that_cannot_be_is_said)
{
    begin();
    char path[256];
    ck_assert_int_ne(companion_credential("/proc/none", path, sizeof path, why), ERR_OK);
    ck_assert_int_gt(strlen(why), 10);
    ck_assert_int_eq(companion_credential(dir, path, 10, why), ERR_LIMIT);
    end();
}
END_TEST

UNIT_MAIN("companion", it_is_kept_and_admitted, a_revoked_or_lost_one_is_made_anew,
          a_folder_that_cannot_be_is_said)
