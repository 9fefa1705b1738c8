#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/demo_feed.h"
#include "cli/demo_signals.h"
#include "cli/demo_world.h"
#include "cli/project.h"
#include "core/clock.h"
#include "core/datetime.h"
#include "core/log.h"
#include "engine/engine.h"

#define EVENTS        1000000
#define DRAIN_MS      15000 /* after the last event: for signals that are still under way */
#define LINE_EVERY_MS 2000  /* where there is no terminal to paint on */

static const char help[] =
    "Usage: stagecoach demo [--events N] [--keep]\n"
    "\n"
    "Shows the main job on this machine alone: an embedded broker, a redis-server of its own, a "
    "made-up shop,\n"
    "the real engine, a live summary. Ends by itself and cleans up.\n"
    "\n"
    "      --events N   how many events the shop sends (1,000,000)\n"
    "      --keep       leaves the temporary folder with its Redis running, to look into\n"
    "  -h, --help       this text\n";

struct demo {
    struct demo_world world;
    struct demo_feed feed;
    struct demo_signals signals;
    struct project project;
    struct engine *engine;
    struct clock clock;
    int64_t started_ms, painted_ms;
    uint64_t painted_events;
    double rate;
    bool terminal;
    int lines; /* painted so far */
};

/* ---- the picture ---- */

static void put(struct demo *demo, const char *text)
{
    printf("%s%s\n", text, demo->terminal ? "\033[K" : "");
    demo->lines++;
}

static void paint_head(struct demo *demo, const struct engine_totals *totals)
{
    char line[256], time[32];
    datetime_format_ms(atomic_load(&demo->feed.event_time_ms) / 1000 * 1000, time);
    snprintf(line, sizeof line,
             "  shop time %s   %" PRIu64 " of %" PRIu64 " events   %.0f events/s", time,
             totals->events, demo->feed.wanted, demo->rate);
    put(demo, line);
    snprintf(line, sizeof line,
             "  %" PRIu64 " customers   %" PRIu64 " signals   %" PRIu64 " transactions   %" PRIu64
             " checkpoints",
             totals->customers, totals->signals, totals->epochs, totals->checkpoints);
    put(demo, line);
}

static void paint_types(struct demo *demo)
{
    char line[256];
    for (size_t i = 0; i < demo->signals.type_count; i++) {
        snprintf(line, sizeof line, "    %-22s %8" PRIu64, demo->signals.types[i].name,
                 demo->signals.types[i].count);
        put(demo, line);
    }
}

static void paint_latest(struct demo *demo)
{
    char line[DEMO_WORDS_SIZE + 8];
    put(demo, "  latest:");
    for (uint64_t i = 0; i < DEMO_LATEST && i < demo->signals.told; i++) {
        snprintf(line, sizeof line, "    %s",
                 demo->signals.latest[(demo->signals.told - 1 - i) % DEMO_LATEST]);
        put(demo, line);
    }
}

static void measure_rate(struct demo *demo, const struct engine_totals *totals, int64_t now_ms)
{
    if (now_ms > demo->painted_ms)
        demo->rate = (double)(totals->events - demo->painted_events) * 1000.0 /
                     (double)(now_ms - demo->painted_ms);
    demo->painted_ms = now_ms;
    demo->painted_events = totals->events;
}

static void paint(struct demo *demo, const struct engine_totals *totals)
{
    int64_t now_ms = clock_monotonic_ms(&demo->clock);
    if (now_ms - demo->painted_ms < (demo->terminal ? 200 : LINE_EVERY_MS))
        return;
    measure_rate(demo, totals, now_ms);
    if (demo->terminal && demo->lines)
        printf("\033[%dA", demo->lines);
    demo->lines = 0;
    paint_head(demo, totals);
    if (demo->terminal)
        paint_types(demo);
    paint_latest(demo);
    fflush(stdout);
}

/* ---- the run ---- */

static bool is_through(const struct demo *demo, const struct engine_totals *totals)
{
    return atomic_load(&demo->feed.ended) &&
           totals->events + totals->duplicates >= atomic_load(&demo->feed.sent);
}

static void watch(struct demo *demo)
{
    struct engine_totals totals = {0};
    int64_t through_ms = 0;

    while (!cli_interrupted() && !engine_has_failed(demo->engine)) {
        engine_totals(demo->engine, &totals);
        atomic_store(&demo->feed.handled, totals.events + totals.duplicates);
        demo_signals_poll(&demo->signals, 20);
        paint(demo, &totals);
        if (demo->feed.info.text[0])
            break;
        if (!is_through(demo, &totals))
            continue;
        int64_t now_ms = clock_monotonic_ms(&demo->clock);
        through_ms = through_ms ? through_ms : now_ms;
        if (demo->signals.total >= totals.signals || now_ms - through_ms > DRAIN_MS)
            break;
    }
}

