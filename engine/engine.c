#include "engine/engine.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "consumer/source_kafka.h"
#include "core/allocator.h"
#include "core/check.h"
#include "core/log.h"
#include "engine/journal.h"
#include "producer/sink_kafka.h"

#define BACK_OFF_MAX_MS 5000
#define GRACE_MS        2000 /* beyond shutdown_timeout, before a worker that hangs is left behind */

struct runner {
    struct engine *engine;
    struct worker *worker;
    unsigned number;
    pthread_t thread;
    bool started;
    atomic_bool ended;
    enum err outcome;
    struct errinfo info;
};

struct engine {
    const struct worker_setting *setting;
    const char **topics; /* all that are produced to */
    size_t topic_count;
    char **journals;
    struct runner *runners;
    unsigned count;
};

/* ---- topics ---- */

static void add_topic(struct engine *engine, const char *topic)
{
    for (size_t i = 0; i < engine->topic_count; i++)
        if (strcmp(engine->topics[i], topic) == 0)
            return;
    engine->topics[engine->topic_count++] = topic;
}

static void collect_topics(struct engine *engine)
{
    const struct config *config = engine->setting->config;
    engine->topics = calloc(config->route_count + config->topics.count + 1, sizeof *engine->topics);
    engine->journals = calloc(config->topics.count, sizeof *engine->journals);
    CHECK(engine->topics && engine->journals);
    for (size_t i = 0; i < config->route_count; i++)
        add_topic(engine, config->routes[i].topic.data);
    add_topic(engine, config->dead_letters);
}

/* Repeats while Kafka is away: a clear line the first time, then silence until it is back. */
static enum err ensure(const struct config *config, const char *topic, int32_t partitions,
                       bool keep, const volatile int *stop, struct errinfo *info)
{
    int wait_ms = 100;
    for (;;) {
        enum err rc = sink_kafka_ensure_topic(config, topic, partitions, keep, info);
        if (rc != ERR_RETRY || *stop)
            return rc;
        if (wait_ms == 100)
            log_warn("kafka.waiting", "brokers=%s reason=%s", config->brokers,
                     log_quote(info->text).text);
        struct timespec pause = {wait_ms / 1000, (long)(wait_ms % 1000) * 1000000};
        nanosleep(&pause, NULL);
        wait_ms = wait_ms * 2 > BACK_OFF_MAX_MS ? BACK_OFF_MAX_MS : wait_ms * 2;
    }
}

static enum err ensure_journals(struct engine *engine, const volatile int *stop,
                                struct errinfo *info)
{
    const struct config *config = engine->setting->config;
    enum err rc = ERR_NONE;
    for (size_t i = 0; i < config->topics.count && rc == ERR_NONE; i++) {
        int32_t partitions = 0;
        rc = sink_kafka_partition_count(config, config->topics.items[i], &partitions, info);
        if (rc == ERR_REJECT)
            return err_set(info, ERR_FATAL,
                           "kafka.topics: the topic %s is not there (brokers %s): create it, or "
                           "correct the name",
                           config->topics.items[i], config->brokers);
        engine->journals[i] = journal_topic(config->group, config->topics.items[i]);
        if (rc == ERR_NONE)
            rc = ensure(config, engine->journals[i], partitions, true, stop, info);
        engine->topics[engine->topic_count++] = engine->journals[i];
    }
    return rc;
}

static enum err ensure_topics(struct engine *engine, const volatile int *stop, struct errinfo *info)
{
    enum err rc = ERR_NONE;
    for (size_t i = 0; i < engine->topic_count && rc == ERR_NONE; i++)
        rc = ensure(engine->setting->config, engine->topics[i], -1, false, stop, info);
    return rc == ERR_NONE ? ensure_journals(engine, stop, info) : rc;
}

/* ---- workers ---- */

static struct source *open_source(void *self, const struct source_listener *listener,
                                  struct errinfo *info)
{
    struct runner *runner = self;
    return source_kafka_open(runner->engine->setting->config, runner->number, listener, info);
}

static void *run(void *self)
{
    struct runner *runner = self;
    runner->outcome = worker_run(runner->worker, &runner->info);
    if (runner->outcome != ERR_NONE)
        log_error("worker.ended", "worker=%u reason=%s", runner->number,
                  log_quote(runner->info.text).text);
    atomic_store(&runner->ended, true);
    return NULL;
}

static enum err start_runner(struct runner *runner, struct errinfo *info)
{
    const struct engine *engine = runner->engine;
    const struct config *config = engine->setting->config;
    struct worker_seams seams = {
        .self = runner, .open_source = open_source, .clock = clock_system()};

    CHECK(getrandom(&seams.seed, sizeof seams.seed, 0) == sizeof seams.seed);
    seams.load_store =
        store_redis_open(config->redis_url, config->redis_prefix, config->group, info);
    if (!seams.load_store)
        return ERR_CONFIG;
    seams.save_store =
        store_redis_open(config->redis_url, config->redis_prefix, config->group, info);
    seams.sink = sink_kafka_open(config, runner->number, engine->topics, engine->topic_count, info);
    if (!seams.save_store || !seams.sink) {
        store_close(seams.load_store);
        store_close(seams.save_store);
        sink_close(seams.sink);
        return ERR_CONFIG;
    }
    runner->worker = worker_new(engine->setting, &seams, runner->number, info);
    if (!runner->worker)
        return ERR_CONFIG;
    runner->started = pthread_create(&runner->thread, NULL, run, runner) == 0;
    CHECK(runner->started);
    return ERR_NONE;
}

