#include "run/events_names.h"

#include "tests/support/unit.h"

START_TEST(names_are_read_back)
{
    char path[EVENTS_PATH_MAX];
    events_name_write(path, "/run/x", "broadcaster", 4711, SURVEY_SUFFIX);
    ck_assert_str_eq(path, "/run/x/broadcaster.4711.survey");
    ck_assert_int_eq(events_name_pid("broadcaster.4711.survey"), 4711);
    ck_assert_int_eq(events_name_pid("a.1.events"), 1);
}
END_TEST

START_TEST(others_are_nobodys)
{
    static const char *const bad[] = {"",
                                      "x",
                                      ".events",
                                      "a.events",
                                      "a.b.survey",
                                      "a.12",
                                      "a.12x.events",
                                      "a.-3.events",
                                      "a.0.survey",
                                      "a.1.2.events",
                                      "credentials",
                                      "a.1.eventsx"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(events_name_pid(bad[i]) == 0, "%s", bad[i]);
    }
}
END_TEST

UNIT_MAIN("events_names", names_are_read_back, others_are_nobodys)
