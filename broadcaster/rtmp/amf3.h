/* AMF3 values ("Action Message Format -- AMF 3", Adobe 2013) where they stand inside of AMF0 ones,
 * behind the marker 0x11: enough of them to read what a client says in a command. Walked over like
 * amf0: no tree, nothing allocated, nesting and tables bounded. Pure; borrows its input. */
#ifndef BROADCASTER_RTMP_AMF3_H
#define BROADCASTER_RTMP_AMF3_H

#include "base/err.h"
#include "base/span.h"
#include "broadcaster/rtmp/amf0.h"

#define AMF3_MARKER      0x11 /* in AMF0: what follows is an AMF3 value */
#define AMF3_DEPTH_MAX   16
#define AMF3_STRINGS_MAX 256 /* of one value, for references to them */
#define AMF3_TRAITS_MAX  32  /* kinds of objects of one value */
#define AMF3_SEALED_MAX  256 /* member names of all of them */

/* Takes one value from the front of *s (behind the marker) and says it in AMF0's terms: integers
 * are NUMBERs; objects and arrays of named members are OBJECTs with in_amf3 set, whose bytes are
 * for amf3_find; references to objects, XML documents, vectors and dictionaries are NULL.
 * ERR_PROTO: cut short, an unknown type or reference, or an object in a form of its class's own;
 * ERR_LIMIT. Nothing is moved on failure. */
enum err amf3_read(struct span *s, struct amf0_value *ret_value) CHECKED;

/* The first member of that name, letters' case ignored; objects inside of it have no members to be
 * found. ERR_NOENT. */
enum err amf3_find(struct span object, const char *key, struct amf0_value *ret_value) CHECKED;

#endif
