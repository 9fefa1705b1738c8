/*
 * Epochs and checkpoints: what is handed to the publisher, and what comes back.
 */
#include <stdlib.h>

#include "core/check.h"
#include "core/log.h"
#include "engine/stats.h"
#include "engine/worker_inner.h"
#include "state/codec.h"

/* ---- epochs that come back ---- */

static struct lane *lane_of(struct worker *worker, const struct checkpoint *checkpoint)
{
    struct lane *lane = worker_lane(worker, checkpoint->of);
    return lane && lane->token == checkpoint->token ? lane : NULL;
}

/* What customers keep of a checkpoint's version: never 0; those under way are few, and differ. */
static uint32_t short_version(uint64_t version)
{
    return (uint32_t)(version % UINT32_MAX) + 1;
}

/* Its last change is in Redis now: it may leave memory; one that is gone does. */
static void release(struct lane *lane, struct customer *customer, uint64_t version)
{
    struct partition *partition = &lane->partition;
    if (customer->checkpoint != short_version(version))
        return; /* it is in a later one too */
    customer->checkpoint = 0;
    if ((customer->flags & (CUSTOMER_GONE | CUSTOMER_DIRTY)) == CUSTOMER_GONE) {
        partition->gone--;
        table_remove(partition->table, customer);
        customer_free(rules_layout(partition->setting->rules), customer);
    }
}

static void acknowledge(struct worker *worker, const struct epoch_checkpoint *taken)
{
    struct lane *lane = lane_of(worker, &taken->checkpoint);
    if (!lane)
        return;
    lane->version_acked = taken->checkpoint.version;
    for (size_t i = 0; i < taken->customer_count; i++)
        release(lane, taken->customers[i], taken->checkpoint.version);
    atomic_fetch_add_explicit(&worker->counters.checkpoints, 1, memory_order_relaxed);
}

static void came_back(struct worker *worker, struct epoch *epoch)
{
    worker->under_way--;
    worker->is_settling = worker->is_settling && epoch->kind != EPOCH_SETTLE;
    for (size_t i = 0; i < epoch->checkpoint_count; i++)
        worker->pinned -= epoch->checkpoints[i].customer_count;
    if (epoch->kind == EPOCH_SETTLE && epoch->outcome == ERR_NONE &&
        worker->phase == WORKER_SETTLING)
        worker->phase = WORKER_RECOVERING;
    if (epoch->outcome == ERR_NONE) {
        for (size_t i = 0; i < epoch->checkpoint_count; i++)
            acknowledge(worker, &epoch->checkpoints[i]);
        atomic_fetch_add_explicit(&worker->counters.epochs, epoch->kind == EPOCH_RESULTS,
                                  memory_order_relaxed);
    } else if (epoch->outcome == ERR_FENCED) {
        worker_doubt(worker, epoch->info.text);
    } else {
        worker_fatal(worker, epoch->outcome, &epoch->info);
    }
    worker->spare[worker->spare_count++] = epoch;
}

static struct epoch *next_back(struct worker *worker, int timeout_ms)
{
    if (worker->seams.single_threaded) {
        publisher_step(&worker->publisher, 0);
        timeout_ms = 0;
    }
    return publisher_pop(&worker->publisher, timeout_ms);
}

void flush_collect(struct worker *worker, int timeout_ms)
{
    struct epoch *epoch;
    while (worker->under_way > 0 && (epoch = next_back(worker, timeout_ms))) {
        came_back(worker, epoch);
        timeout_ms = 0;
    }
}

void flush_await(struct worker *worker)
{
    while (worker->under_way > 0)
        flush_collect(worker, 1000);
}

bool flush_has_room(const struct worker *worker)
{
    return worker->under_way < PUBLISHER_QUEUE_MAX + publisher_waits(&worker->publisher);
}

bool flush_is_stuck(const struct worker *worker)
{
    return worker->seams.single_threaded && publisher_waits(&worker->publisher) > 0;
}

bool flush_is_held_up(const struct worker *worker)
{
    return publisher_waits(&worker->publisher) > 0 && loading_is_over(worker);
}

/* ---- the journal ---- */

void flush_journal(struct worker *worker, struct lane *lane, struct journal_record *record,
                   const struct slice *files, size_t file_count)
{
    struct sink_record out = {.partition = lane->partition.id.partition};

    record->number = lane->journal_applied = ++lane->journal_number;
    buf_reset(&worker->text);
    journal_encode(record, files, file_count, &worker->text);
    out.topic = worker_journal_topic(worker, lane->partition.id.topic);
    out.value = arena_copy(&worker->open->arena, buf_slice(&worker->text));
    epoch_add_output(worker->open, &out);
    lane->uncommitted = true;
}

void flush_move(struct worker *worker, struct lane *lane)
{
    const struct partition *partition = &lane->partition;
    struct journal_record record = {
        .kind = JOURNAL_WATERMARK,
        .offset = partition->next_offset,
        .watermark_ms = partition->watermark_ms,
    };
    if (partition->watermark_ms == lane->moved_ms)
        return;
    lane->moved_ms = partition->watermark_ms;
    flush_journal(worker, lane, &record, NULL, 0);
}

