/* tests/integration/certificates.c - certificates of a test, made by openssl. */
#include "tests/integration/certificates.h"

#include <stdlib.h>
#include <string.h>

#include "tests/integration/command.h"
#include "tests/unit/unit.h"

static const char *key_options(const char *kind)
{
    return strcmp(kind, "ec") == 0 ? "ec -pkeyopt ec_paramgen_curve:prime256v1" : "rsa:2048";
}

char *authority_make(void)
{
    char *folder = folder_make();

    shell("cd '%s' && openssl req -x509 -newkey %s -nodes -keyout ca.key -out ca.pem -days 2 "
          "-subj /CN=authority -addext basicConstraints=critical,CA:TRUE 2>/dev/null",
          folder, key_options("ec"));
    return folder;
}

void certificate_make(const char *folder, const char *name, const char *kind, const char *names)
{
    shell("cd '%s' && openssl req -newkey %s -nodes -keyout %s.key -out %s.csr -subj /CN=%s "
          "%s%s 2>/dev/null && openssl x509 -req -in %s.csr -CA ca.pem -CAkey ca.key "
          "-CAcreateserial -copy_extensions copy -days 2 -out %s.pem 2>/dev/null",
          folder, key_options(kind), name, name, name,
          names == NULL ? "" : "-addext subjectAltName=", names == NULL ? "" : names, name, name);
}

json_t *pem_json(const char *folder, const char *file)
{
    char *path = text_format("%s/%s", folder, file);
    char *text = file_read(path);
    json_t *value = json_string(text);

    assert_true(strlen(text) > 0);
    assert_non_null(value);
    free(text);
    free(path);
    return value;
}

json_t *certificate_json(const char *folder, const char *name)
{
    char *certificate = text_format("%s.pem", name);
    char *key = text_format("%s.key", name);
    json_t *value = json_pack("{s:o, s:o}", "cert", pem_json(folder, certificate), "key",
                              pem_json(folder, key));

    assert_non_null(value);
    free(certificate);
    free(key);
    return value;
}
