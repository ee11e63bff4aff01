#include "run/run_dir.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum err run_dir_choose(const char *flag, char ret_path[RUN_DIR_MAX])
{
    const char *systemd = getenv("RUNTIME_DIRECTORY");
    const char *xdg = getenv("XDG_RUNTIME_DIR");
    char path[RUN_DIR_MAX];
    int n;
    if (flag[0] != '\0') {
        n = snprintf(path, sizeof path, "%s", flag);
    } else if (systemd != NULL && systemd[0] == '/') {
        n = snprintf(path, sizeof path, "%.*s", (int)strcspn(systemd, ":"), systemd);
    } else if (xdg != NULL && xdg[0] == '/') {
        n = snprintf(path, sizeof path, "%s/streaming-back-end", xdg);
    } else if (getuid() == 0) {
        n = snprintf(path, sizeof path, "/run/streaming-back-end");
    } else {
        n = snprintf(path, sizeof path, "/tmp/streaming-back-end-%u", (unsigned)getuid());
    }
    if (n < 0 || (size_t)n >= sizeof path) {
        return ERR_LIMIT;
    }
    memcpy(ret_path, path, sizeof path);
    return ERR_OK;
}

enum err run_dir_open(const char *path)
{
    struct stat st;
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return ERR_IO;
    }
    if (lstat(path, &st) != 0) {
        return ERR_IO;
    }
    /* systemd makes a link of a dynamic user's directory. One of somebody else leads astray. */
    bool trusted_link = S_ISLNK(st.st_mode) && (st.st_uid == 0 || st.st_uid == geteuid());
    if (trusted_link && stat(path, &st) != 0) {
        return ERR_IO;
    }
    bool ours = S_ISDIR(st.st_mode) && st.st_uid == geteuid() && (st.st_mode & 077) == 0;
    return ours ? ERR_OK : ERR_AUTH;
}
