/* SPDX-License-Identifier: MIT */
/* base/log: one line a message, levels, long lines cut */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "base/log.h"

static void lines_and_levels(void **state)
{
    struct log *log;
    char text[8192], big[3000];
    int fd[2];

    assert_int_equal(pipe(fd), 0);
    assert_int_equal(log_create(fd[1], LOGL_WARN, &log), 0);
    log_at(log, LOGL_NOTICE, "unseen");
    log_at(log, LOGL_ERROR, "pool %s", "tank");
    log_set_level(log, LOGL_NOTICE);
    log_at(log, LOGL_NOTICE, "seen");
    memset(big, 'b', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    log_at(log, LOGL_WARN, "%s", big);
    log_at(NULL, LOGL_ERROR, "nowhere");
    log_destroy(log);
    close(fd[1]);
    ssize_t n = read(fd[0], text, sizeof(text) - 1);
    close(fd[0]);
    assert_true(n > 0);
    text[n] = '\0';
    static const char start[] = "zuse: error: pool tank\nzuse: seen\nzuse: warning: bbbb";
    assert_memory_equal(text, start, sizeof(start) - 1);
    assert_int_equal(text[n - 1], '\n');
    assert_true(n < 1200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lines_and_levels)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
