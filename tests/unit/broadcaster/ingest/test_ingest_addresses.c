#include "broadcaster/ingest/ingest.h"

#include "broadcaster/auth/cidr.h"
#include "tests/unit/broadcaster/ingest/ingest_bench.h"

START_TEST(an_address_in_use)
{
    struct ingest_config config = default_config();
    struct fixture *f = open_ingest(&config);
    struct ingest *second = NULL;
    const char *why = NULL;
    config.addr.port = ingest_port(f->ingest);
    ck_assert_int_eq(ingest_create(f->loop, &config, &handler, f, &second, &why), ERR_IO);
    ck_assert_str_eq(why, "Address already in use");
    ck_assert_ptr_null(second);
    config = default_config();
    snprintf(config.addr.host, sizeof config.addr.host, "no such host");
    why = NULL;
    ck_assert_int_eq(ingest_create(f->loop, &config, &handler, f, &second, &why), ERR_IO);
    ck_assert_ptr_nonnull(why);
    close_ingest(f);
}
END_TEST

/* On all addresses of both families: IPv4 clients come with mapped addresses. */
START_TEST(both_families)
{
    struct ingest_config config = default_config();
    snprintf(config.addr.host, sizeof config.addr.host, "::");
    int probe = socket(AF_INET6, SOCK_STREAM, 0);
    if (probe < 0) {
        return; /* a host without IPv6 */
    }
    close(probe);
    struct fixture *f = open_ingest(&config);
    struct client v4 = connect_client(f, 0);
    client_begin(&v4);
    ck_assert_msg(strstr(f->peer, "127.0.0.1") != NULL, "%s", f->peer);
    struct client v6 = {.f = f, .fd = socket(AF_INET6, SOCK_STREAM, 0)};
    struct sockaddr_in6 to = {.sin6_family = AF_INET6,
                              .sin6_port = htons((uint16_t)ingest_port(f->ingest)),
                              .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    buf_init(&v6.in, 65536);
    if (connect(v6.fd, (struct sockaddr *)&to, sizeof to) == 0) {
        ck_assert_int_eq(fcntl(v6.fd, F_SETFL, O_NONBLOCK), 0);
        client_begin(&v6);
        ck_assert_int_eq(strncmp(f->peer, "[::1]:", 6), 0);
    }
    client_close(&v6);
    client_close(&v4);
    close_ingest(f);
}
END_TEST

/* Fact 30: the address that the header tells is the one for limits and logs. */
START_TEST(behind_a_proxy)
{
    struct ingest_config config = default_config();
    struct cidr_list trusted;
    char why[CIDR_WHY_MAX];
    ck_assert_int_eq(cidr_list_parse("127.0.0.1", &trusted, why), ERR_OK);
    config.trusted_proxies = &trusted;
    config.max_per_address = 2;
    struct fixture *f = open_ingest(&config);
    static const char other[] = "PROXY TCP4 203.0.113.9 127.0.0.1 7 1935\r\n";
    struct client others[4], c = connect_client(f, 0), d = connect_client(f, 0);
    for (size_t i = 0; i < 4; i++) { /* the third and fourth are too many */
        others[i] = connect_client(f, 0);
        ck_assert_uint_eq(client_send(&others[i], span_cstr(other)), 0);
    }
    RUN_UNTIL(f, counters(f).over_limit == 2);
    ck_assert_uint_eq(client_send(&c, span_cstr("PROXY TCP6 2001:db8::7 ::1 401")), 0);
    ck_assert_uint_eq(client_send(&c, span_cstr("12 1935\r\n")), 0);
    client_begin(&c);
    ck_assert_str_eq(f->peer, "[2001:db8::7]:40112");
    ck_assert_uint_eq(client_send(&d, span_cstr("PROXY UNKNOWN\r\n")), 0);
    client_begin(&d);
    ck_assert_int_eq(strncmp(f->peer, "127.0.0.1:", 10), 0);
    struct client plain = connect_client(f, 0);
    client_send(&plain, span_cstr("\3"));
    RUN_UNTIL(f, client_closed(&plain));
    ck_assert_uint_eq(counters(f).protocol_errors, 1);
    for (size_t i = 0; i < 4; i++) {
        client_close(&others[i]);
    }
    client_close(&plain);
    client_close(&c);
    client_close(&d);
    RUN_UNTIL(f, f->ends == 2);
    close_ingest(f);
    cidr_list_fini(&trusted);
}
END_TEST

/* Nobody else may say who he is. */
START_TEST(not_a_trusted_proxy)
{
    struct ingest_config config = default_config();
    struct cidr_list trusted;
    char why[CIDR_WHY_MAX];
    ck_assert_int_eq(cidr_list_parse("192.0.2.0/24", &trusted, why), ERR_OK);
    config.trusted_proxies = &trusted;
    struct fixture *f = open_ingest(&config);
    struct client liar = connect_client(f, 0), plain = connect_client(f, 0);
    client_send(&liar, span_cstr("PROXY TCP4 203.0.113.9 127.0.0.1 7 1935\r\n"));
    RUN_UNTIL(f, client_closed(&liar));
    ck_assert_uint_eq(counters(f).protocol_errors, 1);
    client_begin(&plain);
    client_close(&liar);
    client_close(&plain);
    RUN_UNTIL(f, f->ends == 1);
    close_ingest(f);
    cidr_list_fini(&trusted);
}
END_TEST

UNIT_MAIN("ingest_addresses", behind_a_proxy, not_a_trusted_proxy, an_address_in_use, both_families)
