/*
 * tests/support/store_contract.h - what every store promises (state/store.h), as tests.
 * test_store_memory.c and test_store_redis.c run them over their backend.
 */
#ifndef SUPPORT_STORE_CONTRACT_H
#define SUPPORT_STORE_CONTRACT_H

#include "tests/support/store_fixture.h"

/* ---- owning */

static void test_at_first_there_is_nothing(void **state)
{
    struct store_position position = own(*state, 1);
    assert_false(position.found);
    assert_int_equal(position.version, 0);
    assert_int_equal(position.stat_count, 0);
    assert_int_equal(position.layout_count, 0);
    assert_string_equal(loaded(*state, 1, "u1"), "");
    assert_true(next_deadline(*state, 1) == CUSTOMER_NEVER);
}

static void test_what_a_checkpoint_holds_is_found_by_the_next_owner(void **state)
{
    struct contract *contract = *state;
    const struct checkpoint_record records[] = {record_of("u1", "one", 1000),
                                                record_of("u2", "two", CUSTOMER_NEVER)};
    const struct checkpoint_stat stats[] = {{SLICE("cart/active"), 2},
                                            {SLICE("cart/empty>active"), INT64_MAX}};
    own(contract, 1);
    struct checkpoint checkpoint = checkpoint_of(contract, 1, 0);
    checkpoint.watermark_ms = -5;
    checkpoint.journal = 9;
    checkpoint.records = records;
    checkpoint.record_count = 2;
    checkpoint.stats = stats;
    checkpoint.stat_count = 2;
    checkpoint.layout = UINT64_MAX;
    checkpoint.layout_text = (struct slice){"a\0b\r\n", 5};
    assert_ok(try_save(contract, &checkpoint));

    struct store_position position = own(contract, 2);
    assert_true(position.found);
    assert_int_equal(position.offset, 100);
    assert_true(position.watermark_ms == -5);
    assert_int_equal(position.version, 1);
    assert_int_equal(position.epoch, 7);
    assert_true(position.ruleset == UINT64_MAX);
    assert_int_equal(position.customers, 3);
    assert_int_equal(position.journal, 9);
    assert_int_equal(position.stat_count, 2);
    assert_true(slice_is(pair_value(position.stats, 2, "cart/active"), "2"));
    assert_true(
        slice_is(pair_value(position.stats, 2, "cart/empty>active"), "9223372036854775807"));
    assert_int_equal(position.layout_count, 1);
    assert_true(slice_equal(pair_value(position.layouts, 1, "18446744073709551615"),
                            (struct slice){"a\0b\r\n", 5}));
    assert_string_equal(loaded(contract, 2, "u1"), "one");
    assert_string_equal(loaded(contract, 2, "u2"), "two");
    assert_true(next_deadline(contract, 2) == 1000);
}

static void test_no_watermark_yet_stays_none(void **state)
{
    own(*state, 1);
    save_one(*state, 1, 0, record_of("u1", "one", 0));
    assert_true(own(*state, 2).watermark_ms == INT64_MIN);
}

static void test_partitions_are_apart(void **state)
{
    struct contract *contract = *state;
    own(contract, 1);
    save_one(contract, 1, 0, record_of("u1", "one", 1000));
    contract->of.partition += 1000000;
    own(contract, 1);
    assert_string_equal(loaded(contract, 1, "u1"), "");
    assert_true(next_deadline(contract, 1) == CUSTOMER_NEVER);
    contract->of.topic = "another";
    own(contract, 1);
    assert_string_equal(loaded(contract, 1, "u1"), "");
}

/* ---- saving */

static void test_a_checkpoint_changes_and_deletes(void **state)
{
    struct contract *contract = *state;
    own(contract, 1);
    save_one(contract, 1, 0, record_of("u1", "one", 1000));
    save_one(contract, 1, 1, record_of("u2", "two", 2000));
    save_one(contract, 1, 2, record_of("u1", "one, later", 3000));
    assert_string_equal(loaded(contract, 1, "u1"), "one, later");
    assert_true(next_deadline(contract, 1) == 2000);
    struct checkpoint_record gone = {.customer = SLICE("u2"), .deadline_ms = CUSTOMER_NEVER};
    save_one(contract, 1, 3, gone);
    assert_string_equal(loaded(contract, 1, "u2"), "");
    assert_true(next_deadline(contract, 1) == 3000);
    assert_int_equal(own(contract, 1).offset, 400);
}

