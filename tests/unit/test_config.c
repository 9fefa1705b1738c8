#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "config/config_table.h"

static char folder[64];
static struct diag diag;
static struct config *config;

static const char *path_in(const char *name)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, const char *text)
{
    FILE *out = fopen(path_in(name), "wb");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

static void unset_variables(void)
{
    for (size_t i = 0; i < config_key_count; i++) {
        char name[64];
        config_key_variable(&config_keys[i], name);
        unsetenv(name);
    }
}

/* A folder with the machine and schema files that configurations of the tests name. */
static int setup_group(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/stagecoach-config-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    if (mkdir(path_in("machines"), 0700) != 0 || mkdir(path_in("schemas"), 0700) != 0)
        return -1;
    write_file("machines/cart.yaml", "machine: cart\n");
    write_file("machines/browse.yaml", "machine: browse\n");
    write_file("machines/lifecycle.yaml", "machine: lifecycle\n");
    write_file("schemas/segment.yaml", "schema: segment\n");
    write_file("schemas/own.yaml", "schema: own\n");
    write_file("password", "s3cret, with: signs\n");
    write_file("url", "redis://:hidden@redis.example:6380/2\r\n");
    write_file("empty", "\n");
    return 0;
}

static int teardown_group(void **state)
{
    static const char *const names[] = {"machines/cart.yaml",
                                        "machines/browse.yaml",
                                        "machines/lifecycle.yaml",
                                        "schemas/segment.yaml",
                                        "schemas/own.yaml",
                                        "password",
                                        "url",
                                        "empty",
                                        "c.yaml"};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unlink(path_in(names[i]));
    rmdir(path_in("machines"));
    rmdir(path_in("schemas"));
    return rmdir(folder);
}

static int setup(void **state)
{
    (void)state;
    diag_init(&diag);
    config = NULL;
    unset_variables();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    config_free(config);
    diag_fini(&diag);
    unset_variables();
    return 0;
}

static char *printed(void)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    diag_print(&diag, out);
    fclose(out);
    return text;
}

/* Of a text that is the file c.yaml in the folder of the tests. */
static const struct config *load(const char *text)
{
    config_free(config);
    config = config_parse(path_in("c.yaml"), slice_of(text), &diag);
    if (!config) {
        char *problems = printed();
        print_error("%s", problems);
        free(problems);
    }
    assert_non_null(config);
    assert_int_equal(diag.error_count, 0);
    return config;
}

/* What is printed begins each line with the file; it is left out of `expected`. */
static void assert_refused(const char *text, const char *expected)
{
    diag_fini(&diag);
    struct config *refused = config_parse("c.yaml", slice_of(text), &diag);
    char *problems = printed();
    if (refused || !strstr(problems, expected))
        fail_msg("%s\nexpected: %s\nprinted: %s", text, expected, problems);
    config_free(refused);
    free(problems);
}

static char *effective(void)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    config_print_effective(config, out);
    fclose(out);
    return text;
}

/* ---- values ---- */

static void test_what_is_left_out_has_its_default(void **state)
{
    (void)state;
    const struct config *c = load("kafka:\n");
    assert_string_equal(c->brokers, "localhost:9092");
    assert_string_equal(c->group, "stagecoach");
    assert_int_equal(c->topics.count, 1);
    assert_string_equal(c->topics.items[0], "shop.events");
    assert_int_equal(c->start, CONFIG_START_EARLIEST);
    assert_int_equal(c->property_count, 0);
    assert_string_equal(c->redis_url, "redis://localhost:6379/0");
    assert_string_equal(c->redis_prefix, "stagecoach");
    assert_string_equal(c->schema, "segment");
    assert_string_equal(c->schema_path, path_in("schemas/segment.yaml"));
    assert_int_equal(c->machines.count, 3);
    assert_string_equal(c->machines.items[2], path_in("machines/lifecycle.yaml"));
    assert_int_equal(c->signal_format, 0);
    assert_int_equal(c->route_count, 4);
    assert_true(slice_is(c->routes[0].pattern, "cart.*"));
    assert_true(slice_is(c->routes[3].pattern, "*"));
    assert_string_equal(c->routes[3].topic.data, "shop.signals");
    assert_string_equal(c->dead_letters, "shop.dead-letters");
    assert_int_equal(c->max_bytes, 921600);
    assert_false(c->watch);
    assert_int_equal(c->delivery, 0);
    assert_int_equal(c->commit_interval_ms, 100);
    assert_int_equal(c->checkpoint_interval_ms, 1000);
    assert_int_equal(c->lateness_ms, 5000);
    assert_int_equal(c->watermark_idle_ms, 30000);
    assert_int_equal(c->future_ms, 3600000);
    assert_true(c->workers >= 1);
    assert_int_equal(c->memory_customers, 1000000);
    assert_int_equal(c->forget_after_ms, INT64_C(34560000000));
    assert_string_equal(c->http_listen, "127.0.0.1:9464");
    assert_true(slice_is(yaml_get(c->constants, "timezone")->text, "Asia/Bangkok"));
    assert_int_equal(c->shutdown_timeout_ms, 20000);
    assert_true(strlen(c->instance) > 0);
}

