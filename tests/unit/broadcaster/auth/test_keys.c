#include "broadcaster/auth/keys.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "tests/support/unit.h"

#define KEY "a-secret-key-of-its-own"

static const char good[] =
    "keys:\n"
    "  - key: " KEY "\n"
    "    id: movie\n"
    "    ladder: [P240p30fps16x9, {name: own, width: 321, height: 180, bitrate: 300000, fps: 30000,"
    " fpsDen: 1001}]\n"
    "    limits: {bitrateKbps: 6000, maxWidth: 1920, maxHeight: 1080}\n"
    "  - hash: \"@\"\n"
    "    id: second\n"
    "  - {key: short, id: movie, ladder: []}\n";

static enum err read_keys(const char *text, size_t len, struct keys **ret_keys,
                          struct config_fault *fault)
{
    struct config_node *root = NULL;
    enum err e = config_tree_read(span_of(text, len), &root, fault);
    if (e == ERR_OK) {
        e = keys_read(root, ret_keys, fault);
        config_tree_destroy(root);
    }
    return e;
}

static struct keys *read_good(void)
{
    char text[1000], hash_text[KEY_HASH_TEXT_SIZE];
    struct key_hash h;
    key_hash_salt(h.salt);
    key_hash_make(&h, span_cstr("hashed"));
    key_hash_print(&h, hash_text);
    const char *at = strchr(good, '@');
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - good), good, hash_text, at + 1);
    struct config_fault fault = {0};
    struct keys *k = NULL;
    ck_assert_msg(read_keys(text, strlen(text), &k, &fault) == ERR_OK, "%u: %s", fault.line,
                  fault.text);
    return k;
}

START_TEST(a_file)
{
    struct keys *k = read_good();
    ck_assert(k->count == 3 && k->weak == 1);
    const struct key_entry *e = keys_find(k, span_cstr(KEY));
    ck_assert_str_eq(e->id, "movie");
    ck_assert(e->has_ladder && e->ladder.n == 2);
    ck_assert_str_eq(e->ladder.rungs[0].name, "P240p30fps16x9");
    ck_assert(e->ladder.rungs[1].width == 320 && e->ladder.rungs[1].fps_den == 1001);
    ck_assert(e->limits.bitrate_kbps == 6000 && e->limits.width == 1920 &&
              e->limits.height == 1080);
    e = keys_find(k, span_cstr("hashed"));
    ck_assert_str_eq(e->id, "second");
    ck_assert(!e->has_ladder && e->limits.bitrate_kbps == 0);
    e = keys_find(k, span_cstr("short"));
    ck_assert(e->has_ladder && e->ladder.n == 0);
    ck_assert_ptr_null(keys_find(k, span_cstr("")));
    ck_assert_ptr_null(keys_find(k, span_cstr(KEY "x")));
    keys_destroy(k);
    keys_destroy(NULL);
}
END_TEST

START_TEST(paths)
{
    static const struct {
        const char *path, *query, *id; /* NULL: refused */
    } cases[] = {
        {"live/" KEY, "", "movie"},
        {KEY, "", "movie"},
        {"/stream/" KEY, "a=b", "movie"},
        {"movie/" KEY, "", "movie"},
        {"live/movie/" KEY, "", "movie"},
        {"live/movie", "key=" KEY, "movie"},
        {"movie", "a=b&key=" KEY "&c", "movie"},
        {"live", "key=" KEY, "movie"},
        {"second/hashed", "", "second"},
        {"second/" KEY, "", NULL},
        {"second", "key=" KEY, NULL},
        {"live/movie", "", NULL},
        {"live/movie", "akey=" KEY, NULL},
        {"live/movie", "key=", NULL},
        {"live/" KEY "/", "", NULL},
        {"live/" KEY ".m3u8", "", NULL},
        {"", "", NULL},
        {"live", "", NULL},
    };
    struct keys *k = read_good();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct key_entry *e = NULL;
        struct publish_name name = {.id = "untouched"};
        enum err err = keys_match(k, cases[i].path, cases[i].query, &e, &name);
        ck_assert_msg(err == (cases[i].id != NULL ? ERR_OK : ERR_AUTH), "%s", cases[i].path);
        ck_assert_str_eq(name.id, cases[i].id != NULL ? cases[i].id : "untouched");
        ck_assert(cases[i].id == NULL || strcmp(name.key, KEY) == 0 ||
                  strcmp(name.key, "hashed") == 0);
    }
    keys_destroy(k);
    char long_path[PUBLISH_KEY_MAX + 10];
    memset(long_path, 'x', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = '\0';
    struct config_fault fault;
    const struct key_entry *e = NULL;
    struct publish_name name;
    ck_assert_int_eq(read_keys("", 0, &k, &fault), ERR_OK);
    ck_assert_int_eq(keys_match(k, long_path, "", &e, &name), ERR_AUTH);
    ck_assert_int_eq(keys_match(k, "x", "", &e, &name), ERR_AUTH);
    keys_destroy(k);
}
END_TEST

