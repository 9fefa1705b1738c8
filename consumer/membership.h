/*
 * consumer/membership.h - who a Kafka consumer is in its group at present, as bytes that can be
 * compared.
 *
 * librdkafka's bytes stand for group, generation, member and instance; the producer gives them back
 * to it with the offsets. A consumer that is in no generation, or has been thrown out, has bytes
 * too, and brokers take offsets under the former without any check (docs/librdkafka-notes.md):
 * these are recognised here, and none are given.
 *
 * Private to consumer/: librdkafka's types are in it.
 */
#ifndef CONSUMER_MEMBERSHIP_H
#define CONSUMER_MEMBERSHIP_H

#include <stdbool.h>

#include <librdkafka/rdkafka.h>

#include "core/buf.h"

/*
 * Whether this version of librdkafka writes the bytes as we know them. Asked once, before the
 * others are used.
 */
bool membership_form_is_known(void);

/*
 * Appends the bytes; nothing where there is no membership. Any thread; asks librdkafka's main
 * thread (tens of microseconds).
 */
void membership_add(rd_kafka_t *consumer, struct buf *out);

/* The same of metadata made by hand, for tests. */
void membership_add_metadata(const rd_kafka_consumer_group_metadata_t *metadata, struct buf *out);
#endif
