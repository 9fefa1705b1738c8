/*
 * Sweeps that are broken off: what may be taken up again where the watermark stands, and what may not; and sweeps that take a
 * customer from memory whose event is next. The machine is a chain of timers, one a minute.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/decode.h"
#include "core/hash.h"
#include "core/pack.h"
#include "engine/partition.h"
#include "rules/failures.h"

#define BEGIN_MS  INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */
#define MINUTE_MS INT64_C(60000)

/* A partition of one customer in memory, and another one who is not. */
struct world {
    struct rules *rules;
    struct schema *schema;
    struct decoder *decoder;
    struct arena message, scratch;
    struct signal_list signals;
    struct rules_counters counters;
    struct failures failures;
    struct partition_host host;
    struct partition_setting setting;
    struct partition partition;

    int64_t loads[4]; /* how far each load reaches, in minutes; 0: it fails */
    size_t load_count;
    int64_t cut_at; /* the minute at which an epoch ends, 0: none */
    size_t fired, parted, between;

    bool leaves;           /* the customer leaves memory with the next load of those due */
    struct customer *away; /* has left */
    bool redis_is_away;
};

static enum err count_signal(void *self, struct partition *partition, const struct signal *signal,
                             const struct partition_cause *cause)
{
    struct world *world = self;
    (void)partition, (void)signal, (void)cause;
    world->fired++;
    return ERR_NONE;
}

static void leave_memory(struct world *world)
{
    struct partition *partition = &world->partition;
    struct slice key = SLICE("ringer");
    world->leaves = false;
    world->away = table_find(partition->table, key, hash_bytes(key));
    assert_non_null(world->away);
    timers_remove(&partition->timers, world->away);
    table_remove(partition->table, world->away);
    partition->has_evicted = true;
}

static enum err load_due(void *self, struct partition *partition, int64_t until_ms,
                         struct errinfo *info)
{
    struct world *world = self;
    assert_true(world->load_count < sizeof world->loads / sizeof *world->loads);
    int64_t minutes = world->loads[world->load_count++];
    if (minutes == 0)
        return err_set(info, ERR_RETRY, "Redis is away");
    int64_t reached_ms = BEGIN_MS + minutes * MINUTE_MS;
    partition->cold_until_ms = reached_ms < until_ms ? reached_ms : until_ms;
    if (world->leaves)
        leave_memory(world);
    return ERR_NONE;
}

static enum err load_customer(void *self, struct partition *partition, struct slice key,
                              struct errinfo *info)
{
    struct world *world = self;
    assert_true(slice_is(key, "ringer"));
    if (world->redis_is_away)
        return err_set(info, ERR_RETRY, "Redis is away");
    assert_non_null(world->away);
    partition_add_loaded(partition, world->away, world->away->deadline_ms);
    world->away = NULL;
    return ERR_NONE;
}

static enum err between_seconds(void *self, struct partition *partition, struct errinfo *info)
{
    struct world *world = self;
    world->between++;
    if (partition->watermark_ms != BEGIN_MS + world->cut_at * MINUTE_MS)
        return ERR_NONE;
    return partition_part_sweep(partition, info);
}

static enum err parted(void *self, struct partition *partition, struct errinfo *info)
{
    struct world *world = self;
    (void)info;
    assert_false(partition_counts_timers(partition));
    world->parted++;
    return ERR_NONE;
}

static void load_rules(struct world *world)
{
    static const char *const files[] = {STAGECOACH_SOURCE_DIR "/tests/sim/chain.yaml"};
    struct rules_options options = {.files = files, .file_count = 1};
    struct diag diag;
    diag_init(&diag);
    world->rules = rules_load(&options, &diag);
    world->schema = schema_load(STAGECOACH_SOURCE_DIR "/config/schemas/segment.yaml", &diag);
    diag_print(&diag, stderr);
    assert_non_null(world->rules);
    assert_non_null(world->schema);
    diag_fini(&diag);
    world->decoder = decoder_new(world->schema, rules_wants(world->rules));
}

