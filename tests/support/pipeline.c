#include "tests/support/pipeline.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>
#include <librdkafka/rdkafka.h>
#include <msgpack.h>

#include "cli/project.h"
#include "core/buf.h"
#include "core/hash.h"
#include "engine/backtest.h"
#include "engine/journal.h"
#include "producer/signal.h"

#define SHIPPED        STAGECOACH_SOURCE_DIR "/config/machines/"
#define DIFFERENCE_MAX 5 /* lines shown of each side */

#define FAIL(pipeline, ...) pipeline_fail(pipeline, __FILE__, __LINE__, __VA_ARGS__)

static void *allocate(size_t size)
{
    void *memory = calloc(1, size ? size : 1);
    if (!memory)
        process_fail(__FILE__, __LINE__, "out of memory");
    return memory;
}

void pipeline_fail(struct pipeline *pipeline, const char *file, int line, const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (int i = 0; i < PIPELINE_PROCESSES; i++)
        if (pipeline->processes[i])
            process_print_end(process_log(pipeline->processes[i]));
    process_fail(file, line, "%s", text);
}

/* `ID value`, sorted. */
struct lines {
    char **items;
    size_t count, capacity;
};

static void free_lines(struct lines *lines)
{
    for (size_t i = 0; i < lines->count; i++)
        free(lines->items[i]);
    free(lines->items);
}

/* ---- the world ---- */

static void create_topics(struct pipeline *pipeline)
{
    /* Events have their own times, long ago: nothing of it is to be thrown away for its age. */
    static const char *const kept[] = {"retention.ms", "-1", "max.message.bytes", "4000000", NULL};
    const char *outputs[] = {pipeline->carts, pipeline->stages, pipeline->signals,
                             pipeline->dead_letters};

    cluster_topic_create(pipeline->kafka, pipeline->events, pipeline->partitions, kept);
    for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++)
        cluster_topic_create(pipeline->kafka, outputs[i], 3, kept);
}

void pipeline_open(struct pipeline *pipeline, const struct pipeline_options *options)
{
    *pipeline = (struct pipeline){.partitions = options->partitions,
                                  .more = options->more ? options->more : ""};
    if (pipeline->partitions > PIPELINE_PARTITIONS_MAX)
        FAIL(pipeline, "PIPELINE_PARTITIONS_MAX is too small");
    pipeline->kafka = options->kafka ? options->kafka : cluster_kafka_shared();
    pipeline->redis = cluster_redis_start(options->redis);
    snprintf(pipeline->machines, sizeof pipeline->machines, "%s",
             options->machines ? options->machines
                               : SHIPPED "cart.yaml, " SHIPPED "browse.yaml, " SHIPPED
                                         "lifecycle.yaml");
    cluster_name(pipeline->group, sizeof pipeline->group, "group");
    cluster_name(pipeline->events, sizeof pipeline->events, "events");
    cluster_name(pipeline->carts, sizeof pipeline->carts, "carts");
    cluster_name(pipeline->stages, sizeof pipeline->stages, "stages");
    cluster_name(pipeline->signals, sizeof pipeline->signals, "signals");
    cluster_name(pipeline->dead_letters, sizeof pipeline->dead_letters, "dead");
    create_topics(pipeline);
}

static void forget_rules(struct pipeline *pipeline)
{
    while (pipeline->rules_count > 0) {
        struct project *project = pipeline->rules[--pipeline->rules_count];
        project_free(project);
        free(project);
    }
}

/* What was found last goes. */
static void forget_found(struct pipeline *pipeline)
{
    if (pipeline->found)
        free_lines(pipeline->found);
    free(pipeline->found);
    pipeline->found = NULL;
}

void pipeline_close(struct pipeline *pipeline)
{
    for (int i = 0; i < PIPELINE_PROCESSES; i++)
        process_free(pipeline->processes[i]);
    if (pipeline->offsets)
        rd_kafka_destroy(pipeline->offsets);
    cluster_redis_free(pipeline->redis);
    for (size_t i = 0; i < pipeline->message_count; i++) {
        free((void *)(uintptr_t)pipeline->messages[i].key.data);
        free((void *)(uintptr_t)pipeline->messages[i].value.data);
    }
    free(pipeline->messages);
    forget_rules(pipeline);
    forget_found(pipeline);
}

