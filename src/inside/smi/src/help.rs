//! The manual that `-h` prints.

/// `-h`; the version is the driver's where there is one to ask.
pub fn general(version: &str) -> String {
    format!(
        "\
NVIDIA System Management Interface -- v{version}

Shows GPUs, watches them and changes them, through NVML.

nvidia-smi [OPTION [VALUE]]...

    -h,   --help                      Show this.
          --version                   Show the versions of program, library and driver.

  LISTS AND TABLES
    (no arguments)                    A table of all GPUs.
    -L,   --list-gpus                 One line for each GPU, and for each MIG device.
    -B,   --list-excluded-gpus        GPUs that the driver was told to leave alone.
    -q,   --query                     Everything about each GPU.
    -d,   --display=SECTION,...       With -q: only these sections:
                                        MEMORY, UTILIZATION, ECC, TEMPERATURE, POWER, CLOCK, COMPUTE, PIDS,
                                        PERFORMANCE, SUPPORTED_CLOCKS, PAGE_RETIREMENT, ACCOUNTING,
                                        ENCODER_STATS, SUPPORTED_GPU_TARGET_TEMP, VOLTAGE, FBC_STATS,
                                        ROW_REMAPPER, RESET_STATUS, GSP_FIRMWARE_VERSION,
                                        POWER_SMOOTHING, POWER_PROFILES
    -x,   --xml-format                With -q: as XML.
          --dtd                       With -q -x: the definition of that XML in front; alone: it alone.

  PROPERTIES AS CSV
          --query-gpu=NAME,...        Properties of GPUs; --help-query-gpu lists them.
          --query-compute-apps=NAME,...
                                      Properties of processes that compute; --help-query-compute-apps.
          --query-accounted-apps=NAME,...
                                      Properties of accounted processes; --help-query-accounted-apps.
          --query-retired-pages=NAME,...
                                      Pages of memory that are used no more; --help-query-retired-pages.
          --query-remapped-rows=NAME,...
                                      Rows that spare ones stand in for; --help-query-remapped-rows.
          --query-supported-clocks=NAME,...
                                      Clocks on offer; --help-query-supported-clocks.
          --format=csv[,noheader][,nounits]
                                      Needed with each of these.

  WITH ALL OF THE ABOVE
    -i,   --id=GPU,...                Only these: index, UUID, serial number or PCI bus id.
    -f,   --filename=FILE             Write there.
    -l,   --loop=SECONDS              Again and again.
    -lms, --loop-ms=MILLISECONDS      The same, faster.

  CHANGES (most need root)
    -pm,  --persistence-mode=0|1      Keep the driver loaded without clients.
    -pl,  --power-limit=WATTS         Power that the board may draw.
    -c,   --compute-mode=MODE         0 DEFAULT, 2 PROHIBITED, 3 EXCLUSIVE_PROCESS.
    -e,   --ecc-config=0|1            Correct memory errors; after a reset.
    -p,   --reset-ecc-errors=0|1      Forget the volatile or the aggregate counts.
    -mig, --multi-instance-gpu=0|1    Let the GPU be cut into instances.
    -r,   --gpu-reset                 Reset GPUs that nobody works on, all of them without -i.
    -ac,  --applications-clocks=MEMORY,GRAPHICS
    -rac, --reset-applications-clocks
    -lgc, --lock-gpu-clocks=LEAST,MOST
    -rgc, --reset-gpu-clocks
    -lmc, --lock-memory-clocks=LEAST,MOST
    -rmc, --reset-memory-clocks       Clocks in MHz, and back to what they were.
    -am,  --accounting-mode=0|1       Keep statistics of processes.
    -caa, --clear-accounted-apps      Forget them.
    -eow, --error-on-warning          End with an error where there was a warning.

  MORE, each with a help of its own (-h)
    topo                              How GPUs are joined.
    nvlink                            State and errors of NVLinks.
    dmon, pmon                        A line for each GPU or process, again and again.
    mig                               GPU and compute instances.
"
    )
}

