/* tests/integration/load.c - requests in the background, a bounded number at a time. */
#include "tests/integration/load.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/command.h"
#include "tests/integration/connection.h"
#include "tests/unit/unit.h"

#define RETRY_PAUSE_MS 20

struct load {
    load_plan plan;
    pthread_t *threads;
    pthread_mutex_t lock;
    load_result result;
    atomic_bool is_stopping;
};

static void count(load *self, const char *failure)
{
    (void)pthread_mutex_lock(&self->lock);
    if (failure == NULL) {
        self->result.requests++;
    } else {
        if (self->result.failures++ == 0) {
            (void)snprintf(self->result.first, sizeof(self->result.first), "%s", failure);
        }
    }
    (void)pthread_mutex_unlock(&self->lock);
}

/* The request as it is sent each time; owned by the caller. */
static char *request_text(const load_plan *plan)
{
    size_t length = plan->upload_bytes;
    char *head;
    char *text;

    if (length == 0) {
        return text_format("GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", plan->target);
    }
    head = text_format("POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n",
                       plan->target, length);
    text = text_format("%s%0*d", head, (int)length, 7);
    free(head);
    return text;
}

static void request_one(load *self, connection *with, const char *text, response *got)
{
    char failure[400];

    if (!connection_send(with, text, strlen(text)) || !connection_receive(with, false, got)) {
        count(self, with->error);
        with->is_ended = true;
    } else if (got->status != 200) {
        (void)snprintf(failure, sizeof(failure), "status %d: %.200s", got->status, got->body);
        count(self, failure);
    } else if (self->plan.wanted != NULL && strstr(got->body, self->plan.wanted) == NULL) {
        (void)snprintf(failure, sizeof(failure), "an unexpected body: %.200s", got->body);
        count(self, failure);
    } else {
        count(self, NULL);
    }
}

static void *run(void *context)
{
    load *self = context;
    connection with = {.fd = -1, .is_ended = true};
    response *got = calloc(1, sizeof(*got));
    char *text = request_text(&self->plan);

    if (got == NULL) {
        abort();
    }
    while (!atomic_load(&self->is_stopping)) {
        if (with.is_ended) {
            connection_close(&with);
            if (!connection_open(&with, self->plan.port)) {
                count(self, with.error);
                (void)poll(NULL, 0, RETRY_PAUSE_MS);
                continue;
            }
        }
        request_one(self, &with, text, got);
        if (self->plan.pause_us > 0) {
            (void)usleep(self->plan.pause_us);
        }
    }
    connection_close(&with);
    response_done(got);
    free(got);
    free(text);
    return NULL;
}

load *load_start(const load_plan *plan)
{
    load *self = calloc(1, sizeof(*self));

    assert_non_null(self);
    self->plan = *plan;
    self->threads = calloc(plan->connections, sizeof(*self->threads));
    assert_non_null(self->threads);
    (void)pthread_mutex_init(&self->lock, NULL);
    for (unsigned i = 0; i < plan->connections; i++) {
        assert_int_equal(pthread_create(&self->threads[i], NULL, run, self), 0);
    }
    return self;
}

load_result load_look(load *self)
{
    load_result result;

    (void)pthread_mutex_lock(&self->lock);
    result = self->result;
    (void)pthread_mutex_unlock(&self->lock);
    return result;
}

void load_wait(load *self, size_t more)
{
    size_t wanted = load_look(self).requests + more;

    WAIT_UNTIL(load_look(self).requests >= wanted);
}

load_result load_stop(load *self)
{
    load_result result;

    atomic_store(&self->is_stopping, true);
    for (unsigned i = 0; i < self->plan.connections; i++) {
        (void)pthread_join(self->threads[i], NULL);
    }
    result = self->result;
    (void)pthread_mutex_destroy(&self->lock);
    free(self->threads);
    free(self);
    return result;
}
