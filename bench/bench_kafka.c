/*
 * bench/bench_kafka.c - what the whole job costs beside the least that reading costs.
 *
 * On a real broker one topic of generated lz4 events is read in turn by a bare consumer that throws
 * messages away (rd_kafka_consume_batch_queue), and by the engine (three machines, exactly once,
 * Redis with checkpoints). Each run is a process of its own, which tells its CPU time (user +
 * system, all threads) and its wall time from the first message to the last commit; start-up is not
 * counted. Broker and Redis are processes too: theirs is reported apart.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

#include "bench/bench.h"
#include "bench/shop.h"
#include "config/config.h"
#include "core/check.h"
#include "core/log.h"
#include "engine/engine.h"

#define WAIT_MS  300000
#define ADMIN_MS 30000

struct settings {
    uint64_t events;
    int32_t partitions;
    uint32_t customers;
    int runs;
    bool json;
    const char *brokers, *redis;
    const char *prefix; /* of the topics: each benchmark's own, PREFIX.events and so on */
    char folder[64];
    bool own_servers, own_topics;
    pid_t redis_pid, kafka_pid;
};

struct measured {
    double cpu_s, wall_s;
    double kafka_cpu_s, redis_cpu_s;
};

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double own_cpu(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* User and system time of another process, from /proc/PID/stat; 0 where it is unknown. */
static double cpu_of(pid_t pid)
{
    char path[64], text[1024];
    unsigned long user = 0, system = 0;
    if (pid <= 0)
        return 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (!file)
        return 0;
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = '\0';
    const char *rest = strrchr(text, ')'); /* the name may hold anything */
    if (!rest || sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                        &system) != 2)
        return 0;
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static const char *topic_named(const struct settings *settings, const char *what, char name[64])
{
    snprintf(name, 64, "%s.%s", settings->prefix, what);
    return name;
}

static void nap_ms(int ms)
{
    struct timespec pause = {ms / 1000, (long)(ms % 1000) * 1000000};
    nanosleep(&pause, NULL);
}

/* ---- the two readers, each in a process of its own ---- */

static rd_kafka_t *open_bare(const char *brokers)
{
    /*
     * librdkafka's defaults, as in a loop that somebody just writes, but for how many may wait: with the default it
     * may rest for a second (docs/librdkafka-notes.md).
     */
    static const char *const names[][2] = {
        {"enable.auto.commit", "false"},
        {"auto.offset.reset", "earliest"},
        {"queued.min.messages", "1000000"},
        {"socket.nagle.disable", "true"},
    };
    char reason[256], group[64];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    snprintf(group, sizeof group, "bench-bare-%d", (int)getpid());
    rd_kafka_conf_set(conf, "bootstrap.servers", brokers, reason, sizeof reason);
    rd_kafka_conf_set(conf, "group.id", group, reason, sizeof reason);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        CHECK(rd_kafka_conf_set(conf, names[i][0], names[i][1], reason, sizeof reason) ==
              RD_KAFKA_CONF_OK);
    rd_kafka_t *consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, reason, sizeof reason);
    CHECK(consumer);
    return consumer;
}

