#include "base/thread.h"

#include <assert.h>
#include <signal.h>
#include <string.h>

static void pick_masked(sigset_t *ret_set)
{
    static const int own_faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    sigfillset(ret_set);
    for (size_t i = 0; i < sizeof own_faults / sizeof own_faults[0]; i++) {
        sigdelset(ret_set, own_faults[i]);
    }
}

enum err thread_start(const char *name, thread_fn *fn, void *arg, pthread_t *ret_thread)
{
    assert(strlen(name) <= THREAD_NAME_MAX);
    sigset_t masked, before;
    pick_masked(&masked);
    /* The mask is inherited: set any later, a signal could come first. */
    pthread_sigmask(SIG_SETMASK, &masked, &before);
    int r = pthread_create(ret_thread, NULL, fn, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r != 0) {
        return ERR_NOMEM;
    }
    (void)pthread_setname_np(*ret_thread, name); /* one that has ended already needs none */
    return ERR_OK;
}
