/* Holds a file of a tree where it is not seen at once, and removes its name.
 *
 * apart thread|leaderless FILE READY   by a thread with open files of its own; without the first thread
 * apart mapped TREE PLACE READY        as an ordinary account: PLACE/secret is mapped by a thread that alone sees TREE there
 * apart chroot ROOT FILE READY         as an ordinary account whose root is ROOT; FILE and READY are seen from there */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *file, *ready, *tree;

static void hold(void) {
    if (open(file, O_RDONLY) < 0 || unlink(file) != 0 || creat(ready, 0600) < 0) {
        exit(1);
    }
}

static void *apart(void *nothing) {
    if (unshare(CLONE_FILES) != 0) {
        exit(1);
    }
    hold();
    sleep(60);
    exit(0);
    return nothing;
}

/* Only this thread has this mount; the mapping is everybody's. */
static void *mapped(void *nothing) {
    char path[4096];
    int opened;
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0
        || mount(tree, file, NULL, MS_BIND, NULL) != 0) {
        exit(1);
    }
    snprintf(path, sizeof path, "%s/secret", file);
    opened = open(path, O_RDONLY);
    if (opened < 0 || mmap(NULL, 4096, PROT_READ, MAP_SHARED, opened, 0) == MAP_FAILED || close(opened) != 0
        || unlink(path) != 0 || creat(ready, 0600) < 0) {
        exit(1);
    }
    sleep(60);
    exit(0);
    return nothing;
}

int main(int count, char **words) {
    pthread_t thread;
    if (count == 5 && strcmp(words[1], "mapped") == 0) {
        tree = words[2];
        file = words[3];
        ready = words[4];
        /* With its capabilities, as in a user namespace of its own, and as an ordinary account to everybody else. */
        if (syscall(SYS_setresuid, 1000, 0, 0) != 0 || pthread_create(&thread, NULL, mapped, NULL) != 0) {
            return 1;
        }
        sleep(60);
        return 0;
    }
    if (count == 5 && strcmp(words[1], "chroot") == 0) {
        file = words[3];
        ready = words[4];
        if (chroot(words[2]) != 0 || chdir("/") != 0) {
            return 1;
        }
        hold();
        if (setresuid(1000, 1000, 1000) != 0) {
            return 1;
        }
        sleep(60);
        return 0;
    }
    if (count != 4) {
        return 2;
    }
    file = words[2];
    ready = words[3];
    if (pthread_create(&thread, NULL, apart, NULL) != 0) {
        return 1;
    }
    if (strcmp(words[1], "leaderless") == 0) {
        pthread_exit(NULL);
    }
    sleep(60);
    return 0;
}