static void test_a_deadline_that_did_not_change_stays(void **state)
{
    struct contract *contract = *state;
    struct checkpoint_record record = record_of("u1", "one", 1000);
    own(contract, 1);
    save_one(contract, 1, 0, record);
    record.deadline_ms = 5000;
    record.deadline_changed = false;
    save_one(contract, 1, 1, record);
    assert_true(next_deadline(contract, 1) == 1000);
    record.deadline_changed = true;
    record.deadline_ms = CUSTOMER_NEVER;
    save_one(contract, 1, 2, record);
    assert_true(next_deadline(contract, 1) == CUSTOMER_NEVER);
}

static void test_timers_reset_are_looked_at_once(void **state)
{
    struct contract *contract = *state;
    own(contract, 1);
    struct checkpoint reset = checkpoint_of(contract, 1, 0);
    reset.timers_reset = true;
    assert_ok(try_save(contract, &reset)); /* there is none */
    assert_true(next_deadline(contract, 1) == CUSTOMER_NEVER);
    save_one(contract, 1, 1, record_of("u1", "one", 1000));
    save_one(contract, 1, 2, record_of("u2", "two", -2000));
    const struct checkpoint_record record = record_of("u3", "three", 7);
    reset.version_before = 3;
    reset.version = 4;
    reset.records = &record;
    reset.record_count = 1;
    assert_ok(try_save(contract, &reset));
    struct store_request request = {
        .timers_after_ms = INT64_MIN, .timers_until_ms = 9, .timers_max = 9};
    assert_ok(try_load(contract, 1, 0, &request));
    assert_int_equal(request.timer_count, 3);
    assert_true(slice_is(request.timer_customers[0], "u1"));
    assert_int_equal(request.timer_deadlines_ms[0], 0);
    assert_int_equal(request.timer_deadlines_ms[1], 0);
    assert_int_equal(request.timer_deadlines_ms[2], 7); /* its own checkpoint's */
}

/* Binary keys and records, and as many as no single command takes. */
static void test_large_checkpoints_are_whole(void **state)
{
    enum { COUNT = 10000, SIZE = 2000 };
    struct contract *contract = *state;
    struct checkpoint_record *records = calloc(COUNT, sizeof(*records));
    struct slice *keys = calloc(COUNT, sizeof(*keys));
    char *bytes = malloc(COUNT + SIZE);
    for (int i = 0; i < COUNT + SIZE; i++)
        bytes[i] = (char)(i * 7 % 251);
    for (int i = 0; i < COUNT; i++) {
        keys[i] = arena_printf(contract->arena, "key\r\n %d \xe0\xb8\x81", i);
        records[i] = (struct checkpoint_record){
            keys[i], {bytes + i, 1 + (size_t)i % SIZE}, i - COUNT / 2, true};
    }
    own(contract, 1);
    struct checkpoint checkpoint = checkpoint_of(contract, 1, 0);
    checkpoint.records = records;
    checkpoint.record_count = COUNT;
    assert_ok(try_save(contract, &checkpoint));
    struct store_request request = {.customers = keys,
                                    .customer_count = COUNT,
                                    .timers_after_ms = INT64_MIN,
                                    .timers_until_ms = INT64_MAX,
                                    .timers_max = COUNT};
    assert_ok(try_load(contract, 1, 1, &request));
    assert_int_equal(request.timer_count, COUNT);
    for (int i = 0; i < COUNT; i++) {
        assert_true(slice_equal(request.records[i], records[i].record));
        assert_true(slice_equal(request.timer_customers[i], keys[i]));
        assert_true(slice_equal(request.timer_records[i], records[i].record));
        assert_true(request.timer_deadlines_ms[i] == i - COUNT / 2);
        records[i].record.size = 0; /* and all of them gone */
    }
    checkpoint.version_before = 1;
    checkpoint.version = 2;
    assert_ok(try_save(contract, &checkpoint));
    assert_ok(try_load(contract, 1, 2, &request));
    assert_int_equal(request.timer_count, 0);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(request.records[i].size, 0);
    free(records);
    free(keys);
    free(bytes);
}

/* ---- fencing */

