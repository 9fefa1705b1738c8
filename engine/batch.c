/*
 * What the source gave, to results: decode all, fetch who is not in memory, then event by event.
 */
#include "core/check.h"
#include "core/hash.h"
#include "core/log.h"
#include "engine/worker_inner.h"
#include "producer/dead_letter.h"
#include "producer/signal_record.h"

#define PIECE 256 /* messages, about 300 KiB with what is decoded from them */

struct item {
    struct lane *lane; /* NULL: not to be applied */
    const struct source_message *message;
    unsigned switches; /* of the lane, when it was decoded */
    struct decoded decoded;
    uint64_t *hashes; /* of the events' customers */
    uint64_t hash;    /* where there is one event */
};

/* ---- the partition's host ---- */

static const char *topic_of(struct worker *worker, struct slice type)
{
    int route = signal_route_find(worker->routes, worker->setting->config->route_count, type);
    return route < 0 ? NULL : worker->routes[route].topic.data;
}

static void add_dead_letter(struct worker *worker, const struct dead_letter *letter)
{
    struct sink_record record;
    dead_letter_record(letter, worker->setting->config->dead_letters, &worker->open->arena,
                       &record);
    epoch_add_output(worker->open, &record);
    atomic_fetch_add_explicit(&worker->counters.dead_letters, 1, memory_order_relaxed);
}

/* It can't be sent, and must not be lost: what a person needs to find the cause. */
static void oversize(struct worker *worker, struct lane *lane, const struct signal *signal,
                     const struct sink_record *record, const struct partition_cause *cause)
{
    const struct source_message *message = cause->message;
    struct slice id = sink_header_find(record, "ce_id");
    struct dead_letter letter = {
        .error = event_dead_code(EVENT_DEAD_OVERSIZE_SIGNAL),
        .detail =
            arena_printf(&worker->open->arena,
                         "%.*s has %zu bytes, signals.max_bytes is %lld; its ce_id is %.*s",
                         (int)signal->type.size, signal->type.data, record->value.size,
                         (long long)worker->setting->config->max_bytes, (int)id.size, id.data),
        .from = lane->partition.id,
        .offset = cause->offset,
        .time_ms = message ? message->time_ms : -1,
        .key = message ? message->key : signal->customer,
        .value = message ? message->value
                         : record->value, /* a timer has no message: the signal itself */
    };
    add_dead_letter(worker, &letter);
}

static enum err take_signal(void *self, struct partition *partition, const struct signal *signal,
                            const struct partition_cause *cause)
{
    struct worker *worker = self;
    struct lane *lane = (struct lane *)partition; /* its first member */
    struct sink_record record;

    if (!lane_is_live(lane))
        return ERR_NONE; /* published long ago */
    struct signal_envelope envelope = {
        .topic = topic_of(worker, signal->type),
        .source = worker->source_name,
        .format = worker->setting->config->signal_format == CONFIG_FORMAT_MSGPACK ? SIGNAL_MSGPACK
                                                                                  : SIGNAL_JSON,
        .from = partition->id,
        .offset = cause->offset,
    };
    CHECK(envelope.topic); /* all types were looked at before the start */
    if (cause->message)
        envelope.traceparent = source_traceparent(worker->source, cause->message);
    signal_record(signal, &envelope, &worker->open->arena, &worker->text, &record);
    if (record.value.size > (size_t)worker->setting->config->max_bytes) {
        oversize(worker, lane, signal, &record, cause);
        lane->uncommitted = true;
        return ERR_NONE;
    }
    epoch_add_output(worker->open, &record);
    worker->open->signal_count++;
    lane->uncommitted = true;
    return ERR_NONE;
}

static enum err parted(void *self, struct partition *partition, struct errinfo *info)
{
    struct lane *lane = (struct lane *)partition;
    if (!lane_is_live(lane) || lane->inside_message || lane->moved_ms == partition->watermark_ms)
        return err_set(info, ERR_FENCED, "half a sweep can't be repeated");
    flush_move(self, lane);
    return ERR_NONE;
}

