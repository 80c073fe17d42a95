/* host/core/board.c - the board: one slot a worker, where it says how far it is and what it runs.
 */
#include "host/core/board.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define STAT_START_TIME_FIELD 22 /* of /proc/PID/stat, proc(5) */

/* When a process was started, in clock ticks since boot; 0: there is none. */
static uint64_t process_start_time(pid_t pid)
{
    char path[40];
    char text[1024];
    unsigned long long start = 0;
    const char *at;
    ssize_t length;
    int fd;

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return 0;
    }
    length = read(fd, text, sizeof(text) - 1);
    (void)close(fd);
    if (length <= 0) {
        return 0;
    }
    text[length] = '\0';
    at = strrchr(text, ')'); /* the name before it may hold blanks and brackets */
    for (int field = 2; at != NULL && field < STAT_START_TIME_FIELD; field++) {
        at = strchr(at + 1, ' ');
    }
    if (at == NULL || sscanf(at, "%llu", &start) != 1) {
        return 0;
    }
    return start;
}

uint64_t hgh_board_owner_of(pid_t pid)
{
    return (uint64_t)(uint32_t)pid << 32 | (process_start_time(pid) & 0xffffffffu);
}

size_t hgh_board_size(void)
{
    return sizeof(hgh_board);
}

void hgh_board_init(hgh_board *board)
{
    board->slots = HGH_BOARD_SLOTS;
    board->magic = HGH_BOARD_MAGIC;
}

hgh_board *hgh_board_map(int fd, bool writable)
{
    struct stat status;
    hgh_board *board;

    if (fstat(fd, &status) != 0) {
        return NULL;
    }
    if (status.st_size < (off_t)sizeof(*board)) {
        errno = EINVAL;
        return NULL;
    }
    board = mmap(NULL, sizeof(*board), writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED,
                 fd, 0);
    if (board == MAP_FAILED) {
        return NULL;
    }
    if (board->magic != HGH_BOARD_MAGIC || board->slots != HGH_BOARD_SLOTS) {
        hgh_board_unmap(board);
        errno = EINVAL;
        return NULL;
    }
    return board;
}

void hgh_board_unmap(hgh_board *board)
{
    if (board != NULL) {
        (void)munmap(board, sizeof(*board));
    }
}

bool hgh_board_owner_lives(uint64_t owner)
{
    return owner != 0 && hgh_board_owner_of(hgh_board_pid(owner)) == owner;
}

/* Everything but the owner word back to zero; the slot is ours alone. */
static void slot_clear(hgh_board_slot *slot)
{
    size_t after_owner = sizeof(slot->owner);

    memset((char *)slot + after_owner, 0, sizeof(*slot) - after_owner);
}

/* What a process is to have in its slot before anybody looks at it. */
typedef struct claim {
    uint64_t owner;
    uint32_t number;
    hgh_process_kind kind;
} claim;

static bool slot_take(hgh_board_slot *slot, uint64_t owner, const claim *mine)
{
    if (!atomic_compare_exchange_strong(&slot->owner, &owner, mine->owner)) {
        return false;
    }
    slot_clear(slot);
    atomic_store(&slot->engine_number, mine->number);
    atomic_store(&slot->kind, (uint32_t)mine->kind);
    atomic_store(&slot->state, HGH_WORKER_STARTING);
    return true;
}

hgh_board_slot *hgh_board_take_as(hgh_board *board, uint32_t engine_number, hgh_process_kind kind)
{
    claim mine = {.owner = hgh_board_owner_of(getpid()), .number = engine_number, .kind = kind};

    for (uint32_t i = 0; i < HGH_BOARD_SLOTS; i++) {
        hgh_board_slot *slot = &board->slot[i];

        if (atomic_load(&slot->owner) == 0 && slot_take(slot, 0, &mine)) {
            return slot;
        }
    }
    for (uint32_t i = 0; i < HGH_BOARD_SLOTS; i++) {
        hgh_board_slot *slot = &board->slot[i];
        uint64_t owner = atomic_load(&slot->owner);

        if (!hgh_board_owner_lives(owner) && slot_take(slot, owner, &mine)) {
            return slot;
        }
    }
    return NULL;
}

void hgh_board_release(hgh_board_slot *slot)
{
    atomic_store(&slot->state, HGH_WORKER_NONE);
    atomic_store(&slot->marker, 0);
    atomic_store(&slot->owner, 0);
}

void hgh_board_vote(hgh_board_slot *slot, uint64_t generation, hgh_vote vote, const char *why)
{
    (void)snprintf(slot->vote_text, sizeof(slot->vote_text), "%s", why == NULL ? "" : why);
    atomic_store_explicit(&slot->vote, generation << 8 | (uint64_t)vote, memory_order_release);
}

const char *hgh_call_name(uint32_t call)
{
    static const char *const names[] = {
        [HGH_CALL_NONE] = "nothing",
        [HG_PHASE_REWRITE] = "rewrite",
        [HG_PHASE_ACCESS] = "access",
        [HG_PHASE_BEFORE_PROXY] = "before_proxy",
        [HG_PHASE_HEADER_FILTER] = "header_filter",
        [HG_PHASE_BODY_FILTER] = "body_filter",
        [HG_PHASE_DELAYED_BODY_FILTER] = "delayed_body_filter",
        [HG_PHASE_LOG] = "log",
        [HG_PHASE_RESPONSE] = "response",
        [HGH_CALL_LOAD] = "constructor",
        [HGH_CALL_INIT] = "init",
        [HGH_CALL_EXIT] = "exit",
        [HGH_CALL_PARSE] = "parse",
        [HGH_CALL_RELEASE] = "release",
        [HGH_CALL_CHECK] = "check",
        [HGH_CALL_UNLOAD] = "destructor",
        [HGH_CALL_TIMER] = "a timer",
        [HGH_CALL_OFFLOAD] = "an offloaded function",
    };

    if (call >= sizeof(names) / sizeof(names[0]) || names[call] == NULL) {
        return "an unknown call";
    }
    return names[call];
}
