/* SPDX-License-Identifier: MIT */
#include "dsl/prop_table.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/span.h"

#define END                                                                                        \
    {                                                                                              \
        NULL, 0, false                                                                             \
    }
#define N(name, value)                                                                             \
    {                                                                                              \
        name, value, false                                                                         \
    }
#define A(name, value)                                                                             \
    {                                                                                              \
        name, value, true                                                                          \
    } /* accepted, not shown */

static const struct prop_index idx_onoff[] = {N("on", 1), N("off", 0), END};
static const struct prop_index idx_yesno[] = {N("no", 0), N("yes", 1), END};
static const struct prop_index idx_checksum[] = {N("on", 1),
                                                 N("off", 2),
                                                 N("fletcher2", 6),
                                                 N("fletcher4", 7),
                                                 N("sha256", 8),
                                                 N("noparity", 10),
                                                 N("sha512", 11),
                                                 N("skein", 12),
                                                 N("edonr", 13),
                                                 N("blake3", 14),
                                                 END};
static const struct prop_index idx_dedup[] = {N("on", 1),
                                              N("off", 2),
                                              N("verify", 257),
                                              N("sha256", 8),
                                              N("sha256,verify", 264),
                                              N("sha512", 11),
                                              N("sha512,verify", 267),
                                              N("skein", 12),
                                              N("skein,verify", 268),
                                              N("edonr,verify", 269),
                                              N("blake3", 14),
                                              N("blake3,verify", 270),
                                              END};
#define Z(n)     N("zstd-" #n, 16 + (uint64_t)(n)*128)
#define ZF(n, v) N("zstd-fast-" #n, v)
static const struct prop_index idx_compression[] = {N("on", 1),
                                                    N("off", 2),
                                                    N("lzjb", 3),
                                                    N("gzip", 10),
                                                    N("gzip-1", 5),
                                                    N("gzip-2", 6),
                                                    N("gzip-3", 7),
                                                    N("gzip-4", 8),
                                                    N("gzip-5", 9),
                                                    A("gzip-6", 10),
                                                    N("gzip-7", 11),
                                                    N("gzip-8", 12),
                                                    N("gzip-9", 13),
                                                    N("zle", 14),
                                                    N("lz4", 15),
                                                    N("zstd", 16),
                                                    N("zstd-fast", 13200),
                                                    Z(1),
                                                    Z(2),
                                                    Z(3),
                                                    Z(4),
                                                    Z(5),
                                                    Z(6),
                                                    Z(7),
                                                    Z(8),
                                                    Z(9),
                                                    Z(10),
                                                    Z(11),
                                                    Z(12),
                                                    Z(13),
                                                    Z(14),
                                                    Z(15),
                                                    Z(16),
                                                    Z(17),
                                                    Z(18),
                                                    Z(19),
                                                    A("zstd-fast-1", 13200),
                                                    ZF(2, 13328),
                                                    ZF(3, 13456),
                                                    ZF(4, 13584),
                                                    ZF(5, 13712),
                                                    ZF(6, 13840),
                                                    ZF(7, 13968),
                                                    ZF(8, 14096),
                                                    ZF(9, 14224),
                                                    ZF(10, 14352),
                                                    ZF(20, 14480),
                                                    ZF(30, 14608),
                                                    ZF(40, 14736),
                                                    ZF(50, 14864),
                                                    ZF(60, 14992),
                                                    ZF(70, 15120),
                                                    ZF(80, 15248),
                                                    ZF(90, 15376),
                                                    ZF(100, 15504),
                                                    ZF(500, 15632),
                                                    ZF(1000, 15760),
                                                    A("empty", 4),
                                                    END};
static const struct prop_index idx_encryption[] = {
    N("on", 1),          N("off", 2),         N("aes-128-ccm", 3),
    N("aes-192-ccm", 4), N("aes-256-ccm", 5), N("aes-128-gcm", 6),
    N("aes-192-gcm", 7), N("aes-256-gcm", 8), END};
