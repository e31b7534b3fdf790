/* SPDX-License-Identifier: MIT */
/*
 * The public API in a page: lists pools.
 *
 *     cc example.c -o example $(pkg-config --cflags --libs libzuse)
 *     ./example                pools that zused has imported
 *     ./example DIRECTORY...   pools that could be imported from there, with no service at all
 */
#include <inttypes.h>
#include <stdio.h>

#include <zuse/zuse.h>

/* Called for each pool, while the operation runs. */
static int print_pool(void *out, const struct nvlist *item)
{
    const char *name = nvlist_string(item, "name", "?");
    uint64_t guid = nvlist_u64(item, "guid", nvlist_u64(item, "pool_guid", 0));

    fprintf(out, "%s\t%" PRIu64 "\n", name, guid);
    return 0; /* anything else ends the operation */
}

static int list_imported(struct zuse *z)
{
    struct zuse_callbacks cb = {.item = print_pool, .arg = stdout, .fd = -1};

    return zuse_call(z, "pool_list", NULL, NULL, &cb);
}

static int list_importable(struct zuse *z, const char *const *dirs, size_t n)
{
    struct zuse_callbacks cb = {.item = print_pool, .arg = stdout, .fd = -1};
    struct nvlist *args;
    int err = nvlist_create(&args);

    if (err != 0)
        return err;
    err = nvlist_add_string_array(args, "paths", dirs, n);
    if (err == 0)
        err = zuse_call(z, "pool_scan", args, NULL, &cb);
    nvlist_free(args);
    return err;
}

int main(int argc, char **argv)
{
    struct zuse *z;
    int err = argc > 1 ? zuse_open_local(0, &z) : zuse_open(0, &z);

    if (err != 0) {
        fprintf(stderr, "cannot open zuse: %s\n", zuse_error_name(err));
        return 1;
    }
    if (argc > 1)
        err = list_importable(z, (const char *const *)argv + 1, (size_t)argc - 1);
    else
        err = list_imported(z);
    if (err != 0)
        fprintf(stderr, "%s\n", zuse_error_text(z));
    zuse_close(z);
    return err != 0;
}
