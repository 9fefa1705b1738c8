#include "state/customer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "state/items.h"
#include "state/texts.h"
#include "state/window.h"
#include "tests/support/state_layouts.h"

static struct layout layout;
static struct layout_machine machines[STATE_LAYOUT_MACHINES];

static int use_rich_layout(void **state)
{
    (void)state;
    rich_layout(&layout, machines);
    return 0;
}

/* Two machines of a layout: what they hold must not overlap, and must lie within the part. */
static void assert_apart(const struct layout_machine *a, const struct layout_machine *b)
{
    uint32_t a_end = a->words_at + a->timer_words * 8, b_end = b->words_at + b->timer_words * 8;
    assert_true(a->words_at == a->slots_at + a->variable_count * 8);
    assert_true(a_end <= a->part_size && a->slots_at % 8 == 0 && a->machine_at % 2 == 0);
    if (a == b || a->part != b->part)
        return;
    assert_true(a_end <= b->slots_at || b_end <= a->slots_at);
    assert_true(a->machine_at + 10 <= b->machine_at || b->machine_at + 10 <= a->machine_at);
    assert_true(a->machine_at + 10 <= b->slots_at);
}

static void test_a_layouts_machines_lie_apart(void **state)
{
    (void)state;
    for (uint32_t a = 0; a < layout.machine_count; a++)
        for (uint32_t b = 0; b < layout.machine_count; b++)
            assert_apart(&machines[a], &machines[b]);
    assert_int_equal(machines[0].part, 0); /* larger than is meant for a record, but the first */
    assert_int_equal(machines[1].part, 1);
    assert_int_equal(machines[2].part, 1);
    assert_int_equal(layout.part_count, 1);
    assert_int_equal(layout.parts_at, machines[0].words_at + 2 * 8);
    assert_int_equal(layout.key_at, layout.parts_at + 8);
}

static void test_a_layouts_id_depends_on_every_name_type_and_bound(void **state)
{
    (void)state;
    struct layout_variable variable = {.name = SLICE("v"), .type = LAYOUT_SET, .max = 2};
    struct slice states[] = {SLICE("a"), SLICE("b")};
    struct layout_machine machine = {.name = SLICE("m"),
                                     .states = states,
                                     .state_count = 2,
                                     .variables = &variable,
                                     .variable_count = 1};
    struct layout changed = {.machine_count = 1};
    uint64_t ids[12];
    size_t count = 0;
    layout_seal(&changed, &machine);
    ids[count++] = changed.id;
    variable.name = SLICE("w");
    layout_seal(&changed, &machine);
    ids[count++] = changed.id;
    variable.type = LAYOUT_COUNTER;
    layout_seal(&changed, &machine);
    ids[count++] = changed.id;
    variable.max = 3;
    layout_seal(&changed, &machine);
    ids[count++] = changed.id;
    states[1] = SLICE("c");
    layout_seal(&changed, &machine);
    ids[count++] = changed.id;
    machine.timer_words = 1;
    layout_seal(&changed, &machine);
    ids[count++] = changed.id;
    const struct layout_timer timer[] = {{.kind = LAYOUT_AFTER, .duration_ms = 1000},
                                         {.kind = LAYOUT_IDLE, .duration_ms = 1000},
                                         {.kind = LAYOUT_IDLE, .duration_ms = 2000}};
    for (size_t i = 0; i < 3; i++) {
        const struct layout_timers timers[] = {{&timer[i], 1}, {NULL, 0}};
        machine.timers = timers;
        layout_seal(&changed, &machine);
        ids[count++] = changed.id;
    }
    machine.timers = NULL;
    machine.name = SLICE("n");
    layout_seal(&changed, &machine);
    ids[count++] = changed.id;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < i; k++)
            assert_int_not_equal(ids[i], ids[k]);
    machine.name = SLICE("m");
    machine.timer_words = 0;
    states[1] = SLICE("b");
    variable = (struct layout_variable){.name = SLICE("v"), .type = LAYOUT_SET, .max = 2};
    layout_seal(&changed, &machine);
    assert_int_equal(changed.id, ids[0]);
}