static void test_reads_every_key(void **state)
{
    (void)state;
    const struct config *c =
        load("kafka: { brokers: 'a:1,b:2', group: g-1, topics: [t1, t2], start: latest,\n"
             "         properties: { client.id: x, linger.ms: 5, ssl.ca.location: /ca } }\n"
             "redis: { url: 'redis://u:p@h:1/3', prefix: p }\n"
             "events: { schema: own, format: msgpack }\n"
             "machines: [machines/browse.yaml]\n"
             "signals: { format: msgpack, topics: { 'z.*': one, '*': two, 'a': three },\n"
             "           dead_letters: dl, max_bytes: 2000 }\n"
             "instance: i-1\n"
             "watch: false\n"
             "delivery: exactly_once\n"
             "commit_interval: 250ms\n"
             "checkpoint_interval: 1m30s\n"
             "watermark: { lateness: 0s, idle: 2m, future: 2d }\n"
             "workers: 3\n"
             "memory: { customers: 5, forget_after: 1d }\n"
             "http: { listen: '0.0.0.0:80' }\n"
             "constants: { timezone: Asia/Bangkok, n: 5 }\n"
             "shutdown_timeout: 5s\n");
    assert_string_equal(c->brokers, "a:1,b:2");
    assert_string_equal(c->group, "g-1");
    assert_int_equal(c->topics.count, 2);
    assert_string_equal(c->topics.items[1], "t2");
    assert_int_equal(c->topics.at[1].line, 1);
    assert_int_equal(c->start, CONFIG_START_LATEST);
    assert_int_equal(c->property_count, 3);
    assert_string_equal(c->properties[1].name, "linger.ms");
    assert_string_equal(c->properties[1].value, "5");
    assert_string_equal(c->redis_url, "redis://u:p@h:1/3");
    assert_string_equal(c->redis_prefix, "p");
    assert_string_equal(c->schema_path, path_in("schemas/own.yaml"));
    assert_int_equal(c->machines.count, 1);
    assert_string_equal(c->machines.items[0], path_in("machines/browse.yaml"));
    assert_int_equal(c->signal_format, 1);
    assert_int_equal(c->route_count, 3);
    assert_true(slice_is(c->routes[0].pattern, "z.*")); /* the file's order, not the alphabet's */
    assert_true(slice_is(c->routes[2].pattern, "a"));
    assert_true(slice_is(c->routes[2].topic, "three"));
    assert_int_equal(c->routes[2].at.line, 6);
    assert_string_equal(c->dead_letters, "dl");
    assert_int_equal(c->max_bytes, 2000);
    assert_string_equal(c->instance, "i-1");
    assert_int_equal(c->commit_interval_ms, 250);
    assert_int_equal(c->checkpoint_interval_ms, 90000);
    assert_int_equal(c->lateness_ms, 0);
    assert_int_equal(c->watermark_idle_ms, 120000);
    assert_int_equal(c->future_ms, 172800000);
    assert_int_equal(c->workers, 3);
    assert_int_equal(c->memory_customers, 5);
    assert_int_equal(c->forget_after_ms, 86400000);
    assert_string_equal(c->http_listen, "0.0.0.0:80");
    assert_int_equal(c->constants->count, 2);
    assert_int_equal(c->shutdown_timeout_ms, 5000);
    assert_int_equal(config_pos(c, "workers").line, 14);
    assert_int_equal(config_pos(c, "signals.topics").line, 6);
    assert_int_equal(config_pos(c, "no.such").line, 0);
}