/* ---- processes ---- */

/* A process that looks at its files sees the old one or the new one. */
struct replaced {
    char path[512], beside[520];
    FILE *file;
};

static FILE *replace_begin(struct replaced *replaced, const char *path)
{
    snprintf(replaced->path, sizeof replaced->path, "%s", path);
    snprintf(replaced->beside, sizeof replaced->beside, "%s.new", path);
    replaced->file = fopen(replaced->beside, "w");
    if (!replaced->file)
        process_fail(__FILE__, __LINE__, "%s can't be written", replaced->beside);
    return replaced->file;
}

static void replace_end(struct replaced *replaced)
{
    bool failed = ferror(replaced->file) != 0;
    if (fclose(replaced->file) != 0 || failed || rename(replaced->beside, replaced->path) != 0)
        process_fail(__FILE__, __LINE__, "%s can't be written", replaced->path);
}

/*
 * The wall clock is kept out of it (watermark.idle) unless the test says otherwise: what it decides
 * is in no file of events.
 */
static void write_config(const struct pipeline *pipeline, int number, const char *path)
{
    struct replaced replaced;
    FILE *file = replace_begin(&replaced, path);
    fprintf(file,
            "kafka: { brokers: '%s', group: %s, topics: [%s], properties: { session.timeout.ms: "
            "6000 } }\n",
            cluster_kafka_address(pipeline->kafka), pipeline->group, pipeline->events);
    fprintf(file, "redis: { url: '%s', prefix: test }\n", cluster_redis_url(pipeline->redis));
    fprintf(file, "events: { schema: %s/config/schemas/segment.yaml }\n", STAGECOACH_SOURCE_DIR);
    fprintf(file, "machines: [%s]\n", pipeline->machines);
    fprintf(file,
            "signals: { topics: { 'cart.*': %s, 'checkout.*': %s, stage.changed: %s, '*': %s }, "
            "dead_letters: %s }\n",
            pipeline->carts, pipeline->carts, pipeline->stages, pipeline->signals,
            pipeline->dead_letters);
    fprintf(file, "instance: process-%d\n%s%s", number,
            strstr(pipeline->more, "watermark:") ? "" : "watermark: { idle: 1d }\n",
            pipeline->more);
    replace_end(&replaced);
}

const char *pipeline_configure(struct pipeline *pipeline, int number)
{
    static char path[512];
    char *folder = pipeline->folders[number];

    if (!*folder)
        process_folder("run", folder, sizeof pipeline->folders[number]);
    snprintf(path, sizeof path, "%s/stagecoach.yaml", folder);
    write_config(pipeline, number, path);
    return path;
}

const char *pipeline_write(const char *name, const char *text)
{
    static char path[512];
    struct replaced replaced;
    snprintf(path, sizeof path, "%s/%s", process_scratch(), name);
    fputs(text, replace_begin(&replaced, path));
    replace_end(&replaced);
    return path;
}

void pipeline_start(struct pipeline *pipeline, int number)
{
    const char *argv[] = {STAGECOACH_PROGRAM, "run", "-c", pipeline_configure(pipeline, number),
                          NULL};

    process_free(pipeline->processes[number]);
    pipeline->processes[number] = process_start(pipeline->folders[number], argv);
}

static void check_sanitizers(struct pipeline *pipeline, int number)
{
    char *log = process_read_log(pipeline->processes[number]);
    bool clean = !strstr(log, "Sanitizer") && !strstr(log, "runtime error:");
    if (!clean)
        fputs(log, stderr);
    free(log);
    if (!clean)
        FAIL(pipeline, "a sanitizer has found something in process %d", number);
}

void pipeline_kill(struct pipeline *pipeline, int number)
{
    process_signal(pipeline->processes[number], SIGKILL);
    int code = process_exit_code(pipeline->processes[number], PIPELINE_TIMEOUT_MS);
    if (code != 128 + SIGKILL)
        FAIL(pipeline, "process %d had already ended by itself, with %d", number, code);
    check_sanitizers(pipeline, number);
    process_free(pipeline->processes[number]);
    pipeline->processes[number] = NULL;
}

