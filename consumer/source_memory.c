#include "consumer/source_memory.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/check.h"

#define METADATA_SIZE_MAX 512

/* Key, value and traceparent lie behind it, in one allocation. Immutable once appended. */
struct record {
    int64_t time_ms;
    struct slice key, value, traceparent;
    char bytes[];
};

struct log_partition {
    struct record **records; /* by offset; NULL: a gap. Owned */
    int64_t end;
    int64_t capacity;
    int64_t first;
    int64_t committed; /* -1: none */
    char metadata[METADATA_SIZE_MAX + 1];
};

struct log_topic {
    char *name; /* what messages name; lives as long as the log */
    struct log_partition *partitions;
    int32_t partition_count;
    struct log_topic *next;
};

struct source_log {
    pthread_mutex_t lock; /* over all of this, and over each source's `state` to `owned` */
    pthread_cond_t changed;
    struct log_topic *topics;
    struct memory_source *members; /* in the order of opening */
    uint64_t generation;
    uint64_t member_last; /* id */
    bool rebalancing;     /* somebody waits for a new generation */
};

/*
 *           first poll            all have joined            next poll
 *   OUT ------------------> JOINED ---------------> ASSIGNED -----------> STABLE
 *    ^                                               (to be told)           |
 *    +------- somebody joins, or it is evicted: revoked() is called --------+
 */
enum member_state { MEMBER_OUT, MEMBER_JOINED, MEMBER_ASSIGNED, MEMBER_STABLE };

struct source_partition {
    struct topic_partition of;
    bool owned; /* in this generation; under the log's lock */

    /* The worker's thread only. */
    bool running;
    int64_t next;         /* offset */
    int64_t end_reported; /* -1: none since the last resume */
};

struct memory_source {
    struct source base;
    struct source_log *log;
    const struct source_listener *listener;

    /* Under the log's lock. */
    struct memory_source *next;
    enum member_state state;
    bool evicted; /* the group has thrown it out, and it does not know yet */
    uint64_t id;
    uint64_t generation;

    struct source_partition *partitions;
    size_t partition_count;
    size_t first_partition; /* whose turn it is: no partition starves behind another */

    struct source_message *messages; /* SOURCE_BATCH_MAX */
    size_t message_max;
    struct source_end *ends; /* partition_count */
};

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    CHECK(memory != NULL);
    return memory;
}

/* --- The log ---------------------------------------------------------------------------------- */

struct source_log *source_log_new(void)
{
    struct source_log *log = allocate(1, sizeof(*log));
    pthread_condattr_t attributes;
    CHECK(pthread_mutex_init(&log->lock, NULL) == 0);
    CHECK(pthread_condattr_init(&attributes) == 0);
    CHECK(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(&log->changed, &attributes) == 0);
    pthread_condattr_destroy(&attributes);
    return log;
}

static void free_partition(struct log_partition *partition)
{
    for (int64_t i = 0; i < partition->end; i++)
        free(partition->records[i]);
    free(partition->records);
}

void source_log_free(struct source_log *log)
{
    if (!log)
        return;
    CHECK(log->members == NULL);
    while (log->topics) {
        struct log_topic *topic = log->topics;
        log->topics = topic->next;
        for (int32_t i = 0; i < topic->partition_count; i++)
            free_partition(&topic->partitions[i]);
        free(topic->partitions);
        free(topic->name);
        free(topic);
    }
    pthread_cond_destroy(&log->changed);
    pthread_mutex_destroy(&log->lock);
    free(log);
}

static void lock(struct source_log *log)
{
    CHECK(pthread_mutex_lock(&log->lock) == 0);
}

static void unlock(struct source_log *log)
{
    CHECK(pthread_mutex_unlock(&log->lock) == 0);
}

static void unlock_changed(struct source_log *log)
{
    pthread_cond_broadcast(&log->changed);
    unlock(log);
}

static struct log_topic *find_topic(const struct source_log *log, const char *name)
{
    struct log_topic *topic = log->topics;
    while (topic && topic->name != name && strcmp(topic->name, name) != 0)
        topic = topic->next;
    return topic;
}

/* NULL where topic or partition is not there. */
static struct log_partition *find_partition(const struct source_log *log, struct topic_partition of)
{
    struct log_topic *topic = find_topic(log, of.topic);
    if (!topic || of.partition < 0 || of.partition >= topic->partition_count)
        return NULL;
    return &topic->partitions[of.partition];
}

static struct log_partition *get_partition(const struct source_log *log, struct topic_partition of)
{
    struct log_partition *partition = find_partition(log, of);
    CHECK(partition != NULL);
    return partition;
}

