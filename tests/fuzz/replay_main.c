/* Runs a fuzz target over files, without libFuzzer: each argument is an input, or a folder of
 * them. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX (64 * 1024 * 1024)

static int run_file(const char *path, size_t size)
{
    FILE *f = fopen(path, "rb");
    /* Exactly as large as the input, so that a sanitizer sees one byte too many. */
    uint8_t *data = malloc(size > 0 ? size : 1);
    int ok = f != NULL && data != NULL && fread(data, 1, size, f) == size;
    if (ok) {
        LLVMFuzzerTestOneInput(data, size);
        printf("%s: %zu bytes\n", path, size);
    } else {
        perror(path);
    }
    free(data);
    if (f != NULL) {
        fclose(f);
    }
    return ok ? 1 : -1;
}

static int run_path(const char *path);

static int run_folder(const char *path)
{
    DIR *d = opendir(path);
    int count = 0;
    if (d == NULL) {
        perror(path);
        return -1;
    }
    for (struct dirent *entry; count >= 0 && (entry = readdir(d)) != NULL;) {
        char inner[4096];
        if (entry->d_name[0] == '.') {
            continue;
        }
        snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        int n = run_path(inner);
        count = n < 0 ? -1 : count + n;
    }
    closedir(d);
    return count;
}

/* The number of inputs run, or -1. */
static int run_path(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        perror(path);
        return -1;
    }
    if (S_ISDIR(st.st_mode)) {
        return run_folder(path);
    }
    if (st.st_size > INPUT_MAX) {
        fprintf(stderr, "%s: larger than %d bytes\n", path, INPUT_MAX);
        return -1;
    }
    return run_file(path, (size_t)st.st_size);
}

int main(int argc, char **argv)
{
    int total = 0;
    for (int i = 1; i < argc; i++) {
        int n = run_path(argv[i]);
        if (n < 0) {
            return EXIT_FAILURE;
        }
        total += n;
    }
    printf("%d inputs\n", total);
    return total > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