static void test_a_new_record_is_in_the_initial_states_with_first_values(void **state)
{
    (void)state;
    struct customer *customer = customer_new(&layout, SLICE("u42"), 1000);
    assert_true(slice_is(customer_key(&layout, customer), "u42"));
    assert_int_equal(customer->clock_ms, 1000);
    assert_int_equal(customer->last_seen_ms, 1000);
    assert_int_equal(customer->order_hash, 0);
    assert_true(customer->deadline_ms == CUSTOMER_NEVER);
    assert_true(customer->stored_deadline_ms == CUSTOMER_NEVER);
    assert_int_equal(customer->timer_index, CUSTOMER_NO_TIMER);
    for (uint32_t m = 0; m < 3; m++) {
        assert_int_equal(customer_machine_now(&layout, customer, m).state, machines[m].initial);
        assert_int_equal(customer_machine_now(&layout, customer, m).entered_ms, 1000);
    }
    for (uint32_t w = 0; w < 2; w++)
        assert_int_equal(customer_timer_words(&layout, customer, 0)[w], 0);
    const union customer_slot *slots = customer_slots(&layout, customer, 0);
    static const uint8_t kinds[RICH_SLOTS] = {VALUE_BOOL, VALUE_INT,   VALUE_DOUBLE, VALUE_STRING,
                                              VALUE_NULL, VALUE_LIST,  VALUE_LIST,   VALUE_MAP,
                                              VALUE_INT,  VALUE_DOUBLE};
    for (uint32_t v = 0; v < RICH_SLOTS; v++)
        assert_int_equal(customer_value(&machines[0].variables[v], &slots[v], 1000).kind, kinds[v]);
    customer_free(&layout, customer);
    customer_free(&layout, NULL);
}

static void fill(struct customer *customer)
{
    union customer_slot *slots = customer_slots(&layout, customer, 0);
    const struct items_line line = {.product_id = SLICE("p"), .quantity = 1};
    slots[RICH_BOOL].b = true;
    slots[RICH_INT].i = 7;
    slots[RICH_DOUBLE].d = 1.5;
    slots[RICH_TIMESTAMP].i = 99;
    customer_string_set(&slots[RICH_STRING], SLICE("text"), 12);
    items_add(&slots[RICH_ITEMS].items, &line, 5);
    texts_add(&slots[RICH_SET].texts, SLICE("a"), 6);
    texts_count_up(&slots[RICH_COUNTER].texts, SLICE("a"), 7);
    window_add_count(&slots[RICH_COUNTS].window, 8, 1000, 1000, 1000);
    window_add_sum(&slots[RICH_SUMS].window, 4, 60000, 1000, 1000, 2.5);
    customer_add_id(customer, 5);
    customer_fired_rank(customer, 0, 5000, true);
    customer_machine(&layout, customer, 2)->state = 0;
    customer_timer_words(&layout, customer, 2)[0] = 3;
    customer_machine(&layout, customer, 0)->state = 2;
}

static void test_restarted_it_is_as_new_but_for_key_and_the_tables_fields(void **state)
{
    (void)state;
    struct customer *customer = customer_new(&layout, SLICE("u42"), 1000);
    struct customer *fresh = customer_new(&layout, SLICE("u42"), 2000);
    size_t size = customer_size(&layout, customer);
    fill(customer);
    customer->flags = CUSTOMER_DIRTY;
    customer->timer_index = 3;
    customer->stored_deadline_ms = 4;
    customer->checkpoint = 5;
    assert_true(customer_size(&layout, customer) > size);
    customer_restart(&layout, customer, 2000);
    assert_int_equal(customer_size(&layout, customer), size);
    assert_int_equal(customer->flags, CUSTOMER_DIRTY);
    assert_int_equal(customer->timer_index, 3);
    assert_int_equal(customer->stored_deadline_ms, 4);
    assert_int_equal(customer->checkpoint, 5);
    customer->flags = 0;
    customer->timer_index = CUSTOMER_NO_TIMER;
    customer->stored_deadline_ms = CUSTOMER_NEVER;
    customer->checkpoint = 0;
    assert_memory_equal(customer, fresh, size);
    customer_free(&layout, customer);
    customer_free(&layout, fresh);
}

