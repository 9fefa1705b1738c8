#include "engine/partition.h"

#include <stdlib.h>

#include "core/check.h"
#include "core/datetime.h"
#include "engine/sweep.h"

static void *grow(void *items, size_t *capacity, size_t size)
{
    *capacity = *capacity ? *capacity * 2 : 256;
    void *grown = realloc(items, *capacity * size);
    CHECK(grown);
    return grown;
}

void partition_init(struct partition *partition, struct topic_partition id,
                    const struct partition_setting *setting)
{
    const struct rules *rules = setting->rules;
    uint32_t machines = rules_layout(rules)->machine_count;

    *partition = (struct partition){
        .id = id,
        .setting = setting,
        .table = table_new(rules_layout(rules)),
        .watermark_ms = PARTITION_NO_TIME,
        .cold_until_ms = INT64_MAX,
    };
    timers_init(&partition->timers, rules_layout(rules));
    partition->stats.states = calloc(rules_stats_state(rules, machines, 0) + 1, sizeof(int64_t));
    partition->stats.transitions =
        calloc(rules_stats_transition(rules, machines, 0, 0) + 1, sizeof(int64_t));
    CHECK(partition->stats.states && partition->stats.transitions);
}

void partition_fini(struct partition *partition)
{
    timers_fini(&partition->timers);
    table_free(partition->table);
    free(partition->stats.states);
    free(partition->stats.transitions);
    free(partition->dirty);
    free(partition->busy);
    free(partition->left);
}

void partition_mark_dirty(struct partition *partition, struct customer *customer)
{
    if (customer->flags & CUSTOMER_DIRTY)
        return;
    if (partition->dirty_count == partition->dirty_capacity)
        partition->dirty =
            grow(partition->dirty, &partition->dirty_capacity, sizeof *partition->dirty);
    partition->dirty[partition->dirty_count++] = customer;
    customer->flags |= CUSTOMER_DIRTY;
}

void partition_add_loaded(struct partition *partition, struct customer *customer,
                          int64_t stored_deadline_ms)
{
    customer->deadline_ms = rules_deadline(partition->setting->rules, customer);
    customer->stored_deadline_ms = stored_deadline_ms;
    table_add(partition->table, customer);
    timers_set(&partition->timers, customer, customer->deadline_ms);
}

struct rules_context partition_context(struct partition *partition)
{
    const struct partition_setting *setting = partition->setting;
    return (struct rules_context){
        .rules = setting->rules,
        .schema = setting->schema,
        .arena = setting->scratch,
        .signals = setting->signals,
        .stats = &partition->stats,
        .counters = setting->rules_counters,
    };
}

enum err partition_emit(struct partition *partition, const struct partition_cause *cause,
                        uint32_t *rank)
{
    struct signal_list *signals = partition->setting->signals;
    const struct partition_host *host = partition->setting->host;
    enum err rc = ERR_NONE;

    for (size_t i = 0; i < signals->count && rc == ERR_NONE; i++) {
        struct partition_cause of = *cause;
        if (signals->items[i].is_timer)
            of.message = NULL;
        else
            signals->items[i].rank = (*rank)++;
        rc = host->signal(host->self, partition, &signals->items[i], &of);
    }
    partition->counters.signals += signals->count;
    signal_list_reset(signals);
    if (partition->setting->scratch->total_size)
        arena_reset(partition->setting->scratch);
    return rc;
}

void partition_changed(struct partition *partition, struct customer *customer,
                       int64_t deadline_before_ms)
{
    partition_mark_dirty(partition, customer);
    if (customer->flags & CUSTOMER_GONE) {
        timers_remove(&partition->timers, customer);
        partition->customers--;
        partition->gone++;
    } else if (customer->timer_index == UINT32_MAX || customer->deadline_ms < deadline_before_ms) {
        timers_lower(&partition->timers, customer, customer->deadline_ms);
    } /* else its entry, a lower bound, stands: a look at it would be a cache miss */
}

static bool is_there(const struct customer *customer)
{
    return customer && !(customer->flags & CUSTOMER_GONE);
}

