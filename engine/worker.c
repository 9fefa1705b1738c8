#include "engine/worker.h"

#include <stdlib.h>

#include "core/check.h"
#include "core/log.h"
#include "engine/worker_inner.h"

#define BACK_OFF_MIN_MS 50
#define BACK_OFF_MAX_MS 5000
#define POLL_MS         20
#define FINISH_TURNS    1000
#define LEAVE_MS        2000 /* of shutdown_timeout, at most, for leaving the group */
#define ROOM_WAIT_MS                                                                               \
    1000 /* for the publisher, before partitions are paused: a pause throws away what is fetched */
#define SETTLE_WAIT_MS 5000 /* one that lasts goes on beside */
#define DRAIN_MS       120000 /* half the time that a rebalance is given (max.poll.interval.ms, 5 min) */

/* ---- small things that all files of the worker use ---- */

int64_t worker_now_ms(const struct worker *worker)
{
    return clock_monotonic_ms(&worker->seams.clock);
}

struct lane *worker_lane(struct worker *worker, struct topic_partition of)
{
    if (worker->last_lane && topic_partition_equal(worker->last_lane->partition.id, of))
        return worker->last_lane;
    for (size_t i = 0; i < worker->lane_count; i++)
        if (topic_partition_equal(worker->lanes[i].partition.id, of))
            return worker->last_lane = &worker->lanes[i];
    return NULL;
}

const char *worker_journal_topic(const struct worker *worker, const char *topic)
{
    const struct config_texts *topics = &worker->setting->config->topics;
    for (size_t i = 0; i < topics->count; i++)
        if (strcmp(topics->items[i], topic) == 0)
            return worker->journal_topics[i];
    CHECK(false); /* all topics are of the configuration */
    return NULL;
}

void worker_doubt(struct worker *worker, const char *reason)
{
    if (worker->in_doubt)
        return;
    worker->in_doubt = true;
    publisher_abandon(&worker->publisher);
    atomic_fetch_add_explicit(&worker->counters.doubts, 1, memory_order_relaxed);
    atomic_store_explicit(&worker->counters.running, false, memory_order_relaxed);
    log_warn("worker.doubt", "worker=%u reason=%s", worker->number, log_quote(reason).text);
}

enum err worker_fatal(struct worker *worker, enum err code, const struct errinfo *info)
{
    if (worker->fatal == ERR_NONE) {
        worker->fatal = code;
        worker->fatal_info = *info;
        publisher_abandon(&worker->publisher);
    }
    return code;
}

int worker_back_off(struct worker *worker, int back_off_ms)
{
    int next_ms = back_off_ms ? back_off_ms * 2 : BACK_OFF_MIN_MS;
    if (next_ms > BACK_OFF_MAX_MS)
        next_ms = BACK_OFF_MAX_MS;
    return next_ms / 2 + (int)((uint64_t)worker_now_ms(worker) * 7919 % (uint64_t)(next_ms / 2)) +
           1;
}

void worker_block(struct worker *worker, struct lane *lane, const char *reason)
{
    struct errinfo info = {""};
    if (lane->blocked || lane->phase == LANE_PARKED)
        return;
    if (lane->back_off_ms == 0)
        log_warn("partition.paused", "topic=%s partition=%d offset=%lld reason=%s",
                 lane->partition.id.topic, (int)lane->partition.id.partition,
                 (long long)lane->partition.next_offset, log_quote(reason).text);
    lane->back_off_ms = worker_back_off(worker, lane->back_off_ms);
    lane->retry_ms = worker_now_ms(worker) + lane->back_off_ms;
    lane->blocked = true;
    lane->end_offset = -1;
    if (source_pause(worker->source, lane->partition.id, &info) != ERR_NONE)
        worker_doubt(worker, info.text);
}

void worker_block_all(struct worker *worker, const char *reason)
{
    for (size_t i = 0; i < worker->lane_count; i++)
        worker_block(worker, &worker->lanes[i], reason);
}