static void test_auto_workers_are_the_processors_less_one(void **state)
{
    (void)state;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    assert_int_equal(load("workers: auto\n")->workers, processors > 1 ? processors - 1 : 1);
}

static void test_one_text_is_a_list_of_one(void **state)
{
    (void)state;
    const struct config *c = load(
        "kafka: { topics: one }\nmachines: machines/cart.yaml\nredis: { url: ['redis://h'] }\n");
    assert_int_equal(c->topics.count, 1);
    assert_int_equal(c->machines.count, 1);
    assert_string_equal(c->redis_url, "redis://h");
}

static void test_paths_are_relative_to_the_file_or_absolute(void **state)
{
    (void)state;
    char text[512];
    snprintf(text, sizeof(text),
             "machines: [%s/machines/cart.yaml]\nevents: { schema: schemas/own.yaml }\n", folder);
    const struct config *c = load(text);
    assert_string_equal(c->machines.items[0], path_in("machines/cart.yaml"));
    assert_string_equal(c->schema_path, path_in("schemas/own.yaml"));
    load("events: { schema: ./schemas/own.yaml }\n");
}

static void test_a_file_is_loaded_as_its_text(void **state)
{
    (void)state;
    write_file("c.yaml", "kafka: { group: from-file }\n");
    config = config_load(path_in("c.yaml"), &diag);
    assert_non_null(config);
    assert_string_equal(config->group, "from-file");
    assert_string_equal(config->path, path_in("c.yaml"));
    assert_null(config_load(path_in("none.yaml"), &diag));
    assert_int_equal(diag.error_count, 1);
}

/* ---- environment ---- */

static void test_variables_override_the_file(void **state)
{
    (void)state;
    setenv("STAGECOACH_KAFKA_BROKERS", "x:1, #y", 1);
    setenv("STAGECOACH_KAFKA_TOPICS", "a,b , c", 1);
    setenv("STAGECOACH_KAFKA_START", "latest", 1);
    setenv("STAGECOACH_MACHINES", "[machines/browse.yaml, machines/cart.yaml]", 1);
    setenv("STAGECOACH_SIGNALS_TOPICS", "{ 'b.*': one, '*': two }", 1);
    setenv("STAGECOACH_SIGNALS_MAX_BYTES", "5000", 1);
    setenv("STAGECOACH_MEMORY_FORGET_AFTER", "3d", 1);
    setenv("STAGECOACH_WATCH", "false", 1);
    setenv("STAGECOACH_REDIS_URL", "redis://:p#w@h/1", 1);
    const struct config *c = load("kafka: { brokers: b, topics: [t], start: earliest }\n"
                                  "redis: { url: redis://file }\n"
                                  "memory: { forget_after: 5d, customers: 7 }\n");
    assert_string_equal(c->brokers, "x:1, #y"); /* not read as YAML */
    assert_int_equal(c->topics.count, 3);
    assert_string_equal(c->topics.items[1], "b");
    assert_string_equal(c->topics.items[2], "c");
    assert_int_equal(c->start, CONFIG_START_LATEST);
    assert_string_equal(c->machines.items[1], path_in("machines/cart.yaml"));
    assert_int_equal(c->route_count, 2);
    assert_int_equal(c->max_bytes, 5000);
    assert_int_equal(c->forget_after_ms, 259200000);
    assert_int_equal(c->memory_customers, 7);
    assert_string_equal(c->redis_url, "redis://:p#w@h/1");
    assert_string_equal(config_pos(c, "kafka.brokers").file, "STAGECOACH_KAFKA_BROKERS");
}

static void test_an_empty_variable_counts_as_unset(void **state)
{
    (void)state;
    setenv("STAGECOACH_KAFKA_GROUP", "", 1);
    assert_string_equal(load("kafka: { group: g }\n")->group, "g");
}

static void test_a_bad_variable_is_named(void **state)
{
    (void)state;
    setenv("STAGECOACH_KAFKA_START", "middle", 1);
    setenv("STAGECOACH_SIGNALS_TOPICS", "{ a: ", 1);
    assert_refused("kafka:\n",
                   "STAGECOACH_KAFKA_START: kafka.start must be earliest or latest, is 'middle'\n");
    assert_refused("kafka:\n", "STAGECOACH_SIGNALS_TOPICS:2:1: a value is missing here\n");
}