/// `topo -h` and the like.
pub fn of(name: &str) -> &'static str {
    match name {
        "topo" => {
            "\
    topo -- How GPUs are joined.

    -h,   --help                Show this.
    -m,   --matrix              The nearest way between each two GPUs, and the processors near each.
    -mp,  --matrix_pci          The same without NVLinks.
    -p2p, --p2pstatus=r|w|n|a|p Whether each two can read, write, use NVLink, atomics or PCIe together.
    -c,   --cpu=NUMBER          GPUs near this processor.
    -n,   --nearest_gpus=LEVEL  GPUs that are so far from the one named with -i: 0 on one board, 1 a switch,
                                2 several switches, 3 a host bridge, 4 one NUMA node, 5 across NUMA nodes.
    -p,   --gpu_path            What lies between the two named with -i.
    -C,   --get-numa-id-of-nearby-cpu
    -M,   --get-numa-id-of-nearby-mem
    -gnid, --gpu-numa-id        NUMA node of the processors or of the memory near a GPU, or of the GPU itself.
    -i,   --id=GPU,...          Only these.
"
        }
        "nvlink" => {
            "\
    nvlink -- State and errors of NVLinks.

    -h, --help                  Show this.
    -s, --status                Speed of each link, or that it is down.
    -e, --errorcounters         Its errors.
    -c, --capabilities          What it can do.
    -p, --pcibusid              Where it leads.
    -R, --remotelinkinfo        The same with the number of the link there.
    -gt, --getthroughput=d|r    What went over it: data, or raw, with all that goes along with it.
    -i, --id=GPU,...            Only these GPUs.
    -l, --link=NUMBER           Only this link.
"
        }
        "dmon" => {
            "\
    dmon -- A line for each GPU, again and again.

    -h, --help                  Show this.
    -i, --id=GPU,...            Only these.
    -d, --delay=SECONDS         Between two rounds; 1 where nothing is said.
    -c, --count=NUMBER          So many rounds.
    -s, --select=GROUPS         Of p power and heat, u utilization, c clocks, v violations, m memory, e errors,
                                t PCIe throughput, in this order; puc where nothing is said.
    -o, --options=D|T|DT        With date, time or both.
        --format=csv[,noheader][,nounit]
                                As comma separated values.
    -f, --filename=FILE         Write there.
"
        }
        "pmon" => {
            "\
    pmon -- A line for each process on a GPU, again and again.

    -h, --help                  Show this.
    -i, --id=GPU,...            Only these.
    -d, --delay=SECONDS         Between two rounds; 1 where nothing is said.
    -c, --count=NUMBER          So many rounds.
    -s, --select=GROUPS         Of u utilization, m memory; u where nothing is said.
    -o, --options=D|T|DT        With date, time or both.
    -f, --filename=FILE         Write there.
"
        }
        _ => {
            "\
    mig -- GPU instances and the compute instances in them.

    -h,     --help                                    Show this.
    -i,     --id=GPU,...                              Only these GPUs.
    -gi,    --gpu-instance-id=ID,...                  Only these GPU instances.
    -ci,    --compute-instance-id=ID,...              Only these compute instances.
    -lgip,  --list-gpu-instance-profiles              What a GPU can be cut into.
    -lgipp, --list-gpu-instance-possible-placements   Where each may begin.
    -lgi,   --list-gpu-instances                      What it is cut into.
    -lcip,  --list-compute-instance-profiles          What GPU instances can be divided into.
    -lci,   --list-compute-instances                  What they are divided into.
    -cgi,   --create-gpu-instance=PROFILE[:START],... Cut; profiles by id or by name.
    -C,     --default-compute-instance                With -cgi: a compute instance over each.
    -cci,   --create-compute-instance[=PROFILE,...]   Divide; the whole where nothing is said.
    -dci,   --destroy-compute-instance
    -dgi,   --destroy-gpu-instance                    Undo; compute instances first.
"
        }
    }
}
