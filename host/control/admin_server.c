/* host/control/admin_server.c - HTTP for the Admin API: one listening socket on the event loop. */
#include "host/control/admin_server.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <microhttpd.h>

#include "host/core/address.h"

#define CONNECTIONS_MAX  1000u
#define TIMEOUT_S        30u
#define ANSWER_TIMES     10u /* an answer may take so many times the timeout to be read */
#define SWEEPS_A_TIMEOUT 4u
#define SLOW_MS          1000u /* at the limit of connections: who needs longer makes room */
#define ROOM_PART        8u    /* of the connections, that are given up at once */
#define ROOM_MS          250u  /* until another look, while nobody is slow enough */
#define ARGUMENTS_MAX    64u
#define DISCARD_MAX      (64u << 20) /* bytes read and dropped so that the client sees the answer */
#define BODY_FIRST       4096u
#define URI_WRONG        "found an address that cannot be decoded"
#define STATUS_BAD       400u
#define STATUS_FAILED    500u
#define MS_IN_S          1000u
#define NO_CERTIFICATE   "found no client certificate of a known authority"
#define TLS_PRIORITIES   "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

/* One client: who does not send or read in time is cut off. */
typedef struct client {
    struct client *next;
    struct client *previous;
    struct MHD_Connection *connection; /* borrowed */
    uint64_t since_ms;                 /* when it was its turn */
    uint64_t deadline_ms;              /* 0: it waits for us */
} client;

struct hgh_admin_server {
    hgh_event_loop *loop;
    hgh_admin_handler handler;
    struct MHD_Daemon *daemon; /* owned */
    int epoll;                 /* the daemon's */
    uint64_t timeout_ms;
    hgh_admin_peer peer;
    uint32_t connections_max;
    uint32_t connections;   /* now */
    bool wants_certificate; /* of its clients */
    uint64_t body_max_bytes;
    uint64_t discard_max_bytes; /* read and dropped so that the client sees the answer */
    hgh_event_loop_timer run_timer;
    hgh_event_loop_timer sweep_timer;
    hgh_event_loop_timer room_timer;
    client clients;                 /* ring; the head is no client */
    struct admin_exchange *waiting; /* suspended: list of those to answer */
};

/* One request and its answer; lives until both the connection and the handler are through. */
typedef struct admin_exchange {
    hgh_admin_answer_later later; /* first: the handler gives it back to us */
    hgh_admin_server *server;
    struct MHD_Connection *connection; /* NULL: gone */
    struct admin_exchange *next;       /* of server->waiting */
    hgh_admin_request request;
    hgh_admin_argument arguments[ARGUMENTS_MAX];
    char *uri;  /* owned: path and arguments point into it */
    char *body; /* owned */
    size_t body_size;
    hgh_admin_answer answer;
    bool is_begun;
    bool is_uri_wrong;
    bool is_handled; /* the handler has it and has not answered */
    bool is_suspended;
    bool is_answered;
} admin_exchange;

static void daemon_run(void *context);

/* Percent-decodes in place; false if that cannot be done or gives a NUL. */
static bool decode(char *text, bool plus_is_space)
{
    char *into = text;

    for (const char *at = text; *at != '\0'; at++) {
        char digits[3] = {0};
        char *end;

        if (*at == '+' && plus_is_space) {
            *into++ = ' ';
            continue;
        }
        if (*at != '%') {
            *into++ = *at;
            continue;
        }
        if (at[1] == '\0' || at[2] == '\0' || strspn(at + 1, "0123456789abcdefABCDEF") < 2) {
            return false;
        }
        memcpy(digits, at + 1, 2);
        *into = (char)strtoul(digits, &end, 16);
        if (*into == '\0') {
            return false;
        }
        into++;
        at += 2;
    }
    *into = '\0';
    return true;
}

/* Splits and decodes the request target (RFC 3986 section 3) in place. */
static bool parse_uri(admin_exchange *exchange)
{
    hgh_admin_request *request = &exchange->request;
    char *query = strchr(exchange->uri, '?');
    char *rest = NULL;

    if (query != NULL) {
        *query++ = '\0';
    }
    request->path = exchange->uri;
    request->arguments = exchange->arguments;
    if (!decode(exchange->uri, false)) {
        return false;
    }
    for (char *piece = query == NULL ? NULL : strtok_r(query, "&", &rest); piece != NULL;
         piece = strtok_r(NULL, "&", &rest)) {
        char *value = strchr(piece, '=');
        hgh_admin_argument *argument = &exchange->arguments[request->argument_count];

        if (request->argument_count == ARGUMENTS_MAX) {
            return false;
        }
        if (value != NULL) {
            *value++ = '\0';
        }
        argument->name = piece;
        argument->value = value == NULL ? "" : value;
        if (!decode(piece, true) || (value != NULL && !decode(value, true))) {
            return false;
        }
        request->argument_count++;
    }
    return true;
}

