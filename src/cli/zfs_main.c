/* SPDX-License-Identifier: MIT */
/* The zfs command: table of commands, usage, what they share. */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/zfs_cli.h"

static const struct {
    const char *name;
    int (*run)(struct cli *cli, int argc, char **argv);
} commands[] = {
    {"list", zfs_list},
    {"get", zfs_get},
    {"mount", zfs_mount},
    {"unmount", zfs_unmount},
    {"load-key", zfs_load_key},
    {"unload-key", zfs_unload_key},
    {"userspace", zfs_userspace},
    {"groupspace", zfs_groupspace},
    {"projectspace", zfs_projectspace},
    {"holds", zfs_holds},
    {"allow", zfs_allow},
    {"unallow", zfs_unallow},
    {"diff", zfs_diff},
    {"version", zfs_version},
    {"upgrade", zfs_upgrade},
};

static const char footer[] = "\nFor the property list, run: zfs set|get\n"
                             "\nFor the delegated permission list, run: zfs allow|unallow\n"
                             "\nFor further help on a command or topic, run: zfs help [<topic>]\n";

static const char properties_footer[] =
    "\nSizes are specified in bytes with standard units such as K, M, G, etc.\n"
    "\nUser-defined properties can be specified by using a name containing a colon (:).\n"
    "\nThe {user|group|project}[obj]{used|quota}@ properties must be appended with\n"
    "a user|group|project specifier of one of these forms:\n"
    "    POSIX name      (eg: \"matt\")\n"
    "    POSIX id        (eg: \"126829\")\n"
    "    SMB name@domain (eg: \"matt@sun\")\n"
    "    SMB SID         (eg: \"S-1-234-567-89\")\n";

static int by_name(const void *a, const void *b)
{
    const struct prop_def *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

static void property_row(FILE *out, const char *name, bool edit, bool inherit, const char *values)
{
    fprintf(out, "\t%-20s  %4s  %7s   %s\n", name, edit ? "YES" : "NO", inherit ? "YES" : "NO",
            values);
}

static void print_virtual_properties(FILE *out)
{
    static const char *const owner[] = {"user",    "group",    "project",
                                        "userobj", "groupobj", "projectobj"};
    char name[32];

    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < array_len(owner); i++) {
            snprintf(name, sizeof(name), "%s%s@...", owner[i], k == 0 ? "used" : "quota");
            property_row(out, name, k == 1, false, k == 0 ? "<size>" : "<size> | none");
        }
    }
    property_row(out, "written@<snap>", false, false, "<size>");
    property_row(out, "written#<bookmark>", false, false, "<size>");
}

/* Read-only ones first, both parts by name. */
static void print_properties(FILE *out)
{
    const struct prop_def **v AUTO_FREE = mem_calloc(prop_table_count(), sizeof(*v));
    size_t n = 0;

    if (v == NULL)
        return;
    for (size_t i = 0; i < prop_table_count(); i++) {
        if (!prop_table_at(i)->hidden)
            v[n++] = prop_table_at(i);
    }
    qsort(v, n, sizeof(*v), by_name);
    fprintf(out, "\nThe following properties are supported:\n\n\t%-20s  %4s  %7s   %s\n\n",
            "PROPERTY", "EDIT", "INHERIT", "VALUES");
    for (int readonly = 1; readonly >= 0; readonly--) {
        for (size_t i = 0; i < n; i++) {
            if ((v[i]->attr == PROP_READONLY) == readonly)
                property_row(out, v[i]->name, v[i]->attr == PROP_INHERIT || v[i]->attr == PROP_SET,
                             prop_is_inheritable(v[i]), v[i]->values);
        }
    }
    print_virtual_properties(out);
    fputs(properties_footer, out);
}

static bool shows_properties(const char *name)
{
    return strcmp(name, "list") == 0 || strcmp(name, "get") == 0 || strcmp(name, "set") == 0 ||
           strcmp(name, "inherit") == 0;
}

