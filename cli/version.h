/*
 * cli/version.h - what `stagecoach --version` says.
 */
#ifndef CLI_VERSION_H
#define CLI_VERSION_H

#include <stdio.h>

/* Our version, and those of the libraries that are in use (not those that it was built with). */
void version_print(FILE *out);
#endif
