#include "producer/sink_memory.h"

#include <stdlib.h>

#include "core/arena.h"
#include "core/check.h"

/*
 *   UNSETTLED --settle--> READY --begin--> OPEN --commit--> READY
 *       ^                                   |
 *       +---------- any error --------------+
 */
enum sink_state { SINK_UNSETTLED, SINK_READY, SINK_OPEN };

struct sink_memory {
    struct sink base;
    struct sink_memory_receiver receiver;
    enum sink_state state;
    struct arena arena; /* all that the open transaction holds, but for the values */
    struct sink_record *records;
    size_t record_count, record_capacity;
    struct sink_offset *offsets; /* in the arena */
    size_t offset_count;
};

static struct sink_memory *of_sink(struct sink *sink)
{
    return (struct sink_memory *)sink;
}

static void forget(struct sink_memory *sink, enum sink_state state)
{
    arena_reset(&sink->arena);
    sink->record_count = 0;
    sink->offset_count = 0;
    sink->state = state;
}

static enum err unsettled(struct errinfo *info)
{
    return err_set(info, ERR_FENCED, "no transaction is open: settle and begin");
}

static enum err settle(struct sink *base, struct errinfo *info)
{
    struct sink_memory *sink = of_sink(base);
    (void)info;
    forget(sink, SINK_READY);
    if (sink->receiver.settled)
        sink->receiver.settled(sink->receiver.self);
    return ERR_NONE;
}

static enum err begin(struct sink *base, struct errinfo *info)
{
    struct sink_memory *sink = of_sink(base);
    if (sink->state != SINK_READY)
        return err_set(info, ERR_FENCED, "an earlier transaction is not settled");
    sink->state = SINK_OPEN;
    return ERR_NONE;
}

static struct slice copy(struct arena *arena, struct slice bytes)
{
    if (bytes.size == 0)
        return (struct slice){bytes.data ? "" : NULL, 0};
    return arena_copy(arena, bytes);
}

static const char *copy_text(struct arena *arena, const char *text)
{
    return arena_copy(arena, (struct slice){text, strlen(text) + 1}).data;
}

static struct sink_record *add_record(struct sink_memory *sink)
{
    if (sink->record_count == sink->record_capacity) {
        sink->record_capacity = sink->record_capacity ? sink->record_capacity * 2 : 64;
        sink->records = realloc(sink->records, sink->record_capacity * sizeof(*sink->records));
        CHECK(sink->records != NULL);
    }
    return &sink->records[sink->record_count++];
}

static enum err produce(struct sink *base, const struct sink_record *record, struct errinfo *info)
{
    struct sink_memory *sink = of_sink(base);
    if (sink->state != SINK_OPEN)
        return unsettled(info);
    CHECK(record->header_count <= SINK_HEADERS_MAX);
    struct sink_record *kept = add_record(sink);
    *kept = *record;
    kept->topic = copy_text(&sink->arena, record->topic);
    kept->key = copy(&sink->arena, record->key);
    for (size_t i = 0; i < record->header_count; i++) {
        kept->headers[i].name = copy_text(&sink->arena, record->headers[i].name);
        kept->headers[i].value = copy(&sink->arena, record->headers[i].value);
    }
    return ERR_NONE;
}

static enum err offsets(struct sink *base, const struct sink_offset *given, size_t count,
                        struct slice membership, struct errinfo *info)
{
    struct sink_memory *sink = of_sink(base);
    const struct sink_memory_receiver *receiver = &sink->receiver;
    if (sink->state != SINK_OPEN)
        return unsettled(info);
    if (receiver->membership && !receiver->membership(receiver->self, membership)) {
        forget(sink, SINK_UNSETTLED);
        return err_set(info, ERR_FENCED, "the group does not know this membership any more");
    }
    struct sink_offset *kept = arena_alloc(&sink->arena, (count + 1) * sizeof(*kept));
    for (size_t i = 0; i < count; i++) {
        kept[i] = given[i];
        kept[i].of.topic = copy_text(&sink->arena, given[i].of.topic);
        kept[i].metadata = copy_text(&sink->arena, given[i].metadata);
    }
    sink->offsets = kept;
    sink->offset_count = count;
    return ERR_NONE;
}

static void hand_over(struct sink_memory *sink)
{
    const struct sink_memory_receiver *receiver = &sink->receiver;
    for (size_t i = 0; i < sink->record_count; i++)
        receiver->record(receiver->self, &sink->records[i]);
    for (size_t i = 0; i < sink->offset_count; i++)
        receiver->offset(receiver->self, &sink->offsets[i]);
}

static enum err commit(struct sink *base, struct errinfo *info)
{
    struct sink_memory *sink = of_sink(base);
    const struct sink_memory_receiver *receiver = &sink->receiver;
    if (sink->state != SINK_OPEN)
        return unsettled(info);
    enum err rc = receiver->commit ? receiver->commit(receiver->self, info) : ERR_NONE;
    if (rc != ERR_NONE) {
        forget(sink, SINK_UNSETTLED);
        return rc;
    }
    hand_over(sink);
    forget(sink, SINK_READY);
    return ERR_NONE;
}

static void drop(struct sink *base)
{
    struct sink_memory *sink = of_sink(base);
    if (sink->state == SINK_OPEN)
        forget(sink, SINK_UNSETTLED);
}

static void close_sink(struct sink *base)
{
    struct sink_memory *sink = of_sink(base);
    arena_fini(&sink->arena);
    free(sink->records);
    free(sink);
}

static const struct sink_ops memory_ops = {
    .settle = settle,
    .begin = begin,
    .produce = produce,
    .offsets = offsets,
    .commit = commit,
    .drop = drop,
    .close = close_sink,
};

struct sink *sink_memory_open(const struct sink_memory_receiver *receiver)
{
    struct sink_memory *sink = calloc(1, sizeof(*sink));
    CHECK(sink != NULL);
    sink->base.ops = &memory_ops;
    sink->receiver = *receiver;
    arena_init(&sink->arena);
    return &sink->base;
}
