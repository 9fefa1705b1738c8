#include "cli/reload.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
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
    struct loaded *idle; /* the latest, if the engine was not told: refused, or nothing new in it */
    uint64_t ruleset;    /* the latest that the engine was told */
    uint64_t stamp;      /* of all files, before they were read */
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
    if (reload->idle && reload->idle->project.config)
        return reload->idle->project.config;
    return reload->loaded ? reload->loaded->project.config : reload->running->config;
}

/* ---- loading ---- */

static void free_loaded(struct loaded *loaded)
{
    if (loaded)
        project_free(&loaded->project);
    free(loaded);
}

static bool names_same_files(const struct config *a, const struct config *b)
{
    bool same =
        strcmp(a->schema_path, b->schema_path) == 0 && a->machines.count == b->machines.count;
    for (size_t i = 0; i < a->machines.count && same; i++)
        same = strcmp(a->machines.items[i], b->machines.items[i]) == 0;
    return same;
}

/* The files that `config` names are looked at first: what changes while they are read, the next look sees. */
static struct loaded *load_after_look(struct reload *reload, const struct config *config,
                                      struct diag *diag)
{
    struct loaded *loaded = calloc(1, sizeof *loaded);

    CHECK(loaded);
    reload->stamp = stamp_of(config);
    if (project_load(&loaded->project, reload->running->config->path, NULL, diag))
        project_check_routes(reload->running->config, loaded->project.rules,
                             diag); /* topics are those of the start */
    return loaded;
}

/* Sets *good where there is no mistake; each is printed. */
static struct loaded *load(struct reload *reload, bool *good)
{
    const struct config *config = latest_config(reload);
    struct diag diag;

    diag_init(&diag);
    struct loaded *loaded = load_after_look(reload, config, &diag);
    if (loaded->project.config && !names_same_files(config, loaded->project.config)) {
        struct loaded *first = loaded; /* it names files that had not been looked at */
        diag_fini(&diag);
        diag_init(&diag);
        loaded = load_after_look(reload, first->project.config, &diag);
        free_loaded(first);
    }
    *good = diag.error_count == 0;
    diag_print(&diag, stderr);
    diag_fini(&diag);
    return loaded;
}

static void set_idle(struct reload *reload, struct loaded *loaded)
{
    free_loaded(reload->idle);
    reload->idle = loaded;
}

void reload_now(struct reload *reload, struct engine *engine)
{
    bool good;
    struct loaded *loaded = load(reload, &good);

    if (!good) {
        log_error("reload.refused", "config=%s note=\"the rules in force go on\"",
                  reload->running->config->path);
        set_idle(reload, loaded);
        return;
    }
    if (loaded->project.ruleset->id == reload->ruleset) {
        log_info("reload.unchanged", "ruleset=%016" PRIx64, reload->ruleset);
        set_idle(reload, loaded);
        return;
    }
    set_idle(reload, NULL);
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
    free_loaded(reload->idle);
    free(reload);
}
