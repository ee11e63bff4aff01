/* Noticing that something changed in a folder and those inside of it (inotify(7)). One thread, but
 * for media_watch_wake. */
#ifndef BROADCASTER_MEDIA_MEDIA_WATCH_H
#define BROADCASTER_MEDIA_MEDIA_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct media_watch;

/* Without inotify it never notices anything. NULL: no descriptor could be had. */
struct media_watch *media_watch_create(void);
void media_watch_destroy(struct media_watch *w); /* takes NULL */

/* A look through all folders: each is told between begin and end, before its names are read; those
 * that are not told any more are not watched any more. */
void media_watch_begin(struct media_watch *w);
void media_watch_folder(struct media_watch *w, int fd);
void media_watch_end(struct media_watch *w);

/* False: not all of them are watched (the system's limit, or no inotify). */
bool media_watch_complete(const struct media_watch *w);

/* Waits at most that long. True: something changed since the last call, or may have. */
bool media_watch_wait(struct media_watch *w, int64_t ms);

/* Any thread: media_watch_wait returns now, and from now on at once. */
void media_watch_wake(struct media_watch *w);

#endif
