/* host/core/runner_arguments.h - a request's arguments as a plugin runner sees and changes them. */
#ifndef HOST_CORE_RUNNER_ARGUMENTS_H
#define HOST_CORE_RUNNER_ARGUMENTS_H

#include "host/core/a6.h"
#include "host/core/request.h"

/**
 * All arguments, decoded, in the order in which they were sent; those without a name are left out.
 *
 * empty_flags  one without "=" has an empty value instead of none.
 * out_list     on success pooled with the request.
 * Returns false if there is no memory.
 */
bool hgh_runner_arguments_list(hg_request *request, bool empty_flags, hgh_a6_list *out_list);

/**
 * A query in which the arguments named in `changes` are replaced: one without a value takes those
 * of its name out, the first with a value replaces them, further ones are added. All others stay as
 * they were sent.
 *
 * Returns text that is pooled with the request; absent: there is no memory.
 */
hg_text hgh_runner_arguments_merge(hg_request *request, const hgh_a6_list *changes);

#endif
