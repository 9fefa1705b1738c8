#include <pthread.h>

#include "state/store_memory.h"
#include "tests/support/store_contract.h"

static struct store_bank *bank;

static struct store *contract_open(void)
{
    return store_memory_open(bank);
}

static int open_bank(void **state)
{
    (void)state;
    bank = store_bank_new();
    return 0;
}

static int close_bank(void **state)
{
    (void)state;
    store_bank_free(bank);
    store_bank_free(NULL);
    return 0;
}

static void test_a_wiped_bank_has_neither_owner_nor_checkpoint(void **state)
{
    struct contract *contract = *state;
    own(contract, 1);
    save_one(contract, 1, 0, record_of("u1", "one", 1000));
    store_bank_wipe(bank);
    struct store_request request = {.timers_until_ms = INT64_MIN};
    assert_int_equal(try_load(contract, 1, 0, &request), ERR_FENCED);
    assert_false(own(contract, 1).found);
    assert_string_equal(loaded(contract, 1, "u1"), "");
}

/* Threads report by what they return: assertions are the main thread's. */
static void *save_many(void *argument)
{
    struct contract *contract = argument;
    for (uint64_t version = 0; version < 500; version++) {
        struct checkpoint_record record = record_of("u1", "one", (int64_t)version);
        struct checkpoint checkpoint = checkpoint_of(contract, 1, version);
        checkpoint.records = &record;
        checkpoint.record_count = 1;
        if (store_save(contract->store, &checkpoint, NULL, NULL) != ERR_NONE)
            return argument;
    }
    return NULL;
}

static void test_a_bank_is_shared_by_threads(void **state)
{
    struct contract *contract = *state;
    struct contract others[3];
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) {
        others[i] = *contract;
        others[i].of.partition += 3000000 * (i + 1);
        others[i].store = contract_open();
        own(&others[i], 1);
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, save_many, &others[i]), 0);
    for (int i = 0; i < 3; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(next_deadline(&others[i], 1), 499);
        store_close(others[i].store);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TESTS,
        CONTRACT_TEST(test_a_wiped_bank_has_neither_owner_nor_checkpoint),
        CONTRACT_TEST(test_a_bank_is_shared_by_threads),
    };
    return cmocka_run_group_tests(tests, open_bank, close_bank);
}
