/*
 * The real worker on memory backends of all four seams: its signals are those of the plain
 * computation, whatever happens to it.
 *
 * Single-threaded and seeded: a failure names its seed, and STAGECOACH_SIM_SEED=N repeats it;
 * STAGECOACH_SIM_RUNS=N runs more.
 *
 * ctest-labels: engine
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "bench/shop.h"
#include "config/config.h"
#include "consumer/source_memory.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/number.h"
#include "core/pack.h"
#include "engine/backtest.h"
#include "engine/journal.h"
#include "engine/metadata.h"
#include "engine/worker.h"
#include "producer/sink_memory.h"
#include "state/store_memory.h"

#define PARTITIONS   3
#define EVENTS       12000
#define FAR_AHEAD_MS (INT64_C(500) * 86400000)

static const char three_machines[] = STAGECOACH_SOURCE_DIR
    "/config/machines/cart.yaml, " STAGECOACH_SOURCE_DIR
    "/config/machines/browse.yaml, " STAGECOACH_SOURCE_DIR "/config/machines/lifecycle.yaml";

static const char segment[] = STAGECOACH_SOURCE_DIR "/config/schemas/segment.yaml";
static const char several[] = STAGECOACH_SOURCE_DIR "/tests/sim/several.yaml";

static const char config_text[] =
    "kafka: { topics: [shop.events], group: sim }\n"
    "machines: [ %s ]\n"
    "signals: { topics: { '*': shop.signals }, dead_letters: shop.dead-letters }\n"
    "events: { schema: %s }\n"
    "commit_interval: 50ms\n"
    "checkpoint_interval: 200ms\n"
    "watermark: { lateness: 5s, idle: 30s }\n"
    "memory: { customers: %d }\n";

struct world {
    struct config *config;
    struct schema *schema;
    struct rules *rules;
    struct ruleset *ruleset; /* owns rules and schema */
    struct ruleset *other;   /* what the rules change to */
    const struct ruleset *wanted;
    unsigned changes; /* of rules, found in the journals */
    struct worker_setting setting;
    struct source_log *log;
    struct store_bank *bank;
    int64_t now_ms;
    uint64_t random;
    uint64_t seed; /* of owner tokens */
    int fail_commits;
    unsigned moves;                 /* of the wall clock, found in the journals */
    char metadata[PARTITIONS][513]; /* of the last commits */
    int64_t first_commits[PARTITIONS];
    unsigned commits[PARTITIONS], settles;
    unsigned oversize_events, oversize_timers; /* dead letters of signals */
    bool threaded;      /* the publisher has its thread, and time is the machine's */
    uint32_t batch_max; /* messages of one poll */
    size_t changes_max; /* 0: as many as there are */
};

/*
 * What the rules change to: other times, and a machine with a state less and one more; then back
 * again.
 */
static const char *const changes[][2] = {
    {"idle: { 30m: { target: abandoned, emit: cart.abandoned } }",
     "idle: { 10m: { target: abandoned, emit: cart.abandoned } }"},
    {"7d:", "1h: { emit: cart.nudged }, 7d:"}, /* another timer before it */
    {"value: total(context.items)", "value: event.properties.nowhere"}, /* fails at every signal */
};

static const struct topic_partition all_partitions[PARTITIONS] = {
    {"shop.events", 0}, {"shop.events", 1}, {"shop.events", 2}};

/* splitmix64 */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static uint32_t pick(struct world *world, uint32_t below)
{
    return (uint32_t)(next_random(&world->random) % below);
}

/* ---- the world ---- */

/* "ID VALUE"; the id begins with TOPIC/PARTITION/. */
static struct slice line_of(struct slice id, struct slice value, struct buf *line)
{
    buf_reset(line);
    buf_add_slice(line, id);
    buf_add_slice(line, SLICE(" "));
    buf_add_slice(line, value);
    return buf_slice(line);
}

static int64_t number_in(const struct sink_record *record, const char *name)
{
    struct number number;
    assert_true(number_parse(sink_header_find(record, name), &number));
    return number.i;
}

/* Of an event's signal it holds the event; a timer has none, so it holds the signal itself. */
static void check_oversize(struct world *world, const struct sink_record *letter)
{
    struct source_message source;
    assert_true(sink_header_find(letter, "error_detail").size > 60); /* with the id */
    if (number_in(letter, "source_time") == -1) {
        assert_non_null(memmem(letter->value.data, letter->value.size, "\"cause\":\"timer\"", 15));
        assert_true((int64_t)letter->value.size > world->config->max_bytes);
        world->oversize_timers++;
        return;
    }
    assert_true(source_log_get(world->log, all_partitions[number_in(letter, "source_partition")],
                               number_in(letter, "source_offset"), &source));
    assert_true(slice_equal(source.key, letter->key));
    assert_true(slice_equal(source.value, letter->value));
    world->oversize_events++;
}

/* A signal has its id before it. */
static void take_record(void *self, const struct sink_record *record)
{
    struct world *world = self;
    struct topic_partition to = {record->topic, record->partition < 0 ? 0 : record->partition};
    struct slice id = sink_header_find(record, "ce_id"), value = record->value;
    struct buf line;
    buf_init(&line);
    if (id.size > 0)
        value = line_of(id, value, &line);
    if (slice_is(sink_header_find(record, "error"), "oversize_signal"))
        check_oversize(world, record);
    source_log_append(world->log, to, 0, record->key, value);
    buf_fini(&line);
}

static void take_offset(void *self, const struct sink_offset *offset)
{
    struct world *world = self;
    source_log_commit(world->log, offset->of, offset->offset, offset->metadata);
    if (world->commits[offset->of.partition]++ == 0)
        world->first_commits[offset->of.partition] = offset->offset;
    snprintf(world->metadata[offset->of.partition], sizeof world->metadata[0], "%s",
             offset->metadata);
}

static bool is_member(void *self, struct slice membership)
{
    struct world *world = self;
    return source_log_is_member(world->log, membership);
}

static enum err may_commit(void *self, struct errinfo *info)
{
    struct world *world = self;
    if (world->fail_commits == 0)
        return ERR_NONE;
    world->fail_commits--;
    return err_set(info, ERR_FENCED, "the test wants it so");
}

static void count_settle(void *self)
{
    struct world *world = self;
    world->settles++;
}

static struct source *open_source(void *self, const struct source_listener *listener,
                                  struct errinfo *info)
{
    struct world *world = self;
    (void)info;
    struct source *source = source_memory_open(world->log, all_partitions, PARTITIONS, listener);
    source_memory_set_batch(source, 1 + pick(world, world->batch_max));
    return source;
}

static struct worker *new_worker(struct world *world)
{
    struct sink_memory_receiver receiver = {world,     take_record, take_offset,
                                            is_member, may_commit,  count_settle};
    struct errinfo info;
    struct worker_seams seams = {
        .self = world,
        .open_source = open_source,
        .sink = sink_memory_open(&receiver),
        .load_store = store_memory_open(world->bank),
        .save_store = store_memory_open(world->bank),
        .clock = world->threaded ? clock_system() : clock_fixed(&world->now_ms),
        .seed = ++world->seed * 1000003,
        .single_threaded = !world->threaded,
        .changes_max = world->changes_max,
    };
    struct worker *worker = worker_new(&world->setting, &seams, 0, &info);
    assert_non_null(worker);
    worker_follow(worker, world->wanted); /* as a new process would find them configured */
    return worker;
}

static void load_project(struct world *world, const char *machines, const char *schema,
                         int customers)
{
    char text[2048];
    struct diag diag;
    diag_init(&diag);
    snprintf(text, sizeof text, config_text, machines, schema, customers);
    world->config = config_parse("sim.yaml", slice_of(text), &diag);
    diag_print(&diag, stderr);
    assert_non_null(world->config);
    world->schema = schema_load(world->config->schema_path, &diag);
    struct rules_options options = {.files = world->config->machines.items,
                                    .file_count = world->config->machines.count,
                                    .forget_after_ms = world->config->forget_after_ms};
    world->rules = rules_load(&options, &diag);
    diag_print(&diag, stderr);
    assert_non_null(world->rules);
    diag_fini(&diag);
}

/* The same texts with the changes in them, as a user would edit the files; one machine less. */
static struct ruleset *changed_rules(const struct ruleset *from)
{
    struct slice texts[16];
    char *edited[16] = {0};
    struct diag diag;
    size_t count = from->text_count - 1; /* without lifecycle */

