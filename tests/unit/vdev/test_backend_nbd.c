/* SPDX-License-Identifier: MIT */
/* vdev/backend_nbd against nbdkit (skipped where that or libnbd is missing) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/device.h"
#include "base/err.h"
#include "base/mem.h"
#include "vdev/backend.h"

static struct env env;
static char dir[64], sock[96], uri[160];

/* nbdkit, ending with us, on a socket in a directory of its own. False if it is not installed. */
static bool server_start(pid_t *pid, const char *readonly)
{
    snprintf(dir, sizeof(dir), "/tmp/zuse-nbd.XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(sock, sizeof(sock), "%s/s", dir);
    snprintf(uri, sizeof(uri), "nbd+unix:///?socket=%s", sock);
    *pid = fork();
    if (*pid == 0) {
        execlp("nbdkit", "nbdkit", "-f", "--exit-with-parent", "-U", sock, readonly, "memory",
               "size=64M", NULL);
        _exit(127);
    }
    for (unsigned i = 0; i < 200; i++) {
        int status;
        if (access(sock, F_OK) == 0)
            return true;
        if (waitpid(*pid, &status, WNOHANG) == *pid)
            return false;
        usleep(20000);
    }
    return true;
}

static void server_stop(pid_t pid)
{
    kill(pid, SIGKILL); /* it would wait for open connections */
    waitpid(pid, NULL, 0);
    unlink(sock);
    rmdir(dir);
}

static void round_trip_and_lost_connection(void **state)
{
    struct device *dev;
    pid_t pid;
    AUTO_FREE uint8_t *a = malloc(3 << 20), *b = malloc(3 << 20);

#ifndef HAVE_NBD
    print_message("skipped: built without libnbd\n");
    skip();
#endif
    if (!server_start(&pid, "--threads=4")) {
        rmdir(dir);
        print_message("skipped: nbdkit is not installed\n");
        skip();
    }
    assert_int_equal(env.devices->open(&env, uri, DEVICE_OPEN_WRITE, &dev), 0);
    assert_int_equal(dev->size, 64 << 20);
    for (unsigned i = 0; i < 3 << 20; i++)
        a[i] = (uint8_t)(i * 7 + i / 251);
    assert_int_equal(device_write(dev, 1 << 20, a, 3 << 20), 0);
    assert_int_equal(device_flush(dev), 0);
    assert_int_equal(device_read(dev, 1 << 20, b, 3 << 20), 0);
    assert_memory_equal(a, b, 3 << 20);
    assert_int_equal(device_read(dev, 64 << 20, b, 1), ZE_IO);
    server_stop(pid);
    assert_int_equal(device_read(dev, 0, b, 4096), ZE_NXIO);
    assert_int_equal(device_read(dev, 0, b, 4096), ZE_NXIO);
    device_close(dev);
}

static void a_read_only_export_is_not_opened_for_writing(void **state)
{
    struct device *dev;
    uint8_t b[512];
    pid_t pid;

#ifndef HAVE_NBD
    skip();
#endif
    if (!server_start(&pid, "--readonly")) {
        rmdir(dir);
        skip();
    }
    assert_int_equal(env.devices->open(&env, uri, DEVICE_OPEN_WRITE, &dev), ZE_ROFS);
    assert_int_equal(env.devices->open(&env, uri, DEVICE_OPEN_READ, &dev), 0);
    assert_int_equal(device_read(dev, 0, b, 512), 0);
    assert_int_equal(device_write(dev, 0, b, 512), ZE_ROFS);
    device_close(dev);
    server_stop(pid);
}

static void nobody_listening_is_an_error(void **state)
{
    struct device *dev;
    int err = env.devices->open(&env, "nbd+unix:///?socket=/nonexistent/s", 0, &dev);

    assert_true(err == ZE_NXIO || err == ZE_NOTSUP);
    assert_non_null(strstr(err_detail(), "/nonexistent/s"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip_and_lost_connection),
        cmocka_unit_test(a_read_only_export_is_not_opened_for_writing),
        cmocka_unit_test(nobody_listening_is_an_error),
    };
    if (env_init_system(&env, 1) != 0 || backend_install_system(&env) != 0)
        return 1;
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    env_fini(&env);
    return rc;
}
