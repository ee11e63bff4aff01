#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "run/config.h"
#include "run/config_tree.h"

/* Up to size bytes; a pipe may give them in pieces. */
static enum err read_whole(int fd, uint8_t *bytes, size_t size, size_t *ret_len)
{
    size_t len = 0;
    while (len < size) {
        ssize_t n = read(fd, bytes + len, size - len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return ERR_IO;
        }
        if (n == 0) {
            break;
        }
        len += (size_t)n;
    }
    *ret_len = len;
    return ERR_OK;
}

void config_fault_format(const char *path, const struct config_fault *fault, char *ret_why)
{
    if (fault->line > 0) {
        snprintf(ret_why, CONFIG_WHY_MAX, "%.400s:%u: %.600s", path, fault->line, fault->text);
    } else {
        snprintf(ret_why, CONFIG_WHY_MAX, "%.400s: %.600s", path, fault->text);
    }
    for (char *c = ret_why; *c != '\0'; c++) {
        *c = (unsigned char)*c < ' ' || *c == 0x7F ? '?' : *c;
    }
}

static enum err cannot_read(struct config_fault *fault, const char *flag)
{
    fault->line = 0;
    snprintf(fault->text, sizeof fault->text, "cannot be read: %s; give the name of a file with %s",
             strerror(errno), flag);
    return ERR_IO;
}

/* What becomes of a file's bytes. */
typedef enum err read_fn(void *arg, struct span bytes, struct config_fault *ret_fault);

/* max: of the bytes that are wanted. */
static enum err load(const char *path, const char *flag, size_t max, read_fn *read_bytes, void *arg,
                     char *ret_why)
{
    struct config_fault fault;
    size_t size = max + 1; /* one more than allowed, to see that there is more */
    size_t len = 0;
    uint8_t *bytes = mem_try_alloc(size);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    enum err e = ERR_OK;
    if (bytes == NULL) {
        fault = (struct config_fault){.text = "there is not enough memory to read it"};
        e = ERR_NOMEM;
    } else if (fd < 0 || read_whole(fd, bytes, size, &len) != ERR_OK) {
        e = cannot_read(&fault, flag);
    } else {
        e = read_bytes(arg, span_of(bytes, len), &fault);
    }
    if (fd >= 0) {
        close(fd);
    }
    if (bytes != NULL) {
        explicit_bzero(bytes, size);
    }
    mem_free(bytes);
    if (e != ERR_OK) {
        config_fault_format(path, &fault, ret_why);
    }
    return e;
}

struct settings_wanted {
    const struct option *table;
    size_t n;
    struct config_file **ret_file;
};

static enum err read_settings(void *arg, struct span bytes, struct config_fault *ret_fault)
{
    struct settings_wanted *w = arg;
    return config_read(bytes, w->table, w->n, w->ret_file, ret_fault);
}

enum err config_load(const char *path, const struct option *table, size_t n,
                     struct config_file **ret_file, char *ret_why)
{
    struct settings_wanted w = {table, n, ret_file};
    return load(path, "-config", CONFIG_BYTES_MAX, read_settings, &w, ret_why);
}

static enum err read_tree(void *arg, struct span bytes, struct config_fault *ret_fault)
{
    return config_tree_read(bytes, arg, ret_fault);
}

enum err config_tree_load(const char *path, const char *flag, struct config_node **ret_root,
                          char *ret_why)
{
    return load(path, flag, CONFIG_TREE_BYTES_MAX, read_tree, ret_root, ret_why);
}

/* As secret_read sees it: an existing file's name is no secret. */
static bool names_a_file(const char *text)
{
    struct stat st;
    return stat(text, &st) == 0 && S_ISREG(st.st_mode);
}

bool config_exposed(const char *path, const struct config_file *file, const struct option *table,
                    size_t n, char *ret_why)
{
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode) || (st.st_mode & 077) == 0) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        unsigned line;
        const char *text = table[i].secret ? config_value(file, i, &line) : NULL;
        if (text == NULL || text[0] == '\0' || names_a_file(text)) {
            continue;
        }
        struct config_fault fault = {.line = line};
        snprintf(fault.text, sizeof fault.text,
                 "%s: others on this host can read this secret (mode %04o); chmod 600 the file, or "
                 "write the secret into a file of its own and its name here",
                 table[i].name, (unsigned)st.st_mode & 07777);
        config_fault_format(path, &fault, ret_why);
        return true;
    }
    return false;
}
