/*
 * Customers that are not in memory: read from the store a batch at a time, and let go when memory
 * is full.
 */
#include "core/check.h"
#include "core/datetime.h"
#include "core/hash.h"
#include "core/log.h"
#include "engine/worker_inner.h"

#define DUE_PAGE 4096 /* customers with a timer due, of one read */

/*
 * The bound that Redis has lies in what has been read for timers now: the next checkpoint writes the true one. So long the
 * customer stays; one that left would be read again for the old bound.
 */
static void note_passed_bound(struct partition *partition, struct customer *customer)
{
    if (customer->stored_deadline_ms != CUSTOMER_NO_TIME &&
        customer->stored_deadline_ms < customer->deadline_ms && !(customer->flags & CUSTOMER_GONE))
        partition_mark_dirty(partition, customer);
}

/* A record that can't be read is as good as lost: Kafka has what it takes to make it anew. */
static enum err add_record(struct worker *worker, struct lane *lane, struct slice key,
                           struct slice bytes, int64_t stored_deadline_ms, struct errinfo *info)
{
    struct customer *customer;
    uint32_t flags = 0;
    enum err rc = codec_decode(lane->regime->codec, key, bytes, &customer, &flags, info);
    if (rc != ERR_NONE) {
        struct errinfo why = *info;
        return err_set(info, ERR_FATAL,
                       "the record of customer %.*s in Redis can't be read (%.200s): delete the "
                       "key %s:{%s/%s/%d}:meta and start again: "
                       "the partition is then rebuilt from Kafka",
                       (int)key.size, key.data, why.text, worker->setting->config->redis_prefix,
                       worker->setting->config->group, lane->partition.id.topic,
                       (int)lane->partition.id.partition);
    }
    partition_add_loaded(&lane->partition, customer, stored_deadline_ms);
    note_passed_bound(&lane->partition, customer);
    if (flags & CODEC_STATE_GONE)
        atomic_fetch_add_explicit(&worker->counters.state_gone, 1, memory_order_relaxed);
    return ERR_NONE;
}

static enum err add_customers(struct worker *worker, struct lane *lane,
                              const struct store_request *request, struct errinfo *info)
{
    enum err rc = ERR_NONE;
    for (size_t i = 0; i < request->customer_count && rc == ERR_NONE; i++) {
        if (request->records[i].size == 0)
            continue; /* a new customer */
        rc = add_record(worker, lane, request->customers[i], request->records[i], CUSTOMER_NO_TIME,
                        info);
    }
    return rc;
}

/*
 * The bound of one that is in memory becomes known here: what lies beyond cold_until_ms is all that
 * has not been seen.
 */
static enum err add_due(struct worker *worker, struct lane *lane,
                        const struct store_request *request, struct errinfo *info)
{
    enum err rc = ERR_NONE;
    for (size_t i = 0; i < request->timer_count && rc == ERR_NONE; i++) {
        struct slice key = request->timer_customers[i];
        int64_t stored_ms = request->timer_deadlines_ms[i];
        struct customer *there = table_find(lane->partition.table, key, hash_bytes(key));
        if (there) {
            if (there->stored_deadline_ms == CUSTOMER_NO_TIME)
                there->stored_deadline_ms = stored_ms;
            note_passed_bound(&lane->partition, there);
        } else if (request->timer_records[i].size > 0) {
            rc = add_record(worker, lane, key, request->timer_records[i], stored_ms, info);
        }
    }
    return rc;
}

/* How far the answer reaches. A full page may lack customers of its last second. */
static int64_t reached(const struct store_request *request)
{
    if (request->timer_count < request->timers_max)
        return request->timers_until_ms;
    return floor_second(request->timer_deadlines_ms[request->timer_count - 1]) - 1;
}

static struct store_request request_of(const struct lane *lane, int64_t until_ms)
{
    return (struct store_request){
        .of = lane->partition.id,
        .token = lane->token,
        .version_min = lane->version_acked,
        .timers_after_ms = lane->partition.cold_until_ms,
        .timers_until_ms = until_ms > lane->partition.cold_until_ms ? until_ms : INT64_MIN,
        .timers_max = DUE_PAGE,
    };
}

enum err loading_due(struct worker *worker, struct lane *lane, int64_t until_ms,
                     struct errinfo *info)
{
    struct partition *partition = &lane->partition;
    struct store_request request;

    if (loading_is_over(worker))
        loading_evict(worker, DUE_PAGE);
    request = request_of(lane, until_ms); /* not before: who leaves moves cold_until_ms back */
    for (;;) {
        arena_reset(&worker->page);
        enum err rc = store_load(worker->seams.load_store, &request, 1, &worker->page, info);
        if (rc == ERR_NONE)
            rc = add_due(worker, lane, &request, info);
        if (rc != ERR_NONE)
            return rc;
        if (request.timer_count < request.timers_max ||
            floor_second(request.timer_deadlines_ms[0]) <
                floor_second(request.timer_deadlines_ms[request.timer_count - 1]))
            break;
        request.timers_max *= 4; /* all of one second: it must be had whole */
    }
    partition->cold_until_ms = reached(&request);
    CHECK(floor_second(partition->cold_until_ms + 1) >
          request.timers_after_ms); /* else a sweep would not end */
    return ERR_NONE;
}