void source_log_create(struct source_log *log, const char *name, int32_t partitions)
{
    lock(log);
    struct log_topic *topic = find_topic(log, name);
    if (!topic) {
        topic = allocate(1, sizeof(*topic));
        topic->name = strdup(name);
        CHECK(topic->name != NULL);
        topic->next = log->topics;
        log->topics = topic;
    }
    CHECK(partitions >= topic->partition_count);
    topic->partitions =
        realloc(topic->partitions, (size_t)partitions * sizeof(*topic->partitions) + 1);
    CHECK(topic->partitions != NULL);
    for (int32_t i = topic->partition_count; i < partitions; i++)
        topic->partitions[i] = (struct log_partition){.committed = -1};
    topic->partition_count = partitions;
    unlock(log);
}

/* A place at the end, NULL in it. */
static int64_t extend(struct log_partition *partition)
{
    if (partition->end == partition->capacity) {
        partition->capacity = partition->capacity ? partition->capacity * 2 : 64;
        partition->records =
            realloc(partition->records, (size_t)partition->capacity * sizeof(*partition->records));
        CHECK(partition->records != NULL);
    }
    partition->records[partition->end] = NULL;
    return partition->end++;
}

static struct slice put(struct slice bytes, char **room)
{
    if (!bytes.data)
        return bytes;
    char *copy = *room;
    if (bytes.size)
        memcpy(copy, bytes.data, bytes.size);
    *room += bytes.size;
    return (struct slice){copy, bytes.size};
}

int64_t source_log_append_traced(struct source_log *log, struct topic_partition to, int64_t time_ms,
                                 struct slice key, struct slice value, struct slice traceparent)
{
    size_t size = key.size + value.size + traceparent.size;
    struct record *record = malloc(sizeof(*record) + size + 1);
    CHECK(record != NULL);
    char *room = record->bytes;
    record->time_ms = time_ms;
    record->key = put(key, &room);
    record->value = put(value, &room);
    record->traceparent = put(traceparent, &room);

    lock(log);
    struct log_partition *partition = get_partition(log, to);
    int64_t offset = extend(partition);
    partition->records[offset] = record;
    unlock_changed(log);
    return offset;
}

int64_t source_log_append(struct source_log *log, struct topic_partition to, int64_t time_ms,
                          struct slice key, struct slice value)
{
    return source_log_append_traced(log, to, time_ms, key, value, (struct slice){NULL, 0});
}

void source_log_add_gap(struct source_log *log, struct topic_partition to, int64_t count)
{
    lock(log);
    struct log_partition *partition = get_partition(log, to);
    for (int64_t i = 0; i < count; i++)
        extend(partition);
    unlock_changed(log);
}

void source_log_trim(struct source_log *log, struct topic_partition of, int64_t first)
{
    lock(log);
    struct log_partition *partition = get_partition(log, of);
    CHECK(first >= partition->first && first <= partition->end);
    partition->first = first;
    unlock_changed(log);
}

void source_log_commit(struct source_log *log, struct topic_partition of, int64_t offset,
                       const char *metadata)
{
    CHECK(strlen(metadata) <= METADATA_SIZE_MAX);
    lock(log);
    struct log_partition *partition = get_partition(log, of);
    partition->committed = offset;
    memcpy(partition->metadata, metadata, strlen(metadata) + 1);
    unlock(log);
}

int64_t source_log_committed(struct source_log *log, struct topic_partition of)
{
    lock(log);
    int64_t offset = get_partition(log, of)->committed;
    unlock(log);
    return offset;
}

int64_t source_log_end(struct source_log *log, struct topic_partition of)
{
    lock(log);
    int64_t end = get_partition(log, of)->end;
    unlock(log);
    return end;
}

static struct record *find_record(const struct log_partition *partition, int64_t offset)
{
    return offset >= partition->first && offset < partition->end ? partition->records[offset]
                                                                 : NULL;
}

static struct source_message to_message(struct topic_partition from, int64_t offset,
                                        struct record *record)
{
    return (struct source_message){
        .from = from,
        .offset = offset,
        .time_ms = record->time_ms,
        .key = record->key,
        .value = record->value,
        .handle = record,
    };
}

bool source_log_get(struct source_log *log, struct topic_partition of, int64_t offset,
                    struct source_message *message)
{
    lock(log);
    struct record *record = find_record(get_partition(log, of), offset);
    of.topic = find_topic(log, of.topic)->name;
    unlock(log);
    if (record)
        *message = to_message(of, offset, record);
    return record != NULL;
}

