#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"
#include "run/http.h"

#define TEXT_MAX 4096

void http_answer_init(struct http_answer *a)
{
    *a = (struct http_answer){.status = 200, .content_type = "text/plain; charset=utf-8"};
    buf_init(&a->body, HTTP_BODY_MAX);
}

static void put(struct http_answer *a, const char *text)
{
    buf_clear(&a->body);
    if (buf_put(&a->body, span_cstr(text)) != ERR_OK) {
        a->status = 500;
    }
}

void http_answer_text(struct http_answer *a, int status, const char *format, ...)
{
    char text[TEXT_MAX];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text - 1, format, args);
    va_end(args);
    size_t end = n < 0 ? 0 : (size_t)n;
    if (end > sizeof text - 2) {
        end = sizeof text - 2;
    }
    text[end] = '\n';
    text[end + 1] = '\0';
    a->status = status;
    a->content_type = "text/plain; charset=utf-8";
    put(a, text);
}

void http_answer_json(struct http_answer *a, struct json *j)
{
    char *text = json_text(j);
    json_destroy(j);
    a->content_type = "application/json";
    put(a, text);
    mem_free(text);
}
