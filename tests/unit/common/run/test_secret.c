#include <check.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run/credential.h"

static char dir[64];
static char path[128];

static void make_dir(void)
{
    strcpy(dir, "/tmp/test_secret.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/credentials/127.0.0.1:8936", dir);
}

static void remove_dir(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    ck_assert_int_eq(system(command), 0);
}

static struct link_keys derive(const char *secret, enum link_role role)
{
    struct link_keys k;
    ck_assert_int_eq(secret_derive(secret, role, &k), ERR_OK);
    return k;
}

static bool same_key(const unsigned char *a, const unsigned char *b)
{
    return memcmp(a, b, LINK_KEY_BYTES) == 0;
}

START_TEST(ends_of_one_secret_know_each_other)
{
    struct link_keys o = derive("a long enough secret", LINK_ROLE_ORCHESTRATOR);
    struct link_keys t = derive("a long enough secret", LINK_ROLE_TRANSCODER);
    struct link_keys b = derive("a long enough secret", LINK_ROLE_BROADCASTER);
    ck_assert(same_key(o.admitted[LINK_ROLE_TRANSCODER], t.public_key));
    ck_assert(same_key(o.admitted[LINK_ROLE_BROADCASTER], b.public_key));
    ck_assert(sodium_is_zero(o.admitted[LINK_ROLE_ORCHESTRATOR], LINK_KEY_BYTES));
    ck_assert(same_key(t.server_key, o.public_key) && same_key(b.server_key, o.public_key));
    ck_assert(!same_key(t.public_key, b.public_key) && !same_key(t.public_key, o.public_key));
    ck_assert(sodium_is_zero((unsigned char *)t.admitted, sizeof t.admitted));
    unsigned char proof[LINK_KEY_BYTES];
    ck_assert_int_eq(crypto_scalarmult_base(proof, t.secret_key), 0);
    ck_assert(same_key(proof, t.public_key));
    struct link_keys other = derive("a long enough secreT", LINK_ROLE_TRANSCODER);
    ck_assert(!same_key(other.public_key, t.public_key));
    ck_assert(!same_key(other.server_key, t.server_key));
}
END_TEST

/* Ends of different releases must agree, so the steps stand here once more, with their numbers. */
START_TEST(the_derivation_is_the_documented_one)
{
    unsigned char seed[32], role_seed[32], public_key[32], secret_key[32];
    ck_assert_int_ge(sodium_init(), 0);
    ck_assert_int_eq(crypto_pwhash(seed, 32, "secret", 6, (const unsigned char *)"sbe-link-salt-v1",
                                   2, 67108864, crypto_pwhash_ALG_ARGON2ID13),
                     0);
    crypto_generichash(role_seed, 32, (const unsigned char *)"transcoder", 10, seed, 32);
    crypto_box_seed_keypair(public_key, secret_key, role_seed);
    struct link_keys t = derive("secret", LINK_ROLE_TRANSCODER);
    ck_assert(same_key(t.public_key, public_key) && same_key(t.secret_key, secret_key));
}
END_TEST

static void put_file(const char *name, const void *bytes, size_t len, mode_t mode)
{
    unlink(name);
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, bytes, len), (ssize_t)len);
    ck_assert_int_eq(fchmod(fd, mode), 0);
    close(fd);
}

