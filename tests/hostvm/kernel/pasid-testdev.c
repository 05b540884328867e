// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pasid-testdev: a process hands the device plain pointers
 *
 * /dev/pasid-testdevN lets a process bind its address space to a PASID, and map
 * BAR 0, to drive the device itself.  What a real accelerator's driver checks is
 * not checked: who may open the file may have the device use any PASID.
 *
 * The driver matches by driver_override alone, so that a device is nobody's
 * until one asks:
 *   echo pasid-testdev >/sys/bus/pci/devices/BDF/driver_override
 *   echo BDF >/sys/bus/pci/drivers_probe
 */

#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/iommu.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/version.h>
#include <linux/wait.h>
#include "pasid-testdev.h"

/* Linux has features that a driver turns on until then. */
#define HAS_FEATURES	(LINUX_VERSION_CODE < KERNEL_VERSION(6, 16, 0))

#define POLL_MS		1
#define POLLS		1000

struct testdev {
	struct pci_dev *pdev;
	void __iomem *bar;
	struct miscdevice misc;
	char name[24];
	/* remove() waits for the last one. */
	atomic_t files;
	wait_queue_head_t no_files;
};

/* An open file, and the address space that is bound by it, if one is */
struct testdev_file {
	struct testdev *td;
	struct mutex lock;
	struct iommu_sva *sva;
	u32 pasid;
};

static atomic_t next_number = ATOMIC_INIT(0);

static bool channel_uses(struct testdev *td, unsigned int n, u32 pasid)
{
	void __iomem *chan = td->bar + PASID_TESTDEV_CHANNEL(n);
	u32 state = readl(chan + PASID_TESTDEV_STATUS) & PASID_TESTDEV_STATE;

	return (state == PASID_TESTDEV_BUSY || state == PASID_TESTDEV_WAITING) &&
	       readl(chan + PASID_TESTDEV_PASID) == pasid;
}

/*
 * The device cannot be told to stop a command, but without an address space the
 * next request of each fails.  Nobody gets the PASID before.
 */
static void wait_for_channels(struct testdev *td, u32 pasid)
{
	unsigned int n, polls = 0;

	for (n = 0; n < PASID_TESTDEV_CHANNELS; n++) {
		while (channel_uses(td, n, pasid)) {
			if (polls++ == POLLS) {
				dev_err(&td->pdev->dev,
					"channel %u does not leave PASID %u\n",
					n, pasid);
				return;
			}
			msleep(POLL_MS);
		}
	}
}

static long testdev_bind(struct testdev_file *file)
{
	struct iommu_sva *sva;

	if (file->sva)
		return -EBUSY;
	sva = iommu_sva_bind_device(&file->td->pdev->dev, current->mm);
	if (IS_ERR(sva))
		return PTR_ERR(sva);
	file->sva = sva;
	file->pasid = iommu_sva_get_pasid(sva);
	return file->pasid;
}

static long testdev_unbind(struct testdev_file *file)
{
	if (!file->sva)
		return -ENOENT;
	iommu_sva_unbind_device(file->sva);
	file->sva = NULL;
	wait_for_channels(file->td, file->pasid);
	return 0;
}

static long testdev_ioctl(struct file *filp, unsigned int cmd,
			  unsigned long arg)
{
	struct testdev_file *file = filp->private_data;
	long ret = -ENOTTY;

	mutex_lock(&file->lock);
	if (cmd == PASID_TESTDEV_BIND)
		ret = testdev_bind(file);
	else if (cmd == PASID_TESTDEV_UNBIND)
		ret = testdev_unbind(file);
	mutex_unlock(&file->lock);
	return ret;
}

static int testdev_mmap(struct file *filp, struct vm_area_struct *vma)
{
	struct testdev_file *file = filp->private_data;
	struct pci_dev *pdev = file->td->pdev;

	vma->vm_page_prot = pgprot_noncached(vma->vm_page_prot);
	return vm_iomap_memory(vma, pci_resource_start(pdev, 0),
			       pci_resource_len(pdev, 0));
}

