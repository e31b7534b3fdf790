/* SPDX-License-Identifier: MIT */
/* What several zpool commands share: dates (-T), "interval [count]" arguments, does a pool exist.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/zpool_cli.h"

bool zpool_exists(struct cli *cli, const char *name)
{
    AUTO_NVLIST struct nvlist *args = NULL;
    const char *const names[] = {name};
    struct cli_items items;
    bool found;

    if (nvlist_create(&args) != 0 || nvlist_add_string_array(args, "pools", names, 1) != 0)
        return false;
    found = cli_call_items(cli, "pool_config", args, &items) == 0 && items.n > 0;
    cli_items_free(&items);
    return found;
}

/* ---- dates ---- */

bool zpool_date_check(const char *arg)
{
    return (arg[0] == 'd' || arg[0] == 'u') && arg[1] == '\0';
}

void zpool_date_print(char how)
{
    time_t now = time(NULL);
    struct tm tm;
    char text[64];

    if (how == 'u') {
        printf("%lld\n", (long long)now);
        return;
    }
    localtime_r(&now, &tm);
    strftime(text, sizeof(text), "%a %b %e %H:%M:%S %Z %Y", &tm);
    puts(text);
}

/* ---- interval and count ---- */

static bool is_number(const char *text, double *v)
{
    char *end;

    *v = strtod(text, &end);
    return end != text && *end == '\0';
}

bool zpool_interval_take(struct zpool_interval *every, int *argc, char **argv)
{
    double last, before;

    memset(every, 0, sizeof(*every));
    if (*argc == 0 || !is_number(argv[*argc - 1], &last))
        return true;
    if (*argc > 1 && is_number(argv[*argc - 2], &before)) {
        every->seconds = before;
        every->count = (unsigned long)last;
        *argc -= 2;
    } else {
        every->seconds = last;
        *argc -= 1;
    }
    if (every->seconds <= 0) {
        fprintf(stderr, "interval cannot be zero\n");
        return false;
    }
    return true;
}

bool zpool_interval_next(struct zpool_interval *every)
{
    every->done++;
    if (every->seconds == 0 || (every->count != 0 && every->done >= every->count))
        return false;
    fflush(stdout);
    usleep((useconds_t)(every->seconds * 1e6));
    return true;
}
