#ifndef EVENT1_EVUTIL_H_INCLUDED_
#define EVENT1_EVUTIL_H_INCLUDED_

/**
 * @file evutil.h
 *
 * The old name of <event2/util.h>. New programs should include that header.
 */

#include <event2/util.h>

#endif
