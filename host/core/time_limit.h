/* host/core/time_limit.h - how long somebody else may take: longer where everything takes longer.
 */
#ifndef HOST_CORE_TIME_LIMIT_H
#define HOST_CORE_TIME_LIMIT_H

/** A limit that stands in the sources; five times as long in a build with AddressSanitizer. */
#if defined(__SANITIZE_ADDRESS__)
#define HGH_TIME_LIMIT(time) ((time)*5)
#else
#define HGH_TIME_LIMIT(time) (time)
#endif

#endif