static void test_a_former_owner_saves_and_loads_nothing(void **state)
{
    struct contract *contract = *state;
    struct contract second = *contract;
    second.store = contract_open();
    own(contract, 1);
    save_one(contract, 1, 0, record_of("u1", "one", 1000));
    own(&second, 2);
    const struct checkpoint_record record = record_of("u1", "late", 2000);
    struct checkpoint late = checkpoint_of(contract, 1, 1);
    late.records = &record;
    late.record_count = 1;
    assert_int_equal(try_save(contract, &late), ERR_FENCED);
    assert_int_equal(try_save(contract, &late), ERR_FENCED);
    struct store_request request = {.timers_until_ms = INT64_MIN};
    assert_int_equal(try_load(contract, 1, 0, &request), ERR_FENCED);
    int64_t deadline_ms;
    assert_int_equal(store_next_deadline(contract->store, contract->of, 1, 0, &deadline_ms, NULL),
                     ERR_FENCED);
    assert_int_equal(store_wipe(contract->store, contract->of, 1, NULL), ERR_FENCED);
    assert_string_equal(loaded(&second, 2, "u1"), "one");
    assert_int_equal(own(&second, 2).offset, 100);
    store_close(second.store);
}

static void test_a_checkpoint_on_an_old_version_is_refused_whole(void **state)
{
    struct contract *contract = *state;
    own(contract, 1);
    save_one(contract, 1, 0, record_of("u1", "one", 1000));
    const struct checkpoint_record record = record_of("u1", "twice", 2000);
    const uint64_t wrong[] = {0, 2, UINT64_MAX - 1};
    for (size_t i = 0; i < 3; i++) {
        struct checkpoint checkpoint = checkpoint_of(contract, 1, wrong[i]);
        checkpoint.records = &record;
        checkpoint.record_count = 1;
        assert_int_equal(try_save(contract, &checkpoint), ERR_FENCED);
    }
    assert_string_equal(loaded(contract, 1, "u1"), "one");
    assert_true(next_deadline(contract, 1) == 1000);
    save_one(contract, 1, 1, record_of("u1", "two", 2000));
}

static void test_a_read_of_an_old_version_is_refused(void **state)
{
    struct contract *contract = *state;
    own(contract, 1);
    save_one(contract, 1, 0, record_of("u1", "one", 1000));
    struct store_request request = {.timers_until_ms = INT64_MIN};
    int64_t deadline_ms;
    assert_ok(try_load(contract, 1, 1, &request));
    assert_int_equal(try_load(contract, 1, 2, &request), ERR_FENCED);
    assert_int_equal(store_next_deadline(contract->store, contract->of, 1, 2, &deadline_ms, NULL),
                     ERR_FENCED);
}

static void test_without_an_owner_nothing_is_saved_or_loaded(void **state)
{
    struct contract *contract = *state;
    struct checkpoint checkpoint = checkpoint_of(contract, 0, 0);
    struct store_request request = {.timers_until_ms = INT64_MIN};
    assert_int_equal(try_save(contract, &checkpoint), ERR_FENCED);
    assert_int_equal(try_load(contract, 0, 0, &request), ERR_FENCED);
    assert_int_equal(store_wipe(contract->store, contract->of, 0, NULL), ERR_FENCED);
    assert_false(own(contract, 1).found);
}

/*
 * `next` tells what comes; what really comes may be another, or the partition may have been taken
 * over meanwhile.
 */
static void test_the_announced_checkpoint_is_verified_all_the_same(void **state)
{
    struct contract *contract = *state;
    struct contract other = *contract;
    other.of.partition += 1000000;
    own(contract, 1);
    own(&other, 2);
    struct checkpoint first = checkpoint_of(contract, 1, 0);
    struct checkpoint second = checkpoint_of(&other, 2, 0);
    struct checkpoint third = checkpoint_of(contract, 1, 1);
    struct checkpoint fourth = checkpoint_of(&other, 2, 1);
    struct errinfo *info = &contract_info;
    assert_ok(store_save(contract->store, &first, &second, info));
    assert_ok(store_save(contract->store, &second, &fourth, info));
    assert_ok(store_save(contract->store, &third, &fourth, info)); /* not the announced one */
    assert_ok(store_save(contract->store, &fourth, NULL, info));
    struct checkpoint fifth = checkpoint_of(contract, 1, 2);
    struct checkpoint sixth = checkpoint_of(contract, 1, 3);
    assert_ok(store_save(contract->store, &fifth, &sixth, info));
    struct contract zombie = *contract;
    zombie.store = contract_open();
    own(&zombie, 9); /* between the announcement and the checkpoint */
    assert_int_equal(store_save(contract->store, &sixth, NULL, info), ERR_FENCED);
    assert_int_equal(own(&zombie, 9).version, 3);
    store_close(zombie.store);
}