/* --- The group -------------------------------------------------------------------------------- */

static struct memory_source *of_source(struct source *source)
{
    return (struct memory_source *)source;
}

static bool holds_membership(const struct memory_source *member)
{
    return member->state == MEMBER_STABLE || member->state == MEMBER_ASSIGNED;
}

static bool wants(const struct memory_source *member, struct topic_partition partition)
{
    for (size_t i = 0; i < member->partition_count; i++) {
        if (topic_partition_equal(member->partitions[i].of, partition))
            return true;
    }
    return false;
}

static bool wanted_later(const struct memory_source *member, struct topic_partition partition)
{
    for (const struct memory_source *later = member->next; later; later = later->next) {
        if (later->state == MEMBER_JOINED && wants(later, partition))
            return true;
    }
    return false;
}

/* While this is done, `state` JOINED says who is in the new generation. */
static void assign(struct source_log *log, struct memory_source *member)
{
    for (size_t i = 0; i < member->partition_count; i++)
        member->partitions[i].owned = !wanted_later(member, member->partitions[i].of);
    member->generation = log->generation;
}

/* Begins a new generation once everybody who is in the group waits for it. Under the lock. */
static void begin_generation(struct source_log *log)
{
    bool somebody = false;
    for (struct memory_source *member = log->members; member; member = member->next) {
        if (holds_membership(member) && !member->evicted)
            return;
        somebody = somebody || member->state == MEMBER_JOINED;
    }
    if (!somebody)
        return;
    log->generation++;
    log->rebalancing = false;
    for (struct memory_source *member = log->members; member; member = member->next) {
        if (member->state == MEMBER_JOINED)
            assign(log, member);
    }
    for (struct memory_source *member = log->members; member; member = member->next) {
        if (member->state == MEMBER_JOINED)
            member->state = MEMBER_ASSIGNED;
    }
}

static void join(struct memory_source *source)
{
    source->state = MEMBER_JOINED;
    source->log->rebalancing = true;
    begin_generation(source->log);
    pthread_cond_broadcast(&source->log->changed); /* who waits for messages has to revoke */
}

static void tell_revoked(struct memory_source *source, bool lost)
{
    for (size_t i = 0; i < source->partition_count; i++)
        source->partitions[i].running = false;
    source->listener->revoked(source->listener->self, lost);
}

static void tell_assigned(struct memory_source *source)
{
    struct topic_partition *assigned = allocate(source->partition_count, sizeof(*assigned));
    size_t count = 0;
    for (size_t i = 0; i < source->partition_count; i++) {
        source->partitions[i].running = false;
        if (source->partitions[i].owned)
            assigned[count++] = source->partitions[i].of;
    }
    source->listener->assigned(source->listener->self, assigned, count);
    free(assigned);
}

/*
 * Takes part in the group as far as it goes. The listener is called without the lock: it may call
 * us.
 */
static void serve_group(struct memory_source *source)
{
    struct source_log *log = source->log;
    lock(log);
    for (;;) {
        bool lost = source->evicted;
        switch (source->state) {
        case MEMBER_OUT:
            join(source);
            if (source->state == MEMBER_ASSIGNED)
                continue;
            break;
        case MEMBER_JOINED:
            break;
        case MEMBER_ASSIGNED:
            source->state = MEMBER_STABLE;
            unlock(log);
            tell_assigned(source);
            lock(log);
            continue;
        case MEMBER_STABLE:
            if (!lost && !log->rebalancing)
                break;
            unlock(log);
            tell_revoked(source, lost);
            lock(log);
            source->state = MEMBER_OUT;
            source->evicted = false;
            continue;
        }
        break;
    }
    unlock(log);
}

static size_t write_membership(const struct memory_source *member, char text[64])
{
    return (size_t)snprintf(text, 64, "%" PRIu64 "/%" PRIu64, member->id, member->generation);
}

static void membership(struct source *base, struct buf *out)
{
    struct memory_source *source = of_source(base);
    char text[64];
    lock(source->log);
    if (source->state == MEMBER_STABLE)
        buf_add(out, text, write_membership(source, text));
    unlock(source->log);
}

bool source_log_is_member(struct source_log *log, struct slice bytes)
{
    bool found = false;
    lock(log);
    for (struct memory_source *member = log->members; member; member = member->next) {
        char text[64];
        size_t size = write_membership(member, text);
        found = found || (holds_membership(member) && !member->evicted &&
                          slice_equal(bytes, (struct slice){text, size}));
    }
    unlock(log);
    return found;
}

