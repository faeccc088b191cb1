/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* An object that is not complete: it has yet to be linked with another one. */
#include "defs.h"

extern int elsewhere(u32 x);

SEC("socket") int undefined(void *ctx)
{
	return elsewhere(1);
}
