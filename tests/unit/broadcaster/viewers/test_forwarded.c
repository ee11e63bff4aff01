#include "broadcaster/viewers/forwarded.h"

#include <string.h>

#include "tests/support/unit.h"

#define TRUSTED "127.0.0.1, 10.0.0.0/8, 2001:db8:1::/48"
#define PEER    "127.0.0.1"
#define BAD     NULL /* the proxy itself */

static struct cidr_list trusted;

static struct forwarded_headers headers;

static void take(const char *name, const char *value)
{
    if (value != NULL) {
        ck_assert(forwarded_take(&headers, span_cstr(name), span_cstr(value)));
    }
}

static struct forwarded read_from(const char *peer)
{
    char why[CIDR_WHY_MAX];
    if (trusted.count == 0) {
        ck_assert_int_eq(cidr_list_parse(TRUSTED, &trusted, why), ERR_OK);
    }
    uint8_t address[CIDR_ADDRESS_BYTES];
    ck_assert_int_eq(cidr_address_parse(peer, address), ERR_OK);
    struct forwarded f = forwarded_read(&trusted, address, &headers);
    headers = (struct forwarded_headers){0};
    return f;
}

static void expect(struct forwarded f, const char *address, const char *about)
{
    char text[CIDR_TEXT_MAX];
    cidr_address_format(f.address, text);
    ck_assert_msg(strcmp(text, address != NULL ? address : PEER) == 0, "%s: %s", about, text);
    ck_assert_msg(f.named == (address != NULL), "%s", about);
}

START_TEST(addresses_of_x_forwarded_for)
{
    static const struct {
        const char *text, *address;
    } cases[] = {
        {"192.0.2.7", "192.0.2.7"},
        {" 192.0.2.7\t", "192.0.2.7"},
        {"2001:db8::7", "2001:db8::7"},
        {"[2001:db8::7]", "2001:db8::7"},
        {"192.0.2.7:4711", "192.0.2.7"},
        {"[2001:db8::7]:4711", "2001:db8::7"},
        {"::ffff:192.0.2.7", "192.0.2.7"},
        {"198.51.100.1, 192.0.2.7", "192.0.2.7"},
        {"192.0.2.7, 10.1.2.3", "192.0.2.7"},
        {"192.0.2.7, 10.1.2.3,127.0.0.1", "192.0.2.7"},
        {"192.0.2.7, 2001:db8:1::5", "192.0.2.7"},
        {"198.51.100.1, 192.0.2.7, 10.1.2.3", "192.0.2.7"},
        /* What a client wrote itself is not even read. */
        {"garbage, 192.0.2.7", "192.0.2.7"},
        {",,, 192.0.2.7", "192.0.2.7"},
        {"unknown, 192.0.2.7", "192.0.2.7"},
        /* All of them are trusted: the first one is the client. */
        {"10.0.0.9", "10.0.0.9"},
        {"10.0.0.9, 10.0.0.10", "10.0.0.9"},
        /* Nothing that is good. */
        {"", BAD},
        {" ", BAD},
        {",", BAD},
        {"192.0.2.7,", BAD},
        {"192.0.2.7, ,10.0.0.1", BAD},
        {"unknown", BAD},
        {"_hidden", BAD},
        {"192.0.2.7, unknown, 10.0.0.1", BAD},
        {"192.0.2.256", BAD},
        {"192.0.2", BAD},
        {"192.0.2.07", BAD},
        {"0xc0000207", BAD},
        {"3221225991", BAD},
        {"192.0.2.7:", BAD},
        {"192.0.2.7:123456", BAD},
        {"192.0.2.7:80x", BAD},
        {"192.0.2.7 198.51.100.1", BAD},
        {"192.0.2.7;198.51.100.1", BAD},
        {"\"192.0.2.7\"", BAD},
        {"for=192.0.2.7", BAD},
        {"[192.0.2.7]", BAD},
        {"[2001:db8::7", BAD},
        {"2001:db8::7]", BAD},
        {"[2001:db8::7]x", BAD},
        {"[]", BAD},
        {"[", BAD},
        {":", BAD},
        {":80", BAD},
        {"fe80::1%eth0", BAD},
        {"2001:db8::7/64", BAD},
        {"host.example", BAD},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        take("X-Forwarded-For", cases[i].text);
        struct forwarded f = read_from(PEER);
        expect(f, cases[i].address, cases[i].text);
        ck_assert(!f.bad || cases[i].address == BAD);
        ck_assert(!f.https);
    }
}
END_TEST

