// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Forbid one user to start one program.
 *
 * LSM hooks are where the kernel asks its security modules for permission: 0 allows, a
 * negative errno denies. The hook's arguments are typed: `bprm->cred->uid.val` is read like
 * any memory, since the verifier knows from the kernel's BTF what bprm is. The filename is
 * a plain `char *`, of unknown length, so that a helper copies it.
 */
#include "kernel.h"
#include "trace.h"

#define EPERM 1

const volatile u32 denied_uid = 1000;
const char denied_filename[] = "/usr/bin/forbidden";

SEC("lsm/bprm_check_security")
int TYPED_PROG2(lsm_deny, struct linux_binprm *, bprm, int, previous)
{
	char filename[32] = {};

	if (previous) /* an earlier module has said no already */
		return previous;
	if (bprm->cred->uid.val != denied_uid)
		return 0;
	if (bpf_probe_read_kernel_str(filename, sizeof(filename), bprm->filename) < 0)
		return 0;
	if (bpf_strncmp(filename, sizeof(filename), denied_filename) == 0)
		return -EPERM;
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
