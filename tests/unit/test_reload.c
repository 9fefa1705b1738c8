/*
 * `watch: true`: which files are looked at, and that each change is told once. Rules that are new
 * are in tests/integration/test_run_reload.c: here no engine runs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/project.h"
#include "cli/reload.h"
#include "command_run.h"

#define GOOD   "machine: m\ninitial: a\nstates:\n  a: { on: { foo: { emit: got.foo } } }\n"
#define BROKEN "machine: m\ninitial: nowhere\nstates:\n  a: {}\n"

struct world {
    char folder[64], config[128];
    struct project project;
    struct reload *reload;
    char told[16384];
};

static void put(const struct world *world, const char *name, const char *text)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", world->folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void put_config(const struct world *world, const char *machine)
{
    char text[512];
    snprintf(text, sizeof text,
             "kafka: { brokers: 'localhost:1', group: g, topics: [t] }\n"
             "signals: { topics: { '*': s } }\nwatch: true\nmachines: [ %s ]\n",
             machine);
    put(world, "c.yaml", text);
}

static int open_world(void **state)
{
    static struct world world;
    snprintf(world.folder, sizeof world.folder, "/tmp/stagecoach-reload-XXXXXX");
    assert_non_null(mkdtemp(world.folder));
    snprintf(world.config, sizeof world.config, "%s/c.yaml", world.folder);
    put(&world, "a.yaml", GOOD);
    put_config(&world, "a.yaml");
    assert_true(project_load_or_say(&world.project, world.config, NULL));
    world.reload = reload_new(&world.project);
    *state = &world;
    return 0;
}

static int close_world(void **state)
{
    struct world *world = *state;
    char command[128];
    reload_free(world->reload);
    project_free(&world->project);
    snprintf(command, sizeof command, "rm -r %s", world->folder);
    return system(command);
}

/* What the next looks tell; they are a second apart. */
static void look(struct world *world)
{
    int saved;
    int file = command_redirect(STDERR_FILENO, &saved);
    for (int i = 0; i < 3; i++) {
        usleep(1010000);
        reload_if_changed(world->reload, NULL);
    }
    command_restore(STDERR_FILENO, saved, file, world->told, sizeof world->told);
}

static void assert_told_once(const struct world *world, const char *what)
{
    const char *at = strstr(world->told, what);
    if (!at || strstr(at + 1, what))
        fail_msg("%s is not told once:\n%s", what, world->told);
}

static void test_files_of_a_new_list_are_watched(void **state)
{
    struct world *world = *state;

    put(world, "b.yaml", BROKEN);
    put_config(world, "b.yaml");
    look(world);
    assert_told_once(world, "reload.refused");
    put(world, "b.yaml", GOOD); /* the rules in force, under another name */
    look(world);
    assert_told_once(world, "reload.unchanged");
    put(world, "b.yaml", BROKEN "# once more\n");
    look(world);
    assert_told_once(world, "reload.refused");
    put(world, "a.yaml", BROKEN); /* nobody names it any more */
    look(world);
    assert_string_equal(world->told, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_files_of_a_new_list_are_watched, open_world,
                                        close_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
