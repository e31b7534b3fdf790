/* SPDX-License-Identifier: MIT */
/* zfs allow, as far as it shows permissions, and the help of allow and unallow (format/dsl.md
 * 13, 18.7). */
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "cli/zfs_cli.h"

/* ---- help ---- */

static const struct {
    const char *name, *kind, *note;
} permission[] = {
    {"allow", "subcommand", "Must also have the permission that is being\n\t\t\t\tallowed"},
    {"clone", "subcommand",
     "Must also have the 'create' ability and 'mount'\n\t\t\t\tability in the origin file system"},
    {"create", "subcommand", "Must also have the 'mount' ability"},
    {"destroy", "subcommand", "Must also have the 'mount' ability"},
    {"diff", "subcommand",
     "Allows lookup of paths within a dataset;\n\t\t\t\tgiven an object number. Ordinary users "
     "need this\n"
     "\t\t\t\tin order to use zfs diff"},
    {"hold", "subcommand", "Allows adding a user hold to a snapshot"},
    {"mount", "subcommand", "Allows mount/umount of ZFS datasets"},
    {"promote", "subcommand",
     "Must also have the 'mount'\n\t\t\t\tand 'promote' ability in the origin file system"},
    {"receive", "subcommand", "Must also have the 'mount' and 'create' ability"},
    {"release", "subcommand",
     "Allows releasing a user hold which\n\t\t\t\tmight destroy the snapshot"},
    {"rename", "subcommand",
     "Must also have the 'mount' and 'create'\n\t\t\t\tability in the new parent"},
    {"rollback", "subcommand", ""},
    {"send", "subcommand", ""},
    {"share", "subcommand", "Allows sharing file systems over NFS or SMB\n\t\t\t\tprotocols"},
    {"snapshot", "subcommand", ""},
    {"bookmark", "subcommand", ""},
    {"load-key", "subcommand", "Allows loading or unloading an encryption key"},
    {"change-key", "subcommand", "Allows changing or adding an encryption key"},
    {"groupquota", "other", "Allows accessing any groupquota@... property"},
    {"groupused", "other", "Allows reading any groupused@... property"},
    {"userprop", "other", "Allows changing any user property"},
    {"userquota", "other", "Allows accessing any userquota@... property"},
    {"userused", "other", "Allows reading any userused@... property"},
    {"userobjquota", "other", "Allows accessing any userobjquota@... property"},
    {"userobjused", "other", "Allows reading any userobjused@... property"},
    {"groupobjquota", "other", "Allows accessing any \n\t\t\t\tgroupobjquota@... property"},
    {"groupobjused", "other", "Allows reading any groupobjused@... property"},
    {"projectused", "other", "Allows reading any projectused@... property"},
    {"projectquota", "other", "Allows accessing any projectquota@... property"},
    {"projectobjused", "other", "Allows accessing any \n\t\t\t\tprojectobjused@... property"},
    {"projectobjquota", "other", "Allows accessing any \n\t\t\t\tprojectobjquota@... property"},
};

static const char common_options[] = "\nOptions:\n"
                                     "  -h          show this help message and exit\n"
                                     "  -l          set permission locally\n"
                                     "  -d          set permission for descents\n"
                                     "  -u          set permission for user\n"
                                     "  -g          set permission for group\n"
                                     "  -e          set permission for everyone\n"
                                     "  -c          set create time permission\n"
                                     "  -s          define permission set\n";

