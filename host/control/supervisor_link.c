/* host/control/supervisor_link.c - control's end of the socket to the supervisor. */
#include "host/control/supervisor_link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include "host/control/control_log.h"
#include "host/control/supervisor.h"

#define ASK_SETTINGS "settings"
#define ASK_SECRETS  "secrets"
#define SAY_READY    "ready"
#define SAY_REFUSED  "refused"
#define SAY_RENEW    "renew"
#define SAY_ISOLATE  "isolate"
#define SAY_KEEP     "keep"
#define SAY_DROP     "drop"
#define SAY_SIGNAL   "signal"
#define ANSWER_OK    "ok\n"
#define ANSWER_ERROR "error\n"

static hg_status packet_send(int fd, const char *text, hg_error *err)
{
    ssize_t sent;

    do {
        sent = send(fd, text, strlen(text), MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)strlen(text)
               ? HG_OK
               : hg_error_set(err, HG_ERR_IO, "telling the supervisor \"%s\": %s", text,
                              strerror(errno));
}

/* Takes the answer apart; the text is moved to the beginning of the packet. */
static hg_status
answer_parse(const char *question, char *packet, size_t length, size_t *out_length, hg_error *err)
{
    size_t ok = strlen(ANSWER_OK);
    size_t error = strlen(ANSWER_ERROR);

    if (length >= error && memcmp(packet, ANSWER_ERROR, error) == 0) {
        return hg_error_set(err, HG_ERR_IO, "%s", packet + error);
    }
    if (length < ok || memcmp(packet, ANSWER_OK, ok) != 0) {
        return hg_error_set(err, HG_ERR_IO,
                            "asking the supervisor for the %s: found an answer of %zu bytes, "
                            "wanted \"ok\" or \"error\"",
                            question, length);
    }
    memmove(packet, packet + ok, length - ok + 1); /* with the NUL */
    *out_length = length - ok;
    return HG_OK;
}

/* Every answer may hold secrets: what is not handed over is wiped. */
static hg_status
ask(int fd, const char *question, char **out_text, size_t *out_length, hg_error *err)
{
    char *packet = calloc(1, HGH_SUPERVISOR_PACKET_MAX + 1);
    hg_status status;
    ssize_t length;

    if (packet == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    status = packet_send(fd, question, err);
    if (status != HG_OK) {
        goto cleanup;
    }
    do {
        length = recv(fd, packet, HGH_SUPERVISOR_PACKET_MAX, 0);
    } while (length < 0 && errno == EINTR);
    if (length <= 0) {
        status = hg_error_set(err, HG_ERR_IO, "asking the supervisor for the %s: %s", question,
                              length == 0 ? "it is gone" : strerror(errno));
        goto cleanup;
    }
    packet[length] = '\0';
    status = answer_parse(question, packet, (size_t)length, out_length, err);
    if (status == HG_OK) {
        *out_text = packet;
        packet = NULL;
    }

cleanup:
    if (packet != NULL) {
        explicit_bzero(packet, HGH_SUPERVISOR_PACKET_MAX);
    }
    free(packet);
    return status;
}

hg_status hgh_supervisor_link_settings(int fd, char **out_text, size_t *out_length, hg_error *err)
{
    return ask(fd, ASK_SETTINGS, out_text, out_length, err);
}

hg_status hgh_supervisor_link_secrets(int fd, hgh_instance_secrets *out_secrets, hg_error *err)
{
    char *text = NULL;
    size_t length = 0;
    hg_status status = ask(fd, ASK_SECRETS, &text, &length, err);

    if (status == HG_OK) {
        status = hgh_instance_secrets_parse(text, length, out_secrets, err);
        explicit_bzero(text, length);
    }
    free(text);
    return status;
}

hg_status hgh_supervisor_link_ready(int fd, hg_error *err)
{
    return packet_send(fd, SAY_READY, err);
}

void hgh_supervisor_link_signal(int fd, pid_t pid, int number)
{
    hg_error err = HG_ERROR_INIT;
    char text[32];

    (void)snprintf(text, sizeof(text), SAY_SIGNAL " %d %d", number, (int)pid);
    if (packet_send(fd, text, &err) != HG_OK) {
        hgh_log(HG_LOG_ERROR, "%s", err.text);
    }
}

hg_status hgh_supervisor_link_refused(int fd, hg_error *err)
{
    return packet_send(fd, SAY_REFUSED, err);
}

void hgh_supervisor_link_renew(int fd)
{
    hg_error err = HG_ERROR_INIT;

    if (packet_send(fd, SAY_RENEW, &err) != HG_OK) {
        hgh_log(HG_LOG_ERROR, "%s", err.text);
    }
}

static void say_of_generation(int fd, const char *what, uint64_t generation)
{
    hg_error err = HG_ERROR_INIT;
    char text[48];

    (void)snprintf(text, sizeof(text), "%s %llu", what, (unsigned long long)generation);
    if (packet_send(fd, text, &err) != HG_OK) {
        hgh_log(HG_LOG_ERROR, "%s", err.text);
    }
}

void hgh_supervisor_link_isolate(int fd, uint64_t generation)
{
    say_of_generation(fd, SAY_ISOLATE, generation);
}

void hgh_supervisor_link_keep(int fd, uint64_t generation)
{
    say_of_generation(fd, SAY_KEEP, generation);
}

void hgh_supervisor_link_drop(int fd, uint64_t generation)
{
    say_of_generation(fd, SAY_DROP, generation);
}

bool hgh_supervisor_link_is_parent(int fd)
{
    struct ucred peer = {0};
    socklen_t size = sizeof(peer);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid == getppid();
}
