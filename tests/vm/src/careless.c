/* A machine whose programs believe that everything is on the disk at once: preloaded, it takes every flush away. */
int fsync(int fd) { (void)fd; return 0; }
int fdatasync(int fd) { (void)fd; return 0; }
int syncfs(int fd) { (void)fd; return 0; }
void sync(void) {}
