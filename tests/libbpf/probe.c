/*
 * Says what libbpf makes of BPF objects: one line of JSON for each file named on standard input.
 *
 * usage: probe BTF CONFIG KALLSYMS <LIST
 *
 * No kernel is asked: every bpf(2) call is answered here, and the files that libbpf reads about the
 * kernel are the three that are given. What is handed to the kernel is printed instead: maps,
 * programs with all relocations applied, and what each program attaches to.
 *
 * Linked with --wrap for the functions named __wrap_* below.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <linux/bpf.h>
#include <zlib.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

/* Kernel files in memory descriptors: larger than any map that libbpf maps. */
#define DESCRIPTOR_SIZE (1ULL << 33)
#define MAX_LOADS 4096
#define MAX_LOG (1 << 16)

static const char *btf_path, *config_path, *kallsyms_path;

/* ---- what is handed to the kernel ---- */

struct load {
	__u64 insns;
	__u32 type, attach_type, flags, btf_id, kernel_btf;
	__u32 func_count, line_count;
	__u32 *funcs, *lines;
};

struct creation {
	char name[BPF_OBJ_NAME_LEN];
	__u32 type, key_size, value_size, max_entries, flags, kernel_value_type;
	__u64 extra;
};

struct slot {
	int map, target;
	__u32 key;
	/* Of a data section's map: its contents. */
	size_t size;
	__u64 hash;
};

static struct load loads[MAX_LOADS];
static struct creation creations[MAX_LOADS];
static struct slot slots[MAX_LOADS];
static int load_count, creation_count, slot_count;
/* The object that is being loaded. */
static struct bpf_object *recording;

long __real_syscall(long number, ...);

static int descriptor(void)
{
	int fd = __real_syscall(SYS_memfd_create, "probe", MFD_CLOEXEC, 0, 0, 0, 0);

	if (fd >= 0 && ftruncate(fd, DESCRIPTOR_SIZE))
		abort();
	return fd;
}

/* The first word of each record and another one. */
static __u32 *copy_records(__u64 from, __u32 count, __u32 size, __u32 other)
{
	__u32 *copy = calloc((size_t)count * 2 + 1, sizeof(*copy));

	for (__u32 i = 0; i < count; i++) {
		const __u32 *record = (__u32 *)((char *)(unsigned long)from + (size_t)i * size);

		copy[2 * i] = record[0];
		copy[2 * i + 1] = record[other];
	}
	return copy;
}

static void record_load(union bpf_attr *attr)
{
	struct load *load = &loads[load_count];

	if (load_count == MAX_LOADS)
		abort();
	load_count++;
	*load = (struct load){
		.insns = attr->insns,
		.type = attr->prog_type,
		.attach_type = attr->expected_attach_type,
		.flags = attr->prog_flags,
		.btf_id = attr->attach_btf_id,
		.kernel_btf = attr->attach_btf_obj_fd,
		.func_count = attr->func_info_cnt,
		.line_count = attr->line_info_cnt,
		.funcs = copy_records(attr->func_info, attr->func_info_cnt, attr->func_info_rec_size, 1),
		.lines = copy_records(attr->line_info, attr->line_info_cnt, attr->line_info_rec_size, 3),
	};
}

static void record_creation(union bpf_attr *attr)
{
	struct creation *creation = &creations[creation_count];

	/* libbpf's own, to see what the kernel can. */
	if (!strncmp(attr->map_name, "libbpf_", 7))
		return;
	if (creation_count == MAX_LOADS)
		abort();
	creation_count++;
	*creation = (struct creation){
		.type = attr->map_type,
		.key_size = attr->key_size,
		.value_size = attr->value_size,
		.max_entries = attr->max_entries,
		.flags = attr->map_flags,
		.kernel_value_type = attr->btf_vmlinux_value_type_id,
		.extra = attr->map_extra,
	};
	memcpy(creation->name, attr->map_name, sizeof(creation->name) - 1);
}

static __u64 hash(const unsigned char *bytes, size_t size)
{
	__u64 hash = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3ULL;
	return hash;
}

static struct bpf_map *find_map(struct bpf_object *object, int fd)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
		if (bpf_map__fd(map) == fd)
			return map;
	return NULL;
}

static void record_slot(union bpf_attr *attr)
{
	const void *value = (void *)(unsigned long)attr->value;
	struct slot *slot = &slots[slot_count];
	struct bpf_map *map;
	size_t size;

	if (slot_count == MAX_LOADS)
		abort();
	slot_count++;
	*slot = (struct slot){ .map = attr->map_fd, .key = *(__u32 *)(unsigned long)attr->key };
	bpf_object__for_each_map(map, recording) {
		if (bpf_map__initial_value(map, &size) == value) {
			slot->size = size;
			slot->hash = hash(value, size);
			return;
		}
	}
	slot->target = *(int *)value;
}

