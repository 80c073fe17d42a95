/* host/control/admin_queue.c - what changes the state of the gateway runs one at a time, in order.
 */
#include "host/control/admin_queue.h"

#include <stdlib.h>

struct hgh_admin_queue {
    hgh_event_loop *loop;
    hgh_event_loop_timer turn;
    size_t count;
    hgh_admin_job *first; /* the one that runs, if is_running */
    hgh_admin_job *last;
    bool is_running;
};

hgh_admin_queue *hgh_admin_queue_new(hgh_event_loop *loop)
{
    hgh_admin_queue *queue = calloc(1, sizeof(*queue));

    if (queue != NULL) {
        queue->loop = loop;
    }
    return queue;
}

static hgh_admin_job *take_first(hgh_admin_queue *queue)
{
    hgh_admin_job *job = queue->first;

    queue->first = job->next;
    if (queue->first == NULL) {
        queue->last = NULL;
    }
    queue->count--;
    return job;
}

void hgh_admin_queue_free(hgh_admin_queue *queue)
{
    if (queue == NULL) {
        return;
    }
    hgh_event_loop_timer_stop(queue->loop, &queue->turn);
    while (queue->first != NULL) {
        hgh_admin_job *job = take_first(queue);

        job->cancel(job);
    }
    free(queue);
}

/* From the loop, not from the end of the job before: a long queue must not become a deep stack. */
static void turn(void *context)
{
    hgh_admin_queue *queue = context;

    if (queue->first != NULL && !queue->is_running) {
        queue->is_running = true;
        queue->first->run(queue->first);
    }
}

void hgh_admin_queue_add(hgh_admin_queue *queue, hgh_admin_job *job)
{
    job->next = NULL;
    if (queue->last == NULL) {
        queue->first = job;
    } else {
        queue->last->next = job;
    }
    queue->last = job;
    queue->count++;
    if (!queue->is_running) {
        hgh_event_loop_defer(queue->loop, &queue->turn, turn, queue);
    }
}

void hgh_admin_queue_end(hgh_admin_queue *queue)
{
    (void)take_first(queue); /* it belongs to its owner again */
    queue->is_running = false;
    if (queue->first != NULL) {
        hgh_event_loop_defer(queue->loop, &queue->turn, turn, queue);
    }
}

size_t hgh_admin_queue_count(const hgh_admin_queue *queue)
{
    return queue->count;
}
