//! A driver that is a kernel module, on GPUs that are PCI devices: a guest as the learner of a driver lab gets it,
//! beside a container node with the same boards.

use crashcart::cli::exit::Exit;

use crate::engine::{base, engine};
use crate::faults::done;
use crate::gpus::{bench, with_image};
use crate::vm::{links, say};

const LAB: &str = "driver-nobody-loads";
const IMAGES: [&str; 3] = ["base", "gpu", "vm"];

/// A container image out of the guest's own files, and the CDI specification of its GPUs.
const FOR_CONTAINERS: &str = r"
root=/tmp/root
mkdir -p $root/usr/bin $root/usr/lib64 $root/usr/lib $root/etc/ld.so.conf.d $root/proc $root/sys $root/dev $root/tmp
for folder in bin lib lib64; do ln -s usr/$folder $root/$folder; done
touch $root/etc/ld.so.conf
cp -L --parents $(ldd /usr/bin/bash /usr/bin/mknod /usr/bin/nvidia-smi | grep -o '/[^ :)]*' | sort -u | grep -v nvidia) $root
cp /usr/bin/bash /usr/bin/mknod $root/usr/bin/
tar --create --file=/tmp/root.tar --directory=$root .
podman import --quiet /tmp/root.tar probe > /dev/null
nvidia-ctk --quiet cdi generate --output=/etc/cdi/nvidia.yaml
nvidia-ctk --quiet cdi list | grep --count nvidia.com/gpu=";

/// A container has the GPU that was asked for. What the runtime does not hand out, a device file of one's own making
/// does not open.
const AS_ROOT: &str = r"
podman run --rm --network=none --device=nvidia.com/gpu=1 --cap-add=MKNOD probe bash -c \
    'echo /dev/nvidia[0-9]; nvidia-smi -L; mknod /tmp/other c 195 0; : < /tmp/other'
podman run --rm --network=none probe bash -c 'echo /dev/nvidia*'
podman run --rm --network=none --device=nvidia.com/gpu=2 probe true";

const AS_ADA: &str = r"
loginctl enable-linger ada
until [ -S /run/user/$(id --user ada)/bus ]; do sleep 0.5; done
runuser --login ada --command '
    export XDG_RUNTIME_DIR=/run/user/$(id --user)
    podman import --quiet /tmp/root.tar probe > /dev/null
    podman run --rm --network=none --device=nvidia.com/gpu=0 probe nvidia-smi -L'";

