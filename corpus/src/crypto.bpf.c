// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Ciphers: a program that may sleep makes contexts, each an algorithm with a key, and keeps one in a map; programs
 * on packets encrypt and decrypt with it. Every error that they answer with goes into an array, as does what
 * becomes of a text.
 */
#include "dynptr.h"

#define __kptr __attribute__((btf_type_tag("kptr")))

struct bpf_crypto_params {
	char type[14];
	u8 reserved[2];
	char algo[128];
	u8 key[256];
	u32 key_len;
	u32 authsize;
};

struct bpf_crypto_ctx {
	u32 siv_len;
} __attribute__((preserve_access_index));

extern struct bpf_crypto_ctx *bpf_crypto_ctx_create(const struct bpf_crypto_params *params,
						    u32 size, int *error) __ksym;
extern struct bpf_crypto_ctx *bpf_crypto_ctx_acquire(struct bpf_crypto_ctx *ctx) __ksym;
extern void bpf_crypto_ctx_release(struct bpf_crypto_ctx *ctx) __ksym;
extern int bpf_crypto_encrypt(struct bpf_crypto_ctx *ctx, const struct bpf_dynptr *from,
			      const struct bpf_dynptr *to, const struct bpf_dynptr *state) __ksym;
extern int bpf_crypto_decrypt(struct bpf_crypto_ctx *ctx, const struct bpf_dynptr *from,
			      const struct bpf_dynptr *to, const struct bpf_dynptr *state) __ksym;

static void *(*const bpf_kptr_xchg)(void *field, void *object) = (void *)194;

struct cipher {
	struct bpf_crypto_ctx __kptr *ctx;
};

/* Which cipher is which. */
enum {
	ECB,
	CBC,
	CIPHERS,
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CIPHERS);
	__type(key, u32);
	__type(value, struct cipher);
} ciphers SEC(".maps");

struct text {
	u8 bytes[48];
};

/* What is encrypted, what comes out, and the state that chained blocks depend on. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8);
	__type(key, u32);
	__type(value, struct text);
} texts SEC(".maps");

static struct bpf_crypto_params params;

/* What the making of a context answers: what the state's length is, or the error. */
static __always_inline s64 try(u32 size)
{
	struct bpf_crypto_ctx *ctx;
	int error = 77;
	s64 len;

	ctx = bpf_crypto_ctx_create(&params, size, &error);
	if (!ctx)
		return error;
	len = ctx->siv_len;
	bpf_crypto_ctx_release(ctx);
	return error ?: len;
}

static __always_inline void algorithm(const char *name, u32 size)
{
	__builtin_memset(params.algo, 0, sizeof(params.algo));
	__builtin_memcpy(params.algo, name, size);
}

#define ALGORITHM(name) algorithm(name, sizeof(name))

/* Every way in which there is no context. */
SEC("syscall")
int crypto_errors(void *ctx)
{
	__builtin_memcpy(params.type, "skcipher", 9);
	ALGORITHM("ecb(aes)");
	params.key_len = 16;
	answer(0, try(sizeof(params)));
	answer(1, try(sizeof(params) - 4)); /* -EINVAL */
	params.reserved[1] = 1;
	answer(2, try(sizeof(params))); /* -EINVAL */
	params.reserved[1] = 0;
	params.authsize = 16;
	answer(3, try(sizeof(params))); /* -EOPNOTSUPP: nothing is authenticated */
	params.authsize = 0;
	params.key_len = 0;
	answer(4, try(sizeof(params))); /* -EINVAL */
	params.key_len = 257;
	answer(5, try(sizeof(params))); /* -EINVAL */
	params.key_len = 17;
	answer(6, try(sizeof(params))); /* -EINVAL: no key of AES */
	params.key_len = 24;
	answer(7, try(sizeof(params)));
	params.key_len = 32;
	answer(8, try(sizeof(params)));
	ALGORITHM("cbc(aes)");
	answer(9, try(sizeof(params))); /* its state is a block */
	ALGORITHM("ctr(aes)");
	answer(10, try(sizeof(params))); /* -EINVAL: not of the kind */
	ALGORITHM("aes");
	answer(11, try(sizeof(params))); /* -EOPNOTSUPP: no mode */
	ALGORITHM("rot13");
	answer(12, try(sizeof(params))); /* -EOPNOTSUPP */
	params.authsize = 1;
	ALGORITHM("ctr(aes)");
	answer(13, try(sizeof(params))); /* which error comes first */
	params.authsize = 0;
	params.key_len = 0;
	answer(14, try(sizeof(params)));
	params.type[0] = 'S';
	answer(15, try(sizeof(params))); /* -ENOENT: no such type */
	return 0;
}

static __always_inline s64 make(u32 key)
{
	struct cipher *cipher = bpf_map_lookup_elem(&ciphers, &key);
	struct bpf_crypto_ctx *ctx, *again;
	int error = 0;

	if (!cipher)
		return 1;
	ctx = bpf_crypto_ctx_create(&params, sizeof(params), &error);
	if (!ctx)
		return error;
	again = bpf_crypto_ctx_acquire(ctx);
	if (again)
		bpf_crypto_ctx_release(again);
	ctx = bpf_kptr_xchg(&cipher->ctx, ctx);
	if (ctx)
		bpf_crypto_ctx_release(ctx);
	return again != NULL ? 0 : 2;
}

