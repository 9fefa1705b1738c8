/*
 * tests/support/store_fixture.h - a store and a partition for a test, and short forms of what tests do
 * with them.
 *
 * The program that includes this defines contract_open(): a further store on the same server.
 */
#ifndef SUPPORT_STORE_FIXTURE_H
#define SUPPORT_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/arena.h"
#include "state/customer.h"
#include "state/store.h"

static struct store *contract_open(void);

/* Each test has a partition of its own, so that none sees another's leavings. */
struct contract {
    struct store *store;
    struct arena *arena; /* shared by copies */
    struct topic_partition of;
};

static inline int contract_setup(void **state)
{
    static int32_t partition;
    struct contract *contract = calloc(1, sizeof(*contract));
    contract->store = contract_open();
    assert_non_null(contract->store);
    contract->arena = malloc(sizeof(*contract->arena));
    arena_init(contract->arena);
    contract->of = (struct topic_partition){"shop.events", partition++};
    *state = contract;
    return 0;
}

static inline int contract_teardown(void **state)
{
    struct contract *contract = *state;
    store_close(contract->store);
    arena_fini(contract->arena);
    free(contract->arena);
    free(contract);
    return 0;
}

/* ---- short forms */

static struct errinfo contract_info;

static inline void assert_ok(enum err rc)
{
    if (rc != ERR_NONE)
        print_error("%d: %s\n", (int)rc, contract_info.text);
    assert_int_equal(rc, ERR_NONE);
}

static inline struct store_position own(struct contract *contract, uint64_t token)
{
    struct store_position position;
    memset(&position, 0x55, sizeof(position));
    assert_ok(store_own(contract->store, contract->of, token, contract->arena, &position,
                        &contract_info));
    return position;
}

static inline struct checkpoint checkpoint_of(const struct contract *contract, uint64_t token,
                                              uint64_t version_before)
{
    return (struct checkpoint){
        .of = contract->of,
        .token = token,
        .version_before = version_before,
        .version = version_before + 1,
        .offset = (int64_t)(100 * (version_before + 1)),
        .watermark_ms = INT64_MIN,
        .epoch = 7,
        .ruleset = UINT64_MAX,
        .customers = 3,
        .at_ms = 1767607200000,
        .layout = 5,
    };
}

static inline struct checkpoint_record record_of(const char *customer, const char *record,
                                                 int64_t deadline_ms)
{
    return (struct checkpoint_record){slice_of(customer), slice_of(record), deadline_ms, true};
}

static inline enum err try_save(struct contract *contract, const struct checkpoint *checkpoint)
{
    return store_save(contract->store, checkpoint, NULL, &contract_info);
}

/* Saves one record under the token; the version is one more. */
static inline void save_one(struct contract *contract, uint64_t token, uint64_t version_before,
                            struct checkpoint_record record)
{
    struct checkpoint checkpoint = checkpoint_of(contract, token, version_before);
    checkpoint.records = &record;
    checkpoint.record_count = 1;
    assert_ok(try_save(contract, &checkpoint));
}

static inline enum err try_load(struct contract *contract, uint64_t token, uint64_t version_min,
                                struct store_request *request)
{
    request->of = contract->of;
    request->token = token;
    request->version_min = version_min;
    return store_load(contract->store, request, 1, contract->arena, &contract_info);
}

/* The record as text, "" where there is none. */
static inline const char *loaded(struct contract *contract, uint64_t token, const char *customer)
{
    struct slice key = slice_of(customer);
    struct store_request request = {
        .customers = &key, .customer_count = 1, .timers_until_ms = INT64_MIN};
    assert_ok(try_load(contract, token, 0, &request));
    assert_int_equal(request.timer_count, 0);
    return arena_printf(contract->arena, "%.*s", (int)request.records[0].size,
                        request.records[0].data)
        .data;
}

static inline int64_t next_deadline(struct contract *contract, uint64_t token)
{
    int64_t deadline_ms = 0;
    assert_ok(
        store_next_deadline(contract->store, contract->of, token, 0, &deadline_ms, &contract_info));
    return deadline_ms;
}

static inline struct slice pair_value(const struct store_pair *pairs, size_t count,
                                      const char *field)
{
    for (size_t i = 0; i < count; i++)
        if (slice_is(pairs[i].field, field))
            return pairs[i].value;
    return SLICE("(none)");
}

#define CONTRACT_TEST(test) cmocka_unit_test_setup_teardown(test, contract_setup, contract_teardown)
#endif
