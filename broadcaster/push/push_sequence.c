#include "broadcaster/push/push_sequence.h"

#include <string.h>

void push_sequence_init(struct push_sequence *s)
{
    *s = (struct push_sequence){.started = false};
}

bool push_sequence_upload(struct push_sequence *s, uint64_t number)
{
    if (s->n_uploads + s->n_waiting >= PUSH_WAITING_MAX) {
        return false;
    }
    s->uploads[s->n_uploads++] = number;
    return true;
}

void push_sequence_upload_ends(struct push_sequence *s, uint64_t number)
{
    for (size_t i = 0; i < s->n_uploads; i++) {
        if (s->uploads[i] == number) {
            s->uploads[i] = s->uploads[--s->n_uploads];
            return;
        }
    }
}

uint64_t push_sequence_free_number(const struct push_sequence *s)
{
    uint64_t number = s->started ? s->next : 0;
    for (size_t i = 0; i < s->n_waiting; i++) {
        if (s->waiting[i].generation == s->newest && s->waiting[i].number >= number) {
            number = s->waiting[i].number + 1;
        }
    }
    for (size_t i = 0; i < s->n_uploads; i++) {
        if (s->uploads[i] >= number && s->uploads[i] - number <= PUSH_WAITING_MAX) {
            number = s->uploads[i] + 1;
        }
    }
    return number;
}

static const struct push_item *find(const struct push_item *items, size_t n, uint64_t number,
                                    unsigned generation)
{
    for (size_t i = 0; i < n; i++) {
        if (items[i].number == number && items[i].generation == generation) {
            return &items[i];
        }
    }
    return NULL;
}

static void insert(struct push_sequence *s, const struct push_item *item)
{
    size_t at = s->n_waiting;
    while (at > 0 && s->waiting[at - 1].generation == item->generation &&
           s->waiting[at - 1].number > item->number) {
        at--;
    }
    memmove(s->waiting + at + 1, s->waiting + at, (s->n_waiting - at) * sizeof *item);
    s->waiting[at] = *item;
    s->n_waiting++;
}

enum push_fate push_sequence_add(struct push_sequence *s, uint64_t number, uint64_t hash,
                                 void *what, int64_t now_ms)
{
    struct push_item item = {.number = number, .hash = hash, .what = what, .at_ms = now_ms};
    if (s->n_waiting >= PUSH_WAITING_MAX) {
        return PUSH_FULL;
    }
    size_t n_recent = s->n_recent < PUSH_RECENT_MAX ? s->n_recent : PUSH_RECENT_MAX;
    const struct push_item *known = find(s->waiting, s->n_waiting, number, s->newest);
    if (known == NULL) {
        known = find(s->recent, n_recent, number, s->newest);
    }
    bool passed = s->started && s->newest == s->generation && number < s->next;
    if (known != NULL && known->hash == hash) {
        return PUSH_DUPLICATE;
    }
    if (known == NULL && passed && s->next - number <= PUSH_WINDOW) {
        return PUSH_LATE;
    }
    if (known != NULL || passed) {
        s->newest++;
    }
    item.generation = s->newest;
    insert(s, &item);
    return PUSH_TAKEN;
}

static bool lower_upload(const struct push_sequence *s, uint64_t from, uint64_t below)
{
    for (size_t i = 0; i < s->n_uploads; i++) {
        if (s->uploads[i] >= from && s->uploads[i] < below) {
            return true;
        }
    }
    return false;
}

static bool has_waited(const struct push_sequence *s, const struct push_item *head, bool fresh,
                       int64_t now_ms)
{
    int64_t waited = now_ms - head->at_ms;
    uint64_t from = fresh ? (head->number > PUSH_WINDOW ? head->number - PUSH_WINDOW : 0) : s->next;
    if (lower_upload(s, from, head->number)) {
        return waited >= PUSH_UPLOAD_WAIT_MS;
    }
    if (fresh) {
        return head->number == 0 || waited >= PUSH_START_WAIT_MS;
    }
    return waited >= PUSH_HOLE_WAIT_MS;
}

static void take_head(struct push_sequence *s)
{
    s->n_waiting--;
    memmove(s->waiting, s->waiting + 1, s->n_waiting * sizeof s->waiting[0]);
}

bool push_sequence_next(struct push_sequence *s, int64_t now_ms, struct push_turn *ret_turn)
{
    if (s->n_waiting == 0) {
        return false;
    }
    struct push_item head = s->waiting[0];
    bool restarted = s->started && head.generation != s->generation;
    bool fresh = !s->started || restarted;
    uint64_t step = fresh ? 0 : head.number - s->next;
    bool in_order = !fresh && (step == 0 || step > PUSH_WINDOW);
    if (!in_order && !has_waited(s, &head, fresh, now_ms)) {
        return false;
    }
    take_head(s);
    s->started = true;
    s->generation = head.generation;
    s->next = head.number + 1;
    s->recent[s->n_recent++ % PUSH_RECENT_MAX] = head;
    if (s->n_recent >= 2 * PUSH_RECENT_MAX) {
        s->n_recent -= PUSH_RECENT_MAX;
    }
    *ret_turn = (struct push_turn){
        .item = head, .holes = step > PUSH_WINDOW ? 0 : (unsigned)step, .restarted = restarted};
    return true;
}

bool push_sequence_drop(struct push_sequence *s, struct push_item *ret_item)
{
    if (s->n_waiting == 0) {
        return false;
    }
    *ret_item = s->waiting[0];
    take_head(s);
    return true;
}
