#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "bench/shop.h"
#include "cli/cli.h"
#include "cli/config_or_say.h"
#include "cli/feed.h"
#include "core/datetime.h"

#define EVENTS_DEFAULT     1000000
#define CUSTOMERS_DEFAULT  200000
#define PER_SECOND_DEFAULT 50.0

static const char help[] =
    "Usage: stagecoach generate -c FILE [OPTIONS]\n"
    "\n"
    "Sends a made-up shop into the first topic of the configuration: sessions, carts (about 70% of "
    "them\n"
    "abandoned), orders and what follows them, as Segment messages in msgpack, keyed by customer. "
    "Each\n"
    "record's time is its event's. The same seed, start and sizes give the same events.\n"
    "\n"
    "  -c, --config FILE     the configuration\n"
    "  -n, --events N        how many; default 1,000,000, or until interrupted with --rate or "
    "--speed\n"
    "      --seed N          default 1\n"
    "      --customers N     default 200,000\n"
    "      --products N      default 20,000\n"
    "      --per-second X    events per second of event time: default 50\n"
    "      --start TIME      event time of the beginning, RFC 3339; default: so that the events "
    "end about\n"
    "                        now, or with --speed and without --events: now\n"
    "      --late X          this share of the events arrives up to 5 s late, such as 0.01; "
    "default none\n"
    "      --duplicates X    this share of the events is sent twice; default none\n"
    "      --rate X          sends X events a second\n"
    "      --speed X         sends X times as fast as it happens: 1 is a live shop\n"
    "                        without either: as fast as possible\n"
    "  -h, --help            this text\n"
    "\n"
    "Exit codes: 0 done or interrupted, 1 not all was delivered, 2 wrong usage or configuration.\n";

struct request {
    const char *config;
    const char *start;
    long long events, seed, customers, products; /* events -1: not given */
    double per_second, rate, speed, late, duplicates;
};

static int64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool is_endless(const struct request *request)
{
    return request->events < 0;
}

/*
 * So that records are not older than they must be (Kafka deletes old ones), nor in the future
 * (Kafka 4 refuses these).
 */
static int64_t default_start(const struct request *request)
{
    int64_t now_ms = wall_ms() / 1000 * 1000;
    if (is_endless(request))
        return now_ms;
    return now_ms - (int64_t)((double)request->events / request->per_second * 1000);
}

static int check(const char *command, struct request *request, struct shop_options *shop)
{
    int64_t start_ms = 0;
    bool is_paced = request->rate > 0 || request->speed > 0;
    if (!request->config)
        return cli_wrong(command, "-c FILE is missing");
    if (request->rate > 0 && request->speed > 0)
        return cli_wrong(command, "--rate and --speed exclude each other");
    if (request->late > 1 || request->duplicates > 1)
        return cli_wrong(command, "--late and --duplicates are shares, such as 0.01");
    if (request->customers < 1 || request->customers > 1000000000 || request->products < 1 ||
        request->products > 10000000)
        return cli_wrong(command,
                         "--customers is 1 to 1,000,000,000 and --products 1 to 10,000,000");
    if (request->start && !datetime_parse_ms(slice_of(request->start), &start_ms))
        return cli_wrong(command,
                         "--start %s: must be a time with an offset, such as 2026-01-05T10:00:00Z",
                         request->start);
    if (request->events < 0 && !is_paced)
        request->events = EVENTS_DEFAULT;
    *shop = (struct shop_options){
        .seed = (uint64_t)request->seed,
        .customers = (uint32_t)request->customers,
        .products = (uint32_t)request->products,
        .events_per_second = request->per_second,
        .start_ms = request->start ? start_ms : default_start(request),
        .late_share = request->late,
        .duplicate_share = request->duplicates,
    };
    return CLI_GO_ON;
}

static int feed_shop(struct feed *feed, const struct request *request,
                     const struct shop_options *options)
{
    struct shop *shop = shop_new(options);
    uint64_t limit = is_endless(request) ? UINT64_MAX : (uint64_t)request->events;
    for (uint64_t i = 0; i < limit; i++) {
        struct shop_event event;
        char where[64];
        shop_next(shop, &event);
        snprintf(where, sizeof where, "event %" PRIu64, i);
        struct feeder_record record = {event.customer, event.message, event.time_ms, -1};
        if (!feed_send(feed, &record, where))
            break;
    }
    shop_free(shop);
    return feed_close(feed);
}

/* The shop speaks Segment. */
static bool schema_is_segment(const struct config *config)
{
    struct schema *schema = config_schema_or_say(config);
    bool is_segment = schema && slice_is(schema_name(schema), "segment");
    if (schema && !is_segment)
        fprintf(stderr,
                "stagecoach generate: events.schema is %.*s, and the made-up shop speaks segment\n",
                (int)schema_name(schema).size, schema_name(schema).data);
    schema_free(schema);
    return is_segment;
}

static int generate(const struct request *request, const struct shop_options *options,
                    const struct config *config)
{
    struct feed feed = {.pacer = {.events_per_s = request->rate, .speed = request->speed}};
    if (!schema_is_segment(config))
        return 2;
    int code = feed_open(&feed, "generate", config);
    return code == 0 ? feed_shop(&feed, request, options) : code;
}

int cmd_generate(int argc, char **argv)
{
    struct request request = {.events = -1,
                              .seed = 1,
                              .customers = CUSTOMERS_DEFAULT,
                              .products = 20000,
                              .per_second = PER_SECOND_DEFAULT};
    const struct cli_option options[] = {
        {"config", 'c', CLI_TEXT, &request.config},
        {"events", 'n', CLI_COUNT, &request.events},
        {"seed", 0, CLI_COUNT, &request.seed},
        {"customers", 0, CLI_COUNT, &request.customers},
        {"products", 0, CLI_COUNT, &request.products},
        {"per-second", 0, CLI_FACTOR, &request.per_second},
        {"start", 0, CLI_TEXT, &request.start},
        {"late", 0, CLI_FACTOR, &request.late},
        {"duplicates", 0, CLI_FACTOR, &request.duplicates},
        {"rate", 0, CLI_FACTOR, &request.rate},
        {"speed", 0, CLI_FACTOR, &request.speed},
        {0},
    };
    struct shop_options shop;
    int code = cli_parse(argc, argv, options, help, NULL);
    if (code == CLI_GO_ON)
        code = check(argv[0], &request, &shop);
    if (code != CLI_GO_ON)
        return code;
    cli_catch_signals();
    struct config *config = config_load_or_say(request.config);
    code = config ? generate(&request, &shop, config) : 2;
    config_free(config);
    return code;
}
