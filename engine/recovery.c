/*
 * The one recovery path (DESIGN section 8), for all partitions of the worker: on assignment and
 * after anything that leaves a doubt.
 *
 *   own (token into Redis, read R) -> read C, stable -> read the journal up to C's number -> decide -> read on from R
 *
 * Everything is read again from the start when a step has to be repeated: it is short, and there is
 * nothing to remember then.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "core/check.h"
#include "core/datetime.h"
#include "core/log.h"
#include "engine/stats.h"
#include "engine/worker_inner.h"

#define DRAIN_MS        120000
#define SAY_EVERY_MS    10000
/* A transaction is over after its time-out of 30 s, and the broker's look every 10 s. */
#define JOURNAL_WAIT_MS 90000

/* What was found for one lane. */
struct found {
    struct store_position r;
    struct source_committed c;
    bool c_is_ours;
    struct metadata metadata;
    struct journal_record *journal; /* in the batch's arena */
    size_t journal_count, journal_capacity;
    bool journal_is_broken;
    int64_t first, end; /* of the log */
};

/* What a person can do about it: docs/operations.md, "Positions that don't fit together". */
enum advice {
    ADVICE_RIGHT_REDIS,
    ADVICE_REBUILD,
    ADVICE_REBUILD_OF_LESS,
    ADVICE_ANEW,
    ADVICE_ANEW_FROM_THERE,
    ADVICE_PARTITIONS,
    ADVICE_VERSION,
};

static const struct {
    const char *text;
    bool rebuilds; /* else it begins anew, which takes more than one command */
} advices[] = {
    [ADVICE_RIGHT_REDIS] = {"if this is the Redis of this Kafka, rebuild the partition", true},
    [ADVICE_REBUILD] = {"rebuild the partition", true},
    [ADVICE_REBUILD_OF_LESS] =
        {"rebuild the partition; state from before what is left of the log is lost", true},
    [ADVICE_ANEW] = {"begin the partition anew", false},
    [ADVICE_ANEW_FROM_THERE] = {"begin the partition anew, from that offset", false},
    [ADVICE_PARTITIONS] = {"better a new topic and a new group; else begin all its partitions "
                           "anew, and delete the journal topic",
                           false},
    [ADVICE_VERSION] = {"the older version can go on; else begin the partition anew", false},
};

/* Nothing is changed. Texts of an errinfo are short: what counts comes first. */
static enum err refuse(const struct worker *worker, const struct lane *lane, enum advice advice,
                       struct errinfo *info, const char *what)
{
    const struct config *config = worker->setting->config;
    const struct topic_partition *id = &lane->partition.id;
    static const char format[] =
        "topic %s partition %d: %s. Nothing was changed. A person has to decide: %s (%s)";
    const char *how = advices[advice].rebuilds
                          ? "see \"Rebuild a partition\" in docs/operations.md"
                          : "see \"Begin a partition anew\" in docs/operations.md";
    char command[sizeof info->text];

    snprintf(command, sizeof command,
             "stop all members of the group, redis-cli DEL '%s:{%s/%s/%d}:meta', start",
             config->redis_prefix, config->group, id->topic, (int)id->partition);
    /* A command that is cut would be another one. */
    int size = snprintf(NULL, 0, format, id->topic, (int)id->partition, what, advices[advice].text,
                        command);
    if (advices[advice].rebuilds && size > 0 && (size_t)size < sizeof info->text)
        how = command;
    return err_set(info, ERR_FATAL, format, id->topic, (int)id->partition, what,
                   advices[advice].text, how);
}

/* ---- reading ---- */

/*
 * Different for each take-over: splitmix64 (Steele, Lea, Flood 2014) over the seed of this life and
 * a count.
 */
static uint64_t fresh_token(struct worker *worker)
{
    uint64_t z = worker->seams.seed + ++worker->token_count * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    z ^= z >> 31;
    return z ? z : 1;
}

