/* tests/plugins/unit_attributes.c - its init() does what its attributes say. */
#include <hotgate/plugin.h>

typedef struct own_attributes {
    hg_text fail;
    bool silent;
    int64_t size;
} own_attributes;

static const hg_field attribute_fields[] = {
    HG_STRING(own_attributes, fail, "fail"),
    HG_BOOL(own_attributes, silent, "silent"),
    HG_INT(own_attributes, size, "size", .max = 10, .initial = "3"),
    HG_FIELDS_END,
};

static hg_status on_init(const void *attributes, hg_error *err)
{
    const own_attributes *own = attributes;

    if (own->silent) {
        return HG_ERR_IO;
    }
    if (own->fail.length > 0) {
        return hg_error_set(err, HG_ERR_IO, "%s", own->fail.data);
    }
    hg_log(NULL, HG_LOG_NOTICE, "size:%d", (int)own->size);
    return HG_OK;
}

static void on_exit_call(void)
{
    hg_log(NULL, HG_LOG_NOTICE, "exit");
}

HG_PLUGIN("unit_attributes",
          "1.0.0",
          .summary = "Starts as its attributes say.",
          .attributes = HG_CONFIG(own_attributes, attribute_fields),
          .init = on_init,
          .exit = on_exit_call);