/* A load by the store that has announced a checkpoint. */
static void test_a_store_may_load_between_two_checkpoints(void **state)
{
    struct contract *contract = *state;
    own(contract, 1);
    struct checkpoint first = checkpoint_of(contract, 1, 0);
    struct checkpoint second = checkpoint_of(contract, 1, 1);
    assert_ok(store_save(contract->store, &first, &second, &contract_info));
    assert_string_equal(loaded(contract, 1, "u1"), "");
    assert_ok(store_save(contract->store, &second, NULL, &contract_info));
    struct checkpoint third = checkpoint_of(contract, 2, 2);
    assert_int_equal(own(contract, 2).version, 2);
    assert_ok(try_save(contract, &third));
}

/* ---- loading */

static void test_timers_come_by_deadline_within_their_bounds(void **state)
{
    struct contract *contract = *state;
    const struct checkpoint_record records[] = {
        record_of("c", "3", 3000),  record_of("b", "2b", 2000), record_of("a", "2a", 2000),
        record_of("d", "1", -1000), record_of("e", "5", 5000),  record_of("f", "-", CUSTOMER_NEVER),
    };
    static const struct {
        int64_t after, until;
        size_t max;
        const char *customers;
    } cases[] = {{INT64_MIN, INT64_MAX, 9, "dabce"},
                 {INT64_MIN, 3000, 9, "dabc"},
                 {INT64_MIN, 2999, 9, "dab"},
                 {INT64_MIN, -1001, 9, ""},
                 {-1000, 3000, 9, "abc"},
                 {2000, 5000, 9, "ce"},
                 {INT64_MIN, 5000, 2, "da"},
                 {INT64_MIN, INT64_MIN, 9, ""},
                 {5000, INT64_MAX, 9, ""},
                 {-1001, 2000, 1, "d"}};
    own(contract, 1);
    struct checkpoint checkpoint = checkpoint_of(contract, 1, 0);
    checkpoint.records = records;
    checkpoint.record_count = 6;
    assert_ok(try_save(contract, &checkpoint));
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct store_request request = {.timers_after_ms = cases[i].after,
                                        .timers_until_ms = cases[i].until,
                                        .timers_max = cases[i].max};
        assert_ok(try_load(contract, 1, 0, &request));
        assert_int_equal(request.timer_count, strlen(cases[i].customers));
        for (size_t k = 0; k < request.timer_count; k++) {
            assert_int_equal(request.timer_customers[k].data[0], cases[i].customers[k]);
            assert_true(request.timer_records[k].size > 0);
        }
    }
    struct slice asked[] = {SLICE("e"), SLICE("x"), SLICE("a")};
    struct store_request request = {.customers = asked,
                                    .customer_count = 3,
                                    .timers_after_ms = INT64_MIN,
                                    .timers_until_ms = 2000,
                                    .timers_max = 9};
    assert_ok(try_load(contract, 1, 0, &request));
    assert_true(slice_is(request.records[0], "5"));
    assert_int_equal(request.records[1].size, 0);
    assert_true(slice_is(request.records[2], "2a"));
    assert_int_equal(request.timer_count, 3);
    assert_true(slice_is(request.timer_records[0], "1"));
    assert_true(slice_is(request.timer_records[1], "2a"));
    assert_int_equal(request.timer_deadlines_ms[0], -1000);
}

