/* Words about configuration files for people. Pure. */
#ifndef RUN_CONFIG_WORDS_H
#define RUN_CONFIG_WORDS_H

#include <stdbool.h>

/* A key or value (UTF-8) as it may stand in a sentence: without control characters, cut to
 * CONFIG_SHOWN_MAX bytes between characters. Returns space, of CONFIG_SHOWN_SIZE. */
#define CONFIG_SHOWN_MAX  40
#define CONFIG_SHOWN_SIZE (CONFIG_SHOWN_MAX + 1)
const char *config_shown(const char *text, char *space);

/* A sentence for what libyaml calls its problem, or NULL. *ret_at_beginning: the line to name is
 * where the thing began, not where libyaml noticed. Static storage. */
const char *config_words_of(const char *problem, bool *ret_at_beginning);

#endif
