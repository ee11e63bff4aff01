#include "broadcaster/media/media_catalog.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/support/media_folder.h"
#include "tests/support/unit.h"

#define WAIT_MS  15000
#define ROUND_US 5000

static struct media_folder folder;
static struct media_catalog *catalog;
static struct span wav;

static void setup(void)
{
    folder = media_folder_create();
    wav = media_folder_wav(1);
    media_folder_mkdir(&folder, "in");
    media_folder_mkdir(&folder, "in/sub");
    media_folder_put(&folder, "in/sub/b.wav", wav, 1);
}

static void open_catalog(void)
{
    char path[MEDIA_FOLDER_PATH_MAX];
    media_folder_path(&folder, "in", path);
    ck_assert_int_eq(media_catalog_create(path, &catalog), ERR_OK);
}

static void teardown(void)
{
    media_catalog_destroy(catalog);
    media_folder_destroy(&folder);
    mem_free((void *)(uintptr_t)wav.data);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}

/* Each file's name and state, in order. */
static void list(char *ret_text, size_t size)
{
    struct media_text text;
    ret_text[0] = '\0';
    if (media_catalog_text(catalog, &text) != ERR_OK) {
        return;
    }
    struct buf copy;
    buf_init(&copy, MEDIA_JSON_BYTES);
    ck_assert_int_eq(buf_put(&copy, blob_span(text.plain)), ERR_OK);
    ck_assert_int_eq(buf_put_u8(&copy, 0), ERR_OK);
    const char *at = (const char *)copy.data;
    while ((at = strstr(at, "\"name\":\"")) != NULL) {
        const char *state = strstr(at, "\"state\":\"") + 9;
        at += 8;
        size_t n = strlen(ret_text);
        snprintf(ret_text + n, size - n, "%.*s=%.*s ", (int)strcspn(at, "\""), at,
                 (int)strcspn(state, "\""), state);
    }
    buf_fini(&copy);
    blob_unref(text.plain);
    blob_unref(text.gzip);
}

static void becomes(const char *wanted)
{
    char text[1000];
    int64_t until = clock_mono_ms() + WAIT_MS;
    for (;;) {
        list(text, sizeof text);
        if (strcmp(text, wanted) == 0) {
            return;
        }
        ck_assert_msg(clock_mono_ms() < until, "\"%s\" and not \"%s\"", text, wanted);
        usleep(ROUND_US);
    }
}

static void move(const char *from, const char *to)
{
    char a[MEDIA_FOLDER_PATH_MAX], b[MEDIA_FOLDER_PATH_MAX];
    media_folder_path(&folder, from, a);
    media_folder_path(&folder, to, b);
    ck_assert_int_eq(rename(a, b), 0);
}

static void drop(const char *name)
{
    char path[MEDIA_FOLDER_PATH_MAX];
    media_folder_path(&folder, name, path);
    ck_assert_int_eq(unlink(path), 0);
}

START_TEST(what_is_there)
{
    setup();
    media_folder_put(&folder, "in/a.mp4", span_cstr("no media"), 1);
    media_folder_put(&folder, "in/.hidden.wav", wav, 1);
    media_folder_put(&folder, "in/bad\xFF.wav", wav, 1);
    media_folder_put(&folder, "in/text.txt", wav, 1);
    media_folder_put(&folder, "in/z.m3u8", span_cstr("#EXTM3U\n"), 1);
    media_folder_put(&folder, "outside.wav", wav, 1);
    char path[MEDIA_FOLDER_PATH_MAX];
    media_folder_path(&folder, "in/link.wav", path);
    ck_assert_int_eq(symlink("../outside.wav", path), 0);
    open_catalog();
    becomes("a.mp4=unreadable sub/b.wav=ready z.m3u8=ready ");
    struct media_catalog_figures f = media_catalog_figures(catalog);
    ck_assert_uint_eq(f.listed, 3);
    ck_assert_uint_eq(f.folders, 2);
    ck_assert_uint_eq(f.skipped, 1);
    ck_assert_uint_eq(f.unreadable, 1);
    ck_assert_uint_eq(f.waiting, 0);
    ck_assert(f.watched && !f.missing && !f.truncated);
    int fd;
    struct media_stat stat;
    struct media_facts facts;
    ck_assert_int_eq(media_catalog_open(catalog, "sub/b.wav", &fd, &stat), ERR_OK);
    close(fd);
    ck_assert_uint_eq(stat.size, wav.len);
    ck_assert_int_eq(media_catalog_facts(catalog, "sub/b.wav", &stat, &facts), ERR_OK);
    ck_assert_int_eq(facts.duration_ms, 1000);
    ck_assert_int_eq(media_catalog_facts(catalog, "sub/c.wav", &stat, &facts), ERR_AGAIN);
    stat.size++;
    ck_assert_int_eq(media_catalog_facts(catalog, "sub/b.wav", &stat, &facts), ERR_AGAIN);
    char first[MEDIA_PATH_MAX + 1];
    ck_assert_int_eq(media_catalog_first_video(catalog, first), ERR_NOENT);
    ck_assert_int_eq(media_catalog_open(catalog, "link.wav", &fd, &stat), ERR_NOENT);
    teardown();
}
END_TEST

