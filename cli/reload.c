#include "cli/reload.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "core/check.h"
#include "core/clock.h"
#include "core/hash.h"
#include "core/log.h"

#define LOOK_EVERY_MS 1000

struct loaded { /* kept until the end: workers may be under any of them */
    struct loaded *next;
    struct project project;
};

struct reload {
    const struct project *running; /* whose configuration is in force but for its rules */
    struct loaded *loaded;
    struct loaded *refused; /* the latest, if it was; its files are those to be put right */
    uint64_t ruleset;       /* the latest that the engine was told */
    uint64_t stamp;         /* of all files, at the last look */
    struct clock clock;
    int64_t looked_ms;
};

/* ---- have files changed? ---- */

static void add_stamp(struct buf *all, const char *path)
{
    struct stat status = {0};
    if (stat(path, &status) != 0)
        status = (struct stat){0};
    buf_printf(all, "%lld.%ld %lld %llu\n", (long long)status.st_mtim.tv_sec,
               status.st_mtim.tv_nsec, (long long)status.st_size,
               (unsigned long long)status.st_ino);
}

static uint64_t stamp_of(const struct config *config)
{
    struct buf all;
    buf_init(&all);
    add_stamp(&all, config->path);
    add_stamp(&all, config->schema_path);
    for (size_t i = 0; i < config->machines.count; i++)
        add_stamp(&all, config->machines.items[i]);
    uint64_t stamp = hash_bytes(buf_slice(&all));
    buf_fini(&all);
    return stamp;
}

static const struct config *latest_config(const struct reload *reload)
{
    if (reload->refused && reload->refused->project.config)
        return reload->refused->project.config;
    return reload->loaded ? reload->loaded->project.config : reload->running->config;
}

/* ---- loading ---- */

static void free_loaded(struct loaded *loaded)
{
    if (loaded)
        project_free(&loaded->project);
    free(loaded);
}

/* True where there is no mistake; each is printed. */
static bool load(const struct reload *reload, struct loaded *loaded)
{
    struct diag diag;

    diag_init(&diag);
    bool good = project_load(&loaded->project, reload->running->config->path, NULL, &diag);
    if (good)
        project_check_routes(reload->running->config, loaded->project.rules,
                             &diag); /* topics are those of the start */
    good = good && diag.error_count == 0;
    diag_print(&diag, stderr);
    diag_fini(&diag);
    return good;
}

void reload_now(struct reload *reload, struct engine *engine)
{
    struct loaded *loaded = calloc(1, sizeof *loaded);

    CHECK(loaded);
    /* As it is before the files are read: what changes meanwhile, the next look sees. */
    reload->stamp = stamp_of(latest_config(reload));
    free_loaded(reload->refused);
    reload->refused = NULL;
    if (!load(reload, loaded)) {
        log_error("reload.refused", "config=%s note=\"the rules in force go on\"",
                  reload->running->config->path);
        reload->refused = loaded;
        return;
    }
    if (loaded->project.ruleset->id == reload->ruleset) {
        log_info("reload.unchanged", "ruleset=%016" PRIx64, reload->ruleset);
        free_loaded(loaded);
        return;
    }
    loaded->next = reload->loaded;
    reload->loaded = loaded;
    reload->ruleset = loaded->project.ruleset->id;
    log_info("reload.accepted", "ruleset=%016" PRIx64, reload->ruleset);
    engine_follow(engine, loaded->project.ruleset);
}

void reload_if_changed(struct reload *reload, struct engine *engine)
{
    int64_t now_ms = clock_monotonic_ms(&reload->clock);
    if (now_ms - reload->looked_ms < LOOK_EVERY_MS)
        return;
    reload->looked_ms = now_ms;
    if (stamp_of(latest_config(reload)) != reload->stamp)
        reload_now(reload, engine);
}

struct reload *reload_new(const struct project *project)
{
    struct reload *reload = calloc(1, sizeof *reload);
    CHECK(reload);
    *reload = (struct reload){
        .running = project, .ruleset = project->ruleset->id, .clock = clock_system()};
    reload->stamp = stamp_of(project->config);
    reload->looked_ms = clock_monotonic_ms(&reload->clock);
    return reload;
}

void reload_free(struct reload *reload)
{
    while (reload->loaded) {
        struct loaded *loaded = reload->loaded;
        reload->loaded = loaded->next;
        free_loaded(loaded);
    }
    free_loaded(reload->refused);
    free(reload);
}