/* 5.6: nothing may pull the watermark far ahead of the log's own time. */
static void bound_future(struct partition *partition, struct event *event,
                         const struct source_message *message)
{
    if (message->time_ms == EVENT_NO_TIME || partition->setting->future_ms == INT64_MAX)
        return;
    if (event->time_ms <= message->time_ms + partition->setting->future_ms)
        return;
    event->time_ms = message->time_ms;
    partition->counters.future++;
}

static void begin(struct partition *partition, struct rules_context *context,
                  struct customer *customer)
{
    partition->customers++;
    rules_begin(context, customer);
}

static struct customer *record_for(struct partition *partition, struct rules_context *context,
                                   struct customer *customer, const struct event *event)
{
    const struct layout *layout = rules_layout(partition->setting->rules);

    if (is_there(customer))
        return customer;
    if (slice_is(event->name, "customer_forgotten"))
        return NULL; /* nobody is here to be forgotten */
    if (customer) {
        customer_restart(layout, customer, event->time_ms);
        customer->flags &= (uint8_t)~CUSTOMER_GONE;
        partition->gone--;
    } else {
        customer = customer_new(layout, event->customer, event->time_ms);
        table_add(partition->table, customer);
    }
    begin(partition, context, customer);
    return customer;
}

/* Of the event; NULL in `*customer`: there is no record. Not for long: a sweep may take it from memory. */
static enum err find(struct partition *partition, const struct event *event, uint64_t hash,
                     struct customer **customer, struct errinfo *info)
{
    const struct partition_host *host = partition->setting->host;

    *customer = table_find(partition->table, event->customer, hash);
    if (*customer || !partition->has_evicted || !host->load_customer)
        return ERR_NONE;
    enum err rc = host->load_customer(host->self, partition, event->customer, info);
    *customer = table_find(partition->table, event->customer, hash);
    return rc;
}

enum err partition_apply(struct partition *partition, struct event *event, uint64_t hash,
                         const struct source_message *message, uint32_t *rank, struct errinfo *info)
{
    const struct partition_setting *setting = partition->setting;
    struct customer *customer;
    enum err rc = find(partition, event, hash, &customer, info);

    if (rc != ERR_NONE)
        return rc;
    bound_future(partition, event, message);
    if (is_there(customer) && event->has_id && customer_id_known(customer, event->id_hash)) {
        partition->counters.duplicates++;
        return ERR_NONE;
    }
    int64_t watermark_ms = event->time_ms - setting->lateness_ms;
    if (partition->watermark_ms == PARTITION_NO_TIME || watermark_ms > partition->watermark_ms) {
        bool is_swept = partition_is_new_second(partition, watermark_ms);
        rc = is_swept ? partition_sweep(partition, watermark_ms, info) : ERR_NONE;
        if (rc != ERR_NONE)
            return rc;
        partition->watermark_ms = watermark_ms;
        partition->skew_ms =
            message->time_ms == EVENT_NO_TIME ? 0 : message->time_ms - event->time_ms;
        if (is_swept) /* timers have fired, and an epoch may have ended */
            rc = find(partition, event, hash, &customer, info);
        if (rc != ERR_NONE)
            return rc;
    }
    struct rules_context context = partition_context(partition);
    customer = record_for(partition, &context, customer, event);
    if (customer) {
        if (event->has_id)
            customer_add_id(customer, event->id_hash);
        int64_t deadline_before_ms = customer->deadline_ms;
        rules_step_event(&context, customer, event);
        partition_changed(partition, customer, deadline_before_ms);
        partition->counters.late += event->late;
    }
    partition->counters.events++;
    struct partition_cause cause = {message->offset, message};
    return partition_emit(partition, &cause, rank);
}

int64_t partition_exact_deadline(struct partition *partition, struct customer *customer)
{
    customer->deadline_ms = rules_deadline(partition->setting->rules, customer);
    return customer->deadline_ms;
}

int64_t partition_next_deadline(struct partition *partition, int64_t before_ms)
{
    struct customer *customer;
    while ((customer = timers_due(&partition->timers, before_ms))) {
        if (partition_exact_deadline(partition, customer) < before_ms)
            return customer->deadline_ms;
        timers_set(&partition->timers, customer, customer->deadline_ms);
    }
    return CUSTOMER_NEVER;
}