static int read_bare(const struct settings *settings)
{
    rd_kafka_t *consumer = open_bare(settings->brokers);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    static rd_kafka_message_t *messages[2000];
    uint64_t seen = 0;
    double began = 0, cpu = 0;

    char topic[64];

    rd_kafka_poll_set_consumer(consumer);
    rd_kafka_topic_partition_list_add(list, topic_named(settings, "events", topic),
                                      RD_KAFKA_PARTITION_UA);
    rd_kafka_subscribe(consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(consumer);
    while (seen < settings->events) {
        ssize_t count = rd_kafka_consume_batch_queue(queue, 20, messages, 2000);
        if (count > 0 && began == 0) {
            began = seconds_now();
            cpu = own_cpu();
        }
        for (ssize_t i = 0; i < count; i++) {
            seen += messages[i]->err == RD_KAFKA_RESP_ERR_NO_ERROR;
            rd_kafka_message_destroy(messages[i]);
        }
    }
    printf("%.6f %.6f\n", own_cpu() - cpu, seconds_now() - began);
    fflush(stdout);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(consumer);
    return 0;
}

static void configuration(const struct settings *settings, char *text, size_t size)
{
    int written =
        snprintf(text, size,
                 "kafka: { brokers: '%s', group: bench-%d, topics: [%s.events] }\n"
                 "redis: { url: '%s' }\n"
                 "signals: { topics: { '*': %s.signals }, dead_letters: %s.dead-letters }\n"
                 "watermark: { idle: 1h }\n"
                 "instance: bench-%d\n"
                 "workers: 1\n",
                 settings->brokers, (int)getpid(), settings->prefix, settings->redis,
                 settings->prefix, settings->prefix, (int)getpid());
    CHECK(written > 0 && (size_t)written < size);
}

static int read_engine(const struct settings *settings)
{
    char text[1024];
    static volatile int stop;
    struct diag diag;
    struct errinfo info = {""};
    struct engine *engine = NULL;
    struct engine_totals totals = {0};
    double began = 0, cpu = 0;

    log_set_level(LOG_WARN);
    diag_init(&diag);
    configuration(settings, text, sizeof text);
    struct config *config = config_parse("bench.yaml", slice_of(text), &diag);
    diag_print(&diag, stderr);
    if (!config)
        return 2;
    struct schema *schema = schema_load(config->schema_path, &diag);
    struct rules_options options = {.files = config->machines.items,
                                    .file_count = config->machines.count,
                                    .constants = config->constants,
                                    .forget_after_ms = config->forget_after_ms};
    struct rules *rules = rules_load(&options, &diag);
    diag_print(&diag, stderr);
    CHECK(schema && rules);
    struct worker_setting setting = {config, ruleset_new(config, rules, schema)};
    if (engine_start(&setting, &stop, &engine, &info) != ERR_NONE) {
        fprintf(stderr, "stagecoach-bench: %s\n", info.text);
        return 1;
    }
    while ((totals.events < settings->events || totals.workers_settled < 1) &&
           !engine_has_failed(engine)) {
        nap_ms(began == 0 ? 1 : 5);
        engine_totals(engine, &totals);
        if (totals.events > 0 && began == 0) {
            began = seconds_now();
            cpu = own_cpu();
        }
    }
    double cpu_s = own_cpu() - cpu, wall_s = seconds_now() - began;
    if (totals.events >= settings->events)
        printf("%.6f %.6f\n", cpu_s, wall_s);
    fprintf(stderr,
            "  engine: %" PRIu64 " events, %" PRIu64 " signals, %" PRIu64 " customers, %" PRIu64
            " transactions, %" PRIu64 " checkpoints, %" PRIu64 " doubts\n",
            totals.events, totals.signals, totals.customers, totals.epochs, totals.checkpoints,
            totals.doubts);
    fflush(stdout);
    if (engine_stop(engine, &info) != ERR_NONE)
        return 1;
    engine_free(engine);
    return 0;
}

/* ---- servers ---- */

static bool run_shell(const char *command, char *line, size_t size)
{
    FILE *pipe = popen(command, "r");
    if (!pipe)
        return false;
    line[0] = '\0';
    bool got = fgets(line, (int)size, pipe) != NULL;
    line[strcspn(line, "\n")] = '\0';
    return pclose(pipe) == 0 && got;
}

static void start_redis(struct settings *settings)
{
    static char url[128];
    char path[96];
    snprintf(path, sizeof path, "%s/redis.sock", settings->folder);
    settings->redis_pid = fork();
    CHECK(settings->redis_pid >= 0);
    if (settings->redis_pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (!freopen("/dev/null", "w", stdout))
            _exit(126);
        execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", path, "--save", "",
               "--appendonly", "no", "--dir", settings->folder, (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 1000 && access(path, F_OK) != 0; i++)
        nap_ms(10);
    snprintf(url, sizeof url, "unix://%s", path);
    settings->redis = url;
}

static void stop_redis(struct settings *settings)
{
    kill(settings->redis_pid, SIGKILL);
    waitpid(settings->redis_pid, NULL, 0);
}

/* What an earlier run has left would be searched by the next one's start, and rehashed meanwhile. */
static void renew_redis(struct settings *settings)
{
    if (!settings->own_servers)
        return;
    stop_redis(settings);
    unlink(settings->redis + strlen("unix://"));
    start_redis(settings);
}

static bool start_kafka(struct settings *settings)
{
    static char address[128];
    char command[512], pid[32];
    snprintf(command, sizeof command, "'%s/tests/support/kafka/kafka.sh' start '%s/kafka'",
             STAGECOACH_SOURCE_DIR, settings->folder);
    if (!run_shell(command, address, sizeof address))
        return false;
    settings->brokers = address;
    snprintf(command, sizeof command, "cat '%s/kafka/pid'", settings->folder);
    if (run_shell(command, pid, sizeof pid))
        settings->kafka_pid = (pid_t)strtol(pid, NULL, 10);
    return true;
}

static bool start_servers(struct settings *settings)
{
    if (settings->brokers && settings->redis)
        return true;
    if (settings->brokers || settings->redis) {
        fprintf(stderr, "stagecoach-bench: give both --brokers and --redis, or neither\n");
        return false;
    }
    snprintf(settings->folder, sizeof settings->folder, "/tmp/stagecoach-bench-XXXXXX");
    if (!mkdtemp(settings->folder))
        return false;
    settings->own_servers = true;
    fprintf(stderr, "starting a broker and a Redis\n");
    start_redis(settings);
    if (start_kafka(settings))
        return true;
    fprintf(stderr, "stagecoach-bench: no broker: tests/support/kafka/kafka.sh needs Java and "
                    "Maven (scripts/install-deps.sh --test)\n");
    return false;
}

static void stop_servers(struct settings *settings)
{
    char command[512], line[64];
    if (!settings->own_servers)
        return;
    stop_redis(settings);
    snprintf(command, sizeof command,
             "'%s/tests/support/kafka/kafka.sh' kill '%s/kafka'; rm -rf '%s'",
             STAGECOACH_SOURCE_DIR, settings->folder, settings->folder);
    run_shell(command, line, sizeof line);
}

/* ---- the topic ---- */

static rd_kafka_t *open_producer(const struct settings *settings)
{
    static const char *const names[][2] = {
        {"compression.codec", "lz4"},
        {"linger.ms", "50"},
        {"partitioner", "murmur2_random"},
        {"queue.buffering.max.messages", "1000000"},
    };
    char reason[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    rd_kafka_conf_set(conf, "bootstrap.servers", settings->brokers, reason, sizeof reason);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        CHECK(rd_kafka_conf_set(conf, names[i][0], names[i][1], reason, sizeof reason) ==
              RD_KAFKA_CONF_OK);
    rd_kafka_t *producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof reason);
    CHECK(producer);
    return producer;
}

static bool has_created(rd_kafka_event_t *event)
{
    size_t count = 0;
    if (!event) {
        fprintf(stderr, "stagecoach-bench: the broker does not answer\n");
        return false;
    }
    const rd_kafka_topic_result_t **topics =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    if (count == 1 && rd_kafka_topic_result_error(topics[0]) == RD_KAFKA_RESP_ERR_NO_ERROR)
        return true;
    fprintf(stderr, "stagecoach-bench: the topic can't be created: %s\n",
            count == 1 ? rd_kafka_err2str(rd_kafka_topic_result_error(topics[0]))
                       : rd_kafka_event_error_string(event));
    return false;
}

static bool create_topic(rd_kafka_t *producer, const struct settings *settings)
{
    char reason[256], name[64];
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(
        topic_named(settings, "events", name), settings->partitions, 1, reason, sizeof reason);
    rd_kafka_NewTopic_set_config(topic, "retention.ms",
                                 "-1"); /* the events' times are what they are */
    rd_kafka_queue_t *queue = rd_kafka_queue_new(producer);
    rd_kafka_CreateTopics(producer, &topic, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, ADMIN_MS);
    bool created = has_created(event);
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy(topic);
    return created;
}

/* On a broker that lives on. */
static void delete_topics(const struct settings *settings)
{
    static const char *const names[] = {"events", "signals", "dead-letters"};
    rd_kafka_DeleteTopic_t *topics[3];
    char name[64];

    rd_kafka_t *producer = open_producer(settings);
    for (size_t i = 0; i < 3; i++)
        topics[i] = rd_kafka_DeleteTopic_new(topic_named(settings, names[i], name));
    rd_kafka_queue_t *queue = rd_kafka_queue_new(producer);
    rd_kafka_DeleteTopics(producer, topics, 3, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, ADMIN_MS);
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_DeleteTopic_destroy_array(topics, 3);
    rd_kafka_destroy(producer);
}

static void produce(rd_kafka_t *producer, const struct settings *settings)
{
    struct shop_options options = {.seed = 1, .customers = settings->customers};
    struct shop *shop = shop_new(&options);
    struct shop_event event;
    char topic[64];
    topic_named(settings, "events", topic);
    for (uint64_t i = 0; i < settings->events; i++) {
        shop_next(shop, &event);
        while (rd_kafka_producev(
                   producer, RD_KAFKA_V_TOPIC(topic),
                   RD_KAFKA_V_KEY(event.customer.data, event.customer.size),
                   RD_KAFKA_V_VALUE((void *)(uintptr_t)event.message.data, event.message.size),
                   RD_KAFKA_V_TIMESTAMP(event.time_ms), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                   RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
            rd_kafka_poll(producer, 10);
        if (i % 10000 == 0)
            rd_kafka_poll(producer, 0);
    }
    shop_free(shop);
}

static bool fill_topic(struct settings *settings)
{
    rd_kafka_t *producer = open_producer(settings);
    settings->own_topics = create_topic(producer, settings);
    if (settings->own_topics)
        produce(producer, settings);
    bool filled =
        rd_kafka_flush(producer, WAIT_MS) == RD_KAFKA_RESP_ERR_NO_ERROR && settings->own_topics;
    rd_kafka_destroy(producer);
    return filled;
}

/* ---- runs ---- */

static bool run_child(const struct settings *settings, const char *mode, struct measured *measured)
{
    char command[1024], line[128], self[256];
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
    double kafka = cpu_of(settings->kafka_pid), redis = cpu_of(settings->redis_pid);

    CHECK(size > 0);
    self[size] = '\0';
    snprintf(command, sizeof command,
             "'%s' kafka --child %s --topics '%s' --brokers '%s' --redis '%s' --events %" PRIu64,
             self, mode, settings->prefix, settings->brokers, settings->redis, settings->events);
    if (!run_shell(command, line, sizeof line) ||
        sscanf(line, "%lf %lf", &measured->cpu_s, &measured->wall_s) != 2)
        return false;
    measured->kafka_cpu_s = cpu_of(settings->kafka_pid) - kafka;
    measured->redis_cpu_s = cpu_of(settings->redis_pid) - redis;
    fprintf(stderr, "  %s: %.2f s wall, %.2f s CPU\n", mode, measured->wall_s, measured->cpu_s);
    return true;
}

static bool run_pair(struct settings *settings, struct measured *bare, struct measured *engine)
{
    renew_redis(settings);
    return run_child(settings, "bare", bare) && run_child(settings, "run", engine);
}

static double median_of(const struct measured *runs, int count, size_t field)
{
    double values[64];
    for (int i = 0; i < count; i++)
        values[i] = *(const double *)((const char *)&runs[i] + field);
    return bench_median(values, (size_t)count);
}

struct figures {
    double cpu_s_per_million, events_per_s, kafka_cpu_s, redis_cpu_s;
};

static struct figures figures_of(const struct settings *settings, const struct measured *runs)
{
    double millions = (double)settings->events / 1e6;
    return (struct figures){
        .cpu_s_per_million =
            median_of(runs, settings->runs, offsetof(struct measured, cpu_s)) / millions,
        .events_per_s = (double)settings->events /
                        median_of(runs, settings->runs, offsetof(struct measured, wall_s)),
        .kafka_cpu_s =
            median_of(runs, settings->runs, offsetof(struct measured, kafka_cpu_s)) / millions,
        .redis_cpu_s =
            median_of(runs, settings->runs, offsetof(struct measured, redis_cpu_s)) / millions,
    };
}

static void add_figures(struct buf *json, const char *name, const struct figures *figures)
{
    buf_printf(json,
               "\"%s\":{\"cpu_s_per_million\":%.4f,\"events_per_s\":%.0f,\"broker_cpu_s_per_"
               "million\":%.4f,\"redis_cpu_s_per_million\":%.4f},",
               name, figures->cpu_s_per_million, figures->events_per_s, figures->kafka_cpu_s,
               figures->redis_cpu_s);
}

static void report(const struct settings *settings, const struct figures *bare,
                   const struct figures *engine)
{
    double cpu = engine->cpu_s_per_million / bare->cpu_s_per_million,
           throughput = engine->events_per_s / bare->events_per_s;
    struct buf json;

    if (!settings->json) {
        printf("bare        %.3f CPU s per million, %.0f events/s\n", bare->cpu_s_per_million,
               bare->events_per_s);
        printf("stagecoach  %.3f CPU s per million, %.0f events/s (Redis %.3f, broker %.3f CPU s "
               "per million, apart)\n",
               engine->cpu_s_per_million, engine->events_per_s, engine->redis_cpu_s,
               engine->kafka_cpu_s);
        printf("ratio       cpu %.2f, throughput %.2f\n", cpu, throughput);
        return;
    }
    buf_init(&json);
    buf_add_char(&json, '{');
    add_figures(&json, "bare", bare);
    add_figures(&json, "stagecoach", engine);
    buf_printf(&json,
               "\"ratio\":{\"cpu\":%.3f,\"throughput\":%.3f},\"events\":%" PRIu64
               ",\"runs\":%d,\"partitions\":%d,\"workers\":1,\"customers\":%u,",
               cpu, throughput, settings->events, settings->runs, (int)settings->partitions,
               settings->customers);
    bench_add_machine(&json);
    buf_add_text(&json, "}\n");
    fwrite(json.data, 1, json.size, stdout);
    buf_fini(&json);
}

static int measure(struct settings *settings)
{
    struct measured bare[64], engine[64];

    fprintf(stderr, "filling %s.events: %" PRIu64 " events over %d partitions\n", settings->prefix,
            settings->events, (int)settings->partitions);
    if (!fill_topic(settings))
        return 1;
    fprintf(stderr, "once for nothing: the broker compiles what it runs\n");
    bool ran = run_pair(settings, &bare[0], &engine[0]);
    for (int i = 0; i < settings->runs && ran; i++)
        ran = run_pair(settings, &bare[i], &engine[i]);
    if (!ran) {
        fprintf(stderr, "stagecoach-bench: a run failed\n");
        return 1;
    }
    struct figures of_bare = figures_of(settings, bare), of_engine = figures_of(settings, engine);
    report(settings, &of_bare, &of_engine);
    return 0;
}

static int usage(FILE *out, int code)
{
    fprintf(
        out,
        "usage: stagecoach-bench kafka [--json] [--events N] [--partitions N] [--customers N] "
        "[--runs N]\n"
        "                              [--brokers HOST:PORT --redis URL]\n\n"
        "Without --brokers and --redis both are started for the run (Java and Maven needed).\n");
    return code;
}

int bench_kafka(int argc, char **argv)
{
    struct settings settings = {.events = 2000000, .partitions = 6, .customers = 200000, .runs = 3};
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'},
        {"events", required_argument, NULL, 'e'},
        {"partitions", required_argument, NULL, 'p'},
        {"customers", required_argument, NULL, 'c'},
        {"runs", required_argument, NULL, 'r'},
        {"brokers", required_argument, NULL, 'b'},
        {"redis", required_argument, NULL, 'R'},
        {"child", required_argument, NULL, 'C'},
        {"topics", required_argument, NULL, 'T'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    const char *child = NULL;
    char prefix[32];
    int option;

    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (option) {
        case 'j':
            settings.json = true;
            break;
        case 'e':
            settings.events = strtoull(optarg, NULL, 10);
            break;
        case 'p':
            settings.partitions = (int32_t)strtol(optarg, NULL, 10);
            break;
        case 'c':
            settings.customers = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'r':
            settings.runs = (int)strtol(optarg, NULL, 10);
            break;
        case 'b':
            settings.brokers = optarg;
            break;
        case 'R':
            settings.redis = optarg;
            break;
        case 'C':
            child = optarg;
            break;
        case 'T':
            settings.prefix = optarg;
            break;
        case 'h':
            return usage(stdout, 0);
        default:
            return usage(stderr, 2);
        }
    }
    if (settings.events == 0 || settings.partitions < 1 || settings.customers == 0 ||
        settings.runs < 1 || settings.runs > 64)
        return usage(stderr, 2);
    snprintf(prefix, sizeof prefix, "bench-%d", (int)getpid());
    if (!child || !settings.prefix)
        settings.prefix = prefix;
    if (child)
        return strcmp(child, "bare") == 0 ? read_bare(&settings) : read_engine(&settings);
    int rc = start_servers(&settings) ? measure(&settings) : 1;
    if (settings.own_topics && !settings.own_servers)
        delete_topics(&settings);
    stop_servers(&settings);
    return rc;
}
