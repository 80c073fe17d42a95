/* host/control/shared_memory.c - what all processes of a gateway share. */
#include "host/control/shared_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "host/core/arena.h"
#include "host/core/board.h"

/* Sealed: a worker that could shrink it would end all others with SIGBUS. */
static int make_memory(const char *name, size_t size)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd >= 0 && (ftruncate(fd, (off_t)size) != 0 ||
                    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)) {
        int error = errno;

        (void)close(fd);
        errno = error;
        fd = -1;
    }
    return fd;
}

static hg_status make_board(hgh_board *board, hg_error *err)
{
    hgh_board_init(board);
    return getrandom(board->explain_key, sizeof(board->explain_key), 0) ==
                   (ssize_t)sizeof(board->explain_key)
               ? HG_OK
               : hg_error_set(err, HG_ERR_IO, "no random numbers: %s", strerror(errno));
}

hg_status hgh_shared_memory_make(hgh_shared *shared, size_t arena_size, hg_error *err)
{
    void *board = MAP_FAILED;
    void *arena = MAP_FAILED;
    hg_status status = HG_OK;

    shared->board = make_memory("hotgate-board", hgh_board_size());
    shared->arena = make_memory("hotgate-arena", arena_size);
    shared->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    shared->ack = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (shared->board >= 0 && shared->arena >= 0) {
        board = mmap(NULL, hgh_board_size(), PROT_READ | PROT_WRITE, MAP_SHARED, shared->board, 0);
        arena = mmap(NULL, arena_size, PROT_READ | PROT_WRITE, MAP_SHARED, shared->arena, 0);
    }
    if (board == MAP_FAILED || arena == MAP_FAILED || shared->wake < 0 || shared->ack < 0) {
        status = hg_error_set(err, HG_ERR_IO, "shared memory: %s", strerror(errno));
    } else {
        status = make_board(board, err);
    }
    if (status == HG_OK) {
        status = hgh_arena_init(arena, arena_size, err);
    }
    if (board != MAP_FAILED) {
        (void)munmap(board, hgh_board_size());
    }
    if (arena != MAP_FAILED) {
        (void)munmap(arena, arena_size);
    }
    return status;
}
