/* SPDX-License-Identifier: MIT */
/* Usage texts of zfs, as the field's scripts and people know them. */
#include "cli/usage.h"

/* clang-format off */
const struct usage_entry zfs_usage[] = {
    {"version", true,
     "\tversion [-j]\n"},
    {"create", false,
     "\tcreate [-Pnpuv] [-o property=value] ... <filesystem>\n"
     "\tcreate [-Pnpsv] [-b blocksize] [-o property=value] ... -V <size> <volume>\n"},
    {"destroy", true,
     "\tdestroy [-fnpRrv] <filesystem|volume>\n"
     "\tdestroy [-dnpRrv] <filesystem|volume>@<snap>[%<snap>][,...]\n"
     "\tdestroy <filesystem|volume>#<bookmark>\n"},
    {"snapshot", false,
     "\tsnapshot [-r] [-o property=value] ... <filesystem|volume>@<snap> ...\n"},
    {"rollback", false,
     "\trollback [-rRf] <snapshot>\n"},
    {"clone", false,
     "\tclone [-p] [-o property=value] ... <snapshot> <filesystem|volume>\n"},
    {"promote", false,
     "\tpromote <clone-filesystem>\n"},
    {"rename", false,
     "\trename [-f] <filesystem|volume|snapshot> <filesystem|volume|snapshot>\n"
     "\trename -p [-f] <filesystem|volume> <filesystem|volume>\n"
     "\trename -u [-f] <filesystem> <filesystem>\n"
     "\trename -r <snapshot> <snapshot>\n"},
    {"bookmark", false,
     "\tbookmark <snapshot|bookmark> <newbookmark>\n"},
    {"program", true,
     "\tprogram [-jn] [-t <instruction limit>] [-m <memory limit (b)>]\n"
     "\t    <pool> <program file> [lua args...]\n"},
    {"list", true,
     "\tlist [-Hp] [-j [--json-int]] [-r|-d max] [-o property[,...]] [-s property]...\n"
     "\t    [-S property]... [-t type[,...]] [filesystem|volume|snapshot] ...\n"},
    {"set", false,
     "\tset [-u] <property=value> ... <filesystem|volume|snapshot> ...\n"},
    {"get", false,
     "\tget [-rHp] [-j [--json-int]] [-d max] [-o \"all\" | field[,...]]\n"
     "\t    [-t type[,...]] [-s source[,...]]\n"
     "\t    <\"all\" | property[,...]> [filesystem|volume|snapshot|bookmark] ...\n"},
    {"inherit", false,
     "\tinherit [-rS] <property> <filesystem|volume|snapshot> ...\n"},
    {"upgrade", true,
     "\tupgrade [-v]\n"
     "\tupgrade [-r] [-V version] <-a | filesystem ...>\n"},
    {"userspace", false,
     "\tuserspace [-Hinp] [-o field[,...]] [-s field] ...\n"
     "\t    [-S field] ... [-t type[,...]] <filesystem|snapshot|path>\n"},
    {"groupspace", false,
     "\tgroupspace [-Hinp] [-o field[,...]] [-s field] ...\n"
     "\t    [-S field] ... [-t type[,...]] <filesystem|snapshot|path>\n"},
    {"projectspace", true,
     "\tprojectspace [-Hp] [-o field[,...]] [-s field] ... \n"
     "\t    [-S field] ... <filesystem|snapshot|path>\n"},
    {"project", true,
     "\tproject [-d|-r] <directory|file ...>\n"
     "\tproject -c [-0] [-d|-r] [-p id] <directory|file ...>\n"
     "\tproject -C [-k] [-r] <directory ...>\n"
     "\tproject [-p id] [-r] [-s] <directory ...>\n"},
    {"mount", false,
     "\tmount [-j]\n"
     "\tmount [-flvO] [-o opts] <-a|-R filesystem|filesystem>\n"},
    {"unmount", false,
     "\tunmount [-fu] <-a | filesystem|mountpoint>\n"},
    {"share", false,
     "\tshare [-l] <-a [nfs|smb] | filesystem>\n"},
    {"unshare", true,
     "\tunshare <-a [nfs|smb] | filesystem|mountpoint>\n"},
    {"send", false,
     "\tsend [-DLPbcehnpsVvw] [-i|-I snapshot]\n"
     "\t     [-R [-X dataset[,dataset]...]]     <snapshot>\n"
     "\tsend [-DnVvPLecw] [-i snapshot|bookmark] <filesystem|volume|snapshot>\n"
     "\tsend [-DnPpVvLec] [-i bookmark|snapshot] --redact <bookmark> <snapshot>\n"
     "\tsend [-nVvPe] -t <receive_resume_token>\n"
     "\tsend [-PnVv] --saved filesystem\n"},
    {"receive", true,
     "\treceive [-vMnsFhu] [-o <property>=<value>] ... [-x <property>] ...\n"
     "\t    <filesystem|volume|snapshot>\n"
     "\treceive [-vMnsFhu] [-o <property>=<value>] ... [-x <property>] ... \n"
     "\t    [-d | -e] <filesystem>\n"
     "\treceive -A <filesystem|volume>\n"},
    {"allow", true,
     "\tallow <filesystem|volume>\n"
     "\tallow [-ldug] <\"everyone\"|user|group>[,...] <perm|@setname>[,...]\n"
     "\t    <filesystem|volume>\n"
     "\tallow [-ld] -e <perm|@setname>[,...] <filesystem|volume>\n"
     "\tallow -c <perm|@setname>[,...] <filesystem|volume>\n"
     "\tallow -s @setname <perm|@setname>[,...] <filesystem|volume>\n"},
    {"unallow", true,
     "\tunallow [-rldug] <\"everyone\"|user|group>[,...]\n"
     "\t    [<perm|@setname>[,...]] <filesystem|volume>\n"
     "\tunallow [-rld] -e [<perm|@setname>[,...]] <filesystem|volume>\n"
     "\tunallow [-r] -c [<perm|@setname>[,...]] <filesystem|volume>\n"
     "\tunallow [-r] -s @setname [<perm|@setname>[,...]] <filesystem|volume>\n"},
    {"hold", false,
     "\thold [-r] <tag> <snapshot> ...\n"},
    {"holds", false,
     "\tholds [-rHp] <snapshot> ...\n"},
    {"release", false,
     "\trelease [-r] <tag> <snapshot> ...\n"},
    {"diff", false,
     "\tdiff [-FHth] <snapshot> [snapshot|filesystem]\n"},
    {"load-key", false,
     "\tload-key [-rn] [-L <keylocation>] <-a | filesystem|volume>\n"},
    {"unload-key", false,
     "\tunload-key [-r] <-a | filesystem|volume>\n"},
    {"change-key", false,
     "\tchange-key [-l] [-o keyformat=<value>]\n"
     "\t    [-o keylocation=<value>] [-o pbkdf2iters=<value>]\n"
     "\t    <filesystem|volume>\n"
     "\tchange-key -i [-l] <filesystem|volume>\n"},
    {"redact", false,
     "\tredact <snapshot> <bookmark> <redaction_snapshot> ...\n"},
    {"wait", false,
     "\twait [-t <activity>] <filesystem>\n"},
    {"zone", false,
     "\tzone <nsfile> <filesystem>\n"},
    {"unzone", true,
     "\tunzone <nsfile> <filesystem>\n"},
    {NULL, false, NULL},
};
/* clang-format on */
