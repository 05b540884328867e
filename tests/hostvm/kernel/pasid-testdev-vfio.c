// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vfio-pci for the pasid-testdev of QEMU, with migration
 *
 * The device is stopped by a register, and then its registers and its memory
 * are its state; docs/pasid-testdev.rst has them.  A device is bound to it by
 * driver_override alone.
 *
 * What VFIO's user sees is described in include/uapi/linux/vfio.h, at
 * VFIO_DEVICE_FEATURE_MIGRATION.
 */

#include <linux/anon_inodes.h>
#include <linux/bitops.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/sizes.h>
#include <linux/uaccess.h>
#include <linux/version.h>
#include <linux/vfio.h>
#include <linux/vfio_pci_core.h>
#include <linux/vmalloc.h>

#define TESTDEV_VENDOR		0x1234
#define TESTDEV_DEVICE		0xa51d

#define TESTDEV_ID		0x000
#define TESTDEV_MAGIC		0x44534150
#define TESTDEV_MIGRATION	0x018
#define TESTDEV_STOP		BIT(0)
#define TESTDEV_LOAD		BIT(1)

/* Where the state is in BAR 0 */
static const struct {
	u32 offset;
	u32 size;
} testdev_parts[] = {
	{ 0x00000, 0x10 },	/* ID, CONTROL, INTERRUPTS, LOG_COUNT */
	{ 0x00400, 0x400 },	/* channels */
	{ 0x01000, 0x800 },	/* the log */
	{ 0x10000, SZ_64K },	/* its memory */
};

#define TESTDEV_STATE_SIZE	(0x10 + 0x400 + 0x800 + SZ_64K)

/*
 * One way through the state; the file outlives what it is for.  PRE_COPY puts a
 * state of the running device before the one that counts, which is the last.
 */
struct testdev_stream {
	struct file *file;
	struct mutex lock;	/* all below */
	bool closed;		/* the device left the states that have it */
	bool precopy;		/* the device runs: another state follows */
	size_t at;
	size_t end;		/* of what is there to read, or may be written */
	u32 data[2 * TESTDEV_STATE_SIZE / sizeof(u32)];
};

struct testdev {
	struct vfio_pci_core_device core;
	struct mutex lock;	/* state, stream */
	enum vfio_device_mig_state state;
	struct testdev_stream *stream;	/* of PRE_COPY to STOP_COPY, or RESUMING */
	unsigned long was_reset;	/* bit 0, and nobody took note of it yet */
	void __iomem *bar;		/* BAR 0 */
};

static struct testdev *to_testdev(struct vfio_device *vdev)
{
	return container_of(vdev, struct testdev, core.vdev);
}

/* Streams */

static ssize_t testdev_stream_read(struct file *file, char __user *buf,
				   size_t len, loff_t *pos)
{
	struct testdev_stream *s = file->private_data;

	guard(mutex)(&s->lock);
	if (s->closed)
		return -ENODEV;
	if (s->at == s->end && s->precopy)
		return -ENOMSG;
	len = min(len, s->end - s->at);
	if (copy_to_user(buf, (u8 *)s->data + s->at, len))
		return -EFAULT;
	s->at += len;
	return len;
}

static ssize_t testdev_stream_write(struct file *file, const char __user *buf,
				    size_t len, loff_t *pos)
{
	struct testdev_stream *s = file->private_data;

	guard(mutex)(&s->lock);
	if (s->closed)
		return -ENODEV;
	if (len > s->end - s->at)
		return -EINVAL;
	if (copy_from_user((u8 *)s->data + s->at, buf, len))
		return -EFAULT;
	s->at += len;
	return len;
}

/* What of the first state is not read yet; what changes meanwhile is not known. */
static long testdev_stream_ioctl(struct file *file, unsigned int cmd,
				 unsigned long arg)
{
	struct testdev_stream *s = file->private_data;
	const size_t size = offsetofend(struct vfio_precopy_info, dirty_bytes);
	struct vfio_precopy_info info;

	if (cmd != VFIO_MIG_GET_PRECOPY_INFO)
		return -ENOTTY;
	if (copy_from_user(&info, (void __user *)arg, size))
		return -EFAULT;
	if (info.argsz < size)
		return -EINVAL;
	info.flags = 0;
	info.dirty_bytes = 0;
	scoped_guard(mutex, &s->lock) {
		if (s->closed)
			return -ENODEV;
		if (!s->precopy)
			return -EINVAL;
		info.initial_bytes = s->end - s->at;
	}
	return copy_to_user((void __user *)arg, &info, size) ? -EFAULT : 0;
}

static int testdev_stream_release(struct inode *inode, struct file *file)
{
	vfree(file->private_data);
	return 0;
}

