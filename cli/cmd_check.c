#include <stdio.h>

#include "cli/cli.h"
#include "cli/project.h"

static const char help[] =
    "Usage: stagecoach check -c FILE [--dot] [--effective]\n"
    "\n"
    "Validates the configuration (with kafka.properties), the schema and all machines. Mistakes "
    "are\n"
    "printed as FILE:LINE:COLUMN: what is wrong, and what would be right - all of them in one "
    "run.\n"
    "\n"
    "  -c, --config FILE   the configuration\n"
    "      --dot           prints the machines for Graphviz: `stagecoach check -c FILE --dot | dot "
    "-Tsvg`\n"
    "      --effective     prints the configuration in force, with defaults and environment, "
    "secrets hidden\n"
    "  -h, --help          this text\n"
    "\n"
    "Exit codes: 0 all is well, 2 there are mistakes.\n";

static void say_well(const struct project *project)
{
    const struct layout *layout = rules_layout(project->rules);
    printf("%s: ok: schema %.*s, %u machines:", project->config->path,
           (int)schema_name(project->schema).size, schema_name(project->schema).data,
           layout->machine_count);
    for (uint32_t i = 0; i < layout->machine_count; i++)
        printf("%s %.*s", i ? "," : "", (int)layout->machines[i].name.size,
               layout->machines[i].name.data);
    printf("\n");
}

int cmd_check(int argc, char **argv)
{
    const char *config = NULL;
    bool dot = false, effective = false;
    const struct cli_option options[] = {
        {"config", 'c', CLI_TEXT, &config},
        {"dot", 0, CLI_FLAG, &dot},
        {"effective", 0, CLI_FLAG, &effective},
        {0},
    };
    struct project project;
    int rc = cli_parse(argc, argv, options, help, NULL);

    if (rc != CLI_GO_ON)
        return rc;
    if (!config)
        return cli_wrong(argv[0], "-c FILE is missing");
    bool well = project_load_or_say(&project, config, NULL);
    if (effective && project.config)
        config_print_effective(project.config, stdout);
    if (well && dot)
        rules_dot(project.rules, stdout);
    if (well && !dot && !effective)
        say_well(&project);
    project_free(&project);
    return well ? 0 : 2;
}
