#include "cli/demo_world.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "core/log.h"

#define REDIS_START_MS 10000

static const char *const signal_topics[] = {"shop.carts", "shop.stages", "shop.signals",
                                            "shop.dead-letters"};

/* ---- the broker ---- */

static void ignore_log(const rd_kafka_t *kafka, int level, const char *facility, const char *text)
{
    (void)kafka;
    (void)level;
    log_debug("demo.broker", "facility=%s text=%s", facility, log_quote(text).text);
}

static enum err open_broker(struct demo_world *world, struct errinfo *info)
{
    char reason[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    rd_kafka_conf_set_log_cb(conf, ignore_log);
    world->kafka = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof reason);
    if (!world->kafka) {
        rd_kafka_conf_destroy(conf);
        return err_set(info, ERR_FATAL, "the embedded broker can't be made: %s", reason);
    }
    world->cluster = rd_kafka_mock_cluster_new(world->kafka, 1);
    if (!world->cluster)
        return err_set(info, ERR_FATAL, "the embedded broker can't listen on 127.0.0.1");
    rd_kafka_mock_topic_create(world->cluster, DEMO_TOPIC, DEMO_PARTITIONS, 1);
    rd_kafka_mock_topic_create(world->cluster, DEMO_GROUP ".journal." DEMO_TOPIC, DEMO_PARTITIONS,
                               1);
    for (size_t i = 0; i < sizeof signal_topics / sizeof *signal_topics; i++)
        rd_kafka_mock_topic_create(world->cluster, signal_topics[i], DEMO_PARTITIONS, 1);
    world->brokers = rd_kafka_mock_cluster_bootstraps(world->cluster);
    return ERR_NONE;
}

/* ---- Redis ---- */

static void run_redis(const struct demo_world *world)
{
    char socket_path[96], log_path[96];
    snprintf(socket_path, sizeof socket_path, "%s/redis.sock", world->folder);
    snprintf(log_path, sizeof log_path, "%s/redis.log", world->folder);
    if (!world->keep)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    setsid(); /* Ctrl-C is the demo's: Redis has to take the last checkpoint */
    execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", socket_path, "--save", "",
           "--appendonly", "no", "--dir", world->folder, "--logfile", log_path,
           "--maxmemory-policy", "noeviction", (char *)NULL);
    _exit(127);
}

static bool answers(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    bool connected = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    if (fd >= 0)
        close(fd);
    return connected;
}

static enum err open_redis(struct demo_world *world, struct errinfo *info)
{
    char path[96];
    struct timespec pause = {0, 10 * 1000000};
    int status;

    snprintf(path, sizeof path, "%s/redis.sock", world->folder);
    world->redis = fork();
    if (world->redis < 0)
        return err_set(info, ERR_FATAL, "redis-server can't be started: %s", strerror(errno));
    if (world->redis == 0)
        run_redis(world);
    for (int waited_ms = 0; waited_ms < REDIS_START_MS && !answers(path); waited_ms += 10) {
        if (waitpid(world->redis, &status, WNOHANG) == world->redis) {
            world->redis = 0;
            return err_set(info, ERR_FATAL,
                           "redis-server does not start (exit code %d): install it with `apt-get "
                           "install redis-server`",
                           WIFEXITED(status) ? WEXITSTATUS(status) : -1);
        }
        nanosleep(&pause, NULL);
    }
    return answers(path) ? ERR_NONE
                         : err_set(info, ERR_FATAL, "redis-server does not answer on %s", path);
}

/* ---- the configuration, as a user would write it ---- */

static enum err write_config(struct demo_world *world, struct errinfo *info)
{
    snprintf(world->config_path, sizeof world->config_path, "%s/stagecoach.yaml", world->folder);
    FILE *file = fopen(world->config_path, "w");
    if (!file)
        return err_set(info, ERR_FATAL, "%s can't be written: %s", world->config_path,
                       strerror(errno));
    fprintf(file,
            "kafka:\n"
            "  brokers: %s\n"
            "  group: " DEMO_GROUP "\n"
            "  topics: [" DEMO_TOPIC "]\n"
            "  properties: { fetch.wait.max.ms: 10 } # the mock wakes no waiting fetch\n"
            "redis: { url: 'unix://%s/redis.sock' }\n"
            "workers: 1\n"
            "instance: demo\n",
            world->brokers, world->folder);
    if (fclose(file) != 0)
        return err_set(info, ERR_FATAL, "%s can't be written: %s", world->config_path,
                       strerror(errno));
    return ERR_NONE;
}

enum err demo_world_open(struct demo_world *world, struct errinfo *info)
{
    const char *temporary = getenv("TMPDIR");
    snprintf(world->folder, sizeof world->folder, "%.30s/stagecoach-demo-XXXXXX",
             temporary && strlen(temporary) <= 30 ? temporary : "/tmp");
    if (!mkdtemp(world->folder)) {
        enum err rc =
            err_set(info, ERR_FATAL, "no temporary folder %s: %s", world->folder, strerror(errno));
        world->folder[0] = '\0';
        return rc;
    }
    enum err rc = open_broker(world, info);
    if (rc == ERR_NONE)
        rc = open_redis(world, info);
    return rc == ERR_NONE ? write_config(world, info) : rc;
}

static void remove_folder(const char *folder)
{
    static const char *const files[] = {"redis.sock", "redis.log", "stagecoach.yaml", "dump.rdb"};
    char path[128];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        unlink(path);
    }
    rmdir(folder);
}

void demo_world_close(struct demo_world *world)
{
    if (world->redis > 0 && !world->keep) {
        kill(world->redis, SIGKILL);
        waitpid(world->redis, NULL, 0);
    }
    if (world->cluster)
        rd_kafka_mock_cluster_destroy(world->cluster);
    if (world->kafka)
        rd_kafka_destroy(world->kafka);
    if (world->folder[0] && !world->keep)
        remove_folder(world->folder);
}