START_TEST(a_secret_is_a_text_or_the_first_line_of_a_file)
{
    char out[32] = "before";
    ck_assert_int_eq(secret_read("", out, sizeof out), ERR_NOENT);
    ck_assert_int_eq(secret_read("0123456789012345678901234567890x", out, sizeof out), ERR_LIMIT);
    ck_assert_str_eq(out, "before");
    ck_assert_int_eq(secret_read("secret", out, sizeof out), ERR_OK);
    ck_assert_str_eq(out, "secret");
    ck_assert_str_eq(secret_warning("secret"), "");
    ck_assert_str_eq(secret_warning("c2VjcmV0/w=="), "");
    make_dir();
    ck_assert_int_eq(secret_read(dir, out, sizeof out), ERR_OK); /* a folder is no file */
    snprintf(path, sizeof path, "%s/none", dir);
    ck_assert_ptr_nonnull(strstr(secret_warning(path), "there is no such file"));
    ck_assert_ptr_null(strstr(secret_warning(path), path)); /* it may be a secret after all */
    snprintf(path, sizeof path, "%s/file", dir);
    put_file(path, "from a file \r\nsecond line\n", 26, 0600);
    ck_assert_int_eq(secret_read(path, out, sizeof out), ERR_OK);
    ck_assert_str_eq(out, "from a file");
    ck_assert_str_eq(secret_warning(path), "");
    put_file(path, "no newline", 10, 0600);
    ck_assert_int_eq(secret_read(path, out, sizeof out), ERR_OK);
    ck_assert_str_eq(out, "no newline");
    put_file(path, "\nsecond", 7, 0600);
    ck_assert_int_eq(secret_read(path, out, sizeof out), ERR_NOENT);
    put_file(path, "", 0, 0600);
    ck_assert_int_eq(secret_read(path, out, sizeof out), ERR_NOENT);
    put_file(path, "0123456789012345678901234567890x\n", 33, 0600);
    ck_assert_int_eq(secret_read(path, out, sizeof out), ERR_LIMIT);
    put_file(path, "streaming back-end link credential 1\nrole", 41, 0600);
    ck_assert_int_eq(secret_read(path, out, sizeof out), ERR_LIMIT);
    char line[64] = "before";
    ck_assert_int_eq(secret_read(path, line, sizeof line), ERR_UNSUPPORTED);
    ck_assert_str_eq(line, "before");
    put_file(path, "a\0b\n", 4, 0600);
    ck_assert_int_eq(secret_read(path, out, sizeof out), ERR_IO);
    ck_assert_str_eq(out, "no newline");
    remove_dir();
}
END_TEST

/* --- what -orchSecret means to a role that dials --- */

static char words[SECRET_WORDS_MAX];

static enum err keys_of(const char *flag, enum link_role role, struct link_keys *ret_keys)
{
    memset(words, '?', sizeof words);
    return secret_keys(flag, role, ret_keys, words);
}

START_TEST(a_dialling_role_takes_a_secret_or_its_file)
{
    make_dir();
    struct link_keys k, t = derive("a secret", LINK_ROLE_TRANSCODER);
    ck_assert_int_eq(keys_of("a secret", LINK_ROLE_TRANSCODER, &k), ERR_OK);
    ck_assert_str_eq(words, "");
    ck_assert_str_eq(k.name, "");
    ck_assert(same_key(k.secret_key, t.secret_key) && same_key(k.server_key, t.server_key));
    snprintf(path, sizeof path, "%s/file", dir);
    put_file(path, "a secret\n", 9, 0644);
    ck_assert_int_eq(keys_of(path, LINK_ROLE_TRANSCODER, &k), ERR_OK);
    ck_assert(same_key(k.secret_key, t.secret_key));
    ck_assert_int_eq(keys_of("", LINK_ROLE_TRANSCODER, &k), ERR_NOENT);
    ck_assert_ptr_nonnull(strstr(words, "a transcoder needs the orchestrator's secret"));
    put_file(path, "\n", 1, 0600);
    ck_assert_int_eq(keys_of(path, LINK_ROLE_BROADCASTER, &k), ERR_NOENT);
    put_file(path, "streaming back-end admitted credentials 1\n", 42, 0600);
    ck_assert_int_eq(keys_of(path, LINK_ROLE_BROADCASTER, &k), ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(words, "one of this system's own files"));
    remove_dir();
}
END_TEST