START_TEST(addresses_of_forwarded)
{
    static const struct {
        const char *text, *address;
        bool https;
    } cases[] = {
        {"for=192.0.2.7", "192.0.2.7", false},
        {"For=192.0.2.7;Proto=HTTPS", "192.0.2.7", true},
        {"proto=https;by=203.0.113.43;for=192.0.2.7;host=a", "192.0.2.7", true},
        {"for=\"192.0.2.7:4711\"", "192.0.2.7", false},
        {"for=\"[2001:db8::7]\"", "2001:db8::7", false},
        {"for=\"[2001:db8::7]:_port\";proto=http", "2001:db8::7", false},
        {"for=\"19\\2.0.2.7\"", "192.0.2.7", false},
        {"for=198.51.100.1, for=192.0.2.7 , for=10.0.0.1", "192.0.2.7", false},
        {"for=198.51.100.1;proto=http,for=192.0.2.7;proto=https,for=10.0.0.1;proto=http",
         "192.0.2.7", true},
        {"for=10.0.0.9;proto=https", "10.0.0.9", true},
        {"for=_hidden;x=\"a,b;c\", for=192.0.2.7", "192.0.2.7", false},
        {"for=unknown;proto=https", BAD, true},
        {"for=_hidden", BAD, false},
        {"for=\"_hidden:80\"", BAD, false},
        {"proto=https", BAD, true},
        {"for=192.0.2.7, by=10.0.0.1", BAD, false},
        {"", BAD, false},
        {"for", BAD, false},
        {"for=", BAD, false},
        {"=192.0.2.7", BAD, false},
        {"for=2001:db8::7", BAD, false},
        {"for=\"2001:db8::7\"", BAD, false},
        {"for=192.0.2.7:80", BAD, false},
        {"for= 192.0.2.7", BAD, false},
        {"for=192.0.2.7;", BAD, false},
        {"for=192.0.2.7;;proto=https", BAD, false},
        {"for=192.0.2.7;for=192.0.2.8", BAD, false},
        {"for=192.0.2.7;proto=https;proto=https", BAD, false},
        {"for=192.0.2.7,", BAD, false},
        {",for=192.0.2.7", BAD, false},
        {"for=192.0.2.7 for=192.0.2.8", BAD, false},
        {"for=\"192.0.2.7", BAD, false},
        {"for=\"192.0.2.7\\", BAD, false},
        {"x=\", for=192.0.2.7", BAD, false}, /* a quote that a client left open */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        take("Forwarded", cases[i].text);
        struct forwarded f = read_from(PEER);
        expect(f, cases[i].address, cases[i].text);
        ck_assert_msg(f.https == cases[i].https, "%s", cases[i].text);
    }
}
END_TEST

START_TEST(nobody_else_is_believed)
{
    static const char *const peers[] = {"127.0.0.2", "::1", "192.0.2.1", "2001:db8:2::1"};
    for (size_t i = 0; i < sizeof peers / sizeof peers[0]; i++) {
        take("X-Forwarded-For", "192.0.2.7");
        take("X-Forwarded-Proto", "https");
        take("Forwarded", "for=192.0.2.7;proto=https");
        struct forwarded f = read_from(peers[i]);
        char text[CIDR_TEXT_MAX];
        cidr_address_format(f.address, text);
        ck_assert_str_eq(text, peers[i]);
        ck_assert(!f.named && !f.https && !f.bad);
    }
    struct forwarded f = read_from(PEER); /* and it said nothing */
    expect(f, BAD, "none");
    ck_assert(!f.https && !f.bad);
    ck_assert(!forwarded_take(&headers, span_cstr("X-Real-IP"), span_cstr("192.0.2.7")));
    ck_assert(!forwarded_take(&headers, span_cstr("Forwarded2"), span_cstr("for=192.0.2.7")));
}
END_TEST

START_TEST(lines_of_one_name_are_one_list)
{
    take("X-Forwarded-For", "198.51.100.1");
    take("x-forwarded-for", "192.0.2.7");
    take("X-FORWARDED-FOR", "10.0.0.1");
    expect(read_from(PEER), "192.0.2.7", "three lines");
    take("X-Forwarded-For", "192.0.2.7");
    take("X-Forwarded-For", "");
    expect(read_from(PEER), BAD, "an empty one at the end");
    take("Forwarded", "for=198.51.100.1");
    take("Forwarded", "for=192.0.2.7");
    expect(read_from(PEER), "192.0.2.7", "two lines");
}
END_TEST

