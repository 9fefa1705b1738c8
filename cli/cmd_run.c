#include <stdio.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/progress.h"
#include "cli/project.h"
#include "cli/reload.h"
#include "core/clock.h"
#include "core/log.h"
#include "engine/engine.h"

#define PROGRESS_EVERY_MS 10000

static const char help[] =
    "Usage: stagecoach run -c FILE\n"
    "\n"
    "Reads events from Kafka, drives the machines and publishes their signals, each exactly once.\n"
    "Ends on SIGTERM or SIGINT: drains, writes a last checkpoint and leaves the group.\n"
    "SIGHUP loads the machines anew and puts them in force without a restart; with mistakes the "
    "old ones go on.\n"
    "\n"
    "  -c, --config FILE   the configuration; each key can be overridden by the environment:\n"
    "                      STAGECOACH_KAFKA_BROKERS, STAGECOACH_REDIS_URL, ...\n"
    "  -h, --help          this text\n"
    "\n"
    "Exit codes: 0 stopped cleanly, 1 failed while running, 2 wrong usage or configuration.\n";

static void watch(struct engine *engine, const struct project *project, struct reload *reload,
                  struct progress *progress)
{
    struct clock clock = clock_system();
    struct timespec tick = {0, 20 * 1000000};

    while (!cli_interrupted() && !engine_has_failed(engine)) {
        nanosleep(&tick, NULL);
        if (cli_take_hangup())
            reload_now(reload, engine);
        else if (project->config->watch)
            reload_if_changed(reload, engine);
        if (clock_monotonic_ms(&clock) - progress->since_ms >= PROGRESS_EVERY_MS)
            progress_log(progress, engine, clock_monotonic_ms(&clock));
    }
}

/*
 * A worker that hangs in a call to a broker that is away can't be waited for: Kafka and Redis hold
 * all that counts.
 */
static int finish(struct engine *engine, struct progress *progress)
{
    struct clock clock = clock_system();
    struct errinfo info = {""};
    enum err rc = engine_stop(engine, &info);

    progress_log(progress, engine, clock_monotonic_ms(&clock));
    if (rc == ERR_NONE)
        log_info("stopped", "clean=yes");
    else
        log_error("stopped", "clean=no reason=%s", log_quote(info.text).text);
    if (rc == ERR_RETRY)
        cli_exit_now(1);
    engine_free(engine);
    return rc == ERR_NONE ? 0 : rc == ERR_CONFIG ? 2 : 1;
}

static int run(const struct project *project)
{
    struct worker_setting setting = {
        .config = project->config,
        .ruleset = project->ruleset,
    };
    struct engine *engine = NULL;
    struct errinfo info = {""};
    enum err started = engine_start(&setting, cli_interrupted_flag(), &engine, &info);
    if (started != ERR_NONE) {
        fprintf(stderr, "stagecoach run: %s\n", info.text);
        return started == ERR_CONFIG ? 2 : cli_interrupted() ? 0 : 1;
    }
    log_info("started", "group=%s brokers=%s workers=%lld", project->config->group,
             project->config->brokers, (long long)project->config->workers);
    struct reload *reload = reload_new(project);
    struct clock clock = clock_system();
    struct progress progress = {.since_ms = clock_monotonic_ms(&clock)};
    watch(engine, project, reload, &progress);
    int rc = finish(engine, &progress);
    reload_free(reload);
    return rc;
}

int cmd_run(int argc, char **argv)
{
    const char *config = NULL;
    const struct cli_option options[] = {{"config", 'c', CLI_TEXT, &config}, {0}};
    struct project project;
    int rc = cli_parse(argc, argv, options, help, NULL);

    if (rc != CLI_GO_ON)
        return rc;
    if (!config)
        return cli_wrong(argv[0], "-c FILE is missing");
    cli_catch_signals();
    cli_take_hangup(); /* one that comes while Kafka is waited for is obeyed later, not died of */
    rc = project_load_or_say(&project, config, NULL) ? run(&project) : 2;
    project_free(&project);
    return rc;
}
