/* host/cli/admin_client.h - one request to the Admin API of a running gateway. */
#ifndef HOST_CLI_ADMIN_CLIENT_H
#define HOST_CLI_ADMIN_CLIENT_H

/** What a command that talks to the gateway does. */
typedef struct hgh_admin_client_command {
    const char *name;
    const char *summary; /* what --help says it does; ends with a newline */
    const char *method;
    const char *path; /* below the address */
    long timeout_s;
} hgh_admin_client_command;

/**
 * Reads the options that all these commands share, sends the request and prints the answer.
 * Returns an exit code: 0 if the answer is a 2xx, 1 if it is not or there is none, 2 for wrong
 * usage.
 */
int hgh_admin_client_main(const hgh_admin_client_command *command, int argc, char **argv);

#endif
