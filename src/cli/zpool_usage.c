/* SPDX-License-Identifier: MIT */
/* Usage texts of zpool, as the field's scripts and people know them. */
#include "cli/usage.h"

const struct usage_entry zpool_usage[] = {
    {"version", true, "\tversion [-j]\n"},
    {"create", false,
     "\tcreate [-fnd] [-o property=value] ... \n"
     "\t    [-O file-system-property=value] ... \n"
     "\t    [-m mountpoint] [-R root] <pool> <vdev> ...\n"},
    {"destroy", true, "\tdestroy [-f] <pool>\n"},
    {"add", false, "\tadd [-afgLnP] [-o property=value] <pool> <vdev> ...\n"},
    {"remove", true, "\tremove [-npsw] <pool> <device> ...\n"},
    {"labelclear", true, "\tlabelclear [-f] <vdev>\n"},
    {"checkpoint", false, "\tcheckpoint [-d [-w]] <pool> ...\n"},
    {"prefetch", true,
     "\tprefetch -t <type> [<type opts>] <pool>\n"
     "\t    -t ddt <pool>\n"},
    {"list", false,
     "\tlist [-gHLpPv] [-o property[,...]] [-j [--json-int, --json-pool-key-guid]] ...\n"
     "\t    [-T d|u] [pool] [interval [count]]\n"},
    {"iostat", false,
     "\tiostat [[[-c [script1,script2,...][-lq]]|[-rw]] [-T d | u] [-ghHLpPvy]\n"
     "\t    [[pool ...]|[pool vdev ...]|[vdev ...]] [[-n] interval [count]]\n"},
    {"status", true,
     "\tstatus [--power] [-j [--json-int, --json-flat-vdevs, ...\n"
     "\t    --json-pool-key-guid]] [-c [script1,script2,...]] [-dDegiLpPstvx] ...\n"
     "\t    [-T d|u] [pool] [interval [count]]\n"},
    {"online", false, "\tonline [--power][-e] <pool> <device> ...\n"},
    {"offline", false, "\toffline [--power]|[[-f][-t]] <pool> <device> ...\n"},
    {"clear", false, "\tclear [[--power]|[-nF]] <pool> [device]\n"},
    {"reopen", true, "\treopen [-n] <pool>\n"},
    {"attach", false, "\tattach [-fsw] [-o property=value] <pool> <device> <new-device>\n"},
    {"detach", false, "\tdetach <pool> <device>\n"},
    {"replace", false, "\treplace [-fsw] [-o property=value] <pool> <device> [new-device]\n"},
    {"split", true,
     "\tsplit [-gLnPl] [-R altroot] [-o mntopts]\n"
     "\t    [-o property=value] <pool> <newpool> [<device> ...]\n"},
    {"initialize", false, "\tinitialize [-c | -s | -u] [-w] <pool> [<device> ...]\n"},
    {"resilver", false, "\tresilver <pool> ...\n"},
    {"scrub", false, "\tscrub [-e | -s | -p | -C] [-w] <pool> ...\n"},
    {"trim", true, "\ttrim [-dw] [-r <rate>] [-c | -s] <pool> [<device> ...]\n"},
    {"import", false,
     "\timport [-d dir] [-D]\n"
     "\timport [-o mntopts] [-o property=value] ... \n"
     "\t    [-d dir | -c cachefile] [-D] [-l] [-f] [-m] [-N] [-R root] [-F [-n]] -a\n"
     "\timport [-o mntopts] [-o property=value] ... \n"
     "\t    [-d dir | -c cachefile] [-D] [-l] [-f] [-m] [-N] [-R root] [-F [-n]]\n"
     "\t    [--rewind-to-checkpoint] <pool | id> [newpool]\n"},
    {"export", false, "\texport [-af] <pool> ...\n"},
    {"upgrade", false,
     "\tupgrade\n"
     "\tupgrade -v\n"
     "\tupgrade [-V version] <-a | pool ...>\n"},
    {"reguid", true, "\treguid [-g guid] <pool>\n"},
    {"history", false, "\thistory [-il] [<pool>] ...\n"},
    {"events", true, "\tevents [-vHf [pool] | -c]\n"},
    {"get", false,
     "\tget [-Hp] [-j [--json-int, --json-pool-key-guid]] ...\n"
     "\t    [-o \"all\" | field[,...]] <\"all\" | property[,...]> <pool> ...\n"},
    {"set", false,
     "\tset <property=value> <pool>\n"
     "\tset <vdev_property=value> <pool> <vdev>\n"},
    {"sync", true, "\tsync [pool] ...\n"},
    {"wait", true, "\twait [-Hp] [-T d|u] [-t <activity>[,...]] <pool> [interval]\n"},
    {"ddtprune", true, "\tddtprune -d|-p <amount> <pool>\n"},
    {NULL, false, NULL},
};
