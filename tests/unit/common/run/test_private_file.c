#include "run/private_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/unit.h"

#define NAME  "some.key"
#define OTHER ".some.key.0123456789abcde" /* a digit less than what a writer leaves */

typedef enum err write_fn(int folder, const char *name, struct span bytes);
static write_fn *const ways[] = {private_file_write, private_file_put};

static char dir[64];
static int folder;

static void make_dir(void)
{
    strcpy(dir, "/tmp/test_private_file.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    folder = private_folder_open(dir, "keys", true);
    ck_assert_int_ge(folder, 0);
}

static void remove_dir(void)
{
    char inner[80];
    (void)unlinkat(folder, NAME, 0);
    (void)unlinkat(folder, OTHER, 0);
    snprintf(inner, sizeof inner, "%s/keys", dir);
    ck_assert_int_eq(rmdir(inner), 0);
    ck_assert_int_eq(rmdir(dir), 0);
    close(folder);
}

/* The names in the folder beside NAME; ret_name: one of them. */
static int count_others(char *ret_name, size_t size)
{
    int n = 0;
    DIR *d = fdopendir(openat(folder, ".", O_RDONLY | O_DIRECTORY));
    ck_assert_ptr_nonnull(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
            strcmp(e->d_name, NAME) != 0) {
            n++;
            snprintf(ret_name, size, "%s", e->d_name);
        }
    }
    closedir(d);
    return n;
}

static void expect_file(const char *text)
{
    char bytes[100];
    size_t len = 0;
    ck_assert_int_eq(private_file_read(folder, NAME, bytes, sizeof bytes, &len, NULL), ERR_OK);
    ck_assert_uint_eq(len, strlen(text));
    ck_assert_mem_eq(bytes, text, len);
}

static void expect_alone(void)
{
    char other[300] = "";
    ck_assert_msg(count_others(other, sizeof other) == 0, "there is %s", other);
}

START_TEST(it_is_replaced_whole)
{
    for (size_t i = 0; i < 2; i++) {
        make_dir();
        ck_assert_int_eq(ways[i](folder, NAME, span_cstr("first and long")), ERR_OK);
        expect_file("first and long");
        ck_assert_int_eq(ways[i](folder, NAME, span_cstr("second")), ERR_OK);
        expect_file("second");
        struct stat st;
        ck_assert_int_eq(fstatat(folder, NAME, &st, 0), 0);
        ck_assert_uint_eq(st.st_mode, S_IFREG | 0600);
        expect_alone();
        remove_dir();
    }
}
END_TEST

/* In a child: no assertion, which writes a file. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit = {bytes, bytes};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) {
        _exit(2);
    }
}

START_TEST(a_full_disk_leaves_the_old_one)
{
    for (size_t i = 0; i < 2; i++) {
        make_dir();
        ck_assert_int_eq(ways[i](folder, NAME, span_cstr("old")), ERR_OK);
        pid_t pid = fork();
        if (pid == 0) {
            signal(SIGXFSZ, SIG_IGN);
            limit_files(8);
            _exit(ways[i](folder, NAME, span_cstr("new and long")) == ERR_IO && errno == EFBIG ? 0
                                                                                               : 1);
        }
        int status;
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_int_eq(status, 0);
        expect_file("old");
        expect_alone();
        remove_dir();
    }
}
END_TEST

/* A writer that is killed with half of the bytes written. */
static void be_killed(write_fn *fn)
{
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGXFSZ, SIG_DFL);
        limit_files(8);
        (void)!fn(folder, NAME, span_cstr("new and long"));
        _exit(0);
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ);
}

