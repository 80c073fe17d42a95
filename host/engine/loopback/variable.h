/* host/engine/loopback/variable.h - nginx's variables, for requests in memory. */
#ifndef HOST_ENGINE_LOOPBACK_VARIABLE_H
#define HOST_ENGINE_LOOPBACK_VARIABLE_H

#include "host/engine/loopback/exchange.h"

/**
 * A variable that every engine has, in the request's memory; absent without a value. One that is
 * not listed fails the test: it might be there in one engine and not in another.
 */
hg_text hgh_variable_get(hgh_exchange *exchange, hg_text name);

#endif
