/* The table of bin/status: from status documents to lines for people. Pure. */
#ifndef PUBLISHER_TOOLS_STATUS_TABLE_H
#define PUBLISHER_TOOLS_STATUS_TABLE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

#define STATUS_ROLES_MAX 256

struct status_table;

struct status_table *status_table_create(void);
void status_table_destroy(struct status_table *t); /* takes NULL */

/* Adds one role's /status document. ERR_PROTO: not such a document; ERR_LIMIT: too many. */
enum err status_table_add(struct status_table *t, struct span document) CHECKED;

/* Roles, then streams with their rungs, then transcoders; sections without content are left out.
 * ERR_NOMEM, ERR_LIMIT. */
enum err status_table_write(const struct status_table *t, struct buf *out) CHECKED;

/* {"roles":[...]}: the documents as they came, on one line. */
enum err status_table_write_json(const struct status_table *t, struct buf *out) CHECKED;

/* One event as a line: time, role, event, then key=value. ERR_PROTO: not an event. */
enum err status_event_write(struct span document, struct buf *out) CHECKED;

#endif
