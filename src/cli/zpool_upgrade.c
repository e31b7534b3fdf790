/* SPDX-License-Identifier: MIT */
/* zpool upgrade: what could be upgraded, and the list of versions and features. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli/zpool_cli.h"
#include "disk/features.h"

static const char greeting[] = "This system supports ZFS pool feature flags.\n\n";

static int print_versions(void)
{
    printf("%sThe following features are supported:\n\nFEAT DESCRIPTION\n"
           "-------------------------------------------------------------\n",
           greeting);
    for (unsigned i = 0; i < FEATURE_COUNT; i++) {
        const struct feature_info *f = feature_info((enum feature)i);

        printf("%-37s%s\n     %s\n", f->name,
               f->flags & FEATURE_FLAG_RO ? " (read-only compatible)" : "", f->description);
    }
    printf("\nThe following legacy versions are also supported:\n\nVER  DESCRIPTION\n"
           "---  --------------------------------------------------------\n");
    for (unsigned v = 1; v <= POOL_VERSION_LEGACY; v++)
        printf(" %-2u  %s\n", v, pool_version_info(v)->description);
    printf("\nFor more information on a particular version, including supported releases,\n"
           "see the ZFS Administration Guide.\n\n");
    return CLI_OK;
}

static uint64_t version_of(const struct nvlist *item)
{
    const struct nvlist *config = nvlist_child(item, "config");

    return config != NULL ? nvlist_u64(config, "version", POOL_VERSION_FEATURES)
                          : POOL_VERSION_FEATURES;
}

static void print_legacy(const struct cli_items *pools)
{
    size_t n = 0;

    for (size_t i = 0; i < pools->n; i++) {
        if (version_of(pools->item[i]) >= POOL_VERSION_FEATURES)
            continue;
        if (n++ == 0)
            printf("The following pools are formatted with legacy version numbers and can\n"
                   "be upgraded to use feature flags.  After being upgraded, these pools\n"
                   "will no longer be accessible by software that does not support feature\n"
                   "flags.\n\n"
                   "Note that setting a pool's 'compatibility' feature to 'legacy' will\n"
                   "inhibit upgrades.\n\nVER  POOL\n---  ------------\n");
        printf("%2llu   %s\n", (unsigned long long)version_of(pools->item[i]),
               nvlist_string(pools->item[i], "name", "?"));
    }
    printf(n > 0 ? "\nUse 'zpool upgrade -v' for a list of available legacy versions.\n"
                 : "All pools are formatted using feature flags.\n\n");
}

static bool is_disabled(const struct nvlist *item, unsigned feature)
{
    const struct nvlist *props = nvlist_child(item, "props"), *entry;
    char name[96];

    snprintf(name, sizeof(name), "feature@%s", feature_info((enum feature)feature)->name);
    entry = props != NULL ? nvlist_child(props, name) : NULL;
    return entry != NULL && strcmp(nvlist_string(entry, "value", ""), "disabled") == 0;
}

static void print_features(const struct cli_items *pools)
{
    bool any = false;

    for (size_t i = 0; i < pools->n; i++) {
        bool named = false;

        for (unsigned f = 0;
             f < FEATURE_COUNT && version_of(pools->item[i]) >= POOL_VERSION_FEATURES; f++) {
            if (!is_disabled(pools->item[i], f) ||
                (feature_info((enum feature)f)->flags & FEATURE_FLAG_NO_UPGRADE) != 0)
                continue;
            if (!any)
                printf("\nSome supported features are not enabled on the following pools. Once a\n"
                       "feature is enabled the pool may become incompatible with software\n"
                       "that does not support the feature. See zpool-features(7) for details.\n\n"
                       "Note that the pool 'compatibility' feature can be used to inhibit\n"
                       "feature upgrades.\n\nPOOL  FEATURE\n---------------\n");
            if (!named)
                printf("%s\n", nvlist_string(pools->item[i], "name", "?"));
            any = named = true;
            printf("      %s\n", feature_info((enum feature)f)->name);
        }
        if (named)
            putchar('\n');
    }
    if (!any)
        printf("Every feature flags pool has all supported and requested features enabled.\n");
}

static int print_state(struct cli *cli)
{
    struct cli_items pools;

    if (zpool_fetch(cli, 0, NULL, &pools) != CLI_OK)
        return CLI_FAILED;
    fputs(greeting, stdout);
    print_legacy(&pools);
    print_features(&pools);
    cli_items_free(&pools);
    return CLI_OK;
}

static bool version_ok(const char *text)
{
    char *end;
    unsigned long long v = strtoull(text, &end, 10);

    if (*end == '\0' && ((v >= 1 && v <= POOL_VERSION_LEGACY) || v == POOL_VERSION_FEATURES))
        return true;
    fprintf(stderr, "invalid version '%s'\n", text);
    return false;
}

int zpool_upgrade(struct cli *cli, int argc, char **argv)
{
    const char *version = NULL;
    bool all = false, verbose = false;
    int c;

    cli_getopt_reset();
    while ((c = cli_getopt(argc, argv, ":avV:", NULL)) != -1) {
        if (c == '?' || (c == 'V' && !version_ok(optarg)))
            return zpool_usage_print(stderr, "upgrade");
        all |= c == 'a';
        verbose |= c == 'v';
        version = c == 'V' ? optarg : version;
    }
    argc -= optind;
    argv += optind;
    if (verbose && (all || version != NULL || argc > 0)) {
        fprintf(stderr, "-v option is incompatible with other arguments\n");
        return zpool_usage_print(stderr, "upgrade");
    }
    if (version != NULL && !all && argc == 0) {
        fprintf(stderr, "-V option is incompatible with other arguments\n");
        return zpool_usage_print(stderr, "upgrade");
    }
    if (all && argc > 0) {
        fprintf(stderr, "-a option should not be used along with a pool name\n");
        return zpool_usage_print(stderr, "upgrade");
    }
    if (verbose)
        return print_versions();
    if (!all && argc == 0)
        return print_state(cli);
    for (int i = 0; i < argc; i++)
        (void)zpool_not_yet(cli, "upgrade", argv[i]);
    if (all)
        fprintf(stderr, "cannot upgrade pools: not supported yet\n");
    return CLI_FAILED;
}
