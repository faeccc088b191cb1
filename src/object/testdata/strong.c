/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A program that no kernel can be loaded with, since another one needs what there is not. */
#include "defs.h"

extern int no_such_kfunc(u32 x) EXTERN(".ksyms");

SEC("socket") int needs(void *ctx)
{
	return no_such_kfunc(1);
}

SEC("socket") int plain(void *ctx)
{
	return 1;
}