static const char *find_header(void *context, const char *name)
{
    admin_exchange *exchange = context;

    return exchange->connection == NULL
               ? NULL
               : MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name);
}

static void exchange_free(admin_exchange *exchange)
{
    hgh_admin_answer_done(&exchange->answer);
    free(exchange->uri);
    free(exchange->body);
    free(exchange);
}

static void waiting_remove(admin_exchange *exchange)
{
    admin_exchange **link = &exchange->server->waiting;

    while (*link != exchange) {
        link = &(*link)->next;
    }
    *link = exchange->next;
}

static void run_soon(hgh_admin_server *server)
{
    hgh_event_loop_defer(server->loop, &server->run_timer, daemon_run, server);
}

/* The handler's answer: queued by the connection's next call, for which it is woken. */
static void exchange_send(hgh_admin_answer_later *later, hgh_admin_answer *answer)
{
    admin_exchange *exchange = (admin_exchange *)later;

    exchange->is_handled = false;
    if (exchange->connection == NULL) { /* the server has gone meanwhile */
        hgh_admin_answer_done(answer);
        exchange_free(exchange);
        return;
    }
    exchange->answer = *answer;
    memset(answer, 0, sizeof(*answer));
    exchange->is_answered = true;
    if (exchange->is_suspended) {
        exchange->is_suspended = false;
        waiting_remove(exchange);
        MHD_resume_connection(exchange->connection);
        run_soon(exchange->server);
    }
}

static void *on_uri(void *context, const char *uri, struct MHD_Connection *connection)
{
    admin_exchange *exchange = calloc(1, sizeof(*exchange));

    if (exchange == NULL) {
        return NULL;
    }
    exchange->server = context;
    exchange->connection = connection;
    exchange->later.send = exchange_send;
    exchange->uri = strdup(uri);
    exchange->is_uri_wrong = exchange->uri == NULL || !parse_uri(exchange);
    return exchange;
}

static client *client_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info == NULL ? NULL : info->socket_context;
}

static void deadline_set(admin_exchange *exchange, uint64_t after_ms)
{
    client *whose = client_of(exchange->connection);

    if (whose != NULL) {
        whose->since_ms = hgh_event_loop_now_ms();
        whose->deadline_ms = after_ms == 0 ? 0 : whose->since_ms + after_ms;
    }
}

static enum MHD_Result answer_queue(admin_exchange *exchange)
{
    hgh_admin_answer *answer = &exchange->answer;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(answer->body_length, answer->body, MHD_RESPMEM_MUST_FREE);
    enum MHD_Result result;

    if (response == NULL) {
        return MHD_NO;
    }
    answer->body = NULL; /* the response's now */
    for (size_t i = 0; i < answer->header_count; i++) {
        (void)MHD_add_response_header(response, answer->headers[i].name, answer->headers[i].value);
    }
    deadline_set(exchange, exchange->server->timeout_ms * ANSWER_TIMES);
    result = MHD_queue_response(exchange->connection, answer->status, response);
    MHD_destroy_response(response);
    return result;
}

/* What cannot even be read is answered here, without the handler. */
static enum MHD_Result refuse(admin_exchange *exchange, unsigned status, const char *text)
{
    hgh_admin_answer_error(&exchange->answer, status, "%s", text);
    hgh_admin_answer_header(&exchange->answer, "Content-Type", "application/json");
    exchange->is_answered = true;
    return answer_queue(exchange);
}

static void find_client_address(admin_exchange *exchange)
{
    const union MHD_ConnectionInfo *info;
    const char *said;

    exchange->request.peer = exchange->server->peer;
    if (exchange->server->peer == HGH_ADMIN_PEER_ENGINE) {
        said = find_header(exchange, HGH_ADMIN_CLIENT_HEADER);
        if (said != NULL) {
            (void)hgh_address_parse((hg_text){said, strlen(said)}, &exchange->request.client);
        }
        return;
    }
    info = MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

    if (info != NULL && info->client_addr != NULL) {
        hgh_address_from_sockaddr(info->client_addr, &exchange->request.client);
    }
}