static long answer(long command, union bpf_attr *attr)
{
	switch (command) {
	case BPF_PROG_LOAD:
		if (recording)
			record_load(attr);
		return descriptor();
	case BPF_MAP_CREATE:
		if (recording)
			record_creation(attr);
		return descriptor();
	case BPF_BTF_LOAD:
		return descriptor();
	case BPF_MAP_UPDATE_ELEM:
		if (recording)
			record_slot(attr);
		return 0;
	case BPF_MAP_FREEZE:
	case BPF_PROG_BIND_MAP:
	case BPF_OBJ_PIN:
		return 0;
	case BPF_BTF_GET_NEXT_ID: /* the kernel has no modules */
	case BPF_OBJ_GET: /* nothing is pinned */
		errno = ENOENT;
		return -1;
	default:
		errno = EBADF; /* what probes of links expect */
		return -1;
	}
}

long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	switch (number) {
	case SYS_bpf:
		return answer(a, (union bpf_attr *)b);
	case SYS_perf_event_open:
		return descriptor();
	default:
		return __real_syscall(number, a, b, c, d, e, f);
	}
}

/* ---- what libbpf reads about the kernel ---- */

FILE *__real_fopen64(const char *path, const char *mode);

FILE *__wrap_fopen64(const char *path, const char *mode)
{
	if (!strcmp(path, "/sys/kernel/btf/vmlinux"))
		path = btf_path;
	else if (!strcmp(path, "/proc/kallsyms"))
		path = kallsyms_path;
	else if (!strncmp(path, "/sys/bus/event_source/", 22))
		return fmemopen("8\n", 2, "r");
	else if (!strcmp(path, "/proc/version_signature"))
		path = "/nonexistent";
	return __real_fopen64(path, mode);
}

int __real_open64(const char *path, int flags, ...);

int __wrap_open64(const char *path, int flags, mode_t mode)
{
	int fd;

	if (strcmp(path, "/sys/devices/system/cpu/possible"))
		return __real_open64(path, flags, mode);
	fd = __real_syscall(SYS_memfd_create, "cpus", MFD_CLOEXEC, 0, 0, 0, 0);
	if (write(fd, "0-1\n", 4) != 4 || lseek(fd, 0, SEEK_SET))
		abort();
	return fd;
}

int __wrap_faccessat(int dir, const char *path, int mode, int flags)
{
	(void)dir, (void)mode, (void)flags;
	if (!strcmp(path, "/sys/kernel/btf/vmlinux"))
		return 0;
	errno = ENOENT;
	return -1;
}

int __wrap_access(const char *path, int mode)
{
	return __wrap_faccessat(AT_FDCWD, path, mode, 0);
}

gzFile __real_gzopen64(const char *path, const char *mode);

gzFile __wrap_gzopen64(const char *path, const char *mode)
{
	(void)path;
	return __real_gzopen64(config_path, mode);
}

int __wrap_uname(struct utsname *name)
{
	memset(name, 0, sizeof(*name));
	strcpy(name->sysname, "Linux");
	strcpy(name->release, "6.12.117+deb12-amd64");
	strcpy(name->version, "#1 SMP PREEMPT_DYNAMIC Debian 6.12.117-1~bpo12+1");
	strcpy(name->machine, "x86_64");
	return 0;
}

/* ---- what libbpf says ---- */

static char log_text[MAX_LOG];
static size_t log_len;

static int print(enum libbpf_print_level level, const char *format, va_list args)
{
	int len;

	if (level != LIBBPF_WARN || log_len >= MAX_LOG)
		return 0;
	len = vsnprintf(log_text + log_len, MAX_LOG - log_len, format, args);
	log_len += len < 0 ? 0 : len;
	if (log_len > MAX_LOG - 1)
		log_len = MAX_LOG - 1;
	return len;
}

/* ---- output ---- */