static enum err apply_page(struct world *world, int64_t time_ms, const char *id)
{
    char text[128];
    char *end = pack_map(text, 4);
    end = pack_text(end, SLICE("messageId"));
    end = pack_text(end, slice_of(id));
    end = pack_text(end, SLICE("userId"));
    end = pack_text(end, SLICE("ringer"));
    end = pack_text(end, SLICE("event"));
    end = pack_text(end, SLICE("Page Viewed"));
    end = pack_text(end, SLICE("timestamp"));
    end = pack_uint(end, (uint64_t)time_ms);
    struct source_message message = {.time_ms = 2 * time_ms - BEGIN_MS, /* later and later */
                                     .value = {text, (size_t)(end - text)}};
    struct decoded decoded;
    struct errinfo info;
    uint32_t rank = 0;
    decode_message(world->decoder, message.value, message.time_ms, &world->message, &decoded);
    assert_int_equal(decoded.count, 1);
    return partition_apply(&world->partition, &decoded.events[0],
                           hash_bytes(decoded.events[0].customer), &message, &rank, &info);
}

static void open_world(struct world *world)
{
    *world = (struct world){0};
    load_rules(world);
    world->host = (struct partition_host){.self = world,
                                          .signal = count_signal,
                                          .load_due = load_due,
                                          .load_customer = load_customer,
                                          .between_seconds = between_seconds,
                                          .parted = parted};
    world->setting = (struct partition_setting){.host = &world->host,
                                                .rules = world->rules,
                                                .schema = world->schema,
                                                .future_ms = INT64_MAX,
                                                .forget_after_ms = INT64_MAX,
                                                .scratch = &world->scratch,
                                                .signals = &world->signals,
                                                .rules_counters = &world->counters};
    failures_init(&world->failures, world->rules);
    world->counters.failures = &world->failures;
    arena_init(&world->message);
    arena_init(&world->scratch);
    signal_list_init(&world->signals);
    partition_init(&world->partition, (struct topic_partition){"events", 0}, &world->setting);
    assert_int_equal(apply_page(world, BEGIN_MS, "first"), ERR_NONE);
    world->partition.customers++;
    world->partition.cold_until_ms = BEGIN_MS;
}

static void close_world(struct world *world)
{
    partition_fini(&world->partition);
    failures_fini(&world->failures);
    decoder_free(world->decoder);
    signal_list_fini(&world->signals);
    arena_fini(&world->scratch);
    arena_fini(&world->message);
    rules_free(world->rules);
    schema_free(world->schema);
}

/* How a sweep to that minute ends, with loads that reach so far. */
static enum err sweep(struct world *world, int64_t minutes, const int64_t loads[4])
{
    struct errinfo info = {""};
    memcpy(world->loads, loads, sizeof world->loads);
    world->load_count = world->fired = world->parted = world->between = 0;
    return partition_sweep(&world->partition, BEGIN_MS + minutes * MINUTE_MS, &info);
}

static int64_t watermark_minutes(const struct world *world)
{
    return (world->partition.watermark_ms - BEGIN_MS) / MINUTE_MS;
}

static void test_a_failure_at_the_beginning_is_taken_up_again(void **state)
{
    struct world world;
    (void)state;
    open_world(&world);
    assert_int_equal(sweep(&world, 60, (int64_t[4]){0}), ERR_RETRY);
    assert_int_equal(world.fired, 0);
    assert_int_equal(world.parted, 0);
    assert_int_equal(sweep(&world, 60, (int64_t[4]){60}), ERR_NONE);
    assert_int_equal(world.fired, 59); /* the one at minute 60 is due when that second is over */
    close_world(&world);
}

/* The next sweep counts timers anew, and a replay has to do so at the same place. */
static void test_a_failure_in_the_midst_parts_the_sweep(void **state)
{
    struct world world;
    (void)state;
    open_world(&world);
    assert_int_equal(sweep(&world, 60, (int64_t[4]){10, 0}), ERR_RETRY);
    assert_int_equal(world.fired, 9);
    assert_int_equal(watermark_minutes(&world), 10);
    assert_int_equal(world.parted, 1);
    assert_int_equal(sweep(&world, 60, (int64_t[4]){60}), ERR_NONE);
    assert_int_equal(world.fired, 50);
    close_world(&world);
}

