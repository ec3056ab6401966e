/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>
#include <string.h>

/* Memory that nobody holds is poisoned where the address sanitizer is compiled in; elsewhere all of this is nothing. */

#if defined(__SANITIZE_ADDRESS__)
#define TN_WITH_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TN_WITH_ADDRESS_SANITIZER 1
#endif
#endif

#ifdef TN_WITH_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#define TN_POISON(start, bytes) __asan_poison_memory_region ((start), (bytes))
#define TN_UNPOISON(start, bytes) __asan_unpoison_memory_region ((start), (bytes))
/* What a new block begins with, as in the sanitizer's own malloc(): who reads before writing gets no zeros by chance. */
#define TN_FILL(block, bytes) memset ((block), 0xbe, MIN ((bytes), 4096))
#define TN_FILLS TRUE
/* Mapped memory whose pointers the leak checker follows. */
#define TN_ROOT(start, bytes) __lsan_register_root_region ((start), (bytes))
#define TN_UNROOT(start, bytes) __lsan_unregister_root_region ((start), (bytes))
/* Behind every block, so that a step over its end is found even where the size needs no rounding. */
#define TN_REDZONE_BYTES ((gsize) 64)
#else
#define TN_POISON(start, bytes) ((void) (start), (void) (bytes))
#define TN_UNPOISON(start, bytes) ((void) (start), (void) (bytes))
#define TN_FILL(block, bytes) ((void) (block), (void) (bytes))
#define TN_FILLS FALSE
#define TN_ROOT(start, bytes) ((void) (start), (void) (bytes))
#define TN_UNROOT(start, bytes) ((void) (start), (void) (bytes))
#define TN_REDZONE_BYTES ((gsize) 0)
#endif