static enum err read_r(struct worker *worker, struct lane *lane, struct found *found,
                       struct errinfo *info)
{
    lane->token = fresh_token(worker);
    return store_own(worker->seams.load_store, lane->partition.id, lane->token, &worker->batch,
                     &found->r, info);
}

static enum err read_c(struct worker *worker, struct found *found, struct errinfo *info)
{
    size_t count = worker->lane_count;
    struct source_committed *committed = arena_calloc(&worker->batch, count, sizeof *committed);

    for (size_t i = 0; i < count; i++)
        committed[i].of = worker->lanes[i].partition.id;
    enum err rc = source_committed(worker->source, committed, count, info);
    for (size_t i = 0; i < count && rc == ERR_NONE; i++) {
        found[i].c = committed[i];
        found[i].c_is_ours =
            committed[i].offset >= 0 && metadata_parse(committed[i].metadata, &found[i].metadata);
    }
    return rc;
}

struct journal_reader {
    struct worker *worker;
    struct lane *lane;
    struct found *found;
};

static void take_journal(void *self, int64_t offset, struct slice value)
{
    struct journal_reader *reader = self;
    struct found *found = reader->found;
    struct journal_record record;

    (void)offset;
    if (!journal_decode(value, &record)) {
        found->journal_is_broken = true;
        return;
    }
    if (record.kind == JOURNAL_RULESET) {
        regime_archive(reader->worker, record.ruleset, value);
        regime_note_files(reader->lane, record.ruleset);
    }
    if (found->journal_count == found->journal_capacity) {
        size_t capacity = found->journal_capacity ? found->journal_capacity * 2 : 64;
        struct journal_record *records =
            arena_alloc(&reader->worker->batch, capacity * sizeof *records);
        if (found->journal_count)
            memcpy(records, found->journal, found->journal_count * sizeof *records);
        found->journal = records;
        found->journal_capacity = capacity;
    }
    found->journal[found->journal_count++] = record;
}

static enum err read_journal(struct worker *worker, struct lane *lane, struct found *found,
                             struct errinfo *info)
{
    struct journal_reader reader = {worker, lane, found};
    struct topic_partition log = {worker_journal_topic(worker, lane->partition.id.topic),
                                  lane->partition.id.partition};
    enum err rc = source_read_log(worker->source, log, &reader, take_journal, info);
    if (rc != ERR_NONE)
        return rc;
    if (found->journal_is_broken)
        return refuse(worker, lane, ADVICE_ANEW, info,
                      "its journal holds a record that can't be read");
    return source_bounds(worker->source, lane->partition.id, &found->first, &found->end, info);
}

/*
 * C names the last journal record. Its transaction's marker may reach the journal later than the
 * offsets: then it is waited for.
 */
static enum err check_journal(struct worker *worker, struct lane *lane, struct found *found,
                              struct errinfo *info)
{
    uint64_t last = found->journal_count ? found->journal[found->journal_count - 1].number : 0;

    if (found->c.offset < 0)
        return found->journal_count ? refuse(worker, lane, ADVICE_ANEW, info,
                                             "there is a journal but no committed offset")
                                    : ERR_NONE;
    if (!found->c_is_ours)
        return ERR_NONE;
    if (last >= found->metadata.journal)
        return ERR_NONE;
    if (worker->journal_since_ms == 0)
        worker->journal_since_ms =
            worker->journal_before_ms ? worker->journal_before_ms : worker_now_ms(worker);
    if (worker_now_ms(worker) - worker->journal_since_ms < JOURNAL_WAIT_MS)
        return err_set(info, ERR_RETRY,
                       "the journal of %s/%d ends at record %" PRIu64
                       ", the committed offset names %" PRIu64,
                       lane->partition.id.topic, (int)lane->partition.id.partition, last,
                       found->metadata.journal);
    return refuse(worker, lane, ADVICE_ANEW, info,
                  "its journal ends before the record that the committed offset names");
}

