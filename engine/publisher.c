#include "engine/publisher.h"

#include <string.h>
#include <time.h>

#include "core/check.h"
#include "core/log.h"

#define BACK_OFF_MIN_MS 50
#define BACK_OFF_MAX_MS 2000

static bool is_off(struct publisher *publisher)
{
    return publisher->broken || atomic_load(&publisher->abandoned) ||
           atomic_load(&publisher->stopping);
}

static void pause_ms(int ms)
{
    struct timespec time = {ms / 1000, (long)(ms % 1000) * 1000000};
    nanosleep(&time, NULL);
}

/* A growing pause with jitter, *back_off_ms the last one; 0: the first. */
static int next_pause_ms(const struct publisher *publisher, int *back_off_ms)
{
    *back_off_ms = *back_off_ms ? *back_off_ms * 2 : BACK_OFF_MIN_MS;
    if (*back_off_ms > BACK_OFF_MAX_MS)
        *back_off_ms = BACK_OFF_MAX_MS;
    int64_t noise = clock_monotonic_ms(&publisher->options.clock) % (*back_off_ms / 2 + 1);
    return *back_off_ms / 2 + (int)noise;
}

static enum err produce(struct publisher *publisher, const struct epoch_output *output,
                        struct errinfo *info)
{
    struct sink_record record = {
        .topic = output->topic,
        .partition = output->partition,
        .key = output->key,
        .value = output->value,
        .header_count = output->header_count,
    };
    memcpy(record.headers, output->headers, output->header_count * sizeof *output->headers);
    enum err rc;
    do
        rc = sink_produce(publisher->options.sink, &record, info);
    while (rc == ERR_AGAIN && !is_off(publisher));
    return rc == ERR_REJECT
               ? ERR_FATAL
               : rc; /* it would be refused the next time too, and must not be skipped */
}

/*
 * The membership under which the partitions were assigned must still be the consumer's, and be one.
 */
static enum err check_membership(struct publisher *publisher, const struct epoch *epoch,
                                 struct errinfo *info)
{
    buf_reset(&publisher->membership);
    source_membership(publisher->options.source, &publisher->membership);
    if (publisher->membership.size == 0)
        return err_set(info, ERR_FENCED, "the consumer is no member of its group at present");
    if (!slice_equal(buf_slice(&publisher->membership), buf_slice(&epoch->membership)))
        return err_set(info, ERR_FENCED,
                       "the membership under which the partitions were assigned is over");
    return ERR_NONE;
}

static enum err send_offsets(struct publisher *publisher, struct epoch *epoch, struct errinfo *info)
{
    struct sink_offset *offsets = arena_alloc(&epoch->arena, epoch->offset_count * sizeof *offsets);
    for (size_t i = 0; i < epoch->offset_count; i++)
        offsets[i] = (struct sink_offset){epoch->offsets[i].of, epoch->offsets[i].offset,
                                          epoch->offsets[i].metadata};
    enum err rc = check_membership(publisher, epoch, info);
    if (rc != ERR_NONE)
        return rc;
    return sink_offsets(publisher->options.sink, offsets, epoch->offset_count,
                        buf_slice(&epoch->membership), info);
}

static enum err send_transaction(struct publisher *publisher, struct epoch *epoch)
{
    struct errinfo *info = &epoch->info;
    enum err rc = sink_begin(publisher->options.sink, info);
    for (size_t i = 0; i < epoch->output_count && rc == ERR_NONE; i++)
        rc = produce(publisher, &epoch->outputs[i], info);
    if (rc == ERR_NONE)
        rc = send_offsets(publisher, epoch, info);
    if (rc == ERR_NONE)
        rc = sink_commit(publisher->options.sink, info);
    if (rc != ERR_NONE)
        sink_drop(
            publisher->options.sink); /* the epoch goes back, with the values that it has lent */
    return rc;
}