/* Makes the contexts that programs on packets use. */
SEC("syscall")
int crypto_make(void *ctx)
{
	__builtin_memcpy(params.type, "skcipher", 9);
	for (int i = 0; i < 16; i++)
		params.key[i] = 0x20 + i;
	params.key_len = 16;
	ALGORITHM("ecb(aes)");
	answer(16, make(ECB));
	answer(17, make(ECB)); /* in place of the first */
	ALGORITHM("cbc(aes)");
	answer(18, make(CBC));
	return 0;
}

static __always_inline struct bpf_crypto_ctx *cipher(u32 key)
{
	struct cipher *cipher = bpf_map_lookup_elem(&ciphers, &key);

	return cipher ? cipher->ctx : NULL;
}

static __always_inline struct text *text(u32 key)
{
	return bpf_map_lookup_elem(&texts, &key);
}

/* Encrypts some of a packet, and decrypts it again. */
SEC("tc")
int crypto_packet(struct __sk_buff *skb)
{
	struct bpf_dynptr packet, out, back, state;
	struct bpf_crypto_ctx *ecb = cipher(ECB), *cbc = cipher(CBC);
	struct text *first = text(0), *second = text(1), *third = text(2), *fourth = text(3),
		    *start = text(4);

	if (!ecb || !cbc || !first || !second || !third || !fourth || !start)
		return TC_ACT_SHOT;
	bpf_dynptr_from_skb(skb, 0, &packet);
	bpf_dynptr_adjust(&packet, 0, 32);
	bpf_dynptr_from_mem(first, 32, 0, &out);
	bpf_dynptr_from_mem(second, 48, 0, &back);
	answer(20, bpf_crypto_encrypt(ecb, &packet, &out, NULL));
	answer(21, bpf_crypto_decrypt(ecb, &out, &back, NULL));

	bpf_dynptr_from_mem(third, 32, 0, &out);
	bpf_dynptr_from_mem(fourth, 48, 0, &back);
	bpf_dynptr_from_mem(start, 16, 0, &state);
	answer(22, bpf_crypto_encrypt(cbc, &packet, &out, &state));
	/* The state is what the next block would depend on. */
	answer(23, start->bytes[0]);
	answer(24, bpf_crypto_encrypt(cbc, &packet, &out, &state));
	answer(25, start->bytes[15]);
	answer(26, bpf_crypto_decrypt(cbc, &out, &back, &state));
	answer(27, start->bytes[0]);
	/* In place. */
	answer(28, bpf_crypto_encrypt(cbc, &back, &back, &state));
	answer(29, bpf_crypto_decrypt(ecb, &packet, &packet, NULL));
	return TC_ACT_OK;
}

/* Every way in which nothing is encrypted. */
SEC("xdp")
int crypto_refused(struct xdp_md *ctx)
{
	struct bpf_dynptr none, text16, text20, text48, state;
	struct bpf_crypto_ctx *ecb = cipher(ECB), *cbc = cipher(CBC);
	struct text *from = text(5), *to = text(6), *start = text(7);

	if (!ecb || !cbc || !from || !to || !start)
		return XDP_DROP;
	bpf_dynptr_from_mem(from, 16, 1, &none);
	bpf_dynptr_from_mem(from, 16, 0, &text16);
	bpf_dynptr_from_mem(from, 20, 0, &text20);
	bpf_dynptr_from_mem(to, 48, 0, &text48);
	bpf_dynptr_from_mem(start, 15, 0, &state);
	answer(30, bpf_crypto_encrypt(ecb, &none, &text48, NULL)); /* -EINVAL */
	answer(31, bpf_crypto_encrypt(ecb, &text16, &none, NULL)); /* -EINVAL */
	answer(32, bpf_crypto_encrypt(ecb, &text48, &text16, NULL)); /* -EINVAL: no room */
	answer(33, bpf_crypto_encrypt(ecb, &text16, &text48, &state)); /* -EINVAL: it has none */
	answer(34, bpf_crypto_encrypt(cbc, &text16, &text48, &state)); /* -EINVAL: too short */
	answer(35, bpf_crypto_encrypt(cbc, &text16, &text48, NULL)); /* -EINVAL */
	answer(36, bpf_crypto_encrypt(ecb, &text16, &text48, &none)); /* none is as good as no state */
	answer(37, bpf_crypto_encrypt(ecb, &text20, &text48, NULL)); /* what is left over */
	answer(38, bpf_crypto_decrypt(ecb, &text20, &text48, NULL));
	bpf_dynptr_from_mem(start, 16, 0, &state);
	answer(39, bpf_crypto_encrypt(cbc, &text20, &text48, &state));
	answer(40, start->bytes[3]);
	answer(41, bpf_crypto_decrypt(cbc, &text20, &text48, &state));
	answer(42, start->bytes[3]);
	bpf_dynptr_from_xdp(ctx, 0, &text16);
	bpf_dynptr_adjust(&text16, 14, 30);
	answer(43, bpf_crypto_encrypt(ecb, &text16, &text48, NULL));
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