static void put_text(const char *text)
{
	putchar('"');
	for (; text && *text; text++) {
		unsigned char c = *text;

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void put_outcome(const char *key, int error)
{
	printf("\"%s\":{\"errno\":%d,\"log\":", key, error < 0 ? -error : error);
	put_text(error ? log_text : "");
	printf("}");
}

static void put_shape(const struct bpf_map *map)
{
	printf("\"type\":%d,\"key_size\":%u,\"value_size\":%u,\"max_entries\":%u,\"flags\":%u,\"extra\":%llu",
	       bpf_map__type(map), bpf_map__key_size(map), bpf_map__value_size(map),
	       bpf_map__max_entries(map), bpf_map__map_flags(map),
	       (unsigned long long)bpf_map__map_extra(map));
}

static void put_map(struct bpf_map *map)
{
	struct bpf_map *inner = bpf_map__inner_map(map);
	size_t size = 0;
	const void *data = bpf_map__initial_value(map, &size);

	printf("{\"name\":");
	put_text(bpf_map__name(map));
	printf(",");
	put_shape(map);
	printf(",\"key_type\":%u,\"value_type\":%u,\"autocreate\":%s,\"pinned\":%s,\"inner\":",
	       bpf_map__btf_key_type_id(map), bpf_map__btf_value_type_id(map),
	       bpf_map__autocreate(map) ? "true" : "false", bpf_map__pin_path(map) ? "true" : "false");
	if (inner) {
		printf("{");
		put_shape(inner);
		printf("}");
	} else {
		printf("null");
	}
	/* struct_ops hold pointers, whose bytes are none of the object's. */
	if (data && bpf_map__type(map) != BPF_MAP_TYPE_STRUCT_OPS)
		printf(",\"data_size\":%zu,\"data\":\"%016llx\"}", size,
		       (unsigned long long)hash(data, size));
	else
		printf(",\"data_size\":0,\"data\":\"\"}");
}

static void put_maps(struct bpf_object *object)
{
	struct bpf_map *map;
	const char *comma = "";

	printf("\"maps\":[");
	bpf_object__for_each_map(map, object) {
		printf("%s", comma);
		put_map(map);
		comma = ",";
	}
	printf("]");
}

static void put_programs(struct bpf_object *object)
{
	struct bpf_program *prog;
	const char *comma = "";

	printf("\"programs\":[");
	bpf_object__for_each_program(prog, object) {
		printf("%s{\"name\":", comma);
		put_text(bpf_program__name(prog));
		printf(",\"section\":");
		put_text(bpf_program__section_name(prog));
		printf(",\"type\":%d,\"attach_type\":%d,\"autoload\":%s}",
		       bpf_program__type(prog), bpf_program__expected_attach_type(prog),
		       bpf_program__autoload(prog) ? "true" : "false");
		comma = ",";
	}
	printf("]");
}

/* The index of the map that a descriptor stands for. */
static int map_index(struct bpf_object *object, int fd)
{
	struct bpf_map *map;
	int index = 0;

	bpf_object__for_each_map(map, object) {
		if (bpf_map__fd(map) == fd)
			return index;
		index++;
	}
	return -1;
}

static void put_insns(struct bpf_object *object, struct bpf_program *prog)
{
	const struct bpf_insn *insns = bpf_program__insns(prog);
	size_t count = bpf_program__insn_cnt(prog);

	printf("\"insns\":\"");
	for (size_t i = 0; i < count; i++) {
		struct bpf_insn insn = insns[i];
		const unsigned char *bytes = (const unsigned char *)&insn;
		bool wide = insn.code == (BPF_LD | BPF_IMM | BPF_DW) && i + 1 < count;

		if (wide && (insn.src_reg == BPF_PSEUDO_MAP_FD || insn.src_reg == BPF_PSEUDO_MAP_VALUE))
			insn.imm = map_index(object, insn.imm);
		for (int byte = 0; byte < 8; byte++)
			printf("%02x", bytes[byte]);
		if (wide) {
			bytes = (const unsigned char *)&insns[++i];
			for (int byte = 0; byte < 8; byte++)
				printf("%02x", bytes[byte]);
		}
	}
	printf("\"");
}

static void put_pairs(const char *key, const __u32 *words, __u32 count)
{
	printf(",\"%s\":[", key);
	for (__u32 i = 0; i < count * 2; i++)
		printf("%s%u", i ? "," : "", words[i]);
	printf("]");
}

static void put_load(struct bpf_object *object, struct bpf_program *prog)
{
	for (int i = 0; i < load_count; i++) {
		struct load *load = &loads[i];

		if (load->insns != (__u64)(unsigned long)bpf_program__insns(prog))
			continue;
		printf(",\"type\":%u,\"attach_type\":%u,\"flags\":%u,\"btf_id\":%u,\"kernel_btf\":%u,",
		       load->type, load->attach_type, load->flags, load->btf_id, load->kernel_btf);
		put_insns(object, prog);
		put_pairs("funcs", load->funcs, load->func_count);
		put_pairs("lines", load->lines, load->line_count);
		return;
	}
}

static void put_creations(void)
{
	printf("\"created\":[");
	for (int i = 0; i < creation_count; i++) {
		struct creation *creation = &creations[i];

		printf("%s{\"name\":", i ? "," : "");
		put_text(creation->name);
		printf(",\"type\":%u,\"key_size\":%u,\"value_size\":%u,\"max_entries\":%u,\"flags\":%u,"
		       "\"extra\":%llu,\"kernel_value_type\":%u}",
		       creation->type, creation->key_size, creation->value_size, creation->max_entries,
		       creation->flags, (unsigned long long)creation->extra, creation->kernel_value_type);
	}
	printf("]");
}

static const char *target_name(struct bpf_object *object, int fd)
{
	struct bpf_map *map = find_map(object, fd);
	struct bpf_program *prog;

	if (map)
		return bpf_map__name(map);
	bpf_object__for_each_program(prog, object)
		if (bpf_program__fd(prog) == fd)
			return bpf_program__name(prog);
	return "";
}

static void put_slots(struct bpf_object *object)
{
	const char *comma = "";

	printf("\"slots\":[");
	for (int i = 0; i < slot_count; i++) {
		if (slots[i].size)
			continue;
		printf("%s[", comma);
		put_text(bpf_map__name(find_map(object, slots[i].map)));
		printf(",%u,", slots[i].key);
		put_text(target_name(object, slots[i].target));
		printf("]");
		comma = ",";
	}
	printf("]");
}

static void put_contents(struct bpf_object *object)
{
	const char *comma = "";

	printf("\"contents\":[");
	for (int i = 0; i < slot_count; i++) {
		if (!slots[i].size)
			continue;
		printf("%s{\"name\":", comma);
		put_text(bpf_map__name(find_map(object, slots[i].map)));
		printf(",\"data_size\":%zu,\"data\":\"%016llx\"}", slots[i].size,
		       (unsigned long long)slots[i].hash);
		comma = ",";
	}
	printf("]");
}

/* ---- opening and loading ---- */

static void forget(void)
{
	for (int i = 0; i < load_count; i++) {
		free(loads[i].funcs);
		free(loads[i].lines);
	}
	load_count = creation_count = slot_count = 0;
	log_text[log_len = 0] = 0;
}

static struct bpf_object *open_object(const char *path)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts);

	forget();
	return bpf_object__open_file(path, &opts);
}

