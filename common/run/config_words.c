#include "run/config_words.h"

#include <stddef.h>
#include <string.h>

const char *config_shown(const char *text, char *space)
{
    static const char dots[] = "...";
    size_t len = strlen(text), used = len;
    if (len > CONFIG_SHOWN_MAX) {
        used = CONFIG_SHOWN_MAX - strlen(dots);
        while (used > 0 && ((unsigned char)text[used] & 0xC0) == 0x80) {
            used--;
        }
    }
    for (size_t i = 0; i < used; i++) {
        space[i] = (char)((unsigned char)text[i] < ' ' || text[i] == 0x7F ? '?' : text[i]);
    }
    strcpy(space + used, used < len ? dots : "");
    return space;
}

static const struct {
    const char *problem; /* part of libyaml's words */
    bool at_beginning;
    const char *sentence;
} problems[] = {
    {"tab character", false, "there is a tab; indent with blanks"},
    {"mapping values are not allowed", false,
     "this line does not fit: write one \"flag: value\" in each line, all at the same column; a "
     "value with \": \" in it must stand in quotes"},
    {"could not find expected ':'", true,
     "this is no \"flag: value\": a colon and a blank must follow the flag's name"},
    {"block sequence entries are not allowed", false,
     "a list with dashes begins in the line after its flag; a value with \"- \" in front must "
     "stand "
     "in quotes"},
    {"cannot start any token", false,
     "a value may not begin with this character; put it in quotes"},
    {"found unexpected end of stream", true, "this quote is not closed"},
    {"unknown escape character", false,
     "after a backslash in double quotes this letter means nothing; use single quotes"},
    {"did not find expected key", false,
     "this does not fit: write one \"flag: value\" in each line, all at the same column; a value "
     "with quotes in it must stand in quotes whole"},
    {"did not find expected ',' or ']'", true, "this list is not closed; a ] is missing"},
    {"did not find expected ',' or '}'", true, "this map is not closed; a } is missing"},
    {"did not find expected '-' indicator", false,
     "this does not fit into the list above: begin each entry with a dash, all at the same column, "
     "and an entry's further lines below its first word"},
    {"did not find expected <document start>", false,
     "this does not fit behind what came before: write one \"flag: value\" in each line, all at "
     "the same column"},
    {"undefined tag handle", false, "tags (!name) are not read; delete it"},
};

const char *config_words_of(const char *problem, bool *ret_at_beginning)
{
    for (size_t i = 0; i < sizeof problems / sizeof problems[0]; i++) {
        if (strstr(problem, problems[i].problem) != NULL) {
            *ret_at_beginning = problems[i].at_beginning;
            return problems[i].sentence;
        }
    }
    return NULL;
}
