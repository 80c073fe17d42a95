/* consumer-restriction.c - refuses requests by their consumer, group, service or route. */
#include <stdlib.h>
#include <string.h>

#include <hotgate/plugin.h>

typedef struct user_methods {
    hg_text user;
    hg_list methods; /* int32_t: places in method_names */
} user_methods;

typedef struct restriction {
    int32_t type; /* its place in `types` */
    hg_list blacklist;
    hg_list whitelist;
    hg_list allowed_by_methods;
    int64_t rejected_code;
    hg_text rejected_msg; /* absent: one that names the type */

    /* of prepare(), owned: sorted, so that a list may be long */
    hg_text *black;
    hg_text *white;
    user_methods *users;
} restriction;

static const struct {
    const char *name;
    hg_object object;
} types[] = {
    {"consumer_name", HG_OBJECT_CONSUMER_NAME},
    {"consumer_group_id", HG_OBJECT_CONSUMER_GROUP_ID},
    {"service_id", HG_OBJECT_SERVICE_ID},
    {"route_id", HG_OBJECT_ROUTE_ID},
};

static const char *const method_names[] = {"GET",  "POST",    "PUT",     "DELETE", "PATCH",
                                           "HEAD", "OPTIONS", "CONNECT", "TRACE",  "PURGE"};

static const hg_field value_item = HG_ITEM(HG_KIND_STRING, hg_text, .min_length = 1);
static const hg_field method_item =
    HG_ITEM(HG_KIND_ENUM,
            int32_t,
            .names = {"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT",
                      "TRACE", "PURGE"});

static const hg_field user_fields[] = {
    HG_STRING(user_methods,
              user,
              "user",
              .summary = "Who it is, as `type` says.",
              .required = true,
              .min_length = 1),
    HG_LIST(user_methods,
            methods,
            "methods",
            &method_item,
            .summary = "The methods that it may use.",
            .required = true,
            .min_length = 1),
    HG_FIELDS_END,
};
static const hg_field user_item = HG_ITEM_OBJECT(user_methods, user_fields);

static const hg_field fields[] = {
    HG_ENUM(restriction,
            type,
            "type",
            .summary = "What is compared with the lists.",
            .initial = "consumer_name",
            .names = {"consumer_name", "consumer_group_id", "service_id", "route_id"}),
    HG_LIST(restriction,
            blacklist,
            "blacklist",
            &value_item,
            .summary = "Who is refused.",
            .min_length = 1),
    HG_LIST(restriction,
            whitelist,
            "whitelist",
            &value_item,
            .summary = "Who alone is let through.",
            .min_length = 1),
    HG_LIST(restriction,
            allowed_by_methods,
            "allowed_by_methods",
            &user_item,
            .summary = "Who is let through with some methods only; no user stands there twice.",
            .min_length = 1),
    HG_INT(restriction,
           rejected_code,
           "rejected_code",
           .summary = "The status of a refusal.",
           .min = 200,
           .max = 599,
           .initial = "403"),
    HG_STRING(restriction,
              rejected_msg,
              "rejected_msg",
              .summary = "What a refusal says: `{\"message\":\"...\"}`. Left out: `The TYPE is "
                         "forbidden.`"),
    HG_RULE(HG_AT_LEAST_ONE, "blacklist", "whitelist", "allowed_by_methods"),
    HG_FIELDS_END,
};

/* -------------------------------------------------------------------------- configuration */

static int compare_texts(const void *a, const void *b)
{
    const hg_text *left = a;
    const hg_text *right = b;
    size_t length = left->length < right->length ? left->length : right->length;
    int order = memcmp(left->data, right->data, length);

    return order != 0 ? order : (left->length > right->length) - (left->length < right->length);
}

/* By their users: the first member. */
static void *sorted(const hg_list *list, size_t size)
{
    void *copy = list->count == 0 ? NULL : malloc(list->count * size);

    if (copy != NULL) {
        memcpy(copy, list->items, list->count * size);
        qsort(copy, list->count, size, compare_texts);
    }
    return copy;
}