void worker_reread(struct worker *worker, struct lane *lane)
{
    struct errinfo info = {""};
    if (lane->blocked)
        return;
    lane->blocked = true; /* until the next turn */
    lane->retry_ms = worker_now_ms(worker);
    lane->end_offset = -1;
    if (source_pause(worker->source, lane->partition.id, &info) != ERR_NONE)
        worker_doubt(worker, info.text);
}

void worker_unblock(struct worker *worker)
{
    struct errinfo info = {""};
    int64_t now_ms = worker_now_ms(worker);

    for (size_t i = 0;
         i < worker->lane_count && flush_has_room(worker) && !flush_is_held_up(worker); i++) {
        struct lane *lane = &worker->lanes[i];
        if (!lane->blocked || now_ms < lane->retry_ms)
            continue;
        if (source_resume(worker->source, lane->partition.id, lane->partition.next_offset, &info) ==
            ERR_NONE)
            lane->blocked = false;
        else
            lane->retry_ms =
                now_ms + (lane->back_off_ms = worker_back_off(worker, lane->back_off_ms));
    }
}

/* ---- assignments ---- */

static void free_lanes(struct worker *worker)
{
    for (size_t i = 0; i < worker->lane_count; i++) {
        partition_fini(&worker->lanes[i].partition);
        free(worker->lanes[i].journal);
        free(worker->lanes[i].rulesets);
    }
    free(worker->lanes);
    worker->lanes = worker->last_lane = NULL;
    worker->lane_count = 0;
}

/* Topics as the configuration spells them outlive everything; what a source says need not. */
static const char *known_topic(const struct worker *worker, const char *topic)
{
    const struct config_texts *topics = &worker->setting->config->topics;
    for (size_t i = 0; i < topics->count; i++)
        if (strcmp(topics->items[i], topic) == 0)
            return topics->items[i];
    return topic;
}

static void assigned(void *self, const struct topic_partition *partitions, size_t count)
{
    struct worker *worker = self;

    free_lanes(worker); /* no epoch is under way that knows them: they were revoked */
    worker->lanes = calloc(count + 1, sizeof *worker->lanes);
    CHECK(worker->lanes);
    for (size_t i = 0; i < count; i++) {
        struct topic_partition id = {known_topic(worker, partitions[i].topic),
                                     partitions[i].partition};
        worker->lanes[i].end_offset = -1;
        worker->lanes[i].moved_ms = PARTITION_NO_TIME;
        worker->lanes[i].regime = regime_of(worker, atomic_load(&worker->wanted));
        partition_init(&worker->lanes[i].partition, id, &worker->lanes[i].regime->setting);
    }
    worker->lane_count = count;
    buf_reset(&worker->membership);
    source_membership(worker->source, &worker->membership);
    worker->polled = false;
    worker->recover_ms = 0;
    worker->journal_since_ms = 0;
    worker->phase = count ? WORKER_SETTLING : WORKER_UNASSIGNED;
    log_info("worker.assigned", "worker=%u partitions=%zu", worker->number, count);
}

static void push_settle(struct worker *worker)
{
    CHECK(worker->spare_count > 0);
    struct epoch *epoch = worker->spare[--worker->spare_count];
    epoch_reset(epoch);
    epoch->kind = EPOCH_SETTLE;
    worker->is_settling = true;
    worker->under_way++;
    CHECK(publisher_push(&worker->publisher, epoch));
}

/*
 * What was open is aborted before others have the partitions, where that goes in a few seconds: while its offsets are pending
 * they can't begin.
 */
static void discard(struct worker *worker)
{
    if (!worker->is_settling) {
        publisher_abandon(&worker->publisher);
        flush_await(worker);
        if (worker->phase == WORKER_UNASSIGNED)
            return; /* the publisher has ended */
        push_settle(worker);
    }
    flush_collect(worker, SETTLE_WAIT_MS);
}

