"""Calls every function of nvidia-ml-py, and prints as JSON what came of each call.

    sweep.py GPU              from this thread; of a GPU that is cut, also of its first MIG device; then all GPUs at
                              once, each from a thread of its own; then from a child of a fork
    sweep.py GPU --when-lost  takes handles, waits until the GPU is lost, and only then calls

The client is as PyPI has it. Beside its answers, what NVML itself returned to it is recorded, since some of
its wrappers drop that.
"""
import ctypes
import inspect
import itertools
import json
import math
import os
import re
import sys
import threading

import pynvml

# What NVML returned in this thread: [symbol, code] for each call.
returned = threading.local()


# An address that is no handle.
NOBODY = ctypes.c_void_p(0x10)


class Spied:
    """A function of the library that writes down what it returns."""

    def __init__(self, name, function):
        object.__setattr__(self, "spied", (name, function))

    def __setattr__(self, name, value):
        setattr(self.spied[1], name, value)

    def __call__(self, *arguments):
        name, function = self.spied
        code = function(*arguments)
        returned.codes.append([name, code if isinstance(code, int) else 0])
        return code


def spy():
    find = pynvml._nvmlGetFunctionPointer

    def found(name):
        try:
            return Spied(name, find(name))
        except pynvml.NVMLError as error:
            returned.codes.append([name, error.value])
            raise

    pynvml._nvmlGetFunctionPointer = found


class Anything(ctypes.c_char * 65536):
    """Zeros in the place of a structure that this GPU answers nothing in."""


# Which structure a call wants where its name does not say it.
STRUCTURES = {
    "nvmlDeviceDiscoverGpus": "nvmlPciInfo_t",
    "nvmlDeviceGetCapabilities": "c_nvmlDeviceCapabilities_v1_t",
    "nvmlDeviceGetClockOffsets": "c_nvmlClockOffset_t",
    "nvmlDeviceGetGpuFabricInfo": "c_nvmlGpuFabricInfo_t",
    "nvmlDeviceGetGpuFabricInfoV": "c_nvmlGpuFabricInfo_v3_t",
    "nvmlDeviceGetGpuFabricInfo_v4": "c_nvmlGpuFabricInfo_v4_t",
    "nvmlDeviceGetNvLinkInfo": "c_nvmlNvLinkInfo_v1_t",
    "nvmlDeviceGetNvlinkBwMode": "c_nvmlNvlinkGetBwMode_v1_t",
    "nvmlDeviceGetNvlinkSupportedBwModes": "c_nvmlNvlinkSupportedBwModes_v1_t",
    "nvmlDeviceGetPciInfoExt": "nvmlPciInfoExt_v1_t",
    "nvmlDeviceGetPlatformInfo": "c_nvmlPlatformInfo_v2_t",
    "nvmlDeviceGetRemappedRows_v2": "c_nvmlRemappedRowsInfo_v2_t",
    "nvmlDeviceGetSramEccErrorStatus": "c_nvmlEccSramErrorStatus_v1_t",
    "nvmlDeviceGetSramUniqueUncorrectedEccErrorCounts": "c_nvmlEccSramUniqueUncorrectedErrorCounts_v1_t",
    "nvmlDeviceModifyDrainState": "nvmlPciInfo_t",
    "nvmlDeviceQueryDrainState": "nvmlPciInfo_t",
    "nvmlDeviceRemoveGpu": "nvmlPciInfo_t",
    "nvmlDeviceSetClockOffsets": "c_nvmlClockOffset_t",
    "nvmlDeviceWorkloadPowerProfileClearRequestedProfiles": "c_nvmlWorkloadPowerProfileRequestedProfiles_v1_t",
    "nvmlDeviceWorkloadPowerProfileGetCurrentProfiles": "c_nvmlWorkloadPowerProfileCurrentProfiles_v1_t",
    "nvmlDeviceWorkloadPowerProfileGetProfilesInfo": "c_nvmlWorkloadPowerProfileProfilesInfo_v1_t",
    "nvmlDeviceWorkloadPowerProfileSetRequestedProfiles": "c_nvmlWorkloadPowerProfileRequestedProfiles_v1_t",
    "nvmlGpmMetricsGet": "c_nvmlGpmMetricsGet_t",
    "nvmlGetVgpuCompatibility": "c_nvmlVgpuMetadata_t",
    "nvmlGpuInstanceGetVgpuTypeCreatablePlacements": "c_nvmlVgpuCreatablePlacementInfo_v1_t",
    "nvmlSystemGetConfComputeSettings": "c_nvmlSystemConfComputeSettings_v1_t",
}