static void test_values_read_what_was_written(void **state)
{
    (void)state;
    struct customer *customer = customer_new(&layout, SLICE("u42"), 1000);
    fill(customer);
    const union customer_slot *slots = customer_slots(&layout, customer, 0);
    const struct layout_variable *variables = machines[0].variables;
    assert_true(customer_value(&variables[RICH_BOOL], &slots[RICH_BOOL], 0).b);
    assert_int_equal(customer_value(&variables[RICH_INT], &slots[RICH_INT], 0).i, 7);
    assert_true(customer_value(&variables[RICH_DOUBLE], &slots[RICH_DOUBLE], 0).d == 1.5);
    assert_true(slice_is(
        value_text(customer_value(&variables[RICH_STRING], &slots[RICH_STRING], 0)), "text"));
    struct value time = customer_value(&variables[RICH_TIMESTAMP], &slots[RICH_TIMESTAMP], 0);
    assert_int_equal(time.kind, VALUE_TIMESTAMP);
    assert_int_equal(value_timestamp_to_ms(time), 99);
    assert_int_equal(customer_value(&variables[RICH_COUNTS], &slots[RICH_COUNTS], 1000).i, 1);
    assert_int_equal(customer_value(&variables[RICH_COUNTS], &slots[RICH_COUNTS], 9000).i, 0);
    assert_true(customer_value(&variables[RICH_SUMS], &slots[RICH_SUMS], 1000).d == 2.5);
    customer_free(&layout, customer);
}

static void test_strings_are_cut_and_emptied(void **state)
{
    (void)state;
    union customer_slot slot = {.string = NULL};
    assert_int_equal(customer_string_get(slot).size, 0);
    customer_string_set(&slot, SLICE("ab\xc3\xa9"), 3);
    assert_true(slice_is(customer_string_get(slot), "ab"));
    customer_string_set(&slot, SLICE("xy"), 3);
    assert_true(slice_is(customer_string_get(slot), "xy"));
    struct slice tail = customer_string_get(slot); /* of itself */
    customer_string_set(&slot, (struct slice){tail.data + 1, 1}, 3);
    assert_true(slice_is(customer_string_get(slot), "y"));
    customer_string_set(&slot, SLICE(""), 3);
    assert_null(slot.string);
}

static void test_the_last_16_ids_are_known(void **state)
{
    (void)state;
    uint64_t ids[CUSTOMER_IDS_MAX];
    struct customer *customer = customer_new(&layout, SLICE("u42"), 1000);
    assert_int_equal(customer_ids(customer, ids), 0);
    for (uint64_t id = 1; id <= 40; id++) {
        customer_add_id(customer, id);
        uint32_t count = id < 16 ? (uint32_t)id : 16;
        assert_int_equal(customer_ids(customer, ids), count);
        assert_false(customer_id_known(customer, id + 1));
        for (uint32_t i = 0; i < count; i++) {
            assert_int_equal(ids[i], id - count + 1 + i);
            assert_true(customer_id_known(customer, ids[i]));
            assert_true(customer_id_known(customer, id - i)); /* and stays where it is */
        }
    }
    assert_false(customer_id_known(customer, 24));
    customer_add_id(customer, 24);
    customer_ids(customer, ids);
    assert_int_equal(ids[15], 24);
    assert_false(customer_id_known(customer, 0));
    customer_add_id(customer, 0); /* a hash like any other */
    assert_true(customer_id_known(customer, 0));
    customer_free(&layout, customer);
}

/* The lowest byte says for nearly all that they are new; for these it does not. */
static void test_ids_are_told_apart_by_each_of_their_bytes(void **state)
{
    (void)state;
    for (uint32_t shift = 0; shift < 64; shift += 8) {
        struct customer *customer = customer_new(&layout, SLICE("u42"), 1000);
        uint64_t ids[CUSTOMER_IDS_MAX];
        assert_false(customer_id_known(customer, 0));
        for (uint64_t i = 0; i < 40; i++) {
            uint64_t id = UINT64_C(0x1122334455667700) ^ (i << shift | i >> (64 - shift) % 64);
            assert_false(customer_id_known(customer, id));
            assert_false(
                customer_id_known(customer, 0)); /* as all bytes of places without an id are */
            customer_add_id(customer, id);
            assert_true(customer_id_known(customer, id));
            assert_true(ids[customer_ids(customer, ids) - 1] == id);
        }
        customer_free(&layout, customer);
    }
}