/* In good order what is computed is made durable first; else it is somebody else's business now. */
static void revoked(void *self, bool lost)
{
    struct worker *worker = self;

    bool drained = worker->drained ||
                   (worker->phase == WORKER_RUNNING && !lost && flush_drain(worker, DRAIN_MS));
    if (!drained && worker->lane_count > 0)
        discard(worker);
    log_info("worker.revoked", "worker=%u drained=%s lost=%s", worker->number,
             drained ? "yes" : "no", lost ? "yes" : "no");
    free_lanes(worker);
    epoch_reset(worker->open);
    worker->in_doubt = false;
    worker->phase = WORKER_UNASSIGNED;
    atomic_store_explicit(&worker->counters.running, false, memory_order_relaxed);
}

/* ---- one turn ---- */

/*
 * Everything that was under way comes back first, then the producer ends what it had begun; then
 * recovery may read.
 */
static void settle(struct worker *worker)
{
    flush_collect(worker, POLL_MS);
    if (worker->under_way > 0 || worker->phase != WORKER_SETTLING)
        return;
    worker->in_doubt = false;
    push_settle(worker);
}

static void act_on_doubt(struct worker *worker)
{
    struct errinfo info = {""};
    if (!worker->in_doubt || worker->phase == WORKER_UNASSIGNED || worker->phase == WORKER_SETTLING)
        return;
    for (size_t i = 0; i < worker->lane_count; i++) {
        source_pause(worker->source, worker->lanes[i].partition.id,
                     &info); /* best effort: messages of a parked lane are dropped */
        worker->lanes[i].phase = LANE_PARKED;
    }
    worker->phase = WORKER_SETTLING;
}

/*
 * Room for a batch is made before it is read: in the midst of one nobody leaves unasked. What is
 * dirty can only leave behind a checkpoint.
 */
static void keep_memory_bounded(struct worker *worker)
{
    loading_evict(worker, SOURCE_BATCH_MAX);
    if (flush_is_held_up(worker)) {
        worker_block_all(worker, FLUSH_HELD_UP);
        return;
    }
    if (!loading_is_over(worker) || !flush_has_room(worker))
        return;
    flush_epoch(worker, true);
    flush_collect(worker, ROOM_WAIT_MS);
    loading_evict(worker, SOURCE_BATCH_MAX);
}

/* What the rules have counted, all told; and which have failed, where one has. */
static void publish_rules(struct worker *worker)
{
    struct worker_counters *counters = &worker->counters;
    uint64_t errors = 0, timers_left = worker->timers_left, left_out = 0, suppressed = 0;

    for (struct regime *regime = worker->regimes; regime; regime = regime->next) {
        errors += rules_errors(&regime->counters);
        timers_left += regime->counters.event_overflows;
        left_out += regime->counters.overflows;
        suppressed += regime->counters.cooldown_suppressed;
        if (regime->failures.failed_count == 0)
            continue;
        pthread_mutex_lock(&worker->report_lock);
        failures_move(&regime->failures, &regime->reported);
        pthread_mutex_unlock(&worker->report_lock);
    }
    atomic_store_explicit(&counters->rule_errors, errors, memory_order_relaxed);
    atomic_store_explicit(&counters->timers_left, timers_left, memory_order_relaxed);
    atomic_store_explicit(&counters->left_out, left_out, memory_order_relaxed);
    atomic_store_explicit(&counters->suppressed, suppressed, memory_order_relaxed);
}

/*
 * The partitions count for themselves, without atomics, and start anew when it has been added up.
 */