static bool may_part(const struct worker *worker, const struct lane *lane)
{
    if (lane->inside_message || (!epoch_is_full(worker->open) && !flush_has_many_changes(worker) &&
                                 !flush_is_held_up(worker)))
        return false;
    /* Where a replay parts a sweep in which timers are counted is in the journal. */
    return lane_is_live(lane) || !partition_counts_timers(&lane->partition);
}

/* A sweep may be long: here an epoch may end. */
static enum err between_seconds(void *self, struct partition *partition, struct errinfo *info)
{
    struct worker *worker = self;
    struct lane *lane = (struct lane *)partition;

    if (worker->in_doubt)
        return err_set(info, ERR_FENCED, "a doubt stands");
    if (!may_part(worker, lane))
        return ERR_NONE;
    enum err rc = partition_part_sweep(partition, info);
    if (rc != ERR_NONE)
        return rc;
    if (lane->moving)
        flush_move(worker, lane);
    lane->uncommitted = true;
    if (!flush_has_room(worker))
        flush_collect(worker, WORKER_ROOM_WAIT_MS);
    bool flushed = flush_epoch(worker, flush_has_many_changes(worker));
    if (flush_is_held_up(worker))
        return err_set(info, ERR_RETRY, FLUSH_HELD_UP);
    if (flushed)
        return ERR_NONE;
    return epoch_is_full(worker->open) ? err_set(info, ERR_RETRY, "the publisher does not keep up")
                                       : ERR_NONE;
}

static enum err load_due(void *self, struct partition *partition, int64_t until_ms,
                         struct errinfo *info)
{
    return loading_due(self, (struct lane *)partition, until_ms, info);
}

static enum err load_customer(void *self, struct partition *partition, struct slice key,
                              struct errinfo *info)
{
    return loading_one(self, (struct lane *)partition, key, info);
}

void batch_init_host(struct worker *worker)
{
    worker->host = (struct partition_host){
        .self = worker,
        .signal = take_signal,
        .load_due = load_due,
        .load_customer = load_customer,
        .between_seconds = between_seconds,
        .parted = parted,
    };
}

/* ---- one batch ---- */

/*
 * Messages below the next offset have been seen (a seek is not exact); of a lane that does not
 * read, nothing counts.
 */
static struct lane *lane_of(struct worker *worker, const struct source_message *message)
{
    struct lane *lane = worker_lane(worker, message->from);
    if (!lane || lane->phase == LANE_PARKED || lane->blocked ||
        message->offset < lane->partition.next_offset)
        return NULL;
    return lane;
}

static void decode(struct worker *worker, struct item *item)
{
    struct decoded *decoded = &item->decoded;
    item->switches = item->lane->switches;
    decode_message(item->lane->regime->decoder, item->message->value, item->message->time_ms,
                   &worker->batch, decoded);
    item->hashes = &item->hash;
    if (decoded->count > 1)
        item->hashes = arena_alloc(&worker->batch, decoded->count * sizeof *item->hashes);
    for (size_t i = 0; i < decoded->count; i++)
        item->hashes[i] = hash_bytes(decoded->events[i].customer);
}

static size_t decode_all(struct worker *worker, const struct source_message *messages, size_t count,
                         struct item *items)
{
    size_t events = 0;
    for (size_t i = 0; i < count; i++) {
        struct item *item = &items[i];
        item->message = &messages[i];
        item->lane = lane_of(worker, item->message);
        if (!item->lane)
            continue;
        decode(worker, item);
        events += item->decoded.count;
    }
    return events;
}

static bool some_are_cold(const struct worker *worker)
{
    for (size_t i = 0; i < worker->lane_count; i++)
        if (!partition_holds_all(&worker->lanes[i].partition))
            return true;
    return false;
}

/* Fetches all customers of the batch that are not in memory, in one round trip. */
static enum err fetch(struct worker *worker, struct item *items, size_t count, size_t event_count,
                      struct errinfo *info)
{
    struct loading_customer *wanted =
        arena_alloc(&worker->batch, (event_count + 1) * sizeof *wanted);
    int64_t *until_ms = arena_alloc(&worker->batch, (worker->lane_count + 1) * sizeof *until_ms);
    size_t wanted_count = 0;

