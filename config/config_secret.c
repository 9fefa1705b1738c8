#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/config_loader.h"

#define SECRET_SIZE_MAX (64u << 10)

/*
 * The bytes read, or -1 with errno. A byte more than allowed is asked for, to see that it is too
 * large.
 */
static long read_file(const char *path, char *out)
{
    FILE *in = fopen(path, "rbe");
    if (!in)
        return -1;
    size_t size = fread(out, 1, SECRET_SIZE_MAX + 1, in);
    int failed = ferror(in) ? errno : 0;
    fclose(in);
    errno = failed;
    return failed ? -1 : (long)size;
}

static struct slice without_line_end(struct slice text)
{
    while (text.size > 0 && (text.data[text.size - 1] == '\n' || text.data[text.size - 1] == '\r'))
        text.size--;
    return text;
}

const char *config_secret_read(struct loader *loader, const char *path, struct diag_pos at)
{
    char *text = arena_alloc(&loader->config->arena, SECRET_SIZE_MAX + 1);
    long size = read_file(config_location(loader, path), text);
    if (size < 0) {
        diag_error(loader->diag, at, "%s can't be read: %s", path, strerror(errno));
        return NULL;
    }
    struct slice secret = without_line_end((struct slice){text, (size_t)size});
    if (secret.size == 0) {
        diag_error(loader->diag, at, "%s is empty", path);
        return NULL;
    }
    if ((size_t)size > SECRET_SIZE_MAX || memchr(secret.data, '\0', secret.size)) {
        diag_error(loader->diag, at, "%s does not hold a text of at most 64 KiB", path);
        return NULL;
    }
    return config_keep(loader->config, secret);
}
