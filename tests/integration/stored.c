/* tests/integration/stored.c - all that a gateway stores, to see that nothing has changed. */
#include "tests/integration/stored.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/integration/command.h"
#include "tests/unit/unit.h"

char *stored_objects(const gateway *self)
{
    static const char *const kinds[] = {
        "routes",         "services",     "upstreams",       "consumers", "consumer_groups",
        "plugin_configs", "global_rules", "plugin_metadata", "ssls",
    };
    char *all = strdup("");

    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        admin_reply reply = gateway_admin(self, "GET", kinds[i], NULL);
        char *longer = text_format("%s%s", all, reply.text);

        free(all);
        all = longer;
        admin_reply_done(&reply);
    }
    return all;
}

void stored_expect(const gateway *self, const char *before, const char *label)
{
    char *now = stored_objects(self);

    if (strcmp(now, before) != 0) {
        print_error("%s: was %s\nis %s\n", label, before, now);
        free(now);
        fail_msg("%s has changed what is stored", label);
    }
    free(now);
}
