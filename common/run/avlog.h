/* libav's and libx264's own messages, as lines of the log. Any thread. Who does not call this does
 * not link libav. */
#ifndef RUN_AVLOG_H
#define RUN_AVLOG_H

/* Sets libav's one log callback of the process: errors become warnings (at a bounded rate: what a
 * broken source makes libav say has no end), its warnings debug lines; the rest, such as libx264's
 * statistics of each job, is left out. May be called again. */
void avlog_install(void);

#endif