/* ---- checkpoints ---- */

size_t flush_dirty(const struct worker *worker)
{
    size_t count = 0;
    for (size_t i = 0; i < worker->lane_count; i++)
        count += worker->lanes[i].partition.dirty_count;
    return count;
}

bool flush_has_many_changes(const struct worker *worker)
{
    return flush_dirty(worker) >= worker->seams.changes_max &&
           publisher_waits(&worker->publisher) == 0;
}

/* By the watermark, or by those who have been read because a timer might be due: for such a bound they would be read again. */
static bool is_passed(const struct partition *partition, int64_t stored_deadline_ms)
{
    return stored_deadline_ms <= partition->watermark_ms ||
           (partition->cold_until_ms != INT64_MAX &&
            stored_deadline_ms <= partition->cold_until_ms);
}

/*
 * The stored deadline is a lower bound: written only where the new one is earlier, or the old one
 * is passed.
 */
static bool deadline_changed(const struct partition *partition, const struct customer *customer)
{
    return customer->deadline_ms < customer->stored_deadline_ms ||
           (customer->deadline_ms > customer->stored_deadline_ms &&
            is_passed(partition, customer->stored_deadline_ms));
}

static void take_record(struct worker *worker, struct partition *partition,
                        struct customer *customer, struct checkpoint_record *record)
{
    const struct layout *layout = rules_layout(partition->setting->rules);

    *record = (struct checkpoint_record){
        .customer = arena_copy(&worker->open->arena, customer_key(layout, customer)),
        .deadline_ms = customer->deadline_ms};
    if (customer->flags & CUSTOMER_GONE) {
        customer->stored_deadline_ms = CUSTOMER_NEVER;
        return;
    }
    buf_reset(&worker->text);
    codec_encode(layout, customer, &worker->text);
    record->record = arena_copy(&worker->open->arena, buf_slice(&worker->text));
    record->deadline_changed = deadline_changed(partition, customer);
    if (record->deadline_changed)
        customer->stored_deadline_ms = customer->deadline_ms;
}

/* Most have left the cache since they changed. */
#define RECORD_AHEAD 16
#define OWNED_AHEAD  8

static void prefetch_ahead(const struct partition *partition, size_t at)
{
    const struct layout *layout = rules_layout(partition->setting->rules);
    if (at + RECORD_AHEAD < partition->dirty_count)
        customer_prefetch(layout, partition->dirty[at + RECORD_AHEAD]);
    if (at + OWNED_AHEAD < partition->dirty_count)
        customer_prefetch_owned(layout, partition->dirty[at + OWNED_AHEAD]);
}

/*
 * Everything that changed since the last one was taken; from now on that is pinned, until the
 * checkpoint is acknowledged.
 */
static void take_records(struct worker *worker, struct lane *lane, struct epoch_checkpoint *taken)
{
    struct partition *partition = &lane->partition;
    struct arena *arena = &worker->open->arena;
    struct checkpoint_record *records =
        arena_alloc(arena, (partition->dirty_count + 1) * sizeof *records);

    taken->customers = arena_alloc(arena, (partition->dirty_count + 1) * sizeof(struct customer *));
    taken->customer_count = partition->dirty_count;
    for (size_t i = 0; i < partition->dirty_count; i++) {
        struct customer *customer = partition->dirty[i];
        prefetch_ahead(partition, i);
        take_record(worker, partition, customer, &records[i]);
        customer->flags &= (uint8_t)~CUSTOMER_DIRTY;
        customer->checkpoint = short_version(taken->checkpoint.version);
        taken->customers[i] = customer;
    }
    taken->checkpoint.records = records;
    taken->checkpoint.record_count = partition->dirty_count;
    worker->pinned += partition->dirty_count;
    partition->dirty_count = 0;
}

void flush_layout(struct worker *worker, const struct lane *lane, struct arena *arena,
                  struct checkpoint *checkpoint)
{
    const struct layout *layout = rules_layout(lane->partition.setting->rules);
    checkpoint->layout = layout->id;
    if (lane->layout_stored)
        return;
    buf_reset(&worker->text);
    codec_layout_describe(layout, &worker->text);
    checkpoint->layout_text = arena_copy(arena, buf_slice(&worker->text));
}

struct checkpoint flush_position(const struct worker *worker, const struct lane *lane)
{
    const struct partition *partition = &lane->partition;
    return (struct checkpoint){
        .of = partition->id,
        .token = lane->token,
        .version_before = lane->version_taken,
        .version = lane->version_taken + 1,
        .offset = partition->next_offset,
        .watermark_ms = partition->watermark_ms,
        .epoch = lane->epoch,
        .ruleset = lane->regime->ruleset->id,
        .journal = lane->journal_applied,
        .customers = partition->customers,
        .at_ms = clock_wall_ms(&worker->seams.clock),
    };
}

