#include "base/thread.h"

#include <dirent.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/support/unit.h"

static bool is_own_fault(int signum)
{
    return signum == SIGSEGV || signum == SIGBUS || signum == SIGFPE || signum == SIGILL ||
           signum == SIGTRAP || signum == SIGSYS;
}

static void *tell_mask(void *ret_mask)
{
    pthread_sigmask(SIG_SETMASK, NULL, ret_mask);
    return ret_mask;
}

START_TEST(a_thread_takes_no_signals_but_those_of_its_faults)
{
    sigset_t mask;
    pthread_t thread;
    ck_assert_int_eq(thread_start("masked", tell_mask, &mask, &thread), ERR_OK);
    void *result;
    ck_assert_int_eq(pthread_join(thread, &result), 0);
    ck_assert_ptr_eq(result, &mask);
    for (int s = 1; s < SIGSYS; s++) {
        ck_assert_msg(s == SIGKILL || s == SIGSTOP || sigismember(&mask, s) == !is_own_fault(s),
                      "signal %d", s);
    }
    for (int s = SIGRTMIN; s <= SIGRTMAX; s++) {
        ck_assert_msg(sigismember(&mask, s) == 1, "signal %d", s);
    }
}
END_TEST

static void assert_mask_of_caller(void)
{
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    for (int s = 1; s < SIGSYS; s++) {
        ck_assert_msg(sigismember(&mask, s) == (s == SIGUSR1), "signal %d", s);
    }
}

START_TEST(the_callers_mask_is_as_before)
{
    sigset_t mine, seen;
    sigemptyset(&mine);
    sigaddset(&mine, SIGUSR1);
    pthread_sigmask(SIG_SETMASK, &mine, NULL);
    pthread_t thread;
    ck_assert_int_eq(thread_start("masked", tell_mask, &seen, &thread), ERR_OK);
    assert_mask_of_caller();
    pthread_join(thread, NULL);
}
END_TEST

START_TEST(no_thread_left)
{
    sigset_t mine, seen;
    sigemptyset(&mine);
    sigaddset(&mine, SIGUSR1);
    pthread_sigmask(SIG_SETMASK, &mine, NULL);
    pthread_attr_t huge;
    pthread_attr_init(&huge);
    pthread_attr_setstacksize(&huge, (size_t)1 << 50); /* more than addresses go */
    pthread_setattr_default_np(&huge);
    pthread_t none;
    ck_assert_int_eq(thread_start("none", tell_mask, &seen, &none), ERR_NOMEM);
    assert_mask_of_caller();
    pthread_attr_destroy(&huge);
}
END_TEST

/* A pipe whose reader waits for the writer's end. */
static void *wait_for_end(void *arg)
{
    char byte;
    const int *fd = arg;
    ck_assert_int_eq(read(*fd, &byte, 1), 0);
    return NULL;
}

static int threads_named(const char *name)
{
    int n = 0;
    DIR *tasks = opendir("/proc/self/task");
    ck_assert_ptr_nonnull(tasks);
    for (struct dirent *d; (d = readdir(tasks)) != NULL;) {
        char path[300], comm[64] = "";
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", d->d_name);
        FILE *f = fopen(path, "re");
        if (f != NULL) {
            n += fgets(comm, sizeof comm, f) != NULL && comm[strcspn(comm, "\n")] == '\n' &&
                 strlen(name) + 1 == strlen(comm) && strncmp(comm, name, strlen(name)) == 0;
            fclose(f);
        }
    }
    closedir(tasks);
    return n;
}

START_TEST(its_name_is_shown)
{
    static const char *const names[] = {"short", "fifteen letters"};
    int ends[2];
    pthread_t threads[2];
    ck_assert_int_eq(pipe(ends), 0);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(threads_named(names[i]), 0);
        ck_assert_int_eq(thread_start(names[i], wait_for_end, &ends[0], &threads[i]), ERR_OK);
        ck_assert_int_eq(threads_named(names[i]), 1);
    }
    close(ends[1]);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    close(ends[0]);
}
END_TEST

static char *page;
static atomic_int faults;

static void make_writable(int signum)
{
    (void)signum;
    atomic_fetch_add(&faults, 1);
    mprotect(page, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE);
}

static void *write_page(void *arg)
{
    *(volatile char *)arg = 7;
    return NULL;
}

START_TEST(a_fault_of_its_own_is_told)
{
    struct sigaction action = {.sa_handler = make_writable};
    sigaction(SIGSEGV, &action, NULL);
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    page = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(page, MAP_FAILED);
    pthread_t thread;
    ck_assert_int_eq(thread_start("faulty", write_page, page, &thread), ERR_OK);
    pthread_join(thread, NULL);
    ck_assert_int_eq(atomic_load(&faults), 1);
    ck_assert_int_eq(page[0], 7);
    munmap(page, size);
}
END_TEST

UNIT_MAIN("thread", a_thread_takes_no_signals_but_those_of_its_faults,
          the_callers_mask_is_as_before, no_thread_left, its_name_is_shown,
          a_fault_of_its_own_is_told)