static void summarise(struct demo *demo, const struct engine_totals *totals, double seconds)
{
    uint64_t left = 0, back = 0;
    printf(
        "\nDone: %" PRIu64 " events of %" PRIu64
        " customers in %.1f s (%.0f events/s, generator, broker and Redis on the same machine).\n",
        totals->events, totals->customers, seconds, (double)totals->events / seconds);
    printf("Signals read back from Kafka: %" PRIu64 "\n", demo->signals.total);
    for (size_t i = 0; i < demo->signals.type_count; i++) {
        const char *name = demo->signals.types[i].name;
        printf("  %-22s %8" PRIu64 "\n", name, demo->signals.types[i].count);
        left += strcmp(name, "cart.abandoned") == 0 || strcmp(name, "checkout.abandoned") == 0
                    ? demo->signals.types[i].count
                    : 0;
        back += strcmp(name, "cart.recovered") == 0 || strcmp(name, "cart.resumed") == 0
                    ? demo->signals.types[i].count
                    : 0;
    }
    if (left)
        printf("%" PRIu64 " carts were left; customers came back for %.0f of 100.\n", left,
               100.0 * (double)back / (double)left);
    printf("Not as with a real broker: the embedded one keeps no transactional offsets, so that a "
           "second start would begin anew.\n");
}

static enum err start(struct demo *demo, struct worker_setting *setting, struct errinfo *info)
{
    enum err rc = demo_world_open(&demo->world, info);
    if (rc != ERR_NONE)
        return rc;
    if (!project_load_or_say(&demo->project, demo->world.config_path, NULL))
        return err_set(info, ERR_CONFIG, "the demo's configuration is wrong");
    *setting = (struct worker_setting){
        .config = demo->project.config,
        .ruleset = demo->project.ruleset,
    };
    rc = engine_start(setting, cli_interrupted_flag(), &demo->engine, info);
    return rc == ERR_NONE ? demo_signals_open(&demo->signals, demo->world.brokers, info) : rc;
}

static int run(struct demo *demo)
{
    struct errinfo info = {""};
    struct engine_totals totals;

    demo->feed.brokers = demo->world.brokers;
    demo->started_ms = demo->painted_ms = clock_monotonic_ms(&demo->clock);
    demo_feed_start(&demo->feed);
    watch(demo);
    double seconds = (double)(clock_monotonic_ms(&demo->clock) - demo->started_ms) / 1000;
    demo_feed_join(&demo->feed);
    engine_totals(demo->engine, &totals);
    bool all = totals.events + totals.duplicates >= demo->feed.wanted &&
               demo->signals.total >= totals.signals;
    enum err rc = engine_stop(demo->engine, &info);
    if (rc != ERR_RETRY)
        engine_free(demo->engine);
    summarise(demo, &totals, seconds);
    if (demo->feed.info.text[0])
        info = demo->feed.info;
    if (rc != ERR_NONE || demo->feed.info.text[0])
        fprintf(stderr, "stagecoach demo: %s\n", info.text);
    else if (!all && !cli_interrupted())
        fprintf(stderr, "stagecoach demo: only %" PRIu64 " of %" PRIu64 " signals came back\n",
                demo->signals.total, totals.signals);
    return rc == ERR_NONE && all ? 0 : 1;
}

static void clean_up(struct demo *demo)
{
    demo_signals_close(&demo->signals);
    project_free(&demo->project);
    if (demo->world.keep)
        printf("Kept: %s (redis-server process %d, socket %s/redis.sock)\n", demo->world.folder,
               (int)demo->world.redis, demo->world.folder);
    demo_world_close(&demo->world);
}

int cmd_demo(int argc, char **argv)
{
    long long events = EVENTS;
    struct demo demo = {.clock = clock_system(), .terminal = isatty(STDOUT_FILENO)};
    const struct cli_option options[] = {
        {"events", 0, CLI_COUNT, &events}, {"keep", 0, CLI_FLAG, &demo.world.keep}, {0}};
    struct worker_setting setting;
    struct errinfo info = {""};
    int rc = cli_parse(argc, argv, options, help, NULL);

    if (rc != CLI_GO_ON)
        return rc;
    if (events == 0)
        return cli_wrong(argv[0], "--events must be at least 1");
    demo.feed.wanted = (uint64_t)events;
    cli_catch_signals();
    log_set_level(LOG_ERROR); /* the mock makes librdkafka warn of what it lacks */
    printf("Stagecoach demo: an embedded broker, a Redis of its own, a made-up shop, and the real "
           "engine with the machines cart, browse and lifecycle.\n");
    fflush(stdout);
    if (start(&demo, &setting, &info) == ERR_NONE) {
        rc = run(&demo);
    } else {
        fprintf(stderr, "stagecoach demo: %s\n", info.text);
        rc = 1;
    }
    clean_up(&demo);
    return rc;
}
