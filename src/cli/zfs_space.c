/* SPDX-License-Identifier: MIT */
/* zfs userspace, groupspace, projectspace (format/dsl.md 18.6). */
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "cli/zfs_cli.h"

enum { POSIX_USER = 1, SMB_USER = 2, POSIX_GROUP = 4, SMB_GROUP = 8, PROJECT = 16 };
enum column { COL_TYPE, COL_NAME, COL_USED, COL_QUOTA, COL_OBJUSED, COL_OBJQUOTA, COL_COUNT };
enum { BAD_FIELD = 255, MAX_SORTS = 16 };

static const char *const column_name[] = {"type", "name", "used", "quota", "objused", "objquota"};
static const char *const column_header[] = {"TYPE", "NAME", "USED", "QUOTA", "OBJUSED", "OBJQUOTA"};
static const struct {
    unsigned bit;
    const char *option, *shown;
} owner_type[] = {{POSIX_USER, "posixuser", "POSIX User"},
                  {SMB_USER, "smbuser", "SMB User"},
                  {POSIX_GROUP, "posixgroup", "POSIX Group"},
                  {SMB_GROUP, "smbgroup", "SMB Group"},
                  {PROJECT, "project", "Project"}};

struct owner {
    unsigned type;
    uint64_t id;
    char *name;
    uint64_t value[COL_COUNT]; /* of the numeric columns */
    bool objects;              /* objects are counted */
};
struct space_options {
    const char *command;
    bool scripted, numeric, literal;
    unsigned types;
    enum column column[COL_COUNT];
    size_t ncolumns;
    struct {
        enum column column;
        bool descending;
    } sort[MAX_SORTS];
    size_t nsorts;
};
struct space {
    const struct space_options *o;
    struct owner *owner;
    size_t n, cap;
    bool group, project;
};

/* ---- options ---- */

static int find_column(const char *name, char option, enum column *out)
{
    for (size_t i = 0; i < COL_COUNT; i++) {
        if (strcmp(column_name[i], name) == 0) {
            *out = (enum column)i;
            return 0;
        }
    }
    fprintf(stderr, "invalid type '%s' for -%c option\n", name, option);
    return BAD_FIELD;
}

static int parse_columns(char *text, struct space_options *o)
{
    char *part[32];
    size_t n = cli_split(text, part, array_len(part));
    bool seen[COL_COUNT] = {false};

    o->ncolumns = 0;
    for (size_t i = 0; i < n; i++) {
        enum column c;

        if (find_column(part[i], 'o', &c) != 0)
            return BAD_FIELD;
        if (!seen[c])
            o->column[o->ncolumns++] = c;
        seen[c] = true;
    }
    return 0;
}

static int parse_types(char *text, struct space_options *o)
{
    char *part[32];
    size_t n = cli_split(text, part, array_len(part));

    o->types = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned bit = strcmp(part[i], "all") == 0
                           ? POSIX_USER | SMB_USER | POSIX_GROUP | SMB_GROUP | PROJECT
                           : 0;

        for (size_t k = 0; k < array_len(owner_type); k++) {
            if (strcmp(owner_type[k].option, part[i]) == 0)
                bit = owner_type[k].bit;
        }
        if (bit == 0) {
            fprintf(stderr, "invalid type '%s' for -t option\n", part[i]);
            return BAD_FIELD;
        }
        o->types |= bit;
    }
    /* "all" does not mean projects: they have their own command. */
    if (strcmp(text, "all") == 0)
        o->types &= ~(unsigned)PROJECT;
    return 0;
}

static int parse_sort(const char *text, bool descending, struct space_options *o)
{
    enum column c;

    if (find_column(text, descending ? 'S' : 's', &c) != 0)
        return BAD_FIELD;
    if (o->nsorts < MAX_SORTS) {
        o->sort[o->nsorts].column = c;
        o->sort[o->nsorts++].descending = descending;
    }
    return 0;
}