static const struct file_operations testdev_save_fops = {
	.owner = THIS_MODULE,
	.read = testdev_stream_read,
	.unlocked_ioctl = testdev_stream_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.release = testdev_stream_release,
};

static const struct file_operations testdev_load_fops = {
	.owner = THIS_MODULE,
	.write = testdev_stream_write,
	.release = testdev_stream_release,
};

static struct testdev_stream *
testdev_stream_new(const struct file_operations *fops, int flags)
{
	struct testdev_stream *s = vzalloc(sizeof(*s));

	if (!s)
		return ERR_PTR(-ENOMEM);
	mutex_init(&s->lock);
	s->file = anon_inode_getfile("pasid-testdev-vfio", fops, s, flags);
	if (IS_ERR(s->file)) {
		int ret = PTR_ERR(s->file);

		vfree(s);
		return ERR_PTR(ret);
	}
	stream_open(file_inode(s->file), s->file);
	return s;
}

/* Whoever still has the file gets errors from it. */
static void testdev_stream_close(struct testdev *t)
{
	struct testdev_stream *s = t->stream;

	if (!s)
		return;
	t->stream = NULL;
	mutex_lock(&s->lock);
	s->closed = true;
	mutex_unlock(&s->lock);
	fput(s->file);
}

/* The device */

/*
 * Whether its BARs can be read is the guest's decision, and before a guest runs
 * they cannot.  The memory lock keeps that decision away meanwhile.
 *
 * Return: what testdev_end_access() is to be told.
 */
static u16 testdev_begin_access(struct testdev *t)
{
	u16 cmd;

	down_write(&t->core.memory_lock);
	pci_read_config_word(t->core.pdev, PCI_COMMAND, &cmd);
	if (!(cmd & PCI_COMMAND_MEMORY))
		pci_write_config_word(t->core.pdev, PCI_COMMAND,
				      cmd | PCI_COMMAND_MEMORY);
	return cmd;
}

static void testdev_end_access(struct testdev *t, u16 cmd)
{
	if (!(cmd & PCI_COMMAND_MEMORY))
		pci_write_config_word(t->core.pdev, PCI_COMMAND, cmd);
	up_write(&t->core.memory_lock);
}

static void testdev_set(struct testdev *t, u32 val)
{
	u16 cmd = testdev_begin_access(t);

	iowrite32(val, t->bar + TESTDEV_MIGRATION);
	/* It is carried out when this returns. */
	ioread32(t->bar + TESTDEV_MIGRATION);
	testdev_end_access(t, cmd);
}

static void testdev_save(struct testdev *t, u32 *data)
{
	u16 cmd = testdev_begin_access(t);

	for (int i = 0; i < ARRAY_SIZE(testdev_parts); i++)
		for (u32 at = 0; at < testdev_parts[i].size; at += 4)
			*data++ = ioread32(t->bar +
					   testdev_parts[i].offset + at);
	testdev_end_access(t, cmd);
}

static void testdev_load(struct testdev *t, const u32 *data)
{
	u16 cmd = testdev_begin_access(t);
	void __iomem *migration = t->bar + TESTDEV_MIGRATION;

	iowrite32(TESTDEV_STOP | TESTDEV_LOAD, migration);
	for (int i = 0; i < ARRAY_SIZE(testdev_parts); i++)
		for (u32 at = 0; at < testdev_parts[i].size; at += 4)
			iowrite32(*data++, t->bar +
					   testdev_parts[i].offset + at);
	iowrite32(TESTDEV_STOP, migration);
	ioread32(migration);
	testdev_end_access(t, cmd);
}

/* States */

/* A reset takes locks in another order, so it only leaves a note. */
static void testdev_take_note_of_reset(struct testdev *t)
{
	if (test_and_clear_bit(0, &t->was_reset)) {
		t->state = VFIO_DEVICE_STATE_RUNNING;
		testdev_stream_close(t);
	}
}

static struct file *testdev_start_save(struct testdev *t, bool precopy)
{
	struct testdev_stream *s = testdev_stream_new(&testdev_save_fops,
						      O_RDONLY);

	if (IS_ERR(s))
		return ERR_CAST(s);
	s->precopy = precopy;
	testdev_save(t, s->data);
	s->end = TESTDEV_STATE_SIZE;
	t->stream = s;
	return get_file(s->file);
}

/* The state that counts, after the one of PRE_COPY */
static void testdev_finish_save(struct testdev *t)
{
	struct testdev_stream *s = t->stream;

	guard(mutex)(&s->lock);
	testdev_save(t, s->data + s->end / sizeof(u32));
	s->end += TESTDEV_STATE_SIZE;
	s->precopy = false;
}