#define ONE "keys:\n- key: " KEY "\n  id: m\n"

START_TEST(what_is_wrong_names_its_line)
{
    static const struct {
        const char *text;
        unsigned line;
        const char *word;
    } cases[] = {
        {"other: 1\n", 1, "\"keys:\""},
        {"[1]\n", 1, "\"keys:\""},
        {"keys: 1\n", 1, "\"keys:\""},
        {"keys: []\nmore: 1\n", 2, "\"keys:\""},
        {"keys:\n- x\n", 2, "map"},
        {"keys:\n- {key: k}\n", 2, "id: is missing"},
        {"keys:\n- {id: m}\n", 2, "a key or a hash"},
        {ONE "  hash: blake2b:00\n", 4, "hashKey"},
        {"keys:\n- key: a b\n  id: m\n", 2, "key: takes"},
        {"keys:\n- key: a/b\n  id: m\n", 2, "key: takes"},
        {"keys:\n- key: [a]\n  id: m\n", 2, "key: takes"},
        {"keys:\n- key: k\n  id: a/b\n", 3, "id: takes"},
        {ONE "  what: 1\n", 4, "what: there is no such word"},
        {ONE "  ladder: P240p30fps16x9\n", 4, "a list"},
        {ONE "  ladder: [P1p]\n", 4, "no rung \"P1p\""},
        {ONE "  ladder: [[P240p30fps16x9]]\n", 4, "lists"},
        {ONE "  ladder: [P240p30fps16x9, P240p30fps16x9]\n", 4, "twice"},
        {ONE "  ladder: [{name: a/b, width: 16, height: 16, bitrate: 10000}]\n", 4, "name"},
        {ONE "  ladder: [{name: a, width: 15, height: 16}]\n", 4, "width: takes"},
        {ONE "  ladder: [{name: a, height: 16}]\n", 4, "width"},
        {ONE "  ladder: [{what: 1}]\n", 4, "what: there is no such word"},
        {ONE "  limits: 5\n", 4, "limits: takes"},
        {ONE "  limits: {bitrateKbps: 0}\n", 4, "bitrateKbps: takes"},
        {ONE "  limits: {maxWidth: wide}\n", 4, "maxWidth: takes"},
        {ONE "  limits: {x: 1}\n", 4, "x: there is no such word"},
        {ONE "- {key: " KEY ", id: n}\n", 4, "line 2 already"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config_fault fault = {0};
        struct keys *k = NULL;
        ck_assert_msg(read_keys(cases[i].text, strlen(cases[i].text), &k, &fault) == ERR_PROTO,
                      "%s", cases[i].text);
        ck_assert_ptr_null(k);
        ck_assert_msg(fault.line == cases[i].line, "%s: line %u: %s", cases[i].text, fault.line,
                      fault.text);
        ck_assert_msg(strstr(fault.text, cases[i].word) != NULL, "%s: %s", cases[i].text,
                      fault.text);
        ck_assert_ptr_null(strstr(fault.text, KEY));
    }
}
END_TEST

START_TEST(too_many_and_without_memory)
{
    struct config_fault fault = {0};
    struct keys *k = NULL;
    char *text = mem_alloc(100 * (KEYS_MAX + 2));
    size_t n = (size_t)sprintf(text, "keys:\n");
    for (int i = 0; i <= KEYS_MAX; i++) {
        n += (size_t)sprintf(text + n, "- {key: k%d, id: m}\n", i);
        if (i == KEYS_MAX - 1) {
            ck_assert_int_eq(read_keys(text, n, &k, &fault), ERR_OK);
            ck_assert_ptr_nonnull(keys_find(k, span_cstr("k999")));
            keys_destroy(k);
            k = NULL;
        }
    }
    ck_assert_int_eq(read_keys(text, n, &k, &fault), ERR_LIMIT);
    mem_free(text);
    struct config_node *root = NULL;
    ck_assert_int_eq(config_tree_read(span_cstr(ONE), &root, &fault), ERR_OK);
    mem_fail_nth(1);
    ck_assert_int_eq(keys_read(root, &k, &fault), ERR_NOMEM);
    mem_fail_nth(0);
    config_tree_destroy(root);
}
END_TEST

UNIT_MAIN("keys", a_file, paths, what_is_wrong_names_its_line, too_many_and_without_memory)