/* Loads with the program of that name only, or with all. */
static int load(struct bpf_object *object, const char *only)
{
	struct bpf_program *prog;
	struct bpf_map *map;
	int error;

	bpf_object__for_each_program(prog, object)
		bpf_program__set_autoload(prog, !only || !strcmp(bpf_program__name(prog), only));
	bpf_object__for_each_map(map, object)
		bpf_map__set_pin_path(map, NULL);
	recording = object;
	error = bpf_object__load(object);
	recording = NULL;
	return error;
}

static void put_alone(const char *path, const char *name)
{
	struct bpf_object *object = open_object(path);
	struct bpf_program *prog;
	int error = load(object, name);

	printf("{\"name\":");
	put_text(name);
	printf(",");
	put_outcome("load", error);
	if (!error) {
		prog = bpf_object__find_program_by_name(object, name);
		put_load(object, prog);
	}
	printf("}");
	bpf_object__close(object);
}

static void put_loaded(const char *path, struct bpf_object *object, int error)
{
	struct bpf_program *prog;
	const char *comma = "";

	printf("\"loaded\":[");
	bpf_object__for_each_program(prog, object) {
		printf("%s", comma);
		comma = ",";
		if (error) {
			put_alone(path, bpf_program__name(prog));
			continue;
		}
		printf("{\"name\":");
		put_text(bpf_program__name(prog));
		printf(",");
		put_outcome("load", 0);
		put_load(object, prog);
		printf("}");
	}
	printf("]");
}

static void probe(const char *path)
{
	struct bpf_object *object = open_object(path);
	int error = object ? 0 : errno;

	printf("{\"path\":");
	put_text(path);
	printf(",");
	put_outcome("open", error);
	if (object) {
		printf(",");
		put_programs(object);
		printf(",");
		put_maps(object);
		printf(",");
		error = load(object, NULL);
		put_outcome("load", error);
		printf(",");
		put_creations();
		printf(",");
		put_slots(object);
		printf(",");
		put_contents(object);
		printf(",");
		put_loaded(path, object, error);
		bpf_object__close(object);
	}
	printf("}\n");
}

int main(int count, char **args)
{
	char path[4096];

	if (count != 4)
		return 2;
	btf_path = args[1];
	config_path = args[2];
	kallsyms_path = args[3];
	libbpf_set_print(print);
	while (fgets(path, sizeof(path), stdin)) {
		path[strcspn(path, "\n")] = 0;
		probe(path);
	}
	return 0;
}
