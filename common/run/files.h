/* How many files, connections among them, this process may have open. */
#ifndef RUN_FILES_H
#define RUN_FILES_H

/* Raises the limit as far as the system allows without privileges (the hard limit; getrlimit(2)).
 * Call at the start, before libraries look at it. Nothing here uses select(2), which could not
 * cope. */
void files_raise_limit(void);

/* What may be open at once. */
long files_limit(void);

#endif