    diag_init(&diag);
    for (size_t i = 0; i < count; i++) {
        texts[i] = from->texts[i];
        for (size_t c = 0; c < sizeof changes / sizeof *changes; c++) {
            const char *at =
                memmem(texts[i].data, texts[i].size, changes[c][0], strlen(changes[c][0]));
            char *text = NULL;
            if (!at)
                continue;
            int size = asprintf(
                &text, "%.*s%s%.*s", (int)(at - texts[i].data), texts[i].data, changes[c][1],
                (int)(texts[i].data + texts[i].size - at) - (int)strlen(changes[c][0]),
                at + strlen(changes[c][0]));
            assert_true(size > 0);
            free(edited[i]);
            edited[i] = text;
            texts[i] = (struct slice){text, (size_t)size};
        }
    }
    assert_non_null(edited[2]); /* cart: else the files have changed, and this changes nothing */
    struct ruleset *other = ruleset_from_texts(texts, count, &diag);
    diag_print(&diag, stderr);
    diag_fini(&diag);
    assert_non_null(other);
    for (size_t i = 0; i < count; i++)
        free(edited[i]);
    return other;
}

static void world_init_of(struct world *world, const char *machines, const char *schema,
                          uint64_t seed, int customers)
{
    *world = (struct world){.random = seed, .now_ms = SHOP_START_MS, .batch_max = 400};
    load_project(world, machines, schema, customers);
    world->ruleset = ruleset_new(world->config, world->rules, world->schema);
    world->setting = (struct worker_setting){world->config, world->ruleset};
    world->wanted = world->ruleset;
    world->log = source_log_new();
    world->bank = store_bank_new();
    source_log_create(world->log, "shop.events", PARTITIONS);
    source_log_create(world->log, "sim.journal.shop.events", PARTITIONS);
    source_log_create(world->log, "shop.signals", 1);
    source_log_create(world->log, "shop.dead-letters", 1);
}

static void world_init_with(struct world *world, const char *machines, uint64_t seed, int customers)
{
    world_init_of(world, machines, segment, seed, customers);
}

static void world_init(struct world *world, uint64_t seed, int customers)
{
    world_init_with(world, three_machines, seed, customers);
    world->other = changed_rules(world->ruleset);
}

static void world_fini(struct world *world)
{
    source_log_free(world->log);
    store_bank_free(world->bank);
    ruleset_free(world->ruleset);
    ruleset_free(world->other);
    config_free(world->config);
}

/* `key` has at most 31 bytes. */
static void add_page(struct world *world, int32_t partition, const char *key, int64_t time_ms)
{
    char message[128];
    char *end = pack_map(message, 3);
    end = pack_text(end, SLICE("userId"));
    end = pack_text(end, slice_of(key));
    end = pack_text(end, SLICE("event"));
    end = pack_text(end, SLICE("Page Viewed"));
    end = pack_text(end, SLICE("timestamp"));
    end = pack_uint(end, (uint64_t)time_ms);
    source_log_append(world->log, all_partitions[partition], time_ms, slice_of(key),
                      (struct slice){message, (size_t)(end - message)});
}

/* A last event of each partition, far ahead, so that every timer of the run fires. */
static void close_partitions(struct world *world)
{
    for (int32_t p = 0; p < PARTITIONS; p++) {
        char key[32];
        snprintf(key, sizeof key, "closer-%d", (int)p);
        add_page(world, p, key, SHOP_START_MS + FAR_AHEAD_MS);
    }
}

static struct shop *new_shop(uint64_t seed)
{
    struct shop_options options = {.seed = seed,
                                   .customers = 900,
                                   .products = 200,
                                   .events_per_second = 0.5,
                                   .late_share = 0.02,
                                   .late_ms_max = 60000,
                                   .duplicate_share = 0.01};
    return shop_new(&options);
}

/* The next events of the shop; returns when the last was sent. */
static int64_t feed_from(struct world *world, struct shop *shop, size_t events)
{
    struct shop_event event = {0};
    for (size_t i = 0; i < events; i++) {
        shop_next(shop, &event);
        uint64_t hash = hash_bytes(event.customer);
        if (hash % 97 == 0)
            source_log_add_gap(world->log, all_partitions[hash % PARTITIONS], 1);
        struct slice value = i % 500 == 3
                                 ? (struct slice){event.message.data, event.message.size - 1}
                                 : event.message;
        source_log_append(world->log, all_partitions[hash % PARTITIONS], event.sent_ms,
                          event.customer, value);
    }
    return event.sent_ms;
}

static void feed(struct world *world, uint64_t seed, size_t events)
{
    struct shop *shop = new_shop(seed);
    feed_from(world, shop, events);
    shop_free(shop);
    close_partitions(world);
}

/* ---- what is right ---- */

struct lines {
    char **items;
    size_t count, capacity;
};

