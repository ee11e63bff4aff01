/* Which build this is. */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

/* What `git describe` said when it was built, or "unknown". Static storage. */
extern const char software_version[];

#endif