    for (size_t i = 0; i < worker->lane_count; i++) {
        until_ms[i] = INT64_MIN;
        worker->lanes[i].partition.has_evicted = false;
    }
    if (!some_are_cold(worker))
        return ERR_NONE;
    for (size_t i = 0; i < count; i++) {
        struct lane *lane = items[i].lane;
        if (!lane || partition_holds_all(&lane->partition))
            continue;
        for (size_t k = 0; k < items[i].decoded.count; k++) {
            const struct event *event = &items[i].decoded.events[k];
            if (event->time_ms > until_ms[lane - worker->lanes])
                until_ms[lane - worker->lanes] = event->time_ms;
            if (!table_find(lane->partition.table, event->customer, items[i].hashes[k]))
                wanted[wanted_count++] =
                    (struct loading_customer){lane, event->customer, items[i].hashes[k]};
        }
    }
    return loading_fetch(worker, wanted, wanted_count, until_ms, info);
}

static void dead(struct worker *worker, const struct item *item)
{
    const struct source_message *message = item->message;
    struct dead_letter letter = {
        .error = event_dead_code(item->decoded.dead),
        .detail = slice_of(item->decoded.detail),
        .from = message->from,
        .offset = message->offset,
        .time_ms = message->time_ms == EVENT_NO_TIME ? -1 : message->time_ms,
        .key = message->key,
        .value = message->value,
    };
    add_dead_letter(worker, &letter);
}

static enum err apply(struct worker *worker, struct item *item, struct errinfo *info)
{
    struct lane *lane = item->lane;
    struct partition *partition = &lane->partition;
    uint32_t rank = 0;
    enum err rc = recovery_reach(worker, lane, item->message->offset, info);
    if (rc == ERR_NONE && lane->switches != item->switches)
        rc = ERR_AGAIN; /* other rules, or those again but with an empty memory */
    if (rc != ERR_NONE)
        return rc;
    partition->next_offset = item->message->offset;
    if (item->decoded.dead != EVENT_DEAD_NONE && lane_is_live(lane))
        dead(worker, item);
    for (size_t i = 0; i < item->decoded.count && rc == ERR_NONE; i++) {
        lane->inside_message = i > 0;
        rc = partition_apply(partition, &item->decoded.events[i], item->hashes[i], item->message,
                             &rank, info);
    }
    if (lane->inside_message && rc == ERR_RETRY)
        rc = ERR_FENCED; /* half a message can't be repeated: from the last checkpoint on it can */
    lane->inside_message = false;
    if (rc != ERR_NONE)
        return rc;
    partition->next_offset = item->message->offset + 1;
    lane->end_offset = -1;
    lane->back_off_ms = 0;
    return ERR_NONE;
}

static void failed(struct worker *worker, struct lane *lane, enum err rc,
                   const struct errinfo *info)
{
    if (rc == ERR_RETRY)
        worker_block(worker, lane, info->text);
    else if (rc == ERR_AGAIN)
        worker_reread(worker, lane);
    else if (rc == ERR_FENCED)
        worker_doubt(worker, info->text);
    else
        worker_fatal(worker, rc, info);
}

static void block_all_cold(struct worker *worker, const char *reason)
{
    for (size_t i = 0; i < worker->lane_count; i++)
        if (!partition_holds_all(&worker->lanes[i].partition))
            worker_block(worker, &worker->lanes[i], reason);
}

/* The customer of an event, while it is fetched. */
struct ahead {
    const struct partition *partition;
    uint64_t hash;
    const struct customer *customer; /* NULL: not in memory */
};

/*
 * The places of a group of customers in the table, then the records, then what those point to: the misses of a group
 * overlap. Groups, because what is fetched too far ahead is out of the cache again (state/table.h). `ahead`: room for one
 * of each event.
 */
