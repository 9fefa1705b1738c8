#include "producer/outflow.h"

/* A flush that ends before the broker's thread has woken up is not seen by it: the next one is. */
#define FLUSH_MS 2
#define LOOK_MS  1   /* between two looks at full batches */
#define FULL_MS  20  /* without an answer: sizes vary so much that no batch is full */
#define STALL_MS 500 /* without an answer: the broker's */

void outflow_add(struct outflow *outflow, size_t size)
{
    outflow->count++;
    outflow->size += size;
}

size_t outflow_rest(const struct outflow *outflow, size_t batch_size)
{
    size_t of_a_batch;

    if (outflow->size == 0)
        return outflow->count;
    of_a_batch = (size_t)((double)batch_size / (double)outflow->size * (double)outflow->count);
    if (of_a_batch >= outflow->count / (size_t)outflow->partitions)
        return outflow->count;
    return of_a_batch * (size_t)outflow->partitions;
}

void outflow_await(rd_kafka_t *rk, size_t rest, const struct clock *clock)
{
    size_t left = (size_t)rd_kafka_outq_len(rk);
    int64_t since_ms = clock_monotonic_ms(clock), idle_ms = 0;

    while (left > 0 && idle_ms < STALL_MS) {
        size_t before = left;

        if (left > rest && idle_ms < FULL_MS)
            rd_kafka_poll(rk, LOOK_MS);
        else
            rd_kafka_flush(rk, FLUSH_MS);
        left = (size_t)rd_kafka_outq_len(rk);
        if (left != before)
            since_ms = clock_monotonic_ms(clock);
        idle_ms = clock_monotonic_ms(clock) - since_ms;
    }
}