START_TEST(two_headers_have_to_agree)
{
    take("X-Forwarded-For", "198.51.100.1, 192.0.2.7");
    take("Forwarded", "for=192.0.2.7");
    expect(read_from(PEER), "192.0.2.7", "they do");
    const char *const others[] = {"for=192.0.2.8", "for=unknown", "proto=https", "nonsense"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        take("X-Forwarded-For", "192.0.2.7");
        take("Forwarded", others[i]);
        struct forwarded f = read_from(PEER);
        expect(f, BAD, others[i]);
        ck_assert(f.bad);
    }
}
END_TEST

START_TEST(schemes)
{
    static const struct {
        const char *proto, *forwarded;
        bool https;
    } cases[] = {
        {"https", NULL, true},
        {"HTTPS", NULL, true},
        {"https, https", NULL, true},
        {"https", "for=192.0.2.7", true},
        {"https", "for=192.0.2.7;proto=https", true},
        {"https", "for=192.0.2.7;proto=http", false},
        {"http", "for=192.0.2.7;proto=https", false},
        {"http", NULL, false},
        {"https, http", NULL, false},
        {"http, https", NULL, false},
        {"https,", NULL, false},
        {"", NULL, false},
        {"httpss", NULL, false},
        {"https:", NULL, false},
        {"\"https\"", NULL, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        take("X-Forwarded-For", "192.0.2.7");
        take("X-Forwarded-Proto", cases[i].proto);
        take("Forwarded", cases[i].forwarded);
        struct forwarded f = read_from(PEER);
        ck_assert_msg(f.https == cases[i].https, "%s", cases[i].proto);
        expect(f, "192.0.2.7", cases[i].proto);
    }
}
END_TEST

/* n hops by trusted proxies behind the client. */
static void take_hops(const char *name, const char *client, const char *hop, int n)
{
    take(name, client);
    for (int i = 0; i < n; i++) {
        take(name, hop);
    }
}

START_TEST(what_is_long_is_bounded)
{
    char text[2 * FORWARDED_TEXT_MAX];
    take_hops("X-Forwarded-For", "192.0.2.7", "10.0.0.1", FORWARDED_HOPS_MAX);
    expect(read_from(PEER), "192.0.2.7", "as many as may be");
    take_hops("X-Forwarded-For", "192.0.2.7", "10.0.0.1", FORWARDED_HOPS_MAX + 1);
    expect(read_from(PEER), BAD, "one too many");
    take_hops("Forwarded", "for=192.0.2.7", "for=10.0.0.1", FORWARDED_HOPS_MAX - 1);
    expect(read_from(PEER), "192.0.2.7", "as many as may be");
    take_hops("Forwarded", "for=192.0.2.7", "for=10.0.0.1", FORWARDED_HOPS_MAX);
    expect(read_from(PEER), BAD, "one too many");
    for (size_t n = FORWARDED_TEXT_MAX - 12; n < FORWARDED_TEXT_MAX + 12; n++) {
        memset(text, ' ', n);
        strcpy(text + n, "192.0.2.7");
        take("X-Forwarded-For", text);
        bool fits = strlen(text) <= FORWARDED_TEXT_MAX;
        struct forwarded f = read_from(PEER);
        expect(f, fits ? "192.0.2.7" : BAD, "blanks");
        ck_assert(f.bad == !fits);
        take("X-Forwarded-For", text);
        take("X-Forwarded-For", "192.0.2.7");
        ck_assert(read_from(PEER).bad); /* what did not fit may have said something else */
    }
    memset(text, 'x', sizeof text);
    memcpy(text, "for=\"", 5);
    strcpy(text + 600, "\"");
    take("Forwarded", text);
    expect(read_from(PEER), BAD, "a long name");
    memset(text, ' ', 200);
    strcpy(text + 200, "https");
    take("X-Forwarded-For", "192.0.2.7");
    take("X-Forwarded-Proto", text);
    ck_assert(!read_from(PEER).https);
}
END_TEST

UNIT_MAIN("forwarded", addresses_of_x_forwarded_for, addresses_of_forwarded,
          nobody_else_is_believed, lines_of_one_name_are_one_list, two_headers_have_to_agree,
          schemes, what_is_long_is_bounded)
