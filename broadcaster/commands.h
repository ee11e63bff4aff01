/* What the broadcaster does instead of running when a flag asks for it. */
#ifndef BROADCASTER_COMMANDS_H
#define BROADCASTER_COMMANDS_H

/* -hashKey: reads a key from the first line of standard input, prints its hash for the keys file.
 * Returns the exit status. */
int command_hash_key(void);

#endif
