#include "orchestrator/notebook.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/unit.h"

static char folder[64];
static struct loop *loop;
static struct notebook *book;
static const char *whole;
static int told_good, told_bad, wanted;

static bool write_whole(void *arg, struct buf *out)
{
    (void)arg;
    return buf_put(out, span_cstr(whole)) == ERR_OK;
}

static void on_told(void *arg, bool kept)
{
    (void)arg;
    *(kept ? &told_good : &told_bad) += 1;
    if (told_good + told_bad == wanted) {
        loop_stop(loop);
    }
}

static void open_book(void)
{
    const struct notebook_config c = {.data_dir = folder,
                                      .folder = "receipts",
                                      .name = "lines",
                                      .stands_still = "nothing is done",
                                      .max_bytes = 1000000,
                                      .whole = write_whole};
    ck_assert_int_eq(notebook_open(loop, &c, &book), ERR_OK);
}

static void start(void)
{
    strcpy(folder, "/tmp/test_notebook.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    loop = loop_create();
    whole = "first\n";
    told_good = told_bad = 0;
    open_book();
}

static void stop(void)
{
    char command[128];
    notebook_close(book);
    loop_destroy(loop);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}

static void holds(const char *text)
{
    struct buf b;
    buf_init(&b, 1000000);
    ck_assert_int_eq(notebook_read(folder, "receipts", "lines", &b), ERR_OK);
    ck_assert_msg(span_equal(buf_span(&b), span_cstr(text)), "%.*s", (int)b.len,
                  (const char *)b.data);
    buf_fini(&b);
}

static void append(const char *line)
{
    notebook_append(book, span_cstr(line), on_told, NULL);
}

static void await(int n)
{
    wanted = n;
    loop_run(loop);
}

START_TEST(lines_are_there_when_told)
{
    struct buf none;
    struct stat st;
    char path[128];
    buf_init(&none, 10);
    start();
    ck_assert_int_eq(notebook_read(folder, "receipts", "nothing", &none), ERR_NOENT);
    ck_assert_int_eq(notebook_read(folder, "nowhere", "nothing", &none), ERR_NOENT);
    append("a\n");
    append("b\n");
    append("c\n");
    ck_assert_int_eq(told_good + told_bad, 0);
    await(3);
    ck_assert_int_eq(told_good, 3);
    holds("first\na\nb\nc\n");
    snprintf(path, sizeof path, "%s/receipts/lines", folder);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
    append("d\n"); /* what waits at the end is written */
    append("e\n");
    notebook_close(book);
    ck_assert_int_eq(told_good, 5);
    holds("first\na\nb\nc\nd\ne\n");
    whole = "anew\n";
    open_book();
    holds("anew\n");
    stop();
}
END_TEST

/* A disk without room: all that waits is told so, nothing of it is in the file, and later all is
 * well again. */
START_TEST(a_full_disk)
{
    struct rlimit limit, before;
    start();
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 10;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    append("a longer line\n");
    append("b\n");
    append("c\n");
    await(3);
    ck_assert_int_eq(told_bad, 3);
    ck_assert_uint_gt(notebook_failures(book), 0);
    holds("first\n");
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    append("d\n");
    await(4);
    ck_assert_int_eq(told_good, 1);
    ck_assert_uint_eq(notebook_failures(book), 0);
    holds("first\nd\n");
    stop();
}
END_TEST

START_TEST(long_files_are_written_anew)
{
    static char line[20001];
    start();
    memset(line, 'x', sizeof line - 2);
    line[sizeof line - 2] = '\n';
    for (int i = 1; i <= 14; i++) { /* 280 kB */
        append(line);
        await(i);
        whole = "all that counts\n";
    }
    append("last\n");
    await(15);
    ck_assert_int_eq(told_good, 15);
    holds("all that counts\nlast\n");
    stop();
}
END_TEST

/* More than may wait: it fails, and nothing of that batch is written. */
START_TEST(too_much_waits)
{
    start();
    size_t n = NOTEBOOK_WAITING_MAX;
    char *much = malloc(n + 1);
    memset(much, 'y', n);
    much[n] = '\0';
    append("a\n");
    append("b\n");
    append(much);
    await(3);
    ck_assert_int_eq(told_good, 1);
    ck_assert_int_eq(told_bad, 2);
    holds("first\na\n");
    free(much);
    stop();
}
END_TEST

static void give_name(const char *from, const char *to)
{
    char old[128], new[128];
    snprintf(old, sizeof old, "%s/receipts/%s", folder, from);
    snprintf(new, sizeof new, "%s/receipts/%s", folder, to);
    ck_assert_int_eq(rename(old, new), 0);
}

/* It was put there and could not be opened, or somebody has edited or moved it: nothing goes to a
 * file that is not read at the next start. */
START_TEST(another_file_has_its_name)
{
    char path[128];
    start();
    append("a\n");
    await(1);
    snprintf(path, sizeof path, "%s/receipts/other", folder);
    FILE *other = fopen(path, "w");
    ck_assert_ptr_nonnull(other);
    ck_assert_int_ge(fputs("first\na\nedited\n", other), 0);
    ck_assert_int_eq(fclose(other), 0);
    give_name("other", "lines");
    append("b\n");
    await(2);
    holds("first\na\nedited\nb\n");
    give_name("lines", "elsewhere");
    append("c\n");
    await(3);
    ck_assert_int_eq(told_bad, 1);
    give_name("elsewhere", "lines");
    append("d\n");
    await(4);
    ck_assert_int_eq(told_good, 3);
    holds("first\na\nedited\nb\nd\n");
    stop();
}
END_TEST

START_TEST(a_damaged_one_is_kept)
{
    struct buf b;
    buf_init(&b, 1000);
    start();
    append("a\n");
    await(1);
    notebook_close(book);
    ck_assert_int_eq(notebook_put_aside(folder, "receipts", "lines"), ERR_OK);
    ck_assert_int_eq(notebook_read(folder, "receipts", "lines", &b), ERR_NOENT);
    ck_assert_int_eq(notebook_read(folder, "receipts", "lines.damaged", &b), ERR_OK);
    ck_assert(span_equal(buf_span(&b), span_cstr("first\na\n")));
    ck_assert_int_eq(notebook_put_aside(folder, "receipts", "lines"), ERR_IO);
    ck_assert_int_eq(notebook_put_aside(folder, "nowhere", "lines"), ERR_IO);
    buf_fini(&b);
    open_book();
    holds("first\n");
    stop();
}
END_TEST

UNIT_MAIN("notebook", a_damaged_one_is_kept, another_file_has_its_name, lines_are_there_when_told,
          a_full_disk, long_files_are_written_anew, too_much_waits)