static void test_a_variable_that_is_nearly_ours_is_warned_of(void **state)
{
    (void)state;
    setenv("STAGECOACH_KAFKA_BROKER", "x", 1);
    setenv("STAGECOACH_SOMETHING_ELSE", "x", 1);
    load("kafka:\n");
    unsetenv("STAGECOACH_KAFKA_BROKER");
    unsetenv("STAGECOACH_SOMETHING_ELSE");
    char *text = printed();
    assert_string_equal(text,
                        "STAGECOACH_KAFKA_BROKER: warning: this variable is not read; did you "
                        "mean STAGECOACH_KAFKA_BROKERS?\n");
    free(text);
}

static void test_every_key_has_a_variable(void **state)
{
    (void)state;
    char name[64];
    config_key_variable(&config_keys[config_key_find("memory.forget_after")], name);
    assert_string_equal(name, "STAGECOACH_MEMORY_FORGET_AFTER");
    config_key_variable(&config_keys[config_key_find("instance")], name);
    assert_string_equal(name, "STAGECOACH_INSTANCE");
}

/* ---- secrets ---- */

static void test_secrets_come_from_files(void **state)
{
    (void)state;
    const struct config *c = load("kafka: { properties: { sasl.password: { file: password } } }\n"
                                  "redis: { url_file: url }\n");
    assert_string_equal(c->properties[0].value, "s3cret, with: signs");
    assert_true(c->properties[0].is_secret);
    assert_string_equal(c->redis_url, "redis://:hidden@redis.example:6380/2");
    assert_string_equal(c->redis_url_file, "url");
}