/* ---- deciding ---- */

static enum err check_mismatch(const struct worker *worker, const struct lane *lane,
                               const struct found *found, struct errinfo *info)
{
    bool has_c = found->c.offset >= 0;

    if (found->r.found && !has_c)
        return refuse(worker, lane, ADVICE_ANEW, info,
                      "Redis has a checkpoint but the group has no committed offset");
    if (found->r.found && !found->c_is_ours)
        return refuse(worker, lane, ADVICE_ANEW_FROM_THERE, info,
                      "Redis has a checkpoint but the committed offset is not from Stagecoach");
    if (has_c && !found->c_is_ours && found->journal_count)
        return refuse(worker, lane, ADVICE_ANEW_FROM_THERE, info,
                      "there is a journal but the committed offset is not from Stagecoach");
    if (found->r.found && found->r.offset > found->c.offset)
        return refuse(worker, lane, ADVICE_RIGHT_REDIS, info,
                      "the checkpoint in Redis is ahead of the committed offset");
    if (found->c_is_ours && (found->c.offset > found->end || found->c.offset < found->first))
        return refuse(worker, lane, ADVICE_ANEW, info, "the committed offset lies outside the log");
    if (found->r.found && found->r.offset < found->first)
        return refuse(
            worker, lane, ADVICE_REBUILD_OF_LESS, info,
            "the events between checkpoint and committed offset are no longer in the log");
    return ERR_NONE;
}

static enum err check_partitions(struct worker *worker, struct lane *lane,
                                 const struct found *found, struct errinfo *info)
{
    int32_t partitions;
    enum err rc =
        source_partition_count(worker->source, lane->partition.id.topic, &partitions, info);
    for (size_t i = 0; i < found->journal_count && rc == ERR_NONE; i++)
        if (found->journal[i].kind == JOURNAL_START && found->journal[i].partitions != partitions)
            rc = refuse(worker, lane, ADVICE_PARTITIONS, info,
                        "the topic's number of partitions has changed, and with it which customers "
                        "are where");
    return rc;
}

/* ---- setting up ---- */

/* An empty partition under the rules that are in force where it begins. */
static enum err enter(struct worker *worker, struct lane *lane, uint64_t ruleset,
                      struct errinfo *info)
{
    struct topic_partition id = lane->partition.id;
    struct regime *regime = regime_by_id(worker, ruleset);
    char text[96];

    if (!regime) {
        snprintf(text, sizeof text,
                 "the rules %016" PRIx64
                 " were in force here, and are neither configured nor in the journal",
                 ruleset);
        return refuse(worker, lane, ADVICE_VERSION, info, text);
    }
    partition_fini(&lane->partition);
    partition_init(&lane->partition, id, &regime->setting);
    lane->regime = regime;
    return ERR_NONE;
}

static void begin_at(struct lane *lane, int64_t offset, int64_t watermark_ms)
{
    lane->partition.next_offset = offset;
    lane->partition.watermark_ms = watermark_ms;
}

static enum err read_layouts(struct worker *worker, struct lane *lane,
                             const struct store_position *r, struct errinfo *info)
{
    for (size_t i = 0; i < r->layout_count; i++) {
        char text[32];
        unsigned long long id = 0;
        snprintf(text, sizeof text, "%.*s", (int)(r->layouts[i].field.size & 31),
                 r->layouts[i].field.data);
        id = strtoull(text, NULL, 10);
        if (id == rules_layout(lane->partition.setting->rules)->id)
            lane->layout_stored = true;
        enum err rc = regime_know_layout(worker, id, r->layouts[i].value, info);
        if (rc != ERR_NONE)
            return refuse(worker, lane, ADVICE_REBUILD, info,
                          "a layout of records in Redis can't be read");
    }
    return ERR_NONE;
}