static void test_restored_ids_go_on_as_before(void **state)
{
    (void)state;
    for (uint32_t count = 0; count <= CUSTOMER_IDS_MAX; count++) {
        struct customer *customer = customer_new(&layout, SLICE("u42"), 1000);
        struct customer *copy = customer_new(&layout, SLICE("u42"), 1000);
        uint64_t ids[CUSTOMER_IDS_MAX], others[CUSTOMER_IDS_MAX];
        for (uint64_t id = 1; id <= count; id++)
            customer_add_id(customer, id);
        customer_ids_restore(copy, ids, customer_ids(customer, ids));
        for (uint64_t id = 100; id < 120; id++) {
            uint32_t known = customer_ids(customer, ids);
            assert_int_equal(customer_ids(copy, others), known);
            if (known > 0)
                assert_memory_equal(ids, others, known * sizeof(*ids));
            customer_add_id(customer, id);
            customer_add_id(copy, id);
        }
        customer_free(&layout, customer);
        customer_free(&layout, copy);
    }
}

static void test_ranks_count_on_for_the_same_machine_and_deadline(void **state)
{
    (void)state;
    struct customer *customer = customer_new(&layout, SLICE("u42"), 1000);
    assert_int_equal(customer_fired_rank(customer, 0, 2000, true), 0);
    assert_int_equal(customer_fired_rank(customer, 0, 2000, true), 1);
    assert_int_equal(customer_fired_rank(customer, 1, 2000, true), 0);
    assert_int_equal(customer_fired_rank(customer, 0, 3000, true), 0);
    assert_int_equal(customer_fired_rank(customer, 0, 2000, true), 2);
    assert_int_equal(customer->history->fired_count, 3);
    customer_free(&layout, customer);
}

static void test_ranks_that_cannot_come_again_are_dropped(void **state)
{
    (void)state;
    struct customer *customer = customer_new(&layout, SLICE("u42"), 1000);
    customer_fired_rank(customer, 0, 2000, true);  /* heard from since */
    customer_fired_rank(customer, 1, 3000, true);  /* entered another state since */
    customer_fired_rank(customer, 1, 3500, true);  /* can come again */
    customer_fired_rank(customer, 0, 1500, false); /* so can this: with rules that arm it anew */
    customer_fired_rank(customer, 0, 1600, true);
    customer_fired_rank(customer, 0, 1600, false); /* and this: not only idle timers */
    customer->last_seen_ms = 2000;
    customer_machine(&layout, customer, 0)->entered_ms = 1200;
    customer_machine(&layout, customer, 1)->entered_ms = 3000;
    customer_fired_trim(&layout, customer, CUSTOMER_NEVER);
    assert_int_equal(customer->history->fired_count, 3);
    assert_int_equal(customer_fired_rank(customer, 1, 3500, true), 1);
    assert_int_equal(customer_fired_rank(customer, 0, 1500, false), 1);
    assert_int_equal(customer_fired_rank(customer, 0, 1600, false), 2);
    assert_int_equal(customer_fired_rank(customer, 0, 2000, true), 0);
    assert_int_equal(customer_fired_rank(customer, 1, 3000, true), 0);
    customer_free(&layout, customer);
}

/* More timers were due than a step fires: those that are left are due before the customer was last heard from. */
static void test_ranks_of_timers_that_are_left_over_are_kept(void **state)
{
    (void)state;
    struct customer *customer = customer_new(&layout, SLICE("u42"), 1000);
    customer_fired_rank(customer, 0, 1999, true);
    customer_fired_rank(customer, 0, 2000, true);
    customer->last_seen_ms = 9000;
    customer_fired_trim(&layout, customer, 2000);
    assert_int_equal(customer->history->fired_count, 1);
    assert_int_equal(customer_fired_rank(customer, 0, 2000, true), 1);
    customer_fired_trim(&layout, customer, 2001);
    assert_int_equal(customer->history->fired_count, 0);
    customer_free(&layout, customer);
}

