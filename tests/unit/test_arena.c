#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/arena.h"

static int setup(void **state)
{
    static struct arena arena;
    arena_init(&arena);
    *state = &arena;
    return 0;
}

static int teardown(void **state)
{
    arena_fini(*state);
    return 0;
}

static void test_blocks_are_aligned_and_apart(void **state)
{
    struct arena *arena = *state;
    unsigned char *blocks[200];
    for (size_t i = 0; i < 200; i++) {
        blocks[i] = arena_alloc(arena, i * 37);
        assert_true((uintptr_t)blocks[i] % 16 == 0);
        memset(blocks[i], (int)i, i * 37);
    }
    for (size_t i = 0; i < 200; i++) {
        for (size_t j = 0; j < i * 37; j++)
            assert_int_equal(blocks[i][j], (unsigned char)i);
    }
}

static void test_calloc_clears_memory_that_was_used_before(void **state)
{
    struct arena *arena = *state;
    memset(arena_alloc(arena, 4000), 0xFF, 4000);
    arena_reset(arena);
    const unsigned char *memory = arena_calloc(arena, 1000, 4);
    for (size_t i = 0; i < 4000; i++)
        assert_int_equal(memory[i], 0);
}

static void test_large_blocks_fit_and_small_ones_go_on(void **state)
{
    struct arena *arena = *state;
    for (int round = 0; round < 3; round++) {
        memset(arena_alloc(arena, 10), 1, 10);
        memset(arena_alloc(arena, 3 << 20), 2, 3 << 20);
        memset(arena_alloc(arena, 10), 3, 10);
        memset(arena_alloc(arena, 200000), 4, 200000);
        arena_reset(arena);
    }
}

static void test_total_size_counts_since_the_last_reset(void **state)
{
    struct arena *arena = *state;
    arena_alloc(arena, 100);
    arena_alloc(arena, 23);
    assert_int_equal(arena->total_size, 123);
    arena_reset(arena);
    assert_int_equal(arena->total_size, 0);
}

/* What is handed out lies in a block, whatever the sizes: a block's end is where its last one is rounded up to. */
static void test_odd_sizes_stay_within_their_blocks(void **state)
{
    struct arena *arena = *state;
    for (size_t large = 70002; large < 70018; large++) {
        arena_fini(arena);
        arena_alloc(arena, large);
        for (size_t n = 0, size = 1; n < 3000; n++, size = size * 7 % 257 + 1) {
            char *memory = arena_alloc(arena, size);
            assert_true(ARENA_SEPARATE || memory + size <= arena->end);
            assert_true(ARENA_SEPARATE || arena->next <= arena->end);
            memset(memory, 5, size);
        }
        arena_alloc(arena, 2 * large + 1);
        assert_true(ARENA_SEPARATE || arena->next <= arena->end);
    }
}

/* With the sanitizer every allocation is a block of its own, so there is nothing to keep. */
static void test_memory_is_kept_over_a_reset(void **state)
{
#if ARENA_SEPARATE
    (void)state;
    print_message("skipped: the sanitizer's arena keeps nothing\n");
    skip();
#else
    struct arena *arena = *state;
    arena_alloc(arena, 100);
    arena_alloc(arena, 1 << 20);
    arena_reset(arena);
    const struct arena_block *first = arena->first;
    void *small = arena_alloc(arena, 100);
    void *large = arena_alloc(arena, 1 << 20);
    for (int i = 0; i < 100; i++) {
        arena_reset(arena);
        assert_ptr_equal(arena_alloc(arena, 100), small);
        assert_ptr_equal(arena_alloc(arena, 1 << 20), large);
    }
    assert_ptr_equal(arena->first, first);
#endif
}

static void test_copy_and_printf(void **state)
{
    struct arena *arena = *state;
    char source[] = "a\0b";
    struct slice copy = arena_copy(arena, (struct slice){source, 3});
    source[0] = 'x';
    assert_int_equal(copy.size, 3);
    assert_memory_equal(copy.data, "a\0b", 3);
    assert_int_equal(arena_copy(arena, (struct slice){0}).size, 0);

    struct slice text = arena_printf(arena, "%s-%d", "page", 12);
    assert_int_equal(text.size, 7);
    assert_string_equal(text.data, "page-12");
}

#define WITH_ARENA(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_ARENA(test_blocks_are_aligned_and_apart),
        WITH_ARENA(test_calloc_clears_memory_that_was_used_before),
        WITH_ARENA(test_large_blocks_fit_and_small_ones_go_on),
        WITH_ARENA(test_odd_sizes_stay_within_their_blocks),
        WITH_ARENA(test_total_size_counts_since_the_last_reset),
        WITH_ARENA(test_memory_is_kept_over_a_reset),
        WITH_ARENA(test_copy_and_printf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
