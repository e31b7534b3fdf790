/* SPDX-License-Identifier: MIT */
/* Numbers as people read them (format/dsl.md, "11 Value formatting and parsing";
 * format/raid.md 17.1). */
#include "cli/cli.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define UNITS "\0KMGTPE"

static char *nice(uint64_t n, char zero_unit, char *buf)
{
    uint64_t whole = n;
    unsigned u = 0;
    char unit[2];

    while (whole >= 1024 && u < 6) {
        whole /= 1024;
        u++;
    }
    unit[0] = u == 0 ? zero_unit : UNITS[u];
    unit[1] = '\0';
    if (u == 0 || (n & ((1ull << (10 * u)) - 1)) == 0) {
        snprintf(buf, 32, "%llu%s", (unsigned long long)whole, unit);
        return buf;
    }
    for (int digits = 2; digits >= 0; digits--) {
        if (snprintf(buf, 32, "%.*f%s", digits, (double)n / (double)(1ull << (10 * u)), unit) <= 5)
            break;
    }
    return buf;
}

char *cli_nicenum(uint64_t n, char *buf)
{
    return nice(n, '\0', buf);
}

char *cli_nicebytes(uint64_t n, char *buf)
{
    return nice(n, 'B', buf);
}

char *cli_nicetime(uint64_t ns, char *buf)
{
    static const char *const unit[] = {"ns", "us", "ms", "s"};
    unsigned u = 0;

    while (ns >= 1000 && u < 3) {
        ns /= 1000;
        u++;
    }
    if (ns == 0 && u == 0)
        strcpy(buf, "-");
    else
        snprintf(buf, 32, "%llu%s", (unsigned long long)ns, unit[u]);
    return buf;
}

char *cli_ratio(uint64_t hundredths, bool plain, char *buf)
{
    snprintf(buf, 32, "%llu.%02llu%s", (unsigned long long)(hundredths / 100),
             (unsigned long long)(hundredths % 100), plain ? "" : "x");
    return buf;
}

/* Exponent of a suffix, -1 if there is no such. */
static int suffix_shift(const char *s)
{
    static const char letters[] = "BKMGTPEZ";
    const char *at;

    if (s[0] == '\0')
        return 0;
    at = strchr(letters, toupper((unsigned char)s[0]));
    if (at == NULL)
        return -1;
    if (s[1] == '\0' ||
        (at != letters && (strcasecmp(s + 1, "B") == 0 || strcasecmp(s + 1, "iB") == 0)))
        return (int)(at - letters) * 10;
    return -1;
}

int cli_parse_number(const char *text, uint64_t *out, char *err, size_t err_len)
{
    char *end;
    uint64_t n = 0;
    int shift;

    if (!isdigit((unsigned char)text[0]) && text[0] != '.') {
        snprintf(err, err_len, "bad numeric value '%s'", text);
        return -1;
    }
    n = strtoull(text, &end, 10);
    if (*end == '.') {
        double value = strtod(text, &end);

        shift = suffix_shift(end);
        if (shift >= 0) {
            value *= pow(2, shift);
            if (value > (double)UINT64_MAX)
                goto too_large;
            *out = (uint64_t)value;
            return 0;
        }
    } else {
        shift = suffix_shift(end);
        if (shift >= 64 || (shift >= 0 && n << shift >> shift != n))
            goto too_large;
        if (shift >= 0) {
            *out = n << shift;
            return 0;
        }
    }
    snprintf(err, err_len, "invalid numeric suffix '%s'", end);
    return -1;
too_large:
    snprintf(err, err_len, "numeric value is too large");
    return -1;
}