/* A machine that fires for ever within one state does not grow the record for ever. */
static void test_ranks_are_bounded(void **state)
{
    (void)state;
    struct customer *customer = customer_new(&layout, SLICE("u42"), 1000);
    for (int64_t deadline = 2000; deadline < 3000; deadline++)
        assert_int_equal(customer_fired_rank(customer, 0, deadline, true), 0);
    assert_int_equal(customer->history->fired_count, CUSTOMER_FIRED_MAX);
    assert_int_equal(customer_fired_rank(customer, 0, 2999, true), 1);
    assert_int_equal(customer_fired_rank(customer, 0, 3000 - CUSTOMER_FIRED_MAX, true), 1);
    customer_free(&layout, customer);
}

/*
 * The budget of DESIGN section 13, with a key of 8 bytes; every further byte of a key is one more.
 */
static void test_a_customer_of_the_shipped_machines_costs_160_bytes(void **state)
{
    (void)state;
    struct layout shipped;
    struct layout_machine shipped_machines[STATE_LAYOUT_MACHINES];
    shipped_layout(&shipped, shipped_machines);
    struct customer *customer = customer_new(&shipped, SLICE("u1234567"), 1000);
    print_message("shipped machines, no cart, key of 8 bytes: %zu bytes\n",
                  customer_size(&shipped, customer));
    assert_true(customer_size(&shipped, customer) <= 160);
    for (uint64_t id = 0; id < 16; id++)
        customer_add_id(customer, id);
    print_message("with 16 ids: %zu bytes\n", customer_size(&shipped, customer));
    assert_true(customer_size(&shipped, customer) <= 160 + 144);
    customer_free(&shipped, customer);
}

/* Reading makes no part; a change makes the one that the machine is in, with all as it was. */
static void test_a_part_is_made_when_a_machine_of_it_is_touched(void **state)
{
    (void)state;
    struct customer *customer = customer_new(&layout, SLICE("u42"), -5);
    size_t size = customer_size(&layout, customer);
    for (uint32_t m = 1; m < 3; m++) {
        assert_int_equal(customer_machine_now(&layout, customer, m).state, machines[m].initial);
        assert_int_equal(customer_machine_now(&layout, customer, m).entered_ms, -5);
        assert_null(customer_slots(&layout, customer, m));
        assert_null(customer_timer_words(&layout, customer, m));
    }
    assert_int_equal(customer_size(&layout, customer), size);
    customer_machine(&layout, customer, 1)->state = 1;
    assert_int_equal(customer_size(&layout, customer), size + machines[1].part_size);
    assert_int_equal(customer_machine_now(&layout, customer, 1).state, 1);
    assert_int_equal(customer_machine_now(&layout, customer, 1).entered_ms, -5);
    assert_int_equal(customer_machine_now(&layout, customer, 2).state, machines[2].initial);
    assert_int_equal(customer_machine_now(&layout, customer, 2).entered_ms, -5);
    assert_null(customer_slots(&layout, customer, 1)[0].string);
    assert_int_equal(customer_timer_words(&layout, customer, 2)[0], 0);
    assert_true(slice_is(customer_key(&layout, customer), "u42"));
    customer_free(&layout, customer);
}

