/* A file that grows by lines, which are on the disk when one is told so. A thread of its own writes
 * and syncs; what comes meanwhile goes together the next time. When it has become long it is
 * written anew from what its owner knows. */
#ifndef ORCHESTRATOR_NOTEBOOK_H
#define ORCHESTRATOR_NOTEBOOK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "run/loop.h"

#define NOTEBOOK_WAITING_MAX (4 * 1024 * 1024) /* bytes that may wait for the disk */
#define NOTEBOOK_LONG        (256 * 1024)      /* a file of fewer bytes is not written anew */

struct notebook;

/* The whole content, as it has to stand; false: not now. */
typedef bool notebook_whole_fn(void *arg, struct buf *out);

struct notebook_config {
    const char *data_dir, *folder, *name; /* borrowed for the call */
    const char *stands_still; /* while it cannot be written, for the log: "receipts are not taken";
                               * static */
    size_t max_bytes;         /* of the file */
    notebook_whole_fn *whole;
    void *arg;
};

/* Writes the file anew, from `whole`, and keeps it open. ERR_IO, with errno. Gives. */
enum err notebook_open(struct loop *l, const struct notebook_config *config,
                       struct notebook **ret_notebook) CHECKED;

/* Lines (with their ends), and who is told on the loop's thread whether they are on the disk; never
 * from inside; fn may be NULL. When a write fails, all that waits fails with it: what was appended
 * later knew of what is now lost. */
typedef void notebook_fn(void *arg, bool kept);
void notebook_append(struct notebook *n, struct span lines, notebook_fn *fn, void *arg);

/* Writes that have failed since the last that did not; 0: all is well. */
unsigned notebook_failures(const struct notebook *n);

/* What waits is written first, and told (blocks for that). Takes NULL. */
void notebook_close(struct notebook *n);

/* Reads what such a file held when the program last ended. ERR_NOENT: there is none; ERR_LIMIT,
 * ERR_AUTH, ERR_IO with errno. Appends to out. */
enum err notebook_read(const char *data_dir, const char *folder, const char *name,
                       struct buf *out) CHECKED;

/* Such a file gets the name NAME.damaged (one of before is replaced), so that people can look at
 * it. Before notebook_open. ERR_IO, with errno. */
enum err notebook_put_aside(const char *data_dir, const char *folder, const char *name) CHECKED;

#endif
