#include "publisher-tools/load/child.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ftw.h>
#include <libgen.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define START_MS   20000
#define STOP_MS    10000
#define LOOK_MS    20
#define OPEN_FILES 16 /* while a folder is removed */

static enum err failed(char *ret_why, const char *what)
{
    snprintf(ret_why, CHILD_WHY_MAX, "%s: %s", what, strerror(errno));
    return ERR_IO;
}

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* 0: none. */
static int free_port(void)
{
    struct sockaddr_in a = loopback(0);
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0 &&
              getsockname(fd, (struct sockaddr *)&a, &len) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return ok ? ntohs(a.sin_port) : 0;
}

static bool listens(int port)
{
    struct sockaddr_in a = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return ok;
}

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
}

/* In the child: becomes the orchestrator, or ends. */
static void become(const char *program, const struct child *c, int control, const char *secret_file,
                   unsigned streams)
{
    char cli[64], sessions[16];
    snprintf(cli, sizeof cli, "127.0.0.1:%d", control);
    snprintf(sessions, sizeof sessions, "%u", streams);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    /* Its lines are not the report. */
    dup2(STDERR_FILENO, STDOUT_FILENO);
    execl(program, "orchestrator", "-serviceAddr", c->addr, "-cliAddr", cli, "-maxSessions",
          sessions, "-orchSecret", secret_file, "-datadir", c->folder, "-runDir", c->folder, "-v",
          "0", NULL);
    fprintf(stderr, "load: %s: %s\n", program, strerror(errno));
    _exit(127);
}

/* A secret on a command line could be read by others on this host. */
static enum err write_secret(const char *path, const char *secret, char *ret_why)
{
    FILE *f = fopen(path, "w");
    if (f == NULL || fprintf(f, "%s\n", secret) < 0) {
        if (f != NULL) {
            fclose(f);
        }
        return failed(ret_why, path);
    }
    return fclose(f) == 0 ? ERR_OK : failed(ret_why, path);
}

static enum err find_program(char *ret_path, size_t size, char *ret_why)
{
    char self[PATH_MAX] = "";
    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0) {
        return failed(ret_why, "/proc/self/exe");
    }
    int n = snprintf(ret_path, size, "%s/orchestrator", dirname(self));
    if (n < 0 || (size_t)n >= size || access(ret_path, X_OK) != 0) {
        snprintf(ret_why, CHILD_WHY_MAX,
                 "there is no program orchestrator beside this one: build it, or give -orchAddr");
        return ERR_NOENT;
    }
    return ERR_OK;
}

static enum err await(struct child *c, int port, char *ret_why)
{
    int64_t end = clock_mono_ms() + START_MS;
    while (!listens(port)) {
        if (!child_lives(c) || clock_mono_ms() > end) {
            snprintf(ret_why, CHILD_WHY_MAX, "the orchestrator did not start");
            return ERR_IO;
        }
        nap();
    }
    return ERR_OK;
}

enum err child_start(const char *secret, unsigned streams, struct child *ret_child, char *ret_why)
{
    struct child c = {.pid = -1};
    char program[PATH_MAX], file[300];
    const char *tmp = getenv("TMPDIR");
    enum err e = find_program(program, sizeof program, ret_why);
    if (e != ERR_OK) {
        return e;
    }
    int port = free_port(), control = free_port();
    snprintf(c.addr, sizeof c.addr, "127.0.0.1:%d", port);
    snprintf(c.folder, sizeof c.folder, "%.200s/load-farm-XXXXXX", tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(c.folder) == NULL) {
        return failed(ret_why, c.folder);
    }
    snprintf(file, sizeof file, "%s/secret", c.folder);
    e = write_secret(file, secret, ret_why);
    if (e == ERR_OK) {
        c.pid = fork();
        if (c.pid == 0) {
            become(program, &c, control, file, streams);
        }
        e = c.pid > 0 ? await(&c, port, ret_why) : failed(ret_why, "fork");
    }
    if (e != ERR_OK) {
        child_stop(&c);
        return e;
    }
    *ret_child = c;
    return ERR_OK;
}

bool child_lives(struct child *c)
{
    if (c->pid > 0 && waitpid(c->pid, NULL, WNOHANG) != 0) {
        c->pid = -1;
    }
    return c->pid > 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)remove(path);
    return 0;
}

void child_stop(struct child *c)
{
    int64_t end = clock_mono_ms() + STOP_MS;
    if (c->pid > 0) {
        kill(c->pid, SIGTERM);
    }
    while (child_lives(c)) {
        if (clock_mono_ms() > end) {
            kill(c->pid, SIGKILL);
        }
        nap();
    }
    nftw(c->folder, remove_one, OPEN_FILES, FTW_DEPTH | FTW_PHYS);
}

static bool read_proc(pid_t pid, const char *what, char *text, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, what);
    FILE *f = fopen(path, "r");
    size_t n = f != NULL ? fread(text, 1, size - 1, f) : 0;
    text[n] = '\0';
    if (f != NULL) {
        fclose(f);
    }
    return n > 0;
}

/* Fields 14 and 15 of /proc/PID/stat (proc(5)), behind the name, which may hold anything. */
int64_t process_cpu_us(pid_t pid)
{
    char text[2048];
    unsigned long user, system;
    const char *at = read_proc(pid, "stat", text, sizeof text) ? strrchr(text, ')') : NULL;
    if (at == NULL || sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                             &system) != 2) {
        return -1;
    }
    return (int64_t)(user + system) * 1000000 / sysconf(_SC_CLK_TCK);
}

int64_t process_memory_kb(pid_t pid)
{
    char text[4096];
    long long kb;
    const char *at = read_proc(pid, "status", text, sizeof text) ? strstr(text, "VmRSS:") : NULL;
    return at != NULL && sscanf(at, "VmRSS: %lld", &kb) == 1 ? kb : -1;
}
