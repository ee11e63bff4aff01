#include "broadcaster/media/media_open.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/support/unit.h"

#define NOBODY 65534

typedef enum err open_fn(int root, const char *path, int *ret_fd, struct media_stat *ret_stat);

static open_fn *const ways[] = {media_open_file, media_open_file_by_hand};
#define WAYS (sizeof ways / sizeof ways[0])

static char top[64];
static int root;

static void in_top(const char *name, char *ret_path, size_t size)
{
    ck_assert_int_lt(snprintf(ret_path, size, "%s/%s", top, name), (int)size);
}

static void put(const char *name, const char *text)
{
    char path[256];
    in_top(name, path, sizeof path);
    int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0644);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void folder(const char *name)
{
    char path[256];
    in_top(name, path, sizeof path);
    ck_assert_int_eq(mkdir(path, 0755), 0);
}

static void link_to(const char *name, const char *target)
{
    char path[256];
    in_top(name, path, sizeof path);
    ck_assert_int_eq(symlink(target, path), 0);
}

/* top/in is the root; top/secret lies outside. */
static void setup(void)
{
    strcpy(top, "/tmp/sbe-media-open.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(top));
    ck_assert_int_eq(chmod(top, 0755), 0);
    folder("in");
    folder("in/a");
    folder("in/a/b");
    put("secret", "secret");
    put("in/f", "four");
    put("in/a/b/g", "");
    char path[256];
    in_top("in", path, sizeof path);
    ck_assert_int_eq(media_open_root(path, &root), ERR_OK);
}

static void teardown(void)
{
    char command[128];
    close(root);
    snprintf(command, sizeof command, "rm -rf %s", top);
    ck_assert_int_eq(system(command), 0);
}

static enum err try_open(open_fn *way, const char *path)
{
    int fd = -1;
    struct media_stat stat = {.size = 77};
    enum err e = way(root, path, &fd, &stat);
    ck_assert((e == ERR_OK) == (fd >= 0));
    if (e == ERR_OK) {
        close(fd);
    } else {
        ck_assert_uint_eq(stat.size, 77);
    }
    return e;
}

static void expect(const char *path, enum err e)
{
    for (size_t i = 0; i < WAYS; i++) {
        enum err got = try_open(ways[i], path);
        ck_assert_msg(got == e, "%s, way %zu: %s", path, i, err_text(got));
    }
}

START_TEST(files)
{
    setup();
    for (size_t i = 0; i < WAYS; i++) {
        struct media_stat stat, again;
        int fd = -1;
        char text[8] = "";
        ck_assert_int_eq(ways[i](root, "f", &fd, &stat), ERR_OK);
        ck_assert_uint_eq(stat.size, 4);
        ck_assert_int_gt(stat.modified_ns, 0);
        ck_assert_int_eq(read(fd, text, sizeof text), 4);
        ck_assert_str_eq(text, "four");
        ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        ck_assert_int_eq(media_stat_fd(fd, &again), ERR_OK);
        ck_assert(media_stat_equal(&stat, &again));
        close(fd);
    }
    expect("a/b/g", ERR_OK);
    expect("x", ERR_NOENT);
    expect("a/x", ERR_NOENT);
    expect("x/f", ERR_NOENT);
    expect("f/x", ERR_NOENT);
    teardown();
}
END_TEST

/* Times that file systems know and nanoseconds in 64 bits have no room for. */
START_TEST(far_times)
{
    setup();
    const int64_t now_ns = 1000000 * clock_wall_ms();
    char path[256];
    in_top("in/f", path, sizeof path);
    for (int way = 0; way < 2; way++) {
        const time_t at = way == 0 ? INT64_MAX : INT64_MIN;
        const struct timespec times[2] = {{.tv_sec = at}, {.tv_sec = at}};
        struct media_stat stat;
        int fd = -1;
        ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
        ck_assert_int_eq(media_open_file(root, "f", &fd, &stat), ERR_OK);
        close(fd);
        ck_assert_int_eq(stat.modified_ns > now_ns, way == 0);
    }
    teardown();
}
END_TEST

START_TEST(no_way_out)
{
    setup();
    char path[256];
    link_to("in/link", "../secret");
    link_to("in/inner", "f");
    link_to("in/up", "..");
    link_to("in/root", "/");
    link_to("in/a/loop", "loop");
    in_top("secret", path, sizeof path);
    link_to("in/absolute", path);
    link_to("in/proc", "/proc/self/root");
    static const char *const paths[] = {"link",   "inner",    "up/secret",      "root/etc/passwd",
                                        "a/loop", "absolute", "proc/etc/passwd"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        expect(paths[i], ERR_NOENT);
    }
    teardown();
}
END_TEST

START_TEST(no_files)
{
    setup();
    char path[256];
    expect("a", ERR_UNSUPPORTED);
    in_top("in/pipe", path, sizeof path);
    ck_assert_int_eq(mkfifo(path, 0644), 0);
    expect("pipe", ERR_UNSUPPORTED); /* and at once: nobody writes to it */
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    in_top("in/socket", at.sun_path, sizeof at.sun_path);
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(s, (struct sockaddr *)&at, sizeof at), 0);
    expect("socket", ERR_UNSUPPORTED);
    close(s);
    teardown();
}
END_TEST