static enum err set_up_from_r(struct worker *worker, struct lane *lane, const struct found *found,
                              struct errinfo *info)
{
    enum err rc = enter(worker, lane, found->r.ruleset, info);
    if (rc != ERR_NONE)
        return rc;
    begin_at(lane, found->r.offset, found->r.watermark_ms);
    lane->partition.customers = found->r.customers;
    lane->partition.cold_until_ms = found->r.customers ? INT64_MIN : INT64_MAX;
    lane->r_offset = found->r.offset;
    lane->journal_applied = found->r.journal;
    lane->migrating =
        found->r.customers > 0; /* if a change of rules was under way, it is ended first */
    stats_read(&lane->partition, &found->r);
    return read_layouts(worker, lane, &found->r, info);
}

/* The one in force at the origin. */
static uint64_t first_ruleset(const struct found *found)
{
    for (size_t i = 0; i < found->journal_count; i++)
        if (found->journal[i].kind == JOURNAL_RULES)
            return found->journal[i].ruleset;
    return found->metadata.ruleset;
}

/*
 * Redis has nothing: whatever is left of the partition's keys goes, and everything is computed anew
 * from the origin on.
 */
static enum err set_up_from_origin(struct worker *worker, struct lane *lane,
                                   const struct found *found, struct errinfo *info)
{
    int64_t from = found->metadata.origin;
    enum err rc = store_wipe(worker->seams.load_store, lane->partition.id, lane->token, info);
    if (rc == ERR_NONE)
        rc = enter(worker, lane, first_ruleset(found), info);
    if (rc != ERR_NONE)
        return rc;
    if (from < found->first) {
        log_error("partition.log_too_short",
                  "topic=%s partition=%d origin=%lld first=%lld note=\"Redis has no checkpoint and "
                  "the log no longer reaches back to the origin: "
                  "customers are rebuilt from the first event that is left\"",
                  lane->partition.id.topic, (int)lane->partition.id.partition, (long long)from,
                  (long long)found->first);
        atomic_fetch_add_explicit(&worker->counters.log_too_short, 1, memory_order_relaxed);
        from = found->first;
    }
    atomic_fetch_add_explicit(&worker->counters.rebuilds, 1, memory_order_relaxed);
    begin_at(lane, from, PARTITION_NO_TIME);
    lane->version_acked = lane->version_taken = 0;
    return ERR_NONE;
}

static void journal_first_rules(struct worker *worker, struct lane *lane)
{
    const struct ruleset *ruleset = lane->regime->ruleset;
    struct journal_record change = {
        .kind = JOURNAL_RULES,
        .offset = lane->partition.next_offset,
        .watermark_ms = PARTITION_NO_TIME,
        .ruleset = ruleset->id,
    };
    regime_add_files(worker, lane, ruleset);
    flush_journal(worker, lane, &change, NULL, 0);
    lane->ruleset_named = ruleset->id;
}

/*
 * Neither R, C nor journal: the first start. The position is committed with its origin before the
 * first event.
 */
static enum err set_up_first(struct worker *worker, struct lane *lane, const struct found *found,
                             bool appears_later, struct errinfo *info)
{
    bool latest = worker->setting->config->start == CONFIG_START_LATEST && !appears_later;
    struct journal_record start = {.kind = JOURNAL_START};
    enum err rc =
        source_partition_count(worker->source, lane->partition.id.topic, &start.partitions, info);
    if (rc == ERR_NONE)
        rc = store_wipe(worker->seams.load_store, lane->partition.id, lane->token, info);
    if (rc == ERR_NONE)
        rc = enter(worker, lane, atomic_load(&worker->wanted)->id, info);
    if (rc != ERR_NONE)
        return rc;
    /* An offset that somebody set by Kafka's own tools is where to start. */
    int64_t from = found->c.offset >= 0 ? found->c.offset : latest ? found->end : found->first;
    from = from < found->first ? found->first : from > found->end ? found->end : from;
    begin_at(lane, from, PARTITION_NO_TIME);
    lane->origin = start.offset = from;
    lane->phase = LANE_LIVE;
    flush_journal(worker, lane, &start, NULL, 0);
    journal_first_rules(worker, lane);
    return ERR_NONE;
}

