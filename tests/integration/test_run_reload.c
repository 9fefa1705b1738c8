/*
 * Rules that change while events come in: each partition's signals are those of the plain
 * computation that switches its rules at the offsets that the journal names.
 *
 * ctest-labels: engine
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/pipeline.h"

#define LIFECYCLE   STAGECOACH_SOURCE_DIR "/config/machines/lifecycle.yaml"
#define PARTITIONS  4
#define STRETCH     (2000 / PIPELINE_SHARE) /* events under one set of rules, at least */
#define PORTION     (200 / PIPELINE_SHARE)
#define PORTIONS_MS 50 /* from one to the next: 4,000 events a second */

/* ---- the rules ---- */

static const char visits[] = "machine: visit\n"
                             "context:\n"
                             "  views: { type: int }\n"
                             "  last: { type: string }\n"
                             "data: { views: context.views, last: context.last }\n"
                             "observe:\n"
                             "  product_viewed:\n"
                             "    assign:\n"
                             "      views: context.views + 1\n"
                             "      last: get(event.properties.product_id, 'none')\n"
                             "initial: away\n"
                             "states:\n"
                             "  away:\n"
                             "    on: { product_viewed: { target: looking, emit: visit.begun } }\n"
                             "  looking:\n"
                             "    idle: { 10m: { target: away, emit: visit.ended } }\n"
                             "    on: { product_added: { target: keen, emit: visit.keen } }\n"
                             "  keen:\n"
                             "    on: { order_completed: { target: away, emit: visit.ordered } }\n";

/* `keen` and `last` are gone, `ready` and `products` are new, `away` stands at another place. */
#define OTHER_VISITS(LOOKING, READY)                                                               \
    "machine: visit\n"                                                                             \
    "context:\n"                                                                                   \
    "  products: { type: set, max: 8 }\n"                                                          \
    "  views: { type: int }\n"                                                                     \
    "data: { views: context.views, products: context.products }\n"                                 \
    "observe:\n"                                                                                   \
    "  product_viewed: { assign: { views: context.views + 1 } }\n"                                 \
    "  product_added: { add: { products: product_ids(event) } }\n"                                 \
    "initial: away\n"                                                                              \
    "states:\n"                                                                                    \
    "  ready:\n"                                                                                   \
    "    after: { " READY ": { target: away, emit: visit.cooled } }\n"                             \
    "  away:\n"                                                                                    \
    "    on: { product_viewed: { target: looking, emit: visit.begun } }\n"                         \
    "  looking:\n"                                                                                 \
    "    idle: { " LOOKING ": { target: away, emit: visit.ended } }\n"                             \
    "    on: { product_added: { target: ready, emit: visit.ready } }\n"

static const char shorter_visits[] = OTHER_VISITS("4m", "30m");
static const char longer_visits[] = OTHER_VISITS("15m", "5m");

/* A state that is not there: what is wrong stands in line 6, from column 52 on. */
static const char wrong_visits[] = "machine: visit\n"
                                   "initial: away\n"
                                   "states:\n"
                                   "  away:\n"
                                   "    on:\n"
                                   "      product_viewed: { emit: visit.begun, target: nowhere }\n";
#define WRONG_PLACE "visit.yaml:6:52: "

/* A new machine, that also reads what the configuration says; before, with a slip. */
static const char wrong_orders[] = "machine: orders\n"
                                   "initial: none\n"
                                   "states: { some: {} }\n";
static const char orders[] =
    "machine: orders\n"
    "context: { count: { type: int } }\n"
    "data: { count: context.count, greeting: constants.greeting }\n"
    "initial: none\n"
    "states:\n"
    "  none:\n"
    "    exit: { assign: { count: context.count + 1 } }\n"
    "    on: { order_completed: { target: some, emit: orders.begun } }\n"
    "  some:\n"
    "    idle: { 1h: { target: none, emit: orders.over } }\n"
    "    on: { order_completed: { actions: { assign: { count: context.count + 1 } } } }\n";

/* ---- load ---- */

