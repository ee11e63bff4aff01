/* Judges what a URL leads to: a master with its whole ladder at once, or a media playlist by
 * itself. Blocks. */
#ifndef PUBLISHER_TOOLS_JUDGE_RUN_H
#define PUBLISHER_TOOLS_JUDGE_RUN_H

#include "publisher-tools/judge_follow.h"

#define JUDGE_PLAYLISTS_MAX 64 /* of one master */

/* wait_seconds: for the first good playlist. ERR_NOENT: there was none; ERR_LIMIT: more playlists
 * than can be followed; ERR_IO: the system refuses a thread; ret_why (FETCH_WHY_MAX) is a sentence
 * then. What was found is in report. */
enum err judge_run(const char *url, const struct judge_settings *settings, long wait_seconds,
                   struct judge_report_to *report, char *ret_why) CHECKED;

#endif