static void test_secrets_are_never_printed(void **state)
{
    (void)state;
    load("kafka: { properties: { sasl.password: { file: password }, ssl.key.password: hunter2,\n"
         "                       client.id: visible, oauth.client.SECRET: hunter3 } }\n"
         "redis: { url_file: url }\n");
    char *text = effective();
    assert_null(strstr(text, "s3cret"));
    assert_null(strstr(text, "hunter"));
    assert_null(strstr(text, "hidden@"));
    assert_non_null(strstr(text, "client.id: visible"));
    assert_non_null(strstr(text, "redis://:********@redis.example:6380/2"));
    assert_non_null(strstr(text, "{ file: password }"));
    free(text);

    static const struct {
        const char *url, *shown;
    } rows[] = {
        {"redis://user:hunter2@h:1/2", "redis://user:********@h:1/2"},
        {"redis://user:hun@ter2@h", "redis://user:********@h"},
        {"unix://u:hunter2@/tmp/a.sock", "unix://u:********@/tmp/a.sock"},
        {"redis://h:1/2", "redis://h:1/2"},
        {"unix:///tmp/a.sock?db=2", "unix:///tmp/a.sock?db=2"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char yaml[128];
        snprintf(yaml, sizeof(yaml), "redis: { url: '%s' }\n", rows[i].url);
        load(yaml);
        text = effective();
        if (!strstr(text, rows[i].shown) || strstr(text, "hun"))
            fail_msg("%s: %s", rows[i].url, text);
        free(text);
    }
}

static void test_a_wrong_url_is_not_printed_either(void **state)
{
    (void)state;
    assert_refused("redis: { url: 'redsi://:hunter2@h' }\n",
                   "c.yaml:1:15: redis.url: must be redis://");
    char *text = printed();
    assert_null(strstr(text, "hunter2"));
    free(text);
}

/* ---- what is in force ---- */

/* What is printed loads as the same configuration, so that it can be kept as a file. */
static void test_the_effective_configuration_loads_as_itself(void **state)
{
    (void)state;
    load("kafka: { topics: [a, b], group: '123', properties: { client.id: 'a b', x: 'true', y: '#' "
         "} }\n"
         "signals: { topics: { '*': all } }\n"
         "commit_interval: 1s500ms\n"
         "checkpoint_interval: 45m\n"
         "workers: 2\n"
         "machines: [machines/cart.yaml]\n"
         "constants: { a: 5, b: '5', c: [x, 'y: z', null, true, 'true'], d: { e: 1.5, 'f g': -2 } "
         "}\n");
    char *first = effective();
    const struct config *again = load(first);
    assert_int_equal(again->checkpoint_interval_ms, 2700000);
    assert_int_equal(again->commit_interval_ms, 1500);
    assert_string_equal(again->properties[2].value, "#");
    const struct yaml_node *list = yaml_get(again->constants, "c");
    bool value;
    assert_true(yaml_get(again->constants, "b")->quoted);
    assert_false(yaml_get(again->constants, "a")->quoted);
    assert_true(yaml_bool(list->items[3], &value));
    assert_false(yaml_bool(list->items[4], &value));
    char *second = effective();
    assert_string_equal(first, second);
    free(first);
    free(second);
}

/* ---- what is refused ---- */

static void test_unknown_keys_are_refused_with_the_nearest(void **state)
{
    (void)state;
    assert_refused("kafak: {}\n", "c.yaml:1:1: unknown key 'kafak'; did you mean 'kafka'?\n");
    assert_refused("a: 1\n", "c.yaml:1:1: unknown key 'a'\n");
    assert_refused("kafka:\n  broker: x\n",
                   "c.yaml:2:3: unknown key 'kafka.broker'; did you mean 'brokers'?\n");
    assert_refused("brokers: x\n",
                   "c.yaml:1:1: unknown key 'brokers'; did you mean 'kafka.brokers'?\n");
    assert_refused("memory: { idle: 1s }\n",
                   "c.yaml:1:11: unknown key 'memory.idle'; did you mean 'watermark.idle'?\n");
    assert_refused("kafka: { group: a, group: b }\n",
                   "c.yaml:1:20: the key 'group' is already in line 1\n");
}

static void test_values_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {"- a\n", ":1:1: a configuration is a map of keys\n"},
        {"kafka: x\n", ":1:8: 'kafka' must be a map of keys\n"},
        {"kafka: { brokers: }\n",
         ":1:19: kafka.brokers has no value; leave it out for the default\n"},
        {"kafka: { brokers: '' }\n", ":1:19: kafka.brokers is empty\n"},
        {"kafka: { brokers: [a] }\n", ":1:19: kafka.brokers must be one text\n"},
        {"kafka: { brokers: \"a\\0b\" }\n",
         ":1:19: kafka.brokers must not contain a NUL character\n"},
        {"kafka: { group: 'a b' }\n", ":1:17: kafka.group: 'a b' may contain only"},
        {"kafka: { topics: [] }\n", ":1:18: kafka.topics must be a list of at least one text\n"},
        {"kafka: { topics: {} }\n", ":1:18: kafka.topics must be a list of at least one text\n"},
        {"kafka: { topics: [a, 'b c'] }\n", ":1:22: 'b c' can't be a topic"},
        {"kafka: { topics: ['..'] }\n", ":1:19: '..' can't be a topic"},
        {"kafka: { topics: [a, b, a] }\n", ":1:25: kafka.topics names 'a' twice\n"},
        {"kafka: { topics: [a, [b]] }\n", ":1:22: kafka.topics must be one text\n"},
        {"kafka: { start: lates }\n",
         ":1:17: kafka.start must be earliest or latest, is 'lates'\n"},
        {"kafka: { properties: [a] }\n", ":1:22: kafka.properties must be a map"},
        {"kafka: { properties: { a: [b] } }\n", ":1:27: a must be a text, or { file: PATH }\n"},
        {"kafka: { properties: { a: { fil: b } } }\n",
         ":1:27: a must be a text, or { file: PATH }\n"},
        {"kafka: { properties: { a: { file: nowhere } } }\n",
         ":1:27: nowhere can't be read: No such file or directory\n"},
        {"redis: { url: 'http://h' }\n", ":1:15: redis.url: must be redis://"},
        {"redis: { url: 'rediss://h' }\n",
         ":1:15: redis.url: TLS to Redis (rediss://) is not in this version\n"},
        {"redis: { url: [] }\n", ":1:15: redis.url is empty\n"},
        {"redis: { url_file: nowhere }\n",
         ":1:20: nowhere can't be read: No such file or directory\n"},
        {"redis: { url: 'redis://h', url_file: x }\n", "are both given; keep one\n"},
        {"redis: { prefix: 'a{b' }\n", ":1:18: redis.prefix: 'a{b' may contain only"},
        {"events: { format: json }\n", ":1:19: events.format must be msgpack, is 'json'\n"},
        {"events: { schema: segmet }\n", "did you mean 'segment'?\n"},
        {"events: { schema: x/none.yaml }\n",
         ":1:19: x/none.yaml can't be read: No such file or directory\n"},
        {"machines: [nowhere.yaml]\n",
         ":1:12: nowhere.yaml can't be read: No such file or directory\n"},
        {"machines: []\n", ":1:11: machines must be a list of at least one text\n"},
        {"signals: { topics: [a] }\n", ":1:20: signals.topics must be a map"},
        {"signals: { topics: {} }\n", ":1:20: signals.topics must be a map"},
        {"signals: { topics: { '*': 'a b' } }\n", ":1:27: 'a b' can't be a topic"},
        {"signals: { topics: { '': a } }\n",
         ":1:22: the pattern is empty; '*' stands for any signal\n"},
        {"signals: { topics: { '*': shop.events } }\n",
         ":1:22: signals can't go to 'shop.events': events are read from there\n"},
        {"signals: { dead_letters: shop.events }\n", "dead letters can't go to 'shop.events'"},
        {"kafka: { group: g }\nsignals: { topics: { '*': g.journal.shop.events } }\n",
         ":2:22: signals can't go to 'g.journal.shop.events': that is the journal\n"},
        {"signals: { max_bytes: many }\n",
         ":1:23: signals.max_bytes must be a whole number, is 'many'\n"},
        {"signals: { max_bytes: '2000' }\n", ":1:23: signals.max_bytes must be a whole number"},
        {"signals: { max_bytes: 1e3 }\n", ":1:23: signals.max_bytes must be a whole number"},
        {"signals: { max_bytes: 5 }\n",
         ":1:23: signals.max_bytes must be from 1024 to 8388608, is 5\n"},
        {"watch: yes\n", ":1:8: watch must be true or false\n"},
        {"commit_interval: 100\n", ":1:18: commit_interval must be a duration such as 100ms"},
        {"commit_interval: 0s\n", ":1:18: commit_interval must be from 1ms to 10s, is 0s\n"},
        {"commit_interval: 11s\n", ":1:18: commit_interval must be from 1ms to 10s, is 11s\n"},
        {"commit_interval: 2s\n",
         "c.yaml: checkpoint_interval must be at least commit_interval (2s)\n"},
        {"checkpoint_interval: 50ms\n",
         ":1:22: checkpoint_interval must be at least commit_interval (100ms)\n"},
        {"workers: many\n", ":1:10: workers must be auto or a whole number\n"},
        {"workers: 0\n", ":1:10: workers must be from 1 to 256, is 0\n"},
        {"memory: { forget_after: 5w }\n", ":1:25: memory.forget_after must be a duration"},
        {"constants: [a]\n", ":1:12: constants must be a map of names and values\n"},
        {"instance: 'a/b'\n", ":1:11: instance: 'a/b' may contain only"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_refused(rows[i].text, rows[i].expected);
}

static void test_what_this_version_does_not_do_is_refused(void **state)
{
    (void)state;
    assert_refused("delivery: at_least_once\n",
                   ":1:11: delivery: at_least_once is not in this version");
    assert_refused("redis: { url: ['redis://a', 'redis://b'] }\n",
                   ":1:15: redis.url: this version uses one Redis server");
    setenv("STAGECOACH_REDIS_URL", "redis://a,redis://b", 1);
    assert_refused("kafka:\n",
                   "STAGECOACH_REDIS_URL: redis.url: this version uses one Redis server");
}

static void test_properties_that_exactly_once_needs_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {
        "isolation.level",   "enable.auto.commit",   "enable.auto.offset.store",
        "auto.offset.reset", "enable.partition.eof", "group.id",
        "transactional.id",  "enable.idempotence",   "acks",
        "bootstrap.servers",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char text[128], expected[128];
        snprintf(text, sizeof(text), "kafka:\n  properties:\n    %s: x\n", names[i]);
        snprintf(expected, sizeof(expected),
                 "c.yaml:3:5: kafka.properties: %s can't be set: ", names[i]);
        assert_refused(text, expected);
    }
}

