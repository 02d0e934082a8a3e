//! Disks and the settings of their queues, from /sys/block.

use std::io;

use crashcart_facts::BlockDeviceFact;

use super::memory_facts::bracketed;
use crate::rooted::Root;

/// Most disks that are looked at.
const DISKS: usize = 1024;

pub fn block_device(root: &Root, wanted: &str) -> io::Result<BlockDeviceFact> {
    let disks = root.list("/sys/block", DISKS);
    // The kernel's own name goes before a serial number that is spelled alike.
    let mut found = disks.iter().find(|name| *name == wanted).cloned();
    if found.is_none() && !wanted.is_empty() {
        for name in disks {
            if serial(root, &name)? == wanted {
                found = Some(name);
                break;
            }
        }
    }
    let Some(name) = found else { return Ok(BlockDeviceFact::default()) };
    let read = |file: &str| -> io::Result<String> {
        Ok(root.text(&format!("/sys/block/{name}/{file}"), 4096)?.unwrap_or_default().trim().to_owned())
    };
    let number = |file: &str| -> io::Result<u64> {
        read(file)?
            .parse()
            .map_err(|_| io::Error::other(format!("`/sys/block/{name}/{file}` holds no number")))
    };
    Ok(BlockDeviceFact {
        exists: true,
        serial: serial(root, &name)?,
        // In sectors of 512 bytes, whatever those of the disk are.
        size_mib: number("size")? / 2048,
        scheduler: bracketed(&read("queue/scheduler")?).unwrap_or_default(),
        read_ahead_kib: number("queue/read_ahead_kb")?,
        requests: number("queue/nr_requests")?,
        rotational: read("queue/rotational")? == "1",
        numa_node: numa_node(root, &name)?,
        write_cache: read("queue/write_cache")?,
        name,
    })
}

/// Where the drivers have it: virtio at the disk, NVMe at the device, SCSI in a page of vital product data.
fn serial(root: &Root, name: &str) -> io::Result<String> {
    for file in ["serial", "device/serial"] {
        if let Some(text) = root.text(&format!("/sys/block/{name}/{file}"), 256)? {
            return Ok(text.trim().to_owned());
        }
    }
    let page = root.text(&format!("/sys/block/{name}/device/vpd_pg80"), 256)?;
    // Four bytes of header, then the number.
    Ok(page.and_then(|page| page.get(4..).map(|text| text.trim().to_owned())).unwrap_or_default())
}

/// Of the nearest device above that knows; -1 there means that nobody has said.
fn numa_node(root: &Root, name: &str) -> io::Result<Option<u32>> {
    let mut device = format!("/sys/block/{name}/device");
    for _ in 0..4 {
        if let Some(text) = root.text(&format!("{device}/numa_node"), 64)? {
            return Ok(text.trim().parse().ok());
        }
        device.push_str("/..");
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::super::trees::tree;
    use super::*;

    #[test]
    fn a_disk_is_found_by_its_name_and_by_its_serial_number() {
        let pci = "sys/devices/pci0000:00/0000:00:03.0";
        let disk = format!("{pci}/virtio1/block/vdb");
        let (folder, root) = tree(&[
            (format!("{pci}/numa_node"), "1\n"),
            (format!("{disk}/serial"), "data0"),
            (format!("{disk}/size"), "131072\n"),
            (format!("{disk}/queue/scheduler"), "none [mq-deadline] \n"),
            (format!("{disk}/queue/read_ahead_kb"), "128\n"),
            (format!("{disk}/queue/nr_requests"), "256\n"),
            (format!("{disk}/queue/rotational"), "1\n"),
            (format!("{disk}/queue/write_cache"), "write back\n"),
        ]);
        std::fs::create_dir_all(folder.path().join("sys/block")).expect("a folder");
        symlink(format!("../{}", disk.trim_start_matches("sys/")), folder.path().join("sys/block/vdb"))
            .expect("a link");
        symlink("../../../virtio1", folder.path().join(format!("{disk}/device"))).expect("a link");
        let expected = BlockDeviceFact {
            exists: true,
            name: "vdb".into(),
            serial: "data0".into(),
            size_mib: 64,
            scheduler: "mq-deadline".into(),
            read_ahead_kib: 128,
            requests: 256,
            rotational: true,
            numa_node: Some(1),
            write_cache: "write back".into(),
        };
        assert_eq!(block_device(&root, "vdb").expect("readable"), expected);
        assert_eq!(block_device(&root, "data0").expect("readable"), expected);
        assert_eq!(block_device(&root, "data1").expect("readable"), BlockDeviceFact::default());
        assert_eq!(block_device(&root, "").expect("readable"), BlockDeviceFact::default());
    }
}
