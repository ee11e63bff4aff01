/* A request's target on a real folder of media, whose links lead out of it: whatever is opened is
 * one of the folder's own files, by either way of opening. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broadcaster/media/media_open.h"
#include "broadcaster/media/media_path.h"

#define INSIDE "in" /* what every file of the folder holds; those outside hold something else */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char base[] = "/tmp/fuzz_media_XXXXXX";
static int root = -1;

static void must(int ok)
{
    if (!ok) {
        abort();
    }
}

static void put(int folder, const char *name, const char *text)
{
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    must(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0);
}

static void remove_all(void)
{
    static const char *const names[] = {
        "media/a.mp4",    "media/dir/b c.mp4", "media/dir/up", "media/out", "media/out.mp4",
        "media/pipe.mp4", "media/dir",         "media",        "secret.mp4"};
    int folder = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (unlinkat(folder, names[i], 0) != 0) {
            unlinkat(folder, names[i], AT_REMOVEDIR);
        }
    }
    close(folder);
    rmdir(base);
}

static void make_folder(void)
{
    must(mkdtemp(base) != NULL && atexit(remove_all) == 0);
    int folder = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    must(folder >= 0 && mkdirat(folder, "media", 0700) == 0 &&
         mkdirat(folder, "media/dir", 0700) == 0);
    put(folder, "secret.mp4", "out of it");
    put(folder, "media/a.mp4", INSIDE);
    put(folder, "media/dir/b c.mp4", INSIDE);
    must(symlinkat("../..", folder, "media/dir/up") == 0);
    must(symlinkat("/", folder, "media/out") == 0);
    must(symlinkat("../secret.mp4", folder, "media/out.mp4") == 0);
    must(mkfifoat(folder, "media/pipe.mp4", 0600) == 0);
    char path[sizeof base + 8];
    snprintf(path, sizeof path, "%s/media", base);
    must(media_open_root(path, &root) == ERR_OK && close(folder) == 0);
}

static void check_file(int fd, const struct media_stat *s)
{
    char text[sizeof INSIDE + 8];
    must(s->size == strlen(INSIDE));
    must(read(fd, text, sizeof text) == (ssize_t)strlen(INSIDE));
    must(memcmp(text, INSIDE, strlen(INSIDE)) == 0);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct media_stat one, other;
    int fd = -1, by_hand = -1;
    if (root < 0) {
        make_folder();
    }
    struct media_ask a = media_path_parse(span_of(data, size));
    if (a.what != MEDIA_FILE && a.what != MEDIA_PAGE) {
        return 0;
    }
    enum err e = media_open_file(root, a.path, &fd, &one);
    must(media_open_file_by_hand(root, a.path, &by_hand, &other) == e);
    if (e == ERR_OK) {
        must(media_stat_equal(&one, &other));
        check_file(fd, &one);
        check_file(by_hand, &other);
    }
    return 0;
}