/* The moves and changes that the replay has to make again: those that the records have not seen. */
static void keep_journal(struct lane *lane, const struct found *found)
{
    lane->journal = calloc(found->journal_count + 1, sizeof *lane->journal);
    CHECK(lane->journal);
    for (size_t i = 0; i < found->journal_count; i++) {
        const struct journal_record *record = &found->journal[i];
        bool is_wanted = record->kind == JOURNAL_WATERMARK || record->kind == JOURNAL_RULES;
        if (is_wanted && record->number > lane->journal_applied &&
            record->number <= found->metadata.journal)
            lane->journal[lane->journal_count++] = *record;
    }
}

static void log_recovered(const struct lane *lane, const struct found *found)
{
    log_info(
        "partition.recovered", "topic=%s partition=%d r=%lld c=%lld customers=%llu journal=%llu",
        lane->partition.id.topic, (int)lane->partition.id.partition,
        found->r.found ? (long long)found->r.offset : -1LL, (long long)found->c.offset,
        (unsigned long long)lane->partition.customers, (unsigned long long)lane->journal_number);
}

static enum err set_up_after_c(struct worker *worker, struct lane *lane, const struct found *found,
                               struct errinfo *info)
{
    enum err rc = check_partitions(worker, lane, found, info);
    if (rc == ERR_NONE)
        rc = found->r.found ? set_up_from_r(worker, lane, found, info)
                            : set_up_from_origin(worker, lane, found, info);
    if (rc != ERR_NONE)
        return rc;
    lane->origin = found->metadata.origin;
    lane->epoch = found->metadata.epoch;
    lane->journal_number = found->metadata.journal;
    lane->ruleset_named = found->metadata.ruleset;
    lane->c_offset = found->c.offset;
    lane->target = found->metadata;
    lane->phase = LANE_REPLAYING;
    keep_journal(lane, found);
    return lane->partition.next_offset < found->c.offset
               ? ERR_NONE
               : recovery_reach(worker, lane, found->c.offset, info);
}

static enum err set_up(struct worker *worker, struct lane *lane, const struct found *found,
                       bool appears_later, struct errinfo *info)
{
    enum err rc = check_mismatch(worker, lane, found, info);
    if (rc != ERR_NONE)
        return rc;
    lane->version_acked = lane->version_taken = found->r.version;
    lane->r_offset = -1;
    rc = found->c_is_ours ? set_up_after_c(worker, lane, found, info)
                          : set_up_first(worker, lane, found, appears_later, info);
    if (rc == ERR_NONE)
        log_recovered(lane, found);
    return rc;
}

/* ---- the path ---- */

static void reset_lane(struct worker *worker, struct lane *lane)
{
    struct topic_partition id = lane->partition.id;
    free(lane->journal);
    free(lane->rulesets);
    partition_fini(&lane->partition);
    *lane = (struct lane){.end_offset = -1,
                          .moved_ms = PARTITION_NO_TIME,
                          .regime = regime_of(worker, atomic_load(&worker->wanted))};
    partition_init(&lane->partition, id, &lane->regime->setting);
}

static enum err read_all(struct worker *worker, struct found *found, struct errinfo *info)
{
    enum err rc = ERR_NONE;
    for (size_t i = 0; i < worker->lane_count && rc == ERR_NONE; i++) {
        reset_lane(worker, &worker->lanes[i]);
        rc = read_r(worker, &worker->lanes[i], &found[i], info);
    }
    if (rc == ERR_NONE)
        rc = read_c(worker, found, info);
    for (size_t i = 0; i < worker->lane_count && rc == ERR_NONE; i++) {
        rc = read_journal(worker, &worker->lanes[i], &found[i], info);
        if (rc == ERR_NONE)
            rc = check_journal(worker, &worker->lanes[i], &found[i], info);
    }
    return rc;
}