/* A shop whose events come at a rate, as long as the test looks on. */
struct load {
    struct pipeline pipeline;
    struct shop *shop;
    int64_t time_ms; /* of the latest event */
    int64_t next_ms;
};

/* Under `visits`; nothing runs yet. */
static void open_load(struct load *load, uint64_t seed, const char *more)
{
    char machines[900];
    struct shop_options shop = {.seed = seed,
                                .customers = 3000,
                                .events_per_second = 0.5,
                                .late_share = 0.02,
                                .late_ms_max = 60000,
                                .duplicate_share = 0.01};
    struct pipeline_options options = {
        .partitions = PARTITIONS, .machines = machines, .more = more};

    snprintf(machines, sizeof machines, "%s, " LIFECYCLE, pipeline_write("visit.yaml", visits));
    *load = (struct load){.shop = shop_new(&shop), .time_ms = SHOP_START_MS};
    pipeline_open(&load->pipeline, &options);
    pipeline_configure(&load->pipeline, 0);
}

static void close_load(struct load *load)
{
    pipeline_close(&load->pipeline);
    shop_free(load->shop);
}

static int partition_of(const struct shop_event *event)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < event->customer.size; i++)
        sum = sum * 31 + (unsigned char)event->customer.data[i];
    return (int)(sum % PARTITIONS);
}

static void feed(struct load *load)
{
    struct shop_event event;
    if (process_now_ms() < load->next_ms) {
        process_nap_ms(2);
        return;
    }
    load->next_ms = process_now_ms() + PORTIONS_MS;
    for (int i = 0; i < PORTION; i++) {
        shop_next(load->shop, &event);
        pipeline_add(&load->pipeline, partition_of(&event), event.time_ms, event.customer,
                     event.message);
        load->time_ms = event.sent_ms;
    }
    pipeline_send(&load->pipeline, SIZE_MAX);
}

/* Events go on coming until it is so. */
#define feed_until(load, condition)                                                                \
    do {                                                                                           \
        int64_t feed_until_end_ = process_now_ms() + PIPELINE_TIMEOUT_MS;                          \
        while (!(condition)) {                                                                     \
            if (process_now_ms() > feed_until_end_)                                                \
                pipeline_fail(&(load)->pipeline, __FILE__, __LINE__, "waited too long for: %s",    \
                              #condition);                                                         \
            feed(load);                                                                            \
        }                                                                                          \
    } while (0)

static void feed_stretch(struct load *load)
{
    size_t until = load->pipeline.sent + STRETCH;
    feed_until(load, load->pipeline.sent >= until);
}

/* Under the rules that the files hold, noted; their id. */
static uint64_t start_load(struct load *load)
{
    uint64_t rules = pipeline_note_rules(&load->pipeline);
    pipeline_start(&load->pipeline, 0);
    feed_until(load, pipeline_log_count(&load->pipeline, 0, "partition.recovered") >= PARTITIONS);
    feed_stretch(load);
    return rules;
}

/* How many partitions have ever changed to these rules, by its log. */
static int count_changed(struct load *load, uint64_t rules)
{
    char *log = process_read_log(load->pipeline.processes[0]), to[32];
    bool changed[PARTITIONS] = {false};
    int count = 0;

    snprintf(to, sizeof to, " to=%016llx", (unsigned long long)rules);
    for (char *rest = log, *line; (line = strsep(&rest, "\n"));) {
        const char *partition = strstr(line, " partition=");
        if (!strstr(line, "partition.rules_changed") || !strstr(line, to) || !partition)
            continue;
        long number = strtol(partition + strlen(" partition="), NULL, 10);
        assert_in_range(number, 0, PARTITIONS - 1);
        count += !changed[number];
        changed[number] = true;
    }
    free(log);
    return count;
}

static void await_change(struct load *load, uint64_t rules)
{
    feed_until(load, count_changed(load, rules) == PARTITIONS);
}

static void hang_up(struct load *load)
{
    process_signal(load->pipeline.processes[0], SIGHUP);
}

static void end_load(struct load *load)
{
    pipeline_add_closers(&load->pipeline, load->time_ms + 100 * PIPELINE_DAY_MS);
    pipeline_send(&load->pipeline, SIZE_MAX);
    pipeline_await_end(&load->pipeline);
}

/* With the slip; the new machine comes first, so that those before it are the second and third from now on. */
static void add_orders(struct pipeline *pipeline)
{
    const char *folder = process_scratch();
    pipeline_write("orders.yaml", wrong_orders);
    snprintf(pipeline->machines, sizeof pipeline->machines,
             "%s/orders.yaml, %s/visit.yaml, " LIFECYCLE, folder, folder);
}

/* Each partition has been under the noted rules `wanted`, in this order, and changed under load. */
static void check_changes(struct load *load, const size_t *wanted, size_t count)
{
    for (int p = 0; p < PARTITIONS; p++) {
        const struct pipeline_changes *changes = &load->pipeline.changes[p];
        int64_t before = 0, end = cluster_end(load->pipeline.kafka, load->pipeline.events, p);
        assert_int_equal(changes->count, count);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(changes->items[i].rules, wanted[i]);
            assert_true(i == 0 || changes->items[i].offset > before);
            before = changes->items[i].offset;
        }
        assert_true(end > before + 1); /* the closer is not all that came */
    }
}