/* ERR_RETRY: Redis is away; those that have landed are not saved again. */
static enum err save_checkpoints(struct publisher *publisher, struct epoch *epoch)
{
    for (size_t i = 0; i < epoch->checkpoint_count; i++) {
        const struct checkpoint *next =
            i + 1 < epoch->checkpoint_count ? &epoch->checkpoints[i + 1].checkpoint : NULL;
        if (epoch->checkpoints[i].landed)
            continue;
        enum err rc = store_save(publisher->options.store, &epoch->checkpoints[i].checkpoint, next,
                                 &epoch->info);
        if (rc != ERR_NONE)
            return rc;
        epoch->checkpoints[i].landed = true;
    }
    return ERR_NONE;
}

/* ERR_RETRY: it is committed, and its checkpoints have to wait. */
static enum err publish(struct publisher *publisher, struct epoch *epoch)
{
    enum err rc = ERR_NONE;
    if (is_off(publisher))
        return err_set(&epoch->info, ERR_FENCED, "discarded after a doubt");
    if (epoch->offset_count > 0)
        rc = send_transaction(publisher, epoch);
    if (rc != ERR_NONE)
        return rc == ERR_RETRY ? ERR_FENCED : rc;
    epoch->committed = true;
    if (publisher_waits(publisher) > 0 && epoch->checkpoint_count > 0)
        return ERR_RETRY;
    return save_checkpoints(publisher, epoch);
}

static enum err settle(struct publisher *publisher, struct epoch *epoch)
{
    int back_off_ms = 0;
    enum err rc;
    while ((rc = sink_settle(publisher->options.sink, &epoch->info)) == ERR_RETRY &&
           !atomic_load(&publisher->stopping)) {
        if (back_off_ms == 0)
            log_warn("publisher.waiting", "for=kafka reason=%s", log_quote(epoch->info.text).text);
        pause_ms(next_pause_ms(publisher, &back_off_ms));
    }
    if (back_off_ms && rc == ERR_NONE)
        log_info("publisher.resumed", "with=kafka");
    return rc;
}

/* Anything but success and a final error is a doubt. */
static enum err outcome(enum err rc)
{
    return rc == ERR_NONE || rc == ERR_FATAL || rc == ERR_CONFIG ? rc : ERR_FENCED;
}

static void give_back(struct publisher *publisher, struct epoch *epoch, enum err rc)
{
    epoch->outcome = outcome(rc);
    publisher->broken = publisher->broken || epoch->outcome != ERR_NONE;
    CHECK(ring_push(&publisher->done, epoch));
}

/* ---- those that wait for Redis ---- */

unsigned publisher_waits(const struct publisher *publisher)
{
    return atomic_load(&publisher->waiting_count);
}

/* `tried_ms`: how long Redis was waited for. Where it hangs, transactions have half of the time at least. */
static void set_retry(struct publisher *publisher, int64_t tried_ms)
{
    int64_t pause_ms = next_pause_ms(publisher, &publisher->back_off_ms);
    publisher->retry_ms =
        clock_monotonic_ms(&publisher->options.clock) + (pause_ms > tried_ms ? pause_ms : tried_ms);
}

static void put_aside(struct publisher *publisher, struct epoch *epoch)
{
    unsigned count = publisher_waits(publisher);
    CHECK(count < PUBLISHER_QUEUE_MAX);
    if (count == 0) {
        log_warn("publisher.waiting", "for=redis reason=%s", log_quote(epoch->info.text).text);
        publisher->back_off_ms = 0;
        set_retry(publisher, 0);
    }
    publisher->waiting[count] = epoch;
    atomic_store(&publisher->waiting_count, count + 1);
}

static struct epoch *take_first(struct publisher *publisher)
{
    struct epoch *first = publisher->waiting[0];
    unsigned count = publisher_waits(publisher) - 1;
    memmove(publisher->waiting, publisher->waiting + 1, count * sizeof(struct epoch *));
    atomic_store(&publisher->waiting_count, count);
    return first;
}

static void discard_waiting(struct publisher *publisher)
{
    while (publisher_waits(publisher) > 0) {
        struct epoch *epoch = take_first(publisher);
        give_back(publisher, epoch,
                  err_set(&epoch->info, ERR_FENCED, "discarded while Redis was away"));
    }
}

