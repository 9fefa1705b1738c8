/*
 * stagecoach-bench rules - what an event costs from its bytes to its signals, everything in memory.
 *
 * The generated shop goes through decoder and partition, as in a worker: decoded in batches, the
 * batch's customers prefetched, then applied one by one. Decoding and applying (customer, timers,
 * machines, signals) are timed apart, by this thread's CPU time. The first half of the events makes
 * the customers and is not counted; the second half is.
 *
 * Measured for 1, 3 and 9 shipped machines; and for the 3 with 20 more that do not name any of the
 * shop's events: what an event costs is to grow with what it touches, not with the number of
 * machines. The sets take turns, and of the 20 machines the ratio is formed within each round, so
 * that a machine that is busy with something else disturbs all alike.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/shop.h"
#include "consumer/decode.h"
#include "core/check.h"
#include "core/diag.h"
#include "core/hash.h"
#include "core/yaml.h"
#include "engine/partition.h"
#include "rules/rules.h"

#define RUNS_MAX        51
#define BATCH_EVENTS    256
#define IDLE_MACHINES   20
#define MACHINES_MAX    (9 + IDLE_MACHINES)
#define LATENESS_MS     5000
#define FORGET_AFTER_MS (INT64_C(400) * 86400000)

static const char *const shipped[] = {
    STAGECOACH_SOURCE_DIR "/config/machines/cart.yaml",
    STAGECOACH_SOURCE_DIR "/config/machines/browse.yaml",
    STAGECOACH_SOURCE_DIR "/config/machines/lifecycle.yaml",
    STAGECOACH_SOURCE_DIR "/config/machines/buyer.yaml",
    STAGECOACH_SOURCE_DIR "/config/machines/experience.yaml",
    STAGECOACH_SOURCE_DIR "/config/machines/loyalty.yaml",
    STAGECOACH_SOURCE_DIR "/config/machines/relationship.yaml",
    STAGECOACH_SOURCE_DIR "/config/machines/friction.yaml",
    STAGECOACH_SOURCE_DIR "/config/machines/touchpoints.yaml",
};

struct options {
    bool json;
    size_t runs, events;
    uint32_t customers;
};

/* All events, one behind the other. */
struct load {
    struct buf bytes;
    struct slice *messages;
    size_t count;
};

/* A set of machines under test, and what was measured of it. */
struct set {
    size_t shipped_count, idle_count;
    struct rules *rules;
    double decode_ns[RUNS_MAX], apply_ns[RUNS_MAX], total_ns[RUNS_MAX];
    uint64_t signals; /* of the last run; the same in each */
};

enum { SET_ONE, SET_THREE, SET_NINE, SET_IDLE, SET_COUNT };

/* ---- machines ---- */

/* One that waits for events of its own, and would read properties that the shop's events have. */
static void write_idle_machine(unsigned number, struct buf *out)
{
    buf_reset(out);
    buf_printf(out,
               "machine: idle_%u\n"
               "context: { seen: int, worth: double }\n"
               "data: { seen: context.seen, worth: context.worth }\n"
               "observe: { campaign_%u_shown: { assign: { seen: context.seen + 1 } } }\n"
               "initial: waiting\n"
               "states:\n"
               "  waiting:\n"
               "    on:\n"
               "      campaign_%u_clicked:\n"
               "        guard: get(event.properties.price, 0.0) >= 1.0\n"
               "        actions: { assign: { worth: 'get(event.properties.value, 0.0)' } }\n"
               "        target: clicked\n"
               "  clicked: { after: { 1d: { target: waiting, emit: campaign_%u.over } } }\n",
               number, number, number, number);
}

struct sources {
    const char *paths[MACHINES_MAX];
    struct slice texts[MACHINES_MAX];
    struct yaml_file *files[MACHINES_MAX];
    char names[IDLE_MACHINES][16];
    struct buf idle[IDLE_MACHINES];
    struct yaml_file *constants;
};