/* ---- tests ---- */

/*
 * Said here, not computed: one who stood in `keen` when that went stands in the initial state, and
 * looks again; the views are counted on, what is new is empty.
 */
#define PROBE "probe"

static void check_probe(struct load *load, int64_t first_ms, int64_t second_ms)
{
    char text[512];
    snprintf(text, sizeof text,
             "\"type\":\"visit.begun\",\"customer\":\"" PROBE "\",\"time\":%lld,"
             "\"machine\":\"visit\",\"from\":\"away\",\"to\":\"looking\","
             "\"cause\":\"product_viewed\",\"data\":{\"views\":1,\"last\":\"none\"}",
             (long long)first_ms);
    assert_int_equal(pipeline_count_found(&load->pipeline, text), 1);
    snprintf(text, sizeof text,
             "\"type\":\"visit.begun\",\"customer\":\"" PROBE "\",\"time\":%lld,"
             "\"machine\":\"visit\",\"from\":\"away\",\"to\":\"looking\","
             "\"cause\":\"product_viewed\",\"data\":{\"views\":2,\"products\":[]}",
             (long long)second_ms);
    assert_int_equal(pipeline_count_found(&load->pipeline, text), 1);
}

static size_t count_refused(struct load *load)
{
    return pipeline_log_count(&load->pipeline, 0, "reload.refused");
}

/* Refused, and the events go on. */
static void reload_wrong_visits(struct load *load)
{
    pipeline_write("visit.yaml", wrong_visits);
    hang_up(load);
    feed_until(load, count_refused(load) >= 1);
    assert_true(pipeline_log_count(&load->pipeline, 0, WRONG_PLACE) >= 1);
    feed_stretch(load);
    pipeline_await_end(&load->pipeline);
}

/* Without a signal: first the configuration names a machine with a slip, then that is mended. */
static void watch_orders_come(struct load *load)
{
    struct pipeline *pipeline = &load->pipeline;
    size_t refused = count_refused(load);

    add_orders(pipeline);
    pipeline->more = "workers: 2\nwatch: true\nwatermark: { idle: 1d, lateness: 40s }\n"
                     "constants: { greeting: sawasdee }\n";
    pipeline_configure(pipeline, 0);
    feed_until(load, count_refused(load) > refused);
    pipeline_write("orders.yaml", orders);
    await_change(load, pipeline_note_rules(pipeline));
    feed_stretch(load);
}

/*
 * SIGHUP puts a changed machine in force. One with a mistake is refused with its place, and what was
 * in force goes on. `watch` sees by itself when that is put right; and when the configuration brings
 * a new machine, another lateness and a constant.
 */