START_TEST(changes)
{
    setup();
    open_catalog();
    becomes("sub/b.wav=ready ");
    media_folder_put(&folder, "in/a.wav", wav, 1);
    becomes("a.wav=ready sub/b.wav=ready ");
    media_folder_mkdir(&folder, "in/new");
    media_folder_mkdir(&folder, "in/new/er");
    media_folder_put(&folder, "in/new/er/\xC3\xBC.wav", wav, 1);
    becomes("a.wav=ready new/er/\xC3\xBC.wav=ready sub/b.wav=ready ");
    move("in/new", "in/old");
    becomes("a.wav=ready old/er/\xC3\xBC.wav=ready sub/b.wav=ready ");
    media_folder_put(&folder, "in/old/er/d.wav", wav, 1); /* the folder is still watched */
    becomes("a.wav=ready old/er/d.wav=ready old/er/\xC3\xBC.wav=ready sub/b.wav=ready ");
    drop("in/a.wav");
    move("in/old/er/d.wav", "in/e.wav");
    becomes("e.wav=ready old/er/\xC3\xBC.wav=ready sub/b.wav=ready ");
    media_folder_put(&folder, "in/e.wav", span_cstr("not any more"), 1);
    becomes("e.wav=unreadable old/er/\xC3\xBC.wav=ready sub/b.wav=ready ");
    move("in/old", "away");
    becomes("e.wav=unreadable sub/b.wav=ready ");
    teardown();
}
END_TEST

/* The head of a WAV says how long it is; half of it can be read too, but is not what is meant. */
START_TEST(what_grows_is_read_when_it_stands_still)
{
    setup();
    open_catalog();
    becomes("sub/b.wav=ready ");
    size_t half = wav.len / 2;
    media_folder_put(&folder, "in/a.wav", span_of(wav.data, 20), 0);
    becomes("a.wav=unreadable sub/b.wav=ready ");
    media_folder_append(&folder, "in/a.wav", span_of(wav.data + 20, half - 20));
    becomes("a.wav=ready sub/b.wav=ready ");
    media_folder_append(&folder, "in/a.wav", span_of(wav.data + half, wav.len - half));
    int64_t until = clock_mono_ms() + WAIT_MS;
    struct media_facts facts = {0};
    struct media_stat stat;
    int fd;
    ck_assert_int_eq(media_catalog_open(catalog, "a.wav", &fd, &stat), ERR_OK);
    close(fd);
    ck_assert_uint_eq(stat.size, wav.len);
    while (media_catalog_facts(catalog, "a.wav", &stat, &facts) != ERR_OK) {
        ck_assert_msg(clock_mono_ms() < until, "it is not read again");
        usleep(ROUND_US);
    }
    ck_assert_int_eq(facts.duration_ms, 1000);
    teardown();
}
END_TEST

START_TEST(the_folder_goes_and_comes_back)
{
    setup();
    open_catalog();
    becomes("sub/b.wav=ready ");
    move("in", "away");
    becomes("");
    int fd;
    struct media_stat stat;
    ck_assert(media_catalog_figures(catalog).missing);
    ck_assert_int_eq(media_catalog_open(catalog, "sub/b.wav", &fd, &stat), ERR_NOENT);
    media_folder_mkdir(&folder, "in"); /* another one in its place */
    media_folder_put(&folder, "in/other.wav", wav, 1);
    becomes("other.wav=ready ");
    drop("in/other.wav");
    char path[MEDIA_FOLDER_PATH_MAX];
    media_folder_path(&folder, "in", path);
    ck_assert_int_eq(rmdir(path), 0);
    move("away", "in");
    becomes("sub/b.wav=ready ");
    ck_assert(!media_catalog_figures(catalog).missing);
    teardown();
}
END_TEST

START_TEST(no_folder)
{
    setup();
    char path[MEDIA_FOLDER_PATH_MAX];
    media_folder_path(&folder, "none", path);
    ck_assert_int_eq(media_catalog_create(path, &catalog), ERR_NOENT);
    media_folder_path(&folder, "in/sub/b.wav", path);
    ck_assert_int_eq(media_catalog_create(path, &catalog), ERR_UNSUPPORTED);
    teardown();
}
END_TEST

UNIT_MAIN("media_catalog", what_is_there, changes, what_grows_is_read_when_it_stands_still,
          the_folder_goes_and_comes_back, no_folder)
