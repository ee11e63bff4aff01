/* The hashes that were noted last, in a table of a fixed size: where it is full the one that was
 * noted longest ago of some gives way. Hashes are of 64 bits whose lower ones are evenly spread.
 * Pure; one thread, or its owner's lock. */
#ifndef BASE_RECENTS_H
#define BASE_RECENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECENTS_WAYS 8 /* entries that a hash may stand in */

struct recents;

/* For so many, a multiple of RECENTS_WAYS; 8 bytes each. Gives. */
struct recents *recents_create(size_t entries);
void recents_destroy(struct recents *r); /* takes NULL */

void recents_note(struct recents *r, uint64_t hash);
void recents_forget(struct recents *r, uint64_t hash); /* also one that is not there */
bool recents_has(const struct recents *r, uint64_t hash);

#endif
