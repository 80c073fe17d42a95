/* host/control/supervisor_answer.c - what control asks the supervisor for, as it may not read it.
 */
#include "host/control/supervisor_answer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "host/control/control_log.h"
#include "host/control/instance_secrets.h"
#include "host/control/supervisor.h"

void hgh_supervisor_answer_settings(int socket, const hgh_settings *settings)
{
    hg_error err = HG_ERROR_INIT;
    char *packet = malloc(HGH_SUPERVISOR_PACKET_MAX);
    char *text = NULL;
    size_t length = 0;
    int header;

    if (packet == NULL) {
        return; /* control asks in vain, ends and is started again */
    }
    if (hgh_settings_read(settings->path, &text, &length, &err) == HG_OK) {
        header = snprintf(packet, HGH_SUPERVISOR_PACKET_MAX, "ok\n");
        memcpy(packet + header, text, length);
        length += (size_t)header;
    } else {
        length = (size_t)snprintf(packet, HGH_SUPERVISOR_PACKET_MAX, "error\n%s", err.text);
    }
    if (send(socket, packet, length, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)length) {
        hgh_log(HG_LOG_ERROR, "the configuration could not be sent to control: %s",
                strerror(errno));
    }
    free(text);
    free(packet);
}

void hgh_supervisor_answer_secrets(int socket,
                                   const hgh_instance *instance,
                                   const hgh_settings *settings)
{
    hg_error err = HG_ERROR_INIT;
    hgh_instance_secrets secrets = {0};
    char *packet = calloc(1, HGH_SUPERVISOR_PACKET_MAX);
    char *text = NULL;
    int length = -1;

    if (hgh_instance_secrets_load(instance->directory, settings, &secrets, &err) != HG_OK) {
        length =
            snprintf(packet, packet == NULL ? 0 : HGH_SUPERVISOR_PACKET_MAX, "error\n%s", err.text);
    } else if ((text = hgh_instance_secrets_text(&secrets)) != NULL) {
        length = snprintf(packet, packet == NULL ? 0 : HGH_SUPERVISOR_PACKET_MAX, "ok\n%s", text);
    }
    if (length >= (int)HGH_SUPERVISOR_PACKET_MAX) {
        length = snprintf(packet, HGH_SUPERVISOR_PACKET_MAX,
                          "error\nthe files of deployment.admin.admin_api_mtls are too long: "
                          "together they may have %u KiB",
                          HGH_SETTINGS_FILE_MAX >> 10);
    }
    if (packet == NULL || length < 0 ||
        send(socket, packet, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT) != length) {
        hgh_log(HG_LOG_ERROR, "the secrets could not be sent to control: %s", strerror(errno));
    }
    if (text != NULL) {
        explicit_bzero(text, strlen(text));
    }
    if (packet != NULL) {
        explicit_bzero(packet, HGH_SUPERVISOR_PACKET_MAX);
    }
    hgh_instance_secrets_done(&secrets);
    free(text);
    free(packet);
}