void engine_free(struct engine *engine)
{
    for (unsigned i = 0; i < engine->count; i++)
        worker_free(engine->runners[i].worker);
    for (size_t i = 0; i < engine->setting->config->topics.count; i++)
        free(engine->journals[i]);
    free(engine->journals);
    free(engine->topics);
    free(engine->runners);
    free(engine);
}

enum err engine_start(const struct worker_setting *setting, const volatile int *stop,
                      struct engine **out, struct errinfo *info)
{
    struct engine *engine = calloc(1, sizeof *engine);
    struct errinfo ignored;

    CHECK(engine);
    allocator_tune();
    engine->setting = setting;
    engine->runners = calloc((size_t)setting->config->workers, sizeof *engine->runners);
    CHECK(engine->runners);
    collect_topics(engine);
    enum err rc = ensure_topics(engine, stop, info);
    for (unsigned i = 0; i < (unsigned)setting->config->workers && rc == ERR_NONE && !*stop; i++) {
        engine->runners[i].engine = engine;
        engine->runners[i].number = i;
        engine->count++;
        rc = start_runner(&engine->runners[i], info);
    }
    if (rc != ERR_NONE) {
        if (engine_stop(engine, &ignored) != ERR_RETRY)
            engine_free(engine);
        return rc;
    }
    *out = engine;
    return ERR_NONE;
}

void engine_follow(struct engine *engine, const struct ruleset *ruleset)
{
    for (unsigned i = 0; i < engine->count; i++)
        worker_follow(engine->runners[i].worker, ruleset);
}

bool engine_has_failed(const struct engine *engine)
{
    for (unsigned i = 0; i < engine->count; i++)
        if (atomic_load(&engine->runners[i].ended))
            return true;
    return false;
}

void engine_totals(const struct engine *engine, struct engine_totals *totals)
{
    *totals = (struct engine_totals){0};
    for (unsigned i = 0; i < engine->count; i++) {
        const struct worker_counters *of = worker_counters(engine->runners[i].worker);
        totals->events += atomic_load_explicit(&of->events, memory_order_relaxed);
        totals->duplicates += atomic_load_explicit(&of->duplicates, memory_order_relaxed);
        totals->late += atomic_load_explicit(&of->late, memory_order_relaxed);
        totals->signals += atomic_load_explicit(&of->signals, memory_order_relaxed);
        totals->dead_letters += atomic_load_explicit(&of->dead_letters, memory_order_relaxed);
        totals->replayed += atomic_load_explicit(&of->replayed, memory_order_relaxed);
        totals->epochs += atomic_load_explicit(&of->epochs, memory_order_relaxed);
        totals->checkpoints += atomic_load_explicit(&of->checkpoints, memory_order_relaxed);
        totals->doubts += atomic_load_explicit(&of->doubts, memory_order_relaxed);
        totals->rebuilds += atomic_load_explicit(&of->rebuilds, memory_order_relaxed);
        totals->log_too_short += atomic_load_explicit(&of->log_too_short, memory_order_relaxed);
        totals->customers += atomic_load_explicit(&of->customers, memory_order_relaxed);
        totals->partitions += atomic_load_explicit(&of->partitions, memory_order_relaxed);
        totals->future += atomic_load_explicit(&of->future, memory_order_relaxed);
        totals->timers_left += atomic_load_explicit(&of->timers_left, memory_order_relaxed);
        totals->rule_errors += atomic_load_explicit(&of->rule_errors, memory_order_relaxed);
        totals->left_out += atomic_load_explicit(&of->left_out, memory_order_relaxed);
        totals->suppressed += atomic_load_explicit(&of->suppressed, memory_order_relaxed);
        totals->state_gone += atomic_load_explicit(&of->state_gone, memory_order_relaxed);
        totals->workers_running += atomic_load_explicit(&of->running, memory_order_relaxed);
        totals->workers_settled += atomic_load_explicit(&of->settled, memory_order_relaxed);
    }
}

void engine_take_failures(const struct engine *engine, struct failures_list *list)
{
    for (unsigned i = 0; i < engine->count; i++)
        worker_take_failures(engine->runners[i].worker, list);
    failures_list_sort(list);
}

static bool wait_ended(const struct runner *runner, int64_t until_ms)
{
    struct clock clock = clock_system();
    while (!atomic_load(&runner->ended) && clock_monotonic_ms(&clock) < until_ms) {
        struct timespec pause = {0, 10 * 1000000};
        nanosleep(&pause, NULL);
    }
    return atomic_load(&runner->ended);
}

enum err engine_stop(struct engine *engine, struct errinfo *info)
{
    struct clock clock = clock_system();
    int64_t until_ms =
        clock_monotonic_ms(&clock) + engine->setting->config->shutdown_timeout_ms + GRACE_MS;
    enum err rc = ERR_NONE;

    for (unsigned i = 0; i < engine->count; i++)
        if (engine->runners[i].worker)
            worker_stop(engine->runners[i].worker);
    for (unsigned i = 0; i < engine->count; i++) {
        struct runner *runner = &engine->runners[i];
        if (!runner->started)
            continue;
        if (!wait_ended(runner, until_ms))
            return err_set(info, ERR_RETRY, "worker %u did not end within shutdown_timeout",
                           runner->number);
        pthread_join(runner->thread, NULL);
        if (runner->outcome != ERR_NONE && rc == ERR_NONE) {
            rc = runner->outcome;
            *info = runner->info;
        }
    }
    return rc;
}
