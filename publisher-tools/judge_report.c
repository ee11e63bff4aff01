#include "publisher-tools/judge_report.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "run/json.h"

#define SHOWN_PER_RULE 10
#define KEYS_MAX       2000 /* findings remembered, so that each is said once */

struct judge_report_to {
    pthread_mutex_t lock;
    struct judge_sink sink;
    bool json, progress;
    uint64_t keys[KEYS_MAX];
    size_t n_keys;
    size_t times[JUDGE_RULE_COUNT_]; /* different findings of each rule */
    size_t errors, warnings;
    size_t segments, parts;
};

static uint64_t hash(uint64_t h, const void *data, size_t n)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < n; i++) {
        h = (h ^ bytes[i]) * UINT64_C(1099511628211);
    }
    return h;
}

/* A playlist is read again and again: the same words about the same line are one finding. Of a
 * variant it is the line's number: what it says of bits a second changes with the stream. */
static uint64_t key_of(const struct judge_finding *f)
{
    static const char variant[] = "#EXT-X-STREAM-INF:";
    uint64_t h = hash(UINT64_C(14695981039346656037), &f->rule, sizeof f->rule);
    h = hash(h, f->url, strlen(f->url));
    if (f->text.len >= sizeof variant - 1 &&
        memcmp(f->text.data, variant, sizeof variant - 1) == 0) {
        return hash(h, &f->line, sizeof f->line);
    }
    return f->text.len > 0 ? hash(h, f->text.data, f->text.len)
                           : hash(h, f->words, strlen(f->words));
}

static bool is_new(struct judge_report_to *r, const struct judge_finding *f)
{
    uint64_t key = key_of(f);
    for (size_t i = 0; i < r->n_keys; i++) {
        if (r->keys[i] == key) {
            return false;
        }
    }
    if (r->n_keys < KEYS_MAX) {
        r->keys[r->n_keys++] = key;
    }
    return true;
}

static void clear_progress(const struct judge_report_to *r)
{
    if (r->progress) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
}

/* Takes j. */
static void print_json(struct json *j)
{
    char *text = json_line(j);
    json_destroy(j);
    fputs(text, stdout);
    fflush(stdout);
    mem_free(text);
}

static void print_finding(const struct judge_finding *f)
{
    const struct judge_rule_facts *rule = judge_rule_facts(f->rule);
    printf("%s %s: %s\n    %s", rule->severity == JUDGE_ERROR ? "ERROR" : "warning", rule->name,
           f->words, f->url);
    if (f->line > 0) {
        printf(" line %u", f->line);
    }
    if (f->text.len > 0) {
        printf(": %.*s", (int)f->text.len, (const char *)f->text.data);
    }
    printf("\n    asked: %s (%s)\n", rule->asks, rule->section);
    fflush(stdout);
}

static void print_finding_json(const struct judge_finding *f)
{
    const struct judge_rule_facts *rule = judge_rule_facts(f->rule);
    struct json *j = json_new_object();
    char text[1024];
    snprintf(text, sizeof text, "%.*s", (int)f->text.len, (const char *)f->text.data);
    json_set_str(j, "kind", "finding");
    json_set_str(j, "severity", rule->severity == JUDGE_ERROR ? "error" : "warning");
    json_set_str(j, "rule", rule->name);
    json_set_str(j, "url", f->url);
    json_set_int(j, "line", f->line);
    json_set_str(j, "text", text);
    json_set_str(j, "words", f->words);
    json_set_str(j, "asks", rule->asks);
    json_set_str(j, "section", rule->section);
    print_json(j);
}

static void on_finding(void *arg, const struct judge_finding *f)
{
    struct judge_report_to *r = arg;
    pthread_mutex_lock(&r->lock);
    if (is_new(r, f)) {
        bool error = judge_rule_facts(f->rule)->severity == JUDGE_ERROR;
        r->errors += error;
        r->warnings += !error;
        if (r->times[f->rule]++ < SHOWN_PER_RULE) {
            clear_progress(r);
            r->json ? print_finding_json(f) : print_finding(f);
        }
    }
    pthread_mutex_unlock(&r->lock);
}

