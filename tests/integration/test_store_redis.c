#include "tests/support/store_contract.h"

#include <time.h>

#include <hiredis/hiredis.h>

#include "tests/support/cluster.h"

/* What the tests share; those that stop, freeze or limit a server start their own. */
static struct cluster_redis *shared;

static const char *socket_url(const struct cluster_redis *redis, const char *options)
{
    static char url[256];
    snprintf(url, sizeof(url), "unix://%s%s", cluster_redis_socket(redis), options);
    return url;
}

static struct store *open_at(const char *url)
{
    struct store *store = store_redis_open(url, "stagecoach", "shop", &contract_info);
    if (!store)
        print_error("%s\n", contract_info.text);
    assert_non_null(store);
    return store;
}

/* One by TCP, one by the socket, in turn. */
static struct store *contract_open(void)
{
    static int count;
    return open_at(count++ % 2 ? cluster_redis_url(shared) : socket_url(shared, ""));
}

static int start_shared(void **state)
{
    (void)state;
    shared = cluster_redis_start(NULL);
    return 0;
}

static int stop_shared(void **state)
{
    (void)state;
    cluster_redis_free(shared);
    return 0;
}

/* A server of the test's own, in place of the shared one, and a store on it. */
static struct cluster_redis *use_own_server(struct contract *contract, const char *const options[],
                                            const char *url_options)
{
    struct cluster_redis *redis = cluster_redis_start(options);
    store_close(contract->store);
    contract->store = open_at(socket_url(redis, url_options));
    return redis;
}

static void assert_reply(struct cluster_redis *redis, const char *expected, const char *command)
{
    char *reply = cluster_redis_command(redis, "%s", command);
    if (!expected)
        assert_null(reply);
    else
        assert_string_equal(reply ? reply : "(nil)", expected);
    free(reply);
}

/* ---- the layout of DESIGN section 9 */

