/* tests/integration/served_runner.c - a real `hotgate runner` with objects that a test builds. */
#include "tests/integration/served_runner.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/author.h"
#include "tests/integration/command.h"
#include "tests/unit/unit.h"

#define ARGUMENTS_MAX 8u

void runner_make(served_runner *self)
{
    self->folder = folder_make();
    self->plugins = text_format("%s/plugins", self->folder);
    self->path = text_format("%s/runner.sock", self->folder);
    self->listen = text_format("unix:%s", self->path);
    self->log = text_format("%s/log", self->folder);
    self->pid = 0;
    shell("mkdir -p %s", self->plugins);
}

void runner_install(const served_runner *self,
                    const char *source,
                    const char *name,
                    const char *flags)
{
    char *object = author_build(source, name, flags);

    shell("cp %s %s/.new && mv %s/.new %s/%s.so", object, self->plugins, self->plugins,
          self->plugins, name);
    free(object);
}

void runner_start(served_runner *self, const char *const *arguments)
{
    const char *all[ARGUMENTS_MAX + 8] = {installed_program(), "runner",   "--plugins",
                                          self->plugins,       "--listen", self->listen};
    size_t count = 6;
    int log = open(self->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

    for (; arguments != NULL && *arguments != NULL && count < ARGUMENTS_MAX + 6; arguments++) {
        all[count++] = *arguments;
    }
    self->pid = command_start(&(command){.arguments = all}, log);
    (void)close(log);
    assert_true(self->pid > 0);
    WAIT_UNTIL(access(self->path, F_OK) == 0 || !process_lives(self->pid));
}

int runner_stop(served_runner *self, int number)
{
    int end;

    (void)kill(self->pid, number);
    end = wait_for_end(self->pid, (int64_t)DEADLINE_MS);
    self->pid = end == -1 ? self->pid : 0;
    return end;
}

bool runner_logged(const served_runner *self, const char *text)
{
    char *log = file_read(self->log);
    bool has = strstr(log, text) != NULL;

    free(log);
    return has;
}

void runner_done(served_runner *self)
{
    if (self->pid > 0) {
        (void)runner_stop(self, SIGKILL);
    }
    folder_remove(self->folder);
    free(self->plugins);
    free(self->path);
    free(self->listen);
    free(self->log);
    *self = (served_runner){0};
}