struct judge_report_to *judge_report_create(bool json, bool progress)
{
    struct judge_report_to *r = mem_alloc(sizeof *r);
    pthread_mutex_init(&r->lock, NULL);
    r->sink = (struct judge_sink){on_finding, r};
    r->json = json;
    r->progress = progress;
    return r;
}

void judge_report_destroy(struct judge_report_to *r)
{
    if (r != NULL) {
        pthread_mutex_destroy(&r->lock);
        mem_free(r);
    }
}

const struct judge_sink *judge_report_sink(struct judge_report_to *r)
{
    return &r->sink;
}

void judge_report_count(struct judge_report_to *r, size_t segments, size_t parts)
{
    pthread_mutex_lock(&r->lock);
    r->segments += segments;
    r->parts += parts;
    pthread_mutex_unlock(&r->lock);
}

void judge_report_progress(struct judge_report_to *r, size_t playlists, int64_t at_s, int64_t of_s)
{
    if (!r->progress) {
        return;
    }
    pthread_mutex_lock(&r->lock);
    fprintf(stderr,
            "\r\033[K%zu playlists, second %" PRId64 " of %" PRId64
            ": %zu segments, %zu parts, %zu errors, %zu warnings",
            playlists, at_s, of_s, r->segments, r->parts, r->errors, r->warnings);
    fflush(stderr);
    pthread_mutex_unlock(&r->lock);
}

void judge_report_playlist(struct judge_report_to *r, const char *url, const struct judge_totals *t)
{
    pthread_mutex_lock(&r->lock);
    clear_progress(r);
    if (r->json) {
        struct json *j = json_new_object();
        json_set_str(j, "kind", "playlist");
        json_set_str(j, "url", url);
        json_set_int(j, "reloads", (int64_t)t->reloads);
        json_set_int(j, "segments", (int64_t)t->segments);
        json_set_int(j, "parts", (int64_t)t->parts);
        json_set_int(j, "bytes", (int64_t)t->bytes);
        if (t->latency_p50_ms != INT64_MIN) {
            json_set_int(j, "latency_p50_ms", t->latency_p50_ms);
            json_set_int(j, "latency_p95_ms", t->latency_p95_ms);
        }
        print_json(j);
    } else {
        printf("%s: %zu reloads, %zu segments, %zu parts, %zu bytes", url, t->reloads, t->segments,
               t->parts, t->bytes);
        if (t->latency_p50_ms != INT64_MIN) {
            printf(", newest media %" PRId64 " ms old (p95 %" PRId64 ")", t->latency_p50_ms,
                   t->latency_p95_ms);
        }
        putchar('\n');
    }
    pthread_mutex_unlock(&r->lock);
}

void judge_report_summary(struct judge_report_to *r, const char *url)
{
    pthread_mutex_lock(&r->lock);
    clear_progress(r);
    struct json *j = json_new_object();
    struct json *rules = json_new_object();
    for (int i = 0; i < JUDGE_RULE_COUNT_; i++) {
        const char *name = judge_rule_facts((enum judge_rule)i)->name;
        if (r->times[i] > 0) {
            json_set_int(rules, name, (int64_t)r->times[i]);
        }
        if (r->times[i] > SHOWN_PER_RULE && !r->json) {
            printf("%s: %zu more\n", name, r->times[i] - SHOWN_PER_RULE);
        }
    }
    json_set_str(j, "kind", "summary");
    json_set_str(j, "url", url);
    json_set_int(j, "errors", (int64_t)r->errors);
    json_set_int(j, "warnings", (int64_t)r->warnings);
    json_set(j, "rules", rules);
    if (r->json) {
        print_json(j);
    } else {
        json_destroy(j);
        printf("%s: %zu errors, %zu warnings\n", r->errors == 0 ? "conforms" : "does not conform",
               r->errors, r->warnings);
    }
    pthread_mutex_unlock(&r->lock);
}

size_t judge_report_errors(struct judge_report_to *r)
{
    return r->errors;
}

size_t judge_report_warnings(struct judge_report_to *r)
{
    return r->warnings;
}
