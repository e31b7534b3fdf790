/* SPDX-License-Identifier: MIT */
/*
 * For unit tests: one image of a fixture pool (NAME.tar.zst under $ZUSE_FIXTURES), unpacked into a
 * file that vanishes with the descriptor. Needs zstd and tar; answers -1 with the reason in *why
 * without them.
 */
#ifndef ZUSE_TESTS_UNIT_FIXTURE_H
#define ZUSE_TESTS_UNIT_FIXTURE_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline int fixture_open(const char *name, const char *image, const char **why)
{
    const char *dir = getenv("ZUSE_FIXTURES"), *tmp = getenv("TMPDIR");
    char archive[1024], path[1024], command[4096];
    if (dir == NULL || *dir == '\0')
        dir = "../shared/fixtures";
    snprintf(archive, sizeof(archive), "%s/%s.tar.zst", dir, name);
    if (access(archive, R_OK) != 0) {
        *why = "fixtures are not here (set ZUSE_FIXTURES)";
        return -1;
    }
    snprintf(path, sizeof(path), "%s/zuse-fixture-XXXXXX", tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(path) == NULL) {
        *why = "cannot make a temporary directory";
        return -1;
    }
    snprintf(command, sizeof(command), "zstd -q -d --long=27 -c '%s' | tar -xS -C '%s' '%s/%s'",
             archive, path, name, image);
    const int rc = system(command);
    snprintf(command, sizeof(command), "%s/%s/%s", path, name, image);
    const int fd = rc == 0 ? open(command, O_RDONLY | O_CLOEXEC) : -1;
    unlink(command);
    snprintf(command, sizeof(command), "%s/%s", path, name);
    rmdir(command);
    rmdir(path);
    if (fd < 0)
        *why = "cannot unpack the fixture (zstd and tar are needed)";
    return fd;
}

#endif
