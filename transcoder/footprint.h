/* How much memory the process keeps beyond what it uses. */
#ifndef TRANSCODER_FOOTPRINT_H
#define TRANSCODER_FOOTPRINT_H

/* Blocks of at least so many bytes go back to the system when they are freed. */
#define FOOTPRINT_BLOCK_BYTES (128 * 1024)

/* Once, before there are jobs; for the whole process. */
void footprint_keep_small(void);

/* At most so often is given back what smaller blocks leave. */
#define FOOTPRINT_INTERVAL_MS 1000

/* When a job has ended; any thread. Takes up to some milliseconds. */
void footprint_give_back(void);

#endif