static bool open_sources(struct sources *sources, struct diag *diag)
{
    sources->constants = yaml_parse("constants",
                                    SLICE("{ timezone: Asia/Bangkok, festivals: { 01-01T09:00: "
                                          "new_year, 04-13T09:00: songkran } }"),
                                    diag);
    for (size_t i = 0; i < 9; i++) {
        sources->paths[i] = shipped[i];
        sources->files[i] = yaml_load(shipped[i], diag);
        if (!sources->files[i])
            return false;
        sources->texts[i] = yaml_source(sources->files[i]);
    }
    for (unsigned i = 0; i < IDLE_MACHINES; i++) {
        snprintf(sources->names[i], sizeof sources->names[i], "idle_%u.yaml", i);
        buf_init(&sources->idle[i]);
        write_idle_machine(i, &sources->idle[i]);
    }
    return true;
}

static void close_sources(struct sources *sources)
{
    for (size_t i = 0; i < 9; i++)
        yaml_free(sources->files[i]);
    for (size_t i = 0; i < IDLE_MACHINES; i++)
        buf_fini(&sources->idle[i]);
    yaml_free(sources->constants);
}

static bool load_set(struct set *set, struct sources *sources, struct diag *diag)
{
    for (size_t i = 0; i < set->idle_count; i++) {
        sources->paths[set->shipped_count + i] = sources->names[i];
        sources->texts[set->shipped_count + i] = buf_slice(&sources->idle[i]);
    }
    struct rules_options options = {
        .files = sources->paths,
        .texts = sources->texts,
        .file_count = set->shipped_count + set->idle_count,
        .constants = yaml_root(sources->constants),
        .forget_after_ms = FORGET_AFTER_MS,
    };
    set->rules = rules_load(&options, diag);
    return set->rules != NULL;
}

/* The set with idle machines comes last: it takes the places of shipped ones. */
static bool load_sets(struct set *sets, struct sources *sources)
{
    struct diag diag;
    diag_init(&diag);
    bool loaded = open_sources(sources, &diag);
    for (size_t i = 0; i < SET_COUNT && loaded; i++)
        loaded = load_set(&sets[i], sources, &diag);
    if (!loaded)
        diag_print(&diag, stderr);
    diag_fini(&diag);
    return loaded;
}

/* ---- the events ---- */

static void make_load(struct load *load, const struct options *options)
{
    struct shop *shop = shop_new(&(struct shop_options){.customers = options->customers});
    size_t *ends = calloc(options->events, sizeof *ends);
    struct shop_event event;

    load->messages = calloc(options->events, sizeof *load->messages);
    load->count = options->events;
    CHECK(ends && load->messages);
    buf_init(&load->bytes);
    for (size_t i = 0; i < load->count; i++) {
        shop_next(shop, &event);
        buf_add_slice(&load->bytes, event.message);
        ends[i] = load->bytes.size;
    }
    for (size_t i = 0, start = 0; i < load->count; start = ends[i++])
        load->messages[i] = (struct slice){load->bytes.data + start, ends[i] - start};
    free(ends);
    shop_free(shop);
}

/* ---- a run ---- */

struct run {
    struct partition partition;
    struct partition_host host;
    struct partition_setting setting;
    struct rules_counters counters;
    struct signal_list signals;
    struct arena batch, scratch;
    struct decoder *decoder;
    struct decoded decoded[BATCH_EVENTS];
    uint64_t hashes[BATCH_EVENTS];
    int64_t decode_ns, apply_ns;
    uint64_t signal_count;
};

static enum err count_signal(void *self, struct partition *partition, const struct signal *signal,
                             const struct partition_cause *cause)
{
    struct run *run = self;
    (void)partition;
    (void)signal;
    (void)cause;
    run->signal_count++;
    return ERR_NONE;
}

static void open_run(struct run *run, const struct set *set, const struct schema *schema)
{
    *run = (struct run){0};
    arena_init(&run->batch);
    arena_init(&run->scratch);
    signal_list_init(&run->signals);
    run->host = (struct partition_host){.self = run, .signal = count_signal};
    run->setting = (struct partition_setting){
        .host = &run->host,
        .rules = set->rules,
        .schema = schema,
        .lateness_ms = LATENESS_MS,
        .future_ms = INT64_MAX,
        .forget_after_ms = FORGET_AFTER_MS,
        .scratch = &run->scratch,
        .signals = &run->signals,
        .rules_counters = &run->counters,
    };
    run->decoder = decoder_new(schema, rules_wants(set->rules));
    partition_init(&run->partition, (struct topic_partition){"bench", 0}, &run->setting);
}