/* Has the group read of this topic before? Then a partition without any trace is a new one. */
static enum err topic_is_known(struct worker *worker, const char *topic, bool *known,
                               struct errinfo *info)
{
    int32_t count;
    enum err rc = source_partition_count(worker->source, topic, &count, info);
    if (rc != ERR_NONE)
        return rc;
    struct source_committed *committed =
        arena_calloc(&worker->batch, (size_t)count + 1, sizeof *committed);
    for (int32_t i = 0; i < count; i++)
        committed[i].of = (struct topic_partition){topic, i};
    rc = source_committed(worker->source, committed, (size_t)count, info);
    *known = false;
    struct metadata metadata;
    for (int32_t i = 0; i < count && rc == ERR_NONE; i++)
        *known = *known ||
                 (committed[i].offset >= 0 && metadata_parse(committed[i].metadata, &metadata));
    return rc;
}

static enum err set_up_all(struct worker *worker, const struct found *found, struct errinfo *info)
{
    enum err rc = ERR_NONE;
    for (size_t i = 0; i < worker->lane_count && rc == ERR_NONE; i++) {
        struct lane *lane = &worker->lanes[i];
        bool known = false;
        if (found[i].c.offset < 0 && worker->setting->config->start == CONFIG_START_LATEST)
            rc = topic_is_known(worker, lane->partition.id.topic, &known, info);
        if (rc == ERR_NONE)
            rc = set_up(worker, lane, &found[i], known, info);
    }
    for (size_t i = 0; i < worker->lane_count && rc == ERR_NONE; i++)
        rc = source_resume(worker->source, worker->lanes[i].partition.id,
                           worker->lanes[i].partition.next_offset, info);
    return rc;
}

/* At once, and again while it lasts: the reason may be another one by then. */
static void say_waiting(struct worker *worker, const char *reason)
{
    int64_t now_ms = worker_now_ms(worker);
    if (worker->back_off_ms > 0 && now_ms - worker->waiting_said_ms < SAY_EVERY_MS)
        return;
    worker->waiting_said_ms = now_ms;
    log_warn("recovery.waiting", "worker=%u reason=%s", worker->number, log_quote(reason).text);
}

/* Where it begins for the first time is committed before the first event. */
static enum err commit_beginnings(struct worker *worker, struct errinfo *info)
{
    if (!flush_has_room(worker))
        flush_collect(worker, WORKER_ROOM_WAIT_MS);
    return flush_epoch(worker, false) ? ERR_NONE
                                      : err_set(info, ERR_RETRY, "the publisher does not keep up");
}

void recovery_step(struct worker *worker)
{
    struct errinfo info = {""};

    if (!worker->polled || worker_now_ms(worker) < worker->recover_ms)
        return;
    arena_reset(&worker->batch);
    epoch_reset(worker->open);
    worker->journal_before_ms = worker->journal_since_ms;
    worker->journal_since_ms = 0;
    struct found *found = arena_calloc(&worker->batch, worker->lane_count + 1, sizeof *found);
    enum err rc = read_all(worker, found, &info);
    if (rc == ERR_NONE)
        rc = set_up_all(worker, found, &info);
    if (rc == ERR_NONE)
        rc = commit_beginnings(worker, &info);
    if (rc == ERR_NONE) {
        worker->phase = WORKER_RUNNING;
        worker->has_run = true;
        worker->back_off_ms = 0;
        worker->epoch_opened_ms = worker_now_ms(worker);
        return;
    }
    if (rc == ERR_FATAL || rc == ERR_CONFIG) {
        worker_fatal(worker, rc, &info);
        return;
    }
    say_waiting(worker, info.text);
    worker->back_off_ms = worker_back_off(worker, worker->back_off_ms);
    worker->recover_ms = worker_now_ms(worker) + worker->back_off_ms;
}

/* ---- replay ---- */

