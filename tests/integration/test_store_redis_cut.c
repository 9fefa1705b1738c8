/*
 * A checkpoint whose connection is cut at every single byte, on the way there and on the way back:
 * whatever the store answers must be true, and nothing may ever land in part.
 */
#include "tests/support/store_fixture.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/cluster.h"

/* ---- a relay between store and Redis, one connection at a time, that cuts it once */

enum way { TO_SERVER, TO_CLIENT };

struct relay {
    char path[128], server[128];
    int listener;
    pthread_t thread;
    atomic_llong left[2]; /* bytes that still pass; at 0 the connection is cut */
    atomic_bool stops;
};

#define UNLIMITED INT64_C(1000000000000)

static struct cluster_redis *redis;
static struct relay relay;

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", path);
    return address;
}

/*
 * False: the end, or the cut, before which the bytes up to it have passed. They are counted before
 * they pass: who gets them may set the next cut at once.
 */
static bool move(struct relay *through, enum way way, int from, int to)
{
    char bytes[4096];
    long long left = atomic_load(&through->left[way]);
    size_t most = left < (long long)sizeof(bytes) ? (size_t)left : sizeof(bytes);
    ssize_t size = most > 0 ? recv(from, bytes, most, 0) : 0;
    if (size <= 0)
        return false;
    bool goes_on = atomic_fetch_sub(&through->left[way], size) - size > 0;
    for (ssize_t sent = 0, one; sent < size; sent += one)
        if ((one = send(to, bytes + sent, (size_t)(size - sent), MSG_NOSIGNAL)) <= 0)
            return false;
    return goes_on;
}

static void serve(struct relay *through, int client)
{
    struct sockaddr_un address = address_of(through->server);
    int server = socket(AF_UNIX, SOCK_STREAM, 0);
    bool goes_on = connect(server, (struct sockaddr *)&address, sizeof(address)) == 0;
    while (goes_on && !atomic_load(&through->stops)) {
        struct pollfd both[] = {{.fd = client, .events = POLLIN}, {.fd = server, .events = POLLIN}};
        if (poll(both, 2, 20) < 0)
            break;
        if (both[0].revents)
            goes_on = move(through, TO_SERVER, client, server);
        if (goes_on && both[1].revents)
            goes_on = move(through, TO_CLIENT, server, client);
    }
    /* The cut happens once: whoever connects next is let through. */
    atomic_store(&through->left[TO_SERVER], UNLIMITED);
    atomic_store(&through->left[TO_CLIENT], UNLIMITED);
    close(server);
    close(client);
}

static void *run_relay(void *argument)
{
    struct relay *through = argument;
    while (!atomic_load(&through->stops)) {
        struct pollfd waiting = {.fd = through->listener, .events = POLLIN};
        if (poll(&waiting, 1, 20) <= 0)
            continue;
        int client = accept(through->listener, NULL, NULL);
        if (client >= 0)
            serve(through, client);
    }
    return NULL;
}

static int start(void **state)
{
    (void)state;
    redis = cluster_redis_start(NULL);
    snprintf(relay.server, sizeof(relay.server), "%s", cluster_redis_socket(redis));
    snprintf(relay.path, sizeof(relay.path), "%.100s-relay", relay.server);
    struct sockaddr_un address = address_of(relay.path);
    relay.listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(relay.listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(relay.listener, 8), 0);
    atomic_store(&relay.left[TO_SERVER], UNLIMITED);
    atomic_store(&relay.left[TO_CLIENT], UNLIMITED);
    assert_int_equal(pthread_create(&relay.thread, NULL, run_relay, &relay), 0);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    atomic_store(&relay.stops, true);
    pthread_join(relay.thread, NULL);
    close(relay.listener);
    unlink(relay.path);
    cluster_redis_free(redis);
    return 0;
}

static struct store *contract_open(void)
{
    char url[160];
    snprintf(url, sizeof(url), "unix://%s", relay.path);
    return store_redis_open(url, "stagecoach", "shop", &contract_info);
}

/* ---- what Redis holds, asked beside the relay */

static void read_text(const char *command, const char *name, char *text, size_t size)
{
    char *reply =
        cluster_redis_command(redis, "%s stagecoach:{shop/shop.events/0}:%s", command, name);
    snprintf(text, size, "%s", reply ? reply : "");
    free(reply);
}

