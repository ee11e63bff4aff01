/* bin/livepeer: one program that becomes the role its flag names, as the known recipe has it. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "broadcaster/role.h"
#include "orchestrator/role.h"
#include "transcoder/role.h"

static const struct role *const roles[] = {&orchestrator_role, &transcoder_role, &broadcaster_role};
#define N_ROLES (sizeof roles / sizeof roles[0])

/* "-orchestrator", "--orchestrator", "-orchestrator=true". */
static const struct role *role_flag(const char *arg)
{
    size_t dashes = strspn(arg, "-");
    if (dashes < 1 || dashes > 2) {
        return NULL;
    }
    for (size_t i = 0; i < N_ROLES; i++) {
        size_t len = strlen(roles[i]->name);
        if (strncmp(arg + dashes, roles[i]->name, len) == 0) {
            const char *rest = arg + dashes + len;
            if (rest[0] == '\0' || strcmp(rest, "=true") == 0) {
                return roles[i];
            }
        }
    }
    return NULL;
}

static bool only_flag(int argc, char **argv, const char *name)
{
    return argc == 2 && argv[1][0] == '-' && strcmp(argv[1] + 1 + (argv[1][1] == '-'), name) == 0;
}

static int usage(FILE *out)
{
    fprintf(out, "Usage: livepeer -orchestrator|-transcoder|-broadcaster [flags]\n"
                 "The flags of a role: livepeer -ROLE -help\n");
    return out == stderr ? 2 : 0;
}

int main(int argc, char **argv)
{
    char **rest = mem_alloc((size_t)(argc + 1) * sizeof *rest);
    int n = 0;
    const struct role *chosen = NULL;
    int status = -1;
    for (int i = 0; i < argc && status < 0; i++) {
        const struct role *r = i > 0 ? role_flag(argv[i]) : NULL;
        if (r == NULL) {
            rest[n++] = argv[i];
        } else if (chosen == NULL || chosen == r) {
            chosen = r;
        } else {
            fprintf(stderr,
                    "livepeer: several roles in one process are not supported; start -%s "
                    "and -%s each in its own\n",
                    chosen->name, r->name);
            status = 1;
        }
    }
    if (status < 0 && chosen != NULL) {
        status = daemon_main(chosen, n, rest);
    } else if (status < 0) {
        bool asks = only_flag(argc, argv, "help");
        bool version = only_flag(argc, argv, "version");
        if (version) {
            status = daemon_main(&broadcaster_role, n, rest);
        } else {
            if (!asks) {
                fprintf(stderr, "livepeer: node type not set: give -orchestrator, -transcoder or "
                                "-broadcaster\n");
            }
            status = usage(asks ? stdout : stderr);
        }
    }
    mem_free(rest);
    return status;
}