void pipeline_stop(struct pipeline *pipeline, int number)
{
    process_signal(pipeline->processes[number], SIGTERM);
    int code = process_exit_code(pipeline->processes[number], PIPELINE_TIMEOUT_MS);
    check_sanitizers(pipeline, number);
    if (code != 0)
        FAIL(pipeline, "process %d ended with %d", number, code);
    process_free(pipeline->processes[number]);
    pipeline->processes[number] = NULL;
}

void pipeline_await_failure(struct pipeline *pipeline, int number, int code, const char *text)
{
    int found = process_exit_code(pipeline->processes[number], PIPELINE_TIMEOUT_MS);
    check_sanitizers(pipeline, number);
    if (found != code)
        FAIL(pipeline, "process %d ended with %d, not %d", number, found, code);
    if (pipeline_log_count(pipeline, number, text) == 0)
        FAIL(pipeline, "process %d did not say: %s", number, text);
    process_free(pipeline->processes[number]);
    pipeline->processes[number] = NULL;
}

size_t pipeline_log_count(struct pipeline *pipeline, int number, const char *text)
{
    char *log = process_read_log(pipeline->processes[number]);
    size_t count = 0;
    for (const char *at = log; (at = strstr(at, text)); at++)
        count++;
    free(log);
    return count;
}

static void check_running(struct pipeline *pipeline)
{
    for (int i = 0; i < PIPELINE_PROCESSES; i++)
        if (pipeline->processes[i] && process_wait(pipeline->processes[i], 0, NULL))
            FAIL(pipeline, "process %d has ended by itself, with %d", i,
                 process_exit_code(pipeline->processes[i], 0));
}

/* ---- rules that change on the way ---- */

uint64_t pipeline_note_rules(struct pipeline *pipeline)
{
    char path[512];

    if (pipeline->rules_count == PIPELINE_RULES_MAX)
        FAIL(pipeline, "PIPELINE_RULES_MAX is too small");
    snprintf(path, sizeof path, "%s/stagecoach.yaml", pipeline->folders[0]);
    struct project *project = allocate(sizeof *project);
    if (!project_load_or_say(project, path, NULL))
        FAIL(pipeline, "the configuration is wrong");
    pipeline->rules[pipeline->rules_count++] = project;
    return project->ruleset->id;
}

static size_t find_rules(struct pipeline *pipeline, uint64_t id)
{
    size_t i = 0;
    while (i < pipeline->rules_count && pipeline->rules[i]->ruleset->id != id)
        i++;
    if (i == pipeline->rules_count)
        FAIL(pipeline, "the journal names rules that the test knows nothing of: %016llx",
             (unsigned long long)id);
    return i;
}

/* Byte for byte what there must be of the noted files. */
static void check_files(struct pipeline *pipeline, const struct cluster_record *found,
                        const struct journal_record *record)
{
    const struct ruleset *ruleset = pipeline->rules[find_rules(pipeline, record->ruleset)]->ruleset;
    struct buf wanted;
    buf_init(&wanted);
    journal_encode(record, ruleset->texts, ruleset->text_count, &wanted);
    if (!slice_equal(buf_slice(&wanted), found->value))
        FAIL(pipeline, "the journal holds other files than the test has written");
    buf_fini(&wanted);
}

static void take_record(struct pipeline *pipeline, const struct cluster_record *found)
{
    struct pipeline_changes *changes = &pipeline->changes[found->partition];
    struct journal_record record;

    if (!journal_decode(found->value, &record))
        FAIL(pipeline, "a record of the journal can't be read");
    if (record.kind == JOURNAL_WATERMARK)
        FAIL(pipeline, "the wall clock has moved a watermark: the computation knows none");
    if (record.kind == JOURNAL_START)
        return;
    size_t rules = find_rules(pipeline, record.ruleset);
    bool has_files = changes->with_files & 1u << rules;
    if (has_files != (record.kind == JOURNAL_RULES))
        FAIL(pipeline, "the journal holds files twice, or names rules before their files");
    if (record.kind == JOURNAL_RULESET) {
        check_files(pipeline, found, &record);
        changes->with_files |= 1u << rules;
        return;
    }
    if (changes->count == PIPELINE_RULES_MAX)
        FAIL(pipeline, "PIPELINE_RULES_MAX is too small");
    changes->items[changes->count].offset = record.offset;
    changes->items[changes->count++].rules = rules;
}

