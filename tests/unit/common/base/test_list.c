#include "base/list.h"

#include "tests/support/unit.h"

struct item {
    int value;
    struct list node;
};

static void assert_values(struct list *head, const int *values, size_t n)
{
    size_t i = 0;
    LIST_EACH (head, it, tmp) {
        ck_assert_uint_lt(i, n);
        ck_assert_int_eq(LIST_ITEM(it, struct item, node)->value, values[i++]);
    }
    ck_assert_uint_eq(i, n);
}

START_TEST(order_is_that_of_pushing)
{
    struct list head;
    struct item items[3] = {{.value = 1}, {.value = 2}, {.value = 3}};
    list_init(&head);
    ck_assert(list_empty(&head));
    assert_values(&head, NULL, 0);
    for (int i = 0; i < 3; i++) {
        list_push_back(&head, &items[i].node);
    }
    ck_assert(!list_empty(&head));
    assert_values(&head, (const int[]){1, 2, 3}, 3);
    list_remove(&items[1].node);
    assert_values(&head, (const int[]){1, 3}, 2);
    list_push_back(&head, &items[1].node);
    assert_values(&head, (const int[]){1, 3, 2}, 3);
}
END_TEST

START_TEST(a_removed_node_may_be_removed_again)
{
    struct list head;
    struct item item = {.value = 1};
    list_init(&head);
    list_push_back(&head, &item.node);
    list_remove(&item.node);
    ck_assert(list_empty(&head));
    ck_assert(list_empty(&item.node));
    list_remove(&item.node);
    ck_assert(list_empty(&head));
}
END_TEST

START_TEST(the_current_one_may_be_removed_while_walking)
{
    struct list head;
    struct item items[4] = {{.value = 1}, {.value = 2}, {.value = 3}, {.value = 4}};
    list_init(&head);
    for (int i = 0; i < 4; i++) {
        list_push_back(&head, &items[i].node);
    }
    LIST_EACH (&head, it, tmp) {
        if (LIST_ITEM(it, struct item, node)->value % 2 == 0) {
            list_remove(it);
        }
    }
    assert_values(&head, (const int[]){1, 3}, 2);
}
END_TEST

UNIT_MAIN("list", order_is_that_of_pushing, a_removed_node_may_be_removed_again,
          the_current_one_may_be_removed_while_walking)