static int parse(int argc, char **argv, struct space_options *o)
{
    bool project = o->types == PROJECT;
    int c, err = 0;

    cli_getopt_reset();
    while (err == 0 &&
           (c = cli_getopt(argc, argv, project ? "Hpo:s:S:" : "nHpo:s:S:t:i", NULL)) != -1) {
        switch (c) {
        case 'n':
            o->numeric = true;
            break;
        case 'H':
            o->scripted = true;
            break;
        case 'p':
            o->literal = true;
            break;
        case 'i': /* names of SIDs come from the system; there is no directory service to ask */
            break;
        case 'o':
            err = parse_columns(optarg, o);
            break;
        case 's':
        case 'S':
            err = parse_sort(optarg, c == 'S', o);
            break;
        case 't':
            err = parse_types(optarg, o);
            break;
        default:
            err = CLI_USAGE;
        }
    }
    return err != 0 ? err : argc - optind != 1 ? CLI_USAGE : 0;
}

/* ---- collecting ---- */

static char *name_of(const struct space *s, const char *sid, uint64_t id)
{
    const struct passwd *pw = NULL;
    const struct group *gr = NULL;
    char number[32];

    snprintf(number, sizeof(number), "%llu", (unsigned long long)id);
    if (sid[0] != '\0')
        return mem_strdup(sid);
    if (!s->o->numeric && !s->project && s->group)
        gr = getgrgid((gid_t)id);
    else if (!s->o->numeric && !s->project)
        pw = getpwuid((uid_t)id);
    return mem_strdup(pw != NULL ? pw->pw_name : gr != NULL ? gr->gr_name : number);
}

static int keep_owner(void *arg, const struct nvlist *item)
{
    struct space *s = arg;
    const char *sid = nvlist_string(item, "who", "");
    struct owner w = {.id = nvlist_u64(item, "id", 0)};

    w.type = s->project ? PROJECT
             : s->group ? (sid[0] ? SMB_GROUP : POSIX_GROUP)
             : sid[0]   ? SMB_USER
                        : POSIX_USER;
    if ((w.type & s->o->types) == 0)
        return 0;
    if (s->n == s->cap) {
        size_t cap = s->cap == 0 ? 64 : 2 * s->cap;
        struct owner *more = reallocarray(s->owner, cap, sizeof(*more));

        if (more == NULL)
            return 1;
        s->owner = more;
        s->cap = cap;
    }
    for (enum column c = COL_USED; c < COL_COUNT; c++)
        w.value[c] = nvlist_u64(item, column_name[c], 0);
    w.objects = w.value[COL_OBJUSED] != 0 || w.value[COL_OBJQUOTA] != 0;
    w.name = name_of(s, sid, w.id);
    s->owner[s->n++] = w;
    return w.name == NULL;
}

static int collect(struct cli *cli, const char *dataset, const char *kind, struct space *s)
{
    struct zuse_callbacks cb = {.item = keep_owner, .arg = s, .fd = -1};
    AUTO_NVLIST struct nvlist *args = NULL;
    int err = nvlist_create(&args);

    s->group = strcmp(kind, "group") == 0;
    s->project = strcmp(kind, "project") == 0;
    err = err != 0 ? err : nvlist_add_string(args, "dataset", dataset);
    err = err != 0 ? err : nvlist_add_string(args, "kind", kind);
    return err != 0 ? err : cli_call(cli, "userspace", args, NULL, &cb);
}

/* ---- order ---- */

static const char *type_text(unsigned type)
{
    for (size_t k = 0; k < array_len(owner_type); k++) {
        if (owner_type[k].bit == type)
            return owner_type[k].shown;
    }
    return "-";
}

static int compare_column(const struct owner *a, const struct owner *b, enum column c)
{
    bool sids = a->type == SMB_USER || a->type == SMB_GROUP;

    if (c == COL_TYPE)
        return strcmp(type_text(a->type), type_text(b->type));
    if (c == COL_NAME)
        return sids ? strcmp(a->name, b->name) : a->id < b->id ? -1 : a->id > b->id;
    return a->value[c] < b->value[c] ? -1 : a->value[c] > b->value[c];
}

static int compare(const void *x, const void *y, void *arg)
{
    const struct space_options *o = arg;

    for (size_t i = 0; i < o->nsorts; i++) {
        int c = compare_column(x, y, o->sort[i].column);

        if (c != 0)
            return o->sort[i].descending ? -c : c;
    }
    for (enum column k = COL_TYPE; k <= COL_NAME; k++) {
        int c = compare_column(x, y, k);

        if (c != 0)
            return c;
    }
    return 0;
}

