#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Builds the corpus: src/NAME.bpf.c becomes NAME.o, and FOLDER/NAME.bpf.c of bench and explain FOLDER/NAME.o.
#
#   build.sh            rebuild every object in place
#   build.sh --check    rebuild into a temporary folder, and fail with a list if a committed
#                       object differs from its source's, is missing, or has no source
#
# Objects are the same to the byte wherever they are built: paths in them start at the top
# of the repository, and CLANG_VERSION pins the compiler. Another version is refused unless
# CORPUS_ANY_CLANG=1 is set, which only makes sense to try one out.
set -euo pipefail
cd "$(dirname "$0")"
CLANG=${CLANG:-clang-19}
STRIP=${STRIP:-llvm-strip-19}

check_version() {
	local have want
	have=$("$CLANG" --version | head -n 1)
	want=$(cat CLANG_VERSION)
	echo "compiler: $have"
	if [ "$have" != "$want" ] && [ -z "${CORPUS_ANY_CLANG:-}" ]; then
		echo "error: the corpus is built with '$want' (corpus/CLANG_VERSION)" >&2
		exit 2
	fi
}

build_all() { # into folder $1
	local source name out
	mkdir -p "$1/bench" "$1/explain"
	out=$(cd "$1" && pwd)
	for source in src/*.bpf.c bench/*.bpf.c explain/*.bpf.c; do
		name=$(basename "$source" .bpf.c)
		[ "${source%%/*}" = src ] || name=${source%%/*}/$name
		# From the top of the repository, where the compiler finds the source whose lines it
		# copies into the object.
		(cd .. && "$CLANG" -target bpf -mcpu=v3 -O2 -g -std=gnu17 -nostdinc -Wall -Wextra -Werror \
			-Wno-unused-parameter -Wno-unused-const-variable \
			-fdebug-compilation-dir=. -c "corpus/$source" -o "$out/$name.o")
		"$STRIP" -g "$1/$name.o"
	done
}

check() {
	local scratch object name bad=0
	scratch=$(mktemp -d)
	# shellcheck disable=SC2064 # the folder's name is wanted as it is now
	trap "rm -rf '$scratch'" EXIT
	build_all "$scratch"
	for object in "$scratch"/*.o "$scratch"/bench/*.o "$scratch"/explain/*.o; do
		name=${object#"$scratch/"}
		if [ ! -e "$name" ]; then
			echo "missing: corpus/$name"
			bad=1
		elif ! cmp -s "$object" "$name"; then
			echo "differs: corpus/$name"
			bad=1
		fi
	done
	for object in *.o bench/*.o explain/*.o; do
		[ -e "$scratch/$object" ] || { echo "no source: corpus/$object"; bad=1; }
	done
	if [ "$bad" = 1 ]; then
		echo "error: run corpus/build.sh and commit the objects" >&2
		exit 1
	fi
	echo "corpus: sources and objects agree"
}

case "${1:-}" in
"") check_version && build_all . ;;
--check) check_version && check ;;
*)
	echo "usage: build.sh [--check]" >&2
	exit 2
	;;
esac