static void test_a_part_is_dropped_when_all_is_as_at_first(void **state)
{
    (void)state;
    struct customer *customer = customer_new(&layout, SLICE("u42"), 1000);
    size_t size = customer_size(&layout, customer), full = size + machines[1].part_size;
    struct customer_machine *at = customer_machine(&layout, customer, 1);
    union customer_slot *note = customer_slots(&layout, customer, 1);
    uint64_t *words = customer_timer_words(&layout, customer, 2);

    at->state = 1;
    customer_drop_parts(&layout, customer);
    assert_int_equal(customer_size(&layout, customer), full);
    at->state = 0;
    at->entered_ms = 2000; /* later than the other machine of the part */
    customer_drop_parts(&layout, customer);
    assert_int_equal(customer_size(&layout, customer), full);
    at->entered_ms = 1000;
    customer_string_set(note, SLICE("text"), 100);
    customer_drop_parts(&layout, customer);
    assert_true(customer_size(&layout, customer) > full);
    customer_string_set(note, SLICE(""), 100);
    words[0] = 1;
    customer_drop_parts(&layout, customer);
    assert_int_equal(customer_size(&layout, customer), full);
    words[0] = 0;
    at->entered_ms = customer_machine(&layout, customer, 2)->entered_ms = 3000;
    customer_drop_parts(&layout, customer);
    assert_int_equal(customer_size(&layout, customer), size);
    assert_int_equal(customer_machine_now(&layout, customer, 1).entered_ms, 3000);
    assert_int_equal(customer_machine_now(&layout, customer, 2).entered_ms, 3000);
    customer_drop_parts(&layout, customer); /* nothing is left to drop */
    assert_int_equal(customer_size(&layout, customer), size);
    customer_free(&layout, customer);
}

/* What machines cost of which a customer's events know nothing. */
static void test_20_more_machines_cost_a_few_pointers(void **state)
{
    (void)state;
    static const struct layout_variable variables[] = {
        {.name = NAME("seen"), .type = LAYOUT_INT}, {.name = NAME("worth"), .type = LAYOUT_DOUBLE}};
    static const struct slice states[] = {NAME("waiting"), NAME("clicked")};
    struct layout_machine many[STATE_LAYOUT_MACHINES + 20];
    struct layout shipped, more = {.machine_count = STATE_LAYOUT_MACHINES + 20};
    shipped_layout(&shipped, many);
    for (uint32_t m = STATE_LAYOUT_MACHINES; m < more.machine_count; m++)
        many[m] = (struct layout_machine){.name = NAME("idle"),
                                          .states = states,
                                          .state_count = 2,
                                          .timer_words = 1,
                                          .variables = variables,
                                          .variable_count = 2};
    struct customer *customer = customer_new(&shipped, SLICE("u1234567"), 1000);
    size_t size = customer_size(&shipped, customer);
    customer_free(&shipped, customer);
    layout_seal(&more, many);
    for (uint32_t a = 0; a < more.machine_count; a++)
        for (uint32_t b = 0; b < more.machine_count; b++)
            assert_apart(&many[a], &many[b]);
    customer = customer_new(&more, SLICE("u1234567"), 1000);
    print_message("20 more machines: %zu bytes\n", customer_size(&more, customer) - size);
    assert_true(customer_size(&more, customer) <= size + 24);
    assert_int_equal(many[STATE_LAYOUT_MACHINES - 1].part, 0);
    customer_free(&more, customer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_layouts_machines_lie_apart),
        cmocka_unit_test(test_a_layouts_id_depends_on_every_name_type_and_bound),
        cmocka_unit_test(test_a_new_record_is_in_the_initial_states_with_first_values),
        cmocka_unit_test(test_restarted_it_is_as_new_but_for_key_and_the_tables_fields),
        cmocka_unit_test(test_values_read_what_was_written),
        cmocka_unit_test(test_strings_are_cut_and_emptied),
        cmocka_unit_test(test_the_last_16_ids_are_known),
        cmocka_unit_test(test_ids_are_told_apart_by_each_of_their_bytes),
        cmocka_unit_test(test_restored_ids_go_on_as_before),
        cmocka_unit_test(test_ranks_count_on_for_the_same_machine_and_deadline),
        cmocka_unit_test(test_ranks_that_cannot_come_again_are_dropped),
        cmocka_unit_test(test_ranks_of_timers_that_are_left_over_are_kept),
        cmocka_unit_test(test_ranks_are_bounded),
        cmocka_unit_test(test_a_customer_of_the_shipped_machines_costs_160_bytes),
        cmocka_unit_test(test_a_part_is_made_when_a_machine_of_it_is_touched),
        cmocka_unit_test(test_a_part_is_dropped_when_all_is_as_at_first),
        cmocka_unit_test(test_20_more_machines_cost_a_few_pointers),
    };
    return cmocka_run_group_tests(tests, use_rich_layout, NULL);
}