static void read_changes(struct pipeline *pipeline)
{
    char *topic = journal_topic(pipeline->group, pipeline->events);
    struct cluster_records *records = cluster_read(pipeline->kafka, topic, CLUSTER_COMMITTED);

    memset(pipeline->changes, 0, sizeof pipeline->changes);
    for (size_t i = 0; i < records->count; i++)
        take_record(pipeline, &records->items[i]);
    for (int p = 0; p < pipeline->partitions; p++)
        if (pipeline->changes[p].count == 0 || pipeline->changes[p].items[0].offset != 0)
            FAIL(pipeline, "the journal of partition %d does not begin at 0", p);
    cluster_records_free(records);
    free(topic);
}

/* The rules of the configuration, throughout. */
static void suppose_no_changes(struct pipeline *pipeline)
{
    pipeline_configure(pipeline, 0);
    pipeline_note_rules(pipeline);
    memset(pipeline->changes, 0, sizeof pipeline->changes);
    for (int p = 0; p < pipeline->partitions; p++)
        pipeline->changes[p].count = 1; /* note 0 from offset 0 on */
}

/* ---- events ---- */

static struct slice copy(struct slice bytes)
{
    char *memory;
    if (!bytes.data)
        return bytes;
    memory = allocate(bytes.size);
    memcpy(memory, bytes.data, bytes.size);
    return (struct slice){memory, bytes.size};
}

void pipeline_add(struct pipeline *pipeline, int partition, int64_t time_ms, struct slice key,
                  struct slice value)
{
    if (pipeline->message_count == pipeline->message_capacity) {
        pipeline->message_capacity =
            pipeline->message_capacity ? pipeline->message_capacity * 2 : 1024;
        pipeline->messages =
            realloc(pipeline->messages, pipeline->message_capacity * sizeof *pipeline->messages);
        if (!pipeline->messages)
            process_fail(__FILE__, __LINE__, "out of memory");
    }
    pipeline->messages[pipeline->message_count++] =
        (struct pipeline_message){partition, time_ms, copy(key), copy(value)};
}

static int partition_of(const struct pipeline *pipeline, struct slice customer)
{
    return (int)(hash_bytes(customer) % (uint64_t)pipeline->partitions);
}

static void pack_text(msgpack_packer *packer, const char *text)
{
    msgpack_pack_str_with_body(packer, text, strlen(text));
}

static void add_event(struct pipeline *pipeline, int partition, const char *customer,
                      const char *event, int64_t time_ms)
{
    struct buf message;
    msgpack_packer packer;
    buf_init(&message);
    msgpack_packer_init(&packer, &message, buf_pack_write);
    msgpack_pack_map(&packer, 3);
    pack_text(&packer, "userId");
    pack_text(&packer, customer);
    pack_text(&packer, "event");
    pack_text(&packer, event);
    pack_text(&packer, "timestamp");
    msgpack_pack_int64(&packer, time_ms);
    pipeline_add(pipeline, partition, time_ms, slice_of(customer), buf_slice(&message));
    buf_fini(&message);
}

void pipeline_add_event(struct pipeline *pipeline, const char *customer, const char *event,
                        int64_t time_ms)
{
    add_event(pipeline, partition_of(pipeline, slice_of(customer)), customer, event, time_ms);
}

void pipeline_add_shop(struct pipeline *pipeline, const struct shop_options *options, size_t count)
{
    struct shop *shop = shop_new(options);
    struct shop_event event;
    for (size_t i = 0; i < count; i++) {
        shop_next(shop, &event);
        pipeline_add(pipeline, partition_of(pipeline, event.customer), event.time_ms,
                     event.customer, event.message);
    }
    shop_free(shop);
}