static void test_all_mistakes_are_found_in_one_run(void **state)
{
    (void)state;
    assert_refused("kafka: { start: x, topics: ['a b'], foo: 1, group: a, group: b }\n"
                   "workers: 0\n"
                   "machines: [nowhere.yaml]\n"
                   "watch: maybe\n"
                   "nonsense: 1\n",
                   "c.yaml:1:17:");
    assert_int_equal(diag.error_count, 8);
}

static void test_the_name_of_a_journal_must_fit(void **state)
{
    (void)state;
    char text[512], topic[200];
    memset(topic, 't', sizeof(topic) - 1);
    topic[sizeof(topic) - 1] = '\0';
    snprintf(text, sizeof(text),
             "kafka: { group: gggggggggggggggggggggggggggggggggggggggggggggggggg, topics: [%s] }\n",
             topic);
    assert_refused(text, "is longer than 249 characters\n");
}

static void test_urls(void **state)
{
    (void)state;
    static const char *const good[] = {
        "redis://h",
        "redis://h/",
        "redis://h:6379",
        "redis://h:6379/0",
        "redis://:p@h",
        "redis://u:p@h/15",
        "redis://u:p%2Fx@h:1/2",
        "redis://u:p@x@h",
        "redis://[::1]:6379/0",
        "redis://[::1]",
        "redis://10.0.0.1:80",
        "redis://h?db=2",
        "redis://h/1?timeout_ms=50&db=3",
        "unix:///tmp/a",
        "unix:///tmp/a?db=3",
        "unix:///tmp/a@b?db=3&timeout_ms=7",
        "unix://u:p@/tmp/a",
    };
    static const char *const bad[] = {
        "redis://",        "redis://:6379",  "redis://h:",      "redis://h:0",
        "redis://h:65536", "redis://h:x",    "redis://h/x",     "redis://h/-1",
        "redis://[::1",    "redis://[::1]x", "redis://[]",      "redis://u:p@",
        "redis://u@h",     "redis://u:@h",   "redis://h/1.0",   "redis://h/1e1",
        "redis://h?x=1",   "redis://h?db=",  "redis://h?db=1&", "redis://h?timeout_ms=0",
        "unix://",         "unix:///",       "unix://tmp/a",    "unix:///a?x=1",
        "unix:///a?db=x",  "localhost:6379", "REDIS://h",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        char text[128];
        snprintf(text, sizeof(text), "redis: { url: '%s' }\n", good[i]);
        load(text);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char text[128];
        snprintf(text, sizeof(text), "redis: { url: '%s' }\n", bad[i]);
        assert_refused(text, ":1:15: redis.url: must be redis://");
    }
}

