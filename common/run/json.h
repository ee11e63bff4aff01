/* Building JSON documents (jansson behind it). Every "new" gives; adding a child takes it.
 * Strings that are not UTF-8 are written with '?' for the bad bytes. One thread per document. */
#ifndef RUN_JSON_H
#define RUN_JSON_H

#include <stdbool.h>
#include <stdint.h>

struct json;

struct json *json_new_object(void);
struct json *json_new_array(void);

void json_set_str(struct json *object, const char *key, const char *value); /* NULL -> null */
void json_set_int(struct json *object, const char *key, int64_t value);
void json_set_real(struct json *object, const char *key, double value);
void json_set_bool(struct json *object, const char *key, bool value);
void json_set(struct json *object, const char *key, struct json *child);
void json_append(struct json *array, struct json *child);
void json_append_str(struct json *array, const char *value);

/* The text, with a line end; gives (free with mem_free). */
char *json_text(const struct json *j);

/* The same on one line, real numbers to six digits: for streams of documents. Gives. */
char *json_line(const struct json *j);
void json_destroy(struct json *j); /* takes NULL */

#endif