static void test_several_partitions_load_at_once(void **state)
{
    enum { PARTITIONS = 5 };
    struct contract *contract = *state;
    struct store_request requests[PARTITIONS];
    struct slice key = SLICE("u1");
    for (int i = 0; i < PARTITIONS; i++) {
        struct contract each = *contract;
        each.of.partition += 2000000 * (i + 1);
        own(&each, (uint64_t)i + 1);
        char text[32];
        snprintf(text, sizeof(text), "record %d", i);
        save_one(&each, (uint64_t)i + 1, 0, record_of("u1", text, i));
        requests[i] = (struct store_request){.of = each.of,
                                             .token = (uint64_t)i + 1,
                                             .version_min = 1,
                                             .customers = &key,
                                             .customer_count = i != 3,
                                             .timers_after_ms = INT64_MIN,
                                             .timers_until_ms = i % 2 ? 99 : INT64_MIN,
                                             .timers_max = 9};
    }
    assert_ok(store_load(contract->store, requests, PARTITIONS, contract->arena, &contract_info));
    for (int i = 0; i < PARTITIONS; i++) {
        if (i != 3)
            assert_int_equal(requests[i].records[0].data[7], '0' + i);
        assert_int_equal(requests[i].timer_count, i % 2);
        if (i % 2)
            assert_int_equal(requests[i].timer_records[0].data[7], '0' + i);
    }
    requests[4].version_min = 2; /* one that is fenced fences all */
    assert_int_equal(
        store_load(contract->store, requests, PARTITIONS, contract->arena, &contract_info),
        ERR_FENCED);
    assert_ok(store_load(contract->store, requests, 4, contract->arena, &contract_info));
    assert_ok(store_load(contract->store, requests, 0, contract->arena, &contract_info));
}

/* ---- wiping */

static void test_a_wipe_leaves_nothing_but_the_owner(void **state)
{
    struct contract *contract = *state;
    struct contract other = *contract;
    other.of.partition += 1000000;
    own(&other, 5);
    save_one(&other, 5, 0, record_of("u1", "another's", 1000));
    own(contract, 1);
    const struct checkpoint_stat stat = {SLICE("cart/active"), 2};
    const struct checkpoint_record record = record_of("u1", "one", 1000);
    struct checkpoint checkpoint = checkpoint_of(contract, 1, 0);
    checkpoint.records = &record;
    checkpoint.record_count = 1;
    checkpoint.stats = &stat;
    checkpoint.stat_count = 1;
    checkpoint.layout_text = SLICE("layout");
    checkpoint.journal = 3;
    assert_ok(try_save(contract, &checkpoint));
    assert_ok(store_wipe(contract->store, contract->of, 1, &contract_info));
    assert_string_equal(loaded(contract, 1, "u1"), "");
    assert_true(next_deadline(contract, 1) == CUSTOMER_NEVER);
    assert_ok(try_save(
        contract,
        &(struct checkpoint){
            .of = contract->of, .token = 1, .version_before = 0, .version = 1, .offset = 3}));
    assert_ok(store_wipe(contract->store, contract->of, 1, &contract_info));
    struct store_position position = own(contract, 2);
    assert_false(position.found);
    assert_int_equal(position.version, 0);
    assert_int_equal(position.stat_count, 0);
    assert_int_equal(position.layout_count, 0);
    assert_int_equal(position.journal, 0);
    assert_string_equal(loaded(&other, 5, "u1"), "another's");
}

/* clang-format off */
#define CONTRACT_TESTS \
    CONTRACT_TEST(test_at_first_there_is_nothing), \
    CONTRACT_TEST(test_what_a_checkpoint_holds_is_found_by_the_next_owner), \
    CONTRACT_TEST(test_no_watermark_yet_stays_none), \
    CONTRACT_TEST(test_partitions_are_apart), \
    CONTRACT_TEST(test_a_checkpoint_changes_and_deletes), \
    CONTRACT_TEST(test_a_deadline_that_did_not_change_stays), \
    CONTRACT_TEST(test_timers_reset_are_looked_at_once), \
    CONTRACT_TEST(test_large_checkpoints_are_whole), \
    CONTRACT_TEST(test_a_former_owner_saves_and_loads_nothing), \
    CONTRACT_TEST(test_a_checkpoint_on_an_old_version_is_refused_whole), \
    CONTRACT_TEST(test_a_read_of_an_old_version_is_refused), \
    CONTRACT_TEST(test_without_an_owner_nothing_is_saved_or_loaded), \
    CONTRACT_TEST(test_the_announced_checkpoint_is_verified_all_the_same), \
    CONTRACT_TEST(test_a_store_may_load_between_two_checkpoints), \
    CONTRACT_TEST(test_timers_come_by_deadline_within_their_bounds), \
    CONTRACT_TEST(test_several_partitions_load_at_once), \
    CONTRACT_TEST(test_a_wipe_leaves_nothing_but_the_owner)
/* clang-format on */
#endif
