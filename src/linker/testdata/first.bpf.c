/* One of two objects that need each other; see ../tests.rs. */
#define SEC(name) __attribute__((section(name), used))

struct table {
	int (*type)[1];
	int *key;
	long *value;
	int (*max_entries)[16];
};

struct shared {
	struct shared *next;
	int number;
};

struct table counts SEC(".maps");
extern struct table others __attribute__((section(".maps")));
struct shared list = { 0, 7 };
extern int limit;
static int calls = 3;

static void *(*lookup)(void *map, const void *key) = (void *)1;

extern int twice(struct shared *of);

__attribute__((weak)) int scale(int number)
{
	return number * 3;
}

static __attribute__((noinline)) int bounded(int number)
{
	return number < limit ? number : limit;
}

SEC("socket") int first(void *ctx)
{
	int key = 0;
	long *count = lookup(&counts, &key), *other = lookup(&others, &key);

	calls++;
	if (!count || !other)
		return bounded(calls);
	return scale(*count) + twice(&list) + bounded(*other);
}

char LICENSE[] SEC("license") = "GPL";