static void publish_counters(struct worker *worker)
{
    struct worker_counters *counters = &worker->counters;
    uint64_t customers = 0;
    bool live = worker->lane_count > 0,
         settled = worker->under_way == 0 && worker->open->output_count == 0;

    for (size_t i = 0; i < worker->lane_count; i++) {
        customers += worker->lanes[i].partition.customers;
        live = live && lane_is_live(&worker->lanes[i]);
        settled = settled && !worker->lanes[i].uncommitted &&
                  worker->lanes[i].c_offset == worker->lanes[i].partition.next_offset;
        struct partition_counters *of = &worker->lanes[i].partition.counters;
        atomic_fetch_add_explicit(&counters->events, of->events, memory_order_relaxed);
        atomic_fetch_add_explicit(&counters->duplicates, of->duplicates, memory_order_relaxed);
        atomic_fetch_add_explicit(&counters->late, of->late, memory_order_relaxed);
        atomic_fetch_add_explicit(&counters->future, of->future, memory_order_relaxed);
        worker->timers_left += of->timers_left;
        if (lane_is_live(&worker->lanes[i]))
            atomic_fetch_add_explicit(&counters->signals, of->signals, memory_order_relaxed);
        else
            atomic_fetch_add_explicit(&counters->replayed, of->events, memory_order_relaxed);
        *of = (struct partition_counters){0};
    }
    publish_rules(worker);
    atomic_store_explicit(&counters->customers, customers, memory_order_relaxed);
    atomic_store_explicit(&counters->partitions, worker->lane_count, memory_order_relaxed);
    live = live && worker->phase == WORKER_RUNNING;
    atomic_store_explicit(&counters->settled, live && settled, memory_order_relaxed);
    atomic_store_explicit(&counters->running, live, memory_order_relaxed);
}

static enum err poll(struct worker *worker, int timeout_ms, struct errinfo *info)
{
    struct source_batch batch = {0};
    enum err rc = source_poll(worker->source, timeout_ms, &batch, info);
    if (rc == ERR_NONE || rc == ERR_RETRY) {
        worker->polled = true;
        if (worker->phase == WORKER_RUNNING && !worker->in_doubt)
            batch_process(worker, &batch);
        return ERR_NONE;
    }
    if (rc == ERR_FENCED) {
        worker_doubt(worker, info->text);
        return ERR_NONE;
    }
    return worker_fatal(worker, rc, info);
}

/* The publisher is behind: wait for it a moment, then stop reading. */
static void wait_for_room(struct worker *worker)
{
    if (!epoch_is_full(worker->open))
        return;
    if (!flush_has_room(worker))
        flush_collect(worker, ROOM_WAIT_MS);
    if (!flush_has_room(worker))
        worker_block_all(worker, "the publisher does not keep up");
}

enum err worker_step(struct worker *worker, int timeout_ms, struct errinfo *info)
{
    flush_collect(worker, 0);
    if (worker->phase == WORKER_RUNNING) {
        wait_for_room(worker);
        worker_unblock(worker);
        keep_memory_bounded(worker);
        regime_follow(worker);
    }
    if (worker->fatal == ERR_NONE)
        poll(worker, timeout_ms, info);
    act_on_doubt(worker);
    switch (worker->phase) {
    case WORKER_UNASSIGNED:
        break;
    case WORKER_SETTLING:
        settle(worker);
        break;
    case WORKER_RECOVERING:
        recovery_step(worker);
        break;
    case WORKER_RUNNING:
        idle_look(worker);
        flush_if_due(worker);
        break;
    }
    publish_counters(worker);
    if (worker->fatal != ERR_NONE)
        *info = worker->fatal_info;
    return worker->fatal;
}

static bool is_caught_up(const struct worker *worker)
{
    if (worker->phase == WORKER_UNASSIGNED)
        return true; /* nothing is ours */
    bool live = worker->phase == WORKER_RUNNING && !worker->in_doubt;
    for (size_t i = 0; i < worker->lane_count && live; i++)
        live = lane_is_live(&worker->lanes[i]);
    return live;
}

