/* Holds a file of a tree where it is not seen at once, and removes its name.
 *
 * apart thread|leaderless FILE READY   by a thread with open files of its own; without the first thread
 * apart chroot ROOT FILE READY         as an ordinary account whose root is ROOT; FILE and READY are seen from there */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *file, *ready;

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

int main(int count, char **words) {
    pthread_t thread;
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