void source_memory_rebalance(struct source *base, bool lost)
{
    struct memory_source *source = of_source(base);
    struct source_log *log = source->log;
    lock(log);
    if (source->state == MEMBER_ASSIGNED && lost) {
        source->state = MEMBER_OUT; /* it was never told, so there is nothing to take back */
    } else if (source->state == MEMBER_STABLE) {
        source->evicted = source->evicted || lost;
    }
    log->rebalancing = true;
    begin_generation(log);
    unlock_changed(log);
}

/* --- The source ------------------------------------------------------------------------------- */

static struct source_partition *find_own(struct memory_source *source, struct topic_partition of)
{
    for (size_t i = 0; i < source->partition_count; i++) {
        if (topic_partition_equal(source->partitions[i].of, of))
            return &source->partitions[i];
    }
    return NULL;
}

static enum err out_of_range(const struct source_partition *partition,
                             const struct log_partition *log, struct errinfo *info)
{
    return err_set(info, ERR_FATAL,
                   "%s partition %" PRId32 ": offset %" PRId64
                   " is outside the log, which has %" PRId64 " to %" PRId64,
                   partition->of.topic, partition->of.partition, partition->next, log->first,
                   log->end);
}

static void collect_messages(struct memory_source *source, struct source_partition *partition,
                             const struct log_partition *log, struct source_batch *batch)
{
    while (partition->next < log->end && batch->message_count < source->message_max) {
        struct record *record = log->records[partition->next];
        if (record)
            source->messages[batch->message_count++] =
                to_message(partition->of, partition->next, record);
        partition->next++;
    }
    if (partition->next == log->end && partition->end_reported != log->end) {
        partition->end_reported = log->end;
        source->ends[batch->end_count++] = (struct source_end){partition->of, log->end};
    }
}

/* Under the lock; records stay where they are when it is gone. */
static enum err collect(struct memory_source *source, struct source_batch *batch,
                        struct errinfo *info)
{
    *batch = (struct source_batch){.messages = source->messages, .ends = source->ends};
    for (size_t i = 0; i < source->partition_count; i++) {
        size_t index = (source->first_partition + i) % source->partition_count;
        struct source_partition *partition = &source->partitions[index];
        if (!partition->running)
            continue;
        const struct log_partition *log = get_partition(source->log, partition->of);
        if (partition->next < log->first || partition->next > log->end)
            return out_of_range(partition, log, info);
        collect_messages(source, partition, log, batch);
    }
    source->first_partition++;
    return ERR_NONE;
}

static void wait_for_change(struct source_log *log, int timeout_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    int rc = pthread_cond_timedwait(&log->changed, &log->lock, &until);
    CHECK(rc == 0 || rc == ETIMEDOUT);
}

static enum err poll_log(struct source *base, int timeout_ms, struct source_batch *batch,
                         struct errinfo *info)
{
    struct memory_source *source = of_source(base);
    serve_group(source);
    lock(source->log);
    enum err rc = collect(source, batch, info);
    if (rc == ERR_NONE && batch->message_count + batch->end_count == 0 && timeout_ms > 0) {
        wait_for_change(source->log, timeout_ms);
        rc = collect(source, batch, info);
    }
    unlock(source->log);
    return rc;
}

static struct slice traceparent(struct source *base, const struct source_message *message)
{
    (void)base;
    return ((const struct record *)message->handle)->traceparent;
}

static enum err not_assigned(struct topic_partition of, struct errinfo *info)
{
    return err_set(info, ERR_FENCED, "%s partition %" PRId32 " is not assigned to this source",
                   of.topic, of.partition);
}

static enum err pause_partition(struct source *base, struct topic_partition of,
                                struct errinfo *info)
{
    struct source_partition *partition = find_own(of_source(base), of);
    if (!partition)
        return not_assigned(of, info);
    partition->running = false;
    return ERR_NONE;
}

static bool is_assigned(struct memory_source *source, const struct source_partition *partition)
{
    lock(source->log);
    bool assigned = partition && partition->owned && source->state == MEMBER_STABLE;
    unlock(source->log);
    return assigned;
}

static enum err resume_partition(struct source *base, struct topic_partition of, int64_t offset,
                                 struct errinfo *info)
{
    struct memory_source *source = of_source(base);
    struct source_partition *partition = find_own(source, of);
    if (!is_assigned(source, partition))
        return not_assigned(of, info);
    partition->running = true;
    partition->next = offset;
    partition->end_reported = -1;
    return ERR_NONE;
}

