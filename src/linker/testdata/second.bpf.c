/* The other of two objects that need each other; see ../tests.rs. */
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

struct table others SEC(".maps");
extern struct shared list;
int limit = 100;
static int calls = 5;

int scale(int number)
{
	return number * 5;
}

static __attribute__((noinline)) int bounded(int number)
{
	return number > calls ? number : calls;
}

int twice(struct shared *of)
{
	return of ? bounded(of->number * 2) : 0;
}

SEC("socket") int second(void *ctx)
{
	calls++;
	return scale(list.number) + bounded(limit);
}

char LICENSE[] SEC("license") = "GPL";