void pipeline_add_closers(struct pipeline *pipeline, int64_t time_ms)
{
    for (int i = 0; i < pipeline->partitions; i++) {
        char customer[32];
        snprintf(customer, sizeof customer, "closer-%d", i);
        add_event(pipeline, i, customer, "Page Viewed", time_ms);
    }
}

size_t pipeline_send(struct pipeline *pipeline, size_t count)
{
    size_t left = pipeline->message_count - pipeline->sent;
    if (count > left)
        count = left;
    struct cluster_message *messages = allocate(count * sizeof *messages);
    for (size_t i = 0; i < count; i++) {
        const struct pipeline_message *from = &pipeline->messages[pipeline->sent + i];
        messages[i] = (struct cluster_message){.partition = from->partition,
                                               .time_ms = from->time_ms,
                                               .key = from->key,
                                               .value = from->value};
    }
    cluster_produce(pipeline->kafka, pipeline->events, messages, count);
    pipeline->sent += count;
    free(messages);
    return count;
}

/* ---- how far it has come ---- */

static void no_log(const rd_kafka_t *handle, int level, const char *facility, const char *text)
{
    (void)handle, (void)level, (void)facility, (void)text;
}

static void open_offsets(struct pipeline *pipeline)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char error[256];
    rd_kafka_conf_set_log_cb(conf, no_log);
    rd_kafka_conf_set(conf, "bootstrap.servers", cluster_kafka_address(pipeline->kafka), NULL, 0);
    rd_kafka_conf_set(conf, "group.id", pipeline->group, NULL, 0);
    rd_kafka_conf_set(conf, "reconnect.backoff.max.ms", "500", NULL, 0);
    /*
     * Else it waits for transactions under way; those that are aborted are not seen in either way.
     */
    rd_kafka_conf_set(conf, "isolation.level", "read_uncommitted", NULL, 0);
    pipeline->offsets = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof error);
    if (!pipeline->offsets)
        FAIL(pipeline, "%s", error);
}

int64_t pipeline_committed(struct pipeline *pipeline)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(pipeline->partitions);
    int64_t sum = 0;

    if (!pipeline->offsets)
        open_offsets(pipeline);
    for (int i = 0; i < pipeline->partitions; i++)
        rd_kafka_topic_partition_list_add(list, pipeline->events, i);
    rd_kafka_resp_err_t err = rd_kafka_committed(pipeline->offsets, list, 1000);
    for (int i = 0; i < list->cnt && err == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        err = list->elems[i].err;
        sum += list->elems[i].offset > 0 ? list->elems[i].offset : 0;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return err == RD_KAFKA_RESP_ERR_NO_ERROR ? sum : -1;
}

void pipeline_await_committed(struct pipeline *pipeline, int64_t messages)
{
    int64_t end = process_now_ms() + PIPELINE_TIMEOUT_MS, committed;
    while ((committed = pipeline_committed(pipeline)) < messages) {
        check_running(pipeline);
        if (process_now_ms() > end)
            FAIL(pipeline, "after %d s %lld of %zu messages are committed, of %lld awaited",
                 PIPELINE_TIMEOUT_MS / 1000, (long long)committed, pipeline->sent,
                 (long long)messages);
        process_nap_ms(10);
    }
}

void pipeline_await_end(struct pipeline *pipeline)
{
    pipeline_await_committed(pipeline, (int64_t)pipeline->sent);
}

/* ---- signals ---- */