static int by_prop_name(const void *a, const void *b)
{
    const struct prop_def *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

static void print_permissions(FILE *out)
{
    const struct prop_def **v AUTO_FREE = mem_calloc(prop_table_count(), sizeof(*v));
    size_t n = 0;

    fprintf(out, "\nThe following permissions are supported:\n\n%-16s %-14s\tNOTES\n", "NAME",
            "TYPE");
    for (size_t i = 0; i < array_len(permission); i++)
        fprintf(out, "%-16s %-14s\t%s\n", permission[i].name, permission[i].kind,
                permission[i].note);
    for (size_t i = 0; v != NULL && i < prop_table_count(); i++) {
        if (!prop_table_at(i)->hidden && prop_table_at(i)->attr != PROP_READONLY)
            v[n++] = prop_table_at(i);
    }
    if (n > 0)
        qsort(v, n, sizeof(*v), by_prop_name);
    for (size_t i = 0; i < n; i++)
        fprintf(out, "%-16s %-14s\t\n", v[i]->name, "property");
}

static int show_help(bool un, const char *error)
{
    FILE *out = error != NULL ? stderr : stdout;
    const char *name = un ? "unallow" : "allow";

    fprintf(out, "Usage: ");
    for (const struct usage_entry *u = zfs_usage; u->name != NULL; u++) {
        if (strcmp(u->name, name) == 0)
            fputs(u->text, out);
    }
    fputs(common_options, out);
    if (un)
        fputs("  -r          remove permissions recursively\n", out);
    print_permissions(out);
    if (error != NULL)
        fprintf(out, "\nzfs: error: %s\n", error);
    return error != NULL ? CLI_USAGE : CLI_OK;
}

/* ---- show ---- */

struct row {
    char kind;      /* u g e c s */
    unsigned where; /* 1 local, 2 descendents */
    char who[300];
    char perms[4096];
};
struct rows {
    struct row *row;
    size_t n;
};

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void join_permissions(const struct nvlist *perms, char *buf, size_t len)
{
    const char **name AUTO_FREE = mem_calloc(nvlist_count(perms) + 1, sizeof(*name));
    const struct nvpair *p = NULL;
    size_t n = 0, at = strlen(buf);

    while (name != NULL && (p = nvlist_next(perms, p)) != NULL)
        name[n++] = nvpair_name(p);
    if (n > 1)
        qsort(name, n, sizeof(*name), by_text);
    for (size_t i = 0; i < n && at < len; i++)
        at += (size_t)snprintf(buf + at, len - at, "%s%s", at > 0 ? "," : "", name[i]);
}

static void who_name(char kind, const char *id, char *buf, size_t len)
{
    char *end;
    unsigned long n = strtoul(id, &end, 10);
    const struct passwd *pw = kind == 'u' && *end == '\0' ? getpwuid((uid_t)n) : NULL;
    const struct group *gr = kind == 'g' && *end == '\0' ? getgrgid((gid_t)n) : NULL;

    if (pw != NULL || gr != NULL)
        snprintf(buf, len, "%s", pw != NULL ? pw->pw_name : gr->gr_name);
    else if (kind == 'u' || kind == 'g')
        snprintf(buf, len, "(unknown: %s)", id);
    else
        snprintf(buf, len, "%s", kind == 's' ? id : "");
}

/* The entries of sets (capital letter) and of plain permissions belong to one row. */
static void add_entry(struct rows *r, const char *key, const struct nvlist *perms)
{
    static const char kinds[] = "ugecs";
    char kind = (char)(key[0] | 0x20), who[300];
    struct row *w = NULL;

    if (strchr(kinds, kind) == NULL || strlen(key) < 3 || key[2] != '$')
        return;
    who_name(kind, key + 3, who, sizeof(who));
    for (size_t i = 0; i < r->n; i++) {
        unsigned bit = key[1] == 'd' ? 2 : 1;

        if (r->row[i].kind == kind && r->row[i].where == bit && strcmp(r->row[i].who, who) == 0)
            w = &r->row[i];
    }
    if (w == NULL) {
        w = &r->row[r->n++];
        *w = (struct row){.kind = kind, .where = key[1] == 'd' ? 2 : 1};
        strcpy(w->who, who);
    }
    join_permissions(perms, w->perms, sizeof(w->perms));
}

static bool has_permission(const char *list, const char *perm, size_t len)
{
    for (const char *at = list; *at != '\0';
         at += strcspn(at, ",") + (at[strcspn(at, ",")] == ',')) {
        if (strcspn(at, ",") == len && memcmp(at, perm, len) == 0)
            return true;
    }
    return false;
}

static void append_permission(char *list, const char *perm, size_t len)
{
    size_t at = strlen(list);

    if (at + len + 2 < sizeof(((struct row *)0)->perms))
        snprintf(list + at, len + 2, "%s%.*s", at > 0 ? "," : "", (int)len, perm);
}

/* Move what a and b have in common into both. */
static void common(struct row *a, struct row *b, struct row *both)
{
    char rest_a[sizeof(a->perms)] = "", rest_b[sizeof(a->perms)] = "";

    for (const char *at = a->perms; *at != '\0';) {
        size_t len = strcspn(at, ",");

        append_permission(has_permission(b->perms, at, len) ? both->perms : rest_a, at, len);
        at += len + (at[len] == ',');
    }
    for (const char *at = b->perms; *at != '\0';) {
        size_t len = strcspn(at, ",");

        if (!has_permission(both->perms, at, len))
            append_permission(rest_b, at, len);
        at += len + (at[len] == ',');
    }
    strcpy(a->perms, rest_a);
    strcpy(b->perms, rest_b);
}

static void merge_places(struct rows *r)
{
    size_t n = r->n;

    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < n; k++) {
            struct row *a = &r->row[i], *b = &r->row[k];

            if (a->where != 1 || b->where != 2 || a->kind != b->kind || strcmp(a->who, b->who) != 0)
                continue;
            r->row[r->n] = (struct row){.kind = a->kind, .where = 3};
            strcpy(r->row[r->n].who, a->who);
            common(a, b, &r->row[r->n]);
            r->n++;
        }
    }
}