static void test_keys_and_fields_are_those_of_the_contract(void **state)
{
    struct contract *contract = *state;
    struct cluster_redis *redis = use_own_server(contract, NULL, "?db=3");
    const struct checkpoint_record records[] = {record_of("u42", "record", 1767609000000),
                                                record_of("u43", "other", CUSTOMER_NEVER)};
    const struct checkpoint_stat stats[] = {{SLICE("cart/active"), 1},
                                            {SLICE("cart/empty>active"), 2}};
    contract->of.partition = 3;
    own(contract, UINT64_MAX);
    struct checkpoint checkpoint = checkpoint_of(contract, UINT64_MAX, 0);
    checkpoint.records = records;
    checkpoint.record_count = 2;
    checkpoint.stats = stats;
    checkpoint.stat_count = 2;
    checkpoint.layout_text = SLICE("layout");
    checkpoint.journal = 12;
    assert_ok(try_save(contract, &checkpoint));

    redisContext *context = redisConnectUnix(cluster_redis_socket(redis));
    freeReplyObject(redisCommand(context, "SELECT 3"));
    static const struct {
        const char *command, *reply;
    } cases[] = {
        {"HGET stagecoach:{shop/shop.events/3}:meta owner", "18446744073709551615"},
        {"HGET stagecoach:{shop/shop.events/3}:meta version", "1"},
        {"HGET stagecoach:{shop/shop.events/3}:meta offset", "100"},
        {"HGET stagecoach:{shop/shop.events/3}:meta watermark", "-9223372036854775808"},
        {"HGET stagecoach:{shop/shop.events/3}:meta epoch", "7"},
        {"HGET stagecoach:{shop/shop.events/3}:meta ruleset", "18446744073709551615"},
        {"HGET stagecoach:{shop/shop.events/3}:meta customers", "3"},
        {"HGET stagecoach:{shop/shop.events/3}:meta at", "1767607200000"},
        {"HGET stagecoach:{shop/shop.events/3}:meta journal", "12"},
        {"GET stagecoach:{shop/shop.events/3}:c:u42", "record"},
        {"GET stagecoach:{shop/shop.events/3}:c:u43", "other"},
        {"ZSCORE stagecoach:{shop/shop.events/3}:timers u42", "1767609000000"},
        {"ZSCORE stagecoach:{shop/shop.events/3}:timers u43", NULL},
        {"HGET stagecoach:{shop/shop.events/3}:stats cart/active", "1"},
        {"HGET stagecoach:{shop/shop.events/3}:stats cart/empty>active", "2"},
        {"HGET stagecoach:{shop/shop.events/3}:layouts 5", "layout"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        redisReply *reply = redisCommand(context, cases[i].command);
        if (cases[i].reply)
            assert_string_equal(reply->str, cases[i].reply);
        else
            assert_int_equal(reply->type, REDIS_REPLY_NIL);
        freeReplyObject(reply);
    }
    redisReply *size = redisCommand(context, "DBSIZE");
    assert_int_equal(size->integer, 6);
    freeReplyObject(size);
    redisFree(context);
    cluster_redis_free(redis);
}

/* ---- connecting */

static enum err try_own(struct store *store)
{
    struct arena arena;
    struct store_position position;
    arena_init(&arena);
    contract_info.text[0] = '\0';
    enum err rc =
        store_own(store, (struct topic_partition){"t", 0}, 1, &arena, &position, &contract_info);
    arena_fini(&arena);
    return rc;
}

static enum err try_own_at(const char *url)
{
    struct store *store = open_at(url);
    enum err rc = try_own(store);
    store_close(store);
    return rc;
}

static void test_a_server_that_evicts_is_refused_at_each_connect(void **state)
{
    static const char *const options[] = {"--maxmemory-policy", "allkeys-lru", NULL};
    (void)state;
    struct cluster_redis *redis = cluster_redis_start(options);
    struct store *store = open_at(cluster_redis_url(redis));
    assert_int_equal(try_own(store), ERR_FATAL);
    assert_non_null(strstr(contract_info.text, "allkeys-lru"));
    assert_non_null(strstr(contract_info.text, "CONFIG SET maxmemory-policy noeviction"));
    assert_reply(redis, "OK", "CONFIG SET maxmemory-policy noeviction");
    assert_int_equal(try_own(store), ERR_NONE);
    assert_reply(redis, "OK", "CONFIG SET maxmemory-policy volatile-ttl");
    free(cluster_redis_command(redis, "CLIENT KILL TYPE normal SKIPME yes"));
    assert_int_equal(try_own(store), ERR_RETRY); /* the old connection is broken */
    assert_int_equal(try_own(store), ERR_FATAL); /* the new one looks again */
    store_close(store);
    cluster_redis_free(redis);
}

static void test_a_server_that_is_not_there_is_named(void **state)
{
    (void)state;
    struct cluster_redis *redis = cluster_redis_start(NULL);
    char address[64];
    snprintf(address, sizeof(address), "127.0.0.1:%d", cluster_redis_port(redis));
    struct store *store = open_at(cluster_redis_url(redis));
    cluster_redis_stop(redis);
    assert_int_equal(try_own(store), ERR_RETRY);
    assert_non_null(strstr(contract_info.text, address));
    cluster_redis_restart(redis);
    assert_int_equal(try_own(store), ERR_NONE);
    store_close(store);
    cluster_redis_free(redis);
    assert_int_equal(try_own_at("unix:///nowhere/redis.sock"), ERR_RETRY);
    assert_non_null(strstr(contract_info.text, "/nowhere/redis.sock"));
}

static void test_log_in(void **state)
{
    (void)state;
    struct cluster_redis *redis = cluster_redis_start(NULL);
    char url[128];
    int port = cluster_redis_port(redis);
    assert_reply(redis, "OK", "ACL SETUSER ali on >open:sesame ~* +@all");
    snprintf(url, sizeof(url), "redis://ali:open%%3Asesame@127.0.0.1:%d", port);
    assert_int_equal(try_own_at(url), ERR_NONE);
    snprintf(url, sizeof(url), "redis://ali:open@127.0.0.1:%d", port);
    assert_int_equal(try_own_at(url), ERR_FATAL);
    assert_non_null(strstr(contract_info.text, "WRONGPASS"));
    assert_null(strstr(contract_info.text, "open"));
    assert_reply(redis, "OK", "ACL SETUSER ali -mset -hset");
    snprintf(url, sizeof(url), "redis://ali:open%%3Asesame@127.0.0.1:%d", port);
    assert_int_equal(try_own_at(url), ERR_FATAL);
    assert_non_null(strstr(contract_info.text, "NOPERM"));
    assert_reply(redis, "OK", "ACL SETUSER default off");
    assert_int_equal(try_own_at(cluster_redis_url(redis)), ERR_FATAL);
    assert_non_null(strstr(contract_info.text, "NOAUTH"));
    cluster_redis_free(redis);
}

/* docs/redis.md names them. */
static void test_the_documented_rights_suffice(void **state)
{
    struct contract *contract = *state;
    struct cluster_redis *redis = cluster_redis_start(NULL);
    char url[128];
    assert_reply(redis, "OK",
                 "ACL SETUSER ali on >x ~stagecoach:* -@all +multi +exec +watch +unwatch +hset "
                 "+hdel +hmget +hgetall +hlen +mset +mget +del +zadd +zrem +zrange "
                 "+zrangebyscore +zcard +zunionstore +scan +info +select");
    snprintf(url, sizeof(url), "redis://ali:x@127.0.0.1:%d/1", cluster_redis_port(redis));
    store_close(contract->store);
    contract->store = open_at(url);
    own(contract, 1);
    const struct checkpoint_record records[] = {record_of("u1", "one", 1000),
                                                record_of("u2", "two", CUSTOMER_NEVER),
                                                {.customer = SLICE("u3")}};
    const struct checkpoint_stat stat = {SLICE("cart/active"), 2};
    struct checkpoint checkpoint = checkpoint_of(contract, 1, 0);
    struct checkpoint next = checkpoint_of(contract, 1, 1);
    checkpoint.timers_reset = true;
    checkpoint.records = records;
    checkpoint.record_count = 3;
    checkpoint.stats = &stat;
    checkpoint.stat_count = 1;
    checkpoint.layout_text = SLICE("layout");
    assert_ok(store_save(contract->store, &checkpoint, &next, &contract_info));
    assert_string_equal(loaded(contract, 1, "u1"), "one"); /* unwatches */
    struct store_request request = {
        .timers_after_ms = INT64_MIN, .timers_until_ms = 9999, .timers_max = 9};
    assert_ok(try_load(contract, 1, 1, &request));
    assert_int_equal(request.timer_count, 1);
    assert_true(next_deadline(contract, 1) == 1000);
    assert_ok(store_wipe(contract->store, contract->of, 1, &contract_info));
    assert_false(own(contract, 2).found);
    cluster_redis_free(redis);
}

static void test_a_database_that_is_not_there_is_refused(void **state)
{
    (void)state;
    assert_int_equal(try_own_at(socket_url(shared, "?db=99")), ERR_FATAL);
    assert_null(store_redis_open("http://h", "p", "g", &contract_info));
    assert_null(store_redis_open("rediss://h", "p", "g", NULL));
    store_close(NULL);
}

static void test_a_replica_is_not_written_to(void **state)
{
    (void)state;
    struct cluster_redis *redis = cluster_redis_start(NULL);
    free(cluster_redis_command(redis, "REPLICAOF 127.0.0.1 %d", cluster_redis_port(shared)));
    assert_int_equal(try_own_at(cluster_redis_url(redis)), ERR_RETRY);
    assert_non_null(strstr(contract_info.text, "replica"));
    cluster_redis_free(redis);
}

/* ---- a checkpoint that goes wrong */

#define META   "stagecoach:{shop/shop.events/0}:meta"
#define TIMERS "stagecoach:{shop/shop.events/0}:timers"
#define STATS  "stagecoach:{shop/shop.events/0}:stats"

/* Redis does what stands behind an error inside EXEC all the same. */
static void test_a_run_time_error_leaves_no_position(void **state)
{
    struct contract *contract = *state;
    struct cluster_redis *redis = use_own_server(contract, NULL, "");
    contract->of.partition = 0;
    own(contract, 1);
    save_one(contract, 1, 0, record_of("u1", "one", 1000));
    assert_reply(redis, "1", "DEL " TIMERS);
    assert_reply(redis, "OK", "SET " TIMERS " x");
    const struct checkpoint_record record = record_of("u1", "two", 2000);
    struct checkpoint checkpoint = checkpoint_of(contract, 1, 1);
    struct checkpoint next = checkpoint_of(contract, 1, 2);
    checkpoint.records = &record;
    checkpoint.record_count = 1;
    assert_int_equal(store_save(contract->store, &checkpoint, &next, &contract_info), ERR_FENCED);
    assert_non_null(strstr(contract_info.text, "half-way"));
    assert_reply(redis, NULL, "HGET " META " offset");
    assert_false(own(contract, 2).found);
    assert_ok(store_wipe(contract->store, contract->of, 2, &contract_info));
    assert_reply(redis, "none", "TYPE " TIMERS);
    save_one(contract, 2, 0, record_of("u1", "anew", 3000));
    assert_true(own(contract, 3).found);
    assert_true(next_deadline(contract, 3) == 3000);
    cluster_redis_free(redis);
}

static void test_damaged_data_is_no_position(void **state)
{
    static const char *const damages[] = {"HSET " META " offset x",      "HDEL " META " offset",
                                          "HSET " META " watermark 1.5", "HSET " META " version -1",
                                          "HDEL " META " epoch",         "HSET " META " ruleset 1x",
                                          "HSET " META " customers -1"};
    struct contract *contract = *state;
    struct cluster_redis *redis = use_own_server(contract, NULL, "");
    contract->of.partition = 0;
    for (size_t i = 0; i < sizeof(damages) / sizeof(*damages); i++) {
        free(cluster_redis_command(redis, "FLUSHALL"));
        own(contract, 1);
        save_one(contract, 1, 0, record_of("u1", "one", 1000));
        assert_true(own(contract, 1).found);
        free(cluster_redis_command(redis, "%s", damages[i]));
        assert_false(own(contract, 1).found);
    }
    free(cluster_redis_command(redis, "FLUSHALL"));
    own(contract, 1);
    save_one(contract, 1, 0, record_of("u1", "one", 1000));
    free(cluster_redis_command(redis, "SET " STATS " x"));
    assert_false(own(contract, 1).found);
    free(cluster_redis_command(redis, "FLUSHALL"));
    free(cluster_redis_command(redis, "SET " META " x"));
    assert_int_equal(try_own(contract->store), ERR_NONE); /* another partition's is sound */
    struct store_position position;
    assert_int_equal(
        store_own(contract->store, contract->of, 1, contract->arena, &position, &contract_info),
        ERR_FATAL);
    assert_non_null(strstr(contract_info.text, META " can't be written: WRONGTYPE"));
    cluster_redis_free(redis);
}

static void test_out_of_memory_nothing_lands_and_it_may_be_repeated(void **state)
{
    struct contract *contract = *state;
    struct cluster_redis *redis = use_own_server(contract, NULL, "");
    contract->of.partition = 0;
    own(contract, 1);
    save_one(contract, 1, 0, record_of("u1", "one", 1000));
    assert_reply(redis, "OK", "CONFIG SET maxmemory 1");
    const struct checkpoint_record record = record_of("u1", "two", 2000);
    struct checkpoint checkpoint = checkpoint_of(contract, 1, 1);
    checkpoint.records = &record;
    checkpoint.record_count = 1;
    assert_int_equal(store_save(contract->store, &checkpoint, &checkpoint, &contract_info),
                     ERR_RETRY);
    assert_non_null(strstr(contract_info.text, "OOM"));
    assert_reply(redis, "100", "HGET " META " offset");
    assert_reply(redis, "OK", "CONFIG SET maxmemory 0");
    assert_ok(try_save(contract, &checkpoint));
    assert_reply(redis, "200", "HGET " META " offset");
    cluster_redis_free(redis);
}

/* A condition that the server will fulfil by itself. */
static void await_reply(struct cluster_redis *redis, const char *expected, const char *command)
{
    char *reply = NULL;
    for (int i = 0; i < 5000; i++) {
        free(reply);
        reply = cluster_redis_command(redis, "%s", command);
        if (reply && strcmp(reply, expected) == 0)
            break;
        struct timespec pause = {0, 2000000};
        nanosleep(&pause, NULL);
    }
    assert_string_equal(reply ? reply : "(nil)", expected);
    free(reply);
}

static void test_after_a_time_out_the_version_tells_that_it_landed(void **state)
{
    struct contract *contract = *state;
    struct cluster_redis *redis = use_own_server(contract, NULL, "?timeout_ms=100");
    contract->of.partition = 0;
    own(contract, 1);
    struct checkpoint first = checkpoint_of(contract, 1, 0);
    struct checkpoint second = checkpoint_of(contract, 1, 1);
    assert_ok(store_save(contract->store, &first, &second, &contract_info));
    cluster_redis_freeze(redis);
    assert_int_equal(try_save(contract, &second), ERR_RETRY);
    assert_non_null(strstr(contract_info.text, "timed out"));
    assert_int_equal(try_save(contract, &second), ERR_RETRY); /* nobody can be asked yet */
    cluster_redis_thaw(redis);
    await_reply(redis, "2", "HGET " META " version");
    assert_ok(try_save(contract, &second));
    struct checkpoint third = checkpoint_of(contract, 1, 2);
    assert_ok(try_save(contract, &third));
    assert_reply(redis, "300", "HGET " META " offset");
    cluster_redis_free(redis);
}

static void test_after_a_time_out_an_old_version_is_a_doubt(void **state)
{
    struct contract *contract = *state;
    struct cluster_redis *redis = use_own_server(contract, NULL, "?timeout_ms=100");
    contract->of.partition = 0;
    own(contract, 1);
    struct checkpoint first = checkpoint_of(contract, 1, 0);
    struct checkpoint second = checkpoint_of(contract, 1, 1);
    assert_ok(store_save(contract->store, &first, &second, &contract_info));
    assert_reply(redis, "OK", "SAVE");
    cluster_redis_freeze(redis);
    assert_int_equal(try_save(contract, &second), ERR_RETRY);
    cluster_redis_kill(redis);
    assert_int_equal(try_save(contract, &second), ERR_RETRY);
    cluster_redis_restart(redis);
    assert_int_equal(try_save(contract, &second), ERR_FENCED);
    assert_reply(redis, "1", "HGET " META " version");
    assert_ok(try_save(
        contract, &second)); /* the doubt has been reported: a caller that knows better may go on */
    cluster_redis_free(redis);
}

/* After a time-out, but with a run-time error: it landed in part. */
static void test_after_a_time_out_a_part_is_no_position(void **state)
{
    struct contract *contract = *state;
    struct cluster_redis *redis = use_own_server(contract, NULL, "?timeout_ms=100");
    contract->of.partition = 0;
    own(contract, 1);
    struct checkpoint first = checkpoint_of(contract, 1, 0);
    struct checkpoint second = checkpoint_of(contract, 1, 1);
    const struct checkpoint_stat stat = {SLICE("cart/active"), 1};
    second.stats = &stat;
    second.stat_count = 1;
    assert_ok(store_save(contract->store, &first, &second, &contract_info));
    assert_reply(redis, "OK", "SET " STATS " x");
    cluster_redis_freeze(redis);
    assert_int_equal(try_save(contract, &second), ERR_RETRY);
    cluster_redis_thaw(redis);
    await_reply(redis, "2", "HGET " META " version");
    assert_int_equal(try_save(contract, &second), ERR_FENCED);
    assert_reply(redis, NULL, "HGET " META " offset");
    cluster_redis_free(redis);
}

static void test_a_restart_between_two_checkpoints_is_survived(void **state)
{
    struct contract *contract = *state;
    struct cluster_redis *redis = use_own_server(contract, NULL, "");
    contract->of.partition = 0;
    own(contract, 1);
    struct checkpoint first = checkpoint_of(contract, 1, 0);
    struct checkpoint second = checkpoint_of(contract, 1, 1);
    assert_ok(store_save(contract->store, &first, &second, &contract_info));
    assert_reply(redis, "OK", "SAVE");
    cluster_redis_kill(redis);
    cluster_redis_restart(redis);
    assert_int_equal(try_save(contract, &second), ERR_RETRY); /* the connection is found broken */
    assert_ok(try_save(contract, &second));
    cluster_redis_kill(redis);
    cluster_redis_restart_wiped(redis);
    struct checkpoint third = checkpoint_of(contract, 1, 2);
    assert_int_equal(try_save(contract, &third), ERR_RETRY);
    assert_int_equal(try_save(contract, &third), ERR_FENCED);
    assert_false(own(contract, 2).found);
    cluster_redis_free(redis);
}

/* ---- wiping */

static void test_a_wipe_takes_its_own_keys_only_and_all_of_them(void **state)
{
    enum { COUNT = 9000 };
    struct contract *contract = *state;
    struct cluster_redis *redis = use_own_server(contract, NULL, "");
    struct contract like = *contract;
    like.store = store_redis_open(socket_url(redis, ""), "s*[a-z]?\\", "shop", NULL);
    struct checkpoint_record *records = calloc(COUNT, sizeof(*records));
    for (int i = 0; i < COUNT; i++)
        records[i] = (struct checkpoint_record){arena_printf(contract->arena, "u%d", i),
                                                SLICE("record"), i, true};
    for (int i = 0; i < 2; i++) {
        struct contract *each = i ? &like : contract;
        own(each, 1);
        struct checkpoint checkpoint = checkpoint_of(each, 1, 0);
        checkpoint.records = records;
        checkpoint.record_count = COUNT;
        assert_ok(try_save(each, &checkpoint));
    }
    assert_ok(store_wipe(like.store, like.of, 1, &contract_info));
    char *size = cluster_redis_command(redis, "DBSIZE");
    assert_int_equal(atoi(size),
                     COUNT + 2 + 1); /* records, meta and timers; its meta, owner only */
    free(size);
    assert_string_equal(loaded(&like, 1, "u8999"), "");
    assert_string_equal(loaded(contract, 1, "u8999"), "record");
    store_close(like.store);
    free(records);
    cluster_redis_free(redis);
}

/*
 * A deletion may still be under way after a time-out, so it is a doubt: only a new token ends it.
 */
static void test_a_wipe_that_times_out_is_a_doubt(void **state)
{
    struct contract *contract = *state;
    struct cluster_redis *redis = use_own_server(contract, NULL, "?timeout_ms=100");
    contract->of.partition = 0;
    own(contract, 1);
    save_one(contract, 1, 0, record_of("u1", "one", 1000));
    cluster_redis_freeze(redis);
    assert_int_equal(store_wipe(contract->store, contract->of, 1, &contract_info), ERR_RETRY);
    cluster_redis_thaw(redis); /* it had only asked who owns the partition */
    assert_string_equal(loaded(contract, 1, "u1"), "one");
    cluster_redis_free(redis);
}

/* ---- budgets that do not depend on the machine */

static int reads_of(struct cluster_redis *redis)
{
    char *info = cluster_redis_command(redis, "INFO stats");
    const char *line = strstr(info, "total_reads_processed:");
    assert_non_null(line);
    int reads = atoi(line + strlen("total_reads_processed:"));
    free(info);
    return reads;
}

static void test_round_trips(void **state)
{
    enum { SAVES = 20, PARTITIONS = 5 };
    struct contract *contract = *state;
    struct cluster_redis *redis = use_own_server(contract, NULL, "");
    int own_reads = reads_of(redis);
    own_reads = reads_of(redis) - own_reads; /* of the question itself */

    struct checkpoint saves[SAVES + 1];
    const struct checkpoint_record record = record_of("u1", "one", 1000);
    own(contract, 1);
    for (uint64_t i = 0; i <= SAVES; i++) {
        saves[i] = checkpoint_of(contract, 1, i);
        saves[i].records = &record;
        saves[i].record_count = 1;
    }
    assert_ok(store_save(contract->store, &saves[0], &saves[1], &contract_info));
    int before = reads_of(redis);
    for (size_t i = 1; i < SAVES; i++)
        assert_ok(store_save(contract->store, &saves[i], &saves[i + 1], &contract_info));
    assert_int_equal(reads_of(redis) - before - own_reads, SAVES - 1); /* one trip a checkpoint */

    struct store_request requests[PARTITIONS];
    struct slice keys[] = {SLICE("u1"), SLICE("u2")};
    for (int i = 0; i < PARTITIONS; i++) {
        struct contract each = *contract;
        each.of.partition += i;
        own(&each, 1);
        requests[i] = (struct store_request){.of = each.of,
                                             .token = 1,
                                             .customers = keys,
                                             .customer_count = 2,
                                             .timers_after_ms = INT64_MIN,
                                             .timers_until_ms = 999,
                                             .timers_max = 9};
    }
    before = reads_of(redis);
    assert_ok(store_load(contract->store, requests, PARTITIONS, contract->arena, &contract_info));
    assert_int_equal(reads_of(redis) - before - own_reads, 1); /* one trip a batch */
    requests[0].timers_until_ms = 1000;
    before = reads_of(redis);
    assert_ok(store_load(contract->store, requests, PARTITIONS, contract->arena, &contract_info));
    assert_int_equal(requests[0].timer_count, 1);
    assert_int_equal(reads_of(redis) - before - own_reads, 2); /* and one more if somebody is due */
    cluster_redis_free(redis);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TESTS,
        CONTRACT_TEST(test_keys_and_fields_are_those_of_the_contract),
        CONTRACT_TEST(test_a_server_that_evicts_is_refused_at_each_connect),
        CONTRACT_TEST(test_a_server_that_is_not_there_is_named),
        CONTRACT_TEST(test_log_in),
        CONTRACT_TEST(test_the_documented_rights_suffice),
        CONTRACT_TEST(test_a_database_that_is_not_there_is_refused),
        CONTRACT_TEST(test_a_replica_is_not_written_to),
        CONTRACT_TEST(test_a_run_time_error_leaves_no_position),
        CONTRACT_TEST(test_damaged_data_is_no_position),
        CONTRACT_TEST(test_out_of_memory_nothing_lands_and_it_may_be_repeated),
        CONTRACT_TEST(test_after_a_time_out_the_version_tells_that_it_landed),
        CONTRACT_TEST(test_after_a_time_out_an_old_version_is_a_doubt),
        CONTRACT_TEST(test_after_a_time_out_a_part_is_no_position),
        CONTRACT_TEST(test_a_restart_between_two_checkpoints_is_survived),
        CONTRACT_TEST(test_a_wipe_takes_its_own_keys_only_and_all_of_them),
        CONTRACT_TEST(test_a_wipe_that_times_out_is_a_doubt),
        CONTRACT_TEST(test_round_trips),
    };
    return cmocka_run_group_tests(tests, start_shared, stop_shared);
}