/* `ID value` */
static void add_line(struct lines *lines, struct slice id, struct slice value)
{
    if (lines->count == lines->capacity) {
        lines->capacity = lines->capacity ? lines->capacity * 2 : 1024;
        lines->items = realloc(lines->items, lines->capacity * sizeof *lines->items);
        if (!lines->items)
            process_fail(__FILE__, __LINE__, "out of memory");
    }
    char *line = allocate(id.size + value.size + 2);
    memcpy(line, id.data, id.size);
    line[id.size] = ' ';
    memcpy(line + id.size + 1, value.data, value.size);
    lines->items[lines->count++] = line;
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

struct expectation {
    struct lines *lines;
    const char *topic;
    int partition;
};

/* A file has one partition, 0: its signals' ids are TOPIC/0/... */
static void expect_signal(void *self, const struct signal *signal, struct slice id)
{
    struct expectation *expectation = self;
    size_t topic_size = strlen(expectation->topic);
    struct buf real_id, value;

    buf_init(&real_id);
    buf_init(&value);
    buf_printf(&real_id, "%s/%d", expectation->topic, expectation->partition);
    buf_add(&real_id, id.data + topic_size + 2, id.size - topic_size - 2);
    signal_encode(signal, SIGNAL_JSON, (struct slice){0}, &value);
    add_line(expectation->lines, buf_slice(&real_id), buf_slice(&value));
    buf_fini(&real_id);
    buf_fini(&value);
}

/* Message by message, with the rules that are in force at its offset. */
static void compute_partition(const struct pipeline *pipeline, int partition, struct lines *lines)
{
    const struct pipeline_changes *changes = &pipeline->changes[partition];
    const struct ruleset *first = pipeline->rules[changes->items[0].rules]->ruleset;
    struct expectation expectation = {lines, pipeline->events, partition};
    struct backtest_options options = {
        .rules = first->rules,
        .schema = first->schema,
        .lateness_ms = first->lateness_ms,
        .forget_after_ms = first->forget_after_ms,
        .until_ms = BACKTEST_NO_UNTIL,
        .self = &expectation,
        .signal = expect_signal,
    };
    struct backtest *backtest = backtest_new(&options);
    struct decoded decoded;
    int64_t offset = 0;
    size_t next = 1;

    backtest_begin_file(backtest, pipeline->events);
    for (size_t i = 0; i < pipeline->sent; i++) {
        if (pipeline->messages[i].partition != partition)
            continue;
        for (; next < changes->count && changes->items[next].offset <= offset; next++)
            backtest_change_rules(backtest, pipeline->rules[changes->items[next].rules]->ruleset);
        backtest_message(backtest, offset++, pipeline->messages[i].value, &decoded);
    }
    backtest_free(backtest);
}

/* What was sent, through the plain computation. */
static void compute_expected(struct pipeline *pipeline, struct lines *lines)
{
    bool none_noted = pipeline->rules_count == 0;

    if (none_noted)
        suppose_no_changes(pipeline);
    else
        read_changes(pipeline);
    for (int partition = 0; partition < pipeline->partitions; partition++)
        compute_partition(pipeline, partition, lines);
    if (none_noted)
        forget_rules(pipeline);
    sort_lines(lines);
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static const char *topic_of(const struct pipeline *pipeline, const char *type)
{
    if (begins(type, "cart.") || begins(type, "checkout."))
        return pipeline->carts;
    return strcmp(type, "stage.changed") == 0 ? pipeline->stages : pipeline->signals;
}

static void read_signals(struct pipeline *pipeline, const char *topic, struct lines *lines)
{
    struct cluster_records *records = cluster_read(pipeline->kafka, topic, CLUSTER_SETTLED);
    for (size_t i = 0; i < records->count; i++) {
        const struct cluster_record *record = &records->items[i];
        const char *id = cluster_record_header(record, "ce_id"),
                   *type = cluster_record_header(record, "ce_type");
        const char *subject = cluster_record_header(record, "ce_subject");
        if (!id || !type || !subject || strcmp(subject, record->key.data) != 0)
            FAIL(pipeline,
                 "%s: a record without ce_id or ce_type, or whose key is not its ce_subject: %s",
                 topic, record->value.data);
        if (strcmp(topic, topic_of(pipeline, type)) != 0)
            FAIL(pipeline, "%s holds a %s", topic, type);
        add_line(lines, slice_of(id), record->value);
    }
    cluster_records_free(records);
}

/* Both are sorted; the first lines that only one of them has. True: none. */
static bool show_differences(const struct lines *expected, const struct lines *found)
{
    size_t e = 0, f = 0, missing = 0, extra = 0;
    while (e < expected->count || f < found->count) {
        int order = e == expected->count ? 1
                    : f == found->count  ? -1
                                         : strcmp(expected->items[e], found->items[f]);
        if (order < 0 && missing++ < DIFFERENCE_MAX)
            print_error("missing: %s\n", expected->items[e]);
        if (order > 0 && extra++ < DIFFERENCE_MAX)
            print_error("%s: %s\n",
                        f > 0 && strcmp(found->items[f], found->items[f - 1]) == 0 ? "repeated"
                                                                                   : "not expected",
                        found->items[f]);
        e += order <= 0;
        f += order >= 0;
    }
    if (missing || extra)
        print_error("%zu lines expected, %zu found: %zu missing, %zu too many\n", expected->count,
                    found->count, missing, extra);
    return !missing && !extra;
}

/* Sorted, so that what has one id stands together. */
static void check_ids(struct pipeline *pipeline, const struct lines *lines)
{
    for (size_t i = 1; i < lines->count; i++)
        if (strncmp(lines->items[i], lines->items[i - 1], strcspn(lines->items[i], " ") + 1) == 0)
            FAIL(pipeline, "two signals with one id: %s", lines->items[i]);
}

static void read_all_signals(struct pipeline *pipeline, struct lines *lines)
{
    read_signals(pipeline, pipeline->carts, lines);
    read_signals(pipeline, pipeline->stages, lines);
    read_signals(pipeline, pipeline->signals, lines);
    sort_lines(lines);
}

static size_t count_lines(const struct lines *lines, const char *text)
{
    size_t count = 0;
    for (size_t i = 0; i < lines->count; i++)
        count += strstr(strchr(lines->items[i], ' '), text) != NULL;
    return count;
}

size_t pipeline_count_found(const struct pipeline *pipeline, const char *text)
{
    return count_lines(pipeline->found, text);
}

size_t pipeline_count_signals(struct pipeline *pipeline, const char *type)
{
    struct lines found = {0};
    char field[128];

    snprintf(field, sizeof field, "\"type\":\"%s\"", type);
    read_all_signals(pipeline, &found);
    check_ids(pipeline, &found);
    size_t count = count_lines(&found, field);
    free_lines(&found);
    return count;
}

size_t pipeline_check_signals(struct pipeline *pipeline)
{
    struct lines expected = {0};

    forget_found(pipeline);
    pipeline->found = allocate(sizeof *pipeline->found);
    compute_expected(pipeline, &expected);
    read_all_signals(pipeline, pipeline->found);
    if (!show_differences(&expected, pipeline->found))
        FAIL(pipeline, "the signals differ");
    check_ids(pipeline, pipeline->found);
    free_lines(&expected);
    return pipeline->found->count;
}

/* ---- Redis ---- */

char *pipeline_meta(struct pipeline *pipeline, int partition, const char *field)
{
    return cluster_redis_command(pipeline->redis, "HGET test:{%s/%s/%d}:meta %s", pipeline->group,
                                 pipeline->events, partition, field);
}

/* `NAME=value` of the commit's metadata stands in Redis too. */
static bool is_stored(struct pipeline *pipeline, int partition, const char *metadata,
                      const char *name)
{
    char *stored = pipeline_meta(pipeline, partition, name), wanted[64];
    snprintf(wanted, sizeof wanted, " %s=%s ", name, stored ? stored : "");
    bool is = stored && strstr(metadata, wanted);
    free(stored);
    return is;
}

/* In the midst of a replay offset and epoch may be the commit's, and the watermark's moves lack. */
static bool is_checkpointed(struct pipeline *pipeline, int partition)
{
    char metadata[600];
    int64_t committed = cluster_committed(pipeline->kafka, pipeline->group, pipeline->events,
                                          partition, metadata, sizeof metadata);
    char *offset = pipeline_meta(pipeline, partition, "offset");
    bool is = offset && strtoll(offset, NULL, 10) == committed;
    free(offset);
    return is && is_stored(pipeline, partition, metadata, "epoch") &&
           is_stored(pipeline, partition, metadata, "journal") &&
           (strstr(metadata, "watermark=- ") ||
            is_stored(pipeline, partition, metadata, "watermark"));
}

void pipeline_await_checkpoints(struct pipeline *pipeline)
{
    for (int i = 0; i < pipeline->partitions; i++)
        wait_until(is_checkpointed(pipeline, i), PIPELINE_TIMEOUT_MS);
}

void pipeline_check_stopped(struct pipeline *pipeline)
{
    for (int i = 0; i < pipeline->partitions; i++) {
        int64_t end = cluster_end(pipeline->kafka, pipeline->events, i);
        int64_t committed =
            cluster_committed(pipeline->kafka, pipeline->group, pipeline->events, i, NULL, 0);
        char *offset = pipeline_meta(pipeline, i, "offset");
        if (committed != end || !offset || strtoll(offset, NULL, 10) != committed)
            FAIL(pipeline, "partition %d: end %lld, committed %lld, checkpoint %s", i,
                 (long long)end, (long long)committed, offset ? offset : "(none)");
        free(offset);
    }
}

static redisReply *ask(struct pipeline *pipeline, redisContext *context, const char *command,
                       const char *key)
{
    redisReply *reply = redisCommand(context, "%s %s", command, key);
    if (!reply || reply->type == REDIS_REPLY_ERROR)
        FAIL(pipeline, "redis: %s %s: %s", command, key, reply ? reply->str : context->errstr);
    return reply;
}

static void add_state_line(struct lines *lines, const char *key, const redisReply *field,
                           const redisReply *value)
{
    struct buf line, bytes;
    buf_init(&line);
    buf_init(&bytes);
    buf_printf(&line, "%s %.*s", strrchr(key, '/') + 1, field ? (int)field->len : 0,
               field ? field->str : "");
    for (size_t i = 0; i < value->len; i++) /* a record is msgpack */
        buf_printf(&bytes, value->str[i] > ' ' && value->str[i] < 0x7f ? "%c" : "\\x%02x",
                   (unsigned char)value->str[i]);
    add_line(lines, buf_slice(&line), buf_slice(&bytes));
    buf_fini(&line);
    buf_fini(&bytes);
}

static bool is_of_the_moment(const redisReply *field)
{
    static const char *const fields[] = {"owner", "version", "epoch", "at"};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (strcmp(field->str, fields[i]) == 0)
            return true;
    return false;
}

/* Timers are lower bounds of what the records say, written now and then: not compared. */
static void add_key(struct pipeline *pipeline, redisContext *context, const char *key,
                    struct lines *lines)
{
    const char *kind = strchr(key, '}') + 1;
    redisReply *reply;
    if (begins(kind, ":c:")) {
        reply = ask(pipeline, context, "GET", key);
        add_state_line(lines, key, NULL, reply);
    } else if (strcmp(kind, ":meta") == 0 || strcmp(kind, ":stats") == 0) {
        reply = ask(pipeline, context, "HGETALL", key);
        for (size_t i = 0; i + 1 < reply->elements; i += 2)
            if (!is_of_the_moment(reply->element[i]))
                add_state_line(lines, key, reply->element[i], reply->element[i + 1]);
    } else {
        return;
    }
    freeReplyObject(reply);
}

static void read_state(struct pipeline *pipeline, struct lines *lines)
{
    redisContext *context = redisConnectUnix(cluster_redis_socket(pipeline->redis));
    if (!context || context->err)
        FAIL(pipeline, "no connection to redis");
    redisReply *keys = ask(pipeline, context, "KEYS", "test:*");
    for (size_t i = 0; i < keys->elements; i++)
        add_key(pipeline, context, keys->element[i]->str, lines);
    sort_lines(lines);
    freeReplyObject(keys);
    redisFree(context);
}

struct pipeline_state {
    struct lines lines;
};

struct pipeline_state *pipeline_state(struct pipeline *pipeline)
{
    struct pipeline_state *state = allocate(sizeof *state);
    read_state(pipeline, &state->lines);
    return state;
}

void pipeline_check_state(struct pipeline *pipeline, struct pipeline_state *state)
{
    struct lines now = {0};
    read_state(pipeline, &now);
    if (!show_differences(&state->lines, &now))
        FAIL(pipeline, "the state in Redis is another");
    free_lines(&now);
    free_lines(&state->lines);
    free(state);
}
