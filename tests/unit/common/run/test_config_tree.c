#include "run/config_tree.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/support/unit.h"

static const char good[] = "# a file\n"
                           "keys:\n"
                           "  - key: one\n"
                           "    n: 12\n"
                           "    list: [a, 'b']\n"
                           "  - {key: \"two\", n: '13'}\n"
                           "other: -5\n";

static struct config_node *read_ok(const char *text)
{
    struct config_fault fault = {0};
    struct config_node *root = NULL;
    ck_assert_msg(config_tree_read(span_cstr(text), &root, &fault) == ERR_OK, "%s: line %u: %s",
                  text, fault.line, fault.text);
    return root;
}

START_TEST(maps_lists_and_texts)
{
    struct config_node *root = read_ok(good);
    long n = 7;
    ck_assert(root->kind == CONFIG_MAP && root->count == 2);
    const struct config_node *keys = config_tree_member(root, "keys");
    ck_assert(keys->kind == CONFIG_LIST && keys->count == 2 && keys->line == 2);
    const struct config_node *one = keys->first, *two = one->next;
    ck_assert_ptr_null(two->next);
    ck_assert_uint_eq(two->line, 6);
    ck_assert_str_eq(config_tree_member(one, "key")->text, "one");
    ck_assert_str_eq(config_tree_member(two, "key")->text, "two");
    ck_assert_ptr_null(config_tree_member(one, "none"));
    ck_assert(config_tree_int(config_tree_member(one, "n"), 0, 12, &n) && n == 12);
    ck_assert(!config_tree_int(config_tree_member(one, "n"), 0, 11, &n));
    ck_assert(!config_tree_int(config_tree_member(one, "n"), 13, 99, &n));
    ck_assert(!config_tree_int(config_tree_member(two, "n"), 0, 99, &n));
    ck_assert(!config_tree_int(config_tree_member(one, "key"), 0, 99, &n));
    ck_assert(!config_tree_int(config_tree_member(root, "other"), -9, 99, &n));
    ck_assert(!config_tree_int(keys, 0, 99, &n));
    const struct config_node *list = config_tree_member(one, "list");
    ck_assert(list->count == 2 && list->first->plain && !list->last->plain);
    config_tree_destroy(root);
    ck_assert_ptr_null(read_ok(""));
    ck_assert_ptr_null(read_ok("# nothing\n"));
    ck_assert_ptr_null(read_ok("---\n"));
    config_tree_destroy(NULL);
}
END_TEST

START_TEST(what_is_wrong_names_its_line)
{
    static const struct {
        const char *text;
        unsigned line;
        const char *word;
    } cases[] = {
        {"a: 1\nb: &x 2\n", 2, "anchors"},
        {"a: 1\nb: !x 2\n", 2, "tags"},
        {"a: 1\nb:\n", 2, "no value"},
        {"a: ~\n", 1, "no value"},
        {"a: ''\n", 1, "no value"},
        {"a: |\n  x\n", 1, "next line"},
        {"a: x\n  y\n", 1, "next line"},
        {"a: \"x\\ty\"\n", 1, "control"},
        {"a: 1\nb: 2\na: 3\n", 3, "line 1"},
        {"? [a]\n: 1\n", 1, "before the colon"},
        {"a: 1\n---\nb: 2\n", 2, "second document"},
        {"a: 1\n\tb: 2\n", 2, "tab"},
        {"a:\n  - b: 1\n    c: 2\n   d: 3\n", 4, "the list above"},
        {"a: 'x\n", 1, "quote"},
        {"a: \xff\n", 1, "UTF-8"},
        {"[[[[[[[[[1]]]]]]]]]\n", 1, "deep"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config_fault fault = {0};
        struct config_node *root = NULL;
        ck_assert_int_ne(config_tree_read(span_cstr(cases[i].text), &root, &fault), ERR_OK);
        ck_assert_ptr_null(root);
        ck_assert_msg(fault.line == cases[i].line, "%s: line %u", cases[i].text, fault.line);
        ck_assert_msg(strstr(fault.text, cases[i].word) != NULL, "%s: %s", cases[i].text,
                      fault.text);
    }
}
END_TEST

START_TEST(cut_anywhere_and_without_memory)
{
    struct config_fault fault;
    struct config_node *root = NULL;
    for (size_t len = 0; len < sizeof good - 1; len++) {
        char *exact = mem_alloc(len + 1);
        memcpy(exact, good, len);
        if (config_tree_read(span_of(exact, len), &root, &fault) == ERR_OK) {
            config_tree_destroy(root);
            root = NULL;
        }
        mem_free(exact);
    }
    size_t failed = 0;
    for (size_t nth = 1;; nth++) {
        mem_fail_nth(nth);
        enum err e = config_tree_read(span_cstr(good), &root, &fault);
        if (!mem_has_failed()) {
            ck_assert_int_eq(e, ERR_OK);
            break;
        }
        failed++;
        ck_assert_int_eq(e, ERR_NOMEM);
    }
    mem_fail_nth(0);
    config_tree_destroy(root);
    ck_assert_uint_gt(failed, 10);
}
END_TEST

START_TEST(files)
{
    char path[] = "/tmp/test_config_tree.XXXXXX", why[CONFIG_WHY_MAX] = "";
    struct config_node *root = NULL;
    int fd = mkstemp(path);
    ck_assert_int_eq(write(fd, good, sizeof good - 1), sizeof good - 1);
    ck_assert_int_eq(config_tree_load(path, "-keysFile", &root, why), ERR_OK);
    config_tree_destroy(root);
    ck_assert_int_eq(pwrite(fd, "\t", 1, 9), 1);
    ck_assert_int_eq(config_tree_load(path, "-keysFile", &root, why), ERR_PROTO);
    ck_assert_int_eq(strncmp(why, path, strlen(path)), 0);
    ck_assert_ptr_nonnull(strstr(why, ":2: "));
    ck_assert_int_eq(ftruncate(fd, CONFIG_TREE_BYTES_MAX + 1), 0);
    ck_assert_int_eq(config_tree_load(path, "-keysFile", &root, why), ERR_LIMIT);
    close(fd);
    unlink(path);
    ck_assert_int_eq(config_tree_load(path, "-keysFile", &root, why), ERR_IO);
    ck_assert_ptr_nonnull(strstr(why, "-keysFile"));
}
END_TEST

UNIT_MAIN("config_tree", maps_lists_and_texts, what_is_wrong_names_its_line,
          cut_anywhere_and_without_memory, files)