static const struct prop_index idx_keyformat[] = {N("none", 0), N("raw", 1), N("hex", 2),
                                                  N("passphrase", 3), END};
static const struct prop_index idx_keystatus[] = {N("none", 0), N("unavailable", 1),
                                                  N("available", 2), END};
static const struct prop_index idx_snapdir[] = {N("disabled", 2), N("hidden", 0), N("visible", 1),
                                                END};
static const struct prop_index idx_snapdev[] = {N("hidden", 0), N("visible", 1), END};
static const struct prop_index idx_aclmode[] = {N("discard", 0), N("groupmask", 2),
                                                N("passthrough", 3), N("restricted", 4), END};
static const struct prop_index idx_aclinherit[] = {N("discard", 0),
                                                   N("noallow", 1),
                                                   N("restricted", 4),
                                                   N("passthrough", 3),
                                                   N("passthrough-x", 5),
                                                   A("secure", 4),
                                                   END};
static const struct prop_index idx_acltype[] = {
    N("off", 0), A("disabled", 0), A("noacl", 0), N("nfsv4", 2), N("posix", 1), A("posixacl", 1),
    END};
static const struct prop_index idx_case[] = {N("sensitive", 0), N("insensitive", 1), N("mixed", 2),
                                             END};
static const struct prop_index idx_norm[] = {N("none", 0),     N("formD", 0x10),  N("formKC", 0x60),
                                             N("formC", 0x50), N("formKD", 0x20), END};
static const struct prop_index idx_version[] = {N("1", 1), N("2", 2),       N("3", 3), N("4", 4),
                                                N("5", 5), A("current", 5), END};
static const struct prop_index idx_copies[] = {N("1", 1), N("2", 2), N("3", 3), END};
static const struct prop_index idx_canmount[] = {N("off", 0), N("on", 1), N("noauto", 2), END};
static const struct prop_index idx_cache[] = {N("none", 0), N("metadata", 1), N("all", 2), END};
static const struct prop_index idx_logbias[] = {N("latency", 0), N("throughput", 1), END};
static const struct prop_index idx_sync[] = {N("standard", 0), N("always", 1), N("disabled", 2),
                                             END};
static const struct prop_index idx_xattr[] = {N("off", 0), N("dir", 1), N("sa", 2), A("on", 2),
                                              END};
static const struct prop_index idx_dnodesize[] = {
    N("legacy", 0), N("auto", 1),  N("1k", 1024),   N("2k", 2048),
    N("4k", 4096),  N("8k", 8192), N("16k", 16384), END};
static const struct prop_index idx_redundant[] = {N("all", 0), N("most", 1), N("some", 2),
                                                  N("none", 3), END};
static const struct prop_index idx_volmode[] = {N("default", 0), N("full", 1), A("geom", 1),
                                                N("dev", 2),     N("none", 3), END};
static const struct prop_index idx_direct[] = {N("disabled", 0), N("standard", 1), N("always", 2),
                                               END};
#undef N
#undef A
#undef Z
#undef ZF
#undef END