START_TEST(a_dialling_role_takes_its_own_credential_only)
{
    make_dir();
    char text[CREDENTIAL_TEXT_MAX];
    unsigned char server[LINK_KEY_BYTES] = {7};
    struct link_keys made, k = {.role = LINK_ROLES_};
    ck_assert_int_eq(credential_make(LINK_ROLE_TRANSCODER, "edge-7", server, &made), ERR_OK);
    size_t len = credential_print(&made, text);
    snprintf(path, sizeof path, "%s/file", dir);
    put_file(path, text, len, 0600);
    ck_assert_int_eq(keys_of(path, LINK_ROLE_BROADCASTER, &k), ERR_AUTH);
    ck_assert_ptr_nonnull(strstr(words, "\"edge-7\" of -orchSecret is for a transcoder"));
    ck_assert_ptr_nonnull(strstr(words, "-mint broadcaster"));
    ck_assert_int_eq(k.role, LINK_ROLES_);
    ck_assert_int_eq(keys_of(path, LINK_ROLE_TRANSCODER, &k), ERR_OK);
    ck_assert_str_eq(words, "");
    ck_assert_str_eq(k.name, "edge-7");
    ck_assert(same_key(k.secret_key, made.secret_key) && same_key(k.server_key, server));
    chmod(path, 0644);
    ck_assert_int_eq(keys_of(path, LINK_ROLE_TRANSCODER, &k), ERR_OK);
    ck_assert_ptr_nonnull(strstr(words, "chmod 600"));
    chmod(path, 0620);
    ck_assert_int_eq(keys_of(path, LINK_ROLE_TRANSCODER, &k), ERR_AUTH);
    ck_assert_ptr_nonnull(strstr(words, "chmod 600"));
    /* A mounted secret is often a link. */
    char link_path[sizeof path + 8];
    chmod(path, 0600);
    snprintf(link_path, sizeof link_path, "%s-link", path);
    ck_assert_int_eq(symlink(path, link_path), 0);
    ck_assert_int_eq(keys_of(link_path, LINK_ROLE_TRANSCODER, &k), ERR_OK);
    remove_dir();
}
END_TEST

/* What is left of a credential must never pass for a secret, once it can be told for one. */
START_TEST(a_credential_cut_short_is_no_secret)
{
    make_dir();
    char text[CREDENTIAL_TEXT_MAX + 600];
    unsigned char server[LINK_KEY_BYTES] = {7};
    struct link_keys made, k;
    ck_assert_int_eq(credential_make(LINK_ROLE_TRANSCODER, "edge-7", server, &made), ERR_OK);
    size_t len = credential_print(&made, text);
    snprintf(path, sizeof path, "%s/file", dir);
    for (size_t i = strlen("streaming back-end "); i < len; i++) {
        put_file(path, text, i, 0600);
        enum err e = keys_of(path, LINK_ROLE_TRANSCODER, &k);
        ck_assert_msg(e == ERR_PROTO || e == ERR_UNSUPPORTED, "%zu bytes: %d", i, e);
        ck_assert_msg(strstr(words, "cannot be used") != NULL, "%zu bytes: %s", i, words);
    }
    memset(text + len, 'x', 600);
    put_file(path, text, len + 600, 0600);
    ck_assert_int_eq(keys_of(path, LINK_ROLE_TRANSCODER, &k), ERR_PROTO);
    remove_dir();
}
END_TEST

START_TEST(wiped_keys_are_gone)
{
    struct link_keys o = derive("secret", LINK_ROLE_ORCHESTRATOR);
    link_keys_wipe(&o);
    ck_assert(sodium_is_zero((unsigned char *)&o, sizeof o));
    ck_assert_str_eq(link_role_name(LINK_ROLE_ORCHESTRATOR), "orchestrator");
    ck_assert_str_eq(link_role_name(LINK_ROLE_TRANSCODER), "transcoder");
    ck_assert_str_eq(link_role_name(LINK_ROLE_BROADCASTER), "broadcaster");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("secret");
    TCase *t = tcase_create("secret");
    tcase_set_timeout(t, 20);
    tcase_add_test(t, ends_of_one_secret_know_each_other);
    tcase_add_test(t, the_derivation_is_the_documented_one);
    tcase_add_test(t, a_secret_is_a_text_or_the_first_line_of_a_file);
    tcase_add_test(t, a_dialling_role_takes_a_secret_or_its_file);
    tcase_add_test(t, a_dialling_role_takes_its_own_credential_only);
    tcase_add_test(t, a_credential_cut_short_is_no_secret);
    tcase_add_test(t, wiped_keys_are_gone);
    suite_add_tcase(s, t);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? 0 : 1;
}
