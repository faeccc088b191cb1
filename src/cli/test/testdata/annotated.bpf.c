/* Programs that say what is to come of them, rightly and wrongly; see tests/cli.rs.
 *
 * clang-19 -target bpf -O2 -g -nostdinc -fdebug-compilation-dir=. -c annotated.bpf.c -o annotated.o
 * llvm-strip-19 -g annotated.o
 */
#define SEC(name) __attribute__((section(name), used))
#define NOTE(text) __attribute__((btf_decl_tag("comment:test_" text)))

NOTE("expect_success") NOTE("retval=42")
SEC("socket") int returns(void *ctx)
{
	return 42;
}

NOTE("expect_failure") NOTE("expect_msg=1=R{{[0-9]}} !read_ok") NOTE("expect_msg=0=0: (b")
SEC("socket") __attribute__((naked)) int reads_nothing(void *ctx)
{
	asm volatile("r1 = 1; r0 = r7; exit;");
}

NOTE("expect_success") NOTE("retval=1") NOTE("expect_failure_unpriv")
SEC("socket") int returns_something_else(void *ctx)
{
	return 2;
}

NOTE("expect_failure")
SEC("socket") int is_fine(void *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