static void dispose(void *state)
{
    restriction *own = state;

    free(own->black);
    free(own->white);
    free(own->users);
}

static hg_status prepare(void *state, const hg_config_source *source, hg_issues *issues)
{
    restriction *own = state;

    (void)source;
    own->black = sorted(&own->blacklist, sizeof(*own->black));
    own->white = sorted(&own->whitelist, sizeof(*own->white));
    own->users = sorted(&own->allowed_by_methods, sizeof(*own->users));
    if ((own->black == NULL && own->blacklist.count > 0) ||
        (own->white == NULL && own->whitelist.count > 0) ||
        (own->users == NULL && own->allowed_by_methods.count > 0)) {
        dispose(own);
        return HG_ERR_NO_MEMORY;
    }
    for (size_t i = 1; i < own->allowed_by_methods.count; i++) {
        if (hg_text_equal(own->users[i - 1].user, own->users[i].user)) {
            hg_issues_add(issues, "/allowed_by_methods", "a user twice",
                          "all methods of a user in one element");
            dispose(own);
            return HG_ERR_INVALID;
        }
    }
    return HG_OK;
}

/* --------------------------------------------------------------------------------- access */

static bool is_in(const hg_text *list, size_t count, hg_text value)
{
    return count > 0 && bsearch(&value, list, count, sizeof(*list), compare_texts) != NULL;
}

static bool has_method(const user_methods *user, hg_text method)
{
    const int32_t *methods = user->methods.items;

    for (size_t i = 0; i < user->methods.count; i++) {
        if (hg_text_equal(method, hg_text_of(method_names[methods[i]]))) {
            return true;
        }
    }
    return false;
}

/* The blacklist before all; who is on the whitelist may use all methods; of the others those with
 * methods of their own these, and without a whitelist everybody. */
static bool is_allowed(const restriction *own, hg_text value, hg_text method)
{
    const user_methods *user = NULL;

    if (is_in(own->black, own->blacklist.count, value)) {
        return false;
    }
    if (is_in(own->white, own->whitelist.count, value)) {
        return true;
    }
    if (own->users != NULL) {
        user = bsearch(&value, own->users, own->allowed_by_methods.count, sizeof(*user),
                       compare_texts);
    }
    return user != NULL ? has_method(user, method) : own->whitelist.count == 0;
}

/* TEXT with the name of the type in it. */
static hg_verdict
refuse(hg_request *request, uint32_t status, hg_text before, const char *type, hg_text behind)
{
    size_t length = strlen(type);
    char *text = hg_request_allocate(request, before.length + length + behind.length + 1);

    if (text == NULL) {
        return hg_exit(request, status);
    }
    memcpy(text, before.data, before.length);
    memcpy(text + before.length, type, length);
    memcpy(text + before.length + length, behind.data, behind.length);
    length += before.length + behind.length;
    text[length] = '\0';
    return hg_exit_message(request, status, (hg_text){text, length});
}

static hg_verdict on_access(hg_request *request, const void *config)
{
    const restriction *own = config;
    const char *type = types[own->type].name;
    hg_text value = hg_request_object(request, types[own->type].object);

    if (!hg_text_is_present(value)) {
        return refuse(request, 401, HG_TEXT("The request is rejected, please check the "), type,
                      HG_TEXT(" for this request"));
    }
    if (is_allowed(own, value, hg_request_method(request))) {
        return HG_NEXT;
    }
    return own->rejected_msg.data != NULL
               ? hg_exit_message(request, (uint32_t)own->rejected_code, own->rejected_msg)
               : refuse(request, (uint32_t)own->rejected_code, HG_TEXT("The "), type,
                        HG_TEXT(" is forbidden."));
}

HG_PLUGIN("consumer-restriction",
          "1.0.0",
          .summary = "Refuses requests by their consumer, group, service or route.",
          .priority = 2400,
          .config = HG_CONFIG_PREPARED(restriction, fields, prepare, dispose),
          .access = on_access);
