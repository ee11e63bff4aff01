/* Which media files there are, and /media.json of them. Pure. */
#ifndef BROADCASTER_MEDIA_MEDIA_LIST_H
#define BROADCASTER_MEDIA_MEDIA_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "broadcaster/media/media_open.h"
#include "broadcaster/media/media_probe.h"
#include "broadcaster/media/media_types.h"

#define MEDIA_JSON_TYPE  "application/json"
#define MEDIA_JSON_BYTES (16 * 1024 * 1024) /* of /media.json */

enum media_state {
    MEDIA_NEW,        /* not read yet, or still growing */
    MEDIA_READ,       /* facts are there */
    MEDIA_UNREADABLE, /* libav could not read it as it is */
    MEDIA_BLIND,      /* a playlist: nothing of it is read */
};

struct media_entry {
    char *path; /* media_path.h; owned */
    const struct media_type *type;
    struct media_stat stat;
    enum media_state state;
    bool again; /* UNREADABLE for a reason that may pass: it is NEW again at the next look */
    struct media_facts facts;
    int64_t changed_ms; /* monotonic: when it was first seen so */
};

struct media_entries {
    struct media_entry *items;
    size_t count, room;
    size_t folders; /* with the outermost one */
    size_t skipped; /* names that have no address */
    bool truncated; /* there are more */
};

void media_entries_fini(struct media_entries *list);

/* Takes path. changed_ms: see above; INT64_MIN: long ago. ERR_NOMEM: path is still the caller's. */
enum err media_entries_add(struct media_entries *list, char *path, const struct media_stat *stat,
                           int64_t changed_ms) CHECKED;

/* Once all are in there: drops the pieces of presentations, sorts by path, and keeps what `before`
 * knows of files that have not changed. */
void media_entries_settle(struct media_entries *list, const struct media_entries *before);

/* Whether both have the same files in the same states. */
bool media_entries_equal(const struct media_entries *a, const struct media_entries *b);

/* NULL: it is not in there. */
const struct media_entry *media_entries_find(const struct media_entries *list, const char *path);

/* The first video that libav could read, or NULL. */
const struct media_entry *media_entries_first_video(const struct media_entries *list);

/* Adds the document (RFC 8259), one line; those that find no room under out's maximum are left out,
 * the last ones first. ERR_NOMEM, ERR_LIMIT: out keeps what it had. */
enum err media_json(struct buf *out, const struct media_entries *list) CHECKED;

#endif