/// The exporter that the node's own repositories have, on all GPUs, and then on those that its control group lets it open.
const EXPORTER: &str = r#"
apt-get install --quiet --quiet --yes gpu-metrics > /dev/null 2>&1
systemctl start prometheus-node-exporter gpu-metrics
answers() {
    for n in $(seq 60); do
        said=$(curl --silent http://127.0.0.1:9100/metrics | grep ^gpu_answers | cut -c12- | paste -sd' ')
        [ "$said" != "$1" ] || break
        sleep 0.5
    done
    echo "$said"
}
answers '{pci="0000:3b:00"} 1 {pci="0000:5e:00"} 1'
mkdir /etc/systemd/system/gpu-metrics.service.d
cat > /etc/systemd/system/gpu-metrics.service.d/one.conf <<UNIT
[Service]
DevicePolicy=closed
DeviceAllow=/dev/nvidiactl rw
DeviceAllow=/dev/nvidia0 rw
UNIT
systemctl daemon-reload; systemctl restart gpu-metrics
answers '{pci="0000:3b:00"} 1 {pci="0000:5e:00"} 0'"#;

/// What both kinds of node must answer alike: the same library and programs over a driver, and over a socket.
const ALIKE: &[&str] = &[
    "nvidia-smi -L",
    "nvidia-smi --query-gpu=index,name,uuid,serial,pci.bus_id,pci.device_id,vbios_version,driver_version --format=csv",
    "nvidia-smi --query-gpu=pcie.link.gen.current,pcie.link.width.current,memory.total,power.limit --format=csv -i 0",
    "nvidia-smi -q -d ECC,COMPUTE,SUPPORTED_CLOCKS -i 0 | grep -v Timestamp",
    "nvidia-smi mig -lgip",
    "nvidia-smi -pl 250 -i 0",
    "nvidia-smi -pl 9000 -i 0",
    "nvidia-smi -i 7",
    "runuser -u nobody -- nvidia-smi -pl 200 -i 0",
    "nvidia-smi --query-gpu=power.limit --format=csv,noheader -i 0",
    "CUDA_VISIBLE_DEVICES=0 gpu-work --seconds 1 --every 9 | head -1",
    "CUDA_VISIBLE_DEVICES=1 gpu-work --seconds 1 --every 9 | head -1",
    "CUDA_VISIBLE_DEVICES=5 gpu-work --seconds 1",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_drivers_module_is_the_learners_to_mend_and_the_gpus_below_it_are_not() {
    let engine = std::sync::Arc::new(engine().await);
    base(&engine).await;
    with_image("gpu", || bench(LAB, "driver-lab", &IMAGES)).await;
    let bench = with_image("vm", || bench(LAB, "driver-lab", &IMAGES)).await;
    bench.run(&format!("start {LAB}")).succeeds();
    let nodes = links(&bench, &engine).await;
    let (guest, container) = (&nodes["gpu1"], &nodes["gpu2"]);
    // What went wrong is an answer, too.
    let tells =
        async |link, script: &str| say(link, &format!("set +e; {{ {script}; }} 2>&1; echo \"rc $?\"")).await;

    // The module is not loaded: the bus has the devices, and nobody else does.
    let listed = tells(guest, "lspci -n -d 10de:").await;
    assert_eq!(listed, "3b:00.0 0302: 10de:2331 (rev a1)\n5e:00.0 0302: 10de:2331 (rev a1)\nrc 0\n");
    assert!(tells(guest, "nvidia-smi").await.contains("couldn't communicate with the NVIDIA driver"));
    assert_eq!(
        tells(guest, "ls /dev/nvidia*").await.lines().last(),
        Some("rc 2"),
        "no device files are left"
    );
    assert!(
        tells(guest, "lspci -vvs 3b:00.0").await.contains("Speed 16GT/s (downgraded), Width x8 (downgraded)")
    );
    assert!(tells(guest, "lspci -vvs 5e:00.0").await.contains("Unknown header type 7f"));
    bench.run("check").ends_with(Exit::NotYet);

    // A parameter out of range, and then as it should be. The GPU that does not answer is not taken.
    let refused = tells(guest, "modprobe nvidia NVreg_EnableMSI=7; dmesg | tail -1").await;
    assert!(refused.contains("Invalid argument") && refused.contains("must be from 0 to 1"), "{refused}");
    say(guest, "rm /etc/modprobe.d/quiet.conf; modprobe nvidia; udevadm settle").await;
    let log = tells(guest, "dmesg | grep NVRM").await;
    assert!(log.contains("fallen off the bus and is not responding to commands."), "{log}");
    assert_eq!(tells(guest, "nvidia-smi -L | wc -l").await, "1\nrc 0\n");

    // Held by a program, it stays; by nobody, it goes and comes as often as one likes.
    let held = "gpu-work --seconds 20 --quiet & sleep 1; fuser /dev/nvidia0 2>/dev/null | wc -w; \
                modprobe -r nvidia-uvm nvidia-modeset; rmmod nvidia; kill $!; wait $! || true";
    let held = tells(guest, held).await;
    assert!(held.contains("1\n") && held.contains("Module nvidia is in use"), "{held}");
    let often = "for n in $(seq 5); do modprobe -r nvidia-uvm nvidia-modeset nvidia && modprobe nvidia || break; done; \
                 udevadm settle; echo $n; ls /dev/nvidia0";
    assert_eq!(tells(guest, often).await, "5\n/dev/nvidia0\nrc 0\n");
    assert_eq!(tells(guest, "dmesg | grep -cE 'BUG:|WARNING:|Oops|Call Trace'").await, "0\nrc 1\n");

    // A library of another branch, installed from the node's own repository.
    let other = "apt-get install --quiet --quiet --yes --allow-downgrades libnvidia-ml1=570.158.01-1 \
                 nvidia-smi=570.158.01-1 >/dev/null 2>&1; nvidia-smi; dmesg | grep -A1 'API mismatch'; \
                 apt-get install --quiet --quiet --yes libnvidia-ml1=580.105.08-1 nvidia-smi=580.105.08-1 >/dev/null 2>&1";
    let other = tells(guest, other).await;
    assert!(other.contains("Failed to initialize NVML: Driver/library version mismatch"), "{other}");
    assert!(other.contains("has the version 570.158.01, but this kernel module has"), "{other}");

    // A GPU leaves the bus by the learner's hand and comes back.
    let away = "echo 1 > /sys/bus/pci/devices/0000:3b:00.0/remove; nvidia-smi -L; echo 1 > /sys/bus/pci/rescan; \
                udevadm settle; nvidia-smi -L";
    let away = tells(guest, away).await;
    assert!(away.starts_with("No devices were found") && away.contains("GPU 0: NVIDIA H100 PCIe"), "{away}");

    // A boot cures the GPU that was lost, and the module comes by itself. Now both nodes are alike.
    bench.run("grade").succeeds();
    // Udev makes device files after the driver has its GPUs.
    tells(guest, "for n in $(seq 30); do [ -e /dev/nvidia1 ] && break; sleep 1; done").await;
    for link in [guest, container] {
        assert_eq!(tells(link, "nvidia-smi -L | grep -c H100").await, "2\nrc 0\n", "{}", link.name);
    }
    for script in ALIKE {
        assert_eq!(tells(guest, script).await, tells(container, script).await, "{script}");
    }

    let listed = tells(guest, "nvidia-smi -L").await;
    let gpus: Vec<&str> = listed.lines().map(|line| line.trim_start_matches("GPU ").split_at(1).1).collect();
    assert_eq!(tells(guest, FOR_CONTAINERS).await, "5\nrc 0\n");
    let root = format!(
        "/dev/nvidia1\nGPU 0{}\nbash: line 1: /tmp/other: Operation not permitted\n/dev/nvidia*\n\
         Error: setting up CDI devices: unresolvable CDI devices nvidia.com/gpu=2\nrc 126\n",
        gpus[1]
    );
    assert_eq!(tells(guest, AS_ROOT).await, root);
    assert_eq!(tells(guest, AS_ADA).await, format!("GPU 0{}\nrc 0\n", gpus[0]));
    let exported = tells(guest, EXPORTER).await;
    let wanted = "{pci=\"0000:3b:00\"} 1 {pci=\"0000:5e:00\"} 1\n{pci=\"0000:3b:00\"} 1 {pci=\"0000:5e:00\"} 0\nrc 0\n";
    assert_eq!(exported, wanted);
    done(&bench, &engine).await;
}