START_TEST(what_may_not_be_read)
{
    setup();
    char path[256];
    folder("in/shut");
    put("in/shut/f", "f");
    put("in/mine", "mine");
    in_top("in/shut", path, sizeof path);
    ck_assert_int_eq(chmod(path, 0700), 0);
    in_top("in/mine", path, sizeof path);
    ck_assert_int_eq(chmod(path, geteuid() == 0 ? 0600 : 0), 0);
    bool other = geteuid() == 0;
    ck_assert(!other || seteuid(NOBODY) == 0);
    expect("mine", ERR_AUTH);
    if (other) {
        expect("shut/f", ERR_AUTH);
        ck_assert_int_eq(seteuid(0), 0);
    }
    teardown();
}
END_TEST

START_TEST(too_many_files)
{
    setup();
    struct rlimit before, few;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    few.rlim_cur = (rlim_t)root + 1; /* the root is the highest that there is */
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    expect("f", ERR_LIMIT);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    expect("f", ERR_OK);
    teardown();
}
END_TEST

START_TEST(roots)
{
    setup();
    char path[256];
    int fd = -1;
    in_top("none", path, sizeof path);
    ck_assert_int_eq(media_open_root(path, &fd), ERR_NOENT);
    in_top("secret", path, sizeof path);
    ck_assert_int_eq(media_open_root(path, &fd), ERR_UNSUPPORTED);
    link_to("link", "in");
    in_top("link", path, sizeof path);
    ck_assert_int_eq(media_open_root(path, &fd), ERR_OK); /* the operator's own link */
    close(fd);
    link_to("in/folder", "a");
    ck_assert_int_eq(media_open_folder(root, "folder", &fd), ERR_NOENT);
    ck_assert_int_eq(media_open_folder(root, "a", &fd), ERR_OK);
    struct media_stat stat;
    bool is_folder = false;
    ck_assert_int_eq(media_stat_at(root, "a", &stat, &is_folder), ERR_UNSUPPORTED);
    ck_assert(is_folder);
    ck_assert_int_eq(media_stat_at(root, "folder", &stat, &is_folder), ERR_UNSUPPORTED);
    ck_assert(!is_folder);
    ck_assert_int_eq(media_stat_at(root, "f", &stat, &is_folder), ERR_OK);
    ck_assert_uint_eq(stat.size, 4);
    ck_assert_int_eq(media_stat_at(root, "x", &stat, &is_folder), ERR_NOENT);
    close(fd);
    teardown();
}
END_TEST

UNIT_MAIN("media_open", files, far_times, no_way_out, no_files, what_may_not_be_read,
          too_many_files, roots)