/* True: the second checkpoint is there, all of it. False: nothing of it. Anything else fails. */
static bool second_has_landed(void)
{
    char version[32], offset[32], record[32], score[32];
    read_text("HGET", "meta version", version, sizeof(version));
    read_text("HGET", "meta offset", offset, sizeof(offset));
    read_text("GET", "c:u1", record, sizeof(record));
    read_text("ZSCORE", "timers u1", score, sizeof(score));
    bool has_landed = strcmp(version, "2") == 0;
    assert_string_equal(version, has_landed ? "2" : "1");
    assert_string_equal(offset, has_landed ? "200" : "100");
    assert_string_equal(record, has_landed ? "two" : "one");
    assert_string_equal(score, has_landed ? "2000" : "1000");
    return has_landed;
}

static struct checkpoint nth(const struct contract *contract, uint64_t token, uint64_t version)
{
    static const struct checkpoint_record records[] = {{{"u1", 2}, {"one", 3}, 1000, true},
                                                       {{"u1", 2}, {"two", 3}, 2000, true}};
    struct checkpoint checkpoint = checkpoint_of(contract, token, version - 1);
    checkpoint.records = &records[version - 1 > 0];
    checkpoint.record_count = 1;
    return checkpoint;
}

/*
 * The first checkpoint lands, the second is cut when so many bytes have passed. Returns what the
 * store says in the end; *was_cut is false when there were fewer bytes.
 */
static enum err save_second(struct contract *contract, uint64_t token, bool announced, enum way way,
                            long long bytes, bool *was_cut)
{
    struct checkpoint first = nth(contract, token, 1), second = nth(contract, token, 2);
    free(cluster_redis_command(redis, "FLUSHALL"));
    own(contract, token);
    assert_ok(store_save(contract->store, &first, announced ? &second : NULL, &contract_info));
    atomic_store(&relay.left[way], bytes);
    enum err rc = ERR_RETRY;
    int calls = 0;
    for (; calls < 4 && rc == ERR_RETRY; calls++)
        rc = store_save(contract->store, &second, NULL, &contract_info);
    long long left = atomic_exchange(&relay.left[way], UNLIMITED);
    *was_cut = left > UNLIMITED / 2 || left <= 0;
    assert_int_not_equal(rc, ERR_RETRY);
    return rc;
}

/* How each answer was reached. */
struct tally {
    int landed, fenced, uncut;
};

static struct tally cut_at_every_byte(struct contract *contract, bool announced, enum way way)
{
    struct tally tally = {0, 0, 0};
    contract->of.partition = 0;
    for (long long bytes = 1; tally.uncut == 0; bytes++) {
        bool was_cut;
        enum err rc = save_second(contract, (uint64_t)bytes, announced, way, bytes, &was_cut);
        assert_true(rc == ERR_NONE || rc == ERR_FENCED);
        bool has_landed = second_has_landed();
        if (rc == ERR_NONE)
            assert_true(has_landed);
        tally.landed += was_cut && rc == ERR_NONE;
        tally.fenced += was_cut && rc == ERR_FENCED;
        tally.uncut += !was_cut;
        assert_true(bytes < 5000);
        store_close(contract->store); /* each round begins with a fresh connection */
        contract->store = contract_open();
    }
    print_message("%s, %s: cut %d times; landed %d, doubt %d\n",
                  announced ? "announced" : "not announced",
                  way == TO_SERVER ? "to Redis" : "from Redis", tally.landed + tally.fenced,
                  tally.landed, tally.fenced);
    return tally;
}

/* The bytes reach the system, so until Redis has had the last one the outcome is a doubt. */
static void test_a_cut_on_the_way_there(void **state)
{
    struct tally tally = cut_at_every_byte(*state, true, TO_SERVER);
    assert_true(tally.fenced > 100);
}

static void test_a_cut_on_the_way_there_while_asking_for_the_version(void **state)
{
    struct tally tally = cut_at_every_byte(*state, false, TO_SERVER);
    assert_true(tally.landed > 50); /* cut before the transaction: simply done again */
}

static void test_a_cut_on_the_way_back(void **state)
{
    struct tally tally = cut_at_every_byte(*state, true, TO_CLIENT);
    assert_true(tally.landed > 20); /* it had landed, and the version says so */
}

static void test_a_cut_on_the_way_back_while_asking_for_the_version(void **state)
{
    struct tally tally = cut_at_every_byte(*state, false, TO_CLIENT);
    assert_true(tally.landed > 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(test_a_cut_on_the_way_there),
        CONTRACT_TEST(test_a_cut_on_the_way_there_while_asking_for_the_version),
        CONTRACT_TEST(test_a_cut_on_the_way_back),
        CONTRACT_TEST(test_a_cut_on_the_way_back_while_asking_for_the_version),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