static void close_run(struct run *run)
{
    partition_fini(&run->partition);
    decoder_free(run->decoder);
    signal_list_fini(&run->signals);
    arena_fini(&run->scratch);
    arena_fini(&run->batch);
}

static void decode_batch(struct run *run, const struct slice *messages, size_t count)
{
    arena_reset(&run->batch);
    for (size_t i = 0; i < count; i++) {
        decode_message(run->decoder, messages[i], EVENT_NO_TIME, &run->batch, &run->decoded[i]);
        CHECK(run->decoded[i].count == 1);
    }
}

static void apply_batch(struct run *run, size_t first, size_t count)
{
    struct errinfo info;
    for (size_t i = 0; i < count; i++) {
        run->hashes[i] = hash_bytes(run->decoded[i].events->customer);
        table_prefetch(run->partition.table, run->hashes[i]);
    }
    for (size_t i = 0; i < count; i++)
        table_prefetch_customer(run->partition.table, run->hashes[i]);
    for (size_t i = 0; i < count; i++) {
        struct source_message source = {
            .from = run->partition.id, .offset = (int64_t)(first + i), .time_ms = EVENT_NO_TIME};
        uint32_t rank = 0;
        run->partition.next_offset = source.offset;
        CHECK(partition_apply(&run->partition, run->decoded[i].events, run->hashes[i], &source,
                              &rank, &info) == ERR_NONE);
    }
}

static void play(struct run *run, const struct load *load, size_t from, size_t to)
{
    run->decode_ns = run->apply_ns = 0;
    for (size_t i = from; i < to; i += BATCH_EVENTS) {
        size_t count = to - i < BATCH_EVENTS ? to - i : BATCH_EVENTS;
        int64_t start_ns = bench_thread_cpu_ns();
        decode_batch(run, load->messages + i, count);
        int64_t decoded_ns = bench_thread_cpu_ns();
        apply_batch(run, i, count);
        run->decode_ns += decoded_ns - start_ns;
        run->apply_ns += bench_thread_cpu_ns() - decoded_ns;
    }
}

static void measure_set(struct set *set, size_t index, const struct load *load,
                        const struct schema *schema)
{
    static struct run run;
    size_t half = load->count / 2;
    double counted = (double)(load->count - half);

    open_run(&run, set, schema);
    play(&run, load, 0, half);
    run.signal_count = 0;
    play(&run, load, half, load->count);
    set->decode_ns[index] = (double)run.decode_ns / counted;
    set->apply_ns[index] = (double)run.apply_ns / counted;
    set->total_ns[index] = set->decode_ns[index] + set->apply_ns[index];
    set->signals = run.signal_count;
    close_run(&run);
}

/* ---- report ---- */

struct report {
    double decode_ns, apply_ns, total_ns, events_per_s;
};

static struct report report_of(struct set *set, size_t runs)
{
    struct report report = {.decode_ns = bench_median(set->decode_ns, runs),
                            .apply_ns = bench_median(set->apply_ns, runs),
                            .total_ns = bench_median(set->total_ns, runs)};
    report.events_per_s = 1e9 / report.total_ns;
    return report;
}

static void print_text(const struct set *sets, const struct report *reports, double idle_ratio)
{
    for (size_t i = 0; i < SET_IDLE; i++)
        printf("%zu machine%s: %.0f ns an event (decode %.0f, apply %.0f), %.0f events/s, %llu "
               "signals\n",
               sets[i].shipped_count, sets[i].shipped_count == 1 ? "" : "s", reports[i].total_ns,
               reports[i].decode_ns, reports[i].apply_ns, reports[i].events_per_s,
               (unsigned long long)sets[i].signals);
    printf("3 machines and %d that do not name the event: %.0f ns, %.3f times as much\n",
           IDLE_MACHINES, reports[SET_IDLE].total_ns, idle_ratio);
}

static void add_report(struct buf *json, const struct set *set, const struct report *report)
{
    buf_printf(
        json,
        "{\"machines\":%zu,\"events_per_s\":%.0f,\"cpu_ns_per_event\":%.1f,\"decode_ns\":%.1f,"
        "\"apply_ns\":%.1f,\"signals\":%llu}",
        set->shipped_count + set->idle_count, report->events_per_s, report->total_ns,
        report->decode_ns, report->apply_ns, (unsigned long long)set->signals);
}