/* A recovery and its replay are brought to their end, so that the last checkpoint is one of C. */
static bool catch_up(struct worker *worker, int64_t until_ms)
{
    struct errinfo info;
    bool stands = worker->seams.single_threaded; /* the clock, while this works */
    for (int turn = 0; !is_caught_up(worker); turn++) {
        if (worker_now_ms(worker) >= until_ms || (stands && turn == FINISH_TURNS) ||
            worker_step(worker, stands ? 0 : POLL_MS, &info) != ERR_NONE)
            return false;
    }
    return true;
}

/* Nothing has been read yet, and recovery has failed, since Redis is away perhaps: there is nothing to bring to an end. */
static bool waits_for_its_start(const struct worker *worker)
{
    return !worker->has_run && worker->back_off_ms > 0;
}

/* What ends in a doubt is recovered and tried again while there is time. */
static bool drain(struct worker *worker, int64_t until_ms)
{
    while (worker->fatal == ERR_NONE && catch_up(worker, until_ms)) {
        if (worker->phase == WORKER_UNASSIGNED ||
            flush_drain(worker, until_ms - worker_now_ms(worker)))
            return true;
        if (worker_now_ms(worker) >= until_ms || flush_is_stuck(worker))
            return false;
    }
    return false;
}

/* Of the time that is given some is for leaving the group. */
static void set_end(struct worker *worker, int64_t timeout_ms)
{
    int64_t leave_ms = timeout_ms / 4 < LEAVE_MS ? timeout_ms / 4 : LEAVE_MS;
    int64_t end_ms = worker_now_ms(worker) + timeout_ms - leave_ms;
    atomic_store(&worker->end_ms, end_ms);
    store_end_at(worker->seams.load_store, end_ms);
    store_end_at(worker->seams.save_store, end_ms);
}

enum err worker_finish(struct worker *worker, int64_t timeout_ms, struct errinfo *info)
{
    if (atomic_load(&worker->end_ms) == 0)
        set_end(worker, timeout_ms);
    bool waits = waits_for_its_start(worker);
    bool clean = waits || drain(worker, atomic_load(&worker->end_ms));
    if (!clean)
        err_set(info, ERR_RETRY,
                "not everything was acknowledged within %lld ms; the next start takes up from the "
                "last commit",
                (long long)timeout_ms);
    if (!clean || waits)
        publisher_abandon(&worker->publisher);
    publisher_stop(&worker->publisher); /* it asks the source for its membership */
    flush_await(worker);
    worker->drained = clean;
    worker->phase = WORKER_UNASSIGNED; /* nothing more is to be made durable */
    source_close(worker->source);
    worker->source = NULL;
    return clean ? ERR_NONE : ERR_RETRY;
}

enum err worker_run(struct worker *worker, struct errinfo *info)
{
    enum err rc = ERR_NONE;
    while (rc == ERR_NONE && !atomic_load_explicit(&worker->stopping, memory_order_relaxed))
        rc = worker_step(worker, POLL_MS, info);
    if (rc == ERR_NONE)
        return worker_finish(worker, worker->setting->config->shutdown_timeout_ms, info);
    return rc;
}

void worker_follow(struct worker *worker, const struct ruleset *ruleset)
{
    atomic_store(&worker->wanted, ruleset);
}

void worker_stop(struct worker *worker)
{
    set_end(worker, worker->setting->config->shutdown_timeout_ms);
    atomic_store(&worker->stopping, true);
}

struct source *worker_source(const struct worker *worker)
{
    return worker->source;
}

void worker_take_failures(struct worker *worker, struct failures_list *list)
{
    pthread_mutex_lock(&worker->report_lock);
    for (struct regime *regime = worker->regimes; regime; regime = regime->next) {
        failures_list_add(list, &regime->reported);
        failures_clear(&regime->reported);
    }
    pthread_mutex_unlock(&worker->report_lock);
}

const struct worker_counters *worker_counters(const struct worker *worker)
{
    return &worker->counters;
}

/* ---- life ---- */

