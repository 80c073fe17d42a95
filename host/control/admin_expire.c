/* host/control/admin_expire.c - deletes objects whose time is over. */
#include "host/control/admin_expire.h"

#include <stdlib.h>
#include <time.h>

#include "host/control/object_deletion.h"

#define EXPIRE_MAX 256u /* objects in one transaction; more follow in the next */

/* Objects whose time is over, deleted together. */
typedef struct expire_job {
    hgh_admin_job job;
    const hgh_admin_write_parts *parts;
} expire_job;

static void
on_expired(void *context, hg_status status, bool is_stored, uint64_t revision, const hg_error *err)
{
    expire_job *job = context;
    const hgh_admin_write_parts *parts = job->parts;
    const hgh_resource_object *more;

    (void)revision;
    (void)err;
    hgh_admin_queue_end(parts->queue);
    free(job);
    if (status == HG_OK && is_stored &&
        hgh_resource_table_over(parts->table, (int64_t)time(NULL), &more, 1) > 0) {
        hgh_admin_expire_start(parts); /* behind the writes that wait */
        return;
    }
    parts->on_stored(parts->context); /* what could not be deleted is tried again in its time */
}

static void expire_cancel(hgh_admin_job *job)
{
    free(job); /* the expire_job begins with it */
}

static void run_expire(hgh_admin_job *base)
{
    expire_job *job = (expire_job *)base;
    const hgh_resource_object *over[EXPIRE_MAX];
    hgh_object_deletion deletion = {0};
    size_t count =
        hgh_resource_table_over(job->parts->table, (int64_t)time(NULL), over, EXPIRE_MAX);

    for (size_t i = 0; i < count; i++) { /* without memory the rest goes the next time */
        (void)hgh_object_deletion_add(&deletion, job->parts->table, over[i]);
    }
    if (deletion.count == 0) {
        const hg_error none = HG_ERROR_INIT;

        on_expired(job, HG_OK, false, 0, &none);
    } else {
        hgh_publisher_run(job->parts->publisher, deletion.changes, deletion.count, NULL, 0, 0,
                          on_expired, job);
    }
    hgh_object_deletion_done(&deletion);
}

void hgh_admin_expire_start(const hgh_admin_write_parts *parts)
{
    expire_job *job = calloc(1, sizeof(*job));

    if (job == NULL) {
        return; /* the timer comes again */
    }
    job->job.run = run_expire;
    job->job.cancel = expire_cancel;
    job->parts = parts;
    hgh_admin_queue_add(parts->queue, &job->job);
}
