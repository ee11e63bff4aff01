#include "run/credential.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run/private_file.h"
#include "run/sealed.h"
#include "tests/support/unit.h"

static char dir[64];
static char path[128];

static void make_dir(void)
{
    strcpy(dir, "/tmp/test_credential.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/credentials/127.0.0.1:8936", dir);
}

static int run_command(const char *format)
{
    char command[200];
    snprintf(command, sizeof command, format, dir);
    return system(command);
}

static void remove_dir(void)
{
    ck_assert_int_eq(run_command("rm -rf %s"), 0);
}

static bool same_key(const unsigned char *a, const unsigned char *b)
{
    return memcmp(a, b, LINK_KEY_BYTES) == 0;
}

static struct link_keys make(enum link_role role, const char *name)
{
    struct link_keys k;
    unsigned char server[LINK_KEY_BYTES] = {9, 8, 7};
    ck_assert_int_eq(credential_make(role, name, server, &k), ERR_OK);
    return k;
}

static void put_file(const char *name, const void *bytes, size_t len, mode_t mode)
{
    unlink(name);
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, bytes, len), (ssize_t)len);
    ck_assert_int_eq(fchmod(fd, mode), 0);
    close(fd);
}

/* --- the text --- */

START_TEST(names)
{
    static const char *const good[] = {"a", "edge-7", "A.b_c-0", "-", ".", "..", "local"};
    static const char *const bad[] = {"", "a b", "a/b", "a\n", "\xc3\xa4", "a\"", "a%"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        ck_assert_msg(credential_name_is_valid(span_cstr(good[i])), "%s", good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(!credential_name_is_valid(span_cstr(bad[i])), "%s", bad[i]);
    }
    char name[66];
    memset(name, 'n', sizeof name);
    ck_assert(credential_name_is_valid(span_of(name, 64)));
    ck_assert(!credential_name_is_valid(span_of(name, 65)));
    ck_assert(!credential_name_is_valid(span_of("a\0b", 3)));
}
END_TEST

START_TEST(the_text_comes_back)
{
    char text[CREDENTIAL_TEXT_MAX], again[CREDENTIAL_TEXT_MAX];
    char longest[65];
    memset(longest, 'n', 64);
    longest[64] = '\0';
    for (int r = 0; r < LINK_ROLES_; r++) {
        struct link_keys k = make((enum link_role)r, longest), back;
        const char *why = "";
        size_t len = credential_print(&k, text);
        ck_assert_uint_eq(strlen(text), len);
        ck_assert(credential_is(span_of(text, len)));
        ck_assert_int_eq(credential_parse(span_of(text, len), &back, &why), ERR_OK);
        ck_assert_int_eq(back.role, r);
        ck_assert_str_eq(back.name, longest);
        ck_assert(same_key(back.public_key, k.public_key));
        ck_assert(same_key(back.secret_key, k.secret_key));
        ck_assert(same_key(back.server_key, k.server_key));
        ck_assert_uint_eq(credential_print(&back, again), len);
        ck_assert_str_eq(again, text);
    }
    struct link_keys own;
    ck_assert_int_eq(credential_make(LINK_ROLE_ORCHESTRATOR, "o", NULL, &own), ERR_OK);
    ck_assert(same_key(own.public_key, own.server_key));
    struct link_keys other = make(LINK_ROLE_TRANSCODER, "o");
    ck_assert(!same_key(own.secret_key, other.secret_key));
    char print[KEY_PRINT_SIZE];
    credential_key_print(other.server_key, print);
    ck_assert_str_eq(print, "0908070000000000");
}
END_TEST

static enum err parse(const char *text, size_t len, const char **ret_why)
{
    struct link_keys k = {.role = LINK_ROLES_};
    enum err e = credential_parse(span_of(text, len), &k, ret_why);
    ck_assert_int_eq(k.role == LINK_ROLES_, e != ERR_OK);
    return e;
}

START_TEST(cut_short_or_changed_it_is_refused)
{
    char text[CREDENTIAL_TEXT_MAX];
    struct link_keys k = make(LINK_ROLE_TRANSCODER, "edge-7");
    size_t len = credential_print(&k, text);
    const char *why = NULL;
    for (size_t i = 0; i < len; i++) {
        ck_assert_int_eq(parse(text, i, &why), ERR_PROTO);
        for (int bit = 0; bit < 8; bit++) {
            text[i] ^= (char)(1 << bit);
            why = NULL;
            enum err e = parse(text, len, &why);
            ck_assert_msg(e == ERR_PROTO || e == ERR_UNSUPPORTED, "byte %zu bit %d", i, bit);
            ck_assert_ptr_nonnull(why);
            text[i] ^= (char)(1 << bit);
        }
    }
    ck_assert_int_eq(parse(text, len + 1, &why), ERR_PROTO); /* with the NUL */
    ck_assert_int_eq(parse(NULL, 0, &why), ERR_PROTO);
    ck_assert_int_eq(parse(text, len, &why), ERR_OK);
}
END_TEST

/* With a right checksum, as somebody would who changes the file on purpose. */
START_TEST(sealed_nonsense_is_refused)
{
    struct link_keys k = make(LINK_ROLE_TRANSCODER, "edge-7");
    char text[CREDENTIAL_TEXT_MAX + 200], good[CREDENTIAL_TEXT_MAX];
    credential_print(&k, good);
    static const struct {
        const char *from, *to;
        enum err err;
    } rows[] = {
        {"role transcoder", "role transcoder ", ERR_PROTO},
        {"role transcoder", "role  transcoder", ERR_PROTO},
        {"role transcoder", "role", ERR_PROTO},
        {"role transcoder", "role viewer", ERR_PROTO},
        {"role transcoder", "Role transcoder", ERR_PROTO},
        {"role transcoder", "role transcoder\nrole transcoder", ERR_PROTO},
        {"role transcoder\n", "", ERR_PROTO},
        {"role transcoder", "role broadcaster", ERR_OK}, /* the orchestrator knows better */
        {"name edge-7", "name edge 7", ERR_PROTO},
        {"name edge-7", "name edge/7", ERR_PROTO},
        {"name edge-7", "name edge-8", ERR_OK},
        {"public ", "public 0", ERR_PROTO},
        {"secret ", "secret A", ERR_PROTO},
        {"server ", "served ", ERR_PROTO},
        {"credential 1", "credential 2", ERR_UNSUPPORTED},
        {"credential 1", "credential 01", ERR_UNSUPPORTED},
        {"link credential", "link credentials", ERR_PROTO},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *why = "";
        const char *at = strstr(good, rows[i].from);
        size_t before = (size_t)(at - good);
        const char *rest = at + strlen(rows[i].from);
        int n = snprintf(text, sizeof text, "%.*s%s%.*s", (int)before, good, rows[i].to,
                         (int)(strlen(rest) - SEALED_LINE_BYTES), rest);
        sealed_line(span_of(text, (size_t)n), text + n);
        ck_assert_msg(parse(text, (size_t)n + SEALED_LINE_BYTES, &why) == rows[i].err, "%s: %s",
                      rows[i].to, why);
    }
    struct link_keys other = make(LINK_ROLE_TRANSCODER, "other");
    memcpy(k.public_key, other.public_key, LINK_KEY_BYTES);
    const char *why = "";
    size_t len = credential_print(&k, text);
    ck_assert_int_eq(parse(text, len, &why), ERR_PROTO);
    ck_assert_str_eq(why, "its keys do not fit together");
    memset(other.server_key, 0, LINK_KEY_BYTES);
    len = credential_print(&other, text);
    ck_assert_int_eq(parse(text, len, &why), ERR_PROTO);
}
END_TEST

/* --- files --- */

START_TEST(a_credential_comes_back)
{
    make_dir();
    struct link_keys b = make(LINK_ROLE_BROADCASTER, "local"), back;
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
    ck_assert_int_eq(run_command("test $(ls -A %s/credentials | wc -l) = 1"), 0);
    struct link_keys t = make(LINK_ROLE_TRANSCODER, "t");
    ck_assert_int_eq(credential_write(dir, "127.0.0.1:8936", &t), ERR_OK);
    ck_assert_int_eq(credential_read(dir, "127.0.0.1:8936", &back), ERR_PROTO);
    remove_dir();
}
END_TEST

START_TEST(an_address_cannot_leave_the_folder)
{
    make_dir();
    struct link_keys b = make(LINK_ROLE_BROADCASTER, "local"), back;
    static const char *const addrs[] = {"../../x:1",  "..",    ".",  "/etc/x",
                                        "[::1]:8935", "a%2Fb", "a/b"};
    for (size_t i = 0; i < sizeof addrs / sizeof addrs[0]; i++) {
        ck_assert_int_eq(credential_read(dir, addrs[i], &back), ERR_NOENT);
        ck_assert_int_eq(credential_write(dir, addrs[i], &b), ERR_OK);
        ck_assert_int_eq(credential_read(dir, addrs[i], &back), ERR_OK);
    }
    ck_assert_int_eq(run_command("test $(ls -A %s/credentials | wc -l) = 7"), 0);
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

START_TEST(who_may_write_the_file_is_trusted)
{
    make_dir();
    char text[CREDENTIAL_TEXT_MAX];
    struct link_keys b = make(LINK_ROLE_BROADCASTER, "local"), back;
    size_t len = credential_print(&b, text);
    ck_assert_int_eq(credential_write(dir, "127.0.0.1:8936", &b), ERR_OK);
    put_file(path, text, len, 0602);
    ck_assert_int_eq(credential_read(dir, "127.0.0.1:8936", &back), ERR_AUTH);
    put_file(path, text, len, 0620);
    ck_assert_int_eq(credential_read(dir, "127.0.0.1:8936", &back), ERR_AUTH);
    put_file(path, text, len - 1, 0600);
    ck_assert_int_eq(credential_read(dir, "127.0.0.1:8936", &back), ERR_PROTO);
    char large[2 * CREDENTIAL_TEXT_MAX] = {0};
    put_file(path, large, sizeof large, 0600);
    ck_assert_int_eq(credential_read(dir, "127.0.0.1:8936", &back), ERR_PROTO);
    put_file(path, text, len, 0600);
    ck_assert_int_eq(credential_read(dir, "127.0.0.1:8936", &back), ERR_OK);
    unlink(path);
    ck_assert_int_eq(symlink("/etc/passwd", path), 0);
    ck_assert_int_eq(credential_read(dir, "127.0.0.1:8936", &back), ERR_AUTH);
    unlink(path);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_int_eq(credential_read(dir, "127.0.0.1:8936", &back), ERR_AUTH);
    remove_dir();
}
END_TEST

/* What root writes for a service must be the service's. */
START_TEST(what_root_writes_belongs_to_the_folders_owner)
{
    if (geteuid() != 0) {
        return; /* nobody else can give files away */
    }
    make_dir();
    struct stat st;
    struct link_keys b = make(LINK_ROLE_BROADCASTER, "local"), back;
    ck_assert_int_eq(chown(dir, 12345, 12346), 0);
    ck_assert_int_eq(credential_write(dir, "127.0.0.1:8936", &b), ERR_OK);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_uid, 12345);
    ck_assert_uint_eq(st.st_gid, 12346);
    ck_assert_int_eq(credential_read(dir, "127.0.0.1:8936", &back), ERR_OK);
    ck_assert_int_eq(chown(path, 12347, 0), 0);
    ck_assert_int_eq(credential_read(dir, "127.0.0.1:8936", &back), ERR_AUTH);
    remove_dir();
}
END_TEST

START_TEST(a_write_that_fails_leaves_the_old_file)
{
    make_dir();
    char back[32];
    size_t len = 0;
    int folder = private_folder_open(dir, "folder", true);
    ck_assert_int_ge(folder, 0);
    ck_assert_int_eq(private_file_write(folder, "file", span_cstr("first")), ERR_OK);
    ck_assert_int_eq(mkdirat(folder, "taken", 0700), 0);
    ck_assert_int_eq(private_file_write(folder, "taken", span_cstr("second")), ERR_IO);
    ck_assert_int_eq(errno, EISDIR);
    ck_assert_int_eq(private_file_read(folder, "file", back, sizeof back, &len, NULL), ERR_OK);
    ck_assert_uint_eq(len, 5);
    ck_assert_int_eq(private_file_read(folder, "file", back, 5, &len, NULL), ERR_OK);
    ck_assert_int_eq(private_file_read(folder, "file", back, 4, &len, NULL), ERR_LIMIT);
    ck_assert_int_eq(private_file_read(folder, "none", back, 4, &len, NULL), ERR_NOENT);
    ck_assert_int_eq(run_command("test $(ls -A %s/folder | wc -l) = 2"), 0);
    close(folder);
    ck_assert_int_lt(private_folder_open(dir, "other", false), 0);
    ck_assert_int_eq(errno, ENOENT);
    remove_dir();
}
END_TEST

UNIT_MAIN("credential", names, the_text_comes_back, cut_short_or_changed_it_is_refused,
          sealed_nonsense_is_refused, a_credential_comes_back, an_address_cannot_leave_the_folder,
          who_may_write_the_file_is_trusted, what_root_writes_belongs_to_the_folders_owner,
          a_write_that_fails_leaves_the_old_file)
