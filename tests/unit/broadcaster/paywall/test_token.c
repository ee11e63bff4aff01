#include "broadcaster/paywall/token.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/unit.h"

#define ID "0123456789abcdef0123456789abcdef"
#define K1 "1111111111111111111111111111111111111111111111111111111111111111"
#define K2 "2222222222222222222222222222222222222222222222222222222222222222"

static struct token_keys keys_of(const char *text)
{
    struct token_keys k;
    char why[TOKEN_WHY_MAX] = "";
    ck_assert_msg(token_keys_read(span_cstr(text), &k, why) == ERR_OK, "%s", why);
    return k;
}

static bool is_ours(const struct token_keys *k, const char *token)
{
    char id[TOKEN_ID_LEN + 1] = "";
    bool old;
    return token_check(k, span_cstr(token), id, &old) == ERR_OK;
}

START_TEST(what_is_signed_is_known)
{
    struct token_keys k = keys_of(K1 "\n");
    char token[TOKEN_LEN + 1], id[TOKEN_ID_LEN + 1];
    bool old = true;
    token_sign(&k, ID, token);
    ck_assert_uint_eq(strlen(token), TOKEN_LEN);
    ck_assert_int_eq(token_check(&k, span_cstr(token), id, &old), ERR_OK);
    ck_assert_str_eq(id, ID);
    ck_assert(!old);
}
END_TEST

START_TEST(forgeries_are_not)
{
    struct token_keys k = keys_of(K1);
    char token[TOKEN_LEN + 1], forged[TOKEN_LEN + 2];
    token_make(&k, token);
    for (size_t i = 0; i < TOKEN_LEN; i++) {
        memcpy(forged, token, sizeof token);
        forged[i] = forged[i] == 'a' ? 'b' : 'a';
        ck_assert_msg(!is_ours(&k, forged), "byte %zu", i);
    }
    snprintf(forged, sizeof forged, "%s0", token);
    ck_assert(!is_ours(&k, forged));
    token[TOKEN_LEN - 1] = '\0';
    ck_assert(!is_ours(&k, token));
    ck_assert(!is_ours(&k, ""));
    ck_assert(!is_ours(&k, ID));
}
END_TEST

START_TEST(keys_are_changed_without_losing_viewers)
{
    struct token_keys one = keys_of(K1), both = keys_of("# new\n" K2 "\n\n" K1 "\n"),
                      two = keys_of(K2);
    char token[TOKEN_LEN + 1], id[TOKEN_ID_LEN + 1];
    bool old = false;
    token_sign(&one, ID, token);
    ck_assert_int_eq(token_check(&both, span_cstr(token), id, &old), ERR_OK);
    ck_assert(old);
    ck_assert(!is_ours(&two, token));
    token_sign(&both, id, token);
    ck_assert(is_ours(&two, token));
}
END_TEST

START_TEST(key_files_that_are_none)
{
    struct token_keys k;
    char why[TOKEN_WHY_MAX] = "";
    ck_assert_int_eq(token_keys_read(span_cstr(""), &k, why), ERR_PROTO);
    ck_assert_ptr_nonnull(strstr(why, "no key"));
    ck_assert_int_eq(token_keys_read(span_cstr(K1 "\n1234\n"), &k, why), ERR_PROTO);
    ck_assert_ptr_nonnull(strstr(why, "line 2"));
    char many[(TOKEN_KEYS_MAX + 1) * (sizeof K1) + 1] = "";
    for (int i = 0; i <= TOKEN_KEYS_MAX; i++) {
        strcat(many, K1 "\n");
    }
    ck_assert_int_eq(token_keys_read(span_cstr(many), &k, why), ERR_LIMIT);
}
END_TEST

START_TEST(the_file_is_made_once)
{
    char dir[] = "/tmp/token_XXXXXX", path[64], why[TOKEN_WHY_MAX] = "";
    struct token_keys first, again;
    struct stat st;
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_msg(token_keys_load(dir, &first, why) == ERR_OK, "%s", why);
    ck_assert_int_eq(token_keys_load(dir, &again, why), ERR_OK);
    ck_assert_mem_eq(&first, &again, sizeof first);
    snprintf(path, sizeof path, "%s/%s", dir, TOKEN_FILE);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0600);
    ck_assert_int_eq(chmod(path, 0666), 0);
    ck_assert_int_eq(token_keys_load(dir, &again, why), ERR_AUTH);
    unlink(path);
    rmdir(dir);
    ck_assert_int_eq(token_keys_load(dir, &again, why), ERR_IO);
    ck_assert_ptr_nonnull(strstr(why, dir));
}
END_TEST

static void expect_cookie(const char *header, const char *want)
{
    struct span got = {NULL, 0};
    bool found = token_cookie(header, "viewer", &got);
    ck_assert_msg(found == (want != NULL), "%s", header);
    if (found) {
        ck_assert_msg(span_equal(got, span_cstr(want)), "%s: %.*s", header, (int)got.len,
                      (const char *)got.data);
    }
}

START_TEST(cookies)
{
    expect_cookie("viewer=a", "a");
    expect_cookie("x=1; viewer=abc; y=2", "abc");
    expect_cookie("x=1;viewer=abc ;y=2", "abc");
    expect_cookie("viewer=", "");
    expect_cookie("xviewer=1; viewer2=2", NULL);
    expect_cookie("x=viewer=1", NULL);
    expect_cookie(";;; ;", NULL);
    expect_cookie("viewer", NULL);
    expect_cookie("", NULL);
    expect_cookie(NULL, NULL);
}
END_TEST

UNIT_MAIN("token", what_is_signed_is_known, forgeries_are_not,
          keys_are_changed_without_losing_viewers, key_files_that_are_none, the_file_is_made_once,
          cookies)