static void print_json(const struct options *options, const struct set *sets,
                       const struct report *reports, double idle_ratio)
{
    struct buf json;
    buf_init(&json);
    buf_add_text(&json, "{\"benchmark\":\"rules\",\"shipped\":[");
    for (size_t i = 0; i < SET_IDLE; i++) {
        if (i > 0)
            buf_add_char(&json, ',');
        add_report(&json, &sets[i], &reports[i]);
    }
    buf_printf(&json, "],\"not_named\":{\"more\":%d,\"ratio\":%.4f,\"with\":", IDLE_MACHINES,
               idle_ratio);
    add_report(&json, &sets[SET_IDLE], &reports[SET_IDLE]);
    buf_printf(&json,
               "},\"events_counted\":%zu,\"customers\":%u,\"runs\":%zu,\"time\":\"thread CPU\",",
               options->events - options->events / 2, options->customers, options->runs);
    bench_add_machine(&json);
    printf("%.*s}\n", (int)json.size, json.data);
    buf_fini(&json);
}

static void measure(const struct options *options, struct set *sets, const struct load *load,
                    const struct schema *schema)
{
    struct report reports[SET_COUNT];
    double ratios[RUNS_MAX];

    for (size_t run = 0; run < options->runs; run++) {
        for (size_t i = 0; i < SET_COUNT; i++)
            measure_set(&sets[i], run, load, schema);
        ratios[run] = sets[SET_IDLE].total_ns[run] / sets[SET_THREE].total_ns[run];
    }
    CHECK(sets[SET_IDLE].signals == sets[SET_THREE].signals);
    for (size_t i = 0; i < SET_COUNT; i++)
        reports[i] = report_of(&sets[i], options->runs);
    double idle_ratio = bench_median(ratios, options->runs);
    if (options->json)
        print_json(options, sets, reports, idle_ratio);
    else
        print_text(sets, reports, idle_ratio);
}

static bool read_options(int argc, char **argv, struct options *options)
{
    *options = (struct options){.runs = 5, .events = 800000, .customers = 50000};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            options->json = true;
        else if (strcmp(argv[i], "--runs") == 0 && i + 1 < argc)
            options->runs = strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--events") == 0 && i + 1 < argc)
            options->events = strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--customers") == 0 && i + 1 < argc)
            options->customers = (uint32_t)strtoul(argv[++i], NULL, 10);
        else
            return false;
    }
    return options->runs >= 1 && options->runs <= RUNS_MAX && options->events >= 1000 &&
           options->events <= 20000000 && options->customers >= 1;
}

static struct schema *load_schema(void)
{
    struct diag diag;
    diag_init(&diag);
    struct schema *schema =
        schema_load(STAGECOACH_SOURCE_DIR "/config/schemas/segment.yaml", &diag);
    diag_print(&diag, stderr);
    diag_fini(&diag);
    return schema;
}

int bench_rules(int argc, char **argv)
{
    static struct set sets[SET_COUNT] = {
        [SET_ONE] = {.shipped_count = 1},
        [SET_THREE] = {.shipped_count = 3},
        [SET_NINE] = {.shipped_count = 9},
        [SET_IDLE] = {.shipped_count = 3, .idle_count = IDLE_MACHINES},
    };
    static struct sources sources;
    struct options options;
    struct load load;

    if (!read_options(argc, argv, &options)) {
        fprintf(stderr,
                "usage: stagecoach-bench rules [--json] [--runs N] [--events N] [--customers N]\n"
                "N: runs 1 to %d (5), events 1,000 to 20,000,000 (800,000; the second half is "
                "counted), "
                "customers of the shop (50,000)\n",
                RUNS_MAX);
        return 2;
    }
    struct schema *schema = load_schema();
    if (!schema || !load_sets(sets, &sources))
        return 1;
    make_load(&load, &options);
    measure(&options, sets, &load, schema);
    for (size_t i = 0; i < SET_COUNT; i++)
        rules_free(sets[i].rules);
    close_sources(&sources);
    schema_free(schema);
    free(load.messages);
    buf_fini(&load.bytes);
    return 0;
}