int zfs_usage_print(FILE *out, const char *name)
{
    if (name == NULL) {
        fprintf(out, "usage: zfs command args ...\nwhere 'command' is one of the following:\n\n");
        for (const struct usage_entry *u = zfs_usage; u->name != NULL; u++)
            fprintf(out, "%s%s", u->text, u->gap ? "\n" : "");
        fprintf(out, "Each dataset is of the form: pool/[dataset/]*dataset[@name]\n");
    } else {
        fprintf(out, "usage:\n");
        for (const struct usage_entry *u = zfs_usage; u->name != NULL; u++) {
            if (strcmp(u->name, name) == 0)
                fputs(u->text, out);
        }
    }
    if (name != NULL && shows_properties(name))
        print_properties(out);
    else
        fputs(footer, out);
    return out == stdout ? CLI_OK : CLI_USAGE;
}

int zfs_usage_error(const char *command, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    return zfs_usage_print(stderr, command);
}

bool zfs_types_parse(char *text, uint64_t *types)
{
    static const struct {
        const char *name;
        uint64_t bits;
    } rows[] = {{"filesystem", 1}, {"fs", 1},  {"snapshot", 2},  {"snap", 2},
                {"volume", 4},     {"vol", 4}, {"bookmark", 16}, {"all", 23}};
    char *field[16];
    size_t n = cli_split(text, field, array_len(field));

    *types = 0;
    for (size_t i = 0; i < n; i++) {
        size_t r = 0;

        while (r < array_len(rows) && strcmp(rows[r].name, field[i]) != 0)
            r++;
        if (r == array_len(rows)) {
            fprintf(stderr, "invalid type '%s'\n", field[i]);
            return false;
        }
        *types |= rows[r].bits;
    }
    return true;
}

const char *zfs_type_name(uint64_t type)
{
    return type == 2 ? "snapshot" : type == 4 ? "volume" : type == 16 ? "bookmark" : "filesystem";
}

int zfs_cannot(struct cli *cli, const char *action, const char *name, int err)
{
    const char *why = cli_detail(cli);

    if (err == ZE_NOSERVICE && cli->z == NULL)
        return CLI_FAILED; /* said so when connecting */
    if (err == ZE_NODATASET || err == ZE_NOPOOL)
        why = "dataset does not exist";
    else if (err == ZE_PERM || err == ZE_ACCES)
        why = "permission denied";
    else if (err == ZE_WRONGTYPE)
        why = "operation not applicable to datasets of this type";
    fprintf(stderr, "cannot %s '%s': %s\n", action, name, why);
    return CLI_FAILED;
}

/* ---- names ---- */

bool zfs_name_of(struct cli *cli, const char *arg, char *name, size_t len)
{
    struct cli_items mounts = {0};
    struct stat st, at;
    size_t best = 0;
    char *real AUTO_FREE = NULL;

    if (arg[0] != '/' && arg[0] != '.') {
        snprintf(name, len, "%s", arg);
        return zfs_name_check("open", arg);
    }
    real = realpath(arg, NULL);
    if (real == NULL || stat(real, &st) != 0) {
        fprintf(stderr, "cannot open '%s': %s\n", arg, strerror(errno));
        return false;
    }
    (void)cli_call_items(cli, "dataset_mounts", NULL, &mounts);
    for (size_t i = 0; i < mounts.n; i++) {
        const char *point = nvlist_string(mounts.item[i], "mountpoint", "");
        size_t n = strlen(point);

        if (n > best && strncmp(real, point, n) == 0 &&
            (real[n] == '\0' || real[n] == '/' || n == 1) && stat(point, &at) == 0 &&
            at.st_dev == st.st_dev) {
            best = n;
            snprintf(name, len, "%s", nvlist_string(mounts.item[i], "name", ""));
        }
    }
    cli_items_free(&mounts);
    if (best == 0)
        fprintf(stderr, "cannot open '%s': not a ZFS filesystem\n", arg);
    return best != 0;
}

/* What is wrong with a name, or NULL (format/dsl.md 14). */
static const char *name_fault(const char *name, char text[64])
{
    size_t marks = 0;

    if (strlen(name) >= 256)
        return "name is too long";
    if (name[0] == '/')
        return "leading slash in name";
    if (name[0] == '\0' || name[strlen(name) - 1] == '/')
        return name[0] == '\0' ? "invalid dataset name" : "trailing slash in name";
    for (const char *c = name; *c != '\0'; c++) {
        if (!isalnum((unsigned char)*c) && strchr("-_.: /@#%", *c) == NULL) {
            snprintf(text, 64, "invalid character '%c' in name", *c);
            return text;
        }
        marks += *c == '@' || *c == '#';
        if (*c == '/' && marks > 0)
            return "empty component or misplaced '@' or '#' delimiter in name";
        if ((*c == '/' || *c == '@' || *c == '#') &&
            (c == name || c[1] == '/' || c[1] == '\0' || c[1] == '@'))
            return "empty component or misplaced '@' or '#' delimiter in name";
    }
    return marks > 1 ? "multiple '@' and/or '#' delimiters in name" : NULL;
}