static void copy_routes(struct worker *worker)
{
    const struct config *config = worker->setting->config;
    worker->routes = calloc(config->route_count + 1, sizeof *worker->routes);
    CHECK(worker->routes);
    for (size_t i = 0; i < config->route_count; i++)
        worker->routes[i] =
            (struct signal_route){config->routes[i].pattern, config->routes[i].topic};
}

static void name_topics(struct worker *worker)
{
    const struct config *config = worker->setting->config;
    char *source = NULL;
    CHECK(asprintf(&source, "/stagecoach/%s", config->group) > 0);
    worker->source_name = slice_of(source);
    worker->journal_topics = calloc(config->topics.count, sizeof *worker->journal_topics);
    CHECK(worker->journal_topics);
    for (size_t i = 0; i < config->topics.count; i++)
        worker->journal_topics[i] = journal_topic(config->group, config->topics.items[i]);
}

static void init_memory(struct worker *worker)
{
    arena_init(&worker->batch);
    arena_init(&worker->page);
    arena_init(&worker->scratch);
    buf_init(&worker->text);
    buf_init(&worker->membership);
    signal_list_init(&worker->signals);
    worker->signals.data_as_json = worker->setting->config->signal_format == CONFIG_FORMAT_JSON;
    for (size_t i = 0; i < WORKER_EPOCHS; i++)
        worker->spare[worker->spare_count++] = epoch_new();
    worker->open = worker->spare[--worker->spare_count];
}

struct worker *worker_new(const struct worker_setting *setting, const struct worker_seams *seams,
                          unsigned number, struct errinfo *info)
{
    struct worker *worker = calloc(1, sizeof *worker);
    struct source_listener listener = {worker, assigned, revoked};

    CHECK(worker);
    worker->setting = setting;
    worker->seams = *seams;
    if (worker->seams.changes_max == 0)
        worker->seams.changes_max = EPOCH_CHANGES_MAX;
    worker->number = number;
    CHECK(pthread_mutex_init(&worker->report_lock, NULL) == 0);
    init_memory(worker);
    copy_routes(worker);
    name_topics(worker);
    batch_init_host(worker);
    atomic_store(&worker->wanted, setting->ruleset);
    worker->listener = listener;
    worker->source = seams->open_source(seams->self, &worker->listener, info);
    struct publisher_options options = {seams->sink, seams->save_store, worker->source,
                                        seams->clock};
    publisher_init(&worker->publisher, &options);
    if (!worker->source) {
        worker_free(worker);
        return NULL;
    }
    if (!seams->single_threaded)
        publisher_start(&worker->publisher);
    return worker;
}

void worker_free(struct worker *worker)
{
    struct epoch *epoch;

    if (!worker)
        return;
    publisher_abandon(&worker->publisher);
    publisher_stop(&worker->publisher);
    while ((epoch = publisher_pop(&worker->publisher, 0)))
        epoch_free(epoch);
    publisher_fini(&worker->publisher);
    worker->under_way = 0;
    worker->phase = WORKER_UNASSIGNED; /* who wanted a clean end has called worker_finish() */
    source_close(worker->source);
    sink_close(worker->seams.sink);
    store_close(worker->seams.load_store);
    store_close(worker->seams.save_store);
    free_lanes(worker);
    while (worker->spare_count > 0)
        epoch_free(worker->spare[--worker->spare_count]);
    epoch_free(worker->open);
    regime_free_all(worker);
    for (size_t i = 0; i < worker->setting->config->topics.count; i++)
        free(worker->journal_topics[i]);
    free(worker->journal_topics);
    free(worker->routes);
    free((char *)worker->source_name.data);
    signal_list_fini(&worker->signals);
    arena_fini(&worker->batch);
    arena_fini(&worker->page);
    arena_fini(&worker->scratch);
    buf_fini(&worker->text);
    buf_fini(&worker->membership);
    pthread_mutex_destroy(&worker->report_lock);
    free(worker);
}
