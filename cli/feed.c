#include "cli/feed.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "cli/cli.h"
#include "core/datetime.h"

#define CONNECT_TIMEOUT_MS 5000
#define CREATION_TRIES     10 /* brokers that create topics need a moment for one */
#define RETRY_PAUSE_MS     500
#define FLUSH_SLICE_MS     200
#define FLUSH_LIMIT_MS     30000 /* after an interruption */
#define SLICE_NS           INT64_C(50000000)
#define SERVE_EVERY        1024

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void pause_ns(int64_t ns)
{
    struct timespec pause = {ns / 1000000000, ns % 1000000000};
    nanosleep(&pause, NULL);
}

/* ---- the beginning ---- */

static int say_no_topic(const struct feed *feed, const struct errinfo *info)
{
    fprintf(stderr,
            "stagecoach %s: %s: create it, with as many partitions as workers will ever share, and "
            "with retention.ms=-1 if its events are older than the broker keeps records\n",
            feed->command, info->text);
    return 1;
}

static int connect_to_topic(struct feed *feed)
{
    struct errinfo info = {""};
    bool has_said = false;
    for (int missing = 0; !cli_interrupted();) {
        enum err rc = feeder_connect(feed->feeder, CONNECT_TIMEOUT_MS, &info);
        if (rc == ERR_NONE)
            return 0;
        if (rc == ERR_REJECT && ++missing == CREATION_TRIES)
            return say_no_topic(feed, &info);
        if (rc == ERR_FATAL) {
            fprintf(stderr, "stagecoach %s: %s\n", feed->command, info.text);
            return 1;
        }
        if (rc == ERR_RETRY && !has_said)
            fprintf(stderr, "stagecoach %s: %s; trying again\n", feed->command, info.text);
        has_said |= rc == ERR_RETRY;
        pause_ns(INT64_C(1000000) * RETRY_PAUSE_MS);
    }
    return 1;
}

int feed_open(struct feed *feed, const char *command, const struct config *config)
{
    struct errinfo info = {""};
    feed->command = command;
    feed->topic = config->topics.items[0];
    feed->feeder = feeder_open(config, feed->topic, &info);
    if (!feed->feeder) {
        fprintf(stderr, "stagecoach %s: %s\n", command, info.text);
        return 2;
    }
    int code = connect_to_topic(feed);
    feed->started_ns = now_ns();
    if (code == 0)
        return 0;
    feeder_close(feed->feeder);
    feed->feeder = NULL;
    return code;
}

/* ---- on the way ---- */

/* False: interrupted. */
static bool wait_until(struct feed *feed, int64_t due_ns)
{
    for (;;) {
        int64_t left_ns = due_ns - now_ns();
        if (cli_interrupted())
            return false;
        if (left_ns <= 0)
            return true;
        pause_ns(left_ns < SLICE_NS ? left_ns : SLICE_NS);
        feeder_serve(feed->feeder, 0);
    }
}

static bool wait_for_turn(struct feed *feed, int64_t time_ms)
{
    if (feed->pacer.events_per_s > 0 || feed->pacer.speed > 0)
        return wait_until(feed, pacer_due_ns(&feed->pacer, time_ms, now_ns()));
    return !cli_interrupted();
}

static void note_sent(struct feed *feed, int64_t time_ms)
{
    if (feed->sent == 0 || time_ms < feed->first_ms)
        feed->first_ms = time_ms;
    if (feed->sent == 0 || time_ms > feed->last_ms)
        feed->last_ms = time_ms;
    if (++feed->sent % SERVE_EVERY != 0)
        return;
    feeder_serve(feed->feeder, 0);
    double seconds = (double)(now_ns() - feed->started_ns) / 1e9;
    char time[32];
    datetime_format_ms(feed->last_ms, time);
    cli_progress("%" PRIu64 " events, %.0f/s, event time %s", feed->sent,
                 (double)feed->sent / seconds, time);
}

bool feed_send(struct feed *feed, const struct feeder_record *record, const char *where)
{
    struct errinfo info = {""};
    if (!wait_for_turn(feed, record->time_ms))
        return false;
    for (;;) {
        enum err rc = feeder_send(feed->feeder, record, &info);
        if (rc == ERR_NONE) {
            note_sent(feed, record->time_ms);
            return true;
        }
        if (rc == ERR_REJECT) {
            feed->refused++;
            fprintf(stderr, "%s: %s\n", where, info.text);
            return true;
        }
        if (rc != ERR_AGAIN) {
            cli_progress_end();
            fprintf(stderr, "stagecoach %s: %s\n", feed->command, info.text);
            feed->refused++;
            return false;
        }
        if (cli_interrupted())
            return false;
        feeder_serve(feed->feeder, 10);
    }
}

/* ---- the end ---- */

/*
 * How many records were given up. Without an interruption Kafka's own message.timeout.ms is the
 * limit.
 */
static int flush(struct feed *feed)
{
    int left = 0;
    for (int waited_ms = 0; feeder_flush(feed->feeder, FLUSH_SLICE_MS, &left) != ERR_NONE;) {
        waited_ms += FLUSH_SLICE_MS;
        cli_progress("%d events on their way", left);
        if (cli_interrupted() && waited_ms >= FLUSH_LIMIT_MS)
            return left;
    }
    return 0;
}

static void say_total(const struct feed *feed, uint64_t delivered)
{
    char first[32], last[32];
    double seconds = (double)(now_ns() - feed->started_ns) / 1e9;
    fprintf(stderr, "%" PRIu64 " events into %s in %.1f s (%.0f/s)\n", delivered, feed->topic,
            seconds, (double)delivered / (seconds > 0 ? seconds : 1));
    if (feed->sent == 0)
        return;
    datetime_format_ms(feed->first_ms, first);
    datetime_format_ms(feed->last_ms, last);
    fprintf(stderr, "  event time %s to %s\n", first, last);
}

int feed_close(struct feed *feed)
{
    const char *why;
    uint64_t given_up = (uint64_t)flush(feed);
    uint64_t failures = feeder_failures(feed->feeder, &why);
    cli_progress_end();
    say_total(feed, feed->sent - failures - given_up);
    if (failures > 0)
        fprintf(stderr, "stagecoach %s: %" PRIu64 " events were not delivered: %s\n", feed->command,
                failures, why);
    if (given_up > 0)
        fprintf(stderr,
                "stagecoach %s: %" PRIu64 " events were still on their way and may be lost\n",
                feed->command, given_up);
    feeder_close(feed->feeder);
    feed->feeder = NULL;
    return failures + given_up + feed->refused > 0 ? 1 : 0;
}