/* The library asks for a certificate and takes any, or none. */
static bool has_certificate(const admin_exchange *exchange)
{
    static unsigned char purpose[] = GNUTLS_KP_TLS_WWW_CLIENT;
    gnutls_typed_vdata_st wanted = {.type = GNUTLS_DT_KEY_PURPOSE_OID, .data = purpose};
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    unsigned result = 0;

    return info != NULL && info->tls_session != NULL &&
           gnutls_certificate_verify_peers(info->tls_session, &wanted, 1, &result) ==
               GNUTLS_E_SUCCESS &&
           result == 0;
}

static enum MHD_Result handle(admin_exchange *exchange)
{
    hgh_admin_server *server = exchange->server;

    exchange->request.body = exchange->request.body_is_dropped ? NULL : exchange->body;
    exchange->is_handled = true;
    deadline_set(exchange, 0);
    server->handler.handle(server->handler.context, &exchange->request, &exchange->later);
    if (exchange->is_answered) {
        return answer_queue(exchange);
    }
    exchange->is_suspended = true;
    exchange->next = server->waiting;
    server->waiting = exchange;
    MHD_suspend_connection(exchange->connection);
    return MHD_YES;
}

/* The headers are there. */
static enum MHD_Result begin(admin_exchange *exchange, const char *method)
{
    hgh_admin_request *request = &exchange->request;
    const char *length = find_header(exchange, "Content-Length");

    exchange->is_begun = true;
    if (exchange->server->wants_certificate && !has_certificate(exchange)) {
        return refuse(exchange, STATUS_BAD, NO_CERTIFICATE);
    }
    if (exchange->is_uri_wrong) {
        return refuse(exchange, STATUS_BAD, URI_WRONG);
    }
    request->method = method;
    request->header = find_header;
    request->context = exchange;
    find_client_address(exchange);
    if (length != NULL) {
        request->body_length = strtoull(length, NULL, 10); /* the library has judged its form */
    }
    if (request->body_length > exchange->server->body_max_bytes ||
        !exchange->server->handler.wants_body(exchange->server->handler.context, request)) {
        request->body_is_dropped = true;
    }
    if (request->body_length > exchange->server->discard_max_bytes) {
        return handle(exchange);
    }
    request->body_length = 0; /* counted as it comes */
    return MHD_YES;
}

/* More of the body; false: no memory, or it does not end. */
static bool take(admin_exchange *exchange, const char *data, size_t length)
{
    hgh_admin_request *request = &exchange->request;
    size_t needed = (size_t)request->body_length + length;

    request->body_length += length;
    if (request->body_length > exchange->server->body_max_bytes) {
        request->body_is_dropped = true;
    }
    if (request->body_is_dropped) {
        free(exchange->body);
        exchange->body = NULL;
        return request->body_length <= exchange->server->discard_max_bytes;
    }
    if (needed > exchange->body_size) {
        size_t size = exchange->body_size == 0 ? BODY_FIRST : exchange->body_size;
        char *grown;

        while (size < needed) {
            size *= 2;
        }
        grown = realloc(exchange->body, size);
        if (grown == NULL) {
            return false;
        }
        exchange->body = grown;
        exchange->body_size = size;
    }
    memcpy(exchange->body + needed - length, data, length);
    return true;
}

/* The library calls this for the headers, for each piece of the body, at its end, and once more
 * after the connection was resumed. */
static enum MHD_Result on_request(void *context,
                                  struct MHD_Connection *connection,
                                  const char *url,
                                  const char *method,
                                  const char *version,
                                  const char *upload_data,
                                  size_t *upload_data_size,
                                  void **state)
{
    admin_exchange *exchange = *state;

    (void)context;
    (void)connection;
    (void)url; /* decoded by on_uri(), which sees what the library's decoder would hide */
    (void)version;
    if (exchange == NULL) {
        return MHD_NO; /* no memory */
    }
    if (!exchange->is_begun) {
        return begin(exchange, method);
    }
    if (*upload_data_size > 0) {
        size_t length = *upload_data_size;

        *upload_data_size = 0;
        return exchange->is_answered || exchange->is_handled || take(exchange, upload_data, length)
                   ? MHD_YES
                   : MHD_NO;
    }
    if (exchange->is_answered) {
        return answer_queue(exchange);
    }
    return handle(exchange);
}