static struct file *testdev_start_load(struct testdev *t)
{
	struct testdev_stream *s = testdev_stream_new(&testdev_load_fops,
						      O_WRONLY);

	if (IS_ERR(s))
		return ERR_CAST(s);
	s->end = sizeof(s->data);
	t->stream = s;
	return get_file(s->file);
}

static int testdev_finish_load(struct testdev *t)
{
	struct testdev_stream *s = t->stream;
	const u32 *last = s->data;
	int ret = 0;

	mutex_lock(&s->lock);
	if (s->at == sizeof(s->data))
		last += TESTDEV_STATE_SIZE / sizeof(u32);
	else if (s->at != TESTDEV_STATE_SIZE)
		ret = -EINVAL;
	if (!ret && *last != TESTDEV_MAGIC)
		ret = -EINVAL;
	if (!ret)
		testdev_load(t, last);
	mutex_unlock(&s->lock);
	testdev_stream_close(t);
	return ret;
}

/* One arc, as vfio_mig_get_next_state() has it with P2P and PRE_COPY */
static struct file *testdev_step(struct testdev *t,
				 enum vfio_device_mig_state to)
{
	switch (t->state << 8 | to) {
	case VFIO_DEVICE_STATE_RUNNING << 8 | VFIO_DEVICE_STATE_RUNNING_P2P:
	case VFIO_DEVICE_STATE_PRE_COPY << 8 | VFIO_DEVICE_STATE_PRE_COPY_P2P:
		testdev_set(t, TESTDEV_STOP);
		return NULL;
	case VFIO_DEVICE_STATE_RUNNING_P2P << 8 | VFIO_DEVICE_STATE_RUNNING:
	case VFIO_DEVICE_STATE_PRE_COPY_P2P << 8 | VFIO_DEVICE_STATE_PRE_COPY:
		testdev_set(t, 0);
		return NULL;
	/* It is stopped by itself, and nobody else writes to a stopped one. */
	case VFIO_DEVICE_STATE_RUNNING_P2P << 8 | VFIO_DEVICE_STATE_STOP:
	case VFIO_DEVICE_STATE_STOP << 8 | VFIO_DEVICE_STATE_RUNNING_P2P:
		return NULL;
	case VFIO_DEVICE_STATE_RUNNING << 8 | VFIO_DEVICE_STATE_PRE_COPY:
	case VFIO_DEVICE_STATE_RUNNING_P2P << 8 | VFIO_DEVICE_STATE_PRE_COPY_P2P:
		return testdev_start_save(t, true);
	case VFIO_DEVICE_STATE_STOP << 8 | VFIO_DEVICE_STATE_STOP_COPY:
		return testdev_start_save(t, false);
	case VFIO_DEVICE_STATE_PRE_COPY_P2P << 8 | VFIO_DEVICE_STATE_STOP_COPY:
		testdev_finish_save(t);
		return NULL;
	case VFIO_DEVICE_STATE_PRE_COPY << 8 | VFIO_DEVICE_STATE_RUNNING:
	case VFIO_DEVICE_STATE_PRE_COPY_P2P << 8 | VFIO_DEVICE_STATE_RUNNING_P2P:
	case VFIO_DEVICE_STATE_STOP_COPY << 8 | VFIO_DEVICE_STATE_STOP:
		testdev_stream_close(t);
		return NULL;
	case VFIO_DEVICE_STATE_STOP << 8 | VFIO_DEVICE_STATE_RESUMING:
		testdev_set(t, TESTDEV_STOP);
		return testdev_start_load(t);
	case VFIO_DEVICE_STATE_RESUMING << 8 | VFIO_DEVICE_STATE_STOP:
		return ERR_PTR(testdev_finish_load(t));
	default:
		WARN_ON(1);
		return ERR_PTR(-EINVAL);
	}
}

static struct file *testdev_set_state(struct vfio_device *vdev,
				      enum vfio_device_mig_state to)
{
	struct testdev *t = to_testdev(vdev);
	enum vfio_device_mig_state next;
	struct file *file = NULL;
	int ret;

	guard(mutex)(&t->lock);
	testdev_take_note_of_reset(t);
	while (t->state != to) {
		ret = vfio_mig_get_next_state(vdev, t->state, to, &next);
		if (ret)
			return ERR_PTR(ret);
		file = testdev_step(t, next);
		if (IS_ERR(file))
			return file;
		t->state = next;
		if (WARN_ON(file && t->state != to)) {
			fput(file);
			return ERR_PTR(-EINVAL);
		}
	}
	return file;
}

static int testdev_get_state(struct vfio_device *vdev,
			     enum vfio_device_mig_state *state)
{
	struct testdev *t = to_testdev(vdev);