#define WITH_CONFIG(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CONFIG(test_what_is_left_out_has_its_default),
        WITH_CONFIG(test_reads_every_key),
        WITH_CONFIG(test_auto_workers_are_the_processors_less_one),
        WITH_CONFIG(test_one_text_is_a_list_of_one),
        WITH_CONFIG(test_paths_are_relative_to_the_file_or_absolute),
        WITH_CONFIG(test_a_file_is_loaded_as_its_text),
        WITH_CONFIG(test_variables_override_the_file),
        WITH_CONFIG(test_an_empty_variable_counts_as_unset),
        WITH_CONFIG(test_a_bad_variable_is_named),
        WITH_CONFIG(test_a_variable_that_is_nearly_ours_is_warned_of),
        WITH_CONFIG(test_every_key_has_a_variable),
        WITH_CONFIG(test_secrets_come_from_files),
        WITH_CONFIG(test_secrets_are_never_printed),
        WITH_CONFIG(test_a_wrong_url_is_not_printed_either),
        WITH_CONFIG(test_the_effective_configuration_loads_as_itself),
        WITH_CONFIG(test_unknown_keys_are_refused_with_the_nearest),
        WITH_CONFIG(test_values_are_checked),
        WITH_CONFIG(test_what_this_version_does_not_do_is_refused),
        WITH_CONFIG(test_properties_that_exactly_once_needs_are_refused),
        WITH_CONFIG(test_all_mistakes_are_found_in_one_run),
        WITH_CONFIG(test_the_name_of_a_journal_must_fit),
        WITH_CONFIG(test_urls),
    };
    return cmocka_run_group_tests(tests, setup_group, teardown_group);
}