bool zfs_name_check(const char *action, const char *name)
{
    char text[64];
    const char *fault = name_fault(name, text);

    if (fault != NULL)
        fprintf(stderr, "cannot %s '%s': %s\n", action, name, fault);
    return fault == NULL;
}

static int append(struct cli_items *all, struct cli_items *part)
{
    struct nvlist **more = reallocarray(all->item, all->n + part->n + 1, sizeof(*more));

    if (more == NULL) {
        cli_items_free(part);
        return ZE_NOMEM;
    }
    all->item = more;
    if (part->n > 0)
        memcpy(all->item + all->n, part->item, part->n * sizeof(*more));
    all->n += part->n;
    all->cap = all->n + 1;
    free(part->item);
    return 0;
}

int zfs_collect(struct cli *cli, const char *root, uint64_t types, uint64_t depth,
                const char *const *props, size_t nprops, struct cli_items *all)
{
    AUTO_NVLIST struct nvlist *args = NULL;
    struct cli_items part = {0};
    int err = nvlist_create(&args);

    if (props != NULL)
        err = err != 0 ? err : nvlist_add_string_array(args, "props", props, nprops);
    err = err != 0 ? err : nvlist_add_u64(args, "types", types);
    err = err != 0 ? err : nvlist_add_u64(args, "depth", depth);
    if (root != NULL)
        err = err != 0 ? err : nvlist_add_string_array(args, "roots", &root, 1);
    err = err != 0 ? err : cli_call_items(cli, "dataset_list", args, &part);
    if (err != 0) {
        cli_items_free(&part);
        return err;
    }
    return append(all, &part);
}

struct nvlist *zfs_open(struct cli *cli, const char *name, uint64_t types, const char *const *props,
                        size_t nprops)
{
    struct cli_items items = {0};
    struct nvlist *found = NULL;
    int err = zfs_collect(cli, name, UINT64_MAX, 0, props, nprops, &items);

    if (err == 0 && items.n > 0 && (nvlist_u64(items.item[0], "type", 0) & types) == 0)
        err = ZE_WRONGTYPE;
    if (err == 0 && items.n == 0)
        err = ZE_NODATASET;
    if (err != 0) {
        (void)zfs_cannot(cli, "open", name, err);
    } else {
        found = items.item[0];
        items.item[0] = NULL;
    }
    cli_items_free(&items);
    return found;
}

static bool is_known(const char *name)
{
    for (const struct usage_entry *u = zfs_usage; u->name != NULL; u++) {
        if (strcmp(u->name, name) == 0)
            return true;
    }
    return false;
}

static const char *unaliased(const char *name)
{
    static const char *const alias[][2] = {
        {"umount", "unmount"}, {"recv", "receive"}, {"snap", "snapshot"}};

    for (size_t i = 0; i < array_len(alias); i++) {
        if (strcmp(alias[i][0], name) == 0)
            return alias[i][1];
    }
    return name;
}

int zfs_main(struct cli *cli, int argc, char **argv)
{
    const char *name;
    int status;

    if (argc < 2) {
        fprintf(stderr, "missing command\n");
        return zfs_usage_print(stderr, NULL);
    }
    name = unaliased(argv[1]);
    if (strcmp(name, "-?") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "help") == 0)
        return zfs_usage_print(stdout, argc > 2 && is_known(argv[2]) ? argv[2] : NULL);
    for (size_t i = 0; i < array_len(commands); i++) {
        if (strcmp(commands[i].name, name) == 0)
            return commands[i].run(cli, argc - 1, argv + 1);
    }
    argv[1] = (char *)name;
    if (zfs_write_command(cli, argc - 1, argv + 1, &status))
        return status;
    fprintf(stderr, "unrecognized command '%s'\n", argv[1]);
    return zfs_usage_print(stderr, NULL);
}
