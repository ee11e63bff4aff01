/* usual time: 6 s */
/* The store of credentials on disk, and a running orchestrator's view of it. */
#include "orchestrator/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "run/log.h"
#include "tests/support/unit.h"

static char dir[64];
static char why[CREDENTIALS_WHY_MAX];
static unsigned char server[LINK_KEY_BYTES] = {42};

static void make_dir(void)
{
    strcpy(dir, "/tmp/test_gate.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
}

static int run_command(const char *format)
{
    char command[300];
    snprintf(command, sizeof command, format, dir, dir);
    return system(command);
}

static void remove_dir(void)
{
    ck_assert_int_eq(run_command("rm -rf %s"), 0);
}

static struct credentials *open_store(void)
{
    struct credentials *c = NULL;
    ck_assert_msg(credentials_open(dir, &c, why) == ERR_OK, "%s", why);
    return c;
}

static struct link_keys mint(const char *name, enum link_role role)
{
    struct credentials *c = open_store();
    struct link_keys k;
    ck_assert_msg(credentials_mint(c, role, name, server, 1000, &k, why) == ERR_OK, "%s", why);
    credentials_close(c);
    return k;
}

static void revoke_name(const char *name)
{
    struct credentials *c = open_store();
    bool already = true;
    ck_assert_msg(credentials_revoke(c, name, 2000, &already, why) == ERR_OK, "%s", why);
    ck_assert(!already);
    credentials_close(c);
}

static struct link_admission ask(struct gate *g, const struct link_keys *k)
{
    struct link_admission a = {.role = LINK_ROLES_};
    gate_admit(g, k->public_key, &a);
    return a;
}

static struct gate *open_gate(void)
{
    struct gate *g = NULL;
    ck_assert_msg(gate_open(dir, &g, why) == ERR_OK, "%s", why);
    return g;
}

/* --- the store --- */

START_TEST(mint_list_revoke)
{
    make_dir();
    struct link_keys k = mint("edge-7", LINK_ROLE_TRANSCODER), again;
    ck_assert_str_eq(k.name, "edge-7");
    ck_assert_mem_eq(k.server_key, server, LINK_KEY_BYTES);
    struct credentials *c = open_store();
    ck_assert_int_eq(credentials_mint(c, LINK_ROLE_BROADCASTER, "edge-7", server, 1, &again, why),
                     ERR_STATE);
    ck_assert_ptr_nonnull(strstr(why, "there is a transcoder's credential \"edge-7\" already"));
    ck_assert_int_eq(
        credentials_mint(c, LINK_ROLE_BROADCASTER, CREDENTIALS_LOCAL, server, 1, &again, why),
        ERR_STATE);
    bool already = false;
    ck_assert_int_eq(credentials_revoke(c, "nobody", 1, &already, why), ERR_NOENT);
    ck_assert_ptr_nonnull(strstr(why, "\"nobody\""));
    credentials_close(c);
    revoke_name("edge-7");
    struct admitted *list;
    ck_assert_int_eq(credentials_read(dir, &list, NULL, why), ERR_OK);
    ck_assert_int_eq(admitted_by_key(list, k.public_key)->revoked_s, 2000);
    admitted_destroy(list);
    c = open_store();
    ck_assert_int_eq(credentials_revoke(c, "edge-7", 3000, &already, why), ERR_OK);
    ck_assert(already);
    credentials_close(c);
    again = mint("edge-7", LINK_ROLE_BROADCASTER); /* the name is free again */
    ck_assert_int_ne(memcmp(again.public_key, k.public_key, LINK_KEY_BYTES), 0);
    ck_assert_int_eq(run_command("test $(find %s -type f ! -perm 600 | wc -l) = 0"), 0);
    ck_assert_int_eq(run_command("test $(stat -c %%a %s/admission) = 700"), 0);
    ck_assert_int_eq(run_command("test $(ls -A %s/admission | wc -l) = 2"), 0);
    credentials_close(NULL);
    remove_dir();
}
END_TEST

START_TEST(the_secret_half_is_nowhere_in_the_data_directory)
{
    make_dir();
    struct link_keys k = mint("edge-7", LINK_ROLE_TRANSCODER);
    char hex[2 * LINK_KEY_BYTES + 1], command[300];
    for (size_t i = 0; i < LINK_KEY_BYTES; i++) {
        snprintf(hex + 2 * i, 3, "%02x", k.secret_key[i]);
    }
    snprintf(command, sizeof command, "! grep -rq %s %s", hex, dir);
    ck_assert_int_eq(system(command), 0);
    for (size_t i = 0; i < LINK_KEY_BYTES; i++) {
        snprintf(hex + 2 * i, 3, "%02x", k.public_key[i]);
    }
    snprintf(command, sizeof command, "grep -rq %s %s", hex, dir);
    ck_assert_int_eq(system(command), 0);
    remove_dir();
}
END_TEST

#define MINTERS 8
#define EACH    5

START_TEST(many_at_once_lose_nothing)
{
    make_dir();
    pid_t pids[MINTERS];
    for (int i = 0; i < MINTERS; i++) {
        pids[i] = fork();
        ck_assert_int_ge(pids[i], 0);
        for (int n = 0; pids[i] == 0 && n < EACH; n++) {
            struct credentials *c = NULL;
            struct link_keys k;
            char name[32];
            snprintf(name, sizeof name, "edge-%d-%d", i, n);
            if (credentials_open(dir, &c, why) != ERR_OK ||
                credentials_mint(c, LINK_ROLE_TRANSCODER, name, server, 1, &k, why) != ERR_OK) {
                _exit(1);
            }
            credentials_close(c);
        }
        if (pids[i] == 0) {
            _exit(0);
        }
    }
    for (int i = 0; i < MINTERS; i++) {
        int status;
        ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
        ck_assert_int_eq(status, 0);
    }
    struct admitted *list;
    ck_assert_int_eq(credentials_read(dir, &list, NULL, why), ERR_OK);
    ck_assert_uint_eq(admitted_count(list), MINTERS * EACH);
    admitted_destroy(list);
    remove_dir();
}
END_TEST

START_TEST(own_key_is_made_once_and_kept)
{
    make_dir();
    struct link_keys first, second;
    struct credentials *c = open_store();
    ck_assert_int_eq(credentials_own_key(c, &first, why), ERR_OK);
    credentials_close(c);
    c = open_store();
    ck_assert_int_eq(credentials_own_key(c, &second, why), ERR_OK);
    ck_assert_int_eq(first.role, LINK_ROLE_ORCHESTRATOR);
    ck_assert_mem_eq(first.secret_key, second.secret_key, LINK_KEY_BYTES);
    ck_assert_int_eq(run_command("echo x >> %s/admission/server-key"), 0);
    ck_assert_int_eq(credentials_own_key(c, &second, why), ERR_PROTO);
    ck_assert_ptr_nonnull(strstr(why, "admission/server-key cannot be used"));
    struct link_keys local;
    ck_assert_int_eq(credentials_local(c, server, 1, &local, why), ERR_OK);
    ck_assert_int_eq(run_command("cp %s/admission/local %s/admission/server-key"), 0);
    ck_assert_int_eq(credentials_own_key(c, &second, why), ERR_PROTO);
    credentials_close(c);
    remove_dir();
}
END_TEST

START_TEST(the_local_credential_stays_until_it_is_revoked)
{
    make_dir();
    struct link_keys first, second;
    unsigned char other[LINK_KEY_BYTES] = {43};
    struct credentials *c = open_store();
    ck_assert_int_eq(credentials_local(c, server, 1, &first, why), ERR_OK);
    ck_assert_int_eq(first.role, LINK_ROLE_BROADCASTER);
    ck_assert_str_eq(first.name, CREDENTIALS_LOCAL);
    /* Another orchestrator on the same data directory: the pair is one, the server is not. */
    ck_assert_int_eq(credentials_local(c, other, 1, &second, why), ERR_OK);
    ck_assert_mem_eq(first.secret_key, second.secret_key, LINK_KEY_BYTES);
    ck_assert_mem_eq(second.server_key, other, LINK_KEY_BYTES);
    credentials_close(c);
    revoke_name(CREDENTIALS_LOCAL);
    c = open_store();
    ck_assert_int_eq(credentials_local(c, server, 1, &second, why), ERR_OK);
    ck_assert_int_ne(memcmp(first.secret_key, second.secret_key, LINK_KEY_BYTES), 0);
    ck_assert_uint_eq(admitted_count(credentials_list(c)), 1);
    ck_assert_int_eq(admitted_at(credentials_list(c), 0)->revoked_s, 0);
    credentials_close(c);
    remove_dir();
}
END_TEST

START_TEST(who_holds_the_lock_for_ever_is_named)
{
    make_dir();
    credentials_close(open_store());
    char path[128];
    snprintf(path, sizeof path, "%s/admission/lock", dir);
    int fd = open(path, O_RDWR);
    ck_assert_int_eq(flock(fd, LOCK_EX), 0);
    struct credentials *c;
    ck_assert_int_eq(credentials_open(dir, &c, why), ERR_TIMEOUT);
    ck_assert_ptr_nonnull(strstr(why, path));
    close(fd);
    credentials_close(open_store());
    remove_dir();
}
END_TEST

START_TEST(what_cannot_be_read_is_said)
{
    make_dir();
    struct credentials *c;
    struct admitted *list;
    ck_assert_int_eq(credentials_open("/nonexistent", &c, why), ERR_IO);
    ck_assert_ptr_nonnull(strstr(why, "/nonexistent/admission"));
    ck_assert_int_eq(credentials_read("/nonexistent", &list, NULL, why), ERR_OK); /* empty */
    admitted_destroy(list);
    mint("edge-7", LINK_ROLE_TRANSCODER);
    ck_assert_int_eq(run_command("chmod 622 %s/admission/credentials"), 0);
    ck_assert_int_eq(credentials_open(dir, &c, why), ERR_AUTH);
    ck_assert_ptr_nonnull(strstr(why, "chmod 600"));
    ck_assert_int_eq(run_command("chmod 600 %s/admission/credentials"), 0);
    ck_assert_int_eq(run_command("sed -i s/edge-7/edge-8/ %s/admission/credentials"), 0);
    ck_assert_int_eq(credentials_open(dir, &c, why), ERR_PROTO);
    ck_assert_ptr_nonnull(strstr(why, "its checksum does not fit"));
    ck_assert_int_eq(credentials_read(dir, &list, NULL, why), ERR_PROTO);
    ck_assert_int_eq(run_command("head -c 5000000 /dev/zero > %s/admission/credentials"), 0);
    ck_assert_int_eq(credentials_read(dir, &list, NULL, why), ERR_LIMIT);
    remove_dir();
}
END_TEST

/* --- the gate --- */

START_TEST(additions_and_revocations_count_at_once)
{
    make_dir();
    struct gate *g = open_gate();
    ck_assert(!gate_look(g));
    struct link_keys t = mint("edge-7", LINK_ROLE_TRANSCODER);
    struct link_admission a = ask(g, &t); /* before anybody has looked */
    ck_assert_int_eq(a.role, LINK_ROLE_TRANSCODER);
    ck_assert_str_eq(a.credential, "edge-7");
    ck_assert(gate_look(g)); /* although the asking has read it already */
    ck_assert(!gate_look(g));
    struct link_keys b = mint("cam", LINK_ROLE_BROADCASTER), nobody = {.public_key = {1}};
    ck_assert_int_eq(ask(g, &b).role, LINK_ROLE_BROADCASTER);
    ck_assert_int_eq(ask(g, &nobody).role, LINK_ROLES_);
    ck_assert_str_eq(ask(g, &nobody).words, "");
    revoke_name("edge-7");
    ck_assert(gate_look(g));
    a = ask(g, &t);
    ck_assert_int_eq(a.role, LINK_ROLES_);
    ck_assert_str_eq(a.words, "the credential \"edge-7\" was revoked");
    ck_assert_int_eq(ask(g, &b).role, LINK_ROLE_BROADCASTER);
    struct link_keys t2 = mint("edge-7", LINK_ROLE_TRANSCODER); /* again, with another key */
    ck_assert_int_eq(ask(g, &t).role, LINK_ROLES_);
    ck_assert_int_eq(ask(g, &t2).role, LINK_ROLE_TRANSCODER);
    gate_close(g);
    gate_close(NULL);
    remove_dir();
}
END_TEST

/* Writes in quick succession, whose times and inode numbers may be the same. */
START_TEST(no_change_is_missed)
{
    make_dir();
    struct gate *g = open_gate();
    for (int i = 0; i < 50; i++) {
        struct link_keys t = mint("edge-7", LINK_ROLE_TRANSCODER);
        ck_assert_int_eq(ask(g, &t).role, LINK_ROLE_TRANSCODER);
        revoke_name("edge-7");
        ck_assert_int_eq(ask(g, &t).role, LINK_ROLES_);
        ck_assert(gate_look(g));
    }
    gate_close(g);
    remove_dir();
}
END_TEST

START_TEST(a_damaged_list_changes_nothing_while_it_runs)
{
    make_dir();
    struct link_keys t = mint("edge-7", LINK_ROLE_TRANSCODER);
    struct gate *g = open_gate(), *other;
    ck_assert_int_eq(run_command("cp -p %s/admission/credentials %s/copy"), 0);
    ck_assert_int_eq(run_command("echo x >> %s/admission/credentials"), 0);
    ck_assert(!gate_look(g));
    ck_assert_int_eq(ask(g, &t).role, LINK_ROLE_TRANSCODER);
    ck_assert_int_eq(gate_open(dir, &other, why), ERR_PROTO);
    ck_assert_int_eq(run_command("mv %s/copy %s/admission/credentials"), 0);
    ck_assert(gate_look(g));
    ck_assert_int_eq(ask(g, &t).role, LINK_ROLE_TRANSCODER);
    ck_assert_int_eq(run_command("rm %s/admission/credentials"), 0);
    ck_assert(gate_look(g));
    ck_assert_int_eq(ask(g, &t).role, LINK_ROLES_);
    gate_close(g);
    remove_dir();
}
END_TEST

static char *status_of(struct gate *g)
{
    struct json *j = json_new_object();
    gate_status(g, j);
    char *text = json_line(j);
    json_destroy(j);
    return text;
}

START_TEST(reports_who_was_seen)
{
    make_dir();
    struct gate *g = open_gate();
    mint("edge-7", LINK_ROLE_TRANSCODER);
    mint("edge-8", LINK_ROLE_TRANSCODER);
    revoke_name("edge-8");
    ck_assert(gate_look(g));
    gate_joined(g, "edge-7", LINK_ROLE_TRANSCODER);
    gate_joined(g, "edge-7", LINK_ROLE_TRANSCODER);
    gate_left(g, "edge-7");
    gate_left(g, "nobody");
    char *text = status_of(g);
    ck_assert_ptr_nonnull(strstr(text, "\"admitted\""));
    char squeezed[1000] = "";
    for (size_t i = 0, n = 0; text[i] != '\0' && n + 1 < sizeof squeezed; i++) {
        if (text[i] != ' ') {
            squeezed[n++] = text[i];
        }
    }
    ck_assert_ptr_nonnull(strstr(squeezed, "\"admitted\":1,\"revoked\":1"));
    ck_assert_ptr_nonnull(strstr(squeezed, "\"connected\":1,\"last_seen\":"));
    ck_assert_ptr_nonnull(strstr(squeezed, "\"edge-7\""));
    ck_assert_ptr_null(strstr(squeezed, "edge-8"));
    mem_free(text);
    gate_left(g, "edge-7");
    ck_assert_int_eq(run_command("rm %s/admission/credentials"), 0);
    ck_assert(gate_look(g));
    text = status_of(g);
    ck_assert_ptr_null(strstr(text, "edge-7"));
    mem_free(text);
    gate_close(g);
    remove_dir();
}
END_TEST

START_TEST(those_of_another_key_are_counted)
{
    make_dir();
    unsigned char other[LINK_KEY_BYTES] = {43};
    char example[LINK_NAME_SIZE];
    mint("edge-7", LINK_ROLE_TRANSCODER);
    mint("edge-8", LINK_ROLE_TRANSCODER);
    struct link_keys local;
    struct credentials *c = open_store();
    ck_assert_int_eq(credentials_local(c, server, 1, &local, why), ERR_OK);
    credentials_close(c);
    struct gate *g = open_gate();
    ck_assert_uint_eq(gate_strangers(g, server, example), 0);
    ck_assert_uint_eq(gate_strangers(g, other, example), 2);
    ck_assert_str_eq(example, "edge-8");
    revoke_name("edge-8");
    ck_assert(gate_look(g));
    ck_assert_uint_eq(gate_strangers(g, other, example), 1);
    ck_assert_str_eq(example, "edge-7");
    gate_close(g);
    remove_dir();
}
END_TEST

int main(void)
{
    log_init("test", LOG_ERROR);
    const TTest *const tests[] = {
        mint_list_revoke,
        the_secret_half_is_nowhere_in_the_data_directory,
        many_at_once_lose_nothing,
        own_key_is_made_once_and_kept,
        the_local_credential_stays_until_it_is_revoked,
        who_holds_the_lock_for_ever_is_named,
        what_cannot_be_read_is_said,
        additions_and_revocations_count_at_once,
        no_change_is_missed,
        a_damaged_list_changes_nothing_while_it_runs,
        reports_who_was_seen,
        those_of_another_key_are_counted,
    };
    return unit_run("gate", tests, sizeof tests / sizeof tests[0]);
}
