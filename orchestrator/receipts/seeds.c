#include "orchestrator/receipts/seeds.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "run/private_file.h"

#define FILE_MAX 4096
#define FOLDER   "receipts"
#define NAME     "seed"

static void add(struct seeds *s, struct span seed)
{
    static const unsigned char label[RECEIPT_NONCE_BYTES] = "which seed it is";
    unsigned char id[RECEIPT_SECRET_BYTES];
    struct seed *item = &s->items[s->n++];
    receipt_key_of_seed(seed, &item->key);
    receipt_secret(&item->key, label, id);
    for (size_t i = 0; i < sizeof item->id; i++) {
        item->id = item->id << 8 | id[i];
    }
}

static bool is_remark(struct span line)
{
    size_t i = 0;
    while (i < line.len && (line.data[i] == ' ' || line.data[i] == '\t')) {
        i++;
    }
    return i == line.len || line.data[i] == '#';
}

static enum err refuse(char *ret_why, int line, const char *what)
{
    (void)snprintf(ret_why, SEEDS_WHY_SIZE, "line %d %s", line, what);
    return ERR_PROTO;
}

enum err seeds_parse(struct span text, struct seeds *ret_seeds, char *ret_why)
{
    struct seeds s = {.n = 0};
    unsigned char seed[RECEIPT_SEED_MAX];
    size_t len;
    for (int number = 1; text.len > 0; number++) {
        struct span line = span_take_line(&text);
        if (is_remark(line)) {
            continue;
        }
        if (s.n == SEEDS_MAX) {
            return refuse(ret_why, number, "is one seed too many: take old ones away");
        }
        if (receipt_unbase64(line, seed, sizeof seed, &len) != ERR_OK || len < RECEIPT_SEED_MIN) {
            return refuse(ret_why, number,
                          "is no seed of 16 to 64 bytes in base64; make one with: openssl rand "
                          "-base64 32");
        }
        add(&s, span_of(seed, len));
    }
    sodium_memzero(seed, sizeof seed);
    if (s.n == 0) {
        (void)snprintf(ret_why, SEEDS_WHY_SIZE, "it holds no seed");
        return ERR_PROTO;
    }
    *ret_seeds = s;
    return ERR_OK;
}

static enum err make(int folder, char *ret_why)
{
    unsigned char seed[RECEIPT_SECRET_BYTES];
    char text[RECEIPT_BASE64_SIZE], line[RECEIPT_BASE64_SIZE + 1];
    randombytes_buf(seed, sizeof seed);
    receipt_base64(span_of(seed, sizeof seed), text);
    (void)snprintf(line, sizeof line, "%s\n", text);
    enum err e = private_file_write(folder, NAME, span_cstr(line));
    if (e != ERR_OK) {
        (void)snprintf(ret_why, SEEDS_WHY_SIZE, "it cannot be written: %s", strerror(errno));
    }
    sodium_memzero(seed, sizeof seed);
    sodium_memzero(text, sizeof text);
    sodium_memzero(line, sizeof line);
    return e;
}

static enum err read_own(const char *data_dir, char *bytes, size_t *ret_len, char *ret_why)
{
    int folder = private_folder_open(data_dir, FOLDER, true);
    if (folder < 0) {
        (void)snprintf(ret_why, SEEDS_WHY_SIZE, "the folder cannot be made: %s", strerror(errno));
        return ERR_IO;
    }
    enum err e = private_file_read(folder, NAME, bytes, FILE_MAX, ret_len, NULL);
    if (e == ERR_NOENT) {
        e = make(folder, ret_why);
        if (e == ERR_OK) {
            e = private_file_read(folder, NAME, bytes, FILE_MAX, ret_len, NULL);
        }
    }
    if (e != ERR_OK && ret_why[0] == '\0') {
        (void)snprintf(ret_why, SEEDS_WHY_SIZE, "%s",
                       e == ERR_AUTH    ? "others can write it, or it is no file: chmod 600"
                       : e == ERR_LIMIT ? "it is too long"
                                        : strerror(errno));
    }
    close(folder);
    return e;
}

static enum err read_given(const char *path, char *bytes, size_t *ret_len, char *ret_why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        (void)snprintf(ret_why, SEEDS_WHY_SIZE, "it cannot be read: %s", strerror(errno));
        return ERR_IO;
    }
    enum err e =
        private_fd_is_trusted(fd, -1) ? private_fd_read(fd, bytes, FILE_MAX, ret_len) : ERR_AUTH;
    if (e != ERR_OK) {
        (void)snprintf(ret_why, SEEDS_WHY_SIZE, "%s",
                       e == ERR_AUTH    ? "others can write it: chmod 600"
                       : e == ERR_LIMIT ? "it is too long"
                                        : strerror(errno));
    }
    close(fd);
    return e;
}

enum err seeds_open(const char *data_dir, const char *path, struct seeds *ret_seeds, char *ret_why)
{
    char bytes[FILE_MAX], why[SEEDS_WHY_SIZE] = "";
    size_t len = 0;
    enum err e =
        path[0] != '\0' ? read_given(path, bytes, &len, why) : read_own(data_dir, bytes, &len, why);
    e = e == ERR_OK ? seeds_parse(span_of(bytes, len), ret_seeds, why) : e;
    sodium_memzero(bytes, sizeof bytes);
    if (e != ERR_OK) {
        (void)snprintf(ret_why, SEEDS_WHY_SIZE, "-receiptSeed %.120s: %.250s",
                       path[0] != '\0' ? path : "(receipts/seed in the data directory)", why);
    }
    return e;
}

void seeds_wipe(struct seeds *s)
{
    sodium_memzero(s, sizeof *s);
}