START_TEST(what_a_killed_writer_left_goes_with_the_next_write)
{
    for (size_t i = 0; i < 2; i++) {
        char left[300];
        make_dir();
        ck_assert_int_eq(ways[i](folder, NAME, span_cstr("old")), ERR_OK);
        be_killed(ways[i]);
        ck_assert_int_eq(count_others(left, sizeof left), 1);
        expect_file("old");
        be_killed(ways[i]); /* and removed the first's */
        ck_assert_int_eq(count_others(left, sizeof left), 1);
        ck_assert_int_eq(ways[i](folder, NAME, span_cstr("new")), ERR_OK);
        expect_file("new");
        expect_alone();
        remove_dir();
    }
}
END_TEST

/* Another file's, and one that is being written. */
START_TEST(what_is_not_left_stays)
{
    char left[300], other[300];
    make_dir();
    be_killed(private_file_write);
    ck_assert_int_eq(count_others(left, sizeof left), 1);
    ck_assert_int_eq(private_file_write(folder, "some", span_cstr("x")), ERR_OK);
    ck_assert_int_eq(unlinkat(folder, "some", 0), 0);
    ck_assert_int_eq(count_others(other, sizeof other), 1);
    int writer = openat(folder, left, O_WRONLY);
    ck_assert_int_eq(flock(writer, LOCK_EX | LOCK_NB), 0);
    ck_assert_int_eq(private_file_write(folder, NAME, span_cstr("x")), ERR_OK);
    ck_assert_int_eq(count_others(other, sizeof other), 1);
    ck_assert_str_eq(other, left);
    close(writer);
    int fd = openat(folder, OTHER, O_WRONLY | O_CREAT, 0600);
    close(fd);
    ck_assert_int_eq(private_file_write(folder, NAME, span_cstr("x")), ERR_OK);
    ck_assert_int_eq(count_others(other, sizeof other), 1);
    ck_assert_str_eq(other, OTHER);
    remove_dir();
}
END_TEST

#define WRITERS 4
#define ROUNDS  200

/* Each of them removes what others left, and none of them what another one writes. */
START_TEST(writers_do_not_disturb_each_other)
{
    pid_t pids[WRITERS];
    make_dir();
    for (int i = 0; i < WRITERS; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            bool good = true;
            for (int k = 0; k < ROUNDS && good; k++) {
                good = private_file_put(folder, NAME, span_cstr("one of many")) == ERR_OK;
            }
            _exit(good ? 0 : 1);
        }
    }
    for (int i = 0; i < WRITERS; i++) {
        int status;
        ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
        ck_assert_int_eq(status, 0);
    }
    expect_file("one of many");
    expect_alone();
    remove_dir();
}
END_TEST

START_TEST(what_cannot_be_read)
{
    char bytes[4];
    size_t len = 7;
    make_dir();
    ck_assert_int_eq(private_file_read(folder, NAME, bytes, sizeof bytes, &len, NULL), ERR_NOENT);
    ck_assert_int_eq(private_file_write(folder, NAME, span_cstr("12345")), ERR_OK);
    ck_assert_int_eq(private_file_read(folder, NAME, bytes, sizeof bytes, &len, NULL), ERR_LIMIT);
    ck_assert_int_eq(private_file_write(folder, NAME, span_cstr("1234")), ERR_OK);
    ck_assert_int_eq(fchmodat(folder, NAME, 0620, 0), 0);
    ck_assert_int_eq(private_file_read(folder, NAME, bytes, sizeof bytes, &len, NULL), ERR_AUTH);
    ck_assert_uint_eq(len, 7);
    ck_assert_int_eq(unlinkat(folder, NAME, 0), 0);
    ck_assert_int_eq(symlinkat("/etc/passwd", folder, NAME), 0);
    ck_assert_int_eq(private_file_read(folder, NAME, bytes, sizeof bytes, &len, NULL), ERR_AUTH);
    remove_dir();
}
END_TEST

UNIT_MAIN("private_file", it_is_replaced_whole, a_full_disk_leaves_the_old_one,
          what_a_killed_writer_left_goes_with_the_next_write, what_is_not_left_stays,
          writers_do_not_disturb_each_other, what_cannot_be_read)
