/* tests/integration/certificates.h - certificates of a test, made by openssl. */
#ifndef TESTS_INTEGRATION_CERTIFICATES_H
#define TESTS_INTEGRATION_CERTIFICATES_H

#include <jansson.h>

/** A folder with an authority: ca.pem, ca.key. Owned by the caller: folder_remove(). */
char *authority_make(void);

/**
 * Makes NAME.pem and NAME.key in the folder, signed by its authority.
 *
 * kind  "rsa" or "ec".
 * names  subjectAltName as openssl writes it ("DNS:a.example"); NULL: none.
 */
void certificate_make(const char *folder, const char *name, const char *kind, const char *names);

/** The text of NAME.pem or NAME.key as a JSON string; a new reference. */
json_t *pem_json(const char *folder, const char *file);

/** {"cert": ..., "key": ...} of one certificate; a new reference. */
json_t *certificate_json(const char *folder, const char *name);

#endif