static void sort_owners(struct space *s, struct space_options *o)
{
    if (s->n > 1)
        qsort_r(s->owner, s->n, sizeof(*s->owner), compare, o);
}

/* ---- output ---- */

static const char *cell_text(const struct owner *w, enum column c, bool literal, char *buf)
{
    bool quota = c == COL_QUOTA || c == COL_OBJQUOTA, objects = c >= COL_OBJUSED;
    uint64_t v = w->value[c];

    if (c == COL_TYPE)
        return type_text(w->type);
    if (c == COL_NAME)
        return w->name;
    if (objects && !w->objects)
        return "-";
    if (quota && v == 0 && !literal)
        return "none";
    if (literal)
        snprintf(buf, 32, "%llu", (unsigned long long)v);
    else
        (void)(objects ? cli_nicenum(v, buf) : cli_nicebytes(v, buf));
    return buf;
}

static int print_space(const struct space *s)
{
    const struct space_options *o = s->o;
    struct cli_table t;

    if (cli_table_init(&t, o->ncolumns) != 0)
        return CLI_FAILED;
    for (size_t c = 0; c < o->ncolumns; c++)
        cli_table_column(&t, c, column_header[o->column[c]], o->column[c] >= COL_USED);
    for (size_t i = 0; i < s->n; i++) {
        const char *cell[COL_COUNT];
        char buf[COL_COUNT][32];

        for (size_t c = 0; c < o->ncolumns; c++)
            cell[c] = cell_text(&s->owner[i], o->column[c], o->literal, buf[c]);
        (void)cli_table_add(&t, cell);
    }
    cli_table_print(&t, o->scripted, stdout);
    cli_table_free(&t);
    return CLI_OK;
}

static int run(struct cli *cli, int argc, char **argv, struct space_options *o)
{
    AUTO_NVLIST struct nvlist *item = NULL;
    struct space s = {.o = o};
    char name[512];
    int err = parse(argc, argv, o);

    if (err == CLI_USAGE)
        return zfs_usage_print(stderr, o->command);
    if (err != 0)
        return err;
    if (!zfs_name_of(cli, argv[optind], name, sizeof(name)))
        return CLI_FAILED;
    item = zfs_open(cli, name, 1 | 2, (const char *const[]){"type"}, 1);
    if (item == NULL)
        return CLI_FAILED;
    if (o->types & (POSIX_USER | SMB_USER))
        err = collect(cli, name, "user", &s);
    if (err == 0 && o->types & (POSIX_GROUP | SMB_GROUP))
        err = collect(cli, name, "group", &s);
    if (err == 0 && o->types & PROJECT)
        err = collect(cli, name, "project", &s);
    if (err != 0)
        fprintf(stderr, "cannot get used/quota for %s: %s\n", name,
                err == ZE_NOTSUP ? "unsupported version or feature" : cli_detail(cli));
    sort_owners(&s, o);
    if (err == 0)
        (void)print_space(&s);
    for (size_t i = 0; i < s.n; i++)
        free(s.owner[i].name);
    free(s.owner);
    return err != 0 ? CLI_FAILED : CLI_OK;
}

#define ALL_COLUMNS                                                                                \
    {                                                                                              \
        COL_TYPE, COL_NAME, COL_USED, COL_QUOTA, COL_OBJUSED, COL_OBJQUOTA                         \
    }

int zfs_userspace(struct cli *cli, int argc, char **argv)
{
    return run(cli, argc, argv,
               &(struct space_options){.command = "userspace",
                                       .types = POSIX_USER | SMB_USER,
                                       .column = ALL_COLUMNS,
                                       .ncolumns = COL_COUNT});
}

int zfs_groupspace(struct cli *cli, int argc, char **argv)
{
    return run(cli, argc, argv,
               &(struct space_options){.command = "groupspace",
                                       .types = POSIX_GROUP | SMB_GROUP,
                                       .column = ALL_COLUMNS,
                                       .ncolumns = COL_COUNT});
}

int zfs_projectspace(struct cli *cli, int argc, char **argv)
{
    return run(cli, argc, argv,
               &(struct space_options){.command = "projectspace",
                                       .types = PROJECT,
                                       .column = ALL_COLUMNS,
                                       .ncolumns = COL_COUNT});
}
