#include "broadcaster/viewers/forwarded.h"

#include <string.h>
#include <strings.h>

#define NODE_MAX 128 /* bytes of what follows "for=", without quotes */
#define PORT_MAX 5

/* One hop. */
struct hop {
    bool known;          /* an address */
    bool schemed, https; /* a scheme is said, and it is that */
    uint8_t address[CIDR_ADDRESS_BYTES];
};

/* --- collecting --- */

static bool is_name(struct span name, const char *text)
{
    return name.len == strlen(text) && strncasecmp((const char *)name.data, text, name.len) == 0;
}

bool forwarded_take(struct forwarded_headers *h, struct span name, struct span value)
{
    static const char *const names[FORWARDED_NAMES] = {"X-Forwarded-For", "X-Forwarded-Proto",
                                                       "Forwarded"};
    size_t which = 0;
    while (which < FORWARDED_NAMES && !is_name(name, names[which])) {
        which++;
    }
    if (which == FORWARDED_NAMES) {
        return false;
    }
    size_t at = h->of[which].len, comma = h->of[which].came ? 1 : 0;
    h->of[which].came = true;
    if (value.len > FORWARDED_TEXT_MAX - comma || at > FORWARDED_TEXT_MAX - comma - value.len) {
        h->of[which].too_long = true;
        return true;
    }
    if (comma > 0) {
        h->of[which].text[at++] = ',';
    }
    if (value.len > 0) {
        memcpy(h->of[which].text + at, value.data, value.len);
    }
    h->of[which].len = at + value.len;
    return true;
}

