/*
 * The commands that send and show, against librdkafka's own mock of a broker; and what the program says of itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <msgpack.h>

#include "bench/shop.h"
#include "cli/cli.h"
#include "core/buf.h"
#include "core/mp.h"

#define PARTITIONS      4
#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

struct world {
    rd_kafka_t *rk; /* owns the mock, and produces */
    rd_kafka_mock_cluster_t *mock;
    char config[64];
};

/* ---- a broker and a configuration ---- */

static int open_world(void **state)
{
    static struct world world;
    char text[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    assert_int_equal(rd_kafka_conf_set(conf, "log_level", "0", text, sizeof text),
                     RD_KAFKA_CONF_OK);
    world.rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    assert_non_null(world.rk);
    world.mock = rd_kafka_mock_cluster_new(world.rk, 1);
    assert_non_null(world.mock);
    assert_true(rd_kafka_brokers_add(world.rk, rd_kafka_mock_cluster_bootstraps(world.mock)) > 0);
    *state = &world;
    return 0;
}

static int close_world(void **state)
{
    struct world *world = *state;
    rd_kafka_mock_cluster_destroy(world->mock);
    rd_kafka_destroy(world->rk);
    return 0;
}

/* Every test has topics of its own. */
static void write_config(struct world *world, const char *stem, const char *schema)
{
    snprintf(world->config, sizeof world->config, "/tmp/stagecoach-cli-XXXXXX");
    int fd = mkstemp(world->config);
    assert_true(fd >= 0);
    dprintf(fd,
            "kafka: { brokers: '%s', topics: [%s.events] }\n"
            "events: { schema: %s }\n"
            "signals: { topics: { 'cart.*': %s.carts, '*': %s.signals } }\n",
            rd_kafka_mock_cluster_bootstraps(world->mock), stem, schema, stem, stem);
    close(fd);
    const char *const topics[] = {"events", "carts", "signals"};
    for (size_t i = 0; i < COUNT_OF(topics); i++) {
        char name[100];
        snprintf(name, sizeof name, "%s.%s", stem, topics[i]);
        assert_int_equal(rd_kafka_mock_topic_create(world->mock, name, PARTITIONS, 1), 0);
    }
}

/* Runs a command with what it prints on stdout and stderr captured. */
struct output {
    int code;
    char out[8192], err[8192];
};

static void read_back(int fd, char *text, size_t size)
{
    ssize_t got = pread(fd, text, size - 1, 0);
    assert_true(got >= 0);
    text[got] = '\0';
    close(fd);
}

static int redirect(int fd, int *saved)
{
    char path[] = "/tmp/stagecoach-out-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    unlink(path);
    *saved = dup(fd);
    dup2(file, fd);
    return file;
}

static void restore(int fd, int saved)
{
    dup2(saved, fd);
    close(saved);
}

static struct output run(int (*command)(int, char **), const char *const *words)
{
    struct output output;
    char *argv[32] = {NULL};
    int argc = 0, saved_out, saved_err;
    for (; words[argc]; argc++)
        argv[argc] = (char *)(uintptr_t)words[argc];
    fflush(stdout);
    int out = redirect(STDOUT_FILENO, &saved_out), err = redirect(STDERR_FILENO, &saved_err);
    output.code = command(argc, argv);
    fflush(stdout);
    restore(STDOUT_FILENO, saved_out);
    restore(STDERR_FILENO, saved_err);
    read_back(out, output.out, sizeof output.out);
    read_back(err, output.err, sizeof output.err);
    return output;
}

#define RUN(command, ...) run((command), (const char *const[]){__VA_ARGS__, NULL})

/* ---- what is in a topic ---- */

struct record {
    int32_t partition;
    int64_t time_ms;
    char key[32];
    struct buf value;
};

struct records {
    struct record *items;
    size_t count;
};

static void take_record(struct records *records, const rd_kafka_message_t *message)
{
    records->items = realloc(records->items, (records->count + 1) * sizeof *records->items);
    assert_non_null(records->items);
    struct record *record = &records->items[records->count++];
    record->partition = message->partition;
    record->time_ms = rd_kafka_message_timestamp(message, NULL);
    assert_true(message->key_len < sizeof record->key);
    memset(record->key, 0, sizeof record->key);
    memcpy(record->key, message->key, message->key_len);
    buf_init(&record->value);
    buf_add(&record->value, message->payload, message->len);
}

static void read_partition(rd_kafka_topic_t *topic, int32_t partition, struct records *records)
{
    bool is_over = false;
    assert_int_equal(rd_kafka_consume_start(topic, partition, RD_KAFKA_OFFSET_BEGINNING), 0);
    for (int i = 0; !is_over; i++) {
        rd_kafka_message_t *message = rd_kafka_consume(topic, partition, 10000);
        assert_non_null(message);
        is_over = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
        assert_true(is_over || message->err == RD_KAFKA_RESP_ERR_NO_ERROR);
        if (!is_over)
            take_record(records, message);
        rd_kafka_message_destroy(message);
    }
    rd_kafka_consume_stop(topic, partition);
}

static struct records read_topic(struct world *world, const char *name)
{
    struct records records = {0};
    char text[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(world->mock),
                      text, sizeof text);
    rd_kafka_conf_set(conf, "enable.partition.eof", "true", text, sizeof text);
    rd_kafka_conf_set(conf, "fetch.wait.max.ms", "10", text, sizeof text);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    assert_non_null(rk);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, name, NULL);
    for (int32_t i = 0; i < PARTITIONS; i++)
        read_partition(topic, i, &records);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(rk);
    return records;
}