static enum err unknown(struct topic_partition of, struct errinfo *info)
{
    return err_set(info, ERR_FATAL, "topic %s has no partition %" PRId32, of.topic, of.partition);
}

static enum err committed(struct source *base, struct source_committed *partitions, size_t count,
                          struct errinfo *info)
{
    struct source_log *log = of_source(base)->log;
    enum err rc = ERR_NONE;
    lock(log);
    for (size_t i = 0; i < count && rc == ERR_NONE; i++) {
        const struct log_partition *partition = find_partition(log, partitions[i].of);
        if (!partition) {
            rc = unknown(partitions[i].of, info);
            continue;
        }
        partitions[i].offset = partition->committed;
        memcpy(partitions[i].metadata, partition->metadata, sizeof(partition->metadata));
    }
    unlock(log);
    return rc;
}

static enum err bounds(struct source *base, struct topic_partition of, int64_t *first, int64_t *end,
                       struct errinfo *info)
{
    struct source_log *log = of_source(base)->log;
    lock(log);
    const struct log_partition *partition = find_partition(log, of);
    if (partition) {
        *first = partition->first;
        *end = partition->end;
    }
    unlock(log);
    return partition ? ERR_NONE : unknown(of, info);
}

static enum err partition_count(struct source *base, const char *name, int32_t *count,
                                struct errinfo *info)
{
    struct source_log *log = of_source(base)->log;
    lock(log);
    const struct log_topic *topic = find_topic(log, name);
    if (topic)
        *count = topic->partition_count;
    unlock(log);
    return topic ? ERR_NONE : err_set(info, ERR_FATAL, "there is no topic %s", name);
}

static enum err read_log(struct source *base, struct topic_partition of, void *self,
                         void (*each)(void *self, int64_t offset, struct slice value),
                         struct errinfo *info)
{
    struct source_log *log = of_source(base)->log;
    int64_t first = 0;
    int64_t end = 0;
    enum err rc = bounds(base, of, &first, &end, info);
    if (rc != ERR_NONE)
        return rc;
    for (int64_t offset = first; offset < end; offset++) {
        struct source_message message;
        if (source_log_get(log, of, offset, &message))
            each(self, offset, message.value);
    }
    return ERR_NONE;
}

static void leave(struct memory_source *source)
{
    struct source_log *log = source->log;
    lock(log);
    struct memory_source **link = &log->members;
    while (*link != source)
        link = &(*link)->next;
    *link = source->next;
    begin_generation(log);
    unlock_changed(log);
}

static void close_source(struct source *base)
{
    struct memory_source *source = of_source(base);
    lock(source->log);
    bool was_told = source->state == MEMBER_STABLE;
    bool lost = source->evicted;
    unlock(source->log);
    if (was_told)
        tell_revoked(source, lost);
    leave(source);
    free(source->partitions);
    free(source->messages);
    free(source->ends);
    free(source);
}

static const struct source_ops memory_ops = {
    .poll = poll_log,
    .traceparent = traceparent,
    .pause = pause_partition,
    .resume = resume_partition,
    .committed = committed,
    .bounds = bounds,
    .partition_count = partition_count,
    .membership = membership,
    .read_log = read_log,
    .close = close_source,
};

static void enter(struct memory_source *source)
{
    struct source_log *log = source->log;
    lock(log);
    struct memory_source **link = &log->members;
    while (*link)
        link = &(*link)->next;
    *link = source;
    source->id = ++log->member_last;
    for (size_t i = 0; i < source->partition_count; i++) {
        struct topic_partition *of = &source->partitions[i].of;
        get_partition(log, *of);
        of->topic = find_topic(log, of->topic)->name;
    }
    unlock(log);
}

struct source *source_memory_open(struct source_log *log, const struct topic_partition *partitions,
                                  size_t count, const struct source_listener *listener)
{
    struct memory_source *source = allocate(1, sizeof(*source));
    source->base.ops = &memory_ops;
    source->log = log;
    source->listener = listener;
    source->partitions = allocate(count, sizeof(*source->partitions));
    source->partition_count = count;
    for (size_t i = 0; i < count; i++)
        source->partitions[i].of = partitions[i];
    source->messages = allocate(SOURCE_BATCH_MAX, sizeof(*source->messages));
    source->message_max = SOURCE_BATCH_MAX;
    source->ends = allocate(count, sizeof(*source->ends));
    enter(source);
    return &source->base;
}

void source_memory_set_batch(struct source *base, size_t message_count)
{
    CHECK(message_count >= 1 && message_count <= SOURCE_BATCH_MAX);
    of_source(base)->message_max = message_count;
}