/* --- letters --- */

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(uint8_t c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_token(uint8_t c)
{
    return is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static struct span trimmed(struct span s)
{
    while (s.len > 0 && is_blank(s.data[0])) {
        s = span_of(s.data + 1, s.len - 1);
    }
    while (s.len > 0 && is_blank(s.data[s.len - 1])) {
        s.len--;
    }
    return s;
}

/* --- nodes (RFC 7239, 6) --- */

/* obfnode and obfport: an underscore and more. */
static bool is_obfuscated(struct span s)
{
    bool good = s.len > 1 && s.data[0] == '_';
    for (size_t i = 1; i < s.len && good; i++) {
        good = is_alnum(s.data[i]) || strchr("._-", s.data[i]) != NULL;
    }
    return good;
}

static bool is_port(struct span s)
{
    bool digits = s.len > 0 && s.len <= PORT_MAX;
    for (size_t i = 0; i < s.len && digits; i++) {
        digits = is_digit(s.data[i]);
    }
    return digits || is_obfuscated(s);
}

static bool read_address(struct span s, bool v6, struct hop *ret_hop)
{
    char text[CIDR_TEXT_MAX];
    if (s.len == 0 || s.len >= sizeof text || (memchr(s.data, ':', s.len) != NULL) != v6) {
        return false;
    }
    memcpy(text, s.data, s.len);
    text[s.len] = '\0';
    ret_hop->known = strlen(text) == s.len && cidr_address_parse(text, ret_hop->address) == ERR_OK;
    return ret_hop->known;
}

/* What may follow a node's name: nothing, or a colon and a port. */
static bool is_rest(struct span s)
{
    return s.len == 0 || (s.data[0] == ':' && is_port(span_of(s.data + 1, s.len - 1)));
}

/* False: malformed. bare: IPv6 may stand without brackets, as X-Forwarded-For has it. */
static bool read_node(struct span s, bool bare, struct hop *ret_hop)
{
    const uint8_t *end = s.len > 0 && s.data[0] == '[' ? memchr(s.data, ']', s.len) : NULL;
    if (end != NULL) {
        size_t n = (size_t)(end - s.data);
        return read_address(span_of(s.data + 1, n - 1), true, ret_hop) &&
               is_rest(span_of(end + 1, s.len - n - 1));
    }
    if (bare && read_address(s, true, ret_hop)) {
        return true;
    }
    const uint8_t *colon = s.len > 0 ? memchr(s.data, ':', s.len) : NULL;
    size_t n = colon != NULL ? (size_t)(colon - s.data) : s.len;
    struct span name = span_of(s.data, n);
    bool good =
        is_obfuscated(name) || is_name(name, "unknown") || read_address(name, false, ret_hop);
    return good && is_rest(span_of(s.data + n, s.len - n));
}

/* --- Forwarded (RFC 7239, 4) --- */

struct reader {
    struct span rest;
};

static bool at(const struct reader *r, uint8_t c)
{
    return r->rest.len > 0 && r->rest.data[0] == c;
}

static void skip(struct reader *r, size_t n)
{
    r->rest = span_of(r->rest.data + n, r->rest.len - n);
}

static struct span read_token(struct reader *r)
{
    size_t n = 0;
    while (n < r->rest.len && is_token(r->rest.data[n])) {
        n++;
    }
    struct span token = span_of(r->rest.data, n);
    skip(r, n);
    return token;
}

static bool is_quotable(uint8_t c)
{
    return c == '\t' || (c >= ' ' && c != 0x7f);
}

/* What is longer than `size` is read to its end and cannot be what is looked for. */
static bool read_quoted(struct reader *r, uint8_t *text, size_t size, size_t *ret_len)
{
    size_t n = 0;
    skip(r, 1);
    while (r->rest.len > 0 && !at(r, '"')) {
        skip(r, at(r, '\\') ? 1 : 0);
        if (r->rest.len == 0 || !is_quotable(r->rest.data[0])) {
            return false;
        }
        if (n < size) {
            text[n] = r->rest.data[0];
        }
        n++;
        skip(r, 1);
    }
    if (!at(r, '"')) {
        return false;
    }
    skip(r, 1);
    *ret_len = n;
    return true;
}

static bool read_value(struct reader *r, uint8_t *text, size_t size, struct span *ret_value)
{
    size_t n = 0;
    if (!at(r, '"')) {
        *ret_value = read_token(r);
        return ret_value->len > 0;
    }
    if (!read_quoted(r, text, size, &n) || n > size) {
        return false;
    }
    *ret_value = span_of(text, n);
    return true;
}

/* A pair of an element; seen: which of "for" and "proto" it has had. */
static bool read_pair(struct reader *r, struct hop *hop, unsigned *seen)
{
    uint8_t text[NODE_MAX];
    struct span name = read_token(r), value;
    if (name.len == 0 || !at(r, '=')) {
        return false;
    }
    skip(r, 1);
    if (!read_value(r, text, sizeof text, &value)) {
        return false;
    }
    unsigned bit = is_name(name, "for") ? 1 : is_name(name, "proto") ? 2 : 0;
    bool again = (*seen & bit) != 0;
    *seen |= bit;
    if (bit == 2) {
        hop->schemed = true;
        hop->https = is_name(value, "https");
    }
    return !again && (bit != 1 || read_node(value, false, hop));
}

static bool read_element(struct reader *r, struct hop *ret_hop)
{
    unsigned seen = 0;
    struct hop hop = {0};
    if (!read_pair(r, &hop, &seen)) {
        return false;
    }
    while (at(r, ';')) {
        skip(r, 1);
        if (!read_pair(r, &hop, &seen)) {
            return false;
        }
    }
    *ret_hop = hop;
    return true;
}

static void skip_blanks(struct reader *r)
{
    while (at(r, ' ') || at(r, '\t')) {
        skip(r, 1);
    }
}

/* 0: malformed, or too many. */
static size_t read_forwarded(struct span text, struct hop hops[FORWARDED_HOPS_MAX])
{
    struct reader r = {trimmed(text)};
    for (size_t n = 0; n < FORWARDED_HOPS_MAX; n++) {
        if (!read_element(&r, &hops[n])) {
            return 0;
        }
        skip_blanks(&r);
        if (r.rest.len == 0) {
            return n + 1;
        }
        if (!at(&r, ',')) {
            return 0;
        }
        skip(&r, 1);
        skip_blanks(&r);
    }
    return 0;
}

/* --- who it is --- */

/* Of hops from the last one on; true: this one is it. */
static bool is_client(const struct cidr_list *trusted, const struct hop *hop)
{
    return !hop->known || !cidr_list_contains(trusted, hop->address);
}

/* False: malformed. ret_hop: who it is; not known: nobody says. */
static bool find_in_forwarded(const struct cidr_list *trusted, struct span text,
                              struct hop *ret_hop)
{
    struct hop hops[FORWARDED_HOPS_MAX];
    size_t n = read_forwarded(text, hops);
    if (n == 0) {
        return false;
    }
    while (n > 1 && !is_client(trusted, &hops[n - 1])) {
        n--;
    }
    *ret_hop = hops[n - 1];
    return true;
}

/* The same of X-Forwarded-For: nothing is read of what stands before the client. */
static bool find_in_for(const struct cidr_list *trusted, struct span text, struct hop *ret_hop)
{
    for (size_t i = 0; i <= FORWARDED_HOPS_MAX; i++) {
        const uint8_t *comma = text.len > 0 ? memrchr(text.data, ',', text.len) : NULL;
        size_t begins = comma != NULL ? (size_t)(comma - text.data) + 1 : 0;
        struct hop hop = {0};
        if (!read_node(trimmed(span_of(text.data + begins, text.len - begins)), true, &hop)) {
            return false;
        }
        if (comma == NULL || is_client(trusted, &hop)) {
            *ret_hop = hop;
            return true;
        }
        text.len = begins - 1;
    }
    return false;
}

/* Each proxy between may name a scheme; only where all of them say so it was HTTPS. */
static bool all_https(struct span text)
{
    bool https = text.len <= FORWARDED_PROTO_MAX;
    for (bool more = true; more && https;) {
        const uint8_t *comma = text.len > 0 ? memchr(text.data, ',', text.len) : NULL;
        size_t n = comma != NULL ? (size_t)(comma - text.data) : text.len;
        https = is_name(trimmed(span_of(text.data, n)), "https");
        more = comma != NULL;
        text = more ? span_of(comma + 1, text.len - n - 1) : text;
    }
    return https;
}

static struct span text_of(const struct forwarded_headers *h, enum forwarded_name which)
{
    return span_of(h->of[which].text, h->of[which].len);
}

struct forwarded forwarded_read(const struct cidr_list *trusted, const uint8_t *peer,
                                const struct forwarded_headers *h)
{
    struct forwarded f = {0};
    struct hop one = {0}, two = {0};
    memcpy(f.address, peer, sizeof f.address);
    if (!cidr_list_contains(trusted, peer)) {
        return f;
    }
    bool has_for = h->of[FORWARDED_FOR].came, has_both = h->of[FORWARDED_BOTH].came;
    bool has_proto = h->of[FORWARDED_PROTO].came;
    f.bad = h->of[FORWARDED_FOR].too_long || h->of[FORWARDED_BOTH].too_long ||
            (has_for && !find_in_for(trusted, text_of(h, FORWARDED_FOR), &one)) ||
            (has_both && !find_in_forwarded(trusted, text_of(h, FORWARDED_BOTH), &two));
    /* A proxy that writes one of them may pass on the other as a client sent it. */
    f.bad = f.bad ||
            (has_for && has_both &&
             (one.known != two.known || memcmp(one.address, two.address, sizeof one.address) != 0));
    const struct hop *client = has_for ? &one : &two;
    if (!f.bad && client->known) {
        f.named = true;
        memcpy(f.address, client->address, sizeof f.address);
    }
    bool https = !h->of[FORWARDED_PROTO].too_long && all_https(text_of(h, FORWARDED_PROTO));
    f.https = (has_proto || two.schemed) && (!has_proto || https) && (!two.schemed || two.https);
    return f;
}