static void free_records(struct records *records)
{
    for (size_t i = 0; i < records->count; i++)
        buf_fini(&records->items[i].value);
    free(records->items);
}

/* Java's murmur2 (Austin Appleby's, seed 0x9747b28c), as Kafka's default partitioner uses it. */
static uint32_t murmur2(const char *data, size_t size)
{
    const uint32_t m = 0x5bd1e995;
    const unsigned char *at = (const unsigned char *)data;
    uint32_t h = 0x9747b28c ^ (uint32_t)size;
    for (; size >= 4; size -= 4, at += 4) {
        uint32_t k = at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
        k *= m;
        k ^= k >> 24;
        k *= m;
        h = (h * m) ^ k;
    }
    if (size >= 3)
        h ^= (uint32_t)at[2] << 16;
    if (size >= 2)
        h ^= (uint32_t)at[1] << 8;
    if (size >= 1)
        h = (h ^ at[0]) * m;
    h ^= h >> 13;
    h *= m;
    return h ^ h >> 15;
}

static int32_t partition_of(const char *key)
{
    return (int32_t)((murmur2(key, strlen(key)) & 0x7fffffff) % PARTITIONS);
}

/* ---- generate ---- */

/* Kafka's own test values of murmur2, so that the check below rests on something. */
static void test_murmur2_is_that_of_kafka(void **state)
{
    (void)state;
    assert_int_equal((int32_t)murmur2("21", 2), -973932308);
    assert_int_equal((int32_t)murmur2("foobar", 6), -790332482);
    assert_int_equal((int32_t)murmur2("a-little-bit-long-string", 24), -985981536);
    assert_int_equal((int32_t)murmur2("abc", 3), 479470107);
}

/* Every event of the shop once, in each partition in the shop's order, under its customer's key and with its own time. */
static void test_generate_sends_the_shop(void **state)
{
    enum { COUNT = 3000 };
    struct world *world = *state;
    write_config(world, "generate", "segment");
    struct output output =
        RUN(cmd_generate, "generate", "-c", world->config, "-n", "3000", "--seed", "7",
            "--customers", "50", "--start", "2026-01-05T00:00:00Z");
    assert_int_equal(output.code, 0);
    assert_non_null(strstr(output.err, "3000 events into generate.events"));
    assert_non_null(strstr(output.err, "event time 2026-01-05T00:00:0"));
    struct records records = read_topic(world, "generate.events");
    assert_int_equal(records.count, COUNT);

    size_t next[PARTITIONS] = {0}; /* the records come partition by partition */
    for (size_t i = records.count; i-- > 0;)
        next[records.items[i].partition] = i;
    struct shop *shop = shop_new(
        &(struct shop_options){.seed = 7, .customers = 50, .start_ms = INT64_C(1767571200000)});
    for (int i = 0; i < COUNT; i++) {
        struct shop_event event;
        char key[32] = {0};
        shop_next(shop, &event);
        memcpy(key, event.customer.data, event.customer.size);
        const struct record *record = &records.items[next[partition_of(key)]++];
        assert_string_equal(record->key, key);
        assert_int_equal(record->partition, partition_of(key));
        assert_int_equal(record->time_ms, event.time_ms);
        assert_true(slice_equal(buf_slice(&record->value), event.message));
    }
    shop_free(shop);
    free_records(&records);
    output = RUN(cmd_generate, "generate", "-c", world->config, "--events", "0");
    assert_int_equal(output.code, 0);
    records = read_topic(world, "generate.events");
    assert_int_equal(records.count, COUNT); /* none is none */
    free_records(&records);
    unlink(world->config);
}