static void on_completed(void *context,
                         struct MHD_Connection *connection,
                         void **state,
                         enum MHD_RequestTerminationCode code)
{
    admin_exchange *exchange = *state;

    (void)context;
    (void)connection;
    (void)code;
    if (exchange == NULL) {
        return;
    }
    *state = NULL;
    deadline_set(exchange, exchange->server->timeout_ms);
    exchange->connection = NULL;
    if (!exchange->is_handled) {
        exchange_free(exchange); /* else by the handler's answer */
    }
}

static void cut_off(client *who)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(who->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

    who->deadline_ms = 0; /* once is enough: the library sees the end and closes it */
    if (info != NULL) {
        (void)shutdown(info->connect_fd, SHUT_RDWR); /* may be gone already */
    }
}

/**
 * At the limit the library lets nobody in, and a client may take its time: then those that have had
 * theirs for longest are cut off, if that was long. Looks again as long as it is full.
 */
static void make_room(void *context)
{
    hgh_admin_server *server = context;
    uint64_t now_ms = hgh_event_loop_now_ms();
    uint32_t wanted = server->connections_max / ROOM_PART + 1;

    if (server->connections < server->connections_max) {
        return;
    }
    for (client *at = server->clients.previous; at != &server->clients && wanted > 0;
         at = at->previous) { /* who came first stands last */
        if (at->deadline_ms != 0 && now_ms - at->since_ms >= SLOW_MS) {
            cut_off(at);
            wanted--;
        }
    }
    hgh_event_loop_timer_start(server->loop, &server->room_timer, ROOM_MS, make_room, server);
}

static void sweep(void *context)
{
    hgh_admin_server *server = context;
    uint64_t now_ms = hgh_event_loop_now_ms();

    for (client *at = server->clients.next; at != &server->clients; at = at->next) {
        if (at->deadline_ms != 0 && at->deadline_ms <= now_ms) {
            cut_off(at);
        }
    }
    if (server->clients.next != &server->clients) {
        hgh_event_loop_timer_start(server->loop, &server->sweep_timer,
                                   server->timeout_ms / SWEEPS_A_TIMEOUT, sweep, server);
    }
}

static void on_connection(void *context,
                          struct MHD_Connection *connection,
                          void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    hgh_admin_server *server = context;
    client *who = *socket_context;

    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        server->connections--;
        if (who != NULL) {
            who->next->previous = who->previous;
            who->previous->next = who->next;
            free(who);
            *socket_context = NULL;
        }
        /* At its limit the library stops listening; it looks again only when it runs. */
        run_soon(server);
        return;
    }
    server->connections++;
    if (server->connections >= server->connections_max && !server->room_timer.is_waiting) {
        hgh_event_loop_timer_start(server->loop, &server->room_timer, ROOM_MS, make_room, server);
    }
    who = calloc(1, sizeof(*who));
    if (who == NULL) {
        return; /* the library's own timeout for idle clients remains */
    }
    who->connection = connection;
    who->since_ms = hgh_event_loop_now_ms();
    who->deadline_ms = who->since_ms + server->timeout_ms;
    who->next = server->clients.next;
    who->previous = &server->clients;
    who->next->previous = who;
    server->clients.next = who;
    *socket_context = who;
    if (!server->sweep_timer.is_waiting) {
        hgh_event_loop_timer_start(server->loop, &server->sweep_timer,
                                   server->timeout_ms / SWEEPS_A_TIMEOUT, sweep, server);
    }
}

/* One turn of the library; it says when it wants the next one although nothing happens. */
static void daemon_run(void *context)
{
    hgh_admin_server *server = context;
    MHD_UNSIGNED_LONG_LONG after_ms = 0;

    hgh_event_loop_timer_stop(server->loop, &server->run_timer);
    (void)MHD_run(server->daemon); /* fails for a daemon of another mode only */
    if (server->run_timer.is_waiting) {
        return; /* what was closed meanwhile wants another turn soon */
    }
    if (MHD_get_timeout(server->daemon, &after_ms) != MHD_YES) {
        return;
    }
    if (after_ms == 0) {
        run_soon(server);
    } else {
        hgh_event_loop_timer_start(server->loop, &server->run_timer, after_ms, daemon_run, server);
    }
}

static void on_ready(void *context, uint32_t events)
{
    (void)events;
    daemon_run(context);
}

