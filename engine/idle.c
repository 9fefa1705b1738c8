/*
 * Idle partitions (DESIGN 5.7): read to the end and quiet, so that the wall clock moves the
 * watermark and the abandonment still comes.
 */
#include "core/datetime.h"
#include "core/log.h"
#include "engine/worker_inner.h"

#define LOOK_EVERY_MS 250

static bool is_quiet(const struct worker *worker, const struct lane *lane)
{
    return lane_is_live(lane) && !lane->blocked && lane->end_offset >= 0 &&
           worker_now_ms(worker) - lane->quiet_ms >= worker->setting->config->watermark_idle_ms;
}

/*
 * Is there a timer below the whole second `limit_ms`? Of customers not in memory Redis knows the
 * earliest.
 */
static enum err is_due(struct worker *worker, struct lane *lane, int64_t limit_ms, bool *due,
                       struct errinfo *info)
{
    struct partition *partition = &lane->partition;
    int64_t stored_ms = CUSTOMER_NEVER;

    *due = partition_next_deadline(partition, limit_ms) < limit_ms;
    if (*due || partition_holds_all(partition))
        return ERR_NONE;
    enum err rc = partition->cold_until_ms >= limit_ms - 1
                      ? ERR_NONE
                      : loading_due(worker, lane, limit_ms - 1, info);
    if (rc != ERR_NONE)
        return rc;
    stored_ms = partition_next_deadline(partition, limit_ms);
    *due = stored_ms < limit_ms || partition->cold_until_ms < limit_ms - 1;
    return ERR_NONE;
}

/* The end that the leader confirms, asked only when a timer would be due. */
static bool at_end(struct worker *worker, const struct lane *lane)
{
    struct errinfo info = {""};
    int64_t first, end;
    return source_bounds(worker->source, lane->partition.id, &first, &end, &info) == ERR_NONE &&
           end == lane->end_offset;
}

static enum err move(struct worker *worker, struct lane *lane, int64_t target_ms,
                     struct errinfo *info)
{
    lane->moving = true;
    lane->moved_ms = lane->partition.watermark_ms;
    enum err rc = partition_sweep(&lane->partition, target_ms, info);
    flush_move(worker, lane); /* on an error: as far as it came */
    lane->moving = false;
    return rc;
}

static void look(struct worker *worker, struct lane *lane)
{
    struct partition *partition = &lane->partition;
    struct errinfo info = {""};
    int64_t skew_ms = partition->skew_ms > 0 ? partition->skew_ms : 0;
    int64_t target_ms =
        clock_wall_ms(&worker->seams.clock) - partition->setting->lateness_ms - skew_ms;
    int64_t limit_ms = floor_second(target_ms);
    bool due = false;

    if (partition->watermark_ms == PARTITION_NO_TIME || limit_ms <= partition->watermark_ms)
        return;
    enum err rc = is_due(worker, lane, limit_ms, &due, &info);
    if (rc == ERR_NONE && due && at_end(worker, lane))
        rc = move(worker, lane, target_ms, &info);
    if (rc == ERR_FENCED)
        worker_doubt(worker, info.text);
    else if (rc == ERR_FATAL)
        worker_fatal(worker, rc, &info);
    else if (rc != ERR_NONE)
        worker_block(worker, lane, info.text);
}

void idle_look(struct worker *worker)
{
    int64_t now_ms = worker_now_ms(worker);
    for (size_t i = 0; i < worker->lane_count && !worker->in_doubt; i++) {
        struct lane *lane = &worker->lanes[i];
        if (now_ms < lane->idle_look_ms || !is_quiet(worker, lane))
            continue;
        lane->idle_look_ms = now_ms + LOOK_EVERY_MS;
        arena_reset(&worker->batch);
        look(worker, lane);
    }
}