/* A change of rules needs all that is in memory to be in Redis. */
static enum err replay_change(struct worker *worker, struct lane *lane,
                              const struct journal_record *record, struct errinfo *info)
{
    struct regime *to = regime_by_id(worker, record->ruleset);
    char text[96];

    if (!to) {
        snprintf(text, sizeof text,
                 "the rules %016" PRIx64 " that its journal names can't be read by this version",
                 record->ruleset);
        return refuse(worker, lane, ADVICE_VERSION, info, text);
    }
    if (to == lane->regime) {
        lane->journal_applied = record->number;
        return ERR_NONE;
    }
    if (!flush_drain(worker, DRAIN_MS))
        return err_set(info, ERR_FENCED, "the checkpoint before a change of rules did not land");
    enum err rc = regime_switch(worker, lane, to, record->number, info);
    return rc == ERR_NONE ? regime_migrate(worker, lane, info) : rc;
}

static enum err replay_record(struct worker *worker, struct lane *lane,
                              const struct journal_record *record, struct errinfo *info)
{
    enum err rc = ERR_NONE;
    if (record->watermark_ms != PARTITION_NO_TIME)
        rc = partition_sweep(&lane->partition, record->watermark_ms, info);
    if (rc == ERR_NONE && record->kind == JOURNAL_RULES)
        return replay_change(worker, lane, record, info);
    if (rc == ERR_NONE)
        lane->journal_applied = record->number;
    return rc;
}

/* As an epoch's end did between these records: what is dirty can't leave memory. */
static enum err end_full_epoch(struct worker *worker, struct errinfo *info)
{
    if (!flush_has_many_changes(worker))
        return ERR_NONE;
    if (!flush_has_room(worker))
        flush_collect(worker, WORKER_ROOM_WAIT_MS);
    if (worker->in_doubt)
        return err_set(info, ERR_FENCED, "a doubt stands");
    return flush_epoch(worker, true) ? ERR_NONE
                                     : err_set(info, ERR_RETRY, "the publisher does not keep up");
}

static enum err replay_journal(struct worker *worker, struct lane *lane, int64_t offset,
                               struct errinfo *info)
{
    enum err rc = ERR_NONE;
    while (rc == ERR_NONE && lane->journal_next < lane->journal_count &&
           lane->journal[lane->journal_next].offset <= offset) {
        const struct journal_record *record = &lane->journal[lane->journal_next];
        rc = replay_record(worker, lane, record, info);
        lane->journal_next += lane->journal_applied == record->number;
        if (rc == ERR_NONE)
            rc = end_full_epoch(worker, info);
    }
    return rc;
}

enum err recovery_reach(struct worker *worker, struct lane *lane, int64_t offset,
                        struct errinfo *info)
{
    enum err rc = lane->migrating ? regime_migrate(worker, lane, info) : ERR_NONE;
    if (rc != ERR_NONE || lane->phase != LANE_REPLAYING)
        return rc;
    rc = replay_journal(worker, lane, offset < lane->c_offset ? offset : lane->c_offset, info);
    if (rc != ERR_NONE || offset < lane->c_offset)
        return rc;
    if (lane->target.watermark_ms != PARTITION_NO_TIME)
        rc = partition_sweep(&lane->partition, lane->target.watermark_ms, info);
    if (rc != ERR_NONE)
        return rc;
    lane->partition.next_offset = lane->c_offset;
    lane->partition.skew_ms = lane->target.skew_ms;
    lane->journal_applied = lane->journal_number;
    /* What has been counted up to here was published long ago. */
    atomic_fetch_add_explicit(&worker->counters.replayed, lane->partition.counters.events,
                              memory_order_relaxed);
    lane->partition.counters.signals = 0;
    lane->phase = LANE_LIVE;
    log_info("partition.live", "topic=%s partition=%d offset=%lld", lane->partition.id.topic,
             (int)lane->partition.id.partition, (long long)lane->c_offset);
    return ERR_NONE;
}
