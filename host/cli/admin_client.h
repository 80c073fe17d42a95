/* host/cli/admin_client.h - one request to the Admin API of a running gateway. */
#ifndef HOST_CLI_ADMIN_CLIENT_H
#define HOST_CLI_ADMIN_CLIENT_H

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>

#include <jansson.h>

struct hgh_admin_client_command;

/** Options and arguments of a command beside the shared ones; all may be 0. */
typedef struct hgh_admin_client_extras {
    const char *synopsis;         /* of the usage line: " METHOD URI" */
    const char *help;             /* lines about its options */
    const char *short_options;    /* as for getopt_long(), as is the next */
    const struct option *options; /* ended by zeroes; values from 1000 on, or letters */
    /** An option of its own; HGH_EXIT_OK or HGH_EXIT_USAGE, when it has said why. */
    int (*on_option)(void *context, int option, const char *value);
    /** All arguments, once all options were read: completes the command; an exit code. */
    int (*on_arguments)(void *context,
                        struct hgh_admin_client_command *command,
                        int argc,
                        char **argv);
    /** Prints an answer that is good, for people; NULL: as any other. */
    void (*print)(void *context, FILE *out, json_t *answer);
    void *context;
} hgh_admin_client_extras;

/** What a command that talks to the gateway does. */
typedef struct hgh_admin_client_command {
    const char *name;
    const char *summary; /* what --help says it does; ends with a newline */
    const char *method;
    const char *path; /* below the address */
    long timeout_s;
    const char *body; /* NULL: none */
    size_t body_length;
    const hgh_admin_client_extras *extras; /* NULL: it has the shared options alone */
} hgh_admin_client_command;

/**
 * Reads the options that all these commands share, sends the request and prints the answer.
 * Returns an exit code: 0 if the answer is a 2xx, 1 if it is not or there is none, 2 for wrong
 * usage.
 */
int hgh_admin_client_main(const hgh_admin_client_command *command, int argc, char **argv);

/** How a call through an instance's own socket came out. */
typedef enum hgh_admin_client_result {
    HGH_ADMIN_CLIENT_ANSWERED,
    HGH_ADMIN_CLIENT_NOT_RUNNING, /* nobody listens there */
    HGH_ADMIN_CLIENT_FAILED,      /* and told */
} hgh_admin_client_result;

/**
 * Sends a request through the socket of an instance, of which it says nothing if it does not run.
 *
 * out_text    on HGH_ADMIN_CLIENT_ANSWERED the answer, NUL-terminated and owned by the caller.
 * out_status  likewise its status.
 */
hgh_admin_client_result hgh_admin_client_local(const hgh_admin_client_command *command,
                                               const char *directory,
                                               char **out_text,
                                               size_t *out_length,
                                               long *out_status);

/** Tells on stderr why an answer is no 2xx, in the words of the Admin API. */
void hgh_admin_client_tell(const char *command, long status, const char *text);

#endif
