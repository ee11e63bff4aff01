/* The log: one line per event on stderr,
 *   2026-11-21T05:46:25.123Z info broadcaster ingest publish stream=hello_world
 * peer=127.0.0.1:40112 Level by -v. Pure code does not log. A failure is logged once, where it is
 * handled, in words that say what to do. Never give it a secret. Any thread.
 *
 * Nobody waits for the log: while a terminal or a pipe takes nothing (a pager, a screen session
 * that is being scrolled), lines are left out, and their number is told when it goes on. */
#ifndef RUN_LOG_H
#define RUN_LOG_H

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* role stands in every line; borrowed for ever. level: lines above it are not written. */
void log_init(const char *role, enum log_level level);

/* The role that stands in this thread's lines from now on, where several share the process;
 * borrowed for as long as the thread lives. NULL: that of log_init. */
void log_thread_role(const char *role);

void log_set_level(enum log_level level);
enum log_level log_level(void);

/* -v N as in the known system: 0 errors, 1 and 2 warnings too, 3..5 information, 6 and more debug.
 */
enum log_level log_level_of_verbosity(int v);

/* module and event are single words; format gives "key=value" pairs (may be empty). Values with
 * blanks go through log_quote-style "%s" in double quotes by the caller. Control bytes in the
 * result are written as '?'. */
void log_line(enum log_level level, const char *module, const char *event, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#define log_error(module, event, ...) log_line(LOG_ERROR, module, event, __VA_ARGS__)
#define log_warn(module, event, ...)  log_line(LOG_WARN, module, event, __VA_ARGS__)
#define log_info(module, event, ...)  log_line(LOG_INFO, module, event, __VA_ARGS__)
#define log_debug(module, event, ...) log_line(LOG_DEBUG, module, event, __VA_ARGS__)

#endif
