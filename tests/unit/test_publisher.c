/*
 * engine/publisher.h: epochs whose checkpoints wait for Redis.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/publisher.h"

#define EPOCHS 3

static struct {
    int64_t now_ms;
    const enum err *answers; /* of the saves, in turn */
    uint64_t saved[8];       /* versions, in turn */
    size_t saves;
    struct store store;
    struct publisher publisher;
    struct epoch *epochs[EPOCHS]; /* the last has no checkpoint */
} world;

static enum err save(struct store *store, const struct checkpoint *checkpoint,
                     const struct checkpoint *next, struct errinfo *info)
{
    (void)store;
    (void)next;
    enum err rc = world.answers[world.saves];
    world.saved[world.saves++] = checkpoint->version;
    return rc == ERR_NONE ? rc : err_set(info, rc, "the test wants it so");
}

static int open_world(void **state)
{
    static const struct store_ops ops = {.save = save};
    (void)state;
    world.now_ms = 1000;
    world.saves = 0;
    world.store.ops = &ops;
    struct publisher_options options = {NULL, &world.store, NULL, clock_fixed(&world.now_ms)};
    publisher_init(&world.publisher, &options);
    for (size_t i = 0; i < EPOCHS; i++) {
        world.epochs[i] = epoch_new();
        if (i < EPOCHS - 1)
            epoch_add_checkpoint(world.epochs[i])->checkpoint.version = i + 1;
    }
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    publisher_stop(&world.publisher);
    while (publisher_pop(&world.publisher, 0))
        ;
    publisher_fini(&world.publisher);
    for (size_t i = 0; i < EPOCHS; i++)
        epoch_free(world.epochs[i]);
    return 0;
}

/* Two that wait, and one without a checkpoint behind them. */
static void push_all(void)
{
    for (size_t i = 0; i < EPOCHS; i++) {
        assert_true(publisher_push(&world.publisher, world.epochs[i]));
        publisher_step(&world.publisher, 0);
    }
    assert_int_equal(publisher_waits(&world.publisher), 2);
    assert_ptr_equal(publisher_pop(&world.publisher, 0), world.epochs[2]);
    assert_null(publisher_pop(&world.publisher, 0));
    assert_int_equal(world.saves, 1); /* the second waits for the first */
}

static void expect_back(size_t epoch, enum err outcome)
{
    assert_ptr_equal(publisher_pop(&world.publisher, 0), world.epochs[epoch]);
    assert_int_equal(world.epochs[epoch]->outcome, outcome);
}

static void test_those_that_wait_are_saved_in_order(void **state)
{
    static const enum err answers[] = {ERR_RETRY, ERR_RETRY, ERR_NONE, ERR_NONE};
    (void)state;
    world.answers = answers;
    push_all();
    publisher_step(&world.publisher, 0);
    assert_int_equal(world.saves, 1); /* not before its time */
    for (int i = 0; i < 2; i++) {
        world.now_ms += 10000;
        publisher_step(&world.publisher, 0);
    }
    assert_int_equal(world.saves, 4);
    assert_int_equal(world.saved[1], 1);
    assert_int_equal(world.saved[2], 1);
    assert_int_equal(world.saved[3], 2);
    expect_back(0, ERR_NONE);
    expect_back(1, ERR_NONE);
    assert_int_equal(publisher_waits(&world.publisher), 0);
}

/* One that has landed by half is no base for the next. */
static void test_behind_one_that_fails_nothing_is_saved(void **state)
{
    static const enum err answers[] = {ERR_RETRY, ERR_FENCED, ERR_NONE};
    (void)state;
    world.answers = answers;
    push_all();
    world.now_ms += 10000;
    publisher_step(&world.publisher, 0);
    assert_int_equal(world.saves, 2);
    expect_back(0, ERR_FENCED);
    expect_back(1, ERR_FENCED);
}

static void test_a_doubt_ends_the_waiting(void **state)
{
    static const enum err answers[] = {ERR_RETRY, ERR_NONE, ERR_NONE};
    (void)state;
    world.answers = answers;
    push_all();
    publisher_abandon(&world.publisher);
    world.now_ms += 10000;
    publisher_step(&world.publisher, 0);
    assert_int_equal(world.saves, 1);
    expect_back(0, ERR_FENCED);
    expect_back(1, ERR_FENCED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_those_that_wait_are_saved_in_order, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(test_behind_one_that_fails_nothing_is_saved, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(test_a_doubt_ends_the_waiting, open_world, close_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
