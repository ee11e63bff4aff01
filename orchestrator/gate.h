/* A running orchestrator's view of its list of credentials: who may come in now, and who was seen.
 * The file is looked at again at each handshake and at each gate_look, so that what commands add or
 * revoke counts at once. A list that cannot be read any more changes nothing (logged once). */
#ifndef ORCHESTRATOR_GATE_H
#define ORCHESTRATOR_GATE_H

#include "orchestrator/credentials.h"
#include "run/json.h"
#include "run/link.h"

struct gate;

/* Gives. On failure ret_why (of size CREDENTIALS_WHY_MAX) says what to do. */
enum err gate_open(const char *data_dir, struct gate **ret_gate, char *ret_why) CHECKED;

/* When no link uses it any more. Takes NULL. */
void gate_close(struct gate *g);

/* A link_admit_fn; arg is the gate. Any thread. */
void gate_admit(void *arg, const unsigned char *key, struct link_admission *admission);

/* Looks at the file. True when the list has changed since the last call: then every connection must
 * be asked about again (link_recheck). Loop's thread, as all below. */
bool gate_look(struct gate *g);

/* A peer with that credential has said hello, or has gone. */
void gate_joined(struct gate *g, const char *name, enum link_role role);
void gate_left(struct gate *g, const char *name);

/* How many of the credentials in force were minted for another server key than this one, and so
 * cannot come in; *ret_example is the name of one. Those of this host do not count. */
size_t gate_strangers(struct gate *g, const unsigned char *server_key,
                      char ret_example[LINK_NAME_SIZE]);

/* Sets "credentials": how many there are, and which were seen when. */
void gate_status(struct gate *g, struct json *object);

#endif