/* Checkpoints are repeated in order, never skipped. */
static void retry_waiting(struct publisher *publisher)
{
    if (is_off(publisher))
        discard_waiting(publisher);
    while (publisher_waits(publisher) > 0 &&
           clock_monotonic_ms(&publisher->options.clock) >= publisher->retry_ms) {
        int64_t began_ms = clock_monotonic_ms(&publisher->options.clock);
        enum err rc = save_checkpoints(publisher, publisher->waiting[0]);
        if (rc == ERR_RETRY) {
            set_retry(publisher, clock_monotonic_ms(&publisher->options.clock) - began_ms);
            return;
        }
        give_back(publisher, take_first(publisher), rc);
        if (rc != ERR_NONE)
            discard_waiting(publisher); /* what follows is a doubt too */
        else if (publisher_waits(publisher) == 0)
            log_info("publisher.resumed", "with=redis");
    }
}

/* ---- one at a time ---- */

static void do_settle(struct publisher *publisher, struct epoch *epoch)
{
    epoch->outcome = outcome(settle(publisher, epoch));
    publisher->broken = epoch->outcome != ERR_NONE;
    if (!publisher->broken)
        atomic_store(&publisher->abandoned, false);
    CHECK(ring_push(&publisher->done, epoch));
}

bool publisher_step(struct publisher *publisher, int timeout_ms)
{
    retry_waiting(publisher);
    if (publisher_waits(publisher) > 0 && timeout_ms > BACK_OFF_MIN_MS)
        timeout_ms = BACK_OFF_MIN_MS;
    struct epoch *epoch = ring_pop(&publisher->todo, timeout_ms);
    if (!epoch)
        return false;
    if (epoch->kind == EPOCH_SETTLE) {
        do_settle(publisher, epoch);
        return true;
    }
    enum err rc = publish(publisher, epoch);
    if (rc == ERR_RETRY)
        put_aside(publisher, epoch);
    else
        give_back(publisher, epoch, rc);
    return true;
}

static void *run(void *self)
{
    struct publisher *publisher = self;
    while (!atomic_load(&publisher->stopping))
        publisher_step(publisher, 100);
    while (publisher_step(publisher, 0))
        ; /* sent back unsent, as are those that wait */
    return NULL;
}

void publisher_init(struct publisher *publisher, const struct publisher_options *options)
{
    *publisher = (struct publisher){.options = *options};
    ring_init(&publisher->todo, PUBLISHER_QUEUE_MAX);
    ring_init(&publisher->done, RING_CAPACITY);
    buf_init(&publisher->membership);
}

void publisher_start(struct publisher *publisher)
{
    CHECK(pthread_create(&publisher->thread, NULL, run, publisher) == 0);
    publisher->has_thread = true;
}

/* Where it is stepped: what the thread would do at its end. */
static void send_back(struct publisher *publisher)
{
    struct epoch *epoch;
    discard_waiting(publisher);
    while ((epoch = ring_pop(&publisher->todo, 0)))
        give_back(publisher, epoch, err_set(&epoch->info, ERR_FENCED, "discarded at the end"));
}

void publisher_stop(struct publisher *publisher)
{
    atomic_store(&publisher->stopping, true);
    ring_close(&publisher->todo);
    if (publisher->has_thread)
        pthread_join(publisher->thread, NULL);
    else
        send_back(publisher);
    publisher->has_thread = false;
}

void publisher_fini(struct publisher *publisher)
{
    buf_fini(&publisher->membership);
    ring_fini(&publisher->todo);
    ring_fini(&publisher->done);
}

bool publisher_push(struct publisher *publisher, struct epoch *epoch)
{
    return ring_push(&publisher->todo, epoch);
}

struct epoch *publisher_pop(struct publisher *publisher, int timeout_ms)
{
    return ring_pop(&publisher->done, timeout_ms);
}

void publisher_abandon(struct publisher *publisher)
{
    atomic_store(&publisher->abandoned, true);
}
