#include "broadcaster/viewers/http_date.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define LATEST_S   253402300799 /* 9999-12-31 23:59:59 */
#define DAY_S      86400
#define SPACE      " "
#define MONTH_LEN  3
#define MONTHS     12
#define YEAR_FIRST 1970
#define YEAR_LAST  9999

static const char month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char day_names[] = "ThuFriSatSunMonTueWed"; /* from 1970-01-01 */

struct date {
    int64_t year, month, day; /* month and day from 1 */
    int64_t hour, minute, second;
};

/* Days of the Gregorian calendar from 1970-01-01, in years that begin in March. */
static int64_t days_of(const struct date *d)
{
    int64_t y = d->month > 2 ? d->year : d->year - 1;
    int64_t m = (d->month + 9) % MONTHS;
    return 365 * y + y / 4 - y / 100 + y / 400 + (m * 306 + 5) / 10 + d->day - 1 - 719468;
}

static struct date date_of(int64_t days)
{
    struct date d = {.year = YEAR_FIRST + days / 366, .month = 1, .day = 1};
    struct date next = d;
    while (next.year++, days_of(&next) <= days) {
        d.year = next.year;
    }
    next = d;
    while (++next.month <= MONTHS && days_of(&next) <= days) {
        d.month = next.month;
    }
    d.day = days - days_of(&d) + 1;
    return d;
}

void http_date_write(int64_t seconds, char ret_text[HTTP_DATE_MAX])
{
    int64_t s = seconds < 0 ? 0 : seconds > LATEST_S ? LATEST_S : seconds;
    struct date d = date_of(s / DAY_S);
    unsigned rest = (unsigned)(s % DAY_S);
    snprintf(ret_text, HTTP_DATE_MAX, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT",
             day_names + MONTH_LEN * (s / DAY_S % 7), (unsigned)d.day % 100,
             month_names + MONTH_LEN * (d.month - 1), (unsigned)d.year % 10000, rest / 3600,
             rest / 60 % 60, rest % 60);
}

/* --- reading --- */

static bool take(const char **at, const char *text)
{
    size_t n = strlen(text);
    if (strncmp(*at, text, n) != 0) {
        return false;
    }
    *at += n;
    return true;
}

static bool take_digits(const char **at, int digits, int64_t *ret_v)
{
    int64_t v = 0;
    for (int i = 0; i < digits; i++, (*at)++) {
        if (**at < '0' || **at > '9') {
            return false;
        }
        v = v * 10 + (**at - '0');
    }
    *ret_v = v;
    return true;
}

static bool take_month(const char **at, int64_t *ret_month)
{
    for (int i = 0; i < MONTHS; i++) {
        if (strncmp(*at, month_names + (size_t)i * MONTH_LEN, MONTH_LEN) == 0) {
            *at += MONTH_LEN;
            *ret_month = i + 1;
            return true;
        }
    }
    return false;
}

static bool take_time(const char **at, struct date *d)
{
    return take_digits(at, 2, &d->hour) && take(at, ":") && take_digits(at, 2, &d->minute) &&
           take(at, ":") && take_digits(at, 2, &d->second);
}

/* "06 Nov 1994 08:49:37 GMT", or with dashes and a year of two digits. */
static bool take_usual(const char *at, struct date *d)
{
    bool old = strchr(at, '-') != NULL;
    const char *between = old ? "-" : SPACE;
    if (!take_digits(&at, 2, &d->day) || !take(&at, between) || !take_month(&at, &d->month) ||
        !take(&at, between) || !take_digits(&at, old ? 2 : 4, &d->year)) {
        return false;
    }
    if (old) {
        d->year += d->year < YEAR_FIRST % 100 ? 2000 : 1900;
    }
    return take(&at, SPACE) && take_time(&at, d) && take(&at, " GMT") && *at == '\0';
}

/* "Nov  6 08:49:37 1994" */
static bool take_asctime(const char *at, struct date *d)
{
    if (!take_month(&at, &d->month) || !take(&at, SPACE)) {
        return false;
    }
    int digits = take(&at, SPACE) ? 1 : 2;
    return take_digits(&at, digits, &d->day) && take(&at, SPACE) && take_time(&at, d) &&
           take(&at, SPACE) && take_digits(&at, 4, &d->year) && *at == '\0';
}

static bool is_possible(const struct date *d)
{
    struct date next = *d;
    if (d->year < YEAR_FIRST || d->year > YEAR_LAST || d->month < 1 || d->month > MONTHS ||
        d->day < 1 || d->hour > 23 || d->minute > 59 || d->second > 60) {
        return false;
    }
    next.day = 1;
    next.month = d->month % MONTHS + 1;
    next.year += d->month == MONTHS;
    return days_of(d) < days_of(&next);
}

bool http_date_read(const char *text, int64_t *ret_seconds)
{
    struct date d = {0};
    const char *space = text != NULL ? strchr(text, ' ') : NULL;
    if (space == NULL) {
        return false;
    }
    bool comma = space > text && space[-1] == ',';
    bool read = comma ? take_usual(space + 1, &d) : take_asctime(space + 1, &d);
    if (!read || !is_possible(&d)) {
        return false;
    }
    *ret_seconds = days_of(&d) * DAY_S + d.hour * 3600 + d.minute * 60 + d.second;
    return true;
}
