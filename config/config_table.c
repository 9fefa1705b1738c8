#include "config/config_table.h"

#include <stdio.h>
#include <string.h>

#include "config/config.h"

#define MS_SECOND INT64_C(1000)
#define MS_HOUR   (3600 * MS_SECOND)
#define MS_DAY    (24 * MS_HOUR)

#define FIELD(name) offsetof(struct config, name)

static const char *const starts[] = {"earliest", "latest", NULL};
static const char *const event_formats[] = {"msgpack", NULL};
static const char *const signal_formats[] = {"json", "msgpack", NULL};
static const char *const deliveries[] = {"exactly_once", "at_least_once", NULL};

/* In the order of config/stagecoach.yaml. Sections are contiguous. */
const struct config_key config_keys[] = {
    {
        .path = "kafka.brokers",
        .type = CONFIG_TEXT,
        .offset = FIELD(brokers),
        .fallback = "localhost:9092",
        .min = 1,
        .max = 4096,
        .help = "Kafka's brokers to start from, host:port, separated by commas.",
    },
    {
        .path = "kafka.group",
        .type = CONFIG_NAME,
        .offset = FIELD(group),
        .fallback = "stagecoach",
        .min = 1,
        .max = 128,
        .help = "The consumer group. All processes of one group share the work; it is part of the "
                "names "
                "in Redis, of the journal's topic and of transactional ids.",
    },
    {
        .path = "kafka.topics",
        .type = CONFIG_TOPICS,
        .offset = FIELD(topics),
        .fallback = "[shop.events]",
        .help = "Topics with events. Each is a population of customers of its own.",
    },
    {
        .path = "kafka.start",
        .type = CONFIG_CHOICE,
        .offset = FIELD(start),
        .fallback = "earliest",
        .choices = starts,
        .help = "Where a partition that was never read begins.",
    },
    {
        .path = "kafka.properties",
        .type = CONFIG_PROPERTIES,
        .fallback = "{}",
        .help =
            "Passed on to librdkafka, e.g. security.protocol. A value may be { file: PATH }, which "
            "is read from that file. Refused: what exactly-once delivery needs to set itself.",
    },
    {
        .path = "redis.url",
        .type = CONFIG_REDIS_URL,
        .offset = FIELD(redis_url),
        .fallback = "redis://localhost:6379/0",
        .help = "redis://[user:password@]host[:port][/db] or unix:///path/to/socket[?db=N].",
    },
    {
        .path = "redis.url_file",
        .type = CONFIG_SECRET_FILE,
        .offset = FIELD(redis_url_file),
        .help = "A file that holds the url, in place of redis.url, so that no password is in here.",
    },
    {
        .path = "redis.prefix",
        .type = CONFIG_NAME,
        .offset = FIELD(redis_prefix),
        .fallback = "stagecoach",
        .min = 1,
        .max = 64,
        .help = "The beginning of all keys in Redis.",
    },
    {
        .path = "events.schema",
        .type = CONFIG_TEXT,
        .offset = FIELD(schema),
        .fallback = "segment",
        .min = 1,
        .max = 4096,
        .help =
            "Where the fields of an event lie: a name (schemas/NAME.yaml beside this file, or as "
            "shipped), or the path of a file.",
    },
    {
        .path = "events.format",
        .type = CONFIG_CHOICE,
        .offset = FIELD(event_format),
        .fallback = "msgpack",
        .choices = event_formats,
        .help = "How events are written.",
    },
    {
        .path = "machines",
        .type = CONFIG_PATHS,
        .offset = FIELD(machines),
        .fallback = "[machines/cart.yaml, machines/browse.yaml, machines/lifecycle.yaml]",
        .help =
            "Machine files, in the order in which they run; relative to this file, or absolute.",
    },
    {
        .path = "signals.format",
        .type = CONFIG_CHOICE,
        .offset = FIELD(signal_format),
        .fallback = "json",
        .choices = signal_formats,
        .help = "How signals are written.",
    },
    {
        .path = "signals.topics",
        .type = CONFIG_ROUTES,
        .fallback =
            "{ 'cart.*': shop.carts, 'checkout.*': shop.carts, 'stage.changed': shop.stages, "
            "'*': shop.signals }",
        .help = "Topics by signal type; `*` stands for any text. The first that matches is taken.",
    },
    {
        .path = "signals.dead_letters",
        .type = CONFIG_NAME,
        .offset = FIELD(dead_letters),
        .fallback = "shop.dead-letters",
        .min = 1,
        .max = 249,
        .help = "The topic of messages that could not be read, with the reason.",
    },
    {
        .path = "signals.max_bytes",
        .type = CONFIG_INT,
        .offset = FIELD(max_bytes),
        .fallback = "921600",
        .min = 1024,
        .max = 8 << 20,
        .help = "A larger signal becomes a dead letter.",
    },
    {
        .path = "instance",
        .type = CONFIG_NAME,
        .offset = FIELD(instance),
        .min = 1,
        .max = 64,
        .help =
            "The name of this process in its group, the same after a restart. Default: the host's "
            "name; two processes on one host need two.",
    },
    {
        .path = "watch",
        .type = CONFIG_BOOL,
        .offset = FIELD(watch),
        .fallback = "false",
        .help = "Reload machines when their files change; SIGHUP does it at any time.",
    },
    {
        .path = "delivery",
        .type = CONFIG_CHOICE,
        .offset = FIELD(delivery),
        .fallback = "exactly_once",
        .choices = deliveries,
        .help = "exactly_once; at_least_once is not in this version.",
    },
    {
        .path = "commit_interval",
        .type = CONFIG_DURATION,
        .offset = FIELD(commit_interval_ms),
        .fallback = "100ms",
        .min = 1,
        .max = 10 * MS_SECOND, /* a transaction has 30 s in all */
        .help = "How often signals and offsets are committed; signals are seen that much later.",
    },
    {
        .path = "checkpoint_interval",
        .type = CONFIG_DURATION,
        .offset = FIELD(checkpoint_interval_ms),
        .fallback = "1s",
        .min = 1,
        .max = MS_HOUR,
        .help =
            "How often changed customers are written to Redis; at least commit_interval. After a "
            "crash so much is computed again.",
    },
    {
        .path = "watermark.lateness",
        .type = CONFIG_DURATION,
        .offset = FIELD(lateness_ms),
        .fallback = "5s",
        .min = 0,
        .max = 366 * MS_DAY,
        .help = "How long timers wait for events that come out of order.",
    },
    {
        .path = "watermark.idle",
        .type = CONFIG_DURATION,
        .offset = FIELD(watermark_idle_ms),
        .fallback = "30s",
        .min = 1,
        .max = 366 * MS_DAY,
        .help = "After so much silence of a partition the wall clock moves its timers.",
    },
    {
        .path = "watermark.future",
        .type = CONFIG_DURATION,
        .offset = FIELD(future_ms),
        .fallback = "1h",
        .min = 0,
        .max = 366 * MS_DAY,
        .help = "An event whose time lies further ahead of its Kafka record's gets the record's.",
    },
    {
        .path = "workers",
        .type = CONFIG_WORKERS,
        .offset = FIELD(workers),
        .fallback = "auto",
        .min = 1,
        .max = 256,
        .help = "Threads that own partitions; auto: the number of processors less one.",
    },
    {
        .path = "memory.customers",
        .type = CONFIG_INT,
        .offset = FIELD(memory_customers),
        .fallback = "1000000",
        .min = 1,
        .max = 1000000000,
        .help = "Customers that a worker keeps in memory; colder ones live in Redis only.",
    },
    {
        .path = "memory.forget_after",
        .type = CONFIG_DURATION,
        .offset = FIELD(forget_after_ms),
        .fallback = "400d",
        .min = MS_SECOND,
        .max = 36525 * MS_DAY,
        .help = "A customer who has been silent for so long is forgotten.",
    },
    {
        .path = "http.listen",
        .type = CONFIG_TEXT,
        .offset = FIELD(http_listen),
        .fallback = "127.0.0.1:9464",
        .min = 1,
        .max = 256,
        .help = "Where metrics, health and the journey page will be served (not in this version).",
    },
    {
        .path = "constants",
        .type = CONFIG_NODE,
        .offset = FIELD(constants),
        .fallback = "{ timezone: Asia/Bangkok, festivals: { 01-01T09:00: new_year, "
                    "04-13T09:00: songkran } }",
        .help = "Values for the machines' expressions, as constants.NAME.",
    },
    {
        .path = "shutdown_timeout",
        .type = CONFIG_DURATION,
        .offset = FIELD(shutdown_timeout_ms),
        .fallback = "20s",
        .min = MS_SECOND,
        .max = MS_HOUR,
        .help = "How long a stop may take to drain what is under way.",
    },
};

const size_t config_key_count = sizeof(config_keys) / sizeof(config_keys[0]);

size_t config_key_find(const char *path)
{
    for (size_t i = 0; i < config_key_count; i++) {
        if (strcmp(config_keys[i].path, path) == 0)
            return i;
    }
    return config_key_count;
}

void config_key_variable(const struct config_key *key, char out[64])
{
    snprintf(out, 64, "STAGECOACH_%s", key->path);
    for (char *c = out; *c; c++) {
        if (*c == '.')
            *c = '_';
        else if (*c >= 'a' && *c <= 'z')
            *c = (char)(*c - 'a' + 'A');
    }
}