	guard(mutex)(&t->lock);
	testdev_take_note_of_reset(t);
	*state = t->state;
	return 0;
}

static int testdev_get_data_size(struct vfio_device *vdev,
				 unsigned long *stop_copy_length)
{
	*stop_copy_length = TESTDEV_STATE_SIZE;
	return 0;
}

static const struct vfio_migration_ops testdev_migration_ops = {
	.migration_set_state = testdev_set_state,
	.migration_get_state = testdev_get_state,
	.migration_get_data_size = testdev_get_data_size,
};

/* VFIO's and PCI's side */

static int testdev_init(struct vfio_device *vdev)
{
	struct testdev *t = to_testdev(vdev);

	mutex_init(&t->lock);
	vdev->migration_flags = VFIO_MIGRATION_STOP_COPY |
				VFIO_MIGRATION_P2P | VFIO_MIGRATION_PRE_COPY;
	vdev->mig_ops = &testdev_migration_ops;
	return vfio_pci_core_init_dev(vdev);
}

static int testdev_open(struct vfio_device *vdev)
{
	struct testdev *t = to_testdev(vdev);
	int ret = vfio_pci_core_enable(&t->core);

	if (ret)
		return ret;
	t->bar = pci_iomap(t->core.pdev, 0, 0);
	if (!t->bar) {
		vfio_pci_core_disable(&t->core);
		return -ENOMEM;
	}
	clear_bit(0, &t->was_reset);
	t->state = VFIO_DEVICE_STATE_RUNNING;
	vfio_pci_core_finish_enable(&t->core);
	return 0;
}

static void testdev_close(struct vfio_device *vdev)
{
	struct testdev *t = to_testdev(vdev);

	mutex_lock(&t->lock);
	testdev_stream_close(t);
	mutex_unlock(&t->lock);
	pci_iounmap(t->core.pdev, t->bar);
	vfio_pci_core_close_device(vdev);
}

static const struct vfio_device_ops testdev_ops = {
	.name = "pasid-testdev-vfio",
	.init = testdev_init,
	.release = vfio_pci_core_release_dev,
	.open_device = testdev_open,
	.close_device = testdev_close,
	.ioctl = vfio_pci_core_ioctl,
	.device_feature = vfio_pci_core_ioctl_feature,
	.read = vfio_pci_core_read,
	.write = vfio_pci_core_write,
	.mmap = vfio_pci_core_mmap,
	.request = vfio_pci_core_request,
	.match = vfio_pci_core_match,
	.bind_iommufd = vfio_iommufd_physical_bind,
	.unbind_iommufd = vfio_iommufd_physical_unbind,
	.attach_ioas = vfio_iommufd_physical_attach_ioas,
	.detach_ioas = vfio_iommufd_physical_detach_ioas,
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
	.get_region_info_caps = vfio_pci_ioctl_get_region_info,
	.match_token_uuid = vfio_pci_core_match_token_uuid,
	.pasid_attach_ioas = vfio_iommufd_physical_pasid_attach_ioas,
	.pasid_detach_ioas = vfio_iommufd_physical_pasid_detach_ioas,
#endif
};

static int testdev_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct testdev *t = vfio_alloc_device(testdev, core.vdev, &pdev->dev,
					      &testdev_ops);
	int ret;

	if (IS_ERR(t))
		return PTR_ERR(t);
	/* vfio_pci_core looks there, too. */
	dev_set_drvdata(&pdev->dev, &t->core);
	ret = vfio_pci_core_register_device(&t->core);
	if (ret)
		vfio_put_device(&t->core.vdev);
	return ret;
}

static void testdev_remove(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *core = dev_get_drvdata(&pdev->dev);

	vfio_pci_core_unregister_device(core);
	vfio_put_device(&core->vdev);
}

static void testdev_reset_done(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *core = dev_get_drvdata(&pdev->dev);

	set_bit(0, &container_of(core, struct testdev, core)->was_reset);
}

static const struct pci_error_handlers testdev_err_handlers = {
	.reset_done = testdev_reset_done,
	.error_detected = vfio_pci_core_aer_err_detected,
};

static const struct pci_device_id testdev_table[] = {
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(TESTDEV_VENDOR, TESTDEV_DEVICE) },
	{ }
};
MODULE_DEVICE_TABLE(pci, testdev_table);

static struct pci_driver testdev_driver = {
	.name = "pasid-testdev-vfio",
	.id_table = testdev_table,
	.probe = testdev_probe,
	.remove = testdev_remove,
	.err_handler = &testdev_err_handlers,
	.driver_managed_dma = true,
};
module_pci_driver(testdev_driver);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("vfio-pci for QEMU's pasid-testdev, with migration");
