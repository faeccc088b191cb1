#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Builds the objects that the tests of `object` read: NAME.c becomes NAME.o.
set -euo pipefail
cd "$(dirname "$0")"
for source in *.c; do
	clang-19 -target bpf -mcpu=v3 -O2 -g -std=gnu17 -nostdinc -Wall -Wextra -Werror \
		-Wno-unused-parameter -Wno-unused-variable -fdebug-compilation-dir=. -c "$source" -o "${source%.c}.o"
	llvm-strip-19 -g "${source%.c}.o"
done
