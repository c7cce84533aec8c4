/* Writes into a file through a mapping, says so, and keeps the mapping until nobody talks to it: nobody is told of such a change. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int count, char **words) {
    if (count != 3) return 2;
    int file = open(words[1], O_RDWR);
    if (file < 0) return 1;
    size_t length = strlen(words[2]);
    char *at = mmap(0, length, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (at == MAP_FAILED) return 1;
    close(file);
    char beginning;
    if (read(0, &beginning, 1) < 0) return 1;
    memcpy(at, words[2], length);
    if (write(1, "w", 1) != 1) return 1;
    while (read(0, &beginning, 1) > 0) {}
    return 0;
}
