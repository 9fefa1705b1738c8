/*
 * tests/fuzz/driver.c - runs a fuzz target over files, where there is no libFuzzer.
 *
 * usage: fuzz_NAME FILE-OR-FOLDER...   A folder that is not there counts as empty.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat status;

    if (file == NULL || fstat(fileno(file), &status) != 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        if (file != NULL)
            fclose(file);
        return 1;
    }
    /* Exactly as large as the input, so that a sanitizer sees the first byte behind it. */
    size_t size = (size_t)status.st_size;
    uint8_t *data = malloc(size == 0 ? 1 : size);
    size_t got = data == NULL ? 0 : fread(data, 1, size, file);
    fclose(file);
    if (got == size)
        LLVMFuzzerTestOneInput(data, size);
    else
        fprintf(stderr, "%s: short read\n", path);
    free(data);
    return got == size ? 0 : 1;
}

static int run_folder(const char *path, size_t *files)
{
    DIR *folder = opendir(path);
    int failed = 0;

    if (folder == NULL)
        return 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char name[4096];

        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        failed |= run_file(name);
        *files += 1;
    }
    closedir(folder);
    return failed;
}

int main(int argc, char **argv)
{
    size_t files = 0;
    int failed = 0;

    for (int i = 1; i < argc; i++) {
        struct stat status;

        if (stat(argv[i], &status) == 0 && S_ISREG(status.st_mode)) {
            failed |= run_file(argv[i]);
            files += 1;
        } else {
            failed |= run_folder(argv[i], &files);
        }
    }
    /* The empty input is always one of them. */
    const uint8_t nothing = 0;
    LLVMFuzzerTestOneInput(&nothing, 0);
    printf("%zu files\n", files);
    return failed;
}
