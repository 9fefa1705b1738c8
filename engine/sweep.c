#include "engine/sweep.h"

#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "core/datetime.h"
#include "core/hash.h"

#define SECOND_MS 1000

/*
 * ---- who fired how often in this sweep: few, so it is looked up only for those that will come
 * again ----
 */

static struct partition_busy *busy_slot(struct partition_busy *slots, size_t capacity,
                                        uint64_t hash)
{
    size_t at = (size_t)(hash & (capacity - 1));
    while (slots[at].fired && slots[at].hash != hash)
        at = (at + 1) & (capacity - 1);
    return &slots[at];
}

static void busy_grow(struct partition *partition)
{
    size_t capacity = partition->busy_capacity ? partition->busy_capacity * 2 : 64;
    struct partition_busy *slots = calloc(capacity, sizeof *slots);
    CHECK(slots);
    for (size_t i = 0; i < partition->busy_capacity; i++)
        if (partition->busy[i].fired)
            *busy_slot(slots, capacity, partition->busy[i].hash) = partition->busy[i];
    free(partition->busy);
    partition->busy = slots;
    partition->busy_capacity = capacity;
}

static uint64_t key_hash(const struct partition *partition, const struct customer *customer)
{
    return hash_bytes(customer_key(rules_layout(partition->setting->rules), customer));
}

static uint32_t busy_fired(const struct partition *partition, const struct customer *customer)
{
    if (partition->busy_count == 0)
        return 0;
    return busy_slot(partition->busy, partition->busy_capacity, key_hash(partition, customer))
        ->fired;
}

static void busy_set(struct partition *partition, const struct customer *customer, uint32_t fired)
{
    if (partition->busy_count * 2 >= partition->busy_capacity)
        busy_grow(partition);
    uint64_t hash = key_hash(partition, customer);
    struct partition_busy *slot = busy_slot(partition->busy, partition->busy_capacity, hash);
    partition->busy_count += slot->fired == 0;
    *slot = (struct partition_busy){hash, fired};
}

static void busy_reset(struct partition *partition)
{
    if (partition->busy_count)
        memset(partition->busy, 0, partition->busy_capacity * sizeof *partition->busy);
    partition->busy_count = 0;
}

/* ---- customers that have fired enough: out of the timers until the sweep is over ---- */

static void leave(struct partition *partition, struct customer *customer)
{
    if (partition->left_count == partition->left_capacity) {
        partition->left_capacity = partition->left_capacity ? partition->left_capacity * 2 : 16;
        partition->left =
            realloc(partition->left, partition->left_capacity * sizeof(struct customer *));
        CHECK(partition->left);
    }
    partition->left[partition->left_count++] = customer;
    partition->counters.timers_left++;
}

static void return_left(struct partition *partition)
{
    for (size_t i = 0; i < partition->left_count; i++)
        timers_set(&partition->timers, partition->left[i], partition->left[i]->deadline_ms);
    partition->left_count = 0;
}

/* ---- one sweep, or several ---- */

static void count_anew(struct partition *partition)
{
    busy_reset(partition);
    return_left(partition);
}

bool partition_counts_timers(const struct partition *partition)
{
    return partition->busy_count + partition->left_count > 0;
}

enum err partition_part_sweep(struct partition *partition, struct errinfo *info)
{
    const struct partition_host *host = partition->setting->host;
    if (!partition_counts_timers(partition))
        return ERR_NONE;
    count_anew(partition);
    return host->parted ? host->parted(host->self, partition, info) : ERR_NONE;
}

/*
 * What has failed is taken up again later; where a commit could not say from where, the partition is recovered, from the last
 * checkpoint on.
 */
static enum err broken_off(struct partition *partition, enum err rc, struct errinfo *info)
{
    struct errinfo why = {"half of what was left over has fired"}, what = *info;
    enum err noted = partition->has_fired ? ERR_FENCED : partition_part_sweep(partition, &why);
    count_anew(partition);
    if (noted == ERR_NONE || rc == ERR_FENCED || rc == ERR_FATAL)
        return rc;
    return err_set(info, ERR_FENCED, "%s (%.200s)", why.text, what.text);
}

/*
 * Fires what the customer has due up to `until_ms`. More will come in this sweep where its next
 * deadline is at or before `end_ms`.
 */
static enum err fire(struct partition *partition, struct customer *customer, int64_t until_ms,
                     int64_t end_ms)
{
    struct rules_context context = partition_context(partition);
    struct partition_cause cause = {partition->next_offset, NULL};
    uint32_t rank = 0, fired = busy_fired(partition, customer);

    context.timers_max = RULES_TIMERS_MAX - fired;
    bool left = rules_step_timers(&context, customer, until_ms);
    fired += context.timers_fired;
    partition->has_fired = true;
    partition_changed(partition, customer, CUSTOMER_NEVER);
    if (!(customer->flags & CUSTOMER_GONE) && customer->deadline_ms <= end_ms) {
        if (left || fired >= RULES_TIMERS_MAX) {
            timers_remove(&partition->timers, customer);
            leave(partition, customer);
        } else {
            busy_set(partition, customer, fired ? fired : 1);
        }
    }
    return partition_emit(partition, &cause, &rank);
}

