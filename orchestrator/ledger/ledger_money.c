#include "orchestrator/ledger/ledger_money.h"

#include <stdio.h>
#include <string.h>

#include "base/span.h"

#define DIGITS_MAX 20
#define SHOWN_MIN  2 /* digits behind the point */

static bool is_digits(const char *text, size_t len)
{
    return strspn(text, "0123456789") >= len;
}

bool ledger_money_read(const char *text, int scale, uint64_t *ret_units)
{
    char digits[2 * LEDGER_MONEY_SIZE] = "";
    const char *point = strchr(text, '.');
    size_t whole = point != NULL ? (size_t)(point - text) : strlen(text);
    const char *behind = point != NULL ? point + 1 : "";
    size_t part = strlen(behind);
    if (whole == 0 || whole > DIGITS_MAX || !is_digits(text, whole) || !is_digits(behind, part) ||
        part > (size_t)scale || (point != NULL && part == 0)) {
        return false;
    }
    snprintf(digits, sizeof digits, "%.*s%s%.*s", (int)whole, text, behind, scale - (int)part,
             "00000000000000000000");
    return span_decimal(span_cstr(digits), INT64_MAX, ret_units);
}

void ledger_money_write(const char *units, int scale, char *ret_text)
{
    bool below = units[0] == '-';
    const char *digits = units + below;
    size_t n = strlen(digits);
    char all[LEDGER_MONEY_SIZE];
    if (n == 0 || n > DIGITS_MAX || !is_digits(digits, n) || scale < 0 || scale > DIGITS_MAX) {
        snprintf(ret_text, LEDGER_MONEY_SIZE, "?");
        return;
    }
    size_t zeros = n <= (size_t)scale ? (size_t)scale + 1 - n : 0;
    snprintf(all, sizeof all, "%.*s%s", (int)zeros, "000000000000000000000", digits);
    size_t whole = strlen(all) - (size_t)scale, end = strlen(all);
    size_t shown = scale < SHOWN_MIN ? (size_t)scale : SHOWN_MIN;
    while (end > whole + shown && all[end - 1] == '0') {
        end--;
    }
    snprintf(ret_text, LEDGER_MONEY_SIZE, "%s%.*s%s%.*s", below ? "-" : "", (int)whole, all,
             end > whole ? "." : "", (int)(end - whole), all + whole);
}
