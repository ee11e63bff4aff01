#include "publisher-tools/judge_rule.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

static const struct judge_rule_facts table[] = {
#define X(id, name, severity, section, asks) {name, JUDGE_##severity, section, asks},
    JUDGE_RULES(X)
#undef X
};

const struct judge_rule_facts *judge_rule_facts(enum judge_rule rule)
{
    assert(rule < JUDGE_RULE_COUNT_);
    return &table[rule];
}

void judge_say(const struct judge_sink *sink, enum judge_rule rule, const char *url, unsigned line,
               struct span text, const char *format, ...)
{
    char words[JUDGE_WORDS_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    sink->on_finding(sink->arg, &(struct judge_finding){rule, url, line, text, words});
}