static void add_line(struct lines *lines, struct slice line)
{
    if (lines->count == lines->capacity) {
        lines->capacity = lines->capacity ? lines->capacity * 2 : 1024;
        lines->items = realloc(lines->items, lines->capacity * sizeof *lines->items);
        assert_non_null(lines->items);
    }
    /* Not strndup(): with strict_string_checks ASan wants a NUL behind what is copied. */
    char *copy = calloc(1, line.size + 1);
    assert_non_null(copy);
    memcpy(copy, line.data, line.size);
    lines->items[lines->count++] = copy;
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_lines(struct lines *lines)
{
    if (lines->count)
        qsort(lines->items, lines->count, sizeof *lines->items, compare_lines);
}

static void free_lines(struct lines *lines)
{
    for (size_t i = 0; i < lines->count; i++)
        free(lines->items[i]);
    free(lines->items);
}

struct expected {
    struct lines *lines;
    int32_t partition;
};

/* A backtest's partition is always 0. */
static void expect_signal(void *self, const struct signal *signal, struct slice id)
{
    const struct expected *expected = self;
    const char begin[] = "shop.events/0/";
    struct buf value, line, whole;
    buf_init(&value);
    buf_init(&line);
    buf_init(&whole);
    assert_true(id.size > strlen(begin) && memcmp(id.data, begin, strlen(begin)) == 0);
    buf_printf(&whole, "shop.events/%d/%.*s", (int)expected->partition,
               (int)(id.size - strlen(begin)), id.data + strlen(begin));
    signal_encode(signal, SIGNAL_JSON, (struct slice){0}, &value);
    add_line(expected->lines, line_of(buf_slice(&whole), buf_slice(&value), &line));
    buf_fini(&value);
    buf_fini(&line);
    buf_fini(&whole);
}

/* The next record at or before `offset` that the journal has; false where there is none. */
static bool next_record(struct world *world, int32_t partition, int64_t offset, int64_t *position,
                        struct journal_record *record)
{
    struct topic_partition journal = {"sim.journal.shop.events", partition};
    struct source_message message;
    for (; *position < source_log_end(world->log, journal); ++*position) {
        assert_true(source_log_get(world->log, journal, *position, &message));
        assert_true(journal_decode(message.value, record));
        if (record->kind != JOURNAL_WATERMARK && record->kind != JOURNAL_RULES)
            continue;
        if (record->offset > offset)
            return false;
        ++*position;
        return true;
    }
    return false;
}

/* What its journal says up to here. */
static void apply_journal(struct world *world, struct backtest *backtest, int32_t partition,
                          int64_t offset, int64_t *position, const struct rules **rules)
{
    struct journal_record record;
    while (next_record(world, partition, offset, position, &record)) {
        if (record.watermark_ms != INT64_MIN)
            backtest_move_watermark(backtest, record.watermark_ms);
        if (record.kind == JOURNAL_RULES) {
            bool is_other = world->other && record.ruleset == world->other->id;
            assert_true(is_other || record.ruleset == world->ruleset->id);
            backtest_change_rules(backtest, is_other ? world->other : world->ruleset);
            *rules = is_other ? world->other->rules : world->ruleset->rules;
        }
        world->moves += record.kind == JOURNAL_WATERMARK;
        world->changes += record.kind == JOURNAL_RULES;
    }
}

/* "PARTITION MACHINE/STATE NUMBER", and so for transitions; nothing of what is 0. */
static void add_stat(struct lines *lines, int32_t partition, struct slice field, int64_t value)
{
    char text[160];
    if (value == 0)
        return;
    int size = snprintf(text, sizeof text, "%d %.*s %lld", (int)partition, (int)field.size,
                        field.data, (long long)value);
    add_line(lines, (struct slice){text, (size_t)size});
}

static void add_stats(struct lines *lines, int32_t partition, const struct backtest *backtest,
                      const struct rules *rules)
{
    const struct layout *layout = rules_layout(rules);
    struct backtest_totals totals;
    backtest_totals(backtest, &totals);
    for (uint32_t m = 0; m < layout->machine_count; m++)
        for (uint32_t from = 0; from < layout->machines[m].state_count; from++) {
            add_stat(lines, partition, rules_stats_state_field(rules, m, from),
                     totals.stats->states[rules_stats_state(rules, m, from)]);
            for (uint32_t to = 0; to < layout->machines[m].state_count; to++)
                add_stat(lines, partition, rules_stats_transition_field(rules, m, from, to),
                         totals.stats->transitions[rules_stats_transition(rules, m, from, to)]);
        }
}

/*
 * Each partition through the plain computation, from its first event on, with what its journal
 * says: its signals, and its statistics at the end.
 */
static void compute_expected(struct world *world, struct lines *expected, struct lines *stats)
{
    for (int32_t p = 0; p < PARTITIONS; p++) {
        struct expected of_partition = {expected, p};
        struct backtest_options options = {world->rules,
                                           world->schema,
                                           world->config->lateness_ms,
                                           world->config->forget_after_ms,
                                           BACKTEST_NO_UNTIL,
                                           &of_partition,
                                           expect_signal};
        struct backtest *backtest = backtest_new(&options);
        backtest_begin_file(backtest, "shop.events");
        struct source_message message;
        struct decoded decoded;
        const struct rules *rules = world->rules;
        int64_t journal = 0;
        for (int64_t offset = 0; offset < source_log_end(world->log, all_partitions[p]); offset++) {
            apply_journal(world, backtest, p, offset, &journal, &rules);
            if (source_log_get(world->log, all_partitions[p], offset, &message))
                backtest_message(backtest, offset, message.value, &decoded);
        }
        apply_journal(world, backtest, p, INT64_MAX, &journal, &rules);
        add_stats(stats, p, backtest, rules);
        backtest_free(backtest);
    }
    sort_lines(expected);
    sort_lines(stats);
}

/* As Redis has them, behind the last checkpoint. */
static void collect_stats(struct world *world, struct lines *lines)
{
    struct store *store = store_memory_open(world->bank);
    struct store_position position;
    struct errinfo info;
    struct arena arena;
    struct number value;

    arena_init(&arena);
    for (int32_t p = 0; p < PARTITIONS; p++) {
        assert_int_equal(store_own(store, all_partitions[p], 1, &arena, &position, &info),
                         ERR_NONE);
        for (size_t i = 0; i < position.stat_count; i++) {
            assert_true(number_parse(position.stats[i].value, &value));
            add_stat(lines, p, position.stats[i].field, value.i);
        }
    }
    store_close(store);
    arena_fini(&arena);
    sort_lines(lines);
}

static void collect_signals(struct world *world, struct lines *lines)
{
    struct topic_partition topic = {"shop.signals", 0};
    struct source_message message;
    for (int64_t offset = 0; offset < source_log_end(world->log, topic); offset++)
        if (source_log_get(world->log, topic, offset, &message))
            add_line(lines, message.value);
    sort_lines(lines);
}

/* Both are sorted: what stands in one only. */
static void print_differences(const struct lines *expected, const struct lines *got)
{
    size_t e = 0, g = 0;
    for (int printed = 0; printed < 20 && (e < expected->count || g < got->count);) {
        int order = e == expected->count ? 1
                    : g == got->count    ? -1
                                         : strcmp(expected->items[e], got->items[g]);
        if (order != 0) {
            print_error("  %s %s\n", order < 0 ? "missing" : "too many",
                        order < 0 ? expected->items[e] : got->items[g]);
            printed++;
        }
        e += order <= 0;
        g += order >= 0;
    }
}

static void assert_same_lines(const struct lines *expected, const struct lines *got, uint64_t seed)
{
    size_t i = 0;
    while (i < expected->count && i < got->count && strcmp(expected->items[i], got->items[i]) == 0)
        i++;
    if (i == expected->count && i == got->count)
        return;
    print_error("seed %llu: %zu lines expected, %zu found:\n", (unsigned long long)seed,
                expected->count, got->count);
    print_differences(expected, got);
    fail();
}

/* ---- running ---- */

static bool is_through(struct world *world)
{
    for (int32_t p = 0; p < PARTITIONS; p++)
        if (source_log_committed(world->log, all_partitions[p]) <
            source_log_end(world->log, all_partitions[p]))
            return false;
    return true;
}

static void step(struct world *world, struct worker *worker)
{
    struct errinfo info = {""};
    world->now_ms += 1 + pick(world, 20);
    enum err rc = worker_step(worker, 0, &info);
    if (rc != ERR_NONE)
        print_error("worker_step: %s\n", info.text);
    assert_int_equal(rc, ERR_NONE);
}

static void run_to_end_within(struct world *world, struct worker *worker, int turns)
{
    for (int i = 0; i < turns && !is_through(world); i++)
        step(world, worker);
    assert_true(is_through(world));
}

static void run_to_end(struct world *world, struct worker *worker)
{
    run_to_end_within(world, worker, 200000);
}

static void run_for(struct world *world, struct worker *worker, int turns)
{
    for (int i = 0; i < turns; i++)
        step(world, worker);
}

static void finish(struct world *world, struct worker *worker)
{
    struct errinfo info;
    (void)world;
    assert_int_equal(worker_finish(worker, 1000, &info), ERR_NONE);
    worker_free(worker);
}

/* Sorted lines begin with the id. */
static void assert_ids_differ(const struct lines *lines, uint64_t seed)
{
    for (size_t i = 1; i < lines->count; i++) {
        size_t size = (size_t)(strchr(lines->items[i], ' ') - lines->items[i]) + 1;
        if (strncmp(lines->items[i - 1], lines->items[i], size) == 0)
            fail_msg("seed %llu: an id twice:\n%s\n%s", (unsigned long long)seed,
                     lines->items[i - 1], lines->items[i]);
    }
}

/* Of a worker that has ended in good order: P:stats. */
static void check_stats(struct world *world, uint64_t seed)
{
    struct lines expected = {0}, expected_stats = {0}, stats = {0};
    compute_expected(world, &expected, &expected_stats);
    collect_stats(world, &stats);
    assert_same_lines(&expected_stats, &stats, seed);
    free_lines(&expected);
    free_lines(&expected_stats);
    free_lines(&stats);
}

/* Likewise, with its signals. */
static void check(struct world *world, uint64_t seed)
{
    struct lines expected = {0}, got = {0}, expected_stats = {0}, stats = {0};
    compute_expected(world, &expected, &expected_stats);
    assert_true(expected.count > 100);
    collect_signals(world, &got);
    assert_same_lines(&expected, &got, seed);
    assert_ids_differ(&got, seed);
    collect_stats(world, &stats);
    assert_same_lines(&expected_stats, &stats, seed);
    free_lines(&expected);
    free_lines(&got);
    free_lines(&expected_stats);
    free_lines(&stats);
}

/* Undisturbed, the worker signals what the plain computation does. */
static void test_a_worker_left_alone_signals_what_is_right(void **state)
{
    struct world world;
    (void)state;
    world_init(&world, 1, 1000000);
    feed(&world, 1, EVENTS);
    struct worker *worker = new_worker(&world);
    run_to_end(&world, worker);
    finish(&world, worker);
    check(&world, 1);
    world_fini(&world);
}

/* Else who dies before the first commit would begin at another end, with `start: latest`, and skip what came between. */
static void test_where_it_begins_is_committed_before_the_first_event(void **state)
{
    struct world world;
    (void)state;
    world_init(&world, 18, 1000000);
    world.config->start = CONFIG_START_LATEST;
    feed(&world, 18, EVENTS / 40);
    int64_t ends[PARTITIONS];
    for (int32_t p = 0; p < PARTITIONS; p++)
        ends[p] = source_log_end(world.log, all_partitions[p]);
    struct worker *worker = new_worker(&world);
    for (int i = 0; i < 100; i++) {
        add_page(&world, i % PARTITIONS, "visitor", SHOP_START_MS + FAR_AHEAD_MS + i);
        step(&world, worker);
    }
    for (int32_t p = 0; p < PARTITIONS; p++) {
        struct metadata metadata;
        assert_true(world.commits[p] > 1);
        assert_true(metadata_parse(world.metadata[p], &metadata));
        assert_in_range(metadata.origin, ends[p],
                        ends[p] + 2); /* as it was when the worker began */
        assert_int_equal(world.first_commits[p], metadata.origin);
    }
    worker_free(worker);
    world_fini(&world);
}

/* Others can't begin while its offsets are pending: what was open ends with the assignment. */
static void test_who_loses_its_partitions_settles_before(void **state)
{
    struct world world;
    (void)state;
    world_init(&world, 20, 1000000);
    feed(&world, 20, EVENTS / 10);
    struct worker *worker = new_worker(&world);
    run_for(&world, worker, 10);
    assert_int_equal(world.settles, 1);
    source_memory_rebalance(worker_source(worker), true);
    run_for(&world, worker, 10);
    assert_int_equal(world.settles, 3); /* once more when it has them again */
    run_to_end(&world, worker);
    finish(&world, worker);
    check(&world, 20);
    world_fini(&world);
}

static bool is_too_large(const struct world *world, const char *line)
{
    return (int64_t)strlen(strchr(line, ' ') + 1) > world->config->max_bytes;
}

static void test_signals_that_are_too_large_become_dead_letters(void **state)
{
    struct world world;
    struct lines expected = {0}, got = {0}, stats = {0};
    size_t too_large = 0;
    (void)state;
    world_init(&world, 22, 1000000);
    world.config->max_bytes = 190;
    feed(&world, 22, EVENTS / 2);
    struct worker *worker = new_worker(&world);
    run_to_end(&world, worker);
    finish(&world, worker);
    compute_expected(&world, &expected, &stats);
    for (size_t i = 0; i < expected.count; i++)
        too_large += is_too_large(&world, expected.items[i]);
    collect_signals(&world, &got);
    for (size_t i = 0; i < got.count; i++)
        assert_false(is_too_large(&world, got.items[i]));
    assert_int_equal(got.count + too_large, expected.count);
    assert_int_equal(world.oversize_events + world.oversize_timers, too_large);
    assert_true(world.oversize_events > 10 && world.oversize_timers > 10 && got.count > 100);
    free_lines(&expected);
    free_lines(&got);
    free_lines(&stats);
    world_fini(&world);
}

/* With room for few customers, most are read from the store again and again: nothing changes. */
static void test_a_small_memory_changes_nothing(void **state)
{
    struct world world;
    (void)state;
    world_init(&world, 2, 100);
    feed(&world, 2, EVENTS);
    struct worker *worker = new_worker(&world);
    run_to_end(&world, worker);
    finish(&world, worker);
    check(&world, 2);
    world_fini(&world);
}

static void nap_a_millisecond(void)
{
    struct timespec pause = {0, 1000000};
    nanosleep(&pause, NULL);
}

/* The same with the publisher on a thread of its own: what ThreadSanitizer looks at. */
static void test_a_publisher_beside_the_worker_changes_nothing(void **state)
{
    struct world world;
    (void)state;
    world_init(&world, 3, 300);
    world.threaded = true;
    world.batch_max = 100;
    feed(&world, 3, EVENTS / 2);
    struct worker *worker = new_worker(&world);
    for (int i = 0; i < 200000 && !is_through(&world); i++) {
        step(&world, worker);
        nap_a_millisecond(); /* epochs are cut by the clock */
        if (i < 3000 && i % 500 == 300)
            source_memory_rebalance(worker_source(worker), i % 1000 == 300);
        if (i == 900 || i == 2100)
            store_bank_wipe(world.bank);
        if (i % 700 == 100)
            store_bank_fail(world.bank, STORE_BANK_SAVE_AWAY, 3);
    }
    assert_true(is_through(&world));
    finish(&world, worker);
    check(&world, 3);
    world_fini(&world);
}

/* Each rule that fails is told once, with its place, whichever rules it is of. */
static void test_rules_that_fail_are_told_by_their_place(void **state)
{
    struct world world;
    struct failures_list list = {0};
    (void)state;
    world_init(&world, 4, 1000000);
    world.wanted = world.other;
    feed(&world, 4, EVENTS / 4);
    struct worker *worker = new_worker(&world);
    run_to_end(&world, worker);
    worker_take_failures(worker, &list);
    failures_list_sort(&list);
    assert_int_equal(list.count, 1);
    assert_ptr_equal(strstr(list.items[0].place, "journal: machine 1:"), list.items[0].place);
    assert_string_equal(strrchr(list.items[0].place, ':'), ":10"); /* `value` of cart's data */
    assert_true(list.items[0].count > 100);
    assert_int_equal(list.items[0].count, atomic_load(&worker_counters(worker)->rule_errors));
    failures_list_fini(&list);
    worker_take_failures(worker, &list);
    assert_int_equal(list.count, 0);
    finish(&world, worker);
    check(&world, 4);
    world_fini(&world);
}

/* What waits for it lands. */
static void let_redis_come_back(struct world *world, struct worker *worker)
{
    for (int i = 0; i < STORE_BANK_FAILURES; i++)
        store_bank_fail(world->bank, (enum store_bank_failure)i, 0);
    run_for(world, worker, 300);
}

/* Signals go on, though no checkpoint lands; new rules have to wait for one. */
static void test_redis_is_away_and_everybody_is_in_memory(void **state)
{
    struct world world;
    (void)state;
    world_init(&world, 16, 1000000);
    struct shop *shop = new_shop(16);
    feed_from(&world, shop, EVENTS / 8);
    struct worker *worker = new_worker(&world);
    run_to_end(&world, worker);
    uint64_t checkpoints = atomic_load(&worker_counters(worker)->checkpoints);
    store_bank_fail(world.bank, STORE_BANK_SAVE_AWAY, UINT_MAX);
    for (int i = 0; i < 10; i++) { /* two checkpoints wait, and some seconds pass */
        feed_from(&world, shop, EVENTS / 80);
        run_to_end_within(&world, worker, 2000);
        run_for(&world, worker, 30);
        world.wanted = world.other;
        worker_follow(worker, world.wanted);
    }
    assert_true(atomic_load(&worker_counters(worker)->checkpoints) <= checkpoints + PARTITIONS);
    close_partitions(&world);
    run_to_end(&world, worker);
    let_redis_come_back(&world, worker);
    add_page(&world, 0, "last", SHOP_START_MS + 2 * FAR_AHEAD_MS);
    run_to_end(&world, worker);
    finish(&world, worker);
    check(&world, 16);
    assert_int_equal(world.changes, 2 * PARTITIONS); /* one is each partition's first */
    shop_free(shop);
    world_fini(&world);
}

/* Who has changed can't leave memory, so reading stops where it is full. */
static void test_redis_is_away_and_memory_gets_full(void **state)
{
    struct world world;
    (void)state;
    world_init(&world, 17, 300);
    world.batch_max = 40;
    feed(&world, 17, EVENTS / 4);
    struct worker *worker = new_worker(&world);
    store_bank_fail(world.bank, STORE_BANK_SAVE_AWAY, UINT_MAX);
    run_for(&world, worker, 3000);
    assert_false(is_through(&world));
    assert_in_range(atomic_load(&worker_counters(worker)->customers), 301, 400);
    let_redis_come_back(&world, worker);
    run_to_end(&world, worker);
    finish(&world, worker);
    check(&world, 17);
    world_fini(&world);
}

static struct worker *disturb(struct world *world, struct worker *worker)
{
    switch (pick(world, 15)) {
    case 14: /* Redis fails over to a replica that lags, or is restored */
        store_bank_restore(world->bank);
        return worker;
    case 13:
        store_bank_restore(world->bank);
        worker_free(worker);
        return new_worker(world);
    case 12:
    case 11:
        store_bank_back_up(world->bank);
        return worker;
    case 10:
    case 9:
        store_bank_fail(world->bank, pick(world, STORE_BANK_FAILURES), 1 + pick(world, 4));
        return worker;
    case 8: /* the rules change */
        if (!world->other)
            return worker;
        world->wanted = world->wanted == world->ruleset ? world->other : world->ruleset;
        worker_follow(worker, world->wanted);
        return worker;
    case 0: /* killed: whatever it had in hand is gone */
    case 1:
        worker_free(worker);
        return new_worker(world);
    case 2:
        store_bank_wipe(world->bank);
        return worker;
    case 3:
        source_memory_rebalance(worker_source(worker), true);
        return worker;
    case 4:
        source_memory_rebalance(worker_source(worker), false);
        return worker;
    case 5:
        world->fail_commits = 1 + (int)pick(world, 2);
        return worker;
    case 6: { /* a restart in good order, unless a doubt stands: then it is as if killed */
        struct errinfo info;
        worker_finish(worker, 1000, &info);
        worker_free(worker);
        return new_worker(world);
    }
    default: { /* killed, and what it leaves in the store is gone too */
        worker_free(worker);
        store_bank_wipe(world->bank);
        return new_worker(world);
    }
    }
}

static struct worker *run_a_while(struct world *world, struct worker *worker, int times)
{
    for (int i = 0; i < times; i++) {
        for (uint32_t turns = 1 + pick(world, 8); turns > 0; turns--)
            step(world, worker);
        worker = disturb(world, worker);
    }
    return worker;
}

/* Adds up how often the wall clock moved a watermark, and the rules changed. */
static void run_disturbed(uint64_t seed, unsigned *moves, unsigned *rule_changes)
{
    struct world world;
    world_init(&world, seed, 100 + (int)(seed % 3) * 400);
    struct shop *shop = new_shop(seed);
    world.batch_max = 40;
    int64_t sent_ms = feed_from(&world, shop, EVENTS / 8);
    struct worker *worker = run_a_while(&world, new_worker(&world), 20);
    run_to_end(&world, worker);

    /*
     * Silence: the wall clock moves the timers, a piece of half an hour at a time, and is disturbed
     * in that too.
     */
    world.now_ms = sent_ms > world.now_ms ? sent_ms : world.now_ms;
    for (int i = 0; i < 6; i++) {
        for (int turns = 0; turns < 3; turns++)
            step(&world, worker);
        world.now_ms += pick(&world, 30 * 60000);
        worker = run_a_while(&world, worker, (int)pick(&world, 3));
    }
    feed_from(&world, shop, EVENTS / 8);
    close_partitions(&world);
    worker = run_a_while(&world, worker, 20);
    run_to_end(&world, worker);
    let_redis_come_back(&world, worker);
    finish(&world, worker);
    check(&world, seed);
    shop_free(shop);
    *moves += world.moves;
    *rule_changes += world.changes;
    world_fini(&world);
}

/* Seeds that have found something. */
static const uint64_t telling[] = {
    538492, /* customers came to memory before their partition's change of rules had ended: counted twice */
};

/*
 * Crashes, lost and orderly rebalances, failed commits, a store that forgets, is set back, fails or does not say: every signal
 * once, and statistics that are exact.
 */
static void test_disturbances_lose_nothing_and_repeat_nothing(void **state)
{
    const char *seed = getenv("STAGECOACH_SIM_SEED"), *runs = getenv("STAGECOACH_SIM_RUNS");
    unsigned moves = 0, rule_changes = 0;
    (void)state;
    if (seed) {
        run_disturbed(strtoull(seed, NULL, 10), &moves, &rule_changes);
        return;
    }
    uint64_t count = runs ? strtoull(runs, NULL, 10) : 25;
    for (uint64_t i = 1; i <= count; i++)
        run_disturbed(i * 7919, &moves, &rule_changes);
    for (size_t i = 0; i < sizeof telling / sizeof *telling; i++)
        run_disturbed(telling[i], &moves, &rule_changes);
    assert_true(moves > count);                         /* else the silence tests nothing */
    assert_true(rule_changes > PARTITIONS * 2 * count); /* one is each partition's first */
}

/* ---- sweeps that an epoch's end parts ---- */

#define RINGERS    60 /* a minute has as many signals, so an epoch ends after 833 */
#define SILENCE_MS (1500 * INT64_C(60000))

static const struct topic_partition all_signals = {"shop.signals", 0};

static const char trio[] = STAGECOACH_SOURCE_DIR "/tests/sim/trio.yaml";
static const char chain[] = STAGECOACH_SOURCE_DIR "/tests/sim/chain.yaml";

static void add_ringers(struct world *world, int32_t partition, int count)
{
    char key[32];
    for (int i = 0; i < count; i++) {
        snprintf(key, sizeof key, "ringer-%d-%d", (int)partition, i);
        add_page(world, partition, key, SHOP_START_MS);
    }
}

/* Killed, and Redis has nothing: all up to the last commit is replayed. */
static struct worker *kill_and_wipe(struct world *world, struct worker *worker)
{
    worker_free(worker);
    store_bank_wipe(world->bank);
    return new_worker(world);
}

static void run_until_signals(struct world *world, struct worker *worker, int64_t count)
{
    for (int i = 0; i < 10000 && source_log_end(world->log, all_signals) < count; i++)
        step(world, worker);
    assert_true(source_log_end(world->log, all_signals) >= count);
}

/*
 * More timers than a sweep lets a customer fire, and more signals than an epoch holds: where the epoch ended a replay has to
 * begin counting anew as the worker did, or it fires more than was published, and their signals are lost.
 */
static void test_a_silence_with_thousands_of_timers_loses_none(void **state)
{
    struct world world;
    (void)state;
    world_init_with(&world, chain, 5, 1000);
    add_ringers(&world, 0, RINGERS);
    struct worker *worker = new_worker(&world);
    run_to_end(&world, worker);
    run_for(&world, worker, 20);
    world.now_ms += 31000; /* quiet */
    run_for(&world, worker, 20);
    world.now_ms += SILENCE_MS;
    run_until_signals(&world, worker, 55000); /* the second part is under way, or done */
    worker = kill_and_wipe(&world, worker);
    run_for(&world, worker, 100);
    world.now_ms += 31000;
    run_for(&world, worker, 100);
    worker = kill_and_wipe(&world, worker);
    run_for(&world, worker, 100);
    add_page(&world, 0, "last", world.now_ms + 3600000);
    run_to_end(&world, worker);
    finish(&world, worker);
    check(&world, 5);
    assert_true(world.moves > 1);
    world_fini(&world);
}

/* The same, where an event ends the silence: its sweep is parted too, and the journal says where. */
static void test_an_event_after_thousands_of_timers_loses_none(void **state)
{
    struct world world;
    (void)state;
    world_init_with(&world, chain, 6, 1000);
    add_ringers(&world, 0, RINGERS);
    struct worker *worker = new_worker(&world);
    run_to_end(&world, worker);
    add_page(&world, 0, "after", SHOP_START_MS + SILENCE_MS);
    run_until_signals(&world, worker, 45000);
    worker = kill_and_wipe(&world, worker);
    run_to_end(&world, worker);
    worker = kill_and_wipe(&world, worker);
    run_for(&world, worker, 100);
    add_page(&world, 0, "last", SHOP_START_MS + SILENCE_MS + 3600000);
    run_to_end(&world, worker);
    finish(&world, worker);
    check(&world, 6);
    assert_true(world.moves > 0);
    world_fini(&world);
}

/*
 * What a sweep has left over lies before the watermark: an epoch that ended among it could not say where, and what it had
 * published would come again.
 */
static void test_what_a_sweep_has_left_over_comes_once(void **state)
{
    struct world world;
    int64_t end_ms = SHOP_START_MS + 2 * SILENCE_MS;
    (void)state;
    world_init_with(&world, chain, 7, 1000);
    for (int32_t p = 0; p < 2;
         p++) { /* one has less than an epoch's signals left over, both have more */
        add_ringers(&world, p, 40);
        add_page(&world, p, "after", end_ms);
    }
    struct worker *worker = new_worker(&world);
    run_to_end(&world, worker);
    int64_t published = source_log_end(world.log, all_signals);
    for (int32_t p = 0; p < 2; p++)
        add_page(&world, p, "soon after", end_ms + 2000);
    run_until_signals(&world, worker, published + 40000);
    worker = kill_and_wipe(&world, worker);
    run_for(&world, worker, 100);
    run_to_end(&world, worker);
    finish(&world, worker);
    check(&world, 7);
    world_fini(&world);
}

/* Timers are left over between two of one deadline: what Redis keeps is enough for the second one's rank. */
static void test_ids_of_timers_that_are_left_over_go_on(void **state)
{
    struct world world;
    (void)state;
    world_init_with(&world, trio, 21, 1000);
    add_page(&world, 0, "one", SHOP_START_MS);
    add_page(&world, 0, "one", SHOP_START_MS + INT64_C(3000) * 60000);
    struct worker *worker = new_worker(&world);
    for (int i = 1; i <= 12; i++) {
        run_to_end(&world, worker);
        finish(&world, worker);
        worker = new_worker(&world);
        add_page(&world, 0, "other", SHOP_START_MS + INT64_C(3000) * 60000 + i * 6000);
    }
    run_to_end(&world, worker);
    finish(&world, worker);
    check(&world, 21);
    world_fini(&world);
}

/*
 * What changes can't leave memory: so a replay makes its checkpoints between the pieces of a silence as the worker did, also
 * where timers are counted in each of them.
 */
static void test_a_replay_of_a_long_silence_makes_its_checkpoints(void **state)
{
    struct world world;
    (void)state;
    world_init_with(&world, chain, 9, 500);
    world.changes_max = 300;
    add_ringers(&world, 0, 2000);
    struct worker *worker = new_worker(&world);
    run_to_end(&world, worker);
    add_page(&world, 0, "after", SHOP_START_MS + 10 * 60000);
    run_to_end(&world, worker);
    worker = kill_and_wipe(&world, worker);
    for (int i = 0; i < 1000 && !atomic_load(&worker_counters(worker)->running); i++)
        step(&world, worker);
    assert_true(atomic_load(&worker_counters(worker)->running));
    assert_true(atomic_load(&worker_counters(worker)->checkpoints) >
                8); /* 2,000 customers in 9 minutes */
    add_page(&world, 0, "last", SHOP_START_MS + 20 * 60000);
    run_to_end(&world, worker);
    finish(&world, worker);
    check(&world, 9);
    assert_true(world.moves > 5);
    world_fini(&world);
}

#define WATCHERS 20000 /* several pages of those with a timer due */
#define SEEN     170   /* in one batch with the event that ends the silence */

static const char idle[] = STAGECOACH_SOURCE_DIR "/tests/sim/idle.yaml";

static void add_watchers(struct world *world, int count, int64_t time_ms, int64_t apart_ms)
{
    char key[32];
    for (int i = 0; i < count; i++) {
        snprintf(key, sizeof key, "watcher-%d", i);
        add_page(world, 0, key, time_ms + i * apart_ms);
    }
}

/*
 * Customers who are in memory although the bound that Redis has for them is passed long since leave it in the midst of a sweep:
 * the next page of those due begins with them again, further back than the one before.
 */
static void test_a_long_sweep_over_customers_in_redis_goes_through(void **state)
{
    struct world world;
    (void)state;
    world_init_with(&world, idle, 8, 6000);
    world.batch_max = SEEN * 4;
    add_watchers(&world, WATCHERS, SHOP_START_MS, 60);
    struct worker *worker = new_worker(&world);
    run_to_end(&world, worker);
    run_for(&world, worker, 40);
    add_watchers(&world, SEEN, SHOP_START_MS + 1300000, 0);
    run_to_end(&world, worker);
    run_for(&world, worker, 40);
    finish(&world, worker);
    add_page(&world, 0, "after", SHOP_START_MS + 36000000);
    add_watchers(&world, SEEN, SHOP_START_MS + 36000000, 0);
    for (int i = 0; i < 5; i++) { /* with batches of several sizes */
        worker = new_worker(&world);
        step(&world, worker);
        step(&world, worker);
        worker_free(worker);
    }
    worker = new_worker(&world);
    run_to_end(&world, worker);
    finish(&world, worker);
    check(&world, 8);
    world_fini(&world);
}

/* So many have been heard from, `apart_ms` one from another, and are in Redis. */
static struct worker *run_watchers(struct world *world, int count, int64_t apart_ms)
{
    add_watchers(world, count, SHOP_START_MS, apart_ms);
    struct worker *worker = new_worker(world);
    run_to_end(world, worker);
    run_for(world, worker, 60);
    return worker;
}

static void end_well(struct world *world, struct worker *worker)
{
    let_redis_come_back(world, worker);
    run_to_end(world, worker);
    finish(world, worker);
}

/* A sweep that is broken off between two pages of customers: what it has said goes with what it has done. */
static void test_a_sweep_that_is_broken_off_loses_no_dead_letter(void **state)
{
    (void)state;
    for (unsigned good = 0; good < 5; good++) {
        struct world world;
        world_init_with(&world, idle, 23, 1000);
        world.config->max_bytes = 1;
        struct worker *worker = run_watchers(&world, WATCHERS, 60);
        add_page(&world, 0, "last", SHOP_START_MS + 36000000);
        store_bank_fail_after(world.bank, STORE_BANK_LOAD_AWAY, good, 3);
        run_for(&world, worker, 300);
        end_well(&world, worker);
        assert_int_equal(world.oversize_timers, WATCHERS);
        world_fini(&world);
    }
}

/* Redis can be read but not written, since it is full perhaps: a sweep does not bring into memory what can't leave it. */
static void test_a_sweep_stops_where_memory_is_full(void **state)
{
    struct world world;
    (void)state;
    world_init_with(&world, idle, 24, 1000);
    world.changes_max = 500;
    struct worker *worker = run_watchers(&world, WATCHERS, 6);
    store_bank_fail(world.bank, STORE_BANK_SAVE_AWAY, UINT_MAX);
    add_page(&world, 0, "one", SHOP_START_MS + 1300000);
    run_for(&world, worker, 60);
    add_page(&world, 0, "last", SHOP_START_MS + FAR_AHEAD_MS);
    run_for(&world, worker, 300);
    assert_in_range(source_log_end(world.log, all_signals), 1,
                    WATCHERS / 8); /* each has changed somebody */
    end_well(&world, worker);
    check(&world, 24);
    world_fini(&world);
}

/* Of a page of customers under new rules nobody knows at first whether it has landed: it is not counted for another one. */
static void test_a_page_of_customers_that_lands_unsaid_is_counted_once(void **state)
{
    (void)state;
    for (unsigned good = 0; good < 30; good++) {
        struct world world;
        world_init(&world, 25, 1000000);
        struct worker *worker = run_watchers(&world, 10000, 6);
        world.wanted = world.other;
        worker_follow(worker, world.wanted);
        run_for(&world, worker, 60);
        add_page(&world, 0, "last", SHOP_START_MS + 3600000);
        run_to_end(&world, worker);
        worker = kill_and_wipe(&world, worker); /* the change is replayed */
        store_bank_fail_after(world.bank, STORE_BANK_SAVE_LATER, good, 1);
        run_for(&world, worker, 600);
        end_well(&world, worker);
        check_stats(&world, 25);
        world_fini(&world);
    }
}

/* One message of so many watchers: `first`, and a while later those who follow. */
static void add_watchers_at_once(struct world *world, int first, int count, int64_t time_ms,
                                 int64_t later_ms)
{
    char message[8192], key[32];
    char *end = pack_map(message, 1);
    end = pack_text(end, SLICE("events"));
    end = pack_array(end, (uint32_t)count);
    for (int i = 0; i < count; i++) {
        snprintf(key, sizeof key, "watcher-%d", first + i);
        end = pack_map(end, 3);
        end = pack_text(end, SLICE("user"));
        end = pack_text(end, slice_of(key));
        end = pack_text(end, SLICE("name"));
        end = pack_text(end, SLICE("page_viewed"));
        end = pack_text(end, SLICE("ts"));
        end = pack_uint(end, (uint64_t)(i == 0 ? time_ms : time_ms + later_ms));
    }
    source_log_append(world->log, all_partitions[0], time_ms + later_ms, SLICE("shop"),
                      (struct slice){message, (size_t)(end - message)});
}

/*
 * In the midst of a message a long silence ends, and the sweep takes the customers of its later events from memory. Half a message
 * can't be repeated, and to begin it anew would come to the same again.
 */
static void test_a_long_sweep_within_a_message_goes_through(void **state)
{
    struct world world;
    const int together = DECODE_EVENTS_MAX;
    (void)state;
    world_init_of(&world, idle, several, 11, 6000);
    world.changes_max = 1000;
    struct worker *worker = new_worker(&world);
    for (int i = 0; i < WATCHERS; i += together)
        add_watchers_at_once(&world, i, together, SHOP_START_MS + i * 60, 0);
    run_to_end(&world, worker);
    finish(&world, worker);
    worker = new_worker(&world);
    run_for(&world, worker, 5);
    /* Nine of ten others are due, and none of these. */
    add_watchers_at_once(&world, WATCHERS - together, together, SHOP_START_MS + WATCHERS * 60,
                         1800000 - WATCHERS * 6);
    run_to_end_within(&world, worker, 500);
    assert_int_equal(atomic_load(&worker_counters(worker)->doubts), 0);
    finish(&world, worker);
    check(&world, 11);
    world_fini(&world);
}

/*
 * Redis has an early bound of customers who were heard from again. The wall clock passes it, while nothing is due: once they have
 * been looked at Redis has the true one, and they aren't read again at every look.
 */
static void test_a_quiet_partition_over_its_memory_is_read_once(void **state)
{
    struct world world;
    const uint64_t count = 2000;
    (void)state;
    world_init_with(&world, idle, 10, 500);
    struct worker *worker = new_worker(&world);
    for (int i = 0; i < 2; i++) {
        add_watchers(&world, (int)count, SHOP_START_MS + i * 600000, 10);
        run_to_end(&world, worker);
        run_for(&world, worker, 40); /* a checkpoint, and memory is let go */
    }
    uint64_t before = store_bank_records_read(world.bank);
    world.now_ms = SHOP_START_MS + 2000000;
    run_for(&world, worker, 500); /* twenty looks */
    uint64_t read = store_bank_records_read(world.bank) - before;
    assert_in_range(read, count / 2, 3 * count);
    assert_int_equal(source_log_end(world.log, all_signals), 0);
    add_page(&world, 0, "last", SHOP_START_MS + FAR_AHEAD_MS);
    run_to_end(&world, worker);
    finish(&world, worker);
    check(&world, 10);
    world_fini(&world);
}

/* Silences and events in turn, disturbed at any time. */
static void test_thousands_of_timers_survive_disturbances(void **state)
{
    const char *runs = getenv("STAGECOACH_SIM_RUNS");
    uint64_t count = runs ? strtoull(runs, NULL, 10) : 2;
    (void)state;
    for (uint64_t seed = 1; seed <= count; seed++) {
        struct world world;
        world_init_with(&world, chain, seed, 30 + (int)(seed % 2) * 1000);
        add_ringers(&world, 0, RINGERS);
        struct worker *worker = run_a_while(&world, new_worker(&world), 3);
        run_to_end(&world, worker);
        for (int i = 0; i < 3; i++) {
            world.now_ms += 31000;
            run_for(&world, worker, 3);
            world.now_ms += SILENCE_MS / 3 + pick(&world, SILENCE_MS);
            if (pick(&world, 2))
                add_page(&world, 0, "after", world.now_ms);
            worker = run_a_while(&world, worker, 4);
        }
        add_page(&world, 0, "last", world.now_ms + 3600000);
        run_to_end(&world, worker);
        let_redis_come_back(&world, worker);
        finish(&world, worker);
        check(&world, seed);
        world_fini(&world);
    }
}

/* ---- positions that don't fit together ---- */

static const struct topic_partition first_journal = {"sim.journal.shop.events", 0};

static int64_t first_c(const struct world *world)
{
    return source_log_committed(world->log, all_partitions[0]);
}

static void lose_c(struct world *world)
{
    source_log_commit(world->log, all_partitions[0], -1, "");
}

static void lose_c_and_journal(struct world *world)
{
    lose_c(world);
    source_log_trim(world->log, first_journal, source_log_end(world->log, first_journal));
}

static void set_c_by_hand(struct world *world)
{
    source_log_commit(world->log, all_partitions[0], first_c(world), "");
}

static void set_c_by_hand_without_redis(struct world *world)
{
    set_c_by_hand(world);
    store_bank_wipe(world->bank);
}

static void set_c_back(struct world *world)
{
    source_log_commit(world->log, all_partitions[0], first_c(world) - 10, world->metadata[0]);
}

static void retain_less_than_c(struct world *world)
{
    for (int i = 0; i < 2; i++)
        source_log_append(world->log, all_partitions[0], SHOP_START_MS, SLICE("u"), SLICE(""));
    source_log_trim(world->log, all_partitions[0], first_c(world) + 1);
}

static void retain_less_than_r(struct world *world)
{
    for (int i = 0; i < 10; i++)
        source_log_append(world->log, all_partitions[0], SHOP_START_MS, SLICE("u"), SLICE(""));
    source_log_trim(world->log, all_partitions[0], first_c(world) + 5);
    source_log_commit(world->log, all_partitions[0], first_c(world) + 10, world->metadata[0]);
}

static void lose_journal(struct world *world)
{
    source_log_trim(world->log, first_journal, source_log_end(world->log, first_journal));
}

/* The rulesets' files go, of all partitions since one would do; what follows them stays. */
static void lose_rules(struct world *world)
{
    struct source_message message;
    struct journal_record record;
    for (int32_t p = 0; p < PARTITIONS; p++) {
        struct topic_partition journal = {first_journal.topic, p};
        int64_t offset = 0;
        do {
            assert_true(source_log_get(world->log, journal, offset++, &message));
            assert_true(journal_decode(message.value, &record));
        } while (record.kind != JOURNAL_RULESET);
        source_log_trim(world->log, journal, offset);
    }
    world->setting.ruleset = world->wanted = world->other;
}

static void damage_journal(struct world *world)
{
    source_log_append(world->log, first_journal, 0, SLICE(""), SLICE("?"));
}

static void add_partitions(struct world *world)
{
    source_log_create(world->log, "shop.events", PARTITIONS + 1);
}

static void damage_layout(struct world *world)
{
    struct store *store = store_memory_open(world->bank);
    struct store_position position;
    struct errinfo info;
    struct arena arena;
    arena_init(&arena);
    assert_int_equal(store_own(store, all_partitions[0], 1, &arena, &position, &info), ERR_NONE);
    struct checkpoint checkpoint = {.of = all_partitions[0],
                                    .token = 1,
                                    .version_before = position.version,
                                    .version = position.version + 1,
                                    .offset = position.offset,
                                    .watermark_ms = position.watermark_ms,
                                    .epoch = position.epoch,
                                    .ruleset = position.ruleset,
                                    .customers = position.customers,
                                    .journal = position.journal,
                                    .layout = 1,
                                    .layout_text = SLICE("?")};
    assert_int_equal(store_save(store, &checkpoint, NULL, &info), ERR_NONE);
    store_close(store);
    arena_fini(&arena);
}

#define ANEW  "begin the partition anew (see \"Begin a partition anew\" in docs/operations.md)"
#define THERE "begin the partition anew, from that offset (see \"Begin a partition anew\""
#define REBUILD                                                                                    \
    "(stop all members of the group, redis-cli DEL 'stagecoach:{sim/shop.events/0}:meta', start)"

static const struct refusal {
    void (*spoil)(struct world *world);
    const char *what, *advice, *how;
} refusals[] = {
    {lose_c, "there is a journal but no committed offset", ANEW, ""},
    {lose_c_and_journal, "Redis has a checkpoint but the group has no committed offset", ANEW, ""},
    {set_c_by_hand, "Redis has a checkpoint but the committed offset is not from Stagecoach", THERE,
     ""},
    {set_c_by_hand_without_redis,
     "there is a journal but the committed offset is not from Stagecoach", THERE, ""},
    {set_c_back, "the checkpoint in Redis is ahead of the committed offset",
     "if this is the Redis of this Kafka, rebuild the partition ", REBUILD},
    {retain_less_than_c, "the committed offset lies outside the log", ANEW, ""},
    {retain_less_than_r,
     "the events between checkpoint and committed offset are no longer in the log",
     "rebuild the partition; state from before what is left of the log is lost ", REBUILD},
    {lose_journal, "its journal ends before the record that the committed offset names", ANEW, ""},
    {damage_journal, "its journal holds a record that can't be read", ANEW, ""},
    {lose_rules, "were in force here, and are neither configured nor in the journal",
     "the older version can go on; else begin the partition anew (see ", ""},
    {add_partitions, "the topic's number of partitions has changed",
     "better a new topic and a new group; else begin all its partitions anew, and delete the "
     "journal topic (see ",
     ""},
    {damage_layout, "a layout of records in Redis can't be read", ": rebuild the partition ",
     REBUILD},
};

/* Nothing of the partition has changed when it has been refused. */
static void check_refusal(const struct refusal *refusal, const char *prefix)
{
    struct world world;
    struct errinfo info = {""};
    enum err rc = ERR_NONE;

    world_init(&world, 5, 1000000);
    if (prefix)
        world.config->redis_prefix = prefix;
    feed(&world, 5, EVENTS / 40);
    struct worker *worker = new_worker(&world);
    run_to_end(&world, worker);
    finish(&world, worker);
    refusal->spoil(&world);
    int64_t c = first_c(&world), signals = source_log_end(world.log, all_signals);
    worker = new_worker(&world);
    for (int i = 0; i < 300 && rc == ERR_NONE; i++) {
        world.now_ms += 1000; /* a journal is waited for */
        rc = worker_step(worker, 0, &info);
    }
    worker_free(worker);
    if (rc != ERR_FATAL)
        fail_msg("not refused: %s", refusal->what);
    if (strncmp(info.text, "topic shop.events partition 0: ", 31) != 0 ||
        !strstr(info.text, refusal->what) || !strstr(info.text, ". Nothing was changed. ") ||
        !strstr(info.text, refusal->advice) || !strstr(info.text, refusal->how))
        fail_msg("expected '%s', '%s', '%s' in:\n%s", refusal->what, refusal->advice, refusal->how,
                 info.text);
    assert_int_equal(first_c(&world), c);
    assert_int_equal(source_log_end(world.log, all_signals), signals);
    world_fini(&world);
}

static void test_each_refusal_says_what_to_do(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        check_refusal(&refusals[i], NULL);
}

/* How many customers stand in some state of the machine, as Redis has it. */
static int64_t standing(struct world *world, int32_t partition, const char *machine,
                        uint64_t *customers)
{
    struct store *store = store_memory_open(world->bank);
    struct store_position position;
    struct errinfo info;
    struct arena arena;
    int64_t sum = 0;
    size_t size = strlen(machine);
    arena_init(&arena);
    assert_int_equal(store_own(store, all_partitions[partition], 1, &arena, &position, &info),
                     ERR_NONE);
    for (size_t i = 0; i < position.stat_count; i++) {
        struct slice field = position.stats[i].field;
        if (field.size <= size || memcmp(field.data, machine, size) != 0 ||
            memchr(field.data, '>', field.size))
            continue;
        char digits[32] = "";
        memcpy(digits, position.stats[i].value.data, position.stats[i].value.size);
        sum += strtoll(digits, NULL, 10);
    }
    *customers = position.customers;
    store_close(store);
    arena_fini(&arena);
    return sum;
}

/* The records are under the new rules one page at a time; where the first can't be read, a recovery begins with it again. */
static void test_a_change_that_is_broken_off_counts_each_customer_once(void **state)
{
    struct world world;
    (void)state;
    world_init(&world, 13, 1000000);
    feed(&world, 13, EVENTS / 10);
    struct worker *worker = new_worker(&world);
    run_to_end(&world, worker);
    world.wanted = world.other;
    store_bank_fail(world.bank, STORE_BANK_LOAD_AWAY, 1);
    worker_follow(worker, world.wanted);
    run_for(&world, worker, 100);
    assert_int_equal(atomic_load(&worker_counters(worker)->doubts), 1);
    add_page(&world, 0, "last", SHOP_START_MS + 2 * FAR_AHEAD_MS);
    run_to_end(&world, worker);
    finish(&world, worker);
    check(&world, 13);
    for (int32_t p = 0; p < PARTITIONS; p++) {
        uint64_t customers;
        int64_t sum = standing(&world, p, "cart/", &customers);
        assert_int_equal(sum, customers);
    }
    world_fini(&world);
}

/* A world in which some events have been read, by a worker that has ended. */
static void run_once(struct world *world, uint64_t seed)
{
    world_init(world, seed, 1000000);
    feed(world, seed, EVENTS / 40);
    struct worker *worker = new_worker(world);
    run_to_end(world, worker);
    finish(world, worker);
}

static void set_c_ahead_of_its_journal(struct world *world)
{
    struct metadata metadata;
    char text[METADATA_SIZE_MAX + 1];
    assert_true(metadata_parse(world->metadata[0], &metadata));
    metadata.journal++;
    metadata_format(&metadata, text);
    source_log_commit(world->log, all_partitions[0], first_c(world), text);
}

/* A wait that was not brought to its end says nothing of the next one. */
static void test_each_assignment_waits_for_its_journal_anew(void **state)
{
    struct world world;
    (void)state;
    run_once(&world, 14);
    set_c_ahead_of_its_journal(&world);
    struct worker *worker = new_worker(&world);
    for (int i = 0; i < 4; i++) {
        run_for(&world, worker, 20); /* fails if it is refused */
        source_memory_rebalance(worker_source(worker), true);
        world.now_ms += 60000;
    }
    worker_free(worker);
    world_fini(&world);
}

/* A clean stop ends with R = C, however early it comes. */
static void test_who_is_told_to_end_at_once_recovers_before(void **state)
{
    struct world world;
    uint64_t customers;
    (void)state;
    world_init(&world, 15, 1000000);
    feed(&world, 15, EVENTS / 10);
    struct worker *worker = new_worker(&world);
    run_to_end(&world, worker);
    worker = kill_and_wipe(&world, worker);
    step(&world, worker);
    assert_false(atomic_load(&worker_counters(worker)->running));
    finish(&world, worker);
    check(&world, 15);
    for (int32_t p = 0; p < PARTITIONS; p++) {
        standing(&world, p, "cart/", &customers);
        assert_true(customers > 0); /* Redis has them again */
    }
    world_fini(&world);
}

/* Nothing has been read, so there is nothing to wait for: not for a recovery that can't be. */
static void test_who_waits_for_recovery_can_be_told_to_end(void **state)
{
    struct world world;
    (void)state;
    run_once(&world, 12);
    lose_journal(&world); /* it is waited for */
    struct worker *worker = new_worker(&world);
    run_for(&world, worker, 20);
    assert_false(atomic_load(&worker_counters(worker)->running));
    finish(&world, worker);
    world_fini(&world);
}

/* Redis has nothing, and the log not all: what is left is computed, and it is said. */
static void test_a_rebuild_of_less_than_all_is_counted(void **state)
{
    struct world world;
    (void)state;
    run_once(&world, 19);
    source_log_trim(world.log, all_partitions[0], first_c(&world) / 2);
    store_bank_wipe(world.bank);
    struct worker *worker = new_worker(&world);
    run_for(&world, worker, 200);
    assert_true(atomic_load(&worker_counters(worker)->running));
    assert_int_equal(atomic_load(&worker_counters(worker)->rebuilds), PARTITIONS);
    assert_int_equal(atomic_load(&worker_counters(worker)->log_too_short), 1);
    finish(&world, worker);
    world_fini(&world);
}

/* A command that does not fit into a message is not cut, since then it would be another one. */
static void test_a_long_command_is_left_to_the_docs(void **state)
{
    char prefix[400];
    struct refusal refusal = {0};
    (void)state;
    memset(prefix, 'p', sizeof prefix - 1);
    prefix[sizeof prefix - 1] = '\0';
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        if (refusals[i].spoil == set_c_back)
            refusal = refusals[i];
    refusal.how = "(see \"Rebuild a partition\" in docs/operations.md)";
    check_refusal(&refusal, prefix);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_worker_left_alone_signals_what_is_right),
        cmocka_unit_test(test_where_it_begins_is_committed_before_the_first_event),
        cmocka_unit_test(test_a_rebuild_of_less_than_all_is_counted),
        cmocka_unit_test(test_who_loses_its_partitions_settles_before),
        cmocka_unit_test(test_signals_that_are_too_large_become_dead_letters),
        cmocka_unit_test(test_a_small_memory_changes_nothing),
        cmocka_unit_test(test_a_publisher_beside_the_worker_changes_nothing),
        cmocka_unit_test(test_rules_that_fail_are_told_by_their_place),
        cmocka_unit_test(test_each_refusal_says_what_to_do),
        cmocka_unit_test(test_a_long_command_is_left_to_the_docs),
        cmocka_unit_test(test_a_change_that_is_broken_off_counts_each_customer_once),
        cmocka_unit_test(test_each_assignment_waits_for_its_journal_anew),
        cmocka_unit_test(test_who_is_told_to_end_at_once_recovers_before),
        cmocka_unit_test(test_who_waits_for_recovery_can_be_told_to_end),
        cmocka_unit_test(test_redis_is_away_and_everybody_is_in_memory),
        cmocka_unit_test(test_redis_is_away_and_memory_gets_full),
        cmocka_unit_test(test_disturbances_lose_nothing_and_repeat_nothing),
        cmocka_unit_test(test_a_silence_with_thousands_of_timers_loses_none),
        cmocka_unit_test(test_an_event_after_thousands_of_timers_loses_none),
        cmocka_unit_test(test_ids_of_timers_that_are_left_over_go_on),
        cmocka_unit_test(test_what_a_sweep_has_left_over_comes_once),
        cmocka_unit_test(test_a_replay_of_a_long_silence_makes_its_checkpoints),
        cmocka_unit_test(test_a_long_sweep_over_customers_in_redis_goes_through),
        cmocka_unit_test(test_a_sweep_that_is_broken_off_loses_no_dead_letter),
        cmocka_unit_test(test_a_sweep_stops_where_memory_is_full),
        cmocka_unit_test(test_a_page_of_customers_that_lands_unsaid_is_counted_once),
        cmocka_unit_test(test_a_long_sweep_within_a_message_goes_through),
        cmocka_unit_test(test_a_quiet_partition_over_its_memory_is_read_once),
        cmocka_unit_test(test_thousands_of_timers_survive_disturbances),
    };
    log_set_level(getenv("STAGECOACH_SIM_LOG") ? LOG_DEBUG : LOG_OFF);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