# Values for parameters, by their names; a list is gone through, and lists make every pair.
VALUES = {
    "apiType": [0, 1],
    "bufferSize": [64],
    "capability": [0, 1],
    "clockType": [0, 1, 2, 3],
    "color": [0],
    "computeInstanceId": [0],
    "counter": [0, 1],
    "counterType": [0, 1],
    "cpuNumber": [0],
    "cpuSetSize": [4],
    "enabled": [1],
    "encoderQueryType": [0, 1],
    "encoder_capacity": [100],
    "engProfile": [0],
    "errorType": [0, 1],
    "eventTypes": [8],
    "fan": [0],
    "fanControlPolicy": [0],
    "flags": [0],
    "freeze": [0],
    "gpuInstanceId": [1],
    "heterogeneous_mode": [0],
    "hostname": ["gpu"],
    "id": [0, 1, 2, 3],
    "infoRomObject": [0, 1, 2],
    "isRestricted": [0],
    "l1threshold": [1],
    "level": [0, 10, 20, 30, 40, 50],
    "link": [0, 17],
    "locationType": [0, 1, 2, 3, 7],
    "max_atk_adv": [1],
    "memoryClockMHz": [2619],
    "minGpuClockMHz": [345],
    "maxGpuClockMHz": [1980],
    "minMemClockMHz": [1593],
    "maxMemClockMHz": [2619],
    "maxGraphicsClockMHz": [1980],
    "mode": [0],
    "model": [0],
    "newState": [0],
    "nodeSetSize": [4],
    "nvmlErrorCode": [15],
    "offset": [0],
    "p2pIndex": [0, 1, 2, 3, 4],
    "perfPolicyType": [0, 1, 2, 3, 4, 5],
    "pid": [os.getpid()],
    "powerLimit": [700_000],
    "powerScope": [0],
    "profile": [0, 5, 9],
    "profileId": [0, 9, 19],
    "pstate": [0],
    "reset": [0],
    "result": [0, 15, 18, 999],
    "sampling_type": [0, 1, 2, 3, 4, 5, 6],
    "scope": [0, 1],
    "sensor": [0],
    "sensorindex": [0],
    "serial": ["0"],
    "sourceFilter": [0, 1],
    "speed": [50],
    "state": [0],
    "temp": [85],
    "threshold": [0, 1, 2, 3, 4, 5, 6, 7],
    "timeStamp": [0],
    "timeoutMs": [1],
    "timeoutms": [1],
    "type": [0, 1, 2, 3],
    "version": [1],
    "vgpuInstance": [1],
    "vgpuTypeId": [1],
    "virtualization_mode": [0],
    "index": [0],
}

# And where one name means different things.
VALUES_OF = {
    "nvmlDeviceGetFieldValues": {"fieldIds": [[number] for number in range(1, 276)]},
    "nvmlDeviceClearFieldValues": {"fieldIds": [[1]]},
    "nvmlDeviceGetHandleByUUIDV": {"type": [1]},
    "nvmlDeviceGetMemoryInfo": {"version": [None, pynvml.nvmlMemory_v2]},
    "nvmlDeviceGetNvLinkCapability": {"capability": [0, 1, 2, 3, 4, 5]},
    "nvmlDeviceGetNvLinkErrorCounter": {"counter": [0, 1, 2, 3]},
    "nvmlDeviceGetPcieThroughput": {"counter": [0, 1]},
    "nvmlDeviceGetRunningProcessDetailList": {"version": None, "mode": [0]},
    "nvmlDeviceGetTemperatureThreshold": {"threshold": [0, 1, 2, 3]},
    "nvmlDeviceSetPersistenceMode": {"mode": [1]},
    "nvmlDeviceSetEccMode": {"mode": [1]},
    "nvmlDeviceSetPowerManagementLimit": {"limit": [700_000]},
    "nvmlDeviceSetTemperatureThreshold": {"threshold": [3]},
    "nvmlSystemEventSetCreate": {"version": [pynvml.nvmlSystemEventSetCreateRequest_v1]},
    "nvmlSystemEventSetFree": {"version": [pynvml.nvmlSystemEventSetFreeRequest_v1]},
    "nvmlSystemEventSetWait": {"version": [pynvml.nvmlSystemEventSetWaitRequest_v1]},
    "nvmlSystemRegisterEvents": {"version": [pynvml.nvmlSystemRegisterEventRequest_v1]},
    "nvmlUnitGetTemperature": {"type": [0]},
}


# They end what the others need, or are the client's own and reach no library.
LAST = ["nvmlEventSetFree", "nvmlDeviceRemoveGpu", "nvmlDeviceDiscoverGpus"]
NOT_NVML = {"nvmlFriendlyObjectToStruct", "nvmlStructToFriendlyObject", "nvmlExceptionClass"}
# They are called in the beginning and at the end.
FRAME = {"nvmlInit", "nvmlInitWithFlags", "nvmlShutdown"}