static void take_checkpoint(struct worker *worker, struct lane *lane)
{
    struct epoch_checkpoint *taken = epoch_add_checkpoint(worker->open);
    struct partition *partition = &lane->partition;

    taken->checkpoint = flush_position(worker, lane);
    take_records(worker, lane, taken);
    stats_add(partition, &worker->open->arena, &taken->checkpoint);
    flush_layout(worker, lane, &worker->open->arena, &taken->checkpoint);
    lane->layout_stored = true;
    lane->version_taken++;
    lane->r_offset = partition->next_offset;
    lane->checkpointed_ms = worker_now_ms(worker);
}

/* ---- epochs that go out ---- */

static void commit_offset(struct worker *worker, struct lane *lane)
{
    struct partition *partition = &lane->partition;
    struct epoch_offset *offset = epoch_add_offset(worker->open);
    struct metadata metadata = {
        .epoch = ++lane->epoch,
        .watermark_ms = partition->watermark_ms,
        .ruleset = lane->ruleset_named,
        .origin = lane->origin,
        .journal = lane->journal_number,
        .skew_ms = partition->skew_ms,
    };
    offset->of = partition->id;
    offset->offset = partition->next_offset;
    metadata_format(&metadata, offset->metadata);
    lane->c_offset = partition->next_offset;
    lane->uncommitted = false;
}

static bool needs_commit(const struct lane *lane)
{
    return lane_is_live(lane) &&
           (lane->uncommitted || lane->c_offset != lane->partition.next_offset);
}

static bool needs_checkpoint(const struct lane *lane)
{
    return lane->phase != LANE_PARKED &&
           (lane->partition.dirty_count > 0 || lane->r_offset != lane->partition.next_offset);
}

static struct epoch *take_spare(struct worker *worker)
{
    CHECK(worker->spare_count > 0);
    struct epoch *epoch = worker->spare[--worker->spare_count];
    epoch_reset(epoch);
    return epoch;
}

bool flush_epoch(struct worker *worker, bool checkpoint)
{
    struct epoch *epoch = worker->open;

    if (worker->in_doubt || !flush_has_room(worker))
        return false;
    for (size_t i = 0; i < worker->lane_count; i++) {
        struct lane *lane = &worker->lanes[i];
        if (needs_commit(lane))
            commit_offset(worker, lane);
    }
    checkpoint = checkpoint && publisher_waits(&worker->publisher) == 0;
    for (size_t i = 0; i < worker->lane_count && checkpoint; i++)
        if (needs_checkpoint(&worker->lanes[i]))
            take_checkpoint(worker, &worker->lanes[i]);
    worker->epoch_opened_ms = worker_now_ms(worker);
    if (epoch_is_empty(epoch))
        return true;
    buf_add_slice(&epoch->membership, buf_slice(&worker->membership));
    epoch->closed_ms = worker_now_ms(worker);
    worker->open = take_spare(worker);
    worker->under_way++;
    CHECK(publisher_push(&worker->publisher, epoch));
    return true;
}

static bool checkpoint_due(const struct worker *worker)
{
    int64_t interval_ms = worker->setting->config->checkpoint_interval_ms;
    int64_t now_ms = worker_now_ms(worker);
    if (flush_has_many_changes(worker))
        return true;
    for (size_t i = 0; i < worker->lane_count; i++)
        if (needs_checkpoint(&worker->lanes[i]) &&
            now_ms - worker->lanes[i].checkpointed_ms >= interval_ms)
            return true;
    return false;
}

void flush_if_due(struct worker *worker)
{
    if (worker->in_doubt || !flush_has_room(worker))
        return;
    if (worker_now_ms(worker) - worker->epoch_opened_ms >=
            worker->setting->config->commit_interval_ms ||
        epoch_is_full(worker->open))
        flush_epoch(worker, checkpoint_due(worker));
}

static bool is_flushed(const struct worker *worker)
{
    bool flushed = epoch_is_empty(worker->open);
    for (size_t i = 0; i < worker->lane_count; i++)
        flushed =
            flushed && !needs_commit(&worker->lanes[i]) && !needs_checkpoint(&worker->lanes[i]);
    return flushed;
}

/* And before the end, which may be set meanwhile. */
static bool is_before(const struct worker *worker, int64_t until_ms)
{
    int64_t now_ms = worker_now_ms(worker), end_ms = atomic_load(&worker->end_ms);
    return now_ms < until_ms && (end_ms == 0 || now_ms < end_ms);
}

bool flush_drain(struct worker *worker, int64_t timeout_ms)
{
    int64_t until_ms = worker_now_ms(worker) + timeout_ms;

    while (!worker->in_doubt && worker->fatal == ERR_NONE && is_before(worker, until_ms)) {
        flush_collect(worker, worker->under_way > 0 ? 50 : 0);
        if (!is_flushed(worker))
            flush_epoch(worker, true);
        else if (worker->under_way == 0)
            return !worker->in_doubt;
        if (flush_is_stuck(worker))
            return false;
    }
    return false;
}