#define F    PROP_ON_FS
#define S    PROP_ON_SNAP
#define V    PROP_ON_VOL
#define B    PROP_ON_BOOKMARK
#define RO   PROP_READONLY
#define INH  PROP_INHERIT
#define SET  PROP_SET
#define ONCE PROP_ONCE
#define ND   PROP_ONCE_ND
/* number, string, index rows; h-variants are hidden */
#define NUM(i, n, h, a, o, f, d, v)                                                                \
    {i, n, h, PROP_NUMBER, a, o, false, true, PROP_FMT_##f, d, NULL, v, NULL},
#define NUMH(i, n, h, a, o, f, d, v)                                                               \
    {i, n, h, PROP_NUMBER, a, o, true, true, PROP_FMT_##f, d, NULL, v, NULL},
#define STR(i, n, h, a, o, d, v)                                                                   \
    {i, n, h, PROP_STRING, a, o, false, false, PROP_FMT_NUMBER, 0, d, v, NULL},
#define STRH(i, n, h, a, o, d, v)                                                                  \
    {i, n, h, PROP_STRING, a, o, true, false, PROP_FMT_NUMBER, 0, d, v, NULL},
#define IDX(i, n, h, a, o, d, x, v)                                                                \
    {i, n, h, PROP_INDEX, a, o, false, false, PROP_FMT_NUMBER, d, NULL, v, x},

/* clang-format off */
static const struct prop_def prop_table[] = {
    STR(0, "type", "TYPE", RO, F | V | S | B, NULL, "filesystem | volume | snapshot | bookmark")
    NUM(1, "creation", "CREATION", RO, F | V | S | B, DATE, 0, "<date>")
    NUM(2, "used", "USED", RO, F | V | S, BYTES, 0, "<size>")
    NUM(3, "available", "AVAIL", RO, F | V, BYTES, 0, "<size>")
    NUM(4, "referenced", "REFER", RO, F | V | S | B, BYTES, 0, "<size>")
    NUM(5, "compressratio", "RATIO", RO, F | V | S, RATIO, 0, "<1.00x or higher if compressed>")
    IDX(6, "mounted", "MOUNTED", RO, F, 0, idx_yesno, "yes | no")
    STR(7, "origin", "ORIGIN", RO, F | V, NULL, "<snapshot>")
    NUM(8, "quota", "QUOTA", SET, F, QUOTA, 0, "<size> | none")
    NUM(9, "reservation", "RESERV", SET, F | V, QUOTA, 0, "<size> | none")
    NUM(10, "volsize", "VOLSIZE", SET, V | S, NUMBER, 0, "<size>")
    NUM(11, "volblocksize", "VOLBLOCK", ONCE, V, NUMBER, 16384, "512 to 16M, power of 2")
    NUM(12, "recordsize", "RECSIZE", INH, F, NUMBER, 131072, "512 to 16M, power of 2")
    STR(13, "mountpoint", "MOUNTPOINT", INH, F, "/", "<path> | legacy | none")
    STR(14, "sharenfs", "SHARENFS", INH, F, "off", "on | off | NFS share options")
    IDX(15, "checksum", "CHECKSUM", INH, F | V, 1, idx_checksum,
        "on | off | fletcher2 | fletcher4 | sha256 | sha512 | skein | edonr | blake3")
    IDX(16, "compression", "COMPRESS", INH, F | V, 1, idx_compression,
        "on | off | lzjb | gzip | gzip-[1-9] | zle | lz4 | zstd | zstd-[1-19] | zstd-fast | "
        "zstd-fast-[1-10,20,30,40,50,60,70,80,90,100,500,1000]")
    IDX(17, "atime", "ATIME", INH, F, 1, idx_onoff, "on | off")
    IDX(18, "devices", "DEVICES", INH, F | S, 1, idx_onoff, "on | off")
    IDX(19, "exec", "EXEC", INH, F | S, 1, idx_onoff, "on | off")
    IDX(20, "setuid", "SETUID", INH, F | S, 1, idx_onoff, "on | off")
    IDX(21, "readonly", "RDONLY", INH, F | V, 0, idx_onoff, "on | off")
    IDX(22, "zoned", "ZONED", INH, F, 0, idx_onoff, "on | off")
    IDX(23, "snapdir", "SNAPDIR", INH, F, 0, idx_snapdir, "disabled | hidden | visible")
    IDX(24, "aclmode", "ACLMODE", INH, F, 0, idx_aclmode, "discard | groupmask | passthrough | restricted")
    IDX(25, "aclinherit", "ACLINHERIT", INH, F, 4, idx_aclinherit,
        "discard | noallow | restricted | passthrough | passthrough-x")
    NUM(26, "createtxg", "CREATETXG", RO, F | V | S | B, DECIMAL, 0, "<uint64>")
    STRH(27, "name", "NAME", RO, F | V | S | B, NULL, "")
    IDX(28, "canmount", "CANMOUNT", SET, F, 1, idx_canmount, "on | off | noauto")
    STRH(29, "iscsioptions", "ISCSIOPTIONS", INH, V, "", "")
    IDX(30, "xattr", "XATTR", INH, F | S, 2, idx_xattr, "on | off | dir | sa")
    NUMH(31, "numclones", "NUMCLONES", RO, S, NUMBER, 0, "")
    IDX(32, "copies", "COPIES", INH, F | V, 1, idx_copies, "1 | 2 | 3")
    IDX(33, "version", "VERSION", SET, F | S, 0, idx_version, "1 | 2 | 3 | 4 | 5 | current")
    IDX(34, "utf8only", "UTF8ONLY", ONCE, F | S, 0, idx_onoff, "on | off")
    IDX(35, "normalization", "NORMALIZATION", ONCE, F | S, 0, idx_norm, "none | formC | formD | formKC | formKD")
    IDX(36, "casesensitivity", "CASE", ONCE, F | S, 0, idx_case, "sensitive | insensitive | mixed")
    IDX(37, "vscan", "VSCAN", INH, F, 0, idx_onoff, "on | off")
    IDX(38, "nbmand", "NBMAND", INH, F | S, 0, idx_onoff, "on | off")
    STR(39, "sharesmb", "SHARESMB", INH, F, "off", "on | off | SMB share options")
    NUM(40, "refquota", "REFQUOTA", SET, F, QUOTA, 0, "<size> | none")
    NUM(41, "refreservation", "REFRESERV", SET, F | V, QUOTA, 0, "<size> | none")
    NUM(42, "guid", "GUID", RO, F | V | S | B, DECIMAL, 0, "<uint64>")
    IDX(43, "primarycache", "PRIMARYCACHE", INH, F | V | S, 2, idx_cache, "all | none | metadata")
    IDX(44, "secondarycache", "SECONDARYCACHE", INH, F | V | S, 2, idx_cache, "all | none | metadata")
    NUM(45, "usedbysnapshots", "USEDSNAP", RO, F | V, BYTES, 0, "<size>")
    NUM(46, "usedbydataset", "USEDDS", RO, F | V, BYTES, 0, "<size>")
    NUM(47, "usedbychildren", "USEDCHILD", RO, F | V, BYTES, 0, "<size>")
    NUM(48, "usedbyrefreservation", "USEDREFRESERV", RO, F | V, BYTES, 0, "<size>")
    NUMH(49, "useraccounting", "USERACCOUNTING", RO, F | V | S, NUMBER, 0, "")
    STRH(50, "stmf_sbd_lu", "STMF_SBD_LU", INH, V, "", "")
    IDX(51, "defer_destroy", "DEFER_DESTROY", RO, S, 0, idx_onoff, "yes | no")
    NUM(52, "userrefs", "USERREFS", RO, S, NUMBER, 0, "<count>")
    IDX(53, "logbias", "LOGBIAS", INH, F | V, 0, idx_logbias, "latency | throughput")
    NUMH(54, "unique", "UNIQUE", RO, F | V | S, BYTES, 0, "")
    NUM(55, "objsetid", "OBJSETID", RO, F | V | S, DECIMAL, 0, "<uint64>")
    IDX(56, "dedup", "DEDUP", INH, F | V, 2, idx_dedup,
        "on | off | verify | sha256[,verify] | sha512[,verify] | skein[,verify] | edonr,verify | "
        "blake3[,verify]")
    STR(57, "mlslabel", "MLSLABEL", INH, F | V | S, "none", "<sensitivity label>")
    IDX(58, "sync", "SYNC", INH, F | V, 0, idx_sync, "standard | always | disabled")
    IDX(59, "dnodesize", "DNSIZE", INH, F, 0, idx_dnodesize, "legacy | auto | 1k | 2k | 4k | 8k | 16k")
    NUM(60, "refcompressratio", "REFRATIO", RO, F | V | S, RATIO, 0, "<1.00x or higher if compressed>")
    NUM(61, "written", "WRITTEN", RO, F | V | S, BYTES, 0, "<size>")
    STR(62, "clones", "CLONES", RO, S, NULL, "<dataset>[,...]")
    NUM(63, "logicalused", "LUSED", RO, F | V, BYTES, 0, "<size>")
    NUM(64, "logicalreferenced", "LREFER", RO, F | V | S | B, BYTES, 0, "<size>")
    NUMH(65, "inconsistent", "INCONSISTENT", RO, F | V | S, NUMBER, 0, "")
    IDX(66, "volmode", "VOLMODE", INH, F | V, 0, idx_volmode, "default | full | geom | dev | none")
    NUM(67, "filesystem_limit", "FSLIMIT", SET, F, LIMIT, UINT64_MAX, "<count> | none")
    NUM(68, "snapshot_limit", "SSLIMIT", SET, F | V, LIMIT, UINT64_MAX, "<count> | none")
    NUM(69, "filesystem_count", "FSCOUNT", RO, F, LIMIT, UINT64_MAX, "<count>")
    NUM(70, "snapshot_count", "SSCOUNT", RO, F | V, LIMIT, UINT64_MAX, "<count>")
    IDX(71, "snapdev", "SNAPDEV", INH, F | V, 0, idx_snapdev, "hidden | visible")
    IDX(72, "acltype", "ACLTYPE", INH, F | S, 0, idx_acltype, "off | nfsv4 | posix")
    STR(73, "context", "CONTEXT", SET, F | V | S, "none", "<selinux context>")
    STR(74, "fscontext", "FSCONTEXT", SET, F | V | S, "none", "<selinux fscontext>")
    STR(75, "defcontext", "DEFCONTEXT", SET, F | V | S, "none", "<selinux defcontext>")
    STR(76, "rootcontext", "ROOTCONTEXT", SET, F | V | S, "none", "<selinux rootcontext>")
    IDX(77, "relatime", "RELATIME", INH, F, 1, idx_onoff, "on | off")
    IDX(78, "redundant_metadata", "REDUND_MD", INH, F | V, 0, idx_redundant, "all | most | some | none")
    IDX(79, "overlay", "OVERLAY", INH, F, 1, idx_onoff, "on | off")
    STRH(80, "prevsnap", "PREVSNAP", RO, F | V, NULL, "")
    STR(81, "receive_resume_token", "RESUMETOK", RO, F | V, NULL, "<string token>")
    IDX(82, "encryption", "ENCRYPTION", ONCE, F | V | S, 2, idx_encryption,
        "on | off | aes-128-ccm | aes-192-ccm | aes-256-ccm | aes-128-gcm | aes-192-gcm | aes-256-gcm")
    STR(83, "keylocation", "KEYLOCATION", SET, F | V, "none",
        "prompt | <file URI> | <https URL> | <http URL>")
    IDX(84, "keyformat", "KEYFORMAT", ND, F | V, 0, idx_keyformat, "none | raw | hex | passphrase")
    NUMH(85, "pbkdf2salt", "PBKDF2SALT", ND, F | V, DECIMAL, 0, "")
    NUM(86, "pbkdf2iters", "PBKDF2ITERS", ND, F | V, DECIMAL, 0, "<iters>")
    STR(87, "encryptionroot", "ENCROOT", RO, F | V | S, NULL, "<filesystem | volume>")
    NUMH(88, "keyguid", "KEYGUID", RO, F | V | S, DECIMAL, 0, "")
    IDX(89, "keystatus", "KEYSTATUS", RO, F | V | S, 0, idx_keystatus, "none | unavailable | available")
    NUMH(90, "remaptxg", "REMAPTXG", RO, F | V | S, NUMBER, 0, "")
    NUM(91, "special_small_blocks", "SPECIAL_SMALL_BLOCKS", INH, F | V, BYTES, 0, "0 to 16M")
    NUMH(92, "ivsetguid", "IVSETGUID", RO, F | V | S | B, DECIMAL, 0, "")
    NUMH(93, "redacted", "REDACTED", RO, F | V | S, NUMBER, 0, "")
    STR(94, "redact_snaps", "RSNAPS", RO, F | V | S | B, NULL, "<snapshot>[,...]")
    NUM(95, "snapshots_changed", "SNAPSHOTS_CHANGED", RO, F | V, DATE, 0, "<date>")
    IDX(96, "prefetch", "PREFETCH", INH, F | V | S, 2, idx_cache, "none | metadata | all")
    IDX(97, "volthreading", "zvol threading", SET, V, 1, idx_onoff, "on | off")
    IDX(98, "direct", "DIRECT", INH, F, 1, idx_direct, "disabled | standard | always")
    IDX(99, "longname", "LONGNAME", INH, F, 0, idx_onoff, "on | off")
    NUM(100, "defaultuserquota", "DEFAULTUSERQUOTA", SET, F | S, QUOTA, 0, "<size> | none")
    NUM(101, "defaultgroupquota", "DEFAULTGROUPQUOTA", SET, F | S, QUOTA, 0, "<size> | none")
    NUM(102, "defaultprojectquota", "DEFAULTPROJECTQUOTA", SET, F | S, QUOTA, 0, "<size> | none")
    NUM(103, "defaultuserobjquota", "DEFAULTUSEROBJQUOTA", SET, F | S, QUOTA, 0, "<size> | none")
    NUM(104, "defaultgroupobjquota", "DEFAULTGROUPOBJQUOTA", SET, F | S, QUOTA, 0, "<size> | none")
    NUM(105, "defaultprojectobjquota", "DEFAULTPROJECTOBJQUOTA", SET, F | S, QUOTA, 0, "<size> | none")
};
/* clang-format on */

size_t prop_table_count(void)
{
    return array_len(prop_table);
}

const struct prop_def *prop_table_at(size_t i)
{
    return i < array_len(prop_table) ? &prop_table[i] : NULL;
}

const struct prop_def *prop_find(const char *name)
{
    for (size_t i = 0; i < array_len(prop_table); i++) {
        if (strcmp(prop_table[i].name, name) == 0)
            return &prop_table[i];
    }
    return NULL;
}

static bool header_matches(const char *header, const char *name)
{
    for (; *header != '\0' && *name != '\0'; header++, name++) {
        if (tolower((unsigned char)*header) != *name)
            return false;
    }
    return *header == *name;
}

const struct prop_def *prop_find_alias(const char *name)
{
    const struct prop_def *p = prop_find(name);

    for (size_t i = 0; p == NULL && i < array_len(prop_table); i++) {
        if (header_matches(prop_table[i].header, name))
            p = &prop_table[i];
    }
    return p;
}

bool prop_is_inheritable(const struct prop_def *p)
{
    return p->attr == PROP_INHERIT || p->attr == PROP_ONCE;
}

bool prop_is_user(const char *name)
{
    size_t len = strlen(name);

    if (len >= 256 || strchr(name, ':') == NULL)
        return false;
    for (const char *c = name; *c != '\0'; c++) {
        if (!islower((unsigned char)*c) && !isdigit((unsigned char)*c) &&
            strchr("-_.:", *c) == NULL)
            return false;
    }
    return true;
}

const char *prop_index_name(const struct prop_def *p, uint64_t value)
{
    if (p->index == NULL)
        return NULL;
    for (const struct prop_index *x = p->index; x->name != NULL; x++) {
        if (x->value == value && !x->alias)
            return x->name;
    }
    return NULL;
}

int prop_index_value(const struct prop_def *p, const char *name, uint64_t *value)
{
    for (const struct prop_index *x = p->index; x != NULL && x->name != NULL; x++) {
        if (strcmp(x->name, name) == 0) {
            *value = x->value;
            return 0;
        }
    }
    return err_raise(ZE_BADPROP, "'%s' must be one of '%s'", p->name, p->values);
}
