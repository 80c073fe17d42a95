/* tests/plugins/unit_none.c - a shared object that is no plugin. */
extern const int unit_none;
__attribute__((visibility("default"))) const int unit_none = 1;
