/* SPDX-License-Identifier: MIT */
/*
 * Commands that change pools. This release opens pools for reading: the command lines are checked
 * as they will be (options, number of arguments), then each answers that the action is not
 * supported yet.
 */
#include <getopt.h>
#include <string.h>

#include "cli/zfs_cli.h"

struct write_command {
    const char *name;
    const char *spec;    /* getopt */
    int min, max;        /* arguments; max -1: any */
    const char *missing; /* message, or NULL for the bare usage text */
    const char *action;  /* "cannot ACTION 'X': ..." */
    int subject;         /* which argument is X; -1: the last */
    char all;            /* option that stands for the arguments, or 0 */
    bool snapshot;       /* X must be a snapshot's name, else the bare usage text */
};

static const struct write_command commands[] = {
    {"create", "o:V:b:Pnpsuv", 1, 1, "missing filesystem argument", "create", 0, 0, false},
    {"destroy", "vpndfrR", 1, 1, "missing dataset argument", "destroy", 0, 0, false},
    {"snapshot", "ro:", 1, -1, "missing snapshot argument", "create snapshot", 0, 0, true},
    {"rollback", "rRf", 1, 1, "missing dataset argument", "rollback to", 0, 0, false},
    {"clone", "o:pu", 2, 2, "missing source dataset argument", "create", 1, 0, false},
    {"promote", "", 1, 1, "missing clone filesystem argument", "promote", 0, 0, false},
    {"rename", "pruf", 2, 2, "missing source dataset argument", "rename", 0, 0, false},
    {"bookmark", "", 2, 2, "missing source argument", "create bookmark", 1, 0, false},
    {"program", "nt:m:j", 2, -1, "invalid number of arguments", "run a channel program in", 0, 0,
     false},
    {"set", "u", 2, -1, "missing arguments", "set property for", -1, 0, false},
    {"inherit", "rS", 2, -1, "missing property argument", "inherit property for", 1, 0, false},
    {"project", "0Ccd:kp:rs", 1, -1, NULL, "manage the project of", 0, 0, false},
    {"share", "al", 1, 1, "missing filesystem argument (specify -a for all)", "share", 0, 'a',
     false},
    {"unshare", "a", 1, 1, "missing filesystem argument", "unshare", 0, 'a', false},
    {"send", "i:I:RsDpVvnPLeht:cwbd:SX:", 1, 1, "missing snapshot argument", "send", 0, 't', false},
    {"receive", "o:x:dehMnuvFsA", 1, 1, "missing snapshot argument", "receive", 0, 0, false},
    {"hold", "r", 2, -1, NULL, "hold snapshot", 1, 0, false},
    {"release", "r", 2, -1, NULL, "release hold from snapshot", 1, 0, false},
    {"change-key", "ilo:", 1, 1, "Missing dataset argument", "change key of", 0, 0, false},
    {"redact", "", 3, -1, "too few arguments", "redact", 0, 0, false},
    {"wait", "t:", 1, 1, "missing 'filesystem' argument", "wait for", 0, 0, false},
    {"zone", "", 2, 2, "missing argument(s)", "attach", 1, 0, false},
    {"unzone", "", 2, 2, "missing argument(s)", "detach", 1, 0, false},
    {"rewrite", "Pl:o:rvxCS", 1, -1, "missing file or directory target argument", "rewrite", 0, 0,
     false},
};

/* What OpenZFS says when only the first of two arguments is there. */
static const char *missing_message(const struct write_command *w, int argc)
{
    if (argc == 1 && strcmp(w->name, "clone") == 0)
        return "missing target dataset argument";
    if (argc == 1 && strcmp(w->name, "rename") == 0)
        return "missing target dataset argument";
    if (argc == 1 && strcmp(w->name, "bookmark") == 0)
        return "missing bookmark argument";
    if (argc == 1 && strcmp(w->name, "inherit") == 0)
        return "missing dataset argument";
    if (argc == 1 && strcmp(w->name, "set") == 0)
        return "missing dataset name(s)";
    return w->missing;
}

static int usage(const struct write_command *w, const char *message)
{
    return message != NULL ? zfs_usage_error(w->name, "%s\n", message)
                           : zfs_usage_print(stderr, w->name);
}

/* `create -o` without a value says "missing size argument", as ever. */
static int next_option(const struct write_command *w, int argc, char **argv)
{
    char spec[64];
    int c;

    snprintf(spec, sizeof(spec), "%s:%s", strcmp(w->name, "program") == 0 ? "+" : "", w->spec);
    opterr = 0;
    c = getopt(argc, argv, spec);
    if (c == ':' && strcmp(w->name, "create") == 0)
        fprintf(stderr, "missing size argument\n");
    else if (c == ':')
        fprintf(stderr, "missing argument for '%c' option\n", optopt);
    else if (c == '?')
        fprintf(stderr, "invalid option '%c'\n", optopt);
    return c == ':' ? '?' : c;
}

static int run(const struct write_command *w, int argc, char **argv)
{
    const char *subject;
    bool all = false;
    int c;

    cli_getopt_reset();
    while ((c = next_option(w, argc, argv)) != -1) {
        if (c == '?')
            return zfs_usage_print(stderr, w->name);
        all |= w->all != 0 && c == w->all;
    }
    argc -= optind;
    argv += optind;
    if (argc < w->min && !all)
        return usage(w, missing_message(w, argc));
    if (w->max >= 0 && argc > w->max)
        return usage(w, "too many arguments");
    if (argc == 0) {
        fprintf(stderr, "cannot %s: not supported yet\n", w->action);
        return CLI_FAILED;
    }
    subject = argv[w->subject < 0 ? argc - 1 : w->subject < argc ? w->subject : 0];
    if (w->snapshot && strchr(subject, '@') == NULL)
        return zfs_usage_print(stderr, w->name);
    fprintf(stderr, "cannot %s '%s': not supported yet\n", w->action, subject);
    return CLI_FAILED;
}

bool zfs_write_command(struct cli *cli, int argc, char **argv, int *status)
{
    for (size_t i = 0; i < array_len(commands); i++) {
        if (strcmp(commands[i].name, argv[0]) == 0) {
            *status = run(&commands[i], argc, argv);
            return true;
        }
    }
    return false;
}