/*
 * The customer's entry is only a lower bound: an event may have moved the deadline since.
 */
static enum err visit(struct partition *partition, struct customer *customer, int64_t until_ms,
                      int64_t end_ms)
{
    timers_remove(&partition->timers, customer);
    if (customer->deadline_ms > until_ms ||
        partition_exact_deadline(partition, customer) > until_ms) {
        timers_set(&partition->timers, customer, customer->deadline_ms);
        if (customer->stored_deadline_ms <= until_ms)
            partition_mark_dirty(partition,
                                 customer); /* the stored bound is passed: write the new one */
        return ERR_NONE;
    }
    return fire(partition, customer, until_ms, end_ms);
}

/*
 * What an earlier sweep has left over lies before the watermark. Among it no epoch ends: a commit names only the watermark, and a
 * later start would fire from the first of them on.
 */
static enum err step_over(struct partition *partition, int64_t second_ms, struct errinfo *info)
{
    const struct partition_host *host = partition->setting->host;
    if (second_ms <= partition->watermark_ms)
        return ERR_NONE;
    partition->watermark_ms = second_ms;
    partition->has_fired = false;
    return host->between_seconds ? host->between_seconds(host->self, partition, info) : ERR_NONE;
}

/*
 * Fires all timers of customers in memory with a deadline before `limit_ms`, a whole second, second
 * by second.
 */
static enum err fire_below(struct partition *partition, int64_t limit_ms, int64_t end_ms,
                           struct errinfo *info)
{
    bool first = true;
    int64_t second_ms = 0;
    const struct timers_entry *entry;

    while ((entry = timers_next(&partition->timers, limit_ms))) {
        int64_t of_ms = floor_second(entry->deadline_ms);
        enum err rc = ERR_NONE;
        if (first || of_ms > second_ms) {
            second_ms = of_ms;
            rc = first ? ERR_NONE : step_over(partition, second_ms, info);
            first = false;
            if (rc != ERR_NONE)
                return rc;
            continue; /* an epoch may have ended: look again */
        }
        rc = visit(partition, entry->customer, second_ms + SECOND_MS - 1, end_ms);
        if (rc != ERR_NONE)
            return rc;
    }
    return ERR_NONE;
}

/*
 * How far the customers in memory are all that there are: the whole second up to which can be fired
 * now.
 */
static enum err load_up_to(struct partition *partition, int64_t limit_ms, int64_t *reached_ms,
                           struct errinfo *info)
{
    const struct partition_host *host = partition->setting->host;

    *reached_ms = limit_ms;
    if (!host->load_due || partition->cold_until_ms >= limit_ms - 1 ||
        partition_holds_all(partition))
        return ERR_NONE;
    enum err rc = host->load_due(host->self, partition, limit_ms - 1, info);
    if (rc == ERR_NONE && partition->cold_until_ms < limit_ms - 1)
        *reached_ms = floor_second(partition->cold_until_ms + 1);
    return rc;
}

static enum err sweep_to_second(struct partition *partition, int64_t limit_ms, struct errinfo *info)
{
    int64_t reached_ms = INT64_MIN;
    enum err rc = ERR_NONE;

    partition->has_fired = false;
    while (rc == ERR_NONE && reached_ms < limit_ms) {
        rc = load_up_to(partition, limit_ms, &reached_ms, info);
        if (rc == ERR_NONE)
            rc = fire_below(partition, reached_ms, limit_ms - 1, info);
        if (rc == ERR_NONE && reached_ms < limit_ms)
            rc = step_over(partition, reached_ms, info);
    }
    if (rc != ERR_NONE)
        return broken_off(partition, rc, info);
    count_anew(partition);
    return ERR_NONE;
}

bool partition_is_new_second(const struct partition *partition, int64_t watermark_ms)
{
    return partition->watermark_ms == PARTITION_NO_TIME ||
           watermark_ms >= floor_second(partition->watermark_ms) + SECOND_MS;
}

enum err partition_sweep(struct partition *partition, int64_t watermark_ms, struct errinfo *info)
{
    if (partition->watermark_ms != PARTITION_NO_TIME && watermark_ms <= partition->watermark_ms)
        return ERR_NONE;
    if (partition_is_new_second(partition, watermark_ms)) {
        enum err rc = sweep_to_second(partition, floor_second(watermark_ms), info);
        if (rc != ERR_NONE)
            return rc;
    }
    partition->watermark_ms = watermark_ms;
    return ERR_NONE;
}

enum err partition_finish(struct partition *partition, int64_t until_ms, struct errinfo *info)
{
    const struct timers_entry *entry;
    enum err rc = partition_sweep(partition, until_ms, info);

    /* What is left lies within the last second. */
    while (rc == ERR_NONE && (entry = timers_next(&partition->timers, until_ms + 1)))
        rc = visit(partition, entry->customer, until_ms, until_ms);
    count_anew(partition);
    return rc;
}
