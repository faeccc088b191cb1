/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Global variables of all kinds, to give values to. */
#include "defs.h"

enum kind { KIND_SMALL, KIND_LARGE = 7 };
enum offset { OFFSET_DOWN = -1, OFFSET_UP = 1 };

struct limit {
	u32 min;
	struct {
		u16 max[3];
		u8 low : 3, high : 5;
	} inner[2];
	enum kind kind;
	char letter;
};

const volatile u32 limit = 5;
const volatile _Bool enabled;
volatile s32 signed_number = -1;
volatile enum offset offset;
volatile struct limit limits[2];
volatile u64 in_data = 1;
volatile char device[8];
volatile __int128 wide;
void *volatile pointer;

SEC("socket") int variables(void *ctx)
{
	static volatile u32 local;

	local = limit + enabled + signed_number + offset + limits[1].min + in_data + device[0] + wide + (long)pointer;
	return local;
}
