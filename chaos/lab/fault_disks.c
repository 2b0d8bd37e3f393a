/* Full disks and wall clocks that jump. */
#include "chaos/lab/faults_internal.h"
#include "chaos/lab/clock_shim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static void fill_path(const struct lab *lab, const struct fault *f, char path[static LAB_PATH_SIZE])
{
	snprintf(path, LAB_PATH_SIZE, "%.400s/%s/state/helio-chaos.fill", lab->conf.dir,
		 lab_machine_name((uint32_t)f->machine));
}

int fault_fill_begin(struct lab *lab, struct fault *f)
{
	static const char zeros[65536];
	char path[LAB_PATH_SIZE];
	int err = fault_machine_find(lab, f);
	if (!err && !lab->conf.small_disks)
		err = lab_fail(lab, ENOTSUP, "this lab has no small disks (lab: {disks: true})");
	if (err)
		return err;
	fill_path(lab, f, path);
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		return lab_fail(lab, errno, "%s: %s", path, strerror(errno));
	for (size_t size = sizeof(zeros), n = 0; size && n < (LAB_STATE_MB << 20);) {
		ssize_t w = write(fd, zeros, size);
		if (w > 0)
			n += (size_t)w;
		else
			size /= 2;
	}
	close(fd);
	return 0;
}

/* No block is free, and a write is refused. */
bool fault_fill_bitten(struct lab *lab, struct fault *f)
{
	char path[LAB_PATH_SIZE];
	struct statvfs vfs;
	struct stat st;
	bool full = false;
	fill_path(lab, f, path);
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &st) == 0 && fstatvfs(fd, &vfs) == 0) {
		full = vfs.f_bavail == 0 && write(fd, path, sizeof(path)) < 0;
		fault_prove(f, "filled_bytes", (json_int_t)st.st_size);
	}
	if (fd >= 0)
		close(fd);
	return f->bitten || full;
}

void fault_fill_heal(struct lab *lab, struct fault *f)
{
	char path[LAB_PATH_SIZE];
	fill_path(lab, f, path);
	(void)unlink(path);
}

static struct clock_page *clock_open(struct lab *lab, const struct fault *f)
{
	char path[LAB_PATH_SIZE];
	snprintf(path, sizeof(path), "%.400s/%s/clock", lab->conf.dir,
		 lab_machine_name((uint32_t)f->machine));
	int fd = open(path, O_RDWR | O_CLOEXEC);
	void *p = fd < 0 ? MAP_FAILED
			 : mmap(NULL, sizeof(struct clock_page), PROT_READ | PROT_WRITE, MAP_SHARED,
				fd, 0);
	if (fd >= 0)
		close(fd);
	return p == MAP_FAILED ? NULL : p;
}

static int jump(struct lab *lab, struct fault *f, double by_s)
{
	struct clock_page *p = clock_open(lab, f);
	if (!p)
		return lab_fail(lab, ENOTSUP,
				"this lab has no clocks that jump (lab: {clock: true})");
	atomic_fetch_add(&p->jump_ns, (int64_t)(by_s * 1e9));
	(void)munmap(p, sizeof(*p));
	return 0;
}

int fault_clock_begin(struct lab *lab, struct fault *f)
{
	double by = json_number_value(json_object_get(f->args, "by_s"));
	int err = fault_machine_find(lab, f);
	if (!err && (by == 0 || by < -1e8 || by > 1e8))
		err = lab_fail(lab, EINVAL, "clock_jump needs by_s: seconds, not 0");
	struct clock_page *p = err ? NULL : clock_open(lab, f);
	if (p) {
		f->changes = (uint32_t)atomic_load(&p->deceived);
		(void)munmap(p, sizeof(*p));
	}
	return err ? err : jump(lab, f, by);
}

bool fault_clock_bitten(struct lab *lab, struct fault *f)
{
	struct clock_page *p = clock_open(lab, f);
	if (!p)
		return f->bitten;
	uint64_t n = atomic_load(&p->deceived);
	(void)munmap(p, sizeof(*p));
	fault_prove(f, "readings", (json_int_t)(n - f->changes));
	return n > f->changes;
}

void fault_clock_heal(struct lab *lab, struct fault *f)
{
	(void)jump(lab, f, -json_number_value(json_object_get(f->args, "by_s")));
}
