/* plugin.c - answers with a greeting. Start from here: docs/write-a-plugin.md. */
#include <stdio.h>

#include <hotgate/plugin.h>

/* What an operator configures; the table below says how it looks in JSON. */
typedef struct greeting {
    hg_text name;
    int64_t times;
} greeting;

static const hg_field fields[] = {
    HG_STRING(greeting, name, "name", .summary = "Who is greeted.", .initial = "world"),
    HG_INT(greeting, times, "times", .summary = "How often.", .min = 1, .max = 9, .initial = "1"),
    HG_FIELDS_END,
};

static hg_verdict on_access(hg_request *request, const void *config)
{
    const greeting *own = config;
    char line[256];

    (void)snprintf(line, sizeof(line), "hello %s, %d times", own->name.data, (int)own->times);
    hg_log(request, HG_LOG_INFO, "greeting %s", own->name.data);
    return hg_exit_message(request, 200, hg_text_of(line));
}

/* The name is the stem of the object's file and the key in a route's "plugins". */
HG_PLUGIN("template",
          "0.1.0",
          .summary = "Answers with a greeting.",
          .priority = 50,
          .config = HG_CONFIG(greeting, fields),
          .access = on_access);
