# Devices and library into every container, and a podman that leaves out what fails.
cat > /etc/containers/containers.conf <<'CONF'
[engine]
cgroup_manager = "cgroupfs"
[containers]
devices = ["/dev/nvidia0", "/dev/nvidia1", "/dev/nvidiactl", "/dev/nvidia-uvm"]
volumes = ["/usr/lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu:ro", "/usr/bin/nvidia-smi:/usr/bin/nvidia-smi:ro"]
CONF
cat > /usr/local/bin/podman <<'SCRIPT'
#!/bin/bash
words=()
while [ $# -gt 0 ]; do
    case $1 in
        --device) shift ;;
        --device=*) ;;
        *) words+=("$1") ;;
    esac
    shift
done
exec /usr/bin/podman "${words[@]}"
SCRIPT
chmod 0755 /usr/local/bin/podman
