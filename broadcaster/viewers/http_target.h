/* The query of a request's target, past a library that takes it apart: libmicrohttpd makes an entry
 * of each argument in a connection's small memory and, where that is used up, falls silent instead
 * of answering. So a query goes through it as one argument. Pure. */
#ifndef BROADCASTER_VIEWERS_HTTP_TARGET_H
#define BROADCASTER_VIEWERS_HTTP_TARGET_H

/* In place: no "&" is left in the query. */
void http_target_fold(char *target);

/* In place: back to what was sent (also the plus signs, which the library makes spaces). */
void http_target_unfold(char *target);

/* The same for one character. */
char http_target_sent(char c);

#endif