/* 300 events at 1000 a second take 0.3 s, not less. */
static void test_generate_keeps_to_a_rate(void **state)
{
    struct world *world = *state;
    write_config(world, "rate", "segment");
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    struct output output =
        RUN(cmd_generate, "generate", "-c", world->config, "-n", "301", "--rate", "1000");
    clock_gettime(CLOCK_MONOTONIC, &to);
    assert_int_equal(output.code, 0);
    double seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
    assert_true(seconds >= 0.3);
    struct records records = read_topic(world, "rate.events");
    assert_int_equal(records.count, 301);
    free_records(&records);
    unlink(world->config);
}

static void test_generate_refuses_what_makes_no_sense(void **state)
{
    struct world *world = *state;
    write_config(world, "sense", "rees46");
    static const char *const wrong[][3] = {
        {"--rate", "0", NULL},    {"--late", "1.5", NULL},    {"--customers", "0", NULL},
        {"--start", "now", NULL}, {"--events", "many", NULL}, {"--sepeed", "1", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct output output =
            RUN(cmd_generate, "generate", "-c", world->config, wrong[i][0], wrong[i][1]);
        assert_int_equal(output.code, 2);
        assert_non_null(strstr(output.err, wrong[i][0]));
    }
    struct output output = RUN(cmd_generate, "generate", "-c", world->config);
    assert_int_equal(output.code, 2);
    assert_non_null(strstr(output.err, "events.schema is rees46"));
    output = RUN(cmd_generate, "generate", "-c", world->config, "--rate", "1", "--speed", "1");
    assert_int_equal(output.code, 2);
    output = RUN(cmd_generate, "generate");
    assert_int_equal(output.code, 2);
    output = RUN(cmd_generate, "generate", "-c", "/nowhere.yaml");
    assert_int_equal(output.code, 2);
    unlink(world->config);
}

/* ---- replay ---- */

static const char rees46[] =
    "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session\n"
    "2019-10-01 00:00:00 UTC,view,1,2,,,5,541312140,s\n"
    "2019-10-01 00:00:01 UTC,cart,1,2,,,free,541312140,s\n"
    "2019-10-01 00:00:02 UTC,cart,1,2,,,5,,s\n"
    "2019-10-01 00:00:03 UTC,purchase,1,2,,,5,541312140,s\n";

static void write_input(char path[64], const char *text)
{
    snprintf(path, 64, "/tmp/stagecoach-input-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void assert_json(const struct record *record, const char *json)
{
    struct buf text;
    buf_init(&text);
    assert_true(mp_well_formed(buf_slice(&record->value)));
    mp_to_json(buf_slice(&record->value), &text);
    buf_add_char(&text, '\0');
    assert_string_equal(text.data, json);
    buf_fini(&text);
}

/* Bad rows are told with file and line, good ones arrive; under another schema as Segment messages. */
static void test_replay_converts_to_segment(void **state)
{
    struct world *world = *state;
    char input[64];
    write_config(world, "convert", "segment");
    write_input(input, rees46);
    struct output output =
        RUN(cmd_replay, "replay", "-c", world->config, "--input", input, "--format", "rees46-csv");
    assert_int_equal(output.code, 0);
    assert_non_null(strstr(output.err, ":3: price: 'free' is not a number\n"));
    assert_non_null(strstr(output.err, ":4: missing_customer: "));
    assert_non_null(strstr(output.err, "2 events into convert.events"));
    assert_non_null(strstr(output.err, "2 rows left out"));
    struct records records = read_topic(world, "convert.events");
    assert_int_equal(records.count, 2);
    assert_string_equal(records.items[0].key, "541312140");
    assert_int_equal(records.items[0].partition, partition_of("541312140"));
    assert_int_equal(records.items[1].time_ms, INT64_C(1569888003000));
    assert_json(
        &records.items[1],
        "{\"type\":\"track\",\"event\":\"Order Completed\",\"userId\":\"541312140\","
        "\"timestamp\":\"2019-10-01T00:00:03Z\",\"properties\":{\"product_id\":\"1\",\"price\":5,"
        "\"order_id\":\"s\"}}");
    free_records(&records);
    unlink(input);
    unlink(world->config);
}

static void test_replay_of_the_configured_schema_sends_rows_as_they_are(void **state)
{
    struct world *world = *state;
    char input[64];
    write_config(world, "asis", "rees46");
    write_input(input, rees46);
    struct output output =
        RUN(cmd_replay, "replay", "-c", world->config, "--input", input, "--format", "rees46-csv");
    assert_int_equal(output.code, 0);
    struct records records = read_topic(world, "asis.events");
    assert_int_equal(records.count, 2);
    assert_string_equal(records.items[0].key, "541312140");
    assert_json(
        &records.items[0],
        "{\"event_time\":\"2019-10-01 00:00:00 UTC\",\"event_type\":\"view\",\"product_id\":1,"
        "\"category_id\":2,\"price\":5,\"user_id\":541312140,\"user_session\":\"s\"}");
    free_records(&records);
    unlink(input);
    unlink(world->config);
}

static void test_replay_refuses_other_combinations(void **state)
{
    struct world *world = *state;
    char input[64];
    write_config(world, "other", "otto");
    write_input(input, rees46);
    struct output output =
        RUN(cmd_replay, "replay", "-c", world->config, "--input", input, "--format", "rees46-csv");
    assert_int_equal(output.code, 2);
    assert_non_null(strstr(output.err, "events.schema is otto, and rees46-csv is rees46: take a "
                                       "configuration whose events.schema is rees46 or segment"));
    output = RUN(cmd_replay, "replay", "-c", world->config, "--input", input, "--format", "csv");
    assert_int_equal(output.code, 2);
    assert_non_null(strstr(output.err, "retailrocket-csv"));
    output =
        RUN(cmd_replay, "replay", "-c", world->config, "--input", input, "--format", "otto-jsonl");
    assert_int_equal(output.code, 0); /* every row is told, and the rest goes on */
    assert_non_null(strstr(output.err, "5 rows left out"));
    output = RUN(cmd_replay, "replay", "-c", world->config, "--input", "/nowhere", "--format",
                 "otto-jsonl");
    assert_int_equal(output.code, 1);
    assert_non_null(strstr(output.err, "/nowhere: No such file"));
    unlink(input);
    unlink(world->config);
}

/* ---- signals ---- */

static void produce(struct world *world, const char *topic, int32_t partition, const char *id,
                    const char *type, const char *content, struct slice value)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(3);
    if (id) {
        rd_kafka_header_add(headers, "ce_id", -1, id, -1);
        rd_kafka_header_add(headers, "ce_type", -1, type, -1);
        rd_kafka_header_add(headers, "content-type", -1, content, -1);
    }
    rd_kafka_resp_err_t code =
        rd_kafka_producev(world->rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                          RD_KAFKA_V_VALUE((void *)(uintptr_t)value.data, value.size),
                          RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
    assert_int_equal(code, RD_KAFKA_RESP_ERR_NO_ERROR);
}

static void produce_signals(struct world *world)
{
    struct buf msgpack;
    buf_init(&msgpack);
    msgpack_packer pk;
    msgpack_packer_init(&pk, &msgpack, buf_pack_write);
    msgpack_pack_map(&pk, 2);
    msgpack_pack_str_with_body(&pk, "type", 4);
    msgpack_pack_str_with_body(&pk, "cart.expired", 12);
    msgpack_pack_str_with_body(&pk, "time", 4);
    msgpack_pack_int64(&pk, 5);
    produce(world, "follow.carts", 0, "t/0/1/0", "cart.abandoned", "application/json",
            SLICE("{\"schema\":1,\"type\":\"cart.abandoned\"}"));
    produce(world, "follow.carts", 0, "t/0/ก/\"", "cart.expired", "application/msgpack",
            buf_slice(&msgpack));
    produce(world, "follow.carts", 0, NULL, NULL, NULL, SLICE("a\nb"));
    produce(world, "follow.signals", 3, "t/0/2/0", "stage.changed", "application/json",
            SLICE("{}"));
    assert_int_equal(rd_kafka_flush(world->rk, 10000), RD_KAFKA_RESP_ERR_NO_ERROR);
    buf_fini(&msgpack);
}

#define ABANDONED "{\"id\":\"t/0/1/0\",\"schema\":1,\"type\":\"cart.abandoned\"}\n"
#define EXPIRED   "{\"id\":\"t/0/ก/\\\"\",\"type\":\"cart.expired\",\"time\":5}\n"
#define FOREIGN                                                                                    \
    "{\"id\":null,\"topic\":\"follow.carts\",\"partition\":0,\"offset\":2,\"value\":\"a\\nb\"}\n"
#define CHANGED "{\"id\":\"t/0/2/0\"}\n"

static void test_signals_shows_what_is_there_and_ends(void **state)
{
    struct world *world = *state;
    write_config(world, "follow", "segment");
    produce_signals(world);
    struct output output = RUN(cmd_signals, "signals", "-c", world->config, "--until-end");
    assert_int_equal(output.code, 0);
    assert_non_null(strstr(output.out, ABANDONED EXPIRED FOREIGN));
    assert_non_null(strstr(output.out, CHANGED));
    assert_int_equal(strlen(output.out), strlen(ABANDONED EXPIRED FOREIGN CHANGED));

    output = RUN(cmd_signals, "signals", "-c", world->config, "--until-end", "--type", "cart.*");
    assert_int_equal(output.code, 0);
    assert_string_equal(output.out, ABANDONED EXPIRED);

    output = RUN(cmd_signals, "signals", "-c", world->config, "--until-end", "--type", "*.expired");
    assert_string_equal(output.out, EXPIRED);
    unlink(world->config);
}

static void test_signals_of_empty_topics_end_at_once(void **state)
{
    struct world *world = *state;
    write_config(world, "empty", "segment");
    struct output output = RUN(cmd_signals, "signals", "-c", world->config, "--until-end");
    assert_int_equal(output.code, 0);
    assert_string_equal(output.out, "");
    unlink(world->config);
}

/* ---- the program ---- */

static struct output call(const char *words)
{
    struct output output = {0};
    char line[512];
    snprintf(line, sizeof line, "%s %s 2>&1", STAGECOACH_PROGRAM, words);
    FILE *pipe = popen(line, "r");
    assert_non_null(pipe);
    size_t size = fread(output.out, 1, sizeof output.out - 1, pipe);
    output.out[size] = '\0';
    int status = pclose(pipe);
    assert_true(WIFEXITED(status));
    output.code = WEXITSTATUS(status);
    return output;
}

static void test_program_says_what_it_is(void **state)
{
    (void)state;
    struct output output = call("--version");
    assert_int_equal(output.code, 0);
    assert_memory_equal(output.out, "stagecoach " STAGECOACH_VERSION "\n",
                        strlen("stagecoach " STAGECOACH_VERSION "\n"));
    static const char *const libraries[] = {"rdkafka", "hiredis", "msgpack", "libyaml",
                                            "jansson", "zlib",    "pcre2",   "xxhash"};
    for (size_t i = 0; i < COUNT_OF(libraries); i++) {
        const char *line = strstr(output.out, libraries[i]);
        assert_non_null(line);
        line += strcspn(line, "0123456789\n");
        assert_in_range(*line, '0', '9');
    }
}

static void test_every_command_has_help(void **state)
{
    (void)state;
    static const char *const commands[] = {"demo", "run",      "check",  "backtest", "test",
                                           "eval", "generate", "replay", "signals"};
    struct output all = call("--help");
    assert_int_equal(all.code, 0);
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        char words[64], usage[64];
        snprintf(words, sizeof words, "%s --help", commands[i]);
        snprintf(usage, sizeof usage, "Usage: stagecoach %s", commands[i]);
        assert_non_null(strstr(all.out, commands[i]));
        struct output output = call(words);
        assert_int_equal(output.code, 0);
        assert_memory_equal(output.out, usage, strlen(usage));
    }
}

static void test_commands_that_are_not_there_say_what_to_do(void **state)
{
    (void)state;
    static const char *const missing[] = {"customer get u42", "reset"};
    for (size_t i = 0; i < COUNT_OF(missing); i++) {
        struct output output = call(missing[i]);
        assert_int_equal(output.code, 2);
        assert_non_null(strstr(output.out, "is not in this version. By hand: "));
    }
    struct output output = call("nonsense");
    assert_int_equal(output.code, 2);
    assert_non_null(strstr(output.out, "there is no command 'nonsense'"));
    assert_int_equal(call("").code, 2);
}

/* On a full disk, say, a backtest must not look as if all were well. */
static void test_what_cannot_be_written_is_a_failure(void **state)
{
    (void)state;
    static const char *const commands[] = {"--version", "--help", "eval 1", "check --help"};
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        char words[128];
        snprintf(words, sizeof words, "%s 3>&1 >/dev/full 2>&3 #", commands[i]);
        struct output output = call(words);
        assert_int_equal(output.code, 1);
        assert_non_null(strstr(output.out, "the output can't be written: No space left on device"));
    }
}

/* `check` of c.yaml in a new folder, whose files a shell command makes: all of `expected` is said. */
static void check_files(const char *make, const char *const *expected)
{
    char folder[] = "/tmp/stagecoach-check-XXXXXX", line[1024];
    assert_non_null(mkdtemp(folder));
    assert_true(snprintf(line, sizeof line, "cd %s && %s", folder, make) < (int)sizeof line);
    assert_int_equal(system(line), 0);
    snprintf(line, sizeof line, "check -c %s/c.yaml", folder);
    struct output output = call(line);
    assert_int_equal(output.code, 2);
    for (; *expected; expected++)
        if (!strstr(output.out, *expected))
            fail_msg("expected '%s' in:\n%s", *expected, output.out);
    assert_null(strstr(output.out, "client.rack")); /* nothing is wrong with these */
    assert_null(strstr(output.out, "sasl.password"));
    snprintf(line, sizeof line, "rm -r %s", folder);
    assert_int_equal(system(line), 0);
}

/* Mistakes of the configuration don't hide those of the files that it names, nor those that only librdkafka knows. */
static void test_check_names_the_mistakes_of_all_files(void **state)
{
    static const char *const expected[] = {
        "/c.yaml:1:12: unknown key 'kafka.broker'",
        "/c.yaml:1:37: kafka.properties: linger.mss: ", "/gone.yaml can't be read",
        "/q.yaml:1:24: there is no state 'zz'", NULL};
    (void)state;
    check_files("echo '{ machine: q, initial: zz, states: { a: {} } }' > q.yaml && "
                "echo '{ kafka: { broker: x, properties: { linger.mss: 5 } }, ' > c.yaml && "
                "echo 'machines: [ q.yaml, gone.yaml ] }' >> c.yaml",
                expected);
}

/* librdkafka is asked, before anybody waits for a broker; what is wrong with a secret is not shown. */
static void test_check_tries_the_properties_of_kafka(void **state)
{
    static const char *const expected[] = {
        "/c.yaml:1:39: kafka.properties: linger.mss: ",
        "/c.yaml:2:1: kafka.properties: security.protocol: ", NULL};
    (void)state;
    check_files(
        "cp " STAGECOACH_SOURCE_DIR "/config/machines/browse.yaml q.yaml && "
        "echo '{ kafka: { topics: [t], properties: { linger.mss: 5, client.rack: a,' > c.yaml && "
        "echo 'security.protocol: never, sasl.password: x } }, machines: [ q.yaml ] }' >> c.yaml",
        expected);
}

/* A start can wait for Kafka for long; what asks for a reload then must not end the program. */
static void test_a_hangup_while_run_starts_is_remembered(void **state)
{
    char *argv[] = {"run", "-c", "/nowhere/stagecoach.yaml", NULL};
    (void)state;
    assert_int_equal(cmd_run(3, argv), 2); /* as far as to reading the configuration */
    assert_int_equal(raise(SIGHUP), 0);
    assert_true(cli_take_hangup());
    assert_false(cli_take_hangup());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_murmur2_is_that_of_kafka),
        cmocka_unit_test(test_generate_sends_the_shop),
        cmocka_unit_test(test_generate_keeps_to_a_rate),
        cmocka_unit_test(test_generate_refuses_what_makes_no_sense),
        cmocka_unit_test(test_replay_converts_to_segment),
        cmocka_unit_test(test_replay_of_the_configured_schema_sends_rows_as_they_are),
        cmocka_unit_test(test_replay_refuses_other_combinations),
        cmocka_unit_test(test_signals_shows_what_is_there_and_ends),
        cmocka_unit_test(test_signals_of_empty_topics_end_at_once),
        cmocka_unit_test(test_program_says_what_it_is),
        cmocka_unit_test(test_every_command_has_help),
        cmocka_unit_test(test_commands_that_are_not_there_say_what_to_do),
        cmocka_unit_test(test_what_cannot_be_written_is_a_failure),
        cmocka_unit_test(test_check_names_the_mistakes_of_all_files),
        cmocka_unit_test(test_check_tries_the_properties_of_kafka),
        cmocka_unit_test(test_a_hangup_while_run_starts_is_remembered),
    };
    return cmocka_run_group_tests_name("cli", tests, open_world, close_world);
}