static void prefetch_group(const struct item *items, size_t count, struct ahead *ahead)
{
    struct ahead *end = ahead;

    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < items[i].decoded.count; k++) {
            *end = (struct ahead){&items[i].lane->partition, items[i].hashes[k], NULL};
            table_prefetch(end->partition->table, end->hash);
            end++;
        }
    for (struct ahead *each = ahead; each < end; each++)
        each->customer = table_prefetch_customer(each->partition->table, each->hash);
    for (struct ahead *each = ahead; each < end; each++) {
        if (!each->customer)
            continue;
        timers_prefetch(&each->partition->timers, each->customer);
        customer_prefetch_owned(rules_layout(each->partition->setting->rules), each->customer);
    }
}

static void apply_all(struct worker *worker, struct item *items, size_t count, size_t event_count)
{
    struct ahead *ahead = arena_alloc(&worker->batch, event_count * sizeof *ahead);
    struct errinfo info = {""};

    for (size_t i = 0; i < count && !worker->in_doubt && worker->fatal == ERR_NONE; i++) {
        struct lane *lane = items[i].lane;
        if (i % TABLE_PREFETCH_GROUP == 0)
            prefetch_group(&items[i],
                           count - i < TABLE_PREFETCH_GROUP ? count - i : TABLE_PREFETCH_GROUP,
                           ahead);
        if (!lane || lane->blocked)
            continue;
        enum err rc = apply(worker, &items[i], &info);
        if (rc != ERR_NONE) {
            failed(worker, lane, rc, &info);
            continue;
        }
        if (epoch_is_full(worker->open) && !flush_epoch(worker, false)) {
            flush_collect(worker, WORKER_ROOM_WAIT_MS);
            if (!flush_epoch(worker, false))
                worker_block_all(worker, "the publisher does not keep up");
        }
    }
}

static void note_ends(struct worker *worker, const struct source_batch *batch)
{
    struct errinfo info = {""};
    for (size_t i = 0; i < batch->end_count; i++) {
        struct lane *lane = worker_lane(worker, batch->ends[i].of);
        if (!lane || lane->phase == LANE_PARKED || lane->blocked || worker->in_doubt)
            continue;
        enum err rc = recovery_reach(worker, lane, batch->ends[i].offset, &info);
        if (rc != ERR_NONE) {
            failed(worker, lane, rc, &info);
            continue;
        }
        lane->end_offset = batch->ends[i].offset;
        lane->quiet_ms = worker_now_ms(worker);
    }
}

static void process(struct worker *worker, const struct source_message *messages, size_t count)
{
    struct errinfo info = {""};

    arena_reset(&worker->batch);
    struct item *items = arena_calloc(&worker->batch, count, sizeof *items);
    size_t events = decode_all(worker, messages, count, items);
    enum err rc = fetch(worker, items, count, events, &info);
    if (rc == ERR_RETRY)
        block_all_cold(worker, info.text);
    else if (rc == ERR_FENCED)
        worker_doubt(worker, info.text);
    else if (rc != ERR_NONE)
        worker_fatal(worker, rc, &info);
    apply_all(worker, items, count, events);
}

/* Before anybody is fetched: what a change of rules has begun is a business of the records in Redis alone. */
static void end_migrations(struct worker *worker)
{
    struct errinfo info = {""};
    for (size_t i = 0; i < worker->lane_count && !worker->in_doubt; i++) {
        struct lane *lane = &worker->lanes[i];
        if (!lane->migrating || lane->blocked)
            continue;
        enum err rc = regime_migrate(worker, lane, &info);
        if (rc != ERR_NONE)
            failed(worker, lane, rc, &info);
    }
}

/*
 * In pieces whose events stay in the processor's cache from decoding to applying; but where customers may have to be
 * fetched, all at once: round trips cost more than misses.
 */
void batch_process(struct worker *worker, const struct source_batch *batch)
{
    end_migrations(worker);
    for (size_t done = 0; done < batch->message_count && !worker->in_doubt;) {
        size_t left = batch->message_count - done;
        size_t count = left > PIECE && !some_are_cold(worker) ? PIECE : left;
        process(worker, batch->messages + done, count);
        done += count;
    }
    note_ends(worker, batch);
}
