/* host/core/failpoint.h - places where a test ends or stops a process, to see what is left of it.
 *
 * In a build with -Dfailpoints=true alone; in others they are nothing. HOTGATE_FAILPOINTS names a
 * plan: a file with one line, "NAME ACTION", where the action is kill or stop (SIGKILL, SIGSTOP).
 * Whoever comes to that place first takes the plan away and does it. Every place that is passed is
 * noted in the file PLAN.hits, so that a test can see that none is forgotten.
 */
#ifndef HOST_CORE_FAILPOINT_H
#define HOST_CORE_FAILPOINT_H

/* Every place there is, in the order of what happens. */
#define HGH_FAILPOINTS_LIST(X)                                                                     \
    X("write.begun")                                                                               \
    X("write.stored")                                                                              \
    X("write.published")                                                                           \
    X("reload.begun")                                                                              \
    X("reload.chosen")                                                                             \
    X("reload.probed")                                                                             \
    X("reload.prepared")                                                                           \
    X("worker.preparing")                                                                          \
    X("worker.loaded")                                                                             \
    X("worker.voted")                                                                              \
    X("reload.voted")                                                                              \
    X("reload.kept")                                                                               \
    X("reload.written")                                                                            \
    X("reload.committed")                                                                          \
    X("worker.committing")                                                                         \
    X("worker.switched")                                                                           \
    X("reload.followed")

#ifdef HGH_FAILPOINTS

/** Comes to a place of the list. */
void hgh_failpoint(const char *name);

#else

#define hgh_failpoint(name) ((void)0)

#endif

#endif