enum err loading_one(struct worker *worker, struct lane *lane, struct slice key,
                     struct errinfo *info)
{
    struct store_request request = request_of(lane, INT64_MIN);

    request.customers = &key;
    request.customer_count = 1;
    arena_reset(&worker->page);
    enum err rc = store_load(worker->seams.load_store, &request, 1, &worker->page, info);
    return rc == ERR_NONE ? add_customers(worker, lane, &request, info) : rc;
}

static bool same_customer(const struct loading_customer *a, const struct loading_customer *b)
{
    return a->lane == b->lane && a->hash == b->hash && slice_equal(a->key, b->key);
}

/* Each customer once: an open-addressing set of indexes + 1. */
static size_t unique(struct worker *worker, const struct loading_customer *customers, size_t count,
                     const struct loading_customer **out)
{
    size_t capacity = 16, found = 0;
    while (capacity < count * 2)
        capacity *= 2;
    uint32_t *set = arena_calloc(&worker->batch, capacity, sizeof *set);
    for (size_t i = 0; i < count; i++) {
        size_t at = (size_t)customers[i].hash & (capacity - 1);
        while (set[at] && !same_customer(&customers[set[at] - 1], &customers[i]))
            at = (at + 1) & (capacity - 1);
        if (set[at])
            continue;
        set[at] = (uint32_t)i + 1;
        out[found++] = &customers[i];
    }
    return found;
}

static size_t make_requests(struct worker *worker, const struct loading_customer *const *customers,
                            size_t count, const int64_t *until_ms, struct store_request *requests,
                            struct lane **lanes)
{
    size_t requested = 0;
    for (size_t l = 0; l < worker->lane_count; l++) {
        struct lane *lane = &worker->lanes[l];
        if (until_ms[l] == INT64_MIN)
            continue;
        struct store_request *request = &requests[requested];
        struct slice *keys = arena_alloc(&worker->batch, (count + 1) * sizeof *keys);
        *request = request_of(lane, until_ms[l] - lane->partition.setting->lateness_ms);
        for (size_t i = 0; i < count; i++)
            if (customers[i]->lane == lane)
                keys[request->customer_count++] = customers[i]->key;
        request->customers = keys;
        if (request->customer_count > 0 || request->timers_until_ms != INT64_MIN)
            lanes[requested++] = lane;
    }
    return requested;
}

enum err loading_fetch(struct worker *worker, const struct loading_customer *customers,
                       size_t count, const int64_t *until_ms, struct errinfo *info)
{
    const struct loading_customer **each =
        arena_alloc(&worker->batch, (count + 1) * sizeof(void *));
    struct store_request *requests =
        arena_calloc(&worker->batch, worker->lane_count + 1, sizeof *requests);
    struct lane **lanes = arena_alloc(&worker->batch, (worker->lane_count + 1) * sizeof(void *));
    size_t each_count = unique(worker, customers, count, each);
    size_t request_count = make_requests(worker, each, each_count, until_ms, requests, lanes);

    if (request_count == 0)
        return ERR_NONE;
    enum err rc =
        store_load(worker->seams.load_store, requests, request_count, &worker->batch, info);
    for (size_t i = 0; i < request_count && rc == ERR_NONE; i++) {
        rc = add_customers(worker, lanes[i], &requests[i], info);
        if (rc == ERR_NONE)
            rc = add_due(worker, lanes[i], &requests[i], info);
        if (rc == ERR_NONE && requests[i].timers_until_ms != INT64_MIN &&
            reached(&requests[i]) > lanes[i]->partition.cold_until_ms)
            lanes[i]->partition.cold_until_ms = reached(&requests[i]);
    }
    return rc;
}

/* ---- memory ---- */

static size_t in_memory(const struct worker *worker)
{
    size_t count = 0;
    for (size_t i = 0; i < worker->lane_count; i++)
        count += table_count(worker->lanes[i].partition.table);
    return count;
}

bool loading_is_over(const struct worker *worker)
{
    return in_memory(worker) > (size_t)worker->setting->config->memory_customers;
}

/*
 * Only what is in an acknowledged checkpoint leaves. Its stored deadline is then the only thing
 * that will bring it back in time. (A bound that is not known was never passed over: it lies beyond
 * cold_until_ms.)
 */
static bool let_go(void *self, struct customer *customer)
{
    struct partition *partition = self;
    if (customer->flags & (CUSTOMER_DIRTY | CUSTOMER_GONE) || customer->checkpoint != 0 ||
        customer->timer_index == UINT32_MAX)
        return false;
    timers_remove(&partition->timers, customer);
    partition->has_evicted = true;
    if (customer->stored_deadline_ms != CUSTOMER_NO_TIME &&
        customer->stored_deadline_ms <= partition->cold_until_ms)
        partition->cold_until_ms = customer->stored_deadline_ms - 1;
    return true;
}

void loading_evict(struct worker *worker, size_t wanted)
{
    size_t count = in_memory(worker), limit = (size_t)worker->setting->config->memory_customers;
    if (count + wanted <= limit || flush_dirty(worker) + worker->pinned >= count)
        return; /* there is room, or nobody could go */
    size_t excess = count + wanted - limit;
    for (size_t i = 0; i < worker->lane_count; i++) {
        struct partition *partition = &worker->lanes[i].partition;
        table_evict(partition->table, excess * table_count(partition->table) / (count + 1) + 1,
                    let_go, partition);
    }
}
