/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "cli/zuse_cmd.h"

static void mode_text(uint64_t mode, char out[11])
{
    static const char kinds[] = "?pc?d?b?-?l?s???";

    snprintf(out, 11, "%crwxrwxrwx", kinds[mode >> 12 & 15]);
    for (int i = 0; i < 9; i++) {
        if ((mode >> (8 - i) & 1) == 0)
            out[1 + i] = '-';
    }
    if (mode & 04000)
        out[3] = mode & 0100 ? 's' : 'S';
    if (mode & 02000)
        out[6] = mode & 010 ? 's' : 'S';
    if (mode & 01000)
        out[9] = mode & 01 ? 't' : 'T';
}

static int print_entry(void *arg, const struct nvlist *item)
{
    const struct zuse_ls_options *o = arg;
    uint64_t mode = nvlist_u64(item, "mode", 0), rdev = nvlist_u64(item, "rdev", 0);
    int64_t mtime = 0;
    char text[11], when[32], size[32];
    struct tm tm;
    time_t t;

    if (!o->longs) {
        puts(nvlist_string(item, "path", "?"));
        return 0;
    }
    (void)nvlist_lookup_i64(item, "mtime", &mtime);
    t = (time_t)mtime;
    localtime_r(&t, &tm);
    strftime(when, sizeof(when), "%Y-%m-%d %H:%M", &tm);
    mode_text(mode, text);
    if ((mode & 0170000) == 0020000 || (mode & 0170000) == 0060000)
        snprintf(size, sizeof(size), "%u, %u", major((dev_t)rdev), minor((dev_t)rdev));
    else
        snprintf(size, sizeof(size), "%llu", (unsigned long long)nvlist_u64(item, "size", 0));
    printf("%s %3llu %8llu %8llu %12s %s %s", text,
           (unsigned long long)nvlist_u64(item, "nlink", 0),
           (unsigned long long)nvlist_u64(item, "uid", 0),
           (unsigned long long)nvlist_u64(item, "gid", 0), size, when,
           nvlist_string(item, "path", "?"));
    if (nvlist_exists(item, "target"))
        printf(" -> %s", nvlist_string(item, "target", ""));
    putchar('\n');
    return 0;
}

int zuse_ls(struct cli *cli, struct nvlist *args, const struct zuse_ls_options *o)
{
    struct zuse_callbacks cb = {.item = print_entry, .arg = (void *)o, .fd = -1};
    int err = nvlist_add_bool(args, "recursive", o->recursive);

    return err != 0 ? err : zuse_call(cli->z, "file_list", args, NULL, &cb);
}