static void
test_rules_reloaded_under_load_are_in_force_from_the_offsets_in_the_journal(void **state)
{
    static const size_t in_order[] = {0, 1, 2, 3};
    struct load load;

    (void)state;
    open_load(&load, 11, "workers: 2\nwatch: true\n");
    struct pipeline *pipeline = &load.pipeline;
    int64_t first_ms = load.time_ms;
    pipeline_add_event(pipeline, PROBE, "Product Viewed", first_ms);
    pipeline_add_event(pipeline, PROBE, "Product Added", first_ms + 1000);
    start_load(&load);

    pipeline_write("visit.yaml", shorter_visits);
    uint64_t shorter = pipeline_note_rules(pipeline);
    hang_up(&load);
    await_change(&load, shorter);
    assert_true(pipeline_log_count(pipeline, 0, " state_gone=") >
                pipeline_log_count(pipeline, 0, " state_gone=0"));
    int64_t second_ms = load.time_ms;
    pipeline_add_event(pipeline, PROBE, "Product Viewed", second_ms);
    feed_stretch(&load);

    reload_wrong_visits(&load);

    pipeline_write("visit.yaml", longer_visits);
    await_change(&load, pipeline_note_rules(pipeline)); /* without a signal */
    feed_stretch(&load);

    watch_orders_come(&load);

    end_load(&load);
    pipeline_stop(pipeline, 0);
    pipeline_check_stopped(pipeline);
    print_message("%zu events, %zu signals\n", pipeline->sent, pipeline_check_signals(pipeline));
    check_changes(&load, in_order, 4);
    check_probe(&load, first_ms, second_ms);
    assert_true(pipeline_count_found(pipeline, "\"visit.keen\"") > 0);
    assert_true(pipeline_count_found(pipeline, "\"visit.ready\"") > 0);
    assert_true(pipeline_count_found(pipeline, "\"greeting\":\"sawasdee\"") > 0);
    close_load(&load);
}

/* Killed as soon as a partition has changed to rules that none had before; Redis forgets it all. */
static void kill_and_wipe(struct load *load, uint64_t rules)
{
    hang_up(load);
    feed_until(load, count_changed(load, rules) > 0);
    pipeline_kill(&load->pipeline, 0);
    free(cluster_redis_command(load->pipeline.redis, "FLUSHALL"));
    pipeline_start(&load->pipeline, 0);
}

/*
 * Killed just after a change of rules, and again after the change back, with Redis wiped each time:
 * each stretch is computed anew with the rules that were in force, whatever the files say by then,
 * and nothing is signalled twice. A last wipe in peace gives every record again as it was.
 */
static void
test_killed_after_a_change_and_wiped_each_stretch_is_replayed_with_its_rules(void **state)
{
    static const size_t in_order[] = {0, 1, 0};
    struct load load;

    (void)state;
    open_load(&load, 12, "workers: 2\n");
    struct pipeline *pipeline = &load.pipeline;
    uint64_t first = start_load(&load);

    pipeline_write("visit.yaml", shorter_visits);
    uint64_t shorter = pipeline_note_rules(pipeline);
    kill_and_wipe(&load, shorter);
    feed_until(&load, pipeline_log_count(pipeline, 0, "partition.live") >= PARTITIONS);
    await_change(&load, shorter);
    feed_stretch(&load);

    pipeline_write("visit.yaml", visits);
    kill_and_wipe(&load, first);
    await_change(&load, first);
    feed_stretch(&load);
    end_load(&load);
    print_message("%zu events, %zu signals\n", pipeline->sent, pipeline_check_signals(pipeline));
    check_changes(&load, in_order, 3);

    pipeline_await_checkpoints(pipeline);
    struct pipeline_state *left = pipeline_state(pipeline);
    pipeline_stop(pipeline, 0);
    free(cluster_redis_command(pipeline->redis, "FLUSHALL"));
    pipeline_start(pipeline, 0);
    pipeline_await_checkpoints(pipeline);
    pipeline_check_state(pipeline, left);
    pipeline_stop(pipeline, 0);
    pipeline_check_signals(pipeline);
    close_load(&load);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_rules_reloaded_under_load_are_in_force_from_the_offsets_in_the_journal),
        cmocka_unit_test(
            test_killed_after_a_change_and_wiped_each_stretch_is_replayed_with_its_rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