static int testdev_open(struct inode *inode, struct file *filp)
{
	/* misc_open() has put it there. */
	struct testdev *td = container_of(filp->private_data, struct testdev,
					  misc);
	struct testdev_file *file = kzalloc(sizeof(*file), GFP_KERNEL);

	if (!file)
		return -ENOMEM;
	file->td = td;
	mutex_init(&file->lock);
	atomic_inc(&td->files);
	filp->private_data = file;
	return 0;
}

static int testdev_release(struct inode *inode, struct file *filp)
{
	struct testdev_file *file = filp->private_data;
	struct testdev *td = file->td;

	testdev_unbind(file);
	kfree(file);
	if (atomic_dec_and_test(&td->files))
		wake_up(&td->no_files);
	return 0;
}

static const struct file_operations testdev_fops = {
	.owner = THIS_MODULE,
	.open = testdev_open,
	.release = testdev_release,
	.unlocked_ioctl = testdev_ioctl,
	.mmap = testdev_mmap,
};

#if HAS_FEATURES
static int enable_features(struct device *dev)
{
	int ret = iommu_dev_enable_feature(dev, IOMMU_DEV_FEAT_IOPF);

	if (ret)
		return ret;
	ret = iommu_dev_enable_feature(dev, IOMMU_DEV_FEAT_SVA);
	if (ret)
		iommu_dev_disable_feature(dev, IOMMU_DEV_FEAT_IOPF);
	return ret;
}

static void disable_features(struct device *dev)
{
	iommu_dev_disable_feature(dev, IOMMU_DEV_FEAT_SVA);
	iommu_dev_disable_feature(dev, IOMMU_DEV_FEAT_IOPF);
}
#else
static int enable_features(struct device *dev)
{
	return 0;
}

static void disable_features(struct device *dev)
{
}
#endif

static int testdev_enable(struct testdev *td)
{
	struct pci_dev *pdev = td->pdev;
	int ret = pcim_enable_device(pdev);

	if (ret)
		return ret;
	ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (ret)
		return ret;
	td->bar = pcim_iomap(pdev, 0, 0);
	if (!td->bar)
		return -ENOMEM;
	if (readl(td->bar + PASID_TESTDEV_ID) != PASID_TESTDEV_MAGIC)
		return -ENODEV;
	pci_set_master(pdev);
	return 0;
}

static int testdev_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct testdev *td = devm_kzalloc(&pdev->dev, sizeof(*td), GFP_KERNEL);
	int ret;

	if (!td)
		return -ENOMEM;
	td->pdev = pdev;
	init_waitqueue_head(&td->no_files);
	ret = testdev_enable(td);
	if (ret)
		return ret;
	ret = enable_features(&pdev->dev);
	if (ret)
		return dev_err_probe(&pdev->dev, ret, "no SVA\n");

	snprintf(td->name, sizeof(td->name), "pasid-testdev%d",
		 atomic_inc_return(&next_number) - 1);
	td->misc.minor = MISC_DYNAMIC_MINOR;
	td->misc.name = td->name;
	td->misc.fops = &testdev_fops;
	td->misc.parent = &pdev->dev;
	ret = misc_register(&td->misc);
	if (ret) {
		disable_features(&pdev->dev);
		return ret;
	}
	pci_set_drvdata(pdev, td);
	return 0;
}

static void testdev_remove(struct pci_dev *pdev)
{
	struct testdev *td = pci_get_drvdata(pdev);

	misc_deregister(&td->misc);
	wait_event(td->no_files, !atomic_read(&td->files));
	disable_features(&pdev->dev);
}

static struct pci_driver testdev_driver = {
	.name = "pasid-testdev",
	.probe = testdev_probe,
	.remove = testdev_remove,
};
module_pci_driver(testdev_driver);

MODULE_DESCRIPTION("pasid-testdev: shared virtual addressing");
MODULE_LICENSE("GPL");
