/* How a thread of this project begins: with a name, and without signals. Any thread. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>

#include "base/err.h"

#define THREAD_NAME_MAX 15 /* bytes without the NUL: the kernel keeps no more */

typedef void *thread_fn(void *arg);

/* Starts a thread that runs fn(arg), and that the caller joins. Signals are the main thread's: this
 * one takes none but those of its own faults (SIGSEGV and such), which a sanitizer's report needs.
 * The caller's signal mask is afterwards as before. The name, of THREAD_NAME_MAX bytes at most, is
 * what "top -H" and "ps -L" show. ERR_NOMEM: the host has no thread left. */
enum err thread_start(const char *name, thread_fn *fn, void *arg, pthread_t *ret_thread) CHECKED;

#endif
