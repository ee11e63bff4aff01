#include "tests/support/media_folder.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

#define RATE   8000
#define HOUR_S 3600
#define HEAD   44

static void must(int ok, const char *what)
{
    if (!ok) {
        perror(what);
        abort();
    }
}

struct media_folder media_folder_create(void)
{
    struct media_folder f = {"/tmp/sbe-media.XXXXXX"};
    must(mkdtemp(f.path) != NULL, "mkdtemp");
    must(chmod(f.path, 0755) == 0, "chmod");
    return f;
}

void media_folder_destroy(const struct media_folder *f)
{
    char command[MEDIA_FOLDER_PATH_MAX];
    snprintf(command, sizeof command, "rm -rf '%s'", f->path);
    must(system(command) == 0, "rm");
}

void media_folder_path(const struct media_folder *f, const char *name,
                       char ret_path[MEDIA_FOLDER_PATH_MAX])
{
    int n = snprintf(ret_path, MEDIA_FOLDER_PATH_MAX, "%s%s%s", f->path, name[0] != '\0' ? "/" : "",
                     name);
    must(n < MEDIA_FOLDER_PATH_MAX, "path");
}

void media_folder_mkdir(const struct media_folder *f, const char *name)
{
    char path[MEDIA_FOLDER_PATH_MAX];
    media_folder_path(f, name, path);
    must(mkdir(path, 0755) == 0, "mkdir");
}

static void write_file(const struct media_folder *f, const char *name, struct span bytes, int flags,
                       int old)
{
    char path[MEDIA_FOLDER_PATH_MAX];
    media_folder_path(f, name, path);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC | flags, 0644);
    must(fd >= 0, "open");
    must(write(fd, bytes.data, bytes.len) == (ssize_t)bytes.len, "write");
    if (old) {
        struct timespec then = {.tv_sec = time(NULL) - HOUR_S};
        struct timespec times[] = {then, then};
        must(futimens(fd, times) == 0, "futimens");
    }
    must(close(fd) == 0, "close");
}

void media_folder_put(const struct media_folder *f, const char *name, struct span bytes, int old)
{
    write_file(f, name, bytes, O_TRUNC, old);
}

void media_folder_append(const struct media_folder *f, const char *name, struct span bytes)
{
    write_file(f, name, bytes, O_APPEND, 0);
}

static void put_le(uint8_t *at, uint32_t v, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        at[i] = (uint8_t)(v >> (8 * i));
    }
}

struct span media_folder_wav(double seconds)
{
    uint32_t samples = (uint32_t)(seconds * RATE);
    size_t len = HEAD + 2 * (size_t)samples;
    uint8_t *b = mem_alloc(len);
    memcpy(b, "RIFF....WAVEfmt ", 16);
    put_le(b + 4, (uint32_t)len - 8, 4);
    put_le(b + 16, 16, 4);
    put_le(b + 20, 1, 2); /* PCM */
    put_le(b + 22, 1, 2); /* channels */
    put_le(b + 24, RATE, 4);
    put_le(b + 28, 2 * RATE, 4);
    put_le(b + 32, 2, 2);
    put_le(b + 34, 16, 2);
    memcpy(b + 36, "data", 4);
    put_le(b + 40, 2 * samples, 4);
    for (uint32_t i = 0; i < samples; i++) {
        put_le(b + HEAD + 2 * (size_t)i, i / 10 % 2 ? 3000 : 62000, 2);
    }
    return span_of(b, len);
}