def plain(value):
    """A value as JSON has it."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape").split("\0")[0]
    if isinstance(value, float) and not math.isfinite(value):
        # The bytes of a whole number, read as the union's other member.
        return None
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (ctypes.Structure, ctypes.Union)):
        return {field[0]: plain(getattr(value, field[0])) for field in value._fields_}
    if isinstance(value, pynvml.nvmlFriendlyObject):
        return plain(vars(value))
    if isinstance(value, (ctypes.Array, list, tuple)):
        return [plain(item) for item in value[:64]]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, ctypes._SimpleCData):
        return value.value
    return "a handle" if value else None


class Sweep:
    """All calls on one GPU."""

    def __init__(self, gpu, handles):
        self.gpu, self.handles = gpu, handles
        self.device = handles[gpu]
        self.uuid = pynvml.nvmlDeviceGetUUID(self.device)
        self.serial = pynvml.nvmlDeviceGetSerial(self.device)
        self.pci = pynvml.nvmlDeviceGetPciInfo(self.device)
        self.set = pynvml.nvmlEventSetCreate()
        self.instance = self.compute = self.slice = NOBODY
        if self.is_cut():
            # The first instance of 3g.40gb, what computes in it, and the device that both make.
            self.instance = self.first(pynvml.nvmlDeviceGetGpuInstances, self.device, 9)
            self.compute = self.first(pynvml.nvmlGpuInstanceGetComputeInstances, self.instance, 2)
            self.slice = pynvml.nvmlDeviceGetMigDeviceHandleByIndex(self.device, 0)

    def is_cut(self):
        try:
            return pynvml.nvmlDeviceGetMigMode(self.device)[0] == 1
        except pynvml.NVMLError:
            return False

    @staticmethod
    def first(function, of, profile):
        found, count = (ctypes.c_void_p * 8)(), ctypes.c_uint(8)
        function(of, profile, found, ctypes.byref(count))
        return ctypes.c_void_p(found[0])

    def handle(self, name, function):
        """A handle or the text of one, for a parameter of this name; None where it is something else."""
        if name in ("handle", "device", "device1", "handle1", "migDevice"):
            # One wrapper of a GPU instance calls it so.
            if function == "nvmlDeviceGetDeviceHandleFromMigDeviceHandle":
                return self.slice if self.slice is not NOBODY else self.device
            return self.instance if function.startswith("nvmlGpuInstance") else self.device
        if name in ("device2", "handle2"):
            return self.handles[(self.gpu + 1) % len(self.handles)]
        return {
            "computeInstance": self.compute,
            "gpuInstance": self.instance,
            "eventData": (pynvml.c_nvmlSystemEventData_v1_t * 1)(),
            "eventDataSize": 1,
            "setHandle": ctypes.cast(NOBODY, pynvml.c_nvmlSystemEventSet_t),
            "unit": NOBODY,
            "eventSet": self.set,
            "gpmSample": NOBODY,
            "pciBusId": self.pci.busId,
            "serial": self.serial,
            "uuid": self.uuid,
            "countRef": ctypes.pointer(ctypes.c_uint(0)),
            "c_nonce": bytes(32),
        }.get(name)

    def structure(self, name, function):
        known = STRUCTURES.get(function)
        if known is None:
            made = Anything()
        else:
            made = getattr(pynvml, known)()
            if getattr(made, "version", None) == 0:
                number = re.search(r"_v(\d+)_t$", known)
                made.version = ctypes.sizeof(made) | int(number[1] if number else 1) << 24
            if isinstance(made, pynvml.nvmlPciInfo_t):
                made = self.pci
        by_the_wrapper = re.search(rf"(byref|pointer)\({name}\)", inspect.getsource(getattr(pynvml, function)))
        return made, made if by_the_wrapper else ctypes.byref(made)

    def calls(self, function):
        """Arguments for every call of a function, and structures that one of them fills."""
        choices = []
        for name, parameter in inspect.signature(getattr(pynvml, function)).parameters.items():
            own = VALUES_OF.get(function, {})
            if name == "index" and function == "nvmlDeviceGetHandleByIndex":
                choices.append([(self.gpu, None)])
            elif name in own and own[name] is not None:
                choices.append([(value, None) for value in own[name]])
            elif (found := self.handle(name, function)) is not None:
                choices.append([(found, None)])
            elif parameter.default is not parameter.empty:
                break
            elif name in own:
                choices.append([(ctypes.sizeof(pynvml.c_nvmlProcessDetailList_t) | 1 << 24, None)])
            elif name in VALUES and function not in STRUCTURES:
                choices.append([(value, None) for value in VALUES[name]])
            elif name in VALUES and name in ("newState", "mode"):
                choices.append([(value, None) for value in VALUES[name]])
            else:
                made, passed = self.structure(name, function)
                choices.append([(passed, made)])
        return itertools.product(*choices)

    def call(self, function, arguments):
        returned.codes = []
        for value, _ in arguments:
            if isinstance(value, ctypes.POINTER(ctypes.c_uint)):
                # Room for as many as any list of NVML's has; a call before may have left another number.
                value.contents.value = 64
        filled = [made for _, made in arguments if made is not None and not isinstance(made, Anything)]
        told = {"arguments": [value for value, _ in arguments if isinstance(value, (int, list, str))]}
        try:
            value = getattr(pynvml, function)(*(value for value, _ in arguments))
            told["value"] = plain(filled[0] if filled and value in (None, 0) else value)
        except pynvml.NVMLError as error:
            told["error"] = error.value
        except Exception as error:  # The client's own mistakes are told, and are not the library's.
            told["client"] = f"{type(error).__name__}: {error}"
        told["codes"] = returned.codes
        return told

    def all(self, only=lambda name: True):
        names = [
            name
            for name, it in vars(pynvml).items()
            if name.startswith("nvml") and inspect.isfunction(it) and name not in NOT_NVML | FRAME and only(name)
        ]
        # What reads comes before what writes, and what takes the GPU away comes last.
        writes = re.compile("Set[A-Z](?!tate)|Reset|Clear|Create|Destroy|Freeze|Modify|Activate|Update|Remove")
        names.sort(key=lambda name: (LAST.index(name) + 1 if name in LAST else 0, bool(writes.search(name)), name))
        return {name: [self.call(name, list(arguments)) for arguments in self.calls(name)] for name in names}


def reads(name):
    return name.startswith(("nvmlDeviceGet", "nvmlSystemGet")) and name != "nvmlSystemGetCPER_v1"


def codes(calls):
    """What NVML returned last in each call, without the answers."""
    return {name: [call["codes"][-1] for call in of_name if call["codes"]] for name, of_name in calls.items()}


def in_threads(handles):
    """Every GPU from a thread of its own, all at once."""
    found = [None] * len(handles)
    ready = threading.Barrier(len(handles))

    def one(gpu):
        returned.codes = []
        sweep = Sweep(gpu, handles)
        ready.wait()
        found[gpu] = codes(sweep.all(reads))

    threads = [threading.Thread(target=one, args=(gpu,)) for gpu in range(len(handles))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def in_child(sweep):
    """From a child of a fork, with what its parent has initialised."""
    from_child, to_parent = os.pipe()
    if os.fork() == 0:
        os.close(from_child)
        with os.fdopen(to_parent, "w") as pipe:
            json.dump(codes(sweep.all(reads)), pipe)
        os._exit(0)
    os.close(to_parent)
    with os.fdopen(from_child) as pipe:
        text = pipe.read()
    _, status = os.wait()
    return json.loads(text) if status == 0 else {"status": status}


def main():
    gpu = int(sys.argv[1])
    returned.codes = []
    spy()
    told = {"init": 0, "handles": []}
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        told["init"] = error.value
        nothing = object.__new__(Sweep)
        nothing.gpu, nothing.handles, nothing.set = gpu, [NOBODY], NOBODY
        nothing.device = nothing.instance = nothing.compute = nothing.slice = NOBODY
        nothing.uuid, nothing.serial, nothing.pci = "GPU-0", "0", pynvml.nvmlPciInfo_t(busId=b"00000000:53:00.0")
        told["alone"] = nothing.all()
        print(json.dumps(told))
        return
    handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
    sweep = Sweep(gpu, handles)
    if "--when-lost" in sys.argv:
        pynvml.nvmlDeviceRegisterEvents(handles[gpu], pynvml.nvmlEventTypeXidCriticalError, sweep.set)
        print("waiting", file=sys.stderr, flush=True)
        event = pynvml.nvmlEventSetWait_v2(sweep.set, 120_000)
        told["event"] = {"xid": event.eventData, "type": event.eventType}
    elif sweep.is_cut():
        # Before the instances are taken away.
        sliced = Sweep(gpu, handles)
        sliced.device = sliced.slice
        told["slice"] = sliced.all(reads)
    told["alone"] = sweep.all()
    if "--when-lost" not in sys.argv:
        told["threads"] = in_threads(handles)
        told["child"] = in_child(sweep)
    for index in range(pynvml.nvmlDeviceGetCount()):
        try:
            pynvml.nvmlDeviceGetHandleByIndex(index)
            told["handles"].append(0)
        except pynvml.NVMLError as error:
            told["handles"].append(error.value)
    pynvml.nvmlShutdown()
    print(json.dumps(told))


main()