static int by_kind_and_name(const void *a, const void *b)
{
    static const char order[] = "scuge";
    const struct row *x = a, *y = b;
    int c = (int)(strchr(order, x->kind) - order) - (int)(strchr(order, y->kind) - order);

    return c != 0 ? c : strcmp(x->who, y->who);
}

static void print_section(const struct rows *r, const char *title, const char *kinds,
                          unsigned where)
{
    bool any = false;

    for (size_t i = 0; i < r->n; i++) {
        const struct row *w = &r->row[i];

        if (strchr(kinds, w->kind) == NULL || w->perms[0] == '\0' ||
            (where != 0 && w->where != where))
            continue;
        if (!any)
            printf("%s:\n", title);
        any = true;
        if (w->kind == 'c')
            printf("\t%s\n", w->perms);
        else
            printf("\t%s%s%s %s\n",
                   w->kind == 'u'   ? "user "
                   : w->kind == 'g' ? "group "
                                    : "",
                   w->kind == 'e' ? "everyone" : w->who, "", w->perms);
    }
}

static void print_dataset(const char *name, const struct nvlist *entries)
{
    const struct nvpair *p = NULL;
    struct rows r = {.row = mem_calloc(2 * nvlist_count(entries) + 1, sizeof(struct row))};
    int len = printf("---- Permissions on %s ", name);

    while (len < 70)
        len += printf("-");
    putchar('\n');
    while (r.row != NULL && (p = nvlist_next(entries, p)) != NULL) {
        struct nvlist *perms;

        if (nvpair_nvlist(p, &perms) == 0)
            add_entry(&r, nvpair_name(p), perms);
    }
    merge_places(&r);
    if (r.n > 1)
        qsort(r.row, r.n, sizeof(*r.row), by_kind_and_name);
    print_section(&r, "Permission sets", "s", 0);
    print_section(&r, "Create time permissions", "c", 0);
    print_section(&r, "Local permissions", "uge", 1);
    print_section(&r, "Descendent permissions", "uge", 2);
    print_section(&r, "Local+Descendent permissions", "uge", 3);
    free(r.row);
}

/* The dataset, then its ancestors. */
static int show(struct cli *cli, const char *name)
{
    AUTO_NVLIST struct nvlist *item = NULL, *args = NULL, *all = NULL;
    char at[256];
    int err;

    if (zfs_name_check("open", name))
        item = zfs_open(cli, name, 1 | 4, (const char *const[]){"type"}, 1);
    if (item == NULL) {
        fprintf(stderr, "Failed to open dataset: %s\n", name);
        return 255;
    }
    err = nvlist_create(&args);
    err = err != 0 ? err : nvlist_add_string(args, "dataset", name);
    err = err != 0 ? err : cli_call(cli, "deleg_get", args, &all, NULL);
    if (err != 0) {
        fprintf(stderr, "cannot get permissions on '%s': %s\n", name, cli_detail(cli));
        return CLI_FAILED;
    }
    snprintf(at, sizeof(at), "%s", name);
    for (;;) {
        struct nvlist *entries = nvlist_child(all, at);
        char *slash = strrchr(at, '/');

        if (entries != NULL && !nvlist_empty(entries))
            print_dataset(at, entries);
        if (slash == NULL)
            return CLI_OK;
        *slash = '\0';
    }
}

static int run(struct cli *cli, int argc, char **argv, bool un)
{
    char text[128];
    bool options = false;
    int c, n;

    cli_getopt_reset();
    opterr = 0;
    while ((c = getopt(argc, argv, un ? ":ldugecsrh" : ":ldugecsh")) != -1) {
        if (c == 'h')
            return show_help(un, NULL);
        if (c == '?') {
            snprintf(text, sizeof(text), "invalid option '%c'", optopt);
            return show_help(un, text);
        }
        options = true;
    }
    n = argc - optind;
    if (n == 1 && !options && !un)
        return show(cli, argv[optind]);
    if (n < (un ? 1 : 2) || n > 3)
        return show_help(un, "wrong number of parameters");
    fprintf(stderr, "cannot set permissions on '%s': not supported yet\n", argv[argc - 1]);
    return CLI_FAILED;
}

int zfs_allow(struct cli *cli, int argc, char **argv)
{
    return run(cli, argc, argv, false);
}

int zfs_unallow(struct cli *cli, int argc, char **argv)
{
    return run(cli, argc, argv, true);
}
