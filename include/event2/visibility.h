#ifndef EVENT2_VISIBILITY_H_INCLUDED_
#define EVENT2_VISIBILITY_H_INCLUDED_

/**
 * @file event2/visibility.h
 *
 * The mark in front of every function of the public interface. The library itself is compiled with
 * hidden visibility, and this is what makes a function reachable from outside.
 */

#include <event2/event-config.h>

#if defined(__GNUC__)
#define EVENT2_EXPORT_SYMBOL __attribute__((visibility("default")))
#else
#define EVENT2_EXPORT_SYMBOL
#endif

/** The same mark, for functions that live in the core library. */
#define EVENT2_CORE_EXPORT_SYMBOL EVENT2_EXPORT_SYMBOL

#endif
