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
    make_dir();
    ck_assert_int_eq(secret_read(dir, out, sizeof out), ERR_OK); /* a folder is no file */
    snprintf(path, sizeof path, "%s/file", dir);
    put_file(path, "from a file \r\nsecond line\n", 26, 0600);
    ck_assert_int_eq(secret_read(path, out, sizeof out), ERR_OK);
    ck_assert_str_eq(out, "from a file");
    put_file(path, "no newline", 10, 0600);
    ck_assert_int_eq(secret_read(path, out, sizeof out), ERR_OK);
    ck_assert_str_eq(out, "no newline");
    put_file(path, "\nsecond", 7, 0600);
    ck_assert_int_eq(secret_read(path, out, sizeof out), ERR_NOENT);
    put_file(path, "", 0, 0600);
    ck_assert_int_eq(secret_read(path, out, sizeof out), ERR_NOENT);
    put_file(path, "0123456789012345678901234567890x\n", 33, 0600);
    ck_assert_int_eq(secret_read(path, out, sizeof out), ERR_LIMIT);
    put_file(path, "a\0b\n", 4, 0600);
    ck_assert_int_eq(secret_read(path, out, sizeof out), ERR_IO);
    ck_assert_str_eq(out, "no newline");
    remove_dir();
}
END_TEST

START_TEST(a_credential_comes_back)
{
    make_dir();
    struct link_keys b = derive("secret", LINK_ROLE_BROADCASTER);
    struct link_keys back;
    ck_assert_int_eq(credential_read(dir, "127.0.0.1:8936", &back), ERR_NOENT);
    ck_assert_int_eq(credential_write(dir, "127.0.0.1:8936", &b), ERR_OK);
    ck_assert_int_eq(credential_write(dir, "127.0.0.1:8936", &b), ERR_OK);
    ck_assert_int_eq(credential_read(dir, "127.0.0.1:8937", &back), ERR_NOENT);
    ck_assert_int_eq(credential_read(dir, "127.0.0.1:8936", &back), ERR_OK);
    ck_assert_int_eq(back.role, LINK_ROLE_BROADCASTER);
    ck_assert(same_key(back.public_key, b.public_key));
    ck_assert(same_key(back.secret_key, b.secret_key));
    ck_assert(same_key(back.server_key, b.server_key));
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0600);
    snprintf(path, sizeof path, "%s/credentials", dir);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0700);
    ck_assert_uint_eq(st.st_nlink, 2);
    char command[128];
    snprintf(command, sizeof command, "test $(ls -A %s/credentials | wc -l) = 1", dir);
    ck_assert_int_eq(system(command), 0);
    remove_dir();
}
END_TEST

START_TEST(an_address_cannot_leave_the_folder)
{
    make_dir();
    struct link_keys b = derive("secret", LINK_ROLE_BROADCASTER);
    struct link_keys back;
    static const char *const addrs[] = {"../../x:1",  "..",    ".",  "/etc/x",
                                        "[::1]:8935", "a%2Fb", "a/b"};
    for (size_t i = 0; i < sizeof addrs / sizeof addrs[0]; i++) {
        ck_assert_int_eq(credential_read(dir, addrs[i], &back), ERR_NOENT);
        ck_assert_int_eq(credential_write(dir, addrs[i], &b), ERR_OK);
        ck_assert_int_eq(credential_read(dir, addrs[i], &back), ERR_OK);
    }
    char command[128];
    snprintf(command, sizeof command, "test $(ls -A %s/credentials | wc -l) = 7", dir);
    ck_assert_int_eq(system(command), 0);
    char longest[400];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    ck_assert_int_eq(credential_write(dir, longest, &b), ERR_LIMIT);
    ck_assert_int_eq(credential_write(dir, "", &b), ERR_NOENT);
    ck_assert_int_eq(credential_write("/nonexistent", "a:1", &b), ERR_IO);
    ck_assert_int_eq(credential_read("/nonexistent", "a:1", &back), ERR_NOENT);
    remove_dir();
}
END_TEST

START_TEST(a_damaged_credential_is_refused)
{
    make_dir();
    struct link_keys b = derive("secret", LINK_ROLE_BROADCASTER);
    ck_assert_int_eq(credential_write(dir, "127.0.0.1:8936", &b), ERR_OK);
    char text[1000];
    int fd = open(path, O_RDONLY);
    ssize_t len = read(fd, text, sizeof text);
    close(fd);
    ck_assert_int_gt(len, 200);
    struct link_keys back = {.role = LINK_ROLES_};
    for (ssize_t i = 0; i < len; i++) {
        char was = text[i];
        text[i] = was == '0' ? '1' : '0';
        put_file(path, text, (size_t)len, 0600);
        /* The server's key has no proof in the file: another one is a credential too. */
        bool server_digit = i >= len - 1 - 2 * LINK_KEY_BYTES && i < len - 1;
        enum err e = credential_read(dir, "127.0.0.1:8936", &back);
        /* Scalars are clamped, so some bits of the secret key do not matter (RFC 7748, 5). */
        bool clamped = e == ERR_OK && same_key(back.public_key, b.public_key);
        ck_assert_msg(server_digit || clamped || e == ERR_PROTO, "byte %zd", i);
        text[i] = was;
        put_file(path, text, (size_t)i, 0600);
        ck_assert_int_eq(credential_read(dir, "127.0.0.1:8936", &back), ERR_PROTO);
    }
    text[len] = '\n';
    put_file(path, text, (size_t)len + 1, 0600);
    ck_assert_int_eq(credential_read(dir, "127.0.0.1:8936", &back), ERR_PROTO);
    put_file(path, text, (size_t)len, 0622);
    ck_assert_int_eq(credential_read(dir, "127.0.0.1:8936", &back), ERR_PROTO);
    put_file(path, text, (size_t)len, 0600);
    ck_assert_int_eq(credential_read(dir, "127.0.0.1:8936", &back), ERR_OK);
    unlink(path);
    ck_assert_int_eq(symlink("/etc/passwd", path), 0);
    ck_assert_int_eq(credential_read(dir, "127.0.0.1:8936", &back), ERR_PROTO);
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
    tcase_add_test(t, a_credential_comes_back);
    tcase_add_test(t, an_address_cannot_leave_the_folder);
    tcase_add_test(t, a_damaged_credential_is_refused);
    tcase_add_test(t, wiped_keys_are_gone);
    suite_add_tcase(s, t);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? 0 : 1;
}