/* They lie before the watermark: where a commit would stand among them it could not say. */
static void test_no_epoch_ends_among_what_was_left_over(void **state)
{
    struct world world;
    (void)state;
    open_world(&world);
    assert_int_equal(sweep(&world, 1500, (int64_t[4]){1500}), ERR_NONE);
    assert_int_equal(world.fired, 1000);
    assert_true(world.between > 900);
    assert_int_equal(sweep(&world, 1503, (int64_t[4]){1503}), ERR_NONE);
    assert_int_equal(world.fired, 502);
    assert_int_equal(world.between, 2); /* behind the watermark: minutes 1501 and 1502 */
    close_world(&world);
}

static void test_a_failure_among_what_was_left_over_is_a_doubt(void **state)
{
    struct world world;
    (void)state;
    open_world(&world);
    assert_int_equal(sweep(&world, 1500, (int64_t[4]){1500}), ERR_NONE);
    world.partition.cold_until_ms = BEGIN_MS; /* as after a start */
    assert_int_equal(sweep(&world, 1501, (int64_t[4]){1200, 0}), ERR_FENCED);
    assert_int_equal(world.fired, 199);
    assert_int_equal(world.parted, 0);
    close_world(&world);
}

/* Who leaves memory can take the next page of those due back to before the place where an epoch has ended. */
static void test_a_failure_among_what_a_part_has_left_over_is_a_doubt(void **state)
{
    struct world world;
    (void)state;
    open_world(&world);
    assert_int_equal(sweep(&world, 1500, (int64_t[4]){1500}), ERR_NONE);
    world.partition.cold_until_ms = BEGIN_MS + 1500 * MINUTE_MS;
    world.cut_at = 2600;
    assert_int_equal(sweep(&world, 4000, (int64_t[4]){2600, 2300, 0}), ERR_FENCED);
    assert_int_equal(watermark_minutes(&world), 2600);
    assert_int_equal(world.fired, 1000 + 299);
    assert_int_equal(world.parted, 1);
    close_world(&world);
}

/* Else the event would begin the customer anew; and to begin the message anew would come to the same again. */
static void test_who_leaves_memory_in_the_events_own_sweep_is_fetched(void **state)
{
    struct world world;
    (void)state;
    open_world(&world);
    world.leaves = true;
    world.loads[0] = 1;
    world.redis_is_away = true;
    assert_int_equal(apply_page(&world, BEGIN_MS + MINUTE_MS / 2, "second"), ERR_RETRY);
    world.redis_is_away = false;
    assert_int_equal(apply_page(&world, BEGIN_MS + MINUTE_MS / 2, "second"), ERR_NONE);
    assert_int_equal(world.partition.skew_ms, MINUTE_MS / 2); /* of who holds the watermark */
    assert_int_equal(world.load_count, 1);
    assert_null(world.away);
    assert_int_equal(world.partition.customers, 2);
    assert_int_equal(table_count(world.partition.table), 1);
    assert_int_equal(sweep(&world, 2, (int64_t[4]){2}), ERR_NONE);
    assert_int_equal(world.fired, 1); /* a minute after the first page */
    close_world(&world);
}

static void test_who_left_memory_before_is_known_by_its_ids(void **state)
{
    struct world world;
    (void)state;
    open_world(&world);
    leave_memory(&world);
    world.redis_is_away = true;
    assert_int_equal(apply_page(&world, BEGIN_MS, "first"), ERR_RETRY);
    world.redis_is_away = false;
    assert_int_equal(apply_page(&world, BEGIN_MS, "first"), ERR_NONE);
    assert_int_equal(world.partition.counters.duplicates, 1);
    assert_int_equal(world.partition.counters.events, 1);
    close_world(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_failure_at_the_beginning_is_taken_up_again),
        cmocka_unit_test(test_a_failure_in_the_midst_parts_the_sweep),
        cmocka_unit_test(test_no_epoch_ends_among_what_was_left_over),
        cmocka_unit_test(test_a_failure_among_what_was_left_over_is_a_doubt),
        cmocka_unit_test(test_a_failure_among_what_a_part_has_left_over_is_a_doubt),
        cmocka_unit_test(test_who_leaves_memory_in_the_events_own_sweep_is_fetched),
        cmocka_unit_test(test_who_left_memory_before_is_known_by_its_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