/* The library ends the process over a descriptor that is no socket. */
static hg_status listener_check(int listener, hg_error *err)
{
    int is_listening = 0;
    socklen_t size = sizeof(is_listening);

    if (getsockopt(listener, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &size) != 0) {
        return hg_error_set(err, HG_ERR_IO, "Admin API: cannot serve on descriptor %d: %s",
                            listener, strerror(errno));
    }
    return is_listening != 0
               ? HG_OK
               : hg_error_set(err, HG_ERR_IO, "Admin API: descriptor %d does not listen", listener);
}

static struct MHD_Daemon *daemon_start(hgh_admin_server *server,
                                       const hgh_admin_server_options *options)
{
    static char priorities[] = TLS_PRIORITIES; /* the library's table takes no const */
    const hgh_admin_tls *tls = options->tls;
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;
    struct MHD_OptionItem more[5] = {{MHD_OPTION_END, 0, NULL}};

    if (tls != NULL && tls->certificate != NULL) {
        flags |= MHD_USE_TLS;
        more[0] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, tls->certificate};
        more[1] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, tls->key};
        more[2] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0, priorities};
        more[3] = (struct MHD_OptionItem){tls->authorities == NULL ? MHD_OPTION_END
                                                                   : MHD_OPTION_HTTPS_MEM_TRUST,
                                          0, tls->authorities};
        more[4] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    }
    return MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, server, MHD_OPTION_LISTEN_SOCKET,
        (MHD_socket)options->listener, MHD_OPTION_CONNECTION_LIMIT, server->connections_max,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)(server->timeout_ms / MS_IN_S),
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_URI_LOG_CALLBACK, on_uri, server,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, server, MHD_OPTION_ARRAY, more, MHD_OPTION_END);
}

hg_status hgh_admin_server_new(hgh_event_loop *loop,
                               const hgh_admin_server_options *options,
                               const hgh_admin_handler *handler,
                               hgh_admin_server **out_server,
                               hg_error *err)
{
    hgh_admin_server *server = calloc(1, sizeof(*server));
    const union MHD_DaemonInfo *info;
    hg_status status = listener_check(options->listener, err);

    if (status != HG_OK || server == NULL) {
        free(server);
        return status != HG_OK ? status
                               : hg_error_set(err, HG_ERR_NO_MEMORY, "Admin API: out of memory");
    }
    server->loop = loop;
    server->handler = *handler;
    server->peer = options->peer;
    server->body_max_bytes =
        options->body_max_bytes == 0 ? HGH_ADMIN_BODY_MAX : options->body_max_bytes;
    server->discard_max_bytes =
        server->body_max_bytes > DISCARD_MAX ? server->body_max_bytes : DISCARD_MAX;
    server->wants_certificate = options->tls != NULL && options->tls->authorities != NULL;
    server->timeout_ms =
        (uint64_t)(options->timeout_s == 0 ? TIMEOUT_S : options->timeout_s) * MS_IN_S;
    server->connections_max =
        options->connections_max == 0 ? CONNECTIONS_MAX : options->connections_max;
    server->clients.next = &server->clients;
    server->clients.previous = &server->clients;
    server->daemon = daemon_start(server, options);
    if (server->daemon == NULL) {
        status = hg_error_set(err, HG_ERR_IO, "Admin API: cannot serve on descriptor %d: %s",
                              options->listener, strerror(errno));
        free(server);
        return status;
    }
    info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (info == NULL) {
        status = hg_error_set(err, HG_ERR_IO, "Admin API: the HTTP library has no epoll");
        goto cleanup;
    }
    server->epoll = info->epoll_fd;
    status = hgh_event_loop_watch(loop, server->epoll, EPOLLIN, on_ready, server, err);
    if (status == HG_OK) {
        *out_server = server;
        server = NULL;
    }

cleanup:
    hgh_admin_server_free(server);
    return status;
}

void hgh_admin_server_free(hgh_admin_server *server)
{
    if (server == NULL) {
        return;
    }
    hgh_event_loop_unwatch(server->loop, server->epoll);
    /* The library must not be stopped while connections are suspended. */
    for (admin_exchange *at = server->waiting; at != NULL; at = at->next) {
        at->is_suspended = false;
        MHD_resume_connection(at->connection);
    }
    server->waiting = NULL;
    MHD_stop_daemon(server->daemon);
    hgh_event_loop_timer_stop(server->loop, &server->run_timer);
    hgh_event_loop_timer_stop(server->loop, &server->sweep_timer);
    hgh_event_loop_timer_stop(server->loop, &server->room_timer);
    free(server);
}
