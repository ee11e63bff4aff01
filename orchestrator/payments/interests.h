/* The accounts that a broadcaster has asked about: of these alone it is told when money comes, for
 * who knows an account's name can spend from it. Known by hashes, the newest ones. Pure. */
#ifndef ORCHESTRATOR_PAYMENTS_INTERESTS_H
#define ORCHESTRATOR_PAYMENTS_INTERESTS_H

#include <stdbool.h>

#define INTERESTS_MAX 131072 /* more than a broadcaster knows at once; 8 bytes each */

struct interests;

struct interests *interests_create(void); /* gives */
void interests_destroy(struct interests *i);

void interests_note(struct interests *i, const char *account);
bool interests_has(const struct interests *i, const char *account);

#endif
